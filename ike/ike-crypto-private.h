/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "base/now.h"
#include "base/rng.h"
#include "base/secret.h"
#include "ike/ike.h"

#include <glib.h>

/*
 * The cryptography of IKEv2: proposals, Diffie-Hellman, the key schedule, protection of SK payloads,
 * AUTH and certificates. Everything is computed with libcrypto; entropy comes from the RoamRng that
 * is passed in (only signatures that need a random value take it inside libcrypto).
 */

/* Borrowed octets. */
typedef struct
{
  const guint8 *data;
  gsize length;
} IkeView;

/* --- registry numbers --- */

typedef enum
{
  IKE_PROTOCOL_NONE = 0,
  IKE_PROTOCOL_IKE = 1,
  IKE_PROTOCOL_AH = 2,
  IKE_PROTOCOL_ESP = 3,
} IkeProtocolId;

typedef enum
{
  IKE_TRANSFORM_ENCR = 1,
  IKE_TRANSFORM_PRF = 2,
  IKE_TRANSFORM_INTEG = 3,
  IKE_TRANSFORM_KE = 4,
  IKE_TRANSFORM_ESN = 5,
} IkeTransformType;

enum
{
  IKE_ENCR_AES_CBC = 12,
  IKE_ENCR_AES_GCM_16 = 20,
  IKE_ENCR_CHACHA20_POLY1305 = 28,
};

enum
{
  IKE_PRF_HMAC_SHA1 = 2,
  IKE_PRF_AES128_XCBC = 4,
  IKE_PRF_HMAC_SHA2_256 = 5,
  IKE_PRF_HMAC_SHA2_384 = 6,
  IKE_PRF_HMAC_SHA2_512 = 7,
  IKE_PRF_AES128_CMAC = 8,
};

enum
{
  IKE_INTEG_NONE = 0,
  IKE_INTEG_HMAC_SHA1_96 = 2,
  IKE_INTEG_HMAC_SHA2_256_128 = 12,
  IKE_INTEG_HMAC_SHA2_384_192 = 13,
  IKE_INTEG_HMAC_SHA2_512_256 = 14,
};

typedef enum
{
  IKE_GROUP_NONE = 0,
  IKE_GROUP_MODP_2048 = 14,
  IKE_GROUP_MODP_3072 = 15,
  IKE_GROUP_MODP_4096 = 16,
  IKE_GROUP_ECP_256 = 19,
  IKE_GROUP_ECP_384 = 20,
  IKE_GROUP_ECP_521 = 21,
  IKE_GROUP_CURVE25519 = 31,
} IkeDhGroupId;

enum
{
  IKE_ESN_NONE = 0,
  IKE_ESN_EXTENDED = 1,
};

/* AUTH payload methods (RFC 7296 3.8, 4754, 7427). */
typedef enum
{
  IKE_AUTH_ID_RSA = 1,
  IKE_AUTH_ID_SHARED_KEY = 2,
  IKE_AUTH_ID_ECDSA_256 = 9,
  IKE_AUTH_ID_ECDSA_384 = 10,
  IKE_AUTH_ID_ECDSA_521 = 11,
  IKE_AUTH_ID_DIGITAL_SIGNATURE = 14,
} IkeAuthMethodId;

/* SIGNATURE_HASH_ALGORITHMS (RFC 7427 4, 8420). */
enum
{
  IKE_HASH_SHA1 = 1,
  IKE_HASH_SHA2_256 = 2,
  IKE_HASH_SHA2_384 = 3,
  IKE_HASH_SHA2_512 = 4,
  IKE_HASH_IDENTITY = 5,
};

/* Longest PRF or hash output. */
#define IKE_MAX_HASH 64
#define IKE_MAX_IV 16
#define IKE_MAX_ICV 32
/* 255 blocks of prf+ (RFC 7296 2.13). */
#define IKE_PRF_PLUS_MAX_BLOCKS 255

/* --- proposals (RFC 7296 3.3) --- */

#define IKE_MAX_PROPOSALS 16  /* of one SA payload */
#define IKE_MAX_TRANSFORMS 64 /* of one proposal */
#define IKE_MAX_PROPOSAL_SPI 8

