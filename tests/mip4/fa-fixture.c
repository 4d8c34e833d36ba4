/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fa-fixture.h"

#include <string.h>

const char *const fa_ha_key_hex = "6465666768696a6b6c6d6e6f70717273";
const char *const mn_fa_key_hex = "00ff00ff00ff00ff00ff00ff00ff00ff10";

static Mip4FaPeer
peer (guint32 address, guint32 spi, const char *hex, gboolean md5)
{
  g_autoptr (GByteArray) key = unhex (hex);

  return (
    Mip4FaPeer){ roam_addr_from_u32 (address),
                 { spi, md5 ? MIP4_AUTH_HMAC_MD5 : MIP4_AUTH_HMAC_SHA_256, roam_secret_new (key->data, key->len) } };
}

/* One each for the process, so that nothing is lost. */
Mip4FaPeer
fa_home_agent_peer (gboolean md5)
{
  static Mip4FaPeer peers[2];

  if (peers[md5].association.key == NULL)
    peers[md5] = peer (HOME_AGENT, FA_HA_SPI, fa_ha_key_hex, md5);
  return peers[md5];
}

Mip4FaPeer
fa_node_peer (gboolean md5)
{
  static Mip4FaPeer peers[2];

  if (peers[md5].association.key == NULL)
    peers[md5] = peer (HOME_ADDRESS, MN_FA_SPI, mn_fa_key_hex, md5);
  return peers[md5];
}

Mip4FaConfig
fa_default_config (void)
{
  static RoamAddr own[1];

  own[0] = roam_addr_from_u32 (FA_OTHER);
  return (Mip4FaConfig){
    .address = roam_addr_from_u32 (FA_ADDRESS),
    .care_of = { roam_addr_from_u32 (FA_CARE_OF) },
    .n_care_of = 1,
    .own_addresses = own,
    .n_own_addresses = 1,
    .visited_network = { roam_addr_from_u32 (FA_ADDRESS), 24 },
    .prefix_lengths = TRUE,
    .registration_lifetime_s = 300,
    .interval_ms = 1000,
    .reverse_tunnel = TRUE,
    .encapsulating_delivery = TRUE,
  };
}

static void
clear_actions (Fa *fa)
{
  for (guint i = 0; i < fa->actions->len; i++)
    mip4_fa_action_clear (&g_array_index (fa->actions, Mip4FaAction, i));
  g_array_set_size (fa->actions, 0);
}

static void
collect (Fa *fa)
{
  Mip4FaAction action;

  while (mip4_fa_pop_action (fa->fa, &action))
    g_array_append_val (fa->actions, action);
}

static void
set_now (Fa *fa, gint64 boot_us)
{
  fa->now = roam_now_make (boot_us, (gint64)(NTP_START - ROAM_NTP_UNIX_OFFSET) * SECOND + boot_us);
}

Fa *
fa_new (const Mip4FaConfig *config)
{
  const Mip4FaConfig own = config != NULL ? *config : fa_default_config ();
  Fa *fa = g_new0 (Fa, 1);

  fa->rng = roam_rng_new_for_test (7);
  fa->fa = mip4_fa_new (&own, fa->rng);
  g_assert_nonnull (fa->fa);
  fa->actions = g_array_new (FALSE, FALSE, sizeof (Mip4FaAction));
  set_now (fa, 1000 * SECOND);
  mip4_fa_input_deadline (fa->fa, &fa->now);
  collect (fa);
  return fa;
}

void
fa_free (Fa *fa)
{
  clear_actions (fa);
  g_array_unref (fa->actions);
  mip4_fa_free (fa->fa);
  roam_rng_free (fa->rng);
  g_free (fa);
}

