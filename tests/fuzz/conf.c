/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The scanner in front of libconfig, then libconfig, merging and the core's option
 * tables: whatever a file holds, it is refused with a reason or fills the
 * settings, and what is printed of it fills the same. */
#include "core/conf.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);
const char *__lsan_default_suppressions (void);

/* libconfig 1.5 loses the string that stands before a syntax error. */
const char *
__lsan_default_suppressions (void)
{
  return "leak:libconfig\n";
}

static void
must (int truth)
{
  if (!truth)
    abort ();
}

/* Loads bytes by way of a file in memory; NULL when they are refused. */
static struct conf *
load (const void *data, size_t size, struct settings *settings)
{
  struct conf *c = NULL;
  struct errors errors;
  char path[32];
  int fd = memfd_create ("conf", MFD_CLOEXEC);
  must (fd >= 0 && write (fd, data, size) == (ssize_t) size);
  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  errors_init (&errors);
  memset (settings, 0, sizeof *settings);
  if (conf_load (path, NULL, 0, &c, &errors) < 0 || conf_settings (c, settings, &errors) < 0) {
    must (errors.count && errors.text[0]);
    conf_destroy (c);
    c = NULL;
  } else {
    must (!errors.count);
  }
  errors_finish (&errors);
  close (fd);
  return c;
}

static char *
print (const struct conf *c, size_t *ret_size)
{
  char *text = NULL;
  FILE *f = open_memstream (&text, ret_size);
  must (f != NULL);
  conf_print (c, f);
  fclose (f);
  return text;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct settings settings, again;
  struct conf *c = load (data, size, &settings), *d;
  char *text, *back;
  size_t len, back_len;
  if (!c)
    return 0;
  must (settings.http.listen && settings.http.threads >= 0 && settings.http.threads <= 256);
  if (conf_nplugins (c)) { /* nobody fills their blocks here, so they are not printed */
    conf_destroy (c);
    return 0;
  }
  text = print (c, &len);
  d = load (text, len, &again);
  must (d != NULL);
  back = print (d, &back_len);
  must (len == back_len && !memcmp (text, back, len));
  free (text);
  free (back);
  conf_destroy (c);
  conf_destroy (d);
  return 0;
}
