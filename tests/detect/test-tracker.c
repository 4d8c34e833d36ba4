/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/detect/tracker-facts.h"

static DetectTracker *
new_usable (void)
{
  DetectTracker *tracker = detect_tracker_new (NULL, "roam0");

  put_usable (tracker, ETH);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.1");
  return tracker;
}

/* -------------------------------------------------------------- from nothing to usable ---- */

static void
test_burst_makes_one_event (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  expect (tracker, "");
}

/* Each step in a drain of its own: the event comes with the fact that completes the link, whichever it is. */
static void
test_leading_edge (void)
{
  g_autoptr (DetectTracker) tracker = detect_tracker_new (NULL, NULL);

  put_link (tracker, ETH, 0);
  expect (tracker, "");
  put_link (tracker, ETH, IFF_UP);
  expect (tracker, "");
  put_link (tracker, ETH, CARRIER);
  expect (tracker, "eth0 link-up");
  put_address (tracker, ETH, "10.2.0.50/24");
  expect (tracker, "");
  put_route (tracker, ETH, "10.2.0.1", 100);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.1");
}

static void
test_route_before_address (void)
{
  g_autoptr (DetectTracker) tracker = detect_tracker_new (NULL, NULL);

  put_link (tracker, ETH, CARRIER);
  put_route (tracker, ETH, NULL, 0);
  expect (tracker, "eth0 link-up");
  put_address (tracker, ETH, "10.2.0.50/24");
  expect (tracker, "eth0 address 10.2.0.50/24 via none");
}