void
fa_advance (Fa *fa, gint64 us)
{
  gint64 until_us = fa->now.boot_us + us;

  clear_actions (fa);
  for (guint guard = 0; guard < 1000000; guard++)
    {
      gint64 due = mip4_fa_next_deadline (fa->fa);

      if (due > until_us)
        {
          set_now (fa, until_us);
          return;
        }
      set_now (fa, MAX (due, fa->now.boot_us));
      mip4_fa_input_deadline (fa->fa, &fa->now);
      collect (fa);
    }
  g_error ("a deadline does not go away");
}

guint
fa_count (const Fa *fa, Mip4FaActionType type)
{
  guint n = 0;

  for (guint i = 0; i < fa->actions->len; i++)
    n += g_array_index (fa->actions, Mip4FaAction, i).type == type;
  return n;
}

const Mip4FaAction *
fa_find (const Fa *fa, Mip4FaActionType type)
{
  g_assert_cmpuint (fa_count (fa, type), ==, 1);
  for (guint i = 0; i < fa->actions->len; i++)
    if (g_array_index (fa->actions, Mip4FaAction, i).type == type)
      return &g_array_index (fa->actions, Mip4FaAction, i);
  return NULL;
}

void
fa_command (Fa *fa, Mip4FaCommandType type)
{
  clear_actions (fa);
  mip4_fa_input_command (fa->fa, &fa->now, &(Mip4FaCommand){ .type = type });
  collect (fa);
}

guint64
fa_counter (const Fa *fa, const char *name)
{
  g_autoptr (GHashTable) counters = mip4_fa_dup_counters (fa->fa);
  const guint64 *value = g_hash_table_lookup (counters, name);

  g_assert_nonnull (value);
  return *value;
}

Mip4FaHeader
fa_header (guint64 mac)
{
  Mip4FaHeader header = {
    .visited = TRUE,
    .source = { roam_addr_from_u32 (HOME_ADDRESS), MN_PORT },
    .destination = roam_addr_from_u32 (FA_ADDRESS),
    .ttl = 255,
  };

  for (guint i = 0; i < 6; i++)
    header.link_layer[i] = (guint8)(mac >> (8 * (5 - i)));
  return header;
}

void
fa_input_header (Fa *fa, const Mip4FaHeader *header, GBytes *message)
{
  clear_actions (fa);
  mip4_fa_input_datagram (fa->fa, &fa->now, header, g_bytes_get_data (message, NULL), g_bytes_get_size (message));
  g_bytes_unref (message);
  collect (fa);
}

void
fa_input (Fa *fa, GBytes *message)
{
  const Mip4FaHeader header = fa_header (MN_MAC);

  fa_input_header (fa, &header, message);
}

void
fa_input_reply (Fa *fa, GBytes *message)
{
  const Mip4FaHeader header = {
    .source = { roam_addr_from_u32 (HOME_AGENT), MIP4_PORT },
    .destination = roam_addr_from_u32 (FA_CARE_OF),
    .ttl = 60,
  };

  fa_input_header (fa, &header, message);
}

Forgery
fa_request (const Fa *fa)
{
  static guint32 serial;
  Forgery request = forge_request (fa->now.ntp + ++serial);

  request.code = MIP4_FLAG_REVERSE_TUNNEL;
  request.lifetime = 120;
  request.care_of = FA_CARE_OF;
  return request;
}

Forgery
fa_reply (const Forgery *request)
{
  return (Forgery){
    .type = 3,
    .code = 0,
    .lifetime = request->lifetime,
    .home = request->home != 0 ? request->home : HOME_ADDRESS,
    .agent = HOME_AGENT,
    .identification = request->identification,
    .spi = SPI,
    .n_mhae = 1,
  };
}

GBytes *
fa_append (GBytes *message, const char *hex)
{
  g_autoptr (GByteArray) more = unhex (hex);
  GByteArray *out = g_bytes_unref_to_array (message);

  g_byte_array_append (out, more->data, more->len);
  return g_byte_array_free_to_bytes (out);
}

