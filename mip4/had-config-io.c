/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/conf-io.h"
#include "mip4/had-io-private.h"

#include <string.h>

/* The configuration of roam-had. Every fault is reported, not only the first. */

#define GROUP "home-agent"
#define NODE_GROUP_PREFIX "node "
#define FOREIGN_AGENT_GROUP_PREFIX "foreign-agent "
#define LIFETIME_DEFAULT_S 1800
/* Replays are possible for that long: more than an hour would be no protection at all. */
#define TOLERANCE_MAX_S 3600u
/* RFC 4917: what fits beside the rest in one extension. */
#define MESSAGE_MAX 200u
/*
 * Inner MTU. In mode mc the outer packet passes the VPN gateway's tunnel, whose MTU is 1400 with
 * strongSwan's user-space backend and not much more elsewhere: 1380 fits without fragments. At most
 * what a 1500-octet link leaves beside the outer header; at least what IPv4 hosts must take.
 */
#define MTU_DEFAULT 1380
#define MTU_MIN 576
#define MTU_MAX 1480

static const char *const home_agent_keys[] = { "address",
                                               "interface",
                                               "home-network",
                                               "trusted-networks",
                                               "max-lifetime",
                                               "max-udp-lifetime",
                                               "keepalive",
                                               "tolerance",
                                               "max-bindings",
                                               "max-requests",
                                               "simultaneous-bindings",
                                               "address-pool",
                                               "mtu",
                                               "nat-traversal",
                                               "forced-udp",
                                               "agent-udp",
                                               "reverse-tunnel",
                                               "require-source-match",
                                               "strict-reserved",
                                               "revocation",
                                               "answer-unauthenticated",
                                               "redirect",
                                               "denial-message",
                                               "tun-name",
                                               "ecn",
                                               "store",
                                               "control",
                                               "control-group",
                                               NULL };
static const char *const node_keys[] = { "spi",       "algorithm", "key-file", "nai", "replay",
                                         "tolerance", "more-keys", "services", NULL };
static const char *const foreign_agent_keys[] = { "spi", "algorithm", "key-file", NULL };

static void
load_address (const Mip4Conf *conf, HadConfig *config)
{
  g_autofree char *text = mip4_conf_get (conf, GROUP, "address", "an IPv4 address of this host, as 10.1.0.2");

  if (text != NULL && !mip4_conf_parse_ipv4 (text, &config->address))
    mip4_conf_fault (conf, GROUP, "address", "found '%s', allowed: an IPv4 address of this host, as 10.1.0.2", text);
}

static void
load_names (const Mip4Conf *conf, HadConfig *config)
{
  config->interface = mip4_conf_interface (conf, GROUP, "interface", TRUE);
  config->tun_name = mip4_conf_interface (conf, GROUP, "tun-name", FALSE);
  if (config->tun_name == NULL)
    config->tun_name = g_strdup ("had0");
}

static void
load_networks (const Mip4Conf *conf, HadConfig *config)
{
  g_autofree char *home = mip4_conf_get (conf, GROUP, "home-network", "a prefix, as 10.1.0.0/24");
  g_autofree char *trusted = mip4_conf_get (conf, GROUP, "trusted-networks", NULL);
  g_auto (GStrv) parts = NULL;

  if (home != NULL && !mip4_conf_parse_ipv4_prefix (home, &config->home_network))
    mip4_conf_fault (conf, GROUP, "home-network", "found '%s', allowed: a prefix, as 10.1.0.0/24", home);
  if (trusted == NULL)
    return;
  parts = g_strsplit (trusted, ";", -1);
  for (guint i = 0; parts[i] != NULL; i++)
    {
      RoamPrefix prefix;

      if (g_strstrip (parts[i])[0] == '\0')
        continue;
      if (mip4_conf_parse_ipv4_prefix (parts[i], &prefix))
        g_array_append_val (config->trusted_networks, prefix);
      else
        mip4_conf_fault (conf, GROUP, "trusted-networks",
                         "found '%s', allowed: prefixes with ';' between them, as 10.0.0.0/8", parts[i]);
    }
}

