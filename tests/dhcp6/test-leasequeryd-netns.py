#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-leasequeryd-netns.py ROAM_LEASEQUERYD VECTORS

roam-leasequeryd on real sockets, in a network namespace of its own (rq-PID): asked by a hand-made
requestor, fed by lease files as Kea writes them. TAP on stdout; exit status 77 (skipped) without root
or namespaces. Nothing is left behind.
"""
import contextlib, ctypes, json, os, pathlib, random, re, resource, shutil, signal, socket, sqlite3, statistics
import subprocess, sys, tempfile, threading, time, traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from leasequery_client import *  # noqa: E402

NS = f"rq-{os.getpid()}"
SERVER, OTHER, OUTSIDER = "2001:db8:f::547", "2001:db8:f::548", "2001:db8:e::1"
A, B, C = "2001:db8:f::a", "2001:db8:f::b", "2001:db8:f::c"
HEADER = ("address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,"
          "hostname,hwaddr,state,user_context,hwtype,hwaddr_source,pool_id\n")
SERVER_DUID = "0003000102005e100001"
CLIENT = "000100012a000000020000000001"
RELAY_ID, REMOTE_ID = "000200007ed972656c617930303031", "00007ed9706f72742d3030303030303432"
KEA_CONFIG = """// Kea's own kind of JSON
{ "Dhcp6": { /* two links
  */ "shared-networks": [ { "name": "floor", "subnet6": [
      { "id": 1, "subnet": "2001:db8:0:1::/64" }, # the first
      { "id": 2, "subnet": "2001:db8:0:2::/64", }, ] } ],
  "subnet6": [ { "id": 3, "subnet": "2001:db8:0:3::/64", "pd-pools": [ { "prefix": "2001:db8:8000::" } ] } ] } }
