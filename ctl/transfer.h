/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One HTTP exchange, whoever is asked. */
#ifndef CTL_TRANSFER_H
#define CTL_TRANSFER_H

#include <curl/curl.h>

#include <stddef.h>

/* A member is the caller's unless it says otherwise. */
struct transfer {
  const char *method;
  const char *url;
  const char *socket; /* NULL: over TCP */
  const char *body;   /* NULL: none */
  struct curl_slist *headers;
  long timeout_s; /* for the whole answer; of a stream, for each part */

  /* Gets a 2xx answer of the type text/event-stream as it comes, and returns 0 to go on.
   * NULL: such an answer is collected as any other. */
  int (*piece) (const char *data, size_t len, void *arg);
  void *arg;

  long status;       /* HTTP */
  char *text;        /* what was collected; malloc'ed, never NULL behind transfer_run */
  size_t len;        /* of it */
  char receipt[512]; /* the field Kgent-Receipt; "" */
  long retry_after_s; /* the field Retry-After; 0 */
  int replayed;       /* the field Idempotent-Replayed is there */

  CURL *curl; /* while it runs */
  int streams; /* 1: `piece` gets the answer; 0: not; -1: not known yet */
};

/* Sends it and waits for the end of the answer. */
CURLcode transfer_run (struct transfer *t);

/* Whether the text begins with http:// or https:// and something behind it. */
int url_valid (const char *url);

#endif
