#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-decode.py DUMP_MESSAGES

What our engines send, dissected by tshark: nothing malformed, no expert warning, and every field as
it was meant. TAP on stdout; exit status 77 (skipped) without tshark.
"""
import json, pathlib, shutil, socket, struct, subprocess, sys, tempfile


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def packet(sport, dport, src, dst, payload):
    src, dst = socket.inet_aton(src), socket.inet_aton(dst)
    length = 8 + len(payload)
    udp = struct.pack("!HHHH", sport, dport, length, 0) + payload
    udp = udp[:6] + struct.pack("!H", checksum(src + dst + struct.pack("!BBH", 0, 17, length) + udp)) + udp[8:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 1, 0, 255, 17, 0, src, dst)
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + udp


def dissect(messages, directory):
    pcap = pathlib.Path(directory) / "messages.pcap"
    with open(pcap, "wb") as f:
        f.write(struct.pack("!IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))  # 101: raw IP
        for number, (sport, dport, src, dst, _, payload) in enumerate(messages):
            data = packet(sport, dport, src, dst, payload)
            f.write(struct.pack("!IIII", 1767225600 + number, 0, len(data), len(data)) + data)
    out = subprocess.run(["tshark", "-n", "-r", str(pcap), "-T", "json", "-o", "udp.check_checksum:TRUE"],
                         check=True, capture_output=True, text=True).stdout
    # Several extensions share one key: keep all of them.
    return json.loads(out, object_pairs_hook=lambda pairs: pairs)


def flatten(node, found):
    """Every (field, value) of a dissection, in order."""
    for key, value in node:
        if isinstance(value, list) and value and isinstance(value[0], (tuple, list)):
            flatten(value, found)
        elif not isinstance(value, list):
            found.append((key, value))
    return found


def values(fields, name):
    return [v for k, v in fields if k == name]


EXPECT = {
    # name: message type, flags or code, lifetime, extension types
    "co-located": ("1", "0x22", "600", ["144", "32"]),
    "co-located-reply": ("3", "1", "600", ["44", "149", "32"]),
    "co-located-md5": ("1", "0x22", "600", ["144", "32"]),
    "co-located-md5-reply": ("3", "1", "600", ["44", "149", "32"]),
    "nai": ("1", "0x22", "600", ["131", "144", "32"]),
    "nai-reply": ("3", "1", "600", ["131", "44", "149", "32"]),
    "behind-nat": ("1", "0x22", "600", ["144", "32"]),
    "behind-nat-reply": ("3", "1", "600", ["44", "149", "32"]),
    "wrong-clock": ("1", "0x22", "600", ["144", "32"]),
    "wrong-clock-reply": ("3", "133", "0", ["149", "32"]),
    "home": ("1", "0x00", "0", ["32"]),
    "home-reply": ("3", "0", "0", ["149", "32"]),
    "deregister": ("1", "0x22", "0", ["144", "32"]),
    "deregister-reply": ("3", "0", "0", ["149", "32"]),
}

# What the mobile node says to a foreign agent, of revocation and of home agents to be assigned: every field named here.
AGENT_REQUEST = {"mip.type": ["1"], "mip.life": ["300"], "mip.homeaddr": ["10.1.0.100"], "mip.haaddr": ["10.1.0.2"]}
FIELDS = {
    "agent": AGENT_REQUEST | {
        "mip.flags": ["0x42"], "mip.coa": ["10.4.0.2"], "mip.ext.type": ["32", "130", "132", "33"],
        "mip.ext.len": ["36", "0", "8", "20"], "mip.auth.spi": ["0x00001000", "0x00002000"]},
    "agent-aaa": AGENT_REQUEST | {
        "mip.flags": ["0x02"], "mip.coa": ["10.4.0.2"], "mip.ext.type": ["32", "132", "36"],
        "mip.ext.auth.subtype": ["1"], "mip.ext.len": ["36", "8", "20"],
        "mip.auth.spi": ["0x00001000", "0x00002000"]},
    "agent-co-located": AGENT_REQUEST | {
        "mip.flags": ["0x62"], "mip.coa": ["10.2.0.50"], "mip.ext.type": ["144", "32", "132", "33"],
        "mip.ext.utrq.r": ["1"], "mip.ext.utrq.f": ["0"], "mip.ext.utrq.reserved1": ["0x00"],
        "mip.ext.utrq.reserved2": ["0x00"], "mip.ext.utrq.reserved3": ["0x0000"]},
    "revocation-support": {
        "mip.type": ["1"], "mip.flags": ["0xa2"], "mip.ext.type": ["151", "144", "137", "32"], "mip.ext.rev.i": ["0"],
        "mip.ext.rev.reserved": ["0x0000"], "mip.ext.utrq.r": ["0"]},
    "revocation-ack": {
        "mip.type": ["15"], "mip.ack.i": ["0"], "mip.ack.reserved": ["0x00"], "mip.ack.reserved2": ["0x0000"],
        "mip.homeaddr": ["10.1.0.100"], "mip.revid": [str(0xee000001)], "mip.ext.type": ["32"],
        "udp.srcport": ["434"], "udp.dstport": ["50434"]},
    "dynamic-ha": {
        "mip.type": ["1"], "mip.homeaddr": ["0.0.0.0"], "mip.haaddr": ["255.255.255.255"], "mip.coa": ["10.2.0.50"],
        "mip.ext.type": ["131", "144", "139", "32"], "mip.nai": ["alice@example.com"],
        "mip.ext.dynha.subtype": ["1"], "mip.ext.dynha.ha": ["10.1.0.2"]},
}


# covers: MIP-CHL-001, MIP-CHL-004, MIP-REV-004, MIP-RVK-003, MIP-NAT-004, MIP-NAT-005, MIP-DHA-001, MIP-EXT-003
def check_fields(message, fields):
    bad = [(k, v) for k, v in fields if "malformed" in k or "_ws.expert" in k]
    assert not bad, bad
    assert values(fields, "udp.checksum.status") == ["1"], "UDP checksum"
    for name, expected in FIELDS[message[4]].items():
        assert values(fields, name) == expected, (name, values(fields, name), expected)


# covers: MIP-IDN-004, MIP-GEN-003, MIP-EXT-001, MIP-EXT-004, MIP-AUTH-009
def check(message, fields):
    if message[4] in FIELDS:
        check_fields(message, fields)
        return
    kind, flags, lifetime, extensions = EXPECT[message[4]]
    bad = [(k, v) for k, v in fields if "malformed" in k or "_ws.expert" in k]
    assert not bad, bad
    assert values(fields, "mip.type") == [kind], fields
    assert values(fields, "udp.checksum.status") == ["1"], "UDP checksum"
    assert values(fields, "mip.life") == [lifetime], fields
    assert values(fields, "mip.homeaddr") == ["10.1.0.100"] and values(fields, "mip.haaddr") == ["10.1.0.2"], fields
    assert values(fields, "mip.ext.type") == extensions, values(fields, "mip.ext.type")
    if kind == "1":
        assert int(values(fields, "mip.flags")[0], 16) == int(flags, 16), values(fields, "mip.flags")
        assert values(fields, "mip.coa") == [message[2]], values(fields, "mip.coa")
        assert [int(v, 0) for v in values(fields, "mip.auth.spi")] == [4096], [f for f in fields if "auth" in f[0]]
    else:
        assert values(fields, "mip.code") == [flags], values(fields, "mip.code")
    # The Identification is a date: that of the test's clock.
    assert [("Jan  1, 2026" in v) for v in values(fields, "mip.ident")] == [True], values(fields, "mip.ident")


def main():
    if shutil.which("tshark") is None:
        print("1..0 # SKIP needs tshark")
        return 77
    lines = subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout.splitlines()
    messages = []
    for line in lines:
        sport, dport, src, dst, name, octets = line.split()
        messages.append((int(sport), int(dport), src, dst, name, bytes.fromhex(octets)))
    with tempfile.TemporaryDirectory() as directory:
        packets = dissect(messages, directory)
    print(f"1..{len(messages) + 1}")
    failed = 0
    complete = len(packets) == len(messages) and {m[4] for m in messages} == set(EXPECT) | set(FIELDS)
    print(f"{'ok' if complete else 'not ok'} 1 every-message-is-there")
    failed += not complete
    for number, (message, packet_fields) in enumerate(zip(messages, packets), 2):
        fields = flatten(packet_fields, [])
        try:
            check(message, fields)
            print(f"ok {number} {message[4]}")
        except AssertionError as error:
            failed += 1
            print(f"not ok {number} {message[4]}\n# {str(error)[:2000]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
