/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-coordinator-world.h"

/*
 * Foreign agents, through the public verbs: when one is asked (D-24, A-18, A-22), what its loss, its
 * restart and its refusals lead to, and what the data plane is told.
 */

static void
config_with (CoordinatorAgents agents, CoordinatorConfig *ret_config)
{
  world_config (ret_config);
  ret_config->agents = agents;
}

static const CoordinatorAction *
find_register (const World *w)
{
  for (guint i = 0; i < w->actions->len; i++)
    {
      const CoordinatorAction *action = &g_array_index (w->actions, CoordinatorAction, i);

      if (action->type == COORDINATOR_ACTION_MIP4 && action->mip4.type == MIP4_MN_REGISTER)
        return action;
    }
  g_assert_not_reached ();
}

/* Heard before, and everywhere outside: recorded, never asked. */
/* covers: R5266-U-30, R5266-MODE-006, R5266-MODE-007, R5266-SEC-008 */
static void
test_never_before_a_proof (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS | MIP4_AGENT_REGISTRATION_REQUIRED);
  CoordinatorConfig config;

  config_with (COORDINATOR_AGENTS_PREFER, &config);
  {
    g_autoptr (World) w = world_new_detecting (&config, WORLD_INSIDE);

    world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
    world_expect (w, "");
    world_v_ok (w);
    world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
    world_expect (w, "");
    world_pass (w, 300 * WORLD_MSEC);
    world_expect (w, "vpn-rrq ST-058>MCREG");
    world_accept (w, MIP4_PATH_VPN, TRUE);
    world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
    world_expect (w, "");
    world_exhaust (w, 1);
    world_agent_event (w, MIP4_DISCOVERY_AGENT_CHANGED, 1, &agent);
    world_agent_event (w, MIP4_DISCOVERY_AGENT_RESET, 1, &agent);
    world_expect (w, "");
    world_pass (w, 60 * WORLD_SEC);
    world_expect_state (w, 1, COORDINATOR_MC);
  }
}

/* covers: R5266-ST-010 */
static void
test_only_an_agent (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS | MIP4_AGENT_REGISTRATION_REQUIRED);
  CoordinatorConfig config;

  config_with (COORDINATOR_AGENTS_PREFER, &config);
  {
    /* a link with an agent and no address is no link. */
    g_autoptr (World) w = world_new (&config);
    const DetectLink bare = world_link (1, NULL);

    world_enable (w);
    world_link_event (w, DETECT_EVENT_LINK_UP, &bare);
    world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
    world_expect (w, "");
    world_pass (w, 60 * WORLD_SEC);
    world_expect_state (w, 1, COORDINATOR_ACQUIRE);
  }
}

/* covers: R5266-MODE-002, R5266-MODE-008, R5266-MODE-013, R5266-INT-003, R5266-ST-128, R5266-ST-156, MIP-MOV-020 */
static void
test_c_then_f (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);
  CoordinatorConfig config;

  config_with (COORDINATOR_AGENTS_PREFER, &config);
  {
    g_autoptr (World) w = world_new_detecting (&config, WORLD_INSIDE);
    const CoordinatorAction *request;

    world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
    world_pass (w, 20 * WORLD_MSEC);
    world_accept (w, 1, TRUE);
    world_expect (w, "plan:c ST-020>C handover:offline>c");
    /* one second after the direct one. */
    world_pass (w, 979 * WORLD_MSEC);
    world_expect (w, "");
    world_pass (w, WORLD_MSEC);
    world_expect (w, "fa-rrq ST-128>C.FA");
    request = find_register (w);
    g_assert_cmpint (request->mip4.form, ==, MIP4_FORM_FOREIGN_AGENT);
    g_assert_true (roam_addr_equal (&request->mip4.agent.address, &agent.address));
    g_assert_true (roam_addr_equal (&request->mip4.care_of_address, &agent.care_of[0]));
    /* Data go on as in c until the answer is there. */
    g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_C);
    world_accept (w, 1, TRUE);
    world_expect (w, "plan:f ST-156>F handover:c>f");
    g_assert_true (roam_addr_equal (&w->plan.agent.address, &agent.address));
    g_assert_cmpmem (w->plan.agent.link_layer, 6, agent.link_layer, 6);
    g_assert_false (w->plan.encapsulating);
    g_assert_cmpstr (coordinator_state_to_mode (coordinator_get_state (w->c)), ==, "f");
  }
}

