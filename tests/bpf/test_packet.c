// SPDX-License-Identifier: Apache-2.0
/* Tables of packets through the egress and ingress programs, by BPF_PROG_TEST_RUN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>

#include "base/clock.h"
#include "bpf/site.h"
#include "kern/fold.h"
#include "kern/ring.h"
#include "zta_event.h"
#include "zta_reason.h"

#define POLICY                                                                              \
	"'mode':'enforce','resolvers':['10.77.0.53'],'default_profile':'worker',"           \
	"'services':[{'name':'vault','names':['vault.example'],'private_link':["            \
	"'10.20.0.0/24','fd00:20::/64'],'require_resolution':false}],"                      \
	"'ai_public':{'cidrs':['203.0.113.0/24','2001:db8:a1::/48']},"                      \
	"'profiles':[{'name':'worker','services':['vault'],'egress':{'default':'deny',"     \
	"'rules':[{'action':'allow','cidr':'10.1.0.0/16','ports':[5432],'protocol':'tcp'}," \
	"{'action':'allow','cidr':'fd01::/16','ports':[5432],'protocol':'tcp'},"            \
	"{'action':'allow','cidr':'64:ff9b::/96'},{'action':'allow','cidr':'2002::/16'},"   \
	"{'action':'allow','cidr':'2001::/32'},{'action':'allow','cidr':'10.3.0.0/16',"     \
	"'protocol':'icmp'},{'action':'deny','cidr':'10.1.9.0/24'}]}},"                     \
	"{'name':'easy','egress':{'default':'allow'}}],"                                    \
	"'workloads':[{'match':{'cgroup':'/easy'},'profile':'easy'}]"

#define PASS	  ZTA_REASON_NONE
#define FRAME_MAX 256

struct packet {
	const char *name;
	const char *to;
	uint16_t port;
	uint8_t proto;	 /* of the transport header */
	uint8_t reason;	 /* why it is dropped, PASS = it is not */
	uint8_t hops;	 /* 0 = 64 */
	uint8_t type;	 /* ICMP */
	uint8_t before;	 /* IPv6: an extension header of this kind; IPv4: 1 = options */
	uint16_t offset; /* fragment offset, in units of 8 */
	uint16_t from;	 /* source port, 0 = 40000 */
	uint8_t cut;	 /* bytes taken off the end */
	bool on_lo;
};

/* A row: the five that each has, then what differs from the ordinary. */
#define P(n, t, p, l4, r, ...)                                                       \
	{                                                                            \
		.name = n, .to = t, .port = p, .proto = l4, .reason = r, __VA_ARGS__ \
	}

struct frame {
	unsigned char b[FRAME_MAX];
	size_t n;
};

static void put(struct frame *f, const void *data, size_t n)
{
	assert_true(f->n + n <= sizeof(f->b));
	memcpy(f->b + f->n, data, n);
	f->n += n;
}

static void put_ethernet(struct frame *f, uint16_t type)
{
	struct ether_header e = { .ether_type = htons(type) };

	put(f, &e, sizeof(e));
}

static void put_ip4(struct frame *f, const struct packet *p)
{
	static const unsigned char options[4] = { 0x94, 4, 0, 0 }; /* router alert */
	struct iphdr ip = {
		.version = 4,
		.ihl = p->before ? 6 : 5,
		.ttl = p->hops ? p->hops : 64,
		.protocol = p->proto,
		.tot_len = htons(60),
		.frag_off = htons(p->offset),
	};

	assert_int_equal(inet_pton(AF_INET, "10.77.0.1", &ip.saddr), 1);
	assert_int_equal(inet_pton(AF_INET, p->to, &ip.daddr), 1);
	put_ethernet(f, ETHERTYPE_IP);
	put(f, &ip, sizeof(ip));
	if (p->before)
		put(f, options, sizeof(options));
}

