"""``streamlyt list``: what is there, by the names that pipelines use."""

__all__ = ["list_components"]


def list_components() -> int:
    """List every component by its room and name: what pipelines and options call it."""
    from streamlyt.catalog import ROOMS, names

    for room in ROOMS:
        for name in names(room):
            print(f"{room}\t{name}")
    return 0
