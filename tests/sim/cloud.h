/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud.h: stile-cloud's own peers, feed and journal, on the simulated broker and disk. Only its poll loop
 * (tools/stile-cloud/serve.c) is replaced. Here is also who changes the policy, and the history of what it
 * was. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/content.h"
#include "tools/stile-cloud/site.h"

/* A policy that the cloud has had. */
struct cloud_version {
    struct cloud_policy policy;
    struct content content;
};

void cloud_begin(void);
void cloud_end(void);

/* Whether what runs now is the cloud's code. */
bool cloud_is_running(void);

/* The process serves. */
bool cloud_serving(void);

/* From the broker. */
void cloud_receive(const char *topic, const char *payload, size_t len);
void cloud_lost(const char *reason);

/* Somebody changes the policy; no bad item is left if mend. */
void cloud_change(bool mend);

/* The version of that number, the latest if there are several; NULL if there never was one. */
const struct cloud_version *cloud_find_version(int64_t generation, int64_t version);
const struct cloud_version *cloud_newest(void);

/* Faults. */
void cloud_power_off(int64_t operations);
void cloud_kill(void);
void cloud_put_old_image(void);
void cloud_check_power(void);
