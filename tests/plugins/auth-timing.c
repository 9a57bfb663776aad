/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Whether the time that auth takes for a credential tells what is wrong with it
 * (FAULTS.md A02).
 *
 * In the manner of dudect: inputs of all classes in random order, Welch's t-test of each
 * class against that of unknown keys, raw and with the slowest part cut off, for an
 * interruption is slower than anything that could be told.  |t| of 4.5 and more is a
 * difference.  The plugin's own hook runs on a host that does nothing but remember, so
 * that nothing else is measured; a good key is the proof that a difference would be
 * seen, and a second class of unknown keys that none is made up.  A key's length and
 * whether it once worked, which its sender knows, may show by as little as a cache miss.
 *
 * KGENT_TIMING_SAMPLES: how many (1,000,000).  A difference that is there is found
 * by each of three attempts, so one without any is enough. */
#include "tests/fake/fake-services.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define UNFIT "a sanitizer takes its own time"
#elif defined __x86_64__ || defined __i386__
#include <x86intrin.h>
#else
#define UNFIT "no counter of cycles is known for this processor"
#endif

#define BATCH     4096
#define KEYS      64 /* of each kind */
#define EPOCH     62500 /* samples */
#define KEY_SIZE  128
#define ATTEMPTS  3
#define LIMIT     4.5
#define NEAR_MAX  0.06
#define AT_ONE    10 /* guesses of an address in a row, in a minute */

extern const struct kg_plugin kg_plugin_1;

enum kind { UNKNOWN, AGAIN, WRONG, MALFORMED, FOREIGN, LENGTH, REVOKED, GOOD, KINDS };

/* How the time of a kind must be. */
enum bound { EQUAL, NEAR, APART };

static const struct {
  const char *name;
  enum bound bound;
} kinds[KINDS] = {
  { "unknown", EQUAL },
  { "unknown, once more", EQUAL },
  { "a wrong secret behind a known prefix", EQUAL },
  { "malformed", EQUAL },
  { "without kg_", EQUAL },
  { "of another length", NEAR },
  { "revoked", NEAR },
  { "good", APART },
};

/* ---- A clock on which guessing is never too often ------------------------------ */

static int64_t mono_ns = 1000000000000;

int
clock_gettime (clockid_t clock, struct timespec *ret)
{
  if (clock != CLOCK_MONOTONIC)
    return (int) syscall (SYS_clock_gettime, clock, ret);
  ret->tv_sec = mono_ns / 1000000000;
  ret->tv_nsec = mono_ns % 1000000000;
  return 0;
}

static inline uint64_t
ticks (void)
{
#ifndef UNFIT
  unsigned ignored;
  uint64_t t;
  _mm_lfence ();
  t = __rdtscp (&ignored);
  _mm_lfence ();
  return t;
#else
  return 0;
#endif
}

/* ---- A host that only remembers -------------------------------------------------- */

/* The one request that is measured; all others are the fake host's. */
static struct {
  char key[KEY_SIZE], client[16];
  size_t len;
  void *slot;
  const struct kg_identity *identity;
  int32_t status;
  char memory[4096];
  size_t used;
} one;

#define IS_ONE(req) ((const void *) (req) == (const void *) &one)

static const struct kg_host *fakes;
static struct kg_host lean;
static kg_fn *access_fn;
static void *access_data;

static kg_str
lean_get (const kg_req *req, int32_t what, const char *key)
{
  if (!IS_ONE (req))
    return fakes->get (req, what, key);
  if (what == KG_GET_HEADER && key && !strcmp (key, "X-API-Key"))
    return (kg_str){ one.key, one.len };
  if (what == KG_GET_CLIENT)
    return (kg_str){ one.client, strlen (one.client) };
  return (kg_str){ NULL, 0 };
}

static int64_t
lean_num (const kg_req *req, int32_t what)
{
  if (!IS_ONE (req))
    return fakes->num (req, what);
  return what == KG_NUM_TIME ? INT64_C (1800000000000000000) : 0;
}

static void *
lean_alloc (kg_req *req, size_t size)
{
  char *p = one.memory + one.used;
  if (!IS_ONE (req))
    return fakes->alloc (req, size);
  one.used += (size + 15) & ~(size_t) 15;
  return one.used <= sizeof one.memory ? p : NULL;
}

