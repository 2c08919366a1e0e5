/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives the daemon: which policy is in force and why, its generation, the ids that map
 * entries refer to, pauses and quarantines. `state.json` in the state directory is replaced as a
 * whole; the documents it names stand beside it as policy-<sha256>.json, written before it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/hash.h"
#include "policy/image.h"

struct diag;

enum store_source { STORE_NONE, STORE_FILE, STORE_APPLY, STORE_BUILTIN };

struct store_policy {
	char sha256[HASH_HEX_LEN]; /* "" = none */
	enum store_source source;
};

struct store_pause {
	char *target; /* cgroup path below the attach point, NULL = everything */
	char *reason;
	uint64_t until; /* CLOCK_REALTIME ns: a reboot does not make it longer */
	bool from_file; /* by the pause file: ends with it */
};

struct store_quarantine {
	char *target; /* as it was asked for */
	char *reason;
	uint64_t since; /* CLOCK_REALTIME ns */
};

struct store {
	char *dir;
	uint32_t generation;		/* last one given */
	struct store_policy policy;	/* in force, or about to be: written before the switch */
	char file_sha256[HASH_HEX_LEN]; /* of the policy file as last seen, "" = there was none */
	bool unconfirmed;		/* the two below hold */
	struct store_policy confirmed;	/* what comes back unless confirmed */
	uint64_t confirm_until;		/* CLOCK_REALTIME ns */
	uint64_t pause_file; /* modification time of the pause file last obeyed, 0 = none */
	struct store_pause *pauses;
	size_t n_pauses;
	struct store_quarantine *quarantines;
	size_t n_quarantines;
	struct policy_ids ids;
	int64_t expiry_told; /* Unix s: rules that expire are announced up to here */
	char boot_id[37];    /* of the boot that the two below are about, "" = none */
	uint64_t unguarded;  /* ns of it in which no programs were attached */
	uint64_t
		guarded_till; /* CLOCK_BOOTTIME ns of the last save: attached until then at least */
};

/**
 * store_open() - Read the state directory
 * @dir:	made if need be (0700)
 * @ret:	overwritten; caller runs store_close()
 *
 * A state file that cannot be understood is set aside as state.json.bad and forgotten: a machine
 * without enforcement would be worse than one without its pauses and quarantines. @d then says so
 * and the result is 1.
 * Return: 0, 1, or a negative errno (the directory cannot be used).
 */
int store_open(const char *dir, struct store *ret, struct diag *d);
void store_close(struct store *s);

/* Replaces @to, with a reference of its own to what @from shares. */
void store_set_ids(struct policy_ids *to, const struct policy_ids *from);

/* Write everything but documents. 0 or -errno: then the old state is what a restart finds. */
int store_save(const struct store *s);

/* Keep a document. 0 or -errno. */
int store_put_policy(const struct store *s, const char *sha256, const char *text, size_t len);

/* A kept document, caller frees. 0, -ENOENT, -EBADMSG (not the bytes of that name) or -errno. */
int store_get_policy(const struct store *s, const char *sha256, char **ret, size_t *ret_len);

/**
 * store_hold_policy() - Keep a document, and hold it open whatever becomes of the directory
 * @ret_fd:	the document, to be read with store_read_held(); caller closes
 *
 * A directory that cannot be written leaves the document in memory (a memfd).
 * Return: 0; 1 = in memory; or a negative errno: it is not held.
 */
int store_hold_policy(const struct store *s, const char *sha256, const char *text, size_t len,
		      int *ret_fd);

/* A document that is held, caller frees; a NUL follows the bytes. As store_get_policy(). */
int store_read_held(int fd, const char *sha256, char **ret, size_t *ret_len);

/* Remove documents that nothing refers to. */
void store_sweep(const struct store *s);

/* Pauses and quarantines by target; NULL target = everything. Set replaces. 0 or -ENOMEM. */
const struct store_pause *store_find_pause(const struct store *s, const char *target);
int store_set_pause(struct store *s, const struct store_pause *pause); /* copied */
bool store_drop_pause(struct store *s, const char *target);
const struct store_quarantine *store_find_quarantine(const struct store *s, const char *target);
int store_set_quarantine(struct store *s, const struct store_quarantine *q); /* copied */
bool store_drop_quarantine(struct store *s, const char *target);

const char *store_source_text(enum store_source source); /* "file", ... */
