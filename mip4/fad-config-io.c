/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/conf-io.h"
#include "mip4/fad-io-private.h"

#include <string.h>

/* The configuration of roam-fad. */

#define GROUP "foreign-agent"
#define HOME_AGENT_PREFIX "home-agent "
#define NODE_PREFIX "node "
#define LIFETIME_DEFAULT_S 1800
#define INTERVAL_DEFAULT_S 10
/* An Ethernet's 1500 less the outer header (RFC 2003), or less UDP and its header as well (RFC 3519). */
#define MTU_DEFAULT 1480
#define MTU_DEFAULT_NAT 1468
#define MTU_MIN 576
/* Routing table and rule priority: the port of the protocol, which nobody is likely to use for another purpose. */
#define TABLE_DEFAULT 434
#define ADDRESS_ADVICE "an IPv4 address with the prefix of its link, as 10.2.0.1/24"

static const char *const agent_keys[] = {
  "interface",
  "address",
  "care-of-address",
  "uplink",
  "registration-lifetime",
  "advertisement-interval",
  "advertisement-lifetime",
  "advertisement-destination",
  "prefix-lengths",
  "routes-common-traffic",
  "registration-required",
  "reverse-tunnel",
  "encapsulating-delivery",
  "challenge",
  "challenge-window",
  "nat",
  "revocation",
  "strict-reserved",
  "max-visitors",
  "max-pending",
  "mtu",
  "table",
  "tun-name",
  "control-group",
  NULL,
};
static const char *const peer_keys[] = { "spi", "algorithm", "key-file", NULL };

static void
load_address (const Mip4Conf *conf, Mip4FaConfig *engine)
{
  g_autofree char *text = mip4_conf_get (conf, GROUP, "address", ADDRESS_ADVICE);
  RoamPrefix prefix;

  if (text == NULL)
    return;
  if (!roam_prefix_parse (text, &prefix) || prefix.addr.family != ROAM_FAMILY_INET4 || prefix.length == 32 ||
      !roam_addr_is_specified (&prefix.addr))
    {
      mip4_conf_fault (conf, GROUP, "address", "found '%s', allowed: " ADDRESS_ADVICE, text);
      return;
    }
  engine->address = prefix.addr;
  engine->visited_network = prefix;
}

static void
load_care_of (const Mip4Conf *conf, Mip4FaConfig *engine)
{
  g_autofree char *text = mip4_conf_get (conf, GROUP, "care-of-address", NULL);
  g_auto (GStrv) parts = g_strsplit (text != NULL ? text : "", ";", -1);

  for (guint i = 0; parts[i] != NULL; i++)
    {
      RoamAddr addr;

      if (g_strstrip (parts[i])[0] == '\0')
        continue;
      if (engine->n_care_of == MIP4_FA_MAX_CARE_OF || !mip4_conf_parse_ipv4 (parts[i], &addr))
        mip4_conf_fault (conf, GROUP, "care-of-address",
                         "found '%s', allowed: up to %u IPv4 addresses of this host with ';' between them", parts[i],
                         MIP4_FA_MAX_CARE_OF);
      else
        engine->care_of[engine->n_care_of++] = addr;
    }
  if (engine->n_care_of == 0 && roam_addr_is_set (&engine->address))
    engine->care_of[engine->n_care_of++] = engine->address;
}

static void
load_advertisement (const Mip4Conf *conf, Mip4FaConfig *engine)
{
  static const char *const destinations[] = { "multicast", "broadcast", NULL };
  guint64 interval_s = mip4_conf_number (conf, GROUP, "advertisement-interval", 1, 1800, INTERVAL_DEFAULT_S);

  engine->interval_ms = (guint)interval_s * 1000;
  engine->lifetime_s =
    (guint16)mip4_conf_number (conf, GROUP, "advertisement-lifetime", 3 * interval_s, 9000, 3 * interval_s);
  engine->destination = mip4_conf_word (conf, GROUP, "advertisement-destination", destinations, 0) == 0
                          ? MIP4_FA_DESTINATION_MULTICAST
                          : MIP4_FA_DESTINATION_BROADCAST;
  engine->prefix_lengths = mip4_conf_boolean (conf, GROUP, "prefix-lengths", TRUE);
  engine->routes_common_traffic = mip4_conf_boolean (conf, GROUP, "routes-common-traffic", FALSE);
  engine->registration_required = mip4_conf_boolean (conf, GROUP, "registration-required", FALSE);
}

static void
load_service (const Mip4Conf *conf, Mip4FaConfig *engine)
{
  static const char *const reverse[] = { "no", "yes", "required", NULL };
  guint tunnel = mip4_conf_word (conf, GROUP, "reverse-tunnel", reverse, 1);

  engine->reverse_tunnel = tunnel > 0;
  engine->reverse_tunnel_required = tunnel == 2;
  engine->encapsulating_delivery = mip4_conf_boolean (conf, GROUP, "encapsulating-delivery", tunnel > 0);
  engine->registration_lifetime_s =
    (guint16)mip4_conf_number (conf, GROUP, "registration-lifetime", 1, G_MAXUINT16, LIFETIME_DEFAULT_S);
  engine->challenge = mip4_conf_boolean (conf, GROUP, "challenge", FALSE);
  engine->challenge_window = (guint)mip4_conf_number (conf, GROUP, "challenge-window", 1, 16, 2);
  engine->behind_nat = mip4_conf_boolean (conf, GROUP, "nat", FALSE);
  engine->revocation = mip4_conf_boolean (conf, GROUP, "revocation", FALSE);
  engine->strict_reserved = mip4_conf_boolean (conf, GROUP, "strict-reserved", FALSE);
  engine->max_visitors = (guint)mip4_conf_number (conf, GROUP, "max-visitors", 1, 65535, 256);
  engine->max_pending = (guint)mip4_conf_number (conf, GROUP, "max-pending", 1, 65535, 64);
}

