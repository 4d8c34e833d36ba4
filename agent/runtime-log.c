/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/runtime-private.h"

#include <stdarg.h>

/* A pass that has more to say than this is in trouble; the rest is dropped, the first lines say why. */
#define MAX_LINES 256

static void
line_free (AgentLogLine *line)
{
  g_free (line->link);
  g_free (line->mode);
  g_free (line->peer);
  g_free (line->reason);
  g_free (line->text);
  g_free (line);
}

void
agent_log (Agent *agent, GLogLevelFlags level, const char *message_id, const AgentLogFields *fields, const char *format,
           ...)
{
  AgentLogLine *line;
  va_list args;

  if (agent->log.length >= MAX_LINES)
    return;
  line = g_new0 (AgentLogLine, 1);
  line->level = level;
  line->message_id = message_id;
  line->link = g_strdup (fields->link);
  line->mode = g_strdup (fields->mode);
  line->peer = g_strdup (fields->peer);
  line->reason = g_strdup (fields->reason);
  va_start (args, format);
  line->text = g_strdup_vprintf (format, args);
  va_end (args);
  g_queue_push_tail (&agent->log, line);
}

static const char *
priority_of (GLogLevelFlags level)
{
  /* syslog(3): error 3, warning 4, notice 5, info 6, debug 7 */
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    return "3";
  if (level & G_LOG_LEVEL_WARNING)
    return "4";
  if (level & G_LOG_LEVEL_MESSAGE)
    return "5";
  return level & G_LOG_LEVEL_INFO ? "6" : "7";
}

static void
add_field (GLogField *fields, gsize *n_fields, const char *key, const char *value)
{
  if (value != NULL && value[0] != '\0')
    fields[(*n_fields)++] = (GLogField){ key, value, -1 };
}

static void
write_line (const AgentLogLine *line)
{
  GLogField fields[8];
  gsize n_fields = 0;

  add_field (fields, &n_fields, "MESSAGE", line->text);
  add_field (fields, &n_fields, "PRIORITY", priority_of (line->level));
  add_field (fields, &n_fields, "GLIB_DOMAIN", G_LOG_DOMAIN);
  add_field (fields, &n_fields, "MESSAGE_ID", line->message_id);
  add_field (fields, &n_fields, "ROAM_LINK", line->link);
  add_field (fields, &n_fields, "ROAM_MODE", line->mode);
  add_field (fields, &n_fields, "ROAM_PEER", line->peer);
  add_field (fields, &n_fields, "ROAM_REASON", line->reason);
  g_log_structured_array (line->level, fields, n_fields);
}

void
agent_log_flush (Agent *agent)
{
  AgentLogLine *line;

  while ((line = g_queue_pop_head (&agent->log)) != NULL)
    {
      write_line (line);
      line_free (line);
    }
}

void
agent_log_transition (Agent *agent, const CoordinatorTransition *transition)
{
  const char *mode = coordinator_state_to_mode (transition->new_state);
  AgentLogFields fields = { .link = transition->ifname, .mode = mode, .reason = transition->reason };

  agent_log (agent, G_LOG_LEVEL_INFO, ROAM_MESSAGE_STATE, &fields, "%s: %s -> %s (%s): %s",
             transition->ifname[0] == '\0' ? "agent" : transition->ifname,
             coordinator_state_to_string (transition->old_state), coordinator_state_to_string (transition->new_state),
             transition->event == NULL ? "?" : transition->event, transition->reason == NULL ? "" : transition->reason);
}

static const char *
ike_event_word (IkeEventType type)
{
  switch (type)
    {
    case IKE_EVENT_ESTABLISHED:
      return "VPN established";
    case IKE_EVENT_PATH_OK:
      return "VPN path confirmed";
    case IKE_EVENT_PATH_FAILED:
      return "VPN path failed";
    case IKE_EVENT_FAILED:
      return "VPN could not be set up";
    case IKE_EVENT_AUTH_FAILED:
      return "VPN authentication failed";
    case IKE_EVENT_DEAD:
      return "VPN is gone";
    case IKE_EVENT_TIA_CHANGED:
      return "VPN inner address changed";
    case IKE_EVENT_NAT_CHANGED:
      return "NAT on the VPN path changed";
    case IKE_EVENT_PATH_CHANGED:
      return "VPN took another path";
    case IKE_EVENT_REDIRECTED:
      return "VPN gateway names another one";
    case IKE_EVENT_RESOLVE:
      return "VPN gateway's name is resolved again";
    }
  g_assert_not_reached ();
}

void
agent_log_ike (Agent *agent, const IkeEvent *event)
{
  char buffer[ROAM_ADDR_STRLEN];
  const char *gateway = agent_vpn_gateway_text (agent, buffer);
  AgentLogFields fields = { .peer = gateway, .reason = event->reason };
  GLogLevelFlags level = event->type == IKE_EVENT_AUTH_FAILED ? G_LOG_LEVEL_WARNING : G_LOG_LEVEL_INFO;

  agent_log (agent, level, ROAM_MESSAGE_IKE, &fields, "%s (%s)%s%s", ike_event_word (event->type), gateway,
             event->reason == NULL ? "" : ": ", event->reason == NULL ? "" : event->reason);
}