typedef struct
{
  guint8 type; /* IkeTransformType or unknown */
  guint16 id;
  guint16 key_bits;           /* Key Length attribute; 0: absent */
  gboolean unknown_attribute; /* carries an attribute nobody knows: never chosen (RFC 7296 3.3.6) */
} IkeTransform;

typedef struct
{
  guint8 number;
  guint8 protocol; /* IkeProtocolId or unknown */
  guint8 spi_length;
  guint8 spi[IKE_MAX_PROPOSAL_SPI];
  guint n_transforms;
  IkeTransform transforms[IKE_MAX_TRANSFORMS];
} IkeProposal;

typedef struct _IkeProposals
{
  guint n_proposals;
  IkeProposal proposals[IKE_MAX_PROPOSALS];
} IkeProposals;

/* What was agreed on. IKE: all but esn; ESP: prf 0, group 0 when there is no new key exchange. */
typedef struct
{
  guint16 encr;
  guint16 encr_bits; /* 0 for a cipher of one key size */
  guint16 integ;     /* IKE_INTEG_NONE with AEAD */
  guint16 prf;
  guint16 group; /* IkeDhGroupId */
  guint16 esn;
} IkeSuite;

/*
 * From text: proposals separated by commas, algorithms by '-'. Each becomes one proposal or, when it
 * names AEAD and other ciphers, two (RFC 7296 3.3). Several algorithms of one type are alternatives.
 * For IKE without PRF the PRF of the integrity algorithm is taken. NULL text: the default list.
 * Numbered from 1, no SPI. NULL with @ret_problem, a sentence the caller frees (may be NULL).
 */
IkeProposals *ike_proposals_new_from_text (const char *text, IkeProtocolId protocol, char **ret_problem);
IkeProposals *ike_proposals_copy (const IkeProposals *proposals);
void ike_proposals_free (IkeProposals *proposals);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeProposals, ike_proposals_free)
/* Writes @spi (8 octets for IKE rekeying, 4 for ESP, 0 for IKE_SA_INIT) into every proposal. */
void ike_proposals_set_spi (IkeProposals *proposals, guint64 spi, guint spi_length);
/* First SPI field as a number in host order (of 4 or 8 octets; 0: none). */
guint64 ike_proposal_get_spi (const IkeProposal *proposal);
/* Takes all transforms of @type out (KE in IKE_AUTH: RFC 7296 1.2). */
void ike_proposals_remove_type (IkeProposals *proposals, IkeTransformType type);
/* Adds @transform to every proposal that has none equal to it. */
void ike_proposals_add_transform (IkeProposals *proposals, IkeTransform transform);
gboolean ike_proposals_have_group (const IkeProposals *proposals, guint16 group);
/* The first group named, or IKE_GROUP_NONE. */
guint16 ike_proposals_first_group (const IkeProposals *proposals);
/*
 * Initiator: is the peer's answer exactly one of the proposals that were offered, with one transform
 * of each type that was offered there, attributes as offered (RFC 7296 2.7, 3.3.6)? FALSE with a static
 * reason. @answer_spi_length: what the answer's proposal must carry (0, 4, 8).
 */
gboolean ike_proposals_verify_answer (const IkeProposals *offered, const IkeProposals *answer, guint answer_spi_length,
                                      IkeSuite *ret_suite, const char **ret_reason);
/*
 * Responder (rekeying by the gateway): the first acceptable combination of the peer's @offer, by our
 * order of @ours. @ret_chosen: the proposal to answer with, number of the peer, SPI empty (caller sets it).
 * @wanted_group: IKE_GROUP_NONE or the group of the peer's KE payload, which is preferred.
 */
gboolean ike_proposals_choose (const IkeProposals *ours, const IkeProposals *offer, guint16 wanted_group,
                               IkeProposals **ret_chosen, IkeSuite *ret_suite);
/* "AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384" into @buffer; returns it. */
const char *ike_suite_to_string (const IkeSuite *suite, IkeProtocolId protocol, char *buffer, gsize size);

