// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * All programs are one object with one set of maps. kern_open() loads it with new maps, or with
 * those of a set that is pinned and has the same layout; kern_attach() (links.c) then lets the
 * links lead to these programs. pins.c tells what a crash leaves at each moment.
 *
 * - Nothing is attached: what maps may be pinned are left over from a start that did not get far;
 *   they are dropped, and new ones made.
 * - Attached, same layout: maps are kept, programs replaced one link after the other. Old and new
 *   programs judge by the same maps meanwhile.
 * - Attached, other layout: new maps. The caller fills them with the policy before kern_attach()
 *   moves the links; each link is moved in one step, so each packet is judged by one set or the
 *   other. Maps with a version of their own (notes of sockets, UDP peers, rings, fold table,
 *   counters) are shared with the old set when that version is equal; else they start empty.
 *
 * zta_mkdir (and with it zta_release, which tidies up after it) is a luxury: without tracepoints,
 * CAP_PERFMON or BTF the rest is loaded without it. So
 * is zta_family: it is tried only where BPF LSM is active, since elsewhere it may load, attach and
 * never run.
 * Kernels before 5.11 charge maps to RLIMIT_MEMLOCK; libbpf raises it where CAP_SYS_RESOURCE lets.
 */
#include "kern/object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/diag.h"
#include "base/host.h"
#include "kern/netns.h"
#include "kern/object_private.h"
#include "zta.skel.h"

#define MAP_NAME(sym, name, version)	name,
#define MAP_VERSION(sym, name, version) version,

const char *const kern_prog_names[KERN_PROG_COUNT] = {
	[ZTA_HOOK_CONNECT4] = "zta_connect4",	   [ZTA_HOOK_CONNECT6] = "zta_connect6",
	[ZTA_HOOK_SENDMSG4] = "zta_sendmsg4",	   [ZTA_HOOK_SENDMSG6] = "zta_sendmsg6",
	[ZTA_HOOK_SOCK_CREATE] = "zta_create",	   [ZTA_HOOK_SOCKOPS] = "zta_sockops",
	[ZTA_HOOK_EGRESS] = "zta_egress",	   [ZTA_HOOK_INGRESS] = "zta_ingress",
	[ZTA_HOOK_GETPEERNAME4] = "zta_peername4", [ZTA_HOOK_GETPEERNAME6] = "zta_peername6",
	[KERN_PROG_MKDIR] = "zta_mkdir",	   [KERN_PROG_RELEASE] = "zta_release",
	[KERN_PROG_FAMILY] = "zta_family",	   [KERN_PROG_FLUSH] = "zta_flush",
	[KERN_PROG_DECIDE] = "zta_decide_test",	   [KERN_PROG_DNS] = "zta_dns_test",
	[KERN_PROG_STREAM] = "zta_stream_test",
};
const char *const kern_map_names[KERN_MAP_COUNT] = { KERN_MAPS(MAP_NAME) };
static const uint32_t map_versions[KERN_MAP_COUNT] = { KERN_MAPS(MAP_VERSION) };

/*
 * libbpf says why a load failed only to a callback without context: the first line of a load is
 * kept for its diag. Loading happens in one thread.
 */
static char first_line[256];

static int keep_first_line(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN && !first_line[0]) {
		(void)vsnprintf(first_line, sizeof(first_line), fmt, ap);
		first_line[strcspn(first_line, "\n")] = '\0';
	}
	return 0;
}

static int map_pin(const struct kern *k, char ret[PATH_MAX], const char *set, int map)
{
	if (map_versions[map])
		return pins_path(&k->pins, ret, "%s/%s-%u", set, kern_map_names[map],
				 map_versions[map]);
	return pins_path(&k->pins, ret, "%s/%s", set, kern_map_names[map]);
}

/* Does a pinned map fit what the programs are compiled for? */
static bool map_fits(int fd, const struct bpf_map *map)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) &&
	       info.value_size == bpf_map__value_size(map) &&
	       info.max_entries == bpf_map__max_entries(map) &&
	       info.map_flags == bpf_map__map_flags(map);
}

/* Use the pinned maps of a layout: all of them, or only those with a version of their own. */
static int reuse_maps(const struct kern *k, struct bpf_object *obj, uint32_t layout, bool all,
		      struct diag *d)
{
	char path[PATH_MAX], set[16];

	(void)snprintf(set, sizeof(set), "v%u", layout);
	for (int i = 0; i < KERN_MAP_COUNT; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, kern_map_names[i]);
		_cleanup_close_ int fd = -1;
		int r;

