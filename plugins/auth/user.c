/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/user.h"
#include "plugins/auth/record.h"

#include <errno.h>
#include <string.h>

static const char *const names[ROLES] = { NULL, "readonly", "member", "admin", "owner" };

const char *
role_name (enum role role)
{
  return names[role];
}

enum role
role_find (const char *name)
{
  enum role role = ROLES;
  while (--role > ROLE_ANY && strcmp (names[role], name))
    ;
  return role;
}

int32_t
role_allows (enum role role, const char *scope)
{
  if (role != ROLE_READONLY && role != ROLE_MEMBER)
    return 1;
  /* Without "invoke:" a key may invoke everything: taking it away would add. */
  if (!strcmp (scope, "read") || !strncmp (scope, "invoke:", 7))
    return 1;
  return role == ROLE_MEMBER && !strcmp (scope, "write");
}

/* ---- Stored values ------------------------------------------------------- */

/* A role by its name; malformed: any other text. */
static void
record_role (struct scan *s, void *member)
{
  const char *name = scan_text (s);
  enum role role = name ? role_find (name) : ROLE_ANY;
  if (role == ROLE_ANY)
    s->error = -EINVAL;
  *(enum role *) member = role;
}

#define AT(member) offsetof (struct user_spec, member)

static const struct record_member members[] = {
  { "id", record_text, AT (id), 1 },
  { "tenant", record_text, AT (tenant), 1 },
  { "email", record_text, AT (email), 0 },
  { "role", record_role, AT (role), 1 },
  { "active", record_bool, AT (active), 1 },
  { "created_at", record_time, AT (created_ns), 0 },
  { "updated_at", record_time, AT (updated_ns), 0 },
};

int32_t
user_read (kg_str json, int32_t (*fn) (const struct user_spec *, void *), void *arg)
{
  struct user_spec spec = { .email = "" };
  char texts[USER_JSON + 1];
  if (json.len > USER_JSON
      || record_read (json, members, sizeof members / sizeof members[0], &spec, texts) < 0)
    return -EINVAL;
  return fn (&spec, arg);
}

void
user_show (struct kg_out *out, const struct user_spec *s)
{
  record_show_text (out, "\"id\":", s->id);
  record_show_text (out, ",\"tenant\":", s->tenant);
  record_show_text (out, ",\"email\":", s->email);
  record_show_text (out, ",\"role\":", role_name (s->role));
  kg_out_lit (out, s->active ? ",\"active\":true" : ",\"active\":false");
  record_show_time (out, ",\"created_at\":", s->created_ns);
  record_show_time (out, ",\"updated_at\":", s->updated_ns);
}

void
user_store (struct kg_out *out, const struct user_spec *spec)
{
  kg_out_lit (out, "{\"v\":1,");
  user_show (out, spec);
  kg_out_lit (out, "}");
}
