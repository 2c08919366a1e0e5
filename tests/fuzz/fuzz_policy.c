// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a policy document: parse, and what parses is compiled. A refusal has a reason with a
 * place inside the document; what is accepted has none and compiles or says why not.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/diag.h"
#include "policy/compile.h"
#include "policy/image.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static void check_places(const struct diag_list *l, const uint8_t *data, size_t size)
{
	size_t lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	for (size_t i = 0; i < l->n; i++) {
		must(l->v[i].line >= 1 && l->v[i].line <= lines + 1);
		must(l->v[i].column >= 1);
		must(l->v[i].message && l->v[i].message[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag_list errors = { 0 }, warnings = { 0 };
	struct policy_image *image = NULL;
	struct policy *policy = NULL;
	int r;

	r = policy_parse((const char *)data, size, &errors, &warnings, &policy);
	must(r == 0 || r == -EINVAL || r == -EFBIG);
	must((r == 0) == (policy != NULL));
	must((r == 0) == (errors.n == 0));
	check_places(&errors, data, size);
	check_places(&warnings, data, size);
	if (policy) {
		r = policy_compile(policy, &(struct compile_opts){ .generation = 1 }, &image,
				   &errors);
		must((r == 0) == (image != NULL));
		must(r == 0 || errors.n > 0);
	}
	policy_image_free(image);
	policy_free(policy);
	diag_list_free(&errors);
	diag_list_free(&warnings);
	return 0;
}
