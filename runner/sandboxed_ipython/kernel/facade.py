"""``get_ipython().kernel``: the few members of ipykernel's kernel that libraries look at."""

import uuid


class KernelFacade:
    """Says what it lacks instead of failing in a way that looks like a bug of the library."""

    implementation = "sandboxed-ipython"
    language_info = {"name": "python"}

    def __init__(self, kernel):
        self._kernel = kernel
        self.session = _Session()

    @property
    def shell(self):
        return self._kernel.shell

    @property
    def ident(self):
        return self.session.session

    def get_parent(self, channel="shell"):
        """The message that the running cell came in; only its header, and of that the ids."""
        return {"header": {"msg_id": self._kernel.running, "msg_type": "execute_request", "session": self.session.session}, "metadata": {}, "content": {}}

    def __getattr__(self, name):
        raise AttributeError("the kernel of a sandbox has no %r: it speaks through a queue and not over ZeroMQ" % name)


class _Session:
    """Ids only."""

    def __init__(self):
        self.session = uuid.uuid4().hex
        self.username = "sandbox"
