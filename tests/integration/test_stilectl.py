# SPDX-License-Identifier: GPL-3.0-or-later
"""stilectl against a daemon that answers from a script: what it asks, what it shows, what it exits with."""
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import unittest

PROGRAM = os.environ['STILE_BUILD'] + '/tools/stilectl/stilectl'
OK = '{"done":true,"exit":0}'

EVENT = ('{"seq":41,"epoch":"9f2c51d07be8a634","boot":"5d0e1c9a-7c1f-4a53-9a55-0c1f7e0a2b11","at":1,'
         '"utc":"2020-11-22T14:30:02.123Z","clock":"synced","kind":%s}')
GRANTED = EVENT % '"granted","point":"gym.in","door":"gym","user":"u17","credential":"c9","reason":"RULE","rule":"staff"'
DENIED = EVENT % ('"denied","point":"gym.in","door":"gym","user":"u18","reason":"USER_EXPIRED",'
                  '"failed":["USER_EXPIRED","OUTSIDE_SCHEDULE"]')
DOWN = EVENT % '"device_down","device":"bus1","text":"no answer for 5 s"'
OPERATOR = EVENT % '"operator","door":"front","direction":"entry","operator":"mia","verb":"release","text":"lost card"'
ORDER = EVENT % '"operator","door":"front","mode":"blocked","operator":"mia","verb":"mode","text":"drill"'
OVER = EVENT % '"tamper","door":"front","on":false'

STATUS = ('{"site":"hub","gateway":"gw1","version":"0.1.0","boot":"5d0e","uptime_s":90000,'
          '"utc":"2020-11-22T14:30:00.123Z","clock":"synced","trust":"broker",'
          '"policy":{"generation":1,"version":42,"root":"4e7e","items":812,"dangling":["rule:r7 door:gmy"]},'
          '"events":{"epoch":"9f2c","oldest":1,"acked":40,"head":42,"queued":0},'
          '"link":{"configured":true,"connected":false,"since_s":12,"error":"connection refused"},'
          '"devices":{"up":2,"total":3},"alarms":[{"kind":"lease"},{"kind":"forced","door":"fr\\u001bont"}]}')
DEVICES = ['{"id":"bus1","driver":"modbus","state":"down","reason":"no answer for 5 s","since_s":3,"restarts":2,'
           '"version":"0.1.0","points":["gym.in","gym.out"],"targets":["gym"]}',
           '{"id":"desk","driver":"nfc","state":"up","since_s":7200,"restarts":0,"version":"0.1.0","points":["front.in"],'
           '"targets":[]}']
DOORS = ['{"id":"gym","name":"Gym \\u00fcber","kind":"turnstile","mode":"unlocked","why":{"by":"override","until":'
         '"2020-11-22T18:00:00.000Z","left_s":7200,"order":{"operator":"mia","reason":"party"}},"target":"gym","device":"bus1",'
         '"device_state":"up","state":"open","points":[],"alarms":[{"alarm":"held"},{"alarm":"rex_stuck"}],"last_s":65,'
         '"last":' + GRANTED + '}',
         '{"id":"front","name":"Front\\u001b[31m","kind":"door","mode":"blocked","device":"bus2","device_state":"down",'
         '"state":"unknown","points":[],"why":{"by":"schedule","schedule":"night"},"last":' + OPERATOR + '}',
         '{"id":"side","mode":"locked_down","why":{"by":"lockdown","order":{"iss":"desk@hub","reason":"drill"}}}',
         '{"id":"back","mode":"controlled","why":{"by":"door"}}',
         '{"id":"roof","mode":"unlocked","why":{"by":"override","left_s":60}}',
         '{"id":"shed","mode":"locked_open","why":{"by":"fire"}}', '{"id":"attic"}']
USER = ('{"id":"u17","name":"Ada","kind":"member","status":"active","source":{"system":"cobot","ref":"4711"},'
        '"valid_from":"2026-01-01","valid_until":"2026-12-31","tags":["gym"],'
        '"block":{"from":"2026-11-01","message":"See the desk"},"link":"north","credentials":2,"doors":["gym"]}')
EXPLAINED = ('{"at":"2020-11-22T14:30:00Z","point":"gym.in","door":"gym","verdict":"deny","reason":"USER_EXPIRED",'
             '"failed":["USER_EXPIRED","OUTSIDE_SCHEDULE"],"user":"u17","name":"Ada","warnings":["DURESS"],'
             '"message":"See the desk","retry_after_s":60,'
             '"details":[{"reason":"USER_EXPIRED","text":"valid until 2020-10-31"}]}')
