# SPDX-License-Identifier: LGPL-2.1-or-later
"""A scripted Bulk Leasequery server (RFC 5460) and the octets it says, for tests; LEASEQUERY_VECTORS names the vectors."""
import json, os, socket, struct, threading, time, traceback

PORT = 1547
with open(os.environ["LEASEQUERY_VECTORS"], encoding="utf-8") as f:
    DATA = json.load(f)
HEX = {v["id"][3:]: v["hex"] for v in DATA["vectors"]}
CONST = DATA["constants"]
DUID, SERVER_DUID = CONST["requestor_duid"], CONST["server_duid"]
RELAY_ID, REMOTE_ID = CONST["relay_duid"], CONST["remote_id"]
XIDS = [bytes.fromhex(x) for x in CONST["transaction_ids"]]


# ------------------------------------------------------------------ octets ----

def option(code, data):
    return struct.pack("!HH", code, len(data)) + data


def frame(kind, xid, options=b""):
    message = bytes([kind]) + xid + options
    return struct.pack("!H", len(message)) + message


def split(octets):
    """Frames, the last one perhaps cut."""
    frames = []
    while octets:
        n = 2 + int.from_bytes(octets[:2], "big")
        frames.append(octets[:n])
        octets = octets[n:]
    return frames


def with_xids(octets, xids):
    """The vector's octets with its two transaction-ids exchanged for those in use."""
    out = b""
    for one in split(octets):
        for old, new in zip(XIDS, xids):
            if one[3:6] == old:
                one = one[:3] + new + one[6:]
                break
        out += one
    return out


def vector(name, *xids):
    return with_xids(bytes.fromhex(HEX[name]), xids)


def iaaddr(address, preferred=3600, valid=7200):
    return option(5, socket.inet_pton(socket.AF_INET6, address) + struct.pack("!II", preferred, valid))


def iaprefix(prefix, length, preferred=3600, valid=7200):
    return option(26, struct.pack("!IIB", preferred, valid, length) + socket.inet_pton(socket.AF_INET6, prefix))


def relay_data(hops):
    """hops: (peer, link, options), nearest to the server first; the last hop's peer is the client."""
    inner = None
    for peer, link, options in reversed(hops):
        body = bytes([12, 0]) + socket.inet_pton(socket.AF_INET6, link) + socket.inet_pton(socket.AF_INET6, peer) + options
        if inner is not None:
            body += option(9, inner)
        inner = body
    return option(47, socket.inet_pton(socket.AF_INET6, "2001:db8::9") + inner)


def client_data(duid, *options, clt=10):
    return option(45, option(1, duid) + b"".join(options) + option(46, struct.pack("!I", clt)))


def reply(xid, *options, duid=None):
    return frame(15, xid, option(1, bytes.fromhex(duid or DUID)) + option(2, bytes.fromhex(SERVER_DUID)) + b"".join(options))


def done(xid, options=b""):
    return frame(16, xid, options)


def many(n, xid):
    """REPLY and n DATA in pieces of 64 KiB."""
    piece = []
    for i in range(n):
        duid = b"\0\3\0\1\2\0" + i.to_bytes(4, "big")
        data = client_data(duid, option(5, bytes.fromhex("20010db8000000010000000000000000")[:12] + i.to_bytes(4, "big") + struct.pack("!II", 60, 90)))
        piece.append(reply(xid, data) if i == 0 else frame(17, xid, data))
        if len(piece) == 800:
            yield b"".join(piece)
            piece = []
    yield b"".join(piece) + done(xid)


# ------------------------------------------------------------------ server ----

class Server:
    """One listener; @script (connection, server) is run for each connection."""

    def __init__(self, script, address="::1", port=PORT):
        self.script, self.connections, self.queries, self.failure, self.began = script, [], [], None, []
        self.socket = socket.socket(socket.AF_INET6)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.began.append(time.monotonic())
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.script(connection, self)
        except (BrokenPipeError, ConnectionResetError):
            pass
        except Exception:
            self.failure = traceback.format_exc()
        connection.close()

    def read_query(self, connection):
        """The transaction-id of the next query; None at the end."""
        head = self.read(connection, 2)
        if head is None:
            return None
        body = self.read(connection, int.from_bytes(head, "big"))
        self.queries.append(head + body)
        return body[1:4]

    @staticmethod
    def read(connection, n):
        data = b""
        while len(data) < n:
            piece = connection.recv(n - len(data))
            if not piece:
                return None
            data += piece
        return data

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self.connections:
            connection.close()
        if kind is None and self.failure:
            raise AssertionError(self.failure)


def say(*names, end="wait"):
    """Reads one query, says the vectors' octets, then waits for the requestor's end, or ends first."""
    def script(connection, server):
        xid = server.read_query(connection)
        for name in names:
            connection.sendall(vector(name, xid) if isinstance(name, str) else name(xid))
        if end == "wait":
            connection.settimeout(10)
            assert connection.recv(1) == b"", "the requestor says more than its query"
        elif end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return script
