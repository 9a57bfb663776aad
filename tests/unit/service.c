/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/service.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
  uint32_t size;
  int32_t a, b;
};

static const struct table table = { sizeof table, 1, 2 };
static struct services *s;
static struct kg_self provider = { .name = "provider" }, user = { .name = "user" };
static const struct table *slot;
static char said[200];

static void
set_up (void)
{
  s = services_create ();
  slot = NULL;
  said[0] = 0;
}

static void
tear_down (void)
{
  services_destroy (s);
}

static int32_t
need (const char *name, uint32_t size, uint32_t flags)
{
  return services_need (s, &user, name, size, flags, (const void **)&slot);
}

static void
missing (struct kg_self *self, const char *service, const char *other, const char *by,
         void *arg)
{
  ck_assert_ptr_eq (arg, said);
  snprintf (said, sizeof said, "%s %s %s %s", self->name, service, other ? other : "-",
            by ? by : "-");
}

static void
list (const char *service, uint32_t flags, void *arg)
{
  (void)arg;
  snprintf (said + strlen (said), sizeof said - strlen (said), "%s:%u ", service, flags);
}

START_TEST (provided_before)
{
  ck_assert_int_eq (services_provide (s, &provider, "x.y-z/12", &table, sizeof table), 0);
  ck_assert_int_eq (need ("x.y-z/12", 4, 0), 0);
  ck_assert_ptr_eq (slot, &table);
  ck_assert_ptr_eq (services_provider (s, "x.y-z/12"), &provider);
  ck_assert_int_eq (services_provide (s, &user, "x.y-z/12", &table, 4), -EEXIST);
}
END_TEST

START_TEST (provided_after)
{
  ck_assert_int_eq (need ("x/1", 4, 0), 0);
  ck_assert_ptr_null (slot);
  services_provide (s, &provider, "x/1", &table, sizeof table);
  ck_assert_ptr_null (slot);
  ck_assert_uint_eq (services_resolve (s, missing, said), 0);
  ck_assert_ptr_eq (slot, &table);
}
END_TEST

START_TEST (smaller_than_needed)
{
  services_provide (s, &provider, "x/1", &table, 8);
  ck_assert_int_eq (need ("x/1", 40, 0), 0);
  ck_assert_ptr_ne (slot, &table);
  ck_assert_int_eq (slot->a, 1);
  ck_assert_int_eq (slot->b, 0);
  ck_assert_int_eq (((const char *)slot)[39], 0);
}
END_TEST

START_TEST (missing_ones)
{
  need ("x/2", 8, 0);
  ck_assert_uint_eq (services_resolve (s, missing, said), 1);
  ck_assert_str_eq (said, "user x/2 - -");
  services_provide (s, &provider, "x/1", &table, 8);
  ck_assert_uint_eq (services_resolve (s, missing, said), 1);
  ck_assert_str_eq (said, "user x/2 x/1 provider");
}
END_TEST

START_TEST (optional)
{
  need ("x/2", 8, KG_NEED_OPTIONAL);
  ck_assert_uint_eq (services_resolve (s, missing, said), 0);
  ck_assert_ptr_null (slot);
}
END_TEST

static const char *const bad[] = { "", "x", "x/", "/1", "x/0", "x/01", "x/1a", "X/1", "x y/1" };

START_TEST (bad_names)
{
  ck_assert_int_eq (services_provide (s, &provider, bad[_i], &table, 8), -EINVAL);
  ck_assert_int_eq (need (bad[_i], 8, 0), -EINVAL);
}
END_TEST

START_TEST (bad_arguments)
{
  ck_assert_int_eq (services_provide (s, &provider, NULL, &table, 8), -EINVAL);
  ck_assert_int_eq (services_provide (s, &provider, "x/1", NULL, 8), -EINVAL);
  ck_assert_int_eq (services_provide (s, &provider, "x/1", &table, 0), -EINVAL);
  ck_assert_int_eq (need ("x/1", 8, 4), -EINVAL);
  ck_assert_int_eq (services_need (s, &user, "x/1", 8, 0, NULL), -EINVAL);
}
END_TEST

START_TEST (dropped)
{
  services_provide (s, &provider, "x/1", &table, 8);
  services_provide (s, &user, "y/1", &table, 8);
  need ("x/1", 8, KG_NEED_OPTIONAL);
  need ("z/1", 8, 0);
  services_walk (s, &user, 1, list, NULL);
  services_walk (s, &user, 0, list, NULL);
  ck_assert_str_eq (said, "y/1:0 x/1:1 z/1:0 ");
  services_drop (s, &user);
  ck_assert_ptr_null (services_provider (s, "y/1"));
  ck_assert_ptr_nonnull (services_provider (s, "x/1"));
  ck_assert_uint_eq (services_resolve (s, missing, said), 0);
  ck_assert_int_eq (services_provide (s, &user, "y/1", &table, 8), 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("service");
  TCase *c = tcase_create ("service");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (c, set_up, tear_down);
  tcase_add_test (c, provided_before);
  tcase_add_test (c, provided_after);
  tcase_add_test (c, smaller_than_needed);
  tcase_add_test (c, missing_ones);
  tcase_add_test (c, optional);
  tcase_add_loop_test (c, bad_names, 0, sizeof bad / sizeof bad[0]);
  tcase_add_test (c, bad_arguments);
  tcase_add_test (c, dropped);
  suite_add_tcase (suite, c);
  sr = srunner_create (suite);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
