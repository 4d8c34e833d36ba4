/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/kea-leases.h"

#include <string.h>

/* Rows of Kea's lease file of several ages. */

#define HEADER                                                                                                         \
  "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,"  \
  "hwaddr,state,user_context,hwtype,hwaddr_source,pool_id"
#define OLD_HEADER                                                                                                     \
  "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname"

static Dhcp6CodePoints points;

static KeaLeases *
leases_new (const char *header)
{
  g_autofree char *problem = NULL;
  KeaLeases *leases = kea_leases_new (header, strlen (header), &points, &problem);

  g_assert_null (problem);
  g_assert_nonnull (leases);
  return leases;
}

static KeaRow
parse (KeaLeases *leases, const char *line, Lease *lease)
{
  const char *reason = NULL;
  /* A copy of exactly that size: a sanitizer sees one octet too many. */
  g_autofree char *copy = g_memdup2 (line, strlen (line));
  KeaRow row = kea_leases_parse_row (leases, copy, strlen (line), lease, &reason);

  if (row == KEA_ROW_BAD)
    g_assert_nonnull (reason);
  return row;
}

static void
assert_address (const Lease *lease, const char *text)
{
  RoamAddr address;

  g_assert_true (roam_addr_parse (text, &address));
  g_assert_true (roam_addr_equal (&lease->address, &address));
}

static void
assert_hex (Dhcp6Slice slice, const char *hex)
{
  g_autofree char *got = dhcp6_dup_hex (slice);

  g_assert_cmpstr (got, ==, hex);
}

/* The shortest file, today's, and a later one with its columns in another order. covers: LQ-KEA-001, LQ-KEA-004 */
static void
test_ages (void)
{
  static const struct
  {
    const char *header, *line;
  } rows[] = {
    { OLD_HEADER, "2001:db8::5,00:03:00:01:02:00,3600,1700003600,7,1800,0,99,128,0,0,host" },
    { HEADER, "2001:db8::5,00:03:00:01:02:00,3600,1700003600,7,1800,0,99,128,0,0,host,,0,,,,0" },
    { "x,state,iaid,expire,duid,address,subnet_id,prefix_len,lease_type,pref_lifetime,valid_lifetime",
      "junk,0,99,1700003600,00:03:00:01:02:00,2001:db8::5,7,128,0,1800,3600" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (KeaLeases) leases = leases_new (rows[i].header);
      Lease lease;

      g_assert_cmpint (parse (leases, rows[i].line, &lease), ==, KEA_ROW_LEASE);
      assert_address (&lease, "2001:db8::5");
      assert_hex (lease.client_id, "00:03:00:01:02:00");
      g_assert_cmpint (lease.contact, ==, 1700000000);
      g_assert_cmpuint (lease.valid_s, ==, 3600);
      g_assert_cmpuint (lease.preferred_s, ==, 1800);
      g_assert_cmpuint (lease.subnet_id, ==, 7);
      g_assert_cmpuint (lease.iaid, ==, 99);
      g_assert_false (lease.is_prefix);
      g_assert_null (lease.relay_data.data); /* covers: LQ-KEA-008 */
    }
}

static void
test_bad_headers (void)
{
  static const char *const headers[] = { "", "address", "duid,address,valid_lifetime", "2001:db8::1,00:01" };

  for (guint i = 0; i < G_N_ELEMENTS (headers); i++)
    {
      g_autofree char *problem = NULL;

      g_assert_null (kea_leases_new (headers[i], strlen (headers[i]), &points, &problem));
      g_assert_nonnull (problem);
    }
}

/* covers: LQ-KEA-002, LQ-KEA-004, LQ-KEA-005 */
static void
test_states (void)
{
  static const struct
  {
    const char *state;
    KeaRow row;
  } rows[] = {
    { "0", KEA_ROW_LEASE },  { "1", KEA_ROW_REMOVE }, { "2", KEA_ROW_REMOVE },
    { "3", KEA_ROW_REMOVE }, { "4", KEA_ROW_REMOVE }, { "x", KEA_ROW_BAD },
  };
  g_autoptr (KeaLeases) leases = leases_new (HEADER);
  Lease lease;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *line =
        g_strdup_printf ("2001:db8::5,00:03:00:01:02:00,3600,1700003600,7,1800,0,99,128,0,0,,,%s,,,,0", rows[i].state);

      g_assert_cmpint (parse (leases, line, &lease), ==, rows[i].row);
    }
  g_assert_cmpint (parse (leases, "2001:db8::5,00:03:00:01:02:00,0,1700000000,7,0,0,99,128,0,0,,,0,,,,0", &lease), ==,
                   KEA_ROW_REMOVE);
  assert_address (&lease, "2001:db8::5");
  g_assert_cmpint (
    parse (leases, "2001:db8::5,00:03:00:01:02:00,4294967295,5994967295,7,4294967295,0,9,128,0,0,,,0,,,,0", &lease), ==,
    KEA_ROW_LEASE);
  g_assert_cmpuint (lease.valid_s, ==, DHCP6_LIFETIME_INFINITE);
  g_assert_cmpint (lease.contact, ==, 1700000000);
}

