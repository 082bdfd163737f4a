/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session.h: one request and its answer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/text.h"
#include "proto/control.h"

/* A daemon that says nothing for so long has hung; one whose events are followed, or looked through, may. */
#define SESSION_PATIENCE_MS 30000

struct session {
    const char *socket;
    bool endless; /* the answer has no end */
    void (*line)(void *userdata, const char *line, size_t len, struct json_object *object);
    void *userdata;
};

/* Connects. Returns a descriptor or a negative errno. */
int session_connect(const char *path) must_check;

/* What to exit with if that gave a negative errno; message is what there is to say. */
enum control_exit session_refused(const char *path, int error, struct text *message);

/* Connects, asks, hands out each line of the answer but the last. Returns what to exit with; message is why
 * not, or a note with CONTROL_EXIT_OK. */
enum control_exit session_run(const struct session *session, const struct text *request,
                              struct text *message);
