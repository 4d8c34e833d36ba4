/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PATH_TEST (draft-eronen-mobike-mopo-02 2.5) of a client: when it asks, what answers do, whom it answers. Virtual
 * time. */
#include "ike/ike-session-private.h"
#include "tests/ike/world.h"

#include <string.h>

#define WORLD_GATEWAY3 "203.0.113.4"

static World *
world_with_addresses (const char *const *additional)
{
  IkeConfig config = world_config ();
  World *world = world_new (&config);

  for (guint i = 0; additional[i]; i++)
    world->gateway->additional[i] = additional[i];
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_forget (world);
  return world;
}

static World *
world_with_second (void)
{
  static const char *const additional[] = { WORLD_GATEWAY2, NULL };

  return world_with_addresses (additional);
}

static void
let_only (SimLink *link, const char *gateway)
{
  g_assert_true (roam_addr_parse (gateway, &link->only_to));
}

/* The PATH_TEST messages that left, in order. */
static GPtrArray *
path_tests (const World *world)
{
  GPtrArray *list = g_ptr_array_new ();

  for (guint i = 0; i < world->sent->len; i++)
    if (world_exchange (g_ptr_array_index (world->sent, i)) == IKE_EXCHANGE_PATH_TEST)
      g_ptr_array_add (list, g_ptr_array_index (world->sent, i));
  return list;
}

static IkeMessage *
parse_sent (const Sent *sent)
{
  g_autoptr (GBytes) octets = world_message (sent);
  IkeParseError error;
  IkeMessage *message = ike_message_parse_clear (g_bytes_get_data (octets, NULL), g_bytes_get_size (octets), &error);

  g_assert_nonnull (message);
  return message;
}

/* --- what it looks like --- */

static void
assert_hash (const IkeMessage *message, guint16 type, const RoamEndpoint *endpoint)
{
  const IkePayloadNotify *notify = ike_message_find_notify (message, type);
  guint8 hash[IKE_NAT_DETECTION_LENGTH];

  ike_nat_detection_hash (0, 0, endpoint, hash);
  g_assert_nonnull (notify);
  g_assert_cmpmem (notify->data.data, notify->data.length, hash, sizeof hash);
}

static void
assert_question (const Sent *sent)
{
  g_autoptr (IkeMessage) message = parse_sent (sent);

  g_assert_cmphex (message->header.spi_i, ==, 0);
  g_assert_cmphex (message->header.spi_r, ==, 0);
  g_assert_cmphex (message->header.version, ==, 0x20);
  g_assert_cmphex (message->header.flags, ==, 0x08);
  g_assert_false (message->protected);
  g_assert_cmpuint (message->n_payloads, ==, 2);
  assert_hash (message, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, &sent->local);
  assert_hash (message, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, &sent->remote);
}

static void
test_message (void)
{
  /* covers: MOPO-PT-001, MOPO-PT-008, MOPO-PT-009, MOPO-PT-010, MOPO-TBD-010, MOPO-TBD-011 */
  for (guint natt = 0; natt < 2; natt++)
    {
      IkeConfig config = world_config ();
      g_autoptr (World) world = world_new (&config);
      g_autoptr (GHashTable) ids = g_hash_table_new (NULL, NULL);
      g_autoptr (GPtrArray) tests = NULL;

      world->gateway->nat_detection = natt == 1;
      world->gateway->additional[0] = WORLD_GATEWAY2;
      world_start (world, world->a);
      world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
      world->a->up_blocked = TRUE;
      world_forget (world);
      world_command (world, IKE_CHECK);
      world_run (world, 20 * SEC);
      tests = path_tests (world);
      g_assert_cmpuint (tests->len, >=, 6);
      for (guint i = 0; i < tests->len; i++)
        {
          const Sent *sent = g_ptr_array_index (tests, i);
          g_autoptr (IkeMessage) message = parse_sent (sent);
          gsize length = g_bytes_get_size (sent->data);

          assert_question (sent);
          /* On the ports of the IKE SA: with the marker, or without. */
          g_assert_cmpint (sent->local.port, ==, natt ? 4500 : 500);
          g_assert_cmpint (sent->remote.port, ==, natt ? 4500 : 500);
          g_assert_cmpuint (length, ==, message->header.length + (natt ? 4 : 0));
          g_assert_true (g_hash_table_add (ids, GUINT_TO_POINTER (message->header.message_id)));
        }
    }
}

/* --- the path in use dies --- */

