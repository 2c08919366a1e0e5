/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that change something beside the policy. */
#include <errno.h>
#include <jansson.h>

#include "audit/journal.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/log.h"
#include "base/str.h"
#include "control/server.h"
#include "daemon/api.h"
#include "daemon/daemon.h"
#include "daemon/dispatch.h"
#include "daemon/notes.h"
#include "daemon/pause.h"
#include "daemon/quarantine.h"
#include "daemon/target.h"
#include "kern/object.h"
#include "net/loop.h"

#define LAST_WORD_MS 200 /* for the reply to POST /v1/detach to go out */

static int wanted(struct control_req *req, const char *name, const char **ret)
{
	*ret = control_query(req, name);
	if (!*ret || !**ret)
		return diag_set(control_diag(req), -EINVAL, "%s: is required", name);
	return 0;
}

static int wanted_target(struct control_req *req, char **ret)
{
	const char *text;
	int r = wanted(req, "target", &text);

	return r < 0 ? r : target_read(req, "target", ret);
}

int api_pause(struct control_req *req, void *ctx)
{
	_cleanup_free_ char *workload = NULL;
	struct pause_ask ask = { 0 };
	struct daemon *d = ctx;
	char until[RFC3339_LEN];
	const char *length = NULL;
	uint64_t until_ns;
	int r;

	r = wanted(req, "for", &length);
	if (r == 0)
		r = wanted(req, "reason", &ask.reason);
	if (r == 0)
		r = target_read(req, "workload", &workload);
	if (r < 0)
		return r;
	ask.workload = workload;
	if (duration_parse(length, &ask.for_ns) < 0)
		return diag_set(control_diag(req), -EINVAL, "for: \"%s\" is not a duration",
				length);
	ask.actor = control_actor(req);
	r = pause_begin(d, &ask, &until_ns, control_diag(req));
	json_decref(ask.actor);
	if (r < 0)
		return r;
	rfc3339_format(until_ns, until);
	control_reply(req, 200, json_pack("{s:s, s:s*}", "until", until, "workload", ask.workload));
	return 0;
}

int api_resume(struct control_req *req, void *ctx)
{
	_cleanup_free_ char *workload = NULL;
	json_t *actor;
	int n;

	n = target_read(req, "workload", &workload);
	if (n < 0)
		return n;
	actor = control_actor(req);
	n = pause_end(ctx, workload, actor);
	json_decref(actor);
	if (n < 0)
		return n;
	if (workload && !n)
		return diag_set(control_diag(req), -ENOENT, "\"%s\" is not paused", workload);
	control_reply(req, 200, json_pack("{s:i, s:s*}", "resumed", n, "workload", workload));
	return 0;
}

static void reply_done(struct control_req *req, const char *target,
		       const struct quarantine_done *done)
{
	control_reply(req, 200,
		      json_pack("{s:s, s:I, s:I}", "target", target, "workloads",
				(json_int_t)done->workloads, "closed", (json_int_t)done->closed));
}

int api_quarantine(struct control_req *req, void *ctx)
{
	struct quarantine_done done = { 0 };
	_cleanup_free_ char *target = NULL;
	const char *reason = NULL;
	json_t *actor;
	int r;

	r = wanted_target(req, &target);
	if (r == 0)
		r = wanted(req, "reason", &reason);
	if (r < 0)
		return r;
	actor = control_actor(req);
	r = quarantine_begin(ctx, target, reason, actor, &done, control_diag(req));
	json_decref(actor);
	if (r == 0)
		reply_done(req, target, &done);
	return r;
}

int api_release(struct control_req *req, void *ctx)
{
	struct quarantine_done done = { 0 };
	_cleanup_free_ char *target = NULL;
	json_t *actor;
	int r;

	r = wanted_target(req, &target);
	if (r < 0)
		return r;
	actor = control_actor(req);
	r = quarantine_end(ctx, target, control_query(req, "reason"), actor, &done,
			   control_diag(req));
	json_decref(actor);
	if (r == 0)
		reply_done(req, target, &done);
	return r;
}

int api_flush(struct control_req *req, void *ctx)
{
	struct daemon *d = ctx;
	int r = dispatch_flush(d);

	if (r == 0 && d->journal)
		r = journal_sync(d->journal);
	if (r < 0)
		return diag_set(control_diag(req), r, "cannot flush:");
	control_reply(req, 200, json_pack("{s:b}", "flushed", 1));
	return 0;
}

static void leave(void *ctx)
{
	struct daemon *d = ctx;

	loop_quit(d->loop);
}

/*
 * The end of enforcement is the end of the daemon: one that lives on without programs would look
 * like one that guards.
 */
int api_detach(struct control_req *req, void *ctx)
{
	struct daemon *d = ctx;
	json_t *actor;
	int r;

	if (d->detached)
		return diag_set(control_diag(req), -EBUSY, "detached already");
	(void)dispatch_flush(d); /* what it still holds; nothing to be done if it fails */
	r = kern_remove(d->kern, control_diag(req));
	if (r < 0)
		return r;
	d->detached = true;
	actor = control_actor(req);
	log_warn("daemon: detached by request, nothing is enforced any more");
	notes_tell(d, RECORD_ADMIN, "detach", json_pack("{s:O*}", "actor", actor));
	json_decref(actor);
	control_reply(req, 200, json_pack("{s:b}", "detached", 1));
	if (!loop_add_timer(d->loop, LAST_WORD_MS, false, leave, d))
		leave(d);
	return 0;
}
