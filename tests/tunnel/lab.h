/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tunnel/tunnel-esp-private.h"
#include "tunnel/tunnel-io-private.h"

/*
 * Two network namespaces without names, which vanish with the process: A with the TunnelIo under
 * test and two access links, B with everything else: gateway 203.0.113.2, home agent 10.1.0.2 and
 * correspondent 10.4.0.10 in one. B's sockets are served by the test itself, so that nothing is
 * concurrent but the worker under test.
 */

#define LAB_HOA 0x0a010064u
#define LAB_HA 0x0a010002u
#define LAB_CN 0x0a04000au
#define LAB_TIA 0x0a080001u
#define LAB_GATEWAY 0xcb007102u
#define LAB_COA_0 0xc6336432u /* 198.51.100.50 on a0 */
#define LAB_COA_1 0xc6120232u /* 198.18.2.50 on a1 */
#define LAB_APP_PORT 7000
#define LAB_CN_PORT 7001
#define LAB_WAIT_MS 2000  /* for what must come */
#define LAB_SILENCE_MS 60 /* for what must not */

typedef struct
{
  int ns_test, ns_a, ns_b;
  int links[2];  /* interface indexes in A */
  int udp;       /* B: 203.0.113.2 port 4500 */
  int ipip, esp; /* B: raw sockets */
  int capture;   /* B: every frame that comes in */
  int app;       /* A: UDP, bound to the home address; -1 before lab_open_app() */
  RoamRng *rng;
  TunnelSa *sas[2]; /* as A has them; ids 1 and 2 */
  TunnelEspIn *peer_in[2];
  TunnelEspOut *peer_out[2];
  TunnelIo *io;
} Lab;

/* NULL: not allowed here (then the test was skipped with the reason). */
Lab *lab_new (void);
void lab_free (Lab *lab);
/* TUN "roam0" in A; @hold_packets 0: default. */
void lab_start_io (Lab *lab, guint hold_packets);
void lab_open_app (Lab *lab);
void lab_run (const char *format, ...) G_GNUC_PRINTF (1, 2);
char *lab_output (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* Plans of the usual form on link 0 or 1; SA 1 decrypts and encrypts. */
void lab_plan (Lab *lab, TunnelPlan *plan, TunnelMode mode, guint link);
void lab_plan_add_sa (Lab *lab, TunnelPlan *plan, guint index);
void lab_apply (Lab *lab, const TunnelPlan *plan);

gboolean lab_wait (int fd, int timeout_ms);
/* The application sends datagram number @number to the correspondent. */
void lab_app_send (Lab *lab, guint32 number);
/* Number of the next datagram that reached the application; -1: none within @timeout_ms. */
gint64 lab_app_receive (Lab *lab, int timeout_ms);

/* A packet as B got it. */
typedef struct
{
  guint8 octets[2048];
  gsize length;
  guint32 outer_source;
  guint16 outer_port;
  guint32 spi;   /* 0: not in ESP */
  guint8 *inner; /* the user's packet */
  gsize inner_length;
  gint64 number; /* of the datagram in it; -1: none */
} LabPacket;

/* The next ESP packet at the gateway with UDP (@raw: without); FALSE: none. Fails the test if it is not IP-in-IP of TIA
 * and HA. */
gboolean lab_peer_receive_esp (Lab *lab, gboolean raw, int timeout_ms, LabPacket *ret_packet);
/* Decrypts @esp, which lies in @packet's octets; likewise. */
void lab_open_esp (Lab *lab, LabPacket *packet, guint8 *esp, gsize length);
/* @plain in ESP of SA @index, in @packet; its length. */
gsize lab_make_esp (Lab *lab, guint index, const guint8 *plain, gsize length, guint8 packet[2048]);
/* The next IP-in-IP packet in clear. */
gboolean lab_peer_receive_ipip (Lab *lab, int timeout_ms, LabPacket *ret_packet);
/* Builds datagram @number from the correspondent to the home address at @packet (64 octets free before it). */
gsize lab_make_datagram (guint8 *packet, guint32 number);
/* Wraps it in IP-in-IP of @source and @destination, 20 octets before @packet. */
gsize lab_wrap (guint8 *packet, gsize length, guint32 source, guint32 destination);
/* Sends what @plain holds in ESP of SA @index to @target; @raw: without UDP. */
void lab_peer_send_esp (Lab *lab, guint index, gboolean raw, guint32 target, const guint8 *plain, gsize length);
/* Datagram @number through the tunnel of mode mc. */
void lab_peer_send_mc (Lab *lab, guint index, guint32 target, guint32 number);
/* ... and in clear to @care_of_address. */
void lab_peer_send_c (Lab *lab, guint32 care_of_address, guint32 number);
void lab_peer_send_udp (Lab *lab, guint32 target, const void *data, gsize length);

/* ------------------------------------------------------------------------- cases ---- */

typedef void (*LabBody) (Lab *lab);

/* A GTestDataFunc over a LabBody: every case on a lab of its own; a host that allows none skips each. */
void lab_case (gconstpointer data);
TunnelIoStats lab_stats (Lab *lab);
/* A TunnelIo with default hold, the application's socket, and @mode on link 0. */
void lab_start_in (Lab *lab, TunnelPlan *plan, TunnelMode mode);
/* Datagrams @first .. @first + @n - 1 arrive at the gateway, in order and from @outer_source. */
void lab_expect_mc_up (Lab *lab, guint32 first, guint n, guint32 outer_source);
