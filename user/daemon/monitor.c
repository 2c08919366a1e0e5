/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/desk.h"
#include "daemon/expiry.h"
#include "daemon/guard.h"
#include "daemon/health.h"
#include "daemon/inforce.h"
#include "daemon/local.h"
#include "daemon/notes.h"
#include "daemon/notify.h"
#include "daemon/pause.h"
#include "daemon/reload.h"
#include "kern/fold.h"
#include "kern/maps.h"
#include "kern/object.h"
#include "net/loop.h"
#include "policy/apply.h"
#include "workload/registry.h"

#define TICK_MS	       1000
#define HEARTBEAT_S    10
#define FLUSH_S	       60
#define RESCAN_S       30 /* cgroups that went; also whatever a lost notice would have told */
#define RESCAN_ALONE_S 2  /* where the kernel does not give new cgroups their workload */
#define SOON_MS	       50
#define CLOCK_STEP_NS  (500 * (int64_t)NS_PER_MS) /* smaller ones are nobody's business */

struct monitor {
	struct loop_event *tick, *soon, *watchdog, *addresses, *appeared;
	int netlink, inotify;
	uint64_t ticks;
	int64_t ahead; /* of the wall clock over the time since boot, ns */
	bool waiting;  /* for soon */
	bool alone;    /* the kernel does not see new cgroups */
	bool local_failed;
	bool rescan_failed;
	bool hooks_lost;
};

int monitor_heartbeat(struct daemon *d)
{
	return kern_ctl_set(d->kern, ZTA_CTL_HEARTBEAT, clock_mono_ns());
}

void monitor_rescan(struct daemon *d)
{
	bool failed;
	int r;

	if (!d->inforce || !d->inforce->brief)
		return; /* policy_apply() will */
	r = policy_rescan(d->kern, &d->inforce->brief->patterns, d->registry);
	failed = r < 0;
	if (failed && d->monitor && !d->monitor->rescan_failed)
		log_err("daemon: cannot walk the cgroups, new ones may have their parent's profile,"
			" retrying: %s",
			strerror(-r));
	if (d->monitor)
		d->monitor->rescan_failed = failed;
}

static void rescan_now(void *ctx)
{
	struct daemon *d = ctx;

	d->monitor->waiting = false;
	monitor_rescan(d);
}

void monitor_rescan_soon(struct daemon *d)
{
	struct monitor *m = d->monitor;

	if (m && !m->waiting)
		m->waiting = loop_timer_set(m->soon, SOON_MS) == 0;
}

void monitor_seen(struct daemon *d, uint64_t workload)
{
	if (workload && !registry_find_path(d->registry, workload))
		monitor_rescan_soon(d);
}

/* The directory in which a path below the attach point would appear, or the nearest above. */
static void watch_parent(struct daemon *d, const char *target)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s%s", kern_cgroup_path(d->kern), target);
	size_t root = strlen(kern_cgroup_path(d->kern));

	if (len < 0 || (size_t)len >= sizeof(path))
		return; /* no such directory can exist */
	while (strlen(path) > root) {
		*strrchr(path, '/') = '\0';
		if (inotify_add_watch(d->monitor->inotify, path,
				      IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) >= 0)
			return; /* without one the next regular rescan finds it */
	}
}

void monitor_watch_targets(struct daemon *d)
{
	if (!d->monitor)
		return;
	for (size_t i = 0; i < d->store.n_quarantines; i++)
		watch_parent(d, d->store.quarantines[i].target);
	for (size_t i = 0; i < d->store.n_pauses; i++)
		if (d->store.pauses[i].target)
			watch_parent(d, d->store.pauses[i].target);
}

static void appeared(void *ctx)
{
	struct daemon *d = ctx;
	char buf[4096];

	while (read(d->monitor->inotify, buf, sizeof(buf)) > 0)
		; /* which one does not matter: the walk finds it */
	monitor_rescan(d);
	monitor_watch_targets(d); /* one level deeper, perhaps */
}

static void sync_local(struct daemon *d)
{
	struct monitor *m = d->monitor;
	int r = guard_sync_local(d);

	if (r < 0 && r != -ENODATA && !m->local_failed)
		log_err("daemon: own addresses are not known, judging them as foreign: %s",
			strerror(-r));
	m->local_failed = r < 0;
}

static void addresses_changed(void *ctx)
{
	struct daemon *d = ctx;

	if (local_drain(d->monitor->netlink))
		sync_local(d);
}

/*
 * Not repaired here: whoever removed a hook had the right to, or is an intruder; in both cases
 * somebody should look, and a restart attaches it again.
 */
