/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_command.c: a row for each command: its word, how many words it takes, its help and its function. Each
 * returns NULL, or what it should have been. */
#include "tools/sim/lock_command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define REBOOT_MS 3000
#define DAY_MS    (24 * 3600 * 1000)

/* A word that stands for a number. */
struct word {
    const char *name;
    uint8_t value;
};

static const struct word doors[] = {
    { "closed", NUKI_DOOR_SENSOR_CLOSED },     { "open", NUKI_DOOR_SENSOR_OPENED },
    { "none", NUKI_DOOR_SENSOR_UNAVAILABLE },  { "unknown", NUKI_DOOR_SENSOR_STATE_UNKNOWN },
    { "tampered", NUKI_DOOR_SENSOR_TAMPERED },
};

static const struct word bolts[] = {
    { "locked", NUKI_LOCK_STATE_LOCKED },
    { "unlocked", NUKI_LOCK_STATE_UNLOCKED },
};

static const struct word id_types[] = {
    { "app", NUKI_ID_TYPE_APP },
    { "bridge", NUKI_ID_TYPE_BRIDGE },
    { "fob", NUKI_ID_TYPE_FOB },
    { "keypad", NUKI_ID_TYPE_KEYPAD },
};

static bool find_word(const struct word words[], size_t count, const char *name, uint8_t *ret_value)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i].name, name) == 0) {
            *ret_value = words[i].value;
            return true;
        }
    return false;
}

/* word NULL: the number that is usual. */
static bool take_number(const char *word, int64_t usual, int64_t max, int64_t *ret_value)
{
    char *end;

    if (!word) {
        *ret_value = usual;
        return true;
    }
    errno = 0;
    int64_t value = strtoll(word, &end, 10);

    if (*word < '0' || *word > '9' || *end != '\0' || errno != 0 || value > max)
        return false;
    *ret_value = value;
    return true;
}

static const char *do_press(struct lock_device *device, char *argv[])
{
    lock_talk_press(&device->talk, clock_boot_us());
    return NULL;
}

static const char *do_door(struct lock_device *device, char *argv[])
{
    uint8_t door;

    if (!find_word(doors, COUNT(doors), argv[1], &door))
        return "door closed|open|none|unknown|tampered";
    lock_set_door(&device->talk.lock, clock_boot_us(), door);
    return NULL;
}

static const char *do_key(struct lock_device *device, char *argv[])
{
    uint8_t state;

    if (!find_word(bolts, COUNT(bolts), argv[1], &state))
        return "key locked|unlocked";
    return lock_turn_key(&device->talk.lock, clock_boot_us(), state) < 0 ? "the motor turns it" : NULL;
}

static const char *do_battery(struct lock_device *device, char *argv[])
{
    int64_t percent;

    if (!take_number(argv[1], 0, 100, &percent) || (argv[2] && strcmp(argv[2], "critical") != 0))
        return "battery PERCENT [critical]";
    device->talk.lock.battery_percent = (uint8_t)percent;
    device->talk.lock.battery_critical = argv[2] != NULL;
    device->talk.lock.changed = true;
    return NULL;
}

static const char *do_motor(struct lock_device *device, char *argv[])
{
    struct lock *lock = &device->talk.lock;
    int64_t motor, latch, away;

    if (!take_number(argv[1], 0, DAY_MS, &motor) || !take_number(argv[2], lock->latch_ms, DAY_MS, &latch) ||
        !take_number(argv[2] ? argv[3] : NULL, lock->away_ms, DAY_MS, &away))
        return "motor MS [LATCH-MS [AWAY-MS]]";
    lock->motor_ms = motor;
    lock->latch_ms = latch;
    lock->away_ms = away;
    return NULL;
}

static const char *do_jam(struct lock_device *device, char *argv[])
{
    int64_t count;

    if (!take_number(argv[1], 1, UINT16_MAX, &count))
        return "jam [N]";
    device->talk.lock.jams = (unsigned)count;
    return NULL;
}

