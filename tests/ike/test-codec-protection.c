/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* SK and SKF: every suite both ways, spoilt and truncated messages, padding, reassembly. */

#include "tests/ike/test-codec-rebuild.h"

#include <string.h>

static const IkeHeader header = {
  .spi_i = 1, .spi_r = 2, .exchange = IKE_EXCHANGE_IKE_AUTH, .flags = IKE_FLAG_INITIATOR, .message_id = 1
};

static const IkeSuite suites[] = {
  { IKE_ENCR_AES_GCM_16, 128, 0, IKE_PRF_HMAC_SHA2_256, 0, 0 },
  { IKE_ENCR_AES_GCM_16, 192, 0, IKE_PRF_HMAC_SHA2_384, 0, 0 },
  { IKE_ENCR_AES_GCM_16, 256, 0, IKE_PRF_HMAC_SHA2_512, 0, 0 },
  { IKE_ENCR_CHACHA20_POLY1305, 0, 0, IKE_PRF_HMAC_SHA2_256, 0, 0 },
  { IKE_ENCR_AES_CBC, 128, IKE_INTEG_HMAC_SHA1_96, IKE_PRF_HMAC_SHA1, 0, 0 },
  { IKE_ENCR_AES_CBC, 128, IKE_INTEG_HMAC_SHA2_256_128, IKE_PRF_HMAC_SHA2_256, 0, 0 },
  { IKE_ENCR_AES_CBC, 192, IKE_INTEG_HMAC_SHA2_384_192, IKE_PRF_HMAC_SHA2_384, 0, 0 },
  { IKE_ENCR_AES_CBC, 256, IKE_INTEG_HMAC_SHA2_512_256, IKE_PRF_HMAC_SHA2_512, 0, 0 },
};

typedef struct
{
  RoamRng *rng;
  IkeKeys *keys;
  IkePayloads *payloads;
} Fixture;

/* Keys of @suite and a chain with an identity and @filler octets. */
static void
set_up (Fixture *fixture, const IkeSuite *suite, gsize filler)
{
  static const guint8 nonce[32] = { 5 };
  g_autoptr (RoamSecret) skeyseed = roam_secret_new (nonce, 32);
  g_auto (IkeIdentity) identity = { 0 };
  g_autofree guint8 *octets = g_malloc0 (filler);

  fixture->rng = roam_rng_new_for_test (42);
  fixture->keys = ike_keys_new (suite, skeyseed, (IkeView){ nonce, 32 }, (IkeView){ nonce, 16 }, 1, 2);
  g_assert_nonnull (fixture->keys);
  fixture->payloads = ike_payloads_new ();
  g_assert_true (ike_identity_from_text ("alice@example.com", IKE_ID_AUTO, &identity, NULL));
  ike_payloads_add_id (fixture->payloads, IKE_PAYLOAD_IDI, &identity);
  if (filler > 0)
    ike_payloads_add_cert (fixture->payloads, IKE_CERT_ENCODING_X509_SIGNATURE, octets, filler);
}

static void
tear_down (Fixture *fixture)
{
  roam_rng_free (fixture->rng);
  ike_keys_free (fixture->keys);
  ike_payloads_free (fixture->payloads);
}

static IkeMessage *
open_bytes (GBytes *octets, const IkeCipher *cipher, IkeParseError *error)
{
  return ike_message_open (g_bytes_get_data (octets, NULL), g_bytes_get_size (octets), cipher, error);
}

static void
assert_inner (const Fixture *fixture, const IkeMessage *message)
{
  IkeView want = test_payloads_octets (fixture->payloads);
  gsize length;
  const guint8 *data;

  g_assert_nonnull (message);
  data = g_bytes_get_data (message->inner, &length);
  g_assert_cmpmem (data, length, want.data, want.length);
}

