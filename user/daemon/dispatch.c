/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/record.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/log.h"
#include "daemon/answers.h"
#include "daemon/daemon.h"
#include "daemon/desk.h"
#include "daemon/monitor.h"
#include "daemon/names.h"
#include "daemon/notes.h"
#include "daemon/selftest.h"
#include "daemon/why.h"
#include "kern/fold.h"
#include "kern/ring.h"
#include "kern/sockdiag.h"
#include "net/loop.h"
#include "zta_event.h"
#include "zta_reason.h"

#define BATCH	  128 /* records between two turns of the loop */
#define DRAIN_MAX ((ZTA_DENIAL_RING_BYTES + ZTA_NOTE_RING_BYTES) / sizeof(struct zta_event))

struct dispatch {
	struct kern_ring *ring;
	struct loop_event *readable;
	uint64_t closed_last; /* cookie of the socket closed last: its packets tell it again */
};

/*
 * The kernel drops what a cut connection sends, whether we live or not; closing the socket only
 * tells its owner sooner. So a failure here is not told: doctor says whether it can work at all.
 */
static void close_cut(struct dispatch *x, const struct zta_event *e)
{
	if (!e->cookie || e->cookie == x->closed_last)
		return;
	x->closed_last = e->cookie;
	(void)sock_close_event(e);
}

/* Somebody answers in a resolver's place, where no answer is believed: told once a workload. */
static void take_captured(struct daemon *d, const struct zta_event *note)
{
	struct zta_event e = *note;
	json_t *record = NULL;

	if (!answers_first_captured(d, note->workload))
		return;
	e.type = ZTA_EVENT_DNS;
	e.verdict = ZTA_VERDICT_ALLOW;
	e.reason = ZTA_REASON_CAPTURED_DNS;
	e.rule = ZTA_RULE_NONE;
	e.count = 1;
	(void)record_from_event(&e, names_ctx(d), &record); /* NULL is counted */
	notes_put(d, record);
}

static void take_event(void *ctx, const struct zta_event *e)
{
	struct daemon *d = ctx;
	json_t *record = NULL;
	int r;

	if (e->flags & ZTA_EVENT_SELFTEST) {
		selftest_event(d, e);
		return;
	}
	if (e->type == ZTA_EVENT_CGROUP) {
		monitor_rescan_soon(d);
		return;
	}
	if (e->type == ZTA_EVENT_CLOSE) {
		close_cut(d->dispatch, e);
		return;
	}
	if (e->type == ZTA_EVENT_ANSWER) {
		answers_note(d, (const struct zta_answer_note *)e);
		return;
	}
	if (e->type == ZTA_EVENT_CAPTURED) {
		take_captured(d, e);
		return;
	}
	if (e->type == ZTA_EVENT_DNS)
		kern_ring_notes(d->dispatch->ring); /* what it speaks of came before it */
	r = record_from_event(e, names_ctx(d), &record);
	if (r == -ENODATA)
		return;
	if (record)
		why_note(d->why, record);
	notes_put(d, record); /* NULL: counted as lost */
	if ((e->flags & ZTA_EVENT_CUT) && e->verdict == ZTA_VERDICT_DENY) /* in audit it goes on */
		close_cut(d->dispatch, e);
	if (e->type == ZTA_EVENT_EGRESS)
		monitor_seen(d, e->workload);
}

static void readable(void *ctx)
{
	struct daemon *d = ctx;

	(void)kern_ring_consume(d->dispatch->ring, BATCH); /* what is left wakes us again */
}

int dispatch_up(struct daemon *d, struct diag *diag)
{
	struct dispatch *x = calloc(1, sizeof(*x));
	int r;

	d->dispatch = x;
	if (!x)
		return diag_set(diag, -ENOMEM, "out of memory");
	r = kern_ring_open(d->kern, take_event, d, &x->ring);
	if (r < 0)
		return diag_set(diag, r, "cannot read the rings:");
	x->readable = loop_add_fd(d->loop, kern_ring_fd(x->ring), readable, d);
	return x->readable ? 0 : -ENOMEM;
}

void dispatch_down(struct daemon *d)
{
	if (!d->dispatch)
		return;
	loop_event_free(d->dispatch->readable);
	kern_ring_close(d->dispatch->ring);
	free(d->dispatch);
	d->dispatch = NULL;
}

void dispatch_drain(struct daemon *d)
{
	if (d->dispatch)
		(void)kern_ring_consume(d->dispatch->ring, DRAIN_MAX); /* the rest comes later */
}

int dispatch_flush(struct daemon *d)
{
	int r;

	dispatch_drain(d); /* room for what is told now */
	desk_tick(d, true);
	r = kern_fold_flush(d->kern, true, clock_boot_ns());
	dispatch_drain(d);
	return r < 0 ? r : 0;
}
