/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-esp-private.h"
#include "tunnel/tunnel-inner-private.h"

#include <json-glib/json-glib.h>
#include <openssl/evp.h>
#include <string.h>

#define ROOM 2048

/* ---------------------------------------------------------------------- helpers ---- */

static GBytes *
from_hex (const char *hex)
{
  gsize length = strlen (hex) / 2;
  guint8 *octets = g_malloc (length + 1);

  for (gsize i = 0; i < length; i++)
    octets[i] = (guint8)(g_ascii_xdigit_value (hex[2 * i]) << 4 | g_ascii_xdigit_value (hex[2 * i + 1]));
  return g_bytes_new_take (octets, length);
}

static RoamSecret *
secret_from_hex (const char *hex)
{
  g_autoptr (GBytes) bytes = from_hex (hex);
  gsize length;
  const guint8 *octets = g_bytes_get_data (bytes, &length);

  return length > 0 ? roam_secret_new (octets, length) : NULL;
}

static RoamSecret *
filled_secret (guint8 fill, gsize length)
{
  guint8 octets[64];

  memset (octets, fill, sizeof octets);
  return length > 0 ? roam_secret_new (octets, length) : NULL;
}

static TunnelSa *
make_sa (TunnelEspAlgorithm algorithm, guint encr_bits, guint integ_bits, gboolean esn)
{
  gboolean gcm = algorithm == TUNNEL_ESP_AES_GCM_16;
  TunnelSa *sa = g_new0 (TunnelSa, 1);

  sa->references = 1;
  sa->id = 1;
  sa->spi_in = sa->spi_out = 0xc0ffee01;
  sa->algorithm = algorithm;
  sa->encr_bits = encr_bits;
  sa->integ_bits = integ_bits;
  sa->encr_in = filled_secret (0x5a, encr_bits / 8 + (gcm ? 4 : 0));
  sa->encr_out = roam_secret_ref (sa->encr_in);
  sa->integ_in = filled_secret (0xa5, integ_bits / 8);
  sa->integ_out = sa->integ_in != NULL ? roam_secret_ref (sa->integ_in) : NULL;
  sa->esn = esn;
  return sa;
}

typedef struct
{
  RoamRng *rng;
  TunnelEspOut *out;
  TunnelEspIn *in;
} Pair;

static Pair
make_pair (TunnelEspAlgorithm algorithm, guint encr_bits, guint integ_bits, gboolean esn)
{
  g_autoptr (TunnelSa) sa = make_sa (algorithm, encr_bits, integ_bits, esn);
  Pair pair = { .rng = roam_rng_new_for_test (1) };

  pair.out = tunnel_esp_out_new (sa, pair.rng);
  pair.in = tunnel_esp_in_new (sa);
  g_assert_nonnull (pair.out);
  g_assert_nonnull (pair.in);
  return pair;
}

static void
clear_pair (Pair *pair)
{
  tunnel_esp_out_free (pair->out);
  tunnel_esp_in_free (pair->in);
  roam_rng_free (pair->rng);
}

static gsize
encrypt (TunnelEspOut *out, guint8 next_header, const char *text, guint8 *packet)
{
  guint8 plain[ROOM];
  gsize length = 0;

  memcpy (plain, text, strlen (text));
  g_assert_cmpint (tunnel_esp_encrypt (out, next_header, plain, strlen (text), packet, ROOM, &length), ==,
                   TUNNEL_DROP_NONE);
  return length;
}

static TunnelDrop
decrypt (TunnelEspIn *in, const guint8 *packet, gsize length)
{
  guint8 copy[ROOM], *plain = NULL, next_header;
  gsize plain_length;

  memcpy (copy, packet, length);
  return tunnel_esp_decrypt (in, copy, length, &plain, &plain_length, &next_header);
}

/* ---------------------------------------------------------------------- vectors ---- */

static const char *
text_of (JsonObject *object, const char *name)
{
  return json_object_has_member (object, name) ? json_object_get_string_member (object, name) : "";
}

