/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/key-io.h"

/* The places where keys are. Each function runs in a thread, one at a time for one key, and may take long. */

typedef struct
{
  IkeSignScheme scheme;
  guint hash_bits; /* 0: the scheme hashes by itself */
  GBytes *octets;
} AgentKeyQuestion;

/* Name of the hash in libcrypto; NULL: none of that length. */
const char *agent_key_digest_name (guint hash_bits);

/* --- key-pkcs11-io.c --- */

typedef struct _AgentPkcs11Key AgentPkcs11Key;
const char *agent_pkcs11_key_check (const char *uri);
AgentPkcs11Key *agent_pkcs11_key_new (const char *uri);
void agent_pkcs11_key_free (AgentPkcs11Key *key);
/* @pin may be NULL; @ret_signature is written with OK only, caller unrefs. */
AgentKeyResult agent_pkcs11_key_sign (AgentPkcs11Key *key, const AgentKeyQuestion *question, const RoamSecret *pin,
                                      GBytes **ret_signature);

/* --- key-tpm2-io.c: the same --- */

typedef struct _AgentTpm2Key AgentTpm2Key;
const char *agent_tpm2_key_check (const char *uri);
AgentTpm2Key *agent_tpm2_key_new (const char *uri);
void agent_tpm2_key_free (AgentTpm2Key *key);
AgentKeyResult agent_tpm2_key_sign (AgentTpm2Key *key, const AgentKeyQuestion *question, const RoamSecret *pin,
                                    GBytes **ret_signature);
