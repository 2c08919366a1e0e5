// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/local.h"
#include "policy/prefix.h"

static bool has(const char *text)
{
	struct zta_addr want, *v;
	bool found = false;
	size_t n;

	assert_int_equal(addr_parse(text, &want), 0);
	assert_int_equal(local_list(&v, &n), 0);
	for (size_t i = 0; i < n; i++)
		found |= !memcmp(&v[i], &want, sizeof(want));
	free(v);
	return found;
}

static void test_addresses_and_their_changes_are_told(void **state)
{
	struct pollfd p;
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		skip(); /* needs root: a namespace of its own */
	assert_int_equal(system("ip link set lo up"), 0);
	assert_true(has("127.0.0.1"));
	assert_true(has("::1"));
	assert_false(has("192.0.2.7"));

	fd = local_open();
	assert_true(fd >= 0);
	assert_int_equal(local_drain(fd), 0);
	assert_int_equal(system("ip addr add 192.0.2.7/24 dev lo"), 0);
	p = (struct pollfd){ .fd = fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 2000), 1);
	assert_int_equal(local_drain(fd), 1);
	assert_true(has("192.0.2.7"));

	/* the own side of a point-to-point link, not the peer's */
	assert_int_equal(system("ip addr add 192.0.2.9 peer 192.0.2.10 dev lo"), 0);
	assert_true(has("192.0.2.9"));
	assert_false(has("192.0.2.10"));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_and_their_changes_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
