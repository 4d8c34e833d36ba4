/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/config-private.h"

#include <string.h>

/* The values of [vpn] that are lists, and the rules between its keys. */

/* RFC 1035 2.3.4, without the octets of the wire form. */
#define MAX_NAME 253
#define MAX_LABEL 63

/* One label of a host's name: letters, digits, and hyphens within (RFC 1123 2.1; A-labels are such, too). */
static gboolean
is_label (const char *label)
{
  gsize length = strlen (label);

  if (length == 0 || length > MAX_LABEL || label[0] == '-' || label[length - 1] == '-')
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (label[i]) && label[i] != '-')
      return FALSE;
  return TRUE;
}

gboolean
agent_config_is_name (const char *text)
{
  g_auto (GStrv) labels = g_strsplit (text, ".", -1);
  guint n = g_strv_length (labels);
  gboolean letter = FALSE;

  if (strlen (text) > MAX_NAME || n == 0)
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (!is_label (labels[i]))
      return FALSE;
  /* A name whose last label is a number would be a mistyped address. */
  for (const char *p = labels[n - 1]; *p != '\0'; p++)
    letter |= g_ascii_isalpha (*p);
  return letter;
}

static gboolean
is_host6 (const RoamAddr *addr)
{
  static const guint8 zeros[16];
  gboolean low = memcmp (addr->bytes, zeros, 12) == 0; /* ::, ::1 and what is IPv4 in disguise */
  gboolean mapped = memcmp (addr->bytes, zeros, 10) == 0 && addr->bytes[10] == 0xff && addr->bytes[11] == 0xff;
  gboolean link_local = addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;

  return addr->family == ROAM_FAMILY_INET6 && !low && !mapped && !link_local && addr->bytes[0] != 0xff;
}

gboolean
agent_config_is_host (const RoamAddr *addr)
{
  return agent_config_is_host4 (addr) || is_host6 (addr);
}

static gboolean
is_gateway (const char *text)
{
  RoamAddr addr;

  if (roam_addr_parse (text, &addr))
    return agent_config_is_host (&addr);
  return strchr (text, '.') != NULL && agent_config_is_name (text);
}

/* The pieces of @text, all good and none twice; NULL: not so. */
static char **
parse_pieces (const AgentConfigRule *rule, const char *text, gboolean (*is_good) (const char *piece))
{
  g_auto (GStrv) pieces = agent_config_split_list (text);
  guint n = g_strv_length (pieces);

  if (n < rule->min || n > rule->max)
    return NULL;
  for (guint i = 0; i < n; i++)
    {
      if (!is_good (pieces[i]))
        return NULL;
      for (guint j = 0; j < i; j++)
        if (g_ascii_strcasecmp (pieces[i], pieces[j]) == 0)
          return NULL;
    }
  return g_steal_pointer (&pieces);
}

static gboolean
apply_pieces (const AgentConfigRule *rule, const char *text, gpointer field, gboolean (*is_good) (const char *piece))
{
  char **pieces = parse_pieces (rule, text, is_good);

  if (pieces == NULL)
    return FALSE;
  g_strfreev (*(char ***)field);
  *(char ***)field = pieces;
  return TRUE;
}

gboolean
agent_config_apply_gateways (const AgentConfigRule *rule, const char *text, gpointer field)
{
  return apply_pieces (rule, text, field, is_gateway);
}

static gboolean
is_anything (const char *piece)
{
  return g_str_equal (piece, "*");
}

gboolean
agent_config_apply_domains (const AgentConfigRule *rule, const char *text, gpointer field)
{
  return apply_pieces (rule, text, field, strchr (text, '*') != NULL ? is_anything : agent_config_is_name);
}

gboolean
agent_config_is_asked (const char *file)
{
  return g_strcmp0 (file, "ask") == 0;
}

/* ------------------------------------------------------------ between the keys ---- */

static const char *
auth_word (const AgentConfig *config)
{
  switch ((AgentConfigAuth)config->auth)
    {
    case AGENT_CONFIG_AUTH_PSK:
      return "psk";
    case AGENT_CONFIG_AUTH_CERTIFICATE:
      return "certificate";
    case AGENT_CONFIG_AUTH_EAP:
      return "eap";
    }
  g_assert_not_reached ();
}

