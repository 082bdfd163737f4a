/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sim.c: stile-sim, a driver without hardware. What happens to it is said in lines of words, by its device
 * item's `steps` and through the FIFO `control`; one table knows the words. What it owes for later (results,
 * people who walk through) waits in one small list. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/lines.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "hal/driver.h"

#define STEPS_MAX       64
#define PLANS_MAX       128
#define WORDS_MAX       8
#define STEP_SIZE       256
#define CONTROL_SIZE    1024
#define DELAY_MS_MAX    3600000
#define GARBAGE_DEFAULT 1
#define NEVER           (-1)
#define SCAN_SPARE_MS   500 /* a scan ends so long before its deadline */

enum plan_kind { PLAN_NONE, PLAN_STEP, PLAN_ACCEPT, PLAN_COMPLETE, PLAN_PASS, PLAN_SCANNED, PLAN_PAIRED };

/* Something that happens later. */
struct plan {
    enum plan_kind kind;
    int64_t due_us;
    size_t step;                   /* step: its index */
    struct driver_command command; /* the others */
};

struct sim {
    int64_t accept_ms;
    int64_t complete_ms;
    int64_t pass_ms; /* NEVER: nobody walks through by himself */
    char fail[DRIVER_REASON_SIZE];
    size_t step_count;
    char steps[STEPS_MAX][STEP_SIZE];
    char found[DRIVER_WORD_SIZE]; /* the address of the lock that scans find, "": none */
    int control;                  /* -1: none */
    struct lines lines;
    bool healthy; /* its health was told once */
    struct plan plans[PLANS_MAX];
};

struct settings {
    int64_t accept_ms, complete_ms, pass_ms;
    const char *control, *fail, *found;
    struct json_object *steps;
};

static const struct json_row settings_rows[] = {
    JSON_ROW_INT(struct settings, accept_ms, "accept_ms", 0, DELAY_MS_MAX, 0),
    JSON_ROW_INT(struct settings, complete_ms, "complete_ms", 0, DELAY_MS_MAX, 0),
    JSON_ROW_INT(struct settings, pass_ms, "pass_ms", 0, DELAY_MS_MAX, NEVER),
    JSON_ROW_STRING(struct settings, control, "control", 1, CONTROL_SIZE - 1),
    JSON_ROW_STRING(struct settings, fail, "fail", 1, DRIVER_REASON_SIZE - 1),
    JSON_ROW_STRING(struct settings, found, "found", 1, DRIVER_WORD_SIZE - 1),
    JSON_ROW_LIST(struct settings, steps, "steps", 0, STEPS_MAX),
};

struct step {
    int64_t after_ms;
    const char *say;
};

static const struct json_row step_rows[] = {
    JSON_ROW_INT(struct step, after_ms, "after_ms", 0, DELAY_MS_MAX, 0),
    JSON_ROW_STRING_REQUIRED(struct step, say, "say", 1, STEP_SIZE - 1),
};

static struct plan *plan(struct sim *sim, enum plan_kind kind, int64_t after_ms)
{
    for (size_t i = 0; i < PLANS_MAX; i++)
        if (sim->plans[i].kind == PLAN_NONE) {
            sim->plans[i].kind = kind;
            sim->plans[i].due_us = clock_boot_us() + after_ms * USEC_PER_MSEC;
            return &sim->plans[i];
        }
    return NULL;
}

/* What `verb WORD...` does. Returns false if the words make no sense. */
struct verb {
    const char *name;
    int words_min; /* behind the verb */
    int words_max;
    const char *usage;
    bool (*say)(struct driver *driver, struct sim *sim, int argc, char *argv[]);
};

static bool find(const char *(*name)(int), int count, const char *word, int *ret_value)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name(i), word) == 0) {
            *ret_value = i;
            return true;
        }
    return false;
}

static const char *assurance_name(int value)
{
    return driver_assurance_name((enum driver_assurance)value);
}

