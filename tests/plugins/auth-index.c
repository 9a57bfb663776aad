/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The keys in memory: found, replaced, revoked, under readers that take no lock; and
 * how much room a great many take.  KGENT_TEST_KEYS=1000000 loads as many. */
#include "plugins/auth/recall.h"
#include "tests/unit.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define SECOND 1000000000ll
#define NOW    (1700000000 * SECOND)
#define TENANT "00000000-0000-4000-8000-0000000000aa"
#define KEYS   50 /* that readers look for */

static const struct tier tiers[] = { { "FREE", { .per_minute = 60, .per_day = 100 } },
                                     { "PRO", { .per_minute = 600 } } };

static struct numbers numbers;
static struct tenants tenants;
static struct epochs epochs;
static struct index idx;

static void
idx_open (void)
{
  const struct tiers table = { tiers, 2 };
  memset (&epochs, 0, sizeof epochs);
  epochs_init (&epochs);
  ck_assert_int_eq (numbers_init (&numbers), 0);
  ck_assert_int_eq (tenants_init (&tenants, &table, &numbers, &epochs), 0);
  ck_assert_int_eq (index_init (&idx, &tenants, &numbers, &epochs), 0);
  index_run (&idx);
}

static void
idx_close (void)
{
  index_finish (&idx);
  tenants_finish (&tenants);
  epochs_finish (&epochs);
  numbers_finish (&numbers);
}

/* ---- Keys ---------------------------------------------------------------- */

static void
id_of (int n, char id[TEXT_UUID])
{
  snprintf (id, TEXT_UUID, "%08x-0000-4000-8000-%012x", (unsigned) n * 2654435761u, (unsigned) n);
}

static void
hash_of (int n, uint8_t hash[KEY_HASH])
{
  char secret[16];
  snprintf (secret, sizeof secret, "kg_%d", n);
  SHA256 ((const unsigned char *) secret, strlen (secret), hash);
}

static int32_t
put (int n, uint64_t revision, int active, const char *scope)
{
  char id[TEXT_UUID];
  struct key_spec spec = { .id = id, .prefix = "kg_", .name = "n", .tenant = TENANT,
                           .user = "user", .tier = "FREE", .scopes = { "read", scope },
                           .limits = LIMITS_UNSET, .active = active };
  id_of (n, id);
  hash_of (n, spec.hash);
  return index_put (&idx, &spec, revision);
}

static int32_t
take_out (int n)
{
  char text[TEXT_UUID];
  uint8_t id[16];
  id_of (n, text);
  text_uuid_read (text, strlen (text), id);
  return index_remove (&idx, id);
}

static uint32_t
find (int n)
{
  uint8_t hash[KEY_HASH];
  hash_of (n, hash);
  return index_find (&idx, hash);
}

static uint32_t
newest (int n)
{
  char text[TEXT_UUID];
  uint8_t id[16];
  uint32_t number;
  id_of (n, text);
  text_uuid_read (text, strlen (text), id);
  number = index_by_id (&idx, id);
  if (number)
    index_unpin (&idx, number);
  return number;
}

static enum verdict
judge (uint32_t number, int64_t now_ns)
{
  enum role role;
  return index_verdict (&idx, number, now_ns, &role);
}

/* Twice: the first one only ends the epoch. */
static void
sweep (void)
{
  index_sweep (&idx, NOW);
  index_sweep (&idx, NOW);
}

START_TEST (life)
{
  idx_open ();
  for (int i = 0; i < 1000; i++)
    ck_assert_int_eq (put (i, 1, 1, NULL), 0);
  for (int i = 0; i < 1000; i += 2) {
    ck_assert_int_eq (take_out (i), 0);
    ck_assert_int_eq (take_out (i), -ENOENT);
  }
  for (int i = 0; i < 1000; i++)
    ck_assert_int_eq (find (i) != 0, i % 2);
  ck_assert_uint_eq (find (1000), 0);
  ck_assert_uint_eq (idx.active, 500);
  sweep ();
  ck_assert_uint_eq (idx.unused_count, 500);
  ck_assert_uint_eq (idx.profiles.live, 2); /* nobody's, and everybody's */
  for (int i = 0; i < 1000; i += 2) /* in the same room */
    ck_assert_int_eq (put (i, 1, 1, NULL), 0);
  ck_assert_uint_eq (idx.count, 1000);
  for (int i = 0; i < 1000; i++)
    ck_assert_uint_ne (find (i), 0);
  idx_close ();
}
END_TEST

