// SPDX-License-Identifier: Apache-2.0
#include "policy/diagnose.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/compile.h"
#include "policy/names.h"
#include "policy/prefix.h"
#include "policy/presets.h"
#include "zta_decide_types.h"

#define TEXT_MAX 1024

/* What is known of the name's addresses: one of each kind, family 0 = none. */
struct kinds {
	struct zta_addr inside;	 /* inside the service's fence */
	struct zta_addr private; /* outside, but no address of the Internet */
	struct zta_addr public;
};

struct findings {
	const struct explain_in *in;
	const struct policy_service *service;
	const char *zone; /* that the chain leads through, NULL = none */
	struct kinds dns, hosts;
	json_t *list;
	int r;
};

static void say(struct findings *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct findings *f, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* a longer one is cut */
	va_end(ap);
	if (f->r == 0 && json_array_append_new(f->list, json_string(text)) < 0)
		f->r = -ENOMEM;
}

static bool ends_in(const char *name, const char *zone)
{
	size_t n = strlen(name), z = strlen(zone);

	return n >= z && !strcmp(name + n - z, zone) && (n == z || name[n - z - 1] == '.');
}

const char *diagnose_zone(const char *const *names, size_t n)
{
	size_t n_presets;
	const struct preset *presets = preset_list(&n_presets);

	for (size_t i = 0; i < n; i++)
		for (size_t p = 0; p < n_presets; p++)
			for (size_t z = 0; presets[p].zones[z]; z++)
				if (ends_in(names[i], presets[p].zones[z]))
					return presets[p].zones[z];
	return NULL;
}

static void sort_in(struct findings *f, const struct zta_addr *addr, struct kinds *to)
{
	const struct zta_prefix *g;
	struct zta_addr a = *addr, carried;
	uint64_t bit = 0;

	zta_normalise(&a, &carried);
	g = policy_image_prefix(f->in->image, ZTA_SCOPE_GLOBAL, &a);
	if (f->service)
		bit = 1ULL << f->in->image->service_bit[f->service - f->in->policy->services];
	if (g && (g->fence & bit))
		to->inside = a;
	else if (g && (g->fence || (g->flags & ZTA_PREFIX_PRIVATE)))
		to->private = a;
	else
		to->public = a;
}

static void look(struct findings *f, const char *name)
{
	const struct explain_in *in = f->in;
	const struct policy_image *image = in->image;
	uint32_t id = policy_image_name(image, ZTA_NAMES_ALL, name);
	int service = policy_image_service(image, in->policy, image->name_patterns[id].services);
	char other[NAME_TEXT_LEN];

	if (service >= 0)
		f->service = &in->policy->services[service];
	for (size_t i = 0; i < in->n_answers; i++) {
		name_normalise(in->answers[i].name, other);
		if (!strcmp(other, name))
			sort_in(f, &in->answers[i].addr, &f->dns);
	}
	for (size_t i = 0; i < in->n_hosts; i++)
		sort_in(f, &in->hosts[i], &f->hosts);
	f->zone = diagnose_zone(in->chain, in->n_chain);
	if (!f->zone)
		f->zone = diagnose_zone(&name, 1);
}

static bool is_linked(const struct findings *f)
{
	return f->in->zone_server && ends_in(f->in->zone_server, DIAGNOSE_PRIVATE_SERVER);
}

static void say_public(struct findings *f)
{
	char address[INET6_ADDRSTRLEN];

	addr_format(&f->dns.public, address);
	if (f->dns.inside.family)
		say(f,
		    "%s is half linked: it resolves to its private end point and to the public "
		    "address %s, which clients may try first; let the private zone answer for "
		    "both families, or for neither",
		    f->in->name, address);
	else if (f->zone && is_linked(f))
		say(f,
		    "the private DNS zone %s is linked to this network, but holds no record for "
		    "%s and falls back to the Internet: add the record (the private end "
		    "point's DNS zone group does) or switch the fallback off",
		    f->zone, f->in->name);
	else if (f->zone && f->in->zone_server)
		say(f,
		    "the private DNS zone %s is not linked to this network (its public server %s "
		    "answers): link it to the virtual network of the resolver",
		    f->zone, f->in->zone_server);
	else if (f->zone)
		say(f,
		    "the private DNS zone %s is not linked to this network, or holds no record "
		    "for %s and falls back to the Internet",
		    f->zone, f->in->name);
	else if (f->service->preset)
		say(f,
		    "%s has no private end point: nothing in its chain is a name of a "
		    "private-link zone; make one for this resource",
		    f->in->name);
	else
		say(f,
		    "%s resolves to the public address %s: let the resolver answer with an "
		    "address of private_link of service \"%s\"",
		    f->in->name, address, f->service->name);
}

static void say_private(struct findings *f)
{
	char address[INET6_ADDRSTRLEN];

	addr_format(&f->dns.private, address);
	say(f,
	    "%s is private, but not inside private_link of service \"%s\": the end point of "
	    "another region or network, or a prefix that the policy lacks",
	    address, f->service->name);
}

static void say_absent(struct findings *f)
{
	if (f->zone && f->in->zone_server && !is_linked(f))
		say(f,
		    "the private DNS zone %s is not linked to this network, and its public server "
		    "%s "
		    "does not know %s: link the zone, or look for a spelling error",
		    f->zone, f->in->zone_server, f->in->name);
	else if (f->zone)
		say(f,
		    "the private DNS zone %s is linked to this network, but holds no record for "
		    "%s: add it (the private end point's DNS zone group does)",
		    f->zone, f->in->name);
	else
		say(f,
		    "no resolver of the policy knows %s: look for a spelling error, or a zone "
		    "that is not linked to this network",
		    f->in->name);
}

/* Applications that look there first never ask DNS: whatever that says does not count for them. */
static void say_hosts(struct findings *f)
{
	const struct kinds *h = &f->hosts;
	char address[INET6_ADDRSTRLEN];

	addr_format(h->inside.family	? &h->inside
		    : h->private.family ? &h->private
					: &h->public,
		    address);
	say(f,
	    "the hosts file gives %s the address %s: applications take it and ask no resolver, "
	    "so that no answer names the address; remove the line",
	    f->in->name, address);
}

int diagnose_name(const struct explain_in *in, json_t **ret)
{
	struct findings f = { .in = in, .list = json_array() };
	char name[NAME_TEXT_LEN];

	if (!f.list)
		return -ENOMEM;
	name_normalise(in->name, name);
	look(&f, name);
	if (in->n_hosts)
		say_hosts(&f);
	if (f.service && f.dns.public.family)
		say_public(&f);
	if (f.service && f.dns.private.family && !f.dns.inside.family)
		say_private(&f);
	if (in->absent && !f.dns.inside.family && !f.dns.private.family && !f.dns.public.family)
		say_absent(&f);
	if (f.r < 0) {
		json_decref(f.list);
		return f.r;
	}
	*ret = f.list;
	return 0;
}
