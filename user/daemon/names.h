/* SPDX-License-Identifier: Apache-2.0 */
/* Names for the ids in ring records: what the kernel says in numbers, the journal says in words. */
#pragma once

#include <stdint.h>

struct brief_places;
struct daemon;
struct diag;
struct record_ctx;

int names_up(struct daemon *d, struct diag *diag);
void names_down(struct daemon *d);

/* Context for record_from_event() and record_note(), brought up to date. Never NULL. */
const struct record_ctx *names_ctx(struct daemon *d);

/* Takes the rule places of a policy that leaves force: events of its time are still to come. */
void names_keep_places(struct daemon *d, struct brief_places *old, uint32_t generation);
