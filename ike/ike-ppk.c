/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Post-quantum preshared keys (RFC 8784): one key mixed into SK_d, SK_pi and SK_pr of a new IKE SA. */
#include "ike/ike-session-private.h"

#include <string.h>

/* PPK_IDENTITY: type, then the name (RFC 8784 5.1). */
#define PPK_ID_FIXED 2
#define MAX_PPK_ID 255

static RoamSecret *
mix (guint16 prf, const RoamSecret *ppk, const RoamSecret *key)
{
  const IkeView seed = { roam_secret_peek (key), roam_secret_length (key) };
  guint8 out[IKE_MAX_HASH];
  RoamSecret *mixed = NULL;

  if (ike_prf_plus (prf, (IkeView){ roam_secret_peek (ppk), roam_secret_length (ppk) }, &seed, 1, out, seed.length))
    mixed = roam_secret_new (out, seed.length);
  roam_wipe (out, sizeof out);
  return mixed;
}

void
ike_ppk_keys_clear (IkePpkKeys *keys)
{
  g_clear_pointer (&keys->sk_d, roam_secret_unref);
  g_clear_pointer (&keys->sk_pi, roam_secret_unref);
  g_clear_pointer (&keys->sk_pr, roam_secret_unref);
}

gboolean
ike_ppk_mix (IkeKeys *keys, const RoamSecret *ppk, IkePpkKeys *ret_plain)
{
  g_auto (IkePpkKeys) mixed = { mix (keys->suite.prf, ppk, keys->sk_d), mix (keys->suite.prf, ppk, keys->sk_pi),
                                mix (keys->suite.prf, ppk, keys->sk_pr) };

  if (!mixed.sk_d || !mixed.sk_pi || !mixed.sk_pr)
    return FALSE;
  ike_ppk_keys_clear (ret_plain);
  *ret_plain = (IkePpkKeys){ keys->sk_d, keys->sk_pi, keys->sk_pr };
  keys->sk_d = g_steal_pointer (&mixed.sk_d);
  keys->sk_pi = g_steal_pointer (&mixed.sk_pi);
  keys->sk_pr = g_steal_pointer (&mixed.sk_pr);
  return TRUE;
}

void
ike_ppk_undo (IkeKeys *keys, IkePpkKeys *plain)
{
  g_auto (IkePpkKeys) mixed = { keys->sk_d, keys->sk_pi, keys->sk_pr };

  keys->sk_d = g_steal_pointer (&plain->sk_d);
  keys->sk_pi = g_steal_pointer (&plain->sk_pi);
  keys->sk_pr = g_steal_pointer (&plain->sk_pr);
}

void
ike_ppk_add_identity (const IkeSession *session, IkePayloads *payloads)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 1 + MAX_PPK_ID);
  wire_write_u8 (&writer, PPK_ID_FIXED);
  wire_write_data (&writer, (const guint8 *)session->ppk_id, strlen (session->ppk_id));
  ike_payloads_add_notify (payloads, IKE_NOTIFY_PPK_IDENTITY, wire_writer_peek (&writer), wire_writer_length (&writer));
}

gboolean
ike_ppk_configure (IkeSession *session, const IkeConfig *config, char **ret_problem)
{
  if (config->ppk == NULL)
    return TRUE;
  if (roam_secret_length (config->ppk) == 0 || config->ppk_id == NULL || config->ppk_id[0] == '\0' ||
      strlen (config->ppk_id) > MAX_PPK_ID)
    {
      *ret_problem =
        g_strdup ("a post-quantum preshared key needs a name of at most 255 octets, and must not be empty");
      return FALSE;
    }
  session->ppk = roam_secret_ref (config->ppk);
  session->ppk_id = g_strdup (config->ppk_id);
  session->require_ppk = config->require_ppk;
  return TRUE;
}
