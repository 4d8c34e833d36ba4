/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/plan.h"

#include <string.h>

void
agent_plan_init (TunnelPlan *plan, guint mtu)
{
  tunnel_plan_init (plan);
  plan->mtu = mtu;
}

void
agent_plan_set_wish (TunnelPlan *plan, const CoordinatorPlan *wish)
{
  plan->mode = wish->mode;
  plan->ifindex = wish->ifindex;
  plan->mip_local = wish->mip_local;
  plan->home_agent = wish->home_agent;
  plan->mip_udp = wish->mip_udp;
  /* Every request leaves from port 434 (RFC 3519 4.5). */
  plan->mip_udp_port = wish->mip_udp ? MIP4_PORT : 0;
  plan->keepalive_s = wish->mip_udp ? wish->keepalive_s : 0;
  plan->keepalive_at_once = wish->mip_udp && wish->keepalive_at_once;
  plan->agent = wish->mode == TUNNEL_MODE_F ? wish->agent.address : ROAM_ADDR_NONE;
  memcpy (plan->agent_link_layer, wish->agent.link_layer, sizeof plan->agent_link_layer);
  plan->encapsulating = wish->encapsulating;
  plan->next_hop = wish->next_hop;
  plan->n_dns = MIN (wish->n_dns, TUNNEL_MAX_DNS);
  memset (plan->dns, 0, sizeof plan->dns);
  for (guint i = 0; i < plan->n_dns; i++)
    plan->dns[i] = wish->dns[i];
}

static RoamSecret *
ref_secret (RoamSecret *secret)
{
  return secret == NULL ? NULL : roam_secret_ref (secret);
}

static TunnelEspAlgorithm
convert_algorithm (IkeEspAlgorithm algorithm)
{
  switch (algorithm)
    {
    case IKE_ESP_AES_GCM_16:
      return TUNNEL_ESP_AES_GCM_16;
    case IKE_ESP_AES_CBC_HMAC_SHA2:
      return TUNNEL_ESP_AES_CBC_HMAC_SHA2;
    }
  g_assert_not_reached ();
}

TunnelSa *
agent_plan_convert_child (const IkeChildSa *child)
{
  TunnelSa *sa = g_new0 (TunnelSa, 1);

  sa->references = 1;
  sa->id = child->id;
  sa->spi_in = child->spi_in;
  sa->spi_out = child->spi_out;
  sa->algorithm = convert_algorithm (child->algorithm);
  sa->encr_bits = child->encr_bits;
  sa->integ_bits = child->integ_bits;
  sa->encr_in = ref_secret (child->encr_in);
  sa->encr_out = ref_secret (child->encr_out);
  sa->integ_in = ref_secret (child->integ_in);
  sa->integ_out = ref_secret (child->integ_out);
  sa->esn = child->esn;
  return sa;
}

/*
 * A copy of the plan's SAs without @id. Always a new array: the data plane still holds the last
 * plan's, and a change in place would be no difference.
 */
static GPtrArray *
copy_sas_without (const TunnelPlan *plan, guint32 id)
{
  GPtrArray *sas = g_ptr_array_new_with_free_func ((GDestroyNotify)tunnel_sa_unref);

  for (guint i = 0; plan->sas != NULL && i < plan->sas->len; i++)
    {
      TunnelSa *sa = plan->sas->pdata[i];

      if (sa->id != id)
        g_ptr_array_add (sas, tunnel_sa_ref (sa));
    }
  return sas;
}

static void
replace_sas (TunnelPlan *plan, GPtrArray *sas)
{
  g_clear_pointer (&plan->sas, g_ptr_array_unref);
  plan->sas = sas;
}

void
agent_plan_move_children (TunnelPlan *plan, guint32 ifindex, const RoamEndpoint *local, const RoamEndpoint *remote,
                          gboolean udp_encap)
{
  plan->esp_ifindex = (int)ifindex;
  plan->esp_local = *local;
  plan->esp_remote = *remote;
  plan->udp_encap = udp_encap;
}