gboolean ike_encr_is_aead (guint16 encr);
/* Key octets as cut from the key stream, salt included; 0: not supported. */
gsize ike_encr_key_length (guint16 encr, guint16 bits);
gsize ike_integ_key_length (guint16 integ); /* 0: none or not supported */
gsize ike_integ_icv_length (guint16 integ);
gsize ike_prf_length (guint16 prf); /* output and preferred key; 0: not supported */

/* --- Diffie-Hellman --- */

typedef struct _IkeDh IkeDh;

/* Has libcrypto the post-quantum key encapsulation of RFC 9370? Asked of libcrypto each time. */
gboolean ike_dh_has_ml_kem (void);
gboolean ike_dh_is_supported (guint16 group);
/* A fresh key; NULL for a group that is not supported. */
IkeDh *ike_dh_new (guint16 group, RoamRng *rng);
/* From a private key (big-endian; Curve25519: the 32 octets of RFC 7748). NULL if it is out of range. */
IkeDh *ike_dh_new_with_private (guint16 group, const guint8 *key, gsize length);
void ike_dh_free (IkeDh *dh);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeDh, ike_dh_free)
guint16 ike_dh_group (const IkeDh *dh);
/* KE payload data; borrowed. */
IkeView ike_dh_public (const IkeDh *dh);
/*
 * g^ir at its fixed length. NULL with a static @ret_reason when the peer's value fails a test:
 * length, 1 < y < p - 1, point on the curve (RFC 6989), all-zero result of Curve25519.
 */
RoamSecret *ike_dh_shared (const IkeDh *dh, const guint8 *peer, gsize length, const char **ret_reason);

/* --- PRF and key schedule --- */

/* prf (key, part | part ...) into @out (ike_prf_length() octets). FALSE: PRF not supported. */
gboolean ike_prf (guint16 prf, IkeView key, const IkeView *parts, guint n_parts, guint8 *out);
/* prf+ (key, seed parts) to @length octets. FALSE: not supported or longer than 255 blocks. */
gboolean ike_prf_plus (guint16 prf, IkeView key, const IkeView *parts, guint n_parts, guint8 *out, gsize length);

/* prf (Ni | Nr, g^ir) (RFC 7296 2.14) */
RoamSecret *ike_skeyseed_initial (guint16 prf, IkeView ni, IkeView nr, const RoamSecret *g_ir);
/* prf_old (SK_d_old, g^ir | Ni | Nr) (RFC 7296 2.18) */
RoamSecret *ike_skeyseed_rekey (guint16 old_prf, const RoamSecret *old_sk_d, const RoamSecret *g_ir, IkeView ni,
                                IkeView nr);

/* One direction of SK protection: algorithm, keys, and the IV counter. */
typedef struct _IkeCipher IkeCipher;

/* NULL when the suite or a length does not fit. References the secrets. */
IkeCipher *ike_cipher_new (const IkeSuite *suite, RoamSecret *sk_e, RoamSecret *sk_a);
void ike_cipher_free (IkeCipher *cipher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeCipher, ike_cipher_free)
gsize ike_cipher_iv_length (const IkeCipher *cipher);
gsize ike_cipher_icv_length (const IkeCipher *cipher);
gsize ike_cipher_block_length (const IkeCipher *cipher); /* 1 for AEAD */
/* A fresh IV into @out: counter for AEAD (RFC 5282 3.1), @rng for CBC. FALSE: the counter is used up. */
gboolean ike_cipher_next_iv (IkeCipher *cipher, RoamRng *rng, guint8 out[IKE_MAX_IV]);
/*
 * @aad: the message up to the IV (RFC 5282 5.1). @plain, a multiple of the block length, is encrypted
 * to @ret_text (same length), @ret_icv gets the ICV. Used by the message builders.
 */
gboolean ike_cipher_seal (const IkeCipher *cipher, IkeView aad, const guint8 *iv, IkeView plain, guint8 *ret_text,
                          guint8 *ret_icv);
/* Verifies, then decrypts; @ret_plain holds text.length octets, undefined (wiped) on FALSE. */
gboolean ike_cipher_open (const IkeCipher *cipher, IkeView aad, const guint8 *iv, IkeView text, const guint8 *icv,
                          guint8 *ret_plain);

