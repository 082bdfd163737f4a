/* SPDX-License-Identifier: GPL-3.0-or-later */
/* world.h: what goes on in a universe: people come to doors, others change the policy, and things break; then
 * they are mended, and all must come right. */
#pragma once

void world_begin(void);
