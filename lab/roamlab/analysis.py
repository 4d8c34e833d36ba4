# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the captures say: when signalling left, and whether anything private was seen in clear.

A frame is the mobile node's when one of its MAC addresses sent or receives it. What may be seen depends on
where: nothing in clear on an untrusted network, ever; on a trusted one not before the home agent's answer proved it.
"""
import collections
import dataclasses
import ipaddress
import struct

from . import names
from .names import NETWORKS

# What one frame is.
LINK = "link"              # ARP, IPv6 neighbour discovery and MLD, DHCP: belongs to the link itself
IKE = "ike"
KEEPALIVE = "keepalive"    # RFC 3948 2.3
ESP = "esp"
RRQ, RRP = "rrq", "rrp"
REVOCATION = "revocation"  # and its acknowledgment, RFC 3543
IPIP = "ipip"              # with the home agent; plain user data inside
UDPIP = "mip-udp"          # RFC 3519 tunnel with the home agent; plain user data inside
CLEAR = "clear"            # everything else


def _packed(address):
    return ipaddress.IPv4Address(address).packed


GATEWAY, HOME_AGENT = _packed(names.GATEWAY), _packed(names.HOME_AGENT)
HOME_ADDRESS, FOREIGN_AGENT = _packed(names.HOME_ADDRESS), _packed(names.FOREIGN_AGENT)
# The gateway announces its inner address too (RFC 4555 3.3); IKE tries whether it can be reached there.
GATEWAYS = (GATEWAY, _packed(names.GATEWAY_INSIDE))
MN_MACS = frozenset(bytes.fromhex(mac.replace(":", "")) for mac in names.MN_MACS)


@dataclasses.dataclass
class Packet:
    ns: int
    network: str       # name of the access network, or "gateway"
    from_mn: bool
    to_mn: bool
    kind: str
    detail: int        # IKE: exchange type; RRP: code; else 0
    length: int        # octets of IP; of IKE: the message
    source: bytes

    def __str__(self):
        source = ".".join(map(str, self.source))
        return f"{self.ns / 1e9:.6f} {self.network} {self.kind} from {source}, {self.length} octets"


def _classify_udp(ip, offset, peer):
    """Kind and detail of a UDP datagram whose header starts at @offset; @peer: the address that is not the MN's."""
    if len(ip) < offset + 8:
        return CLEAR, 0
    sport, dport, _ = struct.unpack_from("!HHH", ip, offset)
    payload = ip[offset + 8:]
    if {sport, dport} <= {67, 68}:
        return LINK, 0
    if peer in GATEWAYS and 500 in (sport, dport):
        return IKE, payload[18] if len(payload) > 18 else 0
    if peer in GATEWAYS and 4500 in (sport, dport):
        if payload[:4] == b"\0\0\0\0":
            return IKE, payload[22] if len(payload) > 22 else 0
        return (KEEPALIVE, 0) if payload == b"\xff" else (ESP, 0)
    if peer in (HOME_AGENT, FOREIGN_AGENT) and 434 in (sport, dport) and payload:
        if payload[0] == 1:
            return RRQ, 0
        if payload[0] == 3:
            return RRP, payload[1] if len(payload) > 1 else 0
        if payload[0] in (7, 15):
            return REVOCATION, 0
        if payload[0] == 4 and peer == HOME_AGENT:
            # RFC 3519 3.3; its keep-alive carries an ICMP echo of the tunnel's ends, no user data
            return UDPIP, 0
    return CLEAR, 0


def classify_ip(ip, peer):
    """Kind and detail of an IPv4 packet (its first octets)."""
    if len(ip) < 20 or ip[0] >> 4 != 4:
        return CLEAR, 0
    offset, protocol = (ip[0] & 15) * 4, ip[9]
    if struct.unpack_from("!H", ip, 6)[0] & 0x1FFF:
        return CLEAR, 0  # a later fragment: nothing shows what it belongs to
    if protocol == 17:
        return _classify_udp(ip, offset, peer)
    if protocol == 50 and peer in GATEWAYS:
        return ESP, 0
    if protocol == 4 and peer == HOME_AGENT:
        return IPIP, 0
    if protocol == 1 and len(ip) > offset and ip[offset] in (9, 10):
        return LINK, 0  # agent discovery
    if protocol == 1 and len(ip) >= offset + 28 and ip[offset] in (3, 11):
        # An error about a packet says no more than that packet did.
        kind, _ = classify_ip(ip[offset + 8:], ip[offset + 8 + 16:offset + 8 + 20])
        return (CLEAR if kind in (CLEAR, IPIP, UDPIP) else LINK), 0
    return CLEAR, 0


def _classify_ipv6(ip):
    """Neighbour discovery and MLD are the link's; whatever else is IPv6 has no business there."""
    if len(ip) < 48:
        return CLEAR
    protocol, offset = ip[6], 40
    if protocol == 0:  # hop-by-hop options before MLD
        protocol, offset = ip[40], 48
    if protocol == 58 and len(ip) > offset and (133 <= ip[offset] <= 137 or ip[offset] in (130, 131, 132, 143)):
        return LINK
    return CLEAR


