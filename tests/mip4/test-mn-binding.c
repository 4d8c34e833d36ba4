/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

/* Lifetime of the binding: renewal, expiry, replacement, deregistration. */

static void
accept (Node *node, guint16 lifetime)
{
  Forgery reply = forge_reply (node_last_sent (node));

  reply.lifetime = lifetime;
  node_receive_forged (node, &reply);
  node_expect (node, MIP4_MN_ACCEPTED);
}

static Node *
bound_for (guint16 asked, guint16 granted)
{
  Mip4MnConfig config = node_default_config ();
  Node *node;

  config.lifetime_s = asked;
  node = node_new (&config);
  node_register (node, WIFI, 5, MIP4_FORM_CO_LOCATED, CARE_OF);
  accept (node, granted);
  return node;
}

/* covers: MIP-LIF-001, MIP-LIF-003, MIP-LIF-004 */
static void
test_renewal_and_expiry (void)
{
  static const struct
  {
    guint16 asked, granted;
    gint64 renewal_s, expiry_s;
  } cases[] = {
    { 600, 600, 450, 600 }, { 1800, 300, 225, 300 }, { 300, 1800, 225, 300 }, { 60, 60, 45, 60 }, { 36, 36, 26, 36 },
    { 600, 20, 10, 20 },    { 600, 16, 6, 16 },      { 600, 10, 5, 10 },      { 600, 2, 1, 2 },   { 65535, 40, 30, 40 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Node) node = bound_for (cases[i].asked, cases[i].granted);
      gint64 start = node->now.boot_us;

      g_assert_cmpuint (node_expect (node, MIP4_MN_ACCEPTED)->lifetime_s, ==, cases[i].expiry_s);
      node_run_until (node, start + cases[i].renewal_s * SECOND - 1);
      node_expect (node, MIP4_MN_ACCEPTED);
      node_advance (node, 1);
      g_assert_cmpuint (node_expect (node, MIP4_MN_RENEWAL_DUE)->serial, ==, 5);
      node_run_until (node, start + cases[i].expiry_s * SECOND - 1);
      node_expect (node, MIP4_MN_RENEWAL_DUE);
      node_advance (node, 1);
      g_assert_cmpuint (node_expect (node, MIP4_MN_EXPIRED)->path, ==, WIFI);
      node_advance (node, 10000 * SECOND);
      g_assert_cmpuint (node->events->len, ==, 3);
    }
}

/* covers: MIP-LIF-002 */
static void
test_lifetime_runs_from_the_request (void)
{
  g_autoptr (Node) node = node_new (NULL);
  gint64 start = node->now.boot_us;

  node_register (node, WIFI, 5, MIP4_FORM_CO_LOCATED, CARE_OF);
  node_advance (node, 5 * SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, 3);
  {
    /* The answer to the first copy, five seconds late. */
    Forgery reply = forge_reply (node_sent (node, 0));

    reply.lifetime = 100;
    node_receive_forged (node, &reply);
  }
  node_run_until (node, start + 100 * SECOND - 1);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_EXPIRED), ==, 0);
  node_advance (node, 1);
  node_expect (node, MIP4_MN_EXPIRED);
}

static void
test_infinite_lifetime_has_no_deadline (void)
{
  g_autoptr (Node) node = bound_for (65535, 65535);

  g_assert_cmpuint (node_expect (node, MIP4_MN_ACCEPTED)->lifetime_s, ==, 65535);
  g_assert_cmpint (mip4_mn_next_deadline (node->mn), ==, ROAM_NEVER);
}

/* covers: MIP-LIF-006 */
static void
test_failed_renewal_keeps_the_binding_to_its_end (void)
{
  g_autoptr (Node) node = bound_for (600, 600);
  gint64 start = node->now.boot_us;
  Forgery denial;

  node_advance (node, 450 * SECOND);
  node_register (node, WIFI, 6, MIP4_FORM_CO_LOCATED, CARE_OF);
  denial = forge_reply (node_last_sent (node));
  denial.code = 130;
  node_receive_forged (node, &denial);
  node_advance (node, 10 * SECOND);
  node_register (node, WIFI, 7, MIP4_FORM_CO_LOCATED, CARE_OF);
  node_run_until (node, start + 600 * SECOND - 1);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_EXHAUSTED), ==, 1);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_EXPIRED), ==, 0);
  node_advance (node, 1);
  g_assert_cmpuint (node_expect (node, MIP4_MN_EXPIRED)->serial, ==, 5);
}

static void
test_renewal_restarts_the_lifetime (void)
{
  g_autoptr (Node) node = bound_for (600, 600);
  gint64 renewed;

  node_advance (node, 450 * SECOND);
  node_register (node, WIFI, 6, MIP4_FORM_CO_LOCATED, CARE_OF);
  renewed = node->now.boot_us;
  accept (node, 600);
  node_run_until (node, renewed + 600 * SECOND - 1);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_EXPIRED), ==, 0);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_RENEWAL_DUE), ==, 2);
}

