// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * libcurl says which sockets it waits for and for how long (socket and timer callbacks); the loop
 * tells it what came. A finished transfer is taken out of the multi handle before its callback
 * runs, so callbacks may start and cancel other calls. A reply's body lies in locked memory, and
 * is wiped with it; libcurl's own buffers are the process's matter (worker/isolate locks all).
 */
#include "net/httpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <curl/curl.h>

#include "base/cleanup.h"
#include "crypto/secret.h"
#include "net/loop.h"

#define CONNECT_MS 10000

struct waited {
	TAILQ_ENTRY(waited) entry;
	struct httpc *h;
	int fd;
	struct loop_event *in, *out;
};

struct httpc_call {
	TAILQ_ENTRY(httpc_call) entry;
	struct httpc *h;
	CURL *easy;
	struct curl_slist *fields, *connect_to;
	struct secret *sent, *body;
	bool too_much;
	char error[CURL_ERROR_SIZE];
	httpc_fn fn;
	void *ctx;
};

struct httpc {
	struct loop *loop;
	CURLM *multi;
	struct loop_event *timer;
	char *proxy, *no_proxy;
	struct secret *ca;
	TAILQ_HEAD(, httpc_call) calls;
	TAILQ_HEAD(, waited) waited;
};

static void call_free(struct httpc_call *c)
{
	if (!c)
		return;
	if (c->easy)
		curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->fields);
	curl_slist_free_all(c->connect_to);
	secret_free(c->sent);
	secret_free(c->body);
	free(c);
}

static const char *header_of(CURL *easy, const char *name)
{
	struct curl_header *h;

	return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value : "";
}

static int errno_of(CURLcode code)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return -EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
		return -EACCES;
	default:
		return -EPROTO;
	}
}

static void finish(struct httpc_call *c, CURLcode code)
{
	struct httpc_reply r = { .body = secret_text(c->body), .len = secret_len(c->body) };
	curl_off_t after = 0;
	long status = 0;

	(void)curl_multi_remove_handle(c->h->multi, c->easy); /* it is in there */
	TAILQ_REMOVE(&c->h->calls, c, entry);
	(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status); /* stays 0 */
	(void)curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &after);	   /* stays 0 */
	r.status = (int)status;
	r.retry_after_s = after > 0 && after < 86400 ? (unsigned int)after : after > 0 ? 86400 : 0;
	r.content_type = header_of(c->easy, "Content-Type");
	r.www_authenticate = header_of(c->easy, "WWW-Authenticate");
	if (c->too_much) {
		r.error = -EFBIG;
		r.error_text = "the reply is larger than any token";
	} else if (code != CURLE_OK) {
		r.error = errno_of(code);
		r.error_text = *c->error ? c->error : curl_easy_strerror(code);
	}
	if (r.error) {
		r.status = 0;
		r.len = 0;
		r.body = "";
	}
	c->fn(&r, c->ctx);
	call_free(c);
}

static void take_finished(struct httpc *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left))) {
		CURLcode code = m->data.result;
		char *c;

		if (m->msg == CURLMSG_DONE &&
		    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c) == CURLE_OK)
			finish((struct httpc_call *)(void *)c, code);
	}
}

/* What fails here shows in the transfers, each with its own code. */
static void act(struct httpc *h, curl_socket_t fd, int what)
{
	int running;

	(void)curl_multi_socket_action(h->multi, fd, what, &running);
	take_finished(h);
}

static void on_in(void *ctx)
{
	const struct waited *w = ctx;

	act(w->h, w->fd, CURL_CSELECT_IN);
}

static void on_out(void *ctx)
{
	const struct waited *w = ctx;

	act(w->h, w->fd, CURL_CSELECT_OUT);
}

static void on_time(void *ctx)
{
	act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static void waited_free(struct waited *w)
{
	TAILQ_REMOVE(&w->h->waited, w, entry);
	loop_event_free(w->in);
	loop_event_free(w->out);
	free(w);
}

/* Waits for @want, no longer for what it waited for before. */
static int wait_for(struct waited *w, int want)
{
	bool in = want & CURL_POLL_IN, out = want & CURL_POLL_OUT;

	if (!in) {
		loop_event_free(w->in);
		w->in = NULL;
	}
	if (!out) {
		loop_event_free(w->out);
		w->out = NULL;
	}
	if (in && !w->in && !(w->in = loop_add_fd(w->h->loop, w->fd, on_in, w)))
		return -1;
	if (out && !w->out && !(w->out = loop_add_fd_write(w->h->loop, w->fd, on_out, w)))
		return -1;
	return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int want, void *ctx, void *of_socket)
{
	struct httpc *h = ctx;
	struct waited *w = of_socket;

	if (want == CURL_POLL_REMOVE) {
		if (w)
			waited_free(w);
		(void)curl_multi_assign(h->multi, fd, NULL); /* it may have forgotten it already */
		return 0;
	}
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return -1;
		w->h = h;
		w->fd = fd;
		TAILQ_INSERT_TAIL(&h->waited, w, entry);
		(void)curl_multi_assign(h->multi, fd, w); /* it is asking for it */
	}
	return wait_for(w, want);
}

static int on_timeout(CURLM *multi, long ms, void *ctx)
{
	struct httpc *h = ctx;

	if (ms < 0) {
		loop_timer_stop(h->timer);
		return 0;
	}
	return loop_timer_set(h->timer, (uint64_t)ms);
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct httpc_call *c = ctx;

	if (secret_append(c->body, data, size * n) == 0)
		return size * n;
	c->too_much = true;
	return 0;
}

