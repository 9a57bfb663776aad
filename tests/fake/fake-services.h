/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The host's services for the fake host, in memory and without threads.
 *
 * kg.store/1 commits when the test says so (or at once), kg.jobs/1 runs jobs
 * and timers when the test says so, kg.http/1 answers from a script and keeps
 * what was asked, kg.calls/1 makes requests of this host, kg.metrics/1 counts by
 * name, kg.health/1 remembers. */
#ifndef KGENT_FAKE_SERVICES_H
#define KGENT_FAKE_SERVICES_H

#include "kgent-fake.h"

#include <kgent/calls.h>
#include <kgent/health.h>
#include <kgent/http.h>
#include <kgent/jobs.h>
#include <kgent/metrics.h>
#include <kgent/store.h>

/* Provides all six; before fake_open. */
void fake_services (struct fake *fake);

/* ---- kg.jobs/1 ---------------------------------------------------------- */

/* Runs the waiting jobs, the kicked timers and those that are due by the fake
 * clock, what they add in turn included (at most 1,000), and then fake_run;
 * returns how many jobs ran. */
int fake_run_jobs (struct fake *fake);

/* ---- kg.store/1 --------------------------------------------------------- */

/* The next `count` writes and records (-1: all) fail with `error`, -ENOSPC ...;
 * 0, 0 ends it.  -EAGAIN refuses a write at once. */
void fake_store_fail (struct fake *fake, int error, int count);

/* 1: writes wait for fake_store_commit, and record answers KG_WAIT until then. */
void fake_store_hold (struct fake *fake, int hold);

/* Commits what waits, calls `done`, watches and notifications, then fake_run;
 * returns how many writes and records there were. */
int fake_store_commit (struct fake *fake);

/* Reads and changes the store from outside ("another process" did): watches are
 * told.  A value of NULL deletes. */
const char *fake_store_get (struct fake *fake, const char *bucket, const char *key);
void fake_store_put (struct fake *fake, const char *bucket, const char *key, const char *value);

/* How many entries and records scans and reads have gone through so far, shown or not. */
uint64_t fake_store_scanned (struct fake *fake);

/* Regions lie in files of this folder, which several fakes may share, also those
 * of several processes; not in memory of the fake.  Before fake_start. */
void fake_regions_in (struct fake *fake, const char *dir);

/* 1: region_ensure answers -ENOSPC. */
void fake_regions_full (struct fake *fake, int full);

/* From the next fake_start on the machine's boot is another one (0: the real). */
void fake_reboot (struct fake *fake, uint64_t boot);

/* The process is killed, as the store sees it: its slots of regions are free at
 * once, and nothing that the plugins do from now on reaches a region, a bucket or
 * a log (-ESHUTDOWN; what waits to be committed is lost, too, and `done` says so).
 * fake_stop and fake_close clear up; fake_open and fake_start are the next process. */
void fake_crash (struct fake *fake);

/* The number of records in a log, and the data of number `i` from 0; or NULL. */
int fake_log_count (struct fake *fake, const char *log);
const char *fake_log_data (struct fake *fake, const char *log, int i);
const char *fake_log_id (struct fake *fake, const char *log, int i);

/* ---- kg.metrics/1 ------------------------------------------------------- */

/* The value of one series (a counter's or gauge's; of a histogram the number of
 * observations); -1 when the metric doesn't exist.  Labels' values in order,
 * joined by commas: "ok,fast"; NULL: the sum over all series. */
double fake_metric (struct fake *fake, const char *name, const char *labels);

/* ---- kg.health/1 -------------------------------------------------------- */

/* State of a component, -1 when there is none; and its detail. */
int fake_health (struct fake *fake, const char *component);
const char *fake_health_detail (struct fake *fake, const char *component);

/* ---- kg.http/1 ---------------------------------------------------------- */

/* Scripts the reply to the next request that has none yet: a status with a body,
 * or a negative errno.  `content_type` NULL: application/json; retry_after_ms
 * -1: none.  A request beyond the script stays under way. */
void fake_http_reply (struct fake *fake, int status_or_error, const char *content_type,
                      const char *body, int64_t retry_after_ms);

/* The reply scripted last says how long it holds; without this it doesn't. */
void fake_http_max_age (struct fake *fake, int64_t max_age_s);

/* Delivers the replies: calls `piece` and `done` of requests in order, then
 * fake_run; returns how many. */
int fake_http_deliver (struct fake *fake);

/* A piece of a 2xx body for the first request that is under way, whose reply is still to come;
 * then fake_run.  What `piece` answered, or -ENOENT. */
int32_t fake_http_piece (struct fake *fake, const char *text);

/* What was asked, in order from 0; NULL beyond the last. */
struct fake_call {
  char *method, *url, *body;
  char **headers; /* "Name: value", ends in NULL */
  size_t body_len;
  uint32_t flags, tries, total_ms;
  int cancelled, delivered;
};
int fake_http_count (struct fake *fake);
const struct fake_call *fake_http_call (struct fake *fake, int i);
const char *fake_http_header (const struct fake_call *call, const char *name);

/* ---- kg.calls/1 --------------------------------------------------------- */

/* Inner requests begin in fake_run, which fake_request and fake_run_jobs call, too;
 * `done` is called there.  They are taken from the end of fake_start to fake_stop. */

/* How many were asked for, and number `i` from 0: NULL beyond, or before it has begun. */
int fake_inner_count (struct fake *fake);
kg_req *fake_inner (struct fake *fake, int i);

/* The next `count` calls (-1: all) are refused with `error`, -EAGAIN ...; 0, 0 ends it. */
void fake_calls_fail (struct fake *fake, int error, int count);

#endif
