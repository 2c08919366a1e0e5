// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation: the last records are asked for most often, so the search goes backwards,
 * block by block, segment by segment, and remembers where each hit stands, not what it says. Then
 * the hits are given in the order of seq. A writer next to us only appends whole lines (or cuts
 * what is not one), so everything up to the last line feed seen at the start stays as it is; a
 * segment that is removed meanwhile stays readable while it is open, and is passed over after that.
 */
#include "audit/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/segment.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"

#define BLOCK_BYTES (256 * 1024) /* of one step; longer than any line */
#define GIVE_BYTES  (128 * 1024) /* of one step: its receiver has bounded room too */
#define LIST_TRIES  10
_Static_assert(BLOCK_BYTES > SEGMENT_LINE_MAX, "a block holds a line");

struct hit {
	uint64_t first, offset; /* segment, place */
	uint32_t len;		/* line feed included */
};

struct reader {
	int dir_fd;
	const struct journal_filter *f;
	struct segments segments; /* still to be searched, the last one first */
	int fd;			  /* of the one being searched or given; -1 none */
	uint64_t fd_first;
	uint64_t end; /* of what was not searched yet, in it */
	bool done;
	struct reader_place start; /* where reader_open() began */
	bool gone, given;	   /* a segment went meanwhile; a record was given */
	struct hit *hits;	   /* newest first */
	size_t n_hits, room;
	char *block;
};

static bool any_of(const char *const *v, size_t n, const json_t *value)
{
	const char *s = json_string_value(value);

	for (size_t i = 0; s && i < n; i++)
		if (!strcmp(v[i], s))
			return true;
	return n == 0;
}

/* "/a" is "/a" and what is below it. */
static bool is_below(const char *above, const char *path)
{
	size_t n = strlen(above);

	if (n && above[n - 1] == '/')
		n--;
	return !strncmp(above, path, n) && (path[n] == '\0' || path[n] == '/');
}

static bool is_workload(const char *wanted, const json_t *workload)
{
	const char *cgroup = json_string_value(json_object_get(workload, "cgroup"));
	const json_t *pod = json_object_get(workload, "pod");
	const char *space = json_string_value(json_object_get(pod, "namespace"));
	const char *name = json_string_value(json_object_get(pod, "name"));
	size_t n = space ? strlen(space) : 0;

	if (*wanted == '/')
		return cgroup && is_below(wanted, cgroup);
	return space && name && !strncmp(wanted, space, n) && wanted[n] == '/' &&
	       !strcmp(wanted + n + 1, name);
}

static bool any_workload(const struct journal_filter *f, const json_t *workload)
{
	for (size_t i = 0; i < f->n_workloads; i++)
		if (is_workload(f->workloads[i], workload))
			return true;
	return f->n_workloads == 0;
}

static bool since(uint64_t since_ns, const char *time)
{
	uint64_t ns;

	return !since_ns || (time && rfc3339_parse(time, &ns) == 0 && ns >= since_ns);
}

bool journal_match(const struct journal_filter *f, const json_t *record)
{
	json_int_t seq = json_integer_value(json_object_get(record, "seq"));

	return (!f->seq || (uint64_t)seq == f->seq) &&
	       any_of(f->types, f->n_types, json_object_get(record, "type")) &&
	       any_of(f->verdicts, f->n_verdicts, json_object_get(record, "verdict")) &&
	       any_of(f->reasons, f->n_reasons, json_object_get(record, "reason")) &&
	       any_workload(f, json_object_get(record, "workload")) &&
	       since(f->since_ns, json_string_value(json_object_get(record, "time")));
}

static bool match_line(const struct journal_filter *f, const char *line, size_t len)
{
	json_t *record = json_loadb(line, len, 0, NULL);
	bool yes = json_is_object(record) && journal_match(f, record);

	json_decref(record);
	return yes;
}

