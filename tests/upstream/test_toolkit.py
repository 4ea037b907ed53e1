"""What ``serving`` needs of sagemaker-inference, the toolkit: each test is named by it."""

import sys
import types
import warnings

import pytest
from mms.context import Context, RequestProcessor
from sagemaker_inference import content_types, environment, parameters
from sagemaker_inference.errors import BaseInferenceToolkitError, GenericInferenceToolkitError
from sagemaker_inference.transformer import Transformer

from serving import upstream
from serving.errors import UpstreamChanged

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pkg_resources is deprecated, and so is how it is called
    from sagemaker_inference import model_server


def context(request_id="1"):
    made = Context("model", "/nowhere", None, 1, None, "1")
    made.request_processor = [RequestProcessor({"Content-Type": "text/plain", "Accept": "*/*"})]
    made.request_ids = {0: request_id}
    return made


class Handler:
    """Hooks that write down their calls."""

    def __init__(self):
        self.calls = []

    def default_model_fn(self, model_dir):
        self.calls.append(("model", model_dir))
        return "the model"

    def default_model_warmup_fn(self, model_dir, model):
        self.calls.append(("warm-up", model_dir, model))

    def default_input_fn(self, body, content_type, context=None):
        self.calls.append(("input", body, context))
        return body

    def default_predict_fn(self, data, model):
        return data

    def default_output_fn(self, prediction, accept):
        return prediction, "text/plain"


@pytest.fixture
def transformer(monkeypatch):
    monkeypatch.setenv("SAGEMAKER_PROGRAM", "no_such_module_of_a_user.py")
    return Transformer(Handler())


# --- model_server


def test_what_is_overridden_to_start_mms_is_there():
    upstream.check_model_server(model_server)


@pytest.mark.parametrize(
    "name",
    [
        "MMS_CONFIG_FILE",
        "DEFAULT_MMS_LOG_FILE",
        "_retrieve_mms_server_process",
        "start_model_server",
    ],
)
def test_a_toolkit_without_what_is_overridden_is_refused(name):
    parts = {key: value for key, value in vars(model_server).items() if key != name}
    with pytest.raises(UpstreamChanged, match=rf"^sagemaker-inference [\d.]+ .*{name}"):
        upstream.check_model_server(types.SimpleNamespace(**parts))


def test_a_toolkit_whose_function_has_other_parameters_is_refused():
    parts = vars(model_server) | {"_retrieve_mms_server_process": lambda timeout: None}
    with pytest.raises(UpstreamChanged, match=r"takes \['timeout'\], where \[\] are expected"):
        upstream.check_model_server(types.SimpleNamespace(**parts))


def test_the_configuration_of_mms_is_written_to_mms_config_file(monkeypatch, tmp_path):
    monkeypatch.setattr(model_server, "MMS_CONFIG_FILE", str(tmp_path / "mms.properties"))
    model_server._create_model_server_config_file(environment.Environment(), "handler_service")
    assert "default_service_handler=handler_service\n" in (tmp_path / "mms.properties").read_text()


def test_the_configuration_of_the_log_is_default_mms_log_file():
    assert "DEFAULT_MMS_LOG_FILE" in model_server.start_model_server.__code__.co_names


def test_mms_is_looked_for_by_retrieve_mms_server_process(monkeypatch):
    monkeypatch.setattr(model_server, "_retrieve_mms_server_process", lambda: "the process")
    assert model_server._retry_retrieve_mms_server_process(1) == "the process"


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("SAGEMAKER_MODEL_SERVER_WORKERS", "3", "default_workers_per_model=3"),
        ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "5", "default_response_timeout=5"),
        ("SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS", "7", "default_response_timeout_seconds=7"),
        ("SAGEMAKER_MODEL_SERVER_VMARGS", "-Xmx9m @java.args", "vmargs=-Xmx9m @java.args"),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "2", f"max_request_size={2 << 20}"),
        ("SAGEMAKER_BIND_TO_PORT", "81", "inference_address=http://0.0.0.0:81"),
        # MMS_MANAGEMENT_ADDRESS and MMS_MAX_RESPONSE_SIZE are read where this is set
        ("PATH", "/bin", "enable_envvars_config=true"),
        # bodies are handed over as bytes
        ("PATH", "/bin", "decode_input_request=false"),
    ],
)
def test_a_variable_reaches_the_configuration_of_mms(monkeypatch, variable, value, line):
    monkeypatch.setenv(variable, value)
    text = model_server._generate_mms_config_properties(environment.Environment(), "handler")
    assert line in text.splitlines()


