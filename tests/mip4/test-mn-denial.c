/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "mip4/mip4-codec-private.h"

/* Reply codes and what the node does about each (table MIP-COD); clock resynchronisation. */

static Node *
registering (const Mip4MnConfig *config)
{
  Node *node = node_new (config);

  node_register (node, WIFI, 5, MIP4_FORM_CO_LOCATED, CARE_OF);
  return node;
}

static void
deny (Node *node, guint8 code, guint64 identification)
{
  Forgery reply = forge_reply (node_last_sent (node));

  reply.code = code;
  if (identification != 0)
    reply.identification = identification;
  node_receive_forged (node, &reply);
}

static gboolean
has_extension (const Sent *sent, const char *hex)
{
  g_autoptr (GByteArray) wanted = unhex (hex);
  gsize length;
  const guint8 *data = g_bytes_get_data (sent->bytes, &length);

  return length >= 24 + wanted->len && memcmp (data + 24, wanted->data, wanted->len) == 0;
}

/* covers: MIP-COD-045, MIP-RPL-008, MIP-RPL-017, MIP-RPL-018 */
static void
test_every_code_has_its_class (void)
{
  for (guint code = 2; code < 256; code++)
    {
      g_autoptr (Node) node = registering (NULL);
      gboolean foreign = (code >= 64 && code <= 127) || (code >= 193 && code <= 200);
      const Mip4MnEvent *event;

      deny (node, (guint8)code, 0);
      event = node_expect (node, foreign ? MIP4_MN_DISCARDED : MIP4_MN_DENIED);
      g_assert_cmpuint (event->code, ==, code);
      g_assert_cmpuint (event->lifetime_s, ==, 0);
      g_assert_false (event->tnc);
      g_assert_cmpuint (strlen (mip4_code_to_string ((guint8)code)), >, 10);
    }
}

/* covers: MIP-COD-003, MIP-COD-005, MIP-COD-010, MIP-COD-012, MIP-COD-017, MIP-COD-019, MIP-COD-044, MIP-RPL-019 */
static void
test_foreign_agents_word_is_no_answer (void)
{
  static const guint8 codes[] = { 64, 66, 71, 73, 78, 80, 81, 82, 88, 194 };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      g_autoptr (Node) node = registering (NULL);
      Forgery reply = forge_reply (node_last_sent (node));
      Forgery denial;

      node_receive_forged (node, &reply);
      node_expect (node, MIP4_MN_ACCEPTED);
      node_advance (node, 100 * SECOND);
      node_register (node, WIFI, 6, MIP4_FORM_CO_LOCATED, CARE_OF);
      denial = forge_reply (node_last_sent (node));
      denial.code = codes[i];
      denial.n_mhae = 0;
      node_receive_forged (node, &denial);
      node_expect (node, MIP4_MN_DISCARDED);
      g_assert_cmpuint (node_counter (node, "discarded-foreign-agent-denial"), ==, 1);
      /* The next request goes out after the retransmission timer, and the binding lives on to its own end. */
      node_advance (node, SECOND);
      g_assert_cmpuint (node_n_sent (node), ==, 3);
      g_assert_cmpuint (node_count_events (node, MIP4_MN_EXPIRED), ==, 0);
      node_advance (node, 600 * SECOND);
      g_assert_cmpuint (node_count_events (node, MIP4_MN_EXPIRED), ==, 1);
    }
}

/* covers: MIP-COD-027, MIP-COD-029, MIP-COD-036, MIP-COD-042 */
static void
test_codes_without_repair_end_the_procedure (void)
{
  static const guint8 codes[] = { 2,   8,   63,  128, 129, 130, 131, 132, 135, 136,
                                  137, 139, 140, 141, 143, 144, 192, 201, 255 };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      g_autoptr (Node) node = registering (NULL);

      deny (node, codes[i], 0);
      g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
      node_advance (node, 100 * SECOND);
      g_assert_cmpuint (node_n_sent (node), ==, 1);
      g_assert_cmpuint (node->events->len, ==, 1);
    }
}

