// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Judging server names and what is asked of proxies.
 *
 * Theory of operation
 *
 * The destination is judged once more as a packet's, to know by which row it is allowed; then:
 *
 *  - private link (row 12): a name of services of which none is the profile's behind this fence is
 *    `sni-mismatch`;
 *  - a `names` rule (row 14): the name by itself, as if it alone had named the address, must lead
 *    to an allowing rule; no name, ECH or no ClientHello is `sni-mismatch` too, unless the rule has
 *    "tls": false;
 *  - anything else: a name of ai_public (that no ai_public_allow covers) or of a service that is
 *    enforced for the profile is `sni-public`; ECH is `ech` for no-ai and closed profiles;
 *  - a proxy: the same for the authority of a request and for the hello in its tunnel, `proxy-ai`;
 *    closed profiles ask with CONNECT for names of their `proxy` rules only, else `proxy-name`.
 */
#include "netns.h"
#include "stream.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

int zta_content_who(struct __sk_buff *skb, __u32 room)
{
	struct zta_room *r = zta_room(room);
	struct zta_tables t = {};
	const struct zta_profile *p;
	const struct zta_prefix *g;
	struct bpf_sock *sk = skb->sk;
	struct zta_sock *st;
	void *inner;
	__u64 *mask;
	__u32 port;

	if (!r || !sk)
		return 0;
	t.slot = r->slot;
	if (!zta_who_key(&r->who, zta_owner_of(skb), r->slot))
		return 0;
	st = bpf_sk_storage_get(&zta_sockets, sk, 0, 0);
	r->seen = 0;
	if (!st) { /* an MPTCP subflow: the packet was judged just now */
		r->c.netns = zta_netns_of(skb);
		r->c.ask.addr = r->wire;
		r->c.ask.port = r->wire_port;
	} else { /* what the call named; what the packet names, if another, was judged as well */
		r->c.netns = st->netns;
		r->c.sticky = st->sticky;
		r->c.ask.addr = st->flags & ZTA_SOCK_CALLED ? st->called : st->wire;
		r->c.ask.port = st->flags & ZTA_SOCK_CALLED ? st->called_port : st->wire_port;
	}
	r->c.ask.proto = IPPROTO_TCP;
	zta_normalise(&r->c.ask.addr, &r->c.ask.carried);
	p = zta_get_profile(&t, r->who.profile);
	if (zta_who_closed(p))
		r->seen |= ZTA_SEEN_CLOSED;
	g = zta_get_prefix(&t, ZTA_SCOPE_GLOBAL, &r->c.ask.addr);
	if (!g || !g->proxies)
		return 1;
	port = ZTA_PORTS_PROXY + r->c.ask.port;
	inner = ZTA_INNER(zta_ports, r->slot);
	mask = inner ? bpf_map_lookup_elem(inner, &port) : NULL;
	r->proxies = mask ? g->proxies & *mask : 0;
	if (r->proxies)
		r->seen |= ZTA_SEEN_PROXY;
	return 1;
}

int zta_stream_refuse(struct __sk_buff *skb, __u32 room, __u32 reason, __u64 services)
{
	struct zta_room *r = zta_room(room);

	if (!r)
		return 0;
	r->c.hook = ZTA_HOOK_EGRESS;
	r->c.type = ZTA_EVENT_TLS; /* also of what was given up */
	r->c.flags |= ZTA_EVENT_CUT;
	if (!zta_deny_room(skb, room, reason, services))
		return 0;
	return r->c.verdict.flags & ZTA_VERDICT_WEAKENED ? ZTA_PASSED_BY_STATE : ZTA_PASSED_BY_MODE;
}

/* Copy the name that the reader holds into the room. Returns its pattern, 0 = none. */
__noinline __weak __u32 zta_content_name(struct __sk_buff *skb, __u32 room)
{
	struct zta_room *r = zta_room(room);
	struct bpf_sock *sk = skb->sk;
	struct zta_stream *s;
	__u32 dot, start;

	if (!r || !sk)
		return 0;
	s = bpf_sk_storage_get(&zta_streams, sk, 0, 0);
	if (!s || !s->name_len || s->name_len > ZTA_DNS_NAME_MAX)
		return 0;
	__builtin_memcpy(r->dns.text, s->text, sizeof(r->dns.text));
	r->dns.name_len = s->name_len;
	r->dns.hash = zta_dns_finish(s->hash);
	r->c.name = r->dns.hash;
	start = (ZTA_DNS_TEXT_LAST + 1 - s->name_len) & (ZTA_DNS_TEXT - 1);
	dot = s->text[start] == '.'; /* "name." is the name */
	zta_keep_text(room);
	return zta_name_find(room, ZTA_NAMES_ALL, dot);
}

