/* SPDX-License-Identifier: Apache-2.0 */
/* Whose assertion a workload's token is had with: in Kubernetes the pod's own, never ours. */
#pragma once

#include <stdint.h>

struct daemon;
struct zta_caller;

/**
 * subject_of() - The projected token of a caller's pod
 * @ret_subject:	0 = not in Kubernetes: the configured source; else a number that stands for
 *			the pod, or for whatever of Kubernetes it is
 *
 * A pod is known by the path of the cgroup that policy matched, as the kernel named it; not by the
 * process, which may be gone. Return: a descriptor, the caller's; or -errno, with a subject: it has
 * none.
 */
int subject_of(struct daemon *d, const struct zta_caller *who, uint64_t *ret_subject);
