// SPDX-License-Identifier: Apache-2.0
#include "worker/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "net/loop.h"

#define QUEUE_MAX 4096 /* messages; a thousand clients at once, each with some to say */
#define READS_MAX 32   /* messages a turn of the loop: others want to be heard too */

struct waiting {
	STAILQ_ENTRY(waiting) entry;
	uint32_t size;
	int fd; /* a copy; -1 = none */
	char bytes[];
};

struct channel {
	struct loop *loop;
	struct channel_opts o;
	int fd;
	struct loop_event *readable, *writable; /* writable: only while something waits */
	STAILQ_HEAD(, waiting) queue;
	size_t n_queue;
	union worker_message in;
};

static void waiting_free(struct waiting *w)
{
	cleanup_close(&w->fd);
	free(w);
}

static void end(struct channel *c, int error)
{
	if (!c->readable)
		return;
	loop_event_free(c->readable);
	loop_event_free(c->writable);
	c->readable = c->writable = NULL;
	c->o.closed(error, c->o.ctx);
}

/* Strings end inside their arrays, whatever the other end wrote there. */
#define END(text) ((text)[sizeof(text) - 1] = '\0')

static void end_strings(union worker_message *m)
{
	switch (m->head.type) {
	case WORKER_ASK:
		END(m->ask.reason);
		END(m->ask.audience);
		END(m->ask.selected);
		break;
	case WORKER_OPEN:
		END(m->open.name);
		break;
	case WORKER_TOLD:
		END(m->told.source);
		END(m->told.client_id);
		END(m->told.object_id);
		END(m->told.text);
		break;
	case WORKER_ENTRY:
		END(m->entry.source);
		END(m->entry.audience);
		END(m->entry.identity);
		END(m->entry.text);
		break;
	default: /* the monitor's own, or without strings */
		break;
	}
}

/* Each side says its own types only; the worker passes no descriptors. */
static bool fits(const struct channel *c, size_t size, bool has_fd)
{
	const struct worker_head *h = &c->in.head;

	if (size < sizeof(*h) || size != worker_message_size(h->type))
		return false;
	return c->o.monitor ? h->type >= WORKER_READY && !has_fd : h->type < WORKER_READY;
}

/* The descriptor of a message, -1 = none. False: more than one, which we never send; closed. */
static bool take_passed(struct msghdr *h, int *ret_fd)
{
	int fd = -1, n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		size_t len = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= len; at += sizeof(int)) {
			cleanup_close(&fd);
			memcpy(&fd, CMSG_DATA(c) + at, sizeof(int));
			n++;
		}
	}
	if (n > 1)
		cleanup_close(&fd);
	*ret_fd = n == 1 ? fd : -1;
	return n <= 1;
}

/* Return: 1 for a message, 0 for none, -errno at the end. */
static int read_one(struct channel *c)
{
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { &c->in, sizeof(c->in) };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(c->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	bool few;
	int fd;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	few = take_passed(&h, &fd);
	if (n == 0) {
		cleanup_close(&fd);
		return -EPIPE;
	}
	if (!few || (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || !fits(c, (size_t)n, fd >= 0)) {
		cleanup_close(&fd);
		return -EBADMSG;
	}
	end_strings(&c->in);
	c->o.message(&c->in, fd, c->o.ctx);
	return 1;
}

static void on_readable(void *ctx)
{
	struct channel *c = ctx;
	int r = 1;

	for (int i = 0; i < READS_MAX && r == 1 && c->readable; i++)
		r = read_one(c);
	if (r < 0)
		end(c, r);
}

static int send_now(struct channel *c, const void *m, uint32_t size, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { (void *)m, size };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		h.msg_control = &control;
		h.msg_controllen = sizeof(control);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
	}
	return sendmsg(c->fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void on_writable(void *ctx)
{
	struct channel *c = ctx;
	struct waiting *w;

	while ((w = STAILQ_FIRST(&c->queue))) {
		int r = send_now(c, w->bytes, w->size, w->fd);

		if (r == -EAGAIN || r == -EINTR)
			return;
		if (r < 0) {
			end(c, r);
			return;
		}
		STAILQ_REMOVE_HEAD(&c->queue, entry);
		c->n_queue--;
		waiting_free(w);
	}
	loop_event_free(c->writable);
	c->writable = NULL;
}

static int enqueue(struct channel *c, const void *m, uint32_t size, int fd)
{
	struct waiting *w;

	if (c->n_queue == QUEUE_MAX)
		return -ENOBUFS;
	if (!c->writable)
		c->writable = loop_add_fd_write(c->loop, c->fd, on_writable, c);
	w = c->writable ? malloc(sizeof(*w) + size) : NULL;
	if (!w)
		return -ENOMEM;
	w->size = size;
	memcpy(w->bytes, m, size);
	w->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0 && w->fd < 0) {
		free(w);
		return -errno;
	}
	STAILQ_INSERT_TAIL(&c->queue, w, entry);
	c->n_queue++;
	return 0;
}

int channel_send(struct channel *c, const void *m, int fd)
{
	const struct worker_head *h = m;
	uint32_t size = worker_message_size(h->type);
	int r;

	if (!size)
		return -EINVAL;
	if (!c->readable)
		return -EPIPE;
	if (c->n_queue)
		return enqueue(c, m, size, fd);
	r = send_now(c, m, size, fd);
	return r == -EAGAIN || r == -EINTR ? enqueue(c, m, size, fd) : r;
}

int channel_new(struct loop *l, int fd, const struct channel_opts *o, struct channel **ret)
{
	_cleanup_close_ int owned = fd;
	struct channel *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	STAILQ_INIT(&c->queue);
	c->loop = l;
	c->o = *o;
	c->fd = fd;
	c->readable = loop_add_fd(l, fd, on_readable, c);
	if (!c->readable) {
		free(c);
		return -ENOMEM;
	}
	(void)take_fd(owned);
	*ret = c;
	return 0;
}

void channel_free(struct channel *c)
{
	struct waiting *w;

	if (!c)
		return;
	loop_event_free(c->readable);
	loop_event_free(c->writable);
	while ((w = STAILQ_FIRST(&c->queue))) {
		STAILQ_REMOVE_HEAD(&c->queue, entry);
		waiting_free(w);
	}
	(void)close(c->fd);
	free(c);
}

int channel_pair(int ret_fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds) < 0
		       ? -errno
		       : 0;
}
