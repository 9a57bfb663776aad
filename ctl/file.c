/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The file of apply, in the syntax of kgentd.conf.  Its members are those of the
 * commands' options, so that there is one table of what a tenant, user or key has. */

#include "ctl/apply.h"

#include "core/util/str.h"

#include <errno.h>
#include <libconfig.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 32u
#define LABEL_MAX 512

const struct object_kind object_kinds[OBJECTS] = {
  { "tenants", "tenant", "/admin/v1/tenants", "slug", "cancel", tenant_fixed, tenant_options,
    1 },
  { "users", "user", "/admin/v1/users", "id", "deactivate", user_fixed, user_options, 0 },
  { "keys", "key", "/admin/v1/keys", "name", "revoke", key_fixed, key_options, 1 },
};

/* The key that is meant where several have a name. */
static const struct option key_id = { "id", 0, KIND_TEXT, "ID", "id", NULL, "" };

struct reading {
  struct wishes *wishes;
  const char *input; /* name of the file that was given, for messages */
  int failures;
};

/* ---- Messages ------------------------------------------------------------------------ */

static const char *
file_of (const struct reading *r, const config_setting_t *s)
{
  const char *file = config_setting_source_file (s);
  return file ? file : r->input;
}

/* Adds "tenants[0].tier" behind `len` bytes; returns the new length. */
static size_t
path_write (const config_setting_t *s, char *out, size_t len)
{
  const char *name = config_setting_name (s);
  int n = 0;
  if (config_setting_is_root (s))
    return len;
  len = path_write (config_setting_parent (s), out, len);
  if (!name)
    n = snprintf (out + len, LABEL_MAX - len, "[%d]", config_setting_index (s));
  else
    n = snprintf (out + len, LABEL_MAX - len, "%s%s", out[len - 1] == ' ' ? "" : ".", name);
  return len + (size_t)n < LABEL_MAX ? len + (size_t)n : LABEL_MAX - 1;
}

/* "tenants.conf:12: tenants[0].tier" */
static void
label_make (const struct reading *r, const config_setting_t *s, char out[LABEL_MAX])
{
  int n = snprintf (out, LABEL_MAX, "%.300s:%u: ", file_of (r, s),
                    config_setting_source_line (s));
  path_write (s, out, (size_t)n);
}

static void
wrong (struct reading *r, const config_setting_t *s, const char *reason)
{
  char label[LABEL_MAX];
  label_make (r, s, label);
  complain ("%s: %s", label, reason);
  r->failures++;
}

static void
unknown (struct reading *r, const config_setting_t *s, const char *const *names)
{
  const char *near = str_closest (config_setting_name (s), names);
  char reason[256];
  snprintf (reason, sizeof reason, "unknown; %s%s%s",
            near ? "did you mean \"" : "see APPLYING A FILE in kgentctl(1)", near ? near : "",
            near ? "\"?" : "");
  wrong (r, s, reason);
}

/* ---- Values --------------------------------------------------------------------------- */

/* Any setting as JSON. */
static json_object *
json_of (const config_setting_t *s)
{
  json_object *o;
  int i, n = config_setting_length (s);
  switch (config_setting_type (s)) {
  case CONFIG_TYPE_INT:
  case CONFIG_TYPE_INT64:
    return json_object_new_int64 (config_setting_get_int64 (s));
  case CONFIG_TYPE_FLOAT:
    return json_object_new_double (config_setting_get_float (s));
  case CONFIG_TYPE_BOOL:
    return json_object_new_boolean (config_setting_get_bool (s));
  case CONFIG_TYPE_STRING:
    return json_object_new_string (config_setting_get_string (s));
  case CONFIG_TYPE_GROUP:
    o = json_object_new_object ();
    for (i = 0; i < n; i++) {
      const config_setting_t *m = config_setting_get_elem (s, (unsigned)i);
      json_object_object_add (o, config_setting_name (m), json_of (m));
    }
    return o;
  default:
    o = json_object_new_array ();
    for (i = 0; i < n; i++)
      json_object_array_add (o, json_of (config_setting_get_elem (s, (unsigned)i)));
    return o;
  }
}

