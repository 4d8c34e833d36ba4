/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Own credentials and trust anchors, and the judgement of a peer's certificate chain (RFC 7296 3.6,
 * 3.7, RFC 4945, RFC 5280 6).
 */

#include "ike/ike-signature-private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

/* Certificates of one PEM input: a chain has a handful, an anchor file of a company a few dozen. */
#define MAX_PEM_CERTIFICATES 256
#define MAX_CRLS 64
#define CRL_FLAGS (X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL)
/* Extended key usages of IKE peers, beside serverAuth and anyExtendedKeyUsage. */
#define OID_IKE_INTERMEDIATE "1.3.6.1.5.5.8.2.2"
#define OID_IPSEC_IKE "1.3.6.1.5.5.7.3.17"

G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_CRL, X509_CRL_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_STORE, X509_STORE_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_STORE_CTX, X509_STORE_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_NAME, X509_NAME_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BIO, BIO_free)

struct _IkeCredentials
{
  GPtrArray *chain;   /* X509, leaf first */
  GPtrArray *encoded; /* GBytes, the same */
  GPtrArray *anchors; /* X509 */
  GPtrArray *crls;    /* X509_CRL, of the administrator */
  EVP_PKEY *key;      /* NULL without a chain, or when it is outside */
  gboolean peers_are_clients;
};

void
ike_credentials_free (IkeCredentials *credentials)
{
  if (credentials == NULL)
    return;
  g_clear_pointer (&credentials->chain, g_ptr_array_unref);
  g_clear_pointer (&credentials->encoded, g_ptr_array_unref);
  g_clear_pointer (&credentials->anchors, g_ptr_array_unref);
  g_clear_pointer (&credentials->crls, g_ptr_array_unref);
  EVP_PKEY_free (credentials->key);
  g_free (credentials);
}

static gboolean
fail (char **ret_problem, const char *sentence)
{
  *ret_problem = g_strdup (sentence);
  return FALSE;
}

/* Keys come unencrypted; nobody may be asked for a passphrase from here. */
static int
no_passphrase (char *buffer, int size, int writing, void *data)
{
  return -1;
}

static gboolean
read_certificates (GBytes *pem, GPtrArray *certificates)
{
  gsize length;
  const void *data = g_bytes_get_data (pem, &length);
  g_autoptr (BIO) bio = BIO_new_mem_buf (data, (int)MIN (length, G_MAXINT));
  gboolean clean;
  X509 *certificate;

  ERR_clear_error ();
  while (certificates->len < MAX_PEM_CERTIFICATES &&
         (certificate = PEM_read_bio_X509 (bio, NULL, no_passphrase, NULL)) != NULL)
    g_ptr_array_add (certificates, certificate);
  /* "No start line" is how libcrypto says that the input is at its end. */
  clean = ERR_GET_REASON (ERR_peek_last_error ()) == PEM_R_NO_START_LINE;
  ERR_clear_error ();
  return clean && certificates->len > 0;
}

static gboolean
check_kind (EVP_PKEY *key, char **ret_problem)
{
  switch (EVP_PKEY_get_base_id (key))
    {
    case EVP_PKEY_RSA:
      return EVP_PKEY_get_bits (key) >= IKE_MIN_RSA_BITS ||
             fail (ret_problem, "The RSA private key is shorter than 2048 bits (RFC 8247).");
    case EVP_PKEY_EC:
    case EVP_PKEY_ED25519:
      return TRUE;
    default:
      return fail (ret_problem, "The private key is neither RSA nor ECDSA nor Ed25519.");
    }
}

static gboolean
read_key (IkeCredentials *credentials, const RoamSecret *pem, char **ret_problem)
{
  g_autoptr (BIO) bio = BIO_new_mem_buf (roam_secret_peek (pem), (int)roam_secret_length (pem));

  credentials->key = PEM_read_bio_PrivateKey (bio, NULL, no_passphrase, NULL);
  ERR_clear_error ();
  if (credentials->key == NULL)
    return fail (ret_problem, "The private key is not an unencrypted PEM key.");
  if (!check_kind (credentials->key, ret_problem))
    return FALSE;
  if (X509_check_private_key (credentials->chain->pdata[0], credentials->key) != 1)
    {
      ERR_clear_error ();
      return fail (ret_problem, "The private key does not belong to the first certificate of the chain.");
    }
  return TRUE;
}

