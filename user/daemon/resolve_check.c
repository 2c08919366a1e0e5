// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * A round: a plan (which names, whom to ask) is taken from the policy in force, a child looks all
 * of them up and reports, and when it has ended the answers are compared with those of the round
 * before. Only when one changed, or the policy did, the policy is read again to judge them: that
 * may take 150 ms. A state that changed is one record; the answers of a round are kept no longer.
 */
#include "resolve_check.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "audit/word.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/log.h"
#include "daemon/answers.h"
#include "daemon/daemon.h"
#include "daemon/inforce.h"
#include "daemon/notes.h"
#include "daemon/resolve_child.h"
#include "daemon/resolve_plan.h"
#include "net/loop.h"
#include "policy/check.h"
#include "policy/compile.h"
#include "policy/hint.h"
#include "zta_decide_types.h"
#include "zta_reason.h"

#define TICK_MS	 1000
#define FAMILIES 2

struct checked {
	enum resolve_state state;	       /* RESOLVE_STATE_COUNT = not known yet */
	uint64_t digest;		       /* of the answers that made it so */
	struct resolve_report *said[FAMILIES]; /* of the round that runs; NULL = nothing */
};

struct resolve_check {
	struct loop_event *tick, *readable;
	struct resolve_plan plan;
	struct checked v[RESOLVE_NAMES_MAX]; /* of plan.names */
	unsigned fills;			     /* of the policy that the plan is for */
	bool judged;			     /* the states are by that policy */
	uint64_t started;		     /* CLOCK_MONOTONIC ns of the last round */
	pid_t child;			     /* 0 = none runs */
	int fd;
};

/* --- what was said */

static void forget_said(struct resolve_check *x)
{
	for (size_t i = 0; i < RESOLVE_NAMES_MAX; i++)
		for (int f = 0; f < FAMILIES; f++) {
			free(x->v[i].said[f]);
			x->v[i].said[f] = NULL;
		}
}

static uint64_t mix(uint64_t h, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3ULL; /* FNV-1a */
	return h;
}

/* The same for the same addresses in any order: resolvers turn them. */
static uint64_t digest_of(const struct checked *c)
{
	uint64_t sum = 0;

	for (int f = 0; f < FAMILIES; f++) {
		const struct resolve_report *r = c->said[f];
		int error = r ? r->error : -ETIMEDOUT;

		sum += mix(0xcbf29ce484222325ULL + (uint64_t)f, &error, sizeof(error));
		if (error)
			continue;
		sum += mix(1, &r->lookup.answer.rcode, sizeof(r->lookup.answer.rcode));
		for (size_t i = 0; i < r->lookup.answer.n_addresses; i++)
			sum += mix(2, &r->lookup.answer.addresses[i].addr, sizeof(struct zta_addr));
	}
	return sum;
}

/* --- what it means */

struct finding {
	enum resolve_state state;
	const struct dns_answer *answer; /* to tell of, NULL = there was none */
	struct zta_addr resolver;
	struct zta_addr addr; /* the first that decided; family 0 = none */
	const struct policy_service *service;
};

static bool is_inside(const struct policy_image *image, uint64_t services,
		      const struct zta_addr *addr)
{
	const struct zta_prefix *g;
	struct zta_addr a = *addr, carried;

	zta_normalise(&a, &carried);
	g = policy_image_prefix(image, ZTA_SCOPE_GLOBAL, &a);
	return !services || (g && (g->fence & services));
}

/* The worst of the two families; of two that are as bad the first one with an answer is told. */
static void take_family(const struct resolve_report *r, const struct policy_image *image,
			uint64_t services, struct finding *ret)
{
	const struct dns_answer *a = &r->lookup.answer;

	if (!ret->answer) {
		ret->answer = a;
		ret->resolver = r->lookup.resolver;
	}
	for (size_t i = 0; i < a->n_addresses; i++) {
		bool inside = is_inside(image, services, &a->addresses[i].addr);

		if (ret->addr.family && (inside || ret->state == RESOLVE_PUBLIC))
			continue;
		ret->state = inside ? RESOLVE_OK : RESOLVE_PUBLIC;
		ret->addr = a->addresses[i].addr;
		ret->answer = a;
		ret->resolver = r->lookup.resolver;
	}
}

static struct finding judge(const struct checked *c, const char *name, const struct policy_check *p)
{
	uint64_t services =
		p->image->name_patterns[policy_image_name(p->image, ZTA_NAMES_ALL, name)].services;
	int service = policy_image_service(p->image, p->policy, services);
	struct finding f = { .state = RESOLVE_ABSENT };

