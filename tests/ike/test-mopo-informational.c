/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MOPO-IKE (draft-eronen-mobike-mopo-02) of an IkeSession: COOKIE2 and address lists. Virtual time. */
#include "ike/ike-session-private.h"
#include "tests/ike/world.h"

#include <string.h>

static const GwSeen *
last_update (const World *world)
{
  for (guint i = world->gateway->seen->len; i > 0; i--)
    {
      const GwSeen *seen = g_ptr_array_index (world->gateway->seen, i - 1);
      if (seen->is_update)
        return seen;
    }
  g_assert_not_reached ();
}

static guint
count_notifies (const IkeMessage *message, guint16 type)
{
  guint n = 0;

  for (const IkePayload *p = NULL; (p = ike_message_find_next (message, IKE_PAYLOAD_NOTIFY, p));)
    n += p->notify.notify_type == type;
  return n;
}

static guint
count_pairs (const World *world)
{
  IkeStatus status;

  ike_session_get_status (world->session, &status);
  return status.n_pairs;
}

/* --- COOKIE2 --- */

static guint
assert_all_have_cookie2 (const World *world)
{
  guint n = 0;

  for (guint i = 0; i < world->gateway->seen->len; i++)
    {
      const GwSeen *seen = g_ptr_array_index (world->gateway->seen, i);

      if (seen->exchange != IKE_EXCHANGE_INFORMATIONAL || seen->is_response)
        continue;
      g_assert_cmpuint (count_notifies (seen->message, 49668), ==, 1);
      g_assert_cmpuint (count_notifies (seen->message, 16401), ==, 0);
      n++;
    }
  return n;
}

static void
test_cookie2_everywhere (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* CHECK, CHANGE_PATH, Delete of a Child SA, of the old IKE SA, of the last one. */
  /* covers: MOPO-RR-001, MOPO-RR-007, MOPO-RR-009, MOPO-TBD-023, MOPO-RR-008 */
  world_run (world, 40 * SEC); /* a liveness check by itself */
  world_command (world, IKE_CHECK);
  world_run (world, SEC);
  world_move (world, world->b, TRUE);
  world_run (world, SEC);
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, SEC);
  world_command (world, IKE_REKEY_IKE);
  world_run (world, SEC);
  world_command (world, IKE_TERMINATE);
  world_run_until (world, IKE_EVENT_DEAD, 5 * SEC);
  g_assert_cmpuint (assert_all_have_cookie2 (world), ==, 6);
  g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 0);
}

static void
test_cookie2_of_refusal (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: MOPO-RR-009 */
  world->gateway->bad_auth = TRUE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
  g_assert_cmpuint (assert_all_have_cookie2 (world), ==, 1);
  g_assert_nonnull (ike_message_find_notify (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->message,
                                             IKE_NOTIFY_AUTHENTICATION_FAILED));
}

static void
test_cookie2_unpredictable (void)
{
  g_autoptr (World) world = world_established (NULL);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_bytes_hash, g_bytes_equal);
  g_autoptr (GPtrArray) owned = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);

  /* covers: MOPO-RR-003 */
  for (guint i = 0; i < 1000; i++)
    {
      const IkePayloadNotify *cookie2;

      world_command (world, IKE_CHECK);
      world_run (world, 50 * MS);
      cookie2 =
        ike_message_find_notify (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->message, 49668);
      g_ptr_array_add (owned, g_bytes_new (cookie2->data.data, cookie2->data.length));
      g_assert_true (g_hash_table_add (seen, g_ptr_array_index (owned, i)));
    }
}

typedef enum
{
  ANSWER_ALTERED,
  ANSWER_SHORTER,
  ANSWER_WITHOUT,
  ANSWER_ERROR_WITHOUT,
  ANSWER_OTHER_NUMBER,
  ANSWER_INVALID_SYNTAX,
  ANSWER_CRITICAL,
} CookieAnswer;

static GwVerdict
answer_cookie2 (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  const IkePayloadNotify *cookie2 = ike_message_find_notify (request, 49668);
  guint8 octets[64], critical = 200;

  if (!cookie2)
    return GW_DEFAULT;
  memcpy (octets, cookie2->data.data, cookie2->data.length);
  switch ((CookieAnswer)GPOINTER_TO_INT (gateway->user))
    {
    case ANSWER_ALTERED:
      octets[cookie2->data.length - 1] ^= 0x80;
      ike_dialect_add (&ike_dialect_mopo, 49668, octets, cookie2->data.length, answer);
      break;
    case ANSWER_SHORTER:
      ike_dialect_add (&ike_dialect_mopo, 49668, octets, cookie2->data.length - 1, answer);
      break;
    case ANSWER_WITHOUT:
      break;
    case ANSWER_ERROR_WITHOUT:
      ike_dialect_add (&ike_dialect_mopo, 14848, NULL, 0, answer);
      break;
    case ANSWER_OTHER_NUMBER:
      ike_payloads_add_notify (answer, IKE_NOTIFY_COOKIE2, octets, cookie2->data.length);
      break;
    case ANSWER_INVALID_SYNTAX:
      ike_payloads_add_notify (answer, IKE_NOTIFY_INVALID_SYNTAX, NULL, 0);
      break;
    case ANSWER_CRITICAL:
      ike_payloads_add_notify (answer, IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, &critical, 1);
      break;
    }
  return GW_ANSWER;
}

