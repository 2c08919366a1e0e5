// SPDX-License-Identifier: Apache-2.0
/*
 * answerer ADDRESS PORT: a resolver fast enough to be no bottleneck, on ADDRESS:53, and a server
 * that accepts and closes, on PORT of every address. The eight hexadecimal digits at the start of a
 * name are the address of its A record; it has no other. Prints "ready".
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD 12

static int bound(int type, const char *address, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, type, 0), on = 1;

	if (inet_pton(AF_INET, address, &a.sin_addr) != 1)
		errx(125, "%s: not an address", address);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		err(125, "%s:%d", address, port);
	return fd;
}

static void serve(int port)
{
	int fd = bound(SOCK_STREAM, "0.0.0.0", port);

	if (listen(fd, 4096) < 0)
		err(125, "listen");
	if (fork())
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		close(accept(fd, NULL, NULL));
}

/* Turns a query of @len octets into its answer; 0: nothing to say. */
static size_t answer(unsigned char *m, size_t len)
{
	static const unsigned char record[] = { 0xc0, HEAD, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4 };
	size_t end = HEAD;
	char digits[9] = "";
	in_addr_t address;

	while (end < len && m[end])
		end += m[end] + 1;
	if (end + 5 > len || m[HEAD] < 8)
		return 0;
	end += 5;
	m[2] |= 0x80;
	m[3] = 0x80;
	memset(m + 8, 0, 4); /* no EDNS */
	if (m[end - 3] != 1)
		return end;
	memcpy(digits, m + HEAD + 1, 8);
	address = htonl((in_addr_t)strtoul(digits, NULL, 16));
	m[7] = 1;
	memcpy(m + end, record, sizeof(record));
	memcpy(m + end + sizeof(record), &address, 4);
	return end + sizeof(record) + 4;
}

int main(int argc, char **argv)
{
	unsigned char m[2048];
	struct sockaddr_in peer;
	int fd;

	if (argc != 3)
		errx(125, "usage: answerer ADDRESS PORT");
	serve(atoi(argv[2]));
	fd = bound(SOCK_DGRAM, argv[1], 53);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		socklen_t size = sizeof(peer);
		ssize_t n = recvfrom(fd, m, sizeof(m) - 64, 0, (struct sockaddr *)&peer, &size);
		size_t len = n > 0 ? answer(m, (size_t)n) : 0;

		if (len)
			(void)sendto(fd, m, len, 0, (struct sockaddr *)&peer, size);
	}
}
