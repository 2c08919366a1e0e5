// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * "Among the rules that match address, port and protocol the longest prefix wins; on equal length
 * deny wins." A node of a profile's scope therefore carries a list: the entries of its own rules,
 * denials first, then the list of the nearest shorter prefix. The first entry that has port and
 * protocol decides. An entry that earlier ones cover can never decide and is dropped, so that lists
 * stay short; equal lists are stored once.
 */
#include "policy/compile_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TELL_LISTS 16 /* a wide rule makes every prefix inside it too long */

bool rule_active(const struct compile *c, const struct policy_rule *r)
{
	if (r->expires <= c->opts->now)
		return false;
	return r->dest != POLICY_DEST_TO;
}

static bool covers_ports(const struct zta_rule *outer, const struct zta_rule *inner)
{
	if (!(outer->flags & ZTA_RULE_PORTS))
		return true;
	return (inner->flags & ZTA_RULE_PORTS) && outer->port_lo <= inner->port_lo &&
	       outer->port_hi >= inner->port_hi;
}

void rule_list_append(struct rule_list *l, const struct zta_rule *entry)
{
	struct zta_rule e = *entry;

	for (size_t i = 0; i < l->n && e.protos; i++)
		if (covers_ports(&l->v[i], &e))
			e.protos &= (uint8_t)~l->v[i].protos;
	if (!e.protos)
		return;
	l->need++;
	if (l->n < ZTA_LIST_MAX)
		l->v[l->n++] = e;
}

void rule_list_add(struct rule_list *l, const struct policy *p, uint32_t id, uint8_t prefixlen)
{
	const struct policy_rule *r = &p->rules[id];
	struct zta_rule e = {
		.protos = r->protos,
		.action = r->action == POLICY_ACTION_ALLOW ? ZTA_RULE_ALLOW : ZTA_RULE_DENY,
		.prefixlen = prefixlen,
		.id = id,
	};

	if (r->mode == POLICY_MODE_AUDIT)
		e.flags |= ZTA_RULE_AUDIT;
	if (r->dest == POLICY_DEST_NAMES && r->has_within)
		e.flags |= ZTA_RULE_WITHIN;
	if (r->dest == POLICY_DEST_NAMES && !r->tls)
		e.flags |= ZTA_RULE_PLAIN;
	if (!r->ports.n)
		rule_list_append(l, &e);
	e.flags |= ZTA_RULE_PORTS;
	for (size_t i = 0; i < r->ports.n; i++) {
		e.port_lo = r->ports.v[i].lo;
		e.port_hi = r->ports.v[i].hi;
		rule_list_append(l, &e);
	}
}

int rule_list_store(struct compile *c, const struct rule_list *l, uint32_t id, const char *what,
		    struct zta_list *ret)
{
	int r;

	*ret = (struct zta_list){};
	if (l->need > ZTA_LIST_MAX) {
		if (c->long_lists++ < TELL_LISTS)
			(void)compile_refuse(c, c->policy->rules[id].path,
					     "%s can match %zu rules and port ranges, %d fit", what,
					     l->need, ZTA_LIST_MAX); /* and go on */
		return 0;
	}
	if (!l->n)
		return 0;
	if (c->rules.n > COMPILE_GIVE_UP * (size_t)ZTA_LISTS_MAX)
		return -E2BIG;
	r = intern_run(&c->rules, l->v, (uint32_t)l->n, &ret->first, NULL);
	if (r < 0)
		return r;
	ret->count = (uint16_t)l->n;
	return 0;
}

/* Who may ask a proxy for anything may connect to it; what it is asked for, the stream shows. */
static void add_proxy(struct rule_list *l, const struct policy *p, uint32_t id, uint8_t prefixlen)
{
	const struct policy_rule *r = &p->rules[id];
	struct zta_rule e = {
		.protos = ZTA_PROTO_TCP,
		.action = ZTA_RULE_ALLOW,
		.prefixlen = prefixlen,
		.flags = r->mode == POLICY_MODE_AUDIT ? ZTA_RULE_AUDIT : 0,
		.id = id,
	};

	if (!r->proxy->ports.n)
		rule_list_append(l, &e);
	e.flags |= ZTA_RULE_PORTS;
	for (size_t i = 0; i < r->proxy->ports.n; i++) {
		e.port_lo = r->proxy->ports.v[i].lo;
		e.port_hi = r->proxy->ports.v[i].hi;
		rule_list_append(l, &e);
	}
}

/* @own: rules of one prefix, as positions in the profile's list; denials come first. */
static int merge_rules(struct compile *c, void *ctx, const struct trie_entry *own, size_t n,
		       struct trie_value *value)
{
	const struct policy_profile *profile = ctx;
	const struct zta_list outer = value->prefix.rules;
	struct rule_list l = {};
	char what[80];

	for (size_t i = 0; i < n; i++) {
		uint32_t id = (uint32_t)profile->rules[own[i].ref];

		if (c->policy->rules[id].dest == POLICY_DEST_PROXY)
			add_proxy(&l, c->policy, id, own[i].prefix.len);
		else
			rule_list_add(&l, c->policy, id, own[i].prefix.len);
	}
	for (uint32_t i = 0; i < outer.count; i++)
		rule_list_append(&l, (const struct zta_rule *)c->rules.v + outer.first + i);
	snprintf(what, sizeof(what), "an address in profile \"%s\"", profile->name);
	return rule_list_store(c, &l, (uint32_t)profile->rules[own[0].ref], what,
			       &value->prefix.rules);
}

int compile_rules(struct compile *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->policy->n_profiles; i++) {
		struct policy_profile *profile = &c->policy->profiles[i];
		const struct trie_ops ops = { .merge = merge_rules, .ctx = profile };
		struct trie_entries t = {};

		for (size_t k = 0; r >= 0 && k < profile->n_rules; k++) {
			const struct policy_rule *rule = &c->policy->rules[profile->rules[k]];

			if (!rule_active(c, rule))
				continue;
			if (rule->dest == POLICY_DEST_PROXY && rule->action == POLICY_ACTION_ALLOW)
				r = trie_add_all(&t, &rule->proxy->cidrs, true, (uint32_t)k);
			if (rule->dest == POLICY_DEST_CIDR)
				r = trie_add_all(&t, &rule->cidr,
						 rule->action == POLICY_ACTION_ALLOW, (uint32_t)k);
		}
		if (r >= 0)
			r = trie_build(c, c->image->profile_id[i], &t, &ops);
		trie_free(&t);
	}
	return r;
}
