/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/mip4/discovery-fixture.h"

/* When solicitations go out (RFC 5944 2.4; RFC 1256 5.3). */

static gint64
sent_at (const Ear *ear, guint index)
{
  g_assert_cmpuint (index, <, ear->sent->len);
  return g_array_index (ear->sent, Solicitation, index).at_us;
}

static gint64
gap (const Ear *ear, guint index)
{
  return sent_at (ear, index) - sent_at (ear, index - 1);
}

/* covers: MIP-SOL-001, MIP-SOL-002 */
static void
test_message (void)
{
  static const guint8 octets[8] = { 10, 0, 0xf5, 0xff, 0, 0, 0, 0 };
  g_autoptr (Ear) ear = ear_new (1);
  const Solicitation *sent;

  ear_command (ear, MIP4_DISCOVERY_LINK_UP, WIFI, 0, 0);
  ear_advance (ear, SECOND / 2);
  ear_command (ear, MIP4_DISCOVERY_ADDRESS, WIFI, OWN, 24);
  ear_advance (ear, 2 * SECOND);
  g_assert_cmpuint (ear->sent->len, >=, 2);
  sent = &g_array_index (ear->sent, Solicitation, 0);
  g_assert_cmpmem (g_bytes_get_data (sent->message, NULL), g_bytes_get_size (sent->message), octets, sizeof octets);
  g_assert_cmpuint (sent->path, ==, WIFI);
  g_assert_false (roam_addr_is_specified (&sent->source));
  g_assert_cmphex (roam_addr_to_u32 (&sent->destination), ==, 0xe000000b);
  g_assert_cmphex (roam_addr_to_u32 (&g_array_index (ear->sent, Solicitation, 1).source), ==, OWN);
}

/* covers: MIP-SOL-004, MIP-SOL-005, MIP-SOL-006, MIP-SOL-007, MIP-SOL-008, MIP-SOL-012 */
static void
test_schedule (void)
{
  static const gint64 nominal_s[] = { 0, 1, 1, 2, 4, 8, 16, 32, 64, 64, 64 };

  for (guint64 seed = 1; seed <= 50; seed++)
    {
      g_autoptr (Ear) ear = ear_new (seed);
      gint64 up_us = ear->now.boot_us;

      ear_command (ear, MIP4_DISCOVERY_LINK_UP, WIFI, OWN, 24);
      ear_advance (ear, 400 * SECOND);
      g_assert_cmpuint (ear->sent->len, >=, G_N_ELEMENTS (nominal_s));
      g_assert_cmpint (sent_at (ear, 0) - up_us, <=, 100 * MSEC);
      for (guint i = 1; i < G_N_ELEMENTS (nominal_s); i++)
        {
          g_assert_cmpint (gap (ear, i), >=, SECOND);
          g_assert_cmpint (gap (ear, i), >=, nominal_s[i] * SECOND * 15 / 16);
          g_assert_cmpint (gap (ear, i), <=, nominal_s[i] * SECOND * 19 / 16);
        }
      for (guint i = 8; i < ear->sent->len; i++)
        g_assert_cmpint (gap (ear, i), >=, 60 * SECOND);
    }
}

/* covers: MIP-SOL-010 */
static void
test_random (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_int64_hash, g_int64_equal);
  gint64 values[3][20];

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (Ear) ear = ear_new (i + 1);
      gint64 up_us = ear->now.boot_us;

      ear_command (ear, MIP4_DISCOVERY_LINK_UP, WIFI, OWN, 24);
      ear_advance (ear, 100 * SECOND);
      values[0][i] = sent_at (ear, 0) - up_us;
      values[1][i] = gap (ear, 2);
      values[2][i] = gap (ear, 6);
    }
  for (guint kind = 0; kind < G_N_ELEMENTS (values); kind++)
    {
      g_hash_table_remove_all (seen);
      for (guint i = 0; i < 20; i++)
        g_hash_table_add (seen, &values[kind][i]);
      /* The fast interval has a floor that some share. */
      g_assert_cmpuint (g_hash_table_size (seen), >=, 10);
    }
}

