/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The decision: rows 1 to 16 of the table, for one profile and one destination.
 *
 * Theory of operation
 *
 * Compiled by clang for the kernel programs and by cc for ztactl, the daemon and the tests. Only
 * the look-ups differ; whoever includes this file defines `struct zta_tables` and these first:
 *
 *	zta_get_policy(t), zta_get_profile(t, id), zta_get_port(t, port), zta_get_rule(t, index),
 *	zta_get_prefix(t, scope_id, addr), zta_get_named(t, profile, group)
 *		the tables of zta_policy.h; a pointer, or for a port its mask of services
 *	zta_get_answers(t, ask)
 *		what live answers say of ask->addr
 *	zta_match(t, list, port, proto_bit)
 *		zta_list_scan(), which the kernel puts behind a global function
 *	zta_rules_of(t, ask, global_flags, ruling)
 *		zta_ask_rules(), likewise
 *
 * All return NULL (or 0) for "nothing there". A profile that is not there denies: the tables are
 * filled before they are put in force, so this is our bug, and it fails closed.
 *
 * What the decision does not know by itself stands in zta_ask: whether the peer opened the
 * connection (row 2), whether the address is the namespace's own (row 3), what live answers say.
 */
#pragma once

#include "zta_decide_types.h"

static __always_inline __u32 zta_proto_bit(__u8 proto)
{
	return proto == 6    ? ZTA_PROTO_TCP
	       : proto == 17 ? ZTA_PROTO_UDP
	       : proto == 1  ? ZTA_PROTO_ICMP
			     : ZTA_PROTO_OTHER;
}

/* First entry of a list that has port and protocol: its index + 1, or 0. */
static __always_inline __u32 zta_list_scan(const struct zta_tables *t, struct zta_list list,
					   __u32 port, __u32 proto_bit)
{
	for (__u32 i = 0; i < ZTA_LIST_MAX; i++) {
		const struct zta_rule *r;

		if (i >= list.count)
			break;
		r = zta_get_rule(t, list.first + i);
		if (!r)
			break;
		if (!(r->protos & proto_bit))
			continue;
		if ((r->flags & ZTA_RULE_PORTS) && (port < r->port_lo || port > r->port_hi))
			continue;
		return list.first + i + 1;
	}
	return 0;
}

static __always_inline void zta_set(struct zta_verdict *v, __u8 verdict, __u8 reason, __u8 row)
{
	v->verdict = verdict;
	v->reason = reason;
	v->row = row;
}

#define ZTA_RULING_NAMED (1U << 31) /* beside ZTA_PREFIX_* */

/* The entry of @list that decides: a named one only replaces what it is stricter or longer than. */
static __always_inline void zta_ask_list(const struct zta_tables *t, const struct zta_ask *ask,
					 struct zta_list list, __u32 named_global_flags,
					 struct zta_ruling *out)
{
	__u32 hit = zta_match(t, list, ask->port, zta_proto_bit(ask->proto));
	const struct zta_rule *r = hit ? zta_get_rule(t, hit - 1) : 0;
	__u8 host = ask->addr.family == ZTA_V4 ? 32 : 128;
	__u32 named = named_global_flags & ZTA_RULING_NAMED;

	if (!r)
		return;
	if (named && r->action == ZTA_RULE_ALLOW && !(r->flags & ZTA_RULE_WITHIN) &&
	    (named_global_flags & ZTA_PREFIX_PRIVATE)) {
		out->rebinding = 1;
		return;
	}
	if (named && out->rule != ZTA_RULE_NONE && out->prefixlen == host && /* deny wins */
	    (out->action == ZTA_RULE_DENY || r->action == ZTA_RULE_ALLOW))
		return;
	out->rule = r->id;
	out->prefixlen = named ? host : r->prefixlen;
	out->action = r->action;
	out->audit = !!(r->flags & ZTA_RULE_AUDIT);
	out->named = !!named;
	out->plain = !!(r->flags & ZTA_RULE_PLAIN);
}

