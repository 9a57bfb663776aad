/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Plugins that a host must refuse: one per value of WRONG.  tests/abi/wrong.py
 * says what each is refused with. */
#define KG_ABI_TARGET KG_ABI (1, 0)
#include <kgent/plugin.h>

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTHING 0
#define ROUTE_TWICE 1
#define ROUTE_PATTERN 2
#define ROUTE_METHOD 3
#define ROUTE_FLAGS 4
#define ROUTE_SIZE 5
#define HOOK_PHASE 6
#define OPEN_FAILS 7
#define NEED_MISSING 8
#define NEED_MAJOR 9
#define NEED_NAME 10
#define PROVIDE_TAKEN 11
#define LOCALE 12
#define UMASK 13
#define FOLDER 14
#define PIPE 15
#define SIGMASK 16
#define THREAD 17
#define OPEN_CRASHES 18
#define OPEN_LOOPS 19
#define OPEN_EXITS 20
#define CONSTRUCTOR_CRASHES 21
#define CONSTRUCTOR_LOOPS 22
#define CONSTRUCTOR_EXITS 23
#define CONSTRUCTOR_QUITS 24
#define UNRESOLVED 25
#define OPT_TYPE 26
#define OPT_OFFSET 27
#define OPT_TWICE 28
#define OPT_DEFAULT 29
#define OPT_KEY 30
#define OPT_HELP 31
#define OPT_LOAD 32
#define NO_ENTRY 33
#define MAJOR 34
#define NOT_DATA 35
#define MINOR 36
#define NO_MACRO 37
#define SIZE 38
#define OPT_SIZE 39
#define FLAGS 40
#define NAME 41
#define NAME_BAD 42
#define NAME_NULL 43
#define NAME_OURS 44
#define VERSION 45
#define CONF_SIZE 46
#define NO_OPEN 47
#define STOP_ALONE 48
#define LATE_ROUTE 49
#define FOREIGN_ROUTE 50
#define OPEN_TELLS 51
#define OPEN_TELLS_MORE 52

struct conf {
  const char *text;
  int64_t number;
};

static int32_t
answer (kg_req *req, void *data)
{
  (void)req, (void)data;
  return KG_NEXT;
}

static int32_t
route (const struct kg_host *host, kg_self *self, const char *method, const char *pattern,
       uint32_t flags)
{
  struct kg_route r = { .size = sizeof r,
                        .flags = flags | KG_PUBLIC,
                        .method = method,
                        .pattern = pattern,
                        .handler = answer };
  return host->route (self, &r);
}

static void *
sleeper (void *arg)
{
  pause ();
  return arg;
}

static const struct kg_host *late_host;
static kg_self *late_self;

/* Where [open] functions must not be called: in start, or on another thread. */
static void *
late (void *arg)
{
  (void)arg;
  return (void *)(intptr_t)route (late_host, late_self, "GET", "/late", 0);
}

static int32_t
late_start (void *data)
{
  return (int32_t)(intptr_t)late (data);
}

static int32_t
declare (const struct kg_host *host, kg_self *self)
{
  static const void *slot;
  (void)slot, (void)host, (void)self, (void)route;
#if WRONG == ROUTE_TWICE
  route (host, self, "GET", "/twice", 0);
  route (host, self, "GET", "/twice", 0); /* and doesn't look at the answer */
#elif WRONG == ROUTE_PATTERN
  return route (host, self, "GET", "nowhere", 0);
#elif WRONG == ROUTE_METHOD
  return route (host, self, "FETCH", "/x", 0);
#elif WRONG == ROUTE_FLAGS
  return route (host, self, "GET", "/x", 0x8000);
#elif WRONG == ROUTE_SIZE
  struct kg_route r = { .size = 8 };
  return host->route (self, &r);
#elif WRONG == HOOK_PHASE
  return host->hook (self, KG_PHASE_HANDLER, answer);
#elif WRONG == OPEN_FAILS
  route (host, self, "GET", "/left-over", 0);
  return -EACCES;
#elif WRONG == OPEN_TELLS
  host->log (self, KG_LOG_ERROR, "wrong.text: \"%s\" rhymes with nothing; write another", "x");
  return -EINVAL;
#elif WRONG == OPEN_TELLS_MORE
  host->log (self, KG_LOG_ERROR, "nothing fits");
  return -EINVAL;
#elif WRONG == NEED_MISSING
  return host->need (self, "nobody/1", 8, 0, &slot);
#elif WRONG == NEED_MAJOR
  return host->need (self, "kg.health/2", 8, 0, &slot);
#elif WRONG == NEED_NAME
  return host->need (self, "health", 8, 0, &slot);
#elif WRONG == PROVIDE_TAKEN
  return host->provide (self, "kg.health/1", &slot, 8);
#endif
  return 0;
}

static int32_t
wrong_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  (void)conf, (void)ret_data, (void)sleeper, (void)late_host, (void)late_self;
#if WRONG == LOCALE
  setlocale (LC_ALL, "C.UTF-8");
