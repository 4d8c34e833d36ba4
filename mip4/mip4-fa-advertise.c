/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-fa-private.h"

#include "mip4/mip4-advertisement-private.h"
#include "mip4/mip4-tunnel-private.h"

#include <string.h>

/* Agent Advertisements: making them, their schedule, answers to solicitations (RFC 5944 2.1, 2.3; RFC 1256 4). */

#define ALL_SYSTEMS 0xe0000001u       /* 224.0.0.1 */
#define LIMITED_BROADCAST 0xffffffffu /* 255.255.255.255 */
#define CODE_COMMON_TRAFFIC 0
#define CODE_NO_COMMON_TRAFFIC 16
/* RFC 5944 2.3.2: 65535 is followed by 256, so that 0 to 255 always means a fresh start. */
#define SEQUENCE_AFTER_WRAP 256u

static guint16
flags_of (const Mip4Fa *fa)
{
  const Mip4FaConfig *config = &fa->config;

  return (guint16)(MIP4_AGENT_FOREIGN | (config->registration_required ? MIP4_AGENT_REGISTRATION_REQUIRED : 0) |
                   (mip4_fa_is_busy (fa) ? MIP4_AGENT_BUSY : 0) |
                   (config->reverse_tunnel ? MIP4_AGENT_REVERSE_TUNNEL : 0) |
                   (config->behind_nat ? MIP4_AGENT_UDP_TUNNEL : 0) | (config->revocation ? MIP4_AGENT_REVOCATION : 0));
}

GBytes *
mip4_fa_build_advertisement (const Mip4Fa *fa, guint16 sequence, guint16 lifetime_s, const Mip4FaChallenge *challenge)
{
  const Mip4FaConfig *config = &fa->config;
  Mip4Advertisement advertisement = {
    .code = config->routes_common_traffic ? CODE_COMMON_TRAFFIC : CODE_NO_COMMON_TRAFFIC,
    .lifetime_s = lifetime_s,
    .routers = { { config->address, 0, config->prefix_lengths ? config->visited_network.length : -1 } },
    .n_routers = 1,
    .sequence = sequence,
    .registration_lifetime_s = config->registration_lifetime_s,
    .flags = flags_of (fa),
    .n_care_of = config->n_care_of,
  };

  for (guint i = 0; i < config->n_care_of; i++)
    advertisement.care_of[i] = config->care_of[i];
  if (challenge != NULL)
    {
      advertisement.challenge = challenge->octets;
      advertisement.challenge_length = sizeof challenge->octets;
    }
  return mip4_build_advertisement (&advertisement);
}

static guint16
next_sequence (Mip4Fa *fa)
{
  guint16 sequence = fa->sequence;

  fa->sequence = sequence == G_MAXUINT16 ? SEQUENCE_AFTER_WRAP : (guint16)(sequence + 1);
  return sequence;
}

/* The link-layer address of an IPv4 multicast group (RFC 1112 6.4), or the broadcast. */
static void
link_layer_of (guint32 destination, guint8 out[6])
{
  const guint8 multicast[6] = {
    0x01, 0x00, 0x5e, (guint8)(destination >> 16 & 0x7f), (guint8)(destination >> 8), (guint8)destination
  };

  if (destination == LIMITED_BROADCAST)
    memset (out, 0xff, 6);
  else
    memcpy (out, multicast, 6);
}

static void
send_to_all (Mip4Fa *fa, guint16 lifetime_s)
{
  Mip4FaAction *action = mip4_fa_push (fa, MIP4_FA_ACTION_SEND_ICMP);
  guint32 destination = fa->config.destination == MIP4_FA_DESTINATION_BROADCAST ? LIMITED_BROADCAST : ALL_SYSTEMS;

  action->icmp.source = fa->config.address;
  action->icmp.destination = roam_addr_from_u32 (destination);
  link_layer_of (destination, action->icmp.link_layer);
  action->icmp.message =
    mip4_fa_build_advertisement (fa, next_sequence (fa), lifetime_s, fa->config.challenge ? &fa->challenges[0] : NULL);
  fa->counts[FA_COUNT_ADVERTISED]++;
}

