/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/server-fixture.h"

#include <string.h>

Dhcp6Slice
slice (const GByteArray *octets)
{
  return (Dhcp6Slice){ octets->data, octets->len };
}

RoamNow
now (const Fixture *f)
{
  return roam_now_make (1000 * S + f->now_us, UNIX_NOW * S + f->now_us);
}

RoamAddr
address_of (const char *text)
{
  RoamAddr address;

  g_assert_true (roam_addr_parse (text, &address));
  return address;
}

void
add_subnet (Fixture *f, const char *link, guint32 id, const char *text)
{
  RoamPrefix prefix;

  g_assert_true (roam_prefix_parse (text, &prefix));
  g_assert_true (lease_store_add_subnet (f->store, link, id, &prefix));
}

void
put_full (Fixture *f, const char *address, Dhcp6Slice client, gint64 age, guint32 preferred, guint32 valid,
          Dhcp6Slice relay_data)
{
  RoamPrefix prefix;
  Lease lease = { .valid_s = valid,
                  .preferred_s = preferred,
                  .contact = UNIX_NOW - age,
                  .subnet_id = 1,
                  .client_id = client,
                  .relay_data = relay_data };

  g_assert_true (roam_prefix_parse (address, &prefix));
  lease.address = prefix.addr;
  lease.is_prefix = prefix.length < 128;
  lease.prefix_length = prefix.length;
  g_assert_true (lease_store_put (f->store, &lease));
}

GByteArray *
relay_data (void)
{
  const Vector *vector = vectors_find ("LQ-V-11");
  GByteArray *out = g_byte_array_new ();
  Dhcp6Message message;
  Dhcp6ClientData client;
  Dhcp6CodePoints points;

  dhcp6_code_points_init (&points);
  g_assert_cmpint (dhcp6_parse_message (vector->octets->data + 2, vector->octets->len - 2, &message, NULL), ==, 0);
  g_assert_cmpint (dhcp6_parse_client_data (&points, message.client_data, &client), ==, 0);
  g_byte_array_append (out, client.relay_data.data, (guint)client.relay_data.length);
  return out;
}

void
set_up (Fixture *f, gconstpointer draft)
{
  f->duid = vectors_dup_constant ("server_duid");
  f->requestor = vectors_dup_constant ("requestor_duid");
  f->relay = vectors_dup_constant ("relay_duid");
  f->remote = vectors_dup_constant ("remote_id");
  f->client = vectors_unhex ("000100012a000000020000000001");
  f->said = g_string_new (NULL);
  f->sent = g_byte_array_new ();
  f->peers[0] = address_of ("2001:db8:f::1");
  f->peers[1] = address_of ("2001:db8:f::2");
  f->peers[2] = address_of ("2001:db8:e::9");
  leasequery_server_config_init (&f->config, GPOINTER_TO_INT (draft));
  f->config.duid = slice (f->duid);
  f->permissions[0] = (LeasequeryServerPermission){ { f->peers[0], 64 }, LEASEQUERY_ALL_TYPES };
  f->config.permissions = f->permissions;
  f->config.n_permissions = 1;
  f->store = lease_store_new (&f->config.points);
  add_subnet (f, "office", 1, "2001:db8:0:1::/64");
  add_subnet (f, "lab", 2, "2001:db8:0:2::/64");
}

void
start (Fixture *f)
{
  const LeasequeryServerCommand set = { LEASEQUERY_SERVER_SET_STORE, f->store, f->journal };
  RoamNow at = now (f);

  f->server = leasequery_server_new (&f->config);
  leasequery_server_input_command (f->server, &at, &set);
}

void
tear_down (Fixture *f, gconstpointer draft)
{
  leasequery_server_free (f->server);
  lease_store_unref (f->store);
  lease_journal_unref (f->journal);
  g_byte_array_unref (f->duid);
  g_byte_array_unref (f->requestor);
  g_byte_array_unref (f->relay);
  g_byte_array_unref (f->remote);
  g_byte_array_unref (f->client);
  g_byte_array_unref (f->sent);
  g_string_free (f->said, TRUE);
}

