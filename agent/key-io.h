/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"
#include "ike/ike.h"

/*
 * A private key that never comes here: in a PKCS#11 token ("pkcs11:token=Laptop;object=vpn", RFC 7512) or in a TPM 2.0
 * ("tpm2:0x81000001", "tpm2:/etc/roamd/vpn.tss2.pem"). What IKE_ACTION_SIGN asks for, beside the main loop: tokens take
 * their time. Everything is called in, and calls back from, the thread of the default main context.
 *
 * A PIN that was refused is forgotten and never tried again by itself, and the last try that a token allows is left to
 * a person: no daemon may lock somebody's card.
 */

typedef struct _AgentKeyIo AgentKeyIo;

typedef enum
{
  AGENT_KEY_OK,
  AGENT_KEY_NO_TOKEN,
  AGENT_KEY_NO_KEY, /* or more than one */
  AGENT_KEY_NO_PIN, /* it wants one */
  AGENT_KEY_WRONG_PIN,
  AGENT_KEY_LOCKED, /* or one wrong PIN before that */
  AGENT_KEY_UNABLE, /* to do this scheme */
  AGENT_KEY_FAILED,
} AgentKeyResult;

/* A sentence for logs, static. */
const char *agent_key_result_to_string (AgentKeyResult result);

/* @signature is borrowed, ECDSA in DER; NULL unless @result is OK. Not called for what agent_key_io_free() ends. */
typedef void (*AgentKeyDone) (guint32 request, GBytes *signature, AgentKeyResult result, gpointer user_data);

/* Can @text name a key? NULL, or what is allowed (static). A PIN has no place in it. */
const char *agent_key_uri_check (const char *text);

/* @uri: one that agent_key_uri_check() likes. @pin NULL: none, or not yet. Nothing is opened before the first
 * signature. */
AgentKeyIo *agent_key_io_new (const char *uri, RoamSecret *pin, AgentKeyDone done, gpointer user_data);
/* What is under way ends in its thread, for nobody. */
void agent_key_io_free (AgentKeyIo *io);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AgentKeyIo, agent_key_io_free)
/* A person gave another one; NULL: forget it. */
void agent_key_io_set_pin (AgentKeyIo *io, RoamSecret *pin);
/* One at a time leaves the token; others wait their turn. */
void agent_key_io_sign (AgentKeyIo *io, guint32 request, IkeSignScheme scheme, guint hash_bits, GBytes *octets);
