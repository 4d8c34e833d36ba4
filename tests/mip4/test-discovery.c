/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-discovery-private.h"
#include "tests/mip4/discovery-fixture.h"

#include <json-glib/json-glib.h>
#include <string.h>

/* The table of agents: what gets in, what is kept, what goes. */

static const Mip4AgentEntry *
only_entry (const Ear *ear)
{
  const Mip4DiscoveryPath *path = g_ptr_array_index (ear->discovery->paths, 0);

  g_assert_cmpuint (path->agents->len, ==, 1);
  return &g_array_index (path->agents, Mip4AgentEntry, 0);
}

static guint
n_entries (const Ear *ear)
{
  return ((const Mip4DiscoveryPath *)g_ptr_array_index (ear->discovery->paths, 0))->agents->len;
}

/* covers: MIP-ADV-001, MIP-ADV-015, MIP-ADV-017, MIP-HOM-014 */
static void
test_record (void)
{
  static const guint8 mac[6] = { 2, 0, 0, 0, 0, 0x77 };
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, 900);
  const Mip4AgentEntry *entry;
  Mip4DiscoveryEvent event;

  advert.mac = 0x77;
  advert.flags |= FLAG_R | 0x00e0 | 0x021f; /* U, X, I, r and the reserved ones */
  advert.n_care_of = 2;
  advert.care_of[1] = FA_2;
  advert.challenge = "challenge";
  ear_hear (ear, WIFI, &advert);
  event = ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  g_assert_cmpuint (event.path, ==, WIFI);
  g_assert_false (event.serving);
  g_assert_cmphex (roam_addr_to_u32 (&event.agent.address), ==, FA_1);
  g_assert_cmpmem (event.agent.link_layer, 6, mac, 6);
  g_assert_cmphex (event.agent.flags, ==, FLAG_R | FLAG_F | FLAG_T | MIP4_AGENT_UDP_TUNNEL | MIP4_AGENT_REVOCATION);
  g_assert_cmpuint (event.agent.sequence, ==, 900);
  g_assert_cmpuint (event.agent.registration_lifetime_s, ==, 300);
  g_assert_cmpuint (event.agent.n_care_of, ==, 2);
  g_assert_cmphex (roam_addr_to_u32 (&event.agent.care_of[0]), ==, FA_1);
  g_assert_cmphex (roam_addr_to_u32 (&event.agent.care_of[1]), ==, FA_2);
  g_assert_cmpmem (event.agent.challenge, event.agent.n_challenge, "challenge", 9);
  entry = only_entry (ear);
  g_assert_cmpuint (entry->lifetime_s, ==, 9);
  g_assert_cmpuint (entry->n_routers, ==, 1);
  g_assert_cmphex (roam_addr_to_u32 (&entry->routers[0].address), ==, FA_1);
  g_assert_cmpint (entry->routers[0].prefix_length, ==, 24);
}

static GBytes *
unhex (const char *hex)
{
  GByteArray *out = g_byte_array_new ();

  for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2)
    {
      guint8 octet = (guint8)(g_ascii_xdigit_value (hex[0]) << 4 | g_ascii_xdigit_value (hex[1]));

      g_byte_array_append (out, &octet, 1);
    }
  return g_byte_array_free_to_bytes (out);
}

static void
check_vector (JsonObject *vector)
{
  g_autoptr (GBytes) message = unhex (json_object_get_string_member (vector, "message_hex"));
  g_autoptr (Ear) ear = ear_new_up ();
  gboolean valid = json_object_get_boolean_member (vector, "valid");

  g_test_message ("%s", json_object_get_string_member (vector, "name"));
  ear_hear_octets (ear, WIFI, g_bytes_get_data (message, NULL), g_bytes_get_size (message));
  g_assert_cmpuint (n_entries (ear), ==, valid ? 1 : 0);
  g_assert_cmpuint (ear_counter (ear, "advertisements-accepted"), ==, valid ? 1 : 0);
  if (!valid)
    ear_expect_nothing (ear);
  else if ((only_entry (ear)->agent.flags & FLAG_F) != 0)
    ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
}

