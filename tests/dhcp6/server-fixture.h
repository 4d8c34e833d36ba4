/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tests/dhcp6/vectors.h"

#include "dhcp6/leasequery-server.h"

/*
 * The server in virtual time. What goes out is a line of words, a connection's number before them:
 * "1:reply[2001:db8::1] 1:done"; a status in round brackets, a minus before a binding with lifetime 0.
 */

#define UNIX_NOW 1800000000
#define S ROAM_USEC_PER_SEC

typedef struct
{
  LeasequeryServerConfig config;
  LeasequeryServerPermission permissions[4];
  LeasequeryServer *server;
  LeaseStore *store;
  GByteArray *duid, *client, *relay, *remote, *requestor;
  gint64 now_us;
  GString *said;
  GByteArray *sent; /* all octets */
  gboolean hold;    /* octets do not reach the reader */
  gsize held;
  RoamAddr peers[3];
  LeaseJournal *journal; /* NULL: none */
  gboolean active;       /* DATA may have a status, or no client */
  gboolean has_base_time;
  guint32 base_time; /* of the last message */
} Fixture;

Dhcp6Slice slice (const GByteArray *octets);
RoamNow now (const Fixture *f);
RoamAddr address_of (const char *text);
void add_subnet (Fixture *f, const char *link, guint32 id, const char *text);
void put_full (Fixture *f, const char *address, Dhcp6Slice client, gint64 age, guint32 preferred, guint32 valid,
               Dhcp6Slice relay_data);
/* Of the vectors' relay: its DUID, the remote-id, an interface-id. */
GByteArray *relay_data (void);
void set_up (Fixture *f, gconstpointer draft);
void start (Fixture *f);
void tear_down (Fixture *f, gconstpointer draft);
void drain (Fixture *f);
#define expect(f, words)                                                                                               \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_strchomp ((f)->said->str);                                                                                       \
    g_assert_cmpstr ((f)->said->str, ==, words);                                                                       \
    g_string_truncate ((f)->said, 0);                                                                                  \
  }                                                                                                                    \
  G_STMT_END

guint accept_from (Fixture *f, guint peer);
void give (Fixture *f, guint connection, const guint8 *data, gsize length);
void hear (Fixture *f, guint connection, const char *vector);
void wait_until (Fixture *f, gint64 us);
void command (Fixture *f, LeasequeryServerCommandType type);
void written (Fixture *f, guint connection, gsize octets);
/* The vectors' one client, as they have it. */
void put_vector_client (Fixture *f);
/* @n clients with an address each. */
void put_many (Fixture *f, guint n);
Dhcp6ClientData first_client (Fixture *f);
void give_query (Fixture *f, guint connection, guint8 type, const char *link, Dhcp6Slice options, guint32 xid);
