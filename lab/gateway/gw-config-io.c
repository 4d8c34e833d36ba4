/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab/gateway/gw-private.h"
#include "mip4/conf-io.h"

#include <string.h>

/* The configuration of roam-gw. Every fault is reported, not only the first. */

#define GROUP "gateway"
#define CLIENT_GROUP_PREFIX "client "
#define ANYBODY "*"
#define PSK_MIN 8u
/*
 * What leaves room for ESP in UDP over IPv6 on a link of 1500 octets; as other user-space gateways have it. At least
 * what IPv4 hosts must take, at most that link.
 */
#define MTU_DEFAULT 1400
#define MTU_MIN 576
#define MTU_MIN_IP6 1280
#define MTU_MAX 1500
#define INTERVAL_MAX_S (7u * 24u * 3600u)
#define CLIENTS_MAX 65534u

static const char *const gateway_keys[] = { "id",
                                            "certificate-file",
                                            "private-key-file",
                                            "ca-file",
                                            "pool",
                                            "pool6",
                                            "dns",
                                            "networks",
                                            "refused",
                                            "announce",
                                            "dialects",
                                            "nat",
                                            "udp-encapsulation",
                                            "routability",
                                            "redirect",
                                            "tickets",
                                            "ike-proposals",
                                            "esp-proposals",
                                            "max-clients",
                                            "cookie-threshold",
                                            "dpd-interval",
                                            "rekey-ike",
                                            "rekey-child",
                                            "tun-name",
                                            "mtu",
                                            "control",
                                            "control-group",
                                            NULL };
static const char *const client_keys[] = { "auth", "psk-file", NULL };

/* ---------------------------------------------------------------------- lists ---- */

/* Called with each part of a list with ';' between them, never an empty one. */
typedef gboolean (*PartFunc) (GwConfig *config, const char *part);

static void
load_list (const Mip4Conf *conf, GwConfig *config, const char *key, PartFunc take, const char *allowed)
{
  g_autofree char *text = mip4_conf_get (conf, GROUP, key, NULL);
  g_auto (GStrv) parts = g_strsplit (text != NULL ? text : "", ";", -1);

  for (guint i = 0; parts[i] != NULL; i++)
    if (g_strstrip (parts[i])[0] != '\0' && !take (config, parts[i]))
      mip4_conf_fault (conf, GROUP, key, "found '%s', allowed: %s", parts[i], allowed);
}

static gboolean
take_prefix (GArray *prefixes, const char *part)
{
  RoamPrefix prefix;

  if (!roam_prefix_parse (part, &prefix))
    return FALSE;
  g_array_append_val (prefixes, prefix);
  return TRUE;
}

static gboolean
take_network (GwConfig *config, const char *part)
{
  return take_prefix (config->networks, part);
}

static gboolean
take_refused (GwConfig *config, const char *part)
{
  return take_prefix (config->refused, part);
}

static gboolean
take_dns (GwConfig *config, const char *part)
{
  IkeResponderConfig *engine = &config->engine;

  return engine->n_dns < G_N_ELEMENTS (engine->dns) && roam_addr_parse (part, &engine->dns[engine->n_dns]) &&
         ++engine->n_dns > 0;
}

static gboolean
take_announced (GwConfig *config, const char *part)
{
  IkeResponderConfig *engine = &config->engine;

  return engine->n_addresses < IKE_MAX_RESPONDER_ADDRESSES &&
         roam_addr_parse (part, &engine->addresses[engine->n_addresses]) && ++engine->n_addresses > 0;
}

static gboolean
take_dialect (GwConfig *config, const char *part)
{
  if (strcmp (part, "mobike") == 0)
    config->engine.disable_mobike = FALSE;
  else if (strcmp (part, "mopo") == 0)
    config->engine.disable_mopo = FALSE;
  else
    return strcmp (part, "none") == 0;
  return TRUE;
}

/* ------------------------------------------------------------------ the gateway ---- */

static void
load_pool (const Mip4Conf *conf, const char *key, RoamFamily family, RoamPrefix *pool, const char *allowed)
{
  g_autofree char *text = mip4_conf_get (conf, GROUP, key, NULL);
  RoamPrefix prefix;

  if (text == NULL)
    return;
  if (roam_prefix_parse (text, &prefix) && prefix.addr.family == family)
    *pool = prefix;
  else
    mip4_conf_fault (conf, GROUP, key, "found '%s', allowed: %s", text, allowed);
}

