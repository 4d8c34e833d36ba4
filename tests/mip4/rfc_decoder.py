# SPDX-License-Identifier: LGPL-2.1-or-later
"""
A decoder of Mobile IPv4 messages on scapy, written from the RFC texts alone, to be compared with ours.

scapy dissects what it knows (scapy.layers.mobileip: the fixed parts of Registration Request and Reply and the
tunnel data header; ICMP's first words); the packet classes below are for what it does not know. Where the RFC
texts leave a choice, the decisions of this project count: D-08 (what is malformed), D-12 to D-16, D-40.

decode() returns {name: value} of strings, with the names that decode-messages.c prints. READINGS are the points
where our decoder knowingly reads a text in another way than scapy, or than the bare text, does: with all that
apply to a message, this decoder must say exactly what ours says.
"""
import functools, socket

from scapy.config import conf
from scapy.fields import BitField, ByteField, IPField, IntField, ShortField, SignedIntField, StrField, XIntField
from scapy.layers.inet import ICMP
from scapy.layers.mobileip import MobileIP, MobileIPRRP, MobileIPRRQ, MobileIPTunnelData
from scapy.packet import NoPayload, Packet, Padding, Raw, bind_layers
from scapy.utils import checksum

conf.debug_dissector = False
FIRST_SKIPPABLE = 128  # RFC 5944 1.8

READINGS = {
    "u": ("whole-fixed-part", "payload-to-the-end", "empty-authenticator", "empty-challenge"),
    "i": ("sixteen-routers", "empty-advertised-challenge"),
}


class Discard(Exception):
    """The message is to be discarded; the argument says why."""


# ---------------------------------------------------------------- messages that scapy lacks ----

class Whole(Packet):
    """A fixed part that must be there whole: scapy would take the defaults for absent fields."""

    def pre_dissect(self, s):
        if len(s) < self.size:
            raise ValueError("short")
        return s


class Revocation(Whole):
    """RFC 3543 3.3, behind the Type."""
    size = 19
    fields_desc = [ByteField("reserved", 0), BitField("agent", 0, 1), BitField("inform", 0, 1),
                   BitField("reserved2", 0, 14), IPField("home_address", "0.0.0.0"),
                   IPField("home_domain", "0.0.0.0"), IPField("foreign_domain", "0.0.0.0"),
                   IntField("revocation_id", 0)]


class RevocationAck(Whole):
    """RFC 3543 3.4, behind the Type."""
    size = 11
    fields_desc = [ByteField("reserved", 0), BitField("inform", 0, 1), BitField("reserved2", 0, 15),
                   IPField("home_address", "0.0.0.0"), IntField("revocation_id", 0)]


bind_layers(MobileIP, Revocation, type=7)
bind_layers(MobileIP, RevocationAck, type=15)

# ---------------------------------------------------------------- extensions ----


class Extension(Packet):
    """A Data field. Length counts it alone (RFC 5944 1.9), or, in the long format, too (1.10)."""
    skippable = property(lambda self: self.number >= FIRST_SKIPPABLE)
    is_long = False
    lengths = range(0, 256)  # what Length may be
    subtypes = None  # what Sub-Type may be, when there is one
    fields_desc = [StrField("data", b"")]


def extension(number, *fields, lengths=range(0, 256), subtypes=None, is_long=False):
    return type(f"Extension{number}", (Extension,), dict(
        number=number, fields_desc=list(fields), lengths=lengths, subtypes=subtypes, is_long=is_long))


def authentication(number, **more):
    # RFC 5944 3.5.2 to 3.5.4: Length is 4 plus the octets of the Authenticator.
    return extension(number, XIntField("spi", 0), StrField("authenticator", b""),
                     **({"lengths": range(4, 256)} | more))


# RFC 3115 2.1, 2.2; a CVSE's Length counts from the Vendor (D-16).
VENDOR = (IntField("vendor", 0), ShortField("vendor_type", 0), StrField("value", b""))

