/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "mip4/mip4-codec-private.h"

#include <string.h>

/* Service selection, message strings, vendor extensions, lifetimes with UDP tunnels, S and B. */

static Node *
registering (const Mip4MnConfig *config)
{
  Node *node = node_new (config);

  node_register (node, WIFI, 5, MIP4_FORM_CO_LOCATED, CARE_OF);
  return node;
}

/* covers: MIP-MSV-007, MIP-MSV-006 */
static void
test_service_is_in_every_request (void)
{
  static const Mip4Form forms[] = { MIP4_FORM_CO_LOCATED, MIP4_FORM_CO_LOCATED, MIP4_FORM_DEREGISTER, MIP4_FORM_HOME,
                                    MIP4_FORM_FOREIGN_AGENT };
  const Mip4Agent agent = make_agent ();
  Mip4MnConfig config = node_default_config ();
  g_autoptr (Node) node = NULL;

  config.service = "intranet";
  config.nai = "a@b";
  node = node_new (&config);
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      g_autofree char *types = NULL, *service = NULL;

      node_advance (node, 10 * SECOND);
      node_register_via (node, forms[i], forms[i] == MIP4_FORM_FOREIGN_AGENT ? &agent : &(Mip4Agent){ 0 }, CARE_OF);
      service = sent_extension (node_last_sent (node), 151);
      g_assert_cmpstr (service, ==, "9708696e7472616e6574");
      types = sent_types (node_last_sent (node));
      g_assert_true (g_str_has_prefix (types, "131 151 "));
      g_assert_null (strstr (types + strlen ("131 151"), "151"));
    }
}

/* covers: MIP-MSV-010 */
static void
test_service_echo_must_be_unchanged (void)
{
  static const struct
  {
    const char *echo;
    guint changed;
  } cases[] = { { NULL, 0 },
                { "97 08 696e7472616e6574", 0 },
                { "97 08 696e7472616e6575", 1 },
                { "97 07 696e7472616e65", 1 },
                { "97 00", 0 /* no service at all (RFC 5446 3) */ } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Mip4MnConfig config = node_default_config ();
      g_autoptr (Node) node = NULL;
      Forgery reply;

      config.service = "intranet";
      node = registering (&config);
      reply = forge_reply (node_last_sent (node));
      reply.before = cases[i].echo;
      node_receive_forged (node, &reply);
      node_expect (node, MIP4_MN_ACCEPTED);
      g_assert_cmpuint (node_counter (node, "service-echo-changed"), ==, cases[i].changed);
    }
}

static void
test_bad_service_is_refused (void)
{
  g_autofree char *too_long = g_strnfill (256, 'x');
  const char *bad[] = { "", "\xff\xfe", too_long };
  g_autoptr (GByteArray) octets = unhex (default_key_hex);
  g_autoptr (RoamSecret) key = roam_secret_new (octets->data, octets->len);
  Mip4MnConfig config = node_default_config ();

  config.mn_ha.key = key;
  too_long[255] = '\0';
  config.service = too_long;
  g_assert_null (mip4_mn_config_fault (&config));
  too_long[255] = 'x';
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      config.service = bad[i];
      g_assert_nonnull (mip4_mn_config_fault (&config));
    }
}

static char *
message_extension (guint8 subtype, const char *text)
{
  GString *hex = g_string_new (NULL);

  g_string_printf (hex, "91 %02x %02x", (guint)strlen (text) + 1, subtype);
  for (const char *at = text; *at != '\0'; at++)
    g_string_append_printf (hex, "%02x", (guint8)*at);
  return g_string_free (hex, FALSE);
}