ALLOWED = ('{"at":"2020-11-22T14:30:00Z","point":"gym.in","door":"gym","verdict":"grant","reason":"RULE","failed":[],'
           '"user":"u17","name":"Ada","rule":"staff","warnings":[],"pulse_ms":700}')
NO_RULE = ('{"clock":"none","point":"gym.in","door":"gym","verdict":"deny","reason":"NO_RULE","failed":["NO_RULE"],'
           '"user":"u17","warnings":[],"name":"u17","point_name":"Gym, entry","details":[],"nearest":['
           '{"rule":"eve","name":"Evenings","state":"closed","opens":"2020-11-22T17:00:00.000Z"},'
           '{"rule":"never","name":"never","state":"closed"},'
           '{"rule":"r3","name":"Phones","state":"other_type","types":["mobile","key"]},'
           '{"rule":"r4","name":"Next year","state":"not_started","valid_from":"2021-01-01T00:00:00.000Z"},'
           '{"rule":"r5","name":"Last year","state":"expired","valid_until":"2020-01-01T00:00:00.000Z"},'
           '{"rule":"r6","name":"Old","state":"off"},'
           '{"rule":"r7","name":"Staff","state":"others","tags":["staff","guard"],"opens":"2020-11-23T07:00:00.000Z"},'
           '{"rule":"r8","name":"Mia\\u001b","state":"others","tags":[]}]}')
WHO = ['{"user":"u17","name":"Ada","point":"gym.in","door":"gym","verdict":"grant","reason":"RULE","failed":[],"rule":"staff"}',
       '{"user":"u18","name":"Cleo","point":"gym.in","door":"gym","verdict":"deny","reason":"USER_EXPIRED",'
       '"failed":["USER_EXPIRED","OUTSIDE_SCHEDULE"]}',
       '{"user":"u19","name":"Dan","point":"gym.in","door":"gym","verdict":"pending","reason":"SECOND_FACTOR_REQUIRED",'
       '"failed":["SECOND_FACTOR_REQUIRED"]}']
WHERE = ['{"user":"u17","point":"front.in","point_name":"Front, entry","door":"front","verdict":"grant",'
         '"reason":"DOOR_UNLOCKED","failed":["NO_RULE"]}',
         '{"user":"u17","point":"gym.in","point_name":"gym.in","door":"gym","verdict":"deny","reason":"OUTSIDE_SCHEDULE",'
         '"failed":["OUTSIDE_SCHEDULE"],"opens":"2020-11-23T17:00:00.000Z"}']

SYNC = ('{"configured":true,"connected":true,"since_s":3600,"heard_s":3,"answered":false,'
        '"have":{"generation":7,"version":42,"root":"4e7e"},"want":{"generation":7,"version":44,"root":"5f8f"},"lag":2,'
        '"asks":"chunks","staging":{"generation":7,"version":44,"next":17,"chunks":212},'
        '"refused":{"of":"down/delta","outcome":"rejected","code":"item","kind":"user","id":"u9","member":"valid_from",'
        '"ago_s":40},"changed":{"kid":"pol-1","at":"2020-11-22T14:30:00.000Z"},'
        '"events":{"epoch":"9f2c","head":42,"acked":40,"waiting":2,"oldest_s":31,"queued":1},'
        '"lease":{"until":"2020-11-23T14:30:00.000Z","over":true},"sources":[{"source":"policy","age_s":12},'
        '{"source":"link","id":"north","age_s":10800,"refreshed_at":"2020-11-22T11:30:00.000Z","state":"stale"},'
        '{"source":"clock","age_s":4,"state":"synced"}]}')


class Daemon:
    """Answers one connection with lines; knows what was asked."""

    def __init__(self, directory, lines):
        self.path = str(pathlib.Path(directory) / 's')
        self.lines = lines
        self.asked = None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        connection, _ = self.listener.accept()
        with connection, connection.makefile('rw', encoding='utf-8') as stream:
            line = stream.readline()
            self.asked = json.loads(line) if line else None
            stream.write(''.join(line + '\n' for line in self.lines))

    def close(self):
        self.thread.join()
        self.listener.close()
        os.unlink(self.path)


def run(path, *arguments, **environment):
    env = {'TZ': 'UTC', 'PATH': '/usr/bin:/bin', 'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', ''), **environment}
    return subprocess.run([PROGRAM, '--socket', path, *arguments], env=env, capture_output=True, text=True, timeout=60)