/* Every adv-* example of tests/vectors/mip4.json. */
/* covers: MIP-ADV-001, MIP-ADV-003, MIP-ADV-004, MIP-ADV-009, MIP-ADV-010, MIP-ADV-011, MIP-ADV-012, MIP-ADV-013 */
static void
test_vectors (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonArray *vectors;
  guint n = 0;

  json_parser_load_from_file (parser, g_getenv ("MIP4_VECTORS"), &error);
  g_assert_no_error (error);
  vectors = json_node_get_array (json_parser_get_root (parser));
  for (guint i = 0; i < json_array_get_length (vectors); i++)
    {
      JsonObject *vector = json_array_get_object_element (vectors, i);

      if (!g_str_equal (json_object_get_string_member (vector, "kind"), "adv"))
        continue;
      check_vector (vector);
      n++;
    }
  g_assert_cmpuint (n, ==, 8);
}

static void
hear_dropped (Ear *ear, const Advert *advert, const char *counter)
{
  guint64 before = ear_counter (ear, counter);

  ear_hear (ear, WIFI, advert);
  ear_expect_nothing (ear);
  g_assert_cmpuint (ear_counter (ear, counter), ==, before + 1);
  g_assert_cmpuint (n_entries (ear), ==, 0);
}

/* covers: MIP-ADV-002, MIP-ADV-003, MIP-ADV-005, MIP-ADV-013, MIP-ADV-027 */
static void
test_dropped (void)
{
  static const guint8 solicitation[8] = { 10, 0, 0xf5, 0xff, 0, 0, 0, 0 };
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, 1);
  guint sent = ear->sent->len;

  advert.bad_checksum = TRUE;
  hear_dropped (ear, &advert, "advertisements-bad-checksum");
  advert = advert_fa (FA_1, 1);
  advert.code = 1;
  hear_dropped (ear, &advert, "advertisements-malformed");
  advert = advert_fa (FA_1, 1);
  advert.entry_size = 1;
  hear_dropped (ear, &advert, "advertisements-malformed");
  advert = advert_fa (FA_1, 1);
  advert.ttl = 64;
  hear_dropped (ear, &advert, "advertisements-ttl-not-1");
  advert = advert_fa (FA_1, 1);
  advert.no_agent = TRUE;
  hear_dropped (ear, &advert, "icmp-not-an-agent");
  advert = advert_fa (FA_1, 1);
  advert.unknown = 99;
  hear_dropped (ear, &advert, "advertisements-unknown-extension");
  advert = advert_fa (FA_1, 1);
  advert.lifetime = 0;
  hear_dropped (ear, &advert, "advertisements-lifetime-0");
  ear_hear_octets (ear, WIFI, solicitation, sizeof solicitation);
  g_assert_cmpuint (ear_counter (ear, "icmp-not-an-agent"), ==, 2);
  g_assert_cmpuint (ear->sent->len, ==, sent);
  ear_expect_nothing (ear);
}

/* Extra words in a router's entry and unknown extensions from 128 on are skipped. */
/* covers: MIP-ADV-003, MIP-ADV-013 */
static void
test_tolerated (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, 1);

  advert.entry_size = 3;
  advert.unknown = 200;
  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
}

/* covers: MIP-ADV-006, MIP-ADV-007 */
static void
test_destinations (void)
{
  static const struct
  {
    guint32 destination;
    gboolean accepted;
  } cases[] = {
    { ALL_SYSTEMS, TRUE }, { BROADCAST, TRUE },   { HOME_ADDRESS, TRUE },
    { OWN, TRUE },         { 0x0a050033, FALSE }, { 0xe000000b, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Ear) ear = ear_new_up ();
      Advert advert = advert_fa (FA_1, 1);

      advert.destination = cases[i].destination;
      ear_hear (ear, WIFI, &advert);
      g_assert_cmpuint (ear_n_agents (ear, WIFI), ==, cases[i].accepted ? 1 : 0);
      g_assert_cmpuint (ear_counter (ear, "advertisements-bad-destination"), ==, cases[i].accepted ? 0 : 1);
    }
}

/* An agent has an address of its own: neither ours nor one that no host can have. */
static void
test_sources (void)
{
  static const guint32 sources[] = { 0, 0x7f000001, 0xe0000001, 0xffffffff, 0xf0000001, OWN, HOME_ADDRESS };

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    {
      g_autoptr (Ear) ear = ear_new_up ();
      Advert advert = advert_fa (sources[i], 1);

      hear_dropped (ear, &advert, "advertisements-bad-source");
    }
}

