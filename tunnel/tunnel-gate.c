/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel.h"

/*
 * The gate as nft text. Fixed rules in chains, what changes with the mode in three sets, so that
 * opening and closing are small element transactions and the closed state is the one without
 * elements. Comments in the ruleset tell an administrator what each rule is for.
 */

/* SO_MARK of roamd's own sockets: only they may signal in clear (R5266-DET-012). */
#define OWN_MARK "0x5266"

static void
append_address (GString *text, const RoamAddr *addr)
{
  char buffer[ROAM_ADDR_STRLEN];

  g_string_append (text, roam_addr_to_string (addr, buffer));
}

/* A set of addresses or prefixes of one family, with what the profile names. */
static void
append_gateways (GString *text, const TunnelGateConfig *config, RoamFamily family, const char *name)
{
  const char *separator = "elements = { ";

  g_string_append_printf (text, "  set %s {\n    type %s; comment \"VPN gateways\"\n    ", name,
                          family == ROAM_FAMILY_INET4 ? "ipv4_addr" : "ipv6_addr");
  for (guint i = 0; i < config->n_gateways; i++)
    if (config->gateways[i].family == family)
      {
        g_string_append (text, separator);
        append_address (text, &config->gateways[i]);
        separator = ", ";
      }
  g_string_append (text, separator[0] == ',' ? " }\n  }\n" : "\n  }\n");
}

static void
append_exempt (GString *text, const TunnelGateConfig *config, RoamFamily family, const char *name)
{
  const char *separator = "elements = { ";
  char buffer[ROAM_ADDR_STRLEN];

  g_string_append_printf (text,
                          "  set %s {\n    type %s; flags interval; auto-merge; comment \"the profile's exempt list\"\n"
                          "    ",
                          name, family == ROAM_FAMILY_INET4 ? "ipv4_addr" : "ipv6_addr");
  for (guint i = 0; i < config->n_exempt; i++)
    if (config->exempt[i].addr.family == family)
      {
        g_string_append_printf (text, "%s%s", separator, roam_prefix_to_string (&config->exempt[i], buffer));
        separator = ", ";
      }
  g_string_append (text, separator[0] == ',' ? " }\n  }\n" : "\n  }\n");
}

static void
append_sets (GString *text, const TunnelGateConfig *config)
{
  g_string_append (text, "  counter stopped { comment \"outbound packets that the gate stopped\"; }\n"
                         "  counter stopped-in { comment \"inbound packets that the gate stopped\"; }\n"
                         "  counter passed { comment \"outbound packets that the gate let through\"; }\n"
                         "  set home_if {\n    type ifname; comment \"proved home link: plain traffic of the home "
                         "address\"\n  }\n"
                         "  set c_tunnel {\n    type ifname . ipv4_addr; comment \"proved link and care-of address: "
                         "IP-in-IP to the home agent\"\n  }\n");
  append_gateways (text, config, ROAM_FAMILY_INET4, "gateway4");
  append_gateways (text, config, ROAM_FAMILY_INET6, "gateway6");
  append_exempt (text, config, ROAM_FAMILY_INET4, "exempt4");
  append_exempt (text, config, ROAM_FAMILY_INET6, "exempt6");
}

static void
append_output (GString *text, const TunnelGateConfig *config)
{
  char agent[ROAM_ADDR_STRLEN], home[ROAM_ADDR_STRLEN];

  roam_addr_to_string (&config->home_agent, agent);
  roam_addr_to_string (&config->home_address, home);
  g_string_append (text, "  chain output {\n    type filter hook output priority 10; policy accept;\n");
  g_string_append_printf (text, "    oifname { \"lo\", \"%s\" } accept comment \"not a physical interface\"\n",
                          config->tun_name);
  g_string_append (
    text,
    "    udp sport 68 udp dport 67 counter name passed accept comment \"DHCP\"\n"
    "    udp sport 546 udp dport 547 counter name passed accept comment \"DHCPv6\"\n"
    "    icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } counter name passed accept "
    "comment \"neighbour discovery\"\n"
    "    icmp type router-solicitation counter name passed accept comment \"agent discovery\"\n"
    "    meta mark " OWN_MARK " ip daddr @gateway4 udp dport { 500, 4500 } counter name passed accept comment \"IKE "
    "and ESP in UDP\"\n"
    "    meta mark " OWN_MARK " ip6 daddr @gateway6 udp dport { 500, 4500 } counter name passed accept comment \"IKE "
    "and ESP in UDP\"\n"
    "    ip daddr @gateway4 ip protocol esp counter name passed accept comment \"ESP\"\n"
    "    ip6 daddr @gateway6 ip6 nexthdr esp counter name passed accept comment \"ESP\"\n");
  g_string_append_printf (text,
                          "    meta mark " OWN_MARK " ip daddr %s udp dport 434 counter name passed accept comment "
                          "\"Registration Requests, roamd's own only\"\n",
                          agent);
  g_string_append (text,
                   "    meta mark " OWN_MARK " udp dport 53 counter name passed accept comment \"roamd's own name "
                   "look-ups\"\n"
                   "    ip daddr @exempt4 counter name passed accept comment \"the profile's exempt list\"\n"
                   "    ip6 daddr @exempt6 counter name passed accept comment \"the profile's exempt list\"\n");
  g_string_append_printf (text,
                          "    oifname @home_if ip saddr %s counter name passed accept comment \"home\"\n"
                          "    ip daddr %s ip protocol 4 oifname . ip saddr @c_tunnel counter name passed accept "
                          "comment \"mode c\"\n",
                          home, agent);
  g_string_append (text, "    counter name stopped drop comment \"all else: nothing leaves in clear\"\n  }\n");
}

