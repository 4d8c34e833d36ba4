/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike.h"

#include <glib.h>
#include <json-glib/json-glib.h>

/* roam-gw: a VPN gateway of IkeResponder and a user-space data path, for the lab. */

typedef struct
{
  IkeResponderConfig engine; /* borrows from what follows */
  char *id, *ike_proposals, *esp_proposals, *redirect_name;
  GArray *peers; /* IkeResponderPeer; id and psk are owned */
  GBytes *certificate_pem, *ca_pem;
  RoamSecret *private_key_pem;
  GArray *networks, *refused; /* RoamPrefix */
  RoamAddr redirect;
  char *tun_name;
  guint mtu;
  char *control_path, *control_group; /* may be NULL */
} GwConfig;

/* NULL: lines "PATH: [GROUP] KEY: WHAT" were added to @errors, one for each fault. */
GwConfig *gw_config_load (const char *path, const char *credentials_dir, GPtrArray *errors);
void gw_config_free (GwConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GwConfig, gw_config_free)

typedef struct _Gw Gw;

/* Takes @config, also on failure. Answers as soon as the default main context runs. */
Gw *gw_new (GwConfig *config, GError **error);
void gw_free (Gw *gw);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Gw, gw_free)
/* Deletes the IKE SAs of all clients; @done is called once when they have answered, or have had the time to. */
void gw_stop (Gw *gw, GSourceFunc done, gpointer user_data);

/* --- gw-status-io.c --- */

/* A RoamControlHandler of a Gw. */
gboolean gw_control_handle (const char *command, JsonObject *request, JsonObject *answer, gpointer user_data,
                            GError **error);
/* What the running gateway at the control socket @path answers to "status", printed as JSON; an exit status. */
int gw_client_print_status (const char *path);
