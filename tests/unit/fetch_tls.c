/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* core/fetch.c against TLS servers: only the right certificate will do.  Needs
 * the program openssl; without it there is nothing to test against. */

#include "core/fetch.h"
#include "core/host.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/kgent-tls-XXXXXX";
static struct host host;
static struct kg_self self = { .magic = SELF_MAGIC, .host = &host };
static pid_t server;
static int port;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t come = PTHREAD_COND_INITIALIZER;
static int done;
static int32_t error, status;
static char message[512];

static void
on_done (const struct kg_http_reply *r, void *arg)
{
  (void) arg;
  pthread_mutex_lock (&lock);
  error = r->error;
  status = r->status;
  snprintf (message, sizeof message, "%s", r->message);
  done = 1;
  pthread_cond_signal (&come);
  pthread_mutex_unlock (&lock);
}

static void
run (const char *name)
{
  char url[64];
  struct kg_http_request r = { .size = sizeof r,
                               .flags = KG_HTTP_PRIVATE_OK,
                               .method = "GET",
                               .url = url,
                               .total_ms = 5000,
                               .done = on_done };
  snprintf (url, sizeof url, "https://%s:%d/", name, port);
  done = 0;
  ck_assert_int_eq (fetch_service.send (&self, &r, NULL), 0);
  pthread_mutex_lock (&lock);
  while (!done)
    pthread_cond_wait (&come, &lock);
  pthread_mutex_unlock (&lock);
}

/* A certificate for localhost, valid for `days`, that signs itself. */
static void
certificate_make (int days)
{
  char command[768];
  snprintf (command, sizeof command,
            "cd %s && echo subjectAltName=DNS:localhost >ext && "
            "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
            "-keyout key -out request -subj /CN=localhost 2>/dev/null && "
            "openssl x509 -req -in request -signkey key -days %d -extfile ext -out cert "
            "2>/dev/null",
            dir, days);
  ck_assert_int_eq (system (command), 0);
}

/* Starts openssl's server on a free port. */
static void
server_start (void)
{
  char cert[64], key[64], line[256];
  int fds[2];
  FILE *f;
  snprintf (cert, sizeof cert, "%s/cert", dir);
  snprintf (key, sizeof key, "%s/key", dir);
  ck_assert_int_eq (pipe (fds), 0);
  server = fork ();
  if (server == 0) {
    dup2 (fds[1], 1);
    execlp ("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", cert,
            "-key", key, (char *) NULL);
    _exit (127);
  }
  close (fds[1]);
  f = fdopen (fds[0], "r");
  ck_assert_ptr_nonnull (f);
  do
    ck_assert_ptr_nonnull (fgets (line, sizeof line, f));
  while (sscanf (line, "ACCEPT 127.0.0.1:%d", &port) != 1);
}

/* A client that trusts only the certificate made, or only the system's. */
static void
start (int days, int trusted)
{
  char ca[64];
  certificate_make (days);
  server_start ();
  snprintf (ca, sizeof ca, "%s/cert", dir);
  if (trusted)
    setenv ("SSL_CERT_FILE", ca, 1);
  else
    unsetenv ("SSL_CERT_FILE");
  ck_assert_int_eq (fetch_create (&host, &host.fetch), 0);
  ck_assert_int_eq (fetch_start (host.fetch), 0);
}

static void
setup (void)
{
  memcpy (dir + strlen (dir) - 6, "XXXXXX", 6);
  ck_assert_ptr_nonnull (mkdtemp (dir));
}

static void
teardown (void)
{
  char command[64];
  fetch_stop (host.fetch);
  fetch_destroy (host.fetch);
  kill (server, SIGKILL);
  waitpid (server, NULL, 0);
  snprintf (command, sizeof command, "rm -r %s", dir);
  ck_assert_int_eq (system (command), 0);
}

START_TEST (a_trusted_certificate_is_accepted)
{
  start (2, 1);
  run ("localhost");
  ck_assert_msg (error == 0, "%s", message);
  ck_assert_int_eq (status, 200);
}
END_TEST

START_TEST (a_stranger_is_refused)
{
  start (2, 0);
  run ("localhost");
  ck_assert_msg (error == -EPROTO, "%s", message);
  ck_assert_int_eq (status, 0);
}
END_TEST

START_TEST (another_name_is_refused)
{
  start (2, 1);
  run ("127.0.0.1");
  ck_assert_msg (error == -EPROTO, "%s", message);
}
END_TEST

START_TEST (an_expired_certificate_is_refused)
{
  start (-1, 1);
  run ("localhost");
  ck_assert_msg (error == -EPROTO, "%s", message);
  ck_assert_ptr_nonnull (strstr (message, "expired"));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("fetch_tls");
  TCase *cases = tcase_create ("fetch_tls");
  SRunner *sr = srunner_create (suite);
  int failed;
  if (system ("openssl version >/dev/null 2>&1") != 0) {
    puts ("1..0 # SKIP no openssl");
    return 0;
  }
  tcase_add_checked_fixture (cases, setup, teardown);
  tcase_set_timeout (cases, 30);
  tcase_add_test (cases, a_trusted_certificate_is_accepted);
  tcase_add_test (cases, a_stranger_is_refused);
  tcase_add_test (cases, another_name_is_refused);
  tcase_add_test (cases, an_expired_certificate_is_refused);
  suite_add_tcase (suite, cases);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
