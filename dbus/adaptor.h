/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/agent.h"

/*
 * The agent on the system bus: name org.roamd, object /org/roamd. Thin: it shows the agent's
 * snapshot, forwards verbs after authorisation, and survives a restart of the bus.
 */

typedef struct _DbusAdaptor DbusAdaptor;

#define DBUS_ADAPTOR_NAME "org.roamd"
#define DBUS_ADAPTOR_PATH "/org/roamd"
/* polkit's action for whoever is not root. */
#define DBUS_ADAPTOR_ACTION "org.roamd.control"
#define DBUS_ADAPTOR_ACTION_SECRET "org.roamd.secret"

/* Becomes the listener of @agent, which must outlive the adaptor. Connects in the background. */
DbusAdaptor *dbus_adaptor_new (Agent *agent);
/* Gives the name up; the agent has no listener afterwards. */
void dbus_adaptor_free (DbusAdaptor *adaptor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DbusAdaptor, dbus_adaptor_free)
