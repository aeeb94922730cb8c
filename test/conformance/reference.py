"""What ipykernel gives for notebooks: a JSON line of notebooks on stdin, a JSON line of the cells of each on stdout.

Runs where the packages of the tests' image are, with nbclient and ipykernel beside them.
"""

import asyncio
import base64
import contextlib
import json
import os
import re
import subprocess
import sys

from jupyter_client.utils import ensure_async
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

AT_ONCE = 2
DEBUGGER = re.compile(r"(ipdb> |\(Pdb\) )")


class Client(NotebookClient):
    """Gives late output to the cell it belongs to, where nbclient drops it, and answers prompts."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, allow_errors=True, timeout=90, **kwargs)
        self.owners, self.records, self.heard, self.sent = {}, {}, {}, []

    async def _async_poll_output_msg(self, parent_msg_id, cell, cell_index):
        self.owners[parent_msg_id] = (cell, cell_index)
        while True:
            msg = await ensure_async(self.kc.iopub_channel.get_msg(timeout=None))
            if self.hear(msg) and msg["parent_header"]["msg_id"] == parent_msg_id:
                return

    def hear(self, msg):
        """True at the end of a cell."""
        parent = msg["parent_header"].get("msg_id")
        if parent in self.heard:
            self.heard[parent].append(message(msg))
        owner = self.owners.get(parent)
        if owner is None:
            return False
        if msg["msg_type"].startswith("comm_"):
            self.records[owner[1]]["comms"].append(message(msg))
        try:
            self.process_message(msg, *owner)
        except CellExecutionComplete:
            return True
        return False

    async def settle(self, seconds):
        """Late output comes while nothing runs, too."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._settle(), seconds)

    async def _settle(self):
        while True:
            self.hear(await ensure_async(self.kc.iopub_channel.get_msg(timeout=None)))

    async def answer(self, script, prompts):
        answers = list(script.get("answers", ()))
        while True:
            content = (await ensure_async(self.kc.stdin_channel.get_msg(timeout=None)))["content"]
            prompts.append({"prompt": content["prompt"], "password": content["password"]})
            if not script.get("hang"):
                self.kc.input(answers.pop(0) if answers else "q" if DEBUGGER.match(content["prompt"]) else "")

    def send_together(self, cells, place):
        """Sends a cell and those that are queued behind it; nbclient then finds them sent."""
        group = [cells[place]]
        for cell in cells[place + 1 :]:
            if not cell["script"].get("queued"):
                break
            group.append(cell)
        stops = len(group) > 1
        self.sent = [
            self.send(cell["source"], stop_on_error=stops and not cell["script"].get("raises")) for cell in group
        ]

    async def send_comm(self, sent):
        """All that the kernel says until it has handled a host's message."""
        content = {"comm_id": sent["comm"], "data": sent.get("data", {})}
        if "target" in sent:
            content["target_name"] = sent["target"]
        msg = self.kc.session.msg(sent["type"], content, metadata=sent.get("metadata"))
        heard = self.heard[msg["header"]["msg_id"]] = []
        self.kc.session.send(
            self.kc.shell_channel.socket, msg, buffers=[base64.b64decode(one) for one in sent.get("buffers", ())]
        )
        while not any(one["content"].get("execution_state") == "idle" for one in heard):
            self.hear(await self.next(self.kc.iopub_channel))
        return heard

    async def ask(self, question):
        """The content of the reply."""
        request = self.kc.complete if question["kind"] == "complete" else self.kc.inspect
        msg_id = request(question["code"], question["at"])
        while True:
            reply = await self.next(self.kc.shell_channel)
            if reply["parent_header"].get("msg_id") == msg_id:
                return reply["content"]

    async def next(self, channel):
        return await ensure_async(channel.get_msg(timeout=60))


def message(msg):
    buffers = [base64.b64encode(one).decode("ascii") for one in msg["buffers"]]
    return {"msg_type": msg["msg_type"], "content": msg["content"], "metadata": msg["metadata"], "buffers": buffers}


async def run(notebook):
    nb = new_notebook(cells=[new_code_cell(cell["source"]) for cell in notebook["cells"]])
    folder = "/tmp/notebooks/" + notebook["name"]
    os.makedirs(folder)
    history = notebook.get("historySize")
    arguments = [] if history is None else ["--InteractiveShell.cache_size=%d" % history]
    client = Client(nb, resources={"metadata": {"path": folder}}, extra_arguments=arguments)
    replies = {}
    client.on_cell_executed = lambda cell, cell_index, execute_reply: replies.__setitem__(
        cell_index, execute_reply["content"]
    )
    async with client.async_setup_kernel(cwd=folder, stdin=subprocess.DEVNULL):
        client.kc.allow_stdin = True
        client.send, client.kc.execute = client.kc.execute, lambda *_, **__: client.sent.pop(0)
        for index, cell in enumerate(notebook["cells"]):
            if not client.sent:
                client.send_together(notebook["cells"], index)
            record = client.records[index] = {"prompts": [], "comms": [], "heard": [], "told": [], "kernel_died": False}
            answering = asyncio.ensure_future(client.answer(cell["script"], record["prompts"]))
            press = cell["script"].get("interruptAfter")
            pressing = asyncio.ensure_future(interrupt(client, press)) if press is not None else None
            try:
                await client.async_execute_cell(nb.cells[index], index)
            except DeadKernelError:
                record["kernel_died"] = True
                break
            finally:
                answering.cancel()
                if pressing:
                    pressing.cancel()
            if any(
                payload["source"] == "ask_exit" and not payload["keepkernel"]
                for payload in replies[index].get("payload", ())
            ):
                break
            record["heard"] = [await client.send_comm(one) for one in cell["script"].get("comm", ())]
            record["told"] = [await client.ask(one) for one in cell["questions"]]
            if not client.sent:  # what waits there is the next cell's
                await client.settle(cell["script"].get("settle", 0.01))
        await client.settle(notebook["settle"])
    return [saved(index, nb.cells[index], client.records[index], replies.get(index, {})) for index in client.records]


async def interrupt(client, seconds):
    await asyncio.sleep(seconds)
    await ensure_async(client.km.interrupt_kernel())


def saved(index, cell, record, reply):
    payload = [dict(one) for one in reply.get("payload", ())]
    return {
        "index": index,
        "outputs": cell.outputs,
        "execution_count": cell.execution_count,
        "payload": payload,
        **record,
    }


async def main():
    notebooks = json.loads(sys.stdin.readline())
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # kernels say there again what they captured
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(notebook):
        async with turn:
            try:
                answer = {"name": notebook["name"], "cells": await run(notebook)}
            except Exception as error:
                answer = {"name": notebook["name"], "error": repr(error)}
            print(json.dumps(answer), file=out, flush=True)

    await asyncio.gather(*(one(notebook) for notebook in notebooks))


asyncio.run(main())
