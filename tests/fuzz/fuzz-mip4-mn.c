/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-codec-private.h"
#include "mip4/mip4-ha.h"

#include <stdint.h>
#include <string.h>

/*
 * A script of commands, time and datagrams into a mobile node and a home agent. Datagrams come raw, or
 * with the pending Identification and a right authenticator, so that the code behind the authentication
 * is reached. The engines' promises are asserted all the while.
 */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define HOME_ADDRESS 0x0a010064u
#define HOME_AGENT 0x0a010002u
#define STEPS_MAX 64u

typedef struct
{
  RoamRng *rng;
  RoamSecret *key;
  Mip4SecurityAssociation association;
  Mip4Mn *mn;
  Mip4Ha *ha;
  RoamNow now;
  guint64 identification; /* of the last request */
  gint64 last_sent_us[4];
  RoamAddr care_of[4];
} World;

static RoamAddr
care_of_of (guint8 path)
{
  return roam_addr_from_u32 (0x0a020032u + path);
}

static void
drain_node (World *world)
{
  for (;;)
    {
      g_auto (Mip4MnAction) action = { 0 };
      Mip4Message request;

      if (!mip4_mn_pop_action (world->mn, &action))
        return;
      if (action.type == MIP4_MN_ACTION_EVENT)
        {
          g_assert_nonnull (action.event.reason);
          continue;
        }
      g_assert_cmpint (
        mip4_parse (g_bytes_get_data (action.send.datagram, NULL), g_bytes_get_size (action.send.datagram), &request),
        ==, MIP4_DISCARD_NONE);
      g_assert_cmpint (mip4_verify_mhae (&request, &world->association), ==, MIP4_DISCARD_NONE);
      g_assert_cmpuint (action.send.path, <, G_N_ELEMENTS (world->last_sent_us));
      if (roam_addr_equal (&world->care_of[action.send.path], &action.send.source))
        g_assert_cmpint (world->now.boot_us - world->last_sent_us[action.send.path], >=, ROAM_USEC_PER_SEC);
      world->last_sent_us[action.send.path] = world->now.boot_us;
      world->care_of[action.send.path] = action.send.source;
      world->identification = request.identification;
    }
}

static void
drain_agent (World *world)
{
  for (;;)
    {
      g_auto (Mip4HaAction) action = { 0 };
      Mip4Message reply;

      if (!mip4_ha_pop_action (world->ha, &action))
        return;
      if (action.type != MIP4_HA_ACTION_SEND)
        continue;
      g_assert_cmpint (
        mip4_parse (g_bytes_get_data (action.send.datagram, NULL), g_bytes_get_size (action.send.datagram), &reply), ==,
        MIP4_DISCARD_NONE);
      g_assert_cmpint (mip4_verify_mhae (&reply, &world->association), ==, MIP4_DISCARD_NONE);
      g_assert_true (reply.covered.tnc);
    }
}

static void
advance (World *world, gint64 us)
{
  world->now.boot_us += us;
  world->now.ntp += ((guint64)us << 32) / (guint64)ROAM_USEC_PER_SEC;
  mip4_mn_input_deadline (world->mn, &world->now);
  mip4_ha_input_deadline (world->ha, &world->now);
  /* One step a path and call is allowed: what is left must be due later or be this instant's. */
  g_assert_cmpint (mip4_ha_next_deadline (world->ha), >, world->now.boot_us);
}

static void
command (World *world, guint8 octet)
{
  const Mip4MnCommand mn_command = {
    .type = octet & 0x0c   ? MIP4_MN_REGISTER
            : octet & 0x10 ? MIP4_MN_CANCEL
                           : MIP4_MN_FORGET,
    .path = octet & 3,
    .serial = octet,
    .form = (octet >> 5) % 3 == 1   ? MIP4_FORM_HOME
            : (octet >> 5) % 3 == 2 ? MIP4_FORM_DEREGISTER
                                    : MIP4_FORM_CO_LOCATED,
    .care_of_address = care_of_of (octet & 3),
    .first_timeout_us = ROAM_USEC_PER_SEC,
    .copies = 1 + (octet >> 6),
    .force_udp = (octet & 0x20) != 0,
  };

  mip4_mn_input_command (world->mn, &world->now, &mn_command);
}

