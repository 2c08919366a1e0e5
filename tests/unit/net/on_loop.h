/* SPDX-License-Identifier: Apache-2.0 */
/* A loop on a thread, and blocking clients with a deadline to talk to what it serves. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/loop.h"

#define ON_LOOP_DEADLINE_MS 10000

struct on_loop {
	struct loop *l;
	pthread_t thread;
	int ask[2], done[2]; /* pipes */
	struct loop_event *asked;
	void (*fn)(void *ctx);
	void *ctx;
};

static inline void on_loop_asked(void *ctx)
{
	struct on_loop *o = ctx;
	char c;

	assert_int_equal(read(o->ask[0], &c, 1), 1);
	if (o->fn)
		o->fn(o->ctx);
	else
		loop_quit(o->l);
	assert_int_equal(write(o->done[1], "", 1), 1);
}

static inline void *on_loop_run(void *ctx)
{
	struct on_loop *o = ctx;

	return (void *)(intptr_t)loop_run(o->l);
}

/* Runs @fn on the loop's thread and waits for it; NULL ends the loop. */
static inline void on_loop_call(struct on_loop *o, void (*fn)(void *ctx), void *ctx)
{
	char c;

	o->fn = fn;
	o->ctx = ctx;
	assert_int_equal(write(o->ask[1], "", 1), 1);
	assert_int_equal(read(o->done[0], &c, 1), 1);
}

static inline void on_loop_new(struct on_loop *o)
{
	assert_int_equal(loop_new(&o->l), 0);
	assert_int_equal(pipe(o->ask), 0);
	assert_int_equal(pipe(o->done), 0);
	o->asked = loop_add_fd(o->l, o->ask[0], on_loop_asked, o);
	assert_non_null(o->asked);
}

static inline void on_loop_start(struct on_loop *o)
{
	assert_int_equal(pthread_create(&o->thread, NULL, on_loop_run, o), 0);
}

/* What it served can be freed after this, then on_loop_free(). */
static inline void on_loop_stop(struct on_loop *o)
{
	void *result;

	on_loop_call(o, NULL, NULL);
	assert_int_equal(pthread_join(o->thread, &result), 0);
	assert_null(result);
}

static inline void on_loop_free(struct on_loop *o)
{
	loop_event_free(o->asked);
	loop_free(o->l);
	for (int i = 0; i < 2; i++) {
		close(o->ask[i]);
		close(o->done[i]);
	}
}

static inline int dial_unix(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(sun.sun_path, path, strlen(path));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

static inline int dial_tcp(uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

/* All of it, or as much as the server takes before it hangs up. */
static inline void say_bytes(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0)
			return;
		at += n;
		len -= (size_t)n;
	}
}

static inline void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

/* One read: bytes, 0 at the end (a reset too); fails the test at the deadline. */
static inline size_t hear_some(int fd, struct buf *b)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char some[65536];
	ssize_t n;

	assert_int_equal(poll(&p, 1, ON_LOOP_DEADLINE_MS), 1);
	n = read(fd, some, sizeof(some));
	if (n <= 0)
		return 0;
	assert_int_equal(buf_add(b, some, (size_t)n), 0);
	return (size_t)n;
}

/* Everything until the server hangs up. */
static inline void hear_all(int fd, struct buf *b)
{
	while (hear_some(fd, b))
		;
	assert_int_equal(buf_reserve(b, 1), 0);
}

/* Until @text was heard; false when the server hung up before. */
static inline bool hear(int fd, struct buf *b, const char *text)
{
	while (!b->data || !strstr(b->data, text))
		if (!hear_some(fd, b))
			return false;
	return true;
}

/* Asks and hears the whole answer; "Connection: close" must be in @text. */
static inline void ask(int fd, const char *text, struct buf *b)
{
	say(fd, text);
	hear_all(fd, b);
	close(fd);
}

/* A condition that another thread brings about. */
#define await(condition)                                                                \
	do {                                                                            \
		uint64_t await_end = clock_mono_ns() + ON_LOOP_DEADLINE_MS * NS_PER_MS; \
		while (!(condition) && clock_mono_ns() < await_end)                     \
			poll(NULL, 0, 2);                                               \
		assert_true(condition);                                                 \
	} while (0)
