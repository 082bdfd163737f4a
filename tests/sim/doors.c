/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doors.c: a tap is one call into stiled, within which its verdict shows: in what is shown at the reader and
 * in whether the device is told to release. */
#include "tests/sim/doors.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/daemon.h"
#include "hal/hal.h"
#include "tests/sim/cloud.h"
#include "tests/sim/content.h"
#include "tests/sim/desk.h"
#include "tests/sim/loop.h"
#include "tests/sim/machine.h"
#include "tests/sim/sim.h"
#include "tests/sim/watch.h"

#define UP_MAX_US   (2 * USEC_PER_SEC)
#define DOWN_MAX_US (30 * USEC_PER_SEC)
#define WORK_MAX_US (400 * USEC_PER_MSEC)

/* Decisions of this life that were not stored yet. */
#define TAPS_MAX 4096

struct hal {
    struct hal_callbacks callbacks;
    void *user;
    bool there; /* the policy has the device */
    bool up;
    int64_t last_id;
    enum content_door door_of[16]; /* of the last releases, by id */
};

struct tap {
    enum content_door door;
    bool granted;
};

static struct {
    struct hal hal;
    bool tapping;
    bool released; /* by the tap */
    bool waiting;  /* the reader shows so */
    struct tap taps[TAPS_MAX];
    size_t first, count;
    int owed[CONTENT_DOORS]; /* releases whose stored grant was not seen yet */
} doors;

void doors_begin(void)
{
    memset(&doors, 0, sizeof(doors));
}

/* --- the device --- */

static void tell_device(enum hal_state state, const char *reason)
{
    const struct hal_status status = { .id = CONTENT_DEVICE,
                                       .driver = "sim",
                                       .version = "1",
                                       .state = state,
                                       .reason = reason,
                                       .last_error = "" };

    doors.hal.up = state == HAL_STATE_UP;
    doors.hal.callbacks.device(doors.hal.user, &status);
}

static void come_up(void *argument, int64_t number)
{
    if (doors.hal.there && !doors.hal.up)
        tell_device(HAL_STATE_UP, "");
}

void doors_device_down(void)
{
    if (!machine_alive() || !doors.hal.up)
        return;
    sim_trace("the device is down");
    tell_device(HAL_STATE_DOWN, "unplugged");
    sim_at(SIM_GATEWAY, sim_between(USEC_PER_SEC, DOWN_MAX_US), come_up, NULL, 0);
}

int hal_new(sd_event *event, const struct hal_config *config, const struct hal_callbacks *callbacks,
            void *user, struct hal **ret)
{
    memset(&doors, 0, sizeof(doors));
    doors.hal.callbacks = *callbacks;
    doors.hal.user = user;
    *ret = &doors.hal;
    return 0;
}

struct hal *hal_free(struct hal *hal)
{
    return NULL;
}

int hal_configure(struct hal *hal, const struct hal_item items[], size_t count)
{
    bool there = count > 0;

    if (there && !hal->there)
        sim_at(SIM_GATEWAY, sim_between(USEC_PER_MSEC, UP_MAX_US), come_up, NULL, 0);
    hal->there = there;
    hal->up = hal->up && there;
    return 0;
}

static void stopped(void *argument, int64_t number)
{
    doors.hal.callbacks.stopped(doors.hal.user);
}

void hal_stop(struct hal *hal)
{
    hal->up = hal->there = false;
    sim_at(SIM_GATEWAY, USEC_PER_MSEC, stopped, NULL, 0);
}

static void pass(void *argument, int64_t number)
{
    struct driver_event event = { .kind = DRIVER_EVENT_PASSAGE,
                                  .at_us = clock_boot_us(),
                                  .direction = DRIVER_DIRECTION_ENTRY,
                                  .count = 1 };

    snprintf(event.target, sizeof(event.target), "%s", content_target(CONTENT_SIDE));
    if (doors.hal.up)
        doors.hal.callbacks.event(doors.hal.user, CONTENT_DEVICE, &event);
}

static void finish(void *argument, int64_t id)
{
    enum driver_outcome outcome = sim_chance(50)   ? DRIVER_OUTCOME_FAILED
                                  : sim_chance(20) ? DRIVER_OUTCOME_UNKNOWN
                                                   : DRIVER_OUTCOME_COMPLETED;
    bool passes = doors.hal.door_of[id % 16] == CONTENT_SIDE && sim_chance(800);

    doors.hal.callbacks.result(doors.hal.user, id, outcome, "", 40);
    if (outcome == DRIVER_OUTCOME_COMPLETED && passes)
        sim_at(SIM_GATEWAY, sim_between(USEC_PER_SEC, 6 * USEC_PER_SEC), pass, NULL, 0);
}

static int begin_command(struct hal *hal, int64_t *ret_id, const char **ret_reason)
{
    if (!hal->up) {
        *ret_reason = hal->there ? "device_down" : "unknown_target";
        return HAL_E_REFUSED;
    }
    *ret_id = ++hal->last_id;
    sim_at(SIM_GATEWAY, sim_between(USEC_PER_MSEC, WORK_MAX_US), finish, NULL, *ret_id);
    return 0;
}

int hal_command(struct hal *hal, const char *device, const struct driver_command *command, int64_t *ret_id,
                const char **ret_reason)
{
    return begin_command(hal, ret_id, ret_reason);
}

static enum content_door door_of(const char *target)
{
    return strcmp(target, content_target(CONTENT_SIDE)) == 0 ? CONTENT_SIDE : CONTENT_FRONT;
}

