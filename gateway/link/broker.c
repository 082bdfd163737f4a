/* SPDX-License-Identifier: GPL-3.0-or-later */
/* broker.c: libmosquitto 2.0 without its own loop, and what has to be known for that.
 *
 *  - A QoS 1 publication without a connection is queued in the library and sent after the next connect. Each
 *    connection has an instance of its own here, and its queue ends with it.
 *  - With an external loop nothing reconnects, and mosquitto_socket() changes: it is asked before each poll.
 *  - Only the _v5 callbacks tell reason codes, that is: whether something was refused.
 *  - mosquitto_connect_bind_v5() blocks for as long as TCP tries; the asynchronous variant takes no CONNECT
 *    properties, but uses those that the other one stored, even when that one then refuses its arguments. It
 *    blocks, too, for as long as a name server is silent: hence the thread, while which pings are answered.
 *  - The library asks for POLLOUT neither while TCP connects nor when it is done; the first POLLOUT is waited
 *    for here, and must be let go then, as it would be true for ever.
 *  - A retained message can overtake the answer to its subscription: what comes early is kept.
 *  - Callbacks run inside of loop calls, where the instance must not be destroyed: they only note what ended.
 */
#include "gateway/link/broker.h"

#include <assert.h>
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "gateway/base/clock.h"
#include "gateway/link/tls.h"

/* Messages kept until connected() was called. */
#define EARLY_MAX 16

enum broker_phase {
    BROKER_CALLING, /* a thread resolves the name and begins to connect */
    BROKER_CONNECTING,
    BROKER_SUBSCRIBING,
    BROKER_ONLINE,
    BROKER_LEAVING, /* waits for answers, then takes leave */
    BROKER_GOING,   /* leave is taken, the library closes */
    BROKER_ENDED,
};

struct unanswered {
    int mid;
    int64_t id;
};

struct early {
    char topic[LINK_TOPIC_SIZE];
    bool retained;
    void *payload;
    size_t len;
};

/* mosquitto_connect_bind_async() on a thread of its own. Nobody else touches the instance meanwhile. */
struct call {
    pthread_t thread;
    int done; /* an eventfd; -1: none */
    char host[LINK_HOST_SIZE];
    int port;
    int keep_alive_s;
    int rc; /* what it returned */
    int error;
};

struct broker {
    struct mosquitto *mosq;
    struct tls *tls; /* NULL: plain TCP */
    const struct broker_callbacks *callbacks;
    void *user;
    enum broker_phase phase;
    struct call call;
    char prefix[CLOUD_PREFIX_SIZE];
    int64_t deadline_us; /* of connecting and of leaving */
    bool await_out;      /* TCP is not through yet */
    unsigned granted;
    struct unanswered unanswered[BROKER_UNANSWERED_MAX];
    size_t unanswered_count;
    struct early early[EARLY_MAX];
    size_t early_count;
    char reason[LINK_REASON_SIZE]; /* why it ends; "" while it does not */
};

int broker_library_open(void)
{
    return mosquitto_lib_init() == MOSQ_ERR_SUCCESS ? 0 : -ENOMEM;
}

void broker_library_close(void)
{
    mosquitto_lib_cleanup();
}

static bool tls_failed(const struct broker *broker)
{
    return broker->tls && tls_reason(broker->tls)[0] != '\0';
}

/* The first reason counts, and TLS knows better. */
static void note_end(struct broker *broker, const char *reason)
{
    if (broker->reason[0] == '\0')
        snprintf(broker->reason, sizeof(broker->reason), "%s",
                 tls_failed(broker) ? tls_reason(broker->tls) : reason);
}

#define REASON_SILENT "the broker does not answer"

/* An error of the library. */
static const char *error_text(int rc)
{
    if (rc == MOSQ_ERR_ERRNO)
        return strerror(errno);
    return rc == MOSQ_ERR_KEEPALIVE ? REASON_SILENT : mosquitto_strerror(rc);
}

/* What a call of the library returned. */
static void check(struct broker *broker, int rc)
{
    if (rc != MOSQ_ERR_SUCCESS || tls_failed(broker))
        note_end(broker, error_text(rc));
}

static void subscribe(struct broker *broker, enum cloud_topic topic)
{
    char name[CLOUD_PREFIX_SIZE + LINK_TOPIC_SIZE];
    int options = MQTT_SUB_OPT_RETAIN_AS_PUBLISHED;

    if (!cloud_topic_retained(topic))
        options |= MQTT_SUB_OPT_SEND_RETAIN_NEVER;
    snprintf(name, sizeof(name), "%s%s", broker->prefix, cloud_topic_name(topic));
    check(broker, mosquitto_subscribe_v5(broker->mosq, NULL, name, 1, options, NULL));
}

