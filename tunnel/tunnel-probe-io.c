/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-io-private.h"
#include "tunnel/tunnel-octets-private.h"

#include <linux/xfrm.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <string.h>

/*
 * XFRM's netlink family can be there while ESP itself is not: only a real request tells. The SA
 * leads from and to addresses of TEST-NET-1 (RFC 5737), no policy uses it, and it goes at once. An
 * ipip device is not tried: creating one leaves tunl0 behind, which would answer IP-in-IP with ICMP.
 */
#define PROBE_SPI 0x726f616d
#define TEST_NET_LOCAL 0xc0000201
#define TEST_NET_REMOTE 0xc0000202

static void
put_addr (xfrm_address_t *target, guint32 addr)
{
  tunnel_put_u32 ((guint8 *)&target->a4, addr);
}

static void
put_algorithm (struct nl_msg *message, int type, const char *name, guint bits)
{
  _Alignas(struct xfrm_algo) guint8 octets[sizeof (struct xfrm_algo) + 64] = { 0 };
  struct xfrm_algo *algorithm = (struct xfrm_algo *)octets;

  g_strlcpy (algorithm->alg_name, name, sizeof algorithm->alg_name);
  algorithm->alg_key_len = bits;
  (void)nla_put (message, type, (int)(sizeof *algorithm + bits / 8), octets);
}

static int
request (struct nl_sock *socket, struct nl_msg *message)
{
  int result = nl_send_auto (socket, message);

  nlmsg_free (message);
  return result < 0 ? result : nl_wait_for_ack (socket);
}

static int
add_sa (struct nl_sock *socket)
{
  struct xfrm_usersa_info info = { .family = AF_INET, .mode = XFRM_MODE_TUNNEL, .reqid = 1 };
  struct nl_msg *message = nlmsg_alloc_simple (XFRM_MSG_NEWSA, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);

  put_addr (&info.saddr, TEST_NET_LOCAL);
  put_addr (&info.id.daddr, TEST_NET_REMOTE);
  tunnel_put_u32 ((guint8 *)&info.id.spi, PROBE_SPI);
  info.id.proto = IPPROTO_ESP;
  info.lft.soft_byte_limit = info.lft.hard_byte_limit = XFRM_INF;
  info.lft.soft_packet_limit = info.lft.hard_packet_limit = XFRM_INF;
  (void)nlmsg_append (message, &info, sizeof info, NLMSG_ALIGNTO);
  put_algorithm (message, XFRMA_ALG_AUTH, "hmac(sha256)", 256);
  put_algorithm (message, XFRMA_ALG_CRYPT, "cbc(aes)", 128);
  return request (socket, message);
}

static void
remove_sa (struct nl_sock *socket)
{
  struct xfrm_usersa_id id = { .family = AF_INET, .proto = IPPROTO_ESP };
  struct nl_msg *message = nlmsg_alloc_simple (XFRM_MSG_DELSA, NLM_F_ACK);

  put_addr (&id.daddr, TEST_NET_REMOTE);
  tunnel_put_u32 ((guint8 *)&id.spi, PROBE_SPI);
  (void)nlmsg_append (message, &id, sizeof id, NLMSG_ALIGNTO);
  (void)request (socket, message);
}

char *
tunnel_probe_esp (void)
{
  struct nl_sock *socket = nl_socket_alloc ();
  char *reason = NULL;
  int result = socket != NULL ? nl_connect (socket, NETLINK_XFRM) : -NLE_NOMEM;

  if (result < 0)
    reason = g_strdup_printf ("the kernel has no XFRM (%s)", nl_geterror (result));
  else
    {
      result = add_sa (socket);
      if (result < 0)
        reason = g_strdup_printf ("the kernel has no INET_ESP, it refuses an SA (%s)", nl_geterror (result));
      else
        remove_sa (socket);
    }
  nl_socket_free (socket);
  return reason;
}
