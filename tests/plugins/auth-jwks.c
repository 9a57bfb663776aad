/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The keys that tokens are verified with: where they come from. */

#include "tests/plugins/auth-jwt.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

/* ---- Keys that come and go ----------------------------------------------- */

static char *
named (EVP_PKEY *key, const char *kid)
{
  return issuer_jwk (key, issuer_print (",\"kid\":\"%s\"", kid));
}

static int
health (void)
{
  return fake_health (fake, "auth_jwt");
}

START_TEST (nothing_is_known_before_the_first_fetch)
{
  teardown ();
  open_with (HEADERS ("jwt.issuer=" ISSUER, "jwt.audience=kgent", "jwt.jwks_url=" URL));
  ck_assert_int_eq (health (), KG_HEALTH_STARTING);
  ck_assert_int_eq (fake_status (ask (ed_token (CLAIMS))), 503);
  tick (0);
  provide (500, "", 0);
  ck_assert_int_eq (fake_status (ask (ed_token (CLAIMS))), 503);
  ck_assert_int_eq (health (), KG_HEALTH_DEGRADED);
  ck_assert_str_eq (fake_health_detail (fake, "auth_jwt"), "there are no keys yet: scripted");
  tick (10);
  ck_assert_int_eq (fake_http_count (fake), 2);
  provide (200, all_keys (), 10);
  good (ed_token (CLAIMS));
  ck_assert_int_eq (health (), KG_HEALTH_OK);
}
END_TEST

static void
restart (const char *url)
{
  fake_stop (fake);
  fake_http_deliver (fake);
  fake_store_commit (fake);
  fake_close (fake);
  ck_assert_int_eq (fake_open (fake, &probe,
                               HEADERS ("jwt.issuer=" ISSUER, "jwt.audience=kgent", url)),
                    0);
  ck_assert_int_eq (fake_start (fake), 0);
}

START_TEST (keys_are_kept_over_a_restart)
{
  int n = fake_http_count (fake);
  restart ("jwt.jwks_url=" URL);
  good (ed_token (CLAIMS));
  tick (0); /* and looked for all the same */
  ck_assert_int_eq (fake_http_count (fake), n + 1);
  provide (500, "", 0);
  good (ed_token (CLAIMS));
  ck_assert_str_eq (fake_health_detail (fake, "auth_jwt"),
                    "the keys from before are kept: scripted");
  restart ("jwt.jwks_url=" URL "2"); /* of another provider */
  ck_assert_int_eq (fake_status (ask (ed_token (CLAIMS))), 503);
  restart ("jwt.jwks_url=" URL);
  good (ed_token (CLAIMS));
  fake_advance (fake, JWKS_KEEP_MS + 1);
  restart ("jwt.jwks_url=" URL);
  ck_assert_int_eq (fake_status (ask (ed_token (CLAIMS))), 503);
}
END_TEST

START_TEST (the_request_for_keys)
{
  const struct fake_call *call = fake_http_call (fake, 0);
  ck_assert_str_eq (call->method, "GET");
  ck_assert_str_eq (call->url, URL);
  ck_assert_str_eq (fake_http_header (call, "Accept"),
                    "application/jwk-set+json, application/json");
  ck_assert_uint_eq (call->total_ms, 10000);
  ck_assert_int_eq (health (), KG_HEALTH_OK);
  ck_assert (fake_metric (fake, "kgent_auth_jwks_fetches_total", "fetched") == 1);
}
END_TEST

START_TEST (keys_are_rotated)
{
  char *old = ed_token (CLAIMS), *new;
  new = issuer_token (other_ed, "{\"alg\":\"EdDSA\",\"kid\":\"n\"}", CLAIMS);
  good (old);
  tick (60);
  bad (new, "key");
  tick (61); /* a token named an unknown key */
  ck_assert_int_eq (fake_http_count (fake), 2);
  provide (200, keys_of (named (ed, "d"), named (other_ed, "n"), NULL), 61);
  good (new);
  good (old);
  tick (361);
  ck_assert_int_eq (fake_http_count (fake), 3);
  provide (200, keys_of (named (other_ed, "n"), NULL, NULL), 361);
  bad (old, "key"); /* though this thread has seen it */
  good (new);
  tick (1000); /* what was replaced is freed */
  provide (200, keys_of (named (other_ed, "n"), NULL, NULL), 1000);
  ck_assert (fake_metric (fake, "kgent_auth_jwks_fetches_total", "fetched") == 3);
  ck_assert (fake_metric (fake, "kgent_auth_jwks_fetches_total", "unchanged") == 1);
  ck_assert (fake_metric (fake, "kgent_auth_jwks_keys", NULL) == 1);
}
END_TEST

