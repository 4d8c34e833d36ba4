/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"

#include "base/wire.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/*
 * ARP for bound home addresses (RFC 5944 4.6): answers to who asks, and gratuitous ARP. The answers are
 * our own: the kernel's table of proxy entries has 16 lists, which 100 000 entries make endless, and would go
 * on answering for a process that is gone.
 */

/* D-37: three gratuitous ARPs, a second apart. */
#define ANNOUNCEMENTS 3u
#define ANNOUNCEMENT_INTERVAL_US ROAM_USEC_PER_SEC
/* How soon to look for the link-layer address of a node that has just come home. */
#define AT_HOME_FIRST_US 20000
/* Announcements of restored bindings a second: each is a broadcast on the home link. */
#define RESUMED_PER_SECOND 500u
#define ARP_LENGTH 28u
/* Frames moved per system call, and how often per turn of the main loop. */
#define BATCH 64u
#define TURNS 4u

struct _HadArp
{
  int send_fd, listen_fd, inet_fd, index;
  guint source, timer;
  char *name;
  guint8 mac[ETH_ALEN];
  GHashTable *intercepted;   /* a set of home addresses, host order */
  GHashTable *announcements; /* RoamAddr* -> Announcement */
  GQueue due;                /* the same, by time; one timer for all: a source each would slow the main loop down */
  gint64 resume_us;          /* when the next restored binding has its turn */
  guint8 frames[BATCH][ARP_LENGTH];
  struct sockaddr_ll to[BATCH];
  guint n_frames;
  guint64 answered;
};

typedef struct
{
  RoamAddr home_address;
  gboolean at_home;
  guint left;
  gint64 due_us;
  GList node; /* in @due */
} Announcement;

/* ------------------------------------------------------------------- frames ---- */

void
had_arp_flush (HadArp *arp)
{
  struct mmsghdr messages[BATCH] = { 0 };
  struct iovec vectors[BATCH];
  guint done = 0;

  for (guint i = 0; i < arp->n_frames; i++)
    {
      vectors[i] = (struct iovec){ arp->frames[i], ARP_LENGTH };
      messages[i].msg_hdr = (struct msghdr){
        .msg_name = &arp->to[i], .msg_namelen = sizeof arp->to[i], .msg_iov = &vectors[i], .msg_iovlen = 1
      };
    }
  while (done < arp->n_frames)
    {
      int sent = sendmmsg (arp->send_fd, messages + done, arp->n_frames - done, MSG_DONTWAIT);

      if (sent > 0)
        done += (guint)sent;
      else if (errno != EINTR)
        {
          g_info ("ARP on %s failed: %s", arp->name, g_strerror (errno));
          done++;
        }
    }
  arp->n_frames = 0;
}

typedef struct
{
  guint16 operation;
  guint8 sender_mac[ETH_ALEN], target_mac[ETH_ALEN];
  RoamAddr sender, target;
} Arp;

static void
queue_frame (HadArp *arp, const Arp *message, const guint8 destination[ETH_ALEN])
{
  g_auto (WireWriter) writer = { 0 };
  struct sockaddr_ll *to;

  if (arp->n_frames == BATCH)
    had_arp_flush (arp);
  wire_writer_init (&writer, ARP_LENGTH);
  wire_write_u16 (&writer, ARPHRD_ETHER);
  wire_write_u16 (&writer, ETH_P_IP);
  wire_write_u8 (&writer, ETH_ALEN);
  wire_write_u8 (&writer, 4);
  wire_write_u16 (&writer, message->operation);
  wire_write_data (&writer, message->sender_mac, ETH_ALEN);
  wire_write_addr (&writer, &message->sender);
  wire_write_data (&writer, message->target_mac, ETH_ALEN);
  wire_write_addr (&writer, &message->target);
  g_return_if_fail (wire_writer_length (&writer) == ARP_LENGTH);
  memcpy (arp->frames[arp->n_frames], wire_writer_peek (&writer), ARP_LENGTH);
  to = &arp->to[arp->n_frames++];
  *to = (struct sockaddr_ll){
    .sll_family = AF_PACKET,
    .sll_protocol = GUINT16_TO_BE (ETH_P_ARP),
    .sll_ifindex = arp->index,
    .sll_halen = ETH_ALEN,
  };
  memcpy (to->sll_addr, destination, ETH_ALEN);
}

