/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* EAP-MSCHAPv2 (type 26): RFC 2759 packets in EAP; another password when the first one is refused or has expired. */
#include "ike/eap/ike-eap-private.h"

#include <string.h>

enum
{
  OP_CHALLENGE = 1,
  OP_RESPONSE = 2,
  OP_SUCCESS = 3,
  OP_FAILURE = 4,
  OP_CHANGE_PASSWORD = 7,
};

/* Peer challenge, eight zero octets, NT-Response, flags (RFC 2759 4). */
#define RESPONSE_VALUE_LENGTH 49
/* OpCode, MS-CHAPv2-ID, MS-Length. */
#define MS_HEADER_LENGTH 4
/* All of Change-Password that stands behind its header (RFC 2759 7). */
#define CHANGE_LENGTH 582
/* The version of the password change protocol that RFC 2759 describes. */
#define CHANGE_VERSION 3
#define ERROR_PASSWD_EXPIRED 648
#define ERROR_AUTHENTICATION_FAILURE 691
/* A name on the wire is a user's; RFC 2759 4 allows 256. */
#define MAX_USER 256

typedef enum
{
  STATE_CHALLENGE, /* wanted */
  STATE_SUCCESS,   /* wanted */
  STATE_OVER,
} State;

struct _IkeEapMschapv2
{
  State state;
  char *user;
  IkeMschapv2Crypto *crypto;
  RoamSecret *password_hash;                    /* of the password that is used now */
  RoamSecret *new_password, *new_password_hash; /* NULL: none is known, or it is the one in use */
  gboolean has_taken_new;
  RoamSecret *msk;
  char expected[IKE_MSCHAPV2_AUTHENTICATOR_LENGTH];
};

/* NULL: not UTF-8, or too long for Change-Password. */
static RoamSecret *
hash_password (const IkeMschapv2Crypto *crypto, const RoamSecret *password)
{
  guint8 hash[IKE_MSCHAPV2_HASH_LENGTH];
  RoamSecret *secret = NULL;

  if (ike_mschapv2_password_hash (crypto, password, hash))
    secret = roam_secret_new (hash, sizeof hash);
  roam_wipe (hash, sizeof hash);
  return secret;
}

static gboolean
take_passwords (IkeEapMschapv2 *method, const RoamSecret *password, RoamSecret *new_password)
{
  method->password_hash = hash_password (method->crypto, password);
  if (method->password_hash == NULL || new_password == NULL)
    return method->password_hash != NULL;
  method->new_password_hash = hash_password (method->crypto, new_password);
  method->new_password = roam_secret_ref (new_password);
  return method->new_password_hash != NULL;
}

IkeEapMschapv2 *
ike_eap_mschapv2_new (const char *user, const RoamSecret *password, RoamSecret *new_password, char **ret_problem)
{
  g_autoptr (IkeEapMschapv2) method = g_new0 (IkeEapMschapv2, 1);

  method->crypto = ike_mschapv2_crypto_new ();
  method->user = g_strdup (user);
  if (user == NULL || password == NULL || user[0] == '\0' || strlen (user) > MAX_USER)
    *ret_problem = g_strdup ("EAP-MSCHAPv2 needs a user name of at most 256 octets and a password");
  else if (method->crypto == NULL)
    *ret_problem = g_strdup ("EAP-MSCHAPv2 needs MD4 and DES, and this libcrypto has no legacy provider");
  else if (!take_passwords (method, password, new_password))
    *ret_problem = g_strdup ("The password of EAP-MSCHAPv2 is not UTF-8.");
  else
    return g_steal_pointer (&method);
  return NULL;
}

void
ike_eap_mschapv2_free (IkeEapMschapv2 *method)
{
  if (method == NULL)
    return;
  g_free (method->user);
  ike_mschapv2_crypto_free (method->crypto);
  roam_secret_unref (method->password_hash);
  roam_secret_unref (method->new_password);
  roam_secret_unref (method->new_password_hash);
  roam_secret_unref (method->msk);
  g_free (method);
}

