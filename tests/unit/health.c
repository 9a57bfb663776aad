/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/health.h"
#include "core/host.h"
#include "core/util/clock.h"

#include <check.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct health *h;
static struct host host;
static kg_self self = { .magic = SELF_MAGIC, .opening = 1, .name = "t", .host = &host };

static void
setup (void)
{
  clock_fake (1000 * CLOCK_SECOND, 1);
  h = health_create ();
  ck_assert_ptr_nonnull (h);
  host.health = h;
  self.opening = 1;
}

static void
teardown (void)
{
  health_destroy (h);
  clock_fake (0, 0);
}

static kg_component *
add (const char *name, uint32_t flags)
{
  kg_component *c = NULL;
  ck_assert_int_eq (health_add (h, name, flags, &c), 0);
  ck_assert_ptr_nonnull (c);
  return c;
}

/* What a walk says about one component, as text; copied, so that a test can
 * compare it after the walk. */
struct seen {
  const char *name;
  int32_t found, state, stale;
  int64_t age_ms;
  uint32_t flags;
  char detail[512], facts[2048];
};

static int32_t
see (const struct kg_health_view *v, void *arg)
{
  struct seen *s = arg;
  if (strcmp (v->name, s->name))
    return 0;
  s->found = 1;
  s->state = v->state;
  s->stale = v->stale;
  s->age_ms = v->age_ms;
  s->flags = v->flags;
  snprintf (s->detail, sizeof s->detail, "%s", v->detail);
  snprintf (s->facts, sizeof s->facts, "%s", v->facts ? v->facts : "-");
  return 7;
}

static struct seen
look (const char *name)
{
  struct seen s = { .name = name };
  ck_assert_int_eq (health_walk (h, see, &s), 7);
  return s;
}

START_TEST (starts_as_starting)
{
  struct seen s;
  add ("soul", KG_HEALTH_READINESS);
  s = look ("soul");
  ck_assert_int_eq (s.state, KG_HEALTH_STARTING);
  ck_assert_int_eq (s.age_ms, -1);
  ck_assert_int_eq (s.stale, 0);
  ck_assert_uint_eq (s.flags, KG_HEALTH_READINESS);
  ck_assert_str_eq (s.detail, "");
  ck_assert_str_eq (s.facts, "-");
}
END_TEST

START_TEST (names_are_checked)
{
  static const char *const bad[]
      = { "", "A", "a b", "a-b", "a.b", "\xc3\xa4", "a2345678901234567890123456789012" };
  kg_component *c = NULL;
  size_t i;
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_int_eq (health_add (h, bad[i], 0, &c), -EINVAL);
  ck_assert_int_eq (health_add (h, NULL, 0, &c), -EINVAL);
  ck_assert_int_eq (health_add (h, "a", 0x80, &c), -EINVAL);
  ck_assert_ptr_null (c);
  add ("a234567890123456789012345678901", 0);
}
END_TEST

START_TEST (names_are_unique)
{
  kg_component *c = NULL;
  add ("auth", 0);
  ck_assert_int_eq (health_add (h, "auth", 0, &c), -EEXIST);
  ck_assert_ptr_null (c);
}
END_TEST

static int32_t
join (const struct kg_health_view *v, void *arg)
{
  strcat (strcat (arg, v->name), " ");
  return 0;
}

START_TEST (walks_in_order_of_adding)
{
  char names[64] = "";
  add ("z", 0);
  add ("a", 0);
  add ("m", 0);
  ck_assert_int_eq (health_walk (h, join, names), 0);
  ck_assert_str_eq (names, "z a m ");
}
END_TEST

START_TEST (set_formats_and_ages)
{
  kg_component *c = add ("nats", 0);
  struct seen s;
  health_set (c, KG_HEALTH_DEGRADED, 0, "retry %d of %s", 3, "5");
  clock_fake (1002 * CLOCK_SECOND, 1);
  s = look ("nats");
  ck_assert_int_eq (s.state, KG_HEALTH_DEGRADED);
  ck_assert_str_eq (s.detail, "retry 3 of 5");
  ck_assert_int_eq (s.age_ms, 2000);
  health_set (c, KG_HEALTH_OK, 0, NULL);
  ck_assert_str_eq (look ("nats").detail, "");
}
END_TEST

