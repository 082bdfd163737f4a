/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_panel.c: the turns of a panel. A cycle is planned when it begins, since what is worth reading
 * changes; an answer to an older plan is thrown away. */
#include "hal/modbus/modbus_panel.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "hal/modbus/modbus_panel_output.h"
#include "hal/modbus/modbus_wiring.h"

/* Behind the tags of outputs. */
#define TAG_RANGE (MODBUS_OUTPUTS_MAX * MODBUS_PANEL_STEPS)

struct modbus_panel {
    const struct modbus_profile *profile;
    const struct modbus_voice *voice;
    size_t target_count;
    struct modbus_panel_target targets[MODBUS_UNIT_NAMES_MAX];
    char ids[MODBUS_UNIT_NAMES_MAX][ID_SIZE];
    struct modbus_panel_output outputs[MODBUS_OUTPUTS_MAX]; /* as in the profile */
    struct modbus_poll poll;
    bool reads_back; /* this cycle reads outputs */
    size_t next_range;
    int64_t begun_us;
    int64_t probe_id; /* 0: none waits */
    bool started;     /* `starts` was read once */
    uint32_t starts;
    bool seen;         /* a whole look was taken since it was lost */
    bool leaves;       /* there may be no time for one */
    const char *unfit; /* why it cannot be used, or NULL */
};

/* Cycles. */

static bool worth_reading_back(const struct modbus_panel *panel)
{
    bool worth = !panel->seen || panel->probe_id != 0;

    for (size_t i = 0; i < panel->profile->panel.output_count; i++)
        worth =
            worth || (panel->outputs[i].target && panel->outputs[i].doubt) || panel->outputs[i].level.held;
    return worth;
}

static void add_outputs(struct modbus_panel *panel)
{
    panel->reads_back = true;
    for (size_t i = 0; i < panel->profile->panel.output_count; i++)
        if (panel->outputs[i].target)
            modbus_image_add(&panel->poll, &panel->outputs[i].map->read);
}

static void plan_cycle(struct modbus_panel *panel)
{
    panel->poll.count = 0;
    panel->reads_back = false;
    modbus_image_add(&panel->poll, &panel->profile->identity);
    modbus_image_add(&panel->poll, &panel->profile->starts);
    for (size_t i = 0; i < panel->target_count; i++)
        modbus_panel_target_plan(&panel->targets[i], &panel->poll);
    if (worth_reading_back(panel) || panel->poll.count == 0)
        add_outputs(panel);
    modbus_image_join(&panel->poll);
}

static int64_t cycle_us(const struct modbus_panel *panel)
{
    return panel->begun_us + panel->profile->timing.poll * USEC_PER_MSEC;
}

/* What is wanted. */

static bool want_output(const struct modbus_panel *panel, int64_t now_us, struct modbus_request *ret_request)
{
    for (size_t i = 0; i < panel->profile->panel.output_count; i++) {
        if (!modbus_panel_output_want(&panel->outputs[i], now_us, ret_request))
            continue;
        ret_request->tag += (int)i * MODBUS_PANEL_STEPS;
        return true;
    }
    return false;
}

static enum modbus_urgency want(void *self, int64_t now_us, struct modbus_request *ret_request)
{
    struct modbus_panel *panel = self;

    if ((panel->seen || (panel->leaves && !panel->unfit)) && want_output(panel, now_us, ret_request))
        return MODBUS_URGENCY_RELEASE;
    if (panel->next_range == 0 && panel->probe_id == 0 && now_us < cycle_us(panel))
        return MODBUS_URGENCY_NONE;
    if (panel->next_range == 0)
        plan_cycle(panel);
    *ret_request = modbus_unit_read(panel->poll.ranges[panel->next_range], TAG_RANGE);
    return panel->probe_id != 0 ? MODBUS_URGENCY_ACKNOWLEDGE : MODBUS_URGENCY_POLL;
}

static int64_t due_us(const void *self)
{
    const struct modbus_panel *panel = self;
    int64_t due_us = cycle_us(panel);

    for (size_t i = 0; panel->seen && i < panel->profile->panel.output_count; i++) {
        int64_t output_us = modbus_panel_output_due_us(&panel->outputs[i]);

        if (output_us < due_us)
            due_us = output_us;
    }
    return due_us;
}

/* What became of it. */

