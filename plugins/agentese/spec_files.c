/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The folder of specs: CONTEXT/HOLON.md is the node CONTEXT.HOLON of all tenants.  It is
 * read once, when the plugin is opened; every file that is wrong is told, with the line and
 * what to do about it, and then the host does not start. */
#include "plugins/agentese/spec.h"

#include <json-c/json.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 1000

/* A file; everything is kept until close. */
struct ag_spec_file {
  struct ag_spec_file *next;
  char *text, *mem;
  struct ag_aspect *aspects;
  struct ag_holon holon;
  char rest[AG_PATH_MAX + 1];
};

/* The folder while it is read. */
struct folder {
  struct ag *ag;
  char path[4096]; /* of what is looked at */
  int32_t ctx;
  uint32_t files, wrong;
};

/* ---- Telling -------------------------------------------------------------------------------- */

static void
wrong (struct folder *f, uint32_t line, const char *what)
{
  struct ag *ag = f->ag;
  f->wrong++;
  if (line)
    ag->host->log (ag->self, KG_LOG_ERROR, "spec_dir: %s:%u: %s", f->path, line, what);
  else
    ag->host->log (ag->self, KG_LOG_ERROR, "spec_dir: %s: %s", f->path, what);
}

static void
wrong_spec (struct folder *f, const struct ag_spec_error *err)
{
  char text[512];
  wrong (f, err->line, ag_spec_error_text (err, text, sizeof text));
}

/* ---- Checks that take the host -------------------------------------------------------------- */

static int32_t
is_json (kg_str text)
{
  json_tokener *tok = json_tokener_new_ex (32);
  json_object *o;
  int32_t good;
  if (!tok)
    return -ENOMEM;
  json_tokener_set_flags (tok, JSON_TOKENER_STRICT);
  o = json_tokener_parse_ex (tok, text.ptr, (int)text.len);
  if (!o && json_tokener_get_error (tok) == json_tokener_continue) /* a number, or null */
    o = json_tokener_parse_ex (tok, "", 1);
  good = json_tokener_get_error (tok) == json_tokener_success
         && (!json_tokener_get_parse_end (tok) || json_tokener_get_parse_end (tok) >= text.len);
  json_object_put (o);
  json_tokener_free (tok);
  return good;
}

static int32_t
json_check (struct folder *f, const struct ag_spec *spec)
{
  uint32_t i, line;
  kg_str text;
  int32_t r;
  for (i = 0; ag_spec_json (spec, i, &text, &line); i++) {
    if ((r = is_json (text)) < 0)
      return r;
    if (!r) {
      wrong (f, line, "with defaults, or null, in its holes this is no JSON; mend the block "
                      "```json");
      return -EINVAL;
    }
  }
  return 0;
}

static int32_t
archetypes_check (struct folder *f, const struct ag_spec *spec)
{
  struct ag_spec_error err = { .what = "there is no such archetype",
                               .fix = "add it to the option archetypes, or write any" };
  uint32_t i;
  for (i = 0; i < spec->nwhom; i++)
    if (strcmp (spec->whom[i], "any") != 0
        && ag_archetype_find (f->ag, ag_str (spec->whom[i])) < 0) {
      err.line = spec->whom_line[i];
      err.shown = ag_str (spec->whom[i]);
      wrong_spec (f, &err);
      return -EINVAL;
    }
  return 0;
}

/* ---- One file -------------------------------------------------------------------------------- */

