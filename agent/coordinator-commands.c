/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/coordinator-private.h"

/*
 * Commands to IKE and Mobile IPv4, with the records that go with them. Retransmission and the rate
 * of one request a second towards one care-of address (16.3 rule 5; D-26) are the engines'.
 */

static guint32
next_serial (Coordinator *c)
{
  /* 0 means "no record" everywhere. */
  if (++c->last_serial == 0)
    c->last_serial = 1;
  return c->last_serial;
}

/* The wait to use now; the next one is twice as long, up to the limit of P-8. */
static gint64
take_backoff (const Coordinator *c, gint64 *delay_us)
{
  *delay_us = *delay_us == 0 ? c->config.retry_us : MIN (*delay_us * 2, c->config.retry_limit_us);
  return *delay_us;
}

/* ---------------------------------------------------------------- VPN side ---- */

gboolean
coordinator_vpn_has_sa (const Coordinator *c)
{
  switch (c->vpn.state)
    {
    case COORDINATOR_VPN_NONE:
    case COORDINATOR_VPN_DELAYED:
    case COORDINATOR_VPN_STARTING:
      return FALSE;
    case COORDINATOR_VPN_UPDATING:
    case COORDINATOR_VPN_UP:
    case COORDINATOR_VPN_FAILED:
      return TRUE;
    }
  g_assert_not_reached ();
}

static void
push_ike (Coordinator *c, IkeCommandType type, const CoordinatorLink *link, gboolean children_now)
{
  const IkeCommand command = {
    .type = type,
    .serial = c->vpn.serial,
    .path = { .ifindex = (guint32)link->link.ifindex, .local = link->link.address },
    .move_children_now = children_now,
  };

  coordinator_push_ike (c, &command);
}

static void
forget_vpn (Coordinator *c)
{
  c->vpn.state = COORDINATOR_VPN_NONE;
  c->vpn.serial = c->vpn.check_serial = 0;
  c->vpn.start_us = ROAM_NEVER;
  c->vpn.mobike = c->vpn.nat = FALSE;
  coordinator_alarm_over (c, COORDINATOR_ALARM_NO_MOBIKE);
  c->vpn.configuration = (IkeConfiguration){ 0 };
}

void
coordinator_vpn_send_start (Coordinator *c)
{
  const CoordinatorLink *link = coordinator_find_link (c, c->vpn.ifindex);

  c->vpn.start_us = ROAM_NEVER;
  if (link == NULL || !detect_link_is_usable (&link->link))
    return;
  c->vpn.state = COORDINATOR_VPN_STARTING;
  c->vpn.serial = next_serial (c);
  push_ike (c, IKE_START, link, FALSE);
}

void
coordinator_vpn_start (Coordinator *c, CoordinatorLink *link, gint64 now_us, gint64 delay_us)
{
  gint64 due = MAX (roam_deadline_add (now_us, delay_us), c->vpn.not_before_us);

  if (coordinator_vpn_has_sa (c))
    coordinator_vpn_drop (c, FALSE);
  c->vpn.ifindex = link->link.ifindex;
  c->vpn.session++;
  c->b.force_udp = FALSE;
  /* One that runs already is not put off: it begins again from here. */
  if (due <= now_us || c->vpn.state == COORDINATOR_VPN_STARTING)
    {
      coordinator_vpn_send_start (c);
      return;
    }
  c->vpn.state = COORDINATOR_VPN_DELAYED;
  c->vpn.start_us = due;
}

void
coordinator_vpn_move (Coordinator *c, CoordinatorLink *link, gboolean children_now)
{
  c->vpn.state = COORDINATOR_VPN_UPDATING;
  c->vpn.ifindex = link->link.ifindex;
  c->vpn.serial = next_serial (c);
  c->vpn.check_serial = 0;
  push_ike (c, IKE_MOVE, link, children_now);
}

/* A fresh IKE SA from a link on trial would end the one that carries the data. */
static gboolean
vpn_must_stay (Coordinator *c, const CoordinatorLink *link)
{
  const CoordinatorLink *active = coordinator_find_link (c, c->active);

  return coordinator_is_probe (c, link) && active != NULL && coordinator_state_needs_vpn (active->state);
}

/* RFC 5266 3.4.1 1a, 3.4.2 1: update the SA if there is one, else set one up from here. */
void
coordinator_vpn_connect (Coordinator *c, CoordinatorLink *link, gint64 now_us)
{
  gboolean must_stay = vpn_must_stay (c, link);
  gboolean movable = c->vpn.state == COORDINATOR_VPN_UP || c->vpn.state == COORDINATOR_VPN_UPDATING || must_stay;

  if (!c->config.has_vpn)
    {
      /* V = no, always. */
      coordinator_raise (c, link, COORDINATOR_EVENT_V_FAIL, FALSE);
      return;
    }
  if (movable && c->vpn.mobike)
    {
      coordinator_vpn_move (c, link, !coordinator_is_probe (c, link));
      return;
    }
  if (must_stay)
    {
      /* without MOBIKE there is no other way to try it. */
      coordinator_raise (c, link, COORDINATOR_EVENT_V_FAIL, FALSE);
      return;
    }
  /* Also after an update that nobody answered: such an IKE SA is given up. */
  c->vpn.replaces_dead = FALSE;
  coordinator_vpn_start (c, link, now_us, c->config.vpn_delay_us);
}