/* The SA of a vector with its one key in both directions. */
static TunnelSa *
sa_of_vector (JsonObject *inputs, gboolean esn)
{
  gboolean gcm = json_object_get_int_member (inputs, "encr") == 20;
  TunnelSa *sa = g_new0 (TunnelSa, 1);

  sa->references = 1;
  sa->spi_in = sa->spi_out = (guint32)g_ascii_strtoull (text_of (inputs, "spi"), NULL, 16);
  sa->algorithm = gcm ? TUNNEL_ESP_AES_GCM_16 : TUNNEL_ESP_AES_CBC_HMAC_SHA2;
  sa->encr_in = secret_from_hex (text_of (inputs, "key"));
  sa->encr_out = roam_secret_ref (sa->encr_in);
  sa->encr_bits = (guint)(roam_secret_length (sa->encr_in) - (gcm ? 4 : 0)) * 8;
  if (!gcm)
    {
      sa->integ_in = secret_from_hex (text_of (inputs, "integ_key"));
      sa->integ_out = roam_secret_ref (sa->integ_in);
      sa->integ_bits = (guint)roam_secret_length (sa->integ_in) * 8;
    }
  sa->esn = esn;
  return sa;
}

/* Plaintext without its trailer, as the vector gives it. */
static GBytes *
inner_of_vector (JsonObject *outputs)
{
  g_autoptr (GBytes) plaintext = from_hex (text_of (outputs, "plaintext"));
  gsize length;
  const guint8 *octets = g_bytes_get_data (plaintext, &length);

  return g_bytes_new (octets, length - 2 - octets[length - 2]);
}

static void
check_vector (const char *id, JsonObject *inputs, JsonObject *outputs)
{
  gboolean esn = json_object_has_member (inputs, "seq_high");
  guint64 sequence = esn ? (guint64)json_object_get_int_member (inputs, "seq_high") << 32 |
                             (guint64)json_object_get_int_member (inputs, "seq_low")
                         : (guint64)json_object_get_int_member (inputs, "seq");
  guint8 next_header = json_object_has_member (inputs, "next_header")
                         ? (guint8)json_object_get_int_member (inputs, "next_header")
                         : TUNNEL_NEXT_HEADER_IPV4;
  g_autoptr (TunnelSa) sa = sa_of_vector (inputs, esn);
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (7);
  g_autoptr (TunnelEspOut) out = tunnel_esp_out_new (sa, rng);
  g_autoptr (TunnelEspIn) in = tunnel_esp_in_new (sa);
  g_autoptr (GBytes) inner = inner_of_vector (outputs);
  g_autoptr (GBytes) expected = from_hex (text_of (outputs, "esp_packet"));
  g_autoptr (GBytes) iv = from_hex (text_of (inputs, "iv"));
  gsize inner_length, expected_length, length = 0;
  const guint8 *inner_octets = g_bytes_get_data (inner, &inner_length);
  const guint8 *expected_octets = g_bytes_get_data (expected, &expected_length);
  guint8 plain[ROOM], packet[ROOM], *decrypted = NULL, got_next_header = 0;

  g_test_message ("%s", id);
  g_assert_nonnull (out);
  g_assert_nonnull (in);
  memcpy (plain, inner_octets, inner_length);
  g_assert_cmpint (tunnel_esp_encrypt_with (out, sequence, g_bytes_get_data (iv, NULL), next_header, plain,
                                            inner_length, packet, sizeof packet, &length),
                   ==, TUNNEL_DROP_NONE);
  g_assert_cmpmem (packet, length, expected_octets, expected_length);
  /* The window of an SA that has come as far as the vector says. */
  tunnel_esp_in_skip_to (in, sequence - 1);
  g_assert_cmpint (tunnel_esp_decrypt (in, packet, length, &decrypted, &length, &got_next_header), ==,
                   TUNNEL_DROP_NONE);
  g_assert_cmpmem (decrypted, length, inner_octets, inner_length);
  g_assert_cmpuint (got_next_header, ==, next_header);
  g_assert_cmpuint (tunnel_esp_in_newest (in), ==, sequence);
}

