/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-core-io-private.h"
#include "mip4/had-record-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/*
 * The core of roam-had. A pass: receive a batch, let the engine take it, do its actions, commit the store
 * once, send all answers at once. No answer leaves before what it promises is stored.
 */

G_DEFINE_QUARK (roam - had - error - quark, had_error)

/* Passes a turn of the main loop: the data path, timers and the control socket wait no longer than that. */
#define PASSES 8u
/* Lines a second about requests and bindings: anybody can cause them. */
#define LOG_LINES_PER_SECOND 10u
#define TUNNEL_DATA_TYPE 4
/* How long the store's journal may lie before it is folded, unless there is a storm. */
#define FOLD_WAIT_MS 1000u
/* Changes in that time that are no storm: 100 000 nodes renew some 100 times a second. */
#define FOLD_QUIET 2000u

void
had_set_errno (GError **error, int code, const char *what, const char *advice)
{
  g_set_error (error, HAD_ERROR, code, "%s: %s. %s", what, g_strerror (code), advice);
}

gint64
had_boot_us (void)
{
  struct timespec now;

  clock_gettime (CLOCK_BOOTTIME, &now);
  return now.tv_sec * ROAM_USEC_PER_SEC + now.tv_nsec / 1000;
}

void
had_control_add (struct msghdr *message, HadControl *control, int type, const void *data, gsize length)
{
  struct cmsghdr *header = (struct cmsghdr *)(void *)(control->octets + message->msg_controllen);

  g_return_if_fail (message->msg_controllen + CMSG_SPACE (length) <= sizeof control->octets);
  memset (header, 0, CMSG_SPACE (length));
  header->cmsg_level = IPPROTO_IP;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN (length);
  memcpy (CMSG_DATA (header), data, length);
  message->msg_controllen += CMSG_SPACE (length);
}

RoamNow
had_now (void)
{
  return roam_now_make (had_boot_us (), g_get_real_time ());
}

/* ----------------------------------------------------------------------- log ---- */

/* True when one more line about what strangers send is allowed in this second. */
static gboolean
may_log (Had *had)
{
  gint64 second = had_boot_us () / ROAM_USEC_PER_SEC;

  if (second != had->log_second)
    had->log_lines = 0;
  had->log_second = second;
  return had->log_lines++ < LOG_LINES_PER_SECOND;
}

static void
log_binding (Had *had, const char *what, const Mip4HaBinding *binding)
{
  char home[ROAM_ADDR_STRLEN], care_of[ROAM_ADDR_STRLEN];

  if (!may_log (had))
    return;
  g_info ("%s: %s at %s%s, %u s", what, roam_addr_to_string (&binding->home_address, home),
          roam_addr_to_string (&binding->care_of_address, care_of), binding->udp_tunnel ? " (UDP tunnel)" : "",
          binding->lifetime_s);
}

static void
log_request (Had *had, const Mip4HaAction *action)
{
  char source[ROAM_ADDR_STRLEN], home[ROAM_ADDR_STRLEN];

  if (!may_log (had))
    return;
  g_log (G_LOG_DOMAIN, action->log.security ? G_LOG_LEVEL_WARNING : G_LOG_LEVEL_INFO,
         "Request from %s for %s, SPI %u: %s (%s %u)", roam_endpoint_to_string (&action->log.source, source),
         roam_addr_to_string (&action->log.home_address, home), action->log.spi, action->log.reason,
         action->log.code != 0 ? "denied, code" : "dropped, code", action->log.code);
}

/* ------------------------------------------------------------------- folding ---- */

/* Only when there is nothing else to do. */
static gboolean
fold_some (gpointer user_data)
{
  Had *had = user_data;

  if (had_store_fold (had->store))
    return G_SOURCE_CONTINUE;
  had->fold_source = 0;
  return G_SOURCE_REMOVE;
}

