/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/config.h"
#include "agent/key-io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE_LENGTH (1024 * 1024)
#define MAX_SECRET_LENGTH (64 * 1024)

/* What a file must be like before its contents are believed. */
typedef struct
{
  mode_t forbidden; /* bits of st_mode */
  gsize max_length;
  const char *allowed; /* sentence about the mode */
} FileRule;

static const FileRule secret_rule = { 0077, MAX_SECRET_LENGTH, "a file that only its owner may read (chmod 0600)" };
static const FileRule public_rule = { 0022, MAX_FILE_LENGTH, "a file that only its owner may write (chmod go-w)" };

/* A word about what stands in the way, or NULL; @ret_allowed: what was expected (static). */
static char *
judge_file (const struct stat *status, const FileRule *rule, const char **ret_allowed)
{
  if (!S_ISREG (status->st_mode))
    {
      *ret_allowed = "a regular file";
      return g_strdup ("something that is no regular file");
    }
  if (status->st_uid != 0 && status->st_uid != geteuid ())
    {
      *ret_allowed = "a file that belongs to root or to the user roamd runs as";
      return g_strdup_printf ("a file of the user %u", (guint)status->st_uid);
    }
  if ((status->st_mode & rule->forbidden) != 0)
    {
      *ret_allowed = rule->allowed;
      return g_strdup_printf ("mode 0%03o", (guint)(status->st_mode & 07777));
    }
  if (status->st_size < 1 || (guint64)status->st_size > rule->max_length)
    {
      *ret_allowed = "a file that is neither empty nor bigger than a mebibyte (secrets: 64 KiB)";
      return g_strdup_printf ("%" G_GINT64_FORMAT " octets", (gint64)status->st_size);
    }
  return NULL;
}

