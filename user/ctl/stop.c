// SPDX-License-Identifier: Apache-2.0
#include "ctl/stop.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

/*
 * A signal between the last look at `stop` and the wait would be lost on the wait: the alarm
 * comes again each second until somebody has looked.
 */
static void on_signal(int number)
{
	stop = 1;
	alarm(1);
}

void stop_on_sigint(void)
{
	struct sigaction sa = { .sa_handler = on_signal }; /* no SA_RESTART: waits end */

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGALRM, &sa, NULL);
}

bool stop_requested(void)
{
	return stop;
}
