/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/runtime-private.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

/*
 * What the IKE session needs from outside before it can begin, and while it lives: the gateway's addresses
 * (which the gate must let through, too), a secret that a person gives, a ticket of the session before. A
 * start that has to wait for the name service waits here; nothing else ever does.
 */

/* The resolver gives up after 6 s. */
#define START_PATIENCE_US (7 * ROAM_USEC_PER_SEC)
#define CACHE_FILE "gateways"

static AgentVpn *
vpn_of (Agent *agent)
{
  return &agent->vpn;
}

/* ------------------------------------------------------------------- the gate ---- */

static gboolean
is_allowed (const AgentVpn *vpn, const RoamAddr *addr)
{
  for (guint i = 0; i < vpn->n_allowed; i++)
    if (roam_addr_equal (&vpn->allowed[i], addr))
      return TRUE;
  return FALSE;
}

static void
apply_allowed (Agent *agent)
{
  const AgentVpn *vpn = vpn_of (agent);
  AgentLogFields fields = { .link = "vpn" };
  g_autoptr (GError) error = NULL;

  if (agent->gate != NULL && !tunnel_gate_io_set_gateways (agent->gate, vpn->allowed, vpn->n_allowed, &error))
    agent_log (agent, G_LOG_LEVEL_WARNING, ROAM_MESSAGE_DATA_PLANE, &fields, "The gate: %s", error->message);
}

/* Beyond the bound the one that was learnt first goes; those of the profile stand before all that were learnt. */
static void
add_allowed (AgentVpn *vpn, const RoamAddr *addr)
{
  if (vpn->n_allowed == G_N_ELEMENTS (vpn->allowed))
    {
      memmove (&vpn->allowed[IKE_MAX_GATEWAYS], &vpn->allowed[IKE_MAX_GATEWAYS + 1],
               (G_N_ELEMENTS (vpn->allowed) - IKE_MAX_GATEWAYS - 1) * sizeof vpn->allowed[0]);
      vpn->n_allowed--;
    }
  vpn->allowed[vpn->n_allowed++] = *addr;
}

void
agent_vpn_allow (Agent *agent, const RoamAddr *addr)
{
  AgentVpn *vpn = vpn_of (agent);

  if (!roam_addr_is_specified (addr) || is_allowed (vpn, addr))
    return;
  add_allowed (vpn, addr);
  apply_allowed (agent);
}

/* The list is another. @keep: what the IKE SA may still be using stays, too. */
static void
renew_allowed (Agent *agent, gboolean keep)
{
  AgentVpn *vpn = vpn_of (agent);
  RoamAddr old[TUNNEL_GATE_MAX_GATEWAYS], known[IKE_MAX_GATEWAYS];
  guint n_old = vpn->n_allowed, n_known = agent_gateways_get (vpn->gateways, known);
  gboolean same;

  memcpy (old, vpn->allowed, n_old * sizeof old[0]);
  vpn->n_allowed = 0;
  for (guint i = 0; i < n_known; i++)
    vpn->allowed[vpn->n_allowed++] = known[i];
  for (guint i = 0; i < n_old && keep; i++)
    if (!is_allowed (vpn, &old[i]))
      add_allowed (vpn, &old[i]);
  /* A transaction of nftables costs a millisecond or two. */
  same = vpn->n_allowed == n_old;
  for (guint i = 0; i < n_old && same; i++)
    same = is_allowed (vpn, &old[i]);
  if (!same)
    apply_allowed (agent);
}

/* ----------------------------------------------------------------- the session ---- */

static void
send_gateways (Agent *agent, const RoamNow *now)
{
  IkeCommand command = { .type = IKE_GATEWAYS };

  command.n_gateways = agent_gateways_get (agent->vpn.gateways, command.gateways);
  if (agent->ike != NULL && command.n_gateways > 0)
    ike_session_input_command (agent->ike, now, &command);
}

