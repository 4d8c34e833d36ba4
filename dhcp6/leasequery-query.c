/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-requestor-private.h"

#include <string.h>

/* What a requestor asks, judged and encoded (RFC 5007 4.3.1, RFC 5460 5.3). */

#define REMOTE_ID_MIN 5u
/* CLIENTID, SERVERID and one more DUID, a remote-id and an ORO of any length; a frame has 65535. */
#define QUERY_MAX (2u + DHCP6_MESSAGE_MAX)

void
leasequery_requestor_config_init (LeasequeryRequestorConfig *config, LeasequeryProfile profile)
{
  gboolean draft = profile == LEASEQUERY_PROFILE_DRAFT00;

  *config = (LeasequeryRequestorConfig){
    .profile = profile,
    .data_timeout_us = (draft ? 30 : 300) * ROAM_USEC_PER_SEC,
    .connect_timeout_us = 30 * ROAM_USEC_PER_SEC,
    .retry_us = ROAM_USEC_PER_SEC,
    .retry_limit_us = 60 * ROAM_USEC_PER_SEC,
    .max_retries = 0,
    .max_parallel = draft ? 1 : 4,
    .done_after_single_optional = draft,
    .reply_cap = DHCP6_MESSAGE_MAX,
    .active_timeout_us = 120 * ROAM_USEC_PER_SEC,
    .active_retry_us = 60 * ROAM_USEC_PER_SEC,
  };
  dhcp6_code_points_init (&config->points);
}

/* Moves the slice's octets to *@at, which goes past them. */
static void
take_over (Dhcp6Slice *slice, guint8 **at)
{
  if (slice->data == NULL)
    return;
  memcpy (*at, slice->data, slice->length);
  slice->data = *at;
  *at += slice->length;
}

LeasequeryQuery *
leasequery_query_copy (const LeasequeryQuery *query)
{
  gsize want = query->n_want * sizeof *query->want;
  gsize octets = query->client_id.length + query->relay_id.length + query->remote_id.length + query->server_id.length;
  LeasequeryQuery *copy = g_malloc (sizeof *copy + want + octets);
  guint8 *at = (guint8 *)(copy + 1) + want;

  *copy = *query;
  copy->want = (const guint16 *)(copy + 1);
  if (want > 0)
    memcpy (copy + 1, query->want, want);
  take_over (&copy->client_id, &at);
  take_over (&copy->relay_id, &at);
  take_over (&copy->remote_id, &at);
  take_over (&copy->server_id, &at);
  return copy;
}

/* RFC 8415 21.7: options that are sent anyway, or never by a server on request. */
static gboolean
is_barred_from_oro (const Dhcp6CodePoints *points, guint16 code)
{
  static const guint16 barred[] = {
    DHCP6_OPTION_CLIENTID,       DHCP6_OPTION_SERVERID,     DHCP6_OPTION_IA_NA,
    DHCP6_OPTION_IA_TA,          DHCP6_OPTION_IAADDR,       DHCP6_OPTION_ORO,
    DHCP6_OPTION_PREFERENCE,     DHCP6_OPTION_ELAPSED_TIME, DHCP6_OPTION_RELAY_MSG,
    DHCP6_OPTION_AUTH,           DHCP6_OPTION_UNICAST,      DHCP6_OPTION_STATUS_CODE,
    DHCP6_OPTION_RAPID_COMMIT,   DHCP6_OPTION_INTERFACE_ID, DHCP6_OPTION_RECONF_MSG,
    DHCP6_OPTION_RECONF_ACCEPT,  DHCP6_OPTION_IA_PD,        DHCP6_OPTION_IAPREFIX,
    DHCP6_OPTION_LQ_QUERY,       DHCP6_OPTION_CLIENT_DATA,  DHCP6_OPTION_CLT_TIME,
    DHCP6_OPTION_LQ_CLIENT_LINK,
  };

  for (guint i = 0; i < G_N_ELEMENTS (barred); i++)
    if (code == barred[i])
      return TRUE;
  /* Relay-id and remote-id of a client may be asked for: they say where it is. */
  return FALSE;
}

static const char *
check_type (const LeasequeryQuery *query)
{
  switch (query->type)
    {
    case DHCP6_QUERY_BY_ADDRESS:
      if (query->address.family != ROAM_FAMILY_INET6 || !roam_addr_is_specified (&query->address))
        return "a query by address needs an IPv6 address other than ::";
      return NULL;
    case DHCP6_QUERY_BY_CLIENTID:
      return dhcp6_duid_is_valid (query->client_id) ? NULL : "a query by client needs its DUID of 3 to 130 octets";
    case DHCP6_QUERY_BY_RELAY_ID:
      return dhcp6_duid_is_valid (query->relay_id) ? NULL : "a query by relay-id needs a DUID of 3 to 130 octets";
    case DHCP6_QUERY_BY_LINK_ADDRESS:
      return roam_addr_is_specified (&query->link_address) ? NULL
                                                           : "a query by link needs a link-address other than ::";
    case DHCP6_QUERY_BY_REMOTE_ID:
      return query->remote_id.length >= REMOTE_ID_MIN
               ? NULL
               : "a query by remote-id needs the enterprise number and at least one octet";
    }
  return "there is no such query type";
}

