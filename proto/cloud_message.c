/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud_message.c: topics, words, and the form that every payload has. The messages themselves are in
 * cloud_message_up.c and cloud_message_down.c. */
#include "proto/cloud_message.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "proto/cloud_message_form.h"
#include "proto/rfc3339.h"

static const struct {
    const char *name;
    bool retained;
    int qos;
    const char *typ;
    enum key_use use;
} topics[CLOUD_TOPIC_COUNT] = {
    [CLOUD_UP_STATE] = { "up/state", true, 1 },
    [CLOUD_UP_REPORT] = { "up/report", true, 1 },
    [CLOUD_UP_EVENTS] = { "up/events", false, 1 },
    [CLOUD_UP_LIVE] = { "up/live", false, 0 },
    [CLOUD_UP_REQUEST] = { "up/request", false, 1 },
    [CLOUD_UP_RESULT] = { "up/result", false, 1 },
    [CLOUD_DOWN_DESIRED] = { "down/desired", true, 1, "stile-desired+jws", KEY_USE_POLICY },
    [CLOUD_DOWN_DELTA] = { "down/delta", false, 1, "stile-delta+jws", KEY_USE_POLICY },
    [CLOUD_DOWN_SNAPSHOT] = { "down/snapshot", false, 1, "stile-snapshot+jws", KEY_USE_POLICY },
    [CLOUD_DOWN_CHUNK] = { "down/chunk", false, 1 },
    [CLOUD_DOWN_DIGEST] = { "down/digest", false, 1 },
    [CLOUD_DOWN_ACK] = { "down/ack", false, 1, "stile-ack+jws", KEY_USE_EVENTS },
    [CLOUD_DOWN_COMMAND] = { "down/command", false, 1, "stile-command+jwt", KEY_USE_COMMAND },
    [CLOUD_DOWN_TIME] = { "down/time", false, 1, "stile-time+jws", KEY_USE_TIME },
};

const char *cloud_topic_name(enum cloud_topic topic)
{
    return topics[topic].name;
}

bool cloud_topic_find(const char *name, enum cloud_topic *ret)
{
    for (int i = 0; i < CLOUD_TOPIC_COUNT; i++)
        if (strcmp(topics[i].name, name) == 0) {
            *ret = (enum cloud_topic)i;
            return true;
        }
    return false;
}

bool cloud_topic_retained(enum cloud_topic topic)
{
    return topics[topic].retained;
}

int cloud_topic_qos(enum cloud_topic topic)
{
    return topics[topic].qos;
}

bool cloud_topic_is_down(enum cloud_topic topic)
{
    return topic >= CLOUD_DOWN_DESIRED;
}

const char *cloud_topic_typ(enum cloud_topic topic)
{
    return topics[topic].typ;
}

enum key_use cloud_topic_use(enum cloud_topic topic)
{
    return topics[topic].use;
}

void cloud_topic_prefix(const struct cloud_self *self, char ret[static CLOUD_PREFIX_SIZE])
{
    snprintf(ret, CLOUD_PREFIX_SIZE, "stile/1/%s/%s/", self->site, self->gateway);
}

void cloud_ref(const void *payload, size_t len, char ret[static CLOUD_REF_SIZE])
{
    char hash[SHA256_HEX_SIZE];

    sha256_hex(payload, len, hash);
    memcpy(ret, hash, CLOUD_REF_SIZE - 1);
    ret[CLOUD_REF_SIZE - 1] = '\0';
}

bool cloud_line_next(const char **lines, size_t *len, const char **ret_line, size_t *ret_len)
{
    const char *lf = memchr(*lines, '\n', *len);

    if (!lf)
        return false;
    *ret_line = *lines;
    *ret_len = (size_t)(lf - *lines);
    *len -= *ret_len + 1;
    *lines = lf + 1;
    return true;
}

int cloud_form_refuse(struct cloud_refusal *refusal, const char *code, const char *path, const char *format,
                      ...)
{
    va_list args;

    *refusal = (struct cloud_refusal){ .code = code };
    snprintf(refusal->error.path, sizeof(refusal->error.path), "%s", path);
    va_start(args, format);
    vsnprintf(refusal->error.text, sizeof(refusal->error.text), format, args);
    va_end(args);
    return -EBADMSG;
}

static int check_start(const char *bytes, size_t len, struct cloud_refusal *refusal)
{
    if (len > CLOUD_PAYLOAD_MAX)
        return cloud_form_refuse(refusal, "size", "", "is longer than %d bytes", CLOUD_PAYLOAD_MAX);
    if (len == 0 || bytes[0] != '{')
        return cloud_form_refuse(refusal, "format", "", "must be a JSON object (trust is \"broker\")");
    return 0;
}

