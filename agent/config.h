/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/coordinator.h"

/*
 * The profile: one GKeyFile for the administrator. Reading it is strict: an unknown group or key, a
 * value outside its range or a contradiction between two keys is a problem, and all problems are
 * reported at once, one line each, as "FILE: [group] key: found 'x', allowed: ...".
 *
 * config.c is pure (text in, values out); config-io.c reads files.
 */

typedef enum
{
  AGENT_CONFIG_AUTH_PSK,
  AGENT_CONFIG_AUTH_CERTIFICATE,
  AGENT_CONFIG_AUTH_EAP,
} AgentConfigAuth;

typedef enum
{
  AGENT_CONFIG_INSIDE_KEEP,
  AGENT_CONFIG_INSIDE_TEARDOWN,
} AgentConfigInside;

typedef enum
{
  AGENT_CONFIG_NAME_SERVICE_RESOLVED,
  AGENT_CONFIG_NAME_SERVICE_NONE,
} AgentConfigNameService;

/* A further key: "[ADDRESS] SPI FILE [ALGORITHM]". */
typedef struct
{
  RoamAddr peer; /* foreign agent; else unset */
  guint32 spi;
  int algorithm; /* Mip4AuthAlgorithm */
  char *key_file;
  RoamSecret *key; /* NULL before the files are read */
} AgentConfigKey;

void agent_config_key_free (AgentConfigKey *key);

typedef struct
{
  char *file; /* as given; names the profile in messages */

  /* [mobile-ip] */
  RoamPrefix home;
  RoamAddr home_agent;
  char *nai; /* NULL: none */
  guint32 spi;
  int algorithm; /* Mip4AuthAlgorithm */
  char *key_file;
  guint32 lifetime_s;
  gboolean nat_traversal;
  guint32 udp_lifetime_s;
  int foreign_agent; /* CoordinatorAgents */
  gboolean encapsulating_delivery, revocation;
  int replay;                               /* Mip4ReplayStyle */
  char *service;                            /* NULL: the default one */
  GPtrArray *more_keys, *fa_keys, *aaa_key; /* of AgentConfigKey; of the last, one at most */

  /* [trust] */
  guint32 t_monitor_s, monitor_margin_s;
  guint32 detect_timeout_ms, detect_retries, grace_ms;
  guint32 late_rate_s;

  /* [vpn]; has_vpn FALSE: inside only, the rest of the group is at its defaults */
  gboolean has_vpn;
  char **gateways; /* names and addresses, best first; NULL-terminated, at most IKE_MAX_GATEWAYS */
  int dialect;     /* IkeMobilityDialect */
  int nat_policy;  /* IkeNatPolicy */
  gboolean announce_addresses, path_test, redirect, resumption, childless, ocsp, require_revocation;
  char **domains;             /* that the gateway may name for split DNS; empty: none is asked for; "*": any */
  guint32 reauthenticate_s;   /* 0: never */
  char *local_id, *remote_id; /* NULL: see IkeConfig */
  int auth;                   /* AgentConfigAuth */
  char *psk_file, *certificate_file, *private_key_file, *ca_file, *crl_file;
  char *private_key,
    *pin_file;    /* instead of private_key_file: a key in a token (see key-io.h), and its PIN. NULL: none */
  int eap_method; /* IkeEapMethod */
  char *eap_identity, *eap_server_name, *password_file; /* NULL: see IkeConfig */
  char *new_password_file;                              /* NULL: none */
  gboolean eap_only, then_eap;
  char *ppk_file, *ppk_id; /* NULL: none */
  gboolean require_ppk;
  guint32 rekey_ike_s, rekey_child_s;
  char *ike_proposals, *esp_proposals; /* NULL: the engine's list */
  int inside;                          /* AgentConfigInside */
  gboolean mc_refresh, require_mobike;
  guint32 dpd_interval_s, start_delay_ms;

  /* [data] */
  int name_service; /* AgentConfigNameService */
  char *tun_name;
  guint32 mtu; /* 0: computed */
  guint32 hold_packets;
  GArray *exempt; /* of RoamPrefix */

  /* [links] */
  char **ignore; /* globs, NULL-terminated */

  /* What the named files held; NULL before agent_config_load_files(). */
  RoamSecret *mn_ha_key, *psk, *private_key_pem, *password, *new_password, *ppk, *pin;
  GArray *ha_associations, *fa_associations; /* of Mip4MnHaAssociation and Mip4MnFaAssociation, from the keys above */
  GBytes *certificate_pem, *ca_pem, *crl;
} AgentConfig;

