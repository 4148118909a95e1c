"""What the engine of many processes hands to its client, without a broker."""

import pytest

from streamlyt.connectors import KafkaSource
from streamlyt.engines import ClusterEngine, cluster
from streamlyt.pipeline import Pipeline


class ClientMadeError(Exception):
    """Raised in place of the client; has its settings."""

    def __init__(self, settings):
        super().__init__(settings)
        self.settings = settings


def settings(monkeypatch, tmp_path, **given):
    def application(*_, **named):
        raise ClientMadeError(named)

    monkeypatch.setattr(cluster, "Application", application)
    source = KafkaSource(
        "t", ["x"], group_id="g", session_timeout_s=7.0, auto_offset_reset="latest"
    )
    with pytest.raises(ClientMadeError) as made:
        ClusterEngine(source, Pipeline([]), [], state_dir=tmp_path, **given)
    return made.value.settings


def test_settings_reach_the_client(tmp_path, monkeypatch):
    plain = settings(monkeypatch, tmp_path)
    assert plain["consumer_group"] == "g"
    assert plain["state_dir"] == tmp_path
    assert plain["auto_offset_reset"] == "latest"
    assert plain["processing_guarantee"] == "exactly-once"
    assert plain["consumer_extra_config"] == {"session.timeout.ms": 7000}
    named = settings(monkeypatch, tmp_path, group_instance_id="worker-3", commit_interval_s=0.25)
    assert named["commit_interval"] == 0.25 != plain["commit_interval"]
    assert named["consumer_extra_config"]["group.instance.id"] == "worker-3"
