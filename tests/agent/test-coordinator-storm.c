/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/coordinator-private.h"
#include "test-coordinator-world.h"

/*
 * Random events in random order on three interfaces; after each input the rules that no sequence of
 * events may break are checked against what the test itself knows. The seed is g_test's: --seed repeats
 * a run.
 */

#define N_LINKS 3
#define N_STEPS 500000
#define N_OLD 16

typedef struct
{
  World *w;
  CoordinatorConfig config;
  gboolean enabled;
  gint64 proofs[N_LINKS + 1];          /* sending time of the last good answer since the link last changed; 0: none */
  gboolean direct_proofs[N_LINKS + 1]; /* a good answer to a request that went through no agent, since then */
  gboolean opened_link;                /* the input under way was a link event that must be answered at once */
  struct
  {
    Mip4Path path;
    WorldRequest request;
  } old[N_OLD];
  guint n_old;
  guint32 last_serial;
  guint handovers, data_inputs, agent_requests;
  guint seen[COORDINATOR_N_STATES];
} Storm;

/* ----------------------------------------------------------------- invariants ---- */

static gboolean
is_data (TunnelMode mode)
{
  return mode == TUNNEL_MODE_HOME || mode == TUNNEL_MODE_C || mode == TUNNEL_MODE_F || mode == TUNNEL_MODE_MC;
}

static gboolean
is_rest (CoordinatorState state)
{
  return state == COORDINATOR_OFF || state == COORDINATOR_OFFLINE || state == COORDINATOR_ACQUIRE;
}

static gboolean
is_detecting (CoordinatorState state)
{
  return state >= COORDINATOR_DET_0 && state <= COORDINATOR_DET_V;
}

/* Plain traffic only on the very interface that proved itself, and not longer than T_MONITOR. */
static void
check_proof (Storm *s, const CoordinatorPlan *plan)
{
  World *w = s->w;

  if (plan->mode != TUNNEL_MODE_HOME && plan->mode != TUNNEL_MODE_C && plan->mode != TUNNEL_MODE_F)
    return;
  g_assert_cmpint (plan->ifindex, >, 0);
  g_assert_cmpint (s->proofs[plan->ifindex], !=, 0);
  g_assert_cmpint (w->now.boot_us - s->proofs[plan->ifindex], <, s->config.t_monitor_us);
}

/* One active interface at most; beside it one on trial at most, and not while the active one detects. */
static void
check_links (Storm *s)
{
  g_autoptr (GArray) links = coordinator_dup_links (s->w->c);
  guint n_active = 0, n_probes = 0;
  gboolean flows = FALSE;

  for (guint i = 0; i < links->len; i++)
    {
      const CoordinatorLinkStatus *status = &g_array_index (links, CoordinatorLinkStatus, i);

      s->seen[status->state]++;
      if (status->active)
        {
          n_active++;
          flows = status->state >= COORDINATOR_HOME && status->state != COORDINATOR_MCREG &&
                  status->state != COORDINATOR_BLOCKED;
          g_assert_cmpint (is_data (s->w->plan.mode), ==, flows);
          /* The registration that data wait for does not end a trial. */
          flows |= status->state == COORDINATOR_MCREG;
        }
      else if (!is_rest (status->state))
        {
          g_assert_true (is_detecting (status->state));
          n_probes++;
        }
      g_assert_cmpint (status->trusted, ==, status->proved_us != 0);
    }
  g_assert_cmpuint (n_active, <=, 1);
  g_assert_cmpuint (n_probes, <=, flows ? 1 : 0);
  if (n_active == 0)
    g_assert_false (is_data (s->w->plan.mode));
}

/* Plan, IKE, Mobile IPv4, then the news: in this order within an input. */
static void
check_order (Storm *s, gboolean goodbye)
{
  GArray *actions = s->w->actions;
  int last = -1;

  g_assert_cmpuint (actions->len, <, 40);
  for (guint i = 0; i < actions->len; i++)
    {
      const CoordinatorAction *action = &g_array_index (actions, CoordinatorAction, i);
      int phase = (int)action->type;

      if (action->type == COORDINATOR_ACTION_IKE)
        phase = goodbye ? COORDINATOR_ACTION_IKE : COORDINATOR_ACTION_PLAN;
      else if (action->type == COORDINATOR_ACTION_MIP4)
        phase = goodbye ? COORDINATOR_ACTION_MIP4 : COORDINATOR_ACTION_IKE;
      g_assert_cmpint (phase, >=, last);
      last = phase;
      if (action->type == COORDINATOR_ACTION_HANDOVER)
        s->handovers++;
      if (action->type != COORDINATOR_ACTION_MIP4 || action->mip4.type != MIP4_MN_REGISTER)
        continue;
      g_assert_cmpuint (action->mip4.serial, >, s->last_serial);
    }
}

