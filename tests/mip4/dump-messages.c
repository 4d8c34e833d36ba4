/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "mip4/mip4-codec-private.h"

/*
 * Writes messages of our engines for another decoder to look at, one a line:
 * source port, destination port, source, destination, name, octets in hex.
 */

static void
print_message (const char *name, const RoamAddr *source, guint16 source_port, const RoamAddr *destination,
               guint16 destination_port, GBytes *bytes)
{
  char from[ROAM_ADDR_STRLEN], to[ROAM_ADDR_STRLEN];
  gsize length;
  const guint8 *data = g_bytes_get_data (bytes, &length);

  g_print ("%u %u %s %s %s ", source_port, destination_port, roam_addr_to_string (source, from),
           roam_addr_to_string (destination, to), name);
  for (gsize i = 0; i < length; i++)
    g_print ("%02x", data[i]);
  g_print ("\n");
}

static void
print_replies (Mip4Ha *ha, const char *name)
{
  for (;;)
    {
      g_auto (Mip4HaAction) action = { 0 };

      if (!mip4_ha_pop_action (ha, &action))
        return;
      if (action.type == MIP4_HA_ACTION_SEND)
        print_message (name, &action.send.source, MIP4_PORT, &action.send.destination.addr,
                       action.send.destination.port, action.send.datagram);
    }
}

/* One request of @form in each variant, and what the home agent says to it, from @source. */
static void
exchange (Mip4AuthAlgorithm algorithm, const char *nai, Mip4Form form, guint32 care_of, guint32 source, guint64 late_s,
          const char *name)
{
  Mip4MnConfig config = node_default_config ();
  g_autofree char *reply_name = g_strconcat (name, "-reply", NULL);
  RoamPrefix trusted = { roam_addr_from_u32 (0x0a000000), 8 };
  g_autoptr (Node) node = NULL;
  g_autoptr (GByteArray) key_octets = unhex (default_key_hex);
  g_autoptr (RoamSecret) key = roam_secret_new (key_octets->data, key_octets->len);
  g_autoptr (Mip4Ha) ha = NULL;
  const Sent *sent;
  RoamEndpoint from = { roam_addr_from_u32 (source), 45000 };
  RoamNow now;

  config.mn_ha = (Mip4SecurityAssociation){ SPI, algorithm, key };
  config.nai = nai;
  node = node_new (&config);
  ha = mip4_ha_new (&(Mip4HaConfig){
    .address = config.home_agent,
    .trusted_networks = &trusted,
    .n_trusted_networks = 1,
    .nodes = &(Mip4HaNode){ config.home_address, config.mn_ha, nai },
    .n_nodes = 1,
    .max_lifetime_s = 1800,
    .nat_traversal = TRUE,
  });
  node_register (node, WIFI, 1, form, care_of);
  sent = node_last_sent (node);
  print_message (name, &sent->source, 45000, &sent->destination.addr, sent->destination.port, sent->bytes);
  now = node->now;
  now.ntp += late_s << 32;
  mip4_ha_input_datagram (ha, &now, &from, &sent->destination.addr, g_bytes_get_data (sent->bytes, NULL),
                          g_bytes_get_size (sent->bytes));
  print_replies (ha, reply_name);
}

/* --------------------------------------------- requests that our home agent does not see ---- */

static void
print_request (const Node *node, const char *name)
{
  const Sent *sent = node_last_sent (node);

  print_message (name, &sent->source, sent->source_port != 0 ? sent->source_port : 45000, &sent->destination.addr,
                 sent->destination.port, sent->bytes);
}

