/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/mip4/discovery-fixture.h"

/* Move detection (RFC 5944 2.4.2, 2.4.4): what is told of agents that come, change, restart and go. */

#define FAR 0x0a070001u /* 10.7.0.1: an agent of another network */

static const guint8 length_24[1] = { 24 };

/* Registered through FA_1, which was just heard. */
static Ear *
ear_served (guint16 sequence)
{
  Ear *ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, sequence);

  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  ear_registered (ear, WIFI, FA_1);
  return ear;
}

/* covers: MIP-MOV-012, MIP-MOV-013 */
static void
test_sequence (void)
{
  static const struct
  {
    guint16 from, to;
    gboolean reset;
  } cases[] = {
    { 900, 0, TRUE },      { 900, 255, TRUE }, { 900, 256, FALSE },   { 900, 899, FALSE }, { 900, 901, FALSE },
    { 65535, 256, FALSE }, { 65535, 0, TRUE }, { 255, 254, TRUE },    { 5, 4, TRUE },      { 5, 5, FALSE },
    { 256, 255, TRUE },    { 0, 1, FALSE },    { 65535, 300, FALSE }, { 0, 65535, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Ear) ear = ear_served (cases[i].from);
      Advert advert = advert_fa (FA_1, cases[i].to);
      Mip4DiscoveryEvent event;

      ear_hear (ear, WIFI, &advert);
      if (!cases[i].reset)
        {
          ear_expect_nothing (ear);
          continue;
        }
      event = ear_expect (ear, MIP4_DISCOVERY_AGENT_RESET);
      g_assert_true (event.serving);
      g_assert_cmpuint (event.agent.sequence, ==, cases[i].to);
    }
}

/* covers: MIP-MOV-023, MIP-ADV-014 */
static void
test_revoking_advertisement (void)
{
  g_autoptr (Ear) ear = ear_served (900);
  Advert advert = advert_fa (FA_1, 0);
  Mip4DiscoveryEvent event;

  advert.destination = HOME_ADDRESS;
  advert.flags |= FLAG_B;
  ear_hear (ear, WIFI, &advert);
  g_assert_cmpuint (ear_n_events (ear), ==, 2);
  g_assert_cmpint (g_array_index (ear->events, Mip4DiscoveryEvent, 0).type, ==, MIP4_DISCOVERY_AGENT_CHANGED);
  event = g_array_index (ear->events, Mip4DiscoveryEvent, 1);
  g_assert_cmpint (event.type, ==, MIP4_DISCOVERY_AGENT_RESET);
  g_assert_true (event.serving);
  g_assert_cmphex (event.agent.flags & FLAG_B, !=, 0);
  g_assert_cmpuint (ear_n_agents (ear, WIFI), ==, 0);
}

static void
test_resets_are_few (void)
{
  g_autoptr (Ear) ear = ear_served (900);
  guint resets = 0;

  for (guint i = 0; i < 1000; i++)
    {
      Advert high = advert_fa (FA_1, 1000), low = advert_fa (FA_1, 3);

      ear_hear (ear, WIFI, &high);
      ear_hear (ear, WIFI, &low);
      ear_advance (ear, 10 * MSEC);
    }
  for (guint i = 0; i < ear_n_events (ear); i++)
    resets += g_array_index (ear->events, Mip4DiscoveryEvent, i).type == MIP4_DISCOVERY_AGENT_RESET;
  g_assert_cmpuint (resets, >=, 9);
  g_assert_cmpuint (resets, <=, 10);
  g_assert_cmpuint (ear_counter (ear, "agent-resets-too-soon"), ==, 1000 - resets);
}

/* covers: MIP-MOV-014 */
static void
test_second_agent (void)
{
  g_autoptr (Ear) ear = ear_served (1);

  for (guint16 i = 0; i < 100; i++)
    {
      Advert serving = advert_fa (FA_1, 2 + i), other = advert_fa (FAR, 1 + i);

      /* One of its advertisements in two does not arrive: it is heard all the same. */
      ear_hear (ear, WIFI, &serving);
      ear_advance (ear, 5 * SECOND);
      ear_hear (ear, WIFI, &other);
      ear_advance (ear, SECOND);
    }
  /* It is recorded: nothing else. */
  g_assert_false (ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW).serving);
}

