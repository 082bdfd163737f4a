/* SPDX-License-Identifier: GPL-3.0-or-later */
/* help.h: what can be said to stilectl, from the rows. */
#pragma once

#include "gateway/base/text.h"
#include "proto/control.h"

void help_all(struct text *out);
void help_command(struct text *out, const struct control_command *command);