static __always_inline void zta_ask_rules(const struct zta_tables *t, const struct zta_ask *ask,
					  __u32 global_flags, struct zta_ruling *out)
{
	const struct zta_prefix *p = zta_get_prefix(t, ask->profile, &ask->addr);
	const struct zta_answers *answers = zta_get_answers(t, ask);

	if (p && p->rules.count)
		zta_ask_list(t, ask, p->rules, 0, out);
	for (int i = 0; answers && i < ZTA_ANSWER_GROUPS; i++) {
		const struct zta_list *l;
		struct zta_list list;

		if (!answers->groups[i])
			break;
		l = zta_get_named(t, ask->profile, answers->groups[i]);
		if (!l)
			continue;
		if (l->flags & ZTA_LIST_AI_ALLOW)
			out->ai_allow = 1;
		if (l->flags & ZTA_LIST_OWN_NAME)
			out->own_name = 1;
		list = *l; /* a pointer into one map or the other would not load */
		if (list.flags & ZTA_LIST_WITHIN) {
			p = zta_get_prefix(t, ZTA_SCOPE_WITHIN + list.first, &ask->addr);
			if (!p)
				continue;
			list = p->rules;
		}
		if (list.count)
			zta_ask_list(t, ask, list, global_flags | ZTA_RULING_NAMED, out);
	}
}

/* no-ai: UDP 443 to anything but rows 2, 3 and private link is row 4. */
static __always_inline __u32 zta_is_quic(const struct zta_ask *ask, const struct zta_profile *p)
{
	return (p->flags & ZTA_PROFILE_NO_QUIC) && ask->proto == 17 && ask->port == 443;
}

/* Rows 1 to 8. Returns 1 when one of them decided. */
static __always_inline int zta_rows_1_to_8(const struct zta_ask *ask, const struct zta_profile *p,
					   __u32 global_flags, const struct zta_ruling *rule,
					   struct zta_verdict *v)
{
	const struct zta_addr *a = &ask->addr;
	__u32 closed = !(p->flags & ZTA_PROFILE_EGRESS_ALLOW);
	__u32 imds = a->family == ZTA_V4 && a->w[0] == zta_be32(0xa9fea9fe);
	__u32 wire = a->family == ZTA_V4 && a->w[0] == zta_be32(0xa83f8110);
	__u32 l4 = ask->proto == 6 || ask->proto == 17;
	__u32 quic = zta_is_quic(ask, p);

	if ((ask->flags & ZTA_ASK_QUARANTINED) && !zta_is_loopback(a)) {
		zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_QUARANTINED, 1);
		return 1;
	}
	if (ask->flags & ZTA_ASK_INBOUND) {
		zta_set(v, ZTA_VERDICT_ALLOW, ZTA_REASON_INBOUND, 2);
		return 1;
	}
	if (zta_is_loopback(a) || zta_is_any(a) ||
	    ((ask->flags & ZTA_ASK_LOCAL) && !imds && !wire)) {
		zta_set(v, ZTA_VERDICT_ALLOW, ZTA_REASON_LOOPBACK, 3);
		return 1;
	}
	if (closed && (ask->flags & ZTA_ASK_MALFORMED)) {
		zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_MALFORMED, 0);
		return 1;
	}
	if (closed && ((!l4 && ask->proto != 1) || (ask->flags & ZTA_ASK_RAW))) {
		zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_PROTOCOL, 4);
		return 1;
	}
	if (imds) {
		if (quic)
			zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_QUIC, 4);
		else if (p->flags & ZTA_PROFILE_IMDS_ALLOW)
			zta_set(v, ZTA_VERDICT_ALLOW, ZTA_REASON_IMDS_ALLOW, 5);
		else if ((p->flags & ZTA_PROFILE_IMDS_BROKER) && (ask->flags & ZTA_ASK_BROKER) &&
			 ask->proto == 6 && ask->port == 80)
			zta_set(v, ZTA_VERDICT_REDIRECT, ZTA_REASON_IMDS_BROKER, 5);
		else
			zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_IMDS, 5);
		return 1;
	}
	if (wire && !(p->flags & ZTA_PROFILE_PLATFORM) &&
	    !(l4 && ask->port == ZTA_PORT_DNS && (global_flags & ZTA_PREFIX_RESOLVER))) {
		if (quic)
			zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_QUIC, 4);
		else
			zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_WIRESERVER, 6);
		return 1;
	}
	if (!l4)
		return 0;
	if (ask->port == ZTA_PORT_DNS && (global_flags & ZTA_PREFIX_RESOLVER)) {
		zta_set(v, ZTA_VERDICT_ALLOW, ZTA_REASON_RESOLVER, 7);
		return 1;
	}
	if ((ask->port == ZTA_PORT_DNS ||
	     (ask->port == ZTA_PORT_DOT && !(global_flags & ZTA_PREFIX_RESOLVER))) &&
	    closed && (rule->rule == ZTA_RULE_NONE || rule->action != ZTA_RULE_ALLOW)) {
		zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_UNTRUSTED_RESOLVER, 8);
		v->rule = rule->rule;
		return 1;
	}
	return 0;
}