/* All keys of an IKE SA; _i: used by the original initiator to send. */
typedef struct
{
  IkeSuite suite;
  RoamSecret *sk_d;
  RoamSecret *sk_ai, *sk_ar; /* empty secrets with AEAD */
  RoamSecret *sk_ei, *sk_er;
  RoamSecret *sk_pi, *sk_pr;
  IkeCipher *cipher_i, *cipher_r;
} IkeKeys;

/* prf+ (SKEYSEED, Ni | Nr | SPIi | SPIr) cut in order (RFC 7296 2.14). NULL: suite not supported. */
IkeKeys *ike_keys_new (const IkeSuite *suite, const RoamSecret *skeyseed, IkeView ni, IkeView nr, guint64 spi_i,
                       guint64 spi_r);
void ike_keys_free (IkeKeys *keys);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeKeys, ike_keys_free)

/* Keys of a Child SA; i2r: from the initiator of the exchange that made it. */
typedef struct
{
  RoamSecret *encr_i2r, *integ_i2r, *encr_r2i, *integ_r2i; /* integ NULL with AEAD */
} IkeChildKeys;

/* KEYMAT = prf+ (SK_d, [g^ir |] Ni | Nr) (RFC 7296 2.17); @g_ir NULL: none. */
gboolean ike_child_keys_derive (guint16 prf, const RoamSecret *sk_d, const RoamSecret *g_ir, IkeView ni, IkeView nr,
                                const IkeSuite *esp, IkeChildKeys *ret_keys);
void ike_child_keys_clear (IkeChildKeys *keys);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (IkeChildKeys, ike_child_keys_clear)

/* --- hashes --- */

#define IKE_NAT_DETECTION_LENGTH 20
/* SHA-1 (SPIi | SPIr | address | port) (RFC 7296 2.23). */
void ike_nat_detection_hash (guint64 spi_i, guint64 spi_r, const RoamEndpoint *endpoint,
                             guint8 out[IKE_NAT_DETECTION_LENGTH]);
/* SHA-1 (source | port | destination | port): NAT_PREVENTION of MOPO. */
void ike_nat_prevention_hash (const RoamEndpoint *source, const RoamEndpoint *destination,
                              guint8 out[IKE_NAT_DETECTION_LENGTH]);
/* <0, 0, >0: octet-wise, a prefix is lower than what it begins (RFC 7296 2.8.1, collisions). */
int ike_nonce_compare (IkeView a, IkeView b);

/* --- identities (RFC 7296 3.5) --- */

typedef struct
{
  guint8 type; /* IkeIdType but never AUTO */
  GBytes *data;
} IkeIdentity;

void ike_identity_clear (IkeIdentity *identity);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (IkeIdentity, ike_identity_clear)
/* @type AUTO guesses as ike.h says. KEY_ID text "0x..." is hex. DN text is "C=DE, O=Example, CN=x". */
gboolean ike_identity_from_text (const char *text, IkeIdType type, IkeIdentity *ret_identity, char **ret_problem);
void ike_identity_from_addr (const RoamAddr *addr, IkeIdentity *ret_identity);
void ike_identity_copy (const IkeIdentity *identity, IkeIdentity *ret_identity);
/* Type, three zero octets, data: the body of the ID payload we send. */
GBytes *ike_identity_to_body (const IkeIdentity *identity);
/* FQDN and the domain of RFC822 without regard to case; DN by X.501 rules; everything else octet-wise. */
gboolean ike_identity_matches (const IkeIdentity *identity, guint8 id_type, IkeView data);
/* For logs; caller frees. Octets that are not printable are escaped. */
char *ike_identity_to_string (guint8 id_type, IkeView data);

/* --- AUTH (RFC 7296 2.15) --- */

/*
 * message | nonce | prf (SK_p, ID body): @message is the signer's IKE_SA_INIT message, @nonce the other
 * side's, @sk_p and @id_body the signer's.
 */
GBytes *ike_auth_signed_octets (guint16 prf, IkeView message, IkeView nonce, const RoamSecret *sk_p, IkeView id_body);
/* prf (prf (secret, "Key Pad for IKEv2"), octets) into @out; also with an EAP MSK. */
gboolean ike_auth_shared_key (guint16 prf, const RoamSecret *secret, IkeView octets, guint8 out[IKE_MAX_HASH]);
/* Constant time. */
gboolean ike_auth_verify_shared_key (guint16 prf, const RoamSecret *secret, IkeView octets, IkeView auth);

