// SPDX-License-Identifier: Apache-2.0
/*
 * The cases of the .case files in tests/policy. A case:
 *
 *	=== what it shows
 *	"services": [ { "name": "Ä" } ]		members of a document whose required ones are given
 *	--- errors				exactly these, sorted: LINE:COLUMN PATH: part of the
 *text 1:15 services[0]: "private_link" is missing
 *	--- warnings				exactly these; not looked at when the part is absent
 *	--- model				each of these lines (facts.h), among others
 *	services[0].dedicated = 1
 *
 * Lines count from the first of the members. "=== document: ..." has a whole document instead.
 * Without the part "errors" the document must have none. PATH is "-" for the whole document.
 * Lines that start with '#' between cases are comments.
 */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/diag.h"
#include "base/file.h"
#include "base/str.h"
#include "facts.h"

#define HEAD "{\"apiVersion\":\"zta/v1\",\"kind\":\"Policy\",\"metadata\":{\"name\":\"t\"},"
#define MODE "\"mode\":\"enforce\""

enum part { PART_DOCUMENT, PART_ERRORS, PART_WARNINGS, PART_MODEL, PART_COUNT };

struct one {
	char *title;
	struct buf parts[PART_COUNT];
	bool given[PART_COUNT];
};

static void free_one(struct one *c)
{
	for (int i = 0; i < PART_COUNT; i++)
		buf_free(&c->parts[i]);
	*c = (struct one){};
}

static bool is_whole(const struct one *c)
{
	return str_starts(c->title, "document:");
}

static void document_of(const struct one *c, struct buf *b)
{
	const struct buf *given = &c->parts[PART_DOCUMENT];

	if (is_whole(c)) {
		(void)buf_add(b, given->data, given->len);
		return;
	}
	(void)buf_puts(b, HEAD);
	if (!given->data || !strstr(given->data, "\"mode\":\"audit\""))
		(void)buf_puts(b, MODE ",");
	(void)buf_puts(b, "\n");
	(void)buf_add(b, given->data, given->len);
	(void)buf_puts(b, given->len ? "}" : "\"owner\":\"x\"}");
}

/* "LINE:COLUMN PATH: text" against an item. */
static bool matches(const char *line, const struct diag_item *item, unsigned head)
{
	_cleanup_free_ char *place = NULL;

	place = str_dup_printf("%u:%u %s: ", item->line - head, item->column,
			       *item->path ? item->path : "-");
	return str_starts(line, place) && strstr(item->message, line + strlen(place));
}

/* Wanted lines against the list; prints both on a difference. */
static bool same(const struct one *c, enum part part, const struct diag_list *l)
{
	_cleanup_free_ char *wanted = strdup(c->parts[part].data ? c->parts[part].data : "");
	unsigned head = is_whole(c) ? 0 : 1;
	bool good = true;
	size_t n = 0;

	for (char *rest = wanted, *line; (line = strsep(&rest, "\n"));) {
		if (!*line)
			continue;
		good = good && n < l->n && matches(line, &l->v[n], head);
		n++;
	}
	if (good && n == l->n)
		return true;
	print_error("%s\n  wanted %s:\n%s", c->title, part == PART_ERRORS ? "errors" : "warnings",
		    c->parts[part].data ? c->parts[part].data : "");
	print_error("  got:\n");
	for (size_t i = 0; i < l->n; i++)
		print_error("%u:%u %s: %s\n", l->v[i].line - head, l->v[i].column,
			    *l->v[i].path ? l->v[i].path : "-", l->v[i].message);
	return false;
}

static bool has_facts(const struct one *c, const struct policy *p)
{
	_cleanup_free_ char *wanted = strdup(c->parts[PART_MODEL].data ? c->parts[PART_MODEL].data
								       : "");
	_cleanup_buf_ struct buf b = {};
	bool good = true;

	facts(&b, p);
	for (char *rest = wanted, *line; (line = strsep(&rest, "\n"));) {
		_cleanup_free_ char *whole = str_dup_printf("\n%s\n", line);

		if (*line && !strstr(b.data, whole)) {
			print_error("%s\n  model lacks: %s\n", c->title, line);
			good = false;
		}
	}
	if (!good)
		print_error("  it has:%s\n", b.data);
	return good;
}

static bool run(const struct one *c)
{
	_cleanup_buf_ struct buf document = {};
	struct diag_list errors = {}, warnings = {};
	struct policy *p = NULL;
	bool good;
	int r;

	document_of(c, &document);
	r = policy_parse(document.data, document.len, &errors, &warnings, &p);
	good = same(c, PART_ERRORS, &errors);
	if (r != (errors.n ? -EINVAL : 0) || !p != !!errors.n) {
		print_error("%s\n  returned %d\n", c->title, r);
		good = false;
	}
	if (c->given[PART_WARNINGS])
		good &= same(c, PART_WARNINGS, &warnings);
	if (p)
		good &= has_facts(c, p);
	policy_free(p);
	diag_list_free(&errors);
	diag_list_free(&warnings);
	return good;
}

static enum part part_named(const char *name)
{
	static const char *const names[] = { "document", "errors", "warnings", "model" };

	for (int i = 0; i < PART_COUNT; i++)
		if (!strcmp(name, names[i]))
			return (enum part)i;
	fail_msg("no part is named %s", name);
	return PART_COUNT;
}

static void test_file(void **state)
{
	_cleanup_free_ char *text = NULL;
	enum part part = PART_DOCUMENT;
	size_t n = 0, failed = 0;
	struct one c = {};

	assert_int_equal(file_read_all(*state, 1 << 20, &text, NULL), 0);
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		if (!rest || str_starts(line, "=== ")) { /* the end of the file, or of a case */
			failed += c.title && !run(&c);
			n += c.title != NULL;
			free_one(&c);
			c.title = line + 4;
			part = PART_DOCUMENT;
		} else if (str_starts(line, "--- ")) {
			part = part_named(line + 4);
			c.given[part] = true;
		} else if (c.title && (part == PART_DOCUMENT || *line != '#')) {
			assert_int_equal(buf_printf(&c.parts[part], "%s\n", line), 0);
		}
	}
	free_one(&c);
	assert_true(n > 0);
	assert_int_equal(failed, 0);
}

int main(void)
{
	struct CMUnitTest *tests;
	glob_t found = {};
	int r;

	if (glob("tests/policy/*.case", 0, NULL, &found) != 0) {
		print_error("no tests/policy/*.case: run this in the top directory\n");
		return 1;
	}
	tests = calloc(found.gl_pathc, sizeof(*tests));
	for (size_t i = 0; tests && i < found.gl_pathc; i++)
		tests[i] = (struct CMUnitTest){ .name = found.gl_pathv[i],
						.test_func = test_file,
						.initial_state = found.gl_pathv[i] };
	r = tests ? _cmocka_run_group_tests("cases", tests, found.gl_pathc, NULL, NULL) : 1;
	free(tests);
	globfree(&found);
	return r;
}
