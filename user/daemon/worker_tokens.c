// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker_tokens.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "crypto/secret.h"
#include "net/httpc.h"
#include "token/tokens.h"
#include "worker/channel.h"

#define CA_MAX (1024 * 1024)
#define HIMDS  "/opt/azcmagent/bin/himds" /* where the Arc agent is, it gives tokens */

/* A file that the monitor was asked to open. */
struct opening {
	TAILQ_ENTRY(opening) entry;
	uint32_t id;
	fetch_file_fn fn;
	void *ctx;
};

struct worker_tokens {
	struct channel *channel;
	struct token_site site;
	bool no_site;
	struct diag why; /* there is none */
	struct httpc *http;
	struct fetcher *fetcher;
	struct tokens *tokens;
	TAILQ_HEAD(, opening) openings;
	uint32_t last_id;
	struct worker_counted counted;
};

_Static_assert((int)TOKEN_SOURCE_COUNT <= WORKER_SOURCES, "each has its counters");

static void put(char *to, size_t size, const char *from)
{
	size_t len = from ? strnlen(from, size - 1) : 0; /* what is too long is cut: for people */

	memcpy(to, from ? from : "", len);
	to[len] = '\0';
}

/* --- files */

static int open_file(int file, const char *name, fetch_file_fn fn, void *fn_ctx, void *ctx)
{
	struct worker_tokens *w = ctx;
	struct worker_open m = { .head.type = WORKER_OPEN, .file = (uint32_t)file };
	struct opening *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	if (++w->last_id == 0)
		w->last_id = 1;
	m.head.id = w->last_id;
	put(m.name, sizeof(m.name), name);
	r = channel_send(w->channel, &m, -1);
	if (r < 0) {
		free(o);
		return r;
	}
	*o = (struct opening){ .id = m.head.id, .fn = fn, .ctx = fn_ctx };
	TAILQ_INSERT_TAIL(&w->openings, o, entry);
	return 0;
}

static void end_opening(struct worker_tokens *w, struct opening *o, int fd, int error)
{
	fetch_file_fn fn = o->fn;
	void *ctx = o->ctx;

	TAILQ_REMOVE(&w->openings, o, entry);
	free(o);
	fn(fd, error, ctx);
}

void worker_tokens_opened(struct worker_tokens *w, const struct worker_opened *m, int fd)
{
	struct opening *o;

	TAILQ_FOREACH (o, &w->openings, entry)
		if (o->id == m->head.id) {
			end_opening(w, o, fd, fd < 0 ? (m->error < 0 ? m->error : -EIO) : 0);
			return;
		}
	if (fd >= 0)
		(void)close(fd); /* nobody has asked for it */
}

/* --- up and down */

static void count(enum token_source source, enum worker_result result, void *ctx)
{
	((struct worker_tokens *)ctx)->counted.requests[source][result]++;
}

static int start(const struct token_key *k, int subject_fd, fetch_fn fn, void *fn_ctx,
		 struct fetch **ret, void *ctx)
{
	return fetch_start(((struct worker_tokens *)ctx)->fetcher, k, subject_fd, fn, fn_ctx, ret);
}

static void cancel(struct fetch *f, void *ctx)
{
	fetch_cancel(f);
}

static int64_t wall(void *ctx)
{
	return (int64_t)(clock_real_ns() / NS_PER_S);
}

static int64_t mono(void *ctx)
{
	return (int64_t)(clock_boot_ns() / NS_PER_S);
}

/* Azure's libraries look for the Arc agent's file too where no variable speaks of it. */
static char *environment(const char *name)
{
	static char endpoint[] = "http://127.0.0.1:40342/metadata/identity/oauth2/token";
	char *v = getenv(name);

	if (v && *v)
		return v;
	if (strcmp(name, "IDENTITY_ENDPOINT") && strcmp(name, "IMDS_ENDPOINT"))
		return v;
	if (getenv("IDENTITY_HEADER") || access(HIMDS, F_OK) < 0)
		return v;
	return endpoint;
}

