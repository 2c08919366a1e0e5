/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's way to the journal, which may be broken: nothing here stops enforcement. */
#pragma once

#include <jansson.h>

#include "audit/record.h"

struct daemon;
struct diag;

/**
 * notes_up() - Open the journal
 *
 * Only a journal that another daemon writes fails the start; for any other reason the daemon goes
 * on without one, unhealthy, counts what is lost and tries again.
 */
int notes_up(struct daemon *d, struct diag *diag);
void notes_down(struct daemon *d);

/* Append a record (its reference is taken; NULL is counted as one lost). */
void notes_put(struct daemon *d, json_t *record);

/* Tell something about policy, an act, or our own life; @members as in record_note(). */
void notes_tell(struct daemon *d, enum record_type type, const char *reason, json_t *members);

/* Once a second. */
void notes_tick(struct daemon *d);
