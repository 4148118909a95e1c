"""Outside systems, one file each: where rows come from and where findings go."""

from streamlyt._lazy import lazy_names

_HOMES = {
    "FileSource": "files",
    "MemorySink": "memory",
    "MemorySource": "memory",
    "TrajectorySource": "trajectories",
}

__all__ = sorted(_HOMES)

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
