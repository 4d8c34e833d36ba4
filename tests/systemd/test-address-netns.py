#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-address-netns.py CONF

A real NetworkManager with roamd's drop-in CONF gets addresses from a real dnsmasq, each in a network
namespace of its own (names begin with rd-); what went over the cable is captured and judged: client
identifier (RFC 4361), probes, conflicts and announcements (RFC 5227). Exit status 77 (skipped) without
root or one of the programs.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

CONF = sys.argv[1]
NODE, SERVER = f"rd-{os.getpid()}-n", f"rd-{os.getpid()}-s"
DEADLINE_S = 30
NEEDED = ("NetworkManager", "nmcli", "dnsmasq", "tcpdump", "dbus-daemon")

SETUP = """set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus {etc}/conf.d {etc}/system-connections
mount -o remount,ro,bind /sys 2>/dev/null || mount -t sysfs -o ro sysfs /sys
mount -t tmpfs tmpfs /var/lib/NetworkManager
cp {conf} {etc}/conf.d/90-roamd.conf
cat > {etc}/NetworkManager.conf <<'END'
[main]
plugins=keyfile
auth-polkit=false
dhcp=internal
no-auto-default=*
dns=none
rc-manager=unmanaged
END
mount --bind {etc} /etc/NetworkManager
dbus-daemon --system --nofork --nopidfile &
while [ ! -S /run/dbus/system_bus_socket ]; do sleep 0.05; done
NetworkManager --no-daemon --log-level=INFO &
touch {directory}/ready{boot}
wait
"""

# Another host of the link that has an address: answers for it, and claims it when told to (a line on stdin).
OTHER_HOST = """
import select, socket, sys
mac, wanted = bytes.fromhex("020000000099"), socket.inet_aton(sys.argv[2])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
s.bind((sys.argv[1], 0x0806))
head = bytes.fromhex("0001080006040002")
print("ready", flush=True)
while True:
    for ready in select.select([s, sys.stdin], [], [])[0]:
        if ready is s:
            f = s.recv(128)
            if f[20:22] == b"\\0\\1" and f[38:42] == wanted and sys.argv[3] == "answer" and f[6:12] != mac:
                s.send(f[6:12] + mac + b"\\x08\\x06" + head + mac + wanted + f[22:28] + f[28:32])
        elif not sys.stdin.readline():
            sys.exit()
        else:
            s.send(b"\\xff" * 6 + mac + b"\\x08\\x06" + head[:7] + b"\\1" + mac + wanted + bytes(6) + wanted)
"""


def sh(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)


def wait_for(condition, what):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.05)


