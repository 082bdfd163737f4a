/* SPDX-License-Identifier: GPL-3.0-or-later */
/* watch.c: one poll() over the two connections, the terminal and signals. A terminal that takes nothing only
 * keeps frames from being drawn; whoever reads from a pipe keeps us from reading, and the daemon then drops
 * us, which costs it nothing either. */
#include "tools/stilectl/watch.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "tools/stilectl/feed.h"
#include "tools/stilectl/field.h"
#include "tools/stilectl/moment.h"
#include "tools/stilectl/scene.h"
#include "tools/stilectl/session.h"
#include "tools/stilectl/show.h"
#include "tools/stilectl/terminal.h"

/* Events before the first that is heard: on a screen, and in a pipe. */
#define SCREEN_HISTORY 100
#define PIPE_HISTORY   10

/* Events that are made up for after a while without the daemon. */
#define RESUMED_MAX 1000

/* Between two attempts to connect; between two questions, however much happens; and without anything
 * happening. */
#define RETRY_US    (1 * USEC_PER_SEC)
#define ASK_SOON_US (USEC_PER_SEC / 4)
#define ASK_US      (5 * USEC_PER_SEC)

struct watch {
    const struct arguments *arguments;
    bool on_screen;
    struct terminal terminal;
    struct screen screen;
    struct scene scene;
    struct feed events; /* follows them */
    struct feed state;  /* is asked, and closed */
    int signals;
    bool keys; /* standard input is read for keys */
    bool quit;
    int error;
    enum scene_list telling;
    int64_t retry_us; /* boot time, as the next ones */
    int64_t asked_us;
    int64_t ask_us;  /* when to ask next */
    int64_t draw_us; /* the time has to be drawn */
    char epoch[64];  /* of the last event, and its number */
    int64_t seq;
};

/* --- what is told --- */

static void print_line(const char *bytes, size_t len)
{
    printf("%.*s\n", (int)len, bytes);
    fflush(stdout);
}

static void print_happened(struct json_object *event)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    moment_add(&text, field_string(event, "utc"), clock_utc_us());
    text_add(&text, "  ");
    show_event(&text, event);
    print_line(text_string(&text), text.len);
}

/* Whether the event was not told yet; says if others before it never will. */
static bool is_new(struct watch *watch, struct json_object *event)
{
    const char *epoch = field_string(event, "epoch");
    int64_t seq = field_int(event, "seq", 0);
    bool same = epoch && strcmp(watch->epoch, epoch) == 0;

    if (same && seq <= watch->seq)
        return false;
    if (same && seq > watch->seq + 1 && !watch->on_screen)
        fprintf(stderr, "stilectl: %lld events were left out\n", (long long)(seq - watch->seq - 1));
    text_copy(watch->epoch, sizeof(watch->epoch), epoch);
    watch->seq = seq;
    return true;
}

static void on_event(void *user, struct control_answer *answer, const char *bytes, size_t len)
{
    struct watch *watch = user;

    if (answer->done || !is_new(watch, answer->object))
        return;
    if (scene_changes(answer->object) && watch->ask_us > watch->asked_us + ASK_SOON_US)
        watch->ask_us = watch->asked_us + ASK_SOON_US;
    watch->draw_us = 0;
    if (watch->arguments->json)
        print_line(bytes, len);
    else if (!scene_tells(answer->object))
        return;
    else if (watch->on_screen)
        scene_happened(&watch->scene, &answer->object);
    else
        print_happened(answer->object);
}

static void on_state(void *user, struct control_answer *answer, const char *bytes, size_t len)
{
    struct watch *watch = user;

    if (!answer->done) {
        if (scene_add(&watch->scene, &answer->object) < 0)
            watch->error = -ENOMEM;
        return;
    }
    scene_told(&watch->scene, watch->telling++);
    watch->draw_us = 0;
}

/* --- the connections --- */

static void lose(struct watch *watch, int r)
{
    const char *why = r == -EPIPE ? "it closed" : strerror(-r);
    struct text *trouble = &watch->scene.trouble;

    if (!watch->on_screen && trouble->len == 0)
        fprintf(stderr, "stilectl: the daemon is gone, waiting for it: %s\n", why);
    text_reset(trouble);
    text_addf(trouble, "THE GATEWAY DOES NOT ANSWER: %s; what follows is what was last heard", why);
    feed_close(&watch->events);
    watch->retry_us = clock_boot_us() + RETRY_US;
    watch->draw_us = 0;
}

