/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/config-private.h"

#include <string.h>

/* Keys beside the one shared with the home agent: further ones with it, with foreign agents, with AAA. */

void
agent_config_key_free (AgentConfigKey *key)
{
  if (key == NULL)
    return;
  g_free (key->key_file);
  roam_secret_unref (key->key);
  g_free (key);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AgentConfigKey, agent_config_key_free)

static gboolean
parse_algorithm (const char *word, int *ret_algorithm)
{
  if (word != NULL && g_str_equal (word, "hmac-md5"))
    *ret_algorithm = MIP4_AUTH_HMAC_MD5;
  else if (word == NULL || g_str_equal (word, "hmac-sha-256"))
    *ret_algorithm = MIP4_AUTH_HMAC_SHA_256;
  else
    return FALSE;
  return TRUE;
}

/* NULL-terminated, white space between them; caller frees. */
static char **
split_words (const char *text)
{
  g_auto (GStrv) raw = g_strsplit_set (text, " \t", -1);
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();

  for (guint i = 0; raw[i] != NULL; i++)
    if (raw[i][0] != '\0')
      g_strv_builder_add (words, raw[i]);
  return g_strv_builder_end (words);
}

static AgentConfigKey *
parse_key (const char *text, gboolean with_peer)
{
  g_auto (GStrv) words = split_words (text);
  g_autoptr (AgentConfigKey) key = g_new0 (AgentConfigKey, 1);
  guint n_words = g_strv_length (words), first = with_peer ? 1 : 0;
  guint64 spi;

  if (n_words < first + 2 || n_words > first + 3 ||
      (with_peer && !(roam_addr_parse (words[0], &key->peer) && agent_config_is_host4 (&key->peer))))
    return NULL;
  /* RFC 5944 1.6: 0 to 255 are reserved. */
  if (!g_ascii_string_to_unsigned (words[first], 10, 256, G_MAXUINT32, &spi, NULL) ||
      !parse_algorithm (words[first + 2], &key->algorithm))
    return NULL;
  key->spi = (guint32)spi;
  key->key_file = g_strdup (words[first + 1]);
  return g_steal_pointer (&key);
}

gboolean
agent_config_apply_keys (const AgentConfigRule *rule, const char *text, gpointer field)
{
  g_auto (GStrv) pieces = agent_config_split_list (text);
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func ((GDestroyNotify)agent_config_key_free);

  for (guint i = 0; pieces[i] != NULL; i++)
    {
      AgentConfigKey *key = parse_key (pieces[i], rule->min == 2);

      if (key == NULL || keys->len == rule->max)
        {
          agent_config_key_free (key);
          return FALSE;
        }
      g_ptr_array_add (keys, key);
    }
  g_clear_pointer ((GPtrArray **)field, g_ptr_array_unref);
  *(GPtrArray **)field = g_steal_pointer (&keys);
  return TRUE;
}

static Mip4SecurityAssociation
association_of (const AgentConfigKey *key)
{
  return (Mip4SecurityAssociation){ .spi = key->spi, .algorithm = (Mip4AuthAlgorithm)key->algorithm, .key = key->key };
}

void
agent_config_make_associations (AgentConfig *config)
{
  g_clear_pointer (&config->ha_associations, g_array_unref);
  g_clear_pointer (&config->fa_associations, g_array_unref);
  config->ha_associations = g_array_new (FALSE, TRUE, sizeof (Mip4MnHaAssociation));
  config->fa_associations = g_array_new (FALSE, TRUE, sizeof (Mip4MnFaAssociation));
  for (guint i = 0; i < config->more_keys->len; i++)
    {
      const Mip4MnHaAssociation more = { .association = association_of (config->more_keys->pdata[i]),
                                         .replay = (Mip4ReplayStyle)config->replay };

      g_array_append_val (config->ha_associations, more);
    }
  for (guint i = 0; i < config->fa_keys->len; i++)
    {
      const AgentConfigKey *key = config->fa_keys->pdata[i];
      const Mip4MnFaAssociation agent = { .agent = key->peer, .association = association_of (key) };

      g_array_append_val (config->fa_associations, agent);
    }
}