GBytes *
fa_authenticate (GBytes *message, guint8 type, guint32 spi, const char *key_hex, gboolean md5)
{
  g_autoptr (GByteArray) key = unhex (key_hex);
  g_autoptr (GHmac) hmac = g_hmac_new (md5 ? G_CHECKSUM_MD5 : G_CHECKSUM_SHA256, key->data, key->len);
  GByteArray *out = g_bytes_unref_to_array (message);
  const guint8 head[] = {
    type, md5 ? 20 : 36, (guint8)(spi >> 24), (guint8)(spi >> 16), (guint8)(spi >> 8), (guint8)spi
  };
  guint8 digest[32];
  gsize length = sizeof digest;

  g_byte_array_append (out, head, sizeof head);
  g_hmac_update (hmac, out->data, (gssize)out->len);
  g_hmac_get_digest (hmac, digest, &length);
  g_byte_array_append (out, digest, (guint)length);
  return g_byte_array_free_to_bytes (out);
}

static const Mip4FaAction *
find_send (const Fa *fa, gboolean visited)
{
  const Mip4FaAction *found = NULL;

  for (guint i = 0; i < fa->actions->len; i++)
    {
      const Mip4FaAction *action = &g_array_index (fa->actions, Mip4FaAction, i);

      if (action->type != MIP4_FA_ACTION_SEND || action->send.visited != visited)
        continue;
      g_assert_null (found);
      found = action;
    }
  g_assert_nonnull (found);
  return found;
}

const Mip4FaAction *
fa_relayed (const Fa *fa)
{
  return find_send (fa, FALSE);
}

Mip4Message
fa_to_node (const Fa *fa)
{
  const Mip4FaAction *action = find_send (fa, TRUE);
  Mip4Message message;

  g_assert_cmpint (
    mip4_parse (g_bytes_get_data (action->send.datagram, NULL), g_bytes_get_size (action->send.datagram), &message), ==,
    MIP4_DISCARD_NONE);
  g_assert_cmpint (message.type, ==, MIP4_MESSAGE_REPLY);
  return message;
}

void
fa_expect_denied (const Fa *fa, guint8 code)
{
  Mip4Message reply;

  g_assert_cmpuint (fa_count (fa, MIP4_FA_ACTION_SEND), ==, 1);
  reply = fa_to_node (fa);
  g_assert_cmpuint (reply.code, ==, code);
  g_assert_cmpuint (fa_find (fa, MIP4_FA_ACTION_LOG)->log.code, ==, code);
}

void
fa_expect_silence (const Fa *fa)
{
  g_assert_cmpuint (fa_count (fa, MIP4_FA_ACTION_SEND), ==, 0);
  g_assert_cmpuint (fa_count (fa, MIP4_FA_ACTION_VISITOR_ADD), ==, 0);
  g_assert_cmpuint (fa_count (fa, MIP4_FA_ACTION_VISITOR_CHANGE), ==, 0);
  g_assert_cmpuint (fa_count (fa, MIP4_FA_ACTION_VISITOR_REMOVE), ==, 0);
}

Mip4FaVisitor
fa_register (Fa *fa, const Forgery *request)
{
  const Forgery reply = fa_reply (request);
  g_autoptr (GArray) visitors = NULL;

  fa_input (fa, forge (request));
  fa_relayed (fa);
  fa_input_reply (fa, forge (&reply));
  g_assert_cmpuint (fa_to_node (fa).code, ==, 0);
  visitors = mip4_fa_dup_visitors (fa->fa);
  g_assert_cmpuint (visitors->len, >, 0);
  return g_array_index (visitors, Mip4FaVisitor, 0);
}

Mip4Advertisement
fa_advertisement (const Fa *fa)
{
  const Mip4FaAction *action = fa_find (fa, MIP4_FA_ACTION_SEND_ICMP);
  Mip4Advertisement adv;

  g_assert_cmpint (mip4_parse_advertisement (g_bytes_get_data (action->icmp.message, NULL),
                                             g_bytes_get_size (action->icmp.message), &adv),
                   ==, MIP4_ADVERTISEMENT_OK);
  return adv;
}
