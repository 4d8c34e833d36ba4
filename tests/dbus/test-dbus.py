#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The D-Bus adaptor on a private bus, with a fake agent behind it: test-dbus.py FAKE_AGENT POLICY XML"""
import os
import subprocess
import sys
import tempfile
import unittest

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fake"))
import outcome  # noqa: E402
from bus import Bus, FakeAgent, wait_until  # noqa: E402

FAKE, POLICY, XML = sys.argv[1:4]
NAME, PATH, INTERFACE = "org.roamd", "/org/roamd", "org.roamd.Agent1"
NOBODY = 65534


class Client:
    """One connection that remembers the signals it got."""

    def __init__(self, bus):
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.connection = Gio.DBusConnection.new_for_address_sync(bus.address, flags, None, None)
        self.connection.set_exit_on_close(False)
        self.signals = []
        self.connection.signal_subscribe(NAME, None, None, PATH, None, Gio.DBusSignalFlags.NONE,
                                         lambda *a: self.signals.append((a[4], a[5].unpack())))
        # The subscription is a message that nobody waits for; an answered one behind it says that it arrived.
        self.connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId", None,
                                  None, Gio.DBusCallFlags.NONE, 10000, None)

    def call(self, method, signature="()", values=(), interface=INTERFACE):
        return self.connection.call_sync(NAME, PATH, interface, method, GLib.Variant(signature, values), None,
                                         Gio.DBusCallFlags.NONE, 10000, None).unpack()

    def get(self, name):
        return self.call("Get", "(ss)", (INTERFACE, name), "org.freedesktop.DBus.Properties")[0]

    def get_all(self):
        return self.call("GetAll", "(s)", (INTERFACE,), "org.freedesktop.DBus.Properties")[0]

    def wait_signal(self, name):
        def arrived():
            while GLib.MainContext.default().iteration(False):
                pass
            return any(s[0] == name for s in self.signals)
        wait_until(arrived, f"no signal {name}")
        found = next(s for s in self.signals if s[0] == name)
        self.signals.remove(found)
        return found[1]


def call_as_nobody(bus, method, *arguments):
    """gdbus as another user; its output and exit status."""
    command = ["gdbus", "call", "--address", bus.address, "--dest", NAME, "--object-path", PATH, "--method",
               f"{INTERFACE}.{method}", *arguments]
    if os.geteuid() == 0:
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


