// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * Every question is answered by reading the model from the start: each row is the sentence of the
 * contract, over all services, all rules, all patterns. Addresses are bytes, names are strings.
 * Nothing here is shared with the compiler or with zta_decide.h but the numbers of verdicts,
 * reasons and flags.
 */
#include "parity/oracle.h"

#include <netinet/in.h>
#include <string.h>

#include "parity/oracle_names.h"
#include "zta_decide_types.h"

static bool in_prefixes(const struct policy_prefixes *v, const struct bytes *a)
{
	return oracle_longest(v, a) >= 0;
}

static bool is_v4(const struct bytes *a, unsigned b0, unsigned b1, unsigned b2, unsigned b3)
{
	return a->len == 4 && a->b[0] == b0 && a->b[1] == b1 && a->b[2] == b2 && a->b[3] == b3;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	while (n && !p[n - 1])
		n--;
	return n == 0;
}

static bool is_loopback(const struct bytes *a)
{
	return a->len == 4 ? a->b[0] == 127 : all_zero(a->b, 15) && a->b[15] == 1;
}

/* The address as it is judged, and the IPv4 address inside it (length 0 = none). */
static void normalise(const struct zta_addr *called, struct bytes *a, struct bytes *inside)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

	oracle_bytes(called, a);
	*inside = (struct bytes){};
	if (a->len == 4)
		return;
	if (!memcmp(a->b, mapped, 12)) {
		memmove(a->b, a->b + 12, 4);
		a->len = 4;
		return;
	}
	if (all_zero(a->b, 12) && !(all_zero(a->b, 15) && a->b[15] <= 1)) {
		memcpy(inside->b, a->b + 12, 4);
	} else if (!memcmp(a->b, nat64, 12)) {
		memcpy(inside->b, a->b + 12, 4);
	} else if (a->b[0] == 0x20 && a->b[1] == 0x02) {
		memcpy(inside->b, a->b + 2, 4);
	} else if (a->b[0] == 0x20 && a->b[1] == 0x01 && all_zero(a->b + 2, 2)) {
		for (int i = 0; i < 4; i++)
			inside->b[i] = a->b[12 + i] ^ 0xff;
	} else {
		return;
	}
	inside->len = 4;
}

/* What the answers of one case say about one address. */
struct known {
	uint64_t named, outside; /* services */
	bool any, ai, other;	 /* other: a name that is neither's, for this profile */
	bool lifted;		 /* an ai_public_allow covers one of the names */
};

static void learn_service(const struct question *q, size_t service, struct known *k)
{
	const struct policy_service *s = &q->policy->services[service];

	if (in_prefixes(&s->private_link, q->addr))
		k->named |= 1ULL << service;
	else
		k->outside |= 1ULL << service;
}

static void learn(const struct question *q, const char *name, struct known *k)
{
	const struct policy *p = q->policy;
	int ai = oracle_best(&p->ai_public_names, name), best = ai, own = -1;

	for (size_t i = 0; i < p->n_services; i++)
		if (oracle_best(&p->services[i].names, name) > best)
			best = oracle_best(&p->services[i].names, name);
	for (size_t i = 0; i < q->profile->n_rules; i++) {
		const struct policy_rule *r = &p->rules[q->profile->rules[i]];

		if (r->dest == POLICY_DEST_NAMES && r->expires > q->now &&
		    oracle_best(&r->names, name) > own)
			own = oracle_best(&r->names, name);
	}
	k->any = true;
	if (best < 0 || own > best)
		k->other = true;
	if (best >= 0 && ai == best)
		k->ai = true;
	for (size_t i = 0; best >= 0 && ai != best && i < p->n_services; i++)
		if (oracle_best(&p->services[i].names, name) == best)
			learn_service(q, i, k);
	for (size_t i = 0; i < q->profile->n_ai_allow; i++)
		if (q->profile->ai_allow[i].expires > q->now &&
		    oracle_rank(q->profile->ai_allow[i].name, name) >= 0)
			k->lifted = true;
}

static uint64_t services_of(const struct question *q)
{
	uint64_t all = q->policy->n_services == 64 ? UINT64_MAX
						   : (1ULL << q->policy->n_services) - 1;

	return q->profile->all_services ? all : q->profile->services;
}

static bool is(const struct policy_profile *p, const char *name)
{
	return p->builtin && !strcmp(p->name, name);
}

static void say(struct oracle_verdict *v, uint8_t verdict, uint8_t reason, uint8_t row)
{
	v->verdict = verdict;
	v->reason = reason;
	v->row = row;
}

static bool has_port(const struct policy_ports *v, uint16_t port)
{
	for (size_t i = 0; i < v->n; i++)
		if (port >= v->v[i].lo && port <= v->v[i].hi)
			return true;
	return v->n == 0;
}

static bool is_resolver(const struct question *q)
{
	return in_prefixes(&q->policy->resolvers, q->addr) ||
	       (q->resolvers && in_prefixes(q->resolvers, q->addr));
}

