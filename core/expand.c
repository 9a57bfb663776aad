/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/expand.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct expansion {
  struct arena *arena;
  struct errors *errors;
  struct conf_where where;
  const char *label;
  FILE *out;
  const char *source;
};

/* Remembers where the value came from. */
static int32_t
source_set (struct expansion *x, const char *what, const char *name)
{
  size_t a = strlen (what), b = strlen (name);
  char *s;
  if (x->source)
    return 0;
  s = arena_alloc (x->arena, a + b + 1);
  if (!s)
    return -ENOMEM;
  memcpy (s, what, a);
  memcpy (s + a, name, b + 1);
  x->source = s;
  return 0;
}

/* ---- Files --------------------------------------------------------------- */

/* Why the open file cannot be a secret, or NULL. */
static const char *
file_fault (const struct stat *st)
{
  if (!S_ISREG (st->st_mode))
    return "not a regular file; name one";
  if (st->st_mode & 0007)
    return "others may use it; chmod o= it";
  if (st->st_size > EXPAND_FILE_MAX)
    return "longer than 64 KiB; is it the right file?";
  return NULL;
}

/* Reads up to `size` bytes; the count or -errno. */
static ssize_t
file_read (int fd, char *buf, size_t size)
{
  size_t len = 0;
  ssize_t r;
  do {
    r = read (fd, buf + len, size - len);
    if (r > 0)
      len += (size_t) r;
  } while ((r > 0 && len < size) || (r < 0 && errno == EINTR));
  return r < 0 ? -errno : (ssize_t) len;
}

static size_t
line_end_trim (const char *buf, size_t len)
{
  if (len && buf[len - 1] == '\n')
    len--;
  if (len && buf[len - 1] == '\r')
    len--;
  return len;
}

/* The checked text of an open file goes to x->out; a fault is returned as text. */
static const char *
file_expand (struct expansion *x, int fd)
{
  char *buf = malloc (EXPAND_FILE_MAX + 1);
  const char *fault = NULL;
  ssize_t len;
  if (!buf)
    return strerror (ENOMEM);
  len = file_read (fd, buf, EXPAND_FILE_MAX + 1);
  if (len < 0) {
    fault = strerror ((int) -len);
  } else if (len > EXPAND_FILE_MAX) {
    fault = "longer than 64 KiB; is it the right file?";
  } else {
    len = (ssize_t) line_end_trim (buf, (size_t) len);
    if (!len)
      fault = "empty; write the value into it";
    else if (memchr (buf, 0, (size_t) len))
      fault = "holds a NUL byte; it must be text";
    else
      fwrite (buf, 1, (size_t) len, x->out);
    explicit_bzero (buf, (size_t) len);
  }
  free (buf);
  return fault;
}

static int32_t
expand_file (struct expansion *x, const char *path)
{
  struct stat st;
  const char *fault;
  int fd;
  if (path[0] != '/') {
    errors_add (x->errors, x->where, "%s: ${file:%s}: not an absolute path; begin it with /",
                x->label, path);
    return -EINVAL;
  }
  fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 || fstat (fd, &st) < 0)
    fault = strerror (errno);
  else if (!(fault = file_fault (&st)))
    fault = file_expand (x, fd);
  if (fd >= 0)
    close (fd);
  if (fault) {
    errors_add (x->errors, x->where, "%s: %s: %s", x->label, path, fault);
    return -EINVAL;
  }
  return source_set (x, "file ", path);
}

/* ---- The environment ------------------------------------------------------ */

static int
is_variable (const char *s)
{
  const char *p = s;
  for (; *p; p++)
    if (!((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') || *p == '_'
          || (*p >= '0' && *p <= '9' && p != s)))
      return 0;
  return p != s;
}

/* The variable NAME_FILE, if it is set and not empty. */
static const char *
variable_file (const char *name)
{
  char key[256];
  const char *path;
  if (snprintf (key, sizeof key, "%s_FILE", name) >= (int) sizeof key)
    return NULL;
  path = getenv (key);
  return path && *path ? path : NULL;
}

static int32_t
expand_env (struct expansion *x, const char *name, const char *dflt)
{
  const char *value, *path;
  if (!is_variable (name)) {
    errors_add (x->errors, x->where, "%s: ${env:%s}: not the name of an environment variable",
                x->label, name);
    return -EINVAL;
  }
  value = getenv (name);
  path = variable_file (name);
  if (path && value && *value) {
    errors_add (x->errors, x->where,
                "%s: both %s and %s_FILE are set in the environment; unset one", x->label, name,
                name);
    return -EINVAL;
  }
  if (path)
    return expand_file (x, path);
  if (!value && !dflt) {
    errors_add (x->errors, x->where,
                "%s: environment variable %s is not set; set it, or write ${env:%s:-default}",
                x->label, name, name);
    return -EINVAL;
  }
  if (!value || (!*value && dflt))
    return fputs (dflt, x->out) < 0 ? -ENOMEM : 0;
  fputs (value, x->out);
  return source_set (x, "environment variable ", name);
}

/* What stands between "${" and "}". */
static int32_t
expand_one (struct expansion *x, const char *p, size_t len)
{
  char *s = arena_copy (x->arena, p, len), *dflt;
  if (!s)
    return -ENOMEM;
  if (!strncmp (s, "file:", 5))
    return expand_file (x, s + 5);
  if (strncmp (s, "env:", 4)) {
    errors_add (
        x->errors, x->where,
        "%s: ${%s}: unknown; write ${env:NAME}, ${env:NAME:-default} or ${file:/path}, and "
        "$${ for a literal ${",
        x->label, s);
    return -EINVAL;
  }
  dflt = strstr (s, ":-");
  if (dflt) {
    *dflt = 0;
    dflt += 2;
  }
  return expand_env (x, s + 4, dflt);
}

static int32_t
expand_all (struct expansion *x, const char *p)
{
  const char *end;
  int32_t r = 0;
  while (*p && !r) {
    if (!strncmp (p, "$${", 3)) {
      fputs ("${", x->out);
      p += 3;
    } else if (strncmp (p, "${", 2)) {
      fputc (*p++, x->out);
    } else if (!(end = strchr (p, '}'))) {
      errors_add (x->errors, x->where,
                  "%s: \"${\" without \"}\"; close it, or write $${ for a literal ${",
                  x->label);
      r = -EINVAL;
    } else {
      r = expand_one (x, p + 2, (size_t) (end - p - 2));
      p = end + 1;
    }
  }
  return r;
}

int32_t
expand_text (struct arena *a, struct errors *errors, struct conf_where where, const char *label,
             const char *text, struct expanded *ret)
{
  struct expansion x = { a, errors, where, label, NULL, NULL };
  char *buf = NULL;
  size_t size = 0;
  int32_t r;
  if (!strstr (text, "${")) {
    *ret = (struct expanded){ text, NULL };
    return 0;
  }
  x.out = open_memstream (&buf, &size);
  if (!x.out)
    return -ENOMEM;
  r = expand_all (&x, text);
  if (fclose (x.out) || !buf) {
    free (buf);
    return -ENOMEM;
  }
  if (!r) {
    ret->text = arena_copy (a, buf, size);
    ret->source = x.source;
    r = ret->text ? 0 : -ENOMEM;
  }
  explicit_bzero (buf, size);
  free (buf);
  return r;
}
