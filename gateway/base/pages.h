/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pages.h: memory for large tables that are read here and there.
 *
 * In small pages nearly every such read also has to find out where its page is, which costs as much as the
 * read; so what fills large pages is given large ones, if the system has any to spare.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/cleanup.h"

/* Where what is given begins: a cache line. */
#define PAGES_ALIGN 64

/* Memory of any content for len bytes, to be freed by free(). NULL: there is none. */
void *pages_alloc(size_t len) must_check;
