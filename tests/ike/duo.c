/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/ike/duo.h"
#include "ike/ike-responder-private.h"

#include <string.h>

static const IkeDialect *spoken = &ike_dialect_mobike;

void
duo_speak (const IkeDialect *dialect)
{
  spoken = dialect;
}

void
duo_init (int argc, char **argv)
{
  if (argc > 1 && g_str_equal (argv[1], ike_dialect_mopo.name))
    spoken = &ike_dialect_mopo;
}

const IkeDialect *
duo_dialect (void)
{
  return spoken;
}

static void
packet_free (gpointer data)
{
  DuoPacket *packet = data;
  g_bytes_unref (packet->data);
  g_free (packet);
}

static RoamSecret *
psk (void)
{
  static RoamSecret *secret;

  if (!secret)
    secret = roam_secret_new ((const guint8 *)"open sesame", strlen ("open sesame"));
  return secret;
}

IkeConfig
duo_client_config (void)
{
  IkeConfig config = { .local_id = "alice@example.com",
                       .remote_id = "vpn.example.com",
                       .method = IKE_AUTH_METHOD_PSK,
                       .psk = psk (),
                       .request_tia4 = TRUE,
                       .request_dns = TRUE };

  g_assert_true (roam_addr_parse (DUO_GATEWAY, &config.gateway));
  return config;
}

IkeResponderConfig
duo_gateway_config (void)
{
  static IkeResponderPeer peer = { .id = "alice@example.com" };
  IkeResponderConfig config = { .local_id = "vpn.example.com", .peers = &peer, .n_peers = 1, .n_dns = 1 };

  peer.psk = psk ();
  config.disable_mobike = spoken != &ike_dialect_mobike;
  config.disable_mopo = spoken != &ike_dialect_mopo;
  g_assert_true (roam_prefix_parse ("10.99.0.0/24", &config.pool4));
  g_assert_true (roam_addr_parse ("10.99.0.254", &config.dns[0]));
  return config;
}

static void
plane_init (Plane *plane)
{
  plane->children = g_ptr_array_new_with_free_func ((GDestroyNotify)ike_child_sa_unref);
  plane->clients = g_array_new (FALSE, FALSE, sizeof (guint32));
}

Duo *
duo_new (const IkeConfig *client, const IkeResponderConfig *gateway, guint64 seed)
{
  IkeConfig client_config = duo_client_config ();
  IkeResponderConfig gateway_config = duo_gateway_config ();
  Duo *duo = g_new0 (Duo, 1);
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (seed);
  g_autofree char *problem = NULL;

  duo->sim = sim_new ((gint64)seed);
  duo->client = ike_session_new (client ? client : &client_config, rng, &problem);
  g_assert_cmpstr (problem, ==, NULL);
  duo->responder = ike_responder_new (gateway ? gateway : &gateway_config, rng, &problem);
  g_assert_cmpstr (problem, ==, NULL);
  duo->a = sim_add_link (duo->sim, 1, DUO_HOST_A, 20 * MS);
  duo->b = sim_add_link (duo->sim, 2, DUO_HOST_B, 20 * MS);
  duo->nat = sim_add_link (duo->sim, 3, DUO_HOST_NAT, 20 * MS);
  g_assert_true (roam_addr_parse (DUO_NAT, &duo->nat->nat));
  plane_init (&duo->plane);
  plane_init (&duo->gateway_plane);
  duo->tickets = g_ptr_array_new_with_free_func ((GDestroyNotify)roam_secret_unref);
  duo->events = g_array_new (FALSE, FALSE, sizeof (IkeEvent));
  duo->gateway_events = g_array_new (FALSE, FALSE, sizeof (IkeEvent));
  duo->packets = g_ptr_array_new_with_free_func (packet_free);
  return duo;
}

static void
plane_clear (Plane *plane)
{
  g_ptr_array_unref (plane->children);
  g_array_unref (plane->clients);
}

