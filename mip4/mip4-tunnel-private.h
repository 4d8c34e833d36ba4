/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The pure part of IP-in-IP (RFC 2003) and of its ECN rules (RFC 6040): no descriptors, no allocation. */

#define MIP4_IPV4_MIN_HEADER 20u
#define MIP4_PROTOCOL_ICMP 1u
#define MIP4_PROTOCOL_IPIP 4u
#define MIP4_PROTOCOL_UDP 17u
#define MIP4_IPV4_DF 0x4000u
#define MIP4_IPV4_MF 0x2000u
#define MIP4_IPV4_OFFSET 0x1fffu /* in units of 8 octets */
/* In front of the inner packet: an outer header (RFC 2003), or with UDP and the tunnel data header besides (RFC 3519).
 */
#define MIP4_IPIP_OVERHEAD 20u
#define MIP4_UDP_OVERHEAD 32u

typedef struct
{
  guint32 source, destination; /* host order */
  guint8 tos, ttl, protocol;
  guint16 identification;
  guint16 fragment;      /* flags and offset as on the wire */
  guint16 header_length; /* octets, options included */
  guint16 total_length;  /* octets; never above what was given */
} Mip4Ipv4;

/* Version, lengths; the checksum is left to the kernel. FALSE leaves @ret untouched. */
gboolean mip4_ipv4_parse (const guint8 *packet, gsize length, Mip4Ipv4 *ret);

/* The Internet checksum (RFC 1071) of @length octets; 0 over octets that hold a right one. */
guint16 mip4_checksum (const guint8 *data, gsize length);

/* ---------------------------------------------------------------- encapsulation ---- */

/* RFC 6040 4.1, 4.3: what becomes of the ECN field on the way into the tunnel. */
typedef enum
{
  MIP4_ECN_NORMAL,        /* copied */
  MIP4_ECN_COMPATIBILITY, /* outer Not-ECT, for a tunnel end that would lose the marks */
} Mip4EcnMode;

/* The outer TOS octet. */
guint8 mip4_ecn_encapsulate (Mip4EcnMode mode, guint8 inner_tos);

/*
 * An IPv4 header of 20 octets without options, checksum included, as @ip says (header_length is not
 * looked at).
 */
void mip4_ipv4_build (guint8 out[MIP4_IPV4_MIN_HEADER], const Mip4Ipv4 *ip);

/*
 * The outer Identification of an IP-in-IP packet: with DF set it means nothing to fragments (RFC 6864
 * 4.1), so it proves that an ICMP error quotes a packet of ours. @secret is random for each process.
 */
guint16 mip4_tunnel_tag (guint64 secret, guint32 tunnel_end, guint16 inner_identification, guint16 inner_length);

/* Cuts a packet whose DF is clear into pieces of at most @mtu octets (D-20; RFC 791 3.2); @packet is borrowed. */
typedef struct
{
  const guint8 *packet;
  Mip4Ipv4 ip;
  guint mtu;
  gsize done; /* octets of data that are out */
  gboolean finished;
} Mip4Fragmenter;

/* FALSE: no IPv4 packet, DF set, or an MTU below a header and 8 octets. */
gboolean mip4_fragmenter_init (Mip4Fragmenter *fragmenter, const guint8 *packet, gsize length, guint mtu);
/* The next piece into @out, which has room for the MTU; its length, 0 after the last. */
gsize mip4_fragmenter_next (Mip4Fragmenter *fragmenter, guint8 *out);

/* --------------------------------------------------------------- decapsulation ---- */

/* What the tunnel's end makes of the inner ECN field (RFC 6040 4.2). */
typedef enum
{
  MIP4_ECN_FORWARD,
  MIP4_ECN_FORWARD_STRANGE, /* forwarded, but a combination in no use today: count it */
  MIP4_ECN_DROP,            /* congestion was marked and the inner packet cannot carry the mark */
} Mip4EcnResult;

/* Writes the merged ECN field into @inner (at least 20 octets of IPv4 header) and repairs its checksum. */
Mip4EcnResult mip4_ecn_decapsulate (guint8 outer_tos, guint8 *inner);

/* An encapsulated packet that its node sent to itself would go round for ever (RFC 5944 4.2.3). */
gboolean mip4_tunnel_is_loop (const guint8 *packet, gsize length, guint32 care_of_address);
/* RFC 2003 3.2: nor is a packet tunnelled whose source is the tunnel's own end. */
gboolean mip4_tunnel_is_from_end (const Mip4Ipv4 *ip, guint32 tunnel_end);

/* ---------------------------------------------- tunnel soft state and ICMP (2003 4, 5) ---- */

/* TUN-024: an ICMP message that asks for less is believed this far and no further. */
#define MIP4_TUNNEL_MTU_MIN 576u
/* RFC 1191 6.3: a path may have become wider. */
#define MIP4_TUNNEL_MTU_AGE_US (10 * 60 * G_USEC_PER_SEC)
/* RFC 1812 4.3.2.3: as much of the packet as fits in 576 octets. */
#define MIP4_ICMP_MAX 576u

/* RFC 2003 5, of one tunnel. */
typedef struct
{
  guint16 mtu;         /* of outer packets; 0: the link's */
  gint64 mtu_until_us; /* boot time */
} Mip4TunnelPath;

/* The largest outer packet at @now_us; @link_mtu when nothing smaller was learned. */
guint mip4_tunnel_path_mtu (const Mip4TunnelPath *path, gint64 now_us, guint link_mtu);
/* What an error about an outer packet said; never above what is known, never below the floor. TRUE when it changed. */
gboolean mip4_tunnel_path_learn (Mip4TunnelPath *path, gint64 now_us, guint link_mtu, guint mtu);

/* An ICMP error about a packet that we had encapsulated. Pointers into what was parsed. */
typedef struct
{
  guint8 type, code;
  guint16 mtu;                           /* 3/4: of the next hop; 0: an old router (RFC 1191 5) */
  guint8 pointer;                        /* 12 */
  Mip4Ipv4 outer;                        /* as quoted; total_length is what was sent, mostly more than is quoted */
  guint16 source_port, destination_port; /* with UDP */
  const guint8 *inner;                   /* what is quoted of the inner packet */
  gsize inner_length;
} Mip4IcmpError;

/*
 * @icmp: an ICMP message from its type on. FALSE: wrong checksum, no error, or it quotes no packet of a
 * tunnel (protocol 4; UDP from port 434 with a tunnel data header). Leaves @ret untouched then.
 */
gboolean mip4_icmp_parse_error (const guint8 *icmp, gsize length, Mip4IcmpError *ret);

/* What the original sender is told (RFC 2003 4). */
typedef struct
{
  guint8 type, code;
  guint16 mtu; /* of inner packets */
  guint8 pointer;
} Mip4IcmpRelay;

/*
 * FALSE: nothing, @ret is untouched. @near: the packet's destination is on a network of the encapsulator,
 * so that "network unreachable" would be wrong. @tunnel_mtu: of outer packets, as learned.
 */
gboolean mip4_icmp_relay (const Mip4IcmpError *error, gboolean near, guint tunnel_mtu, Mip4IcmpRelay *ret);

/*
 * The whole IPv4 packet that tells @packet's sender, from @source, into @out (room for MIP4_ICMP_MAX). Its
 * length; 0 where no error may be sent (RFC 1122 3.2.2) or not even the inner header is quoted.
 */
gsize mip4_icmp_build (guint8 *out, guint32 source, const Mip4IcmpRelay *relay, const guint8 *packet, gsize length);
