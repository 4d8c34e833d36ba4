/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-fixture.h"

/* UDP tunnels at the home agent (RFC 3519 4.6). */

#define UDP_REQUEST "90 06 00 00 00 00 00 00"
#define UDP_FORCED "90 06 00 00 80 00 00 00"

/* covers: MIP-HA-025, MIP-HA-026, MIP-HA-027, MIP-HA-029, MIP-HA-030, MIP-HA-034, MIP-TNC-007 */
static void
test_udp_tunnel_decisions (void)
{
  static const struct
  {
    const char *before, *after;
    guint8 flags;
    gboolean nat, allow_nat, allow_forced;
    guint8 code;
    gint udp_code; /* -1: no extension 44 */
  } cases[] = {
    { UDP_REQUEST, NULL, 0x22, TRUE, TRUE, TRUE, 1, 0 },
    { UDP_REQUEST, NULL, 0x22, TRUE, FALSE, TRUE, 129, -1 },
    { UDP_REQUEST, NULL, 0x22, FALSE, TRUE, TRUE, 1, 64 },
    { UDP_FORCED, NULL, 0x22, FALSE, TRUE, TRUE, 1, 0 },
    { UDP_FORCED, NULL, 0x22, FALSE, TRUE, FALSE, 129, -1 },
    { UDP_FORCED, NULL, 0x22, TRUE, TRUE, FALSE, 1, 0 },
    { NULL, NULL, 0x22, TRUE, TRUE, TRUE, 1, -1 },
    { UDP_REQUEST, NULL, 0x02, FALSE, TRUE, TRUE, 134, -1 },
    { NULL, UDP_REQUEST, 0x22, FALSE, TRUE, TRUE, 134, -1 },
    { NULL, UDP_REQUEST, 0x02, FALSE, TRUE, TRUE, 1, -1 },
    { "90 06 00 00 00 00 00 01", NULL, 0x22, FALSE, TRUE, TRUE, 134, -1 },
    { "90 06 00 00 00 2f 00 00", NULL, 0x22, TRUE, TRUE, TRUE, 142, -1 },
    { "90 06 00 00 00 04 00 00", NULL, 0x22, TRUE, TRUE, TRUE, 1, 0 },
    { "90 06 00 00 40 00 00 00", NULL, 0x22, TRUE, TRUE, TRUE, 129, -1 },
    { "90 06 01 00 00 00 00 00", NULL, 0x22, TRUE, TRUE, TRUE, 1, -1 } /* unknown Sub-Type: not understood */,
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Mip4HaConfig config = agent_default_config ();
      g_autoptr (Agent) agent = NULL;
      Forgery request;
      Mip4Message reply;

      config.nat_traversal = cases[i].allow_nat;
      config.forced_udp = cases[i].allow_forced;
      config.max_udp_lifetime_s = 60;
      agent = agent_new (&config);
      request = agent_request (agent);
      request.code = cases[i].flags;
      request.before = cases[i].before;
      request.after = cases[i].after;
      g_test_message ("case %u", i);
      agent_input_from (agent, &request, cases[i].nat ? CARE_OF_2 : CARE_OF, 45001, HOME_AGENT);
      reply = agent_reply (agent);
      g_assert_cmpuint (reply.code, ==, cases[i].code);
      g_assert_cmpint (reply.covered.udp_reply.present, ==, cases[i].udp_code >= 0);
      if (cases[i].udp_code >= 0)
        g_assert_cmpuint (reply.covered.udp_reply.code, ==, cases[i].udp_code);
      if (cases[i].udp_code == 0)
        {
          const Mip4HaBinding *binding = &agent_find (agent, MIP4_HA_ACTION_BINDING_ADD)->binding.binding;

          g_assert_cmpuint (reply.covered.udp_reply.keepalive_s, ==, 110);
          g_assert_cmpint (reply.covered.udp_reply.forced, ==, !cases[i].nat);
          g_assert_cmpuint (reply.lifetime, ==, 60);
          g_assert_true (binding->udp_tunnel);
          g_assert_cmpuint (roam_addr_to_u32 (&binding->peer.addr), ==, cases[i].nat ? CARE_OF_2 : CARE_OF);
          g_assert_cmpuint (binding->peer.port, ==, 45001);
          g_assert_cmpuint (roam_addr_to_u32 (&binding->care_of_address), ==, CARE_OF);
        }
    }
}

static void
test_duplicate_with_udp_tunnel_tells_the_same (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  Forgery request = agent_request (agent);

  request.before = UDP_REQUEST;
  agent_input_from (agent, &request, CARE_OF_2, 45001, HOME_AGENT);
  agent_input_from (agent, &request, CARE_OF_2, 45001, HOME_AGENT);
  g_assert_true (agent_reply (agent).covered.udp_reply.present);
  g_assert_cmpuint (agent_reply (agent).covered.udp_reply.code, ==, 0);
  g_assert_cmpuint (agent_reply (agent).covered.udp_reply.keepalive_s, ==, 110);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/ha-udp/decisions", test_udp_tunnel_decisions);
  g_test_add_func ("/mip4/ha-udp/duplicate", test_duplicate_with_udp_tunnel_tells_the_same);
  return g_test_run ();
}
