/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Rollups: what the log counts up to where the state says they are, compared with the
 * rows. */

#include "ctl/verify_cells.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MINUTE_NS INT64_C (60000000000)
#define HASH 32     /* hex digits of a group's hash */
#define SUBJECT 128 /* bytes of a subject in a key */

/* ---- The state ------------------------------------------------------------------------------ */

static void
position_read (struct verify *v, struct counted *c, struct piece id, int unit, struct piece pair)
{
  struct piece first = { NULL, 0 }, second = { NULL, 0 };
  const char *at = NULL;
  if (doc_kind (pair) == '[' && doc_next (pair, &at, NULL, &first))
    doc_next (pair, &at, NULL, &second);
  if (!doc_int (first, &c->position[unit]) || !doc_int (second, &c->skip[unit])
      || c->position[unit] < 0 || c->skip[unit] < 0)
    found (v, "rollup", cure_rollup,
           place (v, "bucket usage.meters, meter %s, %ss", shown (id), unit_name[unit]),
           "its position is %s", pair.p ? shown (pair) : "missing");
  if (c->position[unit] > v->rollups->farthest)
    v->rollups->farthest = c->position[unit];
}

static void
state_member (struct verify *v, struct piece name, struct piece value)
{
  struct verify_rollups *r = v->rollups;
  struct piece id = { name.p + 1, name.n - 2 };
  struct counted c = { .meter = meters_get (&r->known, id) };
  int unit;
  for (unit = 0; unit < UNITS; unit++)
    position_read (v, &c, id, unit, doc_member (value, unit_name[unit]));
  if (doc_member (value, "rebuild").p)
    remarked (v, "meter %s is made anew just now, so its rows were not counted", shown (id));
  else if (!c.meter)
    json_object_array_add (r->unknown, json_object_new_string_len (id.p, (int)id.n));
  else if (r->meters < METERS_KNOWN)
    r->counted[r->meters++] = c;
}

static void
state_read (struct verify *v)
{
  sqlite3_stmt *stmt = query (v, "SELECT value FROM entry JOIN bucket b ON b.id = bucket WHERE"
                                 " b.name = 'usage.meters' AND key = CAST ('state' AS BLOB)"
                                 " AND value IS NOT NULL");
  while (query_row (v, stmt)) {
    struct piece state = query_piece (stmt, 0), name, value;
    const char *at = NULL;
    if (!doc_valid (state) || doc_kind (state) != '{')
      found (v, "rollup", cure_rollup, "bucket usage.meters, key state", "it is no JSON");
    else
      while (doc_next (state, &at, &name, &value))
        state_member (v, name, value);
  }
}

int
rollups_open (struct verify *v, const char *config)
{
  struct verify_rollups *r = calloc (1, sizeof *r);
  if (!r)
    abort ();
  v->rollups = r;
  r->unknown = json_object_new_array ();
  meters_usual (&r->known);
  if (config && meters_configured (&r->known, config))
    return EXIT_USAGE;
  state_read (v);
  return 0;
}

void
rollups_close (struct verify *v)
{
  if (!v->rollups)
    return;
  json_object_put (v->rollups->unknown);
  free (v->rollups->cell);
  free (v->rollups);
  v->rollups = NULL;
}

/* ---- The log --------------------------------------------------------------------------------- */

void
rollups_fold (struct verify *v, const struct verify_record *record, struct piece tenant,
              int64_t time_ns, struct piece events)
{
  const struct verify_rollups *r = v->rollups;
  struct event e = { .sequence = record->sequence };
  struct piece value;
  const char *at = NULL;
  uint32_t i;
  for (; doc_next (events, &at, NULL, &value); e.k++) {
    struct piece type = doc_member (value, "type"), time = doc_member (value, "time");
    struct piece subject = doc_member (value, "subject");
    e.data = doc_member (value, "data");
    e.subject = subject.p ? subject : tenant;
    e.correction = doc_member (doc_member (value, "ext"), "corrects").p != NULL;
    e.time_ns = time_ns;
    if (time.p)
      doc_time ((struct piece){ time.p + 1, time.n - 2 }, &e.time_ns);
    for (i = 0; i < r->meters; i++)
      if (doc_says (type, piece_of (r->counted[i].meter->type)))
        cells_add (v, i, &e);
  }
}