		if (!map)
			return diag_set(d, -ENOENT, "the object has no map %s", kern_map_names[i]);
		if (!all && !map_versions[i])
			continue;
		r = map_pin(k, path, set, i);
		if (r < 0)
			return diag_set(d, r, "cannot open '%s':", k->pins.dir);
		fd = bpf_obj_get(path);
		if (fd == -ENOENT && map_versions[i])
			continue; /* another version: starts empty */
		if (fd < 0)
			return diag_set(d, fd, "cannot open '%s':", path);
		if (!map_fits(fd, map)) {
			if (!all)
				continue;
			return diag_set(d, -ESTALE,
					"'%s' does not have the shape of layout %u; `ztad "
					"--detach` removes it, and enforcement",
					path, layout);
		}
		r = bpf_map__reuse_fd(map, fd);
		if (r < 0)
			return diag_set(d, r, "cannot use '%s':", path);
	}
	return 0;
}

/* How inner maps are made. Before loading: libbpf gives the templates up then. */
static int take_templates(struct kern *k, struct bpf_object *obj, struct diag *d)
{
	for (int i = 0; i < KERN_TABLE_COUNT; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, kern_map_names[i]);
		struct bpf_map *in = map ? bpf_map__inner_map(map) : NULL;

		if (!in)
			return diag_set(d, -ENOENT, "the object has no table %s",
					kern_map_names[i]);
		k->inner[i] = (struct kern_template){
			.type = bpf_map__type(in),
			.key_size = bpf_map__key_size(in),
			.value_size = bpf_map__value_size(in),
			.max_entries = bpf_map__max_entries(in),
			.flags = bpf_map__map_flags(in),
		};
	}
	return 0;
}

/* The fds outlive the object: it holds a copy of everything, and nothing asks it again. */
static int take_fds(struct kern *k, struct bpf_object *obj, struct diag *d)
{
	for (int i = 0; i < KERN_MAP_COUNT; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, kern_map_names[i]);

		k->map[i] = map ? fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3) : -1;
		if (k->map[i] < 0)
			return diag_set(d, -ENOENT, "the object has no map %s", kern_map_names[i]);
	}
	for (int i = 0; i < KERN_PROG_COUNT; i++) {
		struct bpf_program *prog = bpf_object__find_program_by_name(obj,
									    kern_prog_names[i]);

		if (((i == KERN_PROG_MKDIR || i == KERN_PROG_RELEASE) && !k->has_mkdir) ||
		    (i == KERN_PROG_FAMILY && !k->has_family))
			continue;
		k->prog[i] = prog ? fcntl(bpf_program__fd(prog), F_DUPFD_CLOEXEC, 3) : -1;
		if (k->prog[i] < 0)
			return diag_set(d, -ENOENT, "the object has no program %s",
					kern_prog_names[i]);
	}
	return 0;
}

/* Fails only after loading. */
static void choose(struct bpf_object *obj, enum kern_prog prog, bool wanted)
{
	(void)bpf_program__set_autoload(
		bpf_object__find_program_by_name(obj, kern_prog_names[prog]), wanted);
}

static int load_with(struct kern *k, bool mkdir_too, bool family_too, struct diag *d)
{
	struct zta *skel;
	int r;

	first_line[0] = '\0';
	skel = zta__open();
	if (!skel)
		return diag_set(d, -errno, "cannot open the programs: %s", first_line);
	choose(skel->obj, KERN_PROG_MKDIR, mkdir_too);
	choose(skel->obj, KERN_PROG_RELEASE, mkdir_too);
	choose(skel->obj, KERN_PROG_FAMILY, family_too);
	r = take_templates(k, skel->obj, d);
	if (!r && (k->adopted || k->old_layout))
		r = reuse_maps(k, skel->obj, k->adopted ? k->layout : k->old_layout, k->adopted, d);
	if (!r) {
		r = zta__load(skel);
		if (r < 0)
			(void)diag_set(d, r, "cannot load the programs: %s:", first_line);
	}
	if (!r) {
		k->has_mkdir = mkdir_too;
		k->has_family = family_too;
		r = take_fds(k, skel->obj, d);
	}
	zta__destroy(skel);
	return r;
}

static const char *missing_capability(void)
{
	if (!host_has_capability(CAP_BPF) && !host_has_capability(CAP_SYS_ADMIN))
		return "CAP_BPF";
	return host_has_capability(CAP_NET_ADMIN) ? NULL : "CAP_NET_ADMIN";
}

