/* SPDX-License-Identifier: GPL-3.0-or-later */
/* alarms.h: the alarms in force: what is reported to the cloud and told to people. */
#pragma once

#include <stddef.h>

#include "proto/cloud_message.h"
#include "proto/json.h"

struct daemon;

/* The lease's, if it has run out, then the doors', by door; more than fit are left out. Strings are the
 * policy's in force. Returns how many. */
size_t alarms_in_force(const struct daemon *daemon,
                       struct cloud_report_alarm ret_alarms[static CLOUD_REPORT_ENTRIES_MAX]);

/* Adds the list "alarms" to an open object. */
void alarms_add(struct json_out *out, const struct daemon *daemon);
