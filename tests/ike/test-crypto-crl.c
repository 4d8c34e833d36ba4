/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Revocation: lists of the administrator and lists that come with the certificates. */
#include "tests/ike/test-crypto-pki.h"

#include <openssl/pem.h>
#include <string.h>

typedef struct
{
  PkiNode *ca, *other_ca, *sub, *gateway;
  GBytes *ca_pem, *sub_der, *gateway_der;
} Chain;

static void
chain_clear (Chain *chain)
{
  pki_node_free (chain->ca);
  pki_node_free (chain->other_ca);
  pki_node_free (chain->sub);
  pki_node_free (chain->gateway);
  g_bytes_unref (chain->ca_pem);
  g_bytes_unref (chain->sub_der);
  g_bytes_unref (chain->gateway_der);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Chain, chain_clear)

static void
chain_make (Chain *chain)
{
  const PkiRequest ca = {
    "CA", "EC:P-256", NULL, "critical,keyCertSign,cRLSign", NULL, "critical,CA:TRUE", 0, 0, NULL
  };
  const PkiRequest sub = {
    "sub", "EC:P-256", NULL, "critical,keyCertSign,cRLSign", NULL, "critical,CA:TRUE", 0, 0, NULL
  };
  const PkiRequest gateway = { "gateway", "EC:P-256", "DNS:vpn.example.com", "critical,digitalSignature", NULL, NULL, 0,
                               0,         NULL };

  chain->ca = pki_issue (&ca, NULL);
  chain->other_ca = pki_issue (&ca, NULL);
  chain->sub = pki_issue (&sub, chain->ca);
  chain->gateway = pki_issue (&gateway, chain->sub);
  chain->ca_pem = pki_certificate_pem (chain->ca);
  chain->sub_der = pki_certificate_der (chain->sub);
  chain->gateway_der = pki_certificate_der (chain->gateway);
}

static IkeView
view (GBytes *bytes)
{
  IkeView v;

  v.data = g_bytes_get_data (bytes, &v.length);
  return v;
}

/* The reason of a refusal, or NULL when the gateway is accepted. @own, @sent: CRLs, may be NULL. */
static const char *
judge (const Chain *chain, GBytes *own, GBytes *sent)
{
  g_autofree char *problem = NULL;
  g_autoptr (IkeCredentials) credentials = ike_credentials_new (NULL, NULL, chain->ca_pem, &problem);
  const IkeView certificates[] = { view (chain->gateway_der), view (chain->sub_der) };
  const IkeView crls[] = { sent != NULL ? view (sent) : (IkeView){ 0 } };
  const RoamNow now = roam_now_make (1, PKI_NOW * ROAM_USEC_PER_SEC);
  const char *reason = NULL, *advice = NULL;
  g_auto (IkeIdentity) name = { 0 };
  g_autoptr (IkePublicKey) key = NULL;

  g_assert_true (ike_identity_from_text ("vpn.example.com", IKE_ID_FQDN, &name, NULL));
  if (own != NULL)
    g_assert_true (ike_credentials_add_crls (credentials, own, &problem));
  key = ike_credentials_verify_peer_with_crls (credentials, certificates, 2, crls, sent != NULL ? 1 : 0, &now, &name,
                                               &reason, &advice);
  if (key != NULL)
    return NULL;
  g_assert_nonnull (advice);
  return reason;
}

static void
assert_reason (const Chain *chain, GBytes *own, GBytes *sent, const char *words)
{
  const char *reason = judge (chain, own, sent);

  g_assert_nonnull (reason);
  g_assert_nonnull (strstr (reason, words));
}

static void
test_own_list (void)
{
  g_auto (Chain) chain = { 0 };
  g_autoptr (GBytes) clean = NULL;
  g_autoptr (GBytes) revoked = NULL;
  g_autoptr (GBytes) old = NULL;
  g_autoptr (GBytes) of_root = NULL;
  g_autoptr (GBytes) forged = NULL;

  chain_make (&chain);
  clean = pki_crl_der (chain.sub, NULL, 0);
  revoked = pki_crl_der (chain.sub, chain.gateway, 0);
  old = pki_crl_der (chain.sub, NULL, PKI_NOW - 10);
  of_root = pki_crl_der (chain.ca, NULL, 0);
  g_assert_null (judge (&chain, NULL, NULL));
  g_assert_null (judge (&chain, clean, NULL));
  assert_reason (&chain, revoked, NULL, "revoked");
  assert_reason (&chain, old, NULL, "not valid at this time");
  /* A list of somebody else says nothing, and then nothing is known. */
  assert_reason (&chain, of_root, NULL, "no revocation list");
  forged = pki_crl_der (chain.other_ca, NULL, 0);
  assert_reason (&chain, forged, NULL, "no revocation list");
}

