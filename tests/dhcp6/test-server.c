/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/vectors.h"

#include "dhcp6/leasequery-server.h"

#include <string.h>

/*
 * The server in virtual time. What goes out is a line of words, a connection's number before them:
 * "1:reply[2001:db8::1] 1:done"; a status in round brackets.
 */

#define UNIX_NOW 1800000000
#define S ROAM_USEC_PER_SEC

typedef struct
{
  LeasequeryServerConfig config;
  LeasequeryServerPermission permissions[4];
  LeasequeryServer *server;
  LeaseStore *store;
  GByteArray *duid, *client, *relay, *remote, *requestor;
  gint64 now_us;
  GString *said;
  GByteArray *sent; /* all octets */
  gboolean hold;    /* octets do not reach the reader */
  gsize held;
  RoamAddr peers[3];
} Fixture;

static Dhcp6Slice
slice (const GByteArray *octets)
{
  return (Dhcp6Slice){ octets->data, octets->len };
}

static RoamNow
now (const Fixture *f)
{
  return roam_now_make (1000 * S + f->now_us, UNIX_NOW * S + f->now_us);
}

static RoamAddr
address_of (const char *text)
{
  RoamAddr address;

  g_assert_true (roam_addr_parse (text, &address));
  return address;
}

static void
add_subnet (Fixture *f, const char *link, guint32 id, const char *text)
{
  RoamPrefix prefix;

  g_assert_true (roam_prefix_parse (text, &prefix));
  g_assert_true (lease_store_add_subnet (f->store, link, id, &prefix));
}

static void
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

/* Of the vectors' relay: its DUID, the remote-id, an interface-id. */
static GByteArray *
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

static void
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

static void
start (Fixture *f)
{
  const LeasequeryServerCommand command = { LEASEQUERY_SERVER_SET_STORE, f->store };
  RoamNow at = now (f);

  f->server = leasequery_server_new (&f->config);
  leasequery_server_input_command (f->server, &at, &command);
}

static void
tear_down (Fixture *f, gconstpointer draft)
{
  leasequery_server_free (f->server);
  lease_store_unref (f->store);
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
      g_string_append_printf (f->said, "%s%s", n == 1 ? "" : " ",
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
          g_assert_false (message.has_status);
          g_assert_cmpuint (message.n_client_data, ==, 1);
        }
      if (message.n_client_data == 1)
        {
          g_string_append_c (f->said, '[');
          say_client (f, message.client_data);
          g_string_append_c (f->said, ']');
        }
      g_string_append_c (f->said, ' ');
    }
}

static void
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
        case LEASEQUERY_SERVER_ACTION_LOG:
          if (action.level == LEASEQUERY_SERVER_LOG_FAULT)
            g_string_append_printf (f->said, "%u:fault ", action.connection);
          break;
        }
    }
}

#define expect(f, words)                                                                                               \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_strchomp ((f)->said->str);                                                                                       \
    g_assert_cmpstr ((f)->said->str, ==, words);                                                                       \
    g_string_truncate ((f)->said, 0);                                                                                  \
  }                                                                                                                    \
  G_STMT_END

static guint
accept_from (Fixture *f, guint peer)
{
  RoamNow at = now (f);
  guint id = leasequery_server_input_accept (f->server, &at, &f->peers[peer]);

  drain (f);
  return id;
}

static void
give (Fixture *f, guint connection, const guint8 *data, gsize length)
{
  RoamNow at = now (f);

  leasequery_server_input_datagram (f->server, &at, connection, data, length);
  drain (f);
}

static void
hear (Fixture *f, guint connection, const char *vector)
{
  const GByteArray *octets = vectors_find (vector)->octets;

  give (f, connection, octets->data, octets->len);
}

static void
wait_until (Fixture *f, gint64 us)
{
  RoamNow at;

  f->now_us = us;
  at = now (f);
  leasequery_server_input_deadline (f->server, &at);
  drain (f);
}

static void
command (Fixture *f, LeasequeryServerCommandType type)
{
  const LeasequeryServerCommand what = { .type = type };
  RoamNow at = now (f);

  leasequery_server_input_command (f->server, &at, &what);
  drain (f);
}

static void
written (Fixture *f, guint connection, gsize octets)
{
  RoamNow at = now (f);

  leasequery_server_input_written (f->server, &at, connection, octets);
  drain (f);
}

/* The vectors' one client, as they have it. */
static void
put_vector_client (Fixture *f)
{
  g_autoptr (GByteArray) relay = relay_data ();

  put_full (f, "2001:db8:0:1::1000", slice (f->client), 120, 3720, 7320, slice (relay));
}

/* @n clients with an address each. */
static void
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

/* ------------------------------------------------------------------ answers ---- */

