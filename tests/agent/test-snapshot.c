/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/snapshot.h"

#include <string.h>

static AgentSituation
situation (CoordinatorState state)
{
  AgentSituation s = { .state = state, .enabled = TRUE, .interface = "wlan0" };

  roam_addr_parse ("10.1.0.100", &s.home_address);
  roam_addr_parse ("10.1.0.2", &s.home_agent);
  s.gateway = "203.0.113.2";
  return s;
}

static AgentSnapshot *
describe (const AgentSituation *s)
{
  AgentSnapshot *snapshot = agent_snapshot_new ();

  agent_snapshot_describe (snapshot, s);
  return snapshot;
}

/* Every state has a mode, a sentence and a reason: whole sentences without leftovers of formatting. */
static void
test_every_state_is_said (void)
{
  for (guint state = 0; state < COORDINATOR_N_STATES; state++)
    {
      AgentSituation s = situation ((CoordinatorState)state);
      g_autoptr (AgentSnapshot) snapshot = describe (&s);

      g_assert_cmpstr (snapshot->mode, ==, coordinator_state_to_mode ((CoordinatorState)state));
      g_assert_true (g_str_has_suffix (snapshot->sentence, "."));
      g_assert_true (g_str_has_suffix (snapshot->why, "."));
      g_assert_null (strchr (snapshot->sentence, '%'));
    }
}

static void
test_without_interface (void)
{
  for (guint state = 0; state < COORDINATOR_N_STATES; state++)
    {
      AgentSituation s = situation ((CoordinatorState)state);
      g_autoptr (AgentSnapshot) snapshot = NULL;

      s.interface = NULL;
      snapshot = describe (&s);
      g_assert_null (strstr (snapshot->sentence, "(null)"));
      g_assert_null (strstr (snapshot->why, "(null)"));
    }
}

static void
test_modes_in_words (void)
{
  AgentSituation s = situation (COORDINATOR_MC);
  g_autoptr (AgentSnapshot) mc = NULL;
  g_autoptr (AgentSnapshot) c = NULL;

  s.nat = TRUE;
  mc = describe (&s);
  g_assert_cmpstr (mc->sentence, ==, "Connected through the VPN from wlan0, which is behind a NAT.");
  g_assert_cmpstr (mc->why, ==,
                   "The VPN gateway 203.0.113.2 answered from wlan0, and no direct proof came of the home agent "
                   "10.1.0.2.");
  s = situation (COORDINATOR_C);
  c = describe (&s);
  g_assert_nonnull (strstr (c->why, "10.1.0.2"));
  g_assert_nonnull (strstr (c->why, "Trusted Networks Configured"));
  g_assert_cmpstr (c->advice, ==, "");
}

static void
test_agents_and_nat_in_words (void)
{
  AgentSituation s = situation (COORDINATOR_F);
  g_autoptr (AgentSnapshot) f = NULL;
  g_autoptr (AgentSnapshot) c = NULL;

  roam_addr_parse ("10.2.0.9", &s.foreign_agent);
  f = describe (&s);
  g_assert_cmpstr (f->sentence, ==,
                   "Inside the enterprise network through wlan0 and its foreign agent 10.2.0.9; no VPN is needed.");
  s = situation (COORDINATOR_C);
  s.mip_nat = TRUE;
  c = describe (&s);
  g_assert_cmpstr (c->sentence, ==,
                   "Inside the enterprise network through wlan0, which is behind a NAT; no VPN is needed.");
}

/* What a person must do is said for each alarm, with the address or the key to look at. */
static void
test_every_alarm_has_advice (void)
{
  static const struct
  {
    CoordinatorAlarm alarm;
    const char *word;
  } rows[] = {
    { COORDINATOR_ALARM_NO_TNC, "trusted-networks" },
    { COORDINATOR_ALARM_TNC_OUTSIDE, "firewall" },
    { COORDINATOR_ALARM_KEY_MISMATCH, "key-file" },
    { COORDINATOR_ALARM_HA_DENIED, "code 129, administratively prohibited" },
    { COORDINATOR_ALARM_VPN_AUTH, "203.0.113.2" },
    { COORDINATOR_ALARM_VPN_UNREACHABLE, "nor the VPN gateway 203.0.113.2 answers" },
    { COORDINATOR_ALARM_NO_MOBIKE, "MOBIKE" },
    { COORDINATOR_ALARM_REVERSE_TUNNEL, "reverse tunnel" },
    { COORDINATOR_ALARM_NO_PATH, "login" },
    { COORDINATOR_ALARM_REVOKED, "10.1.0.100" },
  };

  /* covers: R5266-SEC-006 */
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      AgentSituation s = situation (COORDINATOR_BLOCKED);
      g_autoptr (AgentSnapshot) snapshot = NULL;

      s.has_alarm = TRUE;
      s.alarm = rows[i].alarm;
      s.alarm_code = 129;
      snapshot = describe (&s);
      if (strstr (snapshot->advice, rows[i].word) == NULL)
        g_error ("'%s' does not hold '%s'", snapshot->advice, rows[i].word);
    }
}

