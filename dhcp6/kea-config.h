/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"

/* What a subnet_id means, out of the text of kea-dhcp6.conf (LQ-KEA-013). No file is touched here. */

/* A subnet, and the network segment it is on: one of Kea's shared networks, or the subnet alone. */
typedef struct
{
  char *link;
  guint32 subnet_id;
  RoamPrefix prefix;
} KeaSubnet;

/* An array of KeaSubnet that frees its names. */
GArray *kea_subnets_new (void);

/*
 * @text: JSON with Kea's liberties (comments of three kinds, a comma before a closing bracket). NULL
 * when it is none, has no "Dhcp6", a subnet without an id or a prefix, an id twice, or includes another
 * file; then @ret_problem (the caller's) says what. Caller unrefs.
 */
GArray *kea_config_parse_subnets (const char *text, gsize length, char **ret_problem);