gboolean
agent_vpn_open_session (Agent *agent, char **ret_problem)
{
  AgentVpn *vpn = vpn_of (agent);
  RoamAddr known[IKE_MAX_GATEWAYS];
  guint n = agent_gateways_get (vpn->gateways, known);
  IkeConfig ike;

  if (agent->ike != NULL || n == 0 || agent_secret_is_missing (agent))
    return TRUE;
  agent_config_get_ike (agent->config, &ike);
  ike.gateway = known[0];
  ike.gateways = &known[1];
  ike.n_gateways = n - 1;
  ike.ticket = vpn->ticket.ticket;
  agent_secret_fill (agent, &ike);
  agent->ike = ike_session_new (&ike, agent->rng, ret_problem);
  vpn->stale = FALSE;
  return agent->ike != NULL;
}

/* The session has a secret that is not to be used any more: another one takes its place. */
static void
close_stale_session (Agent *agent, const RoamNow *now)
{
  const IkeCommand abandon = { .type = IKE_ABANDON };

  if (!agent->vpn.stale || agent->ike == NULL)
    return;
  ike_session_input_command (agent->ike, now, &abandon);
  agent_engines_drain_ike (agent, now);
  g_clear_pointer (&agent->ike, ike_session_free);
  agent->vpn.stale = FALSE;
}

/* What the engine would say, had it been asked. */
static void
answer_start (Agent *agent, const RoamNow *now, IkeEventType type, const char *reason, const char *advice)
{
  const IkeEvent event = { .type = type, .serial = agent->vpn.start.serial, .reason = reason, .advice = advice };

  agent->vpn.has_start = FALSE;
  agent->vpn.start_until_us = ROAM_NEVER;
  agent_engines_take_ike_event (agent, now, &event);
}

static void
begin_start (Agent *agent, const RoamNow *now)
{
  AgentVpn *vpn = vpn_of (agent);
  g_autofree char *problem = NULL;
  gboolean fresh = agent->ike == NULL;

  if (!agent_vpn_open_session (agent, &problem))
    {
      g_warning ("The VPN cannot begin: %s", problem);
      answer_start (agent, now, IKE_EVENT_AUTH_FAILED, "the credentials cannot be used", NULL);
      return;
    }
  vpn->has_start = FALSE;
  vpn->start_until_us = ROAM_NEVER;
  if (fresh && vpn->has_paths)
    ike_session_input_command (agent->ike, now, &vpn->paths);
  ike_session_input_command (agent->ike, now, &vpn->start);
}

static void
take_start (Agent *agent, const RoamNow *now, const IkeCommand *command)
{
  AgentVpn *vpn = vpn_of (agent);
  RoamAddr known[IKE_MAX_GATEWAYS];

  vpn->start = *command;
  close_stale_session (agent, now);
  if (agent_secret_is_missing (agent))
    {
      agent_secret_ask (agent, NULL);
      answer_start (agent, now, IKE_EVENT_AUTH_FAILED, "a secret is asked for", "\"roamctl secret\" gives it.");
      return;
    }
  if (agent_gateways_get (vpn->gateways, known) > 0)
    {
      begin_start (agent, now);
      return;
    }
  vpn->has_start = TRUE;
  vpn->start_until_us = now->boot_us + START_PATIENCE_US;
  agent_gateways_refresh (vpn->gateways, now);
}

void
agent_vpn_take_command (Agent *agent, const RoamNow *now, const IkeCommand *command)
{
  AgentVpn *vpn = vpn_of (agent);

  if (!agent->config->has_vpn)
    return;
  switch (command->type)
    {
    case IKE_START:
      take_start (agent, now, command);
      return;
    case IKE_PATHS:
      vpn->paths = *command;
      vpn->has_paths = TRUE;
      break;
    case IKE_TERMINATE:
    case IKE_ABANDON:
      vpn->has_start = FALSE;
      vpn->start_until_us = ROAM_NEVER;
      vpn->reauthenticate_us = ROAM_NEVER;
      break;
    case IKE_MOVE:
    case IKE_CHECK:
    case IKE_REKEY_IKE:
    case IKE_REKEY_CHILD:
    case IKE_REAUTHENTICATE:
    case IKE_GATEWAYS:
    case IKE_FETCHED:
    case IKE_SIGNED:
      break;
    }
  if (agent->ike != NULL)
    ike_session_input_command (agent->ike, now, command);
}