def packet_of(frame, network):
    """The Packet of a captured frame, or None when it is not the MN's (on the gateway's side: not IPv4)."""
    data = frame.data
    if len(data) < 14:
        return None
    to_mn, from_mn = data[0:6] in MN_MACS, data[6:12] in MN_MACS
    at_gateway = network == "gateway"
    if not (to_mn or from_mn or at_gateway):
        return None
    ethertype = struct.unpack_from("!H", data, 12)[0]
    ip, source, kind, detail = data[14:], b"\0\0\0\0", CLEAR, 0
    length = frame.length - 14
    if ethertype == 0x0806:
        kind = LINK
    elif ethertype == 0x86DD:
        kind = _classify_ipv6(ip)
    elif ethertype == 0x0800 and len(ip) >= 20:
        source, target = ip[12:16], ip[16:20]
        peer = target if (from_mn or (at_gateway and target == GATEWAY)) else source
        kind, detail = classify_ip(ip, peer)
        if kind == IKE:
            length = struct.unpack_from("!H", ip, (ip[0] & 15) * 4 + 4)[0] - 8
    return Packet(frame.ns, network, from_mn, to_mn, kind, detail, length, source)


@dataclasses.dataclass
class IkeMessage:
    from_mn: bool
    port: int          # the gateway's, 500 or 4500
    exchange: int
    response: bool
    message_id: int
    octets: bytes      # from SPIi on, as far as they were captured


def ike_messages(frames, network):
    """The IKE messages between the MN and the gateway's outer side that were seen on @network, in order."""
    found = []
    for frame in frames:
        data = frame.data
        if NETWORK_OF_BRIDGE.get(frame.interface) != network or len(data) < 42 or data[12:14] != b"\x08\x00" \
                or data[23] != 17:
            continue
        udp = data[14 + (data[14] & 15) * 4:]
        from_mn = data[6:12] in MN_MACS
        if (data[30:34] if from_mn else data[26:30]) != GATEWAY:
            continue
        port = struct.unpack_from("!H", udp, 2 if from_mn else 0)[0]
        # On 4500 behind the marker; on 500 zeros are the SPI of PATH_TEST.
        message = udp[8:] if port == 500 else udp[12:]
        if port not in (500, 4500) or (port == 4500 and udp[8:12] != b"\0\0\0\0") or len(message) < 28:
            continue
        found.append(IkeMessage(from_mn, port, message[18], bool(message[19] & 0x20),
                                struct.unpack_from("!I", message, 20)[0], message))
    return found


NETWORK_OF_BRIDGE = {net.bridge: net.name for net in NETWORKS.values()}
NETWORK_OF_BRIDGE["out"] = "gateway"


def packets(frames):
    """All packets of the MN and of the gateway's outer side, in order of time."""
    found = []
    for frame in frames:
        network = NETWORK_OF_BRIDGE.get(frame.interface)
        packet = packet_of(frame, network) if network else None
        if packet:
            found.append(packet)
    found.sort(key=lambda p: p.ns)
    return found


def first(items, kind, begin_ns, end_ns, network=None):
    """First packet of @kind that the MN sent in [begin, end), or None."""
    for packet in items:
        if (packet.from_mn and packet.kind == kind and begin_ns <= packet.ns < end_ns
                and (network is None or packet.network == network)):
            return packet
    return None


def after_ms(packet, begin_ns):
    """Milliseconds, or None when there is no such packet."""
    return None if packet is None else round((packet.ns - begin_ns) / 1e6, 3)


# How user data leave the mobile node.
CARRIED = {ESP: "esp", IPIP: "ip-ip", UDPIP: "udp", CLEAR: "plain"}


def carried(items, network, begin_ns, end_ns):
    """The way most of the data took that the MN sent on @network in [begin, end): a name of CARRIED, or "none"."""
    counts = collections.Counter(CARRIED[p.kind] for p in items if p.from_mn and p.network == network
                                 and begin_ns <= p.ns < end_ns and p.kind in CARRIED)
    return counts.most_common(1)[0][0] if counts else "none"


# An empty INFORMATIONAL (liveness or path probe) has at most some 90 octets with any usual suite; one with
# UPDATE_SA_ADDRESSES and two NAT_DETECTION payloads (RFC 4555 3.5) has 64 more in clear.
UPDATE_MINIMUM = 110


def update_at_gateway(items, begin_ns, end_ns):
    """First INFORMATIONAL request big enough to update addresses that came to the gateway's outer side, or None."""
    for packet in items:
        if (packet.network == "gateway" and packet.kind == IKE and packet.source != GATEWAY and packet.detail == 37
                and packet.length >= UPDATE_MINIMUM and begin_ns <= packet.ns < end_ns):
            return packet
    return None


@dataclasses.dataclass
class Stay:
    """The MN is plugged into @network by @interface in [begin, end)."""
    network: str
    begin_ns: int
    end_ns: int


def violations(items, stays):
    """Packets that must not have been seen, of all stays of the MN.

    untrusted: anything but the link's own, IKE, ESP and registrations. Trusted and home: user data before the home
    agent's acceptance of this stay (RFC 5265 3.4), and on a trusted network plain packets at any time, but for those
    of the home address where the home agent's acceptance came through the network's foreign agent (mode f).
    """
    bad = []
    for stay in stays:
        kind, proved, by_agent = NETWORKS[stay.network].kind, False, False
        agent = _packed(NETWORKS[stay.network].agent) if NETWORKS[stay.network].agent else None
        for packet in items:
            if packet.network != stay.network or not stay.begin_ns <= packet.ns < stay.end_ns:
                continue
            if packet.to_mn and packet.kind == RRP and packet.detail in (0, 1):
                proved = True
                by_agent = by_agent or packet.source == agent
            if packet.kind in (LINK, IKE, KEEPALIVE, ESP, RRQ, RRP, REVOCATION):
                continue
            if packet.to_mn and not packet.from_mn:
                # What others send towards the MN is theirs; it counts only where no one may know the inner traffic.
                if kind != "untrusted":
                    continue
            allowed = proved and (kind == "home" or (kind == "trusted" and (
                packet.kind in (IPIP, UDPIP) or (by_agent and packet.source == HOME_ADDRESS))))
            if not allowed:
                bad.append(packet)
    return bad
