/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/address.h"

#include "plugins/auth/auth.h"

#include <errno.h>
#include <string.h>

/* ---- The table ------------------------------------------------------------- */

/* The slot of an address, taken from the one that was idle longest; NULL: all are busy.
 * Two that take the same slot at the same time share what one of them used: no more
 * than that. */
static struct address_slot *
slot_find (struct addresses *a, uint64_t who)
{
  struct address_slot *set = a->slot[who >> 8 & (ADDRESS_SETS - 1)], *idle = NULL;
  for (int i = 0; i < ADDRESS_WAYS; i++) {
    if (atomic_load_explicit (&set[i].who, memory_order_relaxed) == who)
      return &set[i];
    if (!atomic_load (&set[i].concurrent)
        && (!idle || atomic_load (&set[i].full_ns) < atomic_load (&idle->full_ns)))
      idle = &set[i];
  }
  if (idle) {
    atomic_store (&idle->full_ns, 0);
    atomic_store (&idle->who, who);
  }
  return idle;
}

uint32_t
address_take (struct addresses *a, const struct address_conf *conf, uint64_t who, int64_t now_ns,
              struct address_slot **ret, int64_t *ret_wait_s)
{
  struct address_slot *slot = slot_find (a, who);
  *ret = NULL;
  *ret_wait_s = 1;
  if (!slot)
    return 0;
  if (!flight_take (&slot->concurrent, conf->concurrent ? (uint64_t) conf->concurrent : UINT32_MAX))
    return LIMIT_BIT (LIMIT_CONCURRENT);
  if (conf->per_minute && !bucket_take (&slot->full_ns, conf->per_minute, now_ns)) {
    *ret_wait_s = bucket_wait (atomic_load (&slot->full_ns), conf->per_minute, now_ns);
    address_end (slot);
    return LIMIT_BIT (LIMIT_MINUTE);
  }
  *ret = slot;
  return 0;
}

void
address_end (struct address_slot *slot)
{
  if (slot)
    atomic_fetch_sub (&slot->concurrent, 1);
}

/* ---- The hook -------------------------------------------------------------- */

static int32_t
address_refuse (const struct auth *auth, kg_req *req, uint32_t full, int64_t wait_s)
{
  static const char minute[] = "[\"address-minute\"]", flight[] = "[\"address-concurrent\"]";
  const struct address_conf *conf = &auth->conf->address;
  char text[96];
  struct kg_out out = { text, 0, sizeof text - 1 };
  int32_t of_minute = full & LIMIT_BIT (LIMIT_MINUTE) ? 1 : 0;
  kg_out_lit (&out, of_minute ? "Rate limit exceeded. " : "Too many requests at once. ");
  kg_out_int (&out, of_minute ? conf->per_minute : conf->concurrent);
  kg_out_lit (&out, of_minute ? " requests per minute allowed for an address."
                              : " allowed for an address.");
  text[out.len] = 0;
  auth->host->member (req, "violated_policies",
                      of_minute ? (kg_str){ minute, sizeof minute - 1 }
                                : (kg_str){ flight, sizeof flight - 1 });
  return auth_deny (auth, req, AUTH_ADDRESS, 429, wait_s, text);
}

/* In ACCESS, first of all; not on the admin listener, which has an operator's own
 * clients. */
int32_t
address_hook (kg_req *req, void *data)
{
  struct auth *auth = data;
  struct address_slot *slot;
  struct pass *pass;
  int64_t wait_s;
  uint32_t full;
  kg_str client;
  if (auth->host->num (req, KG_NUM_ADMIN) == 1 || auth->host->num (req, KG_NUM_INNER) == 1)
    return KG_NEXT;
  pass = pass_make (auth, req);
  if (!pass)
    return -ENOMEM;
  client = auth->host->get (req, KG_GET_CLIENT, NULL);
  full = address_take (auth->addresses, &auth->conf->address,
                       guess_address (auth->guess, client.ptr, client.len), auth_mono_ns (), &slot,
                       &wait_s);
  pass->address = slot;
  if (!full)
    return KG_NEXT;
  if (auth->shadow & LIMIT_BIT (LIMIT_POLICIES)) {
    auth->metrics->add (auth->shadowed, LIMIT_POLICIES, 1);
    return KG_NEXT;
  }
  return address_refuse (auth, req, full, wait_s);
}
