/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What operators and tenants see of billing. */
#include "tests/plugins/billing-served.h"

static kg_req *
expect (kg_req *req, int status)
{
  ck_assert_msg (fake_status (req) == status, "%d, not %d: %s", fake_status (req), status,
                 fake_body (req));
  return req;
}

static void
has (kg_req *req, const char *path, const char *value)
{
  const char *got = fake_json (req, path);
  ck_assert_msg (value ? got && !strcmp (got, value) : !got, "%s is %s, not %s: %s", path,
                 got ? got : "absent", value ? value : "absent", fake_body (req));
}

#define INBOX "/admin/v1/billing/inbox"

static void
three_events (void)
{
  take (event_text ("evt_1", "invoice.paid", T0, "\"id\":\"in_1\",\"amount_paid\":1.5"));
  take (event_text ("evt_2", "checkout.session.completed", T0, CHECKOUT));
  take (event_text ("evt_3", "charge.refunded", T0 + 1, "\"id\":\"ch_1\""));
}

CASE (inbox_list)
{
  kg_req *req;
  three_events ();
  req = expect (ask ("GET", INBOX, NULL), 200);
  has (req, "events.0.id", "evt_1");
  has (req, "events.0.state", "parked");
  has (req, "events.0.reason", "an amount is no integer");
  has (req, "events.1.type", "checkout.session.completed");
  has (req, "events.1.created", "2023-11-14T22:13:20Z");
  has (req, "events.2.state", "done");
  has (req, "events.3.id", NULL);
  has (req, "next", "null");
  req = expect (ask ("GET", INBOX "?limit=2", NULL), 200);
  has (req, "next", "2");
  req = expect (ask ("GET", INBOX "?after=2", NULL), 200);
  has (req, "events.0.id", "evt_3");
  req = expect (ask ("GET", INBOX "?state=parked", NULL), 200);
  has (req, "events.0.id", "evt_1");
  has (req, "events.1.id", NULL);
  has (expect (ask ("GET", INBOX "?state=parked&after=1", NULL), 200), "events.0.id", NULL);
}

static void
fifty_events (void)
{
  for (int i = 0; i < 50; i++) {
    char id[16];
    snprintf (id, sizeof id, "evt_%d", i);
    take (event_text (id, "charge.refunded", T0 + 1, "\"id\":\"ch_1\""));
  }
}

/* Of a parked event is known where it lies. */
CASE (parked_show)
{
  uint64_t scanned;
  kg_req *req;
  fifty_events ();
  take (event_text ("evt_x", "invoice.paid", T0, "\"id\":\"in_1\",\"amount_paid\":1.5"));
  scanned = fake_store_scanned (fake);
  req = expect (ask ("GET", INBOX "/evt_x", NULL), 200);
  has (req, "sequence", "51");
  has (req, "state", "parked");
  ck_assert_uint_eq (fake_store_scanned (fake) - scanned, 1);
}

/* So it is of one that was processed, and that there is none is known without a look at all. */
CASE (done_show)
{
  uint64_t scanned;
  fifty_events ();
  scanned = fake_store_scanned (fake);
  has (expect (ask ("GET", INBOX "/evt_44", NULL), 200), "sequence", "45");
  has (expect (ask ("POST", INBOX "/evt_44/replay", NULL), 200), "replayed", "true");
  expect (ask ("GET", INBOX "/evt_99", NULL), 404);
  expect (ask ("GET", INBOX "/99", NULL), 404);
  expect (ask ("GET", INBOX "/0", NULL), 404);
  ck_assert_uint_eq (fake_store_scanned (fake) - scanned, 2);
}