/* --------------------------------------------------------------------- events ---- */

/* RFC 8598: the engine has left out what the profile does not allow. */
static void
take_domains (Agent *agent, const IkeConfiguration *configuration)
{
  g_autoptr (GStrvBuilder) domains = g_strv_builder_new ();
  AgentVpn *vpn = vpn_of (agent);

  for (guint i = 0; i < MIN (configuration->n_domains, IKE_MAX_DOMAINS); i++)
    g_strv_builder_add (domains, configuration->domains[i]);
  g_strfreev (vpn->domains);
  vpn->domains = g_strv_builder_end (domains);
  vpn->domains_are_new = TRUE;
}

static void
take_established (Agent *agent, const RoamNow *now, const IkeEvent *event)
{
  AgentVpn *vpn = vpn_of (agent);

  take_domains (agent, &event->configuration);
  vpn->established_us = now->boot_us;
  vpn->reauthenticate_us = ROAM_NEVER;
  if (agent->config->reauthenticate_s > 0)
    vpn->reauthenticate_us = now->boot_us + agent->config->reauthenticate_s * ROAM_USEC_PER_SEC;
}

/* The session is over: what it taught is of no use to the next one, which begins where the profile says. */
static void
take_end (Agent *agent, const RoamNow *now)
{
  AgentVpn *vpn = vpn_of (agent);

  vpn->reauthenticate_us = ROAM_NEVER;
  agent_gateways_forget_redirect (vpn->gateways);
  renew_allowed (agent, FALSE);
  send_gateways (agent, now);
}

void
agent_vpn_take_event (Agent *agent, const RoamNow *now, const IkeEvent *event)
{
  AgentVpn *vpn = vpn_of (agent);

  switch (event->type)
    {
    case IKE_EVENT_ESTABLISHED:
      take_established (agent, now, event);
      break;
    case IKE_EVENT_REDIRECTED:
      if (agent_gateways_redirect (vpn->gateways, &event->gateway, event->gateway_name))
        renew_allowed (agent, TRUE);
      break;
    case IKE_EVENT_RESOLVE:
      if (event->gateway_name[0] != '\0')
        agent_gateways_redirect (vpn->gateways, &ROAM_ADDR_NONE, event->gateway_name);
      agent_gateways_refresh (vpn->gateways, now);
      vpn->resolve_wanted = TRUE;
      break;
    case IKE_EVENT_FAILED:
    case IKE_EVENT_AUTH_FAILED:
    case IKE_EVENT_DEAD:
      take_end (agent, now);
      break;
    case IKE_EVENT_TIA_CHANGED:
      take_domains (agent, &event->configuration);
      break;
    case IKE_EVENT_PATH_OK:
    case IKE_EVENT_PATH_FAILED:
    case IKE_EVENT_NAT_CHANGED:
    case IKE_EVENT_PATH_CHANGED:
      break;
    }
  agent_secret_take_ike (agent, event);
}

void
agent_vpn_apply_names (Agent *agent)
{
  AgentVpn *vpn = vpn_of (agent);
  const TunnelPlan *plan = &agent->plan;
  guint n = agent->tunnel == NULL ? 0 : plan->n_dns;
  gboolean same = n == vpn->n_dns && !vpn->domains_are_new;

  for (guint i = 0; i < n && same; i++)
    same = roam_addr_equal (&plan->dns[i], &vpn->dns[i]);
  if (same || vpn->resolved == NULL)
    return;
  vpn->domains_are_new = FALSE;
  vpn->n_dns = n;
  memcpy (vpn->dns, plan->dns, sizeof vpn->dns);
  agent_resolved_set (vpn->resolved, (int)if_nametoindex (agent->config->tun_name), vpn->dns, n,
                      (const char *const *)vpn->domains);
}