/* Octet for octet. covers: LQ-SRV-040, LQ-SRV-041, LQ-SRV-048, LQ-SRV-050, LQ-SRV-056, LQ-SRV-058, LQ-SRV-061 */
static void
test_one_client (Fixture *f, gconstpointer draft)
{
  static const char *const queries[] = { "LQ-V-01", "LQ-V-02", "LQ-V-03", "LQ-V-05",
                                         "LQ-V-06", "LQ-V-07", "LQ-V-08", "LQ-V-09" };
  const GByteArray *reply = vectors_find ("LQ-V-10")->octets, *done = vectors_find ("LQ-V-21")->octets;

  put_vector_client (f);
  start (f);
  g_assert_cmpuint (accept_from (f, 0), ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (queries); i++)
    {
      hear (f, 1, queries[i]);
      expect (f, "1:reply[2001:db8:0:1::1000] 1:done");
      g_assert_cmpuint (f->sent->len, ==, reply->len + done->len);
      g_assert_cmpmem (f->sent->data, reply->len, reply->data, reply->len);
      g_assert_cmpmem (f->sent->data + reply->len, done->len, done->data, done->len);
      g_byte_array_set_size (f->sent, 0);
    }
}

/* covers: LQ-SRV-049, LQ-SRV-051 */
static void
test_nothing (Fixture *f, gconstpointer draft)
{
  const GByteArray *reply = vectors_find ("LQ-V-12")->octets;

  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-05");
  expect (f, "1:reply");
  g_assert_cmpmem (f->sent->data, f->sent->len, reply->data, reply->len);
  hear (f, 1, "LQ-V-03"); /* the connection stays */
  expect (f, "1:reply");
}

/* covers: LQ-SRV-043, LQ-SRV-044, LQ-SRV-045, LQ-SRV-046, LQ-SRV-054, LQ-SRV-100 */
static void
test_several_clients (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) relay = relay_data (), other = vectors_unhex ("00030001020000000002");

  put_vector_client (f);
  put_full (f, "2001:db8:8000:100::/56", slice (f->client), 5, 3600, 7200, slice (relay));
  put_full (f, "2001:db8:0:1::1001", slice (other), 5, 3600, 7200, slice (relay));
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-05");
  expect (f, "1:reply[2001:db8:0:1::1000 2001:db8:8000:100::/56] 1:data[2001:db8:0:1::1001] 1:done");
  hear (f, 1, "LQ-V-07");
  expect (f, "1:reply[2001:db8:0:1::1000 2001:db8:8000:100::/56] 1:data[2001:db8:0:1::1001] 1:done");
}

static Dhcp6ClientData
first_client (Fixture *f)
{
  Dhcp6Message message;
  Dhcp6ClientData client;
  gsize size = (gsize)f->sent->data[0] << 8 | f->sent->data[1];

  g_assert_cmpint (dhcp6_parse_message (f->sent->data + 2, size, &message, NULL), ==, 0);
  g_assert_cmpint (dhcp6_parse_client_data (&f->config.points, message.client_data, &client), ==, 0);
  return client;
}

/* covers: LQ-SRV-059, LQ-SRV-061, LQ-SRV-062, LQ-SRV-063 */
static void
test_relay_data (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) relay = relay_data ();
  Dhcp6ClientData client;

  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-03");
  g_assert_null (first_client (f).relay_data.data);
  g_byte_array_set_size (f->sent, 0);
  hear (f, 1, "LQ-V-04");
  client = first_client (f);
  g_assert_cmpmem (client.relay_data.data, client.relay_data.length, relay->data, relay->len);
  g_byte_array_set_size (f->sent, 0);
  put_full (f, "2001:db8:0:1::1000", slice (f->client), 120, 3720, 7320, (Dhcp6Slice){ 0 }); /* a direct client */
  hear (f, 1, "LQ-V-04");
  g_assert_null (first_client (f).relay_data.data);
}

/* covers: LQ-SRV-060 */
static void
test_sensitive (Fixture *f, gconstpointer draft)
{
  static const guint16 sensitive[] = { DHCP6_OPTION_LQ_RELAY_DATA };

  f->config.sensitive = sensitive;
  f->config.n_sensitive = 1;
  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-04");
  g_assert_null (first_client (f).relay_data.data);
}