static void
test_rescue (void)
{
  g_autoptr (World) world = world_with_second ();
  g_autoptr (GPtrArray) tests = NULL;
  const Sent *outstanding;
  IkeStatus status;
  guint copies = 0;

  /* The window is full all the while. covers: MOPO-PT-003, MOPO-PT-004, MOPO-STA-002 */
  let_only (world->a, WORLD_GATEWAY2);
  world_command (world, IKE_CHECK);
  outstanding = g_ptr_array_index (world->sent, 0);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 5 * SEC);
  tests = path_tests (world);
  g_assert_cmpuint (tests->len, ==, 2); /* the pair in use, the other one; the first answer ends it */
  g_assert_true (world_addr_is (&((const Sent *)g_ptr_array_index (tests, 0))->remote.addr, WORLD_GATEWAY));
  g_assert_true (world_addr_is (&((const Sent *)g_ptr_array_index (tests, 1))->remote.addr, WORLD_GATEWAY2));
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
  /* The request of before goes to the new address now, then CHANGE_PATH with COOKIE2. */
  g_assert_true (g_bytes_equal (world_last_sent (world)->data, outstanding->data));
  g_assert_true (world_addr_is (&world_last_sent (world)->remote.addr, WORLD_GATEWAY2));
  world_run (world, SEC);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
  for (guint i = 0; i < world->sent->len; i++)
    {
      const Sent *sent = g_ptr_array_index (world->sent, i);
      /* Of IKE SAs nothing went to an address that had not answered. */
      if (world_exchange (sent) != IKE_EXCHANGE_PATH_TEST && sent != outstanding &&
          world_addr_is (&sent->remote.addr, WORLD_GATEWAY2))
        copies++;
    }
  g_assert_cmpuint (copies, ==, 2);
  ike_session_get_status (world->session, &status);
  g_assert_true (world_addr_is (&status.remote.addr, WORLD_GATEWAY2));
  g_assert_nonnull (strstr (world->trace->str, "move:1 "));
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
}

static void
test_other_interface (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkeCommand paths = { .type = IKE_PATHS };
  IkeStatus status;

  paths.paths[0] = (IkePath){ world->a->ifindex, world->a->host };
  paths.paths[1] = (IkePath){ world->b->ifindex, world->b->host };
  paths.n_paths = 2;
  world_input_command (world, &paths);
  world->a->up_blocked = TRUE;
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 5 * SEC);
  world_run (world, SEC);
  ike_session_get_status (world->session, &status);
  g_assert_cmpuint (status.path.ifindex, ==, 2);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_B));
}

static gboolean
same_pair (const Sent *a, const Sent *b)
{
  return roam_endpoint_equal (&a->local, &b->local) && roam_endpoint_equal (&a->remote, &b->remote);
}

static void
test_rate (void)
{
  static const char *const additional[] = { WORLD_GATEWAY2, WORLD_GATEWAY3, "203.0.113.5", "203.0.113.6",
                                            "203.0.113.7",  "203.0.113.8",  NULL };
  g_autoptr (World) world = world_with_addresses (additional);
  g_autoptr (GPtrArray) tests = NULL;
  gint64 begin;

  /* covers: MOPO-TBD-002, MOPO-PT-006 */
  world->a->up_blocked = TRUE;
  world_command (world, IKE_CHECK);
  world_run (world, 180 * SEC);
  tests = path_tests (world);
  g_assert_cmpuint (tests->len, >, 30);
  begin = ((const Sent *)g_ptr_array_index (tests, 0))->at_us;
  for (guint i = 0; i < tests->len; i++)
    {
      const Sent *sent = g_ptr_array_index (tests, i);
      guint in_second = 0, of_round = 0;
      gint64 wait_us = 500 * MS, last_us = -1;

      for (guint j = i; j < tests->len; j++)
        in_second += ((const Sent *)g_ptr_array_index (tests, j))->at_us < sent->at_us + SEC;
      g_assert_cmpuint (in_second, <=, 4);
      if (sent->at_us > begin + 2 * SEC)
        continue; /* below: the first ones of each pair */
      for (guint j = i; j < tests->len; j++)
        {
          const Sent *other = g_ptr_array_index (tests, j);

          if (!same_pair (sent, other) || other->at_us >= begin + 30 * SEC)
            continue;
          if (last_us >= 0)
            {
              g_assert_cmpint (other->at_us - last_us, >=, wait_us);
              wait_us = MIN (2 * wait_us, 8 * SEC);
            }
          last_us = other->at_us;
          of_round++;
        }
      g_assert_cmpuint (of_round, <=, 6);
    }
}

