/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/util/uuid.h"

#include <errno.h>

#define CANONICAL "aabbccdd-0011-2233-4455-66778899aaff"

START_TEST (forms)
{
  static const char *const good[] = { CANONICAL,
                                      "AABBCCDD-0011-2233-4455-66778899AAFF",
                                      "{aabbccdd-0011-2233-4455-66778899aaff}",
                                      "aabbccdd00112233445566778899aaff",
                                      "{AABBCCDD00112233445566778899aaff}",
                                      "urn:uuid:" CANONICAL,
                                      "URN:UUID:" CANONICAL };
  char out[UUID_LEN + 1];
  size_t i;
  for (i = 0; i < sizeof good / sizeof *good; i++) {
    memset (out, 0, sizeof out);
    ck_assert_int_eq (uuid_canonical (good[i], strlen (good[i]), out), 0);
    ck_assert_str_eq (out, CANONICAL);
  }
}
END_TEST

START_TEST (refused)
{
  static const char *const bad[] = { "",
                                     "x",
                                     "{}",
                                     "urn:uuid:",
                                     "{" CANONICAL,
                                     CANONICAL "}",
                                     CANONICAL "0",
                                     "gabbccdd-0011-2233-4455-66778899aaff",
                                     "aabbccdd-0011-2233-4455-66778899aaf",
                                     "aabbccdd0-011-2233-4455-66778899aaff",
                                     "aabbccdd-0011-2233-44556-6778899aaff",
                                     "aabbccdd 0011 2233 4455 66778899aaff" };
  char out[UUID_LEN + 1] = "untouched";
  size_t i;
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_int_eq (uuid_canonical (bad[i], strlen (bad[i]), out), -EINVAL);
    ck_assert_str_eq (out, "untouched");
  }
}
END_TEST

START_TEST (made)
{
  char a[UUID_LEN + 1], b[UUID_LEN + 1], c[UUID_LEN + 1];
  ck_assert_int_eq (uuid_v4 (a), 0);
  ck_assert_int_eq (uuid_v4 (b), 0);
  ck_assert_str_ne (a, b);
  ck_assert_int_eq (uuid_canonical (a, UUID_LEN, c), 0);
  ck_assert_str_eq (a, c);
  ck_assert_int_eq (a[14], '4');
  ck_assert_ptr_ne (strchr ("89ab", a[19]), NULL);
}
END_TEST

/* The example of RFC 9562, appendix A.6: 2022-02-22T19:22:22Z. */
START_TEST (sorted_by_time)
{
  char a[UUID_LEN + 1], b[UUID_LEN + 1];
  ck_assert_int_eq (uuid_v7 (1645557742000 * 1000000ll, a), 0);
  ck_assert_int_eq (strncmp (a, "017f22e2-79b0-7", 15), 0);
  ck_assert_ptr_ne (strchr ("89ab", a[19]), NULL);
  ck_assert_int_eq (uuid_v7 (1645557742001 * 1000000ll, b), 0);
  ck_assert_int_lt (strcmp (a, b), 0);
}
END_TEST

UNIT_MAIN ("uuid", forms, refused, made, sorted_by_time)
