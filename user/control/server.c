// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation: everything that can be said from the head of a request (no such verb, not
 * allowed, unknown query member) is said before its body is read, so that only those who may
 * change something can make the daemon hold a document. The groups are looked up once, at the
 * start: a name service that hangs must not stop the loop.
 */
#include "control/server.h"

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/utf8.h"
#include "net/httpd.h"

#define NO_GROUP ((gid_t)-1)
#define JSON	 "application/json"

#define METHODS_LEN 32

struct control_server {
	struct httpd *httpd;
	struct control_opts o;
	gid_t read_gid, change_gid; /* NO_GROUP: only root */
};

struct control_req {
	struct httpd_req *http;
	uid_t uid;
	pid_t pid;
	struct diag diag;
};

static const struct {
	int status;
	const char *word;
} words[] = {
	{ 400, "bad-request" },	    { 403, "forbidden" },
	{ 404, "not-found" },	    { 405, "method-not-allowed" },
	{ 408, "timeout" },	    { 409, "conflict" },
	{ 413, "too-large" },	    { 431, "too-large" },
	{ 501, "not-implemented" }, { 503, "busy" },
	{ 505, "not-implemented" },
};

static const char *word_of(int status)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].status == status)
			return words[i].word;
	return "failed";
}

static void reply_json(struct httpd_req *http, int status, json_t *doc)
{
	static const char none[] = "{\"error\":\"failed\",\"detail\":\"out of memory\"}\n";
	_cleanup_free_ char *text = NULL;
	size_t len;

	text = doc ? json_dumps(doc, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	json_decref(doc);
	if (text) {
		len = strlen(text);
		text[len] = '\n'; /* in place of the NUL: nobody reads it as a string any more */
		httpd_reply(http, status, JSON, text, len + 1);
	} else
		httpd_reply(http, 500, JSON, none, sizeof(none) - 1);
}

static void reply_error(struct httpd_req *http, int status, const char *detail)
{
	reply_json(http, status,
		   json_pack("{s:s, s:o}", "error", word_of(status), "detail",
			     utf8_json(detail, strlen(detail))));
}

static bool in_group(const struct httpd_peer *p, gid_t gid)
{
	if (gid == NO_GROUP)
		return false;
	for (size_t i = 0; i < p->n_groups; i++)
		if (p->groups[i] == gid)
			return true;
	return p->gid == gid;
}

static bool allowed(const struct control_server *s, const struct httpd_peer *p, bool change)
{
	return p->known && (p->uid == 0 || in_group(p, change ? s->change_gid : s->read_gid));
}

/* The verb of a path; with any method when @method is NULL. */
static const struct control_verb *find(const struct control_server *s, const char *path,
				       const char *method)
{
	for (size_t i = 0; i < s->o.n_verbs; i++)
		if (!strcmp(s->o.verbs[i].path, path) &&
		    (!method || !strcmp(s->o.verbs[i].method, method)))
			return &s->o.verbs[i];
	return NULL;
}

static bool takes(const char *names, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = names; at && *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		if (len == n && !memcmp(at, name, n))
			return true;
		at += len;
	}
	return false;
}

/*
 * What is asked for ends up in JSON: state, events, replies. Text that cannot stand there would be
 * acted on and then be lost.
 */
static int judge_query(const struct control_verb *verb, struct httpd_req *http, struct diag *d)
{
	const char *name, *value;

	for (size_t i = 0; (name = httpd_query_name(http, i)); i++) {
		if (!takes(verb->query, name)) {
			(void)diag_set(d, 0, "unknown query member '%.64s'", name);
			return 400;
		}
		for (size_t n = 0; (value = httpd_query_nth(http, name, n)); n++) {
			if (!utf8_valid(value)) {
				(void)diag_set(d, 0, "%s: is not UTF-8", name);
				return 400;
			}
		}
	}
	return 0;
}

/* "GET, POST": a path has each method once at most. */
static void methods_of(const struct control_server *s, const char *path, char ret[METHODS_LEN])
{
	size_t at = 0;

	for (size_t i = 0; i < s->o.n_verbs && at < METHODS_LEN; i++)
		if (!strcmp(s->o.verbs[i].path, path))
			at += (size_t)snprintf(ret + at, METHODS_LEN - at, "%s%s", at ? ", " : "",
					       s->o.verbs[i].method);
}

/* Says what is wrong with a request by its head alone. Returns 0 or a status. */
static int judge(const struct control_server *s, struct httpd_req *http, struct diag *d)
{
	const char *method = httpd_method(http), *path = httpd_path(http);
	const struct control_verb *any = find(s, path, NULL), *verb = find(s, path, method);
	bool change = verb ? verb->change : any && any->change;
	char methods[METHODS_LEN] = "";

	if (!allowed(s, httpd_peer(http), change)) {
		const char *group = change ? s->o.change_group : s->o.read_group;

		(void)diag_set(d, 0, "this needs root or membership in group %s%s", group,
			       (change ? s->change_gid : s->read_gid) == NO_GROUP
				       ? ", which did not exist here when the daemon started"
				       : "");
		return 403;
	}
	if (!any) {
		(void)diag_set(d, 0, "there is no such verb");
		return 404;
	}
	if (!verb) {
		methods_of(s, path, methods);
		httpd_add_field(http, "Allow", methods);
		(void)diag_set(d, 0, "this verb takes %s", methods);
		return 405;
	}
	return judge_query(verb, http, d);
}