/* A storm of registrations passes first: folding meanwhile would have the disk write each change twice. */
static gboolean
fold_due (gpointer user_data)
{
  Had *had = user_data;
  guint n_journal = had_store_n_journal (had->store);

  if (n_journal - had->fold_seen > FOLD_QUIET)
    {
      had->fold_seen = n_journal;
      return G_SOURCE_CONTINUE;
    }
  had->fold_source = g_idle_add_full (G_PRIORITY_LOW, fold_some, had, NULL);
  return G_SOURCE_REMOVE;
}

static void
commit (Had *had)
{
  if (had->store == NULL)
    return;
  had_store_commit (had->store);
  if (had->fold_source == 0 && had_store_n_journal (had->store) > 0)
    {
      had->fold_seen = 0;
      had->fold_source = g_timeout_add (FOLD_WAIT_MS, fold_due, had);
    }
}

static void
commit_and_send (Had *had)
{
  commit (had);
  had_link_flush (had->link);
  had_udp_flush (had->udp);
}

/* ------------------------------------------------------------------- actions ---- */

/* RFC 5944 3.8.3.1: from our address; to a node at home, on the home link whatever the routes say. */
static void
send_reply (Had *had, const Mip4HaAction *action)
{
  int interface = action->send.on_home_link ? had_link_index (had->link) : 0;

  while (!had_udp_queue (had->udp, &action->send.source, &action->send.destination, interface, action->send.datagram))
    commit_and_send (had);
}

static void
put_node (Had *had, const Mip4HaAction *action)
{
  const HadRecord record = { .replay = action->store.replay, .nai = action->store.nai };
  g_autoptr (GBytes) octets = had_record_build (&record, had_boot_us (), g_get_real_time ());
  char text[ROAM_ADDR_STRLEN];

  /* A node with a name may have one home address today and another tomorrow. */
  had_store_put_node (
    had->store, record.nai != NULL ? record.nai : roam_addr_to_string (&action->store.home_address, text), octets);
}

static void
put_binding (Had *had, const Mip4HaAction *action)
{
  const Mip4HaBinding *binding = &action->store.binding;
  const HadRecord record = {
    .replay = action->store.replay, .nai = action->store.nai, .has_binding = TRUE, .binding = *binding
  };
  g_autoptr (GBytes) octets = had_record_build (&record, had_boot_us (), g_get_real_time ());

  had_store_put_binding (had->store, &binding->home_address, &binding->care_of_address, octets);
}

static void
do_store (Had *had, const Mip4HaAction *action)
{
  const Mip4HaBinding *binding = &action->store.binding;

  if (had->store == NULL)
    return;
  switch (action->store.what)
    {
    case MIP4_HA_STORE_REPLAY:
      put_node (had, action);
      return;
    case MIP4_HA_STORE_SET:
      put_binding (had, action);
      return;
    case MIP4_HA_STORE_UNSET:
      had_store_remove_binding (had->store, &binding->home_address, &binding->care_of_address);
      put_node (had, action);
      return;
    }
}

static void
do_binding_add (Had *had, const Mip4HaBinding *binding)
{
  had_data_set_tunnel (had->data, binding, NULL);
  if (had->restoring)
    {
      had_link_resume (had->link, &binding->home_address);
      return;
    }
  log_binding (had, "Binding added", binding);
  had_link_intercept (had->link, &binding->home_address);
}

static void
do_binding_remove (Had *had, const Mip4HaAction *action)
{
  const Mip4HaBinding *binding = &action->binding.binding;

  log_binding (had, "Binding removed", binding);
  had_data_remove_tunnel (had->data, binding);
  if (action->binding.n_left == 0)
    had_link_release (had->link, &binding->home_address, action->binding.removal == MIP4_HA_REMOVED_AT_HOME);
}