static void on_connect(struct mosquitto *mosq, void *user, int code, int flags,
                       const mosquitto_property *properties)
{
    struct broker *broker = user;

    (void)mosq;
    (void)flags;
    (void)properties;
    if (code != 0) {
        note_end(broker, mosquitto_reason_string(code));
        return;
    }
    broker->phase = BROKER_SUBSCRIBING;
    for (int i = CLOUD_DOWN_DESIRED; i < CLOUD_TOPIC_COUNT; i++)
        subscribe(broker, (enum cloud_topic)i);
}

static void tell_early(struct broker *broker)
{
    for (size_t i = 0; i < broker->early_count; i++) {
        struct early *early = &broker->early[i];

        broker->callbacks->message(broker->user, early->topic, early->retained, early->payload, early->len);
        free(take_ptr(early->payload));
    }
    broker->early_count = 0;
}

static void on_subscribe(struct mosquitto *mosq, void *user, int mid, int count, const int *granted,
                         const mosquitto_property *properties)
{
    struct broker *broker = user;

    (void)mosq;
    (void)mid;
    (void)properties;
    if (count != 1 || granted[0] >= 128) {
        note_end(broker, "a subscription was refused");
        return;
    }
    broker->granted++;
    if (broker->phase != BROKER_SUBSCRIBING || broker->granted < CLOUD_TOPIC_COUNT - CLOUD_DOWN_DESIRED)
        return;
    broker->phase = BROKER_ONLINE;
    broker->callbacks->connected(broker->user);
    tell_early(broker);
}

static void keep_early(struct broker *broker, const char *topic, const struct mosquitto_message *message)
{
    if (broker->early_count == EARLY_MAX)
        return;
    struct early early = { .retained = message->retain, .len = (size_t)message->payloadlen };

    early.payload = malloc(early.len + 1);
    if (!early.payload)
        return;
    if (early.len > 0)
        memcpy(early.payload, message->payload, early.len);
    snprintf(early.topic, sizeof(early.topic), "%s", topic);
    broker->early[broker->early_count++] = early;
}

static void on_message(struct mosquitto *mosq, void *user, const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    struct broker *broker = user;
    size_t prefix_len = strlen(broker->prefix);

    (void)mosq;
    (void)properties;
    if (strncmp(message->topic, broker->prefix, prefix_len) != 0 || message->payloadlen < 0 ||
        message->payloadlen > CLOUD_PACKET_MAX)
        return;
    const char *topic = message->topic + prefix_len;

    if (strlen(topic) >= LINK_TOPIC_SIZE)
        return;
    if (broker->phase == BROKER_SUBSCRIBING)
        keep_early(broker, topic, message);
    else if (broker->phase == BROKER_ONLINE)
        broker->callbacks->message(broker->user, topic, message->retain,
                                   message->payload ? message->payload : "", (size_t)message->payloadlen);
}

static void on_publish(struct mosquitto *mosq, void *user, int mid, int code,
                       const mosquitto_property *properties)
{
    struct broker *broker = user;
    size_t i = 0;

    (void)mosq;
    (void)properties;
    while (i < broker->unanswered_count && broker->unanswered[i].mid != mid)
        i++;
    if (i == broker->unanswered_count)
        return;
    int64_t id = broker->unanswered[i].id;

    broker->unanswered_count--;
    memmove(&broker->unanswered[i], &broker->unanswered[i + 1],
            (broker->unanswered_count - i) * sizeof(broker->unanswered[0]));
    broker->callbacks->published(broker->user, id, code);
}

/* code: the library's own below 128 (one of its errors), the broker's from there on. */
static void on_disconnect(struct mosquitto *mosq, void *user, int code, const mosquitto_property *properties)
{
    struct broker *broker = user;

    (void)mosq;
    (void)properties;
    if (code == 0)
        note_end(broker, "left");
    else
        note_end(broker, code >= 128 ? mosquitto_reason_string(code) : error_text(code));
}

static const char *filled(const char *string)
{
    return string[0] != '\0' ? string : NULL;
}

static int configure(struct broker *broker, const struct link_connect *connect)
{
    struct mosquitto *mosq = broker->mosq;
    int rc = mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);

    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(mosq, MOSQ_OPT_RECEIVE_MAXIMUM, CLOUD_RECEIVE_MAX);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
    if (rc == MOSQ_ERR_SUCCESS && connect->username[0])
        rc = mosquitto_username_pw_set(mosq, connect->username, filled(connect->password));
    mosquitto_connect_v5_callback_set(mosq, on_connect);
    mosquitto_subscribe_v5_callback_set(mosq, on_subscribe);
    mosquitto_message_v5_callback_set(mosq, on_message);
    mosquitto_publish_v5_callback_set(mosq, on_publish);
    mosquitto_disconnect_v5_callback_set(mosq, on_disconnect);
    return rc;
}

