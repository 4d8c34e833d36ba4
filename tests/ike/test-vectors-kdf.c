/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Vectors of key exchange, key schedule, AUTH and hashes. */

#include "ike/ike-session-private.h"
#include "tests/ike/test-vectors.h"

/* covers: IKE-KE-004, IKE-KE-005, IKE-KE-006, IKE-CRY-002 */
gboolean
vector_run_dh (const Vector *vector)
{
  guint16 group = (guint16)vector_number (vector->inputs, "group", 0);
  IkeView priv_i = vector_hex (vector->inputs, "priv_i"), priv_r = vector_hex (vector->inputs, "priv_r");
  g_autoptr (IkeDh) ours = ike_dh_new_with_private (group, priv_i.data, priv_i.length);
  g_autoptr (IkeDh) theirs = ike_dh_new_with_private (group, priv_r.data, priv_r.length);
  g_autoptr (RoamSecret) shared_i = NULL, shared_r = NULL;
  const char *reason = NULL;

  g_assert_nonnull (ours);
  g_assert_nonnull (theirs);
  vector_assert (ike_dh_public (ours), vector->outputs, "pub_i");
  vector_assert (ike_dh_public (theirs), vector->outputs, "pub_r");
  shared_i = ike_dh_shared (ours, ike_dh_public (theirs).data, ike_dh_public (theirs).length, &reason);
  shared_r = ike_dh_shared (theirs, ike_dh_public (ours).data, ike_dh_public (ours).length, &reason);
  vector_assert_secret (shared_i, vector->outputs, "g_ir");
  vector_assert_secret (shared_r, vector->outputs, "g_ir");
  return TRUE;
}

/* covers: IKE-CRY-001 */
gboolean
vector_run_prf_plus (const Vector *vector)
{
  guint length = vector_number (vector->inputs, "length", 0);
  guint16 prf = (guint16)vector_number (vector->inputs, "prf", 0);
  IkeView key = vector_hex (vector->inputs, "key"), seed = vector_hex (vector->inputs, "seed");
  g_autofree guint8 *out = g_malloc (length);

  g_assert_true (ike_prf_plus (prf, key, &seed, 1, out, length));
  vector_assert ((IkeView){ out, length }, vector->outputs, "output");
  vector_assert ((IkeView){ out, ike_prf_length (prf) }, vector->outputs, "T1");
  return TRUE;
}

static void
assert_keys (const IkeKeys *keys, JsonObject *expected, const char *suffix)
{
  const struct
  {
    const char *name;
    const RoamSecret *secret;
  } all[] = { { "SK_d", keys->sk_d },   { "SK_ai", keys->sk_ai }, { "SK_ar", keys->sk_ar }, { "SK_ei", keys->sk_ei },
              { "SK_er", keys->sk_er }, { "SK_pi", keys->sk_pi }, { "SK_pr", keys->sk_pr } };

  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    {
      g_autofree char *name = g_strconcat (all[i].name, suffix, NULL);

      vector_assert_secret (all[i].secret, expected, name);
    }
}

/* covers: IKE-CRY-001, IKE-CRY-008 */
static void
run_initial (const Vector *vector)
{
  IkeSuite suite = vector_suite (vector);
  IkeView ni = vector_hex (vector->inputs, "ni"), nr = vector_hex (vector->inputs, "nr");
  g_autoptr (RoamSecret) g_ir = vector_secret (vector->inputs, "g_ir");
  g_autoptr (RoamSecret) skeyseed = ike_skeyseed_initial (suite.prf, ni, nr, g_ir);
  g_autoptr (IkeKeys) keys =
    ike_keys_new (&suite, skeyseed, ni, nr, vector_spi (vector->inputs, "spii"), vector_spi (vector->inputs, "spir"));

  vector_assert_secret (skeyseed, vector->outputs, "skeyseed");
  g_assert_nonnull (keys);
  assert_keys (keys, vector->outputs, "");
}

