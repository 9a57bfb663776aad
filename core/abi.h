/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The public ABI as the core sees it: the newest one. */
#ifndef CORE_ABI_H
#define CORE_ABI_H

#define KG_ABI_TARGET KG_ABI_CURRENT
#include <kgent/plugin.h>

#endif
