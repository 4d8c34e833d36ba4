/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target of the gateway's side: the input is a script of what one client and the network do to an
 * IkeResponder. The client is a real IkeSession; besides what it says by itself, the script sends in its
 * name, with its keys, so that what is authentic but absurd gets in, in every state from IKE_SA_INIT on.
 */
#include "ike/ike-session-private.h"
#include "tests/ike/duo.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Enough for everything that a script can bring about; more only costs time. */
#define MAX_OPERATIONS 40
#define TIME_UNIT (25 * MS)

/* First octet of a script; with the last one two more follow, of the client and of the gateway. */
enum
{
  OPTION_COOKIES = 1 << 0,
  OPTION_ROUTABILITY_SHIFT = 1,
  OPTION_NO_NAT_TRAVERSAL = 1 << 3,
  OPTION_FORCE_ENCAP = 1 << 4,
  OPTION_MORE = 1 << 5,
};

/* The client's; the two lowest bits are an IkeMobilityDialect. */
enum
{
  CLIENT_NO_NATS = 1 << 2,
  CLIENT_CHILDLESS = 1 << 3,
  CLIENT_TICKETS = 1 << 4,
  CLIENT_REDIRECT = 1 << 5,
  CLIENT_GATEWAYS = 1 << 6,
  CLIENT_ANNOUNCE = 1 << 7,
};

enum
{
  GATEWAY_NO_MOBIKE = 1 << 0,
  GATEWAY_MOPO = 1 << 1,
  GATEWAY_NO_NATS = 1 << 2,
  GATEWAY_NO_TICKETS = 1 << 3,
  GATEWAY_PUZZLES = 1 << 4,
  GATEWAY_REDIRECTS = 1 << 5,
  GATEWAY_REDIRECTS_BY_NAME = 1 << 6,
  GATEWAY_SHORT_LIFE = 1 << 7,
};

/* libFuzzer keeps the input of an abort(), not that of g_error()'s trap. */
#define FAIL(...) (g_printerr (__VA_ARGS__), abort ())

typedef enum
{
  OP_WAIT,
  OP_COMMAND,
  OP_GATEWAY,
  OP_CLEAR,   /* without protection, from a stranger or the client's address */
  OP_REQUEST, /* protected */
  OP_ANSWER,  /* protected, to the gateway's last request */
  OP_BENT,    /* something that was sent before, with one octet changed or none */
  OP_LINK,
  OP_ADDRESSES,
  OP_TRAFFIC,
  OP_PATHS,
  OP_RESOLVED,
  OP_REDIRECT,
  OP_LOSE_ADDRESS,
  N_OPERATIONS,
} Operation;

typedef struct
{
  const guint8 *data;
  gsize length;
} Octets;

/* Payloads of a script: type, length, octets, and so on. */
static IkePayloads *
make_payloads (Octets octets)
{
  IkePayloads *payloads = ike_payloads_new ();
  WireReader reader;
  const guint8 *body;
  guint8 type, length;

  wire_reader_init (&reader, octets.data, octets.length);
  while (wire_read_u8 (&reader, &type) && wire_read_u8 (&reader, &length))
    {
      gsize n = MIN (length, wire_reader_left (&reader));
      if (!wire_read_data (&reader, n, &body))
        break;
      ike_payloads_add_raw (payloads, type, body, n);
    }
  return payloads;
}

static void
inject (Duo *duo, gboolean natt, GBytes *message)
{
  RoamEndpoint gateway = { .port = natt ? IKE_NATT_PORT : IKE_PORT }, from = gateway;
  IkePair pair = { .local = gateway };

  g_assert_true (roam_addr_parse (DUO_GATEWAY, &gateway.addr));
  from.addr = duo->a->host;
  duo_inject (duo, &gateway, &from, ike_datagram_new (&pair, message));
}

