/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Nothing here may lock, allocate, or trust what the stack holds: dladdr(3) and backtrace(3) are
 * no help, /proc/self/maps is.  A word of the stack counts when a call stands before the place
 * that it names; a few of those are of calls that have returned. */
#include "core/where.h"
#include "core/maps.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#define MODULES 64
#define NAME    32
#define CALLERS 12
#define SCANNED 8192 /* bytes of the stack */
#define CALL    7    /* bytes of the longest call */

/* Code of a file. */
struct module {
  uintptr_t from, to, base;
  char name[NAME];
};

static struct {
  struct module module[MODULES];
  uint32_t count;
  uintptr_t base; /* of the file that was last seen at its beginning */
  uintptr_t sp, stack_end;
} seen;
static atomic_flag busy = ATOMIC_FLAG_INIT; /* two threads may crash at a time */

/* ---- What there is ------------------------------------------------------------ */

static void
module_note (const struct mapping *m)
{
  struct module *to = &seen.module[seen.count];
  const char *name = strrchr (m->name, '/') + 1;
  size_t n = 0;
  if (seen.count == MODULES)
    return;
  for (; name[n] > ' ' && name[n] < 0x7f && n < NAME - 1; n++)
    to->name[n] = name[n];
  to->name[n] = 0;
  to->from = m->from;
  to->to = m->to;
  to->base = seen.base;
  seen.count++;
}

static void
mapping_note (const struct mapping *m)
{
  if (*m->flags == 'r' && seen.sp >= m->from && seen.sp < m->to)
    seen.stack_end = m->to;
  if (*m->name != '/')
    return;
  if (!m->offset)
    seen.base = m->from;
  if (*m->flags == 'r' && m->flags[2] == 'x')
    module_note (m);
}

static const struct module *
module_of (uintptr_t at)
{
  for (uint32_t i = 0; i < seen.count; i++)
    if (at >= seen.module[i].from && at < seen.module[i].to)
      return &seen.module[i];
  return NULL;
}

/* ---- What is told ------------------------------------------------------------- */

static size_t
put (char *out, size_t len, const char *s)
{
  while (*s && len < WHERE_MAX - 1)
    out[len++] = *s++;
  out[len] = 0;
  return len;
}

static size_t
place_put (char *out, size_t len, const struct module *m, uintptr_t at)
{
  char hex[2 * sizeof at + 4], *p = hex + sizeof hex - 1;
  uintptr_t v = at - m->base;
  *p = 0;
  do
    *--p = "0123456789abcdef"[v & 15];
  while (v >>= 4);
  *--p = 'x';
  *--p = '0';
  *--p = '+';
  len = len ? put (out, len, " < ") : len;
  return put (out, put (out, len, m->name), p);
}

/* Whether a call ends at `at`; its bytes are code of m, which is there. */
__attribute__ ((no_sanitize ("address", "thread"))) static int
is_behind_call (const struct module *m, uintptr_t at)
{
  const unsigned char *p = (const unsigned char *) at;
  if (at < m->from + CALL)
    return 0;
#if defined __x86_64__
  if (p[-5] == 0xe8)
    return 1;
  for (int n = 2; n <= CALL; n++)
    if (p[-n] == 0xff && (p[1 - n] & 0x38) == 0x10)
      return 1;
  return 0;
#else
  (void) p;
  return 1;
#endif
}

__attribute__ ((no_sanitize ("address", "thread"))) static size_t
callers_put (char *out, size_t len)
{
  const uintptr_t *p = (const uintptr_t *) (seen.sp & ~(sizeof *p - 1)), *end;
  int n = 0;
  if (!seen.stack_end) /* it was used up */
    return len;
  if (seen.stack_end - seen.sp > SCANNED)
    seen.stack_end = seen.sp + SCANNED;
  end = (const uintptr_t *) (seen.stack_end & ~(sizeof *p - 1));
  for (; p < end && n < CALLERS; p++) {
    const struct module *m = module_of (*p);
    if (!m || !is_behind_call (m, *p))
      continue;
    len = place_put (out, len, m, *p);
    n++;
  }
  return len;
}

static uintptr_t
registers (const ucontext_t *c, uintptr_t *ret_sp)
{
#if defined __x86_64__
  *ret_sp = (uintptr_t) c->uc_mcontext.gregs[REG_RSP];
  return (uintptr_t) c->uc_mcontext.gregs[REG_RIP];
#elif defined __aarch64__
  *ret_sp = (uintptr_t) c->uc_mcontext.sp;
  return (uintptr_t) c->uc_mcontext.pc;
#else
  (void) c;
  return *ret_sp = 0;
#endif
}

void
where (const ucontext_t *context, char ret[WHERE_MAX])
{
  const struct module *m;
  uintptr_t pc;
  *ret = 0;
  if (atomic_flag_test_and_set (&busy))
    return;
  memset (&seen, 0, sizeof seen);
  pc = registers (context, &seen.sp);
  if (!maps_each (mapping_note)) {
    m = module_of (pc);
    callers_put (ret, m ? place_put (ret, 0, m, pc) : 0);
  }
  atomic_flag_clear (&busy);
}
