#!/usr/bin/env bash
# Builds the image and pushes it to Amazon ECR, or to another registry; prints it by its digest.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: build_and_push.sh REPOSITORY [TAG] [--region REGION] [--account ACCOUNT]
                         [--registry HOST[:PORT]] [--build-arg NAME=VALUE]...

TAG is the git commit unless given. The repository in ECR is made if it is missing: images are
scanned when they are pushed, tags are immutable, untagged images go after 14 days.
With --registry nothing of AWS is used; log in to it with `docker login` before.

Example:
  scripts/aws/build_and_push.sh unet-inference
  scripts/aws/build_and_push.sh unet-inference v1 --registry localhost:5000
TEXT
}
fail() { echo "error: $*" >&2; exit 1; }
misuse() { echo "error: $*; see --help" >&2; exit 2; }

names=() build=() region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}} account='' registry=''
while (($#)); do
  case $1 in
    --help | -h) usage; exit ;;
    --region | --account | --registry | --build-arg)
      (($# > 1)) || misuse "$1 needs a value"
      case $1 in
        --region) region=$2 ;;
        --account) account=$2 ;;
        --registry) registry=$2 ;;
        --build-arg) build+=(--build-arg "$2") ;;
      esac
      shift 2 ;;
    -*) misuse "there is no option $1" ;;
    *) names+=("$1"); shift ;;
  esac
done
((${#names[@]} == 1 || ${#names[@]} == 2)) || misuse "one REPOSITORY is needed, and at most one TAG"
repository=${names[0]}
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v docker >/dev/null || fail "docker is missing; install Docker Engine"
commit=$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null) || commit=unknown
if [ -n "${names[1]:-}" ]; then
  tag=${names[1]}
else
  [ "$commit" != unknown ] || fail "this is no git repository; give a TAG"
  [ -z "$(git -C "$root" status --porcelain)" ] || fail "there are changes without a commit; commit them, or give a TAG"
  tag=$commit
fi

ensure_repository() {
  aws ecr describe-repositories --repository-names "$repository" >/dev/null 2>&1 ||
    aws ecr create-repository --repository-name "$repository" --image-tag-mutability IMMUTABLE \
      --image-scanning-configuration scanOnPush=true >/dev/null ||
    fail "the repository $repository cannot be seen or made, as said above;" \
      "scripts/aws/policies/deployer-policy.json allows both, for the name that it has"
  aws ecr put-lifecycle-policy --repository-name "$repository" --lifecycle-policy-text '{"rules": [{
    "rulePriority": 1, "description": "untagged images go after 14 days",
    "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed",
      "countUnit": "days", "countNumber": 14},
    "action": {"type": "expire"}}]}' >/dev/null
}

pushed_digest() { # of the tag, if it is there already: tags are immutable
  aws ecr describe-images --repository-name "$repository" --image-ids "imageTag=$tag" \
    --query 'imageDetails[0].imageDigest' --output text 2>/dev/null || true
}

if [ -z "$registry" ]; then
  command -v aws >/dev/null || fail "the AWS CLI is missing; pip install awscli"
  region=${region:-$(aws configure get region || true)}
  [ -n "$region" ] || fail "no region; set AWS_REGION, or give --region"
  export AWS_REGION=$region AWS_DEFAULT_REGION=$region AWS_PAGER=
  account=${account:-$(aws sts get-caller-identity --query Account --output text)} ||
    fail "AWS takes no credentials of yours, as said above; run: aws configure, or: aws sso login"
  registry=$account.dkr.ecr.$region.amazonaws.com
  [[ $region != cn-* ]] || registry=$registry.cn
  ensure_repository
  digest=$(pushed_digest)
  if [[ $digest == sha256:* ]]; then
    echo "$registry/$repository:$tag is there already" >&2
    echo "$registry/$repository@$digest"
    exit
  fi
  aws ecr get-login-password | docker login --username AWS --password-stdin "$registry" >/dev/null ||
    fail "docker cannot log in to $registry"
fi

image=$registry/$repository:$tag
docker build --build-arg "REVISION=$commit" "${build[@]}" --tag "$image" "$root" >&2
docker push "$image" >&2
docker inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" | grep -F "$registry/$repository@"
