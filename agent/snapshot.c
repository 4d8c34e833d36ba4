/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/snapshot.h"

#include <string.h>

AgentLinkStatus *
agent_link_status_new (void)
{
  AgentLinkStatus *link = g_new0 (AgentLinkStatus, 1);

  link->name = g_strdup ("");
  link->kind = g_strdup ("");
  link->state = g_strdup ("");
  link->address = g_strdup ("");
  link->reason = g_strdup ("");
  link->proof_age_ms = -1;
  return link;
}

void
agent_link_status_free (AgentLinkStatus *link)
{
  if (link == NULL)
    return;
  g_free (link->name);
  g_free (link->kind);
  g_free (link->state);
  g_free (link->address);
  g_free (link->reason);
  g_free (link);
}

AgentSecretRequest *
agent_secret_request_new (void)
{
  AgentSecretRequest *request = g_new0 (AgentSecretRequest, 1);

  request->kind = g_strdup ("");
  request->identity = g_strdup ("");
  request->gateway = g_strdup ("");
  request->refusal = g_strdup ("");
  return request;
}

void
agent_secret_request_free (AgentSecretRequest *request)
{
  if (request == NULL)
    return;
  g_free (request->kind);
  g_free (request->identity);
  g_free (request->gateway);
  g_free (request->refusal);
  g_free (request);
}

AgentPair *
agent_pair_new (void)
{
  AgentPair *pair = g_new0 (AgentPair, 1);

  pair->interface = g_strdup ("");
  pair->local = g_strdup ("");
  pair->remote = g_strdup ("");
  pair->state = g_strdup ("");
  pair->tried_ms = -1;
  return pair;
}

static void
pair_free (AgentPair *pair)
{
  g_free (pair->interface);
  g_free (pair->local);
  g_free (pair->remote);
  g_free (pair->state);
  g_free (pair);
}

/* The texts of an IKE SA, likewise. */
static const gsize sa_texts[] = {
  G_STRUCT_OFFSET (AgentSa, state),     G_STRUCT_OFFSET (AgentSa, dialect),   G_STRUCT_OFFSET (AgentSa, ike_suite),
  G_STRUCT_OFFSET (AgentSa, local),     G_STRUCT_OFFSET (AgentSa, esp_suite), G_STRUCT_OFFSET (AgentSa, remote),
  G_STRUCT_OFFSET (AgentSa, interface), G_STRUCT_OFFSET (AgentSa, tia),
};

AgentSa *
agent_sa_new (void)
{
  AgentSa *sa = g_new0 (AgentSa, 1);

  for (guint i = 0; i < G_N_ELEMENTS (sa_texts); i++)
    G_STRUCT_MEMBER (char *, sa, sa_texts[i]) = g_strdup ("");
  sa->age_ms = sa->rekey_in_ms = -1;
  sa->children = g_array_new (FALSE, TRUE, sizeof (AgentChildSa));
  sa->pairs = g_ptr_array_new_with_free_func ((GDestroyNotify)pair_free);
  return sa;
}

void
agent_sa_free (AgentSa *sa)
{
  if (sa == NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (sa_texts); i++)
    g_free (G_STRUCT_MEMBER (char *, sa, sa_texts[i]));
  g_array_unref (sa->children);
  g_ptr_array_unref (sa->pairs);
  g_free (sa);
}

/* The texts of a snapshot, for everything that treats them alike. */
static const gsize texts[] = {
  G_STRUCT_OFFSET (AgentSnapshot, mode),       G_STRUCT_OFFSET (AgentSnapshot, sentence),
  G_STRUCT_OFFSET (AgentSnapshot, why),        G_STRUCT_OFFSET (AgentSnapshot, advice),
  G_STRUCT_OFFSET (AgentSnapshot, interface),  G_STRUCT_OFFSET (AgentSnapshot, home_address),
  G_STRUCT_OFFSET (AgentSnapshot, home_agent), G_STRUCT_OFFSET (AgentSnapshot, care_of_address),
  G_STRUCT_OFFSET (AgentSnapshot, gateway),    G_STRUCT_OFFSET (AgentSnapshot, tia),
  G_STRUCT_OFFSET (AgentSnapshot, ike_suite),  G_STRUCT_OFFSET (AgentSnapshot, esp_suite),
  G_STRUCT_OFFSET (AgentSnapshot, backend),    G_STRUCT_OFFSET (AgentSnapshot, foreign_agent),
  G_STRUCT_OFFSET (AgentSnapshot, message),    G_STRUCT_OFFSET (AgentSnapshot, dialect),
};
#define TEXT(snapshot, i) G_STRUCT_MEMBER (char *, snapshot, texts[i])

