"""``get_ipython().kernel``: the few members of ipykernel's kernel that libraries use."""

import uuid

from .comms import encoded

#: Types that ``kernel.session.send`` can send: a cell's own output. A cell cannot send replies and states.
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
    """The kernel as libraries see it. For a missing member it raises an error that explains the reason and does not
    look like a bug of the library.
    """

    implementation = "sandboxed-ipython"
    language_info = {"name": "python"}
    #: Libraries only pass it to ``session.send``.
    iopub_socket = None

    def __init__(self, kernel, comm_manager):
        self._kernel = kernel
        self.session = _Session(kernel)
        self.comm_manager = comm_manager

    @property
    def shell(self):
        """The IPython shell."""
        return self._kernel.shell

    @property
    def ident(self):
        """The session id."""
        return self.session.session

    def get_parent(self, channel="shell"):
        """Returns the message of the running cell or comm callback: only its header, with its ids and type."""
        return {"header": dict(self._kernel.parent, session=self.session.session), "metadata": {}, "content": {}}

    def __getattr__(self, name):
        raise AttributeError(
            "the kernel of a sandbox has no %r: it communicates through a queue and not over ZeroMQ" % name
        )


class _Session:
    """Ids, and a ``send`` for libraries that make their own display messages."""

    def __init__(self, kernel):
        self._kernel = kernel
        self.session = uuid.uuid4().hex
        self.username = "sandbox"

    def msg(self, msg_type, content=None, parent=None, header=None, metadata=None):
        """Returns a message in the form that ``send`` accepts."""
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
