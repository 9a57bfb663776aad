/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The audit log: it hangs together, and it is noticed when it doesn't. */
#include "tests/plugins/auth-admin.h"

#include <kgent/audit.h>

#include <errno.h>
#include <openssl/evp.h>

#define TENANTS "/admin/v1/tenants"
#define KEYS    "/admin/v1/keys"
#define AUDIT   "/admin/v1/audit"
#define LOG     "auth.audit"

static const char *
sha256 (const char *s)
{
  unsigned char hash[32];
  char hex[65];
  EVP_Digest (s, strlen (s), hash, NULL, EVP_sha256 (), NULL);
  for (int i = 0; i < 32; i++)
    snprintf (hex + 2 * i, 3, "%02x", hash[i]);
  return text ("%s", hex);
}

static void
changes (int n)
{
  for (int i = 0; i < n; i++)
    ck_assert_int_eq (fake_status (ask ("POST", TENANTS, text ("{\"name\":\"n%d\"}", i))), 201);
}

/* The fake's own copy of a record, to be tampered with. */
static char *
record (int i)
{
  return (char *) (uintptr_t) fake_log_data (fake, LOG, i);
}

static void
is_well (void)
{
  restart ();
  ck_assert_int_eq (fake_health (fake, "audit"), KG_HEALTH_OK);
}

static void
is_broken (const char *why)
{
  fake_log_clear (fake);
  restart ();
  ck_assert_int_eq (fake_health (fake, "audit"), KG_HEALTH_DEGRADED);
  ck_assert_msg (strstr (fake_logged (fake), why) != NULL, "%s", fake_logged (fake));
}

/* ---- Reading ------------------------------------------------------------- */

CASE (chain)
{
  kg_req *req;
  const char *prev = "0000000000000000000000000000000000000000000000000000000000000000";
  changes (5);
  req = expect (ask ("GET", AUDIT, NULL), 200, NULL);
  for (int i = 0; i < 5; i++) {
    const char *one = fake_json (req, text ("records.%d.text", i));
    ck_assert_str_eq (one, fake_log_data (fake, LOG, i));
    has (req, text ("records.%d.seq", i), text ("%d", i + 1));
    has (req, text ("records.%d.prev", i), prev);
    has (req, text ("records.%d.action", i), "tenant.create");
    has (req, text ("records.%d.before", i), "null");
    has (req, text ("records.%d.after.name", i), text ("n%d", i));
    prev = sha256 (one);
    has (req, text ("records.%d.hash", i), prev);
  }
  has (req, "records.5", NULL);
  has (req, "next", "null");
  has (req, "head.seq", "5");
  has (req, "head.hash", prev);
  ck_assert_str_eq (fake_store_get (fake, LOG, "head"), text ("{\"seq\":5,\"hash\":\"%s\"}", prev));
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), text ("audit: record 5, tenant.create")));
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), text ("by local, sha256 %s", prev)));
  is_well ();
}

CASE (pages)
{
  kg_req *req;
  has (expect (ask ("GET", AUDIT, NULL), 200, NULL), "records", "[]");
  changes (5);
  req = expect (ask ("GET", AUDIT "?limit=2", NULL), 200, NULL);
  has (req, "records.1.seq", "2");
  has (req, "records.2", NULL);
  has (req, "next", "2");
  req = ask ("GET", AUDIT "?limit=2&after=2", NULL);
  has (req, "records.0.seq", "3");
  has (req, "next", "4");
  req = ask ("GET", AUDIT "?limit=2&after=4", NULL);
  has (req, "records.0.seq", "5");
  has (req, "records.1", NULL);
  has (req, "next", "null");
  has (ask ("GET", AUDIT "?after=5", NULL), "records", "[]");
  has (ask ("GET", AUDIT "?after=500", NULL), "records", "[]");
  expect (ask ("GET", AUDIT "?after=-1", NULL), 422, NULL);
  expect (ask ("GET", AUDIT "?limit=1001", NULL), 422, NULL);
}

CASE (only_what_differs)
{
  changes (1);
  expect (ask ("PATCH", TENANTS "/n0", "{\"name\":\"m\",\"status\":\"suspended\"}"), 200, NULL);
  ck_assert_ptr_nonnull (
      strstr (fake_log_data (fake, LOG, 1),
              "\"before\":{\"name\":\"n0\",\"status\":\"active\"},"
              "\"after\":{\"name\":\"m\",\"status\":\"suspended\"},\"prev\":"));
  expect (ask ("PATCH", TENANTS "/n0", "{\"name\":\"m\"}"), 200, NULL);
  ck_assert_int_eq (fake_log_count (fake, LOG), 2);
}

/* What an operator types cannot end the text before its end. */
CASE (no_forgery)
{
  kg_req *req;
  changes (1);
  expect (ask ("PATCH", TENANTS "/n0",
               "{\"name\":\"\\\",\\\"prev\\\":\\\"\","
               "\"metadata\":{\"seq\":9,\"prev\":\"x\",\"\\u00e4\":\"</script>\"}}"),
          200, NULL);
  req = expect (ask ("GET", AUDIT, NULL), 200, NULL);
  has (req, "records.1.seq", "2");
  has (req, "records.1.after.name", "\",\"prev\":\"");
  has (req, "records.1.hash", sha256 (fake_log_data (fake, LOG, 1)));
  is_well ();
}

/* ---- Tampering ----------------------------------------------------------- */

