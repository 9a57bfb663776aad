/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A new grant, as an operator's request says it. */
#ifndef METERING_ENTITLEMENT_FORM_H
#define METERING_ENTITLEMENT_FORM_H

#include "plugins/metering-openmeter/entitlement.h"

struct grant_form {
  const struct kg_json *json;
  char feature[FEATURE_MAX + 1];
  uint32_t number; /* of the feature */
  struct grant grant;
  const char *member, *msg; /* what is wrong */
};

/* Reads the body, and gives the grant an id: 0; -EINVAL, and what is wrong; -EIO. */
int32_t grant_form_read (struct grant_form *f, const struct meters *m,
                         const struct kg_json *json, int64_t now);

/* [worker] Answers 422 with it. */
int32_t grant_form_refuse (const struct mt *mt, kg_req *req, const struct grant_form *f);

#endif
