/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/mip4/discovery-fixture.h"

#include <string.h>

static const guint8 prefix_24[1] = { 24 };

static void
put (GByteArray *out, guint64 value, guint octets)
{
  while (octets-- > 0)
    {
      guint8 octet = (guint8)(value >> (8 * octets));

      g_byte_array_append (out, &octet, 1);
    }
}

static void
put_checksum (GByteArray *out, gboolean bad)
{
  guint32 sum = 0;

  for (guint i = 0; i < out->len; i++)
    sum += (guint32)out->data[i] << (i % 2 == 0 ? 8 : 0);
  while (sum > 0xffff)
    sum = (sum & 0xffff) + (sum >> 16);
  sum = ~sum & 0xffff;
  if (bad)
    sum ^= 0x0100;
  out->data[2] = (guint8)(sum >> 8);
  out->data[3] = (guint8)sum;
}

Advert
advert_fa (guint32 source, guint16 sequence)
{
  return (Advert){
    .source = source,
    .n_routers = 1,
    .routers = { source },
    .lifetime = 9,
    .sequence = sequence,
    .registration_lifetime = 300,
    .flags = FLAG_F | FLAG_T,
    .n_care_of = 1,
    .care_of = { source },
    .prefixes = prefix_24,
    .n_prefixes = 1,
  };
}

GBytes *
advert_build (const Advert *advert)
{
  guint8 size = advert->entry_size != 0 ? advert->entry_size : 2;
  GByteArray *out = g_byte_array_new ();

  put (out, advert->type != 0 ? advert->type : 9, 1);
  put (out, advert->code, 1);
  put (out, 0, 2);
  put (out, advert->n_routers, 1);
  put (out, size, 1);
  put (out, advert->lifetime, 2);
  for (guint i = 0; i < advert->n_routers; i++)
    {
      put (out, advert->routers[i], 4);
      if (size >= 2)
        put (out, advert->preferences[i], 4);
      for (guint j = 2; j < size; j++)
        put (out, 0xdeadbeef, 4);
    }
  if (advert->unknown != 0)
    put (out, (guint64)advert->unknown << 8, 2);
  if (!advert->no_agent)
    {
      put (out, 16, 1);
      put (out, 6 + 4 * advert->n_care_of, 1);
      put (out, advert->sequence, 2);
      put (out, advert->registration_lifetime, 2);
      put (out, advert->flags, 2);
      for (guint i = 0; i < advert->n_care_of; i++)
        put (out, advert->care_of[i], 4);
    }
  if (advert->prefixes != NULL)
    {
      put (out, 19, 1);
      put (out, advert->n_prefixes, 1);
      g_byte_array_append (out, advert->prefixes, advert->n_prefixes);
    }
  if (advert->challenge != NULL)
    {
      put (out, 24, 1);
      put (out, strlen (advert->challenge), 1);
      g_byte_array_append (out, (const guint8 *)advert->challenge, (guint)strlen (advert->challenge));
    }
  put_checksum (out, advert->bad_checksum);
  return g_byte_array_free_to_bytes (out);
}

/* ---------------------------------------------------------------- the ear ---- */

static void
solicitation_clear (gpointer data)
{
  g_bytes_unref (((Solicitation *)data)->message);
}

static void
collect (Ear *ear)
{
  for (;;)
    {
      g_auto (Mip4DiscoveryAction) action = { 0 };
      Solicitation sent;

      if (!mip4_discovery_pop_action (ear->discovery, &action))
        return;
      switch (action.type)
        {
        case MIP4_DISCOVERY_ACTION_SEND:
          sent = (Solicitation){ ear->now.boot_us, action.send.path, action.send.source, action.send.destination,
                                 g_bytes_ref (action.send.message) };
          g_array_append_val (ear->sent, sent);
          break;
        case MIP4_DISCOVERY_ACTION_EVENT:
          g_assert_nonnull (action.event.reason);
          g_array_append_val (ear->events, action.event);
          break;
        }
    }
}

Ear *
ear_new_with (const Mip4DiscoveryConfig *config, guint64 seed)
{
  Ear *ear = g_new0 (Ear, 1);

  ear->rng = roam_rng_new_for_test (seed);
  ear->discovery = mip4_discovery_new (config, ear->rng);
  ear->sent = g_array_new (FALSE, FALSE, sizeof (Solicitation));
  g_array_set_clear_func (ear->sent, solicitation_clear);
  ear->events = g_array_new (FALSE, FALSE, sizeof (Mip4DiscoveryEvent));
  ear->now.boot_us = 1000 * SECOND;
  return ear;
}

