#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-leasequery-secure.py ROAM_LEASEQUERYD ROAM_LEASEQUERY

Active leasequery and TLS (RFC 7653) on real sockets, in a network namespace of its own (rs-PID): our two programs
with each other, and each with a peer made of Python's ssl module. TAP on stdout; exit status 77 (skipped) without
root or namespaces. Nothing is left behind.
"""
import contextlib, ctypes, json, os, pathlib, signal, socket, ssl, struct, subprocess, sys, tempfile, threading, time
import traceback, warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from leasequery_client import *  # noqa: E402

NS = f"rs-{os.getpid()}"
SERVER, A = "2001:db8:f::547", "2001:db8:f::a"
SERVER_DUID = "0003000102005e100001"
ACTIVE, STARTTLS, TLS_REPLY = 22, 23, 7
DATA_MISSING, CAUGHT_UP, TLS_REFUSED, NOT_SUPPORTED = 12, 13, 15, 14
HEADER = ("address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,"
          "hostname,hwaddr,state,user_context,hwtype,hwaddr_source,pool_id\n")
CONFIG = """[server]
listen={server}
duid={duid}
{more}
[leases]
file={file}
[link one]
subnets=1 2001:db8:0:1::/64
[link two]
subnets=2 2001:db8:0:2::/64
[requestor 2001:db8:f::/48]
"""
TLS_KEYS = "tls={mode}\ntls-ca=ca.pem\ntls-cert={cert}.pem\ntls-key={cert}.key\n"
EPOCH_2000 = 946684800
libc = ctypes.CDLL(None, use_errno=True)


def sh(*args, ns=None, check=True):
    if ns:
        args = ("ip", "netns", "exec", ns) + args
    return subprocess.run(args, check=check, capture_output=True, text=True)


def make_topology():
    sh("ip", "netns", "add", NS)
    sh("ip", "link", "set", "lo", "up", ns=NS)
    for address in (SERVER, A):
        sh("ip", "addr", "add", address + "/128", "dev", "lo", "nodad", ns=NS)
    with open(f"/run/netns/{NS}") as f:
        if libc.setns(f.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def wait_for(condition, what, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("timed out: " + what)


def row(n, valid=7200, subnet=1, duid="00:03:00:01:02:00:00:00:00:01"):
    return (f"2001:db8:0:{subnet}::{n:x},{duid},{valid},{int(time.time()) + valid},{subnet},{min(valid, 3600)},0,1,128,0,0,,,0,"
            ",1,1,0\n")


# ------------------------------------------------------------- certificates ----

def make_certificates():
    """In the current directory: a CA, server and client certificates, and ones that must be refused."""
    def openssl(*args):
        subprocess.run(("openssl",) + args, check=True, capture_output=True)
    for name in ("ca", "other-ca"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key",
                "-out", name + ".pem", "-subj", f"/CN={name}", "-days", "30")
    for name, ca, names, days in (("server", "ca", f"IP:{SERVER},DNS:dhcp.example", "30"), ("client", "ca", "DNS:relay.example", "30"),
                                  ("wrong-name", "ca", "DNS:elsewhere.example", "30"),
                                  ("stranger", "other-ca", f"IP:{SERVER},DNS:relay.example", "30"),
                                  ("expired", "ca", f"IP:{SERVER},DNS:relay.example", None)):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key", "-out",
                name + ".csr", "-subj", f"/CN={name}")
        pathlib.Path(name + ".ext").write_text(f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n")
        if days:
            openssl("x509", "-req", "-in", name + ".csr", "-CA", ca + ".pem", "-CAkey", ca + ".key", "-CAcreateserial", "-out",
                    name + ".pem", "-days", days, "-extfile", name + ".ext")
            continue
        pathlib.Path("index.txt").write_text("")
        pathlib.Path("serial").write_text("01\n")
        pathlib.Path("ca.cnf").write_text(
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n"
            "[p]\ncommonName=supplied\n")
        openssl("ca", "-batch", "-config", "ca.cnf", "-cert", ca + ".pem", "-keyfile", ca + ".key", "-in", name + ".csr", "-out",
                name + ".pem", "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-extfile", name + ".ext")


# ----------------------------------------------------------------- programs ----

class Daemon:
    def __init__(self, more="active=yes\nactive-insecure=yes\n", rows=()):
        self.file = pathlib.Path("leases.csv")
        self.file.write_text(HEADER + "".join(rows))
        self.config = pathlib.Path("leasequery.conf")
        self.configure(more)
        self.start()

    def configure(self, more):
        self.config.write_text(CONFIG.format(server=SERVER, duid=SERVER_DUID, file=self.file.absolute(), more=more))

    def start(self):
        self.log = open("daemon.log", "w")
        self.process = subprocess.Popen([sys.argv[1], "--config", str(self.config), "--status-file", "status.json"],
                                        stderr=self.log)
        wait_for(lambda: self.process.poll() is not None or self.listens(), "the server listens")
        assert self.process.poll() is None, open("daemon.log").read()

    @staticmethod
    def listens():
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
            return s.connect_ex((SERVER, 547)) == 0

    def append(self, *rows):
        with open(self.file, "a") as f:
            f.write("".join(rows))

    def status(self):
        with contextlib.suppress(FileNotFoundError, ValueError):
            return json.loads(pathlib.Path("status.json").read_text())
        return {}

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        assert self.process.returncode == 0, open("daemon.log").read()


def tls_options(cert="client", ca="ca", name=None):
    options = ["--tls-ca", ca + ".pem", "--tls-cert", cert + ".pem", "--tls-key", cert + ".key"]
    return options + (["--tls-name", name] if name else [])


def ask(*args, timeout=30):
    return subprocess.run([sys.argv[2], SERVER, *args], capture_output=True, text=True, timeout=timeout)


class Follower:
    """roam-leasequery --active, its lines as they come."""

    def __init__(self, *args):
        self.process = subprocess.Popen([sys.argv[2], SERVER, "--active", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        self.events, self.remarks = [], []
        self.threads = [threading.Thread(target=self.read), threading.Thread(target=self.read_remarks)]
        for thread in self.threads:
            thread.start()

    def read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def read_remarks(self):
        for line in self.process.stderr:
            self.remarks.append(line)

    def wait(self, condition, what):
        return wait_for(lambda: next((e for e in self.events if condition(e)), None), what)

    def binding(self, address, gone=False):
        return self.wait(lambda e: e["event"] == "binding" and e["address"] == address and e["gone"] == gone,
                         f"{address} {'gone' if gone else 'leased'}")

    def resumed(self, base_time=0):
        return self.wait(lambda e: e["event"] == "resume" and e["base-time"] >= base_time, "a time to go on from")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        for thread in self.threads:
            thread.join()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for thread in self.threads:
            thread.join()


def addresses(events):
    return [e["address"] for e in events if e["event"] == "binding"]


# ------------------------------------------------------------------- active ----

def test_changes_as_they_happen():
    """Leased, renewed, gone: each is told when the file says so, and what was there before is not"""
    # covers: LQ-ACT-006, LQ-ACT-020
    with Daemon(rows=[row(1)]) as daemon, Follower() as follower:
        follower.resumed()
        daemon.append(row(2))
        follower.binding("2001:db8:0:1::2")
        daemon.append(row(1, valid=7300), row(2, valid=0))
        follower.binding("2001:db8:0:1::2", gone=True)
        follower.binding("2001:db8:0:1::1")
        assert follower.stop() == 0
        assert sorted(addresses(follower.events)) == ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1::2"]


def test_filter():
    """With a query only its changes are told"""
    with Daemon() as daemon, Follower("link", "2001:db8:0:2::") as follower:
        follower.resumed()
        daemon.append(row(1), row(2, subnet=2), row(3))
        follower.binding("2001:db8:0:2::2")
        daemon.append(row(4, subnet=2))
        follower.binding("2001:db8:0:2::4")
        assert addresses(follower.events) == ["2001:db8:0:2::2", "2001:db8:0:2::4"]


def test_file_is_replaced():
    """Of a lease file that takes the old one's place what is different is told, and no more"""
    with Daemon(rows=[row(n) for n in range(1, 200)]) as daemon, Follower() as follower:
        follower.resumed()
        rows = daemon.file.read_text().splitlines(True)
        new = pathlib.Path("new.csv")
        new.write_text("".join(r for r in rows if ":1::7," not in r) + row(0x500))
        os.rename(new, daemon.file)
        follower.binding("2001:db8:0:1::500")
        follower.binding("2001:db8:0:1::7", gone=True)
        daemon.append(row(0x501))
        follower.binding("2001:db8:0:1::501")
        assert len(addresses(follower.events)) == 3, follower.events


