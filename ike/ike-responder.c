/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A gateway: its clients, one IkeSession each, and the verbs that find the right one. */
#include "ike/ike-responder-private.h"

#include <string.h>

#define DEFAULT_MAX_CLIENTS 1024
#define DEFAULT_COOKIE_THRESHOLD 32
#define DEFAULT_PUZZLE_THRESHOLD 128
/* A quarter of a million tries: a quarter of a second of a present machine. */
#define DEFAULT_PUZZLE_DIFFICULTY 16
#define DEFAULT_DPD_US (5 * 60 * ROAM_USEC_PER_SEC)
#define DEFAULT_REKEY_IKE_US (8 * 3600 * ROAM_USEC_PER_SEC)
#define DEFAULT_REKEY_CHILD_US (2 * 3600 * ROAM_USEC_PER_SEC)

static void
count_by (GHashTable *counters, const char *counter, guint64 n)
{
  guint64 *value = g_hash_table_lookup (counters, counter);

  if (!value)
    {
      value = g_new0 (guint64, 1);
      g_hash_table_insert (counters, g_strdup (counter), value);
    }
  *value += n;
}

void
ike_responder_count (IkeResponder *responder, const char *counter)
{
  count_by (responder->counters, counter, 1);
}

/* --- clients --- */

static void
free_client (gpointer data)
{
  IkeClient *client = data;

  ike_session_free (client->session);
  g_clear_pointer (&client->init_request, g_bytes_unref);
  g_clear_pointer (&client->init_answer, g_bytes_unref);
  g_free (client);
}

IkeClient *
ike_responder_add (IkeResponder *responder, IkeSession *session)
{
  IkeClient *client = g_new0 (IkeClient, 1);

  client->number = ++responder->last_client;
  client->session = session;
  client->half_open_us = ROAM_NEVER;
  g_ptr_array_add (responder->clients, client);
  return client;
}

static IkeClient *
find_client (const IkeResponder *responder, guint32 number)
{
  for (guint i = 0; i < responder->clients->len; i++)
    {
      IkeClient *client = g_ptr_array_index (responder->clients, i);
      if (client->number == number && client->session->state != IKE_STATE_IDLE)
        return client;
    }
  return NULL;
}

guint
ike_responder_n_half_open (const IkeResponder *responder)
{
  guint n = 0;

  for (guint i = 0; i < responder->clients->len; i++)
    n += ((const IkeClient *)g_ptr_array_index (responder->clients, i))->session->state == IKE_STATE_AUTH;
  return n;
}

static gboolean
same_address (const IkeSession *a, const IkeSession *b)
{
  const IkeConfiguration *one = &a->configuration, *other = &b->configuration;

  return (roam_addr_is_set (&one->tia4) && roam_addr_equal (&one->tia4, &other->tia4)) ||
         (roam_addr_is_set (&one->tia6) && roam_addr_equal (&one->tia6, &other->tia6));
}

static IkeSession *
find_sharer (const IkeResponder *responder, const IkeSession *session)
{
  for (guint i = 0; i < responder->clients->len; i++)
    {
      IkeSession *other = ((IkeClient *)g_ptr_array_index (responder->clients, i))->session;
      if (other != session && other->state == IKE_STATE_ESTABLISHED && same_address (session, other))
        return other;
    }
  return NULL;
}

gboolean
ike_responder_shares_address (const IkeResponder *responder, const IkeSession *session)
{
  return find_sharer (responder, session) != NULL;
}

/* Packets to the client take the Child SA of its new IKE SA, if they do not yet. */
static void
hand_over (const IkeResponder *responder, const IkeSession *session)
{
  IkeSession *heir = find_sharer (responder, session);

  for (guint i = 0; heir && i < heir->children->len && !ike_child_in_use (heir); i++)
    {
      IkeChild *child = g_ptr_array_index (heir->children, i);
      if (child->linger_us == ROAM_NEVER)
        ike_child_use (heir, child);
    }
}

