// SPDX-License-Identifier: Apache-2.0
/* SIGKILL at any moment, with readers next to the writer: whole lines, no gap, nothing acked lost.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "audit/reader.h"
#include "unit/audit/journal_dir.h"

#define KILLS	     200
#define LARGE_BYTES  50000 /* a line of many pages: the kernel may be stopped inside its write */
#define MOST_WAIT_US 4000

struct shared {
	volatile uint64_t acked; /* last seq of which append() said that it is written */
	volatile int started;
	volatile bool stop;
};

/* No sync meanwhile: a process inside fdatasync() dies only when the disk has answered. */
static const struct journal_opts opts = { .segment_bytes = 400000,
					  .retain_bytes = 4000000,
					  .fsync_ms = 60000 };

static void write_for_ever(const char *dir, struct shared *s)
{
	char *large = malloc(LARGE_BYTES + 1);
	struct journal *j = must_open(dir, &opts);

	memset(large, 'x', LARGE_BYTES);
	large[LARGE_BYTES] = '\0';
	s->started++;
	for (int i = 0;; i++) {
		json_t *record = i % 3 ? json_pack("{s:s, s:s}", "type", "egress", "text", large)
				       : a_record(i);

		if (journal_append(j, record) != 0)
			_exit(1);
		s->acked = journal_state(j).seq;
		journal_tick(j);
	}
}

static void check_next(uint64_t *last, const char *line)
{
	uint64_t seq;

	if (sscanf(line, "{\"seq\":%" SCNu64 ",", &seq) != 1 || line[strlen(line) - 1] != '}' ||
	    (*last && seq != *last + 1)) {
		fprintf(stderr, "after %" PRIu64 ": %.100s\n", *last, line);
		_exit(2);
	}
	*last = seq;
}

static int on_line(void *ctx, const char *line, size_t len)
{
	check_next(ctx, line);
	return 0;
}

static void read_for_ever(const char *dir, struct shared *s)
{
	struct journal_filter f = { .last = 30 };
	uint64_t newest = 0;

	while (!s->stop) {
		uint64_t last = 0;

		if (journal_read(dir, &f, on_line, &last, NULL) < 0 || last < newest)
			_exit(3);
		newest = last;
	}
	_exit(newest == 0);
}

static void killed_200_times_the_journal_has_no_gap_and_nothing_half(void **state)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const char *dir = *state;
	struct chain c = {};
	int status, cut = 0;
	pid_t reader, writer;

	assert_true(s != MAP_FAILED);
	reader = fork();
	if (reader == 0)
		read_for_ever(dir, s);
	srand(7);
	for (int i = 0; i < KILLS; i++) {
		uint64_t end = clock_mono_ns() + DEADLINE_NS;

		writer = fork();
		if (writer == 0)
			write_for_ever(dir, s);
		while (s->started == i && clock_mono_ns() < end)
			poll(NULL, 0, 1);
		assert_int_equal(s->started, i + 1);
		usleep((useconds_t)(rand() % MOST_WAIT_US)); /* the moment is what is tested */
		assert_int_equal(kill(writer, SIGKILL), 0);
		assert_int_equal(waitpid(writer, &status, 0), writer);
		assert_true(WIFSIGNALED(status));
		if (i % 20 == 19) {
			journal_close(must_open(dir, &opts));
			c = check_and_drop(dir);
			cut += (int)c.cut;
			assert_true(c.last >= s->acked);
		}
	}
	s->stop = true;
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_int_equal(status, 0);
	assert_true(s->acked > KILLS);
	print_message("%" PRIu64 " records, retained from %" PRIu64 ", torn lines seen %d\n",
		      c.last, c.first, cut);
	munmap(s, sizeof(*s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			killed_200_times_the_journal_has_no_gap_and_nothing_half, journal_dir_setup,
			journal_dir_teardown),
	};

	return cmocka_run_group_tests_name("journal_kill", tests, NULL, NULL);
}