class Lab:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.children, self.boots = [], 0
        for name in (NODE, SERVER):
            sh("ip", "netns", "add", name)
        for i in (0, 1):
            sh("ip", "-n", NODE, "link", "add", f"eth{i}", "type", "veth", "peer", "name", f"far{i}", "netns", SERVER)
            sh("ip", "-n", SERVER, "address", "add", f"10.{7 + i}.0.1/24", "dev", f"far{i}")
            sh("ip", "-n", SERVER, "link", "set", f"far{i}", "up")
        # Exactly one address a link, given without a ping: whether it is free is the client's affair.
        self.spawn("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--no-ping", "--user=root",
                   "--bind-dynamic", "--interface=far0", "--interface=far1", "--dhcp-authoritative",
                   "--dhcp-range=10.7.0.50,10.7.0.50,255.255.255.0,1h", "--dhcp-range=10.8.0.50,10.8.0.50,255.255.255.0,1h",
                   f"--dhcp-leasefile={directory}/leases")
        for i in (0, 1):
            self.spawn("tcpdump", "-i", f"far{i}", "-U", "-s0", "-w", f"{directory}/far{i}.pcap", "arp or udp port 67 or udp port 68")
            wait_for(lambda: (self.directory / f"far{i}.pcap").exists(), "the capture does not start")
        self.manager = None
        self.boot()

    def spawn(self, *command, **kwargs):
        log = open(self.directory / f"log-{len(self.children)}", "w")
        process = subprocess.Popen(["ip", "netns", "exec", SERVER, *command], stdout=kwargs.pop("stdout", log), stderr=log, **kwargs)
        self.children.append(process)
        return process

    def boot(self):
        """A machine that starts with nothing remembered but its /etc."""
        if self.manager:
            self.manager.send_signal(signal.SIGKILL)  # --kill-child takes everything with it
            self.manager.wait()
            sh("ip", "-n", NODE, "address", "flush", "dev", "eth0")
        self.boots += 1
        etc = self.directory / f"etc{self.boots}"
        etc.mkdir()
        script = SETUP.format(etc=etc, conf=CONF, directory=self.directory, boot=self.boots)
        self.manager = subprocess.Popen(["ip", "netns", "exec", NODE, "unshare", "--mount", "--pid", "--fork", "--kill-child",
                                         "--mount-proc", "sh", "-c", script], stdout=subprocess.DEVNULL,
                                        stderr=open(self.directory / f"log-nm-{self.boots}", "w"))
        wait_for(lambda: (self.directory / f"ready{self.boots}").exists(), "the machine does not start")
        wait_for(lambda: "running" in self.nmcli("-t", "-f", "RUNNING", "general").stdout, "NetworkManager does not run")
        for i in (0, 1):
            added = self.nmcli("connection", "add", "type", "ethernet", "ifname", f"eth{i}", "con-name", f"office{i}",
                               "ipv6.method", "disabled", "autoconnect", "no", "ipv4.dhcp-timeout", "8")
            assert added.returncode == 0, added.stderr

    def nmcli(self, *arguments):
        child = pathlib.Path(f"/proc/{self.manager.pid}/task/{self.manager.pid}/children").read_text().split()[0]
        return subprocess.run(["nsenter", "-t", child, "-m", "-n", "-p", "-r", "nmcli", *arguments], capture_output=True,
                              text=True, timeout=60)

    def up(self, i, expected=0):
        # NetworkManager goes on trying; for a failure a few attempts are enough.
        result = self.nmcli("--wait", "30" if expected == 0 else "6", "connection", "up", f"office{i}")
        assert (result.returncode == 0) == (expected == 0), (result.returncode, result.stderr)

    def addresses(self, i):
        return [w.split("/")[0] for w in sh("ip", "-n", NODE, "-4", "-o", "address", "show", "dev", f"eth{i}").stdout.split() if "/" in w]

    def packets(self, i):
        from scapy.all import rdpcap
        try:
            return rdpcap(str(self.directory / f"far{i}.pcap"))
        except Exception:  # not a whole header yet
            return []

    def other_host(self, address, mode):
        process = self.spawn("/usr/bin/python3", "-c", OTHER_HOST, "far0", address, mode, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        return process

    def stop(self):
        for process in self.children + [self.manager]:
            if process:
                process.kill()
                process.wait()
        for name in (NODE, SERVER):
            subprocess.run(["ip", "netns", "del", name], check=False)


def arps(lab, i, mac):
    from scapy.all import ARP, Ether
    return [(float(p.time), p[Ether].dst, p[ARP]) for p in lab.packets(i) if ARP in p and p[ARP].hwsrc == mac]


def probes(lab, i, mac, address):
    return [a for a in arps(lab, i, mac) if a[2].op == 1 and a[2].psrc == "0.0.0.0" and a[2].pdst == address]


def announcements(lab, i, mac, address):
    return [a for a in arps(lab, i, mac) if a[2].psrc == address and a[2].pdst == address]


def dhcp(lab, i, kind):
    """Of the client: the messages of one type, each as a dictionary of options."""
    from scapy.all import DHCP
    found = []
    for p in lab.packets(i):
        if DHCP in p:
            options = {o[0]: o[1] for o in p[DHCP].options if isinstance(o, tuple)}
            if options.get("message-type") == kind:
                found.append((float(p.time), options))
    return found


DISCOVER, REQUEST, DECLINE = 1, 3, 4


def mac_of(i):
    return sh("ip", "-n", NODE, "-o", "link", "show", "dev", f"eth{i}").stdout.split("link/ether ")[1].split()[0]


def identifier(lab, i):
    wait_for(lambda: dhcp(lab, i, REQUEST), "no DHCPREQUEST was captured")
    return bytes(dhcp(lab, i, REQUEST)[-1][1]["client_id"])


# covers: MIP-DNA-019, MIP-DNA-020
def check_identifier(lab):
    first, second = identifier(lab, 0), identifier(lab, 1)
    for value in (first, second):
        assert value[0] == 255, value.hex()
        # RFC 8415 11: the types of DUID that exist.
        assert int.from_bytes(value[5:7], "big") in (1, 2, 3, 4) and len(value) > 10, value.hex()
        assert bytes.fromhex(mac_of(0).replace(":", "")) not in value and bytes.fromhex(mac_of(1).replace(":", "")) not in value
    assert first[5:] == second[5:], "another DUID on another interface"
    assert first[1:5] != second[1:5], "the same IAID on another interface"
    # Another network card, and a start of the machine that remembers nothing: the same.
    assert lab.nmcli("connection", "down", "office0").returncode == 0
    sh("ip", "-n", NODE, "link", "set", "eth0", "address", "02:00:00:00:07:77")
    lab.boot()
    seen = len(dhcp(lab, 0, REQUEST))
    lab.up(0)
    wait_for(lambda: len(dhcp(lab, 0, REQUEST)) > seen, "no DHCPREQUEST after the start")
    assert identifier(lab, 0) == first, (identifier(lab, 0).hex(), first.hex())


# covers: MIP-DNA-016
def check_probes(lab, mac, address):
    wait_for(lambda: len(announcements(lab, 0, mac, address)) >= 2, "fewer than two announcements")
    asked, told = probes(lab, 0, mac, address), announcements(lab, 0, mac, address)
    assert len(asked) == 3, [a[2].summary() for a in asked]
    assert all(dst == "ff:ff:ff:ff:ff:ff" and a.hwdst == "00:00:00:00:00:00" for _, dst, a in asked)
    assert asked[-1][0] < told[0][0]
    mine = [a for a in arps(lab, 0, mac) if a[2].psrc == address]
    assert mine[0][0] == told[0][0], "used before it was announced"
    assert told[1][0] - told[0][0] > 1.9, "announcements are two seconds apart"
    return told


def check_unscaled(lab):
    """What the drop-in says of 9000: the times of RFC 5227 1.1."""
    mac = mac_of(1)
    assert lab.nmcli("connection", "modify", "office1", "ipv4.dad-timeout", "9000").returncode == 0
    lab.up(1)
    wait_for(lambda: announcements(lab, 1, mac, "10.8.0.50"), "no announcement")
    asked = [t for t, _, _ in probes(lab, 1, mac, "10.8.0.50")]
    times = asked + [announcements(lab, 1, mac, "10.8.0.50")[0][0]]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    print(f"# unscaled: {[round(g, 2) for g in gaps]}")
    # A busy machine may be late, but never early.
    assert len(asked) == 3 and all(g > 0.9 for g in gaps[:2]) and gaps[2] > 1.9, gaps


# covers: MIP-DNA-017
def check_defence(lab, mac, address):
    """Another host claims the address three times in two seconds: one defence, or the address is given up."""
    before = len(announcements(lab, 0, mac, address))
    other = lab.other_host(address, "claim")
    for _ in range(3):
        other.stdin.write("\n")
        other.stdin.flush()
        time.sleep(0.7)
    defences = len(announcements(lab, 0, mac, address)) - before
    print(f"# defences: {defences}, addresses: {lab.addresses(0)}")
    assert defences == 1 or address not in lab.addresses(0)
    other.kill()


def check_conflict(lab):
    """Somebody has the address that DHCP gives: it is declined and never used."""
    assert lab.nmcli("connection", "down", "office0").returncode == 0
    mac = mac_of(0)
    other = lab.other_host("10.7.0.50", "answer")
    before, declined = len(arps(lab, 0, mac)), len(dhcp(lab, 0, DECLINE))
    lab.up(0, expected=1)
    assert len(dhcp(lab, 0, DECLINE)) > declined, "the server was not told"
    assert not lab.addresses(0), lab.addresses(0)
    assert all(a[2].psrc != "10.7.0.50" for a in arps(lab, 0, mac)[before:]), "it was used"
    other.kill()


def run(lab):
    mac = mac_of(0)
    lab.up(0)
    assert lab.addresses(0) == ["10.7.0.50"], lab.addresses(0)
    told = check_probes(lab, mac, "10.7.0.50")
    print(f"# announcements: {[round(t[0] - told[0][0], 2) for t in told]}")
    check_unscaled(lab)
    check_defence(lab, mac, "10.7.0.50")
    check_identifier(lab)
    check_conflict(lab)


def main():
    missing = [name for name in NEEDED if not shutil.which(name)]
    try:
        import scapy  # noqa: F401
    except ImportError:
        missing.append("scapy")
    if os.geteuid() != 0 or missing:
        print("needs root and", ", ".join(NEEDED + ("scapy",)))
        return 77
    with tempfile.TemporaryDirectory(prefix="roamd-nm-") as directory:
        lab = None
        try:
            lab = Lab(directory)
            run(lab)
        except Exception:
            for log in sorted(pathlib.Path(directory).glob("log-*")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}", file=sys.stderr)
            raise
        finally:
            if lab:
                lab.stop()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