gboolean
ike_eap_mschapv2_has_taken_new (const IkeEapMschapv2 *method)
{
  return method->has_taken_new;
}

/* What a challenge makes of the password in use; @ret_peer: our own challenge. */
static gboolean
compute (IkeEapMschapv2 *method, RoamRng *rng, const guint8 authenticator[IKE_MSCHAPV2_CHALLENGE_LENGTH],
         guint8 ret_peer[IKE_MSCHAPV2_CHALLENGE_LENGTH], guint8 ret_response[IKE_MSCHAPV2_NT_RESPONSE_LENGTH])
{
  const guint8 *hash = roam_secret_peek (method->password_hash);
  guint8 challenge[8];

  roam_rng_fill (rng, ret_peer, IKE_MSCHAPV2_CHALLENGE_LENGTH);
  if (!ike_mschapv2_challenge (ret_peer, authenticator, method->user, challenge) ||
      !ike_mschapv2_nt_response (method->crypto, challenge, hash, ret_response) ||
      !ike_mschapv2_authenticator_response (method->crypto, hash, ret_response, challenge, method->expected))
    return FALSE;
  roam_secret_unref (method->msk);
  method->msk = ike_mschapv2_msk (method->crypto, hash, ret_response);
  return method->msk != NULL;
}

static void
write_header (WireWriter *answer, guint8 opcode, guint8 ms_id, gsize length)
{
  wire_write_u8 (answer, opcode);
  wire_write_u8 (answer, ms_id);
  wire_write_u16 (answer, (guint16)(MS_HEADER_LENGTH + length));
}

static IkeEapVerdict
respond (IkeEapMschapv2 *method, RoamRng *rng, guint8 ms_id, const guint8 authenticator[IKE_MSCHAPV2_CHALLENGE_LENGTH],
         WireWriter *answer)
{
  guint8 peer[IKE_MSCHAPV2_CHALLENGE_LENGTH], nt_response[IKE_MSCHAPV2_NT_RESPONSE_LENGTH];
  gsize user = strlen (method->user);

  if (!compute (method, rng, authenticator, peer, nt_response))
    return IKE_EAP_METHOD_ABORT;
  write_header (answer, OP_RESPONSE, ms_id, 1 + RESPONSE_VALUE_LENGTH + user);
  wire_write_u8 (answer, RESPONSE_VALUE_LENGTH);
  wire_write_data (answer, peer, sizeof peer);
  wire_write_zeros (answer, 8);
  wire_write_data (answer, nt_response, sizeof nt_response);
  wire_write_u8 (answer, 0);
  wire_write_data (answer, (const guint8 *)method->user, user);
  method->state = STATE_SUCCESS;
  return IKE_EAP_METHOD_ANSWER;
}

static IkeEapVerdict
process_challenge (IkeEapMschapv2 *method, RoamRng *rng, guint8 ms_id, WireReader *reader, WireWriter *answer)
{
  guint8 authenticator[IKE_MSCHAPV2_CHALLENGE_LENGTH], value_size;

  if (method->state != STATE_CHALLENGE || !wire_read_u8 (reader, &value_size) || value_size != sizeof authenticator ||
      !wire_read_copy (reader, authenticator, sizeof authenticator))
    return IKE_EAP_METHOD_DISCARD;
  return respond (method, rng, ms_id, authenticator, answer);
}

/* RFC 2759 5: a wrong authenticator response means that the server does not know the password. */
static IkeEapVerdict
process_success (IkeEapMschapv2 *method, IkeView message, WireWriter *answer, RoamSecret **ret_msk, IkeEapFault *fault)
{
  gboolean good = method->state == STATE_SUCCESS && method->msk != NULL && message.length >= sizeof method->expected &&
                  roam_equal_constant_time (message.data, (const guint8 *)method->expected, sizeof method->expected) &&
                  (message.length == sizeof method->expected || message.data[sizeof method->expected] == ' ');

  if (method->state != STATE_SUCCESS)
    return IKE_EAP_METHOD_DISCARD;
  method->state = STATE_OVER;
  if (!good)
    {
      *fault = (IkeEapFault){ "the server does not know the password (EAP-MSCHAPv2 authenticator response)",
                              "Do not connect here before the administrator has looked at it." };
      return IKE_EAP_METHOD_ABORT;
    }
  *ret_msk = g_steal_pointer (&method->msk);
  wire_write_u8 (answer, OP_SUCCESS);
  return IKE_EAP_METHOD_DONE;
}

