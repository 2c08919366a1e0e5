// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/desk.h"
#include "daemon/worker_files.h"
#include "net/loop.h"
#include "worker/channel.h"
#include "worker/isolate.h"

#define USER_DEFAULT  "zta"
#define NOBODY	      65534
#define BACKOFF_MIN   50
#define BACKOFF_MAX   30000
#define STEADY_NS     (10 * NS_PER_S) /* a worker that lived that long starts the back-off anew */
#define SILENCE_MS    60000	      /* it speaks every ten seconds; one that does not hangs */
#define QUESTIONS_MAX 64

/* Somebody waits for the worker's word. */
struct question {
	uint32_t id; /* 0 = free */
	worker_told_fn told;
	worker_entry_fn entry;
	void *ctx;
};

struct worker {
	struct daemon *d;
	int exe; /* our binary as it was at the start: an upgrade starts no half new pair */
	uid_t uid;
	char user[64];
	bool fallback, ready;
	pid_t pid;
	struct channel *channel;
	struct loop_event *again, *silence;
	uint64_t started;
	unsigned int backoff_ms;
	uint64_t restarts;
	uint32_t last_id;
	struct question questions[QUESTIONS_MAX];
	struct worker_counted counted;
};

/* --- the process */

/* What the worker may know of our environment: how Azure's hosts and SDKs are told of identities.
 */
static bool is_for_worker(const char *variable)
{
	static const char *const prefixes[] = { "AZURE_",
						"IDENTITY_",
						"MSI_",
						"IMDS_ENDPOINT=",
						"MANAGED_IDENTITY_CLIENT_ID=",
						"DEFAULT_IDENTITY_CLIENT_ID=",
						"KUBERNETES_SERVICE_HOST=",
						"JOURNAL_STREAM=",
						"SSL_CERT_" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (str_starts(variable, prefixes[i]))
			return true;
	return false;
}

/* glibc overwrites what is freed, by whichever library: no token stays behind in the heap. */
static char wiping[] = "GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.perturb=165";

static char **environment(void)
{
	size_t n = 0, all = 0;
	char **v;

	while (environ[all])
		all++;
	v = calloc(all + 2, sizeof(*v));
	for (size_t i = 0; v && i < all; i++)
		if (is_for_worker(environ[i]))
			v[n++] = environ[i];
	if (v)
		v[n] = wiping;
	return v;
}

/* Only system calls between fork() and exec: other threads may hold libc's locks. */
static pid_t spawn(const struct worker *w, int far, char **env)
{
	static char name[] = WORKER_NAME;
	char *argv[] = { name, NULL };
	pid_t pid = fork();

	if (pid != 0)
		return pid < 0 ? -errno : pid;
	if (isolate_before_exec(far, w->uid, NOBODY) < 0)
		_exit(126);
	(void)execveat(w->exe, "", argv, env, AT_EMPTY_PATH);
	_exit(127);
}

static void fill_text(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : ""); /* config.c has bounded it */
}

static int send_config(const struct worker *w)
{
	_cleanup_close_ int ca = -1;
	const struct config *c = &w->d->config;
	struct worker_config m = { .head.type = WORKER_CONFIG, .source = c->tokens.source };

	fill_text(m.authority, sizeof(m.authority), c->tokens.authority);
	fill_text(m.tenant_id, sizeof(m.tenant_id), c->tokens.tenant_id);
	fill_text(m.client_id, sizeof(m.client_id), c->tokens.client_id);
	fill_text(m.imds_endpoint, sizeof(m.imds_endpoint), c->tokens.imds_endpoint);
	fill_text(m.proxy, sizeof(m.proxy), c->proxy);
	fill_text(m.no_proxy, sizeof(m.no_proxy), c->no_proxy);
	if (c->ca_file) {
		m.has_ca = 1; /* without it nobody is believed: not the system's, then */
		ca = open(c->ca_file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (ca < 0)
			log_err("daemon: cannot read ca_file '%s', calls out will fail: %s",
				c->ca_file, strerror(errno));
	}
	return channel_send(w->channel, &m, ca);
}

static void on_message(union worker_message *m, int fd, void *ctx);
static void on_closed(int error, void *ctx);

static int start(struct worker *w)
{
	const struct channel_opts o = {
		.message = on_message, .closed = on_closed, .ctx = w, .monitor = true
	};
	char **env = environment();
	int fds[2], r = env ? channel_pair(fds) : -ENOMEM;

	if (r < 0) {
		free(env);
		return r;
	}
	w->started = clock_mono_ns();
	w->pid = spawn(w, fds[1], env);
	free(env);
	(void)close(fds[1]);
	if (w->pid < 0) {
		r = w->pid;
		w->pid = 0;
		(void)close(fds[0]);
		return r;
	}
	r = channel_new(w->d->loop, fds[0], &o, &w->channel);
	if (r == 0)
		r = send_config(w);
	return r < 0 ? r : loop_timer_set(w->silence, SILENCE_MS);
}

/* Whoever waits hears that there is nothing to hear; that may ask anew, of the next worker. */
static void leave_questions(struct worker *w)
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		struct question q = w->questions[i];

		w->questions[i].id = 0;
		if (!q.id)
			continue;
		if (q.told)
			q.told(NULL, q.ctx);
		else
			q.entry(NULL, q.ctx);
	}
}

