/* SPDX-License-Identifier: GPL-3.0-or-later */
/* watch.h: `stilectl watch`: doors, taps, alarms and devices as they are, until Ctrl-C.
 *
 * On a terminal a screen that is kept up to date; elsewhere, and with --json, a line for each happening. It
 * follows the events, and asks for the state of doors and devices when an event says that it may have
 * changed. When the daemon goes it waits for it, and goes on behind the last event that it was told.
 */
#pragma once

#include "tools/stilectl/arguments.h"

/* Returns what to exit with; message is why not 0. */
enum control_exit watch_run(const struct arguments *arguments, bool colour, struct text *message);
