# SPDX-License-Identifier: LGPL-2.1-or-later
"""libreswan's pluto, with the ESP of its kernel. Runs where the package was unpacked over the root file system."""
import dataclasses
import shutil

from interop.base import wait_until
from interop.gateway import Gateway, Why, by_row
from interop.network import GATEWAY, GATEWAY_2, GATEWAY_6, INSIDE
from interop.plan import PSK

LIBEXEC = "/usr/libexec/ipsec/"

SETTINGS = """
config setup
    logfile={dir}/log
    plutodebug=none
    nssdir={dir}/nss
    ddos-mode={ddos}
    uniqueids=no
    {setup}
"""

CONNECTION = """
conn {name}
    ikev2=insist
    left={address}
    leftid={gateway_id}
    leftsubnet={subnet}
    leftmodecfgserver=yes
    leftupdown=%disabled
    rightupdown=%disabled
    right=%any
    rightid={client_id}
    rightmodecfgclient=yes
    rightaddresspool={pool}
    {dns}
    narrowing=yes
    mobike={mobike}
    fragmentation=yes
    retransmit-interval=500ms
    rekey=no
    ike={ike}
    esp={esp}
    {auth}
    {more}
    auto=add
"""

# NSS takes its limits from a module of the database, there is no other way to them.
TLS_POLICY = """
library=
name=Policy
NSS=flags=policyOnly,moduleDB
config="allow=tls-version-max=tls{version}"

"""

WORDS = {"aes256gcm16": "aes_gcm256", "aes128gcm16": "aes_gcm128", "aes256": "aes256", "prfsha256": "sha2_256",
         "prfsha384": "sha2_384", "sha256": "sha2_256", "sha512": "sha2_512", "ecp384": "dh20", "x25519": "dh31",
         "modp2048": "modp2048"}
SCHEMES = {"": "rsa-sha2", "rsa-pss": "rsa-sha2", "rsa-pkcs1": "rsa-sha1"}
NO_PASSWORDS = Why("EAP-TLS is its only EAP method", "ipsec.conf.5",
                   "Acceptable values are none (the default) and tls for EAPTLS")
NO_SHA2_PKCS1 = Why("its RSA PKCS#1 signatures are with SHA-1, which roamd does not take", "ipsec.conf.5",
                    "rsa-sha1 for RSA-PKCSv1.5 digital signatures based authentication with SHA1")
NO_EXPIRED = Why("a gateway with an expired certificate does not come up", "ipsec/pluto",
                 "certificate '%s' is expired or not yet valid")
ONE_FAMILY = Why("inner and outer addresses are of one family", "ipsec/pluto",
                 "host protocol %s conflicts with client protocol %s")
NO_SECOND = Why("one authentication of a side only", "ipsec.conf.5", "leftauth2", absent=True)
NO_FAMILY_CHANGE = Why("no move from one address family to the other", "ipsec/pluto",
                       "MOBIKE: AF change switching between v4 and v6 not supported")
SAME_ADDRESS = Why("asked at another address of its own, it answers from the one that the IKE SA has", "",
                   "did not come to wait=path-changed")
NO_ADDRESS = Why("it gives no inner address without a Child SA", "", "the gateway assigned no inner address")
NO_ED25519 = Why("no Ed25519", "ipsec.conf.5", "ed25519", absent=True)


def proposal(text):
    """aes256gcm16-prfsha384-ecp384 as aes_gcm256-sha2_384-dh20; several groups with '+'."""
    words = [WORDS[word] for word in text.split("-")]
    groups = [w for w in words if w.startswith(("dh", "modp"))]
    rest = [w for w in words if w not in groups]
    return "-".join(rest + (["+".join(groups)] if groups else []))


