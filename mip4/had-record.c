/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-record-private.h"

#include "base/wire.h"

/*
 * Octets of a record (version 1): version(1) flags(1) care-of address(4) peer address(4) peer port(2)
 * keepalive(2) lifetime(2) accepted(8) expiry(8) identification(8). Times are microseconds since 1970:
 * boot time means nothing after a reboot.
 */

#define VERSION 1u
#define OCTETS 40u
#define FLAG_BOUND 0x01u
#define FLAG_UDP 0x02u
#define FLAG_REVERSE 0x04u
#define FLAG_CO_LOCATED 0x08u

static guint8
flags_of (const Mip4HaBinding *binding, gboolean bound)
{
  return (guint8)((bound ? FLAG_BOUND : 0) | (binding->udp_tunnel ? FLAG_UDP : 0) |
                  (binding->reverse_tunnel ? FLAG_REVERSE : 0) | (binding->co_located ? FLAG_CO_LOCATED : 0));
}

GBytes *
had_record_build (const Mip4HaBinding *binding, gboolean bound, gint64 boot_us, gint64 unix_us)
{
  gint64 expiry_us = binding->expiry_us == ROAM_NEVER ? ROAM_NEVER : binding->expiry_us - boot_us + unix_us;
  WireWriter writer;

  wire_writer_init (&writer, OCTETS);
  wire_write_u8 (&writer, VERSION);
  wire_write_u8 (&writer, flags_of (binding, bound));
  wire_write_addr (&writer, &binding->care_of_address);
  wire_write_addr (&writer, &binding->peer.addr);
  wire_write_u16 (&writer, binding->peer.port);
  wire_write_u16 (&writer, binding->keepalive_s);
  wire_write_u16 (&writer, binding->lifetime_s);
  wire_write_u64 (&writer, (guint64)(binding->accepted_us - boot_us + unix_us));
  wire_write_u64 (&writer, (guint64)expiry_us);
  wire_write_u64 (&writer, binding->identification);
  return wire_writer_finish (&writer);
}

gboolean
had_record_parse (const RoamAddr *home_address, const guint8 *record, gsize length, gint64 boot_us, gint64 unix_us,
                  Mip4HaBinding *ret_binding, gboolean *ret_bound)
{
  Mip4HaBinding binding = { .home_address = *home_address };
  guint64 accepted_us, expiry_us;
  guint8 version, flags;
  WireReader reader;

  wire_reader_init (&reader, record, length);
  if (!wire_read_u8 (&reader, &version) || version != VERSION || !wire_read_u8 (&reader, &flags) ||
      !wire_read_addr (&reader, ROAM_FAMILY_INET4, &binding.care_of_address) ||
      !wire_read_addr (&reader, ROAM_FAMILY_INET4, &binding.peer.addr) ||
      !wire_read_u16 (&reader, &binding.peer.port) || !wire_read_u16 (&reader, &binding.keepalive_s) ||
      !wire_read_u16 (&reader, &binding.lifetime_s) || !wire_read_u64 (&reader, &accepted_us) ||
      !wire_read_u64 (&reader, &expiry_us) || !wire_read_u64 (&reader, &binding.identification) ||
      !wire_reader_at_end (&reader))
    return FALSE;
  binding.udp_tunnel = (flags & FLAG_UDP) != 0;
  binding.reverse_tunnel = (flags & FLAG_REVERSE) != 0;
  binding.co_located = (flags & FLAG_CO_LOCATED) != 0;
  binding.accepted_us = MIN ((gint64)accepted_us - unix_us, 0) + boot_us;
  binding.expiry_us = ROAM_NEVER;
  /* A clock that was set back meanwhile must not lengthen what was granted. */
  if ((gint64)expiry_us != ROAM_NEVER)
    binding.expiry_us = boot_us + MIN ((gint64)expiry_us - unix_us, binding.lifetime_s * ROAM_USEC_PER_SEC);
  *ret_binding = binding;
  *ret_bound = (flags & FLAG_BOUND) != 0 && binding.expiry_us > boot_us;
  return TRUE;
}
