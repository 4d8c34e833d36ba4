/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-coordinator-world.h"

#include <string.h>

/* The longest wait for the direct answer before a registration over the VPN, and a little. */
#define SETTLE_US (300 * WORLD_MSEC)

RoamAddr
world_address (const char *text)
{
  RoamAddr addr = ROAM_ADDR_NONE;

  g_assert_true (roam_addr_parse (text, &addr));
  return addr;
}

void
world_config (CoordinatorConfig *ret_config)
{
  coordinator_config_init (ret_config);
  ret_config->home = (RoamPrefix){ .addr = world_address (WORLD_HOME_ADDRESS), .length = 24 };
  ret_config->home_agent = world_address ("10.1.0.2");
  ret_config->has_vpn = TRUE;
}

World *
world_new (const CoordinatorConfig *config)
{
  World *w = g_new0 (World, 1);

  world_config (&w->config);
  if (config != NULL)
    w->config = *config;
  w->c = coordinator_new (&w->config);
  w->now = roam_now_make (1000 * WORLD_SEC, G_GINT64_CONSTANT (1700000000000000));
  w->last_identification = 1000;
  w->mobike = TRUE;
  w->tia = world_address (WORLD_TIA);
  w->log = g_string_new (NULL);
  w->actions = g_array_new (FALSE, FALSE, sizeof (CoordinatorAction));
  return w;
}

void
world_free (World *w)
{
  if (w == NULL)
    return;
  coordinator_free (w->c);
  g_string_free (w->log, TRUE);
  g_array_unref (w->actions);
  g_free (w);
}

/* ------------------------------------------------------------------- words ---- */

static void
begin (World *w)
{
  g_string_truncate (w->log, 0);
  g_array_set_size (w->actions, 0);
}

static void
say (World *w, int ifindex, const char *word)
{
  if (w->log->len > 0)
    g_string_append_c (w->log, ' ');
  g_string_append (w->log, word);
  if (ifindex > 1)
    g_string_append_printf (w->log, "/%d", ifindex);
}

static void
say_plan (World *w, const CoordinatorPlan *plan)
{
  static const char *const words[] = {
    [TUNNEL_MODE_BLOCKED] = "plan:drop", [TUNNEL_MODE_HOLD] = "plan:hold", [TUNNEL_MODE_HOME] = "plan:home",
    [TUNNEL_MODE_C] = "plan:c",          [TUNNEL_MODE_F] = "plan:f",       [TUNNEL_MODE_MC] = "plan:mc",
  };
  gboolean data = plan->mode != TUNNEL_MODE_BLOCKED && plan->mode != TUNNEL_MODE_HOLD;

  gboolean same = plan->mode == w->plan.mode && plan->ifindex == w->plan.ifindex &&
                  roam_addr_equal (&plan->mip_local, &w->plan.mip_local) &&
                  roam_addr_equal (&plan->next_hop, &w->plan.next_hop);

  /* A TIA or resolvers that came while the data stay where they are: not worth a word. */
  if (!same)
    say (w, data ? plan->ifindex : 1, words[plan->mode]);
  w->plan = *plan;
}

static void
note_request (World *w, const Mip4MnCommand *command)
{
  WorldRequest *request = &w->requests[command->path];

  if (command->form == MIP4_FORM_DEREGISTER)
    request = &w->deregistrations[command->path];
  request->serial = command->serial;
  request->form = command->form;
  request->care_of_address = command->care_of_address;
  request->agent = command->agent;
  request->sent_us = w->now.boot_us;
  request->identification = ++w->last_identification;
}

static void
say_mip4 (World *w, const Mip4MnCommand *command)
{
  gboolean vpn = command->path == MIP4_PATH_VPN;
  const char *word = NULL;

  g_assert_cmpuint (command->path, <, WORLD_N_PATHS);
  switch (command->type)
    {
    case MIP4_MN_REGISTER:
      note_request (w, command);
      g_assert_cmpint (command->first_timeout_us, ==, w->config.detect_timeout_us);
      g_assert_cmpuint (command->copies, ==, w->config.detect_retries + 1);
      if (command->form == MIP4_FORM_HOME)
        word = "home-rrq";
      else if (command->form == MIP4_FORM_DEREGISTER)
        word = vpn ? "vpn-dereg" : roam_addr_is_set (&command->agent.address) ? "fa-dereg" : "dereg";
      else if (command->form == MIP4_FORM_FOREIGN_AGENT)
        word = "fa-rrq";
      else if (command->form == MIP4_FORM_CO_LOCATED_VIA_AGENT)
        word = "via-rrq";
      else if (vpn)
        word = command->force_udp ? "vpn-rrq+F" : "vpn-rrq";
      else
        word = "rrq";
      break;
    case MIP4_MN_CANCEL:
      word = vpn ? "vpn-cancel" : "cancel";
      break;
    case MIP4_MN_FORGET:
      word = "forget";
      break;
    case MIP4_MN_AGENT:
      word = "agent";
      break;
    }
  say (w, (int)command->path, word);
}

