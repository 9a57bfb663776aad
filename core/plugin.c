/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Loading: the only file that sees the dynamic loader. */
#include "core/plugin.h"

#include "core/plugin_check.h"
#include "core/plugin_set.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAJORS_KNOWN 10 /* looked for, to say which one it is */
#define ENTRY(major) "kg_plugin_" major

/* ---- The set ---------------------------------------------------------------- */

int32_t
plugins_create (struct host *host)
{
  struct plugins *p = calloc (1, sizeof *p);
  if (!p)
    return -ENOMEM;
  p->host = host;
  p->core = self_create (host, "core", 0);
  if (!p->core) {
    free (p);
    return -ENOMEM;
  }
  p->core->opening = 1;
  host->plugins = p;
  return 0;
}

void
plugin_finish (struct plugin *plugin)
{
  self_destroy (plugin->self);
  free (plugin->path);
  free (plugin->label);
  free (plugin->conf);
  memset (plugin, 0, sizeof *plugin);
}

void
plugins_destroy (struct plugins *p)
{
  if (!p)
    return;
  for (uint32_t i = 0; i < p->n; i++)
    plugin_finish (&p->all[i]);
  self_destroy (p->core);
  p->host->plugins = NULL;
  free (p->all);
  free (p->order);
  free (p);
}

struct kg_self *
plugins_core (struct plugins *p)
{
  return p->core;
}

const char *
plugins_dir_default (char *buf, size_t size)
{
  ssize_t n = readlink ("/proc/self/exe", buf, size - 1);
  char *slash;
  struct stat st;
  if (n > 0) {
    buf[n] = 0;
    slash = strrchr (buf, '/');
    if (slash && (size_t)(slash - buf) + sizeof "/plugins" <= size) {
      strcpy (slash, "/plugins");
      if (!stat (buf, &st) && S_ISDIR (st.st_mode))
        return buf;
    }
  }
  return KG_PLUGIN_DIR;
}

int32_t
plugins_walk (struct plugins *p, int32_t (*fn) (const struct kg_plugin *, void *arg), void *arg)
{
  int32_t r = 0;
  for (uint32_t i = 0; i < p->n && !r; i++)
    r = fn (&p->all[i].desc, arg);
  return r;
}

/* ---- One file --------------------------------------------------------------- */

/* What the loader says, without the name by which it knows the file. */
static void
loader_why (char why[PLUGIN_WHY_MAX])
{
  const char *text = dlerror (), *colon;
  if (!text)
    text = "cannot be loaded";
  colon = strncmp (text, "/proc/self/fd/", 14) ? NULL : strstr (text, ": ");
  snprintf (why, PLUGIN_WHY_MAX, "%.2000s; link the plugin with what it uses, and -Wl,-z,defs",
            colon ? colon + 2 : text);
}

/* The object has no entry of our major: does it have another's? */
static void
entry_why (void *so, char why[PLUGIN_WHY_MAX])
{
  char name[sizeof ENTRY ("0")] = ENTRY ("0");
  for (int major = 0; major < MAJORS_KNOWN; major++) {
    name[sizeof name - 2] = (char)('0' + major);
    if (!dlsym (so, name))
      continue;
    snprintf (why, PLUGIN_WHY_MAX,
              "built for plugin ABI %d.x, this host speaks %d.%d (%s the host, or rebuild with "
              "-DKG_ABI_TARGET='KG_ABI (%d, %d)')",
              major, KG_ABI_CURRENT >> 16, KG_ABI_CURRENT & 0xffff,
              major > KG_ABI_CURRENT >> 16 ? "upgrade" : "downgrade", KG_ABI_CURRENT >> 16,
              KG_ABI_CURRENT & 0xffff);
    return;
  }
  snprintf (why, PLUGIN_WHY_MAX,
            "it exports no kg_plugin_1, so it is no kgent plugin (or hides "
            "it); define it with KG_PLUGIN (...)");
}

/* Loads the verified file and finds its descriptor; `room` is what the object
 * says about its size.  NULL with `why`. */
static const struct kg_plugin *
descriptor_find (int fd, size_t *ret_room, char why[PLUGIN_WHY_MAX])
{
  char name[32];
  void *so, *symbol;
  Dl_info info;
  const ElfW (Sym) *entry = NULL;
  snprintf (name, sizeof name, "/proc/self/fd/%d", fd);
  so = dlopen (name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!so) {
    loader_why (why);
    return NULL;
  }
  symbol = dlsym (so, "kg_plugin_1");
  if (!symbol) {
    entry_why (so, why);
    return NULL;
  }
  *ret_room = 0;
  if (dladdr1 (symbol, &info, (void **)&entry, RTLD_DL_SYMENT) && entry
      && info.dli_saddr == symbol)
    *ret_room = ELF64_ST_TYPE (entry->st_info) == STT_OBJECT ? entry->st_size : 1;
  return symbol;
}

static char *
label_make (struct conf_where where, const char *path)
{
  char *label = NULL;
  int n = !where.file  ? asprintf (&label, "%s", path)
          : where.line ? asprintf (&label, "%s:%u: %s", where.file, where.line, path)
                       : asprintf (&label, "%s: %s", where.file, path);
  return n < 0 ? NULL : label;
}

