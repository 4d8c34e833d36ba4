/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* EAP (RFC 3748), peer's side: what is common to all methods. */
#include "ike/eap/ike-eap-private.h"

struct _IkeEap
{
  IkeEapMethod method;
  char *identity;
  IkeEapMschapv2 *mschapv2;
  IkeEapTls *tls;
  gboolean started; /* the method has answered: no Nak and no other method any more (RFC 3748 2.1) */
  gboolean finished; /* it has succeeded on our side: Success may come */
  gboolean broken;   /* it has failed: Success is nothing (RFC 3748 4.2) */
  RoamSecret *msk;
  IkeEapFault fault;
};

static guint8
type_of (IkeEapMethod method)
{
  switch (method)
    {
    case IKE_EAP_METHOD_MSCHAPV2:
      return IKE_EAP_TYPE_MSCHAPV2;
    case IKE_EAP_METHOD_TLS:
      return IKE_EAP_TYPE_TLS;
    }
  return 0;
}

gboolean
ike_eap_method_is_safe (IkeEapMethod method)
{
  switch (method)
    {
    case IKE_EAP_METHOD_MSCHAPV2:
      return FALSE; /* a gateway that is nobody can try passwords on what it recorded */
    case IKE_EAP_METHOD_TLS:
      return TRUE;
    }
  return FALSE;
}

static gboolean
make_method (IkeEap *eap, const IkeEapConfig *config, char **ret_problem)
{
  switch (config->method)
    {
    case IKE_EAP_METHOD_MSCHAPV2:
      eap->mschapv2 = ike_eap_mschapv2_new (config->user, config->password, config->new_password, ret_problem);
      return eap->mschapv2 != NULL;
    case IKE_EAP_METHOD_TLS:
      eap->tls = ike_eap_tls_new (config->credentials, config->server_name, ret_problem);
      return eap->tls != NULL;
    }
  return FALSE;
}

IkeEap *
ike_eap_new (const IkeEapConfig *config, char **ret_problem)
{
  g_autoptr (IkeEap) eap = g_new0 (IkeEap, 1);

  eap->method = config->method;
  eap->identity = g_strdup (config->identity);
  return make_method (eap, config, ret_problem) ? g_steal_pointer (&eap) : NULL;
}

void
ike_eap_free (IkeEap *eap)
{
  if (eap == NULL)
    return;
  g_free (eap->identity);
  ike_eap_mschapv2_free (eap->mschapv2);
  ike_eap_tls_free (eap->tls);
  roam_secret_unref (eap->msk);
  g_free (eap);
}

RoamSecret *
ike_eap_msk (const IkeEap *eap)
{
  return eap->msk;
}

gboolean
ike_eap_has_taken_new_password (const IkeEap *eap)
{
  return eap->mschapv2 != NULL && ike_eap_mschapv2_has_taken_new (eap->mschapv2);
}

const char *
ike_eap_reason (const IkeEap *eap)
{
  return eap->fault.reason;
}

const char *
ike_eap_advice (const IkeEap *eap)
{
  return eap->fault.advice;
}

static GBytes *
make_response (guint8 identifier, guint8 type, IkeView data)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, IKE_EAP_MAX_PACKET);
  wire_write_u8 (&writer, IKE_EAP_CODE_RESPONSE);
  wire_write_u8 (&writer, identifier);
  wire_write_u16 (&writer, (guint16)(IKE_EAP_HEADER_LENGTH + 1 + data.length));
  wire_write_u8 (&writer, type);
  if (data.length > 0)
    wire_write_data (&writer, data.data, data.length);
  return wire_writer_finish (&writer);
}

static IkeEapVerdict
run_method (IkeEap *eap, RoamRng *rng, const RoamNow *now, IkeView data, WireWriter *answer)
{
  switch (eap->method)
    {
    case IKE_EAP_METHOD_MSCHAPV2:
      return ike_eap_mschapv2_process (eap->mschapv2, rng, data, answer, &eap->msk, &eap->fault);
    case IKE_EAP_METHOD_TLS:
      return ike_eap_tls_process (eap->tls, now, data, answer, &eap->msk, &eap->fault);
    }
  return IKE_EAP_METHOD_DISCARD;
}

