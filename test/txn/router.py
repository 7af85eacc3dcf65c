"""What keeps servers from reaching each other, and a machine without power.

With network namespaces (see test/txn/network) packets are dropped by policy routing rules of the router's namespace, in
which this program runs. Without, proxies (proxy.py) are told by a file what not to pass on; they cannot take a machine away.
"""
import os
import signal
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).parent


def namespace_file(server):
    return server.data.parent / (server.name + ".namespace")


def cuts_file(server):
    return server.data.parent / "cuts"


def has_namespaces(servers):
    return all(namespace_file(server).exists() for server in servers)


def available(servers):
    """Can connections between them be cut?"""
    return len(servers) > 1 and (has_namespaces(servers) or cuts_file(servers[0]).exists())


class Cut:
    """From cut() until heal() nothing goes from the first to the second server of each pair; how: blackhole or prohibit."""

    def __init__(self, servers, pairs, how):
        self.servers, self.pairs, self.how = servers, pairs, how

    def rules(self, action):
        for source, target in self.pairs:
            subprocess.run(["ip", "rule", action, "from", source.host, "to", target.host, self.how], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def tell_proxies(self, pairs):
        number = {server: place + 1 for place, server in enumerate(self.servers)}
        cuts_file(self.servers[0]).write_text("".join(
            "%d %d %s\n" % (number[source], number[target], self.how) for source, target in pairs))

    def cut(self):
        if has_namespaces(self.servers):
            self.rules("add")
        else:
            self.tell_proxies(self.pairs)

    def heal(self):
        if has_namespaces(self.servers):
            self.rules("del")
        else:
            self.tell_proxies([])


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
