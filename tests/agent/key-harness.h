/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/key-io.h"
#include "tests/ike/test-crypto-pki.h"

/* What the tests of real tokens share: a directory of their own, programs that they need, one signature after the
 * other. */

typedef struct
{
  AgentKeyIo *io;
  guint answers;
  AgentKeyResult result;
  GBytes *signature; /* of the last answer */
  guint32 request;
} KeyClient;

KeyClient *key_client_new (const char *uri, const char *pin);
void key_client_free (KeyClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KeyClient, key_client_free)
/* Runs the main loop until the answer is there. */
AgentKeyResult key_client_sign (KeyClient *client, IkeSignScheme scheme, guint bits, const char *text);
/* One more answer. */
void key_client_wait (KeyClient *client);
/* The last signature is one of @key, PSS with a salt as long as the hash. */
gboolean key_verifies (EVP_PKEY *key, IkeSignScheme scheme, guint bits, const char *text, GBytes *signature);

/* Every one of these programs is there; otherwise the whole test is skipped, and says so (exit status 77). */
void key_need_programs (const char *const *programs, const char *packages);
/* Fails the test unless the program succeeds; NULL-terminated. */
void key_run (const char *program, ...) G_GNUC_NULL_TERMINATED;
/* A directory that key_remove_directory() takes away. */
char *key_make_directory (void);
void key_remove_directory (const char *path);