static void
run_keymat (const Vector *vector)
{
  IkeSuite esp = vector_suite (vector);
  g_autoptr (RoamSecret) sk_d = vector_secret (vector->inputs, "SK_d");
  g_auto (IkeChildKeys) keys = { 0 };

  g_assert_true (ike_child_keys_derive (esp.prf, sk_d, NULL, vector_hex (vector->inputs, "ni"),
                                        vector_hex (vector->inputs, "nr"), &esp, &keys));
  vector_assert_secret (keys.encr_i2r, vector->outputs, "encr_i2r");
  vector_assert_secret (keys.encr_r2i, vector->outputs, "encr_r2i");
  if (esp.integ != IKE_INTEG_NONE)
    {
      vector_assert_secret (keys.integ_i2r, vector->outputs, "integ_i2r");
      vector_assert_secret (keys.integ_r2i, vector->outputs, "integ_r2i");
    }
  else
    g_assert_true (keys.integ_i2r == NULL && keys.integ_r2i == NULL);
}

/* All keys of a Child SA one after the other, as the vector prints them. */
static IkeView
join_child_keys (const IkeChildKeys *keys, GByteArray *joined)
{
  const RoamSecret *const order[] = { keys->encr_i2r, keys->integ_i2r, keys->encr_r2i, keys->integ_r2i };

  for (gsize i = 0; i < G_N_ELEMENTS (order); i++)
    if (order[i] != NULL)
      g_byte_array_append (joined, roam_secret_peek (order[i]), (guint)roam_secret_length (order[i]));
  return (IkeView){ joined->data, joined->len };
}

/* covers: IKE-CRY-001 */
static void
run_child_rekey (const Vector *vector, gboolean pfs)
{
  static const IkeSuite gcm = { IKE_ENCR_AES_GCM_16, 256, 0, 0, 0, 0 };
  static const IkeSuite cbc = { IKE_ENCR_AES_CBC, 256, IKE_INTEG_HMAC_SHA2_256_128, 0, 0, 0 };
  g_autoptr (RoamSecret) sk_d = vector_secret (vector->inputs, "SK_d");
  g_autoptr (RoamSecret) g_ir = pfs ? vector_secret (vector->inputs, "g_ir_new") : NULL;
  g_autoptr (GByteArray) joined = g_byte_array_new ();
  g_auto (IkeChildKeys) keys = { 0 };

  g_assert_true (ike_child_keys_derive (IKE_PRF_HMAC_SHA2_256, sk_d, g_ir, vector_hex (vector->inputs, "ni"),
                                        vector_hex (vector->inputs, "nr"), pfs ? &cbc : &gcm, &keys));
  vector_assert (join_child_keys (&keys, joined), vector->outputs, "keymat");
}

static void
run_ike_rekey (const Vector *vector)
{
  static const IkeSuite gcm = { IKE_ENCR_AES_GCM_16, 256, 0, 0, 0, 0 };
  static const IkeSuite cbc = { IKE_ENCR_AES_CBC, 256, IKE_INTEG_HMAC_SHA2_512_256, 0, 0, 0 };
  IkeSuite suite = vector_id_is (vector, "REKEY-IKE-2") ? cbc : gcm;
  IkeView ni = vector_hex (vector->inputs, "ni"), nr = vector_hex (vector->inputs, "nr");
  g_autoptr (RoamSecret) sk_d = vector_secret (vector->inputs, "SK_d_old");
  g_autoptr (RoamSecret) g_ir = vector_secret (vector->inputs, "g_ir_new");
  g_autoptr (RoamSecret) skeyseed = NULL;
  g_autoptr (IkeKeys) keys = NULL;

  suite.prf = (guint16)vector_number (vector->inputs, "prf_new", 0);
  skeyseed = ike_skeyseed_rekey ((guint16)vector_number (vector->inputs, "prf_old", 0), sk_d, g_ir, ni, nr);
  vector_assert_secret (skeyseed, vector->outputs, "skeyseed");
  keys = ike_keys_new (&suite, skeyseed, ni, nr, vector_spi (vector->inputs, "spii_new"),
                       vector_spi (vector->inputs, "spir_new"));
  g_assert_nonnull (keys);
  assert_keys (keys, vector->outputs, "");
}

