/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detect/detect.h"

/* RFC 5944 3.4: codes 0 and 1 are the two that say "registered". */
static gboolean
is_accepted (guint8 code)
{
  return code == 0 || code == 1;
}

static DetectVerdict
judge (const DetectEvidence *e, const char **reason)
{
  if (!e->authentic)
    {
      *reason = "the answer's authenticator does not verify";
      return DETECT_VERDICT_NONE;
    }
  /* through the VPN the home agent adds TNC too, since it trusts the gateway's pool. */
  if (!e->direct)
    {
      *reason = "the answer came through the VPN, which says nothing about this network";
      return DETECT_VERDICT_NONE;
    }
  if (!is_accepted (e->code))
    {
      *reason = "the registration was denied";
      return DETECT_VERDICT_NONE;
    }
  if (!e->tnc)
    {
      *reason = "the home agent does not count this network as trusted (no TNC extension)";
      return DETECT_VERDICT_NOT_TRUSTED;
    }
  if (!e->current)
    {
      *reason = "the answer belongs to an older request";
      return DETECT_VERDICT_HINT;
    }
  *reason = "the home agent confirmed a trusted network (TNC)";
  return DETECT_VERDICT_TRUSTED;
}

DetectVerdict
detect_trust_judge (const DetectEvidence *evidence, const char **ret_reason)
{
  const char *reason = NULL;
  DetectVerdict verdict = judge (evidence, &reason);

  if (ret_reason != NULL)
    *ret_reason = reason;
  return verdict;
}