/* covers: R5266-MODE-006, R5266-SEC-008, R5266-MODE-002 */
static void
check_agents (Storm *s)
{
  const CoordinatorPlan *plan = &s->w->plan;

  for (guint i = 0; i < s->w->actions->len; i++)
    {
      const CoordinatorAction *action = &g_array_index (s->w->actions, CoordinatorAction, i);
      const Mip4MnCommand *command = &action->mip4;

      if (action->type != COORDINATOR_ACTION_MIP4 || command->type != MIP4_MN_REGISTER)
        continue;
      if (command->form != MIP4_FORM_FOREIGN_AGENT && command->form != MIP4_FORM_CO_LOCATED_VIA_AGENT)
        continue;
      s->agent_requests++;
      g_assert_cmpuint (command->path, !=, MIP4_PATH_VPN);
      g_assert_true (s->direct_proofs[command->path]);
      g_assert_true (roam_addr_is_set (&command->agent.address));
      g_assert_true (roam_addr_is_set (&command->care_of_address));
    }
  if (plan->mode == TUNNEL_MODE_F)
    g_assert_true (roam_addr_is_set (&plan->agent.address));
}

/* covers: R5266-DET-013 */
static void
check_same_turn (Storm *s)
{
  GArray *actions = s->w->actions;
  int opened = 0;
  gboolean ike = FALSE, mip4 = FALSE;

  if (!s->opened_link)
    return;
  for (guint i = 0; i < actions->len; i++)
    {
      const CoordinatorAction *action = &g_array_index (actions, CoordinatorAction, i);

      if (action->type == COORDINATOR_ACTION_STATE && action->state.new_state == COORDINATOR_DET_0 &&
          (g_str_equal (action->state.event, "Addr") || g_str_equal (action->state.event, "Hint") ||
           g_str_equal (action->state.event, "HomeLink")))
        opened = action->state.ifindex;
    }
  for (guint i = 0; i < actions->len && opened != 0; i++)
    {
      const CoordinatorAction *action = &g_array_index (actions, CoordinatorAction, i);

      ike |= action->type == COORDINATOR_ACTION_IKE &&
             (action->ike.type == IKE_START || action->ike.type == IKE_MOVE) &&
             action->ike.path.ifindex == (guint32)opened;
      mip4 |= action->type == COORDINATOR_ACTION_MIP4 && action->mip4.type == MIP4_MN_REGISTER &&
              action->mip4.path == (Mip4Path)opened;
    }
  /* After a failure the next START waits out its back-off; the Registration Request does not. */
  if (s->w->c->vpn.state == COORDINATOR_VPN_DELAYED && s->w->c->vpn.not_before_us > s->w->now.boot_us)
    ike = TRUE;
  if (opened != 0 && !(ike && mip4))
    g_error ("interface %d was opened without both: %s", opened, s->w->log->str);
}

static void
check_plan (Storm *s)
{
  const CoordinatorPlan *plan = &s->w->plan;

  check_proof (s, plan);
  if (!s->enabled)
    g_assert_cmpint (plan->mode, ==, TUNNEL_MODE_BLOCKED);
  if (plan->mode == TUNNEL_MODE_MC)
    g_assert_true (roam_addr_is_set (&plan->tia) && roam_addr_equal (&plan->tia, &plan->mip_local));
  if (plan->mode == TUNNEL_MODE_C)
    g_assert_true (roam_addr_is_set (&plan->mip_local) && !roam_addr_equal (&plan->tia, &plan->mip_local));
  s->data_inputs += is_data (plan->mode);
}

static void
check (Storm *s, gboolean goodbye)
{
  World *w = s->w;

  /* What led to a failure: run again with --verbose and the seed. */
  if (g_test_verbose ())
    g_printerr ("# %" G_GINT64_FORMAT " ms: %s\n", w->now.boot_us / WORLD_MSEC, w->log->str);
  check_order (s, goodbye);
  check_same_turn (s);
  check_plan (s);
  check_agents (s);
  check_links (s);
  for (guint i = 0; i < w->actions->len; i++)
    {
      const CoordinatorAction *action = &g_array_index (w->actions, CoordinatorAction, i);

      if (action->type == COORDINATOR_ACTION_MIP4)
        s->last_serial = MAX (s->last_serial, action->mip4.serial);
    }
  s->opened_link = FALSE;
}