	f.service = service < 0 ? NULL : &p->policy->services[service];
	for (int i = 0; i < FAMILIES; i++) {
		const struct resolve_report *r = c->said[i];
		bool known = r && !r->error &&
			     (r->lookup.answer.rcode == DNS_RCODE_OK ||
			      r->lookup.answer.rcode == DNS_RCODE_NXDOMAIN);

		if (known)
			take_family(r, p->image, services, &f);
		else if (!f.addr.family)
			f.state = RESOLVE_FAILED;
	}
	return f;
}

/* --- telling */

static json_t *hint_json(const char *name, const struct finding *f)
{
	char chain[DNS_CHAIN_MAX][DNS_TEXT_LEN];
	const char *links[DNS_CHAIN_MAX];
	struct hint_in h = {
		.reason = ZTA_REASON_RESOLVES_PUBLIC,
		.service = f->service ? f->service->name : NULL,
		.preset = f->service ? f->service->preset : NULL,
		.name = name,
		.addr = &f->addr,
		.answered = true,
		.chain = links,
		.n_chain = f->answer->n_chain,
	};
	json_t *v;
	char *text;

	for (size_t i = 0; i < f->answer->n_chain; i++) {
		dns_name_text(&f->answer->chain[i], chain[i]);
		links[i] = chain[i];
	}
	text = hint_text(&h);
	v = text ? json_string(text) : NULL;
	free(text);
	return v;
}

/* No verdict: nothing was decided about anybody's traffic. */
static void tell(struct daemon *d, const char *name, const struct finding *f)
{
	static const char *const details[] = {
		[RESOLVE_OK] = "the name leads where it should",
		[RESOLVE_PUBLIC] = "the name leads outside the fence: connections will be refused",
		[RESOLVE_ABSENT] = "there is no such name, or no address of it",
		[RESOLVE_FAILED] = "no resolver answers for this name",
	};
	char address[INET6_ADDRSTRLEN];
	unsigned reason = f->state == RESOLVE_PUBLIC ? ZTA_REASON_RESOLVES_PUBLIC
			  : f->state != RESOLVE_OK   ? ZTA_REASON_NOT_RESOLVED
			  : f->service		     ? ZTA_REASON_PRIVATE_LINK
						     : ZTA_REASON_EGRESS_RULE_ALLOW;
	json_t *o = json_pack("{s:s, s:{s:s*, s:s}, s:s*, s:o*, s:o*}", "detail", details[f->state],
			      "destination", "address", word_address(&f->addr, address), "name",
			      name, "service", f->service ? f->service->name : NULL, "answer",
			      f->answer ? answers_object(&f->resolver, f->answer) : NULL, "hint",
			      f->state == RESOLVE_PUBLIC ? hint_json(name, f) : NULL);

	if (f->state == RESOLVE_OK)
		log_info("daemon: name resolves again name=%s", name);
	else
		log_warn("daemon: name does not lead where it should, ignoring it: %s name=%s",
			 details[f->state], name);
	notes_tell(d, RECORD_DNS, word_reason(reason), o);
}

/* A name that was never wrong is not worth a record. */
static void conclude(struct daemon *d, struct checked *c, const char *name, const struct finding *f)
{
	enum resolve_state before = c->state;

	c->state = f->state;
	if (before == f->state || (before == RESOLVE_STATE_COUNT && f->state == RESOLVE_OK))
		return;
	tell(d, name, f);
}

static void judge_all(struct daemon *d)
{
	_cleanup_policy_check_ struct policy_check p = { 0 };
	struct resolve_check *x = d->resolve_check;
	struct diag diag = { 0 };

	if (inforce_load(d, &p, &diag) < 0) {
		log_err("daemon: names were looked up, but not judged, retrying: %s", diag.text);
		return;
	}
	for (size_t i = 0; i < x->plan.n_names; i++) {
		struct finding f = judge(&x->v[i], x->plan.names[i], &p);

		conclude(d, &x->v[i], x->plan.names[i], &f);
		x->v[i].digest = digest_of(&x->v[i]);
	}
	x->judged = true;
}

/* --- rounds */

static void end_child(struct resolve_check *x)
{
	loop_event_free(x->readable);
	x->readable = NULL;
	if (x->fd >= 0)
		(void)close(x->fd); /* only read from */
	x->fd = -1;
	if (x->child) {
		(void)kill(x->child, SIGKILL);
		(void)waitpid(x->child, NULL, 0); /* ours, and just killed */
	}
	x->child = 0;
}