Ear *
ear_new (guint64 seed)
{
  return ear_new_with (
    &(Mip4DiscoveryConfig){
      .home_address = roam_addr_from_u32 (HOME_ADDRESS),
      .home_agent = roam_addr_from_u32 (HOME_AGENT),
      .solicit = TRUE,
      .require_ttl_1 = TRUE,
    },
    seed);
}

Ear *
ear_new_up (void)
{
  Ear *ear = ear_new (1);

  ear_command (ear, MIP4_DISCOVERY_LINK_UP, WIFI, OWN, 24);
  return ear;
}

void
ear_free (Ear *ear)
{
  mip4_discovery_free (ear->discovery);
  roam_rng_free (ear->rng);
  g_array_unref (ear->sent);
  g_array_unref (ear->events);
  g_free (ear);
}

void
ear_command (Ear *ear, Mip4DiscoveryCommandType type, Mip4Path path, guint32 address, guint8 prefix_length)
{
  const Mip4DiscoveryCommand command = {
    .type = type,
    .path = path,
    .address = address != 0 ? roam_addr_from_u32 (address) : ROAM_ADDR_NONE,
    .prefix_length = prefix_length,
  };

  mip4_discovery_input_command (ear->discovery, &ear->now, &command);
  collect (ear);
}

void
ear_registered (Ear *ear, Mip4Path path, guint32 agent)
{
  const Mip4DiscoveryCommand command = {
    .type = MIP4_DISCOVERY_REGISTERED,
    .path = path,
    .agent = agent != 0 ? roam_addr_from_u32 (agent) : ROAM_ADDR_NONE,
  };

  mip4_discovery_input_command (ear->discovery, &ear->now, &command);
  collect (ear);
}

void
ear_advance (Ear *ear, gint64 us)
{
  gint64 until_us = ear->now.boot_us + us;

  for (guint guard = 0; guard < 100000; guard++)
    {
      gint64 due = mip4_discovery_next_deadline (ear->discovery);

      ear->now.boot_us = CLAMP (due, ear->now.boot_us, until_us);
      if (due > until_us)
        return;
      mip4_discovery_input_deadline (ear->discovery, &ear->now);
      collect (ear);
    }
  g_error ("a deadline does not go away");
}

void
ear_hear (Ear *ear, Mip4Path path, const Advert *advert)
{
  g_autoptr (GBytes) message = advert_build (advert);
  const Mip4DiscoveryHeader header = {
    .path = path,
    .source = roam_addr_from_u32 (advert->source),
    .destination = roam_addr_from_u32 (advert->destination != 0 ? advert->destination : ALL_SYSTEMS),
    .link_layer = { 2, 0, 0, 0, 0, advert->mac != 0 ? advert->mac : (guint8)advert->source },
    .ttl = advert->ttl != 0 ? advert->ttl : 1,
  };

  mip4_discovery_input_datagram (ear->discovery, &ear->now, &header, g_bytes_get_data (message, NULL),
                                 g_bytes_get_size (message));
  collect (ear);
}

void
ear_hear_octets (Ear *ear, Mip4Path path, const guint8 *data, gsize length)
{
  const Mip4DiscoveryHeader header = {
    .path = path,
    .source = roam_addr_from_u32 (FA_1),
    .destination = roam_addr_from_u32 (ALL_SYSTEMS),
    .link_layer = { 2, 0, 0, 0, 0, 1 },
    .ttl = 1,
  };

  mip4_discovery_input_datagram (ear->discovery, &ear->now, &header, data, length);
  collect (ear);
}

guint
ear_n_events (const Ear *ear)
{
  return ear->events->len;
}

Mip4DiscoveryEvent
ear_expect (Ear *ear, Mip4DiscoveryEventType type)
{
  Mip4DiscoveryEvent event;

  g_assert_cmpuint (ear->events->len, ==, 1);
  event = g_array_index (ear->events, Mip4DiscoveryEvent, 0);
  g_assert_cmpint (event.type, ==, type);
  g_array_set_size (ear->events, 0);
  return event;
}

void
ear_expect_nothing (Ear *ear)
{
  if (ear->events->len > 0)
    g_test_message ("unexpected: %s", g_array_index (ear->events, Mip4DiscoveryEvent, 0).reason);
  g_assert_cmpuint (ear->events->len, ==, 0);
}

guint64
ear_counter (const Ear *ear, const char *name)
{
  g_autoptr (GHashTable) counters = mip4_discovery_dup_counters (ear->discovery);
  const guint64 *value = g_hash_table_lookup (counters, name);

  g_assert_nonnull (value);
  return *value;
}

guint
ear_n_agents (const Ear *ear, Mip4Path path)
{
  g_autoptr (GArray) agents = mip4_discovery_dup_agents (ear->discovery, path);

  return agents->len;
}