static void **
lean_slot (kg_req *req, kg_self *self)
{
  return IS_ONE (req) ? &one.slot : fakes->slot (req, self);
}

static int32_t
lean_header (kg_req *req, const char *name, const char *value)
{
  return IS_ONE (req) ? 0 : fakes->header (req, name, value);
}

static int32_t
lean_headers (kg_req *req, const kg_fields *fields, const struct kg_value *values)
{
  return IS_ONE (req) ? 0 : fakes->headers (req, fields, values);
}

static int32_t
lean_member (kg_req *req, const char *name, kg_str json)
{
  return IS_ONE (req) ? 0 : fakes->member (req, name, json);
}

/* The text is public, so what it costs to write it is no secret. */
static int32_t
lean_problem (kg_req *req, int32_t status, const char *type, const char *detail, ...)
{
  char text[1024];
  va_list ap;
  if (IS_ONE (req)) {
    one.status = status;
    return KG_DONE;
  }
  va_start (ap, detail);
  vsnprintf (text, sizeof text, detail, ap);
  va_end (ap);
  return fakes->problem (req, status, type, "%s", text);
}

static int32_t
lean_identify (kg_req *req, const struct kg_identity *identity)
{
  if (!IS_ONE (req))
    return fakes->identify (req, identity);
  one.identity = identity;
  return 0;
}

static const struct kg_identity *
lean_identity (const kg_req *req)
{
  return IS_ONE (req) ? one.identity : fakes->identity (req);
}

/* Of failures at most a line a minute is written for each address. */
static void
lean_log (kg_self *self, int32_t level, const char *fmt, ...)
{
  (void) self;
  (void) level;
  (void) fmt;
}

static int32_t
lean_hook (kg_self *self, int32_t phase, kg_fn *fn)
{
  if (phase == KG_PHASE_ACCESS)
    access_fn = fn;
  return fakes->hook (self, phase, fn);
}

static int32_t
wrapped_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  int32_t r;
  fakes = host;
  lean = *host;
  lean.get = lean_get;
  lean.num = lean_num;
  lean.alloc = lean_alloc;
  lean.slot = lean_slot;
  lean.header = lean_header;
  lean.headers = lean_headers;
  lean.member = lean_member;
  lean.problem = lean_problem;
  lean.identify = lean_identify;
  lean.identity = lean_identity;
  lean.hook = lean_hook;
  lean.log = lean_log;
  r = kg_plugin_1.open (&lean, self, conf, ret_data);
  access_data = *ret_data;
  return r;
}

/* ---- Chance ---------------------------------------------------------------------------- */

static uint64_t
dice (void)
{
  static uint64_t s = 88172645463325252u; /* xorshift: the same order at every run */
  s ^= s << 13;
  s ^= s >> 7;
  s ^= s << 17;
  return s;
}

/* `len` random characters, of the first `n` of the alphabet. */
static void
scribble (char *p, size_t len, uint32_t n)
{
  static const char alphabet[]
      = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
  while (len--)
    *p++ = alphabet[dice () % n];
}

/* ---- Keys --------------------------------------------------------------------------- */

static struct fake *fake;
static char good[KEYS][KEY_SIZE], revoked[KEYS][KEY_SIZE];

static _Noreturn void
bail (const char *what, const char *more)
{
  printf ("Bail out! %s: %s\n", what, more);
  exit (EXIT_FAILURE);
}

/* Sends a request of the operator's and waits for the answer. */
static kg_req *
operate (const char *method, const char *target, const char *body, int status)
{
  kg_req *req = fake_request (fake, method, target, NULL, body);
  int i;
  for (i = 0; i < 20 && !fake_done (req); i++) {
    fake_run_jobs (fake);
    fake_store_commit (fake);
  }
  if (fake_status (req) != status)
    bail (target, fake_body (req));
  return req;
}

static void
key_make (char ret[KEY_SIZE], int revoke)
{
  kg_req *req = operate ("POST", "/admin/v1/keys", "{\"name\":\"k\",\"scopes\":[\"read\"]}", 201);
  const char *key = fake_json (req, "key"), *id = fake_json (req, "id");
  char target[128];
  if (!key || !id)
    bail ("no key", fake_body (req));
  snprintf (ret, KEY_SIZE, "%s", key);
  snprintf (target, sizeof target, "/admin/v1/keys/%s", id);
  if (revoke)
    operate ("DELETE", target, NULL, 204);
}

