"""The whole chain of a model directory in one process, for the tests of whoever wrote its code.

    with testing.Client("path/to/model") as client:
        answer = client.post(Path("cells.png").read_bytes(), "image/png")
    assert (answer.array() > 0).any()

It is the chain that the server runs, hooks of ``code/inference.py`` included, without MMS and HTTP:
HandlerService, the toolkit's Transformer, and MMS's own context of a request. Settings are read
from the environment, as in the server.

It stands above all other modules, and none of them imports it.
"""

import io
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np

REQUEST_ID = "request-1"


@dataclass(frozen=True)
class Answer:
    """What a client is answered.

    Attributes:
        status: 200, or that of an error.
        content_type: of the body.
        body: as it goes out; of an error, JSON with its ``message``.
        headers: of the answer, their names in small letters; ``warning`` says what was assumed.
    """

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def array(self) -> np.ndarray:
        """The body as an array, of formats that are read here: a mask is (H, W) or (N, H, W).

        Where a picture has a palette, as the PNG of a mask of several classes, these are its
        indices: what the mask holds. As the body of a request it would be read by its colours.

        Raises:
            RequestError: it is none; an answer in JSON must hold numbers from 0 to 255.
        """
        from .wire.decoding import decode

        indices = self._indices() if self.content_type == "image/png" else None
        if indices is not None:
            return indices
        return decode(self.body, self.content_type, max_pixels=sys.maxsize).pixels

    def _indices(self) -> np.ndarray | None:
        """Those of a picture with a palette; None: it has none, or is no picture."""
        from PIL import Image

        try:
            with Image.open(io.BytesIO(self.body)) as image:
                return np.array(image) if image.mode == "P" else None
        except OSError:
            return None  # the reader says so better


class Client:
    """Asks the handler service of one model directory, as a worker of the server does.

    Args:
        model_dir: with the model, ``model.json`` and ``code/``, each of them optional.

    Raises:
        Exception: the model cannot be loaded; as in the log of the server.
    """

    def __init__(self, model_dir: str | Path):
        from mms.context import Context

        import handler_service

        self._code = Path(model_dir, "code").resolve()
        self._path, self._python_path = sys.path.copy(), os.environ.get("PYTHONPATH")
        self._log_level = logging.getLogger().level
        self._modules = set(sys.modules)
        self._context = Context("model", str(model_dir), None, 1, None, "1")
        self._service = handler_service.HandlerService()
        try:
            self._service.initialize(self._context)
        except BaseException:
            self.close()
            raise

    def post(
        self,
        body: bytes | bytearray,
        content_type: str | None = None,
        accept: str | None = None,
        **headers: str,
    ) -> Answer:
        """Send a request.

        Args:
            body: of the request; as in the server, a bytearray may be emptied.
            content_type, accept: its headers; None leaves them out.
            headers: other ones, with ``_`` in place of ``-``.
        """
        from mms.context import RequestProcessor

        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Content-Type": content_type} if content_type else {}
        sent |= {"Accept": accept} if accept else {}
        self._context.request_processor = [RequestProcessor(sent)]
        self._context.request_ids = {0: REQUEST_ID}
        [answer] = self._service.handle([{"body": body}], self._context)
        status, _ = self._context.get_response_status(0)
        content_type = self._context.get_response_content_type(0)
        others = self._context.get_response_headers(0).items()
        return Answer(status, content_type, answer, {name.lower(): text for name, text in others})

    def close(self) -> None:
        """Undo what loading changed in this process: paths, the log's level, the user's modules."""
        sys.path[:] = self._path
        if self._python_path is None:
            os.environ.pop("PYTHONPATH", None)
        else:
            os.environ["PYTHONPATH"] = self._python_path
        logging.getLogger().setLevel(self._log_level)
        for name in set(sys.modules) - self._modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).resolve().is_relative_to(self._code):
                del sys.modules[name]

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
