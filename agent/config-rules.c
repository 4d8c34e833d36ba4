/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/config-private.h"

#include <string.h>

/* Linux' IFNAMSIZ with the terminator. */
#define MAX_INTERFACE_NAME 15
/* TunnelGateConfig.exempt holds so many. */
#define MAX_EXEMPT G_N_ELEMENTS (((TunnelGateConfig *)NULL)->exempt)
/* RFC 2794 3: the NAI extension's length field is one octet. */
#define MAX_NAI 255
/* RFC 5446 3.1: Length is one octet, and the Service Selection ends with it. */
#define MAX_SERVICE 255
/* A rollover needs two; this is ample. */
#define MAX_KEYS 16

/* -------------------------------------------------------------- kinds of keys ---- */

static gboolean
apply_text (const AgentConfigRule *rule, const char *text, gpointer field)
{
  gsize length = strlen (text);

  if (length < rule->min || length > rule->max)
    return FALSE;
  for (const char *p = text; *p != '\0'; p++)
    if (g_ascii_iscntrl (*p))
      return FALSE;
  g_free (*(char **)field);
  *(char **)field = g_strdup (text);
  return TRUE;
}

static gboolean
apply_nai (const AgentConfigRule *rule, const char *text, gpointer field)
{
  /* RFC 2794: user@realm, or a user alone; never white space. */
  return strpbrk (text, " \t") == NULL && text[0] != '@' && apply_text (rule, text, field);
}

static gboolean
apply_number (const AgentConfigRule *rule, const char *text, gpointer field)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, rule->min, rule->max, &number, NULL))
    return FALSE;
  *(guint32 *)field = (guint32)number;
  return TRUE;
}

static gboolean
apply_zero_or_number (const AgentConfigRule *rule, const char *text, gpointer field)
{
  if (!g_str_equal (text, "0"))
    return apply_number (rule, text, field);
  *(guint32 *)field = 0;
  return TRUE;
}

static gboolean
apply_boolean (const AgentConfigRule *rule, const char *text, gpointer field)
{
  static const char *const yes[] = { "yes", "true", "on", "1", NULL }, *const no[] = { "no", "false", "off", "0",
                                                                                       NULL };

  if (!g_strv_contains (yes, text) && !g_strv_contains (no, text))
    return FALSE;
  *(gboolean *)field = g_strv_contains (yes, text);
  return TRUE;
}

static gboolean
apply_word (const AgentConfigRule *rule, const char *text, gpointer field)
{
  for (int i = 0; rule->words[i] != NULL; i++)
    if (g_str_equal (rule->words[i], text))
      {
        *(int *)field = i;
        return TRUE;
      }
  return FALSE;
}

/* A unicast IPv4 address of a host: not 0/8, 127/8, 224/3. */
gboolean
agent_config_is_host4 (const RoamAddr *addr)
{
  guint32 host = roam_addr_to_u32 (addr);
  guint32 net = host >> 24;

  return addr->family == ROAM_FAMILY_INET4 && net != 0 && net != 127 && net < 224;
}

static gboolean
apply_address4 (const AgentConfigRule *rule, const char *text, gpointer field)
{
  RoamAddr addr;

  if (!roam_addr_parse (text, &addr) || !agent_config_is_host4 (&addr))
    return FALSE;
  *(RoamAddr *)field = addr;
  return TRUE;
}

/* Address of a host together with its network's length: neither the network's own nor its broadcast address. */
static gboolean
apply_host_prefix4 (const AgentConfigRule *rule, const char *text, gpointer field)
{
  RoamPrefix prefix;
  guint32 mask, host;

  if (strchr (text, '/') == NULL || !roam_prefix_parse (text, &prefix) || !agent_config_is_host4 (&prefix.addr) ||
      prefix.length < 8 || prefix.length > 32)
    return FALSE;
  mask = prefix.length == 32 ? 0 : G_MAXUINT32 >> prefix.length;
  host = roam_addr_to_u32 (&prefix.addr) & mask;
  if (prefix.length < 31 && (host == 0 || host == mask))
    return FALSE;
  *(RoamPrefix *)field = prefix;
  return TRUE;
}

