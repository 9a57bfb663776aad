/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the operator's routes share: a task is a suspended request with memory of
 * its own.  A job works for it, and its answer is sent on the request's worker;
 * a client that leaves meanwhile takes nothing away from the job. */
#ifndef AUTH_ADMIN_H
#define AUTH_ADMIN_H

#include "plugins/auth/auth.h"

#define TASK_OPS     4   /* entries that one change may write, the audit's left out */
#define TASK_ID      512 /* bytes of an id that are looked at, with its NUL */
#define FAULT_MAX    64  /* of one body */
#define TASK_REFUSED 1   /* the answer is a refusal: go no further */

/* What is wrong with a member of the body, or a parameter. */
struct fault {
  const char *in;     /* "body", "query" */
  const char *object; /* what the member lies in, "limits"; or NULL */
  const char *member; /* "": the body itself */
  const char *type, *msg;
};

/* What a change says of itself in the audit log. */
struct audit_entry {
  const char *action; /* "key.create" */
  const char *target; /* id */
  kg_str before, after; /* JSON objects; without ptr: null */
};

/* What puts a stored value in force: model_key ... */
typedef int32_t change_force (struct auth *auth, kg_str id, kg_str value, uint64_t revision);

struct task {
  struct auth *auth;
  kg_ticket *ticket;
  struct task_chunk *memory;
  struct kg_json json;     /* the body of a KG_JSON route */
  char id[TASK_ID];        /* {id} of the path, a UUID in its one form */
  const char *actor, *key; /* whose request it is: the identity's subject and key id,
                              or "local" and NULL for the operator's socket */
  int32_t local;           /* 1: it came in on that */
  int64_t now_ns;          /* arrival, since the epoch */
  void (*run) (struct task *task); /* a job's */

  /* The answer, unless `error` is a negative errno. */
  int32_t error, status;
  const char *detail;   /* of a refusal without faults */
  const char *location; /* of what was created, or NULL */
  struct kg_out out;    /* the body: memory of the task */
  struct fault fault[FAULT_MAX];
  uint32_t faults;

  /* A change's. */
  int32_t (*build) (struct task *task);
  struct kg_op op[TASK_OPS + 1];
  change_force *force[TASK_OPS + 1]; /* of the operation with the same index, or NULL */
  uint32_t ops, tries;
  struct audit_entry audit;
  uint64_t audit_seq; /* and what became of it */
  char audit_hash[65];
  int32_t built;     /* what the last build came to */
  int32_t failure;   /* the errno behind a refusal */
  int32_t apart;     /* 1: all that it reads and writes is the entry `id`, so it goes into one
                        write with such changes of others */
  struct task *next; /* in the lane */

  /* The routes'. */
  int64_t limit, after_seq;            /* of a list */
  char after[TASK_ID], tenant[TASK_ID]; /* "": not given */
  int32_t forced;                      /* ?force=1 */
  const char *path, *method;           /* to explain */
  uint64_t revision;                   /* of the record that the path names */
  char new_id[TEXT_UUID], secret[KEY_SECRET]; /* of a new key; the secret is wiped */
  uint8_t hash[KEY_HASH];

  /* Without a request: where its end is told, instead of an answer. */
  void (*end) (struct task *task);
  void *mine; /* of whoever made it */
};

/* ---- admin_task.c -------------------------------------------------------- */

/* [worker] A task for this request, or NULL. */
struct task *task_create (struct auth *auth, kg_req *req);

/* [any] One without a request; NULL without memory. */
struct task *task_make (struct auth *auth);

/* Frees it, and wipes its memory when there was a secret in it. */
void task_destroy (void *task);

/* [worker] Suspends the request and runs task->run as a job.  Takes the task,
 * which may be NULL (-ENOMEM), over; returns what the handler returns. */
int32_t task_start (struct task *task, kg_req *req, void (*run) (struct task *task));

/* [worker] Suspends only: 0, or -ENOMEM, and the task is gone. */
int32_t task_suspend (struct task *task, kg_req *req);

/* [any] Sends the answer and gives the task up. */
void task_end (struct task *task);

/* [worker] Answers at once, for what is refused before it was suspended. */
int32_t task_answer (kg_req *req, void *task);

/* Memory until the task ends, 16-aligned, zeroed; NULL, and task->error. */
void *task_alloc (struct task *task, size_t size);

/* A copy of a text, NUL-terminated; NULL only without memory. */
char *task_copy (struct task *task, kg_str text);

/* A formatted text in the task's memory; NULL only without memory. */
char *task_text (struct task *task, const char *fmt, ...) KG_PRINTF (2, 3);

/* An empty buffer in the task's memory; without memory one of 0 bytes. */
struct kg_out task_out (struct task *task, size_t size);

/* Makes room for that many bytes more in task->out: 0 or -ENOMEM. */
int32_t task_room (struct task *task, size_t bytes);

/* The text that was written, in full; or -EMSGSIZE or -ENOMEM in task->error. */
kg_str task_written (struct task *task, const struct kg_out *out);

/* Sets a refusal; TASK_REFUSED. */
int32_t task_refuse (struct task *task, int32_t status, const char *fmt, ...) KG_PRINTF (3, 4);

/* Adds a fault: the answer is 422. */
void task_fault (struct task *task, const struct fault *fault);

/* [worker] The query parameter as a number, `dflt` without it; -EINVAL with a fault. */
int64_t task_number (struct task *task, kg_req *req, const char *name, int64_t min, int64_t max,
                     int64_t dflt);

/* [worker] The query parameter, a UUID in its one form: "" without it. */
void task_query (kg_req *req, const struct auth *auth, const char *name, char ret[TASK_ID]);

/* [worker] Whether there is such a query parameter. */
int32_t task_given (kg_req *req, const struct auth *auth, const char *name);

/* [worker] Whether the query parameter says "1" or "true". */
int32_t task_flag (const struct task *task, kg_req *req, const char *name);

/* [open] Registers routes: 0 or -errno. */
int32_t routes_add (const struct auth *auth, const struct kg_route *routes, size_t count);

/* ---- Routes -------------------------------------------------------------- */

int32_t admin_key_open (struct auth *auth);
int32_t admin_tenant_open (struct auth *auth);
int32_t admin_user_open (struct auth *auth);
int32_t admin_show_open (struct auth *auth);
int32_t admin_audit_open (struct auth *auth);
int32_t init_open (struct auth *auth);

#endif