static void
begin (void)
{
  static const char *const scopes[] = { "admin", NULL };
  static const struct kg_identity operator
      = { .size = sizeof operator, .subject = "o", .tenant = "t", .key_id = "o", .scopes = scopes };
  struct kg_plugin wrapped = kg_plugin_1;
  int i;
  wrapped.open = wrapped_open;
  fake = fake_new ();
  fake_services (fake);
  if (fake_open (fake, &wrapped, NULL) || fake_start (fake))
    bail ("auth does not start", fake_error (fake));
  fake_as (fake, &operator, 1, 0);
  for (i = 0; i < KEYS; i++) {
    key_make (good[i], 0);
    key_make (revoked[i], 1);
  }
}

/* ---- Inputs --------------------------------------------------------------------------- */

/* What keys begin with, of each kind as many: what is counted for a beginning was there
 * before as often, and lies in caches as well or as badly.  Where it lies is chance, so
 * each epoch has its own. */
static char begins[KINDS][KEYS][KEY_SIZE];

static void
begins_make (void)
{
  int kind, i;
  for (kind = 0; kind < KINDS; kind++)
    for (i = 0; i < KEYS; i++) {
      char *key = begins[kind][i];
      memcpy (key, kind == REVOKED ? revoked[i] : good[i], KEY_SIZE);
      if (kind != WRONG && kind != REVOKED && kind != GOOD)
        scribble (key + 3, 5, 36);
      if (kind == FOREIGN)
        key[i % 2] = 'x';
    }
}

/* 52 characters, but for another length. */
static size_t
input_make (enum kind kind, uint64_t n, char key[KEY_SIZE])
{
  memcpy (key, begins[kind][n % KEYS], KEY_SIZE);
  if (kind != REVOKED && kind != GOOD)
    scribble (key + 9, 43, 64);
  if (kind == MALFORMED)
    key[n >> 32 & 1 ? 8 : 9 + (n >> 33) % 43] = '!';
  return kind == LENGTH ? 9 + (n >> 32) % 100 : 52;
}

/* ---- Measuring ------------------------------------------------------------------------- */

static struct {
  char key[KEY_SIZE];
  size_t len;
  enum kind kind;
  uint32_t ticks;
} samples[BATCH];

/* Fixed sizes throughout: the class must not show in the preparation. */
static void
measure (uint32_t i)
{
  uint64_t from;
  memcpy (one.key, samples[i].key, KEY_SIZE);
  one.len = samples[i].len;
  one.identity = NULL;
  one.slot = NULL;
  one.used = 0;
  one.status = 0;
  snprintf (one.client, sizeof one.client, "192.0.2.%u", i / AT_ONE % 200 + 1);
  mono_ns += 5000000000;
  from = ticks ();
  access_fn ((kg_req *) &one, access_data);
  samples[i].ticks = (uint32_t) (ticks () - from);
  if ((samples[i].kind == GOOD) != (one.identity != NULL)
      || (samples[i].kind != GOOD && one.status != 401))
    bail (kinds[samples[i].kind].name, one.key);
}

static void
batch_run (void)
{
  uint32_t i;
  for (i = 0; i < BATCH; i++) {
    samples[i].kind = (enum kind) (dice () % KINDS);
    samples[i].len = input_make (samples[i].kind, dice (), samples[i].key);
  }
  for (i = 0; i < BATCH; i++)
    measure (i);
}

/* ---- Statistics ------------------------------------------------------------------------ */

/* Parts of the samples that are looked at, the slower rest is cut off. */
static const double parts[] = { 1, 0.99, 0.95, 0.9, 0.75, 0.5 };

#define PARTS (sizeof parts / sizeof parts[0])

struct moments {
  double n, mean, m2;
};

static struct moments all[PARTS][KINDS];
static uint32_t cuts[PARTS];

static void
moments_add (struct moments *m, double x)
{
  double delta = x - m->mean;
  m->n++;
  m->mean += delta / m->n;
  m->m2 += delta * (x - m->mean);
}

