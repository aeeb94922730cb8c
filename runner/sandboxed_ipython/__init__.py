"""Everything that runs inside a sandbox: the supervisor (process 1), its kernels, and the queue between them and a
host.
"""

__version__ = "0.1.0"
PROTOCOL_VERSION = 2
