/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>

/*
 * Control socket of roam-had and roam-fad: a Unix stream socket. One request, one answer, each a JSON
 * object in one line, then the server hangs up:
 *   {"command": "status"}  ->  {"address": "10.1.0.2", ...}   or   {"error": "sentence"}
 * Who may connect is the socket's file mode.
 */

#define MIP4_CONTROL_ERROR (mip4_control_error_quark ())
GQuark mip4_control_error_quark (void);

typedef enum
{
  MIP4_CONTROL_ERROR_NOT_RUNNING, /* nobody listens there */
  MIP4_CONTROL_ERROR_DENIED,      /* the socket's file mode forbids it */
  MIP4_CONTROL_ERROR_BUSY,        /* server: another one listens there */
  MIP4_CONTROL_ERROR_REQUEST,     /* the server refused the request; the message is its sentence */
  MIP4_CONTROL_ERROR_FAILED,      /* the connection broke, or what came was no JSON object */
} Mip4ControlError;

typedef struct _Mip4Control Mip4Control;

/*
 * Answers @command (never NULL), whose other members are in @request: adds members to @answer, which is
 * empty. FALSE and @error: the error's message goes out instead.
 */
typedef gboolean (*Mip4ControlHandler) (const char *command, JsonObject *request, JsonObject *answer,
                                        gpointer user_data, GError **error);

/*
 * Listens at @path, mode 0600, or with @group (may be NULL) mode 0660 and that group. A socket file that
 * nobody listens on any more is replaced. @handler is called from the default main context.
 */
Mip4Control *mip4_control_new (const char *path, const char *group, Mip4ControlHandler handler, gpointer user_data,
                               GError **error);
/* Hangs up on all clients and removes the socket file. */
void mip4_control_free (Mip4Control *control);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Mip4Control, mip4_control_free)

/* Client: sends @request to the server at @path and waits for the answer (caller unrefs); NULL and @error. */
JsonObject *mip4_control_call (const char *path, JsonObject *request, GError **error);
