/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a journal: names, order, the end of the last good line. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SEGMENT_NAME_LEN 32
#define SEGMENT_LINE_MAX (128 * 1024) /* a longer one is damage */

struct segment {
	uint64_t first; /* seq of its first line; of the next record when it is empty */
	uint64_t bytes;
	uint64_t changed_ns; /* Unix time of the last write */
};

struct segments {
	struct segment *v; /* by `first` */
	size_t n;
};

/* "00000000000000000812.jsonl" */
void segment_name(uint64_t first, char ret[SEGMENT_NAME_LEN]);

/* All segments of a directory, sorted. 0 or -errno; caller runs segments_free(). */
int segments_list(int dir_fd, struct segments *ret);
int segments_add(struct segments *s, struct segment one); /* at the end; 0 or -ENOMEM */
void segments_drop_first(struct segments *s);
void segments_free(struct segments *s);

/**
 * segment_lines_end() - Offset after the last line feed before @end; 0: there is none
 *
 * Return: 0 or -errno.
 */
int segment_lines_end(int fd, uint64_t end, uint64_t *ret);

/* seq of a line as we write it, when the whole of it is a JSON object; 0: it is none of ours. */
uint64_t segment_line_seq(const char *line, size_t len);

/**
 * segment_sound_end() - Where the last sound line of a segment ends
 * @ret_end:	what is behind it is torn (killed while writing) or damaged (power lost)
 * @ret_next:	seq after that line; @first when there is none
 *
 * Return: 0 or -errno.
 */
int segment_sound_end(int fd, uint64_t first, uint64_t *ret_end, uint64_t *ret_next);
