/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/agentese/findings.h"

void
ag_findings_init (struct ag_findings *f)
{
  f->count = 0;
  f->list = (struct kg_out){ f->list_text, 0, sizeof f->list_text - 1 };
  f->summary = (struct kg_out){ f->summary_text, 0, sizeof f->summary_text };
}

/* ["body","kwargs","list",0] */
static void
loc_list (struct kg_out *o, const struct ag_loc *loc)
{
  if (loc->outer) {
    loc_list (o, loc->outer);
    kg_out_lit (o, ",");
  }
  if (!loc->name.ptr) {
    kg_out_int (o, loc->index);
    return;
  }
  kg_out_lit (o, "\"");
  kg_out_raw (o, loc->name.ptr, loc->name.len);
  kg_out_lit (o, "\"");
}

/* body.kwargs.list.0 */
static void
loc_text (struct kg_out *o, const struct ag_loc *loc)
{
  if (loc->outer) {
    loc_text (o, loc->outer);
    kg_out_lit (o, ".");
  }
  if (loc->name.ptr)
    kg_out_raw (o, loc->name.ptr, loc->name.len);
  else
    kg_out_int (o, loc->index);
}

void
ag_found (struct ag_findings *f, const struct ag_loc *loc, const char *type, const char *msg)
{
  size_t list = f->list.len, summary = f->summary.len;
  if (f->count++ >= AG_FINDINGS_MAX)
    return;
  kg_out_lit (&f->list, list ? ",{\"loc\":[" : "[{\"loc\":[");
  loc_list (&f->list, loc);
  kg_out_lit (&f->list, "],\"type\":");
  kg_out_text (&f->list, type);
  kg_out_lit (&f->list, ",\"msg\":");
  kg_out_text (&f->list, msg);
  kg_out_lit (&f->list, "}");
  kg_out_lit (&f->summary, summary ? "; " : "");
  loc_text (&f->summary, loc);
  kg_out_lit (&f->summary, ": ");
  kg_out_lit (&f->summary, msg);
  if (!kg_out_ok (&f->list)) /* what fits whole is told */
    f->list.len = list;
  if (!kg_out_ok (&f->summary))
    f->summary.len = summary;
}

int32_t
ag_findings_answer (struct ag_call *c, struct ag_findings *f, int32_t status)
{
  if (f->list.len) {
    f->list.ptr[f->list.len++] = ']';
    c->ag->host->member (c->req, "errors", (kg_str){ f->list_text, f->list.len });
  }
  if (!f->summary.len)
    return ag_refuse (c, AG_BAD_ARGUMENT, status, "The body is not as it must be");
  return ag_refuse (c, AG_BAD_ARGUMENT, status, "%.*s", (int)f->summary.len, f->summary_text);
}
