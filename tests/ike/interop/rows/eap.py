# SPDX-License-Identifier: LGPL-2.1-or-later
"""EAP."""
import dataclasses

from interop.base import Wrong
from interop.cell import row
from interop.plan import PASSWORD, USER, Plan


def gateway(cell, client_auth, **more):
    cell.gateway.apply(dataclasses.replace(Plan().with_certificate("ecdsa256"), client_auth=client_auth, **more))


def refused(cell, probe, words):
    if not cell.gateway.silent_about_eap:
        probe.refused(words)
    elif probe.events("established"):
        raise Wrong("established in spite of it")


def password(cell, secret=PASSWORD, **kwargs):
    gateway(cell, "eap-mschapv2")
    return cell.run("--eap", "mschapv2", "--eap-identity", USER, "--eap-password", secret, "--ca",
                    cell.pki.path("ca-ecdsa256"), psk=None, **kwargs)


# covers: IKE-EAP-001, IKE-EAP-006, IKE-EAP-014, IKE-EAPM-001, IKE-EAPM-002, IKE-EAPM-004
@row("eap-mschapv2")
def eap_mschapv2(cell):
    probe = password(cell).done()
    if not probe.events("established")[0]["mobike"]:
        raise Wrong("no MOBIKE after EAP")
    cell.gateway.logged("eap", method="MSCHAPV2")


@row("eap-mschapv2, wrong password")
def eap_mschapv2_wrong(cell):
    probe = password(cell, "incorrect horse", patience=3 if cell.gateway.silent_about_eap else 8)
    refused(cell, probe, "user name or password is wrong")
    cell.gateway.logged("eap-refused")


# covers: IKE-EAP-008
@row("eap method refused by us")
def eap_nak(cell):
    gateway(cell, "eap-mschapv2")
    refused(cell, tls(cell, patience=3 if cell.gateway.silent_about_eap else 8), "EAP Failure")
    cell.gateway.logged("eap-nak")


def tls(cell, *args, **kwargs):
    return cell.run("--eap", "tls", "--eap-identity", USER, *cell.credentials("ecdsa256"), *args, psk=None, **kwargs)


# covers: IKE-EAPT-001, IKE-EAPT-006
@row("eap-tls 1.2")
def eap_tls12(cell):
    gateway(cell, "eap-tls")
    tls(cell).done()
    cell.gateway.logged("tls", version="1.2")


# covers: IKE-EAPT-008
@row("eap-tls 1.3 without success indication")
def eap_tls13(cell):
    """EAP Success without the octet of RFC 9190 2.1.1 (strongSwan 5.9.8 sends none): its word does not count."""
    gateway(cell, "eap-tls", tls="1.3")
    tls(cell).refused("makes no sense here")
    cell.gateway.logged("tls", version="1.3")
    cell.gateway.logged("eap", method="TLS")


@row("eap-tls 1.3, success without indication taken")
def eap_tls13_plain(cell):
    gateway(cell, "eap-tls", tls="1.3")
    tls(cell, "--eap-plain-success").done()
    cell.gateway.logged("tls", version="1.3")


@row("eap-tls, anonymous identity")
def eap_tls_anonymous(cell):
    """What the engine does when it is given no identity for EAP: only the realm goes in clear (RFC 9190 2.1.7)."""
    gateway(cell, "eap-tls")
    cell.run("--eap", "tls", *cell.credentials("ecdsa256"), psk=None).done()


@row("eap-tls, server of another name")
def eap_tls_name(cell):
    gateway(cell, "eap-tls")
    tls(cell, "--eap-server", "aaa.example.com").refused("for another name")


def then_password(cell, secret=PASSWORD):
    cell.gateway.apply(dataclasses.replace(Plan().with_certificate("ecdsa256"), then_eap="eap-mschapv2"))
    return cell.run("--then-eap", "--eap", "mschapv2", "--eap-identity", USER, "--eap-password", secret,
                    *cell.credentials("ecdsa256"), psk=None)


# covers: IKE-MUL-001
@row("certificate, then eap-mschapv2")
def certificate_then_password(cell):
    then_password(cell).done()
    cell.gateway.logged("client-signed", scheme=cell.gateway.SIGNATURES["ecdsa256"])
    cell.gateway.logged("eap", method="MSCHAPV2")


@row("certificate, then eap with a wrong password")
def certificate_then_wrong(cell):
    then_password(cell, "incorrect horse").refused("user name or password is wrong")


# covers: IKE-EAPO-001
@row("eap-only, eap-tls")
def eap_only(cell):
    gateway(cell, "eap-tls", gateway_auth="eap-tls")
    tls(cell, "--eap-only").done()
    if cell.gateway.SAYS["gateway-signed-at-all"]:
        cell.gateway.not_logged("gateway-signed-at-all")


@row("eap-only not wanted by us")
def eap_only_refused(cell):
    gateway(cell, "eap-tls", gateway_auth="eap-tls")
    tls(cell).refused("AUTHENTICATION_FAILED", "did not authenticate itself first")
