/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Only this file knows libcurl: one thread, one multi handle.
 *
 * libcurl sends a request again by itself when a pooled connection turns out to
 * be dead before a byte of the reply; so what must not be sent twice gets a fresh
 * connection. */

#include "core/fetch.h"
#include "core/address.h"
#include "core/blame.h"
#include "core/fetch_client.h"
#include "core/host.h"
#include "core/util/clock.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_MAX 65536 /* bytes of a reply's head */
#define POOLED 64L       /* idle connections that are kept */
#define POOLED_AGE 55L   /* s; most servers close after 60 or more */
#define IDLE_WAIT_MS 60000
#define SLOW_SECONDS 10L
#define SLOW_BYTES 64L /* per second, once a body has begun */
#define STREAM_SECONDS 60L

/* ---- Callbacks of libcurl --------------------------------------------------------- */

static size_t
on_body (char *data, size_t one, size_t len, void *arg)
{
  kg_call *call = arg;
  long status = 0;
  int stop;
  (void) one;
  if (!call->received) { /* a server may think for long, but then it should send */
    curl_easy_getinfo (call->easy, CURLINFO_RESPONSE_CODE, &status);
    call->status = (int32_t) status;
    curl_easy_setopt (call->easy, CURLOPT_LOW_SPEED_LIMIT,
                      call->request.piece ? 1L : SLOW_BYTES);
    curl_easy_setopt (call->easy, CURLOPT_LOW_SPEED_TIME,
                      call->request.piece ? STREAM_SECONDS : SLOW_SECONDS);
  }
  blame_set (call->self, "http piece", NULL);
  stop = call_body (call, data, len);
  blame_clear ();
  return stop ? len + 1 : len;
}

static size_t
on_header (char *line, size_t one, size_t len, void *arg)
{
  kg_call *call = arg;
  (void) one;
  if (len > 5 && memcmp (line, "HTTP/", 5) == 0) { /* forget a 1xx before it */
    call->retry_after_ms = -1;
    call->content_type[0] = 0;
  }
  call->head += len;
  if (call->head > HEADER_MAX) {
    call->over = 1;
    return 0;
  }
  call_header (call, line, len, clock_wall ());
  return len;
}

static int
is_allowed (kg_call *call, int32_t kind)
{
  if (kind == ADDRESS_PUBLIC || (kind == ADDRESS_PRIVATE && call->flags & KG_HTTP_PRIVATE_OK))
    return 1;
  call->forbidden = 1;
  return 0;
}

