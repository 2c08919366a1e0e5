// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * Options may stand before or after the verb, so the line is read in two passes. The first splits
 * it into options and words; whether an option takes a value is looked up in the tables of all
 * verbs together (the same name means the same there). Then the words name the verb, and each
 * option is looked up again among the global ones and this verb's.
 */
#include "ctl/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

#define DURATION_MAX_S (366ULL * 24 * 3600) /* as the daemon has it */

const struct ctl_option ctl_global_options[] = {
	{ "output", 'o', "FORMAT", "table (default) or json", 0 },
	{ "socket", 0, "PATH", "control socket (or ZTA_SOCKET); default " CTL_SOCKET_DEFAULT, 0 },
	{ "no-color", 0, NULL, "no colours (also NO_COLOR, and when stdout is no terminal)", 0 },
	{ "help", 'h', NULL, "this help; after a verb, the verb's", 0 },
	{ "version", 0, NULL, "print the version", 0 },
	{ 0 },
};

struct parser {
	const struct ctl_verb *const *verbs;
	char **argv;
	int argc;
	int at;
	char **words;
	size_t n_words;
	struct ctl_args *ret;
};

static const char *dashes(const char *name)
{
	return name[1] ? "--" : "-";
}

/* By long name of @len bytes, or by letter when @name is NULL. */
static const struct ctl_option *find_option(const struct ctl_option *o, const char *name,
					    size_t len, char letter)
{
	for (; o && o->name; o++) {
		if (name ? strlen(o->name) == len && !memcmp(o->name, name, len)
			 : o->letter == letter)
			return o;
	}
	return NULL;
}

static const struct ctl_option *find_anywhere(const struct parser *p, const char *name, size_t len,
					      char letter)
{
	const struct ctl_option *o = find_option(ctl_global_options, name, len, letter);

	for (const struct ctl_verb *const *v = p->verbs; !o && *v; v++)
		o = find_option((*v)->options, name, len, letter);
	return o;
}

static void given(struct parser *p, const struct ctl_option *o, const char *value)
{
	p->ret->given[p->ret->n_given++] = (struct ctl_given){ o, value };
}

static enum ctl_exit read_long(struct parser *p, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	const struct ctl_option *o = len > 1 ? find_anywhere(p, text, len, 0) : NULL;

	if (!o)
		return ctl_usage("unknown option '--%.*s'", (int)len, text);
	if (!o->arg && equals)
		return ctl_usage("option '--%s' takes no value", o->name);
	if (o->arg && !equals && p->at == p->argc)
		return ctl_usage("option '--%s' needs a value (%s)", o->name, o->arg);

	given(p, o, !o->arg ? "" : equals ? equals + 1 : p->argv[p->at++]);
	return CTL_OK;
}

/* "-f", "-fn5", "-n 5" */
static enum ctl_exit read_letters(struct parser *p, const char *text)
{
	for (; *text; text++) {
		const struct ctl_option *o = find_anywhere(p, NULL, 0, *text);

		if (!o)
			return ctl_usage("unknown option '-%c'", *text);
		if (!o->arg) {
			given(p, o, "");
			continue;
		}
		if (text[1])
			given(p, o, text + 1);
		else if (p->at < p->argc)
			given(p, o, p->argv[p->at++]);
		else
			return ctl_usage("option '-%c' needs a value (%s)", *text, o->arg);
		break;
	}
	return CTL_OK;
}

static enum ctl_exit split(struct parser *p)
{
	enum ctl_exit r = CTL_OK;
	bool options = true;

	while (r == CTL_OK && p->at < p->argc) {
		char *text = p->argv[p->at++];

		if (!options || text[0] != '-' || !text[1])
			p->words[p->n_words++] = text;
		else if (!strcmp(text, "--"))
			options = false;
		else if (text[1] == '-')
			r = read_long(p, text + 2);
		else
			r = read_letters(p, text + 1);
	}
	return r;
}

/* How many of the words the verb's name takes when it fits, else 0. */
static size_t verb_fits(const struct ctl_verb *v, char **words, size_t n)
{
	const char *space = strchr(v->name, ' ');
	size_t len = space ? (size_t)(space - v->name) : strlen(v->name);

	if (!n || strlen(words[0]) != len || memcmp(v->name, words[0], len))
		return 0;
	if (!space)
		return 1;
	return n > 1 && !strcmp(space + 1, words[1]) ? 2 : 0;
}

static bool is_group(const struct ctl_verb *const *verbs, const char *word)
{
	size_t len = strlen(word);

	for (; *verbs; verbs++) {
		if (!strncmp((*verbs)->name, word, len) && (*verbs)->name[len] == ' ')
			return true;
	}
	return false;
}

static enum ctl_exit find_verb(struct parser *p, size_t *ret_used)
{
	for (const struct ctl_verb *const *v = p->verbs; *v; v++) {
		*ret_used = verb_fits(*v, p->words, p->n_words);
		if (*ret_used) {
			p->ret->verb = *v;
			return CTL_OK;
		}
	}
	if (p->n_words == 1 && is_group(p->verbs, p->words[0])) {
		p->ret->group = p->words[0];
		return CTL_OK;
	}
	if (p->n_words && is_group(p->verbs, p->words[0]))
		return ctl_usage("unknown verb '%s %s'; see ztactl %s --help", p->words[0],
				 p->words[1], p->words[0]);
	if (p->n_words)
		return ctl_usage("unknown verb '%s'; see ztactl --help", p->words[0]);
	return CTL_OK;
}