/* The inner addresses of a session that ended are free again. */
static void
release (IkeResponder *responder, IkeSession *session)
{
  IkeConfiguration *configuration = &session->configuration;

  hand_over (responder, session);

  if (responder->pool4 && roam_addr_is_set (&configuration->tia4))
    ike_pool_release (responder->pool4, &configuration->tia4);
  if (responder->pool6 && roam_addr_is_set (&configuration->tia6))
    ike_pool_release (responder->pool6, &configuration->tia6);
  configuration->tia4 = configuration->tia6 = ROAM_ADDR_NONE;
}

void
ike_responder_forget_others (IkeResponder *responder, const IkeSession *session)
{
  for (guint i = 0; i < responder->clients->len; i++)
    {
      IkeClient *client = g_ptr_array_index (responder->clients, i);
      IkeSession *other = client->session;

      if (other == session || other->state == IKE_STATE_IDLE || other->state == IKE_STATE_AUTH ||
          other->remote_id.type != session->remote_id.type ||
          !g_bytes_equal (other->remote_id.data, session->remote_id.data))
        continue;
      ike_session_die (other, IKE_EVENT_DEAD, "INITIAL_CONTACT: the client has forgotten this IKE SA", NULL);
      release (responder, other);
      /* Its inner address may be the newcomer's: what it had is taken away first, so its actions come first. */
      g_ptr_array_steal_index (responder->clients, i);
      g_ptr_array_insert (responder->clients, 0, client);
    }
}

void
ike_responder_forget_sa (IkeResponder *responder, guint64 spi_i, guint64 spi_r)
{
  for (guint i = 0; i < responder->clients->len; i++)
    {
      IkeSession *session = ((IkeClient *)g_ptr_array_index (responder->clients, i))->session;
      const IkeSa *sa = session->current;

      if (session->state == IKE_STATE_IDLE || !sa || sa->spi_i != spi_i || sa->spi_r != spi_r)
        continue;
      ike_session_die (session, IKE_EVENT_DEAD, "the client resumed this IKE SA as another one", NULL);
      release (responder, session);
    }
}

gboolean
ike_responder_refuses (const IkeResponder *responder, const RoamAddr *outer)
{
  for (guint i = 0; i < responder->refused->len; i++)
    if (roam_prefix_contains (&g_array_index (responder->refused, RoamPrefix, i), outer))
      return TRUE;
  return FALSE;
}

const IkePeerEntry *
ike_responder_find_peer (const IkeResponder *responder, const IkePayloadId *id, gboolean psk)
{
  for (guint i = 0; i < responder->peers->len; i++)
    {
      const IkePeerEntry *peer = &g_array_index (responder->peers, IkePeerEntry, i);

      if ((peer->psk != NULL) == psk && (peer->any || ike_identity_matches (&peer->id, id->id_type, id->data)))
        return peer;
    }
  return NULL;
}

gboolean
ike_responder_has_ike_spi (const IkeResponder *responder, guint64 spi)
{
  for (guint i = 0; i < responder->clients->len; i++)
    {
      const GPtrArray *sas = ((const IkeClient *)g_ptr_array_index (responder->clients, i))->session->sas;

      for (guint j = 0; j < sas->len; j++)
        {
          const IkeSa *sa = g_ptr_array_index (sas, j);
          if ((sa->initiator ? sa->spi_i : sa->spi_r) == spi)
            return TRUE;
        }
    }
  return FALSE;
}

gboolean
ike_responder_has_esp_spi (const IkeResponder *responder, guint32 spi)
{
  for (guint i = 0; i < responder->clients->len; i++)
    {
      const GPtrArray *children = ((const IkeClient *)g_ptr_array_index (responder->clients, i))->session->children;

      for (guint j = 0; j < children->len; j++)
        if (((const IkeChild *)g_ptr_array_index (children, j))->sa->spi_in == spi)
          return TRUE;
    }
  return FALSE;
}

/* A client whose session ended and whose last action was taken. */
static void
reap (IkeResponder *responder)
{
  for (guint i = responder->clients->len; i > 0; i--)
    {
      const IkeClient *client = g_ptr_array_index (responder->clients, i - 1);

      if (client->session->state != IKE_STATE_IDLE || !g_queue_is_empty (&client->session->actions))
        continue;
      release (responder, client->session);
      g_ptr_array_remove_index (responder->clients, i - 1);
    }
}

