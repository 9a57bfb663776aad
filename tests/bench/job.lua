-- SPDX-License-Identifier: Apache-2.0
-- Copyright (C) 2026 The kgent authors
--
-- The job of a metered invocation as a gateway's Lua does it, without the metering:
-- the key in a table, a counter per key and minute in shared memory, JSON by cjson.
local cjson = require "cjson"
local job = {}
local keys = {}
local per_minute = 1000000000

function job.open(file)
  for line in io.lines(file) do
    keys[line] = { tenant = "00000000-0000-0000-0000-000000000001" }
  end
end

local function refuse(status, title)
  ngx.status = status
  ngx.say(cjson.encode({ title = title, status = status }))
end

local function answer_make(path)
  return {
    path = path,
    result = {
      type = "developer",
      entity = path:match("^[^.]*%.([^.]*)") or path,
      language = "",
      dependencies = cjson.empty_array or {},
      structure = {},
      build_status = "unknown",
      test_coverage = 0,
      issues = cjson.empty_array or {},
    },
    tokens_used = 0,
    cached = false,
  }
end

function job.answer()
  local key = ngx.var.http_x_api_key
  local who = key and keys[key]
  if not who then
    return refuse(401, "Unauthorized")
  end
  local minute = math.floor(ngx.time() / 60)
  local used = ngx.shared.counters:incr(key .. minute, 1, 0, 60)
  if used > per_minute then
    return refuse(429, "Too Many Requests")
  end
  ngx.req.read_body()
  local ok, body = pcall(cjson.decode, ngx.req.get_body_data())
  if not ok or type(body) ~= "table" or type(body.path) ~= "string" then
    return refuse(400, "Bad Request")
  end
  local text = cjson.encode(answer_make(body.path))
  local header = ngx.header
  header["Content-Length"] = #text
  header["X-RateLimit-Limit"] = per_minute
  header["X-RateLimit-Remaining"] = per_minute - used
  header["X-RateLimit-Reset"] = (minute + 1) * 60
  ngx.print(text)
end

return job
