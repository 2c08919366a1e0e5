// SPDX-License-Identifier: Apache-2.0
/*
 * Who calls the broker: the redirect of IMDS, the nonce in the SYN and what the kernel wrote under
 * it; and those who try to be somebody else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <netinet/tcp.h>

#include "bpf/site.h"
#include "inspect/syn.h"
#include "kern/callers.h"
#include "kern/object_private.h"
#include "zta_identity.h"

#define POLICY                                                                            \
	"'mode':'enforce','default_profile':'host',"                                      \
	"'profiles':[{'name':'brokered','imds':'broker','egress':{'default':'deny'}},"    \
	"{'name':'reported','mode':'audit','imds':'broker','egress':{'default':'deny'}}," \
	"{'name':'closed-imds','egress':{'default':'deny'}}],"                            \
	"'workloads':[{'match':{'cgroup':'/one'},'profile':'brokered'},"                  \
	"{'match':{'cgroup':'/two'},'profile':'brokered'},"                               \
	"{'match':{'cgroup':'/report'},'profile':'reported'},"                            \
	"{'match':{'cgroup':'/shut'},'profile':'closed-imds'}]"
#define IMDS   "169.254.169.254"
#define BROKER 9466
#define TURNED 90 /* what getpeername said was not IMDS */

static int listener;
static uint64_t one, two;

static void broker_set(struct site *s, bool there)
{
	struct zta_broker b = { .addr.family = ZTA_V4, .port = BROKER };

	b.addr.w[0] = htonl(INADDR_LOOPBACK);
	assert_int_equal(kern_broker_set(s->kern, there ? &b : NULL), 0);
}

static int setup(void **state)
{
	static struct site s;
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(BROKER),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int yes = 1;

	site_netns();
	site_make(&s);
	one = site_mkdir(&s, "/one");
	two = site_mkdir(&s, "/two");
	site_mkdir(&s, "/report");
	site_mkdir(&s, "/shut");
	site_mkdir(&s, "/none");
	site_open(&s);
	site_apply(&s, POLICY);
	site_attach(&s);
	broker_set(&s, true);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(listener >= 0);
	assert_int_equal(setsockopt(listener, IPPROTO_TCP, TCP_SAVE_SYN, &yes, sizeof(yes)), 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 64), 0);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	close(listener);
	site_free(*state);
	return 0;
}

/* Accept one, take what the kernel wrote of it: 1, or 0 when nobody vouches. */
static int accept_caller(struct site *s, struct zta_caller *ret)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), found;
	uint8_t syn[SYN_BYTES_MAX];
	socklen_t len = sizeof(syn);
	uint64_t nonce;

	assert_true(fd >= 0);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, syn, &len), 0);
	close(fd);
	memset(ret, 0, sizeof(*ret));
	found = syn_nonce(syn, len, &nonce) == 0 && kern_caller_take(s->kern, nonce, ret) == 0;
	if (found) {
		struct zta_caller again;

		assert_int_equal(kern_caller_take(s->kern, nonce, &again), -ENOENT);
	}
	return found;
}

