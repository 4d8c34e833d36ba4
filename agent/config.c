/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/config-private.h"

#include <stdarg.h>
#include <string.h>

/* A profile is a page of text; a bigger one is a mistake (or not a profile at all). */
#define MAX_PROFILE_LENGTH (64 * 1024)

AgentConfigProblems *
agent_config_problems_new (const char *file)
{
  AgentConfigProblems *problems = g_new0 (AgentConfigProblems, 1);

  problems->file = g_strdup (file);
  problems->lines = g_ptr_array_new_with_free_func (g_free);
  return problems;
}

void
agent_config_problems_free (AgentConfigProblems *problems)
{
  if (problems == NULL)
    return;
  g_free (problems->file);
  g_ptr_array_unref (problems->lines);
  g_free (problems);
}

void
agent_config_problems_add (AgentConfigProblems *problems, const char *group, const char *key, const char *found,
                           const char *allowed_format, ...)
{
  g_autoptr (GString) line = g_string_new (problems->file);
  va_list args;

  g_string_append (line, ":");
  if (group != NULL)
    g_string_append_printf (line, " [%s]", group);
  if (key != NULL)
    g_string_append_printf (line, " %s:", key);
  if (found != NULL)
    {
      /* Values come from a file that may be anything: keep the terminal and the journal clean. */
      g_autofree char *clean = g_utf8_make_valid (found, MIN ((gssize)strlen (found), 200));
      g_autofree char *escaped = g_strescape (clean, NULL);

      g_string_append_printf (line, " found '%s', allowed: ", escaped);
    }
  else
    g_string_append (line, " found nothing, allowed: ");
  va_start (args, allowed_format);
  g_string_append_vprintf (line, allowed_format, args);
  va_end (args);
  g_ptr_array_add (problems->lines, g_string_free (g_steal_pointer (&line), FALSE));
}

void
agent_config_free (AgentConfig *config)
{
  if (config == NULL)
    return;
  g_free (config->file);
  g_free (config->nai);
  g_free (config->key_file);
  g_free (config->service);
  g_clear_pointer (&config->more_keys, g_ptr_array_unref);
  g_clear_pointer (&config->fa_keys, g_ptr_array_unref);
  g_clear_pointer (&config->aaa_key, g_ptr_array_unref);
  g_clear_pointer (&config->ha_associations, g_array_unref);
  g_clear_pointer (&config->fa_associations, g_array_unref);
  g_strfreev (config->gateways);
  g_strfreev (config->domains);
  g_free (config->local_id);
  g_free (config->remote_id);
  g_free (config->psk_file);
  g_free (config->certificate_file);
  g_free (config->private_key_file);
  g_free (config->private_key);
  g_free (config->pin_file);
  g_free (config->ca_file);
  g_free (config->crl_file);
  g_free (config->eap_identity);
  g_free (config->eap_server_name);
  g_free (config->password_file);
  g_free (config->new_password_file);
  g_free (config->ppk_file);
  g_free (config->ppk_id);
  g_free (config->ike_proposals);
  g_free (config->esp_proposals);
  g_free (config->tun_name);
  g_clear_pointer (&config->exempt, g_array_unref);
  g_strfreev (config->ignore);
  roam_secret_unref (config->mn_ha_key);
  roam_secret_unref (config->psk);
  roam_secret_unref (config->password);
  roam_secret_unref (config->new_password);
  roam_secret_unref (config->ppk);
  roam_secret_unref (config->private_key_pem);
  roam_secret_unref (config->pin);
  g_clear_pointer (&config->certificate_pem, g_bytes_unref);
  g_clear_pointer (&config->crl, g_bytes_unref);
  g_clear_pointer (&config->ca_pem, g_bytes_unref);
  g_free (config);
}

/* ---------------------------------------------------------- text of the file ---- */

/*
 * GKeyFile merges groups and lets the last key win in silence; a profile that says one thing twice
 * is one that its author did not mean. So the lines are looked at before GKeyFile does.
 */
static void
find_duplicates (const char *text, AgentConfigProblems *problems)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *group = g_strdup ("");

  for (guint i = 0; lines[i] != NULL; i++)
    {
      char *line = g_strstrip (lines[i]), *equals, *id;

      if (line[0] == '[' && g_str_has_suffix (line, "]"))
        {
          g_free (group);
          group = g_strndup (line + 1, strlen (line) - 2);
          if (!g_hash_table_add (seen, g_strconcat ("[", group, NULL)))
            agent_config_problems_add (problems, group, NULL, "the group twice", "once (line %u)", i + 1);
          continue;
        }
      equals = strchr (line, '=');
      if (line[0] == '#' || equals == NULL)
        continue;
      *equals = '\0';
      g_strchomp (line);
      id = g_strconcat (group, "\n", line, NULL);
      if (!g_hash_table_add (seen, id))
        agent_config_problems_add (problems, group, line, "the key twice", "once (line %u)", i + 1);
    }
}

