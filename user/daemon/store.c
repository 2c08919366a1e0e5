/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/str.h"
#include "store_json.h"

#define STATE_BYTES_MAX (16 * 1024 * 1024)

static const char *const source_texts[] = {
	[STORE_NONE] = "none",
	[STORE_FILE] = "file",
	[STORE_APPLY] = "apply",
	[STORE_BUILTIN] = "built-in",
};

const char *store_source_text(enum store_source source)
{
	return source_texts[source];
}

static char *state_path(const struct store *s)
{
	return str_dup_printf("%s/state.json", s->dir);
}

static void forget(struct store *s)
{
	char *dir = s->dir;

	for (size_t i = 0; i < s->n_pauses; i++) {
		free(s->pauses[i].target);
		free(s->pauses[i].reason);
	}
	for (size_t i = 0; i < s->n_quarantines; i++) {
		free(s->quarantines[i].target);
		free(s->quarantines[i].reason);
	}
	free(s->pauses);
	free(s->quarantines);
	pattern_ids_unref(s->ids.patterns);
	*s = (struct store){ .dir = dir };
}

void store_close(struct store *s)
{
	if (!s)
		return;
	forget(s);
	free(s->dir);
	s->dir = NULL;
}

static int set_aside(struct store *s, const char *path, struct diag *d)
{
	_cleanup_free_ char *bad = str_dup_printf("%s.bad", path);

	forget(s);
	if (!bad)
		return -ENOMEM;
	if (rename(path, bad) < 0)
		return diag_set(d, -errno, "cannot set aside '%s':", path);
	(void)diag_set(d, 0, "'%s' cannot be understood, set aside as '%s'", path, bad);
	return 1;
}

static int load(struct store *s, struct diag *d)
{
	_cleanup_free_ char *path = state_path(s);
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	if (!path)
		return -ENOMEM;
	r = file_read_all(path, STATE_BYTES_MAX, &text, &len);
	if (r == -ENOENT)
		return 0;
	if (r < 0 && r != -EFBIG)
		return diag_set(d, r, "cannot read '%s':", path);
	if (r == 0)
		r = store_from_json(text, len, s);
	return r == -EINVAL || r == -EFBIG ? set_aside(s, path, d) : r;
}

int store_open(const char *dir, struct store *ret, struct diag *d)
{
	struct store s = { 0 };
	int r;

	r = file_mkdir_p(dir, 0700);
	if (r < 0)
		return diag_set(d, r, "cannot make the state directory '%s':", dir);
	s.dir = strdup(dir);
	if (!s.dir)
		return -ENOMEM;
	r = load(&s, d);
	if (r < 0) {
		store_close(&s);
		return r;
	}
	*ret = s;
	return r;
}

void store_set_ids(struct policy_ids *to, const struct policy_ids *from)
{
	struct pattern_ids *patterns = pattern_ids_ref(from->patterns);

	pattern_ids_unref(to->patterns);
	*to = *from;
	to->patterns = patterns;
}

int store_save(const struct store *s)
{
	_cleanup_free_ char *path = state_path(s);
	_cleanup_free_ char *text = NULL;
	int r;

	if (!path)
		return -ENOMEM;
	r = store_to_json(s, &text);
	if (r < 0)
		return r;
	return file_write_atomic(path, text, strlen(text), 0600);
}

static char *policy_path(const struct store *s, const char *sha256)
{
	return str_dup_printf("%s/policy-%s.json", s->dir, sha256);
}

int store_put_policy(const struct store *s, const char *sha256, const char *text, size_t len)
{
	_cleanup_free_ char *path = policy_path(s, sha256);
	_cleanup_free_ char *there = NULL;
	size_t there_len;

	if (!path)
		return -ENOMEM;
	if (store_get_policy(s, sha256, &there, &there_len) == 0)
		return 0;
	return file_write_atomic(path, text, len, 0600);
}

static int read_policy(const char *path, const char *sha256, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *text = NULL;
	char found[HASH_HEX_LEN];
	size_t len;
	int r;

	r = file_read_all(path, ZTA_POLICY_BYTES_MAX, &text, &len);
	if (r < 0)
		return r;
	r = hash_sha256_hex(text, len, found);
	if (r < 0)
		return r;
	if (strcmp(found, sha256) != 0)
		return -EBADMSG;
	*ret = take_ptr(text);
	*ret_len = len;
	return 0;
}

