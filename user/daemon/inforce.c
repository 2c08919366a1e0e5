/* SPDX-License-Identifier: Apache-2.0 */
#include "inforce.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/dispatch.h"
#include "daemon/names.h"
#include "policy/resolvers.h"
#include "kern/maps.h"
#include "policy/apply.h"
#include "policy/check.h"

int inforce_up(struct daemon *d, struct diag *diag)
{
	d->inforce = calloc(1, sizeof(*d->inforce));
	if (!d->inforce)
		return diag_set(diag, -ENOMEM, "out of memory");
	return resolvers_read(RESOLVERS_ETC, RESOLVERS_UPSTREAM, &d->inforce->resolvers);
}

void inforce_down(struct daemon *d)
{
	if (!d->inforce)
		return;
	policy_image_free(d->inforce->image);
	policy_free(d->inforce->policy);
	free(d->inforce->resolvers.v);
	free(d->inforce);
	d->inforce = NULL;
}

/* A state that names a document which is not there would leave a restart without a policy. */
static int save(struct daemon *d)
{
	struct inforce *in = d->inforce;
	int r;

	if (in->undocumented) {
		r = store_put_policy(&d->store, in->policy->sha256, in->policy->text,
				     in->policy->text_len);
		if (r < 0)
			return r;
		in->undocumented = false;
	}
	d->store.guarded_till = clock_boot_ns();
	return store_save(&d->store);
}

void inforce_save(struct daemon *d)
{
	int r = save(d);

	if (r < 0 && !d->inforce->unsaved)
		log_err("daemon: cannot write the state, a restart finds the old one: %s",
			strerror(-r));
	else if (r == 0 && d->inforce->unsaved)
		log_info("daemon: the state is written again");
	d->inforce->unsaved = r < 0;
}

/* Its resolvers and ids as they are now. */
static struct compile_opts opts(const struct daemon *d, uint32_t generation)
{
	return (struct compile_opts){
		.ids = &d->store.ids,
		.generation = generation,
		.now = time(NULL),
		.resolvers = &d->inforce->resolvers,
	};
}

int inforce_check(struct daemon *d, const char *text, size_t len, struct policy_check *ret)
{
	struct compile_opts o = opts(d, d->store.generation);
	int r;

	r = policy_check(text, len, &o, ret);
	if (r < 0)
		return r;
	r = policy_needs_kubernetes(ret->policy, &ret->errors);
	if (r == 0)
		return 0;
	policy_image_free(ret->image);
	ret->image = NULL; /* not valid */
	return r < 0 ? r : -EINVAL;
}

/* What a switch changes in the state, to take it back. */
struct before {
	uint32_t generation;
	struct store_policy policy;
	struct policy_ids ids;
	bool undocumented;
};

static struct before *remember(const struct daemon *d)
{
	struct before *b = malloc(sizeof(*b));

	if (b)
		*b = (struct before){ .generation = d->store.generation,
				      .policy = d->store.policy,
				      .ids = d->store.ids,
				      .undocumented = d->inforce->undocumented };
	return b;
}

static void take_back(struct daemon *d, const struct before *b)
{
	d->store.policy = b->policy;
	d->store.ids = b->ids;
	d->store.generation = b->generation;
	d->inforce->undocumented = b->undocumented;
	inforce_save(d);
}

/* State first, kernel second: see the theory of operation. */
static int switch_to(struct daemon *d, struct policy_check *c, const struct store_policy *origin,
		     struct diag *diag)
{
	_cleanup_free_ struct before *before = remember(d);
	struct store *s = &d->store;
	int r;

	if (!before)
		return -ENOMEM;
	s->generation = c->image->policy.generation;
	s->policy = *origin;
	s->ids = c->image->ids;
	r = store_put_policy(s, c->policy->sha256, c->policy->text, c->policy->text_len);
	d->inforce->undocumented = r < 0;
	if (r == 0)
		inforce_save(d);

	dispatch_drain(d); /* what the old policy had to tell, while its names are at hand */
	r = policy_apply(d->kern, c->image, d->registry, diag);
	if (r < 0)
		take_back(d, before);
	return r;
}