static char *copy(const char *s)
{
	return strdup(s ? s : "");
}

int httpc_new(struct loop *l, const struct httpc_opts *o, struct httpc **ret)
{
	struct httpc *h;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -EIO;
	h = calloc(1, sizeof(*h));
	if (!h) {
		curl_global_cleanup();
		return -ENOMEM;
	}
	h->loop = l;
	TAILQ_INIT(&h->calls);
	TAILQ_INIT(&h->waited);
	h->proxy = copy(o->proxy);
	h->no_proxy = copy(o->no_proxy);
	h->multi = curl_multi_init();
	h->timer = loop_add_timer(l, 1000, false, on_time, h);
	if ((o->ca && secret_new(secret_text(o->ca), secret_len(o->ca), &h->ca) < 0) || !h->proxy ||
	    !h->no_proxy || !h->multi || !h->timer ||
	    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
	    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) != CURLM_OK ||
	    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timeout) != CURLM_OK ||
	    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) != CURLM_OK) {
		httpc_free(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

void httpc_free(struct httpc *h)
{
	if (!h)
		return;
	while (!TAILQ_EMPTY(&h->calls))
		httpc_cancel(TAILQ_FIRST(&h->calls));
	if (h->multi)
		(void)curl_multi_cleanup(h->multi); /* closes what is kept open */
	while (!TAILQ_EMPTY(&h->waited))
		waited_free(TAILQ_FIRST(&h->waited));
	loop_event_free(h->timer);
	free(h->proxy);
	free(h->no_proxy);
	secret_free(h->ca);
	free(h);
	curl_global_cleanup();
}

static int set_lists(struct httpc_call *c, const struct httpc_request *q)
{
	struct curl_slist *next;
	char text[512];

	for (size_t i = 0; q->fields && q->fields[i]; i++) {
		next = curl_slist_append(c->fields, q->fields[i]);
		if (!next)
			return -ENOMEM;
		c->fields = next;
	}
	/* 100-continue would cost a second at servers that do not know it */
	next = curl_slist_append(c->fields, "Expect:");
	if (!next)
		return -ENOMEM;
	c->fields = next;
	if (!q->connect_to)
		return 0;
	if (snprintf(text, sizeof(text), "::%s", q->connect_to) >= (int)sizeof(text))
		return -EINVAL;
	c->connect_to = curl_slist_append(NULL, text);
	return c->connect_to ? 0 : -ENOMEM;
}

#define SET(option, value)                                                          \
	do {                                                                        \
		CURLcode set_code = curl_easy_setopt(c->easy, option, value);       \
		if (set_code != CURLE_OK)                                           \
			return set_code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL; \
	} while (0)

static int set_trust(struct httpc_call *c, const struct secret *ca)
{
	struct curl_blob blob = { .flags = CURL_BLOB_COPY };

	if (!ca)
		ca = c->h->ca;
	if (ca) {
		blob.data = (void *)secret_text(ca); /* it is copied */
		blob.len = secret_len(ca);
		SET(CURLOPT_CAINFO_BLOB, &blob);
		SET(CURLOPT_CAPATH, NULL);
	}
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	return 0;
}

static int set_up(struct httpc_call *c, const struct httpc_request *q)
{
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_URL, q->url);
	SET(CURLOPT_PRIVATE, (char *)c);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_ERRORBUFFER, c->error);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, c);
	SET(CURLOPT_TIMEOUT_MS, (long)q->timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(q->timeout_ms < CONNECT_MS ? q->timeout_ms : CONNECT_MS));
	SET(CURLOPT_USERAGENT, "zta/" ZTA_VERSION);
	SET(CURLOPT_HTTPHEADER, c->fields);
	SET(CURLOPT_CONNECT_TO, c->connect_to);
	SET(CURLOPT_PROXY, q->direct ? "" : c->h->proxy);
	SET(CURLOPT_NOPROXY, q->direct ? "*" : c->h->no_proxy);
	if (q->direct)
		SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (c->sent) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)secret_len(c->sent));
		SET(CURLOPT_POSTFIELDS, secret_text(c->sent)); /* not copied */
	}
	return set_trust(c, q->ca);
}

int httpc_start(struct httpc *h, const struct httpc_request *q, httpc_fn fn, void *ctx,
		struct httpc_call **ret)
{
	struct httpc_call *c = calloc(1, sizeof(*c));
	int r = c ? 0 : -ENOMEM;

	if (r < 0) {
		secret_free(q->body);
		return r;
	}
	c->h = h;
	c->fn = fn;
	c->ctx = ctx;
	c->sent = q->body;
	c->easy = curl_easy_init();
	r = c->easy ? secret_alloc(q->max_body, &c->body) : -ENOMEM;
	if (r == 0)
		r = set_lists(c, q);
	if (r == 0)
		r = set_up(c, q);
	if (r == 0 && curl_multi_add_handle(h->multi, c->easy) != CURLM_OK)
		r = -ENOMEM;
	if (r < 0) {
		call_free(c);
		return r;
	}
	TAILQ_INSERT_TAIL(&h->calls, c, entry);
	*ret = c;
	return 0;
}

void httpc_cancel(struct httpc_call *c)
{
	if (!c)
		return;
	(void)curl_multi_remove_handle(c->h->multi, c->easy); /* it is in there */
	TAILQ_REMOVE(&c->h->calls, c, entry);
	call_free(c);
}
