# SPDX-License-Identifier: LGPL-2.1-or-later
"""The mobility clients that are measured: roamd, and strongSwan's own client, on the same network."""
from . import agent, moves, names, strongswan
from .system import LabError, wait_until


class StrongswanClient:
    """strongSwan as client: an inner address of the pool, no Mobile IP."""
    name = "strongSwan"

    def __init__(self, prefer_best_path=False):
        self.client = strongswan.Client()
        self.prefer_best_path = prefer_best_path
        self.inner_address = None

    def start(self):
        self.client.start(prefer_best_path=self.prefer_best_path)
        self.inner_address = self.client.connect()

    def active_interface(self):
        listing = self.client.swanctl("--list-sas", "--ike", "office")
        for interface, network in moves.plugged().items():
            if f"@ {names.NETWORKS[network].mn}[" in listing:
                return interface
        raise LabError("strongSwan's client uses none of the plugged interfaces:\n" + listing)

    def stop(self):
        self.client.stop()


class RoamdClient:
    """roamd: home address, Mobile IP inside IPsec."""
    name = "roamd"
    inner_address = names.HOME_ADDRESS

    def __init__(self, extra="", log_level="info"):
        """@extra: more lines of the profile's group [vpn]."""
        self.options = {"extra": extra, "log_level": log_level}
        self.home_agent = agent.HomeAgent()
        self.roamd = agent.Roamd()

    def start(self):
        self.home_agent.start()
        self.roamd.node.start()
        self.roamd.start(**self.options)
        self.roamd.wait_mode("mc")

    def active_interface(self):
        def known():
            status = self.roamd.status() or {}
            return status.get("Mode") == "mc" and status.get("Interface")
        interface = wait_until(known, 5)
        if not interface:
            raise LabError("roamd does not reach mode mc:\n" + self.roamd.process.tail())
        return interface

    def stop(self):
        self.roamd.stop()
        self.roamd.node.stop()
        self.home_agent.stop()