void
agent_vpn_take_ticket (Agent *agent, RoamSecret *ticket, gint64 expires_wall_us)
{
  AgentVpn *vpn = vpn_of (agent);

  agent_ticket_clear (&vpn->ticket);
  vpn->ticket =
    (AgentTicket){ .ticket = ticket == NULL ? NULL : roam_secret_ref (ticket), .expires_wall_us = expires_wall_us };
  vpn->ticket_is_new = TRUE;
}

/* ---------------------------------------------------------------- name service ---- */

static void
release_start (Agent *agent, const RoamNow *now)
{
  AgentVpn *vpn = vpn_of (agent);
  RoamAddr known[IKE_MAX_GATEWAYS];

  if (!vpn->has_start)
    return;
  if (agent_gateways_get (vpn->gateways, known) > 0)
    begin_start (agent, now);
  else if (!agent_gateways_is_waiting (vpn->gateways) || now->boot_us >= vpn->start_until_us)
    answer_start (agent, now, IKE_EVENT_FAILED, "no name server knows the gateway's name",
                  "Check [vpn] gateway in the profile; if it is right, this network has no name service.");
}

static void
on_resolved (const char *name, const RoamAddr *addresses, guint n, gpointer user_data)
{
  Agent *agent = user_data;
  AgentVpn *vpn = vpn_of (agent);
  RoamNow now = agent_now ();
  AgentLogFields fields = { .link = "vpn", .peer = name };
  gboolean changed = agent_gateways_input_answer (vpn->gateways, &now, name, addresses, n);

  agent_log (agent, changed ? G_LOG_LEVEL_INFO : G_LOG_LEVEL_DEBUG, ROAM_MESSAGE_IKE, &fields,
             "The name service gives %u addresses of %s", n, name);
  if (changed)
    {
      vpn->cache_is_new = TRUE;
      renew_allowed (agent, TRUE);
    }
  if (changed || vpn->resolve_wanted)
    send_gateways (agent, &now);
  vpn->resolve_wanted = FALSE;
  release_start (agent, &now);
  agent_pass (agent, &now);
}

void
agent_vpn_ask_names (Agent *agent, const RoamNow *now)
{
  AgentVpn *vpn = vpn_of (agent);
  const char *name;
  gboolean asked = FALSE;

  if (vpn->gateways == NULL || agent->phase != AGENT_PHASE_ON)
    return;
  while ((name = agent_gateways_pop_query (vpn->gateways, now)) != NULL)
    {
      asked = TRUE;
      agent_resolver_ask (vpn->resolver, name);
    }
  /* Nobody needs asking for the addresses of a profile without names. */
  if (vpn->resolve_wanted && !asked && agent_gateways_next_deadline (vpn->gateways) == ROAM_NEVER)
    {
      vpn->resolve_wanted = FALSE;
      send_gateways (agent, now);
    }
}

void
agent_vpn_links_changed (Agent *agent, const RoamNow *now)
{
  if (agent->vpn.gateways != NULL)
    agent_gateways_refresh (agent->vpn.gateways, now);
}

gint64
agent_vpn_next_deadline (Agent *agent)
{
  const AgentVpn *vpn = vpn_of (agent);
  gint64 due_us = roam_deadline_min (vpn->start_until_us, vpn->reauthenticate_us);

  if (vpn->gateways == NULL || agent->phase != AGENT_PHASE_ON)
    return due_us;
  return roam_deadline_min (due_us, agent_gateways_next_deadline (vpn->gateways));
}

