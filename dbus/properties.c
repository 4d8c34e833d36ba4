/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/properties.h"
#include "dbus/variant.h"

/* The field at @offset of @snapshot; floating. */
typedef GVariant *(*Reader) (const AgentSnapshot *snapshot, gsize offset);

static GVariant *
read_text (const AgentSnapshot *snapshot, gsize offset)
{
  const char *text = G_STRUCT_MEMBER (char *, snapshot, offset);
  g_autofree char *valid = g_utf8_make_valid (text == NULL ? "" : text, -1);

  return g_variant_new_string (valid);
}

static GVariant *
read_boolean (const AgentSnapshot *snapshot, gsize offset)
{
  return g_variant_new_boolean (G_STRUCT_MEMBER (gboolean, snapshot, offset));
}

static GVariant *
read_int64 (const AgentSnapshot *snapshot, gsize offset)
{
  return g_variant_new_int64 (G_STRUCT_MEMBER (gint64, snapshot, offset));
}

static GVariant *
read_uint64 (const AgentSnapshot *snapshot, gsize offset)
{
  return g_variant_new_uint64 (G_STRUCT_MEMBER (guint64, snapshot, offset));
}

static GVariant *
read_links (const AgentSnapshot *snapshot, gsize offset)
{
  return dbus_variant_from_links (G_STRUCT_MEMBER (GPtrArray *, snapshot, offset));
}

static GVariant *
read_secrets (const AgentSnapshot *snapshot, gsize offset)
{
  return dbus_variant_from_secrets (G_STRUCT_MEMBER (GPtrArray *, snapshot, offset));
}

static GVariant *
read_counters (const AgentSnapshot *snapshot, gsize offset)
{
  return dbus_variant_from_counters (G_STRUCT_MEMBER (GHashTable *, snapshot, offset));
}

static GVariant *
read_version (const AgentSnapshot *snapshot, gsize offset)
{
  return g_variant_new_string (ROAMD_VERSION);
}

typedef struct
{
  const char *name;
  Reader read;
  gsize offset;
  gboolean quiet; /* an age, a counter or a constant: never announced */
} Property;

#define FIELD(name) G_STRUCT_OFFSET (AgentSnapshot, name)

static const Property properties[] = {
  { "Mode", read_text, FIELD (mode), FALSE },
  { "Sentence", read_text, FIELD (sentence), FALSE },
  { "Why", read_text, FIELD (why), FALSE },
  { "Advice", read_text, FIELD (advice), FALSE },
  { "Interface", read_text, FIELD (interface), FALSE },
  { "HomeAddress", read_text, FIELD (home_address), FALSE },
  { "HomeAgent", read_text, FIELD (home_agent), FALSE },
  { "CareOfAddress", read_text, FIELD (care_of_address), FALSE },
  { "Gateway", read_text, FIELD (gateway), FALSE },
  { "Tia", read_text, FIELD (tia), FALSE },
  { "IkeSuite", read_text, FIELD (ike_suite), FALSE },
  { "EspSuite", read_text, FIELD (esp_suite), FALSE },
  { "Dialect", read_text, FIELD (dialect), FALSE },
  { "PendingSecrets", read_secrets, FIELD (secrets), FALSE },
  { "Backend", read_text, FIELD (backend), FALSE },
  { "Enabled", read_boolean, FIELD (enabled), FALSE },
  { "VpnUp", read_boolean, FIELD (vpn_up), FALSE },
  { "Mobike", read_boolean, FIELD (mobike), FALSE },
  { "Nat", read_boolean, FIELD (nat), FALSE },
  { "ForeignAgent", read_text, FIELD (foreign_agent), FALSE },
  { "MipNat", read_boolean, FIELD (mip_nat), FALSE },
  { "Message", read_text, FIELD (message), FALSE },
  { "MessageAuthentic", read_boolean, FIELD (message_authentic), FALSE },
  { "SinceMs", read_int64, FIELD (since_ms), TRUE },
  { "Links", read_links, FIELD (links), FALSE },
  { "Counters", read_counters, FIELD (counters), TRUE },
  { "Generation", read_uint64, FIELD (generation), FALSE },
  { "Version", read_version, 0, TRUE },
};

GVariant *
dbus_properties_get (const AgentSnapshot *snapshot, const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (properties); i++)
    if (g_str_equal (properties[i].name, name))
      return properties[i].read (snapshot, properties[i].offset);
  return NULL;
}

GVariant *
dbus_properties_diff (const AgentSnapshot *old_snapshot, const AgentSnapshot *new_snapshot)
{
  GVariantDict changed;
  guint n_changed = 0;

  g_variant_dict_init (&changed, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (properties); i++)
    {
      g_autoptr (GVariant) before = NULL, now = NULL;

      if (properties[i].quiet)
        continue;
      now = g_variant_ref_sink (properties[i].read (new_snapshot, properties[i].offset));
      if (old_snapshot != NULL)
        before = g_variant_ref_sink (properties[i].read (old_snapshot, properties[i].offset));
      if (before != NULL && g_variant_equal (before, now))
        continue;
      g_variant_dict_insert_value (&changed, properties[i].name, now);
      n_changed++;
    }
  if (n_changed > 0)
    return g_variant_dict_end (&changed);
  g_variant_dict_clear (&changed);
  return NULL;
}
