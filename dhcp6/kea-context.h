/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/dhcp6.h"

/*
 * The relay information in the user context of a lease (LQ-KEA-007). A reader of its own for the JSON of
 * a million rows: nothing is allocated but the result. tests/dhcp6/test-kea-config.c holds it against json-glib.
 */

typedef enum
{
  KEA_CONTEXT_NOTHING, /* JSON, but no relay information in it */
  KEA_CONTEXT_RELAYS,  /* @ret_relay_data has the contents of LQ_RELAY_DATA, the caller's */
  KEA_CONTEXT_BAD,     /* no JSON object, or relay information that cannot be */
} KeaContext;

/* @text: without the escapes of the lease file. */
KeaContext kea_context_read_relays (const Dhcp6CodePoints *points, const char *text, gsize length,
                                    GBytes **ret_relay_data);
