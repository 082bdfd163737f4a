/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stile_nfc.c: the program: one NFC reader through libnfc, ISO/IEC 14443 type A.
 *
 * A loop of nfc_initiator_select_passive_target() with NP_INFINITE_SELECT off: it always comes back, which
 * nfc_initiator_poll_target() does not when an answer is lost. What a card says can still crash libnfc; that
 * is why this is a process of its own, and why nothing is decided in it. README.md has the device truths.
 */
#include <errno.h>
#include <fcntl.h>
#include <nfc/nfc.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "hal/driver.h"
#include "hal/nfc/nfc_proto.h"

#define SUBSYSTEM "nfc"

#define PATH_SIZE 256

/* Between looks at a card that lies there. */
#define PRESENT_EVERY_MS 40

/* Before the reader is opened again; doubles up to the second. */
#define RETRY_MIN_MS 250
#define RETRY_MAX_MS 5000

/* Turns in a row that end in an error of the reader, until it is closed and opened again. */
#define ERRORS_MAX 3

struct reader {
    nfc_connstring connection;
    char point[ID_SIZE];
    nfc_context *context; /* one for the process's life: nfc_exit() frees what all contexts share */
    nfc_device *device;   /* NULL: closed */
    int lock;             /* the serial port, locked; -1: none */
    int retry_ms;
    int errors; /* in a row */
    struct nfc_presence presence;
    int64_t cards;
    int64_t reopened;
};

static const nfc_modulation type_a = { .nmt = NMT_ISO14443A, .nbr = NBR_106 };

struct settings {
    const char *connection;
    struct json_object *points;
};

static const struct json_row settings_rows[] = {
    { .member = "connection",
      .type = JSON_STRING,
      .required = true,
      .offset = offsetof(struct settings, connection),
      .min = 1,
      .max = NFC_BUFSIZE_CONNSTRING - 1 },
    JSON_ROW_LIST(struct settings, points, "points", 1, 1),
};

static int configure(struct driver *driver, void *self, struct json_object *device, struct json_error *error)
{
    struct reader *reader = self;
    struct settings settings;
    int r = json_read(device, JSON_ROWS(settings_rows), &settings, error);

    if (r < 0)
        return r;
    if (!settings.points) {
        json_error_set(error, "points", "must name the one point at which cards are presented");
        return -EBADMSG;
    }
    const char *point = json_list_string(settings.points, 0, error);

    if (!point)
        return -EBADMSG;
    snprintf(reader->connection, sizeof(reader->connection), "%s", settings.connection);
    snprintf(reader->point, sizeof(reader->point), "%s", point);
    nfc_init(&reader->context);
    return reader->context ? 0 : -ENOMEM;
}

static void tell_health(struct driver *driver, const struct reader *reader, enum driver_health state,
                        const char *reason)
{
    const struct driver_counter counters[] = {
        { .name = "cards", .value = reader->cards },
        { .name = "reopened", .value = reader->reopened },
    };

    driver_health(driver, state, reason, counters, sizeof(counters) / sizeof(counters[0]));
}

static void close_reader(struct reader *reader)
{
    if (reader->device)
        nfc_close(reader->device);
    reader->device = NULL;
    closep(&reader->lock);
    reader->lock = -1;
    reader->errors = 0;
}

/* The chip answers two hosts at once with nonsense, and libnfc's own claim of the port does not hold
 * (README.md). */
static const char *lock_port(struct reader *reader)
{
    char path[PATH_SIZE];

    if (!nfc_serial_path(reader->connection, path, sizeof(path)))
        return NULL; /* USB: claimed by libusb */
    reader->lock = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (reader->lock < 0)
        return strerror(errno);
    return flock(reader->lock, LOCK_EX | LOCK_NB) < 0 ? "another program uses the port" : NULL;
}

static const char *open_reader(struct reader *reader)
{
    const char *fault = lock_port(reader);

    if (fault)
        return fault;
    reader->device = nfc_open(reader->context, reader->connection);
    if (!reader->device)
        return "the reader does not answer";
    if (nfc_initiator_init(reader->device) < 0 ||
        nfc_device_set_property_bool(reader->device, NP_INFINITE_SELECT, false) < 0)
        return nfc_strerror(reader->device);
    return NULL;
}

