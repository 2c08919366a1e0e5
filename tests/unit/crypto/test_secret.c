// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/b64.h"
#include "crypto/rand.h"
#include "crypto/secret.h"

static void test_it_holds_what_there_is_room_for(void **state)
{
	struct secret *s, *other;
	char tag[SECRET_TAG];

	assert_int_equal(secret_alloc(5, &s), 0);
	assert_int_equal(secret_append(s, "abc", 3), 0);
	assert_int_equal(secret_append(s, "def", 3), -ENOBUFS);
	assert_int_equal(secret_append(s, "de", 2), 0);
	assert_string_equal(secret_text(s), "abcde");
	assert_int_equal(secret_len(s), 5);
	assert_int_equal(secret_new("abcde", 5, &other), 0);
	assert_true(secret_equal(s, other));
	secret_tag(s, tag);
	assert_string_equal(tag, "36bbe50e");
	secret_free(other);
	assert_int_equal(secret_new("abcdf", 5, &other), 0);
	assert_false(secret_equal(s, other));
	secret_free(other);
	secret_free(s);
	secret_free(NULL);
}

/* Out of dumps and wiped in children, by the kernel's own words about the mapping. */
static void test_its_pages_stay_at_home(void **state)
{
	char line[512], flags[512] = "";
	unsigned long from = 0, to = 0;
	struct secret *s;
	FILE *f;

	assert_int_equal(secret_new("x", 1, &s), 0);
	assert_true(secret_locked(s));
	f = fopen("/proc/self/smaps", "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned long a, b;

		if (sscanf(line, "%lx-%lx ", &a, &b) == 2) {
			from = a;
			to = b;
		} else if (!strncmp(line, "VmFlags:", 8) && from <= (unsigned long)s &&
			   (unsigned long)s < to) {
			strcpy(flags, line);
		}
	}
	fclose(f);
	assert_non_null(strstr(flags, " dd")); /* not dumped */
	assert_non_null(strstr(flags, " wf")); /* wiped on fork */
#ifndef __SANITIZE_ADDRESS__		       /* whose runtime makes mlock() do nothing */
	assert_non_null(strstr(flags, " lo")); /* locked */
#endif
	secret_free(s);
}

static void test_files(void **state)
{
	int fd = memfd_create("secret", MFD_CLOEXEC);
	struct secret *s;

	assert_int_equal(write(fd, "0123456789", 10), 10); /* its place does not count */
	assert_int_equal(secret_read(fd, 10, &s), 0);
	assert_string_equal(secret_text(s), "0123456789");
	secret_free(s);
	assert_int_equal(secret_read(fd, 9, &s), -EFBIG);
	close(fd);
	assert_int_equal(secret_read(fd, 9, &s), -EBADF);
}

static void test_base64url(void **state)
{
	static const struct {
		const char *bytes, *text;
	} cases[] = { { "", "" },	 { "f", "Zg" },	       { "fo", "Zm8" },
		      { "foo", "Zm9v" }, { "foob", "Zm9vYg" }, { "\xfb\xff\xfe", "-__-" } };
	static const char *const bad[] = {
		"Z", "Zg==", "Zg=", "Z g", "Zh", "Zm9", "+/+/", "Zm9v\n"
	};
	char out[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		b64_encode(cases[i].bytes, strlen(cases[i].bytes), out);
		assert_string_equal(out, cases[i].text);
		assert_int_equal(b64_decode(cases[i].text, strlen(cases[i].text), out, 64),
				 strlen(cases[i].bytes));
		assert_memory_equal(out, cases[i].bytes, strlen(cases[i].bytes));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(b64_decode(bad[i], strlen(bad[i]), out, 64), -EBADMSG);
	assert_int_equal(b64_decode("Zm9v", 4, out, 2), -ENOBUFS);
}

static void test_uuids(void **state)
{
	char a[RAND_UUID_LEN], b[RAND_UUID_LEN];

	rand_uuid(a);
	rand_uuid(b);
	assert_int_equal(strlen(a), 36);
	assert_string_not_equal(a, b);
	assert_int_equal(a[14], '4');
	assert_true(strchr("89ab", a[19]));
	for (int i = 0; i < 1000; i++)
		assert_true(rand_below(3) < 3);
	assert_int_equal(rand_below(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_holds_what_there_is_room_for),
		cmocka_unit_test(test_its_pages_stay_at_home),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_base64url),
		cmocka_unit_test(test_uuids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