/* ---- Keys of rows ------------------------------------------------------------------------------ */

/* "UNIT/METER/SUBJECT/STAMP/HASH" in its parts. */
struct row_key {
  int unit;
  struct piece meter, subject, stamp, hash;
  int64_t start, next;
};

static struct piece
part_take (struct piece *rest)
{
  const char *slash = rest->n ? memchr (rest->p, '/', rest->n) : NULL;
  struct piece part = { rest->p, slash ? (size_t)(slash - rest->p) : rest->n };
  rest->p += part.n + (slash != NULL);
  rest->n -= part.n + (slash != NULL);
  return part;
}

/* Minutes since the epoch of "202611281745" or the first digits of it. */
static int
stamp_read (struct row_key *k)
{
  static const size_t length[UNITS] = { 12, 10, 8, 6 };
  struct tm tm = { .tm_mday = 1 };
  char text[16];
  int64_t minute;
  if (k->stamp.n != length[k->unit])
    return 0;
  memcpy (text, k->stamp.p, k->stamp.n);
  text[k->stamp.n] = 0;
  if (strspn (text, "0123456789") != k->stamp.n)
    return 0;
  sscanf (text, "%4d%2d%2d%2d%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min);
  tm.tm_year -= 1900;
  tm.tm_mon--;
  minute = timegm (&tm) / 60;
  window_of (k->unit, minute, &k->start, &k->next);
  return minute == k->start;
}

static int
key_read (struct piece key, struct row_key *k)
{
  struct piece unit = part_take (&key);
  k->unit = 0;
  while (k->unit < UNITS
         && (strlen (unit_name[k->unit]) != unit.n || memcmp (unit_name[k->unit], unit.p, unit.n)))
    k->unit++;
  k->meter = part_take (&key);
  k->subject = part_take (&key);
  k->stamp = part_take (&key);
  k->hash = key;
  return k->unit < UNITS && k->meter.n && k->subject.n && k->hash.n == HASH && stamp_read (k);
}

static int
is_plain (char c)
{
  return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c && strchr ("-_.:@", c));
}

/* Whether the key's part stands for the subject. */
static int
subject_fits (struct piece part, struct piece subject)
{
  char *text = malloc (subject.n + 1), escaped[SUBJECT + 8], hash[HASH + 1];
  size_t n, i, m = 0;
  int r;
  if (!text)
    abort ();
  n = doc_text (subject, text);
  for (i = 0; i < n && m <= SUBJECT; i++)
    m += is_plain (text[i]) ? (escaped[m] = text[i], 1u)
                            : (size_t)snprintf (escaped + m, 4, "%%%02X", (unsigned char)text[i]);
  if (i == n && m <= SUBJECT)
    r = part.n == m && !memcmp (part.p, escaped, m);
  else {
    verify_sha256 ((struct piece){ text, n }, HASH, hash);
    r = part.n == HASH + 2 && part.p[0] == '%' && part.p[1] == '%'
        && !memcmp (part.p + 2, hash, HASH);
  }
  free (text);
  return r;
}

/* ---- Rows -------------------------------------------------------------------------------------- */

/* A number in a string. */
static int
says_amount (struct piece value, const char *name, amount wanted)
{
  struct piece text = doc_member (value, name);
  amount n;
  return doc_kind (text) == '"' && !amount_read ((struct piece){ text.p + 1, text.n - 2 }, &n)
         && n == wanted;
}

static int
says_int (struct piece value, const char *name, int64_t wanted)
{
  int64_t n;
  return doc_int (doc_member (value, name), &n) && n == wanted;
}