class Libreswan(Gateway):
    name = package = "libreswan"
    SAYS = {
        "client-id": r"ID_\w+ '@?{id}'",
        "gateway-signed": "",
        "client-signed": r"authenticated peer .*{scheme}",
        "gateway-signed-at-all": "",
        "eap": "EAP Final ACK",
        "tls": "",
        "eap-nak": "",
        "auth-failed": "",
        "ppk-used": "PPK",
        "ppk-not-used": "PPK",
        "other-group": "INVALID_KE_PAYLOAD",
        "fragments": "",
        "cookie": "",
        "rekeyed": "rekey",
        "moved-to": "{address}",
        "childless": "creating childless SA",
    }
    SIGNATURES = {"rsa-pkcs1": "RSA", "rsa-pss": "RSA", "ecdsa256": "ECDSA", "ecdsa384": "ECDSA", "ecdsa521": "ECDSA"}
    LACKS = by_row(
        (NO_PASSWORDS, "eap-mschapv2", "eap-mschapv2, wrong password", "eap method refused by us"),
        (NO_ED25519, "ed25519, both"),
        (NO_SHA2_PKCS1, "rsa, pkcs#1 of the gateway"),
        (NO_EXPIRED, "certificate expired"),
        (ONE_FAMILY, "inner ipv4 and ipv6 address"),
        (NO_ADDRESS, "childless ike_auth"),
        (NO_FAMILY_CHANGE, "mobike, v4 to v6", "mobike, v6 to v4", "mobike, v4 to v6 and back"),
        (SAME_ADDRESS, "mobike, another address of the gateway found"),
        (NO_SECOND, "certificate, then eap-mschapv2", "certificate, then eap with a wrong password"))

    def __init__(self, *args, listen=""):
        super().__init__(*args)
        self.listen, self.only, self.second = listen, listen, None

    def apply(self, plan):
        self.stop()
        if plan.redirect and not plan.redirect_all:  # pluto would send those on, too, that it has sent itself
            self.second = Libreswan(self.dir / "second", self.pki, self.network, listen=plan.redirect)
            self.second.apply(dataclasses.replace(plan, redirect=""))
            self.listen = GATEWAY
        self.write(plan)
        shutil.rmtree(self.dir / "run", ignore_errors=True)
        (self.dir / "run").mkdir()
        begin = len(self.whole_log())
        with (self.dir / "pluto.out").open("w") as output:
            self.launch(LIBEXEC + "pluto", "--nofork", "--config", self.dir / "conf", "--secretsfile",
                        self.dir / "secrets", "--nssdir", self.dir / "nss", "--rundir", self.dir / "run", "--logfile",
                        self.log, stdout=output, stderr=output)
        control = self.dir / "run" / "pluto.ctl"
        wait_until(control.exists, "pluto does not start")
        done = self.within(LIBEXEC + "addconn", "--config", self.dir / "conf", "--ctlsocket", control, "--autoall")
        wait_until(lambda: "listening for IKE messages" in self.whole_log()[begin:],
                   "pluto does not listen: " + done.stdout + done.stderr)

    def write(self, plan):
        shutil.rmtree(self.dir / "nss", ignore_errors=True)
        shutil.copytree(self.pki.nss, self.dir / "nss")
        with (self.dir / "nss" / "pkcs11.txt").open("a") as modules:
            modules.write(TLS_POLICY.format(version=plan.tls))
        setup = [f"listen={self.listen}"] if self.listen else []
        if plan.redirect:
            setup += ["global-redirect=yes", f"global-redirect-to={plan.redirect}"]
        text = SETTINGS.format(dir=self.dir, ddos="busy" if plan.cookies else "unlimited", setup="\n    ".join(setup))
        for index, address in enumerate((GATEWAY, GATEWAY_2, GATEWAY_6)):
            text += self.connection(plan, f"rw{index}", address)
        (self.dir / "conf").write_text(text)
        secrets = f': PSK "{PSK}"\n'
        if plan.ppk:
            secrets += f': PPKS "{plan.ppk.name}" "{plan.ppk.secret}"\n'
        (self.dir / "secrets").write_text(secrets)
        (self.dir / "secrets").chmod(0o600)

    def connection(self, plan, name, address):
        more = [f"ppk={'insist' if plan.ppk.required else 'yes'}" if plan.ppk else "ppk=no"]
        if plan.certificate:
            more += [f"leftcert={plan.certificate}", "leftsendcert=always", "sendca=all"]
        if plan.client_auth == "cert":
            more.append("rightca=%any")
        subnet, pool = ("::/0", "fd00:8::/120") if ":" in address else ("0.0.0.0/0", "10.8.0.1-10.8.0.250")
        return CONNECTION.format(
            name=name, address=address, subnet=subnet, pool=pool, mobike="yes" if plan.mobike else "no",
            gateway_id=self.identity(plan.gateway_id), client_id=self.identity(plan.client_id),
            dns="" if ":" in address else f"modecfgdns={INSIDE}", ike=",".join(proposal(p) for p in plan.ike),
            esp=",".join(proposal(p) for p in plan.esp), auth="\n    ".join(self.auth(plan)),
            more="\n    ".join(more))

    @staticmethod
    def identity(text):
        if not text:
            return "%fromcert"
        return text if "@" in text or text[0].isdigit() else "@" + text

    @staticmethod
    def auth(plan):
        signature = SCHEMES[plan.scheme] if plan.certificate == "gateway-rsa" else "ecdsa"
        left = {"psk": "secret", "cert": signature, "eap-tls": "eaponly"}[plan.gateway_auth]
        right = {"psk": "secret", "cert": signature, "eap-tls": "eaponly"}[plan.client_auth]
        lines = [f"leftauth={left}", f"rightauth={right}"] if left != right or left == "eaponly" else [f"authby={left}"]
        if plan.client_auth == "eap-tls":
            lines += ["leftautheap=tls", "rightautheap=tls"]
        return lines

    def within(self, *args):
        return self.network.within(self.network.gateway, *args, check=False)

    def whack(self, *args):
        return self.within(LIBEXEC + "whack", "--rundir", self.dir / "run", *args)

    def rekey_child(self):
        self.whack("--rekey-ipsec", "--name", "rw0")

    def rekey_ike(self):
        self.whack("--rekey-ike", "--name", "rw0")

    def stop(self, *args):
        super().stop(*args)
        if self.second:
            self.second.stop()
        self.listen, self.second = self.only, None

    def redirect(self, address):
        self.whack("--name", "rw0", "--redirect-to", address)

    def client_address(self):
        return self.whack("--trafficstatus").stdout + self.whack("--status").stdout