/* --------------------------------------------------------------------- events ---- */

static int
any_link (void)
{
  return g_test_rand_int_range (1, N_LINKS + 1);
}

static gboolean
chance (int percent)
{
  return g_test_rand_int_range (0, 100) < percent;
}

static const char *
any_address (void)
{
  static const char *const addresses[] = { WORLD_HOME_ADDRESS, WORLD_INSIDE,    WORLD_INSIDE_2,
                                           WORLD_OUTSIDE,      WORLD_OUTSIDE_2, "192.168.77.50" };

  return addresses[g_test_rand_int_range (0, G_N_ELEMENTS (addresses))];
}

static void
link_storm (Storm *s)
{
  int ifindex = any_link ();
  DetectLink link = world_link (ifindex, chance (80) ? any_address () : NULL);

  s->proofs[ifindex] = 0;
  s->direct_proofs[ifindex] = FALSE;
  if (chance (20))
    link.up = FALSE;
  s->opened_link = TRUE;
  world_link_event (s->w, (DetectEventType)g_test_rand_int_range (0, DETECT_EVENT_HINT + 1), &link);
}

static Mip4Path
any_path (void)
{
  return chance (40) ? MIP4_PATH_VPN : (Mip4Path)any_link ();
}

static void
accept_storm (Storm *s, Mip4Path path)
{
  World *w = s->w;
  WorldRequest *request = &w->requests[path];
  gboolean tnc = chance (60);
  gint64 copy_us = w->now.boot_us - g_test_rand_int_range (0, 4000000);

  /* Sometimes a later copy is what was answered. */
  if (chance (30))
    {
      request->sent_us = MAX (request->sent_us, copy_us);
      request->identification = ++w->last_identification;
    }
  if (path != MIP4_PATH_VPN && tnc && !roam_addr_is_set (&request->agent.address))
    s->direct_proofs[path] = TRUE;
  if (path != MIP4_PATH_VPN && tnc)
    s->proofs[path] = MAX (s->proofs[path], request->sent_us);
  world_accept (w, path, tnc);
}

static void
late_storm (Storm *s)
{
  guint i;

  if (s->n_old == 0)
    return;
  i = (guint)g_test_rand_int_range (0, (gint32)MIN (s->n_old, N_OLD));
  world_late (s->w, s->old[i].path, &s->old[i].request, chance (60));
}

static void
mip4_storm (Storm *s)
{
  Mip4Path path = any_path ();
  World *w = s->w;

  if (w->requests[path].serial == 0)
    return;
  s->old[s->n_old % N_OLD].path = path;
  s->old[s->n_old++ % N_OLD].request = w->requests[path];
  switch (g_test_rand_int_range (0, 13))
    {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      accept_storm (s, path);
      break;
    case 5:
      world_deny (w, path, 133, TRUE);
      break;
    case 6:
      world_deny (w, path, chance (50) ? 130 : 137, FALSE);
      break;
    case 7:
      world_exhaust (w, path);
      break;
    case 8:
      world_discard (w, path, chance (30));
      break;
    case 9:
      world_renewal_due (w, path);
      break;
    case 10:
      world_expire (w, path);
      break;
    case 11:
      if (chance (20))
        world_revoke (w, path);
      break;
    default:
      late_storm (s);
      break;
    }
}

static void
agent_storm (Storm *s)
{
  static const guint16 flags[] = {
    WORLD_AGENT_FLAGS,
    WORLD_AGENT_FLAGS | MIP4_AGENT_REGISTRATION_REQUIRED,
    WORLD_AGENT_FLAGS | MIP4_AGENT_BUSY,
    MIP4_AGENT_FOREIGN,
    MIP4_AGENT_HOME,
  };
  Mip4Agent agent =
    world_agent (chance (70) ? WORLD_AGENT : WORLD_AGENT_2, flags[g_test_rand_int_range (0, G_N_ELEMENTS (flags))]);
  Mip4DiscoveryEventType type = MIP4_DISCOVERY_AGENT_NEW;

  if (chance (30))
    type = (Mip4DiscoveryEventType)g_test_rand_int_range (0, MIP4_DISCOVERY_HOME_AGENT + 1);
  world_agent_event (s->w, type, any_link (), &agent);
}