/* covers: MIP-MOV-019, R5266-MODE-008 */
static void
test_r_bit (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, MIP4_AGENT_FOREIGN | MIP4_AGENT_REGISTRATION_REQUIRED);
  const Mip4Agent plain = world_agent (WORLD_AGENT_2, WORLD_AGENT_FLAGS);
  g_autoptr (World) w = world_new_c (NULL);
  const CoordinatorAction *request;

  world_pass (w, 2 * WORLD_SEC);
  /* Nobody asked for it: the default stays co-located. */
  world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &plain);
  world_expect (w, "");
  world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
  world_expect (w, "via-rrq ST-128>C.FA");
  request = find_register (w);
  g_assert_cmpint (request->mip4.form, ==, MIP4_FORM_CO_LOCATED_VIA_AGENT);
  g_assert_true (roam_addr_equal (&request->mip4.care_of_address, &w->plan.mip_local));
  world_accept (w, 1, TRUE);
  /* The tunnel ends here as before. */
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_C);
  g_assert_true (roam_addr_equal (&w->plan.agent.address, &agent.address));
  world_expect_state (w, 1, COORDINATOR_F);
  world_pass (w, 50 * WORLD_SEC);
  world_expect (w, "via-rrq ST-195>F");
}

static void
test_never (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS | MIP4_AGENT_REGISTRATION_REQUIRED);
  CoordinatorConfig config;

  config_with (COORDINATOR_AGENTS_NEVER, &config);
  {
    g_autoptr (World) w = world_new_c (&config);

    world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
    world_pass (w, 20 * WORLD_SEC);
    world_expect (w, "");
    world_expect_state (w, 1, COORDINATOR_C);
  }
}

/* Disabled, nobody listens: an agent of before may be gone. */
static void
test_forgotten_when_disabled (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);
  CoordinatorConfig config;

  config_with (COORDINATOR_AGENTS_PREFER, &config);
  {
    g_autoptr (World) w = world_new_c (&config);

    world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
    world_pass (w, WORLD_SEC);
    world_disable (w);
    world_enable (w);
    world_pass (w, 20 * WORLD_MSEC);
    world_accept (w, 1, TRUE);
    world_expect_state (w, 1, COORDINATOR_C);
    world_pass (w, 5 * WORLD_SEC);
    world_expect_state (w, 1, COORDINATOR_C);
    /* Heard anew, it is asked. */
    world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
    world_expect_state (w, 1, COORDINATOR_C_FA);
  }
}

/* Busy, without reverse tunnels, or without a care-of address: not for mode f. */
/* covers: MIP-ADV-014 */
static void
test_useless_agents (void)
{
  Mip4Agent agents[] = {
    world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS | MIP4_AGENT_BUSY),
    world_agent (WORLD_AGENT, MIP4_AGENT_FOREIGN),
    world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS),
  };
  CoordinatorConfig config;

  agents[2].n_care_of = 0;
  config_with (COORDINATOR_AGENTS_PREFER, &config);
  for (guint i = 0; i < G_N_ELEMENTS (agents); i++)
    {
      g_autoptr (World) w = world_new_c (&config);

      world_pass (w, 2 * WORLD_SEC);
      world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agents[i]);
      world_expect (w, "");
      world_expect_state (w, 1, COORDINATOR_C);
    }
}

/* covers: R5266-MON-001, R5266-MON-002, R5266-ST-195, R5266-ST-183, R5266-ST-196, R5266-MON-004 */
static void
test_monitoring (void)
{
  g_autoptr (World) w = world_new_f (NULL);

  world_pass (w, 50 * WORLD_SEC);
  world_expect (w, "fa-rrq ST-195>F");
  world_accept (w, 1, TRUE);
  world_expect (w, "ST-183>F");
  world_pass (w, 50 * WORLD_SEC);
  world_expect (w, "fa-rrq ST-195>F");
  /* Nobody answers: the end of the proof is the end of the data. */
  world_pass (w, 10 * WORLD_SEC);
  world_expect (w, "plan:hold start rrq ST-196>DET.0");
}

