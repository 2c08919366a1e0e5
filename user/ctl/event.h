/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of an event record as short text for tables. */
#pragma once

#include <jansson.h>

/* New texts, which the caller frees: NULL without memory, "" when there is nothing. */

/* "python3[1234]" */
char *event_process(const json_t *event);

/* "20.1.2.3:443 my.openai.azure.com", "[fd00::1]:53/udp", "raw socket", or the record's detail. */
char *event_destination(const json_t *event);

/* Borrowed texts: */

/* The matched cgroup, or what an administrator's act was aimed at. */
const char *event_workload(const json_t *event);

/* "deny"; of records that judge nothing their type: "admin". */
const char *event_verdict(const json_t *event);
