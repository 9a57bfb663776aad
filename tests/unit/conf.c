/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* conf.c with scan.c and override.c: what is read, what is refused and in which
 * words. */
#include "core/conf.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/kgent-conf-XXXXXX";
static char file[64];
static struct errors errors;

static void
write_bytes (const char *path, const char *text, size_t len)
{
  FILE *f = fopen (path, "w");
  ck_assert_ptr_nonnull (f);
  ck_assert_uint_eq (fwrite (text, 1, len, f), len);
  ck_assert_int_eq (fclose (f), 0);
}

static void
write_part (const char *name, const char *text)
{
  char path[128];
  snprintf (path, sizeof path, "%s/conf.d", dir);
  mkdir (path, 0700);
  snprintf (path, sizeof path, "%s/conf.d/%s", dir, name);
  write_bytes (path, text, strlen (text));
}

static void
setup (void)
{
  strcpy (dir, "/tmp/kgent-conf-XXXXXX");
  ck_assert_ptr_nonnull (mkdtemp (dir));
  snprintf (file, sizeof file, "%s/k.conf", dir);
  errors_init (&errors);
}

static void
teardown (void)
{
  char command[96];
  errors_finish (&errors);
  snprintf (command, sizeof command, "rm -rf %s", dir);
  ck_assert_int_eq (system (command), 0);
}

/* The first message without the folder; "" for none. */
static const char *
first_error (void)
{
  const char *text = errors.count ? errors.text[0] : "";
  return strncmp (text, dir, strlen (dir)) ? text : text + strlen (dir) + 1;
}

/* Loads a text and fills the core's blocks; NULL when it was refused. */
static struct conf *
load (const char *text, struct settings *settings, const char *const *overrides, uint32_t n)
{
  struct conf *c = NULL;
  write_bytes (file, text, strlen (text));
  if (conf_load (file, overrides, n, &c, &errors) < 0)
    return NULL;
  memset (settings, 0, sizeof *settings);
  if (conf_settings (c, settings, &errors) < 0) {
    conf_destroy (c);
    return NULL;
  }
  return c;
}

/* ---- What is refused (FAULTS.md C01 to C03) ---------------------------------- */