static void
load_limits (const Mip4Conf *conf, Mip4HaConfig *engine)
{
  engine->max_lifetime_s = (guint16)mip4_conf_number (conf, GROUP, "max-lifetime", 1, G_MAXUINT16, LIFETIME_DEFAULT_S);
  engine->max_udp_lifetime_s = (guint16)mip4_conf_number (conf, GROUP, "max-udp-lifetime", 1, G_MAXUINT16, 0);
  engine->keepalive_s = (guint16)mip4_conf_number (conf, GROUP, "keepalive", 1, G_MAXUINT16, 0);
  engine->tolerance_s = (guint)mip4_conf_number (conf, GROUP, "tolerance", 1, TOLERANCE_MAX_S, 0);
  engine->max_bindings = (guint)mip4_conf_number (conf, GROUP, "max-bindings", 1, G_MAXINT, 0);
  engine->max_requests_per_second = (guint)mip4_conf_number (conf, GROUP, "max-requests", 1, G_MAXINT, 0);
  engine->max_simultaneous =
    (guint)mip4_conf_number (conf, GROUP, "simultaneous-bindings", 1, MIP4_HA_SIMULTANEOUS_LIMIT, 1);
}

static void
load_policy (const Mip4Conf *conf, Mip4HaConfig *engine)
{
  g_autofree char *reverse = mip4_conf_get (conf, GROUP, "reverse-tunnel", NULL);
  g_autofree char *redirect = mip4_conf_get (conf, GROUP, "redirect", NULL);

  engine->nat_traversal = mip4_conf_boolean (conf, GROUP, "nat-traversal", TRUE);
  engine->forced_udp = mip4_conf_boolean (conf, GROUP, "forced-udp", engine->nat_traversal);
  engine->agent_udp = mip4_conf_boolean (conf, GROUP, "agent-udp", FALSE);
  engine->require_source_match = mip4_conf_boolean (conf, GROUP, "require-source-match", FALSE);
  engine->strict_reserved = mip4_conf_boolean (conf, GROUP, "strict-reserved", FALSE);
  engine->revocation = mip4_conf_boolean (conf, GROUP, "revocation", TRUE);
  engine->answer_unauthenticated = mip4_conf_boolean (conf, GROUP, "answer-unauthenticated", FALSE);
  engine->require_reverse_tunnel = g_strcmp0 (reverse, "required") == 0;
  engine->refuse_reverse_tunnel = g_strcmp0 (reverse, "no") == 0;
  if (reverse != NULL && !engine->require_reverse_tunnel && !engine->refuse_reverse_tunnel &&
      strcmp (reverse, "yes") != 0)
    mip4_conf_fault (conf, GROUP, "reverse-tunnel", "found '%s', allowed: yes, no or required", reverse);
  if (redirect != NULL && !mip4_conf_parse_ipv4 (redirect, &engine->redirect))
    mip4_conf_fault (conf, GROUP, "redirect", "found '%s', allowed: the address of another home agent", redirect);
}

static void
load_pool (const Mip4Conf *conf, HadConfig *config)
{
  g_autofree char *text = mip4_conf_get (conf, GROUP, "address-pool", NULL);
  g_auto (GStrv) ends = text != NULL ? g_strsplit (text, "-", 2) : NULL;
  Mip4HaConfig *engine = &config->engine;

  if (text == NULL)
    return;
  if (g_strv_length (ends) != 2 || !mip4_conf_parse_ipv4 (g_strstrip (ends[0]), &engine->pool_first) ||
      !mip4_conf_parse_ipv4 (g_strstrip (ends[1]), &engine->pool_last))
    mip4_conf_fault (conf, GROUP, "address-pool", "found '%s', allowed: two addresses, as 10.1.0.200-10.1.0.250", text);
  else if (!roam_prefix_contains (&config->home_network, &engine->pool_first) ||
           !roam_prefix_contains (&config->home_network, &engine->pool_last))
    mip4_conf_fault (conf, GROUP, "address-pool", "it is not in home-network");
}

