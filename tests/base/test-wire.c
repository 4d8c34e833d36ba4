/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/wire.h"

static void
test_reader_numbers (void)
{
  const guint8 data[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18 };
  WireReader reader;
  guint8 u8;
  guint16 u16;
  guint32 u24, u32;
  guint64 u64;

  wire_reader_init (&reader, data, sizeof data);
  g_assert_true (wire_read_u8 (&reader, &u8));
  g_assert_true (wire_read_u16 (&reader, &u16));
  g_assert_true (wire_read_u24 (&reader, &u24));
  g_assert_true (wire_read_u32 (&reader, &u32));
  g_assert_true (wire_read_u64 (&reader, &u64));
  g_assert_cmphex (u8, ==, 0x01);
  g_assert_cmphex (u16, ==, 0x0203);
  g_assert_cmphex (u24, ==, 0x040506);
  g_assert_cmphex (u32, ==, 0x0708090a);
  g_assert_cmphex (u64, ==, 0x0b0c0d0e0f101112);
  g_assert_true (wire_reader_at_end (&reader));
}

static void
test_reader_past_end_fails_for_good (void)
{
  const guint8 data[] = { 0xaa, 0xbb, 0xcc };
  WireReader reader, sub;
  guint32 u32 = 0x12345678;
  guint8 u8 = 0x5a;

  wire_reader_init (&reader, data, sizeof data);
  g_assert_false (wire_read_u32 (&reader, &u32));
  g_assert_cmphex (u32, ==, 0x12345678);
  g_assert_false (wire_read_u8 (&reader, &u8));
  g_assert_cmphex (u8, ==, 0x5a);
  g_assert_true (wire_reader_failed (&reader));
  g_assert_cmpuint (wire_reader_left (&reader), ==, 0);

  wire_reader_init (&reader, data, sizeof data);
  g_assert_true (wire_read_sub (&reader, 2, &sub));
  g_assert_false (wire_read_sub (&reader, G_MAXSIZE, &sub));
  g_assert_cmpuint (wire_reader_left (&sub), ==, 2);
}

static void
test_writer_limit_and_patch (void)
{
  g_auto (WireWriter) writer = { 0 };
  g_autoptr (GBytes) bytes = NULL;
  const guint8 expected[] = { 0x00, 0x05, 0xff, 0x01, 0x02 };

  wire_writer_init (&writer, 5);
  wire_write_u16 (&writer, 0);
  wire_write_u8 (&writer, 0xff);
  wire_write_u16 (&writer, 0x0102);
  wire_patch_u16 (&writer, 0, (guint16) wire_writer_length (&writer));
  bytes = wire_writer_finish (&writer);
  g_assert_nonnull (bytes);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), expected, sizeof expected);

  wire_writer_init (&writer, 3);
  wire_write_u32 (&writer, 1);
  wire_write_u8 (&writer, 1);
  g_assert_true (wire_writer_failed (&writer));
  g_assert_null (wire_writer_finish (&writer));
}

static void
test_writer_patch_outside_fails (void)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 100);
  wire_write_u16 (&writer, 7);
  wire_patch_u16 (&writer, 1, 9);
  g_assert_true (wire_writer_failed (&writer));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/wire/reader-numbers", test_reader_numbers);
  g_test_add_func ("/base/wire/reader-past-end", test_reader_past_end_fails_for_good);
  g_test_add_func ("/base/wire/writer-limit-and-patch", test_writer_limit_and_patch);
  g_test_add_func ("/base/wire/writer-patch-outside", test_writer_patch_outside_fails);
  return g_test_run ();
}
