/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One request to the host: over its socket, or to a URL. */

#include "ctl/ctl.h"
#include "ctl/digits.h"
#include "ctl/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET "admin.sock"
#define TEXT_MAX 4096 /* bytes of a URL or path */

/* Why the socket cannot be used; 0 when it looks well. */
static int
socket_check (const char *path)
{
  if (strlen (path) >= sizeof ((struct sockaddr_un *)NULL)->sun_path) {
    complain ("%s: the path is too long for a socket; use a shorter state folder, or --url",
              path);
    return EXIT_CONNECT;
  }
  if (!access (path, R_OK | W_OK))
    return 0;
  if (errno == EACCES)
    complain ("%s: permission denied; run this as the user that kgentd runs as", path);
  else
    complain (
        "no kgentd answers at %s (%s); start it with 'kgentd -c FILE', or say where it is "
        "with -s STATE-FOLDER or --url URL",
        path, strerror (errno));
  return EXIT_CONNECT;
}

static int
url_check (const char *url)
{
  if (url_valid (url))
    return 0;
  complain ("--url: '%s' is neither http://... nor https://...", url);
  return EXIT_USAGE;
}

/* Turns a failure of the transfer into words. */
static int
explain (CURLcode code, const struct args *a, const char *where)
{
  if (code == CURLE_OPERATION_TIMEDOUT)
    complain ("%s: no answer within %ld s; look at its log, or allow more with --timeout",
              where, a->timeout_s);
  else if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
    complain (
        "no kgentd answers at %s; start it with 'kgentd -c FILE', or say where it is with "
        "-s STATE-FOLDER or --url URL",
        where);
  else
    complain ("%s: %s", where, curl_easy_strerror (code));
  return EXIT_CONNECT;
}

/* What lists the objects that a path is about; "" when nothing does. */
static const char *
list_advice (const char *path)
{
  static const char *const lists[][2] = {
    { "/admin/v1/meter/parked/", "; see kgentctl meter parked list, and meter status for sinks" },
    { "/admin/v1/billing/inbox/", "; see kgentctl billing inbox list" },
    { "/admin/v1/billing/usage/parts/", "; see kgentctl billing usage list" },
    { "/admin/v1/users/", "; see kgentctl user list" },
    { "/admin/v1/keys/", "; see kgentctl key list" },
    { "key=", "; see kgentctl key list" },
    { "/grants/", "; see kgentctl grant list" },
    { "/admin/v1/tenants/", "; see kgentctl tenant list" },
    { "tenant=", "; see kgentctl tenant list" },
    { "/admin/v1/billing/customers", "; see kgentctl tenant list" },
  };
  size_t i;
  for (i = 0; i < sizeof lists / sizeof lists[0]; i++)
    if (strstr (path, lists[i][0]))
      return lists[i][1];
  return "";
}

/* What the operator can do about a refusal; "" when the detail says it. */
static const char *
advice (long status, const char *detail, const char *path, const struct args *a)
{
  int missing = !*detail || !strcmp (detail, "Not Found"); /* the route, not an object */
  if (status == 401 && a->key)
    return "; the key of --key or KGENT_ADMIN_KEY isn't accepted";
  if (status == 401)
    return "; give a key with scope admin by KGENT_ADMIN_KEY or --key, or use the socket (-s)";
  if (status == 403 && a->url)
    return "; the key needs the scope admin";
  if (status == 404 && missing && a->url)
    return "; is this the address of the admin listener, and is the plugin loaded?";
  if ((status == 404 && missing) || status == 405)
    return "; is the plugin that does it loaded? see kgentctl plugins";
  if (status == 404)
    return list_advice (path);
  return "";
}

/* Reasons that are lines of text, when there are several: those of a reload. */
static void
reasons_show (json_object *problem)
{
  json_object *list = NULL, *item;
  size_t i, n = 0;
  if (json_object_object_get_ex (problem, "errors", &list)
      && json_object_is_type (list, json_type_array))
    n = json_object_array_length (list);
  for (i = 0; i < n && n > 1; i++) {
    item = json_object_array_get_idx (list, i);
    if (json_object_is_type (item, json_type_string))
      complain_more ("%s", json_object_get_string (item));
  }
}

