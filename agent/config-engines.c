/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/config.h"

void
agent_config_get_coordinator (const AgentConfig *config, CoordinatorConfig *ret_config)
{
  coordinator_config_init (ret_config);
  ret_config->home = config->home;
  ret_config->home_agent = config->home_agent;
  ret_config->has_vpn = config->has_vpn;
  ret_config->detect_timeout_us = config->detect_timeout_ms * ROAM_USEC_PER_MSEC;
  ret_config->detect_retries = config->detect_retries;
  ret_config->grace_us = config->grace_ms * ROAM_USEC_PER_MSEC;
  ret_config->vpn_delay_us = config->start_delay_ms * ROAM_USEC_PER_MSEC;
  ret_config->t_monitor_us = config->t_monitor_s * ROAM_USEC_PER_SEC;
  ret_config->monitor_margin_us = config->monitor_margin_s * ROAM_USEC_PER_SEC;
  ret_config->late_rate_us = config->late_rate_s * ROAM_USEC_PER_SEC;
  ret_config->vpn_inside_keep = config->inside == AGENT_CONFIG_INSIDE_KEEP;
  ret_config->mc_refresh = config->mc_refresh;
  ret_config->udp_encap = TRUE;
  ret_config->agents = (CoordinatorAgents)config->foreign_agent;
}

void
agent_config_get_mip4 (const AgentConfig *config, Mip4MnConfig *ret_config)
{
  *ret_config = (Mip4MnConfig){
    .home_address = config->home.addr,
    .home_agent = config->home_agent,
    .nai = config->nai,
    .mn_ha = { .spi = config->spi, .algorithm = (Mip4AuthAlgorithm)config->algorithm, .key = config->mn_ha_key },
    .lifetime_s = (guint16)config->lifetime_s,
    .reverse_tunnel = TRUE,
    .nat_traversal = config->nat_traversal,
    .replay = (Mip4ReplayStyle)config->replay,
    .service = config->service,
    .home_prefix_length = config->home.length,
    .udp_lifetime_s = (guint16)config->udp_lifetime_s,
    .revocation = config->revocation,
    .encapsulating_delivery = config->encapsulating_delivery,
  };
  if (config->ha_associations != NULL)
    {
      ret_config->more_mn_ha = (const Mip4MnHaAssociation *)(gconstpointer)config->ha_associations->data;
      ret_config->n_more_mn_ha = config->ha_associations->len;
    }
  if (config->fa_associations != NULL)
    {
      ret_config->mn_fa = (const Mip4MnFaAssociation *)(gconstpointer)config->fa_associations->data;
      ret_config->n_mn_fa = config->fa_associations->len;
    }
  if (config->aaa_key->len > 0)
    {
      const AgentConfigKey *aaa = config->aaa_key->pdata[0];

      ret_config->mn_aaa =
        (Mip4SecurityAssociation){ .spi = aaa->spi, .algorithm = (Mip4AuthAlgorithm)aaa->algorithm, .key = aaa->key };
    }
}

void
agent_config_get_discovery (const AgentConfig *config, Mip4DiscoveryConfig *ret_config)
{
  *ret_config = (Mip4DiscoveryConfig){
    .home_address = config->home.addr,
    .home_agent = config->home_agent,
    .solicit = config->foreign_agent != COORDINATOR_AGENTS_NEVER,
    .require_ttl_1 = TRUE,
  };
}

void
agent_config_get_ike (const AgentConfig *config, IkeConfig *ret_config)
{
  *ret_config = (IkeConfig){
    .mobility = (IkeMobilityDialect)config->dialect,
    .nat_policy = (IkeNatPolicy)config->nat_policy,
    .announce_addresses = config->announce_addresses,
    .path_test_off = !config->path_test,
    .local_id = config->local_id,
    .remote_id = config->remote_id,
    .method = (IkeAuthMethod)config->auth,
    .psk = config->psk,
    .certificate_pem = config->certificate_pem,
    .private_key_pem = config->private_key_pem,
    .external_key = config->private_key != NULL,
    .ca_pem = config->ca_pem,
    .crl = config->crl,
    .eap_method = (IkeEapMethod)config->eap_method,
    .eap_identity = config->eap_identity,
    .eap_password = config->password,
    .eap_new_password = config->new_password,
    .eap_server_name = config->eap_server_name,
    .eap_only = config->eap_only,
    .then_eap = config->then_eap,
    .ppk = config->ppk,
    .ppk_id = config->ppk_id,
    .require_ppk = config->require_ppk,
    .rekey_ike_us = config->rekey_ike_s * ROAM_USEC_PER_SEC,
    .rekey_child_us = config->rekey_child_s * ROAM_USEC_PER_SEC,
    .ike_proposals = config->ike_proposals,
    .esp_proposals = config->esp_proposals,
    .request_tia4 = TRUE,
    .refused_inner = (const RoamPrefix *)(gconstpointer)config->exempt->data,
    .n_refused_inner = config->exempt->len,
    .request_dns = TRUE,
    .force_udp_encap = TRUE,
    .require_mobike = config->require_mobike,
    .dpd_interval_us = config->dpd_interval_s * ROAM_USEC_PER_SEC,
    .check_ocsp = config->ocsp,
    .require_revocation = config->require_revocation,
    .childless = config->childless,
    .request_ticket = config->resumption,
    .accept_redirect = config->redirect,
    .request_domains = config->domains[0] != NULL,
  };
  for (guint i = 0; config->has_vpn && config->gateways[i] != NULL; i++)
    if (roam_addr_parse (config->gateways[i], &ret_config->gateway))
      break;
  /* A name that was only resolved proves nothing: the gateway's certificate must have it. */
  if (config->has_vpn && config->remote_id == NULL && agent_config_is_name (config->gateways[0]))
    ret_config->remote_id = config->gateways[0];
  if (ret_config->request_domains && !g_str_equal (config->domains[0], "*"))
    ret_config->domains = (const char *const *)config->domains;
}

void
agent_config_get_gate (const AgentConfig *config, TunnelGateConfig *ret_config)
{
  *ret_config = (TunnelGateConfig){ .home_address = config->home.addr, .home_agent = config->home_agent };
  g_strlcpy (ret_config->tun_name, config->tun_name, sizeof ret_config->tun_name);
  for (guint i = 0; config->has_vpn && config->gateways[i] != NULL; i++)
    if (roam_addr_parse (config->gateways[i], &ret_config->gateways[ret_config->n_gateways]))
      ret_config->n_gateways++;
  for (guint i = 0; i < config->exempt->len && i < G_N_ELEMENTS (ret_config->exempt); i++)
    ret_config->exempt[ret_config->n_exempt++] = g_array_index (config->exempt, RoamPrefix, i);
}
