/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike-session-private.h"

/* The exchanges that we start, and what IKE_AUTH, reauthentication, redirection, resumption and puzzles add to them. */

/* --- tasks: ike-task.c --- */

IkeTask *ike_task_new (IkeTaskType type);
void ike_task_free (IkeTask *task);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeTask, ike_task_free)
/* Takes @task. */
void ike_task_queue (IkeSession *session, IkeTask *task);
/* Waiting or outstanding; @child_id 0: any. */
IkeTask *ike_task_find (const IkeSession *session, IkeTaskType type, guint32 child_id);
void ike_task_drop_waiting (IkeSession *session);
guint8 ike_task_exchange (IkeTaskType type);
/* The request as messages (GBytes); NULL: it cannot or need not be sent. */
GPtrArray *ike_task_build (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeTask *task, guint32 id);
/* Takes @task; @message is the answer, of the right exchange. */
void ike_task_process (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, IkeTask *task,
                       const IkeMessage *message);
/* The answer was authentic but malformed. Takes @task. */
void ike_task_process_bad (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeTask *task, const char *reason);
/* Requeues @task after TEMPORARY_FAILURE, later and later; FALSE (and @task is gone) when it was refused for minutes.
 */
gboolean ike_task_retry_later (IkeSession *session, const RoamNow *now, IkeTask *task);

/* ike-task-init.c: starts (again) from the present path. */
void ike_init_start (IkeSession *session, const RoamNow *now);
/* From the present path to @gateway, which another one named (RFC 5685 3). */
void ike_init_redirect (IkeSession *session, const RoamNow *now, const RoamAddr *gateway);
/* The ticket was refused: from the beginning with IKE_SA_INIT. */
void ike_init_without_ticket (IkeSession *session, const RoamNow *now);
/* The request once more, with what the handshake gained. */
void ike_init_repeat (IkeSession *session, IkeSa *sa, gint64 not_before_us);
GPtrArray *ike_init_build (IkeSession *session, IkeSa *sa);
void ike_init_process (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                       const IkeMessage *message);
void ike_init_expired (IkeSession *session, const RoamNow *now);
/* IKE_SA_INIT (or with a ticket that we have IKE_SESSION_RESUME) from the present pair, besides what else is under way.
 */
void ike_init_open (IkeSession *session, const RoamNow *now, gboolean with_ticket);
/* This attempt failed: the next pair, or the end with an event. */
void ike_init_give_up (IkeSession *session, const RoamNow *now, const char *reason, const char *advice);
void ike_handshake_clear (IkeHandshake *handshake);

/* ike-task-auth.c */
IkePayloads *ike_auth_build (IkeSession *session, IkeSa *sa);
/* What we call ourselves in this handshake. */
const IkeIdentity *ike_auth_local_id (IkeSession *session);
/* Our AUTH payload, and with a PPK what goes with it (RFC 8784 3); FALSE: it cannot be made, handshake.problem may say
 * why. */
gboolean ike_auth_add (IkeSession *session, const IkeSa *sa, GBytes *id_body, IkePayloads *payloads);
void ike_auth_add_certificates (IkeSession *session, IkePayloads *payloads);
void ike_auth_add_certreq (IkeSession *session, IkePayloads *payloads);
/* The peer's ID and AUTH (and CERT) against what is configured; FALSE with reason and advice. */
gboolean ike_auth_verify (IkeSession *session, const IkeSa *sa, const RoamNow *now, const IkeMessage *message,
                          const char **ret_reason, const char **ret_advice);
void ike_auth_process (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                       const IkeMessage *message);
/* We do not accept the gateway: AUTHENTICATION_FAILED, no Delete (RFC 7296 2.21.2). */
void ike_auth_refuse_gateway (IkeSession *session, IkeSa *sa, const RoamNow *now, const char *reason,
                              const char *advice);

/* ike-outside.c: what others do for the handshake while it waits. */

/* IKE_SA_INIT is over: the request follows at once, or when the key outside has signed. */
void ike_auth_begin (IkeSession *session, IkeSa *sa, const RoamNow *now);
/* AUTH data of the key outside for @sk_p; NULL: there is none. */
GBytes *ike_outside_auth (const IkeSession *session, const IkeSa *sa, const RoamSecret *sk_p, guint8 *ret_method);
/*
 * IKE_ACTION_FETCH; the handshake waits, at most @patience_us. @message goes through ike_auth_process() again when
 * the answer was taken. Takes nothing; @body NULL: GET.
 */
void ike_outside_fetch (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                        const IkeMessage *message, IkeOutsideKind kind, const char *url, GBytes *body,
                        gint64 patience_us);
