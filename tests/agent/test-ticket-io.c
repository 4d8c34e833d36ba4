/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/ticket-io.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROFILE                                                                                                        \
  "[mobile-ip]\nhome-address=10.1.0.100/24\nhome-agent=10.1.0.2\nspi=256\nkey-file=k\n[vpn]\ngateway=203.0.113.2\n"    \
  "psk-file=s\n"
#define HOUR (3600 * ROAM_USEC_PER_SEC)

typedef struct
{
  char *directory, *path;
  AgentConfig *config;
} Fixture;

static AgentConfig *
parse (const char *text)
{
  g_autoptr (AgentConfigProblems) problems = agent_config_problems_new ("p");
  AgentConfig *config = agent_config_parse ("p", text, strlen (text), problems);

  g_assert_nonnull (config);
  return config;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->directory = g_dir_make_tmp ("roamd-ticket-XXXXXX", NULL);
  f->path = g_build_filename (f->directory, "ticket", NULL);
  f->config = parse (PROFILE);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_remove (f->path);
  g_assert_cmpint (g_rmdir (f->directory), ==, 0); /* nothing else was left there */
  g_free (f->directory);
  g_free (f->path);
  agent_config_free (f->config);
}

static void
save (Fixture *f)
{
  AgentTicket ticket = { roam_secret_new ((const guint8 *)"opaque", 6), HOUR };

  g_assert_true (agent_ticket_save (f->directory, f->config, &ticket));
  agent_ticket_clear (&ticket);
}

static gboolean
is_found (Fixture *f, const AgentConfig *config, gint64 wall_us)
{
  AgentTicket ticket = agent_ticket_load (f->directory, config, wall_us);
  gboolean found = ticket.ticket != NULL;

  if (found)
    {
      g_assert_cmpmem (roam_secret_peek (ticket.ticket), roam_secret_length (ticket.ticket), "opaque", 6);
      g_assert_cmpint (ticket.expires_wall_us, ==, HOUR);
    }
  agent_ticket_clear (&ticket);
  return found;
}

static void
test_there_and_back (Fixture *f, gconstpointer data)
{
  AgentTicket none = { NULL };
  struct stat status;

  g_assert_false (is_found (f, f->config, 1));
  save (f);
  g_assert_cmpint (stat (f->path, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 07777, ==, 0600);
  g_assert_true (is_found (f, f->config, 1));
  save (f); /* over the one that is there */
  g_assert_true (is_found (f, f->config, HOUR - 1));
  g_assert_false (is_found (f, f->config, HOUR));
  g_assert_true (agent_ticket_save (f->directory, f->config, &none));
  g_assert_false (g_file_test (f->path, G_FILE_TEST_EXISTS));
  g_assert_true (agent_ticket_save (f->directory, f->config, &none));
}

static void
test_of_another_profile (Fixture *f, gconstpointer data)
{
  static const char *const others[] = { "local-id=bob\n", "remote-id=gw\n" };
  g_autoptr (AgentConfig) renamed = NULL;
  g_autofree char *moved = g_strdup (PROFILE);

  save (f);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autofree char *text = g_strconcat (PROFILE, others[i], NULL);
      g_autoptr (AgentConfig) other = parse (text);

      g_assert_false (is_found (f, other, 1));
    }
  *strstr (moved, "113.2") = '2';
  renamed = parse (moved);
  g_assert_false (is_found (f, renamed, 1));
}

static void
test_damaged (Fixture *f, gconstpointer data)
{
  g_autofree char *octets = NULL;
  gsize length;

  save (f);
  g_assert_true (g_file_get_contents (f->path, &octets, &length, NULL));
  /* Less than the head, or nothing after it. */
  for (gsize cut = 0; cut + 6 <= length; cut++)
    {
      g_assert_cmpint (g_remove (f->path), ==, 0);
      g_assert_true (g_file_set_contents_full (f->path, octets, (gssize)cut, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
      g_assert_false (is_found (f, f->config, 1));
    }
}

/* What others can read, or reach through a link, is not believed. */
static void
test_not_ours (Fixture *f, gconstpointer data)
{
  g_autofree char *elsewhere = g_build_filename (f->directory, "elsewhere", NULL);

  save (f);
  g_assert_cmpint (g_chmod (f->path, 0640), ==, 0);
  g_assert_false (is_found (f, f->config, 1));
  g_assert_cmpint (g_chmod (f->path, 0600), ==, 0);
  g_assert_cmpint (g_rename (f->path, elsewhere), ==, 0);
  g_assert_cmpint (symlink (elsewhere, f->path), ==, 0);
  g_assert_false (is_found (f, f->config, 1));
  g_remove (f->path);
  g_assert_cmpint (g_rename (elsewhere, f->path), ==, 0);
}

#define ADD(name, func) g_test_add (name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/ticket/there-and-back", test_there_and_back);
  ADD ("/ticket/of-another-profile", test_of_another_profile);
  ADD ("/ticket/damaged", test_damaged);
  ADD ("/ticket/not-ours", test_not_ours);
  return g_test_run ();
}