static const struct row {
  const char *text, *message;
} bad[] = {
  { "http = { treads = 2; };",
    "k.conf:1: http.treads: unknown option; did you mean \"threads\"?" },
  { "htpp = { };", "k.conf:1: htpp: unknown option; did you mean \"http\"?" },
  { "plugin = ( );", "k.conf:1: plugin: unknown option; did you mean \"plugins\"?" },
  { "\nauth = { dev_keys = true; };", "k.conf:2: auth: unknown block (a plugin's options stand "
                                      "in its entry of \"plugins\"); remove it" },
  { "http = { threads = \"two\"; };",
    "k.conf:1: http.threads: a string is written; write an integer" },
  { "http = { threads = 1.5; };",
    "k.conf:1: http.threads: a number is written; write an integer" },
  { "http = { threads = 5000; };",
    "k.conf:1: http.threads: 5000 is out of range; 0 to 256 is allowed" },
  { "http = { allow_chunked = 1; };", "k.conf:1: http.allow_chunked: an integer is written; "
                                      "write true or false, without quotes" },
  { "http = { listen = 8000; };",
    "k.conf:1: http.listen: an integer is written; write a string, in quotes" },
  { "http = \"x\";", "k.conf:1: http: a string; write http { KEY = VALUE; }" },
  { "store = { commit = \"disk\"; };",
    "k.conf:1: store.commit: \"disk\" is none of power|process" },
  { "http = { threads = 1; threads = 2; };",
    "k.conf:1: \"threads\" again (first in line 1); remove one" },
  { "http = { };\nhttp = { };", "k.conf:2: \"http\" again (first in line 1); remove one" },
  { "http = { threads = 1 };\nadmin = { listen \"x\"; };",
    "k.conf:2: listen: neither a key (no \"=\" follows) nor a value; put text in quotes" },
  { "http = { listen = localhost; };",
    "k.conf:1: localhost: neither a key (no \"=\" follows) nor a value; put text in quotes" },
  { "http = { threads = 2;", "k.conf:1: the '{' of this line is never closed" },
  { "http = { threads = 2; );", "k.conf:1: ')' where the '{' of line 1 wants '}'" },
  { "}", "k.conf:1: '}' closes nothing; remove it" },
  { "http = = { };", "k.conf:1: syntax error; is a ';' or ',' missing before it?" },
  { "http = { listen = \"127.0.0.1:80; };",
    "k.conf:1: the string that begins here has no end; add '\"'" },
  { "\n/* here", "k.conf:2: the comment that begins here has no end; add \"*/\"" },
  { "http = { listen = \"a\\qb\"; };",
    "k.conf:1: unknown escape in a string; write \\\\ for a backslash" },
  { "http = { listen = \"a\\x00b\"; };",
    "k.conf:1: \\x00 in a string; a value cannot hold a NUL" },
  { "http = { line_max = 99999999999999999999; };",
    "k.conf:1: 99999999999999999999 is not an integer of 64 bits; use -9223372036854775808 to "
    "9223372036854775807" },
  { "http = { line_max = 9223372036854775808L; };",
    "k.conf:1: 9223372036854775808 is not an integer of 64 bits; use -9223372036854775808 to "
    "9223372036854775807" },
  { "http = { line_max = 4294967296; };",
    "k.conf:1: http.line_max: 4294967296 is out of range; 256 to 65536 is allowed" },
  { "http = { line_max = 0xFFFFFFFF; };",
    "k.conf:1: http.line_max: 4294967295 is out of range; 256 to 65536 is allowed" },
  { "drain = { grace = 1e999; };", "k.conf:1: 1e999 is not a finite number" },
  { "drain = { grace = 10s; };",
    "k.conf:1: \"s\" after a number; units are not written (seconds, bytes), text is quoted" },
  { "drain = { grace = -1; };",
    "k.conf:1: drain.grace: -1 is out of range; 0 to 3600 is allowed" },
  { "@include \"/etc/shadow\"\n",
    "k.conf:1: @include is not read; put the file into conf.d/ beside the configuration" },
  { "http = { listen = 'x'; };",
    "k.conf:1: ''' (0x27) is not part of the syntax; put text in quotes" },
  { "\xef\xbb\xbfhttp = { };",
    "k.conf:1: byte order mark at the start; save the file without it" },
  { "\nhttp = { listen = \"\xff\"; };", "k.conf:2: not UTF-8; save the file as UTF-8" },
  { "plugins = { };", "k.conf:1: plugins: a group { }; write ( { load = \"NAME\"; }, ... )" },
  { "plugins = ( \"auth\" );", "k.conf:1: plugins: a string; write { load = \"NAME\"; }" },
  { "plugins = ( { lod = \"auth\"; } );",
    "k.conf:1: plugins: an entry needs load = \"NAME\"; it names the plugin" },
  { "plugins = ( { load = \"Auth!\"; } );",
    "k.conf:1: plugins: load = \"Auth!\": a name has 1 to 32 of a-z, 0-9 and -" },
  { "plugins = (\n{ load = \"auth\"; },\n{ load = \"/x/auth.so\"; } );",
    "k.conf:3: plugins: \"auth\" again (first in line 2); remove one" },
  { "plugins = ( { load = \"log\"; } );",
    "k.conf:1: plugins: \"log\" is the name of a block of the host's" },
};

START_TEST (refuses)
{
  struct settings settings;
  ck_assert_ptr_null (load (bad[_i].text, &settings, NULL, 0));
  ck_assert_str_eq (first_error (), bad[_i].message);
}
END_TEST

START_TEST (refuses_nul)
{
  struct conf *c = NULL;
  write_bytes (file, "http = { };\n\0log = { };", 23);
  ck_assert_int_eq (conf_load (file, NULL, 0, &c, &errors), -EINVAL);
  ck_assert_str_eq (first_error (), "k.conf:2: NUL byte in the text; remove it");
}
END_TEST

START_TEST (refuses_folder_and_absence)
{
  struct conf *c = NULL;
  char text[128];
  ck_assert_int_eq (conf_load (file, NULL, 0, &c, &errors), -ENOENT);
  ck_assert_str_eq (first_error (),
                    "k.conf: no such file; name the configuration with -c FILE");
  errors_finish (&errors);
  ck_assert_int_eq (conf_load (dir, NULL, 0, &c, &errors), -EISDIR);
  snprintf (text, sizeof text, "%s: is a directory; name the file in it", dir);
  ck_assert_str_eq (errors.text[0], text);
}
END_TEST

