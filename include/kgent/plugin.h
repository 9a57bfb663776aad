/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The plugin ABI of kgent, major version 1.
 *
 * A plugin is a shared object that exports one symbol, `kg_plugin_1`, which
 * KG_PLUGIN defines.  The host calls its four callbacks in two strict pairs,
 * open/close and start/stop, and hands `open` a table of functions, struct
 * kg_host.  The host exports no symbols: everything goes through that table.
 *
 * The five concepts: plugin, host, request, hook, service.  Everything else
 * (health, metrics, HTTP client, store, jobs, metering) is a service with a
 * header of its own next to this one.
 *
 * Conventions
 *   [open]    only inside the plugin's open callback, on the main thread.
 *   [worker]  only on the worker thread that owns the request, inside a hook,
 *             a handler or a continuation of that request.
 *   [any]     any thread, from the return of open to the return of stop.
 *   Functions return 0 or a positive value, or a negative errno (-EINVAL ...).
 *   Text is UTF-8.  A `const char *` ends in NUL; a kg_str need not.
 *   Every declaration names the ABI version that introduced it ("since").
 *
 * The header includes C standard headers only and compiles alone as C11 and
 * as C++17.  Tutorial and reference: kgent-plugin(3).
 */
#ifndef KGENT_PLUGIN_H
#define KGENT_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An ABI version as one integer; usable in #if.  Since 1.0. */
#define KG_ABI(major, minor) ((major) * 65536 + (minor))

/* The newest ABI that this header describes.  Since 1.0. */
#define KG_ABI_CURRENT KG_ABI (1, 1)

/* The ABI that the plugin is written for: define it before the include.
 * Members of later minors are then invisible, and the plugin runs on every
 * host that speaks at least that minor.  Since 1.0. */
#ifndef KG_ABI_TARGET
#error "define KG_ABI_TARGET before <kgent/plugin.h>: #define KG_ABI_TARGET KG_ABI (1, 0)"
#endif
#if KG_ABI_TARGET < KG_ABI (1, 0) || KG_ABI_TARGET > KG_ABI_CURRENT
#error "KG_ABI_TARGET is not an ABI that this <kgent/plugin.h> describes"
#endif

#if defined __GNUC__
#define KG_PRINTF(fmt, args) __attribute__ ((format (printf, fmt, args)))
#define KG_EXPORT            __attribute__ ((visibility ("default")))
#else
#define KG_PRINTF(fmt, args)
#define KG_EXPORT
#endif

/* Opaque handles, owned by the host.  Since 1.0. */
typedef struct kg_self   kg_self;   /* the plugin, as the host sees it        */
typedef struct kg_req    kg_req;    /* one request, alive until LOG returns   */
typedef struct kg_ticket kg_ticket; /* the right to continue a waiting request */
typedef struct kg_stream kg_stream; /* a response body that is still growing  */
#if KG_ABI_TARGET >= KG_ABI (1, 1)
typedef struct kg_fields kg_fields; /* names of response headers, since 1.1   */
#endif

/* A counted string; ptr is not NUL-terminated unless it is said so.  An absent
 * value is { NULL, 0 }; an empty one has a ptr.  Since 1.0. */
typedef struct kg_str {
  const char *ptr;
  size_t len; /* bytes */
} kg_str;

/* ---- Hooks ------------------------------------------------------------- */

/* What a hook, handler or continuation answers; or a negative errno, which the
 * host logs with plugin, phase and request id and turns into a problem: 503
 * for -ENOMEM, -EAGAIN, -ENOSPC, 504 for -ETIMEDOUT, else 500.  Since 1.0. */
#define KG_NEXT 0 /* go on with the next hook of the phase                     */
#define KG_DONE 1 /* the response is set (reply, problem or stream): skip the
                     rest of the phases up to COMMIT                            */
#define KG_WAIT 2 /* suspended: the ticket's continuation goes on              */

/* A hook at a phase, a route's handler, or the continuation of a ticket.
 * `data` is the plugin's pointer from open (the `arg` of resume for a
 * continuation).  Runs on the request's own worker and must not block; hooks
 * of one plugin run concurrently on different workers unless the plugin has
 * KG_SERIAL.  Since 1.0. */