/* Collects problems; the order of discovery is the order of the report. */
typedef struct
{
  char *file;
  GPtrArray *lines; /* of char* */
} AgentConfigProblems;

AgentConfigProblems *agent_config_problems_new (const char *file);
void agent_config_problems_free (AgentConfigProblems *problems);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AgentConfigProblems, agent_config_problems_free)
/* @key NULL: the whole group; @group NULL: the whole file. @found NULL: "nothing". */
void agent_config_problems_add (AgentConfigProblems *problems, const char *group, const char *key, const char *found,
                                const char *allowed_format, ...) G_GNUC_PRINTF (5, 6);

/*
 * Parses @text (the contents of @file, which is only a name here). Returns NULL when anything was
 * wrong, and then @problems has at least one line more. The secrets are not read.
 */
AgentConfig *agent_config_parse (const char *file, const char *text, gsize length, AgentConfigProblems *problems);
void agent_config_free (AgentConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AgentConfig, agent_config_free)

/*
 * Contents of the MN-HA key file: hex digits, white space ignored, at least 128 bit (R5266-SEC-003).
 * NULL and a sentence in @ret_allowed (static) when they are not good. The octets of the file never
 * appear in a message.
 */
RoamSecret *agent_config_parse_hex_key (const guint8 *data, gsize length, const char **ret_allowed);
/* First line of the file is the secret, or its hex digits after "0x". */
RoamSecret *agent_config_parse_psk (const guint8 *data, gsize length, const char **ret_allowed);
/* First line of the file, in UTF-8. */
RoamSecret *agent_config_parse_password (const guint8 *data, gsize length, const char **ret_allowed);
/* As the psk, but of 256 bit at least (RFC 8784 6). */
RoamSecret *agent_config_parse_ppk (const guint8 *data, gsize length, const char **ret_allowed);

/* The value "ask" of psk-file and password-file: a person gives the secret when it is wanted. */
gboolean agent_config_is_asked (const char *file);
/* A host's name as in RFC 1123 2.1, not all of it a number. */
gboolean agent_config_is_name (const char *text);
/* A unicast address of a host, of either family, that other hosts can reach. */
gboolean agent_config_is_host (const RoamAddr *addr);

/*
 * What is allowed and unwise (RFC 7296 2.15, 5), one sentence each; of char*, caller unrefs. After the files
 * are read.
 */
GPtrArray *agent_config_dup_warnings (const AgentConfig *config);

/* Makes the associations of the keys, once their files are read. */
void agent_config_make_associations (AgentConfig *config);

/* The engines' own configurations; strings, secrets and arrays are borrowed from @config. */
void agent_config_get_coordinator (const AgentConfig *config, CoordinatorConfig *ret_config);
void agent_config_get_mip4 (const AgentConfig *config, Mip4MnConfig *ret_config);
void agent_config_get_discovery (const AgentConfig *config, Mip4DiscoveryConfig *ret_config);
void agent_config_get_ike (const AgentConfig *config, IkeConfig *ret_config);
void agent_config_get_gate (const AgentConfig *config, TunnelGateConfig *ret_config);

/* ------------------------------------------------------------ config-io.c ---- */

/*
 * Reads and checks @file and every file it names. Relative names are looked up in
 * @credentials_directory (nullable; systemd's), then beside @file. Secrets must be regular files of
 * the caller or root that nobody else may read (R5266-SEC-004).
 */
AgentConfig *agent_config_load (const char *file, const char *credentials_directory, AgentConfigProblems *problems);