/* covers: MIP-SOL-003, MIP-SOL-013, MIP-MOV-006 */
static void
test_stops_and_restarts (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, 1);
  guint sent;

  ear_advance (ear, 30 * SECOND);
  ear_hear (ear, WIFI, &advert);
  sent = ear->sent->len;
  for (guint i = 0; i < 100; i++)
    {
      ear_advance (ear, 3 * SECOND);
      advert.sequence++;
      ear_hear (ear, WIFI, &advert);
    }
  g_assert_cmpuint (ear->sent->len, ==, sent);
  /* Silence: after the Lifetime a search starts, and at the fast rate. */
  ear_advance (ear, 9 * SECOND - 1);
  g_assert_cmpuint (ear->sent->len, ==, sent);
  ear_advance (ear, 4 * SECOND);
  g_assert_cmpuint (ear->sent->len, >=, sent + 3);
}

/* covers: MIP-SOL-008, MIP-SOL-004 */
static void
test_never_faster (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  guint sent;

  ear_advance (ear, 200 * SECOND);
  sent = ear->sent->len;
  /* No wish makes a running search faster. */
  for (guint i = 0; i < 40; i++)
    {
      ear_command (ear, MIP4_DISCOVERY_SOLICIT, WIFI, 0, 0);
      ear_command (ear, MIP4_DISCOVERY_ADDRESS, WIFI, OWN, 24);
      ear_advance (ear, SECOND);
    }
  g_assert_cmpuint (ear->sent->len, <=, sent + 1);
  /* A new link does; but a link that flaps does not pass the limit. */
  sent = ear->sent->len;
  for (guint i = 0; i < 100; i++)
    {
      ear_command (ear, MIP4_DISCOVERY_LINK_DOWN, WIFI, 0, 0);
      ear_command (ear, MIP4_DISCOVERY_LINK_UP, WIFI, OWN, 24);
      ear_advance (ear, 150 * MSEC);
    }
  g_assert_cmpuint (ear->sent->len, >, sent + 5);
  for (guint i = 1; i < ear->sent->len; i++)
    g_assert_cmpint (gap (ear, i), >=, SECOND);
}

/* covers: MIP-SOL-009 */
static void
test_after_registration (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, 1);
  guint sent;

  ear_advance (ear, 300 * SECOND);
  ear_hear (ear, WIFI, &advert);
  ear_registered (ear, WIFI, FA_1);
  sent = ear->sent->len;
  ear_advance (ear, 9 * SECOND);
  ear_advance (ear, 3 * SECOND);
  g_assert_cmpuint (ear->sent->len, ==, sent + 3);
}

/* A challenge is wanted though the agent is heard: one search, within the limit, ended by the answer. */
static void
test_asked_for (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, 1);
  guint sent;

  ear_advance (ear, SECOND / 2);
  ear_hear (ear, WIFI, &advert);
  ear_advance (ear, 2 * SECOND);
  sent = ear->sent->len;
  ear_command (ear, MIP4_DISCOVERY_SOLICIT, WIFI, 0, 0);
  g_assert_cmpuint (ear->sent->len, ==, sent + 1);
  ear_hear (ear, WIFI, &advert);
  ear_command (ear, MIP4_DISCOVERY_SOLICIT, WIFI, 0, 0);
  g_assert_cmpuint (ear->sent->len, ==, sent + 1);
  ear_advance (ear, SECOND);
  g_assert_cmpuint (ear->sent->len, ==, sent + 2);
}

/* covers: MIP-SOL-003 */
static void
test_own_care_of_address (void)
{
  g_autoptr (Ear) ear = ear_new_up ();

  /* Registered directly within the first round trip: three solicitations, and no long search. */
  ear_registered (ear, WIFI, 0);
  ear_advance (ear, 1000 * SECOND);
  g_assert_cmpuint (ear->sent->len, ==, 3);
  /* Registered directly in the midst of a long search: it ends. */
  ear_command (ear, MIP4_DISCOVERY_LINK_UP, CABLE, OWN, 24);
  ear_advance (ear, 20 * SECOND);
  ear_registered (ear, CABLE, 0);
  g_assert_cmpint (mip4_discovery_next_deadline (ear->discovery), ==, ROAM_NEVER);
}