static int open_object(const char *bytes, size_t len, struct json_object **ret_object,
                       struct cloud_refusal *refusal)
{
    *refusal = (struct cloud_refusal){ .code = "payload" };
    return json_parse(bytes, len, ret_object, &refusal->error);
}

int cloud_form_open(const char *bytes, size_t len, struct json_object **ret_object,
                    struct cloud_refusal *refusal)
{
    int r = check_start(bytes, len, refusal);

    return r < 0 ? r : open_object(bytes, len, ret_object, refusal);
}

int cloud_form_open_lines(const char *bytes, size_t len, struct json_object **ret_object,
                          const char **ret_lines, struct cloud_refusal *refusal)
{
    const char *rest = bytes;
    const char *line;
    size_t rest_len = len;
    size_t line_len;
    int r = check_start(bytes, len, refusal);

    if (r < 0)
        return r;
    if (bytes[len - 1] != '\n' || !cloud_line_next(&rest, &rest_len, &line, &line_len))
        return cloud_form_refuse(refusal, "payload", "", "must be lines, each ended by LF");
    r = open_object(line, line_len, ret_object, refusal);
    if (r == 0)
        *ret_lines = rest;
    return r;
}

int cloud_form_read(struct json_object *object, const struct json_row rows[], size_t count, void *ret,
                    struct cloud_refusal *refusal)
{
    *refusal = (struct cloud_refusal){ .code = "claims" };
    return json_read(object, rows, count, ret, &refusal->error);
}

int cloud_form_read_nullable(struct json_object *object, const char *member, bool (*check)(const char *value),
                             const char **ret_string, struct cloud_refusal *refusal)
{
    struct json_object *value = NULL;

    if (!json_object_object_get_ex(object, member, &value))
        return cloud_form_refuse(refusal, "claims", member, "is missing");
    if (value && (!json_object_is_type(value, json_type_string) || !check(json_object_get_string(value))))
        return cloud_form_refuse(refusal, "claims", member, "has another form, or must be null");
    *ret_string = value ? json_object_get_string(value) : NULL;
    return 0;
}

struct audience {
    const struct cloud_self *self;
    bool site; /* or its whole site */
};

static bool matches(const char *aud, const struct audience *audience)
{
    size_t site_len = strlen(audience->self->site);

    if (strncmp(aud, audience->self->site, site_len) != 0 || aud[site_len] != '/')
        return false;
    const char *gateway = aud + site_len + 1;

    return strcmp(gateway, audience->self->gateway) == 0 || (audience->site && strcmp(gateway, "*") == 0);
}

static int read_claims(struct json_object *object, const struct audience *audience,
                       char ret_aud[static CLOUD_AUD_SIZE], int64_t *ret_iat, struct cloud_refusal *refusal)
{
    struct claims {
        const char *aud;
        int64_t iat;
    } claims;
    static const struct json_row rows[] = {
        JSON_ROW_STRING_REQUIRED(struct claims, aud, "aud", 1, CLOUD_AUD_SIZE - 1),
        JSON_ROW_INT_REQUIRED(struct claims, iat, "iat", 0, JSON_INT_MAX),
    };
    int r = cloud_form_read(object, &rows[0], 1, &claims, refusal);

    if (r < 0 || !matches(claims.aud, audience)) {
        refusal->code = "audience";
        if (r == 0)
            json_error_set(&refusal->error, "aud", "is another gateway");
        return -EBADMSG;
    }
    r = cloud_form_read(object, &rows[1], 1, &claims, refusal);
    if (r < 0)
        return r;
    memcpy(ret_aud, claims.aud, strlen(claims.aud) + 1);
    *ret_iat = claims.iat;
    return 0;
}

int cloud_form_read_claims(struct json_object *object, const struct cloud_self *self,
                           char ret_aud[static CLOUD_AUD_SIZE], int64_t *ret_iat,
                           struct cloud_refusal *refusal)
{
    return read_claims(object, &(struct audience){ self, true }, ret_aud, ret_iat, refusal);
}

int cloud_form_read_own_claims(struct json_object *object, const struct cloud_self *self,
                               char ret_aud[static CLOUD_AUD_SIZE], int64_t *ret_iat,
                               struct cloud_refusal *refusal)
{
    return read_claims(object, &(struct audience){ self, false }, ret_aud, ret_iat, refusal);
}

int cloud_form_read_policy(struct json_object *object, struct cloud_policy *ret,
                           struct cloud_refusal *refusal)
{
    struct raw {
        int64_t generation;
        int64_t version;
        const char *root;
    } raw;
    static const struct json_row rows[] = {
        JSON_ROW_INT_REQUIRED(struct raw, generation, "generation", 0, JSON_INT_MAX),
        JSON_ROW_INT_REQUIRED(struct raw, version, "version", 0, JSON_INT_MAX),
        JSON_ROW_CHECKED(struct raw, root, "root", true, cloud_form_root_valid, CLOUD_FORM_ROOT_EXPECTED),
    };
    int r = cloud_form_read(object, JSON_ROWS(rows), &raw, refusal);

