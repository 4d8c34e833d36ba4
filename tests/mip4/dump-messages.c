/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

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
  return 0;
}
