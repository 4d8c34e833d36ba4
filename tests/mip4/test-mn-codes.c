/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "mip4/mip4-codec-private.h"

#include <string.h>

/*
 * Every reply code to every form of request (table MIP-COD): what it counts as, and what the next request
 * leaves out, adds or changes. The request asks for all there is, so that everything can be refused.
 */

#define PUBLIC_HOME 0xc000020au /* 192.0.2.10: with a private home address T is never given up */
#define OTHER_AGENT 0x0a010003u
#define OTHER_SPI 4097u
#define AAA_SPI 12288u
#define REPLY_LIFETIME 120

typedef enum
{
  DIRECT,
  VPN,
  VIA_AGENT_D0, /* the agent's care-of address */
  VIA_AGENT_D1, /* co-located */
  N_FORMS,
} Form;

#define ACCEPTED "accepted"
#define DISCARDED "discarded"
#define END "end"

/*
 * Reactions: ACCEPTED, DISCARDED (no evidence of the home agent), END (of the procedure), or the difference of
 * the next request: -S +T flags, L lifetime, C care-of address, H home agent, d destination, -130 +139
 * extensions gone and come, 144=F,encapsulation, 132* another challenge, spi, clock.
 */
typedef struct
{
  guint8 first, last;
  const char *rows; /* of the requirements, for the reader of a failure */
  gboolean by_agent;
  const char *reaction[N_FORMS];
} Row;

#define FA_END                                                                                                         \
  TRUE,                                                                                                                \
  {                                                                                                                    \
    DISCARDED, DISCARDED, END, END                                                                                     \
  }
#define HA_END                                                                                                         \
  FALSE,                                                                                                               \
  {                                                                                                                    \
    END, END, END, END                                                                                                 \
  }

static const Row rows[] = {
  { 0, 0, "MIP-COD-001", FALSE, { ACCEPTED, ACCEPTED, ACCEPTED, ACCEPTED } },
  { 1, 1, "MIP-COD-002", FALSE, { ACCEPTED, ACCEPTED, ACCEPTED, ACCEPTED } },
  { 2, 63, "MIP-COD-045", HA_END },
  { 64, 64, "MIP-COD-003", FA_END },
  { 65, 65, "MIP-COD-004", FA_END },
  { 66, 66, "MIP-COD-005", FA_END },
  { 67, 67, "MIP-COD-006", FA_END },
  { 68, 68, "MIP-COD-007", FA_END },
  { 69, 69, "MIP-COD-008", TRUE, { DISCARDED, DISCARDED, "L120", "L120" } },
  { 70, 70, "MIP-COD-009", TRUE, { DISCARDED, DISCARDED, "-S-B-T-130", "-S-B-T-144" } },
  { 71, 71, "MIP-COD-010", FA_END },
  { 72, 72, "MIP-COD-011", FA_END }, /* M and G were never set */
  { 73, 73, "MIP-COD-012", FA_END },
  { 74, 74, "MIP-COD-013", TRUE, { DISCARDED, DISCARDED, "-B-T-130", "-T" } },
  { 75, 75, "MIP-COD-014", FA_END }, /* T was set */
  { 76, 76, "MIP-COD-015", FA_END }, /* the TTL was 255 */
  { 77, 77, "MIP-COD-016", TRUE, { DISCARDED, DISCARDED, "C", END } },
  { 78, 78, "MIP-COD-017", FA_END },
  { 79, 79, "MIP-COD-018", TRUE, { DISCARDED, DISCARDED, "-B-130", END } },
  { 80, 89, "MIP-COD-019", FA_END },
  { 90, 90, "MIP-COD-020", FA_END }, /* the home agent was named */
  { 91, 95, "MIP-COD-019", FA_END },
  { 96, 96, "MIP-COD-021", FA_END }, /* the home address was named */
  { 97, 99, "MIP-COD-022", FA_END },
  { 100, 101, "MIP-COD-023", FA_END }, /* no vendor extension was sent */
  { 102, 103, "MIP-COD-045", FA_END },
  { 104, 106, "MIP-COD-024", TRUE, { DISCARDED, DISCARDED, "132*", "132*" } },
  { 107, 107, "MIP-COD-045", FA_END },
  { 108, 108, "MIP-COD-025", FA_END },
  { 109, 109, "MIP-COD-026", FA_END },
  { 110, 127, "MIP-COD-045", FA_END },
  { 128, 128, "MIP-COD-027", HA_END },
  { 129, 129, "MIP-COD-028", FALSE, { "144=00,00", "144=00,00", END, "144=40,00" } },
  { 130, 130, "MIP-COD-029", HA_END },
  { 131, 131, "MIP-COD-030", FALSE, { "spi", "spi", "spi", "spi" } },
  { 132, 132, "MIP-COD-031", HA_END },
  { 133, 133, "MIP-COD-032", FALSE, { "clock", "clock", "clock", "clock" } },
  { 134, 134, "MIP-COD-033", FALSE, { "-S-B-T-144-137", "-S-B-144-137", "-S-B-T-130", "-S-B-T-144" } },
  { 135, 135, "MIP-COD-034", FALSE, { "-S", "-S", "-S", "-S" } },
  { 136, 136, "MIP-COD-035", FALSE, { "Hd", "Hd", "H", "H" } },
  { 137, 137, "MIP-COD-036", FALSE, { "-T", END, "-B-T-130", "-T" } },
  { 138, 138, "MIP-COD-037", HA_END }, /* T was set */
  { 139, 139, "MIP-COD-038", HA_END }, /* M and G were never set */
  { 140, 141, "MIP-COD-039", HA_END }, /* no vendor extension was sent */
  { 142, 142, "MIP-COD-040", FALSE, { "144=80,04", "144=80,04", END, "144=c0,04" } },
  { 143, 143, "MIP-COD-041", FALSE, { "Hd+139", "Hd+139", "H+139", "H+139" } },
  { 144, 144, "MIP-COD-042", HA_END },
  { 145, 150, "MIP-COD-045", HA_END },
  { 151, 151, "MIP-COD-043", HA_END },
  { 152, 192, "MIP-COD-045", HA_END },
  { 193, 193, "MIP-COD-045", FA_END },
  { 194, 194, "MIP-COD-044", FA_END },
  { 195, 200, "MIP-COD-045", FA_END },
  { 201, 255, "MIP-COD-045", HA_END },
};

