/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* AUTH with a shared key, and what every AUTH covers (RFC 7296 2.15). */

#include "ike/ike-algorithm-private.h"

GBytes *
ike_auth_signed_octets (guint16 prf, IkeView message, IkeView nonce, const RoamSecret *sk_p, IkeView id_body)
{
  GByteArray *octets = g_byte_array_sized_new ((guint)(message.length + nonce.length + IKE_MAX_HASH));
  guint8 maced_id[IKE_MAX_HASH];

  if (!ike_prf (prf, ike_view_secret (sk_p), &id_body, 1, maced_id))
    {
      g_byte_array_unref (octets);
      return NULL;
    }
  g_byte_array_append (octets, message.data, (guint)message.length);
  g_byte_array_append (octets, nonce.data, (guint)nonce.length);
  g_byte_array_append (octets, maced_id, (guint)ike_prf_length (prf));
  return g_byte_array_free_to_bytes (octets);
}

gboolean
ike_auth_shared_key (guint16 prf, const RoamSecret *secret, IkeView octets, guint8 out[IKE_MAX_HASH])
{
  static const char key_pad[] = "Key Pad for IKEv2";
  const IkeView pad = { (const guint8 *)key_pad, sizeof key_pad - 1 };
  guint8 key[IKE_MAX_HASH];
  gboolean good;

  good = ike_prf (prf, ike_view_secret (secret), &pad, 1, key) &&
         ike_prf (prf, (IkeView){ key, ike_prf_length (prf) }, &octets, 1, out);
  roam_wipe (key, sizeof key);
  return good;
}

gboolean
ike_auth_verify_shared_key (guint16 prf, const RoamSecret *secret, IkeView octets, IkeView auth)
{
  guint8 expected[IKE_MAX_HASH];
  gboolean good;

  good = ike_auth_shared_key (prf, secret, octets, expected) && auth.length == ike_prf_length (prf) &&
         roam_equal_constant_time (expected, auth.data, auth.length);
  roam_wipe (expected, sizeof expected);
  return good;
}
