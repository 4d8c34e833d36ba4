/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/lease-database-io.h"

/* In place of the database clients that this build is without. */

#ifndef HAVE_POSTGRESQL
const LeaseDatabase *
lease_pgsql_get (void)
{
  return NULL;
}
#endif

#ifndef HAVE_MYSQL
const LeaseDatabase *
lease_mysql_get (void)
{
  return NULL;
}
#endif
