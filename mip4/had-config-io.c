/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"

#include <net/if.h>
#include <string.h>
#include <sys/stat.h>

/* The configuration of roam-had. Every fault is reported, not only the first. */

#define GROUP "home-agent"
#define NODE_GROUP_PREFIX "node "
#define FOREIGN_AGENT_GROUP_PREFIX "foreign-agent "
/* RFC 5944 5.4, 5.1: at least 128 bits. */
#define KEY_MIN_HEX_DIGITS 32u
/* RFC 5944 1.6: what is below is reserved. */
#define SPI_MIN 256u
/* HMAC keys longer than a block are hashed; nobody needs more than this. */
#define KEY_MAX_HEX_DIGITS 512u
#define LIFETIME_DEFAULT_S 1800
/* RFC 1256 4.1 allows up to half an hour; its ten minutes would keep who has come home waiting. */
#define ADVERTISEMENT_INTERVAL_DEFAULT_S 10u
#define ADVERTISEMENT_INTERVAL_MAX_S 1800u
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

typedef struct
{
  const char *path, *credentials_dir;
  GKeyFile *file;
  GPtrArray *errors;
  GHashTable *keys;  /* path -> RoamSecret: nodes may share a file */
  GHashTable *nodes; /* a set of home addresses, host order */
} Loader;

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
                                               "broadcast",
                                               "advertise",
                                               "advertisement-interval",
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

G_GNUC_PRINTF (4, 5)
static void
fault (const Loader *loader, const char *group, const char *key, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (group == NULL)
    g_ptr_array_add (loader->errors, g_strdup_printf ("%s: %s", loader->path, what));
  else if (key == NULL)
    g_ptr_array_add (loader->errors, g_strdup_printf ("%s: [%s]: %s", loader->path, group, what));
  else
    g_ptr_array_add (loader->errors, g_strdup_printf ("%s: [%s] %s: %s", loader->path, group, key, what));
}

/* NULL when missing; a missing required key is a fault. */
static char *
get (const Loader *loader, const char *group, const char *key, gboolean required, const char *allowed)
{
  g_autofree char *value = g_key_file_get_string (loader->file, group, key, NULL);

  if (value != NULL)
    g_strstrip (value);
  if (required && (value == NULL || value[0] == '\0'))
    {
      fault (loader, group, key, "missing, allowed: %s", allowed);
      return NULL;
    }
  return g_steal_pointer (&value);
}

static gboolean
get_number (const Loader *loader, const char *group, const char *key, guint64 minimum, guint64 maximum, guint64 *value)
{
  g_autofree char *text = get (loader, group, key, FALSE, "");
  guint64 parsed;

  if (text == NULL)
    return FALSE;
  if (g_ascii_string_to_unsigned (text, 10, minimum, maximum, &parsed, NULL))
    {
      *value = parsed;
      return TRUE;
    }
  fault (loader, group, key, "found '%s', allowed: a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, text,
         minimum, maximum);
  return FALSE;
}

static gboolean
parse_ipv4 (const char *text, RoamAddr *ret)
{
  RoamAddr addr;

  if (!roam_addr_parse (text, &addr) || addr.family != ROAM_FAMILY_INET4 || !roam_addr_is_specified (&addr))
    return FALSE;
  *ret = addr;
  return TRUE;
}

static gboolean
parse_ipv4_prefix (const char *text, RoamPrefix *ret)
{
  RoamPrefix prefix;

  if (!roam_prefix_parse (text, &prefix) || prefix.addr.family != ROAM_FAMILY_INET4)
    return FALSE;
  *ret = prefix;
  return TRUE;
}

static void
load_address (const Loader *loader, HadConfig *config)
{
  g_autofree char *text = get (loader, GROUP, "address", TRUE, "an IPv4 address of this host, as 10.1.0.2");

  if (text != NULL && !parse_ipv4 (text, &config->address))
    fault (loader, GROUP, "address", "found '%s', allowed: an IPv4 address of this host, as 10.1.0.2", text);
}

