// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * An entry has a token or none, a fetch that runs, stands in line or is not there, and those who
 * wait. A token that is good for longer than the margin is served at once; from its refresh time
 * on a fetch runs beside that. Only without a good token does anybody wait, and all of them for
 * the same fetch.
 *
 * A source that is ill rests (its breaker): three outages in a row, a 429, or its own Retry-After.
 * While it rests nobody waits for it, who has a token keeps it; then one request tries, and its
 * outcome decides. What the source refuses is told at once to whoever asks within five seconds.
 */
#include "token/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "crypto/rand.h"
#include "crypto/secret.h"
#include "net/loop.h"
#include "token/rest.h"

#define TICK_MS	    1000
#define REFUSED_S   5
#define AGAIN_MIN_S 30
#define AGAIN_MAX_S 300
#define USED_S	    3600 /* what nobody has asked for that long is not renewed */

struct tokens_wait {
	TAILQ_ENTRY(tokens_wait) entry;
	struct entry *of;
	tokens_fn fn;
	void *ctx;
};

struct entry {
	TAILQ_ENTRY(entry) entry; /* least recently used first */
	struct tokens *t;
	struct token_key key;
	struct token *token;
	struct fetch *fetch;
	bool in_line;
	int subject_fd;	       /* of the latest who asked; -1 */
	int64_t refresh, used; /* Unix time; used: mono */
	unsigned int failures;
	int64_t refused_until;	   /* mono */
	struct tokens_result last; /* of a failure */
	char text[256];
	TAILQ_HEAD(, tokens_wait) waits;
	unsigned int n_waits;
};

struct tokens {
	struct token_site site;
	struct tokens_origin o;
	struct loop_event *tick;
	TAILQ_HEAD(, entry) entries;
	size_t n, n_waiting;
	struct rest rests[TOKEN_SOURCE_COUNT];
	unsigned int telling; /* handlers run: no entry goes */
};

static int64_t now(const struct tokens *t)
{
	return t->o.now(t->o.ctx);
}

static int64_t mono(const struct tokens *t)
{
	return t->o.mono(t->o.ctx);
}

/* --- entries */

static void entry_free(struct entry *e)
{
	if (e->fetch) {
		e->t->o.cancel(e->fetch, e->t->o.ctx);
		e->t->rests[e->key.source].running--;
	}
	TAILQ_REMOVE(&e->t->entries, e, entry);
	e->t->n--;
	token_unref(e->token);
	cleanup_close(&e->subject_fd);
	free(e);
}

static struct entry *find(struct tokens *t, const struct token_key *k)
{
	struct entry *e;

	TAILQ_FOREACH (e, &t->entries, entry)
		if (token_key_same(&e->key, k))
			return e;
	return NULL;
}

/* Room for one more: the least recently used goes, unless somebody waits for it. */
static bool make_room(struct tokens *t)
{
	struct entry *e;

	if (t->n < TOKENS_MAX)
		return true;
	if (t->telling)
		return false;
	TAILQ_FOREACH (e, &t->entries, entry)
		if (!e->n_waits && !e->fetch) {
			entry_free(e);
			return true;
		}
	return false;
}

static struct entry *make(struct tokens *t, const struct token_key *k)
{
	struct entry *e = make_room(t) ? calloc(1, sizeof(*e)) : NULL;

	if (!e)
		return NULL;
	e->t = t;
	e->key = *k;
	e->subject_fd = -1;
	TAILQ_INIT(&e->waits);
	TAILQ_INSERT_TAIL(&t->entries, e, entry);
	t->n++;
	return e;
}

static bool is_good(const struct entry *e)
{
	return e->token && token_is_good(e->token, now(e->t));
}

/* --- telling */

static void leave(struct tokens_wait *w)
{
	TAILQ_REMOVE(&w->of->waits, w, entry);
	w->of->n_waits--;
	w->of->t->n_waiting--;
	free(w);
}

/* Handlers may ask anew and give up: only as many as wait now are told. */
static void tell_all(struct entry *e, const struct tokens_result *r)
{
	struct tokens_wait *w;

	e->t->telling++;
	for (unsigned int n = e->n_waits; n > 0 && (w = TAILQ_FIRST(&e->waits)); n--) {
		tokens_fn fn = w->fn;
		void *ctx = w->ctx;

		leave(w);
		fn(r, ctx);
	}
	e->t->telling--;
}

static struct tokens_result served(const struct entry *e, bool cached)
{
	return (struct tokens_result){ .token = e->token,
				       .source = e->key.source,
				       .cached = cached };
}

/* --- fetching */