static void
load_addresses (const Mip4Conf *conf, GwConfig *config)
{
  IkeResponderConfig *engine = &config->engine;

  load_pool (conf, "pool", ROAM_FAMILY_INET4, &engine->pool4, "an IPv4 prefix, as 10.8.0.0/24");
  load_pool (conf, "pool6", ROAM_FAMILY_INET6, &engine->pool6, "an IPv6 prefix, as 2001:db8:8::/64");
  if (!roam_addr_is_set (&engine->pool4.addr) && !roam_addr_is_set (&engine->pool6.addr) && conf->errors->len == 0)
    mip4_conf_fault (conf, GROUP, "pool", "missing, allowed: an IPv4 prefix, as 10.8.0.0/24, or pool6 instead");
  load_list (conf, config, "dns", take_dns, "up to 4 addresses with ';' between them");
  load_list (conf, config, "networks", take_network, "prefixes with ';' between them, as 10.0.0.0/8");
  load_list (conf, config, "refused", take_refused, "prefixes with ';' between them, as 192.0.2.0/24");
  load_list (conf, config, "announce", take_announced, "up to 8 addresses of this host with ';' between them");
}

static void
load_redirect (const Mip4Conf *conf, GwConfig *config)
{
  g_autofree char *text = mip4_conf_get (conf, GROUP, "redirect", NULL);

  if (text == NULL)
    return;
  if (roam_addr_parse (text, &config->redirect))
    config->engine.redirect = &config->redirect;
  else if (text[0] != '\0' && strlen (text) < IKE_MAX_NAME && strpbrk (text, " \t/;") == NULL)
    config->engine.redirect_name = config->redirect_name = g_steal_pointer (&text);
  else
    mip4_conf_fault (conf, GROUP, "redirect", "found '%s', allowed: address or name of another gateway", text);
}

static void
load_policy (const Mip4Conf *conf, GwConfig *config)
{
  static const char *const nat_words[] = { "traverse", "forbid", NULL }; /* IkeNatPolicy */
  static const char *const encapsulation_words[] = { "when-needed", "always", NULL };
  static const char *const routability_words[] = { "before", "after", "never", NULL }; /* IkeRoutability */
  IkeResponderConfig *engine = &config->engine;
  g_autofree char *dialects = mip4_conf_get (conf, GROUP, "dialects", NULL);

  engine->nat_policy = (IkeNatPolicy)mip4_conf_word (conf, GROUP, "nat", nat_words, IKE_NAT_POLICY_TRAVERSE);
  engine->force_udp_encap = mip4_conf_word (conf, GROUP, "udp-encapsulation", encapsulation_words, 0) == 1;
  engine->routability =
    (IkeRoutability)mip4_conf_word (conf, GROUP, "routability", routability_words, IKE_ROUTABILITY_BEFORE);
  engine->disable_tickets = !mip4_conf_boolean (conf, GROUP, "tickets", TRUE);
  engine->disable_mobike = engine->disable_mopo = dialects != NULL;
  load_list (conf, config, "dialects", take_dialect, "mobike, mopo, or both with ';' between them, or none");
  if (engine->force_udp_encap && engine->nat_policy == IKE_NAT_POLICY_FORBID)
    mip4_conf_fault (conf, GROUP, "udp-encapsulation",
                     "'always' makes every path look like one with a NAT, which nat=forbid refuses");
  load_redirect (conf, config);
}

static gint64
load_seconds (const Mip4Conf *conf, const char *key, guint minimum)
{
  return (gint64)mip4_conf_number (conf, GROUP, key, minimum, INTERVAL_MAX_S, 0) * ROAM_USEC_PER_SEC;
}

static void
load_proposals (const Mip4Conf *conf, const char *key, gboolean esp, char **ret_text)
{
  g_autofree char *problem = NULL;

  *ret_text = mip4_conf_get (conf, GROUP, key, NULL);
  if (*ret_text != NULL)
    problem = ike_proposals_check (*ret_text, esp);
  if (problem != NULL)
    mip4_conf_fault (conf, GROUP, key, "%s", problem);
}

static void
load_limits (const Mip4Conf *conf, GwConfig *config)
{
  IkeResponderConfig *engine = &config->engine;

  engine->max_clients = (guint)mip4_conf_number (conf, GROUP, "max-clients", 1, CLIENTS_MAX, 0);
  engine->cookie_threshold = (guint)mip4_conf_number (conf, GROUP, "cookie-threshold", 1, CLIENTS_MAX, 0);
  engine->dpd_interval_us = load_seconds (conf, "dpd-interval", 1);
  engine->rekey_ike_us = load_seconds (conf, "rekey-ike", 60);
  engine->rekey_child_us = load_seconds (conf, "rekey-child", 60);
  load_proposals (conf, "ike-proposals", FALSE, &config->ike_proposals);
  load_proposals (conf, "esp-proposals", TRUE, &config->esp_proposals);
}

