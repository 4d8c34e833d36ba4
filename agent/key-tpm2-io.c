/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys of a TPM 2.0 through the provider of tpm2-openssl, in a library context that nobody else sees. */
#include "agent/key-io-private.h"

#include <gio/gio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <string.h>

/* Fetches prefer the TPM; what it does not have comes from libcrypto. */
#define PROPERTIES "?provider=tpm2"
/* Persistent handles (TPM 2.0 part 2, 7.4): 0x81. */
#define PERSISTENT 0x81u

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_MD_CTX, EVP_MD_CTX_free)

struct _AgentTpm2Key
{
  char *uri; /* for OSSL_STORE */
  OSSL_LIB_CTX *library;
  OSSL_PROVIDER *tpm2, *base; /* NULL: not loaded */
  EVP_PKEY *key;              /* NULL: not loaded */
};

/* The handle of "0x81000001"; 0: it is none. */
static guint32
parse_handle (const char *text)
{
  char *end;
  guint64 value;

  if (!g_str_has_prefix (text, "0x"))
    return 0;
  value = g_ascii_strtoull (text, &end, 16);
  return *end == '\0' && value <= G_MAXUINT32 && value >> 24 == PERSISTENT ? (guint32)value : 0;
}

const char *
agent_tpm2_key_check (const char *text)
{
  const char *place = text + strlen ("tpm2:");

  if (parse_handle (place) != 0 || g_path_is_absolute (place))
    return NULL;
  return "tpm2: with a persistent handle (0x81000001) or the absolute name of a file";
}

AgentTpm2Key *
agent_tpm2_key_new (const char *text)
{
  AgentTpm2Key *key = g_new0 (AgentTpm2Key, 1);
  const char *place = text + strlen ("tpm2:");
  guint32 handle = parse_handle (place);

  key->uri = handle != 0 ? g_strdup_printf ("handle:0x%08x", handle) : g_strdup_printf ("file:%s", place);
  return key;
}

static void
unload (AgentTpm2Key *key)
{
  EVP_PKEY_free (g_steal_pointer (&key->key));
  if (key->base != NULL)
    OSSL_PROVIDER_unload (g_steal_pointer (&key->base));
  if (key->tpm2 != NULL)
    OSSL_PROVIDER_unload (g_steal_pointer (&key->tpm2));
  OSSL_LIB_CTX_free (g_steal_pointer (&key->library));
}

void
agent_tpm2_key_free (AgentTpm2Key *key)
{
  if (key == NULL)
    return;
  unload (key);
  g_free (key->uri);
  g_free (key);
}

/* --------------------------------------------------------------------- loading ---- */

/* What the PIN is asked for with; there is nobody at a terminal. */
typedef struct
{
  const RoamSecret *pin;
  gboolean asked;
} Asker;

static int
answer_prompt (char *buffer, int size, int writing, void *data)
{
  Asker *asker = data;
  gsize length;

  asker->asked = TRUE;
  if (asker->pin == NULL)
    return -1;
  length = roam_secret_length (asker->pin);
  if (length >= (gsize)size)
    return -1;
  memcpy (buffer, roam_secret_peek (asker->pin), length);
  return (int)length;
}

static gboolean
load_provider (AgentTpm2Key *key)
{
  if (key->tpm2 != NULL)
    return TRUE;
  key->library = OSSL_LIB_CTX_new ();
  if (key->library != NULL)
    {
      key->base = OSSL_PROVIDER_load (key->library, "default");
      key->tpm2 = OSSL_PROVIDER_load (key->library, "tpm2");
    }
  if (key->base != NULL && key->tpm2 != NULL)
    return TRUE;
  unload (key);
  return FALSE;
}

static EVP_PKEY *
read_store (AgentTpm2Key *key, UI_METHOD *method, Asker *asker)
{
  OSSL_STORE_CTX *store = OSSL_STORE_open_ex (key->uri, key->library, PROPERTIES, method, asker, NULL, NULL, NULL);
  EVP_PKEY *found = NULL;

  while (store != NULL && found == NULL && OSSL_STORE_eof (store) == 0)
    {
      OSSL_STORE_INFO *info = OSSL_STORE_load (store);

      if (info == NULL)
        {
          if (OSSL_STORE_error (store) != 0)
            break;
          continue;
        }
      if (OSSL_STORE_INFO_get_type (info) == OSSL_STORE_INFO_PKEY)
        found = OSSL_STORE_INFO_get1_PKEY (info);
      OSSL_STORE_INFO_free (info);
    }
  OSSL_STORE_close (store);
  return found;
}

