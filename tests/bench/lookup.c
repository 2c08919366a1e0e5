// SPDX-License-Identifier: Apache-2.0
/*
 * lookup serve NETNS TARGET RESOLVER...: answer each query for an A record with the address TARGET,
 * on port 53 of every RESOLVER, and accept connections on port 443.
 *
 * lookup ask COUNT CGROUP_DIR NETNS RESOLVER: COUNT times a name that nobody asked for before: look
 * it up with a new socket, connect to the address by TCP. Then FLIGHT queries at once, for a
 * second.
 *
 * Prints: look-up p50 p99, look-up and connect p50 p99, in nanoseconds, queries a second, and how
 * many connections failed.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lane.h"
#include "message.h"

#define PORT	       443
#define PORT_DNS       53
#define RESOLVERS_MAX  8
#define FLIGHT	       32
#define PERCENTILE     99
#define FLIGHT_NS      1000000000ULL
#define ANSWER_SECONDS 2

static struct sockaddr_in address(const char *text, unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	if (inet_pton(AF_INET, text, &a.sin_addr) != 1)
		errx(2, "%s is no address", text);
	return a;
}

static int bound(int type, const char *text, unsigned port)
{
	struct sockaddr_in a = address(text, port);
	int fd = new_socket(type);

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)))
		err(1, "%s port %u", text, port);
	return fd;
}

/* One answer; a query for anything but an A record gets none. */
static void answer(int fd, uint32_t target)
{
	uint8_t m[MESSAGE_MAX];
	struct sockaddr_in from;
	socklen_t from_size = sizeof(from);
	ssize_t n = recvfrom(fd, m, sizeof(m), 0, (struct sockaddr *)&from, &from_size);
	size_t end = 12;

	if (n < 17)
		return;
	while (end < (size_t)n && m[end])
		end += m[end] + 1U;
	if (end + 5 > (size_t)n)
		return;
	end = message_answer(m, end + 5, m[end + 2] == 1, target);
	memset(m + 8, 0, 4); /* what else the query had is left out */
	(void)sendto(fd, m, end, 0, (struct sockaddr *)&from, from_size); /* asked again */
}

static int serve(int argc, char **argv)
{
	uint32_t target = ntohl(address(argv[1], 0).sin_addr.s_addr);
	struct pollfd fds[RESOLVERS_MAX + 1];
	int n = argc - 2;

	join_netns(argv[0]);
	if (n > RESOLVERS_MAX)
		errx(2, "%d resolvers", n);
	fds[n] = (struct pollfd){ .fd = bound(SOCK_STREAM, argv[1], PORT), .events = POLLIN };
	if (listen(fds[n].fd, 64))
		err(1, "listen");
	for (int i = 0; i < n; i++)
		fds[i] = (struct pollfd){ .fd = bound(SOCK_DGRAM, argv[2 + i], PORT_DNS),
					  .events = POLLIN };
	puts("ready");
	fflush(stdout);
	while (poll(fds, n + 1, -1) > 0) {
		for (int i = 0; i < n; i++)
			if (fds[i].revents)
				answer(fds[i].fd, target);
		if (fds[n].revents)
			close(accept(fds[n].fd, NULL, NULL));
	}
	return 1;
}

static int resolver(const struct sockaddr_in *to)
{
	struct timeval wait = { .tv_sec = ANSWER_SECONDS };
	int fd = new_socket(SOCK_DGRAM);

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)))
		err(1, "resolver");
	return fd;
}

/* A query for a name that is new. */
static void ask(int fd)
{
	static unsigned number;
	uint8_t m[MESSAGE_MAX];
	char name[64];
	size_t size;

	snprintf(name, sizeof(name), "n%u-%d.openai.azure.com", ++number, getpid());
	size = message_query(m, name);
	memcpy(m, &number, 2);
	if (send(fd, m, size, 0) != (ssize_t)size)
		err(1, "query");
}

/* Waits for one answer; its last four octets are the address. */
static struct sockaddr_in hear(int fd)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	uint8_t m[MESSAGE_MAX];
	ssize_t n = recv(fd, m, sizeof(m), 0);

	if (n < 16 || !m[7])
		errx(1, "no answer");
	memcpy(&to.sin_addr, m + n - 4, 4);
	return to;
}

/* Returns 1 when the connection failed. */
static int once(const struct sockaddr_in *at, uint64_t *ret_looked, uint64_t *ret_took)
{
	uint64_t start = now_ns();
	int fd = resolver(at), failed;
	struct sockaddr_in to;

	ask(fd);
	to = hear(fd);
	*ret_looked = now_ns() - start;
	close(fd);
	fd = new_socket(SOCK_STREAM);
	failed = !!connect(fd, (struct sockaddr *)&to, sizeof(to));
	*ret_took = now_ns() - start;
	close_hard(fd);
	return failed;
}

static uint64_t queries_a_second(const struct sockaddr_in *at)
{
	uint64_t start = now_ns(), count = 0;
	int fd = resolver(at);

	for (int i = 0; i < FLIGHT; i++)
		ask(fd);
	for (; now_ns() - start < FLIGHT_NS; count++) {
		hear(fd);
		ask(fd);
	}
	close(fd);
	return count * 1000000000 / (now_ns() - start);
}

static int measure(size_t count, char **argv)
{
	uint64_t *looked = calloc(count, sizeof(*looked)), *took = calloc(count, sizeof(*took));
	struct sockaddr_in at = address(argv[2], PORT_DNS);
	size_t tail = count * PERCENTILE / 100;
	unsigned failed = 0;

	if (!looked || !took)
		errx(1, "no memory");
	join_netns(argv[1]);
	join_cgroup(argv[0]);
	for (size_t i = 0; i < count; i++)
		failed += once(&at, &looked[i], &took[i]);
	sort_times(looked, count);
	sort_times(took, count);
	printf("%llu %llu %llu %llu %llu %u\n", (unsigned long long)looked[count / 2],
	       (unsigned long long)looked[tail], (unsigned long long)took[count / 2],
	       (unsigned long long)took[tail], (unsigned long long)queries_a_second(&at), failed);
	free(looked);
	free(took);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 4 && !strcmp(argv[1], "serve"))
		return serve(argc - 2, argv + 2);
	if (argc == 6 && !strcmp(argv[1], "ask") && strtoul(argv[2], NULL, 10))
		return measure(strtoul(argv[2], NULL, 10), argv + 3);
	errx(2, "usage: lookup serve NETNS TARGET RESOLVER... | ask COUNT CGROUP NETNS RESOLVER");
}
