/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/lease-store-private.h"

#include "base/rng.h"

#include <string.h>

/* The store against a plain list of leases, and cursors against a store that changes under them. */

#define NOW 1800000000
#define ALWAYS G_MININT64, G_MAXINT64, 1000

typedef struct
{
  Dhcp6CodePoints points;
  LeaseStore *store;
  RoamRng *rng;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *link, *prefix;
    guint32 id;
  } subnets[] = {
    { "office", "2001:db8:0:1::/64", 1 },
    { "office", "2001:db8:0:2::/64", 2 }, /* a shared network */
    { "lab", "2001:db8:0:3::/64", 3 },
    { "all", "2001:db8::/32", 4 },
  };

  dhcp6_code_points_init (&f->points);
  f->store = lease_store_new (&f->points);
  f->rng = roam_rng_new_for_test (5007);
  if (data != NULL)
    lease_store_set_key (f->store, data);
  for (guint i = 0; i < G_N_ELEMENTS (subnets); i++)
    {
      RoamPrefix prefix;

      g_assert_true (roam_prefix_parse (subnets[i].prefix, &prefix));
      g_assert_true (lease_store_add_subnet (f->store, subnets[i].link, subnets[i].id, &prefix));
    }
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  lease_store_unref (f->store);
  roam_rng_free (f->rng);
}

static RoamAddr
address_of (const char *text)
{
  RoamAddr address;

  g_assert_true (roam_addr_parse (text, &address));
  return address;
}

static const guint8 clients[8][6] = {
  { 0, 3, 0, 1, 2, 0 }, { 0, 3, 0, 1, 2, 1 }, { 0, 3, 0, 1, 2, 2 }, { 0, 3, 0, 1, 2, 3 },
  { 0, 3, 0, 1, 2, 4 }, { 0, 3, 0, 1, 2, 5 }, { 0, 3, 0, 1, 2, 6 }, { 0, 3, 0, 1, 2, 7 },
};

static Dhcp6Slice
client (guint i)
{
  return (Dhcp6Slice){ clients[i], sizeof clients[i] };
}

/* LQ_RELAY_DATA of two hops: the outer with relay-id @outer, the inner with @inner and remote-id @remote. 0: none. */
static GBytes *
relay_data (guint8 outer, guint8 inner, guint8 remote)
{
  g_auto (WireWriter) writer;
  guint8 relay_id[3] = { 0, 9, outer }, remote_id[5] = { 0, 0, 0, 9, remote };
  gsize mark;

  wire_writer_init (&writer, 1024);
  wire_write_zeros (&writer, 16);
  wire_write_u8 (&writer, DHCP6_RELAY_FORW);
  wire_write_u8 (&writer, 1);
  wire_write_zeros (&writer, 32);
  if (outer != 0)
    dhcp6_write_option (&writer, DHCP6_OPTION_RELAY_ID, (Dhcp6Slice){ relay_id, sizeof relay_id });
  mark = dhcp6_begin_option (&writer, DHCP6_OPTION_RELAY_MSG);
  wire_write_u8 (&writer, DHCP6_RELAY_FORW);
  wire_write_u8 (&writer, 0);
  wire_write_zeros (&writer, 32);
  relay_id[2] = inner;
  if (inner != 0)
    dhcp6_write_option (&writer, DHCP6_OPTION_RELAY_ID, (Dhcp6Slice){ relay_id, sizeof relay_id });
  if (remote != 0)
    dhcp6_write_option (&writer, DHCP6_OPTION_REMOTE_ID, (Dhcp6Slice){ remote_id, sizeof remote_id });
  dhcp6_end_option (&writer, mark);
  return wire_writer_finish (&writer);
}

static void
put (Fixture *f, const char *address, guint who, guint32 subnet, guint8 outer, guint8 inner, guint8 remote)
{
  g_autoptr (GBytes) relay = outer + inner + remote == 0 ? NULL : relay_data (outer, inner, remote);
  RoamPrefix prefix;
  Lease lease = {
    .valid_s = 3600, .preferred_s = 1800, .contact = NOW - 10, .subnet_id = subnet, .client_id = client (who)
  };

  g_assert_true (roam_prefix_parse (address, &prefix));
  lease.address = prefix.addr;
  lease.prefix_length = prefix.length;
  lease.is_prefix = strchr (address, '/') != NULL;
  if (relay != NULL)
    lease.relay_data.data = g_bytes_get_data (relay, &lease.relay_data.length);
  g_assert_true (lease_store_put (f->store, &lease));
}