static void
send_clear (Duo *duo, guint8 argument, Octets octets)
{
  const IkeSa *sa = duo->client->current;
  IkeHeader header = { .spi_i = sa && argument & 1 ? sa->spi_i : argument,
                       .spi_r = sa && argument & 2 ? sa->spi_r : argument >> 6,
                       .flags = argument & 4 ? IKE_FLAG_RESPONSE : IKE_FLAG_INITIATOR,
                       .exchange = argument & 8 ? IKE_EXCHANGE_INFORMATIONAL : IKE_EXCHANGE_IKE_SA_INIT,
                       .message_id = argument >> 7 };
  g_autoptr (IkePayloads) payloads = make_payloads (octets);
  g_autoptr (GBytes) message = ike_message_build_clear (&header, payloads);

  if (message)
    inject (duo, argument & 16, message);
}

/* As the client would, with the next Message ID; what it waits for itself it does not get any more. */
static void
send_request (Duo *duo, guint8 argument, Octets octets)
{
  static const guint8 exchanges[] = { IKE_EXCHANGE_INFORMATIONAL, IKE_EXCHANGE_CREATE_CHILD_SA, IKE_EXCHANGE_IKE_AUTH };
  IkeSa *sa = duo->client->current;
  g_autoptr (IkePayloads) payloads = make_payloads (octets);
  g_autoptr (GPtrArray) messages = NULL;
  guint8 exchange = exchanges[argument % G_N_ELEMENTS (exchanges)];

  if (!sa || !sa->keys)
    return;
  messages = ike_sa_build (duo->client, sa, exchange, FALSE, sa->next_id + (argument >> 7), payloads);
  if (!sa->task)
    sa->next_id++;
  for (guint i = 0; messages && i < messages->len; i++)
    inject (duo, duo->client->mobility.now.remote.port == IKE_NATT_PORT, g_ptr_array_index (messages, i));
}

static void
send_answer (Duo *duo, guint8 argument, Octets octets)
{
  IkeSa *sa = duo->client->current;
  g_autoptr (IkePayloads) payloads = make_payloads (octets);
  g_autoptr (GPtrArray) messages = NULL;
  guint8 exchange = argument & 1 ? IKE_EXCHANGE_CREATE_CHILD_SA : IKE_EXCHANGE_INFORMATIONAL;

  if (!sa || !sa->keys)
    return;
  messages = ike_sa_build (duo->client, sa, exchange, TRUE, sa->peer_next_id - (argument >> 7 & 1), payloads);
  for (guint i = 0; messages && i < messages->len; i++)
    inject (duo, duo->client->mobility.now.remote.port == IKE_NATT_PORT, g_ptr_array_index (messages, i));
}

static void
send_bent (Duo *duo, guint8 argument, Octets octets)
{
  const DuoPacket *packet;
  g_autofree guint8 *copy = NULL;
  gsize length;

  if (duo->packets->len == 0)
    return;
  packet = g_ptr_array_index (duo->packets, argument % duo->packets->len);
  copy = g_memdup2 (g_bytes_get_data (packet->data, NULL), g_bytes_get_size (packet->data));
  length = g_bytes_get_size (packet->data);
  if (octets.length >= 2 && length > 0)
    copy[octets.data[0] % length] ^= octets.data[1];
  if (octets.length >= 3)
    length = MIN (length, octets.data[2]);
  if (packet->from_client)
    duo_inject (duo, &packet->remote, &packet->local, g_bytes_new (copy, length));
  else
    duo_inject (duo, &packet->local, &packet->remote, g_bytes_new (copy, length));
}

static void
command_gateway (Duo *duo, guint8 argument)
{
  static const IkeCommandType types[] = { IKE_CHECK, IKE_REKEY_IKE, IKE_REKEY_CHILD, IKE_TERMINATE, IKE_ABANDON };

  if (duo->client_number != 0 && ike_responder_get_status (duo->responder, duo->client_number, &(IkeStatus){ 0 }))
    duo_gateway_command (duo, types[argument % G_N_ELEMENTS (types)]);
}

static void
command_client (Duo *duo, guint8 argument)
{
  static const IkeCommandType types[] = { IKE_CHECK, IKE_REKEY_IKE, IKE_REKEY_CHILD, IKE_TERMINATE, IKE_ABANDON };
  SimLink *const links[] = { duo->a, duo->b, duo->nat };
  SimLink *link = links[argument / 8 % G_N_ELEMENTS (links)];

  switch (argument % 8)
    {
    case 0:
      duo_start (duo, link);
      return;
    case 1:
    case 2:
      duo_move (duo, link, argument % 8 == 1);
      return;
    default:
      duo_command (duo, argument >= 0xc0 ? IKE_REAUTHENTICATE : types[argument % 8 - 3]);
      return;
    }
}