typedef struct
{
  RoamSecret *key;
  Mip4MnHaAssociation more;
  Node *node;
} World;

static void
world_init (World *world, Form form)
{
  static const Mip4Form forms[N_FORMS] = { MIP4_FORM_CO_LOCATED, MIP4_FORM_CO_LOCATED, MIP4_FORM_FOREIGN_AGENT,
                                           MIP4_FORM_CO_LOCATED_VIA_AGENT };
  g_autoptr (GByteArray) octets = unhex (other_key_hex);
  Mip4MnConfig config = node_default_config ();
  Mip4MnCommand command = {
    .type = MIP4_MN_REGISTER,
    .path = form == VPN ? MIP4_PATH_VPN : WIFI,
    .serial = 5,
    .form = forms[form],
    .care_of_address = roam_addr_from_u32 (form == VIA_AGENT_D0 ? AGENT_CARE_OF : CARE_OF),
    .first_timeout_us = SECOND,
    .copies = 3,
    .force_udp = TRUE,
  };

  world->key = roam_secret_new (octets->data, octets->len);
  world->more = (Mip4MnHaAssociation){ ROAM_ADDR_NONE, { OTHER_SPI, MIP4_AUTH_HMAC_SHA_256, world->key }, 0 };
  config.home_address = roam_addr_from_u32 (PUBLIC_HOME);
  config.more_mn_ha = &world->more;
  config.n_more_mn_ha = 1;
  config.mn_aaa = (Mip4SecurityAssociation){ AAA_SPI, MIP4_AUTH_HMAC_SHA_256, world->key };
  config.revocation = config.simultaneous = config.broadcast = config.encapsulating_delivery = config.triangular = TRUE;
  if (form == VIA_AGENT_D0 || form == VIA_AGENT_D1)
    {
      command.agent = make_agent ();
      command.agent.flags |= MIP4_AGENT_UDP_TUNNEL;
      command.agent.n_challenge = 4;
    }
  world->node = node_new (&config);
  node_input (world->node, &command);
}

static void
world_clear (World *world)
{
  node_free (world->node);
  roam_secret_unref (world->key);
}

/* ------------------------------------------------------------------ difference ---- */

static void
add_flags (GString *out, guint8 before, guint8 after)
{
  static const char letters[] = "SBDMGrTx";

  for (guint i = 0; i < 8; i++)
    {
      guint8 bit = (guint8)(0x80 >> i);

      if ((before & bit) != (after & bit))
        g_string_append_printf (out, "%c%c", (after & bit) != 0 ? '+' : '-', letters[i]);
    }
}