/* One whose turn is still to come is looked for behind the cursor. */
CASE (pending_show)
{
  uint64_t scanned;
  fifty_events ();
  fake_store_hold (fake, 1);
  send (event_text ("evt_x", "charge.refunded", T0 + 1, "\"id\":\"ch_1\""));
  fake_store_commit (fake);
  scanned = fake_store_scanned (fake);
  has (expect (ask ("GET", INBOX "/evt_x", NULL), 200), "state", "pending");
  ck_assert_uint_le (fake_store_scanned (fake) - scanned, 2); /* the cursor's look, too */
  expect (ask ("POST", INBOX "/evt_x/replay", NULL), 409);
  fake_store_commit (fake);
  fake_store_hold (fake, 0);
}

/* What was passed before sequences were noted is found, too. */
CASE (unnoted_show)
{
  char totals[1024], *end;
  three_events ();
  TEXT_PUT (totals, fake_store_get (fake, "billing.totals", "inbox"));
  end = strstr (totals, ",\"unnoted\":0}");
  ck_assert_ptr_nonnull (end);
  strcpy (end, "}");
  fake_store_put (fake, "billing.totals", "inbox", totals);
  fake_store_put (fake, "billing.objects", "evt/evt_2", NULL);
  has (expect (ask ("GET", INBOX "/evt_2", NULL), 200), "sequence", "2");
  take (event_text ("evt_4", "charge.refunded", T0 + 1, "\"id\":\"ch_1\""));
  has (expect (ask ("GET", INBOX "/evt_2", NULL), 200), "sequence", "2");
  has (expect (ask ("GET", INBOX "/evt_4", NULL), 200), "id", "evt_4");
  TEXT_PUT (totals, fake_store_get (fake, "billing.totals", "inbox"));
  ck_assert_msg (strstr (totals, ",\"unnoted\":") && !strstr (totals, ":0}"), "%s", totals);
}

CASE (inbox_show)
{
  char target[128];
  kg_req *req;
  three_events ();
  req = expect (ask ("GET", INBOX "/evt_2", NULL), 200);
  has (req, "sequence", "2");
  has (req, "event.data.object.client_reference_id", "t-1");
  req = expect (ask ("GET", INBOX "/evt_3", NULL), 200);
  snprintf (target, sizeof target, INBOX "/%s", fake_json (req, "sequence"));
  has (expect (ask ("GET", target, NULL), 200), "id", "evt_3");
  expect (ask ("GET", INBOX "/evt_9", NULL), 404);
  expect (ask ("GET", INBOX "/9", NULL), 404);
}

