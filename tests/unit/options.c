/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* options.c, listen_address.c and notify.c: texts that come from outside. */
#include "tests/unit.h"

#include "core/listen_address.h"
#include "core/notify.h"
#include "core/options.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const struct row {
  const char *argv[8];
  int32_t status, mode;
} rows[] = {
  { { "kgentd" }, 0, OPTIONS_RUN },
  { { "kgentd", "-c", "f", "-o", "a.b=c", "-o", "d.e=f" }, 0, OPTIONS_RUN },
  { { "kgentd", "-t", "-c", "f" }, 0, OPTIONS_CHECK },
  { { "kgentd", "--test" }, 0, OPTIONS_CHECK },
  { { "kgentd", "-T" }, 0, OPTIONS_PRINT },
  { { "kgentd", "--dump-plugin", "auth", "--mdoc" }, 0, OPTIONS_DUMP },
  { { "kgentd", "-t", "-T" }, EXIT_USAGE, 0 },
  { { "kgentd", "-t", "--dump-plugin", "x" }, EXIT_USAGE, 0 },
  { { "kgentd", "--mdoc" }, EXIT_USAGE, 0 },
  { { "kgentd", "-c" }, EXIT_USAGE, 0 },
  { { "kgentd", "-x" }, EXIT_USAGE, 0 },
  { { "kgentd", "file" }, EXIT_USAGE, 0 },
  { { "kgentd", "-t", "file" }, EXIT_USAGE, 0 },
};

START_TEST (command_lines)
{
  size_t i;
  int argc;
  ck_assert_ptr_nonnull (freopen ("/dev/null", "w", stderr));
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct options o = { .mode = -1 };
    for (argc = 0; rows[i].argv[argc]; argc++)
      ;
    ck_assert_int_eq (options_parse (argc, (char **) (uintptr_t) rows[i].argv, &o),
                      rows[i].status);
    ck_assert_int_eq (o.mode, rows[i].status ? -1 : rows[i].mode);
  }
}
END_TEST

START_TEST (values)
{
  char *argv[]
      = { "kgentd", "-c", "f", "-o", "a.b=c", "-o", "d.e=f", "--plugin-dir", "p", NULL };
  struct options o;
  ck_assert_int_eq (options_parse (9, argv, &o), 0);
  ck_assert_str_eq (o.file, "f");
  ck_assert_uint_eq (o.noverrides, 2);
  ck_assert_str_eq (o.overrides[1], "d.e=f");
  ck_assert_str_eq (o.plugin_dir, "p");
  ck_assert_ptr_eq (o.argv, argv);
}
END_TEST

START_TEST (too_many_overrides)
{
  char *argv[2 * (OVERRIDES_MAX + 1) + 2] = { "kgentd" };
  struct options o;
  int i;
  ck_assert_ptr_nonnull (freopen ("/dev/null", "w", stderr));
  for (i = 0; i <= OVERRIDES_MAX; i++) {
    argv[1 + 2 * i] = "-o";
    argv[2 + 2 * i] = "a.b=c";
  }
  ck_assert_int_eq (options_parse (1 + 2 * OVERRIDES_MAX, argv, &o), 0);
  ck_assert_int_eq (options_parse (3 + 2 * OVERRIDES_MAX, argv, &o), EXIT_USAGE);
}
END_TEST

/* ---- Addresses -------------------------------------------------------------------- */

static const struct address_row {
  const char *text, *back; /* NULL: refused */
} addresses[] = {
  { "127.0.0.1:8000", "127.0.0.1:8000" },
  { "0.0.0.0:0", "0.0.0.0:0" },
  { "localhost:1", "127.0.0.1:1" },
  { "[::1]:80", "[::1]:80" },
  { "[::]:65535", "[::]:65535" },
  { "unix:/tmp/x y", "unix:/tmp/x y" },
  { "", NULL },
  { "8000", NULL },
  { ":8000", NULL },
  { "127.0.0.1", NULL },
  { "127.0.0.1:", NULL },
  { "127.0.0.1:65536", NULL },
  { "127.0.0.1:-1", NULL },
  { "127.0.0.1:8O", NULL },
  { "127.0.0.1:000080", NULL },
  { "127.0.0.256:80", NULL },
  { "::1:80", NULL },
  { "[::1:80", NULL },
  { "[::1]", NULL },
  { "[]:80", NULL },
  { "[127.0.0.1]:80", NULL },
  { "example.org:80", NULL },
  { "unix:x", NULL },
  { "unix:", NULL },
};

