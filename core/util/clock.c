/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/util/clock.h"

#include <string.h>
#include <time.h>

static _Atomic int64_t fake_mono, fake_wall; /* a test moves them under running threads */

static int64_t
clock_read (clockid_t id)
{
  struct timespec t;
  clock_gettime (id, &t);
  return (int64_t) t.tv_sec * CLOCK_SECOND + t.tv_nsec;
}

int64_t
clock_mono (void)
{
  return fake_mono ? fake_mono : clock_read (CLOCK_MONOTONIC);
}

int64_t
clock_wall (void)
{
  return fake_wall ? fake_wall : clock_read (CLOCK_REALTIME);
}

void
clock_fake (int64_t mono_ns, int64_t wall_ns)
{
  fake_mono = mono_ns;
  fake_wall = wall_ns;
}

static void
put (char *out, unsigned v, int digits)
{
  while (digits--) {
    out[digits] = (char) ('0' + v % 10);
    v /= 10;
  }
}

/* The civil date of a time; by gmtime_r, which takes no lock in glibc for UTC. */
static struct tm
clock_civil (int64_t wall_ns)
{
  time_t s = (time_t) (wall_ns / CLOCK_SECOND);
  struct tm t;
  memset (&t, 0, sizeof t);
  gmtime_r (&s, &t);
  return t;
}

void
clock_rfc3339 (int64_t wall_ns, char out[CLOCK_RFC3339_LEN + 1])
{
  struct tm t = clock_civil (wall_ns);
  memcpy (out, "0000-00-00T00:00:00.000000+00:00", CLOCK_RFC3339_LEN + 1);
  put (out, (unsigned) t.tm_year + 1900, 4);
  put (out + 5, (unsigned) t.tm_mon + 1, 2);
  put (out + 8, (unsigned) t.tm_mday, 2);
  put (out + 11, (unsigned) t.tm_hour, 2);
  put (out + 14, (unsigned) t.tm_min, 2);
  put (out + 17, (unsigned) t.tm_sec, 2);
  put (out + 20, (unsigned) (wall_ns % CLOCK_SECOND / 1000), 6);
}

void
clock_http_date (int64_t wall_ns, char out[CLOCK_HTTP_LEN + 1])
{
  static const char day[] = "SunMonTueWedThuFriSat";
  static const char month[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct tm t = clock_civil (wall_ns);
  memcpy (out, "Sun, 00 Jan 0000 00:00:00 GMT", CLOCK_HTTP_LEN + 1);
  memcpy (out, day + 3 * t.tm_wday, 3);
  put (out + 5, (unsigned) t.tm_mday, 2);
  memcpy (out + 8, month + 3 * t.tm_mon, 3);
  put (out + 12, (unsigned) t.tm_year + 1900, 4);
  put (out + 17, (unsigned) t.tm_hour, 2);
  put (out + 20, (unsigned) t.tm_min, 2);
  put (out + 23, (unsigned) t.tm_sec, 2);
}