static void put_ip6(struct frame *f, const struct packet *p)
{
	unsigned char ext[24] = { p->proto, 0 };
	struct ip6_hdr ip = {
		.ip6_vfc = 0x60,
		.ip6_nxt = p->before || p->offset ? p->before : p->proto,
		.ip6_hops = p->hops ? p->hops : 64,
		.ip6_plen = htons(40),
	};
	size_t len = 8;

	assert_int_equal(inet_pton(AF_INET6, "fd77::1", &ip.ip6_src), 1);
	assert_int_equal(inet_pton(AF_INET6, p->to, &ip.ip6_dst), 1);
	if (p->before == IPPROTO_ROUTING) { /* type 2, one segment left */
		ext[1] = 2;
		ext[2] = 2;
		ext[3] = 1;
		len = 24;
	} else if (p->before == IPPROTO_FRAGMENT) {
		ext[2] = (uint8_t)(p->offset >> 5);
		ext[3] = (uint8_t)(p->offset << 3);
	}
	put_ethernet(f, ETHERTYPE_IPV6);
	put(f, &ip, sizeof(ip));
	if (p->before || ip.ip6_nxt != p->proto)
		put(f, ext, len);
}

static void build(struct frame *f, const struct packet *p)
{
	uint16_t from = p->from ? p->from : 40000;
	unsigned char l4[20] = { (uint8_t)(from >> 8), (uint8_t)from, (uint8_t)(p->port >> 8),
				 (uint8_t)p->port };

	f->n = 0;
	if (strchr(p->to, ':'))
		put_ip6(f, p);
	else
		put_ip4(f, p);
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
		memset(l4, 0, sizeof(l4));
		l4[0] = p->type;
	}
	put(f, l4, sizeof(l4));
	f->n -= p->cut;
}

/* What the program returns. The socket of a test run belongs to the cgroup of this process. */
static int run(struct kern *k, const char *program, const struct packet *p)
{
	struct __sk_buff ctx = { .ifindex = p->on_lo ? 1 : if_nametoindex("d0") };
	struct frame f;
	LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));
	int r;

	build(&f, p);
	o.data_in = f.b;
	o.data_size_in = (uint32_t)f.n;
	r = bpf_prog_test_run_opts(kern_program_fd(k, program), &o);
	if (r < 0)
		print_error("%s: test run: %s\n", p->name, strerror(-r));
	return r < 0 ? r : (int)o.retval;
}

static void keep(void *ctx, const struct zta_event *e)
{
	if (e->type == ZTA_EVENT_EGRESS) /* not the note that the daemon is gone */
		*(struct zta_event *)ctx = *e;
}

/* The event of what was just dropped, told or still held. */
static struct zta_event event_of(struct site *s)
{
	struct zta_event e = { 0 };
	struct kern_ring *ring;

	assert_int_equal(kern_ring_open(s->kern, keep, &e, &ring), 0);
	assert_true(kern_fold_flush(s->kern, true, clock_boot_ns()) >= 0);
	while (kern_ring_consume(ring, 100) > 0)
		;
	kern_ring_close(ring);
	return e;
}

static int try_table(struct site *s, const struct packet *v, size_t n)
{
	int wrong = 0;

	for (size_t i = 0; i < n; i++) {
		int passed = run(s->kern, "zta_egress", &v[i]) & 1;
		struct zta_event e = event_of(s);

		if (passed == (v[i].reason == PASS) && e.reason == v[i].reason &&
		    (passed || (e.hook == ZTA_HOOK_EGRESS && e.count == 1)))
			continue;
		print_error("%s: passed %d, reason %u (wanted %u), count %u\n", v[i].name, passed,
			    e.reason, v[i].reason, e.count);
		wrong++;
	}
	return wrong;
}

struct table {
	struct site *s;
	const struct packet *v;
	size_t n;
};

static int in_child(const void *arg)
{
	const struct table *t = arg;

	return try_table(t->s, t->v, t->n);
}

#define run_table(site, below, v_)                                          \
	do {                                                                \
		struct table t_ = { site, v_, sizeof(v_) / sizeof(*(v_)) }; \
		assert_int_equal(site_run(site, below, in_child, &t_), 0);  \
	} while (0)

#define TCP  IPPROTO_TCP
#define UDP  IPPROTO_UDP
#define ICMP IPPROTO_ICMP
#define ND   IPPROTO_ICMPV6
#define R(x) ZTA_REASON_##x

