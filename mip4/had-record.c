/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-record-private.h"

#include "base/wire.h"

#include <string.h>

/*
 * Octets of a record (version 1): version(1) flags(2) written(8) timestamp(8) nonce(4) NAI(1 + n), and with a
 * binding: peer address(4) peer port(2) registrar(4) encapsulation(1) service(1) revocation(1) keepalive(2)
 * lifetime(2) SPI(4) accepted(8) expiry(8) identification(8). Times are microseconds since 1970: boot time
 * means nothing after a reboot.
 */

#define VERSION 1u
#define OCTETS_MAX (24u + 256u + 45u)
#define FLAG_BINDING 0x0001u
#define FLAG_UDP 0x0002u
#define FLAG_HALF_BOUND 0x0004u
#define FLAG_REVERSE 0x0008u
#define FLAG_CO_LOCATED 0x0010u
#define FLAG_BROADCAST 0x0020u
#define FLAG_TIMESTAMP 0x0040u
#define FLAG_NONCE 0x0080u

static guint16
flags_of (const HadRecord *record)
{
  const Mip4HaBinding *binding = &record->binding;
  guint flags = (record->replay.has_timestamp ? FLAG_TIMESTAMP : 0) | (record->replay.has_nonce ? FLAG_NONCE : 0);

  if (record->has_binding)
    flags |= FLAG_BINDING | (binding->udp_tunnel ? FLAG_UDP : 0) | (binding->half_bound ? FLAG_HALF_BOUND : 0) |
             (binding->reverse_tunnel ? FLAG_REVERSE : 0) | (binding->co_located ? FLAG_CO_LOCATED : 0) |
             (binding->broadcast ? FLAG_BROADCAST : 0);
  return (guint16)flags;
}

static void
write_binding (WireWriter *writer, const Mip4HaBinding *binding, gint64 boot_us, gint64 unix_us)
{
  gint64 expiry_us = binding->expiry_us == ROAM_NEVER ? ROAM_NEVER : binding->expiry_us - boot_us + unix_us;

  wire_write_addr (writer, &binding->peer.addr);
  wire_write_u16 (writer, binding->peer.port);
  wire_write_addr (writer, &binding->registrar);
  wire_write_u8 (writer, binding->encapsulation);
  wire_write_u8 (writer, binding->service);
  wire_write_u8 (writer, (guint8)binding->revocation);
  wire_write_u16 (writer, binding->keepalive_s);
  wire_write_u16 (writer, binding->lifetime_s);
  wire_write_u32 (writer, binding->spi);
  wire_write_u64 (writer, (guint64)(binding->accepted_us - boot_us + unix_us));
  wire_write_u64 (writer, (guint64)expiry_us);
  wire_write_u64 (writer, binding->identification);
}

GBytes *
had_record_build (const HadRecord *record, gint64 boot_us, gint64 unix_us)
{
  gsize nai_length = record->nai != NULL ? strlen (record->nai) : 0;
  WireWriter writer;

  g_return_val_if_fail (nai_length <= G_MAXUINT8, NULL);
  wire_writer_init (&writer, OCTETS_MAX);
  wire_write_u8 (&writer, VERSION);
  wire_write_u16 (&writer, flags_of (record));
  wire_write_u64 (&writer, (guint64)unix_us);
  wire_write_u64 (&writer, record->replay.timestamp);
  wire_write_u32 (&writer, record->replay.nonce);
  wire_write_u8 (&writer, (guint8)nai_length);
  wire_write_data (&writer, (const guint8 *)record->nai, nai_length);
  if (record->has_binding)
    write_binding (&writer, &record->binding, boot_us, unix_us);
  return wire_writer_finish (&writer);
}

static gboolean
read_binding (WireReader *reader, guint16 flags, gint64 boot_us, gint64 unix_us, Mip4HaBinding *binding)
{
  guint64 accepted_us, expiry_us;
  guint8 revocation;

  if (!wire_read_addr (reader, ROAM_FAMILY_INET4, &binding->peer.addr) ||
      !wire_read_u16 (reader, &binding->peer.port) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET4, &binding->registrar) ||
      !wire_read_u8 (reader, &binding->encapsulation) || !wire_read_u8 (reader, &binding->service) ||
      !wire_read_u8 (reader, &revocation) || revocation > MIP4_HA_REVOKE_AGENT_INFORMING ||
      !wire_read_u16 (reader, &binding->keepalive_s) || !wire_read_u16 (reader, &binding->lifetime_s) ||
      !wire_read_u32 (reader, &binding->spi) || !wire_read_u64 (reader, &accepted_us) ||
      !wire_read_u64 (reader, &expiry_us) || !wire_read_u64 (reader, &binding->identification))
    return FALSE;
  binding->udp_tunnel = (flags & FLAG_UDP) != 0;
  binding->half_bound = (flags & FLAG_HALF_BOUND) != 0;
  binding->reverse_tunnel = (flags & FLAG_REVERSE) != 0;
  binding->co_located = (flags & FLAG_CO_LOCATED) != 0;
  binding->broadcast = (flags & FLAG_BROADCAST) != 0;
  binding->revocation = (Mip4HaRevocationPeer)revocation;
  binding->accepted_us = MIN ((gint64)accepted_us - unix_us, 0) + boot_us;
  binding->expiry_us = ROAM_NEVER;
  /* A clock that was set back meanwhile must not lengthen what was granted. */
  if ((gint64)expiry_us != ROAM_NEVER)
    binding->expiry_us = boot_us + MIN ((gint64)expiry_us - unix_us, binding->lifetime_s * ROAM_USEC_PER_SEC);
  return TRUE;
}

gboolean
had_record_parse (const guint8 *data, gsize length, gint64 boot_us, gint64 unix_us, HadRecord *ret)
{
  HadRecord record = { 0 };
  guint8 version, nai_length;
  guint64 written_us;
  guint16 flags;
  WireReader reader;

  wire_reader_init (&reader, data, length);
  if (!wire_read_u8 (&reader, &version) || version != VERSION || !wire_read_u16 (&reader, &flags) ||
      !wire_read_u64 (&reader, &written_us) || !wire_read_u64 (&reader, &record.replay.timestamp) ||
      !wire_read_u32 (&reader, &record.replay.nonce) || !wire_read_u8 (&reader, &nai_length) ||
      !wire_read_copy (&reader, (guint8 *)record.nai_buffer, nai_length))
    return FALSE;
  record.written_us = (gint64)written_us;
  record.replay.has_timestamp = (flags & FLAG_TIMESTAMP) != 0;
  record.replay.has_nonce = (flags & FLAG_NONCE) != 0;
  record.has_binding = (flags & FLAG_BINDING) != 0;
  if ((record.has_binding && !read_binding (&reader, flags, boot_us, unix_us, &record.binding)) ||
      !wire_reader_at_end (&reader))
    return FALSE;
  *ret = record;
  ret->nai = nai_length > 0 ? ret->nai_buffer : NULL;
  return TRUE;
}