def test_goes_on_from_saved_time():
    """Stopped and started again, it is told what happened meanwhile"""
    # covers: LQ-ACT-005, LQ-ACT-014
    with Daemon() as daemon:
        time.sleep(1.1)  # the journal knows nothing of the second it began in
        with Follower("--state", "state") as follower:
            follower.resumed()
            daemon.append(row(1))
            follower.binding("2001:db8:0:1::1")
            assert follower.stop() == 0
        kept = pathlib.Path("state").read_text()
        assert "base-time=" in kept, kept
        assert abs(int(kept.split("base-time=")[1]) - (time.time() - EPOCH_2000)) < 10
        daemon.append(row(2), row(3), row(2, valid=0))
        time.sleep(1.1)
        with Follower("--state", "state") as follower:
            follower.wait(lambda e: e["event"] == "caught-up", "caught up")
            events = [e for e in follower.events if e["event"] == "binding"]
            assert [(e["address"][-1], e["gone"]) for e in events if e["address"][-1] in "23"] == [("3", False), ("2", True)], events
            daemon.append(row(4))
            follower.binding("2001:db8:0:1::4")


def test_missing_is_asked_for():
    """A time before the server's own: what is missing is told, and asked for by a bulk query on a second connection"""
    # covers: LQ-ACT-009, LQ-ACT-015
    pathlib.Path("state").write_text(f"[({SERVER}):547]\nbase-time={int(time.time()) - EPOCH_2000 - 1000}\n")
    with Daemon(rows=[row(1), row(2, subnet=2)]) as daemon, Follower("--state", "state", "link", "2001:db8:0:1::") as follower:
        missing = follower.wait(lambda e: e["event"] == "missing", "the gap")
        assert missing["end-time"] - missing["start-time"] >= 1000, missing
        end = follower.wait(lambda e: e["event"] == "end" and e.get("gap"), "the end of the bulk query")
        assert end["complete"] and end["bindings"] == 1, end
        found = follower.wait(lambda e: e["event"] == "binding" and e.get("gap"), "what the bulk query found")
        assert found["address"] == "2001:db8:0:1::1"
        wait_for(lambda: daemon.status().get("accepted", 0) >= 3, "two connections")  # and one that looked whether it listens
        daemon.append(row(3))
        follower.binding("2001:db8:0:1::3")


