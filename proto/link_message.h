/* SPDX-License-Identifier: GPL-3.0-or-later */
/* link_message.h: the lines between stiled and stile-link.
 *
 * One JSON object a line, at most LINK_LINE_MAX bytes with its LF. stiled's lines name their kind in "do",
 * stile-link's in "ev". stile-link keeps nothing between connections: each `connect` says everything, is
 * answered by one `connected` or none, and in any case ends in one `disconnected`. A `publish` that comes
 * without a connection is dropped.
 *
 *     {"do":"connect","site":"hub","gateway":"gw1","host":"broker","port":8883,…,"will":"…b64"}
 *     {"do":"publish","id":7,"topic":"up/state","payload":"…b64"}   {"do":"ping","id":3}   {"do":"shutdown"}
 *     {"ev":"connected"}   {"ev":"disconnected","reason":"Connection refused"}
 *     {"ev":"message","topic":"down/delta","retained":false,"payload":"…b64"}
 *     {"ev":"published","id":7,"code":0}   {"ev":"pong","id":3}   {"ev":"error","text":"…"}
 *
 * Topics are named below the gateway's prefix. Quality of service and retain flag of a publication follow
 * from its topic (cloud_topic_qos(), cloud_topic_retained()).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "proto/cloud_message.h"
#include "proto/json.h"
#include "proto/name.h"

/* Fits what a broker can bring (a payload that is too long is for stiled to refuse) in b64, with its
 * envelope.
 */
#define LINK_LINE_MAX (B64_SIZE(CLOUD_PACKET_MAX) + 1024)

/* Bounds with the NUL. */
#define LINK_HOST_SIZE     256
#define LINK_USERNAME_SIZE 257
#define LINK_PASSWORD_SIZE 1025
#define LINK_PATH_SIZE     4096
#define LINK_REASON_SIZE   161
#define LINK_TOPIC_SIZE    65

/* The line's kind is not one of ours. */
#define LINK_E_UNKNOWN_KIND JSON_E_UNKNOWN_KIND

enum link_command_kind {
    LINK_COMMAND_CONNECT,
    LINK_COMMAND_PUBLISH,
    LINK_COMMAND_PING,
    LINK_COMMAND_SHUTDOWN, /* waits a moment for what is on the way, takes leave of the broker, ends */
};

enum link_event_kind {
    LINK_EVENT_CONNECTED,    /* and every subscription granted */
    LINK_EVENT_DISCONNECTED, /* or could not connect; what was on the way may be lost */
    LINK_EVENT_MESSAGE,
    LINK_EVENT_PUBLISHED, /* the broker answered; nothing tells of a publication of QoS 0 */
    LINK_EVENT_PONG,
    LINK_EVENT_ERROR, /* a line could not be taken */
};

/* How and where to connect. */
struct link_connect {
    char site[ID_SIZE];
    char gateway[ID_SIZE];
    char host[LINK_HOST_SIZE];
    int64_t port;
    char username[LINK_USERNAME_SIZE]; /* "": none */
    char password[LINK_PASSWORD_SIZE]; /* "": none */
    char ca_file[LINK_PATH_SIZE];      /* TLS, and whom to believe; "": plain TCP */
    char cert_file[LINK_PATH_SIZE];    /* for mutual TLS; "": none */
    char key_file[LINK_PATH_SIZE];
    int64_t keep_alive_s; /* 5 to 3600 */
};

struct link_command {
    enum link_command_kind kind;
    struct link_connect connect; /* connect */
    int64_t id;                  /* publish, ping: 1 to JSON_INT_MAX */
    enum cloud_topic topic;      /* publish: an "up" one */
    size_t payload_len;          /* publish; connect: the Will's content */
    char *payload;               /* ended by NUL; see link_command_finish() */
};

struct link_event {
    enum link_event_kind kind;
    char topic[LINK_TOPIC_SIZE];   /* message: below the prefix, known or not */
    bool retained;                 /* message */
    int64_t id;                    /* published, pong */
    int64_t code;                  /* published: MQTT 5 reason code; from 128 on the broker refused it */
    char reason[LINK_REASON_SIZE]; /* disconnected; error: member "text" */
    size_t payload_len;            /* message */
    char *payload;                 /* ended by NUL; see link_event_finish() */
};

/* Parses one line without its LF. The payload is decoded into memory of its own. Returns 0,
 * LINK_E_UNKNOWN_KIND, -EBADMSG with *error filled, or -ENOMEM; unless 0, *ret needs no finish. */
int link_command_parse(const char *line, size_t len, struct link_command *ret,
                       struct json_error *error) must_check;
int link_event_parse(const char *line, size_t len, struct link_event *ret,
                     struct json_error *error) must_check;

/* Free the payload that a parser made. Harmless on a zeroed struct. */
void link_command_finish(struct link_command *command);
void link_event_finish(struct link_event *event);

/* Writes a line without LF to text, which is emptied first. Returns 0, -EMSGSIZE or -ENOMEM. */
int link_command_format(struct text *text, const struct link_command *command) must_check;
int link_event_format(struct text *text, const struct link_event *event) must_check;
