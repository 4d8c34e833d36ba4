/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <string.h>

/* Registration Requests: their octets, their times, their Identification. */

static void
assert_extensions (const Sent *sent, const char *expected_hex)
{
  g_autoptr (GByteArray) expected = unhex (expected_hex);
  gsize length;
  const guint8 *data = g_bytes_get_data (sent->bytes, &length);

  g_assert_cmpuint (length, >=, 24 + expected->len);
  g_assert_cmpmem (data + 24, expected->len, expected->data, expected->len);
}

/* The whole message equals what the test's own maker builds: fixed part, order, MHAE over everything before. */
static void
assert_made_as (const Sent *sent, guint8 flags, guint16 lifetime, guint32 care_of, const char *before)
{
  Forgery forgery = forge_request (sent->identification);
  g_autoptr (GBytes) expected = NULL;

  forgery.code = flags;
  forgery.lifetime = lifetime;
  forgery.care_of = care_of;
  forgery.before = before;
  expected = forge (&forgery);
  g_assert_cmpmem (g_bytes_get_data (sent->bytes, NULL), g_bytes_get_size (sent->bytes),
                   g_bytes_get_data (expected, NULL), g_bytes_get_size (expected));
}

/* covers: MIP-REG-001, MIP-REG-005, MIP-REG-008, MIP-REG-009, MIP-REG-010, MIP-REG-011, MIP-REG-013 */
/* covers: MIP-REG-014, MIP-REG-016, MIP-REG-017, MIP-REG-018, MIP-REG-019, MIP-REG-022, MIP-REG-023 */
/* covers: MIP-NAT-001, MIP-NAT-003, MIP-NAT-005, MIP-NAT-006, MIP-NAT-008, MIP-REV-001, MIP-REV-002, MIP-REV-003 */
/* covers: MIP-REV-006, MIP-MOV-021, MIP-AUTH-008, MIP-AUTH-010, MIP-AUTH-011, MIP-GEN-010, MIP-GEN-012 */
static void
test_co_located (void)
{
  g_autoptr (Node) node = node_new (NULL);
  char text[ROAM_ADDR_STRLEN];
  const Sent *sent;

  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  sent = node_last_sent (node);
  g_assert_cmpuint (sent->ttl, ==, 255);
  g_assert_cmpuint (roam_addr_to_u32 (&sent->source), ==, CARE_OF);
  g_assert_cmpstr (roam_endpoint_to_string (&sent->destination, text), ==, "10.1.0.2:434");
  /* D and T, nothing else. */
  assert_made_as (sent, 0x22, 600, CARE_OF, "90 06 00 00 00 00 00 00");
}

/* covers: MIP-NAI-001, MIP-NAI-002 */
static void
test_nai_comes_before_udp_request_and_mhae (void)
{
  Mip4MnConfig config = node_default_config ();
  g_autoptr (Node) node = NULL;

  config.nai = "alice@example.com";
  node = node_new (&config);
  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  assert_made_as (node_last_sent (node), 0x22, 600, CARE_OF,
                  "83 11 616c696365406578616d706c652e636f6d 90 06 00 00 00 00 00 00");
}

/* covers: MIP-REG-012, MIP-REG-019, MIP-HOM-009, MIP-MOV-022 */
static void
test_home (void)
{
  g_autoptr (Node) node = node_new (NULL);
  const Sent *sent;

  node_register (node, WIFI, 1, MIP4_FORM_HOME, HOME_ADDRESS);
  sent = node_last_sent (node);
  g_assert_cmpuint (roam_addr_to_u32 (&sent->source), ==, HOME_ADDRESS);
  assert_made_as (sent, 0x00, 0, HOME_ADDRESS, NULL);
}

/* covers: MIP-REG-021, MIP-LIF-008, MIP-LIF-009, MIP-RVK-011 */
static void
test_deregister_one_care_of_address (void)
{
  g_autoptr (Node) node = node_new (NULL);

  node_register (node, WIFI, 1, MIP4_FORM_DEREGISTER, CARE_OF);
  assert_made_as (node_last_sent (node), 0x22, 0, CARE_OF, "90 06 00 00 00 00 00 00");
}