/* covers: LQ-SRV-056, LQ-SRV-057, LQ-SRV-058 */
static void
test_lifetimes (Fixture *f, gconstpointer draft)
{
  static const struct
  {
    gint64 age;
    guint32 granted_preferred, granted_valid, preferred, valid, clt;
  } rows[] = {
    { 100, 1800, 3600, 1700, 3500, 100 },
    { 2000, 1800, 3600, 0, 1600, 2000 },
    { 100, DHCP6_LIFETIME_INFINITE, DHCP6_LIFETIME_INFINITE, DHCP6_LIFETIME_INFINITE, DHCP6_LIFETIME_INFINITE, 100 },
    { 100, DHCP6_LIFETIME_INFINITE, 3600, 3500, 3500, 100 },
    { -50, 1800, 3600, 1850, 3650, 0 }, /* the clock was set back */
  };

  start (f);
  accept_from (f, 0);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      Dhcp6ClientData client;
      Dhcp6BindingIter iter;
      Dhcp6Binding binding;
      Dhcp6Fault fault;

      put_full (f, "2001:db8:0:1::1000", slice (f->client), rows[i].age, rows[i].granted_preferred,
                rows[i].granted_valid, (Dhcp6Slice){ 0 });
      g_byte_array_set_size (f->sent, 0);
      hear (f, 1, "LQ-V-03");
      client = first_client (f);
      g_assert_cmpuint (client.clt_time, ==, rows[i].clt);
      dhcp6_binding_iter_init (&iter, &client);
      g_assert_true (dhcp6_binding_iter_next (&iter, &binding, &fault));
      g_assert_cmpuint (binding.valid, ==, rows[i].valid);
      g_assert_cmpuint (binding.preferred, ==, rows[i].preferred);
    }
}

/* Expired since the file was read. covers: LQ-SRV-055 */
static void
test_expired (Fixture *f, gconstpointer draft)
{
  put_full (f, "2001:db8:0:1::1000", slice (f->client), 100, 50, 100, (Dhcp6Slice){ 0 });
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-03");
  expect (f, "1:reply");
}

/* One client with more prefixes than a message holds: each message whole. covers: LQ-SRV-064 */
static void
test_big_client (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) relay = relay_data ();

  for (guint i = 0; i < 5000; i++)
    {
      g_autofree char *prefix = g_strdup_printf ("2001:db9:%x:%x::/64", 1 + i / 1000, i % 1000);

      put_full (f, prefix, slice (f->client), 1, 3600, 7200, slice (relay));
    }
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-04");
  g_assert_true (g_str_has_prefix (f->said->str, "1:reply[2001:db9:1::/64 2001:db9:1:1::/64"));
  g_assert_nonnull (strstr (f->said->str, "] 1:data[2001:db9:"));
  g_assert_true (g_str_has_suffix (g_strchomp (f->said->str), "] 1:done"));
  {
    LeasequeryServerCounters counters;

    leasequery_server_get_counters (f->server, &counters);
    g_assert_cmpuint (counters.bindings, ==, 5000);
    g_assert_cmpuint (counters.clients, ==, 1);
  }
}

/* -------------------------------------------------------------- bad queries ---- */

static void
test_bad_queries (Fixture *f, gconstpointer draft)
{
  static const struct
  {
    const char *vector, *words;
  } rows[] = {
    { "LQ-B-01", "1:fault 1:close" },
    { "LQ-B-02", "1:fault 1:close" },
    { "LQ-B-04", "1:fault 1:close" },
    { "LQ-B-06", "1:fault 1:close" },
    { "LQ-B-07", "1:reply(8)" },
    /* covers: LQ-SRV-021 */
    { "LQ-B-08", "1:fault 1:close" },
    { "LQ-B-09", "1:fault 1:close" },
    { "LQ-B-10", "1:fault 1:close" },
    /* covers: LQ-SRV-023 */
    { "LQ-B-11", "1:reply(7)" },
    /* covers: LQ-SRV-024 */
    { "LQ-B-12", "1:reply(8)" },
    { "LQ-B-13", "1:reply(8)" },
    /* covers: LQ-SRV-025 */
    { "LQ-B-14", "1:reply(8)" },
    { "LQ-B-15", "1:reply(8)" },
    { "LQ-B-16", "1:reply(8)" },
    { "LQ-B-17", "1:reply(8)" },
    /* covers: LQ-SRV-020 */
    { "LQ-B-18", "1:fault 1:close" },
    /* covers: LQ-SRV-022 */
    { "LQ-B-19", "1:fault 1:close" },
    /* covers: LQ-ACT-001 */
    { "LQ-L-01", "1:reply(14) 1:close" },
    /* covers: LQ-ACT-002 */
    { "LQ-L-02", "1:tls-reply(15)" },
  };

  put_vector_client (f);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      start (f);
      accept_from (f, 0);
      hear (f, 1, rows[i].vector);
      g_test_message ("%s: %s", rows[i].vector, f->said->str);
      expect (f, rows[i].words);
      hear (f, 1, "LQ-V-05"); /* what stays open goes on serving */
      expect (f, strstr (rows[i].words, "close") != NULL ? "" : "1:reply[2001:db8:0:1::1000] 1:done");
      g_clear_pointer (&f->server, leasequery_server_free);
    }
}

/* Cut by its option lengths, but asked by somebody: told before the end (row 5). */
static void
test_malformed_is_told (Fixture *f, gconstpointer draft)
{
  const GByteArray *octets = vectors_find ("LQ-V-05")->octets;
  g_autofree guint8 *bad = g_memdup2 (octets->data, octets->len);

  bad[octets->len - 17 - 1 - 18] = 0;     /* nothing */
  bad[1 + 2 + 4 + 4 + 18 + 3 - 1] = 0xff; /* LQ_QUERY's length runs past the end */
  start (f);
  accept_from (f, 0);
  give (f, 1, bad, octets->len);
  expect (f, "1:reply(8) 1:fault 1:close");
}