/* covers: IKE-ESP-002, IKE-ESP-003, IKE-ESP-006, IKE-ESP-007, IKE-ESP-010 */
static void
test_vectors (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonArray *vectors;
  guint n_gcm = 0, n_cbc = 0;

  json_parser_load_from_file (parser, g_getenv ("ROAMD_VECTORS"), &error);
  g_assert_no_error (error);
  vectors = json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)), "vectors");
  for (guint i = 0; i < json_array_get_length (vectors); i++)
    {
      JsonObject *vector = json_array_get_object_element (vectors, i), *inputs;
      gint64 encr;

      if (!g_str_equal (text_of (vector, "kind"), "esp"))
        continue;
      inputs = json_object_get_object_member (vector, "inputs");
      encr = json_object_get_int_member (inputs, "encr");
      /* ChaCha20-Poly1305 (28) is no algorithm of TunnelSa. */
      if (encr != 20 && encr != 12)
        continue;
      check_vector (text_of (vector, "id"), inputs, json_object_get_object_member (vector, "outputs"));
      n_gcm += encr == 20;
      n_cbc += encr == 12;
    }
  g_assert_cmpuint (n_gcm, >=, 6);
  g_assert_cmpuint (n_cbc, >=, 6);
}

/* ----------------------------------------------------------------------- suites ---- */

typedef struct
{
  TunnelEspAlgorithm algorithm;
  guint encr_bits, integ_bits;
  gsize overhead; /* of a payload of 62 octets: header, IV, trailer, ICV */
} Suite;

static const Suite suites[] = {
  { TUNNEL_ESP_AES_GCM_16, 128, 0, 8 + 8 + 2 + 16 },
  { TUNNEL_ESP_AES_GCM_16, 192, 0, 8 + 8 + 2 + 16 },
  { TUNNEL_ESP_AES_GCM_16, 256, 0, 8 + 8 + 2 + 16 },
  { TUNNEL_ESP_AES_CBC_HMAC_SHA2, 128, 256, 8 + 16 + 2 + 16 },
  { TUNNEL_ESP_AES_CBC_HMAC_SHA2, 256, 256, 8 + 16 + 2 + 16 },
  { TUNNEL_ESP_AES_CBC_HMAC_SHA2, 256, 384, 8 + 16 + 2 + 24 },
  { TUNNEL_ESP_AES_CBC_HMAC_SHA2, 256, 512, 8 + 16 + 2 + 32 },
};

/* In place and apart, every payload length over more than a block, both numbers of sequence bits. */
static void
test_round_trip (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (suites); i++)
    for (guint esn = 0; esn < 2; esn++)
      {
        Pair pair = make_pair (suites[i].algorithm, suites[i].encr_bits, suites[i].integ_bits, esn != 0);

        for (gsize length = 0; length < 70; length++)
          {
            guint8 buffer[ROOM], apart[ROOM], reference[ROOM], *decrypted = NULL, next_header;
            gsize headroom = tunnel_esp_out_headroom (pair.out), packet_length, got;
            guint8 *plain = buffer + headroom, *packet = length % 2 == 0 ? buffer : apart;

            for (gsize k = 0; k < length; k++)
              plain[k] = reference[k] = (guint8)(k * 7 + length);
            g_assert_cmpint (tunnel_esp_encrypt (pair.out, 4, plain, length, packet, ROOM, &packet_length), ==,
                             TUNNEL_DROP_NONE);
            if (length == 62)
              g_assert_cmpuint (packet_length, ==, length + suites[i].overhead);
            g_assert_cmpuint (packet_length % 4, ==, 0);
            g_assert_cmpint (tunnel_esp_decrypt (pair.in, packet, packet_length, &decrypted, &got, &next_header), ==,
                             TUNNEL_DROP_NONE);
            g_assert_cmpmem (decrypted, got, reference, length);
            g_assert_cmpuint (tunnel_esp_in_newest (pair.in), ==, length + 1);
          }
        clear_pair (&pair);
      }
}

