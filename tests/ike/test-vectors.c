/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Runs every vector of ikev2.json through the codec and the cryptography. A vector that nobody runs
 * must be on the list below with a reason, or the test fails.
 */

#include "tests/ike/test-vectors.h"

#include <string.h>

static const struct
{
  const char *prefix; /* of the id, or the kind when it begins with '=' */
  const char *reason;
} left_out[] = {
  { "=esp", "ESP packets are the data plane's: tests of tunnel/" },
  { "COOKIE-1", "how a responder makes cookies; a client only echoes them (COOKIE-RETRY is run)" },
  { "MSGID-SYNC", "RFC 6311 is not implemented: a client of one gateway has no cluster to synchronise with" },
};

static const struct
{
  const char *kind;
  VectorRun run;
} runners[] = {
  { "dh", vector_run_dh },
  { "prf+", vector_run_prf_plus },
  { "kdf", vector_run_kdf },
  { "auth", vector_run_auth },
  { "hash", vector_run_hash },
  { "message", vector_run_message },
  { "encoding", vector_run_encoding },
  { "sk", vector_run_sk },
  { "negative", vector_run_negative },
  { "logic", vector_run_logic },
  { "puzzle", vector_run_puzzle },
  { "eap", vector_run_eap },
};

static GArray *vectors;
static GPtrArray *octet_strings;

const Vector *
vector_find (const char *id)
{
  for (guint i = 0; i < vectors->len; i++)
    if (g_str_equal (g_array_index (vectors, Vector, i).id, id))
      return &g_array_index (vectors, Vector, i);
  g_error ("no vector %s", id);
}

IkeView
vector_hex_text (const char *text)
{
  GByteArray *octets = g_byte_array_new ();

  for (const char *at = text; at[0] != '\0'; at += 2)
    {
      guint8 octet;

      g_assert_true (g_ascii_isxdigit (at[0]) && g_ascii_isxdigit (at[1]));
      octet = (guint8)(g_ascii_xdigit_value (at[0]) << 4 | g_ascii_xdigit_value (at[1]));
      g_byte_array_append (octets, &octet, 1);
    }
  g_ptr_array_add (octet_strings, octets);
  return (IkeView){ octets->data != NULL ? octets->data : (const guint8 *)"", octets->len };
}

gboolean
vector_has (JsonObject *object, const char *name)
{
  return json_object_has_member (object, name);
}

const char *
vector_text (JsonObject *object, const char *name)
{
  if (!vector_has (object, name))
    g_error ("vector without member %s", name);
  return json_object_get_string_member (object, name);
}

IkeView
vector_hex (JsonObject *object, const char *name)
{
  return vector_hex_text (vector_text (object, name));
}

RoamSecret *
vector_secret (JsonObject *object, const char *name)
{
  IkeView view = vector_has (object, name) ? vector_hex (object, name) : (IkeView){ (const guint8 *)"", 0 };

  return roam_secret_new (view.data, view.length);
}

guint64
vector_spi (JsonObject *object, const char *name)
{
  return g_ascii_strtoull (vector_text (object, name), NULL, 16);
}

guint
vector_number (JsonObject *object, const char *name, guint fallback)
{
  return vector_has (object, name) ? (guint)json_object_get_int_member (object, name) : fallback;
}

gboolean
vector_id_starts (const Vector *vector, const char *prefix)
{
  return g_str_has_prefix (vector->id, prefix);
}

gboolean
vector_id_is (const Vector *vector, const char *id)
{
  return g_str_equal (vector->id, id);
}

RoamEndpoint
vector_endpoint (JsonObject *object, const char *addr, const char *port)
{
  RoamEndpoint endpoint = { .port = (guint16)vector_number (object, port, 0) };

  g_assert_true (roam_addr_parse (vector_text (object, addr), &endpoint.addr));
  return endpoint;
}

void
vector_assert (IkeView got, JsonObject *expected, const char *name)
{
  IkeView want = vector_hex (expected, name);

  g_assert_cmpmem (got.data, got.length, want.data, want.length);
}

void
vector_assert_secret (const RoamSecret *got, JsonObject *expected, const char *name)
{
  g_assert_nonnull (got);
  vector_assert ((IkeView){ roam_secret_peek (got), roam_secret_length (got) }, expected, name);
}