static void
test_jitter (void)
{
  gint64 first[2] = { 0 };

  /* Two clients that lose their gateway at once do not ask in step. covers: MOPO-TBD-002 */
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (World) world = world_with_second ();
      g_autoptr (GPtrArray) tests = NULL;

      for (guint j = 0; j < i; j++)
        roam_rng_u32 (world->session->rng);
      world->a->up_blocked = TRUE;
      world_command (world, IKE_CHECK);
      world_run (world, 20 * SEC);
      tests = path_tests (world);
      first[i] = ((const Sent *)g_ptr_array_index (tests, 4))->at_us;
    }
  g_assert_cmpint (first[0], !=, first[1]);
}

static void
test_switched_off (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  g_autoptr (GPtrArray) tests = NULL;

  /* The requests themselves look for a path then. covers: MOPO-PT-005 */
  config.path_test_off = TRUE;
  world = world_new (&config);
  world->gateway->additional[0] = WORLD_GATEWAY2;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  let_only (world->a, WORLD_GATEWAY2);
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 10 * SEC);
  world_run (world, SEC);
  tests = path_tests (world);
  g_assert_cmpuint (tests->len, ==, 0);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
}

static GwVerdict
lose_requests (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  return request->header.exchange == IKE_EXCHANGE_INFORMATIONAL ? GW_SILENT : GW_DEFAULT;
}

/* The path works, and so does another one; the gateway has forgotten us. */
static void
test_peer_silent (void)
{
  g_autoptr (World) world = world_with_second ();
  IkeStatus status;

  /* covers: MOPO-PT-007 */
  world->gateway->hook = lose_requests;
  world_command (world, IKE_CHECK);
  world_run (world, 60 * SEC);
  g_assert_cmpuint (world_counter (world, "path-tests-answered"), >=, 1);
  g_assert_cmpuint (world_counter (world, "peers-suspected"), ==, 2); /* a round each half minute */
  ike_session_get_status (world->session, &status);
  g_assert_true (world_addr_is (&status.remote.addr, WORLD_GATEWAY));
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_CHANGED), ==, 0);
  g_assert_null (strstr (world->trace->str, "move:"));
  world_run_until (world, IKE_EVENT_DEAD, 600 * SEC); /* no PATH_TEST proves that the IKE SA lives */
}

/* --- answers of somebody else --- */

static GBytes *
forge (const Sent *question, guint32 change_id, guint16 error)
{
  g_autoptr (IkeMessage) message = parse_sent (question);
  IkeHeader header = message->header;
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  header.flags = IKE_FLAG_RESPONSE;
  header.message_id ^= change_id;
  if (error)
    ike_payloads_add_notify (payloads, error, NULL, 0);
  return ike_message_build_clear (&header, payloads);
}

static const Sent *
question_to (const World *world, const char *gateway)
{
  g_autoptr (GPtrArray) tests = path_tests (world);

  for (guint i = tests->len; i > 0; i--)
    if (world_addr_is (&((const Sent *)g_ptr_array_index (tests, i - 1))->remote.addr, gateway))
      return g_ptr_array_index (tests, i - 1);
  g_assert_not_reached ();
}

static void
test_unmatched (void)
{
  static const char *const additional[] = { WORLD_GATEWAY2, WORLD_GATEWAY3, NULL };
  g_autoptr (World) world = world_with_addresses (additional);
  g_autoptr (GBytes) wrong_id = NULL;
  g_autoptr (GBytes) right_id = NULL;
  const Sent *question, *other;
  Sent from;

  /* covers: MOPO-TBD-011, MOPO-TBD-006 */
  world->a->up_blocked = TRUE;
  world_command (world, IKE_CHECK);
  world_run (world, 4 * SEC);
  question = question_to (world, WORLD_GATEWAY2);
  other = question_to (world, WORLD_GATEWAY3);
  wrong_id = forge (question, 1, 0);
  world_inject (world, question, wrong_id);
  right_id = forge (question, 0, 0);
  world_inject (world, other, right_id); /* from another address */
  from = *question;
  from.remote.port = 4501;
  world_inject (world, &from, right_id);
  from = *question;
  from.local.addr = world->b->host;
  world_inject (world, &from, right_id);
  g_assert_cmpuint (world_counter (world, "path-tests-unmatched"), ==, 4);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_CHANGED), ==, 0);
  world_inject (world, question, right_id);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_CHANGED), ==, 1);
  world_inject (world, question, right_id); /* once */
  g_assert_cmpuint (world_counter (world, "path-tests-unmatched"), ==, 5);
}