static IkeView
peek (const RoamSecret *secret)
{
  return (IkeView){ roam_secret_peek (secret), roam_secret_length (secret) };
}

/* RFC 8784 3: prf+ with the post-quantum key over each of the three keys. */
static void
run_ppk (const Vector *vector)
{
  static const char *const names[][2] = { { "SK_d_prime", "SK_d" },
                                          { "SK_pi_prime", "SK_pi" },
                                          { "SK_pr_prime", "SK_pr" } };
  IkeView ppk = vector_hex (vector->inputs, "ppk");
  guint16 prf = (guint16)vector_number (vector->inputs, "prf", 0);

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      IkeView seed = vector_hex (vector->inputs, names[i][0]);
      guint8 out[IKE_MAX_HASH];

      g_assert_true (ike_prf_plus (prf, ppk, &seed, 1, out, seed.length));
      vector_assert ((IkeView){ out, seed.length }, vector->outputs, names[i][1]);
    }
}

/* RFC 5723 5: SKEYSEED from the old SK_d; AUTH without the Key Pad step. */
static void
run_resume (const Vector *vector)
{
  const IkeSuite suite = { IKE_ENCR_AES_GCM_16, 256, 0, IKE_PRF_HMAC_SHA2_256, 0, 0 };
  IkeView ni = vector_hex (vector->inputs, "ni"), nr = vector_hex (vector->inputs, "nr");
  g_autoptr (RoamSecret) sk_d = vector_secret (vector->inputs, "SK_d_old");
  const IkeResumption resumption = { .suite = suite, .sk_d = sk_d };
  g_autoptr (RoamSecret) skeyseed = ike_resumption_skeyseed (suite.prf, sk_d, ni, nr);
  g_autoptr (IkeKeys) keys = NULL;

  g_assert_nonnull (skeyseed);
  vector_assert ((IkeView){ roam_secret_peek (skeyseed), roam_secret_length (skeyseed) }, vector->outputs, "skeyseed");
  keys =
    ike_resumption_keys (&resumption, ni, nr, vector_spi (vector->inputs, "spii"), vector_spi (vector->inputs, "spir"));
  g_assert_nonnull (keys);
  assert_keys (keys, vector->outputs, "");
}

/* RFC 9370 2.2.2: prf (SK_d, SK(1) | Ni | Nr) has the form of IKE rekeying. */
static void
run_additional_ke (const Vector *vector)
{
  const IkeSuite suite = { IKE_ENCR_AES_GCM_16, 256, 0, IKE_PRF_HMAC_SHA2_256, 0, 0 };
  IkeView ni = vector_hex (vector->inputs, "ni"), nr = vector_hex (vector->inputs, "nr");
  g_autoptr (RoamSecret) sk_d = vector_secret (vector->inputs, "SK_d0");
  g_autoptr (RoamSecret) shared = vector_secret (vector->inputs, "shared_1");
  g_autoptr (RoamSecret) skeyseed = ike_skeyseed_rekey (suite.prf, sk_d, shared, ni, nr);
  g_autoptr (IkeKeys) keys =
    ike_keys_new (&suite, skeyseed, ni, nr, vector_spi (vector->inputs, "spii"), vector_spi (vector->inputs, "spir"));

  vector_assert_secret (skeyseed, vector->outputs, "skeyseed_1");
  g_assert_nonnull (keys);
  assert_keys (keys, vector->outputs, "_1");
}

/* RFC 9370 2.2.4: the additional secrets follow the nonces. */
static void
run_additional_ke_child (const Vector *vector)
{
  IkeView sk_d = vector_hex (vector->inputs, "SK_d");
  const IkeView parts[] = { vector_hex (vector->inputs, "SK0"), vector_hex (vector->inputs, "ni"),
                            vector_hex (vector->inputs, "nr"), vector_hex (vector->inputs, "SK1") };
  guint8 keymat[72], skeyseed[IKE_MAX_HASH];

  g_assert_true (ike_prf_plus (IKE_PRF_HMAC_SHA2_256, sk_d, parts, 4, keymat, sizeof keymat));
  vector_assert ((IkeView){ keymat, sizeof keymat }, vector->outputs, "keymat_72");
  g_assert_true (ike_prf (IKE_PRF_HMAC_SHA2_256, sk_d, parts, 4, skeyseed));
  vector_assert ((IkeView){ skeyseed, 32 }, vector->outputs, "skeyseed");
}

