"""What the processes of a model know of the environment."""

from support.serving import Server

SECRET = {"AWS_SECRET_ACCESS_KEY": "secret", "MINE": "of the user's code"}
TEXT = {"Content-Type": "text/plain"}


def knows(server: Server, name: str, path: str = "/invocations") -> str:
    """What a worker finds as a variable."""
    return server.invoke(f"environment {name}".encode(), path, headers=TEXT).text


def test_a_model_without_code_sees_no_credentials(start, model_dir):
    with start(model_dir, **SECRET) as server:
        assert [knows(server, name) for name in SECRET] == ["", ""]
        assert knows(server, "TMPDIR").startswith(str(server.tmp))
        assert not any(name in server.java().environ() for name in SECRET)


def test_of_many_models_those_with_code_see_them(start, tmp_path):
    for name in ("plain", "code"):
        (tmp_path / name).mkdir()
    (tmp_path / "code" / "code").mkdir()
    with start(None, SAGEMAKER_MULTI_MODEL="true", **SECRET) as server:
        for name, values in (("plain", ["", ""]), ("code", [*SECRET.values()])):
            assert server.load(name, tmp_path / name).status_code == 200
            assert [knows(server, known, f"/models/{name}/invoke") for known in SECRET] == values