/* What was parked for a fault of the store is processed; what is done does nothing. */
CASE (replay)
{
  fake_store_hold (fake, 1);
  send (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  fake_store_commit (fake);
  fake_store_hold (fake, 0);
  fake_store_fail (fake, -EINVAL, 4);
  settle ();
  ck_assert_int_eq (ledger_count (), 0);
  ck_assert_int_eq ((int) fake_metric (fake, "kgent_stripe_parked", NULL), 1);
  has (expect (ask ("POST", INBOX "/evt_1/replay", NULL), 200), "replayed", "true");
  ck_assert_int_eq (ledger_count (), 1);
  settle ();
  ck_assert_int_eq ((int) fake_metric (fake, "kgent_stripe_parked", NULL), 0);
  for (int i = 0; i < 3; i++)
    expect (ask ("POST", INBOX "/1/replay", NULL), 200);
  ck_assert_int_eq (ledger_count (), 1);
  expect (ask ("POST", INBOX "/evt_9/replay", NULL), 404);
  take (event_text ("evt_2", "invoice.paid", T0, "\"id\":\"in_1\",\"amount_paid\":1.5"));
  expect (ask ("POST", INBOX "/evt_2/replay", NULL), 422);
}

#define CUSTOMERS "/admin/v1/billing/customers"

CASE (customers)
{
  kg_req *req;
  take (sub_text ("evt_1", "created", T0, "active", "price_pro", ""));
  ck_assert_int_eq (ledger_count (), 0);
  req = expect (ask ("POST", CUSTOMERS, "{\"customer\":\"cus_1\",\"tenant\":\"t-2\"}"), 200);
  has (req, "tenant", "t-2");
  tier_is ("t-2", "PRO");
  ledger_has ("started-sub_1", "\"tenant\":\"t-2\"");
  take (event_text ("evt_2", "customer.updated", T0 + 2,
                    "\"id\":\"cus_1\",\"metadata\":{\"tenant_id\":\"t-1\"}"));
  tier_is ("t-1", "FREE");
  req = expect (ask ("GET", CUSTOMERS, NULL), 200);
  has (req, "customers.0.customer", "cus_1");
  has (req, "customers.0.tenant", "t-2");
  has (req, "customers.0.by", "admin");
  expect (ask ("POST", CUSTOMERS, "{\"customer\":\"cus_1\",\"tenant\":\"t-3\"}"), 200);
  tier_is ("t-2", "FREE");
  tier_is ("t-3", "PRO");
  expect (ask ("POST", CUSTOMERS, "{\"customer\":\"cus_1\",\"tenant\":null}"), 200);
  has (expect (ask ("GET", CUSTOMERS, NULL), 200), "customers.0.customer", NULL);
  expect (ask ("POST", CUSTOMERS, "{\"customer\":\"cus_1\",\"tenant\":\"t-8\"}"), 404);
  expect (ask ("POST", CUSTOMERS, "{\"customer\":\"cus_1\"}"), 422);
  expect (ask ("POST", CUSTOMERS, "{\"customer\":7,\"tenant\":\"t-1\"}"), 422);
  expect (ask ("POST", CUSTOMERS, "[]"), 422);
}

/* An event about the same customer is faster: the operator's word is written after it. */
CASE (map_late)
{
  kg_req *req;
  take (event_text ("evt_1", "customer.created", T0,
                    "\"id\":\"cus_1\",\"metadata\":{\"tenant_id\":\"t-1\"}"));
  fake_store_hold (fake, 1);
  req = ask ("POST", CUSTOMERS, "{\"customer\":\"cus_1\",\"tenant\":\"t-2\"}");
  fake_store_put (fake, "billing.customers", "cus_1",
                  "{\"tenant\":\"t-3\",\"event\":\"evt_2\",\"created\":1700000001}");
  fake_store_hold (fake, 0);
  fake_store_commit (fake);
  fake_run_jobs (fake);
  has (expect (req, 200), "tenant", "t-2");
  has (expect (ask ("GET", CUSTOMERS, NULL), 200), "customers.0.by", "admin");
}

/* The operator's word takes a subscription from the tenant that it names itself, whoever had
 * the customer, and taking it back gives it back at once. */
CASE (taken_back)
{
  take (sub_text ("evt_1", "created", T0, "active", "price_pro",
                  ",\"metadata\":{\"tenant_id\":\"t-1\"}"));
  take (event_text ("evt_2", "customer.updated", T0 + 2,
                    "\"id\":\"cus_1\",\"metadata\":{\"tenant_id\":\"t-3\"}"));
  tier_is ("t-1", "PRO");
  expect (ask ("POST", CUSTOMERS, "{\"customer\":\"cus_1\",\"tenant\":\"t-2\"}"), 200);
  tier_is ("t-2", "PRO");
  tier_is ("t-1", "FREE");
  expect (ask ("POST", CUSTOMERS, "{\"customer\":\"cus_1\",\"tenant\":null}"), 200);
  tier_is ("t-2", "FREE");
  tier_is ("t-1", "PRO");
}

#define SUBS "/admin/v1/billing/subscriptions"

CASE (subscriptions)
{
  static const char *const scopes[] = { "billing", NULL };
  const struct kg_identity who = { .size = sizeof who, .subject = "ann", .tenant = "t-1",
                                   .key_id = "k", .scopes = scopes };
  kg_req *req;
  take (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  take (sub_text ("evt_2", "created", T0, "past_due", "price_pro", ""));
  req = expect (ask ("GET", SUBS, NULL), 200);
  has (req, "subscriptions.0.id", "sub_1");
  has (req, "subscriptions.0.tenant", "t-1");
  has (req, "subscriptions.0.standing", "grace");
  has (req, "subscriptions.0.until", "2023-11-21T22:13:20Z");
  has (req, "subscriptions.0.amount", "1200");
  has (req, "subscriptions.0.tier", "PRO");
  req = expect (ask ("GET", SUBS "?tenant=t-1", NULL), 200);
  has (req, "subscriptions.0.id", "sub_1");
  has (req, "subscriptions.0.tenant", "t-1");
  has (expect (ask ("GET", SUBS "?tenant=t-2", NULL), 200), "subscriptions.0.id", NULL);
  expect (ask ("GET", SUBS "?tenant=t-7", NULL), 404);
  fake_as (fake, &who, 0, 0);
  req = fake_request (fake, "GET", "/v1/billing/subscription", NULL, NULL);
  fake_run_jobs (fake);
  expect (req, 200);
  has (req, "tier", "PRO");
  has (req, "subscriptions.0.id", "sub_1");
  has (req, "subscriptions.1.id", NULL);
}

/* ---- The time machine ------------------------------------------------------ */

static kg_req *
simulate (const char *events, const char *more)
{
  static char body[32768];
  snprintf (body, sizeof body, "{\"events\":[%s]%s}", events, more);
  return ask ("POST", "/admin/v1/billing/simulate", body);
}

static void
row_is (kg_req *req, int row, const char *event, const char *standing, const char *tier,
        const char *time)
{
  char path[64];
  snprintf (path, sizeof path, "timeline.%d.event", row);
  has (req, path, event);
  snprintf (path, sizeof path, "timeline.%d.standing", row);
  has (req, path, standing);
  snprintf (path, sizeof path, "timeline.%d.tier", row);
  has (req, path, tier);
  snprintf (path, sizeof path, "timeline.%d.time", row);
  has (req, path, time);
}

CASE (time_machine)
{
  char events[16384];
  const char *paid = sub_text ("evt_2", "updated", T0, "active", "price_pro", ""),
             *due = sub_text ("evt_3", "updated", T0 + 30 * DAY, "past_due", "price_pro", ""),
             *end = sub_text ("evt_4", "deleted", T0 + 60 * DAY, "canceled", "price_pro", "");
  kg_req *req;
  snprintf (events, sizeof events, "%s,%s,%s,%s,%s,{\"id\":7}", end, due, paid, due,
            sub_text ("evt_1", "created", T0, "incomplete", "price_pro", ""));
  req = expect (simulate (events, ""), 200);
  row_is (req, 0, "evt_1", "open", "null", "2023-11-14T22:13:20Z");
  row_is (req, 1, "evt_2", "paid", "PRO", "2023-11-14T22:13:20Z");
  row_is (req, 2, "evt_3", "grace", "PRO", "2023-12-14T22:13:20Z");
  row_is (req, 3, "null", "overdue", "FREE", "2023-12-21T22:13:20Z");
  row_is (req, 4, "evt_4", "ended", "FREE", "2024-01-13T22:13:20Z");
  has (req, "timeline.5.time", NULL);
  has (req, "converged", "true");
  has (req, "malformed.0.index", "5");
  snprintf (events, sizeof events, "%s,%s", due, paid);
  has (expect (simulate (events, ",\"until\":1702592001"), 200), "timeline.2.time", NULL);
  row_is (expect (simulate (events, ""), 200), 2, "null", "overdue", "FREE",
          "2023-12-21T22:13:20Z");
  ck_assert_int_eq (ledger_count (), 0);
  expect (ask ("POST", "/admin/v1/billing/simulate", "{}"), 422);
  has (expect (simulate ("", ""), 200), "timeline.0.time", NULL);
}

#define PARTS "/admin/v1/billing/usage/parts"

static void
open_usage (void)
{
  static const char *const conf[]
      = { STRIPE_CONF, "usage.0.meter=starts", "usage.0.type=subscription.started", NULL };
  reopen (conf);
}

/* A name that is none, however long, stands for no part, and least of all for each of them. */
CASE (parts_by_name)
{
  static const char value[] = "{\"customer\":\"cus_1\",\"value\":1,\"retries\":0,\"error\":\"no\"}";
  char target[512];
  open_usage ();
  fake_store_put (fake, "billing.usage", "parked/starts/t-1/28333330/0", value);
  fake_store_put (fake, "billing.usage", "parked/starts/t-1/28333330/1", value);
  snprintf (target, sizeof target, PARTS "/%0300d", 7);
  expect (ask ("DELETE", target, NULL), 404);
  expect (ask ("POST", target, "{}"), 404);
  expect (ask ("DELETE", PARTS "/starts:t-1:28333330:2", NULL), 404);
  expect (ask ("POST", PARTS "/starts", "{}"), 404);
  ck_assert_ptr_nonnull (fake_store_get (fake, "billing.usage", "parked/starts/t-1/28333330/0"));
  ck_assert_ptr_nonnull (fake_store_get (fake, "billing.usage", "parked/starts/t-1/28333330/1"));
  has (expect (ask ("DELETE", PARTS "/starts:t-1:28333330:1", NULL), 200), "dropped", "1");
  ck_assert_ptr_nonnull (fake_store_get (fake, "billing.usage", "parked/starts/t-1/28333330/0"));
  ck_assert_ptr_null (fake_store_get (fake, "billing.usage", "parked/starts/t-1/28333330/1"));
}

/* The log says what became of a part, once that is certain: not what was asked for. */
CASE (parts_logged)
{
  static const char value[] = "{\"customer\":\"cus_1\",\"value\":1,\"retries\":0,\"error\":\"no\"}";
  kg_req *req;
  open_usage ();
  fake_store_put (fake, "billing.usage", "parked/starts/t-1/28333330/0", value);
  fake_store_fail (fake, -ENOSPC, 1);
  expect (ask ("DELETE", PARTS "/starts:t-1:28333330:0", NULL), 503);
  ck_assert_ptr_null (strstr (fake_logged (fake), "starts/t-1/28333330/0 was dropped"));
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "starts/t-1/28333330/0 was not dropped by "));
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), ": No space left on device"));
  fake_store_fail (fake, -EAGAIN, 1);
  expect (ask ("POST", PARTS "/starts:t-1:28333330:0", "{}"), 503);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "starts/t-1/28333330/0 was not retried by "));
  fake_store_hold (fake, 1);
  req = ask ("DELETE", PARTS "/starts:t-1:28333330:0", NULL);
  ck_assert_ptr_null (strstr (fake_logged (fake), "starts/t-1/28333330/0 was dropped"));
  fake_store_commit (fake);
  fake_store_hold (fake, 0);
  expect (req, 200);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "starts/t-1/28333330/0 was dropped by "));
}