    if (r < 0)
        return r;
    ret->generation = raw.generation;
    ret->version = raw.version;
    memcpy(ret->root, raw.root, CLOUD_ROOT_SIZE);
    return 0;
}

void cloud_form_add_policy(struct json_out *out, const struct cloud_policy *policy)
{
    json_add_int(out, "generation", policy->generation);
    json_add_int(out, "version", policy->version);
    json_add_string(out, "root", policy->root);
}

/* Three hex digits: two bytes without the first of their digits. */
static bool read_bucket(const char *name, unsigned *ret_bucket)
{
    char padded[HEX_SIZE(2)] = "0";
    uint8_t bytes[2];

    if (strlen(name) != 3)
        return false;
    strcat(padded, name);
    if (hex_decode(padded, bytes, sizeof(bytes)) < 0)
        return false;
    *ret_bucket = (unsigned)bytes[0] << 8 | bytes[1];
    return true;
}

int cloud_form_read_buckets(struct json_object *object, struct digest_set *ret, struct cloud_refusal *refusal)
{
    struct raw {
        struct json_object *buckets;
    } raw;
    static const struct json_row rows[] = {
        JSON_ROW_LIST(struct raw, buckets, "buckets", 1, DIGEST_BUCKETS),
    };
    struct digest_set set = { 0 };
    int r = cloud_form_read(object, JSON_ROWS(rows), &raw, refusal);

    for (size_t i = 0; r == 0 && i < json_list_length(raw.buckets); i++) {
        const char *name = json_list_string(raw.buckets, i, &refusal->error);
        unsigned bucket;

        if (name && read_bucket(name, &bucket))
            digest_set_add(&set, bucket);
        else
            r = cloud_form_refuse(refusal, "claims", "buckets", "must be 3 lower-case hex digits each");
    }
    if (r == 0)
        *ret = set;
    return r;
}

void cloud_form_add_buckets(struct json_out *out, const struct digest_set *buckets)
{
    char name[4];

    if (digest_set_count(buckets) == 0)
        return;
    json_begin_list(out, "buckets");
    for (unsigned i = 0; i < DIGEST_BUCKETS; i++) {
        snprintf(name, sizeof(name), "%03x", i % DIGEST_BUCKETS);
        if (digest_set_has(buckets, i))
            json_add_string(out, NULL, name);
    }
    json_end_list(out);
}

int cloud_form_finish(struct json_out *out)
{
    json_end_object(out);
    int r = text_error(out->text);

    return r == 0 && out->text->len > CLOUD_PAYLOAD_MAX ? -EMSGSIZE : r;
}

const char *cloud_form_filled(const char *string)
{
    return string[0] != '\0' ? string : NULL;
}

void cloud_form_add_hash(struct json_out *out, const char *member, const uint8_t hash[static CHAIN_BYTES])
{
    char hex[HEX_SIZE(CHAIN_BYTES)];

    hex_encode(hash, CHAIN_BYTES, hex);
    json_add_string(out, member, hex);
}

/* Whether value looks like form, in which 9 stands for a digit and x for one in hex. */
static bool has_form(const char *value, const char *form)
{
    if (strlen(value) != strlen(form))
        return false;
    for (size_t i = 0; form[i]; i++) {
        const char *wanted = form[i] == '9' ? "0123456789" : form[i] == 'x' ? "0123456789abcdef" : NULL;

        if (wanted ? !strchr(wanted, value[i]) : value[i] != form[i])
            return false;
    }
    return true;
}

bool cloud_form_boot_valid(const char *value)
{
    return has_form(value, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
}

bool cloud_form_utc_valid(const char *value)
{
    return has_form(value, "9999-99-99T99:99:99.999Z") && rfc3339_valid(value);
}

static bool hex_valid(const char *value, size_t len)
{
    return strlen(value) == len && strspn(value, "0123456789abcdef") == len;
}

bool cloud_form_root_valid(const char *value)
{
    return hex_valid(value, CLOUD_ROOT_SIZE - 1);
}

bool cloud_form_epoch_valid(const char *value)
{
    return hex_valid(value, CLOUD_EPOCH_SIZE - 1);
}

bool cloud_form_hash_valid(const char *value)
{
    return hex_valid(value, CLOUD_HASH_SIZE - 1);
}

bool cloud_form_challenge_valid(const char *value)
{
    uint8_t bytes[CLOUD_CHALLENGE_BYTES];
    size_t len = 0;

    return b64_decode(value, strlen(value), bytes, sizeof(bytes), &len) == 0 && len == sizeof(bytes);
}
