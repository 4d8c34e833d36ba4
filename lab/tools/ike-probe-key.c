/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ike-probe's private key in a token or TPM: the daemon's own way to it, waited for. */
#include "agent/key-io.h"
#include "lab/tools/ike-probe.h"

#include <string.h>

typedef struct
{
  gboolean done;
  GBytes *signature;
  AgentKeyResult result;
} Answer;

static void
on_signed (guint32 request, GBytes *signature, AgentKeyResult result, gpointer user_data)
{
  Answer *answer = user_data;

  answer->done = TRUE;
  answer->result = result;
  answer->signature = signature ? g_bytes_ref (signature) : NULL;
}

void
probe_sign (Probe *probe, const IkeAction *action)
{
  g_autoptr (RoamSecret) pin = probe->pin ? roam_secret_new ((const guint8 *)probe->pin, strlen (probe->pin)) : NULL;
  Answer answer = { .result = AGENT_KEY_NO_KEY };
  g_autoptr (AgentKeyIo) key = agent_key_io_new (probe->private_key, pin, on_signed, &answer);
  IkeCommand command = { .type = IKE_SIGNED, .request = action->sign.request };

  agent_key_io_sign (key, action->sign.request, action->sign.scheme, action->sign.hash_bits, action->sign.octets);
  while (!answer.done)
    g_main_context_iteration (NULL, TRUE);
  g_print ("{\"us\":%" G_GINT64_FORMAT ",\"sign\":\"%s\",\"scheme\":%d,\"hash_bits\":%u}\n", probe_elapsed_us (probe),
           agent_key_result_to_string (answer.result), action->sign.scheme, action->sign.hash_bits);
  command.answer = answer.signature;
  probe_command (probe, &command);
  g_clear_pointer (&answer.signature, g_bytes_unref);
}
