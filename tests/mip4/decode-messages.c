/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-advertisement-private.h"
#include "mip4/mip4-codec-private.h"

#include <stdio.h>
#include <string.h>

/*
 * A filter over our decoder, for another decoder to be compared with: reads records of a kind ('u': UDP
 * message, 'i': ICMP message), a length of two octets and a message, and prints one line of name=value
 * pairs each. What is absent is not printed; octets and addresses are in hex.
 */

#define HEADER_LENGTH 3u

static void
print_octets (GString *line, const char *name, const guint8 *data, gsize length)
{
  g_string_append_printf (line, " %s=", name);
  for (gsize i = 0; i < length; i++)
    g_string_append_printf (line, "%02x", data[i]);
}

static void
print_slice (GString *line, char where, const char *name, const Mip4Slice *slice)
{
  const char full[] = { where, '.', 0 };
  g_autofree char *whole = g_strconcat (full, name, NULL);

  if (slice->data != NULL)
    print_octets (line, whole, slice->data, slice->length);
}

static void
print_auth (GString *line, const char *name, const Mip4AuthExtension *auth)
{
  g_autofree char *octets_name = g_strconcat (name, ".authenticator", NULL);

  if (auth->count == 0)
    return;
  g_string_append_printf (line, " %s.count=%u %s.spi=%u %s.covered=%" G_GSIZE_FORMAT, name, auth->count, name,
                          auth->spi, name, auth->covered);
  print_octets (line, octets_name, auth->authenticator.data, auth->authenticator.length);
}

static void
print_udp_tunnel (GString *line, char where, const Mip4Extensions *extensions)
{
  const Mip4UdpTunnelRequest *request = &extensions->udp_request;
  const Mip4UdpTunnelReply *reply = &extensions->udp_reply;

  if (request->present)
    g_string_append_printf (line, " %c.udp-request=%d/%d/%u/%d", where, request->forced, request->via_foreign_agent,
                            request->encapsulation, request->reserved3);
  if (reply->present)
    g_string_append_printf (line, " %c.udp-reply=%d/%u/%u", where, reply->forced, reply->code, reply->keepalive_s);
}

/* @where: 'c' before the first MHAE, 'u' after it. */
static void
print_extensions (GString *line, char where, const Mip4Extensions *extensions)
{
  if (extensions->tnc)
    g_string_append_printf (line, " %c.tnc=1", where);
  print_udp_tunnel (line, where, extensions);
  print_slice (line, where, "nai", &extensions->nai);
  print_slice (line, where, "service", &extensions->service);
  print_slice (line, where, "challenge", &extensions->challenge);
  print_slice (line, where, "message", &extensions->message);
  if (extensions->message_subtype != 0)
    g_string_append_printf (line, " %c.message-subtype=%u", where, extensions->message_subtype);
  if (extensions->encapsulating_delivery)
    g_string_append_printf (line, " %c.delivery=1", where);
  if (extensions->revocation)
    g_string_append_printf (line, " %c.revocation=%d/%u", where, extensions->revocation_inform,
                            extensions->revocation_timestamp);
  if (extensions->dynamic_ha_subtype != 0)
    g_string_append_printf (line, " %c.dynamic-ha=%u/%08x", where, extensions->dynamic_ha_subtype,
                            roam_addr_to_u32 (&extensions->dynamic_ha));
  if (extensions->n_nvse != 0)
    g_string_append_printf (line, " %c.nvse=%u", where, extensions->n_nvse);
  if (extensions->n_cvse != 0)
    g_string_append_printf (line, " %c.cvse=%u", where, extensions->n_cvse);
  if (extensions->fa_error)
    g_string_append_printf (line, " %c.fa-error=%u", where, extensions->fa_error_status);
}

static void
print_addr (GString *line, const char *name, const RoamAddr *addr)
{
  g_string_append_printf (line, " %s=%08x", name, roam_addr_to_u32 (addr));
}

static void
print_fixed (GString *line, const Mip4Message *message)
{
  g_string_append_printf (line, " type=%d", message->type);
  switch (message->type)
    {
    case MIP4_MESSAGE_REQUEST:
      g_string_append_printf (line, " flags=%u lifetime=%u", message->flags, message->lifetime);
      print_addr (line, "home-address", &message->home_address);
      print_addr (line, "home-agent", &message->home_agent);
      print_addr (line, "care-of-address", &message->care_of_address);
      g_string_append_printf (line, " identification=%" G_GUINT64_FORMAT, message->identification);
      break;
    case MIP4_MESSAGE_REPLY:
      g_string_append_printf (line, " code=%u lifetime=%u", message->code, message->lifetime);
      print_addr (line, "home-address", &message->home_address);
      print_addr (line, "home-agent", &message->home_agent);
      g_string_append_printf (line, " identification=%" G_GUINT64_FORMAT, message->identification);
      break;
    case MIP4_MESSAGE_TUNNEL_DATA:
      g_string_append_printf (line, " next-header=%u payload=%" G_GSIZE_FORMAT, message->next_header,
                              message->payload.length);
      break;
    case MIP4_MESSAGE_REVOCATION:
      g_string_append_printf (line, " agent=%d inform=%d", message->from_home_agent, message->inform);
      print_addr (line, "home-address", &message->home_address);
      print_addr (line, "home-domain", &message->home_agent);
      print_addr (line, "foreign-domain", &message->care_of_address);
      g_string_append_printf (line, " revocation-id=%u", message->revocation_id);
      break;
    case MIP4_MESSAGE_REVOCATION_ACK:
      g_string_append_printf (line, " inform=%d", message->inform);
      print_addr (line, "home-address", &message->home_address);
      g_string_append_printf (line, " revocation-id=%u", message->revocation_id);
      break;
    }
}

