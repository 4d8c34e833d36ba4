/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The codec against what a peer may send: malformed payloads of every type, limits, odd but legal forms. */

#include "tests/ike/test-codec-rebuild.h"

#include <string.h>

#define SPI_I G_GUINT64_CONSTANT (0x0102030405060708)
#define SPI_R G_GUINT64_CONSTANT (0x1112131415161718)

static const IkeHeader header_init = { .spi_i = SPI_I,
                                       .exchange = IKE_EXCHANGE_IKE_SA_INIT,
                                       .flags = IKE_FLAG_INITIATOR };
static const IkeHeader header_info = {
  .spi_i = SPI_I, .spi_r = SPI_R, .exchange = IKE_EXCHANGE_INFORMATIONAL, .flags = IKE_FLAG_INITIATOR, .message_id = 7
};

/* One clear message around octets that claim to be payloads beginning with @first. */
static GByteArray *
make_message (guint8 first, const guint8 *payloads, gsize length)
{
  GByteArray *octets = g_byte_array_new ();
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, IKE_HEADER_LENGTH);
  ike_header_write (&writer, &header_init, first, (guint32)(IKE_HEADER_LENGTH + length));
  g_byte_array_append (octets, wire_writer_peek (&writer), IKE_HEADER_LENGTH);
  g_byte_array_append (octets, payloads, (guint)length);
  return octets;
}

/* What the parser says to one payload of @type with @body. */
static IkeParseStatus
status_of_body (guint8 type, const void *body, gsize length)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (GBytes) octets = NULL;
  g_autoptr (IkeMessage) message = NULL;
  IkeParseError error;

  ike_payloads_add_raw (payloads, type, body, length);
  octets = ike_message_build_clear (&header_init, payloads);
  message = ike_message_parse_clear (g_bytes_get_data (octets, NULL), g_bytes_get_size (octets), &error);
  g_assert_true ((message != NULL) == (error.status == IKE_PARSE_OK));
  return error.status;
}

static IkeMessage *
parse_body (guint8 type, const void *body, gsize length)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (GBytes) octets = NULL;
  IkeMessage *message;
  IkeParseError error;

  ike_payloads_add_raw (payloads, type, body, length);
  octets = ike_message_build_clear (&header_init, payloads);
  message = ike_message_parse_clear (g_bytes_get_data (octets, NULL), g_bytes_get_size (octets), &error);
  g_assert_nonnull (message);
  return message;
}

/* covers: IKE-HDR-004, IKE-HDR-005, IKE-HDR-006, IKE-HDR-010 */
static void
test_header (void)
{
  g_autoptr (GByteArray) octets = make_message (IKE_PAYLOAD_NONE, NULL, 0);
  static const guint32 bad_lengths[] = { 29, 27, 0, 0xffffffff };
  IkeParseError error;
  IkeHeader header;

  g_assert_true (ike_header_parse (octets->data, octets->len, &header, &error));
  g_assert_cmpuint (header.spi_i, ==, SPI_I);
  g_assert_cmpuint (header.version, ==, IKE_VERSION_2_0);
  for (gsize i = 0; i < IKE_HEADER_LENGTH; i++)
    {
      g_assert_false (ike_header_parse (octets->data, i, &header, &error));
      g_assert_cmpint (error.status, ==, IKE_PARSE_DROP);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad_lengths); i++)
    {
      g_autofree guint8 *copy = g_memdup2 (octets->data, octets->len);

      for (guint j = 0; j < 4; j++)
        copy[24 + j] = (guint8)(bad_lengths[i] >> (24 - 8 * j));
      g_assert_false (ike_header_parse (copy, octets->len, &header, &error));
      g_assert_cmpint (error.status, ==, IKE_PARSE_DROP);
    }
  octets->data[17] = 0x2f; /* minor version 15 */
  octets->data[19] |= 0xc7 | IKE_FLAG_VERSION;
  g_assert_true (ike_header_parse (octets->data, octets->len, &header, &error));
  octets->data[17] = 0x30;
  g_assert_false (ike_header_parse (octets->data, octets->len, &header, &error));
  g_assert_cmpint (error.status, ==, IKE_PARSE_INVALID_MAJOR_VERSION);
  g_assert_cmpuint (header.version, ==, 0x30);
  octets->data[17] = 0x10;
  g_assert_false (ike_header_parse (octets->data, octets->len, &header, &error));
  g_assert_cmpint (error.status, ==, IKE_PARSE_DROP);
}