class Adaptor(unittest.TestCase):
    def setUp(self):
        self.bus = Bus(POLICY)
        self.bus.start()
        self.addCleanup(self.bus.clean_up)
        self.agent = FakeAgent(FAKE, self.bus)
        self.addCleanup(lambda: self.agent.stop())
        self.client = Client(self.bus)
        self.addCleanup(lambda: self.client.connection.close_sync(None))

    def test_every_property_of_the_xml(self):
        with open(XML, encoding="utf-8") as f:
            info = Gio.DBusNodeInfo.new_for_xml(f.read()).lookup_interface(INTERFACE)
        values = self.client.get_all()
        self.assertEqual(set(values), {p.name for p in info.properties})
        self.assertEqual(values["Mode"], "c")
        self.assertEqual(values["HomeAddress"], "10.1.0.100")
        self.assertTrue(values["Enabled"])
        self.assertEqual(values["SinceMs"], 125000)
        self.assertEqual(values["Links"][0]["name"], "eth0")
        self.assertEqual(values["Links"][0]["proof-age-ms"], 12000)

    def test_getall_is_one_snapshot(self):
        # The fake counts how often it was asked: once for all properties, and once more the next time.
        first = self.client.get_all()["Counters"]["test.reads"]
        second = self.client.get_all()["Counters"]["test.reads"]
        self.assertEqual(second, first + 1)

    def test_unknown_property(self):
        with self.assertRaises(GLib.Error):
            self.client.get("NoSuch")

    def test_foreign_agent(self):
        self.agent.say("foreign 10.2.0.9")
        _, changed, _ = self.client.wait_signal("PropertiesChanged")
        self.assertEqual((changed["ForeignAgent"], changed["MipNat"], changed["Message"]),
                         ("10.2.0.9", True, "maintenance at noon"))
        self.assertNotIn("MessageAuthentic", changed)  # false before and after
        self.assertIs(self.client.get("MessageAuthentic"), False)

    def test_properties_changed_and_state_changed(self):
        self.agent.say("mode mc wlan0")
        interface, changed, invalidated = self.client.wait_signal("PropertiesChanged")
        self.assertEqual(interface, INTERFACE)
        self.assertEqual(changed["Mode"], "mc")
        self.assertEqual(changed["Interface"], "wlan0")
        self.assertEqual(changed["Generation"], 2)
        self.assertNotIn("HomeAddress", changed)  # did not change
        self.assertNotIn("SinceMs", changed)      # an age
        self.assertNotIn("Counters", changed)
        self.assertEqual(invalidated, [])
        self.assertEqual(self.client.wait_signal("StateChanged"), ("c", "mc", "the home agent answered"))
        self.assertEqual(self.client.get("Mode"), "mc")

    def test_no_state_changed_without_another_mode(self):
        self.agent.say("advice Wait.")
        _, changed, _ = self.client.wait_signal("PropertiesChanged")
        self.assertEqual(changed["Advice"], "Wait.")
        self.agent.say("mode c eth0")
        self.client.wait_signal("PropertiesChanged")
        self.assertFalse([s for s in self.client.signals if s[0] == "StateChanged"])

    def test_handovers(self):
        self.assertEqual(self.client.call("GetHistory", "(u)", (0,))[0], [])
        self.agent.say("handover")
        row = self.client.wait_signal("HandoverDone")[0]
        self.assertEqual(row["number"], 1)
        self.assertEqual(row["to-interface"], "wlan0")
        self.assertEqual(row["event-to-mobike-us"], 812)
        self.assertEqual(row["event-to-rrq-us"], -1)
        self.agent.say("handover")
        self.client.wait_signal("HandoverDone")
        self.assertEqual([r["number"] for r in self.client.call("GetHistory", "(u)", (0,))[0]], [1, 2])
        self.assertEqual([r["number"] for r in self.client.call("GetHistory", "(u)", (1,))[0]], [2])

    def test_verbs_of_the_owner(self):
        self.client.call("Redetect", "(ss)", ("eth0", "test"))
        self.assertEqual(self.agent.heard(), "redetect 'eth0' 'test'")
        self.client.call("Disconnect")
        self.assertEqual(self.agent.heard(), "disconnect")
        self.assertFalse(self.client.get("Enabled"))
        with self.assertRaises(GLib.Error) as caught:
            self.client.call("Redetect", "(ss)", ("", "test"))
        self.assertEqual(Gio.DBusError.get_remote_error(caught.exception), "org.roamd.Error.NotEnabled")
        self.client.call("Connect")
        with self.assertRaises(GLib.Error) as caught:
            self.client.call("Redetect", "(ss)", ("nosuch0", "test"))
        self.assertEqual(Gio.DBusError.get_remote_error(caught.exception), "org.roamd.Error.UnknownInterface")

    def provide(self, handle, data, close_writer=True):
        """ProvideSecret with a pipe that holds data; the error's name, or None."""
        reader, writer = os.pipe()
        os.write(writer, data)
        if close_writer:
            os.close(writer)
        fds = Gio.UnixFDList.new()
        index = fds.append(reader)
        os.close(reader)
        return self.call_with_fds("(uh)", (handle, index), fds)

    def call_with_fds(self, kind, arguments, fds):
        try:
            self.client.connection.call_with_unix_fd_list_sync(
                NAME, PATH, INTERFACE, "ProvideSecret", GLib.Variant(kind, arguments), None, Gio.DBusCallFlags.NONE,
                10000, fds, None)
        except GLib.Error as error:
            return Gio.DBusError.get_remote_error(error)
        return None

    def test_secret(self):
        self.assertEqual(self.client.get("PendingSecrets"), [])
        self.assertEqual(self.provide(78, b"too early\n"), "org.roamd.Error.NoSuchRequest")
        self.agent.say("ask -")
        request = self.client.wait_signal("SecretNeeded")[0]
        self.assertEqual(request, {"handle": 78, "kind": "password", "identity": "alice", "gateway": "203.0.113.2",
                                   "refusal": ""})
        self.assertEqual(self.client.get("PendingSecrets"), [request])
        self.assertEqual(self.provide(77, b"wrong handle"), "org.roamd.Error.NoSuchRequest")
        self.assertIsNone(self.provide(78, b"correct horse"))
        self.assertEqual(self.agent.heard(), "secret 1 'correct horse' secret of 13 octets")
        self.assertEqual(self.client.get("PendingSecrets"), [])
        # Refused: asked for again, under another handle, with the reason.
        self.agent.say("ask wrong")
        request = self.client.wait_signal("SecretNeeded")[0]
        self.assertEqual((request["handle"], request["refusal"]), (79, "wrong"))
        self.assertEqual(self.provide(78, b"late"), "org.roamd.Error.NoSuchRequest")

    def test_secret_that_is_none(self):
        self.agent.say("ask -")
        self.client.wait_signal("SecretNeeded")
        self.assertEqual(self.provide(78, b""), "org.roamd.Error.Failed")
        # Whoever writes later than he calls is not waited for.
        self.assertEqual(self.provide(78, b"", close_writer=False), "org.roamd.Error.Failed")
        with tempfile.TemporaryFile() as file:
            file.write(b"secret")
            file.seek(0)
            fds = Gio.UnixFDList.new()
            self.assertEqual(self.call_with_fds("(uh)", (78, fds.append(file.fileno())), fds), "org.roamd.Error.Failed")
        self.assertEqual(self.call_with_fds("(uh)", (78, 7), Gio.UnixFDList.new()), "org.roamd.Error.Failed")
        self.assertEqual(len(self.client.get("PendingSecrets")), 1)
        self.assertIsNone(self.provide(78, b"x" * 4096))
        self.assertIn("secret of 1024 octets", self.agent.heard())

    def test_security_associations(self):
        self.assertEqual(self.client.call("GetSecurityAssociations")[0], [])
        self.agent.say("sa")
        self.agent.say("dialect mopo")
        self.assertEqual(self.client.wait_signal("PropertiesChanged")[1]["Dialect"], "mopo")
        sa, = self.client.call("GetSecurityAssociations")[0]
        self.assertEqual((sa["state"], sa["dialect"], sa["spi-initiator"]), ("established", "mopo", "0102030405060708"))
        self.assertEqual((sa["age-ms"], sa["rekey-in-ms"], sa["rtt-us"]), (3605000, 10800000, 20400))
        self.assertEqual([(c["spi-in"], c["in-use"]) for c in sa["children"]], [(0xc0000001, False), (0xc0000002, True)])
        self.assertEqual([(p["interface"], p["state"], p["rtt-us"], p["tried-ms"]) for p in sa["pairs"]],
                         [("wlan0", "works", 20400, 3000), ("wwan0", "untried", 0, -1)])

    def test_bus_restart(self):
        self.client.connection.close_sync(None)
        self.bus.stop()
        self.bus.start()
        wait_until(lambda: self.bus.has_owner(NAME), "the agent did not come back to the bus")
        self.client = Client(self.bus)
        self.assertEqual(self.client.get("Mode"), "c")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become another user")
    def test_nobody_may_read(self):
        self.assertEqual(call_as_nobody(self.bus, "GetSecurityAssociations").returncode, 0)
        reply = call_as_nobody(self.bus, "GetHistory", "0")
        self.assertEqual(reply.returncode, 0, reply.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become another user")
    def test_nobody_is_denied_without_polkit(self):
        for method in (["Connect"], ["Disconnect"], ["Redetect", "eth0", "x"]):
            reply = call_as_nobody(self.bus, *method)
            self.assertNotEqual(reply.returncode, 0)
            self.assertIn("org.freedesktop.DBus.Error.AccessDenied", reply.stderr)
            self.assertIn("polkit", reply.stderr)
        self.client.call("Connect")  # the first verb that the agent heard at all
        self.assertEqual(self.agent.heard(), "connect")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become another user")
    def test_polkit_decides(self):
        mock = subprocess.Popen(["/usr/bin/python3", "-m", "dbusmock", "--system", "--template", "polkitd"],
                                env=self.bus.environment, stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: self.bus.has_owner("org.freedesktop.PolicyKit1"), "no mock of polkit")
            reply = call_as_nobody(self.bus, "Connect")
            self.assertIn("does not grant you the action org.roamd.control", reply.stderr)
            self.client.connection.call_sync(
                "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.DBus.Mock",
                "SetAllowed", GLib.Variant("(as)", (["org.roamd.control"],)), None, Gio.DBusCallFlags.NONE, 10000, None)
            reply = call_as_nobody(self.bus, "Connect")
            self.assertEqual(reply.returncode, 0, reply.stderr)
            self.assertEqual(self.agent.heard(), "connect")
        finally:
            mock.terminate()
            mock.wait()

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become another user")
    def test_nobody_may_not_take_the_name(self):
        self.agent.stop()
        reply = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "gdbus", "call",
                                "--address", self.bus.address, "--dest", "org.freedesktop.DBus", "--object-path", "/",
                                "--method", "org.freedesktop.DBus.RequestName", NAME, "0"],
                               capture_output=True, text=True, timeout=30)
        self.assertIn("AccessDenied", reply.stderr)
        self.agent = FakeAgent(FAKE, self.bus)


if __name__ == "__main__":
    outcome.main()
