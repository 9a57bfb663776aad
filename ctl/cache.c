/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A file for each host and key, in $XDG_CACHE_HOME/kgentctl or ~/.cache/kgentctl: what one
 * key may invoke is nothing for another, nor for other users of the machine. */

#include "ctl/cache.h"

#include <openssl/evp.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FRESH_S 60
#define AWAY_S 5 /* an empty list: the host didn't answer */
#define PATIENCE_S 2
#define NAME_MAX_LEN 4096

/* ---- The file ------------------------------------------------------------------------ */

static int
folder_make (char out[NAME_MAX_LEN])
{
  const char *cache = getenv ("XDG_CACHE_HOME"), *home = getenv ("HOME");
  int n;
  if (cache && *cache == '/')
    n = snprintf (out, NAME_MAX_LEN, "%s", cache);
  else if (home && *home == '/')
    n = snprintf (out, NAME_MAX_LEN, "%s/.cache", home);
  else
    return -1;
  if (n >= NAME_MAX_LEN - 100)
    return -1;
  if (mkdir (out, 0700) && errno != EEXIST)
    return -1;
  strcat (out, "/kgentctl");
  return mkdir (out, 0700) && errno != EEXIST ? -1 : 0;
}

/* Named by a hash: neither the key nor the host can be read from the name. */
static int
file_name (const struct args *a, char out[NAME_MAX_LEN])
{
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int len = 0, i;
  char *key = NULL, *text = NULL;
  int r = client_key (a, &key) || folder_make (out) ? -1 : 0;
  if (!r && asprintf (&text, "%s\n%s", client_url (a), key ? key : "") < 0)
    abort ();
  if (!r && !EVP_Digest (text, strlen (text), hash, &len, EVP_sha256 (), NULL))
    r = -1;
  if (!r)
    strcat (out, "/paths-");
  for (i = 0; !r && i < 16; i++)
    sprintf (out + strlen (out), "%02x", hash[i]);
  if (key)
    explicit_bzero (key, strlen (key));
  if (text)
    explicit_bzero (text, strlen (text));
  free (key);
  free (text);
  return r;
}

/* Another user may have put a file there, where the folder is one that all can write. */
static json_object *
file_read (const char *name)
{
  int fd = open (name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  struct stat st;
  json_object *items = NULL;
  time_t age;
  if (fd < 0)
    return NULL;
  if (!fstat (fd, &st) && st.st_uid == geteuid () && S_ISREG (st.st_mode)) {
    age = time (NULL) - st.st_mtime;
    if (age >= 0 && age < FRESH_S)
      items = json_object_from_fd (fd);
    if (items && (!json_object_is_type (items, json_type_array)
                  || (!length_of (items) && age >= AWAY_S))) {
      json_object_put (items);
      items = NULL;
    }
  }
  close (fd);
  return items;
}

static void
file_write (const char *name, json_object *items)
{
  const char *text = json_object_to_json_string_ext (items, JSON_C_TO_STRING_PLAIN);
  size_t len = strlen (text);
  char temporary[NAME_MAX_LEN + 16];
  ssize_t n;
  int fd;
  snprintf (temporary, sizeof temporary, "%s.XXXXXX", name);
  fd = mkostemp (temporary, O_CLOEXEC); /* mode 0600 */
  if (fd < 0)
    return;
  n = write (fd, text, len);
  if (close (fd) || n != (ssize_t)len || rename (temporary, name))
    unlink (temporary);
}

/* ---- The list -------------------------------------------------------------------------- */

/* Of an item, what completion needs. */
static json_object *
item_copy (json_object *item)
{
  json_object *o = json_object_new_object ();
  json_object_object_add (o, "path", json_object_get (member_of (item, "path")));
  json_object_object_add (o, "input", json_object_get (member_of (item, "input")));
  return o;
}

static json_object *
host_ask (const struct args *a)
{
  struct args hasty = *a;
  json_object *all = json_object_new_array (), *items = json_object_new_array ();
  size_t i;
  int r;
  hasty.timeout_s = PATIENCE_S;
  hasty.json = 0;
  r = listing_read (&hasty, "", NULL, all);
  for (i = 0; !r && i < length_of (all); i++)
    json_object_array_add (items, item_copy (json_object_array_get_idx (all, i)));
  json_object_put (all);
  return items;
}

json_object *
cache_listing (const struct args *a)
{
  char name[NAME_MAX_LEN];
  json_object *items;
  int kept;
  if (!freopen ("/dev/null", "w", stderr)) /* a prompt is no place for messages */
    return json_object_new_array ();
  kept = !file_name (a, name);
  items = kept ? file_read (name) : NULL;
  if (items)
    return items;
  items = host_ask (a);
  if (kept)
    file_write (name, items);
  return items;
}