START_TEST (unknown_state_is_down)
{
  kg_component *c = add ("x", 0);
  health_set (c, 99, 0, NULL);
  ck_assert_int_eq (look ("x").state, KG_HEALTH_DOWN);
  health_set (c, -1, 0, NULL);
  ck_assert_int_eq (look ("x").state, KG_HEALTH_DOWN);
}
END_TEST

START_TEST (shelf_life_ends_at_its_ms)
{
  kg_component *c = add ("llm", 0);
  struct seen s;
  health_set (c, KG_HEALTH_OK, 500, "fine");
  clock_fake (1000 * CLOCK_SECOND + 500 * CLOCK_MS - 1, 1);
  ck_assert_int_eq (look ("llm").state, KG_HEALTH_OK);
  clock_fake (1000 * CLOCK_SECOND + 500 * CLOCK_MS, 1);
  s = look ("llm");
  ck_assert_int_eq (s.state, KG_HEALTH_DOWN);
  ck_assert_int_eq (s.stale, 1);
  ck_assert_str_eq (s.detail, "stale");
  health_set (c, KG_HEALTH_OK, 500, "fine");
  ck_assert_str_eq (look ("llm").detail, "fine");
}
END_TEST

START_TEST (details_are_made_printable)
{
  kg_component *c = add ("x", 0);
  health_set (c, KG_HEALTH_DOWN, 0, "%s", "a\nb\tc\x7f");
  ck_assert_str_eq (look ("x").detail, "a b c ");
  health_set (c, KG_HEALTH_DOWN, 0, "%s", "\xff\xc3(\xed\xa0\x80\xc3\xa4\xf0\x9f\x99\x82");
  ck_assert_str_eq (look ("x").detail, "?\?(??\?\xc3\xa4\xf0\x9f\x99\x82");
}
END_TEST

START_TEST (long_details_are_cut_between_characters)
{
  kg_component *c = add ("x", 0);
  char text[400];
  struct seen s;
  memset (text, 'a', sizeof text);
  text[399] = 0;
  health_set (c, KG_HEALTH_DOWN, 0, "%s", text);
  ck_assert_uint_eq (strlen (look ("x").detail), HEALTH_DETAIL_MAX);
  memcpy (text + HEALTH_DETAIL_MAX - 1, "\xe2\x82\xac", 3); /* the cut is inside */
  health_set (c, KG_HEALTH_DOWN, 0, "%s", text);
  s = look ("x");
  ck_assert_uint_eq (strlen (s.detail), HEALTH_DETAIL_MAX - 1);
  ck_assert_int_eq (s.detail[HEALTH_DETAIL_MAX - 2], 'a');
}
END_TEST

START_TEST (facts_are_kept)
{
  kg_component *c = add ("openmeter", 0);
  char big[HEALTH_FACTS_MAX + 2];
  ck_assert_int_eq (health_facts (c, "{\"n\":1}trailing", 7), 0);
  ck_assert_str_eq (look ("openmeter").facts, "{\"n\":1}");
  ck_assert_int_eq (health_facts (c, "[1]", 3), -EINVAL);
  ck_assert_int_eq (health_facts (c, "{", 1), -EINVAL);
  ck_assert_int_eq (health_facts (c, "{\0}", 3), -EINVAL);
  memset (big, ' ', sizeof big);
  big[0] = '{';
  big[HEALTH_FACTS_MAX - 1] = '}';
  ck_assert_int_eq (health_facts (c, big, HEALTH_FACTS_MAX), 0);
  big[HEALTH_FACTS_MAX] = '}';
  ck_assert_int_eq (health_facts (c, big, HEALTH_FACTS_MAX + 1), -E2BIG);
  ck_assert_uint_eq (strlen (look ("openmeter").facts), HEALTH_FACTS_MAX);
}
END_TEST

