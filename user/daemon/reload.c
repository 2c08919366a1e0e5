/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The later of `apply` and a change of the file's contents is in force. The store keeps the hash of
 * the contents last seen, so "a change" means the same before and after a restart. What is rejected
 * changes nothing but the health. An unconfirmed apply keeps the policy before it in the store; a
 * timer (by the wall clock, so that it survives restarts) brings that back, as a new generation.
 */
#include "reload.h"

#include <errno.h>
#include <jansson.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/health.h"
#include "daemon/inforce.h"
#include "daemon/notes.h"
#include "daemon/origin.h"
#include "daemon/pause.h"
#include "daemon/watch.h"
#include "net/loop.h"
#include "policy/resolvers.h"

#define AGAIN_MS  2000
#define SETTLE_MS 100 /* an editor's rename and a ConfigMap's swap are several notices */

enum { WATCH_POLICY, WATCH_PAUSE, WATCH_ETC, WATCH_UPSTREAM, WATCH_COUNT };

struct reload {
	struct origin_chosen chosen; /* between choose and start */
	char problem[512];	     /* with the file, "" = none */
	char *pause_path;
	char pending[HASH_HEX_LEN]; /* a valid file that could not be put in force, "" = none */
	struct watch *watches[WATCH_COUNT];
	struct loop_event *readable[WATCH_COUNT];
	struct loop_event *settled; /* timer: look now */
	bool waiting;		    /* for it */
	struct loop_event *hangup;
	struct loop_event *confirm; /* timer: roll back */
	bool stuck;		    /* that failed, and was told */
};

const char *reload_problem(const struct daemon *d)
{
	return d->reload && d->reload->problem[0] ? d->reload->problem : NULL;
}

const char *reload_pause_path(const struct daemon *d)
{
	return d->reload->pause_path;
}

static void tell(struct daemon *d, const char *what, json_t *actor, const char *detail)
{
	const struct inforce *in = d->inforce;

	log_info("daemon: policy %s name=%s generation=%u source=%s", what, in->brief->name,
		 in->generation, store_source_text(d->store.policy.source));
	notes_tell(d, RECORD_POLICY, what,
		   json_pack("{s:s, s:s, s:s*, s:O*}", "sha256", in->brief->sha256, "source",
			     store_source_text(d->store.policy.source), "detail", detail, "actor",
			     actor));
}

/* What a result of inforce_put() means for counters, journal and manager. */
static void account(struct daemon *d, int r, const char *what, json_t *actor)
{
	enum metrics_reload result = r < 0    ? METRICS_RELOAD_REJECTED
				     : r == 0 ? METRICS_RELOAD_UNCHANGED
					      : METRICS_RELOAD_APPLIED;

	d->reloads[result]++;
	if (r > 0)
		tell(d, what, actor, NULL);
	health_changed(d);
}

static void arm_confirm(struct daemon *d)
{
	uint64_t now = clock_real_ns(), until = d->store.confirm_until;

	if (d->store.unconfirmed)
		(void)loop_timer_set(d->reload->confirm,
				     until > now ? (until - now) / NS_PER_MS + 1 : 0);
	else
		loop_timer_stop(d->reload->confirm);
}

void reload_clock_set(struct daemon *d, int64_t step_ns)
{
	d->store.confirm_until += step_ns;
	arm_confirm(d);
}

/* Opened before the first look at the files: no change can fall in between. */
static int open_watches(struct reload *x, const char *policy, struct diag *diag)
{
	const char *paths[WATCH_COUNT] = {
		[WATCH_POLICY] = policy,
		[WATCH_PAUSE] = x->pause_path,
		[WATCH_ETC] = RESOLVERS_ETC,
		[WATCH_UPSTREAM] = RESOLVERS_UPSTREAM,
	};

	for (int i = 0; i < WATCH_COUNT; i++) {
		int r = watch_open(paths[i], &x->watches[i]);

		if (r < 0)
			return diag_set(diag, r, "cannot watch '%s':", paths[i]);
	}
	return 0;
}

int reload_choose(struct daemon *d, struct diag *diag)
{
	_cleanup_free_ char *path = strdup(d->options.policy);
	struct reload *x = calloc(1, sizeof(*x));
	int r;

	d->reload = x;
	if (!x || !path)
		return diag_set(diag, -ENOMEM, "out of memory");
	x->pause_path = str_dup_printf("%s/pause", dirname(path));
	if (!x->pause_path)
		return diag_set(diag, -ENOMEM, "out of memory");
	if (d->options.action == OPTIONS_RESTORE)
		return origin_choose_last(d, &x->chosen, diag);
	r = open_watches(x, d->options.policy, diag);
	return r < 0 ? r : origin_choose(d, &x->chosen, diag);
}