static void
check_gateways (const AgentConfig *config, AgentConfigProblems *problems)
{
  for (guint i = 0; config->gateways[i] != NULL; i++)
    {
      RoamAddr addr;

      if (roam_addr_parse (config->gateways[i], &addr) &&
          (roam_addr_equal (&addr, &config->home_agent) || roam_addr_equal (&addr, &config->home.addr)))
        agent_config_problems_add (
          problems, "vpn", "gateway", config->gateways[i],
          "the outer address of the VPN gateway, which is neither home-agent nor home-address");
    }
}

/* A dialect that cannot be spoken cannot be required. */
static void
check_mobility (const AgentConfig *config, AgentConfigProblems *problems)
{
  if (config->require_mobike && (config->dialect == IKE_MOBILITY_MOPO || config->dialect == IKE_MOBILITY_NONE))
    agent_config_problems_add (problems, "vpn", "require-mobike", "yes", "no, unless dialect is auto or mobike");
}

static void
check_revocation (const AgentConfig *config, AgentConfigProblems *problems)
{
  gboolean psk = config->auth == AGENT_CONFIG_AUTH_PSK;

  if (psk && config->crl_file != NULL)
    agent_config_problems_add (problems, "vpn", "crl-file", config->crl_file, "no such key with auth=psk");
  if (psk && config->ocsp)
    agent_config_problems_add (problems, "vpn", "ocsp", "yes", "no, with auth=psk: there is no certificate");
  if (config->require_revocation && config->crl_file == NULL && !config->ocsp)
    agent_config_problems_add (problems, "vpn", "require-revocation", "yes",
                               "no, without ocsp=yes and without crl-file");
}

/* @value must be there exactly when @wanted. */
static void
check_credential (const char *key, const char *value, gboolean wanted, const char *auth, AgentConfigProblems *problems)
{
  if (wanted && value == NULL)
    agent_config_problems_add (problems, "vpn", key, NULL, "a file name (the key is required with auth=%s)", auth);
  if (!wanted && value != NULL)
    agent_config_problems_add (problems, "vpn", key, value, "no such key with auth=%s", auth);
}

static void
check_eap (const AgentConfig *config, const char *auth, AgentConfigProblems *problems)
{
  gboolean tls = config->auth == AGENT_CONFIG_AUTH_EAP && config->eap_method == IKE_EAP_METHOD_TLS;
  gboolean eap = config->auth == AGENT_CONFIG_AUTH_EAP || config->then_eap;

  if (config->then_eap && config->auth != AGENT_CONFIG_AUTH_CERTIFICATE)
    agent_config_problems_add (problems, "vpn", "then-eap", "yes", "no, unless auth=certificate");
  if (config->then_eap && config->eap_method != IKE_EAP_METHOD_MSCHAPV2)
    agent_config_problems_add (problems, "vpn", "eap-method", "tls", "mschapv2 with then-eap=yes");
  if (config->then_eap && config->eap_identity == NULL)
    agent_config_problems_add (problems, "vpn", "eap-identity", NULL, "the user's name for EAP with then-eap=yes");
  if (config->then_eap && config->ppk_file != NULL)
    agent_config_problems_add (problems, "vpn", "ppk-file", config->ppk_file, "no such key with then-eap=yes");
  check_credential ("password-file", config->password_file, eap && !tls, tls ? "eap and eap-method=tls" : auth,
                    problems);
  if (config->new_password_file != NULL && (!eap || tls))
    agent_config_problems_add (problems, "vpn", "new-password-file", config->new_password_file,
                               "the key with auth=eap and eap-method=mschapv2 only");
  if (!eap && config->eap_identity != NULL)
    agent_config_problems_add (problems, "vpn", "eap-identity", config->eap_identity, "no such key with auth=%s", auth);
  if (!tls && config->eap_server_name != NULL)
    agent_config_problems_add (problems, "vpn", "eap-server-name", config->eap_server_name,
                               "the key with auth=eap and eap-method=tls only");
  if (config->auth == AGENT_CONFIG_AUTH_EAP && config->eap_identity == NULL && config->local_id == NULL)
    agent_config_problems_add (problems, "vpn", "eap-identity", NULL, "a name (or local-id) with auth=eap");
  /* RFC 5998 4: a password method proves nobody to us. */
  if (config->eap_only && !tls)
    agent_config_problems_add (problems, "vpn", "eap-only", "yes", "no, unless auth=eap and eap-method=tls");
}

