/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Lists of what a bucket holds, page by page, in the order of their ids:
 * {"keys":[...],"next":"<id to go on behind>"|null}. */
#ifndef AUTH_LIST_H
#define AUTH_LIST_H

#include "plugins/auth/admin.h"

#define LIST_MAX  1000
#define LIST_DFLT 100

struct list {
  const char *member; /* "keys" */
  kg_bucket *bucket;
  size_t entry_max; /* bytes that one writes at most */
  /* Writes an entry: 1; 0 when it is not one of those that are asked for; -EINVAL
   * when it is malformed, which was logged when it was loaded; -errno.  Called for
   * those only that the text of task->tenant is in, if that is given. */
  int32_t (*show) (struct task *task, kg_str value, struct kg_out *out);
};

/* [worker] Reads `limit`, `after` (a UUID, if `uuid`) and `tenant`, and starts the
 * job.  Takes the task, which may be NULL, over. */
int32_t list_start (struct task *task, kg_req *req, int32_t uuid, void (*run) (struct task *));

/* [any, not a worker] Makes of task->tenant, which may be a slug, an id: 0, or
 * TASK_REFUSED. */
int32_t list_tenant (struct task *task);

/* [any, not a worker] Fills the answer. */
void list_run (struct task *task, const struct list *list);

#endif
