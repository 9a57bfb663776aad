/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/record.h"
#include "plugins/auth/numbers.h"
#include "plugins/auth/text.h"

#include <errno.h>

#define HASH 32 /* bytes */

/* ---- Reading ------------------------------------------------------------- */

void
record_text (struct scan *s, void *member)
{
  const char *text = scan_text (s);
  if (!text)
    s->error = -EINVAL;
  *(const char **) member = text;
}

void
record_maybe (struct scan *s, void *member)
{
  *(const char **) member = scan_text (s);
}

void
record_object (struct scan *s, void *member)
{
  kg_str raw = scan_skip (s);
  if (s->error || !raw.len || raw.ptr[0] != '{') {
    s->error = -EINVAL;
    return;
  }
  *(const char **) member = memcpy (s->text, raw.ptr, raw.len);
  s->text += raw.len;
  *s->text++ = 0;
}

void
record_list (struct scan *s, void *member)
{
  const char **list = member;
  size_t n = 0;
  if (!scan_array (s))
    s->error = -EINVAL;
  while (scan_element (s)) {
    const char *text = n < RECORD_LIST ? scan_text (s) : NULL;
    if (!text)
      s->error = -EINVAL;
    else
      list[n++] = text;
  }
  list[n] = NULL;
}

void
record_time (struct scan *s, void *member)
{
  const char *text = scan_text (s);
  if (!text)
    *(int64_t *) member = 0;
  else if (text_time_parse (text, strlen (text), member) < 0)
    s->error = -EINVAL;
}

static void
number_read (struct scan *s, kg_str name, struct limits *limits)
{
  size_t i = 0;
  int64_t n;
  while (i < NUMBERS_COUNT && !scan_is (name, number_names[i].name))
    i++;
  if (i == NUMBERS_COUNT) {
    scan_skip (s);
    return;
  }
  n = scan_int (s);
  if (n < 0 || n > NUMBERS_MAX)
    s->error = -EINVAL;
  else
    *number_at (limits, i) = n;
}

void
record_limits (struct scan *s, void *member)
{
  kg_str name;
  if (!scan_object (s))
    s->error = -EINVAL;
  while (scan_member (s, &name))
    number_read (s, name, member);
}

void
record_bool (struct scan *s, void *member)
{
  *(int32_t *) member = scan_bool (s);
}

void
record_number (struct scan *s, void *member)
{
  int64_t n = scan_int (s);
  if (n < INT32_MIN || n > INT32_MAX)
    s->error = -EINVAL;
  else
    *(int32_t *) member = (int32_t) n;
}

void
record_hash (struct scan *s, void *member)
{
  const char *hex = scan_text (s);
  if (!hex || strlen (hex) != 2 * (size_t) HASH || text_hex_parse (hex, HASH, member) < 0)
    s->error = -EINVAL;
}

/* The index of a member, `count` for an unknown one.  Values are mostly in the order
 * in which they were written: `next` is tried first. */
static size_t
member_find (const struct record_member *members, size_t count, size_t next, kg_str name)
{
  size_t i;
  if (next < count && scan_is (name, members[next].name))
    return next;
  for (i = 0; i < count && !scan_is (name, members[i].name); i++)
    ;
  return i;
}

int32_t
record_read (kg_str json, const struct record_member *members, size_t count, void *ret,
             char *buffer)
{
  uint64_t have = 0;
  struct scan s;
  size_t i = 0;
  kg_str name;
  scan_begin (&s, json, buffer);
  while (scan_member (&s, &name)) {
    size_t found = member_find (members, count, i, name);
    if (found == count) {
      scan_skip (&s);
      continue;
    }
    i = found + 1;
    have |= (uint64_t) 1 << found;
    members[found].fn (&s, (char *) ret + members[found].offset);
  }
  for (i = 0; i < count; i++)
    if (members[i].needed && !(have >> i & 1))
      s.error = -EINVAL;
  return scan_end (&s);
}

/* ---- Writing ------------------------------------------------------------- */

void
record_show_text (struct kg_out *out, const char *name, const char *text)
{
  kg_out_lit (out, name);
  kg_out_text (out, text);
}

void
record_show_list (struct kg_out *out, const char *name, const char *const *list)
{
  const char *before = "[";
  kg_out_lit (out, name);
  for (; *list; list++) {
    kg_out_lit (out, before);
    kg_out_text (out, *list);
    before = ",";
  }
  kg_out_lit (out, *before == '[' ? "[]" : "]");
}

void
record_show_time (struct kg_out *out, const char *name, int64_t ns)
{
  char text[TEXT_TIME];
  if (ns)
    text_time (ns, text);
  record_show_text (out, name, ns ? text : NULL);
}
