/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Answers that were kept for their Idempotency-Key. */

#include "ctl/verify_store.h"

#include <string.h>
#include <strings.h>

#define HASH 32
#define KEEP_NS DAY_NS
#define BODY_MAX (256 * 1024)

enum { WHOLE = 1, LARGE, STREAMED };

/* The head of a kept answer; numbers as the machine has them. */
struct answer_head {
  uint8_t format, kind;
  uint16_t status;
  uint32_t type_len, fields_len, zero;
  uint64_t body_len;
  uint8_t print[HASH];
};

static const char cure_answer[]
    = "remove it with the host stopped: sqlite3 kgent.db \"DELETE FROM entry WHERE hex (key) = "
      "'KEY'\"; who sends the request again is charged again";

static const char *
head_fault (const struct answer_head *h, struct piece key, struct piece value)
{
  if (key.n != HASH)
    return "its key is no hash";
  if (h->format != 1)
    return "it has another format";
  if (h->kind < WHOLE || h->kind > STREAMED)
    return "it is of no known kind";
  if (h->status < 200 || h->status > 299)
    return "its status is none that is kept";
  if (h->kind != WHOLE)
    return value.n == sizeof *h ? NULL : "it has a body that is said to be left out";
  if (h->body_len > BODY_MAX || h->type_len > value.n || h->fields_len > value.n
      || sizeof *h + h->type_len + h->fields_len + h->body_len != value.n)
    return "it has not as many bytes as it says";
  if (h->type_len && value.p[sizeof *h + h->type_len - 1])
    return "the type of its body has no end";
  return NULL;
}

/* The id in a line "Kgent-Receipt: id="..."; ...". */
static struct piece
receipt_id (struct piece fields)
{
  static const char name[] = "Kgent-Receipt:";
  struct piece none = { NULL, 0 };
  const char *p = fields.p, *end = p + fields.n, *stop, *from, *to;
  for (; p < end; p = stop + 1) {
    stop = memchr (p, '\n', (size_t)(end - p));
    stop = stop ? stop : end;
    if ((size_t)(stop - p) < sizeof name || strncasecmp (p, name, sizeof name - 1))
      continue;
    from = memmem (p, (size_t)(stop - p), "id=\"", 4);
    to = from ? memchr (from + 4, '"', (size_t)(stop - from - 4)) : NULL;
    return to ? (struct piece){ from + 4, (size_t)(to - from - 4) } : none;
  }
  return none;
}

/* The receipt's record went into the log with the answer. */
static void
receipt_check (struct verify *v, struct piece fields)
{
  struct piece id = receipt_id (fields);
  uint32_t i;
  for (i = 0; id.p && i < v->logs; i++) {
    struct hash h = { (uint64_t)v->log[i].id, 0 };
    if (strcmp (v->log[i].name, "usage") || map_get (&v->ids, hash_add (h, id.p, id.n)))
      continue;
    found (v, "answer", cure_batch, v->place,
           "its receipt is for %s, and the log has no such record: it was not charged",
           shown (id));
  }
}

void
verify_answer (struct verify *v, struct piece key, struct piece value, int64_t changed_ns,
               int64_t expires_ns)
{
  struct answer_head h;
  char hex[2 * HASH + 1] = "";
  const char *fault = "it is too short";
  size_t i;
  for (i = 0; i < key.n && i < HASH; i++)
    snprintf (hex + 2 * i, 3, "%02X", (unsigned char)key.p[i]);
  place (v, "bucket idempotency, key %s", hex);
  v->answers++;
  if (value.n >= sizeof h) {
    memcpy (&h, value.p, sizeof h);
    fault = head_fault (&h, key, value);
  }
  if (!fault && expires_ns - changed_ns != KEEP_NS)
    fault = "it is not kept for 24 hours";
  if (fault)
    found (v, "answer", cure_answer, v->place, "%s", fault);
  else if (h.kind == WHOLE)
    receipt_check (v, (struct piece){ value.p + sizeof h + h.type_len, h.fields_len });
}
