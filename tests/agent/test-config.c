/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY "00112233445566778899aabbccddeeff"
#define MINIMAL "[mobile-ip]\nhome-address=10.1.0.100/24\nhome-agent=10.1.0.2\nspi=4096\nkey-file=mn-ha.key\n"
#define VPN MINIMAL "[vpn]\ngateway=203.0.113.2\npsk-file=vpn.psk\n"

static AgentConfig *
parse (const char *text, AgentConfigProblems **ret_problems)
{
  *ret_problems = agent_config_problems_new ("profile.conf");
  return agent_config_parse ("profile.conf", text, strlen (text), *ret_problems);
}

/* @text must be refused with exactly the lines of @expected (NULL-terminated). */
static void
assert_refused (const char *text, const char *const *expected)
{
  g_autoptr (AgentConfigProblems) problems = NULL;
  g_autoptr (AgentConfig) config = parse (text, &problems);

  g_assert_null (config);
  for (guint i = 0; expected[i] != NULL && i < problems->lines->len; i++)
    g_assert_cmpstr (problems->lines->pdata[i], ==, expected[i]);
  g_assert_cmpuint (problems->lines->len, ==, g_strv_length ((char **)expected));
}
#define assert_refused_with(text, ...) assert_refused (text, (const char *const[]){ __VA_ARGS__, NULL })

static void
test_defaults (void)
{
  g_autoptr (AgentConfigProblems) problems = NULL;
  g_autoptr (AgentConfig) config = parse (MINIMAL, &problems);
  char text[ROAM_ADDR_STRLEN];

  g_assert_nonnull (config);
  g_assert_cmpstr (roam_prefix_to_string (&config->home, text), ==, "10.1.0.100/24");
  g_assert_cmpint (config->algorithm, ==, MIP4_AUTH_HMAC_SHA_256);
  g_assert_cmpuint (config->lifetime_s, ==, 1800);
  g_assert_true (config->nat_traversal);
  /* covers: R5266-MON-003 */
  g_assert_cmpuint (config->t_monitor_s, ==, 60);
  g_assert_cmpuint (config->monitor_margin_s, ==, 10);
  g_assert_cmpuint (config->detect_timeout_ms, ==, 1000);
  g_assert_cmpuint (config->detect_retries, ==, 2);
  g_assert_false (config->has_vpn);
  g_assert_cmpstr (config->tun_name, ==, "roam0");
  g_assert_cmpuint (config->hold_packets, ==, 1024);
  g_assert_cmpuint (config->exempt->len, ==, 0);
  g_assert_true (g_strv_contains ((const char *const *)config->ignore, "virbr*"));
  g_assert_null (config->nai);
}

