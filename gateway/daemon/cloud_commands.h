/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud_commands.h: carries out what the cloud commands (cloud contract 4), once sync has let it through and
 * the ledger has it. Each command is told its end once, by whoever knows it: at once, or when a device has
 * spoken. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/clock.h"
#include "gateway/sync/sync.h"
#include "proto/driver_message.h"

struct cloud_commands;
struct daemon;
struct verdict;

/* Devices that are being probed at once; more are refused. */
#define CLOUD_COMMANDS_PROBES_MAX 16

int cloud_commands_new(struct cloud_commands **ret) must_check;
struct cloud_commands *cloud_commands_free(struct cloud_commands *commands);

/* What an earlier run began and did not end is handed to sync. Returns 0 or a negative errno. */
int cloud_commands_restore(struct daemon *daemon) must_check;

/* Hooks of sync; user is the daemon. */
bool cloud_commands_has_target(void *user, enum cloud_verb verb, const char *target);
int cloud_commands_begin(void *user, const struct sync_command_name *name);
bool cloud_commands_run(void *user, const struct timestamp *now, const struct sync_command *command,
                        struct sync_command_end *ret_end);
int cloud_commands_end(void *user, const struct timestamp *now, const struct sync_command_ended *ended);

/* Name of the command that is being carried out in this very moment, NULL if none is: for the events that it
 * brings about. */
const char *cloud_commands_jti(const struct daemon *daemon);

/* A device has carried out the command's release, or has not. reason may be NULL or "". */
void cloud_commands_driven(struct daemon *daemon, int64_t id, enum driver_outcome outcome,
                           const char *reason);

/* An open command releases nothing: it was denied, or the door is open anyway. */
void cloud_commands_decided(struct daemon *daemon, int64_t id, const struct verdict *verdict);

/* A result from a driver. Returns whether it was for a probe of ours. */
bool cloud_commands_result(struct daemon *daemon, int64_t id, enum driver_outcome outcome,
                           const char *reason);
