/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Whether a caller would have an event stream (RFC 9110, section 12.5.1). */
#include "plugins/agentese/stream.h"

#include <kgent/accept.h>

/* "*" says nothing for events, which have to be asked for; but JSON may be meant by it. */
enum ag_events_wanted
ag_accept (kg_str field)
{
  int32_t events = 0, json = -1, application = -1, any = -1, q;
  kg_str type;
  while ((q = kg_accept_next (&field, &type)) >= 0)
    if (kg_part_is (type, "text/event-stream"))
      events = q;
    else if (kg_part_is (type, "application/json"))
      json = q;
    else if (kg_part_is (type, "application/*"))
      application = q;
    else if (kg_part_is (type, "*/*"))
      any = q;
  if (json < 0)
    json = application >= 0 ? application : any;
  if (!events || events < json)
    return AG_NO_EVENTS;
  return events > json ? AG_RATHER : AG_AS_SOON;
}

int32_t
ag_stream_wanted (const struct ag_call *c)
{
  enum ag_events_wanted wanted;
  if (c->then || c->quote)
    return 0;
  wanted = ag_accept (c->ag->host->get (c->req, KG_GET_HEADER, "Accept"));
  return wanted == AG_RATHER
         || (wanted == AG_AS_SOON && c->slot && c->slot->aspect.flags & AG_STREAMS);
}
