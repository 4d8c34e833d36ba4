/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/fad-tun-io-private.h"

#include "mip4/fad-io-private.h"
#include "mip4/tun-io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int
fad_tun_open (const char *name, guint mtu, GError **error)
{
  struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
  int fd = open ("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

  if (fd < 0)
    {
      fad_set_errno (error, errno, "/dev/net/tun", "Load the module with: modprobe tun");
      return -1;
    }
  g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
  if (ioctl (fd, TUNSETIFF, &request) < 0)
    fad_set_errno (error, errno, name, "roam-fad needs CAP_NET_ADMIN, and no other program may hold this name");
  else
    {
      mip4_tun_write_setting ("ipv6", name, "disable_ipv6", "1");
      if (mip4_tun_bring_up (name, mtu))
        return fd;
      fad_set_errno (error, errno, name, "roam-fad needs CAP_NET_ADMIN");
    }
  close (fd);
  return -1;
}

/* ------------------------------------------------------------------ datagrams ---- */

static void
read_control (struct msghdr *message, FadReceived *ret)
{
  for (struct cmsghdr *header = CMSG_FIRSTHDR (message); header != NULL; header = CMSG_NXTHDR (message, header))
    {
      struct in_pktinfo info;

      if (header->cmsg_level != IPPROTO_IP)
        continue;
      if (header->cmsg_type == IP_TOS)
        ret->tos = *CMSG_DATA (header);
      if (header->cmsg_type == IP_PKTINFO)
        {
          memcpy (&info, CMSG_DATA (header), sizeof info);
          ret->destination = roam_addr_from_bytes ((const guint8 *)&info.ipi_addr, 4);
          ret->interface_index = info.ipi_ifindex;
        }
    }
}

typedef struct
{
  _Alignas(struct cmsghdr) guint8 octets[CMSG_SPACE (sizeof (int)) + CMSG_SPACE (sizeof (struct in_pktinfo))];
} Control;

gssize
fad_tun_receive (int fd, guint8 *buffer, gsize size, FadReceived *ret)
{
  Control control;
  struct sockaddr_in from = { 0 };
  struct iovec vector = { buffer, size };
  struct msghdr message = { .msg_name = &from,
                            .msg_namelen = sizeof from,
                            .msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = control.octets,
                            .msg_controllen = sizeof control.octets };
  gssize length = recvmsg (fd, &message, MSG_DONTWAIT);

  *ret = (FadReceived){ 0 };
  /* An ICMP error for something sent before is told here as well; it is read elsewhere. */
  if (length < 0 && (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH || errno == EMSGSIZE))
    return 0;
  if (length < 0)
    return -1;
  if ((message.msg_flags & MSG_TRUNC) != 0)
    return 0;
  read_control (&message, ret);
  ret->source.addr = roam_addr_from_bytes ((const guint8 *)&from.sin_addr, 4);
  ret->source.port = GUINT16_FROM_BE (from.sin_port);
  return length;
}

static void
add_control (struct msghdr *message, Control *control, int type, const void *data, gsize length)
{
  struct cmsghdr *header = (struct cmsghdr *)(void *)(control->octets + message->msg_controllen);

  memset (header, 0, CMSG_SPACE (length));
  header->cmsg_level = IPPROTO_IP;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN (length);
  memcpy (CMSG_DATA (header), data, length);
  message->msg_controllen += CMSG_SPACE (length);
}

gboolean
fad_tun_send (int fd, const RoamAddr *source, const RoamAddr *destination, guint16 port, guint8 tos,
              struct iovec *vectors, gsize n_vectors)
{
  const int tos_value = tos;
  Control control;
  struct in_pktinfo info = { 0 };
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = GUINT16_TO_BE (port) };
  struct msghdr message = {
    .msg_name = &to,
    .msg_namelen = sizeof to,
    .msg_iov = vectors,
    .msg_iovlen = n_vectors,
    .msg_control = control.octets,
  };

  memcpy (&to.sin_addr, destination->bytes, 4);
  memcpy (&info.ipi_spec_dst, source->bytes, 4);
  add_control (&message, &control, IP_TOS, &tos_value, sizeof tos_value);
  add_control (&message, &control, IP_PKTINFO, &info, sizeof info);
  return sendmsg (fd, &message, MSG_DONTWAIT) >= 0;
}
