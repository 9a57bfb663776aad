#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Copyright (C) 2026 The kgent authors

// An agent for kgentd: world.letters, which counts and spells.
//
//   usage: letters.js [PORT]
//
// It listens on 127.0.0.1 and stands on Node.js alone.  With AGENT_TOKEN in the
// environment it answers those only who know it.  See README.md for the configuration
// of kgentd.
"use strict";

const crypto = require("node:crypto");
const http = require("node:http");

const BODY_MAX = 1 << 20;
const TOKEN = process.env.AGENT_TOKEN || "";

// The call cannot be done; its caller is told why.
class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

function textOf(call) {
  const text = call.kwargs.text;
  if (typeof text !== "string") throw new Refused(422, "text must be a string");
  return Array.from(text);
}

// Functions answer {result, tokens_used}; generators yield pieces, and return the end.
const aspects = {
  count(call) {
    const letters = textOf(call);
    const result = { letters: letters.length, different: new Set(letters).size };
    return { result, tokens_used: letters.length };
  },

  *spell(call) {
    const letters = textOf(call);
    for (let i = 0; i < letters.length; i++) yield (i ? "-" : "") + letters[i];
    return { tokens_used: letters.length };
  },
};

// An event; text of several lines takes as many fields.
function event(data, name) {
  const lines = data.split("\n").map((line) => `data: ${line}\n`).join("");
  return (name ? `event: ${name}\n` : "") + lines + "\n";
}

function answer(response, status, type, value) {
  const text = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { "Content-Type": type, "Content-Length": text.length });
  response.end(text);
}

// Sends what a generator yields, no faster than it is read.
async function stream(response, pieces) {
  let step = pieces.next(); // what is refused is refused before the stream begins
  response.writeHead(200, { "Content-Type": "text/event-stream", Connection: "close" });
  for (; !step.done; step = pieces.next())
    if (!response.write(event(step.value)))
      await new Promise((resume) => response.once("drain", resume).once("close", resume));
  response.end(event(JSON.stringify(step.value), "done"));
}

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BODY_MAX) throw new Refused(400, "the call is too big");
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function isAllowed(request) {
  const digest = (text) => crypto.createHash("sha256").update(text).digest();
  const given = digest(request.headers.authorization || "");
  return !TOKEN || crypto.timingSafeEqual(given, digest("Bearer " + TOKEN));
}

// What kgentd asks for, or Refused.
function callOf(body) {
  let call;
  try {
    call = JSON.parse(body);
  } catch {
    call = null;
  }
  if (!call || typeof call.kwargs !== "object" || !call.kwargs)
    throw new Refused(400, 'a call is {"path", "observer", "kwargs"}');
  return call;
}

async function serve(request, response) {
  const body = await bodyOf(request);
  const name = request.url.slice(1);
  if (!isAllowed(request)) throw new Refused(401, "who are you?");
  if (request.method !== "POST" || !Object.hasOwn(aspects, name))
    throw new Refused(404, "no such aspect: try " + Object.keys(aspects).join(", "));
  const result = aspects[name](callOf(body));
  if (typeof result.next === "function") await stream(response, result);
  else answer(response, 200, "application/json", result);
  console.error(`${request.headers["x-request-id"] || "-"} ${name}`);
}

const server = http.createServer((request, response) => {
  serve(request, response).catch((error) => {
    const status = error instanceof Refused ? error.status : 500;
    const detail = status === 500 ? "internal error" : error.message;
    if (status === 500) console.error(error);
    if (response.headersSent) response.destroy();
    else answer(response, status, "application/problem+json", { status, detail });
  });
});

server.listen(Number(process.argv[2] || 9001), "127.0.0.1", () => {
  console.log(`letters: http://127.0.0.1:${server.address().port}`);
});
