/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions of the past, as the journal has them: explain --event and --last. */
#pragma once

struct control_req;
struct daemon;

/**
 * recall_begin() - Look for a record in steps, and reply when it was found
 * @seq: its number as text, NULL = the latest denial, or what would have been one
 *
 * The journal can be large: looking through all of it at once would stop the daemon for seconds.
 * Return: as struct control_verb says.
 */
int recall_begin(struct daemon *d, struct control_req *req, const char *seq);

/* Tells those who still wait that the daemon ends. */
void recall_down(struct daemon *d);
