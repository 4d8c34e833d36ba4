/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

typedef enum {
  ROAM_FAMILY_NONE = 0,
  ROAM_FAMILY_INET4 = 4,
  ROAM_FAMILY_INET6 = 6,
} RoamFamily;

/* An IP address in network order; a value type. All-zero memory is "no address". */
typedef struct {
  guint8 family; /* RoamFamily */
  guint8 bytes[16];
} RoamAddr;

/* Address and UDP port (host order). */
typedef struct {
  RoamAddr addr;
  guint16 port;
} RoamEndpoint;

/* Network prefix; @length in bits. */
typedef struct {
  RoamAddr addr;
  guint8 length;
} RoamPrefix;

/* Big enough for any address, endpoint or prefix with its terminator. */
#define ROAM_ADDR_STRLEN 64

#define ROAM_ADDR_NONE ((RoamAddr){ .family = ROAM_FAMILY_NONE })

/* 0 for none, 4 or 16. */
gsize roam_addr_length (const RoamAddr *addr);
/* @host is in host order: 0x0a000001 is 10.0.0.1. */
RoamAddr roam_addr_from_u32 (guint32 host);
/* Host-order value of an IPv4 address; 0 for anything else. */
guint32 roam_addr_to_u32 (const RoamAddr *addr);
/* @length must be 4 or 16 (else: no address). */
RoamAddr roam_addr_from_bytes (const guint8 *bytes, gsize length);
gboolean roam_addr_is_set (const RoamAddr *addr);
/* Set, and not 0.0.0.0 or ::. */
gboolean roam_addr_is_specified (const RoamAddr *addr);
gboolean roam_addr_equal (const RoamAddr *a, const RoamAddr *b);
guint roam_addr_hash (const RoamAddr *addr);
/* Both families, numeric only. FALSE leaves @ret_addr untouched. */
gboolean roam_addr_parse (const char *text, RoamAddr *ret_addr);
/* Writes to and returns @buffer. "none" for no address. */
const char *roam_addr_to_string (const RoamAddr *addr, char buffer[ROAM_ADDR_STRLEN]);

gboolean roam_endpoint_equal (const RoamEndpoint *a, const RoamEndpoint *b);
/* "192.0.2.1:500" or "[2001:db8::1]:500". */
const char *roam_endpoint_to_string (const RoamEndpoint *endpoint, char buffer[ROAM_ADDR_STRLEN]);

/* "10.0.0.0/8"; a bare address means its full length. Host bits are kept. */
gboolean roam_prefix_parse (const char *text, RoamPrefix *ret_prefix);
gboolean roam_prefix_contains (const RoamPrefix *prefix, const RoamAddr *addr);
gboolean roam_prefix_equal (const RoamPrefix *a, const RoamPrefix *b);
const char *roam_prefix_to_string (const RoamPrefix *prefix, char buffer[ROAM_ADDR_STRLEN]);