/* --- verbs --- */

gboolean
ike_responder_input_command (IkeResponder *responder, const RoamNow *now, guint32 number, const IkeCommand *command)
{
  IkeClient *client = find_client (responder, number);

  if (!client)
    return FALSE;
  switch (command->type)
    {
    case IKE_START:
    case IKE_MOVE:
    case IKE_REAUTHENTICATE:
    case IKE_PATHS:
    case IKE_GATEWAYS:
    case IKE_FETCHED:
    case IKE_SIGNED:
      return FALSE; /* the client's part */
    case IKE_CHECK:
    case IKE_REKEY_IKE:
    case IKE_REKEY_CHILD:
    case IKE_TERMINATE:
    case IKE_ABANDON:
      break;
    }
  ike_session_input_command (client->session, now, command);
  reap (responder);
  return TRUE;
}

static void
set_addresses (IkeResponder *responder, const RoamAddr *addresses, guint n)
{
  responder->n_addresses = MIN (n, IKE_MAX_RESPONDER_ADDRESSES);
  for (guint i = 0; i < responder->n_addresses; i++)
    responder->addresses[i] = addresses[i];
}

void
ike_responder_set_addresses (IkeResponder *responder, const RoamNow *now, const RoamAddr *addresses, guint n)
{
  set_addresses (responder, addresses, n);
  for (guint i = 0; i < responder->clients->len; i++)
    {
      IkeSession *session = ((IkeClient *)g_ptr_array_index (responder->clients, i))->session;

      if (session->state != IKE_STATE_ESTABLISHED || !session->dialect)
        continue;
      ike_task_queue (session, ike_task_new (IKE_TASK_ADDRESSES));
      ike_exchange_pump (session, now);
    }
}

/* The first one left of the family in which the client can be reached; FALSE: none. */
static gboolean
choose_own_address (const IkeResponder *responder, RoamFamily family, RoamAddr *ret_addr)
{
  for (guint i = 0; i < responder->n_addresses; i++)
    if (responder->addresses[i].family == family)
      {
        *ret_addr = responder->addresses[i];
        return TRUE;
      }
  return FALSE;
}

void
ike_responder_lose_address (IkeResponder *responder, const RoamNow *now, const RoamAddr *gone,
                            const RoamAddr *addresses, guint n)
{
  IkePath locals[IKE_MAX_RESPONDER_ADDRESSES] = { 0 };
  RoamAddr addr;

  set_addresses (responder, addresses, n);
  for (guint i = 0; i < responder->n_addresses; i++)
    locals[i].local = responder->addresses[i];
  for (guint i = 0; i < responder->clients->len; i++)
    {
      IkeSession *session = ((IkeClient *)g_ptr_array_index (responder->clients, i))->session;

      if (session->state != IKE_STATE_ESTABLISHED || !session->dialect)
        continue;
      ike_paths_set_locals (&session->paths, locals, responder->n_addresses);
      ike_task_queue (session, ike_task_new (IKE_TASK_ADDRESSES));
      if (roam_addr_equal (&session->mobility.now.local.addr, gone) &&
          choose_own_address (responder, (RoamFamily)session->mobility.now.remote.addr.family, &addr))
        ike_mobility_leave (session, now, &addr);
      ike_exchange_pump (session, now);
    }
}

gboolean
ike_responder_redirect (IkeResponder *responder, const RoamNow *now, guint32 number, const RoamAddr *gateway,
                        const char *name)
{
  g_autoptr (GBytes) data = ike_redirect_to_data (gateway, name, (IkeView){ 0 });
  guint n = 0;

  for (guint i = 0; data && i < responder->clients->len; i++)
    {
      const IkeClient *client = g_ptr_array_index (responder->clients, i);
      IkeTask *task;

      if ((number != 0 && client->number != number) || client->session->state != IKE_STATE_ESTABLISHED ||
          !client->session->redirect_supported)
        continue;
      task = ike_task_new (IKE_TASK_REDIRECT);
      task->data = g_bytes_ref (data);
      ike_task_queue (client->session, task);
      ike_exchange_pump (client->session, now);
      n++;
    }
  return n > 0;
}

