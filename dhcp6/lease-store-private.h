/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/lease-store.h"

/*
 * Inside of the store: numbered records in arrays, tied by numbers, so that a million bindings take
 * tens of octets each and no allocation of their own. 0 is "none" everywhere: record 0 is not used.
 *
 * binding -- belongs to one group (client on link), in the group's list
 * group   -- in the list of its client and in that of its link
 * tag     -- one relay-id or remote-id of one binding, in the list of that identifier; tags of one
 *            group stand together there, so that a group comes once
 */

typedef guint32 Id;

typedef struct
{
  guint8 address[16];
  guint32 contact, valid_s, preferred_s, iaid;
  Id group, next_of_group, previous_of_group;
  Id tags;       /* first of its tags */
  Id relay_data; /* octets */
  guint32 subnet_id;
  guint8 prefix_length;
  guint8 is_prefix;
} LeaseBinding;

typedef struct
{
  Id client; /* octets */
  guint32 link;
  Id first, last; /* bindings */
  Id next_of_client, previous_of_client;
  Id next_of_link, previous_of_link;
} LeaseGroupRecord;

typedef struct
{
  Id octets; /* the identifier */
  Id binding;
  Id next, previous; /* of the identifier */
  Id next_of_binding;
} LeaseTag;

/* Octets kept once: client identifiers, relay-ids, remote-ids, relay data. */
typedef struct
{
  guint8 *data;
  guint32 length;
  guint32 references;
  Id first, last; /* client: groups; identifier: tags */
} LeaseOctets;

/* A growing array with a list of free records. */
typedef struct
{
  guint8 *records;
  gsize size; /* of one */
  guint32 n, allocated;
  GArray *free; /* Id */
} LeasePool;

/* Open addressing. The hash in the slot spares a look at most entries that are another's. */
#define LEASE_TOMBSTONE G_MAXUINT32
typedef struct
{
  Id id; /* 0 empty, LEASE_TOMBSTONE was used */
  guint32 hash;
} LeaseSlot;

typedef struct
{
  LeaseSlot *slots;
  guint32 mask; /* slots less one */
  guint32 used, tombstones;
} LeaseTable;

/* The link of leases whose subnet is not known. */
#define LEASE_UNKNOWN_LINK 0u

typedef struct
{
  RoamPrefix prefix;
  guint32 subnet_id;
  LeaseLink link;
} LeaseSubnet;

typedef struct
{
  char *name;
  Id first, last; /* groups */
} LeaseLinkRecord;

/* What tells octets of one use from those of another. */
typedef enum
{
  LEASE_OCTETS_CLIENT,
  LEASE_OCTETS_RELAY_ID,
  LEASE_OCTETS_REMOTE_ID,
  LEASE_OCTETS_RELAY_DATA,
  LEASE_N_OCTETS,
} LeaseOctetsKind;

struct _LeaseStore
{
  guint references;
  Dhcp6CodePoints points;
  guint64 key[2]; /* of lease_hash() */
  LeasePool bindings, groups, tags, octets;
  LeaseTable by_address;
  LeaseTable by_octets[LEASE_N_OCTETS];
  GArray *subnets;                 /* LeaseSubnet, longest prefix first */
  GHashTable *by_subnet_id;        /* subnet_id -> link + 1 */
  GArray *links;                   /* LeaseLinkRecord; 0: leases of unknown subnets */
  guint64 prefixes_of_length[129]; /* delegated prefixes by their length: which masks are worth a look */
  gsize octets_size;
  gboolean has_relay_ids, has_remote_ids;
  LeaseJournal *journal; /* NULL: none */
  GPtrArray *cursors;    /* LeaseCursor, borrowed: moved on when what they stand on goes */
};

typedef enum
{
  CURSOR_ONE,
  CURSOR_CLIENT, /* groups of a client */
  CURSOR_LINK,   /* groups of a link */
  CURSOR_TAGS,   /* tags of an identifier */
} LeaseCursorKind;

struct _LeaseCursor
{
  LeaseStore *store;
  LeaseCursorKind kind;
  LeaseLink link; /* or LEASE_ANY_LINK */
  Id at;          /* binding, group or tag that comes next; 0: at the end */
  GArray *leases; /* Lease: of the group handed out */
};

/* lease-pool.c */
void lease_pool_init (LeasePool *pool, gsize size);
void lease_pool_clear (LeasePool *pool);
/* A zeroed record. Pointers into the pool are void afterwards. */
Id lease_pool_take (LeasePool *pool);
void lease_pool_give (LeasePool *pool, Id id);
gsize lease_pool_size (const LeasePool *pool);

static inline gpointer
lease_pool_at (const LeasePool *pool, Id id)
{
  return pool->records + id * pool->size;
}

void lease_table_init (LeaseTable *table);
/* Room for @n entries without growing; of an empty table. */
void lease_table_reserve (LeaseTable *table, guint32 n);
void lease_table_clear (LeaseTable *table);
gsize lease_table_size (const LeaseTable *table);
/* Walks the entries with @hash: start with *@at = 0. The Id, or 0 at the end. */
Id lease_table_walk (const LeaseTable *table, guint32 hash, guint32 *at);
void lease_table_add (LeaseTable *table, guint32 hash, Id id);
void lease_table_remove (LeaseTable *table, guint32 hash, Id id);
/*
 * SipHash-1-3: clients choose their DUIDs, and must not be able to choose them so that all fall on one slot.
 * For tables in memory alone: it depends on the order of octets of the machine.
 */
guint32 lease_hash (const guint64 key[2], const guint8 *data, gsize length);

/* lease-store.c */
Id lease_store_find_octets (const LeaseStore *store, LeaseOctetsKind kind, Dhcp6Slice octets);
Id lease_store_find_binding (const LeaseStore *store, const guint8 address[16]);
/* The binding of the longest delegated prefix with the address in it. */
Id lease_store_find_delegation (const LeaseStore *store, const RoamAddr *address);
