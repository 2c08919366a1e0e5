/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that are older than the programs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct diag;
struct kern;

struct kern_existing {
	unsigned marked;  /* sockets that got a note */
	unsigned inbound; /* of these, connections that the peer opened */
	unsigned failed;  /* sockets that could not be reached: they are judged */
};

/**
 * kern_mark_existing() - Mark the sockets that were open before the first attach, once
 * @keep:	true: they are kept unjudged while the generation in force stays; false: judged
 * @ret:	may be NULL
 *
 * To be called after kern_attach() when ZTA_CTL_EXISTING is ZTA_EXISTING_MARKING (a first attach
 * sets that; a crash may leave it); closes the window by setting it to KEEP or JUDGE. Sockets with
 * a note are left alone, so a second run does no harm. On failure the window stays open.
 * Return: 0 or -errno.
 */
int kern_mark_existing(struct kern *k, bool keep, struct kern_existing *ret, struct diag *d);
