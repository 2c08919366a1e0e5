// SPDX-License-Identifier: Apache-2.0
/*
 * New cgroups get their workload in the kernel as the list of the policy says: random patterns,
 * random trees, and no walk of user space between mkdir and the question. PATTERNS_SEED repeats.
 */
#include <errno.h>
#include <mntent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kern/maps.h"
#include "kern/object.h"
#include "parity/gen.h"
#include "policy/apply.h"
#include "unit/policy/compiled.h"
#include "workload/cgroup.h"
#include "workload/registry.h"

#define POLICIES 15
#define PATHS	 60

#define LONG10 "0123456789"
#define LONG60 LONG10 LONG10 LONG10 LONG10 LONG10 LONG10

struct world {
	char cgroup[256], bpffs[64];
	struct kern *kern;
	struct registry *registry;
	uint64_t seed;
};

static int setup(void **state)
{
	static struct world w;
	const struct kern_opts o = { .cgroup = w.cgroup, .bpffs = w.bpffs };
	const char *seed = getenv("PATTERNS_SEED");
	FILE *f = setmntent("/proc/self/mounts", "r");
	struct diag d = {};
	const struct mntent *m;

	do
		m = getmntent(f);
	while (m && strcmp(m->mnt_type, "cgroup2") != 0);
	if (m)
		snprintf(w.cgroup, sizeof(w.cgroup), "%.200s/zta-patterns-%d", m->mnt_dir,
			 getpid());
	endmntent(f);
	snprintf(w.bpffs, sizeof(w.bpffs), "/sys/fs/bpf/zta-patterns-%d", getpid());
	w.seed = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	print_message("PATTERNS_SEED=%llu\n", (unsigned long long)w.seed);
	*state = &w;
	if (!w.cgroup[0] || mkdir(w.cgroup, 0755) < 0)
		return -1;
	w.registry = registry_new();
	if (kern_open(&o, &w.kern, &d) < 0)
		print_error("%s\n", d.text);
	return w.kern && w.registry ? 0 : -1;
}

/* Depth first; the walk tells parents first, so what it told is removed in reverse. */
struct tree {
	char *paths[1024];
	size_t n;
};

static int note(void *ctx, const struct cgroup_visit *v, void *parent, void **ret_node)
{
	struct tree *t = ctx;

	if (v->depth && t->n < sizeof(t->paths) / sizeof(*t->paths))
		t->paths[t->n++] = strdup(v->path);
	return 0;
}

static void remove_tree(const struct world *w)
{
	static struct tree t;

	t.n = 0;
	(void)cgroup_walk(kern_cgroup_fd(w->kern), note, &t); /* what stays shows in rmdir below */
	while (t.n) {
		char path[4096];

		snprintf(path, sizeof(path), "%s%s", w->cgroup, t.paths[--t.n]);
		(void)rmdir(path); /* as above */
		free(t.paths[t.n]);
	}
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct diag d = {};
	int r = 0;

	if (w->kern) {
		remove_tree(w);
		if (kern_remove(w->kern, &d) < 0) {
			print_error("%s\n", d.text);
			r = -1;
		}
	}
	kern_close(w->kern);
	registry_free(w->registry);
	return rmdir(w->cgroup) < 0 ? -1 : r;
}

static const char *const pattern_parts[] = { "a",
					     "ab",
					     "a*",
					     "*b",
					     "*",
					     "a*b",
					     LONG60 "*",
					     LONG60 LONG60 "1234567",
					     "*" LONG60,
					     "*a*",
					     "a*b*",
					     "*a*b*a",
					     "*5" LONG60 "*" };
static const char *const path_parts[] = { "a",
					  "ab",
					  "aab",
					  "b",
					  "x",
					  "aXb",
					  "baXbXa",
					  "x5" LONG60 "x",
					  LONG60 LONG60 "1234567",
					  LONG60 LONG60 "12345678",
					  LONG60 "x" LONG60 LONG60,
					  "b" LONG60 LONG60 LONG60 };

