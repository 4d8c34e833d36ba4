# SPDX-License-Identifier: LGPL-2.1-or-later
"""A hand-made requestor: octets written and read here without anything of the tree (RFC 5460, RFC 5007)."""
import json, os, socket, struct

LEASEQUERY, REPLY, DONE, DATA = 14, 15, 16, 17
SUCCESS, UNSPEC_FAIL, UNKNOWN_TYPE, MALFORMED, NOT_CONFIGURED, NOT_ALLOWED, TERMINATED = 0, 1, 7, 8, 9, 10, 11
DUID = bytes.fromhex("000200007ed9726f616d642d7265712d3031")


def load_vectors(path):
    with open(path, encoding="utf-8") as f:
        return {v["id"].removeprefix("LQ-"): bytes.fromhex(v["hex"]) for v in json.load(f)["vectors"]}


def ip6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def option(code, data):
    return struct.pack("!HH", code, len(data)) + data


def frame(kind, xid, options):
    message = struct.pack("!I", kind << 24 | xid) + options
    return struct.pack("!H", len(message)) + message


def query(xid, kind, link="::", options=b"", want=(), extra=b""):
    if want:
        options += option(6, b"".join(struct.pack("!H", w) for w in want))
    return frame(LEASEQUERY, xid, option(1, DUID) + option(44, bytes([kind]) + ip6(link) + options) + extra)


def by_address(xid, address, link="::", **more):
    return query(xid, 1, link, option(5, ip6(address) + bytes(8)), **more)


def by_client(xid, duid, link="::", **more):
    return query(xid, 2, link, option(1, duid), **more)


def by_relay_id(xid, duid, link="::", **more):
    return query(xid, 3, link, option(53, duid), **more)


def by_link(xid, link, **more):
    return query(xid, 4, link, **more)


def by_remote_id(xid, remote_id, link="::", **more):
    return query(xid, 5, link, option(37, remote_id), **more)


def parse_options(data):
    found, at = [], 0
    while at < len(data):
        code, length = struct.unpack_from("!HH", data, at)
        assert at + 4 + length <= len(data), "an option runs past its container"
        found.append((code, data[at + 4:at + 4 + length]))
        at += 4 + length
    return found


class Message:
    def __init__(self, octets):
        word, = struct.unpack_from("!I", octets)
        self.type, self.xid, self.octets = word >> 24, word & 0xffffff, octets
        self.options = parse_options(octets[4:])
        status = self.get(13)
        self.status = struct.unpack_from("!H", status)[0] if status is not None else None
        self.clients = [Client(data) for code, data in self.options if code == 45]

    def get(self, code):
        return next((data for c, data in self.options if c == code), None)

    @property
    def codes(self):
        return [code for code, _ in self.options]


class Client:
    def __init__(self, data):
        self.options = parse_options(data)
        self.duid = next(d for c, d in self.options if c == 1)
        self.clt, = struct.unpack("!I", next(d for c, d in self.options if c == 46))
        self.relay = next((d for c, d in self.options if c == 47), None)
        self.bindings = {}  # address or prefix -> (preferred, valid)
        for code, d in self.options:
            if code == 5:
                name, times = socket.inet_ntop(socket.AF_INET6, d[:16]), struct.unpack_from("!II", d, 16)
            elif code == 26:
                name = f"{socket.inet_ntop(socket.AF_INET6, d[9:25])}/{d[8]}"
                times = struct.unpack_from("!II", d)
            else:
                continue
            assert name not in self.bindings, "a binding twice in one CLIENT_DATA"
            self.bindings[name] = times


class Answer:
    """One query's messages, to its end."""

    def __init__(self):
        self.reply, self.done, self.data = None, None, []

    def take(self, message):
        if message.type == REPLY:
            assert self.reply is None, "a second REPLY"
            self.reply = message
        elif message.type == DATA:
            assert self.reply is not None and self.done is None, "DATA out of its place"
            self.data.append(message)
        else:
            assert message.type == DONE and self.reply is not None and self.done is None, f"type {message.type}"
            self.done = message

    @property
    def complete(self):
        return self.done is not None or (self.reply is not None and not self.reply.clients)

    @property
    def clients(self):
        return [c for m in ([self.reply] if self.reply else []) + self.data for c in m.clients]

    @property
    def bindings(self):
        return {name: times for c in self.clients for name, times in c.bindings.items()}

    @property
    def status(self):
        last = self.done if self.done is not None else self.reply
        return last.status


class Connection:
    def __init__(self, server, source=None, port=547, timeout=10.0, receive_buffer=None):
        self.socket = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((server, port))
        self.buffer = bytearray()
        self.received = bytearray()  # everything, for another decoder
        self.keep = False

    def send(self, octets):
        self.socket.sendall(octets)

    def fill(self):
        """FALSE at the end of the stream, a reset included."""
        try:
            octets = self.socket.recv(262144)
        except ConnectionError:
            return False
        self.buffer += octets
        if self.keep:
            self.received += octets
        return bool(octets)

    def next(self):
        """The next message; None at the end of the stream."""
        while True:
            if len(self.buffer) >= 2:
                size, = struct.unpack_from("!H", self.buffer)
                if len(self.buffer) >= 2 + size:
                    message = Message(bytes(self.buffer[2:2 + size]))
                    del self.buffer[:2 + size]
                    return message
            if not self.fill():
                return None

    def answers(self, *xids):
        """Reads until all of them are complete, or the stream ends."""
        found = {xid: Answer() for xid in xids}
        while not all(a.complete for a in found.values()):
            message = self.next()
            if message is None:
                break
            found[message.xid].take(message)
        return [found[xid] for xid in xids]

    def ask(self, octets):
        xid = int.from_bytes(octets[3:6], "big")
        self.send(octets)
        return self.answers(xid)[0]

    def is_silent(self, seconds):
        """Nothing comes for so long."""
        old = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1, socket.MSG_PEEK) is None
        except TimeoutError:
            return True
        except ConnectionError:
            return False
        finally:
            self.socket.settimeout(old)

    def ends(self):
        """The stream ends (FIN or reset) without another octet."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
