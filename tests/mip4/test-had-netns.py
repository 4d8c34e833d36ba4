#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-had-netns.py ROAM_HAD MN_TOOL

roam-had on real links, in network namespaces of its own (names begin with mp4-): a home link with the
home agent, a correspondent and room for the mobile node; a router; a visited link. TAP on stdout;
exit status 77 (skipped) without root, namespaces or TUN.

Every check sends real packets and looks at what arrives. Nothing is left behind.
"""
import contextlib, ctypes, json, os, pathlib, re, signal, socket, struct, subprocess, sys, tempfile, time, traceback

KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
CONFIG = """[home-agent]
address=10.1.0.2
interface=home
home-network=10.1.0.0/24
trusted-networks=10.1.0.0/24;10.2.0.0/24
max-lifetime=300
mtu=1480
tun-name=had0

[node 10.1.0.100]
spi=4096
key-file=mn-ha.key
nai=alice@example.com
"""
HA, RT, MN, CN = (f"mp4-{os.getpid()}-{x}" for x in ("ha", "rt", "mn", "cn"))
HOA, COA, COA2, AGENT, CORR = "10.1.0.100", "10.2.0.50", "10.2.0.51", "10.1.0.2", "10.1.0.10"
libc = ctypes.CDLL(None, use_errno=True)


def sh(*args, check=True, ns=None):
    if ns:
        args = ("ip", "netns", "exec", ns) + args
    return subprocess.run(args, check=check, capture_output=True, text=True)


@contextlib.contextmanager
def inside(ns):
    """Sockets made in this block belong to @ns, and stay there."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    other = os.open(f"/run/netns/{ns}", os.O_RDONLY)
    try:
        if libc.setns(other, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        libc.setns(own, 0x40000000)
        os.close(own)
        os.close(other)


def make_topology():
    for ns in (HA, RT, MN, CN):
        sh("ip", "netns", "add", ns)
        sh("ip", "link", "set", "lo", "up", ns=ns)
    # The home link is a bridge in the router; ports for the home agent, the correspondent and the node.
    sh("ip", "link", "add", "name", "br0", "type", "bridge", ns=RT)
    for ns, port, name in ((HA, "p1", "home"), (CN, "p2", "home"), (MN, "p3", "home"), (MN, "p4", "away")):
        sh("ip", "link", "add", port, "netns", RT, "type", "veth", "peer", "name", name, "netns", ns)
        sh("ip", "link", "set", port, "up", ns=RT)
        if name == "home":
            sh("ip", "link", "set", port, "master", "br0", ns=RT)
            sh("ip", "link", "set", name, "address", {HA: "02:00:00:00:00:02", CN: "02:00:00:00:00:10",
                                                      MN: "02:00:00:00:01:00"}[ns], ns=ns)
    sh("ip", "link", "set", "br0", "up", ns=RT)
    sh("ip", "addr", "add", "10.1.0.1/24", "dev", "br0", ns=RT)
    sh("ip", "addr", "add", "10.2.0.1/24", "dev", "p4", ns=RT)
    for ns, dev, addr, gw in ((HA, "home", AGENT, "10.1.0.1"), (CN, "home", CORR, "10.1.0.1"), (MN, "away", COA, "10.2.0.1")):
        sh("ip", "addr", "add", addr + "/24", "dev", dev, ns=ns)
        sh("ip", "link", "set", dev, "up", ns=ns)
        sh("ip", "route", "add", "default", "via", gw, ns=ns)
    sh("ip", "addr", "add", COA2 + "/24", "dev", "away", ns=MN)
    for ns in (HA, RT):
        sh("sysctl", "-qw", "net.ipv4.ip_forward=1", ns=ns)
    # What roam-had reports and does not change by itself.
    for name in ("all", "default", "home"):
        sh("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=2", ns=HA)


def remove_topology():
    for ns in (HA, RT, MN, CN):
        sh("ip", "netns", "del", ns, check=False)


class Agent:
    def __init__(self, program, directory):
        self.program, self.dir = program, pathlib.Path(directory)
        (self.dir / "home-agent.conf").write_text(CONFIG)
        key = self.dir / "mn-ha.key"
        key.write_text(KEY + "\n")
        key.chmod(0o600)
        self.status, self.control = self.dir / "status.json", self.dir / "control"
        self.log = open(self.dir / "log", "w+")
        self.start()

    def start(self):
        self.status.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", HA, self.program, "--config", str(self.dir / "home-agent.conf"),
             "--status-file", str(self.status), "--control", str(self.control), "--log-level", "debug"], stderr=self.log, stdout=self.log)
        wait_for(lambda: self.status.exists(), "roam-had started")

    def ask(self, *args):
        return sh(self.program, "--control", str(self.control), *args, check=False)

    def bindings(self):
        return json.loads(self.status.read_text())["bindings"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


def wait_for(condition, what, seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("timed out: " + what)


def udp(ns, addr, port):
    with inside(ns):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((addr, port))
        s.settimeout(1.0)
        return s


def raw(ns, addr, proto=4):
    with inside(ns):
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, proto)
        s.bind((addr, 0))
        s.settimeout(1.0)
        return s


def packet_socket(ns, dev, proto=0x0806):
    with inside(ns):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(proto))
        s.bind((dev, proto))
        s.settimeout(2.0)
        return s


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def ipv4(src, dst, proto, payload, tos=0, ttl=64, df=False):
    def head(c):
        return struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(payload), 1, 0x4000 if df else 0, ttl, proto, c,
                           socket.inet_aton(src), socket.inet_aton(dst))
    return head(checksum(head(0))) + payload


