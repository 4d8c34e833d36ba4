/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/config.h"

#include <string.h>

/* R5266-SEC-003; RFC 5265 6.2: authenticators are exposed on every network, so keys must stand offline guessing. */
#define MIN_KEY_LENGTH 16
#define MAX_KEY_LENGTH 1024
/* Sixteen random octets hold fewer than eight different values once in some 10^13 keys; a typed pattern does at once.
 */
#define MIN_DIFFERENT_OCTETS 8
#define MIN_PSK_LENGTH 8
#define MIN_PPK_LENGTH 32

static gboolean
has_pattern (const guint8 *key, gsize length)
{
  gboolean seen[256] = { FALSE };
  guint different = 0;

  for (gsize i = 0; i < length; i++)
    {
      different += seen[key[i]] ? 0 : 1;
      seen[key[i]] = TRUE;
    }
  return different < MIN_DIFFERENT_OCTETS;
}

/* Decodes hex digits with white space between them. NULL: not hex, odd, or too long. */
static RoamSecret *
decode_hex (const guint8 *data, gsize length)
{
  guint8 key[MAX_KEY_LENGTH];
  gsize digits = 0;
  RoamSecret *secret = NULL;

  for (gsize i = 0; i < length; i++)
    {
      int value = g_ascii_xdigit_value ((char)data[i]);

      if (g_ascii_isspace ((char)data[i]))
        continue;
      if (value < 0 || digits >= 2 * sizeof key)
        goto out;
      key[digits / 2] = (guint8)(digits % 2 == 0 ? value << 4 : key[digits / 2] | value);
      digits++;
    }
  if (digits > 0 && digits % 2 == 0)
    secret = roam_secret_new (key, digits / 2);
out:
  roam_wipe (key, sizeof key);
  return secret;
}

RoamSecret *
agent_config_parse_hex_key (const guint8 *data, gsize length, const char **ret_allowed)
{
  g_autoptr (RoamSecret) key = decode_hex (data, length);

  if (key == NULL)
    *ret_allowed = "an even number of hex digits, at least 32 (128 bit) and at most 2048; white space is ignored";
  else if (roam_secret_length (key) < MIN_KEY_LENGTH)
    *ret_allowed = "a key of at least 128 bit (32 hex digits), since its authenticators can be recorded on any network";
  else if (has_pattern (roam_secret_peek (key), roam_secret_length (key)))
    *ret_allowed = "a random key; this one repeats a few octets (make one with: openssl rand -hex 32)";
  else
    return g_steal_pointer (&key);
  return NULL;
}

/* Octets before the first line break. */
static gsize
first_line (const guint8 *data, gsize length)
{
  const guint8 *end = memchr (data, '\n', length);
  gsize line = end == NULL ? length : (gsize)(end - data);

  while (line > 0 && data[line - 1] == '\r')
    line--;
  return line;
}

RoamSecret *
agent_config_parse_password (const guint8 *data, gsize length, const char **ret_allowed)
{
  gsize line = first_line (data, length);

  if (line > 0 && g_utf8_validate ((const char *)data, (gssize)line, NULL))
    return roam_secret_new (data, line);
  *ret_allowed = "a first line in UTF-8 that is not empty";
  return NULL;
}

RoamSecret *
agent_config_parse_ppk (const guint8 *data, gsize length, const char **ret_allowed)
{
  g_autoptr (RoamSecret) ppk = agent_config_parse_psk (data, length, ret_allowed);

  if (ppk != NULL && roam_secret_length (ppk) >= MIN_PPK_LENGTH)
    return g_steal_pointer (&ppk);
  *ret_allowed = "a first line of at least 32 random octets (make one with: openssl rand -base64 48)";
  return NULL;
}

RoamSecret *
agent_config_parse_psk (const guint8 *data, gsize length, const char **ret_allowed)
{
  gsize line = first_line (data, length);
  g_autoptr (RoamSecret) psk = NULL;

  if (line >= 2 && data[0] == '0' && (data[1] == 'x' || data[1] == 'X'))
    {
      psk = decode_hex (data + 2, line - 2);
      if (psk == NULL)
        {
          *ret_allowed = "an even number of hex digits after 0x";
          return NULL;
        }
    }
  else
    psk = roam_secret_new (data, line);
  if (roam_secret_length (psk) < MIN_PSK_LENGTH)
    {
      *ret_allowed =
        "a first line of at least 8 octets, better 32 random ones (make one with: openssl rand -base64 32)";
      return NULL;
    }
  return g_steal_pointer (&psk);
}
