/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One request: what came in, where it stands in the pipeline, and what goes out.
 *
 * A request lives in a slab of its worker: the structure first, then the first block of its
 * arena.  Only its worker touches it, except through tickets and streams. */
#ifndef CORE_REQUEST_H
#define CORE_REQUEST_H

#include "core/gate.h"
#include "core/head.h"
#include "core/host.h"
#include "core/route.h"
#include "core/util/arena.h"

#include <kgent/json.h>

struct conn;
struct worker;

#define REQUEST_MAGIC 0x72657131u
#define REQUEST_SLAB  8192u /* bytes: the structure and the arena's first block */
#define REQUEST_ID_MAX 64u

/* An extension member of a problem. */
struct member {
  struct member *next;
  const char *name;
  kg_str json;
};

/* Response fields, formatted as they will be sent ("Name: value\r\n" ...). */
struct fields_out {
  char *ptr;
  uint32_t len, cap;
};

struct response {
  int32_t status; /* 0: none set */
  const char *type;
  const void *body;
  size_t len;
  struct fields_out fields;
  struct member *members; /* newest first; of the next problem */
};

/* Values of `close`. */
enum { CLOSE_NO, CLOSE_AFTER, CLOSE_ENDS_BODY /* HTTP/1.0: the end of a stream */ };

/* Where a request stands. */
enum step { STEP_FIND, /* of a request with an Idempotency-Key: the body is there */
            STEP_ACCESS, STEP_VERDICT, STEP_LIMIT, STEP_BODY, STEP_HANDLER, STEP_COMMIT,
            STEP_RELEASE, STEP_KEEP /* of such a one: behind COMMIT */ };

struct kg_req {
  uint32_t magic;
  uint32_t step;           /* enum step */
  uint32_t hook;           /* index of the hook that runs or waits */
  uint32_t nfields;
  struct host *host;
  struct worker *worker;
  struct conn *conn;
  struct arena arena;

  kg_str method_text, target_text;
  struct field *fields;    /* in the arena */
  uint32_t lengths;        /* of their names, modulo 32: bits */
  uint16_t at[FIELDS];
  uint32_t seen;
  struct gate gate;
  struct route_match match;
  kg_str body;
  struct kg_json json;     /* .text NULL: not parsed */
  int64_t start_mono, start_wall; /* ns */
  int64_t deadline;        /* ns, monotonic: of what runs or waits now */

  char id[REQUEST_ID_MAX + 1];
  uint8_t id_len;
  uint8_t traced;          /* trace_id and span_id are made */
  char trace_id[33], span_id[17];
  char trace_flags[3];

  const struct kg_identity *identity;
  struct response response;
  struct kg_ticket *ticket; /* what the request waits for */
  struct kg_stream *stream;
  int32_t failed;          /* the errno of the hook that failed, for the log */
  uint8_t gone;            /* the client has left */
  uint8_t close;           /* CLOSE_NO ... */
  uint8_t streamed;        /* the head of the stream has left */
  uint8_t old;             /* HTTP/1.0 */
  uint64_t sent;           /* bytes of body handed to the kernel */
  void **slots;            /* one per plugin */
  struct claim *claim;     /* of its Idempotency-Key, or NULL */
};

/* Makes a request of a parsed head whose slices lie in `head_bytes`; copies what it keeps.
 * NULL without memory.  `slab` is REQUEST_SLAB bytes. */
struct kg_req *request_init (void *slab, struct host *host, struct worker *worker,
                             struct conn *conn, const struct head *head, const char *head_bytes,
                             size_t head_len, const struct gate *gate);

/* Frees what the request holds; the slab goes back to its owner. */
void request_finish (struct kg_req *req);

/* Takes the client's X-Request-ID when it is a sane token, else makes one. */
void request_identify_self (struct kg_req *req);

/* The functions of struct kg_host; see <kgent/plugin.h>. */
kg_str request_get (const kg_req *req, int32_t what, const char *key);
int64_t request_num (const kg_req *req, int32_t what);
const struct kg_json *request_json (const kg_req *req);
const struct kg_json *request_parse (kg_req *req, kg_str text);
void *request_alloc (kg_req *req, size_t size);
void **request_slot (kg_req *req, kg_self *self);
int32_t request_identify (kg_req *req, const struct kg_identity *identity);
const struct kg_identity *request_identity (const kg_req *req);

/* The members that every identity has, by its size. */
#define IDENTITY_LEAST offsetof (struct kg_identity, tier)

/* A copy of everything in the arena; NULL without memory. */
const struct kg_identity *identity_copy (struct arena *arena, const struct kg_identity *from);

/* Whether the identity holds a scope. */
int request_has_scope (const kg_req *req, const char *scope);

/* Scans the body of a KG_JSON route; 0, or -EBADMSG/-ENOMEM with *why in the arena. */
int32_t request_scan_body (kg_req *req, const char **ret_why);

/* Name and value of the field at a place; -ENOENT beyond the last. */
int32_t request_field_at (const kg_req *req, uint32_t place, kg_str *ret_name,
                          kg_str *ret_value);

/* The value of a header, { NULL, 0 } without. */
static inline kg_str
request_field (const kg_req *req, int kind)
{
  kg_str none = { NULL, 0 };
  return req->seen & 1u << kind ? req->fields[req->at[kind]].value : none;
}

#endif
