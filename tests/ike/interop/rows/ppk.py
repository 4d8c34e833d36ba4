# SPDX-License-Identifier: LGPL-2.1-or-later
"""Post-quantum preshared keys (RFC 8784)."""
from interop.cell import row
from interop.plan import Plan, Ppk
from interop.probe import ALIVE

SECRET = "from another place altogether"
OTHER = Ppk("other", "of somebody else")
OURS = ("--ppk", SECRET, "--ppk-id", "quantum")


# covers: IKE-PPK-001, IKE-PPK-003, IKE-PPK-004
@row("ppk required by both")
def ppk_required(cell):
    cell.gateway.apply(Plan(ppk=Ppk("quantum", SECRET, required=True)))
    cell.connect(*OURS, "--require-ppk", script=("wait=established", "rekey-child", "wait=child-add", *ALIVE[1:]))
    cell.gateway.logged("ppk-used", name="quantum")


# covers: IKE-PPK-005
@row("ppk unknown to the gateway, optional")
def ppk_optional(cell):
    cell.gateway.apply(Plan(ppk=OTHER))
    cell.connect(*OURS)
    cell.gateway.logged("ppk-not-used")


# covers: IKE-PPK-006
@row("ppk unknown to the gateway, required")
def ppk_missing(cell):
    cell.gateway.apply(Plan(ppk=OTHER))
    cell.run(*OURS, "--require-ppk").refused("AUTHENTICATION_FAILED", "PPK")
