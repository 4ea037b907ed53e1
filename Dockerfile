# docker build -t unet-inference .
# Layers go from what changes least to what changes most.

FROM debian:bookworm-slim AS build
# versions: the newest security fixes of Debian 12, rather than fixed ones that vanish from its mirrors
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      binutils openjdk-17-jdk-headless python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*

# A Java runtime with the modules of Java SE alone: less than half of Debian's.
RUN jlink --add-modules java.se,jdk.unsupported,jdk.management,jdk.crypto.ec \
      --strip-java-debug-attributes --no-header-files --no-man-pages --output /opt/java

# requirements-gpu.txt: TensorFlow with CUDA
ARG REQUIREMENTS=requirements.txt
COPY ${REQUIREMENTS} /build/requirements.txt
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r /build/requirements.txt
# What serving never reads: headers, libclang, tests, and symbols that only debuggers use.
WORKDIR /opt/venv/lib/python3.11/site-packages
RUN rm -rf tensorflow/include clang \
 && find . -type d -name tests -prune -exec rm -rf {} + \
 && strip --strip-unneeded tensorflow/libtensorflow_*.so.2

COPY inference/ /home/model-server/
RUN /home/model-server/mms/build.sh /opt/venv/bin/python \
 && rm -rf /home/model-server/mms/src /home/model-server/mms/test \
 && python3 -m compileall -q /home/model-server

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc /usr/share/man
COPY --from=build /opt/java /opt/java
COPY --from=build /opt/venv /opt/venv
COPY --from=build /home/model-server /home/model-server
COPY models/unet-membrane/ /opt/ml/model/

# HOME: of a user that the image does not know; only /tmp may be written to
# NVIDIA_…: what the NVIDIA container runtime brings in, where there is a GPU
ENV JAVA_HOME=/opt/java \
    PATH=/opt/venv/bin:/opt/java/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
ARG REVISION=unknown
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true \
      com.amazonaws.sagemaker.capabilities.multi-models=true \
      org.opencontainers.image.title=unet-inference \
      org.opencontainers.image.description="U-Net segmentation behind a SageMaker endpoint" \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.revision=$REVISION
EXPOSE 8080
HEALTHCHECK --start-period=60s --interval=30s --timeout=5s \
  CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('SAGEMAKER_BIND_TO_PORT', '8080') + '/ping', timeout=4)"]
ENTRYPOINT ["python3", "/home/model-server/entrypoint.py"]
CMD ["serve"]
