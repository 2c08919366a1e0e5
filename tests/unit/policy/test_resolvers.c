// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "policy/prefix.h"
#include "policy/resolvers.h"

static char dir[] = "/tmp/zta-resolvers-XXXXXX", etc[64], upstream[64];

static int make_dir(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(etc, sizeof(etc), "%s/etc", dir);
	snprintf(upstream, sizeof(upstream), "%s/upstream", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)unlink(etc);
	(void)unlink(upstream);
	return rmdir(dir);
}

/* What the two files give, as one text. */
static void assert_gives(const char *etc_text, const char *upstream_text, const char *want)
{
	struct policy_prefixes p;
	char got[512] = "", text[PREFIX_TEXT_LEN];

	assert_int_equal(file_write_atomic(etc, etc_text, strlen(etc_text), 0600), 0);
	assert_int_equal(file_write_atomic(upstream, upstream_text, strlen(upstream_text), 0600),
			 0);
	assert_int_equal(resolvers_read(etc, upstream, &p), 0);
	for (size_t i = 0; i < p.n; i++) {
		prefix_format(&p.v[i], text);
		strcat(strcat(got, i ? " " : ""), text);
	}
	free(p.v);
	assert_string_equal(got, want);
}

static void test_nameserver_lines_are_read(void **state)
{
	assert_gives("# comment\nsearch a.example\nnameserver 10.0.0.4\nnameserver\tfd00::53 \n"
		     "options ndots:5\n",
		     "", "10.0.0.4 fd00::53");
	assert_gives("nameserver 10.0.0.4", "", "10.0.0.4"); /* no newline at the end */
	assert_gives("nameserver fe80::1%eth0\n", "", "fe80::1");
	assert_gives("nameserver 10.0.0.4\nnameserver 10.0.0.4\r\n", "", "10.0.0.4");
}

static void test_what_cannot_be_read_gives_nothing(void **state)
{
	struct policy_prefixes p = { 0 };

	assert_gives("", "", "");
	assert_gives("nameserver\nnameserver x\nnameserver 1.2.3\n#nameserver 10.0.0.4\n"
		     "nameservers 10.0.0.5\n",
		     "", "");
	assert_int_equal(resolvers_read("/nonexistent", "/nonexistent", &p), 0);
	assert_int_equal(p.n, 0);
	free(p.v);
}

static void test_behind_the_stub_stand_its_upstreams(void **state)
{
	assert_gives("nameserver 127.0.0.53\n", "nameserver 168.63.129.16\n",
		     "127.0.0.53 168.63.129.16");
	assert_gives("nameserver 127.0.0.1\n", "nameserver 168.63.129.16\n", "127.0.0.1");
}

static void test_order_is_no_change(void **state)
{
	assert_gives("nameserver 10.0.0.9\nnameserver 10.0.0.4\n", "", "10.0.0.4 10.0.0.9");
	assert_gives("nameserver 10.0.0.4\nnameserver 10.0.0.9\n", "", "10.0.0.4 10.0.0.9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nameserver_lines_are_read),
		cmocka_unit_test(test_what_cannot_be_read_gives_nothing),
		cmocka_unit_test(test_behind_the_stub_stand_its_upstreams),
		cmocka_unit_test(test_order_is_no_change),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
