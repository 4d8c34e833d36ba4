/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab/gateway/gw-table-private.h"

struct _GwTable
{
  RoamRng *rng;
  GHashTable *clients; /* number -> GwClient, owned */
  GHashTable *spis;    /* inbound SPI -> GwSa */
  GHashTable *inner;   /* RoamAddr -> GwClient */
};

static void
sa_free (gpointer data)
{
  GwSa *sa = data;

  tunnel_esp_in_free (sa->in);
  tunnel_esp_out_free (sa->out);
  ike_child_sa_unref (sa->child);
  g_free (sa);
}

static void
client_free (gpointer data)
{
  GwClient *client = data;

  g_ptr_array_unref (client->sas);
  g_free (client);
}

GwTable *
gw_table_new (RoamRng *rng)
{
  GwTable *table = g_new0 (GwTable, 1);

  table->rng = rng;
  table->clients = g_hash_table_new_full (NULL, NULL, NULL, client_free);
  table->spis = g_hash_table_new (NULL, NULL);
  table->inner = g_hash_table_new_full ((GHashFunc)roam_addr_hash, (GEqualFunc)roam_addr_equal, g_free, NULL);
  return table;
}

void
gw_table_free (GwTable *table)
{
  if (table == NULL)
    return;
  g_hash_table_unref (table->inner);
  g_hash_table_unref (table->spis);
  g_hash_table_unref (table->clients);
  g_free (table);
}

/* -------------------------------------------------------------------- clients ---- */

GwClient *
gw_table_find (const GwTable *table, guint32 number)
{
  return g_hash_table_lookup (table->clients, GUINT_TO_POINTER (number));
}

GwClient *
gw_table_get (GwTable *table, guint32 number)
{
  GwClient *client = gw_table_find (table, number);

  if (client != NULL)
    return client;
  client = g_new0 (GwClient, 1);
  client->number = number;
  client->sas = g_ptr_array_new_with_free_func (sa_free);
  g_hash_table_insert (table->clients, GUINT_TO_POINTER (number), client);
  return client;
}

static void
forget_inner (GwTable *table, const GwClient *client, const RoamAddr *inner)
{
  if (roam_addr_is_set (inner) && g_hash_table_lookup (table->inner, inner) == client)
    g_hash_table_remove (table->inner, inner);
}

void
gw_table_remove (GwTable *table, guint32 number)
{
  GwClient *client = gw_table_find (table, number);

  if (client == NULL)
    return;
  for (guint i = 0; i < client->sas->len; i++)
    g_hash_table_remove (table->spis,
                         GUINT_TO_POINTER (((const GwSa *)g_ptr_array_index (client->sas, i))->child->spi_in));
  forget_inner (table, client, &client->inner4);
  forget_inner (table, client, &client->inner6);
  g_hash_table_remove (table->clients, GUINT_TO_POINTER (number));
}

static gint
compare_numbers (gconstpointer a, gconstpointer b)
{
  const GwClient *one = a, *other = b;

  return one->number < other->number ? -1 : one->number > other->number;
}

GList *
gw_table_list (const GwTable *table)
{
  return g_list_sort (g_hash_table_get_values (table->clients), compare_numbers);
}

static void
set_inner (GwTable *table, GwClient *client, RoamAddr *old, const RoamAddr *inner)
{
  forget_inner (table, client, old);
  *old = *inner;
  if (roam_addr_is_set (inner))
    g_hash_table_replace (table->inner, g_memdup2 (inner, sizeof *inner), client);
}

void
gw_table_set_inner (GwTable *table, GwClient *client, const RoamAddr *inner4, const RoamAddr *inner6)
{
  set_inner (table, client, &client->inner4, inner4);
  set_inner (table, client, &client->inner6, inner6);
}

GwClient *
gw_table_find_inner (const GwTable *table, const RoamAddr *inner)
{
  return g_hash_table_lookup (table->inner, inner);
}

/* ------------------------------------------------------------------------ SAs ---- */

GwSa *
gw_table_find_spi (const GwTable *table, guint32 spi_in)
{
  return g_hash_table_lookup (table->spis, GUINT_TO_POINTER (spi_in));
}

static TunnelEspAlgorithm
to_algorithm (IkeEspAlgorithm algorithm)
{
  switch (algorithm)
    {
    case IKE_ESP_AES_GCM_16:
      return TUNNEL_ESP_AES_GCM_16;
    case IKE_ESP_AES_CBC_HMAC_SHA2:
      break;
    }
  return TUNNEL_ESP_AES_CBC_HMAC_SHA2;
}

void
gw_table_move (GwClient *client, guint32 ifindex, const RoamEndpoint *local, const RoamEndpoint *remote,
               gboolean udp_encap)
{
  client->ifindex = ifindex;
  client->local = *local;
  client->remote = *remote;
  client->udp_encap = udp_encap;
}

gboolean
gw_table_add_sa (GwTable *table, GwClient *client, IkeChildSa *child, gboolean use_outbound)
{
  /* Borrowed for the moment: both directions copy what they need. */
  const TunnelSa keys = {
    .id = child->id,
    .spi_in = child->spi_in,
    .spi_out = child->spi_out,
    .algorithm = to_algorithm (child->algorithm),
    .encr_bits = child->encr_bits,
    .integ_bits = child->integ_bits,
    .encr_in = child->encr_in,
    .encr_out = child->encr_out,
    .integ_in = child->integ_in,
    .integ_out = child->integ_out,
    .esn = child->esn,
  };
  g_autoptr (TunnelEspIn) in = tunnel_esp_in_new (&keys);
  g_autoptr (TunnelEspOut) out = tunnel_esp_out_new (&keys, table->rng);
  GwSa *sa;

  if (in == NULL || out == NULL)
    return FALSE;
  sa = g_new0 (GwSa, 1);
  sa->client = client;
  sa->child = ike_child_sa_ref (child);
  sa->in = g_steal_pointer (&in);
  sa->out = g_steal_pointer (&out);
  g_ptr_array_add (client->sas, sa);
  g_hash_table_insert (table->spis, GUINT_TO_POINTER (child->spi_in), sa);
  /* Those of a client share one path, which only CHILD_MOVE and ESP itself change: a successor joins it. */
  if (client->sas->len == 1)
    gw_table_move (client, child->ifindex, &child->outer_local, &child->outer_remote, child->udp_encap);
  if (use_outbound)
    client->out = sa;
  return TRUE;
}

static GwSa *
find_sa (const GwClient *client, guint32 child_id)
{
  for (guint i = 0; i < client->sas->len; i++)
    {
      GwSa *sa = g_ptr_array_index (client->sas, i);

      if (sa->child->id == child_id)
        return sa;
    }
  return NULL;
}

void
gw_table_use_sa (GwClient *client, guint32 child_id)
{
  GwSa *sa = find_sa (client, child_id);

  if (sa != NULL)
    client->out = sa;
}

void
gw_table_remove_sa (GwTable *table, GwClient *client, guint32 child_id)
{
  GwSa *sa = find_sa (client, child_id);

  if (sa == NULL)
    return;
  if (client->out == sa)
    client->out = NULL;
  g_hash_table_remove (table->spis, GUINT_TO_POINTER (sa->child->spi_in));
  g_ptr_array_remove (client->sas, sa);
}