static void
encode_chain (IkeCredentials *credentials)
{
  for (guint i = 0; i < credentials->chain->len; i++)
    {
      unsigned char *der = NULL;
      int length = i2d_X509 (credentials->chain->pdata[i], &der);

      if (length > 0)
        g_ptr_array_add (credentials->encoded, g_bytes_new (der, (gsize)length));
      OPENSSL_free (der);
    }
}

static IkeCredentials *
alloc (void)
{
  IkeCredentials *credentials = g_new0 (IkeCredentials, 1);

  credentials->chain = g_ptr_array_new_with_free_func ((GDestroyNotify)X509_free);
  credentials->encoded = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  credentials->anchors = g_ptr_array_new_with_free_func ((GDestroyNotify)X509_free);
  credentials->crls = g_ptr_array_new_with_free_func ((GDestroyNotify)X509_CRL_free);
  return credentials;
}

static gboolean
read_chain (IkeCredentials *credentials, GBytes *pem, char **ret_problem)
{
  if (!read_certificates (pem, credentials->chain))
    return fail (ret_problem, "The certificate is not in PEM format or is damaged.");
  encode_chain (credentials);
  return TRUE;
}

static gboolean
read_anchors (IkeCredentials *credentials, GBytes *pem, char **ret_problem)
{
  return pem == NULL || read_certificates (pem, credentials->anchors) ||
         fail (ret_problem, "The CA certificates are not in PEM format or are damaged.");
}

IkeCredentials *
ike_credentials_new (GBytes *certificate_pem, const RoamSecret *private_key_pem, GBytes *ca_pem, char **ret_problem)
{
  g_autoptr (IkeCredentials) credentials = alloc ();

  if ((certificate_pem == NULL) != (private_key_pem == NULL))
    {
      fail (ret_problem, "A certificate and its private key are needed together.");
      return NULL;
    }
  if (certificate_pem != NULL && (!read_chain (credentials, certificate_pem, ret_problem) ||
                                  !read_key (credentials, private_key_pem, ret_problem)))
    return NULL;
  return read_anchors (credentials, ca_pem, ret_problem) ? g_steal_pointer (&credentials) : NULL;
}

IkeCredentials *
ike_credentials_new_external (GBytes *certificate_pem, GBytes *ca_pem, char **ret_problem)
{
  g_autoptr (IkeCredentials) credentials = alloc ();
  EVP_PKEY *key;

  if (!read_chain (credentials, certificate_pem, ret_problem))
    return NULL;
  key = X509_get0_pubkey (credentials->chain->pdata[0]);
  if (key == NULL)
    fail (ret_problem, "The key in the certificate cannot be read.");
  if (key == NULL || !check_kind (key, ret_problem))
    return NULL;
  return read_anchors (credentials, ca_pem, ret_problem) ? g_steal_pointer (&credentials) : NULL;
}

gboolean
ike_credentials_add_crls (IkeCredentials *credentials, GBytes *crls, char **ret_problem)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (crls, &length), *at = data;
  g_autoptr (BIO) bio = BIO_new_mem_buf (data, (int)MIN (length, G_MAXINT));
  guint before = credentials->crls->len;
  X509_CRL *crl;

  while (credentials->crls->len < MAX_CRLS && (crl = PEM_read_bio_X509_CRL (bio, NULL, no_passphrase, NULL)) != NULL)
    g_ptr_array_add (credentials->crls, crl);
  if (credentials->crls->len == before && (crl = d2i_X509_CRL (NULL, &at, (long)length)) != NULL)
    g_ptr_array_add (credentials->crls, crl);
  ERR_clear_error ();
  return credentials->crls->len > before || fail (ret_problem, "The revocation list is neither PEM nor DER.");
}

