// SPDX-License-Identifier: Apache-2.0
#include "policy/explain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "policy/diagnose.h"
#include "policy/hint.h"
#include "policy/image_tables.h"
#include "policy/names.h"
#include "policy/prefix.h"

#define ZTA_TEXT_VERDICT(sym, text)	    [ZTA_VERDICT_##sym] = text,
#define ZTA_TEXT_REASON(sym, text, natural) [ZTA_REASON_##sym] = text,
static const char *const verdict_texts[] = { ZTA_VERDICTS(ZTA_TEXT_VERDICT) };
static const char *const reason_texts[] = { ZTA_REASONS(ZTA_TEXT_REASON) };

static void add_group(struct zta_answers *a, uint16_t group)
{
	size_t i;

	for (i = 0; i < ZTA_ANSWER_GROUPS && a->groups[i]; i++)
		if (a->groups[i] == group)
			return;
	if (i < ZTA_ANSWER_GROUPS)
		a->groups[i] = group; /* no room: the rules of that name do not open it */
}

static bool same_addr(const struct zta_addr *a, const struct zta_addr *b)
{
	return a->family == b->family && !memcmp(a->w, b->w, sizeof(a->w));
}

/* What the policy says of a name that was answered with an address: as the kernel asks. */
static void add_answer(const struct policy_image *image, const char *name, uint64_t fence,
		       struct zta_answers *out)
{
	const struct zta_pattern *p = &image->name_patterns[policy_image_name(
		image, ZTA_NAMES_ALL, name)]; /* 0: all zero */

	out->named |= p->services & fence;
	out->outside |= p->services & ~fence;
	if (p->flags & ZTA_PATTERN_AI_PUBLIC)
		out->flags |= ZTA_ANSWER_AI_PUBLIC;
	else if (!p->services)
		out->flags |= ZTA_ANSWER_OTHER;
	if (p->group)
		add_group(out, p->group);
}

void answers_for(const struct explain_in *in, const struct zta_addr *addr, struct zta_answers *out)
{
	const struct zta_prefix *g = policy_image_prefix(in->image, ZTA_SCOPE_GLOBAL, addr);

	*out = (struct zta_answers){};
	for (size_t i = 0; i < in->n_answers; i++) {
		struct zta_addr answered = in->answers[i].addr, carried;

		zta_normalise(&answered, &carried);
		if (same_addr(&answered, addr))
			add_answer(in->image, in->answers[i].name, g ? g->fence : 0, out);
	}
}

void explain_judge(const struct policy_image *image, const struct zta_ask *ask,
		   const struct zta_answers *inner, struct zta_verdict *ret)
{
	const struct zta_tables t = { .image = image };
	struct zta_ask carried = *ask;
	struct zta_verdict v;

	zta_judge(&t, ask, ret);
	if (!ask->carried.family)
		return;
	zta_enter_carried(&carried);
	carried.answers = inner;
	zta_judge(&t, &carried, &v);
	zta_finish_carried(ret, &v);
}

static const char *mode_of(const struct explain_in *in, const struct zta_verdict *v)
{
	const struct zta_profile *p = &in->image->profiles[in->image->profile_id[in->profile]];
	bool audit = v->verdict == ZTA_VERDICT_AUDIT;

	if (v->verdict == ZTA_VERDICT_ALLOW && !(p->flags & ZTA_PROFILE_SELFTEST))
		audit = (in->image->policy.flags & ZTA_POLICY_AUDIT) ||
			(p->flags & ZTA_PROFILE_AUDIT);
	return audit ? "audit" : "enforce";
}

static int set(json_t *o, const char *name, json_t *value)
{
	return json_object_set_new(o, name, value) < 0 ? -ENOMEM : 0;
}

static int set_address(json_t *o, const char *name, const struct zta_addr *a)
{
	char text[INET6_ADDRSTRLEN];

	addr_format(a, text);
	return set(o, name, json_string(text));
}

