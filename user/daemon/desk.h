/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's desk for the broker: asks the kernel who called, judges by the policy in force,
 * keeps the record. Tokens never come here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/protocol.h"

struct daemon;
struct diag;

int desk_up(struct daemon *d, struct diag *diag);
void desk_down(struct daemon *d);

/* What the worker says. */
void desk_ask(struct daemon *d, const struct worker_ask *a);
void desk_told(struct daemon *d, const struct worker_told *t);
void desk_gone(struct daemon *d, const struct worker_gone *g);

/* The worker ended: its connections with it. */
void desk_forget(struct daemon *d);

/* Once a second; tell what is held (@all: everything). */
void desk_tick(struct daemon *d, bool all);

enum desk_result { DESK_GRANTED, DESK_REFUSED, DESK_FAILED, DESK_RESULT_COUNT };
extern const char *const desk_result_words[DESK_RESULT_COUNT];

#define DESK_SOURCES_MAX   16
#define DESK_AUDIENCES_MAX 64

/* For metrics and status. */
struct desk_state {
	size_t n_sources;
	struct {
		char source[WORKER_WORD]; /* "" = refused before one was asked */
		uint64_t results[DESK_RESULT_COUNT];
	} sources[DESK_SOURCES_MAX];
	size_t n_audiences;
	struct {
		char audience[ZTA_AUDIENCE_MAX + 1];
		int64_t expires; /* Unix time of the token given last */
	} audiences[DESK_AUDIENCES_MAX];
	uint64_t held; /* records that are folded and not yet told */
};
const struct desk_state *desk_state(struct daemon *d);
