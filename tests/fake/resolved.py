# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stand-in for systemd-resolved: keeps what is asked of it, in order."""
import threading

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

NAME, PATH, MANAGER = "org.freedesktop.resolve1", "/org/freedesktop/resolve1", "org.freedesktop.resolve1.Manager"
INTERFACE = """<node><interface name="org.freedesktop.resolve1.Manager">
  <method name="SetLinkDNS"><arg type="i" direction="in"/><arg type="a(iay)" direction="in"/></method>
  <method name="SetLinkDomains"><arg type="i" direction="in"/><arg type="a(sb)" direction="in"/></method>
  <method name="SetLinkDefaultRoute"><arg type="i" direction="in"/><arg type="b" direction="in"/></method>
  <method name="RevertLink"><arg type="i" direction="in"/></method>
  <method name="FlushCaches"/>
</interface></node>"""


def connect(bus):
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
    return Gio.DBusConnection.new_for_address_sync(bus.address, flags, None, None)


class StandIn:
    def __init__(self, bus):
        self.bus, self.calls, self.connection = bus, [], None
        self.loop = GLib.MainLoop()
        self.thread = threading.Thread(target=self.loop.run)
        self.thread.start()

    def appear(self):
        self.connection = connect(self.bus)
        self.connection.register_object(PATH, Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0], self.on_call, None, None)
        self.connection.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName",
                                  GLib.Variant("(su)", (NAME, 4)), None, Gio.DBusCallFlags.NONE, 10000, None)

    def vanish(self):
        if self.connection is not None:
            self.connection.close_sync(None)
            self.connection = None

    def on_call(self, connection, sender, path, interface, method, parameters, invocation):
        self.calls.append((method, *parameters.unpack()))
        invocation.return_value(None)

    def stop(self):
        self.vanish()
        self.loop.quit()
        self.thread.join()