/* What SIGNATURE_HASH_ALGORITHMS of the peer allows; bit 1 << IKE_HASH_*. 0: notify absent. */
typedef guint32 IkeHashSet;
/* From notify data; unknown numbers are ignored. FALSE: odd length. */
gboolean ike_hash_set_parse (IkeView data, IkeHashSet *ret_set);
/* What we list: SHA2-256, SHA2-384, SHA2-512, Identity. */
extern const guint16 ike_signature_hashes[4];

/* The public key of a peer whose certificate was accepted. */
typedef struct _IkePublicKey IkePublicKey;
/* From DER SubjectPublicKeyInfo. NULL: not a key that can be used. */
IkePublicKey *ike_public_key_new_from_spki (const guint8 *der, gsize length);
void ike_public_key_free (IkePublicKey *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkePublicKey, ike_public_key_free)

typedef enum
{
  IKE_SIGNATURE_DEFAULT = 0,
  IKE_SIGNATURE_ALLOW_SHA1 = 1 << 0,        /* method 1 with SHA-1 (RFC 8247 3.1 forbids; old gateways) */
  IKE_SIGNATURE_REQUIRE_METHOD_14 = 1 << 1, /* both sides sent SIGNATURE_HASH_ALGORITHMS (RFC 7427 3) */
} IkeSignatureFlags;

/* Verifies AUTH data of @method. FALSE with a static reason. */
gboolean ike_auth_verify_signature (const IkePublicKey *key, guint8 method, IkeView auth, IkeView octets,
                                    IkeSignatureFlags flags, const char **ret_reason);

/* --- credentials and certificates --- */

/* RSA keys shorter than this are refused (RFC 8247 3.1.1). */
#define IKE_MIN_RSA_BITS 2048
/* Of a peer; RFC 7296 3.6 asks for four. */
#define IKE_MAX_PEER_CERTIFICATES 32

typedef struct _IkeCredentials IkeCredentials;

/*
 * Own chain and key (both or none), trust anchors (may be NULL). NULL with a sentence in @ret_problem
 * (caller frees) that says which of the three cannot be used and why.
 */
IkeCredentials *ike_credentials_new (GBytes *certificate_pem, const RoamSecret *private_key_pem, GBytes *ca_pem,
                                     char **ret_problem);
/* The same, but the private key is outside: IKE_ACTION_SIGN. */
IkeCredentials *ike_credentials_new_external (GBytes *certificate_pem, GBytes *ca_pem, char **ret_problem);
/*
 * Adds revocation lists: any number in PEM, or one in DER. From then on every leaf that is verified
 * must be covered by a valid list of its issuer, and the CAs above it by those that are there. FALSE
 * with a sentence (caller frees).
 */
gboolean ike_credentials_add_crls (IkeCredentials *credentials, GBytes *crls, char **ret_problem);
void ike_credentials_free (IkeCredentials *credentials);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeCredentials, ike_credentials_free)
/* Own certificates as DER, leaf first; elements are GBytes; borrowed, may be empty. */
const GPtrArray *ike_credentials_certificates (const IkeCredentials *credentials);
/* DER of the leaf's subject as an identity. FALSE: no certificate. */
gboolean ike_credentials_subject (const IkeCredentials *credentials, IkeIdentity *ret_identity);
/* Does the leaf carry @identity (subject or SAN)? */
gboolean ike_credentials_has_identity (const IkeCredentials *credentials, const IkeIdentity *identity);
/* CERTREQ data: the SHA-1 of each anchor's SubjectPublicKeyInfo; empty without anchors. */
GBytes *ike_credentials_certreq (const IkeCredentials *credentials);
/* The peers are clients: certificates for clientAuth are good too. */
void ike_credentials_expect_clients (IkeCredentials *credentials);
/*
 * AUTH with the own key. @peer_hashes 0: the peer did not send SIGNATURE_HASH_ALGORITHMS, so method 1, 9,
 * 10 or 11 (RFC 7427 3). Else method 14 with a hash the peer lists. NULL with a static reason.
 */