/* Returns an error of the library; files that are no good end the attempt. */
static int set_tls(struct broker *broker, const struct link_connect *connect)
{
    const struct tls_options options = {
        .host = connect->host,
        .ca_file = connect->ca_file,
        .cert_file = connect->cert_file,
        .key_file = connect->key_file,
    };
    char reason[TLS_REASON_SIZE];

    if (connect->ca_file[0] == '\0')
        return MOSQ_ERR_SUCCESS;
    int r = tls_new(&options, reason, &broker->tls);

    if (r == -EBADMSG)
        note_end(broker, reason);
    if (r < 0)
        return r == -EBADMSG ? MOSQ_ERR_SUCCESS : MOSQ_ERR_NOMEM;
    int rc = mosquitto_int_option(broker->mosq, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);

    return rc == MOSQ_ERR_SUCCESS
               ? mosquitto_void_option(broker->mosq, MOSQ_OPT_SSL_CTX, tls_context(broker->tls))
               : rc;
}

static int set_will(struct broker *broker, const char *will, size_t len)
{
    char name[CLOUD_PREFIX_SIZE + LINK_TOPIC_SIZE];

    snprintf(name, sizeof(name), "%s%s", broker->prefix, cloud_topic_name(CLOUD_UP_STATE));
    return mosquitto_will_set_v5(broker->mosq, name, (int)len, will, cloud_topic_qos(CLOUD_UP_STATE),
                                 cloud_topic_retained(CLOUD_UP_STATE), NULL);
}

/* Hands CONNECT properties over by a call that stores them and then refuses to go on without a host. Session
 * Expiry is left out: that is 0. */
static int set_properties(struct broker *broker)
{
    mosquitto_property *properties = NULL;
    int rc = mosquitto_property_add_int32(&properties, MQTT_PROP_MAXIMUM_PACKET_SIZE, CLOUD_PACKET_MAX);

    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_connect_bind_v5(broker->mosq, NULL, 1, CLOUD_KEEP_ALIVE_S, NULL, properties);
    mosquitto_property_free_all(&properties);
    return rc == MOSQ_ERR_INVAL ? MOSQ_ERR_SUCCESS : rc;
}

static void *call(void *user)
{
    struct broker *broker = user;
    struct call *it = &broker->call;

    it->rc = mosquitto_connect_bind_async(broker->mosq, it->host, it->port, it->keep_alive_s, NULL);
    it->error = errno;
    (void)eventfd_write(it->done, 1);
    return NULL;
}

static int begin_call(struct broker *broker, const struct link_connect *connect)
{
    struct call *it = &broker->call;

    text_copy(it->host, sizeof(it->host), connect->host);
    it->port = (int)connect->port;
    it->keep_alive_s = (int)connect->keep_alive_s;
    it->done = eventfd(0, EFD_CLOEXEC);
    if (it->done < 0)
        return -errno;
    int r = -pthread_create(&it->thread, NULL, call, broker);

    if (r == 0)
        broker->phase = BROKER_CALLING;
    return r;
}

static void end_call(struct broker *broker)
{
    pthread_join(broker->call.thread, NULL);
    broker->phase = BROKER_CONNECTING;
    broker->deadline_us = clock_boot_us() + BROKER_CONNECT_LIMIT_US;
    errno = broker->call.error;
    check(broker, broker->call.rc);
}

static void broker_freep(struct broker **broker)
{
    broker_free(*broker);
}

int broker_new(const struct link_connect *connect, const char *will, size_t will_len,
               const struct broker_callbacks *callbacks, void *user, struct broker **ret)
{
    const struct cloud_self self = { .site = connect->site, .gateway = connect->gateway };
    cleanup_with(broker_freep) struct broker *broker = calloc(1, sizeof(*broker));
    char client_id[CLOUD_AUD_SIZE];

    if (!broker)
        return -ENOMEM;
    broker->callbacks = callbacks;
    broker->user = user;
    broker->phase = BROKER_CONNECTING;
    broker->call.done = -1;
    broker->await_out = true;
    cloud_topic_prefix(&self, broker->prefix);
    snprintf(client_id, sizeof(client_id), "%s/%s", self.site, self.gateway);
    broker->mosq = mosquitto_new(client_id, true, broker);
    if (!broker->mosq)
        return -ENOMEM;
    int rc = configure(broker, connect);

    if (rc == MOSQ_ERR_SUCCESS)
        rc = set_tls(broker, connect);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = set_will(broker, will, will_len);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = set_properties(broker);
    if (rc != MOSQ_ERR_SUCCESS)
        return rc == MOSQ_ERR_NOMEM ? -ENOMEM : -EINVAL;
    int r = broker->reason[0] == '\0' ? begin_call(broker, connect) : 0;

    if (r < 0)
        return r;
    *ret = take_ptr(broker);
    return 0;
}

