/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target of the session engine: the input is a script of commands, times, network conditions
 * and messages of the gateway, the protected ones with valid keys, so that what is authentic but
 * absurd gets in.
 */
#include "tests/ike/world.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Enough for everything that a script can bring about; more only costs time. */
#define MAX_OPERATIONS 40
#define TIME_UNIT (25 * MS)

typedef enum
{
  OP_WAIT,
  OP_COMMAND,
  OP_UNPROTECTED,
  OP_REQUEST,
  OP_ANSWER,
  OP_GATEWAY,
  OP_LINK,
  OP_TRAFFIC,
  N_OPERATIONS,
} Operation;

typedef struct
{
  const guint8 *data;
  gsize length;
} Octets;

/* Payloads of a script: type, length, octets, and so on. */
static void
add_payloads (IkePayloads *payloads, Octets octets)
{
  WireReader reader;
  const guint8 *body;
  guint8 type, length;

  wire_reader_init (&reader, octets.data, octets.length);
  while (wire_read_u8 (&reader, &type) && wire_read_u8 (&reader, &length))
    {
      gsize n = MIN (length, wire_reader_left (&reader));
      if (!wire_read_data (&reader, n, &body))
        return;
      ike_payloads_add_raw (payloads, type, body, n);
    }
}

static GwVerdict
answer_from_script (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  const Octets *octets = gateway->user;

  if (!octets->data)
    return GW_DEFAULT;
  add_payloads (answer, *octets);
  memset (gateway->user, 0, sizeof *octets);
  return GW_ANSWER;
}

/* With the SPIs of the present attempt, as anybody on the path could send it. */
static void
inject_unprotected (World *world, guint8 argument, Octets octets)
{
  IkeStatus status;
  IkeHeader header = { .flags = IKE_FLAG_RESPONSE, .message_id = argument & 3 };
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  if (world->sent->len == 0)
    return;
  ike_session_get_status (world->session, &status);
  header.spi_i = status.spi_i;
  header.spi_r = argument & 4 ? status.spi_r : argument;
  header.exchange = argument & 8 ? IKE_EXCHANGE_INFORMATIONAL : IKE_EXCHANGE_IKE_SA_INIT;
  add_payloads (payloads, octets);
  g_autoptr (GBytes) message = ike_message_build_clear (&header, payloads);
  if (message)
    world_inject (world, world_last_sent (world), message);
}

/* The script knows of one request of the gateway at a time. */
static gboolean
is_waiting (const Gateway *gateway)
{
  for (guint i = 0; i < gateway->sas->len; i++)
    if (((const GwSa *)g_ptr_array_index (gateway->sas, i))->request)
      return TRUE;
  return FALSE;
}

static void
request_from_script (World *world, guint8 argument, Octets octets)
{
  GwSa *sa = gateway_sa (world->gateway);
  IkePayloads *payloads;

  if (!sa || !sa->established)
    return;
  if (is_waiting (world->gateway))
    return;
  world->gateway->ignore_answers = TRUE;
  payloads = ike_payloads_new ();
  add_payloads (payloads, octets);
  gateway_request (world->gateway, sa, argument & 1 ? IKE_EXCHANGE_CREATE_CHILD_SA : IKE_EXCHANGE_INFORMATIONAL,
                   payloads);
}

