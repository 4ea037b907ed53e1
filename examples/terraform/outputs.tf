output "endpoint" {
  description = "for scripts/aws/invoke.py --endpoint"
  value       = aws_sagemaker_endpoint.this.name
}

output "role" {
  value = aws_iam_role.execution.arn
}