static void test_a_closed_profile_sends_what_policy_lists(void **state)
{
	static const struct packet v[] = {
		P("rule", "10.1.2.3", 5432, TCP, PASS),
		P("rule, other port", "10.1.2.3", 5433, TCP, R(PRIVATE_EGRESS)),
		P("rule, other protocol", "10.1.2.3", 5432, UDP, R(PRIVATE_EGRESS)),
		P("longer prefix denies", "10.1.9.3", 5432, TCP, R(EGRESS_RULE)),
		P("rule for icmp", "10.3.0.1", 0, ICMP, PASS, .type = 8),
		P("icmp elsewhere", "10.4.0.1", 0, ICMP, R(PRIVATE_EGRESS), .type = 8),
		P("private link", "10.20.0.9", 443, TCP, PASS),
		P("private link, port", "10.20.0.9", 80, TCP, R(PORT_NOT_ALLOWED)),
		P("public", "20.1.2.3", 443, TCP, R(PUBLIC_EGRESS)),
		P("public, udp", "20.1.2.4", 443, UDP, R(PUBLIC_EGRESS)),
		P("public AI", "203.0.113.7", 443, TCP, R(AI_PUBLIC)),
		P("resolver", "10.77.0.53", 53, UDP, PASS),
		P("other resolver", "10.77.0.54", 53, UDP, R(UNTRUSTED_RESOLVER)),
		P("instance metadata", "169.254.169.254", 80, TCP, R(IMDS)),
		P("wire server", "168.63.129.16", 80, TCP, R(WIRESERVER)),
		P("loopback", "127.0.0.1", 80, TCP, PASS),
		P("leaves by lo", "10.77.0.1", 80, TCP, PASS, .on_lo = true),
		P("metadata by lo", "169.254.169.254", 80, TCP, R(IMDS), .on_lo = true),
		P("sctp", "10.1.2.3", 5432, IPPROTO_SCTP, R(PROTOCOL)),
		P("udp-lite", "10.1.2.3", 5432, IPPROTO_UDPLITE, R(PROTOCOL)),
		P("gre", "10.1.2.3", 0, IPPROTO_GRE, R(PROTOCOL)),
	};

	run_table((struct site *)*state, "", v);
}

static void test_ipv6_is_judged_alike(void **state)
{
	static const struct packet v[] = {
		P("rule", "fd01::3", 5432, TCP, PASS),
		P("rule, other port", "fd01::3", 5433, TCP, R(PRIVATE_EGRESS)),
		P("private link", "fd00:20::9", 443, TCP, PASS),
		P("public", "2a00::1", 443, TCP, R(PUBLIC_EGRESS)),
		P("public AI", "2001:db8:a1::1", 443, TCP, R(AI_PUBLIC)),
		P("loopback", "::1", 80, TCP, PASS),
		P("NAT64 of a listed address", "64:ff9b::a01:203", 5432, TCP, PASS),
		P("NAT64 of a public one", "64:ff9b::1401:203", 443, TCP, R(PUBLIC_EGRESS)),
		P("6to4 of a public AI one", "2002:cb00:7107::1", 443, TCP, R(AI_PUBLIC)),
		P("6to4 of metadata", "2002:a9fe:a9fe::1", 80, TCP, R(IMDS)),
		P("Teredo of a public one", "2001::ebfe:fdfc", 443, TCP, R(PUBLIC_EGRESS)),
	};

	run_table((struct site *)*state, "", v);
}

static void test_odd_headers_are_malformed_in_closed_profiles(void **state)
{
	static const struct packet v[] = {
		P("IPv4 options", "10.1.2.3", 5432, TCP, R(MALFORMED), .before = 1),
		P("later fragment", "10.1.2.3", 5432, TCP, R(MALFORMED), .offset = 8),
		P("cut transport header", "10.1.2.3", 5432, TCP, R(MALFORMED), .cut = 16),
		P("routing header", "fd01::3", 5432, TCP, R(MALFORMED), .before = IPPROTO_ROUTING),
		P("later IPv6 fragment", "fd01::3", 5432, TCP, R(MALFORMED),
		  .before = IPPROTO_FRAGMENT, .offset = 8),
		P("first IPv6 fragment", "fd01::3", 5432, TCP, PASS, .before = IPPROTO_FRAGMENT),
		P("destination options", "fd01::3", 5432, TCP, PASS, .before = IPPROTO_DSTOPTS),
		P("sctp behind options", "fd01::4", 5432, IPPROTO_SCTP, R(PROTOCOL),
		  .before = IPPROTO_DSTOPTS),
	};

	run_table((struct site *)*state, "", v);
}