START_TEST (revisions)
{
  uint32_t first, second;
  idx_open ();
  ck_assert_int_eq (put (1, 5, 1, NULL), 0);
  first = find (1);
  ck_assert_int_eq (judge (first, NOW), VERDICT_OK);
  ck_assert_int_eq (put (1, 4, 1, "write"), 0); /* too old */
  ck_assert_int_eq (put (1, 5, 1, "write"), 0);
  ck_assert_uint_eq (find (1), first);
  ck_assert_int_eq (put (1, 6, 1, "write"), 0);
  second = find (1);
  ck_assert_uint_ne (second, first);
  ck_assert_int_eq (index_current (&idx, first), 0);
  ck_assert_int_eq (judge (first, NOW), VERDICT_OK); /* for whoever has it still */
  ck_assert_int_eq (put (1, 8, 0, NULL), 0);
  ck_assert_uint_eq (find (1), 0);
  ck_assert_int_eq (judge (second, NOW), VERDICT_REVOKED);
  ck_assert_int_eq (put (1, 7, 1, NULL), 0); /* late news don't bring it back */
  ck_assert_uint_eq (find (1), 0);
  ck_assert_uint_eq (idx.active, 0);
  ck_assert_int_eq (put (1, 9, 1, NULL), 0); /* newer ones do */
  ck_assert_int_eq (judge (find (1), NOW), VERDICT_OK);
  ck_assert_uint_eq (idx.active, 1);
  idx_close ();
}
END_TEST

START_TEST (another_secret)
{
  struct key_spec spec = { .prefix = "kg_", .name = "n", .tenant = TENANT, .user = "u",
                           .tier = "FREE", .limits = LIMITS_UNSET, .active = 1 };
  char id[TEXT_UUID];
  idx_open ();
  ck_assert_int_eq (put (1, 1, 1, NULL), 0);
  id_of (1, id);
  spec.id = id;
  hash_of (2, spec.hash);
  ck_assert_int_eq (index_put (&idx, &spec, 2), 0);
  ck_assert_uint_eq (find (1), 0);
  ck_assert_uint_ne (find (2), 0);
  idx_close ();
}
END_TEST

START_TEST (traces_go)
{
  idx_open ();
  ck_assert_int_eq (put (1, 1, 1, NULL), 0);
  ck_assert_int_eq (put (1, 2, 0, NULL), 0);
  ck_assert_int_eq (put (2, 1, 0, NULL), 0);
  sweep ();
  ck_assert_uint_ne (newest (1), 0);
  for (int i = 0; i < 70; i++)
    index_sweep (&idx, NOW);
  ck_assert_uint_eq (newest (1), 0);
  ck_assert_uint_eq (newest (2), 0);
  ck_assert_uint_eq (idx.unused_count, idx.count);
  ck_assert_uint_eq (idx.old_count, 0);
  ck_assert_uint_eq (idx.users.live, 1);
  idx_close ();
}
END_TEST

