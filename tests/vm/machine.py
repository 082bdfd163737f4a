#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command in a virtual machine, as root, under Debian's kernel with Bluetooth in it, whatever kernel this machine has.

    tests/vm/machine.py [--limit SECONDS] COMMAND [WORD ...]

The machine's root is this one's, read only, with a memory above it that takes what is written: programs, their libraries and
the build directory are where they are here, and nothing that the command does stays. Its environment variables that begin as
those of KEPT are taken along. Output is passed on as it comes; the exit status is the command's. Emulated by qemu in software, so that it
runs everywhere alike. tools/dev/prepare fetches what it takes.
"""
import argparse
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PARTS = HERE.parent.parent / 'build-vm'
LIMIT_S = 300
KEPT = ('STILE_', 'PYTHON', 'ASAN_', 'UBSAN_', 'PATH', 'LANG')
MACHINES = {
    'amd64': ['qemu-system-x86_64', '-M', 'pc', '-cpu', 'max', '-append', 'console=ttyS0'],
    'arm64': ['qemu-system-aarch64', '-M', 'virt', '-cpu', 'cortex-a72', '-append', 'console=ttyAMA0'],
    'armhf': ['qemu-system-arm', '-M', 'virt,highmem=off', '-cpu', 'cortex-a15', '-append', 'console=ttyAMA0'],
}
KERNEL_OPTIONS = ' quiet panic=-1 rdinit=/init'


def script(command):
    """What the first process runs: the command as it would run here."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    kept.update(PYTHONDONTWRITEBYTECODE='1', HOME='/root')
    lines = [f'export {name}={shlex.quote(value)}' for name, value in kept.items()]
    return '\n'.join([*lines, f'cd {shlex.quote(os.getcwd())}', f'exec {shlex.join(command)}', ''])


def make_initramfs(directory, command):
    """What is fetched, and behind it an archive of what is ours."""
    ours = directory / 'ours'
    ours.mkdir()
    shutil.copy(HERE / 'init', ours / 'init')
    (ours / 'init').chmod(0o755)
    (ours / 'command').write_text(script(command))
    archive = subprocess.run([PARTS / 'busybox', 'cpio', '-o', '-H', 'newc'], cwd=ours, input=b'init\ncommand\n', capture_output=True,
                             check=True)
    path = directory / 'initramfs'
    path.write_bytes((PARTS / 'initramfs').read_bytes() + archive.stdout)
    return path


def qemu(directory, initramfs):
    """Its words. Kernel and first process write to the file `console`, the command to standard output, its status to `status`."""
    architecture = subprocess.run(['dpkg', '--print-architecture'], capture_output=True, check=True, text=True).stdout.strip()
    *machine, options = MACHINES[architecture]
    return [*machine, options + KERNEL_OPTIONS, '-accel', 'tcg', '-smp', '2', '-m', '512',
            '-kernel', PARTS / 'vmlinuz', '-initrd', initramfs,
            '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', f'file:{directory / "console"}',
            '-virtfs', 'local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap',
            '-device', 'virtio-serial',
            '-chardev', 'stdio,id=output,signal=off', '-device', 'virtserialport,chardev=output,nr=1',
            '-chardev', f'file,id=status,path={directory / "status"}', '-device', 'virtserialport,chardev=status,nr=2']


def emulate(words, limit_s):
    """Returns what went wrong, if anything."""
    # Its input stays open: at an end of it the port would be closed.
    with subprocess.Popen(words, stdin=subprocess.PIPE) as machine:
        try:
            machine.wait(limit_s)
        except subprocess.TimeoutExpired:
            return f'was not through in {limit_s:g} s'
        finally:
            machine.kill()
    return 'said no exit status'


def run(command, limit_s):
    """The command's exit status; fails with the console's words if there is none."""
    with tempfile.TemporaryDirectory(prefix='machine-') as name:
        directory = pathlib.Path(name)
        console, status = directory / 'console', directory / 'status'
        console.touch()
        status.touch()
        failure = emulate(qemu(directory, make_initramfs(directory, command)), limit_s)
        if status.read_text():
            return int(status.read_text())
        sys.stderr.write(console.read_text(errors='replace'))
        raise SystemExit(f'the virtual machine {failure}')


def main():
    parser = argparse.ArgumentParser(usage='machine.py [--limit SECONDS] COMMAND [WORD ...]')
    parser.add_argument('--limit', type=float, default=LIMIT_S)
    parser.add_argument('command', nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if not options.command:
        parser.error('which command?')
    if not (PARTS / 'initramfs').exists():
        raise SystemExit('there is no kernel yet: tools/dev/prepare vm')
    return run(options.command, options.limit)


sys.exit(main())
