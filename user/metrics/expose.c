// SPDX-License-Identifier: Apache-2.0
#include "metrics/expose.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"
#include "net/httpd.h"

#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_TEXT    "text/plain; charset=utf-8"

struct expose {
	struct httpd *httpd;
	struct expose_ops ops;
	char *address;
};

static void reply_text(struct httpd_req *req, int status, const char *text)
{
	httpd_reply(req, status, TYPE_TEXT, text, strlen(text));
}

static void on_metrics(struct expose *e, struct httpd_req *req)
{
	_cleanup_buf_ struct buf out = {};

	if (e->ops.metrics(e->ops.ctx, &out) < 0)
		reply_text(req, 500, "the metrics could not be read\n");
	else
		httpd_reply(req, 200, TYPE_METRICS, out.data ? out.data : "", out.len);
}

static void on_healthz(struct expose *e, struct httpd_req *req)
{
	reply_text(req, 200, "ok\n"); /* whoever reads this was served by the loop */
}

static void on_readyz(struct expose *e, struct httpd_req *req)
{
	_cleanup_buf_ struct buf why = {};

	if (e->ops.ready(e->ops.ctx, &why))
		reply_text(req, 200, "ok\n");
	else if (buf_puts(&why, "\n") < 0)
		reply_text(req, 503, "not ready\n");
	else
		httpd_reply(req, 503, TYPE_TEXT, why.data, why.len);
}

static const struct {
	const char *path;
	void (*fn)(struct expose *e, struct httpd_req *req);
} pages[] = {
	{ "/metrics", on_metrics },
	{ "/healthz", on_healthz },
	{ "/readyz", on_readyz },
};

static void on_request(struct httpd_req *req, void *ctx)
{
	const char *method = httpd_method(req);

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(pages[i].path, httpd_path(req)))
			continue;
		if (!strcmp(method, "GET") || !strcmp(method, "HEAD")) {
			pages[i].fn(ctx, req);
			return;
		}
		httpd_add_field(req, "Allow", "GET, HEAD");
		reply_text(req, 405, "only GET and HEAD\n");
		return;
	}
	reply_text(req, 404, "not found: /metrics, /healthz and /readyz are here\n");
}

/* By the head alone: whatever a client would send as a body is never read. */
static bool on_admit(struct httpd_req *req, void *ctx)
{
	const char *method = httpd_method(req);

	if (!strcmp(method, "GET") || !strcmp(method, "HEAD"))
		return true;
	on_request(req, ctx);
	return false;
}

int expose_new(struct loop *l, const char *addr_port, const struct expose_ops *ops,
	       struct expose **ret, struct diag *d)
{
	struct expose *e = calloc(1, sizeof(*e));
	struct httpd_opts o = { .request = on_request, .admit = on_admit, .ctx = e };
	uint16_t port;
	int r;

	if (!e)
		return diag_set(d, -ENOMEM, "cannot serve metrics on %s:", addr_port);
	e->ops = *ops;
	r = httpd_new(l, &o, &e->httpd);
	if (r < 0)
		(void)diag_set(d, r, "cannot serve metrics on %s:", addr_port);
	else
		r = httpd_listen_tcp(e->httpd, addr_port, &port, d);
	if (r == 0) {
		e->address = str_dup_printf("%.*s:%u", (int)(strrchr(addr_port, ':') - addr_port),
					    addr_port, port);
		if (!e->address)
			r = diag_set(d, -ENOMEM, "cannot serve metrics on %s:", addr_port);
	}
	if (r < 0) {
		expose_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

void expose_free(struct expose *e)
{
	if (!e)
		return;
	httpd_free(e->httpd);
	free(e->address);
	free(e);
}

const char *expose_address(const struct expose *e)
{
	return e->address;
}
