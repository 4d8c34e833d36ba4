/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel.h"

#include <string.h>

/* The gate as text; what the kernel makes of it is test-gate-io's affair. */

static RoamAddr
addr (const char *text)
{
  RoamAddr result = ROAM_ADDR_NONE;

  g_assert_true (roam_addr_parse (text, &result));
  return result;
}

static RoamPrefix
prefix (const char *text)
{
  RoamPrefix result;

  g_assert_true (roam_prefix_parse (text, &result));
  return result;
}

static TunnelGateConfig
gate_config (void)
{
  return (TunnelGateConfig){
    .tun_name = "roam0",
    .home_address = addr ("10.1.0.100"),
    .home_agent = addr ("10.1.0.2"),
    .gateways = { addr ("203.0.113.2"), addr ("2001:db8::2") },
    .n_gateways = 2,
    .exempt = { prefix ("172.20.0.0/20"), prefix ("2001:db8:1::/49") },
    .n_exempt = 2,
  };
}

static TunnelGateState
state (TunnelMode mode, const char *ifname, const char *care_of_address)
{
  TunnelGateState result = { .mode = mode };

  if (ifname != NULL)
    g_strlcpy (result.ifname, ifname, sizeof result.ifname);
  if (care_of_address != NULL)
    result.care_of_address = addr (care_of_address);
  return result;
}

static TunnelGateState
state_f (const char *ifname, guint8 last)
{
  TunnelGateState result = state (TUNNEL_MODE_F, ifname, NULL);

  result.agent = addr ("10.5.0.1");
  result.agent_link_layer[0] = 2;
  result.agent_link_layer[5] = last;
  return result;
}

static void
assert_has (const char *text, const char *part)
{
  if (strstr (text, part) == NULL)
    g_error ("not in the ruleset: %s", part);
}

static guint
count (const char *text, const char *part)
{
  guint n = 0;

  for (const char *p = strstr (text, part); p != NULL; p = strstr (p + 1, part))
    n++;
  return n;
}

static void
test_closed_by_default (void)
{
  TunnelGateConfig config = gate_config ();
  g_autofree char *text = tunnel_gate_render (&config);

  /* Replaces in one transaction, so the three commands are one text. */
  g_assert_true (g_str_has_prefix (text, "table inet roamd\ndelete table inet roamd\ntable inet roamd {\n"));
  g_assert_cmpuint (count (text, "policy drop;"), ==, 3);
  g_assert_cmpuint (count (text, "policy accept"), ==, 0);
  /* Nothing in the two sets that open it. */
  g_assert_cmpuint (count (text, "elements ="), ==, 4);
  g_assert_null (strstr (text, "${"));
  g_assert_null (strstr (text, " ct "));
}

static void
test_names_and_addresses (void)
{
  TunnelGateConfig config = gate_config ();
  g_autofree char *text = tunnel_gate_render (&config);

  assert_has (text, "oifname { \"lo\", \"roam0\" } accept");
  assert_has (text, "elements = { 203.0.113.2 }");
  assert_has (text, "elements = { 2001:db8::2 }");
  assert_has (text, "elements = { 172.20.0.0/20 }");
  assert_has (text, "elements = { 2001:db8:1::/49 }");
  assert_has (text, "oifname @home_if ip saddr 10.1.0.100 ");
  assert_has (text, "ip daddr 10.1.0.2 ip protocol 4 oifname . ip saddr @c_tunnel ");
  assert_has (text, "@th,192,32 & 0xffffffff == 0x0a010002 ");
  assert_has (text, "@th,192,32 & 0xffffffff == 0xcb007102 ");
  assert_has (text, "@th,192,32 & 0xfffff000 == 0xac140000 ");
  assert_has (text, "@th,256,128 & 0xffffffffffff80000000000000000000 == 0x20010db8000100000000000000000000 ");
}

static void
test_nothing_configured (void)
{
  TunnelGateConfig config = gate_config ();
  g_autofree char *text = NULL;

  config.n_gateways = config.n_exempt = 0;
  text = tunnel_gate_render (&config);
  g_assert_cmpuint (count (text, "elements ="), ==, 0);
  g_assert_cmpuint (count (text, "errors about what passes"), ==, 1);
}