/* Makes @body authentic: our Identification where it belongs, an MHAE at the end. */
static GBytes *
sign (const World *world, const uint8_t *body, size_t size, gsize identification_at, gboolean keep_high)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 2048);
  wire_write_data (&writer, body, size);
  if (size >= identification_at + 8)
    {
      if (!keep_high)
        wire_patch_u32 (&writer, identification_at, (guint32)(world->identification >> 32));
      wire_patch_u32 (&writer, identification_at + 4, (guint32)world->identification);
    }
  mip4_write_auth (&writer, MIP4_EXT_MOBILE_HOME_AUTH, &world->association);
  return wire_writer_finish (&writer);
}

static void
datagram (World *world, guint8 how, const uint8_t *body, size_t size)
{
  gboolean to_agent = (how & 4) != 0;
  g_autoptr (GBytes) bytes =
    (how & 8) != 0 ? sign (world, body, size, to_agent ? 16 : 12, (how & 16) != 0) : g_bytes_new (body, size);
  const RoamAddr own = care_of_of (how & 3), agent = roam_addr_from_u32 (HOME_AGENT);
  const RoamEndpoint from_agent = { agent, MIP4_PORT }, from_node = { own, 45000 };

  if (bytes == NULL)
    return;
  if (to_agent)
    mip4_ha_input_datagram (world->ha, &world->now, &from_node, &agent, g_bytes_get_data (bytes, NULL),
                            g_bytes_get_size (bytes));
  else
    mip4_mn_input_datagram (world->mn, &world->now, how & 3, &from_agent, &own, g_bytes_get_data (bytes, NULL),
                            g_bytes_get_size (bytes));
}

static void
world_init (World *world)
{
  static const guint8 key_octets[32] = { 1, 2, 3 };
  RoamPrefix trusted = { roam_addr_from_u32 (0x0a000000u), 8 };
  Mip4HaNode node;
  Mip4MnConfig mn_config;
  Mip4HaConfig ha_config;

  memset (world, 0, sizeof *world);
  world->rng = roam_rng_new_for_test (1);
  world->key = roam_secret_new (key_octets, sizeof key_octets);
  world->association = (Mip4SecurityAssociation){ 4096, MIP4_AUTH_HMAC_SHA_256, world->key };
  mn_config = (Mip4MnConfig){
    .home_address = roam_addr_from_u32 (HOME_ADDRESS),
    .home_agent = roam_addr_from_u32 (HOME_AGENT),
    .nai = "a@b",
    .mn_ha = world->association,
    .lifetime_s = 600,
    .reverse_tunnel = TRUE,
    .nat_traversal = TRUE,
  };
  node = (Mip4HaNode){ mn_config.home_address, world->association, "a@b" };
  ha_config = (Mip4HaConfig){
    .address = mn_config.home_agent,
    .trusted_networks = &trusted,
    .n_trusted_networks = 1,
    .nodes = &node,
    .n_nodes = 1,
    .max_lifetime_s = 1800,
    .nat_traversal = TRUE,
    .max_simultaneous = 2,
    .broadcast = TRUE,
    .gre = TRUE,
    .agent_udp = TRUE,
    .revocation = TRUE,
    .answer_unauthenticated = TRUE,
    .denial_message = "no",
  };
  world->mn = mip4_mn_new (&mn_config, world->rng);
  world->ha = mip4_ha_new (&ha_config);
  world->now = roam_now_make (1000 * ROAM_USEC_PER_SEC, G_GINT64_CONSTANT (1767225600) * ROAM_USEC_PER_SEC);
  for (guint i = 0; i < G_N_ELEMENTS (world->last_sent_us); i++)
    world->last_sent_us[i] = G_MININT64 / 2;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  WireReader reader;
  World world;
  guint8 what, how, length;
  const guint8 *body;

  world_init (&world);
  wire_reader_init (&reader, data, size);
  command (&world, 0x05);
  drain_node (&world);
  for (guint step = 0; step < STEPS_MAX && wire_read_u8 (&reader, &what) && wire_read_u8 (&reader, &how); step++)
    {
      if (what < 64)
        command (&world, how);
      else if (what < 128)
        advance (&world, (gint64)how * how * 10000);
      else if (wire_read_u8 (&reader, &length) &&
               wire_read_data (&reader, MIN (length, wire_reader_left (&reader)), &body))
        datagram (&world, how, body, MIN (length, (gsize)(data + size - body)));
      drain_node (&world);
      drain_agent (&world);
    }
  mip4_mn_free (world.mn);
  mip4_ha_free (world.ha);
  roam_rng_free (world.rng);
  roam_secret_unref (world.key);
  return 0;
}