int reload_start(struct daemon *d, struct diag *diag)
{
	struct origin_chosen *c = &d->reload->chosen;
	uint32_t before = d->store.generation;
	int r;

	r = inforce_start(d, &c->policy, c->source, diag);
	if (r < 0)
		return r;
	d->inforce->last_good = c->last_good;
	snprintf(d->reload->problem, sizeof(d->reload->problem), "%s", c->problem);
	if (c->rolled_back)
		tell(d, "rolled-back", NULL, NULL);
	else if (d->inforce->generation != before)
		tell(d, "applied", NULL, NULL);
	if (c->problem[0])
		log_err("daemon: policy file cannot be used, the last good policy is in force: %s",
			c->problem);
	origin_chosen_free(c);
	return 0;
}

/* A file that cannot be used: the policy in force stays. */
static void refuse(struct daemon *d, const struct origin_file *f)
{
	snprintf(d->reload->problem, sizeof(d->reload->problem), "%s", f->why);
	d->reloads[METRICS_RELOAD_REJECTED]++;
	if (f->state != CHOICE_FILE_INVALID) /* its errors were logged one by one */
		log_err("daemon: policy file cannot be used, ignoring it: %s", f->why);
	notes_tell(d, RECORD_POLICY, "rejected", json_pack("{s:s}", "detail", f->why));
	health_changed(d);
}

/* Its contents count as not yet seen: the next look, or the next daemon, tries again. */
static void put_later(struct daemon *d, const char seen[HASH_HEX_LEN], const char *why)
{
	char *file = d->store.file_sha256;
	struct reload *x = d->reload;
	bool told = !strcmp(x->pending, file);

	memcpy(x->pending, file, HASH_HEX_LEN);
	memcpy(file, seen, HASH_HEX_LEN);
	inforce_save(d);
	snprintf(x->problem, sizeof(x->problem), "%s", why);
	if (told)
		return;
	log_err("daemon: policy could not be put in force, the old one stays, retrying: %s", why);
	account(d, -EAGAIN, "applied", NULL);
}

static void put_file(struct daemon *d, struct origin_file *f)
{
	bool unconfirmed = d->store.unconfirmed;
	char seen[HASH_HEX_LEN];
	struct diag diag = { 0 };
	int r;

	memcpy(seen, d->store.file_sha256, sizeof(seen));
	memcpy(d->store.file_sha256, f->sha256, sizeof(f->sha256));
	d->store.unconfirmed = false; /* the file's change is the later word */
	r = inforce_put(d, &f->policy, STORE_FILE, &diag);
	if (r < 0) {
		d->store.unconfirmed = unconfirmed;
		put_later(d, seen, diag.text);
	} else {
		d->store.policy.source = STORE_FILE;
		d->inforce->last_good = false;
		d->reload->pending[0] = '\0';
		d->reload->problem[0] = '\0';
		inforce_save(d);
		account(d, r, "applied", NULL);
	}
	arm_confirm(d);
}

/* @forced: SIGHUP, which also goes back from an applied policy to the file. */
static void reload_file(struct daemon *d, bool forced)
{
	_cleanup_(origin_file_free) struct origin_file f = { 0 };
	bool changed;

	if (origin_read_file(d, &f) < 0) {
		log_err("daemon: policy file cannot be read, retrying: out of memory");
		return;
	}
	changed = f.sha256[0] && strcmp(f.sha256, d->store.file_sha256) != 0;
	if (f.state != CHOICE_FILE_VALID)
		d->reload->pending[0] = '\0'; /* what waited is no more */
	if (f.state == CHOICE_FILE_ABSENT && !d->store.file_sha256[0] && !d->options.policy_given) {
		d->reload->problem[0] = '\0'; /* there never was one that could be read */
		return;
	}
	if (f.state != CHOICE_FILE_VALID) {
		if (changed) {
			memcpy(d->store.file_sha256, f.sha256, sizeof(f.sha256));
			inforce_save(d);
		}
		refuse(d, &f);
		return;
	}
	if (changed || forced || d->inforce->last_good) {
		put_file(d, &f);
		return;
	}
	d->reload->problem[0] = '\0';
	account(d, 0, "applied", NULL);
}

void reload_look(struct daemon *d)
{
	struct reload *x = d->reload;
	bool etc = watch_changed(x->watches[WATCH_ETC]);

	if (watch_changed(x->watches[WATCH_POLICY]) || x->pending[0]) {
		health_reloading(d);
		reload_file(d, false);
		health_reloaded(d);
	}
	if (watch_changed(x->watches[WATCH_PAUSE]))
		pause_file_changed(d);
	if (watch_changed(x->watches[WATCH_UPSTREAM]) || etc)
		inforce_follow_resolvers(d);
}

static void settled(void *ctx)
{
	struct daemon *d = ctx;

	d->reload->waiting = false;
	reload_look(d);
}

