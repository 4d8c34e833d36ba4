/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PATH_TEST (draft-eronen-mobike-mopo-02 2.5): questions, answers, and how many of them. */
#include "ike/ike-responder-private.h"

/* Questions that may still be answered: four a second for as long as an answer counts. */
#define MAX_QUESTIONS 64
#define ANSWER_US (10 * ROAM_USEC_PER_SEC)

typedef struct
{
  guint32 id;
  IkePair pair;
  gint64 asked_us; /* 0: none */
} Question;

struct _IkePathTests
{
  Question questions[MAX_QUESTIONS];
  guint next;
  IkePathTestLimit limit;
  IkePair answered; /* the newest pair that was, and whether its hashes tell of a NAT */
  gboolean saw_nat;
};

void
ike_path_tests_free (IkePathTests *tests)
{
  g_free (tests);
}

static IkePathTests *
tests_of (IkeSession *session)
{
  if (!session->path_tests)
    session->path_tests = g_new0 (IkePathTests, 1);
  return session->path_tests;
}

gboolean
ike_path_test_permit (IkePathTestLimit *limit, gint64 now_us, const RoamAddr *to)
{
  guint recent = 0, same = 0;

  for (guint i = 0; i < limit->n; i++)
    if (now_us - limit->answers[i].at_us < ROAM_USEC_PER_SEC)
      {
        recent++;
        same += roam_addr_equal (&limit->answers[i].to, to);
      }
  if (recent >= IKE_PATH_TEST_PER_SECOND || same >= IKE_PATH_TEST_PER_SOURCE)
    return FALSE;
  limit->answers[limit->next].to = *to;
  limit->answers[limit->next].at_us = now_us;
  limit->next = (limit->next + 1) % IKE_PATH_TEST_PER_SECOND;
  limit->n = MIN (limit->n + 1, IKE_PATH_TEST_PER_SECOND);
  return TRUE;
}

/* --- messages --- */

/* NAT_DETECTION of a message on @pair; there are no SPIs. */
static void
add_nat_detection (const IkePair *pair, IkePayloads *payloads)
{
  guint8 hash[IKE_NAT_DETECTION_LENGTH];

  ike_nat_detection_hash (0, 0, &pair->local, hash);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, hash, sizeof hash);
  ike_nat_detection_hash (0, 0, &pair->remote, hash);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, hash, sizeof hash);
}

static GBytes *
build (const IkePair *pair, guint32 id, gboolean response, gboolean nat_detection)
{
  IkeHeader header = { .exchange = IKE_EXCHANGE_PATH_TEST,
                       .flags = response ? IKE_FLAG_RESPONSE : IKE_FLAG_INITIATOR,
                       .message_id = id };
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  if (nat_detection)
    add_nat_detection (pair, payloads);
  return ike_message_build_clear (&header, payloads);
}

GBytes *
ike_path_test_build_request (const IkePair *pair, guint32 id)
{
  return build (pair, id, FALSE, TRUE);
}

/* No longer than the question: nobody's traffic grows here. */
GBytes *
ike_path_test_build_answer (const IkePair *pair, const IkeMessage *question)
{
  return build (pair, question->header.message_id, TRUE,
                ike_message_find_notify (question, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP) &&
                  ike_message_find_notify (question, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP));
}

IkeMessage *
ike_path_test_parse (const guint8 *data, gsize length)
{
  IkeParseError error;
  g_autoptr (IkeMessage) message = ike_message_parse_clear (data, length, &error);

  if (!message || message->header.exchange != IKE_EXCHANGE_PATH_TEST || message->header.spi_i != 0 ||
      message->header.spi_r != 0)
    return NULL;
  return g_steal_pointer (&message);
}

/* --- asking --- */

