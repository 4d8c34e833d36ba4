/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/roam-leasequery-private.h"

/* What is said on standard error. */

void
tool_remark (const ToolOptions *options, guint server, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list list;

  va_start (list, format);
  text = g_strdup_vprintf (format, list);
  va_end (list);
  if (server == TOOL_NO_SERVER)
    g_printerr ("roam-leasequery: %s\n", text);
  else
    g_printerr ("roam-leasequery: %s: %s\n", (const char *)g_ptr_array_index (options->names, server), text);
}

void
tool_tell_end (const ToolOptions *options, const LeasequeryClientEvent *told, const char *problem)
{
  const LeasequeryEvent *event = told->event;
  g_autofree char *status = dhcp6_status_to_string (event->status);
  GString *text = g_string_new (leasequery_outcome_to_string (event->outcome));

  if (event->outcome == LEASEQUERY_OUTCOME_STATUS)
    g_string_append_printf (text, ": %s", status);
  if ((event->outcome == LEASEQUERY_OUTCOME_STATUS || event->outcome == LEASEQUERY_OUTCOME_INSECURE) &&
      event->status_text != NULL)
    g_string_append_printf (text, " (%s)", event->status_text);
  if (event->outcome != LEASEQUERY_OUTCOME_STATUS && event->outcome != LEASEQUERY_OUTCOME_ABORTED && problem != NULL)
    g_string_append_printf (text, ": %s", problem);
  if (event->n_bindings > 0)
    g_string_append_printf (text, "; incomplete, after %" G_GUINT64_FORMAT " bindings", event->n_bindings);
  if (told->moved_on)
    g_string_append (text, "; asking the next server");
  tool_remark (options, told->server, "query %u: %s", event->id, text->str);
  g_string_free (text, TRUE);
}
