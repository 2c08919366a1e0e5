/* SPDX-License-Identifier: Apache-2.0 */
#include "selftest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/health.h"
#include "daemon/monitor.h"
#include "daemon/notes.h"
#include "daemon/pause.h"
#include "kern/object.h"
#include "net/loop.h"
#include "zta_event.h"
#include "zta_reason.h"

#define INTERVAL_MS   60000
#define AGAIN_MS      1000 /* after a failure */
#define DEADLINE_MS   3000
#define VALID_NS      (180 * NS_PER_S)
#define PORT_FIRST    1024
#define TARGET_ADDR   0xc0000201U /* 192.0.2.1 */
#define NO_ANSWER_YET (-1)

struct selftest {
	struct loop_event *next;     /* timer: the next test */
	struct loop_event *deadline; /* timer: of the running one */
	struct loop_event *readable; /* the child's answer */
	int answer_fd;
	pid_t child; /* 0 = none runs */
	uint16_t port;
	int answer;    /* errno of its connect(), NO_ANSWER_YET */
	bool seen;     /* the event came */
	bool any;      /* there was a result */
	bool passed;   /* the last one */
	uint64_t at;   /* CLOCK_MONOTONIC ns of it */
	char why[160]; /* it failed */
};

/* In the child: nothing but system calls, and never back. */
static void __attribute__((noreturn)) attempt(int cgroup_fd, uint16_t port, int answer_fd)
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(TARGET_ADDR),
	};
	int procs, sock, answer;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* it must not hold the daemon's lock alive */
	procs = openat(cgroup_fd, SELFTEST_CGROUP "/cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (procs < 0 || write(procs, "0", 1) != 1) {
		answer = errno;
	} else {
		sock = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		answer = sock < 0 || connect(sock, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? errno
											   : 0;
	}
	(void)write(answer_fd, &answer, sizeof(answer)); /* no answer is an answer, too */
	_exit(0);
}

/* End the running test, whatever its state. */
static void clear(struct selftest *t)
{
	loop_event_free(t->readable);
	t->readable = NULL;
	if (t->answer_fd >= 0)
		(void)close(t->answer_fd); /* only read from */
	t->answer_fd = -1;
	if (t->child) {
		(void)kill(t->child, SIGKILL);
		(void)waitpid(t->child, NULL, 0); /* ours, and just killed */
	}
	t->child = 0;
	loop_timer_stop(t->deadline);
}

static void conclude(struct daemon *d, bool passed)
{
	struct selftest *t = d->selftest;
	bool changed = t->any ? t->passed != passed : !passed;

	clear(t);
	t->any = true;
	t->passed = passed;
	t->at = clock_mono_ns();
	if (passed)
		t->why[0] = '\0';
	if (changed) {
		if (passed)
			log_info("daemon: self-test passed");
		else
			log_err("daemon: self-test failed, not ready: %s", t->why);
		notes_tell(d, RECORD_LIFECYCLE, "self-test",
			   json_pack("{s:s, s:s*}", "outcome", passed ? "passed" : "failed",
				     "detail", passed ? NULL : t->why));
	}
	(void)loop_timer_set(t->next, passed ? INTERVAL_MS : AGAIN_MS);
	health_changed(d);
}

static void conclude_if_done(struct daemon *d)
{
	struct selftest *t = d->selftest;

	if (t->answer == NO_ANSWER_YET)
		return;
	if (t->answer == EPERM) {
		if (t->seen)
			conclude(d, true);
		return;
	}
	if (t->answer == 0 || t->answer == EINPROGRESS)
		snprintf(t->why, sizeof(t->why), "a connection to 192.0.2.1 was not refused");
	else
		snprintf(t->why, sizeof(t->why), "the test could not connect: %s",
			 strerror(t->answer));
	conclude(d, false);
}

static void answered(void *ctx)
{
	struct daemon *d = ctx;
	struct selftest *t = d->selftest;
	int answer;

	if (read(t->answer_fd, &answer, sizeof(answer)) != sizeof(answer))
		answer = ECHILD;
	t->answer = answer;
	loop_event_free(t->readable);
	t->readable = NULL;
	conclude_if_done(d);
}

