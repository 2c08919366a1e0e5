// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * begin ─► (file) ─► ask ─► reply ─► done
 *   ▲                          ├─► challenge: a file, then ask once more (Arc)
 *   └──────── wait ◄───────────┘   retry.c says whether and when
 *
 * Everything happens on the loop; at any moment a fetch waits for exactly one thing: the timer, a
 * file, or a call. Files are opened by the monitor and read anew for each request, since they
 * rotate. Whoever opens files cannot be cancelled, so a fetch that ends before its file came stays
 * until then, dead.
 */
#include "token/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/str.h"
#include "crypto/rand.h"
#include "crypto/secret.h"
#include "net/httpc.h"
#include "net/loop.h"

#define FILE_MAX	(64 * 1024)
#define LOCAL_MS	10000
#define ENTRA_MS	30000
#define STALE_ASSERTION 700024

struct fetcher {
	struct fetcher_opts o;
};

struct fetch {
	struct fetcher *f;
	const struct provider *p;
	struct token_key key;
	int subject_fd; /* -1 = none */
	fetch_fn fn;
	void *ctx;
	struct loop_event *timer;
	struct httpc_call *call;
	struct token_try try;
	struct secret *file, *proxy_ca;
	bool answering; /* a challenge was asked and its file has come */
	bool waits_for_file, dead;
	int wanted_file;
	char path[WORKER_TEXT]; /* of the challenge */
	struct diag diag;
	int status;
	unsigned int after_s;
};

static void begin(void *ctx);

int fetcher_new(const struct fetcher_opts *o, struct fetcher **ret)
{
	struct fetcher *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->o = *o;
	*ret = f;
	return 0;
}

void fetcher_free(struct fetcher *f)
{
	free(f);
}

static void let_go(struct fetch *x)
{
	httpc_cancel(x->call);
	x->call = NULL;
	loop_event_free(x->timer);
	x->timer = NULL;
	secret_free(x->file);
	secret_free(x->proxy_ca);
	x->file = x->proxy_ca = NULL;
	cleanup_close(&x->subject_fd);
	x->subject_fd = -1;
	x->dead = true;
	if (!x->waits_for_file)
		free(x);
}

void fetch_cancel(struct fetch *x)
{
	if (x)
		let_go(x);
}

static void end(struct fetch *x, int error, bool outage, struct token_reply *reply)
{
	struct fetch_result r = { .error = error,
				  .status = x->status,
				  .retry_s = x->after_s,
				  .outage = outage,
				  .text = x->diag.text };

	if (reply)
		r.reply = *reply;
	x->fn(&r, x->ctx);
	let_go(x);
}

static void count(const struct fetch *x, enum worker_result result)
{
	x->f->o.count(x->key.source, result, x->f->o.ctx);
}

/* What came, or did not, in words; @what: the source's own, may be empty. */
static void explain(struct fetch *x, const struct httpc_reply *r, const struct token_refusal *what)
{
	const char *source = token_source_name(x->key.source);

	if (r->error)
		(void)diag_set(&x->diag, 0, "%s: %s", source, r->error_text);
	else
		(void)diag_set(&x->diag, 0, "%s: HTTP %d%s%s%s%s", source, r->status,
			       *what->error ? " " : "", what->error, *what->text ? ": " : "",
			       what->text);
}

