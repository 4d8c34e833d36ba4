/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nothing secret stays in the heap when a session has ended: its whole memory is looked through. */
#include "ike/ike-session-private.h"
#include "tests/ike/auth-world.h"
#include "tests/ike/eap-server.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_SECRETS 64
/* So much of a secret is enough to find it by. */
#define PIECE 12
#define MASK 0xa5
/* Regions beyond this are an allocator's or a sanitizer's reserve, with nothing in them. */
#define MAX_REGION (256u * 1024 * 1024)

/* Masked, so that this table is not what is found. */
static struct
{
  guint8 octets[PIECE];
  const char *name;
} secrets[MAX_SECRETS];
static guint n_secrets;

static void
remember (const char *name, const guint8 *data, gsize length)
{
  g_assert_cmpuint (n_secrets, <, MAX_SECRETS);
  g_assert_cmpuint (length, >=, PIECE);
  for (guint i = 0; i < PIECE; i++)
    secrets[n_secrets].octets[i] = data[i] ^ MASK;
  secrets[n_secrets++].name = name;
}

static void
remember_secret (const char *name, const RoamSecret *secret)
{
  if (secret && roam_secret_length (secret) >= PIECE)
    remember (name, roam_secret_peek (secret), roam_secret_length (secret));
}

static void
remember_session (const IkeSession *session)
{
  const IkeKeys *keys = session->current->keys;
  const IkeChild *child = ike_child_in_use (session);

  remember_secret ("SK_d", keys->sk_d);
  remember_secret ("SK_ai", keys->sk_ai);
  remember_secret ("SK_ar", keys->sk_ar);
  remember_secret ("SK_ei", keys->sk_ei);
  remember_secret ("SK_er", keys->sk_er);
  remember_secret ("SK_pi", keys->sk_pi);
  remember_secret ("SK_pr", keys->sk_pr);
  remember_secret ("encr in", child->sa->encr_in);
  remember_secret ("encr out", child->sa->encr_out);
}

/* TRUE, and a word of who it is, when one of the secrets stands at @at. */
static gboolean
is_secret (const guint8 *at, const char **ret_name)
{
  for (guint i = 0; i < n_secrets; i++)
    {
      guint j = 0;

      while (j < PIECE && (at[j] ^ MASK) == secrets[i].octets[j])
        j++;
      if (j == PIECE)
        {
          *ret_name = secrets[i].name;
          return TRUE;
        }
    }
  return FALSE;
}

static guint
scan (int memory, guint64 from, guint64 to, guint8 *buffer)
{
  gssize length = pread (memory, buffer, (gsize)(to - from), (off_t)from);
  const char *name;
  guint found = 0;

  for (gssize i = 0; i + PIECE <= length; i++)
    if (is_secret (buffer + i, &name))
      {
        g_test_message ("%s is still in memory", name);
        found++;
      }
  return found;
}

/* Heap and anonymous memory; the buffer that the copies go to is mapped by itself and left out. */
static guint
scan_heap (void)
{
  g_autofree char *maps = NULL;
  g_auto (GStrv) lines = NULL;
  int memory = open ("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  guint found = 0, regions = 0;

  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  lines = g_strsplit (maps, "\n", -1);
  for (guint i = 0; lines[i]; i++)
    {
      guint64 from = g_ascii_strtoull (lines[i], NULL, 16), to;
      const char *dash = strchr (lines[i], '-');
      const char *slash = strchr (lines[i], '/'), *bracket = strchr (lines[i], '[');

      if (!dash || !strstr (lines[i], " rw-p ") || slash || (bracket && !g_str_has_prefix (bracket, "[heap]")))
        continue;
      to = g_ascii_strtoull (dash + 1, NULL, 16);
      if (to - from > MAX_REGION)
        continue;
      g_autofree guint8 *buffer = g_malloc (to - from);
      found += scan (memory, from, to, buffer);
      memset (buffer, 0, to - from);
      regions++;
    }
  close (memory);
  g_assert_cmpuint (regions, >, 0);
  return found;
}

/* The scan finds what is there. */
static void
test_scan (void)
{
  guint8 *octets = g_malloc (64);

  n_secrets = 0;
  for (guint i = 0; i < 64; i++)
    octets[i] = (guint8)(i * 37 + 11);
  remember ("planted", octets, 64);
  g_assert_cmpuint (scan_heap (), >=, 1);
  roam_wipe (octets, 64);
  g_assert_cmpuint (scan_heap (), ==, 0);
  g_free (octets);
}

static RoamSecret *
make_secret (RoamRng *rng, gsize length)
{
  guint8 octets[64];
  RoamSecret *secret;

  roam_rng_fill (rng, octets, length);
  secret = roam_secret_new (octets, length);
  roam_wipe (octets, sizeof octets);
  return secret;
}

/* PSK, every key of the IKE SA and of the Child SA, before and after a rekeying of both. covers: IKE-CRY-015 */
static void
test_keys (gconstpointer proposals)
{
  static const char psk[] = "a pre-shared key that is nowhere else";
  IkeConfig config = world_config ();
  g_autoptr (RoamSecret) secret = roam_secret_new ((const guint8 *)psk, strlen (psk));
  World *world;

  n_secrets = 0;
  config.psk = secret;
  config.ike_proposals = proposals;
  world = world_new (&config);
  world->gateway->psk = psk;
  world->gateway->ike_proposals = proposals;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  remember_secret ("PSK", secret);
  remember_session (world->session);
  world_command (world, IKE_REKEY_CHILD);
  world_command (world, IKE_REKEY_IKE);
  world_run (world, 2 * SEC);
  g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 1);
  remember_session (world->session);
  world_free (world);
  g_clear_pointer (&secret, roam_secret_unref);
  g_assert_cmpuint (scan_heap (), ==, 0);
}

