/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel.h"

#include "tunnel/tunnel-esp-private.h"
#include "tunnel/tunnel-ipip-private.h"
#include "tunnel/tunnel-plan-private.h"

#include <string.h>

/* RFC 791: every host takes 576 octets; below that the inner path would be worse than the outer one. */
#define MIN_MTU 576

TunnelSa *
tunnel_sa_ref (TunnelSa *sa)
{
  g_atomic_int_inc (&sa->references);
  return sa;
}

void
tunnel_sa_unref (TunnelSa *sa)
{
  if (sa == NULL || !g_atomic_int_dec_and_test (&sa->references))
    return;
  roam_secret_unref (sa->encr_in);
  roam_secret_unref (sa->encr_out);
  roam_secret_unref (sa->integ_in);
  roam_secret_unref (sa->integ_out);
  g_free (sa);
}

static gboolean
same_secret (const RoamSecret *a, const RoamSecret *b)
{
  return a == b || (a != NULL && b != NULL && roam_secret_equal (a, b));
}

gboolean
tunnel_sa_equal (const TunnelSa *a, const TunnelSa *b)
{
  if (a == b)
    return TRUE;
  return a->id == b->id && a->spi_in == b->spi_in && a->spi_out == b->spi_out && a->algorithm == b->algorithm &&
         a->encr_bits == b->encr_bits && a->integ_bits == b->integ_bits && !a->esn == !b->esn &&
         same_secret (a->encr_in, b->encr_in) && same_secret (a->encr_out, b->encr_out) &&
         same_secret (a->integ_in, b->integ_in) && same_secret (a->integ_out, b->integ_out);
}

const TunnelSa *
tunnel_plan_find_sa (const TunnelPlan *plan, guint32 id)
{
  for (guint i = 0; id != 0 && plan->sas != NULL && i < plan->sas->len; i++)
    {
      const TunnelSa *sa = g_ptr_array_index (plan->sas, i);

      if (sa->id == id)
        return sa;
    }
  return NULL;
}

void
tunnel_plan_init (TunnelPlan *plan)
{
  *plan = (TunnelPlan){ .mode = TUNNEL_MODE_BLOCKED };
}

void
tunnel_plan_clear (TunnelPlan *plan)
{
  g_clear_pointer (&plan->sas, g_ptr_array_unref);
  tunnel_plan_init (plan);
}

void
tunnel_plan_copy (TunnelPlan *target, const TunnelPlan *source)
{
  GPtrArray *sas = NULL;

  if (target == source)
    return;
  if (source->sas != NULL && source->sas->len > 0)
    {
      /* An array of its own: the caller may go on filling its own one. */
      sas = g_ptr_array_new_full (source->sas->len, (GDestroyNotify)tunnel_sa_unref);
      for (guint i = 0; i < source->sas->len; i++)
        g_ptr_array_add (sas, tunnel_sa_ref (g_ptr_array_index (source->sas, i)));
    }
  g_clear_pointer (&target->sas, g_ptr_array_unref);
  *target = *source;
  target->sas = sas;
}

static gboolean
same_sas (const TunnelPlan *a, const TunnelPlan *b)
{
  guint n_a = a->sas != NULL ? a->sas->len : 0, n_b = b->sas != NULL ? b->sas->len : 0;

  if (n_a != n_b)
    return FALSE;
  for (guint i = 0; i < n_a; i++)
    if (!tunnel_sa_equal (g_ptr_array_index (a->sas, i), g_ptr_array_index (b->sas, i)))
      return FALSE;
  return TRUE;
}

static gboolean
same_esp (const TunnelPlan *a, const TunnelPlan *b)
{
  if (a->out_sa == 0 && b->out_sa == 0)
    return TRUE;
  return a->out_sa == b->out_sa && a->esp_ifindex == b->esp_ifindex && !a->udp_encap == !b->udp_encap &&
         roam_endpoint_equal (&a->esp_local, &b->esp_local) && roam_endpoint_equal (&a->esp_remote, &b->esp_remote) &&
         roam_addr_equal (&a->tia, &b->tia);
}

/* Port and interval mean something with MIP UDP only. */
static gboolean
same_mip_udp (const TunnelPlan *a, const TunnelPlan *b)
{
  if (!a->mip_udp && !b->mip_udp)
    return TRUE;
  return !a->mip_udp == !b->mip_udp && a->mip_udp_port == b->mip_udp_port && a->keepalive_s == b->keepalive_s &&
         !a->keepalive_at_once == !b->keepalive_at_once;
}

static gboolean
same_mip (const TunnelPlan *a, const TunnelPlan *b)
{
  return a->ifindex == b->ifindex && roam_addr_equal (&a->mip_local, &b->mip_local) &&
         roam_addr_equal (&a->home_agent, &b->home_agent) && roam_addr_equal (&a->next_hop, &b->next_hop) &&
         same_mip_udp (a, b) && roam_addr_equal (&a->agent, &b->agent) &&
         memcmp (a->agent_link_layer, b->agent_link_layer, sizeof a->agent_link_layer) == 0 &&
         !a->encapsulating == !b->encapsulating && !a->broadcasts == !b->broadcasts;
}

