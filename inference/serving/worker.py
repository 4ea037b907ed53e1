"""What Java starts in place of MMS's ``model_service_worker.py``: it becomes that program, with
modules from where this server has them alone. Of many models it has no more rights, and no more of
the environment, than the model needs.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from serving import contract, environment, upstream

MODEL_PATH = "--model-path"


def main(arguments: Sequence[str], variables: Mapping[str, str]) -> NoReturn:
    """Become the process that starts the workers of a model.

    Args:
        arguments: of MMS's program.
        variables: of the server's environment.
    """
    own = dict(variables)
    if variables.get(contract.MULTI_MODEL) == "true":
        model_dir = Path(arguments[arguments.index(MODEL_PATH) + 1])
        _give_up_rights(model_dir)
        own = environment.needed(variables, model_dir)
    own["PYTHONPATH"] = variables[environment.PYTHON_PATH]
    os.execve(sys.executable, [sys.executable, str(upstream.worker_program()), *arguments], own)


def _give_up_rights(model_dir: Path) -> None:
    from serving import privileges  # whose import would delay each server of one model

    if not privileges.keeps_capability():
        return
    path = privileges.unreadable(model_dir)
    if path is None:
        privileges.drop_capabilities()
    else:
        print(
            f"{path} can be read by root alone: this worker may read all files; "
            "`chmod -R a+rX` before the model is packed spares that",
            flush=True,
        )
