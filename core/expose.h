/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The exposition of a registry, with the process's own metrics: Prometheus text
 * 0.0.4 and OpenMetrics 1.0.
 *
 * A text is kept for 20 times as long as it took to make (at most 1 s), so that
 * scrapes take at most a twentieth of a core, however many come. */
#ifndef CORE_EXPOSE_H
#define CORE_EXPOSE_H

#include <stddef.h>
#include <stdint.h>

struct metrics;

#define EXPOSE_TEXT        0
#define EXPOSE_OPENMETRICS 1

#define EXPOSE_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define EXPOSE_OPENMETRICS_TYPE \
  "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* The text, NUL-terminated and malloc'ed: the caller frees it.  -ENOMEM, or
 * -EINVAL for an unknown format. */
int32_t expose_render (struct metrics *registry, int32_t format, char **ret_text,
                       size_t *ret_len);

#endif
