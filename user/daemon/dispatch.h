/* SPDX-License-Identifier: Apache-2.0 */
/* From the kernel's rings to the journal; sockets whose connection was cut are closed. */
#pragma once

struct daemon;
struct diag;

int dispatch_up(struct daemon *d, struct diag *diag);
void dispatch_down(struct daemon *d);

/* Hand out what has come, up to what a full ring can hold. Without a ring yet: nothing. */
void dispatch_drain(struct daemon *d);

/* Have the kernel tell everything that it holds folded, and hand it out. 0 or -errno. */
int dispatch_flush(struct daemon *d);
