# SPDX-License-Identifier: GPL-3.0-or-later
"""A bad network between an MQTT client and its broker. It understands frames as far as it must: publications of QoS 1 come
twice, or later than what was sent after them, and connections are cut after any number of bytes, within frames too."""
import asyncio
import contextlib
import dataclasses
import random
import socket
import threading

PUBLISH, PUBACK = 3, 4
DUP = 0x08


@dataclasses.dataclass
class Weather:
    """What happens to the connections of a proxy from now on. Chances lie between 0 and 1."""
    cut_bytes: int = 0     # each connection is cut after at most so many bytes, both ways counted; 0: is not
    cuts: int = 0          # how many are
    duplicate: float = 0   # the chance of a publication to come twice
    hold: float = 0        # and to come later
    hold_s: float = 0.2    # by up to


CALM = Weather()


def frame_end(data):
    """Where the first frame of data ends, 0 if it is not all there (MQTT 5, 2.1.4)."""
    length = 0
    for at, byte in enumerate(data[1:5], 1):
        length |= (byte & 0x7f) << 7 * (at - 1)
        if byte < 0x80:
            end = at + 1 + length
            return end if end <= len(data) else 0
    return 0


def body(frame):
    """Where its variable header begins."""
    return next(at for at in range(1, 5) if frame[at] < 0x80) + 1


def packet_id(frame):
    """Of a publication of QoS 1 or an answer to one; None: it has none."""
    at = body(frame)
    if frame[0] >> 4 == PUBLISH:
        if frame[0] & 0x06 == 0:
            return None
        at += 2 + int.from_bytes(frame[at:at + 2], "big")
    return int.from_bytes(frame[at:at + 2], "big")


class Way:
    """One direction of a connection."""

    def __init__(self, connection, reader, writer):
        self.connection = connection
        self.reader = reader
        self.writer = writer
        self.back = None     # the other direction
        self.unasked = {}    # answers to second copies, by packet id: how many are to come

    async def run(self):
        data = bytearray()
        try:
            while received := await self.reader.read(65536):
                data += received
                while end := frame_end(data):
                    await self.take(bytes(data[:end]))
                    del data[:end]
        except OSError:
            pass
        self.connection.close()

    async def take(self, frame):
        kind = frame[0] >> 4
        if kind == PUBACK and self.back.unasked.get(packet_id(frame), 0) > 0:
            self.back.unasked[packet_id(frame)] -= 1  # who sent it once knows of one answer
        elif kind == PUBLISH and packet_id(frame):
            await self.publication(frame)
        else:
            await self.write(frame)

    async def publication(self, frame):
        weather, chance = self.connection.proxy.weather, self.connection.proxy.random
        copies = [frame]
        if chance.random() < weather.duplicate:
            copies.append(bytes([frame[0] | DUP]) + frame[1:])
            number = packet_id(frame)
            self.unasked[number] = self.unasked.get(number, 0) + 1
        for copy in copies:
            if chance.random() < weather.hold:
                self.connection.later(self, copy, chance.uniform(0, weather.hold_s))
            else:
                await self.write(copy)

    async def write(self, frame):
        allowed = self.connection.allowance(len(frame))
        self.writer.write(frame[:allowed])
        if allowed < len(frame):
            self.connection.close()
        else:
            await self.writer.drain()


class Connection:
    def __init__(self, proxy, client, broker):
        self.proxy = proxy
        self.weather = None
        self.bytes_left = None
        self.tasks = set()
        self.writers = [client[1], broker[1]]
        up, down = Way(self, client[0], broker[1]), Way(self, broker[0], client[1])
        up.back, down.back = down, up
        self.ways = [up, down]

    def allowance(self, length):
        """How many bytes of so many pass before the cut."""
        weather = self.proxy.weather
        if weather is not self.weather:
            self.weather = weather
            self.bytes_left = None
            if weather.cuts > 0:
                weather.cuts -= 1
                self.bytes_left = self.proxy.random.randrange(weather.cut_bytes)
        if self.bytes_left is None:
            return length
        passed = min(length, self.bytes_left)
        self.bytes_left -= passed
        return passed

    def later(self, way, frame, after_s):
        async def wait():
            await asyncio.sleep(after_s)
            with contextlib.suppress(OSError):
                await way.write(frame)

        task = asyncio.get_running_loop().create_task(wait())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def close(self):
        for writer in self.writers:
            writer.transport.abort()


class Network:
    """The thread in which all proxies live. They end with it."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.call(self.end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    @staticmethod
    async def end():
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def call(self, what):
        return asyncio.run_coroutine_threadsafe(what, self.loop).result()

    def proxy(self, name, to, seed):
        return Proxy(self, name, to, seed)


class Proxy:
    """Listens on a port of its own and connects to another. weather may be set at any time."""

    def __init__(self, network, name, to, seed):
        self.name = name
        self.to = to
        self.random = random.Random(seed)
        self.weather = CALM
        self.connections = set()
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.network = network
        network.call(asyncio.start_server(self.accept, sock=listener))

    async def accept(self, *client):
        try:
            broker = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            client[1].transport.abort()
            return
        connection = Connection(self, client, broker)
        self.connections.add(connection)
        try:
            await asyncio.gather(*(way.run() for way in connection.ways))
        finally:
            connection.close()
            self.connections.discard(connection)

    def cut(self):
        """Every connection that there is, now."""
        async def cut_all():
            for connection in list(self.connections):
                connection.close()

        self.network.call(cut_all())
