"""What the options of deploy.py mean together, and which of them do not go together."""

from typing import Any

import click

from aws.lib import alarms, machines
from aws.lib.cli import Aws, s3_location
from aws.lib.deployment import Deployment, is_uncompressed
from aws.lib.inventory import Inventory

CHEAP_INSTANCES = 4
STEPS = ("canary", "linear", "rolling")


def deployment(fields: dict[str, Any]) -> Deployment:
    """The deployment that the values of the options describe.

    Raises:
        click.UsageError: more than one strategy is given.
    """
    fields = dict(fields)
    chosen = [(kind, percent) for kind in STEPS if (percent := fields.pop(kind))]
    if len(chosen) + fields.pop("all_at_once") > 1:
        raise click.UsageError("give one of --canary, --linear, --rolling and --all-at-once")
    strategy = chosen[0] if chosen else Deployment.strategy
    return Deployment(**fields.pop("vpc"), **fields, strategy=strategy)


def check(deployment: Deployment, yes: bool) -> None:
    """Refuse options that do not go together, or that may be costly.

    Raises:
        click.UsageError: they do not.
    """
    check_model(deployment.model_data, deployment.multi_model)
    _check_kind(deployment)
    _check_alarms(deployment)
    _check_scaling(deployment)
    _check_strategy(deployment)
    _check_places(deployment)
    _check_machine(deployment)
    if not deployment.serverless and not yes:
        _check_costs(deployment)


def _refuse(where: str, options: dict[str, Any]) -> None:
    for option, value in options.items():
        if value:
            raise click.UsageError(f"{where} {option}; leave one out")


def _check_kind(deployment: Deployment) -> None:
    if not deployment.serverless:
        provisioned = {
            "--provisioned": deployment.provisioned,
            "--max-provisioned": deployment.max_provisioned,
        }
        _refuse("only --serverless endpoints have", provisioned)
        if deployment.async_output:
            _refuse("asynchronous endpoints have no", {"--multi-model": deployment.multi_model})
        return
    excluded = {
        "--multi-model": deployment.multi_model,
        "--max-instances": deployment.max_instances,
        "--min-instances": deployment.min_instances,
        "--async": deployment.async_output,
        "--data-capture": deployment.data_capture,
        "--vpc": deployment.subnets,
        "--network-isolation": deployment.network_isolation,
        "--alarm": deployment.own_alarms,
    } | {f"--{kind}": deployment.strategy[0] == kind for kind in STEPS}
    _refuse("serverless endpoints have no", excluded)
    most = deployment.serverless[1]
    for option, value in (
        ("--provisioned", deployment.provisioned),
        ("--max-provisioned", deployment.max_provisioned),
    ):
        if value and value > most:
            raise click.UsageError(f"{option} {value} is more than the concurrency, {most}")
    if deployment.max_provisioned and not deployment.provisioned:
        raise click.UsageError("--max-provisioned needs --provisioned, to begin with")
    if (deployment.max_provisioned or most) < (deployment.provisioned or 0):
        raise click.UsageError("--max-provisioned is less than --provisioned")


def _check_alarms(deployment: Deployment) -> None:
    if deployment.no_alarms:
        _refuse("with --no-alarms there is no", {"--alarm": deployment.own_alarms})
    number = len(deployment.alarms()) + len(deployment.own_alarms)
    if number > alarms.MOST_ALARMS:
        raise click.UsageError(
            f"{number} alarms would watch an update, {len(deployment.own_alarms)} of them by "
            f"--alarm; SageMaker takes {alarms.MOST_ALARMS} at most"
        )


def _check_scaling(deployment: Deployment) -> None:
    lowest, highest = deployment.min_instances, deployment.max_instances
    targets = {
        "--concurrency-per-instance": deployment.concurrency_per_instance,
        "--invocations-per-instance": deployment.invocations_per_instance,
        "--backlog-per-instance": deployment.backlog_per_instance,
    }
    given = [option for option, value in targets.items() if value]
    if deployment.no_scaling:
        begun = {"--max-instances": highest, "--max-provisioned": deployment.max_provisioned}
        _refuse("with --no-scaling there is no", begun)
    if not highest:
        if lowest is not None or given:
            option = given[0] if given else "--min-instances"
            raise click.UsageError(f"{option} needs --max-instances, which begins autoscaling")
        return
    if len(given) > 1:
        raise click.UsageError(f"give one of {' and '.join(given)}: one number is scaled by one")
    fitting = {"--backlog-per-instance"} if deployment.async_output else set(list(targets)[:2])
    if given and given[0] not in fitting:
        kind = "an asynchronous" if deployment.async_output else "a real-time"
        raise click.UsageError(f"{given[0]} is not for {kind} endpoint; it has {min(fitting)}")
    if lowest == 0 and not deployment.async_output:
        raise click.UsageError("--min-instances 0 is for --async: others cannot be woken")
    if lowest is not None and lowest > deployment.instances:
        raise click.UsageError("--min-instances is more than --instances, which it begins with")
    if highest < deployment.instances:
        raise click.UsageError("--max-instances is less than --instances")


