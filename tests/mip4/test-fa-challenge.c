/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fa-fixture.h"

#include <string.h>

/* Challenges of the foreign agent (RFC 4721 3.2, 3.3). */

typedef struct
{
  guint8 octets[MIP4_FA_CHALLENGE_OCTETS];
} Challenge;

static Challenge
advertised (const Fa *fa)
{
  const Mip4Advertisement adv = fa_advertisement (fa);
  Challenge challenge;

  g_assert_cmpuint (adv.challenge_length, ==, sizeof challenge.octets);
  memcpy (challenge.octets, adv.challenge, sizeof challenge.octets);
  return challenge;
}

/* Of the reply that went to the node. */
static Challenge
replied (const Fa *fa)
{
  const Mip4Message message = fa_to_node (fa);
  const Mip4Slice *slice = message.mhae.count > 0 ? &message.uncovered.challenge : &message.covered.challenge;
  Challenge challenge;

  g_assert_cmpuint (slice->length, ==, sizeof challenge.octets);
  memcpy (challenge.octets, slice->data, sizeof challenge.octets);
  return challenge;
}

static GBytes *
append_challenge (GBytes *message, const Challenge *challenge)
{
  GString *hex = g_string_new ("84 10 ");

  for (guint i = 0; i < sizeof challenge->octets; i++)
    g_string_append_printf (hex, "%02x", challenge->octets[i]);
  message = fa_append (message, hex->str);
  g_string_free (hex, TRUE);
  return message;
}

/* A Mobile-AAA authentication: nobody here can check it. */
static GBytes *
append_aaa (GBytes *message)
{
  return fa_append (message, "24 01 0018 00001f40 000102030405060708090a0b0c0d0e0f10111213");
}

static Fa *
fa_with_challenges (void)
{
  Mip4FaConfig config = fa_default_config ();

  config.challenge = TRUE;
  return fa_new (&config);
}

static void
input (Fa *fa, const Forgery *request, const Challenge *challenge)
{
  fa_input (fa, append_aaa (append_challenge (forge (request), challenge)));
}

/* covers: MIP-CHL-012, MIP-CHL-013, MIP-FA-010 */
static void
test_good_challenge (void)
{
  g_autoptr (Fa) fa = fa_with_challenges ();
  const Challenge challenge = advertised (fa);
  Forgery request = fa_request (fa), reply;
  g_autoptr (GBytes) expected = append_aaa (append_challenge (forge (&request), &challenge));
  Challenge next;

  input (fa, &request, &challenge);
  /* Challenge and Mobile-AAA authentication stay in. */
  g_assert_cmpmem (g_bytes_get_data (fa_relayed (fa)->send.datagram, NULL),
                   g_bytes_get_size (fa_relayed (fa)->send.datagram), g_bytes_get_data (expected, NULL),
                   g_bytes_get_size (expected));
  reply = fa_reply (&request);
  fa_input_reply (fa, forge (&reply));
  /* A new one for the next time in every reply; it is good. */
  next = replied (fa);
  g_assert_true (memcmp (next.octets, challenge.octets, sizeof next.octets) != 0);
  request = fa_request (fa);
  input (fa, &request, &next);
  fa_relayed (fa);
}

/* covers: MIP-CHL-012 */
static void
test_missing_unknown (void)
{
  g_autoptr (Fa) fa = fa_with_challenges ();
  const Challenge challenge = advertised (fa);
  Challenge made_up = challenge;
  Forgery request = fa_request (fa);

  fa_input (fa, forge (&request));
  fa_expect_denied (fa, 105);
  /* Even a denial brings one, and not a new one for each bad request. */
  g_assert_cmpmem (replied (fa).octets, sizeof made_up.octets, challenge.octets, sizeof challenge.octets);
  made_up.octets[0] ^= 1;
  fa_advance (fa, 2 * SECOND);
  request = fa_request (fa);
  input (fa, &request, &made_up);
  fa_expect_denied (fa, 104);
}

/* covers: MIP-CHL-012 */
static void
test_stale (void)
{
  g_autoptr (Fa) fa = fa_with_challenges ();
  const Challenge challenge = advertised (fa);
  Forgery request = fa_request (fa), other, reply;
  Mip4FaHeader header = fa_header (MN_MAC + 1);

  input (fa, &request, &challenge);
  fa_relayed (fa);
  /* The same request again, with a newer Identification: a retransmission. */
  request.identification += G_GUINT64_CONSTANT (1) << 32;
  input (fa, &request, &challenge);
  fa_relayed (fa);
  /* Not the same request. */
  other = fa_request (fa);
  other.lifetime--;
  input (fa, &other, &challenge);
  fa_expect_denied (fa, 106);
  g_assert_true (fa_find (fa, MIP4_FA_ACTION_LOG)->log.security);
  /* The one that was answered is over. */
  reply = fa_reply (&request);
  fa_input_reply (fa, forge (&reply));
  fa_advance (fa, 0);
  request.identification++;
  fa_advance (fa, 500 * ROAM_USEC_PER_MSEC);
  fa->now.boot_us += SECOND;
  input (fa, &request, &challenge);
  fa_expect_denied (fa, 106);
  /* Another node may use what was advertised to all. */
  other = fa_request (fa);
  other.home++;
  fa_input_header (fa, &header, append_aaa (append_challenge (forge (&other), &challenge)));
  fa_relayed (fa);
}