static void
say_client (Fixture *f, Dhcp6Slice data)
{
  Dhcp6ClientData client;
  Dhcp6BindingIter iter;
  Dhcp6Binding binding;
  Dhcp6Fault fault;
  char text[ROAM_ADDR_STRLEN];
  guint n = 0;

  g_assert_cmpint (dhcp6_parse_client_data (&f->config.points, data, &client), ==, DHCP6_OK);
  /* covers: LQ-SRV-053 */
  g_assert_nonnull (client.client_id.data);
  g_assert_true (client.has_clt_time);
  g_assert_cmpuint (client.n_bindings, >, 0);
  dhcp6_binding_iter_init (&iter, &client);
  while (dhcp6_binding_iter_next (&iter, &binding, &fault))
    {
      const RoamPrefix prefix = { binding.address, binding.prefix_length };

      if (n++ == 8)
        g_string_append (f->said, " ...");
      if (n > 8)
        continue;
      g_string_append_printf (f->said, "%s%s%s", n == 1 ? "" : " ", binding.valid == 0 ? "-" : "",
                              binding.is_prefix ? roam_prefix_to_string (&prefix, text)
                                                : roam_addr_to_string (&binding.address, text));
    }
}

/* Whole messages only, never cut within one, each within the rules. */
static void
say_octets (Fixture *f, guint connection, GBytes *octets)
{
  g_autoptr (GByteArray) copy = g_bytes_unref_to_array (g_bytes_ref (octets));
  gboolean partial;
  Dhcp6Fault fault;
  g_autoptr (GPtrArray) messages = vectors_split (copy, &fault, &partial);

  g_byte_array_append (f->sent, copy->data, copy->len);
  g_assert_cmpint (fault, ==, DHCP6_OK);
  g_assert_false (partial);
  for (guint i = 0; i < messages->len; i++)
    {
      const GByteArray *one = g_ptr_array_index (messages, i);
      Dhcp6Message message;

      g_assert_cmpint (dhcp6_parse_message (one->data, one->len, &message, NULL), ==, DHCP6_OK);
      g_assert_false (message.client_link); /* covers: LQ-SRV-052 */
      g_string_append_printf (f->said, "%u:%s%s", connection,
                              message.type == DHCP6_LEASEQUERY_REPLY       ? "reply"
                              : message.type == f->config.points.type_data ? "data"
                              : message.type == f->config.points.type_done ? "done"
                              : message.type == DHCP6_REPLY                ? "tls-reply"
                                                                           : "other",
                              message.transaction_id == 0x5aa1b3 ? "'" : "");
      if (message.has_status)
        g_string_append_printf (f->said, "(%u)", message.status);
      if (message.type == DHCP6_LEASEQUERY_REPLY)
        {
          /* covers: LQ-SRV-042 */
          g_assert_cmpmem (message.server_id.data, message.server_id.length, f->duid->data, f->duid->len);
          g_assert_cmpmem (message.client_id.data, message.client_id.length, f->requestor->data, f->requestor->len);
        }
      else if (message.type == f->config.points.type_data)
        {
          /* covers: LQ-SRV-047 */
          g_assert_null (message.server_id.data);
          g_assert_null (message.client_id.data);
          g_assert_true (f->active || !message.has_status);
          g_assert_cmpuint (message.n_client_data, ==, f->active ? message.n_client_data : 1);
        }
      f->has_base_time = message.has_base_time;
      f->base_time = message.base_time;
      if (message.n_client_data == 1)
        {
          g_string_append_c (f->said, '[');
          say_client (f, message.client_data);
          g_string_append_c (f->said, ']');
        }
      g_string_append_c (f->said, ' ');
    }
}