/* What we send carries no flag but I and R, whatever the caller says. */
/* covers: IKE-HDR-006 */
static void
test_header_sent (void)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  IkeHeader header = header_info;
  g_autoptr (GBytes) octets = NULL;

  header.flags = 0xff;
  header.version = 0x31;
  octets = ike_message_build_clear (&header, payloads);
  g_assert_cmpuint (((const guint8 *)g_bytes_get_data (octets, NULL))[19], ==, IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE);
  g_assert_cmpuint (((const guint8 *)g_bytes_get_data (octets, NULL))[17], ==, IKE_VERSION_2_0);
}

/* covers: IKE-HDR-011 */
static void
test_generic_header (void)
{
  static const struct
  {
    guint8 octets[8];
    gsize length;
  } bad[] = {
    { { 0, 0, 0 }, 3 },                /* half a header */
    { { 0, 0, 0, 3 }, 4 },             /* shorter than itself */
    { { 0, 0, 0, 0 }, 4 },             /* zero */
    { { 0, 0, 0, 5 }, 4 },             /* beyond the message */
    { { 0, 0, 0xff, 0xff }, 4 },       /* far beyond */
    { { 43, 0, 0, 4 }, 4 },            /* announces another one that is not there */
    { { 0, 0, 0, 4, 1, 2, 3, 4 }, 8 }, /* octets after the last one */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GByteArray) octets = make_message (IKE_PAYLOAD_VENDOR_ID, bad[i].octets, bad[i].length);
      IkeParseError error;

      g_assert_null (ike_message_parse_clear (octets->data, octets->len, &error));
      g_assert_cmpint (error.status, ==, IKE_PARSE_INVALID_SYNTAX);
      g_assert_nonnull (error.reason);
    }
}

typedef struct
{
  const char *what;
  guint8 type;
  const char *hex;
  IkeParseStatus status;
} BodyCase;

#define BAD IKE_PARSE_INVALID_SYNTAX
#define GOOD IKE_PARSE_OK

