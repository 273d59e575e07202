// What Swift cannot say itself: jemalloc's interface, the time stamp counter, cache prefetch.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <jemalloc/jemalloc.h>

/// Asks the processor to bring the cache line at `address` near; harmless for any address.
static inline void apus_prefetch(const void *address) { __builtin_prefetch(address); }

/// The processor's cycle-like counter: monotonic on one machine, frequency found by calibration.
static inline uint64_t apus_ticks(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
#error "no cycle counter known for this processor"
#endif
}

/// `byteCount` > 0 bytes from jemalloc, or NULL; free with `apus_free`.
static inline void *apus_allocate(size_t byteCount) { return mallocx(byteCount, 0); }

/// The block with room for `byteCount` > 0 bytes, where it is or elsewhere, or NULL.
static inline void *apus_reallocate(void *block, size_t byteCount) { return rallocx(block, byteCount, 0); }

/// Gives back a block whose requested size was `byteCount`.
static inline void apus_free(void *block, size_t byteCount) { sdallocx(block, byteCount, 0); }

/// What a request for `byteCount` > 0 bytes really takes: its size class.
static inline size_t apus_size_class(size_t byteCount) { return nallocx(byteCount, 0); }

/// The next waiting connection, non-blocking and closed on exec, or -1 with errno.
int apus_accept(int listener);

/// Names the calling thread; at most 15 bytes.
void apus_name_thread(const char *name);

/// Has the calling thread's timers end within a microsecond of when they should, instead of within fifty.
void apus_sharpen_timers(void);

/// Has the kernel give this process no huge pages, whatever the system's rule is.
void apus_refuse_huge_pages(void);

/// Copies the environment's strings to the heap, so that the block that they came in can be written over; at the start, once.
void apus_move_environment(void);

/// Makes jemalloc's figures those of now; then `apus_allocator_statistic` reads them, 0 for an unknown name.
void apus_refresh_allocator_statistics(void);
size_t apus_allocator_statistic(const char *name);

/// Reads a figure of jemalloc's that has the width of a size; returns 0, or the number of an error.
int apus_allocator_figure(const char *name, size_t *figure);

/// Has jemalloc do what `name` stands for; returns 0, or the number of an error.
int apus_allocator_act(const char *name);

/// Gives free pages back to the kernel.
void apus_purge_allocator(void);

/// Has a thread of jemalloc's own give free pages back to the kernel, from now on: done by whoever happens to free, it made
/// clients wait 10 to 27 ms while millions of keys were removed. A forked child must ask anew.
void apus_allocate_in_background(void);