/* The file's code and descriptor, with nothing of the set touched. */
static int32_t
file_load (const char *path, const char *label, struct kg_plugin *ret, char why[PLUGIN_WHY_MAX])
{
  const struct kg_plugin *descriptor;
  size_t room;
  int fd;
  blame_loading (label);
  fd = plugin_file_open (path, why);
  if (fd < 0)
    return -EINVAL;
  blame_loading_now (1);
  descriptor = descriptor_find (fd, &room, why);
  blame_loading_now (0);
  return descriptor ? plugin_check (descriptor, room, ret, why) : -EINVAL;
}

int32_t
plugin_load (struct plugins *p, const char *load, const char *name, const char *dir,
             int anywhere, struct conf_where where, struct plugin *ret, struct errors *errors)
{
  char path[PLUGIN_PATH_MAX], why[PLUGIN_WHY_MAX];
  struct plugin plugin = { .where = where };
  if (plugin_file_path (load, dir, anywhere, path, why) < 0) {
    errors_add (errors, where, "%s: %s", load, why);
    return -EINVAL;
  }
  plugin.path = strdup (path);
  plugin.label = label_make (where, path);
  if (!plugin.path || !plugin.label)
    goto fail;
  if (file_load (path, plugin.label, &plugin.desc, why) < 0) {
    errors_add (errors, where, "%s: %s", path, why);
    goto refuse;
  }
  if (plugin_check_table (&plugin.desc, name, path, where, errors) < 0)
    goto refuse;
  plugin.conf = calloc (1, plugin.desc.conf_size + 1u);
  plugin.self = plugin.conf ? self_create (p->host, plugin.desc.name, plugin.desc.flags) : NULL;
  if (!plugin.self)
    goto fail;
  *ret = plugin;
  return 0;
fail:
  plugin_finish (&plugin);
  return -ENOMEM;
refuse:
  plugin_finish (&plugin);
  return -EINVAL;
}

/* ---- All that the configuration names --------------------------------------- */

static int32_t
entry_load (struct plugins *p, struct conf *conf, uint32_t i, const char *dir,
            struct errors *errors)
{
  struct plugin *plugin = &p->all[p->n];
  int32_t r = plugin_load (p, conf_plugin_load (conf, i), conf_plugin_name (conf, i), dir, 0,
                           conf_plugin_where (conf, i), plugin, errors);
  if (r < 0)
    return r;
  plugin->entry = i;
  p->n++;
  return conf_plugin_fill (conf, i, plugin->desc.opts, plugin->desc.opt_size, plugin->conf,
                           errors);
}

int32_t
plugins_load (struct plugins *p, struct conf *conf, struct errors *errors)
{
  char buf[PLUGIN_PATH_MAX];
  const char *dir = p->host->settings.plugin_dir;
  uint32_t n = conf_nplugins (conf);
  int32_t r = 0;
  p->source = conf;
  if (!dir || !*dir)
    dir = plugins_dir_default (buf, sizeof buf);
  p->all = calloc (n + 1, sizeof *p->all);
  p->order = calloc (n + 1, sizeof (struct plugin *));
  if (!p->all || !p->order)
    return -ENOMEM;
  blame_loading_begin (PLUGINS_LOAD_SECONDS);
  for (uint32_t i = 0; i < n && r != -ENOMEM; i++) {
    int32_t e = entry_load (p, conf, i, dir, errors);
    if (e < 0)
      r = e;
  }
  blame_loading_end ();
  return r;
}

/* ---- In a child ------------------------------------------------------------- */

/* The child's side: its status, and a byte that says that it came to its end. */
static _Noreturn void
guard_child (int (*check) (void *arg), void *arg, int fd)
{
  int status;
  blame_install ();
  alarm (PLUGINS_CHECK_SECONDS);
  status = check (arg);
  fflush (NULL);
  if (write (fd, "", 1) != 1)
    status = 71;
  _exit (status);
}

/* What the parent makes of the child's end. */
static int
guard_verdict (int status, int finished, struct errors *errors)
{
  struct conf_where nowhere = { NULL, 0 };
  if (WIFEXITED (status) && (finished || WEXITSTATUS (status)))
    return WEXITSTATUS (status);
  if (WIFEXITED (status))
    errors_add (errors, nowhere, "a plugin ended the check with _exit; it must only declare");
  else if (WTERMSIG (status) == SIGKILL || WTERMSIG (status) == SIGTERM
           || WTERMSIG (status) == SIGALRM)
    errors_add (errors, nowhere, "the check of the plugins was ended by signal %d",
                WTERMSIG (status)); /* of crashes the child told */
  return 78;
}

int
plugins_guard (int (*check) (void *arg), void *arg, struct errors *errors)
{
  struct conf_where nowhere = { NULL, 0 };
  int fds[2], status = 0;
  char byte;
  ssize_t n;
  pid_t child;
  fflush (NULL);
  if (pipe (fds) < 0 || (child = fork ()) < 0) {
    errors_add (errors, nowhere, "cannot check in a process of its own: %s", strerror (errno));
    return 71;
  }
  if (!child) {
    close (fds[0]);
    guard_child (check, arg, fds[1]);
  }
  close (fds[1]);
  while ((n = read (fds[0], &byte, 1)) < 0 && errno == EINTR)
    ;
  close (fds[0]);
  while (waitpid (child, &status, 0) < 0 && errno == EINTR)
    ;
  return guard_verdict (status, n == 1, errors);
}