/* covers: MIP-CHL-012 */
static void
test_window (void)
{
  g_autoptr (Fa) fa = fa_with_challenges ();
  const Challenge first = advertised (fa);
  Challenge second, third;
  Forgery request;

  fa_advance (fa, SECOND);
  second = advertised (fa);
  /* Two are remembered. */
  request = fa_request (fa);
  input (fa, &request, &first);
  fa_relayed (fa);
  fa_advance (fa, SECOND);
  third = advertised (fa);
  fa->now.boot_us += 8 * SECOND;
  request = fa_request (fa);
  request.lifetime--;
  input (fa, &request, &third);
  fa_relayed (fa);
  /* Older than the last that it used: a replay. */
  request = fa_request (fa);
  request.lifetime -= 2;
  input (fa, &request, &second);
  fa_expect_denied (fa, 106);
  fa->now.boot_us += 2 * SECOND;
  /* The first has left the window, for everybody. */
  {
    Mip4FaHeader header = fa_header (MN_MAC + 1);

    request = fa_request (fa);
    request.home++;
    fa_input_header (fa, &header, append_aaa (append_challenge (forge (&request), &first)));
    fa_expect_denied (fa, 104);
  }
}

/* covers: MIP-CHL-012, MIP-CHL-013 */
static void
test_with_association (void)
{
  const Mip4FaPeer peer = fa_node_peer (FALSE);
  Mip4FaConfig config = fa_default_config ();
  g_autoptr (Fa) fa = NULL;
  g_autoptr (GBytes) plain = NULL;
  Challenge challenge;
  Forgery request;

  config.challenge = TRUE;
  config.nodes = &peer;
  config.n_nodes = 1;
  fa = fa_new (&config);
  challenge = advertised (fa);
  request = fa_request (fa);
  plain = forge (&request);
  /* Under the MFAE; without a Mobile-AAA authentication it ends here. */
  fa_input (fa, fa_authenticate (append_challenge (forge (&request), &challenge), 33, MN_FA_SPI, mn_fa_key_hex, FALSE));
  g_assert_cmpmem (g_bytes_get_data (fa_relayed (fa)->send.datagram, NULL),
                   g_bytes_get_size (fa_relayed (fa)->send.datagram), g_bytes_get_data (plain, NULL),
                   g_bytes_get_size (plain));
  /* Behind the MFAE it is not authenticated. */
  request = fa_request (fa);
  fa_input (fa, append_challenge (fa_authenticate (forge (&request), 33, MN_FA_SPI, mn_fa_key_hex, FALSE), &challenge));
  fa_expect_silence (fa);
  g_assert_cmpuint (fa_counter (fa, "discarded-challenge-alone"), ==, 1);
  /* An association does without a challenge, but not with a used one. */
  request = fa_request (fa);
  request.lifetime--;
  fa_input (fa, fa_authenticate (forge (&request), 33, MN_FA_SPI, mn_fa_key_hex, FALSE));
  fa_relayed (fa);
  request = fa_request (fa);
  request.lifetime -= 2;
  fa_input (fa, fa_authenticate (append_challenge (forge (&request), &challenge), 33, MN_FA_SPI, mn_fa_key_hex, FALSE));
  fa_expect_denied (fa, 106);
}

/* A made-up address for each request: what is remembered stays bounded, and the oldest goes. */
static void
test_bounded_memory (void)
{
  g_autoptr (Fa) fa = fa_with_challenges ();
  Forgery request = fa_request (fa);

  for (guint i = 0; i < 3 * MIP4_FA_MAX_NEIGHBOURS; i++)
    {
      const Mip4FaHeader header = fa_header (MN_MAC + i);

      fa->now.boot_us++;
      fa_input_header (fa, &header, forge (&request));
      fa_expect_denied (fa, 105);
    }
  g_assert_cmpuint (g_hash_table_size (fa->fa->neighbours), ==, MIP4_FA_MAX_NEIGHBOURS);
  /* Denials used the advertised challenge, so that a flood made none. */
  g_assert_cmpuint (fa->fa->n_challenges, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fa/challenge/good", test_good_challenge);
  g_test_add_func ("/fa/challenge/missing-unknown", test_missing_unknown);
  g_test_add_func ("/fa/challenge/stale", test_stale);
  g_test_add_func ("/fa/challenge/window", test_window);
  g_test_add_func ("/fa/challenge/with-association", test_with_association);
  g_test_add_func ("/fa/challenge/bounded-memory", test_bounded_memory);
  return g_test_run ();
}
