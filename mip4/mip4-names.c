/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-codec-private.h"

static const struct
{
  const char *counter;
  const char *sentence;
} discards[MIP4_N_DISCARDS] = {
  [MIP4_DISCARD_NONE] = { "discarded-none", "not discarded" },
  [MIP4_DISCARD_TYPE] = { "discarded-unknown-message", "unknown message type" },
  [MIP4_DISCARD_SHORT] = { "discarded-short", "shorter than the fixed part of its message" },
  [MIP4_DISCARD_UNTRUSTED_SOURCE] = { "discarded-untrusted-source", "request from outside the trusted networks" },
  [MIP4_DISCARD_WRONG_SOURCE] = { "discarded-wrong-source", "reply not from the address the request went to" },
  [MIP4_DISCARD_WRONG_ADDRESS] = { "discarded-wrong-address", "reply not at the address the request left from" },
  [MIP4_DISCARD_WRONG_PATH] = { "discarded-wrong-path", "reply on another path than its request" },
  [MIP4_DISCARD_NO_RECORD] = { "discarded-identification",
                               "low-order Identification matches no pending Registration Request" },
  [MIP4_DISCARD_EXTENSION_OVERRUN] = { "discarded-extension-overrun", "extension passes the end of the message" },
  [MIP4_DISCARD_EXTENSION_UNKNOWN] = { "discarded-unknown-extension", "unknown extension that may not be skipped" },
  [MIP4_DISCARD_EXTENSION_MALFORMED] = { "discarded-malformed-extension",
                                         "extension with an impossible Length or Sub-Type" },
  [MIP4_DISCARD_FOREIGN_AGENT] = { "discarded-foreign-agent-denial",
                                   "foreign agent's denial: no evidence of the home agent" },
  [MIP4_DISCARD_NO_ASSOCIATION] = { "discarded-no-association", "no mobility security association with this node" },
  [MIP4_DISCARD_NO_MHAE] = { "discarded-no-mhae", "no Mobile-Home Authentication Extension" },
  [MIP4_DISCARD_TWO_MHAE] = { "discarded-two-mhae", "more than one Mobile-Home Authentication Extension" },
  [MIP4_DISCARD_SPI] = { "discarded-unknown-spi", "no security context for this SPI" },
  [MIP4_DISCARD_AUTHENTICATOR] = { "discarded-bad-authenticator", "invalid authenticator" },
  [MIP4_DISCARD_AUTHENTICATOR_131] = { "discarded-bad-authenticator-131",
                                       "code 131 with an invalid authenticator: the shared key is probably wrong" },
  [MIP4_DISCARD_MFAE_COUNT] = { "discarded-mobile-foreign-auth-count",
                                "not exactly one Mobile-Foreign Authentication Extension" },
  [MIP4_DISCARD_MFAE] = { "discarded-bad-mobile-foreign-auth", "invalid Mobile-Foreign Authentication Extension" },
  [MIP4_DISCARD_MFAE_67] = { "discarded-bad-mobile-foreign-auth-67",
                             "code 67 with an invalid authenticator: the agent's shared key is probably wrong" },
  [MIP4_DISCARD_HOME_ADDRESS] = { "discarded-home-address", "reply for another home address" },
  [MIP4_DISCARD_HOME_AGENT] = { "discarded-home-agent", "reply of another home agent" },
  [MIP4_DISCARD_LATE_DENIAL] = { "discarded-late-denial", "denial of a request that is no longer pending" },
  [MIP4_DISCARD_REVOCATION_AUTHENTICATOR] = { "discarded-revocation-authenticator",
                                              "Registration Revocation without a valid authenticator" },
  [MIP4_DISCARD_REVOCATION_DIRECTION] = { "discarded-revocation-direction",
                                          "Registration Revocation that no home agent sent" },
  [MIP4_DISCARD_REVOCATION_BINDING] = { "discarded-revocation-binding",
                                        "Registration Revocation of no binding of this node" },
  [MIP4_DISCARD_REVOCATION_REPLAYED] = { "discarded-revocation-replayed", "Registration Revocation that is not new" },
  [MIP4_DISCARD_REVOCATION_RATE] = { "discarded-revocation-rate",
                                     "Registration Revocation less than 1 s after the last" },
  [MIP4_DISCARD_REVOCATION_ACK] = { "discarded-revocation-ack",
                                    "acknowledgment of no revocation that waits for one" },
  [MIP4_DISCARD_KEEPALIVE] = { "discarded-keepalive", "keepalive of no binding that waits for one" },
  [MIP4_DISCARD_FHAE] = { "discarded-foreign-home-auth",
                          "Foreign-Home Authentication Extension without an association" },
  [MIP4_DISCARD_CHALLENGE] = { "discarded-challenge-alone",
                               "challenge without an authentication extension behind it" },
  [MIP4_DISCARD_REVOCATION_SUPPORT] = { "discarded-revocation-support",
                                        "Revocation Support of a node without a co-located care-of address" },
};

