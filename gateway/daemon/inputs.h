/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inputs.h: contacts, buttons, alarms and passages, on their way to core and to the log. */
#pragma once

#include "proto/driver_message.h"

struct daemon;

/* An input, passage, no_passage, state or record event of a device. */
void inputs_event(struct daemon *daemon, const char *device, const struct driver_event *event);
