# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a row wants of a gateway, in no gateway's own words."""
import dataclasses

PSK = "opensesame"
USER, PASSWORD = "alice@example.com", "correct horse"
GATEWAY_ID, CLIENT_ID = "vpn.example.com", "alice@example.com"
MODERN, CLASSIC = "aes256gcm16-prfsha384-ecp384", "aes256-sha256-modp2048"


@dataclasses.dataclass(frozen=True)
class Ppk:
    name: str
    secret: str
    required: bool = False


@dataclasses.dataclass(frozen=True)
class Plan:
    gateway_id: str = GATEWAY_ID
    client_id: str = CLIENT_ID
    gateway_auth: str = "psk"  # psk, cert; eap-tls: by EAP alone
    client_auth: str = "psk"  # psk, cert, eap-tls, eap-mschapv2
    then_eap: str = ""  # a second authentication of the client (RFC 4739)
    scheme: str = ""  # what the gateway has to sign with: rsa-pkcs1, rsa-pss; "": what fits the key
    certificate: str = ""  # of the gateway, a name in Pki
    authorities: tuple = ()  # CAs and intermediates that the gateway has
    ike: tuple = (MODERN, CLASSIC)  # proposals in strongSwan's words
    esp: tuple = ("aes256gcm16",)
    inner6: bool = False  # an inner IPv6 address too
    ppk: Ppk = None
    cookies: bool = False  # a cookie of everyone
    tls: str = "1.2"
    redirect: str = ""  # where every client is sent in IKE_SA_INIT
    redirect_all: bool = False  # also those that were sent there
    mobike: bool = True
    childless: bool = False  # the first Child SA by CREATE_CHILD_SA
    rekey_child_s: int = 0  # the gateway itself rekeys after that; 0: it does not
    rekey_ike_s: int = 0

    def with_certificate(self, kind, **more):
        """Both sides by certificates of @kind."""
        certificates = {"gateway_auth": "cert", "client_auth": "cert", "certificate": "gateway-" + kind,
                        "authorities": ("ca-" + kind,)}
        return dataclasses.replace(self, **{**certificates, **more})