/* Sends by hand go on while others are under way, and take nothing from those: what answers
 * them would tell of other parts. */
CASE (retry_while_sending)
{
  open_usage ();
  fake_store_put (fake, "billing.payers", "t-1", "{\"customer\":\"cus_1\"}");
  take (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  settle ();
  ck_assert_int_eq (fake_http_count (fake), 1);
  fake_store_put (fake, "billing.usage", "parked/starts/t-1/28333330/0",
                  "{\"customer\":\"cus_1\",\"value\":1,\"retries\":0,\"error\":\"no\"}");
  has (expect (ask ("POST", PARTS, "{}"), 200), "retried", "1");
  settle ();
  ck_assert_int_eq (fake_http_count (fake), 1);
  fake_http_reply (fake, 200, NULL, "{}", -1);
  fake_http_deliver (fake);
  settle ();
  ck_assert_int_eq (fake_http_count (fake), 2); /* the one that was parked */
  ck_assert_ptr_nonnull (strstr (fake_http_call (fake, 1)->body, "timestamp=1699999800"));
  answer_all ();
}

#define MANY 3000

/* Walks a list of MANY: each page goes through what it shows, and one entry more. */
static void
pages_of (const char *where, const char *member)
{
  char target[256], after[128] = "", path[64];
  int pages = 0;
  for (;;) {
    uint64_t scanned = fake_store_scanned (fake);
    kg_req *req;
    snprintf (target, sizeof target, "%s%slimit=100%s%s", where, strchr (where, '?') ? "&" : "?",
              *after ? "&after=" : "", after);
    req = expect (ask ("GET", target, NULL), 200);
    ck_assert_uint_le (fake_store_scanned (fake) - scanned, 101);
    snprintf (path, sizeof path, "%s.99", member);
    if (!fake_json (req, path))
      break;
    pages++;
    TEXT_PUT (after, fake_json (req, "next"));
  }
  ck_assert_int_eq (pages, MANY / 100);
}

CASE (pages_cost_the_same)
{
  char key[64], *subscription;
  take (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  take (sub_text ("evt_2", "created", T0, "active", "price_pro", ""));
  subscription = strdup (fake_store_get (fake, "billing.objects", "sub/sub_1"));
  for (int i = MANY; i > 1; i--) { /* the fake finds the first one soonest */
    snprintf (key, sizeof key, "sub/sub_1%05d", i);
    fake_store_put (fake, "billing.objects", key, subscription);
    snprintf (key, sizeof key, "cus_1%05d", i);
    fake_store_put (fake, "billing.customers", key, "{\"tenant\":\"t-1\",\"by\":\"admin\"}");
  }
  for (int i = MANY; i > 0; i--) {
    snprintf (key, sizeof key, "parked/starts/t-1/%08d/0", i);
    fake_store_put (fake, "billing.usage", key, "{\"customer\":\"cus_1\",\"value\":1}");
  }
  free (subscription);
  pages_of (SUBS, "subscriptions");
  pages_of (CUSTOMERS, "customers");
  pages_of (PARTS, "parts");
}

/* A list of Stripe's that is none, or does not end, is said to be so. */
CASE (days_without_end)
{
  char page[64];
  kg_req *req;
  open_usage ();
  fake_store_put (fake, "billing.payers", "t-1", "{\"customer\":\"cus_1\"}");
  for (int i = 0; i < 101; i++) {
    snprintf (page, sizeof page, "{\"data\":[{\"id\":\"mtr_%d\"}],\"has_more\":true}", i);
    fake_http_reply (fake, 200, NULL, page, -1);
  }
  req = ask ("GET", "/admin/v1/billing/usage/days?meter=starts&tenant=t-1&from=0&to=86400", NULL);
  for (int i = 0; i < 101; i++) {
    fake_http_deliver (fake);
    fake_run_jobs (fake);
  }
  ck_assert_int_eq (fake_http_count (fake), 100);
  has (expect (req, 502), "detail", "Stripe cannot be asked: its list is none, or does not end");
}

/* A list whose pages come again and again is no reason to ask for ever. */
CASE (reconcile_ends)
{
  static const char *const conf[] = { STRIPE_CONF, NULL };
  const char *page = "{\"data\":[{\"id\":\"sub_1\",\"customer\":\"cus_1\",\"status\":\"active\"}],"
                     "\"has_more\":true}";
  kg_req *req;
  reopen (conf);
  for (int i = 0; i < 3; i++)
    fake_http_reply (fake, 200, NULL, page, -1);
  req = ask ("POST", "/admin/v1/billing/reconcile", "{}");
  for (int i = 0; i < 5; i++) {
    fake_http_deliver (fake);
    fake_run_jobs (fake);
  }
  ck_assert_int_eq (fake_http_count (fake), 2);
  has (expect (req, 502), "detail", "Stripe's list of subscriptions does not go on");
}

UNIT_MAIN ("billing-routes", inbox_list, parked_show, done_show, pending_show, unnoted_show,
           inbox_show, replay, customers, map_late, taken_back, subscriptions, time_machine,
           parts_by_name, parts_logged, retry_while_sending, pages_cost_the_same, days_without_end,
           reconcile_ends)
