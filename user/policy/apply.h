/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a compiled policy in force. */
#pragma once

struct diag;
struct image_patterns;
struct kern;
struct policy_image;
struct registry;

/**
 * policy_apply() - Replace the policy in force by another, between two packets
 * @img:	borrowed for the call
 * @r:		gets what the walk of the cgroup tree finds
 *
 * Until the switch, which is one write of a word, the old policy is in force as a whole; after it
 * the new one. A failure before it, or SIGKILL at any moment, leaves the old one.
 * Return: 0, -E2BIG, -ENOMEM or -errno.
 */
int policy_apply(struct kern *k, const struct policy_image *img, struct registry *r,
		 struct diag *d);

/* Walk the cgroup tree again for the policy in force. 1 = something changed, 0, or -errno. */
int policy_rescan(struct kern *k, const struct image_patterns *patterns, struct registry *r);
