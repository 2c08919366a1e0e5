/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel side: opening it, its settings, putting the programs in force. */
#pragma once

struct daemon;
struct diag;

/* Load or adopt; make the registry; write the settings. Changes nothing of what is attached. */
int guard_up(struct daemon *d, struct diag *diag);
void guard_down(struct daemon *d);

/* Attach, in the order that leaves no gap; at a first attach mark the sockets that are open. */
int guard_attach(struct daemon *d, struct diag *diag);

/* Write this namespace's own addresses into the map of row 3. 0 or -errno. */
int guard_sync_local(struct daemon *d);
