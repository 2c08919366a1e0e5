/* SPDX-License-Identifier: Apache-2.0 */
#include "store_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "daemon/store.h"
#include "policy/names.h"

#define STATE_VERSION 1

/* Numbers are nanoseconds since 1970 and fit json_int_t (int64) until 2262. */

static json_t *policy_json(const struct store_policy *p)
{
	return json_pack("{s:s, s:i}", "sha256", p->sha256, "source", (int)p->source);
}

static int policy_from(json_t *o, struct store_policy *ret)
{
	const char *sha = json_string_value(json_object_get(o, "sha256"));
	json_int_t source = json_integer_value(json_object_get(o, "source"));

	if (!sha || (strlen(sha) != HASH_HEX_LEN - 1 && *sha) ||
	    strspn(sha, "0123456789abcdef") != strlen(sha) || source < STORE_NONE ||
	    source > STORE_BUILTIN)
		return -EINVAL;
	snprintf(ret->sha256, sizeof(ret->sha256), "%s", sha);
	ret->source = source;
	return 0;
}

/* Names with their ids: [[name, id, last generation]...] */
static json_t *ids_json(const char (*names)[ZTA_NAME_LEN + 1], const uint32_t *used, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++)
		if (names[i][0] &&
		    json_array_append_new(list, json_pack("[s, I, I]", names[i], (json_int_t)i,
							  (json_int_t)used[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static int ids_from(json_t *list, char (*names)[ZTA_NAME_LEN + 1], uint32_t *used, size_t n)
{
	json_t *item;
	size_t at;

	if (!json_is_array(list))
		return -EINVAL;
	json_array_foreach (list, at, item) {
		json_int_t id, generation;
		const char *name;

		if (json_unpack(item, "[s, I, I]", &name, &id, &generation) < 0 || id < 0 ||
		    id >= (json_int_t)n || strlen(name) > ZTA_NAME_LEN)
			return -EINVAL;
		snprintf(names[id], ZTA_NAME_LEN + 1, "%s", name);
		used[id] = generation;
	}
	return 0;
}

/* Up to 16,000: one text, "ID GENERATION PATTERN" a line. */
static json_t *patterns_json(const struct pattern_ids *p)
{
	_cleanup_buf_ struct buf b = {};
	int r = buf_puts(&b, "");

	for (uint32_t i = 1; r == 0 && p && i < p->n; i++)
		if (p->v[i].text)
			r = buf_printf(&b, "%u %u %s\n", i, p->v[i].used, pattern_ids_text(p, i));
	return r == 0 ? json_string(b.data) : NULL;
}

/* One line; moves @at behind it. @p: gets it, NULL = it is only looked at. Return: its id, or 0. */
static uint32_t pattern_from(const char **at, struct pattern_ids *p, uint32_t *place)
{
	char name[NAME_TEXT_LEN];
	unsigned id, used;
	int len = 0;

	if (sscanf(*at, "%u %u %253[^\n]\n%n", &id, &used, name, &len) != 3 || !len || !id ||
	    id >= ZTA_PATTERN_IDS)
		return 0;
	*at += len;
	if (p) {
		p->v[id] = (struct pattern_id){ *place, used };
		strcpy(p->texts + *place, name);
		*place += strlen(name) + 1;
	}
	return id;
}

static int patterns_from(json_t *o, struct pattern_ids **ret)
{
	const char *text = json_string_value(o);
	struct pattern_ids *p;
	uint32_t n = 0, place = 1;

	if (!o)
		return 0; /* written by a version that had none */
	if (!text)
		return -EINVAL;
	for (const char *at = text; *at;) {
		uint32_t id = pattern_from(&at, NULL, NULL);

		if (!id)
			return -EINVAL;
		n = id >= n ? id + 1 : n;
	}
	p = pattern_ids_new(n, strlen(text));
	if (!p)
		return -ENOMEM;
	for (const char *at = text; *at;)
		(void)pattern_from(&at, p, &place); /* it went well a moment ago */
	*ret = p;
	return 0;
}

static json_t *pauses_json(const struct store *s)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < s->n_pauses; i++) {
		const struct store_pause *p = &s->pauses[i];

		if (json_array_append_new(list, json_pack("{s:s*, s:s, s:I, s:b}", "target",
							  p->target, "reason", p->reason, "until",
							  (json_int_t)p->until, "from_file",
							  p->from_file)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int pauses_from(json_t *list, struct store *s)
{
	json_t *item;
	size_t at;

	if (!json_is_array(list))
		return -EINVAL;
	json_array_foreach (list, at, item) {
		const char *target = NULL, *reason;
		json_int_t until;
		int from_file, r;

		if (json_unpack(item, "{s?s, s:s, s:I, s:b}", "target", &target, "reason", &reason,
				"until", &until, "from_file", &from_file) < 0)
			return -EINVAL;
		r = store_set_pause(s, &(struct store_pause){ .target = (char *)target,
							      .reason = (char *)reason,
							      .until = until,
							      .from_file = from_file });
		if (r < 0)
			return r;
	}
	return 0;
}

static json_t *quarantines_json(const struct store *s)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < s->n_quarantines; i++) {
		const struct store_quarantine *q = &s->quarantines[i];

		if (json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "target", q->target,
							  "reason", q->reason, "since",
							  (json_int_t)q->since)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int quarantines_from(json_t *list, struct store *s)
{
	json_t *item;
	size_t at;

	if (!json_is_array(list))
		return -EINVAL;
	json_array_foreach (list, at, item) {
		const char *target, *reason;
		json_int_t since;
		int r;

		if (json_unpack(item, "{s:s, s:s, s:I}", "target", &target, "reason", &reason,
				"since", &since) < 0)
			return -EINVAL;
		r = store_set_quarantine(s, &(struct store_quarantine){ .target = (char *)target,
									.reason = (char *)reason,
									.since = since });
		if (r < 0)
			return r;
	}
	return 0;
}

static int confirm_from(json_t *o, struct store *s)
{
	if (!o)
		return 0;
	s->unconfirmed = true;
	s->confirm_until = json_integer_value(json_object_get(o, "until"));
	return policy_from(json_object_get(o, "previous"), &s->confirmed);
}

static json_t *guard_json(const struct store *s)
{
	return json_pack("{s:s, s:I, s:I}", "boot_id", s->boot_id, "unguarded",
			 (json_int_t)s->unguarded, "till", (json_int_t)s->guarded_till);
}

static int guard_from(json_t *o, struct store *s)
{
	const char *boot = json_string_value(json_object_get(o, "boot_id"));

	if (!boot || strlen(boot) >= sizeof(s->boot_id))
		return -EINVAL;
	snprintf(s->boot_id, sizeof(s->boot_id), "%s", boot);
	s->unguarded = json_integer_value(json_object_get(o, "unguarded"));
	s->guarded_till = json_integer_value(json_object_get(o, "till"));
	return 0;
}

static int all_from(json_t *root, struct store *s)
{
	json_t *ids = json_object_get(root, "ids");
	const char *file = json_string_value(json_object_get(root, "file"));
	json_int_t generation = json_integer_value(json_object_get(root, "generation"));
	int r;

	if (json_integer_value(json_object_get(root, "version")) != STATE_VERSION || !file ||
	    strlen(file) >= sizeof(s->file_sha256) || generation < 0 || generation > UINT32_MAX)
		return -EINVAL;
	snprintf(s->file_sha256, sizeof(s->file_sha256), "%s", file);
	s->generation = generation;
	s->pause_file = json_integer_value(json_object_get(root, "pause_file"));
	s->expiry_told = json_integer_value(json_object_get(root, "expiry_told"));
	r = policy_from(json_object_get(root, "policy"), &s->policy);
	if (r == 0)
		r = guard_from(json_object_get(root, "guard"), s);
	if (r == 0)
		r = confirm_from(json_object_get(root, "confirm"), s);
	if (r == 0)
		r = pauses_from(json_object_get(root, "pauses"), s);
	if (r == 0)
		r = quarantines_from(json_object_get(root, "quarantines"), s);
	if (r == 0)
		r = ids_from(json_object_get(ids, "profiles"), s->ids.profiles, s->ids.profile_used,
			     ZTA_PROFILE_IDS);
	if (r == 0)
		r = ids_from(json_object_get(ids, "services"), s->ids.services, s->ids.service_used,
			     ZTA_SERVICES_MAX);
	if (r == 0)
		r = patterns_from(json_object_get(ids, "patterns"), &s->ids.patterns);
	return r;
}

int store_from_json(const char *text, size_t len, struct store *s)
{
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	int r;

	if (!json_is_object(root)) {
		json_decref(root);
		return -EINVAL;
	}
	r = all_from(root, s);
	json_decref(root);
	return r;
}

int store_to_json(const struct store *s, char **ret)
{
	json_t *ids, *root;
	char *text;

	ids = json_pack("{s:o, s:o, s:o}", "profiles",
			ids_json(s->ids.profiles, s->ids.profile_used, ZTA_PROFILE_IDS), "services",
			ids_json(s->ids.services, s->ids.service_used, ZTA_SERVICES_MAX),
			"patterns", patterns_json(s->ids.patterns));
	root = json_pack("{s:i, s:I, s:o, s:s, s:I, s:o, s:o, s:I, s:o, s:o}", "version",
			 STATE_VERSION, "generation", (json_int_t)s->generation, "policy",
			 policy_json(&s->policy), "file", s->file_sha256, "pause_file",
			 (json_int_t)s->pause_file, "pauses", pauses_json(s), "quarantines",
			 quarantines_json(s), "expiry_told", (json_int_t)s->expiry_told, "guard",
			 guard_json(s), "ids", ids);
	if (root && s->unconfirmed &&
	    json_object_set_new(root, "confirm",
				json_pack("{s:o, s:I}", "previous", policy_json(&s->confirmed),
					  "until", (json_int_t)s->confirm_until)) < 0) {
		json_decref(root);
		return -ENOMEM;
	}
	text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
	json_decref(root);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}
