/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/conf-io.h"

#include <net/if.h>
#include <string.h>
#include <sys/stat.h>

/* RFC 5944 5.4, 5.1: at least 128 bits. */
#define KEY_MIN_HEX_DIGITS 32u
/* HMAC keys longer than a block are hashed; nobody needs more than this. */
#define KEY_MAX_HEX_DIGITS 512u

void
mip4_conf_fault (const Mip4Conf *conf, const char *group, const char *key, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (group == NULL)
    g_ptr_array_add (conf->errors, g_strdup_printf ("%s: %s", conf->path, what));
  else if (key == NULL)
    g_ptr_array_add (conf->errors, g_strdup_printf ("%s: [%s]: %s", conf->path, group, what));
  else
    g_ptr_array_add (conf->errors, g_strdup_printf ("%s: [%s] %s: %s", conf->path, group, key, what));
}

char *
mip4_conf_get (const Mip4Conf *conf, const char *group, const char *key, const char *allowed)
{
  g_autofree char *value = g_key_file_get_string (conf->file, group, key, NULL);

  if (value != NULL)
    g_strstrip (value);
  if (allowed != NULL && (value == NULL || value[0] == '\0'))
    {
      mip4_conf_fault (conf, group, key, "missing, allowed: %s", allowed);
      return NULL;
    }
  return g_steal_pointer (&value);
}

