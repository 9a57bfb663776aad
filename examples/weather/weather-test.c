/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The plugin beside the real agentese.so, under the fake host that is installed with
 * kgent. */
#include <fake-services.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct kg_plugin kg_plugin_1;

static struct fake *fake;
static int checks;

static void
check (int good, const char *what)
{
  printf ("%s %d - %s\n", good ? "ok" : "not ok", ++checks, what);
  if (!good)
    exit (1);
}

static kg_req *
invoke (const char *aspect, const char *kwargs)
{
  char body[512];
  snprintf (body, sizeof body, "{\"path\":\"world.weather.%s\",\"kwargs\":%s}", aspect, kwargs);
  return fake_request (fake, "POST", "/v1/agentese/invoke", NULL, body);
}

static int
says (kg_req *req, int status, const char *member, const char *text)
{
  const char *value = fake_json (req, member);
  return fake_status (req) == status && value && !strcmp (value, text);
}

static void
begin (void)
{
  static const char *const scopes[] = { "read", "write", NULL };
  static const struct kg_identity ann = { .size = sizeof ann, .subject = "ann", .tenant = "t1",
    .key_id = "k1", .scopes = scopes };
  fake = fake_new ();
  fake_services (fake);
  check (!fake_open_file (fake, AGENTESE, NULL), "open agentese");
  check (!fake_open (fake, &kg_plugin_1, NULL), "open weather");
  check (!fake_start (fake), "start");
  fake_as (fake, &ann, 0, 0);
}

int
main (void)
{
  kg_req *req;
  begin ();
  check (says (invoke ("now", "{\"city\":\"Oslo\"}"), 404, "detail",
               "Nobody has reported the weather of Oslo"), "nothing is known at first");
  check (says (invoke ("report", "{\"city\":\"Oslo\",\"sky\":\"snow\",\"celsius\":-3}"), 200,
               "result.sky", "snow"), "a report");
  check (says (invoke ("now", "{\"city\":\"Oslo\"}"), 200, "result.celsius", "-3"), "is kept");
  check (says (invoke ("now", "{\"city\":\"Oslo\"}"), 200, "tokens_used", "1"), "has a price");
  invoke ("report", "{\"city\":\"Rome\",\"sky\":\"clear\"}");
  check (says (invoke ("bulletin", "{}"), 200, "result",
               "{\"city\":\"Oslo\",\"sky\":\"snow\",\"celsius\":-3}\n"
               "{\"city\":\"Rome\",\"sky\":\"clear\"}\n"), "the bulletin has a line for each");
  req = fake_request (fake, "POST", "/v1/agentese/invoke",
                      (const char *const[]){ "Accept: text/event-stream", NULL },
                      "{\"path\":\"world.weather.bulletin\"}");
  check (strstr (fake_body (req), "event: chunk\ndata: {\"text\":\"{\\\"city\\\":\\\"Rome") != NULL
         && strstr (fake_body (req), "\nevent: complete\n") != NULL, "and streams them");
  check (says (invoke ("now", "{}"), 422, "errors.0.type", "missing"), "arguments are checked");
  check (says (invoke ("report", "{\"city\":\"Oslo\",\"sky\":\"pink\"}"), 422, "errors.0.type",
               "enum"), "also against lists");
  req = fake_request (fake, "GET", "/v1/agentese/paths?prefix=world.weather", NULL, NULL);
  check (says (req, 200, "paths.1.path", "world.weather.bulletin"), "it is in the list of paths");
  check (says (req, 200, "paths.3.price.fixed", "1"), "with its price");
  req = fake_request (fake, "GET", "/v1/agentese/affordances?path=world.weather", NULL, NULL);
  check (says (req, 200, "affordances.3", "now"), "it is offered");
  check (fake_metric (fake, "kgent_node_world_weather_calls_total", "ok,report") == 2, "counted");
  check (fake_health (fake, "node_world_weather") == KG_HEALTH_OK, "and watched");
  fake_free (fake);
  printf ("1..%d\n", checks);
  return 0;
}
