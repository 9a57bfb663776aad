/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The listening sockets: one per address, shared by all workers and handed from
 * one process to the next.
 *
 * A socket is made here, given by the service manager ($LISTEN_FDS), or
 * inherited from the process that this one succeeds.  An address that changed in
 * the configuration gets a new socket; one that didn't keeps the old, with
 * whatever waits in its queue. */
#ifndef CORE_LISTEN_H
#define CORE_LISTEN_H

#include "core/errors.h"
#include "core/settings.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#define LISTEN_ADDRESS_MAX (sizeof ((struct sockaddr_un *) 0)->sun_path + 8)

/* Names of sockets, and their index. */
enum { LISTEN_HTTP, LISTEN_ADMIN, LISTEN_LOCAL, LISTENS };
extern const char *const listen_names[LISTENS];

struct listening {
  int fd;                            /* -1: none */
  int32_t manager;                   /* 1: the service manager's, not ours to end */
  int32_t ours;                      /* 1: this process removes its file */
  char address[LISTEN_ADDRESS_MAX];  /* as it is written in the configuration */
};

struct listens {
  struct listening list[LISTENS];
};

/* None of them. */
void listens_init (struct listens *l);

/* Takes over what $LISTEN_FDS offers: the one named "http", else the first; the
 * one named "admin".  Others are closed.  -EINVAL with the reasons in `errors`. */
int32_t listens_take (struct listens *l, struct errors *errors);

/* Opens what the settings ask for and is not there, closes what they don't.
 * 0, or -errno of the worst with the reasons in `errors`: -EADDRINUSE, ... */
int32_t listens_open (struct listens *l, const struct settings *settings, struct errors *errors);

/* Where the public socket really listens, as an address that the configuration
 * could hold; for one of port 0, or of the service manager. */
void listens_actual (const struct listening *l, char *out, size_t size);

/* No new connections: those who try are refused.  The service manager's sockets
 * go on queueing, for the next process. */
void listens_refuse (const struct listens *l);

/* Closes them, and removes the files of those that are ours. */
void listens_close (struct listens *l);

#endif
