/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* regions/NAME.map: their heads, and the numbers of receipts in one of them. */

#include "ctl/verify_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u
#define RECEIPTS "metering.receipts.map"
#define RECEIPTS_MAGIC 0x3274706365726b67ull /* "gkrecpt2" */
#define TENANTS 65536u
#define PROBES 64u

static const char cure_region[]
    = "stop the host and remove the file: it is made anew from the log when the host starts";

struct head {
  char magic[8];
  uint32_t format, ready;
  uint64_t bytes;
};

static int
region_open (const struct verify *v, const char *name)
{
  char path[4096];
  snprintf (path, sizeof path, "%s/regions/%s", v->dir, name);
  return open (path, O_RDONLY | O_CLOEXEC);
}

static void
region_check (struct verify *v, const char *name)
{
  const char *where = place (v, "regions/%s", name);
  struct head h;
  struct stat st;
  int fd = region_open (v, name);
  if (fd < 0 && errno == ENOENT)
    return;
  if (fd < 0 || fstat (fd, &st) < 0)
    found (v, "region", "make it readable for this user", where, "%s", strerror (errno));
  else if (pread (fd, &h, sizeof h, 0) != sizeof h)
    found (v, "region", cure_region, where, "it is too short to be one");
  else if (memcmp (h.magic, "KGREGN\r\n", 8) || h.format != 1 || h.ready > 1)
    found (v, "region", cure_region, where, "its head is damaged");
  else if ((uint64_t)st.st_size != PAGE + h.bytes)
    found (v, "region", cure_region, where, "it has %lld bytes, and its head says %llu",
           (long long)st.st_size, (unsigned long long)(PAGE + h.bytes));
  if (fd >= 0)
    close (fd);
}

/* ---- Numbers of receipts ----------------------------------------------------------------------- */

/* The head of that region's contents. */
struct receipts {
  uint64_t magic, boot, salt, saved;
};

static uint64_t
tenant_hash (uint64_t salt, const char *name)
{
  size_t n = strlen (name), at;
  uint64_t h = salt ^ n;
  for (at = 0; !at || at < n; at += 8) {
    uint64_t w = 0;
    memcpy (&w, name + at, n - at < 8 ? n - at : 8);
    h = (h ^ w) * 0x9e3779b97f4a7c15ull;
    h ^= h >> 29;
  }
  h *= 0xbf58476d1ce4e5b9ull;
  h ^= h >> 32;
  return h ? h : 1;
}

/* How many receipts the region says that the tenant has got; -1: it doesn't know it. */
static int64_t
number_get (int fd, const struct receipts *r, const char *tenant)
{
  uint64_t hash = tenant_hash (r->salt, tenant), pair[2];
  uint32_t i;
  for (i = 0; i < PROBES; i++) {
    off_t at = (off_t)(2 * PAGE + (hash + i) % TENANTS * sizeof pair);
    if (pread (fd, pair, sizeof pair, at) != sizeof pair || !pair[0])
      return -1;
    if (pair[0] == hash)
      return (int64_t)pair[1];
  }
  return INT64_MAX; /* there was no room: it gets no numbers */
}

static int
receipts_open (struct verify *v, struct receipts *r)
{
  int fd = region_open (v, RECEIPTS);
  if (fd >= 0 && pread (fd, r, sizeof *r, PAGE) == sizeof *r && r->magic == RECEIPTS_MAGIC)
    return fd;
  if (fd >= 0)
    close (fd);
  return -1;
}

void
verify_regions_before (struct verify *v)
{
  struct receipts r;
  int fd = receipts_open (v, &r);
  if (fd < 0)
    return;
  v->saved = (int64_t)r.saved;
  close (fd);
}

/* Numbers that the region has promised to know are in it. */
static void
receipts_check (struct verify *v)
{
  struct receipts r;
  int fd = receipts_open (v, &r);
  if (fd < 0)
    return;
  json_object_object_foreach (v->tenants, name, value) {
    int64_t logged = json_object_get_int64 (value), n = number_get (fd, &r, name);
    if (n < logged)
      found (v, "receipt", cure_region,
             place (v, "regions/" RECEIPTS ", tenant %s", shown (piece_of (name))),
             "its newest receipt is said to be %lld, and the log has %lld: numbers would be given "
             "twice",
             (long long)(n < 0 ? 0 : n), (long long)logged);
  }
  close (fd);
}

static void
name_check (struct verify *v, const char *name)
{
  if (name_ends (name, ".map"))
    region_check (v, name);
}

void
verify_regions (struct verify *v)
{
  verify_folder (v, "regions", "region", name_check);
  receipts_check (v);
}
