/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/snapshot.h"

#include <string.h>

/*
 * The sentences for people. Three questions, three texts: what is (sentence), why it is so (why),
 * and what to do about it (advice, empty when there is nothing to do).
 */

const char *
agent_reply_code_to_string (guint8 code)
{
  static const struct
  {
    guint8 code;
    const char *word;
  } words[] = {
    /* RFC 5944 3.4 */
    { 0, "registration accepted" },
    { 1, "registration accepted, simultaneous bindings unsupported" },
    /* by foreign agents: RFC 5944 3.4, RFC 3024 5, RFC 4721 7 */
    { 64, "foreign agent: reason unspecified" },
    { 65, "foreign agent: administratively prohibited" },
    { 66, "foreign agent: insufficient resources" },
    { 67, "foreign agent: mobile node failed authentication" },
    { 68, "foreign agent: home agent failed authentication" },
    { 69, "foreign agent: requested Lifetime too long" },
    { 70, "foreign agent: poorly formed Request" },
    { 71, "foreign agent: poorly formed Reply" },
    { 72, "foreign agent: requested encapsulation unavailable" },
    { 74, "foreign agent: requested reverse tunnel unavailable" },
    { 75, "foreign agent: reverse tunnel is mandatory and T bit not set" },
    { 76, "foreign agent: mobile node too distant" },
    { 77, "foreign agent: invalid care-of address" },
    { 78, "foreign agent: registration timeout" },
    { 79, "foreign agent: delivery style not supported" },
    { 80, "foreign agent: home network unreachable" },
    { 81, "foreign agent: home agent host unreachable" },
    { 82, "foreign agent: home agent port unreachable" },
    { 88, "foreign agent: home agent unreachable" },
    { 104, "foreign agent: unknown challenge" },
    { 105, "foreign agent: missing challenge" },
    { 106, "foreign agent: stale challenge" },
    { 128, "reason unspecified" },
    { 129, "administratively prohibited" },
    { 130, "insufficient resources" },
    { 131, "mobile node failed authentication" },
    { 132, "foreign agent failed authentication" },
    { 133, "registration Identification mismatch" },
    { 134, "poorly formed Request" },
    { 135, "too many simultaneous mobility bindings" },
    { 136, "unknown home agent address" },
    /* RFC 3024 5 */
    { 137, "requested reverse tunnel unavailable" },
    { 138, "reverse tunnel is mandatory and T bit not set" },
    { 139, "requested encapsulation unavailable" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (words[i].code == code)
      return words[i].word;
  return "a code without a name";
}

static char *
sentence_f (const AgentSituation *s, const char *name)
{
  char agent[ROAM_ADDR_STRLEN];

  if (!roam_addr_is_set (&s->foreign_agent))
    return g_strdup_printf ("Inside the enterprise network through %s and its foreign agent; no VPN is needed.", name);
  return g_strdup_printf ("Inside the enterprise network through %s and its foreign agent %s; no VPN is needed.", name,
                          roam_addr_to_string (&s->foreign_agent, agent));
}

static char *
make_sentence (const AgentSituation *s)
{
  const char *name = s->interface == NULL ? "the network" : s->interface;

  switch (s->state)
    {
    case COORDINATOR_OFF:
      return g_strdup ("Switched off: the networks are used as they are, without protection.");
    case COORDINATOR_OFFLINE:
      return g_strdup ("No network.");
    case COORDINATOR_ACQUIRE:
      return g_strdup_printf ("Waiting for an address on %s.", name);
    case COORDINATOR_DET_0:
    case COORDINATOR_DET_G:
    case COORDINATOR_DET_R:
    case COORDINATOR_DET_V:
      return g_strdup_printf ("Finding out where %s leads; data waits for a moment.", name);
    case COORDINATOR_HOME:
      return g_strdup_printf ("On the home network through %s; no tunnel is needed.", name);
    case COORDINATOR_C:
    case COORDINATOR_C_FA:
      return g_strdup_printf ("Inside the enterprise network through %s%s; no VPN is needed.", name,
                              s->mip_nat ? ", which is behind a NAT" : "");
    case COORDINATOR_F:
      return sentence_f (s, name);
    case COORDINATOR_MCREG:
      return g_strdup_printf ("The VPN from %s is up; registering the home address through it.", name);
    case COORDINATOR_MC_BG:
    case COORDINATOR_MC:
    case COORDINATOR_MC_CHK:
      return g_strdup_printf ("Connected through the VPN from %s%s.", name, s->nat ? ", which is behind a NAT" : "");
    case COORDINATOR_BLOCKED:
      return g_strdup_printf ("No connection over %s: data is stopped until a safe path is found.", name);
    }
  g_assert_not_reached ();
}

static const char *
gateway_of (const AgentSituation *s)
{
  return s->gateway == NULL ? "?" : s->gateway;
}

static char *
why_inside (const AgentSituation *s, const char *where)
{
  char agent[ROAM_ADDR_STRLEN];

  return g_strdup_printf ("The home agent %s answered a request sent outside any VPN on %s, with a valid authenticator "
                          "and the Trusted Networks Configured extension: %s.",
                          roam_addr_to_string (&s->home_agent, agent), s->interface == NULL ? "?" : s->interface,
                          where);
}

static char *
why_outside (const AgentSituation *s, const char *proof)
{
  char agent[ROAM_ADDR_STRLEN];

  return g_strdup_printf ("The VPN gateway %s answered from %s, and %s of the home agent %s.", gateway_of (s),
                          s->interface == NULL ? "?" : s->interface, proof,
                          roam_addr_to_string (&s->home_agent, agent));
}

static char *
make_why (const AgentSituation *s)
{
  switch (s->state)
    {
    case COORDINATOR_OFF:
      return g_strdup ("An administrator disconnected it, or it has not been started.");
    case COORDINATOR_OFFLINE:
      return g_strdup ("No interface has a carrier.");
    case COORDINATOR_ACQUIRE:
      return g_strdup ("An interface has a carrier but no usable address with a default route yet.");
    case COORDINATOR_DET_0:
    case COORDINATOR_DET_G:
    case COORDINATOR_DET_R:
    case COORDINATOR_DET_V:
      return g_strdup ("The network changed. A direct Registration Request to the home agent and an exchange with the "
                       "VPN gateway are under way; their answers decide.");
    case COORDINATOR_HOME:
      return why_inside (s, "this is the enterprise, and its home link");
    case COORDINATOR_C:
    case COORDINATOR_C_FA:
    case COORDINATOR_F:
      return why_inside (s, "this is the enterprise");
    case COORDINATOR_MCREG:
      return why_outside (s, "there was no direct proof");
    case COORDINATOR_MC_BG:
      return why_outside (s, "the search for a direct proof still goes on");
    case COORDINATOR_MC:
      return why_outside (s, "no direct proof came");
    case COORDINATOR_MC_CHK:
      return why_outside (s, "a late sign of it is being checked; there is no proof yet");
    case COORDINATOR_BLOCKED:
      return g_strdup ("Neither did the home agent prove that this is the enterprise, nor is there a working VPN.");
    }
  g_assert_not_reached ();
}

static char *
advice_vpn_auth (const AgentSituation *s)
{
  const char *what = s->ike_reason == NULL ? "the credentials were refused" : s->ike_reason;
  const char *todo = s->ike_advice == NULL ? "Compare the credentials of [vpn] with the gateway's." : s->ike_advice;

  return g_strdup_printf (
    "The VPN with %s cannot be set up: %s. %s In the profile this is [vpn] remote-id, local-id and %s.", gateway_of (s),
    what, todo, s->vpn_certificate ? "ca-file, certificate-file and private-key-file" : "psk-file");
}

static char *
advice_no_path (const AgentSituation *s)
{
  char agent[ROAM_ADDR_STRLEN];

  roam_addr_to_string (&s->home_agent, agent);
  if (s->gateway == NULL)
    return g_strdup_printf ("The home agent %s does not prove that this is the enterprise (does it run, trust this "
                            "network, and have the same key?), and the profile names no VPN gateway.",
                            agent);
  return g_strdup_printf (
    "Neither the home agent %s nor the VPN gateway %s answers here. If the network wants a login in a "
    "browser, do that first; roamd tries again by itself.",
    agent, s->gateway);
}

/* Silence has its own advice; what the gateway or the engine said otherwise is more to the point. */
static gboolean
knows_more_than_silence (const AgentSituation *s)
{
  return s->ike_reason != NULL && strstr (s->ike_reason, "no answer") == NULL &&
         strstr (s->ike_reason, "not answer") == NULL;
}

/* A NAT that is forbidden, an address that the gateway does not accept, a name that nobody knows. Caller frees. */
static char *
advice_vpn_unusable (const AgentSituation *s)
{
  GString *text = g_string_new (NULL);

  g_string_printf (text, "The VPN with %s cannot be used from %s: %s.", gateway_of (s),
                   s->interface == NULL ? "here" : s->interface, s->ike_reason);
  if (s->ike_advice != NULL && s->ike_advice[0] != '\0')
    g_string_append_printf (text, " %c%s%s", g_ascii_toupper (s->ike_advice[0]), s->ike_advice + 1,
                            g_str_has_suffix (s->ike_advice, ".") ? "" : ".");
  return g_string_free (text, FALSE);
}

/* What to do about the alarm; the words of the profile are named so that the administrator finds them. */
static char *
advice_alarm (const AgentSituation *s)
{
  const char *gateway = gateway_of (s);
  char agent[ROAM_ADDR_STRLEN], home[ROAM_ADDR_STRLEN];

  roam_addr_to_string (&s->home_agent, agent);
  roam_addr_to_string (&s->home_address, home);
  switch (s->alarm)
    {
    case COORDINATOR_ALARM_NO_TNC:
      return g_strdup_printf (
        "The home agent %s answered without the Trusted Networks Configured extension. If this is "
        "the enterprise, add this network to the home agent's trusted-networks.",
        agent);
    case COORDINATOR_ALARM_TNC_OUTSIDE:
      return g_strdup_printf ("The home agent %s calls this network trusted although it looks like the outside. Check "
                              "its trusted-networks and the firewall.",
                              agent);
    case COORDINATOR_ALARM_KEY_MISMATCH:
      return g_strdup_printf (
        "The answers of the home agent %s fail authentication. Compare [mobile-ip] spi, algorithm "
        "and key-file with its entry for %s.",
        agent, home);
    case COORDINATOR_ALARM_HA_DENIED:
      return g_strdup_printf ("The home agent %s denies the registration of %s: code %u, %s. Ask its administrator.",
                              agent, home, s->alarm_code, agent_reply_code_to_string (s->alarm_code));
    case COORDINATOR_ALARM_VPN_AUTH:
      return advice_vpn_auth (s);
    case COORDINATOR_ALARM_VPN_UNREACHABLE:
      if (knows_more_than_silence (s))
        return advice_vpn_unusable (s);
      /* Where the home agent proves nothing either, both may be what is wrong. */
      if (s->state == COORDINATOR_BLOCKED || s->state == COORDINATOR_DET_R)
        return advice_no_path (s);
      return g_strdup_printf (
        "The VPN gateway %s does not answer. Does the network want a login in a browser first, or "
        "does it stop UDP ports 500 and 4500?",
        gateway);
    case COORDINATOR_ALARM_NO_MOBIKE:
      return g_strdup_printf ("The VPN gateway %s does not support MOBIKE: each move sets up a new VPN, which takes "
                              "longer. Switch MOBIKE on there.",
                              gateway);
    case COORDINATOR_ALARM_REVERSE_TUNNEL:
      return g_strdup_printf ("The home agent %s refuses the reverse tunnel (code %u, %s), without which data would "
                              "leave the VPN. Allow reverse tunnelling there.",
                              agent, s->alarm_code, agent_reply_code_to_string (s->alarm_code));
    case COORDINATOR_ALARM_NO_PATH:
      return advice_no_path (s);
    case COORDINATOR_ALARM_REVOKED:
      return g_strdup_printf (
        "The home agent %s ended the registration of %s by itself; roamd registers again. If this "
        "repeats, ask its administrator.",
        agent, home);
    case COORDINATOR_ALARM_CLEARED:
      return g_strdup ("");
    }
  g_assert_not_reached ();
}

static char *
advice_secret (const AgentSecretRequest *secret)
{
  const char *what = g_str_equal (secret->kind, "psk")   ? "shared secret"
                     : g_str_equal (secret->kind, "pin") ? "token's PIN"
                                                         : secret->kind;

  return g_strdup_printf ("The VPN with %s waits for the %s%s%s%s%s: run \"roamctl secret\".", secret->gateway, what,
                          secret->identity[0] == '\0' ? "" : " of ", secret->identity,
                          secret->refusal[0] == '\0' ? "" : ", since the last one was refused: ", secret->refusal);
}

static char *
make_advice (const AgentSituation *s)
{
  if (s->fault != NULL)
    return g_strdup_printf ("roamd cannot set up this machine: %s. Data is stopped. See journalctl -u roamd.",
                            s->fault);
  if (!s->enabled)
    return g_strdup ("\"roamctl connect\" switches it on.");
  if (s->secret != NULL)
    return advice_secret (s->secret);
  if (s->has_alarm)
    return advice_alarm (s);
  if (s->state == COORDINATOR_BLOCKED)
    return advice_no_path (s);
  if (s->state == COORDINATOR_OFFLINE)
    return g_strdup ("Plug in a cable or join a wireless network.");
  return g_strdup ("");
}

void
agent_snapshot_describe (AgentSnapshot *snapshot, const AgentSituation *situation)
{
  g_autofree char *sentence = make_sentence (situation), *why = make_why (situation), *advice = make_advice (situation);

  agent_snapshot_set_text (&snapshot->mode, coordinator_state_to_mode (situation->state));
  agent_snapshot_set_text (&snapshot->sentence, sentence);
  agent_snapshot_set_text (&snapshot->why, why);
  agent_snapshot_set_text (&snapshot->advice, advice);
  snapshot->enabled = situation->enabled;
}
