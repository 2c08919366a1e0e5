// SPDX-License-Identifier: Apache-2.0
#include "parity/oracle_names.h"

#include <netinet/in.h>
#include <string.h>
#include <strings.h>

void oracle_bytes(const struct zta_addr *a, struct bytes *ret)
{
	*ret = (struct bytes){ .len = a->family == ZTA_V4 ? 4 : 16 };
	memcpy(ret->b, a->w, ret->len);
}

static bool bit(const uint8_t *b, unsigned n)
{
	return b[n / 8] >> (7 - n % 8) & 1;
}

int oracle_longest(const struct policy_prefixes *v, const struct bytes *a)
{
	int longest = -1;

	for (size_t i = 0; i < v->n; i++) {
		struct bytes net;
		unsigned n = 0;

		oracle_bytes(&v->v[i].addr, &net);
		if (net.len != a->len)
			continue;
		while (n < v->v[i].len && bit(net.b, n) == bit(a->b, n))
			n++;
		if (n == v->v[i].len && (int)n > longest)
			longest = (int)n;
	}
	return longest;
}

int oracle_rank(const char *pattern, const char *name)
{
	size_t n = strlen(name), p = strlen(pattern);
	int labels = 1;

	for (const char *s = pattern; *s; s++)
		labels += *s == '.';
	if (strncmp(pattern, "*.", 2) != 0)
		return strcasecmp(pattern, name) ? -1 : 2 * labels + 1;
	if (n <= p - 1 || strcasecmp(name + n - (p - 1), pattern + 1) != 0)
		return -1;
	return 2 * labels;
}

int oracle_best(const struct policy_names *v, const char *name)
{
	int best = -1;

	for (size_t i = 0; i < v->n; i++)
		if (oracle_rank(v->v[i], name) > best)
			best = oracle_rank(v->v[i], name);
	return best;
}

static bool has_protocol(const struct policy_rule *r, uint8_t proto)
{
	bool tcp_only = r->dest == POLICY_DEST_NAMES && r->action == POLICY_ACTION_ALLOW && r->tls;

	switch (proto) {
	case IPPROTO_TCP:
		return r->protos & ZTA_PROTO_TCP;
	case IPPROTO_UDP:
		return (r->protos & ZTA_PROTO_UDP) && !tcp_only;
	case IPPROTO_ICMP:
		return (r->protos & ZTA_PROTO_ICMP) && !tcp_only;
	default:
		return (r->protos & ZTA_PROTO_OTHER) && !tcp_only;
	}
}

static bool has_port(const struct policy_ports *v, uint16_t port)
{
	for (size_t i = 0; i < v->n; i++)
		if (port >= v->v[i].lo && port <= v->v[i].hi)
			return true;
	return v->n == 0;
}

static bool matches(const struct question *q, const struct policy_rule *r)
{
	return r->expires > q->now && has_protocol(r, q->proto) && has_port(&r->ports, q->port);
}

/* Is @r to be preferred to @old of the same length? */
static bool denies_first(const struct policy_rule *r, const struct policy_rule *old)
{
	return r->action == POLICY_ACTION_DENY && old->action == POLICY_ACTION_ALLOW;
}

/* Length of the rule's prefix that holds the address, -1 = it says nothing of it. */
static int address_rank(const struct question *q, const struct policy_rule *r)
{
	if (r->dest == POLICY_DEST_CIDR && matches(q, r))
		return oracle_longest(&r->cidr, q->addr);
	if (r->dest == POLICY_DEST_PROXY && r->action == POLICY_ACTION_ALLOW &&
	    r->expires > q->now && q->proto == IPPROTO_TCP && has_port(&r->proxy->ports, q->port))
		return oracle_longest(&r->proxy->cidrs, q->addr); /* to ask it, one connects */
	return -1;
}

static const struct policy_rule *by_address(const struct question *q, int *ret_len)
{
	const struct policy_rule *best = NULL;

	*ret_len = -1;
	for (size_t i = 0; i < q->profile->n_rules; i++) {
		const struct policy_rule *r = &q->policy->rules[q->profile->rules[i]];
		int len = address_rank(q, r);

		if (len > *ret_len || (len >= 0 && len == *ret_len && denies_first(r, best))) {
			best = r;
			*ret_len = len;
		}
	}
	return best;
}