/* A CA between root and gateway can be revoked too; both lists are needed then. */
static void
test_intermediate (void)
{
  g_auto (Chain) chain = { 0 };
  g_autoptr (GBytes) of_root = NULL;
  g_autoptr (GBytes) of_sub = NULL;
  g_autoptr (IkeCredentials) credentials = NULL;
  g_autofree char *problem = NULL;
  const RoamNow now = roam_now_make (1, PKI_NOW * ROAM_USEC_PER_SEC);
  const char *reason = NULL, *advice = NULL;
  g_auto (IkeIdentity) name = { 0 };

  chain_make (&chain);
  of_root = pki_crl_der (chain.ca, chain.sub, 0);
  of_sub = pki_crl_der (chain.sub, NULL, 0);
  credentials = ike_credentials_new (NULL, NULL, chain.ca_pem, &problem);
  const IkeView certificates[] = { view (chain.gateway_der), view (chain.sub_der) };
  g_assert_true (ike_identity_from_text ("vpn.example.com", IKE_ID_FQDN, &name, NULL));
  g_assert_true (ike_credentials_add_crls (credentials, of_root, &problem));
  g_assert_true (ike_credentials_add_crls (credentials, of_sub, &problem));
  g_assert_null (ike_credentials_verify_peer (credentials, certificates, 2, &now, &name, &reason, &advice));
  g_assert_nonnull (strstr (reason, "revoked"));
}

/* covers: IKE-CERT-007 */
static void
test_list_of_peer (void)
{
  g_auto (Chain) chain = { 0 };
  g_autoptr (GBytes) clean = NULL;
  g_autoptr (GBytes) revoked = NULL;
  g_autoptr (GBytes) old = NULL;
  g_autoptr (GBytes) garbage = g_bytes_new_static ("CRL", 3);

  chain_make (&chain);
  clean = pki_crl_der (chain.sub, NULL, 0);
  revoked = pki_crl_der (chain.sub, chain.gateway, 0);
  old = pki_crl_der (chain.sub, NULL, PKI_NOW - 10);
  assert_reason (&chain, NULL, revoked, "revoked");
  g_assert_null (judge (&chain, NULL, clean));
  g_assert_null (judge (&chain, NULL, old));
  g_assert_null (judge (&chain, NULL, garbage));
  /* The administrator's list is not overruled. */
  assert_reason (&chain, revoked, clean, "revoked");
  assert_reason (&chain, old, garbage, "not valid at this time");
}

static void
test_formats (void)
{
  g_auto (Chain) chain = { 0 };
  g_autoptr (GBytes) revoked = NULL;
  g_autoptr (GBytes) of_root = NULL;
  g_autoptr (GBytes) pem = NULL;
  g_autoptr (GBytes) garbage = g_bytes_new_static ("not a list", 10);
  g_autoptr (IkeCredentials) credentials = NULL;
  g_autofree char *problem = NULL;
  BIO *bio = BIO_new (BIO_s_mem ());
  char *data;
  long length;

  chain_make (&chain);
  revoked = pki_crl_der (chain.sub, chain.gateway, 0);
  of_root = pki_crl_der (chain.ca, NULL, 0);
  for (guint i = 0; i < 2; i++)
    {
      const guint8 *at = view (i == 0 ? of_root : revoked).data;
      X509_CRL *crl = d2i_X509_CRL (NULL, &at, (long)g_bytes_get_size (i == 0 ? of_root : revoked));

      g_assert_cmpint (PEM_write_bio_X509_CRL (bio, crl), ==, 1);
      X509_CRL_free (crl);
    }
  length = BIO_get_mem_data (bio, &data);
  pem = g_bytes_new (data, (gsize)length);
  BIO_free (bio);
  assert_reason (&chain, pem, NULL, "revoked");
  credentials = ike_credentials_new (NULL, NULL, chain.ca_pem, &problem);
  g_assert_false (ike_credentials_add_crls (credentials, garbage, &problem));
  g_assert_nonnull (problem);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/crl/own", test_own_list);
  g_test_add_func ("/ike/crl/intermediate", test_intermediate);
  g_test_add_func ("/ike/crl/of-the-peer", test_list_of_peer);
  g_test_add_func ("/ike/crl/formats", test_formats);
  return g_test_run ();
}