def _check_strategy(deployment: Deployment) -> None:
    """One instance has no half; where the number is scaled, ``check_steps`` looks at it."""
    kind, percent = deployment.strategy
    if kind in STEPS and deployment.instances < 2 and not deployment.max_instances:
        raise click.UsageError(_too_few(kind, percent, deployment.instances))


def _too_few(kind: str, percent: int, instances: int) -> str:
    return (
        f"--{kind} {percent} needs two instances or more, of which a step may take half at most; "
        f"there is {instances}; leave it out, or give --instances 2"
    )


def check_steps(deployment: Deployment, before: Inventory) -> None:
    """Refuse an update by steps where autoscaling has left one instance, or none.

    Raises:
        click.ClickException: it has.
    """
    kind, percent = deployment.strategy
    scaled = bool(before.targets) and not deployment.no_scaling
    if kind not in STEPS or not (scaled or deployment.scaling):
        return
    [variant, *_] = (before.endpoint or {}).get("ProductionVariants") or [{}]
    now = variant.get("DesiredInstanceCount", deployment.instances)
    if now < 2:
        raise click.ClickException(_too_few(kind, percent, now))


def check_alarms_exist(aws: Aws, names: tuple[str, ...]) -> None:
    """Refuse names of alarms that are not there.

    Raises:
        click.ClickException: one is not.
    """
    if not names:
        return
    answer = aws("cloudwatch").describe_alarms(
        AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    found = {a["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms") for a in answer[kind]}
    missing = [name for name in names if name not in found]
    if missing:
        raise click.ClickException(
            f"there is no alarm {', '.join(missing)} in {aws.region}; make it first, or leave "
            "--alarm out"
        )
    ringing = [a["AlarmName"] for a in answer["MetricAlarms"] if a.get("StateValue") == "ALARM"]
    if ringing:
        click.echo(
            f"warning: {', '.join(ringing)} is in ALARM already, and will roll an update back",
            err=True,
        )


def _check_places(deployment: Deployment) -> None:
    """What is written must not lie among the models: a policy allows reading there only."""
    bucket, key = s3_location(deployment.model_data)
    models = key if deployment.multi_model else key.rpartition("/")[0]
    for option, place in (
        ("--async", deployment.async_output),
        ("--data-capture", deployment.data_capture),
    ):
        if not place or not models:
            continue
        other_bucket, other = s3_location(place)
        if other_bucket == bucket and f"{other}/".startswith(f"{models.rstrip('/')}/"):
            raise click.UsageError(
                f"{option} {place} lies among the models, below s3://{bucket}/{models}; give "
                "another prefix, such as answers/"
            )


def check_model(model_data: str, multi_model: bool) -> None:
    """Refuse a place in S3 where SageMaker takes no model from.

    Raises:
        click.UsageError: it is a whole bucket, or no archive.
    """
    _, key = s3_location(model_data)
    if multi_model:
        return
    if not key:
        raise click.UsageError(
            f"--model {model_data} is a whole bucket; give the key of a model.tar.gz in it"
        )
    if not key.endswith(("/", ".tar.gz")):
        raise click.UsageError(
            f"--model {model_data} is no model.tar.gz, and no prefix of files, which ends in a "
            "slash; scripts/aws/package.py MODEL --output s3://… makes either"
        )


def _check_machine(deployment: Deployment) -> None:
    ami, kind = deployment.inference_ami, deployment.instance_type
    if ami and not machines.has_gpu(kind):
        raise click.UsageError(f"--inference-ami is for GPUs, and {kind} has none; leave it out")
    if is_uncompressed(deployment.model_data, deployment.multi_model) and deployment.serverless:
        raise click.UsageError(
            f"serverless endpoints take an archive, and {deployment.model_data} is a prefix of "
            "files; scripts/aws/package.py MODEL --output s3://… makes a model.tar.gz"
        )


def _check_costs(deployment: Deployment) -> None:
    instances = deployment.max_instances or deployment.instances
    if machines.is_costly(deployment.instance_type) or instances > CHEAP_INSTANCES:
        raise click.UsageError(
            f"up to {instances} of {deployment.instance_type} may be costly; add --yes if meant"
        )
