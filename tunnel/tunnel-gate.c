/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel.h"

#include <string.h>

/*
 * The gate as nft text. Fixed rules in chains, what changes with the mode in a few sets, so that
 * opening and closing are small element transactions and the closed state is the one without
 * elements. Comments in the ruleset tell an administrator what each rule is for.
 *
 * Nothing here asks connection tracking: that would switch it on for every packet of the machine.
 * Replies are recognised by their peer, errors by the packet they quote, answers of name servers by
 * a short-lived set of what was asked.
 */

/* SO_MARK of roamd's own sockets: only they may signal in clear (R5266-DET-012). */
#define OWN_MARK "0x5266"

#define LEFT " counter name passed accept "

/*
 * The whole table, but for the sets of addresses and the rules about quoted packets. ${tun}, ${home}
 * and ${agent} stand for the TUN's name, the home address and the home agent.
 *
 * Raw expressions: "@th,64,8" is the first octet after a UDP header, the type of a Mobile IPv4
 * message: 1 Registration Request, 3 Registration Reply, 4 MIP Tunnel Data (RFC 3519), 7 and 15
 * Registration Revocation and its acknowledgement (RFC 3543).
 *
 * Output and forward stand late, after anybody's NAT or rerouting, so that what they see is what
 * leaves.
 */
static const char sets[] =
  "  comment \"roamd's gate: what it does not name stays on this machine (R5266-TRF-005)\"\n"
  "  counter stopped { comment \"outbound packets that the gate stopped\"; }\n"
  "  counter stopped-in { comment \"inbound packets that the gate stopped\"; }\n"
  "  counter passed { comment \"outbound packets that the gate let through\"; }\n"
  "  counter noise { comment \"multicast housekeeping of the kernel, stopped; no data of the user\"; }\n"
  "  set home_if {\n    type ifname; comment \"proved home link: plain traffic of the home address\"\n  }\n"
  "  set c_tunnel {\n    type ifname . ipv4_addr; comment \"proved link and care-of address: IP-in-IP to the home "
  "agent\"\n  }\n"
  "  set c_udp {\n    type ifname . ipv4_addr; comment \"proved link and care-of address: tunnel data in UDP to the "
  "home "
  "agent\"\n  }\n"
  "  set f_agent {\n    type ifname . ether_addr; comment \"proved link and its foreign agent: packets to the home "
  "address\"\n  }\n"
  "  set c_tunnel_late {\n    type ifname . ipv4_addr; flags timeout; timeout 2s; comment \"what was under way when it "
  "moved\"\n  }\n"
  "  set c_udp_late {\n    type ifname . ipv4_addr; flags timeout; timeout 2s; comment \"what was under way when it "
  "moved\"\n  }\n"
  "  set f_agent_late {\n    type ifname . ether_addr; flags timeout; timeout 2s; comment \"what was under way when it "
  "moved\"\n  }\n"
  "  set asked4 {\n    type ipv4_addr . inet_proto . inet_service; size 128; flags dynamic, timeout; timeout 10s; "
  "comment \"name servers that roamd asked\"\n  }\n"
  "  set asked6 {\n    type ipv6_addr . inet_proto . inet_service; size 128; flags dynamic, timeout; timeout 10s; "
  "comment \"name servers that roamd asked\"\n  }\n"
  "  set fetch4 {\n    type ipv4_addr . inet_service; size 32; flags timeout; comment \"servers that roamd itself "
  "fetches "
  "from by HTTP\"\n  }\n"
  "  set fetch6 {\n    type ipv6_addr . inet_service; size 32; flags timeout; comment \"servers that roamd itself "
  "fetches "
  "from by HTTP\"\n  }\n";