/* covers: MIP-ADV-014, MIP-SOL-013 */
static void
test_busy_agent_ends_no_search (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, 1);
  guint sent;

  advert.flags |= FLAG_B;
  advert.lifetime = 600;
  ear_hear (ear, WIFI, &advert);
  ear_advance (ear, 5 * SECOND);
  g_assert_cmpuint (ear->sent->len, >=, 3);
  advert.flags &= ~FLAG_B;
  ear_hear (ear, WIFI, &advert);
  sent = ear->sent->len;
  ear_advance (ear, 100 * SECOND);
  g_assert_cmpuint (ear->sent->len, ==, sent);
  /* The only one becomes busy: search again. */
  advert.flags |= FLAG_B;
  ear_hear (ear, WIFI, &advert);
  ear_advance (ear, SECOND);
  g_assert_cmpuint (ear->sent->len, ==, sent + 1);
}

/* covers: MIP-ADV-026 */
static void
test_listen_only (void)
{
  const Mip4DiscoveryConfig config = { .require_ttl_1 = TRUE };
  g_autoptr (Ear) ear = ear_new_with (&config, 1);
  Advert advert = advert_fa (FA_1, 1);

  ear_command (ear, MIP4_DISCOVERY_LINK_UP, WIFI, OWN, 24);
  ear_advance (ear, 1000 * SECOND);
  ear_command (ear, MIP4_DISCOVERY_SOLICIT, WIFI, 0, 0);
  ear_advance (ear, 1000 * SECOND);
  g_assert_cmpuint (ear->sent->len, ==, 0);
  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  ear_advance (ear, 1000 * SECOND);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_LOST);
  g_assert_cmpuint (ear->sent->len, ==, 0);
}

/* More interfaces than there can be: those beyond the limit are not listened to. */
static void
test_many_paths (void)
{
  g_autoptr (Ear) ear = ear_new (1);
  Advert advert = advert_fa (FA_1, 1);

  for (Mip4Path path = 1; path <= 100; path++)
    ear_command (ear, MIP4_DISCOVERY_LINK_UP, path, OWN, 24);
  ear_hear (ear, 100, &advert);
  ear_expect_nothing (ear);
  g_assert_cmpuint (ear_counter (ear, "icmp-not-listening"), ==, 1);
  for (Mip4Path path = 1; path <= 99; path++)
    ear_command (ear, MIP4_DISCOVERY_LINK_DOWN, path, 0, 0);
  ear_command (ear, MIP4_DISCOVERY_LINK_UP, 100, OWN, 24);
  ear_hear (ear, 100, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  /* The tunnel is no link. */
  ear_command (ear, MIP4_DISCOVERY_LINK_UP, MIP4_PATH_VPN, OWN, 24);
  ear_hear (ear, MIP4_PATH_VPN, &advert);
  ear_expect_nothing (ear);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/discovery/solicit/message", test_message);
  g_test_add_func ("/discovery/solicit/schedule", test_schedule);
  g_test_add_func ("/discovery/solicit/random", test_random);
  g_test_add_func ("/discovery/solicit/stops-and-restarts", test_stops_and_restarts);
  g_test_add_func ("/discovery/solicit/never-faster", test_never_faster);
  g_test_add_func ("/discovery/solicit/after-registration", test_after_registration);
  g_test_add_func ("/discovery/solicit/asked-for", test_asked_for);
  g_test_add_func ("/discovery/solicit/own-care-of-address", test_own_care_of_address);
  g_test_add_func ("/discovery/solicit/busy-agent", test_busy_agent_ends_no_search);
  g_test_add_func ("/discovery/solicit/listen-only", test_listen_only);
  g_test_add_func ("/discovery/solicit/many-paths", test_many_paths);
  return g_test_run ();
}