CASE (changed_text)
{
  changes (5);
  is_well ();
  strstr (record (2), "n2")[1] = '7';
  is_broken ("the chain is broken at record 3: the record is not what the next one says");
  ck_assert_int_eq (fake_status (ask ("POST", TENANTS, "{\"name\":\"goes on\"}")), 201);
  is_broken ("at record 3");
}

CASE (changed_last_text)
{
  changes (3);
  strstr (record (2), "n2")[1] = '7';
  is_broken ("the chain is broken at record 3: the record is not what the head says");
}

CASE (changed_number)
{
  changes (3);
  strstr (record (1), "\"seq\":2")[6] = '3';
  is_broken ("the chain is broken at record 2: the record is missing");
}

CASE (garbage)
{
  kg_req *req;
  changes (3);
  memset (record (1), 0xff, strlen (record (1)));
  is_broken ("the chain is broken at record 2: the record is malformed");
  req = expect (ask ("GET", AUDIT, NULL), 200, NULL);
  has (req, "records.1.damaged", "true");
  has (req, "records.1.text", "null");
  has (req, "records.1.hash", sha256 (record (1)));
  has (req, "records.2.seq", "3");
}

CASE (truncated_head)
{
  changes (3);
  fake_store_put (fake, LOG, "head", text ("{\"seq\":2,\"hash\":\"%s\"}", sha256 (record (1))));
  is_well (); /* as if a record had been written meanwhile */
  fake_store_put (fake, LOG, "head", text ("{\"seq\":4,\"hash\":\"%s\"}", sha256 (record (2))));
  is_broken ("the chain is broken at record 4: the record is missing");
  fake_store_put (fake, LOG, "head", "{}");
  is_broken ("the head is malformed");
  expect (ask ("POST", TENANTS, "{\"name\":\"x\"}"), 500, NULL);
}

CASE (lost_head)
{
  changes (3);
  fake_store_put (fake, LOG, "head", NULL);
  fake_log_clear (fake);
  changes (1);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "the head is gone; going on behind record 3"));
  ck_assert_ptr_nonnull (strstr (record (3), "{\"seq\":4,"));
  ck_assert_ptr_nonnull (strstr (record (3), sha256 (record (2))));
  is_well ();
}

/* ---- Changes of other plugins -------------------------------------------------- */

static kg_bucket *others_bucket;
static int builds, ends;
static int32_t end_error;

static int32_t
others_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  const struct kg_store *store;
  (void) conf;
  *ret_data = NULL;
  ck_assert_int_eq (h->need (self, KG_STORE, sizeof *store, 0, (const void **) &store), 0);
  return store->bucket (self, "others", &others_bucket);
}

static void
nothing (void *data)
{
  (void) data;
}

static const struct kg_plugin others
    = { .abi = KG_ABI_CURRENT, .size = sizeof others, .opt_size = sizeof (struct kg_opt),
        .name = "others", .version = "1", .summary = "", .open = others_open, .close = nothing };

/* `arg` is what it answers; 2: an entry that was never there with this revision. */
static int32_t
others_build (struct kg_audit_change *ret, void *arg)
{
  static struct kg_op op;
  int answer = *(int *) arg;
  builds++;
  op = (struct kg_op){ .kind = KG_OP_PUT, .bucket = others_bucket, .key = { "k", 1 },
                       .value = { "v", 1 }, .revision = answer == 2 ? 77777 : KG_REV_ANY };
  ret->ops = &op;
  ret->nops = 1;
  ret->op_size = sizeof op;
  ret->action = "thing.create";
  ret->target = "thing";
  ret->after = (kg_str){ "{\"a\":1}", 7 };
  return answer == 2 ? 1 : answer;
}

static void
others_done (int32_t error, void *arg)
{
  (void) arg;
  ends++;
  end_error = error;
}

static int32_t
others_change (int answer)
{
  const struct kg_audit *audit = fake_service (fake, KG_AUDIT);
  builds = ends = 0;
  ck_assert_int_eq (audit->change ("u", NULL, others_build, others_done, &answer), 0);
  fake_run_jobs (fake);
  fake_store_commit (fake);
  fake_run_jobs (fake);
  ck_assert_int_eq (ends, 1);
  return end_error;
}

CASE (changes_of_others)
{
  const struct kg_audit *audit;
  fake_stop (fake);
  fake_close (fake);
  ck_assert_int_eq (fake_open (fake, &kg_plugin_1, NULL), 0);
  ck_assert_int_eq (fake_open (fake, &others, NULL), 0);
  ck_assert_int_eq (fake_start (fake), 0);
  ck_assert_int_eq (others_change (1), 0);
  ck_assert_str_eq (fake_store_get (fake, "others", "k"), "v");
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, LOG, 0), "\"action\":\"thing.create\""));
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, LOG, 0), "\"after\":{\"a\":1}"));
  ck_assert_int_eq (others_change (0), 0);
  ck_assert_int_eq (others_change (-ENOENT), -ENOENT);
  ck_assert_int_eq (builds, 1);
  ck_assert_int_eq (others_change (2), -ESTALE);
  ck_assert_int_gt (builds, 1);
  ck_assert_int_eq (fake_log_count (fake, LOG), 1);
  audit = fake_service (fake, KG_AUDIT);
  ck_assert_int_eq (audit->change ("", NULL, others_build, others_done, NULL), -EINVAL);
}

UNIT_MAIN ("auth-audit", changes_of_others, chain, pages, only_what_differs, no_forgery, changed_text,
           changed_last_text, changed_number, garbage, truncated_head, lost_head)