static void
set_addresses (Duo *duo, guint8 argument)
{
  RoamAddr addresses[2];

  g_assert_true (roam_addr_parse (DUO_GATEWAY2, &addresses[0]));
  g_assert_true (roam_addr_parse ("2001:db8:2::3", &addresses[1]));
  duo_set_addresses (duo, addresses, argument % 3);
}

/* Which of the links exist, the first of them best or last. */
static void
give_paths (Duo *duo, guint8 argument)
{
  SimLink *const links[] = { duo->a, duo->b, duo->nat };
  SimLink *chosen[G_N_ELEMENTS (links) + 1] = { NULL };
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (links); i++)
    {
      guint index = argument & 0x80 ? G_N_ELEMENTS (links) - 1 - i : i;

      if (argument & (1 << index))
        chosen[n++] = links[index];
    }
  duo_paths (duo, chosen);
}

static void
redirect (Duo *duo, guint8 argument)
{
  RoamNow now = sim_now (duo->sim);
  RoamAddr other;

  g_assert_true (roam_addr_parse (argument & 1 ? DUO_GATEWAY2 : DUO_GATEWAY, &other));
  ike_responder_redirect (duo->responder, &now, 0, argument & 2 ? NULL : &other,
                          argument & 2 ? "gw.example.com" : NULL);
  duo_run (duo, 0);
}

static void
lose_address (Duo *duo, guint8 argument)
{
  static const char *const left[] = { DUO_GATEWAY, NULL }, *const left2[] = { DUO_GATEWAY2, NULL };

  if (argument & 1)
    duo_lose_address (duo, DUO_GATEWAY2, left);
  else
    duo_lose_address (duo, DUO_GATEWAY, left2);
}

static void
operate (Duo *duo, guint8 operation, guint8 argument, Octets octets)
{
  RoamNow now = sim_now (duo->sim);

  switch ((Operation)(operation % N_OPERATIONS))
    {
    case OP_WAIT:
      duo_run (duo, argument * TIME_UNIT);
      return;
    case OP_COMMAND:
      command_client (duo, argument);
      return;
    case OP_GATEWAY:
      command_gateway (duo, argument);
      return;
    case OP_CLEAR:
      send_clear (duo, argument, octets);
      return;
    case OP_REQUEST:
      send_request (duo, argument, octets);
      return;
    case OP_ANSWER:
      send_answer (duo, argument, octets);
      return;
    case OP_BENT:
      send_bent (duo, argument, octets);
      return;
    case OP_LINK:
      duo->a->loss_percent = duo->b->loss_percent = argument % 64;
      duo->a->jitter_us = argument / 64 * 20 * MS;
      return;
    case OP_ADDRESSES:
      set_addresses (duo, argument);
      return;
    case OP_TRAFFIC:
      ike_responder_input_traffic (duo->responder, &now, duo->client_number, argument % 8);
      return;
    case OP_PATHS:
      give_paths (duo, argument);
      return;
    case OP_RESOLVED:
      duo_gateway_is (duo, argument & 1 ? DUO_GATEWAY2 : DUO_GATEWAY);
      return;
    case OP_REDIRECT:
      redirect (duo, argument);
      return;
    case OP_LOSE_ADDRESS:
      lose_address (duo, argument);
      return;
    case N_OPERATIONS:
      return;
    }
}

/* What holds whatever a client does. */
static void
check (Duo *duo)
{
  IkeStatus status;

  if (ike_responder_n_clients (duo->responder) > 2 * MAX_OPERATIONS)
    FAIL ("%u clients", ike_responder_n_clients (duo->responder));
  if (duo->packets->len > 8000)
    FAIL ("%u datagrams: this is a storm", duo->packets->len);
  ike_session_get_status (duo->client, &status);
  if (strcmp (status.state, "idle") == 0 && duo->plane.children->len > 0)
    FAIL ("idle, but %u Child SAs are installed", duo->plane.children->len);
  if (ike_responder_n_clients (duo->responder) == 0 && duo->gateway_plane.children->len > 0)
    FAIL ("no client, but %u Child SAs are installed", duo->gateway_plane.children->len);
}

