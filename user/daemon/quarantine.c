/* SPDX-License-Identifier: Apache-2.0 */
#include "quarantine.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/inforce.h"
#include "daemon/monitor.h"
#include "daemon/notes.h"
#include "daemon/target.h"
#include "kern/maps.h"
#include "kern/sockdiag.h"
#include "workload/registry.h"

int quarantine_up(struct daemon *d, struct diag *diag)
{
	for (size_t i = 0; i < d->store.n_quarantines; i++) {
		const char *target = d->store.quarantines[i].target;
		int r = registry_quarantine(d->registry, target);

		if (r < 0 && r != -EEXIST)
			return diag_set(diag, r, "cannot quarantine '%s' again:", target);
	}
	return 0;
}

struct counting {
	const char *target;
	size_t n;
};

static int count_one(void *ctx, const struct registry_entry *e)
{
	struct counting *c = ctx;

	if (e->alive && e->path && target_holds(c->target, e->path))
		c->n++;
	return 0;
}

/* In force for every packet from here on, open connections included. */
static void settle(struct daemon *d, const char *target, struct quarantine_done *done)
{
	struct counting c = { .target = target };

	inforce_save(d);
	monitor_rescan(d);
	if (kern_ctl_bump(d->kern) < 0)
		log_warn("daemon: open connections keep their verdict until their next change");
	(void)registry_each(d->registry, count_one, &c);
	done->workloads = c.n;
}

/* Packets are dropped already; this only tells the owners at once. */
static size_t close_connections(struct daemon *d, const char *target)
{
	_cleanup_free_ uint64_t *ids = NULL;
	size_t n;
	int r;

	if (registry_subtree(d->kern, target, &ids, &n) < 0)
		return 0; /* nobody is there yet */
	r = sock_close_cgroups(ids, n);
	return r > 0 ? r : 0;
}

static void tell(struct daemon *d, const char *what, const char *target, const char *reason,
		 json_t *actor)
{
	log_info("daemon: %s target=%s", what, target);
	notes_tell(d, RECORD_ADMIN, what,
		   json_pack("{s:s, s:s*, s:O*}", "target", target, "detail",
			     reason && *reason ? reason : NULL, "actor", actor));
}

int quarantine_begin(struct daemon *d, const char *target, const char *reason, json_t *actor,
		     struct quarantine_done *ret, struct diag *diag)
{
	struct store_quarantine q = {
		.target = (char *)target,
		.reason = (char *)reason,
		.since = clock_real_ns(),
	};
	int r;

	r = registry_quarantine(d->registry, target);
	if (r == -EINVAL)
		return diag_set(diag, r, "target: \"%s\" is not a cgroup path", target);
	if (r < 0 && r != -EEXIST)
		return diag_set(diag, r, "cannot quarantine:");
	r = store_set_quarantine(&d->store, &q);
	if (r < 0) {
		(void)registry_release(d->registry, target); /* it did not begin */
		return diag_set(diag, r, "cannot quarantine:");
	}
	settle(d, target, ret);
	ret->closed = close_connections(d, target);
	monitor_watch_targets(d);
	tell(d, "quarantine", target, reason, actor);
	return 0;
}

int quarantine_end(struct daemon *d, const char *target, const char *reason, json_t *actor,
		   struct quarantine_done *ret, struct diag *diag)
{
	if (!store_drop_quarantine(&d->store, target))
		return diag_set(diag, -ENOENT, "\"%s\" is not quarantined", target);
	(void)registry_release(d->registry, target); /* -ENOENT: it was not there either */
	settle(d, target, ret);
	monitor_watch_targets(d);
	tell(d, "release", target, reason, actor);
	return 0;
}

bool quarantine_covers(const struct daemon *d, const char *cgroup)
{
	for (size_t i = 0; i < d->store.n_quarantines; i++)
		if (target_holds(d->store.quarantines[i].target, cgroup))
			return true;
	return false;
}
