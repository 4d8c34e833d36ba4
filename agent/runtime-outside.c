/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/fetch-io.h"
#include "agent/key-io.h"
#include "agent/resolve-io.h"
#include "agent/runtime-private.h"

/*
 * What the IKE session has done outside of it: signatures by a key in a token, and fetching by HTTP. Both happen in
 * threads of their own; the session waits, nothing else does, and it is the session that loses patience.
 */

/* The session's own patience with one fetch is shorter. */
#define FETCH_TIMEOUT_US (10 * ROAM_USEC_PER_SEC)

/* A fetch whose host is being looked up. */
typedef struct
{
  guint32 request;
  char *host, *url;
  const char *content_type; /* static */
  GBytes *body;
  gsize max_length;
} Waiting;

struct _AgentOutside
{
  AgentKeyIo *key; /* NULL: the profile names none */
  gboolean pin_refused;
  AgentFetchIo *fetch;
  AgentResolver *resolver;
  GPtrArray *waiting; /* Waiting */
};

static void
waiting_free (gpointer data)
{
  Waiting *waiting = data;

  g_free (waiting->host);
  g_free (waiting->url);
  g_clear_pointer (&waiting->body, g_bytes_unref);
  g_free (waiting);
}

static void
answer (Agent *agent, IkeCommandType type, guint32 request, GBytes *bytes)
{
  const IkeCommand command = { .type = type, .request = request, .answer = bytes };
  RoamNow now = agent_now ();

  agent_vpn_take_command (agent, &now, &command);
  agent_pass (agent, &now);
}

/* ------------------------------------------------------------------- signatures ---- */

static void
on_signed (guint32 request, GBytes *signature, AgentKeyResult result, gpointer user_data)
{
  Agent *agent = user_data;
  AgentLogFields fields = { .link = "vpn", .reason = agent_key_result_to_string (result) };

  if (result != AGENT_KEY_OK)
    agent_log (agent, G_LOG_LEVEL_WARNING, ROAM_MESSAGE_IKE, &fields, "The private key did not sign: %s",
               fields.reason);
  agent->outside->pin_refused = result == AGENT_KEY_WRONG_PIN || result == AGENT_KEY_NO_PIN;
  answer (agent, IKE_SIGNED, request, signature);
}

void
agent_outside_set_pin (Agent *agent, RoamSecret *pin)
{
  if (agent->outside == NULL || agent->outside->key == NULL)
    return;
  agent->outside->pin_refused = FALSE;
  agent_key_io_set_pin (agent->outside->key, pin);
}

gboolean
agent_outside_pin_was_refused (Agent *agent)
{
  return agent->outside != NULL && agent->outside->pin_refused;
}

void
agent_outside_sign (Agent *agent, const IkeAction *action)
{
  if (agent->outside->key != NULL) /* the session asks only when the profile names one */
    agent_key_io_sign (agent->outside->key, action->sign.request, action->sign.scheme, action->sign.hash_bits,
                       action->sign.octets);
}

/* --------------------------------------------------------------------- fetching ---- */

static void
on_permit (const RoamEndpoint *server, gboolean open, gpointer user_data)
{
  Agent *agent = user_data;
  AgentLogFields fields = { .link = "vpn" };
  g_autoptr (GError) error = NULL;

  if (agent->gate != NULL && !tunnel_gate_io_set_fetch (agent->gate, server, open, &error))
    agent_log (agent, G_LOG_LEVEL_WARNING, ROAM_MESSAGE_DATA_PLANE, &fields, "The gate: %s", error->message);
}

static void
on_fetched (guint32 request, GBytes *bytes, const char *problem, gpointer user_data)
{
  Agent *agent = user_data;
  AgentLogFields fields = { .link = "vpn", .reason = problem };

  if (bytes == NULL)
    agent_log (agent, G_LOG_LEVEL_MESSAGE, ROAM_MESSAGE_IKE, &fields, "Nothing was fetched: %s", problem);
  answer (agent, IKE_FETCHED, request, bytes);
}

