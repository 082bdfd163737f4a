# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's python3-pymodbus as a slave: its own server, and data that tell what is written to them.

    pymodbus_slave.py rtu PORT UNIT ...
    pymodbus_slave.py tcp PORT UNIT ...

A line for each write, as modbus_slave.c has them."""
import logging
import sys
import time

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartSerialServer, StartTcpServer
from pymodbus.transaction import ModbusRtuFramer

REGISTERS = 64
IDENTITY = 10  # a register that has the unit's number on a serial line, 0 on TCP


class Told(ModbusSequentialDataBlock):
    def __init__(self, unit, identity, function):
        super().__init__(0, [0] * REGISTERS)
        self.values[IDENTITY] = identity
        self.unit = unit
        self.function = function

    def setValues(self, address, values):
        value = values[0] if self.function == 6 else 0xff00 * values[0]
        print(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000, self.unit, self.function, address, int(value), flush=True)
        super().setValues(address, values)


def blank():
    return ModbusSequentialDataBlock(0, [0] * REGISTERS)


def slaves(units, identities):
    return ModbusServerContext({
        unit: ModbusSlaveContext(co=Told(unit, 0, 5), hr=Told(unit, identity, 6), di=blank(), ir=blank(), zero_mode=True)
        for unit, identity in zip(units, identities)}, single=False)


def main(kind, port, *words):
    units = tuple(map(int, words))
    logging.disable()  # of connections that end, which is what the test is about
    print("ready", flush=True)
    if kind == "rtu":
        StartSerialServer(context=slaves(units, units), framer=ModbusRtuFramer, port=port, baudrate=115200,
                          timeout=0.005)
    else:
        StartTcpServer(context=slaves(units, len(units) * (0,)), address=("127.0.0.1", int(port)))


main(*sys.argv[1:])
