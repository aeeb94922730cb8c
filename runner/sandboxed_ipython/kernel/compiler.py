"""Names under which cells are compiled."""

import hashlib
import os
import tempfile

from IPython.core.compilerop import CachingCompiler


class CellCompiler(CachingCompiler):
    """One name per source, and one that looks like ipykernel's: joblib, numba and warnings filters know its shape."""

    def get_code_name(self, raw_code, transformed_code, number):
        digest = hashlib.blake2b(raw_code.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
        return os.path.join(tempfile.gettempdir(), "ipykernel_%d" % os.getpid(), "%d.py" % int(digest, 16))
