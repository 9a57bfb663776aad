/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/trace.h"

#include <inttypes.h>
#include <stdio.h>

/* What the generator says next, from the same state. */
static void
twice (struct trace_rng *rng, uint64_t ret[2])
{
  struct trace_rng copy = *rng;
  ret[0] = trace_random (&copy);
  ret[1] = trace_random (&copy);
}

START_TEST (uuids_are_the_random_bits)
{
  struct trace_rng rng;
  char out[37], want[37];
  uint64_t v[2];
  trace_seed (&rng);
  for (int i = 0; i < 1000; i++) {
    twice (&rng, v);
    trace_uuid (&rng, out);
    v[0] = (v[0] & ~0xf000ull) | 0x4000;
    v[1] = (v[1] & ~(0xc000ull << 48)) | 0x8000ull << 48;
    snprintf (want, sizeof want, "%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
              v[0] >> 32, v[0] >> 16 & 0xffff, v[0] & 0xffff, v[1] >> 48, v[1] & 0xffffffffffffu);
    ck_assert_str_eq (out, want);
  }
}
END_TEST

START_TEST (traces_and_spans_are_the_random_bits)
{
  struct trace_rng rng;
  char out[33], want[33];
  uint64_t v[2];
  trace_seed (&rng);
  for (int i = 0; i < 1000; i++) {
    twice (&rng, v);
    trace_new (&rng, out);
    snprintf (want, sizeof want, "%016" PRIx64 "%016" PRIx64, v[0] | 1, v[1]);
    ck_assert_str_eq (out, want);
    twice (&rng, v);
    trace_span (&rng, out);
    snprintf (want, sizeof want, "%016" PRIx64, v[0] | 1);
    ck_assert_str_eq (out, want);
  }
}
END_TEST

static int
parses (const char *text)
{
  char id[33], flags[3];
  return trace_parse ((kg_str){ text, strlen (text) }, id, flags);
}

#define ID   "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

START_TEST (parents)
{
  char id[33], flags[3];
  kg_str good = { "00-" ID "-" SPAN "-01", 55 };
  ck_assert_int_eq (trace_parse (good, id, flags), 1);
  ck_assert_str_eq (id, ID);
  ck_assert_str_eq (flags, "01");
  ck_assert_int_eq (parses ("01-" ID "-" SPAN "-01-more"), 1);
  ck_assert_int_eq (parses ("00-" ID "-" SPAN "-01-more"), 0);
  ck_assert_int_eq (parses ("ff-" ID "-" SPAN "-01"), 0);
  ck_assert_int_eq (parses ("00-" ID "-0000000000000000-01"), 0);
  ck_assert_int_eq (parses ("00-00000000000000000000000000000000-" SPAN "-01"), 0);
  ck_assert_int_eq (parses ("00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01"), 0);
  ck_assert_int_eq (parses ("00-" ID "-" SPAN), 0);
}
END_TEST

UNIT_MAIN ("trace", uuids_are_the_random_bits, traces_and_spans_are_the_random_bits, parents)
