/* SPDX-License-Identifier: GPL-3.0-or-later */
/* desk.h: somebody at the cloud who commands, and somebody who would like to (cloud contract 4). */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/key.h"

void desk_begin(void);
void desk_end(void);

/* The key that the gateway believes. */
struct key_set desk_keys(void);

/* Sends one. */
void desk_send(void);

/* A verb is being carried out now. */
bool desk_running(void);

/* The cloud hears a state, with its challenge. */
void desk_heard(const char *payload, size_t len);

/* A result is said. */
void desk_said(const char *payload, size_t len);

/* C3: what was run is known by one event, which agrees with what was said. */
void desk_check_all(sqlite3 *cloud);
