"""The file names under which cells are compiled."""

import hashlib
import os
import tempfile

from IPython.core.compilerop import CachingCompiler


class CellCompiler(CachingCompiler):
    """Gives each source its own name, in the form that ipykernel uses: joblib, numba and warnings filters know that
    form.
    """

    def get_code_name(self, raw_code, transformed_code, number):
        digest = hashlib.blake2b(raw_code.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
        return os.path.join(tempfile.gettempdir(), "ipykernel_%d" % os.getpid(), "%d.py" % int(digest, 16))
