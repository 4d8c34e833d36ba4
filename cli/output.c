/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"

#include <json-glib/json-glib.h>
#include <stdarg.h>
#include <string.h>

/* ------------------------------------------------------------------------ json ---- */

void
cli_print_json (GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  g_autoptr (JsonNode) node = json_gvariant_serialize (owned);
  g_autofree char *text = json_to_string (node, FALSE);

  g_print ("%s\n", text);
}

/* "CareOfAddress" -> "care-of-address"; caller frees. */
static char *
kebab (const char *name)
{
  GString *result = g_string_new (NULL);

  for (const char *p = name; *p != '\0'; p++)
    {
      if (g_ascii_isupper (*p) && p != name)
        g_string_append_c (result, '-');
      g_string_append_c (result, g_ascii_tolower (*p));
    }
  return g_string_free (result, FALSE);
}

GVariant *
cli_properties_to_variant (RoamdAgent1 *agent)
{
  GVariantBuilder builder;
  GDBusPropertyInfo **properties = roamd_agent1_interface_info ()->properties;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; properties[i] != NULL; i++)
    {
      g_autoptr (GVariant) value = g_dbus_proxy_get_cached_property (G_DBUS_PROXY (agent), properties[i]->name);
      g_autofree char *key = kebab (properties[i]->name);

      if (value != NULL)
        g_variant_builder_add (&builder, "{sv}", key, value);
    }
  return g_variant_builder_end (&builder);
}

/* -------------------------------------------------------------------- formats ---- */

char *
cli_format_age (gint64 ms)
{
  gint64 s = ms / 1000;

  if (s < 60)
    return g_strdup_printf ("%" G_GINT64_FORMAT " s", s);
  if (s < 3600)
    return g_strdup_printf ("%" G_GINT64_FORMAT " min", s / 60);
  if (s < 86400)
    return g_strdup_printf ("%" G_GINT64_FORMAT " h %" G_GINT64_FORMAT " min", s / 3600, s % 3600 / 60);
  return g_strdup_printf ("%" G_GINT64_FORMAT " d %" G_GINT64_FORMAT " h", s / 86400, s % 86400 / 3600);
}

char *
cli_format_duration (gint64 us)
{
  if (us < 0)
    return g_strdup ("-");
  if (us < 1000000)
    return g_strdup_printf ("%.1f ms", (double)us / 1000);
  return g_strdup_printf ("%.1f s", (double)us / 1000000);
}

char *
cli_format_time (gint64 unix_us)
{
  g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc (unix_us / 1000000);
  g_autoptr (GDateTime) local = utc == NULL ? NULL : g_date_time_to_local (utc);

  return local == NULL ? g_strdup ("-") : g_date_time_format (local, "%Y-%m-%d %H:%M:%S");
}

const char *
cli_mode_in_words (const char *mode)
{
  static const struct
  {
    const char *mode, *words;
  } table[] = {
    { "offline", "no connection" },   { "detecting", "finding out" }, { "home", "home network" }, { "c", "inside" },
    { "f", "inside, foreign agent" }, { "mc", "through the VPN" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (g_strcmp0 (table[i].mode, mode) == 0)
      return table[i].words;
  return "unknown";
}

const char *
cli_dialect_in_words (const char *dialect)
{
  if (g_strcmp0 (dialect, "mobike") == 0)
    return "MOBIKE";
  if (g_strcmp0 (dialect, "mopo") == 0)
    return "MOPO";
  return dialect == NULL || dialect[0] == '\0' ? "" : "no MOBIKE";
}

const char *
cli_dict_text (GVariant *dict, const char *key)
{
  const char *text = "";

  g_variant_lookup (dict, key, "&s", &text);
  return text;
}

gint64
cli_dict_number (GVariant *dict, const char *key)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (dict, key, NULL);

  if (value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_INT64))
    return g_variant_get_int64 (value);
  if (value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64))
    return (gint64)g_variant_get_uint64 (value);
  return 0;
}

guint32
cli_dict_unsigned (GVariant *dict, const char *key)
{
  guint32 value = 0;

  g_variant_lookup (dict, key, "u", &value);
  return value;
}

gboolean
cli_dict_boolean (GVariant *dict, const char *key)
{
  gboolean value = FALSE;

  g_variant_lookup (dict, key, "b", &value);
  return value;
}

/* ---------------------------------------------------------------------- tables ---- */

struct _CliTable
{
  guint n_columns;
  GPtrArray *cells; /* row by row */
};

CliTable *
cli_table_new (guint n_columns)
{
  CliTable *table = g_new0 (CliTable, 1);

  table->n_columns = n_columns;
  table->cells = g_ptr_array_new_with_free_func (g_free);
  return table;
}

void
cli_table_free (CliTable *table)
{
  if (table == NULL)
    return;
  g_ptr_array_unref (table->cells);
  g_free (table);
}

/* A cell is one line of text, whatever came over the bus: no control characters on the terminal. */
static char *
clean (const char *text)
{
  char *copy = g_utf8_make_valid (text == NULL ? "" : text, -1);

  for (char *p = copy; *p != '\0'; p++)
    if (g_ascii_iscntrl (*p))
      *p = ' ';
  return copy;
}

void
cli_table_add (CliTable *table, ...)
{
  va_list args;

  va_start (args, table);
  for (guint i = 0; i < table->n_columns; i++)
    g_ptr_array_add (table->cells, clean (va_arg (args, const char *)));
  va_end (args);
}

static guint
column_width (const CliTable *table, guint column)
{
  guint width = 0;

  for (guint i = column; i < table->cells->len; i += table->n_columns)
    width = MAX (width, (guint)g_utf8_strlen (table->cells->pdata[i], -1));
  return width;
}

static void
print_cell (const CliTable *table, guint i, const CliOutput *output)
{
  const char *text = table->cells->pdata[i];
  guint column = i % table->n_columns;
  gboolean last = column + 1 == table->n_columns;

  if (!output->pretty)
    {
      g_print ("%s%s", text, last ? "\n" : "\t");
      return;
    }
  g_print ("%s%s%s", i < table->n_columns ? "\033[1m" : "", text, i < table->n_columns ? "\033[0m" : "");
  if (last)
    g_print ("\n");
  else
    g_print ("%*s", (int)(column_width (table, column) - (guint)g_utf8_strlen (text, -1)) + 2, "");
}

void
cli_table_print (const CliTable *table, const CliOutput *output)
{
  for (guint i = 0; i < table->cells->len; i++)
    print_cell (table, i, output);
}
