// SPDX-License-Identifier: Apache-2.0
/*
 * flow COUNT LANE...: time one socket operation, COUNT times in each lane.
 * A lane is five arguments: MODE[,NAME,COUNT] CGROUP_DIR NETNS PEER_NETNS ADDRESS
 *
 *	connect   connect() of a datagram socket: the hook and the route, no packet
 *	refused   the same, expecting EPERM
 *	handshake connect() of a TCP socket to a listener
 *	tcp       one byte there and back on an established connection, halved: a packet
 *	udp       send() of one byte on a connected socket
 *	query     send() of a DNS query for NAME to a resolver (the peer), which then answers
 *	unheard   the same, but nobody answers: many queries of one socket wait
 *	answer    the resolver's send() of an answer with COUNT addresses, the same ones each time
 *	fresh     the same, with addresses that no answer had before
 *	hello     send() of a ClientHello of COUNT octets for NAME, first thing of a connection
 *
 * Each lane is a process, all on one CPU, and they take turns, a few operations each: whatever else
 * the machine does meets all of them alike, and what differs between lanes is what was to be
 * measured. Both ends of a lane are in its one process, so that a packet is delivered before send()
 * returns and no scheduler stands between. The peer's socket is made first, in the cgroup that we
 * came from; then the lane moves to CGROUP_DIR and NETNS and makes the one that is measured. Lane n
 * uses port 443 + n, resolvers port 53.
 *
 * Prints for each lane: p50 p99 mean, in nanoseconds.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lane.h"
#include "message.h"

#define PORT	   443
#define PORT_DNS   53
#define LANE_ARGS  5
#define LANES_MAX  8
#define TURN	   50 /* operations */
#define TURN_WARM  10 /* not timed: the lanes before have filled the caches */
#define PERCENTILE 99

#define PRIVATE_FIRST 0x0a140004 /* 10.20.0.4, and on: inside the fence */
#define OTHER_FIRST   0xcb007101 /* 203.0.113.1 */
#define FRESH_FIRST   0xac100000 /* 172.16.0.0: as well */
#define FRESH_STARTS  0x37fff

struct bench {
	struct sockaddr_in to;
	int peer;   /* listener, or the bound datagram socket */
	int client; /* the socket that is measured */
	char name[256];
	unsigned count; /* of addresses or octets */
	size_t size;	/* of message */
	uint32_t fresh; /* next address */
	uint16_t id;	/* of the last query */
	uint8_t message[MESSAGE_MAX];
};

static void no_delay(int fd)
{
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)))
		err(1, "TCP_NODELAY");
}

static void serve(struct bench *b, int type)
{
	b->peer = new_socket(type);
	if (setsockopt(b->peer, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) ||
	    bind(b->peer, (struct sockaddr *)&b->to, sizeof(b->to)))
		err(1, "bind");
	if (type == SOCK_STREAM && listen(b->peer, 16))
		err(1, "listen");
}

static void attach(struct bench *b)
{
	if (connect(b->client, (struct sockaddr *)&b->to, sizeof(b->to)))
		err(1, "connect");
}

static uint64_t time_connect(struct bench *b)
{
	uint64_t start = now_ns();

	attach(b);
	return now_ns() - start;
}

static uint64_t time_refused(struct bench *b)
{
	uint64_t start = now_ns();
	int r = connect(b->client, (struct sockaddr *)&b->to, sizeof(b->to));

	start = now_ns() - start;
	if (!r || errno != EPERM)
		errx(1, "connect: expected EPERM, got %s", r ? strerror(errno) : "a connection");
	return start;
}

static uint64_t time_handshake(struct bench *b)
{
	uint64_t took;
	int accepted;

	b->client = new_socket(SOCK_STREAM);
	took = time_connect(b);
	accepted = accept4(b->peer, NULL, NULL, SOCK_CLOEXEC);
	if (accepted < 0)
		err(1, "accept");
	close_hard(b->client);
	close(accepted);
	return took;
}

static uint64_t time_tcp(struct bench *b)
{
	uint64_t start = now_ns();
	char byte = 'x';

	if (send(b->client, &byte, 1, 0) != 1 || recv(b->peer, &byte, 1, 0) != 1 ||
	    send(b->peer, &byte, 1, 0) != 1 || recv(b->client, &byte, 1, 0) != 1)
		err(1, "tcp");
	return (now_ns() - start) / 2;
}