void
mip4_fa_advertise (Mip4Fa *fa, const RoamNow *now)
{
  guint most_ms = fa->config.interval_ms;
  gint64 wait_ms;

  if (fa->config.challenge && fa->n_advertised > 0)
    mip4_fa_advance_challenge (fa);
  send_to_all (fa, fa->config.lifetime_s);
  /* RFC 1256 4.1, 4.3: between three quarters of the interval and the whole, at random; sooner in the beginning. */
  if (++fa->n_advertised < MIP4_FA_INITIAL_ADVERTISEMENTS)
    most_ms = MIN (most_ms, MIP4_FA_INITIAL_INTERVAL_MS);
  wait_ms = most_ms - roam_rng_below (fa->rng, most_ms / 4 + 1);
  fa->advertise_us = now->boot_us + MAX (wait_ms, 1000) * ROAM_USEC_PER_MSEC;
}

void
mip4_fa_advertise_last (Mip4Fa *fa)
{
  send_to_all (fa, 0);
}

static void
send_to_one (Mip4Fa *fa, Mip4FaNeighbour *neighbour, const RoamAddr *destination, guint16 sequence)
{
  Mip4FaAction *action = mip4_fa_push (fa, MIP4_FA_ACTION_SEND_ICMP);

  action->icmp.source = fa->config.address;
  action->icmp.destination = *destination;
  memcpy (action->icmp.link_layer, neighbour->link_layer, sizeof action->icmp.link_layer);
  action->icmp.message =
    mip4_fa_build_advertisement (fa, sequence, fa->config.lifetime_s, mip4_fa_offer_challenge (fa, neighbour));
  fa->counts[FA_COUNT_ADVERTISED]++;
}

/*
 * At once and to the node alone: that disturbs nobody, so the random delay of RFC 1256 4.3 is not needed.
 * Its address need not be of this link (RFC 5944 2.3); without one, the limited broadcast reaches it.
 */
void
mip4_fa_process_solicitation (Mip4Fa *fa, const RoamNow *now, const Mip4FaHeader *header)
{
  Mip4FaNeighbour *neighbour = mip4_fa_neighbour (fa, now, header->link_layer);
  RoamAddr destination = header->source.addr;

  if (neighbour->answered_us != G_MININT64 && now->boot_us - neighbour->answered_us < MIP4_FA_RATE_US)
    return;
  neighbour->answered_us = now->boot_us;
  if (!roam_addr_is_specified (&destination))
    destination = roam_addr_from_u32 (LIMITED_BROADCAST);
  fa->counts[FA_COUNT_SOLICITED]++;
  send_to_one (fa, neighbour, &destination, next_sequence (fa));
}

void
mip4_fa_inform_revoked (Mip4Fa *fa, const RoamNow *now, const Mip4FaVisitor *visitor)
{
  send_to_one (fa, mip4_fa_neighbour (fa, now, visitor->link_layer), &visitor->home_address, 0);
}

void
mip4_fa_input_icmp (Mip4Fa *fa, const RoamNow *now, const Mip4FaHeader *header, const guint8 *data, gsize length)
{
  guint32 source = roam_addr_to_u32 (&header->source.addr);

  /* RFC 5944 2.2: TTL 1. A source nobody can have would make the answer go astray. */
  if (!fa->stopped && header->visited && header->ttl == 1 && mip4_is_solicitation (data, length) && source >> 28 < 14 &&
      source >> 24 != 127 && !mip4_fa_is_own_address (fa, &header->source.addr))
    mip4_fa_process_solicitation (fa, now, header);
  else
    fa->counts[FA_COUNT_ICMP_IGNORED]++;
}
