/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What is left of limits, as JSON: for operators, and for the caller. */
#include "plugins/auth/auth.h"
#include "plugins/auth/explain.h"
#include "plugins/auth/standing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
show_int (struct kg_out *out, const char *name, int64_t value)
{
  kg_out_lit (out, name);
  kg_out_int (out, value);
}

/* Of what is not limited nothing can be left. */
static void
show_left (struct kg_out *out, const char *name, int64_t limit, int64_t used)
{
  kg_out_lit (out, name);
  if (limit)
    kg_out_int (out, limit > used ? limit - used : 0);
  else
    kg_out_lit (out, "null");
}

int64_t
standing_reset (const struct quota *q, const struct standing *st, enum limit_policy policy)
{
  switch (policy) {
  case LIMIT_CONCURRENT:
    return 0;
  case LIMIT_MINUTE:
    return st->minute_reset_s;
  case LIMIT_DAY:
    return (int64_t) (q->at.day + 1) * LIMIT_DAY_S - q->at.wall_s;
  default:
    return (int64_t) q->at.month_end * LIMIT_DAY_S - q->at.wall_s;
  }
}

void
standing_show (struct kg_out *out, const struct quota *q, enum limit_of of,
               const struct standing *st, enum limit_policy policy)
{
  const struct subject *s = &q->subject[of];
  int64_t limit = subject_limit (s, policy, q->at.month);
  int64_t used = limit_used (s->limits, st, policy);
  kg_out_lit (out, "\"of\":");
  kg_out_text (out, of == LIMIT_KEY ? "key" : "tenant");
  show_int (out, ",\"limit\":", limit);
  show_int (out, ",\"used\":", used > 0 ? used : 0);
  show_left (out, ",\"left\":", limit, used);
  show_int (out, ",\"reset_s\":", standing_reset (q, st, policy));
}

/* What is counted without a limit, too. */
static int32_t
is_counted (enum limit_of of, enum limit_policy policy)
{
  return policy == LIMIT_DAY || policy == LIMIT_TOKENS || policy == LIMIT_MONEY
         || (policy == LIMIT_CONCURRENT && of == LIMIT_TENANT);
}

int32_t
standing_has (const struct quota *q, enum limit_of of, enum limit_policy policy)
{
  return limit_of (q->subject[of].limits, policy) || is_counted (of, policy);
}

/* ---- GET /admin/v1/limits -------------------------------------------------- */

static void
policies_show (struct kg_out *out, const struct quota *q, enum limit_of from)
{
  const char *before = "{\"policies\":[{\"name\":";
  for (enum limit_of of = from; of < LIMIT_SUBJECTS; of++) {
    struct standing st;
    limit_look (&q->subject[of], &q->at, &st);
    for (enum limit_policy p = 0; p < LIMIT_POLICIES; p++) {
      if (!standing_has (q, of, p))
        continue;
      kg_out_lit (out, before);
      kg_out_text (out, limit_names[p]);
      kg_out_lit (out, ",");
      standing_show (out, q, of, &st, p);
      kg_out_lit (out, "}");
      before = ",{\"name\":";
    }
  }
  kg_out_lit (out, "]}");
}

int32_t
limits_show_key (struct auth *auth, kg_str id, struct kg_out *out)
{
  uint8_t bytes[16];
  uint32_t number = text_uuid_read (id.ptr, id.len, bytes) == 0
                        ? index_by_id (&auth->index, bytes)
                        : 0;
  struct quota q;
  int32_t rc;
  if (!number)
    return -ENOENT;
  rc = quota_peek_key (auth, number, &q);
  index_unpin (&auth->index, number);
  if (rc < 0)
    return rc;
  policies_show (out, &q, LIMIT_KEY);
  return kg_out_ok (out) ? 0 : -EMSGSIZE;
}

int32_t
limits_show_tenant (struct auth *auth, kg_str id, struct kg_out *out)
{
  static const struct limits none;
  uint8_t bytes[16];
  struct tenant *tenant = text_uuid_read (id.ptr, id.len, bytes) == 0
                              ? tenant_find (&auth->tenants, bytes)
                              : NULL;
  struct quota q;
  int32_t rc;
  if (!tenant)
    return -ENOENT;
  rc = quota_peek (auth, &q, &none, tenant, bytes);
  if (rc < 0)
    return rc;
  policies_show (out, &q, LIMIT_TENANT);
  return kg_out_ok (out) ? 0 : -EMSGSIZE;
}

/* ---- The busiest tenants ---------------------------------------------------- */

struct busy {
  uint32_t number; /* of the cell */
  uint64_t requests, denied;
};

static int
busy_order (const void *a, const void *b)
{
  const struct busy *x = a, *y = b;
  if (x->requests != y->requests)
    return x->requests < y->requests ? 1 : -1;
  return x->denied < y->denied ? 1 : x->denied > y->denied ? -1 : 0;
}

/* Keeps the best so far; the list is sorted now and then. */
static void
busy_add (struct busy *list, uint32_t *count, const struct busy *b)
{
  list[(*count)++] = *b;
  if (*count < 2 * BUSIEST)
    return;
  qsort (list, *count, sizeof *list, busy_order);
  *count = BUSIEST;
}

static void
busy_show (struct kg_out *out, const struct auth *auth, const struct busy *b)
{
  const struct cell *cell = cell_at (&auth->cells, b->number);
  char id[TEXT_UUID];
  text_uuid_show (cell->id, id);
  kg_out_lit (out, "{\"tenant\":");
  kg_out_text (out, id);
  show_int (out, ",\"requests_today\":", (int64_t) b->requests);
  show_int (out, ",\"denied_today\":", (int64_t) b->denied);
  show_int (out, ",\"concurrent\":", (int64_t) atomic_load (&cell->concurrent));
  kg_out_lit (out, "}");
}

int32_t
limits_show_busiest (struct auth *auth, struct kg_out *out)
{
  uint32_t today = (uint32_t) (auth_wall_ns () / TEXT_SECOND / LIMIT_DAY_S);
  uint32_t cells = cells_count (&auth->cells), count = 0;
  struct busy list[2 * BUSIEST];
  for (uint32_t i = 1; i <= cells; i++) {
    const struct cell *cell = cell_at (&auth->cells, i);
    struct busy b = { i, window_count (&cell->day, today), window_count (&cell->denied, today) };
    if (atomic_load_explicit (&cell->kind, memory_order_relaxed) == CELL_TENANT
        && (b.requests || b.denied || atomic_load (&cell->concurrent)))
      busy_add (list, &count, &b);
  }
  qsort (list, count, sizeof *list, busy_order);
  kg_out_lit (out, "{\"tenants\":[");
  for (uint32_t i = 0; i < count && i < BUSIEST; i++) {
    if (i)
      kg_out_lit (out, ",");
    busy_show (out, auth, &list[i]);
  }
  kg_out_lit (out, "]}");
  return kg_out_ok (out) ? 0 : -EMSGSIZE;
}
