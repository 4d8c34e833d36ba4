/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target of the session engine: the input is a script of commands, times, network conditions
 * and messages of the gateway, the protected ones with valid keys, so that what is authentic but
 * absurd gets in.
 */
#include "tests/ike/auth-world.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Enough for everything that a script can bring about; more only costs time. */
#define MAX_OPERATIONS 40
#define TIME_UNIT (25 * MS)
/* A script that begins with this operation has the configuration in its argument and in the octet after that. */
#define CONFIGURE 0x7f
#define USUAL_OPTIONS (OPTION_CHILDLESS | OPTION_TICKETS | OPTION_REDIRECT)
/* Longer than everything that a START or a MOVE may take. */
#define PATIENCE (15 * 60 * SEC)

/* First octet: its two lowest bits are an IkeMobilityDialect. */
enum
{
  OPTION_NO_NATS = 1 << 2,
  OPTION_CHILDLESS = 1 << 3,
  OPTION_TICKETS = 1 << 4,
  OPTION_REDIRECT = 1 << 5,
  OPTION_GATEWAYS = 1 << 6,
  OPTION_ANNOUNCE = 1 << 7,
};

/* Second octet: its two lowest bits are how both sides authenticate. */
enum
{
  AUTH_PSK = 0,
  AUTH_CERTIFICATE = 1,
  AUTH_EXTERNAL = 2,
  AUTH_THEN_EAP = 3,
  AUTH_MASK = 3,
  OPTION_OCSP = 1 << 2,
  OPTION_REVOCATION = 1 << 3,
  OPTION_SPEAKS_MOPO = 1 << 4,
  OPTION_PPK = 1 << 5,
  OPTION_NATT_FIRST = 1 << 6,
  OPTION_NO_NAT_DETECTION = 1 << 7,
};

/* libFuzzer keeps the input of an abort(), not that of g_error()'s trap. */
#define FAIL(...) (g_printerr (__VA_ARGS__), abort ())

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
  OP_PATHS,
  OP_GATEWAYS,
  OP_OUTSIDE,
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

/* Which of the links exist, the first of them best or last. */
static void
give_paths (World *world, guint8 argument)
{
  SimLink *const links[] = { world->a, world->b, world->nat };
  SimLink *chosen[G_N_ELEMENTS (links) + 1] = { NULL };
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (links); i++)
    {
      guint index = argument & 0x80 ? G_N_ELEMENTS (links) - 1 - i : i;

      if (argument & (1 << index))
        chosen[n++] = links[index];
    }
  world_paths (world, chosen);
}

static void
resolve_gateways (World *world, guint8 argument)
{
  static const char *const all[] = { WORLD_GATEWAY, WORLD_GATEWAY2, "203.0.113.77", "2001:db8:2::3" };
  const char *chosen[G_N_ELEMENTS (all) + 1] = { NULL };
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    if (argument & (1 << i))
      chosen[n++] = all[i];
  world_gateways (world, chosen);
}

/* SIGNED or FETCHED: as asked for, something else, nothing, or of no request. */
static void
answer_outside (AuthWorld *auth, guint8 argument, Octets octets)
{
  const AuthWish *wish = auth->wishes->len ? g_ptr_array_index (auth->wishes, auth->wishes->len - 1) : NULL;
  IkeCommand command = { .type = argument & 1 ? IKE_SIGNED : IKE_FETCHED, .request = argument };
  g_autoptr (GBytes) answer = NULL;

  if (wish && !(argument & 2))
    {
      command.type = wish->octets ? IKE_SIGNED : IKE_FETCHED;
      command.request = wish->request;
    }
  if (argument & 4)
    answer = g_bytes_new (octets.data, octets.length);
  else if (wish && wish->octets && !(argument & 8))
    answer = auth_sign (auth->pki->client, wish);
  else if (wish && wish->body && !(argument & 8))
    answer = pki_ocsp_der (auth->pki->ca, auth->pki->gateway,
                           &(PkiOcsp){ .status = (PkiStatus)(argument >> 4 & 1), .request = wish->body });
  else if (wish && wish->url && !(argument & 8))
    answer = pki_crl_der (auth->pki->ca, argument & 16 ? auth->pki->gateway : NULL, 0);
  command.answer = answer;
  world_input_command (auth->world, &command);
}

static void
operate (AuthWorld *auth, guint8 operation, guint8 argument, Octets octets, Octets *answer)
{
  World *world = auth->world;

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
    case OP_PATHS:
      give_paths (world, argument);
      return;
    case OP_GATEWAYS:
      resolve_gateways (world, argument);
      return;
    case OP_OUTSIDE:
      answer_outside (auth, argument, octets);
      return;
    case N_OPERATIONS:
      return;
    }
}

/* Every word of the trace that begins with @prefix. */
static guint
count_words (const World *world, const char *prefix)
{
  guint n = 0;

  for (const char *p = world->trace->str; (p = strstr (p, prefix)); p += strlen (prefix))
    n++;
  return n;
}