static int
is_text (const config_setting_t *s)
{
  return config_setting_type (s) == CONFIG_TYPE_STRING;
}

static int
is_number (const config_setting_t *s)
{
  int type = config_setting_type (s);
  return (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64)
         && config_setting_get_int64 (s) >= 0;
}

static int
is_words (const config_setting_t *s)
{
  int i, n = config_setting_length (s), type = config_setting_type (s);
  if (type != CONFIG_TYPE_LIST && type != CONFIG_TYPE_ARRAY)
    return 0;
  for (i = 0; i < n; i++)
    if (!is_text (config_setting_get_elem (s, (unsigned)i)))
      return 0;
  return 1;
}

/* NULL when the setting's type fits the option, else what it should be. */
static const char *
type_wanted (const struct option *o, const config_setting_t *s)
{
  switch (o->kind) {
  case KIND_WORDS:
    return is_words (s) ? NULL : "should be a list of texts: ( \"read\", \"write\" )";
  case KIND_NUMBER:
    return is_number (s) ? NULL : "should be a number";
  case KIND_LIMIT:
    return is_number (s) || is_text (s)
               ? NULL
               : "should be a number, \"unlimited\" or \"inherit\"";
  case KIND_OBJECT:
    return config_setting_is_group (s) ? NULL : "should be a group: { ... }";
  case KIND_SWITCH:
    return config_setting_type (s) == CONFIG_TYPE_BOOL ? NULL : "should be true or false";
  default:
    return is_text (s) ? NULL : "should be a text: \"...\"";
  }
}

/* Texts are read as on the command line, but for times from now: each apply would move
 * them. */
static int
text_read (struct reading *r, const struct option *o, const config_setting_t *s,
           json_object **ret)
{
  const char *text = config_setting_get_string (s);
  char label[LABEL_MAX];
  int64_t ns;
  if (o->kind == KIND_TIME && strcmp (text, "never") && time_parse (text, &ns)) {
    wrong (r, s, "should be a time like \"2030-01-01T00:00:00Z\", or \"never\"");
    return EXIT_USAGE;
  }
  label_make (r, s, label);
  if (!value_read (o, label, text, ret))
    return 0;
  r->failures++;
  return EXIT_USAGE;
}

static void
member_read (struct reading *r, const struct option *o, const config_setting_t *s,
             json_object *members)
{
  const char *wanted = type_wanted (o, s);
  json_object *value = NULL;
  if (wanted)
    wrong (r, s, wanted);
  else if (!is_text (s))
    member_put (members, o->member, json_of (s));
  else if (!text_read (r, o, s, &value))
    member_put (members, o->member, value);
}

/* ---- Entries -------------------------------------------------------------------------- */

/* The option whose member has the name, behind `prefix`; collects the names it sees. */
static const struct option *
option_find (const struct option *o, const char *prefix, const char *name,
             const char *names[NAMES_MAX], uint32_t *count)
{
  size_t n = strlen (prefix);
  for (; o->name; o++) {
    if (strncmp (o->member, prefix, n))
      continue;
    if (!strcmp (o->member + n, name))
      return o;
    if (*count + 1 < NAMES_MAX)
      names[(*count)++] = o->member + n;
  }
  return NULL;
}

static void
limits_read (struct reading *r, const config_setting_t *s, json_object *members)
{
  int i, n = config_setting_length (s);
  if (!config_setting_is_group (s)) {
    wrong (r, s, "should be a group: { requests_per_day = 1000; }");
    return;
  }
  for (i = 0; i < n; i++) {
    const config_setting_t *m = config_setting_get_elem (s, (unsigned)i);
    const char *names[NAMES_MAX] = { NULL };
    uint32_t count = 0;
    const struct option *o
        = option_find (limit_options, "limits.", config_setting_name (m), names, &count);
    names[count] = NULL;
    if (o)
      member_read (r, o, m, members);
    else
      unknown (r, m, names);
  }
}

