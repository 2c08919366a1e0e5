/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: read with a limit, replaced atomically. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/**
 * file_read_all() - A file's bytes
 * @max:	most bytes to accept
 * @ret:	caller frees; a NUL follows the bytes
 * @ret_len:	may be NULL
 *
 * Works for files of unknown size (/proc, pipes). Return: 0, -EFBIG over @max, -EISDIR, -errno.
 */
int file_read_all(const char *path, size_t max, char **ret, size_t *ret_len);

/**
 * file_read_regular() - The same of a regular file, never waiting
 *
 * For whoever must not stand still because a pipe has taken the place of a file. Return: as above,
 * -EINVAL when it is something else (a pipe, a device); sockets cannot be opened: -ENXIO.
 */
int file_read_regular(const char *path, size_t max, char **ret, size_t *ret_len);

/**
 * file_write_atomic() - Replace a file: the old or the new bytes, never a part
 *
 * Written beside it, fsync, rename, fsync of the directory. On failure the old file is untouched
 * and nothing is left behind (after a crash, at most one "<path>.tmp", which the next write
 * replaces). Return: 0 or -errno.
 */
int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode);

/* The directory and what is missing above it. Return: 0 (also when it was there) or -errno. */
int file_mkdir_p(const char *path, mode_t mode);

/* All of @len, through short writes and EINTR. Return: 0 or -errno. */
int file_write_fd(int fd, const void *data, size_t len);

/* fsync of the directory that holds @path. Return: 0 or -errno. */
int file_sync_dir_of(const char *path);
