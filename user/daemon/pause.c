/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The end of a pause stands in the kernel (CLOCK_BOOTTIME), so it ends by itself, daemon or not.
 * The state file has it by the wall clock, so a reboot neither ends nor lengthens it. The daemon's
 * timer only tells of the end and forgets it. When the wall clock is set, what we remember moves
 * along: the kernel's word is the one that counts.
 */
#include "pause.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/health.h"
#include "daemon/inforce.h"
#include "daemon/monitor.h"
#include "daemon/notes.h"
#include "daemon/reload.h"
#include "daemon/target.h"
#include "kern/maps.h"
#include "net/loop.h"
#include "workload/registry.h"

#define FOR_MAX_NS     (366ULL * 24 * 3600 * NS_PER_S)
#define FILE_BYTES_MAX 64

struct pause {
	struct loop_event *end; /* timer: the next end */
};

static uint64_t real_to_boot(uint64_t real)
{
	uint64_t now = clock_real_ns();

	return real > now ? clock_boot_ns() + (real - now) : 0;
}

static int put_one(struct daemon *d, const char *target, uint64_t until)
{
	uint64_t boot = until ? real_to_boot(until) : 0;

	return target ? registry_pause(d->registry, target, boot)
		      : kern_ctl_set(d->kern, ZTA_CTL_PAUSE_UNTIL, boot);
}

static void arm_end(struct daemon *d)
{
	struct pause *p = d->pause;
	uint64_t next = UINT64_MAX, now = clock_real_ns();

	for (size_t i = 0; i < d->store.n_pauses; i++)
		if (d->store.pauses[i].until < next)
			next = d->store.pauses[i].until;
	if (next == UINT64_MAX)
		loop_timer_stop(p->end);
	else
		(void)loop_timer_set(p->end, next > now ? (next - now) / NS_PER_MS + 1 : 0);
}

void pause_clock_set(struct daemon *d, int64_t step_ns)
{
	for (size_t i = 0; i < d->store.n_pauses; i++)
		d->store.pauses[i].until += step_ns;
	arm_end(d);
}

/* Cached verdicts of the time before (or during) the pause are judged again. */
static void settle(struct daemon *d)
{
	arm_end(d);
	inforce_save(d);
	monitor_rescan(d);
	monitor_watch_targets(d);
	if (kern_ctl_bump(d->kern) < 0)
		log_warn("daemon: open connections keep their verdict until their next change");
	health_changed(d);
}

static void tell(struct daemon *d, const char *what, const struct store_pause *p, json_t *actor)
{
	char until[RFC3339_LEN];

	rfc3339_format(p->until, until);
	log_info("daemon: %s workload=%s until=%s", what, p->target ? p->target : "all", until);
	notes_tell(d, RECORD_ADMIN, what,
		   json_pack("{s:s*, s:s, s:s*, s:O*}", "target", p->target, "until", until,
			     "detail", *p->reason ? p->reason : NULL, "actor", actor));
}

/* Forget one pause. */
static int drop(struct daemon *d, const char *what, const char *target, json_t *actor)
{
	const struct store_pause *p = store_find_pause(&d->store, target);
	int r = put_one(d, target, 0);

	if (r < 0)
		return r;
	tell(d, what, p, actor);
	(void)store_drop_pause(&d->store, p->target); /* it was found */
	return 0;
}

/* Those that are over by the clock. */
static void ended(void *ctx)
{
	struct daemon *d = ctx;
	uint64_t now = clock_real_ns();

	for (size_t i = d->store.n_pauses; i-- > 0;)
		if (d->store.pauses[i].until <= now)
			(void)drop(d, "pause-ended", d->store.pauses[i].target, NULL);
	settle(d);
}

int pause_begin(struct daemon *d, const struct pause_ask *ask, uint64_t *ret_until,
		struct diag *diag)
{
	struct store_pause p = {
		.target = (char *)ask->workload,
		.reason = (char *)ask->reason,
		.until = clock_real_ns() + ask->for_ns,
	};
	int r;

	if (!ask->for_ns || ask->for_ns > FOR_MAX_NS)
		return diag_set(diag, -EINVAL, "for: a pause lasts from 1s to 366d");
	r = put_one(d, p.target, p.until);
	if (r == -EINVAL)
		return diag_set(diag, r, "workload: \"%s\" is not a cgroup path", p.target);
	if (r < 0)
		return diag_set(diag, r, "cannot pause:");
	r = store_set_pause(&d->store, &p);
	if (r < 0) {
		(void)put_one(d, p.target, 0); /* what cannot be remembered does not begin */
		return diag_set(diag, r, "cannot pause:");
	}
	tell(d, "pause", &p, ask->actor);
	settle(d);
	*ret_until = p.until;
	return 0;
}

