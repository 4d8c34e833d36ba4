/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ike-probe: drives one IkeSession over real sockets against a real gateway and prints what happens,
 * one JSON object a line. It has no data plane but a ping.
 *
 *   ike-probe --gateway A --local A[%IF] [--psk SECRET | --cert F --key F --ca F] [--at MS:STEP]... [--do ITEM]...
 *
 * STEP is check, move=A[%IF], move-late=A[%IF] (Child SAs follow after the answer), rekey-ike, rekey-child,
 * reauthenticate, paths=A[%IF],..., gateways=A,..., terminate, abandon, echo=A (a ping through the Child SA) or status.
 * ITEM is a STEP, pause=MS or wait=WORD, WORD being an event or child-add, child-use, child-remove, child-move,
 * ike-rekeyed, echo; items are done one after the other, then ike-probe ends. Exit status 0 when an ESTABLISHED event
 * was seen, with --expect WORD an event of that name, and with --do all items were done.
 */
#include "lab/tools/ike-probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

RoamNow
probe_now (void)
{
  struct timespec boot, wall;

  clock_gettime (CLOCK_BOOTTIME, &boot);
  clock_gettime (CLOCK_REALTIME, &wall);
  return roam_now_make ((gint64)boot.tv_sec * ROAM_USEC_PER_SEC + boot.tv_nsec / 1000,
                        (gint64)wall.tv_sec * ROAM_USEC_PER_SEC + wall.tv_nsec / 1000);
}

gint64
probe_elapsed_us (const Probe *probe)
{
  return probe_now ().boot_us - probe->start_us;
}

static void
perform (Probe *probe, const IkeAction *action)
{
  probe_esp_perform (probe->esp, action);
  switch (action->type)
    {
    case IKE_ACTION_SEND:
      {
        gsize length;
        gconstpointer data = g_bytes_get_data (action->send.datagram, &length);

        probe_send (probe, action->send.ifindex, &action->send.local, &action->send.remote, data, length);
        return;
      }
    case IKE_ACTION_EVENT:
      probe_print_event (probe, &action->event);
      return;
    case IKE_ACTION_CHILD_ADD:
      probe_print_child (probe, action);
      if (probe->touch_new_children && !action->child_add.use_outbound)
        {
          RoamNow t = probe_now ();
          ike_session_input_traffic (probe->session, &t, action->child_add.child->id);
        }
      return;
    case IKE_ACTION_CHILD_USE:
    case IKE_ACTION_CHILD_REMOVE:
    case IKE_ACTION_CHILD_MOVE:
      probe_print_child (probe, action);
      return;
    case IKE_ACTION_FETCH:
      probe_fetch (probe, action);
      return;
    case IKE_ACTION_SIGN:
    case IKE_ACTION_TICKET:
      return;
    }
}

/* No action says that the IKE SA was replaced, only the status does. */
static void
notice_rekeying (Probe *probe)
{
  IkeStatus status;

  ike_session_get_status (probe->session, &status);
  if (probe->spi_i != 0 && status.spi_i != 0 && status.spi_i != probe->spi_i && probe->established)
    {
      g_print ("{\"us\":%" G_GINT64_FORMAT ",\"ike_rekeyed\":\"%016" G_GINT64_MODIFIER "x\"}\n",
               probe_elapsed_us (probe), status.spi_i);
      probe_notice (probe, "ike-rekeyed");
    }
  probe->spi_i = status.spi_i;
}

void
probe_drain (Probe *probe)
{
  for (;;)
    {
      g_auto (IkeAction) action = { 0 };

      if (!ike_session_pop_action (probe->session, &action))
        break;
      perform (probe, &action);
    }
  notice_rekeying (probe);
}

static void
run_due (Probe *probe)
{
  RoamNow t = probe_now ();

  probe_run_steps (probe);
  probe_esp_run (probe);
  if (ike_session_next_deadline (probe->session) <= t.boot_us)
    ike_session_input_deadline (probe->session, &t);
  probe_drain (probe);
}

static gboolean
goes_on (const Probe *probe)
{
  return !probe->over && probe_now ().boot_us < probe->end_us && !(probe->script && probe_script_done (probe));
}

static void
loop (Probe *probe)
{
  while (goes_on (probe))
    {
      gint64 due = MIN (probe_next_step_us (probe), ike_session_next_deadline (probe->session));
      gint64 wait = (due - probe_now ().boot_us + 999) / 1000;

      poll (probe->sockets, N_SOCKETS, (int)CLAMP (wait, 0, 60000));
      for (guint i = 0; i < N_SOCKETS; i++)
        if (probe->sockets[i].revents & POLLIN)
          probe_receive (probe, i);
      run_due (probe);
    }
}

static GBytes *
read_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  char *contents;
  gsize length;

  if (!path)
    return NULL;
  if (!g_file_get_contents (path, &contents, &length, &error))
    {
      g_printerr ("ike-probe: %s\n", error->message);
      exit (2);
    }
  return g_bytes_new_take (contents, length);
}