typedef int32_t kg_fn (kg_req *req, void *data);

/* The phases, in the order in which a request meets them.  The route is known
 * before ACCESS; the body is not read before the handler.  Since 1.0. */
#define KG_PHASE_ACCESS  1 /* who is it?  call identify, or answer              */
#define KG_PHASE_LIMIT   2 /* may it, now?  take from limits, reserve cost      */
#define KG_PHASE_HANDLER 3 /* the route's handler; not for hooks                */
#define KG_PHASE_COMMIT  4 /* the response is set and not yet sent: make usage
                              durable, settle or refund; may WAIT; KG_DONE
                              with a new problem replaces the response          */
#define KG_PHASE_LOG     5 /* exactly once per request; cannot fail or wait     */

/* ---- Requests ---------------------------------------------------------- */

/* What `get` can tell, as text.  `key` is NULL where none is named.
 * Since 1.0. */
#define KG_GET_METHOD      1  /* "GET"; HEAD arrives as "HEAD"                  */
#define KG_GET_PATH        2  /* raw path as received, without the query        */
#define KG_GET_ROUTE       3  /* the matched pattern, "/v1/x/{id}"              */
#define KG_GET_PARAM       4  /* key: a parameter of the pattern, decoded       */
#define KG_GET_QUERY       5  /* key: a query parameter, decoded, first one;
                                 NULL: the whole raw query                       */
#define KG_GET_HEADER      6  /* key: a field name, any case; the only one, or
                                 the first of several                            */
#define KG_GET_BODY        7  /* the whole body; handler and later              */
#define KG_GET_REQUEST_ID  8  /* the id that X-Request-ID carries; NUL-terminated */
#define KG_GET_TRACE_ID    9  /* 32 hex digits (W3C Trace Context)              */
#define KG_GET_SPAN_ID     10 /* 16 hex digits: the host's span of this request */
#define KG_GET_CLIENT      11 /* the client's address as text, trusted proxies
                                 applied; "local" and "inner" without one        */
#define KG_GET_SCOPE       12 /* the route's scope; { NULL, 0 } without          */
#define KG_GET_REPLY       13 /* the response body as set; COMMIT and LOG        */
#define KG_GET_TRACEPARENT 14 /* value for an outgoing traceparent header       */

/* What `num` can tell.  Since 1.0. */
#define KG_NUM_TIME        1 /* arrival, nanoseconds since the epoch, UTC       */
#define KG_NUM_ELAPSED     2 /* nanoseconds since arrival, monotonic            */
#define KG_NUM_STATUS      3 /* response status; 0 while none is set            */
#define KG_NUM_ROUTE_FLAGS 4 /* KG_PUBLIC | ... of the matched route            */
#define KG_NUM_ADMIN       5 /* 1 when it came in on the admin listener         */
#define KG_NUM_LOCAL       6 /* 1 when it came in on the host's own socket, whose
                                file permissions identified the operator        */
#define KG_NUM_GONE        7 /* 1 when the client is known to have left         */
#define KG_NUM_SENT        8 /* bytes of response body accepted by the kernel   */
#define KG_NUM_WORKER      9 /* index of the worker, from 0                     */
#if KG_ABI_TARGET >= KG_ABI (1, 1)
#define KG_NUM_INNER       10 /* 1 for a request of kg.calls/1: no client, and the
                                 identity is there before ACCESS.  Since 1.1.    */
#endif

#if KG_ABI_TARGET >= KG_ABI (1, 1)
/* Flags of an identity.  Since 1.1. */
#define KG_IDENTITY_STAYS 0x01u /* the structure and all that it points to stay as
                                   they are until LOG has run: the host copies
                                   nothing; subject, tenant, key_id must be there */
#endif

/* Who a caller is.  `identify` copies everything it points to, but with
 * KG_IDENTITY_STAYS.  Lists end in NULL; a NULL list is empty.  Since 1.0. */
