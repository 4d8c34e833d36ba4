/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/now.h"
#include "base/rng.h"
#include "base/secret.h"
#include "base/wire.h"
#include "ike/ike-crypto-private.h"
#include "ike/ike.h"

/*
 * The peer's side of EAP (RFC 3748) as IKE_AUTH carries it (RFC 7296 2.16): packets in, packets out,
 * one conversation. One configured method; everything else is answered with Nak. Sans-IO, but TLS
 * takes its random values inside libssl.
 *
 *   ike-eap.c                 codes, identity, notification, Nak, success and failure
 *   ike-eap-mschapv2.c        EAP-MSCHAPv2: the conversation
 *   ike-eap-mschapv2-crypto.c RFC 2759 and RFC 3079: what it computes
 *   ike-eap-tls.c             EAP-TLS (RFC 5216, RFC 9190): framing and fragments
 *   ike-eap-tls-engine.c      the TLS client that stands on memory
 */

#define IKE_EAP_HEADER_LENGTH 4
/* EAP's own limit; a packet in an IKE payload cannot be longer either. */
#define IKE_EAP_MAX_PACKET 65535
#define IKE_EAP_MSK_LENGTH 64

enum
{
  IKE_EAP_CODE_REQUEST = 1,
  IKE_EAP_CODE_RESPONSE = 2,
  IKE_EAP_CODE_SUCCESS = 3,
  IKE_EAP_CODE_FAILURE = 4,
};

enum
{
  IKE_EAP_TYPE_IDENTITY = 1,
  IKE_EAP_TYPE_NOTIFICATION = 2,
  IKE_EAP_TYPE_NAK = 3,
  IKE_EAP_TYPE_TLS = 13,
  IKE_EAP_TYPE_MSCHAPV2 = 26,
};

typedef struct _IkeEap IkeEap;

/* All borrowed during ike_eap_new(), except @credentials, which must outlive the conversation. */
typedef struct
{
  IkeEapMethod method;
  const char *identity;              /* for Identity requests */
  const char *user;                  /* MSCHAPV2 */
  RoamSecret *password;              /* MSCHAPV2: UTF-8 */
  RoamSecret *new_password;          /* MSCHAPV2: see ike_eap_mschapv2_new(); NULL: none */
  const IkeCredentials *credentials; /* TLS: own chain and key, anchors */
  const char *server_name;           /* TLS: in the server's subjectAltName */
} IkeEapConfig;

typedef enum
{
  IKE_EAP_DISCARDED, /* makes no sense now: as if it had not come (RFC 3748 4.1, 4.2) */
  IKE_EAP_RESPOND,
  IKE_EAP_SUCCEEDED, /* the method had finished, and the authenticator says so */
  IKE_EAP_FAILED,
} IkeEapResult;

/* NULL and a sentence (caller frees) when the method cannot be used. */
IkeEap *ike_eap_new (const IkeEapConfig *config, char **ret_problem);
void ike_eap_free (IkeEap *eap);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeEap, ike_eap_free)
/* One packet of the authenticator. @ret_response is written for RESPOND only; caller unrefs. */
IkeEapResult ike_eap_process (IkeEap *eap, RoamRng *rng, const RoamNow *now, IkeView packet, GBytes **ret_response);
/* After SUCCEEDED: the 64 octets; borrowed. */
RoamSecret *ike_eap_msk (const IkeEap *eap);
/* After SUCCEEDED: it was the new password that did it. */
gboolean ike_eap_has_taken_new_password (const IkeEap *eap);
/* Why it failed, as far as the method knows (static); NULL: the authenticator gave no reason. */
const char *ike_eap_reason (const IkeEap *eap);
const char *ike_eap_advice (const IkeEap *eap);
/* Mutual, key-generating and not open to dictionary attacks (RFC 5998 4)? */
gboolean ike_eap_method_is_safe (IkeEapMethod method);

/* --- between the framework and its methods --- */

/* What a method made of one request. */
typedef enum
{
  IKE_EAP_METHOD_DISCARD,
  IKE_EAP_METHOD_ANSWER, /* type data is written; the conversation goes on */
  IKE_EAP_METHOD_DONE,   /* the same, and the method has succeeded on our side */
  IKE_EAP_METHOD_FAIL,   /* the same, and it has failed: only Failure can follow */
  IKE_EAP_METHOD_ABORT,  /* failed, and nothing is to be said */
} IkeEapVerdict;

typedef struct
{
  const char *reason, *advice; /* static */
} IkeEapFault;

typedef struct _IkeEapMschapv2 IkeEapMschapv2;
/* @new_password: tried when the other one is wrong or has expired (RFC 2759 6, 7); NULL: none. */
IkeEapMschapv2 *ike_eap_mschapv2_new (const char *user, const RoamSecret *password, RoamSecret *new_password,
                                      char **ret_problem);
void ike_eap_mschapv2_free (IkeEapMschapv2 *method);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeEapMschapv2, ike_eap_mschapv2_free)
/* The new password was used; after DONE it is the only one that counts. */
gboolean ike_eap_mschapv2_has_taken_new (const IkeEapMschapv2 *method);
/* @data: after the type octet. DONE: @ret_msk. */
IkeEapVerdict ike_eap_mschapv2_process (IkeEapMschapv2 *method, RoamRng *rng, IkeView data, WireWriter *answer,
                                        RoamSecret **ret_msk, IkeEapFault *fault);

