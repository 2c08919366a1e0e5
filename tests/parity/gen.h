/* SPDX-License-Identifier: Apache-2.0 */
/* Random policies and questions, dense enough that rules, fences and names collide. */
#pragma once

#include <stdint.h>

#include "parity/oracle.h"

#define GEN_NOW 1900000000 /* Unix seconds at which policies are compiled and judged */

struct rng {
	uint64_t state; /* any number but 0 */
};

uint64_t rng_next(struct rng *r);
/* 0..n-1 */
unsigned rng_below(struct rng *r, unsigned n);

/*
 * A valid document, as text that the caller frees; NULL without memory. The cgroup "/NAME" has the
 * profile NAME, but for selftest.
 */
char *gen_policy(struct rng *r);

/* A question; names are static. */
void gen_case(struct rng *r, const struct policy *p, struct parity_case *ret);

/* A name that questions are about; static. */
const char *gen_name(struct rng *r);