static void
test_blocked_is_never_without_advice (void)
{
  AgentSituation s = situation (COORDINATOR_BLOCKED);
  g_autoptr (AgentSnapshot) with_vpn = describe (&s), without = NULL;

  g_assert_nonnull (strstr (with_vpn->advice, "login"));
  s.gateway = NULL;
  without = describe (&s);
  g_assert_nonnull (strstr (without->advice, "10.1.0.2"));
  g_assert_nonnull (strstr (without->advice, "no VPN gateway"));
}

/* Silence has the advice of old; what the gateway or the engine refused is said in its words. */
static void
test_vpn_refusals (void)
{
  static const struct
  {
    const char *reason, *advice, *expected;
  } rows[] = {
    { "no answer to IKE_SA_INIT", "the gateway may be down", "does not answer" },
    { "the gateway does not answer", NULL, "does not answer" },
    { NULL, NULL, "does not answer" },
    { "UNEXPECTED_NAT_DETECTED", "use a network without address translation, or nat=traverse",
      "The VPN with 203.0.113.2 cannot be used from wlan0: UNEXPECTED_NAT_DETECTED. Use a network without address "
      "translation, or nat=traverse." },
    { "NAT_PREVENTED", "Done.", "NAT_PREVENTED. Done." },
    { "UNACCEPTABLE_ADDRESSES", NULL, "cannot be used from wlan0: UNACCEPTABLE_ADDRESSES." },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      AgentSituation s = situation (COORDINATOR_DET_0);
      g_autoptr (AgentSnapshot) snapshot = NULL;

      s.has_alarm = TRUE;
      s.alarm = COORDINATOR_ALARM_VPN_UNREACHABLE;
      s.ike_reason = rows[i].reason;
      s.ike_advice = rows[i].advice;
      snapshot = describe (&s);
      if (strstr (snapshot->advice, rows[i].expected) == NULL)
        g_error ("'%s' does not hold '%s'", snapshot->advice, rows[i].expected);
    }
}

static void
test_secret_that_is_asked_for (void)
{
  AgentSituation s = situation (COORDINATOR_BLOCKED);
  AgentSecretRequest *request = agent_secret_request_new ();
  g_autoptr (AgentSnapshot) first = NULL, again = NULL, pin = NULL;

  s.has_alarm = TRUE;
  s.alarm = COORDINATOR_ALARM_VPN_AUTH;
  s.secret = request;
  agent_snapshot_set_text (&request->kind, "password");
  agent_snapshot_set_text (&request->identity, "alice");
  agent_snapshot_set_text (&request->gateway, "vpn.example.com");
  first = describe (&s);
  g_assert_cmpstr (first->advice, ==,
                   "The VPN with vpn.example.com waits for the password of alice: run \"roamctl secret\".");
  agent_snapshot_set_text (&request->refusal, "user name or password is wrong");
  again = describe (&s);
  g_assert_nonnull (strstr (again->advice, ", since the last one was refused: user name or password is wrong: run"));
  agent_snapshot_set_text (&request->kind, "pin");
  agent_snapshot_set_text (&request->identity, "");
  pin = describe (&s);
  g_assert_nonnull (strstr (pin->advice, "waits for the token's PIN, since"));
  agent_secret_request_free (request);
}

/* Who listens is told of a question, and of its end. */
static void
test_secrets_are_news (void)
{
  g_autoptr (AgentSnapshot) none = agent_snapshot_new (), one = agent_snapshot_new (), other = agent_snapshot_new ();

  g_ptr_array_add (one->secrets, agent_secret_request_new ());
  g_ptr_array_add (other->secrets, agent_secret_request_new ());
  g_assert_false (agent_snapshot_equal (none, one));
  g_assert_true (agent_snapshot_equal (one, other));
  ((AgentSecretRequest *)other->secrets->pdata[0])->handle = 5;
  g_assert_false (agent_snapshot_equal (one, other));
}