/* clang-format off */
static const BodyCase body_cases[] = {
  { "SA empty", IKE_PAYLOAD_SA, "", BAD },
  { "SA proposal cut", IKE_PAYLOAD_SA, "0000000801", BAD },
  { "SA proposal of 7 octets", IKE_PAYLOAD_SA, "00000007010100", BAD },
  { "SA proposal longer than payload", IKE_PAYLOAD_SA, "0000000901010000", BAD },
  { "SA more announced", IKE_PAYLOAD_SA, "0200000801010000", BAD },
  { "SA last but one follows", IKE_PAYLOAD_SA, "00000008010100000000000802010000", BAD },
  { "SA mark of no meaning", IKE_PAYLOAD_SA, "0100000801010000", BAD },
  { "SA no transforms", IKE_PAYLOAD_SA, "0000000801010000", GOOD },
  { "SA SPI cut", IKE_PAYLOAD_SA, "00000008010308000000", BAD },
  { "SA SPI of 9 octets", IKE_PAYLOAD_SA, "0000001101030900010203040506070809", BAD },
  { "SA transform missing", IKE_PAYLOAD_SA, "0000000801010001", BAD },
  { "SA transform cut", IKE_PAYLOAD_SA, "0000000c0101000100000008", BAD },
  { "SA transform of 7 octets", IKE_PAYLOAD_SA, "0000000f010100010000000701000c", BAD },
  { "SA transform longer than proposal", IKE_PAYLOAD_SA, "0000001001010001000000090100000c", BAD },
  { "SA transform mark", IKE_PAYLOAD_SA, "0000001001010001030000080100000c", BAD },
  { "SA octets after transforms", IKE_PAYLOAD_SA, "0000001101010001000000080100000c00", BAD },
  { "SA attribute cut", IKE_PAYLOAD_SA, "00000012010100010000000a0100000c800e", BAD },
  { "SA long attribute cut", IKE_PAYLOAD_SA, "00000014010100010000000c0100000c00010004", BAD },
  { "SA key length", IKE_PAYLOAD_SA, "00000014010100010000000c0100000c800e0100", GOOD },
  { "SA reserved bits", IKE_PAYLOAD_SA, "00ff00140101000100ff000c01ff000c800e0100", GOOD },
  { "KE empty", IKE_PAYLOAD_KE, "", BAD },
  { "KE of 3 octets", IKE_PAYLOAD_KE, "001f00", BAD },
  { "KE reserved set", IKE_PAYLOAD_KE, "001fffff00", GOOD },
  { "IDi of 3 octets", IKE_PAYLOAD_IDI, "020000", BAD },
  { "IDr of 3 octets", IKE_PAYLOAD_IDR, "020000", BAD },
  { "IDr reserved set", IKE_PAYLOAD_IDR, "02ffffff61", GOOD },
  { "CERT empty", IKE_PAYLOAD_CERT, "", BAD },
  { "CERTREQ empty", IKE_PAYLOAD_CERTREQ, "", BAD },
  { "AUTH of 3 octets", IKE_PAYLOAD_AUTH, "020000", BAD },
  { "AUTH reserved set", IKE_PAYLOAD_AUTH, "02ffffff00", GOOD },
  { "nonce empty", IKE_PAYLOAD_NONCE, "", BAD },
  { "nonce of 15", IKE_PAYLOAD_NONCE, "000102030405060708090a0b0c0d0e", BAD },
  { "nonce of 16", IKE_PAYLOAD_NONCE, "000102030405060708090a0b0c0d0e0f", GOOD },
  { "Notify of 3 octets", IKE_PAYLOAD_NOTIFY, "000040", BAD },
  { "Notify SPI of 255", IKE_PAYLOAD_NOTIFY, "03ff400900000000", BAD },
  { "Notify of unknown status", IKE_PAYLOAD_NOTIFY, "0000ffff", GOOD },
  { "Notify with protocol 1 and no SPI", IKE_PAYLOAD_NOTIFY, "010040110011223344556677", GOOD },
  { "Delete of 3 octets", IKE_PAYLOAD_DELETE, "010000", BAD },
  { "Delete IKE", IKE_PAYLOAD_DELETE, "01000000", GOOD },
  { "Delete IKE with SPI size", IKE_PAYLOAD_DELETE, "010800010102030405060708", BAD },
  { "Delete IKE with count", IKE_PAYLOAD_DELETE, "01000001", BAD },
  { "Delete ESP with SPI size 8", IKE_PAYLOAD_DELETE, "030800010102030405060708", BAD },
  { "Delete ESP count too large", IKE_PAYLOAD_DELETE, "0304000201020304", BAD },
  { "Delete ESP count too small", IKE_PAYLOAD_DELETE, "030400010102030405060708", BAD },
  { "Delete ESP 65535", IKE_PAYLOAD_DELETE, "0304ffff01020304", BAD },
  { "TS of 3 octets", IKE_PAYLOAD_TSI, "010000", BAD },
  { "TS count without selectors", IKE_PAYLOAD_TSI, "01000000", BAD },
  { "TS empty list", IKE_PAYLOAD_TSR, "00000000", GOOD },
  { "TS octets behind", IKE_PAYLOAD_TSR, "0000000000", BAD },
  { "TS IPv4 of 15 octets", IKE_PAYLOAD_TSI, "010000000700000f0000ffff0a0000000a0000", BAD },
  { "TS IPv4 of 17 octets", IKE_PAYLOAD_TSI, "01000000070000110000ffff0a0000000a0000ff00", BAD },
  { "TS IPv4", IKE_PAYLOAD_TSI, "01ffffff070000100000ffff0a0000000a0000ff", GOOD },
  { "TS end before start", IKE_PAYLOAD_TSI, "01000000070000100000ffff0a0000ff0a000000", BAD },
  { "TS length 3", IKE_PAYLOAD_TSI, "0100000009000003", BAD },
  { "TS of unknown type", IKE_PAYLOAD_TSI, "010000000900000c0102030405060708", GOOD },
  { "CP of 3 octets", IKE_PAYLOAD_CP, "010000", BAD },
  { "CP empty", IKE_PAYLOAD_CP, "01000000", GOOD },
  { "CP attribute cut", IKE_PAYLOAD_CP, "01000000000100", BAD },
  { "CP attribute longer than payload", IKE_PAYLOAD_CP, "020000000001000401020", BAD },
  { "CP R bit and reserved octets", IKE_PAYLOAD_CP, "02ffffff800100040a000001", GOOD },
  { "EAP of 3 octets", IKE_PAYLOAD_EAP, "010100", BAD },
  { "EAP length 3", IKE_PAYLOAD_EAP, "0101000301", BAD },
  { "EAP longer than payload", IKE_PAYLOAD_EAP, "0101000601", BAD },
  { "EAP shorter than payload", IKE_PAYLOAD_EAP, "010100050100", BAD },
  { "EAP request without type", IKE_PAYLOAD_EAP, "01010004", BAD },
  { "EAP success with data", IKE_PAYLOAD_EAP, "0301000500", BAD },
  { "EAP success", IKE_PAYLOAD_EAP, "03010004", GOOD },
  { "EAP code 5", IKE_PAYLOAD_EAP, "05010004", GOOD },
  { "Vendor ID empty", IKE_PAYLOAD_VENDOR_ID, "", GOOD },
  { "unknown type", 200, "0102", GOOD },
};
/* clang-format on */