static void noticed(void *ctx)
{
	struct daemon *d = ctx;
	struct reload *x = d->reload;
	bool any = false;

	for (int i = 0; i < WATCH_COUNT; i++)
		any |= watch_drain(x->watches[i]);
	if (any && !x->waiting)
		x->waiting = loop_timer_set(x->settled, SETTLE_MS) == 0;
}

static void hung_up(void *ctx)
{
	struct daemon *d = ctx;

	health_reloading(d);
	(void)watch_changed(d->reload->watches[WATCH_POLICY]); /* it is looked at now */
	reload_file(d, true);
	pause_file_changed(d);
	inforce_follow_resolvers(d);
	health_reloaded(d);
}

/* Nobody has confirmed. */
static void roll_back(void *ctx)
{
	_cleanup_policy_check_ struct policy_check c = { 0 };
	struct daemon *d = ctx;
	struct store *s = &d->store;
	struct diag diag = { 0 };
	int r;

	if (!s->unconfirmed)
		return;
	s->unconfirmed = false;
	r = origin_read_stored(d, &s->confirmed, &c, &diag);
	if (r == 0)
		r = inforce_put(d, &c, s->confirmed.source, &diag);
	if (r < 0) {
		s->unconfirmed = true;
		(void)loop_timer_set(d->reload->confirm, AGAIN_MS);
		if (!d->reload->stuck)
			log_err("daemon: cannot go back to the policy before, retrying: %s",
				diag.text);
	}
	inforce_save(d);
	if (r >= 0 || !d->reload->stuck)
		account(d, r, "rolled-back", NULL);
	d->reload->stuck = r < 0;
}

/* A file that waits is older than what is applied now: it counts as seen, and no more. */
static void forget_pending(struct daemon *d)
{
	struct reload *x = d->reload;

	if (!x->pending[0])
		return;
	memcpy(d->store.file_sha256, x->pending, sizeof(x->pending));
	x->pending[0] = x->problem[0] = '\0';
	inforce_save(d);
}

int reload_apply(struct daemon *d, struct policy_check *c, const struct reload_how *how,
		 struct diag *diag)
{
	struct store *s = &d->store;
	bool unconfirmed = s->unconfirmed;
	struct store_policy confirmed = s->confirmed;
	uint64_t until = s->confirm_until;
	int r;

	if (!strcmp(d->inforce->brief->sha256, c->policy->sha256)) {
		if (!how->confirm_ns && s->unconfirmed)
			(void)reload_confirm(d, how->actor); /* asked for again, and for good */
		forget_pending(d);
		account(d, 0, "applied", how->actor);
		return 0;
	}
	if (how->confirm_ns) {
		if (!s->unconfirmed) /* else back to what was confirmed last */
			s->confirmed = s->policy;
		s->confirm_until = clock_real_ns() + how->confirm_ns;
	}
	s->unconfirmed = how->confirm_ns != 0;
	r = inforce_put(d, c, STORE_APPLY, diag);
	if (r < 0) {
		s->unconfirmed = unconfirmed;
		s->confirmed = confirmed;
		s->confirm_until = until;
		inforce_save(d);
	} else {
		forget_pending(d);
	}
	arm_confirm(d);
	account(d, r, "applied", how->actor);
	return r;
}

int reload_confirm(struct daemon *d, json_t *actor)
{
	if (!d->store.unconfirmed)
		return -ESTALE;
	d->store.unconfirmed = false;
	inforce_save(d);
	store_sweep(&d->store);
	arm_confirm(d);
	tell(d, "confirmed", actor, NULL);
	return 0;
}

int reload_up(struct daemon *d, struct diag *diag)
{
	struct reload *x = d->reload;

	x->settled = loop_add_timer(d->loop, SETTLE_MS, false, settled, d);
	x->confirm = loop_add_timer(d->loop, SETTLE_MS, false, roll_back, d);
	x->hangup = loop_add_signal(d->loop, SIGHUP, hung_up, d);
	if (!x->settled || !x->confirm || !x->hangup)
		return diag_set(diag, -ENOMEM, "out of memory");
	arm_confirm(d);
	for (int i = 0; i < WATCH_COUNT; i++) {
		x->readable[i] = loop_add_fd(d->loop, watch_fd(x->watches[i]), noticed, d);
		if (!x->readable[i])
			return diag_set(diag, -ENOMEM, "out of memory");
	}
	pause_file_changed(d); /* made or removed while no daemon lived */
	return 0;
}

void reload_down(struct daemon *d)
{
	struct reload *x = d->reload;

	if (!x)
		return;
	for (int i = 0; i < WATCH_COUNT; i++) {
		loop_event_free(x->readable[i]);
		watch_close(x->watches[i]);
	}
	loop_event_free(x->settled);
	loop_event_free(x->confirm);
	loop_event_free(x->hangup);
	origin_chosen_free(&x->chosen);
	free(x->pause_path);
	free(x);
	d->reload = NULL;
}
