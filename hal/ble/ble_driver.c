/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_driver.c: what comes from the gateway goes to the units, and back; here is only what they share: the
 * adapter, the radio's turn, the scan. */
#include "hal/ble/ble_driver.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "hal/ble/ble_adapter.h"
#include "hal/ble/ble_device.h"
#include "hal/ble/ble_health.h"
#include "hal/ble/ble_radio.h"
#include "hal/ble/ble_scan.h"
#include "hal/ble/ble_search.h"
#include "hal/ble/ble_unit.h"

#define LOG "ble"

/* Between looks at the adapter, and tries to switch it on. */
#define ADAPTER_EVERY_MS   2000
#define SWITCH_ON_EVERY_MS 10000

/* Between tries to get a socket to scan with, doubling. They are made when the adapter is looked at. */
#define SCAN_REST_MIN_MS ADAPTER_EVERY_MS
#define SCAN_REST_MAX_MS 300000

/* Rounds of all locks, until commands and pings get their turn. */
#define ROUNDS_MAX 8

/* How much earlier than its deadline a probe is answered. */
#define PROBE_END_MS 200

/* A unit's voice says which unit it is. */
struct speaker {
    struct ble_driver *ble;
    const char *target;
};

struct probe {
    int64_t id; /* 0: none */
    int64_t begun_us;
    int64_t end_us;
};

struct ble_driver {
    const struct ble_world *world;
    const char *directory;
    struct driver *driver; /* while it is called */
    struct ble_device device;
    int adapter_index;
    struct ble_address adapter;
    const char *adapter_fault; /* why it cannot be used; NULL: it can */
    int64_t adapter_us;        /* when it is looked at */
    int64_t switch_on_us;
    struct speaker speakers[BLE_LOCKS_MAX];
    struct ble_unit units[BLE_LOCKS_MAX];
    size_t unit_count;
    size_t first; /* in this turn */
    struct ble_radio radio;
    struct ble_scan scan;
    bool scan_refused; /* was said */
    int scan_error;    /* why there is no socket for it, a negative errno; 0: it was not tried */
    int64_t scan_us;   /* when it is tried again */
    int64_t scan_rest_ms;
    struct ble_search search;
    struct probe probe;
    struct ble_now now; /* of this turn */
    int epoll_fd;
};

int ble_driver_new(const struct ble_world *world, const char *directory, struct ble_driver **ret_ble)
{
    struct ble_driver *ble = calloc(1, sizeof(*ble));

    if (!ble)
        return -ENOMEM;
    ble->world = world;
    ble->directory = directory;
    ble->adapter_fault = "the adapter was not looked at yet";
    ble_scan_init(&ble->scan);
    ble->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (ble->epoll_fd < 0) {
        free(ble);
        return -errno;
    }
    *ret_ble = ble;
    return 0;
}

struct ble_driver *ble_driver_free(struct ble_driver *ble)
{
    if (!ble)
        return NULL;
    for (size_t i = 0; i < ble->unit_count; i++)
        ble_unit_finish(&ble->units[i]);
    ble_scan_close(&ble->scan);
    closep(&ble->epoll_fd);
    free(ble);
    return NULL;
}

static struct ble_now read_clock(void)
{
    struct timestamp now = clock_now();

    return (struct ble_now){ .us = now.boot_us,
                             .utc_s = now.clock == CLOCK_STATE_NONE ? BLE_UTC_UNKNOWN
                                                                    : now.utc_us / USEC_PER_SEC };
}

/* Units speak. */

static bool say(void *userdata, const struct driver_event *event)
{
    const struct speaker *speaker = userdata;
    struct driver *driver = speaker->ble->driver;

    if (event->kind == DRIVER_EVENT_RESULT)
        driver_result(driver, event->id, event->outcome, event->reason[0] ? event->reason : NULL);
    else if (event->kind == DRIVER_EVENT_PROGRESS)
        driver_progress(driver, event->id, event->reason);
    else
        return driver_emit(driver, event);
    return true;
}

static void note(void *userdata, int level, const char *text)
{
    const struct speaker *speaker = userdata;

    log_write(level, LOG, "%s: %s", speaker->target, text);
}

static int connect_peer(void *self, const struct ble_address *peer, int *ret_fd)
{
    struct ble_driver *ble = self;

    return ble->world->connect(ble->world->self, &ble->adapter, peer, ret_fd);
}

/* Configuration. */

