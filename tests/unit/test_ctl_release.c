/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may release a door: root, and members of the operators' group. The kernel's word on a peer is wrapped,
 * because a test is not run as three people. */
#include "tests/unit/ctl_fixture.h"

#define OPERATORS 1 /* the gid of "daemon" in Debian */
#define STRANGER  4711
#define SOMEBODY  4712

/* What the kernel is made to say of whoever connects. */
static struct fake_peer {
    uid_t uid;
    gid_t group;
} fake_peer;

int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size);

int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
    if (option == SO_PEERCRED) {
        *(struct ucred *)value = (struct ucred){ .pid = 1, .uid = fake_peer.uid, .gid = STRANGER };
        return 0;
    }
    if (option == SO_PEERGROUPS) {
        if (*size < sizeof(gid_t)) {
            *size = sizeof(gid_t);
            errno = ERANGE;
            return -1;
        }
        *(gid_t *)value = fake_peer.group;
        *size = sizeof(gid_t);
        return 0;
    }
    return __real_getsockopt(fd, level, option, value, size);
}

static void ctl_release__by_stranger__is_not_permitted(void **state)
{
    struct fixture *f = *state;

    fake_peer = (struct fake_peer){ .uid = STRANGER, .group = SOMEBODY };
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end, "{\"command\":\"release\",\"args\":{\"door\":\"gym\",\"direction\":\"exit\",\"reason\":\"r\"}}\n"
             "{\"command\":\"status\"}\n");
    assert_string_equal(hear(end),
                        "{\"done\":true,\"exit\":4,\"error\":\"only root and operators may do that\"}");
    assert_string_equal(hear(end), "{\"site\":\"hub\"}");
    assert_string_equal(f->seen, "status");
}

static void ctl_release__by_operator__names_who_it_was(void **state)
{
    struct fixture *f = *state;

    fake_peer = (struct fake_peer){ .uid = STRANGER, .group = OPERATORS };
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end,
        "{\"command\":\"release\",\"args\":{\"door\":\"gym\",\"direction\":\"exit\",\"reason\":\"r\"}}\n");
    assert_string_equal(hear(end), "{\"done\":true,\"exit\":1,\"error\":\"not released\"}");
    assert_string_equal(f->seen, "release gym exit r by uid 4711");
}

static void ctl_release__by_root__is_permitted_and_has_a_name(void **state)
{
    struct fixture *f = *state;

    fake_peer = (struct fake_peer){ .uid = 0, .group = SOMEBODY };
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end,
        "{\"command\":\"release\",\"args\":{\"door\":\"gym\",\"direction\":\"exit\",\"reason\":\"r\"}}\n");
    assert_non_null(hear(end));
    assert_string_equal(f->seen, "release gym exit r by root");
}

static void ctl_door__by_stranger__is_not_permitted(void **state)
{
    struct fixture *f = *state;

    fake_peer = (struct fake_peer){ .uid = STRANGER, .group = SOMEBODY };
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end, "{\"command\":\"door\",\"args\":{\"door\":\"gym\",\"action\":\"lock\",\"reason\":\"r\"}}\n"
             "{\"command\":\"lockdown\",\"args\":{\"value\":\"on\",\"reason\":\"r\"}}\n");
    for (int i = 0; i < 2; i++)
        assert_string_equal(hear(end),
                            "{\"done\":true,\"exit\":4,\"error\":\"only root and operators may do that\"}");
    assert_int_equal(f->calls, 0);
}

