/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The only file that sees libconfig: each file is scanned, parsed, copied into
 * a tree of our own, and laid over those before it. */
#include "core/conf.h"
#include "core/dump.h"
#include "core/node.h"
#include "core/override.h"
#include "core/scan.h"
#include "core/schema.h"
#include "core/util/arena.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const core_blocks[] = { "http", "admin", "store", "log", "drain", NULL };

/* A block: a plugin's entry, or the core's all together; and how it was filled,
 * for conf_print. */
struct block {
  const struct node *node;
  const char *name, *load; /* of a plugin */
  const struct kg_opt *opts;
  uint32_t opt_size;
  const void *out;
};

struct conf {
  struct arena arena;
  struct errors *errors; /* while loading */
  struct node *root;
  struct node *plugins; /* a list */
  uint32_t nplugins;
  struct block core;
  struct block *blocks; /* of `plugins`, by index */
  char first[8192];
};

/* ---- Reading a file --------------------------------------------------------- */

static int32_t
read_all (int fd, char **ret, size_t *ret_len)
{
  size_t len = 0, room = SCAN_SIZE_MAX + 1;
  char *buf = malloc (room);
  ssize_t r = 1;
  if (!buf)
    return -ENOMEM;
  while (r && len < room) {
    r = read (fd, buf + len, room - len);
    if (r < 0 && errno != EINTR)
      break;
    len += r > 0 ? (size_t) r : 0;
  }
  if (r < 0) {
    int32_t e = -errno;
    free (buf);
    return e;
  }
  *ret = buf;
  *ret_len = len;
  return 0;
}

