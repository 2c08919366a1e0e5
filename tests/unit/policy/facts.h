/* SPDX-License-Identifier: Apache-2.0 */
/* The policy model as lines of text, "services[0].ports = 443,8000-8100", for the cases. */
#pragma once

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "policy/policy.h"
#include "policy/prefix.h"

static void fact_names(struct buf *b, const char *at, const char *name,
		       const struct policy_names *n)
{
	(void)buf_printf(b, "%s%s = ", at, name);
	for (size_t i = 0; i < n->n; i++)
		(void)buf_printf(b, "%s%s", i ? "," : "", n->v[i]);
	(void)buf_puts(b, "\n");
}

static void fact_prefixes(struct buf *b, const char *at, const char *name,
			  const struct policy_prefixes *p)
{
	char text[PREFIX_TEXT_LEN];

	(void)buf_printf(b, "%s%s = ", at, name);
	for (size_t i = 0; i < p->n; i++) {
		prefix_format(&p->v[i], text);
		(void)buf_printf(b, "%s%s", i ? "," : "", text);
	}
	(void)buf_puts(b, "\n");
}

static void fact_ports(struct buf *b, const char *at, const struct policy_ports *p)
{
	(void)buf_printf(b, "%s.ports = %s", at, p->n ? "" : "all");
	for (size_t i = 0; i < p->n; i++)
		(void)buf_printf(b, p->v[i].lo == p->v[i].hi ? "%s%u" : "%s%u-%u", i ? "," : "",
				 p->v[i].lo, p->v[i].hi);
	(void)buf_puts(b, "\n");
}

static void fact_meta(struct buf *b, const char *at, const struct policy_meta *m,
		      enum policy_mode mode)
{
	if (m->description)
		(void)buf_printf(b, "%s.description = %s\n", at, m->description);
	if (m->owner)
		(void)buf_printf(b, "%s.owner = %s\n", at, m->owner);
	if (m->ticket)
		(void)buf_printf(b, "%s.ticket = %s\n", at, m->ticket);
	(void)buf_printf(b, "%s.mode = %s\n", at, mode == POLICY_MODE_AUDIT ? "audit" : "enforce");
}

static void fact_service(struct buf *b, const struct policy_service *s, size_t i)
{
	char at[64];

	(void)snprintf(at, sizeof(at), "services[%zu]", i);
	(void)buf_printf(b, "%s.name = %s\n", at, s->name);
	fact_meta(b, at, &s->meta, s->mode);
	(void)buf_printf(b, "%s.preset = %s\n", at, s->preset ? s->preset : "none");
	fact_names(b, at, ".names", &s->names);
	fact_prefixes(b, at, ".private_link", &s->private_link);
	fact_ports(b, at, &s->ports);
	(void)buf_printf(b, "%s.require_resolution = %d\n", at, s->require_resolution);
	(void)buf_printf(b, "%s.dedicated = %d\n", at, s->dedicated);
	(void)buf_printf(b, "%s.enforce_everyone = %d\n", at, s->enforce_everyone);
}

static void fact_rule(struct buf *b, const struct policy_rule *r, size_t i)
{
	static const char *const dests[] = { "cidr", "names", "proxy", "to" };
	static const char *const tos[] = { "kubernetes-api", "cluster", "node", "same-workload",
					   "service" };
	char at[64];

	(void)snprintf(at, sizeof(at), "rules[%zu]", i);
	(void)buf_printf(b, "%s.path = %s\n", at, r->path);
	(void)buf_printf(b, "%s.place = %u:%u\n", at, r->line - 1, r->column);
	fact_meta(b, at, &r->meta, r->mode);
	(void)buf_printf(b, "%s.action = %s\n", at,
			 r->action == POLICY_ACTION_DENY ? "deny" : "allow");
	(void)buf_printf(b, "%s.dest = %s\n", at, dests[r->dest]);
	fact_prefixes(b, at, ".cidr", &r->cidr);
	fact_names(b, at, ".names", &r->names);
	if (r->has_within)
		fact_prefixes(b, at, ".within", &r->within);
	if (r->proxy)
		(void)buf_printf(b, "%s.proxy = %s\n", at, r->proxy->name);
	if (r->dest == POLICY_DEST_TO)
		(void)buf_printf(b, "%s.to = %s%s%s\n", at, tos[r->to], r->to_service ? " " : "",
				 r->to_service ? r->to_service : "");
	fact_ports(b, at, &r->ports);
	(void)buf_printf(b, "%s.protos = %s%s%s%s\n", at, r->protos & ZTA_PROTO_TCP ? "t" : "",
			 r->protos & ZTA_PROTO_UDP ? "u" : "",
			 r->protos & ZTA_PROTO_ICMP ? "i" : "",
			 r->protos & ZTA_PROTO_OTHER ? "o" : "");
	(void)buf_printf(b, "%s.tls = %d\n", at, r->tls);
	if (r->expires == INT64_MAX)
		(void)buf_printf(b, "%s.expires = never\n", at);
	else
		(void)buf_printf(b, "%s.expires = %" PRId64 "\n", at, r->expires);
}