static void
test_every_key (void)
{
  static const char profile[] =
    "# a comment\n[mobile-ip]\nhome-address = 10.1.0.100/24\nhome-agent=10.1.0.2\nnai=alice@example.com\nspi=0000256\n"
    "algorithm=hmac-md5\nkey-file=/k\nlifetime=65534\nnat-traversal=no\nudp-lifetime=60\nforeign-agent=prefer\n"
    "foreign-agent-keys=10.2.0.9 4097 fa.key; 10.3.0.9 4097 f2 hmac-md5\nencapsulating-delivery=yes\nrevocation=no\n"
    "replay=nonce\nservice=internet\nmore-keys=4098 new.key;4099  /n2\naaa-key=5000 aaa.key hmac-md5\n"
    "[trust]\nt-monitor=30\nmonitor-margin=5\ndetect-timeout-ms=2000\ndetect-retries=1\ngrace-ms=6000\nlate-rate=20\n"
    "[vpn]\ngateway=203.0.113.2\nlocal-id=alice@example.com\nremote-id=vpn.example.com\nauth=certificate\n"
    "certificate-file=c\nprivate-key-file=p\nca-file=a\ninside=teardown\nmc-refresh=no\nrequire-mobike=yes\n"
    "dpd-interval=10\nstart-delay-ms=250\n"
    "[data]\ntun-name=ent0\nmtu=1300\nhold-packets=64\nexempt=192.168.1.0/24; 2001:db8::/32;\n[links]\nignore=\n";
  g_autoptr (AgentConfigProblems) problems = NULL;
  g_autoptr (AgentConfig) config = parse (profile, &problems);

  g_assert_cmpuint (problems->lines->len, ==, 0);
  g_assert_nonnull (config);
  g_assert_cmpuint (config->spi, ==, 256);
  g_assert_cmpint (config->algorithm, ==, MIP4_AUTH_HMAC_MD5);
  g_assert_cmpstr (config->nai, ==, "alice@example.com");
  g_assert_false (config->nat_traversal);
  g_assert_cmpuint (config->udp_lifetime_s, ==, 60);
  g_assert_cmpint (config->foreign_agent, ==, COORDINATOR_AGENTS_PREFER);
  g_assert_true (config->encapsulating_delivery);
  g_assert_false (config->revocation);
  g_assert_cmpint (config->replay, ==, MIP4_REPLAY_NONCE);
  g_assert_cmpstr (config->service, ==, "internet");
  g_assert_cmpuint (config->t_monitor_s, ==, 30);
  g_assert_cmpuint (config->grace_ms, ==, 6000);
  g_assert_cmpint (config->auth, ==, AGENT_CONFIG_AUTH_CERTIFICATE);
  g_assert_cmpint (config->inside, ==, AGENT_CONFIG_INSIDE_TEARDOWN);
  g_assert_true (config->require_mobike);
  g_assert_false (config->mc_refresh);
  g_assert_cmpuint (config->exempt->len, ==, 2);
  g_assert_cmpuint (config->mtu, ==, 1300);
  g_assert_null (config->ignore[0]);
}

/* covers: MIP-CFG-003, MIP-CFG-004 */
static void
test_mobile_ip_in_the_engines (void)
{
  static const char profile[] =
    MINIMAL "foreign-agent=prefer\nforeign-agent-keys=10.2.0.9 4097 fa.key; 10.3.0.9 4097 f2 hmac-md5\n"
            "more-keys=4098 new.key;4099  /n2\naaa-key=5000 aaa.key hmac-md5\nreplay=nonce\nrevocation=no\n"
            "[trust]\nt-monitor=90\ndetect-timeout-ms=2500\ndetect-retries=4\n";
  g_autoptr (AgentConfigProblems) problems = NULL;
  g_autoptr (AgentConfig) config = parse (profile, &problems);
  CoordinatorConfig coordinator;
  Mip4DiscoveryConfig discovery;
  Mip4MnConfig mip4;

  g_assert_nonnull (config);
  agent_config_make_associations (config);
  agent_config_get_mip4 (config, &mip4);
  g_assert_cmpuint (mip4.n_more_mn_ha, ==, 2);
  g_assert_cmpuint (mip4.more_mn_ha[1].association.spi, ==, 4099);
  g_assert_cmpint (mip4.more_mn_ha[1].association.algorithm, ==, MIP4_AUTH_HMAC_SHA_256);
  g_assert_cmpint (mip4.more_mn_ha[1].replay, ==, MIP4_REPLAY_NONCE);
  g_assert_cmpuint (mip4.n_mn_fa, ==, 2);
  g_assert_cmpuint (roam_addr_to_u32 (&mip4.mn_fa[0].agent), ==, 0x0a020009);
  g_assert_cmpint (mip4.mn_fa[1].association.algorithm, ==, MIP4_AUTH_HMAC_MD5);
  g_assert_cmpuint (mip4.mn_aaa.spi, ==, 5000);
  g_assert_cmpuint (mip4.udp_lifetime_s, ==, 120);
  g_assert_cmpuint (mip4.home_prefix_length, ==, 24);
  g_assert_false (mip4.revocation);
  g_assert_true (mip4.reverse_tunnel);
  g_assert_cmpstr (config->aaa_key->len == 1 ? ((AgentConfigKey *)config->aaa_key->pdata[0])->key_file : "", ==,
                   "aaa.key");
  agent_config_get_coordinator (config, &coordinator);
  g_assert_cmpint (coordinator.agents, ==, COORDINATOR_AGENTS_PREFER);
  g_assert_cmpint (coordinator.t_monitor_us, ==, 90 * ROAM_USEC_PER_SEC);
  g_assert_cmpint (coordinator.detect_timeout_us, ==, 2500 * ROAM_USEC_PER_MSEC);
  g_assert_cmpuint (coordinator.detect_retries, ==, 4);
  agent_config_get_discovery (config, &discovery);
  g_assert_true (discovery.solicit && discovery.require_ttl_1);
}