MESSAGE_EXTENSIONS = {e.number: e for e in (
    authentication(32),
    authentication(33),
    authentication(34),
    # RFC 4721 5: at least 20. Sub-Type 1 is the one defined (6); another makes another, unknown extension.
    authentication(36, is_long=True, lengths=range(20, 65536)),
    extension(38, *VENDOR, is_long=True, lengths=range(6, 65536)),
    # RFC 3519 3.2: Length is 6, Sub-Type 0.
    extension(44, ByteField("subtype", 0), ByteField("code", 0), BitField("forced", 0, 1), BitField("reserved", 0, 15),
              ShortField("keepalive", 0), lengths=range(6, 7), subtypes=(0,)),
    # D-40: Sub-Type and Status, in the short format of RFC 5944 1.11.
    extension(45, ByteField("subtype", 0), ByteField("status", 0), lengths=range(2, 3)),
    extension(130, lengths=range(0, 1)),  # RFC 3024 3.3
    extension(131, StrField("nai", b""), lengths=range(1, 256)),  # RFC 2794 2; an empty string is no NAI
    extension(132, StrField("challenge", b"")),  # RFC 4721 4 sets no bound
    extension(134, ShortField("reserved", 0), *VENDOR, lengths=range(8, 256)),
    # RFC 3543 3.2
    extension(137, BitField("inform", 0, 1), BitField("reserved", 0, 15), IntField("timestamp", 0),
              lengths=range(6, 7)),
    # RFC 4433 3.4 and D-15; see dynamic_home_agent().
    extension(139, ByteField("subtype", 0), IPField("home_agent", "0.0.0.0"), lengths=range(5, 6), subtypes=(1, 2)),
    # RFC 3519 3.1
    extension(144, ByteField("subtype", 0), ByteField("reserved1", 0), BitField("forced", 0, 1),
              BitField("via_foreign_agent", 0, 1), BitField("reserved2", 0, 6), ByteField("encapsulation", 0),
              ShortField("reserved3", 0), lengths=range(6, 7), subtypes=(0,)),
    # RFC 4917 3: the Text is one or more octets.
    extension(145, ByteField("subtype", 0), StrField("text", b""), lengths=range(2, 256), subtypes=(1, 2)),
    extension(149, ByteField("subtype", 0), ByteField("reserved", 0), lengths=range(2, 3), subtypes=(0,)),  # 5265 3.4
    extension(151, StrField("identifier", b""), lengths=range(1, 256)),  # RFC 5446 3: zero is not allowed
)}

# RFC 5944 2.1.1, 2.1.2; RFC 4721 2 ("SHOULD be at least 4").
ICMP_EXTENSIONS = {e.number: e for e in (
    extension(16, ShortField("sequence", 0), ShortField("lifetime", 0), ShortField("flags", 0),
              StrField("care_of", b""), lengths=range(6, 256, 4)),
    extension(19, StrField("prefixes", b"")),
    extension(24, StrField("challenge", b"")),
)}


@functools.lru_cache(maxsize=None)
def tables(reading):
    """The known extensions of both number spaces (RFC 5944 1.8) in @reading."""
    changes = {}
    if "empty-authenticator" in reading:
        changes |= dict.fromkeys((32, 33, 34), range(5, 256))
    if "empty-challenge" in reading:
        changes[132] = range(1, 256)
    if "empty-advertised-challenge" in reading:
        changes[24] = range(1, 256)

    def change(known):
        return {number: type(cls.__name__, (cls,), {"lengths": changes[number]}) if number in changes else cls
                for number, cls in known.items()}
    return change(MESSAGE_EXTENSIONS), change(ICMP_EXTENSIONS)


def octets(data, at, length):
    """@length octets at @at; the list ends with the datagram (RFC 5944 1.8), so more is an overrun (D-08)."""
    if at + length > len(data):
        raise Discard("extension-overrun")
    return data[at:at + length]