static bool find_code(const char *name, uint8_t *ret_code)
{
    for (unsigned code = UINT8_MAX; code > 0; code--) /* what has no name is "unknown", as is the last one */
        if (strcmp(nuki_code_word((uint8_t)code), name) == 0) {
            *ret_code = (uint8_t)code;
            return true;
        }
    return false;
}

static const char *do_refuse(struct lock_device *device, char *argv[])
{
    int64_t count;

    if (!find_code(argv[1], &device->talk.refusal) || !take_number(argv[2], 1, UINT16_MAX, &count))
        return "refuse WORD [N], WORD as busy";
    device->talk.refusals = (unsigned)count;
    return NULL;
}

/* The right time, or so many seconds off it. */
static const char *do_clock(struct lock_device *device, char *argv[])
{
    const struct timestamp now = clock_now();
    bool behind = argv[1] && *argv[1] == '-';
    int64_t off;

    if (!take_number(argv[1] ? argv[1] + behind : NULL, 0, UINT32_MAX, &off))
        return "clock [[-]SECONDS]";
    device->talk.lock.clock_us = now.utc_us - now.boot_us + (behind ? -off : off) * USEC_PER_SEC;
    return NULL;
}

static const char *do_pin(struct lock_device *device, char *argv[])
{
    int64_t pin;

    if (!take_number(argv[1], 0, UINT16_MAX, &pin))
        return "pin N";
    device->talk.pin = (uint16_t)pin;
    device->talk.pin_tries = 0;
    return NULL;
}

static const char *do_states(struct lock_device *device, char *argv[])
{
    int64_t size;

    if (!take_number(argv[1], 0, NUKI_STATES_BYTES_MAX, &size) || size < NUKI_STATES_BYTES_2016)
        return "states 15..48";
    device->talk.states_size = (uint8_t)size;
    return NULL;
}

static const char *do_authorize(struct lock_device *device, char *argv[])
{
    struct nuki_access access;
    uint8_t id_type = NUKI_ID_TYPE_BRIDGE;
    int64_t id;

    if (!take_number(argv[1], 0, UINT16_MAX, &id) || id == 0 || strlen(argv[2]) != 2 * NUKI_KEY_BYTES ||
        strspn(argv[2], "0123456789abcdefABCDEF") != 2 * NUKI_KEY_BYTES ||
        (argv[3] && !find_word(id_types, COUNT(id_types), argv[3], &id_type)))
        return "authorize ID KEY [app|bridge|fob|keypad], KEY of 64 digits in hex";
    access.auth_id = (uint32_t)id;
    for (size_t i = 0; i < NUKI_KEY_BYTES; i++)
        access.key[i] = (uint8_t)strtoul((char[]){ argv[2][2 * i], argv[2][2 * i + 1], '\0' }, NULL, 16);
    return lock_talk_authorize(&device->talk, &access, id_type, "control") < 0 ? "no place is free" : NULL;
}

static const char *do_forget(struct lock_device *device, char *argv[])
{
    lock_talk_forget(&device->talk);
    return NULL;
}

/* 0: there is none of that name. */
static uint16_t find_command(const char *name)
{
    for (uint16_t command = 1; command <= UINT8_MAX; command++)
        if (strcmp(nuki_command_word(command), name) == 0)
            return command;
    return 0;
}

static const char *do_fault(struct lock_device *device, char *argv[])
{
    struct lock_fault_plan *plan = &device->talk.faults.plan;
    enum lock_fault fault = lock_fault_find(argv[1]);
    uint16_t command = argv[2] && argv[3] ? find_command(argv[3]) : 0;
    int64_t count;

    if (fault == LOCK_FAULTS || !take_number(argv[2], 1, UINT16_MAX, &count) ||
        (argv[2] && argv[3] && command == 0))
        return "fault KIND [N [COMMAND]]";
    plan->fault = fault;
    plan->count = fault == LOCK_FAULT_NONE ? 0 : (unsigned)count;
    plan->command = command;
    return NULL;
}

