// SPDX-License-Identifier: Apache-2.0
#include "audit/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define DIGITS 20
#define SUFFIX ".jsonl"
#define BLOCK  (64 * 1024)

void segment_name(uint64_t first, char ret[SEGMENT_NAME_LEN])
{
	(void)snprintf(ret, SEGMENT_NAME_LEN, "%0*" PRIu64 SUFFIX, DIGITS, first);
}

static uint64_t parse_name(const char *name)
{
	if (strspn(name, "0123456789") != DIGITS || strcmp(name + DIGITS, SUFFIX))
		return 0;
	return strtoull(name, NULL, 10); /* a number that does not fit is no seq of ours */
}

static int compare(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

int segments_add(struct segments *s, struct segment one)
{
	struct segment *v = reallocarray(s->v, s->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	s->v = v;
	s->v[s->n++] = one;
	return 0;
}

void segments_drop_first(struct segments *s)
{
	memmove(s->v, s->v + 1, --s->n * sizeof(*s->v));
}

void segments_free(struct segments *s)
{
	free(s->v);
	*s = (struct segments){};
}

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d); /* was only read */
}

int segments_list(int dir_fd, struct segments *ret)
{
	_cleanup_(segments_free) struct segments found = {};
	_cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(close_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d)
		return -errno;
	(void)take_fd(fd); /* d's now */
	while (errno = 0, (e = readdir(d))) {
		struct segment one = { .first = parse_name(e->d_name) };
		struct stat st;

		if (!one.first)
			continue;
		if (fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue; /* removed since */
			return -errno;
		}
		if (!S_ISREG(st.st_mode))
			continue;
		one.bytes = (uint64_t)st.st_size;
		one.changed_ns = (uint64_t)st.st_mtim.tv_sec * NS_PER_S +
				 (uint64_t)st.st_mtim.tv_nsec;
		if (segments_add(&found, one) < 0)
			return -ENOMEM;
	}
	if (errno)
		return -errno;
	if (found.n)
		qsort(found.v, found.n, sizeof(*found.v), compare);
	*ret = found;
	found = (struct segments){};
	return 0;
}

int segment_lines_end(int fd, uint64_t end, uint64_t *ret)
{
	_cleanup_free_ char *block = malloc(BLOCK);

	if (!block)
		return -ENOMEM;
	while (end) {
		size_t n = end < BLOCK ? (size_t)end : BLOCK;
		ssize_t got = pread(fd, block, n, (off_t)(end - n));
		char *nl;

		if (got < 0)
			return -errno;
		nl = memrchr(block, '\n', (size_t)got);
		if (nl) {
			*ret = end - n + (uint64_t)(nl - block) + 1;
			return 0;
		}
		end -= n;
	}
	*ret = 0;
	return 0;
}

uint64_t segment_line_seq(const char *line, size_t len)
{
	static const char start[] = "{\"seq\":";
	json_t *record, *seq;
	json_int_t n = 0;

	if (len < sizeof(start) || memcmp(line, start, sizeof(start) - 1))
		return 0;
	record = json_loadb(line, len, 0, NULL);
	seq = json_object_get(record, "seq");
	if (json_is_integer(seq))
		n = json_integer_value(seq);
	json_decref(record);
	return n > 0 ? (uint64_t)n : 0;
}

/* seq of the line from @start to @end (its line feed included), 0: not sound. */
static int check_line(int fd, uint64_t start, uint64_t end, uint64_t *ret)
{
	size_t len = (size_t)(end - start);
	_cleanup_free_ char *line = NULL;
	ssize_t n;

	*ret = 0;
	if (end - start > SEGMENT_LINE_MAX)
		return 0;
	line = malloc(len);
	if (!line)
		return -ENOMEM;
	n = pread(fd, line, len, (off_t)start);
	if (n < 0)
		return -errno;
	*ret = (size_t)n == len ? segment_line_seq(line, len - 1) : 0;
	return 0;
}

int segment_sound_end(int fd, uint64_t first, uint64_t *ret_end, uint64_t *ret_next)
{
	uint64_t end, start, seq;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	r = segment_lines_end(fd, (uint64_t)st.st_size, &end);
	while (r == 0 && end) {
		r = segment_lines_end(fd, end - 1, &start);
		if (r == 0)
			r = check_line(fd, start, end, &seq);
		if (r == 0 && seq >= first) {
			*ret_end = end;
			*ret_next = seq + 1;
			return 0;
		}
		end = start;
	}
	if (r < 0)
		return r;
	*ret_end = 0;
	*ret_next = first;
	return 0;
}