static const char output[] =
  "  chain own_output {\n"
  "    comment \"roamd's own sockets, known by their mark\"\n"
  "    ip daddr @gateway4 udp dport { 500, 4500 }" LEFT "comment \"IKE, ESP in UDP, keepalives\"\n"
  "    ip6 daddr @gateway6 udp dport { 500, 4500 }" LEFT "comment \"IKE, ESP in UDP, keepalives\"\n"
  "    ip daddr ${agent} udp dport 434 @th,64,8 { 1, 7, 15 }" LEFT "comment \"registration, no tunnel data\"\n"
  "    fib saddr . oif type local ip daddr ${agent} udp dport 434 @th,64,8 4 oifname . ip saddr @c_udp" LEFT
  "comment \"mode c behind a NAT\"\n"
  "    meta l4proto { tcp, udp } th dport 53 update @asked4 { ip daddr . meta l4proto . th sport }" LEFT
  "comment \"look-ups by roamd itself\"\n"
  "    meta l4proto { tcp, udp } th dport 53 update @asked6 { ip6 daddr . meta l4proto . th sport }" LEFT
  "comment \"look-ups by roamd itself\"\n"
  "    ip daddr . tcp dport @fetch4" LEFT "comment \"OCSP, revocation lists\"\n"
  "    ip6 daddr . tcp dport @fetch6" LEFT "comment \"OCSP, revocation lists\"\n"
  "  }\n"
  "  chain output {\n"
  "    comment \"what leaves this machine\"\n"
  "    type filter hook output priority 200; policy drop;\n"
  "    oifname { \"lo\", \"${tun}\" } accept comment \"not a physical interface\"\n"
  "    meta mark " OWN_MARK " jump own_output\n"
  "    ip daddr @gateway4 ip protocol esp" LEFT "comment \"ESP\"\n"
  "    ip6 daddr @gateway6 meta l4proto esp" LEFT "comment \"ESP\"\n"
  "    fib saddr . oif type local ip daddr ${agent} ip protocol 4 oifname . ip saddr @c_tunnel" LEFT
  "comment \"mode c\"\n"
  "    oifname @home_if ip saddr ${home}" LEFT "comment \"mode home\"\n"
  "    udp sport 68 udp dport 67" LEFT "comment \"DHCP\"\n"
  "    ip6 daddr { fe80::/10, ff02::1:2 } udp sport 546 udp dport 547" LEFT "comment \"DHCPv6, this link only\"\n"
  "    icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255" LEFT
  "comment \"neighbour discovery\"\n"
  "    ip daddr { 224.0.0.2, 224.0.0.11, 255.255.255.255 } icmp type router-solicitation" LEFT
  "comment \"router and agent discovery\"\n"
  "    ip daddr @exempt4" LEFT "comment \"the profile's exempt list\"\n"
  "    ip6 daddr @exempt6" LEFT "comment \"the profile's exempt list\"\n"
  "    ip protocol igmp counter name noise drop\n"
  "    icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } counter name noise drop\n"
  "    counter name stopped drop comment \"all else: nothing leaves in clear\"\n"
  "  }\n";

