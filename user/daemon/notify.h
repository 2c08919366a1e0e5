/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's notification protocol (sd_notify(3)), without libsystemd. */
#pragma once

#include <stdint.h>

/**
 * notify_send() - Send one state to the service manager
 * @state:	lines as sd_notify(3) has them: "READY=1\nSTATUS=..."
 *
 * Nothing happens without NOTIFY_SOCKET. A manager that does not listen is not our failure: the
 * daemon goes on.
 * Return: 1 sent, 0 no manager, or a negative errno.
 */
int notify_send(const char *state);

/* RELOADING=1 with the time stamp that Type=notify-reload wants. */
int notify_reloading(void);

/* Half of WATCHDOG_USEC in ms when the manager watches this process, else 0. */
unsigned int notify_watchdog_ms(void);
