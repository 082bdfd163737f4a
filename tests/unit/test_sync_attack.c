/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The attack matrix: messages that must not count, each refused with the contract's code and without any
 * effect.
 *
 * A case is a number. It names one way to fail one check on one topic, and its dice may add faults that come
 * later in the contract's order, which must not change the code. Each case has a gateway of its own, to which
 * the message without the faults comes after it and has its effect: otherwise the refusal would prove
 * nothing.
 *
 *     STILE_ATTACK=NUMBER test_sync_attack     that case alone, with its message
 *     STILE_ATTACK_ROUNDS=N test_sync_attack   N times every way (12)
 */
#include "tests/unit/attack_faults.h"

#include <inttypes.h>

#define ROUNDS       12
#define FAMILIES_MAX 96
#define SLOTS_MAX    2048
#define CODES_SIZE   128

/* A line of the matrix. */
struct family {
    const char *name;
    unsigned cases, effects, wrong;
    char codes[CODES_SIZE];
};

/* What a round consists of: a way to fail a check on a topic. Beyond the checks: a bit that is flipped on the
 * way. */
#define FLIP CHECKS
struct slot {
    enum cloud_topic topic;
    unsigned check;
    const struct way *way;
};

static const struct way ways_flips[] = {
    { "bit flipped: header", ON_SIGNED, HOW_SAY, NULL, 0 },
    { "bit flipped: payload", ON_SIGNED, HOW_SAY, NULL, 1 },
    { "bit flipped: signature", ON_SIGNED, HOW_SAY, NULL, 2 },
    { "bit flipped: separator", ON_SIGNED, HOW_SAY, NULL, 3 },
};

/* What a message can do. */
struct effects {
    unsigned deltas, snapshots, chunks, cancels, sums, acks, new_epochs, runs, leases, connects;
    enum clock_state clock;
    bool target_known;
    int64_t target_generation, target_version;
    char wall[sizeof(((struct world *)0)->wall)];
};

/* What was heard of one. */
struct heard {
    char code[CLOUD_WORD_SIZE]; /* "": no refusal */
    char event[CLOUD_WORD_SIZE];
    char ref[CLOUD_REF_SIZE];
    unsigned results, events, others; /* others: published, and no result */
};

struct matrix {
    struct world *w;
    struct key_set keys;
    struct text message;
    struct slot slots[SLOTS_MAX];
    size_t slot_count;
    struct family families[FAMILIES_MAX];
    size_t family_count;
    unsigned cases, controls, failed;
};

/* --- the gateway --- */

static void add_key_with(struct matrix *m, enum signer signer, const char *uses, const char *more)
{
    cleanup_with(json_putp) struct json_object *item =
        key_item(signer_names[signer], (uint8_t)signer, uses, more);
    struct json_error error;

    assert_int_equal(key_set_add(&m->keys, item, &error), 0);
}

static void add_keys(struct matrix *m)
{
    add_key_with(m, SIGNER_ROOT, "\"root\"", "");
    add_key_with(m, SIGNER_POLICY, "\"policy\"", "");
    add_key_with(m, SIGNER_EVENTS, "\"events\"", "");
    add_key_with(m, SIGNER_COMMAND, "\"command\"", "");
    add_key_with(m, SIGNER_TIME, "\"time\"", "");
    add_key_with(m, SIGNER_DESK, "\"command\"",
                 ",\"scope\":{\"verbs\":[\"release\",\"dance\",\"retire_key\",\"sync\",\"open\",\"forgive\","
                 "\"lockdown\"],"
                 "\"targets\":[\"front\",\"nowhere\"]}");
    add_key_with(m, SIGNER_DIGITAL, "\"digital_key\"", "");
    add_key_with(m, SIGNER_GONE, "\"policy\",\"events\",\"command\",\"time\",\"root\"", "");
    add_key_with(m, SIGNER_VAGUE, "\"policy\",\"events\",\"time\",\"root\"", ",\"scope\":{\"hours\":[]}");
    add_key_with(m, SIGNER_WEAK, "\"policy\",\"events\",\"command\",\"time\"", "");
    /* No key item may be such a point; should one come in nevertheless: */
    struct key *weak = &m->keys.keys[m->keys.count - 1];

    memset(weak->public_key, 0, sizeof(weak->public_key));
    weak->public_key[0] = 1;
}