static void too_late(void *ctx)
{
	struct daemon *d = ctx;
	struct selftest *t = d->selftest;

	snprintf(t->why, sizeof(t->why), "%s within %d s",
		 t->answer == NO_ANSWER_YET ? "the test did not end"
					    : "the connection was refused, but no event came",
		 DEADLINE_MS / 1000);
	conclude(d, false);
}

void selftest_event(struct daemon *d, const struct zta_event *e)
{
	struct selftest *t = d->selftest;

	if (!t || !t->child || e->port != t->port || e->verdict != ZTA_VERDICT_DENY)
		return;
	t->seen = true;
	conclude_if_done(d);
}

static int spawn(struct daemon *d)
{
	struct selftest *t = d->selftest;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	t->child = fork();
	if (t->child == 0)
		attempt(kern_cgroup_fd(d->kern), t->port, fds[1]);
	(void)close(fds[1]);
	t->answer_fd = fds[0];
	if (t->child < 0) {
		t->child = 0;
		return -errno;
	}
	t->readable = loop_add_fd(d->loop, t->answer_fd, answered, d);
	return t->readable ? 0 : -ENOMEM;
}

/* A port of its own for each test: an answer that comes late is not taken for this one's. */
static void start(void *ctx)
{
	struct daemon *d = ctx;
	struct selftest *t = d->selftest;
	int r;

	if (t->any && pause_active(d)) {
		(void)loop_timer_set(t->next, AGAIN_MS);
		return;
	}
	if (mkdirat(kern_cgroup_fd(d->kern), SELFTEST_CGROUP, 0755) == 0)
		monitor_rescan(d); /* somebody had removed it */
	t->port = t->port == UINT16_MAX ? PORT_FIRST : t->port + 1;
	t->seen = false;
	t->answer = NO_ANSWER_YET;
	(void)loop_timer_set(t->deadline, DEADLINE_MS);
	r = spawn(d);
	if (r < 0) {
		snprintf(t->why, sizeof(t->why), "the test could not start: %s", strerror(-r));
		conclude(d, false);
	}
}

int selftest_make_cgroup(struct daemon *d, struct diag *diag)
{
	if (mkdirat(kern_cgroup_fd(d->kern), SELFTEST_CGROUP, 0755) < 0 && errno != EEXIST)
		return diag_set(diag, -errno,
				"cannot make the cgroup '%s/%s':", kern_cgroup_path(d->kern),
				SELFTEST_CGROUP);
	return 0;
}

/* An empty cgroup does no harm: a failure is not told. */
void selftest_drop_cgroup(struct daemon *d)
{
	if (d->detached && d->kern)
		(void)unlinkat(kern_cgroup_fd(d->kern), SELFTEST_CGROUP, AT_REMOVEDIR);
}

int selftest_up(struct daemon *d, struct diag *diag)
{
	struct selftest *t = calloc(1, sizeof(*t));

	d->selftest = t;
	if (!t)
		return diag_set(diag, -ENOMEM, "out of memory");
	t->answer_fd = -1;
	t->port = PORT_FIRST + getpid() % 30000;
	snprintf(t->why, sizeof(t->why), "has not run yet");
	t->deadline = loop_add_timer(d->loop, DEADLINE_MS, false, too_late, d);
	t->next = loop_add_timer(d->loop, 0, false, start, d);
	if (!t->deadline || !t->next)
		return diag_set(diag, -ENOMEM, "out of memory");
	loop_timer_stop(t->deadline);
	return 0;
}

void selftest_down(struct daemon *d)
{
	struct selftest *t = d->selftest;

	if (!t)
		return;
	if (t->deadline)
		clear(t);
	loop_event_free(t->deadline);
	loop_event_free(t->next);
	free(t);
	d->selftest = NULL;
}

bool selftest_passed(const struct daemon *d)
{
	const struct selftest *t = d->selftest;

	return t && t->any && t->passed && (pause_active(d) || clock_mono_ns() - t->at < VALID_NS);
}

const char *selftest_why(const struct daemon *d)
{
	if (!d->selftest)
		return "has not run yet";
	return d->selftest->why[0] ? d->selftest->why : "has not passed for 180 s";
}
