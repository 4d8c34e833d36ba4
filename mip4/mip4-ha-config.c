/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-ha-private.h"

#include <string.h>

/* What a configuration of the home agent must be (RFC 5944 3.8.1, 5.4). */

static gboolean
is_home_address (const RoamAddr *addr)
{
  return addr->family == ROAM_FAMILY_INET4 && roam_addr_is_specified (addr);
}

static const char *
association_fault (const Mip4SecurityAssociation *association)
{
  if (association->spi < MIP4_SPI_MIN)
    return "SPIs up to 255 are reserved";
  if (association->key == NULL || roam_secret_length (association->key) == 0)
    return "a mobility security association needs a key";
  return NULL;
}

static const char *
more_associations_fault (const Mip4HaConfig *config, const Mip4HaNode *node)
{
  gboolean has_nonces = node->replay == MIP4_REPLAY_NONCE;

  for (guint i = 0; i < node->n_more_mn_ha; i++)
    {
      const char *fault = association_fault (&node->more_mn_ha[i].association);

      if (fault != NULL)
        return fault;
      has_nonces |= node->more_mn_ha[i].replay == MIP4_REPLAY_NONCE;
      if (node->more_mn_ha[i].association.spi == node->mn_ha.spi)
        return "two associations of one node have the same SPI";
    }
  return has_nonces && config->rng == NULL ? "nonces need a random stream" : NULL;
}

static const char *
node_fault (const Mip4HaConfig *config, const Mip4HaNode *node)
{
  const char *fault = association_fault (&node->mn_ha);

  if (fault == NULL)
    fault = more_associations_fault (config, node);
  if (fault != NULL)
    return fault;
  if (node->nai != NULL && (node->nai[0] == '\0' || strlen (node->nai) > MIP4_HA_NAI_MAX))
    return "an NAI has 1 to 255 octets";
  if (roam_addr_is_set (&node->home_address))
    return is_home_address (&node->home_address) ? NULL : "a home address is an IPv4 address";
  if (node->nai == NULL)
    return "a node without home address needs an NAI";
  return roam_addr_is_set (&config->pool_first) ? NULL : "a node without home address needs a pool";
}

static const char *
nodes_fault (const Mip4HaConfig *config)
{
  g_autoptr (GHashTable) addresses = g_hash_table_new (NULL, NULL), nais = g_hash_table_new (g_str_hash, g_str_equal);

  for (gsize i = 0; i < config->n_nodes; i++)
    {
      const Mip4HaNode *node = &config->nodes[i];
      const char *fault = node_fault (config, node);

      if (fault != NULL)
        return fault;
      if (roam_addr_is_set (&node->home_address) &&
          !g_hash_table_add (addresses, GUINT_TO_POINTER (roam_addr_to_u32 (&node->home_address))))
        return "two nodes have the same home address";
      if (node->nai != NULL && !g_hash_table_add (nais, (gpointer)node->nai))
        return "two nodes have the same NAI";
    }
  return NULL;
}

static const char *
pool_fault (const Mip4HaConfig *config)
{
  if (!roam_addr_is_set (&config->pool_first) && !roam_addr_is_set (&config->pool_last))
    return NULL;
  if (!is_home_address (&config->pool_first) || !is_home_address (&config->pool_last) ||
      roam_addr_to_u32 (&config->pool_first) > roam_addr_to_u32 (&config->pool_last))
    return "the pool needs a first and a last IPv4 address";
  return roam_addr_to_u32 (&config->address) >= roam_addr_to_u32 (&config->pool_first) &&
             roam_addr_to_u32 (&config->address) <= roam_addr_to_u32 (&config->pool_last)
           ? "the pool has the home agent's own address in it"
           : NULL;
}

static const char *
fa_ha_fault (const Mip4HaConfig *config)
{
  for (gsize i = 0; i < config->n_fa_ha; i++)
    {
      const char *fault = association_fault (&config->fa_ha[i].association);

      if (fault != NULL)
        return fault;
      if (!is_home_address (&config->fa_ha[i].agent))
        return "a foreign agent is known by an IPv4 address";
    }
  return NULL;
}

const char *
mip4_ha_config_fault (const Mip4HaConfig *config)
{
  const char *text = config->denial_message, *fault;

  if (!is_home_address (&config->address))
    return "the home agent needs an IPv4 address";
  if (roam_addr_is_set (&config->redirect) && !is_home_address (&config->redirect))
    return "nodes are redirected to an IPv4 address";
  if (config->max_simultaneous > MIP4_HA_SIMULTANEOUS_LIMIT)
    return "too many simultaneous bindings of one node";
  if (config->refuse_reverse_tunnel && config->require_reverse_tunnel)
    return "reverse tunnels are required and refused";
  if (text != NULL &&
      (text[0] == '\0' || strlen (text) > MIP4_HA_DENIAL_MESSAGE_MAX || !g_utf8_validate (text, -1, NULL)))
    return "the text of denials is 1 to 200 octets of UTF-8";
  fault = pool_fault (config);
  if (fault == NULL)
    fault = fa_ha_fault (config);
  return fault != NULL ? fault : nodes_fault (config);
}
