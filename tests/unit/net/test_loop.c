// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/loop.h"

struct trace {
	struct loop *l;
	struct loop_event *e;
	char text[32];
	int n;
};

static void put(struct trace *t, char c)
{
	t->text[t->n++] = c;
}

static void on_a(void *ctx)
{
	put(ctx, 'a');
}

static void on_b(void *ctx)
{
	put(ctx, 'b');
}

static void on_quit(void *ctx)
{
	struct trace *t = ctx;

	put(t, 'q');
	loop_quit(t->l);
}

static void timers_fire_in_order_and_quit_ends_the_loop(void **state)
{
	struct trace t = {};
	struct loop_event *e[4];

	assert_int_equal(loop_new(&t.l), 0);
	e[0] = loop_add_timer(t.l, 30, false, on_quit, &t);
	e[1] = loop_add_timer(t.l, 20, false, on_b, &t);
	e[2] = loop_add_timer(t.l, 0, false, on_a, &t);
	e[3] = loop_add_timer(t.l, 5, false, on_b, &t);
	loop_timer_stop(e[3]);
	assert_int_equal(loop_run(t.l), 0);
	assert_string_equal(t.text, "abq");
	for (int i = 0; i < 4; i++)
		loop_event_free(e[i]);
	loop_free(t.l);
}

static void on_thrice(void *ctx)
{
	struct trace *t = ctx;

	put(t, 't');
	if (t->n == 3) {
		loop_event_free(t->e);
		loop_quit(t->l);
	}
}

static void a_repeating_timer_can_free_itself(void **state)
{
	struct trace t = {};

	assert_int_equal(loop_new(&t.l), 0);
	t.e = loop_add_timer(t.l, 1, true, on_thrice, &t);
	assert_int_equal(loop_run(t.l), 0);
	assert_string_equal(t.text, "ttt");
	loop_free(t.l);
}

static void on_again(void *ctx)
{
	struct trace *t = ctx;

	put(t, 'x');
	if (t->n == 2)
		loop_quit(t->l);
	else
		assert_int_equal(loop_timer_set(t->e, 1), 0);
}

static void a_timer_that_fired_can_be_set_again(void **state)
{
	struct trace t = {};

	assert_int_equal(loop_new(&t.l), 0);
	t.e = loop_add_timer(t.l, 1, false, on_again, &t);
	assert_int_equal(loop_run(t.l), 0);
	assert_string_equal(t.text, "xx");
	loop_event_free(t.e);
	loop_free(t.l);
}

struct pipe_end {
	struct trace t;
	int fd;
};

static void on_bytes(void *ctx)
{
	struct pipe_end *p = ctx;
	char c;

	assert_int_equal(read(p->fd, &c, 1), 1);
	put(&p->t, c);
	if (c == '.')
		loop_quit(p->t.l);
}

static void a_descriptor_is_told_as_long_as_it_can_be_read(void **state)
{
	struct pipe_end p = {};
	struct loop_event *e, *w;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(loop_new(&p.t.l), 0);
	p.fd = fds[0];
	e = loop_add_fd(p.t.l, fds[0], on_bytes, &p);
	assert_int_equal(write(fds[1], "xyz.", 4), 4);
	assert_int_equal(loop_run(p.t.l), 0);
	assert_string_equal(p.t.text, "xyz.");
	loop_event_free(e);
	w = loop_add_fd_write(p.t.l, fds[1], on_quit, &p.t);
	assert_int_equal(loop_run(p.t.l), 0);
	assert_string_equal(p.t.text, "xyz.q");
	loop_event_free(w);
	loop_free(p.t.l);
	close(fds[0]);
	close(fds[1]);
}

static void signals_arrive_on_the_loop(void **state)
{
	struct trace t = {};
	struct loop_event *e;

	assert_int_equal(loop_new(&t.l), 0);
	e = loop_add_signal(t.l, SIGHUP, on_quit, &t);
	assert_int_equal(raise(SIGHUP), 0);
	assert_string_equal(t.text, "");
	assert_int_equal(loop_run(t.l), 0);
	assert_string_equal(t.text, "q");
	loop_event_free(e);
	loop_free(t.l);
}

static void a_peer_that_went_away_is_an_error_not_a_signal(void **state)
{
	struct loop *l;
	int fds[2];

	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(write(fds[1], "x", 1), -1);
	close(fds[1]);
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order_and_quit_ends_the_loop),
		cmocka_unit_test(a_repeating_timer_can_free_itself),
		cmocka_unit_test(a_timer_that_fired_can_be_set_again),
		cmocka_unit_test(a_descriptor_is_told_as_long_as_it_can_be_read),
		cmocka_unit_test(signals_arrive_on_the_loop),
		cmocka_unit_test(a_peer_that_went_away_is_an_error_not_a_signal),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