/* Somebody on the path answers for an address where nobody is. */
static void
test_forged (void)
{
  g_autoptr (World) world = world_with_second ();
  g_autoptr (GBytes) answer = NULL;
  IkeStatus status;

  /* covers: MOPO-PT-007, MOPO-TBD-006 */
  world->a->up_blocked = TRUE;
  world_command (world, IKE_CHECK);
  world_run (world, 2500 * MS);
  answer = forge (question_to (world, WORLD_GATEWAY2), 0, 0);
  world_inject (world, question_to (world, WORLD_GATEWAY2), answer);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_CHANGED), ==, 1);
  /* Nobody confirms with COOKIE2; what works is found again. */
  world->a->up_blocked = FALSE;
  let_only (world->a, WORLD_GATEWAY);
  world_run (world, 60 * SEC);
  ike_session_get_status (world->session, &status);
  g_assert_cmpstr (status.state, ==, "established");
  g_assert_true (world_addr_is (&status.remote.addr, WORLD_GATEWAY));
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_CHANGED), ==, 2);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
}

/* A peer without PATH_TEST: errors say nothing, and nothing happens to the IKE SA. */
static void
test_refused (void)
{
  static const guint16 errors[] = { IKE_NOTIFY_INVALID_SYNTAX, IKE_NOTIFY_INVALID_IKE_SPI };

  /* covers: MOPO-PLD-004 */
  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      g_autoptr (World) world = world_with_second ();
      g_autoptr (GBytes) answer = NULL;

      world->gateway->no_path_tests = TRUE;
      let_only (world->a, WORLD_GATEWAY2);
      world_command (world, IKE_CHECK);
      world_run (world, 2500 * MS);
      answer = forge (question_to (world, WORLD_GATEWAY2), 0, errors[i]);
      world_inject (world, question_to (world, WORLD_GATEWAY2), answer);
      g_assert_cmpuint (world_counter (world, "path-tests-refused"), ==, 1);
      g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_CHANGED), ==, 0);
      world->a->only_to = ROAM_ADDR_NONE;
      world_run_until (world, IKE_EVENT_PATH_OK, 30 * SEC);
    }
}

/* --- questions of the gateway --- */

static GBytes *
question (guint64 spi_i, guint64 spi_r, guint8 exchange, guint8 flags, guint n_natd, gsize natd_length)
{
  static const guint8 zeros[20];
  IkeHeader header = { .spi_i = spi_i, .spi_r = spi_r, .exchange = exchange, .flags = flags, .message_id = 0x01020304 };
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  for (guint i = 0; i < n_natd; i++)
    ike_payloads_add_notify (payloads, (guint16)(IKE_NOTIFY_NAT_DETECTION_SOURCE_IP + i), zeros, natd_length);
  return ike_message_build_clear (&header, payloads);
}

/* As if it came from @gateway; the number of octets answered, 0: none. */
static gsize
ask (World *world, const char *gateway, GBytes *message)
{
  Sent like = { .ifindex = 1, .local = { world->a->host, 4500 }, .remote = { .port = 4500 } };
  guint before = world->sent->len;

  g_assert_true (roam_addr_parse (gateway, &like.remote.addr));
  world_inject (world, &like, message);
  if (world->sent->len == before)
    return 0;
  g_assert_cmpuint (world->sent->len, ==, before + 1);
  g_assert_true (roam_endpoint_equal (&world_last_sent (world)->remote, &like.remote));
  g_assert_true (roam_endpoint_equal (&world_last_sent (world)->local, &like.local));
  return g_bytes_get_size (world_last_sent (world)->data) - IKE_NON_ESP_MARKER_LENGTH;
}

