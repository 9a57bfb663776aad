/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/abi.h"

#include <kgent/sse.h>

#include <errno.h>
#include <stdio.h>

static kg_str
str (const char *text)
{
  kg_str s = { text, strlen (text) };
  return s;
}

static char sent[8192];
static size_t nsent;
static int32_t verdict;

static int32_t
keep (kg_stream *stream, const void *data, size_t len)
{
  (void) stream;
  if (verdict < 0)
    return verdict;
  memcpy (sent + nsent, data, len);
  sent[nsent += len] = 0;
  return 0;
}

static const struct kg_host host = { .send = keep };

static int32_t
send_one (uint64_t id, const char *event, kg_str data)
{
  nsent = 0;
  sent[0] = 0;
  return kg_sse_send (&host, NULL, id, event, data);
}

START_TEST (fields)
{
  ck_assert_int_eq (send_one (1, "chunk", str ("{\"a\":1}")), 0);
  ck_assert_str_eq (sent, "id: 1\nevent: chunk\ndata: {\"a\":1}\n\n");
  ck_assert_int_eq (send_one (0, NULL, str ("x")), 0);
  ck_assert_str_eq (sent, "data: x\n\n");
  ck_assert_int_eq (send_one (0, "end", str ("")), 0);
  ck_assert_str_eq (sent, "event: end\ndata: \n\n");
}
END_TEST

/* No data can end its event or begin another field. */
START_TEST (lines)
{
  ck_assert_int_eq (send_one (0, NULL, str ("a\nb\r\nc\rd")), 0);
  ck_assert_str_eq (sent, "data: a\ndata: b\ndata: c\ndata: d\n\n");
  ck_assert_int_eq (send_one (0, NULL, str ("a\n\nid: 7\n")), 0);
  ck_assert_str_eq (sent, "data: a\ndata: \ndata: id: 7\ndata: \n\n");
}
END_TEST

START_TEST (big)
{
  char data[4000];
  memset (data, 'x', sizeof data);
  ck_assert_int_eq (send_one (0, NULL, (kg_str){ data, sizeof data }), 0);
  ck_assert_uint_eq (nsent, sizeof data + 8);
  ck_assert_int_eq (memcmp (sent, "data: xxx", 9), 0);
}
END_TEST

START_TEST (refused)
{
  verdict = -EAGAIN;
  ck_assert_int_eq (send_one (0, NULL, str ("x")), -EAGAIN);
  ck_assert_uint_eq (nsent, 0);
  verdict = 0;
}
END_TEST

UNIT_MAIN ("sse", fields, lines, big, refused)