static void
test_bad_keys (void)
{
  static const char *const bad[] = {
    "more-keys=4098\n", /* no file */
    "more-keys=255 k\n",
    "more-keys=4098 k sha1\n",
    "more-keys=4098 k hmac-md5 more\n",
    "foreign-agent-keys=4098 k\n", /* no address */
    "foreign-agent-keys=224.0.0.11 4098 k\n",
    "foreign-agent-keys=fe80::1 4098 k\n",
    "aaa-key=5000 a; 5001 b\n",
    "more-keys=4096 k\n", /* that of spi */
    "more-keys=4097 k; 4097 l\n",
    "foreign-agent=yes\n",
    "replay=none\n",
    "udp-lifetime=10\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *text = g_strconcat (MINIMAL, bad[i], NULL);
      g_autoptr (AgentConfigProblems) problems = NULL;
      g_autoptr (AgentConfig) config = parse (text, &problems);

      if (config != NULL)
        g_error ("accepted: %s", bad[i]);
      g_assert_cmpuint (problems->lines->len, ==, 1);
    }
}

static void
test_all_problems_at_once (void)
{
  assert_refused_with (
    "[mobile-ip]\nhome-address=10.1.0.100\nhome-agent=example\nspi=255\nkeyfile=x\n[vnp]\na=b\n",
    "profile.conf: [mobile-ip] keyfile: found 'keyfile', allowed: one of the keys home-address, "
    "home-agent, nai, spi, algorithm, key-file, lifetime, nat-traversal, udp-lifetime, foreign-agent, "
    "foreign-agent-keys, encapsulating-delivery, revocation, replay, service, more-keys, aaa-key",
    "profile.conf: [vnp] found 'vnp', allowed: one of the groups mobile-ip, trust, vpn, data, links",
    "profile.conf: [mobile-ip] home-address: found '10.1.0.100', allowed: the home address with the "
    "length of the home link's prefix, for example 10.1.0.100/24",
    "profile.conf: [mobile-ip] home-agent: found 'example', allowed: an IPv4 address of a host, for "
    "example 10.1.0.2",
    "profile.conf: [mobile-ip] spi: found '255', allowed: a number from 256 to 4294967295",
    "profile.conf: [mobile-ip] key-file: found nothing, allowed: a file name; relative ones are "
    "looked up in the credentials directory, then beside the profile (the key is required)");
}

static void
test_duplicates (void)
{
  assert_refused_with (MINIMAL "spi=4097\n[trust]\n[trust]\n",
                       "profile.conf: [mobile-ip] spi: found 'the key twice', allowed: once (line 6)",
                       "profile.conf: [trust] found 'the group twice', allowed: once (line 8)");
}