static gboolean
is_interface_name (const char *name)
{
  return name[0] != '\0' && strlen (name) < IF_NAMESIZE && strpbrk (name, "/ \t") == NULL && strcmp (name, ".") != 0 &&
         strcmp (name, "..") != 0;
}

static void
load_names (const Loader *loader, HadConfig *config)
{
  config->interface = get (loader, GROUP, "interface", TRUE, "the interface of the home link, as eth0");
  if (config->interface != NULL && !is_interface_name (config->interface))
    fault (loader, GROUP, "interface", "found '%s', allowed: an interface name of at most %d characters",
           config->interface, IF_NAMESIZE - 1);
  config->tun_name = get (loader, GROUP, "tun-name", FALSE, "");
  if (config->tun_name == NULL)
    config->tun_name = g_strdup ("had0");
  if (!is_interface_name (config->tun_name))
    fault (loader, GROUP, "tun-name", "found '%s', allowed: an interface name of at most %d characters",
           config->tun_name, IF_NAMESIZE - 1);
}

static void
load_networks (const Loader *loader, HadConfig *config)
{
  g_autofree char *home = get (loader, GROUP, "home-network", TRUE, "a prefix, as 10.1.0.0/24");
  g_autofree char *trusted = get (loader, GROUP, "trusted-networks", FALSE, "");
  g_auto (GStrv) parts = NULL;

  if (home != NULL && !parse_ipv4_prefix (home, &config->home_network))
    fault (loader, GROUP, "home-network", "found '%s', allowed: a prefix, as 10.1.0.0/24", home);
  if (trusted == NULL)
    return;
  parts = g_strsplit (trusted, ";", -1);
  for (guint i = 0; parts[i] != NULL; i++)
    {
      RoamPrefix prefix;

      if (g_strstrip (parts[i])[0] == '\0')
        continue;
      if (parse_ipv4_prefix (parts[i], &prefix))
        g_array_append_val (config->trusted_networks, prefix);
      else
        fault (loader, GROUP, "trusted-networks", "found '%s', allowed: prefixes with ';' between them, as 10.0.0.0/8",
               parts[i]);
    }
}

static gboolean
get_boolean (const Loader *loader, const char *key, gboolean unless_given)
{
  g_autofree char *text = get (loader, GROUP, key, FALSE, "");

  if (text != NULL && strcmp (text, "yes") != 0 && strcmp (text, "no") != 0)
    fault (loader, GROUP, key, "found '%s', allowed: yes or no", text);
  return text == NULL ? unless_given : strcmp (text, "yes") == 0;
}

static guint
get_limit (const Loader *loader, const char *group, const char *key, guint minimum, guint maximum, guint unless_given)
{
  guint64 value = unless_given;

  get_number (loader, group, key, minimum, maximum, &value);
  return (guint)value;
}

static void
load_limits (const Loader *loader, Mip4HaConfig *engine)
{
  engine->max_lifetime_s = (guint16)get_limit (loader, GROUP, "max-lifetime", 1, G_MAXUINT16, LIFETIME_DEFAULT_S);
  engine->max_udp_lifetime_s = (guint16)get_limit (loader, GROUP, "max-udp-lifetime", 1, G_MAXUINT16, 0);
  engine->keepalive_s = (guint16)get_limit (loader, GROUP, "keepalive", 1, G_MAXUINT16, 0);
  engine->tolerance_s = get_limit (loader, GROUP, "tolerance", 1, TOLERANCE_MAX_S, 0);
  engine->max_bindings = get_limit (loader, GROUP, "max-bindings", 1, G_MAXINT, 0);
  engine->max_requests_per_second = get_limit (loader, GROUP, "max-requests", 1, G_MAXINT, 0);
  engine->max_simultaneous = get_limit (loader, GROUP, "simultaneous-bindings", 1, MIP4_HA_SIMULTANEOUS_LIMIT, 1);
}