char **
agent_config_split_list (const char *text)
{
  g_auto (GStrv) raw = g_strsplit (text, ";", -1);
  g_autoptr (GPtrArray) pieces = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; raw[i] != NULL; i++)
    if (g_strstrip (raw[i])[0] != '\0')
      g_ptr_array_add (pieces, g_strdup (raw[i]));
  g_ptr_array_add (pieces, NULL);
  g_ptr_array_set_free_func (pieces, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&pieces), FALSE);
}

static gboolean
apply_prefixes (const AgentConfigRule *rule, const char *text, gpointer field)
{
  g_auto (GStrv) pieces = agent_config_split_list (text);
  g_autoptr (GArray) prefixes = g_array_new (FALSE, FALSE, sizeof (RoamPrefix));

  for (guint i = 0; pieces[i] != NULL; i++)
    {
      RoamPrefix prefix;

      /* An exempt "everything" would be the end of the gate. */
      if (!roam_prefix_parse (pieces[i], &prefix) || prefix.length == 0)
        return FALSE;
      g_array_append_val (prefixes, prefix);
    }
  if (prefixes->len > rule->max)
    return FALSE;
  g_array_unref (*(GArray **)field);
  *(GArray **)field = g_steal_pointer (&prefixes);
  return TRUE;
}

static gboolean
apply_globs (const AgentConfigRule *rule, const char *text, gpointer field)
{
  g_auto (GStrv) pieces = agent_config_split_list (text);

  for (guint i = 0; pieces[i] != NULL; i++)
    if (strpbrk (pieces[i], "/ \t") != NULL || strspn (pieces[i], "*?") == strlen (pieces[i]))
      return FALSE;
  g_strfreev (*(char ***)field);
  *(char ***)field = g_steal_pointer (&pieces);
  return TRUE;
}

static gboolean
apply_interface (const AgentConfigRule *rule, const char *text, gpointer field)
{
  if (strpbrk (text, "/: \t%*?") != NULL || g_str_equal (text, ".") || g_str_equal (text, "..") ||
      g_str_equal (text, "lo") || g_str_equal (text, "all") || g_str_equal (text, "default"))
    return FALSE;
  return apply_text (rule, text, field);
}

static gboolean
apply_ike_proposals (const AgentConfigRule *rule, const char *text, gpointer field)
{
  g_autofree char *problem = ike_proposals_check (text, FALSE);

  return problem == NULL && apply_text (rule, text, field);
}

static gboolean
apply_esp_proposals (const AgentConfigRule *rule, const char *text, gpointer field)
{
  g_autofree char *problem = ike_proposals_check (text, TRUE);

  return problem == NULL && apply_text (rule, text, field);
}

/* ------------------------------------------------------------------ the table ---- */

static const char *const algorithm_words[] = { "hmac-md5", "hmac-sha-256", NULL }; /* Mip4AuthAlgorithm */
static const char *const auth_words[] = { "psk", "certificate", "eap", NULL };     /* AgentConfigAuth, IkeAuthMethod */
static const char *const eap_words[] = { "mschapv2", "tls", NULL };                /* IkeEapMethod */
static const char *const agent_words[] = { "never", "auto", "prefer", NULL };      /* CoordinatorAgents */
static const char *const replay_words[] = { "timestamp", "nonce", NULL };          /* Mip4ReplayStyle */
static const char *const inside_words[] = { "keep", "teardown", NULL };            /* AgentConfigInside */

static const char *const dialect_words[] = { "auto", "mobike", "mopo", "none", NULL }; /* IkeMobilityDialect */
static const char *const nat_words[] = { "traverse", "forbid", NULL };                 /* IkeNatPolicy */

static const char *const name_service_words[] = { "resolved", "none", NULL }; /* AgentConfigNameService */

#define FIELD(name) G_STRUCT_OFFSET (AgentConfig, name)
#define ADDRESS "an IPv4 address of a host, for example 10.1.0.2"
#define FILE_NAME "a file name; relative ones are looked up in the credentials directory, then beside the profile"
#define OR_ASK "; or ask"
#define MAX_PATH 4095