/* covers: MIP-MSV-001, MIP-MSV-002, MIP-MSV-004 */
static void
test_message_string_is_made_safe (void)
{
  g_autofree char *very_long = g_strnfill (250, 'x');
  g_autofree char *cut = g_strnfill (127, 'x');
  const struct
  {
    const char *text, *shown;
  } cases[] = {
    { "Quota reached \xe2\x80\x93 call 1234", "Quota reached \xe2\x80\x93 call 1234" },
    { "two\nlines\r\x1b[31mred", "two\\u{a}lines\\u{d}\\u{1b}[31mred" },
    { "a\xe2\x80\xa8z", "a\\u{2028}z" }, /* line separator */
    { "a\xee\x80\x80z", "a\\u{e000}z" }, /* private use */
    { "e\xcc\x81", "e\xcc\x81" },        /* a combining accent */
    { "evil\xe2\x80\xae"
      "txt",
      "evil\\u{202e}txt" }, /* right-to-left override */
    { "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd" },
    { "code=0 tnc=1", "code=0 tnc=1" },
    { very_long, cut },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Node) node = registering (NULL);
      Forgery reply = forge_reply (node_last_sent (node));
      g_autofree char *extension = message_extension (1, cases[i].text);
      const Mip4MnEvent *event;

      reply.code = 129;
      reply.before = extension;
      node_receive_forged (node, &reply);
      event = node_expect (node, MIP4_MN_DENIED);
      g_assert_cmpuint (event->code, ==, 129);
      g_assert_false (event->tnc);
      g_assert_cmpstr (event->message, ==, cases[i].shown);
      g_assert_true (g_utf8_validate (event->message, -1, NULL));
      g_assert_true (event->message_authentic);
    }
}

static void
test_long_text_is_not_cut_inside_a_character (void)
{
  g_autoptr (Node) node = registering (NULL);
  Forgery reply = forge_reply (node_last_sent (node));
  GString *text = g_string_new ("x");
  g_autofree char *extension = NULL;
  const char *message;

  while (text->len < 240)
    g_string_append (text, "\xe2\x82\xac");
  extension = message_extension (1, text->str);
  reply.before = extension;
  node_receive_forged (node, &reply);
  message = node_expect (node, MIP4_MN_ACCEPTED)->message;
  g_assert_cmpuint (strlen (message), ==, 127); /* 1 + 42 * 3 */
  g_assert_true (g_utf8_validate (message, -1, NULL));
  g_string_free (text, TRUE);
}

/* covers: MIP-MSV-003, MIP-RPL-011 */
static void
test_message_of_an_agent_is_marked (void)
{
  static const struct
  {
    guint8 code;
    gboolean after, n_mhae, authentic;
  } cases[] = {
    { 0, FALSE, TRUE, TRUE },
    { 0, TRUE, TRUE, FALSE },
    { 66, FALSE, FALSE, FALSE }, /* a denial of the agent's own, without MHAE */
    { 97, FALSE, TRUE, FALSE },  /* before an MHAE that nobody verified */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const Mip4Agent agent = make_agent ();
      g_autoptr (Node) node = node_new (NULL);
      g_autofree char *extension = message_extension (cases[i].authentic ? 1 : 2, "hello");
      const Mip4MnEvent *event;
      Forgery reply;

      node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
      reply = forge_reply (node_last_sent (node));
      reply.code = cases[i].code;
      reply.n_mhae = cases[i].n_mhae;
      reply.before = cases[i].after ? NULL : extension;
      reply.after = cases[i].after ? extension : NULL;
      node_receive_relayed (node, &reply);
      event = node_expect (node, cases[i].code == 0 ? MIP4_MN_ACCEPTED : MIP4_MN_DENIED);
      g_assert_cmpstr (event->message, ==, "hello");
      g_assert_cmpint (event->message_authentic, ==, cases[i].authentic);
    }
}