static void take_over(struct daemon *d, struct policy_check *c)
{
	struct inforce *in = d->inforce;

	if (in->policy && in->policy != c->policy)
		names_keep_rules(d, in->policy, in->generation);
	if (in->policy != c->policy)
		policy_free(in->policy);
	policy_image_free(in->image);
	in->policy = take_ptr(c->policy);
	in->image = take_ptr(c->image);
	in->generation = in->image->policy.generation;
}

/* Compile with its generation and switch. */
static int put(struct daemon *d, struct policy_check *c, enum store_source source,
	       uint32_t generation, struct diag *diag)
{
	struct store_policy origin = { .source = source };
	struct compile_opts o = opts(d, generation);
	struct policy_image *image;
	int r;

	if (!c->policy->resolvers_system)
		o.resolvers = NULL;
	r = policy_compile(c->policy, &o, &image, NULL);
	if (r < 0)
		return diag_set(diag, r, "the policy does not fit");
	policy_image_free(c->image);
	c->image = image;
	snprintf(origin.sha256, sizeof(origin.sha256), "%s", c->policy->sha256);
	r = switch_to(d, c, &origin, diag);
	if (r < 0)
		return r;
	take_over(d, c);
	if (d->inforce->undocumented)
		inforce_save(d); /* tells, or succeeds now */
	if (!d->inforce->unsaved)
		store_sweep(&d->store); /* else the state on the disk names the old one */
	return 1;
}

/* Never one that the kernel has seen, even when the state directory was lost. */
static uint32_t next_generation(const struct daemon *d)
{
	uint64_t kernel = kern_ctl_get(d->kern, ZTA_CTL_GENERATION);

	return (kernel > d->store.generation ? kernel : d->store.generation) + 1;
}

int inforce_put(struct daemon *d, struct policy_check *c, enum store_source source,
		struct diag *diag)
{
	int r;

	if (d->inforce->policy && !strcmp(d->inforce->policy->sha256, c->policy->sha256))
		return 0;
	r = put(d, c, source, next_generation(d), diag);
	if (r == 1) {
		d->inforce->last_good = false;
		d->store.expiry_told = 0; /* other rules */
	}
	return r;
}

int inforce_start(struct daemon *d, struct policy_check *c, enum store_source source,
		  struct diag *diag)
{
	uint64_t kernel = kern_ctl_get(d->kern, ZTA_CTL_GENERATION);
	bool same = !strcmp(d->store.policy.sha256, c->policy->sha256) && d->store.generation &&
		    d->store.generation >= kernel;

	return put(d, c, source, same ? d->store.generation : next_generation(d), diag);
}

int inforce_refresh(struct daemon *d, struct diag *diag)
{
	struct inforce *in = d->inforce;
	struct policy_check c = { .policy = in->policy };
	int r;

	r = put(d, &c, d->store.policy.source, in->generation, diag);
	if (r < 0)
		policy_image_free(c.image); /* the policy stays where it was */
	return r < 0 ? r : 0;
}

static bool same_prefixes(const struct policy_prefixes *a, const struct policy_prefixes *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].len != b->v[i].len ||
		    memcmp(&a->v[i].addr, &b->v[i].addr, sizeof(a->v[i].addr)) != 0)
			return false;
	return true;
}

void inforce_follow_resolvers(struct daemon *d)
{
	struct inforce *in = d->inforce;
	struct policy_prefixes now;
	struct diag diag = { 0 };

	if (resolvers_read(RESOLVERS_ETC, RESOLVERS_UPSTREAM, &now) < 0)
		return; /* out of memory: the old ones hold until the next look */
	if (same_prefixes(&now, &in->resolvers)) {
		free(now.v);
		return;
	}
	free(in->resolvers.v);
	in->resolvers = now;
	if (!in->policy || !in->policy->resolvers_system)
		return;
	if (inforce_refresh(d, &diag) < 0)
		log_err("daemon: resolvers changed, the old ones stay in force: %s", diag.text);
	else
		log_info("daemon: resolvers changed, policy filled again resolvers=%zu", now.n);
}
