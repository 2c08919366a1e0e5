// SPDX-License-Identifier: Apache-2.0
#include "daemon/subject.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/daemon.h"
#include "kern/object.h"
#include "workload/cgroup.h"
#include "workload/pod.h"
#include "zta_identity.h"

#define SUBJECT_UNKNOWN 1 /* of Kubernetes, but of no pod that is known */

/* By its id, as it is now: what the registry knows of new cgroups may be late. */
static int pod_of(struct daemon *d, uint64_t workload, char uid[POD_UID_LEN])
{
	_cleanup_free_ char *path = NULL;

	/* gone: it may have been a pod's */
	return cgroup_path_of(kern_cgroup_path(d->kern), workload, &path) < 0
		       ? -ESTALE
		       : pod_of_cgroup(path, uid);
}

int subject_of(struct daemon *d, const struct zta_caller *who, uint64_t *ret_subject)
{
	const char *kubelet = d->config.tokens.kubelet_dir;
	char uid[POD_UID_LEN] = "", maker[POD_UID_LEN] = "";
	int r = pod_of(d, who->caller, uid), owner = pod_of(d, who->owner, maker);

	*ret_subject = 0;
	if (r == -ENOENT && owner == -ENOENT)
		return -ENOENT;
	*ret_subject = SUBJECT_UNKNOWN;
	if (r < 0 || owner < 0 || strcmp(uid, maker)) /* a socket between two pods is nobody's */
		return -ENXIO;
	*ret_subject = pod_subject(uid);
	return pod_token_open(kubelet ? kubelet : POD_KUBELET, uid);
}
