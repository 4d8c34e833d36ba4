/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/gateways.h"

#define SEC ROAM_USEC_PER_SEC
#define NAME "vpn.example.com"

static const char *const one_name[] = { NAME, NULL };
static const char *const mixed[] = { "203.0.113.2", NAME, "2001:db8::2", NULL };

static RoamNow
at (gint64 s)
{
  return roam_now_make (s * SEC, G_GINT64_CONSTANT (1700000000000000));
}

static RoamAddr
addr (const char *text)
{
  RoamAddr result = ROAM_ADDR_NONE;

  g_assert_true (roam_addr_parse (text, &result));
  return result;
}

/* The list as text, "a b c"; caller frees. */
static char *
list (const AgentGateways *gateways)
{
  RoamAddr addresses[IKE_MAX_GATEWAYS];
  guint n = agent_gateways_get (gateways, addresses);
  GString *text = g_string_new (NULL);
  char buffer[ROAM_ADDR_STRLEN];

  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "%s%s", i == 0 ? "" : " ", roam_addr_to_string (&addresses[i], buffer));
  return g_string_free (text, FALSE);
}

static void
assert_list (const AgentGateways *gateways, const char *expected)
{
  g_autofree char *text = list (gateways);

  g_assert_cmpstr (text, ==, expected);
}

static gboolean
answer (AgentGateways *gateways, gint64 s, const char *name, const char *words)
{
  g_auto (GStrv) texts = g_strsplit (words, " ", -1);
  RoamAddr addresses[16];
  RoamNow now = at (s);
  guint n = 0;

  for (; texts[n] != NULL && texts[n][0] != '\0'; n++)
    addresses[n] = addr (texts[n]);
  return agent_gateways_input_answer (gateways, &now, name, addresses, n);
}

static const char *
query (AgentGateways *gateways, gint64 s)
{
  RoamNow now = at (s);

  return agent_gateways_pop_query (gateways, &now);
}

static void
refresh (AgentGateways *gateways, gint64 s)
{
  RoamNow now = at (s);

  agent_gateways_refresh (gateways, &now);
}

static void
test_addresses_only (void)
{
  static const char *const literal[] = { "203.0.113.2", "203.0.113.3", "203.0.113.2", NULL };
  g_autoptr (AgentGateways) gateways = agent_gateways_new (literal);
  g_autofree char *cache = agent_gateways_dup_cache (gateways);

  assert_list (gateways, "203.0.113.2 203.0.113.3");
  refresh (gateways, 5);
  g_assert_null (query (gateways, 5));
  g_assert_cmpint (agent_gateways_next_deadline (gateways), ==, ROAM_NEVER);
  g_assert_false (agent_gateways_is_waiting (gateways));
  g_assert_cmpstr (cache, ==, "");
}

static void
test_order (void)
{
  g_autoptr (AgentGateways) gateways = agent_gateways_new (mixed);

  assert_list (gateways, "203.0.113.2 2001:db8::2");
  g_assert_cmpstr (query (gateways, 1), ==, NAME);
  g_assert_null (query (gateways, 1)); /* under way */
  g_assert_true (answer (gateways, 2, NAME, "198.51.100.9 2001:db8::9 203.0.113.2"));
  assert_list (gateways, "203.0.113.2 198.51.100.9 2001:db8::9 2001:db8::2");
  /* The same again is no news; in another order it is. */
  g_assert_false (answer (gateways, 3, NAME, "198.51.100.9 2001:db8::9 203.0.113.2"));
  g_assert_true (answer (gateways, 4, NAME, "2001:db8::9 198.51.100.9"));
}

