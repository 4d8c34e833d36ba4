/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/plan.h"

#include <string.h>

static IkeChildSa *
make_child (guint32 id)
{
  IkeChildSa *child = g_new0 (IkeChildSa, 1);
  guint8 key[20] = { 1 };

  child->references = 1;
  child->id = id;
  child->spi_in = 0x1000 + id;
  child->spi_out = 0x2000 + id;
  child->algorithm = IKE_ESP_AES_GCM_16;
  child->encr_bits = 128;
  child->encr_in = roam_secret_new (key, sizeof key);
  child->encr_out = roam_secret_new (key, sizeof key);
  child->ifindex = 3;
  child->outer_local = (RoamEndpoint){ roam_addr_from_u32 (0xc6336432), 4500 };
  child->outer_remote = (RoamEndpoint){ roam_addr_from_u32 (0xcb007102), 4500 };
  child->udp_encap = TRUE;
  return child;
}

static void
free_child (IkeChildSa *child)
{
  roam_secret_unref (child->encr_in);
  roam_secret_unref (child->encr_out);
  g_free (child);
}

static void
add (TunnelPlan *plan, guint32 id, gboolean use)
{
  IkeChildSa *child = make_child (id);

  agent_plan_add_child (plan, child, use);
  free_child (child); /* the plan holds what it needs */
}

static void
test_first_child (void)
{
  g_auto (TunnelPlan) plan = { 0 }, before = { 0 };
  RoamAddr tia = roam_addr_from_u32 (0x0a080002);
  const TunnelSa *sa;

  agent_plan_init (&plan, 1300);
  tunnel_plan_init (&before);
  tunnel_plan_copy (&before, &plan);
  agent_plan_set_tia (&plan, &tia);
  g_assert_false (roam_addr_is_set (&plan.tia)); /* nothing encrypts yet */
  add (&plan, 1, TRUE);
  agent_plan_set_tia (&plan, &tia);
  g_assert_cmpuint (plan.out_sa, ==, 1);
  g_assert_cmpuint (plan.sas->len, ==, 1);
  g_assert_cmpint (plan.esp_ifindex, ==, 3);
  g_assert_cmpuint (plan.esp_local.port, ==, 4500);
  g_assert_true (plan.udp_encap);
  g_assert_true (roam_addr_equal (&plan.tia, &tia));
  g_assert_cmpuint (plan.mtu, ==, 1300);
  sa = plan.sas->pdata[0];
  g_assert_cmpuint (sa->spi_out, ==, 0x2001);
  g_assert_cmpuint (roam_secret_length (sa->encr_out), ==, 20);
  g_assert_null (sa->integ_in);
  g_assert_cmpuint (tunnel_plan_diff (&before, &plan), !=, 0);
}

static void
test_rekey (void)
{
  g_auto (TunnelPlan) plan = { 0 }, applied = { 0 };

  agent_plan_init (&plan, 0);
  tunnel_plan_init (&applied);
  add (&plan, 1, TRUE);
  tunnel_plan_copy (&applied, &plan);
  add (&plan, 2, FALSE);
  g_assert_cmpuint (plan.out_sa, ==, 1); /* decrypts, does not encrypt yet */
  g_assert_cmpuint (plan.sas->len, ==, 2);
  g_assert_cmpuint (tunnel_plan_diff (&applied, &plan) & TUNNEL_CHANGE_SAS, !=, 0);
  tunnel_plan_copy (&applied, &plan);
  agent_plan_use_child (&plan, 2);
  g_assert_cmpuint (plan.out_sa, ==, 2);
  agent_plan_use_child (&plan, 77);
  g_assert_cmpuint (plan.out_sa, ==, 2);
  agent_plan_remove_child (&plan, 1);
  g_assert_cmpuint (plan.out_sa, ==, 2);
  g_assert_cmpuint (plan.sas->len, ==, 1);
  g_assert_cmpuint (applied.sas->len, ==, 2); /* the applied plan is no alias */
  g_assert_cmpuint (tunnel_plan_diff (&applied, &plan) & TUNNEL_CHANGE_SAS, !=, 0);
}