/* covers: LQ-KEA-006 */
static void
test_types (void)
{
  g_autoptr (KeaLeases) leases = leases_new (HEADER);
  Lease lease;

  g_assert_cmpint (parse (leases, "2001:db8:1::,00:03:00:01:02:00,60,1700000060,7,30,2,9,56,0,0,,,0,,,,0", &lease), ==,
                   KEA_ROW_LEASE);
  g_assert_true (lease.is_prefix);
  g_assert_cmpuint (lease.prefix_length, ==, 56);
  g_assert_cmpint (parse (leases, "2001:db8::1,00:03:00:01:02:00,60,1700000060,7,30,1,9,56,0,0,,,0,,,,0", &lease), ==,
                   KEA_ROW_LEASE);
  g_assert_false (lease.is_prefix);
  g_assert_cmpuint (lease.prefix_length, ==, 128);
  g_assert_cmpint (parse (leases, "2001:db8::1,00:03:00:01:02:00,60,1700000060,7,30,3,9,56,0,0,,,0,,,,0", &lease), ==,
                   KEA_ROW_BAD);
  /* Declined: no client. */
  g_assert_cmpint (parse (leases, "2001:db8::1,00:00:00,60,1700000060,7,30,0,9,128,0,0,,,1,,,,0", &lease), ==,
                   KEA_ROW_REMOVE);
}

/* covers: LQ-KEA-011 */
static void
test_bad_rows (void)
{
  static const char *const rows[] = {
    "",
    ",",
    "garbage",
    "192.0.2.1,00:03:00:01:02:00,60,1700000060,7,30,0,9,128,0,0,,,0,,,,0",
    "2001:db8::1,00:03:00:01:02:00,x,1700000060,7,30,0,9,128,0,0,,,0,,,,0",
    "2001:db8::1,00:03:00:01:02:00,99999999999,1700000060,7,30,0,9,128,0,0,,,0,,,,0",
    "2001:db8::1,00:03:00:01:02:00,60,-1,7,30,0,9,128,0,0,,,0,,,,0",
    "2001:db8::1,00:03:00:01:02:00,60,1700000060,7,30,2,9,129,0,0,,,0,,,,0",
    "2001:db8::1,zz,60,1700000060,7,30,0,9,128,0,0,,,0,,,,0",
    "2001:db8::1,00:0,60,1700000060,7,30,0,9,128,0,0,,,0,,,,0",
    "2001:db8::1,00-03-00,60,1700000060,7,30,0,9,128,0,0,,,0,,,,0",
    "2001:db8::1,00:03,60,1700000060,7,30,0,9,128,0,0,,,0,,,,0",
    "2001:db8::1,00:03:00:01:02:00,60,1700000060,7,30,0,9,128,0,0,,,0,{broken,,,0",
    "2001:db8::1,00:03:00:01:02:00,60,1700000060,7",
  };
  g_autoptr (KeaLeases) leases = leases_new (HEADER);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      Lease lease = { .iaid = 4711 };

      g_assert_cmpint (parse (leases, rows[i], &lease), ==, KEA_ROW_BAD);
      g_assert_cmpuint (lease.iaid, ==, 4711); /* untouched */
    }
}

static guint
relays_of (KeaLeases *leases, const char *context, Dhcp6Relay relays[4])
{
  g_autofree char *line =
    g_strdup_printf ("2001:db8::1,00:03:00:01:02:00,60,1700000060,7,30,0,9,128,0,0,,,0,%s,,,0", context);
  Lease lease;
  guint n = 0;

  g_assert_cmpint (parse (leases, line, &lease), ==, KEA_ROW_LEASE);
  if (lease.relay_data.data == NULL)
    return 0;
  g_assert_cmpint (dhcp6_parse_relay_data (&points, lease.relay_data, relays, 4, &n), ==, DHCP6_OK);
  return n;
}

