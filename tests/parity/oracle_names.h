/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle's own addresses, names and egress rules. */
#pragma once

#include "parity/oracle.h"

struct bytes {
	uint8_t b[16];
	size_t len; /* 4, 16; 0 = none */
};

/* One address of a case. */
struct question {
	const struct policy *policy;
	const struct policy_profile *profile;
	const struct policy_prefixes *resolvers; /* may be NULL */
	const struct bytes *addr;
	int64_t now;
	uint16_t port;
	uint8_t proto;
	uint32_t flags;
};

/* The rule that decides row 14. */
struct oracle_rule {
	const struct policy_rule *rule; /* NULL = none */
	bool rebinding;			/* a names rule would have opened a private address */
};

void oracle_bytes(const struct zta_addr *a, struct bytes *ret);
/* Length of the longest of these prefixes that holds the address, -1 = none does. */
int oracle_longest(const struct policy_prefixes *v, const struct bytes *a);
/* How specific a pattern is that matches the name (more labels, then exactness), -1 = no match. */
int oracle_rank(const char *pattern, const char *name);
/* That of the most specific of these patterns, -1 = none matches. */
int oracle_best(const struct policy_names *v, const char *name);
void oracle_rules(const struct question *q, const struct parity_case *c, struct oracle_rule *ret);

/* What a name is to everyone. */
struct oracle_class {
	uint64_t services; /* bit = index in policy.services */
	bool ai_public;
};
void oracle_class(const struct policy *p, const char *name, struct oracle_class *ret);
/* May a profile with "dns.names": "listed" ask for it? Search suffixes apart. */
bool oracle_may_ask(const struct policy *p, const struct policy_profile *profile, const char *name,
		    int64_t now);
/* The rule about proxies[proxy] that decides a request for NAME:PORT, NULL = none. */
const struct policy_rule *oracle_proxy_rule(const struct question *q, size_t proxy,
					    const char *name);