START_TEST (refuses_depth)
{
  char text[256] = "x = ";
  struct settings settings;
  memset (text + 4, '(', 40);
  ck_assert_ptr_null (load (text, &settings, NULL, 0));
  ck_assert_str_eq (first_error (), "k.conf:1: nested more than 32 deep");
}
END_TEST

START_TEST (collects_all)
{
  struct settings settings;
  ck_assert_ptr_null (
      load ("http = { a1 = 1; b2 = 2;\n threads = 999; };\nlog = { level = \"x\"; };",
            &settings, NULL, 0));
  ck_assert_uint_eq (errors.count, 4);
}
END_TEST

START_TEST (collects_at_most_20)
{
  char text[4096] = "log = { ", part[32], *shown = NULL;
  struct settings settings;
  size_t size;
  FILE *f;
  int i;
  for (i = 0; i < 50; i++) {
    snprintf (part, sizeof part, "zzz%d = 1; ", i);
    strcat (text, part);
  }
  strcat (text, "};");
  ck_assert_ptr_null (load (text, &settings, NULL, 0));
  ck_assert_uint_eq (errors.count, 50);
  f = open_memstream (&shown, &size);
  errors_print (&errors, f, "kgentd");
  fclose (f);
  ck_assert_ptr_nonnull (strstr (shown, "kgentd: and 30 more errors\n"));
  free (shown);
}
END_TEST

/* ---- What is read ---------------------------------------------------------------- */

START_TEST (defaults)
{
  struct settings s;
  struct conf *c = load ("", &s, NULL, 0);
  ck_assert_ptr_nonnull (c);
  ck_assert_str_eq (s.http.listen, "127.0.0.1:8000");
  ck_assert_int_eq (s.http.line_max, 4096);
  ck_assert_int_eq (s.http.body_max, 1048576);
  ck_assert_double_eq (s.http.idle_timeout, 75);
  ck_assert_ptr_nonnull (s.http.cors_origins);
  ck_assert_ptr_null (s.http.cors_origins[0]);
  ck_assert_str_eq (s.admin.socket, "admin.sock");
  ck_assert_str_eq (s.store.replica, "");
  ck_assert_str_eq (s.store.commit, "power");
  ck_assert_int_eq (s.log.access, 1);
  ck_assert_double_eq (s.drain.grace, 5);
  ck_assert_ptr_null (s.plugin_dir);
  conf_destroy (c);
}
END_TEST

START_TEST (values)
{
  struct settings s;
  struct conf *c
      = load ("# a comment with \"{\"\n// another (\n/* @include \"x\" */\n"
              "http : { listen = \"a\" \"b\"; body_max = 0x10L;\n"
              "body_rate = 1073741824; cors_origins = [\"https://a\", \"https://b\"];\n"
              "allow_chunked = TRUE, idle_timeout = 1.5e1; }\n"
              "drain = { grace = 3; };",
              &s, NULL, 0);
  ck_assert_ptr_nonnull (c);
  ck_assert_str_eq (s.http.listen, "ab");
  ck_assert_int_eq (s.http.body_max, 16);
  ck_assert_int_eq (s.http.body_rate, 1073741824);
  ck_assert_str_eq (s.http.cors_origins[1], "https://b");
  ck_assert_int_eq (s.http.allow_chunked, 1);
  ck_assert_double_eq (s.http.idle_timeout, 15);
  ck_assert_double_eq (s.drain.grace, 3);
  conf_destroy (c);
}
END_TEST

START_TEST (choices_in_any_case)
{
  struct settings s;
  struct conf *c
      = load ("log = { level = \"INFO\"; }; store = { commit = \"Process\"; };", &s, NULL, 0);
  ck_assert_ptr_nonnull (c);
  ck_assert_str_eq (s.log.level, "info");
  ck_assert_str_eq (s.store.commit, "process");
  conf_destroy (c);
}
END_TEST

