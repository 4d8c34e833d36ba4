/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Revocation of the gateway's certificate: RFC 4806, RFC 6960, lists that are fetched. Virtual time. */
#include "tests/ike/auth-world.h"

#include <openssl/ocsp.h>
#include <string.h>

#define RESPONDER "http://ocsp.example.com/"
#define LIST "http://crl.example.com/ca.crl"

typedef struct
{
  AuthPki *pki;
  IkeConfig config;
} Scene;

static void
scene_clear (Scene *scene)
{
  auth_pki_free (scene->pki);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Scene, scene_clear)

static void
scene_make (Scene *scene, const char *access, const char *points, gboolean require)
{
  scene->pki = auth_pki_new ("EC:P-256", access, points);
  scene->config = auth_config (scene->pki);
  scene->config.check_ocsp = TRUE;
  scene->config.require_revocation = require;
}

static GBytes *stapled; /* of the gateway's answer; NULL: none */
static guint8 stapled_encoding = IKE_CERT_ENCODING_OCSP;

static void
staple (Gateway *gw, guint8 exchange, IkePayloads *answer)
{
  if (exchange == IKE_EXCHANGE_IKE_AUTH && stapled)
    ike_payloads_add_cert (answer, stapled_encoding, g_bytes_get_data (stapled, NULL), g_bytes_get_size (stapled));
}

static GBytes *
answer_of (const Scene *scene, PkiStatus status, const AuthWish *wish)
{
  const PkiOcsp ocsp = { .status = status, .request = wish ? wish->body : NULL };

  return pki_ocsp_der (scene->pki->ca, scene->pki->gateway, &ocsp);
}

static void
assert_refused (AuthWorld *auth, const char *words)
{
  const IkeEvent *event = world_run_until (auth->world, IKE_EVENT_AUTH_FAILED, 20 * SEC);

  g_assert_nonnull (strstr (event->reason, words));
  g_assert_nonnull (event->advice);
  g_assert_cmpuint (auth->world->children->len, ==, 0);
  g_assert_nonnull (ike_message_find_notify (
    gateway_last_seen (auth->world->gateway, IKE_EXCHANGE_INFORMATIONAL)->message, IKE_NOTIFY_AUTHENTICATION_FAILED));
}

/* --- stapled --- */

/* RFC 4806 3.1: a CERTREQ of its own, of encoding 14. */
static void
test_certreq (void)
{
  for (guint check = 0; check < 2; check++)
    {
      g_auto (Scene) scene = { 0 };
      g_autoptr (AuthWorld) auth = NULL;
      const IkeMessage *request;
      guint n14 = 0, n4 = 0;

      scene_make (&scene, NULL, NULL, FALSE);
      scene.config.check_ocsp = check != 0;
      auth = auth_world_new (scene.pki, &scene.config);
      auth_world_established (auth, 1);
      request = gateway_last_seen (auth->world->gateway, IKE_EXCHANGE_IKE_AUTH)->message;
      for (const IkePayload *p = NULL; (p = ike_message_find_next (request, IKE_PAYLOAD_CERTREQ, p));)
        if (p->certreq.encoding == IKE_CERT_ENCODING_OCSP)
          {
            g_assert_cmpuint (p->certreq.data.length, ==, 0);
            n14++;
          }
        else
          n4++;
      g_assert_cmpuint (n4, ==, 1);
      g_assert_cmpuint (n14, ==, check);
      g_assert_cmpuint (auth->wishes->len, ==, 0); /* the certificate names nobody to ask */
    }
}

/* covers: IKE-CERT-007 */
static void
test_stapled_good (void)
{
  for (guint sha256 = 0; sha256 < 2; sha256++)
    {
      g_auto (Scene) scene = { 0 };
      g_autoptr (AuthWorld) auth = NULL;
      const PkiOcsp ocsp = { .next_update = PKI_NOW + 3600, .sha256 = sha256 != 0 };

      scene_make (&scene, "OCSP;URI:" RESPONDER, NULL, TRUE);
      stapled = pki_ocsp_der (scene.pki->ca, scene.pki->gateway, &ocsp);
      auth = auth_world_new (scene.pki, &scene.config);
      auth->world->gateway->decorate = staple;
      auth_world_established (auth, 1);
      g_assert_cmpuint (auth->wishes->len, ==, 0);
      g_clear_pointer (&stapled, g_bytes_unref);
    }
}