static void
say_ike (World *w, const IkeCommand *command)
{
  switch (command->type)
    {
    case IKE_START:
      w->ike = *command;
      say (w, (int)command->path.ifindex, "start");
      return;
    case IKE_MOVE:
      w->ike = *command;
      say (w, (int)command->path.ifindex, command->move_children_now ? "move" : "move~");
      return;
    case IKE_CHECK:
      w->check_serial = command->serial;
      say (w, 1, "check");
      return;
    case IKE_TERMINATE:
      say (w, 1, "delete");
      return;
    case IKE_ABANDON:
      say (w, 1, "abandon");
      return;
    case IKE_PATHS:
      w->paths = *command;
      w->n_paths_told++;
      /* Before whatever goes out on them. */
      g_assert_null (strstr (w->log->str, "start"));
      g_assert_null (strstr (w->log->str, "move"));
      return;
    case IKE_REKEY_IKE:
    case IKE_REKEY_CHILD:
    case IKE_REAUTHENTICATE:
    case IKE_GATEWAYS:
    case IKE_FETCHED:
    case IKE_SIGNED:
      break;
    }
  g_assert_not_reached ();
}

static void
say_state (World *w, const CoordinatorTransition *state)
{
  g_autofree char *word = NULL;
  const char *row = state->row;

  if (g_str_has_prefix (row, "R5266-"))
    row += strlen ("R5266-");
  g_assert_nonnull (state->event);
  g_assert_cmpuint (strlen (state->reason), >, 0);
  word = g_strdup_printf ("%s>%s", row, coordinator_state_to_string (state->new_state));
  say (w, state->ifindex, word);
}

static void
say_alarm (World *w, const CoordinatorAction *action)
{
  static const char *const words[] = {
    [COORDINATOR_ALARM_NO_TNC] = "alarm:no-tnc",       [COORDINATOR_ALARM_TNC_OUTSIDE] = "alarm:tnc-outside",
    [COORDINATOR_ALARM_KEY_MISMATCH] = "alarm:key",    [COORDINATOR_ALARM_HA_DENIED] = "alarm:denied",
    [COORDINATOR_ALARM_VPN_AUTH] = "alarm:vpn-auth",   [COORDINATOR_ALARM_VPN_UNREACHABLE] = "alarm:vpn-unreachable",
    [COORDINATOR_ALARM_NO_MOBIKE] = "alarm:no-mobike", [COORDINATOR_ALARM_REVERSE_TUNNEL] = "alarm:reverse-tunnel",
    [COORDINATOR_ALARM_NO_PATH] = "alarm:no-path",     [COORDINATOR_ALARM_REVOKED] = "alarm:revoked",
    [COORDINATOR_ALARM_CLEARED] = "alarm:cleared",
  };

  w->last_sentence = action->alarm.sentence;
  /* A sentence says what to do, and ends. */
  g_assert_true (g_str_has_suffix (w->last_sentence, "."));
  say (w, action->alarm.ifindex, words[action->alarm.alarm]);
}

static void
say_handover (World *w, const CoordinatorHandover *handover)
{
  g_autofree char *word = g_strdup_printf ("handover:%s>%s", coordinator_state_to_mode (handover->from),
                                           coordinator_state_to_mode (handover->to));

  g_assert_cmpint (handover->began_us, <=, handover->ended_us);
  w->handover = *handover;
  say (w, 1, word);
}