def test_server_restarts():
    """SIGTERM: DONE with QueryTerminated and a time, the last on the connection"""
    # covers: LQ-ACT-017
    with Daemon() as daemon:
        connection = Connection(SERVER, source=A)
        connection.send(frame(ACTIVE, 7, option(1, DUID) + option(6, struct.pack("!H", 100))))
        reply = connection.next()
        assert (reply.type, reply.status, reply.clients) == (REPLY, None, []), reply.octets.hex()
        assert abs(struct.unpack("!I", reply.get(100))[0] - (time.time() - EPOCH_2000)) < 10
        daemon.stop()
        done = connection.next()
        assert (done.type, done.status) == (DONE, TERMINATED) and done.get(100) is not None, done.octets.hex()
        assert connection.ends()


def test_off_by_default():
    """A fresh configuration answers NotSupported and closes"""
    # covers: LQ-ACT-001, LQ-ACT-006
    with Daemon(more=""):
        reply = ask("--active")
        assert reply.returncode == 1 and "NotSupported" in reply.stderr, reply
    pathlib.Path("bad.conf").write_text(CONFIG.format(server=SERVER, duid=SERVER_DUID, file="x", more="active=yes"))
    check = sh(sys.argv[1], "--config", "bad.conf", "--check", check=False)
    assert check.returncode == 78 and "active-insecure" in check.stderr, check


