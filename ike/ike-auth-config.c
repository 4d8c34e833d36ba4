/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CFG_REPLY (RFC 7296 3.15): what the gateway assigned. Split DNS: RFC 8598. */
#include "ike/ike-session-private.h"

#include <string.h>

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

/* RFC 1035 2.3.4 */
#define MAX_DOMAIN_LENGTH 253
#define MAX_LABEL_LENGTH 63

/*
 * A name in presentation format with A-labels, without the final dot (RFC 8598 4.1): FALSE for the root, for anything
 * that is no name, and for octets that could mean something to whoever reads the name later.
 */
static gboolean
read_domain (const IkeView *value, char ret_name[IKE_MAX_NAME])
{
  gsize length = value->length, label = 0;

  if (length > 0 && value->data[length - 1] == '.')
    length--;
  if (length == 0 || length > MAX_DOMAIN_LENGTH)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    {
      char octet = (char)value->data[i];

      if (octet == '.' ? label == 0 : !g_ascii_isalnum (octet) && octet != '-' && octet != '_')
        return FALSE;
      label = octet == '.' ? 0 : label + 1;
      if (label > MAX_LABEL_LENGTH)
        return FALSE;
      ret_name[i] = g_ascii_tolower (octet);
    }
  ret_name[length] = '\0';
  return label > 0;
}

static void
take_domain (const IkeView *value, IkeConfiguration *configuration)
{
  if (configuration->n_domains < IKE_MAX_DOMAINS &&
      read_domain (value, configuration->domains[configuration->n_domains]))
    configuration->n_domains++;
}

/* @name or a domain above it is in @list; labels are compared whole (RFC 8598 5). */
static gboolean
is_below (const char *name, char **list)
{
  for (guint i = 0; list[i] != NULL; i++)
    {
      gsize rest = strlen (list[i]), length = strlen (name);

      if (rest > 0 && length >= rest && g_ascii_strcasecmp (name + length - rest, list[i]) == 0 &&
          (length == rest || name[length - rest - 1] == '.'))
        return TRUE;
    }
  return FALSE;
}

static gboolean
selects_everything (const IkePayload *tsr)
{
  for (guint i = 0; tsr && i < tsr->ts->n_selectors; i++)
    {
      IkeSelector any = ike_selector_any (tsr->ts->selectors[i].start.family);

      if (ike_selector_contains (&tsr->ts->selectors[i], &any))
        return TRUE;
    }
  return FALSE;
}

void
ike_configuration_settle_domains (const IkeSession *session, const IkeMessage *message, IkeConfiguration *configuration)
{
  guint n = 0;

  /* RFC 8598 2, 5: only a split tunnel has split DNS; only what was asked for counts. */
  if (session->request_domains && !selects_everything (ike_message_find (message, IKE_PAYLOAD_TSR)))
    for (guint i = 0; i < configuration->n_domains; i++)
      if (!session->domains || is_below (configuration->domains[i], session->domains))
        {
          if (n != i)
            memcpy (configuration->domains[n], configuration->domains[i], IKE_MAX_NAME);
          n++;
        }
  configuration->n_domains = n;
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
        case IKE_CP_INTERNAL_DNS_DOMAIN:
          take_domain (&a->value, ret);
          break;
        default:
          break;
        }
    }
}

void
ike_configuration_respond_set (const IkeMessage *message, IkePayloads *answer)
{
  const IkePayload *cp = ike_message_find (message, IKE_PAYLOAD_CP);

  if (cp && cp->cp->cfg_type == IKE_CFG_SET)
    ike_payloads_add_cp (answer, IKE_CFG_ACK, NULL, 0);
}
