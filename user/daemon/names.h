/* SPDX-License-Identifier: Apache-2.0 */
/* Names for the ids in ring records: what the kernel says in numbers, the journal says in words. */
#pragma once

#include <stdint.h>

struct daemon;
struct diag;
struct policy;
struct record_ctx;

int names_up(struct daemon *d, struct diag *diag);
void names_down(struct daemon *d);

/* Context for record_from_event() and record_note(), brought up to date. Never NULL. */
const struct record_ctx *names_ctx(struct daemon *d);

/* Keep the rule places of a policy that leaves force: events of its time are still to come. */
void names_keep_rules(struct daemon *d, const struct policy *old, uint32_t generation);