static void
test_answers (void)
{
  g_autoptr (World) world = world_with_second ();
  g_autoptr (GBytes) full = question (0, 0, 250, 0x08, 2, 20), bare = question (0, 0, 250, 0x08, 0, 0);
  g_autoptr (IkeMessage) answer = NULL;

  /* covers: MOPO-PT-001, MOPO-PT-002, MOPO-PT-004, MOPO-PT-011, MOPO-TBD-010 */
  g_assert_cmpuint (ask (world, WORLD_GATEWAY, full), ==, g_bytes_get_size (full));
  answer = parse_sent (world_last_sent (world));
  g_assert_cmphex (answer->header.flags, ==, 0x20);
  g_assert_cmphex (answer->header.spi_i, ==, 0);
  g_assert_cmphex (answer->header.spi_r, ==, 0);
  g_assert_cmphex (answer->header.message_id, ==, 0x01020304);
  assert_hash (answer, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, &world_last_sent (world)->local);
  assert_hash (answer, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, &world_last_sent (world)->remote);
  g_assert_cmpuint (ask (world, WORLD_GATEWAY2, bare), ==, g_bytes_get_size (bare)); /* listed */
  g_assert_cmpuint (ask (world, WORLD_GATEWAY3, full), ==, 0);                       /* nobody we know */
  g_assert_cmpuint (ask (world, WORLD_NAT, full), ==, 0);
  g_assert_cmpuint (world_counter (world, "path-tests-ignored"), ==, 2);
  g_assert_null (strstr (world->trace->str, "move:"));
}

static void
test_answers_of_length (void)
{
  g_autoptr (World) world = world_with_second ();
  static const gsize lengths[] = { 0, 1, 19, 20, 20 };

  /* Never longer than the question. covers: MOPO-TBD-012 */
  for (guint n = 0; n <= 2; n++)
    for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
      {
        g_autoptr (GBytes) message = question (0, 0, 250, 0x08, n, lengths[i]);
        gsize length = ask (world, WORLD_GATEWAY, message);

        g_assert_cmpuint (length, >=, IKE_HEADER_LENGTH);
        g_assert_cmpuint (length, <=, g_bytes_get_size (message));
        world_run (world, SEC);
      }
}

static void
test_answer_limit (void)
{
  g_autoptr (World) world = world_with_second ();
  g_autoptr (GBytes) message = question (0, 0, 250, 0x08, 2, 20);
  guint answers = 0;

  /* covers: MOPO-TBD-012, MOPO-PT-011 */
  for (guint i = 0; i < 50; i++)
    answers += ask (world, WORLD_GATEWAY, message) > 0;
  g_assert_cmpuint (answers, ==, 10);
  g_assert_cmpuint (ask (world, WORLD_GATEWAY2, message), >, 0);
  world_run (world, SEC);
  g_assert_cmpuint (ask (world, WORLD_GATEWAY, message), >, 0);
}

static void
test_demultiplexing (void)
{
  g_autoptr (World) world = world_with_second ();
  IkeStatus status;

  /* covers: MOPO-TBD-022 */
  ike_session_get_status (world->session, &status);
  for (guint exchange = 0; exchange < 256; exchange++)
    for (guint form = 0; form < 4; form++)
      {
        g_autoptr (GBytes) message =
          question (form & 1 ? status.spi_i : 0, form & 2 ? status.spi_r : 0, (guint8)exchange, 0x08, 0, 0);

        if (exchange == IKE_EXCHANGE_PATH_TEST && form == 0)
          continue;
        g_assert_cmpuint (ask (world, WORLD_GATEWAY, message), ==, 0);
      }
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
}

static void
test_limits_of_addresses (void)
{
  IkePathTestLimit limit = { 0 };
  guint permitted = 0;

  /* 100 a second in all, 10 for each source, in any second. covers: MOPO-TBD-012 */
  for (guint i = 0; i < 100; i++)
    for (guint j = 0; j < 100; j++)
      {
        RoamAddr source = roam_addr_from_u32 (0x0a000000 + i);
        permitted += ike_path_test_permit (&limit, 5 * SEC + i, &source);
      }
  g_assert_cmpuint (permitted, ==, 100);
  g_assert_false (ike_path_test_permit (&limit, 6 * SEC - 1, &(RoamAddr){ .family = 4 }));
  g_assert_true (ike_path_test_permit (&limit, 6 * SEC, &(RoamAddr){ .family = 4 }));
}

/* --- lists --- */

static void
request_list (World *world, const char *from, const char *const *addresses)
{
  IkePayloads *payloads = ike_payloads_new ();
  static const guint8 cookie[8] = { 3 };

  g_assert_true (roam_addr_parse (from, &gateway_sa (world->gateway)->local.addr));
  gateway_add_list (&ike_dialect_mopo, addresses, &gateway_sa (world->gateway)->local.addr, payloads);
  ike_dialect_add (&ike_dialect_mopo, 49668, cookie, sizeof cookie, payloads);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
}