static void
test_no_profile_at_all (void)
{
  g_autoptr (AgentConfigProblems) problems = agent_config_problems_new ("p");

  assert_refused_with ("", "profile.conf: [mobile-ip] found nothing, allowed: the group with the home address and the "
                           "home agent");
  g_assert_null (agent_config_parse ("p", "[a]\0b", 5, problems));
  g_assert_cmpstr (problems->lines->pdata[0], ==, "p: found 'octets that are no text', allowed: a text file in UTF-8");
  g_assert_null (agent_config_parse ("p", "hello", 5, problems));
  g_assert_nonnull (strstr (problems->lines->pdata[1], "key=value lines"));
}

/* One bad value a row: each is refused, names its key, and nothing else is wrong. */
static void
test_bad_values (void)
{
  static const struct
  {
    const char *base, *group, *key, *value;
  } rows[] = {
    { MINIMAL, "mobile-ip", "nai", "@x" },
    { MINIMAL, "mobile-ip", "nai", "a b" },
    { MINIMAL, "mobile-ip", "algorithm", "md5" },
    { MINIMAL, "mobile-ip", "lifetime", "59" },
    { MINIMAL, "mobile-ip", "lifetime", "65535" },
    { MINIMAL, "mobile-ip", "lifetime", "-1" },
    { MINIMAL, "mobile-ip", "lifetime", "60s" },
    { MINIMAL, "mobile-ip", "nat-traversal", "maybe" },
    /* covers: R5266-MON-013 */
    { MINIMAL "[trust]\n", "trust", "t-monitor", "9" },
    { MINIMAL "[trust]\n", "trust", "monitor-margin", "0" },
    { MINIMAL "[trust]\n", "trust", "detect-timeout-ms", "999" },
    { MINIMAL "[trust]\n", "trust", "detect-retries", "6" },
    { MINIMAL "[trust]\n", "trust", "late-rate", "0" },
    { VPN, "vpn", "local-id", "" },
    { VPN, "vpn", "auth", "radius" },
    { VPN, "vpn", "inside", "maybe" },
    { VPN, "vpn", "dpd-interval", "4" },
    { VPN, "vpn", "start-delay-ms", "60001" },
    { MINIMAL "[data]\n", "data", "tun-name", "a-name-that-is-too-long" },
    { MINIMAL "[data]\n", "data", "tun-name", "a/b" },
    { MINIMAL "[data]\n", "data", "tun-name", "lo" },
    { MINIMAL "[data]\n", "data", "mtu", "575" },
    { MINIMAL "[data]\n", "data", "hold-packets", "15" },
    { MINIMAL "[data]\n", "data", "exempt", "0.0.0.0/0" },
    { MINIMAL "[data]\n", "data", "exempt", "10.0.0.0/8;x" },
    { MINIMAL "[links]\n", "links", "ignore", "docker*;*" },
    { MINIMAL "[links]\n", "links", "ignore", "a b" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text = g_strconcat (rows[i].base, rows[i].key, "=", rows[i].value, "\n", NULL);
      g_autofree char *expected =
        g_strdup_printf ("profile.conf: [%s] %s: found '%s', allowed: ", rows[i].group, rows[i].key, rows[i].value);
      g_autoptr (AgentConfigProblems) problems = NULL;
      g_autoptr (AgentConfig) config = parse (text, &problems);

      g_assert_null (config);
      g_assert_cmpuint (problems->lines->len, ==, 1);
      g_assert_true (g_str_has_prefix (problems->lines->pdata[0], expected));
      g_assert_cmpuint (strlen (problems->lines->pdata[0]), >, strlen (expected));
    }
}

static void
test_bad_addresses (void)
{
  static const char *const bad[] = { "0.0.0.0",       "127.0.0.1",  "224.0.0.1", "255.255.255.255", "10.1.0.0/24",
                                     "10.1.0.255/24", "10.1.0.1/7", "::1/64",    "10.1.0.256/24",   "" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *text =
        g_strdup_printf ("[mobile-ip]\nhome-address=%s\nhome-agent=10.1.0.2\nspi=256\nkey-file=k\n", bad[i]);
      g_autoptr (AgentConfigProblems) problems = NULL;

      g_assert_null (parse (text, &problems));
      g_assert_cmpuint (problems->lines->len, ==, 1);
      g_assert_nonnull (strstr (problems->lines->pdata[0], "[mobile-ip] home-address: found '"));
    }
}

static void
test_contradictions (void)
{
  assert_refused_with (MINIMAL "[trust]\nt-monitor=10\nmonitor-margin=10\n",
                       "profile.conf: [trust] monitor-margin: found '10', allowed: a number from 1 to 9 (below "
                       "t-monitor, 10)");
  assert_refused_with (MINIMAL "lifetime=100\n[trust]\nt-monitor=200\n",
                       "profile.conf: [mobile-ip] lifetime: found '100', allowed: a number from 200 (t-monitor) to "
                       "65534");
  assert_refused_with (MINIMAL "[trust]\ngrace-ms=7001\n",
                       "profile.conf: [trust] grace-ms: found '7001', allowed: a number from 0 to 7000 (the budget of "
                       "detect-timeout-ms and detect-retries)");
  assert_refused_with (MINIMAL "[vpn]\ngateway=10.1.0.2\npsk-file=x\n",
                       "profile.conf: [vpn] gateway: found '10.1.0.2', allowed: the outer address of the VPN gateway, "
                       "which is neither home-agent nor home-address");
  assert_refused_with (VPN "auth=certificate\ncertificate-file=c\n",
                       "profile.conf: [vpn] psk-file: found 'vpn.psk', allowed: no such key with auth=certificate",
                       "profile.conf: [vpn] private-key-file: found nothing, allowed: a file name (the key is required "
                       "with auth=certificate)",
                       "profile.conf: [vpn] ca-file: found nothing, allowed: a file name (the key is required with "
                       "auth=certificate)");
}

static void
test_hostile_value_is_escaped (void)
{
  g_autoptr (AgentConfigProblems) problems = NULL;

  g_assert_null (parse (MINIMAL "nai=\033[2Jx y\n", &problems));
  g_assert_null (strchr (problems->lines->pdata[0], '\033'));
}

static void
test_engine_configurations (void)
{
  g_autoptr (AgentConfigProblems) problems = NULL;
  g_autoptr (AgentConfig) config =
    parse (MINIMAL "[trust]\nt-monitor=30\ndetect-retries=1\n[data]\nexempt=192.168.0.0/16\n", &problems);
  Mip4MnConfig mip4;
  TunnelGateConfig gate;
  IkeConfig ike;

  agent_config_get_mip4 (config, &mip4);
  g_assert_cmpuint (mip4.mn_ha.spi, ==, 4096);
  g_assert_true (mip4.reverse_tunnel);
  g_assert_true (roam_addr_equal (&mip4.home_address, &config->home.addr));
  agent_config_get_gate (config, &gate);
  g_assert_cmpuint (gate.n_gateways, ==, 0);
  g_assert_cmpuint (gate.n_exempt, ==, 1);
  g_assert_cmpstr (gate.tun_name, ==, "roam0");
  agent_config_get_ike (config, &ike);
  g_assert_true (ike.force_udp_encap);
  g_assert_cmpint (ike.dpd_interval_us, ==, 30 * ROAM_USEC_PER_SEC);
}

/* -------------------------------------------------------------------- secrets ---- */

static void
test_hex_key (void)
{
  static const char good[] = " 0011 2233445566778899aabbccddeeFF\n";
  const char *allowed = NULL;
  g_autoptr (RoamSecret) key = agent_config_parse_hex_key ((const guint8 *)good, strlen (good), &allowed);
  static const char *const bad[] = { "",
                                     "0",
                                     "00112233445566778899aabbccddee",
                                     "00112233445566778899aabbccddeef",
                                     "x0112233445566778899aabbccddeeff",
                                     "00000000000000000000000000000000",
                                     "01020304010203040102030401020304" };

  g_assert_nonnull (key);
  g_assert_cmpuint (roam_secret_length (key), ==, 16);
  g_assert_cmpuint (roam_secret_peek (key)[15], ==, 0xff);
  /* covers: R5266-SEC-003 */
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      allowed = NULL;
      g_assert_null (agent_config_parse_hex_key ((const guint8 *)bad[i], strlen (bad[i]), &allowed));
      g_assert_nonnull (allowed);
    }
}

