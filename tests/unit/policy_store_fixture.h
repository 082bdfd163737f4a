/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_fixture.h: a policy store in a directory of its own, and changes for it. Include cmocka.h
 * before. */
#pragma once

#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/base/file.h"
#include "gateway/core/policy.h"
#include "gateway/store/policy_store.h"

#define NO_ROOT       "00000000000000000000000000000000"
#define FILE_SIZE_MAX (64u * 1024 * 1024)
#define CHUNKS_MAX    8
#define CHUNK_SIZE    4096

struct fixture {
    char dir[64];
    char path[128];
    uint8_t secret[SECRET_BYTES];
    int64_t floor_generation;
    int64_t floor_version;
    int64_t image_people_min; /* 0: the default */
    struct policy_store *store;
    struct policy_opened opened;
    size_t answers;
    struct policy_report report; /* the last */
    struct policy *policy;       /* the last one handed out */
    char listed[4096];           /* "kind/id/rev/json|" of each */
    size_t listed_count;
    int list_error;
};

static inline void make_dir(struct fixture *f)
{
    strcpy(f->dir, "/tmp/stile-policy-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/policy.db", f->dir);
}

static inline int try_open(struct fixture *f)
{
    struct policy_store_options options = { .path = f->path,
                                            .secret = f->secret,
                                            .floor_generation = f->floor_generation,
                                            .floor_version = f->floor_version,
                                            .image_people_min = f->image_people_min };
    int r = policy_store_open(&options, &f->store, &f->opened);

    policy_free(f->policy);
    f->policy = take_ptr(f->opened.policy);
    return r;
}

static inline void open_store(struct fixture *f)
{
    assert_int_equal(try_open(f), 0);
    assert_non_null(f->policy);
    assert_int_equal(policy_store_start(f->store), 0);
}

static inline void close_store(struct fixture *f)
{
    f->store = policy_store_close(f->store);
}

static inline void reopen(struct fixture *f)
{
    close_store(f);
    open_store(f);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    make_dir(f);
    memset(f->secret, 7, sizeof(f->secret));
    open_store(f);
    *state = f;
    return 0;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static inline void remove_dir(const char *dir)
{
    assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    close_store(f);
    policy_free(f->policy);
    remove_dir(f->dir);
    free(f);
    return 0;
}

static inline void note_answer(void *user, const struct policy_report *report)
{
    struct fixture *f = user;

    f->answers++;
    f->report = *report;
    if (report->policy) {
        policy_free(f->policy);
        f->policy = report->policy;
    }
}

static inline void wait_for(struct fixture *f, size_t answers)
{
    struct pollfd poll_fd = { .fd = policy_store_fd(f->store), .events = POLLIN };

    while (f->answers < answers) {
        poll(&poll_fd, 1, -1);
        policy_store_dispatch(f->store);
    }
}

/* Waits for the answer to a call that was taken. */
static inline enum policy_outcome answer(struct fixture *f, int r)
{
    assert_int_equal(r, 0);
    wait_for(f, f->answers + 1);
    assert_int_equal(f->report.policy != NULL, f->report.outcome == POLICY_APPLIED);
    assert_memory_equal(&f->report.position, policy_store_position(f->store), sizeof(f->report.position));
    return f->report.outcome;
}

static inline void add_to_root(struct digest *sum, const char *kind, const char *id, int64_t rev)
{
    struct digest digest = digest_item(kind, id, rev);

    digest_add(sum, &digest);
}

static inline struct policy_op put_op(const char *kind, int64_t rev, const char *item)
{
    return (struct policy_op){ .kind = kind, .rev = rev, .item = item, .item_len = strlen(item) };
}

static inline struct policy_op del_op(const char *kind, const char *id)
{
    return (struct policy_op){ .del = true, .kind = kind, .id = id };
}

/* --- Snapshots made for the tests. --- */

struct snapshot {
    char chunks[CHUNKS_MAX][CHUNK_SIZE];
    char hashes[CHUNKS_MAX + 1][SHA256_HEX_SIZE];
    char root[ROOT_SIZE];
    struct policy_manifest manifest;
};

/* lines: the items of each chunk; NULL ends. root: of all. */
static inline void make_snapshot(struct snapshot *s, int64_t version, const char *const lines[],
                                 int64_t items, const char *root)
{
    size_t count = 0;

    while (lines[count])
        count++;
    assert_true(count <= CHUNKS_MAX);
    for (size_t i = count; i-- > 0;) {
        char next[SHA256_HEX_SIZE + 2] = "null";

        if (i + 1 < count)
            snprintf(next, sizeof(next), "\"%s\"", s->hashes[i + 1]);
        snprintf(s->chunks[i], CHUNK_SIZE, "{\"generation\":1,\"version\":%lld,\"i\":%zu,\"next\":%s}\n%s",
                 (long long)version, i, next, lines[i]);
        sha256_hex(s->chunks[i], strlen(s->chunks[i]), s->hashes[i]);
    }
    snprintf(s->root, sizeof(s->root), "%s", root);
    s->manifest = (struct policy_manifest){ .generation = 1,
                                            .version = version,
                                            .items = items,
                                            .chunks = (int64_t)count,
                                            .root = s->root,
                                            .first = count ? s->hashes[0] : NULL };
}

static inline enum policy_outcome begin(struct fixture *f, const struct policy_manifest *manifest)
{
    return answer(f, policy_store_begin(f->store, manifest, note_answer, f));
}

static inline enum policy_outcome send_chunk(struct fixture *f, const char *chunk)
{
    return answer(f, policy_store_chunk(f->store, chunk, strlen(chunk), note_answer, f));
}

static inline enum policy_outcome send_all(struct fixture *f, const struct snapshot *s)
{
    enum policy_outcome outcome = begin(f, &s->manifest);

    for (int64_t i = 0; outcome == POLICY_STAGED && i < s->manifest.chunks; i++)
        outcome = send_chunk(f, s->chunks[i]);
    return outcome;
}

#define LINE(kind, rev, item) "{\"kind\":\"" kind "\",\"rev\":" #rev ",\"item\":" item "}\n"
#define KEY_1                                                                                                \
    "{\"id\":\"k1\",\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\","                                           \
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},\"use\":[\"command\"]}"
#define U1         LINE("user", 1, "{\"id\":\"u1\",\"name\":\"Ada\"}")
#define U2         LINE("user", 7, "{\"id\":\"u2\",\"name\":\"Bob\"}")
#define ROOT_U1    "0659f83cbabe055240a858f00136e47b"
#define ROOT_U1_U2 "4e7ebe1c70c0788ebaf9d57d9f99390e"

