/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of the fake host share; not for tests. */
#ifndef KGENT_FAKE_INTERNAL_H
#define KGENT_FAKE_INTERNAL_H

#include "kgent-fake.h"

#include <pthread.h>

#define FAKE_PLUGINS 8
#define FAKE_ROUTES 128
#define FAKE_HOOKS 32
#define FAKE_PARTS 32
#define FAKE_HEADERS 64

/* Memory that is freed together; each piece comes from malloc by itself, so that
 * memory checkers see overruns. */
struct fake_pool {
  struct fake_chunk *first;
};
void *fake_pool_alloc (struct fake_pool *pool, size_t size); /* zeroed */
char *fake_pool_copy (struct fake_pool *pool, const char *p, size_t len);
char *fake_pool_text (struct fake_pool *pool, const char *fmt, ...) KG_PRINTF (2, 3);
void fake_pool_free (struct fake_pool *pool);

struct fake_text {
  char *ptr;
  size_t len;
};
void fake_text_add (struct fake_text *t, const void *p, size_t len);

struct kg_self {
  struct fake *fake;
  struct kg_plugin plugin; /* a copy of what its ABI has */
  const char *name;
  void *data, *conf;
  uint32_t index;
  int opening, opened, starting, started;
  struct fake_pool pool;
};

struct fake_route {
  struct kg_route route;
  kg_self *self;
};

struct fake_hook {
  kg_fn *fn;
  kg_self *self;
};

struct fake_need {
  kg_self *self;
  const char *service;
  uint32_t size, flags;
  const void **slot;
};

struct fake_provided {
  const char *service;
  const void *table;
  uint32_t size;
};

enum fake_ticket_state { FAKE_ARMED, FAKE_RESUMED, FAKE_DEAD };

struct kg_ticket {
  kg_req *req;
  enum fake_ticket_state state;
  kg_fn *then;
  void *arg;
  void (*drop) (void *);
  void (*gone) (void *);
  void *gone_arg;
  struct kg_ticket *next; /* of those that are ready */
};

struct kg_stream {
  kg_req *req;
  size_t turn; /* bytes since fake_run began the last time */
  int ended, refused;
  int lazy;    /* of stream2 */
  int replaced, cut, over, last;
  struct fake_text said; /* of stream2: the response may be another by now */
  struct kg_stream_def def;
};

struct fake_pair {
  const char *name, *value;
};

struct kg_req {
  struct fake *fake;
  struct kg_req *next;
  struct fake_pool pool;
  const struct fake_route *route;
  int32_t phase;
  uint32_t hook;
  int waiting, done, gone, streaming, admin, local, inner;
  size_t takes; /* bytes of a stream, at most; 0: all */
  kg_ticket *ticket;
  struct kg_stream stream;
  void *slots[FAKE_PLUGINS + 1];
  const char *method, *path, *query, *id, *client;
  int64_t arrived;
  struct fake_pair params[FAKE_PARTS], headers[FAKE_HEADERS], out[FAKE_HEADERS],
      members[FAKE_PARTS];
  int nparams, nheaders, nout, nmembers;
  kg_str body;
  const struct kg_json *json;
  const struct kg_identity *identity;
  int32_t status;
  struct fake_text reply;
};

struct fake {
  kg_self self; /* the test's own */
  kg_self *plugins[FAKE_PLUGINS];
  uint32_t nplugins;
  int starting; /* 1 while plugins start */
  struct fake_route routes[FAKE_ROUTES];
  uint32_t nroutes;
  struct fake_hook hooks[KG_PHASE_LOG + 1][FAKE_HOOKS];
  uint32_t nhooks[KG_PHASE_LOG + 1];
  struct fake_provided provided[FAKE_PARTS];
  uint32_t nprovided, nown; /* the first ones are the test's own */
  struct fake_need needs[FAKE_ROUTES];
  uint32_t nneeds;
  pthread_mutex_t lock; /* log, ready, ended, stream bodies */
  struct fake_text log;
  kg_ticket *ready, **ready_end;
  char error[512];
  kg_req *requests;
  const struct kg_identity *as;
  int as_admin, as_local;
  const char *client; /* NULL: 192.0.2.1 */
  unsigned counter;
  int64_t skew_ns;
  size_t stream_max;
  void *state;
  void (*release) (void *);
  int (*turn) (void *state);          /* commits what waits; how much it did */
  void (*before_start) (void *state); /* tells watches what is there */
  void (*after_start) (void *state, int good);
  void (*before_stop) (void *state);  /* ends what the plugins wait for */
  void (*after_close) (void *state);  /* forgets the plugins' callbacks */
};

/* More than 0 while this thread runs a hook, a handler or a continuation. */
extern _Thread_local int fake_on_worker;

/* Fills self->conf from the texts; 0 or -EINVAL with fake->error. */
int fake_conf_fill (kg_self *self, const char *const *texts);

/* Ends the test run with a message: the plugin broke a rule of the ABI. */
_Noreturn void fake_die (const char *fmt, ...) KG_PRINTF (1, 2);

/* Makes a request and runs it as far as it goes: `type` is of the body, or NULL; the
 * identity is copied.  With `inner` it is one of kg.calls/1, by nobody's address. */
kg_req *fake_request_make (struct fake *fake, const char *method, const char *target,
                           const char *const *headers, const char *type, kg_str body,
                           const struct kg_identity *identity, int inner);

/* A decoded copy of percent-encoded text. */
const char *fake_decode (struct fake_pool *pool, const char *p, size_t len, int plus);

/* A header of the request, or NULL. */
const char *fake_request_header (const kg_req *req, const char *name);

/* A kg_identity with copies of everything. */
const struct kg_identity *fake_identity_copy (struct fake_pool *pool,
                                              const struct kg_identity *id);

/* A strict scan; the text must outlive it.  NULL when it is malformed. */
const struct kg_json *fake_scan (struct fake_pool *pool, const char *text, size_t len);

/* The host's functions that take a request; fake-request.c. */
extern const struct kg_host fake_table;

/* The rest of them; kgent-fake.c. */
void fake_host_log (kg_self *self, int32_t level, const char *fmt, ...) KG_PRINTF (3, 4);
int32_t fake_host_route (kg_self *self, const struct kg_route *route);
int32_t fake_host_hook (kg_self *self, int32_t phase, kg_fn *fn);
int32_t fake_host_provide (kg_self *self, const char *service, const void *table,
                           uint32_t size);
int32_t fake_host_need (kg_self *self, const char *service, uint32_t size, uint32_t flags,
                        const void **slot);
void fake_host_resume (kg_ticket *ticket, kg_fn *then, void *arg, void (*drop) (void *arg));

/* Streams; fake-stream.c. */
kg_stream *fake_host_stream (kg_req *req, int32_t status, const char *type);
kg_stream *fake_host_stream2 (kg_req *req, const struct kg_stream_def *def);
int32_t fake_host_send (kg_stream *stream, const void *data, size_t len);
int64_t fake_host_taken (kg_stream *stream);
void fake_host_end (kg_stream *stream);

/* Whether bytes have left; whether the response is the stream, and its end is waited for. */
int fake_stream_begun (const kg_req *req);
int fake_stream_serves (const kg_req *req);

/* Before COMMIT, and behind it. */
int32_t fake_stream_over (kg_req *req);
void fake_stream_last (kg_req *req);

/* A stream that has ended and whose request has not, or that heard of room; or NULL. */
kg_req *fake_stream_next (struct fake *fake);

/* Calls a plugin's code as a worker does. */
int32_t fake_worker_call (kg_fn *fn, kg_req *req, void *arg);

#endif
