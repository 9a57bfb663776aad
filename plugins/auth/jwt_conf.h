/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#ifndef AUTH_JWT_CONF_H
#define AUTH_JWT_CONF_H

#include "plugins/auth/jwt.h"

/* 1: tokens are wanted, and the options go together; 0: none are wanted; -EINVAL
 * (logged). */
int32_t jwt_conf_check (const struct kg_host *host, kg_self *self, const struct jwt_conf *conf);

#endif