static int call(const struct site_dest *t)
{
	struct sockaddr_storage a, peer;
	struct sockaddr_in *four = (struct sockaddr_in *)&peer;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&peer;
	socklen_t len = site_sockaddr(t, &a), n = sizeof(peer);
	int fd = socket(t->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint32_t said;

	if (connect(fd, (struct sockaddr *)&a, len) < 0)
		return errno;
	if (t->port != 80)
		return 0;
	if (getpeername(fd, (struct sockaddr *)&peer, &n) < 0)
		return errno;
	said = t->family == AF_INET ? four->sin_addr.s_addr : six->sin6_addr.s6_addr32[3];
	return said == inet_addr(IMDS) && ntohs(four->sin_port) == 80 ? 0 : TURNED;
}

static int do_call(const void *arg)
{
	return call(arg);
}

static const struct site_dest imds = { AF_INET, SOCK_STREAM, 0, IMDS, 80 };
static const struct site_dest mapped = { AF_INET6, SOCK_STREAM, 0, "::ffff:" IMDS, 80 };
static const struct site_dest direct = { AF_INET, SOCK_STREAM, 0, "127.0.0.1", BROKER };

static void test_a_call_of_imds_reaches_the_broker_with_its_name(void **state)
{
	struct site *s = *state;
	struct zta_caller c;

	assert_int_equal(site_run(s, "/one", do_call, &imds), 0);
	assert_true(accept_caller(s, &c));
	assert_true(c.owner == one && c.caller == one && c.redirected == 1);
	assert_int_equal(site_run(s, "/two", do_call, &mapped), 0);
	assert_true(accept_caller(s, &c));
	assert_true(c.owner == two && c.caller == two && c.redirected == 1);
}

static void test_a_direct_call_is_vouched_for_as_well(void **state)
{
	struct site *s = *state;
	struct zta_caller c;

	assert_int_equal(site_run(s, "/one", do_call, &direct), 0);
	assert_true(accept_caller(s, &c));
	assert_true(c.owner == one && c.redirected == 0 && c.pid > 0);
}

static void test_from_outside_nobody_vouches(void **state)
{
	struct zta_caller c;

	assert_int_equal(call(&direct), 0); /* this process is in no cgroup of the site */
	assert_false(accept_caller(*state, &c));
}

static void test_without_a_broker_or_the_right_imds_stays_shut(void **state)
{
	struct site *s = *state;

	broker_set(s, false);
	assert_int_equal(site_run(s, "/one", do_call, &imds), EPERM);
	broker_set(s, true);
	assert_int_equal(site_run(s, "/shut", do_call, &imds), EPERM);
}

/* Audit: nothing is redirected; the namespace's IMDS is a veth that nobody listens at. */
static void test_audit_redirects_nothing(void **state)
{
	struct site *s = *state;

	assert_int_equal(site_connect(s, "/report", IMDS, 80), 0);
}

static int do_other_port(const void *arg)
{
	struct site_dest t = imds;

	(void)arg;
	t.port = 443;
	return call(&t);
}

static void test_only_port_80_is_led(void **state)
{
	assert_int_equal(site_run(*state, "/one", do_other_port, NULL), EPERM);
}

/* A socket made in one cgroup, connected in the other: both names are told. */
struct handed {
	struct site *s;
	int fd;
};

static int do_connect_handed(const void *arg)
{
	const struct handed *h = arg;
	struct sockaddr_storage a;
	socklen_t len = site_sockaddr(&imds, &a);

	return connect(h->fd, (struct sockaddr *)&a, len) < 0 ? errno : 0;
}

static int do_make_and_hand(const void *arg)
{
	struct handed h = { .s = (struct site *)(uintptr_t)arg };

	h.fd = socket(AF_INET, SOCK_STREAM, 0);
	return site_run(h.s, "/two", do_connect_handed, &h);
}

static void test_a_handed_socket_has_two_names(void **state)
{
	struct site *s = *state;
	struct zta_caller c;

	assert_int_equal(site_run(s, "/one", do_make_and_hand, s), 0);
	assert_true(accept_caller(s, &c));
	assert_true(c.owner == one && c.caller == two);
}

/* The port of one who was vouched for, taken over: the nonce is gone, the 4-tuple says nothing. */
static int do_call_from(const void *arg)
{
	const uint16_t *port = arg;
	struct sockaddr_in from = { .sin_family = AF_INET,
				    .sin_port = htons(*port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_storage a;
	socklen_t len = site_sockaddr(&direct, &a);
	struct linger now = { 1, 0 };
	int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
		return errno;
	return connect(fd, (struct sockaddr *)&a, len) < 0 ? errno : 0;
}

static void test_a_port_that_is_taken_over_is_its_new_owners(void **state)
{
	struct site *s = *state;
	const uint16_t port = 40123;
	struct zta_caller c;

	assert_int_equal(site_run(s, "/one", do_call_from, &port), 0);
	assert_true(accept_caller(s, &c));
	assert_true(c.owner == one);
	assert_int_equal(site_run(s, "/two", do_call_from, &port), 0);
	assert_true(accept_caller(s, &c));
	assert_true(c.owner == two);
	assert_int_equal(do_call_from(&port), 0);
	assert_false(accept_caller(s, &c));
}

/* A raw SYN with an option that was seen, or made up: such nonces are used or unknown. */
static void test_a_nonce_counts_once(void **state)
{
	struct site *s = *state;
	int map = s->kern->map[KERN_MAP_CALLERS];
	struct zta_caller c;
	uint64_t key, none = 0;

	assert_int_equal(site_run(s, "/one", do_call, &imds), 0);
	assert_true(accept_caller(s, &c));
	assert_true(bpf_map_get_next_key(map, NULL, &key) < 0); /* nothing is left to replay */
	assert_true(bpf_map_lookup_elem(map, &none, &c) < 0);
}

/* The option memory of the socket is full before it connects: the note was made at birth. */
static int do_exhausted(const void *arg)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage a;
	socklen_t len = site_sockaddr(&imds, &a);
	struct ip_mreqn m = { .imr_ifindex = 1 };

	(void)arg;
	for (uint32_t i = 1; i < 100000; i++) {
		m.imr_multiaddr.s_addr = htonl(0xe0000100 + i);
		if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)) < 0)
			break;
	}
	return connect(fd, (struct sockaddr *)&a, len) < 0 ? errno : 0;
}

static void test_option_memory_that_is_full(void **state)
{
	struct site *s = *state;
	struct zta_caller c;

	assert_int_equal(site_run(s, "/one", do_exhausted, NULL), 0);
	assert_true(accept_caller(s, &c));
	assert_true(c.owner == one);
}

/* A new policy: what was led to the broker stays judged as a call of IMDS. */
static int do_talk_on(const void *arg)
{
	struct sockaddr_storage a;
	socklen_t len = site_sockaddr(&imds, &a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&a, len) < 0)
		return errno;
	site_apply((struct site *)(uintptr_t)arg, POLICY);
	return send(fd, "x", 1, MSG_NOSIGNAL) == 1 ? 0 : errno;
}

static void test_it_lasts_over_a_new_policy(void **state)
{
	struct site *s = *state;
	char got = 0;
	int fd;

	assert_int_equal(site_run(s, "/one", do_talk_on, s), 0);
	s->generation++; /* the child's */
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(recv(fd, &got, 1, 0), 1);
	assert_int_equal(got, 'x');
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_call_of_imds_reaches_the_broker_with_its_name),
		cmocka_unit_test(test_a_direct_call_is_vouched_for_as_well),
		cmocka_unit_test(test_from_outside_nobody_vouches),
		cmocka_unit_test(test_without_a_broker_or_the_right_imds_stays_shut),
		cmocka_unit_test(test_audit_redirects_nothing),
		cmocka_unit_test(test_only_port_80_is_led),
		cmocka_unit_test(test_a_handed_socket_has_two_names),
		cmocka_unit_test(test_a_port_that_is_taken_over_is_its_new_owners),
		cmocka_unit_test(test_a_nonce_counts_once),
		cmocka_unit_test(test_option_memory_that_is_full),
		cmocka_unit_test(test_it_lasts_over_a_new_policy),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
