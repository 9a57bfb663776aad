/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin that says which of its callbacks is called: NAME, and where given
 * PROVIDES and NEEDS (services), OPTIONAL (flags of the need), FAIL (the callback
 * that fails: 1 open, 2 start). */
#define KG_ABI_TARGET KG_ABI (1, 0)
#include <kgent/plugin.h>

#include <stdio.h>

#ifndef PROVIDES
#define PROVIDES NULL
#endif
#ifndef NEEDS
#define NEEDS NULL
#endif
#ifndef OPTIONAL
#define OPTIONAL 0
#endif
#ifndef FAIL
#define FAIL 0
#endif

struct table {
  uint32_t size, number;
  int32_t (*grown) (void); /* beyond what a provider has */
};

static const struct table table = { 8, 7, NULL };
static const void *slot;

static void
say (const char *callback)
{
  printf ("%s %s", NAME, callback);
  if (slot)
    printf (" %u%s", ((const struct table *)slot)->number,
            ((const struct table *)slot)->grown ? " grown" : "");
  putchar ('\n');
  fflush (stdout);
}

static int32_t
handler (kg_req *req, void *data)
{
  (void)req, (void)data;
  return KG_NEXT;
}

static int32_t
life_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  struct kg_route route = { .size = sizeof route,
                            .method = "GET",
                            .pattern = "/" NAME,
                            .handler = handler,
                            .flags = KG_PUBLIC | KG_QUIET,
                            .summary = "Says " NAME };
  (void)conf;
  say ("open");
  *ret_data = &slot;
  host->route (self, &route);
  host->hook (self, KG_PHASE_LOG, handler);
  if (PROVIDES)
    host->provide (self, PROVIDES, &table, 8);
  if (NEEDS)
    host->need (self, NEEDS, sizeof (struct table), OPTIONAL, &slot);
  return FAIL == 1 ? -5 : 0;
}

static int32_t
life_start (void *data)
{
  say (data == &slot ? "start" : "start without its data");
  return FAIL == 2 ? -5 : 0;
}

static void
life_stop (void *data)
{
  (void)data;
  say ("stop");
}

static void
life_close (void *data)
{
  (void)data;
  say ("close");
}

KG_PLUGIN (.name = NAME, .version = "1.0", .summary = "Life of " NAME, .open = life_open,
           .start = life_start, .stop = life_stop, .close = life_close);