/* Is the name one that may not be asked for in public? Returns the reason, 0 = it may. */
__noinline __weak __u32 zta_content_public(__u32 room, __u32 pattern, __u32 reason)
{
	struct zta_room *r = zta_room(room);
	const struct zta_profile *p;
	const struct zta_pattern *n;
	const struct zta_list *l = NULL;
	struct zta_tables t = {};
	__u32 flags = 0;

	if (!r || !pattern)
		return 0;
	t.slot = r->slot;
	p = zta_get_profile(&t, r->who.profile);
	n = zta_get_pattern(&t, pattern);
	if (!p || !n)
		return 0;
	if (n->group)
		l = zta_get_named(&t, r->who.profile, n->group);
	if (l)
		flags = l->flags;
	if (flags & ZTA_LIST_OWN_NAME)
		return 0;
	r->verdict.services = n->services & p->enforced;
	if ((n->flags & ZTA_PATTERN_AI_PUBLIC) && !(flags & ZTA_LIST_AI_ALLOW))
		return reason;
	return r->verdict.services ? reason : 0;
}

/* Private link: whose name is it? */
__noinline __weak __u32 zta_content_private(__u32 room, __u32 pattern)
{
	struct zta_room *r = zta_room(room);
	const struct zta_profile *p;
	const struct zta_pattern *n;
	const struct zta_prefix *g;
	struct zta_tables t = {};

	if (!r || !pattern)
		return 0;
	t.slot = r->slot;
	p = zta_get_profile(&t, r->who.profile);
	n = zta_get_pattern(&t, pattern);
	g = zta_get_prefix(&t, ZTA_SCOPE_GLOBAL, &r->c.ask.addr);
	if (!p || !n || !g || !n->services)
		return 0;
	r->verdict.services = n->services;
	return n->services & p->services & g->fence ? 0 : ZTA_REASON_SNI_MISMATCH;
}

/* A `names` rule: would this name alone have opened the address? Then 0. */
__noinline __weak __u32 zta_content_named(__u32 room, __u32 pattern)
{
	struct zta_room *r = zta_room(room);
	const struct zta_pattern *n;
	struct zta_tables t = {};
	const struct zta_prefix *g;

	if (!r || !pattern)
		return ZTA_REASON_SNI_MISMATCH;
	t.slot = r->slot;
	n = zta_get_pattern(&t, pattern);
	if (!n || !n->group)
		return ZTA_REASON_SNI_MISMATCH;
	g = zta_get_prefix(&t, ZTA_SCOPE_GLOBAL, &r->ask.addr);
	__builtin_memset(&r->answers, 0, sizeof(r->answers));
	r->answers.groups[0] = n->group;
	zta_rules_room(room, g ? g->flags : 0);
	return r->ruling.named && r->ruling.action == ZTA_RULE_ALLOW ? 0 : ZTA_REASON_SNI_MISMATCH;
}

/* Does a `proxy` rule of the profile allow the name and port? */
__noinline __weak int zta_content_proxied(__u32 room, __u32 pattern, __u32 port)
{
	struct zta_room *r = zta_room(room);
	const struct zta_pattern *n;
	const struct zta_rule *rule;
	const struct zta_list *l;
	struct zta_tables t = {};
	struct zta_list list;
	__u32 hit, proxies;

	if (!r || !pattern)
		return 0;
	t.slot = r->slot;
	t.number = room;
	n = zta_get_pattern(&t, pattern);
	if (!n || !n->group)
		return 0;
	proxies = r->proxies;
	for (__u32 i = 0; i < ZTA_PROXIES_MAX; i++) {
		if (!(proxies >> i & 1))
			continue;
		l = zta_get_proxied(&t, r->who.profile, i + 1, n->group);
		if (!l)
			continue;
		list = *l;
		hit = zta_match(&t, list, port, ZTA_PROTO_TCP);
		rule = hit ? zta_get_rule(&t, hit - 1) : NULL;
		if (rule && rule->action == ZTA_RULE_ALLOW)
			return 1;
	}
	return 0;
}