static void look_at_hooks(struct daemon *d)
{
	bool lost = !health_hooks_attached(d);

	if (lost)
		d->store.unguarded += HEARTBEAT_S * NS_PER_S;
	if (lost == d->monitor->hooks_lost)
		return;
	d->monitor->hooks_lost = lost;
	if (lost)
		log_err("daemon: a hook is no longer attached, not everything is judged");
	else
		log_info("daemon: all hooks are attached again");
	notes_tell(d, RECORD_LIFECYCLE, lost ? "hook-lost" : "hooks-attached", NULL);
}

static void beat(struct daemon *d)
{
	int r = monitor_heartbeat(d);

	if (r < 0)
		log_err("daemon: heartbeat failed, retrying: %s", strerror(-r));
	reload_look(d);
	look_at_hooks(d);
	if (d->monitor->local_failed)
		sync_local(d);
}

static int64_t clock_ahead(void)
{
	return (int64_t)(clock_real_ns() - clock_boot_ns());
}

/* Somebody, or a time service, set the wall clock. */
static void follow_clock(struct daemon *d)
{
	int64_t now = clock_ahead(), step = now - d->monitor->ahead;

	if (step > -CLOCK_STEP_NS && step < CLOCK_STEP_NS)
		return;
	d->monitor->ahead = now;
	log_info("daemon: the clock was set step_s=%lld", (long long)step / (int64_t)NS_PER_S);
	pause_clock_set(d, step);
	reload_clock_set(d, step);
	inforce_save(d);
}

static void tick(void *ctx)
{
	struct daemon *d = ctx;
	struct monitor *m = d->monitor;

	m->ticks++;
	follow_clock(d);
	notes_tick(d);
	desk_tick(d, false);
	expiry_tick(d);
	inforce_tidy(d);
	if (d->inforce->unsaved)
		inforce_save(d);
	if (m->ticks % HEARTBEAT_S == 0)
		beat(d);
	if (m->ticks % FLUSH_S == 0)
		(void)kern_fold_flush(d->kern, false, clock_boot_ns()); /* next minute, then */
	if (m->ticks % (m->alone ? RESCAN_ALONE_S : RESCAN_S) == 0)
		monitor_rescan(d);
}

static void pat(void *ctx)
{
	(void)notify_send("WATCHDOG=1"); /* a manager that hears nothing acts by itself */
}

static int add_events(struct daemon *d)
{
	struct monitor *m = d->monitor;
	unsigned int watchdog = notify_watchdog_ms();

	m->tick = loop_add_timer(d->loop, TICK_MS, true, tick, d);
	m->soon = loop_add_timer(d->loop, SOON_MS, false, rescan_now, d);
	m->addresses = loop_add_fd(d->loop, m->netlink, addresses_changed, d);
	m->appeared = loop_add_fd(d->loop, m->inotify, appeared, d);
	if (!m->tick || !m->soon || !m->addresses || !m->appeared)
		return -ENOMEM;
	if (watchdog) {
		m->watchdog = loop_add_timer(d->loop, watchdog, true, pat, d);
		if (!m->watchdog)
			return -ENOMEM;
	}
	return 0;
}

int monitor_up(struct daemon *d, struct diag *diag)
{
	struct monitor *m = calloc(1, sizeof(*m));
	const char *why = NULL;
	int r;

	d->monitor = m;
	if (!m)
		return diag_set(diag, -ENOMEM, "out of memory");
	m->ahead = clock_ahead();
	m->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	m->netlink = local_open();
	if (m->inotify < 0 || m->netlink < 0)
		return diag_set(diag, m->netlink < 0 ? m->netlink : -errno,
				"cannot follow addresses and cgroups:");
	r = add_events(d);
	if (r < 0)
		return diag_set(diag, r, "out of memory");
	m->alone = !kern_has_mkdir(d->kern, &why);
	if (m->alone)
		log_warn("daemon: new cgroups have default_profile until they are seen, walking "
			 "the tree every %d s: %s",
			 RESCAN_ALONE_S, why);
	sync_local(d); /* changes from before we listened */
	monitor_watch_targets(d);
	return 0;
}

void monitor_down(struct daemon *d)
{
	struct monitor *m = d->monitor;

	if (!m)
		return;
	loop_event_free(m->tick);
	loop_event_free(m->soon);
	loop_event_free(m->watchdog);
	loop_event_free(m->addresses);
	loop_event_free(m->appeared);
	if (m->netlink > 0)
		(void)close(m->netlink); /* only read from, both */
	if (m->inotify > 0)
		(void)close(m->inotify);
	free(m);
	d->monitor = NULL;
}

double monitor_unguarded_s(const struct daemon *d)
{
	return (double)d->store.unguarded / (double)NS_PER_S;
}
