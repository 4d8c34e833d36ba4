/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* EAP-TLS (RFC 5216 2.1.5, 3; RFC 9190): TLS messages in EAP packets, with fragments in both directions. */
#include "ike/eap/ike-eap-private.h"

enum
{
  FLAG_LENGTH = 0x80,
  FLAG_MORE = 0x40,
  FLAG_START = 0x20,
};

/* One flight of TLS: a chain of certificates is some KiB; a server may not make us keep more than this. */
#define MAX_FLIGHT 65536
/* So that an IKE_AUTH request with it passes a path of 1280 octets whole. */
#define FRAGMENT_LENGTH 1000

struct _IkeEapTls
{
  IkeTlsClient *client;
  gboolean started;
  GByteArray *flight; /* of the server, being put together */
  GBytes *output;     /* of ours, being sent in fragments; NULL: none */
  gsize sent;
  IkeEapVerdict after; /* what is said with the last fragment */
};

IkeEapTls *
ike_eap_tls_new (const IkeCredentials *credentials, const char *server_name, char **ret_problem)
{
  g_autoptr (IkeTlsClient) client = NULL;
  IkeEapTls *method;

  if (credentials == NULL || server_name == NULL || server_name[0] == '\0')
    {
      *ret_problem = g_strdup ("EAP-TLS needs a certificate, its private key, a CA certificate and the server's name");
      return NULL;
    }
  client = ike_tls_client_new (credentials, server_name, ret_problem);
  if (client == NULL)
    return NULL;
  method = g_new0 (IkeEapTls, 1);
  method->client = g_steal_pointer (&client);
  method->flight = g_byte_array_new ();
  return method;
}

void
ike_eap_tls_free (IkeEapTls *method)
{
  if (method == NULL)
    return;
  ike_tls_client_free (method->client);
  g_byte_array_unref (method->flight);
  g_clear_pointer (&method->output, g_bytes_unref);
  g_free (method);
}

/* The next fragment; one that is alone has no length (RFC 9190 2.1.9). */
static IkeEapVerdict
send_fragment (IkeEapTls *method, WireWriter *answer)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (method->output, &length);
  gsize part = MIN (length - method->sent, FRAGMENT_LENGTH);
  gboolean more = method->sent + part < length, first = method->sent == 0;

  wire_write_u8 (answer, (guint8)((more ? FLAG_MORE : 0) | (more && first ? FLAG_LENGTH : 0)));
  if (more && first)
    wire_write_u32 (answer, (guint32)length);
  if (part > 0)
    wire_write_data (answer, data + method->sent, part);
  method->sent += part;
  if (more)
    return IKE_EAP_METHOD_ANSWER;
  g_clear_pointer (&method->output, g_bytes_unref);
  return method->after;
}

/* A whole flight of the server, or the start. */
static IkeEapVerdict
run_tls (IkeEapTls *method, const RoamNow *now, WireWriter *answer, RoamSecret **ret_msk, IkeEapFault *fault)
{
  const IkeView flight = { method->flight->data, method->flight->len };

  method->sent = 0;
  switch (ike_tls_client_step (method->client, now, flight, &method->output, fault))
    {
    case IKE_TLS_RUNNING:
      method->after = IKE_EAP_METHOD_ANSWER;
      break;
    case IKE_TLS_DONE:
      *ret_msk = ike_tls_client_msk (method->client);
      method->after = *ret_msk != NULL ? IKE_EAP_METHOD_DONE : IKE_EAP_METHOD_FAIL;
      break;
    case IKE_TLS_BROKEN:
      method->after = IKE_EAP_METHOD_FAIL; /* the alert goes out, and Failure is waited for (RFC 5216 2.1.3) */
      break;
    }
  g_byte_array_set_size (method->flight, 0);
  return send_fragment (method, answer);
}

IkeEapVerdict
ike_eap_tls_process (IkeEapTls *method, const RoamNow *now, IkeView data, WireWriter *answer, RoamSecret **ret_msk,
                     IkeEapFault *fault)
{
  WireReader reader;
  guint32 total = 0;
  IkeView part;
  guint8 flags;

  wire_reader_init (&reader, data.data, data.length);
  if (!wire_read_u8 (&reader, &flags) || ((flags & FLAG_LENGTH) != 0 && !wire_read_u32 (&reader, &total)))
    return IKE_EAP_METHOD_DISCARD;
  part.length = wire_reader_left (&reader);
  if (!wire_read_data (&reader, part.length, &part.data))
    return IKE_EAP_METHOD_DISCARD;
  if ((flags & FLAG_START) != 0)
    {
      if (method->started || part.length > 0)
        return IKE_EAP_METHOD_DISCARD;
      method->started = TRUE;
      return run_tls (method, now, answer, ret_msk, fault);
    }
  if (!method->started)
    return IKE_EAP_METHOD_DISCARD;
  if (method->output != NULL) /* only an acknowledgement can come */
    return part.length == 0 ? send_fragment (method, answer) : IKE_EAP_METHOD_DISCARD;
  if (total > MAX_FLIGHT || method->flight->len + part.length > MAX_FLIGHT)
    {
      *fault = (IkeEapFault){ "the EAP-TLS server sends more than a handshake can need", NULL };
      return IKE_EAP_METHOD_ABORT;
    }
  g_byte_array_append (method->flight, part.data, (guint)part.length);
  if ((flags & FLAG_MORE) == 0)
    return run_tls (method, now, answer, ret_msk, fault);
  wire_write_u8 (answer, 0);
  return IKE_EAP_METHOD_ANSWER;
}