def test_many_changes():
    """10 000 changes in a burst: the latest state of each address, once; a bulk query beside it is whole"""
    # covers: LQ-ACT-007, LQ-ACT-013
    with Daemon(rows=[row(1)]) as daemon, Follower() as follower:
        follower.resumed()
        daemon.append(*(row(0x1000 + n % 5000) for n in range(10000)), row(0xffff))
        follower.binding("2001:db8:0:1::ffff")
        last = {a for a in addresses(follower.events)}
        assert len(last) == 5001, len(last)
        reply = ask("--csv", "link", "2001:db8:0:1::")
        assert reply.returncode == 0 and len(reply.stdout.splitlines()) == 5003, reply.stderr


# ---------------------------------------------------------------------- TLS ----

def test_both_programs():
    """Bulk and active over TLS, with both certificates checked"""
    # covers: LQ-ACT-018
    for mode in ("offered", "required"):
        with Daemon(more="active=yes\n" + TLS_KEYS.format(mode=mode, cert="server"), rows=[row(1)]) as daemon:
            reply = ask(*tls_options(), "--csv", "link", "2001:db8:0:1::")
            assert reply.returncode == 0 and len(reply.stdout.splitlines()) == 2, reply
            reply = ask(*tls_options(name="dhcp.example"), "--csv", "link", "2001:db8:0:1::")
            assert reply.returncode == 0, reply
            plain = ask("--csv", "link", "2001:db8:0:1::")
            assert (plain.returncode == 0) == (mode == "offered"), plain
            assert mode == "offered" or "TLS is required" in plain.stderr
            plain = ask("--active")
            assert plain.returncode == 1 and "NotAllowed" in plain.stderr, plain
            with Follower(*tls_options()) as follower:
                follower.resumed()
                daemon.append(row(2))
                follower.binding("2001:db8:0:1::2")
            wait_for(lambda: daemon.status().get("secured") == 3, "three handshakes")


def test_server_certificate():
    """A server whose certificate is expired, another's, or of another CA gets no query"""
    # covers: LQ-ACT-018
    for cert, reason in (("expired", "expired"), ("wrong-name", "mismatch"), ("stranger", "issuer")):
        with Daemon(more=TLS_KEYS.format(mode="offered", cert=cert), rows=[row(1)]) as daemon:
            reply = ask(*tls_options(), "link", "2001:db8:0:1::")
            assert reply.returncode == 1 and "certificate" in reply.stderr and reason in reply.stderr, (cert, reply)
            assert reply.stdout == ""
            assert daemon.status().get("queries", {}).get("link", 0) == 0


def test_client_certificate():
    """A requestor whose certificate is expired, of another CA, or not listed gets no answer"""
    # covers: LQ-ACT-018
    with Daemon(more=TLS_KEYS.format(mode="required", cert="server"), rows=[row(1)]) as daemon:
        for cert, reason in (("expired", "expired"), ("stranger", "unknown ca")):
            reply = ask(*tls_options(cert), "link", "2001:db8:0:1::")
            assert reply.returncode == 1 and reason in reply.stderr, (cert, reply)
            assert reply.stdout == ""
        daemon.configure(TLS_KEYS.format(mode="required", cert="server") + "tls-names=relay.example;2001:db8::77\n")
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: ask(*tls_options("wrong-name"), "link", "2001:db8:0:1::").returncode == 1, "the list of names holds")
        assert ask(*tls_options(), "link", "2001:db8:0:1::").returncode == 0
        assert "not listed" in open("daemon.log").read()


def starttls(connection):
    connection.send(frame(STARTTLS, 1, b""))
    return connection.next()


def client_context(cert="client"):
    context = ssl.create_default_context(cafile="ca.pem")
    if cert:
        context.load_cert_chain(cert + ".pem", cert + ".key")
    return context


