/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config.h: gateway.json, what one gateway is told by hand.
 *
 * Everything else (people, doors, rules, devices) comes from the cloud. Each problem is one line that names
 * file, line and member: "gateway.json:7: broker.port: must be an integer from 1 to 65535". A member that
 * nobody knows is a problem as well, so that a typing error shows before the door does. All problems are
 * found in one go.
 *
 * Members, bounds and presets are the rows in config.c; config/README.md and gateway.json(5) list them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "proto/digest.h"
#include "proto/key.h"

/* Longest file. */
#define CONFIG_BYTES_MAX (256u * 1024)

#define CONFIG_PATH_DEFAULT "/etc/stile/gateway.json"

enum config_trust {
    CONFIG_TRUST_BROKER, /* whoever the broker lets publish in down/ is believed */
    CONFIG_TRUST_SIGNED, /* only what a key signed */
};

/* Whose word counts for the wall clock. */
enum config_clock {
    CONFIG_CLOCK_KERNEL,  /* the kernel's: NTP keeps it, or a hardware clock is there */
    CONFIG_CLOCK_VOUCHED, /* whoever runs the machine vouches: a virtual one whose host keeps its time */
};

/* Without "broker" in the file the gateway stands alone: it decides and records, and has no cloud. */
struct config_broker {
    bool present;
    char *host;
    int64_t port;
    char *username;      /* NULL: none */
    char *password_file; /* NULL: none; its first line, without LF, is the password */
    char *ca_file;       /* TLS, and whom to believe; NULL: plain TCP */
    char *cert_file;     /* for mutual TLS, with its key; NULL: none */
    char *key_file;
};

struct config_limits {
    int64_t event_rows_max;  /* events kept at most, acknowledged or not: ledger_options.rows_max */
    int64_t event_rows_kept; /* acknowledged ones that stay for people at the site: retain_rows */
    int64_t retention_days;  /* and for how long; 0: whatever their age: retain_age_us */
    int64_t gather_ms;       /* how long a first event waits for company in a transaction: gather_us */
};

/* Every path is absolute. Strings belong to the struct. */
struct config {
    char *path;   /* the file, as it was named */
    char *source; /* its text, so that later problems can name lines too */
    char *site;
    char *gateway;
    enum config_trust trust;
    struct key_set keys; /* trusted from the first start on, whatever the policy says */
    enum config_clock clock;
    struct config_broker broker;
    char *state_directory;
    char *secret_file; /* the key of credential hashes; default: "secret" in the state directory */
    char *control_socket;
    char *operator_group;    /* NULL: only root and the daemon's user may operate doors by hand */
    char *driver_directory;  /* stile-<driver> programs, and stile-link */
    char *profile_directory; /* <name>.json for a device's "profile" */
    struct config_limits limits;
};

/* "broker", "signed". */
const char *config_trust_name(enum config_trust trust);

/* Frees what it holds. Harmless on a zeroed struct. */
void config_finish(struct config *config);

/* Reads a file. Adds one line for each problem to problems, each ended by LF. Returns 0; -EBADMSG if there
 * are problems (*ret_config is untouched); or a negative errno if the file cannot be read (one line says so).
 */
int config_load(const char *path, struct config *ret_config, struct text *problems) must_check;

/* The same from text; directory is what relative paths are relative to (absolute itself), path only names the
 * file in problems. */
int config_parse(const char *path, const char *directory, const char *bytes, size_t len,
                 struct config *ret_config, struct text *problems) must_check;

/* Looks at what the configuration points to: directories exist (the state directory and the control socket's
 * can be written), files with secrets are regular, not empty and closed to all but their owner and, for
 * reading, their group, the operator group exists. Adds problems as config_load() does. Changes nothing.
 * Returns 0, -EBADMSG, or -ENOMEM. */
int config_check(const struct config *config, struct text *problems) must_check;

/* Adds a line for each thing that works and that nobody should want. */
void config_warn(const struct config *config, struct text *warnings);

/* The effective values, one "member = value" a line, with " (default)" where the file does not say it. */
void config_show(const struct config *config, struct text *out);

/* Reads the secret, or creates it with random bytes and mode 0600 if there is no such file. Waits for the
 * disk. Returns 0; -EBADMSG if the file is not SECRET_BYTES long; -EPERM if others may read it; or a negative
 * errno. */
int config_secret(const struct config *config, uint8_t ret_secret[static SECRET_BYTES]) must_check;

/* The broker's password for stile-link: the file's first line. *ret_password is the caller's to free, NULL if
 * no file is named. Returns 0, -EPERM if others may read the file, or a negative errno. */
int config_password(const struct config *config, char **ret_password) must_check;
