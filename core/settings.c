/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The core's option tables. */
#include "core/settings.h"
#include "core/abi.h"
#include "core/head.h"

#define HTTP(member)  offsetof (struct http_settings, member)
#define ADMIN(member) offsetof (struct admin_settings, member)
#define STORE(member) offsetof (struct store_settings, member)
#define LOG(member)   offsetof (struct log_settings, member)
#define DRAIN(member) offsetof (struct drain_settings, member)

#define KIB 1024
#define MIB (1024 * 1024)

static const struct kg_opt http_opts[] = {
  { .key = "listen", .type = KG_OPT_STRING, .offset = HTTP (listen), .dflt = "127.0.0.1:8000",
    .help = "The public address: ADDRESS:PORT, [IPv6]:PORT or unix:/PATH." },
  { .key = "threads", .type = KG_OPT_INT, .offset = HTTP (threads), .dflt = "0", .max = 256,
    .help = "Event loops; 0: one per core." },
  { .key = "cors_origins", .type = KG_OPT_STRINGS, .offset = HTTP (cors_origins),
    .help = "Origins that browsers may call from, exactly as they send them; none: no CORS headers." },
  { .key = "trusted_proxies", .type = KG_OPT_STRINGS, .offset = HTTP (trusted_proxies),
    .help = "Networks (CIDR) whose X-Forwarded-For is believed." },
  { .key = "allow_chunked", .type = KG_OPT_BOOL, .offset = HTTP (allow_chunked), .dflt = "false",
    .help = "Accept chunked request bodies; otherwise they get 411." },
  { .key = "line_max", .type = KG_OPT_INT, .offset = HTTP (line_max), .dflt = "4096", .min = 256,
    .max = 64 * KIB, .help = "Bytes of a request line; a longer one gets 414." },
  { .key = "header_max", .type = KG_OPT_INT, .offset = HTTP (header_max), .dflt = "8192", .min = 512,
    .max = 64 * KIB, .help = "Bytes of a header block; a larger one gets 431." },
  { .key = "headers_max", .type = KG_OPT_INT, .offset = HTTP (headers_max), .dflt = "64", .min = 8,
    .max = HEAD_FIELDS, .help = "Header fields of a request; more get 431." },
  { .key = "body_max", .type = KG_OPT_INT, .offset = HTTP (body_max), .dflt = "1048576", .min = 1,
    .max = 1024 * MIB, .help = "Bytes of a request body where the route has no limit; more get 413." },
  { .key = "body_rate", .type = KG_OPT_INT, .offset = HTTP (body_rate), .dflt = "1024",
    .max = 1024 * MIB,
    .help = "Bytes per second that a request body must keep up with after 5 s; 0: any speed." },
  { .key = "connections", .type = KG_OPT_INT, .offset = HTTP (connections), .dflt = "16384", .min = 1,
    .max = 1000000, .help = "Connections at once." },
  { .key = "pipeline_max", .type = KG_OPT_INT, .offset = HTTP (pipeline_max), .dflt = "10000",
    .min = 1, .max = 1000000000, .help = "Requests on one connection before it is closed." },
  { .key = "stream_buffer", .type = KG_OPT_INT, .offset = HTTP (stream_buffer), .dflt = "262144",
    .min = 4 * KIB, .max = 64 * MIB, .help = "Bytes that a stream holds back for a slow reader." },
  { .key = "header_timeout", .type = KG_OPT_NUMBER, .offset = HTTP (header_timeout), .dflt = "10",
    .min = 1, .max = 600, .help = "Seconds for a request's head; then 408." },
  { .key = "body_timeout", .type = KG_OPT_NUMBER, .offset = HTTP (body_timeout), .dflt = "30",
    .min = 1, .max = 3600, .help = "Seconds for a request's body; then 408." },
  { .key = "handler_timeout", .type = KG_OPT_NUMBER, .offset = HTTP (handler_timeout), .dflt = "30",
    .min = 1, .max = 3600, .help = "Seconds for an answer where the route has no limit; then 504." },
  { .key = "write_timeout", .type = KG_OPT_NUMBER, .offset = HTTP (write_timeout), .dflt = "30",
    .min = 1, .max = 3600, .help = "Seconds that a reader may take nothing; then the connection is closed." },
  { .key = "idle_timeout", .type = KG_OPT_NUMBER, .offset = HTTP (idle_timeout), .dflt = "75",
    .min = 1, .max = 86400, .help = "Seconds that a connection may stay silent between requests." },
  { .key = "stream_timeout", .type = KG_OPT_NUMBER, .offset = HTTP (stream_timeout), .dflt = "900",
    .min = 1, .max = 86400, .help = "Seconds that a streamed answer may last." },
  { .key = NULL },
};