static gboolean
same_links (const TunnelPlan *a, const TunnelPlan *b)
{
  if (a->n_links != b->n_links)
    return FALSE;
  for (guint i = 0; i < a->n_links; i++)
    if (a->links[i] != b->links[i])
      return FALSE;
  return TRUE;
}

static gboolean
same_dns (const TunnelPlan *a, const TunnelPlan *b)
{
  if (a->n_dns != b->n_dns)
    return FALSE;
  for (guint i = 0; i < a->n_dns; i++)
    if (!roam_addr_equal (&a->dns[i], &b->dns[i]))
      return FALSE;
  return TRUE;
}

TunnelChanges
tunnel_plan_diff (const TunnelPlan *old_plan, const TunnelPlan *new_plan)
{
  TunnelChanges changes = 0;

  if (old_plan->mode != new_plan->mode)
    changes |= TUNNEL_CHANGE_MODE;
  if (!same_mip (old_plan, new_plan))
    changes |= TUNNEL_CHANGE_MIP;
  if (!same_esp (old_plan, new_plan))
    changes |= TUNNEL_CHANGE_ESP;
  if (!same_sas (old_plan, new_plan))
    changes |= TUNNEL_CHANGE_SAS;
  if (!same_links (old_plan, new_plan))
    changes |= TUNNEL_CHANGE_LINKS;
  if (!same_dns (old_plan, new_plan))
    changes |= TUNNEL_CHANGE_DNS;
  if (old_plan->mtu != new_plan->mtu)
    changes |= TUNNEL_CHANGE_MTU;
  return changes;
}

const char *
tunnel_mode_to_string (TunnelMode mode)
{
  switch (mode)
    {
    case TUNNEL_MODE_BLOCKED:
      return "blocked";
    case TUNNEL_MODE_HOLD:
      return "hold";
    case TUNNEL_MODE_HOME:
      return "home";
    case TUNNEL_MODE_C:
      return "c";
    case TUNNEL_MODE_F:
      return "f";
    case TUNNEL_MODE_MC:
      return "mc";
    }
  return "unknown";
}

/* What is left for the ESP payload: whole cipher blocks, less pad length and next header. */
static guint
esp_payload (guint link_mtu, const TunnelOverhead *outer)
{
  const TunnelSa *sa = outer->sa;
  /* Without an SA the greatest overhead counts, so that the first one cannot be too big. */
  TunnelEspSizes sizes = { .iv = TUNNEL_ESP_MAX_IV, .icv = TUNNEL_ESP_MAX_ICV, .block = TUNNEL_ESP_MAX_IV };
  guint overhead, room;

  if (sa != NULL)
    (void)tunnel_esp_get_sizes (sa->algorithm, sa->encr_bits, sa->integ_bits, &sizes);
  overhead = (outer->outer6 ? TUNNEL_IP6_HEADER : TUNNEL_IP4_HEADER) + (outer->udp_encap ? TUNNEL_UDP_HEADER : 0) +
             TUNNEL_ESP_HEADER + sizes.iv + sizes.icv;
  room = link_mtu > overhead ? link_mtu - overhead : 0;
  room -= room % sizes.block;
  return room > 2 ? room - 2 : 0;
}

/* Of the Mobile IPv4 tunnel itself: RFC 2003 3.1, RFC 3519 3.3. */
static guint
mip_overhead (gboolean mip_udp)
{
  return mip_udp ? TUNNEL_MIP_UDP_OVERHEAD : TUNNEL_IP4_HEADER;
}

guint
tunnel_plan_mtu (TunnelMode mode, guint link_mtu, const TunnelOverhead *overhead)
{
  guint mtu = link_mtu, mip = mip_overhead (overhead->mip_udp);

  switch (mode)
    {
    case TUNNEL_MODE_BLOCKED:
    case TUNNEL_MODE_HOLD:
    case TUNNEL_MODE_HOME:
      break;
    case TUNNEL_MODE_F:
      /* RFC 3024 5.2: to the agent in IP-in-IP; the agent's own tunnel begins behind it. */
      if (overhead->encapsulating)
        mtu = link_mtu > TUNNEL_IP4_HEADER ? link_mtu - TUNNEL_IP4_HEADER : 0;
      break;
    case TUNNEL_MODE_C:
      mtu = link_mtu > mip ? link_mtu - mip : 0;
      break;
    case TUNNEL_MODE_MC:
      mtu = esp_payload (link_mtu, overhead);
      mtu = mtu > mip ? mtu - mip : 0;
      break;
    }
  return MAX (mtu, MIN_MTU);
}

guint
tunnel_plan_get_mtu (const TunnelPlan *plan, guint link_mtu)
{
  TunnelOverhead overhead = { .mip_udp = plan->mip_udp,
                              .encapsulating = plan->encapsulating,
                              .udp_encap = plan->udp_encap,
                              .outer6 = plan->esp_remote.addr.family == ROAM_FAMILY_INET6,
                              .sa = tunnel_plan_find_sa (plan, plan->out_sa) };

  return tunnel_plan_mtu (plan->mode, link_mtu, &overhead);
}
