#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plants single-line faults in what keeps gateway and cloud agreed, one by one, and reports which of them the simulation catches.

    plant.py [--count N] [--first SEED] [--only WORD]

How: tests/planting.py.
"""
import argparse
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import planting

TARGET = "tests/sim/run"
SEEDS_AT_ONCE = 250
HANGS_AFTER_S = 120

LEDGER = "gateway/store/ledger_write.c"
DELTA = "gateway/store/policy_store_delta.c"
SNAPSHOT = "gateway/store/policy_store_snapshot.c"
JOURNAL = "tools/stile-cloud/journal.c"
UPLINK = "gateway/sync/uplink.c"
FEED = "gateway/sync/feed.c"
COMMANDS = "gateway/sync/commands.c"

# (what is then wrong, file, text, text instead)
FAULTS = (
    ("what is committed is not synced", "gateway/store/database.c", '"PRAGMA synchronous=FULL;"', '"PRAGMA synchronous=NORMAL;"'),
    ("the cloud's commits are not synced", "tools/stile-cloud/site.c", "PRAGMA synchronous=FULL;", "PRAGMA synchronous=OFF;"),
    ("the cloud acknowledges what it was sent, not what it stored", "tools/stile-cloud/peer.c",
     "    send_ack(peers, peer, events->epoch, &cursor);\n    return 0;",
     "    cursor.seq = events->first + events->count - 1;\n    send_ack(peers, peer, events->epoch, &cursor);\n    return 0;"),
    ("events are told as stored though the commit failed", "gateway/store/ledger.c",
     "if (!gathered && write->error < 0) {", "if (false) {"),
    ("a commit that failed uses up its seqs", LEDGER, "    if (r == 0)\n        file->log = *log;", "    file->log = *log;"),
    ("an ack's hash is not looked at", LEDGER, "r > 0 && memcmp(own, hash, CHAIN_BYTES) != 0 ?", "false ?"),
    ("an ack beyond the head is taken", LEDGER, "if (seq > log->position.head)\n        return LEDGER_ACK_BEYOND_HEAD;",
     "if (seq > log->position.head)\n        return LEDGER_ACK_OTHER_EPOCH;"),
    ("events go without an ack", LEDGER, "int64_t acked_id = log->base + log->position.acked;",
     "int64_t acked_id = ledger_log_last_id(log);"),
    ("an overflow is not told", LEDGER, "if (r < 0 || lost.count <= 0)", "if (true)"),
    ("a new epoch has the old one's name", LEDGER, "r = ledger_file_new_epoch(log->position.epoch);",
     "r = 0, strcpy(log->position.epoch, old->epoch);"),
    ("a new epoch forgets what was not acknowledged", LEDGER, "r = repeat_unacked(file, &log, from);",
     "r = repeat_unacked(file, &log, file->log.position.head + 1);"),
    ("a delta need not follow what is in force", DELTA, "delta->from == now->version ? 0 : POLICY_GAP", "true ? 0 : POLICY_GAP"),
    ("a chunk's hash is not looked at", SNAPSHOT, "return strcmp(hash, head->expected) == 0;", "return true;"),
    ("the floor is not looked at", SNAPSHOT,
     "policy_store_file_before(generation, version, file->floor_generation, file->floor_version))", "false)"),
    ("the floor is not kept", "gateway/daemon/cloud_policy.c", "    save_position(daemon, &report->position);\n", ""),
    ("a snapshot goes into what is in force", SNAPSHOT,
     "policy_store_file_put(file, !file->head.slot,", "policy_store_file_put(file, file->head.slot,"),
    ("a staged snapshot is told as in force", SNAPSHOT, "head->staging.next < head->staging.chunks ? (int)POLICY_STAGED",
     "head->staging.next + 1 < head->staging.chunks ? (int)POLICY_STAGED"),
    ("a policy is told as applied and not turned to", "gateway/daemon/cloud_policy.c",
     "int r = world_set_policy(daemon->world, report->policy, now);", "int r = 0;"),
    ("applied before the commit", "gateway/store/policy_store_file.c", "            e = database_commit(&file->rows.database);",
     "            e = 0;"),
    ("a door opens before its grant is stored", "gateway/daemon/access.c", "if (verdict->limited || door->strict_log) {",
     "if (verdict->limited) {"),
    ("a batch beyond the cursor is taken", JOURNAL, "if (events->first != batch->oldest)", "if (false)"),
    ("the cursor moves and the event is not inserted", JOURNAL, "        r = insert(batch, seq, line, len);\n", ""),
    ("deletions are not in a delta", "tools/stile-cloud/feed.c", "FROM items WHERE rev > ?\"", "FROM items WHERE rev > ? AND item IS NOT NULL\""),
    ("the uplink goes on behind the next event", UPLINK, "    uplink->next = seq + 1;\n    uplink->in_flight = 0;",
     "    uplink->next = seq + 2;\n    uplink->in_flight = 0;"),
    ("drift is not looked at", FEED, "request.want = CLOUD_WANT_DIGEST;", "return false;"),
    ("a lease of another version counts", "gateway/sync/wall.c",
     " || next->generation != policy->generation ||\n        next->version != policy->version)", ")"),
    ("a signature is not looked at", "gateway/sync/trust.c", "r = jws_verify(&jws, opened->key->public_key);", "r = 0;"),
    ("a command that the broker kept is believed", "gateway/sync/trust.c",
     "if (message->retained && !cloud_topic_retained(topic))", "if (false)"),
    ("a command is carried out before it is stored", "gateway/store/ledger_commands.c",
     "            r = start_new(file, command, now);", "            r = 0;"),
    ("a command that is known is carried out again", "gateway/store/ledger_commands.c",
     ".outcome = LEDGER_BEGUN_KNOWN,", ".outcome = LEDGER_BEGUN_NEW,"),
    ("a command is carried out though its time was over when it was stored", COMMANDS,
     "now->boot_us > slot->told.deadline_us", "false"),
    ("a command's result is told and not stored", "gateway/daemon/cloud_commands.c", ".result = ended->stored", ".result = NULL"),
    ("a command that was cut short is forgotten", "gateway/daemon/cloud_commands.c",
     "return ledger_restore_commands(daemon->ledger, restore, daemon);", "return 0;"),
    ("a batch is never sent again", UPLINK, "if (now->boot_us < uplink_due(uplink))", "if (true)"),
)


def run(copy, first, count):
    """Returns None if all is well, else what told the fault."""
    try:
        done = subprocess.run([os.path.join(copy.build, TARGET), str(first), str(count)], capture_output=True, check=False,
                              text=True, errors="replace", timeout=HANGS_AFTER_S)
    except subprocess.TimeoutExpired:
        return "a universe that hangs"
    if done.returncode == 0:
        return None
    what = re.search(r"^(.*) does not hold: (.*)$", done.stderr, re.MULTILINE)
    seed = re.search(r"^again: run (\d+)", done.stderr, re.MULTILINE)
    return "%s, seed %s: %.90s" % (what[1], seed[1], what[2]) if what and seed else "status %d" % done.returncode


def caught_by(copy, first, count):
    """What told the fault, or None."""
    for seed in range(first, first + count, SEEDS_AT_ONCE):
        told = run(copy, seed, min(SEEDS_AT_ONCE, first + count - seed))
        if told:
            return told
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=2000, help="universes for each fault at most")
    parser.add_argument("--first", type=int, default=1, help="the first one's seed")
    parser.add_argument("--only", default="", help="faults with this word in their description")
    arguments = parser.parse_args()
    faults = [fault for fault in FAULTS if arguments.only in fault[0]]
    copy = planting.Copy(TARGET)
    return planting.report(copy, faults, lambda: caught_by(copy, arguments.first, arguments.count))


if __name__ == "__main__":
    sys.exit(main())
