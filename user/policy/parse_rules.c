// SPDX-License-Identifier: Apache-2.0
/* Egress rules: one destination each, and what may stand beside it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/parse.h"

#define LABEL_MAX 63 /* of a namespace and of a Service: a DNS label (RFC 1123) */

static const char *const protocols[] = { "tcp", "udp", "icmp", "any", NULL };
static const uint8_t protocol_bits[] = { ZTA_PROTO_TCP, ZTA_PROTO_UDP, ZTA_PROTO_ICMP,
					 ZTA_PROTO_ANY };

/* Which destination a member belongs to; POLICY_DEST_PROXY for `proxy` itself, -1 = none. */
static int dest_of(const char *key)
{
	if (!strcmp(key, "cidr"))
		return POLICY_DEST_CIDR;
	if (!strcmp(key, "to"))
		return POLICY_DEST_TO;
	if (!strcmp(key, "names") || !strcmp(key, "presets"))
		return POLICY_DEST_NAMES;
	return !strcmp(key, "proxy") ? POLICY_DEST_PROXY : -1;
}

/* Members of one destination may stand together: names and presets, and both with proxy. */
static bool together(int a, int b)
{
	bool names_a = a == POLICY_DEST_NAMES || a == POLICY_DEST_PROXY;
	bool names_b = b == POLICY_DEST_NAMES || b == POLICY_DEST_PROXY;

	return names_a && names_b;
}

/*
 * The member that gives a rule its destination: `proxy`, else the first. NULL when there is none,
 * or when it is unclear (reported).
 */
static struct tree_node *find_dest(struct parse *ps, struct tree_node *rule, int *ret_dest)
{
	struct tree_node *member, *first = NULL, *proxy = NULL;
	bool names = false;

	tree_foreach (ps->t, member, rule) {
		int dest = dest_of(member->key);

		if (dest < 0)
			continue;
		if (first && !together(dest, dest_of(first->key))) {
			tree_error(ps->t, member, ps->errors,
				   "a rule has one destination: \"%s\" stands here too",
				   first->key);
			return NULL;
		}
		first = first ? first : member;
		proxy = dest == POLICY_DEST_PROXY ? member : proxy;
		names |= dest == POLICY_DEST_NAMES;
	}
	if (!first) {
		tree_note(ps->t, rule, ps->errors,
			  "a destination is missing: \"cidr\", \"names\", \"presets\" or \"to\"");
		return NULL;
	}
	if (proxy && !names) {
		tree_error(ps->t, proxy, ps->errors, "\"proxy\" needs \"names\" or \"presets\"");
		return NULL;
	}
	*ret_dest = proxy ? POLICY_DEST_PROXY : dest_of(first->key);
	return proxy ? proxy : first;
}

static void refuse(struct parse *ps, const struct tree_node *rule, const char *name,
		   const char *why)
{
	struct tree_node *node = parse_get(ps, rule, name);

	if (node)
		tree_error(ps->t, node, ps->errors, "\"%s\" %s", name, why);
}

/* Protocols of a rule. @dest: -1 when it is not known. */
static void read_protocol(struct parse *ps, const struct tree_node *node, int dest,
			  struct policy_rule *rule)
{
	struct tree_node *member = parse_get(ps, node, "protocol");
	int word = parse_word(ps, node, "protocol", protocols, -1);
	bool any = word < 0 || protocol_bits[word] == ZTA_PROTO_ANY;

	rule->protos = word < 0 ? ZTA_PROTO_ANY : protocol_bits[word];
	if (dest == POLICY_DEST_PROXY && !any && rule->protos != ZTA_PROTO_TCP)
		tree_error(ps->t, member, ps->errors, "a proxy is spoken to over tcp only");
	else if (dest == POLICY_DEST_PROXY)
		rule->protos = ZTA_PROTO_TCP;
	if (dest != POLICY_DEST_NAMES || rule->action != POLICY_ACTION_ALLOW)
		return;

	/* A name opens an address for TLS over TCP, unless the rule itself says otherwise. */
	if (rule->tls && !any && rule->protos != ZTA_PROTO_TCP)
		tree_error(ps->t, member, ps->errors,
			   "\"names\" and \"presets\" open tcp only, unless \"tls\" is false");
	else if (rule->tls || word < 0)
		rule->protos = ZTA_PROTO_TCP;
}

