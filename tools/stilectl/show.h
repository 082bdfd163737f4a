/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show.h: answers as text for people. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/text.h"
#include "proto/control.h"
#include "tools/stilectl/table.h"

struct show {
    const struct control_command *command;
    bool colour;
    int64_t now_us; /* UTC */
    struct table table;
    struct text out; /* the caller prints and empties it after each call */
};

/* Strings of command last. */
void show_init(struct show *show, const struct control_command *command, bool colour, int64_t now_us);
void show_finish(struct show *show);

/* One line of the answer. */
void show_line(struct show *show, struct json_object *object);

/* The answer was complete. */
void show_end(struct show *show);

/* A member of the object as the next cell, in the colour of what it says. */
void show_member(struct show *show, struct json_object *object, const char *member);

/* In show_door.c: a door as a row; why its mode holds; its alarms; what its mode looks like. */
void show_door(struct show *show, struct json_object *door);
void show_door_why(struct text *out, struct json_object *why, int64_t now_us);
void show_door_alarms(struct text *out, struct json_object *door);
enum tone show_door_tone(const char *mode);

/* In show_lock.c: what a scan found; how a lock is; what an order of a device comes to, with what its driver
 * says meanwhile; and what a device says. */
void show_found(struct show *show, struct json_object *found);
void show_lock(struct show *show, struct json_object *lock);
void show_outcome(struct show *show, struct json_object *outcome);
void show_said(struct show *show, struct json_object *said);

/* "completed in 12 ms, no_passage". */
void show_came_to(struct text *out, bool colour, struct json_object *outcome);

/* In show_event.c: a word of the wire, "device_down", as one says it; one event as a line without LF, from
 * behind its time on. */
void show_words(struct text *out, const char *kind);
void show_event(struct text *out, struct json_object *event);
void show_event_briefly(struct text *out, struct json_object *event); /* in fewer columns */

/* What a state, an outcome or a status looks like. */
enum tone show_tone(const char *state);

/* What begins a line of its own. "" goes on below the last. */
void show_label(struct show *show, const char *label);

/* In show_sync.c: how far gateway and cloud agree; what events were looked at, and whether they can be
 * believed. */
void show_sync(struct show *show, struct json_object *sync);
void show_verified(struct show *show, struct json_object *verified);

/* In show_reach.c: a row of who would be let in at a place, and of where somebody would be. */
void show_who(struct show *show, struct json_object *verdict);
void show_where(struct show *show, struct json_object *verdict);

/* In show_explain.c: a verdict that can be read to the person at the door. */
void show_explain(struct show *show, struct json_object *verdict);
