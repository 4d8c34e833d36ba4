/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-codec-private.h"

#include <stdint.h>
#include <string.h>

/*
 * A script of commands, time and datagrams into a mobile node with every option on: requests of all forms,
 * replies that are shaped to be let through, revocations, challenges. What it sends must keep the rules of
 * the RFCs whatever it was told.
 */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define HOME_ADDRESS 0xc000020au
#define HOME_AGENT 0xc0000201u
#define AGENT 0x0a040001u
#define STEPS_MAX 64u
#define N_PATHS 3u
/* Two for each path: our own and the agent's. */
#define N_CARE_OF 4u

typedef struct
{
  gboolean is_set;
  Mip4Message request;
  RoamAddr source, destination;
} Last;

typedef struct
{
  RoamRng *rng;
  RoamSecret *key;
  Mip4SecurityAssociation mn_ha, mn_fa, mn_aaa;
  gboolean has_mn_fa;
  Mip4Mn *mn;
  RoamNow now;
  Last last[N_PATHS];
  GBytes *kept[N_PATHS]; /* what last[].request borrows */
  gint64 sent_us[N_PATHS][N_CARE_OF];
  gint64 acknowledged_us;
  guint32 revocation_id;
} World;

static RoamAddr
care_of (guint path, gboolean of_agent, guint index)
{
  return roam_addr_from_u32 ((of_agent ? AGENT + 1 : 0x0a020032u) + path * 16 + index);
}

static Mip4Agent
make_agent (const World *world, guint8 how)
{
  Mip4Agent agent = {
    .address = roam_addr_from_u32 (AGENT),
    .link_layer = { 2, 0, 0, 0, 0, how },
    .flags = (guint16)(MIP4_AGENT_FOREIGN | (how & 1 ? MIP4_AGENT_UDP_TUNNEL : 0)),
    .registration_lifetime_s = (guint16)(how * 7),
    .n_care_of = 2,
    .n_challenge = (how >> 2) % 8,
  };

  for (guint i = 0; i < 2; i++)
    agent.care_of[i] = care_of ((how >> 6) % N_PATHS, TRUE, i);
  memset (agent.challenge, how, agent.n_challenge);
  return agent;
}

/* ------------------------------------------------------------------- what is sent ---- */

static void
check_rate (World *world, guint path, const RoamAddr *address)
{
  for (guint i = 0; i < N_CARE_OF; i++)
    {
      RoamAddr candidate = care_of (path, i >= 2, i % 2);

      if (!roam_addr_equal (&candidate, address))
        continue;
      g_assert_cmpint (world->now.boot_us - world->sent_us[path][i], >=, ROAM_USEC_PER_SEC);
      world->sent_us[path][i] = world->now.boot_us;
    }
}

static void
check_request (World *world, const Mip4MnAction *action, const Mip4Message *m)
{
  gboolean via_agent = action->send.has_link_layer;

  g_assert_cmpint (mip4_verify_mhae (m, &world->mn_ha), ==, MIP4_DISCARD_NONE);
  g_assert_cmpuint (m->flags & (MIP4_FLAGS_RESERVED | MIP4_FLAG_MINIMAL | MIP4_FLAG_GRE), ==, 0);
  g_assert_cmpint (via_agent, ==, roam_addr_to_u32 (&action->send.destination.addr) == AGENT);
  if (m->covered.udp_request.present)
    {
      g_assert_cmpuint (m->flags & MIP4_FLAG_DECAPSULATION, !=, 0);
      g_assert_cmpint (m->covered.udp_request.via_foreign_agent, ==, via_agent);
    }
  g_assert_false (m->covered.revocation && (via_agent || (m->flags & MIP4_FLAG_DECAPSULATION) == 0));
  g_assert_false (m->uncovered.encapsulating_delivery && (m->flags & MIP4_FLAG_REVERSE_TUNNEL) == 0);
  g_assert_cmpuint (m->mfae.count, ==, via_agent && world->has_mn_fa);
  if (m->mfae.count > 0)
    g_assert_cmpint (mip4_verify_auth (m, &m->mfae, &world->mn_fa), ==, MIP4_DISCARD_NONE);
  /* RFC 4721 3.1: a challenge goes only to an agent and is answered. */
  if (m->uncovered.challenge.data != NULL)
    g_assert_true (via_agent && m->mfae.count + m->mn_aaa.count == 1);
  if (m->mn_aaa.count > 0)
    g_assert_cmpint (mip4_verify_auth (m, &m->mn_aaa, &world->mn_aaa), ==, MIP4_DISCARD_NONE);
}

