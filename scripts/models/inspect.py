#!/usr/bin/env python3
"""Say what is found in a model directory, what was assumed of it, and what it answers."""

import sys

if __name__ == "inspect":  # Python looks for its own module in the folder of a script first
    import importlib.util
    import sysconfig

    spec = importlib.util.spec_from_file_location(
        __name__, f"{sysconfig.get_path('stdlib')}/inspect.py"
    )
    assert spec, "Python has it"
    assert spec.loader, "it is a file"
    sys.modules[__name__] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[__name__])
else:
    import in_venv as in_venv

    from models.lib.inspecting import main

    if __name__ == "__main__":
        main()
