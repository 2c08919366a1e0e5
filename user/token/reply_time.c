// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "token/reply.h"

/* Functions and App Service: "1/13/2026 2:57:58 PM +00:00", "06/20/2026 02:57:58". */
static int read_american(const char *text, struct tm *tm)
{
	char half[3] = "";
	int used = 0;

	if (sscanf(text, "%2d/%2d/%4d %2d:%2d:%2d%n", &tm->tm_mon, &tm->tm_mday, &tm->tm_year,
		   &tm->tm_hour, &tm->tm_min, &tm->tm_sec, &used) != 6 ||
	    !used)
		return -EBADMSG;
	text += used;
	if (sscanf(text, " %2[APM]%n", half, &used) == 1) {
		if ((strcmp(half, "AM") && strcmp(half, "PM")) || tm->tm_hour < 1 ||
		    tm->tm_hour > 12)
			return -EBADMSG;
		tm->tm_hour = tm->tm_hour % 12 + (half[0] == 'P' ? 12 : 0);
		text += used;
	}
	return !*text || !strcmp(text, " +00:00") ? 0 : -EBADMSG;
}

int token_time_read(const char *text, int64_t *ret)
{
	struct tm tm = { 0 }, back;
	char iso[40];
	uint64_t ns;
	time_t t;

	if (strlen(text) > 34)
		return -EBADMSG;
	if (rfc3339_parse(text, &ns) == 0) {
		*ret = (int64_t)(ns / NS_PER_S);
		return 0;
	}
	(void)snprintf(iso, sizeof(iso), "%sZ", text); /* "2026-06-20 02:57:58": without a zone */
	if (rfc3339_parse(iso, &ns) == 0) {
		*ret = (int64_t)(ns / NS_PER_S);
		return 0;
	}
	if (read_american(text, &tm) < 0)
		return -EBADMSG;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	back = tm;
	t = timegm(&back);
	/* timegm() mends what is no date: then it is another one */
	if (t < 0 || back.tm_mon != tm.tm_mon || back.tm_mday != tm.tm_mday ||
	    back.tm_hour != tm.tm_hour || back.tm_min != tm.tm_min || back.tm_sec != tm.tm_sec)
		return -EBADMSG;
	*ret = t;
	return 0;
}
