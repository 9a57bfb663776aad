/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A node of the path language, world.weather: what people report, and who asks. */
#define KG_ABI_TARGET KG_ABI (1, 1)
#include <kgent/nodes.h>

#include <pthread.h>
#include <string.h>

#define CITIES 64
#define CITY "\"city\":{\"type\":\"string\",\"pattern\":\"^[A-Z][A-Za-z -]*$\",\"maxLength\":31}"

static const struct kg_host *host;
static const struct kg_nodes *nodes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the reports: workers are many */
static struct report { char city[32], json[160]; } reports[CITIES];

/* The report of a city, or the first free place; NULL when there is none. */
static struct report *
find (const char *city)
{
  struct report *r = reports;
  while (r < reports + CITIES && *r->city && strcmp (r->city, city))
    r++;
  return r < reports + CITIES ? r : NULL;
}

/* The argument, which the schema has checked. */
static const char *
city_of (const struct kg_node_call *call)
{
  uint32_t i = kg_json_find (call->json, call->kwargs, "city");
  const char *city = kg_json_str (host, call->req, call->json, i).ptr;
  return city ? city : "";
}

/* world.weather.report: the arguments are the report. */
static int32_t
report (const struct kg_node_call *call)
{
  kg_str json = kg_json_text (call->json, call->kwargs);
  const char *city = city_of (call);
  struct report *r;
  pthread_mutex_lock (&lock);
  r = json.len < sizeof r->json ? find (city) : NULL;
  if (r) {
    strcpy (r->city, city);
    memcpy (r->json, json.ptr, json.len);
    r->json[json.len] = 0;
  }
  pthread_mutex_unlock (&lock);
  return r ? nodes->result (call, json)
           : nodes->refuse (call, 507, "No room: %d cities, %zu bytes each", CITIES, sizeof r->json);
}

/* world.weather.now */
static int32_t
now (const struct kg_node_call *call)
{
  const char *city = city_of (call);
  char json[sizeof reports[0].json] = "";
  struct report *r;
  pthread_mutex_lock (&lock);
  if ((r = find (city)))
    strcpy (json, r->json);
  pthread_mutex_unlock (&lock);
  return *json ? nodes->result (call, (kg_str){ json, strlen (json) })
               : nodes->refuse (call, 404, "Nobody has reported the weather of %s", city);
}

/* world.weather.bulletin: streams a line for each city. */
static int32_t
bulletin (const struct kg_node_call *call)
{
  int32_t e = 0;
  for (int i = 0; i < CITIES && e >= 0; i++) {
    char line[sizeof reports[0].json + 1] = "";
    pthread_mutex_lock (&lock);
    strcat (strcpy (line, reports[i].json), *reports[i].json ? "\n" : "");
    pthread_mutex_unlock (&lock);
    e = nodes->chunk (call, (kg_str){ line, strlen (line) });
  }
  return e < 0 ? e : nodes->result (call, (kg_str){ NULL, 0 });
}

static const struct kg_node_aspect aspects[] = {
  { .name = "now", .run = now, .category = KG_NODE_PERCEPTION, .tokens = 1,
    .summary = "The last report of a city.",
    .input = "{\"type\":\"object\",\"required\":[\"city\"],\"properties\":{" CITY "}}" },
  { .name = "report", .run = report, .category = KG_NODE_MUTATION,
    .summary = "Report the weather of a city.",
    .input = "{\"type\":\"object\",\"required\":[\"city\",\"sky\"],\"additionalProperties\":false,"
             "\"properties\":{" CITY ",\"sky\":{\"enum\":[\"clear\",\"clouds\",\"rain\",\"snow\"]},"
             "\"celsius\":{\"type\":\"integer\",\"minimum\":-90,\"maximum\":60}}}" },
  { .name = "bulletin", .run = bulletin, .category = KG_NODE_PERCEPTION, .flags = KG_NODE_STREAMS,
    .summary = "All reports, a line each.", .tokens_per_kb = 2, .output = "{\"type\":\"string\"}" },
};

static int32_t
weather_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  (void) conf;
  host = h;
  *ret_data = self;
  return h->need (self, KG_NODES, sizeof *nodes, 0, (const void **) &nodes);
}

static int32_t
weather_start (void *self)
{
  static const struct kg_node node = { .size = sizeof node, .aspect_size = sizeof aspects[0],
    .naspects = sizeof aspects / sizeof aspects[0], .owner = "weather", .context = "world",
    .holon = "weather", .summary = "The weather, as people report it.", .aspects = aspects };
  return nodes->add (self, &node);
}

KG_PLUGIN (.name = "weather", .version = "1.0", .summary = "Adds world.weather",
           .open = weather_open, .start = weather_start);