static void test_what_no_verdict_may_break_passes(void **state)
{
	static const struct packet v[] = {
		P("neighbour solicitation", "ff02::1:ff00:9", 0, ND, PASS, .type = 135,
		  .hops = 255),
		P("neighbour advertisement", "fe80::9", 0, ND, PASS, .type = 136, .hops = 255),
		P("router solicitation", "ff02::2", 0, ND, PASS, .type = 133, .hops = 255),
		P("listener report", "ff02::16", 0, ND, PASS, .type = 143, .hops = 1),
		P("solicitation from afar", "ff02::1:ff00:9", 0, ND, R(PUBLIC_EGRESS), .type = 135,
		  .hops = 64),
		P("solicitation to a public one", "2a00::9", 0, ND, R(PUBLIC_EGRESS), .type = 135,
		  .hops = 255),
		P("echo to a neighbour", "fe80::9", 0, ND, R(PRIVATE_EGRESS), .type = 128,
		  .hops = 255),
		P("DHCP", "255.255.255.255", 67, UDP, PASS, .from = 68),
		P("DHCP from another port", "255.255.255.255", 67, UDP, R(PUBLIC_EGRESS)),
		P("DHCPv6", "ff02::1:2", 547, UDP, PASS, .from = 546),
	};

	run_table((struct site *)*state, "", v);
}

static void test_a_profile_that_allows_by_default(void **state)
{
	static const struct packet v[] = {
		P("public", "20.1.2.3", 443, TCP, PASS),
		P("public AI", "203.0.113.7", 443, TCP, R(AI_PUBLIC)),
		P("service of others", "10.20.0.9", 443, TCP, R(SERVICE_NOT_ALLOWED)),
		P("metadata", "169.254.169.254", 80, TCP, R(IMDS)),
		P("sctp", "20.1.2.3", 9, IPPROTO_SCTP, PASS),
		P("options", "20.1.2.3", 443, TCP, PASS, .before = 1),
		P("later fragment", "20.1.2.3", 443, UDP, PASS, .offset = 8),
		P("options to public AI", "203.0.113.8", 443, TCP, R(AI_PUBLIC), .before = 1),
		P("routing header to public AI", "2001:db8:a1::2", 443, TCP, R(AI_PUBLIC),
		  .before = IPPROTO_ROUTING),
	};

	run_table((struct site *)*state, "/easy", v);
}

static int in_quarantine(const void *arg)
{
	static const struct packet v[] = {
		P("listed", "10.1.2.3", 5432, TCP, R(QUARANTINED)),
		P("private link", "10.20.0.9", 443, TCP, R(QUARANTINED)),
		P("resolver", "10.77.0.53", 53, UDP, R(QUARANTINED)),
		P("own address, by lo", "10.77.0.1", 80, TCP, R(QUARANTINED), .on_lo = true),
		P("loopback", "127.0.0.1", 80, TCP, PASS, .on_lo = true),
		P("loopback, IPv6", "::1", 80, TCP, PASS, .on_lo = true),
		P("neighbour solicitation", "ff02::1:ff00:9", 0, ND, PASS, .type = 135,
		  .hops = 255),
	};

	return try_table((struct site *)arg, v, sizeof(v) / sizeof(*v));
}

static void test_quarantine_leaves_loopback(void **state)
{
	struct site *s = *state;

	assert_int_equal(registry_quarantine(s->registry, "/shut"), 0);
	(void)site_mkdir(s, "/shut/inner");
	assert_int_equal(site_rescan(s, POLICY), 1);
	assert_int_equal(site_run(s, "/shut", in_quarantine, s), 0);
	assert_int_equal(site_run(s, "/shut/inner", in_quarantine, s), 0);
	assert_int_equal(registry_release(s->registry, "/shut"), 0);
	assert_int_equal(site_rescan(s, POLICY), 1);
	assert_int_equal(site_connect(s, "/shut/inner", "10.1.2.3", 5432), 0);
}

