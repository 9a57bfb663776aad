/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* invoke --stream: pieces of the answer are shown as they come; with --json each event is
 * a line. */

#include "ctl/agentese.h"
#include "ctl/events.h"
#include "ctl/result.h"

#include <stdio.h>
#include <string.h>

struct stream {
  const struct args *args;
  struct request *request;
  struct events *events;
  int pieces;   /* pieces that were shown */
  int steps;    /* of a composition, that are done */
  char last;    /* the last byte of them */
  int complete; /* the event that ends a good stream has come */
  int r;        /* the exit code so far */
  char receipt[512];
};

/* ---- Events ------------------------------------------------------------------------- */

static void
event_show_json (const char *name, json_object *data)
{
  json_object *o = json_object_new_object ();
  json_object_object_add (o, "event", json_object_new_string (name));
  json_object_object_add (o, "data", json_object_get (data));
  show_json_line (o);
  json_object_put (o);
}

static void
piece_show (struct stream *s, json_object *data)
{
  const char *text = text_of (data, "text");
  size_t len = strlen (text);
  if (!len)
    return;
  result_text (text, len);
  fflush (stdout);
  s->pieces++;
  s->last = text[len - 1];
}

/* A line end where the pieces have none, so that what follows begins a line. */
static void
pieces_end (struct stream *s)
{
  if (s->pieces && s->last != '\n')
    putchar ('\n');
  fflush (stdout);
  s->last = '\n';
}

/* A result that came in pieces is shown already. */
static void
complete_show (struct stream *s, json_object *data)
{
  pieces_end (s);
  if (!s->pieces)
    result_show (member_of (data, member_of (data, "result") ? "result" : "text"));
  answer_note (data);
}

/* Of a composition, what is done by now. */
static void
step_note (struct stream *s, json_object *data)
{
  pieces_end (s);
  note ("step %d: %s, %s ms", ++s->steps, text_of (data, "path"), text_of (data, "duration_ms"));
}

static int
failed (struct stream *s, json_object *data)
{
  long status = (long)number_of (data, "status", 0);
  const char *text = *text_of (data, "detail") ? text_of (data, "detail") : text_of (data, "error");
  pieces_end (s);
  if (status)
    return client_refused_as (s->request->subject, status, text);
  complain ("%s: the stream broke off: %s", s->request->subject, *text ? text : "no reason told");
  return EXIT_FAILED;
}

static void
event_take (struct stream *s, const char *name, json_object *data)
{
  if (s->args->json)
    event_show_json (name, data);
  if (!strcmp (name, "error"))
    s->r = failed (s, data);
  else if (!strcmp (name, "complete")) {
    s->complete = 1;
    snprintf (s->receipt, sizeof s->receipt, "%s", text_of (data, "receipt"));
    if (!s->args->json)
      complete_show (s, data);
  } else if (!strcmp (name, "chunk") && !s->args->json)
    piece_show (s, data);
  else if (!strcmp (name, "step") && !s->args->json)
    step_note (s, data);
}

/* Behind the first failure, nothing counts. */
static int
event_come (const char *name, const char *text, void *arg)
{
  struct stream *s = arg;
  json_object *data = json_tokener_parse (text);
  if (!s->r && !s->complete && data)
    event_take (s, name, data);
  else if (!s->r && !s->complete) {
    pieces_end (s);
    complain ("%s: an event '%s' of the stream isn't JSON", s->request->subject, name);
    s->r = EXIT_FAILED;
  }
  json_object_put (data);
  return s->r;
}

static int
bytes_come (const char *data, size_t len, void *arg)
{
  struct stream *s = arg;
  int r = events_add (s->events, data, len);
  if (r < 0) {
    complain ("%s: an event of the stream is too long", s->request->subject);
    s->r = EXIT_FAILED;
  }
  return r;
}

/* ---- The request ---------------------------------------------------------------------- */

/* A host, or a node, may answer at once instead. */
static int
whole_show (struct stream *s, const struct told *told)
{
  if (s->args->json)
    show_json_line (told->json);
  else {
    result_show (member_of (told->json, "result"));
    answer_note (told->json);
  }
  return receipt_keep (s->args, told->receipt);
}

static int
end (struct stream *s, const struct told *told)
{
  if (s->r)
    return s->r;
  if (!told->streamed)
    return whole_show (s, told);
  if (s->complete)
    return receipt_keep (s->args, *s->receipt ? s->receipt : told->receipt);
  pieces_end (s);
  complain ("%s: the stream ended before the answer was complete", s->request->subject);
  return EXIT_FAILED;
}

int
stream_run (const struct args *a, struct request *request)
{
  struct stream s = { .args = a, .request = request };
  struct told told;
  int r;
  s.events = events_create (event_come, &s);
  request->ask.piece = bytes_come;
  request->ask.arg = &s;
  r = client_call (a, &request->ask, &told);
  if (r && s.pieces)
    pieces_end (&s);
  r = r ? r : end (&s, &told);
  told_finish (&told);
  events_finish (s.events);
  return r;
}