/* covers: MIP-ADV-012 */
static void
test_contradictions (void)
{
  static const struct
  {
    guint16 flags;
    guint n_care_of;
    guint32 care_of;
  } cases[] = {
    { FLAG_F, 0, 0 },    { 0, 1, FA_1 },   { FLAG_H | FLAG_B, 0, 0 }, { FLAG_H | FLAG_R, 1, FA_1 }, { FLAG_R, 1, FA_1 },
    { FLAG_B, 1, FA_1 }, { FLAG_F, 1, 0 }, { FLAG_F, 1, BROADCAST },  { FLAG_F, 1, 0x7f000001 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Ear) ear = ear_new_up ();
      Advert advert = advert_fa (FA_1, 1);

      advert.flags = cases[i].flags;
      advert.n_care_of = cases[i].n_care_of;
      advert.care_of[0] = cases[i].care_of;
      hear_dropped (ear, &advert, "advertisements-contradictory");
    }
}

/* What contradicts itself does not touch an agent that is known. */
static void
test_known_stays (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, 5);

  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  ear_advance (ear, 5 * SECOND);
  advert.n_care_of = 0;
  advert.sequence = 0;
  ear_hear (ear, WIFI, &advert);
  ear_expect_nothing (ear);
  g_assert_cmpuint (only_entry (ear)->agent.n_care_of, ==, 1);
  ear_advance (ear, 4 * SECOND);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_LOST);
}

/* More care-of addresses and a longer challenge than are kept. */
static void
test_bounds (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  g_autofree char *challenge = g_strnfill (MIP4_CHALLENGE_MAX + 1, 'x');
  Advert advert = advert_fa (FA_1, 5);
  Mip4DiscoveryEvent event;

  advert.n_care_of = 6;
  for (guint i = 0; i < 6; i++)
    advert.care_of[i] = FA_1 + i;
  advert.challenge = challenge;
  ear_hear (ear, WIFI, &advert);
  event = ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  g_assert_cmpuint (event.agent.n_care_of, ==, MIP4_AGENT_MAX_CARE_OF);
  g_assert_cmpuint (event.agent.n_challenge, ==, 0);
  challenge[MIP4_CHALLENGE_MAX] = '\0';
  ear_hear (ear, WIFI, &advert);
  g_assert_cmpuint (ear_expect (ear, MIP4_DISCOVERY_AGENT_CHANGED).agent.n_challenge, ==, MIP4_CHALLENGE_MAX);
}

/* covers: MIP-ADV-016, MIP-MOV-004, MIP-MOV-011 */
static void
test_lifetime (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, 1);
  Mip4DiscoveryEvent event;

  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  ear_registered (ear, WIFI, FA_1);
  ear_advance (ear, 8 * SECOND);
  advert.sequence++;
  ear_hear (ear, WIFI, &advert);
  ear_advance (ear, 9 * SECOND - 1);
  ear_expect_nothing (ear);
  g_assert_cmpuint (ear_n_agents (ear, WIFI), ==, 1);
  ear_advance (ear, 1);
  event = ear_expect (ear, MIP4_DISCOVERY_AGENT_LOST);
  g_assert_true (event.serving);
  g_assert_cmphex (roam_addr_to_u32 (&event.agent.address), ==, FA_1);
  g_assert_cmpuint (ear_n_agents (ear, WIFI), ==, 0);
}

/* A deadline that is served late: what has expired is gone before anything else is looked at. */
/* covers: MIP-MOV-011 */
static void
test_late_deadline (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, 900);

  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  ear->now.boot_us += 20 * SECOND;
  advert.sequence = 0;
  ear_hear (ear, WIFI, &advert);
  g_assert_cmpuint (ear_n_events (ear), ==, 2);
  g_assert_cmpint (g_array_index (ear->events, Mip4DiscoveryEvent, 0).type, ==, MIP4_DISCOVERY_AGENT_LOST);
  g_assert_cmpint (g_array_index (ear->events, Mip4DiscoveryEvent, 1).type, ==, MIP4_DISCOVERY_AGENT_NEW);
}

