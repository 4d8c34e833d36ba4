# SPDX-License-Identifier: LGPL-2.1-or-later
"""MOBIKE (RFC 4555): the client moves."""
from interop.base import Wrong
from interop.cell import row
from interop.network import GATEWAY, GATEWAY_2, GATEWAY_6, LOCAL, NAT, OTHER, OTHER_6, PATH
from interop.plan import Plan
from interop.probe import ALIVE


def renewal(cell):
    return ("rekey-child", "wait=child-add") if cell.gateway.esp_stays else ()


def moved(cell, path, *targets, address, nat, others=(), inner6=False, **kwargs):
    """From @path to @targets, one after the other; the gateway then sends to @address."""
    cell.gateway.apply(Plan(inner6=inner6))
    script = ["wait=established"]
    for target in targets:
        script += [f"move={PATH[target]}", "wait=path-ok", *renewal(cell)]
    probe = cell.start("--traffic", *others, path=path, script=(*script, *ALIVE[1:], "pause=600"), patience=10,
                       **kwargs)
    for _ in range(len(targets) + 1):
        probe.until("event", "path-ok")
    seen = cell.gateway.client_address()
    probe.wait().done()
    if not probe.events("established")[0]["mobike"]:
        raise Wrong("no MOBIKE")
    if probe.events("path-ok")[-1]["nat_local"] != nat:
        raise Wrong("NAT " + ("not seen" if nat else "seen where none is"))
    if cell.gateway.esp_stays:
        cell.gateway.logged("esp-stays")
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


@row("without mobike, a new sa elsewhere")
def without_mobike(cell):
    """A move fails at once and says why; whoever drives the engine starts again from the new address."""
    cell.gateway.apply(Plan(mobike=False))
    probe = cell.connect(script=("wait=established", f"move={PATH['b']}", "wait=path-failed", "abandon",
                                 f"start={PATH['b']}", *ALIVE))
    if any(event["mobike"] for event in probe.events("established")):
        raise Wrong("MOBIKE although the gateway has none")
    if "does not support MOBIKE" not in probe.events("path-failed")[0]["reason"]:
        raise Wrong("the reason is missing; " + probe.story())


# covers: MOB-FAM-001
@row("mobike, v4 to v6 and back")
def v4_to_v6(cell):
    moved(cell, "a", "b6", "b", address=OTHER, nat=False, others=("--other-gateway", GATEWAY_6))


@row("mobike, v4 to v6")
def v6_last(cell):
    moved(cell, "a", "b6", address=OTHER_6, nat=False, others=("--other-gateway", GATEWAY_6))


@row("mobike, v6 to v4")
def v6_to_v4(cell):
    moved(cell, "a6", "b", address=OTHER, nat=False, to=GATEWAY_6, others=("--other-gateway", GATEWAY, "--tia6"),
          inner6=True)


def found(cell, rules, local, remote):
    """What @rules match, sent by either side, is lost; nobody says so, but the engine knows which addresses exist."""
    cell.gateway.apply(Plan())
    script = ("wait=established", f"paths={PATH['a']},{PATH['b']}", "wait=go", "check", "wait=path-changed",
              *renewal(cell), *ALIVE[1:])
    probe = cell.start("--other-gateway", GATEWAY_2, script=script, patience=25)
    probe.until("event", "established")
    with cell.network.drop((cell.network.client, cell.network.gateway), *rules):
        probe.go()
        probe.wait().done()
    status = probe.status()
    if status["local"] != local or status["remote"] != remote + ":4500":
        raise Wrong(f"from {status['local']} to {status['remote']}")


@row("mobike, another path found by ourselves")
def other_path(cell):
    found(cell, (f"ip saddr {LOCAL}", f"ip daddr {LOCAL}"), OTHER, GATEWAY)


# covers: MOB-GWA-001
@row("mobike, another address of the gateway found")
def other_gateway(cell):
    found(cell, (f"ip saddr {GATEWAY}", f"ip daddr {GATEWAY}"), LOCAL, GATEWAY_2)
