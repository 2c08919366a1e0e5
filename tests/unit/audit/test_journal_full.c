// SPDX-License-Identifier: Apache-2.0
/* The journal on a disk that refuses: a real file system that is full, and a file size limit. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "unit/audit/journal_dir.h"

struct disk {
	char *mount; /* NULL without root */
	char dir[128], ballast[128];
};

/* The tests' own mount namespace: nothing of it is left behind, whatever happens. */
static int enter_namespace(void **state)
{
	if (getuid() != 0)
		return 0;
	if (unshare(CLONE_NEWNS) < 0)
		return -1;
	return mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL);
}

static int setup(void **state)
{
	struct disk *k = calloc(1, sizeof(*k));

	if (getuid() == 0) {
		journal_dir_setup((void **)&k->mount);
		assert_int_equal(mount("tmpfs", k->mount, "tmpfs", 0, "size=64k"), 0);
		snprintf(k->dir, sizeof(k->dir), "%s/journal", k->mount);
		snprintf(k->ballast, sizeof(k->ballast), "%s/ballast", k->mount);
	}
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	struct disk *k = *state;

	if (k->mount) {
		assert_int_equal(umount2(k->mount, MNT_DETACH), 0);
		journal_dir_teardown((void **)&k->mount);
	}
	free(k);
	return 0;
}

#define NEEDS_DISK(k)                                                    \
	do {                                                             \
		if (!(k)->mount) {                                       \
			print_message("Skipped: needs root to mount\n"); \
			skip();                                          \
		}                                                        \
	} while (0)

