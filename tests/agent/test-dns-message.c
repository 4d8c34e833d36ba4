/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/dns-message.h"

#include <string.h>

#define NAME "vpn.example.com"

/* The question of NAME, as every message of it has it: RFC 1035 4.1.2. */
#define QUESTION(type) 3, 'v', 'p', 'n', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0, 0, type, 0, 1

static void
test_query (void)
{
  static const guint8 expected[] = { 0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, QUESTION (1) };
  g_autoptr (GBytes) query = agent_dns_build_query (0x1234, NAME, ROAM_FAMILY_INET4);
  g_autoptr (GBytes) query6 = agent_dns_build_query (0x1234, NAME, ROAM_FAMILY_INET6);

  g_assert_cmpmem (g_bytes_get_data (query, NULL), g_bytes_get_size (query), expected, sizeof expected);
  g_assert_cmpuint (((const guint8 *)g_bytes_get_data (query6, NULL))[30], ==, 28);
}

static void
test_names_that_do_not_fit (void)
{
  g_autofree char *label = g_strnfill (64, 'a'), *name = g_strdup_printf ("%s.example", label);
  g_autofree char *name2 = g_strnfill (254, 'a');

  g_assert_null (agent_dns_build_query (1, name, ROAM_FAMILY_INET4));
  g_assert_null (agent_dns_build_query (1, name2, ROAM_FAMILY_INET4));
  g_assert_null (agent_dns_build_query (1, "", ROAM_FAMILY_INET4));
  g_assert_null (agent_dns_build_query (1, "a..b", ROAM_FAMILY_INET4));
}

/* An alias, its address by a pointer, an address of another kind, one of a wrong length. */
static const guint8 response[] = { 0x12, 0x34, 0x81, 0x80, 0,    1,   0,    4,    0,    0,    0,  0, QUESTION (1),
                                   0xc0, 12,   0,    5,    0,    1,   0,    0,    0,    60,   0,  6, 3,
                                   'g',  'w',  '2',  0xc0, 16, /* CNAME gw2.example.com */
                                   3,    'g',  'w',  '2',  0xc0, 16,  0,    1,    0,    1,    0,  0, 0,
                                   60,   0,    4,    203,  0,    113, 2,    0xc0, 45,   0,    28, 0, 1,
                                   0,    0,    0,    60,   0,    16,  0x20, 1,    0x0d, 0xb8, 0,  0, 0,
                                   0,    0,    0,    0,    0,    0,   0,    0,    2,    0xc0, 45, 0, 1,
                                   0,    1,    0,    0,    0,    60,  0,    3,    203,  0,    113 };

static gboolean
parse (const guint8 *data, gsize length, guint *ret_n)
{
  RoamAddr addresses[AGENT_DNS_MAX_ADDRESSES];

  return agent_dns_parse_response (data, length, 0x1234, NAME, ROAM_FAMILY_INET4, addresses, ret_n);
}

static void
test_response (void)
{
  RoamAddr addresses[AGENT_DNS_MAX_ADDRESSES];
  guint n = 99;

  g_assert_true (
    agent_dns_parse_response (response, sizeof response, 0x1234, "VPN.Example.com", ROAM_FAMILY_INET4, addresses, &n));
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpuint (roam_addr_to_u32 (&addresses[0]), ==, 0xcb007102);
}

/* Whoever guesses must guess all of it (RFC 5452). */
static void
test_not_the_answer (void)
{
  static const struct
  {
    gsize offset;
    guint8 value;
  } changes[] = {
    { 1, 0x35 }, /* another id */
    { 2, 0x01 }, /* a query */
    { 2, 0x89 }, /* another opcode */
    { 5, 2 },    /* two questions */
    { 13, 'w' }, /* another name */
    { 12, 2 },   /* another shape of it */
    { 30, 28 },  /* another type */
    { 32, 3 },   /* another class */
  };
  guint8 copy[sizeof response];
  guint n = 99;

  for (gsize i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      memcpy (copy, response, sizeof copy);
      copy[changes[i].offset] = changes[i].value;
      g_assert_false (parse (copy, sizeof copy, &n));
      g_assert_cmpuint (n, ==, 99);
    }
}

static void
test_cut_off (void)
{
  guint8 copy[sizeof response];
  guint n, most = 0;

  /* In a buffer of just that length, so that a sanitizer sees every octet too many. */
  for (gsize length = 0; length < sizeof response; length++)
    {
      g_autofree guint8 *exact = g_memdup2 (response, MAX (length, 1));

      if (parse (exact, length, &n))
        most = MAX (most, n);
    }
  g_assert_cmpuint (most, ==, 1);
  for (gsize i = 0; i < sizeof response; i++)
    for (guint bit = 0; bit < 8; bit++)
      {
        memcpy (copy, response, sizeof copy);
        copy[i] ^= (guint8)(1u << bit);
        if (parse (copy, sizeof copy, &n))
          g_assert_cmpuint (n, <=, 3);
      }
}

static void
test_no_such_name (void)
{
  static const guint8 refusal[] = { 0x12, 0x34, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0, QUESTION (1) };
  guint n = 99;

  g_assert_true (parse (refusal, sizeof refusal, &n));
  g_assert_cmpuint (n, ==, 0);
}

static void
test_more_than_fit (void)
{
  static const guint8 head[] = { 0x12, 0x34, 0x81, 0x80, 0, 1, 0xff, 0xff, 0, 0, 0, 0, QUESTION (1) };
  static const guint8 record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 2 };
  g_autoptr (GByteArray) all = g_byte_array_new ();
  guint n;

  g_byte_array_append (all, head, sizeof head);
  for (guint i = 0; i < 100; i++)
    g_byte_array_append (all, record, sizeof record);
  g_assert_true (parse (all->data, all->len, &n));
  g_assert_cmpuint (n, ==, AGENT_DNS_MAX_ADDRESSES);
}

static void
test_servers (void)
{
  RoamAddr servers[AGENT_DNS_MAX_SERVERS];
  char text[ROAM_ADDR_STRLEN];

  g_assert_cmpuint (agent_dns_parse_servers ("# nameserver 192.0.2.9\nnameserver 127.0.0.53\nnameserver ::1\n"
                                             "options edns0\n  nameserver\t192.0.2.53  \nnameserver 2001:db8::53\n"
                                             "nameserver x\nnameserver\n",
                                             servers),
                    ==, 2);
  g_assert_cmpstr (roam_addr_to_string (&servers[0], text), ==, "192.0.2.53");
  g_assert_cmpstr (roam_addr_to_string (&servers[1], text), ==, "2001:db8::53");
  g_assert_cmpuint (agent_dns_parse_servers ("nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n"
                                             "nameserver 192.0.2.4\nnameserver 192.0.2.5\n",
                                             servers),
                    ==, AGENT_DNS_MAX_SERVERS);
  g_assert_cmpuint (agent_dns_parse_servers ("", servers), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dns-message/query", test_query);
  g_test_add_func ("/dns-message/names-that-do-not-fit", test_names_that_do_not_fit);
  g_test_add_func ("/dns-message/response", test_response);
  g_test_add_func ("/dns-message/not-the-answer", test_not_the_answer);
  g_test_add_func ("/dns-message/cut-off", test_cut_off);
  g_test_add_func ("/dns-message/no-such-name", test_no_such_name);
  g_test_add_func ("/dns-message/more-than-fit", test_more_than_fit);
  g_test_add_func ("/dns-message/servers", test_servers);
  return g_test_run ();
}
