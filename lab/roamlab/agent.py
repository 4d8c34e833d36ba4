# SPDX-License-Identifier: LGPL-2.1-or-later
"""roamd on the mobile node, roam-had on the home link, and a private system bus between roamd and roamctl."""
import json
import os
import secrets
import signal

from . import names, strongswan
from .names import namespace
from .system import LabError, Process, in_namespace, run, wait_until

MN = names.RUN / "mn"
SOCKET = "/run/dbus/system_bus_socket"  # in the MN's own /run
SPI = 4096
AGENT_SPI = 5000  # between foreign and home agent

HOME_AGENT_CONF = """\
[home-agent]
address={home_agent}
interface=eth0
home-network=10.1.0.0/24
trusted-networks=10.0.0.0/8
max-lifetime=1800
tun-name=had0
store={directory}/bindings.db
control={directory}/control
[node {home_address}]
spi={spi}
algorithm=hmac-sha-256
key-file={key}
nai={nai}
[foreign-agent {care_of}]
spi={agent_spi}
key-file={agent_key}
"""

FOREIGN_AGENT_CONF = """\
[foreign-agent]
interface=int3
address={address}/24
care-of-address={care_of}
uplink=core
routes-common-traffic=yes
revocation=yes
tun-name=fad0
[home-agent {home_agent}]
spi={agent_spi}
key-file={agent_key}
"""

PROFILE = """\
[mobile-ip]
home-address={home_address}/24
home-agent={home_agent}
nai={nai}
spi={spi}
algorithm=hmac-sha-256
key-file=mn-ha.key
foreign-agent=prefer
[vpn]
gateway={gateway}
local-id={nai}
remote-id={gateway_id}
{auth}
"""

# Only the lab's own processes can reach this bus; what a caller may do is polkit's affair on a real machine.
BUS_CONF = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""

# What systemd's Restart=always does for one process; ends it on SIGTERM.
SUPERVISOR = """\
trap 'stop=1; kill -TERM $child 2>/dev/null' TERM INT
while :; do
  "$@" &
  child=$!
  echo $child > {pidfile}
  wait $child; status=$?
  while kill -0 $child 2>/dev/null; do wait $child; status=$?; done
  echo "supervisor: exit status $status" >&2
  [ -n "$stop" ] && exit 0
  [ $status = 78 ] || [ $status = 2 ] && exit $status
  sleep {restart_seconds}
done
"""


def program(relative):
    path = names.BUILD / relative
    if not path.exists():
        raise LabError(f"{path}: not built (meson setup {names.BUILD.name} && ninja -C {names.BUILD.name})")
    return path


def _secret_file(path, text):
    path.touch(mode=0o600)
    path.write_text(text)


def _key(name="mn-ha"):
    """A key of this lab: 256 bit, made once."""
    path = names.RUN / f"{name}.key"
    if not path.exists():
        _secret_file(path, secrets.token_hex(32) + "\n")
    return path


class HomeAgent:
    """roam-had in roam-ha."""

    def __init__(self):
        self.process = Process("roam-had")
        self.directory = names.RUN / "ha"
        self.status_file = self.directory / "status"

    def start(self, log_level="info"):
        self.directory.mkdir(exist_ok=True)
        conf = self.directory / "home-agent.conf"
        conf.write_text(HOME_AGENT_CONF.format(home_agent=names.HOME_AGENT, home_address=names.HOME_ADDRESS, spi=SPI,
                                               key=_key(), nai=names.CLIENT_ID, directory=self.directory,
                                               care_of=names.FOREIGN_AGENT_CARE_OF, agent_spi=AGENT_SPI,
                                               agent_key=_key("fa-ha")))
        self.process.start(in_namespace("ha", program("mip4/roam-had"), "--config", conf, "--status-file",
                                        self.status_file, "--log-level", log_level))
        up = wait_until(lambda: not self.process.pid() or "had0" in run(*in_namespace("ha", "ls", "/sys/class/net")), 5)
        if not up or not self.process.pid():
            raise LabError("roam-had does not start:\n" + self.process.tail())

    def ask(self, *words):
        """What the running one answers to a command over its control socket, as JSON."""
        return json.loads(run(*in_namespace("ha", program("mip4/roam-had"), "--json", "--control",
                                            self.directory / "control", *words)))

    def kill(self):
        self.process.stop(signal.SIGKILL)

    def stop(self):
        self.process.stop()


class ForeignAgent:
    """roam-fad in roam-fa, on int3; its care-of address is on the side of the enterprise."""

    def __init__(self):
        self.process = Process("roam-fad")
        self.directory = names.RUN / "fa"

    def start(self, log_level="info"):
        self.directory.mkdir(exist_ok=True)
        conf = self.directory / "foreign-agent.conf"
        conf.write_text(FOREIGN_AGENT_CONF.format(address=names.FOREIGN_AGENT, care_of=names.FOREIGN_AGENT_CARE_OF,
                                                  home_agent=names.HOME_AGENT, agent_spi=AGENT_SPI,
                                                  agent_key=_key("fa-ha")))
        self.process.start(in_namespace("fa", program("mip4/roam-fad"), "--config", conf, "--control",
                                        self.directory / "control", "--log-level", log_level))
        up = wait_until(lambda: not self.process.pid() or "fad0" in run(*in_namespace("fa", "ls", "/sys/class/net")), 5)
        if not up or not self.process.pid():
            raise LabError("roam-fad does not start:\n" + self.process.tail())

    def stop(self):
        self.process.stop()