static int in_audit(const void *arg)
{
	static const struct packet p = P("public", "20.9.9.9", 443, TCP, PASS);
	struct site *s = (struct site *)arg;
	int passed = run(s->kern, "zta_egress", &p);
	struct zta_event e = event_of(s);

	return !(passed == 1 && e.verdict == ZTA_VERDICT_AUDIT && e.reason == R(PUBLIC_EGRESS));
}

static void test_audit_and_pause_let_pass_and_tell(void **state)
{
	struct site *s = *state;
	struct kern *k = s->kern;

	assert_int_equal(kern_ctl_set(k, ZTA_CTL_PAUSE_UNTIL, clock_boot_ns() + 60 * NS_PER_S), 0);
	assert_int_equal(kern_ctl_bump(k), 0);
	assert_int_equal(site_run(s, "", in_audit, s), 0);
	assert_int_equal(kern_ctl_set(k, ZTA_CTL_PAUSE_UNTIL, clock_boot_ns()), 0);
	assert_int_equal(site_run(s, "", in_audit, s), 1); /* it is over by itself */

	/* no sign of life for longer than policy bears */
	assert_int_equal(kern_ctl_set(k, ZTA_CTL_ORPHAN_NS, NS_PER_S), 0);
	assert_int_equal(kern_ctl_set(k, ZTA_CTL_HEARTBEAT, clock_mono_ns() - 5 * NS_PER_S), 0);
	assert_int_equal(site_run(s, "", in_audit, s), 0);
	assert_int_equal(kern_ctl_set(k, ZTA_CTL_HEARTBEAT, clock_mono_ns() + NS_PER_S), 0);
	assert_int_equal(site_run(s, "", in_audit, s), 1);
	assert_int_equal(kern_ctl_set(k, ZTA_CTL_ORPHAN_NS, 0), 0);
}

static void test_ingress_refuses_nothing(void **state)
{
	static const struct packet v[] = {
		P("tcp", "10.77.0.1", 80, TCP, PASS),
		P("tcp on lo", "10.77.0.1", 80, TCP, PASS, .on_lo = true),
		P("tcp, IPv6", "fd77::1", 80, TCP, PASS),
		P("tcp behind an extension header", "fd77::1", 80, TCP, PASS,
		  .before = IPPROTO_ROUTING),
		P("tcp, cut", "10.77.0.1", 80, TCP, PASS, .cut = 16),
		P("udp", "10.77.0.1", 80, UDP, PASS),
		P("udp on lo", "10.77.0.1", 80, UDP, PASS, .on_lo = true),
		P("IPv6", "fd77::1", 80, UDP, PASS),
		P("cut", "10.77.0.1", 80, UDP, PASS, .cut = 16),
		P("sctp", "10.77.0.1", 80, IPPROTO_SCTP, PASS),
	};
	struct site *s = *state;

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		assert_int_equal(run(s->kern, "zta_ingress", &v[i]), 1);
}

static int make(void **state)
{
	static struct site s;

	site_make(&s);
	(void)site_mkdir(&s, "/easy");
	site_netns();
	site_open(&s);
	site_apply(&s, POLICY);
	site_attach(&s);
	*state = &s;
	return 0;
}

static int drop(void **state)
{
	site_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_closed_profile_sends_what_policy_lists),
		cmocka_unit_test(test_ipv6_is_judged_alike),
		cmocka_unit_test(test_odd_headers_are_malformed_in_closed_profiles),
		cmocka_unit_test(test_what_no_verdict_may_break_passes),
		cmocka_unit_test(test_a_profile_that_allows_by_default),
		cmocka_unit_test(test_quarantine_leaves_loopback),
		cmocka_unit_test(test_audit_and_pause_let_pass_and_tell),
		cmocka_unit_test(test_ingress_refuses_nothing),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
