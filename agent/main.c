/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/runtime.h"
#include "dbus/adaptor.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* The composition root: options, profile, agent, bus. */

enum
{
  EXIT_OK = 0,
  EXIT_FAILED = 1,
  EXIT_USAGE = 2,
  EXIT_PROFILE = 78, /* EX_CONFIG of sysexits(3): systemd does not restart on it */
};

typedef struct
{
  char *profile, *state_directory, *runtime_directory, *credentials_directory, *log_level;
  gboolean check, gate_only, no_dbus, version;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->profile);
  g_free (options->state_directory);
  g_free (options->runtime_directory);
  g_free (options->credentials_directory);
  g_free (options->log_level);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* --------------------------------------------------------------------- logging ---- */

static GLogLevelFlags log_mask;

static const struct
{
  const char *name;
  GLogLevelFlags mask;
} log_levels[] = {
  { "error", G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL },
  { "warning", G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING },
  { "info", G_LOG_LEVEL_MASK & ~G_LOG_LEVEL_DEBUG },
  { "debug", G_LOG_LEVEL_MASK },
};

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if ((level & log_mask) == 0)
    return G_LOG_WRITER_HANDLED;
  if (g_log_writer_is_journald (fileno (stderr)) &&
      g_log_writer_journald (level, fields, n_fields, NULL) == G_LOG_WRITER_HANDLED)
    return G_LOG_WRITER_HANDLED;
  return g_log_writer_standard_streams (level, fields, n_fields, NULL);
}

static gboolean
set_log_level (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (log_levels); i++)
    if (g_str_equal (log_levels[i].name, name))
      {
        log_mask = log_levels[i].mask;
        return TRUE;
      }
  return FALSE;
}

/* --------------------------------------------------------------------- options ---- */

/* systemd may name several directories with colons between them; the first is ours. */
static char *
directory_from (const char *variable, const char *fallback)
{
  const char *value = g_getenv (variable);

  if (value == NULL || value[0] == '\0')
    return g_strdup (fallback);
  return g_strndup (value, strcspn (value, ":"));
}

static gboolean
parse_options (int *argc, char ***argv, Options *options, GError **error)
{
  const GOptionEntry entries[] = {
    { "profile", 'p', 0, G_OPTION_ARG_FILENAME, &options->profile, "Profile (default /etc/roamd/profile.conf)",
      "FILE" },
    { "check", 0, 0, G_OPTION_ARG_NONE, &options->check, "Check the profile and the files it names, then exit", NULL },
    { "gate-only", 0, 0, G_OPTION_ARG_NONE, &options->gate_only, "Install the closed gate, then exit", NULL },
    { "no-dbus", 0, 0, G_OPTION_ARG_NONE, &options->no_dbus,
      "Do not appear on the system bus, and use no service there", NULL },
    { "state-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->state_directory,
      "Where the history is kept (default $STATE_DIRECTORY, /var/lib/roamd)", "DIR" },
    { "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->runtime_directory,
      "Where the lock is (default $RUNTIME_DIRECTORY, /run/roamd)", "DIR" },
    { "credentials-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->credentials_directory,
      "Where secrets are looked up first (default $CREDENTIALS_DIRECTORY)", "DIR" },
    { "log-level", 0, 0, G_OPTION_ARG_STRING, &options->log_level, "error, warning, info (default) or debug", "LEVEL" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Print the version, then exit", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_summary (context, "The mobility client agent: Mobile IPv4 inside, IPsec with MOBIKE outside.");
  g_option_context_set_description (context, "See roamd(8), roamd-profile.conf(5) and roamctl(1).\n");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "found '%s', allowed: options only", (*argv)[1]);
      return FALSE;
    }
  if (options->log_level == NULL)
    options->log_level = g_strdup ("info");
  if (!set_log_level (options->log_level))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "--log-level: found '%s', allowed: error, warning, info or debug", options->log_level);
      return FALSE;
    }
  if (options->profile == NULL)
    options->profile = g_strdup (ROAMD_SYSCONFDIR "/roamd/profile.conf");
  if (options->state_directory == NULL)
    options->state_directory = directory_from ("STATE_DIRECTORY", "/var/lib/roamd");
  if (options->runtime_directory == NULL)
    options->runtime_directory = directory_from ("RUNTIME_DIRECTORY", "/run/roamd");
  if (options->credentials_directory == NULL)
    options->credentials_directory = directory_from ("CREDENTIALS_DIRECTORY", NULL);
  return TRUE;
}

/* --------------------------------------------------------------------- profile ---- */

/* Neither the name service nor a person is asked for the sake of a check: what they would say is made up. */
static void
fill_in_for_check (const AgentConfig *config, IkeConfig *ike)
{
  static RoamSecret *anything;

  if (anything == NULL)
    anything = roam_secret_new ((const guint8 *)"anything at all", 15);
  if (!roam_addr_is_specified (&ike->gateway))
    ike->gateway = roam_addr_from_u32 (0xc0000201); /* RFC 5737: for documentation */
  if (agent_config_is_asked (config->psk_file))
    ike->psk = anything;
  if (agent_config_is_asked (config->password_file))
    ike->eap_password = anything;
}

/* What works but is unwise. */
static void
print_warnings (const AgentConfig *config, const IkeConfig *ike)
{
  g_auto (GStrv) warnings = ike_config_dup_warnings (ike);

  for (guint i = 0; warnings[i] != NULL; i++)
    g_printerr ("%s: [vpn]: warning: %s\n", config->file, warnings[i]);
}