void
ike_responder_set_ocsp_response (IkeResponder *responder, GBytes *response)
{
  g_clear_pointer (&responder->ocsp_response, g_bytes_unref);
  responder->ocsp_response = response ? g_bytes_ref (response) : NULL;
}

/* Which client's SA is it? Few hundred comparisons of numbers cost less than one decryption. */
static IkeClient *
find_by_header (const IkeResponder *responder, const IkeHeader *header)
{
  for (guint i = 0; i < responder->clients->len; i++)
    {
      IkeClient *client = g_ptr_array_index (responder->clients, i);
      if (ike_sa_find (client->session, header))
        return client;
    }
  return NULL;
}

/* What no client's session can be asked about. */
static void
receive_stateless (IkeResponder *responder, const RoamNow *now, const IkePair *pair, const IkeHeader *header,
                   const guint8 *data, gsize length)
{
  if (header->exchange == IKE_EXCHANGE_IKE_SA_INIT || header->exchange == IKE_EXCHANGE_IKE_SESSION_RESUME)
    {
      ike_responder_receive_init (responder, now, pair, header, data, length);
      return;
    }
  ike_responder_count (responder, "unknown-spi");
  if (header->spi_i == 0) /* without one there is nothing to answer (RFC 7296 1.5) */
    return;
  ike_responder_refuse (responder, now, pair, header, IKE_NOTIFY_INVALID_IKE_SPI, (IkeView){ 0 });
}

/* PATH_TEST: a question is answered without a look at any client; an answer is that client's who asked. */
static void
receive_path_test (IkeResponder *responder, const RoamNow *now, const IkePair *pair, const guint8 *data, gsize length)
{
  g_autoptr (IkeMessage) message = ike_path_test_parse (data, length);

  if (!message)
    {
      ike_responder_count (responder, "path-tests-malformed");
      return;
    }
  if (!(message->header.flags & IKE_FLAG_RESPONSE))
    {
      if (ike_path_test_permit (&responder->path_test_limit, now->boot_us, &pair->remote.addr))
        ike_responder_answer_path_test (responder, pair, message);
      else
        ike_responder_count (responder, "path-tests-ignored");
      return;
    }
  for (guint i = 0; i < responder->clients->len; i++)
    {
      IkeSession *session = ((IkeClient *)g_ptr_array_index (responder->clients, i))->session;

      if (ike_path_test_take_answer (session, now, pair, message))
        return;
    }
  ike_responder_count (responder, "path-tests-unmatched");
}

void
ike_responder_input_datagram (IkeResponder *responder, const RoamNow *now, guint32 ifindex, const RoamEndpoint *local,
                              const RoamEndpoint *remote, const guint8 *data, gsize length)
{
  static const guint8 version = IKE_VERSION_2_0;
  IkePair pair = { .ifindex = ifindex, .local = *local, .remote = *remote };
  const guint8 *message = data;
  gsize message_length = length;
  IkeParseError error = { 0 };
  IkeClient *client;
  IkeHeader header;

  if (!ike_datagram_strip (&pair, &message, &message_length))
    {
      ike_responder_count (responder, "not-ike");
      return;
    }
  if (!ike_header_parse (message, message_length, &header, &error))
    {
      ike_responder_count (responder, "malformed");
      if (error.status == IKE_PARSE_INVALID_MAJOR_VERSION)
        ike_responder_refuse (responder, now, &pair, &header, IKE_NOTIFY_INVALID_MAJOR_VERSION,
                              (IkeView){ &version, sizeof version });
      return;
    }
  if (header.exchange == IKE_EXCHANGE_PATH_TEST && !responder->disable_mopo)
    {
      receive_path_test (responder, now, &pair, message, message_length);
      return;
    }
  client = find_by_header (responder, &header);
  if (client)
    ike_session_input_datagram (client->session, now, ifindex, local, remote, data, length);
  else
    receive_stateless (responder, now, &pair, &header, message, message_length);
  reap (responder);
}

void
ike_responder_input_traffic (IkeResponder *responder, const RoamNow *now, guint32 number, guint32 child_id)
{
  IkeClient *client = find_client (responder, number);

  if (client)
    ike_session_input_traffic (client->session, now, child_id);
}

