/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>

/*
 * Control socket of the server programs (roam-had, roam-fad, roam-gw, roam-leasequeryd): a Unix stream socket. One
 * request, one answer, each a JSON object in one line, then the server hangs up:
 *   {"command": "status"}  ->  {"address": "10.1.0.2", ...}   or   {"error": "sentence"}
 * Who may connect is the socket's file mode.
 */

#define ROAM_CONTROL_ERROR (roam_control_error_quark ())
GQuark roam_control_error_quark (void);

typedef enum
{
  ROAM_CONTROL_ERROR_NOT_RUNNING, /* nobody listens there */
  ROAM_CONTROL_ERROR_DENIED,      /* the socket's file mode forbids it */
  ROAM_CONTROL_ERROR_BUSY,        /* server: another one listens there */
  ROAM_CONTROL_ERROR_REQUEST,     /* the server refused the request; the message is its sentence */
  ROAM_CONTROL_ERROR_FAILED,      /* the connection broke, or what came was no JSON object */
} RoamControlError;

typedef struct _RoamControl RoamControl;

/*
 * Answers @command (never NULL), whose other members are in @request: adds members to @answer, which is
 * empty. FALSE and @error: the error's message goes out instead.
 */
typedef gboolean (*RoamControlHandler) (const char *command, JsonObject *request, JsonObject *answer,
                                        gpointer user_data, GError **error);

/*
 * Listens at @path, mode 0600, or with @group (may be NULL) mode 0660 and that group. A socket file that
 * nobody listens on any more is replaced. @handler is called from the default main context.
 */
RoamControl *roam_control_new (const char *path, const char *group, RoamControlHandler handler, gpointer user_data,
                               GError **error);
/* Hangs up on all clients and removes the socket file. */
void roam_control_free (RoamControl *control);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RoamControl, roam_control_free)

/* Client: sends @request to the server at @path and waits for the answer (caller unrefs); NULL and @error. */
JsonObject *roam_control_call (const char *path, JsonObject *request, GError **error);