/* FETCHED and SIGNED; an answer to anything but the request under way is nothing. */
void ike_outside_command (IkeSession *session, const RoamNow *now, const IkeCommand *command);
void ike_outside_deadline (IkeSession *session, const RoamNow *now);
gint64 ike_outside_next_deadline (const IkeSession *session);
void ike_outside_clear (IkeHandshake *handshake);

/* ike-policy.c: may the gateway assign these inner addresses? */
gboolean ike_policy_accepts (const IkeSession *session, const IkeConfiguration *configuration);

/* ike-revocation.c */

/* TRUE: the handshake goes on. FALSE: it waits for a fetch, or the gateway was refused. */
gboolean ike_revocation_settle (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                                const IkeMessage *message);
/* What was fetched for the present step; NULL: nothing came. */
void ike_revocation_take (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeOutsideKind kind, GBytes *answer);
void ike_revocation_clear (IkeRevocationCheck *check);

/* ike-task-eap.c */
gboolean ike_eap_configure (IkeSession *session, const IkeConfig *config, char **ret_problem);
/* FALSE: there is none. */
gboolean ike_eap_add_response (IkeSession *session, IkePayloads *payloads);
/* The identity for EAP, where it is not that of the IKE SA. FALSE: the session died. */
gboolean ike_eap_identity (IkeSession *session, IkeIdentity *ret_id);
/* The method of the configuration begins; FALSE: the session died. */
gboolean ike_eap_start (IkeSession *session);
/* The next request of IKE_AUTH; a conversation without end ends the session. */
void ike_eap_queue_round (IkeSession *session, IkeSa *sa);
/* ike-multiple-auth.c */
gboolean ike_multiple_auth_configure (IkeSession *session, const IkeConfig *config, char **ret_problem);
/* What the first request says of a second round. */
void ike_multiple_auth_add (const IkeSession *session, IkePayloads *payloads);
/* The first response was verified: EAP is next. */
void ike_multiple_auth_begin (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkeMessage *message);
IkePayloads *ike_multiple_auth_build (IkeSession *session);
/* A response of IKE_AUTH before Success. */
void ike_eap_auth_process (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                           const IkeMessage *message);

/* The parts of IKE_AUTH requests and responses that resumption shares with the others. */
void ike_auth_add_request (IkeSession *session, IkePayloads *payloads);
void ike_auth_accept (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                      const IkeMessage *message);
/* The first Child SA is there (RFC 6023: by CREATE_CHILD_SA). */
void ike_auth_complete (IkeSession *session, const RoamNow *now);
/* ike-responder-auth.c */
void ike_auth_accept_client (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                             const IkeMessage *message, IkePayloads *payloads);
/* An error without anything else; the half-open IKE SA ends with it (RFC 7296 2.21.2). */
void ike_auth_refuse_client (IkeSession *session, IkeSa *sa, const IkePair *pair, guint16 notify_type,
                             const char *reason);

/* --- ike-reauth.c: a new IKE SA from the start, then the old one goes (RFC 7296 2.8.3) --- */

/* @gateway NULL: the present one. FALSE: not now. */
gboolean ike_reauth_start (IkeSession *session, const RoamNow *now, const RoamAddr *gateway);
/* At the end of each verb: what the session beside did, and what is due. */
void ike_reauth_settle (IkeSession *session, const RoamNow *now);
/* The session beside goes, without a packet. */
void ike_reauth_drop (IkeSession *session);
/* The present IKE SA is deleted beside, and the session itself is empty. */
void ike_reauth_retire (IkeSession *session, const RoamNow *now, const char *reason);
/* The one of the two sessions that the message of @header belongs to. */
IkeSession *ike_reauth_find (IkeSession *session, const IkeHeader *header);
/* AUTH_LIFETIME (RFC 4478 2), if @message has it. */
void ike_reauth_read_lifetime (IkeSession *session, const RoamNow *now, const IkeMessage *message);
void ike_reauth_deadline (IkeSession *session, const RoamNow *now);
gint64 ike_reauth_next_deadline (const IkeSession *session);
/* MOVE: the successor, still half open, begins again from the new path. */
void ike_reauth_move (IkeSession *session, const RoamNow *now, const IkeCommand *command);
/* TRUE: the session beside waits for this answer, and has it. */
gboolean ike_reauth_command (IkeSession *session, const RoamNow *now, const IkeCommand *command);
/* GATEWAYS: TRUE: only the session beside, which is on its way to another gateway, is meant. */
gboolean ike_reauth_gateways (IkeSession *session, const RoamNow *now, const IkeCommand *command);
/* Is @spi an inbound one of the other of the two sessions? */
gboolean ike_reauth_has_esp_spi (const IkeSession *session, guint32 spi);
gboolean ike_reauth_has_ike_spi (const IkeSession *session, guint64 spi);
guint32 ike_reauth_new_child_id (IkeSession *session);