static curl_socket_t
on_socket (void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
  if (purpose != CURLSOCKTYPE_IPCXN || !is_allowed (arg, address_class (&a->addr)))
    return CURL_SOCKET_BAD;
  return socket (a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* A pooled connection may have been made by a call that was allowed more. */
static int
on_request (void *arg, char *remote, char *local, int remote_port, int local_port)
{
  (void) local, (void) remote_port, (void) local_port;
  return is_allowed (arg, address_class_text (remote)) ? CURL_PREREQFUNC_OK
                                                       : CURL_PREREQFUNC_ABORT;
}

/* ---- One try ------------------------------------------------------------------------ */

/* Of a reply that is longer than its caller would have it. */
static int32_t
over_code (const kg_call *call)
{
  return call->flags & KG_HTTP_STATUS && call->head <= HEADER_MAX ? 0 : -EMSGSIZE;
}

static int32_t
error_code (const kg_call *call, CURLcode code)
{
  switch (code) {
  case CURLE_OK:
    return 0;
  case CURLE_OPERATION_TIMEDOUT:
    return -ETIMEDOUT;
  case CURLE_COULDNT_CONNECT:
  case CURLE_ABORTED_BY_CALLBACK:
    return call->forbidden ? -EHOSTUNREACH : -ECONNREFUSED;
  case CURLE_COULDNT_RESOLVE_HOST:
    return -EHOSTUNREACH;
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_GOT_NOTHING:
  case CURLE_PARTIAL_FILE:
    return -ECONNRESET;
  case CURLE_FILESIZE_EXCEEDED:
    return over_code (call);
  case CURLE_WRITE_ERROR:
    return call->over ? over_code (call) : call->stopped ? -ECANCELED : -EIO;
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CIPHER:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_INVALIDCERTSTATUS:
    return -EPROTO;
  default:
    return -EIO;
  }
}

/* "Name:" alone would mean to libcurl: leave that field out. */
static int
headers_append (struct curl_slist **list, const char *line)
{
  char *empty = NULL;
  size_t name = strcspn (line, ":");
  struct curl_slist *grown;
  if (line[name] == ':' && line[name + 1 + strspn (line + name + 1, " \t")] == 0) {
    empty = strdup (line);
    if (!empty)
      return 0;
    memcpy (empty + name, ";", 2);
  }
  grown = curl_slist_append (*list, empty ? empty : line);
  free (empty);
  if (grown)
    *list = grown;
  return grown != NULL;
}

static int
headers_make (kg_call *call)
{
  struct curl_slist *list = NULL;
  const char *const *h;
  int ok, has_type = 0;
  ok = (list = curl_slist_append (NULL, "Expect:")) != NULL;
  for (h = call->request.headers; ok && *h; h++) {
    has_type |= strncasecmp (*h, "Content-Type:", 13) == 0;
    ok = headers_append (&list, *h);
  }
  if (ok && !has_type) { /* libcurl would say that it is a form */
    struct curl_slist *grown = curl_slist_append (list, "Content-Type:");
    ok = grown != NULL;
  }
  call->headers = list;
  return ok;
}

#define SET(option, value)                                                                     \
  do                                                                                           \
    if (curl_easy_setopt (e, option, value) != CURLE_OK)                                       \
      failed = 1;                                                                              \
  while (0)

/* What holds for every request. */
static int
setup_rules (CURL *e, kg_call *call)
{
  int failed = 0;
  SET (CURLOPT_PRIVATE, call);
  SET (CURLOPT_NOSIGNAL, 1L);
  SET (CURLOPT_PROTOCOLS_STR, "http,https");
  SET (CURLOPT_FOLLOWLOCATION, 0L);
  SET (CURLOPT_PROXY, "");
  SET (CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
  SET (CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
  SET (CURLOPT_HTTP_CONTENT_DECODING, 0L);
  SET (CURLOPT_SSL_VERIFYPEER, 1L);
  SET (CURLOPT_SSL_VERIFYHOST, 2L);
  SET (CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
  SET (CURLOPT_TCP_KEEPALIVE, 1L);
  SET (CURLOPT_MAXAGE_CONN, POOLED_AGE);
  SET (CURLOPT_USERAGENT, "kgent/" KG_VERSION);
  SET (CURLOPT_WRITEFUNCTION, on_body);
  SET (CURLOPT_WRITEDATA, call);
  SET (CURLOPT_HEADERFUNCTION, on_header);
  SET (CURLOPT_HEADERDATA, call);
  SET (CURLOPT_OPENSOCKETFUNCTION, on_socket);
  SET (CURLOPT_OPENSOCKETDATA, call);
  SET (CURLOPT_PREREQFUNCTION, on_request);
  SET (CURLOPT_PREREQDATA, call);
  SET (CURLOPT_ERRORBUFFER, call->reason);
#if LIBCURL_VERSION_NUM >= 0x075700
  /* A timeout must not wait for a resolver that hangs. */
  curl_easy_setopt (e, CURLOPT_QUICK_EXIT, 1L);
#endif
  return !failed;
}

/* What this request says. */
static int
setup_request (CURL *e, kg_call *call)
{
  const struct kg_http_request *r = &call->request;
  int failed = !headers_make (call);
  int sends = r->body.len || strcmp (r->method, "POST") == 0 || strcmp (r->method, "PUT") == 0
              || strcmp (r->method, "PATCH") == 0;
  int repeatable = call->flags & KG_HTTP_IDEMPOTENT || strcmp (r->method, "GET") == 0
                   || strcmp (r->method, "HEAD") == 0;
  SET (CURLOPT_URL, r->url);
  SET (CURLOPT_HTTPHEADER, (struct curl_slist *) call->headers);
  SET (CURLOPT_FRESH_CONNECT, repeatable ? 0L : 1L);
  if (call->fetch->ca_file)
    SET (CURLOPT_CAINFO, call->fetch->ca_file);
  if (sends) {
    SET (CURLOPT_POST, 1L);
    SET (CURLOPT_POSTFIELDS, r->body.ptr);
    SET (CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) r->body.len);
  }
  if (strcmp (r->method, "HEAD") == 0)
    SET (CURLOPT_NOBODY, 1L);
  else {
    SET (CURLOPT_CUSTOMREQUEST, r->method);
    SET (CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) r->reply_max);
  }
  return !failed;
}

/* The clock's part, new for each try. */
static int
setup_times (CURL *e, const kg_call *call)
{
  long left = (long) ((call->deadline - clock_mono () + CLOCK_MS - 1) / CLOCK_MS), connect;
  int failed = 0;
  if (left < 1)
    left = 1;
  connect = (long) call->request.connect_ms < left ? (long) call->request.connect_ms : left;
  SET (CURLOPT_TIMEOUT_MS, left);
  SET (CURLOPT_CONNECTTIMEOUT_MS, connect);
  SET (CURLOPT_LOW_SPEED_TIME, 0L);
  return !failed;
}

/* ---- The loop --------------------------------------------------------------------- */

static void
list_remove (kg_call **list, kg_call *call)
{
  while (*list != call)
    list = &(*list)->next;
  *list = call->next;
  call->next = NULL;
}

static void
call_end (struct fetch *f, kg_call *call)
{
  if (call->easy)
    curl_easy_cleanup (call->easy);
  curl_slist_free_all (call->headers);
  client_end (f, call);
}

static void
try_end (struct fetch *f, kg_call *call)
{
  if (!client_again (f, call))
    call_end (f, call);
}

static int
easy_make (struct fetch *f, kg_call *call)
{
  if (!call->easy) {
    call->easy = curl_easy_init ();
    if (!call->easy || !setup_rules (call->easy, call) || !setup_request (call->easy, call))
      return 0;
  }
  return f->multi && setup_times (call->easy, call)
         && curl_multi_add_handle (f->multi, call->easy) == CURLM_OK;
}

/* Starts a try of a call that is in no list. */
static void
try_begin (struct fetch *f, kg_call *call)
{
  if (!call->breaker && !(call->flags & KG_HTTP_NO_BREAKER))
    call->breaker = breakers_use (f->breakers, call->origin);
  call->admitted = BREAKER_ADMITTED;
  if (call->breaker)
    call->admitted = breaker_admit (call->breaker, clock_mono ());
  if (call->admitted == BREAKER_REFUSED) {
    if (!call->tried)
      call->error = -EBUSY; /* else: what the try before it said */
    call_end (f, call);
    return;
  }
  call_reset (call);
  call->tried++;
  if (!easy_make (f, call)) {
    call->error = -EIO;
    call->request.tries = call->tried;
    try_end (f, call);
    return;
  }
  call->next = f->running;
  f->running = call;
}

static void
tries_begin (struct fetch *f)
{
  kg_call **p = &f->waiting, *call;
  int64_t now = clock_mono ();
  while ((call = *p)) {
    if (call->due > now && !call->cancelled) {
      p = &call->next;
      continue;
    }
    *p = call->next;
    call->next = NULL;
    if (!call->cancelled) {
      try_begin (f, call); /* may put others in front: they wait for the next turn */
      continue;
    }
    call->error = -ECANCELED;
    call_end (f, call);
  }
}

/* Ends the running calls that were cancelled. */
static void
cancels_take (struct fetch *f)
{
  kg_call *call, *next;
  for (call = f->running; call; call = next) {
    next = call->next;
    if (!call->cancelled)
      continue;
    list_remove (&f->running, call);
    curl_multi_remove_handle (f->multi, call->easy);
    call->error = -ECANCELED;
    try_end (f, call);
  }
}

static void
tries_finish (struct fetch *f)
{
  CURLMsg *msg;
  kg_call *call;
  long status;
  int left;
  while ((msg = curl_multi_info_read (f->multi, &left))) {
    CURLcode code = msg->data.result;
    char *arg = NULL;
    if (msg->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo (msg->easy_handle, CURLINFO_PRIVATE, &arg);
    call = (kg_call *) (void *) arg;
    status = 0;
    curl_easy_getinfo (call->easy, CURLINFO_RESPONSE_CODE, &status);
    call->status = (int32_t) status;
    call->error = error_code (call, code);
    if (code == CURLE_OK && !status)
      call->error = -EIO;
    list_remove (&f->running, call);
    curl_multi_remove_handle (f->multi, call->easy);
    try_end (f, call);
  }
}

static int
wait_ms (const struct fetch *f)
{
  int64_t due = clock_mono () + IDLE_WAIT_MS * CLOCK_MS, left;
  const kg_call *call;
  for (call = f->waiting; call; call = call->next)
    if (call->due < due)
      due = call->due;
  left = due - clock_mono ();
  return left > 0 ? (int) (left / CLOCK_MS) + 1 : 0;
}

/* Until the first call comes libcurl and what it drags in stay untouched: that
 * is 2 MB that many hosts never need. */
static void
multi_make (struct fetch *f)
{
  CURLM *multi;
  curl_global_init (CURL_GLOBAL_DEFAULT);
  multi = curl_multi_init ();
  if (multi)
    curl_multi_setopt (multi, CURLMOPT_MAXCONNECTS, POOLED);
  else
    curl_global_cleanup ();
  atomic_store (&f->multi, multi); /* NULL: each call says -EIO, the next one tries again */
}

/* ---- For fetch_client.c --------------------------------------------------------- */

void *
fetch_main (void *arg)
{
  struct fetch *f = arg;
  int running = 0, stopping;
  do {
    if (!f->multi && !client_await (f))
      multi_make (f);
    stopping = client_take (f);
    if (atomic_exchange (&f->cancels, 0))
      cancels_take (f);
    tries_begin (f);
    if (!f->multi)
      continue;
    curl_multi_perform (f->multi, &running);
    tries_finish (f);
    if (!stopping)
      curl_multi_poll (f->multi, NULL, 0, wait_ms (f), NULL);
  } while (!stopping || f->running || f->waiting);
  return NULL;
}

void
fetch_wake (struct fetch *f)
{
  CURLM *multi = atomic_load (&f->multi);
  if (multi)
    curl_multi_wakeup (multi);
  else
    pthread_cond_signal (&f->first);
}

void
fetch_multi_free (struct fetch *f)
{
  if (!f->multi)
    return;
  curl_multi_cleanup (f->multi);
  curl_global_cleanup ();
}
