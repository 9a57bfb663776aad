/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* How far a client has come in a stream.  A mark is kept while its bytes are on their way only,
 * and how many can be is bounded by http.stream_buffer. */
#include "plugins/agentese/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int32_t
ag_marks_reserve (struct ag_marks *m)
{
  uint32_t room = m->room ? 2 * m->room : 16;
  struct ag_mark *list;
  if (m->first + m->count < m->room)
    return 0;
  if (m->first) {
    memmove (m->list, m->list + m->first, m->count * sizeof *m->list);
    m->first = 0;
    return 0;
  }
  list = realloc (m->list, room * sizeof *list);
  if (!list)
    return -ENOMEM;
  m->list = list;
  m->room = room;
  return 0;
}

void
ag_marks_add (struct ag_marks *m, const struct ag_mark *mark)
{
  m->list[m->first + m->count++] = *mark;
}

void
ag_marks_reach (struct ag_marks *m, uint64_t taken)
{
  while (m->count && m->list[m->first].end <= taken) {
    m->reached = m->list[m->first++];
    m->count--;
  }
  if (!m->count)
    m->first = 0;
}

void
ag_marks_finish (struct ag_marks *m)
{
  free (m->list);
  m->list = NULL;
  m->first = m->count = m->room = 0;
}