static int
row_fits (const struct meter *m, const struct cell *c, struct piece value)
{
  if (!says_int (value, "count", c->count))
    return 0;
  switch (m->aggregation) {
  case SUM:
  case AVG:
    return says_amount (value, "sum", c->sum);
  case MIN:
  case MAX:
    return says_amount (value, "min", c->min) && says_amount (value, "max", c->max);
  case LATEST:
    return says_amount (value, "latest", c->latest) && says_int (value, "at", c->at)
           && says_int (value, "sequence", c->sequence) && says_int (value, "k", c->k);
  default:
    return 1;
  }
}

/* Whether all events of the window are in the log still. */
static int
is_complete (const struct verify *v, int64_t start)
{
  uint32_t i;
  for (i = 0; i < v->logs; i++)
    if (!strcmp (v->log[i].name, "usage"))
      return v->log[i].first == 1
             || (v->log[i].first && start > (v->log[i].first_ns + DAY_NS) / MINUTE_NS);
  return 0;
}

/* What is not in the log cannot be counted. */
static int
can_compare (const struct verify *v)
{
  return !number_of (v->by_check, "batch", 0) && !number_of (v->by_check, "gap", 0)
         && !number_of (v->by_check, "record", 0) && !number_of (v->by_check, "database", 0);
}

/* A row that cannot be read, whose records are not all there any more: counting anew leaves
 * it as it is. */
static void
found_lost (struct verify *v, struct piece key, const char *where, const char *fault)
{
  size_t room = strlen (cure_lost) + 2 * key.n + 3, i;
  char *cure = malloc (room), *hex = malloc (2 * key.n + 1);
  if (!cure || !hex)
    abort ();
  *hex = 0;
  for (i = 0; i < key.n; i++)
    sprintf (hex + 2 * i, "%02X", (unsigned char)key.p[i]);
  snprintf (cure, room, "%s%s'\"", cure_lost, hex);
  found (v, "rollup", cure, where, "%s", fault);
  free (hex);
  free (cure);
}

static void
row_compare (struct verify *v, const struct row_key *k, struct piece value, const char *where)
{
  struct verify_rollups *r = v->rollups;
  struct hash group;
  struct cell *c = NULL;
  char sum[AMOUNT_TEXT];
  uint64_t *number;
  uint32_t i = 0;
  while (i < r->meters
         && (strlen (r->counted[i].meter->id) != k->meter.n
             || memcmp (r->counted[i].meter->id, k->meter.p, k->meter.n)))
    i++;
  if (i == r->meters || !can_compare (v) || !is_complete (v, k->start))
    return;
  group_of_row (doc_member (value, "subject"), doc_member (value, "group"), &group);
  number = map_get (&v->cells, cell_hash (i, k->unit, k->start, group));
  if (!number)
    found (v, "rollup", cure_rollup, where, "the log has nothing that it counts");
  else if (!((c = &r->cell[*number])->flags & CELL_BEYOND)
           && !row_fits (r->counted[i].meter, c, value))
    found (v, "rollup", cure_rollup, where, "it says %s, and the log %lld events, %s",
           shown (value), (long long)c->count,
           amount_text (r->counted[i].meter->aggregation == LATEST  ? c->latest
                        : r->counted[i].meter->aggregation == MIN ? c->min
                        : r->counted[i].meter->aggregation == MAX ? c->max
                                                                  : c->sum, sum));
  if (c)
    c->flags |= CELL_SEEN;
}

static const char *
row_fault (struct piece key, struct piece value, struct row_key *k)
{
  struct piece subject, group;
  struct hash hash;
  int64_t count;
  char hex[HASH + 1];
  if (!key_read (key, k))
    return "its key is none of a row";
  if (!doc_valid (value) || doc_kind (value) != '{')
    return "it is no JSON";
  subject = doc_member (value, "subject");
  group = doc_member (value, "group");
  if (doc_kind (subject) != '"' || doc_kind (group) != '['
      || !group_of_row (subject, group, &hash) || !doc_int (doc_member (value, "count"), &count))
    return "a member that it must have is missing";
  verify_sha256 (group, HASH, hex);
  if (memcmp (hex, k->hash.p, HASH))
    return "its group is not the one of its key";
  return subject_fits (k->subject, subject) ? NULL : "its subject is not the one of its key";
}