static void
test_stapled_revoked (void)
{
  g_auto (Scene) scene = { 0 };
  g_autoptr (AuthWorld) auth = NULL;

  scene_make (&scene, "OCSP;URI:" RESPONDER, NULL, FALSE);
  stapled = answer_of (&scene, PKI_REVOKED, NULL);
  auth = auth_world_new (scene.pki, &scene.config);
  auth->world->gateway->decorate = staple;
  assert_refused (auth, "revoked");
  g_assert_cmpuint (auth->wishes->len, ==, 0);
  g_clear_pointer (&stapled, g_bytes_unref);
}

/* A stapled answer that is worth nothing: the responder is asked as if none had come. */
static void
assert_stapled_useless (const Scene *scene, GBytes *answer)
{
  g_autoptr (AuthWorld) auth = NULL;
  g_autoptr (GBytes) fetched = NULL;
  const AuthWish *wish;

  stapled = answer;
  auth = auth_world_new (scene->pki, &scene->config);
  auth->world->gateway->decorate = staple;
  wish = auth_world_wish (auth, 1);
  g_assert_cmpstr (wish->url, ==, RESPONDER);
  g_assert_cmpuint (world_counter (auth->world, "ocsp-answers-unusable"), ==, 1);
  fetched = answer_of (scene, PKI_GOOD, wish);
  auth_world_answer (auth, wish, fetched);
  auth_world_established (auth, 1);
  g_bytes_unref (answer);
  stapled = NULL;
}

static void
test_stapled_useless (void)
{
  g_auto (Scene) scene = { 0 };
  g_autoptr (AuthPki) other = auth_pki_new ("EC:P-256", NULL, NULL);
  const PkiOcsp of_stranger = { .signer = other->ca }, late = { .this_update = PKI_NOW - 4000 },
                ended = { .this_update = PKI_NOW - 90000, .next_update = PKI_NOW - 1000 },
                early = { .this_update = PKI_NOW + 1000 }, try_later = { .try_later = TRUE },
                by_gateway = { .status = PKI_GOOD };
  PkiOcsp self = by_gateway;
  GBytes *whole;

  scene_make (&scene, "OCSP;URI:" RESPONDER, NULL, TRUE);
  self.signer = scene.pki->gateway; /* a leaf that was not made for OCSP cannot vouch for itself */
  assert_stapled_useless (&scene, pki_ocsp_der (scene.pki->ca, scene.pki->gateway, &of_stranger));
  assert_stapled_useless (&scene, pki_ocsp_der (scene.pki->ca, scene.pki->gateway, &late));
  assert_stapled_useless (&scene, pki_ocsp_der (scene.pki->ca, scene.pki->gateway, &ended));
  assert_stapled_useless (&scene, pki_ocsp_der (scene.pki->ca, scene.pki->gateway, &early));
  assert_stapled_useless (&scene, pki_ocsp_der (scene.pki->ca, scene.pki->gateway, &try_later));
  assert_stapled_useless (&scene, pki_ocsp_der (scene.pki->ca, scene.pki->gateway, &self));
  /* About another certificate of the same CA; of another CA; damaged. */
  assert_stapled_useless (&scene, pki_ocsp_der (scene.pki->ca, scene.pki->client, &by_gateway));
  assert_stapled_useless (&scene, pki_ocsp_der (other->ca, other->gateway, &by_gateway));
  assert_stapled_useless (&scene, g_bytes_new_static ("OCSP", 4));
  whole = answer_of (&scene, PKI_GOOD, NULL);
  assert_stapled_useless (&scene, g_bytes_new_from_bytes (whole, 0, g_bytes_get_size (whole) - 1));
  g_bytes_unref (whole);
  assert_stapled_useless (&scene, answer_of (&scene, PKI_UNKNOWN, NULL));
}

/* Clocks may differ by some minutes. */
static void
test_tolerance (void)
{
  const PkiOcsp ahead = { .this_update = PKI_NOW + 200 },
                behind = { .this_update = PKI_NOW - 7200, .next_update = PKI_NOW - 200 };
  const PkiOcsp *cases[] = { &ahead, &behind };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (Scene) scene = { 0 };
      g_autoptr (AuthWorld) auth = NULL;

      scene_make (&scene, "OCSP;URI:" RESPONDER, NULL, TRUE);
      stapled = pki_ocsp_der (scene.pki->ca, scene.pki->gateway, cases[i]);
      auth = auth_world_new (scene.pki, &scene.config);
      auth->world->gateway->decorate = staple;
      auth_world_established (auth, 1);
      g_clear_pointer (&stapled, g_bytes_unref);
    }
}