static EapServer *eap_server;

static GwVerdict
eap_hook (Gateway *gw, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  const IkePayload *eap = ike_message_find (request, IKE_PAYLOAD_EAP);
  g_autoptr (GBytes) packet = NULL;

  if (request->header.exchange != IKE_EXCHANGE_IKE_AUTH || gw->eap_msk)
    return GW_DEFAULT;
  if (!eap)
    gateway_add_auth (gw, sa, answer);
  packet = eap_server_next (eap_server, eap ? eap->eap.packet : (IkeView){ 0 });
  ike_payloads_add_eap (answer, g_bytes_get_data (packet, NULL), g_bytes_get_size (packet));
  if (((const guint8 *)g_bytes_get_data (packet, NULL))[0] == IKE_EAP_CODE_SUCCESS)
    gw->eap_msk = roam_secret_ref (eap_server->msk);
  return GW_ANSWER;
}

/* A password, the MSK that comes of it, a PPK on the way. covers: IKE-CRY-015 */
static void
test_eap (void)
{
  static const char password[] = "correct horse battery staple";
  AuthPki *pki = auth_pki_new ("EC:P-256", NULL, NULL);
  RoamSecret *secret = roam_secret_new ((const guint8 *)password, strlen (password));
  IkeConfig config = world_config ();
  World *world;

  n_secrets = 0;
  config.method = IKE_AUTH_METHOD_EAP;
  config.psk = NULL;
  config.ca_pem = pki->ca_pem;
  config.eap_method = IKE_EAP_METHOD_MSCHAPV2;
  config.eap_password = secret;
  world = world_new (&config);
  world->gateway->credentials = pki->gateway_credentials;
  world->gateway->hook = eap_hook;
  eap_server = eap_server_new_mschapv2 ("alice@example.com", password);
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  remember_secret ("password", secret);
  remember_secret ("MSK", eap_server->msk);
  remember_session (world->session);
  world_free (world);
  eap_server_free (eap_server);
  auth_pki_free (pki);
  roam_secret_unref (secret);
  g_assert_cmpuint (scan_heap (), ==, 0);
}

/* The private value and the shared secret of a key exchange. covers: IKE-CRY-015 */
static void
test_key_exchange (gconstpointer data)
{
  guint16 group = (guint16)GPOINTER_TO_UINT (data);
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (11);
  RoamSecret *private = make_secret (rng, 32);
  IkeDh *ours = ike_dh_new_with_private (group, roam_secret_peek (private), 32), *theirs = ike_dh_new (group, rng);
  const char *reason = NULL;
  IkeView public = ike_dh_public (theirs);
  RoamSecret *shared = ike_dh_shared (ours, public.data, public.length, &reason);

  g_assert_nonnull (shared);
  n_secrets = 0;
  remember_secret ("private value", private);
  remember_secret ("shared secret", shared);
  ike_dh_free (ours);
  ike_dh_free (theirs);
  roam_secret_unref (private);
  roam_secret_unref (shared);
  g_clear_pointer (&rng, roam_rng_free); /* it holds the block that the private value was cut from */
  g_assert_cmpuint (scan_heap (), ==, 0);
}

/* The private key of a certificate, as it stands in its file. covers: IKE-CRY-015 */
static void
test_private_key (void)
{
  AuthPki *pki = auth_pki_new ("EC:P-256", NULL, NULL);
  IkeConfig config = auth_config (pki);
  AuthWorld *auth;
  const guint8 *pem = roam_secret_peek (pki->client_key);

  n_secrets = 0;
  /* After the line that all keys begin with, and what is alike in all of this kind. */
  remember ("private key", pem + roam_secret_length (pki->client_key) / 2, PIECE);
  auth = auth_world_new (pki, &config);
  auth_world_established (auth, 1);
  auth_world_free (auth);
  auth_pki_free (pki);
  g_assert_cmpuint (scan_heap (), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/heap/scan", test_scan);
  g_test_add_data_func ("/ike/heap/keys/gcm", "aes256gcm16-prfsha384-ecp384", test_keys);
  g_test_add_data_func ("/ike/heap/keys/cbc", "aes128-sha256-modp2048", test_keys);
  g_test_add_data_func ("/ike/heap/keys/x25519", "chacha20poly1305-prfsha256-x25519", test_keys);
  g_test_add_func ("/ike/heap/eap", test_eap);
  g_test_add_data_func ("/ike/heap/key-exchange/x25519", GUINT_TO_POINTER (IKE_GROUP_CURVE25519), test_key_exchange);
  g_test_add_data_func ("/ike/heap/key-exchange/ecp256", GUINT_TO_POINTER (IKE_GROUP_ECP_256), test_key_exchange);
  g_test_add_func ("/ike/heap/private-key", test_private_key);
  return g_test_run ();
}