static double
welch (const struct moments *a, const struct moments *b)
{
  double va = a->m2 / (a->n - 1) / a->n, vb = b->m2 / (b->n - 1) / b->n;
  return (a->mean - b->mean) / sqrt (va + vb);
}

static int
by_size (const void *a, const void *b)
{
  const uint32_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* The quantiles, of a batch that does not count: of refused keys only. */
static void
cuts_find (void)
{
  static uint32_t sorted[BATCH];
  uint32_t i, n = 0;
  for (i = 0; i < BATCH; i++)
    if (samples[i].kind != GOOD)
      sorted[n++] = samples[i].ticks;
  qsort (sorted, n, sizeof sorted[0], by_size);
  for (i = 0; i < PARTS; i++)
    cuts[i] = parts[i] < 1 ? sorted[(uint32_t) (parts[i] * n)] : UINT32_MAX;
}

static void
batch_count (void)
{
  uint32_t i, p;
  for (i = 0; i < BATCH; i++)
    for (p = 0; p < PARTS; p++)
      if (samples[i].ticks <= cuts[p])
        moments_add (&all[p][samples[i].kind], samples[i].ticks);
}

/* The largest |t| of the class against unknown keys. */
static double
worst (enum kind kind, uint32_t *ret_part)
{
  double t, max = 0;
  uint32_t p;
  for (p = 0; p < PARTS; p++)
    if (all[p][kind].n > 100 && (t = fabs (welch (&all[p][UNKNOWN], &all[p][kind]))) > max) {
      max = t;
      *ret_part = p;
    }
  return max;
}

/* A host of its own, with keys of its own; the first batch does not count. */
static void
epoch (long n)
{
  long i;
  begin ();
  begins_make ();
  batch_run ();
  if (!cuts[1]) {
    batch_run ();
    cuts_find ();
  }
  for (i = 0; i < n; i += BATCH) {
    batch_run ();
    batch_count ();
  }
  fake_free (fake);
}

static void
attempt (long n)
{
  memset (all, 0, sizeof all);
  memset (cuts, 0, sizeof cuts);
  for (; n > 0; n -= EPOCH)
    epoch (EPOCH);
}

/* By how much of the whole the means differ, without the slowest tenth. */
static double
difference (enum kind kind)
{
  const struct moments *m = all[3];
  return fabs (m[kind].mean - m[UNKNOWN].mean) / m[UNKNOWN].mean;
}

/* ---- The verdict ------------------------------------------------------------------------ */

static int
fine (enum kind kind)
{
  uint32_t part = 0;
  double t = worst (kind, &part);
  printf ("# %-38s |t| %8.2f in the fastest %3.0f %%; mean %.1f against %.1f ticks\n",
          kinds[kind].name, t, parts[part] * 100, all[part][kind].mean, all[part][UNKNOWN].mean);
  if (kinds[kind].bound == NEAR)
    return difference (kind) < NEAR_MAX;
  return kinds[kind].bound == APART ? t > 2 * LIMIT : t < LIMIT;
}

int
main (void)
{
  static const char *const texts[] = { "takes as long as an unknown key, |t| < 4.5",
                                       "differs by less than 6 %", "is told apart" };
  const char *text = getenv ("KGENT_TIMING_SAMPLES");
  long n = text ? atol (text) : getenv ("CK_FORK") ? EPOCH : 1000000; /* under valgrind */
  int good_once[KINDS] = { 0 }, kind, i, left = 1, failed = 0;
#ifdef UNFIT
  printf ("1..0 # SKIP " UNFIT "\n");
  return 0;
#endif
  for (i = 0; i < ATTEMPTS && left; i++) {
    attempt (n);
    printf ("# attempt %d, %ld samples\n", i + 1, n);
    for (kind = AGAIN, left = 0; kind < KINDS; kind++) {
      good_once[kind] |= fine ((enum kind) kind);
      left |= !good_once[kind];
    }
  }
  for (kind = AGAIN; kind < KINDS; kind++) {
    printf ("%sok %d - %s: %s\n", good_once[kind] ? "" : "not ", kind, kinds[kind].name,
            texts[kinds[kind].bound]);
    failed |= !good_once[kind];
  }
  printf ("1..%d\n", KINDS - 1);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