/* Nobody waits for ever. */
static void
check_end (Duo *duo)
{
  IkeStatus status;

  duo->a->loss_percent = duo->b->loss_percent = 0;
  give_paths (duo, 7);
  g_ptr_array_set_size (duo->packets, 0);
  duo_run (duo, 15 * 60 * SEC);
  check (duo);
  ike_session_get_status (duo->client, &status);
  if (strcmp (status.state, "idle") != 0 && strcmp (status.state, "established") != 0)
    FAIL ("%s for ever", status.state);
  duo_command (duo, IKE_ABANDON);
  check (duo);
}

static void
take_client_options (IkeConfig *config, guint8 options)
{
  static RoamAddr further;

  g_assert_true (roam_addr_parse (DUO_GATEWAY2, &further));
  config->mobility = (IkeMobilityDialect)(options & 3);
  config->nat_policy = options & CLIENT_NO_NATS ? IKE_NAT_POLICY_FORBID : IKE_NAT_POLICY_TRAVERSE;
  config->childless = (options & CLIENT_CHILDLESS) != 0;
  config->request_ticket = (options & CLIENT_TICKETS) != 0;
  config->accept_redirect = (options & CLIENT_REDIRECT) != 0;
  config->gateways = &further;
  config->n_gateways = options & CLIENT_GATEWAYS ? 1 : 0;
  config->announce_addresses = (options & CLIENT_ANNOUNCE) != 0;
}

static void
take_gateway_options (IkeResponderConfig *config, guint8 options)
{
  static RoamAddr other;

  g_assert_true (roam_addr_parse (DUO_GATEWAY2, &other));
  config->disable_mobike = (options & GATEWAY_NO_MOBIKE) != 0;
  config->disable_mopo = (options & GATEWAY_MOPO) == 0;
  config->nat_policy = options & GATEWAY_NO_NATS ? IKE_NAT_POLICY_FORBID : IKE_NAT_POLICY_TRAVERSE;
  if (config->nat_policy == IKE_NAT_POLICY_FORBID)
    config->force_udp_encap = FALSE;
  config->disable_tickets = (options & GATEWAY_NO_TICKETS) != 0;
  config->puzzle_threshold = options & GATEWAY_PUZZLES ? 1 : 0;
  config->puzzle_difficulty = 4;
  config->redirect = options & GATEWAY_REDIRECTS ? &other : NULL;
  if (options & GATEWAY_REDIRECTS_BY_NAME && !config->redirect)
    config->redirect_name = "gw.example.com";
  if (options & GATEWAY_SHORT_LIFE)
    config->rekey_ike_us = config->rekey_child_us = 60 * SEC;
}

static void
take_options (IkeResponderConfig *config, guint8 options)
{
  guint8 routability = options >> OPTION_ROUTABILITY_SHIFT & 3;

  config->cookie_threshold = options & OPTION_COOKIES ? 1 : 0;
  config->routability = routability > IKE_ROUTABILITY_NEVER ? IKE_ROUTABILITY_BEFORE : (IkeRoutability)routability;
  config->disable_nat_traversal = (options & OPTION_NO_NAT_TRAVERSAL) != 0;
  config->force_udp_encap = (options & OPTION_FORCE_ENCAP) != 0;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  IkeResponderConfig config = duo_gateway_config ();
  IkeConfig client = duo_client_config ();
  g_autoptr (Duo) duo = NULL;
  WireReader reader;
  guint8 operation, argument, length, options = 0, of_client, of_gateway;

  wire_reader_init (&reader, data, size);
  if (!wire_read_u8 (&reader, &options))
    return 0;
  take_options (&config, options);
  if (options & OPTION_MORE)
    {
      if (!wire_read_u8 (&reader, &of_client) || !wire_read_u8 (&reader, &of_gateway))
        return 0;
      take_client_options (&client, of_client);
      take_gateway_options (&config, of_gateway);
    }
  duo = duo_new (&client, &config, 7);
  duo_start (duo, duo->a);
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
      operate (duo, operation & 0x7f, argument, octets);
    }
  duo_run (duo, 10 * SEC);
  check (duo);
  check_end (duo);
  return 0;
}