/* "c0: 2001:db8::1 2001:db8::2; c1: ..." */
static char *
drain (LeaseCursor *cursor, gint64 now)
{
  GString *out = g_string_new (NULL);
  LeaseGroup group;
  char text[ROAM_ADDR_STRLEN];

  while (lease_cursor_next (cursor, now, ALWAYS, &group))
    {
      g_string_append_printf (out, "%sc%u:", out->len > 0 ? "; " : "", group.client_id.data[5]);
      for (guint i = 0; i < group.n_leases; i++)
        {
          const RoamPrefix prefix = { group.leases[i].address, group.leases[i].prefix_length };

          g_string_append_printf (out, " %s",
                                  group.leases[i].is_prefix ? roam_prefix_to_string (&prefix, text)
                                                            : roam_addr_to_string (&prefix.addr, text));
        }
    }
  g_assert_true (lease_cursor_is_at_end (cursor));
  lease_cursor_free (cursor);
  return g_string_free (out, FALSE);
}

#define expect(cursor, words)                                                                                          \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_autofree char *got = drain (cursor, NOW);                                                                        \
    g_assert_cmpstr (got, ==, words);                                                                                  \
  }                                                                                                                    \
  G_STMT_END

static LeaseCursor *
by_address (Fixture *f, LeaseLink link, const char *text)
{
  RoamAddr address = address_of (text);

  return lease_cursor_by_address (f->store, link, &address);
}

static LeaseLink
link_of (Fixture *f, const char *text)
{
  RoamAddr address = address_of (text);

  return lease_store_find_link (f->store, &address);
}

static LeaseCursor *
by_relay_id (Fixture *f, LeaseLink link, guint8 which)
{
  const guint8 id[3] = { 0, 9, which };

  return lease_cursor_by_relay_id (f->store, link, (Dhcp6Slice){ id, sizeof id });
}

static LeaseCursor *
by_remote_id (Fixture *f, LeaseLink link, guint8 which)
{
  const guint8 id[5] = { 0, 0, 0, 9, which };

  return lease_cursor_by_remote_id (f->store, link, (Dhcp6Slice){ id, sizeof id });
}

static void
fill (Fixture *f)
{
  put (f, "2001:db8:0:1::10", 0, 1, 1, 2, 7);
  put (f, "2001:db8:0:1::11", 1, 1, 1, 3, 8);
  put (f, "2001:db8:0:2::10", 0, 2, 1, 2, 7); /* the same client on the same link */
  put (f, "2001:db8:0:3::10", 0, 3, 1, 4, 9);
  put (f, "2001:db8:8000:100::/56", 1, 1, 1, 3, 8);
  put (f, "2001:db8:0:3::11", 2, 3, 0, 0, 0);
}

/* ------------------------------------------------------------------ queries ---- */

static void
test_by_address (Fixture *f, gconstpointer data)
{
  fill (f);
  expect (by_address (f, LEASE_ANY_LINK, "2001:db8:0:1::10"), "c0: 2001:db8:0:1::10 2001:db8:0:2::10");
  expect (by_address (f, LEASE_ANY_LINK, "2001:db8:0:1::99"), "");
  /* covers: LQ-SRV-070 */
  expect (by_address (f, LEASE_ANY_LINK, "2001:db8:8000:1ab::5"), "c1: 2001:db8:0:1::11 2001:db8:8000:100::/56");
  expect (by_address (f, LEASE_ANY_LINK, "2001:db8:8000:200::5"), "");
  /* covers: LQ-SRV-071 */
  expect (by_address (f, link_of (f, "2001:db8:0:3::1"), "2001:db8:0:1::10"), "");
  expect (by_address (f, link_of (f, "2001:db8:0:2::1"), "2001:db8:0:1::10"), "c0: 2001:db8:0:1::10 2001:db8:0:2::10");
}

/* covers: LQ-SRV-073 */
static void
test_by_client (Fixture *f, gconstpointer data)
{
  fill (f);
  expect (lease_cursor_by_client (f->store, LEASE_ANY_LINK, client (0)),
          "c0: 2001:db8:0:1::10 2001:db8:0:2::10; c0: 2001:db8:0:3::10");
  expect (lease_cursor_by_client (f->store, link_of (f, "2001:db8:0:3::1"), client (0)), "c0: 2001:db8:0:3::10");
  expect (lease_cursor_by_client (f->store, LEASE_ANY_LINK, client (7)), "");
}

