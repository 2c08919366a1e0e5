// SPDX-License-Identifier: Apache-2.0
/* The journal's files: one writer, whole lines, segments that come and go. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "audit/journal_private.h"
#include "audit/syncer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/str.h"

#define AGE_PARTS      8 /* a segment covers at most this part of the retention time */
#define CLOCK_STEP_NS  (3600 * (int64_t)NS_PER_S)
#define CLOCK_GRACE_NS (24 * 3600 * NS_PER_S)

/* A file of the directory; its path is needed for nothing but replacing it atomically. */
static int write_log_id(struct spool *s)
{
	_cleanup_free_ char *path = str_dup_printf("%s/log-id", s->dir);
	char line[LOG_ID_LEN + 2];
	int r;

	if (!path)
		return -ENOMEM;
	(void)snprintf(line, sizeof(line), "%s\n", s->log_id);
	r = file_write_atomic(path, line, LOG_ID_LEN + 1, 0600);
	s->log_id_saved = r == 0;
	return r;
}

static int make_log_id(struct spool *s)
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return -EIO;
	b[6] = (b[6] & 0x0f) | 0x40; /* RFC 9562 5.4 */
	b[8] = (b[8] & 0x3f) | 0x80;
	(void)snprintf(s->log_id, sizeof(s->log_id),
		       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		       b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		       b[13], b[14], b[15]);
	return 0;
}

static int load_log_id(struct spool *s)
{
	_cleanup_free_ char *path = str_dup_printf("%s/log-id", s->dir);
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	if (!path)
		return -ENOMEM;
	r = file_read_all(path, 64, &text, &len);
	if (r == 0 && len == LOG_ID_LEN + 1 && strspn(text, "0123456789abcdef-") == LOG_ID_LEN) {
		memcpy(s->log_id, text, LOG_ID_LEN);
		s->log_id_saved = true;
		return 0;
	}
	return r == 0 || r == -ENOENT || r == -EFBIG ? make_log_id(s) : r;
}

/* When the file was made; when it was last changed where the file system does not say. */
static uint64_t birth_ns(int fd)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME | STATX_MTIME, &stx) < 0)
		return clock_real_ns();
	if (stx.stx_mask & STATX_BTIME)
		return (uint64_t)stx.stx_btime.tv_sec * NS_PER_S + stx.stx_btime.tv_nsec;
	return (uint64_t)stx.stx_mtime.tv_sec * NS_PER_S + stx.stx_mtime.tv_nsec;
}

/* More than a torn line, and not one sound line: put aside, it may tell somebody something. */
static int put_aside(struct spool *s, const char *name)
{
	char aside[SEGMENT_NAME_LEN + 16];

	(void)snprintf(aside, sizeof(aside), "%s.damaged", name);
	return renameat(s->dir_fd, name, s->dir_fd, aside) < 0 ? -errno : 0;
}