/* Another key under the old name: what was seen before does not count. */
START_TEST (a_name_gets_another_key)
{
  char *old = ed_token (CLAIMS);
  good (old);
  tick (300);
  provide (200, keys_of (named (other_ed, "d"), NULL, NULL), 300);
  bad (old, "signature");
  good (issuer_token (other_ed, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}", CLAIMS));
}
END_TEST

START_TEST (unknown_names_fetch_at_most_every_ten_seconds)
{
  char *unknown = issuer_token (other_ed, "{\"alg\":\"EdDSA\",\"kid\":\"n\"}", CLAIMS);
  int i;
  for (i = 1; i <= 100; i++) {
    bad (unknown, "key");
    tick (i);
    if (fake_http_count (fake) > 1 && i % 10 == 0)
      provide (200, all_keys (), i);
  }
  ck_assert_int_eq (fake_http_count (fake), 11);
  bad (issuer_token (other_ed, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}", CLAIMS), "signature");
  bad (issuer_token (other_ed, "{\"alg\":\"none\"}", CLAIMS), "algorithm");
  tick (109);
  ck_assert_int_eq (fake_http_count (fake), 11);
}
END_TEST

/* A slow provider has one request at a time. */
START_TEST (one_fetch_at_a_time)
{
  tick (300);
  tick (400);
  bad (issuer_token (other_ed, "{\"alg\":\"EdDSA\",\"kid\":\"n\"}", CLAIMS), "key");
  tick (500);
  ck_assert_int_eq (fake_http_count (fake), 2);
  good (ed_token (CLAIMS));
}
END_TEST

static const struct {
  int status;
  const char *body, *reason;
} failures[] = {
  { 500, "", "scripted" },
  { 404, "{\"keys\":[]}", "scripted" },
  { 304, "", "scripted" },
  { 204, "", "scripted" },
  { -ETIMEDOUT, NULL, "scripted" },
  { -ECONNREFUSED, NULL, "scripted" },
  { -EMSGSIZE, NULL, "scripted" },
  { 200, "", URL ": it is no set of keys (RFC 7517)" },
  { 200, "<html>", URL ": it is no set of keys (RFC 7517)" },
  { 200, "{\"keys\":[]}", URL ": it has no key for RS256, ES256 or EdDSA that can be used" },
};

START_TEST (old_keys_stay_when_a_fetch_fails)
{
  fake_log_clear (fake);
  tick (300);
  provide (failures[_i].status, failures[_i].body, 300);
  good (ed_token (CLAIMS));
  ck_assert_int_eq (health (), KG_HEALTH_DEGRADED);
  ck_assert_str_eq (fake_health_detail (fake, "auth_jwt"),
                    issuer_print ("the keys from before are kept: %s", failures[_i].reason));
  tick (309);
  ck_assert_int_eq (fake_http_count (fake), 2);
  tick (310); /* again after 10 s, then 20, 40 ... */
  ck_assert_int_eq (fake_http_count (fake), 3);
  provide (failures[_i].status, failures[_i].body, 310);
  tick (329);
  ck_assert_int_eq (fake_http_count (fake), 3);
  tick (330);
  ck_assert_int_eq (fake_http_count (fake), 4);
  provide (200, all_keys (), 330);
  ck_assert_int_eq (health (), KG_HEALTH_OK);
  good (ed_token (CLAIMS));
  ck_assert_str_eq (fake_logged (fake),
                    issuer_print ("warn probe: cannot get the keys for tokens: %s\n"
                                  "info probe: the keys for tokens can be had again\n",
                                  failures[_i].reason));
  ck_assert (fake_metric (fake, "kgent_auth_jwks_fetches_total", "failed") == 2);
}
END_TEST

START_TEST (waits_are_bounded)
{
  int n = 2, at = 300;
  tick (at);
  for (int i = 0; i < 12; i++, n++) {
    int wait = i < 5 ? 10 << i : 300;
    ck_assert_int_eq (fake_http_count (fake), n);
    provide (503, "", at);
    tick (at + wait - 1);
    ck_assert_int_eq (fake_http_count (fake), n);
    tick (at += wait);
  }
  fake_http_reply (fake, 429, NULL, "", 1000000); /* Retry-After */
  fake_http_deliver (fake);
  tick (at);
  tick (at + 999);
  ck_assert_int_eq (fake_http_count (fake), n);
  tick (at + 1000);
  ck_assert_int_eq (fake_http_count (fake), n + 1);
}
END_TEST

static const struct {
  int64_t max_age_s, wait_s;
} ages[] = { { -1, 300 }, { 0, 60 }, { 59, 60 }, { 600, 600 }, { 86400, 3600 } };

START_TEST (a_provider_says_how_long_keys_hold)
{
  tick (300);
  fake_http_reply (fake, 200, NULL, all_keys (), -1);
  fake_http_max_age (fake, ages[_i].max_age_s);
  fake_http_deliver (fake);
  tick (300);
  tick (300 + ages[_i].wait_s - 1);
  ck_assert_int_eq (fake_http_count (fake), 2);
  tick (300 + ages[_i].wait_s);
  ck_assert_int_eq (fake_http_count (fake), 3);
}
END_TEST

/* The reply comes when everything is over. */
START_TEST (a_fetch_under_way_at_the_end)
{
  tick (300);
  fake_http_reply (fake, 200, NULL, all_keys (), -1);
  fake_stop (fake);
  ck_assert_int_eq (fake_http_call (fake, 1)->cancelled, 1);
}
END_TEST

START_TEST (the_timer_is_there)
{
  teardown ();
  open_with (HEADERS ("jwt.issuer=" ISSUER, "jwt.audience=kgent", "jwt.jwks_url=" URL));
  fake_advance (fake, 1);
  fake_run_jobs (fake);
  ck_assert_int_eq (fake_http_count (fake), 1);
  fake_http_reply (fake, 200, NULL, all_keys (), -1);
  fake_http_deliver (fake);
  fake_run_jobs (fake); /* kicked by the reply */
  good (ed_token (CLAIMS));
}
END_TEST

/* ---- A file -------------------------------------------------------------- */

static char path[64];

static void
file_write (const char *text)
{
  FILE *f = fopen (path, "w");
  ck_assert_ptr_nonnull (f);
  ck_assert_int_ge (fputs (text, f), 0);
  ck_assert_int_eq (fclose (f), 0);
}

static int
file_open (void)
{
  fake = fake_new ();
  fake_services (fake);
  now_s = NOW;
  ck_assert_int_eq (fake_open (fake, &probe,
                               HEADERS ("jwt.issuer=" ISSUER, "jwt.audience=kgent",
                                        issuer_print ("jwt.jwks_file=%s", path))),
                    0);
  return fake_start (fake);
}

START_TEST (keys_from_a_file)
{
  char *new = issuer_token (other_ed, "{\"alg\":\"EdDSA\",\"kid\":\"n\"}", CLAIMS);
  struct timespec t;
  int64_t now;
  teardown ();
  snprintf (path, sizeof path, "/tmp/kgent-jwks-%d", (int) getpid ());
  file_write (all_keys ());
  ck_assert_int_eq (file_open (), 0);
  clock_gettime (CLOCK_MONOTONIC, &t);
  now = t.tv_sec - START;
  good (ed_token (CLAIMS));
  bad (new, "key");
  file_write (keys_of (named (other_ed, "n"), NULL, NULL));
  tick (now + 11);
  good (new);
  file_write ("{\"keys\":");
  tick (now + 11 + 301);
  good (new);
  ck_assert_str_eq (fake_health_detail (fake, "auth_jwt"),
                    issuer_print ("the keys from before are kept: %s: it is no set of keys (RFC "
                                  "7517)", path));
  ck_assert_int_eq (unlink (path), 0);
  tick (now + 1000);
  good (new);
  ck_assert_str_eq (fake_health_detail (fake, "auth_jwt"),
                    issuer_print ("the keys from before are kept: %s: No such file or directory",
                                  path));
  ck_assert_int_eq (fake_http_count (fake), 0);
}
END_TEST

START_TEST (a_bad_file_is_an_error_at_the_start)
{
  teardown ();
  snprintf (path, sizeof path, "/tmp/kgent-jwks-%d", (int) getpid ());
  ck_assert_int_eq (file_open (), -ENOENT);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), issuer_print ("%s: No such file", path)));
  fake_free (fake);
  file_write ("{\"keys\":[]}");
  ck_assert_int_eq (file_open (), -ENOKEY);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "it has no key"));
  ck_assert_int_eq (unlink (path), 0);
}
END_TEST

