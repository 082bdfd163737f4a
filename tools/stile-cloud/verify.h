/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verify.h: whether the stored events are what the gateways said (cloud contract 3). */
#pragma once

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "tools/stile-cloud/site.h"

/* Walks along each log (gateway, epoch) up to where it stands now: every number once (E1), each event what
 * its number says, the chain from the epoch's begin to the cursor's hash (E2), and nothing missing but the
 * holes that were recorded (E4). gateway: NULL for all. Appends a line a log to text. Returns how many logs
 * are not as they should be, or a negative errno. */
int verify_events(struct site *site, const char *gateway, struct text *text) must_check;