static void
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

/* covers: LQ-SRV-023 */
static void
test_unknown_types (Fixture *f, gconstpointer draft)
{
  static const guint8 types[] = { 0, 6, 99, 255 };

  start (f);
  accept_from (f, 0);
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      give_query (f, 1, types[i], "::", (Dhcp6Slice){ 0 }, i + 1);
      expect (f, "1:reply(7)");
    }
}

/* covers: LQ-SRV-026 */
static void
test_twice (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) options = vectors_unhex ("0035000300010100350003000102");

  start (f);
  accept_from (f, 0);
  give_query (f, 1, DHCP6_QUERY_BY_RELAY_ID, "::", slice (options), 1);
  expect (f, "1:reply(8)");
}

/* Type 4 with a Relay-ID, type 3 with a broken Remote-ID. covers: LQ-SRV-027 */
static void
test_needless_options (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) odd = vectors_unhex ("003500010000250001ff");

  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  give_query (f, 1, DHCP6_QUERY_BY_LINK_ADDRESS, "2001:db8:0:1::", slice (odd), 1);
  expect (f, "1:reply[2001:db8:0:1::1000] 1:done");
}

/* covers: LQ-DRF-005 */
static void
test_remote_id_alone (Fixture *f, gconstpointer draft)
{
  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-08");
  expect (f, "1:reply[2001:db8:0:1::1000] 1:done");
}

/* covers: LQ-SRV-072 */
static void
test_unknown_link (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) duid = vectors_unhex ("0001000e000100012a000000020000000001"),
                         address = vectors_unhex ("0005001820010dbaffff000000000000000000010000000000000000");

  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  give_query (f, 1, DHCP6_QUERY_BY_LINK_ADDRESS, "2001:dba::1", (Dhcp6Slice){ 0 }, 1);
  expect (f, "1:reply(9)");
  give_query (f, 1, DHCP6_QUERY_BY_CLIENTID, "2001:dba::1", slice (duid), 2);
  expect (f, "1:reply(9)");
  give_query (f, 1, DHCP6_QUERY_BY_ADDRESS, "::", slice (address), 3);
  expect (f, "1:reply(9)");
}

/* covers: LQ-SRV-078 */
static void
test_no_relay_information (Fixture *f, gconstpointer draft)
{
  put_full (f, "2001:db8:0:1::1000", slice (f->client), 1, 10, 10, (Dhcp6Slice){ 0 });
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-05");
  hear (f, 1, "LQ-V-08");
  expect (f, "1:reply(10) 1:reply(10)");
}

/* covers: LQ-SRV-029 */
static void
test_transaction_in_use (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) twice = g_byte_array_new ();
  const GByteArray *one = vectors_find ("LQ-V-05")->octets;

  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  g_byte_array_append (twice, one->data, one->len);
  g_byte_array_append (twice, one->data, one->len);
  give (f, 1, twice->data, twice->len);
  expect (f, "1:fault 1:close");
}

/* covers: LQ-SRV-006 */
static void
test_type_not_permitted (Fixture *f, gconstpointer draft)
{
  f->permissions[0].query_types = 1u << DHCP6_QUERY_BY_ADDRESS;
  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-05");
  expect (f, "1:reply(10)");
  g_assert_cmpmem (f->sent->data, f->sent->len, vectors_find ("LQ-V-16")->octets->data,
                   vectors_find ("LQ-V-16")->octets->len);
  hear (f, 1, "LQ-V-01");
  expect (f, "1:reply[2001:db8:0:1::1000] 1:done");
}

/* covers: LQ-SRV-030 */
static void
test_rate (Fixture *f, gconstpointer draft)
{
  f->config.max_queries_a_minute = 2;
  start (f);
  accept_from (f, 0);
  accept_from (f, 1);
  hear (f, 1, "LQ-V-03");
  hear (f, 1, "LQ-V-03");
  hear (f, 1, "LQ-V-03");
  expect (f, GPOINTER_TO_INT (draft) ? "1:reply 1:reply 1:reply(1)" : "1:reply 1:reply 1:reply(11)");
  hear (f, 2, "LQ-V-03"); /* another requestor's minute is its own */
  expect (f, "2:reply");
  wait_until (f, 60 * S); /* the draft's timeout may have ended the first two by then */
  g_string_truncate (f->said, 0);
  g_assert_cmpuint (accept_from (f, 0), ==, 3);
  hear (f, 3, "LQ-V-03");
  expect (f, "3:reply");
}

/* -------------------------------------------------------------- connections ---- */