/* covers: R5266-MON-010, R5266-ST-184 */
static void
test_tnc_is_gone (void)
{
  g_autoptr (World) w = world_new_f (NULL);

  world_pass (w, 50 * WORLD_SEC);
  world_accept (w, 1, FALSE);
  world_expect (w, "plan:hold start rrq ST-184>DET.0 alarm:no-tnc");
}

/* covers: R5266-ST-180, MIP-MOV-004, MIP-MOV-011 */
static void
test_lost (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);
  const Mip4Agent other = world_agent (WORLD_AGENT_2, WORLD_AGENT_FLAGS);
  g_autoptr (World) w = world_new_f (NULL);

  /* MIP-MOV-014: a newer one, or its loss, is no reason for anything. */
  world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &other);
  world_expect (w, "");
  world_agent_event (w, MIP4_DISCOVERY_AGENT_LOST, 1, &other);
  world_expect (w, "");
  world_agent_event (w, MIP4_DISCOVERY_AGENT_LOST, 1, &agent);
  world_expect (w, "plan:hold start rrq ST-180>DET.0");
  /* In the co-located form, and gone means gone. */
  g_assert_cmpint (find_register (w)->mip4.form, ==, MIP4_FORM_CO_LOCATED);
  world_accept (w, 1, TRUE);
  world_pass (w, 20 * WORLD_SEC);
  world_expect_state (w, 1, COORDINATOR_C);
}

/* covers: MIP-MOV-014, R5266-ST-179 */
static void
test_another_agent (void)
{
  const Mip4Agent other = world_agent (WORLD_AGENT_2, WORLD_AGENT_FLAGS | MIP4_AGENT_REGISTRATION_REQUIRED);
  g_autoptr (World) w = world_new_f (NULL);

  world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &other);
  world_expect (w, "");
  world_pass (w, 20 * WORLD_SEC);
  world_expect (w, "");
}

/* covers: MIP-MOV-005 */
static void
test_second_agent_takes_over (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);
  const Mip4Agent other = world_agent (WORLD_AGENT_2, WORLD_AGENT_FLAGS);
  g_autoptr (World) w = world_new_f (NULL);

  world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &other);
  world_agent_event (w, MIP4_DISCOVERY_AGENT_LOST, 1, &agent);
  world_accept (w, 1, TRUE);
  world_pass (w, WORLD_SEC);
  world_expect (w, "fa-rrq ST-128>C.FA");
  g_assert_true (roam_addr_equal (&find_register (w)->mip4.agent.address, &other.address));
}

/* covers: R5266-ST-181, R5266-ST-182, MIP-MOV-012, MIP-MOV-023 */
static void
test_reset (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);
  const Mip4Agent busy = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS | MIP4_AGENT_BUSY);
  g_autoptr (World) w = world_new_f (NULL);

  world_pass (w, 2 * WORLD_SEC);
  world_agent_event (w, MIP4_DISCOVERY_AGENT_RESET, 1, &agent);
  world_expect (w, "fa-rrq");
  world_accept (w, 1, TRUE);
  world_agent_event (w, MIP4_DISCOVERY_AGENT_RESET, 1, &busy);
  world_expect (w, "plan:hold start rrq ST-182>DET.0");
  world_accept (w, 1, TRUE);
  world_pass (w, 20 * WORLD_SEC);
  world_expect_state (w, 1, COORDINATOR_C);
}

