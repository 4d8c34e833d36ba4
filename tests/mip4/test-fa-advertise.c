/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fa-fixture.h"

#include <string.h>

/* Advertisements of the foreign agent, its answers to solicitations, and what its configuration may not say. */

#define SOLICITATION "0a00f5ff00000000"

static void
input_icmp (Fa *fa, const Mip4FaHeader *header, const char *hex)
{
  g_autoptr (GByteArray) message = unhex (hex);

  fa_advance (fa, 0);
  mip4_fa_input_icmp (fa->fa, &fa->now, header, message->data, message->len);
  for (Mip4FaAction action; mip4_fa_pop_action (fa->fa, &action);)
    g_array_append_val (fa->actions, action);
}

/* covers: MIP-FA-001, MIP-FA-002, MIP-FA-005, MIP-FA-026 */
static void
test_contents (void)
{
  Mip4FaConfig config = fa_default_config ();
  g_autoptr (Fa) fa = fa_new (&config);
  const Mip4FaAction *action = fa_find (fa, MIP4_FA_ACTION_SEND_ICMP);
  Mip4Advertisement adv = fa_advertisement (fa);
  g_autoptr (Fa) other = NULL;

  g_assert_cmpuint (roam_addr_to_u32 (&action->icmp.source), ==, FA_ADDRESS);
  g_assert_cmpuint (roam_addr_to_u32 (&action->icmp.destination), ==, 0xe0000001);
  g_assert_cmpmem (action->icmp.link_layer, 6, "\x01\x00\x5e\x00\x00\x01", 6);
  g_assert_cmpuint (adv.code, ==, 16);
  g_assert_cmpuint (adv.flags, ==, MIP4_AGENT_FOREIGN | MIP4_AGENT_REVERSE_TUNNEL);
  g_assert_cmpuint (adv.n_care_of, ==, 1);
  g_assert_cmpuint (roam_addr_to_u32 (&adv.care_of[0]), ==, FA_CARE_OF);
  g_assert_cmpuint (adv.registration_lifetime_s, ==, 300);
  g_assert_cmpuint (adv.lifetime_s, ==, 3);
  g_assert_cmpuint (adv.n_routers, ==, 1);
  g_assert_cmpint (adv.routers[0].prefix_length, ==, 24);
  g_assert_null (adv.challenge);
  g_assert_true (mip4_advertisement_is_usable (&adv));

  config.destination = MIP4_FA_DESTINATION_BROADCAST;
  config.prefix_lengths = FALSE;
  config.routes_common_traffic = config.registration_required = config.behind_nat = config.revocation = TRUE;
  config.reverse_tunnel = config.encapsulating_delivery = FALSE;
  config.lifetime_s = 9;
  other = fa_new (&config);
  adv = fa_advertisement (other);
  g_assert_cmpuint (adv.code, ==, 0);
  g_assert_cmpuint (adv.flags, ==,
                    MIP4_AGENT_FOREIGN | MIP4_AGENT_REGISTRATION_REQUIRED | MIP4_AGENT_UDP_TUNNEL |
                      MIP4_AGENT_REVOCATION);
  g_assert_cmpint (adv.routers[0].prefix_length, ==, -1);
  g_assert_cmpuint (adv.lifetime_s, ==, 9);
  action = fa_find (other, MIP4_FA_ACTION_SEND_ICMP);
  g_assert_cmpuint (roam_addr_to_u32 (&action->icmp.destination), ==, 0xffffffff);
  g_assert_cmpmem (action->icmp.link_layer, 6, "\xff\xff\xff\xff\xff\xff", 6);
}

/* The vector adv-fa, octet by octet up to its challenge (ours are longer) but for the checksum. */
static void
test_vector (void)
{
  static const char vector[] = "01020009cb00710100000000100a0007012c9180cb00710113011818";
  g_autoptr (GByteArray) expected = unhex (vector);
  Mip4FaConfig config = {
    .address = roam_addr_from_u32 (0xcb007101),
    .care_of = { roam_addr_from_u32 (0xcb007101) },
    .n_care_of = 1,
    .visited_network = { roam_addr_from_u32 (0xcb007101), 24 },
    .prefix_lengths = TRUE,
    .routes_common_traffic = TRUE,
    .registration_lifetime_s = 300,
    .registration_required = TRUE,
    .reverse_tunnel = TRUE,
    .behind_nat = TRUE,
    .challenge = TRUE,
    .interval_ms = 3000,
    .lifetime_s = 9,
  };
  g_autoptr (Fa) fa = fa_new (&config);
  g_autoptr (GBytes) message = mip4_fa_build_advertisement (fa->fa, 7, 9, &fa->fa->challenges[0]);
  const guint8 *data = g_bytes_get_data (message, NULL);
  Mip4Advertisement adv;

  g_assert_cmpmem (data, 2, "\x09\x00", 2);
  g_assert_cmpmem (data + 4, expected->len - 1, expected->data, expected->len - 1);
  g_assert_cmpint (mip4_parse_advertisement (data, g_bytes_get_size (message), &adv), ==, MIP4_ADVERTISEMENT_OK);
  g_assert_cmpuint (adv.challenge_length, ==, MIP4_FA_CHALLENGE_OCTETS);
}

