/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/gateways.h"

#include "agent/config.h"

#include <string.h>

/* Links change in bursts; the name service need not hear of each. */
#define MIN_INTERVAL_US (2 * ROAM_USEC_PER_SEC)
/* Without an address the question is repeated, more and more rarely. */
#define FIRST_RETRY_US (2 * ROAM_USEC_PER_SEC)
#define LAST_RETRY_US (60 * ROAM_USEC_PER_SEC)
/* With one, an administrator's change is noticed within the hour. */
#define RENEWAL_US (3600 * ROAM_USEC_PER_SEC)

typedef struct
{
  char *name; /* NULL: an address of the profile, or of a redirection */
  RoamAddr addresses[IKE_MAX_GATEWAYS];
  guint n_addresses;
  gint64 asked_us; /* the last time; 0: never */
  gint64 due_us;
  gint64 retry_us; /* wait after the next failure */
  gboolean under_way;
} Place;

struct _AgentGateways
{
  GPtrArray *places; /* of Place, the profile's order */
  Place *redirect;   /* NULL: none */
};

static Place *
place_new (const char *text)
{
  Place *place = g_new0 (Place, 1);

  place->due_us = ROAM_NEVER;
  if (roam_addr_parse (text, &place->addresses[0]))
    {
      place->n_addresses = 1;
      return place;
    }
  place->name = g_strdup (text);
  place->due_us = 0;
  place->retry_us = FIRST_RETRY_US;
  return place;
}

static void
place_free (Place *place)
{
  if (place == NULL)
    return;
  g_free (place->name);
  g_free (place);
}

AgentGateways *
agent_gateways_new (const char *const *names)
{
  AgentGateways *gateways = g_new0 (AgentGateways, 1);

  gateways->places = g_ptr_array_new_with_free_func ((GDestroyNotify)place_free);
  for (guint i = 0; names[i] != NULL; i++)
    g_ptr_array_add (gateways->places, place_new (names[i]));
  return gateways;
}

void
agent_gateways_free (AgentGateways *gateways)
{
  if (gateways == NULL)
    return;
  g_ptr_array_unref (gateways->places);
  place_free (gateways->redirect);
  g_free (gateways);
}

/* ------------------------------------------------------------------------ list ---- */

/* Adds what is not there yet. The new number. */
static guint
add_addresses (const RoamAddr *addresses, guint n_addresses, RoamAddr list[IKE_MAX_GATEWAYS], guint n)
{
  for (guint i = 0; i < n_addresses && n < IKE_MAX_GATEWAYS; i++)
    {
      gboolean known = FALSE;

      for (guint j = 0; j < n && !known; j++)
        known = roam_addr_equal (&list[j], &addresses[i]);
      if (!known)
        list[n++] = addresses[i];
    }
  return n;
}

guint
agent_gateways_get (const AgentGateways *gateways, RoamAddr ret_addresses[IKE_MAX_GATEWAYS])
{
  guint n = 0;

  if (gateways->redirect != NULL)
    n = add_addresses (gateways->redirect->addresses, gateways->redirect->n_addresses, ret_addresses, n);
  for (guint i = 0; i < gateways->places->len; i++)
    {
      const Place *place = gateways->places->pdata[i];

      n = add_addresses (place->addresses, place->n_addresses, ret_addresses, n);
    }
  return n;
}

/* --------------------------------------------------------------------- questions ---- */

/* The profile's places, then the redirection's; NULL after the last. */
static Place *
nth_place (const AgentGateways *gateways, guint i)
{
  if (i < gateways->places->len)
    return gateways->places->pdata[i];
  return i == gateways->places->len ? gateways->redirect : NULL;
}

void
agent_gateways_refresh (AgentGateways *gateways, const RoamNow *now)
{
  Place *place;

  for (guint i = 0; (place = nth_place (gateways, i)) != NULL; i++)
    {
      gint64 from_us = place->asked_us == 0 ? now->boot_us : place->asked_us + MIN_INTERVAL_US;

      if (place->name == NULL || place->under_way)
        continue;
      place->due_us = MIN (place->due_us, MAX (from_us, now->boot_us));
      place->retry_us = FIRST_RETRY_US;
    }
}

const char *
agent_gateways_pop_query (AgentGateways *gateways, const RoamNow *now)
{
  Place *place;

  for (guint i = 0; (place = nth_place (gateways, i)) != NULL; i++)
    {
      if (place->name == NULL || place->under_way || now->boot_us < place->due_us)
        continue;
      place->under_way = TRUE;
      place->asked_us = MAX (now->boot_us, 1);
      place->due_us = ROAM_NEVER;
      return place->name;
    }
  return NULL;
}

/* What no gateway can have is left out: who answers need not be honest. */
static guint
take_addresses (const RoamAddr *addresses, guint n, RoamAddr taken[IKE_MAX_GATEWAYS])
{
  guint n_taken = 0;

  for (guint i = 0; i < n; i++)
    if (agent_config_is_host (&addresses[i]))
      n_taken = add_addresses (&addresses[i], 1, taken, n_taken);
  return n_taken;
}

