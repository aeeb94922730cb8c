"""Comms: a kernel's own, and the same for the ``comm`` package, by which widgets and others open them without knowing of us.

Names and behaviour are those of that package, which an image need not have when the kernel starts: ``%pip`` may bring it.
"""

import base64
import importlib.abc
import logging
import sys
import uuid

from .. import wire
from .channel import MessageTooLong

#: As the ``comm`` package has it: without a handler of the user's it writes to stderr.
log = logging.getLogger("Comm")


def encoded(buffers):
    """Bytes-like objects as a message has them. Raises as Jupyter does: TypeError for others, ValueError where they have gaps;
    and MessageTooLong before it copies what can never be sent, for which there may be no room."""
    views = [memoryview(one) for one in buffers or ()]
    size = sum(view.nbytes for view in views)
    if size > wire.MAX_COMM_BYTES:
        raise MessageTooLong(size)
    for index, view in enumerate(views):
        if not view.contiguous:
            raise ValueError("Buffer %d (%r) is not contiguous" % (index, view))
    return [base64.b64encode(view if view.c_contiguous else view.tobytes("A")).decode("ascii") for view in views]


class Comm:
    """One end of a channel to whoever watches the notebook. Its messages belong to the cell that sends them."""

    #: What libraries find: ``get_ipython().kernel``.
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
            pass  # whatever is left of an interpreter that ends

    def open(self, data=None, metadata=None, buffers=None):
        """Makes the other end, by the name of its target."""
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
        """Ends both ends; once."""
        if self._closed:
            return
        self._closed = True
        self.publish_msg("comm_close", self._close_data if data is None else data, metadata, buffers)
        if not deleting:
            self._manager.unregister_comm(self)

    def send(self, data=None, metadata=None, buffers=None):
        """A message to the other end, with ``buffers`` of bytes beside its JSON."""
        self.publish_msg("comm_msg", data, metadata, buffers)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        """Sends ``comm_open``, ``comm_msg`` or ``comm_close``. Raises MessageTooLong."""
        content = {"comm_id": self.comm_id, "data": {} if data is None else data, **keys}
        self._send(msg_type, content, metadata, encoded(buffers))

    def on_msg(self, callback):
        """``callback(message)`` for each message of the other end; None: for none any more."""
        self._msg_callback = callback

    def on_close(self, callback):
        """``callback(message)`` when the other end closes; None: nothing."""
        self._close_callback = callback

    def handle_msg(self, msg):
        if self._msg_callback:
            events = self.kernel.shell.events
            events.trigger("pre_execute")
            self._msg_callback(msg)
            events.trigger("post_execute")  # figures that the callback has drawn are shown

    def handle_close(self, msg):
        if self._close_callback:
            self._close_callback(msg)


class CommManager:
    """The comms of a kernel, and the targets that cells have registered for those that are opened from outside."""

    def __init__(self):
        self.comms = {}
        self.targets = {}

    def register_target(self, target_name, f):
        """``f(comm, open_message)``, or its dotted name, is called when a comm for this target is opened from outside."""
        if isinstance(f, str):
            module, _, name = f.rpartition(".")
            try:
                f = getattr(importlib.import_module(module), name)
            except AttributeError as error:
                raise ImportError("No module named %s" % name) from error
        self.targets[target_name] = f

    def unregister_target(self, target_name, f):
        return self.targets.pop(target_name)

    def register_comm(self, comm):
        self.comms[comm.comm_id] = comm
        return comm.comm_id

    def unregister_comm(self, comm):
        self.comms.pop(comm.comm_id, None)

    def get_comm(self, comm_id):
        """None, with a word on stderr, if there is none."""
        comm = self.comms.get(comm_id)
        if comm is None:
            log.warning("No such comm: %s", comm_id)
        return comm

    def comm_open(self, stream, ident, msg):
        """Makes this end of a comm that was opened from outside; closes it again if nobody here wants it."""
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
        comm_id = msg["content"]["comm_id"]
        comm = self.get_comm(comm_id)
        if comm is not None:
            try:
                comm.handle_msg(msg)
            except Exception:
                log.error("Exception in comm_msg for %s", comm_id, exc_info=True)

    def comm_close(self, stream, ident, msg):
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
    """Has ``comm``, and ``ipykernel.comm`` where that is installed, make our comms as soon as they are imported."""

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
    if hasattr(module, "create_comm"):  # a user's own module may have that name
        module.create_comm = Comm
        module.get_comm_manager = lambda: manager
    elif hasattr(module, "CommManager"):
        module.Comm, module.CommManager = Comm, CommManager


def install(send):
    """The manager of this kernel's comms, whose messages go out by ``send`` (see ``Kernel.send``)."""
    manager = CommManager()
    Comm._manager, Comm._send = manager, staticmethod(send)
    sys.meta_path.insert(0, _CommPackage(manager))
    _take_over(sys.modules.get("comm"), manager)
    return manager