/* covers: LQ-SRV-075, LQ-SRV-054, LQ-SRV-065, LQ-KEA-014 */
static void
test_by_link (Fixture *f, gconstpointer data)
{
  static const char office[] = "c0: 2001:db8:0:1::10 2001:db8:0:2::10; c1: 2001:db8:0:1::11 2001:db8:8000:100::/56";

  fill (f);
  g_assert_cmpuint (link_of (f, "2001:db8:0:1::1"), ==, link_of (f, "2001:db8:0:2::1"));
  expect (lease_cursor_by_link (f->store, link_of (f, "2001:db8:0:1::1")), office);
  expect (lease_cursor_by_link (f->store, link_of (f, "2001:db8:0:2::1")), office);
  expect (lease_cursor_by_link (f->store, link_of (f, "2001:db8:0:3::1")),
          "c0: 2001:db8:0:3::10; c2: 2001:db8:0:3::11");
  expect (lease_cursor_by_link (f->store, link_of (f, "2001:db8:9::")), "");
  g_assert_cmpuint (link_of (f, "2001:db9::1"), ==, LEASE_NO_LINK);
}

/* covers: LQ-SRV-074, LQ-SRV-077 */
static void
test_by_relay_id (Fixture *f, gconstpointer data)
{
  fill (f);
  expect (by_relay_id (f, LEASE_ANY_LINK, 1),
          "c0: 2001:db8:0:1::10 2001:db8:0:2::10; c1: 2001:db8:0:1::11 2001:db8:8000:100::/56; c0: 2001:db8:0:3::10");
  expect (by_relay_id (f, LEASE_ANY_LINK, 3), "c1: 2001:db8:0:1::11 2001:db8:8000:100::/56");
  expect (by_relay_id (f, link_of (f, "2001:db8:0:3::1"), 1), "c0: 2001:db8:0:3::10");
  expect (by_relay_id (f, LEASE_ANY_LINK, 77), "");
}

/* covers: LQ-SRV-076 */
static void
test_by_remote_id (Fixture *f, gconstpointer data)
{
  const guint8 elsewhere[5] = { 0, 0, 0, 10, 7 };

  fill (f);
  expect (by_remote_id (f, LEASE_ANY_LINK, 7), "c0: 2001:db8:0:1::10 2001:db8:0:2::10");
  /* Another enterprise. covers: LQ-COD-023 */
  expect (lease_cursor_by_remote_id (f->store, LEASE_ANY_LINK, (Dhcp6Slice){ elsewhere, sizeof elsewhere }), "");
  put (f, "2001:db8:0:1::10", 0, 1, 1, 2, 42); /* it moved to another port */
  expect (by_remote_id (f, LEASE_ANY_LINK, 7), "c0: 2001:db8:0:2::10");
  expect (by_remote_id (f, LEASE_ANY_LINK, 42), "c0: 2001:db8:0:1::10");
  g_assert_true (lease_store_has_relay_ids (f->store));
}

/* Only the matching bindings of a client (types 3 and 5). */
static void
test_partly_matching (Fixture *f, gconstpointer data)
{
  put (f, "2001:db8:0:1::10", 0, 1, 1, 0, 0);
  put (f, "2001:db8:0:1::11", 0, 1, 2, 0, 0);
  put (f, "2001:db8:0:1::12", 0, 1, 1, 0, 0);
  expect (by_relay_id (f, LEASE_ANY_LINK, 1), "c0: 2001:db8:0:1::10 2001:db8:0:1::12");
  expect (by_relay_id (f, LEASE_ANY_LINK, 2), "c0: 2001:db8:0:1::11");
}

static void
test_no_relays (Fixture *f, gconstpointer data)
{
  put (f, "2001:db8:0:1::10", 0, 1, 0, 0, 0);
  g_assert_false (lease_store_has_relay_ids (f->store));
  g_assert_false (lease_store_has_remote_ids (f->store));
}