void
agent_plan_add_child (TunnelPlan *plan, const IkeChildSa *child, gboolean use_outbound)
{
  GPtrArray *sas = copy_sas_without (plan, child->id);

  g_ptr_array_add (sas, agent_plan_convert_child (child));
  replace_sas (plan, sas);
  if (plan->out_sa == 0)
    agent_plan_move_children (plan, child->ifindex, &child->outer_local, &child->outer_remote, child->udp_encap);
  if (use_outbound)
    plan->out_sa = child->id;
}

void
agent_plan_use_child (TunnelPlan *plan, guint32 id)
{
  for (guint i = 0; plan->sas != NULL && i < plan->sas->len; i++)
    if (((const TunnelSa *)plan->sas->pdata[i])->id == id)
      plan->out_sa = id;
}

void
agent_plan_remove_child (TunnelPlan *plan, guint32 id)
{
  GPtrArray *sas = copy_sas_without (plan, id);

  if (sas->len == 0)
    g_clear_pointer (&sas, g_ptr_array_unref);
  replace_sas (plan, sas);
  if (plan->out_sa != id)
    return;
  plan->out_sa = 0;
  plan->tia = ROAM_ADDR_NONE;
}

void
agent_plan_set_tia (TunnelPlan *plan, const RoamAddr *tia)
{
  plan->tia = plan->out_sa != 0 ? *tia : ROAM_ADDR_NONE;
}

gboolean
agent_plan_set_links (TunnelPlan *plan, const int *links, guint n_links)
{
  guint n = MIN (n_links, TUNNEL_MAX_LINKS);

  if (n == plan->n_links && memcmp (plan->links, links, n * sizeof *links) == 0)
    return FALSE;
  memset (plan->links, 0, sizeof plan->links);
  memcpy (plan->links, links, n * sizeof *links);
  plan->n_links = n;
  return TRUE;
}

gboolean
agent_plan_mode_blocks (TunnelMode mode)
{
  switch (mode)
    {
    case TUNNEL_MODE_BLOCKED:
    case TUNNEL_MODE_HOLD:
      return TRUE;
    case TUNNEL_MODE_HOME:
    case TUNNEL_MODE_C:
    case TUNNEL_MODE_F:
    case TUNNEL_MODE_MC:
      return FALSE;
    }
  g_assert_not_reached ();
}

static gboolean
mode_is_clear (TunnelMode mode)
{
  return mode == TUNNEL_MODE_HOME || mode == TUNNEL_MODE_C || mode == TUNNEL_MODE_F;
}

void
agent_plan_get_gate (const TunnelPlan *plan, const char *ifname, TunnelGateState *ret_state)
{
  *ret_state = (TunnelGateState){ .mode = plan->mode };
  if (mode_is_clear (plan->mode))
    g_strlcpy (ret_state->ifname, ifname, sizeof ret_state->ifname);
  if (plan->mode == TUNNEL_MODE_C)
    {
      ret_state->care_of_address = plan->mip_local;
      ret_state->mip_udp = plan->mip_udp;
    }
  if (plan->mode == TUNNEL_MODE_F)
    {
      ret_state->agent = plan->agent;
      memcpy (ret_state->agent_link_layer, plan->agent_link_layer, sizeof ret_state->agent_link_layer);
    }
}

gboolean
agent_plan_gate_is_open (const TunnelGateState *state)
{
  return mode_is_clear (state->mode);
}

gboolean
agent_plan_gate_equal (const TunnelGateState *a, const TunnelGateState *b)
{
  return a->mode == b->mode && g_str_equal (a->ifname, b->ifname) &&
         roam_addr_equal (&a->care_of_address, &b->care_of_address) && a->mip_udp == b->mip_udp &&
         roam_addr_equal (&a->agent, &b->agent) &&
         memcmp (a->agent_link_layer, b->agent_link_layer, sizeof a->agent_link_layer) == 0;
}
