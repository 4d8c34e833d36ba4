/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Paths on which somebody rewrites addresses are forbidden: NO_NATS_ALLOWED (RFC 4555 3.9), NAT_PREVENTION
 * (draft-eronen-mobike-mopo-02 2.7).
 */
#include "ike/ike-responder-private.h"

#include <string.h>

/* RFC 4555 4.2.6: source, destination, ports. */
static void
add_addresses (const IkePair *pair, IkePayloads *payloads)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 2 * (sizeof pair->local.addr.bytes + sizeof pair->local.port));
  wire_write_addr (&writer, &pair->local.addr);
  wire_write_addr (&writer, &pair->remote.addr);
  wire_write_u16 (&writer, pair->local.port);
  wire_write_u16 (&writer, pair->remote.port);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_NO_NATS_ALLOWED, wire_writer_peek (&writer),
                           wire_writer_length (&writer));
}

void
ike_nat_forbid_add (const IkeDialect *dialect, const IkePair *pair, IkePayloads *payloads)
{
  guint8 hash[IKE_NAT_DETECTION_LENGTH];

  if (!dialect->nat_forbid_is_hash)
    {
      add_addresses (pair, payloads);
      return;
    }
  ike_nat_prevention_hash (&pair->local, &pair->remote, hash);
  ike_dialect_add (dialect, dialect->nat_forbid, hash, sizeof hash, payloads);
}

static gboolean
fits_addresses (const IkePayloadNotify *notify, const IkePair *pair)
{
  RoamFamily family = (RoamFamily)pair->remote.addr.family;
  WireReader reader;
  RoamAddr source, destination;
  guint16 source_port, destination_port;

  wire_reader_init (&reader, notify->data.data, notify->data.length);
  return wire_read_addr (&reader, family, &source) && wire_read_addr (&reader, family, &destination) &&
         wire_read_u16 (&reader, &source_port) && wire_read_u16 (&reader, &destination_port) &&
         wire_reader_at_end (&reader) && roam_addr_equal (&source, &pair->remote.addr) &&
         roam_addr_equal (&destination, &pair->local.addr) && source_port == pair->remote.port &&
         destination_port == pair->local.port;
}

static gboolean
fits_hash (const IkePayloadNotify *notify, const IkePair *pair)
{
  guint8 hash[IKE_NAT_DETECTION_LENGTH];

  ike_nat_prevention_hash (&pair->remote, &pair->local, hash);
  return notify->data.length == sizeof hash && memcmp (notify->data.data, hash, sizeof hash) == 0;
}

gboolean
ike_nat_forbid_fits (const IkeDialect *dialect, const IkePayloadNotify *notify, const IkePair *pair)
{
  return dialect->nat_forbid_is_hash ? fits_hash (notify, pair) : fits_addresses (notify, pair);
}

gboolean
ike_nat_forbid_accepts (const IkeSession *session, const IkeMessage *message, const IkePair *pair, gboolean must_prove)
{
  const IkeDialect *dialect = session->dialect;
  const IkePayloadNotify *notify = dialect ? ike_message_find_notify (message, dialect->nat_forbid) : NULL;

  if (notify)
    return ike_nat_forbid_fits (dialect, notify, pair);
  /* What the peer does not say is no proof. */
  return !dialect || !must_prove || session->nat_policy != IKE_NAT_POLICY_FORBID;
}

void
ike_nat_add_update (IkeSession *session, const IkeSa *sa, const IkePair *pair, IkePayloads *payloads)
{
  gboolean forbidden = session->nat_policy == IKE_NAT_POLICY_FORBID;

  if (forbidden || (!session->nat_supported && session->dialect->nat_forbid_without_natt))
    ike_nat_forbid_add (session->dialect, pair, payloads);
  else if (session->nat_supported)
    ike_nat_add (session, sa, pair, payloads);
}

/* --- IKE_SA_INIT --- */

void
ike_nat_add_init (IkeSession *session, const IkeSa *sa, const IkePair *pair, IkePayloads *payloads)
{
  if (session->nat_policy == IKE_NAT_POLICY_TRAVERSE)
    ike_nat_add (session, sa, pair, payloads);
  else if (ike_dialect_is_offered (session, &ike_dialect_mopo))
    ike_nat_forbid_add (&ike_dialect_mopo, pair, payloads);
}

gboolean
ike_nat_prevention_refuses_init (const IkeResponder *responder, const IkePair *pair, const IkeMessage *message)
{
  const IkePayloadNotify *notify = ike_message_find_notify (message, IKE_NOTIFY_NAT_PREVENTION);

  if (responder->disable_mopo || !ike_dialect_mopo_in (message))
    return FALSE;
  return notify ? !ike_nat_forbid_fits (&ike_dialect_mopo, notify, pair)
                : responder->nat_policy == IKE_NAT_POLICY_FORBID;
}
