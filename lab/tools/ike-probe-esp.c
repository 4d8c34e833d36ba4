/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ESP of ike-probe, as much as it takes to ping somebody behind the gateway: the keys agree, and the SAs are there. */
#include "base/wire.h"
#include "lab/tools/ike-probe.h"
#include "tunnel/tunnel-packet.h"

#include <string.h>

#define ECHO_INTERVAL_US (250 * ROAM_USEC_PER_MSEC) /* the gateway's kernel may get its SA a moment later */
#define IP4_HEADER 20
#define ICMP_HEADER 8
#define ECHO_LENGTH (IP4_HEADER + ICMP_HEADER)
#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO_REQUEST 8
#define PROTOCOL_ICMP 1
#define IP4_VERSION_AND_LENGTH 0x45 /* no options */
#define IP4_TTL 64

typedef struct
{
  TunnelSa *sa;
  TunnelEspIn *in;
  TunnelEspOut *out;
} Pair;

struct _ProbeEsp
{
  RoamRng *rng;
  GPtrArray *pairs; /* of Pair */
  guint32 out_id;   /* of the Child SA to send on; 0: none */
  guint32 ifindex;
  RoamEndpoint local, remote;
  RoamAddr tia, target; /* target unset: no echo is due */
  guint16 sequence;
  gint64 due_us;
};

static void
free_pair (gpointer data)
{
  Pair *pair = data;

  tunnel_esp_in_free (pair->in);
  tunnel_esp_out_free (pair->out);
  tunnel_sa_unref (pair->sa);
  g_free (pair);
}

ProbeEsp *
probe_esp_new (RoamRng *rng)
{
  ProbeEsp *esp = g_new0 (ProbeEsp, 1);

  esp->rng = rng;
  esp->pairs = g_ptr_array_new_with_free_func (free_pair);
  return esp;
}

void
probe_esp_free (ProbeEsp *esp)
{
  g_ptr_array_unref (esp->pairs);
  roam_rng_free (esp->rng);
  g_free (esp);
}

static RoamSecret *
ref_secret (RoamSecret *secret)
{
  return secret ? roam_secret_ref (secret) : NULL;
}

static TunnelSa *
convert_child (const IkeChildSa *child)
{
  TunnelSa *sa = g_new0 (TunnelSa, 1);

  sa->references = 1;
  sa->id = child->id;
  sa->spi_in = child->spi_in;
  sa->spi_out = child->spi_out;
  sa->algorithm = child->algorithm == IKE_ESP_AES_GCM_16 ? TUNNEL_ESP_AES_GCM_16 : TUNNEL_ESP_AES_CBC_HMAC_SHA2;
  sa->encr_bits = child->encr_bits;
  sa->integ_bits = child->integ_bits;
  sa->encr_in = ref_secret (child->encr_in);
  sa->encr_out = ref_secret (child->encr_out);
  sa->integ_in = ref_secret (child->integ_in);
  sa->integ_out = ref_secret (child->integ_out);
  sa->esn = child->esn;
  return sa;
}

static Pair *
find_pair (ProbeEsp *esp, guint32 id, guint32 spi_in)
{
  for (guint i = 0; i < esp->pairs->len; i++)
    {
      Pair *pair = g_ptr_array_index (esp->pairs, i);

      if (id != 0 ? pair->sa->id == id : pair->sa->spi_in == spi_in)
        return pair;
    }
  return NULL;
}

static void
add_child (ProbeEsp *esp, const IkeAction *action)
{
  const IkeChildSa *child = action->child_add.child;
  Pair *pair = g_new0 (Pair, 1);

  pair->sa = convert_child (child);
  pair->in = tunnel_esp_in_new (pair->sa);
  pair->out = tunnel_esp_out_new (pair->sa, esp->rng);
  g_ptr_array_add (esp->pairs, pair);
  if (action->child_add.use_outbound)
    esp->out_id = child->id;
  esp->ifindex = child->ifindex;
  esp->local = child->outer_local;
  esp->remote = child->outer_remote;
}

void
probe_esp_perform (ProbeEsp *esp, const IkeAction *action)
{
  switch (action->type)
    {
    case IKE_ACTION_CHILD_ADD:
      add_child (esp, action);
      return;
    case IKE_ACTION_CHILD_USE:
      esp->out_id = action->child_use.child_id;
      return;
    case IKE_ACTION_CHILD_REMOVE:
      g_ptr_array_remove (esp->pairs, find_pair (esp, action->child_remove.child_id, 0));
      return;
    case IKE_ACTION_CHILD_MOVE:
      esp->ifindex = action->child_move.ifindex;
      esp->local = action->child_move.local;
      esp->remote = action->child_move.remote;
      return;
    case IKE_ACTION_EVENT:
      if (action->event.type == IKE_EVENT_ESTABLISHED || action->event.type == IKE_EVENT_TIA_CHANGED)
        esp->tia = action->event.configuration.tia4;
      return;
    case IKE_ACTION_SEND:
    case IKE_ACTION_SIGN:
    case IKE_ACTION_FETCH:
    case IKE_ACTION_TICKET:
      return;
    }
}

