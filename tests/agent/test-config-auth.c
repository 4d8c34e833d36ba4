/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys of [vpn] that say how both sides prove who they are. */
#include "agent/config.h"

#include <glib/gstdio.h>
#include <string.h>

#define MINIMAL "[mobile-ip]\nhome-address=10.1.0.100/24\nhome-agent=10.1.0.2\nspi=256\nkey-file=k\n"
#define EAP MINIMAL "[vpn]\ngateway=203.0.113.2\nremote-id=vpn.example.com\nca-file=ca.pem\nauth=eap\n"
#define PASSWORD EAP "eap-identity=alice\npassword-file=pw\n"
#define TLS EAP "eap-method=tls\neap-identity=alice\ncertificate-file=c\nprivate-key-file=p\n"
#define CERTIFICATE MINIMAL "[vpn]\ngateway=203.0.113.2\nca-file=ca.pem\nauth=certificate\ncertificate-file=c\n"
#define TWO CERTIFICATE "private-key-file=p\nthen-eap=yes\n"
#define PSK MINIMAL "[vpn]\ngateway=203.0.113.2\npsk-file=s\n"

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
test_password (void)
{
  g_autoptr (AgentConfig) config = parse_good (PASSWORD "local-id=laptop.example.com\ncrl-file=crl.pem\n");
  IkeConfig ike;

  config->password = roam_secret_new ((const guint8 *)"correct horse", 13);
  agent_config_get_ike (config, &ike);
  g_assert_cmpint (ike.method, ==, IKE_AUTH_METHOD_EAP);
  g_assert_cmpint (ike.eap_method, ==, IKE_EAP_METHOD_MSCHAPV2);
  g_assert_cmpstr (ike.eap_identity, ==, "alice");
  g_assert_cmpstr (ike.local_id, ==, "laptop.example.com");
  g_assert_true (ike.eap_password == config->password);
  g_assert_false (ike.eap_only);
}

static void
test_two (void)
{
  g_autoptr (AgentConfig) config = parse_good (TWO "eap-identity=alice\npassword-file=pw\n");
  IkeConfig ike;

  agent_config_get_ike (config, &ike);
  g_assert_cmpint (ike.method, ==, IKE_AUTH_METHOD_CERTIFICATE);
  g_assert_true (ike.then_eap);
  g_assert_cmpstr (ike.eap_identity, ==, "alice");
}

static void
test_tls (void)
{
  g_autoptr (AgentConfig) config = parse_good (TLS "eap-only=yes\neap-server-name=aaa.example.com\n");
  IkeConfig ike;

  agent_config_get_ike (config, &ike);
  g_assert_cmpint (ike.method, ==, IKE_AUTH_METHOD_EAP);
  g_assert_cmpint (ike.eap_method, ==, IKE_EAP_METHOD_TLS);
  g_assert_cmpstr (ike.eap_server_name, ==, "aaa.example.com");
  g_assert_true (ike.eap_only);
}

static void
test_token (void)
{
  g_autoptr (AgentConfig) config = parse_good (CERTIFICATE "private-key=pkcs11:token=a;object=b\npin-file=ask\n");
  IkeConfig ike;

  agent_config_get_ike (config, &ike);
  g_assert_cmpint (ike.method, ==, IKE_AUTH_METHOD_CERTIFICATE);
  g_assert_true (ike.external_key);
  g_assert_null (ike.private_key_pem);
  g_assert_cmpstr (config->private_key, ==, "pkcs11:token=a;object=b");
}

static void
test_ppk (void)
{
  g_autoptr (AgentConfig) config = parse_good (PSK "ppk-file=q\nppk-id=quantum\nrequire-ppk=yes\n");
  g_autoptr (AgentConfig) none = parse_good (PSK);
  IkeConfig ike;

  agent_config_get_ike (config, &ike);
  g_assert_cmpint (ike.method, ==, IKE_AUTH_METHOD_PSK);
  g_assert_cmpstr (ike.ppk_id, ==, "quantum");
  g_assert_true (ike.require_ppk);
  agent_config_get_ike (none, &ike);
  g_assert_null (ike.ppk);
  g_assert_null (ike.ppk_id);
  g_assert_null (ike.crl);
}