static void
add_missing_types (GString *out, char sign, const Sent *have, const Sent *lack)
{
  g_autofree char *have_types = sent_types (have), *lack_types = sent_types (lack);
  g_auto (GStrv) all = g_strsplit (have_types, " ", -1);
  g_auto (GStrv) others = g_strsplit (lack_types, " ", -1);

  for (char **type = all; *type != NULL; type++)
    if (!g_strv_contains ((const char *const *)others, *type))
      g_string_append_printf (out, "%c%s", sign, *type);
}

static void
add_contents (GString *out, const Sent *before, const Sent *after)
{
  g_autofree char *udp = sent_extension (before, 144), *udp_after = sent_extension (after, 144);
  g_autofree char *challenge = sent_extension (before, 132), *challenge_after = sent_extension (after, 132);
  g_autofree char *mhae = sent_extension (before, 32), *mhae_after = sent_extension (after, 32);

  if (udp_after[0] != '\0' && strcmp (udp, udp_after) != 0)
    g_string_append_printf (out, "144=%.2s,%.2s", udp_after + 8, udp_after + 10);
  if (challenge_after[0] != '\0' && strcmp (challenge, challenge_after) != 0)
    g_string_append (out, "132*");
  if (strncmp (mhae, mhae_after, 12) != 0)
    g_string_append (out, "spi");
}

static char *
difference (const Sent *before, const Sent *after)
{
  GString *out = g_string_new (NULL);

  add_flags (out, before->flags, after->flags);
  if (before->lifetime != after->lifetime)
    g_string_append_printf (out, "L%u", after->lifetime);
  if (before->care_of != after->care_of)
    g_string_append_c (out, 'C');
  if (before->agent != after->agent)
    g_string_append_c (out, 'H');
  if (!roam_endpoint_equal (&before->destination, &after->destination))
    g_string_append_c (out, 'd');
  add_missing_types (out, '-', before, after);
  add_missing_types (out, '+', after, before);
  add_contents (out, before, after);
  if ((after->identification >> 32) - (before->identification >> 32) > 100)
    g_string_append (out, "clock");
  return g_string_free (out, FALSE);
}

/* ------------------------------------------------------------------------ table ---- */

static void
receive (Node *node, guint8 code)
{
  Forgery reply = forge_reply (node_last_sent (node));

  reply.code = code;
  reply.lifetime = REPLY_LIFETIME;
  if (code >= 104 && code <= 106)
    reply.after = "84 04 01020304";
  if (code == 133)
    reply.identification += G_GUINT64_CONSTANT (1000) << 32;
  if (code == 136)
    reply.agent = OTHER_AGENT;
  if (code == 143)
    reply.before = "8b 02 0004 0a010003";
  if (code >= 64 && code <= 127)
    reply.key = "ff"; /* an agent that changed the code leaves an MHAE that is wrong (MIP-RPL-008) */
  node_receive_relayed (node, &reply);
}

static void
assert_reaction (World *world, const Row *row, guint8 code, const char *reaction)
{
  Node *node = world->node;
  const Mip4MnEvent *event;
  g_autofree char *change = NULL;

  receive (node, code);
  if (strcmp (reaction, ACCEPTED) == 0)
    {
      g_assert_cmpuint (node_expect (node, MIP4_MN_ACCEPTED)->lifetime_s, ==, REPLY_LIFETIME);
      return;
    }
  if (strcmp (reaction, DISCARDED) == 0)
    {
      g_assert_cmpuint (node_expect (node, MIP4_MN_DISCARDED)->code, ==, code);
      node_advance (node, SECOND);
      g_assert_cmpuint (node_n_sent (node), ==, 2); /* the retransmission goes on */
      return;
    }
  event = node_expect (node, MIP4_MN_DENIED);
  g_assert_cmpuint (event->code, ==, code);
  g_assert_cmpint (event->by_agent, ==, row->by_agent);
  g_assert_cmpuint (event->lifetime_s, ==, 0);
  g_assert_cmpint (event->will_retry, ==, strcmp (reaction, END) != 0);
  g_assert_cmpuint (node_n_sent (node), ==, 1); /* never at once (RFC 5944 3.6.3) */
  node_advance (node, 2 * SECOND);
  if (!event->will_retry)
    {
      node_advance (node, 1000 * SECOND);
      g_assert_cmpuint (node_n_sent (node), ==, 1);
      return;
    }
  g_assert_cmpuint (node_n_sent (node), ==, 2);
  change = difference (node_sent (node, 0), node_sent (node, 1));
  g_assert_cmpstr (change, ==, reaction);
}