static void
give_request (World *world, guint kind)
{
  switch (kind)
    {
    case 0:
      world_move (world, world->b, TRUE);
      return;
    case 1:
      world_command (world, IKE_CHECK);
      return;
    default:
      world_command (world, IKE_REKEY_CHILD); /* the Delete of the old one */
      return;
    }
}

static void
test_cookie2_wrong (void)
{
  /* covers: MOPO-RR-004, MOPO-RR-005, MOPO-TBD-013, MOPO-TBD-014, MOPO-RR-009 */
  for (guint kind = 0; kind < 3; kind++)
    for (int form = ANSWER_ALTERED; form <= ANSWER_CRITICAL; form++)
      {
        g_autoptr (World) world = world_established (NULL);
        guint sent;

        world->gateway->hook = answer_cookie2;
        world->gateway->user = GINT_TO_POINTER (form);
        give_request (world, kind);
        if (form == ANSWER_CRITICAL)
          {
            world_run (world, SEC);
            g_assert_null (world_event (world, IKE_EVENT_DEAD));
            continue;
          }
        world_run_until (world, IKE_EVENT_DEAD, SEC);
        g_assert_cmpint (strstr (world_event (world, IKE_EVENT_DEAD)->reason, "COOKIE2") != NULL, ==,
                         form != ANSWER_INVALID_SYNTAX);
        g_assert_cmpuint (world_counter (world, "cookie2-mismatches"), ==, form == ANSWER_INVALID_SYNTAX ? 0 : 1);
        sent = world->sent->len;
        world_run (world, 60 * SEC);
        g_assert_cmpuint (world->sent->len, ==, sent); /* nothing over a suspicious path */
        g_assert_cmpuint (world->outbound, ==, 0);
      }
}

static void
test_cookie2_of_gateway (void)
{
  g_autoptr (World) world = world_established (NULL);
  guint8 octets[65];

  /* covers: MOPO-RR-002, MOPO-PLD-005, MOPO-TBD-013 */
  memset (octets, 0x5a, sizeof octets);
  for (guint length = 8; length <= 64; length += 56)
    {
      IkePayloads *payloads = ike_payloads_new ();
      const IkePayloadNotify *echo;

      ike_dialect_add (&ike_dialect_mopo, 49668, octets, length, payloads);
      ike_payloads_add_notify (payloads, 16401, octets, 9);
      gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
      world_run (world, 45 * MS);
      g_assert_cmpuint (world->gateway->last_answer->n_payloads, ==, 2);
      echo = ike_message_find_notify (world->gateway->last_answer, 49668);
      g_assert_cmpmem (echo->data.data, echo->data.length, octets, length);
      g_assert_cmpint (echo->protocol, ==, 1);
      echo = ike_message_find_notify (world->gateway->last_answer, 16401);
      g_assert_cmpmem (echo->data.data, echo->data.length, octets, 9);
    }
  g_assert_cmpuint (world_counter (world, "requests-without-cookie2"), ==, 0);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->gateway->answers, ==, 3);
  g_assert_cmpuint (world->gateway->last_answer->n_payloads, ==, 0);
  g_assert_cmpuint (world_counter (world, "requests-without-cookie2"), ==, 1);
  g_assert_null (world_event (world, IKE_EVENT_DEAD));
}

static void
test_mapping_change (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  const GwSeen *check;
  guint16 port;

  /* Liveness checks tell of it, and with COOKIE2 prove who answers. covers: MOPO-TBD-016, MOPO-RR-008 */
  world_start (world, world->nat);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_run (world, 40 * SEC);
  port = gateway_sa (world->gateway)->remote.port;
  check = gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL);
  g_assert_nonnull (ike_message_find_notify (check->message, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP));
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
  sim_nat_reset (world->sim, world->nat);
  world_run (world, 60 * SEC);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
  g_assert_cmpint (gateway_sa (world->gateway)->remote.port, !=, port);
  g_assert_cmpint (last_update (world)->remote.port, ==, gateway_sa (world->gateway)->remote.port);
  assert_all_have_cookie2 (world);
}

