/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* CloudEvents 1.0.2, sections 3 and 4, in JSON (its JSON event format, section 3).
 *
 * Who sends it is told of the first thing that is wrong.  An attribute that is null
 * is one that is left out. */
#include "plugins/metering-openmeter/cloudevent.h"

#include "plugins/metering-openmeter/record_read.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>

/* Attributes with a meaning, and where they are noted. */
#define NAMED(name)                                                                            \
  {                                                                                            \
#name, sizeof #name - 1, offsetof (struct cloudevent, name)                                 \
  }

static const struct named {
  const char *name;
  uint32_t len;
  size_t offset;
} named[] = { NAMED (id),   NAMED (source), NAMED (type), NAMED (subject),
              NAMED (time), NAMED (data),   NAMED (corrects) };

static int32_t
refuse (struct cloudevent *e, const char *error)
{
  if (!e->error)
    e->error = error;
  return 0;
}

/* What is not even JSON. */
static int32_t
refuse_json (struct cloudevent *e, const char *error)
{
  e->malformed = 1;
  return refuse (e, error);
}

/* ---- Attributes --------------------------------------------------------------------- */

static int32_t
key_is (const struct kg_json *j, uint32_t i, const char *name, size_t len)
{
  const struct kg_json_token *t = &j->token[i];
  return t->len == len && !memcmp (j->text + t->start, name, len);
}

#define KEY_IS(j, i, name) key_is (j, i, name, sizeof name - 1)

/* Section 3.1: lower-case letters and digits. */
static int32_t
name_ok (kg_str name)
{
  size_t i;
  for (i = 0; i < name.len; i++)
    if (!((name.ptr[i] >= 'a' && name.ptr[i] <= 'z')
          || (name.ptr[i] >= '0' && name.ptr[i] <= '9')))
      return 0;
  return name.len >= 1 && name.len <= CLOUDEVENT_NAME_MAX;
}

/* A whole number of 32 bits; sections 3.1.1 and 2.2 of the JSON format. */
static int32_t
is_int32 (const struct kg_json *j, uint32_t i)
{
  int64_t n = kg_json_int (j, i, INT64_MAX);
  return n >= INT32_MIN && n <= INT32_MAX;
}

/* Whether an attribute of this name came before.  There are few of them. */
static int32_t
is_again (const struct kg_json *j, uint32_t key, const struct cloudevent *e)
{
  const struct kg_json_token *t = &j->token[key];
  uint32_t i;
  for (i = kg_json_first (j, e->at); i != key; i = kg_json_next (j, e->at, i + 1))
    if (key_is (j, i, j->text + t->start, t->len))
      return 1;
  return 0;
}

/* ---- Forms of texts ------------------------------------------------------------------ */

/* The next character of a JSON string's text; -1 when it is not of ASCII. */
static int32_t
letter_next (const char **p)
{
  unsigned char c = (unsigned char) *(*p)++;
  uint32_t code;
  if (c != '\\')
    return c < 0x80 ? c : -1;
  c = (unsigned char) *(*p)++;
  if (c != 'u')
    return strchr ("\"\\/", c) ? c : -1;
  code = (uint32_t) strtoul ((char[]){ (*p)[0], (*p)[1], (*p)[2], (*p)[3], 0 }, NULL, 16);
  *p += 4;
  return code < 0x80 ? (int32_t) code : -1;
}

static int32_t
is_one_of (int32_t c, const char *others)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
         || (c > 0 && strchr (others, c));
}

/* RFC 4648, section 4. */
static int32_t
is_base64 (kg_str text)
{
  const char *p = text.ptr, *end = p + text.len;
  size_t n = 0, padding = 0;
  while (p < end) {
    int32_t c = letter_next (&p);
    if (c == '=')
      padding++;
    else if (padding || !is_one_of (c, "+/"))
      return 0;
    n++;
  }
  return n % 4 == 0 && padding <= 2;
}

/* RFC 9110, section 8.3.1, parameters but for their characters. */
static int32_t
is_media_type (kg_str text)
{
  const char *p = text.ptr, *end = p + text.len;
  size_t slashes = 0, n = 0;
  int32_t c = 0;
  while (p < end && is_one_of (c = letter_next (&p), "/!#$%&'*+-.^_`|~")) {
    if (c == '/' && (!n || slashes++))
      return 0;
    n = c == '/' ? 0 : n + 1;
  }
  if (slashes != 1 || !n)
    return 0;
  if (!is_one_of (c, "!#$%&'*+-.^_`|~") && c != ';' && c != ' ' && c != '\t')
    return 0;
  while (p < end)
    if ((c = letter_next (&p)) < ' ' && c != '\t')
      return 0;
  return 1;
}