/* Rows 9 to 12. Returns whether one of them applies. */
static bool inside_fence(const struct question *q, const struct known *k, struct oracle_verdict *v)
{
	uint64_t c = k->named, own, open = 0, lenient = 0;

	for (size_t i = 0; !k->named && i < q->policy->n_services; i++)
		if (q->policy->services[i].dedicated &&
		    in_prefixes(&q->policy->services[i].private_link, q->addr))
			c |= 1ULL << i;
	if (!c)
		return false;
	v->services = c;
	own = c & services_of(q);
	if (!own) {
		say(v, ZTA_VERDICT_DENY, ZTA_REASON_SERVICE_NOT_ALLOWED, 9);
		return true;
	}
	for (size_t i = 0; i < q->policy->n_services; i++) {
		const struct policy_service *s = &q->policy->services[i];
		bool require = s->require_resolution < 0 ? q->profile->require_resolution
							 : s->require_resolution;

		if (!(own & 1ULL << i))
			continue;
		if (q->proto == IPPROTO_ICMP || (q->port && has_port(&s->ports, q->port)))
			open |= 1ULL << i;
		if ((open & 1ULL << i) && !require)
			lenient |= 1ULL << i;
	}
	v->services = own;
	if (!is(q->profile, "host")) {
		if (!open) {
			say(v, ZTA_VERDICT_DENY, ZTA_REASON_PORT_NOT_ALLOWED, 10);
			return true;
		}
		v->services = open;
		if (!lenient && !(open & k->named) && !(q->flags & ZTA_ASK_ADOPTED)) {
			say(v, ZTA_VERDICT_DENY, ZTA_REASON_NOT_RESOLVED, 11);
			return true;
		}
	}
	v->services = open ? open : own;
	say(v, ZTA_VERDICT_ALLOW, ZTA_REASON_PRIVATE_LINK, 12);
	return true;
}

static bool row_13(const struct question *q, const struct known *k, struct oracle_verdict *v)
{
	uint64_t enforced = services_of(q), outside;

	for (size_t i = 0; i < q->policy->n_services; i++)
		if (q->policy->services[i].enforce_everyone)
			enforced |= 1ULL << i;
	if (is(q->profile, "selftest"))
		enforced = 0;
	if (k->lifted)
		return false;
	if (in_prefixes(&q->policy->ai_public_cidrs, q->addr)) {
		say(v, ZTA_VERDICT_DENY, ZTA_REASON_AI_PUBLIC, 13);
		return true;
	}
	outside = k->outside & enforced;
	if (k->other || (k->outside & ~enforced) || (!k->ai && !outside))
		return false;
	v->services = outside;
	say(v, ZTA_VERDICT_DENY, k->ai ? ZTA_REASON_AI_PUBLIC : ZTA_REASON_RESOLVES_PUBLIC, 13);
	return true;
}

static void row_5(const struct question *q, struct oracle_verdict *v)
{
	if (q->profile->imds == POLICY_IMDS_ALLOW)
		say(v, ZTA_VERDICT_ALLOW, ZTA_REASON_IMDS_ALLOW, 5);
	else if (q->profile->imds == POLICY_IMDS_BROKER && (q->flags & ZTA_ASK_BROKER) &&
		 q->proto == IPPROTO_TCP && q->port == 80)
		say(v, ZTA_VERDICT_REDIRECT, ZTA_REASON_IMDS_BROKER, 5);
	else
		say(v, ZTA_VERDICT_DENY, ZTA_REASON_IMDS, 5);
}

static void rows_14_to_16(const struct question *q, const struct oracle_rule *win,
			  struct oracle_verdict *v)
{
	bool private = in_prefixes(&q->policy->private_ranges, q->addr);

	if (win->rule) {
		bool allow = win->rule->action == POLICY_ACTION_ALLOW;

		v->rule = (uint32_t)(win->rule - q->policy->rules);
		say(v, allow ? ZTA_VERDICT_ALLOW : ZTA_VERDICT_DENY,
		    allow ? ZTA_REASON_EGRESS_RULE_ALLOW : ZTA_REASON_EGRESS_RULE, 14);
	} else if (q->profile->egress_allow) {
		say(v, ZTA_VERDICT_ALLOW, ZTA_REASON_DEFAULT, 15);
	} else if (win->rebinding) {
		say(v, ZTA_VERDICT_DENY, ZTA_REASON_REBINDING, 16);
	} else {
		say(v, ZTA_VERDICT_DENY,
		    private ? ZTA_REASON_PRIVATE_EGRESS : ZTA_REASON_PUBLIC_EGRESS, 16);
	}
}

static void rows(const struct question *q, const struct known *k, const struct oracle_rule *win,
		 struct oracle_verdict *v)
{
	const struct policy_profile *p = q->profile;
	bool imds = is_v4(q->addr, 169, 254, 169, 254), wire = is_v4(q->addr, 168, 63, 129, 16);
	bool closed = !p->egress_allow,
	     tcp_udp = q->proto == IPPROTO_TCP || q->proto == IPPROTO_UDP;
	bool dns = tcp_udp && q->port == 53, dot = tcp_udp && q->port == 853;
	bool quic = p->no_quic && q->proto == IPPROTO_UDP && q->port == 443;

