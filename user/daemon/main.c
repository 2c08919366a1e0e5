/* SPDX-License-Identifier: Apache-2.0 */
/* ztad: start-up as a table of contents; the end runs it backwards. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/answers.h"
#include "daemon/api.h"
#include "daemon/check.h"
#include "daemon/daemon.h"
#include "daemon/desk.h"
#include "daemon/detach.h"
#include "daemon/dispatch.h"
#include "daemon/guard.h"
#include "daemon/inforce.h"
#include "daemon/isolate.h"
#include "daemon/listener.h"
#include "daemon/lock.h"
#include "daemon/monitor.h"
#include "daemon/names.h"
#include "daemon/notes.h"
#include "daemon/notify.h"
#include "daemon/pause.h"
#include "daemon/quarantine.h"
#include "daemon/reload.h"
#include "daemon/resolve_check.h"
#include "daemon/selftest.h"
#include "daemon/worker.h"
#include "daemon/worker_main.h"
#include "net/loop.h"

static int config_up(struct daemon *d, struct diag *diag)
{
	struct diag_list errors = { 0 };
	int r;

	r = config_load(d->options.config, d->options.config_given, &errors, &d->config, diag);
	for (size_t i = 0; i < errors.n; i++)
		log_err("daemon: configuration rejected: %s:%u:%u: %s%s%s", d->options.config,
			errors.v[i].line, errors.v[i].column, errors.v[i].path,
			*errors.v[i].path ? ": " : "", errors.v[i].message);
	diag_list_free(&errors);
	return r;
}

static void config_down(struct daemon *d)
{
	config_free(&d->config);
}

static int lock_up(struct daemon *d, struct diag *diag)
{
	const char *dir = d->options.run_dir;
	pid_t holder = 0;
	int r;

	r = file_mkdir_p(dir, 0755);
	if (r < 0)
		return diag_set(diag, r, "cannot make the run directory '%s':", dir);
	r = lock_file(dir, &d->lock_fd, &holder);
	if (r == -EBUSY)
		return diag_set(diag, r, "another ztad runs with '%s', pid %d", dir, (int)holder);
	return r < 0 ? diag_set(diag, r, "cannot lock '%s':", dir) : 0;
}

static void lock_down(struct daemon *d)
{
	cleanup_close(&d->lock_fd);
	d->lock_fd = -1;
}

static int caps_up(struct daemon *d, struct diag *diag)
{
	return isolate_check(d->options.action == OPTIONS_RUN, diag);
}

static int store_up(struct daemon *d, struct diag *diag)
{
	int r = store_open(d->options.state_dir, &d->store, diag);

	if (r > 0)
		log_err("daemon: %s: pauses and quarantines are forgotten", diag->text);
	return r < 0 ? r : 0;
}

static void store_down(struct daemon *d)
{
	store_close(&d->store);
}

static int loop_up(struct daemon *d, struct diag *diag)
{
	return loop_new(&d->loop) < 0 ? diag_set(diag, -ENOMEM, "cannot make the loop") : 0;
}

static void loop_down(struct daemon *d)
{
	loop_free(d->loop);
	d->loop = NULL;
}

static int drop_up(struct daemon *d, struct diag *diag)
{
	return isolate_drop(d->options.action == OPTIONS_RUN, diag);
}

/*
 * Each stage needs those above it. What fails before "attach" leaves the kernel as it was: pins of
 * an earlier daemon go on with the policy that they have.
 */
static const struct stage {
	const char *name;
	int (*up)(struct daemon *d, struct diag *diag);
	void (*down)(struct daemon *d);
	bool restore; /* also for --restore */
} stages[] = {
	{ "configuration", config_up, config_down, true },
	{ "lock", lock_up, lock_down, true },
	{ "capabilities", caps_up, NULL, true },
	{ "state", store_up, store_down, true },
	{ "loop", loop_up, loop_down, true },
	{ "names", names_up, names_down, true },
	{ "answers", answers_up, answers_down, true },
	{ "listen", api_up, api_down, false },
	{ "broker", listener_up, listener_down, false },
	{ "drop", drop_up, NULL, true },
	{ "journal", notes_up, notes_down, true },
	{ "streams", NULL, api_down, false }, /* clients read the journal: they end before it */
	{ "resolvers", inforce_up, inforce_down, true },
	{ "policy", reload_choose, reload_down, true },
	{ "kernel", guard_up, guard_down, true },
	{ "pause", pause_up, pause_down, true },
	{ "quarantine", quarantine_up, NULL, true },
	{ "test cgroup", selftest_make_cgroup, selftest_drop_cgroup, true },
	{ "tables", reload_start, NULL, true },
	{ "attach", guard_attach, NULL, true },
	{ "rings", dispatch_up, dispatch_down, false },
	{ "monitor", monitor_up, monitor_down, false },
	{ "reload", reload_up, NULL, false },
	{ "names check", resolve_check_up, resolve_check_down, false },
	{ "desk", desk_up, desk_down, false },
	{ "broker's place", listener_announce, NULL, false },
	{ "worker", worker_up, worker_down, false },
	{ "self-test", selftest_up, selftest_down, false },
};
#define N_STAGES (sizeof(stages) / sizeof(stages[0]))