static int set_protocol(json_t *o, const struct explain_in *in)
{
	switch (in->proto) {
	case IPPROTO_TCP:
		return set(o, "protocol", json_string("tcp"));
	case IPPROTO_UDP:
		return set(o, "protocol", json_string("udp"));
	case IPPROTO_ICMP:
		return set(o, "protocol", json_string("icmp"));
	default:
		return json_set_text(o, "protocol", "%u", in->proto);
	}
}

/* The name to tell of: the one asked for, else one that answered with the address. */
static const char *name_for(const struct explain_in *in, const struct zta_addr *addr)
{
	for (size_t i = 0; !in->name && i < in->n_answers; i++) {
		struct zta_addr answered = in->answers[i].addr, carried;

		zta_normalise(&answered, &carried);
		if (same_addr(&answered, addr))
			return in->answers[i].name;
	}
	return in->name;
}

static int set_hint(json_t *o, const struct explain_in *in, const struct zta_addr *addr,
		    const struct zta_verdict *v)
{
	int service = policy_image_service(in->image, in->policy, v->services);
	const struct policy_service *s = service < 0 ? NULL : &in->policy->services[service];
	const struct hint_in hint = {
		.reason = v->reason,
		.service = s ? s->name : NULL,
		.preset = s ? s->preset : NULL,
		.profile = in->policy->profiles[in->profile].name,
		.name = name_for(in, addr),
		.port = in->port,
		.addr = addr,
		.answered = in->looked_up || in->n_chain > 0,
		.chain = in->chain,
		.n_chain = in->n_chain,
	};
	_cleanup_free_ char *text = NULL;

	if (v->verdict != ZTA_VERDICT_DENY && v->verdict != ZTA_VERDICT_AUDIT)
		return 0;
	text = hint_text(&hint);
	return text ? set(o, "hint", json_string(text)) : 0;
}

static json_t *describe(const struct explain_in *in, const struct zta_ask *ask,
			const struct zta_verdict *v)
{
	const struct zta_addr *judged = v->flags & ZTA_VERDICT_CARRIED ? &ask->carried : &ask->addr;
	const char *mode = mode_of(in, v), *name = name_for(in, judged);
	int service = policy_image_service(in->image, in->policy, v->services);
	json_t *o = json_object();
	int r = o ? 0 : -ENOMEM;

	if (r >= 0)
		r = set(o, "verdict", json_string(verdict_texts[v->verdict]));
	if (r >= 0)
		r = set(o, "reason", json_string(reason_texts[v->reason]));
	if (r >= 0 && v->row)
		r = set(o, "row", json_integer(v->row));
	if (r >= 0)
		r = set(o, "profile", json_string(in->policy->profiles[in->profile].name));
	if (r >= 0)
		r = set(o, "mode", json_string(mode));
	if (r >= 0)
		r = set(o, "enforced", json_boolean(!strcmp(mode, "enforce")));
	if (r >= 0)
		r = set_address(o, "address", &ask->addr);
	if (r >= 0 && ask->carried.family)
		r = set_address(o, "carried", &ask->carried);
	if (r >= 0 && in->proto != IPPROTO_ICMP)
		r = set(o, "port", json_integer(in->port));
	if (r >= 0)
		r = set_protocol(o, in);
	if (r >= 0 && name)
		r = set(o, "name", json_string(name));
	if (r >= 0 && service >= 0)
		r = set(o, "service", json_string(in->policy->services[service].name));
	if (r >= 0 && v->rule < in->policy->n_rules)
		r = set(o, "rule", json_string(in->policy->rules[v->rule].path));
	if (r >= 0)
		r = set_hint(o, in, judged, v);
	if (r >= 0)
		return o;
	json_decref(o);
	return NULL;
}

static bool is_own(const struct explain_in *in, const struct zta_addr *addr)
{
	for (size_t i = 0; i < in->n_own; i++)
		if (same_addr(&in->own[i], addr))
			return true;
	return false;
}