struct kg_identity {
  uint32_t size; /* sizeof (struct kg_identity) */
  uint32_t reserved;
  const char *subject; /* user or service; shown in logs                        */
  const char *tenant;  /* whom usage is charged to                              */
  const char *key_id;  /* which credential, never the secret                    */
  const char *tier;    /* "FREE", "PRO", ...; may be NULL                       */
  const char *const *scopes;     /* "read", "write", "invoke:world.house.*"     */
  const char *const *archetypes; /* that the caller may claim, its default first;
                                    "*": any                                    */
#if KG_ABI_TARGET >= KG_ABI (1, 1)
  const int32_t *ended; /* NULL, or what the host reads, relaxed and atomically, at
                           least once a second while a response streams: when it
                           isn't 0 any more, the stream ends (an event stream with
                           `event: error` of type "revoked").  The plugin's; must
                           be there until LOG has run.  Since 1.1. */
  uint32_t flags;       /* KG_IDENTITY_STAYS.  Since 1.1. */
  uint32_t reserved_11;
#endif
};

/* Flags of a route.  Since 1.0. */
#define KG_PUBLIC   0x01u /* reachable without identity                          */
#define KG_ADMIN    0x02u /* on the admin listener only                          */
#define KG_BILLABLE 0x04u /* a 2xx leaves only after COMMIT made usage durable; a
                             POST may have an Idempotency-Key, kgentd(8)          */
#define KG_JSON     0x08u /* the body must be one strict JSON value of media type
                             application/json, else 415 or 400; read it with
                             `json` and <kgent/json.h>                           */
#define KG_QUIET    0x10u /* successes are not in the access log (probes)        */
#define KG_STREAMS  0x20u /* timeout_ms bounds the wait for the stream's start,
                             not its length                                      */
#define KG_HIDDEN   0x40u /* left out of the OpenAPI document                    */

/* A route.  All text must stay valid until close; literals do.  Since 1.0. */
struct kg_route {
  uint32_t size;  /* sizeof (struct kg_route) */
  uint32_t flags; /* KG_PUBLIC | ... */
  const char *method;  /* "GET" (HEAD is included), "POST", ...                  */
  const char *pattern; /* "/v1/things/{id}": a {name} is one whole segment       */
  const char *scope;   /* demanded of the identity, or NULL for any identity     */
  const char *summary; /* one line, for OpenAPI                                  */
  kg_fn *handler;
  uint64_t body_max;   /* bytes; 0: the host's default (http.body_max)           */
  uint32_t timeout_ms; /* for the handler; 0: the host's default                 */
  uint32_t reserved;
  const char *request_schema;  /* JSON Schema text for OpenAPI, or NULL          */
  const char *response_schema; /* JSON Schema of the 2xx body, or NULL           */
  const char *parameters;      /* JSON array of OpenAPI parameters, or NULL      */
  const char *statuses;        /* further statuses it answers, "400 402 404"     */
};

/* ---- Configuration ----------------------------------------------------- */

/* Types of an option, and what `offset` points at in the configuration
 * structure.  Since 1.0. */
#define KG_OPT_STRING  1 /* const char *; NULL without value and default          */
#define KG_OPT_INT     2 /* int64_t; min..max                                     */
#define KG_OPT_NUMBER  3 /* double; min..max (durations are in seconds)           */
#define KG_OPT_BOOL    4 /* int32_t, 0 or 1                                       */
#define KG_OPT_STRINGS 5 /* const char *const *, ends in NULL, never NULL itself  */
#define KG_OPT_GROUP   6 /* a structure at `offset`, described by `sub`           */
#define KG_OPT_LIST    7 /* struct kg_list of structures of sub_size bytes, each
                            described by `sub`                                    */

/* Flags of an option.  Since 1.0. */
#define KG_OPT_REQUIRED 0x01u /* no default: absent is a start-up error           */
#define KG_OPT_SECRET   0x02u /* masked in every dump and log                     */

/* A list of structures.  Since 1.0. */
struct kg_list {
  const void *items;
  uint64_t count;
};

/* One option; a table ends in an entry with a NULL key.  From the table alone
 * come parsing, range errors, defaults, masking, `--dump-plugin`, and the
 * tables of the manual.  Since 1.0. */
