#!/usr/bin/env python3
"""Write the description of the HTTP API, in OpenAPI 3.1, from the tables of the code.

The server answers it at /openapi.json. Run this after a format, an answer, an option or a status
was added: a test compares the files with the tables.

\b
Example:
    scripts/openapi.py
"""

import json
from pathlib import Path

import in_venv as in_venv

import click

from lib.openapi import FILES, description

FOLDER = Path(__file__).resolve().parents[1] / "inference" / "openapi"


@click.command(help=__doc__)
def main() -> None:
    for name, multi_model in FILES.items():
        file = FOLDER / name
        file.write_text(json.dumps(description(multi_model), indent=1) + "\n")
        click.echo(f"wrote {file}")


if __name__ == "__main__":
    main()