static int read_to(struct parse *ps, struct tree_node *node, struct policy_rule *rule)
{
	static const struct {
		const char *word;
		enum policy_to to;
	} words[] = {
		{ "kubernetes-api", POLICY_TO_KUBERNETES_API },
		{ "cluster", POLICY_TO_CLUSTER },
		{ "node", POLICY_TO_NODE },
		{ "same-workload", POLICY_TO_SAME_WORKLOAD },
	};
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	struct tree_node *service;
	size_t ns, name;

	for (size_t i = 0; node->kind == TREE_STRING && i < 4; i++)
		if (!strcmp(node->text, words[i].word))
			rule->to = words[i].to;
	if (node->kind == TREE_STRING)
		return 0;

	rule->to = POLICY_TO_SERVICE;
	service = parse_get(ps, node, "service");
	if (!service)
		return 0;
	ns = strspn(service->text, allowed);
	name = service->text[ns] == '/' ? strspn(service->text + ns + 1, allowed) : 0;
	if (!ns || ns > LABEL_MAX || !name || name > LABEL_MAX || service->text[ns + 1 + name])
		tree_error(ps->t, service, ps->errors,
			   "\"%s\" is not a Service, \"namespace/name\"", service->text);
	return parse_text(ps, node, "service", &rule->to_service);
}

static int read_dest(struct parse *ps, const struct tree_node *node, struct tree_node *dest,
		     struct policy_rule *rule)
{
	struct tree_node *within = parse_get(ps, node, "within");
	size_t proxy;
	int r;

	tree_place(ps->t, dest, false, &rule->line, &rule->column);
	if (dest->bad)
		return 0;
	switch (rule->dest) {
	case POLICY_DEST_CIDR:
		return parse_prefixes(ps, dest, &rule->cidr, NULL);
	case POLICY_DEST_TO:
		return read_to(ps, dest, rule);
	case POLICY_DEST_PROXY:
		proxy = parse_refer(ps, dest, &ps->proxy_names, "proxies", "proxy");
		if (proxy != PARSE_NONE)
			rule->proxy = &ps->p->proxies[proxy];
		return parse_names(ps, node, &rule->names);
	case POLICY_DEST_NAMES:
		r = parse_names(ps, node, &rule->names);
		if (r < 0 || !within)
			return r;
		rule->has_within = true;
		return parse_prefixes(ps, within, &rule->within, NULL);
	}
	return 0;
}

static int read_rule(struct parse *ps, struct tree_node *node, struct policy_rule *rule)
{
	static const char *const actions[] = { "allow", "deny", NULL };
	int action = parse_word(ps, node, "action", actions, -1), dest = -1;
	struct tree_node *member;
	int r;

	rule->action = action == 1 ? POLICY_ACTION_DENY : POLICY_ACTION_ALLOW;
	rule->mode = parse_mode(ps, node, POLICY_MODE_ENFORCE);
	rule->tls = parse_bool(ps, node, "tls", true);
	member = find_dest(ps, node, &dest);
	if (dest >= 0 && dest != POLICY_DEST_NAMES) {
		refuse(ps, node, "within", "belongs to \"names\" and \"presets\" without a proxy");
		refuse(ps, node, "tls", "belongs to \"names\" and \"presets\" without a proxy");
	}
	if (action == 1)
		refuse(ps, node, "expires", "belongs to allow rules: a denial does not expire");
	if (action >= 0)
		read_protocol(ps, node, dest, rule);
	rule->expires = parse_expires(ps, node);

	r = parse_path(ps, node, &rule->path);
	if (r == 0)
		r = parse_meta(ps, node, &rule->meta);
	if (r == 0)
		r = parse_ports(ps, node, dest == POLICY_DEST_NAMES || dest == POLICY_DEST_PROXY,
				&rule->ports);
	if (r < 0 || !member)
		return r;
	rule->dest = (enum policy_dest)dest;
	return read_dest(ps, node, member, rule);
}

static struct tree_node *rules_of(struct parse *ps, const struct tree_node *profile)
{
	struct tree_node *egress = profile->bad ? NULL : parse_get(ps, profile, "egress");

	return egress ? parse_get(ps, egress, "rules") : NULL;
}

static int read_rules(struct parse *ps, struct tree_node *list, struct parse_profile *profile)
{
	struct tree_node *node;
	int r;

	profile->first_rule = ps->p->n_rules;
	tree_foreach (ps->t, node, list) {
		if (node->bad)
			continue;
		ps->rule_nodes[ps->p->n_rules] = node;
		r = read_rule(ps, node, &ps->p->rules[ps->p->n_rules++]);
		if (r < 0)
			return r;
	}
	profile->n_rules = ps->p->n_rules - profile->first_rule;
	return 0;
}

int parse_rules(struct parse *ps)
{
	struct tree_node *profiles = parse_get(ps, ps->root, "profiles"), *node, *list;
	size_t room = 0;
	int r;

	if (!profiles)
		return 0;
	tree_foreach (ps->t, node, profiles) {
		list = rules_of(ps, node);
		room += list ? list->n : 0;
	}
	ps->p->rules = pool_alloc(&ps->p->pool, room, sizeof(*ps->p->rules));
	ps->rule_nodes = calloc(room + 1, sizeof(*ps->rule_nodes));
	if (!ps->p->rules || !ps->rule_nodes)
		return -ENOMEM;
	tree_foreach (ps->t, node, profiles) {
		list = rules_of(ps, node);
		r = list ? read_rules(ps, list, &ps->profiles[node->ordinal]) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}