/* covers: MIP-COD-033, MIP-COD-046, MIP-REV-008 */
static void
test_134_drops_the_udp_request_once_and_keeps_t (void)
{
  g_autoptr (Node) node = registering (NULL);

  deny (node, 134, 0);
  g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
  g_assert_cmpuint (node_n_sent (node), ==, 1);
  node_advance (node, SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, 2);
  g_assert_cmpint (node_sent (node, 1)->at_us - node_sent (node, 0)->at_us, ==, SECOND);
  g_assert_false (has_extension (node_last_sent (node), "90"));
  g_assert_cmphex (node_last_sent (node)->flags, ==, 0x22);
  deny (node, 134, 0);
  g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
  node_advance (node, 100 * SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, 2);
}

/* covers: MIP-COD-028, MIP-NAT-007 */
static void
test_129_drops_f_once (void)
{
  g_autoptr (Node) node = node_new (NULL);
  const Mip4MnCommand command = {
    .type = MIP4_MN_REGISTER,
    .path = WIFI,
    .care_of_address = roam_addr_from_u32 (CARE_OF),
    .copies = 3,
    .force_udp = TRUE,
  };

  mip4_mn_input_command (node->mn, &node->now, &command);
  node_advance (node, 0);
  g_assert_true (has_extension (node_last_sent (node), "90 06 00 00 80 00"));
  deny (node, 129, 0);
  g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
  node_advance (node, SECOND);
  g_assert_true (has_extension (node_last_sent (node), "90 06 00 00 00 00"));
  deny (node, 129, 0);
  g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
}

/* covers: MIP-COD-040, MIP-NAT-023 */
static void
test_142_asks_for_ip_in_udp_once (void)
{
  g_autoptr (Node) node = registering (NULL);

  deny (node, 142, 0);
  g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
  node_advance (node, SECOND);
  g_assert_true (has_extension (node_last_sent (node), "90 06 00 00 00 04 00 00"));
  deny (node, 142, 0);
  g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
}

/* covers: MIP-COD-037 */
static void
test_138_sets_t_once (void)
{
  Mip4MnConfig config = node_default_config ();
  g_autoptr (Node) node = NULL;

  config.reverse_tunnel = FALSE;
  node = registering (&config);
  g_assert_cmphex (node_last_sent (node)->flags, ==, 0x20);
  deny (node, 138, 0);
  g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
  node_advance (node, SECOND);
  g_assert_cmphex (node_last_sent (node)->flags, ==, 0x22);
  deny (node, 138, 0);
  g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
}

/* covers: MIP-COD-043, MIP-MSV-009 */
static void
test_151_deletes_the_binding (void)
{
  g_autoptr (Node) node = registering (NULL);
  Forgery reply = forge_reply (node_last_sent (node));

  node_receive_forged (node, &reply);
  node_advance (node, 10 * SECOND);
  node_register (node, WIFI, 6, MIP4_FORM_CO_LOCATED, CARE_OF);
  deny (node, 151, 0);
  node_expect (node, MIP4_MN_EXPIRED);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_DENIED), ==, 1);
  g_assert_cmpint (mip4_mn_next_deadline (node->mn), ==, ROAM_NEVER);
}

/* covers: MIP-RPL-012, MIP-MSV-014 */
static void
test_unknown_critical_vendor_extension_rejects (void)
{
  static const char *const cvse = "26 00 0006 00000009 0007";

  for (guint after = 0; after < 2; after++)
    {
      g_autoptr (Node) node = registering (NULL);
      Forgery reply = forge_reply (node_last_sent (node));

      reply.before = after ? NULL : cvse;
      reply.after = after ? cvse : NULL;
      node_receive_forged (node, &reply);
      g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
    }
}

static void
test_lifetime_zero_for_a_registration_is_a_denial (void)
{
  g_autoptr (Node) node = registering (NULL);
  Forgery reply = forge_reply (node_last_sent (node));

  reply.lifetime = 0;
  node_receive_forged (node, &reply);
  /* D-36 */
  g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
  g_assert_cmpint (mip4_mn_next_deadline (node->mn), ==, ROAM_NEVER);
}

