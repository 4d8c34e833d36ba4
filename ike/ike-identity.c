/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Identification payload contents (RFC 7296 3.5, RFC 4945 3.1). */

#include "ike/ike-crypto-private.h"

#include "base/wire.h"

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <string.h>

/* Longest identity that is taken from text; a DN of ten fields still fits. */
#define MAX_ID_LENGTH 1024

G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_NAME, X509_NAME_free)

void
ike_identity_clear (IkeIdentity *identity)
{
  g_clear_pointer (&identity->data, g_bytes_unref);
  identity->type = 0;
}

void
ike_identity_copy (const IkeIdentity *identity, IkeIdentity *ret_identity)
{
  *ret_identity = (IkeIdentity){ identity->type, identity->data != NULL ? g_bytes_ref (identity->data) : NULL };
}

void
ike_identity_from_addr (const RoamAddr *addr, IkeIdentity *ret_identity)
{
  *ret_identity = (IkeIdentity){ .type = addr->family == ROAM_FAMILY_INET6 ? IKE_ID_IPV6_ADDR : IKE_ID_IPV4_ADDR,
                                 .data = g_bytes_new (addr->bytes, roam_addr_length (addr)) };
}

static gboolean
fail (char **ret_problem, char *sentence)
{
  if (ret_problem != NULL)
    *ret_problem = sentence;
  else
    g_free (sentence);
  return FALSE;
}

static IkeIdType
guess_type (const char *text)
{
  RoamAddr addr;

  if (roam_addr_parse (text, &addr))
    return addr.family == ROAM_FAMILY_INET6 ? IKE_ID_IPV6_ADDR : IKE_ID_IPV4_ADDR;
  if (strchr (text, '=') != NULL)
    return IKE_ID_DER_ASN1_DN;
  if (strchr (text, '@') != NULL)
    return IKE_ID_RFC822_ADDR;
  return IKE_ID_FQDN;
}

/* "C=DE, O=Example, CN=x" in the order in which it is written; a comma in a value is "\,". */
static GBytes *
encode_dn (const char *text, char **ret_problem)
{
  g_autoptr (X509_NAME) name = X509_NAME_new ();
  g_autofree char *copy = g_strdup (text);
  unsigned char *der = NULL;
  GBytes *bytes;
  int length;

  for (char *at = copy, *next; at != NULL && *at != '\0'; at = next)
    {
      char *from = at, *to = at, *value;

      for (; *from != '\0' && *from != ','; from++)
        *to++ = from[0] == '\\' && from[1] != '\0' ? *++from : *from;
      next = *from == ',' ? from + 1 : NULL;
      *to = '\0';
      value = strchr (at, '=');
      if (value != NULL)
        *value++ = '\0';
      if (value == NULL || X509_NAME_add_entry_by_txt (name, g_strstrip (at), MBSTRING_UTF8,
                                                       (const guint8 *)g_strstrip (value), -1, -1, 0) != 1)
        {
          fail (ret_problem,
                g_strdup_printf ("\"%s\" is not a distinguished name such as \"C=DE, O=Example, CN=host\".", text));
          return NULL;
        }
    }
  length = i2d_X509_NAME (name, &der);
  if (length <= 0)
    {
      fail (ret_problem, g_strdup_printf ("\"%s\" cannot be encoded as a distinguished name.", text));
      return NULL;
    }
  bytes = g_bytes_new (der, (gsize)length);
  OPENSSL_free (der);
  return bytes;
}

/* "0x..." as octets, anything else as it is. */
static GBytes *
encode_key_id (const char *text)
{
  gsize length = strlen (text);
  GByteArray *octets;

  if (!g_str_has_prefix (text, "0x") || length % 2 != 0 || length == 2 ||
      strspn (text + 2, "0123456789abcdefABCDEF") != length - 2)
    return g_bytes_new (text, length);
  octets = g_byte_array_new ();
  for (const char *at = text + 2; *at != '\0'; at += 2)
    {
      guint8 octet = (guint8)(g_ascii_xdigit_value (at[0]) << 4 | g_ascii_xdigit_value (at[1]));

      g_byte_array_append (octets, &octet, 1);
    }
  return g_byte_array_free_to_bytes (octets);
}

