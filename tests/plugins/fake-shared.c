/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The fake host's regions, cold buckets, crashes, and streams that are cut. */
#include "tests/fake/fake-services.h"

#include "tests/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BYTES 100000u

/* One instance of the plugin; a fake of its own each. */
struct part {
  struct fake *fake;
  kg_self *self;
  const struct kg_store *store;
  kg_bucket *cold;
  kg_log *log;
  struct kg_region region;
  uint64_t *number;
  int32_t fails, watched, written;
};

static const struct kg_host *host;
static struct part parts[2], *opening;
static int32_t ended;
static kg_stream *stream;
static char dir[] = "/tmp/kgent-fake-XXXXXX";

static int32_t
on_stream (kg_req *req, void *data)
{
  (void)data;
  stream = host->stream (req, 200, "text/event-stream");
  host->send (stream, "data: 1\n\n", 9);
  return KG_DONE;
}

static int32_t
on_access (kg_req *req, void *data)
{
  struct kg_identity id = { .size = sizeof id, .subject = "s" };
  (void)data;
  id.ended = &ended;
  return host->identify (req, &id);
}

static void
on_watch (const struct kg_entry *entry, void *part)
{
  (void)entry;
  ((struct part *)part)->watched++;
}

static void
on_written (const struct kg_outcome *outcome, void *part)
{
  ((struct part *)part)->written = outcome->error;
}

static int32_t
part_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  static const struct kg_route route
      = { .size = sizeof route, .method = "GET", .pattern = "/stream", .handler = on_stream };
  struct part *p = *ret_data = opening;
  kg_bucket *other;
  (void)conf;
  host = h;
  p->self = self;
  ck_assert_int_eq (h->need (self, KG_STORE, sizeof *p->store, 0, (const void **)&p->store), 0);
  ck_assert_int_eq (h->route (self, &route), 0);
  ck_assert_int_eq (h->hook (self, KG_PHASE_ACCESS, on_access), 0);
  ck_assert_int_eq (p->store->bucket2 (self, "cold", KG_BUCKET_COLD, &p->cold), 0);
  ck_assert_int_eq (p->store->bucket (self, "cold", &other), -EEXIST);
  ck_assert_int_eq (p->store->bucket2 (self, "x", 2, &other), -EINVAL);
  ck_assert_int_eq (p->store->watch (p->cold, on_watch, p), 0);
  return p->store->log (self, "log", 0, 0, &p->log);
}

static int32_t
part_start (void *data)
{
  struct part *p = data;
  p->region = (struct kg_region){ .size = sizeof p->region };
  ck_assert_int_eq (p->store->region (p->self, "cells", BYTES, &p->region), 0);
  ck_assert_int_eq (p->store->region (p->self, "cells", BYTES, &p->region), -EEXIST);
  p->number = p->region.ptr;
  return p->fails;
}

static const struct kg_plugin plugin = {
  .abi = KG_ABI_CURRENT,
  .size = sizeof plugin,
  .opt_size = sizeof (struct kg_opt),
  .name = "part",
  .version = "1",
  .open = part_open,
  .start = part_start,
};

static int
part_begin (struct part *p)
{
  opening = p;
  ck_assert_int_eq (fake_open (p->fake, &plugin, NULL), 0);
  return fake_start (p->fake);
}

static struct part *
part_new (int i, const char *folder)
{
  struct part *p = &parts[i];
  *p = (struct part){ .fake = fake_new () };
  fake_services (p->fake);
  if (folder)
    fake_regions_in (p->fake, folder);
  ck_assert_int_eq (part_begin (p), 0);
  return p;
}

static void
part_end (struct part *p)
{
  fake_stop (p->fake);
  fake_close (p->fake);
}

/* ---- Regions ------------------------------------------------------------- */

START_TEST (a_region_outlives_a_restart)
{
  struct part *p = part_new (0, NULL);
  ck_assert_uint_eq (p->region.flags, KG_REGION_NEW | KG_REGION_ALONE);
  ck_assert_uint_eq (p->region.slot, 0);
  ck_assert_uint_eq (p->region.bytes, BYTES);
  ck_assert_uint_eq (*p->number, 0);
  *p->number = 7;
  ck_assert_int_eq (p->store->region_held (p->self, "cells", 0), 1);
  ck_assert_int_eq (p->store->region_held (p->self, "cells", 1), 0);
  part_end (p);
  ck_assert_int_eq (part_begin (p), 0);
  ck_assert_uint_eq (p->region.flags, KG_REGION_ALONE);
  ck_assert_uint_eq (*p->number, 7);
  fake_free (p->fake);
}
END_TEST

START_TEST (a_failed_start_makes_it_new_again)
{
  struct part *p = &parts[0];
  *p = (struct part){ .fake = fake_new (), .fails = -EIO };
  fake_services (p->fake);
  ck_assert_int_eq (part_begin (p), -EIO);
  *p->number = 7;
  fake_close (p->fake);
  p->fails = 0;
  ck_assert_int_eq (part_begin (p), 0);
  ck_assert_uint_eq (p->region.flags, KG_REGION_NEW | KG_REGION_ALONE);
  ck_assert_uint_eq (*p->number, 0);
  fake_free (p->fake);
}
END_TEST