def dynamic_home_agent(data, at):
    """RFC 4433 3.4's figure, brought into the layout of the short format (D-15), or None."""
    if data[at + 1:at + 4] not in (b"\1\0\4", b"\2\0\4"):
        return None
    return data[at + 1:at + 2] + octets(data, at + 4, 4)


def one_extension(known, data, at):
    """The extension at @at: (packet or None when it is to be ignored, offset of its Data, offset behind it)."""
    number = data[at]
    cls = known.get(number)
    layout = dynamic_home_agent(data, at) if number == 139 and 139 in known else None
    if layout is not None:
        return cls(layout), at + 4, at + 8
    is_long = cls is not None and cls.is_long
    header = octets(data, at, 4 if is_long else 2)
    length = int.from_bytes(header[2:4] if is_long else header[1:2], "big")
    body_at = at + len(header)
    body = octets(data, body_at, length)
    if cls is None or (number == 36 and header[1] != 1):
        if number < FIRST_SKIPPABLE:
            raise Discard("unknown-extension")
        return None, body_at, body_at + length
    if length in cls.lengths and (cls.subtypes is None or body[0] in cls.subtypes):
        return cls(body), body_at, body_at + length
    if number < FIRST_SKIPPABLE:
        raise Discard("malformed-extension")
    return None, body_at, body_at + length


def walk(known, data, at):
    """Each extension: (offset, type, packet or None, offset of its Data, offset behind it)."""
    while at < len(data):
        if data[at] == 0:  # One-byte Padding has neither Length nor Data
            yield at, 0, None, at + 1, at + 1
            at += 1
            continue
        packet, body_at, end = one_extension(known, data, at)
        yield at, data[at], packet, body_at, end
        at = end


def extensions(known, data, at):
    for _, _, packet, body_at, _ in walk(known, data, at):
        if packet is not None:
            yield packet, body_at


# ---------------------------------------------------------------- messages ----

def address(text):
    return socket.inet_aton(text).hex()


REQUEST_FIELDS = {"flags": "flags", "lifetime": "lifetime", "homeaddr": "home-address", "haaddr": "home-agent",
                  "coaddr": "care-of-address", "id": "identification"}
REPLY_FIELDS = {"code": "code", "lifetime": "lifetime", "homeaddr": "home-address", "haaddr": "home-agent",
                "id": "identification"}
REVOCATION_FIELDS = {"agent": "agent", "inform": "inform", "home_address": "home-address",
                     "home_domain": "home-domain", "foreign_domain": "foreign-domain",
                     "revocation_id": "revocation-id"}
ACK_FIELDS = {"inform": "inform", "home_address": "home-address", "revocation_id": "revocation-id"}
FIELDS = {1: (MobileIPRRQ, REQUEST_FIELDS), 3: (MobileIPRRP, REPLY_FIELDS), 4: (MobileIPTunnelData, {}),
          7: (Revocation, REVOCATION_FIELDS), 15: (RevocationAck, ACK_FIELDS)}


def copy_fields(packet, names, found):
    for name, ours in names.items():
        if name in packet.fields:
            value = packet.fields[name]
            found[ours] = address(value) if isinstance(value, str) else str(value)


def tunnel_data(packet, found):
    """scapy cuts what lies behind the inner packet's own length off as Padding."""
    if "nexthdr" in packet.fields:
        found["next-header"] = str(packet.nexthdr)
    if "res" not in packet.fields:
        return
    padding = packet.getlayer(Padding)
    whole = getattr(packet.payload, "original", b"") if not isinstance(packet.payload, Raw) else packet.payload.load
    found["payload"] = str(len(whole) - (len(padding.load) if padding is not None else 0))