static void
run_nist (const Vector *vector)
{
  const guint16 prf = IKE_PRF_HMAC_SHA1;
  IkeView ni = vector_hex (vector->inputs, "ni"), nr = vector_hex (vector->inputs, "nr");
  const IkeView seed[] = { ni, nr, vector_hex (vector->inputs, "spii"), vector_hex (vector->inputs, "spir") };
  g_autoptr (RoamSecret) g_ir = vector_secret (vector->inputs, "g_ir");
  g_autoptr (RoamSecret) g_ir_new = vector_secret (vector->inputs, "g_ir_new");
  g_autoptr (RoamSecret) skeyseed = ike_skeyseed_initial (prf, ni, nr, g_ir);
  g_autoptr (RoamSecret) sk_d = NULL, rekeyed = NULL;
  gsize length = vector_number (vector->inputs, "dkm_length", 0);
  g_autofree guint8 *dkm = g_malloc (length);
  IkeView child_seed[3] = { peek (g_ir_new), ni, nr };

  vector_assert_secret (skeyseed, vector->outputs, "skeyseed");
  g_assert_true (ike_prf_plus (prf, peek (skeyseed), seed, 4, dkm, length));
  vector_assert ((IkeView){ dkm, length }, vector->outputs, "dkm");
  sk_d = roam_secret_new (dkm, ike_prf_length (prf));
  g_assert_true (ike_prf_plus (prf, peek (sk_d), child_seed + 1, 2, dkm, length));
  vector_assert ((IkeView){ dkm, length }, vector->outputs, "dkm_child");
  g_assert_true (ike_prf_plus (prf, peek (sk_d), child_seed, 3, dkm, length));
  vector_assert ((IkeView){ dkm, length }, vector->outputs, "dkm_child_dh");
  rekeyed = ike_skeyseed_rekey (prf, sk_d, g_ir_new, ni, nr);
  vector_assert_secret (rekeyed, vector->outputs, "skeyseed_rekey");
}

gboolean
vector_run_kdf (const Vector *vector)
{
  if (g_str_has_suffix (vector->id, "-KDF"))
    run_initial (vector);
  else if (g_str_has_suffix (vector->id, "-KEYMAT"))
    run_keymat (vector);
  else if (vector_id_is (vector, "KEYMAT-REKEY-NOPFS") || vector_id_is (vector, "KEYMAT-REKEY-PFS"))
    run_child_rekey (vector, vector_id_is (vector, "KEYMAT-REKEY-PFS"));
  else if (vector_id_starts (vector, "REKEY-IKE-"))
    run_ike_rekey (vector);
  else if (vector_id_is (vector, "PPK-1"))
    run_ppk (vector);
  else if (vector_id_is (vector, "RESUME-1"))
    run_resume (vector);
  else if (vector_id_is (vector, "ADDKE-1"))
    run_additional_ke (vector);
  else if (vector_id_is (vector, "ADDKE-CHILD"))
    run_additional_ke_child (vector);
  else if (vector_id_is (vector, "KDF-NIST-CAVS-1"))
    run_nist (vector);
  else
    return FALSE;
  return TRUE;
}