/* covers: MIP-MOV-004 */
static void
test_other_agent_takes_over (void)
{
  g_autoptr (Ear) ear = ear_served (1);
  Advert other = advert_fa (FA_2, 1);
  g_autoptr (GArray) agents = NULL;
  guint sent;

  ear_hear (ear, WIFI, &other);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  agents = mip4_discovery_dup_agents (ear->discovery, WIFI);
  g_assert_cmpuint (agents->len, ==, 2);
  g_assert_cmphex (roam_addr_to_u32 (&g_array_index (agents, Mip4Agent, 0).address), ==, FA_1);
  ear_advance (ear, 5 * SECOND);
  sent = ear->sent->len;
  ear_hear (ear, WIFI, &other);
  ear_advance (ear, 5 * SECOND);
  g_assert_true (ear_expect (ear, MIP4_DISCOVERY_AGENT_LOST).serving);
  g_clear_pointer (&agents, g_array_unref);
  agents = mip4_discovery_dup_agents (ear->discovery, WIFI);
  g_assert_cmpuint (agents->len, ==, 1);
  g_assert_cmphex (roam_addr_to_u32 (&g_array_index (agents, Mip4Agent, 0).address), ==, FA_2);
  /* There is one to turn to: no search. */
  g_assert_cmpuint (ear->sent->len, ==, sent);
}

/* Of several, one that tunnels back comes first, then the longest known. */
static void
test_preference (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert plain = advert_fa (FA_1, 1), reverse = advert_fa (FA_2, 1), later = advert_fa (FAR, 1);
  g_autoptr (GArray) agents = NULL;

  plain.flags = FLAG_F;
  ear_hear (ear, WIFI, &plain);
  ear_hear (ear, WIFI, &reverse);
  ear_hear (ear, WIFI, &later);
  agents = mip4_discovery_dup_agents (ear->discovery, WIFI);
  g_assert_cmpuint (agents->len, ==, 3);
  g_assert_cmphex (roam_addr_to_u32 (&g_array_index (agents, Mip4Agent, 0).address), ==, FA_2);
  g_assert_cmphex (roam_addr_to_u32 (&g_array_index (agents, Mip4Agent, 1).address), ==, FAR);
  g_assert_cmphex (roam_addr_to_u32 (&g_array_index (agents, Mip4Agent, 2).address), ==, FA_1);
}

/* covers: MIP-MOV-007 */
static void
test_prefix_moved (void)
{
  g_autoptr (Ear) ear = ear_served (1);
  Advert other = advert_fa (FAR, 1);
  Mip4DiscoveryEvent event;

  /* Two of its advertisements did not come. */
  ear_advance (ear, 7 * SECOND);
  ear_hear (ear, WIFI, &other);
  g_assert_cmpuint (ear_n_events (ear), ==, 2);
  event = g_array_index (ear->events, Mip4DiscoveryEvent, 1);
  g_assert_cmpint (event.type, ==, MIP4_DISCOVERY_MOVED);
  g_assert_false (event.serving);
  g_assert_cmphex (roam_addr_to_u32 (&event.agent.address), ==, FAR);
  /* Said once. */
  g_array_set_size (ear->events, 0);
  other.sequence++;
  ear_hear (ear, WIFI, &other);
  ear_expect_nothing (ear);
}

/* covers: MIP-MOV-008 */
static void
test_prefix_unknown (void)
{
  for (guint without = 0; without < 3; without++)
    {
      g_autoptr (Ear) ear = ear_new_up ();
      Advert serving = advert_fa (FA_1, 1), other = advert_fa (FAR, 1);

      if (without == 0)
        serving.prefixes = NULL;
      else if (without == 1)
        other.prefixes = NULL;
      else
        other.n_routers = other.n_prefixes = 0;
      ear_hear (ear, WIFI, &serving);
      ear_registered (ear, WIFI, FA_1);
      ear_advance (ear, 7 * SECOND);
      ear_hear (ear, WIFI, &other);
      g_assert_cmpuint (ear_n_events (ear), ==, 2);
      g_assert_cmpint (g_array_index (ear->events, Mip4DiscoveryEvent, 1).type, ==, MIP4_DISCOVERY_AGENT_NEW);
    }
}

