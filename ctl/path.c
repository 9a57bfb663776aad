/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Paths and queries of requests. */

#include "ctl/ctl.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ID_MAX 256u /* bytes */

/* RFC 3986, 2.3: all but the unreserved are encoded.  What doesn't fit is cut, which
 * no id nor anything else within its limits is long enough for. */
static void
encoded_add (struct path *p, const char *text)
{
  for (; *text && p->len + 4 < sizeof p->text; text++)
    if (isalnum ((unsigned char)*text) || strchr ("-_.~", *text))
      p->text[p->len++] = *text;
    else
      p->len += (size_t)sprintf (p->text + p->len, "%%%02X", (unsigned char)*text);
  p->text[p->len] = 0;
}

void
path_add (struct path *p, const char *text)
{
  int n = snprintf (p->text + p->len, sizeof p->text - p->len, "%s", text);
  p->len += (size_t)n < sizeof p->text - p->len ? (size_t)n : sizeof p->text - p->len - 1;
}

void
path_start (struct path *p, const char *text)
{
  p->len = 0;
  p->asked = strchr (text, '?') != NULL;
  path_add (p, text);
}

int
path_id (struct path *p, const char *what, const char *id)
{
  size_t n = strlen (id);
  if (!n || n > ID_MAX || strchr (id, '/') || !strcmp (id, ".") || !strcmp (id, "..")) {
    complain ("%s '%s': names have 1 to %u characters, none of which is a /", what, id, ID_MAX);
    return EXIT_USAGE;
  }
  if (!strncmp (id, "kg_", 3) && n > 16) {
    complain ("that is the secret of a key; give its id, which kgentctl key list shows");
    return EXIT_USAGE;
  }
  path_add (p, "/");
  encoded_add (p, id);
  return 0;
}

void
path_query (struct path *p, const char *name, const char *value)
{
  if (!value)
    return;
  path_add (p, p->asked ? "&" : "?");
  p->asked = 1;
  path_add (p, name);
  path_add (p, "=");
  encoded_add (p, value);
}

void
path_query_number (struct path *p, const char *name, int64_t value)
{
  char text[32];
  snprintf (text, sizeof text, "%" PRId64, value);
  path_query (p, name, text);
}