static gboolean
lists_equal (const RoamAddr *a, guint n_a, const RoamAddr *b, guint n_b)
{
  gboolean equal = n_a == n_b;

  for (guint i = 0; i < n_a && equal; i++)
    equal = roam_addr_equal (&a[i], &b[i]);
  return equal;
}

static void
give_answer (Place *place, const RoamNow *now, const RoamAddr *addresses, guint n)
{
  place->under_way = FALSE;
  if (n == 0)
    {
      place->due_us = now->boot_us + place->retry_us;
      place->retry_us = MIN (2 * place->retry_us, LAST_RETRY_US);
      return;
    }
  memcpy (place->addresses, addresses, n * sizeof addresses[0]);
  place->n_addresses = n;
  place->due_us = now->boot_us + RENEWAL_US;
  place->retry_us = FIRST_RETRY_US;
}

/* More than one place may have the name: a gateway may send to another one of the profile (RFC 5685 3). */
gboolean
agent_gateways_input_answer (AgentGateways *gateways, const RoamNow *now, const char *name, const RoamAddr *addresses,
                             guint n)
{
  RoamAddr before[IKE_MAX_GATEWAYS], after[IKE_MAX_GATEWAYS], taken[IKE_MAX_GATEWAYS];
  guint n_before = agent_gateways_get (gateways, before), n_taken = take_addresses (addresses, n, taken);
  Place *place;

  for (guint i = 0; (place = nth_place (gateways, i)) != NULL; i++)
    if (place->name != NULL && g_ascii_strcasecmp (place->name, name) == 0)
      give_answer (place, now, taken, n_taken);
  return !lists_equal (before, n_before, after, agent_gateways_get (gateways, after));
}

gboolean
agent_gateways_is_waiting (const AgentGateways *gateways)
{
  RoamAddr addresses[IKE_MAX_GATEWAYS];
  const Place *place;

  if (agent_gateways_get (gateways, addresses) > 0)
    return FALSE;
  for (guint i = 0; (place = nth_place (gateways, i)) != NULL; i++)
    if (place->under_way || place->asked_us == 0)
      return TRUE;
  return FALSE;
}

gint64
agent_gateways_next_deadline (const AgentGateways *gateways)
{
  gint64 due_us = ROAM_NEVER;
  const Place *place;

  for (guint i = 0; (place = nth_place (gateways, i)) != NULL; i++)
    if (!place->under_way)
      due_us = roam_deadline_min (due_us, place->due_us);
  return due_us;
}

/* ------------------------------------------------------------------- redirection ---- */

gboolean
agent_gateways_redirect (AgentGateways *gateways, const RoamAddr *address, const char *name)
{
  char text[ROAM_ADDR_STRLEN];
  gboolean has_address = agent_config_is_host (address);

  if (!has_address && !agent_config_is_name (name))
    return FALSE;
  agent_gateways_forget_redirect (gateways);
  gateways->redirect = place_new (has_address ? roam_addr_to_string (address, text) : name);
  return TRUE;
}

void
agent_gateways_forget_redirect (AgentGateways *gateways)
{
  g_clear_pointer (&gateways->redirect, place_free);
}

/* ------------------------------------------------------------------------- cache ---- */

static Place *
find_place (const AgentGateways *gateways, const char *name)
{
  Place *place;

  for (guint i = 0; (place = nth_place (gateways, i)) != NULL; i++)
    if (place->name != NULL && g_ascii_strcasecmp (place->name, name) == 0)
      return place;
  return NULL;
}

/* One line a name: the name, then its addresses, with spaces between. A redirection is not kept (RFC 5685 3). */
char *
agent_gateways_dup_cache (const AgentGateways *gateways)
{
  GString *text = g_string_new (NULL);
  char buffer[ROAM_ADDR_STRLEN];

  for (guint i = 0; i < gateways->places->len; i++)
    {
      const Place *place = gateways->places->pdata[i];

      if (place->name == NULL || place->n_addresses == 0)
        continue;
      g_string_append (text, place->name);
      for (guint j = 0; j < place->n_addresses; j++)
        g_string_append_printf (text, " %s", roam_addr_to_string (&place->addresses[j], buffer));
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}

static void
load_line (AgentGateways *gateways, const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", IKE_MAX_GATEWAYS + 2);
  Place *place = words[0] == NULL ? NULL : find_place (gateways, words[0]);
  RoamAddr addresses[IKE_MAX_GATEWAYS];
  guint n = 0;

  if (place == NULL)
    return;
  for (guint i = 1; words[i] != NULL && n < IKE_MAX_GATEWAYS; i++)
    if (roam_addr_parse (words[i], &addresses[n]))
      n++;
  place->n_addresses = take_addresses (addresses, n, place->addresses);
}

void
agent_gateways_load_cache (AgentGateways *gateways, const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    load_line (gateways, lines[i]);
}
