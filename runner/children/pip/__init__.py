"""``pip`` for the processes that cells start. It is the image's own pip, except for ``python -m pip install``
(``__main__.py``). It is found through ``PYTHONPATH``, before the image's.
"""

import importlib.machinery
import os
import sys


def _find_pip_of_image(folder):
    """Returns the spec of the pip that would be imported without this one, which is in ``folder``. Raises
    ModuleNotFoundError.
    """
    places = [place for place in sys.path if os.path.abspath(place or ".") != os.path.dirname(folder)]
    spec = importlib.machinery.PathFinder.find_spec("pip", places)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("No module named 'pip'", name="pip")
    return spec


_folder = os.path.dirname(os.path.abspath(__file__))
_spec = _find_pip_of_image(_folder)
__path__ = [_folder, *_spec.submodule_search_locations]
__file__ = _spec.origin
exec(_spec.loader.get_code("pip"), globals())