/* All of a regular file; NULL when that was told, or without memory. */
static char *
file_text (struct folder *f, int dir, const char *name, size_t *ret_len)
{
  int fd = openat (dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  char *text = NULL;
  struct stat st;
  ssize_t n = -1;
  if (fd < 0 || fstat (fd, &st) < 0)
    wrong (f, 0, strerror (errno));
  else if (!S_ISREG (st.st_mode) || st.st_size > AG_SPEC_MAX)
    wrong (f, 0, "it is no file, or has more than 32768 bytes");
  else if (!(text = malloc (AG_SPEC_MAX + 1)) || (n = read (fd, text, AG_SPEC_MAX + 1)) < 0)
    wrong (f, 0, strerror (errno));
  if (fd >= 0)
    close (fd);
  if (n < 0) {
    free (text);
    return NULL;
  }
  *ret_len = (size_t)n;
  return text;
}

static void
file_free (struct ag_spec_file *s)
{
  free (s->text);
  free (s->mem);
  free (s->aspects);
  free (s);
}

/* Parses what is read: 0, or -EINVAL, told. */
static int32_t
file_parse (struct folder *f, struct ag_spec_file *s, size_t len)
{
  struct ag_spec *spec;
  struct ag_spec_error err;
  size_t size = ag_spec_size (len);
  int32_t r;
  s->mem = malloc (size);
  if (!s->mem)
    return -ENOMEM;
  r = ag_spec_read ((kg_str){ s->text, len }, s->mem, size, &spec, &err);
  if (r == -EINVAL)
    wrong_spec (f, &err);
  if (r < 0 || (r = archetypes_check (f, spec)) < 0 || (r = json_check (f, spec)) < 0)
    return r;
  s->aspects = calloc (spec->naspects + 2u, sizeof *s->aspects);
  if (!s->aspects)
    return -ENOMEM;
  ag_spec_aspects (spec, s->aspects);
  s->holon = (struct ag_holon){ .context = f->ctx,
                                .kind = AG_SPEC,
                                .rest = s->rest,
                                .summary = spec->summary,
                                .aspects = s->aspects,
                                .data = spec };
  return 0;
}

static int32_t
file_register (struct folder *f, struct ag_spec_file *s)
{
  int32_t r;
  if (ag_entry_exact (f->ag, f->ctx, ag_str (s->rest))) {
    wrong (f, 0, "there is a node of that name already; rename the file");
    return -EEXIST;
  }
  r = ag_register (f->ag, &s->holon);
  if (r < 0)
    wrong (f, 0, "the node cannot be made; see the line before");
  return r;
}

static int32_t
file_take (struct folder *f, int dir, const char *name)
{
  struct ag_spec_file *s = calloc (1, sizeof *s);
  size_t len = 0;
  int32_t r;
  if (!s)
    return -ENOMEM;
  snprintf (s->rest, sizeof s->rest, "%.*s", (int)(strlen (name) - 3), name);
  s->text = file_text (f, dir, name, &len);
  r = s->text ? file_parse (f, s, len) : -EINVAL;
  if (!r)
    r = file_register (f, s);
  if (r < 0) {
    file_free (s);
    return r == -ENOMEM ? r : 0; /* told, and counted */
  }
  s->next = f->ag->specs;
  f->ag->specs = s;
  return 0;
}

/* ---- Folders --------------------------------------------------------------------------------- */

static int32_t
is_holon (struct folder *f, const char *name)
{
  char buf[AG_PATH_MAX + 32];
  struct kg_out o = { buf, 0, sizeof buf };
  struct ag_path path;
  struct ag_error err;
  kg_out_lit (&o, ag_context_names[f->ctx]);
  kg_out_lit (&o, ".");
  kg_out_raw (&o, name, strlen (name) - 3);
  return kg_out_ok (&o) && o.len <= AG_HANDLE_MAX
         && !ag_path_parse ((kg_str){ buf, o.len }, &path, &err) && path.base.len == o.len;
}

static int
is_spec_name (const struct dirent *e)
{
  size_t n = strlen (e->d_name);
  return e->d_name[0] != '.' && n > 3 && !strcmp (e->d_name + n - 3, ".md");
}

static int32_t
name_take (struct folder *f, int dir, const char *name)
{
  size_t n = strlen (f->path);
  int32_t r = 0;
  snprintf (f->path + n, sizeof f->path - n, "/%s", name);
  if (++f->files > FILES_MAX)
    wrong (f, 0, "there are more than 1000 files");
  else if (!is_holon (f, name))
    wrong (f, 0, "the file's name is no holon; write names of [a-z][a-z0-9_]*, with points "
                 "between them, and .md");
  else
    r = file_take (f, dir, name);
  f->path[n] = 0;
  return r;
}

/* The files of one context, in the order of their names. */
static int32_t
context_read (struct folder *f, int root)
{
  const char *context = ag_context_names[f->ctx];
  size_t n = strlen (f->path);
  int dir = openat (root, context, O_RDONLY | O_DIRECTORY | O_CLOEXEC), i, count;
  struct dirent **names;
  int32_t r = 0;
  if (dir < 0 && errno == ENOENT)
    return 0;
  snprintf (f->path + n, sizeof f->path - n, "/%s", context);
  count = dir < 0 ? -1 : scandirat (dir, ".", &names, is_spec_name, alphasort);
  if (count < 0)
    wrong (f, 0, strerror (errno));
  for (i = 0; i < count; i++) {
    if (!r && f->files <= FILES_MAX)
      r = name_take (f, dir, names[i]->d_name);
    free (names[i]);
  }
  if (count >= 0)
    free (names);
  if (dir >= 0)
    close (dir);
  f->path[n] = 0;
  return r;
}

/* A folder that is no context would never be read. */
static int
is_stranger (const struct dirent *e)
{
  int32_t i;
  for (i = 0; i < AG_CONTEXTS; i++)
    if (!strcmp (e->d_name, ag_context_names[i]))
      return 0;
  return e->d_name[0] != '.' && e->d_type == DT_DIR;
}

static void
strangers_tell (struct folder *f)
{
  size_t n = strlen (f->path);
  struct dirent **names;
  int i, count = scandir (f->path, &names, is_stranger, alphasort);
  for (i = 0; i < count; i++) {
    snprintf (f->path + n, sizeof f->path - n, "/%s", names[i]->d_name);
    wrong (f, 0, "the folder is no context; write world, self, concept, void or time");
    f->path[n] = 0;
    free (names[i]);
  }
  if (count >= 0)
    free (names);
}

int32_t
ag_specs_open (struct ag *ag)
{
  struct folder f = { .ag = ag };
  const char *path = ag->conf->spec_dir;
  int32_t r = 0;
  int root;
  if (!path || !*path)
    return 0;
  if (*path != '/' || strlen (path) > 3500) {
    ag->host->log (ag->self, KG_LOG_ERROR, "spec_dir: %s: not an absolute path; begin it with /",
                   path);
    return -EINVAL;
  }
  snprintf (f.path, sizeof f.path, "%s", path);
  root = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) {
    wrong (&f, 0, strerror (errno));
    return -EINVAL;
  }
  strangers_tell (&f);
  for (f.ctx = 0; f.ctx < AG_CONTEXTS && !r; f.ctx++)
    r = context_read (&f, root);
  close (root);
  return r < 0 ? r : f.wrong ? -EINVAL : 0;
}

void
ag_specs_close (struct ag *ag)
{
  struct ag_spec_file *s, *next;
  for (s = ag->specs; s; s = next) {
    next = s->next;
    file_free (s);
  }
  ag->specs = NULL;
}
