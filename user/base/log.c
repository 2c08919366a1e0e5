// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum log_level highest = LOG_LEVEL_INFO;

static const struct {
	const char *word, *priority; /* the latter as sd-daemon(3) has them */
} levels[] = {
	[LOG_LEVEL_ERR] = { "error: ", "<3>" },
	[LOG_LEVEL_WARN] = { "warning: ", "<4>" },
	[LOG_LEVEL_INFO] = { "", "<6>" },
	[LOG_LEVEL_DEBUG] = { "debug: ", "<7>" },
};

void log_set_level(enum log_level level)
{
	highest = level;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	const char *start = getenv("JOURNAL_STREAM") ? levels[level].priority : levels[level].word;
	char line[2048];
	va_list args;
	int at, n;

	if (level > highest)
		return;

	at = snprintf(line, sizeof(line), "%s", start);
	va_start(args, fmt);
	n = vsnprintf(line + at, sizeof(line) - at - 1, fmt, args);
	va_end(args);
	if (n < 0)
		return;
	n = n < (int)sizeof(line) - at - 1 ? at + n : (int)sizeof(line) - 2;
	for (int i = at; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	/* One write, so that lines of two processes do not mix. There is nobody to tell a failure.
	 */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}
