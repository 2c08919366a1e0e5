// SPDX-License-Identifier: Apache-2.0
/*
 * weigh OBJECT: what the verifier of this kernel takes for each program of an object file, which is
 * loaded and not attached: "processed instructions, tab, program" a line, "-" where the kernel
 * refuses it. Exit 1 when all are refused.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_STATS 4 /* log_level: the last lines only */

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

/* Load one program of the object alone; 0 = refused. */
static unsigned long weigh(const char *path, const char *name)
{
	static char log[65536];
	struct bpf_object *obj = bpf_object__open(path);
	struct bpf_program *p;
	unsigned long n = 0;
	const char *at;

	if (!obj)
		err(2, "%s", path);
	bpf_object__for_each_program(p, obj)(void)
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), name));
	log[0] = '\0';
	p = bpf_object__find_program_by_name(obj, name);
	if (bpf_program__set_log_buf(p, log, sizeof(log)) ||
	    bpf_program__set_log_level(p, LOG_STATS))
		err(2, "log of %s", name);
	if (bpf_object__load(obj) == 0) {
		at = strstr(log, "processed ");
		n = at ? strtoul(at + strlen("processed "), NULL, 10) : 0;
	}
	bpf_object__close(obj);
	return n;
}

int main(int argc, char **argv)
{
	unsigned long n, all = 0;
	struct bpf_object *obj;
	struct bpf_program *p;

	if (argc != 2)
		errx(2, "usage: weigh OBJECT");
	(void)libbpf_set_print(quiet);
	obj = bpf_object__open(argv[1]);
	if (!obj)
		err(2, "%s", argv[1]);
	bpf_object__for_each_program(p, obj)
	{
		n = weigh(argv[1], bpf_program__name(p));
		all += n;
		if (n)
			printf("%lu\t%s\n", n, bpf_program__name(p));
		else
			printf("-\t%s\n", bpf_program__name(p));
	}
	bpf_object__close(obj);
	return all ? 0 : 1;
}
