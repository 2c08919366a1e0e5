/* SPDX-License-Identifier: Apache-2.0 */
#include "notes.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "audit/journal.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/names.h"

#define MACHINE_ID	"/etc/machine-id"
#define MACHINE_ID_MAX	128
#define REOPEN_AFTER_NS (5 * NS_PER_S)

/* {"name","cluster","id"}: which machine a record is from. */
static json_t *host_json(const struct daemon *d)
{
	_cleanup_free_ char *id = NULL;
	const char *node = d->config.node_id;
	struct utsname u;

	if (!node && file_read_all(MACHINE_ID, MACHINE_ID_MAX, &id, NULL) == 0) {
		id[strcspn(id, "\n")] = '\0';
		node = *id ? id : NULL;
	}
	(void)uname(&u); /* fails for a bad pointer only */
	return json_pack("{s:s, s:s*, s:s*}", "name", u.nodename, "cluster", d->config.cluster,
			 "id", node);
}

static int open_journal(struct daemon *d, struct diag *diag)
{
	_cleanup_free_ char *dir = str_dup_printf("%s/journal", d->options.state_dir);
	struct journal_opts o = {
		.segment_bytes = d->config.journal.segment_bytes,
		.retain_bytes = d->config.journal.retain_bytes,
		.retain_ns = d->config.journal.retain_ns,
		.fsync_ms = d->config.journal.fsync_ms,
		.host = host_json(d),
	};
	int r;

	r = dir ? journal_open(dir, &o, &d->journal, diag) : -ENOMEM;
	json_decref(o.host);
	return r;
}

int notes_up(struct daemon *d, struct diag *diag)
{
	int r;

	r = open_journal(d, diag);
	if (r == -EBUSY)
		return r;
	if (r < 0)
		log_err("daemon: journal cannot be opened, retrying: %s", diag->text);
	return 0;
}

void notes_down(struct daemon *d)
{
	journal_close(d->journal);
	d->journal = NULL;
}

static uint64_t count_of(const json_t *record)
{
	json_t *count = json_object_get(record, "count");

	return json_is_integer(count) ? json_integer_value(count) : 1;
}

void notes_put(struct daemon *d, json_t *record)
{
	if (d->journal && record) {
		(void)journal_append(d->journal, record); /* it counts what it loses */
		return;
	}
	d->journal_lost += count_of(record);
	json_decref(record);
}

void notes_tell(struct daemon *d, enum record_type type, const char *reason, json_t *members)
{
	json_t *record = NULL;

	(void)record_note(type, reason, names_ctx(d), members, &record); /* NULL is counted */
	notes_put(d, record);
}

void notes_tick(struct daemon *d)
{
	uint64_t now = clock_mono_ns();
	struct diag diag;

	if (d->journal) {
		journal_tick(d->journal);
		return;
	}
	if (now - d->journal_tried < REOPEN_AFTER_NS)
		return;
	d->journal_tried = now;
	if (open_journal(d, &diag) == 0)
		log_info("daemon: journal opened");
}