/* covers: R5266-ST-160, R5266-ST-162, MIP-ADV-014 */
static void
test_refused (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);
  CoordinatorConfig config;

  config_with (COORDINATOR_AGENTS_PREFER, &config);
  for (int silent = 0; silent < 2; silent++)
    {
      g_autoptr (World) w = world_new_c (&config);
      Mip4MnEvent event;

      world_pass (w, 2 * WORLD_SEC);
      world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
      event = world_event (w, silent ? MIP4_MN_EXHAUSTED : MIP4_MN_DENIED, 1);
      event.code = 66;
      event.by_agent = TRUE;
      world_input_mip4 (w, &event);
      /* Data never stopped, nobody is alarmed, and this agent is left alone. */
      world_expect (w, silent ? "rrq ST-162>C" : "rrq ST-160>C");
      world_accept (w, 1, TRUE);
      world_pass (w, 20 * WORLD_SEC);
      world_expect (w, "");
      /* Until it begins anew. */
      world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
      world_expect (w, "fa-rrq ST-128>C.FA");
    }
}

/* covers: R5266-ST-169, R5266-ST-157 */
static void
test_monitoring_while_asking (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);
  CoordinatorConfig config;

  config_with (COORDINATOR_AGENTS_PREFER, &config);
  {
    g_autoptr (World) w = world_new_c (&config);

    world_pass (w, 48 * WORLD_SEC);
    world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
    world_expect (w, "fa-rrq ST-128>C.FA");
    world_pass (w, 2 * WORLD_SEC);
    world_expect (w, "rrq ST-169>C.FA");
    world_accept (w, 1, TRUE);
    world_expect (w, "fa-rrq ST-157>C.FA");
    world_accept (w, 1, TRUE);
    world_expect (w, "plan:f ST-156>F handover:c>f");
  }
}

/* T_MONITOR shorter than the budget of a request: an agent that never answers is given up all the same. */
static void
test_short_monitor (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);
  CoordinatorConfig config;

  config_with (COORDINATOR_AGENTS_PREFER, &config);
  config.t_monitor_us = 10 * WORLD_SEC;
  config.monitor_margin_us = 6 * WORLD_SEC;
  {
    g_autoptr (World) w = world_new_c (&config);

    world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
    world_pass (w, 4 * WORLD_SEC);
    world_expect (w, "fa-rrq ST-128>C.FA rrq ST-169>C.FA");
    world_accept (w, 1, TRUE);
    world_expect (w, "fa-rrq ST-157>C.FA");
    world_pass (w, 4 * WORLD_SEC);
    world_accept (w, 1, TRUE);
    world_expect (w, "rrq ST-157>C.FA ST-162>C");
    world_accept (w, 1, TRUE);
    world_pass (w, 3 * WORLD_SEC);
    world_expect (w, "");
  }
}

/* A newer challenge or other flags go to the engine; they are no event of the machine. */
/* covers: MIP-CHL-010 */
static void
test_changed (void)
{
  Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);
  const Mip4Agent other = world_agent (WORLD_AGENT_2, WORLD_AGENT_FLAGS);
  g_autoptr (World) w = world_new_f (NULL);

  agent.challenge[0] = 7;
  agent.n_challenge = 4;
  world_agent_event (w, MIP4_DISCOVERY_AGENT_CHANGED, 1, &other);
  world_expect (w, "");
  world_agent_event (w, MIP4_DISCOVERY_AGENT_CHANGED, 1, &agent);
  world_expect (w, "agent");
  world_pass (w, 50 * WORLD_SEC);
  g_assert_cmpuint (find_register (w)->mip4.agent.n_challenge, ==, 4);
}

/* News of the agent in the pass in which a request is due do not void the request. */
static void
test_news_and_request (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);
  g_autoptr (World) w = world_new_f (NULL);

  w->now.boot_us += 50 * WORLD_SEC;
  world_agent_event (w, MIP4_DISCOVERY_AGENT_CHANGED, 1, &agent);
  world_expect (w, "fa-rrq agent ST-195>F");
}

/* covers: MIP-REV-011, MIP-REV-016 */
static void
test_encapsulating (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);
  CoordinatorConfig config;

  config_with (COORDINATOR_AGENTS_PREFER, &config);
  {
    g_autoptr (World) w = world_new_c (&config);
    Mip4MnEvent event;

    world_pass (w, 2 * WORLD_SEC);
    world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 1, &agent);
    event = world_event (w, MIP4_MN_ACCEPTED, 1);
    event.tnc = TRUE;
    event.encapsulating_delivery = TRUE;
    event.agent = world_address ("10.2.0.11");
    event.home_agent = world_address ("10.1.0.3");
    world_input_mip4 (w, &event);
    world_expect (w, "plan:f ST-156>F handover:c>f");
    g_assert_true (w->plan.encapsulating);
    /* D-27: the tunnel ends where the answer came from; the home agent is the one that answered. */
    g_assert_true (roam_addr_equal (&w->plan.agent.address, &event.agent));
    g_assert_true (roam_addr_equal (&w->plan.home_agent, &event.home_agent));
  }
}

