"""Tables that scripts write into pages of the documentation."""

import re
from pathlib import Path

import click

END = "<!-- to here -->"


def show(table: str, script: str, page: Path | None) -> None:
    """Print a table, or put it into a page between the marks of the script that made it.

    Args:
        table: as Markdown.
        script: its path in the project.
        page: it has a line ``<!-- of SCRIPT -->`` and, after it, ``<!-- to here -->``; None: print.

    Raises:
        click.ClickException: the page has no such marks.
    """
    if page is None:
        click.echo(table)
        return
    begin = f"<!-- of {script} -->"
    text = page.read_text()
    marked = re.compile(f"{re.escape(begin)}.*?{re.escape(END)}", re.DOTALL)
    if not marked.search(text):
        raise click.ClickException(f"{page} has no marks {begin} and {END}")
    page.write_text(marked.sub(lambda _: f"{begin}\n{table}\n{END}", text))
