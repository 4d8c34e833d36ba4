/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/runtime-private.h"

/*
 * A secret that no file holds: a person is asked for it when the VPN wants to begin, and again when it was
 * refused. It is kept in memory, for the sessions of this run. Nothing waits for the person: the attempt
 * fails with a word about what to do, and what is given leads to the next one.
 */

/* What the profile leaves to a person; NULL: nothing. */
static const char *
asked_kind (const AgentConfig *config)
{
  if (!config->has_vpn)
    return NULL;
  if (config->auth == AGENT_CONFIG_AUTH_PSK && agent_config_is_asked (config->psk_file))
    return "psk";
  if (agent_config_is_asked (config->password_file))
    return "password";
  if (config->private_key != NULL && agent_config_is_asked (config->pin_file))
    return "pin";
  return NULL;
}

gboolean
agent_secret_is_missing (Agent *agent)
{
  return asked_kind (agent->config) != NULL && agent->secret.given == NULL;
}

void
agent_secret_fill (Agent *agent, IkeConfig *ike)
{
  if (agent->secret.given == NULL)
    return;
  if (agent->config->auth == AGENT_CONFIG_AUTH_PSK)
    ike->psk = agent->secret.given;
  else if (agent->config->auth == AGENT_CONFIG_AUTH_CERTIFICATE)
    agent_outside_set_pin (agent, agent->secret.given);
  else
    ike->eap_password = agent->secret.given;
}

void
agent_secret_ask (Agent *agent, const char *refusal)
{
  AgentSecret *secret = &agent->secret;
  AgentLogFields fields = { .link = "vpn", .reason = refusal };

  if (refusal != NULL)
    secret->refusal = refusal;
  if (secret->pending)
    return;
  secret->pending = TRUE;
  /* From a random beginning: a handle of the run before means nothing in this one. */
  secret->handle = secret->handle == 0 ? roam_rng_u32 (agent->rng) | 1u : secret->handle + 1;
  agent_log (agent, G_LOG_LEVEL_MESSAGE, ROAM_MESSAGE_SECRET, &fields,
             "The VPN's %s is asked for%s%s: \"roamctl secret\" gives it", asked_kind (agent->config),
             refusal == NULL ? "" : ", since the last one was refused: ", refusal == NULL ? "" : refusal);
}

static void
forget (Agent *agent)
{
  g_clear_pointer (&agent->secret.given, roam_secret_unref);
  agent->vpn.stale = TRUE;
}

void
agent_secret_take_ike (Agent *agent, const IkeEvent *event)
{
  AgentSecret *secret = &agent->secret;

  if (asked_kind (agent->config) == NULL)
    return;
  if (event->type == IKE_EVENT_ESTABLISHED)
    {
      secret->pending = FALSE;
      secret->refusal = NULL;
    }
  if (event->type != IKE_EVENT_AUTH_FAILED || secret->given == NULL)
    return;
  /* The gateway knows nothing of a PIN: only the token can have refused it. */
  if (agent->config->auth == AGENT_CONFIG_AUTH_CERTIFICATE && !agent_outside_pin_was_refused (agent))
    return;
  forget (agent);
  agent_secret_ask (agent, event->reason == NULL ? "authentication failed" : event->reason);
}

void
agent_secret_clear (Agent *agent)
{
  g_clear_pointer (&agent->secret.given, roam_secret_unref);
}

/* ------------------------------------------------------------------------ the bus ---- */

void
agent_secret_fill_snapshot (Agent *agent, AgentSnapshot *snapshot)
{
  const AgentConfig *config = agent->config;
  AgentSecretRequest *request;
  char gateway[ROAM_ADDR_STRLEN];

  if (!agent->secret.pending)
    return;
  request = agent_secret_request_new ();
  request->handle = agent->secret.handle;
  agent_snapshot_set_text (&request->kind, asked_kind (config));
  agent_snapshot_set_text (&request->identity, config->eap_identity != NULL ? config->eap_identity : config->local_id);
  agent_snapshot_set_text (&request->gateway, agent_vpn_gateway_text (agent, gateway));
  agent_snapshot_set_text (&request->refusal, agent->secret.refusal);
  g_ptr_array_add (snapshot->secrets, request);
}

static gboolean
is_data_safe_without_vpn (Agent *agent)
{
  const char *mode = coordinator_state_to_mode (coordinator_get_state (agent->coordinator));

  return g_str_equal (mode, "home") || g_str_equal (mode, "c") || g_str_equal (mode, "f");
}

gboolean
agent_provide_secret (Agent *agent, guint32 handle, RoamSecret *offered, GError **error)
{
  RoamSecret *(*parser) (const guint8 *, gsize, const char **) =
    agent->config->auth == AGENT_CONFIG_AUTH_PSK ? agent_config_parse_psk : agent_config_parse_password;
  CoordinatorCommand command = { .type = COORDINATOR_REDETECT, .reason = "the secret was given" };
  AgentLogFields fields = { .link = "vpn" };
  g_autoptr (RoamSecret) secret = NULL;
  const char *allowed = NULL;
  RoamNow now = agent_now ();

  if (!agent->secret.pending || handle != agent->secret.handle)
    {
      g_set_error_literal (error, AGENT_ERROR, AGENT_ERROR_NO_SUCH_REQUEST, "Nothing is asked for under that handle");
      return FALSE;
    }
  secret = parser (roam_secret_peek (offered), roam_secret_length (offered), &allowed);
  if (secret == NULL)
    {
      g_set_error (error, AGENT_ERROR, AGENT_ERROR_FAILED, "This cannot be it: allowed: %s", allowed);
      return FALSE;
    }
  forget (agent);
  agent->secret.given = g_steal_pointer (&secret);
  agent->secret.pending = FALSE;
  agent->secret.refusal = NULL;
  agent_log (agent, G_LOG_LEVEL_MESSAGE, ROAM_MESSAGE_SECRET, &fields, "The VPN's %s was given",
             asked_kind (agent->config));
  /* Inside the enterprise nothing needs the VPN now: the next move sets it up. */
  if (agent->phase == AGENT_PHASE_ON && !is_data_safe_without_vpn (agent))
    coordinator_input_command (agent->coordinator, &now, &command);
  agent_pass (agent, &now);
  return TRUE;
}
