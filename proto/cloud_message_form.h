/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud_message_form.h: what the parsers and formatters of cloud messages share. Only they include it. */
#pragma once

#include "proto/cloud_message.h"

/* Refuses: fills *refusal and returns -EBADMSG. path and format are what struct json_error says. */
int cloud_form_refuse(struct cloud_refusal *refusal, const char *code, const char *path, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));

/* Begins a payload: its size, its first byte, its form. Codes "size", "format", "payload". */
int cloud_form_open(const char *bytes, size_t len, struct json_object **ret_object,
                    struct cloud_refusal *refusal) must_check;

/* The same for lines: opens the first, *ret_lines is what stands behind it. */
int cloud_form_open_lines(const char *bytes, size_t len, struct json_object **ret_object,
                          const char **ret_lines, struct cloud_refusal *refusal) must_check;

/* json_read() whose refusal has code "claims". */
int cloud_form_read(struct json_object *object, const struct json_row rows[], size_t count, void *ret,
                    struct cloud_refusal *refusal) must_check;

/* A member that may be null: *ret_string is then NULL, as if it were absent. */
int cloud_form_read_nullable(struct json_object *object, const char *member, bool (*check)(const char *value),
                             const char **ret_string, struct cloud_refusal *refusal) must_check;

/* Members aud and iat: code "audience" if it is not for self or, with the first of these, its whole site. */
int cloud_form_read_claims(struct json_object *object, const struct cloud_self *self,
                           char ret_aud[static CLOUD_AUD_SIZE], int64_t *ret_iat,
                           struct cloud_refusal *refusal) must_check;
int cloud_form_read_own_claims(struct json_object *object, const struct cloud_self *self,
                               char ret_aud[static CLOUD_AUD_SIZE], int64_t *ret_iat,
                               struct cloud_refusal *refusal) must_check;

/* generation, version, root. */
int cloud_form_read_policy(struct json_object *object, struct cloud_policy *ret,
                           struct cloud_refusal *refusal) must_check;
void cloud_form_add_policy(struct json_out *out, const struct cloud_policy *policy);

/* The member "buckets"; none if it is absent, which is how none are written. */
int cloud_form_read_buckets(struct json_object *object, struct digest_set *ret,
                            struct cloud_refusal *refusal) must_check;
void cloud_form_add_buckets(struct json_out *out, const struct digest_set *buckets);

/* Closes the object and says whether the text is a payload. */
int cloud_form_finish(struct json_out *out) must_check;

/* NULL for the empty string, which leaves a member out. */
const char *cloud_form_filled(const char *string);

/* A member of bytes in hex. */
void cloud_form_add_hash(struct json_out *out, const char *member, const uint8_t hash[static CHAIN_BYTES]);

/* Checks for rows: a UUID; a time as event_utc_format() writes it. */
bool cloud_form_boot_valid(const char *value);
bool cloud_form_utc_valid(const char *value);

/* The same: lower-case hex of a root, an epoch, a hash; base64url of a challenge or nonce. */
bool cloud_form_root_valid(const char *value);
bool cloud_form_epoch_valid(const char *value);
bool cloud_form_hash_valid(const char *value);
bool cloud_form_challenge_valid(const char *value);

#define CLOUD_FORM_ROOT_EXPECTED      "must be 32 lower-case hex digits"
#define CLOUD_FORM_EPOCH_EXPECTED     "must be 16 lower-case hex digits"
#define CLOUD_FORM_HASH_EXPECTED      "must be 64 lower-case hex digits"
#define CLOUD_FORM_UTC_EXPECTED       "must be a time like 2026-11-22T14:30:00.123Z"
#define CLOUD_FORM_CHALLENGE_EXPECTED "must be 16 bytes in base64url"