static unsigned int rests(const struct tokens *t, enum token_source s)
{
	return rest_left(&t->rests[s], mono(t));
}

static void on_fetched(struct fetch_result *r, void *ctx);

static void run(struct entry *e)
{
	struct tokens *t = e->t;
	int r;

	e->in_line = false;
	r = t->o.start(&e->key, e->subject_fd, on_fetched, e, &e->fetch, t->o.ctx);
	if (r < 0) {
		e->failures++;
		e->refresh = now(t) + AGAIN_MIN_S;
		e->last = (struct tokens_result){
			.error = r, .source = e->key.source, .retry_s = 1, .text = "out of memory"
		};
		tell_all(e, &e->last);
		return;
	}
	t->rests[e->key.source].running++;
}

static void run_or_queue(struct entry *e)
{
	if (e->fetch || e->in_line)
		return;
	e->in_line = true;
	if (rest_may_start(&e->t->rests[e->key.source]))
		run(e);
}

/* Those in line, as far as the source takes them; one that rests takes none. */
static void run_line(struct tokens *t, enum token_source s)
{
	struct entry *e, *next;

	for (e = TAILQ_FIRST(&t->entries); e; e = next) {
		next = TAILQ_NEXT(e, entry);
		if (!e->in_line || e->key.source != s)
			continue;
		if (rests(t, s)) {
			struct tokens_result r = {
				.error = -EBUSY,
				.source = s,
				.retry_s = rests(t, s),
				.text = "the source of tokens does not answer; it "
					"is left alone for a while"
			};

			e->in_line = false;
			tell_all(e, &r);
		} else if (rest_may_start(&t->rests[s])) {
			run(e);
		}
	}
}

/* What the source says, else half of what is left; not all machines at the same moment. */
static int64_t refresh_time(const struct tokens *t, const struct token_reply *r)
{
	int64_t left = r->expires - now(t);
	int64_t in = r->refresh ? r->refresh - now(t) : left / 2;
	int64_t jitter = in / 10;

	in += (int64_t)rand_below((uint64_t)(2 * jitter + 1)) - jitter;
	return now(t) + (in > 0 ? in : 1);
}

static void keep(struct entry *e, struct fetch_result *r)
{
	struct token *k;

	e->refresh = refresh_time(e->t, &r->reply);
	k = token_new(e->key.source, &r->reply, now(e->t));
	if (!k) { /* the next one who asks, asks again */
		e->last = (struct tokens_result){ .error = -ENOMEM, .text = "out of memory" };
		return;
	}
	token_unref(e->token);
	e->token = k;
	e->failures = 0;
	e->text[0] = '\0';
}

static void note_failure(struct entry *e, const struct fetch_result *r)
{
	int64_t again = AGAIN_MIN_S;

	for (unsigned int i = 0; i < e->failures && again < AGAIN_MAX_S; i++)
		again *= 2;
	if (again > AGAIN_MAX_S)
		again = AGAIN_MAX_S;
	e->failures++;
	e->refresh = now(e->t) + again + (int64_t)rand_below((uint64_t)again / 5 + 1);
	(void)snprintf(e->text, sizeof(e->text), "%s", r->text ? r->text : "");
	e->last = (struct tokens_result){ .error = r->error,
					  .status = r->status,
					  .source = e->key.source,
					  .retry_s = r->retry_s,
					  .text = e->text };
	if (r->outage && !e->last.retry_s)
		e->last.retry_s = rests(e->t, e->key.source) ? rests(e->t, e->key.source)
							     : REFUSED_S;
	if (!r->outage)
		e->refused_until = mono(e->t) + REFUSED_S;
}

static void on_fetched(struct fetch_result *r, void *ctx)
{
	struct entry *e = ctx;
	struct tokens *t = e->t;
	enum token_source s = e->key.source;
	struct tokens_result told;

	e->fetch = NULL;
	t->rests[s].running--;
	rest_note(&t->rests[s], r->outage, r->status == 429, r->retry_s, mono(t));
	if (r->error == 0)
		keep(e, r);
	else
		note_failure(e, r);
	if (r->error == 0 && e->token) {
		told = served(e, false);
		(void)token_ref(e->token); /* handlers may replace it */
		tell_all(e, &told);
		token_unref(told.token);
	} else {
		told = e->last;
		tell_all(e, &told);
	}
	run_line(t, s);
}

/* --- asking */

static void fail(tokens_fn fn, void *ctx, int error, enum token_source s, unsigned int retry_s,
		 const char *text)
{
	const struct tokens_result r = {
		.error = error, .source = s, .retry_s = retry_s, .text = text
	};

	fn(&r, ctx);
}