static void
load_policy (const Loader *loader, Mip4HaConfig *engine)
{
  g_autofree char *reverse = get (loader, GROUP, "reverse-tunnel", FALSE, "");
  g_autofree char *redirect = get (loader, GROUP, "redirect", FALSE, "");

  engine->nat_traversal = get_boolean (loader, "nat-traversal", TRUE);
  engine->forced_udp = get_boolean (loader, "forced-udp", engine->nat_traversal);
  engine->agent_udp = get_boolean (loader, "agent-udp", FALSE);
  engine->require_source_match = get_boolean (loader, "require-source-match", FALSE);
  engine->strict_reserved = get_boolean (loader, "strict-reserved", FALSE);
  engine->revocation = get_boolean (loader, "revocation", TRUE);
  engine->broadcast = get_boolean (loader, "broadcast", FALSE);
  engine->answer_unauthenticated = get_boolean (loader, "answer-unauthenticated", FALSE);
  engine->require_reverse_tunnel = g_strcmp0 (reverse, "required") == 0;
  engine->refuse_reverse_tunnel = g_strcmp0 (reverse, "no") == 0;
  if (reverse != NULL && !engine->require_reverse_tunnel && !engine->refuse_reverse_tunnel &&
      strcmp (reverse, "yes") != 0)
    fault (loader, GROUP, "reverse-tunnel", "found '%s', allowed: yes, no or required", reverse);
  if (redirect != NULL && !parse_ipv4 (redirect, &engine->redirect))
    fault (loader, GROUP, "redirect", "found '%s', allowed: the address of another home agent", redirect);
}

static void
load_pool (const Loader *loader, HadConfig *config)
{
  g_autofree char *text = get (loader, GROUP, "address-pool", FALSE, "");
  g_auto (GStrv) ends = text != NULL ? g_strsplit (text, "-", 2) : NULL;
  Mip4HaConfig *engine = &config->engine;

  if (text == NULL)
    return;
  if (g_strv_length (ends) != 2 || !parse_ipv4 (g_strstrip (ends[0]), &engine->pool_first) ||
      !parse_ipv4 (g_strstrip (ends[1]), &engine->pool_last))
    fault (loader, GROUP, "address-pool", "found '%s', allowed: two addresses, as 10.1.0.200-10.1.0.250", text);
  else if (!roam_prefix_contains (&config->home_network, &engine->pool_first) ||
           !roam_prefix_contains (&config->home_network, &engine->pool_last))
    fault (loader, GROUP, "address-pool", "it is not in home-network");
}

static void
load_message (const Loader *loader, HadConfig *config)
{
  config->denial_message = get (loader, GROUP, "denial-message", FALSE, "");
  if (config->denial_message != NULL &&
      (config->denial_message[0] == '\0' || strlen (config->denial_message) > MESSAGE_MAX))
    fault (loader, GROUP, "denial-message", "allowed: 1 to %u octets of UTF-8", MESSAGE_MAX);
}

/* Absolute, or "none". */
static char *
get_path (const Loader *loader, const char *key)
{
  g_autofree char *path = get (loader, GROUP, key, FALSE, "");

  if (path != NULL && !g_path_is_absolute (path) && strcmp (path, "none") != 0)
    fault (loader, GROUP, key, "found '%s', allowed: an absolute path, or none", path);
  return g_steal_pointer (&path);
}

static void
load_paths (const Loader *loader, HadConfig *config)
{
  g_autofree char *ecn = get (loader, GROUP, "ecn", FALSE, "");

  config->store_path = get_path (loader, "store");
  config->control_path = get_path (loader, "control");
  config->control_group = get (loader, GROUP, "control-group", FALSE, "");
  if (g_strcmp0 (ecn, "compatibility") == 0)
    config->ecn = MIP4_ECN_COMPATIBILITY;
  else if (ecn != NULL && strcmp (ecn, "normal") != 0)
    fault (loader, GROUP, "ecn", "found '%s', allowed: normal or compatibility", ecn);
}

