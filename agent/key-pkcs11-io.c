/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PKCS#11 through p11-kit, which reads RFC 7512 URIs and knows the machine's modules. Not through the OpenSSL engine of
 * libp11: that one cannot tell a wrong PIN from any other failure, knows no EdDSA, and asks on the terminal.
 */
#include "agent/key-io-private.h"

#include <gio/gio.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>
#include <string.h>

/* RSA with 8192 bits. */
#define MAX_SIGNATURE 1024
#define MAX_SLOTS 32
#define MAX_URI 1024

struct _AgentPkcs11Key
{
  P11KitUri *uri;
  CK_FUNCTION_LIST **modules; /* initialised, NULL-terminated; NULL: not loaded */
  gboolean single;            /* one that the URI names */
  /* The open session. */
  CK_FUNCTION_LIST *module; /* NULL: none */
  CK_SESSION_HANDLE session;
  CK_OBJECT_HANDLE object;
  gboolean protected_path; /* the token asks for the PIN itself */
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ECDSA_SIG, ECDSA_SIG_free)

/* ------------------------------------------------------------------------- URI ---- */

static P11KitUri *
parse_uri (const char *text)
{
  P11KitUri *uri = p11_kit_uri_new ();

  if (strlen (text) <= MAX_URI && p11_kit_uri_parse (text, P11_KIT_URI_FOR_ANY, uri) == P11_KIT_URI_OK)
    return uri;
  p11_kit_uri_free (uri);
  return NULL;
}

const char *
agent_pkcs11_key_check (const char *text)
{
  P11KitUri *uri = parse_uri (text);
  const char *allowed = NULL;
  CK_ULONG n = 0;

  if (uri == NULL || p11_kit_uri_any_unrecognized (uri))
    allowed = "a PKCS#11 URI as in RFC 7512, for example pkcs11:token=Laptop;object=vpn";
  else if (p11_kit_uri_get_pin_value (uri) != NULL || p11_kit_uri_get_pin_source (uri) != NULL)
    allowed = "a PKCS#11 URI without a PIN: pin-file is the place for it";
  else if (p11_kit_uri_get_module_path (uri) != NULL && !g_path_is_absolute (p11_kit_uri_get_module_path (uri)))
    allowed = "module-path with an absolute name";
  else if (p11_kit_uri_get_attributes (uri, &n) == NULL || n == 0)
    allowed = "a PKCS#11 URI that names the key, with object= or id=";
  p11_kit_uri_free (uri);
  return allowed;
}

AgentPkcs11Key *
agent_pkcs11_key_new (const char *text)
{
  AgentPkcs11Key *key = g_new0 (AgentPkcs11Key, 1);

  key->uri = parse_uri (text);
  return key;
}

/* --------------------------------------------------------------------- modules ---- */

static gboolean
load_modules (AgentPkcs11Key *key)
{
  const char *path = p11_kit_uri_get_module_path (key->uri);
  CK_FUNCTION_LIST *module;

  if (key->modules != NULL)
    return TRUE;
  if (path == NULL)
    {
      key->modules = p11_kit_modules_load_and_initialize (0);
      return key->modules != NULL;
    }
  module = p11_kit_module_load (path, 0);
  if (module == NULL)
    return FALSE;
  if (p11_kit_module_initialize (module) != CKR_OK)
    {
      p11_kit_module_release (module);
      return FALSE;
    }
  key->modules = g_new0 (CK_FUNCTION_LIST *, 2);
  key->modules[0] = module;
  key->single = TRUE;
  return TRUE;
}

static void
close_session (AgentPkcs11Key *key)
{
  if (key->module != NULL)
    key->module->C_CloseSession (key->session);
  key->module = NULL;
}

static void
unload_modules (AgentPkcs11Key *key)
{
  close_session (key);
  if (key->modules == NULL)
    return;
  if (key->single)
    {
      p11_kit_module_finalize (key->modules[0]);
      p11_kit_module_release (key->modules[0]);
      g_free (key->modules);
    }
  else
    p11_kit_modules_finalize_and_release (key->modules);
  key->modules = NULL;
}

void
agent_pkcs11_key_free (AgentPkcs11Key *key)
{
  if (key == NULL)
    return;
  unload_modules (key);
  p11_kit_uri_free (key->uri);
  g_free (key);
}