/* Certificates and keys can only be judged by whoever uses them. */
static gboolean
check_vpn (const AgentConfig *config, AgentConfigProblems *problems)
{
  guint8 seed[ROAM_RNG_SEED_LENGTH];
  g_autoptr (RoamRng) rng = NULL;
  g_autoptr (IkeSession) session = NULL;
  g_autofree char *problem = NULL;
  IkeConfig ike, given;

  if (!config->has_vpn)
    return TRUE;
  if (getrandom (seed, sizeof seed, 0) != (gssize)sizeof seed)
    return FALSE;
  rng = roam_rng_new (seed);
  agent_config_get_ike (config, &ike);
  given = ike;
  fill_in_for_check (config, &ike);
  session = ike_session_new (&ike, rng, &problem);
  if (session == NULL)
    agent_config_problems_add (problems, "vpn", NULL, problem, "credentials that fit together");
  else
    print_warnings (config, &given);
  return session != NULL;
}

static AgentConfig *
load_profile (const Options *options)
{
  g_autoptr (AgentConfigProblems) problems = agent_config_problems_new (options->profile);
  g_autoptr (AgentConfig) config = agent_config_load (options->profile, options->credentials_directory, problems);

  if (config != NULL && check_vpn (config, problems))
    return g_steal_pointer (&config);
  for (guint i = 0; i < problems->lines->len; i++)
    {
      g_printerr ("%s\n", (const char *)problems->lines->pdata[i]);
      sd_notifyf (0, "STATUS=%s", (const char *)problems->lines->pdata[i]);
    }
  return NULL;
}

static void
tell_warnings (const Options *options, const AgentConfig *config)
{
  g_autoptr (GPtrArray) warnings = agent_config_dup_warnings (config);

  for (guint i = 0; i < warnings->len; i++)
    if (options->check)
      g_printerr ("%s: warning: %s\n", options->profile, (const char *)warnings->pdata[i]);
    else
      g_message ("%s: %s", options->profile, (const char *)warnings->pdata[i]);
}

/* --------------------------------------------------------------------- running ---- */

/* Two agents on one machine would fight over the gate. The lock goes with the process. */
static int
take_lock (const char *directory, GError **error)
{
  g_autofree char *path = g_build_filename (directory, "roamd.lock", NULL);
  int fd = -1;

  if (g_mkdir_with_parents (directory, 0755) == 0)
    fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0 && flock (fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  if (fd >= 0 && errno == EWOULDBLOCK)
    g_set_error (error, AGENT_ERROR, AGENT_ERROR_FAILED, "Another roamd runs already (%s is locked)", path);
  else
    g_set_error (error, AGENT_ERROR, AGENT_ERROR_FAILED, "%s: %s", path, g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return -1;
}

typedef struct
{
  GMainLoop *loop;
  Agent *agent;
} Daemon;

static void
on_stopped (gpointer user_data)
{
  g_main_loop_quit (user_data);
}

static gboolean
on_terminate (gpointer user_data)
{
  const Daemon *self = user_data;

  sd_notify (0, "STOPPING=1");
  agent_stop (self->agent, on_stopped, self->loop);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_hangup (gpointer user_data)
{
  g_message ("The profile is read at start only: systemctl restart roamd");
  return G_SOURCE_CONTINUE;
}

static int
run (const Options *options, const AgentConfig *config)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  g_autoptr (Agent) agent = NULL;
  g_autoptr (DbusAdaptor) adaptor = NULL; /* freed before the agent */
  const AgentPlace place = { options->state_directory, options->runtime_directory, options->no_dbus };
  Daemon self = { .loop = loop };
  int lock = take_lock (options->runtime_directory, &error);

  if (lock >= 0)
    agent = agent_new (config, &place, &error);
  if (agent == NULL)
    {
      g_printerr ("roamd: %s\n", error->message);
      sd_notifyf (0, "STATUS=%s", error->message);
      return g_error_matches (error, AGENT_ERROR, AGENT_ERROR_CONFIG) ? EXIT_PROFILE : EXIT_FAILED;
    }
  self.agent = agent;
  if (!options->no_dbus)
    adaptor = dbus_adaptor_new (agent);
  g_unix_signal_add (SIGTERM, on_terminate, &self);
  g_unix_signal_add (SIGINT, on_terminate, &self);
  g_unix_signal_add (SIGHUP, on_hangup, NULL);
  sd_notify (0, "READY=1");
  g_main_loop_run (loop);
  g_clear_pointer (&adaptor, dbus_adaptor_free);
  g_clear_pointer (&agent, agent_free);
  close (lock);
  return EXIT_OK;
}

int
main (int argc, char **argv)
{
  g_auto (Options) options = { NULL };
  g_autoptr (AgentConfig) config = NULL;
  g_autoptr (GError) error = NULL;

  setlocale (LC_ALL, "");
  set_log_level ("info");
  g_log_set_writer_func (write_log, NULL, NULL);
  if (!parse_options (&argc, &argv, &options, &error))
    {
      g_printerr ("roamd: %s\nTry roamd --help.\n", error->message);
      return EXIT_USAGE;
    }
  if (options.version)
    {
      g_print ("roamd %s\n", ROAMD_VERSION);
      return EXIT_OK;
    }
  config = load_profile (&options);
  if (config == NULL)
    return EXIT_PROFILE;
  tell_warnings (&options, config);
  if (options.check)
    {
      g_print ("%s: good\n", options.profile);
      return EXIT_OK;
    }
  if (!options.gate_only)
    return run (&options, config);
  if (agent_install_gate (config, &error))
    return EXIT_OK;
  g_printerr ("roamd: the gate cannot be installed: %s\n", error->message);
  return EXIT_FAILED;
}