/* Relative names: the credentials directory of systemd first, then beside the configuration. */
static char *
find_key_file (const Loader *loader, const char *name)
{
  g_autofree char *dir = g_path_get_dirname (loader->path);

  if (g_path_is_absolute (name))
    return g_strdup (name);
  if (loader->credentials_dir != NULL)
    {
      g_autofree char *candidate = g_build_filename (loader->credentials_dir, name, NULL);

      if (g_file_test (candidate, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&candidate);
    }
  return g_build_filename (dir, name, NULL);
}

/* Hex digits with any white space; the reason on failure is static and quotes nothing of the file. */
static RoamSecret *
parse_key (const char *text, gsize length, const char **ret_reason)
{
  guint8 key[KEY_MAX_HEX_DIGITS / 2] = { 0 };
  RoamSecret *secret = NULL;
  gsize digits = 0;

  *ret_reason = "hex digits";
  for (gsize i = 0; i < length; i++)
    {
      int value = g_ascii_xdigit_value (text[i]);

      if (g_ascii_isspace (text[i]))
        continue;
      if (value < 0 || digits == KEY_MAX_HEX_DIGITS)
        goto out;
      key[digits / 2] = (guint8)(key[digits / 2] << 4 | value);
      digits++;
    }
  *ret_reason = "an even number of hex digits, at least 32 (128 bits)";
  if (digits >= KEY_MIN_HEX_DIGITS && digits % 2 == 0)
    secret = roam_secret_new (key, digits / 2);
out:
  roam_wipe (key, sizeof key);
  return secret;
}

/* @name: of the file, or NULL. @key_name: where it stands, for faults. */
static RoamSecret *
load_key (const Loader *loader, const char *group, const char *key_name, const char *name)
{
  g_autofree char *path = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  const char *reason = NULL;
  RoamSecret *key;
  struct stat st;
  gsize length;

  if (name == NULL)
    return NULL;
  path = find_key_file (loader, name);
  key = g_hash_table_lookup (loader->keys, path);
  if (key != NULL)
    return roam_secret_ref (key);
  if (stat (path, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    {
      fault (loader, group, key_name, "%s may be read by others (mode %04o); run: chmod 0600 %s", path,
             (guint)(st.st_mode & 07777), path);
      return NULL;
    }
  if (!g_file_get_contents (path, &text, &length, &error))
    {
      fault (loader, group, key_name, "%s", error->message);
      return NULL;
    }
  key = parse_key (text, length, &reason);
  roam_wipe (text, length);
  if (key == NULL)
    fault (loader, group, key_name, "%s is no key, allowed: %s", path, reason);
  else
    g_hash_table_insert (loader->keys, g_steal_pointer (&path), roam_secret_ref (key));
  return key;
}

static gboolean
parse_algorithm (const char *text, Mip4AuthAlgorithm *ret)
{
  if (g_strcmp0 (text, "hmac-md5") == 0)
    *ret = MIP4_AUTH_HMAC_MD5;
  else if (text == NULL || strcmp (text, "hmac-sha-256") == 0)
    *ret = MIP4_AUTH_HMAC_SHA_256;
  else
    return FALSE;
  return TRUE;
}

/* spi, algorithm and key-file of @group. */
static void
load_association (const Loader *loader, const char *group, Mip4SecurityAssociation *association)
{
  g_autofree char *spi_text = get (loader, group, "spi", TRUE, "a number from 256 to 4294967295");
  g_autofree char *algorithm = get (loader, group, "algorithm", FALSE, "");
  g_autofree char *name = get (loader, group, "key-file", TRUE, "a file of hex digits with mode 0600");
  guint64 spi = 0;

  if (spi_text != NULL && get_number (loader, group, "spi", SPI_MIN, G_MAXUINT32, &spi))
    association->spi = (guint32)spi;
  if (!parse_algorithm (algorithm, &association->algorithm))
    fault (loader, group, "algorithm", "found '%s', allowed: hmac-sha-256 or hmac-md5", algorithm);
  association->key = load_key (loader, group, "key-file", name);
}

/* "4097 hmac-sha-256 next.key; 4098 hmac-md5 old.key" */
static void
load_more_keys (const Loader *loader, const char *group, Mip4HaNode *node)
{
  g_autofree char *text = get (loader, group, "more-keys", FALSE, "");
  g_autoptr (GArray) more = g_array_new (FALSE, FALSE, sizeof (Mip4HaAssociation));
  g_auto (GStrv) parts = g_strsplit (text != NULL ? text : "", ";", -1);

  for (guint i = 0; parts[i] != NULL; i++)
    {
      g_auto (GStrv) words = g_strsplit_set (g_strstrip (parts[i]), " \t", -1);
      Mip4HaAssociation entry = { .replay = node->replay };
      guint64 spi = 0;

      if (parts[i][0] == '\0')
        continue;
      if (g_strv_length (words) != 3 || !g_ascii_string_to_unsigned (words[0], 10, SPI_MIN, G_MAXUINT32, &spi, NULL) ||
          !parse_algorithm (words[1], &entry.association.algorithm))
        {
          fault (loader, group, "more-keys",
                 "found '%s', allowed: SPI, algorithm and key file, as 4097 hmac-sha-256 "
                 "next.key, with ';' between several",
                 parts[i]);
          continue;
        }
      entry.association.spi = (guint32)spi;
      entry.association.key = load_key (loader, group, "more-keys", words[2]);
      g_array_append_val (more, entry);
    }
  node->n_more_mn_ha = more->len;
  node->more_mn_ha = (const Mip4HaAssociation *)(void *)g_array_free (g_steal_pointer (&more), FALSE);
}

/* The group is named by a home address, or for a node of the pool by its NAI. */
static void
load_node_name (const Loader *loader, const char *group, HadConfig *config, Mip4HaNode *node)
{
  const char *text = group + strlen (NODE_GROUP_PREFIX);

  node->nai = get (loader, group, "nai", FALSE, "");
  if (strchr (text, '@') != NULL && node->nai == NULL)
    {
      node->nai = g_strdup (text);
      return;
    }
  if (!parse_ipv4 (text, &node->home_address))
    {
      fault (loader, group, NULL,
             "found '%s', allowed: the node's home address, as [node 10.1.0.100], or with "
             "address-pool its NAI",
             text);
      return;
    }
  if (config->home_network.addr.family != 0 && !roam_prefix_contains (&config->home_network, &node->home_address))
    fault (loader, group, NULL, "the home address is not in home-network");
  if (roam_addr_equal (&config->address, &node->home_address))
    fault (loader, group, NULL, "the home address is the home agent's own address");
  if (!g_hash_table_add (loader->nodes, GUINT_TO_POINTER (roam_addr_to_u32 (&node->home_address))))
    fault (loader, group, NULL, "a second group for this home address");
}

static void
load_replay (const Loader *loader, const char *group, Mip4HaNode *node)
{
  g_autofree char *replay = get (loader, group, "replay", FALSE, "");

  node->replay = g_strcmp0 (replay, "nonces") == 0 ? MIP4_REPLAY_NONCE : MIP4_REPLAY_TIMESTAMP;
  if (replay != NULL && node->replay == MIP4_REPLAY_TIMESTAMP && strcmp (replay, "timestamps") != 0)
    fault (loader, group, "replay", "found '%s', allowed: timestamps or nonces", replay);
  node->tolerance_s = (guint16)get_limit (loader, group, "tolerance", 1, TOLERANCE_MAX_S, 0);
}

static void
load_node (const Loader *loader, const char *group, HadConfig *config)
{
  g_autofree char *services = get (loader, group, "services", FALSE, "");
  Mip4HaNode node = { 0 };

  load_node_name (loader, group, config, &node);
  load_association (loader, group, &node.mn_ha);
  if (node.nai != NULL && (node.nai[0] == '\0' || strlen (node.nai) > G_MAXUINT8))
    fault (loader, group, "nai", "allowed: 1 to 255 octets, as alice@example.com");
  load_replay (loader, group, &node);
  load_more_keys (loader, group, &node);
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
load_foreign_agent (const Loader *loader, const char *group, HadConfig *config)
{
  Mip4HaFaAssociation agent = { 0 };

  if (!parse_ipv4 (group + strlen (FOREIGN_AGENT_GROUP_PREFIX), &agent.agent))
    fault (loader, group, NULL, "allowed: the agent's address, as [foreign-agent 10.2.0.1]");
  load_association (loader, group, &agent.association);
  g_array_append_val (config->foreign_agents, agent);
}

static void
check_keys (const Loader *loader, const char *group, const char *const *known)
{
  g_auto (GStrv) keys = g_key_file_get_keys (loader->file, group, NULL, NULL);
  g_autofree char *allowed = g_strjoinv (", ", (char **)known);

  for (guint i = 0; keys != NULL && keys[i] != NULL; i++)
    if (!g_strv_contains (known, keys[i]))
      fault (loader, group, keys[i], "unknown key, allowed: %s", allowed);
}

static void
load_groups (const Loader *loader, HadConfig *config)
{
  g_auto (GStrv) groups = g_key_file_get_groups (loader->file, NULL);

  for (guint i = 0; groups[i] != NULL; i++)
    {
      if (strcmp (groups[i], GROUP) == 0)
        check_keys (loader, groups[i], home_agent_keys);
      else if (g_str_has_prefix (groups[i], NODE_GROUP_PREFIX))
        {
          check_keys (loader, groups[i], node_keys);
          load_node (loader, groups[i], config);
        }
      else if (g_str_has_prefix (groups[i], FOREIGN_AGENT_GROUP_PREFIX))
        {
          check_keys (loader, groups[i], foreign_agent_keys);
          load_foreign_agent (loader, groups[i], config);
        }
      else
        fault (loader, groups[i], NULL,
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
fill_engine (const Loader *loader, HadConfig *config)
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
  if (loader->errors->len > 0)
    return;
  reason = engine_fault (engine);
  if (reason != NULL)
    fault (loader, NULL, NULL, "%s", reason);
}

static void
load_all (const Loader *loader, HadConfig *config)
{
  load_address (loader, config);
  load_names (loader, config);
  load_networks (loader, config);
  load_limits (loader, &config->engine);
  load_policy (loader, &config->engine);
  load_pool (loader, config);
  load_message (loader, config);
  load_paths (loader, config);
  config->advertise = get_boolean (loader, "advertise", TRUE);
  config->advertisement_interval_s = get_limit (loader, GROUP, "advertisement-interval", 1,
                                                ADVERTISEMENT_INTERVAL_MAX_S, ADVERTISEMENT_INTERVAL_DEFAULT_S);
  config->mtu = get_limit (loader, GROUP, "mtu", MTU_MIN, MTU_MAX, MTU_DEFAULT);
  load_groups (loader, config);
  if (config->nodes->len == 0)
    fault (loader, NULL, NULL, "no mobile node, add a group [node <home address>] with spi and key-file");
  fill_engine (loader, config);
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
  g_autoptr (GHashTable) nodes = g_hash_table_new (NULL, NULL);
  const Loader loader = { path, credentials_dir, file, errors, keys, nodes };

  config->trusted_networks = g_array_new (FALSE, FALSE, sizeof (RoamPrefix));
  config->nodes = g_array_new (FALSE, FALSE, sizeof (Mip4HaNode));
  config->foreign_agents = g_array_new (FALSE, FALSE, sizeof (Mip4HaFaAssociation));
  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &error))
    {
      fault (&loader, NULL, NULL, "%s", error->message);
      return NULL;
    }
  load_all (&loader, config);
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
