// SPDX-License-Identifier: Apache-2.0
#include "kern/ring.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "kern/object_private.h"

struct kern_ring {
	struct ring_buffer *rb;
	struct ring_buffer *notes; /* the ring of notes once more, to be read alone */
	kern_ring_cb cb;
	void *ctx;
	int left; /* records that may still be handed out in this call */
	int done;
};

/* A record of another shape cannot be, the rings have a version. It would be skipped. */
static bool is_whole(const void *data, size_t size)
{
	const struct zta_event *e = data;

	return size >= sizeof(*e) &&
	       (e->type != ZTA_EVENT_ANSWER || size >= sizeof(struct zta_answer_note));
}

static int on_record(void *ctx, void *data, size_t size)
{
	struct kern_ring *ring = ctx;

	if (is_whole(data, size)) {
		ring->cb(ring->ctx, data);
		ring->done++;
	}
	return --ring->left > 0 ? 0 : -EAGAIN; /* this record is consumed in either case */
}

int kern_ring_open(struct kern *k, kern_ring_cb cb, void *ctx, struct kern_ring **ret)
{
	struct kern_ring *ring = calloc(1, sizeof(*ring));
	int r;

	if (!ring)
		return -ENOMEM;
	ring->cb = cb;
	ring->ctx = ctx;
	ring->rb = ring_buffer__new(k->map[KERN_MAP_DENIALS], on_record, ring, NULL);
	r = ring->rb ? ring_buffer__add(ring->rb, k->map[KERN_MAP_NOTES], on_record, ring) : -errno;
	if (r == 0) {
		ring->notes = ring_buffer__new(k->map[KERN_MAP_NOTES], on_record, ring, NULL);
		r = ring->notes ? 0 : -errno;
	}
	if (r < 0) {
		kern_ring_close(ring);
		return r;
	}
	*ret = ring;
	return 0;
}

void kern_ring_close(struct kern_ring *ring)
{
	if (!ring)
		return;
	ring_buffer__free(ring->notes);
	ring_buffer__free(ring->rb);
	free(ring);
}

int kern_ring_fd(const struct kern_ring *ring)
{
	return ring_buffer__epoll_fd(ring->rb);
}

int kern_ring_consume(struct kern_ring *ring, int max)
{
	int r;

	ring->left = max;
	ring->done = 0;
	r = ring_buffer__consume(ring->rb);
	return r < 0 && r != -EAGAIN ? r : ring->done;
}

void kern_ring_notes(struct kern_ring *ring)
{
	int left = ring->left;

	ring->left = ZTA_NOTE_RING_BYTES / sizeof(struct zta_event); /* as many as fit */
	(void)ring_buffer__consume(ring->notes); /* what is left comes by itself */
	ring->left = left;
}