static void
test_psk (void)
{
  const char *allowed = NULL;
  g_autoptr (RoamSecret) text = agent_config_parse_psk ((const guint8 *)"a secret!\r\nsecond line", 22, &allowed);
  g_autoptr (RoamSecret) hex = agent_config_parse_psk ((const guint8 *)"0x0001020304050607\n", 19, &allowed);

  g_assert_cmpuint (roam_secret_length (text), ==, 9);
  g_assert_cmpuint (roam_secret_length (hex), ==, 8);
  g_assert_null (agent_config_parse_psk ((const guint8 *)"short\n", 6, &allowed));
  g_assert_nonnull (strstr (allowed, "8 octets"));
  g_assert_null (agent_config_parse_psk ((const guint8 *)"0x012\n", 6, &allowed));
  g_assert_nonnull (strstr (allowed, "hex digits"));
}

/* ---------------------------------------------------------------------- files ---- */

typedef struct
{
  char *directory, *profile, *key, *psk;
} Files;

static void
write_file (const char *path, const char *text, mode_t mode)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
  g_assert_cmpint (chmod (path, mode), ==, 0);
}

static void
files_set_up (Files *files, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  files->directory = g_dir_make_tmp ("roamd-config-XXXXXX", &error);
  g_assert_no_error (error);
  files->profile = g_build_filename (files->directory, "profile.conf", NULL);
  files->key = g_build_filename (files->directory, "mn-ha.key", NULL);
  files->psk = g_build_filename (files->directory, "vpn.psk", NULL);
  write_file (files->profile, VPN, 0644);
  write_file (files->key, KEY "\n", 0600);
  write_file (files->psk, "correct horse\n", 0400);
}