/* The home agent holds one binding: a newer one on another path ends the clock of the old one. */
static void
test_newer_binding_replaces_that_of_another_path (void)
{
  g_autoptr (Node) node = bound_for (600, 600);
  gint64 start = node->now.boot_us;

  node_advance (node, 100 * SECOND);
  node_register (node, MIP4_PATH_VPN, 6, MIP4_FORM_CO_LOCATED, TIA);
  accept (node, 600);
  node_run_until (node, start + 650 * SECOND);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_EXPIRED), ==, 0);
  node_run_until (node, start + 700 * SECOND);
  g_assert_cmpuint (node_expect (node, MIP4_MN_EXPIRED)->path, ==, MIP4_PATH_VPN);
}

static void
test_overtaken_reply_does_not_bring_the_old_binding_back (void)
{
  g_autoptr (Node) node = node_new (NULL);
  gint64 start = node->now.boot_us;
  Forgery old_reply;
  g_autoptr (GBytes) old_message = NULL;

  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  old_reply = forge_reply (node_last_sent (node));
  old_message = forge (&old_reply);
  node_advance (node, SECOND / 2);
  node_register (node, MIP4_PATH_VPN, 2, MIP4_FORM_CO_LOCATED, TIA);
  accept (node, 600);
  node_receive_at (node, old_message, WIFI, HOME_AGENT, MIP4_PORT, CARE_OF);
  /* Reported, and its Identification tells the order. */
  g_assert_cmpuint (node_expect (node, MIP4_MN_ACCEPTED)->identification, <, node_last_sent (node)->identification);
  node_run_until (node, start + 600 * SECOND);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_EXPIRED), ==, 0);
  node_advance (node, SECOND);
  g_assert_cmpuint (node_expect (node, MIP4_MN_EXPIRED)->path, ==, MIP4_PATH_VPN);
}

/* covers: MIP-RPL-016 */
static void
test_deregistrations_end_the_binding (void)
{
  g_autoptr (Node) node = bound_for (600, 600);

  /* Of another care-of address: ours stays. */
  node_advance (node, 2 * SECOND);
  node_register (node, CABLE, 6, MIP4_FORM_DEREGISTER, CARE_OF_2);
  accept (node, 0);
  g_assert_cmpuint (node_expect (node, MIP4_MN_ACCEPTED)->lifetime_s, ==, 0);
  g_assert_cmpint (mip4_mn_next_deadline (node->mn), !=, ROAM_NEVER);
  node_register (node, WIFI, 7, MIP4_FORM_DEREGISTER, CARE_OF);
  accept (node, 0);
  g_assert_cmpint (mip4_mn_next_deadline (node->mn), ==, ROAM_NEVER);

  node_advance (node, 2 * SECOND);
  node_register (node, WIFI, 8, MIP4_FORM_CO_LOCATED, CARE_OF);
  accept (node, 600);
  node_register (node, CABLE, 9, MIP4_FORM_HOME, HOME_ADDRESS);
  accept (node, 0);
  g_assert_cmpint (mip4_mn_next_deadline (node->mn), ==, ROAM_NEVER);
}

static void
test_forgotten_path_has_no_deadline (void)
{
  g_autoptr (Node) node = bound_for (600, 600);

  node_command (node, MIP4_MN_CANCEL, WIFI);
  g_assert_cmpint (mip4_mn_next_deadline (node->mn), !=, ROAM_NEVER);
  node_command (node, MIP4_MN_FORGET, CABLE);
  g_assert_cmpint (mip4_mn_next_deadline (node->mn), !=, ROAM_NEVER);
  node_command (node, MIP4_MN_FORGET, WIFI);
  g_assert_cmpint (mip4_mn_next_deadline (node->mn), ==, ROAM_NEVER);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/mn-binding/renewal-and-expiry", test_renewal_and_expiry);
  g_test_add_func ("/mip4/mn-binding/from-the-request", test_lifetime_runs_from_the_request);
  g_test_add_func ("/mip4/mn-binding/infinite", test_infinite_lifetime_has_no_deadline);
  g_test_add_func ("/mip4/mn-binding/failed-renewal", test_failed_renewal_keeps_the_binding_to_its_end);
  g_test_add_func ("/mip4/mn-binding/renewal", test_renewal_restarts_the_lifetime);
  g_test_add_func ("/mip4/mn-binding/other-path", test_newer_binding_replaces_that_of_another_path);
  g_test_add_func ("/mip4/mn-binding/overtaken", test_overtaken_reply_does_not_bring_the_old_binding_back);
  g_test_add_func ("/mip4/mn-binding/deregistration", test_deregistrations_end_the_binding);
  g_test_add_func ("/mip4/mn-binding/forget", test_forgotten_path_has_no_deadline);
  return g_test_run ();
}
