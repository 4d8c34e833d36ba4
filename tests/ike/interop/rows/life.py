# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rekeying, silence, restart."""
from interop.base import Wrong
from interop.cell import row
from interop.network import INSIDE
from interop.plan import Plan
from interop.probe import ALIVE

CHECK = ALIVE[1:]


@row("child and ike rekeyed by us")
def rekey_ours(cell):
    cell.gateway.apply(Plan())
    probe = cell.connect(script=("wait=established", "rekey-child", "wait=child-add", "rekey-ike", "wait=ike-rekeyed",
                                 *CHECK, "rekey-child", "wait=child-add", *CHECK))
    if len(probe.having("child_add")) != 3:
        raise Wrong("not three Child SAs")


@row("child and ike rekeyed by the gateway")
def rekey_theirs(cell):
    """With traffic, since some gateways rekey only what is used."""
    cell.gateway.apply(Plan(rekey_child_s=3, rekey_ike_s=8))
    pings = (f"echo={INSIDE}", "wait=echo")
    probe = cell.start(script=("wait=established", *pings, "wait=child-add", *pings, "wait=ike-rekeyed", *ALIVE[1:]),
                       patience=12 if cell.gateway.rekeys_by_time else 8)
    probe.until("echo")
    if not cell.gateway.rekeys_by_time:
        cell.gateway.rekey_child()
        probe.until("echo")
        cell.gateway.rekey_ike()
    probe.wait().done()
    if len(probe.having("child_add")) < 2:
        raise Wrong("no second Child SA")


@row("dpd, gateway killed")
def dpd(cell):
    """The fastest decision that the engine allows: a doubt, as its path check budget is 7 s."""
    cell.gateway.apply(Plan())
    probe = cell.start("--dpd", "500", script=("wait=established", "wait=go", "check", "wait=path-failed"),
                       patience=12)
    probe.until("event", "established")
    cell.gateway.kill()
    probe.go()
    probe.wait().done()


@row("gateway restarted")
def restart(cell):
    """The gateway says nothing about an SA that it has forgotten: silence, then a new start."""
    plan = Plan()
    cell.gateway.apply(plan)
    probe = cell.start(script=("wait=established", "wait=go", "check", "wait=path-failed"), patience=12)
    probe.until("event", "established")
    cell.gateway.kill()
    cell.gateway.apply(plan)
    probe.go()
    probe.wait().done()
    cell.connect()