int
call_refused (const struct args *a, const char *method, const char *path,
              const struct answer *answer)
{
  const char *detail = text_of (answer->json, "detail");
  const char *more = advice (answer->status, detail, path, a);
  size_t n;
  detail = *detail ? detail : "the answer has no reason";
  n = strlen (detail);
  n -= *more && detail[n - 1] == '.'; /* the sentence goes on */
  complain ("%s %s: %ld: %.*s%s", method, path, answer->status, (int)n, detail, more);
  reasons_show (answer->json);
  if (a->json && answer->json)
    show_json (answer->json);
  return EXIT_REFUSED;
}

/* The headers of a request; freed by curl_slist_free_all. */
static struct curl_slist *
headers_make (const struct args *a, int has_body)
{
  struct curl_slist *list = curl_slist_append (NULL, "Accept: application/json");
  char line[1024];
  if (has_body)
    list = curl_slist_append (list, "Content-Type: application/json");
  if (a->key && a->url) { /* the socket needs none: its file mode has identified us */
    snprintf (line, sizeof line, "X-API-Key: %s", a->key);
    list = curl_slist_append (list, line);
  }
  return list;
}

/* Where the host is: its URL without a slash at the end, and the socket behind
 * it, if it is one.  0, or the exit code after a message. */
static int
target_make (const struct args *a, const char *path, char socket[TEXT_MAX], char url[TEXT_MAX])
{
  size_t n;
  int r;
  if (!a->url) {
    snprintf (socket, TEXT_MAX, "%s/%s", a->state, SOCKET);
    snprintf (url, TEXT_MAX, "http://localhost%s", path);
    return socket_check (socket);
  }
  r = url_check (a->url);
  n = strlen (a->url);
  if (!r)
    snprintf (url, TEXT_MAX, "%.*s%s", (int)(a->url[n - 1] == '/' ? n - 1 : n), a->url, path);
  return r;
}

/* The request, whatever the answer's type and status. */
static int
exchange (const struct args *a, const char *method, const char *path, json_object *body,
          struct answer *ret)
{
  char socket[TEXT_MAX], url[TEXT_MAX];
  struct transfer t = { .method = method, .url = url, .timeout_s = a->timeout_s };
  CURLcode code;
  int r;
  memset (ret, 0, sizeof *ret);
  r = target_make (a, path, socket, url);
  if (r)
    return r;
  t.socket = a->url ? NULL : socket;
  t.body = body ? json_object_to_json_string_ext (body, JSON_C_TO_STRING_PLAIN) : NULL;
  t.headers = headers_make (a, body != NULL);
  code = transfer_run (&t);
  curl_slist_free_all (t.headers);
  ret->status = t.status;
  ret->text = t.text;
  if (code != CURLE_OK)
    return explain (code, a, a->url ? a->url : socket);
  ret->json = digits_parse (ret->text);
  return 0;
}

static int
good (const struct answer *answer)
{
  return answer->status / 100 == 2;
}

int
call_try (const struct args *a, const char *method, const char *path, json_object *body,
          struct answer *ret)
{
  int r = exchange (a, method, path, body, ret);
  if (r || !good (ret) || ret->json || (!*ret->text && strcmp (method, "GET")))
    return r;
  complain ("%s %s: the answer isn't JSON; is this the admin listener of a kgentd?", method,
            path);
  return EXIT_REFUSED;
}

int
call (const struct args *a, const char *method, const char *path, json_object *body,
      struct answer *ret)
{
  int r = call_try (a, method, path, body, ret);
  return r || good (ret) ? r : call_refused (a, method, path, ret);
}

int
call_text (const struct args *a, const char *path, struct answer *ret)
{
  int r = exchange (a, "GET", path, NULL, ret);
  return r || good (ret) ? r : call_refused (a, "GET", path, ret);
}

void
answer_finish (struct answer *answer)
{
  free (answer->text);
  json_object_put (answer->json);
  memset (answer, 0, sizeof *answer);
}