void
coordinator_vpn_drop (Coordinator *c, gboolean tell_gateway)
{
  IkeCommand command = { .type = IKE_ABANDON };

  if (coordinator_vpn_has_sa (c) && tell_gateway)
    command.type = IKE_TERMINATE;
  if (c->vpn.state != COORDINATOR_VPN_NONE && c->vpn.state != COORDINATOR_VPN_DELAYED)
    {
      command.serial = next_serial (c);
      coordinator_push_ike (c, &command);
    }
  forget_vpn (c);
}

void
coordinator_vpn_gone (Coordinator *c, gint64 now_us)
{
  if (coordinator_vpn_has_sa (c) && now_us - c->vpn.established_us < COORDINATOR_VPN_YOUNG_US)
    c->vpn.not_before_us = now_us + take_backoff (c, &c->vpn.penalty_us);
  else
    c->vpn.penalty_us = 0;
  forget_vpn (c);
}

void
coordinator_vpn_check (Coordinator *c)
{
  IkeCommand command = { .type = IKE_CHECK };

  if (c->vpn.state != COORDINATOR_VPN_UP)
    return;
  command.serial = c->vpn.check_serial = next_serial (c);
  coordinator_push_ike (c, &command);
}

/* ----------------------------------------------------- direct registration ---- */

static Mip4MnCommand
mip4_command (const Coordinator *c, Mip4MnCommandType type, Mip4Path path, guint32 serial)
{
  return (Mip4MnCommand){
    .type = type,
    .path = path,
    .serial = serial,
    .form = MIP4_FORM_CO_LOCATED,
    .first_timeout_us = c->config.detect_timeout_us,
    .copies = c->config.detect_retries + 1,
  };
}

static void
begin_r (Coordinator *c, CoordinatorLink *link, const Mip4MnCommand *command, gint64 now_us)
{
  link->r_serial = command->serial;
  link->r_running = TRUE;
  link->r_began_us = link->r_sent_us = now_us;
  coordinator_push_mip4 (c, command);
}

void
coordinator_r_register (Coordinator *c, CoordinatorLink *link, gint64 now_us)
{
  Mip4MnCommand command = mip4_command (c, MIP4_MN_REGISTER, (Mip4Path)link->link.ifindex, next_serial (c));

  command.care_of_address = link->link.address;
  if (link->home_form)
    {
      command.form = MIP4_FORM_HOME;
      command.care_of_address = c->config.home.addr;
    }
  begin_r (c, link, &command, now_us);
}

/* The agent's own care-of address, or ours through the agent (D-24). */
void
coordinator_r_register_agent (Coordinator *c, CoordinatorLink *link, gint64 now_us)
{
  Mip4MnCommand command = mip4_command (c, MIP4_MN_REGISTER, (Mip4Path)link->link.ifindex, next_serial (c));

  command.form = link->fa_form;
  command.agent = link->fa;
  command.care_of_address = link->fa_form == MIP4_FORM_FOREIGN_AGENT ? link->fa.care_of[0] : link->link.address;
  begin_r (c, link, &command, now_us);
}

void
coordinator_r_ended (CoordinatorLink *link, gint64 now_us)
{
  link->r_running = FALSE;
  link->r_ended_us = now_us;
}

void
coordinator_r_stop (Coordinator *c, CoordinatorLink *link, gint64 now_us)
{
  const Mip4MnCommand command = mip4_command (c, MIP4_MN_CANCEL, (Mip4Path)link->link.ifindex, link->r_serial);

  if (!link->r_running)
    return;
  coordinator_push_mip4 (c, &command);
  coordinator_r_ended (link, now_us);
}

/* Copies go out as long as it runs; the last one left before it ended. */
static gboolean
is_newer (guint32 serial, gboolean running, gint64 began_us, gint64 ended_us, gint64 sent_us)
{
  return serial != 0 && (running || began_us >= sent_us || ended_us > sent_us);
}

gboolean
coordinator_r_is_newer (const CoordinatorLink *link, gint64 sent_us)
{
  return is_newer (link->r_serial, link->r_running, link->r_began_us, link->r_ended_us, sent_us);
}

/* -------------------------------------------------- registration over the VPN ---- */

void
coordinator_b_register (Coordinator *c, gint64 now_us)
{
  Mip4MnCommand command = mip4_command (c, MIP4_MN_REGISTER, MIP4_PATH_VPN, 0);

  c->b.retry_us = ROAM_NEVER;
  c->b.await_check = FALSE;
  if (!roam_addr_is_specified (&c->vpn.configuration.tia4))
    return;
  command.serial = c->b.serial = next_serial (c);
  command.care_of_address = c->vpn.configuration.tia4;
  command.force_udp = c->b.force_udp;
  c->b.running = TRUE;
  c->b.began_us = now_us;
  coordinator_push_mip4 (c, &command);
}

