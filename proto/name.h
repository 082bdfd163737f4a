/* SPDX-License-Identifier: GPL-3.0-or-later */
/* name.h: what ids and names may look like. */
#pragma once

#include <stdbool.h>

#define ID_BYTES_MAX 64
#define ID_SIZE      (ID_BYTES_MAX + 1)

/* An item's id (decision contract 1): 1-64 of A-Z a-z 0-9 . _ : - from a letter or digit on. */
bool id_valid(const char *id);

/* A site's, gateway's or epoch's name in a topic (cloud contract 1): as an id, without ':'. */
bool topic_name_valid(const char *name);

#define ID_EXPECTED         "must be 1 to 64 of A-Z a-z 0-9 . _ : - starting with a letter or digit"
#define TOPIC_NAME_EXPECTED "must be 1 to 64 of A-Z a-z 0-9 . _ - starting with a letter or digit"