static void
load_message (const Mip4Conf *conf, HadConfig *config)
{
  config->denial_message = mip4_conf_get (conf, GROUP, "denial-message", NULL);
  if (config->denial_message != NULL &&
      (config->denial_message[0] == '\0' || strlen (config->denial_message) > MESSAGE_MAX))
    mip4_conf_fault (conf, GROUP, "denial-message", "allowed: 1 to %u octets of UTF-8", MESSAGE_MAX);
}

/* Absolute, or "none". */
static char *
get_path (const Mip4Conf *conf, const char *key)
{
  g_autofree char *path = mip4_conf_get (conf, GROUP, key, NULL);

  if (path != NULL && !g_path_is_absolute (path) && strcmp (path, "none") != 0)
    mip4_conf_fault (conf, GROUP, key, "found '%s', allowed: an absolute path, or none", path);
  return g_steal_pointer (&path);
}

static void
load_paths (const Mip4Conf *conf, HadConfig *config)
{
  g_autofree char *ecn = mip4_conf_get (conf, GROUP, "ecn", NULL);

  config->store_path = get_path (conf, "store");
  config->control_path = get_path (conf, "control");
  config->control_group = mip4_conf_get (conf, GROUP, "control-group", NULL);
  if (g_strcmp0 (ecn, "compatibility") == 0)
    config->ecn = MIP4_ECN_COMPATIBILITY;
  else if (ecn != NULL && strcmp (ecn, "normal") != 0)
    mip4_conf_fault (conf, GROUP, "ecn", "found '%s', allowed: normal or compatibility", ecn);
}

/* "4097 hmac-sha-256 next.key; 4098 hmac-md5 old.key" */
static void
load_more_keys (const Mip4Conf *conf, const char *group, Mip4HaNode *node)
{
  g_autofree char *text = mip4_conf_get (conf, group, "more-keys", NULL);
  g_autoptr (GArray) more = g_array_new (FALSE, FALSE, sizeof (Mip4HaAssociation));
  g_auto (GStrv) parts = g_strsplit (text != NULL ? text : "", ";", -1);

  for (guint i = 0; parts[i] != NULL; i++)
    {
      g_auto (GStrv) words = g_strsplit_set (g_strstrip (parts[i]), " \t", -1);
      Mip4HaAssociation entry = { .replay = node->replay };
      guint64 spi = 0;

      if (parts[i][0] == '\0')
        continue;
      if (g_strv_length (words) != 3 ||
          !g_ascii_string_to_unsigned (words[0], 10, MIP4_CONF_SPI_MIN, G_MAXUINT32, &spi, NULL) ||
          !mip4_conf_parse_algorithm (words[1], &entry.association.algorithm))
        {
          mip4_conf_fault (conf, group, "more-keys",
                           "found '%s', allowed: SPI, algorithm and key file, as 4097 hmac-sha-256 "
                           "next.key, with ';' between several",
                           parts[i]);
          continue;
        }
      entry.association.spi = (guint32)spi;
      entry.association.key = mip4_conf_load_key (conf, group, "more-keys", words[2]);
      g_array_append_val (more, entry);
    }
  node->n_more_mn_ha = more->len;
  node->more_mn_ha = (const Mip4HaAssociation *)(void *)g_array_free (g_steal_pointer (&more), FALSE);
}

