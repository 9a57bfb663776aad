/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The URLs that the host's client calls. */
#ifndef UTIL_URL_H
#define UTIL_URL_H

#define URL_MAX        8192
#define URL_ORIGIN_MAX 300

/* The origin of an http or https URL without user, fragment or anything unprintable,
 * "https://host:443", into `out`; 0 for any other, NULL included. */
int url_origin (const char *url, char out[URL_ORIGIN_MAX]);

#endif