struct broker *broker_free(struct broker *broker)
{
    if (!broker)
        return NULL;
    assert(!broker_calling(broker));
    for (size_t i = 0; i < broker->early_count; i++)
        free(broker->early[i].payload);
    closep(&broker->call.done);
    mosquitto_destroy(broker->mosq);
    tls_free(broker->tls);
    free(broker);
    return NULL;
}

bool broker_calling(const struct broker *broker)
{
    return broker->phase == BROKER_CALLING;
}

int broker_fd(const struct broker *broker)
{
    return broker_calling(broker) ? broker->call.done : mosquitto_socket(broker->mosq);
}

short broker_events(const struct broker *broker)
{
    if (broker_calling(broker))
        return POLLIN;
    return (short)(POLLIN | (broker->await_out || mosquitto_want_write(broker->mosq) ? POLLOUT : 0));
}

static void look_at_time(struct broker *broker)
{
    bool late = clock_boot_us() >= broker->deadline_us;

    switch (broker->phase) {
    case BROKER_CONNECTING:
    case BROKER_SUBSCRIBING:
        if (late)
            note_end(broker, REASON_SILENT);
        return;
    case BROKER_LEAVING:
        if (broker->unanswered_count == 0 || late) {
            broker->phase = BROKER_GOING;
            check(broker, mosquitto_disconnect_v5(broker->mosq, 0, NULL));
        }
        return;
    case BROKER_GOING:
        if (late)
            note_end(broker, "left without an answer");
        return;
    case BROKER_CALLING:
    case BROKER_ONLINE:
    case BROKER_ENDED:
        return;
    }
}

/* Reads first: the last words of a broker that has gone say why. */
static void move_bytes(struct broker *broker, short revents)
{
    if (revents & (POLLIN | POLLERR | POLLHUP))
        check(broker, mosquitto_loop_read(broker->mosq, 1));
    if (broker->reason[0] == '\0' && revents & (POLLOUT | POLLERR | POLLHUP)) {
        broker->await_out = false;
        check(broker, mosquitto_loop_write(broker->mosq, 1));
    }
}

void broker_turn(struct broker *broker, short revents)
{
    if (broker->phase == BROKER_ENDED || (broker_calling(broker) && !revents))
        return;
    if (broker_calling(broker))
        end_call(broker);
    else
        move_bytes(broker, revents);
    if (broker->reason[0] == '\0')
        check(broker, mosquitto_loop_misc(broker->mosq));
    look_at_time(broker);
    if (broker->reason[0] != '\0') {
        broker->phase = BROKER_ENDED;
        broker->callbacks->ended(broker->user, broker->reason);
    }
}

void broker_publish(struct broker *broker, int64_t id, enum cloud_topic topic, const void *payload,
                    size_t len)
{
    char name[CLOUD_PREFIX_SIZE + LINK_TOPIC_SIZE];
    int qos = cloud_topic_qos(topic);
    int mid = 0;

    if (broker->phase != BROKER_ONLINE)
        return;
    if (qos > 0 && broker->unanswered_count == BROKER_UNANSWERED_MAX) {
        note_end(broker, "the broker does not confirm what it is sent");
        return;
    }
    snprintf(name, sizeof(name), "%s%s", broker->prefix, cloud_topic_name(topic));
    int rc = mosquitto_publish_v5(broker->mosq, &mid, name, (int)len, payload, qos,
                                  cloud_topic_retained(topic), NULL);

    if (rc == MOSQ_ERR_OVERSIZE_PACKET || rc == MOSQ_ERR_PAYLOAD_SIZE)
        broker->callbacks->published(broker->user, id, MQTT_RC_PACKET_TOO_LARGE);
    else if (rc != MOSQ_ERR_SUCCESS)
        check(broker, rc);
    else if (qos > 0)
        broker->unanswered[broker->unanswered_count++] = (struct unanswered){ .mid = mid, .id = id };
}

void broker_leave(struct broker *broker)
{
    if (broker->phase == BROKER_CONNECTING || broker->phase == BROKER_SUBSCRIBING) {
        note_end(broker, "left before it was connected");
    } else if (broker->phase == BROKER_ONLINE) {
        broker->phase = BROKER_LEAVING;
        broker->deadline_us = clock_boot_us() + BROKER_LEAVE_LIMIT_US;
    }
}
