/* SPDX-License-Identifier: Apache-2.0 */
/* The two rings, denials before notes. */
#pragma once

#include "base/cleanup.h"

struct kern;
struct kern_ring;
struct zta_event;

/* Borrowed for the call. Of type ANSWER it is a whole struct zta_answer_note. */
typedef void (*kern_ring_cb)(void *ctx, const struct zta_event *e);

/* Return: 0 or -errno. The ring must be closed before the handle. */
int kern_ring_open(struct kern *k, kern_ring_cb cb, void *ctx, struct kern_ring **ret);
void kern_ring_close(struct kern_ring *ring);
CLEANUP_DEFINE(struct kern_ring *, kern_ring_close)

/* Readable (level-triggered) while there are records. */
int kern_ring_fd(const struct kern_ring *ring);

/*
 * Hand out what has come on the ring of notes, from within the callback of a denial: the kernel
 * puts the note of an answer there before the denial that speaks of it.
 */
void kern_ring_notes(struct kern_ring *ring);

/**
 * kern_ring_consume() - Hand out what has come
 * @max: at most so many records, so that a flood does not hold the loop
 *
 * Return: how many, or -errno.
 */
int kern_ring_consume(struct kern_ring *ring, int max);
