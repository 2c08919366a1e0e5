/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last denials of each workload, for the workload itself: what GET /why of the broker answers.
 * A short memory, not the journal: a workload cannot make the daemon read the disk.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct why;

#define WHY_WORKLOADS 128 /* the longest silent is forgotten first */
#define WHY_EACH      8
#define WHY_BYTES     1536 /* of one denial; a longer one is told without its hint and chain */

struct why *why_new(void); /* NULL without memory */
void why_free(struct why *w);

/* Take down a record of the journal, if it is a denial (audit too) of a workload; no probe. */
void why_note(struct why *w, const json_t *record);

/*
 * {"denials":[...]}, the newest last; at most WHY_EACH * WHY_BYTES and a little. New string, NULL
 * without memory.
 */
char *why_json(const struct why *w, uint64_t workload, size_t *ret_len);