const char *
mip4_discard_counter (Mip4Discard why)
{
  g_return_val_if_fail ((guint)why < MIP4_N_DISCARDS, "discarded");
  return discards[why].counter;
}

const char *
mip4_discard_sentence (Mip4Discard why)
{
  g_return_val_if_fail ((guint)why < MIP4_N_DISCARDS, "discarded");
  return discards[why].sentence;
}

Mip4CodeClass
mip4_code_class (guint8 code)
{
  if (code <= MIP4_CODE_ACCEPTED_NO_SIMULTANEOUS)
    return MIP4_CODE_CLASS_ACCEPTED;
  if ((code >= 64 && code <= 127) || (code >= 193 && code <= 200))
    return MIP4_CODE_CLASS_FOREIGN_AGENT;
  return MIP4_CODE_CLASS_HOME_AGENT;
}

const char *
mip4_code_to_string (guint8 code)
{
  static const char *const names[256] = {
    [0] = "registration accepted",
    [1] = "registration accepted, but simultaneous mobility bindings unsupported",
    [64] = "foreign agent: reason unspecified",
    [65] = "foreign agent: administratively prohibited",
    [66] = "foreign agent: insufficient resources",
    [67] = "foreign agent: mobile node failed authentication",
    [68] = "foreign agent: home agent failed authentication",
    [69] = "foreign agent: requested Lifetime too long",
    [70] = "foreign agent: poorly formed Request",
    [71] = "foreign agent: poorly formed Reply",
    [72] = "foreign agent: requested encapsulation unavailable",
    [73] = "foreign agent: reserved and unavailable",
    [74] = "foreign agent: requested reverse tunnel unavailable",
    [75] = "foreign agent: reverse tunnel is mandatory and 'T' bit not set",
    [76] = "foreign agent: mobile node too distant",
    [77] = "foreign agent: invalid care-of address",
    [78] = "foreign agent: registration timeout",
    [79] = "foreign agent: delivery style not supported",
    [80] = "foreign agent: home network unreachable",
    [81] = "foreign agent: home agent host unreachable",
    [82] = "foreign agent: home agent port unreachable",
    [88] = "foreign agent: home agent unreachable",
    [90] = "foreign agent: non-zero home agent address required",
    [96] = "foreign agent: non-zero home address required",
    [97] = "foreign agent: missing NAI",
    [98] = "foreign agent: missing home agent",
    [99] = "foreign agent: missing home address",
    [100] = "foreign agent: unsupported vendor extension from the mobile node",
    [101] = "foreign agent: unsupported vendor extension from the home agent",
    [104] = "foreign agent: unknown challenge",
    [105] = "foreign agent: missing challenge",
    [106] = "foreign agent: stale challenge",
    [108] = "foreign agent: bad AAA authentication",
    [109] = "foreign agent: wrong challenge from the home agent",
    [128] = "home agent: reason unspecified",
    [129] = "home agent: administratively prohibited",
    [130] = "home agent: insufficient resources",
    [131] = "home agent: mobile node failed authentication",
    [132] = "home agent: foreign agent failed authentication",
    [133] = "home agent: registration Identification mismatch",
    [134] = "home agent: poorly formed Request",
    [135] = "home agent: too many simultaneous mobility bindings",
    [136] = "home agent: unknown home agent address",
    [137] = "home agent: requested reverse tunnel unavailable",
    [138] = "home agent: reverse tunnel is mandatory and 'T' bit not set",
    [139] = "home agent: requested encapsulation unavailable",
    [140] = "home agent: unsupported vendor extension from the mobile node",
    [141] = "home agent: unsupported vendor extension from the foreign agent",
    [142] = "home agent: requested UDP tunnel encapsulation unavailable",
    [143] = "home agent: redirected to another home agent",
    [144] = "home agent: bad AAA authentication",
    [151] = "home agent: service authorization failed",
    [194] = "gateway foreign agent: invalid home agent address",
  };

  if (names[code] != NULL)
    return names[code];
  return mip4_code_class (code) == MIP4_CODE_CLASS_FOREIGN_AGENT ? "foreign agent: unassigned code"
                                                                 : "home agent: unassigned code";
}