struct kg_opt {
  const char *key;  /* "webhook_secret" */
  const char *dflt; /* as written in a file: "10", "true", "a,b"; NULL: none      */
  const char *help; /* one sentence */
  uint32_t type;    /* KG_OPT_STRING ... */
  uint32_t flags;   /* KG_OPT_REQUIRED | KG_OPT_SECRET */
  uint32_t offset;  /* offsetof (struct conf, member) */
  uint32_t sub_size;  /* KG_OPT_LIST: bytes of one structure                       */
  int64_t min, max;   /* inclusive; both 0: unbounded                              */
  const char *choices; /* KG_OPT_STRING: "power|process"; NULL: any text            */
  const struct kg_opt *sub; /* KG_OPT_GROUP, KG_OPT_LIST                            */
};

/* ---- The host ----------------------------------------------------------- */

/* Levels for `log`.  Since 1.0. */
#define KG_LOG_ERROR 1 /* an operator must act                                    */
#define KG_LOG_WARN  2 /* something is wrong and the host copes                   */
#define KG_LOG_INFO  3 /* life events                                             */
#define KG_LOG_DEBUG 4

/* Flags of `need`.  Since 1.0. */
#define KG_NEED_OPTIONAL 0x01u /* the slot stays NULL when nobody provides it     */
#if KG_ABI_TARGET >= KG_ABI (1, 1)
#define KG_NEED_LATE 0x02u /* for requests only, not for start and stop: the provider
                              may start later, and need one of ours.  Since 1.1.  */
#endif

struct kg_json; /* <kgent/json.h> */

#if KG_ABI_TARGET >= KG_ABI (1, 1)
#define KG_FIELDS_MAX 16 /* names of one set of `fields`.  Since 1.1. */

/* The value of a header.  Since 1.1. */
struct kg_value {
  const char *text; /* NULL: a number                                            */
  int64_t n;        /* bytes of the text, or the number; of which a negative one
                       leaves the header out                                     */
};

/* A streamed response, as `stream2` begins it; it is copied, its `type`, too.
 * Since 1.1. */
struct kg_stream_def {
  uint32_t size;    /* sizeof (struct kg_stream_def) */
  int32_t status;   /* 200..599 */
  const char *type; /* "text/event-stream" */
  kg_fn *room;  /* the client had too much to read, so that `send` said -EAGAIN, and
                   has read it: send on.  What it returns is ignored; may be NULL    */
  kg_fn *ended; /* once for each stream, before COMMIT: it was ended, or its client has
                   left, or its time is over, or the handler answered otherwise or
                   failed.  KG_NUM_GONE, KG_NUM_STATUS and `taken` tell which, and
                   how far it came.  Settle here what it costs; COMMIT takes the
                   request for what the response is then.  The last place for `end`.
                   KG_NEXT, or an errno as a hook; may be NULL                       */
  kg_fn *last;  /* behind COMMIT, while the client is there: sends the last word of a
                   body that has begun, or is still the response.  KG_NUM_STATUS and
                   KG_GET_REPLY tell when COMMIT, or whoever else, put a problem in
                   its place.  KG_NEXT; an errno cuts the body off; NULL: it ends
                   well, but is cut off for a status from 500 on                     */
  void *arg;    /* of these three, which run on the request's worker; must be there
                   until LOG                                                         */
};
#endif

/* The host's functions.  The table and everything it gives out stay valid until
 * close returns.  Since 1.0. */
struct kg_host {
  uint32_t abi;  /* what this host speaks, KG_ABI (1, n) */
  uint32_t size; /* of this table in the host; functions beyond it don't exist */

  /* [any] Logs one line for the plugin; control characters are escaped.
   * Secrets must not be passed.  Never blocks. */
  void (*log) (kg_self *self, int32_t level, const char *fmt, ...) KG_PRINTF (3, 4);

  /* [open] Registers a route.  -EEXIST for a conflict with another plugin's or
   * a reserved one, -EINVAL for a malformed pattern, method or flags; the host
   * logs why. */
  int32_t (*route) (kg_self *self, const struct kg_route *route);

  /* [open] Registers a hook at ACCESS, LIMIT, COMMIT or LOG.  Order inside a
   * phase is the order of the plugins in the configuration. */
  int32_t (*hook) (kg_self *self, int32_t phase, kg_fn *fn);

