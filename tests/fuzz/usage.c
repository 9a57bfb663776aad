/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Parameters of a query of usage: whatever is accepted holds what it promises, and can be
 * planned. */
#include "plugins/metering-openmeter/query.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define NOW INT64_C (29931459) /* 2026-11-28T17:39Z */

static void
must (int truth)
{
  if (!truth)
    abort ();
}

static void
runs_check (const struct query *q)
{
  int64_t t = q->args.from;
  for (uint32_t i = 0; i < q->runs; i++) {
    const struct query_run *run = &q->run[i];
    must (run->start == t && run->end > t && run->unit < UNITS);
    must (unit_floor (run->unit, run->start) == run->start);
    must (unit_floor (run->unit, run->end) == run->end);
    must (q->args.unit == UNITS || run->unit <= q->args.unit);
    t = run->end;
  }
  must (t == q->args.to);
}

static void
ask (struct rollup *r, const char *slug, const uint8_t *data, size_t size)
{
  struct query *q = calloc (1, sizeof *q);
  int32_t e;
  q->rollup = r;
  if (slug)
    q->slug = (kg_str){ slug, strlen (slug) };
  e = query_args_read (q, (kg_str){ (const char *)data, size }, NOW);
  if (e >= 0) {
    must (q->args.from < q->args.to && q->args.from >= 0 && q->args.unit <= UNITS);
    must (q->args.dimensions <= METER_DIMENSIONS_MAX && (!slug || q->args.meter));
    must (q->args.meter || (!q->args.dimensions && !q->args.filters));
    e = query_plan (q, NOW);
    if (e >= 0)
      runs_check (q);
  }
  must (e >= 0 || (e == -EINVAL && q->status >= 400 && q->problem[0]));
  free (q->memory);
  free (q);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const struct rollup_conf conf = { { 14, 100, 800, 0 } };
  static struct rollup r = { .conf = &conf };
  const struct kg_list none = { NULL, 0 };
  char error[METER_ERROR_MAX];
  uint8_t *exact = malloc (size ? size : 1);
  memcpy (exact, data, size);
  must (r.meters.count || !meters_read (&r.meters, &none, error));
  ask (&r, NULL, exact, size);
  ask (&r, "requests", exact, size);
  free (exact);
  return 0;
}
