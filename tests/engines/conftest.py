import pytest

from tests.engines.lives import cut_run


@pytest.fixture
def cut(tmp_path):
    """A run that died between the commit of the transactional sink and that of the run file."""
    return cut_run(tmp_path)