/* @ret_verdict: enum zta_verdict_id */
static int explain_one(const struct explain_in *in, const struct zta_addr *addr, json_t **ret,
		       uint8_t *ret_verdict)
{
	struct zta_answers outer, inner;
	struct zta_ask ask = {
		.addr = *addr,
		.profile = in->image->profile_id[in->profile],
		.flags = in->ask_flags,
		.port = in->proto == IPPROTO_ICMP ? 0 : in->port,
		.proto = in->proto,
	};
	struct zta_verdict v;
	json_t *o;

	zta_normalise(&ask.addr, &ask.carried);
	if (is_own(in, &ask.addr))
		ask.flags |= ZTA_ASK_LOCAL;
	answers_for(in, &ask.addr, &outer);
	ask.answers = &outer;
	if (ask.carried.family)
		answers_for(in, &ask.carried, &inner);
	explain_judge(in->image, &ask, &inner, &v);
	o = describe(in, &ask, &v);
	if (!o)
		return -ENOMEM;
	*ret = o;
	*ret_verdict = v.verdict;
	return 0;
}

int explain_addr(const struct explain_in *in, json_t **ret)
{
	uint8_t verdict;

	return explain_one(in, &in->addr, ret, &verdict);
}

/* Is answer @i the first that gives the asked name this address? */
static bool counts(const struct explain_in *in, size_t i, const char *name)
{
	char other[NAME_TEXT_LEN];

	name_normalise(in->answers[i].name, other);
	if (strcmp(other, name) != 0)
		return false;
	for (size_t k = 0; k < i; k++) {
		name_normalise(in->answers[k].name, other);
		if (!strcmp(other, name) && same_addr(&in->answers[k].addr, &in->answers[i].addr))
			return false;
	}
	return true;
}

static json_t *chain_json(const struct explain_in *in)
{
	json_t *chain = json_array();

	for (size_t i = 0; chain && i < in->n_chain; i++) {
		if (json_array_append_new(chain, json_string(in->chain[i])) < 0) {
			json_decref(chain);
			return NULL;
		}
	}
	return chain;
}

struct naming {
	json_t *addresses;
	uint8_t worst;
};

/* @source: of an address that no resolver gave; NULL = one did. */
static int add_explained(const struct explain_in *in, const struct zta_addr *addr,
			 const char *source, struct naming *n)
{
	uint8_t verdict;
	json_t *o;
	int r;

	r = explain_one(in, addr, &o, &verdict);
	if (r < 0)
		return r;
	if (source && set(o, "source", json_string(source)) < 0) {
		json_decref(o);
		return -ENOMEM;
	}
	if (verdict > n->worst)
		n->worst = verdict;
	return json_array_append_new(n->addresses, o) < 0 ? -ENOMEM : 0;
}

static int add_addresses(const struct explain_in *in, struct naming *n)
{
	char name[NAME_TEXT_LEN];
	int r = 0;

	name_normalise(in->name, name);
	for (size_t i = 0; r == 0 && i < in->n_hosts; i++)
		r = add_explained(in, &in->hosts[i], "hosts", n);
	for (size_t i = 0; r == 0 && i < in->n_answers; i++)
		if (counts(in, i, name))
			r = add_explained(in, &in->answers[i].addr, NULL, n);
	return r == 0 && !json_array_size(n->addresses) && !in->absent ? -ENODATA : r;
}

int explain_name(const struct explain_in *in, json_t **ret)
{
	struct naming n = { json_array(), ZTA_VERDICT_ALLOW };
	json_t *hints = NULL, *o;
	int r = n.addresses ? 0 : -ENOMEM;

	if (r == 0)
		r = add_addresses(in, &n);
	if (r == 0 && in->looked_up)
		r = diagnose_name(in, &hints);
	if (r < 0) {
		json_decref(n.addresses);
		return r;
	}
	o = json_pack("{s:s, s:o, s:o, s:s*, s:o*}", "name", in->name, "chain", chain_json(in),
		      "addresses", n.addresses, "verdict",
		      json_array_size(n.addresses) ? verdict_texts[n.worst] : NULL, "hints",
		      json_array_size(hints) ? json_incref(hints) : NULL);
	json_decref(hints);
	if (!o)
		return -ENOMEM;
	*ret = o;
	return 0;
}
