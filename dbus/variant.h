/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/agent.h"

#include <gio/gio.h>

/* The agent's values as the bus sees them; all return floating references. */
GVariant *dbus_variant_from_handover (const AgentHandover *handover);   /* a{sv} */
GVariant *dbus_variant_from_history (GPtrArray *history);               /* aa{sv} */
GVariant *dbus_variant_from_links (GPtrArray *links);                   /* aa{sv} */
GVariant *dbus_variant_from_secret (const AgentSecretRequest *request); /* a{sv} */
GVariant *dbus_variant_from_secrets (GPtrArray *requests);              /* aa{sv} */
GVariant *dbus_variant_from_sa (const AgentSa *sa);                     /* a{sv} */
GVariant *dbus_variant_from_counters (GHashTable *counters);            /* a{st}, ordered by name */