/* The longest Lifetime that is believed is RFC 1256's. */
static void
test_longest_lifetime (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, 1);

  advert.lifetime = 65535;
  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  ear_advance (ear, 9000 * SECOND);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_LOST);
}

/* covers: MIP-ADV-025 */
static void
test_lifetime_0 (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, 1);
  RoamAddr router = ROAM_ADDR_NONE;

  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  g_assert_true (mip4_discovery_get_router (ear->discovery, WIFI, &router));
  g_assert_cmphex (roam_addr_to_u32 (&router), ==, FA_1);
  advert.lifetime = 0;
  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_LOST);
  g_assert_false (mip4_discovery_get_router (ear->discovery, WIFI, &router));
}

/* covers: MIP-ADV-008, MIP-ADV-017, MIP-ADV-023, MIP-ADV-024 */
static void
test_routers (void)
{
  g_autoptr (Ear) ear = ear_new (1);
  Advert advert = advert_fa (FA_1, 1);
  RoamAddr router = ROAM_ADDR_NONE;

  advert.n_routers = 4;
  advert.prefixes = NULL;
  advert.routers[1] = FA_2;
  advert.routers[2] = 0x0a060001; /* no neighbour */
  advert.routers[3] = 0x0a050003;
  advert.preferences[0] = 0xffffffff; /* -1 */
  advert.preferences[1] = 5;
  advert.preferences[2] = 100;
  advert.preferences[3] = 0x80000000; /* not a default router */
  /* Without a mask it is kept for later. */
  ear_command (ear, MIP4_DISCOVERY_LINK_UP, WIFI, 0, 0);
  ear_hear (ear, WIFI, &advert);
  g_assert_false (mip4_discovery_get_router (ear->discovery, WIFI, &router));
  ear_command (ear, MIP4_DISCOVERY_ADDRESS, WIFI, OWN, 24);
  g_assert_true (mip4_discovery_get_router (ear->discovery, WIFI, &router));
  g_assert_cmphex (roam_addr_to_u32 (&router), ==, FA_2);
  ear_command (ear, MIP4_DISCOVERY_ADDRESS, WIFI, 0x0a060002, 24);
  g_assert_true (mip4_discovery_get_router (ear->discovery, WIFI, &router));
  g_assert_cmphex (roam_addr_to_u32 (&router), ==, 0x0a060001);
  ear_command (ear, MIP4_DISCOVERY_ADDRESS, WIFI, OWN, 24);
  advert.preferences[1] = 0x80000000;
  ear_hear (ear, WIFI, &advert);
  g_assert_true (mip4_discovery_get_router (ear->discovery, WIFI, &router));
  g_assert_cmphex (roam_addr_to_u32 (&router), ==, FA_1);
  g_assert_false (mip4_discovery_get_router (ear->discovery, CABLE, &router));
  /* Code 16: a router only for those registered with it. */
  advert.code = 16;
  ear_hear (ear, WIFI, &advert);
  g_assert_false (mip4_discovery_get_router (ear->discovery, WIFI, &router));
  ear_registered (ear, WIFI, FA_1);
  g_assert_true (mip4_discovery_get_router (ear->discovery, WIFI, &router));
}

/* covers: MIP-ADV-020, MIP-ADV-021 */
static void
test_prefix_lengths (void)
{
  static const guint8 lengths[3] = { 24, 25, 33 };
  static const struct
  {
    guint n;
    guint from;
    int first;
  } cases[] = { { 2, 0, 24 }, { 1, 0, -1 }, { 3, 0, -1 }, { 2, 1, -1 }, { 0, 0, -1 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Ear) ear = ear_new_up ();
      Advert advert = advert_fa (FA_1, 1);

      advert.n_routers = 2;
      advert.routers[1] = FA_2;
      advert.prefixes = lengths + cases[i].from;
      advert.n_prefixes = cases[i].n;
      ear_hear (ear, WIFI, &advert);
      ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
      g_assert_cmpint (only_entry (ear)->routers[0].prefix_length, ==, cases[i].first);
      g_assert_cmpint (only_entry (ear)->routers[1].prefix_length, ==, cases[i].first == 24 ? 25 : -1);
    }
}

