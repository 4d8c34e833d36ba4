/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys of [vpn] that say where the gateway is and what is agreed with it. */
#include "agent/config.h"

#include <string.h>

#define MINIMAL "[mobile-ip]\nhome-address=10.1.0.100/24\nhome-agent=10.1.0.2\nspi=256\nkey-file=k\n[vpn]\n"
#define PSK MINIMAL "psk-file=s\n"
#define ONE PSK "gateway=203.0.113.2\n"
#define CERTIFICATE MINIMAL "gateway=203.0.113.2\nauth=certificate\ncertificate-file=c\nprivate-key-file=p\nca-file=a\n"

static AgentConfig *
parse (const char *text, AgentConfigProblems **ret_problems)
{
  *ret_problems = agent_config_problems_new ("profile.conf");
  return agent_config_parse ("profile.conf", text, strlen (text), *ret_problems);
}

static AgentConfig *
parse_good (const char *text)
{
  g_autoptr (AgentConfigProblems) problems = NULL;
  AgentConfig *config = parse (text, &problems);

  if (config == NULL)
    g_error ("%s", (const char *)problems->lines->pdata[0]);
  return config;
}

static void
assert_refused (const char *text, const char *word)
{
  g_autoptr (AgentConfigProblems) problems = NULL;
  g_autoptr (AgentConfig) config = parse (text, &problems);

  if (config != NULL)
    g_error ("accepted: %s", text);
  if (problems->lines->len != 1 || strstr (problems->lines->pdata[0], word) == NULL)
    g_error ("%u problems, the first %s; wanted %s", problems->lines->len, (const char *)problems->lines->pdata[0],
             word);
}

static void
test_gateways (void)
{
  g_autoptr (AgentConfig) config = parse_good (PSK "gateway=vpn.example.com; 2001:db8::2;203.0.113.2 ;\n");
  TunnelGateConfig gate;
  IkeConfig ike;

  g_assert_cmpuint (g_strv_length (config->gateways), ==, 3);
  g_assert_cmpstr (config->gateways[0], ==, "vpn.example.com");
  g_assert_cmpstr (config->gateways[2], ==, "203.0.113.2");
  agent_config_get_gate (config, &gate);
  g_assert_cmpuint (gate.n_gateways, ==, 2); /* the name is nobody's address yet */
  agent_config_get_ike (config, &ike);
  /* What the name service says proves nothing; the name must be proved. */
  g_assert_cmpstr (ike.remote_id, ==, "vpn.example.com");
  g_assert_cmpint (ike.gateway.family, ==, ROAM_FAMILY_INET6);
}

static void
test_remote_id_is_kept (void)
{
  g_autoptr (AgentConfig) named = parse_good (PSK "gateway=vpn.example.com\nremote-id=other\n");
  g_autoptr (AgentConfig) address = parse_good (ONE);
  IkeConfig ike;

  agent_config_get_ike (named, &ike);
  g_assert_cmpstr (ike.remote_id, ==, "other");
  g_assert_false (roam_addr_is_set (&ike.gateway));
  agent_config_get_ike (address, &ike);
  g_assert_null (ike.remote_id);
}

static void
test_bad_gateways (void)
{
  static const char *const bad[] = {
    "",
    ";",
    "127.0.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "::",
    "::1",
    "fe80::1",
    "ff02::1",
    "::ffff:203.0.113.2",
    "vpn",
    "203.0.113",
    "203.0.113.256",
    "1.2.3.4.5",
    "-a.example",
    "a-.example",
    "a..example",
    ".example",
    "example.",
    "vpn example.com",
    "vpn_1.example.com",
    "b\xc3\xbc"
    "ro.example",
    "203.0.113.2:4500",
    "203.0.113.2/32",
    "vpn.example.com; VPN.example.com",
    "1.1.1.1;1.1.1.2;1.1.1.3;1.1.1.4;1.1.1.5;1.1.1.6;1.1.1.7;1.1.1.8;1.1.1.9",
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *text = g_strdup_printf (PSK "gateway=%s\n", bad[i]);

      assert_refused (text, "[vpn] gateway: found '");
    }
  assert_refused (PSK, "[vpn] gateway: found nothing");
  assert_refused (PSK "gateway=203.0.113.2;10.1.0.2\n", "found '10.1.0.2', allowed: the outer address");
  assert_refused (PSK "gateway=10.1.0.100\n", "found '10.1.0.100', allowed: the outer address");
}

static void
test_defaults (void)
{
  g_autoptr (AgentConfig) config = parse_good (ONE);
  IkeConfig ike;

  agent_config_get_ike (config, &ike);
  g_assert_cmpint (ike.mobility, ==, IKE_MOBILITY_AUTO);
  g_assert_cmpint (ike.nat_policy, ==, IKE_NAT_POLICY_TRAVERSE);
  /* covers: MOB-ADD-008 */
  g_assert_false (ike.announce_addresses);
  g_assert_false (ike.path_test_off);
  g_assert_true (ike.accept_redirect);
  g_assert_true (ike.request_ticket);
  g_assert_false (ike.childless || ike.check_ocsp || ike.require_revocation || ike.request_domains);
  g_assert_null (ike.domains);
  g_assert_cmpuint (config->reauthenticate_s, ==, 0);
}