/* One side of a shared-key vector. */
static void
check_shared_key (const Vector *vector, gboolean initiator)
{
  IkeSuite suite = vector_suite (vector);
  const char *side = initiator ? "i" : "r";
  g_autofree char *octets_name = g_strdup_printf ("signed_octets_%s", side);
  g_autofree char *auth_name = g_strdup_printf ("auth_%s", side);
  g_autoptr (RoamSecret) psk = vector_secret (vector->inputs, "psk");
  g_autoptr (RoamSecret) sk_p = vector_secret (vector->inputs, initiator ? "SK_pi" : "SK_pr");
  g_autoptr (GBytes) octets =
    ike_auth_signed_octets (suite.prf, vector_hex (vector->inputs, initiator ? "message1" : "message2"),
                            vector_hex (vector->inputs, initiator ? "nr" : "ni"), sk_p,
                            vector_hex (vector->inputs, initiator ? "idi_body" : "idr_body"));
  guint8 auth[IKE_MAX_HASH];
  IkeView view;

  view.data = g_bytes_get_data (octets, &view.length);
  vector_assert (view, vector->outputs, octets_name);
  g_assert_true (ike_auth_shared_key (suite.prf, psk, view, auth));
  vector_assert ((IkeView){ auth, ike_prf_length (suite.prf) }, vector->outputs, auth_name);
  g_assert_true (ike_auth_verify_shared_key (suite.prf, psk, view, (IkeView){ auth, ike_prf_length (suite.prf) }));
  auth[3] ^= 1;
  g_assert_false (ike_auth_verify_shared_key (suite.prf, psk, view, (IkeView){ auth, ike_prf_length (suite.prf) }));
}

/* EAP: the MSK or SK_p in place of the shared key (RFC 7296 2.16). */
static void
check_eap_key (const Vector *vector, const char *key, const char *octets, const char *auth_name)
{
  guint16 prf = (guint16)vector_number (vector->inputs, "prf", 0);
  g_autoptr (RoamSecret) secret = vector_secret (vector->inputs, key);
  guint8 auth[IKE_MAX_HASH];

  g_assert_true (ike_auth_shared_key (prf, secret, vector_hex (vector->inputs, octets), auth));
  vector_assert ((IkeView){ auth, ike_prf_length (prf) }, vector->outputs, auth_name);
}

/* A bit flipped in the signature, in the octets or in the method must not verify. */
static void
check_signature (const Vector *vector, guint8 method, const char *auth_name, IkeSignatureFlags flags)
{
  IkeView spki = vector_hex (vector->inputs, "spki"), octets = vector_hex (vector->inputs, "signed_octets_r");
  IkeView auth = vector_hex (vector->outputs, auth_name);
  g_autoptr (IkePublicKey) key = ike_public_key_new_from_spki (spki.data, spki.length);
  g_autofree guint8 *broken = g_memdup2 (auth.data, auth.length);
  const char *reason = NULL;

  g_assert_nonnull (key);
  g_assert_true (ike_auth_verify_signature (key, method, auth, octets, flags, &reason));
  broken[auth.length - 2] ^= 0x10;
  g_assert_false (ike_auth_verify_signature (key, method, (IkeView){ broken, auth.length }, octets, flags, &reason));
  octets.length--;
  g_assert_false (ike_auth_verify_signature (key, method, auth, octets, flags, &reason));
  g_assert_nonnull (reason);
}

/* covers: IKE-AUTH-001, IKE-AUTH-003, IKE-EAP-012, IKE-EAP-013 */
/* covers: IKE-AUTH-012, IKE-AUTH-014, IKE-SIG-005, IKE-SIG-006, IKE-SIG-007, IKE-SIG-009 */
gboolean
vector_run_auth (const Vector *vector)
{
  if (g_str_has_suffix (vector->id, "-AUTH-PSK"))
    {
      check_shared_key (vector, TRUE);
      check_shared_key (vector, FALSE);
    }
  else if (vector_id_is (vector, "AUTH-MSK"))
    {
      check_eap_key (vector, "msk", "signed_octets_i", "auth_i");
      check_eap_key (vector, "msk", "signed_octets_r", "auth_r");
    }
  else if (vector_id_is (vector, "AUTH-NONKEY-EAP"))
    {
      check_eap_key (vector, "SK_pi", "signed_octets_i", "auth_i");
      check_eap_key (vector, "SK_pr", "signed_octets_r", "auth_r");
    }
  else if (vector_id_is (vector, "AUTH-SIG-PSS") || vector_id_is (vector, "AUTH-SIG-RSA14") ||
           vector_id_is (vector, "AUTH-SIG-ED25519"))
    check_signature (vector, IKE_AUTH_ID_DIGITAL_SIGNATURE, "auth_data", IKE_SIGNATURE_REQUIRE_METHOD_14);
  else if (vector_id_is (vector, "AUTH-SIG-RSA1"))
    {
      check_signature (vector, IKE_AUTH_ID_RSA, "auth_data_sha256", IKE_SIGNATURE_DEFAULT);
      check_signature (vector, IKE_AUTH_ID_RSA, "auth_data_sha1", IKE_SIGNATURE_ALLOW_SHA1);
    }
  else if (vector_id_is (vector, "AUTH-SIG-ECDSA"))
    {
      check_signature (vector, IKE_AUTH_ID_DIGITAL_SIGNATURE, "auth_data_method14", IKE_SIGNATURE_DEFAULT);
      check_signature (vector, IKE_AUTH_ID_ECDSA_256, "auth_data_method9", IKE_SIGNATURE_DEFAULT);
    }
  else
    return FALSE;
  return TRUE;
}

