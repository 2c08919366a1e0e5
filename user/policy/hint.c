// SPDX-License-Identifier: Apache-2.0
#include "policy/hint.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "policy/names.h"
#include "policy/prefix.h"
#include "policy/presets.h"
#include "zta_reason.h"

#define VALUE_MAX INET6_ADDRSTRLEN /* of what is not a text yet */

/*
 * What to do, by reason: in {braces} what is known of the denial. A text that needs more than is
 * known gives way to the next one of that reason.
 */
static const struct {
	uint8_t reason;
	const char *text;
} hints[] = {
	{ ZTA_REASON_QUARANTINED, "`ztactl release` ends the quarantine of this workload" },
	{ ZTA_REASON_PROTOCOL, "profile \"{profile}\" denies by default: use TCP, UDP or ping" },
	{ ZTA_REASON_PROTOCOL, "a profile that denies by default passes TCP, UDP and ping only" },
	{ ZTA_REASON_QUIC,
	  "use TCP: the names that QUIC (UDP 443) asks for cannot be seen; clients fall back" },
	{ ZTA_REASON_IMDS, "if the workload needs the metadata service, set \"imds\" to \"broker\" "
			   "or \"allow\" in profile \"{profile}\"" },
	{ ZTA_REASON_IMDS, "if the workload needs the metadata service, set \"imds\" to \"broker\" "
			   "or \"allow\" in its profile" },
	{ ZTA_REASON_WIRESERVER, "if the workload is the machine's own agent, set \"platform\": "
				 "true in profile \"{profile}\"; for DNS list the address in "
				 "\"resolvers\"" },
	{ ZTA_REASON_WIRESERVER, "if the workload is the machine's own agent, set \"platform\": "
				 "true in its profile; for DNS list the address in \"resolvers\"" },
	{ ZTA_REASON_UNTRUSTED_RESOLVER, "list the address in \"resolvers\" if its answers can be "
					 "believed; else let the workload use the machine's" },
	{ ZTA_REASON_SERVICE_NOT_ALLOWED,
	  "list service \"{service}\" in profile \"{profile}\" if the workload needs it" },
	{ ZTA_REASON_SERVICE_NOT_ALLOWED,
	  "list the service in the workload's profile if it needs it" },
	{ ZTA_REASON_PORT_NOT_ALLOWED,
	  "add {port} to \"ports\" of service \"{service}\" if it listens there" },
	{ ZTA_REASON_PORT_NOT_ALLOWED, "add the port to \"ports\" of the service" },
	{ ZTA_REASON_NOT_RESOLVED, "connect by name: no answer of a resolver in \"resolvers\" gave "
				   "this address for service \"{service}\"; a line of the hosts "
				   "file is no answer" },
	{ ZTA_REASON_NOT_RESOLVED, "connect by name: no answer of a resolver in \"resolvers\" gave "
				   "this address; a line of the hosts file is no answer" },
	{ ZTA_REASON_AI_PUBLIC, "use a private end point, or list {name} in \"ai_public_allow\" of "
				"profile \"{profile}\"" },
	{ ZTA_REASON_AI_PUBLIC,
	  "use a private end point, or list the name in \"ai_public_allow\" of the profile" },
	{ ZTA_REASON_RESOLVES_PUBLIC, "{elsewhere} is private, but not within \"private_link\" of "
				      "service \"{service}\": the end point of another region or "
				      "network, or a prefix that the policy lacks" },
	{ ZTA_REASON_RESOLVES_PUBLIC,
	  "link the private DNS zone {passed} to this network; where it is "
	  "linked, it lacks the record of {name} and falls back to the "
	  "Internet" },
	{ ZTA_REASON_RESOLVES_PUBLIC, "make a private end point for {bare}: it leads through no "
				      "private-link zone" },
	{ ZTA_REASON_RESOLVES_PUBLIC, "link the private DNS zone {zone} to this network" },
	{ ZTA_REASON_RESOLVES_PUBLIC, "let {name} resolve to its private end point" },
	{ ZTA_REASON_RESOLVES_PUBLIC, "let the names of service \"{service}\" resolve to its "
				      "private end points" },
	{ ZTA_REASON_RESOLVES_PUBLIC, "let the name resolve to its private end point" },
	{ ZTA_REASON_EGRESS_RULE, "a rule of profile \"{profile}\" denies this; change that rule "
				  "if the workload needs it" },
	{ ZTA_REASON_EGRESS_RULE, "a rule denies this; change it if the workload needs it" },
	{ ZTA_REASON_REBINDING, "a public name was answered with a private address; if that is "
				"right, give the rule \"within\" with its prefix" },
	{ ZTA_REASON_PUBLIC_EGRESS,
	  "if the workload needs it, add an egress rule to profile \"{profile}\"" },
	{ ZTA_REASON_PUBLIC_EGRESS, "if the workload needs it, add an egress rule to its profile" },
	{ ZTA_REASON_PRIVATE_EGRESS,
	  "if the workload needs it, add an egress rule or a service to profile \"{profile}\"" },
	{ ZTA_REASON_PRIVATE_EGRESS,
	  "if the workload needs it, add an egress rule or a service to its profile" },
	{ ZTA_REASON_MALFORMED, "the packet says something else than the call: IPv4 options, a "
				"routing header, or a header that cannot be read" },
	{ ZTA_REASON_NAME_NOT_ALLOWED,
	  "if the workload needs {name}, list it in \"dns\".\"allow\" or in "
	  "a rule of profile \"{profile}\"" },
	{ ZTA_REASON_NAME_NOT_ALLOWED,
	  "if the workload needs the name, list it in \"dns\".\"allow\" or "
	  "in a rule of its profile" },
	{ ZTA_REASON_SNI_MISMATCH,
	  "connect with the name that the address was resolved for: TLS without "
	  "server name, ECH and other protocols need a rule with \"tls\": "
	  "false" },
	{ ZTA_REASON_SNI_PUBLIC, "connect to {name} by its private end point: this address is not "
				 "inside the fence" },
	{ ZTA_REASON_SNI_PUBLIC,
	  "connect to the name by its private end point: this address is not "
	  "inside the fence" },
	{ ZTA_REASON_ECH, "switch off encrypted client hello in the client: the name that it asks "
			  "for cannot be seen" },
	{ ZTA_REASON_PROXY_AI, "add {suffix} to NO_PROXY: service \"{service}\" is reached by its "
			       "private end point, not through a proxy" },
	{ ZTA_REASON_PROXY_AI,
	  "no proxy leads to public AI; if the workload needs {name}, list it in "
	  "\"ai_public_allow\" of profile \"{profile}\"" },
	{ ZTA_REASON_PROXY_AI, "no proxy leads to public AI, unless \"ai_public_allow\" of the "
			       "profile lists the name" },
	{ ZTA_REASON_PROXY_NAME,
	  "if the workload needs {name}, add a rule with \"proxy\" and this name "
	  "to profile \"{profile}\"; a proxy passes CONNECT only" },
	{ ZTA_REASON_PROXY_NAME, "if the workload needs the name, add a rule with \"proxy\" to its "
				 "profile; a proxy passes CONNECT only" },
	{ ZTA_REASON_NO_STORAGE, "the kernel had no memory for this socket: close sockets or raise "
				 "net.core.optmem_max" },
};