/* Again, later or never. */
static void retry(struct fetch *x, const struct httpc_reply *r)
{
	struct token_refusal what = { 0 };
	bool outage;
	int ms;

	if (!r->error)
		token_refusal_read(r->body, r->len, &what);
	explain(x, r, &what);
	if (r->error == -EFBIG) { /* it would be as large the next time */
		count(x, WORKER_RESULT_INVALID);
		end(x, -EBADMSG, true, NULL);
		return;
	}
	x->try.status = r->status;
	x->try.gone += r->status == 410;
	x->try.after_s = x->after_s = r->retry_after_s;
	x->try.stale = what.aadsts == STALE_ASSERTION;
	outage = token_retry_is_outage(x->p->schedule, r->status);
	count(x, r->status == 429 ? WORKER_RESULT_THROTTLED
		 : outage	  ? WORKER_RESULT_UNAVAILABLE
				  : WORKER_RESULT_REFUSED);
	ms = token_retry_ms(&x->try);
	if (x->try.stale)
		x->try.reread = true;
	if (ms < 0) {
		end(x, outage ? -EHOSTDOWN : -EACCES, outage, NULL);
		return;
	}
	x->answering = false;
	/* never earlier than asked for, and not all hosts in step */
	if (ms)
		ms += (int)rand_below((uint64_t)ms / 10 + 1);
	if (loop_timer_set(x->timer, (uint64_t)ms) < 0)
		end(x, -ENOMEM, true, NULL);
}

static void accept_reply(struct fetch *x, const struct httpc_reply *r)
{
	struct token_reply reply = { 0 };
	const char *why = "out of memory";
	int e;

	/* a page of a captive portal is no token, whatever it looks like */
	if (*r->content_type && strncasecmp(r->content_type, "application/json", 16) &&
	    strncasecmp(r->content_type, "text/json", 9)) {
		why = "the reply is not JSON";
		e = -EBADMSG;
	} else {
		e = token_reply_read(r->body, r->len, (int64_t)(clock_real_ns() / NS_PER_S), &reply,
				     &why);
	}
	if (e < 0)
		(void)diag_set(&x->diag, 0, "%s: %s", token_source_name(x->key.source), why);
	else
		e = provider_check_identity(x->p, &x->key, &reply, &x->diag);
	count(x, e < 0 ? WORKER_RESULT_INVALID : WORKER_RESULT_OK);
	if (e < 0) {
		secret_free(reply.token);
		end(x, e, e == -EBADMSG, NULL);
		return;
	}
	end(x, 0, false, &reply);
}

static void want_file(struct fetch *x, int file, const char *name);

static void on_reply(const struct httpc_reply *r, void *ctx)
{
	struct fetch *x = ctx;
	int e = 0;

	x->call = NULL;
	x->status = r->status;
	secret_free(x->file);
	x->file = NULL;
	if (!r->error && x->p->challenge)
		e = x->p->challenge(r, x->answering, x->path, sizeof(x->path), &x->diag);
	if (e < 0) {
		count(x, WORKER_RESULT_INVALID);
		end(x, e, false, NULL);
	} else if (e > 0) {
		x->answering = true;
		want_file(x, WORKER_FILE_ARC, x->path);
	} else if (!r->error && r->status == 200) {
		accept_reply(x, r);
	} else {
		retry(x, r);
	}
}

static void start_call(struct fetch *x, struct token_request *q)
{
	const char *fields[TOKEN_FIELDS + 1] = { NULL };
	struct httpc_request call = { .url = q->url,
				      .fields = fields,
				      .body = take_ptr(q->body),
				      .max_body = TOKEN_REPLY_MAX,
				      .direct = q->direct,
				      .connect_to = q->connect_to,
				      .ca = x->proxy_ca };
	int r;

	call.timeout_ms = x->p->schedule == TOKEN_SCHEDULE_ENTRA ? ENTRA_MS : LOCAL_MS;
	for (unsigned int i = 0; i < q->n_fields; i++)
		fields[i] = q->fields[i];
	if (!x->answering)
		x->try.tries++;
	r = httpc_start(x->f->o.http, &call, on_reply, x, &x->call);
	if (r < 0)
		end(x, diag_set(&x->diag, r, "%s: cannot be asked:", q->url), r == -ENOMEM, NULL);
}