int pause_end(struct daemon *d, const char *workload, json_t *actor)
{
	int n = 0, r = 0;

	for (size_t i = d->store.n_pauses; i-- > 0;) {
		if (workload && !str_eq(d->store.pauses[i].target, workload))
			continue;
		r = drop(d, "resume", d->store.pauses[i].target, actor);
		if (r < 0)
			break;
		n++;
	}
	settle(d);
	return r < 0 ? r : n;
}

static int read_file(const char *path, uint64_t *ret_mtime, uint64_t *ret_seconds)
{
	_cleanup_free_ char *text = NULL;
	unsigned long long seconds;
	struct stat st;
	char *end;
	int r;

	if (stat(path, &st) < 0)
		return -errno;
	*ret_mtime = st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
	r = file_read_regular(path, FILE_BYTES_MAX, &text, NULL);
	if (r < 0)
		return r;
	errno = 0;
	seconds = strtoull(text, &end, 10);
	end += strspn(end, " \t\r\n");
	if (!isdigit((unsigned char)text[0]) || *end || errno || !seconds ||
	    seconds > FOR_MAX_NS / NS_PER_S)
		return -EINVAL;
	*ret_seconds = seconds;
	return 0;
}

/*
 * The file counts from its modification: a restart does not make its pause longer. One from the
 * future (made elsewhere, or before the clock was set back) counts from now.
 */
static void obey(struct daemon *d, uint64_t mtime, uint64_t seconds)
{
	uint64_t now = clock_real_ns();
	struct store_pause p = {
		.reason = (char *)"pause file",
		.until = (mtime < now ? mtime : now) + seconds * NS_PER_S,
		.from_file = true,
	};

	if (p.until <= now)
		return;
	if (store_set_pause(&d->store, &p) < 0 || put_one(d, NULL, p.until) < 0) {
		log_err("daemon: the pause file cannot be obeyed, ignoring it");
		return;
	}
	tell(d, "pause", &p, NULL);
	settle(d);
}

void pause_file_changed(struct daemon *d)
{
	const struct store_pause *p = store_find_pause(&d->store, NULL);
	const char *path = reload_pause_path(d);
	uint64_t mtime = 0, seconds = 0;
	int r;

	r = read_file(path, &mtime, &seconds);
	if (r == -ENOENT) {
		if (p && p->from_file) {
			(void)drop(d, "resume", NULL, NULL);
			settle(d);
		}
		return;
	}
	if (mtime == d->store.pause_file)
		return;
	d->store.pause_file = mtime;
	if (r < 0)
		log_warn("daemon: '%s' holds no number of seconds, ignoring it", path);
	else
		obey(d, mtime, seconds);
}

int pause_up(struct daemon *d, struct diag *diag)
{
	uint64_t now = clock_real_ns();

	d->pause = calloc(1, sizeof(*d->pause));
	if (!d->pause)
		return diag_set(diag, -ENOMEM, "out of memory");
	d->pause->end = loop_add_timer(d->loop, 0, false, ended, d);
	if (!d->pause->end)
		return diag_set(diag, -ENOMEM, "out of memory");
	for (size_t i = 0; i < d->store.n_pauses; i++) {
		const struct store_pause *p = &d->store.pauses[i];
		int r = p->until > now ? put_one(d, p->target, p->until) : 0;

		if (r < 0) /* enforcing though paused is the safe side, but it must be known */
			log_err("daemon: a pause cannot be taken up again, enforcing target=%s: %s",
				p->target ? p->target : "all", strerror(-r));
	}
	return 0;
}

void pause_down(struct daemon *d)
{
	if (!d->pause)
		return;
	loop_event_free(d->pause->end);
	free(d->pause);
	d->pause = NULL;
}

uint64_t pause_until(const struct daemon *d)
{
	const struct store_pause *p = store_find_pause(&d->store, NULL);

	return p && p->until > clock_real_ns() ? p->until : 0;
}

bool pause_active(const struct daemon *d)
{
	return pause_until(d) != 0;
}

bool pause_covers(const struct daemon *d, const char *cgroup)
{
	uint64_t now = clock_real_ns();

	for (size_t i = 0; i < d->store.n_pauses; i++)
		if (d->store.pauses[i].target && d->store.pauses[i].until > now &&
		    target_holds(d->store.pauses[i].target, cgroup))
			return true;
	return false;
}