/* Every octet spoilt and every truncation is dropped without a word. */
/* covers: IKE-CRY-004, IKE-CRY-006, IKE-CRY-010, IKE-CRY-012 */
static void
test_round_trip (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (suites); i++)
    {
      Fixture fixture;
      g_autoptr (GBytes) octets = NULL;
      g_autoptr (IkeMessage) message = NULL;
      g_autofree guint8 *copy = NULL;
      IkeParseError error;
      gsize length;

      set_up (&fixture, &suites[i], 30);
      octets = ike_message_build_protected (&header, fixture.payloads, fixture.keys->cipher_i, fixture.rng);
      length = g_bytes_get_size (octets);
      message = open_bytes (octets, fixture.keys->cipher_i, &error);
      assert_inner (&fixture, message);
      g_assert_true (message->protected);
      /* The other direction's keys do not fit. */
      g_assert_null (open_bytes (octets, fixture.keys->cipher_r, &error));
      copy = g_memdup2 (g_bytes_get_data (octets, NULL), length);
      for (gsize at = 0; at < length; at++)
        {
          copy[at] ^= 0x40;
          g_assert_null (ike_message_open (copy, length, fixture.keys->cipher_i, &error));
          g_assert_cmpint (error.status, !=, IKE_PARSE_OK);
          g_assert_cmpint (error.status, !=, IKE_PARSE_INVALID_SYNTAX);
          copy[at] ^= 0x40;
        }
      for (gsize cut = 0; cut < length; cut++)
        {
          copy[24] = copy[25] = 0;
          copy[26] = (guint8)(cut >> 8);
          copy[27] = (guint8)cut;
          g_assert_null (ike_message_open (copy, cut, fixture.keys->cipher_i, &error));
        }
      tear_down (&fixture);
    }
}

/* covers: IKE-CRY-005, IKE-CRY-009 */
static void
test_padding (void)
{
  static const guint8 iv[IKE_MAX_IV] = { 9 };

  for (gsize i = 0; i < G_N_ELEMENTS (suites); i++)
    {
      Fixture fixture;
      gsize block;

      set_up (&fixture, &suites[i], 0);
      block = ike_cipher_block_length (fixture.keys->cipher_i);
      for (guint padding = 0; padding + block <= 255; padding += (guint)block)
        {
          IkeSealing sealing = { .header = &header,
                                 .next = IKE_PAYLOAD_IDI,
                                 .inner = test_payloads_octets (fixture.payloads),
                                 .padding = (guint8)padding };
          g_autoptr (GBytes) octets = ike_sealing_build (&sealing, fixture.keys->cipher_i, iv);
          IkeParseError error;
          g_autoptr (IkeMessage) message = open_bytes (octets, fixture.keys->cipher_i, &error);

          assert_inner (&fixture, message);
        }
      tear_down (&fixture);
    }
}

/* Pad Length beyond the plaintext: authentic, so it is a syntax error. */
static void
test_pad_length (void)
{
  static const guint8 iv[IKE_MAX_IV] = { 9 }, plain[] = { 1, 2, 3, 200 };
  Fixture fixture;
  g_auto (WireWriter) writer = { 0 };
  guint8 text[sizeof plain], icv[IKE_MAX_ICV];
  const guint total = IKE_HEADER_LENGTH + 4 + 8 + sizeof plain + 16;
  IkeParseError error;

  set_up (&fixture, &suites[0], 0);
  wire_writer_init (&writer, total);
  ike_header_write (&writer, &header, IKE_PAYLOAD_SK, total);
  wire_write_u16 (&writer, IKE_PAYLOAD_VENDOR_ID << 8);
  wire_write_u16 (&writer, total - IKE_HEADER_LENGTH);
  g_assert_true (ike_cipher_seal (fixture.keys->cipher_i,
                                  (IkeView){ wire_writer_peek (&writer), wire_writer_length (&writer) }, iv,
                                  (IkeView){ plain, sizeof plain }, text, icv));
  wire_write_data (&writer, iv, 8);
  wire_write_data (&writer, text, sizeof text);
  wire_write_data (&writer, icv, 16);
  g_assert_null (
    ike_message_open (wire_writer_peek (&writer), wire_writer_length (&writer), fixture.keys->cipher_i, &error));
  g_assert_cmpint (error.status, ==, IKE_PARSE_INVALID_SYNTAX);
  tear_down (&fixture);
}

