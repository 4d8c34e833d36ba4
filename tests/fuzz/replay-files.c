/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include <stdint.h>

/*
 * Runs one fuzz target without libFuzzer: the files named as arguments, each of their octets changed in a
 * few ways, and each of their beginnings. Part of the unit suite, so that the target builds and holds
 * everywhere. FUZZ_NAME: what the tests are called by.
 */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
replay (gconstpointer path)
{
  static const guint8 flips[] = { 0x01, 0x84, 0xff };
  g_autofree char *contents = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;

  g_file_get_contents (path, &contents, &size, &error);
  g_assert_no_error (error);
  LLVMFuzzerTestOneInput ((const uint8_t *)contents, size);
  for (gsize i = 0; i < size; i++)
    {
      /* An exact copy, so that a sanitizer sees a read beyond the end. */
      g_autofree uint8_t *cut = g_memdup2 (contents, i);

      LLVMFuzzerTestOneInput (cut, i);
      for (gsize j = 0; j < sizeof flips; j++)
        {
          contents[i] = (char)(contents[i] ^ flips[j]);
          LLVMFuzzerTestOneInput ((const uint8_t *)contents, size);
          contents[i] = (char)(contents[i] ^ flips[j]);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, >=, 2);
  for (int i = 1; i < argc; i++)
    {
      g_autofree char *name = g_path_get_basename (argv[i]);
      g_autofree char *path = g_strconcat ("/fuzz/" FUZZ_NAME "/", name, NULL);

      g_test_add_data_func (path, argv[i], replay);
    }
  return g_test_run ();
}
