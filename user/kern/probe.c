// SPDX-License-Identifier: Apache-2.0
#include "kern/probe.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "kern/object.h"
#include "kern/sockdiag.h"

struct checks {
	struct host_check *v;
	size_t n;
};

static void __attribute__((format(printf, 5, 6)))
add(struct checks *c, const char *name, bool required, bool ok, const char *fmt, ...)
{
	struct host_check *h = &c->v[c->n];
	va_list ap;

	if (c->n == KERN_CHECKS_MAX)
		return;
	h->name = name;
	h->ok = ok;
	h->required = required;
	va_start(ap, fmt);
	(void)vsnprintf(h->detail, sizeof(h->detail), fmt, ap);
	va_end(ap);
	c->n++;
}

/* return 0; */
static int load_empty(enum bpf_prog_type type, enum bpf_attach_type attach)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = attach);

	return bpf_prog_load(type, "zta_probe", "Dual BSD/GPL", insns,
			     sizeof(insns) / sizeof(insns[0]), &o);
}

static void check_program_types(struct checks *c)
{
	static const struct {
		const char *name;
		enum bpf_prog_type type;
		enum bpf_attach_type attach;
	} types[] = {
		{ "cgroup connect", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT },
		{ "cgroup sendmsg", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_SENDMSG },
		{ "cgroup sock_create", BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE },
		{ "cgroup skb", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS },
		{ "sockops", BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS },
	};
	char refused[512] = "";
	int n = 0;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		_cleanup_close_ int fd = load_empty(types[i].type, types[i].attach);

		if (fd < 0)
			n += snprintf(refused + n, sizeof(refused) - (size_t)n, "%s%s (%s)",
				      n ? ", " : "", types[i].name, strerror(-fd));
	}
	if (n)
		add(c, "programs", true, false, "the kernel refuses %s", refused);
	else
		add(c, "programs", true, true, "all kinds of programs load");
}

static void check_tracepoint(struct checks *c)
{
	_cleanup_close_ int prog = load_empty(BPF_PROG_TYPE_RAW_TRACEPOINT, 0);
	_cleanup_close_ int link = prog < 0 ? prog : bpf_raw_tracepoint_open("cgroup_mkdir", prog);

	if (link >= 0)
		add(c, "cgroup_mkdir", false, true, "tracepoint can be used");
	else
		add(c, "cgroup_mkdir", false, false,
		    "tracepoint cannot be used (%s): a new cgroup is judged by the default "
		    "profile until the daemon sees it",
		    strerror(-link));
}

static void check_close(struct checks *c)
{
	bool can = sock_can_close();

	add(c, "sock_destroy", false, can, "%s",
	    can ? "sockets that a packet shows to be denied are closed within a second"
		: "this kernel does not let us close sockets (CONFIG_INET_DIAG_DESTROY): "
		  "connections that are cut time out");
}

static void check_loaded(struct checks *c, struct kern *k)
{
	struct kern_hook v[KERN_HOOKS_MAX];
	const char *why;
	size_t n;

	if (kern_hooks(k, v, &n) < 0) {
		add(c, "hooks", true, false, "cannot ask the kernel for the programs of %s",
		    kern_cgroup_path(k));
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (!v[i].attached)
			add(c, v[i].name, true, false, "our program is not attached to %s",
			    kern_cgroup_path(k));
		else if (!v[i].last)
			add(c, v[i].name, false, false,
			    "%u programs of others run after ours, the last is '%s'; what they "
			    "change is judged again at the packet",
			    v[i].others, v[i].other);
		else
			add(c, v[i].name, true, true, "attached, link %u", v[i].link_id);
	}
	if (!kern_has_mkdir(k, &why))
		add(c, "new_cgroups", false, false, "not seen by the kernel: %s", why);
	else
		add(c, "new_cgroups", false, true, "get their workload in the kernel");
	if (!kern_has_family(k, &why))
		add(c, "socket_families", false, false,
		    "RDS, TIPC and packet sockets are not refused: %s", why);
	else
		add(c, "socket_families", false, true,
		    "RDS, TIPC and packet sockets are refused to profiles that deny by default");
}

size_t kern_probe(struct kern *k, struct host_check v[KERN_CHECKS_MAX])
{
	struct checks c = { .v = v };

	c.n = host_checks(v);
	check_program_types(&c);
	check_tracepoint(&c);
	check_close(&c);
	if (k)
		check_loaded(&c, k);
	return c.n;
}