static void wait_for(struct entry *e, tokens_fn fn, void *ctx, struct tokens_wait **ret)
{
	struct tokens_wait *w = e->t->n_waiting < TOKENS_WAITING_MAX ? calloc(1, sizeof(*w)) : NULL;

	if (!w) {
		fail(fn, ctx, -EBUSY, e->key.source, 1, "too many wait for tokens");
		return;
	}
	*w = (struct tokens_wait){ .of = e, .fn = fn, .ctx = ctx };
	TAILQ_INSERT_TAIL(&e->waits, w, entry);
	e->n_waits++;
	e->t->n_waiting++;
	if (ret)
		*ret = w;
	run_or_queue(e);
}

/* The newest projected token: an older one may be of a time before its rotation. */
static void take_subject(struct entry *e, int fd)
{
	int own = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (own < 0)
		return;
	cleanup_close(&e->subject_fd);
	e->subject_fd = own;
}

void tokens_get(struct tokens *t, const struct tokens_want *w, tokens_fn fn, void *ctx,
		struct tokens_wait **ret)
{
	struct token_key k;
	struct tokens_result r;
	struct entry *e;

	if (ret)
		*ret = NULL;
	if (!token_key_make(&t->site, w, &k)) {
		fail(fn, ctx, -EINVAL, k.source, 0, "the names are too long");
		return;
	}
	e = find(t, &k);
	if (!e)
		e = make(t, &k);
	if (!e) {
		fail(fn, ctx, -EBUSY, k.source, 1, "too many tokens are asked for");
		return;
	}
	TAILQ_REMOVE(&t->entries, e, entry);
	TAILQ_INSERT_TAIL(&t->entries, e, entry);
	e->used = mono(t);
	take_subject(e, w->subject_fd);
	if (is_good(e)) {
		r = served(e, true);
		if (now(t) >= e->refresh && !rests(t, k.source))
			run_or_queue(e); /* beside serving it; tells nobody that waits: none does */
		fn(&r, ctx);
	} else if (!e->fetch && mono(t) < e->refused_until) {
		r = e->last;
		fn(&r, ctx);
	} else if (!e->fetch && rests(t, k.source)) {
		fail(fn, ctx, -EBUSY, k.source, rests(t, k.source),
		     *e->text ? e->text : "the source of tokens does not answer");
	} else {
		wait_for(e, fn, ctx, ret);
	}
}

void tokens_give_up(struct tokens_wait *w)
{
	if (w)
		leave(w); /* the fetch goes on: the next one will want it */
}

void tokens_tick(struct tokens *t)
{
	struct entry *e, *next;

	for (e = TAILQ_FIRST(&t->entries); e; e = next) {
		next = TAILQ_NEXT(e, entry);
		if (e->token && e->token->expires <= now(t)) {
			token_unref(e->token);
			e->token = NULL;
		}
		if (!e->token && !e->fetch && !e->in_line && !e->n_waits &&
		    mono(t) - e->used > USED_S)
			entry_free(e);
		else if (e->token && now(t) >= e->refresh && mono(t) - e->used < USED_S &&
			 !rests(t, e->key.source) && e->subject_fd < 0)
			run_or_queue(e);
	}
}

static void on_tick(void *ctx)
{
	tokens_tick(ctx);
}

int tokens_new(struct loop *l, const struct token_site *site, const struct tokens_origin *o,
	       struct tokens **ret)
{
	struct tokens *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	TAILQ_INIT(&t->entries);
	t->site = *site;
	t->o = *o;
	t->tick = loop_add_timer(l, TICK_MS, true, on_tick, t);
	if (!t->tick) {
		free(t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

void tokens_free(struct tokens *t)
{
	const struct tokens_result r = { .error = -ECANCELED, .text = "the worker ends" };
	struct entry *e;

	if (!t)
		return;
	TAILQ_FOREACH (e, &t->entries, entry)
		tell_all(e, &r);
	while ((e = TAILQ_FIRST(&t->entries)))
		entry_free(e);
	loop_event_free(t->tick);
	free(t);
}

void tokens_each(const struct tokens *t, void (*fn)(const struct tokens_entry *e, void *ctx),
		 void *ctx)
{
	struct entry *e;

	TAILQ_FOREACH (e, &t->entries, entry) {
		const struct tokens_entry v = { .key = &e->key,
						.token = e->token,
						.refresh = e->token ? e->refresh : 0,
						.waiting = e->n_waits,
						.text = e->text };

		fn(&v, ctx);
	}
}
