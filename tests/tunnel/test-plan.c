/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-esp-private.h"
#include "tunnel/tunnel-plan-private.h"
#include "tunnel/tunnel.h"

#include <string.h>

static RoamSecret *
make_secret (guint8 fill)
{
  guint8 octets[36];

  memset (octets, fill, sizeof octets);
  return roam_secret_new (octets, sizeof octets);
}

static TunnelSa *
make_sa (guint32 id, guint8 fill)
{
  TunnelSa *sa = g_new0 (TunnelSa, 1);

  sa->references = 1;
  sa->id = id;
  sa->spi_in = 0x1000 + id;
  sa->spi_out = 0x2000 + id;
  sa->algorithm = TUNNEL_ESP_AES_GCM_16;
  sa->encr_bits = 256;
  sa->encr_in = make_secret (fill);
  sa->encr_out = make_secret ((guint8)(fill + 1));
  return sa;
}

static void
fill_plan (TunnelPlan *plan)
{
  tunnel_plan_init (plan);
  plan->mode = TUNNEL_MODE_MC;
  plan->mip_local = plan->tia = roam_addr_from_u32 (0x0a080001);
  plan->ifindex = plan->esp_ifindex = 3;
  plan->next_hop = roam_addr_from_u32 (0x0a010001);
  plan->esp_local = (RoamEndpoint){ roam_addr_from_u32 (0xc6336432), 4500 };
  plan->esp_remote = (RoamEndpoint){ roam_addr_from_u32 (0xcb007102), 4500 };
  plan->udp_encap = TRUE;
  plan->out_sa = 1;
  plan->sas = g_ptr_array_new_with_free_func ((GDestroyNotify)tunnel_sa_unref);
  g_ptr_array_add (plan->sas, make_sa (1, 0x10));
  plan->links[plan->n_links++] = 3;
  plan->dns[plan->n_dns++] = roam_addr_from_u32 (0x0a040035);
}

static void
test_copy_is_the_same (void)
{
  g_auto (TunnelPlan) plan = { 0 }, copy = { 0 }, blank = { 0 };

  fill_plan (&plan);
  tunnel_plan_init (&copy);
  tunnel_plan_init (&blank);
  g_assert_cmpint (tunnel_plan_diff (&plan, &plan), ==, 0);
  tunnel_plan_copy (&copy, &plan);
  g_assert_cmpint (tunnel_plan_diff (&plan, &copy), ==, 0);
  g_assert_true (copy.sas != plan.sas);
  g_assert_true (g_ptr_array_index (copy.sas, 0) == g_ptr_array_index (plan.sas, 0));
  /* The array of the copy is its own. */
  g_ptr_array_add (plan.sas, make_sa (2, 0x20));
  g_assert_cmpint (tunnel_plan_diff (&copy, &plan), ==, TUNNEL_CHANGE_SAS);
  tunnel_plan_copy (&copy, &copy);
  g_assert_cmpuint (copy.sas->len, ==, 1);
  tunnel_plan_copy (&copy, &blank);
  g_assert_null (copy.sas);
  g_assert_cmpint (tunnel_plan_diff (&copy, &blank), ==, 0);
}

typedef void (*Edit) (TunnelPlan *plan);

static void
edit_mode (TunnelPlan *plan)
{
  plan->mode = TUNNEL_MODE_HOLD;
}

static void
edit_mip_local (TunnelPlan *plan)
{
  plan->mip_local = roam_addr_from_u32 (1);
}

static void
edit_ifindex (TunnelPlan *plan)
{
  plan->ifindex++;
}

static void
edit_next_hop (TunnelPlan *plan)
{
  plan->next_hop = ROAM_ADDR_NONE;
}

static void
edit_home_agent (TunnelPlan *plan)
{
  plan->home_agent = roam_addr_from_u32 (0x0a010003);
}

static void
edit_mip_udp (TunnelPlan *plan)
{
  plan->mip_udp = TRUE;
}

static void
edit_unused_port (TunnelPlan *plan)
{
  plan->mip_udp_port++;
  plan->keepalive_s++;
}

static void
edit_agent (TunnelPlan *plan)
{
  plan->agent = roam_addr_from_u32 (5);
}

static void
edit_agent_link_layer (TunnelPlan *plan)
{
  plan->agent_link_layer[5]++;
}

static void
edit_encapsulating (TunnelPlan *plan)
{
  plan->encapsulating = TRUE;
}