static void
test_every_key (void)
{
  g_autoptr (AgentConfig) config = parse_good (
    CERTIFICATE "dialect=mopo\nnat=forbid\nannounce-addresses=yes\npath-test=no\nredirect=no\nresumption=no\n"
                "childless=yes\nocsp=yes\nrequire-revocation=yes\ndomains=corp.example;example.net\n"
                "reauthenticate=86400\n");
  g_autoptr (AgentConfig) any = parse_good (ONE "domains=*\ndialect=none\n");
  IkeConfig ike;

  agent_config_get_ike (config, &ike);
  g_assert_cmpint (ike.mobility, ==, IKE_MOBILITY_MOPO);
  g_assert_cmpint (ike.nat_policy, ==, IKE_NAT_POLICY_FORBID);
  g_assert_true (ike.announce_addresses && ike.path_test_off && ike.childless && ike.check_ocsp);
  g_assert_true (ike.require_revocation && ike.request_domains);
  g_assert_false (ike.accept_redirect || ike.request_ticket);
  g_assert_cmpstr (ike.domains[0], ==, "corp.example");
  g_assert_cmpstr (ike.domains[1], ==, "example.net");
  g_assert_null (ike.domains[2]);
  g_assert_cmpuint (config->reauthenticate_s, ==, 86400);
  agent_config_get_ike (any, &ike);
  g_assert_true (ike.request_domains);
  g_assert_null (ike.domains);
  g_assert_cmpint (ike.mobility, ==, IKE_MOBILITY_NONE);
}

static void
test_refused (void)
{
  static const struct
  {
    const char *text, *word;
  } bad[] = {
    { ONE "dialect=mobile\n", "allowed: auto or mobike or mopo or none" },
    { ONE "nat=yes\n", "allowed: traverse or forbid" },
    { ONE "domains=*;corp.example\n", "[vpn] domains: found" },
    { ONE "domains=*.corp.example\n", "[vpn] domains: found" },
    { ONE "domains=corp example\n", "[vpn] domains: found" },
    { ONE "reauthenticate=299\n", "allowed: 0 (never), or a number from 300" },
    { ONE "require-mobike=yes\ndialect=mopo\n", "[vpn] require-mobike: found 'yes', allowed: no, unless" },
    { ONE "ocsp=yes\n", "[vpn] ocsp: found 'yes', allowed: no, with auth=psk" },
    { CERTIFICATE "require-revocation=yes\n", "[vpn] require-revocation: found 'yes', allowed: no, without ocsp" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    assert_refused (bad[i].text, bad[i].word);
}

static void
test_asked (void)
{
  g_autoptr (AgentConfig) config = parse_good (MINIMAL "gateway=203.0.113.2\npsk-file=ask\n");

  g_assert_true (agent_config_is_asked (config->psk_file));
  g_assert_false (agent_config_is_asked ("./ask"));
  g_assert_false (agent_config_is_asked (NULL));
}

static guint
count_warnings (const char *text, const char *psk, const char *word)
{
  g_autoptr (AgentConfig) config = parse_good (text);
  g_autoptr (GPtrArray) warnings = NULL;

  if (psk != NULL)
    config->psk = roam_secret_new ((const guint8 *)psk, strlen (psk));
  warnings = agent_config_dup_warnings (config);
  for (guint i = 0; i < warnings->len; i++)
    {
      if (strstr (warnings->pdata[i], word) == NULL)
        g_error ("%s", (const char *)warnings->pdata[i]);
      g_assert_true (psk == NULL || strstr (warnings->pdata[i], psk) == NULL);
    }
  return warnings->len;
}

/* covers: IKE-SEC-006 */
static void
test_warnings (void)
{
  g_assert_cmpuint (count_warnings (ONE, "summer2026!", "[vpn] psk-file"), ==, 1);
  g_assert_cmpuint (count_warnings (ONE, "Wm3P9v1cS4n0b7d2Rk8yTqLzXe5Ug6Ah", ""), ==, 0);
  g_assert_cmpuint (count_warnings (ONE, "\x01\x80short", ""), ==, 0);
  g_assert_cmpuint (count_warnings (MINIMAL "gateway=203.0.113.2\npsk-file=ask\n", NULL, "[vpn] psk-file"), ==, 1);
  g_assert_cmpuint (
    count_warnings (MINIMAL "gateway=2001:db8::2\npsk-file=k\n", "Wm3P9v1cS4n0b7d2Rk8yTqLzXe5Ug6Ah", "[vpn] gateway"),
    ==, 1);
  g_assert_cmpuint (
    count_warnings (MINIMAL "gateway=2001:db8::2;203.0.113.2\npsk-file=k\n", "Wm3P9v1cS4n0b7d2Rk8yTqLzXe5Ug6Ah", ""),
    ==, 0);
  g_assert_cmpuint (count_warnings (CERTIFICATE, NULL, "[vpn] ocsp"), ==, 1);
  g_assert_cmpuint (count_warnings (CERTIFICATE "ocsp=yes\n", NULL, ""), ==, 0);
  /* EAP methods that prove the gateway to nobody have its certificate beside them, or are no profile. */
  assert_refused (MINIMAL "gateway=203.0.113.2\nauth=eap\neap-identity=a\npassword-file=p\n", "[vpn] ca-file");
  assert_refused (MINIMAL "gateway=203.0.113.2\nauth=eap\neap-identity=a\npassword-file=p\nca-file=a\neap-only=yes\n",
                  "[vpn] eap-only");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/vpn/gateways", test_gateways);
  g_test_add_func ("/config/vpn/remote-id-is-kept", test_remote_id_is_kept);
  g_test_add_func ("/config/vpn/bad-gateways", test_bad_gateways);
  g_test_add_func ("/config/vpn/defaults", test_defaults);
  g_test_add_func ("/config/vpn/every-key", test_every_key);
  g_test_add_func ("/config/vpn/refused", test_refused);
  g_test_add_func ("/config/vpn/asked", test_asked);
  g_test_add_func ("/config/vpn/warnings", test_warnings);
  return g_test_run ();
}
