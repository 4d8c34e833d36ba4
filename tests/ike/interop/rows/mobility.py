# SPDX-License-Identifier: LGPL-2.1-or-later
"""MOBIKE (RFC 4555): the client moves."""
from interop.base import Wrong
from interop.cell import row
from interop.network import GATEWAY, GATEWAY_2, LOCAL, NAT, OTHER, PATH
from interop.plan import Plan
from interop.probe import ALIVE


def moved(cell, path, *targets, address, nat, **kwargs):
    """From @path to @targets, one after the other; the gateway then sends to @address."""
    cell.gateway.apply(Plan())
    script = ["wait=established"]
    for target in targets:
        script += [f"move={PATH[target]}", "wait=path-ok"]
    probe = cell.start("--traffic", path=path, script=(*script, *ALIVE[1:], "pause=600"), patience=10, **kwargs)
    for _ in range(len(targets) + 1):
        probe.until("event", "path-ok")
    seen = cell.gateway.client_address()
    probe.wait().done()
    if not probe.events("established")[0]["mobike"]:
        raise Wrong("no MOBIKE")
    if probe.events("path-ok")[-1]["nat_local"] != nat:
        raise Wrong("NAT " + ("not seen" if nat else "seen where none is"))
    if address not in seen:
        raise Wrong(f"the gateway does not know {address}: {seen[-400:]}")


# covers: MOB-GWU-004
@row("mobike, v4 to v4")
def v4_to_v4(cell):
    moved(cell, "a", "b", address=OTHER, nat=False)


@row("mobike, v4 to behind a nat")
def v4_to_nat(cell):
    moved(cell, "a", "nat", address=NAT, nat=True)


# covers: MOB-GWU-007
@row("mobike, from behind a nat to v4")
def nat_to_v4(cell):
    moved(cell, "nat", "a", address=LOCAL, nat=False)


@row("mobike, there and back")
def there_and_back(cell):
    moved(cell, "a", "b", "nat", "a", address=LOCAL, nat=False)