static int open_segment(struct reader *r, uint64_t first)
{
	char name[SEGMENT_NAME_LEN];

	if (r->fd >= 0 && r->fd_first == first)
		return 0;
	cleanup_close(&r->fd);
	segment_name(first, name);
	r->fd = openat(r->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	r->fd_first = first;
	return r->fd < 0 ? -errno : 0;
}

/* Where whole lines end in the newest segment, now. */
static int find_start(struct reader *r)
{
	const struct segment *last;
	struct stat st;
	int n;

	if (!r->segments.n)
		return 0;
	last = &r->segments.v[r->segments.n - 1];
	n = open_segment(r, last->first);
	if (n < 0)
		return n;
	if (fstat(r->fd, &st) < 0)
		return -errno;
	r->start.first = last->first;
	return segment_lines_end(r->fd, (uint64_t)st.st_size, &r->start.offset);
}

static int list_segments(struct reader *r)
{
	int n = -ENOENT;

	/* the last one may be put aside, or removed with a clock that jumps, after it was listed */
	for (int i = 0; i < LIST_TRIES && n == -ENOENT; i++) {
		segments_free(&r->segments);
		n = segments_list(r->dir_fd, &r->segments);
		if (n == 0)
			n = find_start(r);
	}
	return n;
}

int reader_open(const char *dir, const struct journal_filter *f, struct reader **ret)
{
	struct reader *r = calloc(1, sizeof(*r));
	int n = 0;

	if (!r)
		return -ENOMEM;
	r->f = f;
	r->fd = -1;
	r->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir_fd < 0)
		n = -errno;
	r->block = malloc(BLOCK_BYTES);
	if (!r->block)
		n = -ENOMEM;
	if (n == 0)
		n = list_segments(r);
	if (n < 0) {
		reader_close(r);
		return n;
	}
	r->done = !f->last || !r->segments.n;
	r->end = r->start.offset;
	*ret = r;
	return 0;
}

void reader_close(struct reader *r)
{
	if (!r)
		return;
	cleanup_close(&r->fd);
	cleanup_close(&r->dir_fd);
	segments_free(&r->segments);
	free(r->hits);
	free(r->block);
	free(r);
}

