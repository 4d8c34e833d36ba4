# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two TCP connections that shall outlive every handover, one process at each end.

  transfer     bytes both ways at a fixed rate; what is sent is a function of the position, SHA-256 at both ends
  interactive  as in a terminal: one octet every 100 ms, echoed by the other end; the log has every round trip

`client` (the MN, bound to its home address) connects to `server` (the correspondent). SIGTERM to the client ends both:
each side finishes sending, reads the other's end and writes its figures as JSON to its report file.
"""
import argparse
import asyncio
import hashlib
import json
import pathlib
import signal
import socket
import sys
import time

TRANSFER_PORT, INTERACTIVE_PORT = 7010, 7011
BLOCK = 4096
KEYSTROKE = 0.1       # seconds
FINISH = 30.0         # patience for the other end's last octets


def block(direction, number):
    """Octets of block @number of @direction; every block differs, and a shifted or repeated one is noticed."""
    seed = hashlib.sha256(f"{direction} {number}".encode()).digest()
    return seed * (BLOCK // len(seed))


class Transfer:
    """One end of the transfer; @sends and @receives are the names of the two directions."""

    def __init__(self, sends, receives, rate):
        self.sends, self.receives, self.rate = sends, receives, rate
        self.sent, self.received = hashlib.sha256(), hashlib.sha256()
        self.sent_octets = self.received_octets = 0
        self.longest_silence = 0.0
        self.error = None

    async def send(self, writer, finish):
        number, begin = 0, time.monotonic()
        while not finish.is_set():
            data = block(self.sends, number)
            self.sent.update(data)
            writer.write(data)
            await writer.drain()
            number += 1
            self.sent_octets += BLOCK
            ahead = begin + self.sent_octets / self.rate - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            elif ahead < -1:
                begin -= ahead + 1  # after a stall catch up one second's worth, not all of it at once
        writer.write_eof()

    async def receive(self, reader):
        last, waiting, number = time.monotonic(), b"", 0
        while data := await reader.read(1 << 16):
            now = time.monotonic()
            self.longest_silence, last = max(self.longest_silence, now - last), now
            self.received.update(data)
            self.received_octets += len(data)
            waiting += data
            while len(waiting) >= BLOCK:
                if waiting[:BLOCK] != block(self.receives, number):
                    self.error = self.error or f"wrong octets in block {number}"
                waiting, number = waiting[BLOCK:], number + 1

    async def run(self, reader, writer, finish):
        sender = asyncio.create_task(self.send(writer, finish))
        try:
            await self.receive(reader)
            finish.set()  # the other end has finished: so do we
            await asyncio.wait_for(sender, FINISH)
        except (OSError, asyncio.TimeoutError) as error:
            self.error = self.error or f"transfer broken: {error or 'timeout'}"
            finish.set()
            sender.cancel()

    def figures(self):
        return {"sent": self.sent_octets, "sent_sha256": self.sent.hexdigest(), "received": self.received_octets,
                "received_sha256": self.received.hexdigest(), "longest_silence_s": round(self.longest_silence, 3),
                "error": self.error}


class Interactive:
    """The typing end."""

    def __init__(self):
        self.round_trips, self.typed, self.error = [], [], None

    async def type(self, writer, finish):
        while not finish.is_set():
            self.typed.append(time.time())
            writer.write(bytes([len(self.typed) & 0xFF]))
            await writer.drain()
            await asyncio.sleep(KEYSTROKE)
        writer.write_eof()

    async def run(self, reader, writer, finish):
        typist = asyncio.create_task(self.type(writer, finish))
        try:
            while data := await reader.read(256):
                for octet in data:
                    number = len(self.round_trips)
                    if octet != (number + 1) & 0xFF:
                        self.error = self.error or f"wrong echo at keystroke {number}"
                    self.round_trips.append(time.time() - self.typed[number])
            await typist
        except (OSError, IndexError) as error:
            self.error = self.error or f"interactive stream broken: {error}"
            finish.set()
            typist.cancel()

    def figures(self):
        ordered = sorted(self.round_trips)
        return {"typed": len(self.typed), "echoed": len(ordered), "error": self.error,
                "median_ms": round(ordered[len(ordered) // 2] * 1000, 2) if ordered else None,
                "worst_ms": round(ordered[-1] * 1000, 2) if ordered else None}


async def echo(reader, writer):
    try:
        while data := await reader.read(256):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError as error:
        print(f"stream: echo broken: {error}", file=sys.stderr)
    finally:
        writer.close()


async def serve(arguments):
    transfer, finish, done = Transfer("down", "up", arguments.rate), asyncio.Event(), asyncio.Event()

    async def accept(reader, writer):
        await transfer.run(reader, writer, finish)
        writer.close()
        arguments.report.write_text(json.dumps({"transfer": transfer.figures()}))
        done.set()
    servers = [await asyncio.start_server(accept, arguments.address, TRANSFER_PORT),
               await asyncio.start_server(echo, arguments.address, INTERACTIVE_PORT)]
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    await done.wait()
    await asyncio.sleep(0.2)
    for server in servers:
        server.close()


async def connect(address, local, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.bind((local, 0))
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (address, port))
    return await asyncio.open_connection(sock=sock)


async def call(arguments):
    transfer, interactive, finish = Transfer("up", "down", arguments.rate), Interactive(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, finish.set)
    bulk = await connect(arguments.address, arguments.local, TRANSFER_PORT)
    terminal = await connect(arguments.address, arguments.local, INTERACTIVE_PORT)
    print("ready", flush=True)
    await asyncio.gather(transfer.run(*bulk, finish), interactive.run(*terminal, finish))
    arguments.report.write_text(json.dumps({"transfer": transfer.figures(), "interactive": interactive.figures()}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=("server", "client"))
    parser.add_argument("address", help="of the server")
    parser.add_argument("report", type=pathlib.Path, help="file for the figures")
    parser.add_argument("--local", default="0.0.0.0", help="client: own address")
    parser.add_argument("--rate", type=int, default=1_000_000, help="octets a second and direction")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments) if arguments.role == "server" else call(arguments))


if __name__ == "__main__":
    main()