guint64
mip4_conf_number (const Mip4Conf *conf, const char *group, const char *key, guint64 minimum, guint64 maximum,
                  guint64 value)
{
  g_autofree char *text = mip4_conf_get (conf, group, key, NULL);

  if (text != NULL && !g_ascii_string_to_unsigned (text, 10, minimum, maximum, &value, NULL))
    mip4_conf_fault (conf, group, key, "found '%s', allowed: a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                     text, minimum, maximum);
  return value;
}

guint
mip4_conf_word (const Mip4Conf *conf, const char *group, const char *key, const char *const *words, guint value)
{
  g_autofree char *text = mip4_conf_get (conf, group, key, NULL);
  g_autofree char *allowed = NULL;

  for (guint i = 0; text != NULL && words[i] != NULL; i++)
    if (strcmp (text, words[i]) == 0)
      return i;
  if (text == NULL)
    return value;
  allowed = g_strjoinv (", ", (char **)words);
  mip4_conf_fault (conf, group, key, "found '%s', allowed: %s", text, allowed);
  return value;
}

gboolean
mip4_conf_boolean (const Mip4Conf *conf, const char *group, const char *key, gboolean value)
{
  static const char *const words[] = { "no", "yes", NULL };

  return mip4_conf_word (conf, group, key, words, value ? 1 : 0) == 1;
}

static gboolean
is_interface_name (const char *name)
{
  return name[0] != '\0' && strlen (name) < IF_NAMESIZE && strpbrk (name, "/ \t") == NULL && strcmp (name, ".") != 0 &&
         strcmp (name, "..") != 0;
}

char *
mip4_conf_interface (const Mip4Conf *conf, const char *group, const char *key, gboolean required)
{
  char *name = mip4_conf_get (conf, group, key, required ? "an interface name, as eth0" : NULL);

  if (name != NULL && !is_interface_name (name))
    mip4_conf_fault (conf, group, key, "found '%s', allowed: an interface name of at most %d characters", name,
                     IF_NAMESIZE - 1);
  return name;
}

gboolean
mip4_conf_parse_ipv4 (const char *text, RoamAddr *ret)
{
  RoamAddr addr;

  if (!roam_addr_parse (text, &addr) || addr.family != ROAM_FAMILY_INET4 || !roam_addr_is_specified (&addr))
    return FALSE;
  *ret = addr;
  return TRUE;
}

gboolean
mip4_conf_parse_ipv4_prefix (const char *text, RoamPrefix *ret)
{
  RoamPrefix prefix;

  if (!roam_prefix_parse (text, &prefix) || prefix.addr.family != ROAM_FAMILY_INET4)
    return FALSE;
  *ret = prefix;
  return TRUE;
}

/* Relative names: the credentials directory of systemd first, then beside the configuration. */
char *
mip4_conf_find_file (const Mip4Conf *conf, const char *name)
{
  g_autofree char *dir = g_path_get_dirname (conf->path);

  if (g_path_is_absolute (name))
    return g_strdup (name);
  if (conf->credentials_dir != NULL)
    {
      g_autofree char *candidate = g_build_filename (conf->credentials_dir, name, NULL);

      if (g_file_test (candidate, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&candidate);
    }
  return g_build_filename (dir, name, NULL);
}

/* Hex digits with any white space; the reason on failure is static and quotes nothing of the file. */
static RoamSecret *
parse_key (const char *text, gsize length, const char **ret_reason)
{
  guint8 key[KEY_MAX_HEX_DIGITS / 2] = { 0 };
  RoamSecret *secret = NULL;
  gsize digits = 0;

  *ret_reason = "hex digits";
  for (gsize i = 0; i < length; i++)
    {
      int value = g_ascii_xdigit_value (text[i]);

      if (g_ascii_isspace (text[i]))
        continue;
      if (value < 0 || digits == KEY_MAX_HEX_DIGITS)
        goto out;
      key[digits / 2] = (guint8)(key[digits / 2] << 4 | value);
      digits++;
    }
  *ret_reason = "an even number of hex digits, at least 32 (128 bits)";
  if (digits >= KEY_MIN_HEX_DIGITS && digits % 2 == 0)
    secret = roam_secret_new (key, digits / 2);
out:
  roam_wipe (key, sizeof key);
  return secret;
}

char *
mip4_conf_read_secret (const Mip4Conf *conf, const char *group, const char *key, const char *path, gsize *ret_length)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  struct stat st;

  if (stat (path, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    {
      mip4_conf_fault (conf, group, key, "%s may be read by others (mode %04o); run: chmod 0600 %s", path,
                       (guint)(st.st_mode & 07777), path);
      return NULL;
    }
  if (g_file_get_contents (path, &text, ret_length, &error))
    return g_steal_pointer (&text);
  mip4_conf_fault (conf, group, key, "%s", error->message);
  return NULL;
}

RoamSecret *
mip4_conf_load_key (const Mip4Conf *conf, const char *group, const char *key, const char *name)
{
  g_autofree char *path = mip4_conf_find_file (conf, name);
  RoamSecret *secret = conf->keys != NULL ? g_hash_table_lookup (conf->keys, path) : NULL;
  g_autofree char *text = NULL;
  const char *reason = NULL;
  gsize length = 0;

  if (secret != NULL)
    return roam_secret_ref (secret);
  text = mip4_conf_read_secret (conf, group, key, path, &length);
  if (text == NULL)
    return NULL;
  secret = parse_key (text, length, &reason);
  roam_wipe (text, length);
  if (secret == NULL)
    mip4_conf_fault (conf, group, key, "%s is no key, allowed: %s", path, reason);
  else if (conf->keys != NULL)
    g_hash_table_insert (conf->keys, g_steal_pointer (&path), roam_secret_ref (secret));
  return secret;
}

gboolean
mip4_conf_parse_algorithm (const char *text, Mip4AuthAlgorithm *ret)
{
  if (g_strcmp0 (text, "hmac-md5") == 0)
    *ret = MIP4_AUTH_HMAC_MD5;
  else if (text == NULL || strcmp (text, "hmac-sha-256") == 0)
    *ret = MIP4_AUTH_HMAC_SHA_256;
  else
    return FALSE;
  return TRUE;
}

Mip4SecurityAssociation
mip4_conf_association (const Mip4Conf *conf, const char *group)
{
  g_autofree char *spi = mip4_conf_get (conf, group, "spi", "a number from 256 to 4294967295");
  g_autofree char *algorithm = mip4_conf_get (conf, group, "algorithm", NULL);
  g_autofree char *name = mip4_conf_get (conf, group, "key-file", "a file of hex digits with mode 0600");
  Mip4SecurityAssociation association = { 0 };

  if (spi != NULL)
    association.spi = (guint32)mip4_conf_number (conf, group, "spi", MIP4_CONF_SPI_MIN, G_MAXUINT32, 0);
  if (!mip4_conf_parse_algorithm (algorithm, &association.algorithm))
    mip4_conf_fault (conf, group, "algorithm", "found '%s', allowed: hmac-sha-256 or hmac-md5", algorithm);
  if (name != NULL)
    association.key = mip4_conf_load_key (conf, group, "key-file", name);
  return association;
}

void
mip4_conf_check_keys (const Mip4Conf *conf, const char *group, const char *const *known)
{
  g_auto (GStrv) keys = g_key_file_get_keys (conf->file, group, NULL, NULL);
  g_autofree char *allowed = g_strjoinv (", ", (char **)known);

  for (guint i = 0; keys != NULL && keys[i] != NULL; i++)
    if (!g_strv_contains (known, keys[i]))
      mip4_conf_fault (conf, group, keys[i], "unknown key, allowed: %s", allowed);
}
