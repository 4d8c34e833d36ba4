/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tests/ike/test-crypto-pki.h"

#include <openssl/bio.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

static EVP_PKEY *
make_key (const char *kind)
{
  EVP_PKEY *key;

  if (g_str_has_prefix (kind, "RSA:"))
    key = EVP_RSA_gen ((unsigned int)g_ascii_strtoull (kind + 4, NULL, 10));
  else if (g_str_has_prefix (kind, "EC:"))
    key = EVP_EC_gen (kind + 3);
  else
    key = EVP_PKEY_Q_keygen (NULL, NULL, kind);
  g_assert_nonnull (key);
  return key;
}

static void
add_extension (X509 *certificate, X509 *issuer, int nid, const char *value)
{
  X509_EXTENSION *extension;
  X509V3_CTX context;

  if (value == NULL)
    return;
  X509V3_set_ctx (&context, issuer, certificate, NULL, NULL, 0);
  extension = X509V3_EXT_conf_nid (NULL, &context, nid, value);
  g_assert_nonnull (extension);
  g_assert_cmpint (X509_add_ext (certificate, extension, -1), ==, 1);
  X509_EXTENSION_free (extension);
}

PkiNode *
pki_issue (const PkiRequest *request, const PkiNode *issuer)
{
  PkiNode *node = g_new0 (PkiNode, 1);
  X509 *certificate = X509_new ();
  X509_NAME *name = X509_get_subject_name (certificate);
  X509 *signer = issuer != NULL ? issuer->certificate : certificate;
  EVP_PKEY *signing_key;
  static long serial = 1;

  node->certificate = certificate;
  if (request->own_key != NULL)
    {
      EVP_PKEY_up_ref (request->own_key);
      node->key = request->own_key;
    }
  else
    node->key = make_key (request->key);
  signing_key = issuer != NULL ? issuer->key : node->key;
  X509_set_version (certificate, X509_VERSION_3);
  ASN1_INTEGER_set (X509_get_serialNumber (certificate), serial++);
  ASN1_TIME_set (X509_getm_notBefore (certificate), request->from != 0 ? request->from : PKI_NOW - PKI_YEAR);
  ASN1_TIME_set (X509_getm_notAfter (certificate), request->until != 0 ? request->until : PKI_NOW + PKI_YEAR);
  X509_NAME_add_entry_by_txt (name, "O", MBSTRING_UTF8, (const guint8 *)"Roam", -1, -1, 0);
  X509_NAME_add_entry_by_txt (name, "CN", MBSTRING_UTF8, (const guint8 *)request->common_name, -1, -1, 0);
  X509_set_issuer_name (certificate, X509_get_subject_name (signer));
  X509_set_pubkey (certificate, node->key);
  add_extension (certificate, signer, NID_basic_constraints, request->constraints);
  add_extension (certificate, signer, NID_key_usage, request->key_usage);
  add_extension (certificate, signer, NID_ext_key_usage, request->extended_usage);
  add_extension (certificate, signer, NID_subject_alt_name, request->san);
  add_extension (certificate, signer, NID_info_access, request->info_access);
  add_extension (certificate, signer, NID_crl_distribution_points, request->crl_points);
  g_assert_cmpint (X509_sign (certificate, signing_key,
                              EVP_PKEY_get_base_id (signing_key) == EVP_PKEY_ED25519
                                ? NULL
                                : EVP_get_digestbyname (request->digest != NULL ? request->digest : "SHA256")),
                   >, 0);
  return node;
}

void
pki_node_free (PkiNode *node)
{
  if (node == NULL)
    return;
  X509_free (node->certificate);
  EVP_PKEY_free (node->key);
  g_free (node);
}

/* What @bio holds; frees it. */
static GBytes *
drain (BIO *bio)
{
  char *data;
  long length = BIO_get_mem_data (bio, &data);
  GBytes *bytes = g_bytes_new (data, (gsize)length);

  BIO_free (bio);
  return bytes;
}

GBytes *
pki_certificate_pem (const PkiNode *node)
{
  BIO *bio = BIO_new (BIO_s_mem ());

  g_assert_cmpint (PEM_write_bio_X509 (bio, node->certificate), ==, 1);
  return drain (bio);
}

GBytes *
pki_certificate_der (const PkiNode *node)
{
  BIO *bio = BIO_new (BIO_s_mem ());

  g_assert_cmpint (i2d_X509_bio (bio, node->certificate), ==, 1);
  return drain (bio);
}