static void
test_last_child_gone (void)
{
  g_auto (TunnelPlan) plan = { 0 };
  RoamAddr tia = roam_addr_from_u32 (0x0a080002);

  agent_plan_init (&plan, 0);
  add (&plan, 1, TRUE);
  agent_plan_set_tia (&plan, &tia);
  agent_plan_remove_child (&plan, 9);
  g_assert_cmpuint (plan.out_sa, ==, 1);
  agent_plan_remove_child (&plan, 1);
  g_assert_cmpuint (plan.out_sa, ==, 0);
  g_assert_null (plan.sas);
  g_assert_false (roam_addr_is_set (&plan.tia));
}

static void
test_rekeyed_child_does_not_move_back (void)
{
  g_auto (TunnelPlan) plan = { 0 };
  RoamEndpoint local = { roam_addr_from_u32 (0xc6120232), 4500 }, remote = { roam_addr_from_u32 (0xcb007102), 4500 };

  agent_plan_init (&plan, 0);
  add (&plan, 1, TRUE);
  agent_plan_move_children (&plan, 8, &local, &remote, TRUE);
  g_assert_cmpint (plan.esp_ifindex, ==, 8);
  add (&plan, 2, TRUE); /* made with the addresses of before */
  g_assert_cmpint (plan.esp_ifindex, ==, 8);
  g_assert_true (roam_endpoint_equal (&plan.esp_local, &local));
}

static void
test_links (void)
{
  g_auto (TunnelPlan) plan = { 0 };
  int links[20] = { 2, 5 };

  agent_plan_init (&plan, 0);
  g_assert_true (agent_plan_set_links (&plan, links, 2));
  g_assert_false (agent_plan_set_links (&plan, links, 2));
  g_assert_true (agent_plan_set_links (&plan, links, 1));
  g_assert_true (agent_plan_set_links (&plan, links, 20));
  g_assert_cmpuint (plan.n_links, ==, TUNNEL_MAX_LINKS);
}

static void
test_wish_and_gate (void)
{
  g_auto (TunnelPlan) plan = { 0 };
  CoordinatorPlan wish = { .mode = TUNNEL_MODE_C, .ifindex = 4, .ifname = "eth0", .n_dns = 1 };
  TunnelGateState gate, other;

  wish.mip_local = roam_addr_from_u32 (0x0a020032);
  wish.dns[0] = roam_addr_from_u32 (0x0a010001);
  agent_plan_init (&plan, 0);
  add (&plan, 1, TRUE);
  agent_plan_set_wish (&plan, &wish);
  g_assert_cmpuint (plan.out_sa, ==, 1); /* the VPN stays */
  g_assert_cmpuint (plan.n_dns, ==, 1);
  agent_plan_get_gate (&plan, wish.ifname, &gate);
  g_assert_true (agent_plan_gate_is_open (&gate));
  g_assert_cmpstr (gate.ifname, ==, "eth0");
  g_assert_true (roam_addr_equal (&gate.care_of_address, &wish.mip_local));
  /* covers: R5266-TRF-007 */
  wish.mode = TUNNEL_MODE_MC;
  agent_plan_set_wish (&plan, &wish);
  agent_plan_get_gate (&plan, wish.ifname, &other);
  g_assert_false (agent_plan_gate_is_open (&other));
  g_assert_cmpstr (other.ifname, ==, "");
  g_assert_false (roam_addr_is_set (&other.care_of_address));
  g_assert_false (agent_plan_gate_equal (&gate, &other));
  g_assert_true (agent_plan_gate_equal (&gate, &gate));
}

static void
test_blocking_modes (void)
{
  g_assert_true (agent_plan_mode_blocks (TUNNEL_MODE_BLOCKED));
  g_assert_true (agent_plan_mode_blocks (TUNNEL_MODE_HOLD));
  g_assert_false (agent_plan_mode_blocks (TUNNEL_MODE_HOME));
  g_assert_false (agent_plan_mode_blocks (TUNNEL_MODE_C));
  g_assert_false (agent_plan_mode_blocks (TUNNEL_MODE_MC));
}

