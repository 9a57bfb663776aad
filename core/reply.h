/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Responses: set by plugins and the core, formatted here. */
#ifndef CORE_REPLY_H
#define CORE_REPLY_H

#include "core/request.h"

#include <stdarg.h>

/* The functions of struct kg_host; see <kgent/plugin.h>. */
int32_t reply_header (kg_req *req, const char *name, const char *value);
int32_t reply_set (kg_req *req, int32_t status, const char *type, const void *body, size_t len);
int32_t problem_member (kg_req *req, const char *name, kg_str json);
int32_t problem_vset (kg_req *req, int32_t status, const char *type, const char *fmt,
                      va_list args) KG_PRINTF (4, 0);
int32_t problem_set (kg_req *req, int32_t status, const char *type, const char *fmt, ...)
    KG_PRINTF (4, 5);

/* The same for sets of fields, in fields.c. */
int32_t fields_create (const char *const *names, struct kg_fields **list, const kg_fields **ret);
void fields_destroy_all (struct kg_fields *list);
int32_t fields_set (kg_req *req, const struct kg_fields *fields, const struct kg_value *values);

/* Whether a plugin may set a field of this name. */
int reply_name_ok (kg_str name);

/* Room for so many bytes more behind the fields that are set; or NULL. */
char *reply_room (kg_req *req, size_t more);

/* Adds a field that plugins may not set; the value must be clean. */
int32_t reply_field (kg_req *req, const char *name, size_t name_len, const char *value,
                     size_t value_len);

/* The reason phrase of a status. */
const char *reply_reason (int32_t status);

/* Puts the head, and the body unless the method is HEAD, into the connection's output.
 * `stream` leaves the length open: chunked, or until close for HTTP/1.0. */
void reply_put (kg_req *req, int stream);

/* Puts the answer to a head that could not be read: no request exists.  Always closes. */
void reply_put_refusal (struct conn *c, int32_t status, const char *detail, const char *allow,
                        const char *id);

#endif
