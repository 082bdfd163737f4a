/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands against a model of ledger, devices and broker: whatever is sent again, held back, lost, answered
 * late or cut short, no command is carried out twice, and each has one end (cloud contract C2, C3). The
 * number of seeds is an argument. */
#include "tests/unit/command_fixture.h"

#define STEPS    400
#define COMMANDS 40 /* different ones of a seed */
#define JOBS     64

static uint64_t seeds = 100;

/* What the ledger has of a command, and what was seen of it. */
struct entry {
    bool sent;
    int64_t iat;
    bool started;
    char ref[CLOUD_REF_SIZE];
    char stored[2048]; /* "": under way */
    unsigned runs;
    int outcome; /* first one published, -1 */
};

/* Work that was asked for and is not answered yet. */
struct job {
    int entry;
    int64_t id;
};
struct queue {
    struct job jobs[JOBS];
    size_t count;
};

struct model {
    struct commander *c;
    uint64_t state;
    struct entry entries[COMMANDS];
    struct queue begins; /* answered in order */
    struct queue runs;   /* in any order */
    struct queue ends;
    char pending[COMMANDS][2048]; /* results that are not durable yet */
};

static uint64_t draw(struct model *m, uint64_t below)
{
    m->state = m->state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (m->state >> 33) % below;
}

static void push(struct queue *queue, int entry, int64_t id)
{
    assert_true(queue->count < JOBS);
    queue->jobs[queue->count++] = (struct job){ entry, id };
}

static struct job take(struct queue *queue, size_t i)
{
    struct job job = queue->jobs[i];

    memmove(&queue->jobs[i], &queue->jobs[i + 1], (--queue->count - i) * sizeof(job));
    return job;
}

static int entry_of(const char *jti)
{
    return atoi(jti);
}

/* What sync asks for. */
static void on_begun(void *user, const struct sync_command_name *name)
{
    struct model *m = user;
    int i = entry_of(name->jti);

    strcpy(m->entries[i].ref, name->ref);
    push(&m->begins, i, 0);
}

static void on_run(void *user, const struct sync_command *command)
{
    struct model *m = user;
    int i = entry_of(command->jti);

    assert_true(m->entries[i].started);
    assert_int_equal(++m->entries[i].runs, 1);
    push(&m->runs, i, command->id);
}

static void on_ended(void *user, const struct sync_command_ended *ended)
{
    struct model *m = user;
    int i = entry_of(ended->jti);

    assert_false(m->entries[i].stored[0]);
    push(&m->ends, i, ended->id);
    snprintf(m->pending[i], sizeof(m->pending[i]), "%s", ended->stored);
}

static void forget_messages(struct world *w)
{
    for (size_t i = 0; i < w->out_count; i++)
        free(w->out[i].payload);
    w->out_taken = w->out_count = 0;
}

/* What the cloud hears: one outcome for each, and the same again. */
static void hear(struct model *m)
{
    for (const struct message *message; (message = next(m->c->w));) {
        struct cloud_command_result result;
        struct cloud_refusal refusal;

        if (message->topic != CLOUD_UP_RESULT)
            continue;
        assert_int_equal(
            cloud_command_result_parse(message->payload, strlen(message->payload), &result, &refusal), 0);
        struct entry *entry = &m->entries[entry_of(result.jti)];

        assert_true(entry->outcome < 0 || entry->outcome == (int)result.outcome);
        assert_true(entry->stored[0]);
        entry->outcome = (int)result.outcome;
        if (result.outcome == CLOUD_COMMAND_COMPLETED)
            assert_int_equal(entry->runs, 1);
        if (result.outcome == CLOUD_COMMAND_EXPIRED || result.outcome == CLOUD_COMMAND_REFUSED)
            assert_int_equal(entry->runs, 0);
    }
    forget_messages(m->c->w);
}

/* The cloud sends a new command, or the broker an old one again. */
static void send_some(struct model *m)
{
    int i = (int)draw(m, COMMANDS);
    struct entry *entry = &m->entries[i];
    char jti[32];

    if (!entry->sent)
        entry->iat = m->c->w->now.utc_us / USEC_PER_SEC;
    entry->sent = true;
    snprintf(jti, sizeof(jti), "%016d", i);
    send_claims(m->c, jti, entry->iat, entry->iat + 20, RELEASE);
}

