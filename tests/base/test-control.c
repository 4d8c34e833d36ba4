/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/control-io.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The control socket on a real Unix socket, the client in a thread: it blocks as the program's does. */

typedef struct
{
  char *directory, *path;
  guint served;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->directory = g_dir_make_tmp ("roam-control-XXXXXX", NULL);
  f->path = g_build_filename (f->directory, "control", NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_assert_false (g_file_test (f->path, G_FILE_TEST_EXISTS));
  g_rmdir (f->directory);
  g_free (f->directory);
  g_free (f->path);
}

static gboolean
serve (const char *command, JsonObject *request, JsonObject *answer, gpointer user_data, GError **error)
{
  Fixture *f = user_data;

  f->served++;
  if (strcmp (command, "long") == 0)
    {
      g_autofree char *text = g_strnfill (4000000, 'x');

      json_object_set_string_member (answer, "text", text);
      return TRUE;
    }
  if (strcmp (command, "echo") != 0)
    {
      g_set_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_REQUEST, "Unknown command %s", command);
      return FALSE;
    }
  json_object_set_string_member (answer, "echo", json_object_get_string_member (request, "text"));
  return TRUE;
}

typedef struct
{
  const char *path, *command;
  char *raw; /* instead of a call: these octets */
  JsonObject *answer;
  GError *error;
  gint done;
} Call;

static gpointer
call_thread (gpointer data)
{
  Call *call = data;
  g_autoptr (JsonObject) request = json_object_new ();

  json_object_set_string_member (request, "command", call->command);
  json_object_set_string_member (request, "text", "a \"line\"\n");
  call->answer = roam_control_call (call->path, request, &call->error);
  g_atomic_int_set (&call->done, 1);
  g_main_context_wakeup (NULL);
  return NULL;
}

static gpointer
raw_thread (gpointer data)
{
  Call *call = data;
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);
  char text[256] = "";

  g_strlcpy (address.sun_path, call->path, sizeof address.sun_path);
  g_assert_cmpint (connect (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  if (send (fd, call->raw, strlen (call->raw), MSG_NOSIGNAL) > 0 && recv (fd, text, sizeof text - 1, 0) > 0)
    call->answer = json_node_dup_object (json_from_string (text, NULL));
  close (fd);
  g_atomic_int_set (&call->done, 1);
  g_main_context_wakeup (NULL);
  return NULL;
}

static void
run (Call *call)
{
  GThread *thread = g_thread_new ("client", call->raw != NULL ? raw_thread : call_thread, call);

  while (!g_atomic_int_get (&call->done))
    g_main_context_iteration (NULL, TRUE);
  g_thread_join (thread);
}

static void
test_answers (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (RoamControl) control = roam_control_new (f->path, NULL, serve, f, &error);
  Call echo = { .path = f->path, .command = "echo" }, big = { .path = f->path, .command = "long" };
  Call other = { .path = f->path, .command = "dance" };
  struct stat st;

  g_assert_no_error (error);
  g_assert_cmpint (stat (f->path, &st), ==, 0);
  g_assert_cmphex (st.st_mode & 07777, ==, 0600);
  run (&echo);
  g_assert_no_error (echo.error);
  g_assert_cmpstr (json_object_get_string_member (echo.answer, "echo"), ==, "a \"line\"\n");
  /* Far more than a socket's buffer. */
  run (&big);
  g_assert_no_error (big.error);
  g_assert_cmpuint (strlen (json_object_get_string_member (big.answer, "text")), ==, 4000000);
  run (&other);
  g_assert_error (other.error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_REQUEST);
  g_assert_cmpstr (other.error->message, ==, "Unknown command dance");
  g_assert_cmpuint (f->served, ==, 3);
  g_clear_error (&other.error);
  json_object_unref (echo.answer);
  json_object_unref (big.answer);
}

static void
test_nonsense (Fixture *f, gconstpointer data)
{
  static const char *const texts[] = { "\n",   "[]\n",          "{\"command\": 7}\n", "{\"command\": {}}\n",
                                       "{}\n", "{\"command\"\n" };
  g_autoptr (RoamControl) control = roam_control_new (f->path, NULL, serve, f, NULL);
  g_autofree char *endless = g_strnfill (5000, 'a');
  Call flood = { .path = f->path, .raw = endless };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      Call call = { .path = f->path, .raw = (char *)texts[i] };

      run (&call);
      g_assert_nonnull (call.answer);
      g_assert_true (json_object_has_member (call.answer, "error"));
      json_object_unref (call.answer);
    }
  run (&flood);
  g_assert_null (flood.answer);
  g_assert_cmpuint (f->served, ==, 0);
}

static void
test_not_running (Fixture *f, gconstpointer data)
{
  g_autoptr (JsonObject) request = json_object_new (), answer = NULL;
  g_autoptr (GError) error = NULL;

  answer = roam_control_call (f->path, request, &error);
  g_assert_null (answer);
  g_assert_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_NOT_RUNNING);
}

static void
test_stale_and_busy (Fixture *f, gconstpointer data)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (RoamControl) control = NULL, second = NULL, group = NULL;
  g_autofree char *long_path = g_strnfill (200, 'p');

  /* What a killed one leaves. */
  g_strlcpy (address.sun_path, f->path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  close (fd);
  control = roam_control_new (f->path, NULL, serve, f, &error);
  g_assert_no_error (error);
  second = roam_control_new (f->path, NULL, serve, f, &error);
  g_assert_null (second);
  g_assert_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_true (g_file_test (f->path, G_FILE_TEST_EXISTS));
  second = roam_control_new (long_path, NULL, serve, f, &error);
  g_assert_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_FAILED);
  g_clear_error (&error);
  g_clear_pointer (&control, roam_control_free);
  group = roam_control_new (f->path, "no-such-group-here", serve, f, &error);
  g_assert_null (group);
  g_assert_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_FAILED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/mip4/control/answers", Fixture, NULL, set_up, test_answers, tear_down);
  g_test_add ("/mip4/control/nonsense", Fixture, NULL, set_up, test_nonsense, tear_down);
  g_test_add ("/mip4/control/not-running", Fixture, NULL, set_up, test_not_running, tear_down);
  g_test_add ("/mip4/control/stale-and-busy", Fixture, NULL, set_up, test_stale_and_busy, tear_down);
  return g_test_run ();
}
