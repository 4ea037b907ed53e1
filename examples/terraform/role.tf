# The execution role, with the policies that the scripts use: scripts/aws/policies

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

locals {
  policies = "${path.module}/../../scripts/aws/policies"
  account  = data.aws_caller_identity.current.account_id
  region   = data.aws_region.current.region

  trust = replace(file("${local.policies}/trust-policy.json"), "ACCOUNT", local.account)
  named = replace(replace(replace(replace(
    file("${local.policies}/execution-role.json"),
    "ACCOUNT", local.account),
    "REGION", local.region),
    "BUCKET", var.bucket),
  "ENDPOINT", var.name)
  rights = replace(local.named, "repository/unet-inference", "repository/${var.repository}")
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "execution" {
  name   = "${var.name}-execution"
  role   = aws_iam_role.execution.id
  policy = local.rights
}