/* The same network told by another agent, or one network in common. */
static void
test_prefix_same (void)
{
  static const guint8 lengths[2] = { 24, 24 };
  g_autoptr (Ear) ear = ear_served (1);
  Advert other = advert_fa (FA_2, 1), both = advert_fa (FAR, 1);

  both.n_routers = both.n_prefixes = 2;
  both.routers[1] = FA_2;
  both.prefixes = lengths;
  ear_advance (ear, 7 * SECOND);
  ear_hear (ear, WIFI, &other);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  ear_hear (ear, WIFI, &both);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
}

/* covers: MIP-MOV-009 */
static void
test_prefix_co_located (void)
{
  g_autoptr (Ear) ear = ear_new (1);
  Advert here = advert_fa (FA_1, 1), there = advert_fa (FAR, 1), silent = advert_fa (0x0a080001, 1);

  /* The own prefix is not known yet. */
  ear_command (ear, MIP4_DISCOVERY_LINK_UP, WIFI, 0, 0);
  ear_registered (ear, WIFI, 0);
  ear_hear (ear, WIFI, &there);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  ear_command (ear, MIP4_DISCOVERY_ADDRESS, WIFI, OWN, 24);
  ear_registered (ear, WIFI, 0);
  ear_hear (ear, WIFI, &here);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  silent.prefixes = NULL;
  ear_hear (ear, WIFI, &silent);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  ear_hear (ear, WIFI, &there);
  ear_expect (ear, MIP4_DISCOVERY_MOVED);
  /* Detection said that we did not move; the agent beside us is not brought up again. */
  ear_registered (ear, WIFI, 0);
  for (guint i = 0; i < 20; i++)
    {
      ear_advance (ear, 3 * SECOND);
      ear_hear (ear, WIFI, &there);
      ear_hear (ear, WIFI, &here);
      ear_hear (ear, WIFI, &silent);
    }
  ear_expect_nothing (ear);
  /* At another address it is. */
  ear_command (ear, MIP4_DISCOVERY_ADDRESS, WIFI, 0x0a090009, 24);
  ear_registered (ear, WIFI, 0);
  there.prefixes = length_24;
  ear_hear (ear, WIFI, &there);
  ear_expect (ear, MIP4_DISCOVERY_MOVED);
}

/* covers: MIP-ADV-014 */
static void
test_busy (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (FA_1, 1);

  advert.flags |= FLAG_B;
  ear_hear (ear, WIFI, &advert);
  ear_expect_nothing (ear);
  g_assert_cmpuint (ear_n_agents (ear, WIFI), ==, 0);
  advert.flags &= ~FLAG_B;
  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
  g_assert_cmpuint (ear_n_agents (ear, WIFI), ==, 1);
  ear_registered (ear, WIFI, FA_1);
  /* A serving agent that becomes busy goes on serving. */
  advert.flags |= FLAG_B;
  ear_hear (ear, WIFI, &advert);
  g_assert_true (ear_expect (ear, MIP4_DISCOVERY_AGENT_CHANGED).serving);
  ear_advance (ear, 5 * SECOND);
  ear_hear (ear, WIFI, &advert);
  ear_advance (ear, 5 * SECOND);
  ear_expect_nothing (ear);
  advert.flags &= ~FLAG_B;
  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_CHANGED);
}

static void
test_changed (void)
{
  g_autoptr (Ear) ear = ear_served (1);
  Advert advert = advert_fa (FA_1, 2);

  ear_hear (ear, WIFI, &advert);
  ear_expect_nothing (ear);
  advert.challenge = "one";
  ear_hear (ear, WIFI, &advert);
  g_assert_cmpuint (ear_expect (ear, MIP4_DISCOVERY_AGENT_CHANGED).agent.n_challenge, ==, 3);
  advert.challenge = "two";
  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_CHANGED);
  advert.care_of[0] = FA_2;
  ear_hear (ear, WIFI, &advert);
  g_assert_true (ear_expect (ear, MIP4_DISCOVERY_AGENT_CHANGED).serving);
  advert.registration_lifetime = 100;
  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_CHANGED);
}