static void
append_input (GString *text, const TunnelGateConfig *config)
{
  char agent[ROAM_ADDR_STRLEN], home[ROAM_ADDR_STRLEN];

  roam_addr_to_string (&config->home_agent, agent);
  roam_addr_to_string (&config->home_address, home);
  g_string_append (text, "  chain input {\n    type filter hook input priority 10; policy accept;\n");
  g_string_append_printf (text, "    iifname { \"lo\", \"%s\" } accept comment \"not a physical interface\"\n",
                          config->tun_name);
  g_string_append (text,
                   "    udp sport 67 udp dport 68 accept comment \"DHCP\"\n"
                   "    udp sport 547 udp dport 546 accept comment \"DHCPv6\"\n"
                   "    icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } accept "
                   "comment \"neighbour discovery\"\n"
                   "    icmp type router-advertisement accept comment \"agent discovery\"\n"
                   "    ip saddr @gateway4 udp sport { 500, 4500 } accept comment \"IKE and ESP in UDP\"\n"
                   "    ip6 saddr @gateway6 udp sport { 500, 4500 } accept comment \"IKE and ESP in UDP\"\n"
                   "    ip saddr @gateway4 ip protocol esp accept comment \"ESP\"\n"
                   "    ip6 saddr @gateway6 ip6 nexthdr esp accept comment \"ESP\"\n");
  g_string_append_printf (text, "    ip saddr %s udp sport 434 accept comment \"Registration Replies\"\n", agent);
  g_string_append (text, "    udp sport 53 ct state established accept comment \"roamd's own name look-ups\"\n"
                         "    icmp type { destination-unreachable, time-exceeded, parameter-problem } ct state related "
                         "accept comment \"errors about what passed, path MTU among them\"\n"
                         "    icmpv6 type { destination-unreachable, packet-too-big, time-exceeded } ct state related "
                         "accept comment \"errors about what passed\"\n"
                         "    ip saddr @exempt4 accept comment \"the profile's exempt list\"\n"
                         "    ip6 saddr @exempt6 accept comment \"the profile's exempt list\"\n");
  g_string_append_printf (text,
                          "    iifname @home_if ip daddr %s accept comment \"home\"\n"
                          "    ip saddr %s ip protocol 4 iifname . ip daddr @c_tunnel accept comment \"mode c\"\n",
                          home, agent);
  g_string_append (text, "    counter name stopped-in drop comment \"all else\"\n  }\n");
}

static void
append_forward (GString *text, const TunnelGateConfig *config)
{
  g_string_append_printf (
    text,
    "  chain forward {\n    type filter hook forward priority 10; policy accept;\n"
    "    oifname \"%s\" accept comment \"into the tunnel\"\n"
    "    iifname \"%s\" accept comment \"out of the tunnel\"\n"
    "    counter name stopped drop comment \"containers and guests go the same way as all else\"\n"
    "  }\n",
    config->tun_name, config->tun_name);
}

char *
tunnel_gate_render (const TunnelGateConfig *config)
{
  GString *text = g_string_new (NULL);

  /* Declared, deleted, declared: one transaction that replaces whatever an earlier run left. */
  g_string_append (text, "table inet roamd\ndelete table inet roamd\ntable inet roamd {\n");
  append_sets (text, config);
  append_output (text, config);
  append_input (text, config);
  append_forward (text, config);
  g_string_append (text, "}\n");
  return g_string_free (text, FALSE);
}

/* The one element that @state needs, as "add element ..." or "delete element ..."; nothing when closed. */
static void
append_element (GString *text, const char *verb, const TunnelGateState *state)
{
  char address[ROAM_ADDR_STRLEN];

  switch (state->mode)
    {
    case TUNNEL_MODE_HOME:
      g_string_append_printf (text, "%s element inet roamd home_if { \"%s\" }\n", verb, state->ifname);
      break;
    case TUNNEL_MODE_C:
      g_string_append_printf (text, "%s element inet roamd c_tunnel { \"%s\" . %s }\n", verb, state->ifname,
                              roam_addr_to_string (&state->care_of_address, address));
      break;
    case TUNNEL_MODE_BLOCKED:
    case TUNNEL_MODE_HOLD:
    case TUNNEL_MODE_MC:
      break;
    }
}

static gboolean
same_opening (const TunnelGateState *a, const TunnelGateState *b)
{
  gboolean a_open = a->mode == TUNNEL_MODE_HOME || a->mode == TUNNEL_MODE_C;
  gboolean b_open = b->mode == TUNNEL_MODE_HOME || b->mode == TUNNEL_MODE_C;

  if (!a_open && !b_open)
    return TRUE;
  return a->mode == b->mode && g_str_equal (a->ifname, b->ifname) &&
         (a->mode == TUNNEL_MODE_HOME || roam_addr_equal (&a->care_of_address, &b->care_of_address));
}

char *
tunnel_gate_render_change (const TunnelGateConfig *config, const TunnelGateState *old_state,
                           const TunnelGateState *new_state)
{
  GString *text = g_string_new (NULL);

  if (!same_opening (old_state, new_state))
    {
      append_element (text, "delete", old_state);
      append_element (text, "add", new_state);
    }
  return g_string_free (text, FALSE);
}