/* Rows 9 to 12: inside the fence of a service. */
static __always_inline int zta_rows_9_to_12(const struct zta_tables *t, const struct zta_ask *ask,
					    const struct zta_profile *p, const struct zta_prefix *g,
					    struct zta_verdict *v)
{
	const struct zta_answers *answers = zta_get_answers(t, ask);
	__u64 named = answers ? answers->named : 0;
	__u64 c = g ? (named & g->fence) : 0, own, open;

	if (!c)
		c = g ? g->dedicated : 0;
	if (!c)
		return 0;
	v->services = c;
	own = c & p->services;
	if (!own) {
		zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_SERVICE_NOT_ALLOWED, 9);
		return 1;
	}
	v->services = own;
	open = ask->proto == 1 ? own : own & zta_get_port(t, ask->port);
	if (p->flags & ZTA_PROFILE_HOST) {
		v->services = open ? open : own;
		zta_set(v, ZTA_VERDICT_ALLOW, ZTA_REASON_PRIVATE_LINK, 12);
		return 1;
	}
	if (!open) {
		zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_PORT_NOT_ALLOWED, 10);
		return 1;
	}
	if (!(open & ~p->resolve) && !(open & named) && !(ask->flags & ZTA_ASK_ADOPTED)) {
		v->services = open;
		zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_NOT_RESOLVED, 11);
		return 1;
	}
	/* the service that was named comes first in what is told */
	v->services = (open & named) ? (open & named) : open;
	zta_set(v, ZTA_VERDICT_ALLOW, ZTA_REASON_PRIVATE_LINK, 12);
	return 1;
}

/* Row 13: public AI end points. */
static __always_inline int zta_row_13(const struct zta_tables *t, const struct zta_ask *ask,
				      const struct zta_profile *p, __u32 global_flags,
				      const struct zta_ruling *rule, struct zta_verdict *v)
{
	const struct zta_answers *answers = zta_get_answers(t, ask);
	__u64 all = answers ? answers->outside : 0;
	__u32 flags = answers ? answers->flags : 0;
	__u64 outside = all & p->enforced;
	__u32 ai = flags & ZTA_ANSWER_AI_PUBLIC;
	__u32 other = (flags & ZTA_ANSWER_OTHER) || (all & ~p->enforced) || rule->own_name;

	if (rule->ai_allow)
		return 0;
	if (global_flags & ZTA_PREFIX_AI_PUBLIC) {
		zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_AI_PUBLIC, 13);
		return 1;
	}
	if ((!ai && !outside) || other)
		return 0;
	v->services = outside;
	zta_set(v, ZTA_VERDICT_DENY, ai ? ZTA_REASON_AI_PUBLIC : ZTA_REASON_RESOLVES_PUBLIC, 13);
	return 1;
}

/* Rows 14 to 16. */
static __always_inline void zta_rows_14_to_16(const struct zta_profile *p, __u32 global_flags,
					      const struct zta_ruling *rule, struct zta_verdict *v)
{
	if (rule->rule != ZTA_RULE_NONE) {
		v->rule = rule->rule;
		if (rule->action == ZTA_RULE_ALLOW)
			zta_set(v, ZTA_VERDICT_ALLOW, ZTA_REASON_EGRESS_RULE_ALLOW, 14);
		else
			zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_EGRESS_RULE, 14);
	} else if (p->flags & ZTA_PROFILE_EGRESS_ALLOW) {
		zta_set(v, ZTA_VERDICT_ALLOW, ZTA_REASON_DEFAULT, 15);
	} else if (rule->rebinding) {
		zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_REBINDING, 16);
	} else if (global_flags & ZTA_PREFIX_PRIVATE) {
		zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_PRIVATE_EGRESS, 16);
	} else {
		zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_PUBLIC_EGRESS, 16);
	}
}