/* covers: IKE-NAT-001 */
gboolean
vector_run_hash (const Vector *vector)
{
  guint8 digest[IKE_NAT_DETECTION_LENGTH];

  if (vector_id_starts (vector, "NATD-"))
    {
      RoamEndpoint endpoint = vector_endpoint (vector->inputs, "address", "port");

      ike_nat_detection_hash (vector_spi (vector->inputs, "spii"), vector_spi (vector->inputs, "spir"), &endpoint,
                              digest);
    }
  else if (vector_id_starts (vector, "NATPREV-"))
    {
      RoamEndpoint source = vector_endpoint (vector->inputs, "src", "sport");
      RoamEndpoint destination = vector_endpoint (vector->inputs, "dst", "dport");

      ike_nat_prevention_hash (&source, &destination, digest);
    }
  else
    return FALSE;
  vector_assert ((IkeView){ digest, sizeof digest }, vector->outputs, "digest");
  return TRUE;
}

static IkeView
nonce_of (JsonArray *nonces, guint index)
{
  return vector_hex_text (json_array_get_string_element (nonces, index));
}

/* Nonces 0, 1 belong to exchange A, 2 and 3 to B: the one with the lowest of all four closes. */
gboolean
vector_run_logic (const Vector *vector)
{
  JsonArray *cases;

  if (!vector_id_is (vector, "REKEY-NONCE-CMP"))
    return FALSE;
  cases = json_object_get_array_member (vector->inputs, "cases");
  for (guint i = 0; i < json_array_get_length (cases); i++)
    {
      JsonObject *one = json_array_get_object_element (cases, i);
      JsonArray *nonces = json_object_get_array_member (one, "nonces");
      guint lowest = 0;

      for (guint j = 1; j < 4; j++)
        if (ike_nonce_compare (nonce_of (nonces, j), nonce_of (nonces, lowest)) < 0)
          lowest = j;
      g_assert_cmpstr (lowest < 2 ? "A" : "B", ==, vector_text (one, "close"));
    }
  return TRUE;
}

/* The PRF and the PS payload (54) of RFC 8019: as an unknown payload to the codec. */
gboolean
vector_run_puzzle (const Vector *vector)
{
  JsonArray *keys = json_object_get_array_member (vector->outputs, "keys");
  JsonArray *outputs = json_object_get_array_member (vector->outputs, "prf_outputs");
  gboolean first = vector_has (vector->inputs, "cookie");
  IkeView parts[2] = { vector_hex (vector->inputs, first ? "cookie" : "nr") };

  if (!first)
    parts[1] = vector_hex (vector->inputs, "spir");
  for (guint i = 0; i < json_array_get_length (keys); i++)
    {
      IkeView want = vector_hex_text (json_array_get_string_element (outputs, i));
      guint8 out[IKE_MAX_HASH];

      g_assert_true (ike_prf (IKE_PRF_HMAC_SHA2_256, vector_hex_text (json_array_get_string_element (keys, i)), parts,
                              first ? 1 : 2, out));
      g_assert_cmpmem (out, 32, want.data, want.length);
    }
  return TRUE;
}
