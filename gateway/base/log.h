/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log.h: one line on standard error per call, with its level and subsystem.
 *
 * Under systemd (JOURNAL_STREAM is set) a line starts with the journal's <n> priority; on a terminal with the
 * time. base, proto and core never log: they return what went wrong and their callers say it.
 */
#pragma once

#include <syslog.h>

/* Names the program in lines on a terminal and drops lines above a level. level: LOG_ERR ... LOG_DEBUG. Call
 * once, before any thread starts. program must outlive the process's logging. */
void log_init(const char *program, int level);

void log_write(int level, const char *subsystem, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(subsystem, ...)   log_write(LOG_ERR, subsystem, __VA_ARGS__)
#define log_warning(subsystem, ...) log_write(LOG_WARNING, subsystem, __VA_ARGS__)
#define log_notice(subsystem, ...)  log_write(LOG_NOTICE, subsystem, __VA_ARGS__)
#define log_info(subsystem, ...)    log_write(LOG_INFO, subsystem, __VA_ARGS__)
#define log_debug(subsystem, ...)   log_write(LOG_DEBUG, subsystem, __VA_ARGS__)