static void
load_device (const Mip4Conf *conf, GwConfig *config)
{
  gboolean ip6 = roam_addr_is_set (&config->engine.pool6.addr);

  config->tun_name = mip4_conf_interface (conf, GROUP, "tun-name", FALSE);
  if (config->tun_name == NULL)
    config->tun_name = g_strdup ("gw0");
  config->mtu = (guint)mip4_conf_number (conf, GROUP, "mtu", ip6 ? MTU_MIN_IP6 : MTU_MIN, MTU_MAX, MTU_DEFAULT);
  config->control_path = mip4_conf_get (conf, GROUP, "control", NULL);
  if (config->control_path != NULL && !g_path_is_absolute (config->control_path) &&
      strcmp (config->control_path, "none") != 0)
    mip4_conf_fault (conf, GROUP, "control", "found '%s', allowed: an absolute path, or none", config->control_path);
  config->control_group = mip4_conf_get (conf, GROUP, "control-group", NULL);
}

/* ---------------------------------------------------------------- credentials ---- */

static GBytes *
load_file (const Mip4Conf *conf, const char *key)
{
  g_autofree char *name = mip4_conf_get (conf, GROUP, key, NULL);
  g_autofree char *path = name != NULL ? mip4_conf_find_file (conf, name) : NULL;
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize length = 0;

  if (path == NULL)
    return NULL;
  if (g_file_get_contents (path, &text, &length, &error))
    return g_bytes_new_take (g_steal_pointer (&text), length);
  mip4_conf_fault (conf, GROUP, key, "%s", error->message);
  return NULL;
}

static void
load_certificates (const Mip4Conf *conf, GwConfig *config)
{
  g_autofree char *name = mip4_conf_get (conf, GROUP, "private-key-file", NULL);
  g_autofree char *path = name != NULL ? mip4_conf_find_file (conf, name) : NULL;
  g_autofree char *text = NULL;
  gsize length = 0;

  config->certificate_pem = load_file (conf, "certificate-file");
  config->ca_pem = load_file (conf, "ca-file");
  if (path != NULL)
    text = mip4_conf_read_secret (conf, GROUP, "private-key-file", path, &length);
  if (text == NULL)
    return;
  config->private_key_pem = roam_secret_new ((const guint8 *)text, length);
  roam_wipe (text, length);
}

/* "0x" and hex digits. NULL: something else. */
static RoamSecret *
parse_hex (const char *text, gsize length)
{
  g_autofree guint8 *octets = g_malloc0 (length / 2 + 1);
  gboolean sound = length > 0 && length % 2 == 0;
  RoamSecret *secret;

  for (gsize i = 0; i < length && sound; i++)
    {
      int digit = g_ascii_xdigit_value (text[i]);

      sound = digit >= 0;
      octets[i / 2] = (guint8)(octets[i / 2] << 4 | (digit & 0x0f));
    }
  secret = sound ? roam_secret_new (octets, length / 2) : NULL;
  roam_wipe (octets, length / 2 + 1);
  return secret;
}

/* The first line of the file, as in roamd's profile. */
static RoamSecret *
load_psk (const Mip4Conf *conf, const char *group)
{
  g_autofree char *name =
    mip4_conf_get (conf, group, "psk-file", "a file with mode 0600 and the secret in its first line");
  g_autofree char *path = name != NULL ? mip4_conf_find_file (conf, name) : NULL;
  g_autofree char *text = NULL;
  gsize length = 0, line;
  RoamSecret *secret;

  if (path != NULL)
    text = mip4_conf_read_secret (conf, group, "psk-file", path, &length);
  if (text == NULL)
    return NULL;
  line = strcspn (text, "\r\n");
  secret = line >= 2 && text[0] == '0' && (text[1] | 0x20) == 'x' ? parse_hex (text + 2, line - 2)
                                                                  : roam_secret_new ((const guint8 *)text, line);
  roam_wipe (text, length);
  if (secret != NULL && roam_secret_length (secret) >= PSK_MIN)
    return secret;
  roam_secret_unref (secret);
  mip4_conf_fault (conf, group, "psk-file",
                   "%s is no secret, allowed: a first line of at least %u octets, or 0x and hex digits", path, PSK_MIN);
  return NULL;
}