static const char *do_seed(struct lock_device *device, char *argv[])
{
    int64_t seed;

    if (!take_number(argv[1], 0, INT64_MAX, &seed))
        return "seed N";
    device->talk.faults.plan.seed = (uint64_t)seed;
    return NULL;
}

static const char *do_deaf(struct lock_device *device, char *argv[])
{
    int64_t count;

    if (!take_number(argv[1], 1, UINT16_MAX, &count))
        return "deaf [N]";
    device->deaf = (unsigned)count;
    return NULL;
}

/* The point is words again. */
static const char *do_drop(struct lock_device *device, char *argv[])
{
    struct text point = TEXT_INIT;

    for (size_t i = 1; argv[i]; i++)
        text_addf(&point, "%s%s", i > 1 ? " " : "", argv[i]);
    lock_device_drop(device, text_string(&point));
    text_finish(&point);
    return NULL;
}

static const char *do_gone(struct lock_device *device, char *argv[])
{
    int64_t ms;

    if (!take_number(argv[1], 0, DAY_MS, &ms))
        return "gone [MS]";
    lock_device_go(device, argv[1] ? clock_boot_us() + ms * USEC_PER_MSEC : INT64_MAX);
    return NULL;
}

static const char *do_back(struct lock_device *device, char *argv[])
{
    if (device->gone_until_us)
        device->gone_until_us = clock_boot_us();
    return NULL;
}

static const char *do_reboot(struct lock_device *device, char *argv[])
{
    int64_t ms;

    if (!take_number(argv[1], REBOOT_MS, DAY_MS, &ms))
        return "reboot [MS]";
    lock_device_reboot(device, clock_boot_us() + ms * USEC_PER_MSEC);
    return NULL;
}

static const char *do_storm(struct lock_device *device, char *argv[])
{
    int64_t count;

    if (!take_number(argv[1], 0, UINT16_MAX, &count))
        return "storm N";
    lock_device_storm(device, (unsigned)count);
    return NULL;
}

static const char *do_attack(struct lock_device *device, char *argv[])
{
    int64_t seed, count;

    if (!take_number(argv[1], 0, INT64_MAX, &seed) || !take_number(argv[2], 1, UINT16_MAX, &count))
        return "attack SEED [N]";
    lock_device_attack(device, (uint64_t)seed, (unsigned)count);
    return NULL;
}

static const char *do_mtu(struct lock_device *device, char *argv[])
{
    int64_t mtu;

    if (!take_number(argv[1], 0, ATT_MTU_MAX, &mtu) || mtu < ATT_MTU_DEFAULT)
        return "mtu 23..517";
    device->gatt.mtu_offered = (uint16_t)mtu;
    return NULL;
}

static const char *do_handles(struct lock_device *device, char *argv[])
{
    int64_t shift;

    if (!take_number(argv[1], 0, INT16_MAX, &shift))
        return "handles N";
    device->gatt.shift = (uint16_t)shift;
    return NULL;
}

static const char *do_idle(struct lock_device *device, char *argv[])
{
    return take_number(argv[1], 0, DAY_MS, &device->idle_ms) ? NULL : "idle MS";
}

