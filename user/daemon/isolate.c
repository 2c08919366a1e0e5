/* SPDX-License-Identifier: Apache-2.0 */
#include "isolate.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/diag.h"

static const struct {
	int cap;
	const char *why;
	bool worker; /* only where one is started */
} needs[] = {
	{ CAP_BPF, "load programs and maps", false },
	{ CAP_PERFMON, "the verifier's pointer arithmetic, the cgroup_mkdir tracepoint", false },
	{ CAP_NET_ADMIN, "attach to cgroups, close sockets", false },
	{ CAP_SYS_ADMIN, "enter network namespaces to close sockets there", false },
	{ CAP_SYS_PTRACE, "find the sockets of other processes", false },
	{ CAP_DAC_READ_SEARCH, "read /proc and policy files of any owner", false },
	{ CAP_SETUID, "run the worker as another user", true },
	{ CAP_SETGID, "run the worker in no group of ours", true },
	{ CAP_KILL, "end a worker that hangs", true },
};
#define N_NEEDS (sizeof(needs) / sizeof(needs[0]))

int isolate_check(bool worker, struct diag *d)
{
	char missing[256] = "";
	size_t used = 0;

	if (capng_get_caps_process() < 0)
		return diag_set(d, -EPERM, "cannot read the capabilities of this process");
	for (size_t i = 0; i < N_NEEDS; i++) {
		if ((needs[i].worker && !worker) ||
		    capng_have_capability(CAPNG_EFFECTIVE, needs[i].cap))
			continue;
		used += snprintf(missing + used,
				 used < sizeof(missing) ? sizeof(missing) - used : 0,
				 "%scap_%s (%s)", used ? ", " : "",
				 capng_capability_to_name(needs[i].cap), needs[i].why);
		if (used >= sizeof(missing))
			break;
	}
	return used ? diag_set(d, -EPERM, "missing capabilities: %s", missing) : 0;
}

int isolate_drop(bool worker, struct diag *d)
{
	const struct rlimit no_limit = { RLIM_INFINITY, RLIM_INFINITY };

	/* kernels before 5.11 count maps as locked memory; without CAP_SYS_RESOURCE: as it is */
	(void)setrlimit(RLIMIT_MEMLOCK, &no_limit);
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < N_NEEDS; i++)
		if ((!needs[i].worker || worker) &&
		    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
				 needs[i].cap) < 0)
			return diag_set(d, -EINVAL, "cannot select capabilities");
	if (capng_apply(CAPNG_SELECT_ALL) < 0)
		return diag_set(d, -EPERM, "cannot drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return diag_set(d, -errno, "cannot set no_new_privs:");
	return 0;
}
