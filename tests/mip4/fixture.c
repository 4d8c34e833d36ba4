/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <string.h>

const char *const default_key_hex = "000102030405060708090a0b0c0d0e0ff0e0d0c0b0a090807060504030201000";
const char *const agent_key_hex = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf";
const char *const other_key_hex = "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf";

/* ------------------------------------------------------------ message maker ---- */

GByteArray *
unhex (const char *hex)
{
  GByteArray *out = g_byte_array_new ();

  for (; hex != NULL && hex[0] != '\0'; hex++)
    {
      guint8 octet;

      if (*hex == ' ')
        continue;
      octet = (guint8)(g_ascii_xdigit_value (hex[0]) << 4 | g_ascii_xdigit_value (hex[1]));
      g_byte_array_append (out, &octet, 1);
      hex++;
    }
  return out;
}

static void
put (GByteArray *out, guint64 value, guint octets)
{
  while (octets-- > 0)
    {
      guint8 octet = (guint8)(value >> (8 * octets));

      g_byte_array_append (out, &octet, 1);
    }
}

static void
put_hex (GByteArray *out, const char *hex)
{
  g_autoptr (GByteArray) octets = unhex (hex);

  g_byte_array_append (out, octets->data, octets->len);
}

static void
put_auth (GByteArray *out, guint8 type, guint32 spi, const char *key_hex, gboolean md5)
{
  g_autoptr (GByteArray) key = unhex (key_hex);
  g_autoptr (GHmac) hmac = g_hmac_new (md5 ? G_CHECKSUM_MD5 : G_CHECKSUM_SHA256, key->data, key->len);
  guint8 digest[32];
  gsize length = sizeof digest;

  put (out, type, 1);
  put (out, md5 ? 20 : 36, 1);
  put (out, spi, 4);
  g_hmac_update (hmac, out->data, (gssize)out->len);
  g_hmac_get_digest (hmac, digest, &length);
  g_byte_array_append (out, digest, (guint)length);
}

Forgery
forge_reply (const Sent *sent)
{
  return (Forgery){
    .type = 3,
    .lifetime = sent->lifetime,
    .home = sent->home,
    .agent = sent->agent,
    .identification = sent->identification,
    .spi = SPI,
    .n_mhae = 1,
  };
}

Forgery
forge_request (guint64 identification)
{
  return (Forgery){
    .type = 1,
    .code = 0x22,
    .lifetime = 600,
    .home = HOME_ADDRESS,
    .agent = HOME_AGENT,
    .care_of = CARE_OF,
    .identification = identification,
    .spi = SPI,
    .n_mhae = 1,
  };
}

GBytes *
forge (const Forgery *forgery)
{
  GByteArray *out = g_byte_array_new ();

  put (out, forgery->type, 1);
  put (out, forgery->code, 1);
  put (out, forgery->lifetime, 2);
  put (out, forgery->home, 4);
  put (out, forgery->agent, 4);
  if (forgery->type == 1)
    put (out, forgery->care_of, 4);
  put (out, forgery->identification, 8);
  put_hex (out, forgery->before);
  for (guint i = 0; i < forgery->n_mhae; i++)
    put_auth (out, 32, forgery->spi, forgery->key != NULL ? forgery->key : default_key_hex, forgery->md5);
  put_hex (out, forgery->after);
  for (guint i = 0; i < forgery->n_mfae; i++)
    put_auth (out, 33, AGENT_SPI, forgery->mfae_key != NULL ? forgery->mfae_key : agent_key_hex, FALSE);
  for (guint i = 0; i < forgery->n_fhae; i++)
    put_auth (out, 34, AGENT_SPI, forgery->fhae_key != NULL ? forgery->fhae_key : agent_key_hex, FALSE);
  return g_byte_array_free_to_bytes (out);
}

/* -------------------------------------------------------------- mobile node ---- */

static guint64
get (const guint8 *data, gsize offset, guint octets)
{
  guint64 value = 0;

  for (guint i = 0; i < octets; i++)
    value = value << 8 | data[offset + i];
  return value;
}

static void
sent_free (gpointer data)
{
  Sent *sent = data;

  g_bytes_unref (sent->bytes);
  g_free (sent);
}

static void
take_sent (Node *node, const Mip4MnAction *action)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (action->send.datagram, &length);
  Sent *sent = g_new0 (Sent, 1);

  sent->type = data[0];
  sent->at_us = node->now.boot_us;
  sent->path = action->send.path;
  sent->source = action->send.source;
  sent->destination = action->send.destination;
  sent->ttl = action->send.ttl;
  sent->source_port = action->send.source_port;
  sent->has_link_layer = action->send.has_link_layer;
  memcpy (sent->link_layer, action->send.link_layer, sizeof sent->link_layer);
  sent->bytes = g_bytes_ref (action->send.datagram);
  g_ptr_array_add (node->sent, sent);
  if (sent->type == 15)
    return;
  g_assert_cmpuint (sent->type, ==, 1);
  g_assert_cmpuint (length, >=, 24);
  sent->flags = data[1];
  sent->lifetime = (guint16)get (data, 2, 2);
  sent->home = (guint32)get (data, 4, 4);
  sent->agent = (guint32)get (data, 8, 4);
  sent->care_of = (guint32)get (data, 12, 4);
  sent->identification = get (data, 16, 8);
}