/* Carrier counts only when the driver, the administrator and the authenticator (802.1X: dormant) agree. */
static void
test_up_needs_all (void)
{
  static const struct
  {
    guint32 flags;
    guint8 operstate;
    gboolean up;
  } rows[] = {
    { CARRIER, IF_OPER_UP, TRUE },    { CARRIER, 0, TRUE },          { CARRIER, IF_OPER_DORMANT, FALSE },
    { CARRIER, IF_OPER_DOWN, FALSE }, { IFF_UP, IF_OPER_UP, FALSE }, { IFF_LOWER_UP, IF_OPER_UP, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (DetectTracker) tracker = detect_tracker_new (NULL, NULL);
      DetectLinkFact fact = link_fact (ETH, rows[i].flags);

      fact.operstate = rows[i].operstate;
      detect_tracker_input_link (tracker, &fact);
      expect (tracker, rows[i].up ? "eth0 link-up" : "");
    }
}

/* ------------------------------------------------------------------------- no event ---- */

static void
test_repeated_facts_are_silent (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  put_usable (tracker, ETH);
  expect (tracker, "");
  /* A DHCP renewal: the same address with another life time arrives as the same fact. */
  put_address (tracker, ETH, "10.2.0.50/24");
  expect (tracker, "");
}

static void
test_other_tables_and_families_are_silent (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();
  DetectRouteFact own = route_fact (ETH, NULL, 0), v6 = route_fact (ETH, "fe80::1", 0);
  DetectAddressFact global6 = address_fact (ETH, "2001:db8::5/64");

  own.table = 5266;
  detect_tracker_input_route (tracker, &own);
  v6.family = ROAM_FAMILY_INET6;
  detect_tracker_input_route (tracker, &v6);
  detect_tracker_input_address (tracker, &global6);
  expect (tracker, "");
  own.removed = TRUE;
  detect_tracker_input_route (tracker, &own);
  expect (tracker, "");
}

static void
test_metric_alone_is_silent (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();
  g_autoptr (GArray) links = NULL;

  /* NetworkManager's connectivity check moves a metric up and down. */
  put_route (tracker, ETH, "10.2.0.1", 20100);
  remove_route (tracker, ETH, "10.2.0.1", 100);
  expect (tracker, "");
  links = detect_tracker_dup_links (tracker);
  g_assert_cmpuint (links->len, ==, 1);
  g_assert_cmpuint (g_array_index (links, DetectLink, 0).metric, ==, 20100);
}

static void
test_second_address_is_silent (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  put_address_with (tracker, ETH, "10.2.0.51/24", IFA_F_SECONDARY, RT_SCOPE_UNIVERSE);
  put_address (tracker, ETH, "172.16.0.1/16");
  expect (tracker, "");
  remove_address (tracker, ETH, "10.2.0.51/24");
  remove_address (tracker, ETH, "172.16.0.1/16");
  expect (tracker, "");
}

/* ---------------------------------------------------------------------------- changes ---- */

static void
test_address_changes (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  put_address (tracker, ETH, "10.2.0.60/24");
  remove_address (tracker, ETH, "10.2.0.50/24");
  expect (tracker, "eth0 address 10.2.0.60/24 via 10.2.0.1");
}

static void
test_next_hop_changes (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  put_route (tracker, ETH, "10.2.0.2", 100);
  remove_route (tracker, ETH, "10.2.0.1", 100);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.2");
}

/* "ip route replace" tells of the new route only. */
static void
test_route_replaced (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();
  DetectRouteFact fact = route_fact (ETH, "10.2.0.2", 100);

  fact.replaces = TRUE;
  detect_tracker_input_route (tracker, &fact);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.2");
  /* Replaced by one through another interface: this one has none any more. */
  put_link (tracker, WLAN, CARRIER);
  put_address (tracker, WLAN, "10.3.0.50/24");
  fact = route_fact (WLAN, "10.3.0.1", 100);
  fact.replaces = TRUE;
  detect_tracker_input_route (tracker, &fact);
  expect (tracker, "eth0 address-lost; wlan0 address 10.3.0.50/24 via 10.3.0.1");
}

static void
test_address_lost_and_back (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  remove_address (tracker, ETH, "10.2.0.50/24");
  expect (tracker, "eth0 address-lost");
  put_address (tracker, ETH, "10.2.0.50/24");
  /* The kernel dropped the routes with the last address, without a word. */
  expect (tracker, "");
  put_route (tracker, ETH, "10.2.0.1", 100);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.1");
}

static void
test_default_route_lost (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  remove_route (tracker, ETH, "10.2.0.1", 100);
  expect (tracker, "eth0 address-lost");
  put_route (tracker, ETH, "10.2.0.1", 100);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.1");
}

/* A route with a preferred source goes with that address, though another address stays. */
static void
test_route_goes_with_its_source (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();
  DetectRouteFact fact = route_fact (ETH, "10.2.0.1", 100);

  fact.source = addr ("10.2.0.50");
  detect_tracker_input_route (tracker, &fact);
  put_address_with (tracker, ETH, "10.2.0.51/24", IFA_F_SECONDARY, RT_SCOPE_UNIVERSE);
  expect (tracker, "");
  remove_address (tracker, ETH, "10.2.0.50/24");
  expect (tracker, "eth0 address-lost");
}

static void
test_carrier_lost (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  put_link (tracker, ETH, IFF_UP);
  expect (tracker, "eth0 link-down");
  /* The address and the route were kept: usable in the moment the carrier is back. */
  put_link (tracker, ETH, CARRIER);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.1");
}

static void
test_set_down (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  put_link (tracker, ETH, 0);
  expect (tracker, "eth0 link-down");
  /* The address was kept, the routes were flushed. */
  put_link (tracker, ETH, CARRIER);
  expect (tracker, "eth0 link-up");
  put_route (tracker, ETH, "10.2.0.1", 100);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.1");
}

static void
test_removed (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();
  g_autoptr (GArray) links = NULL;

  remove_link (tracker, ETH);
  expect (tracker, "eth0 link-down");
  links = detect_tracker_dup_links (tracker);
  g_assert_cmpuint (links->len, ==, 0);
  /* Nothing of the old one is left when the index comes again. */
  put_link (tracker, ETH, CARRIER);
  expect (tracker, "eth0 link-up");
}

/* ------------------------------------------------------------- flaps within one drain ---- */

static void
test_carrier_bounced (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  put_link (tracker, ETH, IFF_UP);
  put_link (tracker, ETH, CARRIER);
  expect (tracker, "eth0 hint 10.2.0.50/24 via 10.2.0.1");
  expect (tracker, "");
}

/* The kernel merges the news of a quick flap; its counter does not lie. */
static void
test_carrier_bounced_unseen (void)
{
  g_autoptr (DetectTracker) tracker = detect_tracker_new (NULL, NULL);
  DetectLinkFact fact = link_fact (ETH, CARRIER);

  fact.carrier_changes = 7;
  put_usable (tracker, ETH);
  detect_tracker_input_link (tracker, &fact);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.1");
  detect_tracker_input_link (tracker, &fact);
  expect (tracker, "");
  fact.carrier_changes = 9;
  detect_tracker_input_link (tracker, &fact);
  expect (tracker, "eth0 hint 10.2.0.50/24 via 10.2.0.1");
}

static void
test_bounced_to_another_address (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  put_link (tracker, ETH, IFF_UP);
  remove_address (tracker, ETH, "10.2.0.50/24");
  put_link (tracker, ETH, CARRIER);
  put_address (tracker, ETH, "10.4.0.9/24");
  put_route (tracker, ETH, "10.4.0.1", 100);
  expect (tracker, "eth0 address 10.4.0.9/24 via 10.4.0.1");
}

static void
test_address_away_and_back (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  remove_address (tracker, ETH, "10.2.0.50/24");
  put_address (tracker, ETH, "10.2.0.50/24");
  put_route (tracker, ETH, "10.2.0.1", 100);
  expect (tracker, "eth0 hint 10.2.0.50/24 via 10.2.0.1");
  expect (tracker, "");
}

static void
test_gone_and_back (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  remove_link (tracker, ETH);
  put_usable (tracker, ETH);
  expect (tracker, "eth0 hint 10.2.0.50/24 via 10.2.0.1");
}

static void
test_down_and_up_while_acquiring (void)
{
  g_autoptr (DetectTracker) tracker = detect_tracker_new (NULL, NULL);

  put_link (tracker, ETH, CARRIER);
  expect (tracker, "eth0 link-up");
  put_link (tracker, ETH, IFF_UP);
  put_link (tracker, ETH, CARRIER);
  expect (tracker, "eth0 link-up");
  put_link (tracker, ETH, IFF_UP);
  expect (tracker, "eth0 link-down");
  put_link (tracker, ETH, IFF_UP);
  expect (tracker, "");
}

/* -------------------------------------------------------------------------- choice ---- */

static void
test_unusable_addresses (void)
{
  static const struct
  {
    const char *prefix;
    guint32 flags;
    guint8 scope;
  } rows[] = {
    { "10.2.0.50/24", IFA_F_TENTATIVE, RT_SCOPE_UNIVERSE },
    { "10.2.0.50/24", IFA_F_DADFAILED, RT_SCOPE_UNIVERSE },
    { "10.2.0.50/24", IFA_F_DEPRECATED, RT_SCOPE_UNIVERSE },
    { "10.2.0.50/24", 0, RT_SCOPE_LINK },
    { "10.2.0.50/24", 0, RT_SCOPE_HOST },
    { "169.254.7.7/16", 0, RT_SCOPE_UNIVERSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (DetectTracker) tracker = detect_tracker_new (NULL, NULL);

      put_link (tracker, ETH, CARRIER);
      put_address_with (tracker, ETH, rows[i].prefix, rows[i].flags, rows[i].scope);
      put_route (tracker, ETH, "10.2.0.1", 0);
      expect (tracker, "eth0 link-up");
    }
}

static void
test_address_becomes_unusable (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  put_address_with (tracker, ETH, "10.2.0.50/24", IFA_F_DEPRECATED, RT_SCOPE_UNIVERSE);
  expect (tracker, "eth0 address-lost");
  put_address (tracker, ETH, "10.2.0.50/24");
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.1");
}

static void
test_best_address (void)
{
  g_autoptr (DetectTracker) tracker = detect_tracker_new (NULL, NULL);

  put_link (tracker, ETH, CARRIER);
  put_address (tracker, ETH, "172.16.0.9/16");
  put_address_with (tracker, ETH, "10.2.0.49/24", 0, RT_SCOPE_SITE);
  put_address_with (tracker, ETH, "10.2.0.51/24", IFA_F_SECONDARY, RT_SCOPE_UNIVERSE);
  put_address (tracker, ETH, "10.2.0.50/24");
  put_address (tracker, ETH, "10.2.0.52/24");
  put_route (tracker, ETH, "10.2.0.1", 100);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.1");
  /* What the administrator wrote into the route wins. */
  put_route (tracker, ETH, "10.2.0.1", 100);
  remove_address (tracker, ETH, "10.2.0.50/24");
  expect (tracker, "eth0 address 10.2.0.52/24 via 10.2.0.1");
  put_address (tracker, ETH, "10.2.0.50/24");
  expect (tracker, "");
}

static void
test_preferred_source (void)
{
  g_autoptr (DetectTracker) tracker = detect_tracker_new (NULL, NULL);
  DetectRouteFact fact = route_fact (ETH, "10.2.0.1", 100);

  put_link (tracker, ETH, CARRIER);
  put_address (tracker, ETH, "10.2.0.50/24");
  put_address_with (tracker, ETH, "10.2.0.51/24", IFA_F_SECONDARY, RT_SCOPE_UNIVERSE);
  fact.source = addr ("10.2.0.51");
  detect_tracker_input_route (tracker, &fact);
  expect (tracker, "eth0 address 10.2.0.51/24 via 10.2.0.1");
}

static void
test_best_route (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  put_route (tracker, ETH, "10.2.0.9", 600);
  expect (tracker, "");
  put_route (tracker, ETH, "10.2.0.8", 50);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.8");
  remove_route (tracker, ETH, "10.2.0.8", 50);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.1");
}

/* ---------------------------------------------------------------------- candidates ---- */

typedef struct
{
  const char *name, *info_kind;
  guint16 arptype;
  gboolean wireless, wwan, has_master;
  DetectKind kind;
  gboolean candidate;
} KindRow;

static const KindRow kind_rows[] = {
  { "eth0", NULL, ARPHRD_ETHER, .kind = DETECT_KIND_ETHERNET, .candidate = TRUE },
  { "tun-looks-so", NULL, ARPHRD_ETHER, .kind = DETECT_KIND_ETHERNET, .candidate = TRUE },
  { "docker-nic", "veth", ARPHRD_ETHER, .kind = DETECT_KIND_VETH, .candidate = TRUE },
  { "wlan0", NULL, ARPHRD_ETHER, .wireless = TRUE, .kind = DETECT_KIND_WIFI, .candidate = TRUE },
  { "mon0", NULL, 803, .wireless = TRUE, .kind = DETECT_KIND_OTHER },
  { "wwan0", NULL, ARPHRD_RAWIP, .kind = DETECT_KIND_WWAN, .candidate = TRUE },
  { "wwan1", NULL, ARPHRD_NONE, .wwan = TRUE, .kind = DETECT_KIND_WWAN, .candidate = TRUE },
  { "wwan2", "wwan", ARPHRD_RAWIP, .kind = DETECT_KIND_WWAN, .candidate = TRUE },
  { "ppp0", "ppp", ARPHRD_PPP, .kind = DETECT_KIND_WWAN, .candidate = TRUE },
  { "bond0", "bond", ARPHRD_ETHER, .kind = DETECT_KIND_ETHERNET, .candidate = TRUE },
  { "eth0.7", "vlan", ARPHRD_ETHER, .kind = DETECT_KIND_ETHERNET, .candidate = TRUE },
  { "eth1", NULL, ARPHRD_ETHER, .has_master = TRUE, .kind = DETECT_KIND_BRIDGE },
  { "veth9", "veth", ARPHRD_ETHER, .has_master = TRUE, .kind = DETECT_KIND_BRIDGE },
  { "br0", "bridge", ARPHRD_ETHER, .kind = DETECT_KIND_BRIDGE },
  { "mv0", "macvlan", ARPHRD_ETHER, .kind = DETECT_KIND_BRIDGE },
  { "eth9", "tun", ARPHRD_NONE, .kind = DETECT_KIND_TUNNEL },
  { "eth9", "tun", ARPHRD_ETHER, .kind = DETECT_KIND_TUNNEL },
  { "wg0", "wireguard", ARPHRD_NONE, .kind = DETECT_KIND_TUNNEL },
  { "sit0", "sit", ARPHRD_SIT, .kind = DETECT_KIND_TUNNEL },
  { "tunl0", NULL, ARPHRD_TUNNEL, .kind = DETECT_KIND_TUNNEL },
  { "x", NULL, ARPHRD_NONE, .kind = DETECT_KIND_TUNNEL },
  { "dummy0", "dummy", ARPHRD_ETHER, .kind = DETECT_KIND_OTHER },
  { "new0", "not-invented-yet", ARPHRD_ETHER, .kind = DETECT_KIND_OTHER },
  { "can0", NULL, 280, .kind = DETECT_KIND_OTHER },
  { "lo", NULL, ARPHRD_LOOPBACK, .kind = DETECT_KIND_LOOPBACK },
  { "roam0", NULL, ARPHRD_ETHER, .kind = DETECT_KIND_TUNNEL },
};

static void
test_kinds (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kind_rows); i++)
    {
      const KindRow *row = &kind_rows[i];
      g_autoptr (DetectTracker) tracker = detect_tracker_new (NULL, "roam0");
      g_autoptr (GArray) links = NULL;
      DetectLinkFact fact = link_fact (ETH, CARRIER);

      fact.name = row->name;
      fact.info_kind = row->info_kind;
      fact.arptype = row->arptype;
      fact.wireless = row->wireless;
      fact.wwan = row->wwan;
      fact.has_master = row->has_master;
      detect_tracker_input_link (tracker, &fact);
      put_address (tracker, ETH, "10.2.0.50/24");
      put_route (tracker, ETH, "10.2.0.1", 100);
      detect_tracker_settle (tracker);
      links = detect_tracker_dup_links (tracker);
      g_test_message ("%s %s", row->name, row->info_kind != NULL ? row->info_kind : "-");
      g_assert_cmpuint (links->len, ==, row->candidate ? 1 : 0);
      if (row->candidate)
        g_assert_cmpint (g_array_index (links, DetectLink, 0).kind, ==, row->kind);
      g_assert_cmpint (detect_tracker_pop_event (tracker, &(DetectEvent){ 0 }), ==, row->candidate);
    }
}

