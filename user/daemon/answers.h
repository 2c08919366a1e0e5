/* SPDX-License-Identifier: Apache-2.0 */
/* What resolvers said of late, for the records that speak of it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct daemon;
struct diag;
struct dns_answer;
struct zta_addr;
struct zta_answer_note;
struct zta_event;

int answers_up(struct daemon *d, struct diag *diag);
void answers_down(struct daemon *d);

/* Keep an answer; the latest of a name, of each type, in each network namespace counts. */
void answers_note(struct daemon *d, const struct zta_answer_note *n);

/**
 * answers_json() - What a record of type dns speaks of
 * @name: asked for, as far as the kernel remembers; may be NULL
 *
 * Return: new reference to {"resolver","question","chain","addresses"}, without what is not known;
 * NULL when nothing is, or without memory.
 */
json_t *answers_json(struct daemon *d, const struct zta_event *e, const char *name);

/* The same object of one answer. @resolver: family 0 = not known. New reference or NULL. */
json_t *answers_object(const struct zta_addr *resolver, const struct dns_answer *a);

/* Is this the first captured answer of the workload? As far as is remembered. */
bool answers_first_captured(struct daemon *d, uint64_t workload);