/* -------------------------------------------------------------- gratuitous ARP ---- */

/* The kernel's neighbour entry of @addr on the home link; FALSE while it is unresolved. */
static gboolean
look_up_mac (const HadArp *arp, const RoamAddr *addr, guint8 mac[ETH_ALEN])
{
  struct arpreq request = { 0 };
  struct sockaddr_in protocol = { .sin_family = AF_INET };

  memcpy (&protocol.sin_addr, addr->bytes, 4);
  memcpy (&request.arp_pa, &protocol, sizeof protocol);
  g_strlcpy (request.arp_dev, arp->name, sizeof request.arp_dev);
  if (ioctl (arp->inet_fd, SIOCGARP, &request) < 0 || (request.arp_flags & ATF_COM) == 0 ||
      (request.arp_flags & ATF_PUBL) != 0)
    return FALSE;
  memcpy (mac, request.arp_ha.sa_data, ETH_ALEN);
  return TRUE;
}

/* Request form: sender and target protocol address are the home address (RFC 5944 4.6). */
static void
queue_gratuitous (HadArp *arp, const RoamAddr *home_address, const guint8 mac[ETH_ALEN])
{
  static const guint8 everybody[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  Arp message = { .operation = ARPOP_REQUEST, .sender = *home_address, .target = *home_address };

  memcpy (message.sender_mac, mac, ETH_ALEN);
  queue_frame (arp, &message, everybody);
}

static void
announce (HadArp *arp, const Announcement *announcement)
{
  guint8 mac[ETH_ALEN];

  if (!announcement->at_home)
    queue_gratuitous (arp, &announcement->home_address, arp->mac);
  else if (look_up_mac (arp, &announcement->home_address, mac))
    queue_gratuitous (arp, &announcement->home_address, mac);
}

static void
insert_announcement (HadArp *arp, Announcement *announcement)
{
  GList *before = arp->due.tail;

  /* From the end: nearly all wait equally long. */
  while (before != NULL && ((Announcement *)before->data)->due_us > announcement->due_us)
    before = before->prev;
  announcement->node.data = announcement;
  if (before == NULL)
    g_queue_push_head_link (&arp->due, &announcement->node);
  else if (before->next == NULL)
    g_queue_push_tail_link (&arp->due, &announcement->node);
  else
    g_queue_insert_before_link (&arp->due, before->next, &announcement->node);
}

static void
cancel_announcement (HadArp *arp, const RoamAddr *home_address)
{
  Announcement *announcement = g_hash_table_lookup (arp->announcements, home_address);

  if (announcement == NULL)
    return;
  g_queue_unlink (&arp->due, &announcement->node);
  g_hash_table_remove (arp->announcements, home_address);
}

static gboolean
announcements_due (gpointer user_data)
{
  HadArp *arp = user_data;
  gint64 now_us = had_boot_us ();
  Announcement *first;

  while ((first = g_queue_peek_head (&arp->due)) != NULL && first->due_us <= now_us)
    {
      announce (arp, first);
      g_queue_unlink (&arp->due, &first->node);
      first->due_us = now_us + ANNOUNCEMENT_INTERVAL_US;
      if (--first->left > 0)
        insert_announcement (arp, first);
      else
        g_hash_table_remove (arp->announcements, &first->home_address);
    }
  had_arp_flush (arp);
  arp->timer = first == NULL ? 0 : g_timeout_add ((guint)((first->due_us - now_us) / 1000 + 1), announcements_due, arp);
  return G_SOURCE_REMOVE;
}

static void
start_announcing (HadArp *arp, const RoamAddr *home_address, gboolean at_home, guint times, gint64 due_us)
{
  Announcement *announcement = g_new0 (Announcement, 1);

  cancel_announcement (arp, home_address);
  announcement->home_address = *home_address;
  announcement->at_home = at_home;
  announcement->left = times;
  announcement->due_us = due_us;
  if (due_us <= had_boot_us ())
    {
      announce (arp, announcement);
      announcement->left--;
      announcement->due_us += ANNOUNCEMENT_INTERVAL_US;
    }
  g_hash_table_insert (arp->announcements, &announcement->home_address, announcement);
  insert_announcement (arp, announcement);
  /* Only what is first now changes when the timer is due. */
  if (arp->timer != 0 && g_queue_peek_head (&arp->due) != announcement)
    return;
  if (arp->timer != 0)
    g_source_remove (arp->timer);
  announcements_due (arp);
}

void
had_arp_intercept (HadArp *arp, const RoamAddr *home_address, gboolean resumed)
{
  g_hash_table_add (arp->intercepted, GUINT_TO_POINTER (roam_addr_to_u32 (home_address)));
  if (!resumed)
    {
      start_announcing (arp, home_address, FALSE, ANNOUNCEMENTS, had_boot_us ());
      return;
    }
  arp->resume_us = MAX (arp->resume_us, had_boot_us ()) + ROAM_USEC_PER_SEC / RESUMED_PER_SECOND;
  start_announcing (arp, home_address, FALSE, 1, arp->resume_us);
}

void
had_arp_release (HadArp *arp, const RoamAddr *home_address, gboolean at_home)
{
  cancel_announcement (arp, home_address);
  g_hash_table_remove (arp->intercepted, GUINT_TO_POINTER (roam_addr_to_u32 (home_address)));
  /* The reply that goes out after this makes the kernel resolve the address first. */
  if (at_home)
    start_announcing (arp, home_address, TRUE, ANNOUNCEMENTS, had_boot_us () + AT_HOME_FIRST_US);
}

/* ------------------------------------------------------------------- answering ---- */

/* Header and operation were looked at by the filter. */
static gboolean
parse_request (const guint8 *data, gsize length, Arp *ret)
{
  WireReader reader;

  wire_reader_init (&reader, data, length);
  return wire_skip (&reader, 8) && wire_read_copy (&reader, ret->sender_mac, ETH_ALEN) &&
         wire_read_addr (&reader, ROAM_FAMILY_INET4, &ret->sender) && wire_skip (&reader, ETH_ALEN) &&
         wire_read_addr (&reader, ROAM_FAMILY_INET4, &ret->target);
}

/*
 * Who looks whether an address is free (RFC 5227: sender 0.0.0.0) or claims it (sender is target) may be the node
 * itself at home: it hears nothing from us.
 */
static void
answer (HadArp *arp, const guint8 *data, gsize length)
{
  Arp request, reply = { .operation = ARPOP_REPLY };

  if (!parse_request (data, length, &request) || !roam_addr_is_specified (&request.sender) ||
      roam_addr_equal (&request.sender, &request.target) ||
      !g_hash_table_contains (arp->intercepted, GUINT_TO_POINTER (roam_addr_to_u32 (&request.target))))
    return;
  reply.sender = request.target;
  reply.target = request.sender;
  memcpy (reply.sender_mac, arp->mac, ETH_ALEN);
  memcpy (reply.target_mac, request.sender_mac, ETH_ALEN);
  queue_frame (arp, &reply, request.sender_mac);
  arp->answered++;
}

static gboolean
arp_readable (int fd, GIOCondition condition, gpointer user_data)
{
  HadArp *arp = user_data;
  guint8 frames[BATCH][ARP_LENGTH];
  struct mmsghdr messages[BATCH] = { 0 };
  struct iovec vectors[BATCH];
  int received = BATCH;

  for (guint i = 0; i < BATCH; i++)
    {
      vectors[i] = (struct iovec){ frames[i], ARP_LENGTH };
      messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
    }
  for (guint turn = 0; received == (int)BATCH && turn < TURNS; turn++)
    {
      received = recvmmsg (fd, messages, BATCH, MSG_DONTWAIT, NULL);
      for (int i = 0; i < received; i++)
        answer (arp, frames[i], messages[i].msg_len);
    }
  had_arp_flush (arp);
  return G_SOURCE_CONTINUE;
}

/* -------------------------------------------------------------------- opening ---- */

/* What others ask for addresses of @network, over Ethernet and IPv4. */
static gboolean
hear_requests (int fd, const RoamPrefix *network)
{
  guint32 mask = network->length == 0 ? 0 : G_MAXUINT32 << (32 - network->length);
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_ETHER << 16 | ETH_P_IP, 0, 9),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, 4),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, ETH_ALEN << 24 | 4 << 16 | ARPOP_REQUEST, 0, 7),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, 24),
    BPF_STMT (BPF_ALU | BPF_AND | BPF_K, mask),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, roam_addr_to_u32 (&network->addr) & mask, 0, 4),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, (guint32)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 2, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, PACKET_OTHERHOST, 1, 0),
    BPF_STMT (BPF_RET | BPF_K, ARP_LENGTH),
    BPF_STMT (BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = { G_N_ELEMENTS (code), code };

  return setsockopt (fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

static gboolean
open_arp (HadArp *arp, const RoamPrefix *network)
{
  const struct sockaddr_ll local = { .sll_family = AF_PACKET,
                                     .sll_protocol = GUINT16_TO_BE (ETH_P_ARP),
                                     .sll_ifindex = arp->index };

  /* Protocol 0: nothing is received before there is a filter, and by the sending one nothing at all. */
  arp->send_fd = socket (AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  arp->listen_fd = socket (AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  arp->inet_fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return arp->send_fd >= 0 && arp->listen_fd >= 0 && arp->inet_fd >= 0 && hear_requests (arp->listen_fd, network) &&
         bind (arp->listen_fd, (const struct sockaddr *)&local, sizeof local) == 0;
}

HadArp *
had_arp_new (const HadConfig *config, int index, const guint8 mac[ETH_ALEN], GError **error)
{
  g_autoptr (HadArp) arp = g_new0 (HadArp, 1);

  arp->send_fd = arp->listen_fd = arp->inet_fd = -1;
  arp->index = index;
  arp->name = g_strdup (config->interface);
  memcpy (arp->mac, mac, ETH_ALEN);
  arp->intercepted = g_hash_table_new (NULL, NULL);
  arp->announcements = g_hash_table_new_full ((GHashFunc)roam_addr_hash, (GEqualFunc)roam_addr_equal, NULL, g_free);
  g_queue_init (&arp->due);
  if (!open_arp (arp, &config->home_network))
    {
      had_set_errno (error, errno, "packet socket", "roam-had needs CAP_NET_RAW");
      return NULL;
    }
  arp->source = g_unix_fd_add (arp->listen_fd, G_IO_IN, arp_readable, arp);
  return g_steal_pointer (&arp);
}

void
had_arp_free (HadArp *arp)
{
  const int *fds[] = { &arp->send_fd, &arp->listen_fd, &arp->inet_fd };

  if (arp == NULL)
    return;
  if (arp->source != 0)
    g_source_remove (arp->source);
  if (arp->timer != 0)
    g_source_remove (arp->timer);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    if (*fds[i] >= 0)
      close (*fds[i]);
  g_hash_table_unref (arp->announcements);
  g_hash_table_unref (arp->intercepted);
  g_free (arp->name);
  g_free (arp);
}

guint64
had_arp_n_answered (const HadArp *arp)
{
  return arp->answered;
}