static const char *direction_name(int value)
{
    return driver_direction_name((enum driver_direction)value);
}

static const char *role_name(int value)
{
    return driver_role_name((enum driver_role)value);
}

static const char *lock_name(int value)
{
    return driver_lock_name((enum driver_lock)value);
}

static const char *door_name(int value)
{
    return driver_door_name((enum driver_door)value);
}

static const char *health_name(int value)
{
    return driver_health_name((enum driver_health)value);
}

static bool read_number(const char *word, long max, long *ret_number)
{
    char *end;
    long number = strtol(word, &end, 10);

    if (*end != '\0' || end == word || number < 0 || number > max)
        return false;
    *ret_number = number;
    return true;
}

static bool say_present(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    int assurance = DRIVER_ASSURANCE_IDENTIFIER;

    if (!id_valid(argv[1]) ||
        (argc > 4 && !find(assurance_name, DRIVER_ASSURANCE_AUTHENTICATED + 1, argv[4], &assurance)))
        return false;
    driver_presented(driver, argv[1], argv[2], argv[3], (enum driver_assurance)assurance);
    return true;
}

static bool say_remove(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    if (!id_valid(argv[1]))
        return false;
    driver_removed(driver, argv[1]);
    return true;
}

static bool say_approach(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    if (!id_valid(argv[1]))
        return false;
    driver_approach(driver, argv[1]);
    return true;
}

static bool say_input(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    bool on = strcmp(argv[4], "on") == 0;
    int role;

    if (!id_valid(argv[2]) || !find(role_name, DRIVER_ROLE_FIRE + 1, argv[3], &role) ||
        (!on && strcmp(argv[4], "off") != 0))
        return false;
    if (strcmp(argv[1], "point") == 0)
        driver_input(driver, argv[2], (enum driver_role)role, on);
    else if (strcmp(argv[1], "target") == 0)
        driver_input_target(driver, argv[2], (enum driver_role)role, on);
    else
        return false;
    return true;
}

static bool say_passage(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    int direction;
    long count = 1;

    if (!id_valid(argv[1]) || !find(direction_name, DRIVER_DIRECTION_EXIT + 1, argv[2], &direction) ||
        (argc > 3 && (!read_number(argv[3], 65535, &count) || count == 0)))
        return false;
    driver_passage(driver, argv[1], (enum driver_direction)direction, count);
    return true;
}

static bool say_no_passage(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    int direction;

    if (!id_valid(argv[1]) || !find(direction_name, DRIVER_DIRECTION_EXIT + 1, argv[2], &direction))
        return false;
    driver_no_passage(driver, argv[1], (enum driver_direction)direction);
    return true;
}

static bool say_health(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    int health;

    if (!find(health_name, DRIVER_HEALTH_DOWN + 1, argv[1], &health))
        return false;
    driver_health(driver, (enum driver_health)health, argv[2], NULL, 0);
    return true;
}

static bool say_battery(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    long percent;

    if (!id_valid(argv[1]) || !read_number(argv[2], 100, &percent))
        return false;
    driver_state(driver, argv[1], DRIVER_LOCK_UNTOLD, DRIVER_DOOR_UNTOLD, percent);
    return true;
}

static bool say_lock(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    int lock;

    if (!id_valid(argv[1]) || !find(lock_name, DRIVER_LOCK_JAMMED + 1, argv[2], &lock))
        return false;
    driver_lock(driver, argv[1], (enum driver_lock)lock, DRIVER_DOOR_UNTOLD, argv[3]);
    return true;
}

static bool say_door(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    bool obstacle = argc > 3 && strcmp(argv[3], "obstacle") == 0;
    bool vehicle = argc > 3 && strcmp(argv[3], "vehicle") == 0;
    int door;

    if (!id_valid(argv[1]) || !find(door_name, DRIVER_DOOR_CLOSING + 1, argv[2], &door) ||
        (argc > 3 && !obstacle && !vehicle))
        return false;
    driver_door(driver, argv[1], (enum driver_door)door, obstacle, vehicle);
    return true;
}

