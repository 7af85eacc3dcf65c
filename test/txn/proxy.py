#!/usr/bin/env python3
"""What other servers connect to instead of a server, where there are no network namespaces: passes on until told not to.

    proxy.py LISTEN_PORT SERVER_PORT NUMBER FILE

NUMBER is the server's as a node; a connection's source is the node that its application_name tells. FILE has a line
"FROM TO HOW" for each direction in which nothing shall pass; HOW "prohibit" also refuses new connections. Clients of the
test do not come this way.
"""
import asyncio
import re
import sys
from pathlib import Path

SOURCE = re.compile(rb"application_name\0shardext (\d+)/")
PAUSE = 0.05
cuts = {}


async def watch(file):
    while True:
        try:
            lines = [line.split() for line in file.read_text().split("\n") if line]
        except OSError:
            lines = []
        cuts.clear()
        cuts.update({(int(source), int(target)): how for source, target, how in lines})
        await asyncio.sleep(PAUSE)


class Pair:
    """A connection from another node, and ours to the server."""

    def __init__(self, number):
        self.number, self.source = number, None

    async def passing(self, outward):
        while (self.source, self.number) in cuts and outward or (self.number, self.source) in cuts and not outward:
            await asyncio.sleep(PAUSE)

    async def copy(self, reader, writer, outward):
        try:
            while True:
                data = await reader.read(65536)
                if outward and self.source is None and SOURCE.search(data):
                    self.source = int(SOURCE.search(data).group(1))
                    if cuts.get((self.source, self.number)) == "prohibit":
                        break
                await self.passing(outward)
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()


async def main(listen, server, number, file):
    async def connected(reader, writer):
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", server)
        except OSError:
            writer.close()
            return
        pair = Pair(number)
        await asyncio.gather(pair.copy(reader, server_writer, True), pair.copy(server_reader, writer, False))

    await asyncio.start_server(connected, "127.0.0.1", listen)
    await watch(file)


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