/* covers: MIP-ADV-028 */
static void
test_other_link_layer (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, 900), forged;

  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  ear_registered (ear, WIFI, FA_1);
  forged = advert;
  forged.mac = 0x66;
  forged.sequence = 0;
  ear_hear (ear, WIFI, &forged);
  forged.lifetime = 0;
  ear_hear (ear, WIFI, &forged);
  ear_expect_nothing (ear);
  g_assert_cmpuint (ear_counter (ear, "advertisements-other-link-layer"), ==, 2);
  g_assert_cmpuint (only_entry (ear)->agent.sequence, ==, 900);
  /* On another link it is another agent. */
  ear_command (ear, MIP4_DISCOVERY_LINK_UP, CABLE, OWN, 24);
  forged.lifetime = 9;
  ear_hear (ear, CABLE, &forged);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  /* Once it is lost here too. */
  ear_advance (ear, 9 * SECOND);
  g_array_set_size (ear->events, 0);
  ear_hear (ear, WIFI, &forged);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
}

/* covers: MIP-ADV-026 */
static void
test_not_listening (void)
{
  g_autoptr (Ear) ear = ear_new (1);
  Advert advert = advert_fa (FA_1, 1);

  ear_hear (ear, WIFI, &advert);
  ear_expect_nothing (ear);
  ear_command (ear, MIP4_DISCOVERY_LINK_UP, WIFI, OWN, 24);
  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  ear_command (ear, MIP4_DISCOVERY_LINK_DOWN, WIFI, 0, 0);
  ear_expect_nothing (ear);
  g_assert_cmpuint (ear_n_agents (ear, WIFI), ==, 0);
  ear_hear (ear, WIFI, &advert);
  ear_advance (ear, 100 * SECOND);
  ear_expect_nothing (ear);
  g_assert_cmpuint (ear_counter (ear, "icmp-not-listening"), ==, 2);
}

/* A flood of invented agents ends at the bound; the serving one and our home agent keep their places. */
static void
test_flood (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert serving = advert_fa (FA_1, 1), home = advert_fa (HOME_AGENT, 1);

  ear_registered (ear, WIFI, FA_1);
  for (guint i = 0; i < 10000; i++)
    {
      Advert invented = advert_fa (0x0b000001 + i, 1);

      invented.lifetime = 9000;
      ear_hear (ear, WIFI, &invented);
    }
  g_assert_cmpuint (ear_n_agents (ear, WIFI), ==, MIP4_DISCOVERY_MAX_AGENTS);
  g_assert_cmpuint (ear_n_events (ear), ==, MIP4_DISCOVERY_MAX_AGENTS);
  g_assert_cmpuint (ear_counter (ear, "advertisements-table-full"), ==, 10000 - MIP4_DISCOVERY_MAX_AGENTS);
  g_array_set_size (ear->events, 0);
  ear_hear (ear, WIFI, &serving);
  g_assert_true (ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW).serving);
  home.flags = FLAG_H;
  home.n_care_of = 0;
  ear_hear (ear, WIFI, &home);
  ear_expect (ear, MIP4_DISCOVERY_HOME_AGENT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/discovery/record", test_record);
  g_test_add_func ("/discovery/vectors", test_vectors);
  g_test_add_func ("/discovery/dropped", test_dropped);
  g_test_add_func ("/discovery/tolerated", test_tolerated);
  g_test_add_func ("/discovery/destinations", test_destinations);
  g_test_add_func ("/discovery/sources", test_sources);
  g_test_add_func ("/discovery/contradictions", test_contradictions);
  g_test_add_func ("/discovery/known-stays", test_known_stays);
  g_test_add_func ("/discovery/bounds", test_bounds);
  g_test_add_func ("/discovery/lifetime", test_lifetime);
  g_test_add_func ("/discovery/late-deadline", test_late_deadline);
  g_test_add_func ("/discovery/longest-lifetime", test_longest_lifetime);
  g_test_add_func ("/discovery/lifetime-0", test_lifetime_0);
  g_test_add_func ("/discovery/routers", test_routers);
  g_test_add_func ("/discovery/prefix-lengths", test_prefix_lengths);
  g_test_add_func ("/discovery/other-link-layer", test_other_link_layer);
  g_test_add_func ("/discovery/not-listening", test_not_listening);
  g_test_add_func ("/discovery/flood", test_flood);
  return g_test_run ();
}