/* Does libcrypto's queue say that the TPM refused the authorisation? The provider passes on the TPM's own words. */
static AgentKeyResult
result_of_errors (AgentKeyResult otherwise)
{
  AgentKeyResult result = otherwise;
  const char *data;
  int flags;

  while (ERR_get_error_all (NULL, NULL, NULL, &data, &flags) != 0)
    {
      if ((flags & ERR_TXT_STRING) == 0)
        continue;
      if (strstr (data, "lockout") != NULL)
        result = AGENT_KEY_LOCKED;
      else if (strstr (data, "authorization") != NULL && result != AGENT_KEY_LOCKED)
        result = AGENT_KEY_WRONG_PIN;
      else if (otherwise == AGENT_KEY_FAILED && strstr (data, "scheme") != NULL && result == otherwise)
        result = AGENT_KEY_UNABLE;
    }
  return result;
}

static AgentKeyResult
load_key (AgentTpm2Key *key, const RoamSecret *pin)
{
  UI_METHOD *method = UI_UTIL_wrap_read_pem_callback (answer_prompt, 0);
  Asker asker = { pin, FALSE };
  AgentKeyResult result = AGENT_KEY_OK;

  ERR_clear_error ();
  if (!load_provider (key))
    result = AGENT_KEY_NO_TOKEN;
  else if (key->key == NULL)
    {
      key->key = read_store (key, method, &asker);
      if (key->key == NULL)
        result = asker.asked && pin == NULL ? AGENT_KEY_NO_PIN : result_of_errors (AGENT_KEY_NO_KEY);
    }
  ERR_clear_error ();
  UI_destroy_method (method);
  return result;
}

/* --------------------------------------------------------------------- signing ---- */

static gboolean
start (const AgentTpm2Key *key, const AgentKeyQuestion *question, EVP_MD_CTX *context)
{
  EVP_PKEY_CTX *inner = NULL;

  if (EVP_DigestSignInit_ex (context, &inner, agent_key_digest_name (question->hash_bits), key->library, PROPERTIES,
                             key->key, NULL) != 1)
    return FALSE;
  if (question->scheme == IKE_SIGN_RSA_PKCS1)
    return EVP_PKEY_CTX_set_rsa_padding (inner, RSA_PKCS1_PADDING) == 1;
  /* The salt is as long as the TPM makes it; the engine verifies what comes and has another scheme to ask for. */
  return question->scheme != IKE_SIGN_RSA_PSS || EVP_PKEY_CTX_set_rsa_padding (inner, RSA_PKCS1_PSS_PADDING) == 1;
}

static AgentKeyResult
sign_here (AgentTpm2Key *key, const AgentKeyQuestion *question, GBytes **ret_signature)
{
  g_autoptr (EVP_MD_CTX) context = EVP_MD_CTX_new ();
  gsize length, size = 0;
  const guint8 *data = g_bytes_get_data (question->octets, &length);
  g_autofree guint8 *signature = NULL;

  if (context == NULL || question->scheme == IKE_SIGN_EDDSA)
    return AGENT_KEY_UNABLE;
  ERR_clear_error ();
  if (!start (key, question, context))
    return result_of_errors (AGENT_KEY_UNABLE);
  if (EVP_DigestSignUpdate (context, data, length) != 1 || EVP_DigestSignFinal (context, NULL, &size) != 1)
    return result_of_errors (AGENT_KEY_FAILED);
  signature = g_malloc (size);
  if (EVP_DigestSignFinal (context, signature, &size) != 1)
    return result_of_errors (AGENT_KEY_FAILED);
  *ret_signature = g_bytes_new (signature, size);
  return AGENT_KEY_OK;
}

AgentKeyResult
agent_tpm2_key_sign (AgentTpm2Key *key, const AgentKeyQuestion *question, const RoamSecret *pin, GBytes **ret_signature)
{
  gboolean fresh = key->key == NULL;
  AgentKeyResult result = load_key (key, pin);

  if (result == AGENT_KEY_OK)
    result = sign_here (key, question, ret_signature);
  if (result == AGENT_KEY_OK || result == AGENT_KEY_UNABLE)
    return result;
  /* A TPM that was reset (or a resource manager that was restarted) has forgotten the key. Not with a PIN refused. */
  unload (key);
  if (fresh || result != AGENT_KEY_FAILED)
    return result;
  result = load_key (key, pin);
  return result == AGENT_KEY_OK ? sign_here (key, question, ret_signature) : result;
}
