/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/vectors.h"

static JsonParser *parser; /* owns what the vectors borrow */

GByteArray *
vectors_unhex (const char *hex)
{
  GByteArray *out = g_byte_array_new ();

  for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2)
    {
      guint8 octet = (guint8)(g_ascii_xdigit_value (hex[0]) << 4 | g_ascii_xdigit_value (hex[1]));

      g_byte_array_append (out, &octet, 1);
    }
  return out;
}

static JsonObject *
root (void)
{
  if (parser == NULL)
    {
      g_autoptr (GError) error = NULL;

      parser = json_parser_new ();
      json_parser_load_from_file (parser, g_getenv ("LEASEQUERY_VECTORS"), &error);
      g_assert_no_error (error);
    }
  return json_node_get_object (json_parser_get_root (parser));
}

const GArray *
vectors_load (void)
{
  static GArray *vectors;
  JsonArray *list;

  if (vectors != NULL)
    return vectors;
  vectors = g_array_new (FALSE, TRUE, sizeof (Vector));
  list = json_object_get_array_member (root (), "vectors");
  for (guint i = 0; i < json_array_get_length (list); i++)
    {
      JsonObject *object = json_array_get_object_element (list, i);
      const Vector vector = {
        .id = json_object_get_string_member (object, "id"),
        .name = json_object_get_string_member (object, "name"),
        .kind = json_object_get_string_member (object, "kind"),
        .sender = json_object_get_string_member (object, "sender"),
        .frames = (guint)json_object_get_int_member (object, "frames"),
        .octets = vectors_unhex (json_object_get_string_member (object, "hex")),
        .expect = json_object_get_object_member (object, "expect"),
      };

      g_assert_cmpint (json_object_get_int_member (object, "octets"), ==, vector.octets->len);
      g_array_append_val (vectors, vector);
    }
  return vectors;
}

const Vector *
vectors_find (const char *id)
{
  const GArray *vectors = vectors_load ();

  for (guint i = 0; i < vectors->len; i++)
    if (g_str_equal (g_array_index (vectors, Vector, i).id, id))
      return &g_array_index (vectors, Vector, i);
  g_error ("no vector %s", id);
}

GByteArray *
vectors_dup_constant (const char *name)
{
  return vectors_unhex (json_object_get_string_member (json_object_get_object_member (root (), "constants"), name));
}

GPtrArray *
vectors_split (const GByteArray *octets, Dhcp6Fault *ret_fault, gboolean *ret_partial)
{
  g_autoptr (GPtrArray) messages = g_ptr_array_new_with_free_func ((GDestroyNotify)g_byte_array_unref);
  const guint8 *data = octets->data;
  gsize length = octets->len;
  Dhcp6FrameReader reader;
  Dhcp6Slice message;

  dhcp6_frame_reader_init (&reader, DHCP6_MESSAGE_MAX);
  while (dhcp6_frame_reader_next (&reader, &data, &length, &message))
    {
      GByteArray *copy = g_byte_array_new ();

      g_byte_array_append (copy, message.data, (guint)message.length);
      g_ptr_array_add (messages, copy);
    }
  *ret_fault = reader.fault;
  *ret_partial = dhcp6_frame_reader_is_partial (&reader);
  dhcp6_frame_reader_clear (&reader);
  return g_steal_pointer (&messages);
}