def authenticator(name, packet, body_at, found):
    """The first of its kind, how many there are, and what the digest is made over (RFC 5944 3.5.1)."""
    found[f"{name}.count"] = str(int(found.get(f"{name}.count", 0)) + 1)
    if found[f"{name}.count"] == "1":
        found[f"{name}.spi"] = str(packet.spi)
        found[f"{name}.covered"] = str(body_at + 4)
        found[f"{name}.authenticator"] = packet.authenticator.hex()


VALUES = {
    44: ("udp-reply", lambda e: f"{e.forced}/{e.code}/{e.keepalive}"),
    45: ("fa-error", lambda e: str(e.status)),
    130: ("delivery", lambda e: "1"),
    131: ("nai", lambda e: e.nai.hex()),
    132: ("challenge", lambda e: e.challenge.hex()),
    137: ("revocation", lambda e: f"{e.inform}/{e.timestamp}"),
    139: ("dynamic-ha", lambda e: f"{e.subtype}/{address(e.home_agent)}"),
    144: ("udp-request", lambda e: f"{e.forced}/{e.via_foreign_agent}/{e.encapsulation}/{int(e.reserved3 != 0)}"),
    145: ("message", lambda e: e.text.hex()),
    149: ("tnc", lambda e: "1"),
    151: ("service", lambda e: e.identifier.hex()),
}
AUTHENTICATIONS = {32: "mhae", 33: "mfae", 34: "fhae", 36: "mn-aaa"}
COUNTED = {38: "cvse", 134: "nvse"}


def decode_extensions(known, data, at):
    found = {}
    where = "c"  # what precedes the MHAE is covered by it (RFC 5944 3.5.2)
    for packet, body_at in extensions(known, data, at):
        number = packet.number
        if number in AUTHENTICATIONS:
            authenticator(AUTHENTICATIONS[number], packet, body_at, found)
            if number == 32:
                where = "u"
        elif number in COUNTED:
            name = f"{where}.{COUNTED[number]}"
            found[name] = str(int(found.get(name, 0)) + 1)
        else:
            name, value = VALUES[number]
            if number == 145 and f"{where}.message" not in found:
                found[f"{where}.message-subtype"] = str(packet.subtype)
            found.setdefault(f"{where}.{name}", value(packet))  # the first of its type
    return found


SIZES = {1: 24, 3: 20, 4: 4, 7: 20, 15: 12}  # of the fixed parts, with the Type


def decode_fixed(data, reading):
    """(fixed part or None, {name: value}) as scapy sees them."""
    packet = MobileIP(data)
    number = packet.fields.get("type")
    if number is not None and number not in FIELDS:
        raise Discard("unknown-message")
    if "whole-fixed-part" in reading and len(data) < SIZES.get(number, 1):
        raise Discard("short")
    found = {} if number is None else {"type": str(number)}
    if number is None or isinstance(packet.payload, NoPayload) and number not in (7, 15):
        return None, found
    cls, names = FIELDS[number]
    if not isinstance(packet.payload, cls):  # scapy gave its dissector up
        raise Discard("short")
    copy_fields(packet.payload, names, found)
    return packet.payload, found


def decode_message(data, reading):
    try:
        fixed, found = decode_fixed(data, reading)
    except Discard as why:
        return {"discard": str(why)}
    if isinstance(fixed, MobileIPTunnelData):
        tunnel_data(fixed, found)
        if "payload-to-the-end" in reading:
            found["payload"] = str(len(data) - SIZES[4])
    elif fixed is not None and not isinstance(fixed.payload, NoPayload):
        try:
            found.update(decode_extensions(tables(reading)[0], data, len(data) - len(fixed.payload.load)))
        except Discard as why:
            found["discard"] = str(why)
    return found


# ---------------------------------------------------------------- advertisements ----

class RouterAdvertisement(Packet):
    """RFC 1256 3, behind the checksum."""
    fields_desc = [ByteField("num_addrs", 0), ByteField("entry_size", 0), ShortField("lifetime", 0)]


class RouterEntry(Packet):
    fields_desc = [IPField("address", "0.0.0.0"), SignedIntField("preference", 0)]