/* covers: MOB-GWA-004 */
static void
test_asked_again (void)
{
  g_autoptr (AgentGateways) gateways = agent_gateways_new (one_name);

  g_assert_true (agent_gateways_is_waiting (gateways));
  g_assert_cmpstr (query (gateways, 1), ==, NAME);
  g_assert_true (answer (gateways, 1, NAME, "203.0.113.2"));
  g_assert_false (agent_gateways_is_waiting (gateways));
  g_assert_cmpint (agent_gateways_next_deadline (gateways), ==, 3601 * SEC);
  /* Links changed, or the engine found every address silent: at once, but not in a burst. */
  refresh (gateways, 2);
  g_assert_null (query (gateways, 2));
  g_assert_cmpint (agent_gateways_next_deadline (gateways), ==, 3 * SEC);
  g_assert_cmpstr (query (gateways, 3), ==, NAME);
  refresh (gateways, 4); /* under way: no second one */
  g_assert_null (query (gateways, 6));
  /* Nobody answers: what is known stays. */
  g_assert_false (answer (gateways, 9, NAME, ""));
  assert_list (gateways, "203.0.113.2");
  g_assert_null (query (gateways, 10));
  g_assert_cmpstr (query (gateways, 11), ==, NAME);
  g_assert_false (answer (gateways, 17, NAME, ""));
  g_assert_cmpint (agent_gateways_next_deadline (gateways), ==, 21 * SEC);
  /* The name has moved. */
  g_assert_cmpstr (query (gateways, 21), ==, NAME);
  g_assert_true (answer (gateways, 21, NAME, "198.51.100.9"));
  assert_list (gateways, "198.51.100.9");
}

static void
test_retries_are_bounded (void)
{
  g_autoptr (AgentGateways) gateways = agent_gateways_new (one_name);
  gint64 now_s = 1, wait_s = 0;

  for (guint i = 0; i < 12; i++)
    {
      g_assert_cmpstr (query (gateways, now_s), ==, NAME);
      g_assert_false (answer (gateways, now_s, NAME, ""));
      g_assert_false (agent_gateways_is_waiting (gateways)); /* it was answered: nobody knows */
      wait_s = agent_gateways_next_deadline (gateways) / SEC - now_s;
      g_assert_cmpint (wait_s, <=, 60);
      now_s += wait_s;
    }
  g_assert_cmpint (wait_s, ==, 60);
}

/* Answers are nobody's word: what no gateway can have does not get into the gate. */
static void
test_bad_answers (void)
{
  g_autoptr (AgentGateways) gateways = agent_gateways_new (one_name);
  RoamNow now = at (1);
  RoamAddr many[40];

  g_assert_false (answer (gateways, 1, "other.example.com", "198.51.100.9"));
  g_assert_false (answer (gateways, 1, NAME, "127.0.0.1 0.0.0.0 224.0.0.1 255.255.255.255 ::1 fe80::1 ff02::1 ::"));
  assert_list (gateways, "");
  g_assert_true (answer (gateways, 1, NAME, "127.0.0.1 203.0.113.2 ::ffff:203.0.113.9 203.0.113.2"));
  assert_list (gateways, "203.0.113.2");
  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    many[i] = roam_addr_from_u32 (0xcb007100u + i + 1);
  g_assert_true (agent_gateways_input_answer (gateways, &now, NAME, many, G_N_ELEMENTS (many)));
  g_assert_cmpuint (agent_gateways_get (gateways, many), ==, IKE_MAX_GATEWAYS);
}