/* Bytes that two names share at the end, up to a dot. */
static size_t shared_end(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), same = 0, labels = 0;

	while (same < n && same < m && !strncasecmp(a + n - 1 - same, b + m - 1 - same, 1)) {
		same++;
		if (a[n - same] == '.')
			labels = same;
	}
	return labels;
}

/* The zone of the cloud that the name belongs to; without a name the public cloud's. */
static const char *zone_of(const struct hint_in *in)
{
	const struct preset *preset = NULL;
	const char *best = NULL;
	size_t most = 0;

	if (in->preset)
		preset = preset_find(in->preset);
	for (size_t i = 0; preset && preset->zones[i]; i++) {
		size_t same = in->name ? shared_end(preset->zones[i], in->name) : 0;

		if (!best || same > most) {
			best = preset->zones[i];
			most = same;
		}
	}
	return best;
}

static bool ends_in(const char *name, const char *zone)
{
	size_t n = strlen(name), z = strlen(zone);

	return n >= z && !strcasecmp(name + n - z, zone) && (n == z || name[n - z - 1] == '.');
}

/* The private-link zone that the chain leads through, NULL = none. */
static const char *passed_zone(const struct hint_in *in)
{
	const struct preset *preset = in->preset ? preset_find(in->preset) : NULL;

	for (size_t i = 0; preset && i < in->n_chain; i++)
		for (size_t z = 0; preset->zones[z]; z++)
			if (ends_in(in->chain[i], preset->zones[z]))
				return preset->zones[z];
	return NULL;
}