const AgentConfigRule agent_config_rules[] = {
  { "mobile-ip", "home-address", AGENT_CONFIG_REQUIRED, NULL, FIELD (home), apply_host_prefix4,
    .allowed = "the home address with the length of the home link's prefix, for example 10.1.0.100/24" },
  { "mobile-ip", "home-agent", AGENT_CONFIG_REQUIRED, NULL, FIELD (home_agent), apply_address4, .allowed = ADDRESS },
  { "mobile-ip", "nai", AGENT_CONFIG_OPTIONAL, NULL, FIELD (nai), apply_nai, 1, MAX_NAI,
    .allowed = "a network access identifier, for example alice@example.com" },
  /* RFC 5944 1.6: 0 to 255 are reserved */
  { "mobile-ip", "spi", AGENT_CONFIG_REQUIRED, NULL, FIELD (spi), apply_number, 256, G_MAXUINT32 },
  { "mobile-ip", "algorithm", AGENT_CONFIG_OPTIONAL, "hmac-sha-256", FIELD (algorithm), apply_word,
    .words = algorithm_words },
  { "mobile-ip", "key-file", AGENT_CONFIG_REQUIRED, NULL, FIELD (key_file), apply_text, 1, MAX_PATH,
    .allowed = FILE_NAME },
  /* RFC 5944 3.6.1.3: 65535 is infinity, and a lost laptop's binding must end */
  { "mobile-ip", "lifetime", AGENT_CONFIG_OPTIONAL, "1800", FIELD (lifetime_s), apply_number, 60, 65534 },
  { "mobile-ip", "nat-traversal", AGENT_CONFIG_OPTIONAL, "yes", FIELD (nat_traversal), apply_boolean },
  /* RFC 3519 5.2: an attacker's or a NAT's change of the mapping lasts as long */
  { "mobile-ip", "udp-lifetime", AGENT_CONFIG_OPTIONAL, "120", FIELD (udp_lifetime_s), apply_number, 60, 65534 },
  { "mobile-ip", "foreign-agent", AGENT_CONFIG_OPTIONAL, "auto", FIELD (foreign_agent), apply_word,
    .words = agent_words },
  { "mobile-ip", "foreign-agent-keys", AGENT_CONFIG_OPTIONAL, "", FIELD (fa_keys), agent_config_apply_keys, 2, MAX_KEYS,
    .allowed = "at most 16 keys with ; between them, each ADDRESS SPI FILE or ADDRESS SPI FILE ALGORITHM, for example "
               "10.2.0.9 4097 fa.key" },
  { "mobile-ip", "encapsulating-delivery", AGENT_CONFIG_OPTIONAL, "no", FIELD (encapsulating_delivery), apply_boolean },
  { "mobile-ip", "revocation", AGENT_CONFIG_OPTIONAL, "yes", FIELD (revocation), apply_boolean },
  { "mobile-ip", "replay", AGENT_CONFIG_OPTIONAL, "timestamp", FIELD (replay), apply_word, .words = replay_words },
  { "mobile-ip", "service", AGENT_CONFIG_OPTIONAL, NULL, FIELD (service), apply_text, 1, MAX_SERVICE,
    .allowed = "the name of a service of the home agent, at most 255 octets" },
  { "mobile-ip", "more-keys", AGENT_CONFIG_OPTIONAL, "", FIELD (more_keys), agent_config_apply_keys, 1, MAX_KEYS,
    .allowed = "at most 16 keys with ; between them, each SPI FILE or SPI FILE ALGORITHM, for example 4098 new.key" },
  { "mobile-ip", "aaa-key", AGENT_CONFIG_OPTIONAL, "", FIELD (aaa_key), agent_config_apply_keys, 1, 1,
    .allowed = "one key, SPI FILE or SPI FILE ALGORITHM, for example 4099 aaa.key hmac-md5" },
  /* RFC 5265 3.2.4: a few seconds is not practical; an hour would be an hour of clear text by mistake */
  { "trust", "t-monitor", AGENT_CONFIG_OPTIONAL, "60", FIELD (t_monitor_s), apply_number, 10, 3600 },
  { "trust", "monitor-margin", AGENT_CONFIG_OPTIONAL, "10", FIELD (monitor_margin_s), apply_number, 1, 600 },
  /* RFC 5944 3.6.3: not below one second */
  { "trust", "detect-timeout-ms", AGENT_CONFIG_OPTIONAL, "1000", FIELD (detect_timeout_ms), apply_number, 1000, 10000 },
  { "trust", "detect-retries", AGENT_CONFIG_OPTIONAL, "2", FIELD (detect_retries), apply_number, 0, 5 },
  { "trust", "grace-ms", AGENT_CONFIG_OPTIONAL, "0", FIELD (grace_ms), apply_number, 0, 630000 },
  { "trust", "late-rate", AGENT_CONFIG_OPTIONAL, "10", FIELD (late_rate_s), apply_number, 1, 3600 },
  { "vpn", "gateway", AGENT_CONFIG_REQUIRED, NULL, FIELD (gateways), agent_config_apply_gateways, 1, IKE_MAX_GATEWAYS,
    .allowed = "at most 8 gateways with ; between them, each a name with a dot or the address of a host, for example "
               "vpn.example.com; 203.0.113.2" },
  { "vpn", "local-id", AGENT_CONFIG_OPTIONAL, NULL, FIELD (local_id), apply_text, 1, 255,
    .allowed = "an identity: an address, a name, user@name, or a distinguished name" },
  { "vpn", "remote-id", AGENT_CONFIG_OPTIONAL, NULL, FIELD (remote_id), apply_text, 1, 255,
    .allowed = "an identity: an address, a name, user@name, or a distinguished name" },
  { "vpn", "auth", AGENT_CONFIG_OPTIONAL, "psk", FIELD (auth), apply_word, .words = auth_words },
  { "vpn", "psk-file", AGENT_CONFIG_OPTIONAL, NULL, FIELD (psk_file), apply_text, 1, MAX_PATH,
    .allowed = FILE_NAME OR_ASK },
  { "vpn", "certificate-file", AGENT_CONFIG_OPTIONAL, NULL, FIELD (certificate_file), apply_text, 1, MAX_PATH,
    .allowed = FILE_NAME },
  { "vpn", "private-key-file", AGENT_CONFIG_OPTIONAL, NULL, FIELD (private_key_file), apply_text, 1, MAX_PATH,
    .allowed = FILE_NAME },
  { "vpn", "private-key", AGENT_CONFIG_OPTIONAL, NULL, FIELD (private_key), apply_text, 1, 1024,
    .allowed = "a key in a token: pkcs11:token=NAME;object=NAME (RFC 7512), tpm2:0x81000001 or tpm2:/FILE" },
  { "vpn", "pin-file", AGENT_CONFIG_OPTIONAL, NULL, FIELD (pin_file), apply_text, 1, MAX_PATH,
    .allowed = FILE_NAME OR_ASK },
  { "vpn", "ca-file", AGENT_CONFIG_OPTIONAL, NULL, FIELD (ca_file), apply_text, 1, MAX_PATH, .allowed = FILE_NAME },
  { "vpn", "crl-file", AGENT_CONFIG_OPTIONAL, NULL, FIELD (crl_file), apply_text, 1, MAX_PATH, .allowed = FILE_NAME },
  { "vpn", "eap-method", AGENT_CONFIG_OPTIONAL, "mschapv2", FIELD (eap_method), apply_word, .words = eap_words },
  { "vpn", "eap-identity", AGENT_CONFIG_OPTIONAL, NULL, FIELD (eap_identity), apply_text, 1, 255,
    .allowed = "the user's name for EAP, at most 255 octets" },
  { "vpn", "eap-server-name", AGENT_CONFIG_OPTIONAL, NULL, FIELD (eap_server_name), apply_text, 1, 255,
    .allowed = "the DNS name in the certificate of the EAP-TLS server" },
  { "vpn", "then-eap", AGENT_CONFIG_OPTIONAL, "no", FIELD (then_eap), apply_boolean },
  { "vpn", "eap-only", AGENT_CONFIG_OPTIONAL, "no", FIELD (eap_only), apply_boolean },
  { "vpn", "password-file", AGENT_CONFIG_OPTIONAL, NULL, FIELD (password_file), apply_text, 1, MAX_PATH,
    .allowed = FILE_NAME OR_ASK },
  { "vpn", "new-password-file", AGENT_CONFIG_OPTIONAL, NULL, FIELD (new_password_file), apply_text, 1, MAX_PATH,
    .allowed = FILE_NAME },
  { "vpn", "ppk-file", AGENT_CONFIG_OPTIONAL, NULL, FIELD (ppk_file), apply_text, 1, MAX_PATH, .allowed = FILE_NAME },
  { "vpn", "ppk-id", AGENT_CONFIG_OPTIONAL, NULL, FIELD (ppk_id), apply_text, 1, 255,
    .allowed = "the name of the post-quantum preshared key, at most 255 octets" },
  { "vpn", "require-ppk", AGENT_CONFIG_OPTIONAL, "no", FIELD (require_ppk), apply_boolean },
  { "vpn", "rekey-ike", AGENT_CONFIG_OPTIONAL, "14400", FIELD (rekey_ike_s), apply_number, 30, 604800 },
  { "vpn", "rekey-child", AGENT_CONFIG_OPTIONAL, "3600", FIELD (rekey_child_s), apply_number, 30, 604800 },
  { "vpn", "ike-proposals", AGENT_CONFIG_OPTIONAL, NULL, FIELD (ike_proposals), apply_ike_proposals, 1, 1024 },
  { "vpn", "esp-proposals", AGENT_CONFIG_OPTIONAL, NULL, FIELD (esp_proposals), apply_esp_proposals, 1, 1024 },
  { "vpn", "inside", AGENT_CONFIG_OPTIONAL, "keep", FIELD (inside), apply_word, .words = inside_words },
  { "vpn", "mc-refresh", AGENT_CONFIG_OPTIONAL, "yes", FIELD (mc_refresh), apply_boolean },
  { "vpn", "require-mobike", AGENT_CONFIG_OPTIONAL, "no", FIELD (require_mobike), apply_boolean },
  { "vpn", "dpd-interval", AGENT_CONFIG_OPTIONAL, "30", FIELD (dpd_interval_s), apply_number, 5, 3600 },
  { "vpn", "dialect", AGENT_CONFIG_OPTIONAL, "auto", FIELD (dialect), apply_word, .words = dialect_words },
  { "vpn", "nat", AGENT_CONFIG_OPTIONAL, "traverse", FIELD (nat_policy), apply_word, .words = nat_words },
  { "vpn", "announce-addresses", AGENT_CONFIG_OPTIONAL, "no", FIELD (announce_addresses), apply_boolean },
  { "vpn", "path-test", AGENT_CONFIG_OPTIONAL, "yes", FIELD (path_test), apply_boolean },
  /* RFC 5685 10: another gateway must prove the same identity, so to follow costs nothing but time */
  { "vpn", "redirect", AGENT_CONFIG_OPTIONAL, "yes", FIELD (redirect), apply_boolean },
  { "vpn", "resumption", AGENT_CONFIG_OPTIONAL, "yes", FIELD (resumption), apply_boolean },
  { "vpn", "childless", AGENT_CONFIG_OPTIONAL, "no", FIELD (childless), apply_boolean },
  { "vpn", "ocsp", AGENT_CONFIG_OPTIONAL, "no", FIELD (ocsp), apply_boolean },
  { "vpn", "require-revocation", AGENT_CONFIG_OPTIONAL, "no", FIELD (require_revocation), apply_boolean },
  { "vpn", "domains", AGENT_CONFIG_OPTIONAL, "", FIELD (domains), agent_config_apply_domains, 0, IKE_MAX_DOMAINS,
    .allowed = "at most 16 domains with ; between them, for example corp.example, or * alone" },
  { "vpn", "reauthenticate", AGENT_CONFIG_OPTIONAL, "0", FIELD (reauthenticate_s), apply_zero_or_number, 300, 604800,
    .allowed = "0 (never), or a number from 300 to 604800" },
  { "vpn", "start-delay-ms", AGENT_CONFIG_OPTIONAL, "0", FIELD (start_delay_ms), apply_number, 0, 60000 },
  { "data", "tun-name", AGENT_CONFIG_OPTIONAL, "roam0", FIELD (tun_name), apply_interface, 1, MAX_INTERFACE_NAME,
    .allowed = "a name for a network interface, at most 15 characters" },
  { "data", "mtu", AGENT_CONFIG_OPTIONAL, "0", FIELD (mtu), apply_zero_or_number, 576, 9000,
    .allowed = "0 (computed), or a number from 576 to 9000" },
  { "data", "hold-packets", AGENT_CONFIG_OPTIONAL, "1024", FIELD (hold_packets), apply_number, 16, 65536 },
  { "data", "exempt", AGENT_CONFIG_OPTIONAL, "", FIELD (exempt), apply_prefixes, 0, (guint32)MAX_EXEMPT,
    .allowed = "at most 16 prefixes with ; between them, none of them /0, for example 192.168.1.0/24" },
  { "data", "name-service", AGENT_CONFIG_OPTIONAL, "resolved", FIELD (name_service), apply_word,
    .words = name_service_words },
  { "links", "ignore", AGENT_CONFIG_OPTIONAL, "docker*;virbr*;podman*", FIELD (ignore), apply_globs,
    .allowed = "patterns of interface names with ; between them, for example docker*;virbr*" },
};
const guint agent_config_n_rules = G_N_ELEMENTS (agent_config_rules);