/* covers: MIP-FA-003 */
static void
test_sequence (void)
{
  g_autoptr (Fa) fa = fa_new (NULL);

  g_assert_cmpuint (fa_advertisement (fa).sequence, ==, 0);
  for (guint expected = 1; expected < 65540; expected++)
    {
      /* The engine's own clock: a minute is enough for any advertisement to be due. */
      fa->now.boot_us = mip4_fa_next_deadline (fa->fa);
      fa_advance (fa, 0);
      g_assert_cmpuint (fa_advertisement (fa).sequence, ==, expected <= 65535 ? expected : expected - 65536 + 256);
    }
}

/* covers: MIP-FA-001 */
static void
test_schedule (void)
{
  Mip4FaConfig config = fa_default_config ();
  g_autoptr (Fa) fa = NULL;
  gint64 last, shortest = G_MAXINT64, longest = 0;

  config.interval_ms = 600000;
  fa = fa_new (&config);
  last = fa->now.boot_us;
  for (guint i = 0; i < 40; i++)
    {
      gint64 due = mip4_fa_next_deadline (fa->fa), wait = due - last;

      if (i < 2) /* MAX_INITIAL_ADVERT_INTERVAL for the first three */
        g_assert_cmpint (wait, <=, 16 * SECOND);
      else
        {
          g_assert_cmpint (wait, >=, 450 * SECOND);
          g_assert_cmpint (wait, <=, 600 * SECOND);
          shortest = MIN (shortest, wait);
          longest = MAX (longest, wait);
        }
      last = due;
      fa->now.boot_us = due;
      fa_advance (fa, 0);
      /* At most a third of the lifetime. */
      g_assert_cmpuint (fa_advertisement (fa).lifetime_s, ==, 1800);
    }
  g_assert_cmpint (longest - shortest, >, 20 * SECOND);
}

/* covers: MIP-FA-002 */
static void
test_config_faults (void)
{
  Mip4FaConfig good = fa_default_config (), config;
  Mip4FaPeer weak = fa_home_agent_peer (FALSE);
  g_autoptr (RoamSecret) short_key = roam_secret_new ((const guint8 *)"fifteen octets!", 15);

  g_assert_null (mip4_fa_config_fault (&good));
  config = good;
  config.n_care_of = 0; /* F without a care-of address */
  g_assert_nonnull (mip4_fa_config_fault (&config));
  config = good;
  config.lifetime_s = 2;
  g_assert_nonnull (mip4_fa_config_fault (&config));
  config = good;
  config.interval_ms = 500;
  g_assert_nonnull (mip4_fa_config_fault (&config));
  config = good;
  config.reverse_tunnel = FALSE;
  g_assert_nonnull (mip4_fa_config_fault (&config));
  config = good;
  config.registration_lifetime_s = 0;
  g_assert_nonnull (mip4_fa_config_fault (&config));
  config = good;
  config.home_agents = &weak;
  config.n_home_agents = 1;
  g_assert_null (mip4_fa_config_fault (&config));
  weak.association.spi = 255;
  g_assert_nonnull (mip4_fa_config_fault (&config));
  weak = fa_home_agent_peer (FALSE);
  weak.association.key = short_key;
  g_assert_nonnull (mip4_fa_config_fault (&config));
}

/* covers: MIP-FA-004 */
static void
test_solicitation (void)
{
  g_autoptr (Fa) fa = fa_new (NULL);
  Mip4FaHeader header = fa_header (MN_MAC);
  const Mip4FaAction *action;

  header.ttl = 1;
  header.destination = roam_addr_from_u32 (0xe000000b);
  fa->now.boot_us += 100;
  /* The node's address is not of this link. */
  input_icmp (fa, &header, SOLICITATION);
  action = fa_find (fa, MIP4_FA_ACTION_SEND_ICMP);
  g_assert_cmpuint (roam_addr_to_u32 (&action->icmp.destination), ==, HOME_ADDRESS);
  g_assert_cmpmem (action->icmp.link_layer, 6, header.link_layer, 6);
  g_assert_cmpuint (fa_advertisement (fa).sequence, ==, 1);
  /* Once a second and node; another node at once. */
  input_icmp (fa, &header, SOLICITATION);
  g_assert_cmpuint (fa_count (fa, MIP4_FA_ACTION_SEND_ICMP), ==, 0);
  header.link_layer[5]++;
  header.source.addr = roam_addr_from_u32 (0);
  input_icmp (fa, &header, SOLICITATION);
  action = fa_find (fa, MIP4_FA_ACTION_SEND_ICMP);
  g_assert_cmpuint (roam_addr_to_u32 (&action->icmp.destination), ==, 0xffffffff);
  g_assert_cmpmem (action->icmp.link_layer, 6, header.link_layer, 6);
  g_assert_cmpuint (fa_counter (fa, "solicitations-answered"), ==, 2);
}