/* --------------------------------------------------------------------- session ---- */

static AgentKeyResult
result_of_login (CK_RV rv)
{
  switch (rv)
    {
    case CKR_OK:
    case CKR_USER_ALREADY_LOGGED_IN:
      return AGENT_KEY_OK;
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_EXPIRED:
      return AGENT_KEY_WRONG_PIN;
    case CKR_PIN_LOCKED:
      return AGENT_KEY_LOCKED;
    default:
      return AGENT_KEY_FAILED;
    }
}

static AgentKeyResult
give_pin (AgentPkcs11Key *key, CK_USER_TYPE user, const RoamSecret *pin)
{
  CK_RV rv;

  if (key->protected_path)
    rv = key->module->C_Login (key->session, user, NULL, 0);
  else if (pin == NULL)
    return AGENT_KEY_NO_PIN;
  else
    rv = key->module->C_Login (key->session, user, (CK_UTF8CHAR_PTR)(guintptr)roam_secret_peek (pin),
                               roam_secret_length (pin));
  return result_of_login (rv);
}

static AgentKeyResult
log_in (AgentPkcs11Key *key, const CK_TOKEN_INFO *token, const RoamSecret *pin)
{
  if ((token->flags & CKF_LOGIN_REQUIRED) == 0)
    return AGENT_KEY_OK;
  if ((token->flags & (CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY)) != 0)
    return AGENT_KEY_LOCKED;
  return give_pin (key, CKU_USER, pin);
}

/* What the URI says of the object, and that it is a private key. */
static AgentKeyResult
find_object (AgentPkcs11Key *key)
{
  static CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_ULONG n = 0, found = 0;
  const CK_ATTRIBUTE *wanted = p11_kit_uri_get_attributes (key->uri, &n);
  g_autofree CK_ATTRIBUTE *attributes = g_new0 (CK_ATTRIBUTE, n + 1);
  CK_OBJECT_HANDLE objects[2];
  CK_ULONG used = 0;

  for (CK_ULONG i = 0; i < n; i++)
    if (wanted[i].type != CKA_CLASS)
      attributes[used++] = wanted[i];
  attributes[used++] = (CK_ATTRIBUTE){ CKA_CLASS, &class, sizeof class };
  if (key->module->C_FindObjectsInit (key->session, attributes, used) != CKR_OK)
    return AGENT_KEY_FAILED;
  if (key->module->C_FindObjects (key->session, objects, G_N_ELEMENTS (objects), &found) != CKR_OK)
    found = 0;
  key->module->C_FindObjectsFinal (key->session);
  if (found != 1)
    return AGENT_KEY_NO_KEY;
  key->object = objects[0];
  return AGENT_KEY_OK;
}

