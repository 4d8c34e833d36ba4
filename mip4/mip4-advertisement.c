/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-advertisement-private.h"

#define ICMP_ROUTER_ADVERTISEMENT 9
#define ICMP_ROUTER_SOLICITATION 10
#define SOLICITATION_LENGTH 8u
#define CODE_NO_COMMON_TRAFFIC 16

/* Extension types of ICMP messages: another number space than that of UDP/434 (RFC 5944 1.8). */
enum
{
  EXT_PADDING = 0,
  EXT_MOBILITY_AGENT = 16,
  EXT_PREFIX_LENGTHS = 19,
  EXT_CHALLENGE = 24,
  EXT_FIRST_SKIPPABLE = 128,
};

/* RFC 1071: the one's complement sum of a whole message, checksum included; 0xffff when that is right. */
static guint16
ones_sum (const guint8 *data, gsize length)
{
  WireReader reader;
  guint32 sum = 0;
  guint16 word;
  guint8 last;

  wire_reader_init (&reader, data, length);
  while (wire_reader_left (&reader) >= 2)
    if (wire_read_u16 (&reader, &word))
      sum += word;
  if (wire_read_u8 (&reader, &last))
    sum += (guint32)last << 8;
  while (sum >> 16 != 0)
    sum = (sum & 0xffff) + (sum >> 16);
  return (guint16)sum;
}

static gboolean
parse_routers (WireReader *reader, guint8 count, guint8 entry_size, Mip4Advertisement *adv)
{
  for (guint i = 0; i < count; i++)
    {
      Mip4AdvertisedRouter router = { .prefix_length = -1 };
      guint32 preference;
      WireReader entry;

      if (!wire_read_sub (reader, (gsize)entry_size * 4, &entry) ||
          !wire_read_addr (&entry, ROAM_FAMILY_INET4, &router.address) || !wire_read_u32 (&entry, &preference))
        return FALSE;
      router.preference = (gint32)preference;
      if (adv->n_routers < MIP4_ADVERTISEMENT_MAX_ROUTERS)
        adv->routers[adv->n_routers++] = router;
    }
  return TRUE;
}

static gboolean
parse_mobility_agent (WireReader *body, Mip4Advertisement *adv)
{
  if (!wire_read_u16 (body, &adv->sequence) || !wire_read_u16 (body, &adv->registration_lifetime_s) ||
      !wire_read_u16 (body, &adv->flags))
    return FALSE;
  adv->n_care_of = 0;
  while (wire_reader_left (body) > 0)
    if (adv->n_care_of == MIP4_ADVERTISEMENT_MAX_CARE_OF ||
        !wire_read_addr (body, ROAM_FAMILY_INET4, &adv->care_of[adv->n_care_of++]))
      return FALSE;
  return TRUE;
}

/* A Length that is not Num Addrs, or a value above 32, makes the extension worthless (RFC 5944 2.1.2). */
static void
parse_prefix_lengths (WireReader *body, guint8 count, Mip4Advertisement *adv)
{
  guint8 lengths[G_MAXUINT8];

  if (wire_reader_left (body) != count || adv->n_routers == 0 || adv->routers[0].prefix_length >= 0)
    return;
  for (guint i = 0; i < count; i++)
    if (!wire_read_u8 (body, &lengths[i]) || lengths[i] > 32)
      return;
  for (guint i = 0; i < adv->n_routers; i++)
    adv->routers[i].prefix_length = lengths[i];
}

/* A challenge of no octets could not be answered: an impossible Length (D-08). */
static gboolean
parse_challenge (WireReader *body, Mip4Advertisement *adv)
{
  const gsize length = wire_reader_left (body);
  const guint8 *challenge;

  if (length == 0 || !wire_read_data (body, length, &challenge))
    return FALSE;
  if (adv->challenge == NULL)
    {
      adv->challenge = challenge;
      adv->challenge_length = length;
    }
  return TRUE;
}

/* Of several of one type the first one is taken. */
static Mip4AdvertisementResult
parse_extension (guint8 type, WireReader *body, guint8 count, gboolean *is_agent, Mip4Advertisement *adv)
{
  Mip4Advertisement parsed;

  switch (type)
    {
    case EXT_MOBILITY_AGENT:
      parsed = *adv;
      if (!parse_mobility_agent (body, &parsed))
        return MIP4_ADVERTISEMENT_MALFORMED;
      if (!*is_agent)
        *adv = parsed;
      *is_agent = TRUE;
      return MIP4_ADVERTISEMENT_OK;
    case EXT_PREFIX_LENGTHS:
      parse_prefix_lengths (body, count, adv);
      return MIP4_ADVERTISEMENT_OK;
    case EXT_CHALLENGE:
      return parse_challenge (body, adv) ? MIP4_ADVERTISEMENT_OK : MIP4_ADVERTISEMENT_MALFORMED;
    default:
      return type < EXT_FIRST_SKIPPABLE ? MIP4_ADVERTISEMENT_UNKNOWN_EXTENSION : MIP4_ADVERTISEMENT_OK;
    }
}