static void
test_vpn_advice_comes_from_the_session (void)
{
  AgentSituation s = situation (COORDINATOR_BLOCKED);
  g_autoptr (AgentSnapshot) snapshot = NULL;

  s.has_alarm = TRUE;
  s.alarm = COORDINATOR_ALARM_VPN_AUTH;
  s.ike_reason = "the gateway's certificate has expired";
  s.ike_advice = "Ask for a new one.";
  snapshot = describe (&s);
  g_assert_cmpstr (snapshot->advice, ==,
                   "The VPN with 203.0.113.2 cannot be set up: the gateway's certificate has expired. Ask for a new "
                   "one. In the profile this is [vpn] remote-id, local-id and psk-file.");
}

static void
test_fault_and_off (void)
{
  AgentSituation s = situation (COORDINATOR_MC);
  g_autoptr (AgentSnapshot) fault = NULL, off = NULL;

  s.has_alarm = TRUE;
  s.fault = "no /dev/net/tun";
  fault = describe (&s);
  g_assert_nonnull (strstr (fault->advice, "no /dev/net/tun"));
  s = situation (COORDINATOR_OFF);
  s.enabled = FALSE;
  off = describe (&s);
  g_assert_nonnull (strstr (off->advice, "roamctl connect"));
  g_assert_false (off->enabled);
}

static void
test_equal (void)
{
  AgentSituation s = situation (COORDINATOR_C);
  g_autoptr (AgentSnapshot) a = describe (&s), b = describe (&s);
  AgentLinkStatus *one = agent_link_status_new (), *two = agent_link_status_new ();

  g_ptr_array_add (a->links, one);
  g_ptr_array_add (b->links, two);
  one->proof_age_ms = 1;
  two->proof_age_ms = 2000;
  b->since_ms = 7;
  b->generation = 9;
  agent_snapshot_set_counter (b, "gate", "stopped-packets", 3);
  g_assert_true (agent_snapshot_equal (a, b)); /* ages and counters are no news */
  two->proof_age_ms = -1;
  g_assert_false (agent_snapshot_equal (a, b)); /* a proof that is gone is */
  two->proof_age_ms = 1;
  agent_snapshot_set_text (&two->state, "MC");
  g_assert_false (agent_snapshot_equal (a, b));
  agent_snapshot_set_text (&two->state, "");
  agent_snapshot_set_text (&b->foreign_agent, "10.2.0.9");
  g_assert_false (agent_snapshot_equal (a, b));
  agent_snapshot_set_text (&b->foreign_agent, "");
  g_assert_true (agent_snapshot_equal (a, b));
  b->mip_nat = TRUE;
  g_assert_false (agent_snapshot_equal (a, b));
  b->mip_nat = FALSE;
  agent_snapshot_set_text (&b->message, "x");
  g_assert_false (agent_snapshot_equal (a, b));
  agent_snapshot_set_text (&b->message, "");
  agent_snapshot_set_text (&b->tia, "10.8.0.2");
  g_assert_false (agent_snapshot_equal (a, b));
}

static void
test_counters (void)
{
  g_autoptr (AgentSnapshot) snapshot = agent_snapshot_new ();
  g_autoptr (GHashTable) counters = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  guint64 value = 5;

  g_hash_table_insert (counters, g_strdup ("sent"), g_memdup2 (&value, sizeof value));
  agent_snapshot_add_counters (snapshot, "mip4", counters);
  g_assert_cmpuint (*(const guint64 *)g_hash_table_lookup (snapshot->counters, "mip4.sent"), ==, 5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/snapshot/every-state", test_every_state_is_said);
  g_test_add_func ("/snapshot/no-interface", test_without_interface);
  g_test_add_func ("/snapshot/modes", test_modes_in_words);
  g_test_add_func ("/snapshot/agents-and-nat", test_agents_and_nat_in_words);
  g_test_add_func ("/snapshot/alarms", test_every_alarm_has_advice);
  g_test_add_func ("/snapshot/blocked", test_blocked_is_never_without_advice);
  g_test_add_func ("/snapshot/vpn-advice", test_vpn_advice_comes_from_the_session);
  g_test_add_func ("/snapshot/fault-and-off", test_fault_and_off);
  g_test_add_func ("/snapshot/equal", test_equal);
  g_test_add_func ("/snapshot/counters", test_counters);
  g_test_add_func ("/snapshot/vpn-refusals", test_vpn_refusals);
  g_test_add_func ("/snapshot/secret-that-is-asked-for", test_secret_that_is_asked_for);
  g_test_add_func ("/snapshot/secrets-are-news", test_secrets_are_news);
  return g_test_run ();
}