static int load(struct kern *k, const struct kern_opts *o, struct diag *d)
{
	libbpf_print_fn_t before = libbpf_set_print(keep_first_line);
	const char *missing = missing_capability();
	int r;

	k->no_family = host_has_lsm("bpf") ? NULL : "BPF LSM is not active";
	k->no_mkdir = "switched off";
	r = o->no_mkdir ? -ECANCELED : load_with(k, true, !k->no_family, d);
	if (r < 0 && r != -ESTALE && r != -ECANCELED && !k->no_family) {
		k->no_family = "this kernel does not load it (Linux 5.16, BTF)";
		r = load_with(k, true, false, d);
	}
	if (r < 0 && r != -ESTALE) {
		if (r != -ECANCELED)
			k->no_mkdir = host_has_capability(CAP_PERFMON) ||
						      host_has_capability(CAP_SYS_ADMIN)
					      ? "this kernel does not load it (BTF, lockdown)"
					      : "CAP_PERFMON is missing";
		r = load_with(k, false, false, d);
	}
	(void)libbpf_set_print(before);
	if (r == -EPERM && missing)
		return diag_set(d, r, "cannot load the programs: %s is missing", missing);
	return r;
}

static int pin_maps(const struct kern *k, struct diag *d)
{
	char path[PATH_MAX];
	int r;

	r = pins_begin_layout(&k->pins);
	for (int i = 0; !r && i < KERN_MAP_COUNT; i++) {
		r = map_pin(k, path, "new", i);
		if (!r)
			r = bpf_obj_pin(k->map[i], path);
	}
	if (!r)
		r = pins_commit_layout(&k->pins, k->layout);
	return r < 0 ? diag_set(d, r, "cannot pin the maps in '%s':", k->pins.dir) : 0;
}

/* Settings that follow from where we are; they are the same for every start on this machine. */
static int set_place(struct kern *k)
{
	const struct target *t = &k->target;
	uint64_t min = t->level < 0 ? 0 : t->level, cookie;
	uint64_t max = t->level < 0 ? ZTA_CGROUP_LEVELS - 1 : t->level;
	bool same = kern_ctl_get(k, ZTA_CTL_ROOT) == t->id;
	int r;

	if (same && kern_ctl_get(k, ZTA_CTL_LEVEL_MAX) > max)
		max = kern_ctl_get(k, ZTA_CTL_LEVEL_MAX);
	r = kern_ctl_set(k, ZTA_CTL_LEVEL_MAX, max);
	if (!r)
		r = kern_ctl_set(k, ZTA_CTL_LEVEL_MIN, min);
	if (!r)
		r = kern_ctl_set(k, ZTA_CTL_ROOT, t->id);
	if (!r && netns_cookie(NULL, &cookie) == 0)
		r = kern_ctl_set(k, ZTA_CTL_NETNS, cookie);
	return r;
}

/* The counters' last resort, which the kernel only looks up. */
static int make_zero_counter(struct kern *k)
{
	int cpus = libbpf_num_possible_cpus();
	struct zta_counter_key key = {};
	_cleanup_free_ __u64 *zero = NULL;
	int r;

	if (cpus < 0)
		return cpus;
	zero = calloc(cpus, sizeof(*zero));
	if (!zero)
		return -ENOMEM;
	r = bpf_map_update_elem(k->map[KERN_MAP_COUNTERS], &key, zero, BPF_NOEXIST);
	return r == -EEXIST ? 0 : r;
}

/* A setting of a pinned set, as far as that set has it; 0 = not set. */
static uint64_t old_ctl(const struct kern *k, uint32_t layout, __u32 which)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	__u64 value = 0;

	if (pins_path(&k->pins, path, "v%u/%s", layout, kern_map_names[KERN_MAP_CONTROL]) < 0)
		return 0;
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_map_lookup_elem(fd, &which, &value) < 0)
		return 0;
	return value;
}

/*
 * The hashes of names that learnt answers hold are made with it: as old as they are, whatever the
 * layout.
 */
static int set_seed(struct kern *k)
{
	uint64_t seed = kern_ctl_get(k, ZTA_CTL_SEED);

	if (!seed && k->old_layout)
		seed = old_ctl(k, k->old_layout, ZTA_CTL_SEED);
	while (!seed)
		if (getrandom(&seed, sizeof(seed), 0) < 0 && errno != EINTR)
			return -errno;
	return kern_ctl_set(k, ZTA_CTL_SEED, seed);
}

/* Was a policy ever put in force in a pinned set? A start may have ended before that. */
static bool has_policy(const struct kern *k)
{
	return old_ctl(k, k->layout, ZTA_CTL_WORD) != 0;
}