/* covers: R5266-NAT-001, MIP-REV-016 */
static void
test_udp_tunnel_in_c (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_INSIDE);
  Mip4MnEvent event = world_event (w, MIP4_MN_ACCEPTED, 1);

  event.tnc = TRUE;
  event.udp_tunnel = TRUE;
  event.keepalive_s = 30;
  event.home_agent = world_address ("10.1.0.3");
  world_input_mip4 (w, &event);
  world_expect (w, "plan:c ST-020>C handover:offline>c");
  g_assert_true (w->plan.mip_udp);
  g_assert_cmpuint (w->plan.keepalive_s, ==, 30);
  g_assert_true (roam_addr_equal (&w->plan.home_agent, &event.home_agent));
  /* The next answer says otherwise: the plan follows, the state does not change. */
  world_pass (w, 50 * WORLD_SEC);
  world_accept (w, 1, TRUE);
  g_assert_false (w->plan.mip_udp);
  world_expect_state (w, 1, COORDINATOR_C);
}

/* covers: R5266-NAT-003 */
static void
test_udp_tunnel_in_mc (void)
{
  g_autoptr (World) w = world_new_mcreg (NULL);
  Mip4MnEvent event = world_event (w, MIP4_MN_ACCEPTED, MIP4_PATH_VPN);

  event.udp_tunnel = TRUE;
  event.keepalive_s = 110;
  world_input_mip4 (w, &event);
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_MC);
  g_assert_true (w->plan.mip_udp);
  g_assert_cmpuint (w->plan.keepalive_s, ==, 110);
}

/* The prefixes say that we are elsewhere: a hint, as a reassociation. */
/* covers: MIP-MOV-007, R5266-DET-025 */
static void
test_moved (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);
  g_autoptr (World) w = world_new_f (NULL);

  world_agent_event (w, MIP4_DISCOVERY_MOVED, 1, &agent);
  world_expect (w, "plan:hold start rrq ST-177>DET.0");
}

/* covers: MIP-LIF-008, R5266-ST-172 */
static void
test_stop (void)
{
  g_autoptr (World) w = world_new_f (NULL);

  world_disable (w);
  world_expect (w, "plan:drop fa-dereg abandon ST-172>OFF");
  g_assert_true (roam_addr_equal (&w->deregistrations[1].care_of_address, &w->requests[1].care_of_address));
}

/* Another network: what was heard on the last one is not asked there. */
static void
test_other_network (void)
{
  CoordinatorConfig config;

  config_with (COORDINATOR_AGENTS_PREFER, &config);
  {
    g_autoptr (World) w = world_new_f (&config);

    world_link_down (w, 1);
    world_address_event (w, 1, WORLD_INSIDE_2);
    world_accept (w, 1, TRUE);
    world_pass (w, 20 * WORLD_SEC);
    world_expect_state (w, 1, COORDINATOR_C);
  }
}

/* covers: R5266-ST-145 */
static void
test_revoked (void)
{
  {
    g_autoptr (World) w = world_new_c (NULL);

    world_pass (w, 2 * WORLD_SEC);
    world_revoke (w, 1);
    world_expect (w, "plan:hold start rrq ST-145>DET.0 alarm:revoked");
    world_accept (w, 1, TRUE);
    world_expect (w, "plan:c ST-020>C alarm:cleared");
  }
  {
    /* No row in F: the proof is renewed at once, through the agent. */
    g_autoptr (World) w = world_new_f (NULL);

    world_revoke (w, 1);
    world_expect (w, "fa-rrq ST-195>F alarm:revoked");
    world_deny (w, 1, 129, FALSE);
    world_expect_state (w, 1, COORDINATOR_DET_0);
  }
  {
    g_autoptr (World) w = world_new_mc (NULL);

    world_revoke (w, MIP4_PATH_VPN);
    world_expect (w, "plan:hold ST-274>MCREG alarm:revoked");
    world_pass (w, 5 * WORLD_SEC);
    world_expect (w, "vpn-rrq");
  }
}

