// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * One pinned link a hook. A link that leads to our cgroup gets the new program in place: there is
 * no moment without a program, and its place among other programs stays. The kernel compares only
 * the program's type then, not the attach type, so each link is looked at afterwards. Where that is
 * not possible (no link yet, its cgroup is gone, it was detached, a raw tracepoint) a new link is
 * attached and takes the place of the pinned one by rename; the older one ends with its pin.
 *
 * Order: programs of one cgroup run in the order of attaching. A connect program that runs after
 * ours may rewrite the address that we judged, so ours are put last: a second link, then the first
 * one goes. Programs of cgroups above ours always run after; the second look at the packet is for
 * those, and kern_hooks() names them.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "kern/netns.h"
#include "kern/object.h"
#include "kern/object_private.h"

#define QUERY_MAX    512 /* programs of all cgroups above ours together, 64 each */
#define MKDIR_LINK   "mkdir"
#define MKDIR_TP     "cgroup_mkdir"
#define RELEASE_LINK "release"
#define RELEASE_TP   "cgroup_release"
#define FAMILY_LINK  "family"

#define HOOK_TEXT(sym, text) text,
static const char *const hook_names[ZTA_HOOK_COUNT + 1] = { ZTA_HOOKS(HOOK_TEXT) NULL };

/* Birth notes and directions first, so that what is judged later has them. */
static const enum zta_hook attach_order[ZTA_HOOK_COUNT] = {
	ZTA_HOOK_SOCK_CREATE,  ZTA_HOOK_SOCKOPS,      ZTA_HOOK_INGRESS,	 ZTA_HOOK_EGRESS,
	ZTA_HOOK_GETPEERNAME4, ZTA_HOOK_GETPEERNAME6, ZTA_HOOK_SENDMSG4, ZTA_HOOK_SENDMSG6,
	ZTA_HOOK_CONNECT4,     ZTA_HOOK_CONNECT6,
};

static const enum bpf_attach_type attach_types[ZTA_HOOK_COUNT] = {
	[ZTA_HOOK_CONNECT4] = BPF_CGROUP_INET4_CONNECT,
	[ZTA_HOOK_CONNECT6] = BPF_CGROUP_INET6_CONNECT,
	[ZTA_HOOK_SENDMSG4] = BPF_CGROUP_UDP4_SENDMSG,
	[ZTA_HOOK_SENDMSG6] = BPF_CGROUP_UDP6_SENDMSG,
	[ZTA_HOOK_SOCK_CREATE] = BPF_CGROUP_INET_SOCK_CREATE,
	[ZTA_HOOK_SOCKOPS] = BPF_CGROUP_SOCK_OPS,
	[ZTA_HOOK_EGRESS] = BPF_CGROUP_INET_EGRESS,
	[ZTA_HOOK_INGRESS] = BPF_CGROUP_INET_INGRESS,
	[ZTA_HOOK_GETPEERNAME4] = BPF_CGROUP_INET4_GETPEERNAME,
	[ZTA_HOOK_GETPEERNAME6] = BPF_CGROUP_INET6_GETPEERNAME,
};

/* Hooks in which a later program can undo what ours decided. */
static bool wants_last(enum zta_hook hook)
{
	return hook == ZTA_HOOK_CONNECT4 || hook == ZTA_HOOK_CONNECT6 ||
	       hook == ZTA_HOOK_SENDMSG4 || hook == ZTA_HOOK_SENDMSG6;
}

static int link_info(int fd, struct bpf_link_info *ret)
{
	__u32 len = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return bpf_obj_get_info_by_fd(fd, ret, &len);
}

/* At our cgroup, of this kind? */
static bool link_fits(const struct kern *k, enum zta_hook hook, const struct bpf_link_info *info)
{
	return info->type == BPF_LINK_TYPE_CGROUP && info->cgroup.cgroup_id == k->target.id &&
	       info->cgroup.attach_type == attach_types[hook];
}

static bool program_is(uint32_t id, const char *name)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 &&
	       !strncmp(info.name, name, sizeof(info.name) - 1);
}

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) == 0 ? info.id : 0;
}

/* A new link, last in its cgroup, in place of the pinned one. */
static int attach_anew(const struct kern *k, enum zta_hook hook)
{
	_cleanup_close_ int fd = bpf_link_create(k->prog[hook], k->target.fd, attach_types[hook],
						 NULL);

	return fd < 0 ? fd : pins_put_link(&k->pins, hook_names[hook], fd);
}