static void
client_deadline (IkeResponder *responder, const RoamNow *now, IkeClient *client)
{
  if (client->half_open_us <= now->boot_us)
    {
      client->half_open_us = ROAM_NEVER;
      g_clear_pointer (&client->init_request, g_bytes_unref);
      g_clear_pointer (&client->init_answer, g_bytes_unref);
      if (client->session->state == IKE_STATE_AUTH)
        {
          ike_responder_count (responder, "half-open-expired");
          ike_session_die (client->session, IKE_EVENT_FAILED, "the client did not go on with IKE_AUTH", NULL);
        }
    }
  ike_session_input_deadline (client->session, now);
}

void
ike_responder_input_deadline (IkeResponder *responder, const RoamNow *now)
{
  for (guint i = 0; i < responder->clients->len; i++)
    client_deadline (responder, now, g_ptr_array_index (responder->clients, i));
  reap (responder);
}

gint64
ike_responder_next_deadline (const IkeResponder *responder)
{
  gint64 next = ROAM_NEVER;

  for (guint i = 0; i < responder->clients->len; i++)
    {
      const IkeClient *client = g_ptr_array_index (responder->clients, i);
      next = MIN (next, MIN (client->half_open_us, ike_session_next_deadline (client->session)));
    }
  return next;
}

static gboolean
pop_own (IkeResponder *responder, IkeAction *ret_action)
{
  g_autofree IkeAction *action = g_queue_pop_head (&responder->actions);

  if (!action)
    return FALSE;
  *ret_action = *action;
  return TRUE;
}

gboolean
ike_responder_pop_action (IkeResponder *responder, guint32 *ret_client, IkeAction *ret_action)
{
  if (pop_own (responder, ret_action))
    {
      *ret_client = 0;
      return TRUE;
    }
  for (guint i = 0; i < responder->clients->len; i++)
    {
      IkeClient *client = g_ptr_array_index (responder->clients, i);

      if (!ike_session_pop_action (client->session, ret_action))
        continue;
      *ret_client = client->number;
      return TRUE;
    }
  reap (responder);
  return FALSE;
}

guint
ike_responder_n_clients (const IkeResponder *responder)
{
  guint n = 0;

  for (guint i = 0; i < responder->clients->len; i++)
    n += ((const IkeClient *)g_ptr_array_index (responder->clients, i))->session->state != IKE_STATE_IDLE;
  return n;
}

gboolean
ike_responder_get_status (const IkeResponder *responder, guint32 number, IkeStatus *ret_status)
{
  const IkeClient *client = find_client (responder, number);

  if (!client)
    return FALSE;
  ike_session_get_status (client->session, ret_status);
  return TRUE;
}

static void
add_counters (GHashTable *sum, GHashTable *counters)
{
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, counters);
  while (g_hash_table_iter_next (&iter, &key, &value))
    count_by (sum, key, *(const guint64 *)value);
}

GHashTable *
ike_responder_dup_counters (const IkeResponder *responder)
{
  GHashTable *sum = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  add_counters (sum, responder->counters);
  for (guint i = 0; i < responder->clients->len; i++)
    add_counters (sum, ((const IkeClient *)g_ptr_array_index (responder->clients, i))->session->counters);
  return sum;
}

/* --- life --- */

static void
clear_peer (gpointer data)
{
  IkePeerEntry *peer = data;

  ike_identity_clear (&peer->id);
  roam_secret_unref (peer->psk);
}

static gboolean
take_peers (IkeResponder *responder, const IkeResponderConfig *config, char **ret_problem)
{
  for (guint i = 0; i < config->n_peers; i++)
    {
      const IkeResponderPeer *from = &config->peers[i];
      IkePeerEntry peer = { .any = from->id == NULL };

      if (from->id && !ike_identity_from_text (from->id, from->id_type, &peer.id, ret_problem))
        return FALSE;
      peer.psk = from->psk ? roam_secret_ref (from->psk) : NULL;
      g_array_append_val (responder->peers, peer);
      if (from->psk && roam_secret_length (from->psk) == 0)
        *ret_problem = g_strdup ("a pre-shared key is empty");
      else if (!from->psk && !config->certificate_pem)
        *ret_problem = g_strdup ("clients with certificates need a certificate of the gateway");
      if (*ret_problem)
        return FALSE;
    }
  if (config->n_peers == 0)
    *ret_problem = g_strdup ("nobody may connect: there is no peer");
  return config->n_peers > 0;
}

