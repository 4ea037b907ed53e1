# The endpoint of docs/aws.md as a module: model, configuration, endpoint, alarms, autoscaling, and the
# execution role. The same requests as scripts/aws/deploy.py, which is not needed then.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

locals {
  variant = "AllTraffic"
  # what is in a version is in its name: another image, model or setting makes another one, and the
  # endpoint goes over to it without an interruption
  version = substr(sha256(jsonencode([
    var.image, var.model_data, var.instance_type, var.instances, var.environment
  ])), 0, 10)
  versioned = "${var.name}-${local.version}"
}

resource "aws_sagemaker_model" "this" {
  name               = local.versioned
  execution_role_arn = aws_iam_role.execution.arn

  primary_container {
    image          = var.image # by its digest: REPOSITORY@sha256:…
    model_data_url = var.model_data
    environment    = var.environment
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_sagemaker_endpoint_configuration" "this" {
  name = local.versioned

  production_variants {
    variant_name                                      = local.variant
    model_name                                        = aws_sagemaker_model.this.name
    instance_type                                     = var.instance_type
    initial_instance_count                            = var.instances
    initial_variant_weight                            = 1
    container_startup_health_check_timeout_in_seconds = 300
    model_data_download_timeout_in_seconds            = 300

    routing_config {
      routing_strategy = "LEAST_OUTSTANDING_REQUESTS"
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

# on the new version alone: an update is rolled back by what it does, not by what the old one did
resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${local.versioned}-5xx"
  alarm_description   = "Rolls the update of the endpoint ${var.name} back"
  namespace           = "AWS/SageMaker"
  metric_name         = "Invocation5XXErrors"
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"

  dimensions = {
    EndpointName       = var.name
    VariantName        = local.variant
    EndpointConfigName = local.versioned
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_metric_alarm" "latency" {
  alarm_name          = "${local.versioned}-latency"
  alarm_description   = "Rolls the update of the endpoint ${var.name} back"
  namespace           = "AWS/SageMaker"
  metric_name         = "ModelLatency"
  extended_statistic  = "p99"
  period              = 60
  evaluation_periods  = 1
  threshold           = var.latency_seconds * 1000000 # the metric is in microseconds
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"

  dimensions = {
    EndpointName       = var.name
    VariantName        = local.variant
    EndpointConfigName = local.versioned
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_sagemaker_endpoint" "this" {
  name                 = var.name
  endpoint_config_name = aws_sagemaker_endpoint_configuration.this.name

  deployment_config {
    auto_rollback_configuration {
      alarms {
        alarm_name = aws_cloudwatch_metric_alarm.errors.alarm_name
      }
      alarms {
        alarm_name = aws_cloudwatch_metric_alarm.latency.alarm_name
      }
    }

    blue_green_update_policy {
      termination_wait_in_seconds = 300

      traffic_routing_configuration {
        type                     = "ALL_AT_ONCE"
        wait_interval_in_seconds = 300
      }
    }
  }
}

resource "aws_appautoscaling_target" "this" {
  count              = var.max_instances > var.instances ? 1 : 0
  service_namespace  = "sagemaker"
  resource_id        = "endpoint/${aws_sagemaker_endpoint.this.name}/variant/${local.variant}"
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"
  min_capacity       = var.instances
  max_capacity       = var.max_instances
}

resource "aws_appautoscaling_policy" "this" {
  count              = length(aws_appautoscaling_target.this)
  name               = "${var.name}-concurrency"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[0].service_namespace
  resource_id        = aws_appautoscaling_target.this[0].resource_id
  scalable_dimension = aws_appautoscaling_target.this[0].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = var.concurrency_per_instance
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
    }
  }
}
