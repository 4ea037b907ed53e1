"""What the log of a worker calls the settings."""

import logging
from typing import Any

from serving.settings import named


def name_variables() -> None:
    """Let whatever ``segmentation`` logs from now on name settings by their environment variables.

    It applies to the whole process, whoever set up the handlers: MMS, the toolkit, a user's module.
    """
    make_record = logging.getLogRecordFactory()
    if isinstance(make_record, _RecordFactory):
        return
    logging.setLogRecordFactory(_RecordFactory(make_record))


class _RecordFactory:
    """Makes records as another factory does, and changes those of ``segmentation``."""

    def __init__(self, make_record: Any):
        self._make_record = make_record

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make_record(*args, **kwargs)
        if record.name.partition(".")[0] == "segmentation":
            record.msg, record.args = named(record.getMessage()), ()
        return record
