/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-codec-private.h"

#include <stdio.h>

/*
 * What our decoder makes of messages, for test-decode-fuzz.py to hold against others: reads messages, each
 * after its length in two octets, and writes a line for each. First the fixed part, then, when that was
 * read, what became of the extensions; both are "ok" or why the message is dropped.
 */

static void
print_fixed (const Mip4Message *message)
{
  char home[ROAM_ADDR_STRLEN], agent[ROAM_ADDR_STRLEN], care_of[ROAM_ADDR_STRLEN];

  g_print ("ok type=%d", (int)message->type);
  if (message->type == MIP4_MESSAGE_TUNNEL_DATA)
    {
      g_print (" next-header=%u payload=%zu", message->next_header, message->payload.length);
      return;
    }
  g_print (" home=%s", roam_addr_to_string (&message->home_address, home));
  if (message->type == MIP4_MESSAGE_REVOCATION_ACK)
    {
      g_print (" inform=%d revocation-id=%u", message->inform, message->revocation_id);
      return;
    }
  g_print (" agent=%s", roam_addr_to_string (&message->home_agent, agent));
  if (message->type != MIP4_MESSAGE_REPLY)
    g_print (" care-of=%s", roam_addr_to_string (&message->care_of_address, care_of));
  if (message->type == MIP4_MESSAGE_REVOCATION)
    g_print (" from-home-agent=%d inform=%d revocation-id=%u", message->from_home_agent, message->inform,
             message->revocation_id);
  else
    g_print (" lifetime=%u id=%" G_GUINT64_FORMAT " %s=%u", message->lifetime, message->identification,
             message->type == MIP4_MESSAGE_REQUEST ? "flags" : "code",
             message->type == MIP4_MESSAGE_REQUEST ? message->flags : message->code);
}

static void
print_auth (const char *name, const Mip4AuthExtension *auth)
{
  g_print (" %s=%u,%u,%zu", name, auth->count, auth->spi, auth->authenticator.length);
}

static void
print_slice (const char *name, const Mip4Slice *slice)
{
  g_print (" %s=", name);
  for (gsize i = 0; i < slice->length; i++)
    g_print ("%02x", slice->data[i]);
}

static void
print_extensions (const char *where, const Mip4Extensions *extensions)
{
  char address[ROAM_ADDR_STRLEN] = "";

  g_print (" [%s", where);
  print_slice ("nai", &extensions->nai);
  print_slice ("challenge", &extensions->challenge);
  print_slice ("message", &extensions->message);
  print_slice ("service", &extensions->service);
  g_print (" tnc=%d udp-request=%d udp-reply=%d,%u,%u", extensions->tnc, extensions->udp_request.present,
           extensions->udp_reply.present, extensions->udp_reply.code, extensions->udp_reply.keepalive_s);
  if (extensions->dynamic_ha_subtype != 0)
    roam_addr_to_string (&extensions->dynamic_ha, address);
  g_print (" delivery=%d revocation=%d,%u dynamic-ha=%u,%s nvse=%u cvse=%u]", extensions->encapsulating_delivery,
           extensions->revocation, extensions->revocation_timestamp, extensions->dynamic_ha_subtype, address,
           extensions->n_nvse, extensions->n_cvse);
}

static void
print_message (const guint8 *data, gsize length)
{
  Mip4Message message;
  Mip4Discard why = mip4_parse_fixed (data, length, &message);

  if (why != MIP4_DISCARD_NONE)
    {
      g_print ("%s\n", mip4_discard_counter (why));
      return;
    }
  print_fixed (&message);
  why = mip4_parse_extensions (&message);
  g_print (" | %s", why == MIP4_DISCARD_NONE ? "ok" : mip4_discard_counter (why));
  if (why == MIP4_DISCARD_NONE)
    {
      print_auth ("mhae", &message.mhae);
      print_auth ("mfae", &message.mfae);
      print_auth ("fhae", &message.fhae);
      print_auth ("mn-aaa", &message.mn_aaa);
      print_extensions ("covered", &message.covered);
      print_extensions ("uncovered", &message.uncovered);
    }
  g_print ("\n");
}

int
main (int argc, char **argv)
{
  guint8 size[2];

  while (fread (size, sizeof size, 1, stdin) == 1)
    {
      const gsize length = (gsize)(size[0] << 8 | size[1]);
      /* As long as the message, so that a sanitizer sees any octet read behind it. */
      g_autofree guint8 *data = g_malloc (MAX (length, 1));

      if (length > 0 && fread (data, length, 1, stdin) != 1)
        return 1;
      print_message (data, length);
    }
  return 0;
}