static const char *how_it_ended(int status, char text[64])
{
	if (WIFSIGNALED(status))
		(void)snprintf(text, 64, "signal %d%s", WTERMSIG(status),
			       WTERMSIG(status) == SIGSYS ? " (a forbidden system call)" : "");
	else
		(void)snprintf(text, 64, "exit %d", WEXITSTATUS(status));
	return text;
}

static void end(struct worker *w, int *ret_status)
{
	*ret_status = 0;
	w->ready = false;
	channel_free(w->channel);
	w->channel = NULL;
	loop_timer_stop(w->silence);
	desk_forget(w->d);
	if (w->pid) {
		(void)kill(w->pid, SIGKILL);	      /* may have gone */
		(void)waitpid(w->pid, ret_status, 0); /* ours, and dead now */
	}
	w->pid = 0;
	leave_questions(w);
}

static void again_later(struct worker *w)
{
	if (clock_mono_ns() - w->started > STEADY_NS)
		w->backoff_ms = BACKOFF_MIN;
	else
		w->backoff_ms = w->backoff_ms * 2 > BACKOFF_MAX ? BACKOFF_MAX : w->backoff_ms * 2;
	(void)loop_timer_set(w->again,
			     w->backoff_ms); /* it has been set before: no memory needed */
}

static void start_again(void *ctx)
{
	struct worker *w = ctx;
	char text[64];
	int r, status;

	if (w->pid) { /* the last one, whose channel closed */
		end(w, &status);
		log_err("daemon: the worker ended, starting another: %s",
			how_it_ended(status, text));
		again_later(w);
		return;
	}
	w->restarts++;
	r = start(w);
	if (r == 0)
		return;
	end(w, &status);
	log_err("daemon: the worker cannot be started, retrying: %s", strerror(-r));
	again_later(w);
}

/* Not from inside the channel's own call: on the next turn. */
static void on_closed(int error, void *ctx)
{
	struct worker *w = ctx;

	w->ready = false;
	if (error == -EBADMSG)
		log_err("daemon: the worker said what no worker of ours says, ending it");
	(void)loop_timer_set(w->again, 0); /* as above */
}

static void on_silence(void *ctx)
{
	struct worker *w = ctx;

	log_err("daemon: the worker does not answer, ending it");
	(void)loop_timer_set(w->again, 0); /* as above */
}

/* --- what it says */

static void open_for_it(struct worker *w, const struct worker_open *q)
{
	struct worker_opened m = { .head = { WORKER_OPENED, q->head.id } };
	int fd = worker_files_open(&w->d->config, q);

	m.error = fd < 0 ? fd : 0;
	(void)channel_send(w->channel, &m, fd); /* closed: it is told by the end */
	if (fd >= 0)
		(void)close(fd); /* only read from */
}

static void count(struct worker *w, const struct worker_counted *m)
{
	for (size_t i = 0; i < WORKER_SOURCES; i++)
		for (size_t k = 0; k < WORKER_RESULT_COUNT; k++)
			w->counted.requests[i][k] += m->requests[i][k];
	w->counted.unlocked = m->unlocked;
	(void)loop_timer_set(w->silence, SILENCE_MS); /* it has been set before */
}

static struct question *question_of(struct worker *w, uint32_t id)
{
	for (size_t i = 0; id && i < QUESTIONS_MAX; i++)
		if (w->questions[i].id == id)
			return &w->questions[i];
	return NULL;
}

static void told(struct worker *w, const struct worker_told *m)
{
	struct question *q = question_of(w, m->head.id);

	if (!q || !q->told)
		return;
	q->id = 0;
	q->told(m, q->ctx);
}

static void entry(struct worker *w, const struct worker_entry *m)
{
	struct question *q = question_of(w, m->head.id);

	if (!q || !q->entry)
		return;
	if (m->last)
		q->id = 0;
	q->entry(m, q->ctx);
}

static void let_it_listen(struct worker *w)
{
	const struct worker_head m = { .type = WORKER_LISTEN };

	if (w->d->broker_fd >= 0)
		(void)channel_send(w->channel, &m, w->d->broker_fd); /* closed: told by the end */
}

