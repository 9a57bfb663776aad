/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tenants as they are stored. */
#include "plugins/auth/tenant.h"
#include "plugins/auth/record.h"

#include <errno.h>
#include <string.h>

static const char *const names[] = { NULL, "active", "past_due", "suspended", "canceled" };

const char *
tenant_status_name (enum tenant_status status)
{
  return names[status];
}

enum tenant_status
tenant_status_find (const char *name)
{
  enum tenant_status status = TENANT_CANCELED;
  while (status > TENANT_UNKNOWN && strcmp (names[status], name))
    status--;
  return status;
}

int32_t
tenant_slug_ok (const char *slug)
{
  size_t n = strspn (slug, "abcdefghijklmnopqrstuvwxyz0123456789-");
  return n && n < 64 && !slug[n] && slug[0] >= 'a' && slug[n - 1] != '-';
}

/* A status by its name; malformed: any other text. */
static void
record_status (struct scan *s, void *member)
{
  const char *name = scan_text (s);
  enum tenant_status status = name ? tenant_status_find (name) : TENANT_UNKNOWN;
  if (status == TENANT_UNKNOWN)
    s->error = -EINVAL;
  *(enum tenant_status *) member = status;
}

static const char *const sources[] = { "billing", "manual" };

const char *
tenant_source_name (int32_t manual)
{
  return sources[manual];
}

/* Whoever sets the tier. */
static void
record_source (struct scan *s, void *member)
{
  const char *name = scan_text (s);
  int32_t manual = name && !strcmp (name, sources[1]);
  if (!name || strcmp (name, sources[manual]))
    s->error = -EINVAL;
  *(int32_t *) member = manual;
}

#define AT(member) offsetof (struct tenant_spec, member)

static const struct record_member members[] = {
  { "id", record_text, AT (id), 1 },
  { "name", record_text, AT (name), 1 },
  { "slug", record_text, AT (slug), 0 },
  { "tier", record_text, AT (tier), 1 },
  { "tier_source", record_source, AT (manual), 0 },
  { "status", record_status, AT (status), 1 },
  { "anchor_day", record_number, AT (anchor_day), 0 },
  { "metadata", record_object, AT (metadata), 0 },
  { "limits", record_limits, AT (limits), 0 },
  { "created_at", record_time, AT (created_ns), 0 },
  { "updated_at", record_time, AT (updated_ns), 0 },
};

int32_t
tenant_read (kg_str json, int32_t (*fn) (const struct tenant_spec *, void *), void *arg)
{
  struct tenant_spec spec
      = { .slug = "", .metadata = "{}", .anchor_day = 1, .limits = LIMITS_UNSET };
  char texts[TENANT_JSON + 1];
  if (json.len > TENANT_JSON
      || record_read (json, members, sizeof members / sizeof members[0], &spec, texts) < 0
      || spec.anchor_day < 1 || spec.anchor_day > 31)
    return -EINVAL;
  return fn (&spec, arg);
}

void
tenant_show (struct kg_out *out, const struct tenant_spec *s)
{
  record_show_text (out, "\"id\":", s->id);
  record_show_text (out, ",\"name\":", s->name);
  record_show_text (out, ",\"slug\":", s->slug);
  record_show_text (out, ",\"tier\":", s->tier);
  record_show_text (out, ",\"tier_source\":", tenant_source_name (s->manual));
  record_show_text (out, ",\"status\":", tenant_status_name (s->status));
  kg_out_lit (out, ",\"anchor_day\":");
  kg_out_int (out, s->anchor_day);
  kg_out_lit (out, ",\"metadata\":");
  kg_out_lit (out, s->metadata);
  kg_out_lit (out, ",\"limits\":");
  limits_show (out, &s->limits);
  record_show_time (out, ",\"created_at\":", s->created_ns);
  record_show_time (out, ",\"updated_at\":", s->updated_ns);
}

void
tenant_store (struct kg_out *out, const struct tenant_spec *spec)
{
  kg_out_lit (out, "{\"v\":1,");
  tenant_show (out, spec);
  kg_out_lit (out, "}");
}
