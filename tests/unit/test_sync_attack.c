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
 *     STILE_ATTACK_ROUNDS=N test_sync_attack   N times every way (8)
 */
#include "tests/unit/attack_faults.h"
#include "tests/unit/attack_gateway.h"

#define ROUNDS       8
#define FAMILIES_MAX 96
#define SLOTS_MAX    2048
#define CODES_SIZE   128

/* A line of the matrix. */
struct family {
    const char *name;
    unsigned cases, effects, wrong;
    char codes[CODES_SIZE];
};

/* What a round consists of: a way to fail a check on a topic, and which later one fails as well. Beyond the
 * checks: a bit that is flipped on the way; a later one that the dice choose, if any. */
#define FLIP CHECKS
#define ANY  CHECKS
struct slot {
    enum cloud_topic topic;
    unsigned check, later;
    const struct way *way;
};

static const struct way ways_flips[] = {
    { "bit flipped: header", ON_SIGNED, HOW_SAY, NULL, 0 },
    { "bit flipped: payload", ON_SIGNED, HOW_SAY, NULL, 1 },
    { "bit flipped: signature", ON_SIGNED, HOW_SAY, NULL, 2 },
    { "bit flipped: separator", ON_SIGNED, HOW_SAY, NULL, 3 },
};

struct matrix {
    struct gateway g;
    struct slot slots[SLOTS_MAX];
    size_t slot_count;
    struct family families[FAMILIES_MAX];
    size_t family_count;
    unsigned cases, controls, failed;
};

static int setup_matrix(void **state)
{
    struct matrix *m = calloc(1, sizeof(*m));

    gateway_open(&m->g);
    *state = m;
    return 0;
}