START_TEST (a_crash_keeps_what_was_there)
{
  struct part *p = part_new (0, NULL);
  kg_str key = { "k", 1 };
  struct kg_op op = { .kind = KG_OP_PUT, .bucket = p->cold, .key = key, .value = key };
  struct kg_entry e;
  *p->number = 7;
  ck_assert_int_eq (p->store->write (p->self, &op, 1, sizeof op, on_written, p), 0);
  fake_crash (p->fake);
  ck_assert_int_eq (p->written, -ESHUTDOWN);
  *p->number = 9;
  ck_assert_int_eq (p->store->write (p->self, &op, 1, sizeof op, NULL, NULL), -ESHUTDOWN);
  fake_close (p->fake);
  ck_assert_int_eq (part_begin (p), 0);
  ck_assert_uint_eq (p->region.flags, KG_REGION_ALONE);
  ck_assert_uint_eq (*p->number, 7);
  ck_assert_int_eq (p->store->get (p->cold, key, &e), -ENOENT);
  fake_free (p->fake);
}
END_TEST

START_TEST (two_processes_share_it)
{
  struct part *a, *b;
  char file[64];
  ck_assert_ptr_nonnull (mkdtemp (dir));
  a = part_new (0, dir);
  b = part_new (1, dir);
  ck_assert_uint_eq (b->region.flags, 0);
  ck_assert_uint_eq (b->region.slot, 1);
  *b->number = 5;
  ck_assert_uint_eq (*a->number, 5);
  ck_assert_int_eq (a->store->region_held (a->self, "cells", 1), 1);
  fake_crash (b->fake);
  *b->number = 6;
  ck_assert_uint_eq (*a->number, 5);
  ck_assert_int_eq (a->store->region_held (a->self, "cells", 1), 0);
  fake_free (b->fake);
  fake_free (a->fake);
  snprintf (file, sizeof file, "%s/cells.map", dir);
  ck_assert_int_eq (unlink (file) | rmdir (dir), 0);
}
END_TEST

START_TEST (a_full_disk_and_another_boot)
{
  struct part *p = part_new (0, NULL);
  uint64_t boot = p->region.boot;
  ck_assert_int_eq (p->store->region_ensure (p->self, "cells", 0, BYTES), 0);
  ck_assert_int_eq (p->store->region_ensure (p->self, "cells", 1, BYTES), -EINVAL);
  ck_assert_int_eq (p->store->region_ensure (p->self, "none", 0, 1), -ENOENT);
  fake_regions_full (p->fake, 1);
  ck_assert_int_eq (p->store->region_ensure (p->self, "cells", 0, 1), -ENOSPC);
  part_end (p);
  ck_assert_int_eq (part_begin (p), 0);
  ck_assert (p->region.boot == boot);
  part_end (p);
  fake_reboot (p->fake, 77);
  ck_assert_int_eq (part_begin (p), 0);
  ck_assert_uint_eq (p->region.boot, 77);
  fake_free (p->fake);
}
END_TEST

/* ---- The rest -------------------------------------------------------------- */

START_TEST (a_cold_bucket_is_watched)
{
  struct part *p = part_new (0, NULL);
  struct kg_entry e;
  fake_store_put (p->fake, "cold", "k", "v");
  ck_assert_int_eq (p->watched, 1);
  ck_assert_int_eq (p->store->get (p->cold, (kg_str){ "k", 1 }, &e), 0);
  ck_assert_int_eq (e.value.len, 1);
  part_end (p);
  p->watched = 0;
  ck_assert_int_eq (part_begin (p), 0);
  ck_assert_int_eq (p->watched, 1);
  fake_free (p->fake);
}
END_TEST

START_TEST (a_stream_ends_with_its_identity)
{
  struct part *p = part_new (0, NULL);
  kg_req *req = fake_request (p->fake, "GET", "/stream", NULL, NULL);
  ended = 0;
  fake_run (p->fake);
  ck_assert_str_eq (fake_body (req), "data: 1\n\n");
  ended = 1;
  fake_run (p->fake);
  ck_assert_ptr_nonnull (strstr (fake_body (req), "event: error\n"));
  ck_assert_ptr_nonnull (strstr (fake_body (req), "\"type\":\"revoked\""));
  ck_assert_int_eq (host->send (stream, "x", 1), -EPIPE);
  ck_assert_int_eq (fake_done (req), 0);
  host->end (stream);
  fake_run (p->fake);
  ck_assert_int_eq (fake_done (req), 1);
  fake_free (p->fake);
}
END_TEST

UNIT_MAIN ("fake-shared", a_region_outlives_a_restart, a_failed_start_makes_it_new_again,
           a_crash_keeps_what_was_there, two_processes_share_it, a_full_disk_and_another_boot,
           a_cold_bucket_is_watched, a_stream_ends_with_its_identity)