static void add_unit(struct ble_driver *ble, const struct ble_lock_item *item)
{
    struct speaker *speaker = &ble->speakers[ble->unit_count];
    struct ble_unit *unit = &ble->units[ble->unit_count++];
    const struct ble_unit_setup setup = {
        .item = item,
        .protocol = ble_protocol_find(item->protocol),
        .directory = ble->directory,
        .voice = { .say = say, .note = note, .userdata = speaker },
        .connector = { .connect = connect_peer, .self = ble },
    };

    *speaker = (struct speaker){ .ble = ble, .target = item->target };
    ble_unit_init(unit, &setup, &ble->now);
    ble_radio_add(&ble->radio, &unit->link);
}

static int configure(struct driver *driver, void *self, struct json_object *item, struct json_error *error)
{
    struct ble_driver *ble = self;
    int r = ble_device_read(item, &ble->device, error);

    if (r < 0)
        return r;
    ble->now = read_clock();
    ble->adapter_index = ble_adapter_index(ble->device.adapter);
    ble_radio_init(&ble->radio, BLE_RADIO_CONNECTIONS);
    for (size_t i = 0; i < ble->device.lock_count; i++)
        add_unit(ble, &ble->device.locks[i]);
    return 0;
}

/* The adapter. */

static const char *adapter_fault(int error)
{
    switch (error) {
    case 0:
        return NULL;
    case BLE_ADAPTER_E_OFF:
        return "the adapter is off";
    case -ENODEV:
        return "the adapter is not there";
    case -EAFNOSUPPORT:
        return "this kernel has no Bluetooth";
    default:
        return strerror(-error);
    }
}

static void end_search(struct ble_driver *ble, enum driver_outcome outcome, const char *reason)
{
    if (ble->search.id != 0)
        driver_result(ble->driver, ble->search.id, outcome, reason);
    ble->search.id = 0;
}

static void end_probe(struct ble_driver *ble, enum driver_outcome outcome, const char *reason)
{
    if (ble->probe.id != 0)
        driver_result(ble->driver, ble->probe.id, outcome, reason);
    ble->probe.id = 0;
}

static void lose_adapter(struct ble_driver *ble)
{
    log_error(LOG, "%s: %s", ble->device.adapter, ble->adapter_fault);
    end_search(ble, DRIVER_OUTCOME_FAILED, "no_adapter");
    end_probe(ble, DRIVER_OUTCOME_FAILED, "no_adapter");
    for (size_t i = 0; i < ble->unit_count; i++)
        ble_unit_stop(&ble->units[i], "no_adapter", &ble->now);
    ble_scan_close(&ble->scan);
}

static void switch_on(struct ble_driver *ble)
{
    if (ble->now.us < ble->switch_on_us)
        return;
    ble->switch_on_us = ble->now.us + SWITCH_ON_EVERY_MS * USEC_PER_MSEC;
    ble->world->switch_on(ble->world->self, ble->adapter_index);
}

static void try_to_scan(struct ble_driver *ble)
{
    int fd;

    if (ble->adapter_fault || ble->scan.fd >= 0 || ble->now.us < ble->scan_us)
        return;
    int r = ble->world->scan_socket(ble->world->self, ble->adapter_index, &fd);

    if (r == 0) {
        ble_scan_open(&ble->scan, fd);
        return;
    }
    if (r != ble->scan_error)
        log_warning(LOG, "cannot scan: %s", strerror(-r));
    ble->scan_error = r;
    ble->scan_us = ble->now.us + ble->scan_rest_ms * USEC_PER_MSEC;
    ble->scan_rest_ms = ble->scan_rest_ms * 2 < SCAN_REST_MAX_MS ? ble->scan_rest_ms * 2 : SCAN_REST_MAX_MS;
}

/* One that is on may still be without Low Energy. */
static void take_adapter(struct ble_driver *ble)
{
    log_info(LOG, "%s is on", ble->device.adapter);
    switch_on(ble);
    ble->scan_error = 0;
    ble->scan_us = 0;
    ble->scan_rest_ms = SCAN_REST_MIN_MS;
    for (size_t i = 0; i < ble->unit_count; i++)
        ble_unit_start(&ble->units[i], &ble->now);
}

static void look_at_adapter(struct ble_driver *ble)
{
    if (ble->now.us < ble->adapter_us)
        return;
    int r = ble->world->look(ble->world->self, ble->adapter_index, &ble->adapter);
    bool was_there = !ble->adapter_fault;

    ble->adapter_us = ble->now.us + ADAPTER_EVERY_MS * USEC_PER_MSEC;
    ble->adapter_fault = adapter_fault(r);
    if (r == BLE_ADAPTER_E_OFF)
        switch_on(ble);
    if (was_there && ble->adapter_fault)
        lose_adapter(ble);
    else if (!was_there && !ble->adapter_fault)
        take_adapter(ble);
    try_to_scan(ble);
}

