/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/agent.h"

#include <gio/gio.h>

/* The table of org.roamd.Agent1's properties. */

/* Floating; NULL: no such property. */
GVariant *dbus_properties_get (const AgentSnapshot *snapshot, const char *name);
/* a{sv} of what must be announced, floating; NULL: nothing. @old_snapshot NULL: everything. */
GVariant *dbus_properties_diff (const AgentSnapshot *old_snapshot, const AgentSnapshot *new_snapshot);