static void
take_sent (World *world, const Mip4MnAction *action)
{
  guint path = action->send.path;
  Mip4Message m;

  g_assert_cmpuint (path, <, N_PATHS);
  g_assert_cmpint (
    mip4_parse (g_bytes_get_data (action->send.datagram, NULL), g_bytes_get_size (action->send.datagram), &m), ==,
    MIP4_DISCARD_NONE);
  if (m.type == MIP4_MESSAGE_REVOCATION_ACK)
    {
      g_assert_cmpuint (action->send.source_port, ==, MIP4_PORT);
      g_assert_cmpint (world->now.boot_us - world->acknowledged_us, >=, ROAM_USEC_PER_SEC);
      world->acknowledged_us = world->now.boot_us;
      return;
    }
  g_assert_cmpint (m.type, ==, MIP4_MESSAGE_REQUEST);
  check_request (world, action, &m);
  check_rate (world, path, &m.care_of_address);
  g_clear_pointer (&world->kept[path], g_bytes_unref);
  world->kept[path] = g_bytes_ref (action->send.datagram);
  world->last[path] = (Last){ TRUE, m, action->send.source, action->send.destination.addr };
}

static void
drain (World *world)
{
  for (;;)
    {
      g_auto (Mip4MnAction) action = { 0 };

      if (!mip4_mn_pop_action (world->mn, &action))
        return;
      if (action.type == MIP4_MN_ACTION_SEND)
        {
          take_sent (world, &action);
          continue;
        }
      g_assert_nonnull (action.event.reason);
      g_assert_true (g_utf8_validate (action.event.message, -1, NULL));
      g_assert_false (action.event.by_agent && action.event.type != MIP4_MN_DENIED);
    }
}

/* --------------------------------------------------------------------- what is fed ---- */

static void
command (World *world, guint8 how)
{
  static const Mip4Form forms[] = { MIP4_FORM_CO_LOCATED,           MIP4_FORM_HOME,
                                    MIP4_FORM_DEREGISTER,           MIP4_FORM_FOREIGN_AGENT,
                                    MIP4_FORM_CO_LOCATED_VIA_AGENT, MIP4_FORM_CO_LOCATED,
                                    MIP4_FORM_FOREIGN_AGENT,        MIP4_FORM_DEREGISTER };
  Mip4MnCommand mn_command = {
    .type = MIP4_MN_REGISTER,
    .path = (how >> 3) % N_PATHS,
    .serial = how,
    .form = forms[how % 8],
    .copies = 1 + (how >> 6),
    .first_timeout_us = ROAM_USEC_PER_SEC,
    .force_udp = (how & 0x20) != 0,
  };

  if (mn_command.form != MIP4_FORM_CO_LOCATED && mn_command.form != MIP4_FORM_HOME && how % 8 != 7)
    mn_command.agent = make_agent (world, how);
  mn_command.care_of_address = care_of (mn_command.path, mn_command.form == MIP4_FORM_FOREIGN_AGENT, how >> 7);
  if (how >= 0xf8)
    mn_command.type = how & 1 ? MIP4_MN_CANCEL : MIP4_MN_FORGET;
  mip4_mn_input_command (world->mn, &world->now, &mn_command);
}

static void
advance (World *world, gint64 us)
{
  world->now.boot_us += us;
  world->now.ntp += ((guint64)us << 32) / (guint64)ROAM_USEC_PER_SEC;
  mip4_mn_input_deadline (world->mn, &world->now);
}

static void
write_signed (const World *world, WireWriter *writer, guint8 how, const guint8 *rest, gsize length)
{
  gsize before = how & 0x10 ? length / 2 : length;

  wire_write_data (writer, rest, before);
  if ((how & 0x20) == 0)
    mip4_write_auth (writer, MIP4_EXT_MOBILE_HOME_AUTH, &world->mn_ha);
  wire_write_data (writer, rest + before, length - before);
  if ((how & 0x40) != 0)
    mip4_write_auth (writer, MIP4_EXT_MOBILE_FOREIGN_AUTH, &world->mn_fa);
}

/* A reply to the last request of a path, or a revocation; @body is code, lifetime and extensions. */
static GBytes *
shape (World *world, guint8 how, const Last *last, const guint8 *body, gsize length)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 2048);
  if (how & 0x80)
    {
      wire_write_u32 (&writer, 0x07008000u);
      wire_write_addr (&writer, &last->request.home_address);
      wire_write_addr (&writer, &last->request.home_agent);
      wire_write_addr (&writer, &last->request.care_of_address);
      wire_write_u32 (&writer, world->revocation_id += body[0]);
    }
  else
    mip4_write_reply (&writer, body[0], (guint16)(body[1] << 4), &last->request.home_address, &last->request.home_agent,
                      last->request.identification + ((guint64)(body[1] & 3) << 40));
  write_signed (world, &writer, how, body + 2, length - 2);
  return wire_writer_finish (&writer);
}

