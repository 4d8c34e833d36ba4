/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

#include <string.h>

/* What the node is configured with: checks, copies, and the choice of security associations (RFC 5944 3.2). */

/* RFC 5944 5.4: keys of at least 128 bits. */
#define KEY_MIN 16u
/* More associations than an administrator would share with one node. */
#define ASSOCIATIONS_MAX 16u

static gboolean
is_good_association (const Mip4SecurityAssociation *association)
{
  return association->spi >= MIP4_SPI_MIN && association->key != NULL &&
         roam_secret_length (association->key) >= KEY_MIN;
}

static const char *
association_fault (const Mip4MnConfig *config)
{
  if (!is_good_association (&config->mn_ha))
    return "the MN-HA association needs an SPI above 255 and a key of 16 octets or more";
  if (config->n_more_mn_ha > ASSOCIATIONS_MAX || config->n_mn_fa > ASSOCIATIONS_MAX)
    return "too many security associations";
  for (guint i = 0; i < config->n_more_mn_ha; i++)
    if (!is_good_association (&config->more_mn_ha[i].association))
      return "an MN-HA association needs an SPI above 255 and a key of 16 octets or more";
  for (guint i = 0; i < config->n_mn_fa; i++)
    if (!is_good_association (&config->mn_fa[i].association) || config->mn_fa[i].agent.family != ROAM_FAMILY_INET4)
      return "an MN-FA association needs the agent's address, an SPI above 255 and a key of 16 octets or more";
  /* D-33: the SPIs up to 255, CHAP_SPI among them, stand for algorithms that are not implemented. */
  if (config->mn_aaa.key != NULL && !is_good_association (&config->mn_aaa))
    return "the MN-AAA association needs an SPI above 255 and a key of 16 octets or more";
  return NULL;
}

static gboolean
is_all_zero_or_one (const RoamAddr *addr)
{
  guint32 value = roam_addr_to_u32 (addr);

  return value == 0 || value == G_MAXUINT32;
}

const char *
mip4_mn_config_fault (const Mip4MnConfig *config)
{
  if (config->home_agent.family != ROAM_FAMILY_INET4)
    return "the home agent's address is no IPv4 address";
  if (config->home_address.family == ROAM_FAMILY_INET6)
    return "the home address is no IPv4 address";
  if (config->nai != NULL && (config->nai[0] == '\0' || strlen (config->nai) > G_MAXUINT8))
    return "the NAI is not of 1 to 255 octets";
  /* RFC 2794 2: nothing would identify the node. */
  if (!roam_addr_is_specified (&config->home_address) && config->nai == NULL)
    return "without a home address there must be an NAI";
  if (is_all_zero_or_one (&config->home_agent) &&
      (config->nai == NULL || config->requested_home_agent.family != ROAM_FAMILY_INET4 ||
       is_all_zero_or_one (&config->requested_home_agent)))
    return "to have a home agent assigned there must be an NAI and the address of one to ask";
  if (config->home_prefix_length > 32)
    return "the home network's prefix is longer than 32 bits";
  if (config->service != NULL && (config->service[0] == '\0' || strlen (config->service) > G_MAXUINT8 ||
                                  !g_utf8_validate (config->service, -1, NULL)))
    return "the service is not of 1 to 255 octets of UTF-8";
  return association_fault (config);
}

static Mip4SecurityAssociation
ref_association (const Mip4SecurityAssociation *association)
{
  Mip4SecurityAssociation copy = *association;

  if (copy.key != NULL)
    copy.key = roam_secret_ref (copy.key);
  return copy;
}