/* By the link that IKE uses. FALSE: there will be no answer. */
static gboolean
start_fetch (Agent *agent, const Waiting *waiting, const RoamAddr *addresses, guint n)
{
  AgentFetch fetch = { .request = waiting->request,
                       .url = waiting->url,
                       .content_type = waiting->content_type,
                       .body = waiting->body,
                       .max_length = waiting->max_length,
                       .timeout_us = FETCH_TIMEOUT_US,
                       .addresses = addresses,
                       .n_addresses = n };
  AgentLogFields fields = { .link = "vpn" };
  IkeStatus status = { 0 };
  const char *problem;

  if (agent->ike != NULL)
    ike_session_get_status (agent->ike, &status);
  fetch.interface = agent_link_name (agent, (int)status.path.ifindex);
  if (fetch.interface[0] == '\0')
    fetch.interface = NULL;
  if (agent_fetch_io_start (agent->outside->fetch, &fetch, &problem))
    return TRUE;
  agent_log (agent, G_LOG_LEVEL_MESSAGE, ROAM_MESSAGE_IKE, &fields, "Nothing is fetched from %s: %s", waiting->url,
             problem);
  return FALSE;
}

static void
on_resolved (const char *name, const RoamAddr *addresses, guint n, gpointer user_data)
{
  Agent *agent = user_data;
  AgentOutside *outside = agent->outside;

  for (guint i = outside->waiting->len; i > 0; i--)
    {
      Waiting *waiting = g_ptr_array_index (outside->waiting, i - 1);

      if (!g_str_equal (waiting->host, name))
        continue;
      g_ptr_array_steal_index (outside->waiting, i - 1);
      if (n == 0 || !start_fetch (agent, waiting, addresses, n))
        on_fetched (waiting->request, NULL, "the host's address is not known", agent);
      waiting_free (waiting);
    }
}

/* What cannot be begun is not answered: the session's patience ends by itself, and never within a pass. */
void
agent_outside_fetch (Agent *agent, const IkeAction *action)
{
  AgentOutside *outside = agent->outside;
  Waiting *waiting;

  if (outside->waiting->len >= AGENT_FETCH_MAX)
    return;
  waiting = g_new0 (Waiting, 1);
  waiting->request = action->fetch.request;
  waiting->url = g_strdup (action->fetch.url);
  waiting->host = agent_fetch_dup_host (action->fetch.url);
  waiting->content_type = action->fetch.content_type;
  waiting->body = action->fetch.body != NULL ? g_bytes_ref (action->fetch.body) : NULL;
  waiting->max_length = action->fetch.max_length;
  if (waiting->host != NULL)
    {
      g_ptr_array_add (outside->waiting, waiting);
      agent_resolver_ask (outside->resolver, waiting->host);
      return;
    }
  start_fetch (agent, waiting, NULL, 0);
  waiting_free (waiting);
}

/* ------------------------------------------------------------------ life cycle ---- */

void
agent_outside_init (Agent *agent)
{
  const AgentConfig *config = agent->config;
  const AgentFetchConfig fetch = { .mark = AGENT_MARK, .done = on_fetched, .permit = on_permit, .user_data = agent };
  AgentOutside *outside = g_new0 (AgentOutside, 1);

  if (config->private_key != NULL)
    outside->key = agent_key_io_new (config->private_key, config->pin, on_signed, agent);
  outside->fetch = agent_fetch_io_new (&fetch);
  outside->resolver = agent_resolver_new (agent->rng, AGENT_MARK, on_resolved, agent);
  outside->waiting = g_ptr_array_new_with_free_func (waiting_free);
  agent->outside = outside;
}

void
agent_outside_clear (Agent *agent)
{
  AgentOutside *outside = g_steal_pointer (&agent->outside);

  if (outside == NULL)
    return;
  agent_key_io_free (outside->key);
  agent_fetch_io_free (outside->fetch);
  agent_resolver_free (outside->resolver);
  g_ptr_array_unref (outside->waiting);
  g_free (outside);
}
