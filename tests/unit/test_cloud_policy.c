/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the gateway does with what the policy store says. Store, world and sync are played here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "gateway/daemon/access.h"
#include "gateway/daemon/cloud_policy.h"
#include "gateway/daemon/daemon.h"

static struct {
    policy_report_fn *report;
    void *user;
    int told; /* sync, of the outcome */
} store;

int __wrap_policy_store_cancel(struct policy_store *of, policy_report_fn *report, void *user);
bool __wrap_world_prepare(struct world *world, const struct policy *policy, size_t people);
int __wrap_world_set_policy(struct world *world, const struct policy *policy, const struct timestamp *now);
void __wrap_access_advance(struct daemon *daemon, const struct timestamp *now);
void __wrap_daemon_arm(struct daemon *daemon);
void __wrap_sync_policy(struct sync *sync, const struct timestamp *now,
                        const struct sync_policy_report *report);

int __wrap_policy_store_cancel(struct policy_store *of, policy_report_fn *report, void *user)
{
    store.report = report;
    store.user = user;
    return 0;
}

bool __wrap_world_prepare(struct world *world, const struct policy *policy, size_t people)
{
    return true;
}

int __wrap_world_set_policy(struct world *world, const struct policy *policy, const struct timestamp *now)
{
    return -ENOMEM;
}

void __wrap_access_advance(struct daemon *daemon, const struct timestamp *now)
{
}

void __wrap_daemon_arm(struct daemon *daemon)
{
}

void __wrap_sync_policy(struct sync *sync, const struct timestamp *now,
                        const struct sync_policy_report *report)
{
    store.told++;
}

static void applied__but_the_world_cannot_turn__is_not_told_and_ends_the_daemon(void **state)
{
    struct daemon daemon = { 0 };
    struct policy_report report = { .outcome = POLICY_APPLIED };

    assert_true(sd_event_new(&daemon.event) >= 0);
    assert_int_equal(cloud_policy_new(&daemon), 0);
    assert_int_equal(cloud_policy_cancel(&daemon), 0);
    store.report(store.user, &report);
    assert_int_equal(store.told, 0);
    assert_null(daemon.policy);
    assert_int_equal(sd_event_loop(daemon.event), -ENOMEM);
    cloud_policy_free(&daemon);
    sd_event_unref(daemon.event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(applied__but_the_world_cannot_turn__is_not_told_and_ends_the_daemon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
