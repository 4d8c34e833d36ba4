/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/key-io-private.h"

#include <gio/gio.h>
#include <string.h>

/* The key and its PIN, shared with the threads; it goes when the last of them is done. */
typedef struct
{
  gint references;
  GMutex working; /* one signature at a time */
  AgentPkcs11Key *pkcs11;
  AgentTpm2Key *tpm2; /* one of the two */

  GMutex pin_lock; /* never held for long */
  RoamSecret *pin; /* NULL: none */
  gboolean pin_refused;
} Place;

struct _AgentKeyIo
{
  Place *place;
  GPtrArray *jobs; /* Job, under way */
  AgentKeyDone done;
  gpointer user_data;
};

typedef struct
{
  AgentKeyIo *io; /* NULL: nobody waits any more */
  Place *place;
  guint32 request;
  AgentKeyQuestion question;
  AgentKeyResult result;
  GBytes *signature;
} Job;

const char *
agent_key_result_to_string (AgentKeyResult result)
{
  switch (result)
    {
    case AGENT_KEY_OK:
      return "the key signed";
    case AGENT_KEY_NO_TOKEN:
      return "the token or TPM with the key is not there";
    case AGENT_KEY_NO_KEY:
      return "the token has no such key, or more than one";
    case AGENT_KEY_NO_PIN:
      return "the token wants a PIN";
    case AGENT_KEY_WRONG_PIN:
      return "the token refused the PIN; it is not tried again";
    case AGENT_KEY_LOCKED:
      return "the token is locked, or would be with one more wrong PIN";
    case AGENT_KEY_UNABLE:
      return "the key cannot sign in this way";
    case AGENT_KEY_FAILED:
      return "the token failed";
    }
  return "?";
}

const char *
agent_key_digest_name (guint hash_bits)
{
  switch (hash_bits)
    {
    case 160:
      return "SHA1";
    case 256:
      return "SHA256";
    case 384:
      return "SHA384";
    case 512:
      return "SHA512";
    default:
      return NULL;
    }
}

const char *
agent_key_uri_check (const char *text)
{
  if (g_str_has_prefix (text, "pkcs11:"))
    return agent_pkcs11_key_check (text);
  if (g_str_has_prefix (text, "tpm2:"))
    return agent_tpm2_key_check (text);
  return "a key as \"pkcs11:token=NAME;object=NAME\" (RFC 7512), \"tpm2:0x81000001\" or \"tpm2:/FILE\"";
}

/* ----------------------------------------------------------------------- place ---- */

static Place *
place_new (const char *uri, RoamSecret *pin)
{
  Place *place = g_new0 (Place, 1);

  place->references = 1;
  g_mutex_init (&place->working);
  g_mutex_init (&place->pin_lock);
  place->pin = pin != NULL ? roam_secret_ref (pin) : NULL;
  if (g_str_has_prefix (uri, "tpm2:"))
    place->tpm2 = agent_tpm2_key_new (uri);
  else
    place->pkcs11 = agent_pkcs11_key_new (uri);
  return place;
}

static Place *
place_ref (Place *place)
{
  g_atomic_int_inc (&place->references);
  return place;
}

static void
place_unref (Place *place)
{
  if (!g_atomic_int_dec_and_test (&place->references))
    return;
  agent_pkcs11_key_free (place->pkcs11);
  agent_tpm2_key_free (place->tpm2);
  roam_secret_unref (place->pin);
  g_mutex_clear (&place->working);
  g_mutex_clear (&place->pin_lock);
  g_free (place);
}

/* Caller unrefs; NULL: there is none that may be tried. */
static RoamSecret *
place_dup_pin (Place *place)
{
  RoamSecret *pin;

  g_mutex_lock (&place->pin_lock);
  pin = place->pin != NULL ? roam_secret_ref (place->pin) : NULL;
  g_mutex_unlock (&place->pin_lock);
  return pin;
}

