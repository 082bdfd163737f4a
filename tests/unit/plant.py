#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plants faults in the checks of what comes down, one by one, and reports which of them the attacks catch.

    plant.py [--only WORD]

How: tests/planting.py.
"""
import argparse
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import planting

TESTS = ("tests/unit/test_sync_attack", "tests/unit/test_sync_replay")
HANGS_AFTER_S = 120
TRUST = "gateway/sync/trust.c"
COMMANDS = "gateway/sync/commands.c"
JWS = "proto/jws.c"
JSON = "proto/json.c"
FORM = "proto/cloud_message.c"

# (what is then wrong, file, text, text instead)
FAULTS = (
    ("size is not looked at", TRUST, "message->len > CLOUD_PAYLOAD_MAX", "false"),
    ("retained messages count", TRUST, "message->retained && !cloud_topic_retained(topic)", "false"),
    ("retained before size", TRUST, "message->len > CLOUD_PAYLOAD_MAX", "message->len > CLOUD_PAYLOAD_MAX && !message->retained"),
    ("what follows the signature is not looked at", JWS, "&& at == end;", ";"),
    ("other members of the header are passed over", JWS, "json_object_object_length(*ret_object) != HEADER_MEMBERS", "false"),
    ("alg is not looked at", JWS, 'strcmp(header.alg, "EdDSA") != 0 && strcmp(header.alg, "Ed25519") != 0', "false"),
    ("alg none counts as a name", JWS, 'strcmp(header.alg, "EdDSA") != 0 &&', 'strcmp(header.alg, "none") != 0 && strcmp(header.alg, "EdDSA") != 0 &&'),
    ("upper and lower case are one in alg", JWS, 'strcmp(header.alg, "EdDSA") != 0', 'strcasecmp(header.alg, "EdDSA") != 0'),
    ("typ is not looked at", JWS, "strcmp(header.typ, typ) != 0", "false"),
    ("retired keys count", TRUST, 'if (is_retired(trust, kid))\n        return refuse(', 'if (false)\n        return refuse('),
    ("an unknown key before a retired one", TRUST, "if (is_retired(trust, kid))\n        return refuse(", "if (key && is_retired(trust, kid))\n        return refuse("),
    ("use is not looked at", TRUST, "if (!may_sign(key, use))", "if (false)"),
    ("policy keys command", TRUST, "return key_has_use(key, KEY_USE_COMMAND) ||", "return key_has_use(key, KEY_USE_POLICY) || key_has_use(key, KEY_USE_COMMAND) ||"),
    ("a scope that is not understood allows all", TRUST, "return key_has_use(key, use) && !key->scope_unknown;", "return key_has_use(key, use);"),
    ("the signature's length is all", JWS, "crypto_sign_verify_detached(signature, (const uint8_t *)jws->input, jws->input_len, public_key) != 0", "false"),
    ("the header is not signed", JWS, "jws->input = bytes;", "jws->input = strchr(bytes, '.') ? strchr(bytes, '.') + 1 : bytes;"),
    ("the payload need not begin with its brace", TRUST, "return opened->payload[0] == '{' ? 0 :", "return true ? 0 :"),
    ("empty levels are not counted", JSON, "scan.deepest > JSON_DEPTH_MAX", "false"),
    ("UTF-8 is left to json-c", JSON, "            if (character == 0)\n                note_stray(&scan, i);\n            else", "            if (character > 0)"),
    ("repeated members count", JSON, "count_members(object) != scan.members", "false"),
    ("U+0000 counts", JSON, "    if (scan.nul) {", "    if (false) {"),
    ("another gateway's messages count", FORM, "return strcmp(gateway, audience->self->gateway) == 0 ||", "return true ||"),
    ("another site's messages count", FORM, "strncmp(aud, audience->self->site, site_len) != 0 || aud[site_len] != '/'", "strlen(aud) <= site_len"),
    ("a site's acks count", FORM, "&(struct audience){ self, false }", "&(struct audience){ self, true }"),
    ("a policy key raises the generation", TRUST, "return !opened->key || key_has_use(opened->key, KEY_USE_ROOT);", "return true;"),
    ("any nonce counts", "gateway/sync/wall.c", "wall->nonce[0] && strcmp(wall->nonce, nonce) == 0 &&", "wall->nonce[0] &&"),
    ("a nonce counts for ever", "gateway/sync/wall.c", "now->boot_us - wall->asked_at < CLOUD_NONCE_S * USEC_PER_SEC", "true"),
    ("commands live as long as they say", COMMANDS, "if (!lifetime_fits(command))", "if (false)"),
    ("commands of the future count", COMMANDS, "vouched && now_s < command->iat - CLOUD_SKEW_S", "false"),
    ("expired commands count", COMMANDS, "vouched && now_s >= command->exp", "false"),
    ("a command lives a second longer", COMMANDS, "vouched && now_s >= command->exp", "vouched && now_s > command->exp"),
    ("without a clock no challenge is needed", COMMANDS, "if (!vouched || command->challenge[0])", "if (command->challenge[0])"),
    ("any challenge counts", COMMANDS, "if (command->challenge[0] && strcmp(commands->challenges[i].text, command->challenge) == 0) {", "if (command->challenge[0]) {"),
    ("a challenge counts for ever", COMMANDS, "return now->boot_us - *ret_made_us <= lifetime_us(command);", "return true;"),
    ("scopes are not looked at", COMMANDS, "if (!key_allows(key, command->verb, command->target))", "if (false)"),
    ("command keys retire keys", COMMANDS, "if (!key_has_use(key, use_of(told->verb)))", "if (false)"),
    ("targets are not looked at", COMMANDS, "if (!has_target(commands, told->verb, command->target))", "if (false)"),
    ("a jti's bytes are not compared", COMMANDS, "if (strcmp(begun->ref, slot->ref) == 0) {", "if (true) {"),
    ("every refusal is answered", "gateway/sync/answer.c", "return answer->refusals++ < ANSWER_REFUSALS_PER_S;", "return true;"),
)


def caught_by(copy):
    """What told the fault, or None."""
    for name in TESTS:
        done = subprocess.run([os.path.join(copy.build, name)], capture_output=True, check=False, text=True, errors="replace",
                              timeout=HANGS_AFTER_S, env={**os.environ, "STILE_ATTACK_ROUNDS": "1"})
        if done.returncode != 0:
            told = re.search(r"^case .*$|^\[  FAILED  \] .*$", done.stderr + done.stdout, re.MULTILINE)
            return "%s: %.100s" % (os.path.basename(name), told[0] if told else "status %d" % done.returncode)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", default="", help="faults with this word in their description")
    arguments = parser.parse_args()
    faults = [fault for fault in FAULTS if arguments.only in fault[0]]
    copy = planting.Copy(*TESTS)
    return planting.report(copy, faults, lambda: caught_by(copy))


if __name__ == "__main__":
    sys.exit(main())