static void
test_other_gateways (void)
{
  TunnelGateConfig config = gate_config ();
  g_autofree char *text = tunnel_gate_render_gateways (&config), *none = NULL;

  assert_has (text, "flush set inet roamd gateway4\nflush set inet roamd gateway6\n"
                    "flush chain inet roamd gateway_errors\n");
  assert_has (text, "add element inet roamd gateway4 { 203.0.113.2 }\n");
  assert_has (text, "add element inet roamd gateway6 { 2001:db8::2 }\n");
  assert_has (text, "add rule inet roamd gateway_errors icmp type ");
  assert_has (text, "add rule inet roamd gateway_errors icmpv6 type ");
  config.n_gateways = 0;
  none = tunnel_gate_render_gateways (&config);
  g_assert_cmpuint (count (none, "add "), ==, 0);
  g_assert_cmpuint (count (none, "flush "), ==, 3);
}

static void
test_unusable_config (void)
{
  static const char *const names[] = { "", "*", "eth*", "a\"b", "a b", "x;y", "{", "a/b" };
  TunnelGateConfig config = gate_config ();

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_strlcpy (config.tun_name, names[i], sizeof config.tun_name);
      g_assert_null (tunnel_gate_render (&config));
    }
  config = gate_config ();
  config.home_address = addr ("2001:db8::1");
  g_assert_null (tunnel_gate_render (&config));
  config = gate_config ();
  config.home_agent = ROAM_ADDR_NONE;
  g_assert_null (tunnel_gate_render (&config));
}

typedef struct
{
  TunnelGateState from, to;
  const char *commands;
} ChangeRow;

#define FLUSH_LATE                                                                                                     \
  "flush set inet roamd c_tunnel_late\nflush set inet roamd c_udp_late\nflush set inet roamd f_agent_late\n"