gboolean
ike_identity_from_text (const char *text, IkeIdType type, IkeIdentity *ret_identity, char **ret_problem)
{
  GBytes *data = NULL;
  RoamAddr addr;

  if (*text == '\0' || strlen (text) > MAX_ID_LENGTH)
    return fail (ret_problem, g_strdup_printf ("An identity has 1 to %d characters.", MAX_ID_LENGTH));
  if (type == IKE_ID_AUTO)
    type = guess_type (text);
  switch (type)
    {
    case IKE_ID_IPV4_ADDR:
    case IKE_ID_IPV6_ADDR:
      if (!roam_addr_parse (text, &addr) ||
          addr.family != (type == IKE_ID_IPV4_ADDR ? ROAM_FAMILY_INET4 : ROAM_FAMILY_INET6))
        return fail (ret_problem, g_strdup_printf ("\"%s\" is not an address of that kind.", text));
      data = g_bytes_new (addr.bytes, roam_addr_length (&addr));
      break;
    case IKE_ID_DER_ASN1_DN:
      data = encode_dn (text, ret_problem);
      if (data == NULL)
        return FALSE;
      break;
    case IKE_ID_KEY_ID:
      data = encode_key_id (text);
      break;
    case IKE_ID_AUTO:
    case IKE_ID_FQDN:
    case IKE_ID_RFC822_ADDR:
      /* No terminator of any kind (RFC 7296 3.5). */
      data = g_bytes_new (text, strlen (text));
      break;
    }
  *ret_identity = (IkeIdentity){ (guint8)type, data };
  return TRUE;
}

GBytes *
ike_identity_to_body (const IkeIdentity *identity)
{
  g_auto (WireWriter) writer = { 0 };
  gsize length;
  const guint8 *data = g_bytes_get_data (identity->data, &length);

  wire_writer_init (&writer, length + 4);
  wire_write_u8 (&writer, identity->type);
  wire_write_zeros (&writer, 3);
  wire_write_data (&writer, data, length);
  return wire_writer_finish (&writer);
}

static gboolean
equal_folded (IkeView a, IkeView b)
{
  return a.length == b.length && g_ascii_strncasecmp ((const char *)a.data, (const char *)b.data, a.length) == 0 &&
         memchr (a.data, 0, a.length) == NULL && memchr (b.data, 0, b.length) == NULL;
}

/* The local part of a mail address is compared exactly, its domain is a DNS name. */
static gboolean
equal_mail (IkeView a, IkeView b)
{
  const guint8 *at = a.length > 0 ? memrchr (a.data, '@', a.length) : NULL;
  gsize local = at != NULL ? (gsize)(at - a.data) : 0;

  if (at == NULL || a.length != b.length || memcmp (a.data, b.data, local) != 0)
    return FALSE;
  return equal_folded ((IkeView){ a.data + local, a.length - local }, (IkeView){ b.data + local, b.length - local });
}

static gboolean
equal_dn (IkeView a, IkeView b)
{
  const guint8 *at_a = a.data, *at_b = b.data;
  g_autoptr (X509_NAME) name_a = d2i_X509_NAME (NULL, &at_a, (long)a.length);
  g_autoptr (X509_NAME) name_b = d2i_X509_NAME (NULL, &at_b, (long)b.length);

  return name_a != NULL && name_b != NULL && at_a == a.data + a.length && at_b == b.data + b.length &&
         X509_NAME_cmp (name_a, name_b) == 0;
}

gboolean
ike_identity_matches (const IkeIdentity *identity, guint8 id_type, IkeView data)
{
  IkeView ours;

  if (identity->data == NULL || identity->type != id_type)
    return FALSE;
  ours.data = g_bytes_get_data (identity->data, &ours.length);
  if (ours.length == 0 || data.length == 0)
    return FALSE;
  switch (id_type)
    {
    case IKE_ID_FQDN:
      return equal_folded (ours, data);
    case IKE_ID_RFC822_ADDR:
      return equal_mail (ours, data);
    case IKE_ID_DER_ASN1_DN:
      return equal_dn (ours, data);
    default:
      return ours.length == data.length && memcmp (ours.data, data.data, data.length) == 0;
    }
}

static char *
dn_to_string (IkeView data)
{
  const guint8 *at = data.data;
  g_autoptr (X509_NAME) name = d2i_X509_NAME (NULL, &at, (long)data.length);
  BIO *bio = BIO_new (BIO_s_mem ());
  char *text = NULL, *contents;
  long length;

  if (name != NULL && bio != NULL && X509_NAME_print_ex (bio, name, 0, XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ) >= 0 &&
      (length = BIO_get_mem_data (bio, &contents)) > 0)
    text = g_strndup (contents, (gsize)length);
  BIO_free (bio);
  return text != NULL ? text : g_strdup ("(malformed distinguished name)");
}

char *
ike_identity_to_string (guint8 id_type, IkeView data)
{
  char buffer[ROAM_ADDR_STRLEN];
  g_autofree char *raw = NULL;
  RoamAddr addr;

  switch (id_type)
    {
    case IKE_ID_IPV4_ADDR:
    case IKE_ID_IPV6_ADDR:
      addr = roam_addr_from_bytes (data.data, data.length);
      return g_strdup (roam_addr_to_string (&addr, buffer));
    case IKE_ID_DER_ASN1_DN:
      return dn_to_string (data);
    default:
      raw = g_strndup ((const char *)data.data, data.length);
      return g_strescape (raw, NULL);
    }
}