EVP_PKEY *
ike_credentials_key (const IkeCredentials *credentials)
{
  return credentials->key;
}

EVP_PKEY *
ike_credentials_public_key (const IkeCredentials *credentials)
{
  return credentials->key != NULL || credentials->chain->len == 0 ? credentials->key
                                                                  : X509_get0_pubkey (credentials->chain->pdata[0]);
}

const GPtrArray *
ike_credentials_chain (const IkeCredentials *credentials)
{
  return credentials->chain;
}

/* libcrypto asks about each fault: of the CAs above the leaf lists are looked at when they are there. */
static int
judge_fault (int good, X509_STORE_CTX *context)
{
  if (!good && X509_STORE_CTX_get_error (context) == X509_V_ERR_UNABLE_TO_GET_CRL &&
      X509_STORE_CTX_get_error_depth (context) > 0)
    {
      X509_STORE_CTX_set_error (context, X509_V_OK);
      return 1;
    }
  return good;
}

X509_STORE *
ike_credentials_make_anchor_store (const IkeCredentials *credentials)
{
  g_autoptr (X509_STORE) store = X509_STORE_new ();

  for (guint i = 0; i < credentials->anchors->len; i++)
    X509_STORE_add_cert (store, credentials->anchors->pdata[i]);
  /* What the administrator names as anchor is one, self-signed or not (RFC 5280 6.1.1). */
  X509_STORE_set_flags (store, X509_V_FLAG_PARTIAL_CHAIN);
  return g_steal_pointer (&store);
}

X509_STORE *
ike_credentials_make_store (const IkeCredentials *credentials)
{
  X509_STORE *store = ike_credentials_make_anchor_store (credentials);

  for (guint i = 0; i < credentials->crls->len; i++)
    X509_STORE_add_crl (store, credentials->crls->pdata[i]);
  if (credentials->crls->len > 0)
    X509_STORE_set_flags (store, CRL_FLAGS);
  X509_STORE_set_verify_cb (store, judge_fault);
  return store;
}

const GPtrArray *
ike_credentials_certificates (const IkeCredentials *credentials)
{
  return credentials->encoded;
}

gboolean
ike_credentials_subject (const IkeCredentials *credentials, IkeIdentity *ret_identity)
{
  unsigned char *der = NULL;
  int length;

  if (credentials->chain->len == 0)
    return FALSE;
  length = i2d_X509_NAME (X509_get_subject_name (credentials->chain->pdata[0]), &der);
  if (length <= 0)
    return FALSE;
  *ret_identity = (IkeIdentity){ IKE_ID_DER_ASN1_DN, g_bytes_new (der, (gsize)length) };
  OPENSSL_free (der);
  return TRUE;
}

static gboolean
subject_is (X509 *certificate, const guint8 *der, gsize length)
{
  const guint8 *at = der;
  g_autoptr (X509_NAME) name = d2i_X509_NAME (NULL, &at, (long)length);

  return name != NULL && at == der + length && X509_NAME_cmp (name, X509_get_subject_name (certificate)) == 0;
}

/*
 * RFC 4945 3.1: names are taken from subjectAltName of the same type, a DN from the subject. No
 * wildcards, and a common name is not a host name.
 */
static gboolean
certificate_has (X509 *certificate, const IkeIdentity *identity)
{
  const unsigned int flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS;
  gsize length;
  const char *text = g_bytes_get_data (identity->data, &length);

  if (length == 0)
    return FALSE;
  switch (identity->type)
    {
    case IKE_ID_FQDN:
      return X509_check_host (certificate, text, length, flags, NULL) == 1;
    case IKE_ID_RFC822_ADDR:
      return X509_check_email (certificate, text, length, flags) == 1;
    case IKE_ID_IPV4_ADDR:
    case IKE_ID_IPV6_ADDR:
      return X509_check_ip (certificate, (const guint8 *)text, length, 0) == 1;
    case IKE_ID_DER_ASN1_DN:
      return subject_is (certificate, (const guint8 *)text, length);
    default:
      return FALSE;
    }
}

