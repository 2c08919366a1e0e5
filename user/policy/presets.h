/* SPDX-License-Identifier: Apache-2.0 */
/* Built-in lists of names: Azure's services in the public, US government and China clouds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum preset_use {
	PRESET_SERVICE,	  /* services[].preset; ztactl services --presets shows it with its zones */
	PRESET_AI_PUBLIC, /* ai_public.presets */
	PRESET_RULE,	  /* egress.rules[].presets */
};

struct preset {
	const char *name;
	enum preset_use use;
	bool ai;		  /* enforce_private is `everyone` by default */
	const char *const *names; /* patterns of public names; NULL ends the list */
	const char *const *zones; /* private-link zones; NULL ends the list, an empty one too */
	/*
	 * Published prefixes of these names, likewise: the set "@name", for `within`. NULL = none
	 * are published, or they change too often to be built in.
	 */
	const char *const *prefixes;
};

/* By name, or NULL. */
const struct preset *preset_find(const char *name);

/* All of them, in the order of the documentation. */
const struct preset *preset_list(size_t *ret_n);
