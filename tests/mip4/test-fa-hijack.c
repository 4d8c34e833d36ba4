/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fa-fixture.h"

/*
 * A station on the visited link that wants the packets of another one, alone or with a home agent of its own. The
 * registrations here have no Foreign-Home authentication: it is the foreign agent that must keep them apart.
 */

#define THIEF_MAC (MN_MAC + 1)
#define THIEF_HOME_AGENT (HOME_AGENT + 1)
#define NEIGHBOUR (FA_ADDRESS + 7) /* of the visited network */

static void
input_from_thief (Fa *fa, const Forgery *request)
{
  const Mip4FaHeader header = fa_header (THIEF_MAC);

  fa_input_header (fa, &header, forge (request));
}

static void
answer_as_thief (Fa *fa, const Forgery *reply)
{
  const Mip4FaHeader header = { .source = { roam_addr_from_u32 (THIEF_HOME_AGENT), MIP4_PORT },
                                .destination = roam_addr_from_u32 (FA_CARE_OF) };

  fa_input_header (fa, &header, forge (reply));
}

/* The only visitor is still the one that fa_register() made. */
static void
expect_unharmed (const Fa *fa)
{
  g_autoptr (GArray) visitors = mip4_fa_dup_visitors (fa->fa);
  const Mip4FaVisitor *visitor = &g_array_index (visitors, Mip4FaVisitor, 0);

  g_assert_cmpuint (visitors->len, ==, 1);
  g_assert_cmpmem (visitor->link_layer, 6, fa_header (MN_MAC).link_layer, 6);
  g_assert_cmpuint (roam_addr_to_u32 (&visitor->home_agent), ==, HOME_AGENT);
}

/* The octets of a registration, sent again by another station: the home agent would answer the duplicate. */
static void
test_replayed_request (void)
{
  g_autoptr (Fa) fa = fa_new (NULL);
  const Forgery request = fa_request (fa);

  fa_register (fa, &request);
  input_from_thief (fa, &request);
  fa_expect_denied (fa, 65);
  g_assert_cmpuint (mip4_fa_n_pending (fa->fa), ==, 0);
  expect_unharmed (fa);
  /* Its own station may send it again, and the node may change its station with a request of its own. */
  fa_input (fa, forge (&request));
  fa_relayed (fa);
}

/* The same before the answer is there: neither in the place of the first nor beside it. */
static void
test_replayed_while_pending (void)
{
  g_autoptr (Fa) fa = fa_new (NULL);
  const Forgery request = fa_request (fa), reply = fa_reply (&request);
  Forgery like_it = request;

  fa_input (fa, forge (&request));
  input_from_thief (fa, &request);
  fa_expect_denied (fa, 65);
  /* With another Identification it is the thief's own attempt, which takes nothing away. */
  like_it.identification++;
  fa_advance (fa, SECOND);
  input_from_thief (fa, &like_it);
  fa_relayed (fa);
  g_assert_cmpuint (mip4_fa_n_pending (fa->fa), ==, 2);
  fa_input_reply (fa, forge (&reply));
  g_assert_cmpuint (fa_to_node (fa).code, ==, 0);
  expect_unharmed (fa);
}

/* A request for an address that is still to be given is known by its NAI. */
static void
test_replayed_without_home_address (void)
{
  g_autoptr (Fa) fa = fa_new (NULL);
  Forgery request = fa_request (fa);

  request.home = 0;
  request.before = "83 05 616c696365";
  fa_input (fa, forge (&request));
  fa_relayed (fa);
  input_from_thief (fa, &request);
  fa_expect_denied (fa, 65);
  /* Another node may by chance have chosen the same one. */
  request.before = "83 03 626f62";
  fa_advance (fa, SECOND);
  input_from_thief (fa, &request);
  fa_relayed (fa);
}

/* A home agent of the thief's accepts what it has no say in: a registration, or its end. */
static void
test_other_home_agent (void)
{
  static const guint16 lifetimes[] = { 120, 0 };

  for (guint i = 0; i < G_N_ELEMENTS (lifetimes); i++)
    {
      g_autoptr (Fa) fa = fa_new (NULL);
      Forgery request = fa_request (fa), reply;

      fa_register (fa, &request);
      request = fa_request (fa);
      request.agent = THIEF_HOME_AGENT;
      request.lifetime = lifetimes[i];
      input_from_thief (fa, &request);
      fa_relayed (fa);
      reply = fa_reply (&request);
      /* It may say that it is the right one. */
      reply.agent = i == 0 ? HOME_AGENT : THIEF_HOME_AGENT;
      answer_as_thief (fa, &reply);
      fa_expect_denied (fa, 65);
      expect_unharmed (fa);
    }
}

/* What a request may not name, an answer may not give: the address of a neighbour, or of nobody. */
static void
test_assigned_address (void)
{
  static const guint32 homes[] = { NEIGHBOUR, FA_OTHER, 0x7f000001, 0xe0000001, 0xffffffff, 0 };

  for (guint i = 0; i < G_N_ELEMENTS (homes); i++)
    {
      g_autoptr (Fa) fa = fa_new (NULL);
      Forgery request = fa_request (fa), reply;

      request.home = 0;
      request.before = "83 05 616c696365";
      request.agent = THIEF_HOME_AGENT;
      input_from_thief (fa, &request);
      fa_relayed (fa);
      reply = fa_reply (&request);
      reply.home = homes[i];
      reply.before = request.before;
      reply.agent = THIEF_HOME_AGENT;
      answer_as_thief (fa, &reply);
      fa_expect_silence (fa);
      g_assert_cmpuint (fa_counter (fa, "discarded-home-address"), ==, 1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fa/hijack/replayed-request", test_replayed_request);
  g_test_add_func ("/fa/hijack/replayed-while-pending", test_replayed_while_pending);
  g_test_add_func ("/fa/hijack/replayed-without-home-address", test_replayed_without_home_address);
  g_test_add_func ("/fa/hijack/other-home-agent", test_other_home_agent);
  g_test_add_func ("/fa/hijack/assigned-address", test_assigned_address);
  return g_test_run ();
}
