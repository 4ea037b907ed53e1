variable "name" {
  description = "of the endpoint, in small letters"
  type        = string
}

variable "image" {
  description = "in ECR, by its digest: REPOSITORY@sha256:…"
  type        = string
}

variable "repository" {
  description = "of the image, as it is called in ECR"
  type        = string
  default     = "unet-inference"
}

variable "bucket" {
  description = "that holds models/, images/ and answers/"
  type        = string
}

variable "model_data" {
  description = "model.tar.gz in S3, named by its content, as scripts/aws/package.py does"
  type        = string
}

variable "environment" {
  description = "settings of the server, such as UNET_THRESHOLD"
  type        = map(string)
  default     = {}
}

variable "instance_type" {
  type    = string
  default = "ml.c7i.xlarge"
}

variable "instances" {
  description = "at the beginning, and at least"
  type        = number
  default     = 1
}

variable "max_instances" {
  description = "up to which it is scaled; no more than instances: it is not"
  type        = number
  default     = 1
}

variable "concurrency_per_instance" {
  description = "requests at once; scaling keeps it there"
  type        = number
  default     = 4
}

variable "latency_seconds" {
  description = "of the model, at the 99th percentile, that are too long for a new version"
  type        = number
  default     = 30
}