static void add_path(struct rng *r, struct buf *b, const char *const *parts, unsigned n)
{
	for (unsigned depth = 1 + rng_below(r, 3); depth; depth--)
		assert_int_equal(buf_printf(b, "/%s", parts[rng_below(r, n)]), 0);
}
#define ADD_PATH(r, b, parts) add_path(r, b, parts, sizeof(parts) / sizeof(*(parts)))

static void add_workloads(struct rng *r, struct buf *b)
{
	static const char *const profiles[] = { "host", "no-ai", "closed" };
	unsigned n = 1 + rng_below(r, 8);

	assert_int_equal(buf_puts(b, "'mode':'enforce','workloads':["), 0);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(buf_printf(b, "%s{'profile':'%s','match':{'cgroup':'",
					    i ? "," : "", profiles[rng_below(r, 3)]),
				 0);
		ADD_PATH(r, b, pattern_parts);
		assert_int_equal(buf_puts(b, "'}}"), 0);
	}
	assert_int_equal(buf_puts(b, "]"), 0);
}

/* Makes each part of the path that is missing. */
static void make(const struct world *w, const char *path)
{
	char text[4096];

	for (const char *p = strchr(path + 1, '/');; p = strchr(p + 1, '/')) {
		size_t len = p ? (size_t)(p - path) : strlen(path);

		snprintf(text, sizeof(text), "%s%.*s", w->cgroup, (int)len, path);
		assert_true(mkdir(text, 0755) == 0 || errno == EEXIST);
		if (!p)
			return;
	}
}

/* What the programs find for a cgroup: the entry of the nearest ancestor that has one. */
static struct zta_workload found(const struct world *w, const char *path)
{
	struct zta_workload entry;
	char text[4096];
	uint64_t id;

	snprintf(text, sizeof(text), "%s", path);
	for (;;) {
		assert_int_equal(cgroup_id_of(kern_cgroup_fd(w->kern), text[0] ? text : "/", &id),
				 0);
		if (kern_workload_get(w->kern, id, &entry) == 0)
			return entry;
		assert_true(text[0]);
		*strrchr(text, '/') = '\0';
	}
}

static void assert_found(const struct world *w, const struct compiled *c, const char *path)
{
	struct zta_workload e = found(w, path);
	unsigned slot = kern_slot(w->kern);
	int want = policy_workload_of(c->policy, path);
	uint16_t profile = want < 0 ? c->image->patterns.default_profile
				    : c->image->profile_id[c->policy->workloads[want].profile];

	if (e.profile[slot] != profile)
		print_error("%s\n%s: entry %d, profile %u, not entry %d, profile %u\n",
			    c->policy->text, path, (int16_t)e.entry[slot], e.profile[slot], want,
			    profile);
	assert_int_equal(e.profile[slot], profile);
	assert_int_equal((int16_t)e.entry[slot], want);
}

static void new_cgroups_belong_to_the_first_entry_of_the_list(void **state)
{
	struct world *w = *state;
	size_t asked = 0;

	for (uint64_t i = 0; i < POLICIES; i++) {
		struct rng r = { .state = (w->seed * 0x9e3779b97f4a7c15ULL + i) | 1 };
		struct buf b = {};
		struct compiled c;
		struct diag d = {};

		add_workloads(&r, &b);
		compiled_open(&c, b.data);
		buf_free(&b);
		if (!c.image) { /* more nodes at once than the kernel keeps */
			compiled_close(&c);
			continue;
		}
		if (policy_apply(w->kern, c.image, w->registry, &d) < 0)
			fail_msg("%s", d.text);
		if (!asked && kern_attach(w->kern, &d) < 0)
			fail_msg("%s", d.text);
		for (int k = 0; k < PATHS; k++, asked++) {
			struct buf path = {};

			ADD_PATH(&r, &path, path_parts);
			make(w, path.data);
			assert_found(w, &c, path.data);
			buf_free(&path);
		}
		if (i % 3 == 0) /* else they are found there by the next policy */
			remove_tree(w);
		compiled_close(&c);
	}
	assert_true(asked > POLICIES * PATHS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_cgroups_belong_to_the_first_entry_of_the_list),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
