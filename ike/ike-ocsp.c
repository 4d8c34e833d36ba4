/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Has a certificate been revoked? OCSP (RFC 6960, as RFC 4806 carries it) and lists from its distribution points. */

#include "ike/ike-signature-private.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <string.h>

#define MAX_URL 1024
/* Clocks of responders and laptops differ. */
#define TOLERANCE_S 300
/* An answer without nextUpdate was made for the question (RFC 6960 2.4); one that is older was kept by somebody. */
#define MAX_AGE_S 3600

G_DEFINE_AUTOPTR_CLEANUP_FUNC (OCSP_REQUEST, OCSP_REQUEST_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OCSP_RESPONSE, OCSP_RESPONSE_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OCSP_BASICRESP, OCSP_BASICRESP_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OCSP_CERTID, OCSP_CERTID_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_STORE, X509_STORE_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_STORE_CTX, X509_STORE_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_CRL, X509_CRL_free)

static X509 *
leaf_of (const IkePublicKey *key)
{
  return key->chain != NULL ? sk_X509_value (key->chain, 0) : NULL;
}

/* NULL also for a leaf that is an anchor itself: nobody can revoke that. */
static X509 *
issuer_of (const IkePublicKey *key)
{
  return key->chain != NULL && sk_X509_num (key->chain) > 1 ? sk_X509_value (key->chain, 1) : NULL;
}

gboolean
ike_public_key_is_covered (const IkePublicKey *key)
{
  return key->covered_by_crl;
}

/* --- where to ask --- */

gboolean
ike_url_is_http (const char *url, gsize length)
{
  static const char scheme[] = "http://";

  if (length < sizeof scheme || length > MAX_URL || g_ascii_strncasecmp (url, scheme, sizeof scheme - 1) != 0)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isgraph (url[i]))
      return FALSE;
  return TRUE;
}

static void
add_url (GPtrArray *urls, const ASN1_STRING *text)
{
  const char *url = (const char *)ASN1_STRING_get0_data (text);
  gsize length = (gsize)ASN1_STRING_length (text);

  if (urls->len < IKE_MAX_REVOCATION_URLS && ike_url_is_http (url, length))
    g_ptr_array_add (urls, g_strndup (url, length));
}

GPtrArray *
ike_public_key_dup_ocsp_urls (const IkePublicKey *key)
{
  GPtrArray *urls = g_ptr_array_new_with_free_func (g_free);
  AUTHORITY_INFO_ACCESS *access =
    issuer_of (key) != NULL ? X509_get_ext_d2i (leaf_of (key), NID_info_access, NULL, NULL) : NULL;

  for (int i = 0; i < sk_ACCESS_DESCRIPTION_num (access); i++)
    {
      const ACCESS_DESCRIPTION *entry = sk_ACCESS_DESCRIPTION_value (access, i);

      if (OBJ_obj2nid (entry->method) == NID_ad_OCSP && entry->location->type == GEN_URI)
        add_url (urls, entry->location->d.uniformResourceIdentifier);
    }
  AUTHORITY_INFO_ACCESS_free (access);
  return urls;
}

/* Whole lists of the issuer itself; those for some reasons only, or of somebody else, cannot prove that it is good. */
static void
add_point (GPtrArray *urls, const DIST_POINT *point)
{
  if (point->distpoint == NULL || point->distpoint->type != 0 || point->reasons != NULL || point->CRLissuer != NULL)
    return;
  for (int i = 0; i < sk_GENERAL_NAME_num (point->distpoint->name.fullname); i++)
    {
      const GENERAL_NAME *name = sk_GENERAL_NAME_value (point->distpoint->name.fullname, i);

      if (name->type == GEN_URI)
        add_url (urls, name->d.uniformResourceIdentifier);
    }
}

GPtrArray *
ike_public_key_dup_crl_urls (const IkePublicKey *key)
{
  GPtrArray *urls = g_ptr_array_new_with_free_func (g_free);
  CRL_DIST_POINTS *points =
    issuer_of (key) != NULL ? X509_get_ext_d2i (leaf_of (key), NID_crl_distribution_points, NULL, NULL) : NULL;

  for (int i = 0; i < sk_DIST_POINT_num (points); i++)
    add_point (urls, sk_DIST_POINT_value (points, i));
  CRL_DIST_POINTS_free (points);
  return urls;
}

/* --- question --- */