gboolean
ike_credentials_has_identity (const IkeCredentials *credentials, const IkeIdentity *identity)
{
  return credentials->chain->len > 0 && certificate_has (credentials->chain->pdata[0], identity);
}

GBytes *
ike_credentials_certreq (const IkeCredentials *credentials)
{
  GByteArray *hashes = g_byte_array_new ();

  for (guint i = 0; i < credentials->anchors->len; i++)
    {
      unsigned char *der = NULL;
      int length = i2d_X509_PUBKEY (X509_get_X509_PUBKEY (credentials->anchors->pdata[i]), &der);
      guint8 hash[EVP_MAX_MD_SIZE];
      unsigned int size = 0;

      if (length > 0 && EVP_Digest (der, (gsize)length, hash, &size, EVP_sha1 (), NULL) == 1)
        g_byte_array_append (hashes, hash, size);
      OPENSSL_free (der);
    }
  return g_byte_array_free_to_bytes (hashes);
}

void
ike_credentials_expect_clients (IkeCredentials *credentials)
{
  credentials->peers_are_clients = TRUE;
}

/* A failed judgement in words for the user. */
typedef struct
{
  const char *reason, *advice;
} Verdict;

static const char ask_administrator[] = "Ask the administrator of the gateway to renew or replace its certificate.";

static Verdict
explain (int error)
{
  switch (error)
    {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return (Verdict){ "a certificate of the gateway has expired",
                        "Check the clock of this computer; if it is right, the gateway's administrator must renew the "
                        "certificate." };
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return (Verdict){ "a certificate of the gateway is not valid yet",
                        "Check the clock of this computer: it is probably behind." };
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return (Verdict){ "the gateway's certificate was not issued by a trusted CA",
                        "Put the certificate of the CA that issued it into the profile, if you trust that CA." };
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return (Verdict){ "a signature in the gateway's certificate chain is wrong", ask_administrator };
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return (Verdict){ "the gateway's certificate chain uses keys or hashes that are too weak", ask_administrator };
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
      return (Verdict){ "a certificate in the gateway's chain was issued by one that is not a CA", ask_administrator };
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
      return (Verdict){ "the gateway's certificate chain is too long", ask_administrator };
    case X509_V_ERR_CERT_REVOKED:
      return (Verdict){ "a certificate of the gateway has been revoked",
                        "Do not connect here before the administrator has replaced the certificate." };
    case X509_V_ERR_UNABLE_TO_GET_CRL:
      return (Verdict){ "there is no revocation list of the CA that issued the gateway's certificate",
                        "Put that CA's list into crl-file, or leave crl-file out." };
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
      return (Verdict){ "the revocation list for the gateway's certificate is not valid at this time",
                        "Get a new list for crl-file, and check the clock of this computer." };
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
      return (Verdict){ "the revocation list for the gateway's certificate is forged or damaged",
                        "Get the list for crl-file again." };
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return (Verdict){ "the server's certificate is for another name",
                        "Check the server's name in the profile; if it is right, do not connect here." };
    case X509_V_ERR_INVALID_PURPOSE:
      return (Verdict){ "the server's certificate is not meant for servers (extended key usage)", ask_administrator };
    default:
      return (Verdict){ "the gateway's certificate chain does not verify", ask_administrator };
    }
}

static gboolean
has_usage (X509 *certificate, const char *oid)
{
  EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i (certificate, NID_ext_key_usage, NULL, NULL);
  ASN1_OBJECT *wanted = OBJ_txt2obj (oid, 1);
  gboolean found = FALSE;

  for (int i = 0; i < sk_ASN1_OBJECT_num (usages); i++)
    found |= OBJ_cmp (sk_ASN1_OBJECT_value (usages, i), wanted) == 0;
  ASN1_OBJECT_free (wanted);
  EXTENDED_KEY_USAGE_free (usages);
  return found;
}

