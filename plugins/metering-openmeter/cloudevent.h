/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One CloudEvent 1.0 that somebody sends: read strictly from a tape, and written the
 * way it lies in a usage record (record_read.h).
 *
 * A record's event keeps id, source, time and the data as they were sent; the
 * attributes that a meter doesn't ask for are the members of "ext". */
#ifndef METERING_CLOUDEVENT_H
#define METERING_CLOUDEVENT_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/json.h>

#define CLOUDEVENT_TEXT_MAX 512 /* bytes of id, source, type and subject, as written */
#define CLOUDEVENT_NAME_MAX 64  /* bytes of an attribute's name */
#define CLOUDEVENT_ATTRIBUTES_MAX 64
#define CLOUDEVENT_DEPTH_MAX 28 /* of data */

/* What is demanded of an event. */
struct cloudevent_rules {
  const char *tenant;   /* whose key it is */
  const char *reserved; /* the source of the host's own events */
  int32_t foreign;      /* 1: other subjects are allowed */
  int32_t loose;        /* 1: specversion may be left out */
  int64_t oldest_ns, newest_ns; /* inclusive, of its time */
};

/* An event taken apart; members are indices of tokens, 0 where there is none. */
struct cloudevent {
  uint32_t at; /* of the OBJECT */
  uint32_t id, source, type, subject, time, data, corrects;
  uint32_t others;   /* attributes that go to "ext" */
  int32_t forbidden; /* 1: it would be good if the subject were the caller's */
  int32_t malformed; /* 1: no JSON that a request may have */
  int32_t failed;    /* 1: there was no memory to look at it */
  const char *error; /* why it is none, a whole sentence without its end; NULL */
};

/* Takes the event at `i` apart; ret->error says what is wrong with it. */
void cloudevent_read (const struct kg_json *j, uint32_t i, const struct cloudevent_rules *rules,
                      struct cloudevent *ret);

/* Appends a good event as a record has it. */
void cloudevent_write (const struct kg_json *j, const struct cloudevent *e, const char *tenant,
                       struct kg_out *o);

/* The same in the binary mode of HTTP (its headers, the body): as JSON text, into
 * memory of the request; {NULL, 0} without memory, or with an attribute that is no
 * text. */
kg_str cloudevent_of_headers (const struct kg_host *host, kg_req *req, kg_str type, kg_str body);

/* Whether all objects in the value have each key once, and its numbers are int64 or finite
 * doubles; *ret_error says what is wrong, or is NULL.  -ENOMEM. */
int32_t cloudevent_json_check (const struct kg_json *j, uint32_t i, const char **ret_error);

/* Whether these bytes are UTF-8 without NUL. */
int32_t cloudevent_is_text (kg_str s);

#endif
