// SPDX-License-Identifier: Apache-2.0
/*
 * The reader of first octets as clang built it for the kernel, held to the same text built by cc:
 * what the fuzzer found worth keeping and what real clients send, each cut at each octet, and
 * thousands of variants with a few octets changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <dirent.h>

#include "base/file.h"
#include "bpf/site.h"
#include "unit/inspect/stream_reading.h"
#include "zta_test.h"

#define BYTES_MAX 4096
#define CUTS	  9 /* of the fuzzer's input: flags and where it is cut */
#define CHANGED	  200

struct world {
	struct site site;
	int program;
	size_t tried, judged;
};

static void read_here(const uint8_t *octets, size_t n, uint32_t flags, struct zta_test_stream *ret)
{
	static struct reading r;
	uint32_t at = 0, taken;

	reading_begin(&r, flags);
	r.octets = octets;
	r.n = (uint32_t)n;
	for (;;) {
		taken = zta_stream_step(&r, &r.s, at, r.n);
		at += taken;
		if (r.s.state == ZTA_STREAM_REQUEST && (r.s.flags & ZTA_STREAM_CONNECT))
			zta_stream_resume(&r.s);
		else if (zta_stream_waits(&r.s) || !taken)
			break;
	}
	assert_false(r.wild);
	*ret = (struct zta_test_stream){ .hash = r.s.hash,
					 .flags = r.s.flags,
					 .taken = at,
					 .state = r.s.state,
					 .name_len = r.s.name_len,
					 .port = r.s.port };
}

static void read_there(const struct world *w, const uint8_t *octets, size_t n, uint32_t flags,
		       struct zta_test_stream *ret)
{
	struct {
		uint8_t pad[ZTA_TEST_PAD];
		struct zta_test_stream t;
		uint8_t octets[BYTES_MAX];
	} in = { .t = { .seed = READING_SEED, .len = (uint32_t)n, .flags = flags } }, out;
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = &in,
		    .data_size_in = (__u32)(offsetof(typeof(in), octets) + n), .data_out = &out,
		    .data_size_out = sizeof(out));

	memcpy(in.octets, octets, n);
	assert_int_equal(bpf_prog_test_run_opts(w->program, &o), 0);
	assert_int_equal(o.retval, 0);
	*ret = out.t;
}

static void compare(struct world *w, const uint8_t *octets, size_t n, uint32_t flags)
{
	struct zta_test_stream here, there;

	read_here(octets, n, flags, &here);
	read_there(w, octets, n, flags, &there);
	w->tried++;
	w->judged += here.state == ZTA_STREAM_HELLO || here.state == ZTA_STREAM_REQUEST;
	if (here.hash == there.hash && here.flags == there.flags && here.taken == there.taken &&
	    here.state == there.state && here.name_len == there.name_len && here.port == there.port)
		return;
	for (size_t i = 0; i < n; i++)
		print_error("%02x%s", octets[i], i % 32 == 31 || i + 1 == n ? "\n" : "");
	fail_msg("kernel: state %u taken %u name %u flags %x, here: %u %u %u %x", there.state,
		 there.taken, there.name_len, there.flags, here.state, here.taken, here.name_len,
		 here.flags);
}

static uint32_t roll(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*state >> 33);
}

static void try_octets(struct world *w, const uint8_t *octets, size_t n, uint32_t flags,
		       uint64_t *rng)
{
	uint8_t variant[BYTES_MAX];

	for (size_t cut = 0; cut <= n; cut++)
		compare(w, octets, cut, flags);
	for (int i = 0; n && i < CHANGED; i++) {
		memcpy(variant, octets, n);
		for (uint32_t k = 1 + roll(rng) % 3; k; k--)
			variant[roll(rng) % n] = (uint8_t)roll(rng);
		compare(w, variant, n, flags);
	}
}

static void the_corpus_is_read_alike(void **state)
{
	struct world *w = *state;
	DIR *d = opendir("tests/fuzz/corpus/stream");
	uint64_t rng = 1;
	size_t files = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		_cleanup_free_ char *path = str_dup_printf("tests/fuzz/corpus/stream/%s",
							   e->d_name);
		_cleanup_free_ char *text = NULL;
		const uint8_t *octets;
		size_t len = 0;

		if (e->d_name[0] == '.')
			continue;
		assert_int_equal(file_read_all(path, BYTES_MAX, &text, &len), 0);
		octets = (const uint8_t *)text;
		if (len <= CUTS)
			continue;
		try_octets(w, octets + CUTS, len - CUTS, octets[0] & ZTA_STREAM_PROXY, &rng);
		files++;
	}
	closedir(d);
	assert_true(files >= 10);
	assert_true(w->judged > 20); /* or it was all noise */
}

static int setup(void **state)
{
	static struct world w;

	site_make(&w.site);
	site_open(&w.site);
	w.program = kern_program_fd(w.site.kern, "zta_stream_test");
	assert_true(w.program >= 0);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	site_free(&w->site);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_corpus_is_read_alike) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
