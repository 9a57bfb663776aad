/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The file sink of metering-openmeter.so in the fake host, and what is in its folder. */
#ifndef TESTS_PLUGINS_METERING_FILES_H
#define TESTS_PLUGINS_METERING_FILES_H

#include "tests/plugins/metering.h"
#include "tests/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

static inline void
turn (int64_t ms)
{
  fake_advance (fake, ms);
  fake_run_jobs (fake);
}

static char folder[64], dir_option[96];
static const char *files[] = { "sinks.0.name=archive",
                               "sinks.0.kind=file",
                               dir_option,
                               "sinks.0.batch_size=4",
                               "sinks.0.max_bytes=4096",
                               NULL };

static inline void
begin_files (void)
{
  strcpy (folder, "/tmp/kgent-files-XXXXXX");
  ck_assert_ptr_nonnull (mkdtemp (folder));
  snprintf (dir_option, sizeof dir_option, "sinks.0.dir=%s/usage", folder);
  begin_with (files);
}

static inline void
end_files (void)
{
  char command[128];
  end ();
  snprintf (command, sizeof command, "rm -rf %s", folder);
  ck_assert_int_eq (system (command), 0);
}

/* The name of the n-th file, in order; NULL beyond. */
static inline const char *
file_name (int n)
{
  static char name[400];
  char path[96];
  struct dirent **list;
  int count, i;
  snprintf (path, sizeof path, "%s/usage", folder);
  count = scandir (path, &list, NULL, alphasort);
  name[0] = 0;
  for (i = 0; i < count; i++) {
    size_t len = strlen (list[i]->d_name);
    if (len > 6 && !strcmp (list[i]->d_name + len - 6, ".jsonl") && !n--)
      snprintf (name, sizeof name, "%s/%s", path, list[i]->d_name);
    free (list[i]);
  }
  if (count >= 0)
    free (list);
  return name[0] ? name : NULL;
}

/* All lines of all files, one text. */
static inline const char *
all_lines (void)
{
  static char text[1000000];
  size_t len = 0;
  const char *name;
  int n;
  for (n = 0; (name = file_name (n)); n++) {
    int fd = open (name, O_RDONLY);
    ssize_t r;
    while ((r = read (fd, text + len, sizeof text - 1 - len)) > 0)
      len += (size_t)r;
    close (fd);
  }
  text[len] = 0;
  return text;
}

/* Each record's event is there once, in the order of the log, and nothing else. */
static inline void
all_once (int count)
{
  const char *p = all_lines ();
  char want[256];
  int i;
  ck_assert_int_eq (fake_log_count (fake, "usage"), count);
  for (i = 0; i < count; i++) {
    snprintf (want, sizeof want, "{\"specversion\":\"1.0\",\"id\":\"%s\",",
              fake_log_id (fake, "usage", i));
    ck_assert_msg (!strncmp (p, want, strlen (want)), "%d: %.200s", i, p);
    p = strchr (p, '\n');
    ck_assert_ptr_nonnull (p);
    p++;
  }
  ck_assert_str_eq (p, "");
}

static inline int
count_lines (void)
{
  const char *p = all_lines ();
  int n = 0;
  for (; *p; p++)
    n += *p == '\n';
  return n;
}

static inline int
count_files (void)
{
  char path[96];
  struct dirent *e;
  DIR *d;
  int n = 0;
  snprintf (path, sizeof path, "%s/usage", folder);
  d = opendir (path);
  ck_assert_ptr_nonnull (d);
  while ((e = readdir (d)))
    n += strcmp (e->d_name, ".") && strcmp (e->d_name, "..");
  closedir (d);
  return n;
}

static inline void
drain (void)
{
  int i;
  for (i = 0; i < 5; i++)
    turn (1100);
}

static inline void
restart (void)
{
  fake_stop (fake);
  fake_close (fake);
  open_with (files);
}

#endif
