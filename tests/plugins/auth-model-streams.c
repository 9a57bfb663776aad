/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Streams that end with their key, and guesses. */

#include "tests/plugins/auth-model.h"

/* ---- Streams ------------------------------------------------------------- */

/* The number that the host looks at while it streams. */
static int32_t
ended (kg_req *req)
{
  return *fake_identified (req)->ended;
}

static kg_req *
stream_begin (void)
{
  kg_req *req = get ("/stream");
  expect (req, 200, NULL);
  ck_assert_int_eq (ended (req), 0);
  return req;
}

static void
stream_end (void)
{
  host->end (stream);
  fake_run (fake);
}

START_TEST (streams_end)
{
  kg_req *req;
  serve ();
  key_put ("");
  req = stream_begin ();
  key_put (",\"name\":\"changed\"");
  seconds (2);
  ck_assert_int_eq (ended (req), 0); /* changed, not revoked */
  key_put (",\"active\":false");
  seconds (1);
  ck_assert_int_ne (ended (req), 0);
  seconds (100);
  ck_assert_int_ne (ended (req), 0); /* the record waits for it */
  stream_end ();
  key_put ("");
  req = stream_begin ();
  fake_store_put (fake, "auth.keys", KEY_ID, NULL);
  ck_assert_int_ne (ended (req), 0);
  stream_end ();
  finish ();
}
END_TEST

START_TEST (streams_of_tenants_end)
{
  kg_req *req;
  serve ();
  key_put (",\"expires_at\":\"2100-01-01T00:00:00Z\"");
  req = stream_begin ();
  tenant_put ("PRO", "suspended");
  seconds (1);
  ck_assert_int_ne (ended (req), 0);
  tenant_put ("PRO", "active");
  stream_end ();
  req = stream_begin (); /* at once, whatever the last second was */
  user_put (TENANT, "member", "false");
  seconds (1);
  ck_assert_int_ne (ended (req), 0);
  user_put (TENANT, "member", "true");
  seconds (1);
  ck_assert_int_eq (ended (req), 0);
  stream_end ();
  finish ();
}
END_TEST

/* ---- Guesses ------------------------------------------------------------- */

START_TEST (guesses_at_a_prefix)
{
  static const char wrong[] = "kg_abcde_012345678901234567890123456789012345678901X";
  kg_req *req;
  serve ();
  key_put ("");
  for (int i = 0; i < 20; i++) {
    fake_client (fake, text_of ("198.51.100.%d", i));
    expect (get_with ("/any", wrong), 401, INVALID);
  }
  fake_client (fake, "203.0.113.1");
  req = get_with ("/any", wrong);
  expect (req, 429, WAIT);
  ck_assert_int_ge (atoi (fake_header (req, "Retry-After")), 50);
  expect (get ("/any"), 200, NULL); /* whoever has the right one */
  expect (get_with ("/any", "kg_other_012345678901234567890123456789012345678901X"), 401, INVALID);
  ck_assert_str_eq (fake_body (get_with ("/public", wrong)), "nobody");
  finish ();
}
END_TEST

/* Lines of the log that have a text. */
static int
lines_with (const char *text)
{
  int n = 0;
  for (const char *p = fake_logged (fake); (p = strstr (p, text)); p++)
    n++;
  return n;
}

START_TEST (log_by_sample)
{
  static const char wrong[] = "kg_abcde_secret";
  serve ();
  for (int i = 0; i < 25; i++)
    get_with (i % 2 ? "/any" : "/public", wrong);
  ck_assert_int_eq (lines_with ("192.0.2.1 has failed to authenticate: there is no such key, "
                                "kg_abcde; "),
                    1);
  ck_assert_int_eq (lines_with ("secret"), 0);
  get_with ("/any", "hunter2-is-a-password"); /* 429 by now; and from elsewhere: */
  fake_client (fake, "198.51.100.250");
  get_with ("/any", "hunter2-is-a-password");
  ck_assert_int_eq (lines_with ("198.51.100.250 has failed to authenticate: this is no API key; "),
                    1);
  ck_assert_int_eq (lines_with ("hunter2"), 0);
  for (int i = 0; i < 100; i++) {
    fake_client (fake, text_of ("198.51.100.%d", i));
    get_with ("/any", "kg_x");
  }
  ck_assert_int_eq (lines_with ("has failed to authenticate"), 30);
  finish ();
}
END_TEST

UNIT_MAIN ("auth-model-streams", streams_end, streams_of_tenants_end, guesses_at_a_prefix,
           log_by_sample)