/* The pinned link leads to our cgroup and carries our program of that name? */
static bool is_in_force(const struct kern *k, enum zta_hook hook)
{
	_cleanup_close_ int fd = pins_get_link(&k->pins, hook_names[hook]);
	struct bpf_link_info info;

	return fd >= 0 && link_info(fd, &info) == 0 && link_fits(k, hook, &info) &&
	       info.prog_id == program_id(k->prog[hook]) &&
	       program_is(info.prog_id, kern_prog_names[hook]);
}

static int renew(const struct kern *k, enum zta_hook hook, struct diag *d)
{
	_cleanup_close_ int fd = pins_get_link(&k->pins, hook_names[hook]);
	struct bpf_link_info info;
	int r = -ENOLINK;

	if (fd >= 0 && link_info(fd, &info) == 0 && link_fits(k, hook, &info))
		r = bpf_link_update(fd, k->prog[hook], NULL);
	if (r < 0 || !is_in_force(k, hook))
		r = attach_anew(k, hook);
	if (r < 0)
		return diag_set(d, r, "cannot attach %s to '%s':", hook_names[hook],
				k->target.path);
	if (!is_in_force(k, hook))
		return diag_set(d, -EIO, "%s does not carry our program after attaching",
				hook_names[hook]);
	return 0;
}

/*
 * The raw tracepoint's link refuses other programs: the new one is attached before the old one
 * goes; for a moment both run, and the second finds its work done. When this load is without it,
 * the one of the same layout that is pinned goes on. Without the second tracepoint, of cgroups that
 * went, the daemon removes their entries.
 */
static int renew_mkdir(struct kern *k, struct diag *d)
{
	_cleanup_close_ int fd = -1, released = -1;
	int r;

	if (!k->has_mkdir) {
		fd = pins_get_link(&k->pins, MKDIR_LINK);
		k->has_mkdir = fd >= 0 && k->adopted;
		return 0;
	}
	fd = bpf_raw_tracepoint_open(MKDIR_TP, k->prog[KERN_PROG_MKDIR]);
	if (fd < 0) {
		k->has_mkdir = false;
		k->no_mkdir = "this kernel has no cgroup_mkdir tracepoint";
		return 0;
	}
	r = pins_put_link(&k->pins, MKDIR_LINK, fd);
	if (r < 0)
		return diag_set(d, r, "cannot pin the cgroup_mkdir link:");
	released = bpf_raw_tracepoint_open(RELEASE_TP, k->prog[KERN_PROG_RELEASE]);
	r = released < 0 ? 0 : pins_put_link(&k->pins, RELEASE_LINK, released);
	return r < 0 ? diag_set(d, r, "cannot pin the cgroup_release link:") : 0;
}

/* The same for the LSM program. */
static int renew_family(struct kern *k, struct diag *d)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (!k->has_family) {
		fd = pins_get_link(&k->pins, FAMILY_LINK);
		k->has_family = fd >= 0 && k->adopted;
		return 0;
	}
	fd = bpf_raw_tracepoint_open(NULL, k->prog[KERN_PROG_FAMILY]);
	if (fd < 0) {
		k->has_family = false;
		k->no_family = "this kernel lets no LSM program be attached";
		return 0;
	}
	r = pins_put_link(&k->pins, FAMILY_LINK, fd);
	return r < 0 ? diag_set(d, r, "cannot pin the LSM link:") : 0;
}

/* What another version pinned, and is of no use to this one. */
static int drop_leftovers(struct kern *k)
{
	const char *keep[ZTA_HOOK_COUNT + 4] = {};
	int n = ZTA_HOOK_COUNT, r;

	memcpy(keep, hook_names, sizeof(hook_names));
	if (k->has_mkdir) {
		keep[n++] = MKDIR_LINK;
		keep[n++] = RELEASE_LINK;
	}
	if (k->has_family)
		keep[n++] = FAMILY_LINK;
	r = pins_drop_links(&k->pins, keep);
	if (!r && k->old_layout)
		r = pins_drop_layout(&k->pins, k->old_layout);
	if (!r)
		k->old_layout = 0;
	return r;
}