static void
test_denied_or_unanswered_deregistration_is_reported (void)
{
  g_autoptr (Node) node = node_new (NULL);

  node_register (node, WIFI, 1, MIP4_FORM_HOME, HOME_ADDRESS);
  deny (node, 130, 0);
  g_assert_cmpint (node_expect (node, MIP4_MN_DENIED)->form, ==, MIP4_FORM_HOME);
  node_advance (node, 2 * SECOND);
  node_register (node, WIFI, 2, MIP4_FORM_HOME, HOME_ADDRESS);
  node_advance (node, 7 * SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, 4);
  g_assert_cmpint (node_expect (node, MIP4_MN_EXHAUSTED)->form, ==, MIP4_FORM_HOME);
}

/* ------------------------------------------------------------ resynchronisation ---- */

static guint64
with_high (const Sent *sent, guint64 ntp)
{
  return (ntp & G_GUINT64_CONSTANT (0xffffffff00000000)) | (guint32)sent->identification;
}

/* covers: MIP-IDN-010, MIP-IDN-011, MIP-IDN-014, MIP-COD-032 */
static void
test_133_moves_the_clock_either_way (void)
{
  static const gint64 offsets_s[] = { -86400, 86400, 500, -8 };

  for (guint i = 0; i < G_N_ELEMENTS (offsets_s); i++)
    {
      g_autoptr (Node) node = registering (NULL);
      guint64 ha_clock = node->now.ntp + ((guint64)offsets_s[i] << 32);
      gint64 error_s;
      Forgery reply;

      deny (node, 133, with_high (node_last_sent (node), ha_clock));
      g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
      g_assert_cmpuint (node_n_sent (node), ==, 1);
      node_advance (node, SECOND);
      g_assert_cmpuint (node_n_sent (node), ==, 2);
      error_s = (gint64)(node_last_sent (node)->identification - (ha_clock + (G_GUINT64_CONSTANT (1) << 32))) >> 32;
      g_assert_cmpint (ABS (error_s), <=, 1);
      g_assert_cmphex ((guint32)node_last_sent (node)->identification, !=,
                       (guint32)node_sent (node, 0)->identification);
      reply = forge_reply (node_last_sent (node));
      node_receive_forged (node, &reply);
      node_expect (node, MIP4_MN_ACCEPTED);
      /* All later requests to this home agent use that clock. */
      node_advance (node, 100 * SECOND);
      node_register (node, CABLE, 9, MIP4_FORM_CO_LOCATED, CARE_OF_2);
      error_s = (gint64)(node_last_sent (node)->identification - (ha_clock + (G_GUINT64_CONSTANT (101) << 32))) >> 32;
      g_assert_cmpint (ABS (error_s), <=, 1);
    }
}

/* covers: MIP-IDN-012 */
static void
test_133_that_is_not_authentic_moves_nothing (void)
{
  g_autoptr (Node) node = registering (NULL);
  Forgery reply = forge_reply (node_last_sent (node));

  reply.code = 133;
  reply.identification = with_high (node_last_sent (node), node->now.ntp + (G_GUINT64_CONSTANT (9999) << 32));
  reply.key = "00";
  node_receive_forged (node, &reply);
  reply.key = NULL;
  reply.identification ^= 1;
  node_receive_forged (node, &reply);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_DISCARDED), ==, 2);
  node_advance (node, SECOND);
  g_assert_cmpuint (node_last_sent (node)->identification >> 32, <, (node->now.ntp >> 32) + 3);
  g_assert_cmpuint (node_counter (node, "clock-resynchronised"), ==, 0);
}

/* covers: MIP-IDN-015 */
static void
test_133_for_ever_is_a_failure (void)
{
  g_autoptr (Node) node = registering (NULL);
  guint denials = 0;

  while (denials < 10 && node_count_events (node, MIP4_MN_EXHAUSTED) == 0)
    {
      guint before = node_n_sent (node);

      deny (node, 133, with_high (node_last_sent (node), node->now.ntp + ((guint64)denials << 40)));
      denials++;
      if (!node_expect (node, MIP4_MN_DENIED)->will_retry)
        break;
      node_advance (node, 2 * SECOND);
      g_assert_cmpuint (node_n_sent (node), >, before);
    }
  g_assert_cmpuint (denials, ==, 3);
  node_advance (node, 1000 * SECOND);
  g_assert_cmpuint (node_n_sent (node), <=, 5);
}