START_TEST (merges_folder)
{
  struct settings s;
  struct conf *c;
  write_part ("20-b.conf", "http = { threads = 3; };");
  write_part ("10-a.conf", "http = { threads = 2; listen = \"[::1]:1\"; };\n"
                           "plugins = ( { load = \"two\"; }, { load = \"one\"; x = 2; } );");
  write_part (".hidden.conf", "}");
  write_part ("note.txt", "}");
  c = load ("http = { threads = 1; line_max = 512; };\nplugins = ( { load = \"one\"; } );", &s,
            NULL, 0);
  ck_assert_ptr_nonnull (c);
  ck_assert_int_eq (s.http.threads, 3);
  ck_assert_str_eq (s.http.listen, "[::1]:1");
  ck_assert_int_eq (s.http.line_max, 512);
  ck_assert_uint_eq (conf_nplugins (c), 2);
  ck_assert_str_eq (conf_plugin_name (c, 0), "one");
  ck_assert_str_eq (conf_plugin_name (c, 1), "two");
  conf_destroy (c);
}
END_TEST

/* Where an option is that a plugin speaks of, as far as its name leads. */
START_TEST (finds_options)
{
  static const struct {
    const char *message;
    uint32_t line;
  } cases[] = { { "one.plans[1].prices[0]: it is bad", 5 }, { "one.plans[1].tier: no", 4 },
                { "one.plans[0]: no", 3 },                  { "one.plans[7].tier: no", 3 },
                { "one.x: no", 2 },                         { "one.nothing: no", 1 },
                { "one.plans[", 3 },                        { "one.plans[1x]: no", 4 },
                { "other.x: no", 1 },                       { "one: no", 1 },
                { "one.", 1 },                              { "", 1 } };
  struct settings s = { 0 };
  struct conf *c = load ("plugins = ( { load = \"one\";\nx = 1;\nplans = ( { tier = \"a\"; },\n"
                         "{ tier = \"b\";\nprices = ( \"p\" ); } ); } );\n",
                         &s, NULL, 0);
  ck_assert_ptr_nonnull (c);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    ck_assert_msg (conf_plugin_option (c, 0, cases[i].message).line == cases[i].line,
                   "%s is in line %u", cases[i].message,
                   conf_plugin_option (c, 0, cases[i].message).line);
  conf_destroy (c);
}
END_TEST

START_TEST (names_the_part)
{
  struct settings s;
  write_part ("10-a.conf", "\n\nhttp = { threads = 999; };");
  ck_assert_ptr_null (load ("http = { threads = 1; };", &s, NULL, 0));
  ck_assert_str_eq (
      first_error (),
      "conf.d/10-a.conf:3: http.threads: 999 is out of range; 0 to 256 is allowed");
}
END_TEST

/* ---- -o ---------------------------------------------------------------------------- */

START_TEST (overrides)
{
  static const char *const o[] = { "http.threads=4", "http.listen=unix:/a=b",
                                   "log.access=off", "http.cors_origins=https://a, https://b",
                                   "one.x=7",        "drain.timeout=0.5" };
  static const struct kg_opt opts[] = { { .key = "x", .type = KG_OPT_INT }, { .key = NULL } };
  struct settings s;
  int64_t x = 0;
  struct conf *c = load ("plugins = ( { load = \"/p/one.so\"; } );", &s, o, 6);
  ck_assert_ptr_nonnull (c);
  ck_assert_int_eq (s.http.threads, 4);
  ck_assert_str_eq (s.http.listen, "unix:/a=b");
  ck_assert_int_eq (s.log.access, 0);
  ck_assert_str_eq (s.http.cors_origins[0], "https://a");
  ck_assert_str_eq (s.http.cors_origins[1], "https://b");
  ck_assert_double_eq (s.drain.timeout, 0.5);
  ck_assert_str_eq (conf_plugin_load (c, 0), "/p/one.so");
  ck_assert_int_eq (conf_plugin_fill (c, 0, opts, sizeof *opts, &x, &errors), 0);
  ck_assert_int_eq (x, 7);
  conf_destroy (c);
}
END_TEST

