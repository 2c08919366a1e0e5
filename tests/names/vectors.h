/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of vectors.txt. Included behind cmocka.h. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTOR_PATTERNS 8

struct vector {
	char *name;
	char *patterns[VECTOR_PATTERNS];
	size_t n;
	char *want; /* NULL = none */
	int line;
};

static inline void vector_split(char *line, struct vector *v)
{
	char *patterns, *save;

	v->name = strtok_r(line, "\t", &save);
	patterns = strtok_r(NULL, "\t", &save);
	v->want = strtok_r(NULL, "\t\n", &save);
	if (!patterns || !v->want)
		fail_msg("vectors.txt:%d: three fields are wanted", v->line);
	if (!strcmp(v->want, "-"))
		v->want = NULL;
	v->n = 0;
	for (char *p = strtok_r(patterns, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		assert_true(v->n < VECTOR_PATTERNS);
		v->patterns[v->n++] = p;
	}
}

/* Calls @check for each; the strings live as long as the call. */
static inline void vectors_each(void (*check)(const struct vector *v, void *ctx), void *ctx)
{
	FILE *f = fopen("tests/names/vectors.txt", "re");
	struct vector v = { 0 };
	char *line = NULL;
	size_t room = 0, n = 0;

	if (!f)
		fail_msg("no tests/names/vectors.txt: run this in the top directory");
	while (getline(&line, &room, f) > 0) {
		v.line++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		vector_split(line, &v);
		check(&v, ctx);
		n++;
	}
	free(line);
	fclose(f);
	assert_true(n > 30);
}