/* RFC 4917: already escaped by the engine; who vouches for it is said. Caller frees. */
static char *
message_text (const Mip4MnEvent *event)
{
  if (event->message[0] == '\0')
    return g_strdup ("");
  return g_strdup_printf ("; it says%s: \"%s\"", event->message_authentic ? "" : ", without authentication",
                          event->message);
}

void
agent_log_mip4 (Agent *agent, const Mip4MnEvent *event)
{
  g_autofree char *message = message_text (event);
  char peer[ROAM_ADDR_STRLEN], coa[ROAM_ADDR_STRLEN];
  const char *link = event->path == MIP4_PATH_VPN ? "vpn" : agent_link_name (agent, (int)event->path);
  AgentLogFields fields = { .link = link,
                            .peer =
                              roam_addr_to_string (event->by_agent ? &event->agent : &agent->config->home_agent, peer),
                            .reason = event->reason };

  roam_addr_to_string (&event->care_of_address, coa);
  switch (event->type)
    {
    case MIP4_MN_ACCEPTED:
      agent_log (agent, G_LOG_LEVEL_INFO, ROAM_MESSAGE_MIP4, &fields,
                 "Registration of %s over %s accepted by %s for %u s%s%s%s", coa, link, peer, event->lifetime_s,
                 event->tnc ? ", trusted network" : "", event->udp_tunnel ? ", through a NAT" : "", message);
      break;
    case MIP4_MN_DENIED:
      agent_log (agent, G_LOG_LEVEL_MESSAGE, ROAM_MESSAGE_MIP4, &fields,
                 "Registration of %s over %s denied by %s: code %u, %s%s", coa, link, peer, event->code,
                 agent_reply_code_to_string (event->code), message);
      break;
    case MIP4_MN_REVOKED:
      agent_log (agent, G_LOG_LEVEL_MESSAGE, ROAM_MESSAGE_MIP4, &fields,
                 "Registration of %s over %s revoked by the home agent %s", coa, link, peer);
      break;
    case MIP4_MN_EXHAUSTED:
    case MIP4_MN_DISCARDED:
    case MIP4_MN_LATE:
    case MIP4_MN_RENEWAL_DUE:
    case MIP4_MN_EXPIRED:
      agent_log (agent, G_LOG_LEVEL_DEBUG, ROAM_MESSAGE_MIP4, &fields, "Registration of %s over %s: %s", coa, link,
                 event->reason == NULL ? "no news" : event->reason);
      break;
    }
}

static const char *
agent_event_word (Mip4DiscoveryEventType type)
{
  switch (type)
    {
    case MIP4_DISCOVERY_AGENT_NEW:
      return "heard";
    case MIP4_DISCOVERY_AGENT_CHANGED:
      return "changed";
    case MIP4_DISCOVERY_AGENT_LOST:
      return "not heard any more";
    case MIP4_DISCOVERY_AGENT_RESET:
      return "started anew";
    case MIP4_DISCOVERY_MOVED:
      return "left behind";
    case MIP4_DISCOVERY_HOME_AGENT:
      return "heard on its home link";
    }
  g_assert_not_reached ();
}

/* Anybody on the link can say these things, as often as they like: nothing for the journal's ordinary readers. */
void
agent_log_agent (Agent *agent, const Mip4DiscoveryEvent *event)
{
  char peer[ROAM_ADDR_STRLEN];
  AgentLogFields fields = { .link = agent_link_name (agent, (int)event->path),
                            .peer = roam_addr_to_string (&event->agent.address, peer),
                            .reason = event->reason };

  agent_log (agent, G_LOG_LEVEL_DEBUG, ROAM_MESSAGE_MIP4, &fields, "Agent %s on %s %s%s%s", peer, fields.link,
             agent_event_word (event->type), event->reason == NULL ? "" : ": ",
             event->reason == NULL ? "" : event->reason);
}

static const char *
link_event_word (DetectEventType type)
{
  switch (type)
    {
    case DETECT_EVENT_LINK_UP:
      return "carrier";
    case DETECT_EVENT_ADDRESS:
      return "address";
    case DETECT_EVENT_ADDRESS_LOST:
      return "address lost";
    case DETECT_EVENT_LINK_DOWN:
      return "down";
    case DETECT_EVENT_HINT:
      return "hint";
    }
  g_assert_not_reached ();
}

void
agent_log_link (Agent *agent, const DetectEvent *event)
{
  char address[ROAM_ADDR_STRLEN];
  AgentLogFields fields = { .link = event->link.name, .reason = event->reason };

  agent_log (agent, G_LOG_LEVEL_INFO, ROAM_MESSAGE_LINK, &fields, "%s: %s, address %s (%s)", event->link.name,
             link_event_word (event->type), roam_addr_to_string (&event->link.address, address),
             event->reason == NULL ? "" : event->reason);
}