static IkeEapResult
process_method (IkeEap *eap, RoamRng *rng, const RoamNow *now, guint8 identifier, IkeView data, GBytes **ret_response)
{
  g_auto (WireWriter) answer = { 0 };
  IkeEapVerdict verdict;

  wire_writer_init (&answer, IKE_EAP_MAX_PACKET - IKE_EAP_HEADER_LENGTH - 1);
  verdict = run_method (eap, rng, now, data, &answer);
  switch (verdict)
    {
    case IKE_EAP_METHOD_DISCARD:
      return IKE_EAP_DISCARDED;
    case IKE_EAP_METHOD_ABORT:
      eap->broken = TRUE;
      return IKE_EAP_FAILED;
    case IKE_EAP_METHOD_FAIL:
      eap->broken = TRUE;
      break;
    case IKE_EAP_METHOD_DONE:
      eap->finished = TRUE;
      break;
    case IKE_EAP_METHOD_ANSWER:
      break;
    }
  eap->started = TRUE;
  if (wire_writer_failed (&answer))
    return IKE_EAP_DISCARDED;
  *ret_response = make_response (identifier, type_of (eap->method),
                                 (IkeView){ wire_writer_peek (&answer), wire_writer_length (&answer) });
  return IKE_EAP_RESPOND;
}

static IkeEapResult
process_request (IkeEap *eap, RoamRng *rng, const RoamNow *now, guint8 identifier, WireReader *reader,
                 GBytes **ret_response)
{
  const guint8 ours = type_of (eap->method);
  IkeView data;
  guint8 type;

  if (!wire_read_u8 (reader, &type))
    return IKE_EAP_DISCARDED;
  data.length = wire_reader_left (reader);
  if (!wire_read_data (reader, data.length, &data.data))
    return IKE_EAP_DISCARDED;
  if (type == ours && !eap->broken && !eap->finished)
    return process_method (eap, rng, now, identifier, data, ret_response);
  if (type == IKE_EAP_TYPE_IDENTITY)
    *ret_response =
      make_response (identifier, type, (IkeView){ (const guint8 *)eap->identity, strlen (eap->identity) });
  else if (type == IKE_EAP_TYPE_NOTIFICATION)
    {
      g_autofree char *text = ike_identity_to_string (IKE_ID_FQDN, data);

      g_message ("the EAP authenticator says: %s", text);
      *ret_response = make_response (identifier, type, (IkeView){ 0 });
    }
  else if (type > IKE_EAP_TYPE_NAK && type != ours && !eap->started) /* RFC 3748 5.3.1: also for Expanded Types */
    *ret_response = make_response (identifier, IKE_EAP_TYPE_NAK, (IkeView){ &ours, 1 });
  else
    return IKE_EAP_DISCARDED;
  return IKE_EAP_RESPOND;
}

IkeEapResult
ike_eap_process (IkeEap *eap, RoamRng *rng, const RoamNow *now, IkeView packet, GBytes **ret_response)
{
  WireReader reader, sub;
  guint8 code, identifier;
  guint16 length;

  wire_reader_init (&reader, packet.data, packet.length);
  if (!wire_read_u8 (&reader, &code) || !wire_read_u8 (&reader, &identifier) || !wire_read_u16 (&reader, &length) ||
      length < IKE_EAP_HEADER_LENGTH || !wire_read_sub (&reader, length - IKE_EAP_HEADER_LENGTH, &sub))
    return IKE_EAP_DISCARDED;
  switch (code)
    {
    case IKE_EAP_CODE_REQUEST:
      return process_request (eap, rng, now, identifier, &sub, ret_response);
    case IKE_EAP_CODE_SUCCESS:
      /* RFC 3748 4.2: one that comes before the method has finished is nobody's. */
      return eap->finished && !eap->broken && eap->msk ? IKE_EAP_SUCCEEDED : IKE_EAP_DISCARDED;
    case IKE_EAP_CODE_FAILURE:
      return IKE_EAP_FAILED;
    default:
      return IKE_EAP_DISCARDED;
    }
}
