/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/ike/world.h"

#include <string.h>

static const IkeDialect *spoken = &ike_dialect_mobike;

void
world_speak (const IkeDialect *dialect)
{
  spoken = dialect;
}

void
world_init (int argc, char **argv)
{
  if (argc > 1 && g_str_equal (argv[1], ike_dialect_mopo.name))
    spoken = &ike_dialect_mopo;
}

const IkeDialect *
world_dialect (void)
{
  return spoken;
}

static void
sent_free (gpointer data)
{
  Sent *sent = data;
  g_bytes_unref (sent->data);
  g_free (sent);
}

IkeConfig
world_config (void)
{
  static RoamSecret *psk;
  IkeConfig config = { .local_id = "alice@example.com", .remote_id = "vpn.example.com", .method = IKE_AUTH_METHOD_PSK };

  if (!psk)
    psk = roam_secret_new ((const guint8 *)"open sesame", strlen ("open sesame"));
  config.psk = psk;
  config.request_tia4 = config.request_dns = TRUE;
  g_assert_true (roam_addr_parse (WORLD_GATEWAY, &config.gateway));
  return config;
}

World *
world_new (const IkeConfig *config)
{
  World *world = g_new0 (World, 1);
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (5);
  g_autofree char *problem = NULL;

  world->sim = sim_new (1);
  world->gateway = gateway_new (world->sim, WORLD_GATEWAY);
  world->gateway->mobike = spoken == &ike_dialect_mobike;
  world->gateway->mopo = spoken == &ike_dialect_mopo;
  world->session = ike_session_new (config, rng, &problem);
  g_assert_cmpstr (problem, ==, NULL);
  world->a = sim_add_link (world->sim, 1, WORLD_HOST_A, 20 * MS);
  world->b = sim_add_link (world->sim, 2, WORLD_HOST_B, 20 * MS);
  world->nat = sim_add_link (world->sim, 3, WORLD_HOST_NAT, 20 * MS);
  g_assert_true (roam_addr_parse (WORLD_NAT, &world->nat->nat));
  world->events = g_array_new (FALSE, FALSE, sizeof (IkeEvent));
  world->event_times = g_array_new (FALSE, FALSE, sizeof (gint64));
  world->trace = g_string_new (NULL);
  world->sent = g_ptr_array_new_with_free_func (sent_free);
  world->tickets = g_ptr_array_new_with_free_func ((GDestroyNotify)roam_secret_unref);
  world->children = g_ptr_array_new_with_free_func ((GDestroyNotify)ike_child_sa_unref);
  return world;
}

void
world_free (World *world)
{
  if (!world)
    return;
  ike_session_free (world->session);
  gateway_free (world->gateway);
  sim_free (world->sim);
  g_array_unref (world->events);
  g_array_unref (world->event_times);
  g_string_free (world->trace, TRUE);
  g_ptr_array_unref (world->sent);
  g_ptr_array_unref (world->children);
  g_ptr_array_unref (world->tickets);
  g_free (world);
}

static void
perform_send (World *world, const IkeAction *action)
{
  Sent *sent = g_new0 (Sent, 1);

  sent->at_us = sim_now (world->sim).boot_us;
  sent->ifindex = action->send.ifindex;
  sent->local = action->send.local;
  sent->remote = action->send.remote;
  sent->data = g_bytes_ref (action->send.datagram);
  g_ptr_array_add (world->sent, sent);
  g_string_append (world->trace, g_bytes_get_size (sent->data) == 1 ? "keepalive " : "send ");
  sim_send_from_host (world->sim, &sent->local, &sent->remote, sent->data);
}