/* What holds whatever the gateway does. */
static void
check (World *world)
{
  IkeStatus status;

  ike_session_get_status (world->session, &status);
  if (strcmp (status.state, "idle") == 0 && count_words (world, "add:") != count_words (world, "remove:"))
    FAIL ("idle, but Child SAs are installed: %s", world->trace->str);
  if (strcmp (status.state, "idle") == 0 && world->outbound != 0)
    FAIL ("idle, but child %u is in use: %s", world->outbound, world->trace->str);
}

/* Who started hears of it: the networks are there again, the gateway does as it likes. */
static void
check_end (World *world)
{
  IkeStatus status;

  give_paths (world, 7);
  world->a->loss_percent = world->b->loss_percent = 0;
  world->a->down_blocked = FALSE;
  g_ptr_array_set_size (world->sent, 0);
  world_run (world, PATIENCE);
  check (world);
  ike_session_get_status (world->session, &status);
  if (strcmp (status.state, "idle") != 0 && strcmp (status.state, "established") != 0)
    FAIL ("%s for ever: %s", status.state, world->trace->str);
  if (world->sent->len > 4000)
    FAIL ("%u datagrams: this is a storm", world->sent->len);
  world_command (world, IKE_ABANDON);
  check (world);
}

static const AuthPki *
pki (void)
{
  static AuthPki *made;

  if (!made)
    made = auth_pki_new ("EC:P-256", "OCSP;URI:http://ocsp.example.com/", "URI:http://crl.example.com/ca.crl");
  return made;
}

static void
take_auth_options (IkeConfig *config, guint8 options)
{
  static RoamSecret *ppk;

  if (!ppk)
    ppk = roam_secret_new ((const guint8 *)"quantum", strlen ("quantum"));
  switch (options & AUTH_MASK)
    {
    case AUTH_CERTIFICATE:
    case AUTH_EXTERNAL:
      *config = auth_config (pki ());
      break;
    case AUTH_THEN_EAP:
      *config = auth_config (pki ());
      config->then_eap = TRUE;
      config->eap_method = IKE_EAP_METHOD_MSCHAPV2;
      config->eap_identity = "alice";
      config->eap_password = config->psk;
      break;
    default:
      break;
    }
  if ((options & AUTH_MASK) == AUTH_EXTERNAL)
    {
      config->external_key = TRUE;
      config->private_key_pem = NULL;
    }
  config->check_ocsp = (options & OPTION_OCSP) != 0;
  config->require_revocation = (options & OPTION_REVOCATION) != 0;
  if (options & OPTION_PPK && !config->then_eap)
    config->ppk = ppk;
  config->ppk_id = config->ppk ? "ppk-1" : NULL;
  config->natt_port_first = (options & OPTION_NATT_FIRST) != 0;
}

/* A world of these options, started. */
static AuthWorld *
make_world (guint8 options, guint8 auth_options)
{
  IkeConfig config = world_config ();
  AuthWorld *auth;
  RoamAddr further;

  g_assert_true (roam_addr_parse (WORLD_GATEWAY2, &further));
  take_auth_options (&config, auth_options);
  config.mobility = (IkeMobilityDialect)(options & 3);
  config.nat_policy = options & OPTION_NO_NATS ? IKE_NAT_POLICY_FORBID : IKE_NAT_POLICY_TRAVERSE;
  config.childless = (options & OPTION_CHILDLESS) != 0;
  config.request_ticket = (options & OPTION_TICKETS) != 0;
  config.accept_redirect = (options & OPTION_REDIRECT) != 0;
  config.gateways = &further;
  config.n_gateways = options & OPTION_GATEWAYS ? 1 : 0;
  config.announce_addresses = (options & OPTION_ANNOUNCE) != 0;
  world_speak (auth_options & OPTION_SPEAKS_MOPO ? &ike_dialect_mopo : &ike_dialect_mobike);
  auth = auth_world_new (pki (), &config);
  if ((auth_options & AUTH_MASK) == AUTH_PSK)
    auth->world->gateway->credentials = NULL;
  if (auth_options & OPTION_NO_NAT_DETECTION)
    auth->world->gateway->nat_detection = FALSE;
  return auth;
}

/* covers: IKE-SEC-004 */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (AuthWorld) auth = NULL;
  guint8 options = USUAL_OPTIONS, auth_options = 0;
  Octets answer = { 0 };
  WireReader reader;
  guint8 operation, argument, length;

  wire_reader_init (&reader, data, size);
  if (size >= 3 && data[0] == CONFIGURE &&
      !(wire_read_u8 (&reader, &operation) && wire_read_u8 (&reader, &options) &&
        wire_read_u8 (&reader, &auth_options)))
    return 0;
  auth = make_world (options, auth_options);
  auth->world->gateway->hook = answer_from_script;
  auth->world->gateway->user = &answer;
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
      operate (auth, operation & 0x7f, argument, octets, &answer);
    }
  world_run (auth->world, 10 * SEC);
  check (auth->world);
  if (auth->world->sent->len > 4000)
    FAIL ("%u datagrams: this is a storm", auth->world->sent->len);
  answer = (Octets){ 0 };
  check_end (auth->world);
  return 0;
}
