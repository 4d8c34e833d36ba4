/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detect/detect.h"

#include <string.h>

/* ARP packets, octet by octet. */

static const guint8 own_mac[6] = { 2, 0, 0, 0, 0, 0x11 };
static const guint8 agent_mac[6] = { 2, 0, 0, 0, 0, 0x22 };

/* covers: MIP-HOM-007 */
static void
test_gratuitous (void)
{
  static const guint8 octets[28] = { 0,  1, 8, 0,   6, 4, 0, 1, 2, 0, 0,  0, 0, 0x11,
                                     10, 1, 0, 100, 0, 0, 0, 0, 0, 0, 10, 1, 0, 100 };
  const RoamAddr home = roam_addr_from_u32 (0x0a010064);
  const DetectArp arp = detect_arp_gratuitous (own_mac, &home);
  g_autoptr (GBytes) built = detect_arp_build (&arp);

  g_assert_cmpmem (g_bytes_get_data (built, NULL), g_bytes_get_size (built), octets, sizeof octets);
}

/* The engine alone; no program uses it yet: MIP-DNA-004 */
static void
test_test (void)
{
  static const guint8 octets[28] = { 0,  1, 8, 0,  6, 4, 0, 1, 2, 0, 0,  0, 0, 0x11,
                                     10, 5, 0, 50, 0, 0, 0, 0, 0, 0, 10, 5, 0, 1 };
  const RoamAddr candidate = roam_addr_from_u32 (0x0a050032), node = roam_addr_from_u32 (0x0a050001);
  const DetectArp arp = detect_arp_test (own_mac, &candidate, &node);
  g_autoptr (GBytes) built = detect_arp_build (&arp);

  g_assert_cmpmem (g_bytes_get_data (built, NULL), g_bytes_get_size (built), octets, sizeof octets);
}

static void
test_parse (void)
{
  static const guint8 octets[28] = { 0,  1, 8, 0, 6, 4, 0, 2, 2, 0,    0,  0, 0, 0x22,
                                     10, 5, 0, 1, 2, 0, 0, 0, 0, 0x11, 10, 5, 0, 50 };
  static const guint8 wrong[] = { 1, 3, 4, 5, 7 };
  DetectArp arp = { 0 };
  g_autoptr (GBytes) built = NULL;

  g_assert_true (detect_arp_parse (octets, sizeof octets, &arp));
  g_assert_cmpint (arp.operation, ==, DETECT_ARP_REPLY);
  g_assert_cmpmem (arp.sender_mac, 6, agent_mac, 6);
  g_assert_cmphex (roam_addr_to_u32 (&arp.sender), ==, 0x0a050001);
  g_assert_cmpmem (arp.target_mac, 6, own_mac, 6);
  g_assert_cmphex (roam_addr_to_u32 (&arp.target), ==, 0x0a050032);
  built = detect_arp_build (&arp);
  g_assert_cmpmem (g_bytes_get_data (built, NULL), g_bytes_get_size (built), octets, sizeof octets);
  for (gsize length = 0; length < sizeof octets; length++)
    {
      g_autofree guint8 *copy = g_memdup2 (octets, length);

      g_assert_false (detect_arp_parse (copy, length, &arp));
    }
  /* Another hardware, protocol, length or operation. */
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      guint8 copy[28];

      memcpy (copy, octets, sizeof copy);
      copy[wrong[i]] += 5;
      g_assert_false (detect_arp_parse (copy, sizeof copy, &arp));
    }
}

/* covers: MIP-HOM-012 */
static void
test_answer (void)
{
  const RoamAddr home = roam_addr_from_u32 (0x0a010064), agent = roam_addr_from_u32 (0x0a050001);
  const RoamAddr other = roam_addr_from_u32 (0x0a050032), none = ROAM_ADDR_NONE;
  const DetectArp request = detect_arp_test (agent_mac, &agent, &home);
  DetectArp changed, reply = { 0 };

  g_assert_true (detect_arp_answer (&request, own_mac, own_mac, &home, agent_mac, &reply));
  g_assert_cmpint (reply.operation, ==, DETECT_ARP_REPLY);
  g_assert_cmpmem (reply.sender_mac, 6, own_mac, 6);
  g_assert_true (roam_addr_equal (&reply.sender, &home));
  g_assert_cmpmem (reply.target_mac, 6, agent_mac, 6);
  g_assert_true (roam_addr_equal (&reply.target, &agent));
  /* Broadcast, of someone else, for something else, no request, no home address. */
  g_assert_false (detect_arp_answer (&request, detect_mac_broadcast, own_mac, &home, agent_mac, &reply));
  g_assert_false (detect_arp_answer (&request, own_mac, own_mac, &home, own_mac, &reply));
  g_assert_false (detect_arp_answer (&request, own_mac, own_mac, &other, agent_mac, &reply));
  g_assert_false (detect_arp_answer (&request, own_mac, own_mac, &none, agent_mac, &reply));
  changed = request;
  changed.operation = DETECT_ARP_REPLY;
  g_assert_false (detect_arp_answer (&changed, own_mac, own_mac, &home, agent_mac, &reply));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/detect/arp/gratuitous", test_gratuitous);
  g_test_add_func ("/detect/arp/test", test_test);
  g_test_add_func ("/detect/arp/parse", test_parse);
  g_test_add_func ("/detect/arp/answer", test_answer);
  return g_test_run ();
}