static uint64_t time_udp(struct bench *b)
{
	uint64_t start = now_ns();
	char byte = 'x';

	if (send(b->client, &byte, 1, 0) != 1)
		err(1, "udp");
	start = now_ns() - start;
	if (recv(b->peer, &byte, 1, 0) != 1)
		err(1, "udp peer");
	return start;
}

static uint64_t time_send(int fd, const void *data, size_t size)
{
	uint64_t start = now_ns();

	if (send(fd, data, size, 0) != (ssize_t)size)
		err(1, "send");
	return now_ns() - start;
}

static void receive(int fd)
{
	uint8_t m[MESSAGE_MAX];

	if (recv(fd, m, sizeof(m), 0) <= 0)
		err(1, "recv");
}

/* Each query has an id of its own, as resolvers' clients do it. */
static uint64_t time_unheard(struct bench *b)
{
	uint64_t took;

	b->id++;
	memcpy(b->message, &b->id, sizeof(b->id));
	took = time_send(b->client, b->message, b->size);
	receive(b->peer);
	return took;
}

/* To the last query. */
static uint64_t reply(struct bench *b)
{
	uint8_t m[MESSAGE_MAX];
	uint64_t took;
	size_t size;

	memcpy(m, b->message, b->size);
	size = message_answer(m, b->size, b->count, b->fresh);
	took = time_send(b->peer, m, size);
	receive(b->client);
	return took;
}

static uint64_t time_query(struct bench *b)
{
	uint64_t took = time_unheard(b);

	reply(b);
	return took;
}

static uint64_t time_answer(struct bench *b)
{
	time_unheard(b);
	return reply(b);
}

static uint64_t time_fresh(struct bench *b)
{
	b->fresh += b->count;
	return time_answer(b);
}

static uint64_t time_hello(struct bench *b)
{
	uint64_t took;
	int accepted;

	b->client = new_socket(SOCK_STREAM);
	time_connect(b);
	accepted = accept4(b->peer, NULL, NULL, SOCK_CLOEXEC);
	if (accepted < 0)
		err(1, "accept");
	took = time_send(b->client, b->message, b->count);
	close_hard(b->client);
	close(accepted);
	return took;
}

/* The peer answers to one client only: both ends are connected. */
static void ask(struct bench *b)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);

	attach(b);
	if (getsockname(b->client, (struct sockaddr *)&from, &size) ||
	    connect(b->peer, (struct sockaddr *)&from, size))
		err(1, "resolver");
}

/* The listener gives way to the one connection that is measured. */
static void establish(struct bench *b)
{
	int accepted;

	attach(b);
	accepted = accept4(b->peer, NULL, NULL, SOCK_CLOEXEC);
	if (accepted < 0)
		err(1, "accept");
	close(b->peer);
	b->peer = accepted;
	no_delay(b->client);
	no_delay(b->peer);
}

static const struct mode {
	const char *name;
	uint64_t (*once)(struct bench *b);
	int type;
	enum { ALONE, SERVED, RESOLVED } peer;
} modes[] = {
	{ "connect", time_connect, SOCK_DGRAM, ALONE },
	{ "refused", time_refused, SOCK_DGRAM, ALONE },
	{ "udp", time_udp, SOCK_DGRAM, SERVED },
	{ "tcp", time_tcp, SOCK_STREAM, SERVED },
	{ "handshake", time_handshake, SOCK_STREAM, SERVED },
	{ "hello", time_hello, SOCK_STREAM, SERVED },
	{ "query", time_query, SOCK_DGRAM, RESOLVED },
	{ "unheard", time_unheard, SOCK_DGRAM, RESOLVED },
	{ "answer", time_answer, SOCK_DGRAM, RESOLVED },
	{ "fresh", time_fresh, SOCK_DGRAM, RESOLVED },
};

/* Reads MODE[,NAME,COUNT]. */
static const struct mode *mode_find(struct bench *b, const char *text)
{
	char mode[32];
	int found = sscanf(text, "%31[^,],%255[^,],%u", mode, b->name, &b->count);

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (found > 0 && !strcmp(modes[i].name, mode))
			return &modes[i];
	errx(2, "unknown mode %s", text);
}