void
duo_free (Duo *duo)
{
  if (!duo)
    return;
  ike_session_free (duo->client);
  ike_responder_free (duo->responder);
  sim_free (duo->sim);
  plane_clear (&duo->plane);
  plane_clear (&duo->gateway_plane);
  g_ptr_array_unref (duo->tickets);
  g_array_unref (duo->events);
  g_array_unref (duo->gateway_events);
  g_ptr_array_unref (duo->packets);
  g_free (duo);
}

/* --- actions --- */

static void
send_packet (Duo *duo, gboolean from_client, const IkeAction *action)
{
  DuoPacket *packet = g_new0 (DuoPacket, 1);

  packet->at_us = sim_now (duo->sim).boot_us;
  packet->from_client = from_client;
  packet->local = action->send.local;
  packet->remote = action->send.remote;
  packet->data = g_bytes_ref (action->send.datagram);
  g_ptr_array_add (duo->packets, packet);
  if (duo->filter && duo->filter (packet, duo->filter_user))
    return;
  if (from_client)
    sim_send_from_host (duo->sim, &packet->local, &packet->remote, packet->data);
  else
    sim_send_from_server (duo->sim, &packet->local, &packet->remote, packet->data);
}

static IkeChildSa *
find_child (const Plane *plane, guint32 client, guint32 id)
{
  for (guint i = 0; i < plane->children->len; i++)
    {
      IkeChildSa *child = g_ptr_array_index (plane->children, i);
      if (child->id == id && g_array_index (plane->clients, guint32, i) == client)
        return child;
    }
  return NULL;
}

static void
use_child (Plane *plane, guint32 client, guint32 id)
{
  plane->outbound = id;
  plane->outbound_client = client;
}

static void
add_child (Plane *plane, guint32 client, const IkeAction *action)
{
  IkeChildSa *child = action->child_add.child;

  g_assert_null (find_child (plane, client, child->id));
  g_ptr_array_add (plane->children, ike_child_sa_ref (child));
  g_array_append_val (plane->clients, client);
  if (action->child_add.use_outbound)
    use_child (plane, client, child->id);
  plane->local = child->outer_local;
  plane->remote = child->outer_remote;
  plane->udp_encap = child->udp_encap;
}

static void
remove_child (Plane *plane, guint32 client, guint32 id)
{
  IkeChildSa *child = find_child (plane, client, id);
  guint index;

  g_assert_nonnull (child);
  if (plane->outbound == id && plane->outbound_client == client)
    plane->outbound = 0;
  g_assert_true (g_ptr_array_find (plane->children, child, &index));
  g_ptr_array_remove_index (plane->children, index);
  g_array_remove_index (plane->clients, index);
}

static void
perform (Duo *duo, gboolean client, guint32 number, const IkeAction *action)
{
  Plane *plane = client ? &duo->plane : &duo->gateway_plane;

  switch (action->type)
    {
    case IKE_ACTION_SEND:
      send_packet (duo, client, action);
      return;
    case IKE_ACTION_EVENT:
      g_array_append_val (client ? duo->events : duo->gateway_events, action->event);
      return;
    case IKE_ACTION_CHILD_ADD:
      add_child (plane, number, action);
      return;
    case IKE_ACTION_CHILD_USE:
      g_assert_nonnull (find_child (plane, number, action->child_use.child_id));
      use_child (plane, number, action->child_use.child_id);
      return;
    case IKE_ACTION_CHILD_REMOVE:
      remove_child (plane, number, action->child_remove.child_id);
      return;
    case IKE_ACTION_CHILD_MOVE:
      if (!client && number != plane->outbound_client)
        return;
      plane->local = action->child_move.local;
      plane->remote = action->child_move.remote;
      plane->udp_encap = action->child_move.udp_encap;
      plane->moves++;
      return;
    case IKE_ACTION_TICKET:
      g_ptr_array_add (duo->tickets, action->ticket.ticket ? roam_secret_ref (action->ticket.ticket) : NULL);
      return;
    case IKE_ACTION_SIGN:
    case IKE_ACTION_FETCH:
      return;
    }
}

