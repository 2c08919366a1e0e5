// SPDX-License-Identifier: Apache-2.0
/* Where the broker may listen. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/listener.h"

static void one_address_with_its_port(void **state)
{
	static const char *const good[] = { "127.0.0.1:9466", "10.0.0.1:0", "[::1]:65535",
					    "[fd00::1]:80" };
	static const char *const bad[] = {
		"",
		":1",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:65536",
		"127.0.0.1:x",
		"0.0.0.0:1",
		"[::]:1",
		"::1:1",
		"[::1]",
		"[127.0.0.1]:1",
		"host:1",
		"[::ffff:1.2.3.4]:1",
		"127.0.0.1:1 ",
		"[::1:1",
	};
	struct listener_address a;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(listener_parse(good[i], &a), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (listener_parse(bad[i], &a) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
}

static void the_programs_hear_the_port_that_was_free(void **state)
{
	struct listener_address a;
	struct zta_broker b;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(listener_parse("127.0.0.1:0", &a), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a.sa, a.len), 0);
	assert_int_equal(listener_broker(fd, &b), 0);
	assert_int_equal(b.addr.family, ZTA_V4);
	assert_int_equal(b.addr.w[0], htonl(INADDR_LOOPBACK));
	assert_true(b.port > 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_address_with_its_port),
		cmocka_unit_test(the_programs_hear_the_port_that_was_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