GBytes *ike_credentials_sign (const IkeCredentials *credentials, IkeHashSet peer_hashes, IkeView octets,
                              guint8 *ret_method, const char **ret_reason);

/* One way to make AUTH with the own key. */
typedef struct
{
  guint8 method; /* IKE_AUTH_* */
  IkeSignScheme scheme;
  guint16 hash; /* IKE_HASH_* */
} IkeSignaturePlan;

/*
 * The way to sign that is number @attempt (0: the best one); @peer_hashes as in ike_credentials_sign(). FALSE with
 * a static reason: there is none, or no further one.
 */
gboolean ike_credentials_plan (const IkeCredentials *credentials, IkeHashSet peer_hashes, guint attempt,
                               IkeSignaturePlan *ret_plan, const char **ret_reason);
/* Bits of the plan's hash as IkeAction names them. */
guint ike_signature_plan_hash_bits (const IkeSignaturePlan *plan);
/* AUTH data of a @signature that was made outside (ECDSA: DER). NULL: it is not one of the own key over @octets. */
GBytes *ike_credentials_finish (const IkeCredentials *credentials, const IkeSignaturePlan *plan, IkeView octets,
                                GBytes *signature);

/*
 * The peer's CERT payloads (encoding 4 only, leaf first, 1..IKE_MAX_PEER_CERTIFICATES) against our anchors at @now:
 * chain, validity, key usage, and that the leaf carries @expected. NULL with a static reason and an
 * advice (may be NULL) for the user.
 */
IkePublicKey *ike_credentials_verify_peer (const IkeCredentials *credentials, const IkeView *certificates, guint n,
                                           const RoamNow *now, const IkeIdentity *expected, const char **ret_reason,
                                           const char **ret_advice);
/* The same, and CERT payloads with CRLs (encoding 7, DER): they can revoke, but nothing depends on their coming. */
IkePublicKey *ike_credentials_verify_peer_with_crls (const IkeCredentials *credentials, const IkeView *certificates,
                                                     guint n, const IkeView *crls, guint n_crls, const RoamNow *now,
                                                     const IkeIdentity *expected, const char **ret_reason,
                                                     const char **ret_advice);

/* --- revocation of a peer's leaf certificate (RFC 6960, RFC 5280 6.3): ike-ocsp.c --- */

/* A certificate names a few; more would only make the handshake wait longer. */
#define IKE_MAX_REVOCATION_URLS 3

typedef enum
{
  IKE_REVOCATION_UNKNOWN,
  IKE_REVOCATION_GOOD,
  IKE_REVOCATION_REVOKED,
} IkeRevocation;

/* Is @url one that may be fetched: http, of a reasonable length, printable? */
gboolean ike_url_is_http (const char *url, gsize length);
/* http URLs of the leaf's OCSP responders and CRLs, in its order; of char*, may be empty; caller unrefs. */
GPtrArray *ike_public_key_dup_ocsp_urls (const IkePublicKey *key);
GPtrArray *ike_public_key_dup_crl_urls (const IkePublicKey *key);
/* A revocation list that was there when the chain was verified covers the leaf. */
gboolean ike_public_key_is_covered (const IkePublicKey *key);
/* OCSPRequest in DER about the leaf. NULL: it did not come with a certificate and its issuer's. */
GBytes *ike_ocsp_request_new (const IkePublicKey *key, IkeView nonce);
/*
 * What an OCSPResponse says about the leaf at @now: signed by its issuer or that one's delegate, about this very
 * certificate, within its time. @nonce: of the request, empty: none was sent. UNKNOWN with a static reason.
 */
IkeRevocation ike_ocsp_judge (const IkeCredentials *credentials, const IkePublicKey *key, IkeView response,
                              IkeView nonce, const RoamNow *now, const char **ret_reason);
/* Likewise what a CRL in DER says. */
IkeRevocation ike_crl_judge (const IkeCredentials *credentials, const IkePublicKey *key, IkeView crl,
                             const RoamNow *now, const char **ret_reason);