def udp_packet(src, sport, dst, dport, data, **kw):
    return ipv4(src, dst, 17, struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data, **kw)


def drain(s):
    s.setblocking(False)
    try:
        while True:
            s.recv(65535)
    except BlockingIOError:
        pass
    s.settimeout(1.0)


def silent(s, seconds=0.4):
    s.settimeout(seconds)
    try:
        return s.recv(65535)
    except (TimeoutError, socket.timeout):
        return None
    finally:
        s.settimeout(1.0)


class Test:
    def __init__(self, had, tool):
        self.had, self.tool = had, tool

    def mn(self, *args, care_of=COA, home=HOA):
        time.sleep(0.01)
        return sh(self.tool, "--home", home, "--agent", AGENT, "--care-of", care_of, "--key", KEY, *args, ns=MN).stdout.strip()

    def expect_bindings(self, *care_of):
        # The reply leaves before the status file is written.
        wait_for(lambda: [b["care-of-address"] for b in self.had.bindings()] == list(care_of), f"bindings {care_of}")

    # covers: MIP-AUTH-002, MIP-AUTH-020
    def check_config(self):
        """configuration-errors-are-reported-all-at-once"""
        with tempfile.TemporaryDirectory() as d:
            key = pathlib.Path(d) / "k"
            key.write_text("00")
            key.chmod(0o644)
            short = pathlib.Path(d) / "short"
            short.write_text("00" * 15)
            short.chmod(0o600)
            conf = pathlib.Path(d) / "c"
            conf.write_text("[home-agent]\naddress=x\ninterface=eth0\nhome-network=10.1.0.0/24\nmax-lifetime=0\n"
                            "colour=red\n[node 10.9.0.1]\nspi=255\nalgorithm=md4\nkey-file=k\n[node 10.1.0.9]\nspi=256\n"
                            "key-file=short\n[other]\n")
            out = sh(PROGRAM, "--check", "--config", str(conf), check=False)
            assert out.returncode == 78, out
            for part in ("[home-agent] address: found 'x'", "max-lifetime: found '0'", "colour: unknown key",
                         "[node 10.9.0.1] spi: found '255'", "algorithm: found 'md4'", "chmod 0600", "[other]: unknown group",
                         "not in home-network", "at least 32 (128 bits)"):
                assert part in out.stderr, (part, out.stderr)

    def example(self):
        """example-configuration-is-valid-with-all-its-keys"""
        example = (pathlib.Path(__file__).resolve().parents[2] / "data/home-agent.conf").read_text()
        with tempfile.TemporaryDirectory() as d:
            conf = pathlib.Path(d) / "home-agent.conf"
            # What is commented out are keys and groups; prose has a blank behind the #.
            conf.write_text(re.sub(r"^#(?=[a-z\[])", "", example, flags=re.M))
            assert "more-keys=" in conf.read_text()
            for name in ("mn-ha.key", "next.key", "fa-ha.key"):
                key = pathlib.Path(d) / name
                key.write_text(KEY)
                key.chmod(0o600)
            out = sh(PROGRAM, "--check", "--config", str(conf), check=False)
            assert (out.returncode, out.stderr) == (0, ""), out.stderr

    # covers: MIP-HA-018, MIP-HA-013, MIP-TNC-006, MIP-AUTH-010
    def register(self):
        """register-intercepts-the-home-address"""
        arp = packet_socket(CN, "home")
        out = self.mn()
        assert out.startswith("accepted code=1 tnc=1") and "lifetime=300 udp=0" in out, out
        self.expect_bindings(COA)
        assert "dev had0" in sh("ip", "route", "get", HOA, ns=HA).stdout
        assert HOA in sh("ip", "neigh", "show", "proxy", ns=HA).stdout
        frames = []
        end = time.monotonic() + 3.5
        while len(frames) < 3 and time.monotonic() < end:
            f = arp.recv(2000)
            if f[28:32] == socket.inet_aton(HOA):
                frames.append(f)
        # Sender and target are the home address, the link-layer address is the home agent's, broadcast; three times.
        assert len(frames) == 3
        for f in frames:
            assert f[:6] == b"\xff" * 6 and f[20:22] == b"\0\x01" and f[38:42] == socket.inet_aton(HOA)
            assert f[22:28] == bytes.fromhex("020000000002") == f[6:12], f.hex()
        arp.close()

    # covers: MIP-HA-020, MIP-TUN-001
    def forward(self):
        """packets-for-the-home-address-arrive-tunnelled"""
        cn, tunnel = udp(CN, CORR, 7000), raw(MN, COA)
        cn.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xb8 | 2)
        cn.sendto(b"hello", (HOA, 7001))
        p = tunnel.recv(65535)
        outer, inner = p[:20], p[20:]
        assert outer[9] == 4 and outer[12:20] == socket.inet_aton(AGENT) + socket.inet_aton(COA), p.hex()
        assert outer[1] == inner[1] == 0xb8 | 2, "TOS and ECN are copied to the outer header"
        assert inner[12:20] == socket.inet_aton(CORR) + socket.inet_aton(HOA) and inner.endswith(b"hello")
        # The home agent's hop only: the correspondent sent 64.
        assert inner[8] == 63, inner[8]
        # Proxy ARP answers at once, from the home agent's address.
        neighbour = sh("ip", "neigh", "show", HOA, ns=CN).stdout
        assert "02:00:00:00:00:02" in neighbour, neighbour
        cn.close(), tunnel.close()

    # covers: MIP-HA-023, MIP-REV-015
    def reverse(self):
        """reverse-tunnel-only-from-care-of-and-home-address"""
        cn, tunnel = udp(CN, CORR, 7002), raw(MN, COA)
        other = raw(MN, COA2)
        inner = udp_packet(HOA, 9, CORR, 7002, b"up")
        tunnel.sendto(inner, (AGENT, 0))
        data, source = cn.recvfrom(2000)
        assert (data, source[0]) == (b"up", HOA)
        other.sendto(udp_packet(HOA, 9, CORR, 7002, b"spoofed outer"), (AGENT, 0))
        tunnel.sendto(udp_packet("10.1.0.101", 9, CORR, 7002, b"spoofed inner"), (AGENT, 0))
        assert silent(cn) is None
        cn.close(), tunnel.close(), other.close()

    # covers: MIP-TUN-009
    def congestion(self):
        """ecn-at-the-end-of-the-tunnel"""
        cn, tunnel = udp(CN, CORR, 7003), raw(MN, COA)
        cn.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        tunnel.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 3)
        for inner_ecn, expect in ((2, 3), (1, 3), (3, 3), (0, None)):
            tunnel.sendto(udp_packet(HOA, 9, CORR, 7003, b"e", tos=inner_ecn), (AGENT, 0))
            if expect is None:
                assert silent(cn) is None, "Not-ECT inside CE is dropped"
            else:
                _, anc, _, _ = cn.recvmsg(100, 100)
                assert anc[0][2][0] & 3 == expect, (inner_ecn, anc)
        cn.close(), tunnel.close()

    def counter(self, name):
        counters = json.loads(self.had.ask("counters", "--json").stdout)
        return {**counters["registration-counters"], **counters["data-counters"]}[name]

    # covers: MIP-TUN-012, MIP-TUN-002, MIP-HA-031
    def narrow(self):
        """path-mtu-is-learned-and-packets-fragmented-before-the-tunnel"""
        sh("ip", "link", "set", "p4", "mtu", "1300", ns=RT)
        cn, tunnel = udp(CN, CORR, 7004), raw(MN, COA)
        cn.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: IP_PMTUDISC_DONT, DF clear
        # The first one finds the narrow link; DF is set outside, so the router says so.
        cn.sendto(b"x" * 1452, (HOA, 7001))
        assert silent(tunnel, 0.2) is None
        cn.sendto(b"y" * 1452, (HOA, 7001))
        pieces = [tunnel.recv(65535), tunnel.recv(65535)]
        assert all(len(p) <= 1300 and p[6] & 0x40 for p in pieces), [len(p) for p in pieces]
        offsets = [struct.unpack("!H", p[26:28])[0] for p in pieces]
        assert offsets == [0x2000, (len(pieces[0]) - 40) // 8], offsets
        assert b"".join(p[40:] for p in pieces)[8:] == b"y" * 1452
        cn.close(), tunnel.close()

    # covers: MIP-TUN-013, MIP-TUN-014
    def too_big(self):
        """sender-that-forbids-fragments-is-told-the-size"""
        cn, tunnel = udp(CN, CORR, 7004), raw(MN, COA)
        cn.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER: IP_PMTUDISC_DO
        cn.connect((HOA, 7001))
        cn.send(b"x" * 1452)
        wait_for(lambda: cn.getsockopt(socket.IPPROTO_IP, 14) == 1280, "the correspondent knows the MTU")
        cn.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        drain(tunnel)
        cn.send(b"x" * 1252)
        assert len(tunnel.recv(65535)) == 1300
        cn.close(), tunnel.close()

    # covers: MIP-TUN-015, MIP-TUN-016, MIP-TUN-018, MIP-TUN-019, MIP-TUN-021
    def unreachable(self):
        """icmp-from-inside-the-tunnel-reaches-the-sender-as-it-should"""
        errors, tunnel, cn = raw(CN, CORR, 1), raw(MN, COA), udp(CN, CORR, 7009)
        router = raw(MN, COA, 1)

        def provoke(kind, code, mangle=lambda p: p):
            cn.sendto(b"who", (HOA, 7001))
            quoted = mangle(tunnel.recv(65535))
            icmp = struct.pack("!BBHI", kind, code, 0, 0) + quoted
            icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
            router.sendto(icmp, (AGENT, 0))
            return silent(errors)

        for kind, code, expect in ((3, 1, (3, 1)), (3, 0, (3, 1)), (3, 2, (3, 1)), (11, 0, (3, 1)), (3, 3, None),
                                   (3, 5, None), (5, 1, None), (4, 0, None)):
            p = provoke(kind, code)
            if expect is None:
                assert p is None, (kind, code, p.hex())
            else:
                assert p is not None, (kind, code)
                assert (p[20], p[21]) == expect, (kind, code, p.hex())
                assert p[12:16] == socket.inet_aton(AGENT) and p[44:48] == socket.inet_aton(HOA), p.hex()
            # The soft state says so to others, too, for a second: wait it out.
            if kind != 4 and code not in (3, 5):
                time.sleep(1.1)
            drain(errors)
        before = self.counter("icmp-not-about-a-tunnel")
        # Quotes a packet that was never sent: another Identification outside.
        assert provoke(3, 1, lambda q: q[:4] + bytes([q[4] ^ 1]) + q[5:]) is None
        assert self.counter("icmp-not-about-a-tunnel") == before + 1
        # Nothing but 64 bits: too little to be passed on, but the next sender hears of it, and its packet goes out.
        assert provoke(3, 1, lambda q: q[:28]) is None
        cn.sendto(b"next", (HOA, 7001))
        assert errors.recv(2000)[20:22] == b"\3\1"
        assert tunnel.recv(65535).endswith(b"next")
        sh("ip", "link", "set", "p4", "mtu", "1500", ns=RT)
        for s in (errors, tunnel, cn, router):
            s.close()

    # covers: MIP-GEN-002, MIP-GEN-004
    def udp_checksum(self):
        """corrupted-udp-checksum-is-dropped-zero-is-taken"""
        request = struct.pack("!BBH4s4s4sQ", 1, 0x22, 300, socket.inet_aton(HOA), socket.inet_aton(AGENT),
                              socket.inet_aton(COA), 0)
        out = raw(MN, COA, 255)
        out.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
        pseudo = socket.inet_aton(COA) + socket.inet_aton(AGENT) + struct.pack("!HHHHHH", 17, 8 + len(request), 5555, 434,
                                                                             8 + len(request), 0)
        right = checksum(pseudo + request)
        for value, arrives in ((right, 1), (right ^ 1, 0), (0, 1)):
            before = self.counter("datagrams-received")
            packet = ipv4(COA, AGENT, 17, struct.pack("!HHHH", 5555, 434, 8 + len(request), value) + request)
            out.sendto(packet, (AGENT, 0))
            time.sleep(0.1)
            assert self.counter("datagrams-received") == before + arrives, value
        out.close()

    def move(self):
        """new-care-of-address-at-once-old-tunnel-heard-two-seconds"""
        cn = udp(CN, CORR, 7005)
        old, new = raw(MN, COA), raw(MN, COA2)
        out = self.mn(care_of=COA2)
        assert out.startswith("accepted"), out
        drain(old)
        cn.sendto(b"down", (HOA, 7001))
        assert new.recv(2000).endswith(b"down")
        assert silent(old, 0.2) is None
        old.sendto(udp_packet(HOA, 9, CORR, 7005, b"in flight"), (AGENT, 0))
        assert cn.recv(100) == b"in flight"
        time.sleep(2.1)
        old.sendto(udp_packet(HOA, 9, CORR, 7005, b"too late"), (AGENT, 0))
        assert silent(cn) is None
        new.sendto(udp_packet(HOA, 9, CORR, 7005, b"new"), (AGENT, 0))
        assert cn.recv(100) == b"new"
        cn.close(), old.close(), new.close()

    # covers: MIP-HA-025
    def nat(self):
        """udp-tunnel-behind-a-nat"""
        out = self.mn("--bind", COA, "--port", "45001", care_of="192.168.77.50")
        assert out.startswith("accepted") and "udp=1 keepalive=110" in out, out
        node, cn = udp(MN, COA, 45001), udp(CN, CORR, 7006)
        cn.sendto(b"down", (HOA, 7001))
        p, source = node.recvfrom(2000)
        assert source == (AGENT, 434) and p[:4] == b"\x04\x04\0\0" and p.endswith(b"down"), p.hex()
        node.sendto(b"\x04\x04\0\0" + udp_packet(HOA, 9, CORR, 7006, b"up"), (AGENT, 434))
        assert cn.recv(100) == b"up"
        # Keepalive: an Echo Request from the home address to the home agent comes back through the tunnel.
        echo = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + b"keepalive"
        echo = echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:]
        node.sendto(b"\x04\x04\0\0" + ipv4(HOA, AGENT, 1, echo), (AGENT, 434))
        p = node.recv(2000)
        assert p[24] == 0 and p[16:20] == socket.inet_aton(AGENT), p.hex()
        # Not in the agreed tunnel, not with the agreed protocol, not from the agreed port.
        plain, stranger = raw(MN, COA), udp(MN, COA, 45002)
        plain.sendto(udp_packet(HOA, 9, CORR, 7006, b"ipip"), (AGENT, 0))
        node.sendto(b"\x04\x2f\0\0" + udp_packet(HOA, 9, CORR, 7006, b"gre"), (AGENT, 434))
        stranger.sendto(b"\x04\x04\0\0" + udp_packet(HOA, 9, CORR, 7006, b"port"), (AGENT, 434))
        assert silent(cn) is None
        for s in (node, cn, plain, stranger):
            s.close()

    # covers: MIP-TNC-005, MIP-HA-002
    def silence(self):
        """untrusted-source-and-wrong-key-get-no-answer"""
        sh("ip", "addr", "add", "10.7.0.1/24", "dev", "away", ns=MN)
        sh("ip", "route", "add", "10.7.0.0/24", "dev", "p4", ns=RT)
        out = self.mn("--copies", "1", care_of="10.7.0.1")
        assert out.startswith("exhausted"), out
        out = sh(self.tool, "--home", HOA, "--agent", AGENT, "--care-of", COA, "--key", "ff" * 32, "--copies", "1", ns=MN).stdout
        assert out.startswith("exhausted"), out
        out = self.mn("--copies", "1", home="10.1.0.77")
        assert out.startswith("exhausted"), out

    # covers: MIP-HA-014, MIP-HA-019, MIP-HOM-009
    def come_home(self):
        """deregistration-at-home"""
        assert self.mn().startswith("accepted")
        sh("ip", "addr", "add", HOA + "/24", "dev", "home", ns=MN)
        sh("ip", "link", "set", "home", "up", ns=MN)
        arp = packet_socket(CN, "home")
        out = self.mn("--form", "home", care_of=HOA)
        assert out.startswith("accepted code=0") and "lifetime=0" in out, out
        self.expect_bindings()
        assert "had0" not in sh("ip", "route", "show", ns=HA).stdout
        assert HOA not in sh("ip", "neigh", "show", "proxy", ns=HA).stdout
        end, seen = time.monotonic() + 2, False
        while not seen and time.monotonic() < end:
            f = arp.recv(2000)
            seen = (f[6:12] == bytes.fromhex("020000000002") and f[22:28] == bytes.fromhex("020000000100")
                    and f[28:32] == f[38:42] == socket.inet_aton(HOA))
        assert seen, "gratuitous ARP of the home agent with the node's link-layer address"
        node, cn = udp(MN, HOA, 7007), udp(CN, CORR, 7008)
        cn.sendto(b"at home", (HOA, 7007))
        assert node.recv(100) == b"at home"
        node.close(), cn.close(), arp.close()
        sh("ip", "link", "set", "home", "down", ns=MN)
        sh("ip", "addr", "del", HOA + "/24", "dev", "home", ns=MN)

    # covers: MIP-HA-012, MIP-HA-021
    def expire(self):
        """binding-ends-with-its-lifetime"""
        assert "lifetime=2" in self.mn("--lifetime", "2")
        self.expect_bindings(COA)
        self.expect_bindings()
        assert HOA not in sh("ip", "neigh", "show", "proxy", ns=HA).stdout

    # covers: MIP-HA-021
    def killed(self):
        """kill-9-and-restart-intercepts-nobody-without-a-binding"""
        assert self.mn().startswith("accepted")
        self.expect_bindings(COA)
        self.had.process.kill()
        self.had.process.wait(10)
        assert HOA in sh("ip", "neigh", "show", "proxy", ns=HA).stdout, "what the killed one left behind"
        self.had.start()
        assert HOA not in sh("ip", "neigh", "show", "proxy", ns=HA).stdout
        assert self.mn().startswith("accepted")
        self.expect_bindings(COA)

    def restores(self):
        """proxy-delay-is-put-back"""
        assert sh("sysctl", "-n", "net.ipv4.neigh.home.proxy_delay", ns=HA).stdout.strip() == "0"
        assert self.had.stop() == 0
        assert sh("sysctl", "-n", "net.ipv4.neigh.home.proxy_delay", ns=HA).stdout.strip() != "0"
        self.had.start()

    def terminate(self):
        """sigterm-leaves-nothing-behind"""
        assert self.mn().startswith("accepted")
        self.expect_bindings(COA)
        assert self.had.stop() == 0
        assert self.had.bindings() == []
        assert HOA not in sh("ip", "neigh", "show", "proxy", ns=HA).stdout
        assert "had0" not in sh("ip", "link", "show", ns=HA).stdout


