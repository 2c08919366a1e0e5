/* SPDX-License-Identifier: Apache-2.0 */
/* Pods, by what kubelet makes of them: cgroups, and the tokens it projects into them. */
#pragma once

#include <stdint.h>

#define POD_UID_LEN   37 /* with the NUL */
#define POD_TOKEN_MAX (64 * 1024)
#define POD_KUBELET   "/var/lib/kubelet"

/**
 * pod_of_cgroup() - Whose pod is a cgroup in?
 * @path:	below the attach point; of both cgroup drivers
 * @uid:	in the form 8-4-4-4-12
 *
 * The outermost that looks like a pod's counts: whatever a container calls the cgroups it makes,
 * they are below that. Return: 0, -ENOENT (not of Kubernetes), -ENXIO (of Kubernetes, but of no pod
 * or of several: the path ends above).
 */
int pod_of_cgroup(const char *path, char uid[POD_UID_LEN]);

/* A number that stands for a pod in keys; never 0. */
uint64_t pod_subject(const char *uid);

/**
 * pod_token_open() - The token that is projected into a pod for workload identity
 * @kubelet:	kubelet's directory
 *
 * A pod can put symlinks into volumes of its own, not into this one; none is followed all the same,
 * not even kubelet's own ("..data", read as a name and checked), so that no path leads elsewhere.
 * Return: a descriptor, the caller's; -ENOENT when the pod has none; -errno.
 */
int pod_token_open(const char *kubelet, const char *uid);