/* covers: LQ-SRV-055 */
static void
test_expiry (Fixture *f, gconstpointer data)
{
  fill (f);
  {
    g_autofree char *got = drain (by_relay_id (f, LEASE_ANY_LINK, 1), NOW - 10 + 3599);
    g_assert_cmpstr (got, !=, "");
  }
  {
    g_autofree char *got = drain (by_relay_id (f, LEASE_ANY_LINK, 1), NOW - 10 + 3600);
    g_assert_cmpstr (got, ==, "");
  }
  {
    g_autofree char *got = drain (by_address (f, LEASE_ANY_LINK, "2001:db8:0:1::10"), NOW + 4000);
    g_assert_cmpstr (got, ==, "");
  }
}

static void
test_infinite (Fixture *f, gconstpointer data)
{
  Lease lease = { .valid_s = DHCP6_LIFETIME_INFINITE, .contact = 1, .client_id = client (0), .subnet_id = 99 };

  lease.address = address_of ("2001:db8:ffff::1");
  g_assert_true (lease_store_put (f->store, &lease));
  expect (lease_cursor_by_client (f->store, LEASE_ANY_LINK, client (0)), "c0: 2001:db8:ffff::1");
}

static void
test_bad_leases (Fixture *f, gconstpointer data)
{
  const guint8 two[2] = { 0, 1 };
  Lease lease = { .valid_s = 1, .client_id = client (0), .address = address_of ("2001:db8::1") };

  lease.client_id = (Dhcp6Slice){ two, 2 };
  g_assert_false (lease_store_put (f->store, &lease));
  lease.client_id = client (0);
  lease.relay_data = (Dhcp6Slice){ two, 2 };
  g_assert_false (lease_store_put (f->store, &lease));
  lease.relay_data = (Dhcp6Slice){ 0 };
  lease.is_prefix = TRUE;
  lease.prefix_length = 129;
  g_assert_false (lease_store_put (f->store, &lease));
  lease.address = address_of ("192.0.2.1");
  g_assert_false (lease_store_put (f->store, &lease));
  g_assert_cmpuint (lease_store_n_leases (f->store), ==, 0);
}

/* The last word for an address wins. covers: LQ-KEA-002 */
static void
test_replace (Fixture *f, gconstpointer data)
{
  RoamAddr address = address_of ("2001:db8:0:1::10");

  fill (f);
  put (f, "2001:db8:0:1::10", 5, 1, 0, 0, 0);
  expect (by_address (f, LEASE_ANY_LINK, "2001:db8:0:1::10"), "c5: 2001:db8:0:1::10");
  expect (lease_cursor_by_client (f->store, link_of (f, "2001:db8:0:1::"), client (0)), "c0: 2001:db8:0:2::10");
  g_assert_true (lease_store_remove (f->store, &address));
  g_assert_false (lease_store_remove (f->store, &address));
  expect (lease_cursor_by_client (f->store, LEASE_ANY_LINK, client (5)), "");
  g_assert_cmpuint (lease_store_n_leases (f->store), ==, 5);
}

/* ------------------------------------------------------ a store that changes ---- */

/* Everything goes, nothing stays tied. */
static void
test_empty_again (Fixture *f, gconstpointer data)
{
  static const char *const addresses[] = { "2001:db8:0:1::10", "2001:db8:0:1::11",    "2001:db8:0:2::10",
                                           "2001:db8:0:3::10", "2001:db8:8000:100::", "2001:db8:0:3::11" };

  for (guint round = 0; round < 3; round++)
    {
      fill (f);
      for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
        {
          RoamAddr address = address_of (addresses[i]);

          g_assert_true (lease_store_remove (f->store, &address));
        }
      g_assert_cmpuint (lease_store_n_leases (f->store), ==, 0);
      expect (by_relay_id (f, LEASE_ANY_LINK, 1), "");
      expect (lease_cursor_by_link (f->store, link_of (f, "2001:db8:0:1::")), "");
      expect (lease_cursor_by_client (f->store, LEASE_ANY_LINK, client (0)), "");
    }
}

#define MANY 600u

/* A stable lease has an even number, a volatile one an odd one. */
static void
put_numbered (Fixture *f, guint n)
{
  g_autofree char *address = g_strdup_printf ("2001:db8:0:1::%x", 0x1000 + n);

  put (f, address, roam_rng_below (f->rng, 8), 1, 1, (guint8)(2 + roam_rng_below (f->rng, 3)),
       (guint8)(1 + roam_rng_below (f->rng, 5)));
}

