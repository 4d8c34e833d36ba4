# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private system bus, with roamd's bus policy, and the fake agent on it."""
import os
import subprocess
import tempfile
import time

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow own="org.freedesktop.PolicyKit1"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
    <allow own="org.freedesktop.resolve1"/>
    <allow send_destination="org.freedesktop.resolve1"/>
  </policy>
  {policy}
</busconfig>
"""
# Not root: roamd's own policy would keep the fake off the bus.
ANYBODY = '<policy context="default"><allow own="org.roamd"/><allow send_destination="org.roamd"/></policy>'
DEADLINE_S = 20


def wait_until(condition, what):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.01)


class Bus:
    """bus.address and bus.environment reach it while it runs."""

    def __init__(self, policy_file):
        self.directory = tempfile.TemporaryDirectory(prefix="roamd-bus-")
        os.chmod(self.directory.name, 0o755)
        self.socket = os.path.join(self.directory.name, "socket")
        policy = f"<include>{os.path.abspath(policy_file)}</include>" if os.geteuid() == 0 else ANYBODY
        self.config = os.path.join(self.directory.name, "bus.conf")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(socket=self.socket, policy=policy))
        self.address = f"unix:path={self.socket}"
        self.environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=self.address, NO_COLOR="1", TZ="UTC", LC_ALL="C")
        self.daemon = None

    def start(self):
        self.daemon = subprocess.Popen(["dbus-daemon", "--nofork", "--nopidfile", f"--config-file={self.config}"],
                                       stderr=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(self.socket), "dbus-daemon did not start")

    def stop(self):
        self.daemon.terminate()
        self.daemon.wait()
        if os.path.exists(self.socket):
            os.unlink(self.socket)

    def clean_up(self):
        self.stop()
        self.directory.cleanup()

    def has_owner(self, name):
        reply = subprocess.run(["dbus-send", f"--bus={self.address}", "--print-reply=literal",
                                "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.NameHasOwner",
                                f"string:{name}"], capture_output=True, text=True)
        return "boolean true" in reply.stdout


class FakeAgent:
    def __init__(self, program, bus):
        self.process = subprocess.Popen([program], env=bus.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        wait_until(lambda: bus.has_owner("org.roamd"), "the fake agent is not on the bus")

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def heard(self):
        return self.process.stdout.readline().strip()

    def stop(self):
        if not self.process.stdin.closed:
            self.process.stdin.close()
            self.process.wait(timeout=DEADLINE_S)
            self.process.stdout.close()