/* covers: MIP-MOV-003 */
static void
test_new_link (void)
{
  g_autoptr (Ear) ear = ear_served (900);
  Advert advert = advert_fa (FA_1, 0);

  /* Another link: what was heard on the old one counts no more, nor does its sequence number. */
  ear_command (ear, MIP4_DISCOVERY_LINK_UP, WIFI, 0, 0);
  ear_expect_nothing (ear);
  g_assert_cmpuint (ear_n_agents (ear, WIFI), ==, 0);
  ear_advance (ear, SECOND);
  advert.mac = 9;
  ear_hear (ear, WIFI, &advert);
  g_assert_false (ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW).serving);
}

/* covers: MIP-HOM-002 */
static void
test_home (void)
{
  g_autoptr (Ear) ear = ear_new_up ();
  Advert advert = advert_fa (HOME_AGENT, 1), by_router = advert_fa (0x0a010003, 1), stranger = advert_fa (FA_2, 1);
  Mip4DiscoveryEvent event;

  advert.flags = FLAG_H | FLAG_F;
  ear_hear (ear, WIFI, &advert);
  event = ear_expect (ear, MIP4_DISCOVERY_HOME_AGENT);
  g_assert_cmphex (roam_addr_to_u32 (&event.agent.address), ==, HOME_AGENT);
  /* One registers directly at home (MIP-MOV-022): it is no foreign agent to us. */
  g_assert_cmpuint (ear_n_agents (ear, WIFI), ==, 0);
  ear_hear (ear, WIFI, &advert);
  ear_expect_nothing (ear);
  /* H that comes and goes. */
  advert.flags = FLAG_F;
  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_CHANGED);
  ear_advance (ear, 9 * SECOND);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_LOST);
  /* Our home agent among the routers. */
  by_router.flags = FLAG_H;
  by_router.n_care_of = 0;
  by_router.routers[0] = HOME_AGENT;
  ear_hear (ear, WIFI, &by_router);
  ear_expect (ear, MIP4_DISCOVERY_HOME_AGENT);
  /* A home agent, but not ours; and ours without H. */
  stranger.flags = FLAG_H;
  stranger.n_care_of = 0;
  ear_hear (ear, WIFI, &stranger);
  ear_expect_nothing (ear);
  advert = advert_fa (HOME_AGENT, 1);
  ear_hear (ear, WIFI, &advert);
  ear_expect (ear, MIP4_DISCOVERY_AGENT_NEW);
}

/* covers: MIP-MOV-017 */
static void
test_redirect (void)
{
  /* ICMP Redirect for Host: to FA_2 instead, and the header of a datagram of ours. */
  guint8 redirect[36] = { 5, 1, 0, 0, 10, 5, 0, 2, 0x45 };
  g_autoptr (Ear) ear = ear_served (1);
  guint32 sum = 0;

  for (guint i = 0; i < sizeof redirect; i++)
    sum += (guint32)redirect[i] << (i % 2 == 0 ? 8 : 0);
  sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
  redirect[2] = (guint8)(sum >> 8);
  redirect[3] = (guint8)sum;
  ear_hear_octets (ear, WIFI, redirect, sizeof redirect);
  ear_expect_nothing (ear);
  g_assert_cmpuint (ear_n_agents (ear, WIFI), ==, 1);
  g_assert_cmpuint (ear_counter (ear, "icmp-not-an-agent"), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/discovery/move/sequence", test_sequence);
  g_test_add_func ("/discovery/move/revoking-advertisement", test_revoking_advertisement);
  g_test_add_func ("/discovery/move/resets-are-few", test_resets_are_few);
  g_test_add_func ("/discovery/move/second-agent", test_second_agent);
  g_test_add_func ("/discovery/move/other-agent-takes-over", test_other_agent_takes_over);
  g_test_add_func ("/discovery/move/preference", test_preference);
  g_test_add_func ("/discovery/move/prefix-moved", test_prefix_moved);
  g_test_add_func ("/discovery/move/prefix-unknown", test_prefix_unknown);
  g_test_add_func ("/discovery/move/prefix-same", test_prefix_same);
  g_test_add_func ("/discovery/move/prefix-co-located", test_prefix_co_located);
  g_test_add_func ("/discovery/move/busy", test_busy);
  g_test_add_func ("/discovery/move/changed", test_changed);
  g_test_add_func ("/discovery/move/new-link", test_new_link);
  g_test_add_func ("/discovery/move/home", test_home);
  g_test_add_func ("/discovery/move/redirect", test_redirect);
  return g_test_run ();
}
