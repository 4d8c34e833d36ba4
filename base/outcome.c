/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/outcome.h"

const char *
roam_outcome_to_string (RoamOutcome outcome)
{
  switch (outcome)
    {
    case ROAM_OK:
      return "ok";
    case ROAM_IGNORE:
      return "ignore";
    case ROAM_FAIL:
      return "fail";
    case ROAM_FATAL:
      return "fatal";
    }
  return "?";
}
