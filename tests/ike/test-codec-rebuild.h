/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike-codec-private.h"

/* Writes every payload of @message again from its parsed form, with the builder of its type. */
IkePayloads *test_rebuild_payloads (const IkeMessage *message);
/* Octets of a chain; borrowed. */
IkeView test_payloads_octets (const IkePayloads *payloads);
guint8 test_payloads_first (const IkePayloads *payloads);