static int connect_events(struct watch *watch)
{
    int64_t history = watch->seq ? RESUMED_MAX : watch->on_screen ? SCREEN_HISTORY : PIPE_HISTORY;
    const struct control_args args = { .follow = true, .limit = history };
    int r = feed_open(&watch->events, watch->arguments->socket);

    if (r == 0)
        r = feed_ask(&watch->events, "events", &args);
    if (r < 0) {
        feed_close(&watch->events);
        return r;
    }
    if (!watch->on_screen && watch->scene.trouble.len > 0)
        fprintf(stderr, "stilectl: the daemon is back\n");
    text_reset(&watch->scene.trouble);
    watch->ask_us = 0;
    watch->draw_us = 0;
    return 0;
}

/* Asks for everything at once: it is answered in this order. */
static void ask_state(struct watch *watch)
{
    const struct control_args none = { 0 };
    const struct control_args brief = { .brief = true };
    int r = feed_open(&watch->state, watch->arguments->socket);

    watch->telling = SCENE_STATUS;
    watch->asked_us = clock_boot_us();
    watch->ask_us = watch->asked_us + ASK_US;
    if (r == 0)
        r = feed_ask(&watch->state, "status", &none);
    if (r == 0)
        r = feed_ask(&watch->state, "doors", &brief);
    if (r == 0)
        r = feed_ask(&watch->state, "devices", &none);
    if (r < 0)
        feed_close(&watch->state);
}

static void read_state(struct watch *watch)
{
    int r = feed_read(&watch->state, on_state, watch);

    if (r == 0 && watch->telling < SCENE_LISTS)
        return;
    scene_forget_coming(&watch->scene);
    feed_close(&watch->state);
}

/* Does what is due. */
static void advance(struct watch *watch)
{
    int64_t now_us = clock_boot_us();

    if (watch->events.fd < 0 && watch->retry_us <= now_us) {
        int r = connect_events(watch);

        if (r < 0)
            lose(watch, r);
    }
    if (watch->on_screen && watch->events.fd >= 0 && watch->state.fd < 0 && watch->ask_us <= now_us)
        ask_state(watch);
}

/* --- the terminal --- */

static void draw(struct watch *watch)
{
    int64_t utc_us = clock_utc_us();
    size_t rows, columns;

    terminal_size(&watch->terminal, &rows, &columns);
    if (screen_begin(&watch->screen, rows, columns) < 0) {
        watch->error = -ENOMEM;
        return;
    }
    scene_draw(&watch->scene, &watch->screen, utc_us);
    screen_end(&watch->screen, &watch->terminal.out);
    watch->draw_us = clock_boot_us() + USEC_PER_SEC - utc_us % USEC_PER_SEC;
}

/* Everything is drawn anew on the screen that is entered. */
static void enter(struct watch *watch)
{
    terminal_enter(&watch->terminal);
    screen_finish(&watch->screen);
    watch->draw_us = 0;
}

static void suspend(struct watch *watch)
{
    terminal_leave(&watch->terminal);
    kill(getpid(), SIGSTOP);
    enter(watch);
}