static const AgentConfigRule *
find_rule (const char *group, const char *key)
{
  for (guint i = 0; i < agent_config_n_rules; i++)
    if (g_str_equal (agent_config_rules[i].group, group) && g_str_equal (agent_config_rules[i].key, key))
      return &agent_config_rules[i];
  return NULL;
}

/* "a, b, c": the groups, or the keys of @group. Caller frees. */
static char *
list_names (const char *group)
{
  GString *names = g_string_new (NULL);
  const char *last = "";

  for (guint i = 0; i < agent_config_n_rules; i++)
    {
      const AgentConfigRule *rule = &agent_config_rules[i];
      const char *name = group == NULL ? rule->group : rule->key;

      if ((group != NULL && !g_str_equal (rule->group, group)) || g_str_equal (name, last))
        continue;
      g_string_append_printf (names, "%s%s", names->len > 0 ? ", " : "", name);
      last = name;
    }
  return g_string_free (names, FALSE);
}

static void
find_unknown (GKeyFile *file, AgentConfigProblems *problems)
{
  g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);
  g_autofree char *all_groups = list_names (NULL);

  for (guint i = 0; groups[i] != NULL; i++)
    {
      g_autofree char *known = list_names (groups[i]);
      g_auto (GStrv) keys = g_key_file_get_keys (file, groups[i], NULL, NULL);

      if (known[0] == '\0')
        {
          agent_config_problems_add (problems, groups[i], NULL, groups[i], "one of the groups %s", all_groups);
          continue;
        }
      for (guint j = 0; keys != NULL && keys[j] != NULL; j++)
        if (find_rule (groups[i], keys[j]) == NULL)
          agent_config_problems_add (problems, groups[i], keys[j], keys[j], "one of the keys %s", known);
    }
}

/* ------------------------------------------------------------------- values ---- */

static void
read_value (GKeyFile *file, const AgentConfigRule *rule, AgentConfig *config, AgentConfigProblems *problems)
{
  g_autofree char *value = g_key_file_get_value (file, rule->group, rule->key, NULL);
  g_autofree char *allowed = NULL;
  const char *text = value;

  if (text != NULL)
    text = g_strstrip (value);
  if (text == NULL)
    {
      if (rule->presence == AGENT_CONFIG_REQUIRED && g_key_file_has_group (file, rule->group))
        {
          allowed = agent_config_rule_allowed (rule);
          agent_config_problems_add (problems, rule->group, rule->key, NULL, "%s (the key is required)", allowed);
          return;
        }
      text = rule->fallback;
    }
  if (text == NULL)
    return;
  allowed = agent_config_rule_apply (rule, text, config);
  if (allowed != NULL)
    agent_config_problems_add (problems, rule->group, rule->key, text, "%s", allowed);
}

static GKeyFile *
open_text (const char *text, gsize length, AgentConfigProblems *problems)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;

  if (length > MAX_PROFILE_LENGTH)
    {
      agent_config_problems_add (problems, NULL, NULL, "a file too big", "at most %d octets", MAX_PROFILE_LENGTH);
      return NULL;
    }
  if (memchr (text, '\0', length) != NULL || !g_utf8_validate (text, (gssize)length, NULL))
    {
      agent_config_problems_add (problems, NULL, NULL, "octets that are no text", "a text file in UTF-8");
      return NULL;
    }
  if (!g_key_file_load_from_data (file, text, length, G_KEY_FILE_NONE, &error))
    {
      agent_config_problems_add (problems, NULL, NULL, error->message,
                                 "[group] lines, key=value lines, and comments that begin with #");
      return NULL;
    }
  return g_steal_pointer (&file);
}

AgentConfig *
agent_config_parse (const char *file, const char *text, gsize length, AgentConfigProblems *problems)
{
  g_autoptr (AgentConfig) config = g_new0 (AgentConfig, 1);
  g_autoptr (GKeyFile) key_file = open_text (text, length, problems);
  g_autofree char *copy = g_strndup (text, length);
  guint before = problems->lines->len;

  if (key_file == NULL)
    return NULL;
  config->file = g_strdup (file);
  config->exempt = g_array_new (FALSE, FALSE, sizeof (RoamPrefix));
  config->has_vpn = g_key_file_has_group (key_file, "vpn");
  find_duplicates (copy, problems);
  find_unknown (key_file, problems);
  if (!g_key_file_has_group (key_file, "mobile-ip"))
    agent_config_problems_add (problems, "mobile-ip", NULL, NULL, "the group with the home address and the home agent");
  for (guint i = 0; i < agent_config_n_rules; i++)
    read_value (key_file, &agent_config_rules[i], config, problems);
  /* Contradictions are only worth a line when the values themselves are good. */
  if (problems->lines->len == before)
    agent_config_check_across (config, problems);
  return problems->lines->len == before ? g_steal_pointer (&config) : NULL;
}
