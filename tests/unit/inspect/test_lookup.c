// SPDX-License-Identifier: Apache-2.0
/* Look-ups against resolvers on loopback that answer, lie, cut, stall or are silent. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dns_message.h"
#include "inspect/lookup.h"

/* What a resolver does with a query, one after the other. */
enum act {
	SILENT,
	ANSWER,
	FORGED, /* a wrong id, a wrong name, a query, garbage; then the answer */
	TRUNCATED,
	CUT, /* without saying so */
	GARBAGE,
	SERVFAIL,
	NXDOMAIN,
	TCP_HALF, /* TCP: ends in the middle */
	TCP_STALL,
};

#define SERVERS 2
static struct server {
	enum act udp, tcp;
	unsigned int asked_udp, asked_tcp;
	int udp_fd, tcp_fd;
	struct zta_addr addr;
	struct message m;
} servers[SERVERS];

static pthread_t thread;
static int stop[2];
static uint16_t port;

/* The answer to the query in @q: 10.0.0.(7 + number of the server), 150 records when @many. */
static void put_answer(struct server *s, const uint8_t *q, size_t len, unsigned int rcode, int many)
{
	int n = rcode ? 0 : many ? 150 : 1;

	s->m.len = 0;
	put_bytes(&s->m, q, 2);
	put16(&s->m, 0x8180 | rcode);
	put16(&s->m, 1);
	put16(&s->m, n);
	put32(&s->m, 0);
	put_bytes(&s->m, q + 12, len - 12 - 11); /* the question; EDNS stays out */
	for (int i = 0; i < n; i++) {
		put_pointer(&s->m, 12);
		put_fixed(&s->m, 1, 60, 4);
		put32(&s->m, 0x0a000007 + (unsigned int)(s - servers));
	}
}

static void reply(struct server *s, const struct sockaddr_storage *to, socklen_t len)
{
	(void)sendto(s->udp_fd, s->m.bytes, s->m.len, 0, (const struct sockaddr *)to, len);
}

static void lie(struct server *s, const uint8_t *q, size_t n, const struct sockaddr_storage *to,
		socklen_t len)
{
	put_answer(s, q, n, 0, 0);
	s->m.bytes[0] ^= 1;
	reply(s, to, len);
	put_answer(s, q, n, 0, 0);
	s->m.bytes[13] ^= 1; /* a letter of the name */
	reply(s, to, len);
	put_answer(s, q, n, 0, 0);
	s->m.bytes[2] &= 0x7f;
	reply(s, to, len);
	s->m.len = 3;
	reply(s, to, len);
}

static void serve_udp(struct server *s)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	uint8_t q[512];
	ssize_t n = recvfrom(s->udp_fd, q, sizeof(q), 0, (struct sockaddr *)&from, &len);

	if (n < 12 + 11)
		return;
	s->asked_udp++;
	if (s->udp == SILENT)
		return;
	if (s->udp == FORGED)
		lie(s, q, (size_t)n, &from, len);
	put_answer(s, q, (size_t)n,
		   s->udp == SERVFAIL	? 2
		   : s->udp == NXDOMAIN ? DNS_RCODE_NXDOMAIN
					: 0,
		   0);
	if (s->udp == TRUNCATED)
		s->m.bytes[2] |= 0x02;
	if (s->udp == CUT || s->udp == TRUNCATED)
		s->m.len -= 3;
	if (s->udp == GARBAGE)
		s->m.len = 5;
	reply(s, &from, len);
}

/* Octet by octet where that could matter. */
static void serve_tcp(struct server *s)
{
	int fd = accept(s->tcp_fd, NULL, NULL);
	uint8_t q[512], size[2];
	ssize_t n;

	if (fd < 0)
		return;
	s->asked_tcp++;
	n = recv(fd, q, sizeof(q), 0);
	if (n > 2 + 12 + 11 && s->tcp != SILENT) {
		put_answer(s, q + 2, (size_t)n - 2, 0, 1);
		size[0] = s->m.len >> 8;
		size[1] = s->m.len & 0xff;
		(void)send(fd, size, 1, MSG_NOSIGNAL);
		(void)send(fd, size + 1, 1, MSG_NOSIGNAL);
		if (s->tcp == TCP_HALF || s->tcp == TCP_STALL)
			s->m.len /= 2;
		for (size_t i = 0; i < s->m.len; i += 97)
			(void)send(fd, s->m.bytes + i, i + 97 < s->m.len ? 97 : s->m.len - i,
				   MSG_NOSIGNAL);
	}
	if (s->tcp == TCP_STALL || s->tcp == SILENT)
		(void)recv(fd, q, sizeof(q), 0); /* until the other side gives up */
	close(fd);
}

static void *serve(void *unused)
{
	struct pollfd p[1 + 2 * SERVERS] = { { .fd = stop[0], .events = POLLIN } };

	for (int i = 0; i < SERVERS; i++) {
		p[1 + 2 * i] = (struct pollfd){ .fd = servers[i].udp_fd, .events = POLLIN };
		p[2 + 2 * i] = (struct pollfd){ .fd = servers[i].tcp_fd, .events = POLLIN };
	}
	while (poll(p, 1 + 2 * SERVERS, -1) > 0 && !p[0].revents)
		for (int i = 0; i < SERVERS; i++) {
			if (p[1 + 2 * i].revents)
				serve_udp(&servers[i]);
			if (p[2 + 2 * i].revents)
				serve_tcp(&servers[i]);
		}
	return NULL;
}

static int bound(int kind, int host)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(0x7f000001U + (unsigned int)host) };
	int fd = socket(AF_INET, kind, 0);
	socklen_t len = sizeof(sa);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return -1;
	port = ntohs(sa.sin_port);
	return fd;
}