const char *
leasequery_query_check (const LeasequeryRequestorConfig *config, const LeasequeryQuery *query)
{
  if (roam_addr_is_set (&query->link_address) && query->link_address.family != ROAM_FAMILY_INET6)
    return "the link-address is no IPv6 address";
  if (query->server_id.data != NULL && !dhcp6_duid_is_valid (query->server_id))
    return "the server's DUID is not of 3 to 130 octets";
  for (guint i = 0; i < query->n_want; i++)
    if (is_barred_from_oro (&config->points, query->want[i]))
      return "one of the options asked for may not be asked for (RFC 8415 21.7)";
  if (query->active && query->has_end_time)
    return "an active query has no end time (RFC 7653 6.3.3)";
  if (query->everything)
    return query->active ? NULL : "only an active query can ask for everything";
  return check_type (query);
}

static void
write_query_options (WireWriter *writer, const LeasequeryRequestorConfig *config, const LeasequeryQuery *query)
{
  switch (query->type)
    {
    case DHCP6_QUERY_BY_ADDRESS: /* lifetimes 0: RFC 8415 21.6 */
      dhcp6_write_iaaddr (writer, &query->address, 0, 0);
      break;
    case DHCP6_QUERY_BY_CLIENTID:
      dhcp6_write_option (writer, DHCP6_OPTION_CLIENTID, query->client_id);
      break;
    case DHCP6_QUERY_BY_RELAY_ID:
      dhcp6_write_option (writer, config->points.option_relay_id, query->relay_id);
      break;
    case DHCP6_QUERY_BY_LINK_ADDRESS:
      break;
    case DHCP6_QUERY_BY_REMOTE_ID:
      dhcp6_write_option (writer, DHCP6_OPTION_REMOTE_ID, query->remote_id);
      /* The draft's text wants a Relay-ID here, its definition does not (section 6 of the requirements). */
      if (config->profile == LEASEQUERY_PROFILE_DRAFT00 && query->relay_id.data != NULL)
        dhcp6_write_option (writer, config->points.option_relay_id, query->relay_id);
      break;
    }
}

static void
write_oro (WireWriter *writer, const LeasequeryQuery *query, gboolean base_time)
{
  gsize oro = dhcp6_begin_option (writer, DHCP6_OPTION_ORO);

  if (base_time)
    wire_write_u16 (writer, DHCP6_OPTION_LQ_BASE_TIME);
  for (guint i = 0; i < query->n_want; i++)
    if (!base_time || query->want[i] != DHCP6_OPTION_LQ_BASE_TIME)
      wire_write_u16 (writer, query->want[i]);
  dhcp6_end_option (writer, oro);
}

static void
write_lq_query (WireWriter *writer, const LeasequeryRequestorConfig *config, const LeasequeryQuery *query)
{
  gsize lq_query = dhcp6_begin_option (writer, DHCP6_OPTION_LQ_QUERY);

  wire_write_u8 (writer, (guint8)query->type);
  if (roam_addr_is_set (&query->link_address))
    wire_write_addr (writer, &query->link_address);
  else
    wire_write_zeros (writer, 16);
  write_query_options (writer, config, query);
  if (query->n_want > 0)
    write_oro (writer, query, FALSE);
  dhcp6_end_option (writer, lq_query);
}

GBytes *
leasequery_query_build (const LeasequeryRequestorConfig *config, const LeasequeryQuery *query, guint32 transaction_id)
{
  g_auto (WireWriter) writer;
  gsize frame;

  wire_writer_init (&writer, QUERY_MAX);
  frame = dhcp6_begin_frame (&writer, query->active ? DHCP6_ACTIVELEASEQUERY : DHCP6_LEASEQUERY, transaction_id);
  dhcp6_write_option (&writer, DHCP6_OPTION_CLIENTID, config->duid);
  if (query->server_id.data != NULL)
    dhcp6_write_option (&writer, DHCP6_OPTION_SERVERID, query->server_id);
  if (!query->everything)
    write_lq_query (&writer, config, query);
  if (query->has_start_time)
    dhcp6_write_option_u32 (&writer, DHCP6_OPTION_LQ_START_TIME, query->start_time);
  if (query->has_end_time)
    dhcp6_write_option_u32 (&writer, DHCP6_OPTION_LQ_END_TIME, query->end_time);
  if (query->active)
    write_oro (&writer, query, TRUE);
  dhcp6_end_frame (&writer, frame);
  return wire_writer_finish (&writer);
}

GBytes *
leasequery_query_build_starttls (guint32 transaction_id)
{
  g_auto (WireWriter) writer;
  gsize frame;

  wire_writer_init (&writer, QUERY_MAX);
  frame = dhcp6_begin_frame (&writer, DHCP6_STARTTLS, transaction_id);
  dhcp6_end_frame (&writer, frame);
  return wire_writer_finish (&writer);
}
