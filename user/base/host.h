/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about this machine that files tell: mounts, kernel, capabilities, modules. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct host_check {
	const char *name; /* static: "kernel", "btf", ... */
	bool ok;
	bool required; /* without it nothing can be enforced */
	char detail[240];
};

#define HOST_CHECKS_MAX 16

/**
 * host_mount_find() - The first mount of a file system type
 * @fstype:	"cgroup2", "bpf"
 * @ret_point:	where it is mounted, caller frees; NULL is allowed
 * @ret_root:	which directory of the file system is seen there ("/" = all of it), caller frees;
 *		NULL is allowed
 *
 * Reads /proc/self/mountinfo. Return: 0, -ENOENT (no such mount) or -errno.
 */
int host_mount_find(const char *fstype, char **ret_point, char **ret_root);

/* Release of the running kernel as (major << 16 | minor), 0 = cannot be told. */
unsigned host_kernel_version(void);
#define HOST_KERNEL(major, minor) ((unsigned)(major) << 16 | (unsigned)(minor))

/* Does this thread hold the capability (CAP_* number) as effective? */
bool host_has_capability(unsigned number);

/* Is the module loaded, or part of the kernel image and alive? */
bool host_has_module(const char *name);

/*
 * Give back the pages of program text that only the start needed, libraries' included: what is used
 * again comes back from the page cache. Text is never written, so nothing can be lost.
 */
void host_drop_text(void);

/* Is this security module active? false also where it cannot be told. */
bool host_has_lsm(const char *name);

/**
 * host_checks() - What can be told without a system call that needs privilege
 * @v:	gets at most HOST_CHECKS_MAX checks
 *
 * Return: how many.
 */
size_t host_checks(struct host_check v[HOST_CHECKS_MAX]);
