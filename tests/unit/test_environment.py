"""Which variables the processes of a server get."""

import pytest

from serving.environment import is_needed, needed


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "PYTHONPATH", "TMPDIR", "LANG", "LC_ALL", "JAVA_HOME", "JDK_JAVA_OPTIONS"),
        *("UNET_THRESHOLD", "SAGEMAKER_BIND_TO_PORT", "MMS_INFERENCE_ADDRESS"),
        *("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "TF_CPP_MIN_LOG_LEVEL", "LD_LIBRARY_PATH"),
    ],
)
def test_what_a_server_has_use_for(name):
    assert is_needed(name)


@pytest.mark.parametrize(
    "name",
    [
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        *("PIP_INDEX_URL", "CA_REPOSITORY_ARN", "HTTPS_PROXY", "DATABASE_PASSWORD", "PATHS"),
    ],
)
def test_what_it_has_not(name):
    assert not is_needed(name)


def test_code_of_the_user_gets_all(tmp_path):
    environment = {"PATH": "/bin", "DATABASE_PASSWORD": "secret"}
    assert needed(environment, tmp_path) == {"PATH": "/bin"}
    (tmp_path / "code").mkdir()
    assert needed(environment, tmp_path) == environment