static void
drain (Duo *duo)
{
  guint32 number;

  for (;;)
    {
      g_auto (IkeAction) action = { 0 };

      if (!ike_session_pop_action (duo->client, &action))
        break;
      perform (duo, TRUE, 0, &action);
    }
  for (;;)
    {
      g_auto (IkeAction) action = { 0 };

      if (!ike_responder_pop_action (duo->responder, &number, &action))
        break;
      if ((action.type == IKE_ACTION_CHILD_ADD && action.child_add.use_outbound) || action.type == IKE_ACTION_CHILD_USE)
        duo->client_number = number;
      perform (duo, FALSE, number, &action);
    }
}

/* --- time --- */

static gboolean
deliver (Duo *duo)
{
  g_auto (SimPacket) packet = { 0 };
  RoamNow now = sim_now (duo->sim);
  const guint8 *data;
  gsize length;

  if (!sim_take (duo->sim, &packet))
    return FALSE;
  data = g_bytes_get_data (packet.data, &length);
  if (packet.to_host)
    ike_session_input_datagram (duo->client, &now, packet.ifindex, &packet.local, &packet.remote, data, length);
  else
    ike_responder_input_datagram (duo->responder, &now, 1, &packet.local, &packet.remote, data, length);
  drain (duo);
  return TRUE;
}

static gint64
next_deadline (const Duo *duo)
{
  return MIN (ike_session_next_deadline (duo->client), ike_responder_next_deadline (duo->responder));
}

static gboolean
step (Duo *duo, gint64 end_us)
{
  gint64 next = MIN (next_deadline (duo), sim_next_us (duo->sim));
  RoamNow now;

  if (next > end_us)
    return FALSE;
  if (next > sim_now (duo->sim).boot_us)
    sim_set_time (duo->sim, next);
  if (deliver (duo))
    return TRUE;
  now = sim_now (duo->sim);
  ike_session_input_deadline (duo->client, &now);
  ike_responder_input_deadline (duo->responder, &now);
  drain (duo);
  /* A deadline that was handled must not be due again: a daemon would spin. */
  g_assert_cmpint (next_deadline (duo), >, now.boot_us);
  return TRUE;
}

void
duo_run (Duo *duo, gint64 duration_us)
{
  gint64 end_us = sim_now (duo->sim).boot_us + duration_us;

  while (step (duo, end_us))
    ;
  sim_set_time (duo->sim, end_us);
}

const IkeEvent *
duo_run_until (Duo *duo, IkeEventType type, gint64 limit_us)
{
  gint64 end_us = sim_now (duo->sim).boot_us + limit_us;
  guint before = duo_count (duo->events, type);

  while (duo_count (duo->events, type) == before)
    if (!step (duo, end_us))
      g_error ("event %d of the client did not come", (int)type);
  return duo_event (duo->events, type);
}

/* --- commands --- */

void
duo_input_command (Duo *duo, const IkeCommand *command)
{
  RoamNow now = sim_now (duo->sim);

  ike_session_input_command (duo->client, &now, command);
  drain (duo);
}

void
duo_start (Duo *duo, const SimLink *link)
{
  IkeCommand command = { .type = IKE_START, .serial = ++duo->serial, .path = { link->ifindex, link->host } };
  duo_input_command (duo, &command);
}

void
duo_move (Duo *duo, const SimLink *link, gboolean children_now)
{
  IkeCommand command = {
    .type = IKE_MOVE, .serial = ++duo->serial, .path = { link->ifindex, link->host }, .move_children_now = children_now
  };
  duo_input_command (duo, &command);
}

void
duo_paths (Duo *duo, SimLink *const *links)
{
  IkeCommand command = { .type = IKE_PATHS, .serial = ++duo->serial };

  for (; links[command.n_paths]; command.n_paths++)
    command.paths[command.n_paths] = (IkePath){ links[command.n_paths]->ifindex, links[command.n_paths]->host };
  duo_input_command (duo, &command);
}