/* --- Failure (RFC 2759 6) --- */

/* "E=691 R=1 C=<32 hex digits> V=3 M=text" */
typedef struct
{
  guint64 error, version; /* 0: not there */
  gboolean retry, has_challenge;
  guint8 challenge[IKE_MSCHAPV2_CHALLENGE_LENGTH];
} Failure;

static gboolean
parse_challenge (const char *hex, guint8 challenge[IKE_MSCHAPV2_CHALLENGE_LENGTH])
{
  if (strlen (hex) != 2 * IKE_MSCHAPV2_CHALLENGE_LENGTH)
    return FALSE;
  for (guint i = 0; i < IKE_MSCHAPV2_CHALLENGE_LENGTH; i++)
    {
      int high = g_ascii_xdigit_value (hex[2 * i]), low = g_ascii_xdigit_value (hex[2 * i + 1]);

      if (high < 0 || low < 0)
        return FALSE;
      challenge[i] = (guint8)(high << 4 | low);
    }
  return TRUE;
}

/* A number and nothing else; 0 otherwise. */
static guint64
parse_number (const char *text)
{
  char *end;
  guint64 value = g_ascii_isdigit (*text) ? g_ascii_strtoull (text, &end, 10) : 0;

  return g_ascii_isdigit (*text) && *end == '\0' ? value : 0;
}

/* Up to the message for people, which may hold anything. */
static void
parse_failure (IkeView message, Failure *failure)
{
  g_autofree char *text = g_strndup ((const char *)message.data, message.length);
  g_auto (GStrv) words = g_strsplit (text, " ", 8);

  *failure = (Failure){ 0 };
  for (guint i = 0; words[i] != NULL && !g_str_has_prefix (words[i], "M="); i++)
    if (g_str_has_prefix (words[i], "E="))
      failure->error = parse_number (words[i] + 2);
    else if (g_str_has_prefix (words[i], "R="))
      failure->retry = g_str_equal (words[i] + 2, "1");
    else if (g_str_has_prefix (words[i], "C="))
      failure->has_challenge = parse_challenge (words[i] + 2, failure->challenge);
    else if (g_str_has_prefix (words[i], "V="))
      failure->version = parse_number (words[i] + 2);
}

static void
explain_failure (const Failure *failure, IkeEapFault *fault)
{
  static const struct
  {
    guint64 error;
    const char *reason, *advice;
  } known[] = {
    { 646, "the server refuses logons at this time (EAP-MSCHAPv2 error 646)", "Try again in the allowed hours." },
    { 647, "the account is disabled (EAP-MSCHAPv2 error 647)", "Ask the administrator of the account." },
    { 648, "the password has expired (EAP-MSCHAPv2 error 648)",
      "Put a new password into new-password-file, or change it by another way and then here." },
    { 649, "the account may not dial in (EAP-MSCHAPv2 error 649)", "Ask the administrator of the account." },
    { 691, "user name or password is wrong (EAP-MSCHAPv2 error 691)", "Check user name and password." },
    { 709, "the password could not be changed (EAP-MSCHAPv2 error 709)",
      "The server may ask for a longer password, or for one that was not used before." },
  };

  *fault = (IkeEapFault){ "the server refused the logon (EAP-MSCHAPv2)", "Check user name and password." };
  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    if (failure->error == known[i].error)
      *fault = (IkeEapFault){ known[i].reason, known[i].advice };
}

/* The other password is the one in use from now on. */
static void
take_new (IkeEapMschapv2 *method)
{
  roam_secret_unref (method->password_hash);
  method->password_hash = g_steal_pointer (&method->new_password_hash);
  g_clear_pointer (&method->new_password, roam_secret_unref);
  method->has_taken_new = TRUE;
}