void
drain (Fixture *f)
{
  RoamNow at = now (f);

  for (;;)
    {
      g_auto (LeasequeryServerAction) action = { 0 };
      gsize length;

      if (!leasequery_server_pop_action (f->server, &at, &action))
        return;
      switch (action.type)
        {
        case LEASEQUERY_SERVER_ACTION_SEND:
          say_octets (f, action.connection, action.octets);
          length = g_bytes_get_size (action.octets);
          if (f->hold)
            f->held += length;
          else
            leasequery_server_input_written (f->server, &at, action.connection, length);
          break;
        case LEASEQUERY_SERVER_ACTION_PAUSE:
          g_string_append_printf (f->said, "%u:pause ", action.connection);
          break;
        case LEASEQUERY_SERVER_ACTION_RESUME:
          g_string_append_printf (f->said, "%u:resume ", action.connection);
          break;
        case LEASEQUERY_SERVER_ACTION_CLOSE:
          g_string_append_printf (f->said, "%u:%s ", action.connection, action.flush ? "close" : "drop");
          g_assert_nonnull (action.reason);
          break;
        case LEASEQUERY_SERVER_ACTION_START_TLS:
          g_string_append_printf (f->said, "%u:start-tls ", action.connection);
          break;
        case LEASEQUERY_SERVER_ACTION_LOG:
          if (action.level == LEASEQUERY_SERVER_LOG_FAULT)
            g_string_append_printf (f->said, "%u:fault ", action.connection);
          break;
        }
    }
}

guint
accept_from (Fixture *f, guint peer)
{
  RoamNow at = now (f);
  guint id = leasequery_server_input_accept (f->server, &at, &f->peers[peer]);

  drain (f);
  return id;
}

void
give (Fixture *f, guint connection, const guint8 *data, gsize length)
{
  RoamNow at = now (f);

  leasequery_server_input_datagram (f->server, &at, connection, data, length);
  drain (f);
}

void
hear (Fixture *f, guint connection, const char *vector)
{
  const GByteArray *octets = vectors_find (vector)->octets;

  give (f, connection, octets->data, octets->len);
}

void
wait_until (Fixture *f, gint64 us)
{
  RoamNow at;

  f->now_us = us;
  at = now (f);
  leasequery_server_input_deadline (f->server, &at);
  drain (f);
}

void
command (Fixture *f, LeasequeryServerCommandType type)
{
  const LeasequeryServerCommand what = { .type = type };
  RoamNow at = now (f);

  leasequery_server_input_command (f->server, &at, &what);
  drain (f);
}

void
written (Fixture *f, guint connection, gsize octets)
{
  RoamNow at = now (f);

  leasequery_server_input_written (f->server, &at, connection, octets);
  drain (f);
}

void
put_vector_client (Fixture *f)
{
  g_autoptr (GByteArray) relay = relay_data ();

  put_full (f, "2001:db8:0:1::1000", slice (f->client), 120, 3720, 7320, slice (relay));
}

void
put_many (Fixture *f, guint n)
{
  g_autoptr (GByteArray) relay = relay_data ();

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *address = g_strdup_printf ("2001:db8:0:1::%x:%x", 1 + i / 0x10000, i % 0x10000);
      const guint8 duid[8] = { 0, 3, 0, 1, (guint8)(i >> 24), (guint8)(i >> 16), (guint8)(i >> 8), (guint8)i };

      put_full (f, address, (Dhcp6Slice){ duid, sizeof duid }, 10, 3600, 7200, slice (relay));
    }
}

Dhcp6ClientData
first_client (Fixture *f)
{
  Dhcp6Message message;
  Dhcp6ClientData client;
  gsize size = (gsize)f->sent->data[0] << 8 | f->sent->data[1];

  g_assert_cmpint (dhcp6_parse_message (f->sent->data + 2, size, &message, NULL), ==, 0);
  g_assert_cmpint (dhcp6_parse_client_data (&f->config.points, message.client_data, &client), ==, 0);
  return client;
}

void
give_query (Fixture *f, guint connection, guint8 type, const char *link, Dhcp6Slice options, guint32 xid)
{
  g_auto (WireWriter) writer;
  g_autoptr (GBytes) bytes = NULL;
  RoamAddr address = address_of (link);
  gsize frame, query;

  wire_writer_init (&writer, 4096);
  frame = dhcp6_begin_frame (&writer, DHCP6_LEASEQUERY, xid);
  dhcp6_write_option (&writer, DHCP6_OPTION_CLIENTID, slice (f->requestor));
  query = dhcp6_begin_option (&writer, DHCP6_OPTION_LQ_QUERY);
  wire_write_u8 (&writer, type);
  wire_write_addr (&writer, &address);
  wire_write_data (&writer, options.data, options.length);
  dhcp6_end_option (&writer, query);
  dhcp6_end_frame (&writer, frame);
  bytes = wire_writer_finish (&writer);
  give (f, connection, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}