/* RFC 3986: a scheme, and what may be in a URI. */
static int32_t
is_uri (kg_str text)
{
  const char *p = text.ptr, *end = p + text.len;
  int32_t c = p < end ? letter_next (&p) : 0, n, hex = 0;
  if (!is_one_of (c, "") || (c >= '0' && c <= '9'))
    return 0;
  while (p < end && (c = letter_next (&p)) != ':')
    if (!is_one_of (c, "+-."))
      return 0;
  for (n = 0; c == ':' && p < end; n++) {
    int32_t next = letter_next (&p);
    if (!is_one_of (next, "-._~:/?#[]@!$&'()*+,;=%") || (hex && !isxdigit (next)))
      return 0;
    hex = next == '%' ? 2 : hex ? hex - 1 : 0;
  }
  return n && !hex;
}

/* An attribute that is kept for others. */
static int32_t
other_check (const struct kg_json *j, uint32_t key, struct cloudevent *e)
{
  uint32_t kind = j->token[key + 1].kind;
  kg_str text = kind == KG_JSON_STRING ? kg_json_raw (j, key + 1) : (kg_str){ "", 0 };
  if (KEY_IS (j, key, "data_base64")) {
    if (kind != KG_JSON_STRING || !is_base64 (text))
      return refuse (e, "data_base64: must be a string in Base64");
  } else if (!name_ok (kg_json_raw (j, key)))
    return refuse (e, "names of attributes are lower-case letters and digits");
  else if (KEY_IS (j, key, "datacontenttype")) {
    if (!is_media_type (text))
      return refuse (e, "datacontenttype: must be a media type, such as text/plain");
  } else if (KEY_IS (j, key, "dataschema")) {
    if (!is_uri (text))
      return refuse (e, "dataschema: must be a URI, with a scheme");
  } else if (kind != KG_JSON_STRING && kind != KG_JSON_TRUE && kind != KG_JSON_FALSE
             && !(kind == KG_JSON_INT && is_int32 (j, key + 1)))
    return refuse (e, "an extension attribute is a string, a boolean or a number of 32 bits");
  e->others++;
  return 1;
}

static int32_t
is_named (const struct kg_json *j, uint32_t key)
{
  uint32_t n;
  for (n = 0; n < sizeof named / sizeof *named; n++)
    if (key_is (j, key, named[n].name, named[n].len))
      return (int32_t) n + 1;
  return 0;
}

/* Notes where everything is. */
static int32_t
members_note (const struct kg_json *j, struct cloudevent *e, uint32_t *ret_version)
{
  uint32_t i, all = 0;
  int32_t n;
  for (i = kg_json_first (j, e->at); i; i = kg_json_next (j, e->at, i + 1)) {
    if (++all > CLOUDEVENT_ATTRIBUTES_MAX)
      return refuse (e, "an event has 64 attributes at most");
    if (j->token[i].escaped)
      return refuse (e, "names of attributes are lower-case letters and digits");
    if (is_again (j, i, e))
      return refuse_json (e, "an attribute is there twice");
    n = is_named (j, i);
    if (j->token[i + 1].kind == KG_JSON_NULL && !KEY_IS (j, i, "data"))
      continue;
    if (n)
      *(uint32_t *) ((char *) e + named[n - 1].offset) = i + 1;
    else if (KEY_IS (j, i, "specversion"))
      *ret_version = i + 1;
    else if (!other_check (j, i, e))
      return 0;
  }
  return 1;
}

/* ---- Values -------------------------------------------------------------------------- */

static int32_t
text_ok (const struct kg_json *j, uint32_t i)
{
  return kg_json_kind (j, i) == KG_JSON_STRING && j->token[i].len >= 1
         && j->token[i].len <= CLOUDEVENT_TEXT_MAX;
}

/* A URI reference, or that of an internationalized one (RFC 3986, RFC 3987): no space,
 * no control character, none of those that must be written with percent. */
static int32_t
reference_ok (const struct kg_json *j, uint32_t i)
{
  char buf[CLOUDEVENT_TEXT_MAX];
  size_t n = kg_json_decode (j, i, buf), k;
  for (k = 0; k < n; k++)
    if ((unsigned char) buf[k] <= ' ' || buf[k] == 0x7f || strchr ("<>\"{}|\\^`", buf[k]))
      return 0;
  return 1;
}

static int32_t
texts_check (const struct kg_json *j, struct cloudevent *e, const struct cloudevent_rules *rules)
{
  if (!text_ok (j, e->id))
    return refuse (e, "id: must be a string of 1 to 512 bytes");
  if (!text_ok (j, e->source) || !reference_ok (j, e->source))
    return refuse (e, "source: must be a URI reference of 1 to 512 bytes");
  if (!text_ok (j, e->type))
    return refuse (e, "type: must be a string of 1 to 512 bytes");
  if (rules->reserved && kg_json_is (j, e->source, rules->reserved))
    return refuse (e, "source: this one is the host's own");
  if (e->corrects && !text_ok (j, e->corrects))
    return refuse (e, "corrects: must be the id of an event");
  return 1;
}

