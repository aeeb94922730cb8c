"""The comms of a kernel, also for the ``comm`` package, through which widgets and other libraries open them.

Names and behavior are those of that package. An image need not contain it when the kernel starts: ``%pip`` may install
it later.
"""

import base64
import importlib.abc
import logging
import sys
import uuid

from .. import wire
from .channel import MessageTooLong

#: The logger of the ``comm`` package: without a handler of the user it writes to stderr.
log = logging.getLogger("Comm")


def encoded(buffers) -> list[str]:
    """Returns bytes-like objects in base64, as a message holds them.

    Raises as Jupyter does: TypeError for other objects, and ValueError for buffers with gaps. Raises MessageTooLong
    before it copies buffers that are too long to be sent, for which there may be no room.
    """
    views = [memoryview(one) for one in buffers or ()]
    size = sum(view.nbytes for view in views)
    if size > wire.MAX_COMM_BYTES:
        raise MessageTooLong(size)
    for index, view in enumerate(views):
        if not view.contiguous:
            raise ValueError("Buffer %d (%r) is not contiguous" % (index, view))
    return [base64.b64encode(view if view.c_contiguous else view.tobytes("A")).decode("ascii") for view in views]


class Comm:
    """One end of a channel between the kernel and the notebook's host. Its messages belong to the cell that sends them."""

    #: ``get_ipython().kernel``, as libraries expect it.
    kernel = None
    _manager = None
    _send = None

    def __init__(
        self,
        target_name="comm",
        data=None,
        metadata=None,
        buffers=None,
        comm_id=None,
        primary=True,
        target_module=None,
        topic=None,
        **keys,
    ):
        self.comm_id = comm_id or uuid.uuid4().hex
        self.primary = primary
        self.target_name = target_name
        self.target_module = target_module
        self.topic = topic or b"comm-" + self.comm_id.encode("utf-8")
        self._open_data = keys.get("_open_data") or {}
        self._close_data = keys.get("_close_data") or {}
        self._msg_callback = self._close_callback = None
        self._closed = primary
        if primary:
            self.open(data, metadata, buffers)

    def __del__(self):
        try:
            self.close(deleting=True)
        except Exception:
            pass  # the interpreter may be ending, and parts of it may be gone

    def open(self, data=None, metadata=None, buffers=None):
        """Opens the other end, by the name of its target."""
        self._manager.register_comm(self)
        try:
            data = self._open_data if data is None else data
            self.publish_msg(
                "comm_open", data, metadata, buffers, target_name=self.target_name, target_module=self.target_module
            )
        except Exception:
            self._manager.unregister_comm(self)
            raise
        self._closed = False

    def close(self, data=None, metadata=None, buffers=None, deleting=False):
        """Closes both ends. Further calls do nothing."""
        if self._closed:
            return
        self._closed = True
        self.publish_msg("comm_close", self._close_data if data is None else data, metadata, buffers)
        if not deleting:
            self._manager.unregister_comm(self)

    def send(self, data=None, metadata=None, buffers=None):
        """Sends a message to the other end, with ``buffers`` of bytes beside its JSON."""
        self.publish_msg("comm_msg", data, metadata, buffers)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        """Sends ``comm_open``, ``comm_msg`` or ``comm_close``. Raises MessageTooLong."""
        content = {"comm_id": self.comm_id, "data": {} if data is None else data, **keys}
        self._send(msg_type, content, metadata, encoded(buffers))

    def on_msg(self, callback):
        """Calls ``callback(message)`` for each message of the other end, or nothing if it is None."""
        self._msg_callback = callback

    def on_close(self, callback):
        """Calls ``callback(message)`` when the other end closes, or nothing if it is None."""
        self._close_callback = callback

    def handle_msg(self, msg):
        """Calls the callback for a message of the other end."""
        if self._msg_callback:
            events = self.kernel.shell.events
            events.trigger("pre_execute")
            self._msg_callback(msg)
            events.trigger("post_execute")  # shows figures that the callback has drawn

    def handle_close(self, msg):
        """Calls the callback for a ``comm_close`` of the other end."""
        if self._close_callback:
            self._close_callback(msg)


