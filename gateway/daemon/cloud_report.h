/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud_report.h: what up/report says of doors, devices and people (cloud contract 1). */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"

struct daemon;

/* Kind of the alarm that the policy's lease has run out, and reason of its event. */
#define CLOUD_LEASE_ALARM "lease"

/* Writes the payload; text is emptied first. Returns 0, -EMSGSIZE or -ENOMEM. */
int cloud_report_payload(struct daemon *daemon, struct text *text, const struct timestamp *now) must_check;
