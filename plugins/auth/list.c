/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/list.h"

#include <errno.h>
#include <string.h>

struct page {
  struct task *task;
  const struct list *list;
  int64_t count;
  int32_t more; /* 1: there are entries behind the last one */
  char last[TASK_ID];
};

/* ---- Page ---------------------------------------------------------------- */

/* Saves reading those that cannot be of the tenant, which may be a million. */
static int32_t
maybe_of_tenant (const struct task *t, kg_str value)
{
  size_t len = strlen (t->tenant);
  return !len || memmem (value.ptr, value.len, t->tenant, len) != NULL;
}

static int32_t
page_entry (const struct kg_entry *entry, void *arg)
{
  struct page *p = arg;
  struct kg_out *out = &p->task->out;
  size_t before = out->len;
  int32_t rc;
  if (!maybe_of_tenant (p->task, entry->value))
    return 0;
  if (entry->key.len >= TASK_ID || task_room (p->task, p->list->entry_max + 1) < 0)
    return p->task->error;
  kg_out_lit (out, p->count ? "," : "");
  rc = p->list->show (p->task, entry->value, out);
  if (rc <= 0 || p->count == p->task->limit)
    out->len = before;
  if (rc <= 0)
    return rc == -EINVAL ? 0 : rc;
  if (p->count == p->task->limit) {
    p->more = 1;
    return 1;
  }
  p->count++;
  memcpy (p->last, entry->key.ptr, entry->key.len);
  p->last[entry->key.len] = 0;
  return 0;
}

static int32_t
page_read (struct page *p)
{
  const struct task *t = p->task;
  return t->auth->store->scan_after (p->list->bucket, (kg_str){ "", 0 },
                                     (kg_str){ t->after, strlen (t->after) }, page_entry, p);
}

void
list_run (struct task *t, const struct list *list)
{
  struct page p = { .task = t, .list = list };
  int32_t rc = task_room (t, 64);
  kg_out_lit (&t->out, "{\"");
  kg_out_lit (&t->out, list->member);
  kg_out_lit (&t->out, "\":[");
  if (rc == 0)
    rc = page_read (&p);
  if (rc < 0 && t->error == 0)
    t->error = rc;
  if (t->error < 0 || task_room (t, TASK_ID * 6 + 16) < 0)
    return;
  kg_out_lit (&t->out, "],\"next\":");
  kg_out_text (&t->out, p.more ? p.last : NULL);
  kg_out_lit (&t->out, "}");
  t->status = 200;
}

/* ---- Query --------------------------------------------------------------- */

int32_t
list_tenant (struct task *t)
{
  struct tenant *tenant;
  char id[TEXT_UUID];
  if (!*t->tenant || text_uuid (t->tenant, strlen (t->tenant), id) == 0)
    return 0;
  tenant = tenant_of_slug (&t->auth->tenants, (kg_str){ t->tenant, strlen (t->tenant) });
  if (!tenant)
    return task_refuse (t, 404, "Tenant not found");
  memcpy (t->tenant, tenant->text, TEXT_UUID);
  return 0;
}

int32_t
list_start (struct task *t, kg_req *req, int32_t uuid, void (*run) (struct task *))
{
  char id[TEXT_UUID];
  if (!t)
    return -ENOMEM;
  t->limit = task_number (t, req, "limit", 1, LIST_MAX, LIST_DFLT);
  task_query (req, t->auth, "after", t->after);
  task_query (req, t->auth, "tenant", t->tenant);
  if (uuid && *t->after && text_uuid (t->after, strlen (t->after), id) < 0)
    task_fault (t, &(struct fault){ .in = "query",
                                    .member = "after",
                                    .type = "uuid_parsing",
                                    .msg = "Input should be a valid UUID" });
  return task_start (t, req, run);
}
