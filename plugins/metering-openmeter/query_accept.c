/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Whether a caller would rather have CSV than JSON (RFC 9110, section 12.5.1). */
#include "plugins/metering-openmeter/query.h"

#include <kgent/accept.h>

#define UNSAID (-1)

/* How much a type is wanted, in thousandths, and by how exact a range that was said. */
struct wish {
  int32_t weight, exactness;
};

static void
wish_note (struct wish *w, int32_t weight, int32_t exactness)
{
  if (exactness > w->exactness || (exactness == w->exactness && weight > w->weight))
    *w = (struct wish){ weight, exactness };
}

int32_t
query_wants_csv (kg_str accept)
{
  struct wish csv = { 0, UNSAID }, json = { 0, UNSAID };
  kg_str range;
  int32_t weight;
  while ((weight = kg_accept_next (&accept, &range)) >= 0) {
    if (kg_part_is (range, "text/csv"))
      wish_note (&csv, weight, 2);
    else if (kg_part_is (range, "text/*"))
      wish_note (&csv, weight, 1);
    else if (kg_part_is (range, "application/json"))
      wish_note (&json, weight, 2);
    else if (kg_part_is (range, "application/*"))
      wish_note (&json, weight, 1);
    else if (kg_part_is (range, "*/*")) {
      wish_note (&csv, weight, 0);
      wish_note (&json, weight, 0);
    }
  }
  /* Who names CSV has a reason, the others take what there is. */
  return csv.weight > json.weight
         || (csv.weight && csv.weight == json.weight && csv.exactness == 2);
}
