/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config_keys.c: proto/key.h reads what a key needs and ignores the rest, which a newer cloud may say; here
 * the rest is a mistake. */
#include "config/config_keys.h"

#include <errno.h>
#include <json-c/json.h>

#include "proto/json_locate.h"

/* Only names: what members there are. */
static const struct json_row key_members[] = {
    { .member = "id" }, { .member = "name" }, { .member = "jwk" }, { .member = "use" }, { .member = "scope" },
};
static const struct json_row jwk_members[] = { { .member = "kty" }, { .member = "crv" }, { .member = "x" } };
static const struct json_row scope_members[] = { { .member = "verbs" }, { .member = "targets" } };

struct reading {
    config_keys_problem_fn *problem;
    void *user;
    size_t index;
};

static void tell(const struct reading *reading, struct json_error *error)
{
    json_error_within(error, "[%zu]", reading->index);
    reading->problem(reading->user, error);
}

static void tell_unknown(const struct reading *reading, const char *within, struct json_object *object,
                         const struct json_row rows[], size_t count)
{
    const char *name;
    struct json_error error;

    for (size_t i = 0; (name = json_locate_unknown(object, rows, count, i)); i++) {
        const char *similar = json_locate_similar(name, rows, count);

        if (similar)
            json_error_set(&error, name, "is not known; did you mean \"%s\"?", similar);
        else
            json_error_set(&error, name, "is not known");
        if (*within)
            json_error_within(&error, "%s", within);
        tell(reading, &error);
    }
}

static void tell_unknown_uses(const struct reading *reading, struct json_object *uses)
{
    struct json_error error;

    for (size_t i = 0; i < json_list_length(uses); i++) {
        if (key_use_find(json_list_string(uses, i, &error)) < KEY_USES)
            continue;
        json_error_set(&error, "", "must be policy, events, command, time, digital_key or root");
        json_error_within(&error, "use[%zu]", i);
        tell(reading, &error);
    }
}

/* Of a key that could be read. */
static void tell_surplus(const struct reading *reading, struct json_object *item)
{
    struct json_object *scope = json_object_object_get(item, "scope");

    tell_unknown(reading, "", item, JSON_ROWS(key_members));
    tell_unknown(reading, "jwk", json_object_object_get(item, "jwk"), JSON_ROWS(jwk_members));
    if (scope)
        tell_unknown(reading, "scope", scope, JSON_ROWS(scope_members));
    tell_unknown_uses(reading, json_object_object_get(item, "use"));
}

static int read_key(const struct reading *reading, struct json_object *list, struct key_set *keys)
{
    struct json_error error;
    struct json_object *item = json_list_object(list, reading->index, &error);

    if (!item) {
        reading->problem(reading->user, &error);
        return 0;
    }
    int r = key_set_add(keys, item, &error);

    if (r == -EEXIST)
        json_error_set(&error, "id", "is the id of another key");
    if (r == -EEXIST || r == -EBADMSG)
        tell(reading, &error);
    else if (r == 0)
        tell_surplus(reading, item);
    return r == -ENOMEM ? r : 0;
}

int config_keys_read(struct json_object *list, struct key_set *ret, config_keys_problem_fn *problem,
                     void *user)
{
    struct reading reading = { problem, user, 0 };
    int r = 0;

    for (; r == 0 && reading.index < json_list_length(list); reading.index++)
        r = read_key(&reading, list, ret);
    return r;
}

bool config_keys_have_root(const struct key_set *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        if (key_has_use(&keys->keys[i], KEY_USE_ROOT))
            return true;
    return false;
}

static void show_key(const struct key *key, struct text *out)
{
    const char *separator = " (";

    text_add(out, key->id);
    for (int use = 0; use < KEY_USES; use++) {
        if (!(key->uses & (1u << use)))
            continue;
        text_addf(out, "%s%s", separator, key_use_name((enum key_use)use));
        separator = ", ";
    }
    text_add(out, ")");
}

void config_keys_show(const struct key_set *keys, struct text *out)
{
    if (keys->count == 0)
        text_add(out, "none");
    for (size_t i = 0; i < keys->count; i++) {
        if (i > 0)
            text_add(out, "; ");
        show_key(&keys->keys[i], out);
    }
}