static void
test_second_copy_of_a_133_finds_nothing (void)
{
  g_autoptr (Node) node = registering (NULL);
  guint64 identification = with_high (node_last_sent (node), node->now.ntp + (G_GUINT64_CONSTANT (50) << 32));

  deny (node, 133, identification);
  deny (node, 133, identification);
  node_expect (node, MIP4_MN_DISCARDED);
  g_assert_cmpuint (node_counter (node, "clock-resynchronised"), ==, 1);
}

static void
test_resynchronised_value_stays_above_what_was_accepted (void)
{
  g_autoptr (Node) node = registering (NULL);
  Forgery reply = forge_reply (node_last_sent (node));
  guint64 accepted = node_last_sent (node)->identification;

  node_receive_forged (node, &reply);
  node_advance (node, 2 * SECOND);
  node_register (node, WIFI, 6, MIP4_FORM_CO_LOCATED, CARE_OF);
  /* D-03: the home agent's clock went back behind what it accepted. */
  deny (node, 133, with_high (node_last_sent (node), accepted - (G_GUINT64_CONSTANT (3600) << 32)));
  node_advance (node, SECOND);
  g_assert_cmpuint (node_last_sent (node)->identification, >, accepted);
  g_assert_cmpuint (node_last_sent (node)->identification, <=, accepted + (G_GUINT64_CONSTANT (1) << 32));
}

static void
test_repair_stays_inside_the_budget (void)
{
  g_autoptr (Node) node = registering (NULL);
  gint64 start = node->now.boot_us;

  node_advance (node, SECOND / 10);
  deny (node, 133, with_high (node_last_sent (node), node->now.ntp));
  node_advance (node, 7 * SECOND);
  node_expect (node, MIP4_MN_EXHAUSTED);
  g_assert_cmpuint (node_n_sent (node), ==, 3);
  g_assert_cmpint (node_sent (node, 2)->at_us, ==, start + 3 * SECOND);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/mn-denial/every-code", test_every_code_has_its_class);
  g_test_add_func ("/mip4/mn-denial/foreign-agent", test_foreign_agents_word_is_no_answer);
  g_test_add_func ("/mip4/mn-denial/no-repair", test_codes_without_repair_end_the_procedure);
  g_test_add_func ("/mip4/mn-denial/134", test_134_drops_the_udp_request_once_and_keeps_t);
  g_test_add_func ("/mip4/mn-denial/129", test_129_drops_f_once);
  g_test_add_func ("/mip4/mn-denial/142", test_142_asks_for_ip_in_udp_once);
  g_test_add_func ("/mip4/mn-denial/138", test_138_sets_t_once);
  g_test_add_func ("/mip4/mn-denial/151", test_151_deletes_the_binding);
  g_test_add_func ("/mip4/mn-denial/cvse", test_unknown_critical_vendor_extension_rejects);
  g_test_add_func ("/mip4/mn-denial/lifetime-zero", test_lifetime_zero_for_a_registration_is_a_denial);
  g_test_add_func ("/mip4/mn-denial/deregistration", test_denied_or_unanswered_deregistration_is_reported);
  g_test_add_func ("/mip4/mn-denial/133", test_133_moves_the_clock_either_way);
  g_test_add_func ("/mip4/mn-denial/133-not-authentic", test_133_that_is_not_authentic_moves_nothing);
  g_test_add_func ("/mip4/mn-denial/133-for-ever", test_133_for_ever_is_a_failure);
  g_test_add_func ("/mip4/mn-denial/133-twice", test_second_copy_of_a_133_finds_nothing);
  g_test_add_func ("/mip4/mn-denial/133-above-accepted", test_resynchronised_value_stays_above_what_was_accepted);
  g_test_add_func ("/mip4/mn-denial/133-budget", test_repair_stays_inside_the_budget);
  return g_test_run ();
}
