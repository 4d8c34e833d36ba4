# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Mutated Mobile IPv4 messages, the same for the same seed and number. It knows just enough of the formats to find
where extensions begin; what the octets mean is the decoders' business.
"""
import random, struct

FIXED = {1: 24, 3: 20, 4: 4, 7: 20, 15: 12}  # octets before the extensions
LONG = (36, 38)  # a Length of two octets behind a third one (RFC 5944 1.10)
INTERESTING = (0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 19, 20, 24, 32, 33, 34, 36, 38, 44, 45, 127, 128, 130, 131, 132, 134,
               137, 139, 144, 145, 149, 151, 255)
KNOWN = {
    # What is right, and what is nearly so.
    "u": [bytes.fromhex(text) for text in (
        "2014 00000100 000102030405060708090a0b0c0d0e0f", "2004 00000100", "2003 000001", "2005 00000100 aa",
        "2114 00002000 0f0e0d0c0b0a09080706050403020100", "2104 00002000", "2205 00003000 01", "2204 00003000",
        "2401 0014 00004000 101112131415161718191a1b1c1d1e1f", "2401 0013 00004000 101112131415161718191a1b1c1d1e",
        "2401 0005 00004000 10", "2402 0014 00004000 101112131415161718191a1b1c1d1e1f", "2401 0003 000040",
        "2600 0008 00000009 0001 abcd", "26ff 0006 00000009 0001", "2600 0005 00000009 00",
        "2c06 00 00 8000 006e", "2c06 00 42 7fff ffff", "2c06 01 00 0000 006e", "2c05 00 00 0000 00",
        "2d02 00 45", "2d02 01 00", "2d01 00", "2d03 00 45 00", "2d00",
        "8200", "8201 00", "8305 6140622e63", "8300", "8404 deadbeef", "8400", "8608 0000 00000009 0001",
        "860a ffff 01000009 0002 abcd", "8607 0000 00000009 00", "8906 8000 ee000001", "8906 7fff 00000000",
        "8905 0000 ee0000", "8b01 0004 0a010002", "8b02 0004 0a010003", "8b05 01 0a010002", "8b05 02 0a010003",
        "8b05 03 0a010002", "8b04 01 0a0100", "8b01 00", "8b02 0005", "8b00", "8b03 010203",
        "9006 00 00 80 00 0000", "9006 00 ff 7f 04 0000", "9006 00 00 c0 2f 0001", "9006 01 00 80 00 0000",
        "9005 00 00 80 00 00", "9103 01 6869", "9105 02 c3a4c3b6", "9101 01", "9101 02", "9103 03 6869", "9100",
        "8502 0000", "9300", "9402 0000", "9502 00 00", "9502 00 ff", "9502 01 00", "9501 00", "9503 00 00 00",
        "9708 696e7472616e6574", "9700")],
    "i": [bytes.fromhex(text) for text in (
        "100a 0007 0708 1100 cb007101", "1006 0001 ffff 2000", "100e 0000 0100 bff0 cb007101 cb007102",
        "1008 00010001 1000", "100a ffff 012c 5000 0a040002", "1006 0000 0000 1000", "1006 0000 0000 0000", "1000",
        "1301 18", "1301 21", "1302 1810", "1300", "1304 20180800", "1808 0011223344556677", "1804 01020304", "1800",
        "8000", "8103 616263", "ff01 00", "2014 00000100 000102030405060708090a0b0c0d0e0f")],
}


def boundaries(kind, data):
    """Where extensions begin; the last one is the end."""
    if kind == "u":
        at = FIXED.get(data[0], len(data)) if data else 0
    else:
        at = 8 + 4 * data[4] * data[5] if len(data) >= 8 and data[0] == 9 else len(data)
    found = []
    while at < len(data):
        found.append(at)
        if data[at] == 0:
            at += 1
        elif kind == "u" and data[at] in LONG:
            at += 4 + int.from_bytes(data[at + 2:at + 4], "big")
        elif kind == "u" and data[at:at + 4] in (b"\x8b\1\0\4", b"\x8b\2\0\4"):
            at += 8
        else:
            at += 2 + (data[at + 1] if at + 1 < len(data) else 0)
    return found + [len(data)]


def pieces(kind, data):
    """(what precedes the extensions, [each extension])"""
    ends = boundaries(kind, data)
    return data[:ends[0]], [data[a:b] for a, b in zip(ends, ends[1:])]


# ---------------------------------------------------------------- one change each ----

def flip_bits(rng, kind, data, _):
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def change_octet(rng, kind, data, _):
    if not data:
        return bytes([rng.choice(INTERESTING)])
    out = bytearray(data)
    # Half of the changes fall on the head of an extension.
    at = rng.choice(boundaries(kind, data)) + rng.randrange(5) if rng.random() < 0.5 else rng.randrange(len(out))
    out[min(at, len(out) - 1)] = rng.choice(INTERESTING)
    return bytes(out)


def truncate(rng, kind, data, _):
    return data[:rng.randrange(len(data) + 1)]


def splice(rng, kind, data, corpus):
    other = rng.choice(corpus[kind])
    if rng.random() < 0.5:
        return data[:rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1):]
    return data[:rng.choice(boundaries(kind, data))] + other[rng.choice(boundaries(kind, other)):]


def change_length(rng, kind, data, _):
    head, parts = pieces(kind, data)
    if not parts:
        return change_octet(rng, kind, data, _)
    index = rng.randrange(len(parts))
    part = bytearray(parts[index])
    at = 3 if part[0] in LONG and kind == "u" else 1
    if len(part) <= at:
        return data
    by = rng.choice((-16, -4, -2, -1, 1, 2, 4, 16))
    part[at] = (part[at] + by) % 256
    # Half of the time the octets follow, so that what comes behind stays in step.
    if rng.random() < 0.5:
        part = part[:by] if by < 0 else part + rng.randbytes(by)
    parts[index] = bytes(part)
    return head + b"".join(parts)


def reorder(rng, kind, data, _):
    head, parts = pieces(kind, data)
    rng.shuffle(parts)
    return head + b"".join(parts)


def duplicate(rng, kind, data, _):
    head, parts = pieces(kind, data)
    if parts:
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(parts))
    return head + b"".join(parts)


def remove(rng, kind, data, _):
    head, parts = pieces(kind, data)
    if parts:
        del parts[rng.randrange(len(parts))]
    return head + b"".join(parts)


def insert(rng, kind, data, what):
    head, parts = pieces(kind, data)
    parts.insert(rng.randrange(len(parts) + 1), what)
    return head + b"".join(parts)


def insert_unknown(rng, kind, data, _):
    body = rng.randbytes(rng.choice((0, 1, 2, 4, 8, 40)))
    # Mostly those that may be skipped: the others end the message.
    number = rng.randrange(128, 256) if rng.random() < 0.7 else rng.randrange(1, 128)
    return insert(rng, kind, data, bytes([number, len(body)]) + body)


def insert_known(rng, kind, data, _):
    return insert(rng, kind, data, rng.choice(KNOWN[kind]))


def insert_two(rng, kind, data, _):
    """Two of one type, with other values."""
    one = rng.choice(KNOWN[kind])
    same = [other for other in KNOWN[kind] if other[0] == one[0]]
    return insert(rng, kind, insert(rng, kind, data, one), rng.choice(same))


def pad(rng, kind, data, _):
    zeros = bytes(rng.choice((1, 1, 2, 3, 7)))
    return data + zeros if rng.random() < 0.5 else insert(rng, kind, data, zeros)


def append_octets(rng, kind, data, _):
    return data + rng.randbytes(rng.randint(1, 6))


def routers(rng, kind, data, _):
    """More routers, or fewer; wider entries. UDP messages have none: their fixed part becomes any other."""
    if kind != "i" or len(data) < 8 or data[0] != 9:
        return bytes([rng.choice((1, 3, 4, 7, 15))]) + data[1:]
    count, size = rng.choice((0, 1, 2, 3, 16, 17, 20)), rng.choice((2, 2, 2, 3, 4, 1))
    at = 8 + 4 * data[4] * data[5]
    return data[:4] + bytes([count, size]) + data[6:8] + rng.randbytes(count * size * 4) + data[at:]


CHANGES = (flip_bits, change_octet, change_octet, truncate, splice, change_length, change_length, reorder, duplicate,
           remove, insert_unknown, insert_known, insert_known, insert_known, insert_two, pad, append_octets, routers)


def ones_sum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def message(seed, number, corpus):
    """(kind, octets) of message @number; the first ones are the corpus as it is. @corpus: {"u": [...], "i": [...]}"""
    kinds = [(kind, data) for kind in "ui" for data in corpus[kind]]
    if number < len(kinds):
        return kinds[number]
    rng = random.Random((seed << 32) + number)
    kind = "i" if rng.random() < 0.2 else "u"
    data = rng.choice(corpus[kind])
    for _ in range(rng.choice((1, 1, 2, 2, 3, 4))):
        data = rng.choice(CHANGES)(rng, kind, data, corpus)
    # A wrong checksum would hide everything else in an ICMP message.
    if kind == "i" and len(data) >= 4 and rng.random() < 0.95:
        data = data[:2] + b"\0\0" + data[4:]
        data = data[:2] + struct.pack("!H", ~ones_sum(data) & 0xffff) + data[4:]
    return kind, data[:1200]
