/* SPDX-License-Identifier: Apache-2.0 */
#include "origin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/inforce.h"

#define FILE_BYTES_MAX (16 * 1024 * 1024) /* the parser says what is too large, up to here */
#define LOG_ERRORS_MAX 20

void origin_file_free(struct origin_file *f)
{
	if (f)
		policy_check_free(&f->policy);
}

void origin_chosen_free(struct origin_chosen *c)
{
	if (c)
		policy_check_free(&c->policy);
}

static void log_errors(const char *path, const struct diag_list *l)
{
	for (size_t i = 0; i < l->n && i < LOG_ERRORS_MAX; i++)
		log_err("daemon: policy rejected, ignoring it: %s:%u:%u: %s%s%s", path,
			l->v[i].line, l->v[i].column, l->v[i].path, *l->v[i].path ? ": " : "",
			l->v[i].message);
	if (l->n > LOG_ERRORS_MAX)
		log_err("daemon: and %zu more", l->n - LOG_ERRORS_MAX);
}

static void say_first(struct origin_file *f, const char *path, const struct diag_list *l)
{
	if (!l->n)
		return;
	snprintf(f->why, sizeof(f->why), "%s:%u:%u: %s%s%s", path, l->v[0].line, l->v[0].column,
		 l->v[0].path, *l->v[0].path ? ": " : "", l->v[0].message);
}

int origin_read_file(struct daemon *d, struct origin_file *ret)
{
	const char *path = d->options.policy;
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	*ret = (struct origin_file){ .state = CHOICE_FILE_UNREADABLE };
	r = file_read_regular(path, FILE_BYTES_MAX, &text, &len);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		if (r == -ENOENT || r == -ENOTDIR)
			ret->state = CHOICE_FILE_ABSENT;
		snprintf(ret->why, sizeof(ret->why), "cannot read '%s': %s", path,
			 r == -EINVAL ? "it is not a regular file" : strerror(-r));
		return 0;
	}
	r = hash_sha256_hex(text, len, ret->sha256);
	if (r == 0)
		r = inforce_check(d, text, len, &ret->policy);
	if (r == -ENOMEM || r == -EIO)
		return r;
	ret->state = r < 0 ? CHOICE_FILE_INVALID : CHOICE_FILE_VALID;
	if (r < 0) {
		say_first(ret, path, &ret->policy.errors);
		log_errors(path, &ret->policy.errors);
	}
	return 0;
}

int origin_read_stored(struct daemon *d, const struct store_policy *which, struct policy_check *ret,
		       struct diag *diag)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	r = store_get_policy(&d->store, which->sha256, &text, &len);
	if (r < 0)
		return diag_set(diag, r, "cannot read policy %.12s in '%s':", which->sha256,
				d->store.dir);
	r = inforce_check(d, text, len, ret);
	if (r < 0) {
		log_errors("stored policy", &ret->errors);
		return diag_set(diag, r, "the stored policy %.12s is no longer valid",
				which->sha256);
	}
	return 0;
}

/* A rollback that came due while no daemon lived. The document is another: so is its generation. */
static bool roll_back_if_due(struct store *s)
{
	if (!s->unconfirmed || clock_real_ns() < s->confirm_until)
		return false;
	s->unconfirmed = false;
	s->policy = s->confirmed;
	s->generation++;
	return true;
}

static int take_stored(struct daemon *d, struct origin_chosen *c, struct diag *diag)
{
	c->source = d->store.policy.source;
	return origin_read_stored(d, &d->store.policy, &c->policy, diag);
}

static void take_file(struct origin_chosen *c, struct origin_file *f)
{
	policy_check_free(&c->policy);
	c->policy = f->policy;
	f->policy = (struct policy_check){ 0 };
	c->source = STORE_FILE;
}

static int take_builtin(struct daemon *d, struct origin_chosen *c, struct diag *diag)
{
	const char *text = policy_builtin_text();
	int r;

	c->source = STORE_BUILTIN;
	r = inforce_check(d, text, strlen(text), &c->policy);
	return r < 0 ? diag_set(diag, r, "the built-in policy does not fit here") : 0;
}

static int take(struct daemon *d, enum choice choice, struct origin_file *f,
		struct origin_chosen *c, struct diag *diag)
{
	int r;

	switch (choice) {
	case CHOICE_FILE:
		take_file(c, f);
		return 0;
	case CHOICE_BUILTIN:
		return take_builtin(d, c, diag);
	case CHOICE_LAST:
		c->last_good = true;
		return take_stored(d, c, diag);
	case CHOICE_STORED:
		r = take_stored(d, c, diag);
		if (r < 0 && f->state == CHOICE_FILE_VALID) {
			log_err("daemon: %s, the policy file is used instead", diag->text);
			take_file(c, f);
			return 0;
		}
		return r;
	case CHOICE_NONE:
		break;
	}
	return diag_set(diag, -ENOENT, "no policy: %s, and there is no last good one", f->why);
}

int origin_choose(struct daemon *d, struct origin_chosen *ret, struct diag *diag)
{
	_cleanup_(origin_file_free) struct origin_file f = { 0 };
	_cleanup_(origin_chosen_free) struct origin_chosen c = { 0 };
	struct choice_in in = { .policy_given = d->options.policy_given, .store = &d->store };
	enum choice choice;
	bool problem, rolled_back;
	int r;

	rolled_back = roll_back_if_due(&d->store);
	r = origin_read_file(d, &f);
	if (r < 0)
		return diag_set(diag, r, "cannot read the policy file:");
	in.file = f.state;
	in.file_sha256 = f.sha256;
	choice = choice_at_start(&in, &problem);
	if (problem)
		snprintf(c.problem, sizeof(c.problem), "%s", f.why);
	if (f.sha256[0])
		memcpy(d->store.file_sha256, f.sha256, sizeof(f.sha256));
	r = take(d, choice, &f, &c, diag);
	if (r < 0)
		return r;
	c.rolled_back = rolled_back && !strcmp(c.policy.policy->sha256, d->store.policy.sha256);
	*ret = c;
	c = (struct origin_chosen){ 0 }; /* the caller's now */
	return 0;
}

int origin_choose_last(struct daemon *d, struct origin_chosen *ret, struct diag *diag)
{
	_cleanup_(origin_chosen_free) struct origin_chosen c = { 0 };
	int r;

	if (!d->store.policy.sha256[0])
		return diag_set(diag, -ENOENT, "no last good policy in '%s'", d->store.dir);
	c.rolled_back = roll_back_if_due(&d->store);
	r = take_stored(d, &c, diag);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct origin_chosen){ 0 };
	return 0;
}