/* covers: LQ-SRV-002, LQ-SRV-003 */
static void
test_eleventh (Fixture *f, gconstpointer draft)
{
  start (f);
  for (guint i = 0; i < 10; i++)
    {
      guint id = accept_from (f, 0);

      f->hold = TRUE; /* busy: nothing to displace */
      hear (f, id, "LQ-V-05");
      f->hold = FALSE;
    }
  g_string_truncate (f->said, 0);
  accept_from (f, 0);
  expect (f, "11:drop");
}

/* covers: LQ-SRV-004 */
static void
test_not_listed (Fixture *f, gconstpointer draft)
{
  start (f);
  accept_from (f, 2);
  hear (f, 1, "LQ-V-05"); /* never looked at */
  expect (f, "1:drop");
}

/* covers: LQ-SRV-005 */
static void
test_none_listed (Fixture *f, gconstpointer draft)
{
  f->config.n_permissions = 0;
  start (f);
  accept_from (f, 0);
  expect (f, "1:drop");
}

/* covers: LQ-SRV-009 */
static void
test_displaced (Fixture *f, gconstpointer draft)
{
  start (f);
  for (guint i = 0; i < 10; i++)
    {
      f->now_us = i * S;
      accept_from (f, 0);
    }
  g_assert_cmpuint (accept_from (f, 1), ==, 11);
  expect (f, "1:drop"); /* the longest idle */
  hear (f, 11, "LQ-V-03");
  expect (f, "11:reply");
}

/* A lone connection is nobody's spare. */
static void
test_not_displaced (Fixture *f, gconstpointer draft)
{
  f->config.max_connections = 1;
  start (f);
  accept_from (f, 0);
  accept_from (f, 1);
  expect (f, "2:drop");
}

/* covers: LQ-SRV-008 */
static void
test_idle (Fixture *f, gconstpointer draft)
{
  gint64 timeout = f->config.data_timeout_us;

  g_assert_cmpint (timeout, ==, GPOINTER_TO_INT (draft) ? 30 * S : 300 * S);
  start (f);
  accept_from (f, 0);
  f->now_us = 10 * S;
  hear (f, 1, "LQ-V-03");
  expect (f, "1:reply");
  wait_until (f, 10 * S + timeout - 1);
  expect (f, "");
  wait_until (f, 10 * S + timeout);
  expect (f, "1:drop");
}

/* Held open, and dripping. covers: LQ-SRV-007 */
static void
test_unfinished_query (Fixture *f, gconstpointer draft)
{
  const GByteArray *octets = vectors_find ("LQ-B-03")->octets;

  start (f);
  accept_from (f, 0);
  accept_from (f, 0);
  hear (f, 1, "LQ-B-03");
  for (guint i = 0; i < 5; i++)
    {
      wait_until (f, i * 59 * S);
      give (f, 2, octets->data + i, 1);
      expect (f, "");
    }
  wait_until (f, 300 * S);
  expect (f, "1:drop 2:drop");
}

/* covers: LQ-SRV-094, LQ-SRV-095 */
static void
test_stuck_reader (Fixture *f, gconstpointer draft)
{
  put_many (f, 20000);
  start (f);
  accept_from (f, 0);
  accept_from (f, 1);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  g_assert_cmpuint (f->held, >=, 256 * 1024);
  g_assert_cmpuint (f->held, <, 256 * 1024 + 64 * 1024);
  f->hold = FALSE;
  f->now_us = 100 * S;
  g_string_truncate (f->said, 0);
  hear (f, 2, "LQ-V-01"); /* others are served */
  expect (f, "2:reply");
  f->hold = TRUE;
  written (f, 1, 1000); /* a little goes: its time begins anew */
  g_string_truncate (f->said, 0);
  wait_until (f, 399 * S);
  expect (f, "");
  wait_until (f, 400 * S);
  g_assert_nonnull (strstr (f->said->str, "1:drop"));
}

/* A long answer and a short one take turns. covers: LQ-SRV-096, LQ-SRV-097, LQ-SRV-098 */
static void
test_turns (Fixture *f, gconstpointer draft)
{
  const char *end_of_short;

  put_many (f, 20000);
  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  accept_from (f, 0);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  hear (f, 2, "LQ-V-01");
  f->hold = FALSE;
  end_of_short = strstr (f->said->str, "2:done");
  g_assert_nonnull (end_of_short);
  g_assert_null (strstr (f->said->str, "1:done"));
  written (f, 1, f->held);
  g_assert_nonnull (strstr (f->said->str, "1:done"));
  g_string_truncate (f->said, 0);
  hear (f, 1, "LQ-V-25"); /* two on one connection */
  g_assert_nonnull (strstr (f->said->str, "1:done "));
  g_assert_nonnull (strstr (f->said->str, "1:done' "));
}

