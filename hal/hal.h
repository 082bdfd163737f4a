/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hal.h: what the gateway sees of hardware: a set of devices, each with a driver process behind it.
 *
 * A device is one `device` item of the policy. Its program is `stile-<driver>` in the driver directory; it is
 * started, configured, pinged, killed when it hangs and started again with back-off (gateway/base/child.h).
 * Drivers are not trusted: a line is checked, a driver speaks only for points and targets that its item
 * lists, and one that keeps writing what cannot be understood is restarted.
 *
 * A device is up from the moment its driver has said hello and a health of up or degraded, and down when the
 * process ends, is killed, or says health down. A command is told its end exactly once. All callbacks come
 * from the event loop, never from within a function of this file, except that hal_free() is silent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "gateway/base/child.h"
#include "gateway/base/cleanup.h"
#include "proto/driver_message.h"

struct hal;

/* Devices of one gateway; more are refused. */
#define HAL_DEVICES_MAX 256

/* Commands that wait for their result; more are refused ("busy"). */
#define HAL_COMMANDS_MAX 1024

/* Lines that cannot be understood, within one process's life and HAL_GARBAGE_FORGIVE_MS of each other, until
 * it is restarted. */
#define HAL_GARBAGE_MAX        16
#define HAL_GARBAGE_FORGIVE_MS 10000

/* Outcomes of a command that was not sent. */
#define HAL_E_REFUSED 1

/* Durations in milliseconds; 0 takes the default. */
#define HAL_HELLO_LIMIT_MS    5000
#define HAL_RESULT_MARGIN_MS  2000
#define HAL_ACCEPTED_LIMIT_MS 30000
struct hal_config {
    const char *driver_directory; /* copied */
    struct child_times times;
    int64_t hello_limit_ms;    /* from start to hello */
    int64_t result_margin_ms;  /* from a command's deadline to `unknown` */
    int64_t accepted_limit_ms; /* the same after `accepted`, from then on, plus the pulse */
};

/* A device item as the policy has it; borrowed. */
struct hal_item {
    const char *id;
    const char *driver;
    const char *json; /* the whole item; its `points` and `targets` are read here */
    size_t json_len;
};

enum hal_state {
    HAL_STATE_STARTING, /* not heard of yet */
    HAL_STATE_UP,
    HAL_STATE_DEGRADED, /* up, with a reason */
    HAL_STATE_DOWN,
};

/* One device for people; everything is borrowed until the next turn of the loop. */
struct hal_status {
    const char *id;
    const char *driver;
    const char *version; /* of the driver, "" before hello */
    enum hal_state state;
    enum hal_state before;  /* the state before this one */
    const char *reason;     /* why degraded or down, "" if up */
    const char *last_error; /* the last thing that went wrong, "" if nothing did */
    pid_t pid;              /* 0: no process */
    unsigned restarts;
    int64_t since_us; /* boot time at which the state was entered */
    int64_t events;   /* taken from it */
    int64_t refused;  /* lines that were not */
    const struct driver_counter *counters;
    size_t counter_count;
};

/* What was last heard of one point or target, over restarts of the driver; ids are borrowed as above. */
struct hal_place {
    const char *id;
    const char *device;
    bool is_point;
    unsigned roles;  /* inputs that were told of, bit 1 << enum driver_role ... */
    unsigned values; /* ... and which of them are true */
    enum driver_lock lock;
    enum driver_door door;
    char detail[DRIVER_WORD_SIZE]; /* why the lock is as it is, "" */
    bool has_battery;
    int64_t battery;  /* percent */
    int64_t heard_us; /* boot time of the last input or state; 0: there was none */
};

struct hal_callbacks {
    /* A presented, removed, approach, input, passage, no_passage, state or record event of a point or target
     * that the device has; at_us is not in the future. */
    void (*event)(void *userdata, const char *device, const struct driver_event *event);

    /* A device went up, or is degraded or down with the reason. The first call may be any. Not called for a
     * device that is gone from the configuration, nor if only the reason is another. */
    void (*device)(void *userdata, const struct hal_status *status);

    /* What became of a command: at most one accepted, then exactly one other. reason may be "". */
    void (*result)(void *userdata, int64_t id, enum driver_outcome outcome, const char *reason, int64_t ms);

    /* Before a command's end: a device that a scan found, and a sentence for the person who waits. A driver
     * may say the same again. */
    void (*found)(void *userdata, int64_t id, const struct driver_found *found);
    void (*progress)(void *userdata, int64_t id, const char *text);

    /* After hal_stop(): the last driver is gone. */
    void (*stopped)(void *userdata);
};

/* Returns 0 or a negative errno. SIGCHLD is blocked, see child.h. */
int hal_new(sd_event *event, const struct hal_config *config, const struct hal_callbacks *callbacks,
            void *userdata, struct hal **ret) must_check;

/* Kills the drivers that are left. Takes NULL, returns NULL. Not from a callback. */
struct hal *hal_free(struct hal *hal);

/* Makes the devices be these, in any order: those whose driver and json are unchanged run on, changed ones
 * are shut down and started anew, others are shut down. An item that cannot be used (driver name, json, too
 * long for a line) is a device that is down with the reason. Returns 0, -E2BIG (nothing changed), -ENOMEM.
 * Not from a callback. */
int hal_configure(struct hal *hal, const struct hal_item items[], size_t count) must_check;

/* Shuts all drivers down; `stopped` follows, from the loop. */
void hal_stop(struct hal *hal);

/* Sends a probe or scan to the device named by `device`, anything else that has a result to the device that
 * has command->target: to the one named, NULL: whichever has it. A device that is down can be probed, scanned
 * with and paired if its driver runs. Of *command everything but id is used; *ret_id is the id that results
 * will carry, unique for this hal's life.
 *
 * Returns 0, or HAL_E_REFUSED with *ret_reason one of unknown_target, unknown_device, device_down, busy,
 * deadline: nothing was sent then, and no result follows. */
int hal_command(struct hal *hal, const char *device, const struct driver_command *command, int64_t *ret_id,
                const char **ret_reason) must_check;

/* The most used of them. */
int hal_release(struct hal *hal, const char *target, enum driver_direction direction, int64_t pulse_ms,
                int64_t deadline_us, int64_t *ret_id, const char **ret_reason) must_check;

/* Shows something at a point. Best effort: a device that is down or has no light is silent about it. text:
 * NULL or for the display, cut to fit. */
void hal_show(struct hal *hal, const char *point, enum driver_indication indication, const char *text);

/* Shows a text that is neither a grant nor a denial, for so long (0: as long as the others). Returns whether
 * a driver was told. */
bool hal_show_text(struct hal *hal, const char *point, const char *text, int64_t ms);

/* Tells the driver of a target that a person is at its door. Best effort, and only drivers that want to know
 * (DRIVER_CAN_PREPARE) are told, of a target at most once a second. */
void hal_prepare(struct hal *hal, const char *target);

/* Whether the device's driver runs and names this capability. */
bool hal_can(const struct hal *hal, const char *device, const char *capability);

/* Calls fn for each device, by id. Stops at the first return other than 0 and returns it. */
int hal_each(struct hal *hal, int (*fn)(void *userdata, const struct hal_status *status), void *userdata);

/* Calls fn for each point and target of all devices. Stops at the first return other than 0 and returns it.
 */
int hal_each_place(struct hal *hal, int (*fn)(void *userdata, const struct hal_place *place), void *userdata);

/* "starting", "up", "degraded", "down". */
const char *hal_state_name(enum hal_state state);