/* SHA-1 names the issuer here and protects nothing; responders that know other names only are rare (RFC 5019 2.1.1). */
static gboolean
add_id (OCSP_REQUEST *request, const IkePublicKey *key)
{
  OCSP_CERTID *id = OCSP_cert_to_id (EVP_sha1 (), leaf_of (key), issuer_of (key));

  if (id != NULL && OCSP_request_add0_id (request, id) != NULL)
    return TRUE;
  OCSP_CERTID_free (id);
  return FALSE;
}

GBytes *
ike_ocsp_request_new (const IkePublicKey *key, IkeView nonce)
{
  g_autoptr (OCSP_REQUEST) request = OCSP_REQUEST_new ();
  g_autofree guint8 *value = g_memdup2 (nonce.data, nonce.length);
  unsigned char *der = NULL;
  GBytes *bytes = NULL;
  int length;

  if (issuer_of (key) == NULL || request == NULL || !add_id (request, key) ||
      (nonce.length > 0 && OCSP_request_add1_nonce (request, value, (int)nonce.length) != 1))
    return NULL;
  length = i2d_OCSP_REQUEST (request, &der);
  if (length > 0)
    bytes = g_bytes_new (der, (gsize)length);
  OPENSSL_free (der);
  return bytes;
}

/* --- answer --- */

/* TRUE: @time is in the past, seen with a clock that is @slack seconds fast. */
static gboolean
is_past (const ASN1_GENERALIZEDTIME *time, const RoamNow *now, gint64 slack)
{
  time_t at = (time_t)(roam_now_unix (now) + slack);

  return X509_cmp_time (time, &at) < 0;
}

static gboolean
is_current (const ASN1_GENERALIZEDTIME *this_update, const ASN1_GENERALIZEDTIME *next_update, const RoamNow *now)
{
  time_t end = (time_t)(roam_now_unix (now) - TOLERANCE_S), oldest = (time_t)(roam_now_unix (now) - MAX_AGE_S);

  if (this_update == NULL || !is_past (this_update, now, TOLERANCE_S))
    return FALSE;
  return next_update != NULL ? X509_cmp_time (next_update, &end) > 0 : X509_cmp_time (this_update, &oldest) > 0;
}

/* The responder chooses the hash that it names certificates with. */
static gboolean
is_about (const OCSP_SINGLERESP *single, const IkePublicKey *key)
{
  const OCSP_CERTID *named = OCSP_SINGLERESP_get0_id (single);
  g_autoptr (OCSP_CERTID) ours = NULL;
  ASN1_OBJECT *algorithm;
  const EVP_MD *digest;

  if (OCSP_id_get0_info (NULL, &algorithm, NULL, NULL, (OCSP_CERTID *)(guintptr)named) != 1)
    return FALSE;
  digest = EVP_get_digestbyobj (algorithm);
  if (digest != NULL)
    ours = OCSP_cert_to_id (digest, leaf_of (key), issuer_of (key));
  return ours != NULL && OCSP_id_cmp (ours, named) == 0;
}

static IkeRevocation
judge_single (OCSP_SINGLERESP *single, const RoamNow *now, const char **ret_reason)
{
  ASN1_GENERALIZEDTIME *this_update = NULL, *next_update = NULL;
  int status = OCSP_single_get0_status (single, NULL, NULL, &this_update, &next_update);

  *ret_reason = "the OCSP answer about the gateway's certificate is not valid at this time";
  if (!is_current (this_update, next_update, now))
    return IKE_REVOCATION_UNKNOWN;
  switch (status)
    {
    case V_OCSP_CERTSTATUS_GOOD:
      return IKE_REVOCATION_GOOD;
    case V_OCSP_CERTSTATUS_REVOKED:
      return IKE_REVOCATION_REVOKED;
    default:
      *ret_reason = "the OCSP responder does not know the gateway's certificate";
      return IKE_REVOCATION_UNKNOWN;
    }
}

/* RFC 6960 4.2.2.2: the issuer's own signature, or that of a certificate it gave out for OCSP. */
static gboolean
is_signed (OCSP_BASICRESP *basic, const IkeCredentials *credentials, const IkePublicKey *key, const RoamNow *now)
{
  g_autoptr (X509_STORE) store = ike_credentials_make_anchor_store (credentials);
  X509_VERIFY_PARAM *param = X509_STORE_get0_param (store);

  X509_VERIFY_PARAM_set_time (param, roam_now_unix (now));
  X509_VERIFY_PARAM_set_auth_level (param, IKE_SECURITY_LEVEL);
  return OCSP_basic_verify (basic, key->chain, store, 0) == 1;
}

