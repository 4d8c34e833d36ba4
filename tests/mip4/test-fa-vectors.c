/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fa-fixture.h"

#include <json-glib/json-glib.h>
#include <string.h>

/*
 * Every Registration Request of tests/vectors/mip4.json at a foreign agent that offers its care-of address: what
 * is malformed goes nowhere, and whatever is relayed is the vector's own octets up to the end of what a home
 * agent can verify.
 */

/* Requests that a foreign agent must not relay, and why. */
static const struct
{
  const char *name;
  const char *why;
} not_relayed[] = {
  { "bad-short-rrq", "shorter than the fixed part" },
};

static gboolean
must_not_be_relayed (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (not_relayed); i++)
    if (strcmp (name, not_relayed[i].name) == 0)
      return TRUE;
  return FALSE;
}

static guint32
field (GByteArray *message, guint offset)
{
  guint32 value = 0;

  for (guint i = 0; i < 4; i++)
    value = value << 8 | message->data[offset + i];
  return value;
}

/* TRUE when it was relayed. */
static gboolean
run_vector (JsonObject *vector)
{
  const char *name = json_object_get_string_member (vector, "name");
  g_autoptr (GByteArray) message = unhex (json_object_get_string_member (vector, "message_hex"));
  Mip4FaConfig config = fa_default_config ();
  Mip4FaHeader header = fa_header (MN_MAC);
  g_autoptr (Fa) fa = NULL;
  const guint8 *relayed;
  gsize length;

  config.registration_lifetime_s = 0xffff;
  if (message->len >= 24 && field (message, 12) != 0)
    config.care_of[0] = roam_addr_from_u32 (field (message, 12));
  fa = fa_new (&config);
  fa_input_header (fa, &header, g_bytes_new (message->data, message->len));
  if (fa_count (fa, MIP4_FA_ACTION_SEND) == 0 ||
      g_array_index (fa->actions, Mip4FaAction, 0).type != MIP4_FA_ACTION_SEND)
    {
      g_test_message ("%s: %s", name, fa_find (fa, MIP4_FA_ACTION_LOG)->log.reason);
      return FALSE;
    }
  g_assert_false (must_not_be_relayed (name));
  relayed = g_bytes_get_data (fa_relayed (fa)->send.datagram, &length);
  g_assert_cmpuint (length, <=, message->len);
  g_assert_cmpmem (relayed, length, message->data, length);
  /* What is left out is for the agent alone: 130, 132, 33, and what stands with them. */
  if (length < message->len)
    g_assert_true (message->data[length] == 130 || message->data[length] == 132 || message->data[length] == 33 ||
                   message->data[length] == 144 || message->data[length] == 0);
  return TRUE;
}

/* covers: MIP-FA-006, MIP-FA-010, MIP-AUTH-003 */
static void
test_requests (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonNode *root;
  JsonArray *vectors;
  guint relayed = 0, seen = 0;

  json_parser_load_from_file (parser, g_getenv ("MIP4_VECTORS"), &error);
  g_assert_no_error (error);
  root = json_parser_get_root (parser);
  vectors = JSON_NODE_HOLDS_ARRAY (root) ? json_node_get_array (root)
                                         : json_object_get_array_member (json_node_get_object (root), "vectors");
  for (guint i = 0; i < json_array_get_length (vectors); i++)
    {
      JsonObject *vector = json_array_get_object_element (vectors, i);

      if (strcmp (json_object_get_string_member (vector, "kind"), "rrq") != 0)
        continue;
      seen++;
      relayed += run_vector (vector);
    }
  g_test_message ("%u of %u requests relayed", relayed, seen);
  g_assert_cmpuint (seen, >, 15);
  g_assert_cmpuint (relayed, >, 10);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fa/vectors/requests", test_requests);
  return g_test_run ();
}