/* --- lists --- */

static gboolean
knows (const World *world, const char *addr)
{
  IkeStatus status;

  ike_session_get_status (world->session, &status);
  for (guint i = 0; i < status.n_pairs; i++)
    if (world_addr_is (&status.pairs[i].remote.addr, addr))
      return TRUE;
  return FALSE;
}

static void
request_list (World *world, const char *const *addresses)
{
  IkePayloads *payloads = ike_payloads_new ();
  static const guint8 cookie[8] = { 3 };

  gateway_add_list (&ike_dialect_mopo, addresses, &gateway_sa (world->gateway)->local.addr, payloads);
  ike_dialect_add (&ike_dialect_mopo, 49668, cookie, sizeof cookie, payloads);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 45 * MS);
}

static void
test_list_of_auth (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: MOPO-ADD-001, MOPO-ADD-002, MOPO-ADD-003, MOPO-STA-002 */
  world->gateway->additional[0] = WORLD_GATEWAY2;
  world->gateway->additional[1] = "2001:db8::2";
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  g_assert_true (knows (world, WORLD_GATEWAY));
  g_assert_true (knows (world, WORLD_GATEWAY2));
  g_assert_cmpuint (count_pairs (world), ==, 2); /* no address of ours fits the other one */
  world_forget (world);
  world_run (world, 20 * SEC);
  g_assert_cmpuint (world->sent->len, ==, 0);
}

static void
test_list_request (void)
{
  g_autoptr (World) world = world_established (NULL);
  static const char *const two[] = { WORLD_GATEWAY2, "203.0.113.4", NULL }, *const one[] = { "203.0.113.4", NULL };
  static const char *const none[] = { NULL };

  /* The newest list is the whole truth; the sender's own address alone empties it. */
  /* covers: MOPO-ADD-003, MOPO-TBD-008, MOPO-ADU-001 */
  request_list (world, two);
  g_assert_true (knows (world, WORLD_GATEWAY2));
  g_assert_cmpuint (world->gateway->last_answer->n_payloads, ==, 1); /* COOKIE2 */
  request_list (world, one);
  g_assert_false (knows (world, WORLD_GATEWAY2));
  g_assert_true (knows (world, "203.0.113.4"));
  request_list (world, none);
  g_assert_cmpuint (count_pairs (world), ==, 1);
  g_assert_true (knows (world, WORLD_GATEWAY));
  g_assert_cmpuint (world->gateway->path_tests, ==, 0); /* the path in use is listed throughout */
}

static void
test_list_lengths (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkePayloads *payloads = ike_payloads_new ();
  static const guint8 data[20] = { 203, 0, 113, 77 };
  static const gsize wrong[] = { 0, 3, 5, 15, 17, 20 };

  /* covers: MOPO-ADD-002 */
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    ike_dialect_add (&ike_dialect_mopo, 49666, data, wrong[i], payloads);
  ike_dialect_add (&ike_dialect_mopo, 49666, data, 4, payloads);
  ike_payloads_add_notify (payloads, 49666, (const guint8[]){ 203, 0, 113, 78 }, 4); /* Protocol ID 0 */
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 45 * MS);
  g_assert_cmpuint (world_counter (world, "addresses-ignored"), ==, G_N_ELEMENTS (wrong));
  g_assert_true (knows (world, "203.0.113.77"));
  g_assert_true (knows (world, "203.0.113.78"));
}

/* Numbers of requests as a larger window could bring them. */
static void
test_newest_request (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_established (&config);
  IkeSession *session = world->session;
  IkeSa *old = session->current, next = { 0 };

  /* covers: MOPO-TBD-009, MOPO-CHR-001, MOPO-ADU-004, MOPO-STA-003 */
  g_assert_true (ike_sa_take_update (session, old, 7));
  g_assert_false (ike_sa_take_update (session, old, 6));
  g_assert_true (ike_sa_take_update (session, old, 7));
  g_assert_true (ike_sa_take_update (session, old, 8));
  g_assert_true (ike_sa_take_list (session, old, 5));
  g_assert_false (ike_sa_take_list (session, old, 4));
  g_assert_cmpuint (world_counter (world, "updates-stale"), ==, 1);
  g_assert_cmpuint (world_counter (world, "lists-stale"), ==, 1);
  /* The successor begins with 0 again; then nothing on the old one counts. */
  session->current = &next;
  g_assert_true (ike_sa_take_update (session, old, 9));
  g_assert_true (ike_sa_take_update (session, &next, 0));
  g_assert_false (ike_sa_take_update (session, old, 10));
  g_assert_true (ike_sa_take_list (session, &next, 0));
  g_assert_false (ike_sa_take_list (session, old, 6));
  session->current = old;
}

