"""What the machine and the installation are like on which a server is to be started."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Facts:
    """What the machine and the installation are like.

    Attributes:
        cpus: how many the server may use.
        memory: free bytes.
        gpu: whether the kernel shows a GPU.
        inference: the folder of ``handler_service.py``.
        run: the folder for whatever this server writes.
        scripts: the folder of the program ``multi-model-server``.
        packages: the folder, below ``run``, that pip installs modules into.
        frontend: MMS's own jar.
    """

    cpus: int
    memory: int
    gpu: bool
    inference: Path
    run: Path
    scripts: Path
    packages: Path
    frontend: Path

    @property
    def mms(self) -> Path:
        """The folder of the extension of MMS."""
        return self.inference / "mms"

    @property
    def load_errors(self) -> Path:
        """The folder in which workers write down why a model cannot be loaded."""
        return self.run / "load-errors"

    @property
    def gone(self) -> Path:
        """The folder in which Java tells workers that the client of a request has gone."""
        return self.run / "gone"

    @property
    def progress(self) -> Path:
        """The folder in which workers tell Java how many tiles of a request are done."""
        return self.run / "progress"

    @property
    def messages(self) -> tuple[Path, ...]:
        """The folders in which workers and Java tell each other by files."""
        return self.load_errors, self.gone, self.progress

    @property
    def java_arguments(self) -> Path:
        """The file of Java's arguments."""
        return self.run / "java.args"