/* Takes all the room that is left. */
static void fill(struct disk *k)
{
	static const char block[4096];
	int fd = open(k->ballast, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

/* Appends until the journal refuses; how many are written. */
static int append_until_full(struct journal *j)
{
	int n = 0;

	while (journal_append(j, a_record(n)) == 0)
		assert_true(++n < 100000);
	return n;
}

static void a_full_disk_makes_records_wait_and_nothing_is_lost_when_it_ends(void **state)
{
	struct disk *k = *state;
	struct journal_state s;
	struct journal *j;
	struct chain c;
	int written;

	NEEDS_DISK(k);
	j = must_open(k->dir, NULL);
	assert_int_equal(journal_append(j, a_record(-1)), 0);
	fill(k);
	written = append_until_full(j) + 1;
	s = journal_state(j);
	assert_true(s.failing);
	assert_int_equal(s.error, -ENOSPC);
	assert_int_equal(s.pending, 1);
	assert_int_equal(s.seq, written);
	for (int i = 0; i < 100; i++)
		assert_int_equal(journal_append(j, a_record(i)), -EAGAIN);
	assert_int_equal(journal_state(j).seq, written);
	c = check_and_drop(k->dir); /* also while it is full there are whole lines only */
	assert_int_equal(c.last, written);
	assert_int_equal(unlink(k->ballast), 0);
	await_recovery(j);
	s = journal_state(j);
	assert_int_equal(s.pending, 0);
	assert_int_equal(s.lost, 0);
	assert_int_equal(s.error, 0);
	assert_int_equal(journal_append(j, a_record(-2)), 0);
	journal_close(j);
	c = check_and_drop(k->dir);
	assert_int_equal(c.decisions, written + 101 + 1);
	assert_int_equal(c.lines, written + 101 + 1 + 1);
	assert_int_equal(c.recovered, 1);
	assert_int_equal(c.told_lost, 0);
}

static void what_does_not_fit_in_memory_is_counted_exactly_and_told(void **state)
{
	struct journal_opts o = { .pending_bytes = 2000 };
	struct disk *k = *state;
	struct journal_state s;
	int written, asked = 0;
	struct journal *j;
	struct chain c;

	NEEDS_DISK(k);
	j = must_open(k->dir, &o);
	fill(k);
	written = append_until_full(j); /* the one that failed waits */
	for (int i = 0; i < 500; i++) {
		int count = 1 + i % 7;
		int r = journal_append(j,
				       json_pack("{s:s, s:i}", "type", "egress", "count", count));

		assert_true(r == -EAGAIN || r == -ENOBUFS);
		asked += count;
	}
	s = journal_state(j);
	assert_true(s.pending > 5 && s.pending < 100);
	assert_int_equal(s.lost_records + s.pending, 501);
	assert_int_equal(unlink(k->ballast), 0);
	await_recovery(j);
	s = journal_state(j);
	journal_close(j);
	c = check_and_drop(k->dir);
	assert_int_equal(c.decisions + s.lost, written + 1 + asked);
	assert_int_equal(c.told_lost, s.lost);
	assert_int_equal(c.told_records, s.lost_records);
	assert_int_equal(c.recovered, 1);
}

static json_t *allowance(int i)
{
	return json_pack("{s:s, s:s, s:i, s:i}", "type", "egress", "verdict", "allow", "number", i,
			 "count", 1);
}

static void denials_are_not_dropped_in_favour_of_allowances(void **state)
{
	struct journal_opts o = { .pending_bytes = 2000 };
	struct disk *k = *state;
	uint64_t waiting;
	struct journal *j;
	struct chain c;
	int written;

	NEEDS_DISK(k);
	j = must_open(k->dir, &o);
	fill(k);
	written = append_until_full(j);
	while (journal_append(j, allowance(1)) == -EAGAIN)
		;
	waiting = journal_state(j).pending;
	assert_int_equal(journal_state(j).lost, 1);
	for (uint64_t i = 0; i + 1 < waiting; i++)
		assert_int_equal(journal_append(j, a_record(7)), -EAGAIN);
	assert_int_equal(journal_append(j, allowance(2)), -ENOBUFS);
	assert_int_equal(unlink(k->ballast), 0);
	await_recovery(j);
	assert_int_equal(journal_state(j).lost_records, waiting + 1);
	journal_close(j);
	c = check_and_drop(k->dir);
	assert_int_equal(c.decisions, written + waiting);
}

static void a_daemon_that_dies_meanwhile_leaves_the_number_to_the_next(void **state)
{
	struct journal_opts o = { .pending_bytes = 2000 };
	struct disk *k = *state;
	int written, fds[2];
	struct journal *j;
	struct chain c;
	pid_t pid;

	NEEDS_DISK(k);
	j = must_open(k->dir, &o);
	assert_int_equal(journal_append(j, a_record(0)), 0);
	journal_close(j);
	fill(k);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		j = must_open(k->dir, &o);
		written = append_until_full(j); /* one waits */
		for (int i = 0; i < 99; i++)
			(void)journal_append(j, a_record(i)); /* waits or is lost */
		_exit(write(fds[1], &written, sizeof(written)) != sizeof(written));
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &written, sizeof(written)), sizeof(written));
	close(fds[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	written++; /* the one of the parent */
	assert_int_equal(unlink(k->ballast), 0);
	j = must_open(k->dir, &o);
	assert_false(journal_state(j).failing);
	assert_int_equal(journal_state(j).seq, written + 1);
	journal_close(j);
	c = check_and_drop(k->dir);
	assert_int_equal(c.told_lost, 100);
	assert_int_equal(c.told_records, 100);
	journal_close(must_open(k->dir, &o)); /* told once */
	c = check_and_drop(k->dir);
	assert_int_equal(c.recovered, 1);
}

static void a_start_on_a_full_disk_waits_too(void **state)
{
	struct disk *k = *state;
	struct journal *j;
	struct chain c;

	NEEDS_DISK(k);
	assert_int_equal(mkdir(k->dir, 0700), 0);
	fill(k);
	j = must_open(k->dir, NULL);
	for (int i = 0; i < 10; i++)
		assert_int_equal(journal_append(j, a_record(i)), -EAGAIN);
	assert_true(journal_state(j).failing);
	assert_int_equal(journal_state(j).seq, 0);
	assert_int_equal(unlink(k->ballast), 0);
	await_recovery(j);
	journal_close(j);
	c = check_and_drop(k->dir);
	assert_int_equal(c.lines, 11);
	assert_int_equal(c.decisions, 10);
	journal_close(must_open(k->dir, NULL));
}

static void a_disk_that_is_full_again_and_again_keeps_the_chain(void **state)
{
	struct journal_opts o = { .segment_bytes = 3000, .pending_bytes = 1000 };
	struct disk *k = *state;
	uint64_t asked = 0, lost = 0;
	struct journal *j;
	struct chain c;

	NEEDS_DISK(k);
	j = must_open(k->dir, &o);
	for (int round = 0; round < 5; round++) {
		fill(k);
		for (int i = 0; i < 60; i++, asked++)
			(void)journal_append(j, a_record(i)); /* each outcome is counted below */
		assert_true(journal_state(j).failing);
		assert_int_equal(unlink(k->ballast), 0);
		await_recovery(j);
		if (round == 2) { /* a restart in between */
			lost = journal_state(j).lost;
			journal_close(j);
			j = must_open(k->dir, &o);
		}
	}
	lost += journal_state(j).lost;
	journal_close(j);
	c = check_and_drop(k->dir);
	assert_int_equal(c.first, 1);
	assert_int_equal(c.decisions + lost, asked);
	assert_int_equal(c.told_lost, lost);
	assert_int_equal(c.recovered, 5);
}

static void a_file_size_limit_is_like_a_full_disk(void **state)
{
	struct rlimit before, small;
	struct journal *j;
	struct chain c;
	char *dir;
	int n;

	journal_dir_setup((void **)&dir);
	j = must_open(dir, NULL);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 5000; /* not where a line ends: the last write is cut */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	n = append_until_full(j);
	assert_int_equal(journal_state(j).error, -EFBIG);
	c = check_and_drop(dir);
	assert_int_equal(c.last, n);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	await_recovery(j);
	journal_close(j);
	c = check_and_drop(dir);
	assert_int_equal(c.last, n + 2);
	assert_int_equal(c.decisions, n + 1);
	journal_dir_teardown((void **)&dir);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_full_disk_makes_records_wait_and_nothing_is_lost_when_it_ends),
		TEST(what_does_not_fit_in_memory_is_counted_exactly_and_told),
		TEST(denials_are_not_dropped_in_favour_of_allowances),
		TEST(a_daemon_that_dies_meanwhile_leaves_the_number_to_the_next),
		TEST(a_start_on_a_full_disk_waits_too),
		TEST(a_disk_that_is_full_again_and_again_keeps_the_chain),
		cmocka_unit_test(a_file_size_limit_is_like_a_full_disk),
	};

	return cmocka_run_group_tests_name("journal_full", tests, enter_namespace, NULL);
}
