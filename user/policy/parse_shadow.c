// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * A rule can be left out when each of its destinations (a prefix, a name, a `to`) stands in
 * another rule of the same profile that always wins: the same action earlier in the list
 * (doubled), or a denial anywhere, since a denial wins among prefixes of equal length (shadowed).
 * Only the profile that writes a rule is told; a rule that a child overrides is meant so.
 *
 * All destinations are put into one hash by (profile, destination); an entry holds the chain of
 * the rules that have it. A profile's rules are then looked up in its own part and in those of the
 * profiles above it. The work is bounded; a document beyond the bound gets one warning that says
 * so.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/parse.h"

#define ATOMS_MAX (4 * ZTA_PREFIXES_MAX)
#define WORK_MAX  (16U << 20) /* comparisons of two rules */

/* One destination of one rule, as a hash key: no padding, unused members zero. */
struct atom {
	uint32_t profile;
	uint32_t kind; /* enum policy_dest */
	uint64_t proxy;
	uint64_t text; /* the pool has a name once: its address tells it */
	struct zta_addr addr;
	uint32_t len_or_to;
};
_Static_assert(sizeof(struct atom) == 48, "no padding");

struct link {
	uint32_t rule;
	uint32_t next; /* 0 = end; entry 0 is not used */
};

struct shadow {
	struct parse *ps;
	struct map atoms; /* -> first link */
	struct link *links;
	size_t n, room;
	size_t work;
	bool too_much;
};

static size_t atoms_of(const struct policy_rule *rule)
{
	if (rule->has_within) /* whether an answer lies within is not known here */
		return 0;
	return rule->dest == POLICY_DEST_CIDR ? rule->cidr.n
	       : rule->dest == POLICY_DEST_TO ? rule->to != POLICY_TO_SERVICE
					      : rule->names.n;
}

static struct atom atom_at(const struct policy_rule *rule, size_t i, size_t profile)
{
	struct atom a = { .profile = (uint32_t)profile, .kind = (uint32_t)rule->dest };

	switch (rule->dest) {
	case POLICY_DEST_CIDR:
		a.addr = rule->cidr.v[i].addr;
		a.len_or_to = rule->cidr.v[i].len;
		break;
	case POLICY_DEST_TO:
		a.len_or_to = (uint32_t)rule->to;
		break;
	case POLICY_DEST_PROXY:
	case POLICY_DEST_NAMES:
		a.proxy = (uintptr_t)rule->proxy;
		a.text = (uintptr_t)rule->names.v[i];
		break;
	}
	return a;
}

static void add_rule(struct shadow *s, size_t profile, size_t rule)
{
	const struct policy_rule *r = &s->ps->p->rules[rule];

	for (size_t i = 0; i < atoms_of(r) && !s->too_much; i++) {
		struct atom a = atom_at(r, i, profile);
		size_t head = s->n;
		int new;

		if (s->n == s->room) {
			s->too_much = true;
			return;
		}
		new = map_put(&s->atoms, &a, sizeof(a), head);
		if (new < 0) {
			s->too_much = true;
			return;
		}
		if (!new)
			(void)map_get(&s->atoms, &a, sizeof(a), &head);
		s->links[s->n] = (struct link){ (uint32_t)rule, new ? 0 : s->links[head].next };
		if (!new)
			s->links[head].next = (uint32_t)s->n;
		s->n++;
	}
}

static bool ports_cover(const struct policy_ports *outer, const struct policy_ports *inner)
{
	if (!outer->n)
		return true;
	if (!inner->n)
		return false;
	for (size_t i = 0, o = 0; i < inner->n; i++) { /* both are sorted and joined */
		while (o < outer->n && outer->v[o].hi < inner->v[i].lo)
			o++;
		if (o == outer->n || outer->v[o].lo > inner->v[i].lo ||
		    outer->v[o].hi < inner->v[i].hi)
			return false;
	}
	return true;
}

static bool beats(const struct parse *ps, size_t winner, size_t loser)
{
	const struct policy_rule *w = &ps->p->rules[winner], *l = &ps->p->rules[loser];

	if (winner == loser || (l->protos & ~w->protos) || !ports_cover(&w->ports, &l->ports))
		return false;
	if (w->action != l->action)
		return w->action == POLICY_ACTION_DENY;
	return winner < loser && w->mode == l->mode && w->tls == l->tls && w->expires >= l->expires;
}

/* A rule that wins over @loser for this destination, or PARSE_NONE. */
static size_t find_winner(struct shadow *s, struct atom a, size_t profile, size_t loser)
{
	const struct parse *ps = s->ps;
	size_t n_written = ps->p->n_profiles, at;

	for (; profile < n_written && !ps->p->profiles[profile].builtin;
	     profile = ps->profiles[profile].parent) {
		a.profile = (uint32_t)profile;
		if (!map_get(&s->atoms, &a, sizeof(a), &at))
			at = 0;
		for (; at; at = s->links[at].next) {
			if (beats(ps, s->links[at].rule, loser))
				return s->links[at].rule;
			if (s->work++ > WORK_MAX) {
				s->too_much = true;
				return PARSE_NONE;
			}
		}
	}
	return PARSE_NONE;
}

static void check_rule(struct shadow *s, size_t profile, size_t rule)
{
	struct parse *ps = s->ps;
	const struct policy_rule *r = &ps->p->rules[rule];
	size_t n = atoms_of(r), winner = PARSE_NONE, first = PARSE_NONE;

	for (size_t i = 0; i < n; i++) {
		winner = find_winner(s, atom_at(r, i, profile), profile, rule);
		if (winner == PARSE_NONE)
			return;
		first = i ? first : winner;
	}
	if (!n)
		return;
	if (ps->p->rules[first].action == r->action)
		tree_warn(ps->t, ps->rule_nodes[rule], ps->warnings, "says again what %s says",
			  ps->p->rules[first].path);
	else
		tree_warn(ps->t, ps->rule_nodes[rule], ps->warnings,
			  "never wins: %s denies the same", ps->p->rules[first].path);
}

static void run(struct shadow *s, void (*each)(struct shadow *, size_t, size_t))
{
	const struct parse *ps = s->ps;

	for (size_t i = 0; i < ps->p->n_profiles && !ps->p->profiles[i].builtin; i++)
		for (size_t j = 0; j < ps->profiles[i].n_rules && !s->too_much; j++)
			each(s, i, ps->profiles[i].first_rule + j);
}

void parse_warn_shadowed(struct parse *ps)
{
	struct shadow s = { .ps = ps, .n = 1 };
	size_t atoms = 0;

	for (size_t i = 0; i < ps->p->n_rules; i++)
		atoms += atoms_of(&ps->p->rules[i]);
	s.room = atoms + 1;
	s.too_much = atoms > ATOMS_MAX;
	s.links = s.too_much ? NULL : calloc(s.room, sizeof(*s.links));
	if (s.links) {
		run(&s, add_rule);
		run(&s, check_rule);
	}
	if (s.too_much || !s.links)
		tree_warn(ps->t, ps->root, ps->warnings,
			  "too many destinations to look for rules that are doubled or shadowed");
	map_free(&s.atoms);
	free(s.links);
}
