/* SPDX-License-Identifier: GPL-3.0-or-later */
/* device_orders.h: what people order of devices themselves: scans, pairings, a lock's bolt and latch, a
 * release by an installer. Each is recorded with who ordered it; what becomes of it follows from that event,
 * and is told to whoever waits as it comes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/ctl/backend.h"
#include "hal/hal.h"

struct daemon;
struct device_orders;

/* Radios that scan for one order; further ones do not. */
#define DEVICE_ORDERS_RADIOS_MAX 8

/* How long an order has, but for a scan, which says so itself. A person stands there, and a lock behind a
 * sleeping radio takes its time; pairing waits for a button. */
#define DEVICE_ORDERS_LIMIT_US (20 * USEC_PER_SEC)
#define DEVICE_ORDERS_PAIR_US  (120 * USEC_PER_SEC)

/* An installer's release. */
#define DEVICE_ORDERS_PULSE_MS 700

int device_orders_new(struct device_orders **ret) must_check;

/* Answers who still asks. Takes NULL, returns NULL. */
struct device_orders *device_orders_free(struct device_orders *orders);

/* Carries an order out and answers it. radios: for a scan, which devices are to look. */
void device_orders_begin(struct daemon *daemon, struct ctl_reply *reply, const struct ctl_device_order *order,
                         const char *const radios[], size_t radio_count);

/* As hal's callbacks; two say whether the command is one of these. */
bool device_orders_result(struct daemon *daemon, int64_t id, enum driver_outcome outcome, const char *reason,
                          int64_t ms);
void device_orders_found(struct daemon *daemon, int64_t id, const struct driver_found *found);
bool device_orders_progress(struct daemon *daemon, int64_t id, const char *text);
