/* SPDX-License-Identifier: GPL-3.0-or-later */
/* link.h: what stands in for stile-link, behind gateway/base/child.h: the gateway's client of the broker,
 * which speaks the real lines. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

void link_begin(void);
void link_end(void);

/* From the broker: topic below the prefix. */
void link_receive(const char *topic, bool retained, const char *payload, size_t len);
void link_lost(const char *reason);

/* The process crashes, and is started again. */
void link_crash(void);

/* stiled is gone, and its link with it. silently: with the power. */
void link_gone(bool silently);
