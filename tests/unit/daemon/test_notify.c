// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/notify.h"

/* A manager at an abstract address, or at a path. */
static int listen_at(char *name, size_t size, bool abstract)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	size_t len;

	snprintf(name, size, "%s/tmp/zta-notify-%d", abstract ? "@" : "", getpid());
	len = strlen(name);
	memcpy(sa.sun_path, name, len);
	if (abstract)
		sa.sun_path[0] = '\0';
	else
		(void)unlink(name);
	assert_int_equal(
		bind(fd, (struct sockaddr *)&sa, offsetof(struct sockaddr_un, sun_path) + len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void test_states_arrive(void **state)
{
	for (int abstract = 0; abstract < 2; abstract++) {
		char name[64], got[64] = "";
		int fd = listen_at(name, sizeof(name), abstract);

		assert_int_equal(notify_send("READY=1\nSTATUS=x"), 1);
		assert_int_equal(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), 16);
		assert_string_equal(got, "READY=1\nSTATUS=x");
		close(fd);
		if (!abstract)
			(void)unlink(name);
	}
	unsetenv("NOTIFY_SOCKET");
}

static void test_reloading_has_the_time_that_the_manager_compares(void **state)
{
	unsigned long long usec, before = clock_mono_ns() / 1000;
	char name[64], got[128] = "";
	int fd = listen_at(name, sizeof(name), true);

	assert_int_equal(notify_reloading(), 1);
	assert_true(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) > 0);
	assert_int_equal(sscanf(got, "RELOADING=1\nMONOTONIC_USEC=%llu", &usec), 1);
	assert_true(usec >= before && usec <= clock_mono_ns() / 1000);
	close(fd);
	unsetenv("NOTIFY_SOCKET");
}

static void test_without_a_manager_nothing_happens(void **state)
{
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_send("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify_send("READY=1"), -EINVAL);
	setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
	assert_int_equal(notify_send("READY=1"), -ENOENT);
	unsetenv("NOTIFY_SOCKET");
}

static void test_the_watchdog_is_patted_at_half_time(void **state)
{
	char pid[16];

	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "60000000", 1);
	assert_int_equal(notify_watchdog_ms(), 30000);
	setenv("WATCHDOG_PID", "1", 1); /* meant for another process */
	assert_int_equal(notify_watchdog_ms(), 0);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_ms(), 30000);
	setenv("WATCHDOG_USEC", "1s", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states_arrive),
		cmocka_unit_test(test_reloading_has_the_time_that_the_manager_compares),
		cmocka_unit_test(test_without_a_manager_nothing_happens),
		cmocka_unit_test(test_the_watchdog_is_patted_at_half_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
