/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"
#include "mip4/mip4-advertisement-private.h"
#include "mip4/mip4-codec-private.h"
#include "mip4/mip4-fa-private.h"

/* A foreign agent in virtual time; requests, replies and their authentication are made by the test's own hands. */

#define FA_ADDRESS 0x0a020001u /* 10.2.0.1 */
#define FA_CARE_OF 0x0a090002u /* 10.9.0.2 */
#define FA_OTHER 0x0a0a0001u   /* 10.10.0.1, another address of its host */
#define MN_MAC 0x020000000264u
#define MN_PORT 4000u
#define FA_HA_SPI 5000u
#define MN_FA_SPI 6000u

typedef struct
{
  Mip4Fa *fa;
  RoamRng *rng;
  RoamNow now;
  GArray *actions; /* Mip4FaAction of the last input; owned */
} Fa;

extern const char *const fa_ha_key_hex, *const mn_fa_key_hex;

/* T, encapsulating delivery, lifetime 300, an advertisement each second at most; no associations. */
Mip4FaConfig fa_default_config (void);
/* @config NULL: the default. The first advertisement is sent already. */
Fa *fa_new (const Mip4FaConfig *config);
void fa_free (Fa *fa);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Fa, fa_free)
/* Associations for a configuration: with HMAC-MD5 when @md5. The key lives as long as the process. */
Mip4FaPeer fa_home_agent_peer (gboolean md5);
Mip4FaPeer fa_node_peer (gboolean md5);

/* Runs through every deadline on the way; keeps all actions. */
void fa_advance (Fa *fa, gint64 us);
guint fa_count (const Fa *fa, Mip4FaActionType type);
/* The only one of its type. */
const Mip4FaAction *fa_find (const Fa *fa, Mip4FaActionType type);
void fa_command (Fa *fa, Mip4FaCommandType type);
guint64 fa_counter (const Fa *fa, const char *name);
/* The header of a request: from HOME_ADDRESS to FA_ADDRESS, TTL 255. */
Mip4FaHeader fa_header (guint64 mac);
void fa_input_header (Fa *fa, const Mip4FaHeader *header, GBytes *message);
/* From the node; consumes @message. */
void fa_input (Fa *fa, GBytes *message);
/* From the home agent; consumes @message. */
void fa_input_reply (Fa *fa, GBytes *message);

/* A request for FA_CARE_OF with T and lifetime 120, a fresh Identification. */
Forgery fa_request (const Fa *fa);
/* The home agent's answer to the request that was relayed last. */
Forgery fa_reply (const Forgery *request);
/* @message with an authentication extension of @type behind it; consumes @message. */
GBytes *fa_authenticate (GBytes *message, guint8 type, guint32 spi, const char *key_hex, gboolean md5);
/* Consumes @message. */
GBytes *fa_append (GBytes *message, const char *hex);

/* The one message to the visited link (reply or denial), decoded; borrowed from the actions. */
Mip4Message fa_to_node (const Fa *fa);
/* The one message to the home agent. */
const Mip4FaAction *fa_relayed (const Fa *fa);
void fa_expect_denied (const Fa *fa, guint8 code);
void fa_expect_silence (const Fa *fa);
/* Registers @request and accepts it; the visitor. */
Mip4FaVisitor fa_register (Fa *fa, const Forgery *request);
/* The advertisement of the only SEND_ICMP. */
Mip4Advertisement fa_advertisement (const Fa *fa);
