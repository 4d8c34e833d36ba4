/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/dhcp6.h"

#include <json-glib/json-glib.h>

/* The worked examples of tests/vectors/leasequery.json; the file's name comes in LEASEQUERY_VECTORS. */

typedef struct
{
  const char *id, *name, *kind, *sender;
  guint frames;
  GByteArray *octets; /* as on the connection */
  JsonObject *expect;
} Vector;

/* Element type Vector; loaded once, lives as long as the program. */
const GArray *vectors_load (void);
/* Never NULL: a test that names a vector which is not there fails. */
const Vector *vectors_find (const char *id);
/* A number of the file's constants in hex ("requestor_duid" ...) as octets; caller unrefs. */
GByteArray *vectors_dup_constant (const char *name);
GByteArray *vectors_unhex (const char *hex);

/* The messages in @octets, as a frame reader with the largest cap takes them apart; elements GByteArray; caller unrefs.
 */
GPtrArray *vectors_split (const GByteArray *octets, Dhcp6Fault *ret_fault, gboolean *ret_partial);