static void
edit_broadcasts (TunnelPlan *plan)
{
  plan->broadcasts = TRUE;
}

static void
edit_esp_ifindex (TunnelPlan *plan)
{
  plan->esp_ifindex++;
}

static void
edit_esp_local (TunnelPlan *plan)
{
  plan->esp_local.addr = roam_addr_from_u32 (2);
}

static void
edit_esp_remote_port (TunnelPlan *plan)
{
  plan->esp_remote.port++;
}

static void
edit_encap (TunnelPlan *plan)
{
  plan->udp_encap = FALSE;
}

static void
edit_out_sa (TunnelPlan *plan)
{
  plan->out_sa = 0;
}

static void
edit_tia (TunnelPlan *plan)
{
  plan->tia = roam_addr_from_u32 (3);
}

static void
edit_sa_added (TunnelPlan *plan)
{
  g_ptr_array_add (plan->sas, make_sa (2, 0x20));
}

/* A new session numbers its Child SAs from the start again. */
static void
edit_sa_same_id_other_key (TunnelPlan *plan)
{
  g_ptr_array_remove_index (plan->sas, 0);
  g_ptr_array_add (plan->sas, make_sa (1, 0x30));
}

static void
edit_sa_none (TunnelPlan *plan)
{
  g_clear_pointer (&plan->sas, g_ptr_array_unref);
}

static void
edit_links (TunnelPlan *plan)
{
  plan->links[0] = 9;
}

static void
edit_links_count (TunnelPlan *plan)
{
  plan->links[plan->n_links++] = 9;
}

static void
edit_dns (TunnelPlan *plan)
{
  plan->dns[0] = roam_addr_from_u32 (4);
}

static void
edit_mtu (TunnelPlan *plan)
{
  plan->mtu = 1300;
}

static void
edit_encap_to_other_truth (TunnelPlan *plan)
{
  plan->udp_encap = 2;
}

static void
edit_sa_copied (TunnelPlan *plan)
{
  g_ptr_array_remove_index (plan->sas, 0);
  g_ptr_array_add (plan->sas, make_sa (1, 0x10));
}