static void
files_tear_down (Files *files, gconstpointer data)
{
  g_remove (files->profile);
  g_remove (files->key);
  g_remove (files->psk);
  g_rmdir (files->directory);
  g_free (files->directory);
  g_free (files->profile);
  g_free (files->key);
  g_free (files->psk);
}

static void
assert_load_fails (const Files *files, const char *credentials, const char *expected)
{
  g_autoptr (AgentConfigProblems) problems = agent_config_problems_new (files->profile);

  g_assert_null (agent_config_load (files->profile, credentials, problems));
  g_assert_cmpuint (problems->lines->len, ==, 1);
  g_assert_true (g_str_has_prefix (problems->lines->pdata[0], files->profile));
  if (strstr (problems->lines->pdata[0], expected) == NULL)
    g_error ("%s does not hold %s", (const char *)problems->lines->pdata[0], expected);
  /* no key octets in messages */
  g_assert_null (strstr (problems->lines->pdata[0], "001122"));
}

static void
test_load (Files *files, gconstpointer data)
{
  g_autoptr (AgentConfigProblems) problems = agent_config_problems_new (files->profile);
  g_autoptr (AgentConfig) config = agent_config_load (files->profile, NULL, problems);

  g_assert_cmpuint (problems->lines->len, ==, 0);
  g_assert_nonnull (config);
  g_assert_cmpuint (roam_secret_length (config->mn_ha_key), ==, 16);
  g_assert_cmpuint (roam_secret_length (config->psk), ==, strlen ("correct horse"));
}