/* RFC 4945 5.1.3.2 and 5.1.3.12: no extension means no limit. */
static gboolean
usage_allows_ike (X509 *certificate, gboolean client)
{
  guint32 flags = X509_get_extension_flags (certificate);
  guint32 extended = X509_get_extended_key_usage (certificate);

  if ((flags & EXFLAG_INVALID) != 0)
    return FALSE;
  if ((flags & EXFLAG_KUSAGE) != 0 &&
      (X509_get_key_usage (certificate) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0)
    return FALSE;
  return (flags & EXFLAG_XKUSAGE) == 0 || (extended & (XKU_SSL_SERVER | XKU_ANYEKU)) != 0 ||
         (client && (extended & XKU_SSL_CLIENT) != 0) || has_usage (certificate, OID_IKE_INTERMEDIATE) ||
         has_usage (certificate, OID_IPSEC_IKE);
}

/* CERT payloads to objects: the leaf is returned, the others go to @others in any order. */
static X509 *
decode_peer (const IkeView *certificates, guint n, STACK_OF (X509) * others)
{
  X509 *leaf = NULL;

  for (guint i = 0; i < n; i++)
    {
      const guint8 *at = certificates[i].data;
      X509 *certificate = d2i_X509 (NULL, &at, (long)certificates[i].length);

      if (i == 0)
        leaf = certificate;
      /* One damaged certificate beside the leaf does no harm: the chain may be whole without it. */
      else if (certificate != NULL && sk_X509_push (others, certificate) <= 0)
        X509_free (certificate);
      if (leaf == NULL)
        return NULL;
      if (i == 0 && at != certificates[i].data + certificates[i].length)
        {
          X509_free (leaf);
          return NULL;
        }
    }
  return leaf;
}

/* CRLs of the peer, beside its certificates; those that cannot be read are as if they had not come. */
static STACK_OF (X509_CRL) * decode_crls (const IkeView *crls, guint n)
{
  STACK_OF (X509_CRL) *list = sk_X509_CRL_new_null ();

  for (guint i = 0; i < n; i++)
    {
      const guint8 *at = crls[i].data;
      X509_CRL *crl = d2i_X509_CRL (NULL, &at, (long)crls[i].length);

      if (crl != NULL && sk_X509_CRL_push (list, crl) <= 0)
        X509_CRL_free (crl);
    }
  return list;
}

/* What a peer sends. */
typedef struct
{
  X509 *leaf;
  STACK_OF (X509) * others;
  STACK_OF (X509_CRL) * crls;
  /* What verifying it gave. */
  STACK_OF (X509) * verified; /* leaf first, anchor last; NULL: none */
  gboolean covered;           /* a valid list of its issuer, which does not name the leaf */
} PeerChain;

/* @ret_chain: leaf first, anchor last; may be NULL. */
static int
run_verify (const IkeCredentials *credentials, const PeerChain *chain, const RoamNow *now, gboolean with_peer_crls,
            STACK_OF (X509) * *ret_chain)
{
  g_autoptr (X509_STORE) store = ike_credentials_make_store (credentials);
  g_autoptr (X509_STORE_CTX) context = X509_STORE_CTX_new ();

  if (X509_STORE_CTX_init (context, store, chain->leaf, chain->others) != 1)
    return X509_V_ERR_UNSPECIFIED;
  if (with_peer_crls)
    {
      X509_STORE_CTX_set0_crls (context, chain->crls);
      X509_STORE_CTX_set_flags (context, CRL_FLAGS);
    }
  X509_VERIFY_PARAM_set_time (X509_STORE_CTX_get0_param (context), roam_now_unix (now));
  X509_VERIFY_PARAM_set_auth_level (X509_STORE_CTX_get0_param (context), IKE_SECURITY_LEVEL);
  if (X509_verify_cert (context) == 1)
    {
      if (ret_chain != NULL)
        *ret_chain = X509_STORE_CTX_get1_chain (context);
      return X509_V_OK;
    }
  return X509_STORE_CTX_get_error (context) != X509_V_OK ? X509_STORE_CTX_get_error (context) : X509_V_ERR_UNSPECIFIED;
}

/* X509_V_OK or an error of libcrypto. What the peer's own CRLs say counts only when it is "revoked". */
static int
verify_chain (const IkeCredentials *credentials, PeerChain *chain, const RoamNow *now)
{
  int error = X509_V_ERR_UNSPECIFIED;

  if (sk_X509_CRL_num (chain->crls) > 0)
    error = run_verify (credentials, chain, now, TRUE, NULL);
  if (error == X509_V_ERR_CERT_REVOKED)
    return error;
  chain->covered = error == X509_V_OK || credentials->crls->len > 0;
  return run_verify (credentials, chain, now, FALSE, &chain->verified);
}

void
ike_certificate_explain (int error, const char **ret_reason, const char **ret_advice)
{
  Verdict verdict = explain (error);

  *ret_reason = verdict.reason;
  *ret_advice = verdict.advice;
}

static gboolean
judge (const IkeCredentials *credentials, PeerChain *chain, const RoamNow *now, const IkeIdentity *expected,
       Verdict *verdict)
{
  int error;

  if (credentials->anchors->len == 0)
    {
      *verdict = (Verdict){ "there is no CA certificate to check the gateway's certificate with",
                            "Put the certificate of the gateway's CA into the profile." };
      return FALSE;
    }
  error = verify_chain (credentials, chain, now);
  if (error != X509_V_OK)
    *verdict = explain (error);
  else if (!usage_allows_ike (chain->leaf, credentials->peers_are_clients))
    *verdict = (Verdict){ "the gateway's certificate is not meant for such use (key usage)", ask_administrator };
  else if (!certificate_has (chain->leaf, expected))
    *verdict = (Verdict){ "the gateway's certificate is for another name",
                          "Check the gateway's identity in the profile; if it is right, do not connect here." };
  else
    return TRUE;
  return FALSE;
}

IkePublicKey *
ike_credentials_verify_peer_with_crls (const IkeCredentials *credentials, const IkeView *certificates, guint n,
                                       const IkeView *crls, guint n_crls, const RoamNow *now,
                                       const IkeIdentity *expected, const char **ret_reason, const char **ret_advice)
{
  PeerChain chain = { .others = sk_X509_new_null (), .crls = decode_crls (crls, n_crls) };
  Verdict verdict = { "the gateway sent no certificate that can be read", ask_administrator };
  IkePublicKey *key = NULL;

  if (n > 0 && n <= IKE_MAX_PEER_CERTIFICATES)
    chain.leaf = decode_peer (certificates, n, chain.others);
  if (chain.leaf != NULL && judge (credentials, &chain, now, expected, &verdict))
    {
      verdict = (Verdict){ "the key of the gateway's certificate cannot be used", ask_administrator };
      if (X509_get0_pubkey (chain.leaf) != NULL)
        key = ike_public_key_new (X509_get_pubkey (chain.leaf));
    }
  if (key != NULL)
    {
      key->chain = g_steal_pointer (&chain.verified);
      key->covered_by_crl = chain.covered;
    }
  X509_free (chain.leaf);
  sk_X509_pop_free (chain.verified, X509_free);
  sk_X509_pop_free (chain.others, X509_free);
  sk_X509_CRL_pop_free (chain.crls, X509_CRL_free);
  ERR_clear_error ();
  if (key == NULL)
    {
      *ret_reason = verdict.reason;
      *ret_advice = verdict.advice;
    }
  return key;
}

IkePublicKey *
ike_credentials_verify_peer (const IkeCredentials *credentials, const IkeView *certificates, guint n,
                             const RoamNow *now, const IkeIdentity *expected, const char **ret_reason,
                             const char **ret_advice)
{
  return ike_credentials_verify_peer_with_crls (credentials, certificates, n, NULL, 0, now, expected, ret_reason,
                                                ret_advice);
}
