/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike-codec-private.h"

#include <json-glib/json-glib.h>

/* One entry of tests/vectors/ikev2.json. Octet strings fetched from it live as long as the file. */
typedef struct
{
  const char *id;
  const char *kind;
  JsonObject *inputs, *outputs;
} Vector;

/* TRUE if this vector was really checked; FALSE: not a case of this function. Failures assert. */
typedef gboolean (*VectorRun) (const Vector *vector);

gboolean vector_run_dh (const Vector *vector);
gboolean vector_run_prf_plus (const Vector *vector);
gboolean vector_run_kdf (const Vector *vector);
gboolean vector_run_auth (const Vector *vector);
gboolean vector_run_hash (const Vector *vector);
gboolean vector_run_message (const Vector *vector);
gboolean vector_run_encoding (const Vector *vector);
gboolean vector_run_sk (const Vector *vector);
gboolean vector_run_negative (const Vector *vector);
gboolean vector_run_logic (const Vector *vector);
gboolean vector_run_puzzle (const Vector *vector);
gboolean vector_run_eap (const Vector *vector);

/* What the engine would write, for vectors of MOPO-IKE: no others are looked at. */
void vector_check_mopo_sk (const Vector *vector);
void vector_check_mopo_message (const Vector *vector, const IkeMessage *message);

/* Another vector of the file, by its id. */
const Vector *vector_find (const char *id);
/* Hexadecimal member @name; fails the test when it is missing. */
IkeView vector_hex (JsonObject *object, const char *name);
IkeView vector_hex_text (const char *text);
RoamSecret *vector_secret (JsonObject *object, const char *name);
guint64 vector_spi (JsonObject *object, const char *name);
guint vector_number (JsonObject *object, const char *name, guint fallback);
const char *vector_text (JsonObject *object, const char *name);
gboolean vector_has (JsonObject *object, const char *name);
gboolean vector_id_starts (const Vector *vector, const char *prefix);
gboolean vector_id_is (const Vector *vector, const char *id);
RoamEndpoint vector_endpoint (JsonObject *object, const char *addr, const char *port);

/* Compares @got with member @name of @expected. */
void vector_assert (IkeView got, JsonObject *expected, const char *name);
void vector_assert_secret (const RoamSecret *got, JsonObject *expected, const char *name);
/* The suite the vector names or, by its prefix, means. */
IkeSuite vector_suite (const Vector *vector);