/* Each field alone, both ways, is exactly its change. */
static void
test_diff_table (void)
{
  static const struct
  {
    Edit edit;
    TunnelChanges changes;
  } rows[] = {
    { edit_mode, TUNNEL_CHANGE_MODE },
    { edit_mip_local, TUNNEL_CHANGE_MIP },
    { edit_ifindex, TUNNEL_CHANGE_MIP },
    { edit_next_hop, TUNNEL_CHANGE_MIP },
    { edit_home_agent, TUNNEL_CHANGE_MIP },
    { edit_mip_udp, TUNNEL_CHANGE_MIP },
    { edit_unused_port, 0 },
    { edit_agent, TUNNEL_CHANGE_MIP },
    { edit_agent_link_layer, TUNNEL_CHANGE_MIP },
    { edit_encapsulating, TUNNEL_CHANGE_MIP },
    { edit_broadcasts, TUNNEL_CHANGE_MIP },
    { edit_esp_ifindex, TUNNEL_CHANGE_ESP },
    { edit_esp_local, TUNNEL_CHANGE_ESP },
    { edit_esp_remote_port, TUNNEL_CHANGE_ESP },
    { edit_encap, TUNNEL_CHANGE_ESP },
    { edit_out_sa, TUNNEL_CHANGE_ESP },
    { edit_tia, TUNNEL_CHANGE_ESP },
    { edit_sa_added, TUNNEL_CHANGE_SAS },
    { edit_sa_same_id_other_key, TUNNEL_CHANGE_SAS },
    { edit_sa_none, TUNNEL_CHANGE_SAS },
    { edit_links, TUNNEL_CHANGE_LINKS },
    { edit_links_count, TUNNEL_CHANGE_LINKS },
    { edit_dns, TUNNEL_CHANGE_DNS },
    { edit_mtu, TUNNEL_CHANGE_MTU },
    { edit_encap_to_other_truth, 0 },
    { edit_sa_copied, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (TunnelPlan) old_plan = { 0 }, new_plan = { 0 };

      g_test_message ("row %" G_GSIZE_FORMAT, i);
      fill_plan (&old_plan);
      fill_plan (&new_plan);
      rows[i].edit (&new_plan);
      g_assert_cmpint (tunnel_plan_diff (&old_plan, &new_plan), ==, rows[i].changes);
      g_assert_cmpint (tunnel_plan_diff (&new_plan, &old_plan), ==, rows[i].changes);
    }
}

/* Another port is another tunnel, once there is one in UDP. */
static void
test_diff_of_mip_udp (void)
{
  g_auto (TunnelPlan) old_plan = { 0 }, new_plan = { 0 };

  fill_plan (&old_plan);
  fill_plan (&new_plan);
  old_plan.mip_udp = new_plan.mip_udp = TRUE;
  g_assert_cmpint (tunnel_plan_diff (&old_plan, &new_plan), ==, 0);
  new_plan.mip_udp_port++;
  g_assert_cmpint (tunnel_plan_diff (&old_plan, &new_plan), ==, TUNNEL_CHANGE_MIP);
  new_plan.mip_udp_port--;
  new_plan.keepalive_at_once = TRUE;
  g_assert_cmpint (tunnel_plan_diff (&old_plan, &new_plan), ==, TUNNEL_CHANGE_MIP);
  new_plan.keepalive_at_once = FALSE;
  new_plan.keepalive_s++;
  g_assert_cmpint (tunnel_plan_diff (&old_plan, &new_plan), ==, TUNNEL_CHANGE_MIP);
}

static void
test_find_sa (void)
{
  g_auto (TunnelPlan) plan = { 0 };

  fill_plan (&plan);
  g_assert_true (tunnel_plan_find_sa (&plan, 1) == g_ptr_array_index (plan.sas, 0));
  g_assert_null (tunnel_plan_find_sa (&plan, 2));
  g_assert_null (tunnel_plan_find_sa (&plan, 0));
}

static void
test_mode_names (void)
{
  static const char *const names[] = { "blocked", "hold", "home", "c", "f", "mc" };

  for (guint mode = TUNNEL_MODE_BLOCKED; mode <= TUNNEL_MODE_MC; mode++)
    g_assert_cmpstr (tunnel_mode_to_string ((TunnelMode)mode), ==, names[mode]);
}

/* ------------------------------------------------------------------------- MTU ---- */

typedef struct
{
  TunnelMode mode;
  guint link_mtu;
  gboolean udp_encap;
  TunnelEspAlgorithm algorithm;
  guint integ_bits; /* 1: no SA known */
  guint mtu;
  enum
  {
    USUAL,
    MIP_UDP,
    ENCAPSULATING,
  } around;
} MtuRow;

/* covers: MIP-TUN-025, MIP-TUN-013, R5266-NAT-009, IKE-ESP-013, MIP-TUN-024, MIP-NAT-035 */
static void
test_mtu_table (void)
{
  static const MtuRow rows[] = {
    { TUNNEL_MODE_HOME, 1500, FALSE, TUNNEL_ESP_AES_GCM_16, 0, 1500 },
    { TUNNEL_MODE_BLOCKED, 1500, FALSE, TUNNEL_ESP_AES_GCM_16, 0, 1500 },
    { TUNNEL_MODE_HOLD, 1280, FALSE, TUNNEL_ESP_AES_GCM_16, 0, 1280 },
    { TUNNEL_MODE_C, 1500, FALSE, TUNNEL_ESP_AES_GCM_16, 0, 1480 },
    { TUNNEL_MODE_C, 9000, TRUE, TUNNEL_ESP_AES_GCM_16, 0, 8980 },
    { TUNNEL_MODE_MC, 1500, TRUE, TUNNEL_ESP_AES_GCM_16, 0, 1418 },
    { TUNNEL_MODE_MC, 1500, FALSE, TUNNEL_ESP_AES_GCM_16, 0, 1426 },
    { TUNNEL_MODE_MC, 1280, TRUE, TUNNEL_ESP_AES_GCM_16, 0, 1198 },
    { TUNNEL_MODE_MC, 1499, TRUE, TUNNEL_ESP_AES_GCM_16, 0, 1414 },
    { TUNNEL_MODE_MC, 1500, TRUE, TUNNEL_ESP_AES_CBC_HMAC_SHA2, 256, 1402 },
    { TUNNEL_MODE_MC, 1500, TRUE, TUNNEL_ESP_AES_CBC_HMAC_SHA2, 512, 1386 },
    { TUNNEL_MODE_MC, 1500, TRUE, TUNNEL_ESP_AES_GCM_16, 1, 1386 },
    { TUNNEL_MODE_MC, 600, TRUE, TUNNEL_ESP_AES_GCM_16, 0, 576 },
    { TUNNEL_MODE_MC, 68, TRUE, TUNNEL_ESP_AES_GCM_16, 0, 576 },
    { TUNNEL_MODE_C, 10, TRUE, TUNNEL_ESP_AES_GCM_16, 0, 576 },
    { TUNNEL_MODE_C, 0, TRUE, TUNNEL_ESP_AES_GCM_16, 0, 576 },
    { TUNNEL_MODE_C, 1500, FALSE, TUNNEL_ESP_AES_GCM_16, 0, 1468, MIP_UDP },
    { TUNNEL_MODE_C, 600, FALSE, TUNNEL_ESP_AES_GCM_16, 0, 576, MIP_UDP },
    { TUNNEL_MODE_MC, 1500, TRUE, TUNNEL_ESP_AES_GCM_16, 0, 1406, MIP_UDP },
    { TUNNEL_MODE_MC, 1500, FALSE, TUNNEL_ESP_AES_GCM_16, 0, 1414, MIP_UDP },
    { TUNNEL_MODE_HOME, 1500, FALSE, TUNNEL_ESP_AES_GCM_16, 0, 1500, MIP_UDP },
    { TUNNEL_MODE_F, 1500, FALSE, TUNNEL_ESP_AES_GCM_16, 0, 1500 },
    { TUNNEL_MODE_F, 1500, FALSE, TUNNEL_ESP_AES_GCM_16, 0, 1480, ENCAPSULATING },
    { TUNNEL_MODE_C, 1500, FALSE, TUNNEL_ESP_AES_GCM_16, 0, 1480, ENCAPSULATING },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (TunnelSa) sa = make_sa (1, 0x10);
      g_auto (TunnelPlan) plan = { 0 };

      g_test_message ("row %" G_GSIZE_FORMAT, i);
      sa->algorithm = rows[i].algorithm;
      sa->integ_bits = rows[i].integ_bits;
      plan.mode = rows[i].mode;
      plan.udp_encap = rows[i].udp_encap;
      plan.mip_udp = rows[i].around == MIP_UDP;
      plan.encapsulating = rows[i].around == ENCAPSULATING;
      plan.sas = g_ptr_array_new_with_free_func ((GDestroyNotify)tunnel_sa_unref);
      plan.out_sa = rows[i].integ_bits == 1 ? 0 : 1;
      g_ptr_array_add (plan.sas, g_steal_pointer (&sa));
      g_assert_cmpuint (tunnel_plan_get_mtu (&plan, rows[i].link_mtu), ==, rows[i].mtu);
    }
}

/* The number is right when the largest inner packet fits the link and one octet more would not. */
/* covers: IKE-ESP-013 */
static void
test_mtu_is_exact (void)
{
  g_autoptr (TunnelSa) sa = make_sa (1, 0x10);
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  g_autoptr (TunnelEspOut) out = tunnel_esp_out_new (sa, rng);

  g_assert_nonnull (out);
  for (guint link_mtu = 700; link_mtu <= 1500; link_mtu++)
    {
      guint mtu = tunnel_plan_mtu (TUNNEL_MODE_MC, link_mtu, &(TunnelOverhead){ .udp_encap = TRUE, .sa = sa });
      guint8 plain[2048] = { 0 }, packet[2048];
      gsize fits, too_long;

      g_assert_cmpint (tunnel_esp_encrypt (out, 4, plain, mtu + 20, packet, sizeof packet, &fits), ==, 0);
      g_assert_cmpint (tunnel_esp_encrypt (out, 4, plain, mtu + 21, packet, sizeof packet, &too_long), ==, 0);
      g_assert_cmpuint (fits + 28, <=, link_mtu);
      g_assert_cmpuint (too_long + 28, >, link_mtu);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tunnel/plan/copy-is-the-same", test_copy_is_the_same);
  g_test_add_func ("/tunnel/plan/diff-table", test_diff_table);
  g_test_add_func ("/tunnel/plan/diff-of-mip-udp", test_diff_of_mip_udp);
  g_test_add_func ("/tunnel/plan/find-sa", test_find_sa);
  g_test_add_func ("/tunnel/plan/mode-names", test_mode_names);
  g_test_add_func ("/tunnel/plan/mtu-table", test_mtu_table);
  g_test_add_func ("/tunnel/plan/mtu-is-exact", test_mtu_is_exact);
  return g_test_run ();
}
