/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel programs and their maps: load, pin, adopt, attach, remove. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct diag;
struct kern;

struct kern_opts {
	const char *cgroup; /* directory to attach to; NULL = the cgroup2 mount */
	const char *bpffs;  /* directory of the pins; mounted and made when it is not there */
	bool adopt;	    /* false: what is pinned there is removed first (a gap: tests only) */
	uint32_t layout;    /* 0 = ZTA_LAYOUT_VERSION; tests play another version */
	bool no_mkdir;	    /* do as if the kernel lacked the cgroup_mkdir tracepoint */
};

/**
 * kern_open() - Load the programs with new maps, or with those that are pinned
 * @o:		borrowed for the call
 * @ret:	caller runs kern_close(); untouched on failure
 *
 * Attaches nothing and changes nothing of what is attached. Order of use:
 *
 *	kern_open -> policy_apply (and kern_local_sync, pauses, quarantines) -> kern_attach
 *	-> kern_mark_existing when kern_ctl_get(ZTA_CTL_EXISTING) is ZTA_EXISTING_MARKING
 *
 * Return: 0, -EBUSY (another process holds these pins; @d names it), -EPERM (capability),
 * -EOPNOTSUPP (kernel too old or built without), -ENODEV (no cgroup2), or -errno.
 */
int kern_open(const struct kern_opts *o, struct kern **ret, struct diag *d);

/* Ends the use of maps and programs; pins, and so enforcement, stay. NULL is a no-op. */
void kern_close(struct kern *k);
CLEANUP_DEFINE(struct kern *, kern_close)
#define _cleanup_kern_ _cleanup_(kern_close_p)

/* Were maps of the same layout found and kept? Then a policy may be in force already. */
bool kern_adopted(const struct kern *k);

/* Were links found: is (some version of) us attached already? */
bool kern_was_attached(const struct kern *k);

/**
 * kern_attach() - Put the programs in force
 *
 * A first attach opens the window for sockets that are older (ZTA_EXISTING_MARKING). Links that are
 * pinned get the new programs in place, the others are attached; afterwards each is checked, what
 * was left by another version is removed. Fails as a whole: on a fresh start nothing stays
 * attached, on adoption what was in force stays. Can be called again: it repairs what is missing.
 */
int kern_attach(struct kern *k, struct diag *d);

/**
 * kern_detach() - Remove every link, program and map pinned below @o->bpffs
 *
 * Return: 0 (also when there was nothing), -EBUSY while a daemon lives, or -errno.
 */
int kern_detach(const struct kern_opts *o, struct diag *d);

/* The same through the handle that holds the pins; only kern_close() may follow. */
int kern_remove(struct kern *k, struct diag *d);

/* State of one hook, as the kernel tells it now. */
struct kern_hook {
	const char *name; /* of ZTA_HOOKS, static */
	bool attached;	  /* our program, at our cgroup */
	bool last;	  /* no other program of the same kind runs after it */
	uint32_t link_id; /* 0 = none */
	uint32_t others;  /* programs of others that run after it */
	char other[16];	  /* name of the last of these */
};
#define KERN_HOOKS_MAX 10

/**
 * kern_hooks() - Which hooks are attached
 * @ret_n: always ZTA_HOOK_COUNT
 *
 * Return: 0 or -errno (nothing could be asked).
 */
int kern_hooks(struct kern *k, struct kern_hook v[KERN_HOOKS_MAX], size_t *ret_n);

/* Put our connect and sendmsg programs behind those that others attached since. 0 or -errno. */
int kern_order(struct kern *k, struct diag *d);

/* Does the kernel itself give new cgroups their workload? If not, @ret_why (static) says why. */
bool kern_has_mkdir(const struct kern *k, const char **ret_why);

/* Are RDS, TIPC and packet sockets refused to closed profiles? As above. */
bool kern_has_family(const struct kern *k, const char **ret_why);

/* The attach point. */
const char *kern_cgroup_path(const struct kern *k);
int kern_cgroup_fd(const struct kern *k);
uint64_t kern_cgroup_id(const struct kern *k);
int kern_cgroup_level(const struct kern *k); /* depth below the real root, -1 = cannot be told */
bool kern_cgroup_is_root(const struct kern *k);

/* Fd of a program, for BPF_PROG_TEST_RUN in tests; -ENOENT when there is none of that name. */
int kern_program_fd(const struct kern *k, const char *name);