def test_python_requestor():
    """Another TLS implementation's calls: STARTTLS, a REPLY without status, a handshake, and the same octets inside"""
    with Daemon(more=TLS_KEYS.format(mode="offered", cert="server"), rows=[row(n) for n in range(1, 3000)]):
        connection = Connection(SERVER, source=A)
        reply = starttls(connection)
        assert (reply.type, reply.status, reply.options) == (TLS_REPLY, None, []), reply.octets.hex()
        connection.socket = client_context().wrap_socket(connection.socket, server_hostname=SERVER)
        answer = connection.ask(by_link(5, "2001:db8:0:1::"))
        assert answer.done is not None and len(answer.bindings) == 2999
        assert connection.socket.version() in ("TLSv1.3", "TLSv1.2")


def test_no_certificate_old_version():
    """Without a certificate, with TLS 1.1, or with TLS from the first octet on: no answer"""
    with Daemon(more=TLS_KEYS.format(mode="offered", cert="server"), rows=[row(1)]):
        for kind in ("none", "old", "early"):
            connection = Connection(SERVER, source=A)
            context = client_context(None if kind == "none" else "client")
            if kind == "old":
                context.set_ciphers("ALL:@SECLEVEL=0")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
            if kind != "early":
                assert starttls(connection).status is None
            try:
                secured = context.wrap_socket(connection.socket, server_hostname=SERVER)
                secured.sendall(by_link(5, "2001:db8:0:1::"))
                assert secured.recv(10) == b""
            except OSError:  # ssl.SSLError is one, a reset is another
                pass
        assert ask("--csv", "link", "2001:db8:0:1::").returncode == 0  # it goes on serving


def test_s_client():
    """openssl s_client speaks TLS at once: closed, and others are served"""
    with Daemon(more=TLS_KEYS.format(mode="required", cert="server"), rows=[row(1)]):
        reply = subprocess.run(["openssl", "s_client", "-connect", f"[{SERVER}]:547", "-CAfile", "ca.pem", "-cert", "client.pem",
                                "-key", "client.key"], input="", capture_output=True, text=True, timeout=20)
        assert reply.returncode != 0 and "BEGIN CERTIFICATE" not in reply.stdout, reply.stdout
        assert ask(*tls_options(), "--csv", "link", "2001:db8:0:1::").returncode == 0


def test_cut_handshake():
    """Half a handshake, and one that never begins, hold up nobody"""
    with Daemon(more=TLS_KEYS.format(mode="offered", cert="server") + "data-timeout=1\n", rows=[row(1)]) as daemon:
        held = [Connection(SERVER, source=A) for _ in range(5)]
        for i, connection in enumerate(held):
            starttls(connection)
            if i % 2:
                connection.send(bytes.fromhex("16030102000100"))
        assert ask(*tls_options(), "--csv", "link", "2001:db8:0:1::").returncode == 0
        wait_for(lambda: daemon.status().get("timeouts", 0) >= 5, "they are given up")
        assert all(connection.ends() for connection in held)


class FakeServer:
    """One connection: STARTTLS, and what @after does with it."""

    def __init__(self, after):
        self.listener = socket.create_server((SERVER, 547), family=socket.AF_INET6)
        self.thread = threading.Thread(target=self.run, args=(after,))
        self.thread.start()

    def run(self, after):
        with contextlib.suppress(OSError):
            client, _ = self.listener.accept()
            with client:
                header = client.recv(6)
                self.first = header[2]
                after(client, header)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.thread.join()


def test_answers_to_starttls():
    """The four answers of RFC 7653 8.2, a close, and octets in the clear behind the REPLY: no query goes out"""
    # covers: LQ-ACT-018
    def say(octets):
        def act(client, header):
            client.sendall(octets(header[2:6]) if callable(octets) else octets)
            act.left = client.recv(4096)
        return act
    xid = lambda header: int.from_bytes(header[1:4], "big")  # noqa: E731
    refused = say(lambda h: frame(TLS_REPLY, xid(h), option(13, struct.pack("!H", TLS_REFUSED) + b"no")))
    failed = say(lambda h: frame(TLS_REPLY, xid(h), option(13, struct.pack("!H", UNSPEC_FAIL))))
    other = say(lambda h: frame(DATA, xid(h), b""))
    behind = say(lambda h: frame(TLS_REPLY, xid(h), b"") + b"\0\4")
    for answer, reason in ((refused, "(no)"), (failed, "no secure"), (other, "no secure"), (behind, "no secure"),
                           (lambda client, header: None, "no secure")):
        with FakeServer(answer) as server:
            reply = ask(*tls_options(), "link", "2001:db8:0:1::")
            assert reply.returncode == 1 and reason in reply.stderr, reply
            server.thread.join()
            assert server.first == STARTTLS
            assert getattr(answer, "left", b"") == b"", "something was sent in the clear"