static void
test_load_modes (Files *files, gconstpointer data)
{
  /* covers: R5266-SEC-004 */
  g_chmod (files->key, 0640);
  assert_load_fails (files, NULL,
                     "[mobile-ip] key-file: found 'mode 0640', allowed: a file that only its owner may "
                     "read (chmod 0600)");
  g_chmod (files->key, 0604);
  assert_load_fails (files, NULL, "found 'mode 0604'");
  g_chmod (files->key, 0600);
  g_chmod (files->profile, 0666);
  assert_load_fails (files, NULL, ": found 'mode 0666', allowed: a file that only its owner may write");
}

static void
test_load_odd_files (Files *files, gconstpointer data)
{
  g_autofree char *big = g_strnfill (65 * 1024, 'a');

  write_file (files->key, "", 0600);
  assert_load_fails (files, NULL, "[mobile-ip] key-file: found '0 octets'");
  write_file (files->key, big, 0600);
  assert_load_fails (files, NULL, "found '66560 octets'");
  write_file (files->key, "001122\n", 0600);
  assert_load_fails (files, NULL, "[mobile-ip] key-file: found 'mn-ha.key', allowed: a key of at least 128 bit");
  g_remove (files->key);
  assert_load_fails (files, NULL, "No such file or directory");
  g_assert_cmpint (g_mkdir (files->key, 0700), ==, 0);
  assert_load_fails (files, NULL, "found 'something that is no regular file', allowed: a regular file");
  g_rmdir (files->key);
  g_assert_cmpint (mkfifo (files->key, 0600), ==, 0);
  assert_load_fails (files, NULL, "allowed: a regular file"); /* and does not wait for a writer */
}

static void
test_load_credentials_first (Files *files, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *credentials = g_dir_make_tmp ("roamd-credentials-XXXXXX", &error);
  g_autofree char *key = g_build_filename (credentials, "mn-ha.key", NULL);
  g_autoptr (AgentConfigProblems) problems = agent_config_problems_new (files->profile);
  g_autoptr (AgentConfig) config = NULL;

  write_file (key, KEY KEY, 0400);
  config = agent_config_load (files->profile, credentials, problems);
  g_assert_nonnull (config);
  g_assert_cmpuint (roam_secret_length (config->mn_ha_key), ==, 32); /* theirs, not ours */
  g_assert_cmpuint (roam_secret_length (config->psk), >, 0);         /* beside the profile */
  g_remove (key);
  g_rmdir (credentials);
}

static void
test_load_no_profile (Files *files, gconstpointer data)
{
  g_remove (files->profile);
  assert_load_fails (files, NULL, "No such file or directory");
}

#define add_files_test(path, function) g_test_add (path, Files, NULL, files_set_up, function, files_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/defaults", test_defaults);
  g_test_add_func ("/config/every-key", test_every_key);
  g_test_add_func ("/config/mobile-ip-in-the-engines", test_mobile_ip_in_the_engines);
  g_test_add_func ("/config/bad-keys", test_bad_keys);
  g_test_add_func ("/config/all-problems-at-once", test_all_problems_at_once);
  g_test_add_func ("/config/duplicates", test_duplicates);
  g_test_add_func ("/config/no-profile-at-all", test_no_profile_at_all);
  g_test_add_func ("/config/bad-values", test_bad_values);
  g_test_add_func ("/config/bad-addresses", test_bad_addresses);
  g_test_add_func ("/config/contradictions", test_contradictions);
  g_test_add_func ("/config/hostile-value", test_hostile_value_is_escaped);
  g_test_add_func ("/config/engines", test_engine_configurations);
  g_test_add_func ("/config/hex-key", test_hex_key);
  g_test_add_func ("/config/psk", test_psk);
  add_files_test ("/config/load", test_load);
  add_files_test ("/config/load/modes", test_load_modes);
  add_files_test ("/config/load/odd-files", test_load_odd_files);
  add_files_test ("/config/load/credentials-first", test_load_credentials_first);
  add_files_test ("/config/load/no-profile", test_load_no_profile);
  return g_test_run ();
}
