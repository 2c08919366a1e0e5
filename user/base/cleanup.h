/* SPDX-License-Identifier: Apache-2.0 */
/* Ownership at the declaration: what a scope owns is released when it is left. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)	 __attribute__((cleanup(f)))
#define _cleanup_free_	 _cleanup_(cleanup_free)
#define _cleanup_close_	 _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

/* Hands the pointer out and leaves NULL behind, so that the cleanup does nothing. */
#define take_ptr(p)                             \
	({                                      \
		__typeof__(p) *take_at = &(p);  \
		__typeof__(p) taken = *take_at; \
		*take_at = NULL;                \
		taken;                          \
	})

/* The same for a file descriptor; -1 is left behind. */
#define take_fd(fd)                   \
	({                            \
		int *take_at = &(fd); \
		int taken = *take_at; \
		*take_at = -1;        \
		taken;                \
	})

/* Defines name##_p() for _cleanup_(), which calls name() on the pointer. name(NULL) is a no-op. */
#define CLEANUP_DEFINE(type, name)           \
	static inline void name##_p(type *p) \
	{                                    \
		name(*p);                    \
	}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing can be done about a failure here */
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		(void)fclose(*f); /* writers check fflush() and fsync() themselves */
}