class CommManager:
    """The comms of a kernel, and the targets that cells have registered for comms that are opened from outside."""

    def __init__(self):
        self.comms = {}
        self.targets = {}

    def register_target(self, target_name, f):
        """Calls ``f(comm, open_message)`` when a comm for this target is opened from outside. ``f`` is a function or
        its dotted name.
        """
        if isinstance(f, str):
            module, _, name = f.rpartition(".")
            try:
                f = getattr(importlib.import_module(module), name)
            except AttributeError as error:
                raise ImportError("No module named %s" % name) from error
        self.targets[target_name] = f

    def unregister_target(self, target_name, f):
        """Removes a target, and returns its function. Raises KeyError."""
        return self.targets.pop(target_name)

    def register_comm(self, comm):
        """Adds a comm. Returns its id."""
        self.comms[comm.comm_id] = comm
        return comm.comm_id

    def unregister_comm(self, comm):
        """Removes a comm."""
        self.comms.pop(comm.comm_id, None)

    def get_comm(self, comm_id):
        """Returns a comm. If there is none, logs a warning to stderr and returns None."""
        comm = self.comms.get(comm_id)
        if comm is None:
            log.warning("No such comm: %s", comm_id)
        return comm

    def comm_open(self, stream, ident, msg):
        """Makes this end of a comm that was opened from outside, and closes it again if the target is missing or fails."""
        content = msg["content"]
        name = content["target_name"]
        comm = Comm(comm_id=content["comm_id"], primary=False, target_name=name)
        self.register_comm(comm)
        if name not in self.targets:
            log.error("No such comm target registered: %s", name)
        else:
            try:
                self.targets[name](comm, msg)
                return
            except Exception:
                log.error("Exception opening comm with target: %s", name, exc_info=True)
        comm.close()

    def comm_msg(self, stream, ident, msg):
        """Passes a message of the other end to its comm."""
        comm_id = msg["content"]["comm_id"]
        comm = self.get_comm(comm_id)
        if comm is not None:
            try:
                comm.handle_msg(msg)
            except Exception:
                log.error("Exception in comm_msg for %s", comm_id, exc_info=True)

    def comm_close(self, stream, ident, msg):
        """Removes a comm that the other end has closed."""
        comm_id = msg["content"]["comm_id"]
        comm = self.get_comm(comm_id)
        if comm is not None:
            comm._closed = True
            self.unregister_comm(comm)
            try:
                comm.handle_close(msg)
            except Exception:
                log.error("Exception in comm_close for %s", comm_id, exc_info=True)


class _CommPackage(importlib.abc.MetaPathFinder):
    """Makes ``comm``, and ``ipykernel.comm`` if it is installed, use these comms as soon as they are imported."""

    def __init__(self, manager):
        self._manager = manager

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in ("comm", "ipykernel.comm"):
            return None
        spec = next(
            filter(None, (finder.find_spec(fullname, path, target) for finder in sys.meta_path if finder is not self)),
            None,
        )
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                _take_over(module, self._manager)

            spec.loader.exec_module = exec_module
        return spec


def _take_over(module, manager):
    if hasattr(module, "create_comm"):  # a module of the user may have that name
        module.create_comm = Comm
        module.get_comm_manager = lambda: manager
    elif hasattr(module, "CommManager"):
        module.Comm, module.CommManager = Comm, CommManager


def install(send):
    """Returns the manager of this kernel's comms. Their messages are sent by ``send`` (see ``Kernel.send``)."""
    manager = CommManager()
    Comm._manager, Comm._send = manager, staticmethod(send)
    sys.meta_path.insert(0, _CommPackage(manager))
    _take_over(sys.modules.get("comm"), manager)
    return manager