  /* [open] Offers a service, "name/major".  The table is the plugin's and must
   * stay valid until close; its size is that of the provider's version.
   * -EEXIST when it is already provided. */
  int32_t (*provide) (kg_self *self, const char *service, const void *table, uint32_t size);

  /* [open] Asks for a service.  *slot is set before `start` is called (at once
   * for the host's own services), to a table with at least `size` bytes,
   * zero-filled beyond the provider's.  Providers start before those who need
   * them.  A missing one is a start-up error unless KG_NEED_OPTIONAL. */
  int32_t (*need) (kg_self *self, const char *service, uint32_t size, uint32_t flags,
                   const void **slot);

  /* [worker] Text about the request; valid until LOG has returned. */
  kg_str (*get) (const kg_req *req, int32_t what, const char *key);

  /* [worker] A number about the request; -ENOENT for an unknown `what`. */
  int64_t (*num) (const kg_req *req, int32_t what);

  /* [worker] The parsed body of a KG_JSON route, or NULL. */
  const struct kg_json *(*json) (const kg_req *req);

  /* [worker] Scans any JSON text as strictly as a body; the tape and a copy of
   * the text are in the request's memory.  NULL for malformed text or without
   * memory. */
  const struct kg_json *(*parse) (kg_req *req, kg_str text);

  /* [worker] Memory that lives as long as the request, 16-aligned, not zeroed;
   * NULL when there is none. */
  void *(*alloc) (kg_req *req, size_t size);

  /* [worker] Where the plugin's own pointer in this request lies; it holds NULL
   * at first. */
  void **(*slot) (kg_req *req, kg_self *self);

  /* [worker] Adds a response header; copies.  -EINVAL for a bad name or value
   * (control characters) or for one that belongs to the host (Content-Length,
   * Transfer-Encoding, Connection, Date, X-Request-ID, X-Response-Time). */
  int32_t (*header) (kg_req *req, const char *name, const char *value);

  /* [worker] Sets the response; copies type and body.  Status 200..599, replaces an earlier response.  -EINVAL, and a
   * 500 for the client, for anything else. */
  int32_t (*reply) (kg_req *req, int32_t status, const char *type, const void *body, size_t len);

  /* [worker] Adds an extension member to the next problem of this request;
   * `json` is a JSON text; both are copied (RFC 9457, section 3.2). */
  int32_t (*member) (kg_req *req, const char *name, kg_str json);

  /* [worker] Answers application/problem+json (RFC 9457): `type` is a URI or
   * NULL for "about:blank"; the detail is formatted.  Returns KG_DONE, so that
   * a hook can say `return host->problem (...)`. */
  int32_t (*problem) (kg_req *req, int32_t status, const char *type, const char *detail, ...)
      KG_PRINTF (4, 5);

  /* [worker] Says who the caller is; ACCESS only, copies. */
  int32_t (*identify) (kg_req *req, const struct kg_identity *identity);

  /* [worker] Who the caller is, or NULL. */
  const struct kg_identity *(*identity) (const kg_req *req);

  /* [worker] Suspends the request: the caller returns KG_WAIT, and whoever
   * holds the ticket calls `resume` exactly once, however late.  `gone`, which
   * may be NULL, is called with `arg` on the worker when the request ends
   * before (deadline, client gone), so that the work can be cancelled, and may
   * call [worker] functions; the ticket must still be resumed.  NULL when there is no memory, or when the
   * request already waits. */
  kg_ticket *(*suspend) (kg_req *req, void (*gone) (void *arg), void *arg);

  /* [any] Uses the ticket up.  `then` runs as a hook on the request's worker
   * with `arg`; or, when the request has ended, `drop` is called with `arg`
   * (on any thread; may be NULL).  Exactly one of the two. */
  void (*resume) (kg_ticket *ticket, kg_fn *then, void *arg, void (*drop) (void *arg));

  /* [worker] Starts a streamed response: the hook returns KG_DONE, the head
   * leaves at once, and COMMIT runs when the stream has ended, for a client
   * that left early too.  NULL when there is no memory.  The holder calls `end`
   * exactly once. */
  kg_stream *(*stream) (kg_req *req, int32_t status, const char *type);