static int teardown_matrix(void **state)
{
    struct matrix *m = *state;

    gateway_close(&m->g);
    free(m);
    return 0;
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
        if ((*text)[i] < ' ')
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

/* Without escapes and characters beyond ASCII, which header_code() does not know. */
static bool is_plain(const char *text)
{
    while (*text && *text != '\\' && (unsigned char)*text < 0x80)
        text++;
    return !*text;
}

/* Flips a bit of the message; returns the code that is due. */
static const char *flip(struct matrix *m, struct draft *d, int part)
{
    char *data = m->g.message.data;
    size_t first = (size_t)(strchr(data, '.') - data), second = (size_t)(strrchr(data, '.') - data);
    const size_t from[] = { 0, first + 1, second + 1, roll(&d->dice, 2) ? first : second };
    const size_t to[] = { first, second, m->g.message.len, from[3] + 1 };
    size_t at = from[part] + roll(&d->dice, to[part] - from[part]);
    char header[HEADER_SIZE] = "", typ[64];

    char bit = (char)(1 << roll(&d->dice, 8));

    data[at] ^= bit;
    if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", data[at]) || part == 3)
        return "format";
    if (part > 0)
        return "signature";
    if (sodium_base642bin((uint8_t *)header, sizeof(header) - 1, data, first, NULL, NULL, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return "header";
    if (!is_plain(header)) {
        data[at] ^= bit;
        return flip(m, d, part); /* another one */
    }
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
                m->slots[m->slot_count++] = (struct slot){ topic, check, ANY, &ways[i] };
            }
}

/* One of the ways to fail that check on that topic, or NULL. */
static const struct way *pick(enum cloud_topic topic, unsigned check, uint64_t *dice)
{
    size_t first = roll(dice, checks[check].count);

    for (size_t i = 0; i < checks[check].count; i++) {
        const struct way *way = &checks[check].ways[(first + i) % checks[check].count];

        if (way->topics & ON(topic))
            return way;
    }
    return NULL;
}

/* Every two checks, since the first of them is the code. */
static void add_pairs(struct matrix *m)
{
    uint64_t dice = 0;

    for (enum cloud_topic topic = CLOUD_DOWN_DESIRED; topic <= CLOUD_DOWN_TIME; topic++)
        for (unsigned check = 0; check < CHECKS; check++)
            for (unsigned later = check + 1; later < CHECKS; later++) {
                const struct way *way = pick(topic, check, &dice);

                if (!way || !pick(topic, later, &dice))
                    continue;
                assert_true(m->slot_count < SLOTS_MAX);
                m->slots[m->slot_count++] = (struct slot){ topic, check, later, way };
            }
}

/* A later fault, or none. The audience of a site is right for some verbs, so they stay away from it. */
static void add_fault(struct draft *d, const struct slot *slot)
{
    unsigned later = slot->later;

    if (later == ANY && roll(&d->dice, 2))
        later = slot->check + 1 + (unsigned)roll(&d->dice, CHECKS - slot->check);
    if (later >= CHECKS || (slot->check == CHECK_AUDIENCE && d->topic == CLOUD_DOWN_COMMAND))
        return;
    const struct way *way = pick(d->topic, later, &d->dice);

    if (way && (slot->check != CHECK_SIZE || way->how != HOW_INSTEAD))
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

/* Refusals up to `audience` have no jti. */
static bool is_late(const struct slot *slot)
{
    return slot->check > CHECK_AUDIENCE && slot->check < CHECKS;
}

/* Whether the gateway did nothing and said what it should. */
static bool was_refused(struct matrix *m, const struct heard *heard, const struct effects *before,
                        const char *code, const struct slot *slot)
{
    struct family *family = family_of(m, slot->way->family);
    struct effects after = look(m->g.w);
    uint8_t hash[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof(hash) + 1];

    crypto_hash_sha256(hash, (const uint8_t *)text_string(&m->g.message), m->g.message.len);
    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    bool effect = memcmp(&after, before, sizeof(after)) != 0 || heard->others > 0;
    bool told = strcmp(heard->code, code) == 0 && heard->results == 1 && heard->events == 1 &&
                strcmp(heard->event, code) == 0 && (!heard->jti || is_late(slot)) &&
                strncmp(heard->ref, hex, CLOUD_REF_SIZE - 1) == 0;

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
    struct effects before = look(m->g.w);

    strcpy(d.nonce, faulty->nonce);
    write_draft(&d, &m->g.message);
    struct heard heard = deliver(&m->g, d.topic, retained);
    struct effects after = look(m->g.w);

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
        print_error("%s\n", text_string(&m->g.message));
    m->failed++;
}

static void run_case(struct matrix *m, unsigned number)
{
    const struct slot *slot = &m->slots[number % m->slot_count];
    struct draft d = { .topic = slot->topic, .dice = number };
    const char *code;

    if (slot->check < CHECKS)
        d.ways[slot->check] = slot->way;
    if (slot->check < CHECKS)
        add_fault(&d, slot);
    bool timely = !fails(&d, CHECK_NOT_YET) && !fails(&d, CHECK_EXPIRED);
    bool clock = d.topic == CLOUD_DOWN_TIME   ? false
                 : fails(&d, CHECK_CHALLENGE) ? !timely
                                              : !timely || roll(&d.dice, 2);
    bool broker = roll(&d.dice, 2) && slot->way->how != HOW_INSTEAD && !fails(&d, CHECK_GENERATION);

    d.challenged = !clock || roll(&d.dice, 2);
    d.bare = broker && slot->check < CHECKS && may_be_bare(&d) && roll(&d.dice, 2);
    begin(&m->g, &d, broker ? TRUST_BROKER : TRUST_SIGNED, clock);
    struct effects before = look(m->g.w);

    write_draft(&d, &m->g.message);
    code = slot->check == FLIP ? flip(m, &d, slot->way->number) : checks[slot->check].code;
    struct heard heard = deliver(&m->g, d.topic, fails(&d, CHECK_RETAINED));

    m->cases++;
    family_of(m, slot->way->family)->cases++;
    if (!was_refused(m, &heard, &before, code, slot))
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
    add_pairs(m);
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