/* --- ike-redirect.c: RFC 5685 --- */

/* Data of REDIRECT and, without @nonce, REDIRECTED_FROM. */
GBytes *ike_redirect_to_data (const RoamAddr *addr, const char *name, IkeView nonce);
/* FALSE: malformed. @ret_nonce: what follows the identity. */
gboolean ike_redirect_parse (IkeView data, IkeRedirectTarget *ret_target, IkeView *ret_nonce);
/* What IKE_SA_INIT and IKE_SESSION_RESUME say about it. */
void ike_redirect_add (const IkeSession *session, IkePayloads *payloads);
/* In their response: followed at once, or ignored. */
void ike_redirect_process_init (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePayloadNotify *notify);
/* In a verified IKE_AUTH response or a request of the gateway: TRUE, and it is followed at the end of the verb. */
gboolean ike_redirect_process_protected (IkeSession *session, const IkeMessage *message);
void ike_redirect_settle (IkeSession *session, const RoamNow *now);
/* Addresses of the name that waits for them; FALSE: none does. */
gboolean ike_redirect_resolved (IkeSession *session, const RoamNow *now, const IkeCommand *command);
void ike_redirect_deadline (IkeSession *session, const RoamNow *now);
IkePayloads *ike_redirect_build (const IkeTask *task);

/* --- ike-resume.c: RFC 5723 --- */

void ike_resumption_free (IkeResumption *resumption);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeResumption, ike_resumption_free)
/* What @sa leaves. */
IkeResumption *ike_resumption_new (const IkeSession *session, const IkeSa *sa);
/* Between @resumption and octets; NULL: they are not one. */
void ike_resumption_write (WireWriter *writer, const IkeResumption *resumption);
IkeResumption *ike_resumption_read (IkeView octets);
/* prf (SK_d, "Resumption" | Ni | Nr) (RFC 5723 5.1), and what follows from it. */
RoamSecret *ike_resumption_skeyseed (guint16 prf, const RoamSecret *sk_d, IkeView ni, IkeView nr);
IkeKeys *ike_resumption_keys (const IkeResumption *resumption, IkeView ni, IkeView nr, guint64 spi_i, guint64 spi_r);
/* AUTH = prf (SK_px, octets) (RFC 5723 4.3.3): ours, and the peer's with its identity. */
gboolean ike_resumption_add_auth (IkeSession *session, const IkeSa *sa, IkePayloads *payloads);
gboolean ike_resumption_verify_auth (const IkeSession *session, const IkeSa *sa, const IkeMessage *message);
/* The ticket of the session, if it may be presented now. */
IkeResumption *ike_resume_open (IkeSession *session, const RoamNow *now);
void ike_resume_add (const IkeSession *session, IkePayloads *payloads);
/* IKE_AUTH that follows. */
IkePayloads *ike_resume_build_auth (IkeSession *session, IkeSa *sa);
void ike_resume_process_auth (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                              const IkeMessage *message);
/* TICKET_REQUEST into a request, where one is wanted. */
void ike_ticket_add_request (const IkeSession *session, IkePayloads *payloads);
/* What came for it, about @sa. */
void ike_ticket_process (IkeSession *session, const IkeSa *sa, const RoamNow *now, const IkeMessage *message);
/* The IKE SA that it was for is deleted or rekeyed (RFC 5723 6.2). */
void ike_ticket_forget (IkeSession *session);
IkePayloads *ike_ticket_build (void);
/* By an INFORMATIONAL of its own; nothing where the gateway showed no sign of tickets. */
void ike_ticket_queue_request (IkeSession *session, gint64 not_before_us);

/* --- ike-responder-resume.c --- */

/* It cannot be presented any more; 0: none. */
void ike_responder_spend_ticket (IkeResponder *responder, guint64 serial);
/* The answer to a TICKET_REQUEST, if @message has one, for @sa. */
void ike_ticket_respond (IkeSession *session, const IkeSa *sa, const RoamNow *now, const IkeMessage *message,
                         IkePayloads *answer);
void ike_resume_respond_auth (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                              const IkeMessage *message);

/* --- ike-puzzle.c: RFC 8019 --- */

