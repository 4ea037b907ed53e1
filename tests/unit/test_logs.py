"""Records of loggers, as a handler that stands at the root, like those of MMS, gets them."""

import logging

import pytest

from segmentation.errors import ModelError
from serving import logs


class Messages(logging.Handler):
    def __init__(self):
        super().__init__()
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


@pytest.fixture
def messages():
    handler = Messages()
    factory = logging.getLogRecordFactory()
    logging.getLogger().addHandler(handler)
    logs.set_up()
    yield handler.texts
    logging.setLogRecordFactory(factory)
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("name", ["segmentation", "segmentation.running.segmenter"])
def test_logs_of_segmentation_name_the_variable_of_a_field(name, messages):
    logging.getLogger(name).warning("`tile_size` %d would hide them: %s", 960, "`batch_size`")
    assert messages == ["UNET_TILE_SIZE 960 would hide them: UNET_BATCH_SIZE"]


def test_a_percent_sign_is_kept(messages):
    logging.getLogger("segmentation.networks.tune").warning("%d %% of `%s`", 5, "max_pixels")
    assert messages == ["5 % of UNET_MAX_PIXELS"]


@pytest.mark.parametrize("name", ["segmentations", "inference", "tensorflow"])
def test_logs_of_others_are_left_alone(name, messages):
    logging.getLogger(name).warning("`tile_size` %d", 960)
    assert messages == ["`tile_size` 960"]


def test_it_is_set_up_once(messages):
    factory = logging.getLogRecordFactory()
    logs.set_up()
    assert logging.getLogRecordFactory() is factory


@pytest.mark.parametrize(("error", "traced"), [(ModelError("no model"), False), (OSError(), True)])
def test_errors_that_say_it_all_have_no_trace(error, traced, messages, caplog):
    try:
        raise error
    except type(error):
        logging.error("it died", exc_info=True)
    assert bool(caplog.records[-1].exc_info) is traced
