"""A history: what clients asked for and what they were told, one JSON object a line.

Every object has w (workload), op, type and, unless it is about the end of the run, client, node, t0 and t1 (seconds, one
clock for all). type is "ok" (acknowledged), "fail" (refused: it has not happened) or "unknown" (the connection was lost
while it was being committed: it has happened or it has not). The other fields are the workload's.
"""
import json
import threading


class History:
    """Writes a history; used by many threads."""

    def __init__(self, path):
        self.file = open(path, "w")
        self.lock = threading.Lock()

    def add(self, **entry):
        line = json.dumps(entry, separators=(",", ":"))
        with self.lock:
            self.file.write(line + "\n")

    def close(self):
        with self.lock:
            self.file.close()


def read_history(path):
    with open(path) as file:
        return [json.loads(line) for line in file]