START_TEST (address_texts)
{
  struct listen_address a;
  char back[128];
  size_t i;
  for (i = 0; i < sizeof addresses / sizeof *addresses; i++) {
    const char *fault = listen_address_parse (addresses[i].text, &a);
    ck_assert_msg (!fault == !!addresses[i].back, "%s: %s", addresses[i].text, fault);
    if (fault)
      continue;
    listen_address_format (&a, back, sizeof back);
    ck_assert_str_eq (back, addresses[i].back);
  }
}
END_TEST

START_TEST (address_too_long)
{
  struct listen_address a;
  char text[200] = "unix:/";
  memset (text + 6, 'x', 106);
  ck_assert_ptr_null (listen_address_parse (text, &a));
  text[112] = 'x';
  ck_assert_ptr_nonnull (listen_address_parse (text, &a));
  memset (text, '1', 100);
  strcpy (text + 100, ":80");
  ck_assert_ptr_nonnull (listen_address_parse (text, &a));
}
END_TEST

/* ---- The service manager -------------------------------------------------------------- */

START_TEST (notifies)
{
  struct sockaddr_un sa = { .sun_family = AF_UNIX };
  char buf[128];
  ssize_t n;
  int fd = socket (AF_UNIX, SOCK_DGRAM, 0), out;
  unsetenv ("NOTIFY_SOCKET");
  ck_assert_int_eq (notify_open (), -1);
  ck_assert_int_eq (notify_send (-1, "READY=1"), 0);
  snprintf (sa.sun_path + 1, sizeof sa.sun_path - 1, "kgent-test-%d", (int) getpid ());
  ck_assert_int_eq (bind (fd, (struct sockaddr *) &sa,
                          (socklen_t) (sizeof sa.sun_family + 1 + strlen (sa.sun_path + 1))),
                    0);
  snprintf (buf, sizeof buf, "@%s", sa.sun_path + 1);
  setenv ("NOTIFY_SOCKET", buf, 1);
  out = notify_open ();
  ck_assert_int_ge (out, 0);
  ck_assert_int_eq (notify_send (out, "READY=1"), 0);
  n = recv (fd, buf, sizeof buf, 0);
  ck_assert_int_eq (n, 7);
  ck_assert_mem_eq (buf, "READY=1", 7);
  ck_assert_int_eq (notify_reloading (out), 0);
  n = recv (fd, buf, sizeof buf, 0);
  ck_assert_int_gt (n, 0);
  buf[n] = 0;
  ck_assert_ptr_nonnull (strstr (buf, "RELOADING=1\nMONOTONIC_USEC="));
  close (fd);
  close (out);
  setenv ("NOTIFY_SOCKET", "relative", 1);
  ck_assert_int_eq (notify_open (), -EINVAL);
  setenv ("NOTIFY_SOCKET", "/nowhere/notify", 1);
  ck_assert_int_eq (notify_open (), -ENOENT);
}
END_TEST

START_TEST (watchdog_interval)
{
  char pid[16];
  unsetenv ("WATCHDOG_USEC");
  unsetenv ("WATCHDOG_PID");
  ck_assert_uint_eq (notify_watchdog_ms (), 0);
  setenv ("WATCHDOG_USEC", "30000000", 1);
  ck_assert_uint_eq (notify_watchdog_ms (), 15000);
  setenv ("WATCHDOG_USEC", "1", 1);
  ck_assert_uint_eq (notify_watchdog_ms (), 1);
  setenv ("WATCHDOG_PID", "1", 1);
  ck_assert_uint_eq (notify_watchdog_ms (), 0);
  snprintf (pid, sizeof pid, "%d", (int) getpid ());
  setenv ("WATCHDOG_PID", pid, 1);
  ck_assert_uint_eq (notify_watchdog_ms (), 1);
}
END_TEST

UNIT_MAIN ("options", command_lines, values, too_many_overrides, address_texts,
           address_too_long, notifies, watchdog_interval)