static void
disturb (Fixture *f)
{
  guint n = roam_rng_below (f->rng, MANY) | 1;
  g_autofree char *text = g_strdup_printf ("2001:db8:0:1::%x", 0x1000 + n);
  RoamAddr address = address_of (text);

  if (roam_rng_below (f->rng, 2) == 0)
    lease_store_remove (f->store, &address);
  else
    put_numbered (f, n);
}

/* A renewal with another port, as when a client moves: it stays one binding of its client. */
static void
renew_stable (Fixture *f, const guint8 who[MANY])
{
  guint n = roam_rng_below (f->rng, MANY) & ~1u;
  g_autofree char *text = g_strdup_printf ("2001:db8:0:1::%x", 0x1000 + n);

  put (f, text, who[n], 1, 1, (guint8)(2 + roam_rng_below (f->rng, 3)), (guint8)(1 + roam_rng_below (f->rng, 5)));
}

static LeaseCursor *
cursor_of_kind (Fixture *f, guint kind)
{
  if (kind == 0)
    return lease_cursor_by_link (f->store, link_of (f, "2001:db8:0:1::"));
  return by_relay_id (f, LEASE_ANY_LINK, 1);
}

/* covers: LQ-SRV-102 */
static void
test_snapshot (Fixture *f, gconstpointer data)
{
  guint8 who[MANY];

  for (guint n = 0; n < MANY; n++)
    {
      g_autofree char *text = g_strdup_printf ("2001:db8:0:1::%x", 0x1000 + n);

      who[n] = (guint8)roam_rng_below (f->rng, 8);
      put (f, text, who[n], 1, 1, 2, 3);
    }
  for (guint round = 0; round < 40; round++)
    {
      LeaseCursor *cursor = cursor_of_kind (f, round % 2);
      guint seen[MANY] = { 0 };
      LeaseGroup group;

      for (guint calls = 0; !lease_cursor_is_at_end (cursor) && calls < 10000; calls++)
        {
          if (lease_cursor_next (cursor, NOW, G_MININT64, G_MAXINT64, 1 + roam_rng_below (f->rng, 5), &group))
            for (guint i = 0; i < group.n_leases; i++)
              seen[((guint)group.leases[i].address.bytes[14] << 8 | group.leases[i].address.bytes[15]) - 0x1000]++;
          for (guint k = roam_rng_below (f->rng, 60); k > 0; k--)
            disturb (f);
          renew_stable (f, who);
        }
      lease_cursor_free (cursor);
      for (guint n = 0; n < MANY; n += 2)
        g_assert_cmpuint (seen[n], ==, 1);
    }
}

/* Random changes; the store and a plain array agree on every query. */
static void
test_model (Fixture *f, gconstpointer data)
{
  struct
  {
    gboolean there;
    guint8 who, outer, remote;
  } model[64] = { 0 };

  for (guint step = 0; step < 4000; step++)
    {
      guint n = roam_rng_below (f->rng, G_N_ELEMENTS (model));
      g_autofree char *text = g_strdup_printf ("2001:db8:0:1::%x", n + 1);
      RoamAddr address = address_of (text);

      if (roam_rng_below (f->rng, 3) == 0)
        {
          g_assert_cmpint (lease_store_remove (f->store, &address), ==, model[n].there);
          model[n].there = FALSE;
        }
      else
        {
          model[n].there = TRUE;
          model[n].who = (guint8)roam_rng_below (f->rng, 8);
          model[n].outer = (guint8)(1 + roam_rng_below (f->rng, 4));
          model[n].remote = (guint8)roam_rng_below (f->rng, 4);
          put (f, text, model[n].who, 1, model[n].outer, 0, model[n].remote);
        }
      if (step % 16 != 0)
        continue;
      for (guint8 key = 1; key < 5; key++)
        {
          guint relay = 0, remote = 0, got_relay = 0, got_remote = 0;
          LeaseGroup group;
          LeaseCursor *a = by_relay_id (f, LEASE_ANY_LINK, key), *b = by_remote_id (f, LEASE_ANY_LINK, key);
          guint groups = 0, clients_seen = 0;

          for (guint i = 0; i < G_N_ELEMENTS (model); i++)
            {
              relay += model[i].there && model[i].outer == key;
              remote += model[i].there && model[i].remote == key;
            }
          while (lease_cursor_next (a, NOW, ALWAYS, &group))
            {
              got_relay += group.n_leases;
              groups++;
              g_assert_cmpuint (clients_seen & 1u << group.client_id.data[5], ==, 0); /* each client once */
              clients_seen |= 1u << group.client_id.data[5];
            }
          while (lease_cursor_next (b, NOW, ALWAYS, &group))
            got_remote += group.n_leases;
          g_assert_cmpuint (got_relay, ==, relay);
          g_assert_cmpuint (got_remote, ==, remote);
          g_assert_cmpuint (groups, <=, 8);
          lease_cursor_free (a);
          lease_cursor_free (b);
        }
    }
}