  /* [any] Appends bytes; copies.  -EAGAIN over the high-water mark (nothing was
   * taken), -EPIPE when the client is gone. */
  int32_t (*send) (kg_stream *stream, const void *data, size_t len);

  /* [any] Ends the stream and gives the handle up. */
  void (*end) (kg_stream *stream);

#if KG_ABI_TARGET >= KG_ABI (1, 1)
  /* [open] Names of response headers that are set together: at most
   * KG_FIELDS_MAX, ended by NULL, of at most 46 bytes; copied, and checked as
   * `header` does (-EINVAL), here and not for each request.  The set is the
   * host's, until close.  Since 1.1. */
  int32_t (*fields) (kg_self *self, const char *const *names, const kg_fields **ret);

  /* [worker] Adds the headers of a set: a value for each name.  Copies.  As `header`
   * for each, at a fraction of the cost; but -EINVAL for one of the values adds
   * none.  Since 1.1. */
  int32_t (*headers) (kg_req *req, const kg_fields *fields, const struct kg_value *values);

  /* [worker] In a handler, or a continuation of it: as `stream`, but the head leaves
   * with the first bytes.  Until then the handler may still answer otherwise, by
   * reply or problem, and nothing of the stream leaves.  The request may also wait:
   * with a ticket out it streams what is sent, by the ticket's holder too, until
   * `gone` has returned, and then nobody is waited for: `ended` comes next.  The
   * route's timeout_ms bounds the wait for the first bytes.  NULL without memory, for
   * a second stream, and in other phases.  Since 1.1. */
  kg_stream *(*stream2) (kg_req *req, const struct kg_stream_def *def);

  /* [any] Of the bytes sent on a stream, how many the kernel has taken for the client;
   * until `end`.  Since 1.1. */
  int64_t (*taken) (kg_stream *stream);

  /* [worker] The field at a place of the request's head, counted from 0, in the order
   * of arrival: name and value as received, valid until LOG has returned; what means
   * nothing to the caller is NULL.  -ENOENT beyond the last.  Since 1.1. */
  int32_t (*field) (const kg_req *req, uint32_t place, kg_str *ret_name, kg_str *ret_value);
#endif
};

/* ---- The plugin ---------------------------------------------------------- */

/* Flags of a plugin.  Since 1.0. */
#define KG_SERIAL 0x01u /* the host runs one of its hooks at a time              */

/* The descriptor.  Since 1.0. */
struct kg_plugin {
  uint32_t abi, size, opt_size; /* filled by KG_PLUGIN */
  uint32_t flags;               /* KG_SERIAL */
  const char *name;    /* "hello"; the configuration's block; [a-z0-9-], <= 32   */
  const char *version; /* the plugin's own */
  const char *summary; /* one line */
  const struct kg_opt *opts; /* ends in a NULL key; NULL: no options             */
  uint32_t conf_size;        /* of the structure that the options fill           */
  uint32_t reserved;

  /* [open] Declares routes, hooks, services, health and metrics.  No network,
   * no threads, no writes: `kgentd -t` calls it too.  `conf` is the filled
   * structure, valid until close.  Negative errno refuses the start. */
  int32_t (*open) (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data);

  /* On the main thread, once all plugins are open; may do I/O.  NULL: none. */
  int32_t (*start) (void *data);

  /* After the last request; ends threads.  Called if start succeeded. */
  void (*stop) (void *data);

  /* Frees.  Called if open succeeded. */
  void (*close) (void *data);
};

/* Defines the one exported symbol: KG_PLUGIN (.name = "hello", ...); in C++20,
 * with the members in their order.  Since 1.0. */
#define KG_PLUGIN(...)                                                                   \
  extern KG_EXPORT const struct kg_plugin kg_plugin_1;                                   \
  const struct kg_plugin kg_plugin_1                                                     \
      = { .abi = KG_ABI_TARGET, .size = sizeof (struct kg_plugin),                       \
          .opt_size = sizeof (struct kg_opt), __VA_ARGS__ }

#ifdef __cplusplus
}
#endif

#endif