/* covers: IKE-HDR-011, IKE-HDR-012, IKE-INIT-003, IKE-NTF-003, IKE-NTF-004, IKE-EAP-005, IKE-SEC-002 */
static void
test_bodies (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (body_cases); i++)
    {
      guint8 body[64];
      gsize length = strlen (body_cases[i].hex) / 2;
      IkeParseStatus status;

      g_assert_cmpuint (length, <=, sizeof body);
      for (gsize j = 0; j < length; j++)
        body[j] = (guint8)(g_ascii_xdigit_value (body_cases[i].hex[2 * j]) << 4 |
                           g_ascii_xdigit_value (body_cases[i].hex[2 * j + 1]));
      status = status_of_body (body_cases[i].type, body, length);
      if (status != body_cases[i].status)
        g_error ("%s: status %d", body_cases[i].what, status);
    }
}

/* Every type from 1 to 255 is at least skipped, except the two encrypted ones, which do not belong here. */
/* covers: IKE-SEC-002, IKE-PAY-001, IKE-PAY-006 */
static void
test_all_types (void)
{
  for (guint type = 1; type < 256; type++)
    {
      guint8 body[64] = { 0 };
      IkeParseStatus status = status_of_body ((guint8)type, body, sizeof body);

      if (type == IKE_PAYLOAD_SK || type == IKE_PAYLOAD_SKF)
        g_assert_cmpint (status, ==, IKE_PARSE_DROP);
      else if (type < IKE_PAYLOAD_SA || type > IKE_PAYLOAD_EAP)
        g_assert_cmpint (status, ==, IKE_PARSE_OK);
    }
}