/* TRUE when the bindings changed. */
static gboolean
do_action (Had *had, const Mip4HaAction *action)
{
  const Mip4HaBinding *binding = &action->binding.binding;

  switch (action->type)
    {
    case MIP4_HA_ACTION_SEND:
      send_reply (had, action);
      return FALSE;
    case MIP4_HA_ACTION_LOG:
      log_request (had, action);
      return FALSE;
    case MIP4_HA_ACTION_STORE:
      do_store (had, action);
      return FALSE;
    case MIP4_HA_ACTION_BINDING_ADD:
      do_binding_add (had, binding);
      return TRUE;
    case MIP4_HA_ACTION_BINDING_CHANGE:
      log_binding (had, "Binding changed", binding);
      had_data_set_tunnel (had->data, binding, &action->binding.old);
      return TRUE;
    case MIP4_HA_ACTION_BINDING_RENEW:
      return TRUE;
    case MIP4_HA_ACTION_BINDING_REMOVE:
      do_binding_remove (had, action);
      return TRUE;
    }
  return FALSE;
}

static void
arm_timer (Had *had)
{
  gint64 due = mip4_ha_next_deadline (had->ha);
  struct itimerspec when = { 0 };

  if (due == had->timer_us)
    return;
  had->timer_us = due;
  if (due != ROAM_NEVER)
    {
      due = MAX (due, 1);
      when.it_value.tv_sec = due / ROAM_USEC_PER_SEC;
      when.it_value.tv_nsec = due % ROAM_USEC_PER_SEC * 1000;
    }
  timerfd_settime (had->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
drain_actions (Had *had)
{
  gboolean changed = FALSE;

  for (;;)
    {
      g_auto (Mip4HaAction) action = { 0 };

      if (!mip4_ha_pop_action (had->ha, &action))
        break;
      changed |= do_action (had, &action);
    }
  commit_and_send (had);
  arm_timer (had);
  if (changed)
    had_status_changed (had);
}

guint
had_revoke (Had *had, const RoamAddr *home_address)
{
  const Mip4HaCommand command = { .type = MIP4_HA_REVOKE, .home_address = *home_address };
  const RoamNow now = had_now ();
  guint before = mip4_ha_n_bindings (had->ha);

  mip4_ha_input_command (had->ha, &now, &command);
  drain_actions (had);
  return before - mip4_ha_n_bindings (had->ha);
}

/* --------------------------------------------------------------------- input ---- */

static void
input_datagram (Had *had, const RoamNow *now, HadDatagram *d)
{
  RoamAddr home_address;

  if (d->length == 0 || d->data[0] != TUNNEL_DATA_TYPE)
    mip4_ha_input_datagram (had->ha, now, &d->source, &d->destination, d->data, d->length);
  else if (!had_data_input_udp (had->data, &d->source, d->tos, d->data, d->length, &home_address) &&
           mip4_ha_input_keepalive (had->ha, now, &d->source, &home_address))
    {
      /* Now the tunnel's end is known (RFC 3519 4.6): the keepalive is answered through it. */
      drain_actions (had);
      had_data_input_udp (had->data, &d->source, d->tos, d->data, d->length, &home_address);
    }
}

static gboolean
udp_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Had *had = user_data;
  HadDatagram datagrams[HAD_UDP_PASS];
  guint n = HAD_UDP_PASS;

  for (guint pass = 0; pass < PASSES && n > 0; pass++)
    {
      const RoamNow now = had_now ();

      n = had_udp_receive (had->udp, datagrams);
      for (guint i = 0; i < n; i++)
        input_datagram (had, &now, &datagrams[i]);
      if (n > 0)
        drain_actions (had);
    }
  return G_SOURCE_CONTINUE;
}

static gboolean
timer_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Had *had = user_data;
  const RoamNow now = had_now ();
  guint64 expirations;

  if (read (fd, &expirations, sizeof expirations) < 0)
    return G_SOURCE_CONTINUE;
  had->timer_us = ROAM_NEVER;
  mip4_ha_input_deadline (had->ha, &now);
  drain_actions (had);
  return G_SOURCE_CONTINUE;
}

/* ------------------------------------------------------------------- opening ---- */

/* The configuration's own copy of the engine's settings, with what only lives here. */
static Mip4Ha *
engine_new (Had *had, const HadConfig *config)
{
  Mip4HaConfig engine = config->engine;

  engine.rng = had->rng;
  return mip4_ha_new (&engine);
}