/* covers: IKE-ESP-012 */
static void
test_refuses_incomplete_suites (void)
{
  static const Suite bad[] = {
    { TUNNEL_ESP_AES_CBC_HMAC_SHA2, 256, 0, 0 },   /* encryption without integrity */
    { TUNNEL_ESP_AES_CBC_HMAC_SHA2, 256, 160, 0 }, /* no such hash */
    { TUNNEL_ESP_AES_CBC_HMAC_SHA2, 64, 256, 0 },  { TUNNEL_ESP_AES_GCM_16, 0, 0, 0 }, /* no encryption */
    { TUNNEL_ESP_AES_GCM_16, 512, 0, 0 },
  };
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (TunnelSa) sa = make_sa (bad[i].algorithm, MIN (bad[i].encr_bits, 256), bad[i].integ_bits, FALSE);

      sa->encr_bits = bad[i].encr_bits;
      g_assert_null (tunnel_esp_out_new (sa, rng));
      g_assert_null (tunnel_esp_in_new (sa));
    }
  for (gsize i = 0; i < G_N_ELEMENTS (suites); i++)
    {
      g_autoptr (TunnelSa) short_key = make_sa (suites[i].algorithm, suites[i].encr_bits, suites[i].integ_bits, FALSE);
      g_autoptr (TunnelSa) low_spi = make_sa (suites[i].algorithm, suites[i].encr_bits, suites[i].integ_bits, FALSE);

      roam_secret_unref (short_key->encr_out);
      short_key->encr_out = filled_secret (1, 15);
      g_assert_null (tunnel_esp_out_new (short_key, rng));
      low_spi->spi_in = 255;
      g_assert_null (tunnel_esp_in_new (low_spi));
    }
}

/* ---------------------------------------------------------------- authentication ---- */

/* Every single bit of every packet counts, and the window does not move for a forgery. */
/* covers: IKE-ESP-005 */
static void
test_one_flipped_bit (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (suites); i++)
    {
      Pair pair = make_pair (suites[i].algorithm, suites[i].encr_bits, suites[i].integ_bits, FALSE);
      guint8 packet[ROOM], copy[ROOM];
      gsize length = encrypt (pair.out, 4, "the quick brown fox jumps over the lazy dog", packet);

      /* Beyond the SPI, which selects the SA: tested through its lookup. */
      for (gsize bit = 4 * 8; bit < length * 8; bit++)
        {
          guint8 *plain = NULL, next_header = 0;
          gsize plain_length = 0;

          memcpy (copy, packet, length);
          copy[bit / 8] ^= (guint8)(1 << bit % 8);
          g_assert_cmpint (tunnel_esp_decrypt (pair.in, copy, length, &plain, &plain_length, &next_header), !=,
                           TUNNEL_DROP_NONE);
          g_assert_null (plain);
          /* Nothing of the text can be read from the buffer. */
          g_assert_null (memmem (copy, length, "quick", 5));
        }
      g_assert_cmpuint (tunnel_esp_in_newest (pair.in), ==, 0);
      for (gsize cut = 0; cut < length; cut++)
        g_assert_cmpint (decrypt (pair.in, packet, cut), !=, TUNNEL_DROP_NONE);
      g_assert_cmpint (decrypt (pair.in, packet, length), ==, TUNNEL_DROP_NONE);
      clear_pair (&pair);
    }
}