/* A hold ends with the last of its outputs. */
static void end_hold(struct modbus_panel *panel, int64_t id, enum driver_outcome outcome, const char *reason)
{
    for (size_t i = 0; i < panel->profile->panel.output_count; i++) {
        struct modbus_panel_output *output = &panel->outputs[i];

        if (output->hold_id == id && outcome == DRIVER_OUTCOME_COMPLETED && !output->level.sure)
            return;
    }
    for (size_t i = 0; i < panel->profile->panel.output_count; i++)
        if (panel->outputs[i].hold_id == id)
            modbus_panel_output_end_hold(&panel->outputs[i], outcome == DRIVER_OUTCOME_COMPLETED);
    modbus_unit_result(panel->voice, id, outcome, reason);
}

static void answer_output(struct modbus_panel *panel, const struct modbus_request *request,
                          const struct modbus_answer *answer)
{
    struct modbus_panel_output *output = &panel->outputs[request->tag / MODBUS_PANEL_STEPS];
    enum modbus_panel_step step = (enum modbus_panel_step)(request->tag % MODBUS_PANEL_STEPS);

    modbus_panel_output_answer(output, step, request, answer);
    if (step != MODBUS_PANEL_LEVEL || output->hold_id == 0)
        return;
    if (answer->result != MODBUS_RESULT_OK)
        end_hold(panel, output->hold_id, modbus_unit_outcome(answer->result),
                 modbus_unit_reason(answer->result));
    else if (output->level.sure)
        end_hold(panel, output->hold_id, DRIVER_OUTCOME_COMPLETED, NULL);
}

/* What the outputs that were read back make of a target's lock. */
static enum driver_lock lock_of(const struct modbus_panel *panel, const struct modbus_panel_target *target)
{
    enum driver_lock lock = DRIVER_LOCK_UNKNOWN;

    for (size_t i = 0; panel->reads_back && i < panel->profile->panel.output_count; i++) {
        const struct modbus_panel_output *output = &panel->outputs[i];

        if (output->target != target || !output->map->read.present)
            continue;
        if (modbus_image_bit(&panel->poll, &output->map->read))
            return DRIVER_LOCK_UNLOCKED;
        lock = DRIVER_LOCK_LOCKED;
    }
    return lock;
}

static void see_outputs(struct modbus_panel *panel)
{
    for (size_t i = 0; i < panel->profile->panel.output_count; i++) {
        struct modbus_panel_output *output = &panel->outputs[i];

        if (!output->target)
            continue;
        bool on = panel->reads_back && modbus_image_bit(&panel->poll, &output->map->read);

        modbus_panel_output_see(output, panel->reads_back && output->map->read.present ? &on : NULL,
                                panel->begun_us);
        if (panel->reads_back)
            output->doubt = false;
    }
}

static void start_anew(struct modbus_panel *panel)
{
    modbus_unit_note(panel->voice, "the device has started anew");
    for (size_t i = 0; i < panel->target_count; i++)
        modbus_panel_target_restart(&panel->targets[i]);
    for (size_t i = 0; i < panel->profile->panel.output_count; i++)
        modbus_panel_output_lost(&panel->outputs[i], false);
}

static void see(struct modbus_panel *panel)
{
    const struct modbus_profile *profile = panel->profile;

    if (profile->identity.present &&
        modbus_image_number(profile, &panel->poll, &profile->identity) != (uint32_t)profile->identity_value) {
        panel->unfit = "this is another kind of device";
        return;
    }
    uint32_t starts =
        profile->starts.present ? modbus_image_number(profile, &panel->poll, &profile->starts) : 0;

    if (panel->started && starts != panel->starts)
        start_anew(panel);
    panel->starts = starts;
    panel->started = panel->seen = true;
    see_outputs(panel);
    for (size_t i = 0; i < panel->target_count; i++)
        modbus_panel_target_see(&panel->targets[i], &panel->poll, panel->begun_us,
                                lock_of(panel, &panel->targets[i]));
    if (panel->probe_id != 0)
        modbus_unit_result(panel->voice, panel->probe_id, DRIVER_OUTCOME_COMPLETED, NULL);
    panel->probe_id = 0;
}

static void fail_probe(struct modbus_panel *panel, const char *reason)
{
    if (panel->probe_id != 0)
        modbus_unit_result(panel->voice, panel->probe_id, DRIVER_OUTCOME_FAILED, reason);
    panel->probe_id = 0;
}

