// SPDX-License-Identifier: Apache-2.0
#include "ctl/call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/utf8.h"
#include "ctl/args.h"
#include "ctl/print.h"

void call_init(struct call *q, const char *method, const char *path)
{
	*q = (struct call){ .method = method };
	snprintf(q->target, sizeof(q->target), "%s", path);
}

void call_add(struct call *q, const char *name, const char *value)
{
	if (value && !utf8_valid(value))
		q->not_utf8 = name;
	if (value && q->n_members++ == HTTP_QUERIES_MAX)
		q->too_long = true;
	if (control_target_add(q->target, sizeof(q->target), name, value) < 0)
		q->too_long = true;
}

void call_add_option(struct call *q, const struct ctl_args *a, const char *name)
{
	const char *value;
	size_t i = 0;

	while ((value = args_next(a, name, &i)))
		call_add(q, name, value);
}

enum ctl_exit call_request(const struct ctl *c, const struct call *q, struct control_request *ret)
{
	if (q->not_utf8)
		return ctl_usage("%s: is not UTF-8", q->not_utf8);
	if (q->too_long)
		return ctl_usage("the options are too long for one request");
	*ret = (struct control_request){
		.socket = c->socket,
		.method = q->method,
		.target = q->target,
		.body = q->body,
		.len = q->len,
	};
	return CTL_OK;
}

enum ctl_exit call_failed(const struct ctl *c, int r, const char *why)
{
	if (control_unreachable(r))
		return ctl_fail(c, CTL_UNREACHABLE, "unreachable", "%s", why);
	if (r == -EACCES || r == -EPERM)
		return ctl_fail(c, CTL_DENIED, "forbidden", "%s", why);
	return ctl_fail(c, CTL_FAILED, "failed", "%s", why);
}

enum ctl_exit call_refused(const struct ctl *c, int status, const char *body, size_t len)
{
	json_t *v = json_loadb(body ? body : "", len, 0, NULL);
	const char *error = print_string(v, "error");
	const char *detail = print_string(v, "detail");
	enum ctl_exit r = status == 403 ? CTL_DENIED : CTL_FAILED;

	if (status == 400)
		r = ctl_usage("%s", *detail ? detail : "the daemon does not take this");
	else if (*error && c->json)
		ctl_json(v); /* with every member that the daemon has to say */
	else if (*error)
		r = ctl_fail(c, r, error, "%s", *detail ? detail : error);
	else
		r = ctl_fail(c, r, "failed", "the daemon replied %d %s", status,
			     http_phrase(status));
	json_decref(v);
	return r;
}

enum ctl_exit call_reply(const struct ctl *c, const struct call *q, struct control_reply_in *ret)
{
	struct control_request rq;
	struct diag d = { "" };
	enum ctl_exit status = call_request(c, q, &rq);
	int r;

	if (status != CTL_OK)
		return status;
	r = control_call(&rq, ret, &d);
	return r < 0 ? call_failed(c, r, d.text) : CTL_OK;
}

enum ctl_exit call_document(const struct ctl *c, const struct control_reply_in *reply, json_t **ret)
{
	json_t *v;

	if (reply->status != 200)
		return call_refused(c, reply->status, reply->body, reply->len);
	v = json_loadb(reply->body, reply->len, 0, NULL);
	if (!v)
		return ctl_fail(c, CTL_FAILED, "failed", "the daemon's reply is no JSON");
	*ret = v;
	return CTL_OK;
}

enum ctl_exit call_json(const struct ctl *c, const struct call *q, json_t **ret)
{
	struct control_reply_in reply = { 0 };
	enum ctl_exit r = call_reply(c, q, &reply);

	if (r != CTL_OK)
		return r;
	r = call_document(c, &reply, ret);
	control_reply_in_free(&reply);
	return r;
}

enum ctl_exit call_print(const struct ctl *c, const struct call *q, json_t **ret)
{
	json_t *v;
	enum ctl_exit r = call_json(c, q, &v);

	if (r != CTL_OK)
		return r;
	*ret = v;
	if (c->json) {
		ctl_json(v);
		json_decref(v);
		*ret = NULL;
	}
	return CTL_OK;
}

enum ctl_exit call_reach(const struct ctl *c)
{
	struct call q;
	json_t *v;
	enum ctl_exit r;

	call_init(&q, "GET", "/v1/status");
	r = call_json(c, &q, &v);
	if (r == CTL_OK)
		json_decref(v);
	return r;
}
