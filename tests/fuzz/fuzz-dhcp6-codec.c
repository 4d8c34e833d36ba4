/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/dhcp6.h"

#include <stdint.h>
#include <string.h>

/*
 * Any octets into the frame reader and every decoder of dhcp6/; what is decoded must lie inside them.
 * The first octet chooses the cap, the second how the stream is cut.
 */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static Dhcp6CodePoints points;

static void
check_slice (Dhcp6Slice slice, Dhcp6Slice outer)
{
  if (slice.data == NULL)
    return;
  g_assert_true (slice.data >= outer.data && slice.data <= outer.data + outer.length);
  g_assert_cmpuint (slice.length, <=, (gsize)(outer.data + outer.length - slice.data));
}

static void
check_bindings (const Dhcp6ClientData *client)
{
  Dhcp6BindingIter iter;
  Dhcp6Binding binding;
  Dhcp6Fault fault;
  guint n = 0;

  dhcp6_binding_iter_init (&iter, client);
  while (dhcp6_binding_iter_next (&iter, &binding, &fault))
    {
      n++;
      check_slice (binding.options, client->options);
      g_assert_true (fault == DHCP6_BAD_OPTION_VALUE ? binding.prefix_length > 128 : binding.prefix_length <= 128);
      if (fault == DHCP6_OK)
        g_assert_true (dhcp6_binding_same (&binding, &binding));
    }
  g_assert_cmpuint (n, ==, client->n_bindings);
}

static void
check_relay_data (Dhcp6Slice data)
{
  Dhcp6Relay relays[4];
  guint n = 0;

  if (data.data == NULL || dhcp6_parse_relay_data (&points, data, relays, G_N_ELEMENTS (relays), &n) != DHCP6_OK)
    return;
  g_assert_cmpuint (n, <=, DHCP6_MAX_HOPS);
  for (guint i = 0; i < MIN (n, G_N_ELEMENTS (relays)); i++)
    {
      check_slice (relays[i].relay_id, data);
      check_slice (relays[i].remote_id, data);
      check_slice (relays[i].interface_id, data);
      check_slice (relays[i].options, data);
    }
}

static void
check_text (Dhcp6Slice slice)
{
  g_autofree char *text = dhcp6_dup_text (slice), *duid = dhcp6_describe_duid (slice),
                  *remote = dhcp6_describe_remote_id (slice);

  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_true (g_utf8_validate (duid, -1, NULL));
  g_assert_true (g_utf8_validate (remote, -1, NULL));
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    g_assert_true (g_unichar_isprint (g_utf8_get_char (p)));
}

static void
check_client_data (Dhcp6Slice data)
{
  Dhcp6ClientData client;

  if (dhcp6_parse_client_data (&points, data, &client) != DHCP6_OK)
    return;
  check_slice (client.client_id, data);
  check_slice (client.relay_data, data);
  check_slice (client.remote_id, data);
  check_slice (client.relay_id, data);
  check_bindings (&client);
  check_relay_data (client.relay_data);
  check_text (client.client_id);
}

static void
check_message (Dhcp6Slice octets)
{
  Dhcp6Message message, header = { 0 };
  Dhcp6OptionIter iter;
  Dhcp6Option option;
  Dhcp6Query query;

  if (dhcp6_parse_message (octets.data, octets.length, &message, &header) != DHCP6_OK)
    return;
  g_assert_cmpuint (header.transaction_id, ==, message.transaction_id);
  check_slice (message.client_id, octets);
  check_slice (message.server_id, octets);
  check_slice (message.status_text, octets);
  check_text (message.status_text);
  check_relay_data (message.relay_data);
  dhcp6_option_iter_init (&iter, message.options);
  while (dhcp6_option_iter_next (&iter, &option))
    {
      check_slice (option.data, message.options);
      if (option.code == DHCP6_OPTION_CLIENT_DATA)
        check_client_data (option.data);
      else if (option.code == DHCP6_OPTION_LQ_QUERY && dhcp6_parse_query (&points, option.data, &query) == DHCP6_OK)
        {
          check_slice (query.oro, option.data);
          dhcp6_query_wants (&query, DHCP6_OPTION_LQ_RELAY_DATA);
        }
    }
  g_assert_false (dhcp6_option_iter_failed (&iter));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  Dhcp6FrameReader reader;
  Dhcp6Slice message;
  gsize piece;

  if (size < 2)
    return 0;
  dhcp6_code_points_init (&points);
  dhcp6_frame_reader_init (&reader, (data[0] & 1) != 0 ? 4096 : DHCP6_MESSAGE_MAX);
  piece = data[1] == 0xff ? size : 1u + data[1];
  check_message ((Dhcp6Slice){ data + 2, size - 2 }); /* as a datagram would be */
  for (gsize at = 2; at < size && reader.fault == DHCP6_OK;)
    {
      gsize length = MIN (piece, size - at);
      g_autofree guint8 *copy = g_memdup2 (data + at, length);
      const guint8 *rest = copy;

      at += length;
      while (dhcp6_frame_reader_next (&reader, &rest, &length, &message))
        check_message (message);
      g_assert_cmpuint (reader.size_partial, <=, 2 + DHCP6_MESSAGE_MAX);
    }
  dhcp6_frame_reader_clear (&reader);
  return 0;
}
