/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines "kind {item}": what passes the check can be sealed, passes as a stored item, and compiles, whatever
 * it refers to. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "gateway/core/policy.h"
#include "proto/json.h"

#define KIND_SIZE 16

static int no_zone(void *user, const char *name, char **ret_bytes, size_t *ret_len)
{
    return -ENOENT;
}

static void add_line(struct policy_builder *builder, const char *line, size_t len)
{
    static const uint8_t secret[SECRET_BYTES];
    const char *space = memchr(line, ' ', len);
    size_t kind_len = space ? (size_t)(space - line) : 0;
    cleanup_with(json_putp) struct json_object *item = NULL;
    char name[KIND_SIZE] = "";
    struct json_error error;

    if (!space || kind_len >= sizeof(name))
        return;
    memcpy(name, line, kind_len);
    enum item_kind kind = item_kind_find(name);

    if (json_parse(space, len - kind_len, &item, &error) < 0 || item_check(kind, item, false, &error) < 0)
        return;
    assert(item_seal(kind, item, secret) == 0);
    assert(item_check(kind, item, true, &error) == 0);
    int r = policy_builder_add(builder, kind, item, space, len - kind_len, &error);

    assert(r == 0 || (kind == ITEM_SITE && r == -EBADMSG));
}

static void use_schedules(const struct policy *policy)
{
    const struct local_time local = { .day = 20779, .second = 43200 };
    struct policy_window window;

    for (uint32_t i = 0; i < policy_count(policy, ITEM_SCHEDULE); i++) {
        uint32_t windows = 0;
        uint32_t begins = 0;
        bool open = policy_schedule_window_next(policy, i, &local, &windows, &window);

        assert(policy_schedule_open(policy, i, &local) == open);
        while (policy_schedule_day_next(policy, i, local.day, &begins, &window))
            assert(window.day == local.day);
    }
}

static void use_people(const struct policy *policy)
{
    for (uint32_t i = 0; i < policy_count(policy, ITEM_CREDENTIAL); i++)
        assert(policy_id(policy, ITEM_CREDENTIAL, i) == policy_credential(policy, i).id);
    for (uint32_t user = 0; user < policy_count(policy, ITEM_USER); user++)
        for (uint32_t point = 0; point < policy_count(policy, ITEM_ACCESS_POINT); point++)
            for (uint32_t cursor = 0, rule; policy_rule_next(policy, user, point, &cursor, &rule);)
                assert(rule < policy_count(policy, ITEM_RULE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data;
    const char *end = at + size;
    struct policy_builder *builder = NULL;
    struct policy *policy = NULL;

    assert(policy_builder_new(no_zone, NULL, &builder) == 0);
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;

        add_line(builder, at, (size_t)(stop - at));
        at = newline ? newline + 1 : end;
    }
    assert(policy_builder_finish(builder, &policy) == 0);
    use_schedules(policy);
    use_people(policy);
    policy_free(policy);
    policy_builder_free(builder);
    return 0;
}