static bool say_event(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    struct driver_event event = { 0 };
    struct json_error error;

    if (driver_event_parse(argv[1], strlen(argv[1]), &event, &error) != 0)
        return false;
    driver_emit(driver, &event);
    return true;
}

static bool say_hang(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    raise(SIGSTOP);
    return true;
}

static bool say_crash(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    abort();
}

static bool say_garbage(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    static const char line[] = "{\"ev\":garbage\n";
    long count = GARBAGE_DEFAULT;

    if (argc > 1 && !read_number(argv[1], 10000, &count))
        return false;
    for (long i = 0; i < count; i++)
        (void)!write(STDOUT_FILENO, line, sizeof(line) - 1);
    return true;
}

static void read_control(struct driver *driver, struct sim *sim);

/* Goes on living, but hears no command any more. */
static bool say_stop_reading(struct driver *driver, struct sim *sim, int argc, char *argv[])
{
    struct pollfd control = { .fd = sim->control, .events = POLLIN };

    do
        read_control(driver, sim);
    while (poll(&control, 1, -1) >= 0);
    return true;
}

static const struct verb verbs[] = {
    { "present", 3, 4, "present POINT TYPE VALUE [ASSURANCE]", say_present },
    { "remove", 1, 1, "remove POINT", say_remove },
    { "approach", 1, 1, "approach POINT", say_approach },
    { "input", 4, 4, "input point|target ID ROLE on|off", say_input },
    { "passage", 2, 3, "passage TARGET entry|exit|any [COUNT]", say_passage },
    { "no_passage", 2, 2, "no_passage TARGET entry|exit|any", say_no_passage },
    { "health", 1, 2, "health up|degraded|down [REASON]", say_health },
    { "battery", 2, 2, "battery TARGET PERCENT", say_battery },
    { "lock", 2, 3, "lock TARGET locked|unlocked|moving|jammed [DETAIL]", say_lock },
    { "door", 2, 3, "door TARGET open|closed|opening|closing|unknown [obstacle|vehicle]", say_door },
    { "event", 1, 1, "event JSON", say_event },
    { "hang", 0, 0, "hang", say_hang },
    { "crash", 0, 0, "crash", say_crash },
    { "garbage", 0, 1, "garbage [LINES]", say_garbage },
    { "stop_reading", 0, 0, "stop_reading", say_stop_reading },
};

static void say(struct driver *driver, struct sim *sim, const char *words)
{
    char line[STEP_SIZE];
    char *argv[WORDS_MAX + 1] = { NULL };
    char *rest = NULL;
    int argc = 0;

    snprintf(line, sizeof(line), "%s", words);
    for (char *word = strtok_r(line, " ", &rest); word && argc < WORDS_MAX; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    for (size_t i = 0; argc > 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        const struct verb *verb = &verbs[i];

        if (strcmp(verb->name, argv[0]) != 0)
            continue;
        if (argc - 1 < verb->words_min || argc - 1 > verb->words_max || !verb->say(driver, sim, argc, argv))
            log_warning("sim", "usage: %s", verb->usage);
        return;
    }
    log_warning("sim", "not understood: %s", words);
}

static void read_control(struct driver *driver, struct sim *sim)
{
    char *line;
    size_t len;
    int r;

    do
        while ((r = lines_next(&sim->lines, &line, &len)) != 0)
            if (r > 0)
                say(driver, sim, line);
    while (lines_fill(&sim->lines) > 0);
}

static int open_control(struct sim *sim, const char *path, struct json_error *error)
{
    if (mkfifo(path, 0600) < 0 && errno != EEXIST) {
        json_error_set(error, "control", "cannot be made: %s", strerror(errno));
        return -EBADMSG;
    }
    sim->control = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC); /* its own writer: never at end of file */
    if (sim->control < 0) {
        json_error_set(error, "control", "cannot be opened: %s", strerror(errno));
        return -EBADMSG;
    }
    return lines_init(&sim->lines, sim->control, -1, STEP_SIZE, STEP_SIZE);
}

