/* SPDX-License-Identifier: GPL-3.0-or-later */
/* devices.h: from the policy's device items to running drivers, and what they say of their health. */
#pragma once

#include "gateway/base/cleanup.h"

struct daemon;

/* Starts the drivers' supervision with the devices of the policy in force. Returns 0 or a negative errno. */
int devices_start(struct daemon *daemon) must_check;

/* Makes the devices be those of the policy in force. */
void devices_configure(struct daemon *daemon);
