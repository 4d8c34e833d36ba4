#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-had-restart.py ROAM_HAD MN_TOOL

What a restart of roam-had does to sessions, on real links in namespaces of its own: SIGTERM, kill -9, a
service manager that keeps the TUN device; the store; SIGHUP; the control socket. TAP on stdout; exit
status 77 (skipped) without root, namespaces or TUN. The silence that each restart causes is printed as a
comment.
"""
import array, hashlib, hmac, importlib.util, json, os, pathlib, re, select, signal, socket, struct, subprocess, sys
import tempfile, threading, time, traceback

spec = importlib.util.spec_from_file_location("had_netns", pathlib.Path(__file__).with_name("test-had-netns.py"))
netns = importlib.util.module_from_spec(spec)
spec.loader.exec_module(netns)
HA, RT, MN, CN = names = [f"rh-{os.getpid()}-{x}" for x in ("ha", "rt", "mn", "cn")]
netns.HA, netns.RT, netns.MN, netns.CN = names
from_netns = ("sh", "udp", "raw", "wait_for", "HOA", "COA", "COA2", "AGENT", "CORR", "KEY",
              "who_has", "HA_MAC")
sh, udp, raw, wait_for, HOA, COA, COA2, AGENT, CORR, KEY, who_has, HA_MAC = (getattr(netns, name) for name in from_netns)


class Manager(netns.Agent):
    """Starts roam-had with a store; with keep_tun as a service manager that keeps descriptors."""

    def __init__(self, program, directory):
        self.keep_tun, self.tun, self.manager = False, None, None
        super().__init__(program, directory)

    def config(self, extra="", nodes=""):
        store = f"store={self.dir / 'state.db'}\n"
        (self.dir / "home-agent.conf").write_text(netns.CONFIG.replace("tun-name=", store + extra + "tun-name=") + nodes)

    def start(self):
        self.config()
        self.launch()

    def launch(self):
        self.status.unlink(missing_ok=True)
        command = [self.program, "--config", str(self.dir / "home-agent.conf"), "--status-file", str(self.status),
                   "--control", str(self.control), "--log-level", "debug"]
        environment = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "LISTEN_FDS")}
        inherited = ()
        if self.keep_tun:
            path = str(self.dir / "notify")
            if self.manager is None:
                self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self.manager.bind(path)
            environment["NOTIFY_SOCKET"] = path
            if self.tun is not None:
                # sd_listen_fds() counts from 3; the process has to be the one that is meant.
                environment.update(LISTEN_FDS="1", LISTEN_FDNAMES="tun")
                inherited = (self.tun,)
                command = ["sh", "-c", f'export LISTEN_PID=$$; exec 3<&{self.tun} "$@"', "sh"] + command
        self.process = subprocess.Popen(["ip", "netns", "exec", HA] + command, stderr=self.log, stdout=self.log,
                                        env=environment, pass_fds=inherited)
        wait_for(lambda: self.status.exists(), "roam-had started", 10)
        if self.keep_tun:
            self.take_descriptors()

    def take_descriptors(self):
        while select.select([self.manager], [], [], 0.5)[0]:
            data, ancillary, _, _ = self.manager.recvmsg(4096, socket.CMSG_SPACE(16))
            for level, kind, octets in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds = array.array("i")
                    fds.frombytes(octets[:4])
                    assert b"FDSTORE=1" in data and b"FDNAME=tun" in data, data
                    if self.tun is not None:
                        os.close(self.tun)
                    self.tun = os.dup(fds[0])
                    os.close(fds[0])

    def forget_tun(self):
        self.keep_tun = False
        if self.tun is not None:
            os.close(self.tun)
            self.tun = None

    def kill(self):
        self.process.kill()
        self.process.wait(10)


class Stream:
    """A packet every two milliseconds to the home address; what arrives in the tunnel is timed."""

    def __enter__(self):
        self.cn, self.tunnel, self.seen, self.on = udp(CN, CORR, 0), raw(MN, COA), [], True
        self.tunnel.settimeout(0.1)
        self.threads = [threading.Thread(target=self.send), threading.Thread(target=self.receive)]
        for thread in self.threads:
            thread.start()
        wait_for(lambda: len(self.seen) > 20, "the stream flows")
        return self

    def send(self):
        self.n = 0
        while self.on:
            self.cn.sendto(struct.pack("!I", self.n), (HOA, 7001))
            self.n += 1
            time.sleep(0.002)

    def receive(self):
        while self.on:
            try:
                packet = self.tunnel.recv(2000)
            except (TimeoutError, socket.timeout):
                continue
            self.seen.append((time.monotonic(), struct.unpack("!I", packet[-4:])[0]))

    def __exit__(self, *_):
        time.sleep(0.3)
        self.on = False
        for thread in self.threads:
            thread.join()
        self.cn.close(), self.tunnel.close()

    def gap_ms(self):
        times = [t for t, _ in self.seen]
        return max(b - a for a, b in zip(times, times[1:])) * 1000

    def lost(self):
        return self.seen[-1][1] - self.seen[0][1] + 1 - len(self.seen)


def request(identification, care_of=COA, lifetime=300):
    fixed = struct.pack("!BBH4s4s4sQ", 1, 0x22, lifetime, *(socket.inet_aton(a) for a in (HOA, AGENT, care_of)), identification)
    fixed += struct.pack("!BBI", 32, 36, 4096)
    return fixed + hmac.new(bytes.fromhex(KEY), fixed, hashlib.sha256).digest()


def ntp(offset=0.0):
    return int((time.time() + offset + 2208988800) * 2**32)


class Test:
    def __init__(self, had, tool):
        self.had, self.tool = had, tool

    def mn(self, *args, care_of=COA):
        return sh(self.tool, "--home", HOA, "--agent", AGENT, "--care-of", care_of, "--key", KEY, *args, ns=MN).stdout.strip()

    def register(self):
        assert self.mn().startswith("accepted")
        wait_for(lambda: [b["care-of-address"] for b in self.had.bindings()] == [COA], "the binding")

    def check_restored(self):
        assert [b["care-of-address"] for b in self.had.bindings()] == [COA], self.had.bindings()
        assert "dev had0" in sh("ip", "route", "get", HOA, ns=HA).stdout
        assert who_has(HOA) == [HA_MAC]

    # covers: MIP-HA-020
    def terminated(self):
        """sigterm-and-start-nobody-registers-again"""
        self.register()
        with Stream() as stream:
            assert self.had.stop() == 0
            assert who_has(HOA) == []
            self.had.launch()
            self.check_restored()
        print(f"# SIGTERM and start: {stream.gap_ms():.0f} ms of silence, {stream.lost()} packets lost")
        assert stream.gap_ms() < 3000, stream.gap_ms()

    def killed(self):
        """kill-9-and-start-nobody-registers-again"""
        self.register()
        with Stream() as stream:
            self.had.kill()
            self.had.launch()
            self.check_restored()
        print(f"# kill -9 and start: {stream.gap_ms():.0f} ms of silence, {stream.lost()} packets lost")
        assert stream.gap_ms() < 3000, stream.gap_ms()

    def kept(self):
        """service-manager-keeps-the-device-so-packets-wait"""
        self.had.stop()
        self.had.keep_tun = True
        self.had.launch()
        assert self.had.tun is not None, "the device was handed over"
        self.register()
        for end in (self.had.stop, self.had.kill):
            with Stream() as stream:
                end()
                assert "dev had0" in sh("ip", "route", "get", HOA, ns=HA).stdout, "the route stays"
                self.had.launch()
                self.check_restored()
            print(f"# device kept: {stream.gap_ms():.0f} ms of silence, {stream.lost()} packets lost")
            assert stream.lost() == 0, stream.lost()
        # A node that is gone from the store is gone from the links, too.
        self.had.kill()
        (self.had.dir / "state.db").unlink()
        for extra in ("-wal", "-shm"):
            (self.had.dir / ("state.db" + extra)).unlink(missing_ok=True)
        self.had.launch()
        assert self.had.bindings() == []
        assert "dev had0" not in sh("ip", "route", "get", HOA, ns=HA).stdout
        assert who_has(HOA) == []
        self.had.kill()
        self.had.forget_tun()
        self.had.launch()

    # covers: MIP-IDN-022, MIP-IDN-023, MIP-IDN-026
    def replayed(self):
        """request-from-before-the-restart-is-refused"""
        node = udp(MN, COA, 5434)
        old, new = request(ntp()), request(ntp(0.001))
        for octets in (old, new):
            node.sendto(octets, (AGENT, 434))
            reply = node.recv(500)
            assert reply[0] == 3 and reply[1] in (0, 1), reply.hex()
        self.had.kill()
        self.had.launch()
        node.sendto(old, (AGENT, 434))
        reply = node.recv(500)
        assert reply[1] == 133, reply.hex()
        # Deregistered, restarted: what registered it does not work again.
        node.sendto(request(ntp(0.5), lifetime=0), (AGENT, 434))
        assert node.recv(500)[1] == 0
        self.had.kill()
        self.had.launch()
        assert self.had.bindings() == []
        node.sendto(new, (AGENT, 434))
        assert node.recv(500)[1] == 133
        assert self.had.bindings() == []
        time.sleep(0.6)
        node.close()

    def expired(self):
        """what-expired-meanwhile-is-not-restored"""
        assert "lifetime=2" in self.mn("--lifetime", "2")
        self.had.kill()
        time.sleep(2.1)
        self.had.launch()
        assert self.had.bindings() == []
        assert "dev had0" not in sh("ip", "route", "get", HOA, ns=HA).stdout
        assert who_has(HOA) == []

    def unwritable(self):
        """service-without-a-store-is-better-than-none"""
        self.had.stop()
        text = (self.had.dir / "home-agent.conf").read_text()
        (self.had.dir / "home-agent.conf").write_text(re.sub("store=.*", "store=/nonexistent/state.db", text))
        self.had.launch()
        self.register()
        assert json.loads(self.had.ask("status", "--json").stdout)["store"] == "off"
        self.had.stop()
        (self.had.dir / "home-agent.conf").write_text(text)
        self.had.launch()

    def reloaded(self):
        """sighup-changes-nodes-and-keeps-bindings"""
        self.register()
        other = ["--home", "10.1.0.101", "--agent", AGENT, "--care-of", COA2, "--key", KEY, "--copies", "1"]
        assert sh(self.tool, *other, ns=MN).stdout.startswith("exhausted")
        self.had.config(nodes="\n[node 10.1.0.101]\nspi=4096\nkey-file=mn-ha.key\n")
        self.had.process.send_signal(signal.SIGHUP)
        wait_for(lambda: json.loads(self.had.ask("status", "--json").stdout)["nodes"] == 2, "the new node")
        assert sh(self.tool, *other, ns=MN).stdout.startswith("accepted")
        wait_for(lambda: len(self.had.bindings()) == 2, "both bindings")
        # A fault changes nothing.
        self.had.config(extra="colour=red\n")
        self.had.process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        assert json.loads(self.had.ask("status", "--json").stdout)["nodes"] == 2
        # A node that is gone is intercepted no more.
        self.had.config()
        self.had.process.send_signal(signal.SIGHUP)
        wait_for(lambda: [b["home-address"] for b in self.had.bindings()] == [HOA], "one binding")
        assert who_has("10.1.0.101") == []

    def commands(self):
        """commands-of-the-control-socket"""
        self.register()
        assert f"Home agent {AGENT} on home" in self.had.ask("status").stdout
        lines = self.had.ask("bindings").stdout.splitlines()
        assert len(lines) == 2 and lines[1].split()[:3] == [HOA, COA, "ip-in-ip"], lines
        assert json.loads(self.had.ask("bindings", "--json").stdout)["bindings"][0]["home-address"] == HOA
        assert "store-commits" in self.had.ask("counters").stdout
        for command, status, words in ((["revoke", "elsewhere"], 1, "found 'elsewhere'"), (["dance"], 2, "allowed: status"),
                                       (["revoke", "10.1.0.99"], 1, "has no binding")):
            out = self.had.ask(*command)
            assert out.returncode == status and words in out.stderr, out
        assert "Revoked 1 binding of " + HOA in self.had.ask("revoke", HOA).stdout
        assert json.loads(self.had.ask("bindings", "--json").stdout)["bindings"] == []
        assert who_has(HOA) == []
        assert (self.had.control.stat().st_mode & 0o777) == 0o600
        self.had.stop()
        out = self.had.ask("status")
        assert out.returncode == 1 and "not running" in out.stderr, out


def main():
    if not netns.can_run():
        print("1..0 # SKIP needs root, network namespaces and /dev/net/tun")
        return 77
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        try:
            netns.make_topology()
            agent = Manager(PROGRAM, directory)
            test = Test(agent, TOOL)
            cases = [test.terminated, test.killed, test.kept, test.replayed, test.expired, test.unwritable, test.reloaded,
                     test.commands]
            print(f"1..{len(cases)}", flush=True)
            for number, case in enumerate(cases, 1):
                try:
                    case()
                    print(f"ok {number} {case.__doc__}", flush=True)
                except Exception:  # a failed case must not hide the next ones
                    failed += 1
                    print(f"not ok {number} {case.__doc__}\n# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
            if failed:
                agent.log.seek(0)
                print("# " + agent.log.read().replace("\n", "\n# "))
            if agent.process.poll() is None:
                agent.stop()
        finally:
            netns.remove_topology()
    return 1 if failed else 0


if __name__ == "__main__":
    PROGRAM, TOOL = sys.argv[1], sys.argv[2]
    sys.exit(main())