static void
test_rekeying (void)
{
  g_autoptr (AgentConfig) config = parse_good (PSK "rekey-ike=7200\nrekey-child=30\n");
  g_autoptr (AgentConfig) none = parse_good (PSK);
  IkeConfig ike;

  agent_config_get_ike (config, &ike);
  g_assert_cmpint (ike.rekey_ike_us, ==, 7200 * ROAM_USEC_PER_SEC);
  g_assert_cmpint (ike.rekey_child_us, ==, 30 * ROAM_USEC_PER_SEC);
  agent_config_get_ike (none, &ike);
  g_assert_cmpint (ike.rekey_ike_us, ==, 14400 * ROAM_USEC_PER_SEC);
  g_assert_cmpint (ike.rekey_child_us, ==, 3600 * ROAM_USEC_PER_SEC);
}

static void
test_contradictions (void)
{
  static const struct
  {
    const char *text, *line;
  } bad[] = {
    { EAP "eap-identity=alice\n",
      "[vpn] password-file: found nothing, allowed: a file name (the key is required with auth=eap)" },
    { EAP "password-file=pw\n", "[vpn] eap-identity: found nothing, allowed: a name (or local-id) with auth=eap" },
    { PASSWORD "certificate-file=c\n", "[vpn] certificate-file: found 'c', allowed: no such key with auth=eap" },
    { PASSWORD "psk-file=s\n", "[vpn] psk-file: found 's', allowed: no such key with auth=eap" },
    { PASSWORD "eap-only=yes\n", "[vpn] eap-only: found 'yes', allowed: no, unless auth=eap and eap-method=tls" },
    { TLS "new-password-file=n\n",
      "[vpn] new-password-file: found 'n', allowed: the key with auth=eap and eap-method=mschapv2 only" },
    { PASSWORD "eap-method=md5\n", "[vpn] eap-method: found 'md5', allowed: mschapv2 or tls" },
    { PASSWORD "eap-server-name=a\n", "[vpn] eap-server-name: found 'a', allowed: the key with auth=eap and" },
    { TLS "password-file=pw\n",
      "[vpn] password-file: found 'pw', allowed: no such key with auth=eap and eap-method=tls" },
    { PSK "eap-identity=alice\n", "[vpn] eap-identity: found 'alice', allowed: no such key with auth=psk" },
    { PSK "password-file=pw\n", "[vpn] password-file: found 'pw', allowed: no such key with auth=psk" },
    { PSK "crl-file=c\n", "[vpn] crl-file: found 'c', allowed: no such key with auth=psk" },
    { PSK "ppk-file=q\n", "[vpn] ppk-id: found nothing, allowed: ppk-file and ppk-id together" },
    { PSK "ppk-id=q\n", "[vpn] ppk-file: found nothing, allowed: ppk-file and ppk-id together" },
    { PSK "require-ppk=yes\n", "[vpn] require-ppk: found 'yes', allowed: no, without ppk-file" },
    { PSK "rekey-child=29\n", "[vpn] rekey-child: found '29', allowed: " },
    { CERTIFICATE "private-key-file=p\nprivate-key=tpm2:0x81000001\n",
      "[vpn] private-key-file: found 'p', allowed: no such key with auth=certificate and private-key" },
    { CERTIFICATE, "[vpn] private-key-file: found nothing, allowed: a file name" },
    { CERTIFICATE "private-key-file=p\npin-file=ask\n",
      "[vpn] pin-file: found 'ask', allowed: the key with private-key only" },
    { TLS "private-key=tpm2:0x81000001\n",
      "[vpn] private-key: found 'tpm2:0x81000001', allowed: the key with auth=certificate only" },
    { PSK "private-key=tpm2:0x81000001\n", "[vpn] private-key: found 'tpm2:0x81000001', allowed: the key with auth" },
    { TWO "password-file=pw\n", "[vpn] eap-identity: found nothing, allowed: the user's name for EAP" },
    { TWO "eap-identity=alice\n", "[vpn] password-file: found nothing" },
    { TWO "eap-method=tls\neap-identity=alice\npassword-file=pw\n",
      "[vpn] eap-method: found 'tls', allowed: mschapv2 with then-eap=yes" },
    { PASSWORD "then-eap=yes\n", "[vpn] then-eap: found 'yes', allowed: no, unless auth=certificate" },
    { PSK "auth=ldap\n", "[vpn] auth: found 'ldap', allowed: psk or certificate or eap" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (AgentConfigProblems) problems = NULL;

      g_assert_null (parse (bad[i].text, &problems));
      if (problems->lines->len != 1 || strstr (problems->lines->pdata[0], bad[i].line) == NULL)
        g_error ("%u problems, %s; wanted %s", problems->lines->len, (const char *)problems->lines->pdata[0],
                 bad[i].line);
    }
}

static void
assert_secret (RoamSecret *(*parser) (const guint8 *, gsize, const char **), const char *text, gsize length)
{
  const char *allowed = NULL;
  g_autoptr (RoamSecret) secret = parser ((const guint8 *)text, strlen (text), &allowed);

  g_assert_cmpint (secret == NULL, ==, length == 0);
  g_assert_cmpint (allowed == NULL, ==, length != 0);
  if (secret != NULL)
    g_assert_cmpuint (roam_secret_length (secret), ==, length);
}

static void
test_secrets (void)
{
  /* covers: IKE-AUTH-004 */
  assert_secret (agent_config_parse_psk, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", 64);
  assert_secret (agent_config_parse_psk, "0x0123456789abcdef0123456789abcdef", 16);
  assert_secret (agent_config_parse_password, "x\n", 1);
  assert_secret (agent_config_parse_password, "gr\xc3\xbc\xc3\x9f\r\nnot this\n", 6);
  assert_secret (agent_config_parse_password, "0x00", 4); /* a password is never hex */
  assert_secret (agent_config_parse_password, "\n", 0);
  assert_secret (agent_config_parse_password, "gr\xfc\xdf\n", 0);
  assert_secret (agent_config_parse_ppk, "0123456789abcdef0123456789abcdef\n", 32);
  assert_secret (agent_config_parse_ppk, "0123456789abcdef0123456789abcde\n", 0);
  assert_secret (agent_config_parse_ppk, "0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 32);
  assert_secret (agent_config_parse_ppk, "0x0001", 0);
  assert_secret (agent_config_parse_ppk, "short", 0);
}

static void
put (const char *directory, const char *name, const char *text, int mode)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_assert_cmpint (g_chmod (path, mode), ==, 0);
}

/* The password's file must be as safe as every other secret. */
static void
test_load (void)
{
  static const char *const names[] = { "profile.conf", "k", "pw", "ca.pem" };
  g_autofree char *directory = g_dir_make_tmp ("roamd-config-XXXXXX", NULL);
  g_autofree char *profile = g_build_filename (directory, "profile.conf", NULL);
  g_autoptr (AgentConfigProblems) open = agent_config_problems_new (profile);
  g_autoptr (AgentConfigProblems) good = agent_config_problems_new (profile);
  g_autoptr (AgentConfig) config = NULL;

  put (directory, "profile.conf", PASSWORD, 0644);
  put (directory, "k", "00112233445566778899aabbccddeeff\n", 0600);
  put (directory, "pw", "correct horse\n", 0644);
  put (directory, "ca.pem", "of no matter here\n", 0644);
  g_assert_null (agent_config_load (profile, NULL, open));
  g_assert_cmpuint (open->lines->len, ==, 1);
  g_assert_nonnull (strstr (open->lines->pdata[0], "[vpn] password-file: found 'mode 0644'"));
  put (directory, "pw", "correct horse\n", 0600);
  config = agent_config_load (profile, NULL, good);
  g_assert_nonnull (config);
  g_assert_cmpuint (roam_secret_length (config->password), ==, strlen ("correct horse"));
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (directory, names[i], NULL);

      g_remove (path);
    }
  g_rmdir (directory);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/auth/password", test_password);
  g_test_add_func ("/config/auth/tls", test_tls);
  g_test_add_func ("/config/auth/two", test_two);
  g_test_add_func ("/config/auth/token", test_token);
  g_test_add_func ("/config/auth/ppk", test_ppk);
  g_test_add_func ("/config/auth/rekeying", test_rekeying);
  g_test_add_func ("/config/auth/contradictions", test_contradictions);
  g_test_add_func ("/config/auth/secrets", test_secrets);
  g_test_add_func ("/config/auth/load", test_load);
  return g_test_run ();
}