/* A cursor outlives its store's other owners. */
static void
test_cursor_keeps_store (Fixture *f, gconstpointer data)
{
  LeaseCursor *cursor;

  fill (f);
  cursor = by_relay_id (f, LEASE_ANY_LINK, 3);
  lease_store_unref (f->store);
  f->store = lease_store_new (&f->points);
  expect (cursor, "c1: 2001:db8:0:1::11 2001:db8:8000:100::/56");
}

/* What a hundred thousand leases of clients of their own take, relay data aside. */
static void
test_size (Fixture *f, gconstpointer data)
{
  const guint n = 100000;
  gsize before = lease_store_size (f->store);

  for (guint i = 0; i < n; i++)
    {
      guint8 duid[10] = { 0, 3, 0, 1, 2, 0, (guint8)(i >> 16), (guint8)(i >> 8), (guint8)i, 1 };
      Lease lease = { .valid_s = 3600, .contact = NOW, .client_id = { duid, sizeof duid }, .subnet_id = 1 };

      lease.address = address_of ("2001:db8:0:1::");
      lease.address.bytes[13] = (guint8)(i >> 16);
      lease.address.bytes[14] = (guint8)(i >> 8);
      lease.address.bytes[15] = (guint8)i;
      g_assert_true (lease_store_put (f->store, &lease));
    }
  g_test_message ("%.1f octets a lease", (double)(lease_store_size (f->store) - before) / n);
  g_assert_cmpuint ((lease_store_size (f->store) - before) / n, <=, 250);
}

/* A store with room for another's leases does not grow while it takes them. */
static void
test_reserve (Fixture *f, gconstpointer data)
{
  g_autoptr (LeaseStore) store = lease_store_new (&f->points);
  LeaseStore *like = f->store;
  gsize size;

  for (guint i = 1; i <= 1000; i++)
    {
      g_autofree char *text = g_strdup_printf ("2001:db8:0:1::%x", i);

      put (f, text, i % 8, 1, 0, 0, 0);
    }
  lease_store_reserve_like (store, like);
  size = store->by_address.mask;
  g_assert_cmpuint (size, ==, like->by_address.mask);
  f->store = store;
  for (guint i = 1; i <= 1000; i++)
    {
      g_autofree char *text = g_strdup_printf ("2001:db8:0:1::%x", i);
      RoamAddr address = address_of (text);

      put (f, text, i % 8, 1, 0, 0, 0);
      g_assert_cmpuint (lease_store_find_binding (store, address.bytes), !=, 0);
    }
  g_assert_cmpuint (store->by_address.mask, ==, size);
  f->store = like;
}

/* A store on its way out frees a few octets a turn, and only when no query holds it. */
static void
test_unref_slowly (Fixture *f, gconstpointer data)
{
  LeaseStore *old;
  LeaseCursor *cursor;
  guint turns = 1;

  for (guint i = 1; i <= 100; i++)
    {
      g_autofree char *text = g_strdup_printf ("2001:db8:0:1::%x", i);

      put (f, text, i % 8, 1, 1, 0, 1);
    }
  old = f->store;
  cursor = lease_cursor_by_link (old, LEASE_ANY_LINK);
  g_assert_true (lease_store_unref_slowly (&old, 1)); /* the cursor's now */
  g_assert_null (old);
  old = lease_store_ref (f->store);
  lease_cursor_free (cursor);
  for (; !lease_store_unref_slowly (&old, 1); turns++)
    g_assert_cmpuint (turns, <, 1000);
  g_assert_null (old);
  g_assert_cmpuint (turns, >, 5);
  g_assert_true (lease_store_unref_slowly (&old, 1));
  f->store = NULL;
}