/* covers: IKE-ESP-001 */
static void
test_reserved_spi (void)
{
  static const struct
  {
    guint8 octets[8];
    gsize length;
    guint32 spi;
  } rows[] = {
    { { 0, 0, 0, 0, 1, 2, 3, 4 }, 8, 0 },
    { { 0, 0, 0, 5, 1, 2, 3, 4 }, 8, 0 },
    { { 0, 0, 0, 255, 1, 2, 3, 4 }, 8, 0 },
    { { 0, 0, 1, 0, 1, 2, 3, 4 }, 8, 256 },
    { { 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4 }, 8, 0xffffffff },
    { { 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4 }, 7, 0 },
    { { 0xff }, 1, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_cmphex (tunnel_esp_get_spi (rows[i].octets, rows[i].length), ==, rows[i].spi);
}

/* ---------------------------------------------------------------------- padding ---- */

/* A GCM packet with a trailer of the test's own making. */
static gsize
seal_gcm_by_hand (const guint8 *text, gsize length, guint8 *packet)
{
  guint8 key[32], nonce[12];
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  static const guint8 head[16] = { 0xc0, 0xff, 0xee, 0x01, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1 };
  int written;

  memset (key, 0x5a, sizeof key);
  memset (nonce, 0x5a, 4);
  memcpy (nonce + 4, head + 8, 8);
  memcpy (packet, head, sizeof head);
  g_assert_cmpint (EVP_EncryptInit_ex (context, EVP_aes_256_gcm (), NULL, key, nonce), ==, 1);
  g_assert_cmpint (EVP_EncryptUpdate (context, NULL, &written, head, 8), ==, 1);
  g_assert_cmpint (EVP_EncryptUpdate (context, packet + 16, &written, text, (int)length), ==, 1);
  g_assert_cmpint (EVP_EncryptFinal_ex (context, packet + 16 + length, &written), ==, 1);
  g_assert_cmpint (EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_GET_TAG, 16, packet + 16 + length), ==, 1);
  EVP_CIPHER_CTX_free (context);
  return 16 + length + 16;
}

/* covers: IKE-ESP-006 */
static void
test_any_padding_length (void)
{
  for (guint padding = 0; padding < 256; padding++)
    for (guint excess = 0; excess < 2; excess++)
      {
        guint8 text[ROOM] = { 'x', 'y', 'z', 'w' }, packet[ROOM], *plain = NULL, next_header = 0;
        guint whole = (4 + padding + 2 + 3) / 4 * 4, given = whole - 4 - 2;
        gsize length = 0, packet_length;
        Pair pair = make_pair (TUNNEL_ESP_AES_GCM_16, 256, 0, FALSE);

        if (given > 255)
          {
            clear_pair (&pair);
            continue;
          }
        /* excess: the pad length claims more than there is. */
        text[whole - 2] = (guint8)(excess != 0 ? MIN (whole - 1, 255) : given);
        text[whole - 1] = 4;
        packet_length = seal_gcm_by_hand (text, whole, packet);
        if (excess != 0 && whole - 1 <= 255)
          g_assert_cmpint (tunnel_esp_decrypt (pair.in, packet, packet_length, &plain, &length, &next_header), ==,
                           TUNNEL_DROP_MALFORMED);
        else if (excess == 0)
          {
            g_assert_cmpint (tunnel_esp_decrypt (pair.in, packet, packet_length, &plain, &length, &next_header), ==,
                             TUNNEL_DROP_NONE);
            g_assert_cmpmem (plain, length, "xyzw", 4);
          }
        clear_pair (&pair);
      }
}

/* ------------------------------------------------------------------ sequence, IV ---- */

/* covers: IKE-ESP-002, IKE-RKY-024 */
static void
test_sequence_never_cycles (void)
{
  Pair pair = make_pair (TUNNEL_ESP_AES_GCM_16, 256, 0, FALSE), esn = make_pair (TUNNEL_ESP_AES_GCM_16, 256, 0, TRUE);
  guint8 packet[ROOM], plain[ROOM] = { 0 };
  gsize length = encrypt (pair.out, 4, "first", packet);

  g_assert_cmpmem (packet + 4, 4, "\0\0\0\1", 4);
  length = encrypt (pair.out, 4, "second", packet);
  g_assert_cmpmem (packet + 4, 4, "\0\0\0\2", 4);
  g_assert_false (tunnel_esp_out_runs_short (pair.out));
  tunnel_esp_out_skip_to (pair.out, G_MAXUINT32);
  tunnel_esp_out_skip_to (pair.out, 5);
  g_assert_cmpuint (tunnel_esp_out_next_sequence (pair.out), ==, G_MAXUINT32);
  length = encrypt (pair.out, 4, "last", packet);
  g_assert_cmpmem (packet + 4, 4, "\xff\xff\xff\xff", 4);
  g_assert_true (tunnel_esp_out_runs_short (pair.out));
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (tunnel_esp_encrypt (pair.out, 4, plain, 20, packet, sizeof packet, &length), ==,
                     TUNNEL_DROP_SEQUENCE);
  /* With ESN the same number is an ordinary one. */
  tunnel_esp_out_skip_to (esn.out, G_MAXUINT32);
  tunnel_esp_in_skip_to (esn.in, G_MAXUINT32 - 10);
  for (guint i = 0; i < 3; i++)
    {
      length = encrypt (esn.out, 4, "goes on", packet);
      g_assert_cmpint (decrypt (esn.in, packet, length), ==, TUNNEL_DROP_NONE);
    }
  g_assert_cmpuint (tunnel_esp_in_newest (esn.in), ==, G_GUINT64_CONSTANT (0x100000001));
  clear_pair (&pair);
  clear_pair (&esn);
}

/* covers: IKE-ESP-011 */
static void
test_gcm_iv_never_repeats (void)
{
  Pair pair = make_pair (TUNNEL_ESP_AES_GCM_16, 128, 0, FALSE);
  guint64 last = 0;

  /* Strictly growing, so that a set is not needed; half-way the SA moves to another data plane. */
  for (guint i = 0; i < 200000; i++)
    {
      guint8 packet[128];
      guint64 iv = 0;
      gsize length;
      guint8 plain[64] = { 0 };

      if (i == 100000)
        {
          guint64 next = tunnel_esp_out_next_sequence (pair.out);

          clear_pair (&pair);
          pair = make_pair (TUNNEL_ESP_AES_GCM_16, 128, 0, FALSE);
          tunnel_esp_out_skip_to (pair.out, next);
        }
      g_assert_cmpint (tunnel_esp_encrypt (pair.out, 4, plain, 20, packet, sizeof packet, &length), ==,
                       TUNNEL_DROP_NONE);
      for (guint k = 0; k < 8; k++)
        iv = iv << 8 | packet[8 + k];
      g_assert_cmpuint (iv, >, last);
      last = iv;
    }
  clear_pair (&pair);
}

/* covers: IKE-ESP-010 */
static void
test_cbc_iv_is_fresh (void)
{
  Pair pair = make_pair (TUNNEL_ESP_AES_CBC_HMAC_SHA2, 256, 256, FALSE);
  g_autoptr (GHashTable) seen =
    g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
  guint ones = 0;

  for (guint i = 0; i < 1000; i++)
    {
      guint8 packet[ROOM];

      (void)encrypt (pair.out, 4, "same text every time", packet);
      g_assert_true (g_hash_table_add (seen, g_bytes_new (packet + 8, 16)));
      for (guint k = 0; k < 16; k++)
        ones += (guint)__builtin_popcount (packet[8 + k]);
    }
  /* 128000 fair coins: 64000 heads, standard deviation 179. */
  g_assert_cmpuint (ones, >, 64000 - 6 * 179);
  g_assert_cmpuint (ones, <, 64000 + 6 * 179);
  clear_pair (&pair);
}

static void
test_too_little_room (void)
{
  Pair pair = make_pair (TUNNEL_ESP_AES_GCM_16, 256, 0, FALSE);
  guint8 plain[128] = { 0 }, packet[128];
  gsize length = 7;

  for (gsize room = 0; room < 16 + 60 + TUNNEL_ESP_MAX_TRAILER + 16; room++)
    g_assert_cmpint (tunnel_esp_encrypt (pair.out, 4, plain, 60, packet, room, &length), ==, TUNNEL_DROP_SPACE);
  g_assert_cmpuint (length, ==, 7);
  clear_pair (&pair);
}

/* ----------------------------------------------------------------------- replay ---- */

typedef struct
{
  guint64 sequence;
  gboolean fresh;
} ReplayRow;

/* covers: IKE-ESP-004 */
static void
test_replay_table (void)
{
  static const ReplayRow rows[] = {
    { 0, FALSE },         { 1, TRUE },           { 1, FALSE },         { 3, TRUE },           { 2, TRUE },
    { 2, FALSE },         { 3, FALSE },          { 1024, TRUE },       { 4, TRUE },           { 1, FALSE },
    { 1025, TRUE },       { 1, FALSE },          { 1, FALSE },         { 1028, TRUE },        { 4, FALSE },
    { 5, TRUE },          { 6, TRUE },           { 5, FALSE },         { 2052, TRUE },        { 1028, FALSE },
    { 1029, TRUE },       { 2051, TRUE },        { 2052, FALSE },      { 100000, TRUE },      { 2052, FALSE },
    { 98976, FALSE },     { 98977, TRUE },       { 98977, FALSE },     { 99999, TRUE },       { 99999, FALSE },
    { 0xffffffff, TRUE }, { 0xffffffff, FALSE }, { 0xfffffc00, TRUE }, { 0xfffffbff, FALSE },
  };
  TunnelReplay replay = { 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_test_message ("row %" G_GSIZE_FORMAT ": %" G_GUINT64_FORMAT, i, rows[i].sequence);
      g_assert_cmpint (tunnel_replay_check (&replay, rows[i].sequence), ==, rows[i].fresh);
      if (rows[i].fresh)
        tunnel_replay_update (&replay, rows[i].sequence);
    }
}

/* The window against a plain list of everything that was accepted. */
/* covers: IKE-ESP-004 */
static void
test_replay_against_model (void)
{
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (42);
  g_autofree guint8 *accepted = g_malloc0 (200000);
  TunnelReplay replay = { 0 };
  guint64 newest = 0;

  for (guint i = 0; i < 100000; i++)
    {
      guint64 base = newest > 1500 ? newest - 1500 : 0, sequence = base + roam_rng_below (rng, 1520);
      gboolean fresh = sequence != 0 && sequence + TUNNEL_REPLAY_WINDOW > newest && !accepted[sequence];

      g_assert_cmpint (tunnel_replay_check (&replay, sequence), ==, fresh);
      if (!fresh || roam_rng_below (rng, 4) == 0)
        continue;
      tunnel_replay_update (&replay, sequence);
      accepted[sequence] = 1;
      newest = MAX (newest, sequence);
    }
  g_assert_cmpuint (newest, >, 10000);
}

typedef struct
{
  guint64 newest;
  guint32 low;
  gboolean possible;
  guint64 sequence;
} ExpandRow;

/* RFC 4303 appendix A2.2: both cases and both directions. */
/* covers: IKE-ESP-003 */
static void
test_esn_expansion (void)
{
  static const ExpandRow rows[] = {
    { 0, 1, TRUE, 1 },
    { 5, 4, TRUE, 4 },
    { 5, 0xfffffff0, FALSE, 0 },
    { 0xfffffff0, 0xfffffff1, TRUE, 0xfffffff1 },
    { 0xfffffff0, 2, TRUE, 0x100000002 },
    { 0x100000002, 0xfffffff1, TRUE, 0xfffffff1 },
    { 0x100000002, 3, TRUE, 0x100000003 },
    { 0x100000002, 0xfffffc03, TRUE, 0xfffffc03 },
    /* One left of the window: not old but of this subspace. */
    { 0x100000002, 0xfffffc02, TRUE, 0x1fffffc02 },
    { 0x500000400, 0x00000001, TRUE, 0x500000001 },
    { 0x500000400, 0x00000000, TRUE, 0x600000000 },
    { 0xffffffff00000400, 0x00000001, TRUE, 0xffffffff00000001 },
    { 0xffffffff00000400, 0x00000000, FALSE, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      TunnelReplay replay = { .newest = rows[i].newest };
      guint64 sequence = 0;

      g_test_message ("row %" G_GSIZE_FORMAT, i);
      g_assert_cmpint (tunnel_replay_expand (&replay, TRUE, rows[i].low, &sequence), ==, rows[i].possible);
      if (rows[i].possible)
        g_assert_cmphex (sequence, ==, rows[i].sequence);
      g_assert_true (tunnel_replay_expand (&replay, FALSE, rows[i].low, &sequence));
      g_assert_cmphex (sequence, ==, rows[i].low);
    }
}

/* A forged packet with a great number must not shut out the honest ones behind it. */
/* covers: IKE-ESP-004 */
static void
test_window_moves_after_integrity_only (void)
{
  Pair pair = make_pair (TUNNEL_ESP_AES_GCM_16, 256, 0, FALSE);
  guint8 first[ROOM], second[ROOM], forged[ROOM];
  gsize first_length = encrypt (pair.out, 4, "first", first), second_length = encrypt (pair.out, 4, "second", second);

  memcpy (forged, second, second_length);
  memset (forged + 4, 0xff, 4);
  g_assert_cmpint (decrypt (pair.in, forged, second_length), ==, TUNNEL_DROP_AUTHENTICATOR);
  g_assert_cmpint (decrypt (pair.in, second, second_length), ==, TUNNEL_DROP_NONE);
  g_assert_cmpint (decrypt (pair.in, second, second_length), ==, TUNNEL_DROP_REPLAYED);
  g_assert_cmpint (decrypt (pair.in, first, first_length), ==, TUNNEL_DROP_NONE);
  g_assert_cmpint (decrypt (pair.in, first, first_length), ==, TUNNEL_DROP_REPLAYED);
  clear_pair (&pair);
}

/* ------------------------------------------------------------ what is inside of it ---- */

/* covers: IKE-ESP-008 */
static void
test_dummy_packet (void)
{
  Pair pair = make_pair (TUNNEL_ESP_AES_GCM_16, 256, 0, FALSE);
  TunnelInnerContext context = { .mode = TUNNEL_MODE_MC };
  guint8 packet[ROOM], *plain = NULL, next_header = 0;
  gsize length = encrypt (pair.out, TUNNEL_NEXT_HEADER_DUMMY, "anything", packet), plain_length = 0;
  TunnelInner inner;

  g_assert_cmpint (tunnel_esp_decrypt (pair.in, packet, length, &plain, &plain_length, &next_header), ==,
                   TUNNEL_DROP_NONE);
  tunnel_inner_classify (&context, TUNNEL_ECN_NOT_ECT, next_header, plain, plain_length, &inner);
  g_assert_cmpint (inner.type, ==, TUNNEL_INNER_DROPPED);
  g_assert_cmpint (inner.drop, ==, TUNNEL_DROP_DUMMY);
  clear_pair (&pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tunnel/esp/vectors", test_vectors);
  g_test_add_func ("/tunnel/esp/round-trip", test_round_trip);
  g_test_add_func ("/tunnel/esp/refuses-incomplete-suites", test_refuses_incomplete_suites);
  g_test_add_func ("/tunnel/esp/one-flipped-bit", test_one_flipped_bit);
  g_test_add_func ("/tunnel/esp/reserved-spi", test_reserved_spi);
  g_test_add_func ("/tunnel/esp/any-padding-length", test_any_padding_length);
  g_test_add_func ("/tunnel/esp/sequence-never-cycles", test_sequence_never_cycles);
  g_test_add_func ("/tunnel/esp/gcm-iv-never-repeats", test_gcm_iv_never_repeats);
  g_test_add_func ("/tunnel/esp/cbc-iv-is-fresh", test_cbc_iv_is_fresh);
  g_test_add_func ("/tunnel/esp/too-little-room", test_too_little_room);
  g_test_add_func ("/tunnel/esp/replay-table", test_replay_table);
  g_test_add_func ("/tunnel/esp/replay-against-model", test_replay_against_model);
  g_test_add_func ("/tunnel/esp/esn-expansion", test_esn_expansion);
  g_test_add_func ("/tunnel/esp/window-after-integrity", test_window_moves_after_integrity_only);
  g_test_add_func ("/tunnel/esp/dummy-packet", test_dummy_packet);
  return g_test_run ();
}