/* covers: IKE-PAY-004, IKE-PAY-005 */
static void
test_critical_bit (void)
{
  /* SA with the critical bit, a proposal with a transform of type 99 and one with the attribute 0x0001. */
  static const guint8 sa[] = {
    0, 0x80, 0, 0x2c, 2, 0, 0, 0x10, 1, 1,    0, 1, 0, 0,  0,    8,    99, 0, 0,    1, 0, 0,
    0, 0x18, 2, 1,    0, 1, 0, 0,    0, 0x10, 1, 0, 0, 20, 0x80, 0x0e, 1,  0, 0x80, 1, 0, 1
  };
  static const guint8 unknown[] = { 0, 0x80, 0, 4 };
  g_autoptr (GByteArray) good = make_message (IKE_PAYLOAD_SA, sa, sizeof sa);
  g_autoptr (GByteArray) bad = make_message (199, unknown, sizeof unknown);
  g_autoptr (IkeMessage) message = NULL;
  IkeParseError error;

  message = ike_message_parse_clear (good->data, good->len, &error);
  g_assert_nonnull (message);
  g_assert_true (message->payloads[0].critical);
  g_assert_cmpuint (message->payloads[0].sa->n_proposals, ==, 2);
  g_assert_cmpuint (message->payloads[0].sa->proposals[0].transforms[0].type, ==, 99);
  g_assert_true (message->payloads[0].sa->proposals[1].transforms[0].unknown_attribute);
  g_assert_cmpuint (message->payloads[0].sa->proposals[1].transforms[0].key_bits, ==, 256);
  g_assert_null (ike_message_parse_clear (bad->data, bad->len, &error));
  g_assert_cmpint (error.status, ==, IKE_PARSE_UNSUPPORTED_CRITICAL_PAYLOAD);
  g_assert_cmpuint (error.critical_payload, ==, 199);
}

static IkeParseStatus
status_of_payloads (const IkePayloads *payloads)
{
  g_autoptr (GBytes) octets = ike_message_build_clear (&header_init, payloads);
  g_autoptr (IkeMessage) message = NULL;
  IkeParseError error;

  message = ike_message_parse_clear (g_bytes_get_data (octets, NULL), g_bytes_get_size (octets), &error);
  return error.status;
}

static IkeParseStatus
status_of_count (guint8 type, const void *body, gsize length, guint n)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  for (guint i = 0; i < n; i++)
    ike_payloads_add_raw (payloads, type, body, length);
  return status_of_payloads (payloads);
}

/* A body of @head and then @n copies of @item. */
static IkeParseStatus
status_of_list (guint8 type, IkeView head, IkeView item, guint n)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();

  g_byte_array_append (body, head.data, (guint)head.length);
  for (guint i = 0; i < n; i++)
    g_byte_array_append (body, item.data, (guint)item.length);
  return status_of_body (type, body->data, body->len);
}

static IkeParseStatus
status_of_proposals (guint n_proposals, guint n_transforms)
{
  g_autofree IkeProposals *proposals = g_malloc0 (sizeof *proposals);
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (GByteArray) body = g_byte_array_new ();
  IkeView octets;

  /* One proposal as the builder writes it, repeated with the mark "more". */
  proposals->n_proposals = 1;
  proposals->proposals[0].number = 1;
  proposals->proposals[0].protocol = IKE_PROTOCOL_IKE;
  proposals->proposals[0].n_transforms = MIN (n_transforms, IKE_MAX_TRANSFORMS);
  for (guint i = 0; i < IKE_MAX_TRANSFORMS; i++)
    proposals->proposals[0].transforms[i] = (IkeTransform){ IKE_TRANSFORM_PRF, (guint16)i, 0, FALSE };
  ike_payloads_add_sa (payloads, proposals);
  octets = test_payloads_octets (payloads);
  for (guint i = 0; i < n_proposals; i++)
    {
      g_byte_array_append (body, octets.data + 4, (guint)octets.length - 4);
      body->data[i * (octets.length - 4)] = i + 1 == n_proposals ? 0 : 2;
    }
  if (n_transforms > IKE_MAX_TRANSFORMS)
    body->data[7] = (guint8)n_transforms;
  return status_of_body (IKE_PAYLOAD_SA, body->data, body->len);
}

