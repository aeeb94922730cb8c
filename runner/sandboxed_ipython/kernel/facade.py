"""``get_ipython().kernel``: the few members of ipykernel's kernel that libraries look at."""

import uuid

from .comms import encoded

#: What can be sent by ``kernel.session.send``: a cell's own output. Replies and states are not a cell's to make.
_SENDABLE = frozenset(
    (
        "stream",
        "display_data",
        "update_display_data",
        "clear_output",
        "execute_result",
        "error",
        "comm_open",
        "comm_msg",
        "comm_close",
    )
)


class KernelFacade:
    """Says what it lacks instead of failing in a way that looks like a bug of the library."""

    implementation = "sandboxed-ipython"
    language_info = {"name": "python"}
    #: Handed to ``session.send`` only.
    iopub_socket = None

    def __init__(self, kernel, comm_manager):
        self._kernel = kernel
        self.session = _Session(kernel)
        self.comm_manager = comm_manager

    @property
    def shell(self):
        return self._kernel.shell

    @property
    def ident(self):
        return self.session.session

    def get_parent(self, channel="shell"):
        """The message that the running cell, or a comm's callback, came in; only its header, and of that the ids."""
        return {"header": dict(self._kernel.parent, session=self.session.session), "metadata": {}, "content": {}}

    def __getattr__(self, name):
        raise AttributeError("the kernel of a sandbox has no %r: it speaks through a queue and not over ZeroMQ" % name)


class _Session:
    """Ids, and a ``send`` for libraries that make their own display messages."""

    def __init__(self, kernel):
        self._kernel = kernel
        self.session = uuid.uuid4().hex
        self.username = "sandbox"

    def msg(self, msg_type, content=None, parent=None, header=None, metadata=None):
        """A message as ``send`` takes it."""
        header = header or {"msg_type": msg_type}
        return {
            "header": header,
            "msg_type": msg_type,
            "parent_header": parent or {},
            "content": content or {},
            "metadata": metadata or {},
        }

    def send(
        self,
        stream,
        msg_or_type,
        content=None,
        parent=None,
        ident=None,
        buffers=None,
        track=False,
        header=None,
        metadata=None,
    ):
        """Sends a message of the running cell, whatever ``stream`` and ``parent`` are."""
        if isinstance(msg_or_type, dict):
            msg_type, content, metadata = (
                msg_or_type["msg_type"],
                msg_or_type.get("content"),
                metadata or msg_or_type.get("metadata"),
            )
        else:
            msg_type = msg_or_type
        if msg_type not in _SENDABLE:
            raise ValueError("a cell cannot send %r" % msg_type)
        self._kernel.send(msg_type, content or {}, metadata, encoded(buffers))
