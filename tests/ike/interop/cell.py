# SPDX-License-Identifier: LGPL-2.1-or-later
"""One row against one gateway: what the rows' functions get."""
from interop.network import GATEWAY, PATH
from interop.plan import CLIENT_ID, GATEWAY_ID, PSK
from interop.probe import ALIVE, Probe

ROWS = {}  # name: function of a Cell, in the order of the table


def row(name):
    def keep(function):
        assert name not in ROWS, name
        ROWS[name] = function
        return function
    return keep


class Cell:
    def __init__(self, program, pki, network, gateway):
        self.program, self.pki, self.network, self.gateway = program, pki, network, gateway
        self.probes = []

    def start(self, *args, psk=PSK, path="a", to=GATEWAY, local_id=CLIENT_ID, remote_id=GATEWAY_ID, script=ALIVE,
              patience=8):
        """A probe that runs."""
        more = ["--psk", psk] if psk else []
        probe = Probe(self.network.client, self.program, "--gateway", to, "--local", PATH[path], "--local-id", local_id,
                      "--remote-id", remote_id, *more, *args, script=script, patience=patience)
        self.probes.append(probe)
        return probe

    def run(self, *args, **kwargs):
        """A probe that came to its end."""
        return self.start(*args, **kwargs).wait()

    def connect(self, *args, **kwargs):
        """A probe that did all of its script: as a rule connecting and one exchange more."""
        return self.run(*args, **kwargs).done()

    def credentials(self, kind, ca=None):
        """The client's certificate of that kind."""
        return ("--cert", self.pki.path("client-" + kind), "--key", self.pki.path(f"client-{kind}-key"), "--ca",
                self.pki.path(ca or "ca-" + kind))

    def close(self):
        for probe in self.probes:
            probe.stop()
