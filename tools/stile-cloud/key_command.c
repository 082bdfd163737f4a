/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key_command.c: what a person does to a site's keys. */
#include "tools/stile-cloud/key_command.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "tools/stile-cloud/feed.h"

static void print_item(struct json_object *item)
{
    puts(json_object_to_json_string_ext(item, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* --- new --- */

/* Adds a member that lists the words of a text with commas; NULL adds nothing. */
static int add_words(struct json_object *object, const char *member, const char *words)
{
    cleanup_with(freep) char *copy = words ? strdup(words) : NULL;
    struct json_object *list = words ? json_object_new_array() : NULL;
    char *rest = copy;

    if (!words)
        return 0;
    if (!copy || !list || json_object_object_add(object, member, list) < 0) {
        json_object_put(list);
        return -ENOMEM;
    }
    for (const char *word; (word = strsep(&rest, ","));)
        if (json_object_array_add(list, json_object_new_string(word)) < 0)
            return -ENOMEM;
    return 0;
}

static int add_scope(struct json_object *item, const struct key_command *command)
{
    struct json_object *scope;

    if (!command->verbs && !command->targets)
        return 0;
    scope = json_object_new_object();
    if (!scope || json_object_object_add(item, "scope", scope) < 0) {
        json_object_put(scope);
        return -ENOMEM;
    }
    int r = add_words(scope, "verbs", command->verbs);

    return r == 0 ? add_words(scope, "targets", command->targets) : r;
}

static int write_item(struct json_object *item, const struct key_command *command)
{
    struct json_object *id = json_object_new_string(command->id);
    int r = id && json_object_object_add(item, "id", id) == 0 ? 0 : -ENOMEM;

    if (r == 0)
        r = add_words(item, "use", command->uses);
    return r == 0 ? add_scope(item, command) : r;
}

/* A use that nobody knows is a slip here. */
static int check_uses(const char *uses)
{
    cleanup_with(freep) char *copy = strdup(uses);
    char *rest = copy;

    if (!copy)
        return -ENOMEM;
    for (const char *use; (use = strsep(&rest, ","));)
        if (key_use_find(use) == KEY_USES) {
            fprintf(stderr,
                    "stile-cloud: \"%s\": a use is policy, events, command, time, digital_key or root\n",
                    use);
            return -EINVAL;
        }
    return 0;
}

int key_command_new(struct site *site, const struct key_command *command)
{
    cleanup_with(json_putp) struct json_object *item = json_object_new_object();
    struct json_error error;
    int r = item ? check_uses(command->uses) : -ENOMEM;

    if (r == 0)
        r = write_item(item, command);
    if (r == 0)
        r = keyring_make(site->directory, item, clock_utc_us() / USEC_PER_SEC, &error);
    if (r == -EBADMSG || r == -EEXIST) {
        fprintf(stderr, "stile-cloud: key %s: %s%s%s\n", command->id, r == -EEXIST ? "" : error.path,
                r == -EEXIST ? "" : " ", r == -EEXIST ? "there is one already, retired or not" : error.text);
        return -EINVAL;
    }
    if (r == 0)
        print_item(item);
    return r;
}

/* --- list --- */

int key_command_list(struct site *site)
{
    int r = keyring_read(&site->keyring, site->directory);

    for (size_t i = 0; r == 0 && i < site->keyring.count; i++) {
        const struct keyring_key *key = &site->keyring.keys[i];

        printf("%s %s ", key->key.id, key->retired ? "retired" : "signs");
        print_item(key->item);
    }
    return r;
}

/* --- retire --- */

static bool is_last_root(const struct keyring *keyring, const struct keyring_key *key)
{
    size_t others = 0;

    for (size_t i = 0; i < keyring->count; i++)
        others += &keyring->keys[i] != key && !keyring->keys[i].retired &&
                  key_has_use(&keyring->keys[i].key, KEY_USE_ROOT);
    return key_has_use(&key->key, KEY_USE_ROOT) && others == 0;
}

/* Harmless where the policy does not have it. */
static int delete_item(struct site *site, const char *id)
{
    struct feed_change change;
    int r = feed_change_begin(site, &change);

    if (r < 0)
        return r;
    r = feed_change_end(&change, feed_change_del(&change, "key", id));
    return r == -ENOENT ? 0 : r;
}

int key_command_retire(struct site *site, const char *id)
{
    int r = keyring_read(&site->keyring, site->directory);
    const struct keyring_key *key = r == 0 ? keyring_find(&site->keyring, id) : NULL;

    if (r < 0)
        return r;
    if (!key) {
        fprintf(stderr, "stile-cloud: there is no private key \"%s\" here\n", id);
        return -EINVAL;
    }
    if (is_last_root(&site->keyring, key)) {
        fprintf(stderr, "stile-cloud: %s is the last root: make and spread another one first\n", id);
        return -EINVAL;
    }
    r = keyring_retire(site->directory, key);
    return r == 0 ? delete_item(site, id) : r;
}