#elif WRONG == UMASK
  umask (0);
#elif WRONG == FOLDER
  if (chdir ("/"))
    return -errno;
#elif WRONG == PIPE
  signal (SIGPIPE, sleeper == NULL ? SIG_DFL : (void (*) (int))abort);
#elif WRONG == SIGMASK
  sigset_t set;
  sigemptyset (&set);
  sigaddset (&set, SIGUSR1);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
#elif WRONG == THREAD
  pthread_t t;
  pthread_create (&t, NULL, sleeper, NULL);
#elif WRONG == FOREIGN_ROUTE
  pthread_t t;
  void *result;
  late_host = host;
  late_self = self;
  pthread_create (&t, NULL, late, NULL);
  pthread_join (t, &result);
  return (int32_t)(intptr_t)result;
#elif WRONG == LATE_ROUTE
  late_host = host;
  late_self = self;
#elif WRONG == OPEN_CRASHES
  raise (SIGSEGV);
#elif WRONG == OPEN_LOOPS
  for (;;)
    pause ();
#elif WRONG == OPEN_EXITS
  exit (0);
#endif
  return declare (host, self);
}

static void
never (void *data)
{
  (void)data;
}

#if WRONG == CONSTRUCTOR_CRASHES || WRONG == CONSTRUCTOR_LOOPS || WRONG == CONSTRUCTOR_EXITS   \
    || WRONG == CONSTRUCTOR_QUITS
__attribute__ ((constructor)) static void
constructor (void)
{
#if WRONG == CONSTRUCTOR_CRASHES
  abort ();
#elif WRONG == CONSTRUCTOR_LOOPS
  for (;;)
    pause ();
#elif WRONG == CONSTRUCTOR_EXITS
  exit (0);
#else
  _exit (0);
#endif
}
#endif

#if WRONG == UNRESOLVED
extern void nobody_has_this (void);
void (*unresolved) (void) = nobody_has_this;
#endif

/* A table with one fault in its second row. */
#define ROW(...)                                                                               \
  {                                                                                            \
    .help = "Something.", __VA_ARGS__                                                          \
  }
static const struct kg_opt opts[] = {
  ROW (.key = "text", .type = KG_OPT_STRING, .offset = offsetof (struct conf, text)),
#if WRONG == OPT_TYPE
  ROW (.key = "number", .type = 99, .offset = offsetof (struct conf, number)),
#elif WRONG == OPT_OFFSET
  ROW (.key = "number", .type = KG_OPT_INT, .offset = sizeof (struct conf)),
#elif WRONG == OPT_TWICE
  ROW (.key = "text", .type = KG_OPT_STRING, .offset = offsetof (struct conf, text)),
#elif WRONG == OPT_DEFAULT
  ROW (.key = "number", .type = KG_OPT_INT, .dflt = "12", .min = 1, .max = 9,
       .offset = offsetof (struct conf, number)),
#elif WRONG == OPT_KEY
  ROW (.key = "Number", .type = KG_OPT_INT, .offset = offsetof (struct conf, number)),
#elif WRONG == OPT_HELP
  { .key = "number", .type = KG_OPT_INT, .offset = offsetof (struct conf, number) },
#elif WRONG == OPT_LOAD
  ROW (.key = "load", .type = KG_OPT_INT, .offset = offsetof (struct conf, number)),
#endif
  { .key = NULL },
};

#if WRONG == NO_ENTRY
int kg_plugin;
#elif WRONG == MAJOR
KG_EXPORT const uint32_t kg_plugin_2[64] = { 2 << 16, 256 };
#elif WRONG == NOT_DATA
KG_EXPORT int kg_plugin_1 = 1;
#else
extern KG_EXPORT const struct kg_plugin kg_plugin_1;
KG_EXPORT const struct kg_plugin kg_plugin_1 = {
#if WRONG == MINOR
  .abi = KG_ABI (1, 4),
#elif WRONG == NO_MACRO
  .abi = 0,
#else
  .abi = KG_ABI (1, 0),
#endif
  .size = sizeof (struct kg_plugin) - (WRONG == SIZE ? 8 : 0),
  .opt_size = sizeof (struct kg_opt) + (WRONG == OPT_SIZE ? 8 : 0),
  .flags = WRONG == FLAGS ? 0x100 : 0,
  .name = WRONG == NAME ? "other"
          : WRONG == NAME_BAD ? "Wrong Name"
          : WRONG == NAME_NULL ? NULL
          : WRONG == NAME_OURS ? "store"
                               : WRONG_NAME,
  .version = WRONG == VERSION ? NULL : "1.0",
  .opts = opts,
  .conf_size = WRONG == CONF_SIZE ? 0 : sizeof (struct conf),
  .open = WRONG == NO_OPEN ? NULL : wrong_open,
  .start = WRONG == LATE_ROUTE ? late_start : NULL,
  .stop = WRONG == STOP_ALONE ? never : NULL,
};
#endif
