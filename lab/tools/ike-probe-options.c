/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of ike-probe, and the session that it describes. */
#include "lab/tools/ike-probe.h"

#include <stdlib.h>
#include <string.h>

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

gboolean
probe_parse_options (ProbeOptions *o, int *argc, char ***argv)
{
  const GOptionEntry entries[] = {
    { "gateway", 0, 0, G_OPTION_ARG_STRING, &o->gateway, "address of the gateway", "ADDR" },
    { "local", 0, 0, G_OPTION_ARG_STRING, &o->local, "first local address", "ADDR[%IF]" },
    { "psk", 0, 0, G_OPTION_ARG_STRING, &o->psk, "pre-shared key", "TEXT" },
    { "cert", 0, 0, G_OPTION_ARG_FILENAME, &o->cert, "certificate chain, PEM", "FILE" },
    { "key", 0, 0, G_OPTION_ARG_FILENAME, &o->key, "private key, PEM", "FILE" },
    { "private-key", 0, 0, G_OPTION_ARG_STRING, &o->private_key, "private key in a token, instead of --key", "URI" },
    { "pin", 0, 0, G_OPTION_ARG_STRING, &o->pin, "its PIN", "TEXT" },
    { "ca", 0, 0, G_OPTION_ARG_FILENAME, &o->ca, "trust anchors, PEM", "FILE" },
    { "local-id", 0, 0, G_OPTION_ARG_STRING, &o->local_id, "identity", "ID" },
    { "remote-id", 0, 0, G_OPTION_ARG_STRING, &o->remote_id, "identity of the gateway", "ID" },
    { "ike", 0, 0, G_OPTION_ARG_STRING, &o->ike, "IKE proposals", "LIST" },
    { "esp", 0, 0, G_OPTION_ARG_STRING, &o->esp, "ESP proposals", "LIST" },
    { "crl", 0, 0, G_OPTION_ARG_FILENAME, &o->crl, "revocation lists", "FILE" },
    { "eap", 0, 0, G_OPTION_ARG_STRING, &o->eap, "EAP method: mschapv2 or tls", "WORD" },
    { "eap-identity", 0, 0, G_OPTION_ARG_STRING, &o->eap_identity, "identity for EAP", "ID" },
    { "eap-password", 0, 0, G_OPTION_ARG_STRING, &o->eap_password, "password for EAP", "TEXT" },
    { "eap-new-password", 0, 0, G_OPTION_ARG_STRING, &o->eap_new_password, "when that one is wrong or too old",
      "TEXT" },
    { "eap-plain-success", 0, 0, G_OPTION_ARG_NONE, &o->plain_success, "EAP-TLS 1.3 without its indication", NULL },
    { "eap-server", 0, 0, G_OPTION_ARG_STRING, &o->eap_server, "name of the EAP-TLS server", "NAME" },
    { "then-eap", 0, 0, G_OPTION_ARG_NONE, &o->then_eap, "EAP after another authentication", NULL },
    { "eap-plain-success", 0, 0, G_OPTION_ARG_NONE, &o->plain_success, "EAP Success counts without more, TLS 1.3",
      NULL },
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

/* What files and options hold; one place, so that it lives as long as the IkeConfig that points to it. */
typedef struct
{
  RoamSecret *psk, *password, *new_password, *ppk, *key;
  GBytes *crl, *cert, *ca;
  RoamAddr gateways[IKE_MAX_GATEWAYS];
} Material;

static void
read_material (const ProbeOptions *o, Material *material)
{
  *material = (Material){ .psk = secret_of_text (o->psk),
                          .password = secret_of_text (o->eap_password),
                          .new_password = secret_of_text (o->eap_new_password),
                          .ppk = secret_of_text (o->ppk),
                          .key = secret_of_file (o->key),
                          .crl = read_file (o->crl),
                          .cert = read_file (o->cert),
                          .ca = read_file (o->ca) };
}

static void
clear_material (Material *material)
{
  g_clear_pointer (&material->psk, roam_secret_unref);
  g_clear_pointer (&material->password, roam_secret_unref);
  g_clear_pointer (&material->new_password, roam_secret_unref);
  g_clear_pointer (&material->ppk, roam_secret_unref);
  g_clear_pointer (&material->key, roam_secret_unref);
  g_clear_pointer (&material->crl, g_bytes_unref);
  g_clear_pointer (&material->cert, g_bytes_unref);
  g_clear_pointer (&material->ca, g_bytes_unref);
}

static IkeConfig
make_config (const ProbeOptions *o, const Material *m)
{
  return (IkeConfig){ .method = o->eap && !o->then_eap ? IKE_AUTH_METHOD_EAP
                                : m->cert              ? IKE_AUTH_METHOD_CERTIFICATE
                                                       : IKE_AUTH_METHOD_PSK,
                      .eap_method = g_strcmp0 (o->eap, "tls") == 0 ? IKE_EAP_METHOD_TLS : IKE_EAP_METHOD_MSCHAPV2,
                      .eap_identity = o->eap_identity,
                      .eap_password = m->password,
                      .eap_new_password = m->new_password,
                      .eap_plain_success = o->plain_success,
                      .eap_server_name = o->eap_server,
                      .eap_only = o->eap_only,
                      .then_eap = o->then_eap,
                      .crl = m->crl,
                      .ppk = m->ppk,
                      .ppk_id = o->ppk_id,
                      .require_ppk = o->require_ppk,
                      .local_id = o->local_id,
                      .remote_id = o->remote_id,
                      .psk = m->psk,
                      .certificate_pem = m->cert,
                      .private_key_pem = m->key,
                      .external_key = o->private_key != NULL,
                      .ca_pem = m->ca,
                      .ike_proposals = o->ike,
                      .esp_proposals = o->esp,
                      .request_tia4 = TRUE,
                      .request_tia6 = o->tia6,
                      .request_dns = TRUE,
                      .gateways = m->gateways,
                      .accept_redirect = o->redirect,
                      .check_ocsp = o->ocsp,
                      .require_revocation = o->require_revocation,
                      .childless = o->childless,
                      .force_udp_encap = !o->no_encap,
                      .dpd_interval_us = o->dpd_ms * ROAM_USEC_PER_MSEC };
}

static gboolean
parse_gateways (const ProbeOptions *o, Material *material, IkeConfig *config)
{
  if (!o->gateway || !roam_addr_parse (o->gateway, &config->gateway))
    return FALSE;
  for (; o->gateways && o->gateways[config->n_gateways]; config->n_gateways++)
    if (config->n_gateways == IKE_MAX_GATEWAYS ||
        !roam_addr_parse (o->gateways[config->n_gateways], &material->gateways[config->n_gateways]))
      return FALSE;
  return TRUE;
}

IkeSession *
probe_make_session (const ProbeOptions *o, RoamRng *rng)
{
  g_autofree char *problem = NULL;
  IkeSession *session = NULL;
  Material material;
  IkeConfig config;

  read_material (o, &material);
  config = make_config (o, &material);
  if (parse_gateways (o, &material, &config))
    session = ike_session_new (&config, rng, &problem);
  else
    problem = g_strdup ("--gateway ADDR is needed, and addresses only");
  if (!session)
    g_printerr ("ike-probe: %s\n", problem);
  clear_material (&material);
  return session;
}