static void
test_redirect (void)
{
  g_autoptr (AgentGateways) gateways = agent_gateways_new (mixed);
  const RoamAddr other = addr ("198.51.100.7"), loopback = addr ("127.0.0.1");

  g_assert_cmpstr (query (gateways, 1), ==, NAME);
  g_assert_true (agent_gateways_redirect (gateways, &other, ""));
  assert_list (gateways, "198.51.100.7 203.0.113.2 2001:db8::2");
  /* The next one replaces it. */
  g_assert_true (agent_gateways_redirect (gateways, &ROAM_ADDR_NONE, "gw2.example.com"));
  assert_list (gateways, "203.0.113.2 2001:db8::2");
  g_assert_cmpstr (query (gateways, 2), ==, "gw2.example.com");
  g_assert_true (answer (gateways, 2, "GW2.example.com", "198.51.100.8"));
  assert_list (gateways, "198.51.100.8 203.0.113.2 2001:db8::2");
  g_assert_false (agent_gateways_redirect (gateways, &loopback, ""));
  g_assert_false (agent_gateways_redirect (gateways, &ROAM_ADDR_NONE, "no name"));
  assert_list (gateways, "198.51.100.8 203.0.113.2 2001:db8::2");
  agent_gateways_forget_redirect (gateways);
  assert_list (gateways, "203.0.113.2 2001:db8::2");
  /* An answer that comes too late. */
  g_assert_false (answer (gateways, 3, "gw2.example.com", "198.51.100.8"));
  assert_list (gateways, "203.0.113.2 2001:db8::2");
}

/* One gateway of the profile sends to another one of it: the one named comes first, and its answer reaches both. */
static void
test_redirect_within_the_profile (void)
{
  static const char *const two[] = { "gw1.example.com", "gw2.example.com", NULL };
  g_autoptr (AgentGateways) gateways = agent_gateways_new (two);

  g_assert_cmpstr (query (gateways, 1), ==, "gw1.example.com");
  g_assert_cmpstr (query (gateways, 1), ==, "gw2.example.com");
  g_assert_true (answer (gateways, 1, "gw1.example.com", "203.0.113.1"));
  g_assert_true (answer (gateways, 1, "gw2.example.com", "203.0.113.2"));
  assert_list (gateways, "203.0.113.1 203.0.113.2");
  g_assert_true (agent_gateways_redirect (gateways, &ROAM_ADDR_NONE, "GW2.example.com"));
  g_assert_cmpstr (query (gateways, 2), ==, "GW2.example.com");
  g_assert_true (answer (gateways, 2, "GW2.example.com", "203.0.113.2"));
  assert_list (gateways, "203.0.113.2 203.0.113.1");
  g_assert_null (query (gateways, 10));
}

static void
test_cache (void)
{
  g_autoptr (AgentGateways) first = agent_gateways_new (mixed), second = agent_gateways_new (mixed);
  g_autofree char *text = NULL;

  g_assert_cmpstr (query (first, 1), ==, NAME);
  answer (first, 1, NAME, "198.51.100.9 2001:db8::9");
  text = agent_gateways_dup_cache (first);
  g_assert_cmpstr (text, ==, NAME " 198.51.100.9 2001:db8::9\n");
  agent_gateways_load_cache (second, text);
  assert_list (second, "203.0.113.2 198.51.100.9 2001:db8::9 2001:db8::2");
  /* The cache is no answer: the name is still asked for at once. */
  g_assert_cmpstr (query (second, 1), ==, NAME);
}

static void
test_cache_of_nonsense (void)
{
  g_autoptr (AgentGateways) gateways = agent_gateways_new (one_name);

  agent_gateways_load_cache (gateways, "");
  agent_gateways_load_cache (gateways, "\n \n" NAME "\nother.example.com 198.51.100.9\n203.0.113.2 198.51.100.9\n");
  assert_list (gateways, "");
  agent_gateways_load_cache (gateways, NAME " 127.0.0.1 x 203.0.113.2");
  assert_list (gateways, "203.0.113.2");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gateways/addresses-only", test_addresses_only);
  g_test_add_func ("/gateways/order", test_order);
  g_test_add_func ("/gateways/asked-again", test_asked_again);
  g_test_add_func ("/gateways/retries-are-bounded", test_retries_are_bounded);
  g_test_add_func ("/gateways/bad-answers", test_bad_answers);
  g_test_add_func ("/gateways/redirect", test_redirect);
  g_test_add_func ("/gateways/redirect-within-the-profile", test_redirect_within_the_profile);
  g_test_add_func ("/gateways/cache", test_cache);
  g_test_add_func ("/gateways/cache-of-nonsense", test_cache_of_nonsense);
  return g_test_run ();
}