"""
CONFIG = """[server]
listen={server}
duid={duid}
data-timeout={data_timeout}
{more}
[leases]
file={file}
kea-config={kea}
[requestor {c}]
query-types=address;client
[requestor 2001:db8:f::/48]
"""
libc = ctypes.CDLL(None, use_errno=True)
# A sanitizer's red zones and quarantine are no memory of ours.
SANITIZED = 4 if b"__asan_init" in pathlib.Path(sys.argv[1]).read_bytes() else 1


def sh(*args, check=True, ns=None):
    if ns:
        args = ("ip", "netns", "exec", ns) + args
    return subprocess.run(args, check=check, capture_output=True, text=True)


def enter(ns):
    with open(f"/run/netns/{ns}") as f:
        if libc.setns(f.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def make_topology():
    sh("ip", "netns", "add", NS)
    sh("ip", "link", "set", "lo", "up", ns=NS)
    for address in (SERVER, OTHER, OUTSIDER, A, B, C):
        sh("ip", "addr", "add", address + "/128", "dev", "lo", "nodad", ns=NS)
    enter(NS)


def wait_for(condition, what, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("timed out: " + what)


def duid_of(number):
    return "00030001" + f"0200{number:08x}"


def colons(hexes):
    return ":".join(hexes[i:i + 2] for i in range(0, len(hexes), 2))


def context(relays):
    text = json.dumps({"ISC": {"relay-info": relays}})
    return text.replace(",", "&#x2c")


def row(address, duid, valid=7200, age=0, subnet=1, preferred=3600, kind=0, iaid=1, prefix=128, state=0, ctx=""):
    expire = int(time.time()) - age + valid
    return (f"{address},{colons(duid)},{valid},{expire},{subnet},{preferred},{kind},{iaid},{prefix},0,0,,,{state},"
            f"{ctx},1,1,0\n")


def many(n, subnet=3):
    expire = int(time.time()) + 7200
    return "".join(f"2001:db8:0:{subnet}::{i >> 16:x}:{i & 0xffff:x},00:03:00:01:02:00:{i >> 24 & 255:02x}:"
                   f"{i >> 16 & 255:02x}:{i >> 8 & 255:02x}:{i & 255:02x},7200,{expire},{subnet},3600,0,{i},128,0,0,,,0,,1,1,0\n"
                   for i in range(1, n + 1))


RELAYS = [{"hop": 1, "link": "2001:db8:0:f::1", "peer": "fe80::1", "relay-id": "000200007ed9" + "ff" * 4},
          {"hop": 0, "link": "2001:db8:0:1::1", "peer": "fe80::2", "options": "0x0012000867652d302f302f31",
           "remote-id": REMOTE_ID, "relay-id": RELAY_ID}]


def small_file():
    return (HEADER + row("2001:db8:0:1::1000", CLIENT, age=120, ctx=context(RELAYS)) +
            row("2001:db8:0:2::1000", CLIENT, age=150, subnet=2) +
            row("2001:db8:8000:100::", CLIENT, age=5, subnet=3, kind=2, prefix=56, ctx=context(RELAYS[1:])) +
            row("2001:db8:0:1::2000", duid_of(2), valid=4294967295, preferred=4294967295) +
            row("2001:db8:0:1::dead", duid_of(3), age=7201) + row("2001:db8:0:1::beef", duid_of(4), state=1) +
            row("2001:db8:0:3::1", duid_of(5), subnet=3))


class Daemon:
    def __init__(self, directory, rows, data_timeout=300, more="", files=None, config=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(dir=directory))
        self.file = self.dir / "kea-leases6.csv"
        self.file.write_text(rows)
        (self.dir / "kea-dhcp6.conf").write_text(KEA_CONFIG)
        self.config = self.dir / "leasequery.conf"
        self.text = config or CONFIG
        self.write_config(data_timeout=data_timeout, more=more)
        self.status_file = self.dir / "status.json"
        self.log = open(self.dir / "log", "w+")
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))) if files else None
        self.process = subprocess.Popen([PROGRAM, "--config", self.config, "--status-file", self.status_file,
                                         "--log-level", "debug"], stderr=self.log, stdout=self.log, preexec_fn=limit,
                                        env=dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1"))
        wait_for(self.status_file.exists, "the server started", 60)

    def write_config(self, data_timeout=300, more="", c=C):
        self.config.write_text(self.text.format(server=SERVER, duid=colons(SERVER_DUID), data_timeout=data_timeout,
                                                more=more, file=self.file, kea=self.dir / "kea-dhcp6.conf", c=c,
                                                dir=self.dir))

    def append(self, text):
        with open(self.file, "a") as f:
            f.write(text)

    def status(self):
        return json.loads(self.status_file.read_text())

    def rss_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def lines(self):
        self.log.flush()
        return (self.dir / "log").read_text()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.process.kill()
            self.process.wait()
            print("# " + self.lines()[-3000:].replace("\n", "\n# "))
        else:
            assert self.stop() == 0, self.lines()
            for word in ("ERROR: ", "runtime error", "CRITICAL"):
                assert word not in self.lines(), self.lines()
        self.log.close()


def connect(source=A, **more):
    return Connection(SERVER, source, **more)


class Skip(Exception):
    """Something that the case needs is not installed."""


class Test:
    def __init__(self, directory, vectors):
        self.dir, self.v = directory, load_vectors(vectors)

    def options(self):
        """options-and-every-fault-of-a-configuration-at-once"""
        run = lambda *a: subprocess.run([PROGRAM, *a], capture_output=True, text=True)  # noqa: E731
        assert run("--version").stdout.startswith("roam-leasequeryd ")
        assert "--check" in run("--help").stdout
        assert run("--nonsense").returncode == 2
        path = os.path.join(self.dir, "bad.conf")
        with open(path, "w") as f:
            f.write("[server]\nlisten=here\nport=0\nduid=00\nprofile=rfc1\ntype-done=15\nmax-connections=none\ncolour=red\n"
                    "sensitive-options=x\n[leases]\nsource=paper\nkea-config=/nonexistent\n[requestor somebody]\n"
                    "query-types=all\n[link a]\nsubnets=2001:db8::/64\n[more]\n")
        found = run("--config", path, "--check")
        assert found.returncode == 78
        for what in ("listen: found 'here'", "port: found '0'", "duid: allowed", "profile: found", "max-connections: found",
                     "colour: unknown key", "sensitive-options: found", "source: found 'paper'", "kea-config: ",
                     "[requestor somebody]: found", "query-types: found 'all'", "subnets: found", "[more]: unknown group"):
            assert what in found.stderr, (what, found.stderr)
        # covers: LQ-DRF-003
        assert re.search(r"\[server\]: .*(LEASEQUERY-DONE|type)", found.stderr), found.stderr

    # covers: LQ-SRV-001, LQ-SRV-011, LQ-SRV-042, LQ-SRV-048, LQ-SRV-049, LQ-SRV-051, LQ-SRV-055, LQ-SRV-056
    def queries(self):
        """five-query-types-over-port-547"""
        with Daemon(self.dir, small_file()) as daemon, connect() as c:
            try:
                Connection(OTHER, A)
                raise AssertionError("listens on an address that was not given")
            except ConnectionRefusedError:
                pass
            one = c.ask(self.v["V-01"])
            assert one.reply.get(1) == DUID and one.reply.get(2).hex() == SERVER_DUID
            assert one.reply.status is None and one.done.octets == self.v["V-21"][2:], one.done.octets
            # One client on one link: both subnets of the shared network (LQ-SRV-075, LQ-KEA-013).
            assert set(one.bindings) == {"2001:db8:0:1::1000", "2001:db8:0:2::1000"}
            preferred, valid = one.bindings["2001:db8:0:1::1000"]
            assert 7070 <= valid <= 7080 and 3470 <= preferred <= 3480, (preferred, valid)
            assert 120 <= one.clients[0].clt <= 125 and one.clients[0].relay is None
            assert set(c.ask(self.v["V-02"]).bindings) == set(one.bindings)
            # All links: one message for each; the delegated prefix belongs to its subnet's link. covers: LQ-KEA-014
            three = c.ask(self.v["V-03"])
            assert len(three.clients) == 2 and "2001:db8:8000:100::/56" in three.bindings
            four = c.ask(self.v["V-04"])
            assert all(client.relay is not None for client in four.clients)
            assert bytes.fromhex(REMOTE_ID) in four.clients[0].relay
            # Relay-id and remote-id: only what matches. covers: LQ-KEA-007
            assert set(c.ask(self.v["V-05"]).bindings) == {"2001:db8:0:1::1000", "2001:db8:8000:100::/56"}
            assert set(c.ask(self.v["V-06"]).bindings) == {"2001:db8:0:1::1000"}
            assert set(c.ask(by_relay_id(8, bytes.fromhex("000200007ed9ffffffff"))).bindings) == {"2001:db8:0:1::1000"}
            assert set(c.ask(self.v["V-08"]).bindings) == {"2001:db8:0:1::1000", "2001:db8:8000:100::/56"}
            seven = c.ask(self.v["V-07"])
            assert set(seven.bindings) == {"2001:db8:0:1::1000", "2001:db8:0:2::1000", "2001:db8:0:1::2000"}
            assert seven.bindings["2001:db8:0:1::2000"] == (0xffffffff, 0xffffffff)
            # Nothing found: V-12 to the octet, and no DONE behind it.
            nothing = c.ask(by_client(0x5aa1b2, b"\0\3\0\1unknown"))
            assert nothing.reply.octets == self.v["V-12"][2:] and c.is_silent(0.2)
            assert c.ask(by_link(0x5aa1b2, "2001:db8:77::1")).reply.octets == self.v["V-15"][2:]
            assert daemon.stop() == 0
            assert daemon.status()["queries"]["client"] == 3

    # covers: LQ-SRV-020, LQ-SRV-021, LQ-SRV-022, LQ-SRV-023, LQ-SRV-024, LQ-SRV-025
    def bad_input(self):
        """bad-input-closes-or-is-answered"""
        with Daemon(self.dir, small_file()):
            for name in ("B-01", "B-02", "B-04", "B-08", "B-09", "B-10", "B-18", "B-19"):
                with connect() as c:
                    c.send(self.v[name])
                    assert c.ends(), name
            with connect() as c:
                for name, status in (("B-07", MALFORMED), ("B-11", UNKNOWN_TYPE), ("B-12", MALFORMED), ("B-13", MALFORMED),
                                     ("B-14", MALFORMED), ("B-15", MALFORMED), ("B-16", MALFORMED), ("B-17", MALFORMED)):
                    answer = c.ask(self.v[name])
                    assert (answer.status, answer.done) == (status, None), name
                assert c.ask(self.v["V-01"]).complete
            # The last word arrives although more was sent than anybody reads (row 5).
            for _ in range(20):
                with connect() as c:
                    c.send(self.v["B-05"] + os.urandom(60000))
                    answer = c.answers(0x5aa1b2)[0]
                    assert answer.reply is not None and answer.status == MALFORMED and c.ends()
            with connect() as c:  # RFC 7653's messages. covers: LQ-ACT-001, LQ-ACT-002
                c.send(self.v["L-02"])
                reply = c.next()
                assert (reply.type, reply.status) == (7, 15)
                c.send(self.v["L-01"])
                assert c.next().status == 14 and c.ends()

    # covers: LQ-SRV-002, LQ-SRV-003, LQ-SRV-009, LQ-SRV-010
    def eleventh(self):
        """the-eleventh-connection"""
        with Daemon(self.dir, small_file()) as daemon, contextlib.ExitStack() as stack:
            ten = [stack.enter_context(connect(source)) for source in [A] * 5 + [B] * 5]
            for c in ten:
                assert c.ask(self.v["V-01"]).complete
            wait_for(lambda: daemon.status()["connections"] == 10, "ten connections are counted")
            assert ten[0].ask(self.v["V-01"]).complete  # the second is idle longest now
            # A newcomer takes the place of the longest idle connection of one that has several.
            late = stack.enter_context(connect(C))
            assert late.ask(self.v["V-01"]).complete
            assert ten[1].ends()
            for c in ten[2:]:
                assert c.ask(self.v["V-01"]).complete
            wait_for(lambda: daemon.status()["displaced"] == 1, "it is counted")
        with Daemon(self.dir, HEADER + many(300000), more="max-connections=10") as daemon, contextlib.ExitStack() as stack:
            busy = [stack.enter_context(connect(A, receive_buffer=4096)) for _ in range(10)]
            for n, c in enumerate(busy):
                c.send(by_link(n, "2001:db8:0:3::"))
                assert c.fill()
            refused = stack.enter_context(connect(B))
            assert refused.ends()
            busy[0].close()
            wait_for(lambda: connect(B).ask(by_address(5, "2001:db8:0:3::1")).complete, "a place became free")

    # covers: LQ-SRV-004, LQ-SRV-005, LQ-SRV-006
    def not_listed(self):
        """who-is-not-listed-is-closed-unread"""
        with Daemon(self.dir, small_file()) as daemon:
            with connect(OUTSIDER) as c:
                assert c.ends()
            with connect(C) as c:
                assert c.ask(self.v["V-01"]).complete
                answer = c.ask(self.v["V-07"])
                assert (answer.status, answer.done) == (NOT_ALLOWED, None)
                assert c.ask(self.v["V-03"]).complete
            wait_for(lambda: daemon.status()["refused"] == 1, "it is counted")
        nobody = CONFIG.split("[requestor")[0]
        with Daemon(self.dir, small_file(), config=nobody) as daemon:
            with connect() as c:
                assert c.ends()
            assert "nobody may connect" in daemon.lines()

    # covers: LQ-SRV-099, LQ-SRV-100
    def half_close(self):
        """half-close-still-gets-everything"""
        with Daemon(self.dir, HEADER + many(20000)):
            with connect() as c:
                c.send(by_link(7, "2001:db8:0:3::") + by_address(8, "2001:db8:0:3::1"))
                c.socket.shutdown(socket.SHUT_WR)
                long, short = c.answers(7, 8)
                assert len(long.bindings) == 20000 and long.done.status is None and len(short.bindings) == 1
                assert c.ends()

    # covers: LQ-SRV-094, LQ-SRV-095, LQ-SRV-092
    def stalled(self):
        """a-reader-that-stalls-costs-little-and-is-ended"""
        with Daemon(self.dir, HEADER + many(100000), data_timeout=3) as daemon:
            with connect() as c:
                c.ask(by_link(1, "2001:db8:0:3::"))
            before = daemon.rss_kib()
            with contextlib.ExitStack() as stack:
                stuck = [stack.enter_context(connect(receive_buffer=4096)) for _ in range(8)]
                for n, c in enumerate(stuck):
                    c.send(by_link(n, "2001:db8:0:3::"))
                time.sleep(1.0)
                grown = daemon.rss_kib() - before
                assert grown < SANITIZED * 8 * 1024, f"{grown} KiB for eight stuck readers"
                with connect(B) as other:  # the others are served
                    assert other.ask(by_address(9, "2001:db8:0:3::1")).complete
                wait_for(lambda: daemon.status()["timeouts"] >= 8, "all of them ended", 15)
                for c in stuck:
                    while c.fill():
                        c.buffer.clear()
            wait_for(lambda: daemon.status()["connections"] == 0, "no connection is left")

    # covers: LQ-SRV-007, LQ-SRV-008
    def dripping(self):
        """a-query-that-drips-is-ended-and-so-is-silence"""
        with Daemon(self.dir, small_file(), data_timeout=2):
            for first in (0, 30):  # from the start, and begun
                with connect() as c:
                    began = time.monotonic()
                    c.send(self.v["V-05"][:first])
                    c.socket.settimeout(0.4)
                    for octet in self.v["V-05"][first:]:
                        try:
                            c.send(bytes([octet]))
                            if c.socket.recv(1) == b"":
                                break
                        except TimeoutError:
                            continue
                        except ConnectionError:
                            break
                    took = time.monotonic() - began
                    assert 1.5 < took < 5, took
            with connect() as c:
                began = time.monotonic()
                assert c.ends() and 1.5 < time.monotonic() - began < 5

    def reset(self):
        """a-reset-in-mid-stream-takes-its-queries-with-it"""
        with Daemon(self.dir, HEADER + many(100000)) as daemon:
            with connect(B) as warm:
                warm.ask(by_link(1, "2001:db8:0:3::"))
            before = daemon.rss_kib(), daemon.descriptors()
            for n in range(100):
                c = connect(receive_buffer=4096)
                c.send(by_link(n, "2001:db8:0:3::"))
                if n % 2:
                    c.fill()
                c.reset()
            with connect(B) as c:
                assert len(c.ask(by_link(2, "2001:db8:0:3::")).bindings) == 100000
            wait_for(lambda: daemon.status()["connections"] == 0, "no connection is left")
            wait_for(lambda: daemon.descriptors() <= before[1], "no descriptor is left")
            assert daemon.rss_kib() - before[0] < SANITIZED * 4096, (before, daemon.rss_kib())

    # covers: LQ-SRV-093, LQ-SRV-091
    def sigterm(self):
        """sigterm-in-mid-stream-says-QueryTerminated"""
        with Daemon(self.dir, HEADER + many(300000)) as daemon, connect() as c, connect() as idle, connect(B) as piped:
            c.send(by_link(7, "2001:db8:0:3::"))
            assert c.next().type == REPLY
            # More queries than are answered at once: the rest stays unread, and must not cost the last word.
            piped.send(b"".join(by_link(n, "2001:db8:0:3::") for n in range(40)))
            assert piped.next().type == REPLY
            daemon.process.send_signal(signal.SIGTERM)
            last = None
            while (message := c.next()) is not None:
                last = message
            assert (last.type, last.xid, last.status) == (DONE, 7, TERMINATED), last.octets
            done = set()
            while (message := piped.next()) is not None:
                if message.status == TERMINATED:
                    done.add(message.xid)
            assert len(done) == 4, done
            assert idle.ends()
            assert daemon.process.wait(10) == 0
            try:
                connect()
                raise AssertionError("still listening")
            except ConnectionRefusedError:
                pass

    # covers: LQ-KEA-002, LQ-KEA-010, LQ-KEA-011
    def follow(self):
        """follows-the-file-that-grows"""
        with Daemon(self.dir, small_file()) as daemon, connect() as c:
            has = lambda address: bool(c.ask(by_address(1, address)).clients)  # noqa: E731
            assert not has("2001:db8:0:3::9")
            daemon.append(row("2001:db8:0:3::9", duid_of(9), subnet=3))
            wait_for(lambda: has("2001:db8:0:3::9"), "a row appended")
            line = row("2001:db8:0:3::a", duid_of(10), subnet=3)
            daemon.append(line[:-9])
            time.sleep(1.3)
            assert not has("2001:db8:0:3::a"), "a line without its end"
            daemon.append(line[-9:])
            wait_for(lambda: has("2001:db8:0:3::a"), "the rest of the line")
            daemon.append(row("2001:db8:0:3::9", duid_of(9), subnet=3, valid=0))
            wait_for(lambda: not has("2001:db8:0:3::9"), "a lease deleted")
            daemon.append(row("2001:db8:0:3::a", duid_of(10), subnet=3, state=3))
            wait_for(lambda: not has("2001:db8:0:3::a"), "a lease released")
            daemon.append("garbage\n" * 50 + row("2001:db8:0:3::b", duid_of(11), subnet=3))
            wait_for(lambda: has("2001:db8:0:3::b"), "a row behind bad ones")
            wait_for(lambda: daemon.status()["leases"]["bad_rows"] == 50, "bad rows are counted")
            assert daemon.lines().count("row skipped") == 10 and "more rows are skipped" in daemon.lines()
            assert "line 13: row skipped" in daemon.lines()
            # Cut short: read anew.
            daemon.file.write_text(HEADER + row("2001:db8:0:3::c", duid_of(12), subnet=3))
            wait_for(lambda: has("2001:db8:0:3::c") and not has("2001:db8:0:3::b"), "a shorter file")

    # covers: LQ-KEA-009, LQ-KEA-010, LQ-SRV-102
    def cleanup(self):
        """kea-s-cleanup-while-queries-run"""
        stable = {f"2001:db8:0:3::{i:x}" for i in range(1, 3001)}
        with Daemon(self.dir, HEADER + many(3000)) as daemon:
            stop, faults, runs = threading.Event(), [], []

            def watch():
                try:
                    with connect(B) as c:
                        while not stop.is_set():
                            answer = c.ask(by_link(1, "2001:db8:0:3::"))
                            names = [name for client in answer.clients for name in client.bindings]
                            runs.append(len(names))
                            if answer.status or len(names) != len(set(names)) or stable - set(names):
                                faults.append((answer.status, len(names), len(stable - set(names))))
                except Exception as error:  # told below
                    faults.append(repr(error))
            thread = threading.Thread(target=watch)
            thread.start()
            suffix = lambda s: pathlib.Path(str(daemon.file) + s)  # noqa: E731
            try:
                for turn in range(12):
                    new = f"2001:db8:0:1::{turn + 1:x}"
                    os.rename(daemon.file, suffix(".1"))
                    time.sleep(random.choice((0, 0.002, 0.05)))
                    daemon.file.write_text(HEADER)
                    daemon.append(row(new, duid_of(turn)))
                    # kea-lfc: both old files into one, then the renames.
                    merged = {}
                    for part in (".2", ".1"):
                        if suffix(part).exists():
                            for line in suffix(part).read_text().splitlines()[1:]:
                                merged[line.split(",")[0]] = line
                    suffix(".output").write_text(HEADER + "".join(line + "\n" for line in merged.values()))
                    time.sleep(random.choice((0, 0.01)))
                    os.rename(suffix(".output"), suffix(".completed"))
                    for part in (".1", ".2"):
                        suffix(part).unlink(missing_ok=True)
                    time.sleep(random.choice((0, 0.01)))
                    os.rename(suffix(".completed"), suffix(".2"))
                    with connect() as c:
                        wait_for(lambda: c.ask(by_address(1, new)).clients, f"a row after cleanup {turn}")
                        for old in range(turn):
                            assert c.ask(by_address(2, f"2001:db8:0:1::{old + 1:x}")).clients, (turn, old)
            finally:
                stop.set()
                thread.join()
            assert not faults and len(runs) > 3, (faults[:5], len(runs))
            wait_for(lambda: daemon.status()["leases"]["loads"] >= 6, "it was read anew, not only followed")
        # Every set of files that a crash of the cleanup may leave.
        for there, expected in (((".2",), {2}), ((".1",), {1}), ((".2", ".1"), {1, 2}), ((".completed",), {3}),
                                ((".completed", ".2", ".1"), {3}), ((), set())):
            daemon = None
            try:
                directory = pathlib.Path(tempfile.mkdtemp(dir=self.dir))
                for part in there:
                    n = {".2": 2, ".1": 1, ".completed": 3}[part]
                    (directory / ("kea-leases6.csv" + part)).write_text(HEADER + row(f"2001:db8:0:1::{n}", duid_of(n)) +
                                                                        row("2001:db8:0:1::f", duid_of(n)))
                config = CONFIG.replace("{file}", str(directory / "kea-leases6.csv"))
                (directory / "kea-leases6.csv").write_text(HEADER + row("2001:db8:0:1::4", duid_of(4)))
                with Daemon(self.dir, "", config=config) as daemon, connect() as c:
                    found = set(c.ask(by_link(1, "2001:db8:0:1::")).bindings)
                    assert found == ({f"2001:db8:0:1::{n}" for n in expected | {4}} |
                                     ({"2001:db8:0:1::f"} if there else set())), (there, found)
                    if there:  # the later file's row counts
                        owner = {(".2",): 2, (".1",): 1, (".2", ".1"): 1}.get(there, 3)
                        assert c.ask(by_address(2, "2001:db8:0:1::f")).clients[0].duid.hex() == duid_of(owner)
            finally:
                pass

    # covers: LQ-SRV-090, LQ-SRV-091
    def goes_away(self):
        """the-lease-file-goes-away-and-comes-back"""
        with Daemon(self.dir, HEADER + many(200000)) as daemon, connect(receive_buffer=4096) as c, connect(B) as other:
            c.send(by_link(7, "2001:db8:0:3::"))
            assert c.next().type == REPLY
            other.ask(by_address(1, "2001:db8:0:3::1"))
            daemon.file.rename(daemon.dir / "away")
            wait_for(lambda: "cannot be read" in daemon.lines(), "it is told", 8)
            last = None
            while (message := c.next()) is not None:
                last = message
            assert last.octets == frame(DONE, 7, option(13, b"\0\x0b" + b"lease store went away"))[2:], last.octets
            answer = other.ask(by_address(2, "2001:db8:0:3::1"))
            assert (answer.status, answer.done) == (UNSPEC_FAIL, None)
            wait_for(lambda: not daemon.status()["leases"]["readable"], "the status says so")
            (daemon.dir / "away").rename(daemon.file)
            wait_for(lambda: other.ask(by_address(3, "2001:db8:0:3::1")).status is None, "it is back", 20)

    # covers: LQ-KEA-012, LQ-SRV-101
    def read_only(self):
        """nothing-is-written-and-nothing-locked"""
        with Daemon(self.dir, small_file()) as daemon:
            lease_dir = daemon.dir / "leases"
            lease_dir.mkdir()
            moved = lease_dir / "kea-leases6.csv"
            moved.write_text(small_file())
            moved.chmod(0o444)
            before = moved.stat(), moved.read_bytes()
            daemon.file = moved
            daemon.write_config()
            daemon.process.send_signal(signal.SIGHUP)
            with connect() as c:
                wait_for(lambda: str(moved) + ": 6 leases" in daemon.lines(), "the other file is read")
                assert c.ask(self.v["V-03"]).complete
            links = pathlib.Path(f"/proc/{daemon.process.pid}/fd")
            numbers = [n for n in os.listdir(links) if os.readlink(links / n) == str(moved)]
            assert len(numbers) == 1
            info = pathlib.Path(f"/proc/{daemon.process.pid}/fdinfo/{numbers[0]}").read_text()
            assert int(re.search(r"flags:\s+(\d+)", info)[1], 8) & os.O_ACCMODE == os.O_RDONLY and "lock:" not in info
            assert os.listdir(lease_dir) == ["kea-leases6.csv"]
            after = moved.stat(), moved.read_bytes()
            assert (before[0].st_mtime_ns, before[1]) == (after[0].st_mtime_ns, after[1])

    # covers: LQ-SRV-002, LQ-SRV-096
    def thousand(self):
        """a-thousand-connections-when-the-limit-is-raised"""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
        with Daemon(self.dir, HEADER + many(200), more="max-connections=1000") as daemon, contextlib.ExitStack() as stack:
            before = daemon.rss_kib()
            all_of_them = [stack.enter_context(connect()) for _ in range(1000)]
            for n, c in enumerate(all_of_them):
                c.send(by_link(n, "2001:db8:0:3::") + by_address(n + 5000, "2001:db8:0:3::5"))
            for n, c in enumerate(all_of_them):
                long, short = c.answers(n, n + 5000)
                assert len(long.bindings) == 200 and len(short.bindings) == 1
            wait_for(lambda: daemon.status()["connections"] == 1000, "all are open")
            grown = daemon.rss_kib() - before
            assert grown < SANITIZED * 64 * 1024, f"{grown} KiB"
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def descriptors(self):
        """out-of-descriptors-accepting-waits-and-the-others-go-on"""
        with Daemon(self.dir, small_file(), more="max-connections=100", files=24) as daemon, contextlib.ExitStack() as stack:
            assert "needs 228 descriptors" in daemon.lines()
            served, waiting = [], []
            for _ in range(30):
                c = stack.enter_context(connect(timeout=0.3))
                try:
                    assert c.ask(self.v["V-01"]).complete
                    served.append(c)
                except TimeoutError:
                    waiting.append(c)
            assert len(served) > 5 and len(waiting) > 5, (len(served), len(waiting))
            wait_for(lambda: "No connection can be accepted for now" in daemon.lines(), "it is told")
            assert daemon.lines().count("No connection can be accepted") <= 2
            for c in served:
                assert c.ask(self.v["V-03"]).complete
            for c in served:
                c.close()
            waiting[0].socket.settimeout(5)
            assert waiting[0].answers(0x5aa1b2)[0].complete

    # covers: LQ-SRV-098, LQ-SRV-104, LQ-SRV-103
    def fairness(self):
        """long-queries-do-not-hold-up-short-ones"""
        with Daemon(self.dir, HEADER + many(200000)) as daemon, connect() as c:
            times = []
            for n in range(100):
                began = time.perf_counter()
                assert c.ask(by_address(n, "2001:db8:0:3::1")).complete
                times.append(time.perf_counter() - began)
            assert statistics.median(times) < 0.005, statistics.median(times)
            stop = threading.Event()

            def pull():
                with connect(B) as long:
                    while not stop.is_set():
                        long.send(by_link(1, "2001:db8:0:3::"))
                        done = False
                        while not done and not stop.is_set():
                            long.fill()
                            done = bytes(long.buffer[-6:]) == frame(DONE, 1, b"")
                            long.buffer[:-6] = b""
            thread = threading.Thread(target=pull)
            thread.start()
            time.sleep(0.2)
            slow = []
            try:
                for n in range(50):
                    began = time.perf_counter()
                    assert c.ask(by_address(n, "2001:db8:0:3::1")).complete
                    slow.append(time.perf_counter() - began)
            finally:
                stop.set()
                thread.join()
            print(f"# by address: median {statistics.median(times) * 1e3:.2f} ms alone, "
                  f"{statistics.median(slow) * 1e3:.2f} ms beside a query by link of 200000")
            assert statistics.median(slow) < 0.05, slow
            assert daemon.stop() == 0
            status = daemon.status()
            assert status["queries"]["address"] == 150 and status["statuses"]["Success"] >= 150
            assert status["first_bindings"] >= 151 and status["octets_out"] > 150 * 60

    # covers: LQ-SRV-028
    def many_at_once(self):
        """fifty-queries-at-once-are-all-answered"""
        with Daemon(self.dir, HEADER + many(2000), more="max-parallel=2") as daemon, connect() as c:
            c.send(b"".join(by_link(n, "2001:db8:0:3::") for n in range(50)))
            running, most, ended = set(), 0, 0
            while ended < 50:
                message = c.next()
                if message.type == REPLY:
                    running.add(message.xid)
                    most = max(most, len(running))
                elif message.type == DONE:
                    running.discard(message.xid)
                    ended += 1
            assert most <= 2 and not running, most

    # covers: LQ-SRV-030, LQ-SRV-060
    def reload(self):
        """sighup-takes-over-what-changed"""
        with Daemon(self.dir, small_file()) as daemon, connect(A) as a, connect(C) as c:
            assert a.ask(self.v["V-01"]).complete and c.ask(self.v["V-07"]).status == NOT_ALLOWED
            daemon.write_config(c=A, more="max-queries-per-minute=5\nsensitive-options=47")
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda: c.ask(self.v["V-07"]).status is None, "C may ask")
            assert a.ask(self.v["V-07"]).status == NOT_ALLOWED
            assert a.ask(self.v["V-04"]).clients[0].relay is None
            for _ in range(4):
                a.ask(self.v["V-01"])
            assert a.ask(self.v["V-01"]).status == TERMINATED
            daemon.config.write_text("[server]\n")
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "what was read before stays in use" in daemon.lines(), "it is told")
            assert a.ask(self.v["V-01"]).status == TERMINATED
            daemon.text = CONFIG.split("[requestor {c}")[0] + f"[requestor {B}]\n"
            daemon.write_config()
            daemon.process.send_signal(signal.SIGHUP)
            assert a.ends() and c.ends()
            with connect(B) as b:
                assert b.ask(self.v["V-01"]).complete

    # covers: LQ-KEA-008, LQ-SRV-078
    def no_relays(self):
        """a-file-without-relay-information"""
        with Daemon(self.dir, HEADER + many(10)), connect() as c:
            assert c.ask(self.v["V-05"]).status == NOT_ALLOWED and c.ask(self.v["V-08"]).status == NOT_ALLOWED
            assert c.ask(by_client(1, bytes.fromhex(duid_of(1)))).complete

    def odd_files(self):
        """a-file-that-is-none-and-one-that-is-empty"""
        with Daemon(self.dir, "hello\n") as daemon, connect() as c:
            assert c.ask(self.v["V-01"]).status == UNSPEC_FAIL
            assert "names no column 'address'" in daemon.lines()
            daemon.file.write_text(small_file())
            wait_for(lambda: c.ask(self.v["V-01"]).status is None, "the right file")
            daemon.file.unlink()
            os.mkfifo(daemon.file)
            wait_for(lambda: c.ask(self.v["V-01"]).status == UNSPEC_FAIL, "a pipe is no lease file, and stops nobody")
        with Daemon(self.dir, "") as daemon, connect() as c:
            answer = c.ask(self.v["V-01"])
            assert answer.complete and not answer.clients and answer.status is None
            daemon.append(HEADER[:40])
            time.sleep(0.3)
            daemon.append(HEADER[40:] + row("2001:db8:0:1::1000", CLIENT))
            wait_for(lambda: c.ask(self.v["V-01"]).clients, "rows behind a header that came in two parts")
            # A row longer than any of Kea's is skipped, the next one counts.
            daemon.append("x" * 200000)
            daemon.append("y" * 200000 + "\n" + row("2001:db8:0:1::1001", duid_of(1)))
            wait_for(lambda: c.ask(by_address(1, "2001:db8:0:1::1001")).clients, "a row behind an overlong one")
            assert "a line too long" in daemon.lines()

    # covers: LQ-DRF-001, LQ-DRF-002
    def draft(self):
        """the-draft-s-profile-and-numbers"""
        more = "profile=draft00\ntype-done=200\ntype-data=201\noption-relay-id=60000"
        with Daemon(self.dir, small_file(), more=more) as daemon, connect() as c:
            c.send(query(5, 3, options=option(60000, bytes.fromhex(RELAY_ID))))
            assert [c.next().type for _ in range(3)] == [REPLY, 201, 200]
            assert c.ask(self.v["V-05"]).status == MALFORMED
            assert daemon.stop() == 0
        with Daemon(self.dir, small_file(), more="profile=draft00") as daemon, connect() as c:
            assert len(c.ask(self.v["V-05"]).bindings) == 2

    def another_decoder(self):
        """tshark-reads-the-same"""
        if shutil.which("tshark") is None or shutil.which("text2pcap") is None:
            raise Skip("no tshark")
        with Daemon(self.dir, small_file()), connect() as c:
            c.keep = True
            answer = c.ask(by_client(0x123456, bytes.fromhex(CLIENT), want=(47,)))
            octets = bytes(c.received)
        dump = os.path.join(self.dir, "dump.txt")
        with open(dump, "w") as f:
            f.write("000000 " + octets.hex(" ") + "\n")
        sh("text2pcap", "-q", "-6", f"{SERVER},{A}", "-T", "547,40000", dump, dump + ".pcap")
        text = sh("tshark", "-r", dump + ".pcap", "-Y", "dhcpv6.bulk_leasequery", "-T", "fields", "-E", "aggregator=;",
                  "-e", "dhcpv6.bulk_leasequery.msgtype", "-e", "dhcpv6.option.type", "-e", "dhcpv6.iaaddr.ip", "-e", "dhcpv6.iaprefix.pref_addr",
                  "-e", "dhcpv6.iaaddr.valid_lifetime").stdout
        types, options, addresses, prefixes, valid = text.rstrip("\n").split("\t")
        assert types.split(";") == ["15", "17", "16"], text
        mine = []
        for message in [answer.reply] + answer.data:
            for code, data in message.options:
                mine.append(code)
                if code == 45:
                    mine += [inner for inner, _ in parse_options(data)]
        theirs = [int(o) for o in options.split(";")]
        assert theirs[:len(mine)] == mine, (mine, theirs)
        assert set(addresses.split(";")) == {"2001:db8:0:1::1000", "2001:db8:0:2::1000"}
        assert prefixes.split(";") == ["2001:db8:8000:100::"]
        assert {int(v) for v in valid.split(";")} == {v for n, (_, v) in answer.bindings.items() if "/" not in n}

    def sqlite(self):
        """bindings-out-of-sqlite"""
        path = os.path.join(self.dir, "leases.db")
        db = sqlite3.connect(path)
        db.executescript("PRAGMA journal_mode=WAL; CREATE TABLE lease (address TEXT PRIMARY KEY, prefix_length INTEGER, "
                         "client_id, iaid INTEGER, subnet_id INTEGER, valid_lifetime INTEGER, preferred_lifetime INTEGER, "
                         "contact INTEGER, relay_data BLOB)")
        relay = (ip6("::") + bytes([12, 0]) + ip6("2001:db8:0:1::1") + ip6("fe80::1") + option(37, bytes.fromhex(REMOTE_ID)))
        now = int(time.time())
        put = lambda *values: db.execute("INSERT OR REPLACE INTO lease VALUES (?,?,?,?,?,?,?,?,?)", values)  # noqa: E731
        put("2001:db8:0:1::1000", None, bytes.fromhex(CLIENT), 1, 1, 7200, 3600, now - 100, relay)
        put("2001:db8:8000:100::", 56, CLIENT, 1, 3, 7200, 3600, now, None)
        put("nonsense", None, b"abc", 1, 1, 7200, 3600, now, None)
        put("2001:db8:0:1::1001", None, b"ab", 1, 1, 7200, 3600, now, None)
        put("2001:db8:0:1::1002", None, b"abc", 1, 1, "soon", 3600, now, None)
        db.commit()
        config = CONFIG.replace("file={file}", f"source=sqlite\nfile={path}")
        with Daemon(self.dir, "", config=config) as daemon, connect() as c:
            assert set(c.ask(self.v["V-03"]).bindings) == {"2001:db8:0:1::1000", "2001:db8:8000:100::/56"}
            assert set(c.ask(self.v["V-08"]).bindings) == {"2001:db8:0:1::1000"}
            assert 99 <= c.ask(self.v["V-01"]).clients[0].clt <= 104
            assert daemon.status()["leases"]["bad_rows"] == 3
            put("2001:db8:0:1::1003", None, duid_of(7), 1, 1, 7200, 3600, now, None)
            db.commit()
            wait_for(lambda: c.ask(by_address(1, "2001:db8:0:1::1003")).clients, "a commit is seen")
            db.execute("DELETE FROM lease WHERE address = '2001:db8:0:1::1003'")
            db.commit()
            wait_for(lambda: not c.ask(by_address(1, "2001:db8:0:1::1003")).clients, "a deletion is seen")
            db.executemany("INSERT INTO lease VALUES (?,NULL,?,1,3,7200,3600,?,NULL)",
                           ((f"2001:db8:0:3::{i:x}", duid_of(i), now) for i in range(1, 30001)))
            db.commit()
            wait_for(lambda: len(c.ask(by_link(1, "2001:db8:0:3::")).bindings) == 30001, "thirty thousand more", 20)
            db.execute("DROP TABLE lease")
            db.commit()
            wait_for(lambda: c.ask(by_address(1, "2001:db8:0:1::1000")).status == UNSPEC_FAIL, "no table")
            assert "no such table" in daemon.lines()
        db.close()


def can_run():
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    probe = f"{NS}-probe"
    ok = sh("ip", "netns", "add", probe, check=False).returncode == 0
    sh("ip", "netns", "del", probe, check=False)
    return ok


def main():
    if not can_run():
        print("1..0 # SKIP needs root and network namespaces")
        return 77
    failed = 0
    with tempfile.TemporaryDirectory(prefix="roamd-rq-") as directory:
        try:
            make_topology()
            t = Test(directory, VECTORS)
            cases = [t.options, t.queries, t.bad_input, t.eleventh, t.not_listed, t.half_close, t.stalled, t.dripping, t.reset,
                     t.sigterm, t.follow, t.cleanup, t.goes_away, t.read_only, t.thousand, t.descriptors, t.fairness,
                     t.many_at_once, t.reload, t.no_relays, t.odd_files, t.draft, t.another_decoder, t.sqlite]
            if ONLY:
                cases = [case for case in cases if case.__name__ in ONLY]
            print(f"1..{len(cases)}", flush=True)
            for number, case in enumerate(cases, 1):
                began = time.monotonic()
                try:
                    case()
                    print(f"ok {number} {case.__doc__}\n# {time.monotonic() - began:.1f} s", flush=True)
                except Skip as reason:
                    print(f"ok {number} {case.__doc__} # SKIP {reason}", flush=True)
                except Exception:  # a failed case must not hide the next ones
                    failed += 1
                    print(f"not ok {number} {case.__doc__}\n# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
        finally:
            sh("ip", "netns", "del", NS, check=False)
    return 1 if failed else 0


if __name__ == "__main__":
    PROGRAM, VECTORS, ONLY = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3:]
    sys.exit(main())
