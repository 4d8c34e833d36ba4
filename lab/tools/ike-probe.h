/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike.h"

#include <poll.h>

/* The parts of ike-probe; see ike-probe.c for what it is. */

#define N_SOCKETS 4 /* IPv4 500, IPv4 4500, IPv6 500, IPv6 4500 */

typedef struct _ProbeEsp ProbeEsp;

typedef struct
{
  gint64 at_us; /* after the start */
  char *text;
  gboolean done;
} ProbeStep;

typedef struct
{
  IkeSession *session;
  struct pollfd sockets[N_SOCKETS];
  gint64 start_us, end_us;
  IkePath first;    /* path of IKE_START */
  GPtrArray *steps; /* of ProbeStep, --at */
  char **script;    /* --do, in this order; NULL: none */
  guint script_next;
  gint64 pause_until_us; /* 0: none */
  gboolean told_to_go;   /* SIGUSR1 came */
  guint64 spi_i;         /* of the IKE SA, to see it replaced */
  guint32 serial;
  gboolean established, over, expected_seen;
  const char *expect;
  const char *private_key, *pin; /* in a token; NULL: none */
  gboolean touch_new_children; /* pretend that ESP arrives on every new Child SA */
  ProbeEsp *esp;
} Probe;

/* What the command line says. */
typedef struct
{
  char *gateway, *local, *psk, *cert, *key, *ca, *local_id, *remote_id, *ike, *esp, *expect;
  char *eap, *eap_identity, *eap_password, *eap_server, *crl, *ppk, *ppk_id;
  char *private_key, *pin, *eap_new_password;
  char **at, **script, **gateways;
  gboolean no_encap, traffic, tia6, eap_only, require_ppk, then_eap, plain_success, redirect, ocsp, require_revocation,
    childless;
  int duration_ms, dpd_ms;
} ProbeOptions;

/* ike-probe-options.c */
/* FALSE after a message. */
gboolean probe_parse_options (ProbeOptions *options, int *argc, char ***argv);
/* NULL after a message; ends the program when a file cannot be read. */
IkeSession *probe_make_session (const ProbeOptions *options, RoamRng *rng);

/* ike-probe.c */
RoamNow probe_now (void);
gint64 probe_elapsed_us (const Probe *probe);
/* Everything that the session wants done, now. */
void probe_drain (Probe *probe);

/* ike-probe-socket.c */
gboolean probe_open_sockets (Probe *probe);
void probe_close_sockets (Probe *probe);
void probe_send (Probe *probe, guint32 ifindex, const RoamEndpoint *local, const RoamEndpoint *remote,
                 gconstpointer data, gsize length);
/* Reads socket @index until it is empty, and gives what is IKE to the session. */
void probe_receive (Probe *probe, guint index);

/* ike-probe-script.c */
gboolean probe_parse_path (const char *text, IkePath *path);
void probe_add_steps (Probe *probe, char **texts);
void probe_command (Probe *probe, IkeCommand *command);
/* Steps whose time has come, and the script as far as it goes. */
void probe_run_steps (Probe *probe);
gint64 probe_next_step_us (const Probe *probe);
/* @word happened: `wait=WORD` of the script is over. */
void probe_notice (Probe *probe, const char *word);
/* No script, or all of it was done. */
gboolean probe_script_done (const Probe *probe);

/* ike-probe-esp.c */
ProbeEsp *probe_esp_new (RoamRng *rng); /* takes @rng */
void probe_esp_free (ProbeEsp *esp);
void probe_esp_perform (ProbeEsp *esp, const IkeAction *action);
/* Pings @target through the newest Child SA until it answers, `wait=echo`. FALSE: no IPv4 address. */
gboolean probe_esp_start_echo (Probe *probe, const char *target);
gint64 probe_esp_next_us (const ProbeEsp *esp);
void probe_esp_run (Probe *probe);
/* One ESP packet; changes @packet. */
void probe_esp_receive (Probe *probe, guint8 *packet, gsize length);

/* ike-probe-fetch.c */
/* Does what IKE_ACTION_FETCH asks and gives the answer to the session. */
void probe_fetch (Probe *probe, const IkeAction *action);

/* ike-probe-key.c */
/* Does what IKE_ACTION_SIGN asks and gives the answer to the session. */
void probe_sign (Probe *probe, const IkeAction *action);

/* ike-probe-print.c */
void probe_print_event (Probe *probe, const IkeEvent *event);
void probe_print_status (Probe *probe);
void probe_print_child (Probe *probe, const IkeAction *action);