static int read_steps(struct sim *sim, struct json_object *steps, struct json_error *error)
{
    int64_t at_ms = 0;

    sim->step_count = json_list_length(steps);
    for (size_t i = 0; i < sim->step_count; i++) {
        struct json_object *object = json_list_object(steps, i, error);
        struct step step;

        if (!object || json_read(object, JSON_ROWS(step_rows), &step, error) < 0) {
            if (object)
                json_error_within(error, "[%zu]", i);
            json_error_within(error, "steps");
            return -EBADMSG;
        }
        at_ms += step.after_ms;
        snprintf(sim->steps[i], STEP_SIZE, "%s", step.say);
        plan(sim, PLAN_STEP, at_ms)->step = i; /* STEPS_MAX is less than PLANS_MAX */
    }
    return 0;
}

static int sim_configure(struct driver *driver, void *self, struct json_object *device,
                         struct json_error *error)
{
    struct sim *sim = self;
    struct settings settings;
    int r = json_read(device, JSON_ROWS(settings_rows), &settings, error);

    if (r < 0)
        return r;
    sim->accept_ms = settings.accept_ms;
    sim->complete_ms = settings.complete_ms;
    sim->pass_ms = settings.pass_ms;
    text_copy(sim->fail, sizeof(sim->fail), settings.fail);
    text_copy(sim->found, sizeof(sim->found), settings.found);
    r = read_steps(sim, settings.steps, error);
    if (r == 0 && settings.control)
        r = open_control(sim, settings.control, error);
    return r;
}

static void next(struct driver *driver, struct sim *sim, enum plan_kind kind, int64_t after_ms,
                 const struct driver_command *command)
{
    struct plan *next = plan(sim, kind, after_ms);

    if (next)
        next->command = *command;
    else if (kind != PLAN_PASS)
        driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, "busy");
}

static void complete(struct driver *driver, struct sim *sim, const struct driver_command *command)
{
    driver_result(driver, command->id, DRIVER_OUTCOME_COMPLETED, NULL);
    if (command->kind == DRIVER_COMMAND_RELEASE && sim->pass_ms != NEVER)
        next(driver, sim, PLAN_PASS, sim->pass_ms, command);
}

static void carry_out(struct driver *driver, struct sim *sim, const struct plan *plan)
{
    const struct driver_command *command = &plan->command;

    switch (plan->kind) {
    case PLAN_NONE:
        return;
    case PLAN_STEP:
        say(driver, sim, sim->steps[plan->step]);
        return;
    case PLAN_ACCEPT:
        if (clock_boot_us() > command->deadline_us) {
            driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, "deadline");
            return;
        }
        driver_result(driver, command->id, DRIVER_OUTCOME_ACCEPTED, NULL);
        next(driver, sim, PLAN_COMPLETE, sim->complete_ms, command);
        return;
    case PLAN_COMPLETE:
        complete(driver, sim, command);
        return;
    case PLAN_PASS:
        driver_passage(driver, command->target, command->direction, 1);
        return;
    case PLAN_SCANNED:
        driver_result(driver, command->id, DRIVER_OUTCOME_COMPLETED, NULL);
        return;
    case PLAN_PAIRED:
        driver_progress(driver, command->id, "Let the button go.");
        driver_result(driver, command->id, DRIVER_OUTCOME_COMPLETED, NULL);
        return;
    }
}

/* The plan that is due first, or NULL. */
static struct plan *first_plan(struct sim *sim)
{
    struct plan *first = NULL;

