/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/runtime-private.h"

/* The IKE SA as people see it: what the engine tells of itself, with names and ages. */

static const char *
pair_state_word (IkePairState state)
{
  switch (state)
    {
    case IKE_PAIR_UNTRIED:
      return "untried";
    case IKE_PAIR_PROBING:
      return "probing";
    case IKE_PAIR_WORKS:
      return "works";
    case IKE_PAIR_SILENT:
      return "silent";
    case IKE_PAIR_REFUSED:
      return "refused";
    }
  g_assert_not_reached ();
}

static gint64
ms_between (gint64 from_us, gint64 to_us)
{
  return MAX (to_us - from_us, 0) / ROAM_USEC_PER_MSEC;
}

static void
set_address (char **field, const RoamAddr *addr)
{
  char text[ROAM_ADDR_STRLEN];

  agent_snapshot_set_text (field, roam_addr_is_set (addr) ? roam_addr_to_string (addr, text) : "");
}

static void
set_endpoint (char **field, const RoamEndpoint *endpoint)
{
  char text[ROAM_ADDR_STRLEN];

  agent_snapshot_set_text (field, roam_addr_is_set (&endpoint->addr) ? roam_endpoint_to_string (endpoint, text) : "");
}

static AgentPair *
make_pair (Agent *agent, const IkePairStatus *status, gint64 now_us)
{
  AgentPair *pair = agent_pair_new ();

  agent_snapshot_set_text (&pair->interface, agent_link_name (agent, (int)status->path.ifindex));
  set_address (&pair->local, &status->path.local);
  set_endpoint (&pair->remote, &status->remote);
  agent_snapshot_set_text (&pair->state, pair_state_word (status->state));
  pair->in_use = status->in_use;
  pair->rtt_us = status->rtt_us;
  pair->tried_ms = status->tried_us == 0 ? -1 : ms_between (status->tried_us, now_us);
  return pair;
}

static void
add_children (Agent *agent, AgentSa *sa, gint64 now_us)
{
  for (guint i = 0; i < agent->children->len; i++)
    {
      const AgentChild *child = &g_array_index (agent->children, AgentChild, i);
      const AgentChildSa row = { .spi_in = child->spi_in,
                                 .spi_out = child->spi_out,
                                 .in_use = child->id == agent->plan.out_sa,
                                 .age_ms = ms_between (child->since_us, now_us) };

      g_array_append_val (sa->children, row);
    }
}

AgentSa *
agent_dup_sa (Agent *agent)
{
  RoamNow now = agent_now ();
  IkeStatus status = { 0 };
  AgentSa *sa;

  if (agent->ike == NULL)
    return NULL;
  ike_session_get_status (agent->ike, &status);
  if (status.spi_i == 0)
    return NULL;
  sa = agent_sa_new ();
  agent_snapshot_set_text (&sa->state, status.state);
  agent_snapshot_set_text (&sa->dialect, status.dialect);
  agent_snapshot_set_text (&sa->ike_suite, status.ike_suite);
  agent_snapshot_set_text (&sa->esp_suite, status.esp_suite);
  agent_snapshot_set_text (&sa->interface, agent_link_name (agent, (int)status.path.ifindex));
  set_address (&sa->local, &status.path.local);
  set_endpoint (&sa->remote, &status.remote);
  set_address (&sa->tia, &agent->plan.tia);
  sa->spi_i = status.spi_i;
  sa->spi_r = status.spi_r;
  sa->nat_local = status.nat_local;
  sa->nat_remote = status.nat_remote;
  sa->rtt_us = status.last_rtt_us;
  if (status.established_us != 0)
    sa->age_ms = ms_between (status.established_us, now.boot_us);
  if (status.rekey_us != 0 && status.rekey_us != ROAM_NEVER)
    sa->rekey_in_ms = ms_between (now.boot_us, status.rekey_us);
  for (guint i = 0; i < MIN (status.n_pairs, IKE_MAX_PAIRS); i++)
    g_ptr_array_add (sa->pairs, make_pair (agent, &status.pairs[i], now.boot_us));
  add_children (agent, sa, now.boot_us);
  return sa;
}
