/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/wire.h"
#include "mip4/mip4.h"

/*
 * ICMP Agent Advertisement and Agent Solicitation (RFC 5944 2.1, 2.2; RFC 1256 3). ICMP messages
 * only: the caller checks the IP TTL (1) and knows interface and link-layer source.
 */

/* Routers kept of one advertisement; more on one link give no more choice. */
#define MIP4_ADVERTISEMENT_MAX_ROUTERS 16u
/* Care-of addresses that fit the extension's Length octet. */
#define MIP4_ADVERTISEMENT_MAX_CARE_OF 62u

typedef struct
{
  RoamAddr address;
  gint32 preference;    /* G_MININT32: not a default router (RFC 1256 3) */
  gint16 prefix_length; /* -1: no valid Prefix-Lengths extension */
} Mip4AdvertisedRouter;

typedef struct
{
  guint8 code;        /* 0, or 16: does not route common traffic */
  guint16 lifetime_s; /* of the advertisement */
  Mip4AdvertisedRouter routers[MIP4_ADVERTISEMENT_MAX_ROUTERS];
  guint n_routers;
  guint16 sequence;
  guint16 registration_lifetime_s; /* the longest the agent takes */
  guint16 flags;
  RoamAddr care_of[MIP4_ADVERTISEMENT_MAX_CARE_OF];
  guint n_care_of;
  const guint8 *challenge; /* borrowed; NULL: none (RFC 4721 2) */
  gsize challenge_length;
} Mip4Advertisement;

typedef enum
{
  MIP4_ADVERTISEMENT_OK,
  MIP4_ADVERTISEMENT_CHECKSUM,
  MIP4_ADVERTISEMENT_MALFORMED,
  MIP4_ADVERTISEMENT_UNKNOWN_EXTENSION, /* one that may not be skipped */
  MIP4_ADVERTISEMENT_NOT_AN_AGENT,      /* a plain router advertisement, or another ICMP message */
} Mip4AdvertisementResult;

/* @data is the ICMP message. @ret is written on OK only. */
Mip4AdvertisementResult mip4_parse_advertisement (const guint8 *data, gsize length, Mip4Advertisement *ret);
/* An Agent Advertisement with its checksum; within the limits above. Caller unrefs. */
GBytes *mip4_build_advertisement (const Mip4Advertisement *advertisement);
/* Whether one may register with it as a foreign agent: flags that contradict each other forbid it (MIP-ADV-012). */
gboolean mip4_advertisement_is_usable (const Mip4Advertisement *advertisement);
/* ICMP type 10, code 0, right checksum, whole. */
gboolean mip4_is_solicitation (const guint8 *data, gsize length);
/* The 8 octets of an Agent Solicitation; caller unrefs. */
GBytes *mip4_build_solicitation (void);