static int build(struct worker_tokens *w, struct loop *l, const struct worker_config *c, int ca_fd)
{
	_cleanup_secret_ struct secret *ca = NULL;
	struct httpc_opts http = { .proxy = c->proxy, .no_proxy = c->no_proxy };
	const struct tokens_origin origin = {
		.start = start, .cancel = cancel, .now = wall, .mono = mono, .ctx = w
	};
	struct fetcher_opts fetcher = {
		.loop = l, .site = &w->site, .open_file = open_file, .count = count, .ctx = w
	};
	int r = 0;

	/* what cannot be read is an empty one: nobody is believed */
	if (c->has_ca && (ca_fd < 0 || secret_read(ca_fd, CA_MAX, &ca) < 0))
		r = secret_new("", 0, &ca);
	if (r < 0)
		return r;
	http.ca = ca;
	r = httpc_new(l, &http, &w->http);
	if (r < 0)
		return r;
	fetcher.http = w->http;
	r = fetcher_new(&fetcher, &w->fetcher);
	return r < 0 ? r : tokens_new(l, &w->site, &origin, &w->tokens);
}

int worker_tokens_new(struct loop *l, struct channel *c, const struct worker_config *config,
		      int ca_fd, struct worker_tokens **ret, struct diag *d)
{
	struct worker_tokens *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	TAILQ_INIT(&w->openings);
	w->channel = c;
	w->counted.head.type = WORKER_COUNTED;
	w->no_site = token_site_read(config, environment, &w->site, &w->why) < 0;
	*d = w->why;
	r = build(w, l, config, ca_fd);
	if (r < 0) {
		worker_tokens_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void worker_tokens_free(struct worker_tokens *w)
{
	if (!w)
		return;
	tokens_free(w->tokens);
	while (!TAILQ_EMPTY(&w->openings)) /* fetches that are dead wait for these */
		end_opening(w, TAILQ_FIRST(&w->openings), -1, -ECANCELED);
	fetcher_free(w->fetcher);
	httpc_free(w->http);
	free(w);
}

/* --- a token for a workload */

struct granted {
	broker_fetched done;
	void *arg;
};

static void on_token(const struct tokens_result *r, void *ctx)
{
	struct granted *g = ctx;
	struct broker_token t = { 0 };
	struct broker_failure f = { 0 };

	if (r->token) {
		t.token = secret_text(r->token->text);
		t.type = r->token->type;
		t.client_id = r->token->client_id;
		t.object_id = r->token->object_id;
		t.resource_id = r->token->resource_id;
		t.source = token_source_name(r->token->source);
		t.expires = r->token->expires;
		t.not_before = r->token->not_before;
		t.cached = r->cached;
		g->done(g->arg, &t, NULL);
	} else {
		f.status = r->error == -EACCES || r->error == -EINVAL ? 400 : 503;
		f.retry_after_s = f.status == 503 && !r->retry_s ? 1 : r->retry_s;
		f.text = r->text;
		g->done(g->arg, NULL, &f);
	}
	free(g);
}

/*
 * In Kubernetes a federated token of ours is never a workload's: a stolen node shall give no more
 * than its pods had.
 */
static bool would_be_ours(const struct worker_tokens *w, const struct worker_answer *grant)
{
	return w->site.source == TOKEN_SOURCE_WORKLOAD &&
	       (grant->subject || getenv("KUBERNETES_SERVICE_HOST"));
}

void worker_tokens_fetch(struct worker_tokens *w, const struct worker_answer *grant, int subject_fd,
			 const struct broker_request *q, broker_fetched done, void *arg)
{
	const struct tokens_want want = { .selector = *grant->client_id ? WORKER_SELECT_CLIENT
									: WORKER_SELECT_NONE,
					  .selected = grant->client_id,
					  .tenant_id = grant->tenant_id,
					  .audience = q->audience,
					  .subject = subject_fd < 0 ? 0 : grant->subject,
					  .subject_fd = subject_fd };
	struct broker_failure f = { 503, 30, w->why.text };
	struct granted *g;

	if (!want.subject && would_be_ours(w, grant))
		f = (struct broker_failure){ 400, 0,
					     "this pod has no token projected for workload "
					     "identity, and ztad's own is for nobody else" };
	if (!want.subject && (w->no_site || f.status == 400)) {
		done(arg, NULL, &f);
		return;
	}
	g = calloc(1, sizeof(*g));
	if (!g) {
		f = (struct broker_failure){ 503, 1, "out of memory" };
		done(arg, NULL, &f);
		return;
	}
	*g = (struct granted){ .done = done, .arg = arg };
	tokens_get(w->tokens, &want, on_token, g, NULL);
}

/* --- for the monitor */

struct tested {
	struct worker_tokens *w;
	uint32_t id;
};

static void on_tested(const struct tokens_result *r, void *ctx)
{
	struct tested *s = ctx;
	struct worker_told m = { .head = { WORKER_TOLD, s->id },
				 .error = r->error,
				 .status = (uint32_t)r->status,
				 .cached = r->cached,
				 .retry_s = r->retry_s };

	put(m.source, sizeof(m.source), token_source_name(r->source));
	put(m.text, sizeof(m.text), r->text);
	if (r->token) {
		m.expires = r->token->expires;
		put(m.client_id, sizeof(m.client_id), r->token->client_id);
		put(m.object_id, sizeof(m.object_id), r->token->object_id);
	}
	(void)channel_send(s->w->channel, &m, -1); /* without a monitor this process ends */
	free(s);
}

void worker_tokens_test(struct worker_tokens *w, const struct worker_test *m)
{
	const struct tokens_want want = { .selector = m->selector < WORKER_SELECTOR_COUNT
							      ? (enum worker_selector)m->selector
							      : WORKER_SELECT_NONE,
					  .selected = m->selected,
					  .tenant_id = "",
					  .audience = m->audience,
					  .subject_fd = -1 };
	struct tested *s = w->no_site ? NULL : calloc(1, sizeof(*s));

	if (!s) {
		struct worker_told told = { .head = { WORKER_TOLD, m->head.id }, .error = -EINVAL };

		put(told.text, sizeof(told.text), w->no_site ? w->why.text : "out of memory");
		(void)channel_send(w->channel, &told, -1); /* as above */
		return;
	}
	*s = (struct tested){ w, m->head.id };
	tokens_get(w->tokens, &want, on_tested, s, NULL);
}

static void say_entry(const struct tokens_entry *e, void *ctx)
{
	const struct tested *s = ctx;
	struct worker_entry m = { .head = { WORKER_ENTRY, s->id },
				  .waiting = e->waiting,
				  .refresh = e->refresh,
				  .expires = e->token ? e->token->expires : 0 };

	put(m.source, sizeof(m.source), token_source_name(e->key->source));
	put(m.audience, sizeof(m.audience), e->key->audience);
	put(m.identity, sizeof(m.identity), e->key->selected);
	put(m.text, sizeof(m.text), e->text);
	(void)channel_send(s->w->channel, &m, -1); /* as above */
}

void worker_tokens_list(struct worker_tokens *w, uint32_t id)
{
	const struct worker_entry end = { .head = { WORKER_ENTRY, id }, .last = 1 };
	struct tested s = { w, id };

	tokens_each(w->tokens, say_entry, &s);
	(void)channel_send(w->channel, &end, -1); /* as above */
}

void worker_tokens_count(struct worker_tokens *w)
{
	(void)channel_send(w->channel, &w->counted, -1); /* as above */
	memset(w->counted.requests, 0, sizeof(w->counted.requests));
}