char *
agent_config_rule_allowed (const AgentConfigRule *rule)
{
  if (rule->allowed != NULL)
    return g_strdup (rule->allowed);
  if (rule->words != NULL)
    return g_strjoinv (" or ", (char **)rule->words);
  if (rule->apply == apply_boolean)
    return g_strdup ("yes or no");
  if (rule->apply == apply_ike_proposals || rule->apply == apply_esp_proposals)
    return g_strdup ("a list of proposals");
  return g_strdup_printf ("a number from %u to %u", rule->min, rule->max);
}

char *
agent_config_rule_apply (const AgentConfigRule *rule, const char *text, AgentConfig *config)
{
  if (rule->apply (rule, text, G_STRUCT_MEMBER_P (config, rule->offset)))
    return NULL;
  /* The engine knows best which word of a proposal is wrong. */
  if (rule->apply == apply_ike_proposals || rule->apply == apply_esp_proposals)
    {
      char *problem = ike_proposals_check (text, rule->apply == apply_esp_proposals);

      if (problem != NULL)
        return problem;
    }
  return agent_config_rule_allowed (rule);
}

/* ------------------------------------------------------------ between the keys ---- */

static void
check_addresses (const AgentConfig *config, AgentConfigProblems *problems)
{
  char text[ROAM_ADDR_STRLEN];

  if (roam_addr_equal (&config->home.addr, &config->home_agent))
    agent_config_problems_add (problems, "mobile-ip", "home-agent", roam_addr_to_string (&config->home_agent, text),
                               "another address than home-address");
}

