/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/variant.h"

#include <string.h>

static void
add_text (GVariantBuilder *builder, const char *key, const char *text)
{
  /* The bus refuses what is no UTF-8; interface names may hold anything. */
  g_autofree char *valid = g_utf8_make_valid (text == NULL ? "" : text, -1);

  g_variant_builder_add (builder, "{sv}", key, g_variant_new_string (valid));
}

static void
add_int64 (GVariantBuilder *builder, const char *key, gint64 value)
{
  g_variant_builder_add (builder, "{sv}", key, g_variant_new_int64 (value));
}

GVariant *
dbus_variant_from_handover (const AgentHandover *handover)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "number", g_variant_new_uint64 (handover->number));
  add_int64 (&builder, "time-us", handover->wall_us);
  add_text (&builder, "from-mode", handover->from_mode);
  add_text (&builder, "to-mode", handover->to_mode);
  add_text (&builder, "from-interface", handover->from_interface);
  add_text (&builder, "to-interface", handover->to_interface);
  add_text (&builder, "from-address", handover->from_address);
  add_text (&builder, "to-address", handover->to_address);
  add_int64 (&builder, "event-to-mobike-us", handover->event_to_mobike_us);
  add_int64 (&builder, "event-to-rrq-us", handover->event_to_rrq_us);
  add_int64 (&builder, "gap-us", handover->gap_us);
  add_text (&builder, "reason", handover->reason);
  return g_variant_builder_end (&builder);
}

GVariant *
dbus_variant_from_history (GPtrArray *history)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < history->len; i++)
    g_variant_builder_add_value (&builder, dbus_variant_from_handover (history->pdata[i]));
  return g_variant_builder_end (&builder);
}

static GVariant *
from_link (const AgentLinkStatus *link)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_text (&builder, "name", link->name);
  g_variant_builder_add (&builder, "{sv}", "ifindex", g_variant_new_int32 (link->ifindex));
  add_text (&builder, "kind", link->kind);
  add_text (&builder, "state", link->state);
  add_text (&builder, "address", link->address);
  g_variant_builder_add (&builder, "{sv}", "active", g_variant_new_boolean (link->active));
  g_variant_builder_add (&builder, "{sv}", "trusted", g_variant_new_boolean (link->trusted));
  add_int64 (&builder, "proof-age-ms", link->proof_age_ms);
  add_text (&builder, "reason", link->reason);
  return g_variant_builder_end (&builder);
}

GVariant *
dbus_variant_from_links (GPtrArray *links)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < links->len; i++)
    g_variant_builder_add_value (&builder, from_link (links->pdata[i]));
  return g_variant_builder_end (&builder);
}

GVariant *
dbus_variant_from_counters (GHashTable *counters)
{
  GVariantBuilder builder;
  g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (counters), (GCompareFunc)strcmp);

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{st}"));
  for (const GList *l = names; l != NULL; l = l->next)
    g_variant_builder_add (&builder, "{st}", l->data, *(const guint64 *)g_hash_table_lookup (counters, l->data));
  return g_variant_builder_end (&builder);
}

GVariant *
dbus_variant_from_secret (const AgentSecretRequest *request)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "handle", g_variant_new_uint32 (request->handle));
  add_text (&builder, "kind", request->kind);
  add_text (&builder, "identity", request->identity);
  add_text (&builder, "gateway", request->gateway);
  add_text (&builder, "refusal", request->refusal);
  return g_variant_builder_end (&builder);
}

GVariant *
dbus_variant_from_secrets (GPtrArray *requests)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < requests->len; i++)
    g_variant_builder_add_value (&builder, dbus_variant_from_secret (requests->pdata[i]));
  return g_variant_builder_end (&builder);
}

static void
add_boolean (GVariantBuilder *builder, const char *key, gboolean value)
{
  g_variant_builder_add (builder, "{sv}", key, g_variant_new_boolean (value));
}

static GVariant *
from_children (GArray *children)
{
  GVariantBuilder rows;

  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < children->len; i++)
    {
      const AgentChildSa *child = &g_array_index (children, AgentChildSa, i);

      g_variant_builder_open (&rows, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&rows, "{sv}", "spi-in", g_variant_new_uint32 (child->spi_in));
      g_variant_builder_add (&rows, "{sv}", "spi-out", g_variant_new_uint32 (child->spi_out));
      add_boolean (&rows, "in-use", child->in_use);
      add_int64 (&rows, "age-ms", child->age_ms);
      g_variant_builder_close (&rows);
    }
  return g_variant_builder_end (&rows);
}

static GVariant *
from_pairs (GPtrArray *pairs)
{
  GVariantBuilder rows;

  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < pairs->len; i++)
    {
      const AgentPair *pair = pairs->pdata[i];

      g_variant_builder_open (&rows, G_VARIANT_TYPE_VARDICT);
      add_text (&rows, "interface", pair->interface);
      add_text (&rows, "local", pair->local);
      add_text (&rows, "remote", pair->remote);
      add_text (&rows, "state", pair->state);
      add_boolean (&rows, "in-use", pair->in_use);
      add_int64 (&rows, "rtt-us", pair->rtt_us);
      add_int64 (&rows, "tried-ms", pair->tried_ms);
      g_variant_builder_close (&rows);
    }
  return g_variant_builder_end (&rows);
}

/* As text: JSON's numbers do not hold 64 bit. */
static void
add_spi (GVariantBuilder *builder, const char *key, guint64 spi)
{
  g_autofree char *text = g_strdup_printf ("%016" G_GINT64_MODIFIER "x", spi);

  add_text (builder, key, text);
}

GVariant *
dbus_variant_from_sa (const AgentSa *sa)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_text (&builder, "state", sa->state);
  add_text (&builder, "dialect", sa->dialect);
  add_text (&builder, "ike-suite", sa->ike_suite);
  add_text (&builder, "esp-suite", sa->esp_suite);
  add_text (&builder, "interface", sa->interface);
  add_text (&builder, "local", sa->local);
  add_text (&builder, "remote", sa->remote);
  add_text (&builder, "tia", sa->tia);
  add_spi (&builder, "spi-initiator", sa->spi_i);
  add_spi (&builder, "spi-responder", sa->spi_r);
  add_boolean (&builder, "nat-local", sa->nat_local);
  add_boolean (&builder, "nat-remote", sa->nat_remote);
  add_int64 (&builder, "age-ms", sa->age_ms);
  add_int64 (&builder, "rekey-in-ms", sa->rekey_in_ms);
  add_int64 (&builder, "rtt-us", sa->rtt_us);
  g_variant_builder_add (&builder, "{sv}", "children", from_children (sa->children));
  g_variant_builder_add (&builder, "{sv}", "pairs", from_pairs (sa->pairs));
  return g_variant_builder_end (&builder);
}