def test_truncated():
    """A connection that ends without TLS's own end is no whole answer"""
    def cut(client, header):
        client.sendall(frame(TLS_REPLY, int.from_bytes(header[3:6], "big"), b""))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile="ca.pem")
        context.load_cert_chain("server.pem", "server.key")
        context.verify_mode = ssl.CERT_REQUIRED
        secured = context.wrap_socket(client, server_side=True)
        asked = secured.recv(4096)
        cut.type = asked[2]
        data = option(45, option(1, b"\0\3\0\1abc") + option(5, ip6("2001:db8:0:1::1") + struct.pack("!II", 1, 2)) +
                      option(46, bytes(4)))
        secured.sendall(frame(REPLY, int.from_bytes(asked[3:6], "big"),
                              option(1, asked[10:10 + asked[9]]) + option(2, bytes.fromhex(SERVER_DUID)) + data))
        os.close(secured.detach())
    with FakeServer(cut):
        reply = ask(*tls_options(), "--csv", "link", "2001:db8:0:1::")
        assert cut.type == LEASEQUERY
        assert reply.returncode == 1 and "incomplete, after 1 bindings" in reply.stderr, reply


# ------------------------------------------------------------- UDP, control ----

def test_udp():
    """Over UDP by address and by client; other types NotAllowed; nothing without udp=yes"""
    # covers: LQ-SRV-031, LQ-COD-029
    def exchange(octets):
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.bind((A, 0))
            s.connect((SERVER, 547))
            s.send(octets[2:])
            return Message(s.recv(65535))
    with Daemon(more="udp=yes\n", rows=[row(1)]) as daemon:
        found = exchange(by_address(9, "2001:db8:0:1::1"))
        assert (found.type, found.xid, found.status) == (REPLY, 9, None), found.octets.hex()
        assert list(found.clients[0].bindings) == ["2001:db8:0:1::1"]
        for asked in (by_relay_id(1, b"\0\3\0\1ab"), by_link(1, "2001:db8:0:1::"), by_remote_id(1, b"\0\0\0\1p")):
            assert exchange(asked).status == NOT_ALLOWED
        assert ask("--csv", "link", "2001:db8:0:1::").returncode == 0  # TCP beside it
        daemon.configure("")
        daemon.process.send_signal(signal.SIGHUP)
        def refused():
            try:
                exchange(by_address(9, "2001:db8:0:1::1"))
            except ConnectionRefusedError:
                return True
            except TimeoutError:  # it came while the socket was still there, and went with it
                return False
        wait_for(refused, "UDP is off")


def test_control():
    """status and reload over the control socket; a bad configuration is told and changes nothing"""
    # covers: LQ-SRV-103
    with Daemon(rows=[row(1)]) as daemon:
        daemon.stop()
        daemon.process = subprocess.Popen([sys.argv[1], "--config", str(daemon.config), "--control", "control"], stderr=daemon.log)
        wait_for(daemon.listens, "it listens")
        def control(*args):
            return sh(sys.argv[1], "--control", "control", *args, check=False)
        wait_for(lambda: control("status").returncode == 0, "the control socket is there")
        status = json.loads(control("status").stdout)
        assert status["leases"]["leases"] == 1 and status["queries"]["link"] == 0, status
        assert os.stat("control").st_mode & 0o777 == 0o600
        assert ask("--csv", "link", "2001:db8:0:1::").returncode == 0
        assert json.loads(control("status").stdout)["queries"]["link"] == 1
        daemon.configure("max-connections=1\n")
        assert control("reload").returncode == 0
        held = Connection(SERVER, source=A)
        assert ask("link", "2001:db8:0:1::", "--quiet").returncode == 1
        held.close()
        daemon.configure("max-connections=none\n")
        bad = control("reload")
        assert bad.returncode == 1 and "faults" in bad.stderr, bad
        assert control("sing").returncode == 2
        daemon.stop()
        gone = control("status")
        assert gone.returncode == 1 and gone.stderr, gone


