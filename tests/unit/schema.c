/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* schema.c, schema_value.c and dump.c: tables of all types, nested ones, short
 * strides, and tables that make no sense. */
#include "core/conf.h"
#include "core/dump.h"
#include "core/schema.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tier {
  const char *name;
  int64_t limit;
};

struct inner {
  double rate;
  struct kg_list tiers;
};

struct outer {
  const char *text;
  int64_t count;
  double seconds;
  int32_t on;
  const char *const *words;
  struct inner inner;
};

static const struct kg_opt tier_opts[] = {
  { .key = "name", .type = KG_OPT_STRING, .flags = KG_OPT_REQUIRED, .help = "Its name." },
  { .key = "limit", .type = KG_OPT_INT, .offset = offsetof (struct tier, limit), .dflt = "7" },
  { .key = NULL },
};
static const struct kg_opt inner_opts[] = {
  { .key = "rate", .type = KG_OPT_NUMBER, .dflt = "0.5", .max = 10 },
  { .key = "tiers",
    .type = KG_OPT_LIST,
    .offset = offsetof (struct inner, tiers),
    .sub = tier_opts,
    .sub_size = sizeof (struct tier) },
  { .key = NULL },
};
static const struct kg_opt outer_opts[] = {
  { .key = "text",
    .type = KG_OPT_STRING,
    .offset = offsetof (struct outer, text),
    .flags = KG_OPT_SECRET,
    .help = "A text." },
  { .key = "count",
    .type = KG_OPT_INT,
    .offset = offsetof (struct outer, count),
    .dflt = "3",
    .min = 1,
    .max = 5,
    .help = "A count." },
  { .key = "seconds",
    .type = KG_OPT_NUMBER,
    .offset = offsetof (struct outer, seconds),
    .dflt = "1.5" },
  { .key = "on", .type = KG_OPT_BOOL, .offset = offsetof (struct outer, on), .dflt = "yes" },
  { .key = "words",
    .type = KG_OPT_STRINGS,
    .offset = offsetof (struct outer, words),
    .dflt = "a, b" },
  { .key = "inner",
    .type = KG_OPT_GROUP,
    .offset = offsetof (struct outer, inner),
    .sub = inner_opts },
  { .key = NULL },
};

static char file[] = "/tmp/kgent-schema-XXXXXX";
static struct errors errors;
static struct outer out;
static struct conf *conf;

static void
setup (void)
{
  int fd;
  strcpy (file, "/tmp/kgent-schema-XXXXXX");
  fd = mkstemp (file);
  ck_assert_int_ge (fd, 0);
  close (fd);
  errors_init (&errors);
  memset (&out, 0, sizeof out);
  conf = NULL;
}

static void
teardown (void)
{
  conf_destroy (conf);
  errors_finish (&errors);
  unlink (file);
}

/* Fills `out` from what an entry of `plugins` holds. */
static int32_t
fill (const char *members)
{
  FILE *f = fopen (file, "w");
  ck_assert_ptr_nonnull (f);
  fprintf (f, "plugins = ( { load = \"p\"; %s } );", members);
  ck_assert_int_eq (fclose (f), 0);
  ck_assert_msg (conf_load (file, NULL, 0, &conf, &errors) >= 0, "%s", errors.text[0]);
  return conf_plugin_fill (conf, 0, outer_opts, sizeof *outer_opts, &out, &errors);
}

START_TEST (defaults)
{
  ck_assert_int_eq (fill (""), 0);
  ck_assert_ptr_null (out.text);
  ck_assert_int_eq (out.count, 3);
  ck_assert_double_eq (out.seconds, 1.5);
  ck_assert_int_eq (out.on, 1);
  ck_assert_str_eq (out.words[1], "b");
  ck_assert_ptr_null (out.words[2]);
  ck_assert_double_eq (out.inner.rate, 0.5);
  ck_assert_uint_eq (out.inner.tiers.count, 0);
}
END_TEST

START_TEST (nested)
{
  const struct tier *tiers;
  ck_assert_int_eq (fill ("inner = { rate = 2; tiers = ( { name = \"A\"; }, { name = \"B\"; "
                          "limit = 9; } ); }; words = ();"),
                    0);
  tiers = out.inner.tiers.items;
  ck_assert_uint_eq (out.inner.tiers.count, 2);
  ck_assert_str_eq (tiers[0].name, "A");
  ck_assert_int_eq (tiers[0].limit, 7);
  ck_assert_int_eq (tiers[1].limit, 9);
  ck_assert_ptr_null (out.words[0]);
}
END_TEST