static const struct kg_opt admin_opts[] = {
  { .key = "listen", .type = KG_OPT_STRING, .offset = ADMIN (listen), .dflt = "127.0.0.1:8001",
    .help = "The admin address, as http.listen; empty: none." },
  { .key = "socket", .type = KG_OPT_STRING, .offset = ADMIN (socket), .dflt = "admin.sock",
    .help = "File name in store.dir of the operator's socket, which kgentctl uses; empty: none." },
  { .key = NULL },
};

static const struct kg_opt store_opts[] = {
  { .key = "engine", .type = KG_OPT_STRING, .offset = STORE (engine), .dflt = "sqlite",
    .choices = "sqlite", .help = "Where state is kept." },
  { .key = "dir", .type = KG_OPT_STRING, .offset = STORE (dir), .dflt = "/var/lib/kgent",
    .help = "The state folder; it must exist and belong to the host's user." },
  { .key = "commit", .type = KG_OPT_STRING, .offset = STORE (commit), .dflt = "power",
    .choices = "power|process",
    .help = "What a billable answer waits for: power (on disk) or process (safe from any crash of "
            "the host, on disk at most 50 ms later)." },
  { .key = "replica", .type = KG_OPT_STRING, .offset = STORE (replica), .dflt = "",
    .help = "Prefix of the ids that this replica makes; empty: made once and kept." },
  { .key = "ring_bytes", .type = KG_OPT_INT, .offset = STORE (ring_bytes), .dflt = "4194304",
    .min = 64 * KIB, .max = 1024 * MIB, .help = "Bytes of one worker's ring (commit = \"process\")." },
  { .key = "fresh_marks", .type = KG_OPT_INT, .offset = STORE (fresh_marks), .dflt = "262144",
    .min = 1, .max = 1 << 22,
    .help = "Ids of events that are kept in memory, some 90 bytes each, before they go to the disk "
            "as one sorted run." },
  { .key = NULL },
};

static const struct kg_opt log_opts[] = {
  { .key = "level", .type = KG_OPT_STRING, .offset = LOG (level), .dflt = "info",
    .choices = "error|warn|info|debug|warning|critical",
    .help = "The least important lines that are written; warning and critical are other words for "
            "warn and error." },
  { .key = "format", .type = KG_OPT_STRING, .offset = LOG (format), .dflt = "auto",
    .choices = "auto|text|json", .help = "auto: text on a terminal, else JSON lines." },
  { .key = "file", .type = KG_OPT_STRING, .offset = LOG (file), .dflt = "-",
    .help = "Where lines go; \"-\": standard error." },
  { .key = "access", .type = KG_OPT_BOOL, .offset = LOG (access), .dflt = "true",
    .help = "One line per request." },
  { .key = NULL },
};

static const struct kg_opt drain_opts[] = {
  { .key = "grace", .type = KG_OPT_NUMBER, .offset = DRAIN (grace), .dflt = "5", .max = 3600,
    .help = "Seconds of service as usual after SIGTERM, with /readyz red, until load balancers "
            "have noticed." },
  { .key = "timeout", .type = KG_OPT_NUMBER, .offset = DRAIN (timeout), .dflt = "15", .max = 86400,
    .help = "Seconds after that for what is in flight." },
  { .key = NULL },
};

#define GROUP(name)                                                                      \
  .type = KG_OPT_GROUP, .key = #name, .offset = offsetof (struct settings, name), .sub = name##_opts

const struct kg_opt settings_opts[] = {
  { GROUP (http), .help = "The public listener and its limits." },
  { GROUP (admin), .help = "The admin listener: metrics, detailed health, control." },
  { GROUP (store), .help = "State." },
  { GROUP (log), .help = "The log." },
  { GROUP (drain), .help = "The end of service on SIGTERM." },
  { .key = "plugin_dir", .type = KG_OPT_STRING, .offset = offsetof (struct settings, plugin_dir),
    .help = "Where the plugins' names are looked up; default: the folder of the installation." },
  { .key = NULL },
};