static RoamRng *
new_rng (void)
{
  guint8 seed[ROAM_RNG_SEED_LENGTH];
  RoamRng *rng;

  /* The kernel gives so few octets whole or, once it has started, not at all. */
  if (getrandom (seed, sizeof seed, 0) != (gssize)sizeof seed)
    g_error ("getrandom: %s", g_strerror (errno));
  rng = roam_rng_new (seed);
  roam_wipe (seed, sizeof seed);
  return rng;
}

static gboolean
open_edges (Had *had, int tun_fd, GError **error)
{
  had->udp = had_udp_new (had->config, error);
  if (had->udp == NULL)
    return FALSE;
  had->data = had_data_new (had->config, had_udp_fd (had->udp), tun_fd, error);
  if (had->data == NULL)
    return FALSE;
  had->link = had_link_new (had->config, had_data_tun_index (had->data), error);
  if (had->link == NULL)
    return FALSE;
  if (had->config->advertise)
    had->advertiser = had_advertiser_new (had->config, had_link_index (had->link), had->rng, error);
  if (had->config->advertise && had->advertiser == NULL)
    return FALSE;
  had->timer_fd = timerfd_create (CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (had->timer_fd < 0)
    {
      had_set_errno (error, errno, "timer", "The kernel offers no CLOCK_BOOTTIME timer");
      return FALSE;
    }
  if (had->config->control_path == NULL)
    return TRUE;
  had->control =
    roam_control_new (had->config->control_path, had->config->control_group, had_control_handle, had, error);
  return had->control != NULL;
}

/* Replay state by name of the node: the newest of its rows counts. */
typedef struct
{
  RoamAddr home_address;
  char *nai;
  Mip4HaReplay replay;
  gint64 written_us;
} KnownReplay;

typedef struct
{
  Had *had;
  RoamNow now;
  gint64 unix_us;
  GHashTable *replays;     /* name -> KnownReplay */
  GArray *unused_bindings; /* Mip4HaBinding: rows of no use any more */
} Restoring;

static void
known_replay_free (gpointer data)
{
  KnownReplay *known = data;

  g_free (known->nai);
  g_free (known);
}

static void
remember_replay (Restoring *restoring, const RoamAddr *home_address, const HadRecord *record)
{
  char text[ROAM_ADDR_STRLEN];
  const char *name = record->nai != NULL ? record->nai : roam_addr_to_string (home_address, text);
  KnownReplay *known = g_hash_table_lookup (restoring->replays, name);

  if (known == NULL)
    {
      known = g_new0 (KnownReplay, 1);
      known->nai = g_strdup (record->nai);
      g_hash_table_insert (restoring->replays, g_strdup (name), known);
    }
  else if (known->written_us > record->written_us)
    return;
  known->home_address = *home_address;
  known->replay = record->replay;
  known->written_us = record->written_us;
}

static void
restore_binding (const RoamAddr *home_address, const RoamAddr *care_of_address, const guint8 *octets, gsize length,
                 gpointer user_data)
{
  Restoring *restoring = user_data;
  HadRecord record = { 0 };
  gboolean readable = had_record_parse (octets, length, restoring->now.boot_us, restoring->unix_us, &record);

  record.binding.home_address = *home_address;
  record.binding.care_of_address = *care_of_address;
  if (readable)
    remember_replay (restoring, home_address, &record);
  if (readable && record.has_binding &&
      mip4_ha_restore_binding (restoring->had->ha, &restoring->now, record.nai, &record.binding))
    restoring->had->n_restored++;
  else
    g_array_append_val (restoring->unused_bindings, record.binding);
}

static void
restore_node (const char *name, const guint8 *octets, gsize length, gpointer user_data)
{
  Restoring *restoring = user_data;
  RoamAddr home_address = ROAM_ADDR_NONE;
  HadRecord record;

  if (!had_record_parse (octets, length, restoring->now.boot_us, restoring->unix_us, &record))
    return;
  if (record.nai == NULL && !roam_addr_parse (name, &home_address))
    return;
  remember_replay (restoring, &home_address, &record);
}

/* The engine knows again what the store tells; BINDING_ADD actions wait in it. */
static void
load_store (Had *had)
{
  g_autoptr (GHashTable) replays = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, known_replay_free);
  g_autoptr (GArray) unused = g_array_new (FALSE, FALSE, sizeof (Mip4HaBinding));
  Restoring restoring = { had, had_now (), g_get_real_time (), replays, unused };
  GHashTableIter iter;
  gpointer name, value;

  had->n_restored = 0;
  had_store_load (had->store, restore_binding, restore_node, &restoring);
  g_hash_table_iter_init (&iter, replays);
  while (g_hash_table_iter_next (&iter, &name, &value))
    {
      const KnownReplay *known = value;

      if (!mip4_ha_restore_replay (had->ha, &known->home_address, known->nai, &known->replay))
        had_store_remove_node (had->store, name);
    }
  for (guint i = 0; i < unused->len; i++)
    {
      const Mip4HaBinding *binding = &g_array_index (unused, Mip4HaBinding, i);

      had_store_remove_binding (had->store, &binding->home_address, &binding->care_of_address);
    }
}