/* RFC 6960 4.2.2.2: a certificate that the CA gave out for OCSP. */
static void
test_delegate (void)
{
  const char *usages[] = { "OCSPSigning", "serverAuth" };

  for (guint i = 0; i < G_N_ELEMENTS (usages); i++)
    {
      g_auto (Scene) scene = { 0 };
      g_autoptr (AuthWorld) auth = NULL;
      g_autoptr (PkiNode) delegate = NULL;
      PkiRequest request = { .common_name = "responder", .key = "EC:P-256", .extended_usage = usages[i] };
      PkiOcsp ocsp = { .status = PKI_GOOD };

      scene_make (&scene, NULL, NULL, TRUE);
      ocsp.signer = delegate = pki_issue (&request, scene.pki->ca);
      stapled = pki_ocsp_der (scene.pki->ca, scene.pki->gateway, &ocsp);
      auth = auth_world_new (scene.pki, &scene.config);
      auth->world->gateway->decorate = staple;
      if (i == 0)
        auth_world_established (auth, 1);
      else
        assert_refused (auth, "OCSP");
      g_clear_pointer (&stapled, g_bytes_unref);
    }
}

/* --- fetched --- */

static void
test_fetched (void)
{
  for (guint revoked = 0; revoked < 2; revoked++)
    {
      g_auto (Scene) scene = { 0 };
      g_autoptr (AuthWorld) auth = NULL;
      g_autoptr (GBytes) answer = NULL;
      const AuthWish *wish;
      const guint8 *at;
      OCSP_REQUEST *request;

      scene_make (&scene, "OCSP;URI:" RESPONDER, NULL, FALSE);
      auth = auth_world_new (scene.pki, &scene.config);
      wish = auth_world_wish (auth, 1);
      g_assert_cmpstr (wish->url, ==, RESPONDER);
      g_assert_cmpstr (wish->content_type, ==, "application/ocsp-request");
      g_assert_cmpuint (wish->max_length, ==, 65536);
      at = g_bytes_get_data (wish->body, NULL);
      request = d2i_OCSP_REQUEST (NULL, &at, (long)g_bytes_get_size (wish->body));
      g_assert_cmpint (OCSP_request_onereq_count (request), ==, 1);
      OCSP_REQUEST_free (request);
      /* Nothing is settled before the answer. */
      world_run (auth->world, SEC);
      g_assert_cmpuint (auth->world->children->len, ==, 0);
      answer = answer_of (&scene, revoked ? PKI_REVOKED : PKI_GOOD, wish);
      auth_world_answer (auth, wish, answer);
      if (revoked)
        assert_refused (auth, "revoked");
      else
        auth_world_established (auth, 1);
    }
}

/* The answer to somebody else's question, kept and played back. */
static void
test_nonce (void)
{
  g_auto (Scene) scene = { 0 };
  g_autoptr (AuthWorld) first = NULL;
  g_autoptr (AuthWorld) auth = NULL;
  g_autoptr (GBytes) old = NULL;
  g_autoptr (GBytes) bare = NULL;

  scene_make (&scene, "OCSP;URI:" RESPONDER, NULL, TRUE);
  first = auth_world_new (scene.pki, &scene.config);
  old = answer_of (&scene, PKI_GOOD, auth_world_wish (first, 1));
  world_command (first->world, IKE_ABANDON);
  world_start (first->world, first->world->a);
  auth_world_answer (first, auth_world_wish (first, 2), old);
  assert_refused (first, "another question");
  /* Responders that prepare their answers have no nonce in them (RFC 5019 4). */
  auth = auth_world_new (scene.pki, &scene.config);
  bare = answer_of (&scene, PKI_GOOD, NULL);
  auth_world_answer (auth, auth_world_wish (auth, 1), bare);
  auth_world_established (auth, 1);
}

