/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/eap/ike-eap-private.h"
#include "tests/ike/test-crypto-pki.h"

#include <openssl/ssl.h>

/* An EAP server for tests: MSCHAPv2 with the shared cryptography, TLS with libssl's own server. */
typedef struct
{
  IkeEapMethod method;
  guint8 identifier;
  guint step;
  char *identity; /* as the peer gave it */
  RoamSecret *msk;
  gboolean failed;

  /* MSCHAPv2. */
  const char *user, *password;
  const char *failure;      /* sent instead of judging the response */
  const char *again;        /* the first response is refused with this (C= included); NULL: it is judged at once */
  const char *old_password; /* of a Change-Password packet that may come then; NULL: a Response has to come */
  guint8 challenge[IKE_MSCHAPV2_CHALLENGE_LENGTH];
  gboolean wrong_authenticator, lower_case;
  gboolean retried, changed;
  guint8 response[64]; /* type data of the peer's Response, its beginning */

  /* TLS. */
  SSL *ssl;
  BIO *in, *out;
  gsize fragment;
  gboolean no_indication;
  GByteArray *pending; /* output not yet sent */
  gsize sent;
  gboolean indicated;
  guint fragments_in, acks; /* of the peer */
  guint8 last_flags;
  GByteArray *first_flight; /* the peer's ClientHello */
} EapServer;

EapServer *eap_server_new_mschapv2 (const char *user, const char *password);
/* @version: TLS1_2_VERSION or TLS1_3_VERSION. */
EapServer *eap_server_new_tls (const PkiNode *ca, const PkiNode *server, int version);
void eap_server_free (EapServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EapServer, eap_server_free)
/* The answer to a response of the peer; an empty @response: begin. */
GBytes *eap_server_next (EapServer *server, IkeView response);
/* A packet. @code SUCCESS and FAILURE have no @type. */
GBytes *eap_packet (guint8 code, guint8 identifier, guint8 type, const guint8 *data, gsize length);