static void
test_changes (void)
{
  TunnelGateConfig config = gate_config ();
  TunnelGateState blocked = state (TUNNEL_MODE_BLOCKED, NULL, NULL),
                  hold = state (TUNNEL_MODE_HOLD, "eth0", "10.2.0.50");
  TunnelGateState mc = state (TUNNEL_MODE_MC, "eth0", "10.8.0.1"), home = state (TUNNEL_MODE_HOME, "eth0", NULL);
  TunnelGateState home2 = state (TUNNEL_MODE_HOME, "eth1", NULL), c = state (TUNNEL_MODE_C, "wlan0", "10.2.0.50");
  TunnelGateState c2 = state (TUNNEL_MODE_C, "wlan0", "10.3.0.50"), udp = state (TUNNEL_MODE_C, "wlan0", "10.2.0.50");
  TunnelGateState f = state_f ("eth0", 0x0a), f2 = state_f ("eth0", 0x0b),
                  nowhere = state (TUNNEL_MODE_C, "*", "10.2.0.50");
  ChangeRow rows[] = {
    { blocked, blocked, "" },
    { blocked, hold, "" },
    { hold, mc, "" },
    { mc, blocked, "" },
    { home, home, "" },
    { c, c, "" },
    { blocked, home, "add element inet roamd home_if { \"eth0\" }\n" },
    { mc, c, "add element inet roamd c_tunnel { \"wlan0\" . 10.2.0.50 }\n" },
    { home, hold, "delete element inet roamd home_if { \"eth0\" }\n" },
    { c, mc, "delete element inet roamd c_tunnel { \"wlan0\" . 10.2.0.50 }\n" FLUSH_LATE },
    { home, home2, "delete element inet roamd home_if { \"eth0\" }\nadd element inet roamd home_if { \"eth1\" }\n" },
    { c, c2,
      "delete element inet roamd c_tunnel { \"wlan0\" . 10.2.0.50 }\n"
      "add element inet roamd c_tunnel_late { \"wlan0\" . 10.2.0.50 }\n"
      "add element inet roamd c_tunnel { \"wlan0\" . 10.3.0.50 }\n" },
    { home, c,
      "delete element inet roamd home_if { \"eth0\" }\nadd element inet roamd c_tunnel { \"wlan0\" . 10.2.0.50 }\n" },
    { c, udp,
      "delete element inet roamd c_tunnel { \"wlan0\" . 10.2.0.50 }\n"
      "add element inet roamd c_tunnel_late { \"wlan0\" . 10.2.0.50 }\n"
      "add element inet roamd c_udp { \"wlan0\" . 10.2.0.50 }\n" },
    { udp, mc, "delete element inet roamd c_udp { \"wlan0\" . 10.2.0.50 }\n" FLUSH_LATE },
    { c, f,
      "delete element inet roamd c_tunnel { \"wlan0\" . 10.2.0.50 }\n"
      "add element inet roamd c_tunnel_late { \"wlan0\" . 10.2.0.50 }\n"
      "add element inet roamd f_agent { \"eth0\" . 02:00:00:00:00:0a }\n" },
    { f, f2,
      "delete element inet roamd f_agent { \"eth0\" . 02:00:00:00:00:0a }\n"
      "add element inet roamd f_agent_late { \"eth0\" . 02:00:00:00:00:0a }\n"
      "add element inet roamd f_agent { \"eth0\" . 02:00:00:00:00:0b }\n" },
    { f, hold, "delete element inet roamd f_agent { \"eth0\" . 02:00:00:00:00:0a }\n" FLUSH_LATE },
    { c, home,
      "delete element inet roamd c_tunnel { \"wlan0\" . 10.2.0.50 }\n" FLUSH_LATE
      "add element inet roamd home_if { \"eth0\" }\n" },
    { f, nowhere, "delete element inet roamd f_agent { \"eth0\" . 02:00:00:00:00:0a }\n" FLUSH_LATE },
  };

  udp.mip_udp = TRUE;
  rows[13].to = rows[14].from = udp;
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *commands = tunnel_gate_render_change (&config, &rows[i].from, &rows[i].to);

      g_assert_cmpstr (commands, ==, rows[i].commands);
    }
}

/* What cannot be said exactly does not open anything, and still closes what was open. */
static void
test_unusable_openings (void)
{
  TunnelGateConfig config = gate_config ();
  TunnelGateState open = state (TUNNEL_MODE_HOME, "eth0", NULL);
  TunnelGateState broadcast = state_f ("eth0", 1);
  TunnelGateState unusable[] = {
    state (TUNNEL_MODE_HOME, NULL, NULL),
    state (TUNNEL_MODE_HOME, "eth*", NULL),
    state (TUNNEL_MODE_HOME, "a\" }; #", NULL),
    state (TUNNEL_MODE_C, "eth0", NULL),
    state (TUNNEL_MODE_C, "eth0", "2001:db8::1"),
    state (TUNNEL_MODE_C, "*", "10.2.0.50"),
    state (TUNNEL_MODE_F, "eth0", NULL),
    state_f ("eth*", 1),
    broadcast,
  };

  memset (unusable[8].agent_link_layer, 0xff, sizeof unusable[8].agent_link_layer);
  for (gsize i = 0; i < G_N_ELEMENTS (unusable); i++)
    {
      g_autofree char *commands = tunnel_gate_render_change (&config, &open, &unusable[i]);

      g_assert_cmpstr (commands, ==, "delete element inet roamd home_if { \"eth0\" }\n");
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tunnel/gate/closed", test_closed_by_default);
  g_test_add_func ("/tunnel/gate/names", test_names_and_addresses);
  g_test_add_func ("/tunnel/gate/nothing-configured", test_nothing_configured);
  g_test_add_func ("/tunnel/gate/other-gateways", test_other_gateways);
  g_test_add_func ("/tunnel/gate/unusable-config", test_unusable_config);
  g_test_add_func ("/tunnel/gate/changes", test_changes);
  g_test_add_func ("/tunnel/gate/unusable-openings", test_unusable_openings);
  return g_test_run ();
}