static void answer_range(struct modbus_panel *panel, const struct modbus_request *request,
                         const struct modbus_answer *answer)
{
    size_t i = panel->next_range;

    if (memcmp(&request->range, &panel->poll.ranges[i], sizeof(request->range)) != 0)
        return;
    if (i == 0)
        panel->begun_us = answer->begun_us;
    if (answer->result == MODBUS_RESULT_REFUSED)
        panel->unfit = "the device refuses what the profile reads";
    if (answer->result != MODBUS_RESULT_OK) {
        fail_probe(panel, modbus_unit_reason(answer->result));
        panel->next_range = 0;
        return;
    }
    memcpy(panel->poll.words[i], answer->words, panel->poll.ranges[i].count * sizeof(answer->words[0]));
    panel->next_range++;
    if (panel->next_range < panel->poll.count)
        return;
    panel->next_range = 0;
    see(panel);
}

static void answer(void *self, const struct modbus_request *request, const struct modbus_answer *answer)
{
    struct modbus_panel *panel = self;

    panel->unfit = NULL;
    if (request->tag == TAG_RANGE)
        answer_range(panel, request, answer);
    else
        answer_output(panel, request, answer);
}

/* Commands. */

static struct modbus_panel_target *find_target(struct modbus_panel *panel, const char *id)
{
    for (size_t i = 0; i < panel->target_count; i++)
        if (strcmp(panel->targets[i].id, id) == 0)
            return &panel->targets[i];
    return NULL;
}

/* The output that releases in a direction; NULL: none does, or it is not said which of two. */
static struct modbus_panel_output *find_output(struct modbus_panel *panel,
                                               const struct modbus_panel_target *target,
                                               enum driver_direction direction)
{
    const int *outputs = target->wiring.outputs;
    int index = outputs[direction] >= 0 ? outputs[direction] : outputs[DRIVER_DIRECTION_ANY];

    if (index < 0 && direction == DRIVER_DIRECTION_ANY &&
        (outputs[DRIVER_DIRECTION_ENTRY] < 0) != (outputs[DRIVER_DIRECTION_EXIT] < 0))
        index = outputs[DRIVER_DIRECTION_ENTRY] >= 0 ? outputs[DRIVER_DIRECTION_ENTRY]
                                                     : outputs[DRIVER_DIRECTION_EXIT];
    return index < 0 ? NULL : &panel->outputs[index];
}

/* Whether those that are open and those that wait to be written are all that a target can have. */
static bool is_full(const struct modbus_panel *panel, const struct modbus_panel_target *target)
{
    size_t count = target->release_count;

    for (size_t i = 0; i < panel->profile->panel.output_count; i++)
        count += panel->outputs[i].target == target && panel->outputs[i].release.id != 0;
    return count >= MODBUS_RELEASES_MAX;
}

static const char *release(struct modbus_panel *panel, const struct modbus_panel_target *target,
                           const struct driver_command *command, int64_t now_us)
{
    struct modbus_panel_output *output = find_output(panel, target, command->direction);

    if (is_full(panel, target))
        return "busy";
    return output ? modbus_panel_output_release(output, command, now_us) : "direction";
}

/* Whether a hold in a direction is about an output of target. */
static bool is_held_by(const struct modbus_panel *panel, const struct modbus_panel_output *output,
                       const struct modbus_panel_target *target, enum driver_direction direction)
{
    const int *outputs = target->wiring.outputs;
    int index = (int)(output - panel->outputs);

    return output->target == target && (direction == DRIVER_DIRECTION_ANY || outputs[direction] == index ||
                                        outputs[DRIVER_DIRECTION_ANY] == index);
}

static const char *hold(struct modbus_panel *panel, const struct modbus_panel_target *target,
                        const struct driver_command *command, int64_t now_us)
{
    bool on = command->kind == DRIVER_COMMAND_UNLOCK || (command->kind == DRIVER_COMMAND_HOLD && command->on);
    struct modbus_panel_output *held[MODBUS_OUTPUTS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < panel->profile->panel.output_count; i++)
        if (is_held_by(panel, &panel->outputs[i], target, command->direction))
            held[count++] = &panel->outputs[i];
    for (size_t i = 0; i < count; i++)
        if (!held[i]->map->on.present)
            return "not_supported";
    if (count == 0)
        return "direction";
    for (size_t i = 0; i < count; i++) {
        if (held[i]->hold_id != 0)
            end_hold(panel, held[i]->hold_id, DRIVER_OUTCOME_FAILED, "superseded");
        modbus_panel_output_hold(held[i], on, command->id, command->deadline_us, now_us);
    }
    bool waits = false;

    for (size_t i = 0; i < count; i++)
        waits = waits || held[i]->hold_id != 0;
    if (!waits)
        modbus_unit_result(panel->voice, command->id, DRIVER_OUTCOME_COMPLETED, NULL);
    return NULL;
}