/* covers: LQ-SRV-028 */
static void
test_parallel_limit (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) many = g_byte_array_new ();
  const GByteArray *one = vectors_find ("LQ-V-05")->octets;
  guint done = 0;

  f->config.max_parallel = 2;
  put_many (f, 5000);
  start (f);
  accept_from (f, 0);
  for (guint i = 0; i < 50; i++)
    {
      g_byte_array_append (many, one->data, one->len);
      many->data[many->len - one->len + 5] = (guint8)i;
    }
  f->hold = TRUE;
  give (f, 1, many->data, many->len);
  g_assert_nonnull (strstr (f->said->str, "1:pause"));
  for (guint i = 0; i < 10000 && done < 50; i++)
    {
      gsize held = f->held;

      f->held = 0;
      for (const char *at = f->said->str; (at = strstr (at, "1:done")) != NULL; at++)
        done++;
      g_string_truncate (f->said, 0);
      if (held == 0)
        break;
      written (f, 1, held);
    }
  g_assert_cmpuint (done, ==, 50);
}

/* covers: LQ-SRV-099 */
static void
test_half_close (Fixture *f, gconstpointer draft)
{
  RoamNow at;

  put_many (f, 20000);
  start (f);
  accept_from (f, 0);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  at = now (f);
  leasequery_server_input_end (f->server, &at, 1);
  drain (f);
  g_assert_null (strstr (f->said->str, "1:close"));
  f->hold = FALSE;
  written (f, 1, f->held);
  g_assert_true (g_str_has_suffix (g_strchomp (f->said->str), "1:done 1:close"));
  leasequery_server_input_end (f->server, &at, 99); /* no such connection: nothing */
}

/* covers: LQ-SRV-091, LQ-SRV-092, LQ-SRV-093 */
static void
test_store_fails (Fixture *f, gconstpointer draft)
{
  put_many (f, 20000);
  start (f);
  accept_from (f, 0);
  accept_from (f, 0);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  g_string_truncate (f->said, 0);
  g_byte_array_set_size (f->sent, 0);
  command (f, LEASEQUERY_SERVER_FAIL);
  expect (f, GPOINTER_TO_INT (draft) ? "1:done(1) 1:close" : "1:done(11) 1:close");
  if (!GPOINTER_TO_INT (draft))
    g_assert_cmpmem (f->sent->data, f->sent->len, vectors_find ("LQ-V-22")->octets->data,
                     vectors_find ("LQ-V-22")->octets->len);
  /* covers: LQ-SRV-090 */
  hear (f, 2, "LQ-V-05");
  expect (f, "2:reply(1)");
}

/* covers: LQ-SRV-093 */
static void
test_stop (Fixture *f, gconstpointer draft)
{
  put_many (f, 20000);
  start (f);
  accept_from (f, 0);
  accept_from (f, 0);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  g_string_truncate (f->said, 0);
  command (f, LEASEQUERY_SERVER_STOP);
  expect (f, GPOINTER_TO_INT (draft) ? "1:done(1) 1:close 2:close" : "1:done(11) 1:close 2:close");
  accept_from (f, 0);
  expect (f, "3:drop");
}

/* A connection that is closed for a fault and does not take its last octets counts. covers: LQ-SRV-002 */
static void
test_closing_counts (Fixture *f, gconstpointer draft)
{
  put_many (f, 2000);
  f->config.max_connections = 1;
  start (f);
  accept_from (f, 0);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  g_string_truncate (f->said, 0);
  hear (f, 1, "LQ-B-01");
  expect (f, "1:fault 1:close");
  accept_from (f, 0);
  expect (f, "2:drop");
  f->hold = FALSE;
  written (f, 1, f->held);
  g_string_truncate (f->said, 0);
  accept_from (f, 0);
  expect (f, "");
}

/* A query that finds nothing in very much lets others in between. covers: LQ-SRV-098 */
static void
test_barren_query (Fixture *f, gconstpointer draft)
{
  guint8 duid[8] = { 0, 3, 0, 1 };

  for (guint i = 0; i < 100000; i++)
    {
      RoamAddr address = address_of ("2001:db8:0:1::");
      char text[ROAM_ADDR_STRLEN];

      address.bytes[13] = duid[5] = (guint8)(i >> 16);
      address.bytes[14] = duid[6] = (guint8)(i >> 8);
      address.bytes[15] = duid[7] = (guint8)i;
      put_full (f, roam_addr_to_string (&address, text), (Dhcp6Slice){ duid, sizeof duid }, 5000, 60, 60,
                (Dhcp6Slice){ 0 });
    }
  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-07"); /* by link: the only valid client is the last of it */
  expect (f, "");
  g_assert_cmpint (leasequery_server_next_deadline (f->server), ==, 0);
  hear (f, 2, "LQ-V-01");
  expect (f, "2:reply[2001:db8:0:1::1000] 2:done");
  for (guint turns = 0; leasequery_server_next_deadline (f->server) == 0; turns++)
    {
      RoamNow at = now (f);

      g_assert_cmpuint (turns, <, 100);
      leasequery_server_input_deadline (f->server, &at);
      drain (f);
    }
  expect (f, "1:reply[2001:db8:0:1::1000] 1:done");
}

