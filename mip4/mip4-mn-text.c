/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

#include <string.h>

/* Characters that change how a line looks or where it ends come out as their number. */
static gboolean
is_plain (gunichar c)
{
  GUnicodeType type = g_unichar_type (c);

  return g_unichar_isprint (c) && type != G_UNICODE_LINE_SEPARATOR && type != G_UNICODE_PARAGRAPH_SEPARATOR &&
         type != G_UNICODE_PRIVATE_USE;
}

void
mip4_mn_escape_text (const Mip4Slice *text, char *out, gsize size)
{
  g_autofree char *valid = NULL;
  gsize length = 0;

  out[0] = '\0';
  if (text->data == NULL)
    return;
  valid = g_utf8_make_valid ((const char *)text->data, (gssize)text->length);
  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);
      char piece[16];
      gsize piece_length;

      if (is_plain (c))
        piece[g_unichar_to_utf8 (c, piece)] = '\0';
      else
        g_snprintf (piece, sizeof piece, "\\u{%x}", c);
      piece_length = strlen (piece);
      if (length + piece_length >= size)
        return;
      memcpy (out + length, piece, piece_length + 1);
      length += piece_length;
    }
}