static const char *
reason (Mip4Discard why)
{
  const char *counter = mip4_discard_counter (why);

  return g_str_has_prefix (counter, "discarded-") ? counter + strlen ("discarded-") : counter;
}

static void
print_message (GString *line, const guint8 *data, gsize length)
{
  Mip4Message message;
  Mip4Discard why = mip4_parse_fixed (data, length, &message);

  if (why == MIP4_DISCARD_NONE)
    {
      print_fixed (line, &message);
      why = mip4_parse_extensions (&message);
    }
  if (why != MIP4_DISCARD_NONE)
    {
      g_string_append_printf (line, " discard=%s", reason (why));
      return;
    }
  print_auth (line, "mhae", &message.mhae);
  print_auth (line, "mfae", &message.mfae);
  print_auth (line, "fhae", &message.fhae);
  print_auth (line, "mn-aaa", &message.mn_aaa);
  print_extensions (line, 'c', &message.covered);
  print_extensions (line, 'u', &message.uncovered);
}

static const char *
advertisement_reason (Mip4AdvertisementResult result)
{
  switch (result)
    {
    case MIP4_ADVERTISEMENT_OK:
      return "ok";
    case MIP4_ADVERTISEMENT_CHECKSUM:
      return "checksum";
    case MIP4_ADVERTISEMENT_MALFORMED:
      return "malformed";
    case MIP4_ADVERTISEMENT_UNKNOWN_EXTENSION:
      return "unknown-extension";
    case MIP4_ADVERTISEMENT_NOT_AN_AGENT:
      return "not-an-agent";
    }
  g_return_val_if_reached (NULL);
}

static void
print_icmp (GString *line, const guint8 *data, gsize length)
{
  Mip4Advertisement adv;
  Mip4AdvertisementResult result = mip4_parse_advertisement (data, length, &adv);

  if (mip4_is_solicitation (data, length))
    {
      g_string_append (line, " solicitation=1");
      return;
    }
  if (result != MIP4_ADVERTISEMENT_OK)
    {
      g_string_append_printf (line, " discard=%s", advertisement_reason (result));
      return;
    }
  g_string_append_printf (line, " code=%u lifetime=%u sequence=%u registration-lifetime=%u flags=%u usable=%d",
                          adv.code, adv.lifetime_s, adv.sequence, adv.registration_lifetime_s, adv.flags,
                          mip4_advertisement_is_usable (&adv));
  for (guint i = 0; i < adv.n_routers; i++)
    g_string_append_printf (line, " router%u=%08x/%d/%d", i, roam_addr_to_u32 (&adv.routers[i].address),
                            adv.routers[i].preference, adv.routers[i].prefix_length);
  for (guint i = 0; i < adv.n_care_of; i++)
    g_string_append_printf (line, " care-of%u=%08x", i, roam_addr_to_u32 (&adv.care_of[i]));
  if (adv.challenge != NULL)
    print_octets (line, "challenge", adv.challenge, adv.challenge_length);
}

/* FALSE at the end of input. The message lies alone in memory, for a sanitizer to see a read past it. */
static gboolean
read_message (guint8 *ret_kind, guint8 **ret_data, gsize *ret_length)
{
  g_autofree guint8 *data = NULL;
  guint8 header[HEADER_LENGTH];
  WireReader reader;
  guint16 length;

  if (fread (header, 1, sizeof header, stdin) != sizeof header)
    return FALSE;
  wire_reader_init (&reader, header, sizeof header);
  if (!wire_read_u8 (&reader, ret_kind) || !wire_read_u16 (&reader, &length))
    g_return_val_if_reached (FALSE);
  data = g_malloc (length);
  if (fread (data, 1, length, stdin) != length)
    return FALSE;
  *ret_data = g_steal_pointer (&data);
  *ret_length = length;
  return TRUE;
}

int
main (void)
{
  g_autoptr (GString) line = g_string_new (NULL);
  gsize length;
  guint8 kind;

  for (;;)
    {
      g_autofree guint8 *data = NULL;

      if (!read_message (&kind, &data, &length))
        break;
      g_string_truncate (line, 0);
      if (kind == 'i')
        print_icmp (line, data, length);
      else
        print_message (line, data, length);
      puts (line->str);
    }
  return ferror (stdin) || fflush (stdout) != 0;
}
