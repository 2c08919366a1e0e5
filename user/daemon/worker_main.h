/* SPDX-License-Identifier: Apache-2.0 */
/* The worker process: what runs in it after worker/isolate. */
#pragma once

/* Does not return before the monitor has gone. Return: exit code. */
int worker_main(void);
