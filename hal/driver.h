/* SPDX-License-Identifier: GPL-3.0-or-later */
/* driver.h: what a driver program is built on.
 *
 * A driver owns one reader, one bus or one radio adapter. It is a single-threaded program that may call
 * libraries which block for up to a second or two; the gateway kills one that does not answer for about four
 * seconds. driver_run() reads commands from standard input, gives the driver its turns, and writes what the
 * emit functions say to standard output; logs go to standard error. So a person can run a driver in a
 * terminal and type commands.
 *
 * What the loop does for the driver: `configure` is taken exactly once and answered by hello or error; pings
 * are answered between pieces of work; a command past its deadline, for a target or point that the device
 * item does not list, before configure, or that the driver has no function for is answered `failed` and never
 * reaches the driver; end of file or `shutdown` ends the loop; a gateway that does not read for
 * DRIVER_STUCK_MS ends it as well, since a driver that cannot report is of no use.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/driver_message.h"

struct driver;
struct json_object;

/* How long the gateway may leave our output unread. */
#define DRIVER_STUCK_MS 5000

/* Most bytes that wait for the gateway; lines beyond them are dropped and counted. */
#define DRIVER_OUT_MAX (64u * 1024)

/* work() returns this if only a command can make it run again. */
#define DRIVER_WAIT_FOREVER (-1)

/* What a driver is made of. self is the driver's own struct, as given to driver_run(). NULL functions are
 * commands that the device cannot carry out; work and configure are required. */
struct driver_ops {
    const char *name; /* "nfc": as in the device item's `driver` */
    const char *version;
    const char *const *capabilities; /* NULL-terminated words for hello, or NULL */

    /* Takes the device item, which is gone after the call; read it with json_read() and copy what is kept.
     * Opening the device is better left to work(), which can try again. Returns 0, -EBADMSG with *error
     * filled, or another negative errno; then the program tells the gateway and ends. */
    int (*configure)(struct driver *driver, void *self, struct json_object *device, struct json_error *error);

    /* One bounded piece of device work, at most about a second and a half. Called for the first time right
     * after configure, then when the returned time is over, when work_fd is readable, and after each batch of
     * commands. Returns the milliseconds until it wants to run again, 0 for at once (commands still come
     * first), or DRIVER_WAIT_FOREVER. */
    int (*work)(struct driver *driver, void *self);

    /* A descriptor that makes work() run when readable, -1 for none now. NULL: never one. */
    int (*work_fd)(struct driver *driver, void *self);

    /* Carry a command out. Those with an id are answered by driver_result(), now or later from work():
     * accepted if the device took it and something is still to come, and in the end one of completed, failed,
     * unknown. The struct is gone after the call. */
    void (*release)(struct driver *driver, void *self, const struct driver_command *command);
    void (*lock)(struct driver *driver, void *self, const struct driver_command *command);
    void (*unlock)(struct driver *driver, void *self, const struct driver_command *command);
    void (*unlatch)(struct driver *driver, void *self, const struct driver_command *command);
    void (*hold)(struct driver *driver, void *self, const struct driver_command *command);
    void (*show)(struct driver *driver, void *self, const struct driver_command *command);    /* no answer */
    void (*prepare)(struct driver *driver, void *self, const struct driver_command *command); /* no answer */
    void (*probe)(struct driver *driver, void *self, const struct driver_command *command);
    void (*scan)(struct driver *driver, void *self, const struct driver_command *command);
    void (*pair)(struct driver *driver, void *self, const struct driver_command *command);
};

/* The whole life of a driver program on standard input and output: returns what main() returns. 0 after
 * shutdown or end of file, 1 for anything else, with the cause logged. log_init() has been called. */
int driver_run(const struct driver_ops *ops, void *self);

/* The same on other descriptors, which stay the caller's; for tests. */
int driver_run_on(const struct driver_ops *ops, void *self, int fd_in, int fd_out);

/* Whether a command (or end of file) waits: a long piece of work may ask and return early. */
bool driver_wanted(struct driver *driver);

/* Ends driver_run() after the current call, with this exit status. */
void driver_quit(struct driver *driver, int status);

/* Tell the gateway. Strings are copied; too long ones are cut, and an id that is not valid is a programmer's
 * error. All stamp the event with the boot time of the call. */
void driver_presented(struct driver *driver, const char *point, const char *type, const char *value,
                      enum driver_assurance assurance);
void driver_removed(struct driver *driver, const char *point);
void driver_approach(struct driver *driver, const char *point);
void driver_input(struct driver *driver, const char *point, enum driver_role role, bool value);
void driver_input_target(struct driver *driver, const char *target, enum driver_role role, bool value);
void driver_passage(struct driver *driver, const char *target, enum driver_direction direction,
                    int64_t count);
void driver_no_passage(struct driver *driver, const char *target, enum driver_direction direction);

/* battery: percent or DRIVER_BATTERY_UNKNOWN. */
void driver_state(struct driver *driver, const char *target, enum driver_lock lock, enum driver_door door,
                  int64_t battery);

/* A lock that tells why it is as it is: detail is NULL or a word ("motor_blocked"); door is
 * DRIVER_DOOR_UNTOLD if the lock does not watch it. */
void driver_lock(struct driver *driver, const char *target, enum driver_lock lock, enum driver_door door,
                 const char *detail);

/* A door or barrier that tells where it is and what is in its way. */
void driver_door(struct driver *driver, const char *target, enum driver_door door, bool obstacle,
                 bool vehicle);

/* reason: NULL or a word for the log ("timeout", "jammed"). The time it took, from the command's arrival, is
 * added. */
void driver_result(struct driver *driver, int64_t id, enum driver_outcome outcome, const char *reason);

/* While a scan or another command is under way: a device that was seen, and a sentence for the person who
 * waits ("Press the button of the lock for five seconds."). Once the command is answered they say nothing.
 * found->address is 1 to 32 printable ASCII characters; its texts are for people and valid UTF-8. */
void driver_found(struct driver *driver, int64_t id, const struct driver_found *found);
void driver_progress(struct driver *driver, int64_t id, const char *text);

/* The device can be used, can be used in part, or cannot. A device is up for the gateway only once this was
 * said; say it whenever it may have changed: what the gateway knows already is not sent again, except new
 * counters every DRIVER_COUNTERS_EVERY_MS. reason: NULL or why; counters: may be NULL. */
#define DRIVER_COUNTERS_EVERY_MS 10000
void driver_health(struct driver *driver, enum driver_health state, const char *reason,
                   const struct driver_counter *counters, size_t count);

/* Anything else: sends the event as it is; at_us 0 becomes now. Returns false if the line was dropped, since
 * too many wait for the gateway. */
bool driver_emit(struct driver *driver, const struct driver_event *event);