/* covers: MIP-MSV-012, MIP-MSV-013, MIP-MSV-014, MIP-MSV-016 */
static void
test_vendor_extensions (void)
{
  static const struct
  {
    const char *before, *after;
    Mip4MnEventType type;
  } cases[] = {
    { "86 08 0000 00000009 0007", NULL, MIP4_MN_ACCEPTED },
    { "86 08 0000 00000009 0007 86 0a 0000 00000137 0001 beef", "86 08 0000 00000009 0008", MIP4_MN_ACCEPTED },
    { "86 03 000000", NULL, MIP4_MN_ACCEPTED }, /* malformed, skippable */
    { "26 00 0006 00000009 0007", NULL, MIP4_MN_DENIED },
    { NULL, "26 00 0007 00000009 0007 ff", MIP4_MN_DENIED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Node) node = registering (NULL);
      Forgery reply = forge_reply (node_last_sent (node));

      reply.before = cases[i].before;
      reply.after = cases[i].after;
      node_receive_forged (node, &reply);
      node_expect (node, cases[i].type);
    }
}

/* covers: MIP-LIF-010, MIP-NAT-034 */
static void
test_lifetime_with_a_udp_tunnel_is_short (void)
{
  Mip4MnConfig config = node_default_config ();
  g_autoptr (Node) node = NULL;
  gint64 sent_us;
  Forgery reply;

  config.udp_lifetime_s = 60;
  node = registering (&config);
  /* Nobody knows yet of the NAT. */
  g_assert_cmpuint (node_last_sent (node)->lifetime, ==, 600);
  reply = forge_reply (node_last_sent (node));
  reply.before = "2c 06 00 00 00 00 00 6e";
  node_receive_forged (node, &reply);
  sent_us = node_last_sent (node)->at_us;
  g_assert_cmpuint (node_expect (node, MIP4_MN_ACCEPTED)->lifetime_s, ==, 60);
  node_run_until (node, sent_us + 45 * SECOND);
  node_expect (node, MIP4_MN_RENEWAL_DUE);
  node_register (node, WIFI, 6, MIP4_FORM_CO_LOCATED, CARE_OF);
  g_assert_cmpuint (node_last_sent (node)->lifetime, ==, 60);
  reply = forge_reply (node_last_sent (node));
  reply.before = "2c 06 00 00 00 00 00 6e";
  node_receive_forged (node, &reply);
  /* Elsewhere there may be none. */
  node_register (node, CABLE, 7, MIP4_FORM_CO_LOCATED, CARE_OF_2);
  g_assert_cmpuint (node_last_sent (node)->lifetime, ==, 600);
  reply = forge_reply (node_last_sent (node));
  node_receive_forged (node, &reply);
  g_assert_cmpuint (node_expect (node, MIP4_MN_ACCEPTED)->lifetime_s, ==, 600);
}

/* covers: MIP-LIF-010, MIP-NAT-007 */
static void
test_forced_udp_tunnel_asks_for_a_short_lifetime (void)
{
  Mip4MnConfig config = node_default_config ();
  const Mip4MnCommand command = {
    .type = MIP4_MN_REGISTER,
    .path = WIFI,
    .care_of_address = roam_addr_from_u32 (CARE_OF),
    .copies = 3,
    .force_udp = TRUE,
  };
  g_autoptr (Node) node = NULL;

  config.udp_lifetime_s = 60;
  config.lifetime_s = 65535;
  node = node_new (&config);
  node_input (node, &command);
  g_assert_cmpuint (node_last_sent (node)->lifetime, ==, 60);
}

/* covers: MIP-NAT-013, MIP-NAT-031 */
static void
test_keepalive_interval (void)
{
  static const struct
  {
    const char *reply;
    gboolean on;
    guint16 interval_s;
  } cases[] = {
    { "2c 06 00 00 00 00 00 6e", TRUE, 110 },   { "2c 06 00 3f 00 00 00 3c", TRUE, 60 },
    { "2c 06 00 00 00 00 00 00", TRUE, 110 },   { "2c 06 00 00 00 00 00 05", TRUE, 10 },
    { "2c 06 00 00 80 00 ff ff", TRUE, 65535 }, { "2c 06 00 40 00 00 00 6e", FALSE, 0 },
    { "2c 06 00 ff 00 00 00 6e", FALSE, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Node) node = registering (NULL);
      Forgery reply = forge_reply (node_last_sent (node));
      const Mip4MnEvent *event;

      reply.before = cases[i].reply;
      node_receive_forged (node, &reply);
      event = node_expect (node, MIP4_MN_ACCEPTED);
      g_assert_cmpint (event->udp_tunnel, ==, cases[i].on);
      g_assert_cmpuint (event->keepalive_s, ==, cases[i].interval_s);
      g_assert_false (event->keepalive_at_once);
    }
}