static int setup_matrix(void **state)
{
    struct matrix *m = calloc(1, sizeof(*m));
    void *world = NULL;

    assert_int_equal(setup(&world), 0);
    m->w = world;
    add_keys(m);
    m->w->keys = &m->keys;
    m->w->random_step = UINT64_C(0x9e3779b97f4a7c15);
    m->w->runs_end = true;
    *state = m;
    return 0;
}

static int teardown_matrix(void **state)
{
    struct matrix *m = *state;
    void *world = m->w;

    assert_int_equal(teardown(&world), 0);
    key_set_finish(&m->keys);
    text_finish(&m->message);
    free(m);
    return 0;
}

/* Forgets what was published. */
static void drain(struct world *w)
{
    for (size_t i = 0; i < w->out_count; i++)
        free(w->out[i].payload);
    w->out_count = w->out_taken = 0;
}

/* What the gateway says when it is connected: its challenge, and its nonce if it wants the time. */
static void listen_to_birth(struct world *w, struct draft *d)
{
    struct cloud_refusal refusal;
    struct cloud_request request;
    struct cloud_state state = expect_state(w);

    strcpy(d->nonce, state.challenge);
    for (const struct message *message; (message = next(w));)
        if (d->topic == CLOUD_DOWN_TIME && message->topic == CLOUD_UP_REQUEST) {
            assert_int_equal(
                cloud_request_parse(message->payload, strlen(message->payload), &request, &refusal), 0);
            strcpy(d->nonce, request.nonce);
        }
    drain(w);
}

static void begin(struct matrix *m, struct draft *d, enum trust_mode trust, bool clock)
{
    struct world *w = m->w;

    drain(w);
    w->trust = trust;
    w->now = (struct timestamp){ 1000 * SECOND, NOW_S * USEC_PER_SEC,
                                 clock ? CLOCK_STATE_SYNCED : CLOCK_STATE_NONE };
    w->wall[0] = '\0';
    start(w);
    assert_int_equal(sync_restore_retired(w->sync, signer_names[SIGNER_GONE]), 0);
    assert_int_equal(sync_restore_retired(w->sync, signer_names[SIGNER_BURIED]), 0);
    sync_link_started(w->sync);
    sync_connected(w->sync, &w->now);
    listen_to_birth(w, d);
}

static struct effects look(const struct world *w)
{
    struct sync_status status;
    struct effects e;

    memset(&e, 0, sizeof(e)); /* it is compared as bytes */
    sync_status(w->sync, &status);
    e.deltas = w->deltas;
    e.snapshots = w->snapshots;
    e.chunks = w->chunks;
    e.cancels = w->cancels;
    e.sums = w->sums;
    e.acks = w->acks;
    e.new_epochs = w->new_epochs;
    e.runs = w->runs;
    e.leases = w->lease_calls;
    e.connects = w->connects;
    e.clock = w->now.clock;
    e.target_known = status.target_known;
    e.target_generation = status.target.generation;
    e.target_version = status.target.version;
    strcpy(e.wall, w->wall);
    return e;
}

static void hear_result(const char *payload, struct heard *heard)
{
    struct cloud_refusal refusal;
    struct cloud_command_result of_command;
    struct cloud_result result;

    heard->results++;
    if (cloud_command_result_is(payload, strlen(payload))) {
        assert_int_equal(cloud_command_result_parse(payload, strlen(payload), &of_command, &refusal), 0);
        strcpy(heard->code, of_command.code);
        strcpy(heard->ref, of_command.ref);
    } else {
        assert_int_equal(cloud_result_parse(payload, strlen(payload), &result, &refusal), 0);
        strcpy(heard->code, result.code);
        strcpy(heard->ref, result.ref);
    }
}

