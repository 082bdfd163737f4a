/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show_sync.c: numbers first, then what they mean. */
#include "tools/stilectl/show.h"

#include <inttypes.h>

#include "proto/json.h"
#include "tools/stilectl/field.h"

void show_verified(struct show *show, struct json_object *verified)
{
    const char *epoch = field_string(verified, "epoch");
    int64_t bad = field_int(verified, "first_bad", 0);

    text_addf(&show->out, "events %" PRId64 " to %" PRId64 " of epoch ", field_int(verified, "first", 0),
              field_int(verified, "last", 0));
    field_add(&show->out, epoch ? epoch : "?");
    text_addf(&show->out, ", %" PRId64 " in all: ", field_int(verified, "count", 0));
    if (bad)
        tone_add(&show->out, show->colour, TONE_BAD, "the chain breaks");
    else
        tone_add(&show->out, show->colour, TONE_GOOD, "the chain holds");
    text_add(&show->out, "\n");
}