/* One SPI names one key (RFC 5944 3.2). */
static void
check_keys (const AgentConfig *config, AgentConfigProblems *problems)
{
  for (guint i = 0; i < config->more_keys->len; i++)
    {
      const AgentConfigKey *key = config->more_keys->pdata[i];
      g_autofree char *spi = g_strdup_printf ("%u", key->spi);
      gboolean twice = key->spi == config->spi;

      for (guint j = 0; j < i; j++)
        twice |= ((const AgentConfigKey *)config->more_keys->pdata[j])->spi == key->spi;
      if (twice)
        agent_config_problems_add (problems, "mobile-ip", "more-keys", spi, "each SPI once, and not that of spi");
    }
}

static void
check_times (const AgentConfig *config, AgentConfigProblems *problems)
{
  /* Waits of 1, 2, 4 ... times the first one: P-3. */
  guint32 budget_ms = config->detect_timeout_ms * ((1u << (config->detect_retries + 1)) - 1);
  g_autofree char *margin = g_strdup_printf ("%u", config->monitor_margin_s);
  g_autofree char *lifetime = g_strdup_printf ("%u", config->lifetime_s);
  g_autofree char *grace = g_strdup_printf ("%u", config->grace_ms);

  if (config->monitor_margin_s >= config->t_monitor_s)
    agent_config_problems_add (problems, "trust", "monitor-margin", margin,
                               "a number from 1 to %u (below t-monitor, %u)", config->t_monitor_s - 1,
                               config->t_monitor_s);
  if (config->lifetime_s < config->t_monitor_s)
    agent_config_problems_add (problems, "mobile-ip", "lifetime", lifetime, "a number from %u (t-monitor) to 65534",
                               config->t_monitor_s);
  if (config->grace_ms > budget_ms)
    agent_config_problems_add (problems, "trust", "grace-ms", grace,
                               "a number from 0 to %u (the budget of detect-timeout-ms and detect-retries)", budget_ms);
}

void
agent_config_check_across (const AgentConfig *config, AgentConfigProblems *problems)
{
  check_addresses (config, problems);
  check_keys (config, problems);
  check_times (config, problems);
  if (config->has_vpn)
    agent_config_check_vpn (config, problems);
}
