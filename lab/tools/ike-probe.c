/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ike-probe: drives one IkeSession over real sockets against a real gateway and prints what happens,
 * one JSON object a line. It has no data plane but a ping.
 *
 *   ike-probe --gateway A --local A[%IF] [--psk SECRET | --cert F --key F --ca F] [--at MS:STEP]... [--do ITEM]...
 *
 * STEP is check, move=A[%IF], move-late=A[%IF] (Child SAs follow after the answer), rekey-ike, rekey-child,
 * reauthenticate, start=A[%IF], paths=A[%IF],..., gateways=A,..., terminate, abandon, echo=A (a ping through the
 * Child SA) or status. ITEM is a STEP, pause=MS or wait=WORD, WORD being an event or child-add, child-use,
 * child-remove, child-move, ike-rekeyed, echo, or go, which is SIGUSR1; items are done one after the other, then
 * ike-probe ends. Exit status 0 when an ESTABLISHED event was seen, with --expect WORD an event of that name, and with
 * --do all items were done.
 */
#include "lab/tools/ike-probe.h"

#include <errno.h>
#include <signal.h>
#include <sys/random.h>
#include <time.h>

/* A signal may come right before poll(): no longer than that is it overlooked. */
#define MAX_WAIT_MS 100

static volatile sig_atomic_t signalled;

RoamNow
probe_now (void)
{
  struct timespec boot, wall;

  clock_gettime (CLOCK_BOOTTIME, &boot);
  clock_gettime (CLOCK_REALTIME, &wall);
  return roam_now_make ((gint64)boot.tv_sec * ROAM_USEC_PER_SEC + boot.tv_nsec / 1000,
                        (gint64)wall.tv_sec * ROAM_USEC_PER_SEC + wall.tv_nsec / 1000);
}

gint64
probe_elapsed_us (const Probe *probe)
{
  return probe_now ().boot_us - probe->start_us;
}

static void
perform (Probe *probe, const IkeAction *action)
{
  probe_esp_perform (probe->esp, action);
  switch (action->type)
    {
    case IKE_ACTION_SEND:
      {
        gsize length;
        gconstpointer data = g_bytes_get_data (action->send.datagram, &length);

        probe_send (probe, action->send.ifindex, &action->send.local, &action->send.remote, data, length);
        return;
      }
    case IKE_ACTION_EVENT:
      probe_print_event (probe, &action->event);
      return;
    case IKE_ACTION_CHILD_ADD:
      probe_print_child (probe, action);
      if (probe->touch_new_children && !action->child_add.use_outbound)
        {
          RoamNow t = probe_now ();
          ike_session_input_traffic (probe->session, &t, action->child_add.child->id);
        }
      return;
    case IKE_ACTION_CHILD_USE:
    case IKE_ACTION_CHILD_REMOVE:
    case IKE_ACTION_CHILD_MOVE:
      probe_print_child (probe, action);
      return;
    case IKE_ACTION_FETCH:
      probe_fetch (probe, action);
      return;
    case IKE_ACTION_SIGN:
      probe_sign (probe, action);
      return;
    case IKE_ACTION_TICKET:
      return;
    }
}

/* No action says that the IKE SA was replaced, only the status does. */
static void
notice_rekeying (Probe *probe)
{
  IkeStatus status;

  ike_session_get_status (probe->session, &status);
  if (probe->spi_i != 0 && status.spi_i != 0 && status.spi_i != probe->spi_i && probe->established)
    {
      g_print ("{\"us\":%" G_GINT64_FORMAT ",\"ike_rekeyed\":\"%016" G_GINT64_MODIFIER "x\"}\n",
               probe_elapsed_us (probe), status.spi_i);
      probe_notice (probe, "ike-rekeyed");
    }
  probe->spi_i = status.spi_i;
}

void
probe_drain (Probe *probe)
{
  for (;;)
    {
      g_auto (IkeAction) action = { 0 };

      if (!ike_session_pop_action (probe->session, &action))
        break;
      perform (probe, &action);
    }
  notice_rekeying (probe);
}

static void
run_due (Probe *probe)
{
  RoamNow t = probe_now ();

  probe_run_steps (probe);
  probe_esp_run (probe);
  if (ike_session_next_deadline (probe->session) <= t.boot_us)
    ike_session_input_deadline (probe->session, &t);
  probe_drain (probe);
}

static void
note_signal (int number)
{
  (void)number;
  signalled = 1;
}

static gboolean
goes_on (const Probe *probe)
{
  return !probe->over && probe_now ().boot_us < probe->end_us && !(probe->script && probe_script_done (probe));
}

static void
loop (Probe *probe)
{
  while (goes_on (probe))
    {
      gint64 due = MIN (probe_next_step_us (probe), ike_session_next_deadline (probe->session));
      gint64 wait = (due - probe_now ().boot_us + 999) / 1000;

      poll (probe->sockets, N_SOCKETS, (int)CLAMP (wait, 0, MAX_WAIT_MS));
      if (signalled)
        {
          signalled = 0;
          probe->told_to_go = TRUE;
        }
      for (guint i = 0; i < N_SOCKETS; i++)
        if (probe->sockets[i].revents & POLLIN)
          probe_receive (probe, i);
      run_due (probe);
    }
}

static RoamRng *
make_rng (void)
{
  guint8 seed[ROAM_RNG_SEED_LENGTH];

  if (getrandom (seed, sizeof seed, 0) != sizeof seed)
    g_error ("getrandom: %s", g_strerror (errno));
  return roam_rng_new (seed);
}

static gboolean
run (Probe *probe, const ProbeOptions *options)
{
  IkeCommand start = { .type = IKE_START, .path = probe->first };

  probe->expect = options->expect;
  probe->private_key = options->private_key;
  probe->pin = options->pin;
  probe->touch_new_children = options->traffic;
  probe->start_us = probe_now ().boot_us;
  probe->end_us = probe->start_us + options->duration_ms * ROAM_USEC_PER_MSEC;
  probe->script = options->script;
  probe_add_steps (probe, options->at);
  probe_command (probe, &start);
  loop (probe);
  probe_print_status (probe);
  if (!probe_script_done (probe))
    g_print ("{\"us\":%" G_GINT64_FORMAT ",\"undone\":\"%s\"}\n", probe_elapsed_us (probe),
             probe->script[probe->script_next]);
  return (probe->expect ? probe->expected_seen : probe->established) && probe_script_done (probe);
}

int
main (int argc, char **argv)
{
  ProbeOptions options = { .duration_ms = 5000 };
  g_autoptr (RoamRng) rng = NULL;
  Probe probe = { 0 };
  gboolean good;

  if (!probe_parse_options (&options, &argc, &argv) || !options.local ||
      !probe_parse_path (options.local, &probe.first))
    {
      g_printerr ("ike-probe: --local ADDR[%%IF] is needed\n");
      return 2;
    }
  signal (SIGUSR1, note_signal);
  probe.esp = probe_esp_new (make_rng ());
  rng = make_rng ();
  probe.session = probe_make_session (&options, rng);
  if (!probe.session || !probe_open_sockets (&probe))
    return 1;
  good = run (&probe, &options);
  ike_session_free (probe.session);
  probe_esp_free (probe.esp);
  g_ptr_array_unref (probe.steps);
  probe_close_sockets (&probe);
  return good ? 0 : 1;
}
