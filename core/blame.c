/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/blame.h"
#include "core/scrub.h"
#include "core/where.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048
#define HANDLER_STACK 32768 /* bytes; some CPUs' registers alone take 11,000 */
#define EXIT_CONFIG 78      /* EX_CONFIG of sysexits.h */

_Thread_local volatile struct blame blame_now;

static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT, SIGSYS };
static struct sigaction previous[sizeof fatal / sizeof fatal[0]];

/* What is being loaded on the main thread; signal handlers read it. */
static char loading_what[1024];
static volatile sig_atomic_t loading;      /* between begin and end */
static volatile sig_atomic_t constructing; /* a file's constructors run */

/* ---- A line without stdio -------------------------------------------------- */

struct line {
  char text[LINE_MAX_BYTES];
  size_t len;
};

static void
line_add (struct line *l, const char *s)
{
  while (s && *s && l->len < sizeof l->text - 2) {
    unsigned char c = (unsigned char)*s++;
    l->text[l->len++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
  }
}

static void
line_number (struct line *l, unsigned v)
{
  char buf[12], *p = buf + sizeof buf - 1;
  *p = 0;
  do
    *--p = (char)('0' + v % 10);
  while (v /= 10);
  line_add (l, p);
}

static void
line_write (struct line *l)
{
  const char *p = l->text;
  l->text[l->len++] = '\n';
  while (l->len) {
    ssize_t n = write (STDERR_FILENO, p, l->len);
    if (n <= 0)
      return;
    p += n;
    l->len -= (size_t)n;
  }
}

/* ---- Crashes ---------------------------------------------------------------- */

static const char *
signal_name (int sig)
{
  switch (sig) {
  case SIGSEGV:
    return "SIGSEGV";
  case SIGBUS:
    return "SIGBUS";
  case SIGFPE:
    return "SIGFPE";
  case SIGILL:
    return "SIGILL";
  case SIGABRT:
    return "SIGABRT";
  case SIGQUIT:
    return "SIGQUIT";
  case SIGSYS:
    return "SIGSYS";
  default:
    return "signal";
  }
}

static void
crash_write (int sig)
{
  struct line l = { .len = 0 };
  const struct kg_self *self = blame_now.self;
  line_add (&l, "kgentd: ");
  if (constructing || (loading && self)) {
    line_add (&l, loading_what);
    line_add (&l, ": ");
  }
  line_add (&l, signal_name (sig));
  if (self && self->magic == SELF_MAGIC) {
    line_add (&l, " in plugin ");
    line_add (&l, self->name);
    line_add (&l, ", ");
    line_add (&l, blame_now.doing);
    if (blame_now.request)
      line_add (&l, ", request ");
    line_add (&l, blame_now.request);
  } else
    line_add (&l, constructing ? " in a constructor, while it was loaded"
                               : " outside of the plugins' callbacks");
  line_write (&l);
}

/* A line of its own: the first one is for those who look for a plugin's name. */
static void
where_write (const ucontext_t *context)
{
  struct line l = { .len = 0 };
  char text[WHERE_MAX];
  where (context, text);
  if (!*text)
    return;
  line_add (&l, "kgentd: it was at ");
  line_add (&l, text);
  line_write (&l);
}

/* Where the thread's frames begin; NULL on processors that we don't know. */
static const void *
stack_of (const ucontext_t *c)
{
#if defined __x86_64__
  return (const void *)c->uc_mcontext.gregs[REG_RSP];
#elif defined __aarch64__
  return (const void *)c->uc_mcontext.sp;
#else
  (void)c;
  return NULL;
#endif
}

/* Writes the line and puts the previous handler back.  A fault that the CPU
 * raised comes again when we return, with the context that a core dump wants;
 * what a process sent is raised again. */
static void
crash (int sig, siginfo_t *info, void *context)
{
  crash_write (sig);
  scrub (stack_of (context)); /* first: looking at code that is gone is a fault of its own */
  if (!loading) /* a fault of the configuration is one line, and names the file */
    where_write (context);
  for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
    if (fatal[i] == sig)
      sigaction (sig, &previous[i], NULL);
  if (info->si_code <= 0)
    raise (sig);
}

void
blame_install (void)
{
  static int installed;
  struct sigaction a;
  if (installed)
    return;
  installed = 1;
  scrub_init ();
  memset (&a, 0, sizeof a);
  a.sa_sigaction = crash;
  a.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset (&a.sa_mask);
  for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
    sigaction (fatal[i], &a, &previous[i]);
}

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
void
blame_thread (void)
{
  /* the sanitizer has made one */
}
#else
void
blame_thread (void)
{
  stack_t s;
  memset (&s, 0, sizeof s);
  s.ss_size = HANDLER_STACK;
  s.ss_sp = mmap (NULL, HANDLER_STACK, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (s.ss_sp != MAP_FAILED) /* it stays until the process ends; untouched, it costs nothing */
    sigaltstack (&s, NULL);
}
#endif

void
blame_mask (sigset_t *ret)
{
  sigfillset (ret);
  for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
    sigdelset (ret, fatal[i]);
}

/* ---- Loading ---------------------------------------------------------------- */

/* For all of loading, however often it is begun: what was granted, what is left. */
static unsigned loading_seconds, loading_left;

static void
loading_fail (const char *why, unsigned seconds)
{
  struct line l = { .len = 0 };
  line_add (&l, "kgentd: ");
  line_add (&l, loading_what);
  line_add (&l, why);
  if (seconds) {
    line_number (&l, seconds);
    line_add (&l, " s; its constructors and `open` must only declare");
  }
  line_write (&l);
  _exit (EXIT_CONFIG);
}

static void
loading_alarm (int sig)
{
  (void)sig;
  loading_fail (": loading and opening took over ", loading_seconds);
}

/* exit called by a plugin: the host itself leaves loading first. */
static void
loading_exit (void)
{
  if (loading)
    loading_fail (": it called exit while it was loaded or opened", 0);
}

void
blame_loading_begin (unsigned seconds)
{
  unsigned sooner = alarm (0); /* of a caller that is more impatient */
  struct sigaction a;
  if (!loading_seconds) {
    loading_seconds = loading_left = sooner && sooner < seconds ? sooner : seconds;
    atexit (loading_exit);
  }
  memset (&a, 0, sizeof a);
  a.sa_handler = loading_alarm;
  sigemptyset (&a.sa_mask);
  loading = 1;
  sigaction (SIGALRM, &a, NULL);
  alarm (loading_left);
}

void
blame_loading_end (void)
{
  loading_left = alarm (0);
  if (!loading_left)
    loading_left = 1;
  signal (SIGALRM, SIG_DFL);
  loading = 0;
  blame_clear ();
}

void
blame_loading_now (int running)
{
  constructing = running;
}

void
blame_loading (const char *what)
{
  size_t n = strlen (what);
  if (n >= sizeof loading_what)
    n = sizeof loading_what - 1;
  memcpy (loading_what, what, n);
  loading_what[n] = 0;
}
