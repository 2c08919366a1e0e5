// SPDX-License-Identifier: Apache-2.0
/* The kernel's own trie, filled as policies are, finds what the vectors say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <unistd.h>

#include "names/vectors.h"
#include "policy/names.h"
#include "unit/policy/compiled.h"

static void compile(const struct vector *v, struct compiled *c)
{
	struct buf b = {};

	assert_int_equal(buf_puts(&b, "'mode':'enforce','profiles':[{'name':'p','dns':{"
				      "'names':'listed','allow':["),
			 0);
	for (size_t i = 0; i < v->n; i++)
		assert_int_equal(buf_printf(&b, "%s'%s'", i ? "," : "", v->patterns[i]), 0);
	assert_int_equal(buf_puts(&b, "]}}]"), 0);
	compiled_open(c, b.data);
	buf_free(&b);
	assert_non_null(c->image);
}

static int trie_of(const struct compiled *c)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_NO_PREALLOC);
	int fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "zta_test_names",
				sizeof(struct zta_name_key), 4, ZTA_NAME_NODES, &o);

	assert_true(fd >= 0);
	for (size_t i = 0; i < c->image->n_names; i++)
		assert_int_equal(bpf_map_update_elem(fd, &c->image->names[i].key,
						     &c->image->names[i].value, BPF_NOEXIST),
				 0);
	return fd;
}

/* As the programs ask: the whole text, whatever its length. */
static uint32_t ask(int fd, uint32_t scope, const char *name)
{
	struct zta_name_key key = { .prefixlen = 32 + 8 * ZTA_NAME_TEXT, .scope = scope };
	uint32_t value = 0;

	(void)name_backwards(name, key.text);
	return bpf_map_lookup_elem(fd, &key, &value) ? 0 : value;
}

static void check_vector(const struct vector *v, void *ctx)
{
	struct compiled c;
	uint32_t profile;
	const char *got;
	int fd;

	compile(v, &c);
	fd = trie_of(&c);
	got = pattern_ids_text(c.image->ids.patterns, ask(fd, ZTA_NAMES_ALL, v->name));
	if (!got != !v->want || (got && strcmp(got, v->want) != 0))
		fail_msg("vectors.txt:%d: %s", v->line, got ? got : "none");
	profile = c.image->profile_id[policy_find_profile(c.policy, "p")];
	if (ask(fd, profile, v->name) != !!v->want)
		fail_msg("vectors.txt:%d: may it be asked for?", v->line);
	close(fd);
	compiled_close(&c);
}

static void the_kernels_trie_finds_the_pattern_that_decides(void **state)
{
	vectors_each(check_vector, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernels_trie_finds_the_pattern_that_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
