/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a session says about itself to displays. */
#include "ike/ike-session-private.h"

#include <string.h>

const char *
ike_state_to_string (IkeState state)
{
  switch (state)
    {
    case IKE_STATE_IDLE:
      return "idle";
    case IKE_STATE_INIT:
      return "init";
    case IKE_STATE_AUTH:
      return "auth";
    case IKE_STATE_ESTABLISHED:
      return "established";
    case IKE_STATE_CLOSING:
      return "closing";
    }
  return "unknown";
}

static void
write_remote_id (const IkeSession *session, IkeStatus *ret_status)
{
  g_autofree char *text = NULL;

  if ((session->state != IKE_STATE_ESTABLISHED && session->state != IKE_STATE_CLOSING) || !session->remote_id.data)
    return;
  text = ike_identity_to_string (session->remote_id.type, ike_view (session->remote_id.data));
  g_strlcpy (ret_status->remote_id, text, sizeof ret_status->remote_id);
}

static void
get_pairs (const IkeSession *session, IkeStatus *ret_status)
{
  const IkePair *used = &session->mobility.now;

  for (guint i = 0; i < session->paths.n_candidates; i++)
    {
      const IkeCandidate *candidate = &session->paths.candidates[i];

      ret_status->pairs[ret_status->n_pairs++] =
        (IkePairStatus){ .path = candidate->path,
                         .remote = { .addr = candidate->remote, .port = used->remote.port },
                         .state = candidate->state,
                         .in_use = session->current && ike_paths_is_used (&session->paths, candidate),
                         .rtt_us = candidate->rtt_us,
                         .tried_us = candidate->tried_us };
    }
}

void
ike_session_get_status (const IkeSession *session, IkeStatus *ret_status)
{
  IkeChild *child = ike_child_in_use (session);
  const IkeSa *sa = session->current;

  memset (ret_status, 0, sizeof *ret_status);
  ret_status->state = session->mobility.suspended ? "suspended" : ike_state_to_string (session->state);
  write_remote_id (session, ret_status);
  get_pairs (session, ret_status);
  ret_status->mobike = session->dialect != NULL;
  /* IKE_AUTH has the last word. */
  ret_status->dialect = session->dialect && session->established_us > 0 ? session->dialect->name : "none";
  ret_status->nat_local = session->nat_local;
  ret_status->nat_remote = session->nat_remote;
  ret_status->path = (IkePath){ .ifindex = session->mobility.now.ifindex, .local = session->mobility.now.local.addr };
  ret_status->remote = session->mobility.now.remote;
  ret_status->established_us = session->established_us;
  ret_status->last_rtt_us = session->rtt_us;
  if (sa)
    {
      ret_status->spi_i = sa->spi_i;
      ret_status->spi_r = sa->spi_r;
      ret_status->rekey_us = sa->rekey_us == ROAM_NEVER ? 0 : sa->rekey_us;
      if (sa->keys)
        ike_suite_to_string (&sa->keys->suite, IKE_PROTOCOL_IKE, ret_status->ike_suite, sizeof ret_status->ike_suite);
    }
  if (child)
    {
      ret_status->child_spi_in = child->sa->spi_in;
      ret_status->child_spi_out = child->sa->spi_out;
      ike_suite_to_string (&child->suite, IKE_PROTOCOL_ESP, ret_status->esp_suite, sizeof ret_status->esp_suite);
    }
}

const char *
ike_event_type_to_string (IkeEventType type)
{
  switch (type)
    {
    case IKE_EVENT_ESTABLISHED:
      return "established";
    case IKE_EVENT_PATH_OK:
      return "path-ok";
    case IKE_EVENT_PATH_FAILED:
      return "path-failed";
    case IKE_EVENT_FAILED:
      return "failed";
    case IKE_EVENT_AUTH_FAILED:
      return "auth-failed";
    case IKE_EVENT_DEAD:
      return "dead";
    case IKE_EVENT_TIA_CHANGED:
      return "tia-changed";
    case IKE_EVENT_NAT_CHANGED:
      return "nat-changed";
    case IKE_EVENT_PATH_CHANGED:
      return "path-changed";
    case IKE_EVENT_REDIRECTED:
      return "redirected";
    case IKE_EVENT_RESOLVE:
      return "resolve";
    }
  return "?";
}