static void
entry_member (struct reading *r, const struct object_kind *kind, const config_setting_t *s,
              json_object *members)
{
  const char *names[NAMES_MAX + 1], *name = config_setting_name (s);
  uint32_t count = 0;
  const struct option *o = option_find (kind->fixed, "", name, names, &count);
  if (!o)
    o = option_find (kind->options, "", name, names, &count);
  if (!o && kind->options == key_options && !strcmp (name, "id"))
    o = &key_id;
  if (kind->limits)
    names[count++] = "limits";
  names[count] = NULL;
  if (kind->limits && !strcmp (name, "limits"))
    limits_read (r, s, members);
  else if (o)
    member_read (r, o, s, members);
  else
    unknown (r, s, names);
}

static void
entry_read (struct reading *r, enum object object, const config_setting_t *s)
{
  const struct object_kind *kind = &object_kinds[object];
  struct wishes *w = r->wishes;
  json_object *members;
  char reason[128];
  int i;
  if (!config_setting_is_group (s)) {
    wrong (r, s, "should be a group: { ... }");
    return;
  }
  members = json_object_new_object ();
  for (i = 0; i < config_setting_length (s); i++)
    entry_member (r, kind, config_setting_get_elem (s, (unsigned)i), members);
  if (!config_setting_get_member (s, kind->name)) {
    snprintf (reason, sizeof reason, "it has no %s, by which a %s is found", kind->name,
              kind->word);
    wrong (r, s, reason);
  }
  w->item = realloc (w->item, (w->count + 1) * sizeof *w->item);
  w->files = realloc (w->files, (w->count + 1) * sizeof *w->files);
  if (!w->item || !w->files)
    abort ();
  w->files[w->file_count++] = strdup (file_of (r, s));
  w->item[w->count++] = (struct wish){ object, (int)config_setting_source_line (s),
                                       w->files[w->file_count - 1], members };
}

static void
list_read (struct reading *r, const config_setting_t *s)
{
  static const char *const names[] = { "tenants", "users", "keys", NULL };
  int object = 0, i;
  while (names[object] && strcmp (names[object], config_setting_name (s)))
    object++;
  if (!names[object]) {
    unknown (r, s, names);
    return;
  }
  if (!config_setting_is_list (s)) {
    wrong (r, s, "should be a list: ( { ... }, { ... } )");
    return;
  }
  r->wishes->listed[object] = 1;
  for (i = 0; i < config_setting_length (s); i++)
    entry_read (r, (enum object)object, config_setting_get_elem (s, (unsigned)i));
}

/* ---- The file --------------------------------------------------------------------------- */

/* What a file includes lies beside it. */
static int
file_load (config_t *config, const char *path)
{
  const char *slash = strrchr (path, '/');
  char *folder = strndup (path, slash ? (size_t)(slash - path) + 1 : 0);
  int good;
  if (!folder)
    abort ();
  if (slash)
    config_set_include_dir (config, folder);
  errno = 0;
  good = config_read_file (config, path);
  free (folder);
  return good;
}

static int
config_load (config_t *config, const char *path)
{
  const char *file;
  int good = strcmp (path, "-") ? file_load (config, path) : config_read (config, stdin);
  if (good)
    return 0;
  if (config_error_type (config) == CONFIG_ERR_FILE_IO) {
    complain ("%s: %s", path, errno ? strerror (errno) : "it cannot be read");
    return EXIT_USAGE;
  }
  file = config_error_file (config);
  complain ("%s:%d: %s", file ? file : path, config_error_line (config),
            config_error_text (config));
  return EXIT_USAGE;
}

int
file_read (const char *path, struct wishes *ret)
{
  struct reading reading = { .wishes = ret, .input = strcmp (path, "-") ? path : "(stdin)" };
  config_setting_t *root;
  config_t config;
  int i, r;
  memset (ret, 0, sizeof *ret);
  config_init (&config);
  r = config_load (&config, path);
  root = config_root_setting (&config);
  for (i = 0; !r && i < config_setting_length (root); i++)
    list_read (&reading, config_setting_get_elem (root, (unsigned)i));
  config_destroy (&config);
  return r || !reading.failures ? r : EXIT_USAGE;
}

void
file_finish (struct wishes *w)
{
  size_t i;
  for (i = 0; i < w->count; i++)
    json_object_put (w->item[i].members);
  for (i = 0; i < w->file_count; i++)
    free (w->files[i]);
  free (w->item);
  free (w->files);
  memset (w, 0, sizeof *w);
}
