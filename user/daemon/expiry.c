/* SPDX-License-Identifier: Apache-2.0 */
#include "expiry.h"

#include <jansson.h>
#include <stdint.h>
#include <time.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/inforce.h"
#include "daemon/notes.h"
#include "policy/brief.h"

#define AHEAD_S	 (14 * 24 * 3600)
#define AGAIN_NS (10 * NS_PER_S) /* after a failure */
#define DATE_LEN 10		 /* of "2027-06-30" */

/* The date as it is written: the last day on which the rule counts. */
static void tell(struct daemon *d, const char *what, const struct brief_date *date)
{
	char at[RFC3339_LEN], path[BRIEF_PLACE_LEN];

	brief_place_text(&date->place, path);
	rfc3339_format((uint64_t)(date->expires - 1) * NS_PER_S, at);
	at[DATE_LEN] = '\0';
	log_info("daemon: rule %s rule=%s expires=%s", what, path, at);
	notes_tell(d, RECORD_POLICY, what, json_pack("{s:s, s:s}", "rule", path, "expires", at));
}

/* Dates in (@from, @to]: tell each of them (@what not NULL), return how many. */
static size_t between(struct daemon *d, const char *what, int64_t from, int64_t to)
{
	const struct policy_brief *b = d->inforce->brief;
	size_t n = 0;

	for (size_t i = 0; i < b->n_dates; i++) {
		if (b->dates[i].expires <= from || b->dates[i].expires > to)
			continue;
		n++;
		if (what)
			tell(d, what, &b->dates[i]);
	}
	return n;
}

static void announce(struct daemon *d, int64_t now)
{
	int64_t told = d->store.expiry_told;

	if (told < now || told > now + AHEAD_S) /* that far ahead: the clock was set back since */
		told = now;
	if (now + AHEAD_S <= told || !between(d, "expiring", told, now + AHEAD_S))
		return;
	d->store.expiry_told = now + AHEAD_S;
	inforce_save(d);
}

void expiry_tick(struct daemon *d)
{
	int64_t now = time(NULL), due = d->inforce->brief->next_expiry;
	struct diag diag = { 0 };
	bool back; /* the clock was set back: what had expired may not have */

	announce(d, now);
	back = d->inforce->brief->n_dates && now < d->inforce->brief->now;
	if ((now < due && !back) || clock_mono_ns() < d->inforce->refresh_after)
		return;
	if (inforce_refresh(d, &diag) < 0) { /* the rule stays open until it works */
		log_err("daemon: rules are not those of this day, retrying: %s", diag.text);
		d->inforce->refresh_after = clock_mono_ns() + AGAIN_NS;
		return;
	}
	if (!back)
		(void)between(d, "expired", due - 1, now); /* their number is of no use here */
}

size_t expiry_soon(const struct daemon *d)
{
	int64_t now = time(NULL);

	return between((struct daemon *)d, NULL, now, now + AHEAD_S);
}