/* the home link is not left for another subnet, however good the link. */
static void
test_home_stays (void)
{
  g_autoptr (World) w = world_new (NULL);

  world_enable (w);
  world_address_event (w, 2, WORLD_HOME_ADDRESS);
  world_accept (w, 2, TRUE);
  world_expect (w, "plan:home/2 ST-021>HOME/2 handover:offline>home");
  world_address_event (w, 1, WORLD_INSIDE);
  world_accept (w, 1, TRUE);
  world_expect_state (w, 2, COORDINATOR_HOME);
  world_expect_state (w, 1, COORDINATOR_ACQUIRE);
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_HOME);
  /* The binding that the trial made is ended again. */
  g_assert_cmpint (w->requests[2].form, ==, MIP4_FORM_HOME);
  g_assert_cmpuint (w->requests[2].identification, >, w->requests[1].identification);
}

/* An agent on one link is none on another. */
/* covers: R5266-DET-023 */
static void
test_other_link (void)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);
  CoordinatorConfig config;

  config_with (COORDINATOR_AGENTS_PREFER, &config);
  {
    g_autoptr (World) w = world_new_c (&config);

    world_address_event (w, 2, WORLD_INSIDE_2);
    world_agent_event (w, MIP4_DISCOVERY_AGENT_NEW, 2, &agent);
    world_pass (w, 20 * WORLD_SEC);
    world_expect (w, "");
    world_expect_state (w, 1, COORDINATOR_C);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/coordinator-agents/never-before-a-proof", test_never_before_a_proof);
  g_test_add_func ("/coordinator-agents/only-an-agent", test_only_an_agent);
  g_test_add_func ("/coordinator-agents/c-then-f", test_c_then_f);
  g_test_add_func ("/coordinator-agents/r-bit", test_r_bit);
  g_test_add_func ("/coordinator-agents/never", test_never);
  g_test_add_func ("/coordinator-agents/forgotten-when-disabled", test_forgotten_when_disabled);
  g_test_add_func ("/coordinator-agents/useless", test_useless_agents);
  g_test_add_func ("/coordinator-agents/monitoring", test_monitoring);
  g_test_add_func ("/coordinator-agents/tnc-is-gone", test_tnc_is_gone);
  g_test_add_func ("/coordinator-agents/lost", test_lost);
  g_test_add_func ("/coordinator-agents/another", test_another_agent);
  g_test_add_func ("/coordinator-agents/second-takes-over", test_second_agent_takes_over);
  g_test_add_func ("/coordinator-agents/reset", test_reset);
  g_test_add_func ("/coordinator-agents/refused", test_refused);
  g_test_add_func ("/coordinator-agents/monitoring-while-asking", test_monitoring_while_asking);
  g_test_add_func ("/coordinator-agents/short-monitor", test_short_monitor);
  g_test_add_func ("/coordinator-agents/changed", test_changed);
  g_test_add_func ("/coordinator-agents/news-and-request", test_news_and_request);
  g_test_add_func ("/coordinator-agents/encapsulating", test_encapsulating);
  g_test_add_func ("/coordinator-agents/udp-tunnel-in-c", test_udp_tunnel_in_c);
  g_test_add_func ("/coordinator-agents/udp-tunnel-in-mc", test_udp_tunnel_in_mc);
  g_test_add_func ("/coordinator-agents/moved", test_moved);
  g_test_add_func ("/coordinator-agents/stop", test_stop);
  g_test_add_func ("/coordinator-agents/other-network", test_other_network);
  g_test_add_func ("/coordinator-agents/revoked", test_revoked);
  g_test_add_func ("/coordinator-agents/home-stays", test_home_stays);
  g_test_add_func ("/coordinator-agents/other-link", test_other_link);
  return g_test_run ();
}