static void
perform (World *world, const IkeAction *action)
{
  gint64 at_us = sim_now (world->sim).boot_us;

  switch (action->type)
    {
    case IKE_ACTION_SEND:
      perform_send (world, action);
      return;
    case IKE_ACTION_EVENT:
      g_array_append_val (world->events, action->event);
      g_array_append_val (world->event_times, at_us);
      g_string_append_printf (world->trace, "event:%s ", ike_event_type_to_string (action->event.type));
      return;
    case IKE_ACTION_CHILD_ADD:
      g_ptr_array_add (world->children, ike_child_sa_ref (action->child_add.child));
      g_string_append_printf (world->trace, "add:%u%s ", action->child_add.child->id,
                              action->child_add.use_outbound ? "!" : "");
      if (action->child_add.use_outbound)
        world->outbound = action->child_add.child->id;
      return;
    case IKE_ACTION_CHILD_USE:
      g_string_append_printf (world->trace, "use:%u ", action->child_use.child_id);
      world->outbound = action->child_use.child_id;
      return;
    case IKE_ACTION_CHILD_REMOVE:
      g_string_append_printf (world->trace, "remove:%u ", action->child_remove.child_id);
      if (world->outbound == action->child_remove.child_id)
        world->outbound = 0;
      return;
    case IKE_ACTION_CHILD_MOVE:
      g_string_append_printf (world->trace, "move:%u%s ", action->child_move.ifindex,
                              action->child_move.udp_encap ? "u" : "");
      return;
    case IKE_ACTION_TICKET:
      g_ptr_array_add (world->tickets, action->ticket.ticket ? roam_secret_ref (action->ticket.ticket) : NULL);
      world->ticket_expires_wall_us = action->ticket.expires_wall_us;
      return;
    case IKE_ACTION_SIGN:
    case IKE_ACTION_FETCH:
      if (world->outside)
        world->outside (world->outside_user, action);
      return;
    }
}

static void
drain (World *world)
{
  for (;;)
    {
      g_auto (IkeAction) action = { 0 };

      if (!ike_session_pop_action (world->session, &action))
        return;
      perform (world, &action);
    }
}

static gboolean
deliver (World *world)
{
  g_auto (SimPacket) packet = { 0 };
  RoamNow now = sim_now (world->sim);
  const guint8 *data;
  gsize length;

  if (!sim_take (world->sim, &packet))
    return FALSE;
  if (packet.to_host)
    {
      data = g_bytes_get_data (packet.data, &length);
      ike_session_input_datagram (world->session, &now, packet.ifindex, &packet.local, &packet.remote, data, length);
      drain (world);
    }
  else
    gateway_receive (world->gateway, &packet);
  return TRUE;
}

/* One step of time; FALSE when nothing happens up to @end_us. */
static gboolean
step (World *world, gint64 end_us)
{
  gint64 deadline = ike_session_next_deadline (world->session), now_us = sim_now (world->sim).boot_us;
  gint64 next = MIN (deadline, sim_next_us (world->sim));
  RoamNow now;

  if (next > end_us)
    return FALSE;
  if (next > now_us)
    sim_set_time (world->sim, next);
  if (deliver (world))
    return TRUE;
  now = sim_now (world->sim);
  ike_session_input_deadline (world->session, &now);
  drain (world);
  /* A deadline that is handled must not be due again: the daemon would spin. */
  g_assert_cmpint (ike_session_next_deadline (world->session), >, now.boot_us);
  return TRUE;
}

void
world_run (World *world, gint64 duration_us)
{
  gint64 end_us = sim_now (world->sim).boot_us + duration_us;

  while (step (world, end_us))
    ;
  sim_set_time (world->sim, end_us);
}

const IkeEvent *
world_run_until (World *world, IkeEventType type, gint64 limit_us)
{
  gint64 end_us = sim_now (world->sim).boot_us + limit_us;
  guint before = world_count_events (world, type);

  while (world_count_events (world, type) == before)
    if (!step (world, end_us))
      {
        g_test_message ("trace: %s", world->trace->str);
        g_error ("no event %s in time", ike_event_type_to_string (type));
      }
  return world_event (world, type);
}

void
world_input_command (World *world, const IkeCommand *command)
{
  RoamNow now = sim_now (world->sim);

  ike_session_input_command (world->session, &now, command);
  drain (world);
}

void
world_command (World *world, IkeCommandType type)
{
  IkeCommand command = { .type = type, .serial = ++world->serial };
  world_input_command (world, &command);
}

void
world_start (World *world, const SimLink *link)
{
  IkeCommand command = { .type = IKE_START, .serial = ++world->serial, .path = { link->ifindex, link->host } };
  world_input_command (world, &command);
}

void
world_move (World *world, const SimLink *link, gboolean children_now)
{
  IkeCommand command = { .type = IKE_MOVE,
                         .serial = ++world->serial,
                         .path = { link->ifindex, link->host },
                         .move_children_now = children_now };
  world_input_command (world, &command);
}

