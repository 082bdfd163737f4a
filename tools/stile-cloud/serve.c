/* SPDX-License-Identifier: GPL-3.0-or-later */
/* serve.c: one poll loop over the broker's socket, the signals, and the mark that other processes touch when
 * they change the policy. */
#include "tools/stile-cloud/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>

#include "gateway/base/log.h"
#include "tools/stile-cloud/outbox.h"
#include "tools/stile-cloud/peer.h"

#define SUBSYSTEM "serve"

/* libmosquitto's upkeep, and the longest that a touched mark may go unnoticed. */
#define TICK_MS 500

/* Between two attempts to reach the broker. */
#define RETRY_US (1 * USEC_PER_SEC)

struct server {
    struct site *site;
    const struct serve_options *options;
    struct mosquitto *mosquitto;
    struct peers *peers;
    int signals;
    int marks;
    int lock;
    int awaited; /* subscriptions not yet granted */
    int64_t retry_us;
    bool connected;
    bool abandoned; /* the socket is of no use any more */
};

/* Topics below "stile/1/<site>/+/". */
static const enum cloud_topic subscribed[] = { CLOUD_UP_STATE, CLOUD_UP_EVENTS, CLOUD_UP_REQUEST,
                                               CLOUD_UP_RESULT };

static void on_connect(struct mosquitto *mosquitto, void *user, int code, int flags,
                       const mosquitto_property *properties)
{
    struct server *server = user;
    char topic[CLOUD_PREFIX_SIZE + 32];
    const struct cloud_self self = { server->site->name, "+" };
    char prefix[CLOUD_PREFIX_SIZE];

    if (code != 0) {
        log_error(SUBSYSTEM, "the broker refuses: %s", mosquitto_reason_string(code));
        return;
    }
    server->connected = true;
    server->awaited = 0;
    cloud_topic_prefix(&self, prefix);
    for (size_t i = 0; i < sizeof(subscribed) / sizeof(subscribed[0]); i++) {
        snprintf(topic, sizeof(topic), "%s%s", prefix, cloud_topic_name(subscribed[i]));
        if (mosquitto_subscribe_v5(mosquitto, NULL, topic, 1, 0, NULL) == MOSQ_ERR_SUCCESS)
            server->awaited++;
    }
}

static void on_subscribe(struct mosquitto *mosquitto, void *user, int mid, int qos_count, const int *granted,
                         const mosquitto_property *properties)
{
    struct server *server = user;

    if (qos_count != 1 || granted[0] >= 128) {
        log_error(SUBSYSTEM, "the broker refuses a subscription: %s", mosquitto_reason_string(granted[0]));
        return;
    }
    if (--server->awaited > 0)
        return;
    printf("serving %s at %s:%d\n", server->site->name, server->options->host, server->options->port);
    fflush(stdout);
}

static void on_disconnect(struct mosquitto *mosquitto, void *user, int code,
                          const mosquitto_property *properties)
{
    struct server *server = user;

    if (server->connected && code != MOSQ_ERR_SUCCESS) /* else it is we who went */
        log_notice(SUBSYSTEM, "the connection to the broker is gone: %s", mosquitto_strerror(code));
    server->connected = false;
    peers_disconnected(server->peers);
}

static void on_message(struct mosquitto *mosquitto, void *user, const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    struct server *server = user;
    size_t len = (size_t)message->payloadlen;
    cleanup_with(freep) char *payload = len <= CLOUD_PAYLOAD_MAX ? malloc(len + 1) : NULL;

    if (!payload) {
        log_error(SUBSYSTEM, "%s: %zu bytes are dropped", message->topic, len);
        return;
    }
    if (len)
        memcpy(payload, message->payload, len);
    payload[len] = '\0';
    peers_message(server->peers, message->topic, payload, len);
}

static int on_publish(void *user, const char *topic, bool retained, const void *payload, size_t len)
{
    struct server *server = user;

    if (!server->connected)
        return -EAGAIN;
    return mosquitto_publish_v5(server->mosquitto, NULL, topic, (int)len, payload, 1, retained, NULL) ==
                   MOSQ_ERR_SUCCESS
               ? 0
               : -EIO;
}

/* Two that serve would answer everything twice, and take the broker's connection from each other. The lock
 * goes with the process. */