/* covers: IKE-PAY-008 */
static void
test_limits (void)
{
  static const guint8 ts_head[] = { IKE_MAX_SELECTORS, 0, 0, 0 }, ts_more[] = { IKE_MAX_SELECTORS + 1, 0, 0, 0 };
  static const guint8 selector[] = { 7, 0, 0, 16, 0, 0, 0xff, 0xff, 10, 0, 0, 0, 10, 0, 0, 9 };
  static const guint8 cp_head[] = { 1, 0, 0, 0 }, attribute[] = { 0, 3, 0, 0 };
  static const guint8 delete_head[] = { 3, 4, 0, IKE_MAX_DELETE_SPIS },
                      delete_more[] = { 3, 4, 0, IKE_MAX_DELETE_SPIS + 1 };
  static const guint8 spi[] = { 1, 2, 3, 4 };
  guint8 nonce[IKE_MAX_NONCE + 1] = { 0 };

  g_assert_cmpint (status_of_count (IKE_PAYLOAD_VENDOR_ID, "x", 1, IKE_MAX_PAYLOADS), ==, GOOD);
  g_assert_cmpint (status_of_count (IKE_PAYLOAD_VENDOR_ID, "x", 1, IKE_MAX_PAYLOADS + 1), ==, BAD);
  g_assert_cmpint (status_of_count (IKE_PAYLOAD_CERT, "\4x", 2, IKE_MAX_CERTS), ==, GOOD);
  g_assert_cmpint (status_of_count (IKE_PAYLOAD_CERT, "\4x", 2, IKE_MAX_CERTS + 1), ==, BAD);
  g_assert_cmpint (
    status_of_list (IKE_PAYLOAD_TSI, (IkeView){ ts_head, 4 }, (IkeView){ selector, 16 }, IKE_MAX_SELECTORS), ==, GOOD);
  g_assert_cmpint (
    status_of_list (IKE_PAYLOAD_TSI, (IkeView){ ts_more, 4 }, (IkeView){ selector, 16 }, IKE_MAX_SELECTORS + 1), ==,
    BAD);
  g_assert_cmpint (
    status_of_list (IKE_PAYLOAD_CP, (IkeView){ cp_head, 4 }, (IkeView){ attribute, 4 }, IKE_MAX_CP_ATTRIBUTES), ==,
    GOOD);
  g_assert_cmpint (
    status_of_list (IKE_PAYLOAD_CP, (IkeView){ cp_head, 4 }, (IkeView){ attribute, 4 }, IKE_MAX_CP_ATTRIBUTES + 1), ==,
    BAD);
  g_assert_cmpint (
    status_of_list (IKE_PAYLOAD_DELETE, (IkeView){ delete_head, 4 }, (IkeView){ spi, 4 }, IKE_MAX_DELETE_SPIS), ==,
    GOOD);
  g_assert_cmpint (
    status_of_list (IKE_PAYLOAD_DELETE, (IkeView){ delete_more, 4 }, (IkeView){ spi, 4 }, IKE_MAX_DELETE_SPIS + 1), ==,
    BAD);
  g_assert_cmpint (status_of_proposals (IKE_MAX_PROPOSALS, 4), ==, GOOD);
  g_assert_cmpint (status_of_proposals (IKE_MAX_PROPOSALS + 1, 4), ==, BAD);
  g_assert_cmpint (status_of_proposals (1, IKE_MAX_TRANSFORMS), ==, GOOD);
  g_assert_cmpint (status_of_proposals (1, IKE_MAX_TRANSFORMS + 1), ==, BAD);
  g_assert_cmpint (status_of_body (IKE_PAYLOAD_NONCE, nonce, IKE_MAX_NONCE), ==, GOOD);
  g_assert_cmpint (status_of_body (IKE_PAYLOAD_NONCE, nonce, IKE_MAX_NONCE + 1), ==, BAD);
}