/* Reads up to the size that was judged; wiped by the caller when it is a secret. -1: errno. */
static gssize
read_all (int fd, guint8 *buffer, gsize size)
{
  gsize done = 0;

  while (done < size)
    {
      gssize n = read (fd, buffer + done, size - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return -1;
      if (n == 0)
        break;
      done += (gsize)n;
    }
  return (gssize)done;
}

typedef struct
{
  guint8 *data;
  gsize length;
} FileContents;

static void
file_contents_clear (FileContents *contents)
{
  if (contents->data != NULL)
    roam_wipe (contents->data, contents->length);
  g_clear_pointer (&contents->data, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (FileContents, file_contents_clear)

/* The mode is that of the file that is read, not of a name looked at before: open, then fstat. */
static gboolean
read_file (const char *path, const FileRule *rule, FileContents *ret_contents, char **ret_found,
           const char **ret_allowed)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  struct stat status;
  gssize length = -1;
  guint8 *data = NULL;

  *ret_allowed = "a file that can be read";
  if (fd < 0 || fstat (fd, &status) < 0)
    *ret_found = g_strdup_printf ("%s (%s)", path, g_strerror (errno));
  else
    *ret_found = judge_file (&status, rule, ret_allowed);
  if (*ret_found == NULL)
    {
      data = g_malloc ((gsize)status.st_size);
      length = read_all (fd, data, (gsize)status.st_size);
      if (length < 0)
        *ret_found = g_strdup_printf ("%s (%s)", path, g_strerror (errno));
    }
  if (fd >= 0)
    close (fd);
  if (*ret_found != NULL)
    {
      g_free (data);
      return FALSE;
    }
  *ret_contents = (FileContents){ .data = data, .length = (gsize)length };
  return TRUE;
}

/* Caller frees. */
static char *
find_file (const AgentConfig *config, const char *name, const char *credentials_directory)
{
  g_autofree char *directory = NULL;

  if (g_path_is_absolute (name))
    return g_strdup (name);
  if (credentials_directory != NULL)
    {
      g_autofree char *path = g_build_filename (credentials_directory, name, NULL);

      if (access (path, F_OK) == 0)
        return g_steal_pointer (&path);
    }
  directory = g_path_get_dirname (config->file);
  return g_build_filename (directory, name, NULL);
}

typedef RoamSecret *(*SecretParser) (const guint8 *data, gsize length, const char **ret_allowed);

static RoamSecret *
parse_any (const guint8 *data, gsize length, const char **ret_allowed)
{
  return roam_secret_new (data, length);
}

typedef struct
{
  const AgentConfig *config;
  const char *credentials_directory;
  AgentConfigProblems *problems;
} Loader;

static gboolean
load_contents (const Loader *loader, const char *group, const char *key, const char *name, const FileRule *rule,
               FileContents *ret_contents)
{
  g_autofree char *path = find_file (loader->config, name, loader->credentials_directory);
  g_autofree char *found = NULL;
  const char *allowed;

  if (read_file (path, rule, ret_contents, &found, &allowed))
    return TRUE;
  agent_config_problems_add (loader->problems, group, key, found, "%s", allowed);
  return FALSE;
}

static RoamSecret *
load_secret (const Loader *loader, const char *group, const char *key, const char *name, SecretParser parser)
{
  g_auto (FileContents) contents = { NULL };
  const char *allowed = NULL;
  RoamSecret *secret;

  if (name == NULL || !load_contents (loader, group, key, name, &secret_rule, &contents))
    return NULL;
  secret = parser (contents.data, contents.length, &allowed);
  if (secret == NULL)
    agent_config_problems_add (loader->problems, group, key, name, "%s", allowed);
  return secret;
}

/* NULL without a problem when a person will be asked for it. */
static RoamSecret *
load_or_ask (const Loader *loader, const char *key, const char *name, SecretParser parser)
{
  return agent_config_is_asked (name) ? NULL : load_secret (loader, "vpn", key, name, parser);
}

static GBytes *
load_public (const Loader *loader, const char *group, const char *key, const char *name)
{
  g_auto (FileContents) contents = { NULL };

  if (name == NULL || agent_config_is_asked (name) ||
      !load_contents (loader, group, key, name, &public_rule, &contents))
    return NULL;
  return g_bytes_new (contents.data, contents.length);
}

static void
load_keys (const Loader *loader, const char *key, const GPtrArray *keys)
{
  for (guint i = 0; i < keys->len; i++)
    {
      AgentConfigKey *entry = keys->pdata[i];

      entry->key = load_secret (loader, "mobile-ip", key, entry->key_file, agent_config_parse_hex_key);
    }
}

static void
check_private_key (const AgentConfig *config, AgentConfigProblems *problems)
{
  const char *allowed = config->private_key != NULL ? agent_key_uri_check (config->private_key) : NULL;

  if (allowed != NULL)
    agent_config_problems_add (problems, "vpn", "private-key", config->private_key, "%s", allowed);
}

static void
load_files (AgentConfig *config, const char *credentials_directory, AgentConfigProblems *problems)
{
  Loader loader = { config, credentials_directory, problems };

  config->mn_ha_key = load_secret (&loader, "mobile-ip", "key-file", config->key_file, agent_config_parse_hex_key);
  load_keys (&loader, "more-keys", config->more_keys);
  load_keys (&loader, "foreign-agent-keys", config->fa_keys);
  load_keys (&loader, "aaa-key", config->aaa_key);
  config->psk = load_or_ask (&loader, "psk-file", config->psk_file, agent_config_parse_psk);
  config->password = load_or_ask (&loader, "password-file", config->password_file, agent_config_parse_password);
  config->new_password =
    load_secret (&loader, "vpn", "new-password-file", config->new_password_file, agent_config_parse_password);
  config->ppk = load_secret (&loader, "vpn", "ppk-file", config->ppk_file, agent_config_parse_ppk);
  config->pin = load_or_ask (&loader, "pin-file", config->pin_file, agent_config_parse_password);
  check_private_key (config, problems);
  config->private_key_pem = load_secret (&loader, "vpn", "private-key-file", config->private_key_file, parse_any);
  config->certificate_pem = load_public (&loader, "vpn", "certificate-file", config->certificate_file);
  config->ca_pem = load_public (&loader, "vpn", "ca-file", config->ca_file);
  config->crl = load_public (&loader, "vpn", "crl-file", config->crl_file);
}

/* What only the engine can tell, once it has every key. */
static void
check_engine (const AgentConfig *config, AgentConfigProblems *problems)
{
  Mip4MnConfig mip4;
  const char *fault;

  if (problems->lines->len > 0)
    return;
  agent_config_get_mip4 (config, &mip4);
  fault = mip4_mn_config_fault (&mip4);
  if (fault != NULL)
    agent_config_problems_add (problems, "mobile-ip", NULL, fault, "a combination of keys without this fault");
}

AgentConfig *
agent_config_load (const char *file, const char *credentials_directory, AgentConfigProblems *problems)
{
  g_auto (FileContents) contents = { NULL };
  g_autofree char *found = NULL;
  const char *allowed;
  g_autoptr (AgentConfig) config = NULL;

  if (!read_file (file, &public_rule, &contents, &found, &allowed))
    {
      agent_config_problems_add (problems, NULL, NULL, found, "%s", allowed);
      return NULL;
    }
  config = agent_config_parse (file, (const char *)contents.data, contents.length, problems);
  if (config == NULL)
    return NULL;
  load_files (config, credentials_directory, problems);
  agent_config_make_associations (config);
  check_engine (config, problems);
  return problems->lines->len == 0 ? g_steal_pointer (&config) : NULL;
}
