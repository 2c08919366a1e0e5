// SPDX-License-Identifier: Apache-2.0
/*
 * uring connect|sendmsg|socket ADDRESS PORT TEXT [async|poll]
 *
 * Reaches for ADDRESS by io_uring alone: `connect` an own TCP socket and send TEXT, `sendmsg` a
 * datagram, `socket` makes the TCP socket by io_uring too. async: from a worker thread of the
 * kernel; poll: from the kernel's submission thread. Exits 0, or prints the errno and exits 1.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
	int fd;
	unsigned int flags;
	unsigned int *sq_tail, *sq_mask, *sq_array, *sq_flags;
	unsigned int *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static void *map(int fd, size_t len, off_t what)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);

	if (p == MAP_FAILED)
		err(125, "mmap");
	return p;
}

static void ring_open(struct ring *r, unsigned int flags)
{
	struct io_uring_params p = { .flags = flags, .sq_thread_idle = 1000 };
	char *sq, *cq;

	r->fd = (int)syscall(__NR_io_uring_setup, 8, &p);
	if (r->fd < 0)
		err(125, "io_uring_setup");
	r->flags = flags;
	sq = map(r->fd, p.sq_off.array + p.sq_entries * sizeof(unsigned int), IORING_OFF_SQ_RING);
	cq = map(r->fd, p.cq_off.cqes + p.cq_entries * sizeof(*r->cqes), IORING_OFF_CQ_RING);
	r->sqes = map(r->fd, p.sq_entries * sizeof(*r->sqes), IORING_OFF_SQES);
	r->sq_tail = (unsigned int *)(sq + p.sq_off.tail);
	r->sq_mask = (unsigned int *)(sq + p.sq_off.ring_mask);
	r->sq_array = (unsigned int *)(sq + p.sq_off.array);
	r->sq_flags = (unsigned int *)(sq + p.sq_off.flags);
	r->cq_head = (unsigned int *)(cq + p.cq_off.head);
	r->cq_tail = (unsigned int *)(cq + p.cq_off.tail);
	r->cq_mask = (unsigned int *)(cq + p.cq_off.ring_mask);
	r->cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
}

/* One operation, start to end: its result as the kernel gives it. */
static int ring_do(struct ring *r, const struct io_uring_sqe *sqe)
{
	unsigned int tail = *r->sq_tail, at = tail & *r->sq_mask, head, enter = 0, submit = 1;
	int res;

	r->sqes[at] = *sqe;
	r->sq_array[at] = at;
	__atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_SEQ_CST);
	if (r->flags & IORING_SETUP_SQPOLL) {
		submit = 0;
		if (__atomic_load_n(r->sq_flags, __ATOMIC_SEQ_CST) & IORING_SQ_NEED_WAKEUP)
			enter = IORING_ENTER_SQ_WAKEUP;
	}
	if (syscall(__NR_io_uring_enter, r->fd, submit, 1, enter | IORING_ENTER_GETEVENTS, NULL,
		    0) < 0)
		err(125, "io_uring_enter");
	head = *r->cq_head;
	while (__atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) == head)
		;
	res = r->cqes[head & *r->cq_mask].res;
	__atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
	return res;
}

static socklen_t address_parse(const char *text, const char *port, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((unsigned short)atoi(port));
		return sizeof(*in);
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
		errx(125, "%s: not an address", text);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((unsigned short)atoi(port));
	return sizeof(*in6);
}

static int fail(int res)
{
	printf("%d\n", -res);
	return 1;
}

int main(int argc, char **argv)
{
	struct io_uring_sqe sqe = { 0 };
	struct sockaddr_storage to = { 0 };
	struct msghdr msg = { 0 };
	struct iovec iov;
	struct ring ring;
	socklen_t len;
	int fd, res, type;

	if (argc < 5)
		errx(125, "connect|sendmsg|socket ADDRESS PORT TEXT [async|poll]");
	ring_open(&ring, argc > 5 && !strcmp(argv[5], "poll") ? IORING_SETUP_SQPOLL : 0);
	if (argc > 5 && !strcmp(argv[5], "async"))
		sqe.flags = IOSQE_ASYNC;
	len = address_parse(argv[2], argv[3], &to);
	type = strcmp(argv[1], "sendmsg") ? SOCK_STREAM : SOCK_DGRAM;
	if (!strcmp(argv[1], "socket")) {
		sqe.opcode = IORING_OP_SOCKET;
		sqe.fd = to.ss_family;
		sqe.off = (unsigned int)type;
		fd = ring_do(&ring, &sqe);
		sqe.off = 0;
	} else {
		fd = socket(to.ss_family, type, 0);
		if (fd < 0)
			fd = -errno;
	}
	if (fd < 0)
		return fail(fd);
	sqe.fd = fd;
	if (type == SOCK_STREAM) {
		sqe.opcode = IORING_OP_CONNECT;
		sqe.addr = (unsigned long)&to;
		sqe.off = len;
		res = ring_do(&ring, &sqe);
		if (res < 0)
			return fail(res);
		sqe.off = 0;
	} else {
		msg.msg_name = &to;
		msg.msg_namelen = len;
	}
	iov = (struct iovec){ argv[4], strlen(argv[4]) };
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	sqe.opcode = IORING_OP_SENDMSG;
	sqe.addr = (unsigned long)&msg;
	sqe.len = 1;
	res = ring_do(&ring, &sqe);
	return res < 0 ? fail(res) : 0;
}
