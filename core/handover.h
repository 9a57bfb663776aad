/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* How a process and its successor talk: docs/design/0002-handover.md.
 *
 * The successor inherits the listening sockets and one end of a socket pair.
 * Each message is one datagram: a letter and a text, and for MESSAGE_OK the
 * listening sockets that the successor serves. */
#ifndef CORE_HANDOVER_H
#define CORE_HANDOVER_H

#include "core/listen.h"

#include <stdint.h>
#include <sys/types.h>

/* From a successor to the ancestor. */
#define MESSAGE_OK     'O' /* it serves                                       */
#define MESSAGE_ERROR  'E' /* it refuses to start; a text says why            */
#define MESSAGE_ALIVE  'W' /* its loops turn (for the service manager)        */
#define MESSAGE_RELOAD 'R' /* somebody asked it for a reload                  */
#define MESSAGE_DRAIN  'D' /* somebody asked it to drain and end              */
/* From the ancestor to a successor. */
#define MESSAGE_QUIESCE   'Q' /* another one serves: finish and end           */
#define MESSAGE_TERMINATE 'T' /* as SIGTERM; a second one: at once            */
#define MESSAGE_LOG       'L' /* write this line to the log                   */

#define MESSAGE_MAX 2048 /* bytes of a text */

struct message {
  char type;
  char text[MESSAGE_MAX + 1];
};

/* Never blocks; a text that is too long is cut.  `l` may be NULL.  0, -EAGAIN,
 * -EPIPE ... */
int32_t message_send (int channel, char type, const char *text, const struct listens *l);

/* 1 and the next message, with its sockets in `l` (for MESSAGE_OK; the caller
 * closes them); 0: the other side is gone; -EAGAIN: none is there. */
int32_t message_receive (int channel, struct message *ret, struct listens *l);

/* At start: 1 in a successor, with what it inherited; 0 in a first process;
 * -ESRCH: the process that started this one is gone; -EINVAL for nonsense. */
int32_t handover_inherit (struct listens *l, int *ret_channel);

/* Starts `program` with `argv` as a successor.  -errno. */
int32_t handover_spawn (const char *program, char *const *argv, const struct listens *l,
                        pid_t *ret_pid, int *ret_channel);

#endif
