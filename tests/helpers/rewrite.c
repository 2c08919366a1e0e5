// SPDX-License-Identifier: Apache-2.0
/*
 * rewrite CGROUP_DIR FROM TO | rewrite CGROUP_DIR forgive
 *
 * Attaches a connect4 program of somebody else's to a cgroup: one that turns destination FROM into
 * TO (as a service load balancer does), or one that turns every refusal into success. Prints
 * "ready", detaches when stdin ends.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <err.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define IP4 ((short)offsetof(struct bpf_sock_addr, user_ip4))

static int program_load(const char *from, const char *to)
{
	struct in_addr a = { 0 }, b = { 0 };
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_CGROUP_INET4_CONNECT);

	if (to && (inet_pton(AF_INET, from, &a) != 1 || inet_pton(AF_INET, to, &b) != 1))
		errx(125, "%s, %s: not IPv4 addresses", from, to);
	{
		struct bpf_insn rewrite[] = {
			INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, IP4, 0),
			INSN(BPF_ALU | BPF_MOV | BPF_K, 3, 0, 0, (int)a.s_addr),
			INSN(BPF_JMP | BPF_JNE | BPF_X, 2, 3, 2, 0),
			INSN(BPF_ALU | BPF_MOV | BPF_K, 2, 0, 0, (int)b.s_addr),
			INSN(BPF_STX | BPF_MEM | BPF_W, 1, 2, IP4, 0),
			INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1),
			INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		};
		struct bpf_insn forgive[] = {
			INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 0),
			INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_set_retval),
			INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1),
			INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		};

		return bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "other", "GPL",
				     to ? rewrite : forgive, to ? 7 : 4, &opts);
	}
}

int main(int argc, char **argv)
{
	int cgroup, prog;
	char c;

	if (argc < 3)
		errx(125, "CGROUP_DIR FROM TO | CGROUP_DIR forgive");
	cgroup = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup < 0)
		err(125, "%s", argv[1]);
	prog = program_load(argv[2], argc > 3 ? argv[3] : NULL);
	if (prog < 0)
		err(125, "load");
	if (bpf_link_create(prog, cgroup, BPF_CGROUP_INET4_CONNECT, NULL) < 0)
		err(125, "attach");
	puts("ready");
	fflush(stdout);
	return read(0, &c, 1) < 0;
}
