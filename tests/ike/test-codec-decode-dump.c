/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Prints messages as this codec builds them, for an independent decoder: a line "suite" with the keys,
 * then lines "message PORT HEX". See decode-ike.
 */

#include "ike/ike-codec-private.h"

#include <stdio.h>

#define SPI_I G_GUINT64_CONSTANT (0x0102030405060708)

static void
print_hex (const guint8 *data, gsize length)
{
  for (gsize i = 0; i < length; i++)
    printf ("%02x", data[i]);
}

static void
print_secret (const RoamSecret *secret)
{
  putchar (' ');
  if (roam_secret_length (secret) == 0)
    putchar ('-');
  print_hex (roam_secret_peek (secret), roam_secret_length (secret));
}

static void
print_message (guint port, GBytes *octets)
{
  g_assert_nonnull (octets);
  printf ("message %u ", port);
  print_hex (g_bytes_get_data (octets, NULL), g_bytes_get_size (octets));
  putchar ('\n');
}

static void
print_clear (guint64 spi_r)
{
  static const guint8 octets[64] = { 1, 2, 3 };
  const IkeHeader request = { .spi_i = SPI_I, .exchange = IKE_EXCHANGE_IKE_SA_INIT, .flags = IKE_FLAG_INITIATOR };
  const IkeHeader refusal = {
    .spi_i = SPI_I, .spi_r = spi_r, .exchange = IKE_EXCHANGE_IKE_SA_INIT, .flags = IKE_FLAG_RESPONSE
  };
  const guint16 group = IKE_GROUP_ECP_384;
  RoamEndpoint endpoint = { roam_addr_from_u32 (0xc000020a), 500 };
  g_autoptr (IkeProposals) proposals = ike_proposals_new_from_text (NULL, IKE_PROTOCOL_IKE, NULL);
  g_autoptr (IkePayloads) offer = ike_payloads_new (), error = ike_payloads_new ();
  g_autoptr (GBytes) first = NULL, second = NULL;
  guint8 hash[IKE_NAT_DETECTION_LENGTH];

  ike_nat_detection_hash (SPI_I, 0, &endpoint, hash);
  ike_payloads_add_notify (offer, IKE_NOTIFY_COOKIE, octets, 20);
  ike_payloads_add_sa (offer, proposals);
  ike_payloads_add_ke (offer, IKE_GROUP_CURVE25519, octets, 32);
  ike_payloads_add_nonce (offer, octets, IKE_NONCE_LENGTH);
  ike_payloads_add_notify (offer, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, hash, sizeof hash);
  ike_payloads_add_notify (offer, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, hash, sizeof hash);
  ike_payloads_add_notify (offer, IKE_NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, NULL, 0);
  ike_payloads_add_notify_u16s (offer, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS, ike_signature_hashes,
                                G_N_ELEMENTS (ike_signature_hashes));
  ike_payloads_add_vendor_id (offer, octets, 16);
  ike_payloads_add_notify_u16s (error, IKE_NOTIFY_INVALID_KE_PAYLOAD, &group, 1);
  first = ike_message_build_clear (&request, offer);
  second = ike_message_build_clear (&refusal, error);
  print_message (500, first);
  print_message (500, second);
}

/* IKE_AUTH with every payload there is. */
static IkePayloads *
make_auth (void)
{
  static const guint8 octets[300] = { 1, 2, 3 };
  static const guint8 eap[] = { 1, 1, 0, 5, 1 };
  const IkeSelector any[] = { ike_selector_any (ROAM_FAMILY_INET4), ike_selector_any (ROAM_FAMILY_INET6) };
  const IkeCpAttribute wanted[] = { { IKE_CP_INTERNAL_IP4_ADDRESS, { 0 } },
                                    { IKE_CP_INTERNAL_IP4_DNS, { 0 } },
                                    { IKE_CP_INTERNAL_IP4_ADDRESS, { octets, 4 } } };
  g_autoptr (IkeProposals) esp = ike_proposals_new_from_text (NULL, IKE_PROTOCOL_ESP, NULL);
  g_auto (IkeIdentity) mail = { 0 }, name = { 0 };
  IkePayloads *payloads = ike_payloads_new ();
  RoamAddr addr = roam_addr_from_u32 (0x0a000001);

  ike_identity_from_text ("alice@example.com", IKE_ID_AUTO, &mail, NULL);
  ike_identity_from_text ("C=DE, O=Example, CN=gw", IKE_ID_AUTO, &name, NULL);
  ike_proposals_set_spi (esp, 0xc0ffee01, 4);
  ike_payloads_add_id (payloads, IKE_PAYLOAD_IDI, &mail);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_INITIAL_CONTACT, NULL, 0);
  ike_payloads_add_certreq (payloads, IKE_CERT_ENCODING_X509_SIGNATURE, octets, 40);
  ike_payloads_add_id (payloads, IKE_PAYLOAD_IDR, &name);
  ike_payloads_add_auth (payloads, IKE_AUTH_ID_SHARED_KEY, octets, 32);
  ike_payloads_add_cp (payloads, IKE_CFG_REQUEST, wanted, G_N_ELEMENTS (wanted));
  ike_payloads_add_sa (payloads, esp);
  ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSI, any, G_N_ELEMENTS (any));
  ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSR, any, G_N_ELEMENTS (any));
  ike_payloads_add_notify (payloads, IKE_NOTIFY_MOBIKE_SUPPORTED, NULL, 0);
  ike_payloads_add_notify_addr (payloads, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS, &addr);
  ike_payloads_add_eap (payloads, eap, sizeof eap);
  return payloads;
}

