/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What devices have told of their places is kept, each thing until it is told anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "hal/place.h"

static const struct device_item item = {
    .point_count = 1, .target_count = 2, .points = { "in" }, .targets = { "gate", "in" }
};

struct seen {
    size_t count;
    struct hal_place places[4];
};

static int see(void *userdata, const struct hal_place *place)
{
    struct seen *seen = userdata;

    seen->places[seen->count++] = *place;
    return 0;
}

static int stop(void *userdata, const struct hal_place *place)
{
    return 7;
}

static struct seen look(const struct places *places)
{
    struct seen seen = { 0 };

    assert_int_equal(places_each(places, &item, "dev", see, &seen), 0);
    assert_int_equal(seen.count, 3);
    return seen;
}

static void each__nothing_told__names_and_nothing_else(void **state)
{
    static const struct places places;
    struct seen seen = look(&places);

    assert_true(seen.places[2].is_point);
    assert_string_equal(seen.places[2].id, "in");
    assert_string_equal(seen.places[0].id, "gate");
    assert_string_equal(seen.places[0].device, "dev");
    assert_false(seen.places[0].is_point);
    assert_int_equal(seen.places[0].heard_us, 0);
    assert_int_equal(places_each(&places, &item, "dev", stop, NULL), 7);
}

static void take__inputs__last_value_of_each_role_at_its_place(void **state)
{
    struct places places = { 0 };
    struct driver_event event = {
        .kind = DRIVER_EVENT_INPUT, .at_us = 5, .role = DRIVER_ROLE_REX, .value = true
    };

    strcpy(event.target, "in");
    places_take(&places, &item, &event);
    event.role = DRIVER_ROLE_CONTACT;
    places_take(&places, &item, &event);
    event.value = false;
    places_take(&places, &item, &event);
    struct seen seen = look(&places);

    assert_int_equal(seen.places[2].roles, 0); /* the point of the same name */
    assert_int_equal(seen.places[1].roles, 1u << DRIVER_ROLE_REX | 1u << DRIVER_ROLE_CONTACT);
    assert_int_equal(seen.places[1].values, 1u << DRIVER_ROLE_REX);
    assert_int_equal(seen.places[1].heard_us, 5);
}

static void take__state_with_less__the_rest_stays(void **state)
{
    struct places places = { 0 };
    struct driver_event event = { .kind = DRIVER_EVENT_STATE,
                                  .at_us = 5,
                                  .lock = DRIVER_LOCK_JAMMED,
                                  .door = DRIVER_DOOR_UNTOLD,
                                  .battery = DRIVER_BATTERY_UNKNOWN,
                                  .target = "gate",
                                  .detail = "motor" };

    places_take(&places, &item, &event);
    event = (struct driver_event){ .kind = DRIVER_EVENT_STATE,
                                   .at_us = 6,
                                   .lock = DRIVER_LOCK_UNTOLD,
                                   .door = DRIVER_DOOR_OPEN,
                                   .battery = 80,
                                   .target = "gate" };
    places_take(&places, &item, &event);
    struct hal_place gate = look(&places).places[0];

    assert_int_equal(gate.lock, DRIVER_LOCK_JAMMED);
    assert_string_equal(gate.detail, "motor");
    assert_int_equal(gate.door, DRIVER_DOOR_OPEN);
    assert_true(gate.has_battery);
    assert_int_equal(gate.battery, 80);
    assert_int_equal(gate.heard_us, 6);
    event = (struct driver_event){ .kind = DRIVER_EVENT_STATE,
                                   .at_us = 7,
                                   .lock = DRIVER_LOCK_LOCKED,
                                   .door = DRIVER_DOOR_UNTOLD,
                                   .battery = DRIVER_BATTERY_UNKNOWN,
                                   .target = "gate" };
    places_take(&places, &item, &event);
    gate = look(&places).places[0];
    assert_string_equal(gate.detail, "");
    assert_int_equal(gate.battery, 80);
}

static void take__door_that_nobody_sees__its_contact_is_forgotten(void **state)
{
    struct places places = { 0 };
    struct driver_event event = { .kind = DRIVER_EVENT_INPUT, .role = DRIVER_ROLE_CONTACT, .target = "gate" };

    places_take(&places, &item, &event);
    assert_int_equal(look(&places).places[0].roles, 1u << DRIVER_ROLE_CONTACT);
    event = (struct driver_event){ .kind = DRIVER_EVENT_STATE,
                                   .door = DRIVER_DOOR_UNKNOWN,
                                   .battery = DRIVER_BATTERY_UNKNOWN,
                                   .target = "gate" };
    places_take(&places, &item, &event);
    assert_int_equal(look(&places).places[0].roles, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each__nothing_told__names_and_nothing_else),
        cmocka_unit_test(take__inputs__last_value_of_each_role_at_its_place),
        cmocka_unit_test(take__state_with_less__the_rest_stays),
        cmocka_unit_test(take__door_that_nobody_sees__its_contact_is_forgotten),
    };

    return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
