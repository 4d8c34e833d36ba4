/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/config.h"

/* The table of the profile's keys: config-rules.c holds it, config.c walks over it. */

typedef enum
{
  AGENT_CONFIG_OPTIONAL,
  AGENT_CONFIG_REQUIRED, /* whenever its group is there */
} AgentConfigPresence;

typedef struct _AgentConfigRule AgentConfigRule;
struct _AgentConfigRule
{
  const char *group, *key;
  AgentConfigPresence presence;
  const char *fallback; /* text of the default; NULL: the field stays as it is */
  gsize offset;         /* of the field in AgentConfig */
  /* Stores @text in @field. FALSE: not allowed, nothing stored. */
  gboolean (*apply) (const AgentConfigRule *rule, const char *text, gpointer field);
  guint32 min, max;         /* numbers */
  const char *const *words; /* enums, in the order of their values */
  const char *allowed;      /* sentence; NULL: made from min, max or words */
};

extern const AgentConfigRule agent_config_rules[];
extern const guint agent_config_n_rules;

/* A unicast IPv4 address of a host. */
gboolean agent_config_is_host4 (const RoamAddr *addr);
/* config-keys.c: rule->max keys at most; rule->min: words before the file name, 2 with an address. */
gboolean agent_config_apply_keys (const AgentConfigRule *rule, const char *text, gpointer field);
/* config-vpn.c: gateways, and the domains of split DNS; rule->max of them at most. */
gboolean agent_config_apply_gateways (const AgentConfigRule *rule, const char *text, gpointer field);
gboolean agent_config_apply_domains (const AgentConfigRule *rule, const char *text, gpointer field);
/* Rules between the keys of [vpn]. */
void agent_config_check_vpn (const AgentConfig *config, AgentConfigProblems *problems);
/* The pieces between ";", white space off, empty ones left out; caller frees. */
char **agent_config_split_list (const char *text);

/* What @rule allows; caller frees. */
char *agent_config_rule_allowed (const AgentConfigRule *rule);
/* NULL when @text is good and stored, else what is allowed (caller frees). */
char *agent_config_rule_apply (const AgentConfigRule *rule, const char *text, AgentConfig *config);
/* Rules between keys. */
void agent_config_check_across (const AgentConfig *config, AgentConfigProblems *problems);
