/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log.c: a line is composed first and written with one write(), so that lines of several processes do not
 * mix. */
#include "gateway/base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_BYTES 2048

/* Set once before any thread starts, constant from then on. */
static const char *log_program = "stile";
static int log_level = LOG_INFO;
static bool log_to_journal;

void log_init(const char *program, int level)
{
    log_program = program;
    log_level = level;
    log_to_journal = getenv("JOURNAL_STREAM") != NULL;
}

static int write_prefix(char *line, size_t size, int level, const char *subsystem)
{
    if (log_to_journal)
        return snprintf(line, size, "<%d>%s: ", level, subsystem);

    struct timespec now;
    struct tm local;

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    return snprintf(line, size, "%02d:%02d:%02d.%03ld %s %s: ", local.tm_hour, local.tm_min, local.tm_sec,
                    now.tv_nsec / 1000000, log_program, subsystem);
}

void log_write(int level, const char *subsystem, const char *format, ...)
{
    char line[LOG_LINE_BYTES];
    va_list args;

    if (level > log_level)
        return;
    int used = write_prefix(line, sizeof(line) - 1, level, subsystem);

    va_start(args, format);
    int added = vsnprintf(line + used, sizeof(line) - 1 - (size_t)used, format, args);
    va_end(args);
    if (added < 0)
        return;
    size_t len = strlen(line);

    for (size_t i = 0; i < len; i++)
        if (line[i] == '\n')
            line[i] = ' ';
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0)
        return; /* nowhere to say so */
}