RoamSecret *
pki_key_pem (const PkiNode *node)
{
  BIO *bio = BIO_new (BIO_s_mem ());
  RoamSecret *pem;
  char *data;
  long length;

  g_assert_cmpint (PEM_write_bio_PrivateKey (bio, node->key, NULL, NULL, 0, NULL, NULL), ==, 1);
  /* libcrypto wipes what a memory BIO held. */
  length = BIO_get_mem_data (bio, &data);
  pem = roam_secret_new ((const guint8 *)data, (gsize)length);
  BIO_free (bio);
  return pem;
}

GBytes *
pki_crl_der (const PkiNode *issuer, const PkiNode *revoked, gint64 until)
{
  X509_CRL *crl = X509_CRL_new ();
  BIO *bio = BIO_new (BIO_s_mem ());
  ASN1_TIME *last = ASN1_TIME_set (NULL, PKI_NOW - PKI_YEAR);
  ASN1_TIME *next = ASN1_TIME_set (NULL, until != 0 ? until : PKI_NOW + PKI_YEAR);

  X509_CRL_set_version (crl, X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name (crl, X509_get_subject_name (issuer->certificate));
  X509_CRL_set1_lastUpdate (crl, last);
  X509_CRL_set1_nextUpdate (crl, next);
  if (revoked != NULL)
    {
      X509_REVOKED *entry = X509_REVOKED_new ();

      X509_REVOKED_set_serialNumber (entry, X509_get_serialNumber (revoked->certificate));
      X509_REVOKED_set_revocationDate (entry, last);
      g_assert_cmpint (X509_CRL_add0_revoked (crl, entry), ==, 1);
    }
  g_assert_cmpint (X509_CRL_sign (crl, issuer->key, EVP_sha256 ()), >, 0);
  g_assert_cmpint (i2d_X509_CRL_bio (bio, crl), ==, 1);
  ASN1_TIME_free (last);
  ASN1_TIME_free (next);
  X509_CRL_free (crl);
  return drain (bio);
}

static void
add_status (OCSP_BASICRESP *basic, const PkiNode *issuer, const PkiNode *subject, const PkiOcsp *ocsp)
{
  static const int statuses[] = { V_OCSP_CERTSTATUS_GOOD, V_OCSP_CERTSTATUS_REVOKED, V_OCSP_CERTSTATUS_UNKNOWN };
  gint64 at = ocsp->this_update != 0 ? ocsp->this_update : PKI_NOW;
  OCSP_CERTID *id =
    OCSP_cert_to_id (ocsp->sha256 ? EVP_sha256 () : EVP_sha1 (), subject->certificate, issuer->certificate);
  ASN1_TIME *this_update = ASN1_TIME_set (NULL, at);
  ASN1_TIME *next_update = ocsp->next_update != 0 ? ASN1_TIME_set (NULL, ocsp->next_update) : NULL;

  g_assert_nonnull (OCSP_basic_add1_status (basic, id, statuses[ocsp->status], OCSP_REVOKED_STATUS_KEYCOMPROMISE,
                                            ocsp->status == PKI_REVOKED ? this_update : NULL, this_update,
                                            next_update));
  ASN1_TIME_free (this_update);
  ASN1_TIME_free (next_update);
  OCSP_CERTID_free (id);
}

GBytes *
pki_ocsp_der (const PkiNode *issuer, const PkiNode *subject, const PkiOcsp *ocsp)
{
  const PkiNode *signer = ocsp->signer != NULL ? ocsp->signer : issuer;
  OCSP_BASICRESP *basic = OCSP_BASICRESP_new ();
  OCSP_RESPONSE *response;
  BIO *bio = BIO_new (BIO_s_mem ());

  if (ocsp->request != NULL)
    {
      const guint8 *at = g_bytes_get_data (ocsp->request, NULL);
      OCSP_REQUEST *request = d2i_OCSP_REQUEST (NULL, &at, (long)g_bytes_get_size (ocsp->request));

      g_assert_nonnull (request);
      OCSP_copy_nonce (basic, request);
      OCSP_REQUEST_free (request);
    }
  add_status (basic, issuer, subject, ocsp);
  g_assert_cmpint (OCSP_basic_sign (basic, signer->certificate, signer->key, EVP_sha256 (), NULL, 0), ==, 1);
  response = ocsp->try_later ? OCSP_response_create (OCSP_RESPONSE_STATUS_TRYLATER, NULL)
                             : OCSP_response_create (OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  g_assert_cmpint (i2d_OCSP_RESPONSE_bio (bio, response), ==, 1);
  OCSP_RESPONSE_free (response);
  OCSP_BASICRESP_free (basic);
  return drain (bio);
}
