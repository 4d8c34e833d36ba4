/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4-discovery.h"

/* Agent discovery in virtual time, and a maker of advertisements that shares no code with mip4/. */

#define SECOND ROAM_USEC_PER_SEC
#define MSEC ROAM_USEC_PER_MSEC
#define WIFI 3u
#define CABLE 4u
#define HOME_ADDRESS 0x0a010064u /* 10.1.0.100 */
#define HOME_AGENT 0x0a010002u   /* 10.1.0.2 */
#define OWN 0x0a050032u          /* 10.5.0.50/24 */
#define FA_1 0x0a050001u         /* 10.5.0.1 */
#define FA_2 0x0a050002u         /* 10.5.0.2 */
#define ALL_SYSTEMS 0xe0000001u
#define BROADCAST 0xffffffffu
#define FLAG_F 0x1000u
#define FLAG_H 0x2000u
#define FLAG_B 0x4000u
#define FLAG_R 0x8000u
#define FLAG_T 0x0100u

/* What an agent says; zero fields mean what the comment says. */
typedef struct
{
  guint32 source, destination; /* destination 0: 224.0.0.1 */
  guint8 mac;                  /* last octet of 02:00:00:00:00:xx; 0: last octet of source */
  guint8 ttl;                  /* 0: 1 */
  guint8 type;                 /* 0: 9 */
  guint8 code;
  guint8 entry_size; /* 0: 2 */
  guint n_routers;
  guint32 routers[4];
  guint32 preferences[4];
  guint16 lifetime;
  guint16 sequence, registration_lifetime, flags;
  guint n_care_of;
  guint32 care_of[6];
  const guint8 *prefixes; /* NULL: no Prefix-Lengths */
  guint n_prefixes;
  const char *challenge; /* text, NULL: none */
  guint8 unknown;        /* another extension of this type, empty; 0: none */
  gboolean no_agent;     /* without extension 16 */
  gboolean bad_checksum;
} Advert;

typedef struct
{
  gint64 at_us;
  Mip4Path path;
  RoamAddr source, destination;
  GBytes *message;
} Solicitation;

typedef struct
{
  RoamRng *rng;
  Mip4Discovery *discovery;
  RoamNow now;
  GArray *sent;   /* Solicitation */
  GArray *events; /* Mip4DiscoveryEvent */
} Ear;

/* @seed: of its random stream. Starts with nothing up. */
Ear *ear_new (guint64 seed);
Ear *ear_new_with (const Mip4DiscoveryConfig *config, guint64 seed);
/* As ear_new(1) with WIFI up at OWN/24. */
Ear *ear_new_up (void);
void ear_free (Ear *ear);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Ear, ear_free)
void ear_command (Ear *ear, Mip4DiscoveryCommandType type, Mip4Path path, guint32 address, guint8 prefix_length);
/* @agent 0: co-located or at home. */
void ear_registered (Ear *ear, Mip4Path path, guint32 agent);
void ear_advance (Ear *ear, gint64 us);
/* A foreign agent: R clear, F and T, lifetime 9, one care-of address, router itself with /24. */
Advert advert_fa (guint32 source, guint16 sequence);
GBytes *advert_build (const Advert *advert);
void ear_hear (Ear *ear, Mip4Path path, const Advert *advert);
/* One ICMP message from FA_1 as it is. */
void ear_hear_octets (Ear *ear, Mip4Path path, const guint8 *data, gsize length);
guint ear_n_events (const Ear *ear);
/* Asserts that @event is the only news since the last call, and forgets it. */
Mip4DiscoveryEvent ear_expect (Ear *ear, Mip4DiscoveryEventType event);
void ear_expect_nothing (Ear *ear);
guint64 ear_counter (const Ear *ear, const char *name);
/* Usable agents of @path. */
guint ear_n_agents (const Ear *ear, Mip4Path path);