static void
test_list_without_address (void)
{
  g_autoptr (World) world = world_established (NULL);
  static const char *const list[] = { WORLD_GATEWAY2, WORLD_GATEWAY3, NULL };
  IkeStatus status;

  /* R1 does not stand in it any more, and only R3 answers. covers: MOPO-ADU-003 */
  world_run (world, SEC);
  let_only (world->a, WORLD_GATEWAY3);
  world_forget (world);
  request_list (world, WORLD_GATEWAY2, list);
  world_run (world, 21 * MS);
  g_assert_cmpstr (world->trace->str, ==, "send send "); /* an answer, a question, nothing moved */
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 5 * SEC);
  world_run (world, SEC);
  ike_session_get_status (world->session, &status);
  g_assert_true (world_addr_is (&status.remote.addr, WORLD_GATEWAY3));
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
}

static void
test_list_from_elsewhere (void)
{
  g_autoptr (World) world = world_established (NULL);
  static const char *const list[] = { WORLD_GATEWAY, NULL };
  IkeStatus status;

  /* covers: MOPO-ADU-005, MOPO-ADU-006 */
  let_only (world->a, WORLD_GATEWAY2);
  world_forget (world);
  request_list (world, WORLD_GATEWAY2, list);
  world_run (world, 21 * MS);
  g_assert_cmpint (world_exchange (world_last_sent (world)), ==, IKE_EXCHANGE_INFORMATIONAL);
  g_assert_true (world_addr_is (&world_last_sent (world)->remote.addr, WORLD_GATEWAY2)); /* answered there */
  g_assert_null (strstr (world->trace->str, "move:"));
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 5 * SEC);
  world_run (world, SEC);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
  ike_session_get_status (world->session, &status);
  g_assert_true (world_addr_is (&status.remote.addr, WORLD_GATEWAY2));
}

static void
test_list_without_path_tests (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  static const char *const list[] = { WORLD_GATEWAY2, NULL };

  /* covers: MOPO-ADU-003, MOPO-PT-005 */
  config.path_test_off = TRUE;
  world = world_established (&config);
  world_forget (world);
  request_list (world, WORLD_GATEWAY2, list);
  world_run (world, SEC);
  g_assert_cmpuint (world->gateway->path_tests, ==, 0);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
}

/* --- NATs --- */

static void
test_nat_seen (void)
{
  g_autoptr (World) world = world_with_second ();

  /* No private address tells of it, but the hashes of the answer do. covers: MOPO-PT-010, MOPO-CHG-002 */
  g_assert_true (roam_addr_parse (WORLD_NAT, &world->a->nat));
  let_only (world->a, WORLD_GATEWAY2);
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 5 * SEC);
  g_assert_nonnull (strstr (world->trace->str, "move:1u "));
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
  world_run (world, SEC);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  world_speak (&ike_dialect_mopo);
  g_test_add_func ("/ike/path-test/message", test_message);
  g_test_add_func ("/ike/path-test/rescue", test_rescue);
  g_test_add_func ("/ike/path-test/other-interface", test_other_interface);
  g_test_add_func ("/ike/path-test/rate", test_rate);
  g_test_add_func ("/ike/path-test/jitter", test_jitter);
  g_test_add_func ("/ike/path-test/switched-off", test_switched_off);
  g_test_add_func ("/ike/path-test/peer-silent", test_peer_silent);
  g_test_add_func ("/ike/path-test/unmatched", test_unmatched);
  g_test_add_func ("/ike/path-test/forged", test_forged);
  g_test_add_func ("/ike/path-test/refused", test_refused);
  g_test_add_func ("/ike/path-test/answers", test_answers);
  g_test_add_func ("/ike/path-test/answers-of-length", test_answers_of_length);
  g_test_add_func ("/ike/path-test/answer-limit", test_answer_limit);
  g_test_add_func ("/ike/path-test/demultiplexing", test_demultiplexing);
  g_test_add_func ("/ike/path-test/limits-of-addresses", test_limits_of_addresses);
  g_test_add_func ("/ike/path-test/list-without-address", test_list_without_address);
  g_test_add_func ("/ike/path-test/list-from-elsewhere", test_list_from_elsewhere);
  g_test_add_func ("/ike/path-test/list-without-path-tests", test_list_without_path_tests);
  g_test_add_func ("/ike/path-test/nat-seen", test_nat_seen);
  return g_test_run ();
}