static int up(void **state)
{
	port = 0;
	for (int i = 0; i < SERVERS; i++) {
		struct server *s = &servers[i];

		*s = (struct server){ .udp = ANSWER, .tcp = ANSWER };
		s->addr = (struct zta_addr){ { htonl(0x7f000001U + (unsigned int)i) }, ZTA_V4 };
		s->tcp_fd = bound(SOCK_STREAM, i);
		s->udp_fd = bound(SOCK_DGRAM, i);
		if (s->tcp_fd < 0 || s->udp_fd < 0 || listen(s->tcp_fd, 8) < 0)
			return -1;
	}
	return pipe(stop) < 0 ? -1 : pthread_create(&thread, NULL, serve, NULL);
}

static int down(void **state)
{
	close(stop[1]);
	pthread_join(thread, NULL);
	close(stop[0]);
	for (int i = 0; i < SERVERS; i++) {
		close(servers[i].udp_fd);
		close(servers[i].tcp_fd);
	}
	return 0;
}

static struct lookup found;

/* Asks the first @n of them. */
static int ask(size_t n)
{
	struct zta_addr v[SERVERS] = { servers[0].addr, servers[1].addr };
	struct lookup_servers s = { .v = v, .n = n, .port = port, .timeout_ms = 300 };
	struct dns_name name;

	assert_int_equal(dns_name_read("my.openai.azure.com", &name), 0);
	memset(&found, 0, sizeof(found));
	return lookup_ask(&s, &name, DNS_TYPE_A, &found);
}

static void expect_from(int server, size_t n)
{
	assert_int_equal(found.answer.n_addresses, n);
	assert_int_equal(found.answer.addresses[0].addr.w[0],
			 htonl(0x0a000007 + (unsigned int)server));
	assert_memory_equal(&found.resolver, &servers[server].addr, sizeof(found.resolver));
}

static void an_answer(void **state)
{
	assert_int_equal(ask(2), 0);
	expect_from(0, 1);
	assert_int_equal(servers[0].asked_udp, 1);
	assert_int_equal(servers[1].asked_udp, 0);
}

static void what_does_not_belong_is_passed_over(void **state)
{
	servers[0].udp = FORGED;
	assert_int_equal(ask(1), 0);
	expect_from(0, 1);
	assert_int_equal(servers[0].asked_udp, 1);
}

static void a_truncated_answer_is_asked_for_by_tcp(void **state)
{
	servers[0].udp = TRUNCATED;
	assert_int_equal(ask(1), 0);
	assert_int_equal(servers[0].asked_tcp, 1);
	expect_from(0, 100);
	assert_true(found.answer.more);
	assert_false(found.answer.truncated || found.answer.cut);
}

static void tcp_that_breaks_off_is_no_answer(void **state)
{
	static const struct {
		enum act act;
		int r;
	} cases[] = { { TCP_HALF, -EBADMSG }, { TCP_STALL, -ETIMEDOUT }, { SILENT, -ETIMEDOUT } };

	servers[0].udp = TRUNCATED;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		servers[0].tcp = cases[i].act;
		assert_int_equal(ask(1), cases[i].r);
		assert_int_equal(ask(2), 0);
		expect_from(1, 1);
	}
}

static void the_next_is_asked_when_one_is_silent_or_fails(void **state)
{
	static const enum act acts[] = { SILENT, CUT, GARBAGE, SERVFAIL };

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		servers[0].udp = acts[i];
		assert_int_equal(ask(2), 0);
		expect_from(1, 1);
	}
}

static void failures_are_told(void **state)
{
	uint64_t before;

	servers[0].udp = servers[1].udp = SILENT;
	before = clock_mono_ns();
	assert_int_equal(ask(2), -ETIMEDOUT);
	assert_in_range((clock_mono_ns() - before) / NS_PER_MS, 1200, 5000);
	assert_int_equal(servers[0].asked_udp, LOOKUP_TRIES);
	assert_int_equal(servers[1].asked_udp, LOOKUP_TRIES);
	servers[0].udp = GARBAGE;
	assert_int_equal(ask(1), -EBADMSG);
	servers[0].udp = SERVFAIL;
	assert_int_equal(ask(1), 0);
	assert_int_equal(found.answer.rcode, 2);
	servers[0].udp = NXDOMAIN;
	assert_int_equal(ask(2), 0);
	assert_int_equal(found.answer.rcode, DNS_RCODE_NXDOMAIN);
	assert_int_equal(servers[1].asked_udp, LOOKUP_TRIES); /* a denial is an answer */
	assert_int_equal(ask(0), -ENOENT);
}

static void nobody_listens(void **state)
{
	struct zta_addr v = servers[0].addr;
	struct lookup_servers s = { .v = &v, .n = 1, .port = 1, .timeout_ms = 300 };
	struct dns_name name;

	assert_int_equal(dns_name_read("a.example", &name), 0);
	assert_int_equal(lookup_ask(&s, &name, DNS_TYPE_A, &found), -ECONNREFUSED);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)
	const struct CMUnitTest tests[] = {
		TEST(an_answer),
		TEST(what_does_not_belong_is_passed_over),
		TEST(a_truncated_answer_is_asked_for_by_tcp),
		TEST(tcp_that_breaks_off_is_no_answer),
		TEST(the_next_is_asked_when_one_is_silent_or_fails),
		TEST(failures_are_told),
		TEST(nobody_listens),
	};

	return cmocka_run_group_tests_name("lookup", tests, NULL, NULL);
}
