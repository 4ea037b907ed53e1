"""The commands of scripts/, run in this process."""

from types import ModuleType

from click.testing import CliRunner, Result


def run(script: ModuleType, *arguments: object, code: int | None = 0, stdin: str = "") -> Result:
    """Run the command of a script, and return its result: ``exit_code``, ``stdout``, ``output``.

    Args:
        code: the exit code that it must end with; None: any.
        stdin: what the user types.
    """
    result = CliRunner().invoke(script.main, [str(argument) for argument in arguments], stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert code is None or result.exit_code == code, result.output
    return result
