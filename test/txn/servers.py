"""The servers of a run, as their user's enemy sees them: to kill, freeze and start again. Made by test/txn/run."""
import os
import signal
import subprocess
import time
from pathlib import Path


class Server:
    def __init__(self, name, directory, binaries, host, port):
        self.name, self.host, self.port = name, host, port
        self.data = Path(directory) / name
        self.log = Path(directory) / (name + ".log")
        self.binaries, self.prefix = Path(binaries), []
        namespace = Path(directory) / (name + ".namespace")
        if namespace.exists():
            self.prefix = [str(Path(__file__).parent / "within"), str(namespace)]
        self.dsn = "host=%s port=%d dbname=postgres user=postgres keepalives_idle=3 keepalives_interval=1 keepalives_count=3"\
            " tcp_user_timeout=6000" % (host, port)

    def pg_ctl(self, *arguments):
        command = [str(self.binaries / "pg_ctl"), "-D", str(self.data), "-l", str(self.log), "-w", "-t", "180", *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--"] + command
        return subprocess.run(self.prefix + command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, cwd="/").returncode == 0

    def postmaster(self):
        """Its process id; None if there is no sign of it."""
        try:
            return int((self.data / "postmaster.pid").read_text().split("\n")[0])
        except (OSError, ValueError):
            return None

    def processes(self):
        """Ids of all processes: the postmaster first, then its children."""
        postmaster, children = self.postmaster(), []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == postmaster:
                    children.append(int(entry.name))
            except (OSError, IndexError):
                pass
        return [postmaster] + children

    def signal(self, processes, number):
        for process in processes:
            try:
                os.kill(process, number)
            except (OSError, TypeError):
                pass

    def kill(self):
        """kill -9 of the postmaster."""
        self.signal([self.postmaster()], signal.SIGKILL)

    def start(self, seconds=180):
        """True when it accepts connections. The children of a killed postmaster need a moment to notice."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.pg_ctl("start"):
                return True
            time.sleep(0.2)
        return False

    def freeze(self):
        """SIGSTOP of all processes; returns them."""
        frozen = set()
        while True:
            found = [process for process in self.processes() if process and process not in frozen]
            if not found:
                return frozen
            self.signal(found, signal.SIGSTOP)
            frozen.update(found)

    def thaw(self, frozen):
        self.signal(frozen, signal.SIGCONT)

    def stop(self):
        self.pg_ctl("-m", "immediate", "stop")