def test_usage():
    """Options that do not go together are told, and nothing is sent"""
    for args, words in ((["--tls-ca", "ca.pem", "link", "::1"], "--tls-key"), (["--active", "--merge"], "--merge"),
                        (["--active", "link", "::1", "link", "::2"], "one query"), (["--state", "x", "link", "::1"], "--active"),
                        (["--active", "--until", "5"], "--until"), (["--since", "x", "link", "::1"], "base-time"),
                        (tls_options("nowhere") + ["link", "::1"], "nowhere.pem"),
                        (["--tls-ca", "ca.pem", "--tls-cert", "client.pem", "--tls-key", "server.key", "link", "::1"], "server.key")):
        reply = ask(*args)
        assert reply.returncode == 2 and words in reply.stderr, (args, reply)


def test_since():
    """--base-time, then --since and --until with what it said: only what changed in between"""
    # covers: LQ-ACT-003, LQ-ACT-004, LQ-ACT-005
    with Daemon(rows=[row(1)]) as daemon:
        reply = ask("--json", "--base-time", "link", "2001:db8:0:1::")
        said = [json.loads(line) for line in reply.stdout.splitlines()]
        base = next(e["base-time"] for e in said if e["event"] == "reply")
        assert abs(base + EPOCH_2000 - time.time()) < 10
        time.sleep(1.1)
        daemon.append(row(2))
        wait_for(lambda: daemon.status().get("leases", {}).get("leases") == 2, "the row is read")
        later = ask("--csv", "--since", str(base + 1), "link", "2001:db8:0:1::")
        assert [line.split(",")[0] for line in later.stdout.splitlines()[1:]] == ["2001:db8:0:1::2"] or \
            "2001:db8:0:1::2" in later.stdout and "2001:db8:0:1::1," not in later.stdout, later.stdout
        earlier = ask("--csv", "--until", str(base), "link", "2001:db8:0:1::")
        assert "2001:db8:0:1::2" not in earlier.stdout and "2001:db8:0:1::1" in earlier.stdout, earlier.stdout


def run(tests):
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    for number, test in enumerate(tests, 1):
        directory = tempfile.mkdtemp(prefix="rs-")
        try:
            for name in pathlib.Path(CERTIFICATES).iterdir():
                os.symlink(name, os.path.join(directory, name.name))
            os.chdir(directory)
            test()
            verdict = "ok"
        except Exception:
            verdict, failed = "not ok", failed + 1
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="")
        os.chdir("/")
        subprocess.run(["rm", "-rf", directory], check=True)
        print(f"{verdict} {number} - {test.__doc__.splitlines()[0]}", flush=True)
    return failed


if __name__ == "__main__":
    if os.geteuid() != 0 or sh("ip", "netns", "add", NS + "x", check=False).returncode != 0:
        sys.exit(77)
    sh("ip", "netns", "del", NS + "x")
    sys.argv[1:3] = [os.path.abspath(name) for name in sys.argv[1:3]]
    wanted = sys.argv[3:]
    all_tests = [f for name, f in list(globals().items()) if name.startswith("test_") and (not wanted or name in wanted)]
    CERTIFICATES = tempfile.mkdtemp(prefix="rs-ca-")
    try:
        os.chdir(CERTIFICATES)
        make_certificates()
        make_topology()
        status = run(all_tests)
    finally:
        os.chdir("/")
        subprocess.run(["rm", "-rf", CERTIFICATES], check=False)
        sh("ip", "netns", "del", NS, check=False)
    sys.exit(1 if status else 0)