static void
act_as_gateway (World *world, guint8 argument)
{
  GwSa *sa = gateway_sa (world->gateway);
  GwChild *child = gateway_child (world->gateway);

  if (sa && sa->request && argument % 6 == 5)
    gateway_repeat_request (world->gateway, sa);
  if (!sa || !sa->established || is_waiting (world->gateway))
    return;
  world->gateway->ignore_answers = FALSE;
  switch (argument % 6)
    {
    case 0:
      if (child)
        gateway_rekey_child (world->gateway, child);
      return;
    case 1:
      gateway_rekey_ike (world->gateway);
      return;
    case 2:
      if (child)
        gateway_delete_child (world->gateway, child);
      return;
    case 3:
      gateway_delete_ike (world->gateway, sa);
      return;
    default:
      gateway_request (world->gateway, sa, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
      return;
    }
}

static void
give_gateways (World *world, guint8 argument)
{
  IkeCommand command = { .type = IKE_GATEWAYS };

  if (argument & 0x40)
    g_assert_true (roam_addr_parse (WORLD_GATEWAY2, &command.gateways[command.n_gateways++]));
  world_input_command (world, &command);
}

static void
give_command (World *world, guint8 argument)
{
  SimLink *const links[] = { world->a, world->b, world->nat };
  SimLink *link = links[argument / 8 % G_N_ELEMENTS (links)];

  switch (argument % 8)
    {
    case 0:
      world_start (world, link);
      return;
    case 1:
      world_move (world, link, TRUE);
      return;
    case 2:
      world_move (world, link, FALSE);
      return;
    case 3:
      world_command (world, IKE_CHECK);
      return;
    case 4:
      world_command (world, IKE_REKEY_IKE);
      return;
    case 5:
      world_command (world, IKE_REKEY_CHILD);
      return;
    case 6:
      if (argument & 0x80)
        give_gateways (world, argument);
      else
        world_command (world, IKE_TERMINATE);
      return;
    default:
      world_command (world, argument & 0x80 ? IKE_REAUTHENTICATE : IKE_ABANDON);
      return;
    }
}

static void
operate (World *world, guint8 operation, guint8 argument, Octets octets, Octets *answer)
{
  switch ((Operation)(operation % N_OPERATIONS))
    {
    case OP_WAIT:
      world_run (world, argument * TIME_UNIT);
      return;
    case OP_COMMAND:
      give_command (world, argument);
      return;
    case OP_UNPROTECTED:
      inject_unprotected (world, argument, octets);
      return;
    case OP_REQUEST:
      request_from_script (world, argument, octets);
      return;
    case OP_ANSWER:
      *answer = octets;
      return;
    case OP_GATEWAY:
      act_as_gateway (world, argument);
      return;
    case OP_LINK:
      world->a->loss_percent = world->b->loss_percent = argument % 64;
      world->a->jitter_us = argument / 64 * 20 * MS;
      world->a->down_blocked = argument % 16 == 15;
      return;
    case OP_TRAFFIC:
      world_traffic (world, argument % 8);
      return;
    case N_OPERATIONS:
      return;
    }
}

/* What holds whatever the gateway does. */
static void
check (World *world)
{
  IkeStatus status;

  ike_session_get_status (world->session, &status);
  if (strcmp (status.state, "idle") == 0 && world->outbound != 0)
    g_error ("idle, but child %u is in use: %s", world->outbound, world->trace->str);
  if (world->sent->len > 4000)
    g_error ("%u datagrams: this is a storm", world->sent->len);
}

/* covers: IKE-SEC-004 */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  Octets answer = { 0 };
  WireReader reader;
  guint8 operation, argument, length;

  config.accept_redirect = config.request_ticket = config.childless = TRUE;
  world = world_new (&config);
  world->gateway->hook = answer_from_script;
  world->gateway->user = &answer;
  world_start (world, world->a);
  wire_reader_init (&reader, data, size);
  for (guint i = 0; i < MAX_OPERATIONS; i++)
    {
      Octets octets = { 0 };

      if (!wire_read_u8 (&reader, &operation) || !wire_read_u8 (&reader, &argument))
        break;
      if (operation & 0x80 && wire_read_u8 (&reader, &length))
        {
          octets.length = MIN (length, wire_reader_left (&reader));
          if (!wire_read_data (&reader, octets.length, &octets.data))
            break;
        }
      operate (world, operation & 0x7f, argument, octets, &answer);
    }
  world_run (world, 10 * SEC);
  check (world);
  return 0;
}
