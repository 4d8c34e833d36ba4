/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* roam-gw's pure parts: inner packets against selectors, and who has which SA and address. */
#include "lab/gateway/gw-inner-private.h"
#include "lab/gateway/gw-table-private.h"
#include "tunnel/tunnel-ipip-private.h"
#include "tunnel/tunnel-octets-private.h"

#include <string.h>

static RoamAddr
addr (const char *text)
{
  RoamAddr result = ROAM_ADDR_NONE;

  g_assert_true (roam_addr_parse (text, &result));
  return result;
}

static IkeSelector
range (const char *start, const char *end, guint8 protocol, guint16 start_port, guint16 end_port)
{
  return (IkeSelector){ protocol, start_port, end_port, addr (start), addr (end) };
}

/* The client has 10.8.0.1 and 2001:db8:8::1 and may reach 10.0.0.0/8, and of 192.0.2.1 only TCP port 443. */
static IkeChildSa *
new_child (guint32 id, guint32 spi_in, const char *inner)
{
  static const guint8 octets[36];
  IkeChildSa *child = g_new0 (IkeChildSa, 1);
  IkeSelector local[] = { range ("10.0.0.0", "10.255.255.255", 0, 0, G_MAXUINT16),
                          range ("192.0.2.1", "192.0.2.1", 6, 443, 443),
                          range ("2001:db8:1::", "2001:db8:1:ffff:ffff:ffff:ffff:ffff", 0, 0, G_MAXUINT16) };
  IkeSelector remote[] = { range (inner, inner, 0, 0, G_MAXUINT16),
                           range ("2001:db8:8::1", "2001:db8:8::1", 0, 0, G_MAXUINT16) };

  child->references = 1;
  child->id = id;
  child->spi_in = spi_in;
  child->spi_out = spi_in + 1;
  child->algorithm = IKE_ESP_AES_GCM_16;
  child->encr_bits = 256;
  child->encr_in = roam_secret_new (octets, sizeof octets);
  child->encr_out = roam_secret_new (octets, sizeof octets);
  child->outer_local = (RoamEndpoint){ addr ("203.0.113.2"), 4500 };
  child->outer_remote = (RoamEndpoint){ addr ("198.51.100.50"), (guint16)(4500 + id) };
  child->udp_encap = TRUE;
  child->local_ts = g_memdup2 (local, sizeof local);
  child->n_local_ts = G_N_ELEMENTS (local);
  child->remote_ts = g_memdup2 (remote, sizeof remote);
  child->n_remote_ts = G_N_ELEMENTS (remote);
  return child;
}

/* IPv4 with 8 octets of payload that begin with the ports. */
static gsize
make_ip4 (guint8 *packet, const char *source, const char *destination, guint8 protocol, guint16 from, guint16 to)
{
  RoamAddr a = addr (source), b = addr (destination);
  TunnelIp4 header = { .ttl = 64,
                       .protocol = protocol,
                       .total_length = 28,
                       .source = roam_addr_to_u32 (&a),
                       .destination = roam_addr_to_u32 (&b) };

  memset (packet, 0, 64);
  tunnel_ip4_build (packet, &header);
  tunnel_put_u16 (packet + 20, from);
  tunnel_put_u16 (packet + 22, to);
  return 28;
}

static gsize
make_ip6 (guint8 *packet, const char *source, const char *destination, guint8 next_header, gsize payload)
{
  RoamAddr a = addr (source), b = addr (destination);

  memset (packet, 0, 40 + payload);
  packet[0] = 6 << 4;
  tunnel_put_u16 (packet + 4, (guint16)payload);
  packet[6] = next_header;
  packet[7] = 64;
  memcpy (packet + 8, a.bytes, 16);
  memcpy (packet + 24, b.bytes, 16);
  return 40 + payload;
}

static TunnelDrop
check_ip4 (const IkeChildSa *child, gboolean inbound, const char *source, const char *destination, guint8 protocol,
           guint16 from, guint16 to)
{
  guint8 packet[64];
  GwInner inner;

  g_assert_true (gw_inner_parse (packet, make_ip4 (packet, source, destination, protocol, from, to), &inner));
  return gw_inner_check (&inner, child, inbound);
}

/* -------------------------------------------------------------------- packets ---- */

