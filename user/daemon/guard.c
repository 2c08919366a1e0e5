/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/inforce.h"
#include "daemon/local.h"
#include "daemon/monitor.h"
#include "daemon/notes.h"
#include "kern/existing.h"
#include "kern/maps.h"
#include "kern/netns.h"
#include "kern/object.h"
#include "workload/registry.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static int write_settings(struct daemon *d)
{
	const struct config *c = &d->config;
	int r;

	r = kern_ctl_set(d->kern, ZTA_CTL_ORPHAN_NS, c->orphan_audit ? c->orphan_after_ns : 0);
	if (r == 0)
		r = kern_ctl_set(d->kern, ZTA_CTL_LOG_ALLOWED, c->log_allowed);
	if (r == 0)
		r = monitor_heartbeat(d); /* an old one would weaken the programs at once */
	return r;
}

int guard_up(struct daemon *d, struct diag *diag)
{
	struct kern_opts o = {
		.cgroup = d->options.cgroup,
		.bpffs = d->options.bpffs,
		.adopt = true,
	};
	int r;

	r = kern_open(&o, &d->kern, diag);
	if (r < 0)
		return r;
	d->registry = registry_new();
	if (!d->registry)
		return diag_set(diag, -ENOMEM, "out of memory");
	r = write_settings(d);
	return r < 0 ? diag_set(diag, r, "cannot write the settings:") : 0;
}

/* A start that failed leaves nothing behind that it made. */
static bool is_litter(const struct daemon *d)
{
	return d->kern && !d->attached && !kern_adopted(d->kern) && !kern_was_attached(d->kern);
}

void guard_down(struct daemon *d)
{
	struct diag diag;

	if (is_litter(d) && kern_remove(d->kern, &diag) < 0)
		log_warn("daemon: pinned maps stay behind, ignoring it: %s", diag.text);
	registry_free(d->registry);
	d->registry = NULL;
	kern_close(d->kern);
	d->kern = NULL;
}

/*
 * Without its cookie the machine's own addresses are unknown at connect(): then they are judged
 * like foreign ones there, and row 3 holds for what leaves by lo.
 */
int guard_sync_local(struct daemon *d)
{
	_cleanup_free_ struct zta_addr *v = NULL;
	size_t n;
	int r;

	if (!d->netns) {
		r = netns_cookie(d->kern, &d->netns);
		if (r == 0)
			r = kern_ctl_set(d->kern, ZTA_CTL_NETNS, d->netns);
		if (r < 0)
			return r;
	}
	r = local_list(&v, &n);
	return r < 0 ? r : kern_local_sync(d->kern, d->netns, v, n);
}

/* Time of this boot in which nobody was judged: before a first attach, and in a gap since then. */
static void count_unguarded(struct daemon *d, bool first)
{
	_cleanup_free_ char *boot = NULL;
	struct store *s = &d->store;
	uint64_t now = clock_boot_ns();

	if (file_read_all(BOOT_ID, sizeof(s->boot_id), &boot, NULL) < 0)
		return; /* then it cannot be told from the last boot's */
	boot[strcspn(boot, "\n")] = '\0';
	if (strcmp(boot, s->boot_id) != 0) {
		memcpy(s->boot_id, boot, strlen(boot) + 1);
		s->unguarded = first ? now : 0;
	} else if (first && now > s->guarded_till) {
		s->unguarded += now - s->guarded_till;
	}
	inforce_save(d);
}

static int mark_existing(struct daemon *d, struct diag *diag)
{
	struct kern_existing e = { 0 };
	int r;

	r = kern_mark_existing(d->kern, d->config.existing_keep, &e, diag);
	if (r < 0) { /* the window must close: unmarked ones are judged, though some may break */
		log_err("daemon: open sockets could not be marked, judging them: %s", diag->text);
		return kern_ctl_set(d->kern, ZTA_CTL_EXISTING, ZTA_EXISTING_JUDGE);
	}
	log_info("daemon: open sockets %s marked=%u inbound=%u failed=%u",
		 d->config.existing_keep ? "kept" : "judged", e.marked, e.inbound, e.failed);
	notes_tell(d, RECORD_LIFECYCLE, "adopted",
		   json_pack("{s:s, s:i, s:i, s:i}", "existing",
			     d->config.existing_keep ? "keep" : "judge", "sockets", (int)e.marked,
			     "inbound", (int)e.inbound, "failed", (int)e.failed));
	return 0;
}

int guard_attach(struct daemon *d, struct diag *diag)
{
	bool first = !kern_was_attached(d->kern);
	int r;

	r = kern_attach(d->kern, diag);
	if (r < 0)
		return r;
	d->attached = true;
	count_unguarded(d, first);
	/* also what a daemon left undone that was killed in between */
	if (kern_ctl_get(d->kern, ZTA_CTL_EXISTING) == ZTA_EXISTING_MARKING) {
		r = mark_existing(d, diag);
		if (r < 0)
			return r;
	}
	log_info("daemon: %s cgroup=%s", first ? "attached" : "adopted", kern_cgroup_path(d->kern));
	notes_tell(d, RECORD_LIFECYCLE, first ? "attached" : "restarted", NULL);
	return 0;
}