static GHashTable *
bound_addresses (GArray *bindings)
{
  GHashTable *bound = g_hash_table_new ((GHashFunc)roam_addr_hash, (GEqualFunc)roam_addr_equal);

  for (guint i = 0; i < bindings->len; i++)
    g_hash_table_add (bound, &g_array_index (bindings, Mip4HaBinding, i).home_address);
  return bound;
}

/* Tunnels, then what leads packets there; then nobody else is intercepted (RFC 5944 4.2.3). */
static void
restore (Had *had)
{
  g_autoptr (GArray) bindings = NULL;
  g_autoptr (GHashTable) bound = NULL;

  if (had->store != NULL)
    load_store (had);
  had->restoring = TRUE;
  drain_actions (had);
  had->restoring = FALSE;
  bindings = mip4_ha_dup_bindings (had->ha);
  bound = bound_addresses (bindings);
  had_link_remove_stale (had->link, bound);
  if (had->n_restored > 0)
    g_message ("%u bindings restored", had->n_restored);
}

/* A home agent without its store is better than none. */
static void
open_store (Had *had)
{
  g_autoptr (GError) error = NULL;

  if (had->config->store_path == NULL)
    return;
  had->store = had_store_new (had->config->store_path, &error);
  if (had->store == NULL)
    g_warning ("%s. Bindings will not survive a restart", error->message);
}

Had *
had_new (HadConfig *config, const HadOptions *options, GError **error)
{
  g_autoptr (Had) had = g_new0 (Had, 1);

  had->config = config;
  had->timer_fd = -1;
  had->timer_us = ROAM_NEVER;
  had->started_us = had_boot_us ();
  had->config_path = g_strdup (options->config_path);
  had->credentials_dir = g_strdup (options->credentials_dir);
  had->status_path = g_strdup (options->status_path);
  had->rng = new_rng ();
  had->ha = engine_new (had, config);
  if (!open_edges (had, options->tun_fd, error))
    return NULL;
  open_store (had);
  restore (had);
  had->udp_source = g_unix_fd_add (had_udp_epoll_fd (had->udp), G_IO_IN, udp_readable, had);
  had->timer_source = g_unix_fd_add (had->timer_fd, G_IO_IN, timer_readable, had);
  if (config->trusted_networks->len == 0)
    g_warning ("trusted-networks is empty: every request is dropped; add the networks of the enterprise");
  had_link_report_settings (had->link);
  drain_actions (had);
  had_status_changed (had);
  return g_steal_pointer (&had);
}

/* What needs other sockets, devices or files. */
static gboolean
needs_restart (const HadConfig *a, const HadConfig *b)
{
  return !roam_addr_equal (&a->address, &b->address) || strcmp (a->interface, b->interface) != 0 ||
         !roam_prefix_equal (&a->home_network, &b->home_network) || strcmp (a->tun_name, b->tun_name) != 0 ||
         a->mtu != b->mtu || a->ecn != b->ecn || a->advertise != b->advertise ||
         a->advertisement_interval_s != b->advertisement_interval_s;
}

