/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The plugin under the fake host that is installed with kgent. */
#include <fake-services.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct kg_plugin kg_plugin_1;

static void
check (int good, const char *what)
{
  printf ("%s: %s\n", good ? "PASS" : "FAIL", what);
  if (!good)
    exit (1);
}

int
main (void)
{
  struct fake *fake = fake_new ();
  kg_req *req;
  fake_services (fake);
  check (!fake_open (fake, &kg_plugin_1, (const char *const[]){ "greeting=Hi", NULL }), "open");
  check (!fake_start (fake), "start");
  req = fake_request (fake, "GET", "/v1/hello/w%C3%B6rld", NULL, NULL);
  check (fake_status (req) == 200 && !strcmp (fake_body (req), "Hi, wörld!\n"), "greets");
  check (fake_metric (fake, "hello_greetings_total", NULL) == 1, "counts");
  check (fake_status (fake_request (fake, "POST", "/v1/hello/x", NULL, "{}")) == 405, "only GET");
  fake_free (fake);
  return 0;
}