static void ask(struct fetch *x)
{
	struct token_request *q = calloc(1, sizeof(*q));
	int r = q ? x->p->request(x->f->o.site, &x->key, x->file,
				  (int64_t)(clock_real_ns() / NS_PER_S), q, &x->diag)
		  : diag_set(&x->diag, -ENOMEM, "out of memory");

	secret_free(x->file);
	x->file = NULL;
	if (r == 0)
		start_call(x, q);
	else
		end(x, r, r == -ENOMEM, NULL);
	if (q) {
		secret_free(q->body);
		secret_wipe(q, sizeof(*q));
		free(q);
	}
}

/* --- files */

static void go_on(struct fetch *x)
{
	bool proxy = x->key.source == TOKEN_SOURCE_WORKLOAD && *x->f->o.site->proxy_url;

	if (proxy && !x->proxy_ca) {
		const char *data = x->f->o.site->proxy_ca_data;

		if (!data) {
			want_file(x, WORKER_FILE_PROXY_CA, "");
			return;
		}
		if (secret_new(data, strlen(data), &x->proxy_ca) < 0) {
			end(x, diag_set(&x->diag, -ENOMEM, "out of memory"), true, NULL);
			return;
		}
	}
	ask(x);
}

static void take_file(struct fetch *x, int fd)
{
	struct secret **to = x->wanted_file == WORKER_FILE_PROXY_CA ? &x->proxy_ca : &x->file;
	int r;

	secret_free(*to);
	*to = NULL;
	r = secret_read(fd, FILE_MAX, to);
	if (r < 0)
		end(x,
		    diag_set(&x->diag, r,
			     "%s: cannot read its file:", token_source_name(x->key.source)),
		    true, NULL);
	else
		go_on(x);
}

static void on_file(int fd, int error, void *ctx)
{
	struct fetch *x = ctx;

	x->waits_for_file = false;
	if (x->dead)
		free(x);
	else if (fd < 0) /* a challenge that asks for too much, or a file that is not there (yet) */
		end(x,
		    diag_set(&x->diag, x->wanted_file == WORKER_FILE_ARC ? -EACCES : error,
			     "%s: %s: %s", token_source_name(x->key.source),
			     x->wanted_file == WORKER_FILE_ARC
				     ? "the challenge names a file that may not be read"
				     : "cannot open its file",
			     strerror(-error)),
		    x->wanted_file != WORKER_FILE_ARC, NULL);
	else
		take_file(x, fd);
	if (fd >= 0)
		(void)close(fd); /* only read from */
}

static void want_file(struct fetch *x, int file, const char *name)
{
	int r;

	x->wanted_file = file;
	x->waits_for_file = true;
	r = x->f->o.open_file(file, name, on_file, x, x->f->o.ctx);
	if (r == 0)
		return;
	x->waits_for_file = false;
	end(x, diag_set(&x->diag, r, "the monitor cannot be asked for a file:"), true, NULL);
}

static void begin(void *ctx)
{
	struct fetch *x = ctx;

	secret_free(x->proxy_ca); /* it may have rotated */
	x->proxy_ca = NULL;
	if (x->subject_fd >= 0) {
		x->wanted_file = WORKER_FILE_FEDERATED;
		take_file(x, x->subject_fd);
	} else if (x->p->file >= 0) {
		want_file(x, x->p->file, "");
	} else {
		ask(x);
	}
}

int fetch_start(struct fetcher *f, const struct token_key *k, int subject_fd, fetch_fn fn,
		void *ctx, struct fetch **ret)
{
	struct fetch *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->f = f;
	x->p = provider_of(k->source);
	x->key = *k;
	x->fn = fn;
	x->ctx = ctx;
	x->try.schedule = x->p->schedule;
	x->subject_fd = subject_fd < 0 ? -1 : fcntl(subject_fd, F_DUPFD_CLOEXEC, 0);
	x->timer = loop_add_timer(f->o.loop, 0, false, begin, x);
	if (!x->timer || (subject_fd >= 0 && x->subject_fd < 0)) {
		let_go(x);
		return -ENOMEM;
	}
	*ret = x;
	return 0;
}
