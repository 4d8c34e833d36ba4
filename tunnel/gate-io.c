/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-io.h"

#include <gio/gio.h>
#include <netinet/in.h> /* first: the kernel's headers then leave its types alone */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <nftables/libnftables.h>

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
  struct nl_sock *counters; /* asks for the counters; opened at the first question */
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
  nl_socket_free (gate->counters);
  g_free (gate);
}

/*
 * The sets that the mode fills emptied: the closed state, whatever the elements are. Used when a change did
 * not go through, for instance because somebody else edited the table.
 */
static const char flush_all[] = "flush set inet roamd home_if\nflush set inet roamd c_tunnel\n"
                                "flush set inet roamd c_udp\nflush set inet roamd f_agent\n"
                                "flush set inet roamd c_tunnel_late\nflush set inet roamd c_udp_late\n"
                                "flush set inet roamd f_agent_late\n";

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

/* An open state that has no text: the interface's name or an address cannot stand in a rule. */
static gboolean
can_be_said (TunnelGateIo *gate, const TunnelGateState *state)
{
  TunnelGateState closed = { .mode = TUNNEL_MODE_BLOCKED };
  g_autofree char *text = tunnel_gate_render_change (&gate->config, &closed, state);

  return text[0] != '\0' || state->mode == TUNNEL_MODE_BLOCKED || state->mode == TUNNEL_MODE_HOLD ||
         state->mode == TUNNEL_MODE_MC;
}

gboolean
tunnel_gate_io_apply (TunnelGateIo *gate, const TunnelGateState *state, GError **error)
{
  if (!can_be_said (gate, state))
    {
      if (close_for_certain (gate, error))
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                     "the gate stays closed: no rule can name the interface or the address of mode %s",
                     tunnel_mode_to_string (state->mode));
      return FALSE;
    }
  if (!gate->uncertain && try_change (gate, state, NULL))
    return TRUE;
  /* The table is not as we left it: close it for certain, then open once from there. */
  return close_for_certain (gate, error) && try_change (gate, state, error);
}

gboolean
tunnel_gate_io_set_fetch (TunnelGateIo *gate, const RoamEndpoint *server, gboolean open, GError **error)
{
  g_autofree char *text = tunnel_gate_render_fetch (server, open);

  return run (gate, text, open ? "let a server through the gate" : "close the gate for a server", error);
}

gboolean
tunnel_gate_io_set_gateways (TunnelGateIo *gate, const RoamAddr *gateways, guint n, GError **error)
{
  TunnelGateConfig config = gate->config;
  g_autofree char *text = NULL;

  config.n_gateways = MIN (n, G_N_ELEMENTS (config.gateways));
  for (guint i = 0; i < config.n_gateways; i++)
    config.gateways[i] = gateways[i];
  text = tunnel_gate_render_gateways (&config);
  if (!run (gate, text, "change the gateways of the gate", error))
    return FALSE;
  gate->config = config;
  return TRUE;
}

/* ---------------------------------------------------------------------- counters ---- */

/*
 * Asked of the kernel directly. For the same question libnftables 1.0.6 reads either every table of
 * the machine, with all elements of all sets (tens of milliseconds where somebody keeps long lists),
 * or every rule of ours, to print it.
 */

#define MESSAGE(type) (NFNL_SUBSYS_NFTABLES << 8 | (type))

typedef struct
{
  TunnelGateCounters counters;
  guint found;
} CounterReading;

static guint64
get_be64 (struct nlattr *attribute)
{
  return attribute != NULL ? GUINT64_FROM_BE (nla_get_u64 (attribute)) : 0;
}

static int
on_counter (struct nl_msg *message, void *data)
{
  CounterReading *reading = data;
  struct nlattr *object[NFTA_OBJ_MAX + 1] = { NULL }, *counter[NFTA_COUNTER_MAX + 1] = { NULL };
  guint64 packets, octets;
  const char *name = NULL;

  if (nlmsg_hdr (message)->nlmsg_type != MESSAGE (NFT_MSG_NEWOBJ) ||
      nlmsg_parse (nlmsg_hdr (message), sizeof (struct nfgenmsg), object, NFTA_OBJ_MAX, NULL) < 0 ||
      object[NFTA_OBJ_NAME] == NULL || object[NFTA_OBJ_DATA] == NULL ||
      nla_parse_nested (counter, NFTA_COUNTER_MAX, object[NFTA_OBJ_DATA], NULL) < 0)
    return NL_SKIP;
  name = nla_get_string (object[NFTA_OBJ_NAME]);
  packets = get_be64 (counter[NFTA_COUNTER_PACKETS]);
  octets = get_be64 (counter[NFTA_COUNTER_BYTES]);
  if (g_str_equal (name, "passed"))
    {
      reading->counters.passed_packets = packets;
      reading->counters.passed_octets = octets;
      reading->found++;
    }
  else if (g_str_equal (name, "stopped") || g_str_equal (name, "stopped-in"))
    {
      reading->counters.stopped_packets += packets;
      reading->counters.stopped_octets += octets;
      reading->found++;
    }
  return NL_OK;
}

/* 0, or libnl's negative error. */
static int
open_counters (TunnelGateIo *gate)
{
  struct nl_sock *socket = NULL;
  int rc;

  if (gate->counters != NULL)
    return 0;
  socket = nl_socket_alloc ();
  if (socket == NULL)
    return -NLE_NOMEM;
  rc = nl_connect (socket, NETLINK_NETFILTER);
  if (rc < 0)
    nl_socket_free (socket);
  else
    gate->counters = socket;
  return MIN (rc, 0);
}

static int
ask_for_counters (TunnelGateIo *gate)
{
  struct nfgenmsg family = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };
  struct nl_msg *message = nlmsg_alloc_simple (MESSAGE (NFT_MSG_GETOBJ), NLM_F_DUMP);
  int rc = -NLE_NOMEM;

  if (message == NULL)
    return rc;
  if (nlmsg_append (message, &family, sizeof family, NLMSG_ALIGNTO) == 0 &&
      nla_put_string (message, NFTA_OBJ_TABLE, "roamd") == 0 &&
      nla_put_u32 (message, NFTA_OBJ_TYPE, GUINT32_TO_BE (NFT_OBJECT_COUNTER)) == 0)
    rc = nl_send_auto (gate->counters, message);
  nlmsg_free (message);
  return rc;
}

gboolean
tunnel_gate_io_get_counters (TunnelGateIo *gate, TunnelGateCounters *ret_counters, GError **error)
{
  CounterReading reading = { 0 };
  int rc = open_counters (gate);

  if (rc >= 0)
    {
      nl_socket_modify_cb (gate->counters, NL_CB_VALID, NL_CB_CUSTOM, on_counter, &reading);
      rc = ask_for_counters (gate);
    }
  if (rc >= 0)
    rc = nl_recvmsgs_default (gate->counters);
  if (rc < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot read the gate's counters: %s", nl_geterror (rc));
      return FALSE;
    }
  /* passed, stopped and stopped-in: fewer, and somebody took the table away. */
  if (reading.found != 3)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "the gate's table is gone");
      return FALSE;
    }
  *ret_counters = reading.counters;
  return TRUE;
}
