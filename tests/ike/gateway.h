/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike-crypto-private.h"
#include "ike/ike-dialect-private.h"
#include "ike/ike-message-private.h"
#include "tests/sim/sim.h"

/*
 * A scripted IKEv2 responder for tests: it shares the codec and the cryptography with the engine but
 * none of its logic. It answers by the book unless a field or the hook says otherwise, never
 * retransmits by itself, and keeps everything that it received.
 */
typedef struct _Gateway Gateway;

/* One IKE SA as the gateway sees it. */
typedef struct
{
  guint64 spi_i, spi_r;
  gboolean initiator; /* the gateway is the original initiator (it rekeyed) */
  gboolean established, deleted, resumed;
  IkeKeys *keys;
  guint32 next_id, peer_next_id;
  GPtrArray *last_response; /* GBytes */
  GPtrArray *request;       /* outstanding, GBytes; NULL: none */
  guint32 request_id;
  IkeReassembly *fragments[2];
  RoamEndpoint local, remote; /* where its requests go */
} GwSa;

typedef struct
{
  guint32 spi_in, spi_out;
  RoamSecret *encr_in, *encr_out;
  gboolean deleted;
} GwChild;

/* A protected message that the gateway received. */
typedef struct
{
  gint64 at_us;
  RoamEndpoint local, remote;
  guint8 exchange;
  guint32 id;
  gboolean is_response, is_update;
  guint8 flags;
  IkeMessage *message; /* NULL for IKE_SA_INIT */
} GwSeen;

typedef enum
{
  GW_DEFAULT, /* go on as usual */
  GW_ANSWER,  /* the hook has filled the answer */
  GW_SILENT,  /* as if the request had been lost */
} GwVerdict;

struct _Gateway
{
  Sim *sim;
  RoamRng *rng;
  RoamAddr addr;
  gpointer user;

  /* How it behaves. */
  const char *psk, *id, *ike_proposals, *esp_proposals;
  const IkeCredentials *credentials; /* signs instead of using the PSK; borrowed */
  RoamSecret *resume_sk_d;           /* answers IKE_SESSION_RESUME, whatever the ticket, with this; owned */
  IkeSuite resume_suite;
  RoamSecret *eap_msk; /* set by the hook at EAP Success: the next request ends IKE_AUTH; owned */
  GBytes *second_id;   /* the client's last ID payload, when it is not the first one's; owned */
  gboolean no_ppk;     /* believes NO_PPK_AUTH instead of AUTH */
  gboolean no_hashes;  /* no SIGNATURE_HASH_ALGORITHMS */
  gboolean old_method; /* signs as if the client had not sent it */
  RoamAddr tia4, tia6, dns;
  gboolean mobike, mopo; /* what it would speak */
  gboolean nat_detection, fake_nat, fragmentation;
  gboolean no_path_tests;   /* they are not answered */
  guint cookies;            /* so many COOKIE rounds first */
  guint16 want_group;       /* INVALID_KE_PAYLOAD until it comes; 0: any */
  guint16 init_error;       /* answer IKE_SA_INIT with this notify */
  guint16 auth_error;       /* in the IKE_AUTH response, with AUTH */
  guint16 auth_error_alone; /* instead of everything */
  gboolean bad_auth, omit_cp, omit_cookie2, wrong_cookie2, omit_natd;
  RoamAddr narrow_local;         /* TSi of the answer, instead of the TIA */
  const char *narrow_remote_end; /* TSr of the answer: 0.0.0.0 up to it; NULL: as asked for */
  gboolean widen_ts;
  const char *additional[40]; /* addresses announced in IKE_AUTH */
  gboolean rekey_child_on_update, rekey_before_answer;
  gboolean ignore_answers; /* to its own requests: they made no sense */
  gsize fragment_size;
  GwVerdict (*hook) (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer);
  /* IKE_SA_INIT and IKE_SESSION_RESUME; an answer of the hook has no SPI of the gateway. */
  GwVerdict (*init_hook) (Gateway *gateway, const SimPacket *packet, const IkeMessage *request, IkePayloads *answer);
  /* Adds payloads to an answer that is otherwise as usual. */
  void (*decorate) (Gateway *gateway, guint8 exchange, IkePayloads *answer);

  /* What happened. */
  const IkeDialect *dialect; /* spoken with the newest client; NULL: none */
  guint path_tests;          /* questions received, answered or not */
  guint init_requests;
  GPtrArray *seen;     /* GwSeen */
  GPtrArray *sas;      /* GwSa, newest last */
  GPtrArray *children; /* GwChild */
  GBytes *init_request, *init_response, *ni, *nr;
  IkeHashSet client_hashes;
  guint8 client_method; /* of the client's AUTH */
  GBytes *cookie;
  IkeMessage *last_answer; /* the last response to a request of the gateway */
  guint answers;
  GBytes *pending_nonce;
  IkeDh *pending_dh;
  guint32 pending_spi, pending_old_spi;
  guint64 pending_ike_spi;
  IkeProposals *pending_offer;
};

/* The addresses of a list, in the form of @dialect; none: an empty one, from @own. */
void gateway_add_list (const IkeDialect *dialect, const char *const *addresses, const RoamAddr *own,
                       IkePayloads *payloads);
Gateway *gateway_new (Sim *sim, const char *addr);
void gateway_free (Gateway *gateway);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Gateway, gateway_free)
void gateway_receive (Gateway *gateway, const SimPacket *packet);

/* gateway-resume.c: IKE_SESSION_RESUME; FALSE: it is not answered. */
gboolean gateway_resume (Gateway *gateway, const SimPacket *packet, const IkeMessage *request);
/* AUTH with a shared key or, where the IKE SA was resumed, without. */
gboolean gateway_auth (const GwSa *sa, const RoamSecret *key, gboolean of_gateway, GBytes *octets,
                       guint8 out[IKE_MAX_HASH]);
/* The first IKE_AUTH request: with EAP the last one has AUTH only. */
const IkeMessage *gateway_first_auth (Gateway *gateway);
/* IDr and, with credentials, CERT and AUTH of the first response. */
void gateway_add_auth (Gateway *gateway, GwSa *sa, IkePayloads *payloads);
/* The newest SA that lives. */
GwSa *gateway_sa (Gateway *gateway);
GwChild *gateway_child (Gateway *gateway); /* newest that lives */
guint gateway_live_children (const Gateway *gateway);
guint gateway_live_sas (const Gateway *gateway);

/* Requests of the gateway on @sa (NULL: newest). Takes @payloads. */
void gateway_request (Gateway *gateway, GwSa *sa, guint8 exchange, IkePayloads *payloads);
/* The same octets again. */
void gateway_repeat_request (Gateway *gateway, GwSa *sa);
void gateway_rekey_child (Gateway *gateway, GwChild *old);
void gateway_rekey_ike (Gateway *gateway);
void gateway_delete_child (Gateway *gateway, GwChild *child);
void gateway_delete_ike (Gateway *gateway, GwSa *sa);
/* Sends raw octets of an IKE message on the SA's addresses. */
void gateway_send_raw (Gateway *gateway, GwSa *sa, GBytes *message);
/* Number of messages seen of @exchange; requests only. */
guint gateway_count_seen (const Gateway *gateway, guint8 exchange);
guint gateway_count_updates (const Gateway *gateway);
const GwSeen *gateway_last_seen (const Gateway *gateway, guint8 exchange);
/* The newest exchange: where @sa's peer is now. */
void gateway_add_natd (Gateway *gateway, GwSa *sa, const RoamEndpoint *local, const RoamEndpoint *remote,
                       IkePayloads *payloads);