static void on_message(union worker_message *m, int fd, void *ctx)
{
	struct worker *w = ctx;

	switch (m->head.type) {
	case WORKER_READY:
		w->ready = true;
		log_info("daemon: worker ready pid=%d user=%s", (int)w->pid, w->user);
		let_it_listen(w);
		break;
	case WORKER_ASK:
		desk_ask(w->d, &m->ask);
		break;
	case WORKER_GONE:
		desk_gone(w->d, &m->gone);
		break;
	case WORKER_OPEN:
		open_for_it(w, &m->open);
		break;
	case WORKER_TOLD:
		if (m->head.id & WORKER_ID_ASK)
			desk_told(w->d, &m->told);
		else
			told(w, &m->told);
		break;
	case WORKER_ENTRY:
		entry(w, &m->entry);
		break;
	case WORKER_COUNTED:
		count(w, &m->counted);
		break;
	default:
		break;
	}
}

/* --- what others want of it */

int worker_send(struct daemon *d, const void *m, int fd)
{
	return d->worker && d->worker->ready ? channel_send(d->worker->channel, m, fd) : -EPIPE;
}

/* @head: of the message to send, gets the id. */
static int ask(struct daemon *d, struct worker_head *head, const struct question *with)
{
	struct worker *w = d->worker;
	struct question *q = NULL;
	int r;

	for (size_t i = 0; w && !q && i < QUESTIONS_MAX; i++)
		if (!w->questions[i].id)
			q = &w->questions[i];
	if (!q || !w->ready)
		return -EAGAIN;
	if (++w->last_id & WORKER_ID_ASK)
		w->last_id = 1;
	head->id = w->last_id;
	r = channel_send(w->channel, head, -1);
	if (r < 0)
		return r == -ENOMEM ? r : -EAGAIN;
	*q = *with;
	q->id = head->id;
	return 0;
}

int worker_test(struct daemon *d, struct worker_test *m, worker_told_fn fn, void *ctx)
{
	m->head.type = WORKER_TEST;
	return ask(d, &m->head, &(struct question){ .told = fn, .ctx = ctx });
}

int worker_list(struct daemon *d, worker_entry_fn fn, void *ctx)
{
	struct worker_head m = { .type = WORKER_LIST };

	return ask(d, &m, &(struct question){ .entry = fn, .ctx = ctx });
}

void worker_state(const struct daemon *d, struct worker_state *ret)
{
	const struct worker *w = d->worker;

	*ret = (struct worker_state){ 0 };
	if (w)
		*ret = (struct worker_state){ w->ready, w->pid, w->restarts, w->user, w->fallback };
}

const struct worker_counted *worker_counted(const struct daemon *d)
{
	static const struct worker_counted none;

	return d->worker ? &d->worker->counted : &none;
}

/* --- up and down */

static void choose_user(struct worker *w)
{
	const char *name = w->d->config.worker_user ? w->d->config.worker_user : USER_DEFAULT;
	const struct passwd *user = getpwnam(name);

	w->fallback = !user || user->pw_uid == 0;
	w->uid = w->fallback ? NOBODY : user->pw_uid;
	(void)snprintf(w->user, sizeof(w->user), "%s", w->fallback ? "nobody" : name);
	if (!user)
		log_warn("daemon: there is no user '%s' (make install makes 'zta'), ignoring that: "
			 "the worker shares uid %u with whatever else runs as nobody",
			 name, w->uid);
	else if (w->fallback)
		log_warn("daemon: the worker may not be root, ignoring worker_user '%s' uid=%u",
			 name, w->uid);
}

int worker_up(struct daemon *d, struct diag *diag)
{
	struct worker *w = calloc(1, sizeof(*w));

	d->worker = w;
	if (!w)
		return diag_set(diag, -ENOMEM, "out of memory");
	w->d = d;
	w->backoff_ms = BACKOFF_MIN;
	w->exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (w->exe < 0)
		return diag_set(diag, -errno, "cannot open our own binary:");
	choose_user(w);
	w->again = loop_add_timer(d->loop, BACKOFF_MAX, false, start_again, w);
	w->silence = loop_add_timer(d->loop, SILENCE_MS, false, on_silence, w);
	if (!w->again || !w->silence)
		return diag_set(diag, -ENOMEM, "out of memory");
	loop_timer_stop(w->again);
	start_again(w); /* what fails now is tried again: enforcement does not wait for it */
	w->restarts = 0;
	return 0;
}

void worker_down(struct daemon *d)
{
	struct worker *w = d->worker;
	int status;

	if (!w)
		return;
	end(w, &status);
	loop_event_free(w->again);
	loop_event_free(w->silence);
	if (w->exe >= 0)
		(void)close(w->exe); /* only read from */
	free(w);
	d->worker = NULL;
}
