/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin whose handlers bring the process down, each in its own way. */
#define KG_ABI_TARGET KG_ABI (1, 0)
#include <kgent/plugin.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

static const struct kg_host *host;
static volatile int result;

static void *
stranger (void *arg)
{
  host->get (arg, KG_GET_PATH, NULL); /* not this thread's request */
  return NULL;
}

/* Uses the stack up. */
static int
deeper (int n)
{
  volatile char room[4096];
  room[n % 4096] = (char)n;
  return n ? deeper (n + 1) + room[0] : 0;
}

static int32_t
crash (kg_req *req, void *data)
{
  kg_str how = host->get (req, KG_GET_PARAM, "how");
  volatile int *nowhere = mmap (NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_t t;
  (void)data;
  switch (how.ptr[0]) {
  case 'a':
    abort ();
  case 'f':
    *nowhere = 1;
    break;
  case 'o':
    result = deeper (1);
    break;
  case 't':
    pthread_create (&t, NULL, stranger, req);
    pthread_join (t, NULL);
    break;
  default:
    break;
  }
  host->reply (req, 200, "text/plain", "alive", 5);
  return KG_DONE;
}

static int32_t
crash_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  static const struct kg_route route = { .size = sizeof route,
                                         .flags = KG_PUBLIC,
                                         .method = "GET",
                                         .pattern = "/crash/{how}",
                                         .handler = crash };
  (void)conf, (void)ret_data;
  host = h;
  return h->route (self, &route);
}

KG_PLUGIN (.name = "crash", .version = "1.0", .open = crash_open);