class Stilectl(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.directory.cleanup()

    def ask(self, lines, *arguments, **environment):
        daemon = Daemon(self.directory.name, lines)
        done = run(daemon.path, *arguments, **environment)
        daemon.close()
        self.asked = daemon.asked
        return done

    def shows(self, lines, arguments, expected):
        """As text; and with --json the lines as they came."""
        done = self.ask([*lines, OK], *arguments)
        self.assertEqual((done.stdout, done.stderr, done.returncode), (expected, '', 0))
        done = self.ask([*lines, OK], '--json', *arguments)
        self.assertEqual((done.stdout, done.stderr, done.returncode), (''.join(line + '\n' for line in lines), '', 0))

    def fails(self, arguments, error, code=2):
        done = run(self.directory.name + '/none', *arguments)
        self.assertEqual((done.stdout, done.stderr.splitlines()[0], done.returncode), ('', 'stilectl: ' + error, code))

    def test_status(self):
        self.shows([STATUS], ['status'],
                   'gateway  hub/gw1, stiled 0.1.0, up 1 d 1 h\n'
                   'clock    synced, 2020-11-22 14:30:00\n'
                   'policy   generation 1, version 42, 812 items\n'
                   '         refers to what is not there: rule:r7 door:gmy\n'
                   'events   up to number 42, 2 not yet with the cloud, 0 not yet on the disk\n'
                   'cloud    not connected for 12 s: connection refused\n'
                   'devices  2 of 3 up\n'
                   'alarms   lease, forced fr?ont\n')
        self.assertEqual(self.asked, {'command': 'status', 'args': {}})

    def test_status_of_a_daemon_that_says_little(self):
        self.shows(['{"link":7}'], ['status'],
                   'gateway  /, stiled , up 0 s\n'
                   'clock    , no clock\n'
                   'policy   generation 0, version 0, 0 items\n'
                   'events   up to number 0, 0 not yet with the cloud, 0 not yet on the disk\n'
                   'cloud    none: this gateway stands alone\n'
                   'devices  0 of 0 up\n'
                   'alarms   none\n')

    def test_sync(self):
        self.shows([SYNC], ['sync'],
                   'cloud    connected for 1 h 0 min, heard of the cloud 3 s ago, which has not answered all\n'
                   'policy   7.42, the cloud wants 7.44: 2 behind, asks for: chunks\n'
                   '         root 4e7e, wanted 5f8f\n'
                   '         snapshot 7.44 is coming: 17 of 212 chunks\n'
                   'refused  40 s ago: down/delta rejected item user u9 valid_from\n'
                   'changed  by the key pol-1, 2020-11-22 14:30:00\n'
                   'events   2 not yet with the cloud, the oldest for 31 s; 1 not yet on the disk\n'
                   'lease    until 2020-11-23 14:30:00, which is over\n'
                   '\n'
                   'SOURCE  WHICH  AGE        STATE\n'
                   'policy  -      12 s       -\n'
                   'link    north  3 h 0 min  stale\n'
                   'clock   -      4 s        synced\n')
        self.assertEqual(self.asked, {'command': 'sync', 'args': {}})

    def test_sync_says_in_words_how_policies_differ(self):
        head = 'cloud    not connected for 5 s: refused, nothing heard of the cloud yet\npolicy   7.42'
        for want, lag, words in ((None, None, '\n         root a\n'),
                                 ((7, 42, 'a'), 0, ', as the cloud wants it\n         root a\n'),
                                 ((7, 42, 'b'), 0, ', the cloud wants 7.42: of the same version, but not the same\n'
                                                   '         root a, wanted b\n'),
                                 ((8, 1, 'b'), None, ', the cloud wants 8.1: another generation, or older\n'
                                                     '         root a, wanted b\n')):
            sync = {'configured': True, 'connected': False, 'since_s': 5, 'error': 'refused',
                    'have': {'generation': 7, 'version': 42, 'root': 'a'}, 'changed': {'at': '2020-11-22T14:30:00.000Z'}}
            if want:
                sync['want'] = dict(zip(('generation', 'version', 'root'), want))
            if lag is not None:
                sync['lag'] = lag
            self.shows([json.dumps(sync)], ['sync'], head + words +
                       "changed  by the broker's word, 2020-11-22 14:30:00\n"
                       'events   0 not yet with the cloud; 0 not yet on the disk\n\n')

    def test_devices(self):
        self.shows(DEVICES, ['devices'],
                   'DEVICE  DRIVER  STATE  FOR        RESTARTS  POINTS          TARGETS  REASON\n'
                   'bus1    modbus  down   3 s        2         gym.in gym.out  gym      no answer for 5 s\n'
                   'desk    nfc     up     2 h 0 min  0         front.in        -        -\n')

    def test_doors_align_and_no_name_drives_the_terminal(self):
        self.shows(DOORS, ['doors'], """\
DOOR   NAME        STATE    MODE         WHY                                              DEVICE  IS    ALARMS           LAST
gym    Gym über    open     unlocked     ordered by mia until 2020-11-22 18:00:00: party  bus1    up    held, rex stuck  granted u17, 1 min ago
front  Front?[31m  unknown  blocked      schedule night                                   bus2    down  -                operator release mia, 2020-11-22 14:30:02
side   -           -        locked_down  lockdown by desk@hub: drill                      -       -     -                -
back   -           -        controlled   as always                                        -       -     -                -
roof   -           -        unlocked     ordered for another 1 min                        -       -     -                -
shed   -           -        locked_open  fire                                             -       -     -                -
attic  -           -        -            ?                                                -       -     -                -
""")

    def test_order(self):
        done = self.ask([DOORS[3], '{"done":true,"exit":0,"note":"fire is stronger"}'], 'door', 'gym', 'mode', 'blocked',
                        '--for=2h', '--reason', 'a b')
        self.assertEqual((done.stdout.splitlines()[1].split()[:4], done.stderr, done.returncode),
                         (['back', '-', '-', 'controlled'], 'stilectl: fire is stronger\n', 0))
        self.assertEqual(self.asked, {'command': 'door', 'args': {
            'door': 'gym', 'action': 'mode', 'value': 'blocked', 'for': 7200, 'reason': 'a b'}})
        done = self.ask(['{"door":"gym","direction":"exit","outcome":"completed","ms":38}', OK], 'door', 'gym', 'release',
                        '--direction', 'exit', '--reason', 'x')
        self.assertEqual(done.stdout, 'gym exit: completed in 38 ms\n')
        self.ask([OK], 'door', 'gym', 'unlock', '--until', '2099-01-01', '--reason', 'x', TZ='CET-1')
        self.assertEqual(self.asked['args']['until'], '2098-12-31T23:00:00.000Z')
        self.ask([OK], 'lockdown', 'on', '--reason', 'x')
        self.assertEqual(self.asked, {'command': 'lockdown', 'args': {'value': 'on', 'reason': 'x'}})

    def test_events(self):
        self.shows([GRANTED, DENIED, DOWN, OPERATOR, ORDER, OVER], ['events'],
                   '2020-11-22 14:30:02  gym.in        u17               granted by rule staff\n'
                   "2020-11-22 14:30:02  gym.in        u18               denied: The person's membership has ended; "
                   'It is outside the hours of the rule\n'
                   '2020-11-22 14:30:02  bus1          -                 device down: no answer for 5 s\n'
                   '2020-11-22 14:30:02  front         mia               operator (entry): release: lost card\n'
                   '2020-11-22 14:30:02  front         mia               operator: mode: blocked: drill\n'
                   '2020-11-22 14:30:02  front         -                 tamper (over)\n')

    def test_events_verify(self):
        self.shows(['{"epoch":"9f2c","first":3001,"last":4711,"count":1711}'], ['events', 'verify'],
                   'events 3001 to 4711 of epoch 9f2c, 1711 in all: the chain holds\n')
        self.assertEqual(self.asked, {'command': 'events verify', 'args': {}})
        self.shows(['{"epoch":"9f2c","first":1,"last":6,"count":6,"first_bad":5}'], ['events', 'verify'],
                   'events 1 to 6 of epoch 9f2c, 6 in all: the chain breaks\n')

    def test_events_arguments_reach_the_daemon(self):
        self.ask([OK], 'events', '--follow', '--door=gym', '--user', 'u17', '--since', '2020-11-22', '--limit', '7',
                 TZ='CET-1')
        self.assertEqual(self.asked, {'command': 'events', 'args': {
            'follow': True, 'door': 'gym', 'user': 'u17', 'since': '2020-11-21T23:00:00.000Z', 'limit': 7}})

    def test_user_find(self):
        self.shows([USER], ['user', 'find', 'Ada', 'L'],
                   'USER  NAME  KIND    STATUS  VALID                     CARDS  DOORS  SOURCE      BLOCK\n'
                   'u17   Ada   member  active  2026-01-01 to 2026-12-31  2      gym    cobot 4711  See the desk\n')
        self.assertEqual(self.asked, {'command': 'user find', 'args': {'text': 'Ada L'}})

    def test_explain_denied(self):
        self.shows([EXPLAINED], ['explain', '--last', 'gym'],
                   'DENIED for Ada (u17) at gym.in, 2020-11-22 14:30:00\n'
                   "  - The person's membership has ended: valid until 2020-10-31.\n"
                   '  - It is outside the hours of the rule.\n'
                   'To be let in:\n'
                   '  - extend the membership.\n'
                   '  - come within the hours, or change them.\n'
                   'Warning: DURESS.\n'
                   'The display says: See the desk\n'
                   'It can be tried again in 1 min.\n')
        self.assertEqual(self.asked, {'command': 'explain', 'args': {'last': 'gym'}})

    def test_explain_granted(self):
        self.shows([ALLOWED], ['explain', 'u17', 'gym.in', '--at', '2020-11-22T14:30:00Z'],
                   'GRANTED for Ada (u17) at gym.in, 2020-11-22 14:30:00, by rule staff\n')
        self.assertEqual(self.asked, {'command': 'explain', 'args': {
            'user': 'u17', 'point': 'gym.in', 'at': '2020-11-22T14:30:00.000Z'}})

    def test_explain_names_the_rules_that_came_nearest(self):
        self.shows([NO_RULE], ['explain', 'u17', 'gym.in', '--clock', 'none'],
                   'DENIED for u17 at Gym, entry (gym.in), no clock\n'
                   '  - No rule lets this person in here.\n'
                   'To be let in:\n'
                   '  - add a rule for the person and this door.\n'
                   'The rules that came nearest:\n'
                   '  - Evenings (eve) is closed, opens next 2020-11-22 17:00:00.\n'
                   '  - never is closed.\n'
                   '  - Phones (r3) takes only mobile, key.\n'
                   '  - Next year (r4) is valid from 2021-01-01 00:00:00.\n'
                   '  - Last year (r5) was valid until 2020-01-01 00:00:00.\n'
                   '  - Old (r6) is off.\n'
                   '  - Staff (r7) lets in people with the tag staff or guard, opens next 2020-11-23 07:00:00.\n'
                   '  - Mia? (r8) names other people.\n')
        self.assertEqual(self.asked, {'command': 'explain', 'args': {'user': 'u17', 'point': 'gym.in', 'clock': 'none'}})

    def test_who_can(self):
        self.shows(WHO, ['who-can', 'gym.in', '--at', '2020-11-22T14:30:00Z', '--limit', '7'],
                   'USER  NAME  LET IN     WHY NOT\n'
                   'u17   Ada   yes        -\n'
                   "u18   Cleo  no         The person's membership has ended; It is outside the hours of the rule\n"
                   'u19   Dan   not alone  A second factor is needed\n')
        self.assertEqual(self.asked, {'command': 'who-can', 'args': {
            'point': 'gym.in', 'at': '2020-11-22T14:30:00.000Z', 'limit': 7}})

    def test_where_can(self):
        self.shows(WHERE, ['where-can', 'u17'],
                   'POINT     NAME          LET IN  WHY NOT                              OPENS\n'
                   'front.in  Front, entry  yes     -                                    -\n'
                   'gym.in    gym.in        no      It is outside the hours of the rule  2020-11-23 17:00:00\n')
        self.assertEqual(self.asked, {'command': 'where-can', 'args': {'user': 'u17'}})

    def test_release(self):
        self.shows(['{"door":"gym","direction":"entry","outcome":"completed","ms":38}'],
                   ['release', 'gym', 'entry', '--reason', 'lost card'], 'gym entry: completed in 38 ms\n')
        self.assertEqual(self.asked, {'command': 'release', 'args': {
            'door': 'gym', 'direction': 'entry', 'reason': 'lost card'}})

    def test_scan(self):
        self.shows(['{"device":"hci","address":"54:D2:72:0A:0B:0C","address_type":"random","name":"Nuki\\u001b","about":"lock","rssi":-61}',
                    '{"device":"hci","address":"54:D2:72:0A:0B:0D"}',
                    '{"verb":"scan","device":"hci","outcome":"completed","ms":1000}'], ['ble', 'scan', '--for', '5'],
                   'ADDRESS            TYPE    NAME   SIGNAL   ABOUT\n'
                   '54:D2:72:0A:0B:0C  random  Nuki?  -61 dBm  lock\n'
                   '54:D2:72:0A:0B:0D  -       -      -        -\n')
        self.assertEqual(self.asked, {'command': 'ble scan', 'args': {'for': 5}})
        done = self.ask(['{"verb":"scan","device":"hci","outcome":"failed","reason":"device_down","ms":0}',
                         '{"done":true,"exit":1}'], 'ble', 'scan')
        self.assertEqual((done.stdout, done.returncode), ('hci: scan failed in 0 ms, device down\n', 1))

    def test_lock(self):
        self.shows(['{"target":"front","door":"front","lock":"jammed","detail":"motor_blocked","state":"closed","battery":15,'
                    '"heard_s":65,"device":"hci","device_state":"up"}', '{"target":"b","lock":"unknown"}'], ['lock', 'status'],
                   'LOCK   IS       WHY            DOOR   STATE   BATTERY  HEARD      DEVICE  IS\n'
                   'front  jammed   motor blocked  front  closed  15 %     1 min ago  hci     up\n'
                   'b      unknown  -              -      -       -        -          -       -\n')
        self.shows(['{"target":"front","progress":"Press it\\u001b."}', '{"verb":"pair","target":"front","outcome":"completed","ms":7}'],
                   ['lock', 'pair', 'front', '54:D2:72:0A:0B:0C'], 'Press it?.\nfront: pair completed in 7 ms\n')
        self.assertEqual(self.asked, {'command': 'lock pair', 'args': {'target': 'front', 'address': '54:D2:72:0A:0B:0C'}})

    def test_device_release_without_a_direction(self):
        done = self.ask(['{"verb":"release","target":"gate","outcome":"failed","reason":"direction","ms":0}',
                         '{"done":true,"exit":1}'], 'device', 'release', 'bus', 'gate',
                        '--reason', 'test')
        self.assertEqual((done.stdout, done.returncode),
                         ('gate: release failed in 0 ms, direction: this target wants --direction entry or exit\n', 1))

    def test_device_listen(self):
        self.shows(['{"point":"in","inputs":{}}', '{"target":"g","inputs":{"contact":false,"fire":true}}', '{"listening":true}',
                    '{"ev":"input","target":"g","role":"rex","value":true}', '{"ev":"presented","point":"in","type":"card"}',
                    '{"ev":"passage","target":"g","direction":"entry","count":2}',
                    '{"ev":"state","target":"g","lock":"jammed","detail":"motor","battery":5}',
                    '{"ev":"device","state":"down","reason":"unplugged"}'], ['device', 'listen', 'bus'],
                   'in: point\ng: target, contact off, fire on\ng: rex on\nin: presented, type card\n'
                   'g: passage, direction entry, 2 people\ng: state, lock jammed, detail motor, battery 5 %\n'
                   'device: device, state down, reason unplugged\n')

    def test_device_test_says_why_it_cannot(self):
        done = self.ask(['{"done":true,"exit":4,"error":"only root\\u001b may"}'], 'device', 'test', 'bus', '--yes')
        self.assertEqual((done.stdout, done.stderr, done.returncode), ('', 'stilectl: only root? may\n', 4))
        self.assertEqual(self.asked, {'command': 'device listen', 'args': {'device': 'bus', 'for': 3600}})
        done = self.ask(['{"point":"in"}', '{"listening":true}'], 'device', 'test', 'bus', '--yes')
        self.assertEqual((done.stdout.splitlines()[-1], done.returncode), ('Nothing was tested.', 0))
        done = self.ask(['{"point":"in"}'], 'device', 'test', 'bus', '--yes')  # and the daemon goes
        self.assertEqual((done.stderr, done.returncode), ('stilectl: the daemon is gone: it closed\n', 3))
        for words, why in ((['bus'], 'needs a terminal; --yes asks nothing'), (['bus', '--yes', '--json'], 'has no --json'),
                           (['--yes'], 'NAME is missing')):
            done = run(self.directory.name + '/none', 'device', 'test', *words)
            self.assertEqual((done.stderr, done.returncode), (f'stilectl: device test: {why}\n', 2))
        self.assertEqual(run(self.directory.name + '/none', 'device', 'test', 'bus', '--yes').returncode, 3)

    def test_version_tells_both(self):
        done = self.ask(['{"program":"stiled","version":"9.9"}', OK], 'version')
        self.assertRegex(done.stdout, r'^stilectl \d+\.\d+\.\d+\nstiled 9\.9\n$')
        done = self.ask(['{"program":"stiled","version":"9.9"}', OK], 'version', '--json')
        self.assertEqual([json.loads(line)['program'] for line in done.stdout.splitlines()], ['stilectl', 'stiled'])

    def test_profile_check_asks_the_driver_and_no_daemon(self):
        drivers = {'STILE_DRIVERS': os.environ['STILE_BUILD'] + '/hal/modbus'}
        good = os.environ['STILE_SOURCE'] + '/config/profiles/waveshare-relay8.json'
        bad = self.directory.name + '/bad.json'
        pathlib.Path(bad).write_text('{"profile": "x",\n"timing": {},\n"outputs": [{"name": "a"}]}\n')
        done = run('/nowhere', 'profile', 'check', good, **drivers)
        self.assertEqual((done.stdout, done.returncode), (f'{good}: profile waveshare-relay8 can be used\n', 0))
        done = run('/nowhere', 'profile', 'check', bad, **drivers)
        self.assertEqual((done.stderr, done.returncode), (f'{bad}:3: outputs[0]: must have coil, on and off, or pulse\n', 1))
        other = self.directory.name + '/hall.json'
        pathlib.Path(other).write_text(pathlib.Path(good).read_text())
        done = run('/nowhere', 'profile', 'check', other, **drivers)
        self.assertRegex(done.stderr, f'^{other}:[0-9]+: profile: must be the file\'s name without ".json"\n$')
        self.assertEqual(done.returncode, 1)
        done = run('/nowhere', 'profile', 'check', good, STILE_DRIVERS='/nowhere')
        self.assertEqual((done.stderr, done.returncode), ('stilectl: /nowhere/stile-modbus: No such file or directory\n', 5))
        self.fails(['profile', 'check'], 'profile check: FILE is missing')
        self.fails(['--json', 'profile', 'check', good], 'profile check: has no --json')

    def test_exit_codes_and_messages_come_from_the_daemon(self):
        for code in (1, 2, 4, 5):
            done = self.ask(['{"done":true,"exit":%d,"error":"no\\u001bt so"}' % code], 'status')
            self.assertEqual((done.stdout, done.stderr, done.returncode), ('', 'stilectl: no?t so\n', code))
        done = self.ask(['{"done":true,"exit":0,"note":"older events were left out"}'], 'events')
        self.assertEqual((done.stderr, done.returncode), ('stilectl: older events were left out\n', 0))

    def test_connection_lost(self):
        done = self.ask([STATUS], 'status')
        self.assertEqual((done.stderr, done.returncode), ('stilectl: the connection to the daemon was lost: it closed\n', 3))
        done = self.ask(['no JSON'], 'status')
        self.assertEqual(done.returncode, 3)

    def test_no_daemon(self):
        path = self.directory.name + '/none'
        self.fails(['status'], f'no daemon at {path}: No such file or directory', 3)

    def test_socket_of_others(self):
        path = self.directory.name + '/s'
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            os.chmod(self.directory.name, 0o755)
            os.chmod(path, 0o600)
            done = subprocess.run(['setpriv', '--reuid', 'nobody', '--clear-groups', PROGRAM, '--socket', path, 'status'],
                                  capture_output=True, text=True, timeout=60)
        self.assertEqual((done.stdout, done.stderr, done.returncode),
                         ('', f'stilectl: you may not ask the daemon at {path}: Permission denied\n', 4))

    def test_wrong_command_lines(self):
        self.fails([], 'a command is missing; "stilectl help" lists them')
        self.fails(['stauts'], 'there is no command "stauts"; did you mean "status"?')
        self.fails(['user', 'fnd', 'x'], 'there is no command "user fnd"; did you mean "user find"?')
        self.fails(['reboot'], 'there is no command "reboot"')
        self.fails(['profile'], 'there is no command "profile", but "profile check"')
        self.fails(['profile', 'x.json'], 'there is no command "profile x.json", but "profile check"')
        self.fails(['events', '--folow'], 'there is no option --folow; did you mean --follow?')
        self.fails(['events', '--follow=yes'], '--follow takes no value')
        self.fails(['events', '--door'], '--door needs a DOOR')
        self.fails(['events', '--limit', '0'], '--limit must be an integer from 1 to 10000')
        self.fails(['events', '--since', 'soon'],
                   '--since must be RFC 3339, a date 2026-11-22, a time 14:30, or how long ago: 90s, 30m, 2h, 3d')
        self.fails(['status', 'now'], '"now" is too much')
        self.fails(['release', 'gym', 'entry'], 'release: --reason is missing')
        self.fails(['release', 'gym', 'up', '--reason', 'x'], 'release: DIRECTION must be entry or exit')
        self.fails(['explain', 'u17', 'gym.in', '--clock', 'set'], 'explain: --clock must be none, holdover or synced')
        self.fails(['who-can'], 'who-can: POINT is missing')
        for words, problem in ((['opn'], 'ACTION must be release, lock, unlock, hold, mode, auto or lockdown'),
                               (['unlock', 'on'], 'only mode and lockdown take a VALUE'),
                               (['lock', '--direction', 'exit'], 'only release takes --direction'),
                               (['auto', '--for', '2h'], 'only lock, unlock, hold and mode take --until or --for'),
                               (['hold', '--for', '2h', '--until', '2099-01-01'], 'takes either --until or --for'),
                               (['mode'], 'mode must be controlled, unlocked, locked_open, blocked or locked_down'),
                               (['lockdown', 'yes'], 'lockdown must be on or off')):
            self.fails(['door', 'gym', *words, '--reason', 'x'], 'door: ' + problem)
        self.fails(['door', 'gym', 'hold', '--for', '367d'], '--for must be how long: 90s, 30m, 2h, 3d, at most 366d')
        self.fails(['door', 'gym', 'hold', '--until', '2h'],
                   '--until must be a time to come: RFC 3339, a date 2026-11-22, or a time 14:30, the next one')
        self.fails(['explain', 'u17'], 'explain: needs either --last DOOR alone, or USER and POINT')

    def test_values_behind_two_dashes(self):
        self.ask([OK], 'user', 'find', '--', '--json')
        self.assertEqual(self.asked['args'], {'text': '--json'})

    def test_help_names_every_command_and_option(self):
        out = run('/none', 'help').stdout
        for command in ('status', 'sync', 'devices', 'doors', 'release', 'door', 'lockdown', 'events', 'events verify',
                        'user find', 'explain', 'who-can', 'where-can', 'version', 'watch', 'help'):
            self.assertIn(f'\n  {command}', out)
        done = run('/none', 'help', 'user', 'find')
        self.assertTrue(done.stdout.startswith('usage: stilectl user find WORDS\n'))
        self.assertEqual(run('/none', 'events', '--help').stdout, run('/none', 'help', 'events').stdout)

    def test_colours_on_a_terminal_only(self):
        for environment, expected in (({'TERM': 'xterm'}, True), ({'TERM': 'xterm', 'NO_COLOR': '1'}, False),
                                      ({'TERM': 'dumb'}, False)):
            daemon = Daemon(self.directory.name, [ALLOWED, OK])
            master, slave = os.openpty()
            subprocess.run([PROGRAM, '--socket', daemon.path, 'explain', '--last', 'gym'], stdout=slave, timeout=60,
                           env={'TZ': 'UTC', **environment}, check=True)
            daemon.close()
            out = os.read(master, 4096)
            os.close(slave)
            os.close(master)
            self.assertEqual(b'\033[32mGRANTED\033[0m' in out, expected)

    def test_manual_and_completion_know_the_rows(self):
        rooms = pathlib.Path(os.environ['STILE_BUILD']) / 'tools/stilectl'
        manual = (rooms / 'stilectl.1').read_text()
        self.assertNotIn('@', manual)
        self.assertIn('.SS release DOOR DIRECTION \\-\\-reason TEXT\n', manual)
        self.assertIn('.SS who-can POINT [\\-\\-at TIME] [\\-\\-limit N]\n', manual)
        script = f'''source {rooms}/stilectl.bash
            complete_at() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _stilectl; echo "${{COMPREPLY[*]}}"; }}
            complete_at stilectl re
            complete_at stilectl user f
            complete_at stilectl wh
            complete_at stilectl who-can --l
            complete_at stilectl events --f
            complete_at stilectl events v
            complete_at stilectl events verify --
            complete_at stilectl --json explain --l
            complete_at stilectl door gym unl
            complete_at stilectl door gym mode locked_
            complete_at stilectl door gym release --d
            complete_at stilectl lockdown o
            complete_at stilectl door gym lock --f
            complete_at stilectl lock unl
            complete_at stilectl lock pair --a'''
        done = subprocess.run(['bash', '-c', script], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, 'release\nfind\nwho-can where-can\n--limit\n--follow\nverify\n--json --socket --help\n--last\n'
                         'unlock unlocked\nlocked_open locked_down\n--direction\non off\n--for\nunlock unlatch\n--address-type\n')


if __name__ == '__main__':
    unittest.main()
