/* SPDX-License-Identifier: Apache-2.0 */
#include "inforce.h"

#include <errno.h>
#include <malloc.h>
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
#include "kern/maps.h"
#include "policy/apply.h"
#include "policy/check.h"

#define UNTIDY_S 3 /* by then a reply, too, has left */

int inforce_up(struct daemon *d, struct diag *diag)
{
	d->inforce = calloc(1, sizeof(*d->inforce));
	if (!d->inforce)
		return diag_set(diag, -ENOMEM, "out of memory");
	d->inforce->document = -1;
	return resolvers_read(RESOLVERS_ETC, RESOLVERS_UPSTREAM, &d->inforce->resolvers);
}

void inforce_down(struct daemon *d)
{
	if (!d->inforce)
		return;
	policy_brief_free(d->inforce->brief);
	cleanup_close(&d->inforce->document);
	resolvers_free(&d->inforce->resolvers);
	free(d->inforce);
	d->inforce = NULL;
}

int inforce_text(struct daemon *d, char **ret, size_t *ret_len, struct diag *diag)
{
	const struct inforce *in = d->inforce;
	int r = store_read_held(in->document, in->brief->sha256, ret, ret_len);

	d->inforce->untidy = UNTIDY_S;
	return r < 0 ? diag_set(diag, r, "cannot read the policy in force, %.12s in '%s':",
				in->brief->sha256, d->store.dir)
		     : 0;
}

