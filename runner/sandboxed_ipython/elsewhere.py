"""Whether a path that a cell asked for in vain may be one of the user's computer, of whose files a sandbox has the project alone."""

#: What a container has of its own below its root; nobody looks for files of the user's there.
_OWN = frozenset(
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


def is_elsewhere(path, project):
    """Whether ``path``, absolute or of Windows', is neither below ``project`` (a folder) nor of the container's own."""
    if not path.startswith("/"):
        return path != ""
    if path == project or path.startswith(project + "/"):
        return False
    return path.lstrip("/").partition("/")[0] not in _OWN