/* Four keys of equal length (RFC 8019 8.2). */
#define IKE_PUZZLE_KEYS 4
/* @difficulty 0: as good as it can be done. NULL: prf not supported, or harder than anybody may ask. */
IkePuzzle *ike_puzzle_new (guint16 prf, guint8 difficulty, IkeView string);
void ike_puzzle_free (IkePuzzle *puzzle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkePuzzle, ike_puzzle_free)
typedef enum
{
  IKE_PUZZLE_WORKING,
  IKE_PUZZLE_SOLVED,
  IKE_PUZZLE_GIVEN_UP, /* the limit of work was reached */
} IkePuzzleState;
/* At most @tries more. */
IkePuzzleState ike_puzzle_work (IkePuzzle *puzzle, guint tries);
/* Body of the PS payload. */
GBytes *ike_puzzle_solution (const IkePuzzle *puzzle);
/* The number of zero bits that each of the keys of @solution gives at least; FALSE: malformed. */
gboolean ike_puzzle_verify (guint16 prf, IkeView string, IkeView solution, guint *ret_zero_bits);
/* Data of a PUZZLE notify. */
gboolean ike_puzzle_parse (IkeView data, guint16 *ret_prf, guint8 *ret_difficulty);
/* Solving begins; the request waits for it. FALSE: the puzzle is not one that we solve. */
gboolean ike_puzzle_start (IkeSession *session, const RoamNow *now, const IkePayloadNotify *notify, IkeView string);
/* The request of @sa that waits is not sent before the solution is there. */
void ike_puzzle_hold (IkeSession *session, IkeSa *sa);
void ike_puzzle_deadline (IkeSession *session, const RoamNow *now);

/* ike-ppk.c */
void ike_ppk_keys_clear (IkePpkKeys *keys);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (IkePpkKeys, ike_ppk_keys_clear)
gboolean ike_ppk_configure (IkeSession *session, const IkeConfig *config, char **ret_problem);
/* SK_d, SK_pi and SK_pr become prf+ (PPK, SK_x'); the others go to @ret_plain. FALSE: nothing changed. */
gboolean ike_ppk_mix (IkeKeys *keys, const RoamSecret *ppk, IkePpkKeys *ret_plain);
void ike_ppk_undo (IkeKeys *keys, IkePpkKeys *plain);
void ike_ppk_add_identity (const IkeSession *session, IkePayloads *payloads);

/* ike-auth-config.c: CFG_REPLY into @ret; attributes of a wrong length are ignored. */
void ike_configuration_parse (const IkePayloadCp *cp, IkeConfiguration *ret);
/* Keeps of the domains in @configuration those that were asked for, are allowed, and have a meaning (RFC 8598). */
void ike_configuration_settle_domains (const IkeSession *session, const IkeMessage *message,
                                       IkeConfiguration *configuration);
/* RFC 7296 3.15.1: a CFG_SET in @message is acknowledged, and nothing of it accepted. */
void ike_configuration_respond_set (const IkeMessage *message, IkePayloads *answer);

/* ike-responder-auth.c: the gateway's half of IKE_AUTH. */
void ike_auth_respond (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                       const IkeMessage *message);
/* What the gateway grants of the selectors asked for: TSi its client's inner addresses, TSr the networks behind it. */
gboolean ike_selectors_narrow (const IkeSession *session, const IkePayloadTs *tsi, const IkePayloadTs *tsr,
                               GArray **ret_local, GArray **ret_remote);

/* ike-task-child.c */
IkePayloads *ike_create_child_build (IkeSession *session, IkeTask *task);
void ike_create_child_process (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeTask *task,
                               const IkeMessage *message);
void ike_task_rekey_child (IkeSession *session, IkeChild *child);
void ike_task_delete_child (IkeSession *session, IkeChild *child);
/* The peer's rekeying of @child: response payloads. */
void ike_rekey_child_respond (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                              const IkeMessage *message, const IkePayloadNotify *rekey);
/* Gateway: the client asks for a Child SA that replaces none. */
void ike_create_child_respond (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                               const IkeMessage *message);

/* ike-task-rekey.c */
IkePayloads *ike_rekey_ike_build (IkeSession *session, IkeSa *sa, IkeTask *task);
void ike_rekey_ike_process (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeTask *task,
                            const IkeMessage *message);
void ike_rekey_ike_respond (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                            const IkeMessage *message);
void ike_task_delete_ike (IkeSession *session, IkeSa *sa);

/* ike-task-mobike.c */
IkePayloads *ike_update_build (IkeSession *session, IkeSa *sa, IkeTask *task);
void ike_update_process (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeTask *task,
                         const IkeMessage *message);
IkePayloads *ike_check_build (IkeSession *session, IkeSa *sa, IkeTask *task);
void ike_check_process (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeTask *task,
                        const IkeMessage *message);
void ike_task_check (IkeSession *session, guint32 serial, gboolean doubtful);
