// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../net/on_loop.h"

#include "worker/channel.h"

struct end {
	struct channel *c;
	unsigned int messages, closed;
	int error, fd;
	union worker_message last;
	unsigned int quit_at;
	struct loop *l;
};

static void on_message(union worker_message *m, int fd, void *ctx)
{
	struct end *e = ctx;

	e->last = *m;
	e->fd = fd;
	if (++e->messages == e->quit_at)
		loop_quit(e->l);
}

static void on_closed(int error, void *ctx)
{
	struct end *e = ctx;

	e->closed++;
	e->error = error;
	loop_quit(e->l);
}

static void open_end(struct loop *l, int fd, bool monitor, struct end *e)
{
	const struct channel_opts o = {
		.message = on_message, .closed = on_closed, .ctx = e, .monitor = monitor
	};

	*e = (struct end){ .l = l, .fd = -1 };
	assert_int_equal(channel_new(l, fd, &o, &e->c), 0);
}

static void test_messages_and_descriptors_go_over(void **state)
{
	const struct worker_opened m = { .head = { WORKER_OPENED, 7 } };
	const struct worker_told told = { .head = { WORKER_TOLD, 7 }, .source = "imds" };
	struct end monitor, worker;
	struct stat a, b;
	struct loop *l;
	int fds[2], file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(channel_pair(fds), 0);
	open_end(l, fds[0], true, &monitor);
	open_end(l, fds[1], false, &worker);
	worker.quit_at = monitor.quit_at = 1;
	assert_int_equal(channel_send(monitor.c, &m, file), 0);
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(worker.last.opened.head.id, 7);
	assert_int_equal(fstat(file, &a), 0);
	assert_int_equal(fstat(worker.fd, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_true(fcntl(worker.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(channel_send(worker.c, &told, -1), 0);
	assert_int_equal(loop_run(l), 0);
	assert_string_equal(monitor.last.told.source, "imds");
	close(worker.fd);
	close(file);
	channel_free(worker.c);
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(monitor.closed, 1);
	assert_int_equal(monitor.error, -EPIPE);
	assert_int_equal(channel_send(monitor.c, &m, -1), -EPIPE);
	channel_free(monitor.c);
	loop_free(l);
}

/* More than the kernel's buffer holds: nothing is lost, nothing changes places. */
static void test_what_is_too_much_waits(void **state)
{
	struct worker_told m = { .head.type = WORKER_TOLD };
	struct end monitor, worker;
	struct loop *l;
	int fds[2];

	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(channel_pair(fds), 0);
	open_end(l, fds[0], true, &monitor);
	open_end(l, fds[1], false, &worker);
	for (m.head.id = 1; m.head.id <= 2000; m.head.id++)
		assert_int_equal(channel_send(worker.c, &m, -1), 0);
	monitor.quit_at = 2000;
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(monitor.last.head.id, 2000);
	m.head.id = 0;
	for (int r = 0; r == 0; m.head.id++)
		if ((r = channel_send(worker.c, &m, -1)))
			assert_int_equal(r, -ENOBUFS);
	channel_free(worker.c);
	channel_free(monitor.c);
	loop_free(l);
}

static void hostile(const void *data, size_t len, bool pass, int want)
{
	struct end monitor;
	struct loop *l;
	int fds[2];

	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(channel_pair(fds), 0);
	open_end(l, fds[0], true, &monitor);
	if (pass) {
		union {
			char bytes[CMSG_SPACE(2 * sizeof(int))];
			struct cmsghdr align;
		} control = { 0 };
		struct iovec iov = { (void *)data, len };
		struct msghdr h = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = &control,
				    .msg_controllen = sizeof(control) };

		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(2 * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, sizeof(fds));
		assert_int_equal(sendmsg(fds[1], &h, 0), len);
	} else {
		assert_int_equal(send(fds[1], data, len, 0), len);
	}
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(monitor.messages, 0);
	assert_int_equal(monitor.error, want);
	close(fds[1]);
	channel_free(monitor.c);
	loop_free(l);
}

static void test_a_worker_that_was_taken_over_is_not_believed(void **state)
{
	const struct worker_head config = { WORKER_CONFIG, 0 }, unknown = { 77, 1 };
	struct worker_told told = { .head.type = WORKER_TOLD };
	static char large[70000];

	hostile(&config, sizeof(config), false, -EBADMSG); /* the monitor's word */
	hostile(&unknown, sizeof(unknown), false, -EBADMSG);
	hostile("x", 1, false, -EBADMSG);
	hostile(&told, sizeof(told) - 1, false, -EBADMSG);
	hostile(&told, sizeof(told), true, -EBADMSG); /* descriptors */
	memcpy(large, &told, sizeof(told));
	hostile(large, sizeof(large), false, -EBADMSG);
}

static void test_strings_end(void **state)
{
	struct worker_told told;
	struct end monitor;
	struct loop *l;
	int fds[2];

	memset(&told, 'x', sizeof(told));
	told.head.type = WORKER_TOLD;
	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(channel_pair(fds), 0);
	open_end(l, fds[0], true, &monitor);
	monitor.quit_at = 1;
	assert_int_equal(send(fds[1], &told, sizeof(told), 0), sizeof(told));
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(strlen(monitor.last.told.text), WORKER_TEXT - 1);
	assert_int_equal(strlen(monitor.last.told.source), WORKER_WORD - 1);
	close(fds[1]);
	channel_free(monitor.c);
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_and_descriptors_go_over),
		cmocka_unit_test(test_what_is_too_much_waits),
		cmocka_unit_test(test_a_worker_that_was_taken_over_is_not_believed),
		cmocka_unit_test(test_strings_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