/* What the old engine knew, where there is no store to ask: nonces are lost, and cost a node one 133. */
static void
copy_bindings (Had *had, GArray *bindings)
{
  const RoamNow now = had_now ();

  for (guint i = 0; i < bindings->len; i++)
    {
      const Mip4HaBinding *binding = &g_array_index (bindings, Mip4HaBinding, i);
      const Mip4HaReplay replay = { .has_timestamp = TRUE, .timestamp = binding->identification };

      if (mip4_ha_restore_binding (had->ha, &now, NULL, binding))
        mip4_ha_restore_replay (had->ha, &binding->home_address, NULL, &replay);
    }
}

/* The new engine knows what the old one knew, as far as the nodes are still configured. */
static void
change_engine (Had *had, const HadConfig *config)
{
  g_autoptr (Mip4Ha) old = g_steal_pointer (&had->ha);
  g_autoptr (GArray) before = mip4_ha_dup_bindings (old), after = NULL;
  g_autoptr (GHashTable) bound = NULL;

  had->ha = engine_new (had, config);
  if (had->store != NULL)
    load_store (had);
  else
    copy_bindings (had, before);
  had->restoring = TRUE;
  drain_actions (had);
  had->restoring = FALSE;
  after = mip4_ha_dup_bindings (had->ha);
  bound = bound_addresses (after);
  for (guint i = 0; i < before->len; i++)
    {
      const Mip4HaBinding *binding = &g_array_index (before, Mip4HaBinding, i);

      if (g_hash_table_contains (bound, &binding->home_address))
        continue;
      log_binding (had, "Not configured any more", binding);
      had_data_remove_tunnel (had->data, binding);
      had_link_release (had->link, &binding->home_address, FALSE);
    }
}

void
had_reload (Had *had)
{
  g_autoptr (GPtrArray) errors = g_ptr_array_new_with_free_func (g_free);
  HadConfig *config = had_config_load (had->config_path, had->credentials_dir, errors);

  for (guint i = 0; i < errors->len; i++)
    g_warning ("%s", (const char *)g_ptr_array_index (errors, i));
  if (config == NULL)
    {
      g_warning ("The configuration stays as it was");
      return;
    }
  if (needs_restart (had->config, config))
    {
      g_warning ("Address, interface, home-network, tun-name, mtu, ecn and advertisements change with a restart only; "
                 "nothing was "
                 "changed");
      had_config_free (config);
      return;
    }
  change_engine (had, config);
  had_config_free (had->config);
  had->config = config;
  drain_actions (had);
  had_status_changed (had);
  g_message ("Configuration read again: %u nodes", config->nodes->len);
}

int
had_tun_fd (const Had *had)
{
  return had_data_tun_fd (had->data);
}

/* The TUN device goes with the process and its routes with it. */
static void
stop (Had *had)
{
  const Mip4HaCommand remove_all = { .type = MIP4_HA_REMOVE };
  const RoamNow now = had_now ();

  g_source_remove (had->timer_source);
  g_source_remove (had->udp_source);
  if (had->fold_source != 0)
    g_source_remove (had->fold_source);
  if (had->status_source != 0)
    g_source_remove (had->status_source);
  had->status_source = 0;
  had->status_due_us = 0;
  if (had->store == NULL)
    {
      mip4_ha_input_command (had->ha, &now, &remove_all);
      drain_actions (had);
    }
  had->status_due_us = 0;
  had_status_changed (had);
}

void
had_free (Had *had)
{
  if (had == NULL)
    return;
  if (had->timer_source != 0)
    stop (had);
  roam_control_free (had->control);
  had_advertiser_free (had->advertiser);
  had_link_free (had->link);
  had_data_free (had->data);
  had_udp_free (had->udp);
  had_store_free (had->store);
  if (had->timer_fd >= 0)
    close (had->timer_fd);
  mip4_ha_free (had->ha);
  roam_rng_free (had->rng);
  had_config_free (had->config);
  g_free (had->config_path);
  g_free (had->credentials_dir);
  g_free (had->status_path);
  g_free (had);
}