static int add_hit(struct reader *r, uint64_t offset, size_t len)
{
	size_t most = r->f->last < READER_LAST_MAX ? r->f->last : READER_LAST_MAX;

	if (r->n_hits == r->room) {
		size_t room = r->room ? r->room * 2 : 64;
		struct hit *v = reallocarray(r->hits, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		r->hits = v;
		r->room = room;
	}
	r->hits[r->n_hits++] = (struct hit){ r->fd_first, offset, (uint32_t)len };
	r->done = r->n_hits == most;
	return 0;
}

/* The block's lines, last one first. @offset: of the block; it begins and ends with whole lines. */
static int search_block(struct reader *r, uint64_t offset, size_t len)
{
	while (len && !r->done) {
		const char *before = memrchr(r->block, '\n', len - 1);
		size_t start = before ? (size_t)(before - r->block) + 1 : 0;

		if (match_line(r->f, r->block + start, len - start - 1)) {
			int n = add_hit(r, offset + start, len - start);

			if (n < 0)
				return n;
		}
		len = start;
	}
	return 0;
}

/* On to the segment before. */
static int previous(struct reader *r)
{
	const struct journal_filter *f = r->f;
	uint64_t here = r->segments.v[r->segments.n - 1].first;
	const struct segment *last;
	int n;

	r->segments.n--;
	/* every record of a segment is older than the segment's last change */
	if (!r->segments.n || (f->seq && here <= f->seq) ||
	    r->segments.v[r->segments.n - 1].changed_ns < f->since_ns) {
		r->done = true;
		return 0;
	}
	last = &r->segments.v[r->segments.n - 1];
	r->end = 0;
	n = open_segment(r, last->first);
	r->gone |= n == -ENOENT;
	if (n < 0)
		return n == -ENOENT ? 0 : n; /* removed since: so are those before it */
	return segment_lines_end(r->fd, last->bytes, &r->end);
}

int reader_find(struct reader *r)
{
	uint64_t from = r->end < BLOCK_BYTES ? 0 : r->end - BLOCK_BYTES;
	size_t len = (size_t)(r->end - from), skip = 0;
	ssize_t got;
	int n;

	if (r->done)
		return 0;
	if (!len || (r->f->seq && r->segments.v[r->segments.n - 1].first > r->f->seq)) {
		n = previous(r);
		return n < 0 ? n : !r->done;
	}
	got = pread(r->fd, r->block, len, (off_t)from);
	if (got != (ssize_t)len)
		return got < 0 ? -errno : -EIO;
	if (from) { /* the first line may have begun before the block */
		const char *nl = memchr(r->block, '\n', len);

		skip = nl ? (size_t)(nl - r->block) + 1 : len;
		if (skip == len) /* longer than any line of ours: damage, passed over */
			skip = 0;
		memmove(r->block, r->block + skip, len - skip);
	}
	r->end = from + skip;
	n = search_block(r, from + skip, len - skip);
	return n < 0 ? n : !r->done;
}

int reader_give(struct reader *r, reader_fn fn, void *ctx)
{
	for (size_t given = 0; given < GIVE_BYTES && r->n_hits;) {
		const struct hit *h = &r->hits[--r->n_hits];
		int n = open_segment(r, h->first);

		given += h->len;
		if (n == -ENOENT) { /* removed since */
			r->gone = true;
			continue;
		}
		if (n < 0)
			return n;
		r->given = true;
		if (pread(r->fd, r->block, h->len, (off_t)h->offset) != (ssize_t)h->len)
			return -EIO;
		r->block[h->len - 1] = '\0';
		n = fn(ctx, r->block, h->len - 1);
		if (n)
			return n;
	}
	return r->n_hits > 0;
}

struct reader_place reader_end(const struct reader *r)
{
	return r->start;
}

/* Is there a segment behind this one? Its first seq, 0: no. */
static int next_segment(struct reader *r, uint64_t first, uint64_t *ret)
{
	_cleanup_(segments_free) struct segments all = {};
	int n = segments_list(r->dir_fd, &all);

	*ret = 0;
	for (size_t i = 0; n == 0 && i < all.n && !*ret; i++)
		if (all.v[i].first > first)
			*ret = all.v[i].first;
	return n;
}

/* A block from @place on, whole lines only. */
static int read_on(struct reader *r, const struct reader_place *place, size_t *ret_len)
{
	const char *nl;
	ssize_t got;
	int n;

	*ret_len = 0;
	n = place->first ? open_segment(r, place->first) : -ENOENT;
	if (n < 0)
		return n == -ENOENT ? 0 : n;
	got = pread(r->fd, r->block, BLOCK_BYTES, (off_t)place->offset);
	if (got < 0)
		return -errno;
	nl = memrchr(r->block, '\n', (size_t)got);
	*ret_len = nl ? (size_t)(nl - r->block) + 1 : 0;
	return 0;
}

int reader_on(struct reader *r, struct reader_place *place, reader_fn fn, void *ctx)
{
	uint64_t next = 0;
	size_t len;
	char *at;
	int n;

	n = read_on(r, place, &len);
	if (n == 0 && !len) {
		/* the segment after it exists only if this one is complete: look once more */
		n = next_segment(r, place->first, &next);
		if (n == 0 && next)
			n = read_on(r, place, &len);
	}
	if (n < 0)
		return n;
	if (!len) {
		if (next)
			*place = (struct reader_place){ .first = next };
		return next != 0;
	}
	for (at = r->block; at < r->block + len;) {
		char *nl = memchr(at, '\n', (size_t)(r->block + len - at));
		size_t line = (size_t)(nl - at);

		place->offset += line + 1;
		*nl = '\0';
		n = match_line(r->f, at, line) ? fn(ctx, at, line) : 0;
		if (n)
			return n;
		at = nl + 1;
	}
	return 1;
}

static int read_once(const char *dir, const struct journal_filter *f, reader_fn fn, void *ctx,
		     bool *ret_lost)
{
	struct reader *r;
	int n;

	n = reader_open(dir, f, &r);
	if (n < 0)
		return n;
	while ((n = reader_find(r)) > 0)
		;
	while (n == 0 && (n = reader_give(r, fn, ctx)) > 0)
		n = 0;
	*ret_lost = r->gone && !r->given;
	reader_close(r);
	return n;
}

int journal_read(const char *dir, const struct journal_filter *f, reader_fn fn, void *ctx,
		 struct diag *d)
{
	bool lost = false;
	int n = 0;

	/* all that was listed may be removed before it is read, when segments are small: once more
	 */
	for (int i = 0; i < LIST_TRIES; i++) {
		n = read_once(dir, f, fn, ctx, &lost);
		if (n || !lost)
			break;
	}
	return n < 0 ? diag_set(d, n, "cannot read the journal in '%s':", dir) : n;
}
