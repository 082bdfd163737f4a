#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The story that tools/demo tells: a coworking floor whose gym has a turnstile, a gateway, and a cloud that goes away.

Every part is the one that is installed in a building, except the reader's chip, the turnstile and the people.
"""
import datetime
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('STILE_BUILD', ROOT / 'build'))
SITE = ROOT / 'config' / 'examples' / 'coworking'

# Nothing in the story takes longer, unless it does not happen.
LIMIT_S = 30

ADA, BEN, CLEO, DAN = '04A1B2C3D4E5F6', '0412AB34', '04C1D2E3F4A5B6', '04D1E2F3A4B5C6'


class Stop(Exception):
    """Something did not happen."""


class Process:
    """A program whose lines are kept, so that the story can wait for one of them."""

    def __init__(self, name, argv, log):
        self.name = name
        self.lines = queue.Queue()
        self.process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=log, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip('\n'))
        self.lines.put(None)

    def wait_for(self, words):
        """The next line with these words."""
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise Stop(f'{self.name} did not say "{words}" within {LIMIT_S} s') from None
            if line is None:
                raise Stop(f'{self.name} ended before it said "{words}"')
            if words in line:
                return line

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


class Events:
    """What the gateway recorded, as it happens, through stilectl."""

    def __init__(self, demo):
        self.process = Process('stilectl events', [*demo.stilectl, '--json', 'events', '--follow'], demo.log)
        self.seen = []

    def wait_for(self, **members):
        while True:
            event = json.loads(self.process.wait_for('"kind"'))
            self.seen.append(event)
            if members.items() <= event.items():
                return event


class Demo:
    def __init__(self, directory):
        self.dir = directory
        self.log = open(directory / 'log', 'w')
        self.running = []
        self.stilectl = [BUILD / 'tools/stilectl/stilectl', '--socket', directory / 'control.sock']
        self.cloud = [BUILD / 'tools/stile-cloud/stile-cloud', '--directory', directory / 'cloud']

    def start(self, name, *argv):
        process = Process(name, argv, self.log)
        self.running.append(process)
        return process

    def command(self, *argv):
        run = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=LIMIT_S)
        if run.returncode:
            raise Stop(f'{pathlib.Path(argv[0]).name} {" ".join(map(str, argv[1:]))}: {run.stdout}{run.stderr}')
        return run.stdout

    def reader(self, *words):
        return self.command(BUILD / 'tools/sim/sim-pn532', 'ctl', self.dir / 'reader.ctl', *words)

    def turnstile(self, *words):
        return self.command(BUILD / 'tools/sim/sim-collector', 'ctl', self.dir / 'turnstile.ctl', *words)

    # --- setting up ---

    def start_broker(self):
        config = self.dir / 'mosquitto.conf'
        config.write_text(f'listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n')
        program = shutil.which('mosquitto', path=os.environ.get('PATH', '') + ':/usr/sbin')
        self.broker = self.start('mosquitto', program, '-c', config)
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                socket.create_connection(('127.0.0.1', self.port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > end or self.broker.process.poll() is not None:
                    raise Stop('mosquitto does not listen') from None
                time.sleep(0.01)

    def start_simulators(self):
        self.nfc = self.start('sim-pn532', BUILD / 'tools/sim/sim-pn532', '--port', self.dir / 'reader',
                              '--control', self.dir / 'reader.ctl', '--timing')
        self.nfc.wait_for('ready')
        self.collector = self.start('sim-collector', BUILD / 'tools/sim/sim-collector', '--tcp', '0',
                                    '--auto', 'pass:800', '--control', self.dir / 'turnstile.ctl')
        self.collector_port = int(self.collector.wait_for('').split()[-1])

    def start_cloud(self):
        """The site's policy, and the two devices as they stand here."""
        self.command(*self.cloud, 'init', 'hub')
        self.command(*self.cloud, 'import', SITE / 'site.jsonl', SITE / 'people.csv')
        self.command(*self.cloud, 'put', 'device', json.dumps({
            'id': 'reader', 'driver': 'nfc', 'connection': f'pn532_uart:{self.dir}/reader', 'points': ['gym.nfc']}))
        self.command(*self.cloud, 'put', 'device', json.dumps({
            'id': 'turnstile', 'driver': 'modbus', 'profile': 'sim-collector',
            'connection': {'tcp': f'127.0.0.1:{self.collector_port}'},
            'points': ['gym.slot.in', 'gym.slot.out'], 'targets': ['gym']}))
        day = ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')[(datetime.date.today().weekday() + 3) % 7]
        self.command(*self.cloud, 'put', 'schedule', json.dumps({
            'id': 'weekend', 'name': 'Weekends', 'windows': [{'days': [day], 'from': '08:00', 'to': '22:00'}]}))
        self.serving = self.start('stile-cloud', *self.cloud, 'serve', '--broker', f'127.0.0.1:{self.port}')
        self.serving.wait_for('serving hub')

    def start_gateway(self):
        drivers = self.dir / 'drivers'
        drivers.mkdir()
        for path in ('hal/nfc/stile-nfc', 'hal/modbus/stile-modbus', 'hal/sim/stile-sim', 'gateway/link/stile-link'):
            (drivers / pathlib.Path(path).name).symlink_to(BUILD / path)
        (self.dir / 'state').mkdir()
        config = self.dir / 'gateway.json'
        config.write_text(json.dumps({
            'site': 'hub', 'gateway': 'gw1', 'clock': 'vouched', 'broker': {'host': '127.0.0.1', 'port': self.port},
            'state_directory': 'state', 'control_socket': 'control.sock', 'driver_directory': 'drivers',
            'profile_directory': str(ROOT / 'config' / 'profiles')}, indent=2))
        self.gateway = self.start('stiled', BUILD / 'gateway/stiled', '--config', config)

    def wait_for_gateway(self):
        end = time.monotonic() + LIMIT_S
        while not (self.dir / 'control.sock').exists():
            if time.monotonic() > end or self.gateway.process.poll() is not None:
                raise Stop('stiled does not come up')
            time.sleep(0.01)
        self.events = Events(self)
        self.events.wait_for(kind='device_up', device='reader')
        self.wait_for_device('turnstile')

    def wait_for_device(self, device):
        if not any(event['kind'] == 'device_up' and event['device'] == device for event in self.events.seen):
            self.events.wait_for(kind='device_up', device=device)

    # --- the story ---

    def entry(self, who, tap):
        """Somebody taps and goes through. Returns how long each stage took, in ms."""
        at = tap()
        granted = self.events.wait_for(kind='granted', user=who)
        coil = int(self.collector.wait_for('coil').split()[0])
        passage = self.events.wait_for(kind='passage', user=who)
        return [(b - a) / 1000 for a, b in ((at, granted['at']), (granted['at'], coil), (coil, passage['at']))]

    def tap_card(self, card, kind='ntag'):
        self.reader('tap', kind, card, '300')
        return int(self.nfc.wait_for(f'lay {kind}').split()[0])

    def present_at_slot(self, card):
        self.turnstile('present', 'in', card)
        return int(self.collector.wait_for('presented').split()[0])

    def refusal(self, who, card):
        at = self.tap_card(card)
        denied = self.events.wait_for(kind='denied', user=who)
        return denied, (denied['at'] - at) / 1000

    def explain(self):
        return self.command(*self.stilectl, 'explain', '--last', 'gym')

    def cloud_events(self):
        lines = self.command(*self.cloud, 'events').splitlines()
        return [json.loads(line.split(' ', 1)[1]) for line in lines]

    def cut_off(self):
        self.broker.stop(signal.SIGKILL)
        self.running.remove(self.broker)

    def wait_until_cloud_has(self, seq):
        while True:
            line = self.serving.wait_for('are stored')
            if int(line.split()[4]) >= seq:
                return