/* A look that begins now answers it. */
static const char *probe(struct modbus_panel *panel, int64_t id)
{
    if (panel->probe_id != 0)
        return "busy";
    panel->probe_id = id;
    for (size_t i = 0; i < panel->target_count; i++)
        modbus_panel_target_ask(&panel->targets[i]);
    panel->next_range = 0;
    return NULL;
}

static const char *take_command(struct modbus_panel *panel, const struct driver_command *command,
                                int64_t now_us)
{
    const struct modbus_panel_target *target = find_target(panel, command->target);

    switch (command->kind) {
    case DRIVER_COMMAND_RELEASE:
        return target ? release(panel, target, command, now_us) : "unknown_target";
    case DRIVER_COMMAND_HOLD:
    case DRIVER_COMMAND_LOCK:
    case DRIVER_COMMAND_UNLOCK:
        return target ? hold(panel, target, command, now_us) : "unknown_target";
    case DRIVER_COMMAND_PROBE:
        return probe(panel, command->id);
    case DRIVER_COMMAND_UNLATCH:
    case DRIVER_COMMAND_SHOW:
    case DRIVER_COMMAND_PREPARE:
    case DRIVER_COMMAND_SCAN:
    case DRIVER_COMMAND_PAIR:
    case DRIVER_COMMAND_CONFIGURE:
    case DRIVER_COMMAND_PING:
    case DRIVER_COMMAND_SHUTDOWN:
    case DRIVER_COMMAND_ERROR:
        break;
    }
    return "not_supported";
}

static void command(void *self, const struct driver_command *command, int64_t now_us)
{
    struct modbus_panel *panel = self;
    const char *reason = take_command(panel, command, now_us);

    if (reason && command->kind != DRIVER_COMMAND_SHOW)
        modbus_unit_result(panel->voice, command->id, DRIVER_OUTCOME_FAILED, reason);
}

static void lost(void *self, int64_t now_us)
{
    struct modbus_panel *panel = self;

    panel->seen = false;
    fail_probe(panel, "device_down");
    for (size_t i = 0; i < panel->profile->panel.output_count; i++) {
        if (!panel->outputs[i].target)
            continue;
        if (panel->outputs[i].hold_id != 0)
            end_hold(panel, panel->outputs[i].hold_id, DRIVER_OUTCOME_FAILED, "device_down");
        modbus_panel_output_lost(&panel->outputs[i], true);
    }
    for (size_t i = 0; i < panel->target_count; i++)
        modbus_panel_target_miss(&panel->targets[i], now_us);
    panel->next_range = 0;
}

static void let_go(void *self, const struct driver_command *command, int64_t now_us)
{
    struct modbus_panel *panel = self;
    const struct modbus_panel_target *target = find_target(panel, command->target);

    for (size_t i = 0; target && i < panel->profile->panel.output_count; i++)
        if (panel->outputs[i].map->on.present &&
            is_held_by(panel, &panel->outputs[i], target, command->direction))
            modbus_panel_output_hold(&panel->outputs[i], false, 0, INT64_MAX, now_us);
}

static void forget(void *self)
{
    struct modbus_panel *panel = self;

    for (size_t i = 0; i < panel->profile->panel.output_count; i++)
        modbus_panel_output_forget(&panel->outputs[i]);
}

static enum driver_health health(const void *self, const char **ret_reason)
{
    const struct modbus_panel *panel = self;

    *ret_reason = panel->unfit;
    if (panel->unfit || !panel->seen)
        return DRIVER_HEALTH_DOWN;
    for (size_t i = 0; i < panel->profile->panel.output_count; i++)
        if (panel->outputs[i].refused)
            *ret_reason = "the device refuses to switch an output";
    for (size_t i = 0; i < panel->target_count; i++)
        if (panel->targets[i].stuck)
            *ret_reason = "the device says that it is not ready";
    return *ret_reason ? DRIVER_HEALTH_DEGRADED : DRIVER_HEALTH_UP;
}

static void leave(void *self, int64_t now_us)
{
    struct modbus_panel *panel = self;

    panel->leaves = true;
    for (size_t i = 0; i < panel->profile->panel.output_count; i++)
        modbus_panel_output_leave(&panel->outputs[i], now_us);
}

static void free_panel(void *self)
{
    free(self);
}