/* Nobody answers: the gateway waits no longer than some seconds, and the profile decides. */
static void
test_silence (void)
{
  for (guint require = 0; require < 2; require++)
    {
      g_auto (Scene) scene = { 0 };
      g_autoptr (AuthWorld) auth = NULL;
      gint64 began;

      scene_make (&scene, "OCSP;URI:" RESPONDER, "URI:" LIST, require != 0);
      auth = auth_world_new (scene.pki, &scene.config);
      began = auth_world_wish (auth, 1)->at_us;
      if (require)
        assert_refused (auth, "could not be fetched");
      else
        world_run_until (auth->world, IKE_EVENT_ESTABLISHED, 11 * SEC);
      g_assert_cmpint (sim_now (auth->world->sim).boot_us - began, <=, 10 * SEC + 100 * MS);
      g_assert_cmpuint (auth->wishes->len, ==, 2);
      g_assert_cmpuint (world_counter (auth->world, "revocation-unknown"), ==, 1);
      g_assert_cmpuint (world_counter (auth->world, "fetches-failed"), ==, 2);
    }
}

static void
test_list (void)
{
  for (guint kind = 0; kind < 4; kind++)
    {
      g_auto (Scene) scene = { 0 };
      g_autoptr (AuthWorld) auth = NULL;
      g_autoptr (AuthPki) other = auth_pki_new ("EC:P-256", NULL, NULL);
      g_autoptr (GBytes) list = NULL;
      const AuthWish *wish;

      scene_make (&scene, "OCSP;URI:" RESPONDER, "URI:" LIST, TRUE);
      if (kind == 0)
        list = pki_crl_der (scene.pki->ca, NULL, 0);
      else if (kind == 1)
        list = pki_crl_der (scene.pki->ca, scene.pki->gateway, 0);
      else if (kind == 2)
        list = pki_crl_der (scene.pki->ca, NULL, PKI_NOW - 10);
      else
        list = pki_crl_der (other->ca, NULL, 0);
      auth = auth_world_new (scene.pki, &scene.config);
      auth_world_answer (auth, auth_world_wish (auth, 1), NULL);
      wish = auth_world_wish (auth, 2);
      g_assert_cmpstr (wish->url, ==, LIST);
      g_assert_null (wish->body);
      auth_world_answer (auth, wish, list);
      if (kind == 0)
        auth_world_established (auth, 1);
      else
        assert_refused (auth, kind == 1 ? "revoked" : "cannot be used");
    }
}

/* https, ldap, file: no. Of many only the first ones are asked. */
static void
test_urls (void)
{
  g_auto (Scene) scene = { 0 };
  g_autoptr (AuthWorld) auth = NULL;

  scene_make (&scene,
              "OCSP;URI:https://ocsp.example.com/,OCSP;URI:file:///etc/passwd,OCSP;URI:http://a.example.com/,"
              "OCSP;URI:http://b.example.com/,OCSP;URI:http://c.example.com/,OCSP;URI:http://d.example.com/,"
              "caIssuers;URI:http://issuer.example.com/",
              "URI:ldap://crl.example.com/", TRUE);
  auth = auth_world_new (scene.pki, &scene.config);
  for (guint i = 1; i <= 3; i++)
    {
      const AuthWish *wish = auth_world_wish (auth, i);
      g_autofree char *url = g_strdup_printf ("http://%c.example.com/", 'a' + i - 1);

      g_assert_cmpstr (wish->url, ==, url);
      auth_world_answer (auth, wish, NULL);
    }
  assert_refused (auth, "no answer");
  g_assert_cmpuint (auth->wishes->len, ==, 3);
}

static void
test_url_words (void)
{
  static const char *good[] = { "http://a/", "HTTP://[2001:db8::1]:8080/x?y=z" };
  static const char *bad[] = { "http://", "https://a/", "ftp://a/", "http://a/ b", "http://a/\n", "//a/", "" };
  g_autofree char *longest = g_strnfill (1100, 'a');

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (ike_url_is_http (good[i], strlen (good[i])));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (ike_url_is_http (bad[i], strlen (bad[i])));
  memcpy (longest, "http://", 7);
  g_assert_false (ike_url_is_http (longest, 1100));
}