/* A chain that cannot fit is refused when it is built, not cut. */
static void
test_builder_overflow (void)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autofree guint8 *big = g_malloc0 (40000);

  ike_payloads_add_vendor_id (payloads, big, 40000);
  ike_payloads_add_vendor_id (payloads, big, 40000);
  g_assert_null (ike_message_build_clear (&header_init, payloads));
}

/* Reserved octets of IDr are covered by AUTH as they came. */
/* covers: IKE-AUTH-002 */
static void
test_id_body (void)
{
  static const guint8 body[] = { IKE_ID_FQDN, 0, 0, 1, 'g', 'w' };
  g_autoptr (IkeMessage) message = parse_body (IKE_PAYLOAD_IDR, body, sizeof body);
  const IkePayloadId *id = &message->payloads[0].id;

  g_assert_cmpuint (id->id_type, ==, IKE_ID_FQDN);
  g_assert_cmpmem (id->body.data, id->body.length, body, sizeof body);
  g_assert_cmpmem (id->data.data, id->data.length, "gw", 2);
}

/* covers: IKE-TS-006, IKE-CP-003, IKE-CP-004 */
static void
test_lists (void)
{
  static const guint8 ts[] = {
    2, 0, 0, 0, 9, 0, 0, 8, 1, 2, 3, 4, 7, 6, 0, 16, 0, 22, 0, 23, 10, 0, 0, 1, 10, 0, 0, 2
  };
  static const guint8 cp[] = { 2, 0,    0, 0, 0, 3, 0, 4, 10, 0, 0,  53, 0x80, 5, 0,
                               0, 0x40, 1, 0, 1, 7, 0, 3, 0,  4, 10, 0,  0,    54 };
  g_autoptr (IkeMessage) selectors = parse_body (IKE_PAYLOAD_TSR, ts, sizeof ts);
  g_autoptr (IkeMessage) attributes = parse_body (IKE_PAYLOAD_CP, cp, sizeof cp);
  const IkePayloadTs *parsed = selectors->payloads[0].ts;
  const IkePayloadCp *configuration = attributes->payloads[0].cp;

  g_assert_cmpuint (parsed->n_unknown, ==, 1);
  g_assert_cmpuint (parsed->n_selectors, ==, 1);
  g_assert_cmpuint (parsed->selectors[0].protocol, ==, 6);
  g_assert_cmpuint (parsed->selectors[0].start_port, ==, 22);
  g_assert_cmpuint (roam_addr_to_u32 (&parsed->selectors[0].end), ==, 0x0a000002);
  g_assert_cmpuint (configuration->cfg_type, ==, IKE_CFG_REPLY);
  g_assert_cmpuint (configuration->n_attributes, ==, 4);
  g_assert_cmpuint (configuration->attributes[1].attribute, ==, 5);
  g_assert_cmpuint (configuration->attributes[3].attribute, ==, IKE_CP_INTERNAL_IP4_DNS);
  g_assert_cmpuint (configuration->attributes[3].value.data[3], ==, 54);
}

static void
test_selectors (void)
{
  IkeSelector any = ike_selector_any (ROAM_FAMILY_INET4), any6 = ike_selector_any (ROAM_FAMILY_INET6), host, tcp;
  RoamAddr addr, other;

  g_assert_true (roam_addr_parse ("10.99.0.23", &addr));
  g_assert_true (roam_addr_parse ("10.99.0.24", &other));
  host = ike_selector_host (&addr);
  tcp = host;
  tcp.protocol = 6;
  tcp.start_port = tcp.end_port = 443;
  g_assert_true (ike_selector_contains (&any, &host));
  g_assert_false (ike_selector_contains (&host, &any));
  g_assert_false (ike_selector_contains (&any6, &host));
  g_assert_true (ike_selector_contains (&host, &tcp));
  g_assert_false (ike_selector_contains (&tcp, &host));
  g_assert_true (ike_selector_covers_host (&any, &addr));
  g_assert_true (ike_selector_covers_host (&host, &addr));
  g_assert_false (ike_selector_covers_host (&host, &other));
  g_assert_false (ike_selector_covers_host (&tcp, &addr));
  /* OPAQUE is inside "any" and inside itself only. */
  tcp.start_port = 65535;
  tcp.end_port = 0;
  g_assert_true (ike_selector_contains (&host, &tcp));
  g_assert_true (ike_selector_contains (&tcp, &tcp));
  host.start_port = 1;
  g_assert_false (ike_selector_contains (&host, &tcp));
  g_assert_false (ike_selector_contains (&tcp, &host));
}

