/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The audit log: who changed what, in records that hang together.
 *
 * The log "auth.audit" is kept for ever.  A record is one JSON text that names its
 * number, counted from 1 without gaps, and the SHA-256 of the record before it:
 * to change one, all later ones must be changed, and the head, too, which lies in
 * the bucket of the same name and is written with each record in one transaction:
 *
 *   {"seq":2,"time":"...","actor":"local","key":null,"action":"key.revoke",
 *    "target":"<id>","before":{...},"after":{...},"prev":"<64 hexadecimal digits>"}
 */
#ifndef AUTH_AUDIT_H
#define AUTH_AUDIT_H

#include "plugins/auth/admin.h"

#define AUDIT_HASH  65 /* bytes of a SHA-256 as text, with its NUL */
#define AUDIT_CHECK 10000 /* records that are looked at when the host starts */
#define AUDIT_ZERO  "0000000000000000000000000000000000000000000000000000000000000000"

/* Where the chain ends. */
struct audit_head {
  uint64_t seq; /* 0: there is no record */
  uint64_t revision;
  char hash[AUDIT_HASH]; /* of the last record; AUDIT_ZERO without */
};

/* What a look at the chain found. */
struct audit_check {
  uint64_t records; /* that were read */
  uint64_t bad;     /* the first number where it is broken, 0: nowhere */
  const char *why;
};

/* [open] Declares log and bucket. */
int32_t audit_open (struct auth *auth);

/* [any, not a worker] Reads the head.  -EBADMSG: it is malformed. */
int32_t audit_head (const struct auth *auth, struct audit_head *ret);

/* The number of a record, which is never 0, and what it says of the one before.
 * {"seq":NUMBER,... at the beginning, "prev":"HASH"} at the end: that is how we write
 * them, and what lies between cannot pass for either.  0 or -EBADMSG. */
int32_t audit_parse (kg_str text, uint64_t *ret_seq, char ret_prev[AUDIT_HASH]);

/* The SHA-256 of a record, as text: 0 or -EIO. */
int32_t audit_hash (kg_str text, char ret[AUDIT_HASH]);

/* Adds to a change's operations, of which there is room for one more, the record behind
 * `head`, which moves on to it.  After an error it is where it was. */
int32_t audit_append (struct task *task, struct audit_head *head);

/* The operation that writes the head as it is now, in the task's memory: 0 or -ENOMEM. */
int32_t audit_move (struct task *task, const struct audit_head *head, struct kg_op *ret);

/* [any, not a worker] Whether the newest `max` records hang together and end at
 * the head.  0, or a negative errno when they could not be read. */
int32_t audit_verify (const struct auth *auth, uint64_t max, struct audit_check *ret);

/* Looks at the newest AUDIT_CHECK records as a job; logs what is wrong. */
int32_t audit_start (struct auth *auth);

#endif