static void
collect (Node *node)
{
  for (;;)
    {
      g_auto (Mip4MnAction) action = { 0 };

      if (!mip4_mn_pop_action (node->mn, &action))
        return;
      switch (action.type)
        {
        case MIP4_MN_ACTION_SEND:
          take_sent (node, &action);
          break;
        case MIP4_MN_ACTION_EVENT:
          g_array_append_val (node->events, action.event);
          break;
        }
    }
}

Mip4MnConfig
node_default_config (void)
{
  return (Mip4MnConfig){
    .home_address = roam_addr_from_u32 (HOME_ADDRESS),
    .home_agent = roam_addr_from_u32 (HOME_AGENT),
    .mn_ha = { .spi = SPI, .algorithm = MIP4_AUTH_HMAC_SHA_256 },
    .lifetime_s = 600,
    .reverse_tunnel = TRUE,
    .nat_traversal = TRUE,
  };
}

static void
set_now (Node *node, gint64 boot_us)
{
  gint64 unix_us = (gint64)(NTP_START - ROAM_NTP_UNIX_OFFSET) * SECOND + boot_us + node->step_us;

  node->now = roam_now_make (boot_us, unix_us);
}

Node *
node_new (const Mip4MnConfig *config)
{
  Node *node = g_new0 (Node, 1);
  Mip4MnConfig own = config != NULL ? *config : node_default_config ();
  g_autoptr (GByteArray) key = unhex (default_key_hex);

  node->rng = roam_rng_new_for_test (42);
  node->key = roam_secret_new (key->data, key->len);
  if (own.mn_ha.key == NULL)
    own.mn_ha.key = node->key;
  node->mn = mip4_mn_new (&own, node->rng);
  node->sent = g_ptr_array_new_with_free_func (sent_free);
  node->events = g_array_new (FALSE, FALSE, sizeof (Mip4MnEvent));
  set_now (node, 1000 * SECOND);
  return node;
}

void
node_free (Node *node)
{
  mip4_mn_free (node->mn);
  roam_rng_free (node->rng);
  roam_secret_unref (node->key);
  g_ptr_array_unref (node->sent);
  g_array_unref (node->events);
  g_free (node);
}

void
node_input (Node *node, const Mip4MnCommand *command)
{
  mip4_mn_input_command (node->mn, &node->now, command);
  collect (node);
}

Mip4Agent
make_agent (void)
{
  return (Mip4Agent){
    .address = roam_addr_from_u32 (AGENT),
    .link_layer = { 2, 0, 0, 0, 0, 0x77 },
    .flags = MIP4_AGENT_FOREIGN | MIP4_AGENT_REVERSE_TUNNEL,
    .registration_lifetime_s = 300,
    .care_of = { roam_addr_from_u32 (AGENT_CARE_OF), roam_addr_from_u32 (AGENT_CARE_OF + 1) },
    .n_care_of = 2,
  };
}

void
node_register_via (Node *node, Mip4Form form, const Mip4Agent *agent, guint32 care_of)
{
  const Mip4MnCommand command = {
    .type = MIP4_MN_REGISTER,
    .path = WIFI,
    .serial = 5,
    .form = form,
    .care_of_address = roam_addr_from_u32 (care_of),
    .first_timeout_us = SECOND,
    .copies = 3,
    .agent = *agent,
  };

  node_input (node, &command);
}

void
node_register (Node *node, Mip4Path path, guint32 serial, Mip4Form form, guint32 care_of)
{
  const Mip4MnCommand command = {
    .type = MIP4_MN_REGISTER,
    .path = path,
    .serial = serial,
    .form = form,
    .care_of_address = roam_addr_from_u32 (care_of),
    .first_timeout_us = SECOND,
    .copies = 3,
  };

  mip4_mn_input_command (node->mn, &node->now, &command);
  collect (node);
}

void
node_command (Node *node, Mip4MnCommandType type, Mip4Path path)
{
  mip4_mn_input_command (node->mn, &node->now, &(Mip4MnCommand){ .type = type, .path = path });
  collect (node);
}

void
node_run_until (Node *node, gint64 until_us)
{
  collect (node);
  for (guint guard = 0; guard < 10000; guard++)
    {
      gint64 due = mip4_mn_next_deadline (node->mn);

      if (due > until_us)
        {
          set_now (node, until_us);
          return;
        }
      set_now (node, MAX (due, node->now.boot_us));
      mip4_mn_input_deadline (node->mn, &node->now);
      collect (node);
    }
  g_error ("a deadline does not go away");
}

void
node_advance (Node *node, gint64 us)
{
  node_run_until (node, node->now.boot_us + us);
}

void
node_step_clock (Node *node, gint64 us)
{
  node->step_us += us;
  set_now (node, node->now.boot_us);
}