/* A name of a preset whose answer shows that there is no private end point behind it. */
static const char *bare_name(const struct hint_in *in)
{
	return in->answered && in->preset && zone_of(in) && !passed_zone(in) ? in->name : NULL;
}

/* RFC 1918, 6598, 3927, 4193, 4291 2.5.6: no address of the Internet, whatever the policy says. */
static bool is_private(const struct zta_addr *a)
{
	const uint8_t *b = (const uint8_t *)a->w;

	if (a->family == ZTA_V6)
		return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
	return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) ||
	       (b[0] == 100 && (b[1] & 0xc0) == 64) || (b[0] == 169 && b[1] == 254);
}

static const char *private_text(const struct hint_in *in, char room[VALUE_MAX])
{
	if (!in->addr || !in->addr->family || !is_private(in->addr))
		return NULL;
	addr_format(in->addr, room);
	return room;
}

/* What NO_PROXY needs for a name: the dot and the suffix of its pattern, else of its parent. */
static const char *proxy_suffix(const struct hint_in *in)
{
	const struct preset *preset = in->preset ? preset_find(in->preset) : NULL;
	const char *dot = in->name ? strchr(in->name, '.') : NULL;

	for (size_t i = 0; preset && in->name && preset->names[i]; i++)
		if (preset->names[i][0] == '*' && name_match(preset->names[i], in->name))
			return preset->names[i] + 1;
	return dot && strchr(dot + 1, '.') ? dot : in->name;
}

static const char *port_text(const struct hint_in *in, char room[VALUE_MAX])
{
	(void)snprintf(room, VALUE_MAX, "%u", in->port); /* five digits */
	return in->port ? room : NULL;
}

static const char *value_of(const struct hint_in *in, const char *word, size_t len,
			    char room[VALUE_MAX])
{
	const struct {
		const char *word, *value;
	} v[] = {
		{ "profile", in->profile },	{ "service", in->service },
		{ "name", in->name },		{ "zone", zone_of(in) },
		{ "passed", passed_zone(in) },	{ "bare", bare_name(in) },
		{ "suffix", proxy_suffix(in) },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		if (strlen(v[i].word) == len && !strncmp(word, v[i].word, len))
			return v[i].value;
	if (!strncmp(word, "elsewhere", len))
		return private_text(in, room);
	return port_text(in, room);
}

/* Return: the text with its words filled in, NULL when one is not known or without memory. */
static char *fill(const struct hint_in *in, const char *text)
{
	_cleanup_buf_ struct buf b = {};
	char room[VALUE_MAX];

	while (*text) {
		size_t plain = strcspn(text, "{"), len;
		const char *value;

		if (buf_add(&b, text, plain) < 0)
			return NULL;
		text += plain;
		if (!*text)
			break;
		len = strcspn(++text, "}");
		value = value_of(in, text, len, room);
		if (!value || buf_puts(&b, value) < 0)
			return NULL;
		text += len + 1;
	}
	return buf_take(&b);
}

char *hint_text(const struct hint_in *in)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++) {
		char *text = hints[i].reason == in->reason ? fill(in, hints[i].text) : NULL;

		if (text)
			return text;
	}
	return NULL;
}
