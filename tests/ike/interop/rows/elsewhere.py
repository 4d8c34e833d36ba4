# SPDX-License-Identifier: LGPL-2.1-or-later
"""Another gateway: redirection (RFC 5685), another address; the SA anew."""
from interop.base import Wrong
from interop.cell import row
from interop.network import GATEWAY, GATEWAY_2, NOBODY
from interop.plan import Plan
from interop.probe import ALIVE

CHECK = ALIVE[1:]


def arrived(probe, address):
    if not probe.status()["remote"].startswith(address + ":"):
        raise Wrong(f"at {probe.status()['remote']}, not at {address}")


# covers: IKE-RDR-001, IKE-RDR-004
@row("redirected in ike_sa_init")
def redirected_first(cell):
    cell.gateway.apply(Plan(redirect=GATEWAY_2))
    probe = cell.connect("--accept-redirect", script=("wait=redirected", *ALIVE))
    arrived(probe, GATEWAY_2)


# covers: IKE-RDR-008
@row("redirected when connected")
def redirected_later(cell):
    cell.gateway.apply(Plan())
    probe = cell.start("--accept-redirect", script=("wait=established", "wait=redirected", "wait=ike-rekeyed", *CHECK))
    probe.until("event", "established")
    cell.gateway.redirect(GATEWAY_2)
    arrived(probe.wait().done(), GATEWAY_2)


# covers: IKE-RDR-009
@row("redirected on and on")
def redirected_for_ever(cell):
    cell.gateway.apply(Plan(redirect=GATEWAY_2, redirect_all=True))
    probe = cell.run("--accept-redirect").refused("on and on", event="failed")
    if len(probe.events("redirected")) != 5:
        raise Wrong(f"went to {len(probe.events('redirected'))} gateways")


@row("redirection that we do not accept")
def redirected_in_vain(cell):
    """The gateway may not even try, since we have not said that we can be redirected; the SA lives on."""
    cell.gateway.apply(Plan())
    probe = cell.start(script=("wait=established", "pause=500", *CHECK))
    probe.until("event", "established")
    cell.gateway.redirect(GATEWAY_2)
    arrived(probe.wait().done(), GATEWAY)


@row("two addresses, the first one dead")
def first_dead(cell):
    cell.gateway.apply(Plan())
    arrived(cell.connect("--other-gateway", GATEWAY, to=NOBODY, patience=15), GATEWAY)


# covers: IKE-REA-001
@row("reauthentication by us")
def reauthentication(cell):
    cell.gateway.apply(Plan())
    probe = cell.connect(script=("wait=established", "reauthenticate", "wait=ike-rekeyed", *CHECK))
    if probe.events("dead") or probe.events("failed"):
        raise Wrong("the SA was lost; " + probe.story())


# covers: IKE-CHL-003
@row("childless ike_auth")
def childless(cell):
    """The first Child SA comes by CREATE_CHILD_SA (RFC 6023)."""
    cell.gateway.apply(Plan(childless=True))
    cell.connect("--childless")
    cell.gateway.logged("childless")