static const struct {
    const char *name;
    int words_min; /* behind the name */
    int words_max;
    const char *(*run)(struct lock_device *device, char *argv[]);
    const char *help;
} commands[] = {
    { "press", 0, 0, do_press, "press                  the button for five seconds: 30 s of pairing mode" },
    { "door", 1, 1, do_door, "door STATE             closed, open, none, unknown, tampered" },
    { "key", 1, 1, do_key, "key STATE              somebody turns it: locked, unlocked" },
    { "battery", 1, 2, do_battery, "battery PERCENT [critical]" },
    { "motor", 1, 3, do_motor, "motor MS [LATCH-MS [AWAY-MS]]  how long it takes [2000 3000 20000]" },
    { "jam", 0, 1, do_jam, "jam [N]                the motor blocks in the next N actions" },
    { "refuse", 1, 2, do_refuse, "refuse WORD [N]        the next N actions, for that reason: busy, ..." },
    { "clock", 0, 1, do_clock, "clock [[-]SECONDS]     is right, or off by so much" },
    { "pin", 1, 1, do_pin, "pin N                  the security PIN [1234]" },
    { "states", 1, 1, do_states,
      "states N               bytes of keyturner states: the firmware's age [19]" },
    { "authorize", 2, 3, do_authorize, "authorize ID KEY [app|bridge|fob|keypad]  without pairing" },
    { "forget", 0, 0, do_forget, "forget                 all whom it knows" },
    { "fault", 1, 3, do_fault, "fault KIND [N [COMMAND]]  the next N messages (of that command) go wrong" },
    { "seed", 1, 1, do_seed, "seed N                 of garbage" },
    { "deaf", 0, 1, do_deaf, "deaf [N]               does not hear the next N PDUs" },
    { "drop", 0, CTL_WORDS_MAX, do_drop,
      "drop [LINE]            breaks the link now, or where a line like that is printed" },
    { "gone", 0, 1, do_gone, "gone [MS]              out of reach, for so long" },
    { "back", 0, 0, do_back, "back                   within reach again" },
    { "reboot", 0, 1, do_reboot, "reboot [MS]            without power for so long [3000]" },
    { "storm", 1, 1, do_storm, "storm N                its last message N times, without waiting" },
    { "attack", 1, 2, do_attack, "attack SEED [N]        N PDUs of a hostile peer" },
    { "mtu", 1, 1, do_mtu, "mtu N                  that it offers [247]" },
    { "handles", 1, 1, do_handles, "handles N              moves them by N, as new firmware does" },
    { "idle", 1, 1, do_idle, "idle MS                closes a link that is silent for so long [0: never]" },
};

static void print_status(const struct lock_device *device, char reply[static CTL_REPLY_SIZE])
{
    const struct lock_talk *talk = &device->talk;
    const struct lock_counts *counts = &talk->counts;
    unsigned known = 0;

    for (size_t i = 0; i < LOCK_AUTHS_MAX; i++)
        known += talk->auths[i].access.auth_id != 0;
    snprintf(reply, CTL_REPLY_SIZE,
             "ok state=%s door=%s link=%d pairing=%d changed=%d known=%u frames=%u nonces=%u challenges=%u "
             "pins=%u pairings=%u",
             nuki_lock_state_word(talk->lock.state), nuki_door_sensor_word(talk->lock.door), device->linked,
             talk->pairing_until_us != 0, talk->lock.changed, known, counts->frames, counts->nonces,
             counts->challenges, counts->pins, counts->pairings);
}

static const char *run(struct lock_device *device, int argc, char *argv[])
{
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (strcmp(commands[i].name, argv[0]) != 0)
            continue;
        if (argc - 1 < commands[i].words_min || argc - 1 > commands[i].words_max)
            return commands[i].help;
        return commands[i].run(device, argv);
    }
    return "no such command";
}

void lock_command_handle(void *device, int argc, char *argv[], char reply[static CTL_REPLY_SIZE])
{
    if (argc == 1 && strcmp(argv[0], "status") == 0) {
        print_status(device, reply);
        return;
    }
    const char *problem = argc > 0 ? run(device, argc, argv) : "no command";

    snprintf(reply, CTL_REPLY_SIZE, "%s%s", problem ? "error: " : "ok", problem ? problem : "");
}

void lock_command_help(FILE *out)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        fprintf(out, "  %s\n", commands[i].help);
    fputs("  status                 one line: its state, and what clients did wrong\n"
          "kinds of faults: none silent twice truncated garbage mac crc length auth-id inner-auth-id nonce "
          "replay plain\n",
          out);
}
