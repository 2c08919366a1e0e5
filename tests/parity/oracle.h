/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision table of the contract, read as naively as possible: no tables, no masks, no tries,
 * no order but the rows'. What the compiled decision is compared with.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/explain.h"
#include "policy/policy.h"

#define PARITY_ANSWERS 6

/* One question. */
struct parity_case {
	size_t profile;	      /* index in policy.profiles */
	struct zta_addr addr; /* as called */
	uint16_t port;	      /* 0 for icmp */
	uint8_t proto;
	uint32_t flags; /* ZTA_ASK_* */
	struct explain_answer answers[PARITY_ANSWERS];
	size_t n_answers;
};

struct oracle_world {
	const struct policy *policy;
	const struct policy_prefixes *resolvers; /* beside the policy's own */
	int64_t now;
};

struct oracle_verdict {
	uint8_t verdict, reason, row;
	uint64_t services; /* bit = index in policy.services */
	uint32_t rule;	   /* index in policy.rules, ZTA_RULE_NONE */
	bool carried, weakened;
};

void oracle_judge(const struct oracle_world *w, const struct parity_case *c,
		  struct oracle_verdict *ret);