/* A request to a proxy, or the hello in its tunnel. Returns the reason to deny, 0 = none. */
static __always_inline __u32 proxy_reason(__u32 room, const struct zta_room *r,
					  const struct zta_stream *s, __u32 pattern)
{
	__u32 hello = s->state == ZTA_STREAM_HELLO, inside = s->flags & ZTA_STREAM_INSIDE;
	__u32 port = s->port ? s->port : hello || (s->flags & ZTA_STREAM_CONNECT) ? 443 : 80;
	__u32 closed = r->seen & ZTA_SEEN_CLOSED, reason;

	if (hello && !inside) /* TLS to the proxy itself hides what is asked */
		return closed ? ZTA_REASON_PROXY_NAME : 0;
	if (s->state != ZTA_STREAM_HELLO && s->state != ZTA_STREAM_REQUEST)
		return closed ? ZTA_REASON_PROXY_NAME : 0;
	reason = zta_content_public(room, pattern, ZTA_REASON_PROXY_AI);
	if (reason || !closed)
		return reason;
	if (hello)
		return (s->flags & ZTA_STREAM_ECH) || !zta_content_proxied(room, pattern, port)
			       ? ZTA_REASON_PROXY_NAME
			       : 0;
	return (s->flags & ZTA_STREAM_CONNECT) && zta_content_proxied(room, pattern, port)
		       ? 0
		       : ZTA_REASON_PROXY_NAME;
}

#define BY_PRIVATE 1 /* which row let the connection through */
#define BY_NAME	   2
#define BY_PLAIN   3 /* a names rule with "tls": false */
#define BY_OTHER   4

/* Judge the destination once more. Returns BY_*; 0: it is denied now. */
__noinline __weak __u32 zta_content_by(__u32 room)
{
	struct zta_room *r = zta_room(room);

	if (!r)
		return 0;
	zta_decide_room(room, 0);
	if (r->verdict.reason == ZTA_REASON_PRIVATE_LINK)
		return BY_PRIVATE;
	if (r->verdict.reason == ZTA_REASON_EGRESS_RULE_ALLOW && r->ruling.named)
		return r->ruling.plain ? BY_PLAIN : BY_NAME;
	return BY_OTHER;
}

/* Returns the reason to deny, 0 = none. */
static __always_inline __u32 direct_reason(__u32 room, struct zta_room *r,
					   const struct zta_stream *s, __u32 pattern)
{
	struct zta_tables t = { .slot = r->slot };
	const struct zta_profile *p;
	__u32 hello = s->state == ZTA_STREAM_HELLO, by = zta_content_by(room);

	r->verdict.services = 0;
	if (by == BY_PRIVATE)
		return hello ? zta_content_private(room, pattern) : 0;
	if (by == BY_NAME)
		return hello && !(s->flags & ZTA_STREAM_ECH) ? zta_content_named(room, pattern)
							     : ZTA_REASON_SNI_MISMATCH;
	if (!hello)
		return 0;
	p = zta_get_profile(&t, r->who.profile);
	if (by != BY_PLAIN && (s->flags & ZTA_STREAM_ECH) && p && (p->flags & ZTA_PROFILE_NO_ECH))
		return ZTA_REASON_ECH;
	return zta_content_public(room, pattern, ZTA_REASON_SNI_PUBLIC);
}

static __always_inline int is_connect(const struct zta_stream *s)
{
	return s->state == ZTA_STREAM_REQUEST && (s->flags & ZTA_STREAM_CONNECT);
}

int zta_content(struct __sk_buff *skb, __u32 room)
{
	struct zta_room *r = zta_room(room);
	struct bpf_sock *sk = skb->sk;
	struct zta_stream *s;
	__u32 pattern, reason, passes;

	if (!r || !sk)
		return ZTA_CONTENT_DENIED;
	s = bpf_sk_storage_get(&zta_streams, sk, 0, 0);
	if (!s)
		return ZTA_CONTENT_END;
	if (s->state == ZTA_STREAM_DENIED)
		s->state = s->denied;
	r->c.name = 0;
	r->c.type = ZTA_EVENT_TLS;
	pattern = zta_content_name(skb, room);
	if (s->state == ZTA_STREAM_MALFORMED && !(r->seen & ZTA_SEEN_PROXY) &&
	    zta_content_by(room) != BY_NAME)
		return ZTA_CONTENT_GIVE_UP;
	reason = r->seen & ZTA_SEEN_PROXY ? proxy_reason(room, r, s, pattern)
					  : direct_reason(room, r, s, pattern);
	passes = reason ? zta_stream_refuse(skb, room, reason, r->verdict.services) : 0;
	if (!reason || (passes && is_connect(s)))
		return is_connect(s) ? ZTA_CONTENT_GO_ON : ZTA_CONTENT_END;
	s->denied = s->state;
	s->state = ZTA_STREAM_DENIED;
	s->epoch = zta_epoch();
	s->passed = passes;
	return passes ? ZTA_CONTENT_FOR_NOW : ZTA_CONTENT_DENIED;
}