/* covers: IKE-HDR-013 */
static void
test_nested (void)
{
  Fixture fixture;
  g_autoptr (IkePayloads) outer = ike_payloads_new ();
  g_autoptr (GBytes) octets = NULL, longer = NULL;
  g_autofree guint8 *copy = NULL;
  IkeParseError error;
  gsize length;

  set_up (&fixture, &suites[2], 0);
  /* SK within SK, authentic. */
  ike_payloads_add_raw (outer, IKE_PAYLOAD_SK, (const guint8 *)"0123456789", 10);
  octets = ike_message_build_protected (&header, outer, fixture.keys->cipher_i, fixture.rng);
  g_assert_null (open_bytes (octets, fixture.keys->cipher_i, &error));
  g_assert_cmpint (error.status, ==, IKE_PARSE_INVALID_SYNTAX);
  /* SK followed by a notify, not authentic. */
  g_clear_pointer (&octets, g_bytes_unref);
  octets = ike_message_build_protected (&header, fixture.payloads, fixture.keys->cipher_i, fixture.rng);
  length = g_bytes_get_size (octets);
  copy = g_malloc0 (length + 8);
  memcpy (copy, g_bytes_get_data (octets, NULL), length);
  copy[27] = (guint8)(length + 8);
  copy[length + 3] = 8;
  g_assert_null (ike_message_open (copy, length + 8, fixture.keys->cipher_i, &error));
  g_assert_cmpint (error.status, ==, IKE_PARSE_DROP);
  /* An encrypted message is no clear one. */
  g_assert_null (ike_message_parse_clear (g_bytes_get_data (octets, NULL), length, &error));
  g_assert_cmpint (error.status, ==, IKE_PARSE_DROP);
  tear_down (&fixture);
}

/* A payload before SK is authenticated with it. */
static void
test_clear_before_sk (void)
{
  static const guint8 ps[] = { IKE_PAYLOAD_SK, 0, 0, 8, 1, 2, 3, 4 };
  static const guint8 iv[IKE_MAX_IV] = { 3 }, plain[] = { 0 };
  Fixture fixture;
  g_auto (WireWriter) writer = { 0 };
  guint8 text[1], icv[IKE_MAX_ICV];
  const guint total = IKE_HEADER_LENGTH + sizeof ps + 4 + 8 + 1 + 16;
  g_autoptr (IkeMessage) message = NULL;
  g_autofree guint8 *copy = NULL;
  IkeParseError error;
  guint8 type = 0;

  set_up (&fixture, &suites[0], 0);
  wire_writer_init (&writer, total);
  ike_header_write (&writer, &header, 54, total);
  wire_write_data (&writer, ps, sizeof ps);
  wire_write_u16 (&writer, 0);
  wire_write_u16 (&writer, 4 + 8 + 1 + 16);
  g_assert_true (ike_cipher_seal (fixture.keys->cipher_i,
                                  (IkeView){ wire_writer_peek (&writer), wire_writer_length (&writer) }, iv,
                                  (IkeView){ plain, 1 }, text, icv));
  wire_write_data (&writer, iv, 8);
  wire_write_data (&writer, text, 1);
  wire_write_data (&writer, icv, 16);
  copy = g_memdup2 (wire_writer_peek (&writer), total);
  g_assert_true (ike_message_peek_protection (copy, total, &type));
  g_assert_cmpuint (type, ==, IKE_PAYLOAD_SK);
  message = ike_message_open (copy, total, fixture.keys->cipher_i, &error);
  g_assert_nonnull (message);
  g_assert_cmpuint (message->n_payloads, ==, 0);
  copy[IKE_HEADER_LENGTH + 5] ^= 1;
  g_assert_null (ike_message_open (copy, total, fixture.keys->cipher_i, &error));
  tear_down (&fixture);
}

/* covers: IKE-CRY-011 */
static void
test_ivs (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (suites); i++)
    {
      Fixture fixture;
      g_autoptr (GHashTable) seen =
        g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);

      set_up (&fixture, &suites[i], 600);
      for (guint n = 0; n < 200; n++)
        {
          g_autoptr (GPtrArray) messages =
            ike_message_build_fragments (&header, fixture.payloads, fixture.keys->cipher_i, fixture.rng, 300);

          for (guint j = 0; j < messages->len; j++)
            {
              const guint8 *data = g_bytes_get_data (messages->pdata[j], NULL);

              g_assert_true (g_hash_table_add (
                seen, g_bytes_new (data + IKE_HEADER_LENGTH + 8, ike_cipher_iv_length (fixture.keys->cipher_i))));
            }
        }
      g_assert_cmpuint (g_hash_table_size (seen), >=, 600);
      tear_down (&fixture);
    }
}

static IkeFragmentResult
add (IkeReassembly *reassembly, gint64 now, GBytes *octets, const Fixture *fixture, IkeMessage **message)
{
  IkeParseError error;

  return ike_reassembly_add (reassembly, now, g_bytes_get_data (octets, NULL), g_bytes_get_size (octets),
                             fixture->keys->cipher_i, message, &error);
}

