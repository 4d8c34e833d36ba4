/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* EAP-MSCHAPv2 (type 26): RFC 2759 packets in EAP. */
#include "ike/eap/ike-eap-private.h"

#include <string.h>

enum
{
  OP_CHALLENGE = 1,
  OP_RESPONSE = 2,
  OP_SUCCESS = 3,
  OP_FAILURE = 4,
};

/* Peer challenge, eight zero octets, NT-Response, flags (RFC 2759 4). */
#define RESPONSE_VALUE_LENGTH 49
/* OpCode, MS-CHAPv2-ID, MS-Length. */
#define MS_HEADER_LENGTH 4
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
  RoamSecret *password_hash;
  RoamSecret *msk;
  char expected[IKE_MSCHAPV2_AUTHENTICATOR_LENGTH];
};

IkeEapMschapv2 *
ike_eap_mschapv2_new (const char *user, const RoamSecret *password, char **ret_problem)
{
  IkeEapMschapv2 *method = NULL;
  g_autoptr (IkeMschapv2Crypto) crypto = ike_mschapv2_crypto_new ();
  guint8 hash[IKE_MSCHAPV2_HASH_LENGTH];

  if (user == NULL || password == NULL || user[0] == '\0' || strlen (user) > MAX_USER)
    *ret_problem = g_strdup ("EAP-MSCHAPv2 needs a user name of at most 256 octets and a password");
  else if (crypto == NULL)
    *ret_problem = g_strdup ("EAP-MSCHAPv2 needs MD4 and DES, and this libcrypto has no legacy provider");
  else if (!ike_mschapv2_password_hash (crypto, password, hash))
    *ret_problem = g_strdup ("The password of EAP-MSCHAPv2 is not UTF-8.");
  else
    {
      method = g_new0 (IkeEapMschapv2, 1);
      method->user = g_strdup (user);
      method->password_hash = roam_secret_new (hash, sizeof hash);
      method->crypto = g_steal_pointer (&crypto);
      roam_wipe (hash, sizeof hash);
    }
  return method;
}

void
ike_eap_mschapv2_free (IkeEapMschapv2 *method)
{
  if (method == NULL)
    return;
  g_free (method->user);
  ike_mschapv2_crypto_free (method->crypto);
  roam_secret_unref (method->password_hash);
  roam_secret_unref (method->msk);
  g_free (method);
}

static IkeEapVerdict
process_challenge (IkeEapMschapv2 *method, RoamRng *rng, guint8 ms_id, WireReader *reader, WireWriter *answer)
{
  const guint8 *hash = roam_secret_peek (method->password_hash);
  guint8 authenticator[IKE_MSCHAPV2_CHALLENGE_LENGTH], peer[IKE_MSCHAPV2_CHALLENGE_LENGTH], challenge[8], value_size;
  guint8 nt_response[IKE_MSCHAPV2_NT_RESPONSE_LENGTH];
  gsize user = strlen (method->user);

  if (method->state != STATE_CHALLENGE || !wire_read_u8 (reader, &value_size) || value_size != sizeof authenticator ||
      !wire_read_copy (reader, authenticator, sizeof authenticator))
    return IKE_EAP_METHOD_DISCARD;
  roam_rng_fill (rng, peer, sizeof peer);
  if (!ike_mschapv2_challenge (peer, authenticator, method->user, challenge) ||
      !ike_mschapv2_nt_response (method->crypto, challenge, hash, nt_response) ||
      !ike_mschapv2_authenticator_response (method->crypto, hash, nt_response, challenge, method->expected))
    return IKE_EAP_METHOD_ABORT;
  method->msk = ike_mschapv2_msk (method->crypto, hash, nt_response);
  wire_write_u8 (answer, OP_RESPONSE);
  wire_write_u8 (answer, ms_id);
  wire_write_u16 (answer, (guint16)(MS_HEADER_LENGTH + 1 + RESPONSE_VALUE_LENGTH + user));
  wire_write_u8 (answer, RESPONSE_VALUE_LENGTH);
  wire_write_data (answer, peer, sizeof peer);
  wire_write_zeros (answer, 8);
  wire_write_data (answer, nt_response, sizeof nt_response);
  wire_write_u8 (answer, 0);
  wire_write_data (answer, (const guint8 *)method->user, user);
  method->state = STATE_SUCCESS;
  return IKE_EAP_METHOD_ANSWER;
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

/* "E=691 R=1 C=... V=3 M=text" (RFC 2759 6). */
static void
explain_failure (IkeView message, IkeEapFault *fault)
{
  static const struct
  {
    const char *code, *reason, *advice;
  } known[] = {
    { "E=646", "the server refuses logons at this time (EAP-MSCHAPv2 error 646)", "Try again in the allowed hours." },
    { "E=647", "the account is disabled (EAP-MSCHAPv2 error 647)", "Ask the administrator of the account." },
    { "E=648", "the password has expired (EAP-MSCHAPv2 error 648)", "Change the password by another way, then here." },
    { "E=649", "the account may not dial in (EAP-MSCHAPv2 error 649)", "Ask the administrator of the account." },
    { "E=691", "user name or password is wrong (EAP-MSCHAPv2 error 691)", "Check user name and password." },
    { "E=709", "the password could not be changed (EAP-MSCHAPv2 error 709)", "Ask the administrator of the account." },
  };

  *fault = (IkeEapFault){ "the server refused the logon (EAP-MSCHAPv2)", "Check user name and password." };
  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    if (message.length >= strlen (known[i].code) && memcmp (message.data, known[i].code, strlen (known[i].code)) == 0 &&
        (message.length == strlen (known[i].code) || message.data[strlen (known[i].code)] == ' '))
      *fault = (IkeEapFault){ known[i].reason, known[i].advice };
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
  /* No other password is there to try, whatever R says. */
  explain_failure (rest, fault);
  method->state = STATE_OVER;
  wire_write_u8 (answer, OP_FAILURE);
  return IKE_EAP_METHOD_FAIL;
}