static const char input[] =
  "  chain input {\n"
  "    comment \"what enters: R5266-TRF-008\"\n"
  "    type filter hook input priority 10; policy drop;\n"
  "    iifname { \"lo\", \"${tun}\" } accept comment \"not a physical interface\"\n"
  "    ip saddr @gateway4 udp sport { 500, 4500 } accept comment \"IKE, ESP in UDP\"\n"
  "    ip6 saddr @gateway6 udp sport { 500, 4500 } accept comment \"IKE, ESP in UDP\"\n"
  "    ip saddr @gateway4 ip protocol esp accept comment \"ESP\"\n"
  "    ip6 saddr @gateway6 meta l4proto esp accept comment \"ESP\"\n"
  "    ip saddr ${agent} udp sport 434 @th,64,8 { 3, 7, 15 } accept comment \"registration, no tunnel data\"\n"
  "    ip saddr ${agent} udp sport 434 @th,64,8 4 iifname . ip daddr @c_udp accept comment \"mode c behind a NAT\"\n"
  "    ip saddr ${agent} ip protocol 4 iifname . ip daddr @c_tunnel accept comment \"mode c\"\n"
  "    iifname @home_if ip daddr ${home} accept comment \"mode home\"\n"
  /* RFC 5944 4.2.1: there would be no way to learn the other router's link-layer address. */
  "    icmp type redirect counter name stopped-in drop comment \"no other router\"\n"
  "    iifname . ether saddr @f_agent ip daddr ${home} accept comment \"mode f\"\n"
  "    ip saddr ${agent} udp sport 434 @th,64,8 4 iifname . ip daddr @c_udp_late accept comment \"the path before\"\n"
  "    ip saddr ${agent} ip protocol 4 iifname . ip daddr @c_tunnel_late accept comment \"the path before\"\n"
  "    iifname . ether saddr @f_agent_late ip daddr ${home} accept comment \"the path before\"\n"
  "    udp sport 434 udp dport 434 @th,64,8 3 ip daddr { ${home}, 255.255.255.255 } accept comment \"registration "
  "through a foreign agent\"\n"
  "    udp sport 67 udp dport 68 accept comment \"DHCP\"\n"
  "    ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept comment \"DHCPv6, this link only\"\n"
  "    icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept comment "
  "\"neighbour discovery\"\n"
  "    icmp type router-advertisement accept comment \"router and agent discovery\"\n"
  "    th sport 53 ip saddr . meta l4proto . th dport @asked4 accept comment \"answers to roamd's look-ups\"\n"
  "    th sport 53 ip6 saddr . meta l4proto . th dport @asked6 accept comment \"answers to roamd's look-ups\"\n"
  /* Never the first packet of a connection: those that we did not begin are nobody's. */
  "    ip saddr . tcp sport @fetch4 tcp flags & (syn | ack) != syn accept comment \"what roamd fetches\"\n"
  "    ip6 saddr . tcp sport @fetch6 tcp flags & (syn | ack) != syn accept comment \"what roamd fetches\"\n"
  "    ip saddr @exempt4 accept comment \"the profile's exempt list\"\n"
  "    ip6 saddr @exempt6 accept comment \"the profile's exempt list\"\n";

static const char input_end[] = "    counter name stopped-in drop comment \"all else\"\n"
                                "  }\n";

static const char forward[] = "  chain forward {\n"
                              "    comment \"containers and guests go the same way as all else\"\n"
                              "    type filter hook forward priority 200; policy drop;\n"
                              "    oifname \"${tun}\" accept comment \"into the tunnel\"\n"
                              "    iifname \"${tun}\" accept comment \"out of the tunnel\"\n"
                              "    counter name stopped drop\n"
                              "  }\n";

/*
 * The kernel takes nearly every octet in an interface's name, nft gives some of them a meaning: a
 * trailing '*' would open every interface that begins so.
 */
static gboolean
is_plain_name (const char *name)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

  return name[0] != '\0' && strspn (name, plain) == strlen (name);
}

static void
append_template (GString *text, const TunnelGateConfig *config, const char *template)
{
  char agent[ROAM_ADDR_STRLEN], home[ROAM_ADDR_STRLEN];
  g_autoptr (GString) part = g_string_new (template);

  g_string_replace (part, "${tun}", config->tun_name, 0);
  g_string_replace (part, "${home}", roam_addr_to_string (&config->home_address, home), 0);
  g_string_replace (part, "${agent}", roam_addr_to_string (&config->home_agent, agent), 0);
  g_string_append_len (text, part->str, (gssize)part->len);
}