static void
say_action (World *w, const CoordinatorAction *action)
{
  switch (action->type)
    {
    case COORDINATOR_ACTION_PLAN:
      say_plan (w, &action->plan);
      break;
    case COORDINATOR_ACTION_MIP4:
      say_mip4 (w, &action->mip4);
      break;
    case COORDINATOR_ACTION_IKE:
      say_ike (w, &action->ike);
      break;
    case COORDINATOR_ACTION_STATE:
      say_state (w, &action->state);
      break;
    case COORDINATOR_ACTION_ALARM:
      say_alarm (w, action);
      break;
    case COORDINATOR_ACTION_HANDOVER:
      say_handover (w, &action->handover);
      break;
    }
}

static void
drain (World *w)
{
  CoordinatorAction action;

  while (coordinator_pop_action (w->c, &action))
    {
      g_array_append_val (w->actions, action);
      say_action (w, &action);
    }
}

void
world_collect (World *w)
{
  drain (w);
}

void
world_forget (World *w)
{
  drain (w);
  begin (w);
}

void
world_expect_at (World *w, const char *words, const char *file, int line)
{
  if (g_str_equal (w->log->str, words))
    return;
  g_printerr ("# %s:%d\n# expected: %s\n# actual:   %s\n", file, line, words, w->log->str);
  g_test_fail ();
  g_assert_not_reached ();
}

void
world_expect_state_at (World *w, int ifindex, CoordinatorState state, const char *file, int line)
{
  g_autoptr (GArray) links = coordinator_dup_links (w->c);

  for (guint i = 0; i < links->len; i++)
    {
      const CoordinatorLinkStatus *status = &g_array_index (links, CoordinatorLinkStatus, i);

      if (status->link.ifindex != ifindex)
        continue;
      if (status->state != state)
        g_printerr ("# %s:%d: interface %d is in %s\n", file, line, ifindex,
                    coordinator_state_to_string (status->state));
      g_assert_cmpint (status->state, ==, state);
      return;
    }
  g_assert_not_reached ();
}

/* ------------------------------------------------------------ time and verbs ---- */

static void
tick (World *w, gint64 at_us)
{
  w->now.ntp += (guint64)(at_us - w->now.boot_us) * 4295;
  w->now.boot_us = at_us;
}

void
world_pass (World *w, gint64 us)
{
  gint64 until = w->now.boot_us + us;
  guint served = 0;

  begin (w);
  while (coordinator_next_deadline (w->c) <= until)
    {
      tick (w, MAX (coordinator_next_deadline (w->c), w->now.boot_us));
      coordinator_input_deadline (w->c, &w->now);
      drain (w);
      g_assert_cmpuint (++served, <, 1000);
    }
  tick (w, until);
}

static void
command (World *w, CoordinatorCommandType type, int ifindex)
{
  const CoordinatorCommand input = { .type = type, .ifindex = ifindex };

  begin (w);
  coordinator_input_command (w->c, &w->now, &input);
  drain (w);
}

void
world_enable (World *w)
{
  command (w, COORDINATOR_ENABLE, 0);
}

void
world_disable (World *w)
{
  command (w, COORDINATOR_DISABLE, 0);
}

void
world_redetect (World *w, int ifindex)
{
  command (w, COORDINATOR_REDETECT, ifindex);
}

/* ------------------------------------------------------------------- links ---- */

DetectLink
world_link (int ifindex, const char *address)
{
  static const struct
  {
    const char *name;
    DetectKind kind;
    guint32 metric;
  } kinds[] = { { "lo", DETECT_KIND_LOOPBACK, 0 },
                { "eth0", DETECT_KIND_ETHERNET, 100 },
                { "wlan0", DETECT_KIND_WIFI, 600 },
                { "wwan0", DETECT_KIND_WWAN, 700 } };
  DetectLink link = { .ifindex = ifindex, .candidate = TRUE, .up = TRUE, .mtu = 1500 };

  g_strlcpy (link.name, kinds[ifindex].name, sizeof link.name);
  link.kind = kinds[ifindex].kind;
  link.metric = kinds[ifindex].metric;
  if (address == NULL)
    return link;
  link.address = world_address (address);
  link.prefix_length = 24;
  link.gateway = roam_addr_from_u32 ((roam_addr_to_u32 (&link.address) & 0xffffff00u) | 1u);
  link.has_default_route = TRUE;
  return link;
}

void
world_link_event (World *w, DetectEventType type, const DetectLink *link)
{
  const DetectEvent event = { .type = type, .link = *link, .reason = "the test says so" };

  begin (w);
  coordinator_input_link (w->c, &w->now, &event);
  drain (w);
}