/* A state that names a document which is not there would leave a restart without a policy. */
static int save(struct daemon *d)
{
	struct inforce *in = d->inforce;

	if (in->undocumented) {
		_cleanup_free_ char *text = NULL;
		size_t len;
		int r;

		r = store_read_held(in->document, in->brief->sha256, &text, &len);
		if (r == 0)
			r = store_put_policy(&d->store, in->brief->sha256, text, len);
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

/* Never one that the kernel has seen, even when the state directory was lost. */
static uint32_t next_generation(const struct daemon *d)
{
	uint64_t kernel = d->kern ? kern_ctl_get(d->kern, ZTA_CTL_GENERATION) : 0;

	return (kernel > d->store.generation ? kernel : d->store.generation) + 1;
}

/* Resolvers, search suffixes and ids as they are now. */
static struct compile_opts opts(const struct daemon *d, uint32_t generation)
{
	return (struct compile_opts){
		.ids = &d->store.ids,
		.generation = generation,
		.now = time(NULL),
		.resolvers = &d->inforce->resolvers.servers,
		.search = &d->inforce->resolvers.search,
	};
}

int inforce_check(struct daemon *d, const char *text, size_t len, struct policy_check *ret)
{
	struct compile_opts o = opts(d, next_generation(d)); /* which inforce_put() will want */
	int r;

	d->inforce->untidy = UNTIDY_S;
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

	if (!b)
		return NULL;
	*b = (struct before){ .generation = d->store.generation,
			      .policy = d->store.policy,
			      .undocumented = d->inforce->undocumented };
	store_set_ids(&b->ids, &d->store.ids);
	return b;
}

static void forget(struct before **b)
{
	if (*b)
		pattern_ids_unref((*b)->ids.patterns);
	free(*b);
}

static void take_back(struct daemon *d, const struct before *b)
{
	d->store.policy = b->policy;
	store_set_ids(&d->store.ids, &b->ids);
	d->store.generation = b->generation;
	d->inforce->undocumented = b->undocumented;
	inforce_save(d);
}

/* State first, kernel second: see the theory of operation. */
static int switch_to(struct daemon *d, struct policy_check *c, const struct store_policy *origin,
		     int *ret_document, struct diag *diag)
{
	_cleanup_(forget) struct before *before = remember(d);
	_cleanup_close_ int document = -1;
	struct store *s = &d->store;
	int r;

	if (!before)
		return -ENOMEM;
	r = store_hold_policy(s, c->policy->sha256, c->policy->text, c->policy->text_len,
			      &document);
	if (r < 0)
		return diag_set(diag, r, "cannot keep the document:");
	s->generation = c->image->policy.generation;
	s->policy = *origin;
	store_set_ids(&s->ids, &c->image->ids);
	d->inforce->undocumented = r == 1;
	if (r == 0)
		inforce_save(d);

	dispatch_drain(d); /* what the old policy had to tell, while its names are at hand */
	r = policy_apply(d->kern, c->image, d->registry, diag);
	if (r < 0) {
		take_back(d, before);
		return r;
	}
	*ret_document = take_fd(document);
	return 0;
}

static void take_over(struct daemon *d, struct policy_brief *brief, int document,
		      uint32_t generation)
{
	struct inforce *in = d->inforce;

	if (in->brief && in->generation != generation)
		names_keep_places(d, take_ptr(in->brief->places), in->generation);
	policy_brief_free(in->brief);
	cleanup_close(&in->document);
	in->brief = brief;
	in->document = document;
	in->generation = generation;
	in->fills++;
}

/* Compile with its generation, unless the check has done so, and switch. */
static int put(struct daemon *d, struct policy_check *c, enum store_source source,
	       uint32_t generation, struct diag *diag)
{
	_cleanup_policy_brief_ struct policy_brief *brief = NULL;
	struct store_policy origin = { .source = source };
	struct compile_opts o = opts(d, generation);
	int document = -1, r = 0;

	if (c->image->policy.generation != generation) {
		policy_image_free(take_ptr(c->image));
		r = policy_compile(c->policy, &o, &c->image, NULL);
	}
	if (r < 0)
		return diag_set(diag, r, "the policy does not fit");
	r = policy_brief_make(c->policy, c->image, &brief);
	if (r < 0)
		return diag_set(diag, r, "out of memory");
	snprintf(origin.sha256, sizeof(origin.sha256), "%s", c->policy->sha256);
	r = switch_to(d, c, &origin, &document, diag);
	if (r < 0)
		return r;
	take_over(d, take_ptr(brief), document, generation);
	if (d->inforce->undocumented)
		inforce_save(d); /* tells, or succeeds now */
	if (!d->inforce->unsaved)
		store_sweep(&d->store); /* else the state on the disk names the old one */
	return 1;
}

int inforce_put(struct daemon *d, struct policy_check *c, enum store_source source,
		struct diag *diag)
{
	int r;

	if (d->inforce->brief && !strcmp(d->inforce->brief->sha256, c->policy->sha256))
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

/* @now: Unix seconds for the compiler; what expires by then is left out. */
static int load(struct daemon *d, int64_t now, struct policy_check *ret, struct diag *diag)
{
	struct compile_opts o = opts(d, d->inforce->generation);
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	*ret = (struct policy_check){ 0 };
	o.now = now;
	r = inforce_text(d, &text, &len, diag);
	if (r < 0)
		return r;
	r = policy_check(text, len, &o, ret);
	return r < 0 ? diag_set(diag, r, "cannot read the policy in force again") : 0;
}

int inforce_load(struct daemon *d, struct policy_check *ret, struct diag *diag)
{
	return load(d, d->inforce->brief->now, ret, diag);
}

int inforce_refresh(struct daemon *d, struct diag *diag)
{
	_cleanup_policy_check_ struct policy_check c = { 0 };
	int r;

	r = load(d, time(NULL), &c, diag);
	if (r == 0)
		r = put(d, &c, d->store.policy.source, d->inforce->generation, diag);
	return r < 0 ? r : 0;
}

void inforce_tidy(struct daemon *d)
{
	if (!d->inforce->untidy)
		return;
	(void)malloc_trim(0); /* whether there was something does not matter */
	d->inforce->untidy--;
}

void inforce_follow_resolvers(struct daemon *d)
{
	_cleanup_resolvers_ struct resolvers now = { 0 };
	struct inforce *in = d->inforce;
	struct diag diag = { 0 };
	bool servers, search;

	if (resolvers_read(RESOLVERS_ETC, RESOLVERS_UPSTREAM, &now) < 0)
		return; /* out of memory: the old ones hold until the next look */
	servers = !resolvers_same_servers(&now, &in->resolvers);
	search = !resolvers_same_search(&now, &in->resolvers);
	if (!servers && !search)
		return;
	resolvers_free(&in->resolvers);
	in->resolvers = now;
	now = (struct resolvers){ 0 };
	if (!in->brief ||
	    !((servers && in->brief->resolvers_system) || (search && in->brief->dns_listed)))
		return;
	if (inforce_refresh(d, &diag) < 0)
		log_err("daemon: resolvers changed, the old ones stay in force: %s", diag.text);
	else
		log_info(
			"daemon: resolvers changed, policy filled again resolvers=%zu suffixes=%zu",
			in->resolvers.servers.n, in->resolvers.search.n);
}