/* The group is named by a home address, or for a node of the pool by its NAI. */
static void
load_node_name (const Mip4Conf *conf, const char *group, HadConfig *config, Mip4HaNode *node)
{
  const char *text = group + strlen (NODE_GROUP_PREFIX);

  node->nai = mip4_conf_get (conf, group, "nai", NULL);
  if (strchr (text, '@') != NULL && node->nai == NULL)
    {
      node->nai = g_strdup (text);
      return;
    }
  if (!mip4_conf_parse_ipv4 (text, &node->home_address))
    {
      mip4_conf_fault (conf, group, NULL,
                       "found '%s', allowed: the node's home address, as [node 10.1.0.100], or with "
                       "address-pool its NAI",
                       text);
      return;
    }
  if (config->home_network.addr.family != 0 && !roam_prefix_contains (&config->home_network, &node->home_address))
    mip4_conf_fault (conf, group, NULL, "the home address is not in home-network");
  if (roam_addr_equal (&config->address, &node->home_address))
    mip4_conf_fault (conf, group, NULL, "the home address is the home agent's own address");
}

static void
load_replay (const Mip4Conf *conf, const char *group, Mip4HaNode *node)
{
  g_autofree char *replay = mip4_conf_get (conf, group, "replay", NULL);

  node->replay = g_strcmp0 (replay, "nonces") == 0 ? MIP4_REPLAY_NONCE : MIP4_REPLAY_TIMESTAMP;
  if (replay != NULL && node->replay == MIP4_REPLAY_TIMESTAMP && strcmp (replay, "timestamps") != 0)
    mip4_conf_fault (conf, group, "replay", "found '%s', allowed: timestamps or nonces", replay);
  node->tolerance_s = (guint16)mip4_conf_number (conf, group, "tolerance", 1, TOLERANCE_MAX_S, 0);
}

static void
load_node (const Mip4Conf *conf, const char *group, HadConfig *config)
{
  g_autofree char *services = mip4_conf_get (conf, group, "services", NULL);
  Mip4HaNode node = { 0 };

  load_node_name (conf, group, config, &node);
  node.mn_ha = mip4_conf_association (conf, group);
  if (node.nai != NULL && (node.nai[0] == '\0' || strlen (node.nai) > G_MAXUINT8))
    mip4_conf_fault (conf, group, "nai", "allowed: 1 to 255 octets, as alice@example.com");
  load_replay (conf, group, &node);
  load_more_keys (conf, group, &node);
  if (services != NULL)
    {
      char **list = g_strsplit (services, ";", -1);

      for (guint i = 0; list[i] != NULL; i++)
        g_strstrip (list[i]);
      node.services = (const char *const *)list;
    }
  g_array_append_val (config->nodes, node);
}

static void
load_foreign_agent (const Mip4Conf *conf, const char *group, HadConfig *config)
{
  Mip4HaFaAssociation agent = { 0 };

  if (!mip4_conf_parse_ipv4 (group + strlen (FOREIGN_AGENT_GROUP_PREFIX), &agent.agent))
    mip4_conf_fault (conf, group, NULL, "allowed: the agent's address, as [foreign-agent 10.2.0.1]");
  agent.association = mip4_conf_association (conf, group);
  g_array_append_val (config->foreign_agents, agent);
}

static void
load_groups (const Mip4Conf *conf, HadConfig *config)
{
  g_auto (GStrv) groups = g_key_file_get_groups (conf->file, NULL);

  for (guint i = 0; groups[i] != NULL; i++)
    {
      if (strcmp (groups[i], GROUP) == 0)
        mip4_conf_check_keys (conf, groups[i], home_agent_keys);
      else if (g_str_has_prefix (groups[i], NODE_GROUP_PREFIX))
        {
          mip4_conf_check_keys (conf, groups[i], node_keys);
          load_node (conf, groups[i], config);
        }
      else if (g_str_has_prefix (groups[i], FOREIGN_AGENT_GROUP_PREFIX))
        {
          mip4_conf_check_keys (conf, groups[i], foreign_agent_keys);
          load_foreign_agent (conf, groups[i], config);
        }
      else
        mip4_conf_fault (conf, groups[i], NULL,
                         "unknown group, allowed: [home-agent], [node <home address>] and [foreign-agent <address>]");
    }
}