class MobileNode:
    """The MN's own /run with its own system bus. A holder process keeps the mount namespace."""

    def __init__(self):
        self.holder = Process("mn-holder")
        self.bus = Process("mn-bus")

    def start(self):
        private_run = MN / "run"
        private_run.mkdir(parents=True, exist_ok=True)
        lab = private_run / names.RUN.name
        # A tmpfs becomes /run; the lab's own directory stays visible in it under the same name.
        script = (f"mount -t tmpfs -o mode=755 tmpfs {private_run}\n"
                  f"mkdir {lab} {private_run}/dbus {private_run}/roamd {private_run}/lock\n"
                  f"mount --bind {names.RUN} {lab}\n"
                  f"mount --rbind {private_run} /run\n"
                  "touch /run/ready\n"
                  "exec sleep infinity\n")
        self.holder.start(in_namespace("mn", "unshare", "--mount", "--propagation", "private", "sh", "-ec", script))
        if not wait_until(lambda: self.holder.pid() and self._ready(), 5):
            raise LabError("the mobile node's mount namespace does not come up:\n" + self.holder.tail())
        (MN / "bus.conf").write_text(BUS_CONF.format(socket=SOCKET))
        self.bus.start(self.inside("dbus-daemon", "--nofork", "--nopidfile", "--config-file", MN / "bus.conf"))
        if not wait_until(lambda: self._exists(SOCKET), 5):
            raise LabError("the mobile node's bus does not start:\n" + self.bus.tail())

    def _exists(self, path):
        return os.path.exists(f"/proc/{self.holder.pid()}/root{path}")

    def _ready(self):
        return self._exists("/run/ready")

    def inside(self, *argv):
        """@argv as run on the MN: its network, its mounts."""
        pid = self.holder.pid()
        if not pid:
            raise LabError("the lab is not up (sudo lab/lab up)")
        # --root: a lab in a chroot stays in it
        return ["nsenter", f"--net=/run/netns/{namespace('mn')}", f"--mount=/proc/{pid}/ns/mnt",
                f"--root=/proc/{pid}/root", "--wd=/", *map(str, argv)]

    def stop(self):
        self.bus.stop()
        self.holder.stop()


class Roamd:
    """The agent under its supervisor, with the lab's profile."""

    def __init__(self, node=None):
        self.node = node or MobileNode()
        self.process = Process("roamd")
        self.pid_file = MN / "roamd.pid"

    def write_profile(self, certificates=False, extra=""):
        """The lab's profile; @extra is appended: groups and keys of a case."""
        MN.mkdir(exist_ok=True)
        _secret_file(MN / "mn-ha.key", _key().read_text())
        if certificates:
            pki = strongswan.make_certificates()
            auth = (f"auth=certificate\ncertificate-file={pki}/client.pem\nprivate-key-file={pki}/client.key\n"
                    f"ca-file={pki}/ca.pem")
        else:
            _secret_file(MN / "vpn.psk", strongswan.psk() + "\n")
            auth = "auth=psk\npsk-file=vpn.psk"
        profile = MN / "profile.conf"
        profile.write_text(PROFILE.format(home_address=names.HOME_ADDRESS, home_agent=names.HOME_AGENT, spi=SPI,
                                          nai=names.CLIENT_ID, gateway=names.GATEWAY, gateway_id=names.GATEWAY_ID,
                                          auth=auth) + extra)
        return profile

    def start(self, certificates=False, extra="", log_level="info", restart_seconds=0.1):
        """@restart_seconds: RestartSec of the unit; systemd's default is 0.1."""
        profile = self.write_profile(certificates, extra)
        (MN / "state").mkdir(exist_ok=True)
        script = SUPERVISOR.format(pidfile=self.pid_file, restart_seconds=restart_seconds)
        self.process.start(self.node.inside("sh", "-c", script, "supervisor", program("agent/roamd"),
                                            "--profile", profile, "--state-dir", MN / "state",
                                            "--runtime-dir", "/run/roamd", "--log-level", log_level))
        if not wait_until(lambda: not self.process.pid() or self.status() is not None, 5):
            raise LabError("roamd does not answer on its bus:\n" + self.process.tail())
        if not self.process.pid():
            raise LabError("roamd does not start:\n" + self.process.tail())

    def pid(self):
        """Of roamd itself, not of its supervisor."""
        try:
            return int(self.pid_file.read_text())
        except (OSError, ValueError):
            return None

    def kill(self, sig=signal.SIGKILL):
        pid = self.pid()
        if not pid:
            raise LabError("roamd does not run")
        os.kill(pid, sig)

    def status(self):
        """{property: value} of org.roamd.Agent1, or None while roamd does not answer."""
        command = self.node.inside("busctl", "--json=short", f"--address=unix:path={SOCKET}", "call",
                                   "org.roamd", "/org/roamd", "org.freedesktop.DBus.Properties", "GetAll", "s",
                                   "org.roamd.Agent1")
        try:
            answer = json.loads(run(*command))
        except (LabError, ValueError):
            return None
        return {key: value["data"] for key, value in answer["data"][0].items()}

    def wait_mode(self, *modes, seconds=10.0):
        """Waits until roamd is in one of @modes; returns its status."""
        status = {}

        def there():
            nonlocal status
            status = self.status() or {}
            return status.get("Mode") in modes
        if not wait_until(there, seconds, step=0.05):
            raise LabError(f"roamd is in mode '{status.get('Mode', 'not running')}' instead of {' or '.join(modes)} "
                           f"after {seconds:g} s: {status.get('Sentence', '')}\n" + self.process.tail())
        return status

    def stop(self):
        self.process.stop()
