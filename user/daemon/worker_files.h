/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the monitor opens for the worker: keys and assertions belong to root, and the worker
 * has no say about paths. The only foreign word is the name in an Arc challenge.
 */
#pragma once

struct config;
struct worker_open;

#define WORKER_FILES_ARC_DIR "/var/opt/azcmagent/tokens"
#define WORKER_FILE_BYTES    (64 * 1024)
#define WORKER_ARC_BYTES     4096

/* A descriptor to read from: the caller's; or -errno (-EINVAL: against the rules, -EFBIG). */
int worker_files_open(const struct config *c, const struct worker_open *q);

/**
 * worker_files_open_arc() - The file that an Arc challenge names
 * @dir:	WORKER_FILES_ARC_DIR (tests have another)
 * @path:	as in the challenge: exactly @dir, '/', one name that ends with ".key"
 *
 * No symlink is followed, the directory's own path included; a regular file of at most
 * WORKER_ARC_BYTES. A challenge that breaks these rules would make us read, and send to whoever
 * wrote it, a file of its choice.
 */
int worker_files_open_arc(const char *dir, const char *path);