/* The scan. */

static void hear(void *self, const struct ble_hci_report *report)
{
    struct ble_driver *ble = self;

    ble_search_hear(&ble->search, report, ble->now.us);
    for (size_t i = 0; i < ble->unit_count; i++) {
        struct ble_unit *unit = &ble->units[i];
        struct advert advert = { 0 };

        if (!unit->has_link || !ble_address_equal(&unit->link.peer, &report->address))
            continue;
        advert_read(report->data, report->len, &advert);
        ble_unit_heard(unit, unit->protocol->heard(&advert), &ble->now);
    }
}

static void receive_scan(struct ble_driver *ble)
{
    const struct ble_scan_ear ear = { .heard = hear, .self = ble };
    int r = ble->scan.fd < 0 ? 0 : ble_scan_receive(&ble->scan, &ear);

    if (r < 0) {
        ble->adapter_fault = strerror(-r); /* it was reset or taken out: the next look finds out */
        lose_adapter(ble);
    }
    if (ble->scan.forbidden && !ble->scan_refused) {
        log_notice(LOG, "without CAP_NET_RAW there is no scanning: locks are looked at by their heartbeat_s");
        ble->scan_refused = true;
    }
}

/* Why a search hears nothing, a word; NULL: it may hear. */
static const char *deafness(const struct ble_driver *ble)
{
    if (ble->scan.fd >= 0)
        return ble->scan.forbidden ? "no_permission" : NULL;
    return ble->scan_error == -EPERM || ble->scan_error == -EACCES ? "no_permission" : "no_scan";
}

static void turn_search(struct ble_driver *ble)
{
    const char *deaf = deafness(ble);
    struct driver_found found;

    while (ble_search_next(&ble->search, ble->now.us, &found))
        driver_found(ble->driver, ble->search.id, &found);
    if (deaf)
        end_search(ble, DRIVER_OUTCOME_FAILED, deaf);
    else if (ble->now.us >= ble->search.end_us)
        end_search(ble, DRIVER_OUTCOME_COMPLETED, NULL);
}

static void turn_scan(struct ble_driver *ble)
{
    turn_search(ble);
    ble_scan_hold(&ble->scan, ble_radio_is_connecting(&ble->radio), ble->now.us);
    ble_scan_turn(&ble->scan, ble->now.us);
}

/* All turns. */

static void turn_probe(struct ble_driver *ble)
{
    bool all = true;

    for (size_t i = 0; i < ble->unit_count; i++)
        all = all && (ble->units[i].unusable || ble->units[i].looked_us >= ble->probe.begun_us);
    if (all)
        end_probe(ble, DRIVER_OUTCOME_COMPLETED, NULL);
    else if (ble->now.us >= ble->probe.end_us)
        end_probe(ble, DRIVER_OUTCOME_FAILED, "no_answer");
}

/* One step of each lock, and the radio's. Returns whether there is more to do. */
static bool turn_units(struct ble_driver *ble)
{
    bool more = false;

    ble->now = read_clock();
    for (size_t i = 0; i < ble->unit_count; i++)
        more |= ble_unit_turn(&ble->units[(ble->first + i) % ble->unit_count], &ble->now);
    ble->first = (ble->first + 1) % ble->unit_count;
    if (!ble->adapter_fault)
        more |= ble_radio_turn(&ble->radio, ble->now.us);
    return more;
}

