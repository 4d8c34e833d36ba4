/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "mip4/mip4-advertisement-private.h"
#include "mip4/mip4-codec-private.h"
#include "mip4/mip4-tunnel-private.h"

/* Extensions that the worked examples lack: bounds of Length, several of one type. */

#define REPLY "03000258 c000020a c0000201 ed00378040000000 "

/* The extensions in @hex behind the fixed part of a reply; fields borrow *ret_octets. */
static Mip4Discard
parse_reply_with (const char *hex, GByteArray **ret_octets, Mip4Message *ret)
{
  g_autofree char *whole = g_strconcat (REPLY, hex, NULL);

  *ret_octets = unhex (whole);
  return mip4_parse ((*ret_octets)->data, (*ret_octets)->len, ret);
}

static void
assert_reply (const char *hex, Mip4Discard expected)
{
  g_autoptr (GByteArray) octets = NULL;
  Mip4Message message;

  g_assert_cmpint (parse_reply_with (hex, &octets, &message), ==, expected);
}

/* covers: MIP-EXT-010, MIP-CHL-006 */
static void
test_lengths (void)
{
  /* RFC 4721 5: a generalized authentication extension has at least 20. */
  assert_reply ("2401 0014 00004000 101112131415161718191a1b1c1d1e1f", MIP4_DISCARD_NONE);
  assert_reply ("2401 0013 00004000 101112131415161718191a1b1c1d1e", MIP4_DISCARD_EXTENSION_MALFORMED);
  assert_reply ("2401 0005 00004000 10", MIP4_DISCARD_EXTENSION_MALFORMED);
  assert_reply ("2402 0014 00004000 101112131415161718191a1b1c1d1e1f", MIP4_DISCARD_EXTENSION_UNKNOWN);
  /* D-40: Sub-Type and Status. */
  assert_reply ("2d02 0045", MIP4_DISCARD_NONE);
  assert_reply ("2d01 00", MIP4_DISCARD_EXTENSION_MALFORMED);
  assert_reply ("2d03 004500", MIP4_DISCARD_EXTENSION_MALFORMED);
  assert_reply ("2004 00000100", MIP4_DISCARD_EXTENSION_MALFORMED);
}

/* RFC 4917 3: one without Text is ignored, its Sub-Type with it. */
/* covers: MIP-EXT-010 */
static void
test_message_string (void)
{
  g_autoptr (GByteArray) empty = NULL, both = NULL;
  Mip4Message message;

  g_assert_cmpint (parse_reply_with ("9101 02", &empty, &message), ==, MIP4_DISCARD_NONE);
  g_assert_null (message.covered.message.data);
  g_assert_cmpuint (message.covered.message_subtype, ==, 0);
  g_assert_cmpint (parse_reply_with ("9101 02 9103 01 6869 9103 02 686a", &both, &message), ==, MIP4_DISCARD_NONE);
  g_assert_cmpuint (message.covered.message_subtype, ==, 1);
  g_assert_cmpmem (message.covered.message.data, message.covered.message.length, "hi", 2);
}

static void
test_first_of_several (void)
{
  g_autoptr (GByteArray) octets = NULL;
  Mip4Message message;

  g_assert_cmpint (parse_reply_with ("9006 0000 8004 0000  9006 0000 0000 0001"
                                     "2c06 0000 8000 006e  2c06 0042 0000 0001"
                                     "8906 8000 ee000001  8906 0000 ee000002"
                                     "2d02 0045  2d02 0046"
                                     "8302 6162  8302 6364  8404 00000001  8404 00000002"
                                     "8b01 0004 0a010002  8b05 02 0a010003",
                                     &octets, &message),
                   ==, MIP4_DISCARD_NONE);
  g_assert_true (message.covered.udp_request.forced && !message.covered.udp_request.reserved3);
  g_assert_cmpuint (message.covered.udp_request.encapsulation, ==, 4);
  g_assert_true (message.covered.udp_reply.forced);
  g_assert_cmpuint (message.covered.udp_reply.code, ==, 0);
  g_assert_cmpuint (message.covered.udp_reply.keepalive_s, ==, 110);
  g_assert_true (message.covered.revocation_inform);
  g_assert_cmpuint (message.covered.revocation_timestamp, ==, 0xee000001);
  g_assert_cmpuint (message.covered.fa_error_status, ==, 0x45);
  g_assert_cmpmem (message.covered.nai.data, message.covered.nai.length, "ab", 2);
  g_assert_cmpuint (message.covered.challenge.data[3], ==, 1);
  g_assert_cmpuint (message.covered.dynamic_ha_subtype, ==, 1);
}

/* The ICMP message in @hex with its checksum made right. */
static GByteArray *
unhex_icmp (const char *hex)
{
  GByteArray *octets = unhex (hex);
  const guint16 checksum = mip4_checksum (octets->data, octets->len);

  octets->data[2] = (guint8)(checksum >> 8);
  octets->data[3] = (guint8)checksum;
  return octets;
}

/* covers: MIP-ADV-009, MIP-ADV-021 */
static void
test_advertisement (void)
{
  g_autoptr (GByteArray) octets = unhex_icmp ("0900 0000 0102 012c 0a010001 00000000"
                                              "100a 0007 0708 1100 cb007101  1301 21  1301 18  1804 00000001"
                                              "1006 0001 ffff 2000  1301 10  1804 00000002");
  g_autoptr (GByteArray) bad = unhex_icmp ("0900 0000 0002 012c 1006 0007 0708 2000  1008 0001 ffff 2000 0000");
  g_autoptr (GByteArray) empty = unhex_icmp ("0900 0000 0002 012c 1006 0007 0708 2000  1800");
  Mip4Advertisement adv;

  g_assert_cmpint (mip4_parse_advertisement (octets->data, octets->len, &adv), ==, MIP4_ADVERTISEMENT_OK);
  g_assert_cmpuint (adv.sequence, ==, 7);
  g_assert_cmpuint (adv.registration_lifetime_s, ==, 1800);
  g_assert_cmpuint (adv.flags, ==, 0x1100);
  g_assert_cmpuint (adv.n_care_of, ==, 1);
  g_assert_cmpint (adv.routers[0].prefix_length, ==, 24);
  g_assert_cmpuint (adv.challenge[3], ==, 1);
  g_assert_cmpint (mip4_parse_advertisement (bad->data, bad->len, &adv), ==, MIP4_ADVERTISEMENT_MALFORMED);
  g_assert_cmpint (mip4_parse_advertisement (empty->data, empty->len, &adv), ==, MIP4_ADVERTISEMENT_MALFORMED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/extensions/lengths", test_lengths);
  g_test_add_func ("/mip4/extensions/message-string", test_message_string);
  g_test_add_func ("/mip4/extensions/first-of-several", test_first_of_several);
  g_test_add_func ("/mip4/extensions/advertisement", test_advertisement);
  return g_test_run ();
}
