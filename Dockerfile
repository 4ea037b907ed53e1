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
      --strip-java-debug-attributes --no-header-files --no-man-pages --compress 2 --output /opt/java

# requirements-gpu.txt: TensorFlow with CUDA
ARG REQUIREMENTS=requirements.txt
COPY ${REQUIREMENTS} /build/requirements.txt
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r /build/requirements.txt
# What serving never reads: headers, stubs for type checkers, libclang, tests, OpenVINO's plugins for other devices and its readers
# of other formats, TensorFlow's tools for quantizing and for writing XLA by hand, ONNX Runtime's library for C and its tools,
# examples of botocore, and symbols that only debuggers use.
WORKDIR /opt/venv/lib/python3.11/site-packages
RUN rm -r tensorflow/include tensorflow/compiler/mlir/stablehlo/stablehlo_extension.so tensorflow/compiler/tf2xla/ops/_xla_ops.so \
      clang openvino/include openvino/cmake openvino/libs/cache.json \
      openvino/libs/libopenvino_intel_[gn]pu_plugin.so openvino/libs/libopenvino_auto*_plugin.so \
      openvino/libs/libopenvino_hetero_plugin.so openvino/libs/libopenvino_pytorch_* \
      openvino/libs/libopenvino_paddle_* openvino/libs/libopenvino_jax_* openvino/libs/libopenvino_gguf_* \
      onnxruntime/capi/libonnxruntime.so.* onnxruntime/datasets onnxruntime/quantization onnxruntime/tools onnxruntime/transformers \
 && find . -type d -name tests -prune -exec rm -rf {} + \
 && find keras -name '*_test.*py*' -delete \
 && find botocore/data -name 'examples-1.json*' -delete \
 && find . -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' \) -delete \
 && find tensorflow -name '*.so*' -size +1M -exec strip --strip-unneeded {} +
# Of imagecodecs, the decoders that requests can reach: what is not there cannot be attacked.
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /opt/venv/lib/python3.11/site-packages/imagecodecs
RUN find . -name '_*.so' | grep -vE '^\./_(shared|shared_cython|imcd|apng|avif|ccitt|deflate|jpeg2k|jpeg8|jpegls|jpegxl|lerc|ljpeg|lzma|png|tiff|webp|zlib|zstd)\.' \
      | xargs rm \
 && strip --strip-debug ./_*.so \
 && ldd ./_*.so | grep -o 'imagecodecs\.libs/[^ ]*' | sort -u > /build/needed \
 && find ../imagecodecs.libs -name '*.so*' | grep -vFf /build/needed | xargs rm

COPY inference/ /home/model-server/
# the embedded model, with the graph that the server runs
COPY models/unet-membrane/ /opt/ml/model/
WORKDIR /home/model-server
RUN /opt/venv/bin/python -c "from segmentation import artifacts; artifacts.prepare('/opt/ml/model')" \
 && mms/build.sh /opt/venv/bin/python \
 && rm -rf mms/src mms/test \
 && python3 -m compileall -q .

FROM debian:bookworm-slim AS runtime
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc /usr/share/man \
 && useradd --system --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin unet
COPY --from=build /opt/java /opt/java
COPY --from=build /opt/venv /opt/venv
COPY --from=build /home/model-server /home/model-server
COPY --from=build /opt/ml/model /opt/ml/model

# The list of what is in the image, in CycloneDX's JSON.
FROM runtime AS inventory
ARG REVISION=unknown
COPY scripts/image/sbom.py /sbom.py
RUN python3 /sbom.py --version "$REVISION" > /sbom.cdx.json

FROM runtime
COPY --from=inventory /sbom.cdx.json /usr/share/sbom/unet-inference.cdx.json

# HOME: of a user that the image does not know; only /tmp may be written to
# UNET_USER: whom the server becomes when it is started as root, as SageMaker does
# NVIDIA_…: what the NVIDIA container runtime brings in, where there is a GPU
ENV JAVA_HOME=/opt/java \
    PATH=/opt/venv/bin:/opt/java/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    UNET_USER=unet \
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
