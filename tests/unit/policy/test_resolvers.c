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

/* What the two files give, as one text: servers, then "/" and the suffixes. */
static void assert_gives(const char *etc_text, const char *upstream_text, const char *want)
{
	struct resolvers p;
	char got[512] = "", text[PREFIX_TEXT_LEN];

	assert_int_equal(file_write_atomic(etc, etc_text, strlen(etc_text), 0600), 0);
	assert_int_equal(file_write_atomic(upstream, upstream_text, strlen(upstream_text), 0600),
			 0);
	assert_int_equal(resolvers_read(etc, upstream, &p), 0);
	for (size_t i = 0; i < p.servers.n; i++) {
		prefix_format(&p.servers.v[i], text);
		strcat(strcat(got, i ? " " : ""), text);
	}
	for (size_t i = 0; i < p.search.n; i++)
		strcat(strcat(got, i ? " " : "/"), p.search.v[i]);
	resolvers_free(&p);
	assert_string_equal(got, want);
}

static void test_nameserver_lines_are_read(void **state)
{
	assert_gives("# comment\nsearch a.example\nnameserver 10.0.0.4\nnameserver\tfd00::53 \n"
		     "options ndots:5\n",
		     "", "10.0.0.4 fd00::53/a.example");
	assert_gives("nameserver 10.0.0.4", "", "10.0.0.4"); /* no newline at the end */
	assert_gives("nameserver fe80::1%eth0\n", "", "fe80::1");
	assert_gives("nameserver 10.0.0.4\nnameserver 10.0.0.4\r\n", "", "10.0.0.4");
}

static void test_what_cannot_be_read_gives_nothing(void **state)
{
	struct resolvers p = { 0 };

	assert_gives("", "", "");
	assert_gives("nameserver\nnameserver x\nnameserver 1.2.3\n#nameserver 10.0.0.4\n"
		     "nameservers 10.0.0.5\n",
		     "", "");
	assert_int_equal(resolvers_read("/nonexistent", "/nonexistent", &p), 0);
	assert_int_equal(p.servers.n + p.search.n, 0);
	resolvers_free(&p);
}

static void test_behind_the_stub_stand_its_upstreams(void **state)
{
	assert_gives("nameserver 127.0.0.53\n", "nameserver 168.63.129.16\n",
		     "127.0.0.53 168.63.129.16");
	assert_gives("nameserver 127.0.0.1\n", "nameserver 168.63.129.16\n", "127.0.0.1");
}

static void test_the_last_line_of_suffixes_counts(void **state)
{
	assert_gives("search B.example. a.example\tb.example\n", "", "/a.example b.example");
	assert_gives("search a.example\ndomain c.example\n", "", "/c.example");
	assert_gives("domain c.example\nsearch a.example local\n", "", "/a.example local");
	assert_gives("search a.example\nsearch\n", "", "");
	assert_gives("search . *.a.example a..b 10.0.0.1 x\xc3\xa9.example ok.example\n", "",
		     "/ok.example");
	assert_gives("searching a.example\n", "", "");
	assert_gives("nameserver 127.0.0.53\nsearch a.example\n", "search b.example a.example\n",
		     "127.0.0.53/a.example b.example");
	assert_gives("nameserver 10.0.0.4\nsearch a.example\n", "search b.example\n",
		     "10.0.0.4/a.example");
}

static void test_what_changed_is_told_apart(void **state)
{
	struct resolvers a, b;

	assert_gives("nameserver 10.0.0.4\nsearch a.example b.example\n", "",
		     "10.0.0.4/a.example b.example");
	assert_int_equal(resolvers_read(etc, upstream, &a), 0);
	assert_gives("search b.example a.example\nnameserver 10.0.0.5\n", "",
		     "10.0.0.5/a.example b.example");
	assert_int_equal(resolvers_read(etc, upstream, &b), 0);
	assert_false(resolvers_same_servers(&a, &b));
	assert_true(resolvers_same_search(&a, &b));
	resolvers_free(&b);
	assert_gives("search b.example\nnameserver 10.0.0.4\n", "", "10.0.0.4/b.example");
	assert_int_equal(resolvers_read(etc, upstream, &b), 0);
	assert_true(resolvers_same_servers(&a, &b));
	assert_false(resolvers_same_search(&a, &b));
	resolvers_free(&a);
	resolvers_free(&b);
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
		cmocka_unit_test(test_the_last_line_of_suffixes_counts),
		cmocka_unit_test(test_what_changed_is_told_apart),
		cmocka_unit_test(test_order_is_no_change),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