static RoamSecret *
secret_of_file (const char *path)
{
  g_autoptr (GBytes) bytes = read_file (path);
  gsize length;
  const guint8 *data = bytes ? g_bytes_get_data (bytes, &length) : NULL;

  return data ? roam_secret_new (data, length) : NULL;
}

/* What the command line says. */
typedef struct
{
  char *gateway, *local, *psk, *cert, *key, *ca, *local_id, *remote_id, *ike, *esp, *expect;
  char *eap, *eap_identity, *eap_password, *eap_server, *crl, *ppk, *ppk_id;
  char **at, **script, **gateways;
  gboolean no_encap, traffic, tia6, eap_only, require_ppk, redirect, ocsp, require_revocation, childless;
  int duration_ms, dpd_ms;
} Options;

static gboolean
parse_options (Options *o, int *argc, char ***argv)
{
  const GOptionEntry entries[] = {
    { "gateway", 0, 0, G_OPTION_ARG_STRING, &o->gateway, "address of the gateway", "ADDR" },
    { "local", 0, 0, G_OPTION_ARG_STRING, &o->local, "first local address", "ADDR[%IF]" },
    { "psk", 0, 0, G_OPTION_ARG_STRING, &o->psk, "pre-shared key", "TEXT" },
    { "cert", 0, 0, G_OPTION_ARG_FILENAME, &o->cert, "certificate chain, PEM", "FILE" },
    { "key", 0, 0, G_OPTION_ARG_FILENAME, &o->key, "private key, PEM", "FILE" },
    { "ca", 0, 0, G_OPTION_ARG_FILENAME, &o->ca, "trust anchors, PEM", "FILE" },
    { "local-id", 0, 0, G_OPTION_ARG_STRING, &o->local_id, "identity", "ID" },
    { "remote-id", 0, 0, G_OPTION_ARG_STRING, &o->remote_id, "identity of the gateway", "ID" },
    { "ike", 0, 0, G_OPTION_ARG_STRING, &o->ike, "IKE proposals", "LIST" },
    { "esp", 0, 0, G_OPTION_ARG_STRING, &o->esp, "ESP proposals", "LIST" },
    { "crl", 0, 0, G_OPTION_ARG_FILENAME, &o->crl, "revocation lists", "FILE" },
    { "eap", 0, 0, G_OPTION_ARG_STRING, &o->eap, "EAP method: mschapv2 or tls", "WORD" },
    { "eap-identity", 0, 0, G_OPTION_ARG_STRING, &o->eap_identity, "identity for EAP", "ID" },
    { "eap-password", 0, 0, G_OPTION_ARG_STRING, &o->eap_password, "password for EAP", "TEXT" },
    { "eap-server", 0, 0, G_OPTION_ARG_STRING, &o->eap_server, "name of the EAP-TLS server", "NAME" },
    { "eap-only", 0, 0, G_OPTION_ARG_NONE, &o->eap_only, "the gateway needs no certificate of its own", NULL },
    { "ppk", 0, 0, G_OPTION_ARG_STRING, &o->ppk, "post-quantum preshared key", "TEXT" },
    { "ppk-id", 0, 0, G_OPTION_ARG_STRING, &o->ppk_id, "its name", "ID" },
    { "require-ppk", 0, 0, G_OPTION_ARG_NONE, &o->require_ppk, "not without it", NULL },
    { "other-gateway", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->gateways, "another address of the gateway", "ADDR" },
    { "accept-redirect", 0, 0, G_OPTION_ARG_NONE, &o->redirect, "go where the gateway sends us", NULL },
    { "ocsp", 0, 0, G_OPTION_ARG_NONE, &o->ocsp, "ask whether the gateway's certificate is revoked", NULL },
    { "require-revocation", 0, 0, G_OPTION_ARG_NONE, &o->require_revocation, "no gateway of unknown status", NULL },
    { "childless", 0, 0, G_OPTION_ARG_NONE, &o->childless, "IKE SA first, then the Child SA", NULL },
    { "no-force-encap", 0, 0, G_OPTION_ARG_NONE, &o->no_encap, "do not fake a NAT", NULL },
    { "traffic", 0, 0, G_OPTION_ARG_NONE, &o->traffic, "act as if ESP arrived on each new Child SA", NULL },
    { "tia6", 0, 0, G_OPTION_ARG_NONE, &o->tia6, "ask for an IPv6 inner address too", NULL },
    { "dpd", 0, 0, G_OPTION_ARG_INT, &o->dpd_ms, "liveness interval", "MS" },
    { "at", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->at, "do COMMAND at MS", "MS:COMMAND" },
    { "do", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->script, "do ITEM when the one before is done", "ITEM" },
    { "duration", 0, 0, G_OPTION_ARG_INT, &o->duration_ms, "end after that", "MS" },
    { "expect", 0, 0, G_OPTION_ARG_STRING, &o->expect, "event that decides the exit status", "EVENT" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (g_option_context_parse (context, argc, argv, &error))
    return TRUE;
  g_printerr ("ike-probe: %s\n", error->message);
  return FALSE;
}

static RoamSecret *
secret_of_text (const char *text)
{
  return text ? roam_secret_new ((const guint8 *)text, strlen (text)) : NULL;
}

static RoamRng *
make_rng (void)
{
  guint8 seed[ROAM_RNG_SEED_LENGTH];

  if (getrandom (seed, sizeof seed, 0) != sizeof seed)
    g_error ("getrandom: %s", g_strerror (errno));
  return roam_rng_new (seed);
}

/* NULL after a message. */
static IkeSession *
make_session (const Options *o)
{
  g_autoptr (RoamSecret) psk = secret_of_text (o->psk), password = secret_of_text (o->eap_password);
  g_autoptr (RoamSecret) ppk = secret_of_text (o->ppk);
  g_autoptr (GBytes) crl = read_file (o->crl);
  g_autoptr (RoamSecret) key = secret_of_file (o->key);
  g_autoptr (GBytes) cert = read_file (o->cert);
  g_autoptr (GBytes) ca = read_file (o->ca);
  g_autoptr (RoamRng) rng = NULL;
  g_autofree char *problem = NULL;
  RoamAddr others[IKE_MAX_GATEWAYS];
  IkeSession *session;
  IkeConfig config = { .method = o->eap ? IKE_AUTH_METHOD_EAP
                                 : cert ? IKE_AUTH_METHOD_CERTIFICATE
                                        : IKE_AUTH_METHOD_PSK,
                       .eap_method = g_strcmp0 (o->eap, "tls") == 0 ? IKE_EAP_METHOD_TLS : IKE_EAP_METHOD_MSCHAPV2,
                       .eap_identity = o->eap_identity,
                       .eap_password = password,
                       .eap_server_name = o->eap_server,
                       .eap_only = o->eap_only,
                       .crl = crl,
                       .ppk = ppk,
                       .ppk_id = o->ppk_id,
                       .require_ppk = o->require_ppk,
                       .local_id = o->local_id,
                       .remote_id = o->remote_id,
                       .psk = psk,
                       .certificate_pem = cert,
                       .private_key_pem = key,
                       .ca_pem = ca,
                       .ike_proposals = o->ike,
                       .esp_proposals = o->esp,
                       .request_tia4 = TRUE,
                       .request_tia6 = o->tia6,
                       .request_dns = TRUE,
                       .gateways = others,
                       .n_gateways = o->gateways ? g_strv_length (o->gateways) : 0,
                       .accept_redirect = o->redirect,
                       .check_ocsp = o->ocsp,
                       .require_revocation = o->require_revocation,
                       .childless = o->childless,
                       .force_udp_encap = !o->no_encap,
                       .dpd_interval_us = o->dpd_ms * ROAM_USEC_PER_MSEC };

  if (!o->gateway || !roam_addr_parse (o->gateway, &config.gateway))
    {
      g_printerr ("ike-probe: --gateway ADDR is needed\n");
      return NULL;
    }
  for (guint i = 0; i < config.n_gateways; i++)
    if (i >= IKE_MAX_GATEWAYS || !roam_addr_parse (o->gateways[i], &others[i]))
      {
        g_printerr ("ike-probe: '%s' is no address, or one too many\n", o->gateways[i]);
        return NULL;
      }
  rng = make_rng ();
  session = ike_session_new (&config, rng, &problem);
  if (!session)
    g_printerr ("ike-probe: %s\n", problem);
  return session;
}

static gboolean
run (Probe *probe, const Options *options)
{
  IkeCommand start = { .type = IKE_START, .path = probe->first };

  probe->expect = options->expect;
  probe->touch_new_children = options->traffic;
  probe->start_us = probe_now ().boot_us;
  probe->end_us = probe->start_us + options->duration_ms * ROAM_USEC_PER_MSEC;
  probe->script = options->script;
  probe_add_steps (probe, options->at);
  probe_command (probe, &start);
  loop (probe);
  probe_print_status (probe);
  if (!probe_script_done (probe))
    g_print ("{\"us\":%" G_GINT64_FORMAT ",\"undone\":\"%s\"}\n", probe_elapsed_us (probe),
             probe->script[probe->script_next]);
  return (probe->expect ? probe->expected_seen : probe->established) && probe_script_done (probe);
}

int
main (int argc, char **argv)
{
  Options options = { .duration_ms = 5000 };
  Probe probe = { 0 };
  gboolean good;

  if (!parse_options (&options, &argc, &argv) || !options.local || !probe_parse_path (options.local, &probe.first))
    {
      g_printerr ("ike-probe: --local ADDR[%%IF] is needed\n");
      return 2;
    }
  probe.esp = probe_esp_new (make_rng ());
  probe.session = make_session (&options);
  if (!probe.session || !probe_open_sockets (&probe))
    return 1;
  good = run (&probe, &options);
  ike_session_free (probe.session);
  probe_esp_free (probe.esp);
  g_ptr_array_unref (probe.steps);
  probe_close_sockets (&probe);
  return good ? 0 : 1;
}