/* A descriptor that was closed is watched no more, and its number may be another's now. */
static void watch(struct ble_driver *ble, int fd, short events)
{
    struct epoll_event event = { .events = (uint32_t)events, .data.fd = fd };

    if (fd < 0)
        return;
    if (epoll_ctl(ble->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0 &&
        epoll_ctl(ble->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        log_warning(LOG, "cannot watch a link: %s", strerror(errno));
}

static void watch_all(struct ble_driver *ble)
{
    watch(ble, ble->scan.fd, POLLIN);
    for (size_t i = 0; i < ble->unit_count; i++) {
        short events;
        int fd = ble_link_fd(&ble->units[i].link, &events);

        watch(ble, fd, events);
    }
}

static int wait_ms(const struct ble_driver *ble)
{
    int64_t due_us = ble->adapter_us;
    const int64_t others[] = { ble_scan_due_us(&ble->scan), ble_search_due_us(&ble->search),
                               ble->adapter_fault ? INT64_MAX : ble_radio_due_us(&ble->radio),
                               ble->probe.id != 0 ? ble->probe.end_us : INT64_MAX };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        due_us = others[i] < due_us ? others[i] : due_us;
    for (size_t i = 0; i < ble->unit_count; i++) {
        int64_t unit_us = ble_unit_due_us(&ble->units[i]);

        due_us = unit_us < due_us ? unit_us : due_us;
    }
    int64_t left_us = due_us - ble->now.us;

    return left_us <= 0 ? 0 : (int)((left_us + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
}

static int work(struct driver *driver, void *self)
{
    struct ble_driver *ble = self;
    bool more = true;

    ble->driver = driver;
    ble->now = read_clock();
    look_at_adapter(ble);
    receive_scan(ble);
    for (int i = 0; i < ROUNDS_MAX && more && !driver_wanted(driver); i++)
        more = turn_units(ble);
    turn_probe(ble);
    turn_scan(ble);
    watch_all(ble);
    ble_health_tell(driver, ble->adapter_fault, ble->units, ble->unit_count, &ble->scan);
    return more ? 0 : wait_ms(ble);
}

static int work_fd(struct driver *driver, void *self)
{
    const struct ble_driver *ble = self;

    return ble->epoll_fd;
}

/* Commands. */

static struct ble_unit *unit_of(struct ble_driver *ble, struct driver *driver,
                                const struct driver_command *command)
{
    ble->driver = driver;
    ble->now = read_clock();
    return &ble->units[ble_device_find(&ble->device, command->target)];
}

static void order(struct driver *driver, void *self, const struct driver_command *command)
{
    struct ble_driver *ble = self;
    const struct ble_order taken = {
        .kind = command->kind,
        .id = command->id,
        .deadline_us = command->deadline_us,
        .pulse_ms = command->pulse_ms,
        .on = command->on,
    };

    ble_unit_order(unit_of(ble, driver, command), &taken, &ble->now);
}

static void prepare(struct driver *driver, void *self, const struct driver_command *command)
{
    struct ble_driver *ble = self;

    ble_unit_prepare(unit_of(ble, driver, command), &ble->now);
}

static void pair(struct driver *driver, void *self, const struct driver_command *command)
{
    struct ble_driver *ble = self;
    struct ble_unit *unit = unit_of(ble, driver, command);
    struct ble_order taken = {
        .kind = command->kind,
        .id = command->id,
        .deadline_us = command->deadline_us,
    };
    bool any = command->address_type == DRIVER_ADDRESS_UNKNOWN;

    if (ble_address_parse(command->address,
                          command->address_type == DRIVER_ADDRESS_RANDOM ? BLE_ADDRESS_RANDOM
                                                                         : BLE_ADDRESS_PUBLIC,
                          &taken.address) < 0) {
        driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, "bad_address");
        return;
    }
    taken.any_type = any && !ble_search_type(&ble->search, &taken.address, &taken.address.type);
    ble_unit_order(unit, &taken, &ble->now);
}

static void scan(struct driver *driver, void *self, const struct driver_command *command)
{
    struct ble_driver *ble = self;

    if (ble->search.id != 0 || ble->adapter_fault) {
        driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, ble->search.id ? "busy" : "no_adapter");
        return;
    }
    ble_search_begin(&ble->search, command->id, command->deadline_us);
    ble_scan_again(&ble->scan);
}

static void probe(struct driver *driver, void *self, const struct driver_command *command)
{
    struct ble_driver *ble = self;

    ble->now = read_clock();
    if (ble->probe.id != 0 || ble->adapter_fault) {
        driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, ble->probe.id ? "busy" : "no_adapter");
        return;
    }
    ble->probe = (struct probe){ .id = command->id,
                                 .begun_us = ble->now.us,
                                 .end_us = command->deadline_us - PROBE_END_MS * USEC_PER_MSEC };
    for (size_t i = 0; i < ble->unit_count; i++)
        ble_unit_look(&ble->units[i], &ble->now);
}

static const char *const capabilities[] = { DRIVER_CAN_HOLD, DRIVER_CAN_PREPARE, DRIVER_CAN_SCAN, NULL };

const struct driver_ops ble_driver_ops = {
    .name = "ble",
    .version = STILE_VERSION,
    .capabilities = capabilities,
    .configure = configure,
    .work = work,
    .work_fd = work_fd,
    .release = order,
    .lock = order,
    .unlock = order,
    .unlatch = order,
    .hold = order,
    .prepare = prepare,
    .scan = scan,
    .pair = pair,
    .probe = probe,
};
