/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Members are tried one by one on an otherwise good item: what each may hold and what it may not, and that
 * the refusal names it. JSON stands here with ' for ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "gateway/core/item.h"

#define TEXT_SIZE 1024

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

/* RFC 8037, appendix A.1. */
#define X   "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define JWK "{'kty':'OKP','crv':'Ed25519','x':'" X "'}"

/* The least that a kind needs. */
static const char *const bases[ITEM_KINDS + 1] = {
    [ITEM_SITE] = "{'id':'s','timezone':'Europe/Madrid'}",
    [ITEM_CALENDAR] = "{'id':'c'}",
    [ITEM_SCHEDULE] = "{'id':'h'}",
    [ITEM_AREA] = "{'id':'a'}",
    [ITEM_DOOR] = "{'id':'d','kind':'door','target':'t'}",
    [ITEM_ACCESS_POINT] = "{'id':'p','door':'d','direction':'entry'}",
    [ITEM_DEVICE] = "{'id':'v','driver':'sim'}",
    [ITEM_TAG] = "{'id':'t'}",
    [ITEM_USER] = "{'id':'u'}",
    [ITEM_CREDENTIAL] = "{'id':'k','user':'u','type':'card','value':'04A1'}",
    [ITEM_RULE] = "{'id':'r'}",
    [ITEM_LINK] = "{'id':'l'}",
    [ITEM_KEY] = "{'id':'k','use':['command'],'jwk':" JWK "}",
    [ITEM_KINDS] = "{'id':'x'}",
};

static inline struct json_object *parse(const char *json)
{
    struct json_object *object = NULL;
    struct json_error error;
    char text[TEXT_SIZE + 3];
    size_t len = strlen(json);

    assert_true(len < sizeof(text));
    for (size_t i = 0; i <= len; i++)
        text[i] = json[i] == '\'' ? '"' : json[i];
    if (json_parse(text, len, &object, &error) < 0)
        fail_msg("%s: %s %s", text, error.path, error.text);
    return object;
}

/* A kind's least item with the members of a fragment ("'capacity':5") added or put in place of its own. */
static inline struct json_object *item_with(enum item_kind kind, const char *fragment)
{
    struct json_object *item = parse(bases[kind]);
    char text[TEXT_SIZE + 2];

    snprintf(text, sizeof(text), "{%s}", fragment);
    struct json_object *members = parse(text);

    json_object_object_foreach(members, name, value)
        json_object_object_add(item, name, json_object_get(value));
    json_object_put(members);
    return item;
}

static inline void assert_taken(enum item_kind kind, const char *fragment)
{
    cleanup_with(json_putp) struct json_object *item = item_with(kind, fragment);
    struct json_error error = { "", "" };

    if (item_check(kind, item, false, &error) != 0)
        fail_msg("%s refused: %s %s", json_object_to_json_string(item), error.path, error.text);
}

static inline void assert_refused(enum item_kind kind, const char *fragment, const char *path)
{
    cleanup_with(json_putp) struct json_object *item = item_with(kind, fragment);
    struct json_error error = { "?", "" };

    if (item_check(kind, item, false, &error) != -EBADMSG)
        fail_msg("%s taken", json_object_to_json_string(item));
    if (strcmp(error.path, path) != 0 || error.text[0] == '\0')
        fail_msg("%s: \"%s\" named instead of \"%s\": %s", json_object_to_json_string(item), error.path, path,
                 error.text);
}

#define VALUES_MAX 24

struct values {
    const char *good[VALUES_MAX];
    const char *bad[VALUES_MAX];
};
