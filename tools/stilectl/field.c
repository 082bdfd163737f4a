/* SPDX-License-Identifier: GPL-3.0-or-later */
/* field.c: the daemon may be newer or older than this program. */
#include "tools/stilectl/field.h"

#include <json-c/json.h>

static struct json_object *member_of(struct json_object *object, const char *member, enum json_type type)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(object, member, &value);
    return json_object_is_type(value, type) ? value : NULL;
}

const char *field_string(struct json_object *object, const char *member)
{
    struct json_object *value = member_of(object, member, json_type_string);

    return value ? json_object_get_string(value) : NULL;
}

struct json_object *field_object(struct json_object *object, const char *member)
{
    return member_of(object, member, json_type_object);
}

struct json_object *field_list(struct json_object *object, const char *member)
{
    return member_of(object, member, json_type_array);
}

const char *field_entry(struct json_object *list, size_t i)
{
    struct json_object *entry = json_object_array_get_idx(list, i);

    return json_object_is_type(entry, json_type_string) ? json_object_get_string(entry) : NULL;
}

int64_t field_int(struct json_object *object, const char *member, int64_t otherwise)
{
    struct json_object *value = member_of(object, member, json_type_int);

    return value ? json_object_get_int64(value) : otherwise;
}

bool field_true(struct json_object *object, const char *member)
{
    return json_object_get_boolean(member_of(object, member, json_type_boolean));
}

bool field_false(struct json_object *object, const char *member)
{
    struct json_object *value = member_of(object, member, json_type_boolean);

    return value && !json_object_get_boolean(value);
}

void field_add(struct text *out, const char *value)
{
    for (; *value; value++) {
        unsigned char c = (unsigned char)value[0];
        bool c1 = c == 0xc2 && (unsigned char)value[1] < 0xa0; /* U+0080 to U+009F */

        if (c < ' ' || c == 0x7f || c1)
            text_add(out, "?");
        else
            text_add_bytes(out, value, 1);
        value += c1;
    }
}

void field_add_list(struct text *out, struct json_object *list, const char *separator)
{
    size_t count = list ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < count; i++) {
        const char *entry = field_entry(list, i);

        text_add(out, i > 0 ? separator : "");
        field_add(out, entry ? entry : "?");
    }
}
