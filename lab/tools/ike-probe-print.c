/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What ike-probe prints. */
#include "lab/tools/ike-probe.h"

static const char *
truth (gboolean value)
{
  return value ? "true" : "false";
}

void
probe_print_event (Probe *probe, const IkeEvent *event)
{
  char tia4[ROAM_ADDR_STRLEN], tia6[ROAM_ADDR_STRLEN], dns[ROAM_ADDR_STRLEN], gateway[ROAM_ADDR_STRLEN];
  const IkeConfiguration *c = &event->configuration;
  const char *name = ike_event_type_to_string (event->type);

  g_print ("{\"us\":%" G_GINT64_FORMAT ",\"event\":\"%s\",\"serial\":%u,\"tia4\":\"%s\",\"tia6\":\"%s\",\"dns\":\"%s\","
           "\"mobike\":%s,\"nat_local\":%s,\"nat_remote\":%s,\"rtt_us\":%" G_GINT64_FORMAT ",\"gateway\":\"%s\","
           "\"gateway_name\":\"%s\",\"reason\":\"%s\",\"advice\":\"%s\"}\n",
           probe_elapsed_us (probe), name, event->serial, roam_addr_to_string (&c->tia4, tia4),
           roam_addr_to_string (&c->tia6, tia6), roam_addr_to_string (&c->dns[0], dns), truth (event->mobike),
           truth (event->nat_local), truth (event->nat_remote), event->rtt_us,
           roam_addr_to_string (&event->gateway, gateway), event->gateway_name, event->reason ? event->reason : "",
           event->advice ? event->advice : "");
  if (event->type == IKE_EVENT_ESTABLISHED)
    probe->established = TRUE;
  if (g_strcmp0 (probe->expect, name) == 0)
    probe->expected_seen = TRUE;
  if (event->type == IKE_EVENT_FAILED || event->type == IKE_EVENT_AUTH_FAILED || event->type == IKE_EVENT_DEAD)
    probe->over = TRUE;
  probe_notice (probe, name);
}

void
probe_print_status (Probe *probe)
{
  IkeStatus s;
  char local[ROAM_ADDR_STRLEN], remote[ROAM_ADDR_STRLEN];

  ike_session_get_status (probe->session, &s);
  g_print ("{\"us\":%" G_GINT64_FORMAT ",\"status\":\"%s\",\"spi_i\":\"%016" G_GINT64_MODIFIER
           "x\",\"spi_r\":\"%016" G_GINT64_MODIFIER
           "x\",\"ike\":\"%s\",\"esp\":\"%s\",\"local\":\"%s\",\"remote\":\"%s\","
           "\"child_in\":\"%08x\",\"child_out\":\"%08x\",\"mobike\":%s,\"nat_local\":%s,\"nat_remote\":%s}\n",
           probe_elapsed_us (probe), s.state, s.spi_i, s.spi_r, s.ike_suite, s.esp_suite,
           roam_addr_to_string (&s.path.local, local), roam_endpoint_to_string (&s.remote, remote), s.child_spi_in,
           s.child_spi_out, truth (s.mobike), truth (s.nat_local), truth (s.nat_remote));
}

static void
print_child_add (const Probe *probe, const IkeAction *action)
{
  const IkeChildSa *child = action->child_add.child;

  g_print ("{\"us\":%" G_GINT64_FORMAT ",\"child_add\":%u,\"spi_in\":\"%08x\",\"spi_out\":\"%08x\",\"bits\":%u,"
           "\"use_outbound\":%s,\"udp_encap\":%s}\n",
           probe_elapsed_us (probe), child->id, child->spi_in, child->spi_out, child->encr_bits,
           truth (action->child_add.use_outbound), truth (child->udp_encap));
}

void
probe_print_child (Probe *probe, const IkeAction *action)
{
  char local[ROAM_ADDR_STRLEN], remote[ROAM_ADDR_STRLEN];

  switch (action->type)
    {
    case IKE_ACTION_CHILD_ADD:
      print_child_add (probe, action);
      probe_notice (probe, "child-add");
      return;
    case IKE_ACTION_CHILD_USE:
      g_print ("{\"us\":%" G_GINT64_FORMAT ",\"child_use\":%u}\n", probe_elapsed_us (probe),
               action->child_use.child_id);
      probe_notice (probe, "child-use");
      return;
    case IKE_ACTION_CHILD_REMOVE:
      g_print ("{\"us\":%" G_GINT64_FORMAT ",\"child_remove\":%u}\n", probe_elapsed_us (probe),
               action->child_remove.child_id);
      probe_notice (probe, "child-remove");
      return;
    case IKE_ACTION_CHILD_MOVE:
      g_print ("{\"us\":%" G_GINT64_FORMAT ",\"child_move\":\"%s\",\"remote\":\"%s\",\"udp_encap\":%s}\n",
               probe_elapsed_us (probe), roam_endpoint_to_string (&action->child_move.local, local),
               roam_endpoint_to_string (&action->child_move.remote, remote), truth (action->child_move.udp_encap));
      probe_notice (probe, "child-move");
      return;
    case IKE_ACTION_SEND:
    case IKE_ACTION_EVENT:
    case IKE_ACTION_SIGN:
    case IKE_ACTION_FETCH:
    case IKE_ACTION_TICKET:
      return;
    }
}