static void
test_parse_ip4 (void)
{
  guint8 packet[64];
  GwInner inner;
  gsize length = make_ip4 (packet, "10.8.0.1", "10.4.0.10", 17, 7, 9);

  packet[1] = 0xb9;
  g_assert_true (gw_inner_parse (packet, length + 5, &inner)); /* RFC 4303 2.7: padding behind it */
  g_assert_cmpuint (inner.length, ==, length);
  g_assert_cmpuint (inner.protocol, ==, 17);
  g_assert_true (inner.has_ports);
  g_assert_cmpuint (inner.source_port, ==, 7);
  g_assert_cmpuint (inner.destination_port, ==, 9);
  g_assert_cmpuint (inner.tos, ==, 0xb9);
  for (gsize cut = 0; cut < length; cut++)
    g_assert_false (gw_inner_parse (packet, cut, &inner));
  tunnel_put_u16 (packet + 6, 0x2001); /* a later fragment */
  g_assert_true (gw_inner_parse (packet, length, &inner));
  g_assert_false (inner.has_ports);
  packet[0] = 0x44; /* 16 octets of header */
  g_assert_false (gw_inner_parse (packet, length, &inner));
  packet[0] = 0x4f; /* 60 of 28 */
  g_assert_false (gw_inner_parse (packet, length, &inner));
  packet[0] = 0x55;
  g_assert_false (gw_inner_parse (packet, length, &inner));
}

static void
test_parse_ip6 (void)
{
  guint8 packet[256];
  GwInner inner;
  gsize length = make_ip6 (packet, "2001:db8:8::1", "2001:db8:1::1", 0, 32);

  packet[0] |= 0x0b;
  packet[1] = 0x90;
  /* Hop-by-hop options, the first fragment, UDP. */
  packet[40] = 44;
  packet[48] = 17;
  tunnel_put_u16 (packet + 50, 1); /* more, offset 0 */
  tunnel_put_u16 (packet + 56, 7);
  tunnel_put_u16 (packet + 58, 9);
  g_assert_true (gw_inner_parse (packet, length, &inner));
  g_assert_cmpuint (inner.protocol, ==, 17);
  g_assert_cmpuint (inner.tos, ==, 0xb9);
  g_assert_true (inner.has_ports);
  g_assert_cmpuint (inner.destination_port, ==, 9);
  tunnel_put_u16 (packet + 50, 8 << 3); /* offset 8 */
  g_assert_true (gw_inner_parse (packet, length, &inner));
  g_assert_false (inner.has_ports);
  for (gsize cut = 0; cut < length; cut++)
    g_assert_false (gw_inner_parse (packet, cut, &inner));
  packet[41] = 200; /* options that end nowhere */
  g_assert_false (gw_inner_parse (packet, length, &inner));
  /* A chain of extension headers without end. */
  make_ip6 (packet, "2001:db8:8::1", "2001:db8:1::1", 60, 160);
  for (guint i = 0; i < 20; i++)
    packet[40 + 8 * i] = 60;
  g_assert_false (gw_inner_parse (packet, 200, &inner));
}

static void
test_ecn (void)
{
  guint8 packet[64];
  GwInner inner;
  gsize length = make_ip4 (packet, "10.8.0.1", "10.4.0.10", 17, 7, 9);

  g_assert_true (gw_inner_parse (packet, length, &inner));
  g_assert_false (gw_inner_take_ecn (packet, &inner, TUNNEL_ECN_CE));
  g_assert_true (gw_inner_take_ecn (packet, &inner, TUNNEL_ECN_ECT_0));
  g_assert_cmpuint (packet[1], ==, 0);
  tunnel_ip4_set_ecn (packet, TUNNEL_ECN_ECT_0);
  g_assert_true (gw_inner_parse (packet, length, &inner));
  g_assert_true (gw_inner_take_ecn (packet, &inner, TUNNEL_ECN_CE));
  g_assert_cmpuint (packet[1], ==, TUNNEL_ECN_CE);
  g_assert_cmpuint (tunnel_checksum_finish (tunnel_checksum_add (0, packet, 20)), ==, 0);
  length = make_ip6 (packet, "2001:db8:8::1", "2001:db8:1::1", 17, 8);
  packet[1] = 0x25; /* ECT(0), and flow label bits that must stay */
  g_assert_true (gw_inner_parse (packet, length, &inner));
  g_assert_true (gw_inner_take_ecn (packet, &inner, TUNNEL_ECN_CE));
  g_assert_cmphex (packet[1], ==, 0x35);
}

/* ------------------------------------------------------------------ selectors ---- */

