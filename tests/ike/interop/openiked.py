# SPDX-License-Identifier: LGPL-2.1-or-later
"""OpenIKED, with the ESP of its kernel. Runs where the package was unpacked over the root file system."""
import pathlib
import shutil

from interop.base import run, wait_until
from interop.gateway import Gateway, Why, by_row
from interop.network import GATEWAY, GATEWAY_2, GATEWAY_6
from interop.plan import PASSWORD, PSK, USER

ETC = pathlib.Path("/etc/iked")

POLICY = """
ikev2 "{name}" passive esp {family} {flows} \\
  local {address} peer any \\
  {ike} \\
  {esp} \\
  srcid {gateway_id} {client_id} \\
  {lifetimes} \\
  {auth} \\
  {inner}
"""

READY = "config_getstatic: no stickyaddress"  # the last that it says of its configuration
# Its AES-GCM proposals for ESP are dropped without a word on Linux; and PF_KEY there cuts HMAC-SHA2-256 at 96 bits.
ESP = "aes256-sha512"

CIPHERS = {"aes256gcm16": "aes-256-gcm", "aes128gcm16": "aes-128-gcm", "aes256": "aes-256"}
HASHES = {"sha256": "hmac-sha2-256", "sha384": "hmac-sha2-384", "sha512": "hmac-sha2-512"}
GROUPS = {"x25519": "curve25519", "ecp384": "ecp384", "ecp256": "ecp256", "modp2048": "modp2048"}


NO_EAP_TLS = Why("EAP-MSCHAPv2 is its only EAP method", "iked.conf.5",
                 "The only supported EAP type is currently MSCHAP-V2")
NO_ED25519 = Why("RSA and ECDSA only", "iked.8", "supports mutual authentication using RSA or ECDSA public keys")
NO_OTHER_NAME = Why("it takes no certificate for itself but one of its name", "sbin/iked",
                    "no valid local certificate found for")
NO_COOKIES = Why("it asks nobody for a cookie", "iked.conf.5", "cookie", absent=True)
NO_REDIRECTION = Why("no redirection", "iked.conf.5", "redirect", absent=True)
# /proc/net/xfrm_stat counts the packets as XfrmInStateMismatch; a PF_KEY SA has no selector for two families.
NO_4_IN_6 = Why("IKE moves, but no IPv4 passes the SAs of PF_KEY on Linux within IPv6", "", "did not come to wait=echo")
SAME_ADDRESS = Why("asked at another address of its own, it answers from the one that the IKE SA has", "",
                   "did not come to wait=path-changed")
NO_CHILDLESS = Why("no childless IKE_AUTH", "iked.conf.5", "childless", absent=True)
NO_SECOND = Why("one authentication only", "iked.conf.5",
                "Specify a method to be used to authenticate the remote peer")
NO_PPK = Why("no postquantum preshared keys", "iked.conf.5", "ppk", absent=True)


def proposal(kind, text):
    """aes256-sha256-modp2048 as `ikesa enc aes-256 auth hmac-sha2-256 prf hmac-sha2-256 group modp2048`."""
    words, out = text.split("-"), [kind]
    out += ["enc " + CIPHERS[words[0]]]
    for word in words[1:]:
        if word.startswith("prf"):
            out.append("prf " + HASHES[word.removeprefix("prf")])
        elif word in HASHES:
            out.append("auth " + HASHES[word] + (" prf " + HASHES[word] if kind == "ikesa" else ""))
        else:
            out.append("group " + GROUPS[word])
    return " ".join(out) + (" noesn" if kind == "childsa" else "")