static Mip4AdvertisementResult
parse_extensions (WireReader *reader, guint8 count, Mip4Advertisement *adv)
{
  Mip4AdvertisementResult result = MIP4_ADVERTISEMENT_OK;
  gboolean is_agent = FALSE;

  while (result == MIP4_ADVERTISEMENT_OK && wire_reader_left (reader) > 0)
    {
      WireReader body;
      guint8 type, length;

      if (!wire_read_u8 (reader, &type))
        return MIP4_ADVERTISEMENT_MALFORMED;
      if (type == EXT_PADDING)
        continue;
      if (!wire_read_u8 (reader, &length) || !wire_read_sub (reader, length, &body))
        return MIP4_ADVERTISEMENT_MALFORMED;
      result = parse_extension (type, &body, count, &is_agent, adv);
    }
  return result == MIP4_ADVERTISEMENT_OK && !is_agent ? MIP4_ADVERTISEMENT_NOT_AN_AGENT : result;
}

Mip4AdvertisementResult
mip4_parse_advertisement (const guint8 *data, gsize length, Mip4Advertisement *ret)
{
  Mip4Advertisement adv = { 0 };
  Mip4AdvertisementResult result;
  WireReader reader;
  guint16 checksum;
  guint8 type, count, entry_size;

  wire_reader_init (&reader, data, length);
  if (!wire_read_u8 (&reader, &type) || !wire_read_u8 (&reader, &adv.code) || !wire_read_u16 (&reader, &checksum) ||
      !wire_read_u8 (&reader, &count) || !wire_read_u8 (&reader, &entry_size) ||
      !wire_read_u16 (&reader, &adv.lifetime_s))
    return MIP4_ADVERTISEMENT_MALFORMED;
  if (type != ICMP_ROUTER_ADVERTISEMENT)
    return MIP4_ADVERTISEMENT_NOT_AN_AGENT;
  if (ones_sum (data, length) != 0xffff)
    return MIP4_ADVERTISEMENT_CHECKSUM;
  /* RFC 1256 5.2; D-14: code 16 and no router at all are an Agent Advertisement's privilege. */
  if ((adv.code != 0 && adv.code != CODE_NO_COMMON_TRAFFIC) || (count > 0 && entry_size < 2) ||
      !parse_routers (&reader, count, entry_size, &adv))
    return MIP4_ADVERTISEMENT_MALFORMED;
  result = parse_extensions (&reader, count, &adv);
  if (result == MIP4_ADVERTISEMENT_OK)
    *ret = adv;
  return result;
}

gboolean
mip4_advertisement_is_usable (const Mip4Advertisement *adv)
{
  const guint16 flags = adv->flags;

  if ((flags & (MIP4_AGENT_FOREIGN | MIP4_AGENT_HOME)) == 0)
    return FALSE;
  if ((flags & MIP4_AGENT_FOREIGN) == 0)
    return (flags & (MIP4_AGENT_BUSY | MIP4_AGENT_REGISTRATION_REQUIRED)) == 0;
  return adv->n_care_of > 0;
}

gboolean
mip4_is_solicitation (const guint8 *data, gsize length)
{
  WireReader reader;
  guint8 type, code;

  wire_reader_init (&reader, data, length);
  return wire_read_u8 (&reader, &type) && wire_read_u8 (&reader, &code) && type == ICMP_ROUTER_SOLICITATION &&
         code == 0 && length >= SOLICITATION_LENGTH && ones_sum (data, length) == 0xffff;
}

GBytes *
mip4_build_solicitation (void)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, SOLICITATION_LENGTH);
  wire_write_u8 (&writer, ICMP_ROUTER_SOLICITATION);
  wire_write_zeros (&writer, SOLICITATION_LENGTH - 1);
  wire_patch_u16 (&writer, 2, (guint16)~ones_sum (wire_writer_peek (&writer), SOLICITATION_LENGTH));
  return wire_writer_finish (&writer);
}
