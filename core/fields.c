/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Response headers that are set together: their names are looked at once, when the
 * plugin is opened; of a request only the values are. */
#include "core/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX   64 /* bytes */
#define NAME_SHORT 32 /* with ": " behind it: copied without a look at its length */
#define VALUE_MAX  8192

struct kg_fields {
  struct kg_fields *next; /* of the plugin's */
  uint32_t count;
  uint32_t bytes; /* that all lines have besides their values, and the slack behind them */
  struct {
    uint32_t len;
    char text[NAME_MAX + 4]; /* "Name: " */
  } line[KG_FIELDS_MAX];
};

int32_t
fields_create (const char *const *names, struct kg_fields **list, const kg_fields **ret)
{
  struct kg_fields *f = calloc (1, sizeof *f);
  if (!f)
    return -ENOMEM;
  f->bytes = NAME_MAX;
  for (; *names; names++) {
    size_t len = strnlen (*names, NAME_MAX + 1);
    if (f->count == KG_FIELDS_MAX || len > NAME_MAX || !reply_name_ok ((kg_str){ *names, len })) {
      free (f);
      return -EINVAL;
    }
    memcpy (f->line[f->count].text, *names, len);
    memcpy (f->line[f->count].text + len, ": ", 2);
    f->line[f->count++].len = (uint32_t) len + 2;
    f->bytes += (uint32_t) len + 4;
  }
  f->next = *list;
  *ret = *list = f;
  return 0;
}

void
fields_destroy_all (struct kg_fields *f)
{
  while (f) {
    struct kg_fields *next = f->next;
    free (f);
    f = next;
  }
}

/* Whether `len` bytes can stand in a field value: printable ASCII and tabs.  Some
 * bytes behind them may be read, too: what is behind the end is made blank. */
static int
value_ok (const char *p, size_t len)
{
  static const unsigned char keep[16] = { 255, 255, 255, 255, 255, 255, 255, 255 };
  const uint64_t each = 0x0101010101010101u;
  uint64_t word, mask, bad = 0;
  size_t i;
  for (i = 0; i + sizeof word <= len; i += sizeof word) {
    memcpy (&word, p + i, sizeof word);
    bad |= word | (word - 0x20 * each) | (word + each);
  }
  memcpy (&word, p + i, sizeof word);
  memcpy (&mask, keep + sizeof word - (len - i), sizeof mask);
  word = (word & mask) | (0x20 * each & ~mask);
  bad |= word | (word - 0x20 * each) | (word + each);
  if (!(bad & 0x80 * each))
    return 1;
  for (i = 0; i < len; i++)
    if ((unsigned char) p[i] < 0x20 ? p[i] != '\t' : (unsigned char) p[i] >= 0x7f)
      return 0;
  return 1;
}

/* All of the values' bytes, or -1 when one is too long. */
static int64_t
values_len (const struct kg_fields *f, const kg_str *values)
{
  size_t n = 0;
  for (uint32_t i = 0; i < f->count; i++) {
    if (values[i].len > VALUE_MAX)
      return -1;
    n += values[i].len;
  }
  return (int64_t) n;
}

int32_t
fields_set (kg_req *req, const struct kg_fields *f, const kg_str *values)
{
  int64_t len = values_len (f, values);
  char *p = len < 0 ? NULL : reply_room (req, (size_t) len + f->bytes);
  if (!p)
    return len < 0 ? -EINVAL : -ENOMEM;
  for (uint32_t i = 0; i < f->count; i++) {
    if (!values[i].ptr)
      continue;
    memcpy (p, f->line[i].text, NAME_SHORT);
    if (f->line[i].len > NAME_SHORT)
      memcpy (p, f->line[i].text, f->line[i].len);
    p += f->line[i].len;
    memcpy (p, values[i].ptr, values[i].len);
    if (!value_ok (p, values[i].len))
      return -EINVAL;
    p += values[i].len;
    memcpy (p, "\r\n", 2);
    p += 2;
  }
  req->response.fields.len = (uint32_t) (p - req->response.fields.ptr);
  return 0;
}