static void
datagram (World *world, guint8 how, const guint8 *body, gsize length)
{
  guint path = how % N_PATHS;
  const Last *last = &world->last[path];
  RoamEndpoint source = { last->destination, MIP4_PORT };
  g_autoptr (GBytes) bytes = NULL;

  if (!last->is_set)
    return;
  if (how & 0x08 || length < 2)
    bytes = g_bytes_new (body, length);
  else
    bytes = shape (world, how, last, body, length);
  if (bytes != NULL)
    mip4_mn_input_datagram (world->mn, &world->now, path, &source, &last->source, g_bytes_get_data (bytes, NULL),
                            g_bytes_get_size (bytes));
}

static void
world_init (World *world, guint8 options)
{
  static const guint8 key_octets[32] = { 1, 2, 3 };
  Mip4MnFaAssociation mn_fa;
  Mip4MnConfig config;

  memset (world, 0, sizeof *world);
  world->rng = roam_rng_new_for_test (1);
  world->key = roam_secret_new (key_octets, sizeof key_octets);
  world->mn_ha = (Mip4SecurityAssociation){ 4096, MIP4_AUTH_HMAC_SHA_256, world->key };
  world->mn_fa = (Mip4SecurityAssociation){ 4097, MIP4_AUTH_HMAC_SHA_256, world->key };
  world->mn_aaa = (Mip4SecurityAssociation){ 4098, MIP4_AUTH_HMAC_MD5, world->key };
  world->has_mn_fa = (options & 1) != 0;
  mn_fa = (Mip4MnFaAssociation){ roam_addr_from_u32 (AGENT), world->mn_fa };
  config = (Mip4MnConfig){
    .home_address = roam_addr_from_u32 (HOME_ADDRESS),
    .home_agent = roam_addr_from_u32 (HOME_AGENT),
    .nai = "a@b",
    .mn_ha = world->mn_ha,
    .lifetime_s = 600,
    .reverse_tunnel = (options & 2) == 0,
    .nat_traversal = TRUE,
    .replay = options & 4 ? MIP4_REPLAY_NONCE : MIP4_REPLAY_TIMESTAMP,
    .mn_fa = &mn_fa,
    .n_mn_fa = world->has_mn_fa,
    .mn_aaa = options & 8 ? world->mn_aaa : (Mip4SecurityAssociation){ 0 },
    .service = "s",
    .udp_lifetime_s = 60,
    .revocation = TRUE,
    .simultaneous = (options & 16) != 0,
    .broadcast = TRUE,
    .encapsulating_delivery = (options & 32) != 0,
    .triangular = (options & 64) != 0,
  };
  world->mn = mip4_mn_new (&config, world->rng);
  world->now = roam_now_make (1000 * ROAM_USEC_PER_SEC, G_GINT64_CONSTANT (1767225600) * ROAM_USEC_PER_SEC);
  world->acknowledged_us = G_MININT64 / 2;
  for (guint path = 0; path < N_PATHS; path++)
    for (guint i = 0; i < N_CARE_OF; i++)
      world->sent_us[path][i] = G_MININT64 / 2;
}

static void
world_clear (World *world)
{
  mip4_mn_free (world->mn);
  roam_rng_free (world->rng);
  roam_secret_unref (world->key);
  for (guint path = 0; path < N_PATHS; path++)
    g_clear_pointer (&world->kept[path], g_bytes_unref);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  WireReader reader;
  World world;
  guint8 options = 0, what, how, length;
  const guint8 *body;

  wire_reader_init (&reader, data, size);
  if (!wire_read_u8 (&reader, &options))
    return 0;
  world_init (&world, options);
  for (guint step = 0; step < STEPS_MAX && wire_read_u8 (&reader, &what) && wire_read_u8 (&reader, &how); step++)
    {
      if (what < 64)
        command (&world, how);
      else if (what < 96)
        advance (&world, (gint64)how * how * 10000);
      else if (what < 112)
        mip4_mn_input_command (
          world.mn, &world.now,
          &(Mip4MnCommand){ .type = MIP4_MN_AGENT, .path = how % N_PATHS, .agent = make_agent (&world, how) });
      else if (wire_read_u8 (&reader, &length) && wire_reader_left (&reader) > 0)
        {
          gsize take = MIN (length, wire_reader_left (&reader));

          if (wire_read_data (&reader, take, &body))
            datagram (&world, how, body, take);
        }
      drain (&world);
    }
  world_clear (&world);
  return 0;
}