static void take_signal(struct watch *watch)
{
    struct signalfd_siginfo info;

    if (read(watch->signals, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGTSTP)
        suspend(watch);
    else if (info.ssi_signo == SIGWINCH)
        watch->draw_us = 0;
    else
        watch->quit = true;
}

static void take_keys(struct watch *watch)
{
    char keys[64];
    ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

    watch->keys = n > 0;
    if (n > 0 && memchr(keys, 'q', (size_t)n))
        watch->quit = true;
}

/* --- the loop --- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int patience_ms(const struct watch *watch)
{
    int64_t due_us = watch->events.fd < 0 ? watch->retry_us : INT64_MAX;
    int64_t now_us = clock_boot_us();

    if (watch->on_screen && watch->events.fd >= 0 && watch->state.fd < 0)
        due_us = earlier(due_us, watch->ask_us);
    if (watch->on_screen && !terminal_pending(&watch->terminal))
        due_us = earlier(due_us, watch->draw_us);
    if (due_us == INT64_MAX)
        return -1;
    return due_us <= now_us ? 0 : (int)((due_us - now_us) / USEC_PER_MSEC) + 1;
}

enum { POLL_EVENTS, POLL_STATE, POLL_OUTPUT, POLL_SIGNALS, POLL_KEYS, POLLS };

/* A terminal is waited for while it has not taken all; of a pipe it is heard that nobody reads any more. */
static int output_of(const struct watch *watch)
{
    if (!watch->on_screen)
        return STDOUT_FILENO;
    return terminal_pending(&watch->terminal) ? watch->terminal.fd : -1;
}

/* A descriptor of -1 is passed over. */
static void wait_for(struct watch *watch)
{
    struct pollfd fds[POLLS] = {
        [POLL_EVENTS] = { .fd = watch->events.fd, .events = POLLIN },
        [POLL_STATE] = { .fd = watch->state.fd, .events = POLLIN },
        [POLL_OUTPUT] = { .fd = output_of(watch), .events = watch->on_screen ? POLLOUT : 0 },
        [POLL_SIGNALS] = { .fd = watch->signals, .events = POLLIN },
        [POLL_KEYS] = { .fd = watch->keys ? STDIN_FILENO : -1, .events = POLLIN },
    };

    if (poll(fds, POLLS, patience_ms(watch)) < 0)
        return;
    if (fds[POLL_EVENTS].revents) {
        int r = feed_read(&watch->events, on_event, watch);

        if (r < 0)
            lose(watch, r);
    }
    if (!watch->on_screen && fds[POLL_OUTPUT].revents)
        watch->quit = true;
    if (fds[POLL_STATE].revents)
        read_state(watch);
    if (fds[POLL_SIGNALS].revents)
        take_signal(watch);
    if (fds[POLL_KEYS].revents)
        take_keys(watch);
}

static void turn(struct watch *watch)
{
    wait_for(watch);
    advance(watch);
    if (!watch->on_screen || watch->quit)
        return;
    if (!terminal_pending(&watch->terminal) && watch->draw_us <= clock_boot_us())
        draw(watch);
    int r = terminal_flush(&watch->terminal);

    if (r < 0)
        watch->error = r;
}

static int open_screen(struct watch *watch)
{
    static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };
    sigset_t signals;
    int r = terminal_open(&watch->terminal);

    if (r < 0)
        return r;
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        sigaddset(&signals, wanted[i]);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    watch->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (watch->signals < 0)
        return -errno;
    setlocale(LC_CTYPE, "C.UTF-8");
    watch->keys = isatty(STDIN_FILENO);
    enter(watch);
    return 0;
}

static bool fits_screen(const struct arguments *arguments)
{
    const char *term = getenv("TERM");

    return !arguments->json && isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

static void finish(struct watch *watch)
{
    feed_close(&watch->events);
    feed_close(&watch->state);
    if (watch->on_screen)
        terminal_close(&watch->terminal);
    if (watch->signals >= 0)
        close(watch->signals);
    screen_finish(&watch->screen);
    scene_finish(&watch->scene);
}

/* The first time, nobody waits for a daemon that may never have been there. */
static enum control_exit begin(struct watch *watch, struct text *message)
{
    int r = connect_events(watch);

    if (r < 0)
        return session_refused(watch->arguments->socket, r, message);
    r = watch->on_screen ? open_screen(watch) : 0;
    if (r < 0)
        text_addf(message, "the terminal cannot be used: %s", strerror(-r));
    return r < 0 ? CONTROL_EXIT_DAEMON : CONTROL_EXIT_OK;
}

enum control_exit watch_run(const struct arguments *arguments, bool colour, struct text *message)
{
    struct watch watch = {
        .arguments = arguments,
        .on_screen = fits_screen(arguments),
        .terminal = { .fd = -1 },
        .screen = { .colour = colour },
        .events = FEED_CLOSED,
        .state = FEED_CLOSED,
        .signals = -1,
    };
    enum control_exit code = begin(&watch, message);

    while (code == CONTROL_EXIT_OK && !watch.quit && watch.error == 0)
        turn(&watch);
    finish(&watch);
    if (watch.error < 0)
        text_addf(message, "watching has ended: %s", strerror(-watch.error));
    return watch.error < 0 ? CONTROL_EXIT_CONNECTION : code;
}