AgentSnapshot *
agent_snapshot_new (void)
{
  AgentSnapshot *snapshot = g_new0 (AgentSnapshot, 1);

  snapshot->references = 1;
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    TEXT (snapshot, i) = g_strdup ("");
  snapshot->links = g_ptr_array_new_with_free_func ((GDestroyNotify)agent_link_status_free);
  snapshot->secrets = g_ptr_array_new_with_free_func ((GDestroyNotify)agent_secret_request_free);
  snapshot->counters = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return snapshot;
}

AgentSnapshot *
agent_snapshot_ref (AgentSnapshot *snapshot)
{
  g_atomic_int_inc (&snapshot->references);
  return snapshot;
}

void
agent_snapshot_unref (AgentSnapshot *snapshot)
{
  if (snapshot == NULL || !g_atomic_int_dec_and_test (&snapshot->references))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free (TEXT (snapshot, i));
  g_ptr_array_unref (snapshot->links);
  g_ptr_array_unref (snapshot->secrets);
  g_hash_table_unref (snapshot->counters);
  g_free (snapshot);
}

void
agent_snapshot_set_text (char **field, const char *text)
{
  char *copy = g_strdup (text == NULL ? "" : text); /* @text may be the field's own */

  g_free (*field);
  *field = copy;
}

static gboolean
link_equal (const AgentLinkStatus *a, const AgentLinkStatus *b)
{
  return a->ifindex == b->ifindex && a->active == b->active && a->trusted == b->trusted &&
         (a->proof_age_ms < 0) == (b->proof_age_ms < 0) && g_str_equal (a->name, b->name) &&
         g_str_equal (a->kind, b->kind) && g_str_equal (a->state, b->state) && g_str_equal (a->address, b->address) &&
         g_str_equal (a->reason, b->reason);
}

static gboolean
secret_equal (const AgentSecretRequest *a, const AgentSecretRequest *b)
{
  return a->handle == b->handle && g_str_equal (a->kind, b->kind) && g_str_equal (a->identity, b->identity) &&
         g_str_equal (a->gateway, b->gateway) && g_str_equal (a->refusal, b->refusal);
}

static gboolean
secrets_equal (const GPtrArray *a, const GPtrArray *b)
{
  gboolean equal = a->len == b->len;

  for (guint i = 0; i < a->len && equal; i++)
    equal = secret_equal (a->pdata[i], b->pdata[i]);
  return equal;
}

gboolean
agent_snapshot_equal (const AgentSnapshot *a, const AgentSnapshot *b)
{
  if (a->enabled != b->enabled || a->vpn_up != b->vpn_up || a->mobike != b->mobike || a->nat != b->nat ||
      a->mip_nat != b->mip_nat || a->message_authentic != b->message_authentic || a->links->len != b->links->len ||
      !secrets_equal (a->secrets, b->secrets))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    if (!g_str_equal (TEXT (a, i), TEXT (b, i)))
      return FALSE;
  for (guint i = 0; i < a->links->len; i++)
    if (!link_equal (a->links->pdata[i], b->links->pdata[i]))
      return FALSE;
  return TRUE;
}

void
agent_snapshot_set_counter (AgentSnapshot *snapshot, const char *group, const char *name, guint64 value)
{
  g_hash_table_replace (snapshot->counters, g_strconcat (group, ".", name, NULL), g_memdup2 (&value, sizeof value));
}

void
agent_snapshot_add_counters (AgentSnapshot *snapshot, const char *group, GHashTable *counters)
{
  GHashTableIter iter;
  gpointer name, value;

  g_hash_table_iter_init (&iter, counters);
  while (g_hash_table_iter_next (&iter, &name, &value))
    agent_snapshot_set_counter (snapshot, group, name, *(const guint64 *)value);
}

const char *
agent_link_kind_to_string (DetectKind kind)
{
  switch (kind)
    {
    case DETECT_KIND_ETHERNET:
      return "ethernet";
    case DETECT_KIND_WIFI:
      return "wifi";
    case DETECT_KIND_WWAN:
      return "wwan";
    case DETECT_KIND_VETH:
      return "veth";
    case DETECT_KIND_TUNNEL:
      return "tunnel";
    case DETECT_KIND_BRIDGE:
      return "bridge";
    case DETECT_KIND_LOOPBACK:
      return "loopback";
    case DETECT_KIND_OTHER:
      return "other";
    }
  g_assert_not_reached ();
}
