/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The operator's routes: where they come together. */
#include "plugins/auth/admin.h"
#include "plugins/auth/audit.h"
#include "plugins/auth/change.h"

#include <errno.h>
#include <stdlib.h>

int32_t
admin_open (struct auth *auth)
{
  static int32_t (*const open[]) (struct auth *)
      = { audit_open,      admin_key_open,   admin_tenant_open, admin_user_open,
          admin_show_open, admin_audit_open, init_open };
  int32_t rc = 0;
  auth->admin = calloc (1, sizeof *auth->admin);
  if (!auth->admin)
    return -ENOMEM;
  lane_init (&auth->admin->lane);
  for (size_t i = 0; i < sizeof open / sizeof open[0] && rc == 0; i++)
    rc = open[i](auth);
  return rc;
}

int32_t
admin_start (struct auth *auth)
{
  return audit_start (auth);
}

void
admin_close (struct auth *auth)
{
  if (!auth->admin)
    return;
  lane_finish (&auth->admin->lane);
  free (auth->admin);
  auth->admin = NULL;
}