class OpenIked(Gateway):
    name = package = "openiked"
    silent_about_eap = True
    rekeys_by_time = True
    esp_stays = True
    NOTES = by_row(
        ("it closes the IKE SA without EAP Failure or any other word", "eap-mschapv2, wrong password",
         "eap method refused by us"),
        ("PF_KEY on Linux cannot move its SAs, so ESP follows with the next Child SA, which we ask for",
         "mobike, v4 to v4", "mobike, v4 to behind a nat", "mobike, from behind a nat to v4", "mobike, there and back",
         "mobike, v6 to v4", "mobike, v4 to v6 and back", "mobike, another path found by ourselves"))
    SAYS = {
        "client-id": r"peerid '{id}'|/{id}\]",
        "gateway-signed": "",
        "client-signed": "",
        "gateway-signed-at-all": "",
        "eap": "authenticated",
        "eap-refused": "authentication failed",
        "tls": "",
        "eap-nak": "unsupported EAP type NAK",
        "auth-failed": "",
        "ppk-used": "",
        "ppk-not-used": "",
        "other-group": "INVALID_KE_PAYLOAD",
        "fragments": "",
        "cookie": "COOKIE",
        "rekeyed": "rekey",
        "moved-to": "{address}",
        "childless": "",
        "esp-stays": "ikev2_update_sa_addresses: failed to update sa",
    }
    SIGNATURES = {k: k for k in ("rsa-pkcs1", "rsa-pss", "ecdsa256", "ecdsa384", "ecdsa521")}
    LACKS = by_row(
        (NO_EAP_TLS, "eap-tls 1.2", "eap-tls 1.3 without success indication",
         "eap-tls, anonymous identity", "eap-tls, server of another name", "eap-only, eap-tls", "eap-only not wanted by us"),
        (NO_PPK, "ppk required by both", "ppk unknown to the gateway, optional",
         "ppk unknown to the gateway, required"),
        (SAME_ADDRESS, "mobike, another address of the gateway found"),
        (NO_SECOND, "certificate, then eap-mschapv2", "certificate, then eap with a wrong password"),
        (NO_ED25519, "ed25519, both"),
        (NO_OTHER_NAME, "gateway certificate of another name"),
        (NO_COOKIES, "cookies"),
        (NO_CHILDLESS, "childless ike_auth"),
        (NO_4_IN_6, "mobike, v4 to v6"),
        (NO_REDIRECTION, "redirected in ike_sa_init", "redirected on and on", "redirected when connected",
         "redirection that we do not accept"))

    def apply(self, plan):
        self.stop()
        self.copy_credentials(plan)
        conf = self.dir / "iked.conf"
        conf.write_text(self.text_of(plan))
        conf.chmod(0o600)
        begin = len(self.whole_log())
        with self.log.open("a") as output:
            self.launch("/usr/sbin/iked", "-dvv", "-f", conf, stdout=output, stderr=output)
        wait_until(lambda: self.ikectl("show", "sa") and READY in self.whole_log()[begin:], "iked does not start",
                   interval=0.2)

    def copy_credentials(self, plan):
        for name in ("private", "pubkeys", "ca", "certs", "crls", "ocsp"):
            shutil.rmtree(ETC / name, ignore_errors=True)
            (ETC / name).mkdir(parents=True)
        certificate = plan.certificate or "gateway-ecdsa256"  # it wants a key, always
        key = ETC / "private" / "local.key"
        run("openssl", "pkey", "-in", self.pki.path(certificate + "-key"), "-out", key)
        key.chmod(0o600)
        run("openssl", "pkey", "-in", key, "-pubout", "-out", ETC / "local.pub")
        if plan.certificate:
            shutil.copy(self.pki.path(certificate), ETC / "certs" / "local.crt")
            (ETC / "ca" / "ca.crt").write_text("".join(self.pki.path(n).read_text() for n in plan.authorities))

    def text_of(self, plan):
        text = f"set fragmentation\nset {'mobike' if plan.mobike else 'nomobike'}\nset dpd_check_interval 0\n"
        if plan.client_auth == "eap-mschapv2":
            text += f'user "{USER}" "{PASSWORD}"\n'
        for index, address in enumerate((GATEWAY, GATEWAY_2, GATEWAY_6)):
            text += self.policy(plan, f"rw{index}", address)
        return text

    def policy(self, plan, name, address):
        flows = "from 0.0.0.0/0 to dynamic" + (" from ::/0 to dynamic" if plan.inner6 else "")
        inner = "config address 10.8.0.0/24 config name-server 10.4.0.53"
        if plan.inner6:
            inner += " config address fd00:8::/120"
        auth = {"psk": f'psk "{PSK}"', "cert": "", "eap-mschapv2": 'eap "mschap-v2"'}[plan.client_auth]
        lifetimes = f"ikelifetime {plan.rekey_ike_s} " if plan.rekey_ike_s else ""
        lifetimes += f"lifetime {plan.rekey_child_s}" if plan.rekey_child_s else ""
        client = f"dstid {plan.client_id}" if plan.client_id else ""
        text = POLICY.format(name=name, family="inet6" if ":" in address else "inet", flows=flows, address=address,
                             ike=" ".join(proposal("ikesa", p) for p in plan.ike),
                             esp=proposal("childsa", ESP), gateway_id=plan.gateway_id,
                             client_id=client, lifetimes=lifetimes, auth=auth, inner=inner)
        return "\n".join(line for line in text.splitlines() if line.strip() != "\\") + "\n"

    def ikectl(self, *args):
        """Asked at its start, too: without somebody at its control socket it waits long for its own processes."""
        return self.network.within(self.network.gateway, "ikectl", *args, check=False)

    def client_address(self):
        return self.ikectl("show", "sa").stdout