void
coordinator_b_ended (Coordinator *c, gint64 now_us)
{
  c->b.running = FALSE;
  c->b.ended_us = now_us;
}

void
coordinator_b_stop (Coordinator *c, gint64 now_us)
{
  const Mip4MnCommand command = mip4_command (c, MIP4_MN_CANCEL, MIP4_PATH_VPN, c->b.serial);

  if (c->b.running)
    {
      coordinator_push_mip4 (c, &command);
      coordinator_b_ended (c, now_us);
    }
  c->b.retry_us = ROAM_NEVER;
  c->b.await_check = c->b.waited = FALSE;
}

void
coordinator_b_backoff (Coordinator *c, gint64 now_us)
{
  c->b.retry_us = now_us + take_backoff (c, &c->b.retry_delay_us);
}

gboolean
coordinator_b_is_newer (const Coordinator *c, gint64 sent_us)
{
  return is_newer (c->b.serial, c->b.running, c->b.began_us, c->b.ended_us, sent_us);
}

/* ----------------------------------------------------------------- binding ---- */

/* the home agent tunnels to the local address in clear until it is told not to. */
void
coordinator_deregister (Coordinator *c, CoordinatorLink *link)
{
  Mip4MnCommand command = mip4_command (c, MIP4_MN_REGISTER, (Mip4Path)link->link.ifindex, next_serial (c));

  command.form = MIP4_FORM_DEREGISTER;
  command.care_of_address = link->link.address;
  coordinator_push_mip4 (c, &command);
}

/* Ends the binding over the path it was made on, if that path is still there. */
void
coordinator_deregister_binding (Coordinator *c, CoordinatorLink *link)
{
  Mip4Path path = c->binding.over_vpn ? MIP4_PATH_VPN : (Mip4Path)link->link.ifindex;
  Mip4MnCommand command = mip4_command (c, MIP4_MN_REGISTER, path, next_serial (c));
  gboolean reachable =
    c->binding.over_vpn ? c->vpn.state == COORDINATOR_VPN_UP : coordinator_state_is_trusted (link->state);

  if (!c->binding.valid || !reachable)
    return;
  command.form = MIP4_FORM_DEREGISTER;
  command.care_of_address = c->binding.care_of_address;
  if (c->binding.form == MIP4_FORM_FOREIGN_AGENT || c->binding.form == MIP4_FORM_CO_LOCATED_VIA_AGENT)
    command.agent = link->fa;
  coordinator_push_mip4 (c, &command);
  c->binding.valid = FALSE;
}

gboolean
coordinator_binding_is_tia (const Coordinator *c, gint64 now_us)
{
  const CoordinatorBinding *binding = &c->binding;

  return binding->valid && !binding->dirty && binding->over_vpn && binding->session == c->vpn.session &&
         coordinator_vpn_has_sa (c) && now_us < binding->expiry_us &&
         roam_addr_equal (&binding->care_of_address, &c->vpn.configuration.tia4);
}

static void
adopt_binding (Coordinator *c, const Mip4MnEvent *reply)
{
  c->binding.valid = TRUE;
  c->binding.dirty = FALSE;
  c->binding.over_vpn = reply->path == MIP4_PATH_VPN;
  c->binding.session = c->vpn.session;
  c->binding.care_of_address = reply->care_of_address;
  c->binding.form = reply->form;
  c->binding.home_agent = reply->home_agent;
  c->binding.mip_udp = reply->udp_tunnel;
  c->binding.keepalive_s = reply->keepalive_s;
  c->binding.keepalive_at_once = reply->keepalive_at_once;
  c->binding.agent = reply->agent;
  c->binding.encapsulating = reply->encapsulating_delivery;
  c->binding.expiry_us = ROAM_NEVER;
  /* 65535 is infinity (RFC 5944 3.3). */
  if (reply->lifetime_s != G_MAXUINT16)
    c->binding.expiry_us = reply->sent_us + reply->lifetime_s * ROAM_USEC_PER_SEC;
}

gboolean
coordinator_binding_learn (Coordinator *c, const Mip4MnEvent *reply, gboolean wanted)
{
  CoordinatorBinding *binding = &c->binding;

  /* Half-range comparison: NTP seconds wrap (D-28). */
  if (binding->identification != 0 && (gint64)(reply->identification - binding->identification) <= 0)
    return FALSE;
  binding->identification = reply->identification;
  switch (reply->form)
    {
    case MIP4_FORM_CO_LOCATED:
    case MIP4_FORM_FOREIGN_AGENT:
    case MIP4_FORM_CO_LOCATED_VIA_AGENT:
      if (wanted)
        adopt_binding (c, reply);
      else
        binding->dirty = TRUE;
      break;
    case MIP4_FORM_HOME:
      binding->valid = binding->dirty = FALSE;
      break;
    case MIP4_FORM_DEREGISTER:
      if (roam_addr_equal (&binding->care_of_address, &reply->care_of_address))
        binding->valid = FALSE;
      break;
    }
  return TRUE;
}