/* covers: IKE-FRG-003, IKE-FRG-004, IKE-FRG-014, IKE-HDR-017 */
static void
test_fragments (void)
{
  static const gsize fillers[] = { 0, 200, 1000, 3000, 12000 };

  for (gsize i = 0; i < G_N_ELEMENTS (suites); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (fillers); j++)
      {
        Fixture fixture;
        g_autoptr (GPtrArray) messages = NULL;
        g_autoptr (IkeReassembly) reassembly = ike_reassembly_new ();
        g_autoptr (IkeMessage) message = NULL;
        IkeParseError error;

        set_up (&fixture, &suites[i], fillers[j]);
        messages = ike_message_build_fragments (&header, fixture.payloads, fixture.keys->cipher_i, fixture.rng, 548);
        g_assert_nonnull (messages);
        if (messages->len == 1)
          message = open_bytes (messages->pdata[0], fixture.keys->cipher_i, &error);
        for (guint n = 0; messages->len > 1 && n < messages->len; n++)
          {
            guint16 number, total;

            g_assert_cmpuint (g_bytes_get_size (messages->pdata[n]), <=, 548);
            g_assert_true (ike_message_peek_fragment (g_bytes_get_data (messages->pdata[n], NULL),
                                                      g_bytes_get_size (messages->pdata[n]), &number, &total));
            g_assert_cmpuint (number, ==, n + 1);
            g_assert_cmpuint (total, ==, messages->len);
            g_assert_cmpint (add (reassembly, 0, messages->pdata[n], &fixture, &message), ==,
                             n + 1 == messages->len ? IKE_FRAGMENT_COMPLETE : IKE_FRAGMENT_STORED);
          }
        assert_inner (&fixture, message);
        g_assert_cmpuint (message->header.message_id, ==, header.message_id);
        tear_down (&fixture);
      }
}

/* A fragment with its numbers and inner octets as asked for, authentic. */
static GBytes *
make_fragment (Fixture *fixture, guint16 number, guint16 total, gsize length, guint32 message_id)
{
  g_autofree guint8 *inner = g_malloc0 (length);
  IkeHeader changed = header;
  IkeSealing sealing = { .header = &changed, .number = number, .total = total, .inner = { inner, length } };
  guint8 iv[IKE_MAX_IV];

  changed.message_id = message_id;
  sealing.next = number == 1 ? IKE_PAYLOAD_VENDOR_ID : 0;
  g_assert_true (ike_cipher_next_iv (fixture->keys->cipher_i, fixture->rng, iv));
  return ike_sealing_build (&sealing, fixture->keys->cipher_i, iv);
}

/* covers: IKE-FRG-011, IKE-FRG-012, IKE-FRG-013 */
static void
test_fragment_numbers (void)
{
  static const struct
  {
    guint16 number, total;
    guint32 message_id;
    IkeFragmentResult result;
  } steps[] = {
    { 0, 1, 1, IKE_FRAGMENT_DISCARDED },
    { 3, 2, 1, IKE_FRAGMENT_DISCARDED },
    { 1, IKE_MAX_FRAGMENTS + 1, 1, IKE_FRAGMENT_DISCARDED },
    { 1, 3, 1, IKE_FRAGMENT_STORED },
    { 1, 3, 1, IKE_FRAGMENT_DISCARDED },
    { 2, 2, 1, IKE_FRAGMENT_DISCARDED }, /* fewer than before */
    { 2, 4, 1, IKE_FRAGMENT_STORED },    /* more: starts over */
    { 1, 3, 1, IKE_FRAGMENT_DISCARDED },
    { 3, 4, 1, IKE_FRAGMENT_STORED },
    { 1, 2, 2, IKE_FRAGMENT_STORED }, /* another message */
    { 4, 4, 1, IKE_FRAGMENT_STORED }, /* the old one again: starts over */
  };
  Fixture fixture;
  g_autoptr (IkeReassembly) reassembly = ike_reassembly_new ();
  g_autoptr (IkeMessage) message = NULL;

  set_up (&fixture, &suites[1], 0);
  g_assert_cmpint (ike_reassembly_deadline (reassembly), ==, ROAM_NEVER);
  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_autoptr (GBytes) octets = make_fragment (&fixture, steps[i].number, steps[i].total, 40, steps[i].message_id);
      g_assert_cmpint (add (reassembly, 1000, octets, &fixture, &message), ==, steps[i].result);
    }
  g_assert_cmpint (ike_reassembly_deadline (reassembly), ==, 1000 + IKE_REASSEMBLY_TIMEOUT_US);
  ike_reassembly_reset (reassembly);
  g_assert_cmpint (ike_reassembly_deadline (reassembly), ==, ROAM_NEVER);
  tear_down (&fixture);
}