IkeSuite
vector_suite (const Vector *vector)
{
  static const struct
  {
    const char *prefix;
    IkeSuite suite;
  } suites[] = {
    { "CBC128SHA1-", { IKE_ENCR_AES_CBC, 128, IKE_INTEG_HMAC_SHA1_96, IKE_PRF_HMAC_SHA1, 0, 0 } },
    { "CBC256SHA512-", { IKE_ENCR_AES_CBC, 256, IKE_INTEG_HMAC_SHA2_512_256, IKE_PRF_HMAC_SHA2_512, 0, 0 } },
    { "CBC-", { IKE_ENCR_AES_CBC, 256, IKE_INTEG_HMAC_SHA2_256_128, IKE_PRF_HMAC_SHA2_256, 0, 0 } },
    { "NEG-ICV-CBC", { IKE_ENCR_AES_CBC, 256, IKE_INTEG_HMAC_SHA2_256_128, IKE_PRF_HMAC_SHA2_256, 0, 0 } },
    { "CHAPOLY-", { IKE_ENCR_CHACHA20_POLY1305, 0, IKE_INTEG_NONE, IKE_PRF_HMAC_SHA2_512, 0, 0 } },
    { "SK-CHAPOLY-", { IKE_ENCR_CHACHA20_POLY1305, 0, IKE_INTEG_NONE, IKE_PRF_HMAC_SHA2_256, 0, 0 } },
    { "GCM128-", { IKE_ENCR_AES_GCM_16, 128, IKE_INTEG_NONE, IKE_PRF_HMAC_SHA2_384, 0, 0 } },
  };
  IkeSuite suite = { IKE_ENCR_AES_GCM_16, 256, IKE_INTEG_NONE, IKE_PRF_HMAC_SHA2_256, 0, 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (suites); i++)
    if (vector_id_starts (vector, suites[i].prefix))
      {
        suite = suites[i].suite;
        break;
      }
  suite.encr = (guint16)vector_number (vector->inputs, "encr", suite.encr);
  suite.encr_bits = (guint16)vector_number (vector->inputs, "key_bits", suite.encr_bits);
  suite.integ = (guint16)vector_number (vector->inputs, "integ", suite.integ);
  suite.prf = (guint16)vector_number (vector->inputs, "prf", suite.prf);
  if (suite.encr == IKE_ENCR_CHACHA20_POLY1305)
    suite.encr_bits = 0;
  return suite;
}

static const char *
find_reason (const Vector *vector)
{
  for (gsize i = 0; i < G_N_ELEMENTS (left_out); i++)
    {
      const char *prefix = left_out[i].prefix;

      if (prefix[0] == '=' ? g_str_equal (vector->kind, prefix + 1) : vector_id_is (vector, prefix))
        return left_out[i].reason;
    }
  return NULL;
}

static void
load (const char *path)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GError) error = NULL;
  JsonArray *list;

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  list = json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)), "vectors");
  vectors = g_array_new (FALSE, TRUE, sizeof (Vector));
  for (guint i = 0; i < json_array_get_length (list); i++)
    {
      JsonObject *object = json_array_get_object_element (list, i);
      Vector vector = { .id = g_strdup (json_object_get_string_member (object, "id")),
                        .kind = g_strdup (json_object_get_string_member (object, "kind")),
                        .inputs = json_object_ref (json_object_get_object_member (object, "inputs")),
                        .outputs = json_object_ref (json_object_get_object_member (object, "outputs")) };

      g_array_append_val (vectors, vector);
    }
}

static void
unload (void)
{
  for (guint i = 0; i < vectors->len; i++)
    {
      Vector *vector = &g_array_index (vectors, Vector, i);

      g_free ((char *)vector->id);
      g_free ((char *)vector->kind);
      json_object_unref (vector->inputs);
      json_object_unref (vector->outputs);
    }
  g_array_unref (vectors);
  g_ptr_array_unref (octet_strings);
}

/* All vectors of the kind in @data. */
static void
test_kind (gconstpointer data)
{
  const char *kind = data;
  VectorRun run = NULL;
  guint n_run = 0, n_left = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (runners); i++)
    if (g_str_equal (runners[i].kind, kind))
      run = runners[i].run;
  for (guint i = 0; i < vectors->len; i++)
    {
      const Vector *vector = &g_array_index (vectors, Vector, i);
      const char *reason = find_reason (vector);

      if (!g_str_equal (vector->kind, kind))
        continue;
      if (reason != NULL)
        {
          g_test_message ("left out %s: %s", vector->id, reason);
          n_left++;
          continue;
        }
      g_test_message ("run %s", vector->id);
      if (run == NULL || !run (vector))
        g_error ("vector %s is neither run nor left out with a reason", vector->id);
      n_run++;
    }
  g_test_message ("%s: %u run, %u left out", kind, n_run, n_left);
  g_assert_cmpuint (n_run + n_left, >, 0);
}

int
main (int argc, char **argv)
{
  g_autoptr (GHashTable) kinds = g_hash_table_new (g_str_hash, g_str_equal);
  int status;

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  octet_strings = g_ptr_array_new_with_free_func ((GDestroyNotify)g_byte_array_unref);
  load (argv[1]);
  for (guint i = 0; i < vectors->len; i++)
    {
      const Vector *vector = &g_array_index (vectors, Vector, i);
      g_autofree char *path = g_strdup_printf ("/ike/vectors/%s", vector->kind);

      if (g_hash_table_add (kinds, (char *)vector->kind))
        g_test_add_data_func (path, vector->kind, test_kind);
    }
  status = g_test_run ();
  unload ();
  return status;
}