/* MIP-COD-046: the same again is a failure; 133 and 143 are bounded otherwise. */
static void
assert_second_is_a_failure (World *world, guint8 code)
{
  receive (world->node, code);
  g_assert_false (node_expect (world->node, MIP4_MN_DENIED)->will_retry);
  node_advance (world->node, 1000 * SECOND);
  g_assert_cmpuint (node_n_sent (world->node), ==, 2);
}

/* covers: MIP-COD-001, MIP-COD-002, MIP-COD-003, MIP-COD-004, MIP-COD-005, MIP-COD-006, MIP-COD-007, MIP-COD-008 */
/* covers: MIP-COD-009, MIP-COD-010, MIP-COD-011, MIP-COD-012, MIP-COD-013, MIP-COD-015, MIP-COD-016, MIP-COD-017 */
/* covers: MIP-COD-018, MIP-COD-019, MIP-COD-022, MIP-COD-023, MIP-COD-024, MIP-COD-025, MIP-COD-026, MIP-COD-027 */
/* covers: MIP-COD-028, MIP-COD-029, MIP-COD-030, MIP-COD-031, MIP-COD-032, MIP-COD-033, MIP-COD-034, MIP-COD-035 */
/* covers: MIP-COD-036, MIP-COD-038, MIP-COD-039, MIP-COD-040, MIP-COD-041, MIP-COD-042, MIP-COD-043, MIP-COD-044 */
/* covers: MIP-COD-045, MIP-COD-046, MIP-ADV-018, MIP-REV-007, MIP-REV-008, MIP-RPL-008, MIP-RPL-017 */
static void
test_form (gconstpointer data)
{
  Form form = (Form)GPOINTER_TO_UINT (data);
  guint next = 0;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_assert_cmpuint (rows[i].first, ==, next);
      next = rows[i].last + 1u;
      for (guint code = rows[i].first; code <= rows[i].last; code++)
        {
          const char *reaction = rows[i].reaction[form];
          World world;

          g_test_message ("code %u, %s: %s", code, rows[i].rows, reaction);
          world_init (&world, form);
          assert_reaction (&world, &rows[i], (guint8)code, reaction);
          if (node_n_sent (world.node) == 2 && strcmp (reaction, DISCARDED) != 0 && code != 133 && code != 143)
            assert_second_is_a_failure (&world, (guint8)code);
          world_clear (&world);
        }
    }
  g_assert_cmpuint (next, ==, 256);
}

/* What the rows above are refused from. */
static void
test_requests_ask_for_all (void)
{
  static const struct
  {
    guint8 flags;
    const char *types;
  } expected[N_FORMS] = {
    [DIRECT] = { 0xe2, "144 137 32" },
    [VPN] = { 0xe2, "144 137 32" },
    [VIA_AGENT_D0] = { 0xc2, "32 130 132 36" },
    [VIA_AGENT_D1] = { 0xe2, "144 32 132 36" },
  };

  for (guint form = 0; form < N_FORMS; form++)
    {
      g_autofree char *types = NULL;
      World world;

      world_init (&world, (Form)form);
      types = sent_types (node_last_sent (world.node));
      g_assert_cmpstr (types, ==, expected[form].types);
      g_assert_cmphex (node_last_sent (world.node)->flags, ==, expected[form].flags);
      world_clear (&world);
    }
}

/* covers: MIP-COD-014, MIP-COD-037, MIP-COD-046 */
static void
test_reverse_tunnel_is_set_when_mandatory (void)
{
  static const guint8 codes[] = { 75, 138 };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      Mip4MnConfig config = node_default_config ();
      const Mip4Agent agent = make_agent ();
      g_autoptr (Node) node = NULL;
      Forgery reply;

      config.reverse_tunnel = FALSE;
      node = node_new (&config);
      node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
      g_assert_cmphex (node_last_sent (node)->flags, ==, 0x00);
      for (guint round = 0; round < 2; round++)
        {
          reply = forge_reply (node_last_sent (node));
          reply.code = codes[i];
          node_receive_relayed (node, &reply);
          g_assert_cmpint (node_expect (node, MIP4_MN_DENIED)->will_retry, ==, round == 0);
          node_advance (node, SECOND);
          g_assert_cmphex (node_last_sent (node)->flags, ==, 0x02);
        }
    }
}

