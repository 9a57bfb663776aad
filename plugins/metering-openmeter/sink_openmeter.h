/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Requests to OpenMeter, for the sink and for its canary. */
#ifndef METERING_SINK_OPENMETER_H
#define METERING_SINK_OPENMETER_H

#include "plugins/metering-openmeter/sink.h"

int32_t openmeter_request (struct sink *s, const char *method, const char *path, kg_str body,
                           enum sink_busy busy);

#endif