void
world_address_event (World *w, int ifindex, const char *address)
{
  const DetectLink link = world_link (ifindex, address);

  world_link_event (w, DETECT_EVENT_ADDRESS, &link);
}

void
world_hint (World *w, int ifindex, const char *address)
{
  const DetectLink link = world_link (ifindex, address);

  world_link_event (w, DETECT_EVENT_HINT, &link);
}

void
world_link_down (World *w, int ifindex)
{
  DetectLink link = world_link (ifindex, NULL);

  link.up = FALSE;
  world_link_event (w, DETECT_EVENT_LINK_DOWN, &link);
}

void
world_address_lost (World *w, int ifindex)
{
  const DetectLink link = world_link (ifindex, NULL);

  world_link_event (w, DETECT_EVENT_ADDRESS_LOST, &link);
}

/* ------------------------------------------------------------ Mobile IPv4 said ---- */

static void
input_mip4 (World *w, const Mip4MnEvent *event)
{
  begin (w);
  coordinator_input_mip4 (w->c, &w->now, event);
  drain (w);
}

static Mip4MnEvent
event_of (Mip4MnEventType type, Mip4Path path, const WorldRequest *request)
{
  return (Mip4MnEvent){
    .type = type,
    .path = path,
    .serial = request->serial,
    .form = request->form,
    .care_of_address = request->care_of_address,
    .lifetime_s = request->form == MIP4_FORM_HOME || request->form == MIP4_FORM_DEREGISTER ? 0 : 1800,
    .agent = request->agent.address,
    .sent_us = request->sent_us,
    .identification = request->identification,
    .reason = "the test says so",
  };
}

void
world_accept (World *w, Mip4Path path, gboolean tnc)
{
  Mip4MnEvent event = event_of (MIP4_MN_ACCEPTED, path, &w->requests[path]);

  event.tnc = tnc;
  input_mip4 (w, &event);
}

void
world_late (World *w, Mip4Path path, const WorldRequest *request, gboolean tnc)
{
  Mip4MnEvent event = event_of (MIP4_MN_LATE, path, request);

  event.tnc = tnc;
  input_mip4 (w, &event);
}

void
world_deny (World *w, Mip4Path path, guint8 code, gboolean will_retry)
{
  Mip4MnEvent event = event_of (MIP4_MN_DENIED, path, &w->requests[path]);

  event.code = code;
  event.will_retry = will_retry;
  input_mip4 (w, &event);
}

void
world_revoke (World *w, Mip4Path path)
{
  const Mip4MnEvent event = event_of (MIP4_MN_REVOKED, path, &w->requests[path]);

  input_mip4 (w, &event);
}

Mip4MnEvent
world_event (const World *w, Mip4MnEventType type, Mip4Path path)
{
  return event_of (type, path, &w->requests[path]);
}

void
world_input_mip4 (World *w, const Mip4MnEvent *event)
{
  input_mip4 (w, event);
}

void
world_exhaust (World *w, Mip4Path path)
{
  const Mip4MnEvent event = event_of (MIP4_MN_EXHAUSTED, path, &w->requests[path]);

  input_mip4 (w, &event);
}

void
world_discard (World *w, Mip4Path path, gboolean key_mismatch)
{
  Mip4MnEvent event = event_of (MIP4_MN_DISCARDED, path, &w->requests[path]);

  event.key_mismatch = key_mismatch;
  input_mip4 (w, &event);
}

void
world_renewal_due (World *w, Mip4Path path)
{
  const Mip4MnEvent event = event_of (MIP4_MN_RENEWAL_DUE, path, &w->requests[path]);

  input_mip4 (w, &event);
}

void
world_expire (World *w, Mip4Path path)
{
  const Mip4MnEvent event = event_of (MIP4_MN_EXPIRED, path, &w->requests[path]);

  input_mip4 (w, &event);
}

/* ----------------------------------------------------------------- agents said ---- */

Mip4Agent
world_agent (const char *address, guint16 flags)
{
  Mip4Agent agent = {
    .address = world_address (address),
    .link_layer = { 2, 0, 0, 0, 0xfa, 1 },
    .flags = flags,
    .registration_lifetime_s = 1800,
    .n_care_of = 1,
  };

  agent.care_of[0] = agent.address;
  return agent;
}