static int32_t
file_read (struct conf *c, const char *file, char **ret, size_t *ret_len)
{
  struct conf_where where = { file, 0 };
  int fd = open (file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  struct stat st;
  int32_t r = fd < 0 || fstat (fd, &st) < 0 ? -errno : 0;
  if (!r && S_ISDIR (st.st_mode))
    r = -EISDIR;
  if (!r)
    r = read_all (fd, ret, ret_len);
  if (fd >= 0)
    close (fd);
  if (r == -ENOENT)
    errors_add (c->errors, where, "no such file; name the configuration with -c FILE");
  else if (r == -EISDIR)
    errors_add (c->errors, where, "is a directory; name the file in it");
  else if (r < 0)
    errors_add (c->errors, where, "cannot be read: %s", strerror (-r));
  return r;
}

/* ---- libconfig's tree -------------------------------------------------------- */

static struct node *node_copy (struct conf *c, const config_setting_t *s, const char *file);

static int32_t
members_copy (struct conf *c, struct node *n, const config_setting_t *s, const char *file)
{
  int i, count = config_setting_length (s);
  for (i = 0; i < count; i++) {
    struct node *m = node_copy (c, config_setting_get_elem (s, (unsigned) i), file);
    if (!m || (n->type == NODE_GROUP && !m->key)) /* libconfig had no memory for the key */
      return -ENOMEM;
    node_append (n, m);
  }
  return 0;
}

static uint32_t
node_type (const config_setting_t *s)
{
  switch (config_setting_type (s)) {
  case CONFIG_TYPE_GROUP:
    return NODE_GROUP;
  case CONFIG_TYPE_INT:
  case CONFIG_TYPE_INT64:
    return NODE_INT;
  case CONFIG_TYPE_FLOAT:
    return NODE_NUMBER;
  case CONFIG_TYPE_STRING:
    return NODE_STRING;
  case CONFIG_TYPE_BOOL:
    return NODE_BOOL;
  default:
    return NODE_LIST;
  }
}

/* A copy of a setting and all below; NULL without memory. */
static struct node *
node_copy (struct conf *c, const config_setting_t *s, const char *file)
{
  struct conf_where where = { file, config_setting_source_line (s) };
  struct node *n = node_new (&c->arena, node_type (s), config_setting_name (s), where);
  const char *text;
  if (!n)
    return NULL;
  switch (n->type) {
  case NODE_INT:
    n->integer = config_setting_get_int64 (s);
    return n;
  case NODE_NUMBER:
    n->number = config_setting_get_float (s);
    return n;
  case NODE_BOOL:
    n->flag = config_setting_get_bool (s) != 0;
    return n;
  case NODE_STRING:
    text = config_setting_get_string (s);
    n->text = arena_copy (&c->arena, text ? text : "", text ? strlen (text) : 0);
    return n->text ? n : NULL;
  default:
    return members_copy (c, n, s, file) < 0 ? NULL : n;
  }
}

static int32_t
text_parse (struct conf *c, const char *file, const char *text, struct node **ret)
{
  struct conf_where where = { file, 0 };
  config_t lib;
  int32_t r = 0;
  config_init (&lib);
  if (config_read_string (&lib, text)) {
    *ret = node_copy (c, config_root_setting (&lib), file);
    r = *ret ? 0 : -ENOMEM;
  } else {
    where.line = (uint32_t) config_error_line (&lib);
    errors_add (c->errors, where, "%s; is a ';' or ',' missing before it?",
                config_error_text (&lib) ? config_error_text (&lib) : "syntax error");
    r = -EINVAL;
  }
  config_destroy (&lib);
  return r;
}

/* Reads one file and lays it over what is there. */
static int32_t
file_load (struct conf *c, const char *name)
{
  char *raw = NULL, *text = NULL;
  struct node *root, *n;
  size_t len = 0;
  const char *file = arena_copy (&c->arena, name, strlen (name));
  int32_t r = file ? file_read (c, file, &raw, &len) : -ENOMEM;
  if (r < 0)
    return r;
  r = scan_text (file, raw, len, &text, c->errors);
  free (raw);
  if (r < 0)
    return r;
  r = text_parse (c, file, text, &root);
  free (text);
  if (r < 0)
    return r;
  n = node_find (root, "plugins");
  if (n)
    r = plugins_merge (&c->arena, c->plugins, n, c->errors);
  node_merge (c->root, root);
  return r;
}

/* ---- conf.d ------------------------------------------------------------------ */

static int
is_conf (const struct dirent *d)
{
  size_t len = strlen (d->d_name);
  return d->d_name[0] != '.' && len > 5 && !strcmp (d->d_name + len - 5, ".conf");
}

static int
by_name (const struct dirent **a, const struct dirent **b)
{
  return strcmp ((*a)->d_name, (*b)->d_name);
}

/* Loads one of conf.d's files; the worst result of all is kept in *r. */
static void
folder_file_load (struct conf *c, const char *dir, const char *name, int32_t *r)
{
  size_t size = strlen (dir) + strlen (name) + 2;
  char *path = malloc (size);
  int32_t e = -ENOMEM;
  if (path) {
    snprintf (path, size, "%s/%s", dir, name);
    e = file_load (c, path);
  }
  free (path);
  if (e < 0 && *r != -ENOMEM)
    *r = e;
}

static int32_t
folder_load (struct conf *c, const char *file)
{
  const char *slash = strrchr (file, '/');
  int base = slash ? (int) (slash - file) + 1 : 0;
  size_t size = (size_t) base + sizeof "conf.d";
  char *dir = arena_alloc (&c->arena, size);
  struct dirent **list = NULL;
  int32_t r = 0;
  int i, n;
  if (!dir)
    return -ENOMEM;
  snprintf (dir, size, "%.*sconf.d", base, file);
  n = scandir (dir, &list, is_conf, by_name);
  if (n < 0 && errno == ENOENT)
    return 0;
  if (n < 0) {
    r = -errno;
    errors_add (c->errors, (struct conf_where){ dir, 0 }, "cannot be read: %s", strerror (-r));
    return r;
  }
  for (i = 0; i < n; i++) {
    folder_file_load (c, dir, list[i]->d_name, &r);
    free (list[i]);
  }
  free (list);
  return r;
}

/* ---- Loading ------------------------------------------------------------------ */

static int
is_core_block (const char *name)
{
  uint32_t i;
  for (i = 0; core_blocks[i]; i++)
    if (!strcmp (core_blocks[i], name))
      return 1;
  return 0;
}

/* Numbers the entries of `plugins`. */
static int32_t
entries_index (struct conf *c)
{
  const struct node *n;
  struct block *b;
  for (n = c->plugins->first; n; n = n->next)
    c->nplugins++;
  c->blocks = arena_alloc (&c->arena, (c->nplugins + 1) * sizeof *c->blocks);
  if (!c->blocks)
    return -ENOMEM;
  memset (c->blocks, 0, (c->nplugins + 1) * sizeof *c->blocks);
  for (n = c->plugins->first, b = c->blocks; n; n = n->next, b++) {
    b->node = n;
    b->load = node_find (n, "load")->text;
    b->name = plugin_name (&c->arena, b->load);
    if (!b->name)
      return -ENOMEM;
    if (is_core_block (b->name))
      errors_add (c->errors, n->where, "plugins: \"%s\" is the name of a block of the host's",
                  b->name);
  }
  return 0;
}

static int32_t
conf_load_all (struct conf *c, const char *file, const char *const *overrides, uint32_t n)
{
  uint32_t i;
  int32_t r = file_load (c, file), e;
  if (r < 0 && r != -EINVAL)
    return r;
  e = folder_load (c, file);
  r = e < 0 ? e : r;
  if (r == -ENOMEM)
    return r;
  for (i = 0; i < n; i++)
    if (override_set (&c->arena, c->root, c->plugins, core_blocks, overrides[i], c->errors)
        == -ENOMEM)
      return -ENOMEM;
  return entries_index (c);
}

int32_t
conf_load (const char *file, const char *const *overrides, uint32_t n, struct conf **ret,
           struct errors *errors)
{
  struct conf *c = calloc (1, sizeof *c);
  struct conf_where where = { file, 0 };
  uint32_t before = errors->count;
  int32_t r = -ENOMEM;
  if (!c)
    return -ENOMEM;
  arena_init (&c->arena, c->first, sizeof c->first);
  c->errors = errors;
  c->root = node_new (&c->arena, NODE_GROUP, NULL, where);
  c->plugins = node_new (&c->arena, NODE_LIST, "plugins", where);
  if (c->root && c->plugins)
    r = conf_load_all (c, file, overrides, n);
  if (r >= 0 && errors->count != before)
    r = -EINVAL;
  c->errors = NULL;
  if (r < 0) {
    conf_destroy (c);
    return r;
  }
  *ret = c;
  return 0;
}

void
conf_destroy (struct conf *c)
{
  if (!c)
    return;
  arena_finish (&c->arena);
  explicit_bzero (c, sizeof *c);
  free (c);
}

/* ---- Blocks --------------------------------------------------------------------- */

uint32_t
conf_nplugins (const struct conf *c)
{
  return c->nplugins;
}

const char *
conf_plugin_load (const struct conf *c, uint32_t i)
{
  return c->blocks[i].load;
}

const char *
conf_plugin_name (const struct conf *c, uint32_t i)
{
  return c->blocks[i].name;
}

struct conf_where
conf_plugin_where (const struct conf *c, uint32_t i)
{
  return c->blocks[i].node->where;
}

struct conf_where
conf_plugin_option (const struct conf *c, uint32_t i, const char *message)
{
  size_t n = strlen (c->blocks[i].name);
  if (strncmp (message, c->blocks[i].name, n) || message[n] != '.')
    return conf_plugin_where (c, i);
  return node_where (c->blocks[i].node, message + n + 1);
}

int32_t
conf_plugin_fill (struct conf *c, uint32_t i, const struct kg_opt *opts, uint32_t opt_size,
                  void *out, struct errors *errors)
{
  struct block *b = &c->blocks[i];
  struct schema s = { &c->arena, errors, b->name, "load" };
  b->opts = opts;
  b->opt_size = opt_size;
  b->out = out;
  return schema_fill (&s, b->node, opts, opt_size, out);
}

int32_t
conf_settings (struct conf *c, struct settings *out, struct errors *errors)
{
  struct schema s = { &c->arena, errors, "", "plugins" };
  c->core = (struct block){ c->root, NULL, NULL, settings_opts, sizeof (struct kg_opt), out };
  return schema_fill (&s, c->root, settings_opts, sizeof (struct kg_opt), out);
}

void
conf_print (const struct conf *c, FILE *out)
{
  uint32_t i, printed = 0;
  if (c->core.opts)
    dump_values (out, 0, c->core.opts, c->core.opt_size, c->core.out);
  fputs ("plugins = (", out);
  for (i = 0; i < c->nplugins; i++) {
    const struct block *b = &c->blocks[i];
    if (!b->out)
      continue;
    fputs (printed++ ? ",\n  {\n    load = " : "\n  {\n    load = ", out);
    dump_string (out, b->load);
    fputs (";\n", out);
    dump_values (out, 2, b->opts, b->opt_size, b->out);
    fputs ("  }", out);
  }
  fputs (printed ? "\n);\n" : " );\n", out);
}