/* covers: MIP-SOL-002 */
static void
test_no_solicitation (void)
{
  static const char *const bad[] = { "0a00f5fe00000000", "0a01f5fe00000000", "0a00f5ff000000", "0900f6ff00000000", "" };
  g_autoptr (Fa) fa = fa_new (NULL);
  Mip4FaHeader header = fa_header (MN_MAC);

  header.ttl = 1;
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      input_icmp (fa, &header, bad[i]);
      g_assert_cmpuint (fa->actions->len, ==, 0);
    }
  header.ttl = 2;
  input_icmp (fa, &header, SOLICITATION);
  g_assert_cmpuint (fa->actions->len, ==, 0);
  header.ttl = 1;
  header.visited = FALSE;
  input_icmp (fa, &header, SOLICITATION);
  g_assert_cmpuint (fa->actions->len, ==, 0);
  header.visited = TRUE;
  header.source.addr = roam_addr_from_u32 (FA_ADDRESS);
  input_icmp (fa, &header, SOLICITATION);
  g_assert_cmpuint (fa->actions->len, ==, 0);
  g_assert_cmpuint (fa_counter (fa, "icmp-ignored"), ==, 8);
}

static void
test_busy (void)
{
  Mip4FaConfig config = fa_default_config ();
  g_autoptr (Fa) fa = NULL;
  Forgery request, second;

  config.max_visitors = 1;
  fa = fa_new (&config);
  request = fa_request (fa);
  fa_register (fa, &request);
  fa_advance (fa, SECOND);
  g_assert_cmphex (fa_advertisement (fa).flags & MIP4_AGENT_BUSY, !=, 0);
  second = fa_request (fa);
  second.home++;
  fa_input (fa, forge (&second));
  fa_expect_denied (fa, 66);
  /* Who is there renews. */
  request = fa_request (fa);
  fa_register (fa, &request);
  fa_command (fa, MIP4_FA_REMOVE);
  g_assert_cmpint (fa_find (fa, MIP4_FA_ACTION_VISITOR_REMOVE)->visitor.removal, ==, MIP4_FA_REMOVED_COMMAND);
  fa_advance (fa, SECOND);
  g_assert_cmphex (fa_advertisement (fa).flags & MIP4_AGENT_BUSY, ==, 0);
  fa_command (fa, MIP4_FA_BUSY);
  fa_advance (fa, SECOND);
  g_assert_cmphex (fa_advertisement (fa).flags & MIP4_AGENT_BUSY, !=, 0);
  fa_command (fa, MIP4_FA_IDLE);
  fa_advance (fa, SECOND);
  g_assert_cmphex (fa_advertisement (fa).flags & MIP4_AGENT_BUSY, ==, 0);
}

static void
test_stop (void)
{
  g_autoptr (Fa) fa = fa_new (NULL);
  Forgery request = fa_request (fa);

  fa_register (fa, &request);
  fa_command (fa, MIP4_FA_STOP);
  g_assert_cmpuint (fa_advertisement (fa).lifetime_s, ==, 0);
  fa_find (fa, MIP4_FA_ACTION_VISITOR_REMOVE);
  g_assert_cmpint (mip4_fa_next_deadline (fa->fa), ==, ROAM_NEVER);
  fa_input (fa, forge (&request));
  g_assert_cmpuint (fa->actions->len, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fa/advertise/contents", test_contents);
  g_test_add_func ("/fa/advertise/vector", test_vector);
  g_test_add_func ("/fa/advertise/sequence", test_sequence);
  g_test_add_func ("/fa/advertise/schedule", test_schedule);
  g_test_add_func ("/fa/advertise/config-faults", test_config_faults);
  g_test_add_func ("/fa/advertise/solicitation", test_solicitation);
  g_test_add_func ("/fa/advertise/no-solicitation", test_no_solicitation);
  g_test_add_func ("/fa/advertise/busy", test_busy);
  g_test_add_func ("/fa/advertise/stop", test_stop);
  return g_test_run ();
}