static void answer_begin(struct model *m)
{
    struct entry *entry = &m->entries[take(&m->begins, 0).entry];
    const struct sync_command_begun failed = { .outcome = SYNC_BEGUN_FAILED };

    if (entry->started) {
        begun_known(m->c, entry->ref, entry->stored[0] ? entry->stored : NULL, entry->stored[0] ? 7 : 0);
    } else if (draw(m, 8) == 0) {
        sync_command_begun(m->c->w->sync, &m->c->w->now, &failed);
    } else {
        entry->started = true;
        begun_new(m->c);
    }
}

static void answer_run(struct model *m)
{
    struct sync_command_end end = { .outcome = draw(m, 2) ? CLOUD_COMMAND_COMPLETED : CLOUD_COMMAND_FAILED };
    struct job job = take(&m->runs, draw(m, m->runs.count));

    sync_command_done(m->c->w->sync, &m->c->w->now, job.id, &end);
}

/* The oldest result is durable. */
static void answer_end(struct model *m)
{
    struct job job = take(&m->ends, 0);

    strcpy(m->entries[job.entry].stored, m->pending[job.entry]);
    sync_command_ended(m->c->w->sync, &m->c->w->now, job.id, 7);
}

/* Everything in memory is gone; what the ledger has is told. */
static void crash(struct model *m)
{
    struct world *w = m->c->w;

    m->begins.count = m->runs.count = m->ends.count = 0;
    start(w);
    for (int i = 0; i < COMMANDS; i++) {
        struct entry *entry = &m->entries[i];
        char jti[32];
        const struct sync_command_name name = {
            "cmd-1", jti, entry->ref, "{\"verb\":\"release\",\"target\":\"front\",\"sub\":\"\",\"iss\":\"d\"}"
        };

        snprintf(jti, sizeof(jti), "%016d", i);
        if (entry->started && !entry->stored[0])
            sync_restore_command(w->sync, &name);
    }
    say_hello(m->c);
}

static void step(struct model *m)
{
    struct world *w = m->c->w;
    uint64_t what = draw(m, 100);

    if (what < 40)
        send_some(m);
    else if (what < 60 && m->begins.count)
        answer_begin(m);
    else if (what < 75 && m->runs.count)
        answer_run(m);
    else if (what < 90 && m->ends.count)
        answer_end(m);
    else if (what < 97) {
        w->now.utc_us += SECOND;
        pass(w, SECOND);
    } else
        crash(m);
    hear(m);
}

/* Time goes on, and everything that was asked for is answered. */
static void drain(struct model *m)
{
    do {
        pass(m->c->w, SECOND);
        while (m->begins.count)
            answer_begin(m);
        while (m->runs.count)
            answer_run(m);
        while (m->ends.count)
            answer_end(m);
        hear(m);
    } while (m->begins.count + m->runs.count + m->ends.count);
}

static void run_seed(struct commander *c, uint64_t seed)
{
    cleanup_with(freep) struct model *m = calloc(1, sizeof(*m));

    assert_non_null(m);
    m->c = c;
    m->state = seed;
    c->w->observer = (struct observer){ m, on_begun, on_run, on_ended };
    for (int i = 0; i < COMMANDS; i++)
        m->entries[i].outcome = -1;
    crash(m);
    for (int i = 0; i < STEPS; i++)
        step(m);
    drain(m);
    for (int i = 0; i < COMMANDS; i++)
        assert_int_equal(m->entries[i].started, m->entries[i].stored[0] != '\0');
    c->w->observer = (struct observer){ 0 };
}

static void C2__anything_goes_wrong__no_command_runs_twice(void **state)
{
    for (uint64_t seed = 1; seed <= seeds; seed++)
        run_seed(*state, seed);
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(C2__anything_goes_wrong__no_command_runs_twice, setup_commander,
                                        teardown_commander),
    };

    if (argc > 1)
        seeds = strtoull(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
