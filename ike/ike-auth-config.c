/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CFG_REPLY (RFC 7296 3.15): what the gateway assigned. */
#include "ike/ike-session-private.h"

/* Address and prefix length. */
#define IP6_ADDRESS_LENGTH 17

static gboolean
read_addr (const IkeView *value, RoamFamily family, gsize length, RoamAddr *ret_addr)
{
  WireReader reader;

  if (value->length != length)
    return FALSE;
  wire_reader_init (&reader, value->data, value->length);
  return wire_read_addr (&reader, family, ret_addr) && roam_addr_is_specified (ret_addr);
}

static void
take_dns (const IkeView *value, RoamFamily family, gsize length, IkeConfiguration *configuration)
{
  RoamAddr addr;

  if (configuration->n_dns < G_N_ELEMENTS (configuration->dns) && read_addr (value, family, length, &addr))
    configuration->dns[configuration->n_dns++] = addr;
}

/* Of several addresses the first one counts (RFC 7296 3.15.1); what is unknown or ill-formed is skipped. */
void
ike_configuration_parse (const IkePayloadCp *cp, IkeConfiguration *ret)
{
  for (guint i = 0; i < cp->n_attributes; i++)
    {
      const IkeCpAttribute *a = &cp->attributes[i];
      RoamAddr addr;

      switch (a->attribute)
        {
        case IKE_CP_INTERNAL_IP4_ADDRESS:
          if (!roam_addr_is_set (&ret->tia4) && read_addr (&a->value, ROAM_FAMILY_INET4, 4, &addr))
            ret->tia4 = addr;
          break;
        case IKE_CP_INTERNAL_IP6_ADDRESS:
          if (!roam_addr_is_set (&ret->tia6) && read_addr (&a->value, ROAM_FAMILY_INET6, IP6_ADDRESS_LENGTH, &addr))
            ret->tia6 = addr;
          break;
        case IKE_CP_INTERNAL_IP4_DNS:
          take_dns (&a->value, ROAM_FAMILY_INET4, 4, ret);
          break;
        case IKE_CP_INTERNAL_IP6_DNS:
          take_dns (&a->value, ROAM_FAMILY_INET6, 16, ret);
          break;
        default:
          break;
        }
    }
}