int store_get_policy(const struct store *s, const char *sha256, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *path = policy_path(s, sha256);

	return path ? read_policy(path, sha256, ret, ret_len) : -ENOMEM;
}

static int hold_in_memory(const char *text, size_t len, int *ret_fd)
{
	_cleanup_close_ int fd = memfd_create("policy", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = file_write_fd(fd, text, len);
	if (r < 0)
		return r;
	*ret_fd = take_fd(fd);
	return 1;
}

int store_hold_policy(const struct store *s, const char *sha256, const char *text, size_t len,
		      int *ret_fd)
{
	_cleanup_free_ char *path = policy_path(s, sha256);
	int fd = -1;

	if (!path)
		return -ENOMEM;
	if (store_put_policy(s, sha256, text, len) == 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return hold_in_memory(text, len, ret_fd);
	*ret_fd = fd;
	return 0;
}

int store_read_held(int fd, const char *sha256, char **ret, size_t *ret_len)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* fits */
	return read_policy(path, sha256, ret, ret_len);
}

static bool refers_to(const struct store *s, const char *file)
{
	char name[NAME_MAX + 1];
	const char *kept[] = { s->policy.sha256, s->unconfirmed ? s->confirmed.sha256 : "" };

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		snprintf(name, sizeof(name), "policy-%s.json", kept[i]);
		if (!strcmp(name, file))
			return true;
	}
	return false;
}

void store_sweep(const struct store *s)
{
	DIR *dir = opendir(s->dir);
	struct dirent *e;

	if (!dir)
		return; /* they stay until the next sweep */
	while ((e = readdir(dir)))
		if (str_starts(e->d_name, "policy-") && !refers_to(s, e->d_name))
			(void)unlinkat(dirfd(dir), e->d_name, 0); /* as above */
	(void)closedir(dir);
}

const struct store_pause *store_find_pause(const struct store *s, const char *target)
{
	for (size_t i = 0; i < s->n_pauses; i++)
		if (str_eq(s->pauses[i].target, target))
			return &s->pauses[i];
	return NULL;
}

bool store_drop_pause(struct store *s, const char *target)
{
	struct store_pause *p = (struct store_pause *)store_find_pause(s, target);

	if (!p)
		return false;
	free(p->target);
	free(p->reason);
	*p = s->pauses[--s->n_pauses];
	return true;
}

int store_set_pause(struct store *s, const struct store_pause *pause)
{
	_cleanup_free_ char *target = pause->target ? strdup(pause->target) : NULL;
	_cleanup_free_ char *reason = strdup(pause->reason ? pause->reason : "");
	struct store_pause *v = reallocarray(s->pauses, s->n_pauses + 1, sizeof(*v));

	if (v)
		s->pauses = v;
	if (!v || !reason || (pause->target && !target))
		return -ENOMEM;
	(void)store_drop_pause(s, pause->target);
	s->pauses[s->n_pauses++] = (struct store_pause){
		.target = take_ptr(target),
		.reason = take_ptr(reason),
		.until = pause->until,
		.from_file = pause->from_file,
	};
	return 0;
}

const struct store_quarantine *store_find_quarantine(const struct store *s, const char *target)
{
	for (size_t i = 0; i < s->n_quarantines; i++)
		if (str_eq(s->quarantines[i].target, target))
			return &s->quarantines[i];
	return NULL;
}

bool store_drop_quarantine(struct store *s, const char *target)
{
	struct store_quarantine *q = (struct store_quarantine *)store_find_quarantine(s, target);

	if (!q)
		return false;
	free(q->target);
	free(q->reason);
	*q = s->quarantines[--s->n_quarantines];
	return true;
}

int store_set_quarantine(struct store *s, const struct store_quarantine *q)
{
	_cleanup_free_ char *target = strdup(q->target);
	_cleanup_free_ char *reason = strdup(q->reason ? q->reason : "");
	struct store_quarantine *v = reallocarray(s->quarantines, s->n_quarantines + 1, sizeof(*v));

	if (v)
		s->quarantines = v;
	if (!v || !target || !reason)
		return -ENOMEM;
	(void)store_drop_quarantine(s, q->target);
	s->quarantines[s->n_quarantines++] = (struct store_quarantine){
		.target = take_ptr(target),
		.reason = take_ptr(reason),
		.since = q->since,
	};
	return 0;
}