void
duo_gateway_is (Duo *duo, const char *address)
{
  IkeCommand command = { .type = IKE_GATEWAYS, .serial = ++duo->serial, .n_gateways = 1 };

  g_assert_true (roam_addr_parse (address, &command.gateways[0]));
  duo_input_command (duo, &command);
}

void
duo_command (Duo *duo, IkeCommandType type)
{
  IkeCommand command = { .type = type, .serial = ++duo->serial };
  duo_input_command (duo, &command);
}

void
duo_gateway_command (Duo *duo, IkeCommandType type)
{
  IkeCommand command = { .type = type, .serial = ++duo->serial };
  RoamNow now = sim_now (duo->sim);

  g_assert_true (ike_responder_input_command (duo->responder, &now, duo->client_number, &command));
  drain (duo);
}

void
duo_establish (Duo *duo)
{
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, 30 * SEC);
  g_assert_cmpuint (duo_count (duo->gateway_events, IKE_EVENT_ESTABLISHED), ==, 1);
}

void
duo_lose_address (Duo *duo, const char *gone, const char *const *left)
{
  RoamAddr addr, addresses[IKE_MAX_RESPONDER_ADDRESSES];
  RoamNow now = sim_now (duo->sim);
  guint n = 0;

  g_assert_true (roam_addr_parse (gone, &addr));
  for (; left[n]; n++)
    g_assert_true (roam_addr_parse (left[n], &addresses[n]));
  ike_responder_lose_address (duo->responder, &now, &addr, addresses, n);
  drain (duo);
}

void
duo_set_addresses (Duo *duo, const RoamAddr *addresses, guint n)
{
  RoamNow now = sim_now (duo->sim);

  ike_responder_set_addresses (duo->responder, &now, addresses, n);
  drain (duo);
}

/* --- questions --- */

guint
duo_count (const GArray *events, IkeEventType type)
{
  guint n = 0;

  for (guint i = 0; i < events->len; i++)
    n += g_array_index (events, IkeEvent, i).type == type;
  return n;
}

const IkeEvent *
duo_event (const GArray *events, IkeEventType type)
{
  for (guint i = events->len; i > 0; i--)
    if (g_array_index (events, IkeEvent, i - 1).type == type)
      return &g_array_index (events, IkeEvent, i - 1);
  return NULL;
}

static guint64
counter (GHashTable *counters, const char *name)
{
  const guint64 *value = g_hash_table_lookup (counters, name);
  guint64 n = value ? *value : 0;

  g_hash_table_unref (counters);
  return n;
}

guint64
duo_gateway_counter (const Duo *duo, const char *name)
{
  return counter (ike_responder_dup_counters (duo->responder), name);
}

guint64
duo_client_counter (const Duo *duo, const char *name)
{
  return counter (ike_session_dup_counters (duo->client), name);
}

/* The Child SA at @to that receives what @from sends now. */
static guint32
receiver_of (const Plane *from, const Plane *to, guint32 *ret_client)
{
  const IkeChildSa *out = find_child (from, from->outbound_client, from->outbound);

  g_assert_nonnull (out);
  for (guint i = 0; i < to->children->len; i++)
    {
      const IkeChildSa *in = g_ptr_array_index (to->children, i);

      if (in->spi_in != out->spi_out)
        continue;
      g_assert_true (roam_secret_equal (in->encr_in, out->encr_out));
      g_assert_cmpuint (in->encr_bits, ==, out->encr_bits);
      g_assert_cmpint (in->algorithm, ==, out->algorithm);
      *ret_client = g_array_index (to->clients, guint32, i);
      return in->id;
    }
  g_error ("nobody receives on SPI %08x", out->spi_out);
}