static void
ike_storm (Storm *s)
{
  World *w = s->w;

  if (w->ike.serial == 0)
    return;
  if (chance (60))
    world_v_ok (w);
  else if (chance (30))
    world_v_fail (w);
  else if (chance (30))
    world_check_ok (w);
  else if (chance (30))
    world_tia_changed (w, chance (50) ? WORLD_TIA : WORLD_TIA_2);
  else
    world_v_event (w, (IkeEventType)g_test_rand_int_range (0, IKE_EVENT_NAT_CHANGED + 1));
}

static void
time_storm (Storm *s)
{
  World *w = s->w;
  gint64 until = w->now.boot_us;
  guint served = 0;

  until += chance (70) ? g_test_rand_int_range (0, 2000) * WORLD_MSEC : g_test_rand_int_range (0, 70000) * WORLD_MSEC;
  /* A sleep: nothing is served until the end. */
  if (chance (10))
    {
      w->now.boot_us = until;
      world_forget (w);
      return;
    }
  while (coordinator_next_deadline (w->c) <= until)
    {
      world_pass (w, MAX (coordinator_next_deadline (w->c) - w->now.boot_us, 0));
      check (s, FALSE);
      g_assert_cmpuint (++served, <, 500);
    }
  w->now.boot_us = until;
  world_forget (w);
}

static void
switch_storm (Storm *s)
{
  if (chance (90))
    {
      world_redetect (s->w, chance (50) ? 0 : any_link ());
      return;
    }
  if (s->enabled)
    {
      s->enabled = FALSE;
      world_disable (s->w);
      check (s, TRUE);
    }
  s->enabled = TRUE;
  world_enable (s->w);
}

static void
step (Storm *s)
{
  int dice = g_test_rand_int_range (0, 100);

  world_forget (s->w);
  s->opened_link = FALSE;

  /* A sleep may have passed the end of a proof; the next input must notice, and is checked. */
  if (dice < 12)
    link_storm (s);
  else if (dice < 50)
    mip4_storm (s);
  else if (dice < 58)
    agent_storm (s);
  else if (dice < 76)
    ike_storm (s);
  else if (dice < 98)
    {
      time_storm (s);
      return;
    }
  else
    switch_storm (s);
  /* The events that lead nowhere make no input. */
  if (s->w->actions->len > 0)
    check (s, FALSE);
}

static guint seen[COORDINATOR_N_STATES]; /* in all variants */

static void
storm (guint variant)
{
  Storm s = { .enabled = TRUE };

  world_config (&s.config);
  s.config.vpn_inside_keep = (variant & 1) == 0;
  s.config.grace_us = (variant & 2) == 0 ? 0 : WORLD_SEC;
  s.config.mc_refresh = (variant & 4) == 0;
  s.config.agents = (CoordinatorAgents)(variant % 3);
  {
    g_autoptr (World) w = world_new (&s.config);

    s.w = w;
    world_enable (w);
    for (guint i = 0; i < N_STEPS / 8; i++)
      step (&s);
  }
  g_test_message ("variant %u: %u handovers, %u inputs with data", variant, s.handovers, s.data_inputs);
  /* A storm that never gets anywhere proves nothing. */
  g_assert_cmpuint (s.handovers, >, 100);
  for (guint state = COORDINATOR_ACQUIRE; state < COORDINATOR_N_STATES; state++)
    {
      seen[state] += s.seen[state];
      if (s.config.agents == COORDINATOR_AGENTS_NEVER && (state == COORDINATOR_C_FA || state == COORDINATOR_F))
        g_assert_cmpuint (s.seen[state], ==, 0);
    }
}

/* covers: R5266-DET-007, R5266-DET-023, R5266-MON-004, R5266-TRF-006, R5266-DET-006 */
static void
test_storm (gconstpointer data)
{
  storm (GPOINTER_TO_UINT (data));
}

static void
test_every_state (void)
{
  for (guint state = COORDINATOR_ACQUIRE; state < COORDINATOR_N_STATES; state++)
    g_assert_cmpuint (seen[state], >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint variant = 0; variant < 8; variant++)
    {
      g_autofree char *path = g_strdup_printf ("/coordinator-storm/%u", variant);

      g_test_add_data_func (path, GUINT_TO_POINTER (variant), test_storm);
    }
  g_test_add_func ("/coordinator-storm/every-state", test_every_state);
  return g_test_run ();
}