/* Without a nonce the answer may be one that the responder made for everybody (RFC 5019 4). */
static gboolean
has_nonce (OCSP_BASICRESP *basic, IkeView nonce)
{
  g_autoptr (OCSP_REQUEST) request = OCSP_REQUEST_new ();
  g_autofree guint8 *value = g_memdup2 (nonce.data, nonce.length);

  if (nonce.length == 0)
    return TRUE;
  return request != NULL && OCSP_request_add1_nonce (request, value, (int)nonce.length) == 1 &&
         OCSP_check_nonce (request, basic) != 0;
}

static IkeRevocation
judge_basic (OCSP_BASICRESP *basic, const IkeCredentials *credentials, const IkePublicKey *key, IkeView nonce,
             const RoamNow *now, const char **ret_reason)
{
  *ret_reason = "the OCSP answer is one to another question";
  if (!has_nonce (basic, nonce))
    return IKE_REVOCATION_UNKNOWN;
  *ret_reason = "the OCSP answer is not signed by the CA of the gateway's certificate or for it";
  if (!is_signed (basic, credentials, key, now))
    return IKE_REVOCATION_UNKNOWN;
  *ret_reason = "the OCSP answer is about another certificate";
  for (int i = 0; i < OCSP_resp_count (basic); i++)
    if (is_about (OCSP_resp_get0 (basic, i), key))
      return judge_single (OCSP_resp_get0 (basic, i), now, ret_reason);
  return IKE_REVOCATION_UNKNOWN;
}

IkeRevocation
ike_ocsp_judge (const IkeCredentials *credentials, const IkePublicKey *key, IkeView response, IkeView nonce,
                const RoamNow *now, const char **ret_reason)
{
  const guint8 *at = response.data;
  g_autoptr (OCSP_RESPONSE) parsed = d2i_OCSP_RESPONSE (NULL, &at, (long)response.length);
  g_autoptr (OCSP_BASICRESP) basic = NULL;
  IkeRevocation status = IKE_REVOCATION_UNKNOWN;

  *ret_reason = "the OCSP answer cannot be read";
  if (parsed != NULL && at == response.data + response.length)
    {
      *ret_reason = "the OCSP responder gives no answer about the gateway's certificate";
      if (OCSP_response_status (parsed) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
        basic = OCSP_response_get1_basic (parsed);
    }
  if (basic != NULL && issuer_of (key) != NULL)
    status = judge_basic (basic, credentials, key, nonce, now, ret_reason);
  ERR_clear_error ();
  return status;
}

/* --- lists --- */

static int
verify_with_list (const IkeCredentials *credentials, const IkePublicKey *key, X509_CRL *crl, const RoamNow *now)
{
  g_autoptr (X509_STORE) store = ike_credentials_make_anchor_store (credentials);
  g_autoptr (X509_STORE_CTX) context = X509_STORE_CTX_new ();

  if (store == NULL || context == NULL || X509_STORE_add_crl (store, crl) != 1 ||
      X509_STORE_CTX_init (context, store, leaf_of (key), key->chain) != 1)
    return X509_V_ERR_UNSPECIFIED;
  X509_STORE_CTX_set_flags (context, X509_V_FLAG_CRL_CHECK);
  X509_VERIFY_PARAM_set_time (X509_STORE_CTX_get0_param (context), roam_now_unix (now));
  X509_VERIFY_PARAM_set_auth_level (X509_STORE_CTX_get0_param (context), IKE_SECURITY_LEVEL);
  return X509_verify_cert (context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error (context);
}

IkeRevocation
ike_crl_judge (const IkeCredentials *credentials, const IkePublicKey *key, IkeView crl, const RoamNow *now,
               const char **ret_reason)
{
  const guint8 *at = crl.data;
  g_autoptr (X509_CRL) parsed = d2i_X509_CRL (NULL, &at, (long)crl.length);
  int error = X509_V_ERR_UNSPECIFIED;

  if (parsed != NULL && issuer_of (key) != NULL)
    error = verify_with_list (credentials, key, parsed, now);
  ERR_clear_error ();
  switch (error)
    {
    case X509_V_OK:
      return IKE_REVOCATION_GOOD;
    case X509_V_ERR_CERT_REVOKED:
      return IKE_REVOCATION_REVOKED;
    default:
      *ret_reason = "the revocation list that was fetched cannot be used";
      return IKE_REVOCATION_UNKNOWN;
    }
}