gboolean
ike_path_test_ask (IkeSession *session, const RoamNow *now, const IkePair *pair)
{
  IkePathTests *tests = tests_of (session);
  Question *question = &tests->questions[tests->next];
  g_autoptr (GBytes) message = NULL;

  *question = (Question){ .id = roam_rng_u32 (session->rng), .pair = *pair, .asked_us = now->boot_us };
  tests->next = (tests->next + 1) % MAX_QUESTIONS;
  message = ike_path_test_build_request (pair, question->id);
  if (!message)
    return FALSE;
  ike_count (session, "path-tests-sent");
  ike_session_send (session, pair, message);
  return TRUE;
}

gboolean
ike_path_test_is_usable (const IkeSession *session)
{
  return session->dialect && session->dialect->probe_out_of_sa && !session->path_test_off;
}

const IkeProbe ike_probe_path_test = { .send = ike_path_test_ask };

static Question *
find_question (IkePathTests *tests, const RoamNow *now, const IkePair *pair, guint32 id)
{
  for (guint i = 0; i < MAX_QUESTIONS; i++)
    {
      Question *question = &tests->questions[i];

      if (question->asked_us != 0 && question->id == id && now->boot_us - question->asked_us <= ANSWER_US &&
          roam_endpoint_equal (&question->pair.local, &pair->local) &&
          roam_endpoint_equal (&question->pair.remote, &pair->remote))
        return question;
    }
  return NULL;
}

gboolean
ike_path_test_take_answer (IkeSession *session, const RoamNow *now, const IkePair *pair, const IkeMessage *answer)
{
  Question *question =
    session->path_tests ? find_question (session->path_tests, now, pair, answer->header.message_id) : NULL;
  IkeNatView view;

  if (!question)
    return FALSE;
  question->asked_us = 0;
  /* An error tells that this peer has never heard of PATH_TEST; nothing about the path. */
  if (ike_message_find_error (answer))
    {
      ike_count (session, "path-tests-refused");
      return TRUE;
    }
  ike_count (session, "path-tests-answered");
  ike_nat_read (answer, 0, 0, pair, &view);
  session->path_tests->answered = question->pair;
  session->path_tests->saw_nat = view.present && (view.local || view.remote);
  ike_probing_answered (session, now, &question->pair, FALSE);
  return TRUE;
}

gboolean
ike_path_test_saw_nat (const IkeSession *session, const IkePair *pair)
{
  const IkePathTests *tests = session->path_tests;

  return tests && tests->saw_nat && roam_endpoint_equal (&tests->answered.local, &pair->local) &&
         roam_endpoint_equal (&tests->answered.remote, &pair->remote);
}

/* --- answering --- */

/* The gateway, where it is or may be: nobody else can make us send anything. */
static gboolean
is_gateway (const IkeSession *session, const RoamAddr *addr)
{
  if (session->state != IKE_STATE_ESTABLISHED || session->dialect != &ike_dialect_mopo)
    return FALSE;
  if (roam_addr_equal (addr, &session->mobility.now.remote.addr))
    return TRUE;
  for (guint i = 0; i < session->n_peer_addresses; i++)
    if (roam_addr_equal (addr, &session->peer_addresses[i]))
      return TRUE;
  return FALSE;
}

void
ike_path_test_receive (IkeSession *session, const RoamNow *now, const IkePair *pair, const guint8 *data, gsize length)
{
  g_autoptr (IkeMessage) message = ike_path_test_parse (data, length);
  g_autoptr (GBytes) answer = NULL;

  if (!message)
    {
      ike_count (session, "path-tests-malformed");
      return;
    }
  if (message->header.flags & IKE_FLAG_RESPONSE)
    {
      if (!ike_path_test_take_answer (session, now, pair, message))
        ike_count (session, "path-tests-unmatched");
      return;
    }
  if (!is_gateway (session, &pair->remote.addr) ||
      !ike_path_test_permit (&tests_of (session)->limit, now->boot_us, &pair->remote.addr))
    {
      ike_count (session, "path-tests-ignored");
      return;
    }
  answer = ike_path_test_build_answer (pair, message);
  if (answer)
    ike_session_send (session, pair, answer);
}