def test_multi_model_mode_is_configured_in_the_same_way():
    with open(model_server.MME_MMS_CONFIG_FILE) as file:
        lines = file.read().splitlines()
    assert {"enable_envvars_config=true", "decode_input_request=false"} <= set(lines)
    assert "default_service_handler=$$SAGEMAKER_HANDLER$$" in lines


def test_the_model_is_looked_for_in_sagemaker_base_dir():
    assert parameters.BASE_PATH_ENV == "SAGEMAKER_BASE_DIR"
    assert environment.model_dir == f"{environment.base_dir}/model"
    assert f"{environment.model_dir}/code/requirements.txt" == model_server.REQUIREMENTS_PATH


def test_multi_model_mode_is_sagemaker_multi_model():
    assert parameters.MULTI_MODEL_ENV == "SAGEMAKER_MULTI_MODEL"


# --- Transformer


def test_what_the_transformer_of_ours_uses_is_there(transformer):
    upstream.check_transformer(transformer)


@pytest.mark.parametrize(
    "name", ["_context", "_input_fn", "_predict_fn", "_output_fn", "_transform_fn"]
)
def test_a_transformer_without_what_is_used_is_refused(transformer, name):
    delattr(transformer, name)
    with pytest.raises(UpstreamChanged, match=rf"^sagemaker-inference [\d.]+ .*{name}"):
        upstream.check_transformer(transformer)


@pytest.mark.parametrize(
    "name", ["transform", "handle_error", "_run_handler_function", "_default_transform_fn"]
)
def test_a_transformer_whose_methods_differ_is_refused(transformer, monkeypatch, name):
    monkeypatch.setattr(Transformer, name, lambda self, other: None)
    with pytest.raises(UpstreamChanged, match=rf"Transformer\.{name} takes"):
        upstream.check_transformer(transformer)


def test_the_model_is_loaded_and_then_warmed_up(transformer):
    transformer.validate_and_initialize("/model", context())
    assert transformer._default_inference_handler.calls == [
        ("model", "/model"),
        ("warm-up", "/model", "the model"),
    ]


def test_hooks_are_handed_the_context_that_use_context_sets(transformer):
    transformer.validate_and_initialize("/model", context("0"))
    for request in (context("1"), context("2")):
        upstream.use_context(transformer, request)
        assert transformer.transform([{"body": b"hello"}], request) == [b"hello"]
        assert transformer._default_inference_handler.calls[-1] == ("input", b"hello", request)


def test_all_hooks_are_called_through_run_handler_function(transformer, monkeypatch):
    stages = []
    original = transformer._run_handler_function

    def run(function, *arguments):
        stages.append(upstream.stage_of(transformer, function))
        return original(function, *arguments)

    monkeypatch.setattr(transformer, "_run_handler_function", run)
    transformer.validate_and_initialize("/model", context())
    transformer.transform([{"body": b"hello"}], context())
    assert stages == [None, None, None, "decode", "predict", "encode"]


def test_the_users_hooks_are_those_of_a_module(monkeypatch, tmp_path):
    (tmp_path / "hooks_of_a_user.py").write_text("def transform_fn(model, body, kind, accept): ...")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SAGEMAKER_PROGRAM", "hooks_of_a_user.py")
    transformer = Transformer(Handler())
    transformer.validate_and_initialize("/model", context())
    hook = sys.modules.pop("hooks_of_a_user").transform_fn
    assert upstream.stage_of(transformer, hook) == "transform"


def test_an_error_is_still_being_handled_when_handle_error_is_called(transformer, monkeypatch):
    errors = []

    def handle_error(context, exception, trace):
        errors.append((sys.exc_info()[1], exception))
        return [b"an answer"]

    monkeypatch.setattr(transformer, "handle_error", handle_error)
    transformer.validate_and_initialize("/model", context())
    original = ValueError("of a hook")

    def fail(prediction, accept):
        raise original

    transformer._output_fn = fail
    assert transformer.transform([{"body": b"hello"}], context()) == [b"an answer"]
    [(handled, wrapped)] = errors
    assert handled is original
    assert isinstance(wrapped, GenericInferenceToolkitError)


def test_errors_of_the_users_hooks_have_a_status_and_a_message():
    error = BaseInferenceToolkitError(418, "short and stout", "I'm a teapot")
    assert (error.status_code, error.message) == (418, "short and stout")


def test_bodies_of_these_types_only_are_decoded_before_a_hook_sees_them():
    assert set(content_types.UTF8_TYPES) == {"application/json", "text/csv"}