static void end_round(struct daemon *d)
{
	struct resolve_check *x = d->resolve_check;
	bool changed = !x->judged;

	end_child(x);
	for (size_t i = 0; i < x->plan.n_names; i++)
		changed |= digest_of(&x->v[i]) != x->v[i].digest;
	if (changed && x->fills == d->inforce->fills) /* else the next round is near */
		judge_all(d);
	forget_said(x);
}

static void reported(void *ctx)
{
	struct daemon *d = ctx;
	struct resolve_check *x = d->resolve_check;
	struct resolve_report *r = malloc(sizeof(*r));
	struct resolve_report **to;
	int n = r ? resolve_child_read(x->fd, &x->plan, r) : -ENOMEM;

	if (n == 1) {
		to = &x->v[r->index].said[r->family == ZTA_V6];
		free(*to);
		*to = r;
		return;
	}
	free(r);
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n < 0)
		log_err("daemon: the resolver process failed, retrying: %s", strerror(-n));
	end_round(d);
}

/* Another policy: names that stay keep what is known of them. */
static int plan_again(struct daemon *d)
{
	_cleanup_policy_check_ struct policy_check p = { 0 };
	struct resolve_check *x = d->resolve_check;
	const struct config *c = &d->config;
	struct resolve_plan old = x->plan;
	struct checked v[RESOLVE_NAMES_MAX];
	struct diag diag = { 0 };
	int r;

	r = inforce_load(d, &p, &diag);
	if (r < 0)
		return r;
	r = resolve_plan_make(p.policy, p.image, c->resolve_check.names, c->resolve_check.n_names,
			      &d->inforce->resolvers.servers, &x->plan);
	if (r < 0) {
		resolve_plan_free(&x->plan);
		x->plan = old;
		return r;
	}
	memcpy(v, x->v, sizeof(v));
	for (size_t i = 0; i < RESOLVE_NAMES_MAX; i++)
		x->v[i] = (struct checked){ .state = RESOLVE_STATE_COUNT };
	for (size_t i = 0; i < x->plan.n_names; i++)
		for (size_t k = 0; k < old.n_names; k++)
			if (!strcmp(x->plan.names[i], old.names[k]))
				x->v[i] = v[k];
	resolve_plan_free(&old);
	if (x->plan.n_left_out)
		log_warn("daemon: more names than are looked up, ignoring some names=%zu left=%zu",
			 x->plan.n_names, x->plan.n_left_out);
	return 0;
}

static void start_round(struct daemon *d)
{
	struct resolve_check *x = d->resolve_check;
	pid_t pid;

	pid = resolve_child_start(&x->plan, &x->fd);
	if (pid < 0) {
		log_err("daemon: names cannot be looked up, retrying: %s", strerror(-pid));
		return;
	}
	x->child = pid;
	x->readable = loop_add_fd(d->loop, x->fd, reported, d);
	if (!x->readable)
		end_child(x);
}

static void tick(void *ctx)
{
	struct daemon *d = ctx;
	struct resolve_check *x = d->resolve_check;
	uint64_t now = clock_mono_ns();

	if (x->child)
		return;
	if (x->fills != d->inforce->fills) {
		if (plan_again(d) < 0)
			return; /* said by whoever needs the policy more; the next second */
		x->fills = d->inforce->fills;
		x->judged = false;
		x->started = 0;
	}
	if (!x->plan.n_names || !x->plan.n_servers ||
	    (x->started && now - x->started < d->config.resolve_check.interval_ns))
		return;
	x->started = now;
	start_round(d);
}

int resolve_check_up(struct daemon *d, struct diag *diag)
{
	struct resolve_check *x = calloc(1, sizeof(*x));

	d->resolve_check = x;
	if (!x)
		return diag_set(diag, -ENOMEM, "out of memory");
	x->fd = -1;
	x->tick = loop_add_timer(d->loop, TICK_MS, true, tick, d);
	return x->tick ? 0 : diag_set(diag, -ENOMEM, "out of memory");
}

void resolve_check_down(struct daemon *d)
{
	struct resolve_check *x = d->resolve_check;

	if (!x)
		return;
	end_child(x);
	forget_said(x);
	loop_event_free(x->tick);
	resolve_plan_free(&x->plan);
	free(x);
	d->resolve_check = NULL;
}

void resolve_check_count(const struct daemon *d, uint64_t ret[RESOLVE_STATE_COUNT])
{
	const struct resolve_check *x = d->resolve_check;

	memset(ret, 0, RESOLVE_STATE_COUNT * sizeof(*ret));
	for (size_t i = 0; x && i < x->plan.n_names; i++)
		if (x->v[i].state < RESOLVE_STATE_COUNT)
			ret[x->v[i].state]++;
}
