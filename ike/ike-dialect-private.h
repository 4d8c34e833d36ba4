/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike-message-private.h"
#include "ike/ike.h"

/*
 * Mobility is spoken in one of two dialects: MOBIKE (RFC 4555) or MOPO-IKE (draft-eronen-mobike-mopo-02).
 * The state and its changes are the same; what differs is in one table a dialect: numbers, forms and a
 * few rules. The dialect is fixed with the IKE SA and goes on to its successors.
 */
typedef struct
{
  const char *name;       /* as in IkeStatus */
  IkeProtocolId protocol; /* in every notify of the dialect, without an SPI */

  /* Numbers of the notifies. */
  guint16 supported;
  guint16 update;       /* the initiator of the IKE SA says: from here on I am where this comes from */
  guint16 cookie2;      /* return routability: echoed as it is */
  guint16 address4;     /* of an address list; the same as address6 where the length tells the family */
  guint16 address6;     /* likewise */
  guint16 no_addresses; /* an empty list; 0: the sender's own address stands for it */
  guint16 nat_forbid;   /* no NAT may have touched this packet */
  guint16 refused;      /* error: not on this path */
  guint16 nat_seen;     /* error: a NAT did touch it */
  const char *refused_reason, *nat_seen_reason;

  /* Rules. */
  gboolean cookie_always;           /* COOKIE2 in every INFORMATIONAL exchange, and no answer without it */
  gboolean routability_before_move; /* Child SAs may wait for the proof that the peer receives there */
  gboolean support_in_init;         /* told in IKE_SA_INIT, behind a Vendor ID; else in IKE_AUTH */
  gboolean nat_forbid_in_init;      /* nat_forbid in IKE_SA_INIT and updates; else in IKE_AUTH, updates and lists */
  gboolean nat_forbid_without_natt; /* nat_forbid whenever NAT traversal is not in use; else only by policy */
  gboolean nat_forbid_is_hash;      /* of addresses and ports; else these themselves */
  gboolean probe_out_of_sa;         /* PATH_TEST; else INFORMATIONAL exchanges probe */
  gboolean list_is_independent;     /* an address list counts though the update beside it was refused */
} IkeDialect;

extern const IkeDialect ike_dialect_mobike;
extern const IkeDialect ike_dialect_mopo;

/* RFC 4555 4.2.5 and the draft's 3.5 allow 8..64. */
#define IKE_COOKIE2_LENGTH 16
#define IKE_COOKIE2_MAX 64
#define IKE_MOPO_VENDOR_ID_LENGTH 16
/* First half of SHA-256 ("roamd MOPO-IKE draft-eronen-mobike-mopo-02 private-use v1"). */
extern const guint8 ike_mopo_vendor_id[IKE_MOPO_VENDOR_ID_LENGTH];

/* The Protocol ID that goes with @notify_type, whichever dialect it is of. */
IkeProtocolId ike_dialect_protocol (guint16 notify_type);
/* A notify of @dialect. @data may be NULL with @length 0. */
void ike_dialect_add (const IkeDialect *dialect, guint16 notify_type, const guint8 *data, gsize length,
                      IkePayloads *payloads);
/*
 * The addresses of a host beside @in_use, which belongs to them without being named (RFC 4555 3.6). An empty
 * list is said only with @say_none.
 */
void ike_dialect_add_addresses (const IkeDialect *dialect, const RoamAddr *addresses, guint n, const RoamAddr *in_use,
                                gboolean say_none, IkePayloads *payloads);
gboolean ike_dialect_has_list (const IkeDialect *dialect, const IkeMessage *message);
gboolean ike_dialect_is_address (const IkeDialect *dialect, guint16 notify_type);
/* FALSE: the length fits no family, or not the one that the type says. */
gboolean ike_dialect_read_address (const IkeDialect *dialect, const IkePayloadNotify *notify, RoamAddr *ret_addr);
/* MOPO in an IKE_SA_INIT (or IKE_SESSION_RESUME) message: Vendor ID and MOPO_SUPPORTED, both. */
gboolean ike_dialect_mopo_in (const IkeMessage *message);