void
node_receive_at (Node *node, GBytes *message, Mip4Path path, guint32 source, guint16 port, guint32 destination)
{
  const RoamEndpoint from = { roam_addr_from_u32 (source), port };
  const RoamAddr to = roam_addr_from_u32 (destination);

  mip4_mn_input_datagram (node->mn, &node->now, path, &from, &to, g_bytes_get_data (message, NULL),
                          g_bytes_get_size (message));
  collect (node);
}

void
node_receive (Node *node, GBytes *message)
{
  const Sent *sent = node_last_sent (node);

  node_receive_at (node, message, sent->path, HOME_AGENT, MIP4_PORT, roam_addr_to_u32 (&sent->source));
}

void
node_receive_forged (Node *node, const Forgery *forgery)
{
  g_autoptr (GBytes) message = forge (forgery);

  node_receive (node, message);
}

void
node_receive_relayed (Node *node, const Forgery *forgery)
{
  const Sent *sent = node_last_sent (node);
  guint32 source = roam_addr_to_u32 (&sent->source);
  g_autoptr (GBytes) message = forge (forgery);

  node_receive_at (node, message, sent->path, roam_addr_to_u32 (&sent->destination.addr), MIP4_PORT,
                   source != 0 ? source : 0xffffffffu);
}

/* Offset and length of the @index-th extension; length 0: there is none. */
static gsize
extension_at (const Sent *sent, guint index, gsize *ret_offset)
{
  gsize length, offset = 24;
  const guint8 *data = g_bytes_get_data (sent->bytes, &length);

  for (guint i = 0; offset < length; i++)
    {
      gboolean is_long = data[offset] == 36 || data[offset] == 38 || (data[offset] == 139 && data[offset + 1] < 5);
      gsize whole = is_long ? 4 + (gsize)get (data, offset + 2, 2) : 2 + (gsize)data[offset + 1];

      g_assert_cmpuint (offset + whole, <=, length);
      *ret_offset = offset;
      if (i == index)
        return whole;
      offset += whole;
    }
  return 0;
}

char *
sent_types (const Sent *sent)
{
  const guint8 *data = g_bytes_get_data (sent->bytes, NULL);
  GString *types = g_string_new (NULL);
  gsize offset;

  for (guint i = 0; extension_at (sent, i, &offset) > 0; i++)
    g_string_append_printf (types, "%s%u", i > 0 ? " " : "", data[offset]);
  return g_string_free (types, FALSE);
}

char *
sent_extension (const Sent *sent, guint8 type)
{
  const guint8 *data = g_bytes_get_data (sent->bytes, NULL);
  GString *hex = g_string_new (NULL);
  gsize offset, whole;

  for (guint i = 0; hex->len == 0 && (whole = extension_at (sent, i, &offset)) > 0; i++)
    for (gsize at = offset; data[offset] == type && at < offset + whole; at++)
      g_string_append_printf (hex, "%02x", data[at]);
  return g_string_free (hex, FALSE);
}

gboolean
sent_auth_is_valid (const Sent *sent, guint8 type, guint32 spi, const char *key_hex)
{
  const guint8 *data = g_bytes_get_data (sent->bytes, NULL);
  g_autoptr (GByteArray) key = unhex (key_hex);
  gsize offset, whole;

  for (guint i = 0; (whole = extension_at (sent, i, &offset)) > 0; i++)
    {
      g_autoptr (GHmac) hmac = g_hmac_new (G_CHECKSUM_SHA256, key->data, key->len);
      gsize spi_at = offset + (type == 36 ? 4 : 2), length = 32;
      guint8 digest[32];

      if (data[offset] != type)
        continue;
      g_hmac_update (hmac, data, (gssize)(spi_at + 4));
      g_hmac_get_digest (hmac, digest, &length);
      return whole == spi_at + 4 + 32 - offset && get (data, spi_at, 4) == spi &&
             memcmp (data + spi_at + 4, digest, 32) == 0;
    }
  return FALSE;
}

const Sent *
node_sent (const Node *node, guint index)
{
  g_assert_cmpuint (index, <, node->sent->len);
  return g_ptr_array_index (node->sent, index);
}

const Sent *
node_last_sent (const Node *node)
{
  return node_sent (node, node->sent->len - 1);
}

guint
node_n_sent (const Node *node)
{
  return node->sent->len;
}

const Mip4MnEvent *
node_expect (const Node *node, Mip4MnEventType type)
{
  const Mip4MnEvent *event;

  g_assert_cmpuint (node->events->len, >, 0);
  event = &g_array_index (node->events, Mip4MnEvent, node->events->len - 1);
  if (event->type != type)
    g_test_message ("event %d: %s", event->type, event->reason);
  g_assert_cmpint (event->type, ==, type);
  return event;
}

guint
node_count_events (const Node *node, Mip4MnEventType type)
{
  guint n = 0;

  for (guint i = 0; i < node->events->len; i++)
    n += g_array_index (node->events, Mip4MnEvent, i).type == type;
  return n;
}

guint64
node_counter (const Node *node, const char *name)
{
  g_autoptr (GHashTable) counters = mip4_mn_dup_counters (node->mn);
  const guint64 *value = g_hash_table_lookup (counters, name);

  g_assert_nonnull (value);
  return *value;
}
