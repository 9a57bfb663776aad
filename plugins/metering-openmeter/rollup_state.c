/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* How far each meter is in the log. */
#include "plugins/metering-openmeter/rollup.h"

#include <errno.h>
#include <stdio.h>

static const kg_str key = { "state", 5 };

/* The configured meter of that id; -ENOENT. */
static int32_t
meter_of (const struct rollup *r, const struct kg_json *j, uint32_t name)
{
  uint32_t i;
  for (i = 0; i < r->meters.count; i++)
    if (kg_json_is (j, name, r->meters.meter[i].id))
      return (int32_t)i;
  return -ENOENT;
}

static const char *const steps[] = { "", "clear", "fill" };

static void
rebuild_take (const struct kg_json *j, uint32_t i, struct rollup_rebuild *ret)
{
  uint32_t step = kg_json_find (j, i, "step");
  if (!i)
    return;
  ret->step = kg_json_is (j, step, steps[REBUILD_CLEAR]) ? REBUILD_CLEAR : REBUILD_FILL;
  ret->from = kg_json_int (j, kg_json_find (j, i, "from"), 0);
  ret->until = (uint64_t)kg_json_int (j, kg_json_find (j, i, "until"), 0);
}

/* Takes one member: into `at`, or among the others. */
static void
member_take (const struct rollup *r, const struct kg_json *j, uint32_t i,
             struct rollup_state *s)
{
  int32_t m = meter_of (r, j, i);
  kg_str name = kg_json_text (j, i), value = kg_json_text (j, i + 1);
  enum unit unit;
  uint32_t position;
  if (m < 0) {
    mt_text_add (&s->others, ",", 1);
    mt_text_add (&s->others, name.ptr, name.len);
    mt_text_add (&s->others, ":", 1);
    mt_text_add (&s->others, value.ptr, value.len);
    return;
  }
  rebuild_take (j, kg_json_find (j, i + 1, "rebuild"), &s->rebuild[m]);
  for (unit = 0; unit < UNITS; unit++) {
    uint32_t pair = kg_json_find (j, i + 1, unit_names[unit]);
    if (kg_json_kind (j, pair) != KG_JSON_ARRAY || !(position = kg_json_first (j, pair)))
      continue; /* it begins at the beginning */
    s->at[m][unit].position = (uint64_t)kg_json_int (j, position, 0);
    s->at[m][unit].skip = (uint32_t)kg_json_int (j, kg_json_next (j, pair, position), 0);
  }
}

static int32_t
state_read (const struct rollup *r, kg_str text, struct rollup_state *s)
{
  struct record_read read = { 0 };
  int32_t e = record_scan (&read, text);
  uint32_t i;
  if (e >= 0 && kg_json_kind (&read.json, 0) != KG_JSON_OBJECT)
    e = -EBADMSG;
  if (e >= 0)
    for (i = kg_json_first (&read.json, 0); i; i = kg_json_next (&read.json, 0, i + 1))
      member_take (r, &read.json, i, s);
  record_read_free (&read);
  return e < 0 ? e : s->others.failed ? -ENOMEM : 0;
}

int32_t
rollup_state_load (struct rollup *r, struct rollup_state *ret)
{
  struct rollup_state s = { 0 };
  struct kg_entry entry = { .size = sizeof entry };
  int32_t e = r->mt->store->get (r->states, key, &entry);
  if (e == -ENOENT)
    e = 0;
  else if (e >= 0) {
    e = state_read (r, entry.value, &s);
    s.revision = entry.revision;
  }
  if (e < 0) {
    rollup_state_free (&s);
    return e;
  }
  rollup_state_free (ret);
  *ret = s;
  return 0;
}

void
rollup_state_write (const struct rollup *r, const struct rollup_state *s, struct mt_text *t)
{
  char buf[METER_SLUG_MAX + METER_GENERATION_LEN + 96];
  uint32_t i;
  for (i = 0; i < r->meters.count; i++) {
    enum unit unit;
    int n = snprintf (buf, sizeof buf, "%s\"%s\":{", i ? "," : "{", r->meters.meter[i].id);
    mt_text_add (t, buf, (size_t)n);
    for (unit = 0; unit < UNITS; unit++) {
      n = snprintf (buf, sizeof buf, "%s\"%s\":[%llu,%u]", unit ? "," : "", unit_names[unit],
                    (unsigned long long)s->at[i][unit].position, s->at[i][unit].skip);
      mt_text_add (t, buf, (size_t)n);
    }
    if (s->rebuild[i].step) {
      n = snprintf (buf, sizeof buf, ",\"rebuild\":{\"step\":\"%s\",\"from\":%lld,\"until\":%llu}",
                    steps[s->rebuild[i].step], (long long)s->rebuild[i].from,
                    (unsigned long long)s->rebuild[i].until);
      mt_text_add (t, buf, (size_t)n);
    }
    mt_text_add (t, "}", 1);
  }
  mt_text_add (t, s->others.ptr, s->others.len);
  mt_text_add (t, "}", 1);
}

void
rollup_state_free (struct rollup_state *s)
{
  mt_text_free (&s->others);
  s->revision = KG_REV_NEW;
}
