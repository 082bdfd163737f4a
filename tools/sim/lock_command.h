/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_command.h: what `sim-lock ctl SOCKET COMMAND` can make a simulated lock do. */
#pragma once

#include <stdio.h>

#include "tools/sim/ctl.h"
#include "tools/sim/lock_device.h"

/* For ctl_serve(): device is a struct lock_device. */
void lock_command_handle(void *device, int argc, char *argv[], char reply[static CTL_REPLY_SIZE]);

/* A line for each command. */
void lock_command_help(FILE *out);