/* ---- Threads ------------------------------------------------------------- */

static _Atomic int ended;

/* Verifies all the time, with whatever set is in force. */
static void *
reader (void *arg)
{
  const char *token = arg, *dot = strrchr (token, '.');
  uint8_t signature[64];
  uintptr_t n = 0;
  ck_assert_int_eq (jose_base64 (dot + 1, strlen (dot + 1), signature), 64);
  while (!atomic_load (&ended)) {
    const struct jwks *set = jwks_current (jwt_source (jwt));
    const struct jwks_key *key = jwks_find (set, NULL, JOSE_EDDSA, (kg_str){ "d", 1 });
    ck_assert_ptr_nonnull (key);
    ck_assert_int_eq (jose_verify (&key->key, token, (size_t) (dot - token), signature, 64), 1);
    n++;
  }
  return (void *) n;
}

START_TEST (keys_change_under_readers)
{
  pthread_t threads[4];
  char *token = ed_token (CLAIMS);
  void *n;
  int i;
  for (i = 0; i < 4; i++)
    ck_assert_int_eq (pthread_create (&threads[i], NULL, reader, token), 0);
  for (i = 0; i < 50; i++) {
    jwks_source_tick (jwt_source (jwt), (START + i) * SECOND);
    jwt_source (jwt)->due_ns = 0;
    fake_http_reply (fake, 200, NULL, keys_of (named (ed, "d"), named (i % 2 ? rsa : other_rsa, "r"), NULL),
                     -1);
    fake_http_deliver (fake);
  }
  atomic_store (&ended, 1);
  for (i = 0; i < 4; i++) {
    pthread_join (threads[i], &n);
    ck_assert_uint_gt ((uintptr_t) n, 0);
  }
}
END_TEST

