/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A package from its sources: make and gcc in the initramfs that bench/mkimages makes. */
#include "bench.h"
#include <fcntl.h>
#include <sys/wait.h>

#define SOURCES "/src"
#define SAID    "/tmp/said"

/* What make said, as the reason of an error. */
static void must_have_made(bool ok, const char *target)
{
    char text[512];

    if (ok)
        return;
    const int fd = open(SAID, O_RDONLY);
    const ssize_t bytes = fd >= 0 ? read(fd, text, sizeof(text)) : 0;

    printf("%.*s\n", bytes > 0 ? (int)bytes : 0, text);
    must(false, target);
}

/* Runs make with one target; what it says goes to a file. */
static void make(const char *target)
{
    char *const command[] = { "make", "-s", (char *)target, "CFLAGS=", NULL };
    static char *const environment[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", NULL };
    const pid_t child = fork();
    int status = 0;

    if (child == 0) {
        const int fd = open(SAID, O_CREAT | O_WRONLY | O_TRUNC, 0600);

        if (fd >= 0 && dup2(fd, 1) == 1 && dup2(fd, 2) == 2 && chdir(SOURCES) == 0)
            execve("/usr/bin/make", command, environment);
        _exit(1);
    }
    MUST(child > 0 && waitpid(child, &status, 0) == child);
    must_have_made(WIFEXITED(status) && WEXITSTATUS(status) == 0, target);
}

void bench_compiler(void)
{
    /* Billions of instructions: what differs from one time to the next is lost in them. */
    MEASURE_N(1, 1, "make and gcc: bzip2 from its sources", , make("bzip2"));
    MUST(access(SOURCES "/bzip2", X_OK) == 0);
}
