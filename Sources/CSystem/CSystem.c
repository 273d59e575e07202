// Calls that glibc shows only with its extensions switched on, which a module map cannot do.
#define _GNU_SOURCE
#include "CSystem.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

int apus_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

void apus_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

void apus_sharpen_timers(void) { prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0); }

void apus_refuse_huge_pages(void) { prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); }

void apus_move_environment(void) {
    for (char **entry = environ; entry && *entry; entry++) {
        char *copy = strdup(*entry);
        if (copy) *entry = copy;
    }
}

void apus_refresh_allocator_statistics(void) {
    uint64_t epoch = 1;
    size_t size = sizeof epoch;
    mallctl("epoch", &epoch, &size, &epoch, size);
}

int apus_allocator_figure(const char *name, size_t *figure) {
    size_t size = sizeof *figure;
    return mallctl(name, figure, &size, NULL, 0);
}

size_t apus_allocator_statistic(const char *name) {
    size_t value = 0;
    return apus_allocator_figure(name, &value) == 0 ? value : 0;
}

int apus_allocator_act(const char *name) { return mallctl(name, NULL, NULL, NULL, 0); }

void apus_purge_allocator(void) { mallctl("arena.4096.purge", NULL, NULL, NULL, 0); }

void apus_allocate_in_background(void) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    return;  // it knows no threads but those that the program itself starts
#endif
#endif
    bool wanted = true;
    mallctl("background_thread", NULL, NULL, &wanted, sizeof wanted);
}
