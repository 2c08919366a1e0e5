/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C as a normal end, for the verbs that run until they are told to stop. */
#pragma once

#include <stdbool.h>

/* From now on SIGINT interrupts what waits (EINTR) and is remembered. */
void stop_on_sigint(void);
bool stop_requested(void);