/* A pause, or a daemon that is gone for too long: what the hooks learn only after a denial. */
static __always_inline void zta_soften(struct zta_verdict *v)
{
	v->verdict = ZTA_VERDICT_AUDIT;
	v->flags |= ZTA_VERDICT_WEAKENED;
}

/* The weakest mode that touches a denial: document, profile, services, rule, pause. */
static __always_inline void zta_weaken(const struct zta_policy *doc, const struct zta_profile *p,
				       const struct zta_ask *ask, __u32 rule_audit,
				       struct zta_verdict *v)
{
	if (v->verdict == ZTA_VERDICT_ALLOW || v->reason == ZTA_REASON_QUARANTINED ||
	    (p->flags & ZTA_PROFILE_SELFTEST))
		return;
	if ((doc->flags & ZTA_POLICY_AUDIT) || (p->flags & ZTA_PROFILE_AUDIT) ||
	    (v->services & doc->audit_services) || (v->rule != ZTA_RULE_NONE && rule_audit)) {
		v->verdict = ZTA_VERDICT_AUDIT;
	} else if (ask->flags & ZTA_ASK_WEAK) {
		zta_soften(v);
	}
}

/* One address, as it is. */
static __always_inline void zta_judge(const struct zta_tables *t, const struct zta_ask *ask,
				      struct zta_verdict *v)
{
	struct zta_ruling rule = { .rule = ZTA_RULE_NONE };
	const struct zta_policy *doc = zta_get_policy(t);
	const struct zta_profile *p = zta_get_profile(t, ask->profile);
	const struct zta_prefix *g;
	__u32 gf;

	v->services = 0;
	v->rule = ZTA_RULE_NONE;
	v->flags = 0;
	zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_MALFORMED, 0);
	if (!doc || !p || !(p->flags & ZTA_PROFILE_VALID))
		return;
	g = zta_get_prefix(t, ZTA_SCOPE_GLOBAL, &ask->addr);
	gf = g ? g->flags : 0;
	zta_rules_of(t, ask, gf, &rule);
	if (zta_rows_1_to_8(ask, p, gf, &rule, v))
		goto out;
	if (zta_rows_9_to_12(t, ask, p, g, v) &&
	    (v->verdict == ZTA_VERDICT_ALLOW || !zta_is_quic(ask, p)))
		goto out;
	if (zta_is_quic(ask, p)) {
		v->services = 0;
		zta_set(v, ZTA_VERDICT_DENY, ZTA_REASON_QUIC, 4);
		goto out;
	}
	if (!zta_row_13(t, ask, p, gf, &rule, v))
		zta_rows_14_to_16(p, gf, &rule, v);
out:
	zta_weaken(doc, p, ask, rule.audit, v);
}

static __always_inline int zta_stricter(const struct zta_verdict *a, const struct zta_verdict *b)
{
	return a->verdict > b->verdict;
}

/* Turn a question about an address into one about the IPv4 address inside it. */
static __always_inline void zta_enter_carried(struct zta_ask *ask)
{
	ask->addr = ask->carried;
	ask->answers = 0; /* those were for the outer one */
}

/**
 * zta_finish_carried() - Join the verdict of an address with that of the IPv4 address inside it
 * @v:	verdict of the address; replaced when @inner denies (or would: audit)
 * @inner: verdict of the carried address; a redirect is a denial here, nothing can be redirected
 */
static __always_inline void zta_finish_carried(struct zta_verdict *v,
					       const struct zta_verdict *inner)
{
	if (inner->verdict == ZTA_VERDICT_ALLOW)
		return;
	if (inner->verdict == ZTA_VERDICT_AUDIT && v->verdict == ZTA_VERDICT_DENY)
		return; /* the stricter; of two audits the inner one, as of two denials */
	*v = *inner;
	if (v->verdict == ZTA_VERDICT_REDIRECT) {
		v->verdict = ZTA_VERDICT_DENY;
		v->reason = ZTA_REASON_IMDS;
	}
	v->flags |= ZTA_VERDICT_CARRIED;
}