/* RFC 2759 7: the new password under the old one's hash, the old hash under the new one's, and a response with the new
 * one. */
static IkeEapVerdict
change_password (IkeEapMschapv2 *method, RoamRng *rng, guint8 ms_id, const Failure *failure, WireWriter *answer)
{
  guint8 block[IKE_MSCHAPV2_PWBLOCK_LENGTH], old_hash[IKE_MSCHAPV2_HASH_LENGTH];
  guint8 peer[IKE_MSCHAPV2_CHALLENGE_LENGTH], nt_response[IKE_MSCHAPV2_NT_RESPONSE_LENGTH];

  roam_rng_fill (rng, block, sizeof block);
  if (!ike_mschapv2_encrypt_password (method->crypto, method->new_password, roam_secret_peek (method->password_hash),
                                      block) ||
      !ike_mschapv2_encrypt_hash (method->crypto, roam_secret_peek (method->password_hash),
                                  roam_secret_peek (method->new_password_hash), old_hash))
    return IKE_EAP_METHOD_ABORT;
  take_new (method);
  if (!compute (method, rng, failure->challenge, peer, nt_response))
    return IKE_EAP_METHOD_ABORT;
  write_header (answer, OP_CHANGE_PASSWORD, (guint8)(ms_id + 1), CHANGE_LENGTH);
  wire_write_data (answer, block, sizeof block);
  wire_write_data (answer, old_hash, sizeof old_hash);
  wire_write_data (answer, peer, sizeof peer);
  wire_write_zeros (answer, 8);
  wire_write_data (answer, nt_response, sizeof nt_response);
  wire_write_u16 (answer, 0);
  return IKE_EAP_METHOD_ANSWER;
}

/*
 * Only a password that is there already can be tried: nobody waits for a person here. It may be that the new one was
 * set by another way already, so it has its turn after "wrong" as well as after "expired"; once, whatever R says then.
 */
static IkeEapVerdict
process_failure (IkeEapMschapv2 *method, RoamRng *rng, guint8 ms_id, IkeView message, WireWriter *answer,
                 IkeEapFault *fault)
{
  Failure failure;

  parse_failure (message, &failure);
  if (method->new_password_hash != NULL && failure.has_challenge)
    {
      if (failure.error == ERROR_PASSWD_EXPIRED && failure.version == CHANGE_VERSION)
        return change_password (method, rng, ms_id, &failure, answer);
      if (failure.error == ERROR_AUTHENTICATION_FAILURE && failure.retry)
        {
          take_new (method);
          return respond (method, rng, (guint8)(ms_id + 1), failure.challenge, answer);
        }
    }
  explain_failure (&failure, fault);
  method->state = STATE_OVER;
  wire_write_u8 (answer, OP_FAILURE);
  return IKE_EAP_METHOD_FAIL;
}

IkeEapVerdict
ike_eap_mschapv2_process (IkeEapMschapv2 *method, RoamRng *rng, IkeView data, WireWriter *answer, RoamSecret **ret_msk,
                          IkeEapFault *fault)
{
  WireReader reader;
  guint8 opcode, ms_id;
  guint16 ms_length;
  IkeView rest;

  wire_reader_init (&reader, data.data, data.length);
  if (!wire_read_u8 (&reader, &opcode) || !wire_read_u8 (&reader, &ms_id) || !wire_read_u16 (&reader, &ms_length) ||
      ms_length != data.length)
    return IKE_EAP_METHOD_DISCARD;
  if (opcode == OP_CHALLENGE)
    return process_challenge (method, rng, ms_id, &reader, answer);
  rest.length = wire_reader_left (&reader);
  if (!wire_read_data (&reader, rest.length, &rest.data))
    return IKE_EAP_METHOD_DISCARD;
  if (opcode == OP_SUCCESS)
    return process_success (method, rest, answer, ret_msk, fault);
  if (opcode != OP_FAILURE || method->state != STATE_SUCCESS)
    return IKE_EAP_METHOD_DISCARD;
  return process_failure (method, rng, ms_id, rest, answer, fault);
}
