/* SPDX-License-Identifier: GPL-3.0-or-later */
/* device_test.h: `stilectl device test`: walks an installer through every output and input of a device. */
#pragma once

#include "tools/stilectl/arguments.h"

/* Returns what to exit with: CONTROL_EXIT_NO if something failed; message is why it could not be done. */
enum control_exit device_test_run(const struct arguments *arguments, bool colour, struct text *message);