START_TEST (from_environment)
{
  setenv ("K_N", "4", 1);
  setenv ("K_B", "oFF", 1);
  setenv ("K_W", "x,,y , z", 1);
  unsetenv ("K_NONE");
  ck_assert_int_eq (
      fill ("count = \"${env:K_N}\"; seconds = \"${env:K_N}.25\"; on = \"${env:K_B}\"; "
            "words = \"${env:K_W}\"; text = \"${env:K_NONE:-}\";"),
      0);
  ck_assert_int_eq (out.count, 4);
  ck_assert_double_eq (out.seconds, 4.25);
  ck_assert_int_eq (out.on, 0);
  ck_assert_str_eq (out.words[1], "y");
  ck_assert_str_eq (out.words[2], "z");
  ck_assert_ptr_null (out.text);
}
END_TEST

static const struct row {
  const char *text, *message;
} bad[] = {
  { "count = 9;", "p.count: 9 is out of range; 1 to 5 is allowed" },
  { "count = \"${env:K_BAD}\";",
    "p.count: environment variable K_BAD: \"many\" is not an integer" },
  { "count = \"${env:K_NINE}\";",
    "p.count: environment variable K_NINE: 9 is out of range; 1 to 5 is allowed" },
  { "on = \"${env:K_BAD}\";",
    "p.on: environment variable K_BAD: \"many\" is not a boolean; use true, "
    "1, yes, on or false, 0, no, off" },
  { "seconds = \"${env:K_BAD}\";",
    "p.seconds: environment variable K_BAD: \"many\" is not a number" },
  { "text = \"${env:K_UTF}\";", "p.text: environment variable K_UTF: the value is not UTF-8" },
  { "on = \"true\";", "p.on: a string is written; write true or false, without quotes" },
  { "words = ( 1 );", "p.words: a list ( ) is written; write only strings in this list" },
  { "words = 1;", "p.words: an integer is written; write ( \"TEXT\", ... )" },
  { "inner = { rate = 11; };", "p.inner.rate: 11 is out of range; 0 to 10 is allowed" },
  { "inner = { tiers = { }; };",
    "p.inner.tiers: a group { }; write ( { KEY = VALUE; }, ... )" },
  { "inner = { tiers = ( { limit = 1; } ); };",
    "p.inner.tiers[0].name is missing; it has no default: Its name." },
  { "inner = { tiers = ( { name = \"\"; } ); };",
    "p.inner.tiers[0].name: \"\" is empty; it has no default: set it" },
  { "inner = { tiers = ( { name = \"x\"; limt = 1; } ); };",
    "p.inner.tiers[0].limt: unknown option; did you mean \"limit\"?" },
  { "inner = { tiers = ( 5 ); };",
    "p.inner.tiers[0]: an integer; write tiers { KEY = VALUE; }" },
  { "cuont = 3;", "p.cuont: unknown option; did you mean \"count\"?" },
};

START_TEST (refuses)
{
  char message[256];
  setenv ("K_BAD", "many", 1);
  setenv ("K_NINE", "9", 1);
  setenv ("K_UTF", "\xff", 1);
  snprintf (message, sizeof message, "%s:1: %s", file, bad[_i].message);
  ck_assert_int_eq (fill (bad[_i].text), -EINVAL);
  ck_assert_str_eq (errors.text[0], message);
}
END_TEST

START_TEST (no_options)
{
  ck_assert_int_eq (fill (""), 0);
  ck_assert_int_eq (conf_plugin_fill (conf, 0, NULL, 0, &out, &errors), 0);
  conf_destroy (conf);
  conf = NULL;
  fill ("count = 3;");
  ck_assert_int_eq (conf_plugin_fill (conf, 0, NULL, 0, &out, &errors), -EINVAL);
  ck_assert_ptr_nonnull (
      strstr (errors.text[0], "p.count: unknown option; p has none: remove it"));
}
END_TEST

/* A table of an older header, without the last member, and one of a newer. */
START_TEST (strides)
{
  enum { SHORT = offsetof (struct kg_opt, sub), LONG = sizeof (struct kg_opt) + 24 };
  char small[2 * SHORT], large[2 * LONG];
  int64_t x = 0;
  memset (small, 0, sizeof small);
  memset (large, 0xff, sizeof large);
  memcpy (small, &(struct kg_opt){ .key = "count", .type = KG_OPT_INT, .dflt = "8" }, SHORT);
  memcpy (large, &(struct kg_opt){ .key = "count", .type = KG_OPT_INT, .dflt = "9" },
          sizeof (struct kg_opt));
  memset (large + LONG, 0, LONG);
  ck_assert_int_eq (fill (""), 0);
  ck_assert_int_eq (conf_plugin_fill (conf, 0, (void *) small, SHORT, &x, &errors), 0);
  ck_assert_int_eq (x, 8);
  ck_assert_int_eq (conf_plugin_fill (conf, 0, (void *) large, LONG, &x, &errors), 0);
  ck_assert_int_eq (x, 9);
}
END_TEST

