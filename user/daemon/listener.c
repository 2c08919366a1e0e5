// SPDX-License-Identifier: Apache-2.0
#include "daemon/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/log.h"
#include "broker/broker.h"
#include "daemon/daemon.h"
#include "kern/callers.h"

/* The host in the words of the programs; unspecified ones cannot be called by their name. */
static int set_host(const char *host, struct sockaddr_storage *sa, uint16_t port)
{
	struct sockaddr_in *four = (struct sockaddr_in *)sa;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)sa;

	if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		return four->sin_addr.s_addr == INADDR_ANY ? -EINVAL : (int)sizeof(*four);
	}
	if (inet_pton(AF_INET6, host, &six->sin6_addr) != 1 ||
	    IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr) || IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return -EINVAL;
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	return (int)sizeof(*six);
}

int listener_parse(const char *text, struct listener_address *ret)
{
	const char *colon = strrchr(text, ':');
	size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
	size_t n = colon ? (size_t)(colon - text) : 0;
	struct listener_address a = { 0 };
	bool six = *text == '[';
	char host[INET6_ADDRSTRLEN];
	int r;

	if (!digits || digits > 5 || colon[1 + digits] || atoi(colon + 1) > UINT16_MAX)
		return -EINVAL;
	if (six && (n < 3 || colon[-1] != ']'))
		return -EINVAL;
	text += six;
	n -= six ? 2 : 0;
	if (!n || n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	r = set_host(host, &a.sa, (uint16_t)atoi(colon + 1));
	if (r < 0 || six != (a.sa.ss_family == AF_INET6))
		return -EINVAL;
	a.len = (socklen_t)r;
	*ret = a;
	return 0;
}

static int bind_to(const struct listener_address *a, int *ret)
{
	_cleanup_close_ int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
					0);
	int one = 1, r;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	r = broker_save_syn(fd);
	if (r < 0)
		return r;
	if (bind(fd, (const struct sockaddr *)&a->sa, a->len) < 0)
		return -errno;
	*ret = take_fd(fd);
	return 0;
}

int listener_broker(int fd, struct zta_broker *ret)
{
	struct sockaddr_storage sa = { 0 };
	const struct sockaddr_in *four = (const struct sockaddr_in *)&sa;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&sa;
	socklen_t len = sizeof(sa);
	struct zta_broker b = { 0 };

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return -errno;
	if (sa.ss_family == AF_INET) {
		b.addr.family = ZTA_V4;
		b.addr.w[0] = four->sin_addr.s_addr;
		b.port = ntohs(four->sin_port);
	} else {
		b.addr.family = ZTA_V6;
		memcpy(b.addr.w, &six->sin6_addr, sizeof(six->sin6_addr));
		b.port = ntohs(six->sin6_port);
	}
	*ret = b;
	return 0;
}

/* As programs write it: what IDENTITY_ENDPOINT begins with. */
static void name_it(struct daemon *d)
{
	char host[INET6_ADDRSTRLEN] = "";
	struct zta_broker b;

	if (listener_broker(d->broker_fd, &b) < 0)
		return;
	(void)inet_ntop(b.addr.family == ZTA_V4 ? AF_INET : AF_INET6, b.addr.w, host,
			sizeof(host)); /* it fits */
	(void)snprintf(d->broker_address, sizeof(d->broker_address),
		       b.addr.family == ZTA_V4 ? "%s:%u" : "[%s]:%u", host, b.port);
}

int listener_up(struct daemon *d, struct diag *diag)
{
	const char *given = d->config.broker_listen, *text = given ? given : LISTENER_DEFAULT;
	struct listener_address a;
	int r;

	d->broker_fd = -1;
	if (!strcmp(text, LISTENER_OFF))
		return 0;
	r = listener_parse(text, &a);
	if (r == 0)
		r = bind_to(&a, &d->broker_fd);
	if (r < 0 && given)
		return diag_set(diag, r, "cannot listen for the broker on %s:", text);
	if (r < 0) {
		log_warn("daemon: the broker cannot listen on %s, ignoring that: workloads get no "
			 "tokens: %s",
			 text, strerror(-r));
		return 0;
	}
	name_it(d);
	return 0;
}

void listener_down(struct daemon *d)
{
	if (d->broker_fd >= 0)
		(void)close(d->broker_fd); /* nothing was written to it */
	d->broker_fd = -1;
}

int listener_announce(struct daemon *d, struct diag *diag)
{
	struct zta_broker b;
	int r = d->broker_fd < 0 ? 0 : listener_broker(d->broker_fd, &b);

	if (r == 0)
		r = kern_broker_set(d->kern, d->broker_fd < 0 ? NULL : &b);
	return r < 0 ? diag_set(diag, r, "cannot tell where the broker listens:") : 0;
}