/* What is said in this mode. */
static void compose(const struct mode *m, struct bench *b)
{
	if (m->peer == RESOLVED)
		b->size = message_query(b->message, b->name);
	if (m->once == time_hello)
		message_hello(b->message, b->count, b->name);
	if (m->once == time_fresh)
		b->fresh = FRESH_FIRST + (now_ns() & FRESH_STARTS);
	else
		b->fresh = strstr(b->name, ".azure.com") ? PRIVATE_FIRST : OTHER_FIRST;
}

/* @argv: of a lane */
static void prepare(const struct mode *m, struct bench *b, char **argv)
{
	if (m->peer != ALONE) {
		join_netns(argv[3]);
		serve(b, m->type);
	}
	join_netns(argv[2]);
	join_cgroup(argv[1]);
	if (m->once == time_handshake || m->once == time_hello)
		return;
	b->client = new_socket(m->type);
	if (m->once == time_tcp)
		establish(b);
	else if (m->peer == RESOLVED)
		ask(b);
	else if (m->once == time_udp)
		attach(b);
}

struct result {
	uint64_t p50, p99, mean;
};

static struct result summary(uint64_t *took, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += took[i];
	sort_times(took, count);
	return (struct result){ took[count / 2], took[count * PERCENTILE / 100], sum / count };
}

/* To or from the other side, all of it. */
static void give(int fd, const void *data, size_t size)
{
	if (send(fd, data, size, 0) != (ssize_t)size)
		err(1, "turn");
}

static void take(int fd, void *data, size_t size)
{
	if (recv(fd, data, size, MSG_WAITALL) != (ssize_t)size)
		errx(1, "a lane has ended");
}

static void lane(int fd, size_t count, unsigned number, char **argv)
{
	struct bench b = { .to = { .sin_family = AF_INET } };
	const struct mode *m = mode_find(&b, argv[0]);
	uint64_t *took = calloc(count, sizeof(*took));
	struct result result;
	size_t n = 0;
	char turn = 0;

	if (!took || inet_pton(AF_INET, argv[4], &b.to.sin_addr) != 1)
		errx(1, "%s", argv[4]);
	b.to.sin_port = htons((uint16_t)(m->peer == RESOLVED ? PORT_DNS : PORT + number));
	compose(m, &b);
	prepare(m, &b, argv);
	give(fd, &turn, 1);
	while (n < count) {
		take(fd, &turn, 1);
		for (int i = 0; i < TURN_WARM; i++)
			m->once(&b);
		for (int i = 0; i < TURN && n < count; i++)
			took[n++] = m->once(&b);
		give(fd, &turn, 1);
	}
	result = summary(took, count);
	give(fd, &result, sizeof(result));
	exit(0);
}

static int start(size_t count, unsigned number, char **argv)
{
	int ends[2];
	pid_t pid;
	char turn;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		err(1, "socketpair");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		close(ends[0]);
		lane(ends[1], count, number, argv);
	}
	close(ends[1]);
	take(ends[0], &turn, 1); /* prepared */
	return ends[0];
}

static void tell(int fd)
{
	struct result r;

	take(fd, &r, sizeof(r));
	printf("%llu %llu %llu\n", (unsigned long long)r.p50, (unsigned long long)r.p99,
	       (unsigned long long)r.mean);
}

int main(int argc, char **argv)
{
	int n = (argc - 2) / LANE_ARGS, fds[LANES_MAX];
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	char turn = 0;
	cpu_set_t cpu;

	if (!count || n < 1 || n > LANES_MAX || argc != 2 + n * LANE_ARGS)
		errx(2, "usage: flow COUNT {MODE CGROUP_DIR NETNS PEER_NETNS ADDRESS}...");
	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu))
		err(1, "sched_setaffinity");

	for (int i = 0; i < n; i++)
		fds[i] = start(count, (unsigned)i, argv + 2 + i * LANE_ARGS);
	for (size_t done = 0; done < count; done += TURN)
		for (int i = 0; i < n; i++) {
			give(fds[i], &turn, 1);
			take(fds[i], &turn, 1);
		}
	for (int i = 0; i < n; i++)
		tell(fds[i]);
	while (wait(NULL) > 0)
		;
	return 0;
}