static IkePayloads *
make_informational (void)
{
  static const guint32 spis[] = { 0xc0ffee01, 0xc0ffee02 };
  static const guint8 cookie[16] = { 9 };
  IkePayloads *payloads = ike_payloads_new ();

  ike_payloads_add_notify (payloads, IKE_NOTIFY_UPDATE_SA_ADDRESSES, NULL, 0);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_COOKIE2, cookie, sizeof cookie);
  ike_payloads_add_notify_spi (payloads, IKE_NOTIFY_REKEY_SA, IKE_PROTOCOL_ESP, spis[0], NULL, 0);
  ike_payloads_add_delete_esp (payloads, spis, G_N_ELEMENTS (spis));
  ike_payloads_add_delete_ike (payloads);
  return payloads;
}

static void
print_suite (const char *text, guint64 spi_r)
{
  static const guint8 nonce[32] = { 7 };
  const IkeHeader auth = {
    .spi_i = SPI_I, .spi_r = spi_r, .exchange = IKE_EXCHANGE_IKE_AUTH, .flags = IKE_FLAG_INITIATOR, .message_id = 1
  };
  const IkeHeader info = {
    .spi_i = SPI_I, .spi_r = spi_r, .exchange = IKE_EXCHANGE_INFORMATIONAL, .flags = IKE_FLAG_RESPONSE
  };
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (spi_r);
  g_autoptr (RoamSecret) skeyseed = roam_secret_new (nonce, 32);
  g_autoptr (IkeProposals) offer = ike_proposals_new_from_text (text, IKE_PROTOCOL_IKE, NULL);
  g_autoptr (IkePayloads) full = make_auth (), small = make_informational (), empty = ike_payloads_new ();
  g_autoptr (IkeKeys) keys = NULL;
  g_autoptr (GPtrArray) fragments = NULL;
  g_autoptr (GBytes) one = NULL, two = NULL, three = NULL;
  const char *reason;
  IkeSuite suite;

  g_assert_true (ike_proposals_verify_answer (offer, offer, 0, &suite, &reason));
  keys = ike_keys_new (&suite, skeyseed, (IkeView){ nonce, 32 }, (IkeView){ nonce, 32 }, SPI_I, spi_r);
  printf ("suite %s %016" G_GINT64_MODIFIER "x %016" G_GINT64_MODIFIER "x", text, SPI_I, spi_r);
  print_secret (keys->sk_ei);
  print_secret (keys->sk_er);
  print_secret (keys->sk_ai);
  print_secret (keys->sk_ar);
  putchar ('\n');
  print_clear (spi_r);
  one = ike_message_build_protected (&auth, full, keys->cipher_i, rng);
  two = ike_message_build_protected (&info, small, keys->cipher_r, rng);
  three = ike_message_build_protected (&info, empty, keys->cipher_r, rng);
  print_message (4500, one);
  print_message (4500, two);
  print_message (4500, three);
  fragments = ike_message_build_fragments (&auth, full, keys->cipher_i, rng, 300);
  for (guint i = 0; i < fragments->len; i++)
    print_message (4500, fragments->pdata[i]);
}

int
main (void)
{
  print_suite ("aes128gcm16-prfsha256-curve25519", 0x1001);
  print_suite ("aes256gcm16-prfsha384-ecp384", 0x1002);
  print_suite ("aes128-sha256-modp2048", 0x1003);
  print_suite ("aes256-sha512-ecp256", 0x1004);
  return 0;
}
