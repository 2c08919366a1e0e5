/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/log.h"
#include "base/str.h"
#include "control/server.h"
#include "daemon/api.h"
#include "daemon/daemon.h"
#include "daemon/inforce.h"
#include "daemon/reload.h"
#include "policy/check.h"
#include "policy/diff.h"

#define CONFIRM_MAX_NS (366ULL * 24 * 3600 * NS_PER_S)

int api_policy_show(struct control_req *req, void *ctx)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	r = inforce_text(ctx, &text, &len, control_diag(req));
	if (r < 0)
		return r;
	control_reply_text(req, "application/json", text, len);
	return 0;
}

/* A document that is refused: {"error","detail","errors":[...]} with every place. */
static int refuse(struct daemon *d, struct control_req *req, int status,
		  const struct policy_check *c)
{
	char detail[600];

	d->reloads[METRICS_RELOAD_REJECTED]++;
	if (c->errors.n)
		snprintf(detail, sizeof(detail), "%u:%u: %s%s%s", c->errors.v[0].line,
			 c->errors.v[0].column, c->errors.v[0].path,
			 *c->errors.v[0].path ? ": " : "", c->errors.v[0].message);
	else
		snprintf(detail, sizeof(detail), "the document is not a policy");
	log_info("daemon: policy from the control API rejected, the one in force stays: %s",
		 detail);
	control_reply(req, status,
		      json_pack("{s:s, s:s, s:o, s:o}", "error",
				status == 413 ? "too-large" : "bad-request", "detail", detail,
				"errors", diag_list_json(&c->errors), "warnings",
				diag_list_json(&c->warnings)));
	return 0;
}

static json_t *result(const struct daemon *d, bool applied, bool unchanged, json_t *changes,
		      const struct policy_check *c)
{
	return json_pack("{s:b, s:I, s:b, s:o, s:o}", "applied", applied, "generation",
			 (json_int_t)d->inforce->generation, "unchanged", unchanged, "changes",
			 changes, "warnings", diag_list_json(&c->warnings));
}

/* Of an old document that cannot be read any more, all is new: that must not stop a new one. */
static json_t *changes_of(struct daemon *d, const struct policy_check *c)
{
	_cleanup_free_ char *old = NULL;
	struct diag diag = { 0 };
	size_t len;

	if (inforce_text(d, &old, &len, &diag) < 0) {
		log_warn("daemon: %s, ignoring it", diag.text);
		return policy_diff("null", c->policy->text);
	}
	return policy_diff(old, c->policy->text);
}

static int apply(struct daemon *d, struct control_req *req, struct policy_check *c, bool dry_run,
		 const struct reload_how *how)
{
	json_t *changes = changes_of(d, c);
	bool unchanged = !strcmp(d->inforce->brief->sha256, c->policy->sha256);
	int r;

	if (!changes)
		return -ENOMEM;
	if (dry_run) {
		control_reply(req, 200, result(d, false, unchanged, changes, c));
		return 0;
	}
	r = reload_apply(d, c, how, control_diag(req));
	if (r < 0) {
		json_decref(changes);
		return r;
	}
	control_reply(req, 200, result(d, r > 0, r == 0, changes, c));
	return 0;
}

static int read_flag(struct control_req *req, const char *name, bool *ret)
{
	const char *text = control_query(req, name);

	if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return diag_set(control_diag(req), -EINVAL, "%s: is true or false", name);
	*ret = text && !strcmp(text, "true");
	return 0;
}

int api_policy_apply(struct control_req *req, void *ctx)
{
	_cleanup_policy_check_ struct policy_check c = { 0 };
	const char *confirm = control_query(req, "confirm");
	struct reload_how how = { 0 };
	struct daemon *d = ctx;
	bool dry_run = false;
	const void *text;
	size_t len;
	int r;

	r = read_flag(req, "dry-run", &dry_run);
	if (r < 0)
		return r;
	if (confirm && (duration_parse(confirm, &how.confirm_ns) < 0 || !how.confirm_ns ||
			how.confirm_ns > CONFIRM_MAX_NS))
		return diag_set(control_diag(req), -EINVAL,
				"confirm: \"%s\" is not a duration up to 366d", confirm);
	text = control_body(req, &len);
	r = inforce_check(d, text ? text : "", len, &c);
	if (r == -EINVAL || r == -EFBIG || r == -E2BIG)
		return refuse(d, req, r == -EFBIG ? 413 : 400, &c);
	if (r < 0)
		return r;
	how.actor = control_actor(req);
	r = apply(d, req, &c, dry_run, &how);
	json_decref(how.actor);
	return r;
}

int api_policy_confirm(struct control_req *req, void *ctx)
{
	struct daemon *d = ctx;
	json_t *actor = control_actor(req);
	int r = reload_confirm(d, actor);

	json_decref(actor);
	if (r == -ESTALE)
		return diag_set(control_diag(req), r, "no policy waits to be confirmed");
	if (r < 0)
		return r;
	control_reply(req, 200,
		      json_pack("{s:b, s:I}", "confirmed", 1, "generation",
				(json_int_t)d->inforce->generation));
	return 0;
}
