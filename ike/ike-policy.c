/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the profile says about what the gateway may do (RFC 7296 5.1), and about the profile itself (RFC 7296 5). */
#include "ike/ike-session-private.h"

#include <string.h>

/* --- inner addresses --- */

/* No address of a host, or one that every machine has already. */
static gboolean
is_unusable (const RoamAddr *addr)
{
  static const char *const unusable[] = { "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
                                          "::/128",    "::1/128",     "fe80::/10",      "ff00::/8" };
  RoamPrefix prefix;

  for (gsize i = 0; i < G_N_ELEMENTS (unusable); i++)
    if (roam_prefix_parse (unusable[i], &prefix) && roam_prefix_contains (&prefix, addr))
      return TRUE;
  return FALSE;
}

static gboolean
is_acceptable (const IkeSession *session, const RoamAddr *addr)
{
  const IkePair *outer = &session->mobility.now;

  if (!roam_addr_is_set (addr))
    return TRUE;
  if (is_unusable (addr) || roam_addr_equal (addr, &outer->local.addr) || roam_addr_equal (addr, &outer->remote.addr))
    return FALSE;
  for (guint i = 0; i < session->refused_inner->len; i++)
    if (roam_prefix_contains (&g_array_index (session->refused_inner, RoamPrefix, i), addr))
      return FALSE;
  return TRUE;
}

gboolean
ike_policy_accepts (const IkeSession *session, const IkeConfiguration *configuration)
{
  return is_acceptable (session, &configuration->tia4) && is_acceptable (session, &configuration->tia6);
}

/* --- lint --- */

/* Shorter than 20 printable characters: a person thought of it. 128 random bits take 22 in base64. */
#define PASSWORD_LENGTH 20

static gboolean
looks_typed (const RoamSecret *secret)
{
  const guint8 *octets = roam_secret_peek (secret);

  for (gsize i = 0; i < roam_secret_length (secret); i++)
    if (!g_ascii_isprint ((char)octets[i]))
      return FALSE;
  return roam_secret_length (secret) < PASSWORD_LENGTH;
}

static gboolean
names_user (const IkeConfig *config)
{
  return config->eap_identity && config->eap_identity[0] != '@' &&
         !g_str_has_prefix (config->eap_identity, "anonymous");
}

static void
warn_about_eap (const IkeConfig *config, GStrvBuilder *warnings)
{
  gboolean tls = config->eap_method == IKE_EAP_METHOD_TLS;

  if (tls && names_user (config))
    g_strv_builder_add (warnings,
                        "eap-identity names the user outside of TLS, which RFC 9190 2.1.7 forbids with TLS 1.3; "
                        "@realm is enough for most servers");
  if (tls && config->eap_plain_success)
    g_strv_builder_add (warnings, "EAP Success counts without the protected indication of RFC 9190 2.1.1; only the "
                                  "gateway's own AUTH vouches for it then");
  if (!tls && config->eap_password && looks_typed (config->eap_password))
    g_strv_builder_add (warnings,
                        "EAP-MSCHAPv2 with a password that can be guessed: whoever is taken for the gateway by "
                        "its certificate can try it offline; EAP-TLS has no password");
}

char **
ike_config_dup_warnings (const IkeConfig *config)
{
  g_autoptr (GStrvBuilder) warnings = g_strv_builder_new ();

  if (config->method == IKE_AUTH_METHOD_PSK && config->psk && looks_typed (config->psk))
    g_strv_builder_add (warnings,
                        "the pre-shared key looks like a password: whoever poses as the gateway once can guess "
                        "it offline (RFC 7296 2.15); 32 random octets cannot be guessed");
  if (config->method == IKE_AUTH_METHOD_EAP || config->then_eap)
    warn_about_eap (config, warnings);
  if (config->ppk && !config->require_ppk)
    g_strv_builder_add (warnings,
                        "without require-ppk a gateway that does not know the post-quantum key is good enough");
  if (config->check_ocsp && !config->require_revocation)
    g_strv_builder_add (warnings, "without require-revocation whoever keeps the OCSP answer away hides a revocation");
  if (config->ike_proposals && strstr (config->ike_proposals, "sha1"))
    g_strv_builder_add (warnings, "SHA-1 in ike-proposals is for old gateways only (RFC 8247 2.3)");
  return g_strv_builder_end (warnings);
}