static void
test_own_list (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  IkeCommand paths = { .type = IKE_PATHS };
  const IkePayloadNotify *notify;
  const GwSeen *seen;

  /* covers: MOPO-ADU-001, MOPO-ADD-001, MOPO-ADD-004 */
  config.announce_addresses = TRUE;
  config.mobility = IKE_MOBILITY_MOPO;
  world = world_new (&config);
  paths.paths[0] = (IkePath){ world->a->ifindex, world->a->host };
  paths.paths[1] = (IkePath){ world->b->ifindex, world->b->host };
  paths.n_paths = 2;
  world_input_command (world, &paths);
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  seen = gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH);
  g_assert_null (ike_message_find_notify (seen->message, IKE_NOTIFY_MOBIKE_SUPPORTED));
  g_assert_cmpuint (count_notifies (seen->message, 49666), ==, 1);
  notify = ike_message_find_notify (seen->message, 49666);
  g_assert_cmpmem (notify->data.data, notify->data.length, world->b->host.bytes, 4);
  /* One is gone: a list that says so, in the form of our own address. */
  paths.n_paths = 1;
  world_input_command (world, &paths);
  world_run (world, SEC);
  seen = gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL);
  g_assert_cmpuint (count_notifies (seen->message, 49666), ==, 1);
  g_assert_cmpuint (count_notifies (seen->message, 49668), ==, 1);
  notify = ike_message_find_notify (seen->message, 49666);
  g_assert_cmpmem (notify->data.data, notify->data.length, world->a->host.bytes, 4);
  /* The whole new list. */
  paths.paths[1] = (IkePath){ world->nat->ifindex, world->nat->host };
  paths.n_paths = 2;
  world_input_command (world, &paths);
  world_run (world, SEC);
  seen = gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL);
  g_assert_cmpuint (count_notifies (seen->message, 49666), ==, 1);
  notify = ike_message_find_notify (seen->message, 49666);
  g_assert_cmpmem (notify->data.data, notify->data.length, world->nat->host.bytes, 4);
}

/* Both dialects offered: IKE_AUTH tells the addresses in the words of MOBIKE, and once more when it is MOPO. */
static void
test_own_list_of_both (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  IkeCommand paths = { .type = IKE_PATHS };

  config.announce_addresses = TRUE;
  world = world_new (&config);
  paths.paths[0] = (IkePath){ world->a->ifindex, world->a->host };
  paths.paths[1] = (IkePath){ world->b->ifindex, world->b->host };
  paths.n_paths = 2;
  world_input_command (world, &paths);
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_run (world, SEC);
  g_assert_cmpuint (count_notifies (gateway_first_auth (world->gateway), 49666), ==, 0);
  g_assert_cmpuint (count_notifies (gateway_first_auth (world->gateway), IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS), ==, 1);
  g_assert_cmpuint (count_notifies (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->message, 49666), ==,
                    1);
}

static void
test_minimal (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* One address on each side: no list is ever sent. covers: MOPO-ADD-005 */
  world_move (world, world->b, TRUE);
  world_run (world, 60 * SEC);
  for (guint i = 0; i < world->gateway->seen->len; i++)
    {
      const GwSeen *seen = g_ptr_array_index (world->gateway->seen, i);
      if (seen->message)
        g_assert_cmpuint (count_notifies (seen->message, 49666), ==, 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  world_speak (&ike_dialect_mopo);
  g_test_add_func ("/ike/mopo/cookie2-everywhere", test_cookie2_everywhere);
  g_test_add_func ("/ike/mopo/cookie2-of-refusal", test_cookie2_of_refusal);
  g_test_add_func ("/ike/mopo/cookie2-unpredictable", test_cookie2_unpredictable);
  g_test_add_func ("/ike/mopo/cookie2-wrong", test_cookie2_wrong);
  g_test_add_func ("/ike/mopo/cookie2-of-gateway", test_cookie2_of_gateway);
  g_test_add_func ("/ike/mopo/mapping-change", test_mapping_change);
  g_test_add_func ("/ike/mopo/list-of-auth", test_list_of_auth);
  g_test_add_func ("/ike/mopo/list-request", test_list_request);
  g_test_add_func ("/ike/mopo/list-lengths", test_list_lengths);
  g_test_add_func ("/ike/mopo/newest-request", test_newest_request);
  g_test_add_func ("/ike/mopo/own-list", test_own_list);
  g_test_add_func ("/ike/mopo/own-list-of-both", test_own_list_of_both);
  g_test_add_func ("/ike/mopo/minimal", test_minimal);
  return g_test_run ();
}
