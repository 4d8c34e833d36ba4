# SPDX-License-Identifier: LGPL-2.1-or-later
"""roam-gw: the lab's own VPN gateway, which speaks MOBIKE and MOPO."""
import json

from . import agent, names, strongswan
from .system import LabError, Process, in_namespace, run, wait_until

CONFIGURATION = """\
[gateway]
id={gateway_id}
pool={pool}
announce={inside}
tun-name=gw0
control={directory}/control
{settings}
[client {client_id}]
{auth}
"""
DIALECTS = ("mobike", "mopo")
NAMES = ("strongswan", "roam-gw")


class RoamGateway:
    """roam-gw in roam-gw; @settings: more lines of its group [gateway]."""

    def __init__(self, settings="", log_level="info"):
        self.process = Process("roam-gw")
        self.directory = names.RUN / "roam-gw"
        self.settings, self.log_level = settings, log_level

    def write_configuration(self, certificates=False):
        self.directory.mkdir(exist_ok=True)
        if certificates:
            pki = strongswan.make_certificates()
            settings = (f"certificate-file={pki}/gateway.pem\nprivate-key-file={pki}/gateway.key\n"
                        f"ca-file={pki}/ca.pem\n{self.settings}")
            auth = "auth=certificate"
        else:
            secret = self.directory / "client.psk"
            secret.touch(mode=0o600)
            secret.write_text(strongswan.psk() + "\n")
            settings, auth = self.settings, "psk-file=client.psk"
        path = self.directory / "gateway.conf"
        path.write_text(CONFIGURATION.format(gateway_id=names.GATEWAY_ID, client_id=names.CLIENT_ID, pool=names.POOL,
                                             inside=names.GATEWAY_INSIDE, directory=self.directory, settings=settings,
                                             auth=auth))
        return path

    def start(self, certificates=False):
        path = self.write_configuration(certificates)
        self.process.start(in_namespace("gw", agent.program("lab/gateway/roam-gw"), "--config", path, "--log-level",
                                        self.log_level))
        if not wait_until(lambda: not self.process.pid() or self._answers(), 5) or not self.process.pid():
            raise LabError("roam-gw does not start:\n" + self.process.tail())

    def _answers(self):
        try:
            return bool(self.status())
        except LabError:
            return False

    def status(self):
        """What `roam-gw --status` says, as a dict."""
        return json.loads(run(*in_namespace("gw", agent.program("lab/gateway/roam-gw"), "--control",
                                            self.directory / "control", "--status")))

    def clients(self):
        return self.status()["clients"]

    def stop(self):
        self.process.stop()


def dialect_only(dialect):
    """(settings of roam-gw, lines of roamd's group [vpn]) with which nothing but @dialect is spoken."""
    return f"dialects={dialect}", "" if dialect == "mobike" else f"dialect={dialect}\n"


def new(name, settings=""):
    """The gateway called @name, of NAMES."""
    return strongswan.Gateway() if name == "strongswan" else RoamGateway(settings)
