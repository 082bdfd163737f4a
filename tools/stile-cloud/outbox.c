/* SPDX-License-Identifier: GPL-3.0-or-later */
/* outbox.c: a command counts as sent only after it was published: should the process end in between, the same
 * bytes go out again, which a gateway takes once. */
#include "tools/stile-cloud/outbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int bind_texts(sqlite3_stmt *statement, const char *first, const char *second)
{
    return sqlite3_bind_text(statement, 1, first, -1, SQLITE_STATIC) |
                   (second ? sqlite3_bind_text(statement, 2, second, -1, SQLITE_STATIC) : 0)
               ? -ENOMEM
               : 0;
}

static int forget_old(struct site *site, int64_t now)
{
    cleanup_with(site_finalizep) sqlite3_stmt *forget = NULL;
    int r = site_prepare(site, "DELETE FROM commands WHERE exp < ?", &forget);

    if (r < 0)
        return r;
    sqlite3_bind_int64(forget, 1, now - OUTBOX_KEEP_S);
    return site_run(site, forget);
}

static int insert(struct site *site, const struct outbox_command *command)
{
    cleanup_with(site_finalizep) sqlite3_stmt *statement = NULL;
    int r = site_prepare(site, "INSERT INTO commands(ref, gateway, exp, payload, sent) VALUES(?, ?, ?, ?, 0)",
                         &statement);

    if (r == 0)
        r = bind_texts(statement, command->ref, command->gateway);
    if (r < 0)
        return r;
    sqlite3_bind_int64(statement, 3, command->exp);
    sqlite3_bind_text(statement, 4, command->payload, -1, SQLITE_STATIC);
    return site_run(site, statement);
}

int outbox_add(struct site *site, const struct outbox_command *command, int64_t now)
{
    int r = site_begin(site);

    if (r < 0)
        return r;
    r = forget_old(site, now);
    if (r == 0)
        r = insert(site, command);
    r = site_end(site, r);
    if (r == 0)
        site_mark(site, SITE_COMMANDS_MARK);
    return r;
}

/* The oldest: its strings go into text. Returns 1, 0 if there is none, or a negative errno. */
static int next(struct site *site, int64_t now, struct text *text, struct outbox_command *ret)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(site,
                         "SELECT ref, gateway, payload FROM commands WHERE sent = 0 AND exp > ?"
                         " ORDER BY rowid LIMIT 1",
                         &query);

    if (r < 0)
        return r;
    sqlite3_bind_int64(query, 1, now);
    r = site_step(site, query);
    if (r != 1)
        return r;
    text_reset(text);
    text_add(text, (const char *)sqlite3_column_text(query, 1));
    text_add_bytes(text, "", 1);
    size_t payload = text->len;

    text_add(text, (const char *)sqlite3_column_text(query, 2));
    if (text_error(text))
        return text_error(text);
    text_copy(ret->ref, sizeof(ret->ref), (const char *)sqlite3_column_text(query, 0));
    ret->gateway = text->data;
    ret->payload = text->data + payload;
    return 1;
}

static int note_sent(struct site *site, const char *ref)
{
    cleanup_with(site_finalizep) sqlite3_stmt *update = NULL;
    int r = site_prepare(site, "UPDATE commands SET sent = 1 WHERE ref = ?", &update);

    if (r == 0)
        r = bind_texts(update, ref, NULL);
    return r == 0 ? site_run(site, update) : r;
}

int outbox_send(struct site *site, int64_t now, peers_publish_fn *publish, void *user)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct outbox_command command;
    int r;

    while ((r = next(site, now, &text, &command)) == 1) {
        const struct cloud_self self = { site->name, command.gateway };
        char prefix[CLOUD_PREFIX_SIZE];
        char topic[CLOUD_PREFIX_SIZE + 32];

        cloud_topic_prefix(&self, prefix);
        snprintf(topic, sizeof(topic), "%s%s", prefix, cloud_topic_name(CLOUD_DOWN_COMMAND));
        r = publish(user, topic, false, command.payload, strlen(command.payload));
        if (r == 0)
            r = note_sent(site, command.ref);
        if (r < 0)
            return r;
    }
    return r;
}

int outbox_answered(struct site *site, const char *gateway, const char *ref, const char *result)
{
    cleanup_with(site_finalizep) sqlite3_stmt *update = NULL;
    int r = site_prepare(
        site, "UPDATE commands SET result = ?3 WHERE ref = ?1 AND gateway = ?2 AND result IS NULL", &update);

    if (r == 0)
        r = bind_texts(update, ref, gateway);
    if (r < 0)
        return r;
    sqlite3_bind_text(update, 3, result, -1, SQLITE_STATIC);
    r = site_run(site, update);
    if (r < 0 || sqlite3_changes(site->handle) == 0)
        return r;
    site_mark(site, SITE_COMMANDS_MARK);
    return 1;
}

int outbox_answer(struct site *site, const char *ref, struct text *text, bool *ret_sent)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(site, "SELECT sent, result FROM commands WHERE ref = ?", &query);

    if (r == 0)
        r = bind_texts(query, ref, NULL);
    if (r == 0)
        r = site_step(site, query);
    if (r != 1)
        return r < 0 ? r : -ENOENT;
    *ret_sent = sqlite3_column_int(query, 0);
    if (sqlite3_column_type(query, 1) == SQLITE_NULL)
        return 0;
    text_reset(text);
    text_add(text, (const char *)sqlite3_column_text(query, 1));
    return text_error(text) ? text_error(text) : 1;
}
