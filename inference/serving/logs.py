"""What the log of a worker calls the settings, and which traces it leaves out."""

import logging
from typing import Any

from segmentation.errors import SegmentationError
from serving.settings import named


def set_up() -> None:
    """Let whatever ``segmentation`` logs from now on name settings by their environment variables,
    and whoever logs one of its errors leave out the trace: their messages say it all.

    It applies to the whole process, whoever set up the handlers: MMS, the toolkit, a user's module.
    """
    make_record = logging.getLogRecordFactory()
    if isinstance(make_record, _RecordFactory):
        return
    logging.setLogRecordFactory(_RecordFactory(make_record))


class _RecordFactory:
    """Makes records as another factory does, and changes those of ``segmentation`` and of its
    errors.
    """

    def __init__(self, make_record: Any):
        self._make_record = make_record

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make_record(*args, **kwargs)
        if record.name.partition(".")[0] == "segmentation":
            record.msg, record.args = named(record.getMessage()), ()
        if record.exc_info and isinstance(record.exc_info[1], SegmentationError):
            record.exc_info = None
        return record