void
rollups_row (struct verify *v, struct piece key, struct piece value, int64_t expires_ns)
{
  struct verify_rollups *r = v->rollups;
  const char *where = place (v, "bucket usage.rollups, row %s", shown (key)), *fault;
  struct row_key k = { .start = -1 };
  int64_t keep;
  v->rows++;
  fault = row_fault (key, value, &k);
  if (fault && k.start >= 0 && !is_complete (v, k.start)) {
    found_lost (v, key, where, fault);
    return;
  }
  if (fault) {
    found (v, "rollup", cure_rollup, where, "%s", fault);
    return;
  }
  r->rows[k.unit]++;
  keep = expires_ns ? expires_ns - k.next * MINUTE_NS : 0;
  if (keep > 0 && (!r->keep_ns[k.unit] || keep < r->keep_ns[k.unit]))
    r->keep_ns[k.unit] = keep;
  row_compare (v, &k, value, where);
}

/* ---- What has no row ----------------------------------------------------------------------------- */

/* Whether the window may be gone because it is old. */
static int
may_be_gone (const struct verify *v, const struct cell *c)
{
  const struct verify_rollups *r = v->rollups;
  int64_t keep = r->rows[c->unit] ? r->keep_ns[c->unit] : DAY_NS;
  return keep && c->next * MINUTE_NS + keep < v->now_ns + DAY_NS / 24;
}

static void
cursor_check (struct verify *v)
{
  sqlite3_stmt *stmt = query (v, "SELECT position FROM cursor WHERE name = 'rollup'");
  while (query_row (v, stmt)) {
    int64_t position = sqlite3_column_int64 (stmt, 0);
    if (position > v->rollups->farthest)
      found (v, "rollup", cure_rollup, "cursor rollup of log usage",
             "it is at %lld, and no meter is farther than %lld", (long long)position,
             (long long)v->rollups->farthest);
  }
}

static void
positions_check (struct verify *v)
{
  uint32_t i;
  for (i = 0; i < v->logs; i++)
    if (!strcmp (v->log[i].name, "usage") && v->rollups->farthest > v->log[i].newest)
      found (v, "rollup", cure_rollup, "bucket usage.meters, key state",
             "a meter has counted up to record %lld, and the newest is %lld",
             (long long)v->rollups->farthest, (long long)v->log[i].newest);
}

void
rollups_end (struct verify *v)
{
  struct verify_rollups *r = v->rollups;
  char stamp[32];
  size_t i;
  cursor_check (v);
  positions_check (v);
  for (i = 0; i < length_of (r->unknown); i++)
    remarked (v, "meter %s: how it counts is not known, so its rows were not counted anew; name "
                 "the host's configuration by --config",
              json_object_get_string (json_object_array_get_idx (r->unknown, i)));
  if (!can_compare (v)) {
    remarked (v, "rollups were not counted anew, for part of the log cannot be read");
    return;
  }
  for (i = 0; i < r->cells; i++) {
    const struct cell *c = &r->cell[i];
    time_t t = (time_t)c->start * 60;
    struct tm tm;
    if (c->flags & CELL_SEEN || !is_complete (v, c->start) || may_be_gone (v, c))
      continue;
    gmtime_r (&t, &tm);
    strftime (stamp, sizeof stamp, "%Y-%m-%dT%H:%MZ", &tm);
    found (v, "rollup", cure_rollup,
           place (v, "bucket usage.rollups, meter %s, %s of %s", r->counted[c->meter].meter->id,
                  unit_name[c->unit], stamp),
           "a row is missing that counts %lld events", (long long)c->count);
  }
}