static void fact_identity(struct buf *b, const char *at, const struct policy_identity *id)
{
	if (!id->n_audiences) {
		(void)buf_printf(b, "%s.identity = none\n", at);
		return;
	}
	(void)buf_printf(b, "%s.identity = %s of %s, %u a minute:", at,
			 id->client_id[0] ? id->client_id : "system", id->path,
			 id->rate_per_minute);
	for (size_t i = 0; i < id->n_audiences; i++)
		(void)buf_printf(b, " %s", id->audiences[i]);
	(void)buf_puts(b, "\n");
}

static void fact_profile(struct buf *b, const struct policy_profile *p, size_t i)
{
	static const char *const imds[] = { "deny", "allow", "broker" };
	char at[64];

	if (p->builtin)
		(void)snprintf(at, sizeof(at), "%s", p->name);
	else
		(void)snprintf(at, sizeof(at), "profiles[%zu]", i);
	(void)buf_printf(b, "%s.name = %s\n", at, p->name);
	(void)buf_printf(b, "%s.path = %s\n", at, p->path ? p->path : "none");
	fact_meta(b, at, &p->meta, p->mode);
	(void)buf_printf(b, "%s.host = %d\n", at, p->host);
	(void)buf_printf(b, "%s.no_quic = %d\n", at, p->no_quic);
	(void)buf_printf(b, "%s.services = %#" PRIx64 "%s\n", at, p->services,
			 p->all_services ? " all" : "");
	(void)buf_printf(b, "%s.require_resolution = %d\n", at, p->require_resolution);
	(void)buf_printf(b, "%s.grace = %u\n", at, p->resolution_grace_s);
	(void)buf_printf(b, "%s.imds = %s\n", at, imds[p->imds]);
	(void)buf_printf(b, "%s.platform = %d\n", at, p->platform);
	fact_identity(b, at, &p->identity);
	(void)buf_printf(b, "%s.dns = %s\n", at, p->dns_listed ? "listed" : "any");
	fact_names(b, at, ".dns_allow", &p->dns_allow);
	(void)buf_printf(b, "%s.egress = %s\n", at, p->egress_allow ? "allow" : "deny");
	(void)buf_printf(b, "%s.rules =", at);
	for (size_t j = 0; j < p->n_rules; j++)
		(void)buf_printf(b, " %zu", p->rules[j]);
	(void)buf_printf(b, "\n%s.ai_allow =", at);
	for (size_t j = 0; j < p->n_ai_allow; j++)
		(void)buf_printf(b, " %s", p->ai_allow[j].name);
	(void)buf_puts(b, "\n");
}

static void fact_workload(struct buf *b, const struct policy *p, const struct policy_workload *w,
			  size_t i)
{
	char at[64];

	(void)snprintf(at, sizeof(at), "workloads[%zu]", i);
	(void)buf_printf(b, "%s.profile = %s\n", at, p->profiles[w->profile].name);
	if (w->cgroup) {
		(void)buf_printf(b, "%s.cgroup = %s\n", at, w->cgroup);
		return;
	}
	fact_names(b, at, ".namespaces", &w->k8s.namespaces);
	fact_names(b, at, ".namespaceLabels", &w->k8s.namespace_labels);
	fact_names(b, at, ".labels", &w->k8s.labels);
	fact_names(b, at, ".containers", &w->k8s.containers);
	(void)buf_printf(b, "%s.serviceAccount = %s\n", at,
			 w->k8s.service_account ? w->k8s.service_account : "any");
}

static void facts(struct buf *b, const struct policy *p)
{
	(void)buf_printf(b, "\nname = %s\nrevision = %" PRId64 "\n", p->name, p->revision);
	fact_meta(b, "policy", &p->meta, p->mode);
	fact_prefixes(b, "", "resolvers", &p->resolvers);
	(void)buf_printf(b, "resolvers.system = %d\nresolvers.kubernetes = %d\n",
			 p->resolvers_system, p->resolvers_kubernetes);
	fact_prefixes(b, "", "private_ranges", &p->private_ranges);
	fact_names(b, "", "ai_public.names", &p->ai_public_names);
	fact_prefixes(b, "", "ai_public.cidrs", &p->ai_public_cidrs);
	fact_names(b, "", "system_namespaces", &p->system_namespaces);
	(void)buf_printf(b, "default_profile = %s\n", p->profiles[p->default_profile].name);
	(void)buf_printf(b, "default_pod_profile = %s\n", p->profiles[p->default_pod_profile].name);
	(void)buf_printf(b, "unknown_profile = %s\n", p->profiles[p->unknown_profile].name);
	(void)buf_printf(b, "n_names = %zu\nn_prefixes = %zu\n", p->n_names, p->n_prefixes);
	for (size_t i = 0; i < p->n_services; i++)
		fact_service(b, &p->services[i], i);
	for (size_t i = 0; i < p->n_proxies; i++) {
		char at[64];

		(void)snprintf(at, sizeof(at), "proxies[%zu]", i);
		(void)buf_printf(b, "%s.name = %s\n", at, p->proxies[i].name);
		fact_prefixes(b, at, ".cidrs", &p->proxies[i].cidrs);
		fact_ports(b, at, &p->proxies[i].ports);
	}
	for (size_t i = 0; i < p->n_rules; i++)
		fact_rule(b, &p->rules[i], i);
	for (size_t i = 0; i < p->n_profiles; i++)
		fact_profile(b, &p->profiles[i], i);
	for (size_t i = 0; i < p->n_workloads; i++)
		fact_workload(b, p, &p->workloads[i], i);
}