    for (size_t i = 0; i < PLANS_MAX; i++)
        if (sim->plans[i].kind != PLAN_NONE && (!first || sim->plans[i].due_us < first->due_us))
            first = &sim->plans[i];
    return first;
}

static int sim_work(struct driver *driver, void *self)
{
    struct sim *sim = self;
    struct plan *due;

    if (!sim->healthy) {
        driver_health(driver, DRIVER_HEALTH_UP, NULL, NULL, 0);
        sim->healthy = true;
    }
    if (sim->control >= 0)
        read_control(driver, sim);
    while ((due = first_plan(sim)) && due->due_us <= clock_boot_us()) {
        struct plan taken = *due;

        due->kind = PLAN_NONE;
        carry_out(driver, sim, &taken);
    }
    if (!due)
        return DRIVER_WAIT_FOREVER;
    return (int)((due->due_us - clock_boot_us()) / USEC_PER_MSEC) + 1;
}

static int sim_work_fd(struct driver *driver, void *self)
{
    struct sim *sim = self;

    return sim->control;
}

static void sim_order(struct driver *driver, void *self, const struct driver_command *command)
{
    struct sim *sim = self;

    if (sim->fail[0] != '\0')
        driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, sim->fail);
    else
        next(driver, sim, PLAN_ACCEPT, sim->accept_ms, command);
}

static void sim_show(struct driver *driver, void *self, const struct driver_command *command)
{
    log_info("sim", "%s shows %s %s", command->point, driver_indication_name(command->indication),
             command->text);
}

static void sim_probe(struct driver *driver, void *self, const struct driver_command *command)
{
    driver_result(driver, command->id, DRIVER_OUTCOME_COMPLETED, NULL);
}

static void sim_prepare(struct driver *driver, void *self, const struct driver_command *command)
{
    log_info("sim", "%s is prepared", command->target);
}

static void sim_scan(struct driver *driver, void *self, const struct driver_command *command)
{
    struct sim *sim = self;
    int64_t ms = (command->deadline_us - clock_boot_us()) / USEC_PER_MSEC - SCAN_SPARE_MS;
    struct driver_found found = {
        .address_type = DRIVER_ADDRESS_RANDOM, .name = "sim", .about = "no hardware", .rssi = -60
    };

    text_copy(found.address, sizeof(found.address), sim->found);
    if (sim->found[0] != '\0')
        driver_found(driver, command->id, &found);
    next(driver, sim, PLAN_SCANNED, ms > 0 ? ms : 0, command);
}

static void sim_pair(struct driver *driver, void *self, const struct driver_command *command)
{
    struct sim *sim = self;

    if (strcmp(command->address, sim->found) != 0) {
        driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, "not_found");
    } else if (sim->fail[0] != '\0') {
        driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, sim->fail);
    } else {
        driver_progress(driver, command->id, "Press the button of the lock for five seconds.");
        next(driver, sim, PLAN_PAIRED, sim->complete_ms, command);
    }
}

static const char *const capabilities[] = { "display", DRIVER_CAN_HOLD, DRIVER_CAN_PREPARE, DRIVER_CAN_SCAN,
                                            NULL };
static const struct driver_ops ops = {
    .name = "sim",
    .version = "1",
    .capabilities = capabilities,
    .configure = sim_configure,
    .work = sim_work,
    .work_fd = sim_work_fd,
    .release = sim_order,
    .lock = sim_order,
    .unlock = sim_order,
    .unlatch = sim_order,
    .hold = sim_order,
    .show = sim_show,
    .prepare = sim_prepare,
    .probe = sim_probe,
    .scan = sim_scan,
    .pair = sim_pair,
};

int main(void)
{
    cleanup_with(freep) struct sim *sim = calloc(1, sizeof(*sim));

    log_init("stile-sim", LOG_INFO);
    if (!sim)
        return 1;
    sim->control = -1;
    int status = driver_run(&ops, sim);

    lines_finish(&sim->lines);
    closep(&sim->control);
    return status;
}
