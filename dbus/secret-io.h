/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/agent.h"

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

/* Longer than any password or shared secret that people type. */
#define DBUS_SECRET_MAX_LENGTH 1024

/*
 * What the pipe @fds[@index] holds. Never blocks: only a pipe is read, once. NULL: AGENT_ERROR_FAILED with
 * what a client did wrong.
 */
RoamSecret *dbus_secret_read (GUnixFDList *fds, int index, GError **error);