void
world_paths (World *world, SimLink *const *links)
{
  IkeCommand command = { .type = IKE_PATHS, .serial = ++world->serial };

  for (; links[command.n_paths]; command.n_paths++)
    command.paths[command.n_paths] = (IkePath){ links[command.n_paths]->ifindex, links[command.n_paths]->host };
  world_input_command (world, &command);
}

void
world_gateways (World *world, const char *const *addresses)
{
  IkeCommand command = { .type = IKE_GATEWAYS, .serial = ++world->serial };

  for (; addresses[command.n_gateways]; command.n_gateways++)
    g_assert_true (roam_addr_parse (addresses[command.n_gateways], &command.gateways[command.n_gateways]));
  world_input_command (world, &command);
}

World *
world_established (const IkeConfig *config)
{
  IkeConfig standard = world_config ();
  World *world = world_new (config ? config : &standard);

  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  return world;
}

const IkeEvent *
world_event (const World *world, IkeEventType type)
{
  for (guint i = world->events->len; i > 0; i--)
    if (g_array_index (world->events, IkeEvent, i - 1).type == type)
      return &g_array_index (world->events, IkeEvent, i - 1);
  return NULL;
}

guint
world_count_events (const World *world, IkeEventType type)
{
  guint n = 0;
  for (guint i = 0; i < world->events->len; i++)
    n += g_array_index (world->events, IkeEvent, i).type == type;
  return n;
}

guint64
world_counter (const World *world, const char *name)
{
  g_autoptr (GHashTable) counters = ike_session_dup_counters (world->session);
  const guint64 *value = g_hash_table_lookup (counters, name);
  return value ? *value : 0;
}

const Sent *
world_last_sent (const World *world)
{
  g_assert_cmpuint (world->sent->len, >, 0);
  return g_ptr_array_index (world->sent, world->sent->len - 1);
}

GBytes *
world_message (const Sent *sent)
{
  gsize skip = sent->local.port == IKE_NATT_PORT ? IKE_NON_ESP_MARKER_LENGTH : 0;
  return g_bytes_new_from_bytes (sent->data, skip, g_bytes_get_size (sent->data) - skip);
}

guint8
world_exchange (const Sent *sent)
{
  g_autoptr (GBytes) message = NULL;
  IkeParseError error;
  IkeHeader header;

  if (g_bytes_get_size (sent->data) < IKE_HEADER_LENGTH)
    return 0;
  message = world_message (sent);
  return ike_header_parse (g_bytes_get_data (message, NULL), g_bytes_get_size (message), &header, &error)
           ? header.exchange
           : 0;
}

void
world_drop_path_tests (World *world)
{
  for (guint i = world->sent->len; i > 0; i--)
    if (world_exchange (g_ptr_array_index (world->sent, i - 1)) == IKE_EXCHANGE_PATH_TEST)
      g_ptr_array_remove_index (world->sent, i - 1);
}

gboolean
world_addr_is (const RoamAddr *addr, const char *text)
{
  RoamAddr other;
  g_assert_true (roam_addr_parse (text, &other));
  return roam_addr_equal (addr, &other);
}

void
world_traffic (World *world, guint32 child_id)
{
  RoamNow now = sim_now (world->sim);

  ike_session_input_traffic (world->session, &now, child_id);
  drain (world);
}

void
world_unanswered (World *world, guint32 child_id)
{
  RoamNow now = sim_now (world->sim);

  ike_session_input_unanswered (world->session, &now, child_id);
  drain (world);
}

void
world_forget (World *world)
{
  g_string_truncate (world->trace, 0);
  g_ptr_array_set_size (world->sent, 0);
  g_array_set_size (world->events, 0);
  g_array_set_size (world->event_times, 0);
}

void
world_inject (World *world, const Sent *like, GBytes *message)
{
  RoamNow now = sim_now (world->sim);
  g_autoptr (GByteArray) datagram = g_byte_array_new ();
  static const guint8 marker[IKE_NON_ESP_MARKER_LENGTH];
  gsize length;
  const guint8 *data = g_bytes_get_data (message, &length);

  if (like->local.port == IKE_NATT_PORT)
    g_byte_array_append (datagram, marker, sizeof marker);
  g_byte_array_append (datagram, data, (guint)length);
  ike_session_input_datagram (world->session, &now, like->ifindex, &like->local, &like->remote, datagram->data,
                              datagram->len);
  drain (world);
}