/* ---- Tables that make no sense -------------------------------------------------- */

static const struct kg_opt ring_opts[] = {
  { .key = "ring", .type = KG_OPT_GROUP, .sub = ring_opts },
  { .key = NULL },
};

static const struct table_row {
  struct kg_opt opt;
  const char *message;
} tables[] = {
  { { .key = "x", .type = 99 }, "option table: p.x: unknown type" },
  { { .key = "x", .type = KG_OPT_INT, .offset = 60 },
    "option table: p.x: its offset is outside the configuration structure" },
  { { .key = "x", .type = KG_OPT_INT, .offset = 4 },
    "option table: p.x: its offset is not aligned" },
  { { .key = "x", .type = KG_OPT_GROUP }, "option table: p.x: a group or list without `sub`" },
  { { .key = "x", .type = KG_OPT_LIST, .sub = tier_opts },
    "option table: p.x: a list without `sub_size`" },
  { { .key = "x", .type = KG_OPT_LIST, .sub = tier_opts, .sub_size = 8 },
    "option table: p.x.limit: its offset is outside the configuration structure" },
  { { .key = "x", .type = KG_OPT_INT, .min = 2, .max = 1 },
    "option table: p.x: its min is above its max" },
  { { .key = "x", .type = KG_OPT_INT, .dflt = "ten" }, "p.x: \"ten\" is not an integer" },
  { { .key = "x", .type = KG_OPT_INT, .dflt = "9", .max = 8 },
    "p.x: 9 is out of range; 0 to 8 is allowed" },
  { { .key = "x", .type = KG_OPT_STRING, .dflt = "c", .choices = "a|b" },
    "p.x: \"c\" is none of a|b" },
};

static struct arena arena;
static const struct schema checker = { &arena, &errors, "p", NULL };

START_TEST (checks_tables)
{
  struct kg_opt table[2] = { tables[_i].opt, { .key = NULL } };
  char room[256];
  arena_init (&arena, room, sizeof room);
  ck_assert_int_eq (schema_check (&checker, table, sizeof *table, 64), -EINVAL);
  ck_assert_str_eq (errors.text[0], tables[_i].message);
  arena_finish (&arena);
}
END_TEST

START_TEST (checks_good_tables)
{
  char room[256];
  arena_init (&arena, room, sizeof room);
  ck_assert_int_eq (schema_check (&checker, outer_opts, sizeof *outer_opts, sizeof out), 0);
  ck_assert_int_eq (
      schema_check (&checker, settings_opts, sizeof *settings_opts, sizeof (struct settings)),
      0);
  ck_assert_int_eq (schema_check (&checker, ring_opts, sizeof *ring_opts, 8), -EINVAL);
  ck_assert_ptr_nonnull (strstr (errors.text[0], "nests more than 8 deep"));
  arena_finish (&arena);
}
END_TEST

START_TEST (dumps_tables)
{
  char *shown = NULL;
  size_t size;
  FILE *f = open_memstream (&shown, &size);
  dump_table (f, outer_opts, sizeof *outer_opts);
  fclose (f);
  ck_assert_ptr_nonnull (strstr (shown, "  text: string, secret\n      A text.\n"));
  ck_assert_ptr_nonnull (
      strstr (shown, "  count: integer, 1 to 5, default 3\n      A count.\n"));
  ck_assert_ptr_nonnull (strstr (shown, "    tiers: list\n"));
  ck_assert_ptr_nonnull (strstr (shown, "      name: string, required\n"));
  free (shown);
  f = open_memstream (&shown, &size);
  dump_mdoc (f, outer_opts, sizeof *outer_opts);
  fclose (f);
  ck_assert_ptr_nonnull (
      strstr (shown, ".It Ic count Pq integer, 1 to 5, default 3\nA count.\n"));
  free (shown);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("schema");
  TCase *t = tcase_create ("schema");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, defaults);
  tcase_add_test (t, nested);
  tcase_add_test (t, from_environment);
  tcase_add_loop_test (t, refuses, 0, sizeof bad / sizeof *bad);
  tcase_add_test (t, no_options);
  tcase_add_test (t, strides);
  tcase_add_loop_test (t, checks_tables, 0, sizeof tables / sizeof *tables);
  tcase_add_test (t, checks_good_tables);
  tcase_add_test (t, dumps_tables);
  suite_add_tcase (suite, t);
  sr = srunner_create (suite);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? 1 : 0;
}
