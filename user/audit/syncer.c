// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation: `asked` and `done` count rounds. A round takes what is there under the
 * lock, syncs it without the lock, and so never makes the loop wait for the disk.
 */
#include "audit/syncer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct old_file {
	int fd;
	struct old_file *next;
};

struct syncer {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* something to do, or hurry */
	pthread_cond_t idle; /* a round is done */
	uint64_t interval_ns;
	/* under the lock: */
	int fd;
	struct old_file *old; /* synced once more, then closed */
	uint64_t asked, done; /* rounds */
	bool hurry, stop;
	int error;
};

/* Waits for the interval to pass since the first dirty mark, unless somebody is in a hurry. */
static void wait_interval(struct syncer *s)
{
	uint64_t until = clock_mono_ns() + s->interval_ns;
	struct timespec ts = { (time_t)(until / NS_PER_S), (long)(until % NS_PER_S) };

	while (!s->hurry && !s->stop)
		if (pthread_cond_timedwait(&s->wake, &s->lock, &ts) == ETIMEDOUT)
			return;
}

static int sync_all(int fd, struct old_file *old)
{
	int r = fd >= 0 && fdatasync(fd) < 0 ? -errno : 0;

	while (old) {
		struct old_file *next = old->next;

		if (fdatasync(old->fd) < 0)
			r = -errno;
		(void)close(old->fd); /* its data was synced, or that failed and is told */
		free(old);
		old = next;
	}
	return r;
}

static void *run(void *ctx)
{
	struct syncer *s = ctx;

	(void)pthread_mutex_lock(&s->lock);
	while (!s->stop || s->done != s->asked) {
		struct old_file *old;
		uint64_t round;
		int fd, r;

		if (s->done == s->asked) {
			(void)pthread_cond_wait(&s->wake, &s->lock);
			continue;
		}
		wait_interval(s);
		round = s->asked;
		old = s->old;
		s->old = NULL;
		s->hurry = false;
		fd = s->fd >= 0 ? fcntl(s->fd, F_DUPFD_CLOEXEC, 0) : -1;
		r = s->fd >= 0 && fd < 0 ? -errno : 0;
		(void)pthread_mutex_unlock(&s->lock);

		if (r == 0)
			r = sync_all(fd, old);
		else
			(void)sync_all(-1, old); /* r is told already */
		cleanup_close(&fd);

		(void)pthread_mutex_lock(&s->lock);
		s->error = r;
		s->done = round;
		(void)pthread_cond_broadcast(&s->idle);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return NULL;
}

static int start(struct syncer *s)
{
	sigset_t all, before;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
	r = pthread_create(&s->thread, NULL, run, s);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

int syncer_new(unsigned int interval_ms, struct syncer **ret)
{
	struct syncer *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;
	int r;

	if (!s)
		return -ENOMEM;
	s->fd = -1;
	s->interval_ns = interval_ms * NS_PER_MS;
	(void)pthread_mutex_init(&s->lock, NULL); /* none of these fails on Linux */
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->wake, &attr);
	(void)pthread_cond_init(&s->idle, NULL);
	(void)pthread_condattr_destroy(&attr);
	r = start(s);
	if (r < 0) {
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void syncer_free(struct syncer *s)
{
	if (!s)
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->stop = true;
	(void)pthread_cond_signal(&s->wake);
	(void)pthread_mutex_unlock(&s->lock);
	(void)pthread_join(s->thread, NULL);
	cleanup_close(&s->fd);
	(void)pthread_cond_destroy(&s->wake);
	(void)pthread_cond_destroy(&s->idle);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Under the lock. */
static void ask(struct syncer *s)
{
	if (s->asked++ == s->done)
		(void)pthread_cond_signal(&s->wake);
}

int syncer_file(struct syncer *s, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct old_file *old = malloc(sizeof(*old));

	if (copy < 0 || !old) {
		int r = copy < 0 ? -errno : -ENOMEM;

		cleanup_close(&copy);
		free(old);
		return r;
	}
	(void)pthread_mutex_lock(&s->lock);
	if (s->fd >= 0) {
		*old = (struct old_file){ s->fd, s->old };
		s->old = old;
		old = NULL;
	}
	s->fd = copy;
	ask(s);
	(void)pthread_mutex_unlock(&s->lock);
	free(old);
	return 0;
}

void syncer_dirty(struct syncer *s)
{
	(void)pthread_mutex_lock(&s->lock);
	ask(s);
	(void)pthread_mutex_unlock(&s->lock);
}

int syncer_error(struct syncer *s)
{
	int r;

	(void)pthread_mutex_lock(&s->lock);
	r = s->error;
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}

int syncer_wait(struct syncer *s)
{
	uint64_t round;
	int r;

	(void)pthread_mutex_lock(&s->lock);
	ask(s);
	round = s->asked;
	s->hurry = true;
	(void)pthread_cond_signal(&s->wake);
	while (s->done < round)
		(void)pthread_cond_wait(&s->idle, &s->lock);
	r = s->error;
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}