static const char *const two_chunks[] = { U1, U2, NULL };

/* Version 7 with the users of the contract's example. */
static inline void have_two_users(struct fixture *f)
{
    struct snapshot s;

    make_snapshot(&s, 7, two_chunks, 2, ROOT_U1_U2);
    assert_int_equal(send_all(f, &s), POLICY_APPLIED);
}

/* Five users in five chunks, version 9. */
static inline void make_five(struct snapshot *s)
{
    static const char *const lines[] = { U1,
                                         U2,
                                         LINE("user", 8, "{\"id\":\"u3\"}"),
                                         LINE("user", 8, "{\"id\":\"u4\"}"),
                                         LINE("user", 9, "{\"id\":\"u5\"}"),
                                         NULL };
    struct digest sum = { 0 };
    char root[ROOT_SIZE];

    add_to_root(&sum, "user", "u1", 1);
    add_to_root(&sum, "user", "u2", 7);
    add_to_root(&sum, "user", "u3", 8);
    add_to_root(&sum, "user", "u4", 8);
    add_to_root(&sum, "user", "u5", 9);
    hex_encode(sum.bytes, DIGEST_BYTES, root);
    make_snapshot(s, 9, lines, 5, root);
}

static inline void assert_position(struct fixture *f, int64_t version, int64_t items, const char *root)
{
    const struct policy_position *position = policy_store_position(f->store);

    assert_int_equal(position->generation, version ? 1 : 0);
    assert_int_equal(position->version, version);
    assert_int_equal(position->items, items);
    assert_string_equal(position->root, root);
}

/* The policy of have_two_users() is in force, and nothing else was kept. */
static inline void assert_unchanged(struct fixture *f)
{
    assert_position(f, 7, 2, ROOT_U1_U2);
    assert_false(policy_store_staging(f->store)->active);
    reopen(f);
    assert_false(f->opened.damaged);
    assert_position(f, 7, 2, ROOT_U1_U2);
    assert_int_equal(policy_count(f->policy, ITEM_USER), 2);
}

static inline void assert_rejected(struct fixture *f, enum policy_code code, const char *kind, const char *id,
                                   const char *member)
{
    assert_int_equal(f->report.outcome, POLICY_REJECTED);
    assert_string_equal(policy_code_name(f->report.code), policy_code_name(code));
    assert_string_equal(f->report.kind, kind);
    assert_string_equal(f->report.id, id);
    assert_string_equal(f->report.why.path, member);
    assert_string_not_equal(f->report.why.text, "");
}

static inline enum policy_outcome apply(struct fixture *f, int64_t from, int64_t to, const char *root,
                                        const struct policy_op *ops, size_t count)
{
    struct policy_delta delta = {
        .generation = 1, .from = from, .to = to, .ops = ops, .count = count, .root = root
    };

    return answer(f, policy_store_apply(f->store, &delta, note_answer, f));
}

#define APPLY(f, from, to, root, ...)                                                                        \
    apply(f, from, to, root, (struct policy_op[]){ __VA_ARGS__ },                                            \
          sizeof((struct policy_op[]){ __VA_ARGS__ }) / sizeof(struct policy_op))

/* The root of u1 and one more item. */
static inline const char *root_with_u1(const char *kind, const char *id, int64_t rev,
                                       char ret[static ROOT_SIZE])
{
    struct digest sum = { 0 };

    add_to_root(&sum, "user", "u1", 1);
    add_to_root(&sum, kind, id, rev);
    hex_encode(sum.bytes, DIGEST_BYTES, ret);
    return ret;
}
