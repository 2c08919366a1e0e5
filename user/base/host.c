// SPDX-License-Identifier: Apache-2.0
#include "base/host.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define MOUNTINFO_MAX (16 * 1024 * 1024)

/* proc(5): space, tab, newline and backslash stand as \ooo. In place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* 36 35 98:0 ROOT POINT rw,noatime shared:1 - TYPE source options */
static bool read_mount(char *line, const char *fstype, char **root, char **point)
{
	char *save = NULL, *field = NULL;

	for (int i = 0; i < 5; i++) {
		field = strtok_r(i ? NULL : line, " ", &save);
		if (!field)
			return false;
		if (i == 3)
			*root = field;
	}
	*point = field;
	do {
		field = strtok_r(NULL, " ", &save);
	} while (field && strcmp(field, "-"));
	field = strtok_r(NULL, " ", &save);
	return field && !strcmp(field, fstype);
}

int host_mount_find(const char *fstype, char **ret_point, char **ret_root)
{
	_cleanup_free_ char *text = NULL, *point_copy = NULL, *root_copy = NULL;
	char *save = NULL, *root = NULL, *point = NULL;
	int r;

	r = file_read_all("/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL);
	if (r < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!read_mount(line, fstype, &root, &point))
			continue;
		unescape(root);
		unescape(point);
		point_copy = strdup(point);
		root_copy = strdup(root);
		if (!point_copy || !root_copy)
			return -ENOMEM;
		if (ret_point)
			*ret_point = take_ptr(point_copy);
		if (ret_root)
			*ret_root = take_ptr(root_copy);
		return 0;
	}
	return -ENOENT;
}

unsigned host_kernel_version(void)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return HOST_KERNEL(major, minor);
}

bool host_has_capability(unsigned number)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (number / 32 >= _LINUX_CAPABILITY_U32S_3 || syscall(SYS_capget, &head, data) < 0)
		return false;
	return data[number / 32].effective >> (number % 32) & 1;
}

bool host_has_module(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/sys/module/%s", name);
	return access(path, F_OK) == 0;
}

struct checks {
	struct host_check *v;
	size_t n;
};

static void __attribute__((format(printf, 5, 6)))
add(struct checks *c, const char *name, bool required, bool ok, const char *fmt, ...)
{
	struct host_check *h = &c->v[c->n];
	va_list ap;

	if (c->n == HOST_CHECKS_MAX)
		return;
	h->name = name;
	h->ok = ok;
	h->required = required;
	va_start(ap, fmt);
	(void)vsnprintf(h->detail, sizeof(h->detail), fmt, ap);
	va_end(ap);
	c->n++;
}

static void check_kernel(struct checks *c)
{
	unsigned version = host_kernel_version();
	struct utsname u = { .release = "unknown" };

	(void)uname(&u);
	add(c, "kernel", true, version >= HOST_KERNEL(5, 10), "Linux %s%s", u.release,
	    version >= HOST_KERNEL(5, 10) ? "" : "; 5.10 is the oldest that works");
	if (access("/sys/kernel/btf/vmlinux", R_OK) == 0)
		add(c, "btf", false, true, "/sys/kernel/btf/vmlinux is there");
	else
		add(c, "btf", false, false,
		    "no /sys/kernel/btf/vmlinux: new cgroups get their workload from the daemon, "
		    "not from the kernel");
}

static void check_mounts(struct checks *c)
{
	_cleanup_free_ char *cgroup2 = NULL, *bpffs = NULL;

	if (host_mount_find("cgroup2", &cgroup2, NULL) == 0)
		add(c, "cgroup2", true, true, "mounted at %s", cgroup2);
	else
		add(c, "cgroup2", true, false, "no cgroup2 mount in /proc/self/mounts");
	if (host_mount_find("bpf", &bpffs, NULL) == 0)
		add(c, "bpffs", false, true, "mounted at %s", bpffs);
	else
		add(c, "bpffs", false, false, "not mounted; ztad mounts it at /sys/fs/bpf");
}

static void check_capability(struct checks *c, const char *name, unsigned number, bool required,
			     const char *loss)
{
	bool ok = host_has_capability(number);

	/* before 5.8, and still as a fallback, CAP_SYS_ADMIN stands for these two */
	if ((number == CAP_BPF || number == CAP_PERFMON) && host_has_capability(CAP_SYS_ADMIN))
		ok = true;
	add(c, name, required, ok, "%s: %s", ok ? "held by this process" : "missing", loss);
}

static void check_capabilities(struct checks *c)
{
	check_capability(c, "cap_bpf", CAP_BPF, true, "loading programs and maps");
	check_capability(c, "cap_net_admin", CAP_NET_ADMIN, true,
			 "attaching to cgroups, closing sockets");
	check_capability(c, "cap_perfmon", CAP_PERFMON, false,
			 "giving new cgroups their workload in the kernel");
	check_capability(c, "cap_sys_admin", CAP_SYS_ADMIN, false,
			 "closing sockets in other network namespaces, mounting bpffs");
	check_capability(c, "cap_sys_ptrace", CAP_SYS_PTRACE, false,
			 "marking sockets that were open before the first start");
}

/* Families for which a kernel thread speaks: no cgroup program sees whose they are. */
static void check_modules(struct checks *c)
{
	static const char *const names[] = { "rds", "tipc" };
	char loaded[64] = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (host_has_module(names[i])) {
			strcat(loaded, " ");
			strcat(loaded, names[i]);
		}
	if (loaded[0])
		add(c, "modules", false, false,
		    "loaded:%s; sockets of these families are not judged (unload, and keep away "
		    "by modprobe.d)",
		    loaded);
	else
		add(c, "modules", false, true, "rds, tipc are not loaded");
}

bool host_has_lsm(const char *name)
{
	_cleanup_free_ char *text = NULL;
	bool has = false;
	char *save = NULL;

	if (file_read_all("/sys/kernel/security/lsm", 4096, &text, NULL) < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	for (char *s = strtok_r(text, ",", &save); s; s = strtok_r(NULL, ",", &save))
		has |= !strcmp(s, name);
	return has;
}

void host_drop_text(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[512], perms[5];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %4s", &from, &to, perms) == 3 && !strcmp(perms, "r-xp") &&
		    strchr(line, '/'))
			(void)madvise((void *)from, to - from, MADV_DONTNEED); /* only memory */
	if (f)
		fclose(f);
}

static void check_lsm(struct checks *c)
{
	bool has = host_has_lsm("bpf");

	if (access("/sys/kernel/security/lsm", R_OK) < 0)
		add(c, "bpf_lsm", false, false,
		    "cannot be told (/sys/kernel/security is not mounted)");
	else
		add(c, "bpf_lsm", false, has,
		    has ? "active" : "not active; nothing required needs it");
}

size_t host_checks(struct host_check v[HOST_CHECKS_MAX])
{
	struct checks c = { .v = v };

	check_kernel(&c);
	check_mounts(&c);
	check_capabilities(&c);
	check_modules(&c);
	check_lsm(&c);
	return c.n;
}