def indent(text):
    return ''.join(f'        {line}\n' for line in text.rstrip().splitlines())


class Story:
    def __init__(self):
        self.step_number = 0
        self.started = time.monotonic()

    def step(self, text):
        self.step_number += 1
        print(f'{self.step_number:3}. [{time.monotonic() - self.started:5.1f} s] {text}', flush=True)

    def stages(self, names, values):
        print('        ' + ' · '.join(f'{name} {value:.1f} ms' for name, value in zip(names, values)), flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def play(demo, story):
    demo.port = free_port()
    demo.start_broker()
    demo.start_simulators()
    demo.start_cloud()
    story.step('A cloud with the site "hub" (four people, a gym turnstile) serves on a broker of its own.')
    demo.start_gateway()
    demo.wait_for_gateway()
    story.step('The gateway fetched its policy and started its drivers: the NFC reader and the turnstile are up.')

    names = ('card laid on → decided', 'decided → coil written', 'coil written → passed')
    story.step('Ada taps her card on the reader, and walks through.')
    story.stages(names, demo.entry('ada', lambda: demo.tap_card(ADA)))
    story.step('Ben holds his card at the turnstile\'s own slot, and walks through.')
    story.stages(names, demo.entry('ben', lambda: demo.present_at_slot(BEN)))

    denied, ms = demo.refusal('cleo', CLEO)
    story.step(f'Cleo taps: refused after {ms:.1f} ms with {denied["reason"]}. The desk asks the gateway why:')
    print(indent(demo.explain()), end='')
    if denied['reason'] != 'USER_EXPIRED':
        raise Stop('Cleo was to be refused because her membership is over')
    denied, ms = demo.refusal('dan', DAN)
    story.step(f'Dan taps: refused after {ms:.1f} ms with {denied["reason"]}.')
    print(indent(demo.explain()), end='')
    if denied['reason'] != 'OUTSIDE_SCHEDULE':
        raise Stop('Dan was to be refused because it is not his day')

    before = demo.cloud_events()
    demo.cut_off()
    story.step('The broker is killed. Nobody at the turnstile notices:')
    story.stages(names, demo.entry('ada', lambda: demo.tap_card(ADA)))
    story.stages(names, demo.entry('ben', lambda: demo.present_at_slot(BEN)))
    denied, ms = demo.refusal('cleo', CLEO)
    story.step(f'Cleo tries again, and is refused after {ms:.1f} ms, offline, by the same rules.')
    last = denied['seq']
    demo.start_broker()
    demo.wait_until_cloud_has(last)
    arrived = demo.cloud_events()
    story.step(f'The broker is back, and so are the events: the cloud had {len(before)}, it has {len(arrived)}.')
    if [event['seq'] for event in arrived] != list(range(1, len(arrived) + 1)):
        raise Stop('the cloud\'s events are not 1, 2, 3, …')
    recorded = {event['seq']: event for event in demo.events.seen}
    if any(recorded.get(event['seq'], event) != event for event in arrived) or len(arrived) < last:
        raise Stop('the cloud\'s events are not those of the gateway')
    story.step('Every event arrived, once, in order, as it was recorded.')


def tell_how_to_go_on(demo):
    ctl = ' '.join(map(str, demo.stilectl))
    print(f'''
It goes on running. In another terminal:

  tap a card      {BUILD}/tools/sim/sim-pn532 ctl {demo.dir}/reader.ctl tap ntag {ADA}
  turnstile slot  {BUILD}/tools/sim/sim-collector ctl {demo.dir}/turnstile.ctl present in {BEN}
  events          {ctl} events --follow
  why not         {ctl} explain --last gym
  doors           {ctl} doors
  the cloud       {' '.join(map(str, demo.cloud))} events
  topics          mosquitto_sub -p {demo.port} -v -t 'stile/1/#'
  nfc-list        needs the reader for itself: stop the demo first, then start sim-pn532 by hand

Ctrl-C ends it.''', flush=True)


def main():
    directory = pathlib.Path(tempfile.mkdtemp(prefix='stile-demo-'))
    demo = Demo(directory)
    status = 0
    try:
        play(demo, Story())
        if '--keep' in sys.argv:
            tell_how_to_go_on(demo)
            signal.pause()
    except KeyboardInterrupt:
        print()
    except Stop as stop:
        demo.log.flush()
        print(f'\nIt did not work: {stop}\n\n{(directory / "log").read_text()[-4000:]}', file=sys.stderr)
        status = 1
    finally:
        for process in reversed(demo.running):
            process.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return status


sys.exit(main())
