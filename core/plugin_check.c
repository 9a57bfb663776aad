/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/plugin_check.h"

#include "core/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ABI_MAJOR(abi) ((uint32_t)(abi) >> 16)
#define ABI_MINOR(abi) ((uint32_t)(abi)&0xffffu)
#define NAME_MAX_BYTES 32u
#define CONF_SIZE_MAX (1u << 20)
#define TABLE_ROWS_MAX 256u
#define PLUGIN_FLAGS KG_SERIAL
#define OPT_FLAGS (KG_OPT_REQUIRED | KG_OPT_SECRET)

/* What a descriptor and an option have in each minor, from 0. */
static const struct {
  uint32_t plugin, opt;
} sizes[] = {
  { sizeof (struct kg_plugin), sizeof (struct kg_opt) }, /* 1.0 */
  { sizeof (struct kg_plugin), sizeof (struct kg_opt) }, /* 1.1: as 1.0 */
};

_Static_assert(sizeof sizes / sizeof sizes[0] == ABI_MINOR (KG_ABI_CURRENT) + 1,
               "one line per minor");

/* ---- The descriptor --------------------------------------------------------- */

static int32_t
abi_check (uint32_t abi, char why[PLUGIN_WHY_MAX])
{
  uint32_t major = ABI_MAJOR (KG_ABI_CURRENT), minor = ABI_MINOR (KG_ABI_CURRENT);
  char speaks[32];
  if (ABI_MAJOR (abi) == major && ABI_MINOR (abi) <= minor)
    return 0;
  snprintf (speaks, sizeof speaks, minor ? "%u.0 to %u.%u" : "%u.0", major, major, minor);
  if (!ABI_MAJOR (abi) || ABI_MAJOR (abi) > 99)
    snprintf (why, PLUGIN_WHY_MAX,
              "its descriptor carries no plugin ABI, this host speaks %s; define it with "
              "KG_PLUGIN (...)",
              speaks);
  else
    snprintf (why, PLUGIN_WHY_MAX,
              "built for plugin ABI %u.%u, this host speaks %s (upgrade the host, or rebuild "
              "with -DKG_ABI_TARGET='KG_ABI (%u, %u)')",
              ABI_MAJOR (abi), ABI_MINOR (abi), speaks, major, minor);
  return -EINVAL;
}

static int32_t
sizes_check (const struct kg_plugin *d, size_t room, char why[PLUGIN_WHY_MAX])
{
  uint32_t minor = ABI_MINOR (d->abi);
  if (d->size != sizes[minor].plugin || (room && room < d->size))
    snprintf (why, PLUGIN_WHY_MAX,
              "its descriptor has %u bytes (%zu in the file), that of plugin ABI 1.%u has %u; "
              "rebuild it with the unchanged <kgent/plugin.h> and KG_PLUGIN (...)",
              d->size, room, minor, sizes[minor].plugin);
  else if (d->opt_size != sizes[minor].opt)
    snprintf (
        why, PLUGIN_WHY_MAX,
        "its options have %u bytes, those of plugin ABI 1.%u have %u; rebuild it with the "
        "unchanged <kgent/plugin.h> and KG_PLUGIN (...)",
        d->opt_size, minor, sizes[minor].opt);
  else
    return 0;
  return -EINVAL;
}