static AgentKeyResult
open_slot (AgentPkcs11Key *key, CK_FUNCTION_LIST *module, CK_SLOT_ID slot, const RoamSecret *pin)
{
  AgentKeyResult result;
  CK_TOKEN_INFO token;

  if (module->C_GetTokenInfo (slot, &token) != CKR_OK || (token.flags & CKF_TOKEN_INITIALIZED) == 0 ||
      !p11_kit_uri_match_token_info (key->uri, &token) ||
      module->C_OpenSession (slot, CKF_SERIAL_SESSION, NULL, NULL, &key->session) != CKR_OK)
    return AGENT_KEY_NO_TOKEN;
  key->module = module;
  key->protected_path = (token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
  result = log_in (key, &token, pin);
  if (result == AGENT_KEY_OK)
    result = find_object (key);
  if (result != AGENT_KEY_OK)
    close_session (key);
  return result;
}

/* The first token that fits and has the key; what stood in the way at one that fits counts more than that others do
 * not. */
static AgentKeyResult
open_session (AgentPkcs11Key *key, const RoamSecret *pin)
{
  AgentKeyResult result = AGENT_KEY_NO_TOKEN, one;
  CK_SLOT_ID slots[MAX_SLOTS];

  if (!load_modules (key))
    return AGENT_KEY_NO_TOKEN;
  for (guint i = 0; key->modules[i] != NULL; i++)
    {
      CK_ULONG n = G_N_ELEMENTS (slots);
      CK_INFO info;

      if (key->modules[i]->C_GetInfo (&info) != CKR_OK || !p11_kit_uri_match_module_info (key->uri, &info) ||
          key->modules[i]->C_GetSlotList (CK_TRUE, slots, &n) != CKR_OK)
        continue;
      for (CK_ULONG j = 0; j < n; j++)
        {
          one = open_slot (key, key->modules[i], slots[j], pin);
          if (one == AGENT_KEY_OK || one == AGENT_KEY_WRONG_PIN || one == AGENT_KEY_LOCKED)
            return one; /* the PIN goes to no second token */
          if (one != AGENT_KEY_NO_TOKEN)
            result = one;
        }
    }
  return result;
}

/* --------------------------------------------------------------------- signing ---- */

/* PKCS#1 v1.5: DigestInfo up to the digest (RFC 8017 9.2). */
static const guint8 prefix256[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                    0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
static const guint8 prefix384[] = { 0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                    0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30 };
static const guint8 prefix512[] = { 0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                    0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40 };

static const struct
{
  guint bits;
  CK_MECHANISM_TYPE hash;
  CK_RSA_PKCS_MGF_TYPE mgf;
  const guint8 *prefix;
} digests[] = {
  { 256, CKM_SHA256, CKG_MGF1_SHA256, prefix256 },
  { 384, CKM_SHA384, CKG_MGF1_SHA384, prefix384 },
  { 512, CKM_SHA512, CKG_MGF1_SHA512, prefix512 },
};

/* What goes to the token, and how. */
typedef struct
{
  CK_MECHANISM mechanism;
  CK_RSA_PKCS_PSS_PARAMS pss;
  guint8 input[sizeof prefix512 + EVP_MAX_MD_SIZE];
  gsize length;
  const guint8 *data; /* @input, or all octets */
} Task;

/* A PIN for each signature, as cards for qualified signatures want it. */
static gboolean
always_asks (AgentPkcs11Key *key)
{
  CK_BBOOL value = CK_FALSE;
  CK_ATTRIBUTE attribute = { CKA_ALWAYS_AUTHENTICATE, &value, sizeof value };

  return key->module->C_GetAttributeValue (key->session, key->object, &attribute, 1) == CKR_OK && value != CK_FALSE;
}

/* Asked first: SoftHSM 2.6 dies of a scheme that does not fit the key. */
static gboolean
is_fitting (AgentPkcs11Key *key, IkeSignScheme scheme)
{
  CK_KEY_TYPE type = CK_UNAVAILABLE_INFORMATION;
  CK_ATTRIBUTE attribute = { CKA_KEY_TYPE, &type, sizeof type };

  if (key->module->C_GetAttributeValue (key->session, key->object, &attribute, 1) != CKR_OK)
    return FALSE;
  switch (scheme)
    {
    case IKE_SIGN_RSA_PKCS1:
    case IKE_SIGN_RSA_PSS:
      return type == CKK_RSA;
    case IKE_SIGN_ECDSA:
      return type == CKK_EC;
    case IKE_SIGN_EDDSA:
      return type == CKK_EC_EDWARDS;
    }
  return FALSE;
}

static gboolean
hash (const AgentKeyQuestion *question, Task *task)
{
  gsize length;
  const void *data = g_bytes_get_data (question->octets, &length);
  const char *name = agent_key_digest_name (question->hash_bits);
  const EVP_MD *digest = name != NULL ? EVP_get_digestbyname (name) : NULL;
  unsigned int size = 0;

  if (digest == NULL || EVP_Digest (data, length, task->input + task->length, &size, digest, NULL) != 1)
    return FALSE;
  task->length += size;
  task->data = task->input;
  return TRUE;
}

/* The token hashes nothing: not every one can, and what it hashes would have to go there octet by octet. */
static gboolean
prepare (const AgentKeyQuestion *question, Task *task)
{
  gsize i = 0;

  while (i < G_N_ELEMENTS (digests) && digests[i].bits != question->hash_bits)
    i++;
  if (question->scheme != IKE_SIGN_EDDSA && i == G_N_ELEMENTS (digests))
    return FALSE;
  switch (question->scheme)
    {
    case IKE_SIGN_RSA_PKCS1:
      task->mechanism.mechanism = CKM_RSA_PKCS;
      memcpy (task->input, digests[i].prefix, sizeof prefix512);
      task->length = sizeof prefix512;
      return hash (question, task);
    case IKE_SIGN_RSA_PSS:
      task->pss = (CK_RSA_PKCS_PSS_PARAMS){ digests[i].hash, digests[i].mgf, question->hash_bits / 8 };
      task->mechanism = (CK_MECHANISM){ CKM_RSA_PKCS_PSS, &task->pss, sizeof task->pss };
      return hash (question, task);
    case IKE_SIGN_ECDSA:
      task->mechanism.mechanism = CKM_ECDSA;
      return hash (question, task);
    case IKE_SIGN_EDDSA:
      task->mechanism.mechanism = CKM_EDDSA;
      task->data = g_bytes_get_data (question->octets, &task->length);
      return TRUE;
    }
  return FALSE;
}

/* r | s as tokens give it, to the DER of RFC 3279 2.2.3. */
static GBytes *
encode_ecdsa (const guint8 *raw, gsize length)
{
  g_autoptr (ECDSA_SIG) signature = ECDSA_SIG_new ();
  BIGNUM *r = BN_bin2bn (raw, (int)(length / 2), NULL), *s = BN_bin2bn (raw + length / 2, (int)(length / 2), NULL);
  unsigned char *der = NULL;
  GBytes *bytes = NULL;
  int size;

  if (signature == NULL || length % 2 != 0 || ECDSA_SIG_set0 (signature, r, s) != 1)
    {
      BN_free (r);
      BN_free (s);
      return NULL;
    }
  size = i2d_ECDSA_SIG (signature, &der);
  if (size > 0)
    bytes = g_bytes_new (der, (gsize)size);
  OPENSSL_free (der);
  return bytes;
}

static AgentKeyResult
result_of_sign (CK_RV rv)
{
  switch (rv)
    {
    case CKR_OK:
      return AGENT_KEY_OK;
    case CKR_MECHANISM_INVALID:
    case CKR_MECHANISM_PARAM_INVALID:
    case CKR_KEY_TYPE_INCONSISTENT:
    case CKR_KEY_FUNCTION_NOT_PERMITTED:
    case CKR_KEY_SIZE_RANGE:
    case CKR_DATA_LEN_RANGE:
      return AGENT_KEY_UNABLE;
    default:
      return AGENT_KEY_FAILED;
    }
}

/* Once, in the open session. */
static AgentKeyResult
sign_here (AgentPkcs11Key *key, const AgentKeyQuestion *question, const RoamSecret *pin, GBytes **ret_signature)
{
  guint8 signature[MAX_SIGNATURE];
  CK_ULONG length = sizeof signature;
  Task task = { 0 };
  AgentKeyResult result;

  if (!prepare (question, &task) || !is_fitting (key, question->scheme))
    return AGENT_KEY_UNABLE;
  result = result_of_sign (key->module->C_SignInit (key->session, &task.mechanism, key->object));
  if (result == AGENT_KEY_OK && always_asks (key))
    result = give_pin (key, CKU_CONTEXT_SPECIFIC, pin);
  if (result == AGENT_KEY_OK)
    result = result_of_sign (
      key->module->C_Sign (key->session, (CK_BYTE_PTR)(guintptr)task.data, task.length, signature, &length));
  if (result != AGENT_KEY_OK)
    return result;
  *ret_signature =
    question->scheme == IKE_SIGN_ECDSA ? encode_ecdsa (signature, length) : g_bytes_new (signature, length);
  return *ret_signature != NULL ? AGENT_KEY_OK : AGENT_KEY_FAILED;
}

AgentKeyResult
agent_pkcs11_key_sign (AgentPkcs11Key *key, const AgentKeyQuestion *question, const RoamSecret *pin,
                       GBytes **ret_signature)
{
  AgentKeyResult result = AGENT_KEY_FAILED;

  /* A token that was pulled out and put back leaves a session that is good for nothing. */
  if (key->module != NULL)
    result = sign_here (key, question, pin, ret_signature);
  if (result == AGENT_KEY_FAILED)
    {
      close_session (key);
      result = open_session (key, pin);
      if (result == AGENT_KEY_OK)
        result = sign_here (key, question, pin, ret_signature);
    }
  if (result != AGENT_KEY_OK && result != AGENT_KEY_UNABLE)
    close_session (key);
  return result;
}