void
agent_vpn_input_deadline (Agent *agent, const RoamNow *now)
{
  AgentVpn *vpn = vpn_of (agent);
  const IkeCommand reauthenticate = { .type = IKE_REAUTHENTICATE };

  if (now->boot_us >= vpn->start_until_us)
    release_start (agent, now);
  if (now->boot_us < vpn->reauthenticate_us)
    return;
  vpn->reauthenticate_us = now->boot_us + agent->config->reauthenticate_s * ROAM_USEC_PER_SEC;
  if (agent->ike != NULL)
    ike_session_input_command (agent->ike, now, &reauthenticate);
}

/* ------------------------------------------------------------------ life cycle ---- */

static void
load_cache (AgentVpn *vpn)
{
  g_autofree char *path = g_build_filename (vpn->state_directory, CACHE_FILE, NULL), *text = NULL;

  if (g_file_get_contents (path, &text, NULL, NULL) && g_utf8_validate (text, -1, NULL))
    agent_gateways_load_cache (vpn->gateways, text);
}

void
agent_vpn_save (Agent *agent)
{
  AgentVpn *vpn = vpn_of (agent);

  if (vpn->cache_is_new)
    {
      g_autofree char *path = g_build_filename (vpn->state_directory, CACHE_FILE, NULL);
      g_autofree char *text = agent_gateways_dup_cache (vpn->gateways);
      g_autoptr (GError) error = NULL;

      if (!g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error))
        g_info ("The gateway's addresses are not kept: %s", error->message);
    }
  if (vpn->ticket_is_new && !agent_ticket_save (vpn->runtime_directory, agent->config, &vpn->ticket))
    g_info ("The ticket is not kept: %s", g_strerror (errno));
  vpn->cache_is_new = vpn->ticket_is_new = FALSE;
}

void
agent_vpn_init (Agent *agent, const AgentPlace *place)
{
  AgentVpn *vpn = vpn_of (agent);

  vpn->start_until_us = vpn->reauthenticate_us = ROAM_NEVER;
  if (!agent->config->has_vpn)
    return;
  vpn->state_directory = g_strdup (place->state_directory);
  vpn->runtime_directory = g_strdup (place->runtime_directory);
  vpn->gateways = agent_gateways_new ((const char *const *)agent->config->gateways);
  vpn->resolver = agent_resolver_new (agent->rng, AGENT_MARK, on_resolved, agent);
  load_cache (vpn);
  if (!place->no_bus && agent->config->name_service == AGENT_CONFIG_NAME_SERVICE_RESOLVED)
    vpn->resolved = agent_resolved_new ();
  if (agent->config->resumption)
    vpn->ticket = agent_ticket_load (place->runtime_directory, agent->config, g_get_real_time ());
  renew_allowed (agent, FALSE);
  agent_outside_init (agent);
}

void
agent_vpn_clear (Agent *agent)
{
  AgentVpn *vpn = vpn_of (agent);

  if (vpn->gateways != NULL)
    agent_vpn_save (agent);
  g_clear_pointer (&vpn->resolved, agent_resolved_free);
  g_clear_pointer (&vpn->domains, g_strfreev);
  g_clear_pointer (&vpn->resolver, agent_resolver_free);
  g_clear_pointer (&vpn->gateways, agent_gateways_free);
  g_clear_pointer (&vpn->state_directory, g_free);
  g_clear_pointer (&vpn->runtime_directory, g_free);
  agent_ticket_clear (&vpn->ticket);
  agent_outside_clear (agent);
  agent_secret_clear (agent);
}

const char *
agent_vpn_gateway_text (Agent *agent, char buffer[ROAM_ADDR_STRLEN])
{
  const AgentVpn *vpn = vpn_of (agent);
  RoamAddr known[IKE_MAX_GATEWAYS];
  IkeStatus status = { 0 };

  if (!agent->config->has_vpn)
    return "";
  if (agent->ike != NULL)
    ike_session_get_status (agent->ike, &status);
  if (roam_addr_is_specified (&status.remote.addr))
    return roam_addr_to_string (&status.remote.addr, buffer);
  if (agent_gateways_get (vpn->gateways, known) > 0)
    return roam_addr_to_string (&known[0], buffer);
  return agent->config->gateways[0];
}