/* covers: IKE-HDR-014 */
static void
test_find (void)
{
  static const guint8 nonce[IKE_MIN_NONCE] = { 1 };
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (GBytes) octets = NULL;
  g_autoptr (IkeMessage) message = NULL;
  const IkePayload *first, *second;
  IkeParseError error;

  /* The order is unlike that of any figure; nobody minds. */
  ike_payloads_add_notify (payloads, IKE_NOTIFY_COOKIE2, nonce, 8);
  ike_payloads_add_vendor_id (payloads, nonce, 4);
  ike_payloads_add_nonce (payloads, nonce, sizeof nonce);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_TEMPORARY_FAILURE, NULL, 0);
  ike_payloads_add_ke (payloads, 31, nonce, sizeof nonce);
  octets = ike_message_build_clear (&header_init, payloads);
  message = ike_message_parse_clear (g_bytes_get_data (octets, NULL), g_bytes_get_size (octets), &error);
  g_assert_nonnull (message);
  first = ike_message_find (message, IKE_PAYLOAD_NOTIFY);
  second = ike_message_find_next (message, IKE_PAYLOAD_NOTIFY, first);
  g_assert_cmpuint (first->notify.notify_type, ==, IKE_NOTIFY_COOKIE2);
  g_assert_cmpuint (second->notify.notify_type, ==, IKE_NOTIFY_TEMPORARY_FAILURE);
  g_assert_null (ike_message_find_next (message, IKE_PAYLOAD_NOTIFY, second));
  g_assert_true (ike_message_find_error (message) == &second->notify);
  g_assert_true (ike_message_find_notify (message, IKE_NOTIFY_COOKIE2) == &first->notify);
  g_assert_null (ike_message_find_notify (message, IKE_NOTIFY_COOKIE));
  g_assert_cmpuint (ike_message_count (message, IKE_PAYLOAD_NOTIFY), ==, 2);
  g_assert_nonnull (ike_message_find (message, IKE_PAYLOAD_KE));
  g_assert_cmpstr (ike_notify_to_string (second->notify.notify_type), ==, "TEMPORARY_FAILURE");
  g_assert_cmpstr (ike_notify_to_string (9999), ==, "unknown notify");
  g_assert_cmpstr (ike_exchange_to_string (message->header.exchange), ==, "IKE_SA_INIT");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/codec/header", test_header);
  g_test_add_func ("/ike/codec/header-sent", test_header_sent);
  g_test_add_func ("/ike/codec/generic-header", test_generic_header);
  g_test_add_func ("/ike/codec/bodies", test_bodies);
  g_test_add_func ("/ike/codec/all-types", test_all_types);
  g_test_add_func ("/ike/codec/critical-bit", test_critical_bit);
  g_test_add_func ("/ike/codec/limits", test_limits);
  g_test_add_func ("/ike/codec/builder-overflow", test_builder_overflow);
  g_test_add_func ("/ike/codec/id-body", test_id_body);
  g_test_add_func ("/ike/codec/lists", test_lists);
  g_test_add_func ("/ike/codec/selectors", test_selectors);
  g_test_add_func ("/ike/codec/find", test_find);
  return g_test_run ();
}
