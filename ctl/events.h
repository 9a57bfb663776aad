/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Server-sent events (WHATWG HTML, 9.2), as they come. */
#ifndef CTL_EVENTS_H
#define CTL_EVENTS_H

#include <stddef.h>

/* One event: its name ("message" when it has none) and its data, whose lines are joined by
 * line ends.  0 to go on. */
typedef int event_fn (const char *name, const char *data, void *arg);

struct events;
struct events *events_create (event_fn *each, void *arg);
void events_finish (struct events *e);

/* Bytes of the stream, cut anywhere.  0; what `each` returned when it was something else;
 * or -1 when an event is too long. */
int events_add (struct events *e, const char *data, size_t len);

#endif
