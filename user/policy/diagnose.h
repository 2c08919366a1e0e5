/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a name does not lead to where policy wants it, in plain words: what the chain, the addresses
 * and the zone say about the network's DNS, which the verdict on one address cannot.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "policy/explain.h"

/* Labels that only a private zone of Azure's own answers its SOA with. */
#define DIAGNOSE_PRIVATE_SERVER "azureprivatedns.net"

/**
 * diagnose_name() - What is wrong with a name's answers
 * @in:	policy, image, name, answers (those for the name count), chain, hosts, absent, zone_server
 * @ret: new reference: a list of texts, the most likely cause first; empty: nothing is wrong, or
 *	nothing is known about it
 *
 * Return: 0 or -ENOMEM.
 */
int diagnose_name(const struct explain_in *in, json_t **ret);

/**
 * diagnose_zone() - The private-link zone that a name, or one of its chain, lies in
 * @names: lower case, no trailing dot
 *
 * Return: static text, or NULL.
 */
const char *diagnose_zone(const char *const *names, size_t n);