/* A spoilt copy changes nothing; the genuine one still completes the message. */
/* covers: IKE-FRG-012 */
static void
test_fragment_spoilt (void)
{
  Fixture fixture;
  g_autoptr (IkeReassembly) reassembly = ike_reassembly_new ();
  g_autoptr (GPtrArray) messages = NULL;
  g_autoptr (IkeMessage) message = NULL;
  g_autofree guint8 *copy = NULL;
  IkeParseError error;
  gsize length;

  set_up (&fixture, &suites[5], 400);
  messages = ike_message_build_fragments (&header, fixture.payloads, fixture.keys->cipher_i, fixture.rng, 400);
  g_assert_cmpuint (messages->len, ==, 2);
  length = g_bytes_get_size (messages->pdata[1]);
  copy = g_memdup2 (g_bytes_get_data (messages->pdata[1], NULL), length);
  copy[length - 1] ^= 1;
  g_assert_cmpint (add (reassembly, 0, messages->pdata[0], &fixture, &message), ==, IKE_FRAGMENT_STORED);
  g_assert_cmpint (ike_reassembly_add (reassembly, 0, copy, length, fixture.keys->cipher_i, &message, &error), ==,
                   IKE_FRAGMENT_DISCARDED);
  g_assert_cmpint (error.status, ==, IKE_PARSE_DROP);
  g_assert_cmpint (add (reassembly, 0, messages->pdata[1], &fixture, &message), ==, IKE_FRAGMENT_COMPLETE);
  assert_inner (&fixture, message);
  tear_down (&fixture);
}

/* covers: IKE-FRG-017 */
static void
test_fragment_size (void)
{
  Fixture fixture;
  g_autoptr (IkeReassembly) reassembly = ike_reassembly_new ();
  IkeMessage *message = NULL;
  IkeFragmentResult result = IKE_FRAGMENT_STORED;
  guint16 n = 0;

  set_up (&fixture, &suites[2], 0);
  while (result == IKE_FRAGMENT_STORED && n < 60)
    {
      g_autoptr (GBytes) octets = make_fragment (&fixture, ++n, 60, 1200, 1);

      result = add (reassembly, 0, octets, &fixture, &message);
    }
  g_assert_cmpint (result, ==, IKE_FRAGMENT_FAILED);
  g_assert_cmpuint (n, ==, IKE_MAX_MESSAGE / 1200 + 1);
  g_assert_cmpint (ike_reassembly_deadline (reassembly), ==, ROAM_NEVER);
  tear_down (&fixture);
}

/* More fragments than a receiver would take are not sent. */
static void
test_fragments_too_many (void)
{
  Fixture fixture;

  set_up (&fixture, &suites[2], 40000);
  g_assert_null (ike_message_build_fragments (&header, fixture.payloads, fixture.keys->cipher_i, fixture.rng, 200));
  tear_down (&fixture);
}

static void
test_room (void)
{
  g_assert_cmpuint (ike_message_room (1500, ROAM_FAMILY_INET4, FALSE), ==, 1472);
  g_assert_cmpuint (ike_message_room (1280, ROAM_FAMILY_INET6, TRUE), ==, 1228);
  g_assert_cmpuint (ike_message_room (20, ROAM_FAMILY_INET4, TRUE), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/protection/round-trip", test_round_trip);
  g_test_add_func ("/ike/protection/padding", test_padding);
  g_test_add_func ("/ike/protection/pad-length", test_pad_length);
  g_test_add_func ("/ike/protection/nested", test_nested);
  g_test_add_func ("/ike/protection/clear-before-sk", test_clear_before_sk);
  g_test_add_func ("/ike/protection/ivs", test_ivs);
  g_test_add_func ("/ike/protection/fragments", test_fragments);
  g_test_add_func ("/ike/protection/fragment-numbers", test_fragment_numbers);
  g_test_add_func ("/ike/protection/fragment-spoilt", test_fragment_spoilt);
  g_test_add_func ("/ike/protection/fragment-size", test_fragment_size);
  g_test_add_func ("/ike/protection/fragments-too-many", test_fragments_too_many);
  g_test_add_func ("/ike/protection/room", test_room);
  return g_test_run ();
}