static void
append_gateways (GString *text, const TunnelGateConfig *config, RoamFamily family, const char *name)
{
  const char *separator = "elements = { ";
  char buffer[ROAM_ADDR_STRLEN];

  g_string_append_printf (text, "  set %s {\n    type %s; comment \"VPN gateways\"\n    ", name,
                          family == ROAM_FAMILY_INET4 ? "ipv4_addr" : "ipv6_addr");
  for (guint i = 0; i < config->n_gateways; i++)
    if (config->gateways[i].family == family)
      {
        g_string_append_printf (text, "%s%s", separator, roam_addr_to_string (&config->gateways[i], buffer));
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

/* 0x and the octets of @prefix, or of its mask. */
static void
append_hex (GString *text, const RoamPrefix *prefix, gboolean mask_only)
{
  g_string_append (text, "0x");
  for (guint i = 0; i < roam_addr_length (&prefix->addr); i++)
    {
      guint bits = prefix->length > i * 8 ? MIN (prefix->length - i * 8, 8) : 0;
      guint8 mask = (guint8)(0xff00u >> bits);

      g_string_append_printf (text, "%02x", mask_only ? mask : prefix->addr.bytes[i] & mask);
    }
}

/*
 * ICMP errors about packets to @prefix, path MTU among them: the destination in the quoted header
 * stands 64 bits (ICMP) + 128 bits (IPv4) or + 192 bits (IPv6) after the ICMP header begins. @indent: what
 * makes it a rule of the chain that is written, or a command of its own.
 */
static void
append_errors (GString *text, const char *indent, const RoamPrefix *prefix)
{
  gboolean inet6 = prefix->addr.family == ROAM_FAMILY_INET6;

  if (!roam_addr_is_set (&prefix->addr))
    return;
  g_string_append_printf (text, "%s%s type { destination-unreachable, %s, time-exceeded, parameter-problem } %s & ",
                          indent, inet6 ? "icmpv6" : "icmp", inet6 ? "packet-too-big" : "source-quench",
                          inet6 ? "@th,256,128" : "@th,192,32");
  append_hex (text, prefix, TRUE);
  g_string_append (text, " == ");
  append_hex (text, prefix, FALSE);
  g_string_append (text, " accept comment \"errors about what passes, path MTU among them\"\n");
}

static RoamPrefix
host_prefix (const RoamAddr *addr)
{
  return (RoamPrefix){ .addr = *addr, .length = (guint8)(roam_addr_length (addr) * 8) };
}

/* The rules that change with the gateways have a chain of their own, so that it can be filled anew. */
static void
append_gateway_errors (GString *text, const char *indent, const TunnelGateConfig *config)
{
  for (guint i = 0; i < config->n_gateways; i++)
    {
      const RoamPrefix peer = host_prefix (&config->gateways[i]);

      append_errors (text, indent, &peer);
    }
}

static void
append_input (GString *text, const TunnelGateConfig *config)
{
  RoamPrefix peer = host_prefix (&config->home_agent);

  append_template (text, config, input);
  append_errors (text, "    ", &peer);
  g_string_append (text, "    jump gateway_errors\n");
  for (guint i = 0; i < config->n_exempt; i++)
    append_errors (text, "    ", &config->exempt[i]);
  g_string_append (text, input_end);
}

char *
tunnel_gate_render (const TunnelGateConfig *config)
{
  GString *text = NULL;

  if (!is_plain_name (config->tun_name) || config->home_address.family != ROAM_FAMILY_INET4 ||
      config->home_agent.family != ROAM_FAMILY_INET4)
    return NULL;
  text = g_string_new (NULL);
  /* Declared, deleted, declared: one transaction that replaces whatever an earlier run left. */
  g_string_append (text, "table inet roamd\ndelete table inet roamd\ntable inet roamd {\n");
  g_string_append (text, sets);
  append_gateways (text, config, ROAM_FAMILY_INET4, "gateway4");
  append_gateways (text, config, ROAM_FAMILY_INET6, "gateway6");
  append_exempt (text, config, ROAM_FAMILY_INET4, "exempt4");
  append_exempt (text, config, ROAM_FAMILY_INET6, "exempt6");
  append_template (text, config, output);
  g_string_append (text, "  chain gateway_errors {\n    comment \"errors about packets to the VPN gateways\"\n");
  append_gateway_errors (text, "    ", config);
  g_string_append (text, "  }\n");
  append_input (text, config);
  append_template (text, config, forward);
  g_string_append (text, "}\n");
  return g_string_free (text, FALSE);
}

char *
tunnel_gate_render_gateways (const TunnelGateConfig *config)
{
  GString *text = g_string_new ("flush set inet roamd gateway4\nflush set inet roamd gateway6\n"
                                "flush chain inet roamd gateway_errors\n");
  char buffer[ROAM_ADDR_STRLEN];

  for (guint i = 0; i < config->n_gateways; i++)
    if (roam_addr_is_specified (&config->gateways[i]))
      g_string_append_printf (text, "add element inet roamd %s { %s }\n",
                              config->gateways[i].family == ROAM_FAMILY_INET4 ? "gateway4" : "gateway6",
                              roam_addr_to_string (&config->gateways[i], buffer));
  append_gateway_errors (text, "add rule inet roamd gateway_errors ", config);
  return g_string_free (text, FALSE);
}

static char *
render_agent (const TunnelGateState *state, const char *suffix)
{
  static const guint8 none[6];
  const guint8 *octets = state->agent_link_layer;

  /* The low bit of the first octet means a group: no station sends from one. */
  if (!is_plain_name (state->ifname) || memcmp (octets, none, sizeof none) == 0 || (octets[0] & 1) != 0)
    return NULL;
  return g_strdup_printf ("f_agent%s { \"%s\" . %02x:%02x:%02x:%02x:%02x:%02x }", suffix, state->ifname, octets[0],
                          octets[1], octets[2], octets[3], octets[4], octets[5]);
}

/* The one element that @state needs, without the command; NULL when it is a closed one, or cannot be said. */
static char *
render_element (const TunnelGateState *state, const char *suffix)
{
  char address[ROAM_ADDR_STRLEN];

  switch (state->mode)
    {
    case TUNNEL_MODE_HOME:
      return is_plain_name (state->ifname) ? g_strdup_printf ("home_if { \"%s\" }", state->ifname) : NULL;
    case TUNNEL_MODE_C:
      if (!is_plain_name (state->ifname) || state->care_of_address.family != ROAM_FAMILY_INET4)
        return NULL;
      /* RFC 3519 4.7: one form of tunnel, the other stays closed. */
      return g_strdup_printf ("%s%s { \"%s\" . %s }", state->mip_udp ? "c_udp" : "c_tunnel", suffix, state->ifname,
                              roam_addr_to_string (&state->care_of_address, address));
    case TUNNEL_MODE_F:
      return render_agent (state, suffix);
    case TUNNEL_MODE_BLOCKED:
    case TUNNEL_MODE_HOLD:
    case TUNNEL_MODE_MC:
      return NULL;
    }
  return NULL;
}

static gboolean
is_clear_tunnel (const TunnelGateState *state)
{
  return state->mode == TUNNEL_MODE_C || state->mode == TUNNEL_MODE_F;
}

/*
 * Decision D-38: from one proved path to another what is under way on the old one may still come in for
 * two seconds, which the sets themselves count. A network that is no longer trusted gets none.
 */
static const char flush_late[] = "flush set inet roamd c_tunnel_late\nflush set inet roamd c_udp_late\n"
                                 "flush set inet roamd f_agent_late\n";

char *
tunnel_gate_render_change (const TunnelGateConfig *config, const TunnelGateState *old_state,
                           const TunnelGateState *new_state)
{
  g_autofree char *old_element = render_element (old_state, ""), *new_element = render_element (new_state, "");
  g_autofree char *late_element = render_element (old_state, "_late");
  GString *text = g_string_new (NULL);

  if (g_strcmp0 (old_element, new_element) == 0)
    return g_string_free (text, FALSE);
  if (old_element != NULL)
    g_string_append_printf (text, "delete element inet roamd %s\n", old_element);
  if (is_clear_tunnel (old_state) && !(is_clear_tunnel (new_state) && new_element != NULL))
    g_string_append (text, flush_late);
  else if (is_clear_tunnel (old_state) && late_element != NULL)
    g_string_append_printf (text, "add element inet roamd %s\n", late_element);
  if (new_element != NULL)
    g_string_append_printf (text, "add element inet roamd %s\n", new_element);
  return g_string_free (text, FALSE);
}

/* Nobody fetches for longer; should roamd die meanwhile, the opening dies too. */
#define FETCH_SECONDS 20

char *
tunnel_gate_render_fetch (const RoamEndpoint *server, gboolean open)
{
  const char *set = server->addr.family == ROAM_FAMILY_INET6 ? "fetch6" : "fetch4";
  char buffer[ROAM_ADDR_STRLEN];
  const char *addr = roam_addr_to_string (&server->addr, buffer);

  if (open)
    return g_strdup_printf ("add element inet roamd %s { %s . %u timeout %us }\n", set, addr, server->port,
                            FETCH_SECONDS);
  /* It may have gone by itself: what is not there cannot be deleted, but added again. */
  return g_strdup_printf ("add element inet roamd %s { %s . %u timeout 1s }\n"
                          "delete element inet roamd %s { %s . %u }\n",
                          set, addr, server->port, set, addr, server->port);
}
