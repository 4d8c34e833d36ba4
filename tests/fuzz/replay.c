/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rng.h"

#include <stdint.h>
#include <string.h>

/*
 * Runs one fuzz target without libFuzzer: every file of FUZZ_CORPUS as it is, then cut, flipped and
 * spliced by a fixed seed. Part of the unit suite, so that the target builds and holds everywhere.
 */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Mutations of each file: a second or two with sanitizers. */
#ifndef MUTATIONS
#define MUTATIONS 400u
#endif

static GPtrArray *corpus; /* GBytes */

static void
load_corpus (void)
{
  const char *path = g_getenv ("FUZZ_CORPUS");
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  corpus = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      char *contents;
      gsize length;

      g_assert_true (g_file_get_contents (file, &contents, &length, NULL));
      g_ptr_array_add (corpus, g_bytes_new_take (contents, length));
    }
}

static void
test_files (void)
{
  g_assert_cmpuint (corpus->len, >=, 70);
  for (guint i = 0; i < corpus->len; i++)
    {
      gsize length;
      const guint8 *data = g_bytes_get_data (g_ptr_array_index (corpus, i), &length);

      for (gsize cut = 0; cut <= length; cut++)
        {
          /* A copy of exactly that size: a sanitizer sees one octet too many. */
          g_autofree guint8 *copy = g_memdup2 (data, cut);

          LLVMFuzzerTestOneInput (copy, cut);
        }
    }
}

static void
append (GByteArray *out, RoamRng *rng)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (g_ptr_array_index (corpus, roam_rng_below (rng, corpus->len)), &length);
  gsize from = roam_rng_below (rng, (guint32)length + 1);

  g_byte_array_append (out, data + from, (guint)(length - from));
}

static void
test_mutations (void)
{
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (2026);

  for (guint i = 0; i < corpus->len * MUTATIONS; i++)
    {
      g_autoptr (GByteArray) out = g_byte_array_new ();
      g_autofree guint8 *copy = NULL;
      guint changes = roam_rng_below (rng, 6);

      append (out, rng);
      if (roam_rng_below (rng, 3) == 0)
        append (out, rng);
      while (changes-- > 0 && out->len > 0)
        out->data[roam_rng_below (rng, out->len)] = (guint8)roam_rng_u32 (rng);
      copy = g_memdup2 (out->data, out->len);
      LLVMFuzzerTestOneInput (copy, out->len);
    }
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  load_corpus ();
  g_test_add_func ("/fuzz/files", test_files);
  g_test_add_func ("/fuzz/mutations", test_mutations);
  result = g_test_run ();
  g_ptr_array_unref (corpus);
  return result;
}