/* Two relays, commas escaped; then as it was before Kea 2.3.2. covers: LQ-KEA-003, LQ-KEA-007 */
static void
test_relays (void)
{
  g_autoptr (KeaLeases) leases = leases_new (HEADER);
  Dhcp6Relay relays[4];

  g_assert_cmpuint (
    relays_of (leases,
               "{ \"ISC\": { \"relay-info\": [ { \"hop\": 1&#x2c \"link\": \"2001:db8:0:f::1\"&#x2c "
               "\"peer\": \"fe80::a\"&#x2c \"relay-id\": \"00:03:00:01:0a\" }&#x2c { \"hop\": 0&#x2c \"link\": "
               "\"2001:db8:0:1::1\"&#x2c \"peer\": \"fe80::b\"&#x2c \"options\": "
               "\"0x0012000367652d00250006000000097034\"&#x2c \"remote-id\": \"000000097034\" } ] } }",
               relays),
    ==, 2);
  g_assert_cmpuint (relays[0].hop_count, ==, 1);
  assert_hex (relays[0].relay_id, "00:03:00:01:0a");
  g_assert_null (relays[0].remote_id.data);
  assert_hex (relays[1].interface_id, "67:65:2d");
  assert_hex (relays[1].remote_id, "00:00:00:09:70:34");
  {
    char text[ROAM_ADDR_STRLEN];

    g_assert_cmpstr (roam_addr_to_string (&relays[1].link_address, text), ==, "2001:db8:0:1::1");
    g_assert_cmpstr (roam_addr_to_string (&relays[1].forwarded_peer, text), ==, "fe80::b");
  }
  g_assert_cmpuint (relays_of (leases,
                               "{ \"ISC\": { \"relays\": [ { \"hop\": 0&#x2c \"link\": \"2001:db8:0:1::1\"&#x2c "
                               "\"options\": \"0x00350003000102\" } ] } }",
                               relays),
                    ==, 1);
  assert_hex (relays[0].relay_id, "00:01:02");
  g_assert_cmpuint (relays_of (leases, "{ \"mine\": 5 }", relays), ==, 0);
  g_assert_cmpuint (relays_of (leases, "{ \"ISC\": { \"relay-info\": \"odd\" } }", relays), ==, 0);
}

/* What cannot be encoded is a bad row, not half a lease. */
static void
test_bad_relays (void)
{
  static const char *const contexts[] = {
    "{ \"ISC\": { \"relay-info\": [ 5 ] } }",
    "{ \"ISC\": { \"relay-info\": [ ] } }",
    "{ \"ISC\": { \"relay-info\": [ { \"hop\": 0&#x2c \"options\": \"0x003500\" } ] } }",
    "{ \"ISC\": { \"relay-info\": [ { \"hop\": 0&#x2c \"relay-id\": \"01\" } ] } }",
  };
  g_autoptr (KeaLeases) leases = leases_new (HEADER);

  for (guint i = 0; i < G_N_ELEMENTS (contexts); i++)
    {
      g_autofree char *line =
        g_strdup_printf ("2001:db8::1,00:03:00:01:02:00,60,1700000060,7,30,0,9,128,0,0,,,0,%s,,,0", contexts[i]);
      Lease lease;

      g_assert_cmpint (parse (leases, line, &lease), ==, KEA_ROW_BAD);
    }
}

/* A hundred thousand rows cut and changed at random: no crash, and a lease only of what a store takes. */
static void
test_noise (void)
{
  static const char row[] =
    "2001:db8::1,00:03:00:01:02:00,60,1700000060,7,30,2,9,56,0,0,,,0,{ \"ISC\": { \"relay-info\": [ { \"hop\": "
    "0&#x2c \"options\": \"0x00350003000102\" } ] } },,,0";
  g_autoptr (KeaLeases) leases = leases_new (HEADER);
  g_autoptr (LeaseStore) store = lease_store_new (&points);
  g_autoptr (GRand) rand = g_rand_new_with_seed (6);

  for (guint i = 0; i < 100000; i++)
    {
      gsize length = (gsize)g_rand_int_range (rand, 0, (gint32)sizeof row);
      g_autofree char *copy = g_memdup2 (row, length);
      const char *reason;
      Lease lease;

      for (guint k = length == 0 ? 0 : (guint)g_rand_int_range (rand, 0, 3); k > 0; k--)
        copy[g_rand_int_range (rand, 0, (gint32)length)] = (char)g_rand_int_range (rand, 32, 127);
      if (kea_leases_parse_row (leases, copy, length, &lease, &reason) == KEA_ROW_LEASE)
        g_assert_true (lease_store_put (store, &lease) || (lease.is_prefix && lease.prefix_length == 0));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  dhcp6_code_points_init (&points);
  g_test_add_func ("/dhcp6/kea/ages", test_ages);
  g_test_add_func ("/dhcp6/kea/bad-headers", test_bad_headers);
  g_test_add_func ("/dhcp6/kea/states", test_states);
  g_test_add_func ("/dhcp6/kea/types", test_types);
  g_test_add_func ("/dhcp6/kea/bad-rows", test_bad_rows);
  g_test_add_func ("/dhcp6/kea/relays", test_relays);
  g_test_add_func ("/dhcp6/kea/bad-relays", test_bad_relays);
  g_test_add_func ("/dhcp6/kea/noise", test_noise);
  return g_test_run ();
}
