/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tests/ike/test-crypto-pki.h"
#include "tests/ike/world.h"

/*
 * A World with certificates on both sides, and somebody who keeps what the engine wants from outside
 * (signatures, fetches) until the test answers.
 */

typedef struct
{
  PkiNode *ca, *gateway, *client;
  GBytes *ca_pem, *client_pem, *gateway_pem;
  RoamSecret *client_key, *gateway_key;
  IkeCredentials *gateway_credentials;
} AuthPki;

/* @key: as in PkiRequest. @info_access and @crl_points of the gateway's certificate, NULL: none. */
AuthPki *auth_pki_new (const char *key, const char *info_access, const char *crl_points);
void auth_pki_free (AuthPki *pki);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AuthPki, auth_pki_free)

typedef struct
{
  gint64 at_us;
  guint32 request;
  /* SIGN */
  IkeSignScheme scheme;
  guint hash_bits;
  GBytes *octets; /* NULL: FETCH */
  /* FETCH */
  char *url, *content_type;
  GBytes *body;
  gsize max_length;
} AuthWish;

typedef struct
{
  World *world;
  const AuthPki *pki;
  GPtrArray *wishes; /* AuthWish */
} AuthWorld;

/* Both sides with certificates; the client's anchors are the CA. */
IkeConfig auth_config (const AuthPki *pki);
/* Started on link a. */
AuthWorld *auth_world_new (const AuthPki *pki, const IkeConfig *config);
void auth_world_free (AuthWorld *auth);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AuthWorld, auth_world_free)
/* Runs until there are @n wishes in all; fails the test if that takes longer than five seconds. The newest one. */
const AuthWish *auth_world_wish (AuthWorld *auth, guint n);
/* FETCHED or SIGNED; @answer NULL: it failed. */
void auth_world_answer (AuthWorld *auth, const AuthWish *wish, GBytes *answer);
/* The @n-th ESTABLISHED is there, or comes within five seconds. */
void auth_world_established (AuthWorld *auth, guint n);
/* What a key at hand would answer to SIGN. */
GBytes *auth_sign (const PkiNode *node, const AuthWish *wish);
