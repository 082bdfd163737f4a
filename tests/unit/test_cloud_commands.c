/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What bears a command's name: what it brought about, and nothing that was due anyway. The world is played
 * here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/daemon/access.h"
#include "gateway/daemon/cloud_commands.h"
#include "gateway/daemon/daemon.h"

static struct daemon daemon_;
static int advanced;
static int forgiven;

uint32_t __wrap_policy_find(const struct policy *policy, enum item_kind kind, const char *id);
void __wrap_access_advance(struct daemon *daemon, const struct timestamp *now);
void __wrap_access_settle(struct daemon *daemon, uint64_t cause, const struct timestamp *now);
int __wrap_world_forgive(struct world *world, uint32_t user, const struct timestamp *now);

uint32_t __wrap_policy_find(const struct policy *policy, enum item_kind kind, const char *id)
{
    return POLICY_NONE;
}

void __wrap_access_advance(struct daemon *daemon, const struct timestamp *now)
{
    assert_null(cloud_commands_jti(daemon));
    advanced++;
}

void __wrap_access_settle(struct daemon *daemon, uint64_t cause, const struct timestamp *now)
{
    assert_string_equal(cloud_commands_jti(daemon), "j");
}

int __wrap_world_forgive(struct world *world, uint32_t user, const struct timestamp *now)
{
    assert_int_equal(advanced, 1);
    forgiven++;
    return 0;
}

static void command__what_is_due_before__does_not_bear_its_name(void **state)
{
    const struct sync_command command = { .id = 7, .verb = CLOUD_VERB_FORGIVE, .target = "*", .jti = "j" };
    const struct timestamp now = { .boot_us = 1 };
    struct sync_command_end end;

    assert_int_equal(cloud_commands_new(&daemon_.commands), 0);
    assert_true(cloud_commands_run(&daemon_, &now, &command, &end));
    assert_int_equal(end.outcome, CLOUD_COMMAND_COMPLETED);
    assert_int_equal(forgiven, 1);
    assert_null(cloud_commands_jti(&daemon_));
    cloud_commands_free(daemon_.commands);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command__what_is_due_before__does_not_bear_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