/* Other limits and permissions in running service: who is still permitted stays, with its new rights. */
static void
test_configure (Fixture *f, gconstpointer draft)
{
  LeasequeryServerCommand configure = { .type = LEASEQUERY_SERVER_CONFIGURE, .config = &f->config };
  RoamNow at;

  put_vector_client (f);
  f->permissions[0] = (LeasequeryServerPermission){ { f->peers[0], 128 }, LEASEQUERY_ALL_TYPES };
  f->permissions[1] = (LeasequeryServerPermission){ { f->peers[1], 128 }, 1u << DHCP6_QUERY_BY_ADDRESS };
  f->config.n_permissions = 2;
  start (f);
  accept_from (f, 0);
  accept_from (f, 1);
  hear (f, 2, "LQ-V-05");
  expect (f, "2:reply(10)");
  f->permissions[0] = (LeasequeryServerPermission){ { f->peers[1], 128 }, LEASEQUERY_ALL_TYPES };
  f->config.n_permissions = 1;
  f->config.max_connections = 1;
  at = now (f);
  leasequery_server_input_command (f->server, &at, &configure);
  /* What was given is the caller's again. */
  memset (f->permissions, 0, sizeof f->permissions);
  drain (f);
  expect (f, "1:drop");
  hear (f, 2, "LQ-V-05");
  expect (f, "2:reply[2001:db8:0:1::1000] 2:done");
  accept_from (f, 1);
  expect (f, "3:drop");
}

/* A new store for new queries, the old one for those under way. */
static void
test_store_is_replaced (Fixture *f, gconstpointer draft)
{
  LeaseStore *old = f->store;
  LeasequeryServerCommand set;
  LeasequeryServerCounters counters;
  RoamNow at;

  put_many (f, 20000);
  start (f);
  accept_from (f, 0);
  accept_from (f, 0);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  f->store = lease_store_new (&f->config.points);
  add_subnet (f, "office", 1, "2001:db8:0:1::/64");
  put_vector_client (f);
  set = (LeasequeryServerCommand){ LEASEQUERY_SERVER_SET_STORE, f->store };
  at = now (f);
  leasequery_server_input_command (f->server, &at, &set);
  lease_store_unref (old);
  f->hold = FALSE;
  g_string_truncate (f->said, 0);
  hear (f, 2, "LQ-V-01");
  expect (f, "2:reply[2001:db8:0:1::1000] 2:done");
  written (f, 1, f->held);
  leasequery_server_get_counters (f->server, &counters);
  g_assert_cmpuint (counters.bindings, ==, 20001);
}