/* With a random stream in place, which only the running program has. */
static const char *
engine_fault (const Mip4HaConfig *config)
{
  Mip4HaConfig engine = *config;
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (0);

  engine.rng = rng;
  return mip4_ha_config_fault (&engine);
}

/* The engine's view of @config; it has rules of its own. */
static void
fill_engine (const Mip4Conf *conf, HadConfig *config)
{
  Mip4HaConfig *engine = &config->engine;
  const char *reason;

  engine->address = config->address;
  engine->trusted_networks = (const RoamPrefix *)(void *)config->trusted_networks->data;
  engine->n_trusted_networks = config->trusted_networks->len;
  engine->nodes = (const Mip4HaNode *)(void *)config->nodes->data;
  engine->n_nodes = config->nodes->len;
  engine->fa_ha = (const Mip4HaFaAssociation *)(void *)config->foreign_agents->data;
  engine->n_fa_ha = config->foreign_agents->len;
  engine->denial_message = config->denial_message;
  if (conf->errors->len > 0)
    return;
  reason = engine_fault (engine);
  if (reason != NULL)
    mip4_conf_fault (conf, NULL, NULL, "%s", reason);
}

static void
load_all (const Mip4Conf *conf, HadConfig *config)
{
  load_address (conf, config);
  load_names (conf, config);
  load_networks (conf, config);
  load_limits (conf, &config->engine);
  load_policy (conf, &config->engine);
  load_pool (conf, config);
  load_message (conf, config);
  load_paths (conf, config);
  config->mtu = (guint)mip4_conf_number (conf, GROUP, "mtu", MTU_MIN, MTU_MAX, MTU_DEFAULT);
  load_groups (conf, config);
  if (config->nodes->len == 0)
    mip4_conf_fault (conf, NULL, NULL, "no mobile node, add a group [node <home address>] with spi and key-file");
  fill_engine (conf, config);
}

static void
secret_unref (gpointer secret)
{
  roam_secret_unref (secret);
}

HadConfig *
had_config_load (const char *path, const char *credentials_dir, GPtrArray *errors)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (HadConfig) config = g_new0 (HadConfig, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (GHashTable) keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, secret_unref);
  const Mip4Conf conf = { path, credentials_dir, file, errors, keys };

  config->trusted_networks = g_array_new (FALSE, FALSE, sizeof (RoamPrefix));
  config->nodes = g_array_new (FALSE, FALSE, sizeof (Mip4HaNode));
  config->foreign_agents = g_array_new (FALSE, FALSE, sizeof (Mip4HaFaAssociation));
  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &error))
    {
      mip4_conf_fault (&conf, NULL, NULL, "%s", error->message);
      return NULL;
    }
  load_all (&conf, config);
  return errors->len == 0 ? g_steal_pointer (&config) : NULL;
}

static void
node_clear (Mip4HaNode *node)
{
  roam_secret_unref (node->mn_ha.key);
  for (guint i = 0; i < node->n_more_mn_ha; i++)
    roam_secret_unref (node->more_mn_ha[i].association.key);
  g_free ((gpointer)node->more_mn_ha);
  g_free ((char *)node->nai);
  g_strfreev ((char **)node->services);
}

void
had_config_free (HadConfig *config)
{
  if (config == NULL)
    return;
  for (guint i = 0; i < config->nodes->len; i++)
    node_clear (&g_array_index (config->nodes, Mip4HaNode, i));
  for (guint i = 0; i < config->foreign_agents->len; i++)
    roam_secret_unref (g_array_index (config->foreign_agents, Mip4HaFaAssociation, i).association.key);
  g_array_unref (config->foreign_agents);
  g_free (config->denial_message);
  g_array_unref (config->nodes);
  g_array_unref (config->trusted_networks);
  g_free (config->interface);
  g_free (config->tun_name);
  g_free (config->store_path);
  g_free (config->control_path);
  g_free (config->control_group);
  g_free (config);
}