/* Go on in the last segment. */
static int open_last(struct spool *s, struct segment last)
{
	char name[SEGMENT_NAME_LEN];
	_cleanup_close_ int fd = -1;
	uint64_t end;
	int r;

	segment_name(last.first, name);
	fd = openat(s->dir_fd, name, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	r = segment_sound_end(fd, last.first, &end, &s->next);
	if (r < 0)
		return r;
	s->cut_bytes = last.bytes - end;
	if (!end && last.bytes > SEGMENT_LINE_MAX)
		return put_aside(s, name);
	last.bytes = end;
	s->active = last;
	s->torn = s->cut_bytes;
	s->born_ns = birth_ns(fd);
	r = syncer_file(s->sync, fd);
	s->fd = take_fd(fd);
	return r;
}

static int open_files(struct spool *s)
{
	struct segment last;
	int r;

	r = segments_list(s->dir_fd, &s->closed);
	if (r < 0 || !s->closed.n)
		return r;
	last = s->closed.v[--s->closed.n];
	for (size_t i = 0; i < s->closed.n; i++)
		s->closed_bytes += s->closed.v[i].bytes;
	return open_last(s, last);
}

static int open_dir(struct spool *s, struct diag *d)
{
	int r = file_mkdir_p(s->dir, 0700);

	if (r < 0)
		return diag_set(d, r, "cannot make the directory '%s':", s->dir);
	s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return diag_set(d, -errno, "cannot open the directory '%s':", s->dir);
	if (flock(s->dir_fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		return diag_set(d, r, "another process writes the journal in '%s'", s->dir);
	}
	return 0;
}

int spool_open(struct spool *s, unsigned int fsync_ms, struct diag *d)
{
	int r;

	s->dir_fd = s->fd = -1;
	s->next = 1;
	s->clock_ahead = (int64_t)(clock_real_ns() - clock_boot_ns());
	r = open_dir(s, d);
	if (r < 0)
		return r;
	r = syncer_new(fsync_ms, &s->sync);
	if (r == 0)
		r = load_log_id(s);
	if (r == 0)
		r = open_files(s);
	if (r < 0)
		return diag_set(d, r, "cannot read the journal in '%s':", s->dir);
	return 0;
}

void spool_close(struct spool *s)
{
	syncer_free(s->sync);
	cleanup_close(&s->fd);
	cleanup_close(&s->dir_fd);
	segments_free(&s->closed);
	buf_free(&s->line);
	free(s->dir);
}

static int new_segment(struct spool *s)
{
	_cleanup_close_ int fd = -1;
	char name[SEGMENT_NAME_LEN];
	struct stat st;
	int r;

	segment_name(s->next, name);
	/* one may be there that an earlier try made and could not use: then it is empty */
	fd = openat(s->dir_fd, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size)
		return -EEXIST;
	r = syncer_file(s->sync, s->dir_fd); /* once: its new entry */
	if (r == 0)
		r = syncer_file(s->sync, fd);
	if (r == 0 && s->fd >= 0)
		r = segments_add(&s->closed, s->active);
	if (r < 0)
		return r;
	if (s->fd >= 0) {
		s->closed_bytes += s->active.bytes;
		(void)close(s->fd); /* the syncer has its own descriptor for it */
	}
	s->fd = take_fd(fd);
	s->active = (struct segment){ .first = s->next };
	s->born_ns = clock_real_ns();
	return 0;
}

static bool is_removed(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && !st.st_nlink;
}

/*
 * Somebody removed what is written to: nobody would ever read it. The next try goes to a new file,
 * in a new directory if need be; that this one fails makes the journal tell of it.
 */
static int start_over(struct spool *s)
{
	struct diag d;
	int r = 0;

	cleanup_close(&s->fd);
	s->fd = -1;
	s->active = (struct segment){ 0 };
	s->torn = s->log_id_saved = false;
	if (s->dir_fd < 0 || is_removed(s->dir_fd)) {
		cleanup_close(&s->dir_fd);
		segments_free(&s->closed);
		s->closed_bytes = 0;
		r = open_dir(s, &d);
		if (r < 0) {
			cleanup_close(&s->dir_fd);
			s->dir_fd = -1;
		}
	}
	return r < 0 ? r : -ENOENT;
}

/* Everything that must be right before a line may be written. */
static int prepare(struct spool *s, size_t len)
{
	int r;

	if (s->dir_fd < 0 || is_removed(s->dir_fd) || (s->fd >= 0 && is_removed(s->fd)))
		return start_over(s);
	if (!s->log_id_saved) {
		r = write_log_id(s);
		if (r < 0)
			return r;
	}
	if (s->torn) {
		if (ftruncate(s->fd, (off_t)s->active.bytes) < 0)
			return -errno;
		s->torn = false;
	}
	if (s->fd < 0 || (s->active.bytes && s->active.bytes + len > s->segment_bytes)) {
		r = new_segment(s);
		if (r < 0)
			return r;
		spool_retain(s);
	}
	return 0;
}

static int write_line(struct spool *s)
{
	size_t done = 0;

	while (done < s->line.len) {
		ssize_t n = write(s->fd, s->line.data + done, s->line.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int r = n < 0 ? -errno : -ENOSPC;

			/* a part of a line is cut off now, or before the next is written */
			s->torn = done && ftruncate(s->fd, (off_t)s->active.bytes) < 0;
			return r;
		}
		done += (size_t)n;
	}
	return 0;
}

int spool_write(struct spool *s, const char *text, size_t len)
{
	int r;

	s->line.len = 0;
	r = buf_printf(&s->line, "{\"seq\":%" PRIu64 ",", s->next);
	if (r == 0)
		r = buf_add(&s->line, text + 1, len - 1);
	if (r == 0)
		r = buf_add(&s->line, "\n", 1);
	if (r == 0)
		r = prepare(s, s->line.len);
	if (r == 0)
		r = write_line(s);
	if (r < 0)
		return r;
	s->active.bytes += s->line.len;
	s->active.changed_ns = clock_real_ns();
	s->next++;
	syncer_dirty(s->sync);
	return 0;
}

/*
 * Age goes by the wall clock, and one that was set wrong makes everything old. What is removed is
 * gone for good, so for a day after a step nothing is removed for its age.
 */
static bool is_clock_trusted(struct spool *s)
{
	int64_t ahead = (int64_t)(clock_real_ns() - clock_boot_ns()), step = ahead - s->clock_ahead;

	if (step > CLOCK_STEP_NS || step < -CLOCK_STEP_NS) {
		s->clock_ahead = ahead;
		s->keep_until = clock_boot_ns() + CLOCK_GRACE_NS;
	}
	return clock_boot_ns() >= s->keep_until;
}

void spool_retain(struct spool *s)
{
	uint64_t now = clock_real_ns();
	bool trusted = is_clock_trusted(s);
	char name[SEGMENT_NAME_LEN];

	if (s->active.bytes && now > s->born_ns + s->retain_ns / AGE_PARTS)
		(void)new_segment(s); /* tried again at the next turn */
	while (s->closed.n) {
		const struct segment *first = &s->closed.v[0];

		if (s->closed_bytes + s->active.bytes <= s->retain_bytes &&
		    (!trusted || now <= first->changed_ns + s->retain_ns))
			return;
		segment_name(first->first, name);
		if (unlinkat(s->dir_fd, name, 0) < 0 && errno != ENOENT)
			return; /* tried again at the next turn */
		s->closed_bytes -= first->bytes;
		segments_drop_first(&s->closed);
	}
}