static gboolean
take_credentials (IkeResponder *responder, const IkeResponderConfig *config, char **ret_problem)
{
  if (config->local_id &&
      !ike_identity_from_text (config->local_id, config->local_id_type, &responder->local_id, ret_problem))
    return FALSE;
  if (!config->certificate_pem && !config->private_key_pem && !config->ca_pem)
    return TRUE;
  if (!config->certificate_pem || !config->private_key_pem || !config->ca_pem)
    {
      *ret_problem = g_strdup ("a certificate needs its private key and a CA certificate for the clients");
      return FALSE;
    }
  responder->credentials =
    ike_credentials_new (config->certificate_pem, config->private_key_pem, config->ca_pem, ret_problem);
  if (!responder->credentials)
    return FALSE;
  ike_responder_set_ocsp_response (responder, config->ocsp_response);
  ike_credentials_expect_clients (responder->credentials);
  if (!config->local_id)
    ike_credentials_subject (responder->credentials, &responder->local_id);
  return TRUE;
}

static gboolean
take_pool (const RoamPrefix *prefix, RoamFamily family, IkePool **ret_pool, char **ret_problem)
{
  if (!roam_addr_is_set (&prefix->addr))
    return TRUE;
  if (prefix->addr.family == family)
    *ret_pool = ike_pool_new (prefix);
  if (!*ret_pool)
    *ret_problem = g_strdup ("an address pool is of the wrong family or has no room for two addresses");
  return *ret_pool != NULL;
}

static gboolean
take_redirect (IkeResponder *responder, const IkeResponderConfig *config, char **ret_problem)
{
  g_autoptr (GBytes) data = NULL;
  IkeRedirectTarget target;
  IkeView nonce;

  if (!config->redirect && !config->redirect_name)
    return TRUE;
  data = ike_redirect_to_data (config->redirect, config->redirect_name, (IkeView){ 0 });
  if (!data || !ike_redirect_parse (ike_view (data), &target, &nonce))
    {
      *ret_problem = g_strdup ("clients cannot be redirected to that gateway: it needs an address or a host name");
      return FALSE;
    }
  responder->redirect = g_steal_pointer (&data);
  responder->redirect_addr = target.addr;
  return TRUE;
}

static gboolean
take_addresses (IkeResponder *responder, const IkeResponderConfig *config, char **ret_problem)
{
  RoamPrefix any[2] = { { .addr = ike_selector_any (ROAM_FAMILY_INET4).start },
                        { .addr = ike_selector_any (ROAM_FAMILY_INET6).start } };

  if (!take_pool (&config->pool4, ROAM_FAMILY_INET4, &responder->pool4, ret_problem) ||
      !take_pool (&config->pool6, ROAM_FAMILY_INET6, &responder->pool6, ret_problem))
    return FALSE;
  if (!responder->pool4 && !responder->pool6)
    {
      *ret_problem = g_strdup ("there is no pool of inner addresses");
      return FALSE;
    }
  responder->n_dns = MIN (config->n_dns, G_N_ELEMENTS (responder->dns));
  memcpy (responder->dns, config->dns, sizeof responder->dns);
  if (config->n_networks > 0)
    g_array_append_vals (responder->networks, config->networks, config->n_networks);
  else
    g_array_append_vals (responder->networks, any, G_N_ELEMENTS (any));
  if (config->n_refused > 0)
    g_array_append_vals (responder->refused, config->refused, config->n_refused);
  responder->n_addresses = MIN (config->n_addresses, IKE_MAX_RESPONDER_ADDRESSES);
  memcpy (responder->addresses, config->addresses, sizeof responder->addresses);
  return TRUE;
}