/* ---- All ----------------------------------------------------------------- */

static Suite *
suite (void)
{
  Suite *s = suite_create ("jwks");
  TCase *hosted = tcase_create ("sources");
  tcase_add_checked_fixture (hosted, setup, teardown);
  tcase_add_test (hosted, nothing_is_known_before_the_first_fetch);
  tcase_add_test (hosted, keys_are_kept_over_a_restart);
  tcase_add_test (hosted, the_request_for_keys);
  tcase_add_test (hosted, keys_are_rotated);
  tcase_add_test (hosted, a_name_gets_another_key);
  tcase_add_test (hosted, unknown_names_fetch_at_most_every_ten_seconds);
  tcase_add_test (hosted, one_fetch_at_a_time);
  LOOP (hosted, old_keys_stay_when_a_fetch_fails, failures);
  tcase_add_test (hosted, waits_are_bounded);
  LOOP (hosted, a_provider_says_how_long_keys_hold, ages);
  tcase_add_test (hosted, a_fetch_under_way_at_the_end);
  tcase_add_test (hosted, the_timer_is_there);
  tcase_add_test (hosted, keys_from_a_file);
  tcase_add_test (hosted, a_bad_file_is_an_error_at_the_start);
  tcase_add_test (hosted, keys_change_under_readers);
  tcase_set_timeout (hosted, 60);
  suite_add_tcase (s, hosted);
  return s;
}

int
main (void)
{
  return issuer_run (suite ());
}
