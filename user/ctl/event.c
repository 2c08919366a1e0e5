// SPDX-License-Identifier: Apache-2.0
#include "ctl/event.h"

#include <string.h>

#include "base/buf.h"
#include "ctl/print.h"

char *event_process(const json_t *event)
{
	const json_t *p = json_object_get(event, "process");
	_cleanup_buf_ struct buf b = { 0 };

	if (buf_puts(&b, print_string(p, "comm")) < 0)
		return NULL;
	if (json_object_get(p, "pid") &&
	    buf_printf(&b, "[%lld]", (long long)print_integer(p, "pid")) < 0)
		return NULL;
	return buf_take(&b);
}

/* What a record without a destination tells about itself. */
static int add_detail(struct buf *b, const json_t *event)
{
	static const char *const members[] = { "detail", "server_name", "until" };

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const char *text = print_string(event, members[i]);

		if (*text)
			return buf_puts(b, text);
	}
	if (!strcmp(print_string(event, "type"), "policy"))
		return buf_printf(b, "%s, generation %lld", print_string(event, "policy.name"),
				  (long long)print_integer(event, "policy.generation"));
	return buf_puts(b, "");
}

/* With the name that it has, or that a server was called by there. */
static int add_address(struct buf *b, const json_t *event, const json_t *d)
{
	const char *address = print_string(d, "address"), *protocol = print_string(d, "protocol");
	const char *name = print_string(d, "name");
	int r;

	if (!*name)
		name = print_string(event, "server_name");

	r = buf_printf(b, strchr(address, ':') ? "[%s]" : "%s", address);
	if (r == 0 && json_object_get(d, "port"))
		r = buf_printf(b, ":%lld", (long long)print_integer(d, "port"));
	if (r == 0 && *protocol && strcmp(protocol, "tcp"))
		r = buf_printf(b, "/%s", protocol);
	if (r == 0 && *name)
		r = buf_printf(b, " %s", name);
	return r;
}

char *event_destination(const json_t *event)
{
	const json_t *d = json_object_get(event, "destination");
	_cleanup_buf_ struct buf b = { 0 };
	int r;

	if (*print_string(d, "address"))
		r = add_address(&b, event, d);
	else if (*print_string(d, "name"))
		r = buf_puts(&b, print_string(d, "name"));
	else if (*print_string(d, "protocol"))
		r = buf_printf(&b, "%s socket", print_string(d, "protocol"));
	else
		r = add_detail(&b, event);
	return r < 0 ? NULL : buf_take(&b);
}

const char *event_workload(const json_t *event)
{
	const char *cgroup = print_string(event, "workload.cgroup");

	return *cgroup ? cgroup : print_string(event, "target");
}

const char *event_verdict(const json_t *event)
{
	const char *verdict = print_string(event, "verdict");

	return *verdict ? verdict : print_string(event, "type");
}
