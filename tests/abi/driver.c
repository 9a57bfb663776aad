/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Drives the frozen plugin (its file is the first argument) with the fake host of
 * today; frozen.py drives it with the host itself. */
#include "tests/fake/fake-services.h"

#include <stdio.h>
#include <string.h>

static int number, failed;

static void
ok (const char *title, int good)
{
  printf ("%sok %d - %s\n", good ? "" : "not ", ++number, title);
  failed |= !good;
}

static int
answers (kg_req *req, int status, const char *body)
{
  return fake_status (req) == status && (!body || !strcmp (fake_body (req), body));
}

int
main (int argc, char **argv)
{
  static const char *const known[] = { "X-Frozen: who", NULL }, *const none[]
                                                                = { "X-Frozen: no", NULL };
  struct fake *fake = fake_new ();
  kg_req *req;
  fake_services (fake);
  ok ("open",
      argc == 2 && !fake_open_file (fake, argv[1], (const char *const[]){ "pieces=2", NULL }));
  ok ("start", !fake_start (fake));
  ok ("closed", answers (fake_request (fake, "GET", "/frozen/of/a", NULL, NULL), 401, NULL));
  ok ("scope", answers (fake_request (fake, "GET", "/frozen/of/a", none, NULL), 403, NULL));
  req = fake_request (fake, "GET", "/frozen/of/a?q=b", known, NULL);
  ok ("handler",
      answers (req, 200, "brr a b snow 1") && !strcmp (fake_header (req, "X-Limit"), "known"));
  ok ("json",
      answers (fake_request (fake, "POST", "/frozen/json", NULL, "{\"a\":40}"), 201, "42"));
  ok ("record", fake_log_count (fake, "frozen") == 1);
  req = fake_request (fake, "POST", "/frozen/json", NULL, "{}");
  ok ("problem", answers (req, 422, NULL) && !strcmp (fake_json (req, "needed.0"), "1"));
  req = fake_request (fake, "GET", "/frozen/wait", NULL, NULL);
  ok ("waits", fake_status (req) == 0 && fake_run_jobs (fake) == 1);
  ok ("resumed", answers (req, 200, "worked"));
  req = fake_request (fake, "GET", "/frozen/stream", NULL, NULL);
  fake_run_jobs (fake);
  ok ("streamed", answers (req, 200, "data: x\n\ndata: x\n\n") && fake_done (req));
  ok ("failed", answers (fake_request (fake, "GET", "/frozen/fail", NULL, NULL), 504, NULL));
  ok ("count", answers (fake_request (fake, "GET", "/frozen/count", NULL, NULL), 200, "1 8"));
  ok ("metric", fake_metric (fake, "frozen_requests_total", "good") == 5);
  ok ("health", fake_health (fake, "frozen") == KG_HEALTH_OK);
  ok ("provides", fake_service (fake, "frozen/1") != NULL);
  fake_free (fake);
  printf ("1..%d\n", number);
  return failed;
}