ROUTER_CODES = (0, 16)  # RFC 5944 2.1


def is_usable(flags, n_care_of):
    """RFC 5944 2.1.1: F or H; F with a care-of address; B and R with F only."""
    required, busy, home, foreign = (bool(flags & bit) for bit in (0x8000, 0x4000, 0x2000, 0x1000))
    return (home or foreign) and (n_care_of > 0 or not foreign) and (foreign or not (busy or required))


def decode_routers(data, header, reading, found):
    """RFC 1256 3, 5.2; D-14."""
    size = header.entry_size * 4
    if header.num_addrs > 0 and header.entry_size < 2 or 8 + header.num_addrs * size > len(data):
        raise Discard("malformed")
    routers = [RouterEntry(data[8 + i * size:16 + i * size]) for i in range(header.num_addrs)]
    if "sixteen-routers" in reading:
        del routers[16:]
    for i, router in enumerate(routers):
        found[f"router{i}"] = f"{address(router.address)}/{router.preference}/-1"
    return 8 + header.num_addrs * size


def prefix_lengths(prefixes, count, found):
    """RFC 5944 2.1.2: as many as there are router addresses, in their order; none above 32."""
    if len(prefixes) != count or any(p > 32 for p in prefixes):
        return
    for i, prefix in enumerate(prefixes):
        if found.get(f"router{i}", "").endswith("/-1"):
            found[f"router{i}"] = found[f"router{i}"][:-2] + str(prefix)


def mobility_agent(packet, found):
    care_of = [packet.care_of[i:i + 4].hex() for i in range(0, len(packet.care_of), 4)]
    found.update({"sequence": str(packet.sequence), "registration-lifetime": str(packet.lifetime),
                  "flags": str(packet.flags), "usable": str(int(is_usable(packet.flags, len(care_of))))})
    for i, value in enumerate(care_of):
        found[f"care-of{i}"] = value


def decode_advertisement(data, icmp, reading):
    if checksum(data) != 0:
        raise Discard("checksum")
    if icmp.code not in ROUTER_CODES:
        raise Discard("malformed")
    header = RouterAdvertisement(data[4:8])
    found = {"code": str(icmp.code), "lifetime": str(header.lifetime)}
    at = decode_routers(data, header, reading, found)
    try:
        for packet, _ in extensions(tables(reading)[1], data, at):
            if packet.number == 16 and "flags" not in found:
                mobility_agent(packet, found)
            elif packet.number == 19:
                prefix_lengths(packet.prefixes, header.num_addrs, found)
            elif packet.number == 24:
                found.setdefault("challenge", packet.challenge.hex())
    except Discard as why:
        raise Discard("unknown-extension" if str(why) == "unknown-extension" else "malformed") from None
    if "flags" not in found:  # RFC 5944 2.1.1: this extension makes it an Agent Advertisement
        raise Discard("not-an-agent")
    return found


def decode_icmp(data, reading):
    try:
        if len(data) < 8:
            raise Discard("malformed")
        if data[0] not in (9, 10):  # scapy wants more octets of some other types
            raise Discard("not-an-agent")
        icmp = ICMP(data)
        if icmp.type == 10 and icmp.code == 0 and checksum(data) == 0:  # RFC 1256 5.1
            return {"solicitation": "1"}
        if icmp.type != 9:
            raise Discard("not-an-agent")
        return decode_advertisement(data, icmp, reading)
    except Discard as why:
        return {"discard": str(why)}


def decode(kind, data, reading=frozenset()):
    """@kind: "u" a UDP message, "i" an ICMP message; @reading: a frozenset of names in READINGS."""
    return decode_icmp(data, reading) if kind == "i" else decode_message(data, reading)


def list_extensions(kind, data, at):
    """Every extension, the ignored ones and padding included: see walk()."""
    return list(walk(ICMP_EXTENSIONS if kind == "i" else MESSAGE_EXTENSIONS, data, at))