void
duo_ping (Duo *duo)
{
  RoamNow now = sim_now (duo->sim);
  guint32 client, child;

  child = receiver_of (&duo->plane, &duo->gateway_plane, &client);
  ike_responder_input_traffic (duo->responder, &now, client, child);
  drain (duo);
  child = receiver_of (&duo->gateway_plane, &duo->plane, &client);
  ike_session_input_traffic (duo->client, &now, child);
  drain (duo);
}

void
duo_inject (Duo *duo, const RoamEndpoint *gateway, const RoamEndpoint *from, GBytes *datagram)
{
  RoamNow now = sim_now (duo->sim);
  gsize length;
  const guint8 *data = g_bytes_get_data (datagram, &length);

  ike_responder_input_datagram (duo->responder, &now, 1, gateway, from, data, length);
  drain (duo);
}

GBytes *
duo_message (const DuoPacket *packet)
{
  gsize skip = packet->local.port == IKE_NATT_PORT ? IKE_NON_ESP_MARKER_LENGTH : 0;

  return g_bytes_new_from_bytes (packet->data, skip, g_bytes_get_size (packet->data) - skip);
}

guint8
duo_exchange (const DuoPacket *packet)
{
  g_autoptr (GBytes) message = NULL;
  IkeParseError error;
  IkeHeader header;
  const guint8 *data;
  gsize length;

  if (g_bytes_get_size (packet->data) < IKE_HEADER_LENGTH)
    return 0;
  message = duo_message (packet);
  data = g_bytes_get_data (message, &length);
  return ike_header_parse (data, length, &header, &error) ? header.exchange : 0;
}

gboolean
duo_addr_is (const RoamAddr *addr, const char *text)
{
  RoamAddr other;

  g_assert_true (roam_addr_parse (text, &other));
  return roam_addr_equal (addr, &other);
}

/* --- what both sides said --- */

IkeSession *
duo_gateway_session (const Duo *duo)
{
  return ((IkeClient *)g_ptr_array_index (duo->responder->clients, 0))->session;
}

IkeStatus
duo_gateway_status (const Duo *duo, guint32 number)
{
  IkeStatus status;

  g_assert_true (ike_responder_get_status (duo->responder, number, &status));
  return status;
}

RoamEndpoint
duo_gateway_remote (const Duo *duo, guint32 number)
{
  return duo_gateway_status (duo, number).remote;
}

IkeStatus
duo_client_status (const Duo *duo)
{
  IkeStatus status;

  ike_session_get_status (duo->client, &status);
  return status;
}

void
duo_assert_remote (const Duo *duo, guint32 number, const RoamEndpoint *remote)
{
  RoamEndpoint at = duo_gateway_remote (duo, number);

  g_assert_true (roam_endpoint_equal (&at, remote));
}

void
duo_assert_gateway_at (const Duo *duo, guint32 number, const char *addr)
{
  RoamEndpoint at = duo_gateway_remote (duo, number);

  g_assert_true (duo_addr_is (&at.addr, addr));
}

const DuoPacket *
duo_find_packet (const Duo *duo, gboolean from_client, guint8 exchange)
{
  for (guint i = duo->packets->len; i > 0; i--)
    {
      const DuoPacket *packet = g_ptr_array_index (duo->packets, i - 1);
      if (packet->from_client == from_client && duo_exchange (packet) == exchange)
        return packet;
    }
  return NULL;
}

const DuoPacket *
duo_last_packet (const Duo *duo, gboolean from_client, guint8 exchange)
{
  const DuoPacket *packet = duo_find_packet (duo, from_client, exchange);

  if (!packet)
    g_error ("no packet of exchange %u", exchange);
  return packet;
}

IkeMessage *
duo_parse (const DuoPacket *packet)
{
  g_autoptr (GBytes) octets = duo_message (packet);
  IkeParseError error;

  return ike_message_parse_clear (g_bytes_get_data (octets, NULL), g_bytes_get_size (octets), &error);
}

RoamEndpoint
duo_endpoint (const char *addr, guint16 port)
{
  RoamEndpoint result = { .port = port };

  g_assert_true (roam_addr_parse (addr, &result.addr));
  return result;
}