static int32_t
time_check (const struct kg_json *j, struct cloudevent *e, const struct cloudevent_rules *rules)
{
  int64_t ns;
  if (!e->time)
    return 1;
  if (kg_json_kind (j, e->time) != KG_JSON_STRING
      || record_time (kg_json_raw (j, e->time), &ns) < 0)
    return refuse (e, "time: must be a time of RFC 3339");
  if (ns < rules->oldest_ns)
    return refuse (e, "time: too long ago");
  if (ns > rules->newest_ns)
    return refuse (e, "time: in the future");
  return 1;
}

/* Deeper data could be sent, but not read again in the midst of a record. */
static int32_t
is_deep (const struct kg_json *j, uint32_t i)
{
  uint32_t end[CLOUDEVENT_DEPTH_MAX], depth = 0, k;
  for (k = i; k < j->token[i].next; k++) {
    while (depth && k >= end[depth - 1])
      depth--;
    if (j->token[k].kind < KG_JSON_ARRAY)
      continue;
    if (depth == CLOUDEVENT_DEPTH_MAX)
      return 1;
    end[depth++] = j->token[k].next;
  }
  return 0;
}

static int32_t
data_check (const struct kg_json *j, struct cloudevent *e)
{
  const char *error;
  if (e->data && cloudevent_json_check (j, e->data, &error) < 0)
    e->failed = 1;
  else if (e->data && error)
    return refuse_json (e, error);
  if (e->data && kg_json_find (j, e->at, "data_base64"))
    return refuse (e, "data and data_base64: only one of them");
  if (e->data && is_deep (j, e->data))
    return refuse (e, "data: nested too deeply");
  if (e->corrects && kg_json_kind (j, e->data) != KG_JSON_OBJECT)
    return refuse (e, "data: a correction needs an object with quantities");
  return 1;
}

/* Last, so that an event that is refused for its subject is good but for that. */
static int32_t
subject_check (const struct kg_json *j, struct cloudevent *e,
               const struct cloudevent_rules *rules)
{
  if (!e->subject)
    return 1;
  if (!text_ok (j, e->subject))
    return refuse (e, "subject: must be a string of 1 to 512 bytes");
  if (rules->foreign || kg_json_is (j, e->subject, rules->tenant))
    return 1;
  e->forbidden = 1;
  return refuse (e, "subject: a key without the scope meter:any sends its own tenant's only");
}

void
cloudevent_read (const struct kg_json *j, uint32_t i, const struct cloudevent_rules *rules,
                 struct cloudevent *ret)
{
  uint32_t version = 0;
  memset (ret, 0, sizeof *ret);
  ret->at = i;
  if (kg_json_kind (j, i) != KG_JSON_OBJECT)
    refuse (ret, "an event is an object");
  else if (members_note (j, ret, &version)) {
    if (!version && !rules->loose)
      refuse (ret, "specversion: must be \"1.0\"");
    else if (version && !kg_json_is (j, version, "1.0"))
      refuse (ret, "specversion: must be \"1.0\"");
    else if (texts_check (j, ret, rules) && time_check (j, ret, rules) && data_check (j, ret))
      subject_check (j, ret, rules);
  }
}

/* ---- Writing -------------------------------------------------------------------------- */

static void
member (const struct kg_json *j, const char *name, uint32_t i, struct kg_out *o)
{
  kg_str text;
  if (!i)
    return;
  text = kg_json_text (j, i);
  kg_out_lit (o, name);
  kg_out_raw (o, text.ptr, text.len);
}

/* Whether the attribute goes to "ext": all that have no place of their own. */
static int32_t
is_other (const struct kg_json *j, uint32_t key)
{
  if (j->token[key + 1].kind == KG_JSON_NULL || KEY_IS (j, key, "specversion"))
    return 0;
  return !is_named (j, key) || KEY_IS (j, key, "corrects");
}

static void
ext_write (const struct kg_json *j, const struct cloudevent *e, struct kg_out *o)
{
  const char *before = ",\"ext\":{";
  uint32_t i;
  if (!e->others && !e->corrects)
    return;
  for (i = kg_json_first (j, e->at); i; i = kg_json_next (j, e->at, i + 1)) {
    kg_str key = kg_json_text (j, i);
    if (!is_other (j, i))
      continue;
    kg_out_lit (o, before);
    kg_out_raw (o, key.ptr, key.len);
    member (j, ":", i + 1, o);
    before = ",";
  }
  kg_out_raw (o, "}", 1);
}

void
cloudevent_write (const struct kg_json *j, const struct cloudevent *e, const char *tenant,
                  struct kg_out *o)
{
  member (j, "{\"type\":", e->type, o);
  member (j, ",\"id\":", e->id, o);
  member (j, ",\"source\":", e->source, o);
  member (j, ",\"time\":", e->time, o);
  if (e->subject && !kg_json_is (j, e->subject, tenant))
    member (j, ",\"subject\":", e->subject, o);
  member (j, ",\"data\":", e->data, o);
  ext_write (j, e, o);
  kg_out_raw (o, "}", 1);
}