static void
take_settings (IkeResponder *responder, const IkeResponderConfig *config)
{
  responder->disable_mobike = config->disable_mobike;
  responder->disable_mopo = config->disable_mopo;
  responder->nat_policy = config->nat_policy;
  responder->disable_nat_traversal = config->disable_nat_traversal || config->nat_policy == IKE_NAT_POLICY_FORBID;
  responder->force_udp_encap = config->force_udp_encap && !responder->disable_nat_traversal;
  responder->routability = config->routability;
  responder->max_clients = config->max_clients ? config->max_clients : DEFAULT_MAX_CLIENTS;
  responder->cookie_threshold = config->cookie_threshold ? config->cookie_threshold : DEFAULT_COOKIE_THRESHOLD;
  responder->puzzle_threshold = config->puzzle_threshold ? config->puzzle_threshold : DEFAULT_PUZZLE_THRESHOLD;
  responder->puzzle_difficulty =
    (guint8)MIN (config->puzzle_difficulty ? config->puzzle_difficulty : DEFAULT_PUZZLE_DIFFICULTY, G_MAXUINT8);
  responder->disable_tickets = config->disable_tickets;
  responder->dpd_interval_us = config->dpd_interval_us > 0 ? config->dpd_interval_us : DEFAULT_DPD_US;
  responder->rekey_ike_us = config->rekey_ike_us > 0 ? config->rekey_ike_us : DEFAULT_REKEY_IKE_US;
  responder->rekey_child_us = config->rekey_child_us > 0 ? config->rekey_child_us : DEFAULT_REKEY_CHILD_US;
}

IkeResponder *
ike_responder_new (const IkeResponderConfig *config, RoamRng *rng, char **ret_problem)
{
  g_autoptr (IkeResponder) responder = g_new0 (IkeResponder, 1);
  g_autofree char *problem = NULL;
  guint8 seed[ROAM_RNG_SEED_LENGTH];

  roam_rng_fill (rng, seed, sizeof seed);
  responder->rng = roam_rng_new (seed);
  roam_wipe (seed, sizeof seed);
  responder->clients = g_ptr_array_new_with_free_func (free_client);
  responder->counters = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  responder->peers = g_array_new (FALSE, FALSE, sizeof (IkePeerEntry));
  g_array_set_clear_func (responder->peers, clear_peer);
  responder->networks = g_array_new (FALSE, FALSE, sizeof (RoamPrefix));
  responder->refused = g_array_new (FALSE, FALSE, sizeof (RoamPrefix));
  g_queue_init (&responder->actions);
  take_settings (responder, config);
  responder->ike_offer = ike_proposals_new_from_text (config->ike_proposals, IKE_PROTOCOL_IKE, &problem);
  if (responder->ike_offer)
    responder->esp_offer = ike_proposals_new_from_text (config->esp_proposals, IKE_PROTOCOL_ESP, &problem);
  if (responder->esp_offer && take_peers (responder, config, &problem) &&
      take_credentials (responder, config, &problem) && take_addresses (responder, config, &problem) &&
      take_redirect (responder, config, &problem))
    return g_steal_pointer (&responder);
  if (ret_problem)
    *ret_problem = g_steal_pointer (&problem);
  return NULL;
}

static void
free_action (gpointer data)
{
  ike_action_clear (data);
  g_free (data);
}

void
ike_responder_free (IkeResponder *responder)
{
  if (!responder)
    return;
  g_ptr_array_unref (responder->clients);
  g_queue_clear_full (&responder->actions, free_action);
  g_hash_table_unref (responder->counters);
  g_array_unref (responder->peers);
  g_array_unref (responder->networks);
  g_array_unref (responder->refused);
  ike_pool_free (responder->pool4);
  ike_pool_free (responder->pool6);
  ike_credentials_free (responder->credentials);
  g_clear_pointer (&responder->ocsp_response, g_bytes_unref);
  ike_proposals_free (responder->ike_offer);
  ike_proposals_free (responder->esp_offer);
  ike_identity_clear (&responder->local_id);
  roam_secret_unref (responder->secrets[0]);
  roam_secret_unref (responder->secrets[1]);
  ike_responder_tickets_clear (responder);
  g_clear_pointer (&responder->redirect, g_bytes_unref);
  roam_rng_free (responder->rng);
  g_free (responder);
}