static int start(struct kern *k, const struct kern_opts *o, struct diag *d)
{
	int r = 0;

	k->was_attached = pins_has_links(&k->pins);
	if (!o->adopt || !k->was_attached) {
		r = pins_drop_all(&k->pins);
		k->was_attached = false;
	}
	k->adopted = pins_has_layout(&k->pins, k->layout) && has_policy(k);
	if (!r && !k->adopted)
		r = pins_drop_layout(&k->pins, k->layout);
	if (r < 0)
		return diag_set(d, r, "cannot remove what is pinned in '%s':", k->pins.dir);
	k->old_layout = pins_other_layout(&k->pins, k->layout);
	r = load(k, o, d);
	if (r < 0)
		return r;
	r = set_place(k);
	if (!r)
		r = set_seed(k);
	if (!r)
		r = make_zero_counter(k);
	if (!r)
		r = kern_ctl_set(k, ZTA_CTL_LAYOUT, k->layout);
	if (r < 0)
		return diag_set(d, r, "cannot write the settings:");
	return k->adopted ? 0 : pin_maps(k, d);
}

int kern_open(const struct kern_opts *o, struct kern **ret, struct diag *d)
{
	_cleanup_kern_ struct kern *k = NULL;
	int r;

	if (host_kernel_version() < HOST_KERNEL(5, 10))
		return diag_set(d, -EOPNOTSUPP, "this kernel is older than Linux 5.10");
	k = calloc(1, sizeof(*k));
	if (!k)
		return diag_set(d, -ENOMEM, "no memory");
	k->target.fd = -1;
	k->pins.lock = -1;
	for (int i = 0; i < KERN_MAP_COUNT; i++)
		k->map[i] = -1;
	for (int i = 0; i < KERN_PROG_COUNT; i++)
		k->prog[i] = -1;
	k->layout = o->layout ? o->layout : ZTA_LAYOUT_VERSION;

	r = target_open(o->cgroup, &k->target, d);
	if (r < 0)
		return r;
	r = pins_open(o->bpffs, &k->pins, d);
	if (r < 0)
		return r;
	r = start(k, o, d);
	if (r < 0)
		return r;
	*ret = take_ptr(k);
	return 0;
}

void kern_close(struct kern *k)
{
	if (!k)
		return;
	for (int i = 0; i < KERN_MAP_COUNT; i++)
		if (k->map[i] >= 0)
			(void)close(k->map[i]);
	for (int i = 0; i < KERN_PROG_COUNT; i++)
		if (k->prog[i] >= 0)
			(void)close(k->prog[i]);
	pins_close(&k->pins);
	target_close(&k->target);
	free(k);
}

int kern_remove(struct kern *k, struct diag *d)
{
	int r = pins_drop_all(&k->pins);

	if (r < 0)
		return diag_set(d, r, "cannot remove what is pinned in '%s':", k->pins.dir);
	(void)rmdir(k->pins.dir); /* not when it is a mount point, or holds what is not ours */
	return 0;
}

int kern_detach(const struct kern_opts *o, struct diag *d)
{
	struct pins p;
	int r;

	if (!pins_exist(o->bpffs))
		return 0;
	r = pins_open(o->bpffs, &p, d);
	if (r < 0)
		return r;
	r = pins_drop_all(&p);
	if (r < 0)
		(void)diag_set(d, r, "cannot remove what is pinned in '%s':", p.dir);
	else
		(void)rmdir(p.dir); /* as above */
	pins_close(&p);
	return r;
}

bool kern_adopted(const struct kern *k)
{
	return k->adopted;
}

bool kern_was_attached(const struct kern *k)
{
	return k->was_attached;
}

bool kern_has_mkdir(const struct kern *k, const char **ret_why)
{
	if (ret_why)
		*ret_why = k->has_mkdir ? NULL : k->no_mkdir;
	return k->has_mkdir;
}

bool kern_has_family(const struct kern *k, const char **ret_why)
{
	if (ret_why)
		*ret_why = k->has_family ? NULL : k->no_family;
	return k->has_family;
}

const char *kern_cgroup_path(const struct kern *k)
{
	return k->target.path;
}

int kern_cgroup_fd(const struct kern *k)
{
	return k->target.fd;
}

uint64_t kern_cgroup_id(const struct kern *k)
{
	return k->target.id;
}

int kern_cgroup_level(const struct kern *k)
{
	return k->target.level;
}

bool kern_cgroup_is_root(const struct kern *k)
{
	return k->target.is_root;
}

int kern_program_fd(const struct kern *k, const char *name)
{
	for (int i = 0; i < KERN_PROG_COUNT; i++)
		if (!strcmp(kern_prog_names[i], name))
			return k->prog[i] >= 0 ? k->prog[i] : -ENOENT;
	return -ENOENT;
}