static void
test_spoofing (void)
{
  IkeChildSa *child = new_child (1, 0x1000, "10.8.0.1");
  guint8 packet[64];
  GwInner inner;

  g_assert_cmpint (check_ip4 (child, TRUE, "10.8.0.1", "10.4.0.10", 17, 7, 7), ==, TUNNEL_DROP_NONE);
  g_assert_cmpint (check_ip4 (child, TRUE, "10.8.0.2", "10.4.0.10", 17, 7, 7), ==, TUNNEL_DROP_SOURCE);
  g_assert_cmpint (check_ip4 (child, TRUE, "10.4.0.10", "10.8.0.1", 17, 7, 7), ==, TUNNEL_DROP_SOURCE);
  g_assert_cmpint (check_ip4 (child, TRUE, "10.8.0.1", "203.0.113.9", 17, 7, 7), ==, TUNNEL_DROP_DESTINATION);
  /* Outbound the same selectors hold the other way round. */
  g_assert_cmpint (check_ip4 (child, FALSE, "10.4.0.10", "10.8.0.1", 17, 7, 7), ==, TUNNEL_DROP_NONE);
  g_assert_cmpint (check_ip4 (child, FALSE, "203.0.113.9", "10.8.0.1", 17, 7, 7), ==, TUNNEL_DROP_SOURCE);
  g_assert_cmpint (check_ip4 (child, FALSE, "10.4.0.10", "10.8.0.2", 17, 7, 7), ==, TUNNEL_DROP_DESTINATION);
  g_assert_true (gw_inner_parse (packet, make_ip6 (packet, "2001:db8:8::1", "2001:db8:1::9", 17, 8), &inner));
  g_assert_cmpint (gw_inner_check (&inner, child, TRUE), ==, TUNNEL_DROP_NONE);
  g_assert_true (gw_inner_parse (packet, make_ip6 (packet, "2001:db8:8::2", "2001:db8:1::9", 17, 8), &inner));
  g_assert_cmpint (gw_inner_check (&inner, child, TRUE), ==, TUNNEL_DROP_SOURCE);
  ike_child_sa_unref (child);
}

static void
test_ports (void)
{
  IkeChildSa *child = new_child (1, 0x1000, "10.8.0.1");
  guint8 packet[64];
  GwInner inner;

  g_assert_cmpint (check_ip4 (child, TRUE, "10.8.0.1", "192.0.2.1", 6, 50000, 443), ==, TUNNEL_DROP_NONE);
  g_assert_cmpint (check_ip4 (child, TRUE, "10.8.0.1", "192.0.2.1", 6, 50000, 80), ==, TUNNEL_DROP_DESTINATION);
  g_assert_cmpint (check_ip4 (child, TRUE, "10.8.0.1", "192.0.2.1", 17, 50000, 443), ==, TUNNEL_DROP_DESTINATION);
  g_assert_cmpint (check_ip4 (child, FALSE, "192.0.2.1", "10.8.0.1", 6, 443, 50000), ==, TUNNEL_DROP_NONE);
  /* A later fragment has no port: only a selector of all ports holds it. */
  make_ip4 (packet, "10.8.0.1", "192.0.2.1", 6, 50000, 443);
  tunnel_put_u16 (packet + 6, 1);
  g_assert_true (gw_inner_parse (packet, 28, &inner));
  g_assert_cmpint (gw_inner_check (&inner, child, TRUE), ==, TUNNEL_DROP_DESTINATION);
  child->local_ts[1] = range ("192.0.2.1", "192.0.2.1", 6, G_MAXUINT16, 0); /* OPAQUE */
  g_assert_cmpint (gw_inner_check (&inner, child, TRUE), ==, TUNNEL_DROP_NONE);
  g_assert_cmpint (check_ip4 (child, TRUE, "10.8.0.1", "192.0.2.1", 6, 50000, 443), ==, TUNNEL_DROP_DESTINATION);
  /* ICMP: type and code are the port (RFC 7296 3.13.1). */
  child->local_ts[1] = range ("192.0.2.1", "192.0.2.1", 1, 8 << 8, (8 << 8) | 0xff);
  g_assert_cmpint (check_ip4 (child, TRUE, "10.8.0.1", "192.0.2.1", 1, 8 << 8, 0), ==, TUNNEL_DROP_NONE);
  g_assert_cmpint (check_ip4 (child, TRUE, "10.8.0.1", "192.0.2.1", 1, 3 << 8, 0), ==, TUNNEL_DROP_DESTINATION);
  ike_child_sa_unref (child);
}

