/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/dhcp6.h"
#include "dhcp6/lease-journal.h"

/*
 * The bindings of a DHCPv6 server in memory, with an index for each query type of RFC 5460: address,
 * client, link, relay-id, remote-id. Pure. What a query costs is linear in its result (LQ-SRV-079).
 *
 * A link is a network segment: one or more subnets (RFC 5460 5.3.2). The unit of an answer is one
 * client on one link (RFC 5460 5.2.1).
 */

typedef struct _LeaseStore LeaseStore;

/* One binding; slices are copied by lease_store_put(). */
typedef struct
{
  gboolean is_prefix;
  RoamAddr address;     /* the key: an address and a prefix cannot share it (LQ-KEA-002) */
  guint8 prefix_length; /* 128 for an address */
  guint32 iaid;
  guint32 subnet_id;
  guint32 valid_s, preferred_s; /* as granted; DHCP6_LIFETIME_INFINITE */
  gint64 contact;               /* Unix seconds of the last contact with the client: lifetimes run from it */
  Dhcp6Slice client_id;         /* 3..130 octets */
  Dhcp6Slice relay_data; /* contents of LQ_RELAY_DATA; data NULL: none. Relay-ids and remote-ids are taken out of it */
} Lease;

LeaseStore *lease_store_new (const Dhcp6CodePoints *points);
#define LEASE_STORE_KEY_LENGTH 16
/*
 * Random octets, before the first lease: clients that choose their identifiers cannot slow the tables down then.
 * Results and their order do not depend on it.
 */
void lease_store_set_key (LeaseStore *store, const guint8 key[LEASE_STORE_KEY_LENGTH]);
/* Room in an empty store for as much as is in @like: growing takes pauses that queries would feel. */
void lease_store_reserve_like (LeaseStore *store, const LeaseStore *like);
LeaseStore *lease_store_ref (LeaseStore *store);
void lease_store_unref (LeaseStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeaseStore, lease_store_unref)
/*
 * The same in bits, for a store that nobody asks any more: at most @budget allocations are freed in one call.
 * TRUE: *@store is NULL now; FALSE: call again.
 */
gboolean lease_store_unref_slowly (LeaseStore **store, guint budget);

/*
 * A subnet of the link @link (a name; made when it is new). FALSE when the subnet_id is known already.
 * Leases of unknown subnets are kept on a link of their own, which no link-address leads to.
 */
gboolean lease_store_add_subnet (LeaseStore *store, const char *link, guint32 subnet_id, const RoamPrefix *prefix);

/* Adds, or replaces the one with its address. FALSE: a client_id or relay_data that cannot be (nothing changes). */
gboolean lease_store_put (LeaseStore *store, const Lease *lease);
/* FALSE: there is none. */
gboolean lease_store_remove (LeaseStore *store, const RoamAddr *address);
/* From now on every change is noted in @journal, which is referenced; NULL: no more. */
void lease_store_set_journal (LeaseStore *store, LeaseJournal *journal);
/* What is known of exactly this address or prefix; slices are borrowed until the store changes. FALSE: nothing. */
gboolean lease_store_get (const LeaseStore *store, const RoamAddr *address, Lease *ret_lease);
/* The same as a change that it is gone. */
gboolean lease_store_describe (const LeaseStore *store, const RoamAddr *address, LeaseChange *ret_change);
guint lease_store_n_leases (const LeaseStore *store);
/* Some lease has, or had, relay information: else queries by relay-id and remote-id cannot be answered (LQ-SRV-078). */
gboolean lease_store_has_relay_ids (const LeaseStore *store);
gboolean lease_store_has_remote_ids (const LeaseStore *store);
/* Octets of memory that the store itself takes, allocator overhead not counted. */
gsize lease_store_size (const LeaseStore *store);

/* ----------------------------------------------------------------- queries ---- */

/* A link as found; LEASE_NO_LINK: none. */
typedef guint32 LeaseLink;
#define LEASE_NO_LINK G_MAXUINT32
#define LEASE_ANY_LINK (G_MAXUINT32 - 1)

/* The link with the longest subnet that contains @address. */
LeaseLink lease_store_find_link (const LeaseStore *store, const RoamAddr *address);
/* An address on the subnet's link: its prefix. FALSE: the subnet is not known. */
gboolean lease_store_get_link_address (const LeaseStore *store, guint32 subnet_id, RoamAddr *ret_address);
/* The link that leases of the subnet are on; that of unknown subnets is one, too. */
LeaseLink lease_store_find_link_of_subnet (const LeaseStore *store, guint32 subnet_id);

typedef struct _LeaseCursor LeaseCursor;

/*
 * Results in a fixed order, one client on one link at a time. What is in the store from the first
 * call to the last comes exactly once, whatever is put and removed in between (LQ-SRV-102). A cursor
 * holds a reference to its store.
 */
LeaseCursor *lease_cursor_by_address (LeaseStore *store, LeaseLink link, const RoamAddr *address);
LeaseCursor *lease_cursor_by_client (LeaseStore *store, LeaseLink link, Dhcp6Slice client_id);
LeaseCursor *lease_cursor_by_link (LeaseStore *store, LeaseLink link);
LeaseCursor *lease_cursor_by_relay_id (LeaseStore *store, LeaseLink link, Dhcp6Slice relay_id);
LeaseCursor *lease_cursor_by_remote_id (LeaseStore *store, LeaseLink link, Dhcp6Slice remote_id);
void lease_cursor_free (LeaseCursor *cursor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeaseCursor, lease_cursor_free)

/* One client on one link; borrowed until the cursor's next step or any change of the store. */
typedef struct
{
  Dhcp6Slice client_id;
  gint64 contact;        /* the latest of the bindings' */
  Dhcp6Slice relay_data; /* of the binding with the latest contact */
  const Lease *leases;   /* client_id and relay_data of each are not set */
  guint n_leases;
} LeaseGroup;

/*
 * The next client with a binding that is valid at @now (Unix seconds), last seen in @since..@until
 * (both inclusive; G_MININT64, G_MAXINT64: any time). At most @budget bindings or clients that do not
 * qualify are passed over in one call: FALSE with lease_cursor_is_at_end() FALSE means call again.
 */
gboolean lease_cursor_next (LeaseCursor *cursor, gint64 now, gint64 since, gint64 until, guint budget,
                            LeaseGroup *ret_group);
gboolean lease_cursor_is_at_end (const LeaseCursor *cursor);