static void
check_ppk (const AgentConfig *config, AgentConfigProblems *problems)
{
  if ((config->ppk_file == NULL) != (config->ppk_id == NULL))
    agent_config_problems_add (problems, "vpn", config->ppk_file == NULL ? "ppk-file" : "ppk-id", NULL,
                               "ppk-file and ppk-id together");
  if (config->require_ppk && config->ppk_file == NULL)
    agent_config_problems_add (problems, "vpn", "require-ppk", "yes", "no, without ppk-file");
}

/* The key is in a file or in a token. EAP-TLS signs within its handshake, which cannot wait for one. */
static void
check_key (const AgentConfig *config, gboolean own, const char *auth, AgentConfigProblems *problems)
{
  gboolean token = config->private_key != NULL && config->auth == AGENT_CONFIG_AUTH_CERTIFICATE;

  check_credential ("private-key-file", config->private_key_file, own && !token,
                    token ? "certificate and private-key" : auth, problems);
  if (config->private_key != NULL && !token)
    agent_config_problems_add (problems, "vpn", "private-key", config->private_key,
                               "the key with auth=certificate only");
  if (config->pin_file != NULL && config->private_key == NULL)
    agent_config_problems_add (problems, "vpn", "pin-file", config->pin_file, "the key with private-key only");
}

static void
check_credentials (const AgentConfig *config, AgentConfigProblems *problems)
{
  gboolean psk = config->auth == AGENT_CONFIG_AUTH_PSK;
  gboolean own = config->auth == AGENT_CONFIG_AUTH_CERTIFICATE ||
                 (config->auth == AGENT_CONFIG_AUTH_EAP && config->eap_method == IKE_EAP_METHOD_TLS);
  const char *auth = auth_word (config);

  check_credential ("psk-file", config->psk_file, psk, auth, problems);
  check_credential ("certificate-file", config->certificate_file, own, auth, problems);
  check_key (config, own, auth, problems);
  check_credential ("ca-file", config->ca_file, !psk, auth, problems);
  check_eap (config, auth, problems);
  check_ppk (config, problems);
}

void
agent_config_check_vpn (const AgentConfig *config, AgentConfigProblems *problems)
{
  check_gateways (config, problems);
  check_credentials (config, problems);
  check_revocation (config, problems);
  check_mobility (config, problems);
}

/* --------------------------------------------------------------------- warnings ---- */

/* Random octets in text are longer than that; what people make up is not. */
#define TYPED_LENGTH 24

static gboolean
looks_typed (const RoamSecret *secret)
{
  const guint8 *octets = roam_secret_peek (secret);
  gsize length = roam_secret_length (secret);

  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isprint ((char)octets[i]))
      return FALSE;
  return length < TYPED_LENGTH;
}

/* Links are known by their IPv4 addresses (detect/): IKE has none of IPv6 to begin from. */
static gboolean
has_ip4_gateway (const AgentConfig *config)
{
  gboolean found = FALSE;
  RoamAddr addr;

  for (guint i = 0; config->gateways[i] != NULL && !found; i++)
    found = !roam_addr_parse (config->gateways[i], &addr) || addr.family == ROAM_FAMILY_INET4;
  return found;
}

GPtrArray *
agent_config_dup_warnings (const AgentConfig *config)
{
  GPtrArray *warnings = g_ptr_array_new_with_free_func (g_free);
  gboolean psk = config->has_vpn && config->auth == AGENT_CONFIG_AUTH_PSK;

  if (psk && (agent_config_is_asked (config->psk_file) || (config->psk != NULL && looks_typed (config->psk))))
    g_ptr_array_add (warnings,
                     g_strdup ("[vpn] psk-file: a shared secret that people make up can be guessed offline by "
                               "whoever answers in the gateway's place; make one with \"openssl rand -base64 "
                               "32\", or use auth=eap or auth=certificate"));
  if (config->has_vpn && !psk && config->crl_file == NULL && !config->ocsp)
    g_ptr_array_add (warnings, g_strdup ("[vpn] ocsp: nobody asks whether the gateway's certificate was revoked; use "
                                         "ocsp=yes or crl-file"));
  if (config->has_vpn && !has_ip4_gateway (config))
    g_ptr_array_add (warnings, g_strdup ("[vpn] gateway: only IPv6 addresses, and roamd has nothing but IPv4 addresses "
                                         "to reach a gateway from; add a name or an IPv4 address of the gateway"));
  if (config->algorithm == MIP4_AUTH_HMAC_MD5)
    g_ptr_array_add (warnings,
                     g_strdup ("[mobile-ip] algorithm: hmac-md5 is there for old home agents; use hmac-sha-256 "
                               "where the home agent can"));
  return warnings;
}