static const struct modbus_unit_ops ops = {
    .want = want,
    .due_us = due_us,
    .answer = answer,
    .command = command,
    .lost = lost,
    .let_go = let_go,
    .forget = forget,
    .health = health,
    .leave = leave,
    .free = free_panel,
};

/* Making one. */

static struct modbus_panel_target *add_target(struct modbus_panel *panel, const char *id,
                                              const struct modbus_wiring *wiring)
{
    size_t i = panel->target_count++;

    memcpy(panel->ids[i], id, strlen(id) + 1);
    panel->targets[i] = (struct modbus_panel_target){
        .profile = panel->profile, .voice = panel->voice, .id = panel->ids[i], .wiring = *wiring
    };
    modbus_panel_target_ask(&panel->targets[i]);
    return &panel->targets[i];
}

static void join_outputs(struct modbus_panel *panel, struct modbus_panel_target *target)
{
    for (size_t i = 0; i < MODBUS_DIRECTIONS; i++) {
        int output = target->wiring.outputs[i];

        if (output >= 0)
            panel->outputs[output].target = target;
    }
}

static bool is_listed(const struct modbus_unit_item *item, const char *target)
{
    for (size_t i = 0; i < item->target_count; i++)
        if (strcmp(item->targets[i], target) == 0)
            return true;
    return false;
}

static int refuse(struct json_error *error, const char *path, const char *why)
{
    json_error_set(error, path, "%s", why);
    return -EBADMSG;
}

static int read_wiring(struct modbus_panel *panel, const struct modbus_unit_item *item,
                       struct json_object *object, struct json_error *error)
{
    struct modbus_wiring wiring;
    char target[ID_SIZE];
    int r = modbus_wiring_read(object, &panel->profile->panel, &wiring, target, error);

    if (r < 0)
        return r;
    if (!is_listed(item, target))
        return refuse(error, "target", "is not among the targets of the unit");
    if (find_target(panel, target))
        return refuse(error, "target", "is wired twice");
    for (size_t i = 0; i < panel->target_count; i++)
        if (modbus_wiring_clash(&panel->targets[i].wiring, &wiring))
            return refuse(error, "", "takes an output that another target has");
    add_target(panel, target, &wiring);
    return 0;
}

static int read_wirings(struct modbus_panel *panel, const struct modbus_unit_item *item,
                        struct json_error *error)
{
    const size_t count = json_list_length(item->wiring);

    for (size_t i = 0; i < count; i++) {
        struct json_object *object = json_list_object(item->wiring, i, error);
        int r = object ? read_wiring(panel, item, object, error) : -EBADMSG;

        if (r < 0) {
            json_error_within(error, object ? "wiring[%zu]" : "wiring", i);
            return r;
        }
    }
    if (panel->target_count < item->target_count)
        return refuse(error, "wiring", "is missing for one of the targets");
    return 0;
}

static int match_item(struct modbus_panel *panel, const struct modbus_unit_item *item,
                      struct json_error *error)
{
    if (item->point_count > 0)
        return refuse(error, "points", "must be none: this kind of device has no readers");
    if (item->target_count == 0)
        return refuse(error, "targets", "must be one at least");
    if (item->wiring)
        return read_wirings(panel, item, error);
    if (!panel->profile->panel.wired)
        return refuse(error, "wiring", "is missing: this kind of device can be wired in many ways");
    if (item->target_count > 1)
        return refuse(error, "targets", "must be one target, unless there is a wiring");
    add_target(panel, item->targets[0], &panel->profile->panel.wiring);
    return 0;
}

int modbus_panel_new(const struct modbus_unit_item *item, const struct modbus_profile *profile,
                     const struct modbus_voice *voice, struct modbus_unit *ret_unit, struct json_error *error)
{
    cleanup_with(freep) struct modbus_panel *panel = calloc(1, sizeof(*panel));

    if (!panel)
        return -ENOMEM;
    panel->profile = profile;
    panel->voice = voice;
    for (size_t i = 0; i < profile->panel.output_count; i++)
        modbus_panel_output_init(&panel->outputs[i], &profile->panel.outputs[i], NULL);
    int r = match_item(panel, item, error);

    if (r < 0)
        return r;
    for (size_t i = 0; i < panel->target_count; i++)
        join_outputs(panel, &panel->targets[i]);
    plan_cycle(panel);
    if (panel->poll.count == 0)
        return refuse(error, "wiring", "names nothing that can be read");
    *ret_unit = (struct modbus_unit){ .ops = &ops, .self = take_ptr(panel) };
    return 0;
}