void
mip4_mn_take_config (Mip4Mn *mn, const Mip4MnConfig *config)
{
  Mip4MnHaAssociation first = { ROAM_ADDR_NONE, ref_association (&config->mn_ha), config->replay };
  Mip4MnFaAssociation *mn_fa;

  mn->config = *config;
  mn->config.nai = g_strdup (config->nai);
  mn->config.service = g_strdup (config->service);
  mn->config.mn_aaa = ref_association (&config->mn_aaa);
  mn->associations = g_array_new (FALSE, FALSE, sizeof (Mip4MnHaAssociation));
  g_array_append_val (mn->associations, first);
  for (guint i = 0; i < config->n_more_mn_ha; i++)
    {
      Mip4MnHaAssociation more = config->more_mn_ha[i];

      more.association = ref_association (&more.association);
      g_array_append_val (mn->associations, more);
    }
  mn->config.more_mn_ha = NULL;
  mn_fa = g_memdup2 (config->mn_fa, config->n_mn_fa * sizeof *mn_fa);
  for (guint i = 0; i < config->n_mn_fa; i++)
    mn_fa[i].association = ref_association (&mn_fa[i].association);
  mn->config.mn_fa = mn_fa;
  mn->home_address = config->home_address;
  mn->home_agent = config->home_agent;
}

void
mip4_mn_clear_config (Mip4Mn *mn)
{
  for (guint i = 0; i < mn->associations->len; i++)
    roam_secret_unref (g_array_index (mn->associations, Mip4MnHaAssociation, i).association.key);
  g_array_unref (mn->associations);
  for (guint i = 0; i < mn->config.n_mn_fa; i++)
    roam_secret_unref (mn->config.mn_fa[i].association.key);
  g_free ((Mip4MnFaAssociation *)mn->config.mn_fa);
  g_clear_pointer (&mn->config.mn_aaa.key, roam_secret_unref);
  g_free ((char *)mn->config.nai);
  g_free ((char *)mn->config.service);
}

gboolean
mip4_mn_is_unicast (const Mip4Mn *mn, const RoamAddr *addr)
{
  guint32 value = roam_addr_to_u32 (addr), host_bits;
  guint8 length = mn->config.home_prefix_length;

  /* Multicast and reserved addresses start at 224.0.0.0; 0/8 and 127/8 name no other node. */
  if (addr->family != ROAM_FAMILY_INET4 || value >= 0xe0000000u || value >> 24 == 0 || value >> 24 == 127)
    return FALSE;
  if (length == 0 || length >= 31 || !roam_addr_is_specified (&mn->home_address))
    return TRUE;
  host_bits = G_MAXUINT32 >> length;
  return value != (roam_addr_to_u32 (&mn->home_address) | host_bits);
}

static gboolean
names_home_agent (const Mip4Mn *mn, const RoamAddr *home_agent)
{
  for (guint i = 0; i < mn->associations->len; i++)
    if (roam_addr_equal (&g_array_index (mn->associations, Mip4MnHaAssociation, i).home_agent, home_agent))
      return TRUE;
  return FALSE;
}

static gboolean
is_shared_with (const Mip4Mn *mn, const Mip4MnHaAssociation *association, const RoamAddr *home_agent)
{
  if (roam_addr_is_set (&association->home_agent))
    return roam_addr_equal (&association->home_agent, home_agent);
  return roam_addr_equal (&mn->config.home_agent, home_agent) || !names_home_agent (mn, home_agent);
}

guint
mip4_mn_next_association (const Mip4Mn *mn, const RoamAddr *home_agent, guint from)
{
  while (from < mn->associations->len &&
         !is_shared_with (mn, &g_array_index (mn->associations, Mip4MnHaAssociation, from), home_agent))
    from++;
  return from;
}

const Mip4MnHaAssociation *
mip4_mn_find_association (const Mip4Mn *mn, const RoamAddr *home_agent, guint32 spi)
{
  for (guint i = mip4_mn_next_association (mn, home_agent, 0); i < mn->associations->len;
       i = mip4_mn_next_association (mn, home_agent, i + 1))
    {
      const Mip4MnHaAssociation *association = &g_array_index (mn->associations, Mip4MnHaAssociation, i);

      if (association->association.spi == spi)
        return association;
    }
  return NULL;
}

const Mip4SecurityAssociation *
mip4_mn_find_agent_association (const Mip4Mn *mn, const RoamAddr *agent)
{
  for (guint i = 0; i < mn->config.n_mn_fa; i++)
    if (roam_addr_equal (&mn->config.mn_fa[i].agent, agent))
      return &mn->config.mn_fa[i].association;
  return NULL;
}
