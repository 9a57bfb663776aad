/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin with routes to protect, which are those of its `api_open`; and what is expected of
 * their answers. */
#ifndef TESTS_PLUGINS_AUTH_API_H
#define TESTS_PLUGINS_AUTH_API_H

#include "tests/fake/fake-services.h"

#include <check.h>

#define HEADERS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define INVALID      "Invalid API key. Please check your credentials."

static int32_t api_open (const struct kg_host *h, kg_self *self, const void *conf,
                         void **ret_data);

static inline void
api_close (void *data)
{
  (void) data;
}

static const struct kg_plugin api = { .abi = KG_ABI_CURRENT,
                                      .size = sizeof api,
                                      .opt_size = sizeof (struct kg_opt),
                                      .name = "api",
                                      .version = "1",
                                      .summary = "",
                                      .open = api_open,
                                      .close = api_close };

static inline void
expect (kg_req *req, int status, const char *detail)
{
  ck_assert_msg (fake_status (req) == status, "%d, not %d: %s", fake_status (req), status,
                 fake_body (req));
  if (detail)
    ck_assert_str_eq (fake_json (req, "detail"), detail);
}

#endif
