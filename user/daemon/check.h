/* SPDX-License-Identifier: Apache-2.0 */
/* ztad --check: configuration and policy, without touching anything. */
#pragma once

struct options;

/* Prints what is wrong. Return: 0 valid, 1 not (the exit status). */
int check_run(const struct options *o);
