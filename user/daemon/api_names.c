/* SPDX-License-Identifier: Apache-2.0 */
/* What live answers said, and whom a policy asks about them: names, resolvers. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "audit/word.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "control/server.h"
#include "daemon/api.h"
#include "daemon/daemon.h"
#include "daemon/inforce.h"
#include "daemon/resolve_plan.h"
#include "kern/learnt.h"
#include "policy/check.h"
#include "policy/compile.h"
#include "zta_reason.h"

struct listing {
	struct daemon *d;
	const struct policy *policy;
	const struct policy_image *image;
	struct buf out; /* as text: there can be 80,000 addresses */
	uint32_t now;	/* CLOCK_BOOTTIME s */
	uint32_t grace; /* the longest of all profiles: until then it counts for somebody */
	bool any;
};

/* What all live answers together make of an address. */
struct meaning {
	uint64_t named, outside;
	bool ai_public, other;
};

static const struct zta_pattern *pattern_of(const struct listing *l, uint64_t what)
{
	static const struct zta_pattern none;
	const struct zta_pattern *p = &l->image->name_patterns[what % ZTA_PATTERN_IDS];

	return p->flags & ZTA_PATTERN_VALID ? p : &none; /* gone from the policy: any name */
}

static uint32_t ends(const struct listing *l, uint32_t seen, uint32_t until)
{
	uint32_t graced = seen + l->grace;

	return until > graced ? until : graced;
}

static bool is_live(const struct listing *l, const struct zta_evidence *e)
{
	return e->what && ends(l, e->seen, e->until) > l->now;
}

static struct meaning meaning_of(const struct listing *l, const struct zta_learnt *said,
				 uint64_t fence)
{
	struct meaning m = { .other = said->other_seen &&
				      ends(l, said->other_seen, said->other_until) > l->now };

	for (int i = 0; i < ZTA_ANSWER_GROUPS; i++) {
		const struct zta_pattern *p = pattern_of(l, said->v[i].what);

		if (!is_live(l, &said->v[i]))
			continue;
		m.named |= p->services & fence;
		m.outside |= p->services & ~fence;
		m.ai_public |= p->flags & ZTA_PATTERN_AI_PUBLIC;
		m.other |= !p->services && !(p->flags & ZTA_PATTERN_AI_PUBLIC);
	}
	return m;
}

/* Rows 11 to 13 and what follows them, for a profile that has the services. */
static enum zta_reason verdict_of(const struct meaning *m, const struct zta_prefix *g)
{
	if (m->named)
		return ZTA_REASON_PRIVATE_LINK;
	if (g && g->dedicated)
		return ZTA_REASON_NOT_RESOLVED;
	if (g && (g->flags & ZTA_PREFIX_AI_PUBLIC))
		return ZTA_REASON_AI_PUBLIC;
	if (m->other)
		return ZTA_REASON_DEFAULT;
	if (m->ai_public)
		return ZTA_REASON_AI_PUBLIC;
	return m->outside ? ZTA_REASON_RESOLVES_PUBLIC : ZTA_REASON_DEFAULT;
}

static int add_json(struct listing *l, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	int r = text ? buf_printf(&l->out, "%s%s", l->any ? "," : "[", text) : -ENOMEM;

	l->any = true;
	free(text);
	json_decref(o);
	return r;
}

static int add_one(struct listing *l, const struct zta_place *at, const struct zta_evidence *e,
		   enum zta_reason verdict, bool shared)
{
	int service = policy_image_service(l->image, l->policy, pattern_of(l, e->what)->services);
	const char *pattern = pattern_ids_text(l->image->ids.patterns, e->what & 0xffff);
	char address[INET6_ADDRSTRLEN], name[ZTA_NAME_OCTETS];
	json_t *o;

	o = json_pack("{s:s*, s:s*, s:s*, s:s, s:I}", "address", word_address(&at->addr, address),
		      "service", service < 0 ? NULL : l->policy->services[service].name, "pattern",
		      pattern, "verdict", word_reason(verdict), "expires_s",
		      (json_int_t)(ends(l, e->seen, e->until) - l->now));
	if (o && kern_text_get(l->d->kern, ZTA_NAME_OF(e->what), name) == 0)
		(void)json_object_set_new(o, "name", utf8_json(name, strlen(name)));
	if (o && shared)
		(void)json_object_set_new(o, "shared", json_true());
	if (o && at->netns != l->d->netns) /* a member less, if memory is short */
		(void)json_object_set_new(o, "netns", json_integer((json_int_t)at->netns));
	return add_json(l, o);
}

static int add_address(void *ctx, const struct zta_place *at, const struct zta_learnt *said)
{
	struct listing *l = ctx;
	const struct zta_prefix *g = policy_image_prefix(l->image, ZTA_SCOPE_GLOBAL, &at->addr);
	struct meaning m = meaning_of(l, said, g ? g->fence : 0);
	int r = 0;

	for (int i = 0; r == 0 && i < ZTA_ANSWER_GROUPS; i++)
		if (is_live(l, &said->v[i]))
			r = add_one(l, at, &said->v[i], verdict_of(&m, g), m.other);
	return r;
}

/* All of them: what policy has no pattern for is learnt without its name, and is not told. */
int api_names(struct control_req *req, void *ctx)
{
	_cleanup_policy_check_ struct policy_check c = { 0 };
	struct listing l = { .d = ctx };
	int r;

	r = inforce_load(ctx, &c, control_diag(req));
	if (r < 0)
		return r;
	l.policy = c.policy;
	l.image = c.image;
	l.now = clock_boot_ns() / NS_PER_S;
	for (size_t i = 0; i < c.policy->n_profiles; i++)
		if (c.policy->profiles[i].resolution_grace_s > l.grace)
			l.grace = c.policy->profiles[i].resolution_grace_s;
	r = kern_learnt_each(l.d->kern, add_address, &l);
	if (r == 0)
		r = buf_puts(&l.out, l.any ? "]\n" : "[]\n");
	if (r == 0)
		control_reply_text(req, "application/json", l.out.data, l.out.len);
	buf_free(&l.out);
	return r;
}

/* Whose answers are believed, as far as they can be asked. */
int api_resolvers(struct control_req *req, void *ctx)
{
	_cleanup_policy_check_ struct policy_check c = { 0 };
	const struct daemon *d = ctx;
	struct zta_addr v[RESOLVE_SERVERS_MAX];
	json_t *list;
	size_t n;
	int r;

	r = inforce_load(ctx, &c, control_diag(req));
	if (r < 0)
		return r;
	n = resolve_servers(c.policy, c.image, &d->inforce->resolvers.servers, v);
	list = json_array();
	for (size_t i = 0; list && i < n; i++) {
		char text[INET6_ADDRSTRLEN];

		if (json_array_append_new(
			    list, json_pack("{s:s}", "address", word_address(&v[i], text))) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	if (!list)
		return -ENOMEM;
	control_reply(req, 200, list);
	return 0;
}