/* covers: MIP-REG-009, MIP-REG-010, MIP-REG-014, MIP-REG-015, MIP-REG-016, MIP-GEN-012 */
static void
test_flags (void)
{
  for (guint bits = 0; bits < 4; bits++)
    {
      Mip4MnConfig config = node_default_config ();
      const Mip4Agent agent = make_agent ();
      guint8 expected = (guint8)((bits & 1 ? 0x80 : 0) | (bits & 2 ? 0x40 : 0));
      g_autoptr (Node) node = NULL;

      config.simultaneous = bits & 1;
      config.broadcast = (bits & 2) != 0;
      node = registering (&config);
      g_assert_cmphex (node_last_sent (node)->flags, ==, expected | 0x22);
      node_advance (node, 10 * SECOND);
      node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
      g_assert_cmphex (node_last_sent (node)->flags, ==, (expected & 0x80) | 0x02);
      /* A deregistration asks for nothing. */
      node_advance (node, 10 * SECOND);
      node_register (node, WIFI, 6, MIP4_FORM_DEREGISTER, CARE_OF);
      g_assert_cmphex (node_last_sent (node)->flags, ==, 0x22);
      node_advance (node, 10 * SECOND);
      node_register (node, WIFI, 7, MIP4_FORM_HOME, HOME_ADDRESS);
      g_assert_cmphex (node_last_sent (node)->flags, ==, 0x00);
    }
}

static void
test_infinite_lifetime_needs_no_renewal (void)
{
  Mip4MnConfig config = node_default_config ();
  g_autoptr (Node) node = NULL;
  Forgery reply;

  config.lifetime_s = 65535;
  node = registering (&config);
  reply = forge_reply (node_last_sent (node));
  node_receive_forged (node, &reply);
  g_assert_cmpuint (node_expect (node, MIP4_MN_ACCEPTED)->lifetime_s, ==, 65535);
  g_assert_cmpint (mip4_mn_next_deadline (node->mn), ==, ROAM_NEVER);
  node_advance (node, 100000 * SECOND);
  node_expect (node, MIP4_MN_ACCEPTED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/mn-options/service", test_service_is_in_every_request);
  g_test_add_func ("/mip4/mn-options/service-echo", test_service_echo_must_be_unchanged);
  g_test_add_func ("/mip4/mn-options/service-bad", test_bad_service_is_refused);
  g_test_add_func ("/mip4/mn-options/message", test_message_string_is_made_safe);
  g_test_add_func ("/mip4/mn-options/message-long", test_long_text_is_not_cut_inside_a_character);
  g_test_add_func ("/mip4/mn-options/message-mark", test_message_of_an_agent_is_marked);
  g_test_add_func ("/mip4/mn-options/vendor", test_vendor_extensions);
  g_test_add_func ("/mip4/mn-options/udp-lifetime", test_lifetime_with_a_udp_tunnel_is_short);
  g_test_add_func ("/mip4/mn-options/udp-forced", test_forced_udp_tunnel_asks_for_a_short_lifetime);
  g_test_add_func ("/mip4/mn-options/keepalive", test_keepalive_interval);
  g_test_add_func ("/mip4/mn-options/flags", test_flags);
  g_test_add_func ("/mip4/mn-options/infinite", test_infinite_lifetime_needs_no_renewal);
  return g_test_run ();
}
