// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "policy/image.h"

struct pattern_ids *pattern_ids_new(size_t n, size_t octets)
{
	struct pattern_ids *p = calloc(1, sizeof(*p) + n * sizeof(p->v[0]) + octets + 1);

	if (!p)
		return NULL;
	p->refs = 1;
	p->n = (uint32_t)n;
	p->texts = (char *)&p->v[n]; /* place 0 is free for "none" */
	return p;
}

struct pattern_ids *pattern_ids_ref(struct pattern_ids *p)
{
	if (p)
		p->refs++;
	return p;
}

void pattern_ids_unref(struct pattern_ids *p)
{
	if (p && !--p->refs)
		free(p);
}

const char *pattern_ids_text(const struct pattern_ids *p, uint32_t id)
{
	return p && id < p->n && p->v[id].text ? p->texts + p->v[id].text : NULL;
}
