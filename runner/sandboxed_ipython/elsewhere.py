"""Whether a path that a cell did not find may be a path on the user's computer. Of the user's files a sandbox only has
the project.
"""

#: Folders that a container itself has below its root. The user's files are not there.
_FOLDERS_OF_CONTAINER = frozenset(
    (
        "bin",
        "boot",
        "dev",
        "etc",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "opt",
        "proc",
        "run",
        "sbin",
        "sys",
        "tmp",
        "usr",
        "var",
    )
)


def is_elsewhere(path: str, project: str) -> bool:
    """Returns whether ``path`` is neither below ``project`` (a folder) nor in a folder of the container itself.
    ``path`` is absolute, or a Windows path.
    """
    if not path.startswith("/"):
        return path != ""
    if path == project or path.startswith(project + "/"):
        return False
    return path.lstrip("/").partition("/")[0] not in _FOLDERS_OF_CONTAINER
