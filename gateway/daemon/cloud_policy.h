/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud_policy.h: what sync wants of the policy store, and what becomes of it. user is the daemon. */
#pragma once

#include <stddef.h>

#include "gateway/base/cleanup.h"
#include "gateway/store/policy_store.h"
#include "gateway/sync/sync.h"

struct daemon;

/* Key of the lasting state that says which is the highest policy ever applied (cloud contract P6). */
#define CLOUD_POLICY_KEY "policy"

/* What is stored under it. Returns 0 or -EBADMSG. */
int cloud_policy_parse(const char *value, struct policy_position *ret) must_check;

struct cloud_policy cloud_policy_position(const struct policy_position *position);
struct sync_staging cloud_policy_staging(const struct policy_staging *staging);

/* Reports of the store that wait for people to be looked up. */
int cloud_policy_new(struct daemon *daemon) must_check;
void cloud_policy_free(struct daemon *daemon);

/* Nothing waits any more, and nothing will: before the store is closed. */
void cloud_policy_finish(struct daemon *daemon);

/* Hooks of sync. */
int cloud_policy_apply(void *user, const struct cloud_delta *delta);
int cloud_policy_begin(void *user, const struct cloud_snapshot *snapshot);
int cloud_policy_put_chunk(void *user, const char *bytes, size_t len);
int cloud_policy_cancel(void *user);
int cloud_policy_sum(void *user);