START_TEST (readiness_gates)
{
  kg_component *gate = add ("store", KG_HEALTH_READINESS), *other = add ("nats", 0);
  ck_assert_int_eq (health_ready (h), 0); /* starting */
  health_set (gate, KG_HEALTH_OK, 1000, NULL);
  health_set (other, KG_HEALTH_DOWN, 0, NULL);
  ck_assert_int_eq (health_ready (h), 1);
  health_set (gate, KG_HEALTH_DEGRADED, 1000, NULL);
  ck_assert_int_eq (health_ready (h), 1);
  health_set (gate, KG_HEALTH_ABSENT, 1000, NULL);
  ck_assert_int_eq (health_ready (h), 1);
  clock_fake (1001 * CLOCK_SECOND, 1);
  ck_assert_int_eq (health_ready (h), 0); /* stale */
  health_set (gate, KG_HEALTH_DOWN, 0, NULL);
  ck_assert_int_eq (health_ready (h), 0);
}
END_TEST

START_TEST (nothing_is_ready)
{
  ck_assert_int_eq (health_ready (h), 1);
  ck_assert_int_eq (health_walk (h, see, NULL), 0);
  health_destroy (NULL);
}
END_TEST

START_TEST (service_finds_its_host)
{
  kg_component *c = NULL;
  struct seen s = { .name = "svc" };
  ck_assert_uint_eq (health_service.size, sizeof (struct kg_health));
  ck_assert_int_eq (health_service.add (&self, "svc", 0, &c), 0);
  health_service.set (c, KG_HEALTH_OK, 0, "%s", "x");
  ck_assert_int_eq (health_service.facts (c, "{}", 2), 0);
  ck_assert_int_eq (health_service.walk (&self, see, &s), 7);
  ck_assert_str_eq (s.detail, "x");
  self.opening = 0;
  ck_assert_int_eq (health_service.add (&self, "late", 0, &c), -EPERM);
}
END_TEST

/* A pair that belongs together: a reader must never see halves of two sets. */
static void *
push (void *arg)
{
  int i;
  for (i = 0; i < 20000; i++)
    health_set (arg, i & 1 ? KG_HEALTH_OK : KG_HEALTH_DOWN, 0,
                i & 1 ? "even" : "odd and longer");
  return NULL;
}

START_TEST (pushes_are_never_torn)
{
  kg_component *c = add ("x", 0);
  pthread_t t[2];
  int i;
  health_set (c, KG_HEALTH_OK, 0, "even");
  for (i = 0; i < 2; i++)
    ck_assert_int_eq (pthread_create (&t[i], NULL, push, c), 0);
  for (i = 0; i < 20000; i++) {
    struct seen s = look ("x");
    ck_assert_str_eq (s.detail, s.state == KG_HEALTH_OK ? "even" : "odd and longer");
  }
  for (i = 0; i < 2; i++)
    pthread_join (t[i], NULL);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("health");
  TCase *t = tcase_create ("health");
  SRunner *sr = srunner_create (suite);
  int failed;
  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, starts_as_starting);
  tcase_add_test (t, names_are_checked);
  tcase_add_test (t, names_are_unique);
  tcase_add_test (t, walks_in_order_of_adding);
  tcase_add_test (t, set_formats_and_ages);
  tcase_add_test (t, unknown_state_is_down);
  tcase_add_test (t, shelf_life_ends_at_its_ms);
  tcase_add_test (t, details_are_made_printable);
  tcase_add_test (t, long_details_are_cut_between_characters);
  tcase_add_test (t, facts_are_kept);
  tcase_add_test (t, readiness_gates);
  tcase_add_test (t, nothing_is_ready);
  tcase_add_test (t, service_finds_its_host);
  tcase_add_test (t, pushes_are_never_torn);
  suite_add_tcase (suite, t);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