/* A release outside of a tap is one that waited for its grant to be stored: in this very step, then, that
 * grant is told to be. */
int hal_release(struct hal *hal, const char *target, enum driver_direction direction, int64_t pulse_ms,
                int64_t deadline_us, int64_t *ret_id, const char **ret_reason)
{
    enum content_door door = door_of(target);

    doors.released = true;
    if (!doors.tapping && !desk_running())
        doors.owed[door]++;
    int r = begin_command(hal, ret_id, ret_reason);

    if (r == 0)
        hal->door_of[*ret_id % 16] = door;
    return r;
}

void hal_show(struct hal *hal, const char *point, enum driver_indication indication, const char *text)
{
    doors.waiting = indication == DRIVER_INDICATION_WAIT;
}

bool hal_show_text(struct hal *hal, const char *point, const char *text, int64_t ms)
{
    return hal->up;
}

void hal_prepare(struct hal *hal, const char *target)
{
}

bool hal_can(const struct hal *hal, const char *device, const char *capability)
{
    return false;
}

int hal_each_place(struct hal *hal, int (*fn)(void *user, const struct hal_place *place), void *user)
{
    return 0;
}

int hal_each(struct hal *hal, int (*fn)(void *user, const struct hal_status *status), void *user)
{
    const struct hal_status status = { .id = CONTENT_DEVICE,
                                       .driver = "sim",
                                       .version = "1",
                                       .state = hal->up ? HAL_STATE_UP : HAL_STATE_DOWN,
                                       .reason = "",
                                       .last_error = "" };

    return hal->there ? fn(user, &status) : 0;
}

const char *hal_state_name(enum hal_state state)
{
    static const char *const state_names[] = { "starting", "up", "degraded", "down" };

    return state_names[state];
}

/* --- the people --- */

/* P1: by the one version that is in force, whole. */
static void check_decision(enum content_door door, int person, const struct daemon *daemon)
{
    const struct cloud_policy *position = watch_in_force();
    const struct cloud_version *version = cloud_find_version(position->generation, position->version);
    struct timestamp now = daemon_now(daemon);
    bool expected = version && content_opens(&version->content, person, &now);
    bool waits = door == CONTENT_SIDE || content_limited(person);
    bool granted = doors.released || doors.waiting;

    sim_trace("person %d at the %s: %s", person, content_target(door),
              doors.waiting ? "granted, waits"
              : granted     ? "granted"
                            : "denied");
    SIM_REQUIRE(granted == expected, "P1", "person %d is %s at the %s by policy %lld.%lld", person,
                granted ? "granted" : "denied", content_target(door), (long long)position->generation,
                (long long)position->version);
    SIM_REQUIRE(!(waits && doors.released), "no release without a stored grant", "the %s opened first",
                content_target(door));
    if (doors.count == TAPS_MAX)
        sim_fail("the simulation", "more than %d decisions wait for the disk", TAPS_MAX);
    doors.taps[(doors.first + doors.count++) % TAPS_MAX] = (struct tap){ door, granted };
}

void doors_tap(void)
{
    const struct daemon *daemon = loop_daemon();
    enum content_door door = (enum content_door)sim_below(CONTENT_DOORS);
    int person = (int)sim_below(CONTENT_PEOPLE);
    struct driver_event event = { .kind = DRIVER_EVENT_PRESENTED,
                                  .at_us = clock_boot_us(),
                                  .credential_type = "card" };

    if (!machine_alive() || !daemon || !doors.hal.up)
        return;
    snprintf(event.point, sizeof(event.point), "%s", content_point(door));
    content_card(person, event.credential_value);
    doors.released = doors.waiting = false;
    doors.tapping = true;
    doors.hal.callbacks.event(doors.hal.user, CONTENT_DEVICE, &event);
    doors.tapping = false;
    check_decision(door, person, daemon);
}

static bool is_kind(const char *line, const char *kind)
{
    char member[48];

    snprintf(member, sizeof(member), "\"kind\":\"%s\"", kind);
    return strstr(line, member) != NULL;
}

static bool is_at(const char *line, enum content_door door)
{
    char member[48];

    snprintf(member, sizeof(member), "\"door\":\"%s\"", content_target(door));
    return strstr(line, member) != NULL;
}

void doors_stored(const char *line)
{
    bool granted = is_kind(line, "granted");

    if (is_kind(line, "released"))
        SIM_REQUIRE(strstr(line, "\"cause\":") || strstr(line, "\"jti\":"), "no release without a grant",
                    "%s", line);
    if (!granted && !is_kind(line, "denied"))
        return;
    SIM_REQUIRE(doors.count > 0, "each decision is stored once", "%s", line);
    struct tap tap = doors.taps[doors.first];

    doors.first = (doors.first + 1) % TAPS_MAX;
    doors.count--;
    SIM_REQUIRE(tap.granted == granted && is_at(line, tap.door), "each decision is stored once",
                "%s at the %s comes as %s", tap.granted ? "a grant" : "a denial", content_target(tap.door),
                line);
    if (granted && doors.owed[tap.door] > 0)
        doors.owed[tap.door]--;
}

void doors_check(void)
{
    for (enum content_door door = CONTENT_FRONT; door < CONTENT_DOORS; door++)
        SIM_REQUIRE(doors.owed[door] == 0, "no release without a stored grant", "the %s opened before it",
                    content_target(door));
}