int kern_attach(struct kern *k, struct diag *d)
{
	uint64_t cookie;
	int r;

	if (!kern_ctl_get(k, ZTA_CTL_WORD)) /* programs without a policy deny everything */
		return diag_set(d, -ENODATA, "no policy was put in force");
	if (!k->was_attached) {
		r = kern_ctl_set(k, ZTA_CTL_EXISTING, ZTA_EXISTING_MARKING);
		if (r < 0)
			return diag_set(d, r, "cannot write the settings:");
	}
	r = renew_mkdir(k, d);
	if (!r)
		r = renew_family(k, d);
	for (int i = 0; !r && i < ZTA_HOOK_COUNT; i++)
		r = renew(k, attach_order[i], d);
	if (!r)
		r = kern_order(k, d);
	if (r < 0) {
		if (!k->was_attached)
			(void)pins_drop_links(&k->pins, NULL); /* half is worse than none */
		return r;
	}
	k->was_attached = true;
	r = drop_leftovers(k);
	if (r < 0)
		return diag_set(d, r, "cannot remove what is left in '%s':", k->pins.dir);
	if (!kern_ctl_get(k, ZTA_CTL_NETNS) && netns_cookie(k, &cookie) == 0)
		r = kern_ctl_set(k, ZTA_CTL_NETNS, cookie);
	return r < 0 ? diag_set(d, r, "cannot write the settings:") : 0;
}

/* Programs of a kind at our cgroup, or at it and above it in the order of running. */
static int query(const struct kern *k, enum zta_hook hook, __u32 flags, __u32 ids[QUERY_MAX],
		 __u32 *ret_n)
{
	__u32 n = QUERY_MAX;
	int r = bpf_prog_query(k->target.fd, attach_types[hook], flags, NULL, ids, &n);

	if (r < 0 && r != -ENOSPC) /* more than there is room for: the first ones are there */
		return r;
	*ret_n = n < QUERY_MAX ? n : QUERY_MAX;
	return 0;
}

/* Place of a program in the list, -1 = absent. */
static int place_of(const __u32 *ids, __u32 n, __u32 id)
{
	for (__u32 i = n; i-- > 0;)
		if (ids[i] == id)
			return (int)i;
	return -1;
}

int kern_order(struct kern *k, struct diag *d)
{
	__u32 ids[QUERY_MAX], n;
	int r;

	for (int hook = 0; hook < ZTA_HOOK_COUNT; hook++) {
		uint32_t id = program_id(k->prog[hook]);

		if (!wants_last(hook))
			continue;
		r = query(k, hook, 0, ids, &n);
		if (r < 0)
			return diag_set(d, r,
					"cannot ask for the programs of '%s':", k->target.path);
		if (place_of(ids, n, id) < 0 || ids[n - 1] == id)
			continue; /* absent: kern_attach() repairs that */
		r = attach_anew(k, hook);
		if (r < 0)
			return diag_set(d, r, "cannot put %s behind the others:", hook_names[hook]);
	}
	return 0;
}

static void name_program(uint32_t id, char ret[16])
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0)
		memcpy(ret, info.name, 16);
	ret[15] = '\0';
}

int kern_hooks(struct kern *k, struct kern_hook v[KERN_HOOKS_MAX], size_t *ret_n)
{
	__u32 ids[QUERY_MAX], n;
	int r;

	memset(v, 0, sizeof(*v) * KERN_HOOKS_MAX);
	for (int hook = 0; hook < ZTA_HOOK_COUNT; hook++) {
		_cleanup_close_ int fd = pins_get_link(&k->pins, hook_names[hook]);
		struct kern_hook *h = &v[hook];
		struct bpf_link_info info;
		int at;

		h->name = hook_names[hook];
		if (fd < 0 || link_info(fd, &info) < 0)
			continue;
		h->link_id = info.id;
		r = query(k, hook, BPF_F_QUERY_EFFECTIVE, ids, &n);
		if (r < 0)
			return r;
		at = place_of(ids, n, info.prog_id);
		h->attached = at >= 0 && link_fits(k, hook, &info) &&
			      program_is(info.prog_id, kern_prog_names[hook]);
		if (!h->attached)
			continue;
		h->others = wants_last(hook) ? n - 1 - (uint32_t)at : 0;
		h->last = !h->others;
		if (h->others)
			name_program(ids[n - 1], h->other);
	}
	*ret_n = ZTA_HOOK_COUNT;
	return 0;
}
