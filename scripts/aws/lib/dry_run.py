"""What deploy.py and deploy_component.py print in place of sending it."""

import click

from aws.lib import cloudformation, options
from aws.lib.calls import Call


def show(
    form: str, calls: list[Call], update: Call, headings: dict[str, str], *, in_template: bool
) -> None:
    """Print requests, as lines for the AWS CLI or as a template of CloudFormation.

    Args:
        form: which of them, as ``--format`` has it.
        calls: of a first deployment.
        update: what is sent in place of some of them, where there is a deployment already.
        headings: by the operation of a request, what it is for.
        in_template: whether a template says how an update goes.
    """
    if form == options.CLOUDFORMATION:
        click.echo(cloudformation.text(calls, update if in_template else None), nl=False)
        return
    for call in calls:
        click.echo(f"# {headings[call.operation]}\n{call.as_cli()}\n")
    click.echo(f"# {headings[update.operation]}\n{update.as_cli()}")