static void
load_peer (const Mip4Conf *conf, const char *group, const char *prefix, GArray *peers)
{
  const char *text = group + strlen (prefix);
  Mip4FaPeer peer = { 0 };

  mip4_conf_check_keys (conf, group, peer_keys);
  if (!mip4_conf_parse_ipv4 (text, &peer.peer))
    mip4_conf_fault (conf, group, NULL, "found '%s', allowed: an IPv4 address, as [%s10.1.0.2]", text, prefix);
  for (guint i = 0; i < peers->len; i++)
    if (roam_addr_equal (&g_array_index (peers, Mip4FaPeer, i).peer, &peer.peer))
      mip4_conf_fault (conf, group, NULL, "a second group for this address");
  peer.association = mip4_conf_association (conf, group);
  g_array_append_val (peers, peer);
}

static void
load_groups (const Mip4Conf *conf, FadConfig *config)
{
  g_auto (GStrv) groups = g_key_file_get_groups (conf->file, NULL);

  for (guint i = 0; groups[i] != NULL; i++)
    {
      if (strcmp (groups[i], GROUP) == 0)
        mip4_conf_check_keys (conf, groups[i], agent_keys);
      else if (g_str_has_prefix (groups[i], HOME_AGENT_PREFIX))
        load_peer (conf, groups[i], HOME_AGENT_PREFIX, config->home_agents);
      else if (g_str_has_prefix (groups[i], NODE_PREFIX))
        load_peer (conf, groups[i], NODE_PREFIX, config->nodes);
      else
        mip4_conf_fault (conf, groups[i], NULL,
                         "unknown group, allowed: [" GROUP "], [home-agent <address>] and [node <home address>]");
    }
  config->engine.home_agents = (const Mip4FaPeer *)(void *)config->home_agents->data;
  config->engine.n_home_agents = config->home_agents->len;
  config->engine.nodes = (const Mip4FaPeer *)(void *)config->nodes->data;
  config->engine.n_nodes = config->nodes->len;
}

static void
load_all (const Mip4Conf *conf, FadConfig *config)
{
  const char *fault;

  config->interface = mip4_conf_interface (conf, GROUP, "interface", TRUE);
  config->uplink = mip4_conf_interface (conf, GROUP, "uplink", FALSE);
  config->tun_name = mip4_conf_interface (conf, GROUP, "tun-name", FALSE);
  if (config->tun_name == NULL)
    config->tun_name = g_strdup ("fad0");
  config->control_group = mip4_conf_get (conf, GROUP, "control-group", NULL);
  load_address (conf, &config->engine);
  load_care_of (conf, &config->engine);
  load_advertisement (conf, &config->engine);
  load_service (conf, &config->engine);
  config->mtu = (guint)mip4_conf_number (conf, GROUP, "mtu", MTU_MIN, 65000,
                                         config->engine.behind_nat ? MTU_DEFAULT_NAT : MTU_DEFAULT);
  config->table = (guint)mip4_conf_number (conf, GROUP, "table", 1, 32000, TABLE_DEFAULT);
  load_groups (conf, config);
  if (config->engine.revocation && config->home_agents->len == 0)
    mip4_conf_fault (conf, GROUP, "revocation", "needs a group [home-agent <address>]: revocations are authenticated");
  fault = conf->errors->len == 0 ? mip4_fa_config_fault (&config->engine) : NULL;
  if (fault != NULL)
    mip4_conf_fault (conf, GROUP, NULL, "%s", fault);
}

FadConfig *
fad_config_load (const char *path, const char *credentials_dir, GPtrArray *errors)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (FadConfig) config = g_new0 (FadConfig, 1);
  g_autoptr (GError) error = NULL;
  const Mip4Conf conf = { path, credentials_dir, file, errors, NULL };

  config->home_agents = g_array_new (FALSE, FALSE, sizeof (Mip4FaPeer));
  config->nodes = g_array_new (FALSE, FALSE, sizeof (Mip4FaPeer));
  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &error))
    {
      mip4_conf_fault (&conf, NULL, NULL, "%s", error->message);
      return NULL;
    }
  load_all (&conf, config);
  return errors->len == 0 ? g_steal_pointer (&config) : NULL;
}

static void
peers_free (GArray *peers)
{
  for (guint i = 0; i < peers->len; i++)
    roam_secret_unref (g_array_index (peers, Mip4FaPeer, i).association.key);
  g_array_unref (peers);
}

void
fad_config_free (FadConfig *config)
{
  if (config == NULL)
    return;
  peers_free (config->home_agents);
  peers_free (config->nodes);
  g_free (config->interface);
  g_free (config->uplink);
  g_free (config->tun_name);
  g_free (config->control_group);
  g_free (config);
}