static const struct row bad_overrides[] = {
  { "http.threads", "-o http.threads: write -o BLOCK.KEY=VALUE" },
  { "http=1", "-o http: write -o BLOCK.KEY=VALUE, as in -o http.threads=2" },
  { "http.=1", "-o http.: write -o BLOCK.KEY=VALUE, as in -o http.threads=2" },
  { "htp.threads=1",
    "-o htp.threads: neither a block nor a loaded plugin is called \"htp\"; did you "
    "mean \"http\"?" },
  { "zebra.x=1",
    "-o zebra.x: neither a block nor a loaded plugin is called \"zebra\"; load it by "
    "plugins = ( ... )" },
  { "http.threads.x=1", "-o http.threads.x: a part of this path is a value, not a group" },
  { "one.load=x", "-o one.load: what is loaded is written in the file" },
  { "http.threads=many", "-o http.threads: http.threads: \"many\" is not an integer" },
  { "http.treads=1", "-o http.treads: http.treads: unknown option; did you mean \"threads\"?" },
  { "log.access=maybe",
    "-o log.access: log.access: \"maybe\" is not a boolean; use true, 1, yes, on "
    "or false, 0, no, off" },
};

START_TEST (refuses_overrides)
{
  struct settings s;
  const char *o[] = { bad_overrides[_i].text };
  ck_assert_ptr_null (
      load ("http = { threads = 1; };\nplugins = ( { load = \"one\"; } );", &s, o, 1));
  ck_assert_str_eq (first_error (), bad_overrides[_i].message);
}
END_TEST

/* ---- -T ------------------------------------------------------------------------------ */

struct secretive {
  const char *key, *name, *none;
};

START_TEST (prints_what_reads_back)
{
  static const struct kg_opt opts[]
      = { { .key = "key", .type = KG_OPT_STRING, .flags = KG_OPT_SECRET },
          { .key = "name", .type = KG_OPT_STRING, .offset = offsetof (struct secretive, name) },
          { .key = "none", .type = KG_OPT_STRING, .offset = offsetof (struct secretive, none) },
          { .key = NULL } };
  struct secretive x = { NULL, NULL, NULL };
  struct settings s, again;
  char *shown = NULL;
  size_t size;
  struct conf *c
      = load ("http = { threads = 7; idle_timeout = 0x10; listen = \"q\\\"$${x\\n\"; };"
              "plugins = ( { load = \"one\"; key = \"hush\"; name = \"n\"; } );",
              &s, NULL, 0);
  FILE *f = open_memstream (&shown, &size);
  ck_assert_ptr_nonnull (c);
  ck_assert_int_eq (conf_plugin_fill (c, 0, opts, sizeof *opts, &x, &errors), 0);
  conf_print (c, f);
  fclose (f);
  ck_assert_ptr_null (strstr (shown, "hush"));
  ck_assert_ptr_nonnull (strstr (shown, "key = \"********\";"));
  ck_assert_ptr_nonnull (strstr (shown, "# none: not set"));
  ck_assert_str_eq (s.http.listen, "q\"${x\n");
  ck_assert_ptr_nonnull (strstr (shown, "listen = \"q\\\"$${x\\n\""));
  conf_destroy (c);
  c = load (shown, &again, NULL, 0);
  ck_assert_msg (c != NULL, "%s", first_error ());
  ck_assert_int_eq (again.http.threads, 7);
  ck_assert_str_eq (again.http.listen, "q\"${x\n");
  ck_assert_double_eq (again.http.idle_timeout, 16);
  conf_destroy (c);
  free (shown);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("conf");
  TCase *t = tcase_create ("conf");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_loop_test (t, refuses, 0, sizeof bad / sizeof *bad);
  tcase_add_test (t, refuses_nul);
  tcase_add_test (t, refuses_folder_and_absence);
  tcase_add_test (t, refuses_depth);
  tcase_add_test (t, collects_all);
  tcase_add_test (t, collects_at_most_20);
  tcase_add_test (t, defaults);
  tcase_add_test (t, values);
  tcase_add_test (t, choices_in_any_case);
  tcase_add_test (t, merges_folder);
  tcase_add_test (t, finds_options);
  tcase_add_test (t, names_the_part);
  tcase_add_test (t, overrides);
  tcase_add_loop_test (t, refuses_overrides, 0, sizeof bad_overrides / sizeof *bad_overrides);
  tcase_add_test (t, prints_what_reads_back);
  suite_add_tcase (suite, t);
  sr = srunner_create (suite);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? 1 : 0;
}