def can_run():
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        return False
    probe = f"mp4-{os.getpid()}-probe"
    ok = sh("ip", "netns", "add", probe, check=False).returncode == 0
    sh("ip", "netns", "del", probe, check=False)
    return ok


def main():
    if not can_run():
        print("1..0 # SKIP needs root, network namespaces and /dev/net/tun")
        return 77
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        try:
            make_topology()
            agent = Agent(PROGRAM, directory)
            test = Test(agent, TOOL)
            cases = [test.check_config, test.example, test.register, test.forward, test.reverse, test.congestion,
                     test.narrow, test.too_big, test.unreachable, test.udp_checksum, test.move,
                     test.nat, test.silence, test.come_home, test.expire, test.restores, test.killed, test.terminate]
            print(f"1..{len(cases)}", flush=True)
            for number, case in enumerate(cases, 1):
                try:
                    case()
                    print(f"ok {number} {case.__doc__}", flush=True)
                except Exception as error:  # a failed case must not hide the next ones
                    failed += 1
                    print(f"not ok {number} {case.__doc__}\n# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
            if failed:
                agent.log.seek(0)
                print("# " + agent.log.read().replace("\n", "\n# "))
            if agent.process.poll() is None:
                agent.stop()
        finally:
            remove_topology()
    return 1 if failed else 0


if __name__ == "__main__":
    PROGRAM, TOOL = sys.argv[1], sys.argv[2]
    sys.exit(main())
