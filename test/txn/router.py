"""The router between servers in network namespaces (see test/txn/network): what it drops, and a machine without power.

Packets are dropped by policy routing rules of the router's namespace, in which this program runs.
"""
import os
import signal
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).parent


def namespace_file(server):
    return server.data.parent / (server.name + ".namespace")


def available(servers):
    return len(servers) > 1 and all(namespace_file(server).exists() for server in servers)


def rule(action, source, target, how):
    subprocess.run(["ip", "rule", action, "from", source.host, "to", target.host, how], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Cut:
    """From cut() until heal() nothing goes from the first to the second server of each pair."""

    def __init__(self, pairs, how):
        self.pairs, self.how = pairs, how

    def cut(self):
        for source, target in self.pairs:
            rule("add", source, target, self.how)

    def heal(self):
        for source, target in self.pairs:
            rule("del", source, target, self.how)


def both_ways(one, others):
    return [pair for other in others for pair in ((one, other), (other, one))]


def power_off(server):
    """The machine is gone with its connections: nobody is told."""
    namespace = namespace_file(server)
    for process in [int(namespace.read_text())] + server.processes():
        try:
            os.kill(process, signal.SIGSTOP)    # no process may send a last word
        except (OSError, TypeError):
            pass
    subprocess.run(["ip", "link", "delete", "node" + server.host.split(".")[2]], check=True)
    server.signal([int(namespace.read_text())] + server.processes(), signal.SIGKILL)


def power_on(server):
    subprocess.run([str(HERE / "network"), str(namespace_file(server)), server.host.split(".")[2]], check=True)
    time.sleep(0.1)
    return server.start()
