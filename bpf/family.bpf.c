// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * LSM socket_create: families that pass by every cgroup program.
 *
 * Theory of operation
 *
 * For RDS and TIPC a kernel thread sends, from the root cgroup; AF_PACKET hands frames straight to
 * a device. No cgroup program sees the workload behind either, so in closed profiles the socket is
 * refused (row 4). The kernel itself may have them.
 *
 * Optional: only where the kernel runs BPF LSM (CONFIG_BPF_LSM, "bpf" in lsm=) and the helper for
 * ancestors of the current task is there (5.16). It is one program for the whole machine; a task
 * outside the attach point has no entry in the workload map and is left alone.
 */
#include "row4.h"

#include <linux/errno.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define FAMILY_PACKET 17
#define FAMILY_RDS    21
#define FAMILY_TIPC   30

/* ctx: family, type, protocol, kern */
SEC("lsm/socket_create")
int zta_family(__u64 *ctx)
{
	struct zta_case c = { .hook = ZTA_HOOK_SOCK_CREATE };
	__u32 slot = zta_ctl(ZTA_CTL_WORD) & 1, family = ctx[0], kern = ctx[3];
	struct zta_who who = {};

	if (kern || (family != FAMILY_PACKET && family != FAMILY_RDS && family != FAMILY_TIPC))
		return 0;
	if (!zta_who_task(&who, slot))
		return 0;
	c.ask.addr.family = family; /* tells it from a protocol of AF_INET */
	return zta_judge_socket(&c, &who, ZTA_REASON_PROTOCOL, slot) ? 0 : -EPERM;
}