static int open_lock(struct server *server)
{
    cleanup_with(freep) char *path = NULL;

    if (asprintf(&path, "%s/" SITE_LOCK, server->site->directory) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    server->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    return server->lock < 0 || flock(server->lock, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

static int open_marks(struct server *server)
{
    server->marks = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (server->marks < 0 || inotify_add_watch(server->marks, server->site->directory, IN_CLOSE_WRITE) < 0)
        return -errno;
    return 0;
}

static int open_signals(struct server *server)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -errno;
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes into what a broker has closed */
    server->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return server->signals < 0 ? -errno : 0;
}

static int open_mosquitto(struct server *server)
{
    char id[ID_SIZE + 16];

    mosquitto_lib_init();
    snprintf(id, sizeof(id), "stile-cloud-%s", server->site->name);
    server->mosquitto = mosquitto_new(id, true, server);
    if (!server->mosquitto)
        return -ENOMEM;
    mosquitto_int_option(server->mosquitto, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(server->mosquitto, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_v5_callback_set(server->mosquitto, on_connect);
    mosquitto_subscribe_v5_callback_set(server->mosquitto, on_subscribe);
    mosquitto_disconnect_v5_callback_set(server->mosquitto, on_disconnect);
    mosquitto_message_v5_callback_set(server->mosquitto, on_message);
    int r =
        mosquitto_username_pw_set(server->mosquitto, server->options->username, server->options->password);

    if (r == MOSQ_ERR_SUCCESS && server->options->tls)
        r = mosquitto_int_option(server->mosquitto, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
    if (r == MOSQ_ERR_SUCCESS && server->options->tls)
        r = mosquitto_void_option(server->mosquitto, MOSQ_OPT_SSL_CTX, tls_context(server->options->tls));
    return r == MOSQ_ERR_SUCCESS ? 0 : -ENOMEM;
}

static void warn(const struct server *server, const char *text)
{
    log_warning(SUBSYSTEM, "%s:%d: %s", server->options->host, server->options->port, text);
}

static void look_at_tls(struct server *server)
{
    struct tls *tls = server->options->tls;

    if (!tls || tls_reason(tls)[0] == '\0')
        return;
    warn(server, tls_reason(tls));
    tls_forget(tls);
    server->abandoned = true;
}

static void connect_broker(struct server *server)
{
    int64_t now = clock_boot_us();

    if ((mosquitto_socket(server->mosquitto) >= 0 && !server->abandoned) || now < server->retry_us)
        return;
    server->retry_us = now + RETRY_US;
    server->abandoned = false;
    int r = mosquitto_connect_bind_v5(server->mosquitto, server->options->host, server->options->port,
                                      CLOUD_KEEP_ALIVE_S, NULL, NULL);

    if (r != MOSQ_ERR_SUCCESS)
        warn(server, r == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(r));
}

static void read_marks(struct server *server)
{
    char buffer[4096];

    while (read(server->marks, buffer, sizeof(buffer)) > 0)
        continue;
}

static void send_commands(struct server *server)
{
    int r = outbox_send(server->site, clock_utc_us() / USEC_PER_SEC, on_publish, server);

    if (r < 0)
        log_error(SUBSYSTEM, "a command cannot be sent: %s (%s)", strerror(-r), site_text(server->site));
}

/* One turn. Returns whether to go on. */
static bool turn(struct server *server)
{
    struct pollfd fds[] = {
        { .fd = server->signals, .events = POLLIN },
        { .fd = server->marks, .events = POLLIN },
        { .fd = server->abandoned ? -1 : mosquitto_socket(server->mosquitto), .events = POLLIN },
    };

    if (fds[2].fd >= 0 && mosquitto_want_write(server->mosquitto))
        fds[2].events |= POLLOUT;
    if (poll(fds, 3, TICK_MS) < 0 && errno != EINTR)
        return false;
    if (fds[0].revents)
        return false;
    if (fds[2].revents & (POLLIN | POLLHUP | POLLERR))
        mosquitto_loop_read(server->mosquitto, 1);
    if (fds[2].revents & POLLOUT)
        mosquitto_loop_write(server->mosquitto, 1);
    mosquitto_loop_misc(server->mosquitto);
    look_at_tls(server);
    read_marks(server);
    if (server->connected) {
        peers_policy_changed(server->peers);
        send_commands(server);
    }
    connect_broker(server);
    return true;
}

int serve(struct site *site, const struct serve_options *options)
{
    struct server server = { .site = site, .options = options, .signals = -1, .marks = -1, .lock = -1 };
    int r = open_lock(&server);

    if (r == 0)
        r = open_signals(&server);
    if (r == 0)
        r = open_marks(&server);
    if (r == 0)
        r = open_mosquitto(&server);
    if (r == 0)
        r = peers_new(site, on_publish, &server, &server.peers);
    if (r == 0) {
        connect_broker(&server);
        while (turn(&server))
            continue;
        mosquitto_disconnect_v5(server.mosquitto, 0, NULL);
    }
    if (server.mosquitto)
        mosquitto_destroy(server.mosquitto);
    mosquitto_lib_cleanup();
    peers_free(server.peers);
    closep(&server.marks);
    closep(&server.signals);
    closep(&server.lock);
    return r;
}