/* The message arrives, and the ledger answers for a command: it is new, and its end is stored. */
static struct heard deliver(struct matrix *m, enum cloud_topic topic, bool retained)
{
    struct world *w = m->w;
    struct heard heard = { 0 };
    unsigned refused = w->refused, begins = w->begins, ends = w->ends;
    const struct trust_message message = { retained, text_string(&m->message), m->message.len };
    const struct sync_command_begun begun = { .outcome = SYNC_BEGUN_NEW };

    sync_message(w->sync, &w->now, cloud_topic_name(topic), &message);
    if (w->refused > refused)
        strcpy(heard.event, w->last_refused.code);
    if (w->begins > begins)
        sync_command_begun(w->sync, &w->now, &begun);
    if (w->ends > ends) {
        strcpy(heard.event, w->seen.code);
        sync_command_ended(w->sync, &w->now, w->seen.id, 7);
    }
    heard.events = w->refused - refused + w->ends - ends;
    for (const struct message *out; (out = next(w));) {
        if (out->topic == CLOUD_UP_RESULT)
            hear_result(out->payload, &heard);
        else
            heard.others++;
    }
    drain(w);
    return heard;
}

/* --- what a message with a flipped bit is to be told --- */

/* Whether text begins with that; it is passed over. */
static bool passes(const char **text, const char *word)
{
    bool same = strncmp(*text, word, strlen(word)) == 0;

    *text += same ? strlen(word) : 0;
    return same;
}

/* The string up to its closing quote. False: it is none. */
static bool take(const char **text, char ret[static HEADER_SIZE])
{
    size_t len = strcspn(*text, "\"");

    for (size_t i = 0; i < len; i++)
        if ((*text)[i] == '\\' || (*text)[i] < ' ')
            return false;
    memcpy(ret, *text, len);
    ret[len] = '\0';
    *text += len;
    return true;
}

/* Of one that was `{"alg":"…","kid":"…","typ":"…"}`: what is changed about its form makes it no such header.
 */
static const char *header_code(const char *text, const char *typ)
{
    char said_alg[HEADER_SIZE], said_kid[HEADER_SIZE], said_typ[HEADER_SIZE];

    if (!passes(&text, "{\"alg\":\"") || !take(&text, said_alg) || !passes(&text, "\",\"kid\":\"") ||
        !take(&text, said_kid) || !passes(&text, "\",\"typ\":\"") || !take(&text, said_typ) ||
        strcmp(text, "\"}") != 0)
        return "header";
    if (strcmp(said_alg, "EdDSA") != 0 && strcmp(said_alg, "Ed25519") != 0)
        return "alg";
    if (strcmp(said_typ, typ) != 0)
        return "typ";
    for (size_t i = SIGNER_ROOT; i < SIGNER_STRANGER; i++)
        assert_string_not_equal(said_kid, i == SIGNER_ROOT ? "" : signer_names[i]);
    return "kid";
}

