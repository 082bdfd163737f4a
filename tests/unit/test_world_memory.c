/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A world's life is lived again and again, with one allocation of the core's after the other failing, from
 * the first one on. What failed is done once more. In the end all that was said, told and kept must be what
 * it is when nothing fails: so a call that fails has changed nothing. */
#include "tests/unit/allocation_fixture.h"
#include "tests/unit/script_fixture.h"

#include "gateway/core/memory.h"

#define LOG_BYTES 65536

static const char *const items[] = {
    "{'kind':'device','item':{'id':'unit','driver':'sim','targets':['t1','t2','t3']}}",
    "{'kind':'tag','item':{'id':'member'}}",
    "{'kind':'tag','item':{'id':'staff'}}",
    "{'kind':'area','item':{'id':'gym','capacity':5,'anti_passback':'soft'}}",
    "{'kind':'door','item':{'id':'gate','kind':'turnstile','target':'t1','min_interval_s':{'member':1}}}",
    "{'kind':'access_point','item':{'id':'gate.in','door':'gate','direction':'entry','to':'gym'}}",
    "{'kind':'access_point','item':{'id':'gate.out','door':'gate','direction':'exit','from':'gym'}}",
    "{'kind':'door','item':{'id':'shop','kind':'door','target':'t2','mode_schedules':["
    "{'schedule':'always','mode':'unlocked','first_person':'staff'},"
    "{'schedule':'always','mode':'unlocked','first_person':'member'}]}}",
    "{'kind':'access_point','item':{'id':'shop.in','door':'shop','direction':'entry'}}",
    "{'kind':'door','item':{'id':'vault','kind':'door','target':'t3'}}",
    "{'kind':'access_point','item':{'id':'vault.in','door':'vault','direction':'entry','to':'gym','two_"
    "person'"
    ":true}}",
    "{'kind':'user','item':{'id':'ada','tags':['member']}}",
    "{'kind':'user','item':{'id':'ben','tags':['member','staff']}}",
    "{'kind':'credential','item':{'id':'a','user':'ada','type':'card','value':'01','uses':9}}",
    "{'kind':'credential','item':{'id':'b','user':'ben','type':'card','value':'02'}}",
    "{'kind':'rule','item':{'id':'r','tags':['member'],'doors':['gate','shop','vault']}}",
};

#define BOOT "'boot':'x','at':1,'now':2"

static const char *const kept[][2] = {
    { "person/cid", "{'area':'pool','serial':1," BOOT "}" },
    { "credential/z", "{'used':1}" },
    { "release/dot/back/exit", "{" BOOT "}" },
    { "area/sauna", "{'serial':2}" },
    { "override/side", "{'mode':'blocked'}" },
    { "override/cellar", "{}" },
    { "lockdown/attic", "{}" },
    { "first/front/staff", "{'day':1}" },
    { "alarm/yard/tamper", "{" BOOT "}" },
    { "said/garden/tamper/gate.reader", "{}" },
    { "lockout/front.in", "{" BOOT "}" },
};

#define AT    "{'at':'2026-03-02T08:00:"
#define TAP   "'present':{'point':'"
#define CARD1 "','credential':{'type':'card','value':'01'}}}"
#define CARD2 "','credential':{'type':'card','value':'02'}}}"

static const char *const lines[] = {
    AT "00Z'," TAP "gate.in" CARD1,
    AT "01Z','passage':{'door':'gate','direction':'entry'}}",
    AT "02Z','put':{'kind':'area','item':{'id':'pool'}}}",
    AT "03Z'," TAP "shop.in" CARD2,
    AT "04Z'," TAP "shop.in" CARD1,
    AT "05Z'," TAP "vault.in" CARD1,
    AT "06Z'," TAP "vault.in" CARD2,
    AT "07Z','put':{'kind':'user','item':{'id':'ada','tags':['staff']}}}",
    AT "08Z'," TAP "gate.out" CARD2,
    AT "09Z','del':{'kind':'credential','id':'b'}}",
    AT "10Z'," TAP "gate.out" CARD2,
    AT "11Z','forgive':{}}",
};

static void take_effect(void *user, const char *key, const char *value)
{
    text_addf(user, "%s %s\n", key, value ? value : "-");
}

static void take_notice(void *user, const struct world_notice *notice)
{
    text_addf(user, "%d %u %u %u\n", notice->kind, notice->door, notice->user, notice->mode);
}

/* Whether it is to be done again: an allocation failed. */
static bool failed(int r)
{
    countdown = r == 0 ? countdown : 0;
    assert_true(r == 0 || r == -ENOMEM);
    return r < 0;
}

static void begin(struct fixture *f, struct text *log)
{
    simulate_script_finish(&f->script);
    while (failed(simulate_script_init(&f->script, &f->items)))
        simulate_script_finish(&f->script);
    f->script.world->hooks =
        (struct world_hooks){ .user = log, .effect = take_effect, .notice = take_notice };
}

static int restored(int r)
{
    return r == WORLD_E_DAMAGED ? 0 : r;
}

static void restore(struct fixture *f, const char *key, const char *format)
{
    cleanup_with(freep) char *value = __real_strdup(format);

    for (char *quote = value; (quote = strchr(quote, '\''));)
        *quote = '"';
    while (failed(restored(world_restore(f->script.world, key, value))))
        ;
}

static void live_line(struct fixture *f, const char *line, struct text *log)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct json_error error = { 0 };

    parse(line, &object);
    while (failed(simulate_script_line(&f->script, object, &f->text, &error)))
        ;
    text_add(log, text_string(&f->text));
    text_add(log, "\n");
}

/* With room, so that no text is what fails. */
static void reserve(struct text *text)
{
    while (text->len < LOG_BYTES)
        text_add(text, "                ");
    text_reset(text);
}

/* Lives with the nth allocation failing; 0: none. Returns whether there were so many. */
static bool live(struct fixture *f, size_t nth, struct text *log)
{
    reserve(log);
    reserve(&f->text);
    countdown = nth;
    begin(f, log);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        restore(f, kept[i][0], kept[i][1]);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        live_line(f, lines[i], log);
    bool all = countdown == 0;

    countdown = 0;
    return all;
}

static void world__any_allocation_fails__nothing_has_changed(void **state)
{
    struct text expected = TEXT_INIT;
    size_t failures = 0;
    void *fixture;

    for (bool more = true; more; failures++) {
        cleanup_with(text_finish) struct text log = TEXT_INIT;

        setup_items(&fixture, items, sizeof(items) / sizeof(items[0]));
        more = live(fixture, failures, failures ? &log : &expected);
        teardown(&fixture);
        if (failures)
            assert_string_equal(text_string(&log), text_string(&expected));
    }
    assert_true(failures > 100);
    text_finish(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(world__any_allocation_fails__nothing_has_changed) };

    return cmocka_run_group_tests_name("world_memory", tests, NULL, NULL);
}