/* Of the profile's rules for one name the one with the most specific pattern, denials first. */
static const struct policy_rule *by_name(const struct question *q, const char *name,
					 bool *ret_rebinding)
{
	bool private = oracle_longest(&q->policy->private_ranges, q->addr) >= 0;
	const struct policy_rule *best = NULL;
	int best_rank = -1;
	bool kept = false;

	for (size_t i = 0; i < q->profile->n_rules; i++) {
		const struct policy_rule *r = &q->policy->rules[q->profile->rules[i]];
		int rank = r->dest == POLICY_DEST_NAMES ? oracle_best(&r->names, name) : -1;

		if (rank < 0 || !matches(q, r))
			continue;
		if (r->has_within && oracle_longest(&r->within, q->addr) < 0)
			continue;
		if (private && !r->has_within && r->action == POLICY_ACTION_ALLOW) {
			kept = true;
			continue;
		}
		if (rank > best_rank || (rank == best_rank && denies_first(r, best))) {
			best = r;
			best_rank = rank;
		}
	}
	if (!best && kept)
		*ret_rebinding = true;
	return best;
}

void oracle_rules(const struct question *q, const struct parity_case *c, struct oracle_rule *ret)
{
	int len, host = q->addr->len == 4 ? 32 : 128;

	*ret = (struct oracle_rule){ .rule = by_address(q, &len) };
	for (size_t i = 0; i < c->n_answers; i++) {
		struct zta_addr answered = c->answers[i].addr;
		const struct policy_rule *r;
		struct bytes a;

		oracle_bytes(&answered, &a);
		if (a.len != q->addr->len || memcmp(a.b, q->addr->b, a.len) != 0)
			continue;
		r = by_name(q, c->answers[i].name, &ret->rebinding);
		if (r && (!ret->rule || len < host || denies_first(r, ret->rule))) {
			ret->rule = r;
			len = host;
		}
	}
}

void oracle_class(const struct policy *p, const char *name, struct oracle_class *ret)
{
	int best = oracle_best(&p->ai_public_names, name);

	*ret = (struct oracle_class){ .ai_public = best >= 0 };
	for (size_t i = 0; i < p->n_services; i++) {
		int rank = oracle_best(&p->services[i].names, name);

		if (rank < 0 || rank < best || (rank == best && ret->ai_public))
			continue;
		if (rank > best)
			*ret = (struct oracle_class){};
		ret->services |= 1ULL << i;
		best = rank;
	}
}

bool oracle_may_ask(const struct policy *p, const struct policy_profile *profile, const char *name,
		    int64_t now)
{
	if (oracle_rank("*.in-addr.arpa", name) >= 0 || oracle_rank("*.ip6.arpa", name) >= 0 ||
	    oracle_best(&profile->dns_allow, name) >= 0)
		return true;
	for (size_t i = 0; i < p->n_services; i++)
		if ((profile->all_services || profile->services >> i & 1) &&
		    oracle_best(&p->services[i].names, name) >= 0)
			return true;
	for (size_t i = 0; i < profile->n_rules; i++) {
		const struct policy_rule *r = &p->rules[profile->rules[i]];

		if ((r->dest == POLICY_DEST_NAMES || r->dest == POLICY_DEST_PROXY) &&
		    r->action == POLICY_ACTION_ALLOW && r->expires > now &&
		    oracle_best(&r->names, name) >= 0)
			return true;
	}
	return false;
}

const struct policy_rule *oracle_proxy_rule(const struct question *q, size_t proxy,
					    const char *name)
{
	const struct policy_rule *best = NULL;
	int best_rank = -1;

	for (size_t i = 0; i < q->profile->n_rules; i++) {
		const struct policy_rule *r = &q->policy->rules[q->profile->rules[i]];
		int rank = r->dest == POLICY_DEST_PROXY && r->proxy == &q->policy->proxies[proxy]
				   ? oracle_best(&r->names, name)
				   : -1;

		if (rank < 0 || !matches(q, r))
			continue;
		if (rank > best_rank || (rank == best_rank && denies_first(r, best))) {
			best = r;
			best_rank = rank;
		}
	}
	return best;
}