/* ---------------------------------------------------------------------- table ---- */

static void
add (GwTable *table, guint32 number, guint32 id, guint32 spi, const char *inner, gboolean use)
{
  IkeChildSa *child = new_child (id, spi, inner);

  g_assert_true (gw_table_add_sa (table, gw_table_get (table, number), child, use));
  ike_child_sa_unref (child);
}

static void
test_table (void)
{
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  g_autoptr (GwTable) table = gw_table_new (rng);
  RoamAddr one = addr ("10.8.0.1"), two = addr ("10.8.0.2"), none = ROAM_ADDR_NONE;
  RoamEndpoint local = { addr ("203.0.113.2"), 4500 }, elsewhere = { addr ("192.0.2.2"), 5000 };
  GwClient *first, *second;

  add (table, 7, 1, 0x1000, "10.8.0.1", TRUE);
  add (table, 9, 1, 0x2000, "10.8.0.2", TRUE);
  first = gw_table_find (table, 7);
  second = gw_table_find (table, 9);
  gw_table_set_inner (table, first, &one, &none);
  gw_table_set_inner (table, second, &two, &none);
  g_assert_true (gw_table_find_inner (table, &one) == first);
  g_assert_true (gw_table_find_spi (table, 0x2000)->client == second);
  g_assert_null (gw_table_find_spi (table, 0x3000));
  g_assert_cmpuint (first->remote.port, ==, 4501);

  /* Rekeying: the successor receives at once, sends when it is told, and joins the path. */
  gw_table_move (first, 3, &local, &elsewhere, FALSE);
  add (table, 7, 2, 0x1100, "10.8.0.1", FALSE);
  g_assert_true (roam_endpoint_equal (&first->remote, &elsewhere));
  g_assert_false (first->udp_encap);
  g_assert_cmpuint (first->out->child->spi_in, ==, 0x1000);
  gw_table_use_sa (first, 2);
  g_assert_cmpuint (first->out->child->spi_in, ==, 0x1100);
  gw_table_remove_sa (table, first, 1);
  g_assert_null (gw_table_find_spi (table, 0x1000));
  gw_table_remove_sa (table, first, 2);
  g_assert_null (first->out);

  /* Who authenticates anew takes the address along; the end of the old client does not take it away. */
  gw_table_set_inner (table, gw_table_get (table, 11), &two, &none);
  gw_table_remove (table, 9);
  g_assert_null (gw_table_find_spi (table, 0x2000));
  g_assert_true (gw_table_find_inner (table, &two) == gw_table_find (table, 11));
  gw_table_remove (table, 11);
  g_assert_null (gw_table_find_inner (table, &two));
  gw_table_remove (table, 11);
}

static void
test_order (void)
{
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  g_autoptr (GwTable) table = gw_table_new (rng);
  g_autoptr (GList) clients = NULL;
  guint32 last = 0;

  for (guint32 number = 40; number > 0; number--)
    gw_table_get (table, number);
  clients = gw_table_list (table);
  g_assert_cmpuint (g_list_length (clients), ==, 40);
  for (GList *item = clients; item != NULL; item = item->next)
    {
      g_assert_cmpuint (((const GwClient *)item->data)->number, ==, last + 1);
      last++;
    }
}

static void
test_bad_suite (void)
{
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  g_autoptr (GwTable) table = gw_table_new (rng);
  IkeChildSa *child = new_child (1, 0x1000, "10.8.0.1");

  child->encr_bits = 512;
  g_assert_false (gw_table_add_sa (table, gw_table_get (table, 1), child, TRUE));
  g_assert_null (gw_table_find_spi (table, 0x1000));
  ike_child_sa_unref (child);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gateway/inner/ip4", test_parse_ip4);
  g_test_add_func ("/gateway/inner/ip6", test_parse_ip6);
  g_test_add_func ("/gateway/inner/ecn", test_ecn);
  g_test_add_func ("/gateway/selectors/spoofing", test_spoofing);
  g_test_add_func ("/gateway/selectors/ports", test_ports);
  g_test_add_func ("/gateway/table/rekeying", test_table);
  g_test_add_func ("/gateway/table/order", test_order);
  g_test_add_func ("/gateway/table/bad-suite", test_bad_suite);
  return g_test_run ();
}