/* While it waits the gateway's retransmissions and requests change nothing; after a move it is still wanted. */
static void
test_waiting (void)
{
  g_auto (Scene) scene = { 0 };
  g_autoptr (AuthWorld) auth = NULL;
  g_autoptr (GBytes) answer = NULL;
  const AuthWish *old;

  scene_make (&scene, "OCSP;URI:" RESPONDER, NULL, TRUE);
  auth = auth_world_new (scene.pki, &scene.config);
  old = auth_world_wish (auth, 1);
  gateway_request (auth->world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
  world_run (auth->world, 100 * MS);
  g_assert_cmpuint (world_counter (auth->world, "requests-too-early"), ==, 1);
  g_assert_cmpuint (auth->world->gateway->answers, ==, 0);
  world_move (auth->world, auth->world->b, TRUE);
  answer = answer_of (&scene, PKI_GOOD, old);
  auth_world_answer (auth, old, answer);
  g_assert_cmpuint (world_counter (auth->world, "answers-too-late"), ==, 0);
  g_assert_cmpuint (auth->world->children->len, ==, 1);
  /* The gateway saw IKE_AUTH come from the old path. */
  world_run (auth->world, 100 * MS);
  g_assert_cmpuint (gateway_count_updates (auth->world->gateway), ==, 1);
  g_assert_true (world_addr_is (&gateway_sa (auth->world->gateway)->remote.addr, WORLD_HOST_B));
}

/* The answer is kept for the next time, as long as it is valid. */
static void
test_kept (void)
{
  g_auto (Scene) scene = { 0 };
  g_autoptr (AuthWorld) auth = NULL;
  g_autoptr (GBytes) answer = NULL;

  scene_make (&scene, "OCSP;URI:" RESPONDER, NULL, TRUE);
  auth = auth_world_new (scene.pki, &scene.config);
  answer = answer_of (&scene, PKI_GOOD, auth_world_wish (auth, 1));
  auth_world_answer (auth, auth_world_wish (auth, 1), answer);
  auth_world_established (auth, 1);
  world_command (auth->world, IKE_ABANDON);
  world_start (auth->world, auth->world->a);
  auth_world_established (auth, 2);
  g_assert_cmpuint (auth->wishes->len, ==, 1);
  world_command (auth->world, IKE_ABANDON);
  world_run (auth->world, 3700 * SEC);
  world_start (auth->world, auth->world->a);
  auth_world_wish (auth, 2);
}

/* A valid list that came along, or the administrator's own, is enough. */
static void
test_covered (void)
{
  for (guint own = 0; own < 2; own++)
    {
      g_auto (Scene) scene = { 0 };
      g_autoptr (AuthWorld) auth = NULL;
      g_autoptr (GBytes) list = NULL;

      scene_make (&scene, "OCSP;URI:" RESPONDER, NULL, TRUE);
      list = pki_crl_der (scene.pki->ca, NULL, 0);
      if (own)
        scene.config.crl = list;
      else
        stapled = list;
      stapled_encoding = IKE_CERT_ENCODING_CRL;
      auth = auth_world_new (scene.pki, &scene.config);
      auth->world->gateway->decorate = staple;
      auth_world_established (auth, 1);
      g_assert_cmpuint (auth->wishes->len, ==, 0);
      stapled = NULL;
      stapled_encoding = IKE_CERT_ENCODING_OCSP;
    }
}

/* Required, but nobody may be asked. */
static void
test_required_only (void)
{
  g_auto (Scene) scene = { 0 };
  g_autoptr (AuthWorld) auth = NULL;

  scene_make (&scene, "OCSP;URI:" RESPONDER, NULL, TRUE);
  scene.config.check_ocsp = FALSE;
  auth = auth_world_new (scene.pki, &scene.config);
  assert_refused (auth, "names neither");
  g_assert_cmpuint (auth->wishes->len, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/ocsp/certreq", test_certreq);
  g_test_add_func ("/ike/ocsp/stapled/good", test_stapled_good);
  g_test_add_func ("/ike/ocsp/stapled/revoked", test_stapled_revoked);
  g_test_add_func ("/ike/ocsp/stapled/useless", test_stapled_useless);
  g_test_add_func ("/ike/ocsp/stapled/tolerance", test_tolerance);
  g_test_add_func ("/ike/ocsp/stapled/delegate", test_delegate);
  g_test_add_func ("/ike/ocsp/fetched", test_fetched);
  g_test_add_func ("/ike/ocsp/nonce", test_nonce);
  g_test_add_func ("/ike/ocsp/silence", test_silence);
  g_test_add_func ("/ike/ocsp/list", test_list);
  g_test_add_func ("/ike/ocsp/urls", test_urls);
  g_test_add_func ("/ike/ocsp/url-words", test_url_words);
  g_test_add_func ("/ike/ocsp/waiting", test_waiting);
  g_test_add_func ("/ike/ocsp/kept", test_kept);
  g_test_add_func ("/ike/ocsp/covered", test_covered);
  g_test_add_func ("/ike/ocsp/required-only", test_required_only);
  return g_test_run ();
}
