#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-dispatcher-netns.py DISPATCHER ROAMCTL_PATH

A real NetworkManager, in a network and mount namespace of its own (name begins with rtm-), brings an
interface up and down; the hook must ask roamctl (here: a script that writes down its arguments) to
look again. Exit status 77 (skipped) without root or NetworkManager.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

DISPATCHER, ROAMCTL_PATH = sys.argv[1:3]
NAME = f"rtm-{os.getpid()}-nm"
NM_DISPATCHER = next((p for p in ("/usr/libexec/nm-dispatcher", "/usr/lib/NetworkManager/nm-dispatcher")
                      if os.path.exists(p)), None)
DEADLINE_S = 30

# In the mount namespace: its own /run, /etc/NetworkManager and directory of roamctl; a /sys that udev does not rule.
SETUP = """set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus {etc}/dispatcher.d/no-wait.d {etc}/system-connections
mount -o remount,ro,bind /sys 2>/dev/null || mount -t sysfs -o ro sysfs /sys
cp {dispatcher} {etc}/dispatcher.d/no-wait.d/90-roamd
chmod 755 {etc}/dispatcher.d/no-wait.d/90-roamd
ln -s no-wait.d/90-roamd {etc}/dispatcher.d/90-roamd
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
mount --bind {bin} {bindir}
dbus-daemon --system --nofork --nopidfile &
while [ ! -S /run/dbus/system_bus_socket ]; do sleep 0.05; done
{nm_dispatcher} --persist &
NetworkManager --no-daemon --log-level=WARN &
touch {directory}/ready
wait
"""


def sh(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)


def wait_for(condition, what):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.05)


class Machine:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        (self.directory / "etc").mkdir()
        (self.directory / "bin").mkdir()
        self.heard = self.directory / "heard"
        roamctl = self.directory / "bin" / "roamctl"
        roamctl.write_text(f'#!/bin/sh\nfor a in "$@"; do printf "<%s>" "$a"; done >> {self.heard}\n'
                           f"echo >> {self.heard}\nsleep 5\n")
        roamctl.chmod(0o755)
        sh("ip", "netns", "add", NAME)
        sh("ip", "-n", NAME, "link", "add", "eth0", "type", "veth", "peer", "name", "far")
        sh("ip", "-n", NAME, "link", "set", "far", "up")
        script = SETUP.format(etc=self.directory / "etc", bin=self.directory / "bin", dispatcher=DISPATCHER,
                              bindir=os.path.dirname(ROAMCTL_PATH), nm_dispatcher=NM_DISPATCHER,
                              directory=self.directory)
        self.process = subprocess.Popen(["ip", "netns", "exec", NAME, "unshare", "--mount", "--pid", "--fork",
                                         "--kill-child", "--mount-proc", "sh", "-c", script],
                                        stdout=subprocess.DEVNULL, stderr=open(self.directory / "log", "w"))
        wait_for(lambda: (self.directory / "ready").exists(), "the machine does not start")

    def nmcli(self, *arguments):
        # The namespace's child, not unshare itself: mounts and bus are there.
        child = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0]
        # -r: where the machine itself is a chroot, it stays in it.
        return subprocess.run(["nsenter", "-t", child, "-m", "-n", "-p", "-r", "nmcli", *arguments], capture_output=True, text=True,
                              timeout=60)

    def lines(self):
        return self.heard.read_text().splitlines() if self.heard.exists() else []

    def stop(self):
        self.process.send_signal(signal.SIGKILL)  # --kill-child takes everything with it
        self.process.wait()
        sh("ip", "netns", "del", NAME)


def run(machine):
    wait_for(lambda: "running" in machine.nmcli("-t", "-f", "RUNNING", "general").stdout, "NetworkManager does not run")
    added = machine.nmcli("connection", "add", "type", "ethernet", "ifname", "eth0", "con-name", "office",
                          "ipv4.method", "manual", "ipv4.addresses", "10.2.0.50/24", "ipv4.gateway", "10.2.0.1",
                          "ipv6.method", "disabled", "autoconnect", "no")
    assert added.returncode == 0, added.stderr
    began = time.monotonic()
    up = machine.nmcli("connection", "up", "office")
    assert up.returncode == 0, up.stderr
    wait_for(lambda: "<redetect><--no-wait><--reason><NetworkManager: up eth0><eth0>" in machine.lines(),
             f"no redetect after up: {machine.lines()}")
    down = machine.nmcli("connection", "down", "office")
    assert down.returncode == 0, down.stderr
    wait_for(lambda: "<redetect><--no-wait><--reason><NetworkManager: down eth0>" in machine.lines(),
             f"no redetect after down: {machine.lines()}")
    assert time.monotonic() - began < DEADLINE_S
    assert all(line.startswith("<redetect>") for line in machine.lines()), machine.lines()


def main():
    if os.geteuid() != 0 or not shutil.which("NetworkManager") or NM_DISPATCHER is None or not shutil.which("nmcli"):
        print("needs root and NetworkManager")
        return 77
    if not os.path.isdir(os.path.dirname(ROAMCTL_PATH)):
        print(f"needs {os.path.dirname(ROAMCTL_PATH)}, where the hook looks for roamctl")
        return 77
    with tempfile.TemporaryDirectory(prefix="roamd-nm-") as directory:
        machine = Machine(directory)
        try:
            run(machine)
        except Exception:
            print((machine.directory / "log").read_text(), file=sys.stderr)
            raise
        finally:
            machine.stop()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