/* Flips a bit of the message; returns the code that is due. */
static const char *flip(struct matrix *m, struct draft *d, int part)
{
    char *data = m->message.data;
    size_t first = (size_t)(strchr(data, '.') - data), second = (size_t)(strrchr(data, '.') - data);
    const size_t from[] = { 0, first + 1, second + 1, roll(&d->dice, 2) ? first : second };
    const size_t to[] = { first, second, m->message.len, from[3] + 1 };
    size_t at = from[part] + roll(&d->dice, to[part] - from[part]);
    char header[HEADER_SIZE] = "", typ[64];

    data[at] = (char)(data[at] ^ (1 << roll(&d->dice, 8)));
    if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", data[at]) || part == 3)
        return "format";
    if (part > 0)
        return "signature";
    if (sodium_base642bin((uint8_t *)header, sizeof(header) - 1, data, first, NULL, NULL, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return "header";
    snprintf(typ, sizeof(typ), "stile-%s+%s", cloud_topic_name(d->topic) + strlen("down/"),
             d->topic == CLOUD_DOWN_COMMAND ? "jwt" : "jws");
    return header_code(header, typ);
}

/* --- cases --- */

static void add_slots(struct matrix *m, unsigned check, const struct way *ways, size_t count)
{
    for (enum cloud_topic topic = CLOUD_DOWN_DESIRED; topic <= CLOUD_DOWN_TIME; topic++)
        for (size_t i = 0; i < count; i++)
            if (ways[i].topics & ON(topic)) {
                assert_true(m->slot_count < SLOTS_MAX);
                m->slots[m->slot_count++] = (struct slot){ topic, check, &ways[i] };
            }
}

/* A later fault, or none. The audience of a site is right for some verbs, so they stay away from it. */
static void add_fault(struct draft *d, unsigned check)
{
    unsigned later = check + 1 + (unsigned)roll(&d->dice, CHECKS - check);
    const struct way *way;

    if (later >= CHECKS || (check == CHECK_AUDIENCE && d->topic == CLOUD_DOWN_COMMAND))
        return;
    way = &checks[later].ways[roll(&d->dice, checks[later].count)];
    if ((way->topics & ON(d->topic)) && (check != CHECK_SIZE || way->how != HOW_INSTEAD))
        d->ways[later] = way;
}

/* Whether the faults can be those of a bare object. */
static bool may_be_bare(const struct draft *d)
{
    for (unsigned check = CHECK_FORMAT; check <= CHECK_SIGNATURE; check++)
        if (fails(d, check))
            return false;
    const struct way *way = d->ways[CHECK_PAYLOAD];

    return (ON(d->topic) & (ON_POLICY | ON_ACK)) && !fails(d, CHECK_GENERATION) &&
           (!way || (way->how >= HOW_INSERT && way->how <= HOW_NUL && way->how != HOW_BEFORE &&
                     way->how != HOW_INSTEAD));
}

static struct family *family_of(struct matrix *m, const char *name)
{
    for (size_t i = 0; i < m->family_count; i++)
        if (strcmp(m->families[i].name, name) == 0)
            return &m->families[i];
    assert_true(m->family_count < FAMILIES_MAX);
    m->families[m->family_count].name = name;
    return &m->families[m->family_count++];
}

static void note_code(struct family *family, const char *code)
{
    char word[CLOUD_WORD_SIZE + 1];

    snprintf(word, sizeof(word), " %s", code[0] ? code : "-");
    if (!strstr(family->codes, word) && strlen(family->codes) + strlen(word) < CODES_SIZE)
        strcat(family->codes, word);
}

/* Whether the gateway did nothing and said what it should. */
static bool was_refused(struct matrix *m, const struct heard *heard, const struct effects *before,
                        const char *code, struct family *family)
{
    struct effects after = look(m->w);
    uint8_t hash[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof(hash) + 1];

    crypto_hash_sha256(hash, (const uint8_t *)text_string(&m->message), m->message.len);
    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    bool effect = memcmp(&after, before, sizeof(after)) != 0 || heard->others > 0;
    bool told = strcmp(heard->code, code) == 0 && heard->results == 1 && heard->events == 1 &&
                strcmp(heard->event, code) == 0 && strncmp(heard->ref, hex, CLOUD_REF_SIZE - 1) == 0;

    family->effects += effect;
    family->wrong += !told;
    note_code(family, heard->code);
    return !effect && told;
}

/* The message as it should be has its effect. */
static bool is_believed(struct matrix *m, const struct draft *faulty, bool retained)
{
    struct draft d = {
        .topic = faulty->topic, .dice = faulty->dice, .bare = faulty->bare, .challenged = faulty->challenged
    };
    struct effects before = look(m->w);

    strcpy(d.nonce, faulty->nonce);
    write_draft(&d, &m->message);
    struct heard heard = deliver(m, d.topic, retained);
    struct effects after = look(m->w);

    m->controls++;
    return memcmp(&before, &after, sizeof(before)) != 0 && heard.code[0] == '\0';
}

static void complain(struct matrix *m, unsigned number, const struct slot *slot, const char *what,
                     const struct heard *heard, const char *code)
{
    print_error("case %u (%s, %s): %s: code %s, event %s, %u results, %u others; due is %s\n", number,
                cloud_topic_name(slot->topic), slot->way->family, what, heard->code, heard->event,
                heard->results, heard->others, code);
    if (getenv("STILE_ATTACK"))
        print_error("%s\n", text_string(&m->message));
    m->failed++;
}

static void run_case(struct matrix *m, unsigned number)
{
    const struct slot *slot = &m->slots[number % m->slot_count];
    struct draft d = { .topic = slot->topic, .dice = number };
    struct family *family = family_of(m, slot->way->family);
    const char *code;

    if (slot->check < CHECKS)
        d.ways[slot->check] = slot->way;
    if (slot->check < CHECKS && roll(&d.dice, 2))
        add_fault(&d, slot->check);
    bool timely = !fails(&d, CHECK_NOT_YET) && !fails(&d, CHECK_EXPIRED);
    bool clock = d.topic == CLOUD_DOWN_TIME   ? false
                 : fails(&d, CHECK_CHALLENGE) ? !timely
                                              : !timely || roll(&d.dice, 2);
    bool broker = roll(&d.dice, 2) && slot->way->how != HOW_INSTEAD && !fails(&d, CHECK_GENERATION);

    d.challenged = !clock || roll(&d.dice, 2);
    d.bare = broker && slot->check < CHECKS && may_be_bare(&d) && roll(&d.dice, 2);
    begin(m, &d, broker ? TRUST_BROKER : TRUST_SIGNED, clock);
    struct effects before = look(m->w);

    write_draft(&d, &m->message);
    code = slot->check == FLIP ? flip(m, &d, slot->way->number) : checks[slot->check].code;
    struct heard heard = deliver(m, d.topic, fails(&d, CHECK_RETAINED));

    m->cases++;
    family->cases++;
    if (!was_refused(m, &heard, &before, code, family))
        complain(m, number, slot, "the attack", &heard, code);
    else if (!is_believed(m, &d, d.topic == CLOUD_DOWN_DESIRED && roll(&d.dice, 2)))
        complain(m, number, slot, "the message without the fault", &heard, "");
}

static void print_matrix(const struct matrix *m)
{
    print_message("# %-28s %6s %7s %5s  %s\n", "family", "cases", "effects", "wrong", "codes");
    for (size_t i = 0; i < m->family_count; i++)
        print_message("# %-28s %6u %7u %5u %s\n", m->families[i].name, m->families[i].cases,
                      m->families[i].effects, m->families[i].wrong, m->families[i].codes);
    print_message("# %u cases, %u legitimate messages, %u failed\n", m->cases, m->controls, m->failed);
}

static void attack__every_way_on_every_topic__is_refused_without_effect(void **state)
{
    struct matrix *m = *state;
    const char *one = getenv("STILE_ATTACK"), *rounds = getenv("STILE_ATTACK_ROUNDS");

    for (unsigned check = 0; check < CHECKS; check++)
        add_slots(m, check, checks[check].ways, checks[check].count);
    for (unsigned i = 0; i < 8; i++) /* there are many bits */
        add_slots(m, FLIP, ways_flips, sizeof(ways_flips) / sizeof(ways_flips[0]));
    unsigned count = (unsigned)m->slot_count * (rounds ? (unsigned)strtoul(rounds, NULL, 10) : ROUNDS);

    if (one)
        run_case(m, (unsigned)strtoul(one, NULL, 10));
    for (unsigned number = 0; !one && number < count; number++)
        run_case(m, number);
    print_matrix(m);
    assert_int_equal(m->failed, 0);
    assert_true(one || rounds || m->cases >= 10000);
}

#define ATTACK_TEST(name) cmocka_unit_test_setup_teardown(name, setup_matrix, teardown_matrix)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ATTACK_TEST(attack__every_way_on_every_topic__is_refused_without_effect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