/* Unless another one was given meanwhile. */
static void
place_forget_pin (Place *place, const RoamSecret *refused)
{
  g_mutex_lock (&place->pin_lock);
  if (place->pin == refused)
    {
      g_clear_pointer (&place->pin, roam_secret_unref);
      place->pin_refused = TRUE;
    }
  g_mutex_unlock (&place->pin_lock);
}

static gboolean
place_was_refused (Place *place)
{
  gboolean refused;

  g_mutex_lock (&place->pin_lock);
  refused = place->pin_refused;
  g_mutex_unlock (&place->pin_lock);
  return refused;
}

static AgentKeyResult
place_sign (Place *place, const AgentKeyQuestion *question, GBytes **ret_signature)
{
  g_autoptr (RoamSecret) pin = place_dup_pin (place);
  AgentKeyResult result = place->tpm2 != NULL ? agent_tpm2_key_sign (place->tpm2, question, pin, ret_signature)
                                              : agent_pkcs11_key_sign (place->pkcs11, question, pin, ret_signature);

  if (result == AGENT_KEY_WRONG_PIN && pin != NULL)
    place_forget_pin (place, pin);
  else if (result == AGENT_KEY_NO_PIN && place_was_refused (place))
    result = AGENT_KEY_WRONG_PIN;
  return result;
}

/* ------------------------------------------------------------------------ jobs ---- */

static void
job_free (gpointer data)
{
  Job *job = data;

  g_clear_pointer (&job->place, place_unref);
  g_bytes_unref (job->question.octets);
  g_clear_pointer (&job->signature, g_bytes_unref);
  g_free (job);
}

static void
run (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Job *job = data;

  g_mutex_lock (&job->place->working);
  job->result = place_sign (job->place, &job->question, &job->signature);
  g_mutex_unlock (&job->place->working);
  g_task_return_boolean (task, TRUE);
}

/* The task, which owns the job, lives until this returns. */
static void
on_done (GObject *source, GAsyncResult *task, gpointer user_data)
{
  Job *job = user_data;
  AgentKeyIo *io = job->io;

  /* Not with the task, whose end may be in the thread: when the last key goes its session is closed. */
  g_clear_pointer (&job->place, place_unref);
  if (io == NULL)
    return;
  g_ptr_array_remove_fast (io->jobs, job);
  io->done (job->request, job->signature, job->result, io->user_data);
}

/* ----------------------------------------------------------------------- verbs ---- */

AgentKeyIo *
agent_key_io_new (const char *uri, RoamSecret *pin, AgentKeyDone done, gpointer user_data)
{
  AgentKeyIo *io = g_new0 (AgentKeyIo, 1);

  io->place = place_new (uri, pin);
  io->jobs = g_ptr_array_new ();
  io->done = done;
  io->user_data = user_data;
  return io;
}

void
agent_key_io_free (AgentKeyIo *io)
{
  if (io == NULL)
    return;
  for (guint i = 0; i < io->jobs->len; i++)
    ((Job *)g_ptr_array_index (io->jobs, i))->io = NULL;
  g_ptr_array_unref (io->jobs);
  place_unref (io->place);
  g_free (io);
}

void
agent_key_io_set_pin (AgentKeyIo *io, RoamSecret *pin)
{
  Place *place = io->place;
  RoamSecret *old;

  g_mutex_lock (&place->pin_lock);
  old = place->pin;
  place->pin = pin != NULL ? roam_secret_ref (pin) : NULL;
  place->pin_refused = FALSE;
  g_mutex_unlock (&place->pin_lock);
  roam_secret_unref (old);
}

void
agent_key_io_sign (AgentKeyIo *io, guint32 request, IkeSignScheme scheme, guint hash_bits, GBytes *octets)
{
  Job *job = g_new0 (Job, 1);
  g_autoptr (GTask) task = g_task_new (NULL, NULL, on_done, job);

  job->io = io;
  job->place = place_ref (io->place);
  job->request = request;
  job->question = (AgentKeyQuestion){ scheme, hash_bits, g_bytes_ref (octets) };
  g_ptr_array_add (io->jobs, job);
  g_task_set_task_data (task, job, job_free);
  g_task_run_in_thread (task, run);
}