/* Through a foreign agent: @shared with a key of our own for it, else with one for its AAA server. */
static void
through_agent (Mip4Form form, gboolean shared, const char *name)
{
  g_autoptr (GByteArray) octets = unhex (agent_key_hex);
  g_autoptr (RoamSecret) key = roam_secret_new (octets->data, octets->len);
  const Mip4SecurityAssociation association = { AGENT_SPI, MIP4_AUTH_HMAC_MD5, key };
  const Mip4MnFaAssociation mn_fa = { roam_addr_from_u32 (AGENT), association };
  Mip4MnConfig config = node_default_config ();
  Mip4Agent agent = make_agent ();
  g_autoptr (Node) node = NULL;

  config.mn_fa = &mn_fa;
  config.n_mn_fa = shared;
  config.mn_aaa = association;
  config.encapsulating_delivery = config.broadcast = shared;
  agent.flags |= MIP4_AGENT_UDP_TUNNEL;
  agent.n_challenge = 8;
  node = node_new (&config);
  node_register_via (node, form, &agent, form == MIP4_FORM_FOREIGN_AGENT ? AGENT_CARE_OF : CARE_OF);
  print_request (node, name);
}

/* Revocation asked for, answered, and acknowledged. */
static void
revocation (void)
{
  Mip4MnConfig config = node_default_config ();
  g_autoptr (GByteArray) octets = unhex (default_key_hex);
  g_autoptr (RoamSecret) key = roam_secret_new (octets->data, octets->len);
  const Mip4SecurityAssociation association = { SPI, MIP4_AUTH_HMAC_SHA_256, key };
  g_autoptr (GByteArray) fixed = unhex ("07 00 8000 0a010064 0a010002 0a020032 ee000001");
  g_auto (WireWriter) writer = { 0 };
  g_autoptr (GBytes) message = NULL;
  g_autoptr (Node) node = NULL;
  Forgery reply;

  config.revocation = config.simultaneous = TRUE;
  config.service = "intranet";
  node = node_new (&config);
  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  print_request (node, "revocation-support");
  reply = forge_reply (node_last_sent (node));
  reply.before = "89 06 0000 ee000000";
  node_receive_forged (node, &reply);
  wire_writer_init (&writer, MIP4_MESSAGE_MAX);
  wire_write_data (&writer, fixed->data, fixed->len);
  mip4_write_auth (&writer, MIP4_EXT_MOBILE_HOME_AUTH, &association);
  message = wire_writer_finish (&writer);
  node_receive_at (node, message, WIFI, HOME_AGENT, 50434, CARE_OF);
  print_request (node, "revocation-ack");
}

static void
dynamic_home_agent (void)
{
  Mip4MnConfig config = node_default_config ();
  g_autoptr (Node) node = NULL;

  config.home_address = ROAM_ADDR_NONE;
  config.nai = "alice@example.com";
  config.home_agent = roam_addr_from_u32 (0xffffffffu);
  config.requested_home_agent = roam_addr_from_u32 (HOME_AGENT);
  config.short_dynamic_ha = TRUE; /* the layout that tshark knows (D-15) */
  node = node_new (&config);
  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  print_request (node, "dynamic-ha");
}

int
main (int argc, char **argv)
{
  const Mip4AuthAlgorithm md5 = MIP4_AUTH_HMAC_MD5, sha = MIP4_AUTH_HMAC_SHA_256;

  exchange (sha, NULL, MIP4_FORM_CO_LOCATED, CARE_OF, CARE_OF, 0, "co-located");
  exchange (md5, NULL, MIP4_FORM_CO_LOCATED, CARE_OF, CARE_OF, 0, "co-located-md5");
  exchange (md5, "alice@example.com", MIP4_FORM_CO_LOCATED, CARE_OF, CARE_OF, 0, "nai");
  exchange (sha, NULL, MIP4_FORM_CO_LOCATED, CARE_OF, CARE_OF_2, 0, "behind-nat");
  exchange (sha, NULL, MIP4_FORM_CO_LOCATED, CARE_OF, CARE_OF, 1000, "wrong-clock");
  exchange (md5, NULL, MIP4_FORM_HOME, HOME_ADDRESS, HOME_ADDRESS, 0, "home");
  exchange (sha, NULL, MIP4_FORM_DEREGISTER, CARE_OF, CARE_OF, 0, "deregister");
  through_agent (MIP4_FORM_FOREIGN_AGENT, TRUE, "agent");
  through_agent (MIP4_FORM_FOREIGN_AGENT, FALSE, "agent-aaa");
  through_agent (MIP4_FORM_CO_LOCATED_VIA_AGENT, TRUE, "agent-co-located");
  revocation ();
  dynamic_home_agent ();
  return 0;
}