START_TEST (pins_hold)
{
  uint32_t n;
  idx_open ();
  ck_assert_int_eq (put (1, 1, 1, "write"), 0);
  n = find (1);
  index_pin (&idx, n);
  ck_assert_int_eq (put (1, 2, 1, "admin"), 0);
  sweep ();
  ck_assert_int_eq (key_at (&idx, n)->ended, 0); /* a newer record works */
  ck_assert_str_eq (key_profile (&idx, key_at (&idx, n))->scopes[0][1], "write");
  ck_assert_uint_eq (idx.profiles.live, 3);
  ck_assert_int_eq (put (1, 3, 0, "admin"), 0);
  index_sweep (&idx, NOW);
  ck_assert_int_ne (key_at (&idx, n)->ended, 0); /* no newer record works */
  index_unpin (&idx, n);
  sweep ();
  ck_assert_uint_eq (idx.profiles.live, 2);
  idx_close ();
}
END_TEST

START_TEST (ends_and_comes_back)
{
  struct tenant_spec tenant = { .id = TENANT, .name = "n", .slug = "acme", .tier = "PRO",
                                .metadata = "{}", .anchor_day = 1, .limits = LIMITS_UNSET };
  uint32_t n;
  idx_open ();
  ck_assert_int_eq (put (1, 1, 1, NULL), 0);
  n = find (1);
  index_pin (&idx, n);
  tenant.status = TENANT_SUSPENDED;
  ck_assert_int_eq (tenant_put (&tenants, &tenant, 2), 0);
  ck_assert_int_eq (judge (n, NOW), VERDICT_SUSPENDED);
  index_sweep (&idx, NOW);
  ck_assert_int_eq (key_at (&idx, n)->ended, ENDED_PAUSED);
  tenant.status = TENANT_ACTIVE;
  ck_assert_int_eq (tenant_put (&tenants, &tenant, 3), 0);
  index_sweep (&idx, NOW);
  ck_assert_int_eq (key_at (&idx, n)->ended, 0);
  ck_assert_int_eq (take_out (1), 0);
  ck_assert_int_eq (key_at (&idx, n)->ended, ENDED_REVOKED);
  index_unpin (&idx, n);
  idx_close ();
}
END_TEST

static struct recall *recall;

static uint32_t
recalled (const struct recall_tag *tag)
{
  const struct recall_entry *e = recall_find (recall, &idx, tag);
  return e ? e->number : 0;
}

static void
keep (const struct recall_tag *tag, int n)
{
  char id[TEXT_UUID];
  id_of (n, id);
  recall_keep (recall, &idx, tag, find (n), id);
}

START_TEST (recalls)
{
  static const uint64_t key[2] = { 1, 2 };
  struct recall_tag tag = recall_tag (key, "kg_1", 4), other = recall_tag (key, "kg_2", 4);
  recall = recall_create ();
  idx_open ();
  ck_assert_uint_eq (recalled (&tag), 0);
  ck_assert_int_eq (put (1, 1, 1, NULL), 0);
  keep (&tag, 1);
  ck_assert_uint_eq (recalled (&tag), find (1));
  ck_assert_uint_eq (recalled (&other), 0);
  ck_assert_int_eq (put (1, 2, 1, "write"), 0); /* replaced: look again */
  ck_assert_uint_eq (recalled (&tag), 0);
  keep (&tag, 1);
  ck_assert_int_eq (put (1, 3, 0, "write"), 0);
  ck_assert_uint_eq (recalled (&tag), 0);
  for (int i = 0; i < 70; i++)
    index_sweep (&idx, NOW);
  for (int i = 2; i < 10; i++) /* in whose room others are now */
    ck_assert_int_eq (put (i, 1, 1, NULL), 0);
  ck_assert_uint_eq (recalled (&tag), 0);
  idx_close ();
  recall_destroy (recall);
}
END_TEST

