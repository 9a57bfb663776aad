/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A fake host: drives one or more plugins in a unit test, on one thread.
 *
 * It needs the installed headers only (and json.c, which is installed beside
 * it).  A test links it with the plugin's objects, or opens a plugin's file:
 *
 *   extern const struct kg_plugin kg_plugin_1;
 *   struct fake *fake = fake_new ();
 *   fake_services (fake);                       // <fake-services.h>, optional
 *   fake_open (fake, &kg_plugin_1, (const char *const[]){ "greeting=hi", NULL });
 *   fake_start (fake);
 *   kg_req *req = fake_request (fake, "GET", "/hello/bob?x=1", NULL, NULL);
 *   assert (fake_status (req) == 200);
 *   fake_free (fake);                           // stop, close, in pairs
 *
 * A request goes the host's way: ACCESS, closed by default, LIMIT, handler,
 * COMMIT, LOG.  Nothing happens behind the test's back: a request that waits
 * has status 0 until its ticket is resumed and `fake_run` is called. */
#ifndef KGENT_FAKE_H
#define KGENT_FAKE_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI_CURRENT
#endif
#include <kgent/plugin.h>

struct fake;

/* ---- Life --------------------------------------------------------------- */

struct fake *fake_new (void);

/* Stops and closes what is started and open, and frees every request. */
void fake_free (struct fake *fake);

/* Opens a plugin with a configuration: texts "key=value" that the plugin's own
 * option table parses, ended by NULL; NULL: nothing but defaults.  Members of a
 * group are "group.key", of a list "items.0.key"; a list of strings is "a,b".
 * 0, or a negative errno with the reason in fake_error. */
int fake_open (struct fake *fake, const struct kg_plugin *plugin, const char *const *conf);

/* The same for a plugin's file. */
int fake_open_file (struct fake *fake, const char *path, const char *const *conf);

/* Fills the slots of needed services and calls start of each open plugin in
 * order; undone when one fails. */
int fake_start (struct fake *fake);
void fake_stop (struct fake *fake);

/* Closes all and forgets routes, hooks and plugins, but not the services' state:
 * fake_stop, fake_close, fake_open, fake_start is a restart. */
void fake_close (struct fake *fake);

/* Why the last open or start failed; "" when none did. */
const char *fake_error (const struct fake *fake);

/* All that was logged so far, as lines "warn hello: text"; and forgets it. */
const char *fake_logged (const struct fake *fake);
void fake_log_clear (struct fake *fake);

/* ---- Services ----------------------------------------------------------- */

/* Provides a service of the test's own, before open; the table stays the
 * caller's. */
void fake_provide (struct fake *fake, const char *service, const void *table, uint32_t size);

/* What is provided under this name, by a plugin too; or NULL. */
const void *fake_service (const struct fake *fake, const char *service);

/* The fake of a plugin's self, and the test's own self (for calling services). */
struct fake *fake_of (const kg_self *self);
kg_self *fake_self (struct fake *fake);
const struct kg_host *fake_host (void);

/* What fake_services hangs on the fake. */
void fake_attach (struct fake *fake, void *state, void (*release) (void *state));
void *fake_attached (const struct fake *fake);

/* The fake's clock, nanoseconds since the epoch: the real one plus what it was
 * advanced by. */
int64_t fake_now (const struct fake *fake);
void fake_advance (struct fake *fake, int64_t ms);

/* ---- Requests ----------------------------------------------------------- */

/* Who sends the requests from now on: their identity before ACCESS (copied;
 * NULL: nobody yet), on the admin listener, on the operator's socket (which
 * makes an operator with scope "admin" of NULL). */
void fake_as (struct fake *fake, const struct kg_identity *identity, int admin, int local);

/* From which address they come; NULL: 192.0.2.1. */
void fake_client (struct fake *fake, const char *address);

/* Sends a request: `headers` are "Name: value" texts ended by NULL (or NULL), the
 * body a text or NULL; a body without Content-Type is application/json.  Runs
 * it as far as it goes.  The request stays valid until fake_free. */
kg_req *fake_request (struct fake *fake, const char *method, const char *target,
                      const char *const *headers, const char *body);

/* Runs the continuations of resumed tickets and the ends of streams until
 * there are none, and cuts the streams of identities that have `ended`; returns
 * how many ran. */
int fake_run (struct fake *fake);

/* The deadline of a waiting request passes: 504. */
void fake_expire (kg_req *req);

/* The client leaves: `gone` is called, sends are -EPIPE. */
void fake_leave (kg_req *req);

/* The client gets no more than so many bytes of the stream: what host->taken tells. */
void fake_take (kg_req *req, size_t bytes);

/* From now on streams take this many bytes until fake_run is called, then
 * -EAGAIN. */
void fake_stream_max (struct fake *fake, size_t bytes);

/* 0 while it waits (a stream has its status at once, one of stream2 with its first bytes; a
 * response that takes a begun stream's place is not sent, but LOG sees its status). */
int fake_status (const kg_req *req);

/* 1 once LOG has run. */
int fake_done (const kg_req *req);

/* A response header, or NULL; of several, number `n`. */
const char *fake_header (const kg_req *req, const char *name);
const char *fake_header_n (const kg_req *req, const char *name, int n);

/* The body, NUL-terminated; of a stream all that was sent so far. */
const char *fake_body (const kg_req *req);
size_t fake_body_len (const kg_req *req);

/* A value of a JSON body by its path, "errors.0.loc": a string decoded, all else
 * as JSON text; NULL when there is none.  Valid until fake_free. */
const char *fake_json (kg_req *req, const char *path);

/* Whom ACCESS identified, or NULL. */
const struct kg_identity *fake_identified (const kg_req *req);

#endif