static bool on_admit(struct httpd_req *http, void *ctx)
{
	struct diag d = {};
	int status = judge(ctx, http, &d);

	if (status)
		reply_error(http, status, d.text);
	return !status;
}

static int status_of(int r)
{
	switch (r) {
	case -EINVAL:
		return 400;
	case -EACCES:
	case -EPERM:
		return 403;
	case -ENOENT:
		return 404;
	case -EBUSY:
	case -EEXIST:
	case -ESTALE:
		return 409;
	case -EFBIG:
	case -E2BIG:
		return 413;
	case -EAGAIN:
		return 503;
	default:
		return 500;
	}
}

static void on_request(struct httpd_req *http, void *ctx)
{
	const struct control_verb *verb = find(ctx, httpd_path(http), httpd_method(http));
	const struct httpd_peer *peer = httpd_peer(http);
	struct control_server *s = ctx;
	struct control_req *req = calloc(1, sizeof(*req));
	int r;

	if (!req) {
		reply_json(http, 500, NULL);
		return;
	}
	req->http = http;
	req->uid = peer->uid;
	req->pid = peer->pid;
	r = verb->fn(req, s->o.ctx);
	if (r < 0)
		control_reply_error(req, status_of(r), "%s",
				    *req->diag.text ? req->diag.text : strerror(-r));
}

static void on_refuse(struct httpd_req *http, int status, void *ctx)
{
	static const struct {
		int status;
		const char *detail;
	} details[] = {
		{ 400, "this is not an HTTP/1.1 request" },
		{ 408, "the request did not arrive in time" },
		{ 413, "the body is too large" },
		{ 431, "the head of the request is too large" },
		{ 501, "this transfer coding is not known here" },
		{ 503, "too many streams are open" },
		{ 505, "only HTTP/1.0 and HTTP/1.1 are spoken here" },
	};

	for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++) {
		if (details[i].status == status) {
			reply_error(http, status, details[i].detail);
			return;
		}
	}
	reply_error(http, status, "the request was refused");
}

/* NO_GROUP also when the name service fails: fewer may call, never more. */
static gid_t find_group(const char *name)
{
	struct group grp, *found = NULL;
	char text[16384];

	if (getgrnam_r(name, &grp, text, sizeof(text), &found) || !found)
		return NO_GROUP;
	return grp.gr_gid;
}

int control_server_new(struct loop *l, const struct control_opts *o, struct control_server **ret,
		       struct diag *d)
{
	struct control_server *s = calloc(1, sizeof(*s));
	struct httpd_opts http = {
		.request = on_request,
		.admit = on_admit,
		.refuse = on_refuse,
		.ctx = s,
		.max_body = CONTROL_BODY_MAX,
		.stream_notice = CONTROL_STREAM_NOTICE,
	};
	int r;

	if (!s)
		return diag_set(d, -ENOMEM, "cannot start the control server:");
	s->o = *o;
	if (!s->o.read_group)
		s->o.read_group = CONTROL_READ_GROUP;
	if (!s->o.change_group)
		s->o.change_group = CONTROL_CHANGE_GROUP;
	s->read_gid = find_group(s->o.read_group);
	s->change_gid = find_group(s->o.change_group);
	r = httpd_new(l, &http, &s->httpd);
	if (r < 0)
		(void)diag_set(d, r, "cannot start the control server:");
	else
		r = httpd_listen_unix(s->httpd, o->path, 0660, s->read_gid, d);
	if (r < 0) {
		control_server_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void control_server_free(struct control_server *s)
{
	if (!s)
		return;
	httpd_free(s->httpd);
	free(s);
}

const char *control_query(const struct control_req *req, const char *name)
{
	return httpd_query(req->http, name);
}

const char *control_query_nth(const struct control_req *req, const char *name, size_t n)
{
	return httpd_query_nth(req->http, name, n);
}

const void *control_body(const struct control_req *req, size_t *ret_len)
{
	return httpd_body(req->http, ret_len);
}

uid_t control_uid(const struct control_req *req)
{
	return req->uid;
}

pid_t control_pid(const struct control_req *req)
{
	return req->pid;
}

struct diag *control_diag(struct control_req *req)
{
	return &req->diag;
}

json_t *control_actor(const struct control_req *req)
{
	return json_pack("{s:I, s:I}", "uid", (json_int_t)req->uid, "pid", (json_int_t)req->pid);
}

void control_reply(struct control_req *req, int status, json_t *doc)
{
	reply_json(req->http, status, doc);
	free(req);
}

void control_reply_text(struct control_req *req, const char *type, const void *data, size_t len)
{
	httpd_reply(req->http, 200, type, data, len);
	free(req);
}

void control_reply_error(struct control_req *req, int status, const char *fmt, ...)
{
	char detail[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(detail, sizeof(detail), fmt, args); /* a longer one is cut */
	va_end(args);
	reply_error(req->http, status, detail);
	free(req);
}

struct httpd_stream *control_stream_start(struct control_req *req, void (*closed)(void *ctx),
					  void *ctx)
{
	struct httpd_stream *s = httpd_stream_start(req->http, "application/x-ndjson", closed, ctx);

	free(req);
	return s;
}