gboolean
probe_esp_start_echo (Probe *probe, const char *target)
{
  probe->esp->due_us = probe_now ().boot_us;
  return roam_addr_parse (target, &probe->esp->target) && probe->esp->target.family == ROAM_FAMILY_INET4;
}

gint64
probe_esp_next_us (const ProbeEsp *esp)
{
  return esp->target.family == ROAM_FAMILY_INET4 ? esp->due_us : G_MAXINT64;
}

/* RFC 1071 over @length octets, an even number. */
static guint16
checksum (const guint8 *data, gsize length)
{
  guint32 sum = 0;
  WireReader reader;
  guint16 word;

  wire_reader_init (&reader, data, length);
  while (wire_reader_left (&reader) > 0 && wire_read_u16 (&reader, &word))
    sum += word;
  sum = (sum & 0xffff) + (sum >> 16);
  return (guint16) ~(sum + (sum >> 16));
}

/* An Echo Request from the inner address, ECHO_LENGTH octets. */
static void
build_echo (ProbeEsp *esp, WireWriter *packet)
{
  wire_writer_init (packet, ECHO_LENGTH);
  wire_write_u8 (packet, IP4_VERSION_AND_LENGTH);
  wire_write_u8 (packet, 0);
  wire_write_u16 (packet, ECHO_LENGTH);
  wire_write_u32 (packet, 0);
  wire_write_u8 (packet, IP4_TTL);
  wire_write_u8 (packet, PROTOCOL_ICMP);
  wire_write_u16 (packet, 0);
  wire_write_addr (packet, &esp->tia);
  wire_write_addr (packet, &esp->target);
  wire_patch_u16 (packet, 10, checksum (wire_writer_peek (packet), IP4_HEADER));
  wire_write_u8 (packet, ICMP_ECHO_REQUEST);
  wire_write_u8 (packet, 0);
  wire_write_u16 (packet, 0);
  wire_write_u16 (packet, 0);
  wire_write_u16 (packet, esp->sequence++);
  wire_patch_u16 (packet, IP4_HEADER + 2, checksum (wire_writer_peek (packet) + IP4_HEADER, ICMP_HEADER));
}

/* The Echo Reply that is waited for; the gateway's kernel puts no options into the header. */
static gboolean
is_reply (const ProbeEsp *esp, const guint8 *packet, gsize length)
{
  guint8 version, protocol, type;
  const guint8 *rest, *source, *to;
  WireReader reader;

  wire_reader_init (&reader, packet, length);
  return wire_read_u8 (&reader, &version) && version == IP4_VERSION_AND_LENGTH && wire_read_data (&reader, 8, &rest) &&
         wire_read_u8 (&reader, &protocol) && protocol == PROTOCOL_ICMP && wire_read_data (&reader, 2, &rest) &&
         wire_read_data (&reader, 4, &source) && wire_read_data (&reader, 4, &to) && wire_read_u8 (&reader, &type) &&
         type == ICMP_ECHO_REPLY && esp->target.family == ROAM_FAMILY_INET4 &&
         memcmp (source, esp->target.bytes, 4) == 0;
}

void
probe_esp_run (Probe *probe)
{
  ProbeEsp *esp = probe->esp;
  Pair *pair = find_pair (esp, esp->out_id, 0);
  guint8 plain[ECHO_LENGTH + TUNNEL_ESP_MAX_TRAILER], packet[ECHO_LENGTH + TUNNEL_ESP_MAX_OVERHEAD];
  g_auto (WireWriter) echo = { 0 };
  gsize length;

  if (probe_esp_next_us (esp) > probe_now ().boot_us)
    return;
  esp->due_us = probe_now ().boot_us + ECHO_INTERVAL_US;
  if (esp->out_id == 0 || !pair || esp->tia.family != ROAM_FAMILY_INET4)
    return;
  build_echo (esp, &echo);
  memcpy (plain, wire_writer_peek (&echo), ECHO_LENGTH);
  if (tunnel_esp_encrypt (pair->out, TUNNEL_NEXT_HEADER_IPV4, plain, ECHO_LENGTH, packet, sizeof packet, &length) ==
      TUNNEL_DROP_NONE)
    probe_send (probe, esp->ifindex, &esp->local, &esp->remote, packet, length);
}

void
probe_esp_receive (Probe *probe, guint8 *packet, gsize length)
{
  ProbeEsp *esp = probe->esp;
  Pair *pair = find_pair (esp, 0, tunnel_esp_get_spi (packet, length));
  char target[ROAM_ADDR_STRLEN];
  RoamNow now = probe_now ();
  guint32 child = pair ? pair->sa->id : 0;
  guint8 *plain, next;

  if (!pair || tunnel_esp_decrypt (pair->in, packet, length, &plain, &length, &next) != TUNNEL_DROP_NONE)
    return;
  ike_session_input_traffic (probe->session, &now, child);
  if (next != TUNNEL_NEXT_HEADER_IPV4 || !is_reply (esp, plain, length))
    return;
  g_print ("{\"us\":%" G_GINT64_FORMAT ",\"echo\":\"%s\",\"child\":%u}\n", probe_elapsed_us (probe),
           roam_addr_to_string (&esp->target, target), child);
  esp->target = (RoamAddr){ 0 };
  probe_notice (probe, "echo");
  probe_drain (probe);
}
