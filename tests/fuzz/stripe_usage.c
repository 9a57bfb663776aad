/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Usage on its way to Stripe, from any records and whatever Stripe answers: turns may be cut
 * anywhere, no sum gets lost between ledger and parts, a part goes only when Stripe has it or
 * never will, and says the same each time. */
#include "tests/fuzz/usage-stub.h"

#include <stdio.h>

#define BODIES  64
#define LATE    INT64_C (1000000000000) /* all minutes are over */

/* ---- The ways ----------------------------------------------------------------------- */

/* The sum of all entries of a kind, modulo 2^64, of tenants that have a customer. */
static uint64_t
total (const char *kind)
{
  uint64_t sum = 0;
  size_t n = strlen (kind);
  for (uint32_t i = 0; i < used; i++) {
    const char *tenant = strchr (table[i].key + n, '/');
    if (table[i].revision && !strncmp (table[i].key, kind, n) && tenant && tenant[1] != 'x')
      sum += (uint64_t) strtoll (table[i].value, NULL, 10);
  }
  return sum;
}

static uint64_t
tally_all (struct usage *u, uint32_t at_a_time)
{
  int32_t full = 0;
  used = 0;
  position = 0;
  at_once = at_a_time;
  while (usage_tally (u, &full) > 0)
    ;
  must (position == records);
  return total ("open/");
}

static char *body[BODIES];
static uint32_t bodies;
static int again;

/* What is sent once more is the same. */
static int32_t
part_send (kg_self *self, const struct kg_http_request *r, kg_call **ret_call)
{
  char *text = strndup (r->body.ptr, r->body.len);
  uint32_t i = 0;
  while (i < bodies && strcmp (body[i], text))
    i++;
  must (!again || i < bodies);
  must (strstr (text, "&identifier=kgent-") && strstr (text, "&payload%5Bvalue%5D="));
  if (i == bodies && bodies < BODIES)
    body[bodies++] = text;
  else
    free (text);
  return stub_send (self, r, ret_call);
}

static void
send_all (struct usage *u)
{
  uint32_t before = table_count ("out/"), gone;
  for (again = 0; again < 3 && table_count ("out/") < BODIES; again++) {
    memset (outcomes, 0, sizeof outcomes);
    memset (u->held, 0, sizeof u->held);
    u->wait_until = 0;
    before = table_count ("out/");
    usage_send (u, LATE);
    gone = before - table_count ("out/");
    must (gone == outcomes[USAGE_SENT] + outcomes[USAGE_DUPLICATE] + outcomes[USAGE_PARKED]);
    if (before > USAGE_SENDS)
      break; /* others are sent the next time */
  }
  while (bodies)
    free (body[--bodies]);
}

/* ---- The input ---------------------------------------------------------------------- */

static void
records_take (struct input *in)
{
  for (records = 0; in->p < in->end && *in->p != '\n' && records < RECORDS; records++) {
    char *line = line_take (in);
    record[records] = (struct kg_record){ .size = sizeof record[0], .sequence = records + 1,
                                          .time_ns = INT64_C (1700000000000000000),
                                          .data = { line, strlen (line) } };
  }
}

static const struct kg_http http = { .size = sizeof http, .send = part_send };

/* Lines: records, an empty one, what Stripe answers. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const struct usage_meter meters[]
      = { { "calls", "request", "" }, { "tokens", "request", "tokens" }, { "deep", "job", "a.0.n" } };
  static struct usage u;
  struct billing_conf conf = { .usage = { meters, 3 } };
  struct billing b = stub_billing (&conf);
  struct input in = { (const char *) data, (const char *) data + size };
  uint64_t whole;
  stub_usage (&b, &u);
  b.http = &http;
  records_take (&in);
  whole = tally_all (&u, 500);
  must (tally_all (&u, 1) == whole);
  for (u.close_at = 0; table_count ("open/"); u.close_at = 0)
    must (usage_close_minutes (&u, LATE) == 1);
  must (total ("out/") == whole);
  in.p += in.p < in.end; /* the empty line */
  stub_answers = in;
  send_all (&u);
  while (records)
    free ((char *) (uintptr_t) record[--records].data.ptr);
  return 0;
}