typedef struct _IkeEapTls IkeEapTls;
IkeEapTls *ike_eap_tls_new (const IkeCredentials *credentials, const char *server_name, char **ret_problem);
void ike_eap_tls_free (IkeEapTls *method);
IkeEapVerdict ike_eap_tls_process (IkeEapTls *method, const RoamNow *now, IkeView data, WireWriter *answer,
                                   RoamSecret **ret_msk, IkeEapFault *fault);

/* --- RFC 2759 8, RFC 3079 3.4: ike-eap-mschapv2-crypto.c --- */

#define IKE_MSCHAPV2_CHALLENGE_LENGTH 16
#define IKE_MSCHAPV2_NT_RESPONSE_LENGTH 24
#define IKE_MSCHAPV2_HASH_LENGTH 16
/* "S=" and twenty octets in upper-case hex digits. */
#define IKE_MSCHAPV2_AUTHENTICATOR_LENGTH 42

/* MD4 and DES, which libcrypto keeps in its legacy provider. */
typedef struct _IkeMschapv2Crypto IkeMschapv2Crypto;
/* NULL: this libcrypto has no legacy provider. */
IkeMschapv2Crypto *ike_mschapv2_crypto_new (void);
void ike_mschapv2_crypto_free (IkeMschapv2Crypto *crypto);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeMschapv2Crypto, ike_mschapv2_crypto_free)
/* MD4 of the password in UTF-16LE. FALSE: not UTF-8. */
gboolean ike_mschapv2_password_hash (const IkeMschapv2Crypto *crypto, const RoamSecret *password,
                                     guint8 out[IKE_MSCHAPV2_HASH_LENGTH]);
/* First eight octets of SHA-1 (peer | authenticator | user without its domain). */
gboolean ike_mschapv2_challenge (const guint8 peer[IKE_MSCHAPV2_CHALLENGE_LENGTH],
                                 const guint8 authenticator[IKE_MSCHAPV2_CHALLENGE_LENGTH], const char *user,
                                 guint8 out[8]);
gboolean ike_mschapv2_nt_response (const IkeMschapv2Crypto *crypto, const guint8 challenge[8],
                                   const guint8 password_hash[IKE_MSCHAPV2_HASH_LENGTH],
                                   guint8 out[IKE_MSCHAPV2_NT_RESPONSE_LENGTH]);
/* Without a NUL. */
gboolean ike_mschapv2_authenticator_response (const IkeMschapv2Crypto *crypto,
                                              const guint8 password_hash[IKE_MSCHAPV2_HASH_LENGTH],
                                              const guint8 nt_response[IKE_MSCHAPV2_NT_RESPONSE_LENGTH],
                                              const guint8 challenge[8], char out[IKE_MSCHAPV2_AUTHENTICATOR_LENGTH]);
/* Send key, receive key, zeros. NULL: libcrypto failed. */
RoamSecret *ike_mschapv2_msk (const IkeMschapv2Crypto *crypto, const guint8 password_hash[IKE_MSCHAPV2_HASH_LENGTH],
                              const guint8 nt_response[IKE_MSCHAPV2_NT_RESPONSE_LENGTH]);

/* 512 octets with the password at their end, and its length. */
#define IKE_MSCHAPV2_PWBLOCK_LENGTH 516
/* @block: random octets; becomes the new password under the old one's hash (8.10). FALSE: not UTF-8, or too long. */
gboolean ike_mschapv2_encrypt_password (const IkeMschapv2Crypto *crypto, const RoamSecret *new_password,
                                        const guint8 old_hash[IKE_MSCHAPV2_HASH_LENGTH],
                                        guint8 block[IKE_MSCHAPV2_PWBLOCK_LENGTH]);
/* The old hash under the new one (8.13). */
gboolean ike_mschapv2_encrypt_hash (const IkeMschapv2Crypto *crypto, const guint8 old_hash[IKE_MSCHAPV2_HASH_LENGTH],
                                    const guint8 new_hash[IKE_MSCHAPV2_HASH_LENGTH],
                                    guint8 out[IKE_MSCHAPV2_HASH_LENGTH]);

/* --- the TLS client on memory: ike-eap-tls-engine.c --- */

typedef struct _IkeTlsClient IkeTlsClient;
typedef enum
{
  IKE_TLS_RUNNING,
  IKE_TLS_DONE, /* TLS 1.3: the protected success indication came too (RFC 9190 2.5) */
  IKE_TLS_BROKEN,
} IkeTlsState;

IkeTlsClient *ike_tls_client_new (const IkeCredentials *credentials, const char *server_name, char **ret_problem);
void ike_tls_client_free (IkeTlsClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeTlsClient, ike_tls_client_free)
/* Feeds @data (may be empty: begin) and collects what has to go out, alerts too (may be empty); caller unrefs. */
IkeTlsState ike_tls_client_step (IkeTlsClient *client, const RoamNow *now, IkeView data, GBytes **ret_output,
                                 IkeEapFault *fault);
/* DONE: MSK of RFC 5216 2.3 or RFC 9190 2.3. NULL: libssl failed. */
RoamSecret *ike_tls_client_msk (IkeTlsClient *client);