/* From 48 bytes on it is SipHash-2-4 to the letter; below it is padded. */
START_TEST (sip_is_sip)
{
  const uint64_t key[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
  EVP_MAC *mac = EVP_MAC_fetch (NULL, "SIPHASH", NULL);
  EVP_MAC_CTX *ctx = EVP_MAC_CTX_new (mac);
  char message[RECALL_TEXT];
  unsigned char out[16];
  size_t size = 16, n;
  OSSL_PARAM params[]
      = { OSSL_PARAM_construct_size_t (OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_construct_end () };
  for (int i = 0; i < RECALL_TEXT; i++)
    message[i] = (char) i;
  for (size_t len = 0; len <= RECALL_TEXT; len++) {
    struct recall_tag tag = recall_tag (key, message, len);
    struct recall_tag other = recall_tag (key, message, len ? len - 1 : 1);
    ck_assert_uint_ne (tag.word[0], other.word[0]);
    ck_assert_uint_ne (tag.word[1], other.word[1]);
    ck_assert_int_eq (EVP_MAC_init (ctx, (const unsigned char *) key, 16, params), 1);
    ck_assert_int_eq (EVP_MAC_update (ctx, (const unsigned char *) message, len), 1);
    ck_assert_int_eq (EVP_MAC_final (ctx, out, &n, sizeof out), 1);
    if (len >= 48)
      ck_assert_mem_eq (&tag, out, sizeof out);
  }
  EVP_MAC_CTX_free (ctx);
  EVP_MAC_free (mac);
}
END_TEST

/* ---- Readers and writers ------------------------------------------------- */

static _Atomic int stop;

static void
read_once (uint32_t worker, int n)
{
  uint32_t number;
  const struct profile *profile;
  const struct key *key;
  enum role role;
  int works;
  epoch_enter (&epochs, worker);
  number = find (n);
  works = number && index_verdict (&idx, number, NOW, &role) == VERDICT_OK;
  if (works)
    index_pin (&idx, number);
  epoch_leave (&epochs, worker);
  if (!works)
    return;
  key = key_at (&idx, number);
  profile = key_profile (&idx, key);
  ck_assert_str_eq (profile->scopes[role][0], "read");
  ck_assert_str_eq (profile->tenant->text, TENANT);
  ck_assert_str_eq (key_user (&idx, key)->text, "user");
  ck_assert_int_eq (key->id[15], n); /* never another one's */
  index_unpin (&idx, number);
}

static void *
reader (void *arg)
{
  uint32_t worker = (uint32_t) (uintptr_t) arg;
  while (!stop)
    for (int i = 0; i < KEYS; i++)
      read_once (worker, i);
  return NULL;
}

/* A key that is replaced and not revoked works at every moment. */
static void *
steady_reader (void *arg)
{
  uint32_t worker = (uint32_t) (uintptr_t) arg, number;
  while (!stop) {
    epoch_enter (&epochs, worker);
    number = find (KEYS);
    ck_assert_uint_ne (number, 0);
    ck_assert_int_eq (judge (number, NOW), VERDICT_OK);
    epoch_leave (&epochs, worker);
  }
  return NULL;
}

static void *
sweeper (void *arg)
{
  while (!stop)
    index_sweep (&idx, NOW);
  return arg;
}

/* A user's record comes and goes. */
static void
change_user (int i)
{
  struct user_spec user = { .id = "user", .tenant = TENANT, .email = "", .role = ROLE_MEMBER,
                            .active = 1 };
  if (i % 3)
    ck_assert_int_eq (index_user (&idx, &user, (uint64_t) i), 0);
  else
    ck_assert_int_eq (index_user_remove (&idx, "user"), 0);
}

START_TEST (under_change)
{
  static const char *const scopes[] = { "write", "admin", "billing", NULL };
  int rounds = SANITIZED ? 2000 : 5000;
  pthread_t t[5];
  idx_open ();
  for (int i = 0; i <= KEYS; i++)
    ck_assert_int_eq (put (i, 1, 1, NULL), 0);
  stop = 0;
  for (int i = 0; i < 3; i++)
    pthread_create (&t[i], NULL, reader, (void *) (uintptr_t) i);
  pthread_create (&t[3], NULL, steady_reader, (void *) (uintptr_t) 3);
  pthread_create (&t[4], NULL, sweeper, NULL);
  for (int i = 0; i < rounds; i++) { /* replaces, revokes, removes, grows */
    ck_assert_int_eq (put (i % KEYS, (uint64_t) i + 2, i % 3 > 0, scopes[i % 4]), 0);
    ck_assert_int_eq (put (KEYS, (uint64_t) i + 2, 1, scopes[i % 4]), 0);
    ck_assert_int_eq (put (1000 + i % 3000, (uint64_t) i + 2, 1, NULL), 0);
    if (i % 7 == 0)
      take_out (1000 + i * 5 % 3000);
    if (i % 11 == 0)
      change_user (i);
  }
  stop = 1;
  for (int i = 0; i < 5; i++)
    pthread_join (t[i], NULL);
  for (int i = 0; i < 70; i++)
    index_sweep (&idx, NOW);
  ck_assert_uint_eq (idx.old_count, 0);
  idx_close ();
}
END_TEST

/* ---- A great many -------------------------------------------------------- */

static double
seconds (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static long
rss_bytes (void)
{
  long pages = 0, resident = 0;
  FILE *f = fopen ("/proc/self/statm", "r");
  if (f && fscanf (f, "%ld %ld", &pages, &resident) != 2)
    resident = 0;
  if (f)
    fclose (f);
  return resident * sysconf (_SC_PAGESIZE);
}

/* The stored value of key n, as the operator's routes write it: 1,000 tenants, 250,000
 * users, 5,000 profiles when there are a million. */
static size_t
value_make (int n, char *text, size_t size)
{
  char id[TEXT_UUID], tenant[TEXT_UUID], user[32], prefix[16];
  struct key_spec spec = { .id = id, .prefix = prefix, .name = "a key of some length", .user = user,
                           .tenant = tenant, .tier = n % 3 ? "" : "PRO",
                           .scopes = { "read", "write", n % 5 ? NULL : "invoke:world.house.*" },
                           .archetypes = { "developer" }, .limits = LIMITS_UNSET,
                           .created_ns = NOW, .active = 1 };
  struct kg_out out = { text, 0, size };
  id_of (n, id);
  id_of (n % 1000, tenant);
  snprintf (user, sizeof user, "user-%06d", n % 250000);
  snprintf (prefix, sizeof prefix, "kg_%05d", n % 100000);
  hash_of (n, spec.hash);
  if (n % 2)
    spec.limits.per_day = 1000 * (n % 4);
  key_store (&out, &spec);
  return out.len;
}

static int32_t
load (const struct key_spec *spec, void *arg)
{
  return index_put (&idx, spec, *(uint64_t *) arg);
}

START_TEST (a_million)
{
  const char *wanted = getenv ("KGENT_TEST_KEYS");
  int count = wanted ? atoi (wanted) : SANITIZED ? 2000 : 50000;
  char text[2048];
  double spent = 0, begun;
  long before, after;
  idx_open ();
  malloc_trim (0);
  before = rss_bytes ();
  for (int i = 0; i < count; i++) {
    uint64_t revision = (uint64_t) i + 1;
    size_t len = value_make (i, text, sizeof text);
    begun = seconds ();
    ck_assert_int_eq (key_read ((kg_str){ text, len }, load, &revision), 0);
    spent += seconds () - begun;
  }
  sweep ();
  after = rss_bytes ();
  ck_assert_uint_eq (idx.active, (uint64_t) count);
  for (int i = 0; i < count; i += 997)
    ck_assert_uint_ne (find (i), 0);
  printf ("# %d keys: %.1f MB resident, %.1f bytes each, read in %.2f s, %.2f us each\n", count,
          (double) (after - before) / 1e6, (double) (after - before) / count, spent,
          spent * 1e6 / count);
  fflush (stdout);
  /* what is there whatever the number of keys: a slab, and first tables */
  if (!SANITIZED)
    ck_assert_int_le (after - before, 8000000 + 135L * count);
  idx_close ();
}
END_TEST

UNIT_MAIN ("auth-index", life, revisions, another_secret, traces_go, pins_hold,
           ends_and_comes_back, recalls, sip_is_sip, under_change, a_million)
