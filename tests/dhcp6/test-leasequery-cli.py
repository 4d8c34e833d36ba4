#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-leasequery-cli.py ROAM_LEASEQUERY SOURCE_ROOT   (LEASEQUERY_VECTORS names the vectors)

roam-leasequery against servers that say the octets of the vectors, good and bad, on real sockets in a
network namespace of its own (its name begins with rl-). TAP on stdout; exit status 77 (skipped)
without root or namespaces. Nothing is left behind.
"""
import csv, io, json, os, re, shutil, signal, socket, struct, subprocess, sys, tempfile, threading, time, traceback

from fake_leasequery import (DUID, HEX, PORT, RELAY_ID, REMOTE_ID, SERVER_DUID, Server, client_data, done, frame, iaaddr, iaprefix, many,
                             option, relay_data, reply, say, split, vector)

TOOL, ROOT = (os.path.abspath(p) for p in sys.argv[1:3])
NS = f"rl-{os.getpid()}"
ADDRESS = ("address", "2001:db8:0:1::1000")
CLIENT = ("client", "00:01:00:01:2a:00:00:00:02:00:00:00:00:01")
RELAY = ("relay-id", RELAY_ID)


# ---------------------------------------------------------------- the tool ----

class Result:
    def __init__(self, process):
        self.status, self.out, self.err = process.returncode, process.stdout, process.stderr

    @property
    def records(self):
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def bindings(self):
        return [r.get("address") or r.get("prefix") for r in self.records if r["event"] == "binding"]

    @property
    def ends(self):
        return [r for r in self.records if r["event"] == "end"]

    def __repr__(self):
        return f"status {self.status}\n{self.out}\n{self.err}"


def run(*arguments, servers=("::1",), stdin=None, timeout=30, port=PORT):
    command = [TOOL, *servers, "--duid", DUID]
    if port:
        command += ["--port", str(port)]
    return Result(subprocess.run([*command, *arguments], input=stdin, capture_output=True, text=True, timeout=timeout))


def ask(script, *arguments, **kw):
    """One server with @script, one run with --json."""
    with Server(script) as server:
        result = run("--json", *(arguments or ADDRESS), **kw)
    return result, server


def equal(a, b, what=""):
    if a != b:
        raise AssertionError(f"{what}: {a!r} is not {b!r}")


def holds(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError(f"{part!r} is not in:\n{text}")


# ------------------------------------------------------------------- tests ----

QUERIES = {
    "V-01": ADDRESS, "V-02": (*ADDRESS, "on", "2001:db8:0:1::1"), "V-03": CLIENT, "V-04": (*CLIENT, "--want", "47"),
    "V-05": RELAY, "V-06": (*RELAY, "--link", "2001:db8:0:1::1"), "V-07": ("link", "2001:db8:0:1::1"),
    "V-08": ("remote-id", "32473=port-00000042"),
    "V-09": ("remote-id", "32473:706f72742d3030303030303432", "on", "2001:db8:0:1::1", "--server-duid", SERVER_DUID),
}


def test_queries():
    # covers: LQ-REQ-005, LQ-REQ-006, LQ-REQ-007, LQ-REQ-010, LQ-REQ-012, LQ-REQ-008, LQ-COD-001
    xids = set()
    for name, words in QUERIES.items():
        result, server = ask(say("V-12"), *words)
        equal((result.status, result.bindings, result.ends[0]["complete"]), (0, [], True), name)
        equal(len(server.queries), 1, name)
        xid = server.queries[0][3:6]
        equal(server.queries[0].hex(), vector(name, xid).hex(), name)
        xids.add(xid)
    equal(len(xids), len(QUERIES), "transaction-ids")


def test_decode():
    # covers: LQ-REQ-011, LQ-COD-008
    if not shutil.which("tshark") or not shutil.which("text2pcap"):
        return "tshark is not here"
    types = {"address": "by-address (1)", "client": "by-clientID (2)", "relay-id": "(3)", "link": "(4)", "remote-id": "(5)"}
    with tempfile.TemporaryDirectory() as tmp:
        for name, words in QUERIES.items():
            _, server = ask(say("V-12"), *words)
            octets = server.queries[0]
            with open(f"{tmp}/hex", "w", encoding="ascii") as f:
                f.write("000000 " + " ".join(f"{o:02x}" for o in octets) + "\n")
            subprocess.run(["text2pcap", "-q", "-6", "2001:db8::1,2001:db8::2", "-T", "50000,547", f"{tmp}/hex", f"{tmp}/pcap"],
                           check=True, capture_output=True)
            text = subprocess.run(["tshark", "-r", f"{tmp}/pcap", "-V"], check=True, capture_output=True, text=True).stdout
            holds(text, "Message size: %d" % (len(octets) - 2), "Leasequery (14)", "DUID: " + DUID, "Query-type: ")
            holds(re.search("Query-type: .*", text)[0], types[words[0]])
            for word in ("Malformed", "Expert Info (Error"):
                if word in text:
                    raise AssertionError(f"{name}: {word}\n{text}")
    # And nothing but TCP is used: one stream socket, no datagram.
    if not shutil.which("strace"):
        return "all but the sockets was looked at: strace is missing"
    with Server(say("V-12")):
        trace = subprocess.run(["strace", "-f", "-e", "trace=socket,connect", TOOL, "::1", "--port", str(PORT), "--duid", DUID, *RELAY],
                               capture_output=True, text=True, timeout=30)
    equal("SOCK_DGRAM" in trace.stderr, False, "UDP")
    holds(trace.stderr, "SOCK_STREAM")
    return None


def test_default_port():
    # covers: LQ-REQ-001
    with Server(say("V-12"), port=547) as server:
        equal(run(*RELAY, port=None).status, 0, "port 547")
    equal(len(server.queries), 1)
    with Server(say("V-12"), port=2547) as server:
        equal(run(*RELAY, servers=("[::1]:2547",), port=None).status, 0, "a port of its own")
    with Server(say("V-12"), port=2548) as server:
        equal(run(*RELAY, port=2548).status, 0, "--port")


def test_usage():
    # covers: LQ-REQ-002, LQ-REQ-013
    cases = [
        ((), (), "no query"), (("address", "2001:db8::1"), (), "no server"),
        (("address", "192.0.2.1"), ("::1",), "'192.0.2.1' is not an IPv6 address"),
        (("address", "::"), ("::1",), "other than ::"),
        (("address",), ("::1",), "address wants an IPv6 address"),
        (("client", "0001"), ("::1",), "'0001' has 2 octets"), (("client", "00:"), ("::1",), "'00:' is not a DUID"),
        (("client", "ab" * 131), ("::1",), "131 octets"),
        (("relay-id", "xy"), ("::1",), "relay-id: 'xy'"), (("link", "::"), ("::1",), "other than ::"),
        (("remote-id", "port"), ("::1",), "does not begin with an enterprise number"),
        (("remote-id", "32473:port"), ("::1",), "'port' is not hex digits; text is written 32473=TEXT"),
        (("remote-id", "32473="), ("::1",), "0 octets"), (("remote-id", "4294967296=x"), ("::1",), "enterprise number"),
        ((*RELAY, "on"), ("::1",), "on wants a link-address"), ((*RELAY, "on", "x"), ("::1",), "on: 'x'"),
        ((*RELAY, "--link", "x"), ("::1",), "--link: 'x'"), ((*RELAY, "nonsense"), ("::1",), "'nonsense' is no query"),
        ((*RELAY, "--want", "1"), ("::1",), "may not be asked for"), ((*RELAY, "--want", "dns"), ("::1",), "--want: 'dns'"),
        ((*RELAY, "--port", "0"), ("::1",), "--port: 0"), ((*RELAY, "--port", "x"), ("::1",), "x"),
        ((*RELAY, "--timeout", "-1"), ("::1",), "--timeout: -1"), ((*RELAY, "--timeout", "0"), ("::1",), "--timeout: 0"), ((*RELAY, "--retries", "-1"), ("::1",), "--retries"),
        ((*RELAY, "--parallel", "0"), ("::1",), "--parallel: 0"), ((*RELAY, "--json", "--csv"), ("::1",), "exclude each other"),
        ((*RELAY, "--dev", "eth0"), ("::1",), "--dev belongs to --routes"),
        ((*RELAY, "--routes", "--dev", "e;rm"), ("::1",), "not the name of an interface"),
        ((*RELAY, "--duid", "00"), ("::1",), "--duid: '00'"), ((*RELAY, "--server-duid", "q"), ("::1",), "--server-duid"),
        ((*RELAY, "--type-done", "200"), ("::1",), "belong to --draft00"),
        ((*RELAY, "--file", "/nonexistent"), ("::1",), "/nonexistent"), (RELAY, ("::",), "not the address of one server"),
        (RELAY, ("ff02::1:2",), "not the address of one server"), (RELAY, ("[::1",), "expected [ADDRESS]:PORT"),
        (RELAY, ("[::1]:99999",), "'99999' is not a port"), (RELAY, ("fe80::1%none",), "no interface 'none'"),
    ]

    def never(connection, server):
        raise AssertionError("connected")
    with Server(never):
        for words, servers, message in cases:
            result = run(*words, servers=servers)
            equal((result.status, result.out), (2, ""), f"{words} {servers}")
            holds(result.err, message)
        result = run("--file", "-", stdin="# all\nlink 2001:db8::1\n\nrelay-id zz  # wrong\n")
        equal(result.status, 2)
        holds(result.err, "standard input, line 4: relay-id: 'zz' is not a DUID")
    equal(run("--help").status, 0)
    holds(run("--version").out, "roam-leasequery ")


def test_machine_duid():
    with Server(say("V-12", end="close")) as server:
        for _ in range(2):
            subprocess.run([TOOL, "::1", "-p", str(PORT), *RELAY], capture_output=True, timeout=30, check=False)
    if not os.path.exists("/etc/machine-id"):
        return "no machine-id"
    duids = {q[10:28] for q in server.queries}
    equal(len(duids), 1, "the same at each run")
    duid = duids.pop()
    equal(duid[:2], b"\0\4", "DUID-UUID")
    with open("/etc/machine-id", encoding="ascii") as f:
        equal(f.read().strip() in duid.hex(), False, "the machine-id is not told")
    return None


def test_answers():
    # covers: LQ-REQ-034, LQ-REQ-035, LQ-REQ-036, LQ-REQ-047, LQ-REQ-049, LQ-COD-003
    one = "2001:db8:0:1::1000"
    cases = [  # vectors, status of the program, bindings, complete, remark
        (("V-23",), 0, [one, "2001:db8:0:1::1001"], True, ""),
        (("V-12",), 0, [], True, "no bindings"),
        (("V-10", "V-21"), 0, [one], True, ""),
        (("V-11", "V-21"), 0, [one, "2001:db8:8000:100::/56"], True, ""),
        (("V-13",), 1, [], False, "UnknownQueryType (query type 99 is not known here)"),
        (("V-14",), 1, [], False, "MalformedQuery (no Relay-ID option in the query)"),
        (("V-15",), 1, [], False, "NotConfigured (no such link)"),
        (("V-16",), 1, [], False, "NotAllowed (this requestor may not ask)"),
        (("V-17",), 1, [], False, "QueryTerminated (server is shutting down)"),
        (("V-10", "V-18", "V-22"), 1, [one, "2001:db8:0:1::1001"], False, "QueryTerminated (lease store went away); incomplete, after 2"),
        (("V-10", "V-19", "V-20", "V-21"), 0, None, True, ""),
    ]
    for names, status, bindings, complete, remark in cases:
        result, _ = ask(say(*names))
        if "V-11" in names:
            bindings = result.bindings
            equal(len(bindings), 2)
        equal(result.status, status, f"{names} {result}")
        if bindings is not None:
            equal(result.bindings, bindings, str(names))
        equal(result.ends[-1]["complete"], complete, str(names))
        holds(result.err, remark)
    result, _ = ask(say("V-10", "V-19", "V-21"))
    record = [r for r in result.records if r["event"] == "binding"][1]
    equal((record["last-contact"], record["prefix"], record["valid"]), (4294967295, "2001:db8:8000:200::/56", 7200))


def test_faults():
    # covers: LQ-REQ-030, LQ-REQ-031, LQ-REQ-032, LQ-REQ-033, LQ-REQ-039, LQ-REQ-042, LQ-REQ-043, LQ-REQ-044
    two = ["2001:db8:0:1::1000", "2001:db8:0:1::1001"]
    good = "V-23"

    def query_to_us(xid):
        return vector("V-05", xid)

    def solicit(xid):
        return vector("B-18", xid)
    cases = [  # what is said before the good answer: remark
        (("B-05",), "a malformed message"), (("B-06",), "a malformed message"), (("B-20",), "not outstanding"),
        (("B-21",), "without the server's identifier"), (("B-22",), "for another requestor"), (("B-34",), "a malformed message"),
        ((query_to_us,), "a message type that may not be sent to a requestor"), ((solicit,), "a message type that may not"),
    ]
    for names, remark in cases:
        result, _ = ask(say(*names, good))
        equal((result.status, result.bindings), (0, two), f"{names} {result}")
        holds(result.err, remark)
    within = [  # between REPLY and DONE: discarded, the rest stays
        ("B-24", ""), ("B-29", "without the time of last contact"), ("B-30", "without a client"), ("B-31", "malformed client data"),
        ("B-32", "a prefix length above 128"), ("B-33", "a preferred lifetime above the valid one"), ("B-35", "malformed client data"),
    ]
    for name, remark in within:
        result, _ = ask(say("V-10", lambda xid, n=name: as_data(n, xid), "V-21"))
        equal((result.status, result.bindings), (0, two[:1]), f"{name} {result}")
        holds(result.err, remark)
        if not remark:
            equal(result.err, "", "a keep-alive is no fault")
    result, _ = ask(say("B-23"))
    equal((result.status, result.bindings), (0, []), "CLIENT_LINK")
    holds(result.err, "a list of links, which may not be sent over TCP")


def as_data(name, xid):
    """The CLIENT_DATA of a vector, whatever message it came in, as a DATA."""
    octets = bytes.fromhex(HEX[name])
    if octets[2] == 17:
        return vector(name, xid)
    at, options = 6, b""
    while at + 4 <= len(octets):
        code, length = struct.unpack_from("!HH", octets, at)
        if code == 45:
            options += octets[at:at + 4 + length]
        at += 4 + length
    assert options, name
    return frame(17, xid, options)


def test_closing():
    # covers: LQ-REQ-037, LQ-REQ-040, LQ-COD-004
    cases = [  # what is said, how it ends, status, bindings, remark
        (("B-01",), "wait", [], "broke the protocol"), (("B-02",), "wait", [], "broke the protocol"),
        (("B-25",), "wait", [], "broke the protocol"), (("B-27",), "wait", [], "before the result was whole"),
        (("V-10", "B-27"), "wait", ["2001:db8:0:1::1000"], "before the result was whole; incomplete, after 1"),
        (("V-10",), "close", ["2001:db8:0:1::1000"], "before the result was whole; incomplete, after 1"),
        (("V-10", "V-18"), "reset", None, "before the result was whole"),
        (("V-10", lambda xid: bytes.fromhex(HEX["B-03"])), "close", ["2001:db8:0:1::1000"], "before the result was whole"),
        (tuple(["V-10"] + ["B-20"] * 16), "wait", ["2001:db8:0:1::1000"], "broke the protocol"),
        (tuple(["V-10"] + ["B-05"] * 16), "wait", ["2001:db8:0:1::1000"], "broke the protocol"),
    ]
    for names, end, bindings, remark in cases:
        result, _ = ask(say(*names, end=end))
        equal(result.status, 1, f"{names} {result}")
        if bindings is not None:
            equal(result.bindings, bindings, f"{names} {result}")
            equal(len(result.ends), 1)
        equal(all(not r["complete"] for r in result.records), True, f"{names}: complete")
        holds(result.err, remark)


def test_odd():
    # covers: LQ-REQ-045, LQ-COD-014, LQ-COD-019
    one = bytes.fromhex("00030001020000000007")
    # Row 16: a second REPLY; its data count, its error would too.
    result, _ = ask(say("V-10", lambda x: reply(x, client_data(one, iaaddr("2001:db8::7"))), "V-21"))
    equal((result.status, result.bindings), (0, ["2001:db8:0:1::1000", "2001:db8::7"]), str(result))
    holds(result.err, "a second reply to one query")
    # Row 17 is B-25; row 20: an error beside data.
    result, _ = ask(say(lambda x: reply(x, option(13, struct.pack("!H", 10)), client_data(one, iaaddr("2001:db8::7")))))
    equal((result.status, result.bindings), (1, []), str(result))
    holds(result.err, "client data beside an error", "NotAllowed")
    # Row 21: no binding; row 24: lifetime 0; row 26: unknown status.
    result, _ = ask(say(lambda x: reply(x, client_data(one)), lambda x: frame(17, x, client_data(one, iaaddr("2001:db8::8", 0, 0))), "V-21"))
    equal((result.status, result.bindings), (0, []), str(result))
    holds(result.err, "client data without an address or prefix", "a binding whose lifetime is over")
    result, _ = ask(say(lambda x: reply(x, option(13, struct.pack("!H", 4711) + b"why"))))
    equal((result.status, result.ends[0]["status"], result.ends[0]["text"]), (1, "status 4711", "why"))
    # Row 25: what the server writes goes to a screen.
    result, _ = ask(say("B-36"))
    equal(result.status, 1)
    equal("\x1b" in result.err + result.out, False, "an escape sequence")
    equal(result.ends[0]["status"], "NotAllowed")
    # Inside an IA_NA: taken, with its number. Relay data beside CLIENT_DATA: taken.
    ia = option(3, struct.pack("!III", 77, 0, 0) + iaaddr("2001:db8::9"))
    beside = relay_data([("fe80::1", "2001:db8:0:1::1", option(37, bytes.fromhex(REMOTE_ID)))])
    result, _ = ask(say(lambda x: reply(x, client_data(one, ia), beside), "V-21"))
    record = result.records[0]
    equal((record["address"], record["iaid"], record["relays"][0]["remote-id"].replace(":", "")), ("2001:db8::9", 77, REMOTE_ID))
    # Row 14: DONE after a REPLY that was complete: the result stands.
    result, _ = ask(say("B-28", end="close"))
    equal((result.status, result.ends[0]["complete"]), (0, True), str(result))


def test_split():
    # covers: LQ-COD-002
    def dribble(connection, server):
        xid = server.read_query(connection)
        for octet in vector("V-23", xid):
            connection.sendall(bytes([octet]))
    result, _ = ask(dribble)
    equal((result.status, len(result.bindings)), (0, 2))


def test_parallel():
    # covers: LQ-REQ-009, LQ-REQ-016, LQ-REQ-017, LQ-REQ-041
    def interleaved(connection, server):
        first, second = server.read_query(connection), server.read_query(connection)
        connection.sendall(vector("V-24", first, second))
        assert connection.recv(1) == b""
    result, server = ask(interleaved, *ADDRESS, *RELAY)
    equal((result.status, len(server.connections), len(result.bindings)), (0, 1, 3), str(result))
    by_query = {n: [r for r in result.records if r["event"] == "binding" and r["query"] == n] for n in (1, 2)}
    equal((len(by_query[1]), len(by_query[2])), (1, 2))
    equal([e["complete"] for e in result.ends], [True, True])

    def window(connection, server):  # at most so many at once, all of them in the end, one connection
        waiting = []
        for n in range(100):
            connection.settimeout(0.05 if n >= 3 else 5)
            try:
                waiting.append(server.read_query(connection))
            except TimeoutError:
                pass
            assert len(waiting) <= 3, "more than --parallel"
            if len(waiting) == 3 or n >= 99:
                connection.sendall(vector("V-12", waiting.pop(0)))
        connection.settimeout(5)
        for xid in waiting:
            connection.sendall(vector("V-12", xid))
        while (xid := server.read_query(connection)) is not None:
            connection.sendall(vector("V-12", xid))
    lines = "".join(f"address 2001:db8::{n:x}\n" for n in range(1, 101))
    result, server = ask(window, "--parallel", "3", "--file", "-", stdin=lines)
    equal((result.status, len(server.queries), len(server.connections), len(result.ends)), (0, 100, 1, 100), str(result.err))
    equal(len({q[3:6] for q in server.queries}), 100, "transaction-ids")


def test_half_close():
    # covers: LQ-REQ-015
    def wait_for_end(connection, server):
        xids = []
        while (xid := server.read_query(connection)) is not None:
            xids.append(xid)
        for xid in xids:
            connection.sendall(vector("V-23", xid))
    result, server = ask(wait_for_end, *ADDRESS, *RELAY, *CLIENT, "--half-close")
    equal((result.status, len(server.connections), len(result.bindings)), (0, 1, 6), str(result))


def test_silence():
    # covers: LQ-REQ-050, LQ-REQ-051
    def quiet(connection, server):
        server.read_query(connection)
        assert connection.recv(1) == b""
    began = time.monotonic()
    result, _ = ask(quiet, *RELAY, "--timeout", "0.3")
    equal((result.status, result.ends[0]["outcome"]), (1, "the server is silent"), str(result))
    equal(time.monotonic() - began < 5, True, "in time")

    def drip(connection, server):
        xid = server.read_query(connection)
        connection.sendall(vector("V-10", xid))
        for octet in vector("V-18", xid)[:20]:
            time.sleep(0.1)
            connection.sendall(bytes([octet]))
        raise AssertionError("still read after 2 s")
    result, _ = ask(drip, *RELAY, "--timeout", "0.5")
    equal((result.status, result.bindings, result.ends[0]["complete"]), (1, ["2001:db8:0:1::1000"], False), str(result))
    holds(result.err, "the server is silent; incomplete, after 1")


def test_early():
    # covers: LQ-REQ-053
    def late_done(connection, server):
        xid = server.read_query(connection)
        connection.sendall(vector("V-10", xid))
        server.gate.wait(10)
        connection.sendall(vector("V-21", xid))
    with Server(late_done) as server:
        server.gate = threading.Event()
        tool = subprocess.Popen([TOOL, "::1", "-p", str(PORT), "--duid", DUID, "--json", *ADDRESS], stdout=subprocess.PIPE, text=True)
        first = json.loads(tool.stdout.readline())  # comes while DONE does not
        equal((first["address"], first["complete"]), ("2001:db8:0:1::1000", False))
        server.gate.set()
        last = json.loads(tool.stdout.readline())
        equal((last["event"], last["complete"], tool.wait(10)), ("end", True, 0))
        tool.stdout.close()


def test_slow_consumer():
    # covers: LQ-REQ-038, LQ-REQ-052
    def stream(connection, server):
        xid = server.read_query(connection)
        for piece in many(100000, xid):
            connection.sendall(piece)
            server.sent += len(piece)
        connection.recv(1)
    with Server(stream) as server:
        server.sent = 0
        # A server that waits for us is not silent: the time-out is far shorter than the pause.
        tool = subprocess.Popen([TOOL, "::1", "-p", str(PORT), "--duid", DUID, "--csv", "--timeout", "0.5", *RELAY], stdout=subprocess.PIPE)
        deadline = time.monotonic() + 20
        before, sizes = -1, []
        while server.sent != before or server.sent == 0:
            assert time.monotonic() < deadline
            before = server.sent
            time.sleep(0.7)
            sizes.append(rss(tool.pid))
        stalled = server.sent
        assert stalled < 100000 * 60, f"{stalled} octets were taken in while nobody read"
        rows = list(csv.reader(io.TextIOWrapper(tool.stdout, encoding="ascii")))
        equal(tool.wait(10), 0)
    equal(len(rows), 100001, "rows")
    equal(rows[0][:5], ["query", "server", "client", "kind", "address"])
    equal(len({row[4] for row in rows[1:]}), 100000)
    assert max(sizes) < 32 * 1024, f"{max(sizes)} KiB"


def rss(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])


def test_servers():
    # covers: LQ-REQ-018, LQ-REQ-062, LQ-REQ-046, LQ-REQ-060, LQ-REQ-061
    one, other = (bytes.fromhex(f"0003000102000000000{n}") for n in (1, 2))
    first = say(lambda x: reply(x, client_data(one, iaaddr("2001:db8::1", 10, 20), clt=500)),
                lambda x: frame(17, x, client_data(other, iaaddr("2001:db8::5"), clt=3)), done)
    second = say(lambda x: reply(x, client_data(one, iaaddr("2001:db8::1", 30, 40), iaprefix("2001:db8:100::", 56), clt=5)), done)
    with Server(first), Server(second, port=PORT + 1):
        servers = ("::1", f"[::1]:{PORT + 1}")
        result = run("--json", *CLIENT, servers=servers)
        merged = run("--json", "--merge", *CLIENT, servers=servers)
        table = run("--merge", *CLIENT, servers=servers)
    equal((result.status, len(result.bindings)), (0, 4), str(result))
    equal({r["server"] for r in result.records}, {f"[::1]:{PORT}", f"[::1]:{PORT + 1}"})
    records = [r for r in merged.records if r["event"] == "binding"]
    equal([(r.get("address") or r["prefix"], r["valid"], r["server"][-1], r["complete"]) for r in records],
          [("2001:db8::1", 40, str(PORT + 1)[-1], True), ("2001:db8:100::/56", 7200, str(PORT + 1)[-1], True), ("2001:db8::5", 7200, str(PORT)[-1], True)])
    equal(len(table.out.splitlines()), 4, "a header and three rows")
    equal(all(line.count("\t") == 5 for line in table.out.splitlines()), True, table.out)
    # One of them down: what the other has is not the whole.
    with Server(first):
        result = run("--json", *CLIENT, servers=servers)
    equal((result.status, len(result.bindings)), (1, 2), str(result))
    holds(result.err, f"[::1]:{PORT + 1}: query 1: no connection: Connection refused")
    equal(run(*CLIENT, servers=servers).status, 3, "none")


def test_first():
    # covers: LQ-REQ-048
    for name, moves in (("V-13", True), ("V-14", False), ("V-15", True), ("V-16", True), ("V-17", True)):
        with Server(say(name)), Server(say("V-23"), port=PORT + 1) as other:
            result = run("--json", "--first", *CLIENT, servers=("::1", f"[::1]:{PORT + 1}"))
        equal((result.status, len(result.bindings), len(other.queries)), (0, 2, 1) if moves else (1, 0, 0), f"{name} {result}")
        if moves:
            holds(result.err, "asking the next server")
    with Server(say("V-12")), Server(say("V-23"), port=PORT + 1) as other:  # nothing found is an answer
        result = run("--json", "--first", *CLIENT, servers=("::1", f"[::1]:{PORT + 1}"))
    equal((result.status, result.bindings, len(other.queries)), (0, [], 0))
    with Server(say("V-23"), port=PORT + 1):  # the first is down
        result = run("--json", "--first", *CLIENT, servers=("::1", f"[::1]:{PORT + 1}"))
    equal((result.status, len(result.bindings)), (0, 2), str(result))


def test_twice():
    # Section 8, row 36: one binding twice in one reply; the later contact stays.
    one = bytes.fromhex("00030001020000000001")
    result, _ = ask(say(lambda x: reply(x, client_data(one, iaaddr("2001:db8::1", 1, 2), clt=50)),
                        lambda x: frame(17, x, client_data(one, iaaddr("2001:db8::1", 3, 4), clt=5)), done), "--merge", *CLIENT)
    records = [r for r in result.records if r["event"] == "binding"]
    equal([(r["address"], r["valid"], r["last-contact"]) for r in records], [("2001:db8::1", 4, 5)])
    holds(result.err, "the server tells of one binding twice")


def test_retries():
    # covers: LQ-REQ-004, LQ-REQ-049
    def second_time(connection, server):
        xid = server.read_query(connection)
        connection.sendall(vector("V-10", xid) + (b"" if len(server.connections) == 1 else vector("V-21", xid)))
        if len(server.connections) > 1:
            connection.recv(1)
    result, server = ask(second_time, *RELAY, "--retries", "1")
    equal((result.status, len(server.connections)), (0, 2), str(result))
    equal([r["event"] for r in result.records], ["binding", "restart", "binding", "end"])
    holds(result.err, "trying again in")
    assert 0.85 <= server.began[1] - server.began[0] <= 3, server.began
    with Server(second_time):  # as a table nothing is printed that is void
        table = run(*RELAY, "--retries", "1")
    equal((table.status, len(table.out.splitlines())), (0, 2), str(table))

    def terminated(connection, server):  # QueryTerminated: after a wait, on the same connection
        xid = server.read_query(connection)
        asked = time.monotonic()
        connection.sendall(vector("V-17", xid))
        connection.sendall(vector("V-23", server.read_query(connection)))
        server.waited = time.monotonic() - asked
        connection.recv(1)
    result, server = ask(terminated, *RELAY, "--retries", "1")
    equal((result.status, len(result.bindings)), (0, 2), str(result))
    # Its second begins when it looked at the clock, which on a busy machine is a moment before it read the answer.
    assert server.waited >= 0.85, server.waited
    # No server at first: the connect is tried again.
    tool = subprocess.Popen([TOOL, "::1", "-p", str(PORT), "--duid", DUID, "--retries", "2", *RELAY], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    holds(tool.stderr.readline(), "trying again in")
    with Server(say("V-23")):
        out, _ = tool.communicate(timeout=20)
    equal((tool.returncode, len(out.splitlines())), (0, 3))


def test_refused():
    # Section 8, row 28: connections that end before any reply.
    def slam(connection, server):
        pass
    result, server = ask(slam, *RELAY)
    equal((result.status, len(server.connections)), (1, 3), str(result))
    holds(result.err, "it may not permit this requestor")


def test_closes_after_each():
    # Section 8, row 29: a server may close after any answer; what was sent behind it is asked again.
    def one(connection, server):
        xid = server.read_query(connection)
        connection.sendall(vector("V-23", xid))
    began = time.monotonic()
    lines = "".join(f"address 2001:db8::{n:x}\n" for n in range(1, 13))
    result, server = ask(one, "--file", "-", stdin=lines)
    equal((result.status, len(result.ends), len(result.bindings)), (0, 12, 24), str(result))
    assert len(server.connections) >= 12 and time.monotonic() - began < 5

    def first_alone(connection, server):  # the second answer is cut: that one is incomplete
        first, second = server.read_query(connection), server.read_query(connection)
        connection.sendall(vector("V-23", first) + vector("V-10", second))
    result, _ = ask(first_alone, *ADDRESS, *RELAY)
    equal((result.status, [e["complete"] for e in result.ends]), (1, [True, False]), str(result))


def test_connect_timeout():
    # covers: LQ-REQ-003
    subprocess.run(["nft", "add table ip6 t; add chain ip6 t c { type filter hook input priority 0; }; add rule ip6 t c tcp dport 3547 drop"],
                   check=True)
    try:
        began = time.monotonic()
        result = run(*RELAY, "--connect-timeout", "0.5", port=3547)
        passed = time.monotonic() - began
    finally:
        subprocess.run(["nft", "delete table ip6 t"], check=True)
    equal(result.status, 3, str(result))
    holds(result.err, "no connection: Connection timed out")
    assert 0.4 <= passed <= 5, passed


def test_many_to_nobody():
    # A server that is not there is tried once for all queries, not once for each.
    lines = "".join(f"address 2001:db8::{n:x}\n" for n in range(1, 2001))
    began = time.monotonic()
    result = run("--json", "--file", "-", stdin=lines)
    equal((result.status, len(result.ends)), (3, 2000))
    assert time.monotonic() - began < 5


def test_draft():
    # covers: LQ-DRF-001, LQ-DRF-002, LQ-DRF-003, LQ-DRF-004, LQ-DRF-006
    for name in ("V-01", "V-03", "V-05", "V-07", "V-08"):
        result, server = ask(say("V-23"), *QUERIES[name], "--draft00")
        equal((result.status, server.queries[0].hex()), (0, vector(name, server.queries[0][3:6]).hex()), name)
    result, _ = ask(say("V-10", end="close"), *ADDRESS, "--draft00")
    equal((result.status, result.ends[0]["complete"]), (0, True), str(result))
    result, _ = ask(say("V-10", "V-18", end="close"), *ADDRESS, "--draft00")
    equal(result.status, 1, "two messages and no DONE")

    def renumbered(xid):
        out = b""
        for one in split(vector("V-23", xid)):
            out += one[:2] + bytes([{16: 200, 17: 201}.get(one[2], one[2])]) + one[3:]
        return out
    result, server = ask(say(renumbered), *RELAY, "--draft00", "--type-done", "200", "--type-data", "201", "--option-relay-id", "60000")
    equal((result.status, len(result.bindings)), (0, 2), str(result))
    holds(server.queries[0].hex(), "ea60" + "0011" + RELAY_ID if len(RELAY_ID) == 34 else "ea60")
    result = run(*RELAY, "--draft00", "--type-done", "15")
    equal(result.status, 2)
    holds(result.err, "is that of another message")

    def ended(connection, server):
        xid = server.read_query(connection)
        connection.sendall(vector("V-10", xid) + done(xid, option(13, struct.pack("!H", 1))))
        connection.sendall(vector("V-23", server.read_query(connection)))
        connection.recv(1)
    result, _ = ask(ended, *RELAY, "--draft00", "--retries", "1")
    equal((result.status, [r["event"] for r in result.records]), (0, ["binding", "restart", "binding", "binding", "end"]), str(result))


def test_routes():
    hops = [("2001:db8::a", "2001:db8::a1", option(53, bytes.fromhex(RELAY_ID))),
            ("fe80::22", "2001:db8:0:1::1", option(18, b"eth7.10") + option(37, bytes.fromhex(REMOTE_ID)))]
    one = bytes.fromhex("00030001020000000001")

    def answer(xid):
        return (reply(xid, client_data(one, iaaddr("2001:db8::1"), iaprefix("2001:db8:100:0:ffff::", 56), relay_data(hops)))
                + frame(17, xid, client_data(one, iaprefix("2001:db8:200::", 56, 1, 0xffffffff), relay_data(hops[1:])))
                + frame(17, xid, client_data(one, iaprefix("2001:db8:300::", 56), relay_data([("fe80::22", "::", option(18, b"`reboot`"))])))
                + frame(17, xid, client_data(one, iaprefix("2001:db8:400::", 56))) + done(xid))
    with Server(say(answer)) as server:
        result = run("--routes", *CLIENT)
        named = run("--routes", "--dev", "wan0", *CLIENT)
        relay = run("--routes", *RELAY)
    holds(server.queries[0].hex(), "00060002002f")  # ORO: relay data
    lines = result.out.splitlines()
    equal(lines[:2], ["ip -6 route replace 2001:db8:100::/56 via fe80::22 dev eth7.10 proto dhcp expires 7200",
                      "ip -6 route replace 2001:db8:200::/56 via fe80::22 dev eth7.10 proto dhcp"])
    holds(lines[2], "# 2001:db8:300::/56: the next hop is link-local")
    holds(lines[3], "# 2001:db8:400::/56: the server tells of no relay")
    equal((result.status, len(lines), "reboot" in result.out), (1, 4, False))
    equal(named.out.splitlines()[2], "ip -6 route replace 2001:db8:300::/56 via fe80::22 dev wan0 proto dhcp expires 7200")
    equal(relay.out.splitlines()[0], "ip -6 route replace 2001:db8:100::/56 via 2001:db8::a proto dhcp expires 7200")
    # And ip(8) takes them.
    sh = ["ip link add name eth7.10 type veth peer name eth8", "ip link set eth7.10 up", "ip link set eth8 up"]
    for line in sh + lines[:2]:
        subprocess.run(line.split(), check=True, capture_output=True)
    shown = subprocess.run(["ip", "-6", "route", "show", "dev", "eth7.10"], check=True, capture_output=True, text=True).stdout
    subprocess.run(["ip", "link", "del", "eth7.10"], check=True)
    holds(shown, "2001:db8:100::/56 via fe80::22", "2001:db8:200::/56 via fe80::22")


def test_formats():
    # covers: LQ-COD-016, LQ-COD-024
    hops = [("fe80::22", "2001:db8:0:1::1", option(53, bytes.fromhex(RELAY_ID)) + option(37, bytes.fromhex(REMOTE_ID)))]
    one = bytes.fromhex("0003000102000000aabb")

    def answer(xid):
        return reply(xid, client_data(one, iaaddr("2001:db8::1", 90000, 0xffffffff), option(23, b"\x01\x02"), relay_data(hops), clt=3700)) + done(xid)
    with Server(say(answer)):
        table, relays, lines, rows = run(*CLIENT), run("--relays", *CLIENT), run("--json", *CLIENT), run("--csv", *CLIENT)
    equal(table.out.splitlines()[1].split("\t"), ["2001:db8::1", "00:03:00:01:02:00:00:00:aa:bb", "02:00:00:00:aa:bb", "infinity", "1h01m"])
    equal(relays.out.splitlines()[1].split("\t")[5:], ["2001:db8:0:1::1", ":".join(re.findall("..", RELAY_ID)), ":".join(re.findall("..", REMOTE_ID))])
    record = lines.records[0]
    equal((record["valid"], record["preferred"], record["options"], record["description"]),
          ("infinity", 90000, [{"code": 23, "data": "01:02"}], "DUID-LL, hardware type 1, 02:00:00:00:aa:bb"))
    equal((record["relays"][0]["peer"], record["server-duid"].replace(":", "")), ("fe80::22", SERVER_DUID))
    assert abs(record["received"] - time.time()) < 30
    row = list(csv.DictReader(io.StringIO(rows.out)))[0]
    equal((row["address"], row["valid"], row["link"], row["remote-id"].replace(":", "")), ("2001:db8::1", "4294967295", "2001:db8:0:1::1", REMOTE_ID))


def test_interrupt():
    with Server(say("V-10")) as server:
        tool = subprocess.Popen([TOOL, "::1", "-p", str(PORT), "--duid", DUID, "--json", *ADDRESS], stdout=subprocess.PIPE, text=True)
        equal(json.loads(tool.stdout.readline())["event"], "binding")
        tool.send_signal(signal.SIGINT)
        end = json.loads(tool.stdout.readline())
        equal((tool.wait(10), end["complete"]), (1, False))
        tool.stdout.close()


def test_full_disk():
    with Server(lambda c, s: say(*(["V-10"] + ["V-18"] * 10 + ["V-21"]))(c, s)), open("/dev/full", "w", encoding="ascii") as full:
        tool = subprocess.run([TOOL, "::1", "-p", str(PORT), "--duid", DUID, *ADDRESS], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    equal(tool.returncode, 4)
    holds(tool.stderr, "cannot write the result: No space left on device")


def test_manual():
    """Page and completion know every option and query."""
    options = set(re.findall(r"^\s+(?:-\w, )?(--[a-z0-9-]+)", run("--help").out, flags=re.M))
    assert len(options) > 20, options
    for name in ("docs/roam-leasequery.1", "data/roam-leasequery.bash"):
        with open(os.path.join(ROOT, name), encoding="utf-8") as f:
            text = f.read().replace("\\-", "-")
        for word in sorted(options) + ["address", "client", "relay-id", "link", "remote-id"]:
            assert re.search(rf"(?<![\w-]){word}(?![\w-])", text), f"{name}: {word}"
    if shutil.which("man"):
        page = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", os.path.join(ROOT, "docs/roam-leasequery.1")],
                              capture_output=True, text=True, env=dict(os.environ, LC_ALL="C.UTF-8"), timeout=60, check=False)
        equal(page.stderr, "", "man")
    for line, expected in (("roam-leasequery h --mer", ["--merge"]), ("roam-leasequery h rel", ["relay-id"])):
        words = line.split()
        script = (f"source {ROOT}/data/roam-leasequery.bash; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _roam_leasequery; "
                  "printf '%s\\n' \"${COMPREPLY[@]}\"")
        equal(subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split(), expected, line)


# -------------------------------------------------------------------- main ----

def main():
    tests = [(name[5:], function) for name, function in globals().items() if name.startswith("test_")]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    print(f"1..{len(tests)}")
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        try:
            skipped = function()
            print(f"ok {number} {name}" + (f" # SKIP {skipped}" if skipped else ""), flush=True)
        except Exception:
            failed += 1
            print(f"not ok {number} {name}")
            print("\n".join("# " + line for line in traceback.format_exc().splitlines()), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    if "--inside" in sys.argv:
        sys.exit(main())
    if os.geteuid() != 0 or subprocess.run(["ip", "netns", "add", NS], capture_output=True).returncode != 0:
        print("1..0 # SKIP needs root and network namespaces")
        sys.exit(77)
    try:
        sys.exit(subprocess.run(["ip", "netns", "exec", NS, sys.executable, *sys.argv, "--inside"], check=False).returncode)
    finally:
        subprocess.run(["ip", "netns", "del", NS], check=False)