/* covers: MIP-NAT-007, MIP-NAT-016 */
static void
test_forced_udp_and_without_nat_traversal (void)
{
  Mip4MnConfig config = node_default_config ();
  g_autoptr (Node) node = node_new (NULL);
  g_autoptr (Node) plain = NULL;
  const Mip4MnCommand command = {
    .type = MIP4_MN_REGISTER,
    .path = WIFI,
    .form = MIP4_FORM_CO_LOCATED,
    .care_of_address = roam_addr_from_u32 (CARE_OF),
    .copies = 1,
    .force_udp = TRUE,
  };

  mip4_mn_input_command (node->mn, &node->now, &command);
  node_advance (node, 0);
  assert_extensions (node_last_sent (node), "90 06 00 00 80 00 00 00");
  config.nat_traversal = FALSE;
  plain = node_new (&config);
  node_register (plain, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  assert_made_as (node_last_sent (plain), 0x22, 600, CARE_OF, NULL);
}

/* covers: MIP-AUTH-003, MIP-AUTH-004, MIP-AUTH-005, MIP-AUTH-007, MIP-AUTH-009 */
static void
test_algorithms_and_binary_keys (void)
{
  static const guint8 octets[] = { 0, 255, 0, 10, 13, 0, 0, 0, 255, 255, 1, 2, 3, 4, 5, 0 };
  g_autoptr (RoamSecret) key = roam_secret_new (octets, sizeof octets);
  Mip4MnConfig config = node_default_config ();
  g_autoptr (Node) node = NULL;
  g_autoptr (GBytes) expected = NULL;
  Forgery forgery;

  config.mn_ha = (Mip4SecurityAssociation){ 0xc0a80001, MIP4_AUTH_HMAC_MD5, key };
  config.nat_traversal = FALSE;
  node = node_new (&config);
  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  forgery = forge_request (node_last_sent (node)->identification);
  forgery.md5 = TRUE;
  forgery.spi = 0xc0a80001;
  forgery.key = "00ff000a0d000000ffff010203040500";
  expected = forge (&forgery);
  g_assert_cmpuint (g_bytes_get_size (expected), ==, 24 + 22);
  g_assert_true (g_bytes_equal (expected, node_last_sent (node)->bytes));
}

/* covers: MIP-RTX-001, MIP-RTX-002, MIP-RTX-004, MIP-RTX-007, MIP-IDN-007, MIP-IDN-020 */
static void
test_detection_ladder (void)
{
  g_autoptr (Node) node = node_new (NULL);
  gint64 start = node->now.boot_us;

  node_register (node, WIFI, 9, MIP4_FORM_CO_LOCATED, CARE_OF);
  node_advance (node, 7 * SECOND - 1);
  g_assert_cmpuint (node_n_sent (node), ==, 3);
  g_assert_cmpint (node_sent (node, 1)->at_us, ==, start + 1 * SECOND);
  g_assert_cmpint (node_sent (node, 2)->at_us, ==, start + 3 * SECOND);
  g_assert_cmpuint (node->events->len, ==, 0);
  node_advance (node, 1);
  g_assert_cmpuint (node_expect (node, MIP4_MN_EXHAUSTED)->serial, ==, 9);
  for (guint i = 1; i < 3; i++)
    {
      /* A new Identification, one low half for all copies (D-02); new MHAE. */
      g_assert_cmpuint (node_sent (node, i)->identification, >, node_sent (node, i - 1)->identification);
      g_assert_cmphex ((guint32)node_sent (node, i)->identification, ==, (guint32)node_sent (node, 0)->identification);
      assert_made_as (node_sent (node, i), 0x22, 600, CARE_OF, "90 06 00 00 00 00 00 00");
    }
  node_advance (node, 1000 * SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, 3);
}

/* covers: MIP-RTX-003 */
static void
test_first_timeout_is_the_callers_and_at_least_a_second (void)
{
  static const struct
  {
    gint64 asked_us, got_us;
  } cases[] = { { 0, SECOND }, { SECOND / 2, SECOND }, { 1700000, 1700000 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Node) node = node_new (NULL);
      gint64 start = node->now.boot_us;
      const Mip4MnCommand command = {
        .type = MIP4_MN_REGISTER,
        .path = WIFI,
        .care_of_address = roam_addr_from_u32 (CARE_OF),
        .first_timeout_us = cases[i].asked_us,
        .copies = 2,
      };

      mip4_mn_input_command (node->mn, &node->now, &command);
      node_advance (node, 3 * SECOND);
      g_assert_cmpint (node_last_sent (node)->at_us, ==, start + cases[i].got_us);
    }
}

static gint64
longest_wait (guint16 lifetime_s, gint64 *ret_shortest_late)
{
  Mip4MnConfig config = node_default_config ();
  g_autoptr (Node) node = NULL;
  gint64 longest = 0;
  const Mip4MnCommand command = {
    .type = MIP4_MN_REGISTER,
    .path = WIFI,
    .care_of_address = roam_addr_from_u32 (CARE_OF),
    .first_timeout_us = SECOND,
    .copies = 40,
  };

  config.lifetime_s = lifetime_s;
  node = node_new (&config);
  mip4_mn_input_command (node->mn, &node->now, &command);
  node_advance (node, 3000 * SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, 40);
  *ret_shortest_late = G_MAXINT64;
  for (guint i = 1; i < 40; i++)
    {
      gint64 wait = node_sent (node, i)->at_us - node_sent (node, i - 1)->at_us;

      g_assert_cmpint (wait, >=, SECOND);
      longest = MAX (longest, wait);
      if (i >= 10)
        *ret_shortest_late = MIN (*ret_shortest_late, wait);
    }
  return longest;
}

/* covers: MIP-RTX-005, MIP-RTX-006 */
static void
test_waits_end_at_lifetime_or_64_seconds (void)
{
  gint64 shortest;

  g_assert_cmpint (longest_wait (16, &shortest), <=, 16 * SECOND);
  g_assert_cmpint (shortest, >=, 16 * SECOND * 9 / 10);
  g_assert_cmpint (longest_wait (1800, &shortest), <=, 64 * SECOND);
  /* Jitter of at most a tenth, and some. */
  g_assert_cmpint (shortest, >=, 64 * SECOND * 9 / 10);
  g_assert_cmpint (shortest, <, 64 * SECOND);
}

/* covers: MIP-RTX-002, MIP-MOV-002, MIP-MOV-015 */
static void
test_one_request_a_second_per_path_and_care_of_address (void)
{
  g_autoptr (Node) node = node_new (NULL);
  gint64 start = node->now.boot_us;

  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  node_advance (node, SECOND / 10);
  node_register (node, WIFI, 2, MIP4_FORM_CO_LOCATED, CARE_OF);
  g_assert_cmpuint (node_n_sent (node), ==, 1);
  /* The limit survives a link that goes and comes. */
  node_command (node, MIP4_MN_FORGET, WIFI);
  node_register (node, WIFI, 3, MIP4_FORM_CO_LOCATED, CARE_OF);
  g_assert_cmpuint (node_n_sent (node), ==, 1);
  node_advance (node, SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, 2);
  g_assert_cmpint (node_last_sent (node)->at_us, ==, start + SECOND);
  /* D-26: another address on the link, another path, the VPN: at once. */
  node_register (node, WIFI, 4, MIP4_FORM_CO_LOCATED, CARE_OF_2);
  node_register (node, CABLE, 5, MIP4_FORM_CO_LOCATED, CARE_OF);
  node_register (node, MIP4_PATH_VPN, 6, MIP4_FORM_CO_LOCATED, TIA);
  g_assert_cmpuint (node_n_sent (node), ==, 5);
}

static void
test_flapping_link_never_passes_one_a_second (void)
{
  g_autoptr (Node) node = node_new (NULL);

  for (guint i = 0; i < 100; i++)
    {
      node_register (node, WIFI, i, MIP4_FORM_CO_LOCATED, CARE_OF);
      node_advance (node, SECOND / 10);
    }
  g_assert_cmpuint (node_n_sent (node), <=, 11);
  for (guint i = 1; i < node_n_sent (node); i++)
    g_assert_cmpint (node_sent (node, i)->at_us - node_sent (node, i - 1)->at_us, >=, SECOND);
}

/* covers: MIP-IDN-001, MIP-IDN-004, MIP-IDN-005, MIP-IDN-006, MIP-IDN-008 */
static void
test_identification_grows_over_all_paths_and_is_the_time (void)
{
  g_autoptr (Node) node = node_new (NULL);
  g_autoptr (GHashTable) lows = g_hash_table_new (NULL, NULL);
  guint64 last = 0;

  for (guint i = 0; i < 20000; i++)
    {
      const Sent *sent;

      node_register (node, i % 4, i, MIP4_FORM_CO_LOCATED, CARE_OF + i % 4);
      sent = node_last_sent (node);
      g_assert_cmpuint (sent->identification, >, last);
      last = sent->identification;
      g_assert_cmpint (ABS ((gint64)(last - node->now.ntp)), <, (gint64)3 << 32);
      g_hash_table_add (lows, GUINT_TO_POINTER ((guint32)last));
      node_command (node, MIP4_MN_CANCEL, i % 4);
      node_advance (node, 251 * ROAM_USEC_PER_MSEC);
    }
  /* Fractions and random bits: hardly any low half comes twice. */
  g_assert_cmpuint (g_hash_table_size (lows), >, 19900);
}

/* covers: MIP-IDN-006, MIP-IDN-013 */
static void
test_wall_clock_steps (void)
{
  g_autoptr (Node) node = node_new (NULL);
  Forgery reply;
  guint64 before;

  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  before = node_last_sent (node)->identification;
  node_step_clock (node, -3600 * SECOND);
  node_advance (node, SECOND);
  g_assert_cmpuint (node_last_sent (node)->identification, >, before);
  reply = forge_reply (node_last_sent (node));
  node_receive_forged (node, &reply);
  node_expect (node, MIP4_MN_ACCEPTED);
  /* The home agent has agreed with our time: from now on a step of the wall clock, either way, changes nothing. */
  before = node_last_sent (node)->identification;
  node_step_clock (node, 86400 * SECOND);
  node_advance (node, 10 * SECOND);
  node_register (node, WIFI, 2, MIP4_FORM_CO_LOCATED, CARE_OF);
  g_assert_cmpuint (node_last_sent (node)->identification >> 32, <=, (before >> 32) + 12);
  g_assert_cmpuint (node_last_sent (node)->identification, >, before);
}

/* covers: MIP-IDN-028 */
static void
test_ntp_era_change_of_2036 (void)
{
  g_autoptr (Node) node = node_new (NULL);

  node->step_us = (gint64)(G_GUINT64_CONSTANT (0xffffffff) - NTP_START) * SECOND - node->now.boot_us;
  node_advance (node, 0);
  g_assert_cmphex (node->now.ntp >> 32, ==, 0xffffffff);
  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  node_advance (node, 3 * SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, 3);
  for (guint i = 1; i < 3; i++)
    g_assert_cmpint ((gint64)(node_sent (node, i)->identification - node_sent (node, i - 1)->identification), >, 0);
  /* ... and numerically smaller. */
  g_assert_cmphex (node_last_sent (node)->identification >> 32, <, 16);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/mn-request/co-located", test_co_located);
  g_test_add_func ("/mip4/mn-request/nai-first", test_nai_comes_before_udp_request_and_mhae);
  g_test_add_func ("/mip4/mn-request/home", test_home);
  g_test_add_func ("/mip4/mn-request/deregister", test_deregister_one_care_of_address);
  g_test_add_func ("/mip4/mn-request/forced-udp", test_forced_udp_and_without_nat_traversal);
  g_test_add_func ("/mip4/mn-request/algorithms", test_algorithms_and_binary_keys);
  g_test_add_func ("/mip4/mn-request/detection-ladder", test_detection_ladder);
  g_test_add_func ("/mip4/mn-request/first-timeout", test_first_timeout_is_the_callers_and_at_least_a_second);
  g_test_add_func ("/mip4/mn-request/longest-wait", test_waits_end_at_lifetime_or_64_seconds);
  g_test_add_func ("/mip4/mn-request/rate-limit", test_one_request_a_second_per_path_and_care_of_address);
  g_test_add_func ("/mip4/mn-request/flapping-link", test_flapping_link_never_passes_one_a_second);
  g_test_add_func ("/mip4/mn-request/identification-grows", test_identification_grows_over_all_paths_and_is_the_time);
  g_test_add_func ("/mip4/mn-request/clock-steps", test_wall_clock_steps);
  g_test_add_func ("/mip4/mn-request/era-change", test_ntp_era_change_of_2036);
  return g_test_run ();
}