/* Replace what the first pass found by the verb's own entry; refuse what is another verb's. */
static enum ctl_exit own_options(struct ctl_args *a)
{
	for (size_t i = 0; i < a->n_given; i++) {
		const char *name = a->given[i].option->name;
		const struct ctl_option *o = find_option(ctl_global_options, name, strlen(name), 0);

		if (!o && a->verb)
			o = find_option(a->verb->options, name, strlen(name), 0);
		if (!o && a->verb)
			return ctl_usage("'%s' takes no option '%s%s'", a->verb->name, dashes(name),
					 name);
		if (o)
			a->given[i].option = o;
	}
	return CTL_OK;
}

static enum ctl_exit check_complete(const struct parser *p, size_t used)
{
	struct ctl_args *a = p->ret;

	if (!a->verb || args_has(a, "help") || args_has(a, "version"))
		return CTL_OK;
	if (a->verb->operand && p->n_words == used)
		return ctl_usage("'%s' needs %s", a->verb->name, a->verb->operand);
	if (a->verb->operand)
		a->operand = p->words[used++];
	if (p->n_words > used)
		return ctl_usage("'%s': unexpected argument '%s'", a->verb->name, p->words[used]);

	for (const struct ctl_option *o = a->verb->options; o && o->name; o++) {
		if ((o->flags & CTL_OPTION_REQUIRED) && !args_has(a, o->name))
			return ctl_usage("'%s' needs --%s %s", a->verb->name, o->name, o->arg);
	}
	return CTL_OK;
}

enum ctl_exit args_parse(const struct ctl_verb *const *verbs, int argc, char **argv,
			 struct ctl_args *ret)
{
	struct parser p = { .verbs = verbs, .argv = argv, .argc = argc, .ret = ret };
	enum ctl_exit r = CTL_OK;
	size_t used = 0, letters = 1;

	*ret = (struct ctl_args){ 0 };
	for (int i = 0; i < argc; i++)
		letters += strlen(argv[i]) + 1;
	p.words = calloc(argc + 1, sizeof(*p.words));
	ret->given = calloc(letters, sizeof(*ret->given));
	if (!p.words || !ret->given)
		r = ctl_usage("out of memory");

	if (r == CTL_OK)
		r = split(&p);
	if (r == CTL_OK)
		r = find_verb(&p, &used);
	if (r == CTL_OK)
		r = own_options(ret);
	if (r == CTL_OK)
		r = check_complete(&p, used);
	free(p.words);
	return r;
}

void args_done(struct ctl_args *a)
{
	free(a->given);
	a->given = NULL;
	a->n_given = 0;
}

const char *args_get(const struct ctl_args *a, const char *name)
{
	for (size_t i = a->n_given; i > 0; i--) {
		if (!strcmp(a->given[i - 1].option->name, name))
			return a->given[i - 1].value;
	}
	return NULL;
}

bool args_has(const struct ctl_args *a, const char *name)
{
	return args_get(a, name);
}

const char *args_next(const struct ctl_args *a, const char *name, size_t *i)
{
	while (*i < a->n_given) {
		const struct ctl_given *g = &a->given[(*i)++];

		if (!strcmp(g->option->name, name))
			return g->value;
	}
	return NULL;
}

enum ctl_exit args_number(const struct ctl_args *a, const char *name, uint64_t min, uint64_t max,
			  uint64_t *ret)
{
	const char *text = args_get(a, name);
	unsigned long long n;
	char *end;

	if (!text)
		return CTL_OK;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || n < min || n > max)
		return ctl_usage("%s%s: '%s' is not a number from %llu to %llu", dashes(name), name,
				 text, (unsigned long long)min, (unsigned long long)max);
	*ret = n;
	return CTL_OK;
}

enum ctl_exit args_duration(const struct ctl_args *a, const char *name, uint64_t *ret_s)
{
	const char *text = args_get(a, name);
	uint64_t ns;

	if (!text)
		return CTL_OK;
	if (duration_parse(text, &ns) < 0 || ns < NS_PER_S)
		return ctl_usage("--%s: '%s' is not a duration like 90s, 10m, 24h or 90d", name,
				 text);
	if (ns / NS_PER_S > DURATION_MAX_S)
		return ctl_usage("--%s: '%s' is more than 366d", name, text);
	*ret_s = ns / NS_PER_S;
	return CTL_OK;
}

enum ctl_exit args_check_since(const struct ctl_args *a)
{
	const char *text = args_get(a, "since");
	uint64_t ns;

	if (!text || duration_parse(text, &ns) == 0 || rfc3339_parse(text, &ns) == 0)
		return CTL_OK;
	return ctl_usage("--since: '%s' is neither a duration like 10m nor a time like "
			 "2026-11-23T20:25:01Z",
			 text);
}

/* Length of the component at @at when a path may have it, else 0. */
static size_t component(const char *at)
{
	size_t len = strcspn(at, "/");

	if ((len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
		return 0;
	return len;
}

enum ctl_exit args_check_cgroup(const char *what, const char *path)
{
	const char *at = path;

	if (!path)
		return CTL_OK;
	while (*at == '/') {
		size_t len = component(++at);

		if (!*at)
			return CTL_OK; /* the attach point, or a '/' at the end */
		if (!len)
			break;
		at += len;
	}
	if (at > path && !*at)
		return CTL_OK;
	return ctl_usage("%s: '%s' is not a cgroup path like /system.slice/chat.service, below "
			 "the attach point",
			 what, path);
}
