# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that is played by QEMU or Bochs: its serial console, its text screen, its end."""
import json
import os
import re
import select
import socket
import subprocess
import time

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[c=>]|\r")
TEXT_MEMORY, TEXT_BYTES, COLUMNS = 0xb8000, 0x8000, 80
SCREEN_SECONDS = 0.2


class Machine:
    """Started with a command; QEMU's gets the options for its console and its monitor."""
    running = set()

    def __init__(self, command, environment, log, is_qemu=True, watch_screen=False):
        self.monitor_path = log.with_suffix(".qmp")
        self.monitor_path.unlink(missing_ok=True)
        self.screen_path = log.with_suffix(".screen") if watch_screen else None
        self.screen_due = 0 if watch_screen else None
        self.screen_lines = set()
        self.log = open(log, "w")
        self.start = time.monotonic()
        self.reason = None
        self.monitor = None
        self.answer = None
        self.buffers = {}
        if is_qemu:
            command = [*command, "-serial", "stdio", "-monitor", "none",
                       "-qmp", f"unix:{self.monitor_path},server=on,wait=off"]
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if is_qemu:
            self.monitor = self.connect()
            self.tell("qmp_capabilities")

    def connect(self):
        for _ in range(100):
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self.monitor_path))
                return connection
            except OSError:
                connection.close()
                time.sleep(0.1)
                if self.process.poll() is not None:
                    break
        return None

    def __enter__(self):
        self.running.add(self)
        return self

    def __exit__(self, *_):
        self.running.discard(self)
        if self.process.poll() is None:
            self.process.kill()

    def tell(self, command, **arguments):
        if self.monitor:
            self.monitor.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")

    def ask(self, command, **arguments):
        """The monitor's answer."""
        self.answer = None
        self.monitor.sendall(json.dumps({"execute": command, "arguments": arguments, "id": "ask"}).encode() + b"\n")
        while self.answer is None:
            if not self.monitor:
                raise OSError(f"the machine ended before it answered {command}")
            list(self.read_monitor())
        if "error" in self.answer:
            raise OSError(f"{command}: {self.answer['error']['desc']}")
        return self.answer["return"]

    def read_memory(self, address, size):
        file = self.monitor_path.with_suffix(".memory")
        self.ask("pmemsave", val=address, size=size, filename=str(file))
        try:
            return file.read_bytes()
        finally:
            file.unlink()

    def page_table_roots(self):
        """The frames that the processors' CR3 name."""
        registers = self.ask("human-monitor-command", **{"command-line": "info registers -a"})
        return [int(cr3, 16) >> 12 for cr3 in re.findall(r"CR3=([0-9a-f]+)", registers)]

    def type(self, text):
        """Sends characters to the serial port."""
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def whole_lines(self, source, data):
        *whole, self.buffers[source] = (self.buffers.get(source, b"") + data).split(b"\n")
        return whole

    def lines(self, deadline):
        """Yields ("console", line), ("screen", line), and ("", "") now and then."""
        console = self.process.stdout.fileno()
        while time.monotonic() < deadline:
            self.look_at_screen()
            sources = [console] + ([self.monitor] if self.monitor else [])
            ready, _, _ = select.select(sources, [], [], SCREEN_SECONDS if self.screen_path else 1)
            if self.monitor in ready:
                yield from self.read_monitor()
            if console not in ready:
                yield "", ""
                continue
            data = os.read(console, 65536)
            if not data:
                break
            for raw in self.whole_lines("console", data):
                yield self.said("console", ESCAPES.sub("", raw.decode("utf-8", "replace")))
            self.log.flush()

    def said(self, source, line):
        self.log.write(f"{time.monotonic() - self.start:7.2f} {'screen: ' if source == 'screen' else ''}{line}\n")
        return source, line

    def look_at_screen(self):
        """Asks for the text screen's memory; the monitor's answer says when it is there."""
        if self.monitor and self.screen_due is not None and time.monotonic() >= self.screen_due:
            self.screen_due = None
            self.tell("pmemsave", val=TEXT_MEMORY, size=TEXT_BYTES, filename=str(self.screen_path))

    def read_screen(self):
        self.screen_due = time.monotonic() + SCREEN_SECONDS
        cells = self.screen_path.read_bytes()[::2].decode("cp437")
        for at in range(0, len(cells), COLUMNS):
            line = cells[at:at + COLUMNS].replace("\0", " ").rstrip()
            if line and line not in self.screen_lines:
                self.screen_lines.add(line)
                yield self.said("screen", line)

    def read_monitor(self):
        try:
            data = self.monitor.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.monitor.close()
            self.monitor = None
            return
        for raw in self.whole_lines("monitor", data):
            message = json.loads(raw)
            if message.get("event") == "SHUTDOWN":
                self.reason = message["data"]["reason"]
            elif message.get("id") == "ask":
                self.answer = message
            elif "return" in message and self.screen_path and self.screen_path.exists():
                yield from self.read_screen()

    def stop(self):
        """Ends the emulator; returns whether it had ended by itself."""
        alone = True
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            alone = False
            self.process.kill()
            self.process.wait()
        if self.monitor:
            # What is still in the socket; then it has an end, or nothing to read, and is closed.
            self.monitor.setblocking(False)
            while self.monitor:
                list(self.read_monitor())
        self.log.close()
        for path in self.monitor_path, self.screen_path:
            if path:
                path.unlink(missing_ok=True)
        return alone