static void
load_client (const Mip4Conf *conf, const char *group, GwConfig *config)
{
  static const char *const auth_words[] = { "psk", "certificate", NULL };
  const char *id = group + strlen (CLIENT_GROUP_PREFIX);
  g_autofree char *psk_file = mip4_conf_get (conf, group, "psk-file", NULL);
  IkeResponderPeer peer = { .id_type = IKE_ID_AUTO };

  if (id[0] == '\0')
    mip4_conf_fault (conf, group, NULL, "allowed: [client <identity>], as [client alice@example.com], or [client *]");
  if (strcmp (id, ANYBODY) != 0)
    peer.id = g_strdup (id);
  if (mip4_conf_word (conf, group, "auth", auth_words, 0) == 0)
    peer.psk = load_psk (conf, group);
  else if (psk_file != NULL)
    mip4_conf_fault (conf, group, "psk-file", "no such key with auth=certificate");
  g_array_append_val (config->peers, peer);
}

/* ----------------------------------------------------------------------- whole ---- */

static void
load_groups (const Mip4Conf *conf, GwConfig *config)
{
  g_auto (GStrv) groups = g_key_file_get_groups (conf->file, NULL);

  for (guint i = 0; groups[i] != NULL; i++)
    if (strcmp (groups[i], GROUP) == 0)
      mip4_conf_check_keys (conf, groups[i], gateway_keys);
    else if (g_str_has_prefix (groups[i], CLIENT_GROUP_PREFIX))
      {
        mip4_conf_check_keys (conf, groups[i], client_keys);
        load_client (conf, groups[i], config);
      }
    else
      mip4_conf_fault (conf, groups[i], NULL, "unknown group, allowed: [gateway] and [client <identity>]");
  if (config->peers->len == 0)
    mip4_conf_fault (conf, NULL, NULL, "no client, add a group [client <identity>] with psk-file or auth=certificate");
}

/* The engine's view of @config; it has rules of its own, about certificates above all. */
static void
fill_engine (const Mip4Conf *conf, GwConfig *config)
{
  IkeResponderConfig *engine = &config->engine;
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (0);
  g_autoptr (IkeResponder) trial = NULL;
  g_autofree char *problem = NULL;

  engine->local_id = config->id;
  engine->peers = (const IkeResponderPeer *)(void *)config->peers->data;
  engine->n_peers = config->peers->len;
  engine->certificate_pem = config->certificate_pem;
  engine->private_key_pem = config->private_key_pem;
  engine->ca_pem = config->ca_pem;
  engine->ike_proposals = config->ike_proposals;
  engine->esp_proposals = config->esp_proposals;
  engine->networks = (const RoamPrefix *)(void *)config->networks->data;
  engine->n_networks = config->networks->len;
  engine->refused = (const RoamPrefix *)(void *)config->refused->data;
  engine->n_refused = config->refused->len;
  if (conf->errors->len > 0)
    return;
  /* With a random stream that nobody uses: only whether it can be. */
  trial = ike_responder_new (engine, rng, &problem);
  if (trial == NULL)
    mip4_conf_fault (conf, GROUP, NULL, "%s", problem);
}

static void
clear_peer (gpointer data)
{
  IkeResponderPeer *peer = data;

  g_free ((char *)peer->id);
  roam_secret_unref (peer->psk);
}

GwConfig *
gw_config_load (const char *path, const char *credentials_dir, GPtrArray *errors)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GwConfig) config = g_new0 (GwConfig, 1);
  g_autoptr (GError) error = NULL;
  const Mip4Conf conf = { .path = path, .credentials_dir = credentials_dir, .file = file, .errors = errors };

  config->peers = g_array_new (FALSE, FALSE, sizeof (IkeResponderPeer));
  g_array_set_clear_func (config->peers, clear_peer);
  config->networks = g_array_new (FALSE, FALSE, sizeof (RoamPrefix));
  config->refused = g_array_new (FALSE, FALSE, sizeof (RoamPrefix));
  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &error))
    {
      mip4_conf_fault (&conf, NULL, NULL, "%s", error->message);
      return NULL;
    }
  config->id = mip4_conf_get (&conf, GROUP, "id", NULL);
  load_certificates (&conf, config);
  load_addresses (&conf, config);
  load_policy (&conf, config);
  load_limits (&conf, config);
  load_device (&conf, config);
  load_groups (&conf, config);
  fill_engine (&conf, config);
  return errors->len == 0 ? g_steal_pointer (&config) : NULL;
}

void
gw_config_free (GwConfig *config)
{
  if (config == NULL)
    return;
  g_array_unref (config->peers);
  g_array_unref (config->networks);
  g_array_unref (config->refused);
  g_clear_pointer (&config->certificate_pem, g_bytes_unref);
  g_clear_pointer (&config->ca_pem, g_bytes_unref);
  roam_secret_unref (config->private_key_pem);
  g_free (config->id);
  g_free (config->ike_proposals);
  g_free (config->esp_proposals);
  g_free (config->redirect_name);
  g_free (config->tun_name);
  g_free (config->control_path);
  g_free (config->control_group);
  g_free (config);
}
