/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a process says on its way down: each case in a child of its own. */
#include "core/blame.h"
#include "core/self.h"
#include "core/tags.h"

#include <check.h>
#include <dlfcn.h>
#include <locale.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1 /* its handler comes behind ours, with a report and a status of its own */
#else
#define SANITIZED 0
#endif

static struct kg_self self = { .magic = SELF_MAGIC, .index = 1, .name = "bad" };
static char said[4096], place[1200];

/* Takes the line with the place of a crash out of `said`. */
static void
place_take (void)
{
  static const char begin[] = "kgentd: it was at ";
  char *line = strstr (said, begin), *end = line ? strchr (line, '\n') : NULL;
  *place = 0;
  if (!end)
    return;
  *end = 0;
  snprintf (place, sizeof place, "%s", line + sizeof begin - 1);
  memmove (line, end + 1, strlen (end + 1) + 1);
}

/* Runs fn in a child and returns its status; `said` is what it wrote but for the place. */
static int
child (void (*fn) (void))
{
  int fds[2], status;
  size_t len = 0;
  ssize_t n;
  pid_t pid;
  ck_assert_int_eq (pipe (fds), 0);
  pid = fork ();
  ck_assert_int_ge (pid, 0);
  if (!pid) {
    dup2 (fds[1], 2);
    blame_install ();
    fn ();
    _exit (0);
  }
  close (fds[1]);
  while ((n = read (fds[0], said + len, sizeof said - 1 - len)) > 0)
    len += (size_t)n;
  said[len] = 0;
  place_take ();
  if (SANITIZED && strchr (said, '\n'))
    strchr (said, '\n')[1] = 0;
  close (fds[0]);
  ck_assert_int_eq (waitpid (pid, &status, 0), pid);
  return status;
}

static int
died_of (int status, int sig)
{
  return SANITIZED || (WIFSIGNALED (status) && WTERMSIG (status) == sig);
}

static void
crash_in_request (void)
{
  blame_set (&self, "/v1/x/{id}", "req\n1");
  raise (SIGFPE);
}

START_TEST (request)
{
  int status = child (crash_in_request);
  ck_assert (died_of (status, SIGFPE));
  ck_assert_str_eq (said, "kgentd: SIGFPE in plugin bad, /v1/x/{id}, request req?1\n");
}
END_TEST

static void
crash_by_abort (void)
{
  blame_set (&self, "start", NULL);
  abort ();
}

START_TEST (aborted)
{
  int status = child (crash_by_abort);
  ck_assert (died_of (status, SIGABRT));
  ck_assert_str_eq (said, "kgentd: SIGABRT in plugin bad, start\n");
}
END_TEST

/* A real fault: the second one takes the default way. */
__attribute__ ((noinline)) static void
crash_by_fault (void)
{
  volatile int *nowhere = mmap (NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  blame_set (&self, "/x", "r");
  *nowhere = 1;
}

START_TEST (fault)
{
  int status = child (crash_by_fault);
  ck_assert (died_of (status, SIGSEGV));
  ck_assert_str_eq (said, "kgentd: SIGSEGV in plugin bad, /x, request r\n");
}
END_TEST

/* Whether one of the places is in the code that begins at fn, from the nth on. */
static int
place_is_in (void (*fn) (void), int n)
{
  const uintptr_t from = (uintptr_t)fn;
  const char *p = place;
  Dl_info info;
  ck_assert_int_ne (dladdr ((void *)from, &info), 0);
  for (; p; p = strstr (p, " < "), p = p ? p + 3 : NULL, n--) {
    uintptr_t at = (uintptr_t)info.dli_fbase + strtoul (strchr (p, '+') + 1, NULL, 16);
    if (n <= 0 && !strncmp (p, "blame+0x", 8) && at > from && at < from + 200)
      return 1;
  }
  return 0;
}

__attribute__ ((noinline)) static void
fault_deep (void)
{
  crash_by_fault ();
  __asm__ volatile ("");
}

START_TEST (places)
{
  child (fault_deep);
  ck_assert_msg (place_is_in (crash_by_fault, 0), "%s", place);
  ck_assert_msg (place_is_in (fault_deep, 1), "%s", place);
}
END_TEST

static void
crash_in_core (void)
{
  blame_set (&self, "/x", "r");
  blame_clear ();
  raise (SIGBUS);
}

START_TEST (host)
{
  child (crash_in_core);
  ck_assert_str_eq (said, "kgentd: SIGBUS outside of the plugins' callbacks\n");
}
END_TEST

static int32_t
inside (kg_req *req, void *data)
{
  ck_assert_ptr_null (req);
  ck_assert_ptr_eq (blame_now.self, &self);
  return data == &self ? 7 : 0;
}

START_TEST (calling)
{
  ck_assert_int_eq (self_call (&self, inside, NULL, &self, "/x", "r"), 7);
  ck_assert_ptr_null (blame_now.self);
}
END_TEST

START_TEST (serial)
{
  struct host h;
  struct kg_self *a, *b;
  memset (&h, 0, sizeof h);
  a = self_create (&h, "a", 0);
  b = self_create (&h, "b", KG_SERIAL);
  ck_assert_uint_eq (b->index, 1);
  ck_assert_uint_eq (h.nplugins, 2);
  ck_assert_ptr_null (a->serial);
  self_lock (b);
  ck_assert_int_ne (pthread_mutex_trylock (&b->serial->lock), 0);
  self_unlock (b);
  self_destroy (a);
  self_destroy (b);
  self_destroy (NULL);
}
END_TEST

static int32_t
opens (kg_self *caller)
{
  TAG_OPEN (caller, "opens");
  return 0;
}

static int32_t
anywhere (kg_self *caller)
{
  TAG_ANY (caller, "anywhere");
  return 0;
}

static void
call_opens (void)
{
  opens (&self);
}

START_TEST (tags)
{
  self.opening = 1;
  blame_set (&self, "open", NULL);
  ck_assert_int_eq (opens (&self), 0);
  blame_clear ();
  self.opening = 0;
#ifdef KG_DEBUG
  ck_assert (died_of (child (call_opens), SIGABRT));
  ck_assert_int_eq (strncmp (said, "kgentd: bad called opens outside of its open\n", 45), 0);
#else
  child (call_opens);
  ck_assert_int_eq (opens (&self), -EPERM);
#endif
  ck_assert_int_eq (anywhere (&self), 0);
  self.stopped = 1;
  ck_assert_int_eq (anywhere (&self), -ESHUTDOWN);
}
END_TEST

START_TEST (invariants)
{
  struct invariants before;
  mode_t mask = umask (022);
  invariants_save (&before);
  ck_assert_ptr_null (invariants_check (&before, 1));
  umask (0);
  ck_assert_str_eq (invariants_check (&before, 1), "it changed the umask");
  umask (022);
  ck_assert_ptr_null (invariants_check (&before, 1));
  umask (mask);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("blame");
  TCase *c = tcase_create ("blame");
  SRunner *sr;
  int failed;
  tcase_add_test (c, request);
  tcase_add_test (c, aborted);
  tcase_add_test (c, fault);
  tcase_add_test (c, places);
  tcase_add_test (c, host);
  tcase_add_test (c, calling);
  tcase_add_test (c, serial);
  tcase_add_test (c, tags);
  tcase_add_test (c, invariants);
  suite_add_tcase (suite, c);
  sr = srunner_create (suite);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