/* covers: MIP-REV-003, MIP-COD-013, MIP-COD-036 */
static void
test_private_home_address_keeps_its_reverse_tunnel (void)
{
  static const guint32 private_homes[] = { 0x0a010064, 0xac100001, 0xac1fffff, 0xc0a80001 };
  static const guint8 codes[] = { 70, 74, 137 };

  for (guint i = 0; i < G_N_ELEMENTS (private_homes); i++)
    for (guint j = 0; j < G_N_ELEMENTS (codes); j++)
      {
        Mip4MnConfig config = node_default_config ();
        const Mip4Agent agent = make_agent ();
        g_autoptr (Node) node = NULL;
        Forgery reply;

        config.home_address = roam_addr_from_u32 (private_homes[i]);
        config.triangular = TRUE;
        node = node_new (&config);
        node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
        reply = forge_reply (node_last_sent (node));
        reply.code = codes[j];
        node_receive_relayed (node, &reply);
        g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
      }
}

/* covers: MIP-COD-008 */
static void
test_69_without_a_shorter_lifetime_is_a_failure (void)
{
  static const guint16 lifetimes[] = { 0, 300, 301, 65535 };

  for (guint i = 0; i < G_N_ELEMENTS (lifetimes); i++)
    {
      const Mip4Agent agent = make_agent ();
      g_autoptr (Node) node = node_new (NULL);
      Forgery reply;

      node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
      reply = forge_reply (node_last_sent (node));
      reply.code = 69;
      reply.lifetime = lifetimes[i];
      node_receive_relayed (node, &reply);
      g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
    }
}

/* covers: MIP-COD-016, MIP-ADV-018 */
static void
test_77_takes_the_next_care_of_address (void)
{
  static const struct
  {
    guint n_care_of;
    guint32 first, second; /* second 0: none */
  } cases[] = { { 1, AGENT_CARE_OF, 0 },
                { 2, AGENT_CARE_OF, AGENT_CARE_OF + 1 },
                { 2, AGENT_CARE_OF + 1, AGENT_CARE_OF },
                { 2, AGENT_CARE_OF + 7, AGENT_CARE_OF } /* no longer offered */ };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Mip4Agent agent = make_agent ();
      g_autoptr (Node) node = node_new (NULL);
      Forgery reply;

      agent.n_care_of = cases[i].n_care_of;
      node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, cases[i].first);
      reply = forge_reply (node_last_sent (node));
      reply.code = 77;
      node_receive_relayed (node, &reply);
      g_assert_cmpint (node_expect (node, MIP4_MN_DENIED)->will_retry, ==, cases[i].second != 0);
      node_advance (node, SECOND);
      if (cases[i].second != 0)
        g_assert_cmphex (node_last_sent (node)->care_of, ==, cases[i].second);
      else
        g_assert_cmpuint (node_n_sent (node), ==, 1);
    }
}

/* covers: MIP-COD-002, MIP-COD-034, MIP-REG-014 */
static void
test_simultaneous_bindings_are_not_asked_for_again (void)
{
  static const guint8 codes[] = { 0, 1, 135 };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      Mip4MnConfig config = node_default_config ();
      g_autoptr (Node) node = NULL;
      Forgery reply;

      config.simultaneous = TRUE;
      node = node_new (&config);
      node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
      g_assert_cmphex (node_last_sent (node)->flags, ==, 0xa2);
      reply = forge_reply (node_last_sent (node));
      reply.code = codes[i];
      node_receive_forged (node, &reply);
      node_advance (node, 10 * SECOND);
      node_register (node, WIFI, 2, MIP4_FORM_CO_LOCATED, CARE_OF);
      g_assert_cmphex (node_last_sent (node)->flags, ==, codes[i] == 0 ? 0xa2 : 0x22);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/mn-codes/requests", test_requests_ask_for_all);
  g_test_add_data_func ("/mip4/mn-codes/direct", GUINT_TO_POINTER (DIRECT), test_form);
  g_test_add_data_func ("/mip4/mn-codes/vpn", GUINT_TO_POINTER (VPN), test_form);
  g_test_add_data_func ("/mip4/mn-codes/agent", GUINT_TO_POINTER (VIA_AGENT_D0), test_form);
  g_test_add_data_func ("/mip4/mn-codes/agent-co-located", GUINT_TO_POINTER (VIA_AGENT_D1), test_form);
  g_test_add_func ("/mip4/mn-codes/mandatory-t", test_reverse_tunnel_is_set_when_mandatory);
  g_test_add_func ("/mip4/mn-codes/private", test_private_home_address_keeps_its_reverse_tunnel);
  g_test_add_func ("/mip4/mn-codes/69", test_69_without_a_shorter_lifetime_is_a_failure);
  g_test_add_func ("/mip4/mn-codes/77", test_77_takes_the_next_care_of_address);
  g_test_add_func ("/mip4/mn-codes/simultaneous", test_simultaneous_bindings_are_not_asked_for_again);
  return g_test_run ();
}