static int work_closed(struct driver *driver, struct reader *reader)
{
    const char *fault = open_reader(reader);

    if (!fault) {
        log_info(SUBSYSTEM, "%s is open: %s", reader->connection, nfc_device_get_name(reader->device));
        reader->retry_ms = RETRY_MIN_MS;
        tell_health(driver, reader, DRIVER_HEALTH_UP, NULL);
        return 0;
    }
    tell_health(driver, reader, DRIVER_HEALTH_DOWN, fault);
    close_reader(reader);
    int wait = reader->retry_ms;

    reader->retry_ms = 2 * wait < RETRY_MAX_MS ? 2 * wait : RETRY_MAX_MS;
    return wait;
}

static void tell(struct driver *driver, struct reader *reader, struct nfc_change change)
{
    char value[NFC_VALUE_SIZE];

    if (change.removed)
        driver_removed(driver, reader->point);
    if (!change.presented)
        return;
    reader->cards++;
    nfc_value(reader->presence.uid, reader->presence.uid_len, value);
    driver_presented(driver, reader->point, "card", value, DRIVER_ASSURANCE_IDENTIFIER);
}

/* One look. *ret_target is filled if 1 is returned; 0: no card; negative: the reader's error. */
static int look(struct reader *reader, nfc_target *ret_target)
{
    if (reader->presence.uid_len > 0 &&
        nfc_initiator_target_is_present(reader->device, NULL) == NFC_SUCCESS) {
        memcpy(ret_target->nti.nai.abtUid, reader->presence.uid, reader->presence.uid_len);
        ret_target->nti.nai.szUidLen = reader->presence.uid_len;
        return 1;
    }
    int r = nfc_initiator_select_passive_target(reader->device, type_a, NULL, 0, ret_target);

    /* Both mean that none is there: README.md. */
    return r == NFC_ETIMEOUT || r == NFC_ERFTRANS ? 0 : r;
}

static int work_open(struct driver *driver, struct reader *reader)
{
    nfc_target target = { 0 };
    int r = look(reader, &target);
    size_t uid_len = r > 0 ? target.nti.nai.szUidLen : 0;

    if (r < 0 && ++reader->errors >= ERRORS_MAX) {
        tell_health(driver, reader, DRIVER_HEALTH_DOWN, nfc_strerror(reader->device));
        close_reader(reader);
        reader->reopened++;
        return reader->retry_ms;
    }
    if (r < 0)
        return 0;
    reader->errors = 0;
    tell(driver, reader,
         nfc_presence_put(&reader->presence, target.nti.nai.abtUid, uid_len, clock_boot_us()));
    tell_health(driver, reader, DRIVER_HEALTH_UP, NULL);
    return reader->presence.uid_len > 0 ? PRESENT_EVERY_MS : 0;
}

static int work(struct driver *driver, void *self)
{
    struct reader *reader = self;

    return reader->device ? work_open(driver, reader) : work_closed(driver, reader);
}

/* A bare PN532 has no light of its own: whoever stands at the driver sees it in its log. */
static void show(struct driver *driver, void *self, const struct driver_command *command)
{
    static const char *const words[] = {
        [DRIVER_INDICATION_GRANTED] = "granted",
        [DRIVER_INDICATION_DENIED] = "denied",
        [DRIVER_INDICATION_WAIT] = "wait",
    };

    log_info(SUBSYSTEM, "%s: %s%s%s", command->point, words[command->indication],
             command->text[0] ? ": " : "", command->text);
}

static const struct driver_ops ops = {
    .name = "nfc",
    .version = STILE_VERSION,
    .configure = configure,
    .work = work,
    .show = show,
};

int main(int argc, char *argv[])
{
    struct reader reader = { .lock = -1, .retry_ms = RETRY_MIN_MS };

    log_init("stile-nfc", LOG_INFO);
    if (argc > 1) {
        fputs("usage: stile-nfc\nJSON lines on standard input and output: hal/README.md\n", stderr);
        return 2;
    }
    int status = driver_run(&ops, &reader);

    close_reader(&reader);
    if (reader.context)
        nfc_exit(reader.context);
    return status;
}