static bool concerns(const struct daemon *d, const struct stage *s)
{
	return s->restore || d->options.action == OPTIONS_RUN;
}

/*
 * While it starts, signals wait: one that ends the daemon is obeyed between two stages, so that
 * nothing half done stays behind; SIGHUP once there is a policy to reload.
 */
static void let_signals_wait(int how)
{
	sigset_t set;

	(void)sigemptyset(&set); /* these fail for signals that do not exist */
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(how, &set, NULL);
}

static bool is_asked_to_end(void)
{
	sigset_t set;

	return sigpending(&set) == 0 &&
	       (sigismember(&set, SIGTERM) == 1 || sigismember(&set, SIGINT) == 1);
}

/*
 * Return: stages that are up, or half up when the last one failed (*ret_r < 0). Fewer than all
 * without a failure: somebody wants it to end.
 */
static size_t bring_up(struct daemon *d, int *ret_r)
{
	struct diag diag = { 0 };

	for (size_t i = 0; i < N_STAGES; i++) {
		if (is_asked_to_end()) {
			log_info("daemon: asked to end while starting stage=%s", stages[i].name);
			return i;
		}
		if (!concerns(d, &stages[i]) || !stages[i].up)
			continue;
		*ret_r = stages[i].up(d, &diag);
		if (*ret_r < 0) {
			log_err("daemon: cannot start stage=%s: %s", stages[i].name,
				*diag.text ? diag.text : strerror(-*ret_r));
			return i + 1;
		}
	}
	return N_STAGES;
}

static void bring_down(struct daemon *d, size_t n)
{
	while (n-- > 0)
		if (concerns(d, &stages[n]) && stages[n].down)
			stages[n].down(d);
}

static void asked_to_end(void *ctx)
{
	loop_quit(((struct daemon *)ctx)->loop);
}

/* Enforcement stays: the end of the daemon is the end of telling, not of guarding. */
static int serve(struct daemon *d)
{
	struct loop_event *term = loop_add_signal(d->loop, SIGTERM, asked_to_end, d);
	struct loop_event *interrupt = loop_add_signal(d->loop, SIGINT, asked_to_end, d);
	int r;

	let_signals_wait(SIG_UNBLOCK); /* those that came are there now */
	r = term && interrupt ? loop_run(d->loop) : -ENOMEM;
	loop_event_free(term);
	loop_event_free(interrupt);
	(void)notify_send("STOPPING=1"); /* it will see us end */
	(void)dispatch_flush(d);	 /* what is held is told; if not, the next daemon does */
	log_info("daemon: ending, %s", d->detached ? "nothing is enforced" : "enforcement stays");
	notes_tell(d, RECORD_LIFECYCLE, "stopped", NULL);
	inforce_save(d);
	return r;
}

/* Documents and tables come and go. Blocks as large as theirs stay out of the heap: freed is gone.
 */
#define LARGE_BYTES (128 * 1024)

static int run(const struct options *o)
{
	struct daemon *d = calloc(1, sizeof(*d));
	size_t up;
	int r = 0;

	if (!d)
		return -ENOMEM;
	d->options = *o;
	d->lock_fd = -1;
	d->broker_fd = -1;
	d->started = clock_mono_ns();
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES); /* glibc would raise it with each of them */
	(void)umask(022); /* cannot fail; the modes of files are given where they are made */
	if (o->action == OPTIONS_RUN)
		let_signals_wait(SIG_BLOCK);
	up = bring_up(d, &r);
	if (r == 0 && o->action == OPTIONS_RUN && up == N_STAGES)
		r = serve(d);
	bring_down(d, up);
	free(d);
	return r;
}

int main(int argc, char **argv)
{
	struct diag diag = { 0 };
	struct options o;

	if (argc == 1 && !strcmp(argv[0], WORKER_NAME))
		return worker_main();
	if (options_parse(argc, argv, &o, &diag) < 0) {
		fprintf(stderr, "ztad: %s (see ztad --help)\n", diag.text);
		return 2;
	}
	switch (o.action) {
	case OPTIONS_HELP:
		options_help(stdout);
		return 0;
	case OPTIONS_VERSION:
		puts("ztad " ZTA_VERSION);
		return 0;
	case OPTIONS_CHECK:
		return check_run(&o);
	case OPTIONS_DETACH:
		return detach_run(&o) < 0 ? 1 : 0;
	case OPTIONS_RUN:
	case OPTIONS_RESTORE:
		break;
	}
	return run(&o) < 0 ? 1 : 0;
}