static int
name_ok (const char *name)
{
  size_t n = name ? strlen (name) : 0;
  return n && n <= NAME_MAX_BYTES
         && strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int32_t
members_check (const struct kg_plugin *p, char why[PLUGIN_WHY_MAX])
{
  why[0] = 0;
  if (!p->name)
    snprintf (why, PLUGIN_WHY_MAX, "it has no name; set .name in KG_PLUGIN");
  else if (!name_ok (p->name))
    snprintf (why, PLUGIN_WHY_MAX, "it calls itself \"%.64s\"; a name is 1 to %u of [a-z0-9-]",
              p->name, NAME_MAX_BYTES);
  else if (!p->version || !*p->version)
    snprintf (why, PLUGIN_WHY_MAX, "it has no version; set .version in KG_PLUGIN");
  else if (!p->open)
    snprintf (why, PLUGIN_WHY_MAX, "it has no `open`; set .open in KG_PLUGIN");
  else if (p->stop && !p->start)
    snprintf (why, PLUGIN_WHY_MAX, "it has a `stop` that is never called; give it a `start`");
  else if (p->flags & ~PLUGIN_FLAGS)
    snprintf (why, PLUGIN_WHY_MAX, "it has flags 0x%x, which plugin ABI 1.%u doesn't know",
              p->flags & ~PLUGIN_FLAGS, ABI_MINOR (p->abi));
  else if (p->conf_size > CONF_SIZE_MAX || (p->opts && !p->conf_size))
    snprintf (why, PLUGIN_WHY_MAX,
              "its configuration structure has %u bytes; set .conf_size to "
              "its sizeof (at most %u)",
              p->conf_size, CONF_SIZE_MAX);
  return *why ? -EINVAL : 0;
}

int32_t
plugin_check (const struct kg_plugin *descriptor, size_t room, struct kg_plugin *ret_copy,
              char why[PLUGIN_WHY_MAX])
{
  struct kg_plugin copy;
  memset (&copy, 0, sizeof copy);
  if (room && room < offsetof (struct kg_plugin, name)) {
    snprintf (why, PLUGIN_WHY_MAX,
              "kg_plugin_1 is not a descriptor; define it with KG_PLUGIN "
              "(...)");
    return -EINVAL;
  }
  if (abi_check (descriptor->abi, why) < 0 || sizes_check (descriptor, room, why) < 0)
    return -EINVAL;
  memcpy (&copy, descriptor, descriptor->size < sizeof copy ? descriptor->size : sizeof copy);
  if (members_check (&copy, why) < 0)
    return -EINVAL;
  *ret_copy = copy;
  return 0;
}

/* ---- The option table ------------------------------------------------------- */

/* What is wrong with an option that schema_check doesn't look at, or NULL. */
static const char *
option_fault (const struct kg_plugin *p, const struct kg_opt *table, uint32_t i)
{
  struct kg_opt o = schema_opt (table, p->opt_size, i);
  size_t n = strlen (o.key);
  if (!n || n > 64 || strspn (o.key, "abcdefghijklmnopqrstuvwxyz0123456789_") != n
      || (o.key[0] >= '0' && o.key[0] <= '9'))
    return "a key is 1 to 64 of [a-z0-9_] and begins with a letter";
  for (uint32_t k = 0; k < i; k++)
    if (!strcmp (schema_opt (table, p->opt_size, k).key, o.key))
      return "the key is there twice";
  if (table == p->opts && !strcmp (o.key, "load"))
    return "the key belongs to the host";
  if (o.flags & ~OPT_FLAGS)
    return "unknown flags";
  if (o.flags & KG_OPT_REQUIRED && o.dflt)
    return "required, and with a default";
  if (o.flags & KG_OPT_SECRET && o.type != KG_OPT_STRING && o.type != KG_OPT_STRINGS)
    return "only texts can be secret";
  if (!o.help || !*o.help)
    return "no help";
  return NULL;
}

static int32_t
table_check (const struct kg_plugin *p, const struct kg_opt *table, uint32_t depth,
             const char *path, struct conf_where where, struct errors *errors)
{
  uint32_t i;
  int32_t r = 0;
  for (i = 0; table && depth < SCHEMA_DEPTH_MAX; i++) {
    struct kg_opt o = schema_opt (table, p->opt_size, i);
    const char *fault;
    if (i == TABLE_ROWS_MAX) {
      errors_add (errors, where,
                  "%s: option table: over %u options; end it with { .key = NULL }", path,
                  TABLE_ROWS_MAX);
      return -EINVAL;
    }
    if (!o.key)
      break;
    if ((fault = option_fault (p, table, i))) {
      errors_add (errors, where, "%s: option table: %.64s: %s", path, o.key, fault);
      return -EINVAL;
    }
    if ((o.type == KG_OPT_GROUP || o.type == KG_OPT_LIST) && o.sub)
      r = r < 0 ? r : table_check (p, o.sub, depth + 1, path, where, errors);
  }
  return r;
}

/* schema_check knows neither file nor line. */
static int32_t
schema_check_at (const struct kg_plugin *p, const char *path, struct conf_where where,
                 struct errors *errors)
{
  struct errors mine;
  struct arena arena;
  struct schema s = { &arena, &mine, p->name, "load" };
  int32_t r;
  errors_init (&mine);
  arena_init (&arena, NULL, 0);
  r = schema_check (&s, p->opts, p->opt_size, p->conf_size);
  if (r < 0)
    errors_add (errors, where, "%s: %s", path, mine.text[0] ? mine.text[0] : strerror (-r));
  errors_finish (&mine);
  arena_finish (&arena);
  return r;
}

int32_t
plugin_check_table (const struct kg_plugin *p, const char *name, const char *path,
                    struct conf_where where, struct errors *errors)
{
  static const char *const ours[]
      = { "http", "admin", "store", "log", "drain", "core", "plugins", "plugin-dir", NULL };
  if (name && strcmp (name, p->name)) {
    errors_add (errors, where, "%s: it calls itself \"%s\"; rename the file to %s.so", path,
                p->name, p->name);
    return -EINVAL;
  }
  for (const char *const *o = ours; *o; o++)
    if (!strcmp (*o, p->name)) {
      errors_add (errors, where, "%s: the name \"%s\" belongs to the host; choose another",
                  path, p->name);
      return -EINVAL;
    }
  if (table_check (p, p->opts, 0, path, where, errors) < 0)
    return -EINVAL;
  return schema_check_at (p, path, where, errors);
}
