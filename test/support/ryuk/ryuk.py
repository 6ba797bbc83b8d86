"""A reaper that testcontainers can talk to, through the socket that it mounts into this container.

Clients connect to port 8080 and name what is to go, a line of filters each (`label=KEY=VALUE&...`), answered with ACK. When
none has been connected for a while, everything that some line matches is removed, and this program ends.
"""

import asyncio
import http.client
import json
import os
import socket
import urllib.parse

SOCKET = "/var/run/docker.sock"
OWN_LABEL = "org.testcontainers.ryuk"


class Docker(http.client.HTTPConnection):
    """A connection to the API."""

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(SOCKET)


def ask(method, path, **query):
    connection = Docker("docker")
    connection.request(method, path + "?" + urllib.parse.urlencode(query))
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status >= 300:
        print(method, path, answer.status, text.decode(), flush=True)
    return json.loads(text) if text and answer.status < 300 else None


def reap(filters):
    """Removes what has the labels, but this container."""
    chosen = json.dumps(filters)
    for container in ask("GET", "/containers/json", all=1, filters=chosen) or []:
        if OWN_LABEL not in container["Labels"]:
            ask("DELETE", "/containers/" + container["Id"], force=1, v=1)
    for network in ask("GET", "/networks", filters=chosen) or []:
        ask("DELETE", "/networks/" + network["Id"])
    for volume in (ask("GET", "/volumes", filters=chosen) or {}).get("Volumes") or []:
        ask("DELETE", "/volumes/" + volume["Name"])
    for image in ask("GET", "/images/json", filters=chosen) or []:
        ask("DELETE", "/images/" + image["Id"], force=1)


def seconds(text):
    return float(text.removesuffix("s"))


class Ryuk:
    def __init__(self):
        self.lines = set()
        self.clients = 0
        self.moved = asyncio.Event()

    async def serve(self, reader, writer):
        self.clients += 1
        self.moved.set()
        while line := (await reader.readline()).decode().strip():
            self.lines.add(line)
            writer.write(b"ACK\n")
            await writer.drain()
        writer.close()
        self.clients -= 1
        self.moved.set()

    async def abandoned(self):
        """Returns when no client has come back in time."""
        first, again = (seconds(os.environ.get(name, default)) for name, default in TIMEOUTS)
        patience = first
        while True:
            self.moved.clear()
            try:
                await asyncio.wait_for(self.moved.wait(), patience if self.clients == 0 else None)
            except asyncio.TimeoutError:
                return
            patience = again


TIMEOUTS = (("RYUK_CONNECTION_TIMEOUT", "60s"), ("RYUK_RECONNECTION_TIMEOUT", "10s"))


async def main():
    ryuk = Ryuk()
    server = await asyncio.start_server(ryuk.serve, "0.0.0.0", 8080)
    print("Started", flush=True)
    await ryuk.abandoned()
    server.close()
    for line in ryuk.lines:
        pairs = urllib.parse.parse_qsl(line)
        reap({name: [value for other, value in pairs if other == name] for name, _ in pairs})
    print("Removed", flush=True)


asyncio.run(main())