/* Of so many in the store, so few match; each is a client of its own. */
static void
put_few_of_many (Fixture *f, guint many, guint few)
{
  g_autoptr (GBytes) common = relay_data (1, 0, 1), rare = relay_data (7, 0, 7);

  for (guint i = 0; i < many + few; i++)
    {
      const guint8 duid[] = { 0, 3, 0, 1, (guint8)(i >> 16), (guint8)(i >> 8), (guint8)i };
      gboolean is_rare = i % (many / few) == 0 && i / (many / few) < few;
      Lease lease = { .prefix_length = 128,
                      .valid_s = 3600,
                      .contact = NOW,
                      .subnet_id = is_rare ? 1 : 3,
                      .client_id = { duid, sizeof duid } };

      lease.address = address_of (is_rare ? "2001:db8:0:1::" : "2001:db8:0:3::");
      lease.address.bytes[13] = (guint8)(i >> 16);
      lease.address.bytes[14] = (guint8)(i >> 8);
      lease.address.bytes[15] = (guint8)i;
      lease.relay_data.data = g_bytes_get_data (is_rare ? rare : common, &lease.relay_data.length);
      g_assert_true (lease_store_put (f->store, &lease));
    }
}

/* Bindings looked at, one in each call. */
static guint
count_steps (LeaseCursor *cursor, guint *ret_found)
{
  LeaseGroup group;
  guint steps = 0;

  *ret_found = 0;
  for (; !lease_cursor_is_at_end (cursor); steps++)
    *ret_found += lease_cursor_next (cursor, NOW, G_MININT64, G_MAXINT64, 1, &group);
  lease_cursor_free (cursor);
  return steps;
}

/* What is looked at is what is found, whatever else is there. covers: LQ-SRV-079 */
static void
test_cost (Fixture *f, gconstpointer data)
{
  static const guint8 relay_id[] = { 0, 9, 7 }, remote_id[] = { 0, 0, 0, 9, 7 }, first[] = { 0, 3, 0, 1, 0, 0, 0 };
  const guint many = 20000, few = 10;
  RoamAddr office = address_of ("2001:db8:0:1::"), one = address_of ("2001:db8:0:1::0");
  LeaseLink link;
  guint found;

  put_few_of_many (f, many, few);
  link = lease_store_find_link (f->store, &office);
  g_assert_cmpuint (
    count_steps (lease_cursor_by_relay_id (f->store, LEASE_ANY_LINK, (Dhcp6Slice){ relay_id, sizeof relay_id }),
                 &found),
    ==, few);
  g_assert_cmpuint (found, ==, few);
  g_assert_cmpuint (
    count_steps (lease_cursor_by_remote_id (f->store, link, (Dhcp6Slice){ remote_id, sizeof remote_id }), &found), ==,
    few);
  g_assert_cmpuint (found, ==, few);
  g_assert_cmpuint (count_steps (lease_cursor_by_link (f->store, link), &found), ==, few);
  g_assert_cmpuint (found, ==, few);
  g_assert_cmpuint (
    count_steps (lease_cursor_by_client (f->store, LEASE_ANY_LINK, (Dhcp6Slice){ first, sizeof first }), &found), ==,
    1);
  g_assert_cmpuint (found, ==, 1);
  g_assert_cmpuint (count_steps (lease_cursor_by_address (f->store, LEASE_ANY_LINK, &one), &found), ==, 1);
  g_assert_cmpuint (found, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add ("/dhcp6/store/" path, Fixture, NULL, set_up, function, tear_down)
  ADD ("by-address", test_by_address);
  ADD ("by-client", test_by_client);
  ADD ("by-link", test_by_link);
  ADD ("by-relay-id", test_by_relay_id);
  ADD ("by-remote-id", test_by_remote_id);
  ADD ("partly-matching", test_partly_matching);
  ADD ("no-relays", test_no_relays);
  ADD ("expiry", test_expiry);
  ADD ("infinite", test_infinite);
  ADD ("bad-leases", test_bad_leases);
  ADD ("replace", test_replace);
  ADD ("empty-again", test_empty_again);
  ADD ("snapshot", test_snapshot);
  ADD ("cost", test_cost);
  ADD ("model", test_model);
  g_test_add ("/dhcp6/store/model-keyed", Fixture, "0123456789abcdef", set_up, test_model, tear_down);
  ADD ("cursor-keeps-store", test_cursor_keeps_store);
  ADD ("size", test_size);
  ADD ("reserve", test_reserve);
  ADD ("unref-slowly", test_unref_slowly);
  return g_test_run ();
}