/* covers: LQ-ACT-003, LQ-ACT-004 */
static void
test_times (Fixture *f, gconstpointer draft)
{
  static const guint8 want_base_time[] = { 0, 6, 0, 2, 0, 100 };
  g_autoptr (GByteArray) other = vectors_unhex ("00030001020000000002");
  g_auto (WireWriter) writer;
  g_autoptr (GBytes) bytes = NULL;
  RoamAddr none = address_of ("2001:db8:0:1::");
  Dhcp6Message message;
  gsize frame, query;

  put_full (f, "2001:db8:0:1::1", slice (f->client), 1000, 7200, 7200, (Dhcp6Slice){ 0 });
  put_full (f, "2001:db8:0:1::2", slice (other), 500, 7200, 7200, (Dhcp6Slice){ 0 });
  put_full (f, "2001:db8:0:1::3", slice (f->requestor), 10, 7200, 7200, (Dhcp6Slice){ 0 });
  start (f);
  accept_from (f, 0);
  wire_writer_init (&writer, 4096);
  frame = dhcp6_begin_frame (&writer, DHCP6_LEASEQUERY, 7);
  dhcp6_write_option (&writer, DHCP6_OPTION_CLIENTID, slice (f->requestor));
  query = dhcp6_begin_option (&writer, DHCP6_OPTION_LQ_QUERY);
  wire_write_u8 (&writer, DHCP6_QUERY_BY_LINK_ADDRESS);
  wire_write_addr (&writer, &none);
  wire_write_data (&writer, want_base_time, sizeof want_base_time);
  dhcp6_end_option (&writer, query);
  dhcp6_write_option_u32 (&writer, DHCP6_OPTION_LQ_START_TIME, UNIX_NOW - 500 - DHCP6_EPOCH_2000);
  dhcp6_write_option_u32 (&writer, DHCP6_OPTION_LQ_END_TIME, UNIX_NOW - 500 - DHCP6_EPOCH_2000);
  dhcp6_end_frame (&writer, frame);
  bytes = wire_writer_finish (&writer);
  give (f, 1, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  expect (f, "1:reply[2001:db8:0:1::2] 1:done");
  g_assert_cmpint (
    dhcp6_parse_message (f->sent->data + 2, (gsize)f->sent->data[0] << 8 | f->sent->data[1], &message, NULL), ==, 0);
  g_assert_true (message.has_base_time);
  g_assert_cmpuint (message.base_time, ==, UNIX_NOW - DHCP6_EPOCH_2000);
}

/* covers: LQ-SRV-101, LQ-REQ-063 */
static void
test_alters_nothing (Fixture *f, gconstpointer draft)
{
  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  for (guint i = 0; i < 3; i++)
    hear (f, 1, "LQ-V-05");
  g_assert_cmpuint (lease_store_n_leases (f->store), ==, 1);
  expect (f,
          "1:reply[2001:db8:0:1::1000] 1:done 1:reply[2001:db8:0:1::1000] 1:done 1:reply[2001:db8:0:1::1000] 1:done");
}

/* covers: LQ-SRV-103 */
static void
test_counters (Fixture *f, gconstpointer draft)
{
  LeasequeryServerCounters counters;

  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  accept_from (f, 2);
  hear (f, 1, "LQ-V-05");
  hear (f, 1, "LQ-B-11");
  hear (f, 1, "LQ-B-18");
  leasequery_server_get_counters (f->server, &counters);
  g_assert_cmpuint (counters.accepted, ==, 1);
  g_assert_cmpuint (counters.refused, ==, 1);
  g_assert_cmpuint (counters.queries[DHCP6_QUERY_BY_RELAY_ID], ==, 1);
  g_assert_cmpuint (counters.queries[0], ==, 1);
  g_assert_cmpuint (counters.statuses[0], ==, 1);
  g_assert_cmpuint (counters.statuses[7], ==, 1);
  g_assert_cmpuint (counters.bindings, ==, 1);
  g_assert_cmpuint (counters.faults, ==, 1);
  g_assert_cmpuint (counters.octets_out, ==, f->sent->len);
}

int
main (int argc, char **argv)
{
  gpointer draft = GINT_TO_POINTER (TRUE);

  g_test_init (&argc, &argv, NULL);
#define ADD(path, data, function) g_test_add ("/dhcp6/server/" path, Fixture, data, set_up, function, tear_down)
  ADD ("answer/one-client", NULL, test_one_client);
  ADD ("answer/nothing", NULL, test_nothing);
  ADD ("answer/several-clients", NULL, test_several_clients);
  ADD ("answer/relay-data", NULL, test_relay_data);
  ADD ("answer/sensitive", NULL, test_sensitive);
  ADD ("answer/lifetimes", NULL, test_lifetimes);
  ADD ("answer/expired", NULL, test_expired);
  ADD ("answer/big-client", NULL, test_big_client);
  ADD ("answer/times", NULL, test_times);
  ADD ("answer/alters-nothing", NULL, test_alters_nothing);
  ADD ("query/bad", NULL, test_bad_queries);
  ADD ("query/malformed-is-told", NULL, test_malformed_is_told);
  ADD ("query/unknown-types", NULL, test_unknown_types);
  ADD ("query/twice", NULL, test_twice);
  ADD ("query/needless-options", NULL, test_needless_options);
  ADD ("query/remote-id-alone", NULL, test_remote_id_alone);
  ADD ("query/remote-id-alone-draft", draft, test_remote_id_alone);
  ADD ("query/unknown-link", NULL, test_unknown_link);
  ADD ("query/no-relay-information", NULL, test_no_relay_information);
  ADD ("query/transaction-in-use", NULL, test_transaction_in_use);
  ADD ("query/type-not-permitted", NULL, test_type_not_permitted);
  ADD ("query/rate", NULL, test_rate);
  ADD ("query/rate-draft", draft, test_rate);
  ADD ("connection/eleventh", NULL, test_eleventh);
  ADD ("connection/not-listed", NULL, test_not_listed);
  ADD ("connection/none-listed", NULL, test_none_listed);
  ADD ("connection/displaced", NULL, test_displaced);
  ADD ("connection/not-displaced", NULL, test_not_displaced);
  ADD ("connection/idle", NULL, test_idle);
  ADD ("connection/idle-draft", draft, test_idle);
  ADD ("connection/unfinished-query", NULL, test_unfinished_query);
  ADD ("connection/stuck-reader", NULL, test_stuck_reader);
  ADD ("connection/turns", NULL, test_turns);
  ADD ("connection/parallel-limit", NULL, test_parallel_limit);
  ADD ("connection/half-close", NULL, test_half_close);
  ADD ("store/fails", NULL, test_store_fails);
  ADD ("store/fails-draft", draft, test_store_fails);
  ADD ("store/stop", NULL, test_stop);
  ADD ("store/stop-draft", draft, test_stop);
  ADD ("store/is-replaced", NULL, test_store_is_replaced);
  ADD ("connection/closing-counts", NULL, test_closing_counts);
  ADD ("connection/barren-query", NULL, test_barren_query);
  ADD ("configure", NULL, test_configure);
  ADD ("counters", NULL, test_counters);
  return g_test_run ();
}