static void
test_ignore_globs (void)
{
  static const char *const ignore[] = { "docker*", "veth?a", NULL };
  static const struct
  {
    const char *name;
    gboolean candidate;
  } rows[] = {
    { "docker0", FALSE }, { "docker", FALSE }, { "mydocker0", TRUE }, { "veth1a", FALSE }, { "veth1b", TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (DetectTracker) tracker = detect_tracker_new (ignore, NULL);
      g_autoptr (GArray) links = NULL;
      DetectLinkFact fact = link_fact (ETH, CARRIER);

      fact.name = rows[i].name;
      detect_tracker_input_link (tracker, &fact);
      links = detect_tracker_dup_links (tracker);
      g_assert_cmpuint (links->len, ==, rows[i].candidate ? 1 : 0);
    }
}

static void
test_enslaved_while_in_use (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();
  DetectLinkFact fact = link_fact (ETH, CARRIER);

  fact.has_master = TRUE;
  detect_tracker_input_link (tracker, &fact);
  expect (tracker, "eth0 link-down");
  fact.has_master = FALSE;
  detect_tracker_input_link (tracker, &fact);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.1");
}

/* ------------------------------------------------------------------ several links ---- */

/* What happens to one interface makes no event of another. covers: R5266-DET-023 */
static void
test_interfaces_are_apart (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  put_usable (tracker, WLAN);
  expect (tracker, "wlan0 address 10.3.0.50/24 via 10.3.0.1");
  put_link (tracker, ETH, IFF_UP);
  expect (tracker, "eth0 link-down");
  remove_address (tracker, WLAN, "10.3.0.50/24");
  put_link (tracker, ETH, CARRIER);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.1; wlan0 address-lost");
}

/* --------------------------------------------------------------------------- resync ---- */

static void
test_resync_of_the_same_is_silent (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  detect_tracker_begin_resync (tracker);
  put_usable (tracker, ETH);
  expect (tracker, "");
}

static void
test_resync_finds_what_is_gone (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  put_usable (tracker, WLAN);
  expect (tracker, "wlan0 address 10.3.0.50/24 via 10.3.0.1");
  detect_tracker_begin_resync (tracker);
  put_link (tracker, ETH, CARRIER);
  put_route (tracker, ETH, "10.2.0.1", 100);
  expect (tracker, "eth0 address-lost; wlan0 link-down");
  detect_tracker_begin_resync (tracker);
  put_link (tracker, ETH, CARRIER);
  put_address (tracker, ETH, "10.2.0.77/24");
  put_route (tracker, ETH, "10.2.0.2", 100);
  expect (tracker, "eth0 address 10.2.0.77/24 via 10.2.0.2");
}

static void
test_resync_finds_a_flap (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();
  DetectLinkFact fact = link_fact (ETH, CARRIER);

  fact.carrier_changes = 2;
  detect_tracker_begin_resync (tracker);
  put_usable (tracker, ETH);
  detect_tracker_input_link (tracker, &fact);
  expect (tracker, "eth0 hint 10.2.0.50/24 via 10.2.0.1");
}

/* ------------------------------------------------------------------------- limits ---- */

/* A machine with thousands of container ends and addresses costs bounded memory, and the first link stays right. */
static void
test_limits (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();
  g_autoptr (GArray) links = NULL;

  for (int i = 10; i < 5000; i++)
    put_link (tracker, i, CARRIER);
  for (guint i = 0; i < 5000; i++)
    {
      DetectAddressFact fact = { .ifindex = ETH, .address = roam_addr_from_u32 (0xac100000 + i), .prefix_length = 16 };
      DetectRouteFact route = route_fact (ETH, "10.2.0.200", 1000 + i);

      detect_tracker_input_address (tracker, &fact);
      detect_tracker_input_route (tracker, &route);
    }
  detect_tracker_settle (tracker);
  links = detect_tracker_dup_links (tracker);
  g_assert_cmpuint (links->len, >=, 16);
  g_assert_cmpuint (links->len, <, 1000);
  g_assert_cmpint (g_array_index (links, DetectLink, 0).ifindex, ==, ETH);
  g_assert_cmpuint (roam_addr_to_u32 (&g_array_index (links, DetectLink, 0).address), ==, 0x0a020032);
}

static void
test_facts_of_strangers (void)
{
  g_autoptr (DetectTracker) tracker = detect_tracker_new (NULL, NULL);

  /* Routes and addresses of interfaces that were never told of, and removals of what never was. */
  put_address (tracker, 9, "10.2.0.50/24");
  put_route (tracker, 9, "10.2.0.1", 100);
  remove_link (tracker, 77);
  remove_address (tracker, 78, "10.0.0.1/8");
  remove_route (tracker, 79, "10.0.0.2", 0);
  put_link (tracker, 0, CARRIER);
  put_link (tracker, -5, CARRIER);
  expect (tracker, "");
}

static void
put_neighbour (DetectTracker *tracker, int ifindex, const char *address, guint8 mac)
{
  const DetectNeighbourFact fact = { .ifindex = ifindex, .address = addr (address), .mac = { 2, 0, 0, 0, 9, mac } };

  detect_tracker_input_neighbour (tracker, &fact);
}

/* covers: MIP-MOV-024, MIP-MOV-027 */
static void
test_next_hop_of_another_network (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  put_neighbour (tracker, ETH, "10.2.0.1", 1);
  put_neighbour (tracker, ETH, "10.2.0.1", 1);
  put_neighbour (tracker, ETH, "10.2.0.9", 7);
  put_neighbour (tracker, ETH, "10.2.0.9", 8);
  put_neighbour (tracker, 99, "10.2.0.1", 9);
  expect (tracker, "");
  put_neighbour (tracker, ETH, "10.2.0.1", 2);
  expect (tracker, "eth0 hint 10.2.0.50/24 via 10.2.0.1");
  put_neighbour (tracker, ETH, "10.2.0.1", 2);
  expect (tracker, "");
  /* Another next hop is news by itself; its link-layer address is not compared with the old one's. */
  put_route (tracker, ETH, "10.2.0.2", 50);
  expect (tracker, "eth0 address 10.2.0.50/24 via 10.2.0.2");
  put_neighbour (tracker, ETH, "10.2.0.2", 3);
  expect (tracker, "");
}

/* A new link is told as one; that its router is another one is no second event. */
static void
test_next_hop_after_bounce (void)
{
  g_autoptr (DetectTracker) tracker = new_usable ();

  put_neighbour (tracker, ETH, "10.2.0.1", 1);
  put_link (tracker, ETH, IFF_UP);
  put_link (tracker, ETH, CARRIER);
  expect (tracker, "eth0 hint 10.2.0.50/24 via 10.2.0.1");
  put_neighbour (tracker, ETH, "10.2.0.1", 2);
  expect (tracker, "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/detect/tracker/burst", test_burst_makes_one_event);
  g_test_add_func ("/detect/tracker/leading-edge", test_leading_edge);
  g_test_add_func ("/detect/tracker/route-before-address", test_route_before_address);
  g_test_add_func ("/detect/tracker/up", test_up_needs_all);
  g_test_add_func ("/detect/tracker/repeated", test_repeated_facts_are_silent);
  g_test_add_func ("/detect/tracker/other-tables", test_other_tables_and_families_are_silent);
  g_test_add_func ("/detect/tracker/metric", test_metric_alone_is_silent);
  g_test_add_func ("/detect/tracker/second-address", test_second_address_is_silent);
  g_test_add_func ("/detect/tracker/address-changes", test_address_changes);
  g_test_add_func ("/detect/tracker/next-hop-other-network", test_next_hop_of_another_network);
  g_test_add_func ("/detect/tracker/next-hop-after-bounce", test_next_hop_after_bounce);
  g_test_add_func ("/detect/tracker/next-hop-changes", test_next_hop_changes);
  g_test_add_func ("/detect/tracker/route-replaced", test_route_replaced);
  g_test_add_func ("/detect/tracker/address-lost", test_address_lost_and_back);
  g_test_add_func ("/detect/tracker/route-lost", test_default_route_lost);
  g_test_add_func ("/detect/tracker/route-source", test_route_goes_with_its_source);
  g_test_add_func ("/detect/tracker/carrier-lost", test_carrier_lost);
  g_test_add_func ("/detect/tracker/set-down", test_set_down);
  g_test_add_func ("/detect/tracker/removed", test_removed);
  g_test_add_func ("/detect/tracker/carrier-bounced", test_carrier_bounced);
  g_test_add_func ("/detect/tracker/carrier-bounced-unseen", test_carrier_bounced_unseen);
  g_test_add_func ("/detect/tracker/bounced-elsewhere", test_bounced_to_another_address);
  g_test_add_func ("/detect/tracker/address-away", test_address_away_and_back);
  g_test_add_func ("/detect/tracker/gone-and-back", test_gone_and_back);
  g_test_add_func ("/detect/tracker/acquiring", test_down_and_up_while_acquiring);
  g_test_add_func ("/detect/tracker/unusable-addresses", test_unusable_addresses);
  g_test_add_func ("/detect/tracker/becomes-unusable", test_address_becomes_unusable);
  g_test_add_func ("/detect/tracker/best-address", test_best_address);
  g_test_add_func ("/detect/tracker/preferred-source", test_preferred_source);
  g_test_add_func ("/detect/tracker/best-route", test_best_route);
  g_test_add_func ("/detect/tracker/kinds", test_kinds);
  g_test_add_func ("/detect/tracker/ignore", test_ignore_globs);
  g_test_add_func ("/detect/tracker/enslaved", test_enslaved_while_in_use);
  g_test_add_func ("/detect/tracker/apart", test_interfaces_are_apart);
  g_test_add_func ("/detect/tracker/resync-same", test_resync_of_the_same_is_silent);
  g_test_add_func ("/detect/tracker/resync-gone", test_resync_finds_what_is_gone);
  g_test_add_func ("/detect/tracker/resync-flap", test_resync_finds_a_flap);
  g_test_add_func ("/detect/tracker/limits", test_limits);
  g_test_add_func ("/detect/tracker/strangers", test_facts_of_strangers);
  return g_test_run ();
}