static void ctl_door__by_operator__names_who_and_what(void **state)
{
    static const struct {
        const char *request, *seen;
    } orders[] = {
        { "{\"command\":\"door\",\"args\":{\"door\":\"gym\",\"action\":\"mode\",\"value\":\"blocked\","
          "\"for\":60,"
          "\"reason\":\"r\"}}\n",
          "gym mode blocked -9223372036854775808 60 r by root" },
        { "{\"command\":\"door\",\"args\":{\"door\":\"gym\",\"action\":\"lock\",\"until\":\"1970-01-01T00:00:"
          "01Z\","
          "\"reason\":\"r\"}}\n",
          "gym lock - 1000000 0 r by root" },
        { "{\"command\":\"lockdown\",\"args\":{\"value\":\"off\",\"reason\":\"r\"}}\n",
          "- - off -9223372036854775808 0 r by root" },
        { "{\"command\":\"door\",\"args\":{\"door\":\"gym\",\"action\":\"release\",\"reason\":\"r\"}}\n",
          "release gym entry r by root" },
    };
    struct fixture *f = *state;

    fake_peer = (struct fake_peer){ .uid = 0, .group = SOMEBODY };
    cleanup_with(end_freep) struct end *end = end_new(f);

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        say(end, orders[i].request);
        assert_non_null(hear(end));
        assert_string_equal(f->seen, orders[i].seen);
    }
}

static void ctl_device__by_stranger__only_status_is_permitted(void **state)
{
    struct fixture *f = *state;

    fake_peer = (struct fake_peer){ .uid = STRANGER, .group = SOMEBODY };
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end, "{\"command\":\"ble scan\"}\n"
             "{\"command\":\"lock pair\",\"args\":{\"target\":\"gate\",\"address\":\"54:D2:72:0A:0B:0C\"}}\n"
             "{\"command\":\"lock unlatch\",\"args\":{\"target\":\"gate\"}}\n"
             "{\"command\":\"device "
             "release\",\"args\":{\"device\":\"dev\",\"target\":\"gate\",\"reason\":\"r\"}}\n"
             "{\"command\":\"device listen\",\"args\":{\"device\":\"dev\"}}\n");
    for (int i = 0; i < 5; i++)
        assert_string_equal(hear(end),
                            "{\"done\":true,\"exit\":4,\"error\":\"only root and operators may do that\"}");
    assert_int_equal(f->calls, 0);
    say(end, "{\"command\":\"lock status\"}\n");
    assert_string_equal(hear(end), OK);
    assert_string_equal(f->seen, "lock -");
}

static void ctl_device__by_operator__names_who_and_what(void **state)
{
    static const struct {
        enum control_verb verb;
        const char *request, *seen;
    } orders[] = {
        { CONTROL_BLE_SCAN, "{\"command\":\"ble scan\",\"args\":{\"device\":\"hci\"}}\n",
          "hci - - - - 10 - by root" },
        { CONTROL_LOCK_PAIR,
          "{\"command\":\"lock pair\",\"args\":{\"target\":\"gate\",\"address\":\"54:D2:72:0A:0B:0C\","
          "\"address-type\":\"random\"}}\n",
          "- gate - 54:D2:72:0A:0B:0C random 0 - by root" },
        { CONTROL_LOCK_LOCK, "{\"command\":\"lock lock\",\"args\":{\"target\":\"gate\",\"reason\":\"r\"}}\n",
          "- gate - - - 0 r by root" },
        { CONTROL_DEVICE_RELEASE,
          "{\"command\":\"device "
          "release\",\"args\":{\"device\":\"dev\",\"target\":\"gate\",\"direction\":\"exit\","
          "\"reason\":\"r\"}}\n",
          "dev gate exit - - 0 r by root" },
    };
    struct fixture *f = *state;

    fake_peer = (struct fake_peer){ .uid = 0, .group = SOMEBODY };
    cleanup_with(end_freep) struct end *end = end_new(f);

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        char seen[256];

        say(end, orders[i].request);
        assert_string_equal(hear(end), OK);
        snprintf(seen, sizeof(seen), "%d %s", (int)orders[i].verb, orders[i].seen);
        assert_string_equal(f->seen, seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ctl_device__by_stranger__only_status_is_permitted),
        TEST(ctl_device__by_operator__names_who_and_what),
        TEST(ctl_door__by_stranger__is_not_permitted),
        TEST(ctl_door__by_operator__names_who_and_what),
        TEST(ctl_release__by_stranger__is_not_permitted),
        TEST(ctl_release__by_operator__names_who_it_was),
        TEST(ctl_release__by_root__is_permitted_and_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
