/* SPDX-License-Identifier: GPL-3.0-or-later */
/* terminal.c: the private modes are those that every terminal since xterm has: 1049 (a screen of its own, so
 * that the lines before are there again afterwards) and 25 (the cursor). */
#include "tools/stilectl/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[0m\033[?25h\033[?1049l"

#define ROWS_PRESET    24
#define COLUMNS_PRESET 80

int terminal_open(struct terminal *terminal)
{
    char path[64];
    int r = ttyname_r(STDOUT_FILENO, path, sizeof(path));

    *terminal = (struct terminal){ .fd = -1 };
    if (r != 0)
        return -r;
    terminal->fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    return terminal->fd < 0 ? -errno : 0;
}

static void silence_keys(struct terminal *terminal)
{
    if (tcgetattr(STDIN_FILENO, &terminal->saved) < 0)
        return;
    struct termios quiet = terminal->saved;

    quiet.c_lflag &= (tcflag_t) ~(ECHO | ICANON);
    quiet.c_cc[VMIN] = 1;
    quiet.c_cc[VTIME] = 0;
    terminal->quiet = tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet) == 0;
}

void terminal_enter(struct terminal *terminal)
{
    silence_keys(terminal);
    text_add(&terminal->out, ENTER);
    terminal->taken = true;
}

/* What was under way is not finished: the end of a sequence may be missing, and CAN ends that. */
void terminal_leave(struct terminal *terminal)
{
    static const char leave[] = "\030" LEAVE;

    if (terminal->taken && write(STDOUT_FILENO, leave, sizeof(leave) - 1) < 0)
        terminal->taken = false; /* it is gone */
    if (terminal->quiet)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal->saved);
    terminal->taken = false;
    terminal->quiet = false;
    text_reset(&terminal->out);
    terminal->at = 0;
}

void terminal_close(struct terminal *terminal)
{
    terminal_leave(terminal);
    text_finish(&terminal->out);
    close(terminal->fd);
}

void terminal_size(const struct terminal *terminal, size_t *ret_rows, size_t *ret_columns)
{
    struct winsize size = { 0 };

    *ret_rows = ROWS_PRESET;
    *ret_columns = COLUMNS_PRESET;
    if (ioctl(terminal->fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
        return;
    *ret_rows = size.ws_row;
    *ret_columns = size.ws_col;
}

bool terminal_pending(const struct terminal *terminal)
{
    return terminal->at < terminal->out.len;
}

int terminal_flush(struct terminal *terminal)
{
    while (terminal_pending(terminal)) {
        ssize_t n =
            write(terminal->fd, text_string(&terminal->out) + terminal->at, terminal->out.len - terminal->at);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        terminal->at += (size_t)n;
    }
    text_reset(&terminal->out);
    terminal->at = 0;
    return 0;
}
