/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-io.h"

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <nftables/libnftables.h>
#include <string.h>

/*
 * The gate in the kernel. The table has no owner, so it outlives this process; a state is known only
 * after the kernel took it, and a failed opening leaves the gate closed.
 */

struct _TunnelGateIo
{
  TunnelGateConfig config;
  TunnelGateState state;
  gboolean uncertain; /* the kernel refused the last closing: what is open is not known */
  struct nft_ctx *nft;
};

static gboolean
run (TunnelGateIo *gate, const char *commands, const char *what, GError **error)
{
  g_autofree char *complaint = NULL;

  if (nft_run_cmd_from_buffer (gate->nft, commands) == 0)
    {
      /* Buffered output must be taken, or it grows. */
      nft_ctx_get_output_buffer (gate->nft);
      return TRUE;
    }
  complaint = g_strchomp (g_strdup (nft_ctx_get_error_buffer (gate->nft)));
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
               "cannot %s (nftables: %s); check that the kernel has nf_tables and that CAP_NET_ADMIN is held", what,
               complaint);
  return FALSE;
}

TunnelGateIo *
tunnel_gate_io_new (const TunnelGateConfig *config, GError **error)
{
  TunnelGateIo *gate = g_new0 (TunnelGateIo, 1);
  g_autofree char *text = tunnel_gate_render (config);

  gate->config = *config;
  gate->state.mode = TUNNEL_MODE_BLOCKED;
  gate->nft = nft_ctx_new (NFT_CTX_DEFAULT);
  if (text == NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                         "the gate needs a home address, a home agent and a plain name of the TUN device");
  else if (gate->nft != NULL)
    {
      nft_ctx_buffer_output (gate->nft);
      nft_ctx_buffer_error (gate->nft);
      if (run (gate, text, "install the gate", error))
        return gate;
    }
  else
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "libnftables gives no context");
  tunnel_gate_io_free (gate, FALSE);
  return NULL;
}

static void
close_quietly (TunnelGateIo *gate)
{
  TunnelGateState closed = { .mode = TUNNEL_MODE_BLOCKED };
  g_autoptr (GError) error = NULL;

  if (!tunnel_gate_io_apply (gate, &closed, &error))
    g_warning ("%s", error->message);
}

void
tunnel_gate_io_free (TunnelGateIo *gate, gboolean remove)
{
  g_autoptr (GError) error = NULL;

  if (gate == NULL)
    return;
  if (gate->nft != NULL)
    {
      if (!remove)
        close_quietly (gate);
      else if (!run (gate, "delete table inet roamd", "take the gate away", &error))
        g_warning ("%s", error->message);
      nft_ctx_free (gate->nft);
    }
  g_free (gate);
}

/*
 * The two dynamic sets emptied: the closed state, whatever the elements are. Used when a change did
 * not go through, for instance because somebody else edited the table.
 */
static const char flush_all[] = "flush set inet roamd home_if\nflush set inet roamd c_tunnel\n";

static gboolean
reinstall (TunnelGateIo *gate, GError **error)
{
  g_autofree char *text = tunnel_gate_render (&gate->config);

  return run (gate, text, "install the gate again", error);
}

static gboolean
close_for_certain (TunnelGateIo *gate, GError **error)
{
  gate->uncertain = !run (gate, flush_all, "close the gate", NULL) && !reinstall (gate, error);
  if (gate->uncertain)
    return FALSE;
  gate->state = (TunnelGateState){ .mode = TUNNEL_MODE_BLOCKED };
  return TRUE;
}

static gboolean
try_change (TunnelGateIo *gate, const TunnelGateState *state, GError **error)
{
  g_autofree char *text = tunnel_gate_render_change (&gate->config, &gate->state, state);

  if (text[0] != '\0' && !run (gate, text, "change the gate", error))
    return FALSE;
  gate->state = *state;
  return TRUE;
}

/* An open state that has no text: the interface's name or the care-of address cannot stand in a rule. */
static gboolean
can_be_said (TunnelGateIo *gate, const TunnelGateState *state)
{
  TunnelGateState closed = { .mode = TUNNEL_MODE_BLOCKED };
  g_autofree char *text = tunnel_gate_render_change (&gate->config, &closed, state);

  return text[0] != '\0' || (state->mode != TUNNEL_MODE_HOME && state->mode != TUNNEL_MODE_C);
}

gboolean
tunnel_gate_io_apply (TunnelGateIo *gate, const TunnelGateState *state, GError **error)
{
  if (!can_be_said (gate, state))
    {
      if (close_for_certain (gate, error))
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                     "the gate stays closed: no rule can name the interface or the care-of address of mode %s",
                     state->mode == TUNNEL_MODE_HOME ? "home" : "c");
      return FALSE;
    }
  if (!gate->uncertain && try_change (gate, state, NULL))
    return TRUE;
  /* The table is not as we left it: close it for certain, then open once from there. */
  return close_for_certain (gate, error) && try_change (gate, state, error);
}

static void
add_counter (JsonObject *counter, TunnelGateCounters *counters)
{
  const char *name = json_object_get_string_member_with_default (counter, "name", "");
  guint64 packets = (guint64)json_object_get_int_member_with_default (counter, "packets", 0);
  guint64 octets = (guint64)json_object_get_int_member_with_default (counter, "bytes", 0);

  if (g_str_equal (name, "passed"))
    {
      counters->passed_packets += packets;
      counters->passed_octets += octets;
    }
  else if (g_str_has_prefix (name, "stopped"))
    {
      counters->stopped_packets += packets;
      counters->stopped_octets += octets;
    }
}

static gboolean
parse_counters (const char *text, TunnelGateCounters *ret_counters, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  TunnelGateCounters counters = { 0 };
  JsonNode *root = NULL;
  JsonArray *list = NULL;

  if (!json_parser_load_from_data (parser, text, -1, error))
    return FALSE;
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root) ||
      !json_object_has_member (json_node_get_object (root), "nftables"))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "nftables answered without a list of counters");
      return FALSE;
    }
  list = json_object_get_array_member (json_node_get_object (root), "nftables");
  for (guint i = 0; i < json_array_get_length (list); i++)
    {
      JsonObject *item = json_array_get_object_element (list, i);

      if (item != NULL && json_object_has_member (item, "counter"))
        add_counter (json_object_get_object_member (item, "counter"), &counters);
    }
  *ret_counters = counters;
  return TRUE;
}

/*
 * The whole table is asked for, not its counters: for these libnftables 1.0.6 would first read every
 * other table of the machine, with all elements of all sets.
 */
gboolean
tunnel_gate_io_get_counters (TunnelGateIo *gate, TunnelGateCounters *ret_counters, GError **error)
{
  gboolean ok;

  nft_ctx_output_set_flags (gate->nft, NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_TERSE);
  ok = nft_run_cmd_from_buffer (gate->nft, "list table inet roamd") == 0;
  nft_ctx_output_set_flags (gate->nft, 0);
  if (!ok)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot read the gate's counters: %s",
                   nft_ctx_get_error_buffer (gate->nft));
      return FALSE;
    }
  return parse_counters (nft_ctx_get_output_buffer (gate->nft), ret_counters, error);
}
