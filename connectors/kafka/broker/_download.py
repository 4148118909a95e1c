"""Download Apache Kafka from Maven Central once, verify it and cache it."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

from streamlyt.core.errors import SourceError

__all__ = ["KAFKA", "fetch", "java", "unavailable_reason"]

KAFKA = "4.1.2"
_MIN_JAVA = 17  # required by Kafka 4
_FETCH_S = 600.0  # for 43 MB
_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>streamlyt</groupId>
  <artifactId>broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""


def unavailable_reason() -> str | None:
    """Return why no broker can run here, in one line; None if one can.

    Examples
    --------
    >>> unavailable_reason() is None or "apt-get install" in unavailable_reason()
    True
    """
    try:
        java()
        if not _home().is_dir() and shutil.which("mvn") is None:
            raise SourceError(
                "Maven (mvn) is not installed; it is needed once to download Apache Kafka; "
                "on Debian: apt-get install maven"
            )
    except SourceError as error:
        return str(error)
    return None


def java() -> str:
    """Return the path of a Java that can run the broker.

    Raises
    ------
    SourceError
        If Java is missing or too old.
    """
    advice = "on Debian: apt-get install openjdk-17-jre-headless"
    found = shutil.which("java")
    if found is None:
        raise SourceError(
            f"Java must be installed for the broker (version {_MIN_JAVA} or newer); {advice}"
        )
    done = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', done.stderr)
    if version is None or int(version[1]) < _MIN_JAVA:
        output = (done.stderr or done.stdout).strip().partition("\n")[0]
        raise SourceError(
            f"Java must be version {_MIN_JAVA} or newer for the broker, got {output!r}; {advice}"
        )
    return found


def fetch() -> str:
    """Return the class path of the broker; download it if it is not in the cache.

    Raises
    ------
    SourceError
        If Maven is missing or cannot download all files. A file whose hash differs from that of
        Maven Central is rejected.
    """
    home = _home()
    if not home.is_dir():
        _fetch_into(home)
    return f"{home}{os.sep}*"


def _home() -> Path:
    return user_cache_path("streamlyt") / f"kafka-{KAFKA}"


def _fetch_into(home: Path) -> None:
    reason = unavailable_reason()
    if reason is not None:
        raise SourceError(reason)
    home.parent.mkdir(parents=True, exist_ok=True)
    # In the same directory, so that the final rename is atomic.
    with tempfile.TemporaryDirectory(prefix="kafka-", dir=home.parent) as folder:
        (Path(folder) / "pom.xml").write_text(_POM, encoding="utf-8")
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars"]
        try:
            done = subprocess.run(
                ["mvn", "-q", "-B", "--strict-checksums", *goal],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=_FETCH_S,
            )
        except subprocess.TimeoutExpired as error:
            raise SourceError(
                f"Maven did not download Apache Kafka {KAFKA} within {_FETCH_S:.0f} s; try again"
            ) from error
        if done.returncode != 0:
            errors = re.findall(r"\[ERROR\] (.+)", done.stdout) or ["no reason was given"]
            raise SourceError(f"Maven cannot download Apache Kafka {KAFKA}: {errors[0]}")
        try:
            (Path(folder) / "jars").rename(home)
        except OSError:
            if not home.is_dir():  # otherwise another process was faster
                raise