	if ((q->flags & ZTA_ASK_QUARANTINED) && !is_loopback(q->addr))
		return say(v, ZTA_VERDICT_DENY, ZTA_REASON_QUARANTINED, 1);
	if (q->flags & ZTA_ASK_INBOUND)
		return say(v, ZTA_VERDICT_ALLOW, ZTA_REASON_INBOUND, 2);
	if (is_loopback(q->addr) || all_zero(q->addr->b, q->addr->len) ||
	    ((q->flags & ZTA_ASK_LOCAL) && !imds && !wire))
		return say(v, ZTA_VERDICT_ALLOW, ZTA_REASON_LOOPBACK, 3);
	if (closed && (q->flags & ZTA_ASK_MALFORMED))
		return say(v, ZTA_VERDICT_DENY, ZTA_REASON_MALFORMED, 0);
	if (closed && ((!tcp_udp && q->proto != IPPROTO_ICMP) || (q->flags & ZTA_ASK_RAW)))
		return say(v, ZTA_VERDICT_DENY, ZTA_REASON_PROTOCOL, 4);
	if (quic) { /* to anything but rows 2, 3 and private link */
		if (imds || (wire && !p->platform) || !inside_fence(q, k, v) ||
		    v->verdict != ZTA_VERDICT_ALLOW) {
			v->services = 0;
			say(v, ZTA_VERDICT_DENY, ZTA_REASON_QUIC, 4);
		}
		return;
	}
	if (imds)
		return row_5(q, v);
	if (wire && !(dns && is_resolver(q)) && !p->platform)
		return say(v, ZTA_VERDICT_DENY, ZTA_REASON_WIRESERVER, 6);
	if (dns && is_resolver(q))
		return say(v, ZTA_VERDICT_ALLOW, ZTA_REASON_RESOLVER, 7);
	if ((dns || dot) && !is_resolver(q) && closed &&
	    !(win->rule && win->rule->action == POLICY_ACTION_ALLOW)) {
		v->rule = win->rule ? (uint32_t)(win->rule - q->policy->rules) : ZTA_RULE_NONE;
		return say(v, ZTA_VERDICT_DENY, ZTA_REASON_UNTRUSTED_RESOLVER, 8);
	}
	if (inside_fence(q, k, v) || row_13(q, k, v))
		return;
	rows_14_to_16(q, win, v);
}

/* The weakest mode that touches the decision. */
static void soften(const struct question *q, struct oracle_verdict *v)
{
	bool audit = q->policy->mode == POLICY_MODE_AUDIT || q->profile->mode == POLICY_MODE_AUDIT;

	if (v->verdict == ZTA_VERDICT_ALLOW || v->row == 1 || is(q->profile, "selftest"))
		return;
	for (size_t i = 0; i < q->policy->n_services; i++)
		if ((v->services & 1ULL << i) && q->policy->services[i].mode == POLICY_MODE_AUDIT)
			audit = true;
	if (v->rule != ZTA_RULE_NONE && q->policy->rules[v->rule].mode == POLICY_MODE_AUDIT)
		audit = true;
	v->weakened = !audit && (q->flags & ZTA_ASK_WEAK);
	if (audit || v->weakened)
		v->verdict = ZTA_VERDICT_AUDIT;
}

static void judge_one(const struct question *q, const struct parity_case *c,
		      struct oracle_verdict *v)
{
	struct known k = {};
	struct oracle_rule win;

	*v = (struct oracle_verdict){ .rule = ZTA_RULE_NONE };
	for (size_t i = 0; i < c->n_answers; i++) {
		struct bytes answered, inside;

		normalise(&c->answers[i].addr, &answered, &inside);
		if (answered.len == q->addr->len && !memcmp(answered.b, q->addr->b, answered.len))
			learn(q, c->answers[i].name, &k);
	}
	oracle_rules(q, c, &win);
	rows(q, &k, &win, v);
	soften(q, v);
}

void oracle_judge(const struct oracle_world *w, const struct parity_case *c,
		  struct oracle_verdict *ret)
{
	struct bytes addr, inside;
	struct question q = {
		.policy = w->policy,
		.profile = &w->policy->profiles[c->profile],
		.resolvers = w->resolvers,
		.now = w->now,
		.addr = &addr,
		.port = c->port,
		.proto = c->proto,
		.flags = c->flags,
	};
	struct oracle_verdict v;

	normalise(&c->addr, &addr, &inside);
	judge_one(&q, c, ret);
	if (!inside.len)
		return;
	q.addr = &inside;
	judge_one(&q, c, &v);
	if (v.verdict == ZTA_VERDICT_REDIRECT)
		say(&v, ZTA_VERDICT_DENY, ZTA_REASON_IMDS, 5);
	if (v.verdict == ZTA_VERDICT_DENY ||
	    (v.verdict == ZTA_VERDICT_AUDIT && ret->verdict != ZTA_VERDICT_DENY)) {
		*ret = v;
		ret->carried = true;
	}
}