/* covers: MIP-NAT-017, MIP-REV-016 */
static void
test_mobile_ip_fields (void)
{
  g_auto (TunnelPlan) plan = { 0 }, before = { 0 };
  CoordinatorPlan wish = {
    .mode = TUNNEL_MODE_C,
    .ifindex = 3,
    .mip_local = roam_addr_from_u32 (0x0a020032),
    .home_agent = roam_addr_from_u32 (0x0a010003),
    .mip_udp = TRUE,
    .keepalive_s = 30,
  };
  TunnelGateState gate, plain;

  agent_plan_init (&plan, 0);
  tunnel_plan_init (&before);
  agent_plan_set_wish (&plan, &wish);
  g_assert_true (plan.mip_udp);
  g_assert_cmpuint (plan.mip_udp_port, ==, 434);
  g_assert_cmpuint (plan.keepalive_s, ==, 30);
  g_assert_true (roam_addr_equal (&plan.home_agent, &wish.home_agent));
  agent_plan_get_gate (&plan, "eth0", &gate);
  g_assert_true (gate.mip_udp);
  tunnel_plan_copy (&before, &plan);
  wish.mip_udp = FALSE;
  agent_plan_set_wish (&plan, &wish);
  agent_plan_get_gate (&plan, "eth0", &plain);
  g_assert_false (agent_plan_gate_equal (&gate, &plain));
  g_assert_cmpuint (plan.mip_udp_port, ==, 0);
  g_assert_cmpuint (tunnel_plan_diff (&before, &plan) & TUNNEL_CHANGE_MIP, !=, 0);
}

static void
test_mode_f (void)
{
  g_auto (TunnelPlan) plan = { 0 };
  CoordinatorPlan wish = {
    .mode = TUNNEL_MODE_F,
    .ifindex = 3,
    .agent = { .address = roam_addr_from_u32 (0x0a020009), .link_layer = { 2, 0, 0, 0, 0, 9 } },
    .encapsulating = TRUE,
  };
  TunnelGateState gate, other;

  agent_plan_init (&plan, 0);
  agent_plan_set_wish (&plan, &wish);
  g_assert_true (roam_addr_equal (&plan.agent, &wish.agent.address));
  g_assert_cmpmem (plan.agent_link_layer, 6, wish.agent.link_layer, 6);
  g_assert_true (plan.encapsulating);
  agent_plan_get_gate (&plan, "eth0", &gate);
  g_assert_true (agent_plan_gate_is_open (&gate));
  g_assert_cmpstr (gate.ifname, ==, "eth0");
  g_assert_cmpmem (gate.agent_link_layer, 6, wish.agent.link_layer, 6);
  other = gate;
  other.agent_link_layer[5] ^= 1;
  g_assert_false (agent_plan_gate_equal (&gate, &other));
  /* Registered through the agent with the own address: the agent is none of the data plane's affair. */
  wish.mode = TUNNEL_MODE_C;
  agent_plan_set_wish (&plan, &wish);
  g_assert_false (roam_addr_is_set (&plan.agent));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/agent-plan/first-child", test_first_child);
  g_test_add_func ("/agent-plan/rekey", test_rekey);
  g_test_add_func ("/agent-plan/last-child-gone", test_last_child_gone);
  g_test_add_func ("/agent-plan/rekey-after-move", test_rekeyed_child_does_not_move_back);
  g_test_add_func ("/agent-plan/links", test_links);
  g_test_add_func ("/agent-plan/wish-and-gate", test_wish_and_gate);
  g_test_add_func ("/agent-plan/blocking", test_blocking_modes);
  g_test_add_func ("/plan/mobile-ip-fields", test_mobile_ip_fields);
  g_test_add_func ("/plan/mode-f", test_mode_f);
  return g_test_run ();
}