void
world_agent_event (World *w, Mip4DiscoveryEventType type, int ifindex, const Mip4Agent *agent)
{
  const Mip4DiscoveryEvent event = {
    .type = type,
    .path = (Mip4Path)ifindex,
    .agent = *agent,
    .serving = TRUE,
    .reason = "the test says so",
  };

  begin (w);
  coordinator_input_agent (w->c, &w->now, &event);
  drain (w);
}

/* --------------------------------------------------------------------- IKE said ---- */

static void
input_ike (World *w, IkeEventType type, guint32 serial)
{
  IkeEvent event = {
    .type = type,
    .serial = serial,
    .mobike = w->mobike,
    .nat_local = w->nat,
    .rtt_us = w->rtt_us,
    .reason = "the test says so",
  };

  if (type == IKE_EVENT_ESTABLISHED || type == IKE_EVENT_TIA_CHANGED)
    event.configuration.tia4 = w->tia;
  begin (w);
  coordinator_input_ike (w->c, &w->now, &event);
  drain (w);
}

void
world_v_event (World *w, IkeEventType type)
{
  input_ike (w, type, w->ike.serial);
}

void
world_v_ok (World *w)
{
  world_v_event (w, w->ike.type == IKE_START ? IKE_EVENT_ESTABLISHED : IKE_EVENT_PATH_OK);
}

void
world_v_fail (World *w)
{
  world_v_event (w, w->ike.type == IKE_START ? IKE_EVENT_FAILED : IKE_EVENT_PATH_FAILED);
}

void
world_check_ok (World *w)
{
  input_ike (w, IKE_EVENT_PATH_OK, w->check_serial);
}

void
world_path_changed (World *w, int ifindex, const char *address)
{
  const IkePath path = { .ifindex = (guint32)ifindex, .local = world_address (address) };

  begin (w);
  coordinator_input_path (w->c, &w->now, &path);
  drain (w);
}

void
world_tia_changed (World *w, const char *tia)
{
  w->tia = world_address (tia);
  world_v_event (w, IKE_EVENT_TIA_CHANGED);
}

/* ------------------------------------------------------------------- places ---- */

World *
world_new_detecting (const CoordinatorConfig *config, const char *address)
{
  World *w = world_new (config);

  world_enable (w);
  world_address_event (w, 1, address);
  world_expect_state (w, 1, COORDINATOR_DET_0);
  return w;
}

World *
world_new_c (const CoordinatorConfig *config)
{
  World *w = world_new_detecting (config, WORLD_INSIDE);

  world_accept (w, 1, TRUE);
  world_expect_state (w, 1, COORDINATOR_C);
  return w;
}

World *
world_new_f (const CoordinatorConfig *config)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);
  CoordinatorConfig prefer;
  World *w;

  world_config (&prefer);
  if (config != NULL)
    prefer = *config;
  prefer.agents = COORDINATOR_AGENTS_PREFER;
  w = world_new_c (&prefer);
  world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
  world_pass (w, WORLD_SEC);
  world_expect_state (w, 1, COORDINATOR_C_FA);
  world_accept (w, 1, TRUE);
  world_expect_state (w, 1, COORDINATOR_F);
  return w;
}

World *
world_new_home (const CoordinatorConfig *config)
{
  World *w = world_new_detecting (config, WORLD_HOME_ADDRESS);

  world_accept (w, 1, TRUE);
  world_expect_state (w, 1, COORDINATOR_HOME);
  return w;
}

World *
world_new_mcreg (const CoordinatorConfig *config)
{
  World *w = world_new_detecting (config, WORLD_OUTSIDE);

  world_v_ok (w);
  world_pass (w, config != NULL ? SETTLE_US + config->grace_us : SETTLE_US);
  world_expect_state (w, 1, COORDINATOR_MCREG);
  return w;
}

World *
world_new_mc (const CoordinatorConfig *config)
{
  World *w = world_new_mcreg (config);

  world_accept (w, MIP4_PATH_VPN, TRUE);
  world_pass (w, 7 * WORLD_SEC);
  world_exhaust (w, 1);
  world_accept (w, MIP4_PATH_VPN, TRUE);
  world_pass (w, 60 * WORLD_SEC);
  world_expect_state (w, 1, COORDINATOR_MC);
  return w;
}

World *
world_new_moved (const CoordinatorConfig *config)
{
  World *w = world_new_mc (config);

  world_address_event (w, 1, WORLD_OUTSIDE_2);
  world_expect_state (w, 1, COORDINATOR_DET_0);
  return w;
}
